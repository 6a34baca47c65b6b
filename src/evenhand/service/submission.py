"""The verb by which answers come in, decided for all who submit at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import merkle
from evenhand.core import submission as core
from evenhand.core.errors import EvenhandError, Missing, Refused
from evenhand.core.events import Brought, Moment, Place, Submitted
from evenhand.core.intake import shown_data
from evenhand.core.policy import Actor, is_lent, labels_anywhere, require
from evenhand.core.receipt import Opening, Receipt
from evenhand.core.submission import SubmissionView, TaskView
from evenhand.lane import group
from evenhand.service import gold, signing, windows
from evenhand.service.consensus import conclude_where_due
from evenhand.service.view import decode_json, form_of, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import Placed, answers_of, decode

SubmitArgs = tuple[Actor, str, wire.Submission]


def _submit_all(tx: Transaction, at: Moment, calls: Sequence[SubmitArgs]) -> list[Any]:
    """Decide all submissions of a group; a second one for the same assignment waits for the first."""
    outcomes: list[Any] = [None] * len(calls)
    todo = list(range(len(calls)))
    while todo:
        now: list[int] = []
        later: list[int] = []
        seen: set[str] = set()
        for i in todo:
            (later if calls[i][1] in seen else now).append(i)
            seen.add(calls[i][1])
        _submit_distinct(tx, at, calls, now, outcomes)
        todo = later
    return outcomes


@group(_submit_all)
def submit(
    tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.Submission
) -> wire.Submitted:
    """Take the answers to one assignment. The assignment's id makes it idempotent: the same again gives
    the same receipt again. A correction names the revision that it replaces."""
    outcome = _submit_all(tx, at, [(actor, assignment, request)])[0]
    if isinstance(outcome, EvenhandError):
        raise outcome
    result: wire.Submitted = outcome
    return result


def _submit_distinct(
    tx: Transaction, at: Moment, calls: Sequence[SubmitArgs], indices: list[int], outcomes: list[Any]
) -> None:
    ids = [calls[i][1] for i in indices]
    windows.lock_where_closed(tx, ids)
    sent = _submission_views(tx, ids)
    asked = signing.asked(tx, {calls[i][0].person for i in indices})
    demand = signing.demand_now(tx, at)
    keys, views = asked(), {view[0].assignment: view for view in sent()}
    tasks: dict[tuple[str, int], TaskView] = {}
    accepted: list[tuple[int, Submitted, SubmissionView]] = []
    for i in indices:
        actor, assignment, request = calls[i]
        try:
            view, seq = _own(tx, views.get(assignment), actor)
            if _is_replay(view, request) and _same_answers(tx, seq, view, request):
                outcomes[i] = _replayed(tx, at, seq, view)
                continue
            if is_lent(view.member):
                view = msgspec.structs.replace(view, had_ms=at.ms - view.opened_ms)
            if view.revision and view.form.document.pay:
                view = msgspec.structs.replace(view, spent=_spent(tx, view, seq))
            key = (view.project, view.number)
            if key in tasks or view.state == "lapsed":
                again = given_again(tx, view)
                view = msgspec.structs.replace(view, task=tasks.get(key, view.task), again=again)
            event = core.accept(
                view, request.answers, request.seconds, request.revision, request.signed is not None
            )
            event = signing.submitted(tx, demand, keys[actor.person], event, request)
            tasks[key] = core.after(view.task, event)
            accepted.append((i, event, view))
        except EvenhandError as error:
            outcomes[i] = error
    _take(tx, at, accepted, outcomes)


def _take(
    tx: Transaction, at: Moment, accepted: list[tuple[int, Submitted, SubmissionView]], outcomes: list[Any]
) -> None:
    if not accepted:
        return
    placed = tx.append([event for _, event, _ in accepted], at)
    tx.run("delete_draft", ids=[event.assignment for _, event, _ in accepted])
    conclude_where_due(tx, at, [(event, view) for _, event, view in accepted])
    gold.score(tx, at, [(event, view) for _, event, view in accepted])
    for (i, _, _), result in zip(accepted, _receipts(tx, at, placed), strict=True):
        outcomes[i] = result


def _submission_views(
    reader: Reader, ids: Sequence[str]
) -> Callable[[], Iterable[tuple[SubmissionView, int]]]:
    """Send the question for what the decisions about these depend on; what this gives fetches the answer."""
    query = "submission_views" if isinstance(reader, Transaction) else "submission_views_read"
    rows = reader.ahead(query, ids=list(ids))
    return lambda: _views(reader, rows())


def _views(reader: Reader, rows: Sequence[tuple[Any, ...]]) -> Iterable[tuple[SubmissionView, int]]:
    for row in rows:
        (id_, org, project, n, round_, person, member, version, pool, window_n, state, revision, seq) = row[
            :13
        ]
        yield (
            SubmissionView(
                assignment=id_,
                organization=org,
                project=project,
                number=n,
                round=round_,
                person=person,
                member=member,
                window=Place(pool, window_n),
                state=state,
                revision=revision,
                record=row[13],
                mapping=row[14],
                form=form_of(reader, org, project, version),
                task=TaskView(
                    status=row[15],
                    free=row[16],
                    leased=row[17],
                    answered=row[18],
                    overlap=row[19],
                    round=row[20],
                ),
                opened_ms=row[21],
            ),
            seq,
        )


def own_view(reader: Reader, actor: Actor, assignment: str) -> tuple[SubmissionView, int]:
    """What decides about one of the actor's own assignments, and where in the store its newest event is.

    Raises:
        Missing: there is no such assignment, or it is not the actor's.
        Refused: the actor may not label there any more.
    """
    return _own(reader, next(iter(_submission_views(reader, [assignment])()), None), actor)


def _own(
    reader: Reader, found: tuple[SubmissionView, int] | None, actor: Actor
) -> tuple[SubmissionView, int]:
    """The view, if the assignment is the actor's own and the actor may still label there."""
    if found is None or found[0].person != actor.person:
        raise Missing("not-found", "There is no such assignment, or it is not yours.", "assignment")
    if is_lent(found[0].member) and labels_anywhere(actor):
        windows.require_open(reader, found[0].assignment)
    else:
        require(actor, "task.label", found[0].organization)
    return found


def given_again(reader: Reader, view: SubmissionView) -> str:
    """The assignment by which the same person has this task since; "" when none, or it never lapsed."""
    if view.state != "lapsed":
        return ""
    keys = {"organization": view.organization, "project": view.project, "task": view.number}
    found = reader.one("given_again", **keys, round=view.round, person=view.person)
    return str(found["id"]) if found else ""


def _is_replay(view: SubmissionView, request: wire.Submission) -> bool:
    """Whether exactly this was taken before: the first answers again, or the last correction again."""
    if view.state not in ("submitted", "surplus"):
        return False
    return request.revision == view.revision - 1 if request.revision else view.revision >= 1


def _same_answers(tx: Transaction, seq: int, view: SubmissionView, request: wire.Submission) -> bool:
    """Whether these are the answers in force. Others come from another device of the same person: to
    answer them with the receipt of the first would lose them in silence."""
    stored = decode_json(answers_of(tx.all("events_by_seq", seqs=[seq])[0]["body"]))
    data = shown_data(view.record, view.mapping, view.form.shown)
    same: bool = core.check_answers(view.form, request.answers, data) == stored
    return same


def _spent(tx: Transaction, view: SubmissionView, seq: int) -> int:
    """Milliseconds that the revisions so far were credited, the newest of which stands at `seq`."""
    row = tx.all("events_by_seq", seqs=[seq])[0]
    event = decode(seq, row["entry"], row["body"], row["organization"]).event
    assert isinstance(event, Submitted | Brought), "these have revisions"
    return max(event.credited, getattr(event, "spent", 0))


def _replayed(tx: Transaction, at: Moment, seq: int, view: SubmissionView) -> wire.Submitted:
    epochs = tx.tuples("epochs")
    if epochs and seq <= epochs[-1][2]:  # a promise of today's log would be broken: it never gets this leaf
        raise Refused(
            "submission.earlier-log",
            "This answer is kept. It was taken before the node was restored, under its earlier log.",
            "assignment",
            "Keep the receipt that came then.",
        )
    row = tx.all("events_by_seq", seqs=[seq])[0]
    return _receipts(tx, at, [decode(seq, row["entry"], row["body"], row["organization"])])[0]


def _receipts(tx: Transaction, at: Moment, placed: Sequence[Placed]) -> list[wire.Submitted]:
    leaves = [merkle.leaf_hash(p.entry) for p in placed]
    promises = tx.node.promise(leaves, at.ms)
    return [_submitted(p, leaf, promise) for p, leaf, promise in zip(placed, leaves, promises, strict=True)]


def _submitted(p: Placed, leaf: bytes, promise: Any) -> wire.Submitted:
    event = p.event
    assert isinstance(event, Submitted), "only submissions have receipts"
    opening = Opening(field="answers", salt=p.salts[0], value=event.answers)
    receipt = Receipt(
        place=(event.stream, p.n), entry=p.entry, leaf=leaf, openings=(opening,), promise=promise
    )
    return wire.Submitted(
        assignment_id=event.assignment,
        state="surplus" if event.surplus else "submitted",
        revision=event.revision,
        submitted_at=when(p.ms),
        receipt=receipt,
    )
