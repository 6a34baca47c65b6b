"""What the ledger holds for one organization, so that it can look for all of it there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evenhand.core.canonical import decode_entry
from evenhand.core.errors import Invalid
from evenhand.core.events import ALL
from evenhand.core.policy import Actor
from evenhand.core.receipt import Opening
from evenhand.service.view import organization_of
from evenhand.store import Reader
from evenhand.store.codec import private_of

PAGE = 200  # entries of one page
OPENED: Mapping[str, tuple[str, ...]] = {
    "admitted": ("evidence",),
    "member-added": ("member",),
    "posted": ("project",),
    "project-versioned": ("document",),
    "standing-changed": ("member",),
    "test-ended": ("member",),
}
"""Kind -> fields that a receipt opens: with them its holder checks who was admitted, and why."""
SCAN = 20_000  # events looked through for one page: other organizations' are between our own


class Found(msgspec.Struct, frozen=True):
    """One page of an organization's entries."""

    entries: list[tuple[str, int, bytes, tuple[Opening, ...]]]
    """Stream, number, entry bytes, and what is opened of it; in the order of the ledger."""
    after: int  # where the next page begins
    more: bool  # whether there is more already


def entries(reader: Reader, actor: Actor, organization: str | None, after: str | None) -> Found:
    """Entries about what an organization asked for and what was done for it, in this node's present log.

    Raises:
        Invalid: no such cursor; or the caller has several organizations and names none.
    """
    home = organization_of(actor, "receipt.list", organization)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 18):
        raise Invalid(
            "receipts.after", "This is not the `after` of an answer.", "after", "Pass it as it came."
        )
    start = max(int(after or 0), reader.tuples("epochs")[-1][2])  # earlier epochs have logs of their own
    newest = reader.tuples("sequenced")[0][1]
    last = min(start + SCAN, newest)
    rows = reader.tuples("entries_of_organization", organization=home, seq=start, last=last, limit=PAGE)
    reached = rows[-1][0] if len(rows) == PAGE else max(start, last)
    found = [(stream, n, entry, openings(entry, body)) for _, stream, n, entry, body in rows]
    return Found(found, reached, reached < newest)


def openings(entry: bytes, body: bytes) -> tuple[Opening, ...]:
    """The fields that show why the organization's projects admitted somebody, or no more."""
    kind = decode_entry(entry).kind
    if kind not in OPENED:
        return ()
    event = ALL[kind]
    private, salts = private_of(body)
    return tuple(
        Opening(field=field, salt=salt, value=value)
        for field, value, salt in zip(event.PRIVATE, private, salts, strict=False)
        if field in OPENED[kind] and salt
    )
