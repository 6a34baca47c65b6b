"""What giving out leases does to the tables, in a pool of one organization and in a shared one alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from evenhand.store.driver import Connection

Params = dict[str, Any]


def give(db: Connection, leases: Sequence[Params]) -> None:
    """Write these assignments, and count them at their tasks.

    A task that is given twice in one window has one row with the sum: a statement that takes all rows
    at once would count it only once.
    """
    counts = Counter((lease["organization"], lease["project"], lease["task"]) for lease in leases)
    tasks = [{"organization": o, "project": q, "n": n, "more": more} for (o, q, n), more in counts.items()]
    db.many("fold_leased", leases)
    db.many("fold_task_leased", tasks)


def settle(db: Connection, assignments: Sequence[str]) -> None:
    """A window has named the end of these assignments."""
    if assignments:
        db.run("fold_settled", ids=list(assignments))
