"""Records on their way to a node: rows of JSON in requests that are short enough, and what became of them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evenhand import wire
from evenhand.sdk.connection import encode

BATCH_ROWS = 5_000  # rows of one import request: long enough to hide the round trip
BATCH_BYTES = 4 << 20  # of one import request; the server takes 16 MiB
MAX_ROW = 15 << 20  # bytes of one row that still fits a request


class Rejection(NamedTuple):
    """A row that was not taken."""

    row: int  # 1 is the first of the source
    path: str  # place inside the row, or ""
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an import came to."""

    import_id: str
    accepted: int  # tasks made
    present: int  # rows that were there already
    rejected: tuple[Rejection, ...]  # at most the first 1,000 when a file was sent
    rejected_count: int


class Batch(msgspec.Struct, frozen=True):
    """Rows of one request."""

    line: int  # of the first row
    body: bytes  # NDJSON
    unsendable: dict[int, str]  # line -> why JSON cannot carry the row; its place holds `null`


class Tally:
    """Every rejected row. The counts are the server's, since an answer may have been lost on its way."""

    def __init__(self) -> None:
        self.rejected: dict[int, Rejection] = {}
        self.unsendable: dict[int, str] = {}

    def add(self, batch: Batch, answer: wire.RowsReport) -> None:
        self.unsendable |= batch.unsendable
        self._note(answer.rejected)

    def _note(self, rows: Iterable[wire.Rejected]) -> None:
        for row in rows:
            reason = self.unsendable.get(row.line, row.reason)
            self.rejected[row.line] = Rejection(row.line, row.path, reason)

    def report(self, job: wire.Import) -> Report:
        self._note(job.rejections)
        return Report(
            import_id=job.id,
            accepted=job.accepted,
            present=job.present,
            rejected=tuple(self.rejected[line] for line in sorted(self.rejected)),
            rejected_count=job.rejected,
        )


def batches(records: Iterable[Mapping[str, Any]]) -> Iterator[Batch]:
    """The records as request bodies, each short enough."""
    rows: list[bytes] = []
    unsendable: dict[int, str] = {}
    size, first = 0, 1
    for line, record in enumerate(records, 1):
        row, why = _row(record)
        if why:
            unsendable[line] = why
        if rows and (len(rows) >= BATCH_ROWS or size + len(row) > BATCH_BYTES):
            yield Batch(first, b"\n".join(rows), {n: w for n, w in unsendable.items() if n < line})
            rows, size, first = [], 0, line
            unsendable = {n: w for n, w in unsendable.items() if n >= line}
        rows.append(row)
        size += len(row) + 1
    if rows:
        yield Batch(first, b"\n".join(rows), unsendable)


def _row(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """One record as JSON, and "" or why JSON cannot carry it.

    An encoder that writes NaN as null would change data in silence, so that rows with a null are looked at.
    """
    try:
        row = encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return b"null", f"The record cannot be written as JSON: {error}."
    if len(row) > MAX_ROW:
        return b"null", f"The record takes {len(row)} bytes, and at most {MAX_ROW} can be sent."
    if b"null" in row and not _finite(record):
        return b"null", "The record holds NaN or an infinity, which JSON cannot carry."
    return row, ""


def _finite(value: Any) -> bool:
    """Whether every float inside is a number."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return True


def one_ahead(
    lane: ThreadPoolExecutor, send: Callable[[Batch], wire.RowsReport], batches: Iterable[Batch]
) -> Iterator[tuple[Batch, wire.RowsReport]]:
    """Each batch with its answer. The next one is encoded while one is on its way."""
    flying: tuple[Batch, Future[wire.RowsReport]] | None = None
    for batch in batches:
        landed = (flying[0], flying[1].result()) if flying is not None else None
        flying = batch, lane.submit(send, batch)
        if landed is not None:
            yield landed
    if flying is not None:
        yield flying[0], flying[1].result()


def file_report(job: wire.Import) -> Report:
    rejected = tuple(Rejection(row.line, row.path, row.reason) for row in job.rejections)
    return Report(
        import_id=job.id,
        accepted=job.accepted,
        present=job.present,
        rejected=rejected,
        rejected_count=job.rejected,
    )


@contextmanager
def spooled(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Path, dict[int, str]]]:
    """The records as a file of JSON lines, while the block lasts, and why some (by line) cannot be sent."""
    unsendable: dict[int, str] = {}
    with tempfile.NamedTemporaryFile(prefix="evenhand-", suffix=".jsonl") as target:
        for line, record in enumerate(records, 1):
            row, why = _row(record)
            target.write(row + b"\n")
            if why:
                unsendable[line] = why
        target.flush()
        yield Path(target.name), unsendable
