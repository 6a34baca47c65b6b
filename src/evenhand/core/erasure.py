"""What an erasure destroys: values and salts, so that what the ledger holds of them opens no more.

A commitment without its salt is 32 bytes that nobody can guess; places, hashes and proofs stay as they are
(``docs/spec/ledger.md``, section 4). What the tables of a node need to stay whole is kept: ids and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from evenhand.core.canonical import NO_RECORD, NO_ROW
from evenhand.core.events import (
    AppealDecided,
    Appealed,
    Brought,
    Concluded,
    Event,
    Flagged,
    GoldMarked,
    MemberAdded,
    MemberChanged,
    Reviewed,
    Skipped,
    Submitted,
    TaskCorrected,
    TestAnswered,
    Told,
)

Basis = Literal["request", "retention", "contract"]
"""Why: a person asked, the time to keep it is over, the client's contract ended."""

OF_TASK: Mapping[type[Event], tuple[str, ...]] = {
    Submitted: ("answers",),
    Brought: ("answers",),
    TestAnswered: ("answers",),
    Reviewed: ("answers", "comment"),
    Skipped: ("reason",),
    Flagged: ("reason",),
    Appealed: ("text",),
    AppealDecided: ("text",),
    Told: ("word", "stands", "comment"),
    TaskCorrected: ("record",),
}
"""What people said about a task's data, and the data."""
OF_PERSON: Mapping[type[Event], tuple[str, ...]] = {
    Reviewed: ("comment",),
    Skipped: ("reason",),
    Flagged: ("reason",),
    Appealed: ("text",),
    AppealDecided: ("text",),
    Told: ("word", "comment"),
}
"""What somebody wrote in words of their own. Answers are the client's, and stay under a pseudonym."""
BLANK = {"answers": b"{}", "record": NO_RECORD}

_row = msgspec.json.Decoder(tuple[int, msgspec.Raw, msgspec.Raw, msgspec.Raw]).decode
_number = msgspec.json.Decoder(list[msgspec.Raw]).decode
_json = msgspec.json.encode


def about_task(event: Event, project: str, task: int) -> bool:
    """Whether an event of one of the kinds of `OF_TASK` is about this task."""
    if isinstance(event, TaskCorrected):
        return event.stream == project and int(event.task) == task
    if isinstance(event, TestAnswered):
        return event.project == project and int(event.task) == task
    found: Any = event
    return type(event) in OF_TASK and (found.project, found.task) == (project, task)


def without(event: Event, salts: Sequence[bytes], fields: Sequence[str]) -> tuple[Event, tuple[bytes, ...]]:
    """The event and its salts without these private fields. A field whose salt is empty is erased."""
    kept = dict(zip(event.PRIVATE, salts, strict=False)) | dict.fromkeys(fields, b"")
    blank: dict[str, Any] = {field: BLANK.get(field, b"") for field in fields}
    if isinstance(event, Submitted | Reviewed) and "answers" in fields:
        blank["counted"] = b""
    if isinstance(event, MemberAdded | MemberChanged):
        blank = {}  # ids, which the tables need; without their salts nobody can show that they are these
    rest = tuple(salts[len(event.PRIVATE) :])
    return msgspec.structs.replace(event, **blank), (*(kept[name] for name in event.PRIVATE), *rest)


def without_rows(
    event: Concluded | GoldMarked, salts: Sequence[bytes], leaves: Sequence[bytes], task: int
) -> tuple[Event, tuple[bytes, ...]] | None:
    """The event without its rows about a task: in the place of their salts stand their leaves, so that every
    other row can still be shown. None when it has none."""
    mine = [i for i, row in enumerate(event.rows) if row[:1] != NO_ROW and int(_number(row)[0]) == task]
    if not mine:
        return None
    rows, own = list(event.rows), list(salts)
    for i in mine:
        rows[i], own[i] = NO_ROW + _kept(event, rows[i]), leaves[i]
    return msgspec.structs.replace(event, rows=tuple(rows)), tuple(own)


def _kept(event: Concluded | GoldMarked, row: bytes) -> bytes:
    """Of a row of gold that a task is set apart, and as what; of a conclusion nothing."""
    if isinstance(event, Concluded):
        return b""
    number, status, _, _ = _row(row)
    return _json([number, status, {}, ""])
