"""What the events of review and appeal do to their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from evenhand.core import events as ev
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection

Keys = dict[str, str]  # organization, project

_due_row = msgspec.json.Decoder(tuple[int, int, int, str]).decode
STATES = ("waiting", "held", "returned", "decided")
BECOMES = {"accepted": "decided", "fixed": "decided", "returned": "returned", "skipped": "waiting"}
"""Decision -> state of the task."""


def asked(db: Connection, placed: list[Placed]) -> None:
    """Tasks wait for a reviewer, whatever was decided about them before."""
    for p in placed:
        event = cast(ev.ReviewAsked, p.event)
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


def opened(db: Connection, placed: list[Placed]) -> None:
    """One is held; what had lapsed waits again."""
    for p in placed:
        event = cast(ev.ReviewOpened, p.event)
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


def reviewed(db: Connection, placed: list[Placed]) -> None:
    """A review is decided, and with it what became of each annotation."""
    for p in placed:
        event = cast(ev.Reviewed, p.event)
        keys = {"organization": event.owner, "project": event.project}
        decision = event.outcome
        _move(db, keys, [event.task], BECOMES[decision])
        db.run("fold_reviewed", id=event.review, state=decision, at=p.ms, seq=p.seq, ms=event.ms)
        judged: list[dict[str, Any]] = [
            {
                **keys,
                "task": event.task,
                "review": event.review,
                "assignment": assignment,
                "member": member,
                "person": person,
                "outcome": outcome,
                "revision": revision,
                "answer_seq": seq,
                "seq": p.seq,
                "at": p.ms,
            }
            for assignment, member, person, outcome, revision, seq in event.judgements
        ]
        db.many("fold_judgement", judged)
        _tally(db, keys, ((row["member"], "annotator", str(row["outcome"])) for row in judged))
        if decision != "skipped":
            _tally(db, keys, [(event.member, "reviewer", decision)])


def appealed(db: Connection, placed: list[Placed]) -> None:
    """An appeal waits for somebody else."""
    for p in placed:
        event = cast(ev.Appealed, p.event)
        keys = {"organization": event.owner, "project": event.project}
        names = ("task", "review", "assignment", "member", "reviewer")
        row = {name: getattr(event, name) for name in names}
        db.run("fold_appealed", **keys, **row, id=event.appeal, person=event.stream, seq=p.seq, at=p.ms)
        _tally(db, keys, [(event.member, "annotator", "appealed"), (event.reviewer, "reviewer", "appealed")])


def appeal_decided(db: Connection, placed: list[Placed]) -> None:
    """An appeal ends. One that is upheld decides the task as well."""
    for p in placed:
        event = cast(ev.AppealDecided, p.event)
        keys = {"organization": event.owner, "project": event.project}
        state = event.decision.decode()
        db.run("fold_appeal_decided", id=event.appeal, state=state, judge=event.member, at=p.ms, seq=p.seq)
        if event.restores:
            db.run("fold_reviews_recalled", **keys, task=event.task, ms=p.ms)
            _move(db, keys, [event.task], "decided")
        if state == "upheld":
            _tally(
                db, keys, [(event.annotator, "annotator", "upheld"), (event.reviewer, "reviewer", "upheld")]
            )


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
