"""What the home node does with the letters of a partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from evenhand import wire
from evenhand.core import sharing
from evenhand.core.checkpoint import parse_vkey
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import MAX_ROWS, Moment
from evenhand.core.policy import Actor
from evenhand.core.sharing import Letter
from evenhand.service import brought
from evenhand.service.shares.chain import Saying, note, say, taken
from evenhand.service.view import encode_json, when
from evenhand.store import Transaction
from evenhand.store.driver import Row


def take_accept(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    slice_ = _slice_offered(tx, row, letter)
    state = {"state": "accepted"} if row["state"] == "offered" else {}
    row = note(tx, at, row, letter, len(slice_), state)
    return taken(row, letter.head, count=len(slice_))


def _slice_offered(tx: Transaction, row: Row, letter: Letter) -> dict[int, str]:
    """Number -> state of the tasks of the slice that a letter answers.

    Raises:
        Refused: it was never offered, or the letter answers another offer of it.
    """
    keys = {"organization": row["organization"], "share": row["id"], "slice": letter.head.slice}
    token = tx.tuples("share_token", **keys, way="sent")[0][0]
    if token is None or token != letter.head.token:
        reason = (
            f"Slice {letter.head.slice} was not offered to {row['name']} by the letter {letter.head.token}."
        )
        raise Refused("share.token", reason, "token", "Nothing was taken. Keep the file: it is signed.")
    return {one["n"]: one["state"] for one in tx.all("share_slice", **keys)}


def take_decline(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    _slice_offered(tx, row, letter)
    state = {"state": "declined"} if row["state"] == "offered" else {}
    return taken(note(tx, at, row, letter, 0, state), letter.head)


class _Delivered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a delivery."""

    n: sharing.Number
    annotator: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,100}\Z")]  # pseudonym at the partner
    kind: str
    answers: dict[str, Any]
    ms: int
    at: int  # by the partner's clock


_delivered = msgspec.json.Decoder(_Delivered).decode


def take_delivery(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    """Answers become annotations that were brought, of the partner's annotators; after a recall none does."""
    slice_ = _slice_offered(tx, row, letter)
    given = _read_delivery(letter)
    foreign = sorted({one.n for one in given} - slice_.keys())
    if foreign:
        reason = (
            f"{len(foreign)} answers are to tasks that {row['name']} was never offered, such as {foreign[0]}."
        )
        raise Refused("share.foreign", reason, "rows", "Nothing was taken. Keep the file: it is signed.")
    recalled = row["state"] in ("recalled", "deleted")
    late = recalled or at.ms > row["until_ms"] + sharing.SKEW_MS
    refused: dict[int, str] = {}
    if recalled:
        refused = {one.n: "The share was recalled before." for one in given}
    else:
        refused = {one.n: "It was delivered before." for one in given if slice_[one.n] == "delivered"}
    fresh = [one for one in given if one.n not in refused]
    report = _bring(tx, at, row, fresh)
    refused |= {one.line: one.reason for one in report.rejected}
    kept = [one.n for one in fresh if one.n not in refused]
    row = note(tx, at, row, letter, len(kept), {"delivered": kept}, late)
    rows = [encode_json({"n": n, "why": why}) for n, why in sorted(refused.items())]
    more = {"of": letter.head.seq, "late": late}
    ack = say(tx, at, row, Saying(act="ack", slice=letter.head.slice, count=len(kept), rows=rows, more=more))
    rejected = [wire.Rejected(line=n, path="", reason=why) for n, why in sorted(refused.items())]
    return taken(row, letter.head, count=len(kept), late=late, rejected=rejected, letters=[ack])


def _read_delivery(letter: Letter) -> list[_Delivered]:
    try:
        given = [_delivered(row) for row in letter.rows]
    except msgspec.DecodeError as error:
        raise Invalid("share.delivery", f"An answer cannot be read: {error}.", "rows", sharing.ASK) from error
    if len({one.n for one in given}) < len(given) or len(given) > MAX_ROWS:
        reason = f"A delivery has one answer of each task, and at most {MAX_ROWS:,}."
        raise Invalid("share.delivery", reason, "rows")
    return given


def _bring(tx: Transaction, at: Moment, row: Row, given: Sequence[_Delivered]) -> wire.BroughtReport:
    """Take answers as annotations of the partner's annotators. Their times are not after now."""
    origin = parse_vkey(row["vkey"]).name
    annotations = [
        wire.BroughtAnnotation(
            line=one.n,
            external_id=str(one.n),
            annotator=f"{origin}/{one.annotator}",
            name=f"{row['name']} {one.annotator[-6:]}",
            kind="model" if one.kind == "model" else "human",
            answers=one.answers,
            seconds=one.ms / 1000 if one.ms >= 0 else None,
            submitted_at=when(min(max(one.at, 0), at.ms)),
        )
        for one in given
    ]
    return brought.bring_from_partner(tx, at, row["project"], (origin, row["name"]), annotations)


def take_deleted(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    row = note(tx, at, row, letter, row["offered"], {"state": "deleted"})
    return taken(row, letter.head, count=row["offered"])
