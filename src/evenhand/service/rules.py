"""Another overlap or order, taken to the tasks that are there: a stretch a verb, so that nobody waits for it.

At any moment a task has one overlap and one place in the order, the old or the new, and is given out by
them. How far it has got is a row that the events make: after a crash it goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable

from evenhand import wire
from evenhand.core.events import Moment, RulesFollowed
from evenhand.lane import Lane
from evenhand.service.consensus import conclude
from evenhand.service.view import form_of
from evenhand.store import Reader, Transaction

STEP = 1_000  # tasks that one verb changes


def follow(tx: Transaction, at: Moment, organization: str, project: str) -> bool:
    """The next stretch of tasks follows the rules in force; whether more are left.

    A task that a lower overlap completes gets its consensus here, as the last answer would have given it.
    """
    keys = {"organization": organization, "project": project}
    row = tx.one("following", **keys)
    if row is None:
        return False
    first, last = row["upto"] + 1, min(row["upto"] + STEP, row["last"])
    overlap = form_of(tx, organization, project, row["version"]).document.first_overlap
    done = [n for (n,) in tx.tuples("nearly_done", **keys, first=first, last=last, overlap=overlap)]
    event = RulesFollowed(stream=project, owner=organization, version=row["version"], first=first, last=last)
    tx.append([event], at)
    if done:
        conclude(tx, at, organization, project, dict.fromkeys(done), [])
    return bool(last < row["last"])


def follow_all(lane: Lane, over: Callable[[], bool]) -> bool:
    """Go on wherever a change has not reached all tasks; one process of the node does.

    Args:
        over: whether it is time to let others go on.

    Returns:
        Whether it stopped before the end.
    """
    with lane.store.read() as reader:
        left = reader.tuples("all_following")
    for organization, project in left:
        while lane.call(follow, organization, project):
            if over():
                return True
    return False


def progress(reader: Reader, organization: str, project: str) -> wire.Following | None:
    """How far a change of overlap or order has got; None when all tasks follow the rules in force."""
    row = reader.one("followed", organization=organization, project=project)
    return None if row is None else wire.Following(done=row["upto"], total=row["last"])
