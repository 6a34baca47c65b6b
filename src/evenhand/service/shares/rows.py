"""What is known of shares: their rows, as either side sees them, and letters that wait to be taken."""

from __future__ import annotations

from evenhand import wire
from evenhand.core.checkpoint import VerifyKey, parse_vkey
from evenhand.core.errors import Invalid, Missing
from evenhand.core.policy import Actor, allows, require
from evenhand.service.view import decode_json, project_row, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row


def key_of(text: str, where: str) -> VerifyKey:
    try:
        return parse_vkey(text)
    except Invalid as error:
        remedy = "It is the one line of the other node's /log/vkey."
        raise Invalid(error.rule, error.reason, where, remedy) from error


def own_share(reader: Reader, actor: Actor, share: str, permission: str) -> Row:
    """The share's row where the actor may."""
    own = [row for row in reader.all("share_by_id", id=share) if actor.membership(row["organization"])]
    if not own:
        raise Missing("not-found", "There is no such share, or you may not see it.", share)
    able = [row for row in own if allows(actor, permission, row["organization"])] or own
    require(actor, permission, able[0]["organization"])
    return able[0]


def locked_share(tx: Transaction, actor: Actor, share: str) -> Row:
    row = own_share(tx, actor, share, "share.manage")
    tx.tuples("share_locked", organization=row["organization"], id=share)
    return own_share(tx, actor, share, "share.manage")


def list_(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.Share]:
    """The shares of a project: at home all of them, at the partner the one that it is."""
    row = project_row(reader, actor, project, "share.read")
    rows = reader.all("shares_of_project", organization=row["organization"], project=project)
    return wire.Page(items=[shown(one) for one in rows])


def get_letter(reader: Reader, actor: Actor, share: str, seq: int) -> wire.Letter:
    """A letter that was written and that the other node has not taken yet, as far as is known.

    Raises:
        Missing: there is none, or its text is gone: it was taken, or what it says was erased.
    """
    row = own_share(reader, actor, share, "share.read")
    found = reader.one("letter_text", organization=row["organization"], share=share, seq=seq)
    if found is None:
        reason = f"The letter {seq} is not here: it was taken, erased, or never written."
        raise Missing("letter.gone", reason, "seq")
    return file_of(row, found["text"], bytes(found["rows"]))


def shown(row: Row) -> wire.Share:
    return wire.Share(
        share_id=row["id"],
        project_id=row["project"],
        side=row["side"],
        name=row["name"],
        other=parse_vkey(row["vkey"]).name,
        plan=row["plan"],
        control=row["control"],
        stated=bool(row["record"]),
        tasks=row["tasks"],
        offered=row["offered"],
        delivered=row["delivered"],
        state=row["state"],
        until=when(row["until_ms"]) if row["until_ms"] else None,
        sent=row["sent"],
        acked=row["acked"],
        taken=row["taken"],
    )


def file_of(row: Row, text: str, rows: bytes) -> wire.Letter:
    """A letter to be signed: the edge puts the signature between text and rows."""
    head = decode_json(text.split("\n")[1])
    name = f"{head['seq']:06}-{row['side']}-{head['act']}.letter"
    return wire.Letter(share_id=row["id"], name=name, content=f"{text}\n{rows.decode()}")
