"""Reviewers' verbs: what is next, decide, look back; and what follows from a submission."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from evenhand import wire
from evenhand.core import consensus
from evenhand.core import review as core
from evenhand.core.errors import Missing, Refused
from evenhand.core.events import Moment, Place, Reviewed
from evenhand.core.intake import shown_data, split
from evenhand.core.policy import Actor, require
from evenhand.core.project import Form
from evenhand.core.review import Due, Finished, Judged, QueueView, ReviewView, Word
from evenhand.service import signing
from evenhand.service.ids import new_id
from evenhand.service.paging import NEWEST, next_time, read_time
from evenhand.service.view import decode_json, form_of, project_row, summary, task_id, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of, reviewed_answers_of

LOOKED_AT = 50  # tasks that one call for the next review looks at

_opening = msgspec.msgpack.Decoder().decode
Outcomes = list[tuple[int, dict[str, Any]]]  # (task number, consensus)


def private(body: bytes) -> list[bytes]:
    """The private values of an opening, in the order of the event's PRIVATE."""
    values: list[bytes] = _opening(body)[0]
    return values


# ---- what follows from a submission ------------------------------------------------------------


def follow(
    tx: Transaction, at: Moment, row: dict[str, Any], form: Form, outcomes: Outcomes, corrected: Sequence[int]
) -> Outcomes:
    """Put before reviewers what the policy wants of these tasks; gives those outcomes that may be concluded.

    Args:
        row: of the project.
        corrected: tasks of which an answer was corrected, among those of `outcomes`.
    """
    keys = {"organization": row["organization"], "project": row["id"]}
    states = dict(tx.tuples("due_states", **keys, tasks=[n for n, _ in outcomes]))
    ready = _all_corrected(tx, keys, [n for n in corrected if states.get(n) == "returned"])
    rows: list[tuple[int, int, int, core.Why]] = [
        (n, round_, core.AGAIN, "corrected") for n, round_ in _rounds(tx, keys, ready)
    ]
    new = [(n, outcome) for n, outcome in outcomes if n not in states]
    rows += [(n, round_, worth, "policy") for n, round_, worth in _chosen(tx, keys, form, new)]
    tx.append(core.asked(row["organization"], row["id"], rows), at)
    return [(n, outcome) for n, outcome in outcomes if states.get(n) != "decided"]


def _all_corrected(tx: Transaction, keys: dict[str, str], tasks: list[int]) -> list[int]:
    """Of these tasks, those of which no annotation waits for its correction any more."""
    if not tasks:
        return []
    waiting = {n for n, _ in tx.tuples("returned_open", **keys, tasks=tasks)}
    return [n for n in tasks if n not in waiting]


def _rounds(tx: Transaction, keys: dict[str, str], tasks: list[int]) -> list[tuple[int, int]]:
    return [(r["n"], r["round"]) for r in tx.all("tasks_named", **keys, tasks=tasks)] if tasks else []


def _chosen(
    tx: Transaction, keys: dict[str, str], form: Form, outcomes: Outcomes
) -> list[tuple[int, int, int]]:
    """(number, round, worth) of the tasks that the policy wants reviewed."""
    policy = form.document.review
    if policy is None or policy.which == "hand" or not outcomes:
        return []
    tasks = [n for n, _ in outcomes]
    seed = tx.tuples("project_seed", project=keys["project"])[0][0]
    answers: dict[int, list[Any]] = defaultdict(list)
    if (policy.which, policy.by) == ("worth", "disagreement"):
        for n, _, body in tx.tuples("task_answers", **keys, tasks=tasks):
            answers[n].append(decode_json(answers_of(body)))
    doubts = _doubts(tx, keys, tasks) if (policy.which, policy.by) == ("worth", "annotator") else {}
    rounds = dict(_rounds(tx, keys, tasks))
    chosen = []
    for n, outcome in outcomes:
        task = Finished(
            number=n,
            round=rounds[n],
            answers=tuple(answers[n]),
            confidence=min((part["confidence"] for part in outcome.values()), default=1.0),
            doubts=doubts.get(n, 0.5),
        )
        worth = core.chosen(policy, form, seed, task)
        if worth is not None:
            chosen.append((n, rounds[n], worth))
    return chosen


def _doubts(tx: Transaction, keys: dict[str, str], tasks: list[int]) -> dict[int, float]:
    """task -> how likely its least proven annotator's answer does not stand."""
    pairs = tx.tuples("task_annotators", **keys, tasks=tasks)
    tallies = {
        member: core.doubts(accepted + fixed + returned, min(accepted + upheld, accepted + fixed + returned))
        for member, accepted, fixed, returned, upheld in tx.tuples(
            "review_tallies_of", **keys, members=sorted({member for _, member in pairs})
        )
    }
    worst: dict[int, float] = {}
    for n, member in pairs:
        worst[n] = max(worst.get(n, 0.0), tallies.get(member, core.doubts(0, 0)))
    return worst


def ask(tx: Transaction, at: Moment, row: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> int:
    """Send finished tasks to review by hand; how many come up now that did not before.

    What the policy has put before reviewers already comes first from now on, past the policy's share.

    Raises:
        Refused: the project has no review.
    """
    form = form_of(tx, row["organization"], row["id"], row["version"])
    if form.document.review is None:
        raise Refused(
            "review.off", "This project has no review.", "action", "Turn it on in the project's settings."
        )
    keys = {"organization": row["organization"], "project": row["id"]}
    done = [t for t in tasks if t["status"] == "done"]
    due = tx.tuples("due_worths", **keys, tasks=[t["n"] for t in done])
    up = {n for n, state, worth in due if state == "held" or (state == "waiting" and worth >= core.HAND)}
    rows: list[tuple[int, int, int, core.Why]] = [
        (t["n"], t["round"], core.HAND, "hand") for t in done if t["n"] not in up
    ]
    tx.append(core.asked(row["organization"], row["id"], rows), at)
    return len(rows)


# ---- the queue ---------------------------------------------------------------------------------


def next_(tx: Transaction, at: Moment, actor: Actor, project: str) -> wire.NextReview:
    """The review that the caller holds in this project, or a new one: the task that pays most."""
    row = project_row(tx, actor, project, "task.review")
    membership = actor.membership(row["organization"])
    assert membership is not None, "project_row has checked it"
    tx.tuples("review_head", project=project)  # on PostgreSQL this locks the queue: one decision at a time
    keys = {"organization": row["organization"], "project": project}
    held = tx.tuples("live_review", **keys, person=actor.person, now=at.ms)
    if held:
        return wire.NextReview(review=_fresh(tx, held[0][0]), queue=_queue(tx, keys))
    view = _queue_view(tx, at, row, actor.person)
    event = core.open_(view, actor.person, membership.member, new_id("rev"), at.ms)
    if event is None or row["state"] != "active":
        return wire.NextReview(review=None, queue=_queue(tx, keys), lack=_lack(tx, keys, view))
    tx.append([event], at)
    return wire.NextReview(review=_fresh(tx, event.review), queue=_queue(tx, keys))


def _queue(reader: Reader, keys: dict[str, str]) -> wire.ReviewQueue:
    rows = reader.tuples("review_counts", **keys)
    waiting, held, returned, decided = rows[0] if rows else (0, 0, 0, 0)
    return wire.ReviewQueue(waiting=waiting, held=held, returned=returned, decided=decided)


def _queue_view(tx: Transaction, at: Moment, row: dict[str, Any], person: str) -> QueueView:
    keys = {"organization": row["organization"], "project": row["id"]}
    document = form_of(tx, row["organization"], row["id"], row["version"]).document
    lapsed = [id_ for (id_,) in tx.tuples("lapsed_reviews", **keys, now=at.ms)]
    queue = _queue(tx, keys)
    due = tx.tuples("reviews_due", **keys, person=person, limit=LOOKED_AT)
    due += tx.tuples("reviews_lapsed_due", person=person, lapsed=lapsed)
    return QueueView(
        organization=row["organization"],
        project=row["id"],
        policy=document.review,
        lease_ms=document.lease_seconds * 1000,
        done=row["done"],
        spent=queue.held - len(lapsed) + queue.returned + queue.decided,
        due=tuple(
            Due(number=n, round=round_, worth=worth)
            for n, round_, worth in sorted(due, key=lambda row: (-row[2], row[0]))
        ),
        lapsed=tuple(lapsed),
    )


def _lack(tx: Transaction, keys: dict[str, str], view: QueueView) -> Any:
    """Why there is nothing to review."""
    if view.policy is None:
        return "off"
    if view.due:
        return "share"
    return "own" if _queue(tx, keys).waiting else "nothing"


# ---- one review --------------------------------------------------------------------------------


def _review_row(reader: Reader, actor: Actor, review: str, permission: str) -> dict[str, Any]:
    row = reader.one("review", id=review)
    if row is None:
        raise Missing("not-found", "There is no such review, or you may not see it.", review)
    require(actor, permission, row["organization"])
    if row["person"] != actor.person and row["state"] in ("live", "lapsed"):
        raise Missing("not-found", "There is no such review, or you may not see it.", review)
    return row


def _annotations(reader: Reader, row: dict[str, Any]) -> list[dict[str, Any]]:
    keys = {"organization": row["organization"], "project": row["project"], "task": row["task"]}
    return reader.all("review_annotations", **keys, round=row["round"])


def _record(reader: Reader, row: dict[str, Any]) -> tuple[bytes, bytes]:
    keys = {"organization": row["organization"], "project": row["project"], "task": row["task"]}
    record, mapping = reader.tuples("payload_of", **keys, round=row["round"])[0]
    return record, mapping


def _consensus(reader: Reader, row: dict[str, Any]) -> dict[str, Any]:
    keys = {"organization": row["organization"], "project": row["project"]}
    found = reader.tuples("task_consensus", **keys, tasks=[row["task"]])
    return decode_json(found[0][1]) if found else {}


def get(reader: Reader, actor: Actor, review: str) -> wire.Review:
    """A review: the caller's own, or a decided one of the organization's."""
    return _review(reader, _review_row(reader, actor, review, "review.read"))


def _review(reader: Reader, row: dict[str, Any]) -> wire.Review:
    review = row["id"]
    form = form_of(reader, row["organization"], row["project"], row["version"])
    shows, decided = core.shown_before(form), row["seq"] > 0
    seen = decided or shows != "task"
    annotations = _annotations(reader, row)
    answers, comment = stood(row["body"]) if decided else (b"", "")
    earlier = of_tasks(reader, row["organization"], row["project"], [row["task"]])[row["task"]]
    outcomes = {id_: what for one in earlier if one.review_id == review for id_, what in one.outcomes.items()}
    named = shows == "all" or (decided and row["due"] == "decided")  # sent back, it will be reviewed again
    consensus = _consensus(reader, row) if seen else {}
    by = _reason(form, row)
    return wire.Review(
        id=review,
        task_id=task_id(row["project"], row["task"]),
        project_id=row["project"],
        version=row["version"],
        state=row["state"],
        why=row["why"],
        shows=shows,
        expires_at=when(row["expires_ms"]),
        data=shown_data(*_record(reader, row), form.shown),
        annotations=[
            _reviewed_answer(a, _apart(form, a, consensus) if seen else None, named, outcomes.get(a["id"]))
            for a in annotations
        ],
        consensus=msgspec.convert(consensus, dict[str, wire.Answer]),
        revision=sum(a["revision"] for a in annotations),
        earlier=[one for one in earlier if one.review_id != review] if seen else [],
        comment=comment,
        answers=decode_json(answers) if answers else None,
        place=(row["project"], row["opened_n"]),
        by=by,
        worth=row["worth"] / 1000 if by and seen else None,
    )


def _reason(form: Form, row: dict[str, Any]) -> Literal["doubt", "disagreement", "annotator"] | None:
    """By what a task that the policy chose came first, while it is before the reviewer."""
    policy = form.document.review
    chosen = row["why"] == "policy" and row["due"] == "held" and row["worth"] < core.HAND
    return policy.by if chosen and policy is not None and policy.which == "worth" else None


def _apart(form: Form, a: dict[str, Any], consensus: dict[str, Any]) -> dict[str, float]:
    standing = {question: part["value"] for question, part in consensus.items()}
    away = core.distances(form, decode_json(answers_of(a["body"])), standing)
    return {question: round(value, 4) for question, value in away.items()}


def stood(body: bytes) -> tuple[bytes, str]:
    """What a review came to: the answers that stand, b"" when none do, and its comment."""
    return reviewed_answers_of(body), private(body)[2].decode()


def _fresh(reader: Reader, review: str) -> wire.Review:
    row = reader.one("review", id=review)
    assert row is not None, "it was just found or made"
    return _review(reader, row)


def _reviewed_answer(
    a: dict[str, Any], apart: dict[str, float] | None, named: bool, outcome: str | None
) -> wire.ReviewedAnswer:
    seen = apart is not None
    return wire.ReviewedAnswer(
        assignment_id=a["id"],
        answers=decode_json(answers_of(a["body"])) if seen else None,
        seconds=a["ms"] / 1000 if a["ms"] >= 0 and named else None,
        kind=a["kind"] if named else None,
        annotator=a["member"] if named else None,
        name=a["name"] if named else None,
        outcome=outcome,  # type: ignore[arg-type]  # outcomes are checked where they are made
        apart=apart or {},
    )


def of_tasks(
    reader: Reader, organization: str, project: str, tasks: list[int]
) -> dict[int, list[wire.EarlierReview]]:
    """The decided reviews of these tasks, oldest first."""
    keys = {"organization": organization, "project": project, "tasks": tasks}
    outcomes: dict[str, dict[str, str]] = defaultdict(dict)
    found: dict[int, list[wire.EarlierReview]] = defaultdict(list)
    rows = reader.all("task_reviews", **keys)
    if rows:
        for review, assignment, outcome in reader.tuples("task_judgements", **keys):
            outcomes[review][assignment] = outcome
    for row in rows:
        answers, comment = stood(row["body"])
        found[row["task"]].append(
            wire.EarlierReview(
                review_id=row["id"],
                decision=row["state"],
                reviewer=row["member"],
                name=row["name"],
                comment=comment,
                answers=decode_json(answers) if answers else None,
                outcomes=outcomes[row["id"]],
                decided_at=when(row["closed_ms"]),
            )
        )
    return found


def decide(
    tx: Transaction, at: Moment, actor: Actor, review: str, request: wire.ReviewDecision
) -> wire.Review:
    """Accept, fix, send back or pass over. The same again gives the same."""
    row = _review_row(tx, actor, review, "task.review")
    if row["person"] != actor.person:
        raise Missing("not-found", "There is no such review, or it is not yours.", review)
    if _is_same(row, request):
        return _fresh(tx, review)
    tx.tuples("review_head", project=row["project"])
    view = _review_view(tx, row)
    event = _spoken(tx, at, view, core.decide(view, _word(request)), request)
    placed = tx.append([event], at)
    if event.stored:
        outcome = core.stands(decode_json(event.stored))
        conclude(tx, at, row, event.task, outcome, placed[0].place)
    return _fresh(tx, review)


def _spoken(
    tx: Transaction, at: Moment, view: ReviewView, event: Reviewed, request: wire.ReviewDecision
) -> Reviewed:
    """A review in the reviewer's own words: what they decided, about whose answers, and what they took for
    the answer that stands. What it comes to is kept beside."""
    decision = {"assignments": sorted(request.assignment_ids), "decision": request.decision}
    answers: Any = request.answers if request.decision == "fix" else dict(view.consensus)
    means = {"decision": decision, "answers": answers} if event.answers else {"decision": decision}
    said = signing.spoken(tx, at, view.person, event, request.signed, view.opened, means)
    if said.said is None:
        return event
    return msgspec.structs.replace(said, became=event.outcome, counted=event.answers)


def _is_same(row: dict[str, Any], request: wire.ReviewDecision) -> bool:
    """Whether exactly this was decided before: a client that had no answer sends it again."""
    made = {"accept": "accepted", "fix": "fixed", "return": "returned", "skip": "skipped"}
    if not row["seq"] or row["state"] != made[request.decision]:
        return False
    answers = reviewed_answers_of(row["body"])
    given = private(row["body"])[1]
    return (
        request.answers is None
        or not answers
        or request.answers in (decode_json(answers), decode_json(given))
    )


def _word(request: wire.ReviewDecision) -> Word:
    return Word(
        decision=request.decision,
        answers=request.answers,
        comment=request.comment,
        assignments=tuple(request.assignment_ids),
        revision=request.revision,
        seconds=request.seconds,
    )


def _review_view(tx: Transaction, row: dict[str, Any]) -> ReviewView:
    form = form_of(tx, row["organization"], row["project"], row["version"])
    return ReviewView(
        review=row["id"],
        organization=row["organization"],
        project=row["project"],
        number=row["task"],
        round=row["round"],
        person=row["person"],
        member=row["member"],
        opened=Place(row["project"], row["opened_n"]),
        state=row["state"],
        due=row["due"] if row["due_round"] == row["round"] else "",
        form=form,
        data=shown_data(*_record(tx, row), form.shown),
        annotations=tuple(_judged(a) for a in _annotations(tx, row)),
        consensus={question: part["value"] for question, part in _consensus(tx, row).items()},
    )


def _judged(a: dict[str, Any]) -> Judged:
    return Judged(
        assignment=a["id"],
        member=a["member"],
        person=a["person"],
        revision=a["revision"],
        seq=a["seq"],
        place=Place(a["stream"], a["n"]),
        answers=decode_json(answers_of(a["body"])),
    )


def conclude(
    tx: Transaction, at: Moment, row: Mapping[str, Any], n: int, outcome: dict[str, Any], cause: Place
) -> None:
    """The answer that stands becomes the consensus of the task, by the event that says so."""
    events = consensus.concluded(row["organization"], row["project"], [(n, outcome)])
    tx.append([msgspec.structs.replace(event, causes=(cause,)) for event in events], at)


def list_(
    reader: Reader, actor: Actor, project: str, after: str | None = None, limit: int = 50
) -> wire.Page[wire.ReviewRow]:
    """The project's decided reviews, newest first."""
    row = project_row(reader, actor, project, "review.read")
    before_ms, before_id = read_time(after, NEWEST)
    keys = {"organization": row["organization"], "project": project}
    rows = reader.all("reviews_closed", **keys, before_ms=before_ms, before_id=before_id, limit=limit)
    document = form_of(reader, row["organization"], project, row["version"]).document
    items = [_row(project, r, document) for r in rows]
    return wire.Page(items=items, next=next_time(rows, limit, "closed_ms"))


def _row(project: str, r: dict[str, Any], document: Any) -> wire.ReviewRow:
    data, _ = split(r["record"], r["mapping"])
    return wire.ReviewRow(
        id=r["id"],
        task_id=task_id(project, r["task"]),
        summary=summary(data, document),
        decision=r["state"],
        reviewer=r["member"],
        name=r["name"],
        comment=private(r["body"])[2].decode(),
        seconds=r["ms"] / 1000 if r["ms"] >= 0 else None,
        decided_at=when(r["closed_ms"]),
    )
