"""What the lane remembers of shared pools from one window to the next.

A window depends on every client of its pool and changes two or three of them; to read a thousand rows for
each decision took longer than to decide. All that is remembered is a fold of the pool's stream, as of its
entries before number `n`: where the head says another number, or something happened that is not followed
here, it is read again. Only whether a client has a free slot hangs on other streams. What touches a project's
tasks is noted, and asked again; where other processes write too, it is asked for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from evenhand.core import events as ev
from evenhand.core.shared_pool import Clients, Terms
from evenhand.store.codec import Placed


@dataclass
class Pool:
    """A shared pool as of its entries before `n`."""

    n: int
    clients: Clients
    left: frozenset[str]  # those of them who take no part any more
    projects: dict[str, str]  # project -> client
    terms: dict[int, Terms] = field(default_factory=dict)  # number of the policy's entry -> it
    touched: set[str] = field(default_factory=set)  # projects whose tasks may have other free slots now
    ended: list[str] = field(default_factory=list)  # assignments whose tasks may

    def change(self, client: str, **now: Any) -> None:
        """Set what is said of one client."""
        self.clients.set(msgspec.structs.replace(self.clients[client], **now))

    def set_open(self, found: Mapping[str, bool]) -> None:
        """Client -> whether it has a free slot in an active project here, of those that were asked for."""
        for client, has_free in found.items():
            is_open = has_free and client not in self.left
            if is_open != self.clients[client].open:
                self.change(client, open=is_open)
        self.touched.clear()
        self.ended.clear()


class Pools:
    """All pools that are remembered. What is rolled back must be forgotten."""

    def __init__(self, alone: bool) -> None:
        self.alone = alone  # nobody but our lane writes to the store
        self._pools: dict[str, Pool] = {}

    def get(self, id_: str, n: int) -> Pool | None:
        """The pool as of its entries before `n`, if that is what is remembered."""
        found = self._pools.get(id_)
        return found if found is not None and found.n == n else None

    def keep(self, id_: str, pool: Pool) -> None:
        """Remember what was read."""
        self._pools[id_] = pool

    def forget(self) -> None:
        """Remember nothing."""
        self._pools.clear()

    def follow(self, placed: Iterable[Placed]) -> None:
        """Take in what has just been appended."""
        if self._pools:
            for p in placed:
                self._follow(p)

    def _follow(self, p: Placed) -> None:
        event = p.event
        if isinstance(event, ev.ProjectPooled):
            self.forget()
        elif event.stream in self._pools:
            self._step(self._pools[event.stream], p)
        self._end(cast("Sequence[str]", getattr(event, "lapsed_ids", ())))
        for pool in self._pools.values():
            for name in (event.stream, getattr(event, "project", "")):
                if name in pool.projects:
                    pool.touched.add(name)

    def _step(self, pool: Pool, p: Placed) -> None:
        step = STEPS.get(type(p.event))
        if step is None or pool.n != p.n:
            del self._pools[p.event.stream]
            return
        step(pool, p.event)
        pool.n += 1
        if isinstance(p.event, ev.Recalled):
            self._end(p.event.ids)

    def _end(self, assignments: Sequence[str]) -> None:
        for pool in self._pools.values():
            pool.ended.extend(assignments)


def _nothing(pool: Pool, event: ev.Event) -> None:
    """Of annotators, who are read for each window."""


def _recalled(pool: Pool, event: ev.Event) -> None:
    for client, tag in cast(ev.Recalled, event).tags:
        pool.change(client, tag=tag)


def _closed(pool: Pool, event: ev.Event) -> None:
    closed = cast(ev.WindowClosed, event)
    _backlog(pool, closed.backlog)
    _tags(pool, closed.tags)


def _decided(pool: Pool, event: ev.Event) -> None:
    _backlog(pool, cast(ev.WindowDecided, event).backlog)
    _given(pool, event)


def _given(pool: Pool, event: ev.Event) -> None:
    window = cast("ev.WindowDecided | ev.WindowDrawn", event)
    _backlog(pool, [{"client": client, "on": 0} for client in window.gone])
    _tags(pool, window.tags)
    pool.touched.update(project for project, _ in window.projects)
    for lease, (entity, *_) in zip(window.leases, window.terms, strict=True):
        client = pool.clients[lease["client"]]
        if client.exposure:
            client.leases[entity] = client.leases.get(entity, 0) + 1


def _backlog(pool: Pool, changes: Iterable[Mapping[str, Any]]) -> None:
    for row in changes:
        pool.change(row["client"], backlogged=bool(row["on"]))


def _tags(pool: Pool, tags: Iterable[Mapping[str, Any]]) -> None:
    for row in tags:
        pool.change(row["client"], tag=row["tag"])


STEPS: dict[type[ev.Event], Callable[[Pool, ev.Event], None]] = {
    ev.Enrolled: _nothing,
    ev.Availability: _nothing,
    ev.Overridden: _nothing,
    ev.Admitted: _nothing,
    ev.ProjectPosted: _nothing,
    ev.Recalled: _recalled,
    ev.WindowDecided: _decided,
    ev.WindowClosed: _closed,
    ev.WindowDrawn: _given,
}
"""What each event of a pool's stream changes in what is remembered; after any other it is read again."""
