"""What a partner does with the letters of the home node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evenhand import labels, wire
from evenhand.core import sharing
from evenhand.core.canonical import b64url, bulk_root, unb64url
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Moment, ShareSliced
from evenhand.core.policy import Actor
from evenhand.core.project import Document, check_document
from evenhand.core.sharing import Letter
from evenhand.service import intake, projects
from evenhand.service.shares.chain import Saying, note, say, taken
from evenhand.service.view import decode_document, encode_json, form_of, when
from evenhand.store import Transaction
from evenhand.store.driver import Row


class _OfferedTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of an offer."""

    n: sharing.Number  # number of the task at home
    salt: str  # base64url
    data: dict[str, msgspec.Raw] | None = None  # None: it takes no answers any more


_offered_task = msgspec.json.Decoder(_OfferedTask).decode


def take_offer(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    document, tasks = _read_offer(letter)
    if wanted.answer == "":
        reason = f"This is an offer of {len(tasks):,} tasks, until {when(letter.head.until)}."
        raise Refused("share.undecided", reason, "answer", "Accept or decline it.")
    if wanted.answer == "decline":
        return _decline(tx, at, row, letter, document, wanted.reason)
    if row["state"] in ("declined", "recalled", "deleted"):
        raise Refused("share.state", f"The share was {row['state']}.", "share", "Decline the offer.")
    new: dict[str, Any] = {}
    if not row["project"]:
        row = {**row, "project": projects.create_with(tx, at, row["organization"], document)}
        new = {"new": {"project": row["project"], "name": document.name, "vkey": row["vkey"]}}
    came = _import(tx, at, actor, row, tasks)
    facts = {**new, "came": came, "until": letter.head.until, "state": "accepted"}
    row = note(tx, at, row, letter, len(came), facts)
    more = {"token": letter.head.token}
    answer = say(tx, at, row, Saying(act="accept", slice=letter.head.slice, count=len(came), more=more))
    return taken(row, letter.head, count=len(came), letters=[answer])


def _read_offer(letter: Letter) -> tuple[Document, list[_OfferedTask]]:
    """The rules and the tasks of an offer, which are those that the home node has committed to in its log."""
    try:
        document = decode_document(bytes(_raw(letter.rows[0])["document"]))
        tasks = [_offered_task(row) for row in letter.rows[1:]]
    except (msgspec.DecodeError, LookupError, TypeError) as error:
        raise Invalid("share.offer", f"The offer cannot be read: {error}.", "rows", sharing.ASK) from error
    check_document(document, labels.all_types())
    if "\x00" in document.name or not 0 < letter.head.until <= letter.head.at + sharing.MOST_MS:
        reason = "Its name cannot be stored, or it holds for longer than a year."
        raise Invalid("share.offer", reason, "until", "Decline the offer.")
    rows = [(unb64url(one.salt), b"%d" % one.n) for one in tasks]
    if b64url(bulk_root(letter.head.from_, ShareSliced.KIND, rows)) != letter.head.root:
        reason = "The tasks are not those that the plan gives to this share."
        raise Invalid(
            "share.root", reason, "root", "Keep the file: it shows what was signed. Decline the offer."
        )
    return document, tasks


_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _import(
    tx: Transaction, at: Moment, actor: Actor, row: Row, tasks: Sequence[_OfferedTask]
) -> list[tuple[int, int]]:
    """Make tasks of what was offered: (number at home, number here) of each."""
    project = tx.one("project", project=row["project"])
    assert project is not None, "it was just made"
    first = project["next_task"]
    kept = [one for one in tasks if one.data is not None]
    lines = b"\n".join(encode_json({"external_id": str(one.n), **(one.data or {})}) for one in kept)
    opened = intake.open_import(tx, at, actor, row["project"], wire.NewImport(name=f"share {row['id']}"))
    fields = tuple(
        field.name
        for field in form_of(tx, row["organization"], row["project"], project["version"]).document.fields
    )
    report = intake.take(tx, at, actor, opened.id, intake.read_lines(lines, 1, {}, fields) if kept else [])
    if report.rejected or report.accepted != len(kept):
        why = report.rejected[0].reason if report.rejected else "Some of the tasks are here already."
        raise Refused(
            "share.tasks-unfit", f"The offered tasks do not fit: {why}", "rows", "Decline the offer."
        )
    intake.finish(tx, at, actor, opened.id)
    return [(one.n, first + i) for i, one in enumerate(kept)]


def _decline(
    tx: Transaction, at: Moment, row: Row, letter: Letter, document: Document, reason: str
) -> wire.Taken:
    if row["state"] not in ("", "declined"):
        remedy = "Let it be recalled; or accept it and deliver what gets done."
        raise Refused("share.accepted", "An earlier offer of this share was accepted.", "answer", remedy)
    facts: dict[str, Any] = {"state": "declined"}
    if row["state"] == "":
        facts["new"] = {"project": "", "name": document.name, "vkey": row["vkey"]}
    row = note(tx, at, row, letter, 0, facts)
    more = {"reason": reason[:1000], "token": letter.head.token}
    answer = say(tx, at, row, Saying(act="decline", slice=letter.head.slice, more=more))
    return taken(row, letter.head, letters=[answer])


def take_recall(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    row = note(tx, at, row, letter, row["offered"] - row["delivered"], {"state": "recalled"})
    if row["project"]:
        projects.pause(tx, at, row["project"])
    return taken(row, letter.head, count=row["offered"] - row["delivered"])


class _Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of an ack: an answer that was not taken."""

    n: sharing.Number  # number of the task at home
    why: str


_refusal = msgspec.json.Decoder(_Refusal).decode


def take_ack(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    try:
        told = [_refusal(one) for one in letter.rows]
    except msgspec.DecodeError as error:
        raise Invalid("share.ack", f"An ack cannot be read: {error}.", "rows", sharing.ASK) from error
    keys = {"organization": row["organization"], "share": row["id"], "slice": letter.head.slice}
    delivered = {one["n"] for one in tx.all("share_slice", **keys) if one["state"] == "delivered"}
    refused = [one for one in told if one.n in delivered]
    facts = {"rejected": [one.n for one in refused], "undone": len(refused)}
    row = note(tx, at, row, letter, len(refused), facts, letter.head.late)
    rejected = [wire.Rejected(line=one.n, path="", reason=one.why) for one in refused]
    return taken(row, letter.head, count=len(refused), rejected=rejected, late=letter.head.late)
