"""What the folds share: each takes neighbouring events of one kind, most of them one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from evenhand.core.events import Event
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection

E = TypeVar("E", bound=Event)
Fold = Callable[[Connection, list[Placed]], None]


def each(one: Callable[[Connection, Placed, E], None]) -> Fold:
    """A fold out of what one event does: (connection, the event with its place, the event)."""

    def fold(db: Connection, placed: list[Placed]) -> None:
        for p in placed:
            event: Any = p.event  # of type E: `fold.FOLDS` says which events come here
            one(db, p, event)

    fold.__doc__ = one.__doc__
    return fold
