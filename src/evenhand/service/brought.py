"""Annotations from another tool: who gave them becomes a member, and each is an event of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from evenhand import wire
from evenhand.core import brought, submission
from evenhand.core.brought import BroughtView
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import MAX_ROWS, Brought, Moment
from evenhand.core.intake import shown_data
from evenhand.core.policy import Actor, require
from evenhand.core.project import Form
from evenhand.core.submission import TaskView
from evenhand.service import members
from evenhand.service.consensus import conclude
from evenhand.service.ids import new_ordered_id
from evenhand.service.view import decode_json, form_of, project_row, when
from evenhand.store import Transaction
from evenhand.store.codec import answers_of

Member = tuple[str, str]  # id of the member, person


def bring(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.BroughtAnnotations
) -> wire.BroughtReport:
    """Take annotations that were given elsewhere, at most `MAX_ROWS` at once. The same again adds nothing.

    Tasks are named by their external ids. Whoever is not known yet becomes an annotator of the
    organization who cannot sign in; one with the e-mail address of a member is that member.

    Raises:
        Invalid: there are too many.
        Refused: the project takes none any more.
    """
    row = project_row(tx, actor, project, "import.manage")
    require(actor, "member.manage", row["organization"])
    if row["state"] in ("archived", "deleted"):
        raise Refused("project.state", f"The project is {row['state']}.", "", "Make it active first.")
    given = request.annotations
    if len(given) > MAX_ROWS:
        raise Invalid("brought.count", f"At most {MAX_ROWS} come at once.", "annotations", "Send them apart.")
    form = form_of(tx, row["organization"], project, row["version"])
    who = members_for(tx, at, row["organization"], given)
    return _Bringing(tx, at, row, form, who).take(given)


def bring_predicted(
    tx: Transaction,
    at: Moment,
    project: str,
    key: str,
    name: str,
    answers: Mapping[int, dict[str, Any]],
) -> wire.BroughtReport:
    """Take what a model said of some tasks, as annotations of a model annotator.

    What does not answer every required question, or other than it did before, is left out.

    Args:
        key: of the model, with what it comes from before it.
        name: of the model.
        answers: number of the task -> answers.
    """
    row = tx.one("project", project=project)
    assert row is not None, "the caller has it"
    given = [
        wire.BroughtAnnotation(
            line=n,
            external_id=str(n),
            annotator=key,
            name=name,
            kind="model",
            answers=one,
            submitted_at=when(at.ms),
        )
        for n, one in answers.items()
    ]
    form = form_of(tx, row["organization"], project, row["version"])
    who = members_for(tx, at, row["organization"], given)
    return _Bringing(tx, at, row, form, who).take_by_number(given)


def bring_from_partner(
    tx: Transaction,
    at: Moment,
    project: str,
    partner: tuple[str, str],
    given: Sequence[wire.BroughtAnnotation],
) -> wire.BroughtReport:
    """Take annotations that another node delivered of its share, at most `MAX_ROWS` at once.

    Args:
        partner: origin of its ledger, and what it is called here: whom these annotators work for.
        given: `external_id` is the number of the task, `annotator` has the node's origin before it.
    """
    row = tx.one("project", project=project)
    assert row is not None, "a share is of a project"
    form = form_of(tx, row["organization"], project, row["version"])
    who = members_for(tx, at, row["organization"], given)
    works = {"organization": row["organization"], "origin": partner[0], "name": partner[1]}
    tx.many("put_partner_member", [{**works, "member": member} for member, _ in who.values()])
    return _Bringing(tx, at, row, form, who).take_by_number(given)


class _Bringing:
    """One call, while its annotations are decided one after the other."""

    def __init__(
        self, tx: Transaction, at: Moment, row: dict[str, Any], form: Form, members: dict[str, Member]
    ) -> None:
        self._tx, self._at, self._row, self._form, self._members = tx, at, row, form, members
        self._keys = {"organization": row["organization"], "project": row["id"]}
        self._events: list[Brought] = []
        self._taken: dict[tuple[int, str], bytes] = {}  # (task, person) -> answers
        self._held: set[tuple[int, str]] = (
            set()
        )  # (task, person) who has it here without an answer that counts
        self._views: dict[str, tuple[int, TaskView, bytes, bytes]] = {}
        self._done: set[int] = set()  # tasks that were done before this call

    def take(self, given: Sequence[wire.BroughtAnnotation]) -> wire.BroughtReport:
        externals = sorted({one.external_id for one in given})
        self._load(self._tx.tuples("brought_tasks", **self._keys, externals=externals))
        return self._all(given)

    def take_by_number(self, given: Sequence[wire.BroughtAnnotation]) -> wire.BroughtReport:
        """The same where `external_id` holds the number of the task."""
        numbers = sorted({int(one.external_id) for one in given})
        self._load(self._tx.tuples("brought_tasks_by_number", **self._keys, tasks=numbers))
        return self._all(given)

    def _load(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for name, n, round_, *counts, record, mapping in rows:
            status, free, leased, answered, overlap = counts
            view = TaskView(
                status=status, free=free, leased=leased, answered=answered, overlap=overlap, round=round_
            )
            self._views[str(name)] = (n, view, record, mapping)
            if status == "done":
                self._done.add(n)
        self._load_before({n: view.round for n, view, _, _ in self._views.values()})

    def _load_before(self, rounds: dict[int, int]) -> None:
        """What was answered to these tasks already, in the round in force."""
        for n, round_, person, state, body in self._tx.tuples(
            "brought_before", **self._keys, tasks=list(rounds)
        ):
            if round_ != rounds[n]:
                continue
            if state in ("submitted", "surplus"):
                self._taken[n, person] = answers_of(body)
            else:
                self._held.add((n, person))

    def _all(self, given: Sequence[wire.BroughtAnnotation]) -> wire.BroughtReport:
        present, rejected = 0, []
        for one in given:
            try:
                present += not self._one(one)
            except Invalid as error:
                rejected.append(wire.Rejected(line=one.line, path=error.where, reason=error.reason))
        self._write()
        return wire.BroughtReport(accepted=len(self._events), present=present, rejected=rejected)

    def _one(self, one: wire.BroughtAnnotation) -> bool:
        """Whether this annotation is new.

        Raises:
            Invalid: it cannot be taken.
        """
        if one.external_id not in self._views:
            reason = f"No task of this project has the external id {one.external_id!r}."
            raise Invalid("brought.task", reason, "external_id", "Import the tasks first.")
        n, task, record, mapping = self._views[one.external_id]
        member, person = self._members[one.annotator]
        before = self._taken.get((n, person))
        if before is not None:
            data = shown_data(record, mapping, self._form.shown)
            if submission.check_answers(self._form, one.answers, data) == decode_json(before):
                return False
            reason = "This annotator has other answers to this task here."
            raise Invalid("brought.twice", reason, "annotator", "Keep one of them.")
        if (n, person) in self._held:
            reason = "This annotator has been given this task here, and has not answered it."
            raise Invalid("brought.held", reason, "annotator", "Answer it here.")
        view = BroughtView(
            assignment=new_ordered_id("asg", self._at.ms + len(self._events)),  # in the order of the source
            number=n,
            version=self._row["version"],
            person=person,
            member=member,
            record=record,
            mapping=mapping,
            form=self._form,
            task=task,
            **self._keys,
        )
        event = brought.bring(view, one.answers, _ms(one.submitted_at), one.seconds, self._at)
        self._events.append(event)
        self._taken[n, person] = event.answers
        self._views[one.external_id] = (n, brought.after(task), record, mapping)
        return True

    def _write(self) -> None:
        self._tx.append(self._events, self._at)
        touched = {event.task: (event.member, event.answers) for event in self._events}
        alone = {n for n, view, _, _ in self._views.values() if view.answered == 1}
        full = {event.task for event in self._events if event.completes} | (touched.keys() & self._done)
        if full:
            again = sorted(full & self._done)
            owner, project = self._row["organization"], self._row["id"]
            only = {n: touched[n] if n in alone else None for n in sorted(full)}
            conclude(self._tx, self._at, owner, project, only, again)


def _ms(text: str) -> int:
    """RFC 3339 as milliseconds; a time without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        reason = f"{text[:40]!r} is no time."
        raise Invalid("brought.time", reason, "submitted_at", "Write RFC 3339.") from error
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


class Giver(Protocol):
    """Who gave something elsewhere."""

    @property
    def annotator(self) -> str:
        """What they are called there."""

    @property
    def name(self) -> str:
        """ "" when it is not told."""

    @property
    def email(self) -> str | None:
        """With a member's address it is that member."""

    @property
    def kind(self) -> Literal["human", "model"]:
        """A person, or a model."""


def members_for(tx: Transaction, at: Moment, organization: str, given: Sequence[Giver]) -> dict[str, Member]:
    """Key of each annotator in the other tool -> the member here, who is made when there is none."""
    people: dict[str, Giver] = {}
    for one in given:  # the first that says a name speaks for all
        if one.annotator not in people or (one.name and not people[one.annotator].name):
            people[one.annotator] = one
    known = {
        key: (member, person)
        for key, member, person in tx.tuples("brought_by", organization=organization, keys=sorted(people))
    }
    for key, one in sorted(people.items()):
        if key not in known:
            known[key] = _member(tx, at, organization, one)
            tx.run("put_brought_by", organization=organization, key=key, member=known[key][0])
    return known


def _member(tx: Transaction, at: Moment, organization: str, one: Giver) -> Member:
    email = (one.email or "").strip().lower()
    rows = tx.tuples("member_by_email", email=email, organization=organization) if email else []
    if rows:
        return rows[0][0], rows[0][1]
    name = one.name or email or one.annotator
    return members.put_annotator(tx, at, organization, name, one.kind)
