"""What came in with an archive about acts around annotations, and what it does to the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from evenhand.core import events as ev
from evenhand.store import fold_review
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection
from evenhand.store.fold_each import each

Facts = dict[str, Any]

_json = msgspec.json.decode
NOTHING = {"annotations": 0, "surplus": 0, "done": 0, "skipped": 0, "flagged": 0}


@each
def told(db: Connection, p: Placed, event: ev.Told) -> None:
    """Each as the event that it was there would do it, at the time when it was done there."""
    ACTS[event.act](db, p, event, _json(event.facts))


def _keys(event: ev.Told) -> Facts:
    return {"organization": event.owner, "project": event.project}


def _skipped(db: Connection, p: Placed, event: ev.Told, facts: Facts) -> None:
    keys, at = _keys(event), int(event.given)
    lease = {"id": facts["assignment"], "round": facts["round"], "version": facts["version"]}
    window = {"pool": event.stream, "window_n": p.n, "opened_ms": facts["opened"], "expires_ms": at}
    people = {"person": event.stream, "member": event.member}
    db.many("fold_leased", [{**keys, **lease, **window, **people, "task": event.task}])
    db.run("fold_skipped", id=facts["assignment"], at=at, seq=p.seq)
    db.run("fold_settled", ids=[facts["assignment"]])
    db.many("fold_submit_counts", [{**NOTHING, "project": event.project, "skipped": 1}])
    counted = {"submitted": 0, "skipped": 1, "ms": 0, "at": at}
    db.many("fold_tally", [{**keys, "member": event.member, **counted}])


def _flagged(db: Connection, p: Placed, event: ev.Told, facts: Facts) -> None:
    keys = _keys(event)
    row = {**keys, "task": event.task, "assignment": facts["assignment"]}
    known = db.one("flag_exists", **row)
    db.run("fold_flag", **row, member=event.member, seq=p.seq, at=int(event.given))
    if known is None:
        db.run("fold_task_flagged", **keys, task=event.task)
        db.many("fold_submit_counts", [{**NOTHING, "project": event.project, "flagged": 1}])


def _reviewed(db: Connection, p: Placed, event: ev.Told, facts: Facts) -> None:
    keys, at = _keys(event), int(event.given)
    decision: str = facts["decision"]
    opened = {"task": event.task, "id": facts["review"], "round": facts["round"], "n": 0}
    reviewer = {"person": event.stream, "member": event.member}
    db.run("fold_review_opened", **keys, **opened, **reviewer, ms=facts["opened"], expires_ms=facts["until"])
    closed = {"state": decision, "at": at, "seq": p.seq, "ms": facts["ms"]}
    db.run("fold_reviewed", id=facts["review"], **closed)
    fold_review.judged(db, keys, event.task, facts["review"], facts["judgements"], p.seq, at)
    fold_review.decided(db, keys, event.task, event.member, decision)


def _appealed(db: Connection, p: Placed, event: ev.Told, facts: Facts) -> None:
    fold_review.appeal_opened(
        db, _keys(event), {**facts, "task": event.task, "member": event.member}, event.stream, p.seq,
        int(event.given),
    )  # fmt: skip


def _appeal_decided(db: Connection, p: Placed, event: ev.Told, facts: Facts) -> None:
    fold_review.appeal_closed(
        db, _keys(event), {**facts, "task": event.task, "member": event.member}, facts["decision"], p.seq,
        int(event.given),
    )  # fmt: skip


def _tested(db: Connection, p: Placed, event: ev.Told, facts: Facts) -> None:
    keys = {**_keys(event), "member": event.member}
    tasks = msgspec.json.encode(facts["tasks"])
    db.run("fold_test_began", **keys, attempt=facts["attempt"], tasks=tasks, ms=facts["opened"])
    for right in facts["right"]:
        db.run("fold_test_answered", **keys, attempt=facts["attempt"], correct=right)
    if facts["passed"] is not None:
        db.run("fold_test_ended", **keys, passed=int(facts["passed"]), ms=int(event.given))


ACTS: dict[str, Callable[[Connection, Placed, ev.Told, Facts], None]] = {
    "skipped": _skipped,
    "flagged": _flagged,
    "reviewed": _reviewed,
    "appealed": _appealed,
    "appeal-decided": _appeal_decided,
    "tested": _tested,
}
