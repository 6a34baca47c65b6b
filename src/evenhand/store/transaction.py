"""The one write door: `append`. And the one way to read: named queries in one snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evenhand.core.events import Event, Moment
from evenhand.store import codec
from evenhand.store.codec import Placed
from evenhand.store.digests import Digests
from evenhand.store.driver import Connection, Row, Rows
from evenhand.store.fold import fold
from evenhand.store.remembered import Pools

if TYPE_CHECKING:
    from evenhand.store import Node


class Reader:
    """A snapshot of the store."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def one(self, query: str, **params: Any) -> Row | None:
        """The first row of a named query, or None."""
        return self.db.one(query, **params)

    def all(self, query: str, **params: Any) -> list[Row]:
        """All rows of a named query."""
        return self.db.all(query, **params)

    def tuples(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of a named query, as tuples."""
        return self.db.tuples(query, **params)

    def ahead(self, query: str, **params: Any) -> Rows:
        """Send a named query now and fetch its rows later, along with those of others."""
        return self.db.ahead(query, **params)


class Transaction(Reader):
    """A write transaction. What it appended is durable when the lane has committed it, and not before."""

    def __init__(
        self,
        db: Connection,
        node: Node,
        hints: dict[tuple[str, str], tuple[int, int]],
        pools: Pools,
        digests: Digests,
        now: int,
    ) -> None:
        super().__init__(db)
        self.node = node
        self.hints = hints  # (project, person) -> (rank that they have got to, when we looked from the start)
        self.pools = pools  # shared ones, as of what was appended last
        self.digests = digests  # of rows without external ids, as of what was asked last
        self.now = now  # ms; for the hints, which no decision is recorded from
        self._heads: dict[str, tuple[int, int]] = {}  # of locked streams: (next number, newest time)
        self._awaited: list[Rows] = []  # heads that are on their way

    def run(self, query: str, **params: Any) -> None:
        """Run a named statement on a table of the second kind."""
        self.db.run(query, **params)

    def changed(self, query: str, **params: Any) -> int:
        """The same, and how many rows it changed."""
        return self.db.changed(query, **params)

    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a named statement on a table of the second kind once for each row."""
        self.db.many(query, rows)

    def bulk(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put many rows into a table of the second kind."""
        self.db.bulk(table, columns, rows)

    def lock(self, streams: Iterable[str]) -> None:
        """Let nobody else append to these streams until the commit."""
        wanted = sorted({stream for stream in streams if stream not in self._heads})
        if wanted:
            self._heads |= dict.fromkeys(wanted, (0, 0))
            self._awaited.append(self.ahead("heads", ids=wanted))

    def lock_found(self, query: str, **params: Any) -> None:
        """The same for the streams whose heads a named query locks and gives."""
        self._awaited.append(self.ahead(query, **params))

    def back(self) -> None:
        """Undo what came since the savepoint of the connection."""
        self.db.back()
        self.pools.forget()
        self.digests.forget()
        self._heads.clear()
        self._awaited.clear()

    def append(self, events: Iterable[Event], at: Moment) -> list[Placed]:
        """Write these events, in their order, and all that follows from them.

        Each gets the next number of its stream and a time that is not before its stream's newest.
        Salts are drawn here: they are secrets, not chance.
        """
        queue = list(events)
        if not queue:
            return []
        self.lock(event.stream for event in queue)
        drawn = self.ahead("next_seqs", count=len(queue))
        self._await_heads()
        seqs = [seq for (seq,) in drawn()]
        salts = self._salts([codec.salts_needed(event) for event in queue])
        placed = [
            self._place(event, seq, own, at) for event, seq, own in zip(queue, seqs, salts, strict=True)
        ]
        self._write(placed)
        fold(self.db, placed)
        self.pools.follow(placed)
        return placed

    def _await_heads(self) -> None:
        """Before anything is appended: what is on its way knows nothing of that."""
        for rows in self._awaited:
            self._heads |= {id_: (n, ms) for id_, n, ms in rows()}
        self._awaited.clear()

    def _salts(self, counts: list[int]) -> Iterator[list[bytes]]:
        """Fresh ones for each event, drawn at once."""
        drawn, at = os.urandom(codec.SALT * sum(counts)), 0
        for count in counts:
            end = at + codec.SALT * count
            yield [drawn[i : i + codec.SALT] for i in range(at, end, codec.SALT)]
            at = end

    def _place(self, event: Event, seq: int, drawn: list[bytes], at: Moment) -> Placed:
        n, newest = self._heads[event.stream]
        ms = max(at.ms, newest)
        self._heads[event.stream] = (n + 1, ms)
        salts = codec.drawn_salts(event, drawn)
        entry = codec.encode(event, self.node.origin, n, ms, salts)
        return Placed(event=event, n=n, ms=ms, seq=seq, entry=entry, salts=salts)

    def _write(self, placed: list[Placed]) -> None:
        self.db.many(
            "put_event",
            [{"seq": p.seq, "stream": p.event.stream, "n": p.n, "entry": p.entry} for p in placed],
        )
        self.db.many(
            "put_opening",
            [
                {"seq": p.seq, "organization": p.event.owner, "body": codec.body(p.event, p.salts)}
                for p in placed
            ],
        )
        heads = {p.event.stream: {"id": p.event.stream, "n": p.n + 1, "ms": p.ms} for p in placed}
        self.db.many("put_head", list(heads.values()))
