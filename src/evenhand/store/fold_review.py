"""What the events of review and appeal do to their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from evenhand.core import events as ev
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection
from evenhand.store.fold_each import each

Keys = dict[str, str]  # organization, project

_due_row = msgspec.json.Decoder(tuple[int, int, int, str]).decode
STATES = ("waiting", "held", "returned", "decided")
BECOMES = {"accepted": "decided", "fixed": "decided", "returned": "returned", "skipped": "waiting"}
"""Decision -> state of the task."""


@each
def asked(db: Connection, p: Placed, event: ev.ReviewAsked) -> None:
    """Tasks wait for a reviewer, whatever was decided about them before."""
    keys = {"organization": event.owner, "project": event.stream}
    rows = [_due_row(row) for row in event.rows]
    _count(db, keys, [n for n, _, _, _ in rows], "waiting")
    db.many(
        "fold_due",
        [
            {**keys, "task": n, "round": round_, "worth": worth, "why": why, "ms": p.ms}
            for n, round_, worth, why in rows
        ],
    )


@each
def opened(db: Connection, p: Placed, event: ev.ReviewOpened) -> None:
    """One is held; what had lapsed waits again."""
    keys = {"organization": event.owner, "project": event.stream}
    _lapse(db, keys, list(event.lapsed_ids), p.ms)
    _move(db, keys, [int(event.task)], "held")
    db.run(
        "fold_review_opened",
        **keys,
        task=int(event.task),
        id=event.review,
        round=event.round,
        person=event.who,
        member=event.member,
        n=p.n,
        ms=p.ms,
        expires_ms=event.until,
    )


def _lapse(db: Connection, keys: Keys, ids: list[str], ms: int) -> None:
    if ids:
        tasks = [task for _, task in db.tuples("reviews_held", ids=ids)]
        db.many("fold_review_lapsed", [{"id": id_, "ms": ms} for id_ in ids])
        _move(db, keys, tasks, "waiting")


@each
def reviewed(db: Connection, p: Placed, event: ev.Reviewed) -> None:
    """A review is decided, and with it what became of each annotation."""
    keys = {"organization": event.owner, "project": event.project}
    decision = event.outcome
    db.run("fold_reviewed", id=event.review, state=decision, at=p.ms, seq=p.seq, ms=event.ms)
    judged(db, keys, event.task, event.review, event.judgements, p.seq, p.ms)
    decided(db, keys, event.task, event.member, decision)


def judged(
    db: Connection, keys: Keys, task: int, review: str, judgements: Iterable[Sequence[Any]], seq: int, at: int
) -> None:
    """What a review says of each annotation: (assignment, member, person, outcome, revision, seq) each."""
    names = ("assignment", "member", "person", "outcome", "revision", "answer_seq")
    common = {**keys, "task": task, "review": review, "seq": seq, "at": at}
    rows = [{**common, **dict(zip(names, one, strict=True))} for one in judgements]
    db.many("fold_judgement", rows)
    _tally(db, keys, ((row["member"], "annotator", str(row["outcome"])) for row in rows))


def decided(db: Connection, keys: Keys, task: int, reviewer: str, decision: str) -> None:
    """What a decision makes of its task, and counts for its reviewer."""
    _move(db, keys, [task], BECOMES[decision])
    if decision != "skipped":
        _tally(db, keys, [(reviewer, "reviewer", decision)])


@each
def appealed(db: Connection, p: Placed, event: ev.Appealed) -> None:
    """An appeal waits for somebody else."""
    keys = {"organization": event.owner, "project": event.project}
    names = ("appeal", "task", "review", "assignment", "member", "reviewer")
    appeal_opened(db, keys, {name: getattr(event, name) for name in names}, event.stream, p.seq, p.ms)


def appeal_opened(db: Connection, keys: Keys, facts: dict[str, Any], person: str, seq: int, at: int) -> None:
    """One appeal by its facts: appeal, task, review, assignment, member, reviewer."""
    row = {name: facts[name] for name in ("task", "review", "assignment", "member", "reviewer")}
    db.run("fold_appealed", **keys, **row, id=facts["appeal"], person=person, seq=seq, at=at)
    sides = [(facts["member"], "annotator", "appealed"), (facts["reviewer"], "reviewer", "appealed")]
    _tally(db, keys, sides)


@each
def appeal_decided(db: Connection, p: Placed, event: ev.AppealDecided) -> None:
    """An appeal ends. One that is upheld decides the task as well."""
    keys = {"organization": event.owner, "project": event.project}
    names = ("appeal", "task", "member", "annotator", "reviewer", "restores")
    facts = {name: getattr(event, name) for name in names}
    appeal_closed(db, keys, facts, event.decision.decode(), p.seq, p.ms)


def appeal_closed(db: Connection, keys: Keys, facts: dict[str, Any], state: str, seq: int, at: int) -> None:
    """The end of one appeal by its facts: appeal, task, member, annotator, reviewer, restores."""
    db.run("fold_appeal_decided", id=facts["appeal"], state=state, judge=facts["member"], at=at, seq=seq)
    if facts["restores"]:
        db.run("fold_reviews_recalled", **keys, task=facts["task"], ms=at)
        _move(db, keys, [facts["task"]], "decided")
    if state == "upheld":
        sides = [(facts["annotator"], "annotator", "upheld"), (facts["reviewer"], "reviewer", "upheld")]
        _tally(db, keys, sides)


def corrected(db: Connection, keys: Keys, task: int, ms: int) -> None:
    """The task has new data: nothing that was asked or decided about the old ones counts any more."""
    if db.tuples("due_states", **keys, tasks=[task]):
        _count(db, keys, [task], "")
        db.run("fold_due_gone", **keys, task=task)
        db.run("fold_reviews_recalled", **keys, task=task, ms=ms)


def _move(db: Connection, keys: Keys, tasks: list[int], state: str) -> None:
    _count(db, keys, tasks, state)
    db.many("fold_due_state", [{**keys, "task": n, "state": state} for n in tasks])


def _count(db: Connection, keys: Keys, tasks: list[int], state: str) -> None:
    """Keep the project's counts while these tasks come to a state; "" when they leave."""
    change = Counter(dict.fromkeys(STATES, 0))
    for _, before in db.tuples("due_states", **keys, tasks=tasks):
        change[before] -= 1
    if state:
        change[state] += len(tasks)
    db.run("fold_review_count", **keys, **change)


def _tally(db: Connection, keys: Keys, counted: Iterable[tuple[str, str, str]]) -> None:
    """Count (member, part, what)."""
    columns = ("accepted", "fixed", "returned", "appealed", "upheld")
    db.many(
        "fold_review_tally",
        [
            {**keys, "member": member, "part": part, **{name: int(name == what) for name in columns}}
            for member, part, what in sorted(counted)
        ],
    )
