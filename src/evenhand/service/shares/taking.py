"""Letters of another node: checked, then done what they say."""

from __future__ import annotations

from evenhand import wire
from evenhand.core import sharing
from evenhand.core.checkpoint import parse_vkey
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import Moment
from evenhand.core.policy import Actor
from evenhand.core.sharing import Letter
from evenhand.service.shares.at_home import take_accept, take_decline, take_deleted, take_delivery
from evenhand.service.shares.at_partner import take_ack, take_offer, take_recall
from evenhand.service.shares.chain import heard, taken
from evenhand.service.shares.rows import key_of, locked_share
from evenhand.service.view import organization_of
from evenhand.store import Transaction
from evenhand.store.driver import Row


def take(tx: Transaction, at: Moment, actor: Actor, wanted: wire.TakenLetter) -> wire.Taken:
    """Take a letter of another node: check it, do what it says, and answer where an answer is due.

    The same letter again does nothing. Everything happens or nothing does.

    Raises:
        Invalid: it is no letter, was altered, or is not signed by the node that is expected.
        Refused: it is for another node, contradicts or skips what was taken, or may not say what it says.
    """
    letter = sharing.read_letter(wanted.content.encode())
    head = letter.head
    if head.to != tx.node.origin:
        reason = f"The letter is to {head.to}, and this node is {tx.node.origin}."
        raise Refused("letter.recipient", reason, "to", "Bring it to that node.")
    row = _row_for(tx, actor, letter, wanted)
    sharing.check_signature(letter, parse_vkey(row["vkey"]))
    if (head.act in sharing.BY_HOME) == (row["side"] == "home"):
        raise Refused("share.side", f"A letter {head.act!r} is not the other node's to write.", "act")
    if not sharing.is_new(head, letter.digest, heard(tx, row, head), at.ms):
        return taken(row, head, again=True)
    done = _TAKERS[head.act](tx, at, actor, row, letter, wanted)
    seen = {"organization": row["organization"], "share": row["id"], "seq": min(head.seen, row["sent"])}
    tx.run("drop_letters_taken", **seen)
    return done


def _row_for(tx: Transaction, actor: Actor, letter: Letter, wanted: wire.TakenLetter) -> Row:
    """The share that a letter is about; of a first offer, a row to be."""
    rows = [
        row
        for row in tx.all("share_by_id", id=letter.head.share)
        if actor.membership(row["organization"]) is not None
    ]
    if rows:
        return locked_share(tx, actor, letter.head.share)
    if letter.head.act != "offer":
        reason = "This node knows no such share, so nobody can have asked it for this."
        raise Missing("share.unknown", reason, "share", "Take the offer first.")
    organization = organization_of(actor, "share.manage", wanted.organization_id, "organization_id")
    if not wanted.home:
        reason = (
            f"The offer is from {letter.head.from_}, which this node has not dealt with under this share."
        )
        remedy = "Get its key over another channel, and name it (--home, or a field `home`)."
        raise Invalid("share.home", reason, "home", remedy)
    fresh = {"organization": organization, "id": letter.head.share, "project": "", "side": "partner"}
    chains = {"sent": 0, "sent_last": "", "taken": 0, "taken_last": "", "acked": 0, "offered": 0}
    return {**fresh, **chains, "state": "", "vkey": str(key_of(wanted.home, "home")), "delivered": 0}


_TAKERS = {
    "offer": take_offer,
    "recall": take_recall,
    "ack": take_ack,
    "accept": take_accept,
    "decline": take_decline,
    "deliver": take_delivery,
    "deleted": take_deleted,
}
