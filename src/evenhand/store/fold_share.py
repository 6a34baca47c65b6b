"""What plans, slices and letters of shares do to the tables."""

from __future__ import annotations

from typing import Any

import msgspec

from evenhand.core import events as ev
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection
from evenhand.store.fold_each import Fold, each

_json = msgspec.json.decode


@each
def _planned(db: Connection, p: Placed, event: ev.SharePlanned) -> None:
    keys = {"organization": event.owner, "project": event.stream, "side": "home", "plan": event.number}
    for one, (name, vkey) in zip(event.partners, _json(event.known), strict=True):
        told = {"record": one["record"], "control": one["group"], "tasks": one["tasks"]}
        db.run("fold_share", **keys, id=one["share"], name=name, vkey=vkey, **told)


@each
def _sliced(db: Connection, p: Placed, event: ev.ShareSliced) -> None:
    row = {
        "organization": event.owner,
        "share": event.share,
        "slice": event.slice,
        "place": p.n,
        "project": event.stream,
    }
    tasks = [int(n) for n in event.rows]
    db.many("fold_share_task", [{**row, "n": n, "task": n, "state": "planned"} for n in tasks])


@each
def _letter(db: Connection, p: Placed, event: ev.ShareLetter) -> None:
    facts = _json(event.facts)
    keys = {"organization": event.owner, "id": event.share}
    if "new" in facts:
        nothing = {"record": "", "control": 0, "tasks": 0, "plan": 0, "side": "partner"}
        db.run("fold_share", **keys, **facts["new"], **nothing)
    own = {"organization": event.owner, "share": event.share}
    db.run(
        "fold_share_letter",
        **own,
        way=event.way,
        seq=event.seq,
        act=event.act,
        slice=event.slice,
        digest=event.letter,
    )
    if event.way == "sent":
        db.run("fold_share_sent", **keys, count=event.seq + 1, last=event.letter)
    else:
        db.run("fold_share_taken", **keys, count=event.seq + 1, last=event.letter, acked=facts["seen"])
    if "until" in facts:
        db.run("fold_share_until", **keys, until=facts["until"])
    if "state" in facts:
        db.run("fold_share_state", **keys, state=facts["state"])
    _tasks(db, own, event, facts)


def _tasks(db: Connection, own: dict[str, str], event: ev.ShareLetter, facts: dict[str, Any]) -> None:
    """What becomes of single tasks."""
    came = facts.get("came", [])  # at the partner: [number at home, number here]
    row = {**own, "slice": event.slice, "place": 0, "project": event.stream, "state": "offered"}
    db.many("fold_share_task", [{**row, "n": n, "task": task} for n, task in came])
    for state in ("offered", "delivered", "rejected"):
        db.many("fold_share_task_state", [{**own, "n": n, "state": state} for n in facts.get(state, ())])
    counts = {
        "offered": len(facts.get("offered", ())) + len(came),
        "delivered": len(facts.get("delivered", ())) - facts.get("undone", 0),
        "tasks": len(came),
    }
    if any(counts.values()):
        db.run("fold_share_counts", organization=own["organization"], id=event.share, **counts)


FOLDS: dict[type[ev.Event], Fold] = {
    ev.SharePlanned: _planned,
    ev.ShareSliced: _sliced,
    ev.ShareLetter: _letter,
}
