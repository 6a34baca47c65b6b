"""The doctor: rebuild every table of the first kind from the events, and compare.

A table of the first kind is a fold of the events (design, section 2). Whoever changed a row without
an event, or an event without its rows, is found here. Runs beside a live node, from one snapshot.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from evenhand.core import canonical
from evenhand.core.errors import EvenhandError
from evenhand.core.events import TasksImported
from evenhand.store import Reader, Store, open_store
from evenhand.store.codec import Placed, decode, encode
from evenhand.store.driver import Connection
from evenhand.store.fold import fold

TABLES: dict[str, tuple[str, ...]] = {
    "stream": ("id",),
    "organization": ("id",),
    "member": ("organization", "id"),
    "pool": ("id",),
    "project": ("organization", "id"),
    "project_version": ("organization", "project", "version"),
    "following": ("organization", "project"),
    "task": ("organization", "project", "n"),
    "assignment": ("id",),
    "consensus": ("organization", "project", "task"),
    "flag": ("organization", "project", "task", "assignment"),
    "tally": ("organization", "project", "member"),
    "day": ("organization", "project", "day"),
    "gold": ("organization", "project", "task"),
    "standing": ("organization", "project", "member"),
    "test": ("organization", "project", "member", "attempt"),
    "review_due": ("organization", "project", "task"),
    "review_count": ("organization", "project"),
    "review": ("id",),
    "judgement": ("review", "assignment"),
    "appeal": ("id",),
    "review_tally": ("organization", "project", "member", "part"),
    "effort": ("organization", "project", "member", "rate"),
    "statement": ("organization", "project", "number", "member", "currency"),
    "payload": ("organization", "project", "task", "round"),
    "node_policy": ("n",),
    "client": ("id",),
    "entity": ("id",),
    "ownership": ("record",),
    "shared_pool": ("id",),
    "pool_policy": ("pool", "n"),
    "pool_client": ("pool", "client"),
    "enrolment": ("pool", "person"),
    "conflict": ("pool", "client", "entity"),
    "waiver": ("pool", "client", "entity"),
    "signing_key": ("holder", "id"),
    "signing_policy": ("n",),
    "said": ("id",),
    "exposure": ("pool", "client", "entity"),
    "shared_lease": ("id",),
    "lent": ("organization", "person"),
    "pooled": ("project",),
    "override_done": ("pool", "n"),
    "pool_closing": ("pool",),
    "beacon": ("n",),
    "posting": ("pool", "project"),
    "admission": ("pool", "person", "posting"),
    "share": ("organization", "id"),
    "share_task": ("organization", "share", "n"),
    "share_letter": ("organization", "share", "way", "seq"),
}
"""Tables that the events make, with their keys."""

CHUNK = 2_000
MOST = 100  # differences reported for one table

Progress = Callable[[int], None]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not what the events make of it."""

    table: str
    key: str
    found: str  # the row in the store, or "nothing"
    expected: str  # the row that the events make, or "nothing"


class Origins:
    """Which origin the commitments of an event were made for. A restore begins another one."""

    def __init__(self, reader: Reader, origin: str) -> None:
        """
        Args:
            origin: of a store that no node has claimed yet.
        """
        epochs = reader.tuples("epochs") or [(1, origin, 0, "")]
        self._starts = [after for _, _, after, _ in epochs]
        self._names: list[str] = [name for _, name, _, _ in epochs]

    def at(self, seq: int) -> str:
        """The origin in whose epoch the event with this seq was committed."""
        return self._names[bisect_left(self._starts, seq) - 1]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor found."""

    origin: str
    events: int
    rows: dict[str, int]  # table -> rows compared
    differences: list[Difference]
    faults: list[str]  # events that cannot be read, or whose entry is not what their fields make

    @property
    def healthy(self) -> bool:
        """Nothing was found."""
        return not self.differences and not self.faults


def examine(store: Store, origin: str, on_progress: Progress | None = None) -> Report:
    """Rebuild and compare.

    Args:
        origin: of the ledger, which commitments are made for.
        on_progress: called with the number of events read so far.
    """
    rebuilt = open_store("sqlite://")
    try:
        with store.read() as reader:
            events, faults = _replay(reader, rebuilt.writer, Origins(reader, origin), on_progress)
            rows, differences = _compare(reader, Reader(rebuilt.writer))
    finally:
        rebuilt.close()
    return Report(origin=origin, events=events, rows=rows, differences=differences, faults=faults)


def _replay(
    reader: Reader, into: Connection, origins: Origins, on_progress: Progress | None
) -> tuple[int, list[str]]:
    """Fold every event into an empty store; (events, what was wrong with them)."""
    count = 0
    faults: list[str] = []
    for chunk in _events(reader, faults):
        into.begin()
        for placed in chunk:
            faults += _check(placed, origins.at(placed.seq))
            into.run("put_head", id=placed.event.stream, n=placed.n + 1, ms=placed.ms)
        fold(into, chunk)
        into.commit()
        count += len(chunk)
        if on_progress is not None:
            on_progress(count)
    return count, faults


def _events(reader: Reader, faults: list[str]) -> Iterator[list[Placed]]:
    after = 0
    while rows := reader.tuples("events_after", seq=after, limit=CHUNK):
        chunk = []
        for seq, entry, body, owner in rows:
            try:
                chunk.append(decode(seq, entry, body, owner, _records(reader, entry, owner)))
            except (EvenhandError, msgspec.MsgspecError, KeyError, ValueError) as error:
                faults.append(f"event {seq}: {error}")
        after = rows[-1][0]
        yield chunk


def _records(reader: Reader, entry: bytes, owner: str | None) -> Sequence[tuple[bytes, bytes]]:
    """(salt, record) of an import's rows, which the table payload holds."""
    header = canonical.decode_entry(entry)
    if header.kind != TasksImported.KIND:
        return ()
    first, count = header.public["first"], header.public["count"]
    assert isinstance(first, int) and isinstance(count, int), "the grammar says so"
    return reader.tuples(
        "import_records", organization=owner, project=header.stream, first=first, last=first + count - 1
    )


def _check(placed: Placed, origin: str) -> list[str]:
    """Whether the entry is what the event's fields and salts make, or was changed behind its back."""
    where = f"event {placed.seq} ({placed.event.KIND}, {placed.event.stream}/{placed.n})"
    try:
        kept = canonical.decode_entry(placed.entry).commitments
        same = encode(placed.event, origin, placed.n, placed.ms, placed.salts, kept) == placed.entry
    except (EvenhandError, ValueError, KeyError) as error:
        return [f"{where}: {error}"]
    return [] if same else [f"{where}: its private values are not those that the entry commits to."]


def _compare(found: Reader, expected: Reader) -> tuple[dict[str, int], list[Difference]]:
    rows, differences = {}, []
    for table, key in TABLES.items():
        rows[table], own = _compare_table(table, key, found, expected)
        differences += own
    return rows, differences


def _compare_table(
    table: str, key: tuple[str, ...], found: Reader, expected: Reader
) -> tuple[int, list[Difference]]:
    """Walk both tables in the order of their keys."""
    count = 0
    differences: list[Difference] = []
    left, right = found.db.stream(f"walk_{table}"), expected.db.stream(f"walk_{table}")
    a, b = next(left, None), next(right, None)
    while (a is not None or b is not None) and len(differences) < MOST:
        ka, kb = _key(a, key), _key(b, key)
        if a != b:
            differences.append(
                _difference(table, a if ka <= kb else None, b if kb <= ka else None, min(ka, kb))
            )
        count += 1
        a, b = (next(left, None) if ka <= kb else a), (next(right, None) if kb <= ka else b)
    return count, differences


_LAST = "\U0010ffff"


def _key(row: dict[str, Any] | None, key: tuple[str, ...]) -> tuple[Any, ...]:
    """Comparable keys; a table that has ended sorts last. Numbers are padded so that they sort as text."""
    if row is None:
        return (_LAST,) * len(key)
    return tuple(f"{row[name]:020d}" if isinstance(row[name], int) else row[name] for name in key)


def _difference(
    table: str, found: dict[str, Any] | None, expected: dict[str, Any] | None, key: tuple[Any, ...]
) -> Difference:
    """Only the columns that differ are shown; contents of payloads are not."""
    names = [
        n for n in (found or expected or {}) if found is None or expected is None or found[n] != expected[n]
    ]
    return Difference(
        table=table, key="/".join(map(str, key)), found=_shown(found, names), expected=_shown(expected, names)
    )


def _shown(row: dict[str, Any] | None, names: list[str]) -> str:
    if row is None:
        return "nothing"
    return ", ".join(f"{n}={'…' if isinstance(row[n], bytes) else row[n]}" for n in names)
