"""JSON Lines: one object a line (jsonlines.org), UTF-8. Carries everything, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.record import check
from evenhand.core.release import Loss, ReleasedFile, ReleasedTask, ReleaseSchema
from evenhand.formats import (
    READ_DEFAULTS,
    WRITE_DEFAULTS,
    Format,
    ReadOptions,
    Rejected,
    Row,
    WriteOptions,
    Writer,
)
from evenhand.formats.lines import Overlong, lines
from evenhand.formats.output import Output

BATCH_ROWS = 256  # rows encoded by one call
BATCH_BYTES = 2**20  # of data; beyond it a batch is written at once, so that large rows do not add up


class Jsonl(Format):
    """One object a line: a record on the way in, a `ReleasedTask` on the way out."""

    name: ClassVar[str] = "jsonl"
    title: ClassVar[str] = "JSON Lines"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    reads_with: ClassVar[frozenset[str]] = frozenset({"encoding"})
    surveys: ClassVar[bool] = False
    guide: ClassVar[str] = """\
## `tasks.jsonl`

One JSON object a line, UTF-8: `task_id`, `external_id`, `data` (the record as it came), `metadata`,
`consensus` (question -> `value`, `confidence`, `method`, and where answers are weighed `probabilities`, of
each class or of each piece of the answer, by the newest weighing) and `annotations` (`annotator`, `kind`,
`answers`, `seconds`, `submitted_at`, `receipt`, and `surplus` where it came when the overlap was full); where
a reviewer has decided, `review` (`reviewer`, `decision`, `decided_at`, `outcomes` of the annotations in their
order); where the record came with some, `predictions`.

    import json
    rows = [json.loads(line) for line in open("tasks.jsonl", encoding="utf-8")]
"""

    def recognises(self, head: bytes) -> bool:
        return re.match(rb'(\xef\xbb\xbf)?\s*\{\s*["}]', head) is not None

    def read(self, source: BinaryIO, options: ReadOptions = READ_DEFAULTS) -> Iterator[Row | Rejected]:
        number = 0
        for line in lines(source, options):
            number += 1
            if isinstance(line, Overlong):
                yield Rejected(number, "", f"{line.size:,} bytes in one row; the limit is {options.limit:,}.")
                continue
            record = line.removesuffix(b"\r")
            if not record or record.isspace():
                continue
            if number == 1 and record.lstrip()[:1] == b"[":
                raise _array_file()
            fault = check(record)
            yield Rejected(number, fault.path, fault.reason) if fault else Row(number, record)

    def loss(self, schema: ReleaseSchema, options: WriteOptions = WRITE_DEFAULTS) -> tuple[Loss, ...]:
        return ()

    def open_writer(self, schema: ReleaseSchema, folder: Path, options: WriteOptions) -> Writer:
        return _JsonlWriter(Output(folder / "tasks.jsonl"))

    def restore(self, record: bytes, schema: ReleaseSchema) -> ReleasedTask:
        try:
            return _decode(record)
        except msgspec.MsgspecError as error:
            raise Invalid("format.restore", f"This is no row of an export: {error}.") from error


_decode = msgspec.json.Decoder(ReleasedTask).decode
_encode_lines = msgspec.json.Encoder().encode_lines


def _array_file() -> Invalid:
    return Invalid(
        "format.array",
        "This file is one JSON list; JSON Lines has one object a line.",
        "line 1",
        "Convert it, for example with: jq -c '.[]' file.json > file.jsonl",
    )


class _JsonlWriter(Writer):
    def __init__(self, output: Output) -> None:
        self._output = output
        self._batch: list[ReleasedTask] = []
        self._held = 0  # bytes of data in the batch

    def add(self, task: ReleasedTask) -> None:
        self._batch.append(task)
        self._held += len(task.data)
        if self._held > BATCH_BYTES or len(self._batch) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._output.write(_lines_of(self._batch))
        self._batch.clear()
        self._held = 0

    def close(self) -> tuple[ReleasedFile, ...]:
        self._flush()
        return (self._output.keep(),)

    def abort(self) -> None:
        self._output.drop()


def _lines_of(tasks: list[ReleasedTask]) -> bytes:
    """One line a task.

    Data that came over HTTP may be spread over several lines. Between the tokens of JSON a line
    break means no more than a blank, and inside a text there is none, so that a blank may stand for it.
    """
    encoded = _encode_lines(tasks)
    if encoded.count(b"\n") == len(tasks) and b"\r" not in encoded:
        return encoded
    return b"".join(_encode_lines([task])[:-1].translate(_ONE_LINE) + b"\n" for task in tasks)


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
