"""A project: the rules in force. Every change makes a new, numbered document; no document is ever edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.label import LabelType, is_class, is_weighed

FieldType = Literal["text", "markdown", "chat", "image", "audio", "video", "html"]
Order = Literal["imported", "random", "priority"]

MEDIA: dict[str, tuple[str, ...]] = {
    "image": ("image",),
    "audio": ("audio", "video"),
    "video": ("video",),
}
"""Types of field that show a medium -> what they show, as media types begin. Of a video, an audio field plays
the sound."""

RESERVED = frozenset({"external_id", "metadata", "predictions", "gold_answers", "gold_feedback"})
"""Keys of a record that are not data."""

MAX_OVERLAP = 100
MAX_QUESTIONS = 100
MAX_INSTRUCTIONS = 200_000  # code points


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the data that annotators see. Keys of a record that no field names stay unseen."""

    name: str  # the record's key
    type: FieldType
    title: str = ""  # heading; the name when empty


class When(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask the question only if an earlier question has such an answer."""

    question: str  # id of an earlier question
    is_: Any = msgspec.field(default=None, name="is")  # the answer equals this
    includes: Any = None  # the answer is a list that holds this
    answered: bool | None = None  # there is an answer at all, or there is none


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What annotators are asked."""

    id: str  # stable for ever; answers are keyed by it
    title: str  # what the annotator reads; may change
    type: str  # id of the label type, "choice/1"
    config: dict[str, Any]  # the type's configuration in full
    help: str = ""
    required: bool = True
    when: When | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The root of the parts of a document that are switched on one by one."""


class GoldPolicy(Policy, frozen=True, kw_only=True):
    """Gold tasks: how often they come, and what follows from the answers. Published to annotators."""

    per_mille: int = 100  # of the assignments, each drawn for itself: no position can be guessed
    reuse: int = 0  # how many annotators get the same gold task at most; 0: any number
    block: int = 10  # results are recorded after so many answers of one annotator, of any kind
    tolerance: int = 0  # percent of the label type's distance up to which an answer is right
    floor: int = 0  # percent right below which an annotator is suspended from the project; 0: never
    evidence: int = 10  # gold answers before anybody is suspended


class QualificationPolicy(Policy, frozen=True, kw_only=True):
    """A test that an annotator passes before real work."""

    tasks: int = 10  # in one try, drawn from the qualification tasks; fewer when there are fewer
    pass_mark: int = 80  # percent right
    tries: int = 2
    tolerance: int = 0  # as with gold


class ReviewPolicy(Policy, frozen=True, kw_only=True):
    """Which answers a reviewer looks at, and what the reviewer sees before deciding."""

    which: Literal["hand", "all", "share", "worth"] = "hand"  # "hand": only what a manager sends there
    percent: int = 10  # of the finished tasks, for "share" (drawn) and "worth" (those that pay most first)
    by: Literal["doubt", "disagreement", "annotator"] = "doubt"  # what makes a task pay, for "worth"
    shows: Literal["all", "answers", "task"] = "answers"  # before deciding: names too, answers, or neither
    tolerance: int = 0  # percent of the label type's distance from what stands up to which an answer stands


class PayPolicy(Policy, frozen=True, kw_only=True):
    """What annotators are owed. Published to them; no payment is made here."""

    currency: str = "EUR"  # ISO 4217
    per: Literal["hour", "task"] = "hour"  # of credited active time, or for each task answered
    amount: int = 0  # minor units of the currency, such as cents
    most_seconds: int = 900  # credited for one answer at most: active time is as the page tells it


class AdaptivePolicy(Policy, frozen=True, kw_only=True):
    """Tasks get further answers only while it is worth it (`core.adaptive`); the overlap is the most."""

    least: int = 2  # answers of every task
    tolerance: int = 5  # per mille of right answers that may be lost against asking for all of them
    target: int = 100  # percent; a task whose answer is right with this probability is asked no further
    budget: int = 0  # answers in all; 0: no limit. Tasks that gain most come first
    worth: int = 0
    """Percent of what an answer tells in the mean. Whose answers tell less is passed over where a task wants
    a further answer; 0: nobody is (`core.adaptive.worths`)."""
    pilots_only: bool = False  # who is passed over gets no first answers to give either, pilots alone


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a project's rules, as stored, hashed and shown."""

    name: str
    fields: tuple[Field, ...]
    questions: tuple[Question, ...]
    instructions: str = ""  # Markdown
    overlap: int = 1  # how many answers each task gets
    order: Order = "imported"
    lease_seconds: int = 1800  # how long an assignment is reserved for its annotator
    prefetch: int = 3  # assignments that one annotator may hold at once
    skip: bool = True  # annotators may skip with a reason
    suggestions: bool = True  # predictions are shown to annotators
    gold: GoldPolicy | None = None
    qualification: QualificationPolicy | None = None
    review: ReviewPolicy | None = None
    pay: PayPolicy | None = None
    adaptive: AdaptivePolicy | None = None

    @property
    def first_overlap(self) -> int:
        """How many answers a task gets before anybody asks for more."""
        return self.overlap if self.adaptive is None else self.adaptive.least


def condition_holds(when: When | None, answers: Mapping[str, Any]) -> bool:
    """Whether a question with this condition is asked, given the (raw or dumped) answers so far."""
    if when is None:
        return True
    answer = answers.get(when.question)
    if when.answered is not None and (answer is not None) != when.answered:
        return False
    if when.is_ is not None and answer != when.is_:
        return False
    return not (when.includes is not None and not (isinstance(answer, list) and when.includes in answer))


def asked(questions: tuple[Question, ...], answers: Mapping[str, Any]) -> tuple[Question, ...]:
    """The questions that are asked, given these answers. Answers to others count for nothing."""
    live: dict[str, Any] = {}
    chosen = []
    for question in questions:
        if condition_holds(question.when, live):
            chosen.append(question)
            if question.id in answers:
                live[question.id] = answers[question.id]
    return tuple(chosen)


class Form:
    """A document with its label types bound: the questions ready to read answers with."""

    def __init__(self, document: Document, types: Mapping[str, type[LabelType[Any]]]) -> None:
        self.document = document
        kinds = {field.name: field.type for field in document.fields}
        self.labels: dict[str, LabelType[Any]] = {
            question.id: types[question.type].configure(question.config, kinds)
            for question in document.questions
        }
        self.shown = frozenset(kinds)


def check_document(document: Document, types: Mapping[str, type[LabelType[Any]]]) -> Form:
    """The form that this document makes.

    Raises:
        Invalid: a name is empty or taken twice, a condition looks ahead, a number is out of range,
            or a label type refuses its configuration; `where` is the path in the document.
    """
    if not document.name.strip():
        raise Invalid("project.name", "The project has no name.", "name", "Give it one.")
    _check_numbers(document)
    _check_policies(document)
    _check_unique([field.name for field in document.fields], "fields", "name")
    _check_unique([question.id for question in document.questions], "questions", "id")
    for i, field in enumerate(document.fields):
        if field.name in RESERVED:
            raise Invalid(
                "field.reserved", f"{field.name!r} is a reserved key.", f"fields[{i}].name", "Rename it."
            )
    _check_conditions(document.questions)
    return _bind(document, types)


def _check_numbers(document: Document) -> None:
    if not 1 <= document.overlap <= MAX_OVERLAP:
        raise Invalid("project.overlap", f"Overlap is 1 to {MAX_OVERLAP}, not {document.overlap}.", "overlap")
    if not 30 <= document.lease_seconds <= 7 * 86400:
        raise Invalid("project.lease", "A lease is 30 seconds to 7 days long.", "lease_seconds")
    if not 1 <= document.prefetch <= 20:
        raise Invalid("project.prefetch", "An annotator holds 1 to 20 assignments.", "prefetch")
    if not 1 <= len(document.questions) <= MAX_QUESTIONS:
        raise Invalid("project.questions", f"A project asks 1 to {MAX_QUESTIONS} questions.", "questions")
    if not document.fields:
        raise Invalid("project.fields", "A project shows at least one field.", "fields")
    if len(document.instructions) > MAX_INSTRUCTIONS:
        raise Invalid(
            "project.instructions", f"Instructions are longer than {MAX_INSTRUCTIONS}.", "instructions"
        )


def _check_policies(document: Document) -> None:
    if document.gold is not None:
        _check_ranges(
            "gold", document.gold, per_mille=(1, 500), reuse=(0, 1_000_000), block=(1, 1000),
            tolerance=(0, 99), floor=(0, 100), evidence=(1, 10_000),
        )  # fmt: skip
        if document.order != "random":
            raise Invalid(
                "project.gold-order",
                "Gold needs the order random: in any other one a gold task stands out by its place.",
                "order",
                "Choose the order random, or switch gold off.",
            )
    if document.qualification is not None:
        _check_ranges(
            "qualification", document.qualification, tasks=(1, 1000), pass_mark=(1, 100), tries=(1, 100),
            tolerance=(0, 99),
        )  # fmt: skip
    if document.review is not None:
        _check_ranges("review", document.review, percent=(1, 100), tolerance=(0, 99))
    if document.pay is not None:
        _check_pay(document.pay)
    if document.adaptive is not None:
        most = document.overlap
        _check_ranges(
            "adaptive", document.adaptive, least=(2, max(most, 2)), tolerance=(1, 200), target=(50, 100),
            budget=(0, 10**12), worth=(0, 100),
        )  # fmt: skip
        if most < 3:
            reason = f"With {most} answers at most there is nothing to adapt."
            raise Invalid(
                "project.adaptive", reason, "overlap", "Allow at least 3, or keep the overlap fixed."
            )


def _check_pay(policy: PayPolicy) -> None:
    if not (len(policy.currency) == 3 and policy.currency.isascii() and policy.currency.isupper()):
        raise Invalid(
            "project.currency", f"{policy.currency!r} is no currency.", "pay.currency", "Three letters: EUR."
        )
    _check_ranges("pay", policy, amount=(0, 100_000_000), most_seconds=(1, 7 * 86400))


def _check_ranges(where: str, policy: Policy, **ranges: tuple[int, int]) -> None:
    for name, (least, most) in ranges.items():
        value = getattr(policy, name)
        if not least <= value <= most:
            raise Invalid("project.policy", f"This is {least} to {most}, not {value}.", f"{where}.{name}")


def _check_unique(names: list[str], path: str, key: str) -> None:
    for i, name in enumerate(names):
        if not name.strip():
            raise Invalid("project.empty-name", "This is empty.", f"{path}[{i}].{key}", "Give it a name.")
        if name in names[:i]:
            raise Invalid(
                "project.duplicate", f"{name!r} is there twice.", f"{path}[{i}].{key}", "Rename one."
            )


def _check_conditions(questions: tuple[Question, ...]) -> None:
    for i, question in enumerate(questions):
        earlier = {q.id for q in questions[:i]}
        if question.when is not None and question.when.question not in earlier:
            raise Invalid(
                "question.when",
                f"The condition names {question.when.question!r}, which is no earlier question.",
                f"questions[{i}].when.question",
                "Move the question behind the one that it depends on.",
            )


def _bind(document: Document, types: Mapping[str, type[LabelType[Any]]]) -> Form:
    kinds = {field.name: field.type for field in document.fields}
    for i, question in enumerate(document.questions):
        if question.type not in types:
            raise Invalid(
                "question.unknown-type", f"There is no label type {question.type!r}.", f"questions[{i}].type"
            )
        try:
            types[question.type].configure(question.config, kinds)
        except Invalid as error:
            where = f"questions[{i}].{error.where}" if error.where else f"questions[{i}]"
            raise Invalid(error.rule, error.reason, where, error.remedy) from error
    return _weighable(Form(document, types))


def _weighable(form: Form) -> Form:
    """Refuse to weigh what cannot be weighed, and to stop asking where nothing tells when."""
    policy, labels = form.document.adaptive, form.labels.values()
    if policy is None or any(is_class(label) for label in labels):
        return form
    if not any(is_weighed(label) for label in labels):
        raise Invalid(
            "project.adaptive",
            "None of the questions has answers that are weighed by skill.",
            "adaptive",
            "Ask another kind of question, or keep the overlap fixed.",
        )
    if policy.least < form.document.overlap:
        raise Invalid(
            "project.adaptive",
            "How sure an answer is can be told of questions of one choice only, and there is none.",
            "adaptive.least",
            f"Ask for all {form.document.overlap} answers: they are weighed all the same.",
        )
    return form
