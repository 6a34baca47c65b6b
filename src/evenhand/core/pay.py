"""Time and pay: what is credited for an answer, and what the credits come to. No payment is made.

Integers only: money in minor units of its currency (cents), time in milliseconds. What is owed is computed
from sums and rounded down once, so that the number of answers that it is spread over changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evenhand.core.events import MAX_ROWS, PayStated
from evenhand.core.project import PayPolicy

HOUR = 3_600_000  # milliseconds

_encode = msgspec.json.Encoder().encode


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """What one annotator did in a project at one rate, in sum."""

    member: str
    rate: str  # of `rate_of`
    tasks: int  # first answers, surplus and gold among them
    ms: int  # credited active time, corrections among it


def rate_of(policy: PayPolicy) -> str:
    """The rate as one word, which answers under it are summed by: "EUR:hour:1500"."""
    return f"{policy.currency}:{policy.per}:{policy.amount}"


def credited(policy: PayPolicy, ms: int, before: int = 0) -> int:
    """Milliseconds of an answer that count: as told, but at most what the policy says; 0 when not told.

    Args:
        before: of them credited to earlier revisions. The most is for all of them together, or whoever
            corrects an answer without end would be paid without end.
    """
    return min(max(ms, 0), max(policy.most_seconds * 1000 - before, 0))


def owed(effort: Effort) -> tuple[str, int]:
    """(currency, minor units) for this effort, rounded down."""
    currency, per, amount = effort.rate.split(":")
    return currency, int(amount) * effort.ms // HOUR if per == "hour" else int(amount) * effort.tasks


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """One annotator's sums in one currency."""

    member: str
    currency: str
    tasks: int
    ms: int
    amount: int  # minor units


def sums(efforts: Sequence[Effort]) -> dict[tuple[str, str], Due]:
    """(member, currency) -> what all rates come to."""
    found: dict[tuple[str, str], Due] = {}
    for effort in efforts:
        currency, amount = owed(effort)
        key = effort.member, currency
        before = found.get(key)
        found[key] = Due(
            member=effort.member,
            currency=currency,
            tasks=effort.tasks + (before.tasks if before else 0),
            ms=effort.ms + (before.ms if before else 0),
            amount=amount + (before.amount if before else 0),
        )
    return found


def open_since(due: Due, stated: Due | None) -> Due:
    """What came since the statements so far."""
    if stated is None:
        return due
    return msgspec.structs.replace(
        due, tasks=due.tasks - stated.tasks, ms=due.ms - stated.ms, amount=due.amount - stated.amount
    )


def state(
    organization: str, project: str, number: int, dues: Sequence[tuple[Due, str]]
) -> tuple[PayStated, ...]:
    """The events of a statement: what is owed since the one before.

    Args:
        number: of the statement in its project, from 1.
        dues: with the provider that each annotator belongs to; those with nothing new are left out.
    """
    rows = [
        _encode([due.member, provider, due.currency, due.tasks, due.ms, due.amount])
        for due, provider in dues
        if due.tasks or due.ms or due.amount
    ]
    return tuple(
        PayStated(stream=project, owner=organization, number=number, rows=tuple(rows[i : i + MAX_ROWS]))
        for i in range(0, len(rows), MAX_ROWS)
    )
