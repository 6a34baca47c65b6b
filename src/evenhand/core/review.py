"""Review: which tasks a reviewer sees, what a decision does, and how an appeal against it ends.

The unit is a task with all its answers. A reviewer accepts what they come to, gives the answer that
stands instead, or sends some of them back with a comment. An answer that a review gave or accepted is
the consensus, by the method `METHOD`, until the task's data are corrected: later answers, corrections and
better methods of combining do not move it; an appeal that is upheld does.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import msgspec

from evenhand.core.allocation import slot_of
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import MAX_ROWS, AppealDecided, Appealed, Place, ReviewAsked, Reviewed, ReviewOpened
from evenhand.core.label import readable
from evenhand.core.policy import Actor, allows
from evenhand.core.project import Form, ReviewPolicy
from evenhand.core.submission import active_ms, check_answers, encoded

METHOD = "review"
MAX_TEXT = 2000  # code points of a comment or an appeal
HAND = 2000  # worth of a task that somebody sent to review; what the policy chose has 0 to 1000
AGAIN = 3000  # worth of a task that was sent back and corrected: its annotator waits for a word

Why = Literal["policy", "hand", "corrected"]
Decision = Literal["accept", "fix", "return", "skip"]

_encode = msgspec.json.Encoder(order="sorted").encode


# ---- what is reviewed --------------------------------------------------------------------------


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A task that has all its answers, as far as the choice of reviews depends on it."""

    number: int
    round: int
    answers: tuple[Mapping[str, Any], ...]  # dumped; empty where the policy does not look at them
    confidence: float  # of its least sure question, 0 to 1
    doubts: float = 0.5  # share of its annotators' judged answers that did not stand, the worst of them


def chosen(policy: ReviewPolicy, form: Form, seed: bytes, task: Finished) -> int | None:
    """The worth of a review, 0 to 1000, or None where the policy does not ask for one.

    "share" draws from the project's secret seed, which was committed before the first task: nobody who
    answers can tell which answers are looked at, and the client can show afterwards that it was a draw.
    """
    if policy.which == "all":
        return 0
    if policy.which == "share":
        return 0 if _drawn(seed, task) < policy.percent else None
    return _worth(policy, form, task) if policy.which == "worth" else None


def _drawn(seed: bytes, task: Finished) -> int:
    """0 to 99, uniform to within 2**-56."""
    digest = hmac.new(seed, b"evenhand/review/v1\x00%d/%d" % (task.number, task.round), hashlib.sha256)
    return int.from_bytes(digest.digest()[:8], "big") % 100


def _worth(policy: ReviewPolicy, form: Form, task: Finished) -> int:
    if policy.by == "doubt":
        return round(1000 * (1 - task.confidence))
    if policy.by == "disagreement":
        return round(1000 * _disagreement(form, task.answers))
    return round(1000 * task.doubts)


def _disagreement(form: Form, answers: Sequence[Mapping[str, Any]]) -> float:
    """The mean distance of two answers, of the question where it is greatest; 0 to 1."""
    worst = 0.0
    for question, label in form.labels.items():
        values = readable(label, [("", given[question]) for given in answers if question in given])
        pairs = [label.distance(a, b) for (_, a), (_, b) in combinations(values, 2)]
        worst = max(worst, sum(pairs) / len(pairs) if pairs else 0.0)
    return min(worst, 1.0)


def doubts(judged: int, stood: int) -> float:
    """How likely an annotator's next answer does not stand: Laplace's rule of succession, 0 to 1."""
    return (judged - stood + 1) / (judged + 2)


def asked(
    organization: str, project: str, rows: Sequence[tuple[int, int, int, Why]]
) -> tuple[ReviewAsked, ...]:
    """The events that put these tasks before reviewers: (number, round, worth, why) each."""
    encoded_rows = [_encode(row) for row in rows]
    return tuple(
        ReviewAsked(stream=project, owner=organization, rows=tuple(encoded_rows[i : i + MAX_ROWS]))
        for i in range(0, len(encoded_rows), MAX_ROWS)
    )


# ---- who gets it -------------------------------------------------------------------------------


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A task that waits for a reviewer."""

    number: int
    round: int
    worth: int


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """What the next review of one reviewer depends on."""

    organization: str
    project: str
    policy: ReviewPolicy | None  # None: switched off; what waits already is given out all the same
    lease_ms: int
    done: int  # tasks that have all their answers
    spent: int  # tasks that are held, sent back or decided: what the share of reviews has been used for
    due: tuple[Due, ...]  # most worth first; none that the reviewer answered or has skipped
    lapsed: tuple[str, ...]  # reviews whose time had passed


def open_(view: QueueView, person: str, member: str, review: str, at_ms: int) -> ReviewOpened | None:
    """Reserve the task that pays most for this reviewer; None when there is none to give.

    With "worth" the policy's own choices stop at its share of the finished tasks. What somebody sent
    here by hand, and what was corrected after a review, is given in any case.
    """
    full = _share_is_spent(view)
    task = next((due for due in view.due if not full or due.worth >= HAND), None)
    if task is None:
        return None
    return ReviewOpened(
        stream=view.project,
        owner=view.organization,
        slot=slot_of(review),
        who=person,
        until=at_ms + view.lease_ms,
        lapsed=tuple(slot_of(id_) for id_ in view.lapsed),
        task=str(task.number).encode(),
        review=review,
        round=task.round,
        member=member,
        lapsed_ids=view.lapsed,
    )


def _share_is_spent(view: QueueView) -> bool:
    policy = view.policy
    return policy is not None and policy.which == "worth" and view.spent * 100 >= policy.percent * view.done


def shown_before(form: Form) -> Literal["all", "answers", "task"]:
    """What a reviewer sees before deciding."""
    policy = form.document.review
    return "answers" if policy is None else policy.shows


def hides(form: Form, actor: Actor, organization: str) -> Literal["", "names", "answers"]:
    """What is hidden of a task from this actor until a review of it is decided: nothing, who gave its
    answers, or the answers as well. Hidden in one place and shown in another, it would not be hidden."""
    if form.document.review is None or allows(actor, "task.names", organization):
        return ""
    shown: dict[str, Literal["", "names", "answers"]] = {"all": "", "answers": "names", "task": "answers"}
    return shown[form.document.review.shows]


# ---- what it decides ---------------------------------------------------------------------------


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One annotation that a review is about."""

    assignment: str
    member: str
    person: str
    revision: int
    seq: int  # of its newest submission
    place: Place  # of the same
    answers: Mapping[str, Any]  # dumped


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about one task depends on."""

    review: str
    organization: str
    project: str
    number: int
    round: int
    person: str  # the reviewer
    member: str
    opened: Place
    state: str  # of the review: "live", "lapsed", ...
    due: str  # of the task: "waiting", "held", "returned", "decided"; "" when its data were corrected
    form: Form  # in force when the review was opened
    data: Mapping[str, Any]  # fields that annotators see
    annotations: tuple[Judged, ...]
    consensus: Mapping[str, Any]  # question id -> value

    @property
    def revision(self) -> int:
        """Grows when one of the answers is corrected."""
        return sum(one.revision for one in self.annotations)


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer says."""

    decision: Decision
    answers: Mapping[str, Any] | None = None  # with "fix"
    comment: str = ""
    assignments: tuple[str, ...] = ()  # with "return": whose answers go back
    revision: int | None = None  # what the reviewer saw; None: whatever is in force
    seconds: float | None = None


def decide(view: ReviewView, word: Word) -> Reviewed:
    """The event that a review makes.

    A fix that says what the answers come to anyway is an acceptance. Every annotation of the task is
    judged by the answer that stands, however its annotator was outvoted or was right alone: exactly where
    the reviewer changed what the answers come to, and by the label type's distance where they left it, as
    no two people draw the same box.

    Raises:
        Invalid: an answer does not fit its question, or a comment is missing or too long.
        Refused: the review is over, an answer was corrected meanwhile, or the policy hides what it
            would take to decide so.
    """
    _check_open(view, word)
    comment = text_of(word.comment, "comment")
    if word.decision == "skip":
        return _reviewed(view, word, "skipped", {}, comment, ())
    if word.decision == "return":
        return _reviewed(view, word, "returned", {}, comment, _sent_back(view, word))
    standing = _standing(view, word)
    decision = "accepted" if standing == view.consensus else "fixed"
    judgements = tuple((one, _outcome(view, one, standing)) for one in view.annotations)
    return _reviewed(view, word, decision, standing, comment, judgements)


def _check_open(view: ReviewView, word: Word) -> None:
    held = view.state == "live" and view.due == "held"
    late = view.state == "lapsed" and view.due == "waiting"  # nobody has it: no work is lost
    if not held and not late:
        raise Refused("review.closed", "This review is over.", "review", "Ask for the next one.")
    if any(one.person == view.person for one in view.annotations):
        raise Refused("review.own", "Nobody reviews answers of their own.", "review", "Leave it to others.")
    if word.revision is not None and word.revision != view.revision:
        raise Refused(
            "review.changed", "An answer was corrected meanwhile.", "revision", "Load the review again."
        )


def text_of(text: str, where: str) -> bytes:
    """A comment or an appeal as bytes.

    Raises:
        Invalid: it is too long, or holds half a character.
    """
    if len(text) > MAX_TEXT:
        raise Invalid("review.text", f"A text has at most {MAX_TEXT} characters.", where, "Shorten it.")
    try:
        return text.strip().encode()
    except UnicodeEncodeError as error:
        raise Invalid("review.text", "The text holds half a character.", where) from error


def _sent_back(view: ReviewView, word: Word) -> tuple[tuple[Judged, str], ...]:
    if shown_before(view.form) == "task":
        raise Refused(
            "review.blind",
            "This project hides the answers, so none of them can be sent back.",
            "decision",
            "Answer the task yourself.",
        )
    if not word.comment.strip():
        raise Invalid("review.comment", "Say what is wrong: the annotator reads it.", "comment")
    known = {one.assignment: one for one in view.annotations}
    unknown = [id_ for id_ in word.assignments if id_ not in known]
    if unknown or not word.assignments:
        raise Invalid(
            "review.assignments", "Name answers of this task.", "assignments", "Choose one or more of them."
        )
    return tuple((one, "returned") for id_, one in known.items() if id_ in word.assignments)


def _standing(view: ReviewView, word: Word) -> dict[str, Any]:
    """The answers that stand."""
    if word.decision == "fix":
        return check_answers(view.form, word.answers or {}, view.data)
    if shown_before(view.form) == "task":
        raise Refused(
            "review.blind", "This project hides the answers.", "decision", "Answer the task yourself."
        )
    return dict(view.consensus)


def _outcome(view: ReviewView, one: Judged, standing: Mapping[str, Any]) -> str:
    policy = view.form.document.review
    most = (0 if policy is None else policy.tolerance) / 100 + 1e-9
    away = distances(view.form, one.answers, standing)

    def holds(question: str) -> bool:
        if one.answers.get(question) == standing[question]:
            return True
        left = standing[question] == view.consensus.get(question)
        return left and away.get(question, 1.0) <= most

    same = one.answers.keys() == standing.keys() and all(map(holds, standing))
    return "accepted" if same else "fixed"


def distances(form: Form, given: Mapping[str, Any], standing: Mapping[str, Any]) -> dict[str, float]:
    """Question -> how far two stored answers are apart, 0 to 1, by the label type's distance.

    Only of questions that both answer, in words that the form still takes.
    """
    found = {}
    for question in given.keys() & standing.keys() & form.labels.keys():
        label = form.labels[question]
        pair = readable(label, [("", given[question]), ("", standing[question])])
        if len(pair) == 2:
            found[question] = float(label.distance(pair[0][1], pair[1][1]))
    return found


def _reviewed(
    view: ReviewView,
    word: Word,
    decision: str,
    answers: Mapping[str, Any],
    comment: bytes,
    judgements: Sequence[tuple[Judged, str]],
) -> Reviewed:
    return Reviewed(
        stream=view.person,
        causes=(view.opened,),
        owner=view.organization,
        slot=slot_of(view.review),
        ms=active_ms(word.seconds),
        decision=decision.encode(),
        answers=encoded(answers) if answers else b"",
        comment=comment,
        judged=_encode([[*one.place, outcome] for one, outcome in judgements]),
        review=view.review,
        project=view.project,
        task=view.number,
        round=view.round,
        member=view.member,
        judgements=tuple(
            (one.assignment, one.member, one.person, outcome, one.revision, one.seq)
            for one, outcome in judgements
        ),
    )


def stands(answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The consensus that an adjudicated answer is."""
    return {
        question: {"value": value, "confidence": 1.0, "method": METHOD} for question, value in answers.items()
    }


# ---- appeals -----------------------------------------------------------------------------------


class AppealView(msgspec.Struct, frozen=True, kw_only=True):
    """What an appeal depends on: one judgement, and what became of it."""

    appeal: str  # id; a fresh one for a new appeal
    review: str
    organization: str
    project: str
    number: int
    assignment: str
    person: str  # the annotator
    member: str
    reviewer: str  # member whose judgement it is
    reviewed: Place
    outcome: str  # of the judgement
    newest: bool  # no later review of the task, and its data are the same
    state: str  # of the appeal: "", "open", "upheld" or "rejected"
    appealed: Place | None  # where the appeal stands, once there is one


def appeal(view: AppealView, text: str) -> Appealed:
    """The event by which an annotator appeals a judgement, once.

    Raises:
        Invalid: it says nothing, or too much.
        Refused: the answer stood, the judgement is not the newest, or there is an appeal already.
    """
    if view.outcome == "accepted":
        raise Refused("appeal.accepted", "This answer stood.", "assignment")
    if not view.newest:
        raise Refused("appeal.late", "This judgement is no longer in force.", "assignment")
    if view.state:
        raise Refused("appeal.again", "There is an appeal against this judgement already.", "assignment")
    given = text_of(text, "text")
    if not given:
        raise Invalid("appeal.text", "Say why the judgement is wrong.", "text")
    return Appealed(
        stream=view.person,
        causes=(view.reviewed,),
        owner=view.organization,
        slot=slot_of(view.review),
        text=given,
        appeal=view.appeal,
        review=view.review,
        assignment=view.assignment,
        project=view.project,
        task=view.number,
        member=view.member,
        reviewer=view.reviewer,
    )


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides an appeal."""

    person: str
    member: str
    manages: bool


def decide_appeal(view: AppealView, judge: Judge, upheld: bool, text: str) -> AppealDecided:
    """The event that ends an appeal.

    A reviewer does not decide about a judgement of their own; a manager may, or a team with one of them
    could never answer. Nobody decides an appeal that they made.

    Raises:
        Invalid: an appeal is rejected without a reason.
        Refused: it is decided already, or somebody else has to decide it.
    """
    if view.state != "open" or view.appealed is None:
        raise Refused("appeal.closed", "This appeal is decided.", "appeal")
    own = judge.person == view.person
    if own or (judge.member == view.reviewer and not judge.manages):
        raise Refused(
            "appeal.own", "Somebody else has to look at this.", "appeal", "Leave it to another reviewer."
        )
    given = text_of(text, "text")
    if not upheld and not given:
        raise Invalid("appeal.text", "Say why the judgement stands.", "text")
    return AppealDecided(
        stream=judge.person,
        causes=(view.appealed,),
        owner=view.organization,
        slot=slot_of(view.review),
        decision=b"upheld" if upheld else b"rejected",
        text=given,
        appeal=view.appeal,
        review=view.review,
        project=view.project,
        task=view.number,
        member=judge.member,
        annotator=view.member,
        reviewer=view.reviewer,
        restores=upheld and view.newest,
    )
