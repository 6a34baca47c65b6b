"""The store as the sequencer sees it: committed entries in causal order, and which leaves they got.

A restore begins a new epoch, with an origin of its own and leaves from 0. The sequencer sees the newest
epoch alone: what was committed in an earlier one keeps the leaf that it had there, or has none for ever.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from evenhand.core.errors import Broken, Unavailable
from evenhand.core.events import SCHEMAS, GrammarSet, Moment
from evenhand.lane import Lane
from evenhand.store import Reader, Store, Transaction

PATIENCE = 20.0  # seconds to wait for writers that were under way


class LedgerPort:
    """Implements `ledger.Store` over a store and its lane."""

    def __init__(self, store: Store, lane: Lane) -> None:
        self._store = store
        self._lane = lane

    def unsequenced(self, limit: int) -> list[tuple[int, bytes]]:
        """Committed entries without a leaf, a prefix of all by seq.

        SQLite has one writer, so that the order of seq is the order of commits. On PostgreSQL a
        smaller seq may commit later, so we note the newest seq, wait until every transaction that
        could hold a smaller one is over, and take the prefix up to it. An effect's seq is drawn
        after its cause was visible, so that order by seq is causal.
        """
        with self._store.read() as reader:
            last, bound = reader.tuples("sequence_bounds")[0]
            after = reader.tuples("sequenced")[0][1]
        if last <= after:
            return []
        if bound:
            self._wait_for(bound)
        with self._store.read() as reader:
            return [
                (seq, entry)
                for seq, entry in reader.tuples("entries_between", seq=after, last=last, limit=limit)
            ]

    def _wait_for(self, bound: str) -> None:
        """Until no transaction older than `bound` is running."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with self._store.read() as reader:
                if reader.tuples("writers_done", bound=bound)[0][0]:
                    return
            if time.monotonic() > deadline:
                raise Unavailable(
                    "ledger.waiting", "A transaction has been open for too long.", "", "End it."
                )
            time.sleep(0.002)

    def record_batch(self, first_leaf: int, last_seq: int, count: int) -> None:
        """Leaves for the entries that `unsequenced` showed last."""
        self._lane.call(put_batch, first_leaf, last_seq, count)

    def entries(self, first_leaf: int, count: int) -> Sequence[bytes]:
        """Entries of these leaves, in leaf order."""
        found: list[bytes] = []
        with self._store.read() as reader:
            while len(found) < count:
                rows = reader.tuples("batch_of_leaf", leaf=first_leaf + len(found))
                if not rows:
                    break
                start, last_seq, size, before = rows[0]
                own = reader.tuples("entries_between", seq=before, last=last_seq, limit=size)
                if len(own) != size:
                    raise Broken(
                        "ledger.batch", f"The batch at leaf {start} has {len(own)} of {size} entries."
                    )
                found += [entry for _, entry in own[first_leaf + len(found) - start :]]
        return found[:count]

    def sequenced_size(self) -> int:
        """Leaves given so far."""
        with self._store.read() as reader:
            return int(reader.tuples("sequenced")[0][0])


def put_batch(tx: Transaction, at: Moment, first_leaf: int, last_seq: int, count: int) -> None:
    """The verb behind `record_batch`."""
    tx.run("put_batch", first_leaf=first_leaf, last_seq=last_seq, count=count)


def declare_grammar(tx: Transaction, at: Moment) -> None:
    """Say by which schemas entries are written, once in each log and again when they have changed."""
    said = f"{tx.node.origin} {SCHEMAS}"
    before = tx.one("setting", name="grammar")
    if before is None or before["value"] != said:
        tx.append([GrammarSet(stream="node", schemas=SCHEMAS)], at)
        tx.run("put_setting", name="grammar", value=said)


class Leaf(msgspec.Struct, frozen=True):
    """Where the log has an event."""

    epoch: int  # whose log it is, from 1
    index: int | None  # its leaf there; None: none yet, or in an earlier epoch none for ever


def find_leaf(reader: Reader, stream: str, n: int) -> Leaf | None:
    """Where the log has the event in this place; None when there is no such event."""
    row = reader.one("event_at", stream=stream, n=n)
    if row is None:
        return None
    seq = row["seq"]
    epochs = reader.tuples("epoch_of_seq", seq=seq)
    epoch: int = epochs[0][0] if epochs else 1
    batches = reader.tuples("batch_of_seq", seq=seq)
    if not batches or seq <= batches[0][3]:
        return Leaf(epoch, None)
    first, _, _, before = batches[0]
    position: int = reader.tuples("events_before_in_batch", after=before, seq=seq)[0][0]
    return Leaf(epoch, int(first) + position)


def leaf_of(reader: Reader, stream: str, n: int) -> int | None:
    """The leaf of the event in this place, in the log of its epoch; None when it has none yet."""
    found = find_leaf(reader, stream, n)
    return None if found is None else found.index
