"""The chains of letters that two nodes keep of a share: what goes into them, with its entry in the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import sharing
from evenhand.core.checkpoint import parse_vkey
from evenhand.core.errors import Refused
from evenhand.core.events import Moment, Place, ShareLetter
from evenhand.core.sharing import Act, Head, Heard, Letter
from evenhand.service.shares.rows import file_of
from evenhand.service.view import encode_json
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter is to say."""

    act: Act
    slice: int = 0
    count: int = 0  # tasks that count
    rows: Sequence[bytes] = ()
    causes: tuple[Place, ...] = ()  # of its entry
    facts: dict[str, Any] = {}
    more: dict[str, Any] = {}  # of the head


def say(tx: Transaction, at: Moment, row: Row, saying: Saying) -> wire.Letter:
    """Put a letter into the chain, and log it."""
    rows = b"".join(one + b"\n" for one in saying.rows)
    head = Head(
        act=saying.act,
        at=at.ms,
        count=len(saying.rows),
        from_=tx.node.origin,
        prev=row["sent_last"],
        rows=sharing.rows_digest(rows),
        seen=row["taken"],
        seq=row["sent"],
        share=row["id"],
        slice=saying.slice,
        to=parse_vkey(row["vkey"]).name,
        **saying.more,
    )
    text = sharing.text_of(head)
    if len(text) + len(rows) > sharing.MOST_BYTES - 1000:
        raise Refused(
            "letter.size", "The letter would be too long to send.", "share", "Shorten the instructions."
        )
    event = _event(row, "sent", head, sharing.digest_of(text), saying.count, saying.facts)
    tx.append([msgspec.structs.replace(event, causes=saying.causes)], at)
    tx.run(
        "put_letter_text",
        organization=row["organization"],
        share=row["id"],
        seq=head.seq,
        project=row["project"],
        text=text,
        rows=rows,
    )
    return file_of(row, text, rows)


def heard(reader: Reader, row: Row, head: Head) -> Heard:
    keys = {"organization": row["organization"], "share": row["id"], "way": "taken", "seq": head.seq}
    same = reader.one("share_letter", **keys)
    return Heard(count=row["taken"], last=row["taken_last"], same=same["digest"] if same else "")


def note(
    tx: Transaction,
    at: Moment,
    row: Row,
    letter: Letter,
    count: int,
    facts: dict[str, Any],
    late: bool = False,
) -> Row:
    """Log that a letter was taken; the share as it is then."""
    told = {"seen": min(letter.head.seen, row["sent"]), **facts}
    tx.append([_event(row, "taken", letter.head, letter.digest, count, told, late)], at)
    found = [one for one in tx.all("share_by_id", id=row["id"]) if one["organization"] == row["organization"]]
    return found[0]


def _event(
    row: Row, way: str, head: Head, digest: str, count: int, facts: dict[str, Any], late: bool = False
) -> ShareLetter:
    return ShareLetter(
        stream=row["project"] or row["organization"],
        owner=row["organization"],
        share=row["id"],
        way=way,
        seq=head.seq,
        act=head.act,
        slice=head.slice,
        count=count,
        late=int(late),
        letter=digest,
        facts=encode_json(facts),
    )


def taken(row: Row, head: Head, again: bool = False, count: int = 0, **more: Any) -> wire.Taken:
    told: dict[str, Any] = {"late": False, "rejected": [], "letters": []} | more
    return wire.Taken(
        share_id=row["id"], act=head.act, again=again, count=count, project_id=row["project"], **told
    )
