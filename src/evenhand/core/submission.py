"""Answers in: which are taken, which are kept as surplus, which are refused and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from evenhand.core import pay
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import NO_RECORD
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Flagged, Place, Said, Skipped, Submitted
from evenhand.core.intake import shown_data
from evenhand.core.project import Form, asked

MAX_ANSWERS = 1 << 20  # bytes of JSON
MAX_SECONDS = 7 * 86400

_encode = msgspec.json.Encoder(order="sorted").encode


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a task that decide whether an answer counts."""

    status: str
    free: int
    leased: int
    answered: int
    overlap: int
    round: int


class SubmissionView(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about one submission depends on."""

    assignment: str
    organization: str
    project: str
    number: int  # of the task
    round: int  # of the task's data, when it was given out
    person: str
    member: str
    window: Place  # where the lease stands
    state: str
    revision: int
    record: bytes
    mapping: bytes
    form: Form  # of the version that the annotator saw
    task: TaskView
    opened_ms: int = 0  # when it was given out
    had_ms: int | None = None  # how long the person has had it; None: nobody else counts (see `accept`)
    spent: int = 0  # ms that earlier revisions were credited
    again: str = ""  # of a lapsed assignment: the one by which the same person has the task since


def accept(
    view: SubmissionView,
    answers: Mapping[str, Any],
    seconds: float | None,
    revision: int | None,
    signed: bool = False,
) -> Submitted:
    """The event that a submission makes.

    An answer in time takes the slot that was reserved for it. A late one takes a slot that is still
    free, else it is kept as surplus, outside the overlap, so that no work is lost and no count is
    exceeded. A correction names the revision that it replaces.

    In a shared pool an audit compares the time that is told with the age of the lease. What is told beyond
    that is cut, so that no annotator can make the node look like a liar; what is signed is refused.

    Args:
        signed: whether the person signs what they say.

    Raises:
        Invalid: an answer does not fit its question; `where` is its path.
        Refused: the assignment was recalled or skipped, or the revision is not the one in force.
    """
    if view.record == NO_RECORD:
        raise Refused("task.erased", "The task's data were erased.", "assignment", "Ask for the next one.")
    correction = _check_state(view, revision)
    dumped = check_answers(view.form, answers, shown_data(view.record, view.mapping, view.form.shown))
    counts = view.state != "surplus" if correction else takes_slot(view)
    ms, paid = _within(view.had_ms, active_ms(seconds), signed), view.form.document.pay
    credited = pay.credited(paid, ms, view.spent) if paid else 0
    return Submitted(
        stream=view.person,
        causes=(view.window,),
        owner=view.organization,
        slot=slot_of(view.assignment),
        ms=ms,
        revision=view.revision + 1,
        surplus=0 if counts else 1,
        answers=encoded(dumped),
        assignment=view.assignment,
        project=view.project,
        task=view.number,
        member=view.member,
        was=view.state,
        completes=not correction
        and counts
        and view.task.status == "open"
        and view.task.answered + 1 >= view.task.overlap,
        rate=pay.rate_of(paid) if paid else "",
        credited=credited,
        spent=view.spent + credited,
    )


def as_said(event: Submitted, said: Said, value: bytes) -> Submitted:
    """The event with its actor's statement, which commits to `value`: answers that mean the same."""
    counted = b"" if value == event.answers else event.answers
    return msgspec.structs.replace(event, said=said, answers=value, counted=counted)


def _check_state(view: SubmissionView, revision: int | None) -> bool:
    """Whether this is a correction."""
    if view.state in ("recalled", "skipped"):
        why = "was taken back, because its data changed" if view.state == "recalled" else "was skipped"
        raise Refused("assignment.closed", f"This assignment {why}.", "assignment", "Ask for the next one.")
    _check_again(view)
    correction = view.state in ("submitted", "surplus")
    if correction and revision != view.revision:
        raise Refused(
            "assignment.revision",
            f"Revision {view.revision} is in force, and this replaces {revision}.",
            "revision",
            "Load the answers in force and decide again.",
        )
    return correction


def _check_again(view: SubmissionView) -> None:
    """A lapsed assignment whose task the same person was given again: one answer of each counts."""
    if view.again:
        reason = "Its time was over, and you were given the same task again."
        raise Refused(
            "assignment.again", reason, view.again, "Answer that one; what you wrote here is not lost."
        )


def takes_slot(view: SubmissionView) -> bool:
    """Whether a first answer counts towards the overlap."""
    task = view.task
    if task.status == "withdrawn" or view.round != task.round:
        return False
    return view.state == "live" or task.free > 0 or task.status == "gold"


def after(task: TaskView, event: Submitted) -> TaskView:
    """The task's counts once the event is taken, for the next decision in the same group."""
    if event.revision > 1 or event.surplus:
        return task
    answered = task.answered + 1
    leased = task.leased - (1 if event.was == "live" else 0)
    status = "done" if task.status == "open" and answered >= task.overlap else task.status
    free = max(task.overlap - answered - leased, 0) if task.status == "open" else 0
    return TaskView(
        status=status, free=free, leased=leased, answered=answered, overlap=task.overlap, round=task.round
    )


def check_answers(form: Form, answers: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The answers that count, checked and in stored form: question id -> JSON.

    Raises:
        Invalid: an unknown question, a missing answer, or one that its label type refuses.
    """
    if not answers.keys() <= form.labels.keys():
        unknown = next(name for name in answers if name not in form.labels)
        known = ", ".join(form.labels)
        raise Invalid(
            "answer.question", "There is no such question.", f"answers.{unknown}", f"Questions: {known}."
        )
    dumped: dict[str, Any] = {}
    for question in asked(form.document.questions, answers):
        raw = answers.get(question.id)
        if raw is None:
            if question.required:
                raise Invalid("answer.required", "This question needs an answer.", f"answers.{question.id}")
            continue
        label = form.labels[question.id]
        try:
            dumped[question.id] = label.dump(label.parse(raw, data))
        except Invalid as error:
            raise Invalid(
                error.rule, error.reason, f"answers.{question.id}{error.where}", error.remedy
            ) from error
    return dumped


def encoded(dumped: Mapping[str, Any]) -> bytes:
    given = _encode(dumped)
    if len(given) > MAX_ANSWERS:
        raise Invalid(
            "answer.size", f"The answers have more than {MAX_ANSWERS} bytes.", "answers", "Shorten them."
        )
    return given


def active_ms(seconds: float | None) -> int:
    """Active time in ms, rounded to 100; -1 when it was not told."""
    if seconds is None:
        return -1
    if not 0 <= seconds <= MAX_SECONDS:
        raise Invalid("answer.seconds", f"Active time is 0 to {MAX_SECONDS} seconds.", "seconds")
    return round(seconds * 10) * 100


SKEW_MS = 50_000  # by which clocks may differ; an audit allows ten seconds more


def _within(had_ms: int | None, ms: int, signed: bool) -> int:
    """Active time, as far as the person has had the task."""
    if had_ms is None or ms <= had_ms:
        return ms
    if signed and ms > had_ms + SKEW_MS:
        reason = f"You have had this task for {had_ms // 1000} seconds, and signed {ms // 1000}."
        raise Invalid("answer.seconds", reason, "seconds", "Sign again, with the time that you worked on it.")
    return ms if signed else max(had_ms, 0) // 100 * 100


def skip(view: SubmissionView, reason: str) -> Skipped:
    """The event that giving a task back makes.

    Raises:
        Refused: the project does not allow it, or the assignment is over.
    """
    if not view.form.document.skip:
        raise Refused("assignment.skip", "This project does not allow skipping.", "", "Answer or flag it.")
    if view.state not in ("live", "lapsed"):
        raise Refused("assignment.closed", "This assignment is over.", "assignment", "Ask for the next one.")
    _check_again(view)
    return _remark(Skipped, view, reason)


def flag(view: SubmissionView, reason: str) -> Flagged:
    """The event that marking a task for the manager makes."""
    return _remark(Flagged, view, reason)


R = TypeVar("R", Skipped, Flagged)


def _remark(kind: type[R], view: SubmissionView, reason: str) -> R:
    return kind(
        stream=view.person,
        causes=(view.window,),
        owner=view.organization,
        slot=slot_of(view.assignment),
        reason=_reason(reason),
        assignment=view.assignment,
        project=view.project,
        task=view.number,
        member=view.member,
        was=view.state,
    )


def _reason(reason: str) -> bytes:
    if len(reason) > 2000:
        raise Invalid("reason.length", "A reason has at most 2000 characters.", "reason", "Shorten it.")
    try:
        return reason.encode()
    except UnicodeEncodeError as error:
        raise Invalid("reason.text", "The reason holds half a character.", "reason") from error
