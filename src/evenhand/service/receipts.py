"""What the ledger holds for one organization, so that it can look for all of it there."""

from __future__ import annotations

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.policy import Actor, require
from evenhand.store import Reader

PAGE = 200  # entries of one page
SCAN = 20_000  # events looked through for one page: other organizations' are between our own


class Found(msgspec.Struct, frozen=True):
    """One page of an organization's entries."""

    entries: list[tuple[str, int, bytes]]  # stream, number, entry bytes; in the order of the ledger
    after: int  # where the next page begins
    more: bool  # whether there is more already


def entries(reader: Reader, actor: Actor, organization: str | None, after: str | None) -> Found:
    """Entries about what an organization asked for and what was done for it, in this node's present log.

    Raises:
        Invalid: no such cursor; or the caller has several organizations and names none.
    """
    home = organization or _only(actor)
    require(actor, "receipt.list", home)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 18):
        raise Invalid(
            "receipts.after", "This is not the `after` of an answer.", "after", "Pass it as it came."
        )
    start = max(int(after or 0), reader.tuples("epochs")[-1][2])  # earlier epochs have logs of their own
    newest = reader.tuples("sequenced")[0][1]
    last = min(start + SCAN, newest)
    rows = reader.tuples("entries_of_organization", organization=home, seq=start, last=last, limit=PAGE)
    reached = rows[-1][0] if len(rows) == PAGE else max(start, last)
    return Found([(stream, n, entry) for _, stream, n, entry in rows], reached, reached < newest)


def _only(actor: Actor) -> str:
    if len(actor.memberships) != 1:
        raise Invalid(
            "organization.which",
            f"You belong to {len(actor.memberships)} organizations.",
            "organization",
            "Say which one is meant: ?organization=ID.",
        )
    return actor.memberships[0].organization
