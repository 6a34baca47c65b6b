"""Quality of a project as figures: made by a job on one snapshot, kept as a table, read in a moment."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from evenhand import wire
from evenhand.core import integrity, lean
from evenhand.core import quality as core
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.core.events import Moment
from evenhand.core.intake import shown_data, split
from evenhand.core.label import is_class, readable
from evenhand.core.policy import Actor, allows
from evenhand.core.project import Form
from evenhand.core.quality import QuestionQuality, Sheet, Work
from evenhand.core.release import Agreed
from evenhand.core.review import HAND
from evenhand.lane import Lane
from evenhand.service import adaptive, pay
from evenhand.service.view import (
    decode_json,
    encode_json,
    form_of,
    hidden,
    is_number,
    project_row,
    suggestion_of,
    summary,
    task_id,
    when,
)
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of

CHUNK = 10_000  # tasks read at once
TELL = 50_000  # answers between two words of progress
MOST_VALUES = 200_000  # answers to a question without classes: of more, every n-th task is taken
MOST_TEXT = 1 << 24  # code points of a task that are counted
MOST_MS = 1 << 30  # active time of an answer that is counted
SHOWN = 50  # tasks of a list that stand in the figures; the rest comes in pages
LOOKED_THROUGH = 200  # tasks of a list that are read at once
RECENT = 7  # days that tell how fast a project goes


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one question, codes resolved, names not: people may be renamed."""

    # What came after the first version has a default: kept figures stay readable.

    question: str
    every: int
    members: list[str]  # annotator code -> member
    tasks: dict[int, int]  # task code -> number, of the tasks that are named
    classes: list[str]  # of the confusion
    figures: QuestionQuality
    answers: dict[int, str] = {}  # value code -> answer, of those that a lean names
    providers: list[str] = []  # code -> organization, or a provider's pseudonym


_stored = msgspec.json.Decoder(list[Stored]).decode


# ---- reading -----------------------------------------------------------------------------------


def get(reader: Reader, actor: Actor, project: str) -> wire.Quality:
    """The newest figures, how far a new reading is, how reviews went, and what is to come."""
    row = project_row(reader, actor, project, "quality.read")
    found = reader.one("quality", organization=row["organization"], project=project)
    form = form_of(reader, row["organization"], project, row["version"])
    questions = _questions(reader, row, form, _stored(found["body"])) if found else []
    hides = hidden(reader, actor, row)
    adapting = adaptive.progress(reader, row, form.document)
    return wire.Quality(
        state=found["state"] if found else "none",
        read=found["done"] if found else 0,
        total=found["total"] if found else row["annotations"],
        as_of=when(found["as_of_ms"]) if found and found["as_of_ms"] else None,
        error=found["error"] if found else "",
        questions=[_nameless(one, hides) for one in questions] if hides else questions,
        reviews=[one for one in _reviews(reader, row) if one.part == "reviewer" or not hides],
        forecast=_forecast(reader, actor, row, adapting),
        adaptive=adapting,
        hidden=bool(hides),
    )


def agreement_of(reader: Reader, organization: str, project: str) -> tuple[Agreed, ...]:
    """The coefficients of the newest reading that have a value; none when there was no reading."""
    found = reader.one("quality", organization=organization, project=project)
    return tuple(
        Agreed(question=one.question, measure=figure.name, value=figure.value)
        for one in (_stored(found["body"]) if found else [])
        for figure in one.figures.agreement
        if figure.value is not None
    )


def skills_of(reader: Reader, organization: str, project: str) -> list[dict[str, Any]]:
    """How good annotators' answers are by the newest reading, for files: a row for each and each question,
    by their ids."""
    found = reader.one("quality", organization=organization, project=project)
    if not found or not found["as_of_ms"]:
        return []
    return [
        {
            "annotator": one.members[skill.annotator],
            "question": one.question,
            "labels": skill.labels,
            "skill": skill.value,
            "low": skill.low,
            "high": skill.high,
            "basis": one.figures.basis,
            "as_of": when(found["as_of_ms"]),
        }
        for one in _stored(found["body"])
        for skill in sorted(one.figures.skills, key=lambda skill: one.members[skill.annotator])
    ]


def _nameless(one: wire.QuestionFigures, hides: str) -> wire.QuestionFigures:
    """The same without what is said of single annotators, and of single tasks where answers are hidden."""
    named = msgspec.structs.replace(one, skills=[], integrity=[])
    return named if hides == "names" else msgspec.structs.replace(named, errors=[], hard=[], likely_errors=0)


def _questions(
    reader: Reader, row: dict[str, Any], form: Form, stored: list[Stored]
) -> list[wire.QuestionFigures]:
    members = sorted({member for one in stored for member in one.members})
    known = reader.tuples("member_names", organization=row["organization"], members=members)
    names: dict[str, str | None] = {member: name for member, name, _ in known}
    models = frozenset(member for member, _, kind in known if kind == "model")
    providers = sorted({provider for one in stored for provider in one.providers})
    names |= dict(reader.tuples("provider_names", ids=providers))
    names |= dict(reader.tuples("partner_names", organization=row["organization"], ids=providers))
    titles = {question.id: question.title for question in form.document.questions}
    return [_question(row["id"], one, names, models, titles) for one in stored if one.question in titles]


def _question(
    project: str,
    one: Stored,
    names: dict[str, str | None],
    models: frozenset[str],
    titles: dict[str, str],
) -> wire.QuestionFigures:
    figures = one.figures

    def look(suspects: tuple[core.Suspect, ...]) -> list[wire.WorthALook]:
        return [
            wire.WorthALook(task_id=task_id(project, one.tasks[s.task]), chance=s.chance, labels=s.labels)
            for s in suspects[:SHOWN]
        ]

    return wire.QuestionFigures(
        question=one.question,
        title=titles[one.question],
        labels=figures.labels,
        tasks=figures.tasks,
        every=one.every,
        agreement=[msgspec.convert(f, wire.AgreementFigure, from_attributes=True) for f in figures.agreement],
        basis=figures.basis,  # type: ignore[arg-type]  # one of the two, where it is made
        skills=[
            wire.AnnotatorSkill(
                member_id=one.members[s.annotator],
                name=names.get(one.members[s.annotator]),
                kind="model" if one.members[s.annotator] in models else "human",
                value=s.value,
                low=s.low,
                high=s.high,
                labels=s.labels,
                numbers=list(s.numbers),
            )
            for s in figures.skills
        ],
        measures=list(figures.measures),
        unit=figures.unit,
        confusion=_confusion(one),
        errors=look(figures.errors),
        hard=look(figures.hard),
        likely_errors=sum(s.chance > 0.5 for s in figures.errors),
        method=figures.method,
        integrity=[_tested(project, one, tested, names) for tested in figures.integrity],
        leaning=_leaning(one, names),
    )


def _tested(
    project: str, one: Stored, tested: integrity.Tested, names: dict[str, str | None]
) -> wire.TestedWork:
    return wire.TestedWork(
        kind=tested.kind,
        tested=tested.tested,
        undefined=tested.undefined,
        false_alarms=integrity.FALSE_ALARMS[tested.kind],
        signals=[
            wire.Signal(
                members=[
                    wire.Named(member_id=one.members[a], name=names.get(one.members[a])) for a in s.annotators
                ],
                seen=s.seen,
                expected=s.expected,
                p=s.p,
                q=s.q,
                labels=s.votes,
                task_ids=[task_id(project, one.tasks[task]) for task in s.tasks],
            )
            for s in tested.found
        ],
    )


def _leaning(one: Stored, names: dict[str, str | None]) -> wire.Leaning | None:
    found = one.figures.leaning
    if found is None:
        return None
    return wire.Leaning(
        undefined=found.undefined,
        false_alarms=lean.FALSE_ALARMS,
        providers=[
            wire.ProviderLean(
                provider_id=one.providers[s.organization],
                name=names.get(one.providers[s.organization]),
                answer=one.answers[s.answer],
                effect=s.effect,
                p=s.p,
                detectable=s.detectable if s.detectable <= 1 else None,
                flagged=s.flagged,
                step=s.step,
                annotators=s.annotators,
                labels=s.labels,
            )
            for s in found.found
        ],
    )


def _confusion(one: Stored) -> wire.WhatForWhat | None:
    found = one.figures.confusion
    if found is None:
        return None
    return wire.WhatForWhat(
        classes=one.classes, counts=[list(row) for row in found.counts], left_out=found.left_out
    )


def _reviews(reader: Reader, row: dict[str, Any]) -> list[wire.ReviewRates]:
    rows = reader.all("review_tallies", organization=row["organization"], project=row["id"])
    return [_rates(r) for r in rows]


def _rates(r: dict[str, Any]) -> wire.ReviewRates:
    reviewer = r["part"] == "reviewer"
    return wire.ReviewRates(
        member_id=r["member"],
        name=r["name"],
        part=r["part"],
        stood=_stood(r, 0 if reviewer else r["upheld"]),
        overruled=_share(r["upheld"], r["appealed"]) if reviewer and r["appealed"] else None,
        **{name: r[name] for name in ("accepted", "fixed", "returned", "appealed", "upheld")},
    )


def _stood(r: dict[str, Any], restored: int) -> wire.Estimated:
    judged = r["accepted"] + r["fixed"] + r["returned"]
    return _share(min(r["accepted"] + restored, judged), judged)


def _share(part: int, whole: int) -> wire.Estimated:
    value, low, high = core.share(part, whole)
    return wire.Estimated(value=value, low=low, high=high, labels=whole)


def _forecast(
    reader: Reader, actor: Actor, row: dict[str, Any], adapting: wire.Adapting | None
) -> wire.Forecast:
    keys = {"organization": row["organization"], "project": row["id"]}
    answers = row["annotations"]
    per_task = row["overlap"] if adapting is None or adapting.per_task is None else adapting.per_task
    most = adapting.budget if adapting is not None and adapting.budget else row["tasks"] * row["overlap"]
    left = max(min(round(row["tasks"] * per_task), most) - answers, 0)
    people = [(r["ms"] / 1000, r["submitted"]) for r in reader.all("tallies", **keys) if r["submitted"]]
    seconds = sum(spent for spent, _ in people)
    each = core.ratio([spent for spent, _ in people], [given for _, given in people])
    days = [count for _, count in reader.tuples("days", **keys)][:RECENT]
    per_day = sum(days) / len(days) if days else 0.0
    pace = core.ratio(days, [1] * len(days))
    return wire.Forecast(
        answers=answers,
        answers_left=left,
        seconds=seconds,
        seconds_left=seconds / answers * left if answers else 0.0,
        per_day=per_day,
        days_left=left / per_day if per_day else None,
        annotators=len(people),
        days=len(days),
        seconds_left_low=each[1] * left if each else None,
        seconds_left_high=each[2] * left if each else None,
        days_left_low=left / pace[2] if pace else None,
        days_left_high=left / pace[1] if pace and pace[1] else None,
        costs=_costs(reader, actor, row, left),
    )


def _costs(reader: Reader, actor: Actor, row: dict[str, Any], left: int) -> list[wire.Spent]:
    """What was spent, and what the answers to come will cost if they cost what those so far did."""
    if not allows(actor, "pay.read", row["organization"]):
        return []
    tasks: dict[str, int] = defaultdict(int)  # by annotator, in all currencies
    amounts: dict[str, dict[str, int]] = defaultdict(dict)
    for due in pay.get(reader, actor, row["id"]).annotators:
        tasks[due.member_id] += due.tasks
        amounts[due.currency][due.member_id] = due.amount
    return [_spent(currency, own, tasks, left) for currency, own in sorted(amounts.items())]


def _spent(currency: str, own: dict[str, int], tasks: dict[str, int], left: int) -> wire.Spent:
    so_far, whole = sum(own.values()), sum(tasks.values())
    each = core.ratio([own.get(member, 0) for member in tasks], list(tasks.values()))
    return wire.Spent(
        currency=currency,
        so_far=so_far,
        to_come=round(so_far / whole * left) if whole else 0,
        to_come_low=round(each[1] * left) if each else None,
        to_come_high=round(each[2] * left) if each else None,
    )


def list_tasks(
    reader: Reader,
    actor: Actor,
    project: str,
    question: str | None = None,
    order: str = "errors",
    search: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.WorthALook]:
    """Tasks worth a look, likeliest errors first; "hard": those whose answers are farthest apart.

    Out of the newest figures of one question, else of the first, without what a reviewer has settled since.
    `search` is looked for in the first field that annotators see. Whoever may not see answers yet is shown
    none of them: that answers differ is a word on them.

    Raises:
        Invalid: there is no such order or page.
    """
    row = project_row(reader, actor, project, "quality.read")
    if order not in ("errors", "hard"):
        raise Invalid("quality.order", f"There is no order {order!r}.", "order", "Say errors or hard.")
    if after is not None and not is_number(after):
        raise Invalid("page.after", "This is not the `next` of a page.", "after", "Pass it on as it came.")
    found = reader.one("quality", organization=row["organization"], project=project)
    stored = _stored(found["body"]) if found else []
    one = next((s for s in stored if question in (None, s.question)), None)
    if one is None or hidden(reader, actor, row) == "answers":
        return wire.Page(items=[])
    suspects = one.figures.errors if order == "errors" else one.figures.hard
    items: list[wire.WorthALook] = []
    place = int(after or 0)
    while place < len(suspects) and len(items) < limit:
        piece = suspects[place : place + LOOKED_THROUGH]
        for looked in _looked(reader, row, one, piece, (search or "").casefold()):
            if len(items) == limit:
                break
            place += 1
            if looked is not None:
                items.append(looked)
    return wire.Page(items=items, next=str(place) if place < len(suspects) else None)


def _looked(
    reader: Reader, row: dict[str, Any], one: Stored, suspects: tuple[core.Suspect, ...], search: str
) -> list[wire.WorthALook | None]:
    """Each of these tasks, or None where it is settled or not what is looked for."""
    document = form_of(reader, row["organization"], row["id"], row["version"]).document
    keys = {"organization": row["organization"], "project": row["id"]}
    numbers = [one.tasks[s.task] for s in suspects]
    known = {n: rest for n, *rest in reader.tuples("worth_a_look", **keys, tasks=numbers)}

    def look(suspect: core.Suspect) -> wire.WorthALook | None:
        n = one.tasks[suspect.task]
        if n not in known or known[n][2] == "decided":  # erased, or settled
            return None
        line = summary(split(known[n][0], known[n][1])[0], document)
        if search not in line.casefold() and search != str(n):
            return None
        return wire.WorthALook(
            task_id=task_id(row["id"], n),
            chance=suspect.chance,
            labels=suspect.labels,
            summary=line,
            review="queued" if known[n][2] == "waiting" and known[n][3] < HAND else known[n][2],
        )

    return [look(suspect) for suspect in suspects]


def mine(reader: Reader, actor: Actor) -> wire.Page[wire.OwnQuality]:
    """What each project knows of the caller's own answers and reviews: nothing of anybody else's."""
    own = {m.member: m.organization for m in actor.memberships if allows(actor, "task.label", m.organization)}
    keys = {"organizations": sorted(set(own.values())), "members": sorted(own)}
    reviewed = {row["project"]: row for row in reader.all("reviews_mine", **keys)}
    items = [
        _own(reader, row, reviewed.pop(row["project"], None)) for row in reader.all("quality_mine", **keys)
    ]
    return wire.Page(items=[*items, *(_only_reviewed(reader, row) for row in reviewed.values())])


def _only_reviewed(reader: Reader, row: dict[str, Any]) -> wire.OwnQuality:
    """Of a project in which the caller has reviewed and answered nothing."""
    nothing = dict.fromkeys(("submitted", "ms", "accepted", "fixed", "returned", "upheld", "as_of_ms"), 0)
    return _own(reader, {**row, **nothing, "credited": None, "body": None}, row)


def _own_reviews(row: dict[str, Any]) -> wire.OwnReviews:
    rates = _rates({**row, "name": None, "part": "reviewer"})
    return wire.OwnReviews(
        accepted=rates.accepted,
        fixed=rates.fixed,
        returned=rates.returned,
        seconds=int(row["ms"]) / 1000,
        kept=rates.stood,
        appealed=rates.appealed,
        overruled=rates.overruled,
    )


def _own(reader: Reader, row: dict[str, Any], reviewed: dict[str, Any] | None) -> wire.OwnQuality:
    document = form_of(reader, row["organization"], row["project"], row["version"]).document
    titles = {question.id: question.title for question in document.questions}
    judged = row["accepted"] + row["fixed"] + row["returned"]
    return wire.OwnQuality(
        project_id=row["project"],
        project_name=document.name,
        answers=row["submitted"],
        seconds=row["ms"] / 1000,
        credited=None if row["credited"] is None else int(row["credited"]) / 1000,
        pay=document.pay,
        skills=[
            wire.OwnSkill(
                question=one.question,
                title=titles[one.question],
                basis=one.figures.basis,  # type: ignore[arg-type]  # as above
                value=s.value,
                low=s.low,
                high=s.high,
                labels=s.labels,
                measures=list(one.figures.measures),
                numbers=list(s.numbers),
                unit=one.figures.unit,
            )
            for one in (_stored(row["body"]) if row["body"] else [])
            for s in one.figures.skills
            if one.question in titles and one.members[s.annotator] == row["member"]
        ],
        as_of=when(row["as_of_ms"]) if row["as_of_ms"] else None,
        accepted=row["accepted"],
        fixed=row["fixed"],
        returned=row["returned"],
        stood=_stood(row, row["upheld"]) if judged else None,
        worth=document.adaptive.worth if document.adaptive else 0,
        passed_over=row["member"]
        in adaptive.passed_over(reader, row["organization"], row["project"], document),
        pilots_only=bool(document.adaptive and document.adaptive.worth and document.adaptive.pilots_only),
        reviewed=_own_reviews(reviewed) if reviewed else None,
    )


# ---- the job -----------------------------------------------------------------------------------


def start(tx: Transaction, at: Moment, actor: Actor, project: str) -> bool:
    """Begin a new reading, unless one is on its way; whether there is something to run."""
    row = project_row(tx, actor, project, "quality.read")
    keys = {"organization": row["organization"], "project": project}
    found = tx.one("quality", **keys)
    if found is not None and found["state"] == "running":
        return False
    tx.run("start_quality", **keys, total=row["annotations"])
    return True


def running(reader: Reader) -> list[str]:
    """Projects whose reading a stop has interrupted, to be begun again at start."""
    return [project for (project,) in reader.tuples("running_quality")]


def run(lane: Lane, project: str) -> None:
    """Read all answers of a project in one snapshot, measure, and keep the figures; or say what was wrong."""
    with lane.store.read() as reader:
        row = reader.one("project", project=project)
        assert row is not None, "a reading follows its project"
        keys = {"organization": row["organization"], "project": project}
        try:
            at = lane.call(_now)
            body = encode_json(_figures(reader, row, lambda done: lane.call(_progress, keys, done)))
        except EvenhandError as error:
            lane.call(_failed, keys, str(error))
            return
        except Exception:
            # Else the page would wait for ever; the node's log has the error.
            lane.call(_failed, keys, "Something went wrong that nobody expected. The node's log says what.")
            raise
    lane.call(_finished, keys, at, body)


def _now(tx: Transaction, at: Moment) -> int:
    return at.ms


def _progress(tx: Transaction, at: Moment, keys: dict[str, str], done: int) -> None:
    tx.run("quality_progress", **keys, done=done)


def _failed(tx: Transaction, at: Moment, keys: dict[str, str], error: str) -> None:
    tx.run("fail_quality", **keys, error=error)


def _finished(tx: Transaction, at: Moment, keys: dict[str, str], as_of: int, body: bytes) -> None:
    tx.run("finish_quality", **keys, at=as_of, body=body)


class _Column:
    """The answers to one question while they are read: 12 bytes each, and each different one once."""

    def __init__(self, label: Any, answers: int) -> None:
        self.label = label
        self.every = 1 if is_class(label) else -(-answers // MOST_VALUES) or 1
        self.rows, self.tasks, self.values = array("i"), array("i"), array("i")
        self.codes: dict[Any, int] = {}
        self.distinct: list[Any] = []  # what they stand for
        self.foreign: set[Any] = set()  # keys of what is no answer to the question as it is now
        self.suggested: dict[int, Any] = {}  # task -> key of what was preselected

    def add(self, row: int, task: int, value: Any) -> None:
        key = _key(value)
        if task % self.every or key in self.foreign:
            return
        if key not in self.codes:
            read = readable(self.label, [("", value)])
            if not read:
                self.foreign.add(key)
                return
            self.codes[key] = len(self.codes)
            self.distinct.append(read[0][1])
        self.rows.append(row)
        self.tasks.append(task)
        self.values.append(self.codes[key])

    def sheet(self, read: _Read) -> tuple[Sheet, list[int]]:
        """The answers as arrays, and the tasks' numbers by their codes."""
        numbers, tasks = np.unique(np.frombuffer(self.tasks, np.int32), return_inverse=True)
        sheet = Sheet(
            kind=self.label,
            tasks=tasks.astype(np.int64),
            annotators=np.frombuffer(read.annotators, np.int32)[self.row].astype(np.int64),
            values=np.frombuffer(self.values, np.int32).astype(np.int64),
            distinct=self.distinct,
        )
        return sheet, numbers.tolist()

    @property
    def row(self) -> Any:
        """(answers,) their rows among all that was read."""
        return np.frombuffer(self.rows, np.int32)

    def work(self, read: _Read, numbers: list[int]) -> Work:
        """How the answers came about."""
        first = np.frombuffer(read.revisions, np.int32)[self.row] == 1
        ms = np.frombuffer(read.ms, np.int32)[self.row]
        length = np.frombuffer(read.lengths, np.int32)
        suggested = [self.codes.get(self.suggested.get(n), -1) for n in numbers]
        return Work(
            at=np.where(first, np.frombuffer(read.at, np.int64)[self.row], -1),
            seconds=np.where(first & (ms >= 0), ms / 1000, np.nan),  # a correction is told apart
            length=length[np.frombuffer(self.tasks, np.int32)].astype(np.float64),
            suggested=np.array(suggested, np.int64),
            organization=np.array(read.providers, np.int64),
            given=lambda i: read.text_of(self.tasks[i]),
        )


def _key(value: Any) -> Any:
    return value if isinstance(value, str) else encode_json(value)


READ = frozenset({"text", "markdown", "chat"})
"""Types of fields that are read. Of the others nobody knows how long they take, so they count nothing."""


class _Read:
    """All answers of a project as they are read: 24 bytes each, and 4 for each task."""

    def __init__(self, reader: Reader, row: dict[str, Any]) -> None:
        self.keys = {"organization": row["organization"], "project": row["id"]}
        self.form = form_of(reader, row["organization"], row["id"], row["version"])
        self.columns = {q: _Column(label, row["annotations"]) for q, label in self.form.labels.items()}
        self.shown = frozenset(field.name for field in self.form.document.fields if field.type in READ)
        self.last = row["next_task"]
        self.lengths = array("i", bytes(4 * row["next_task"]))
        self.settled = np.zeros(row["next_task"] + 1, np.bool_)
        self.settled[[n for (n,) in reader.tuples("settled_tasks", **self.keys)]] = True
        self.annotators, self.revisions, self.ms = array("i"), array("i"), array("i")
        self.at = array("q")
        self.members: dict[str, int] = {}
        self.providers: list[int] = []  # (members,) codes
        self.names: list[str] = []  # code -> provider
        self._reader = reader

    def all(self, tell: Callable[[int], None]) -> None:
        """Read tasks and answers, a piece after the other."""
        for first in range(1, self.last, CHUNK):
            piece = {"first": first, "last": first + CHUNK - 1}
            said: dict[int, list[dict[str, Any]]] = defaultdict(list)
            for n, answers, score in self._reader.tuples("suggestions_between", **self.keys, **piece):
                said[n].append({"answers": decode_json(answers), "score": score})
            for n, record, mapping in self._reader.tuples("quality_records", **self.keys, **piece):
                self._task(n, record, mapping, said[n])
            for answer in self._reader.tuples("quality_answers", **self.keys, **piece):
                self._answer(*answer)
                if len(self.at) % TELL == 0:
                    tell(len(self.at))
        self._employ()

    def _task(self, n: int, record: bytes, mapping: bytes, said: list[dict[str, Any]]) -> None:
        self.lengths[n] = min(len(self._text(record, mapping)), MOST_TEXT)
        for question, value in (suggestion_of(record, mapping, self.form, said) or {}).items():
            self.columns[question].suggested[n] = _key(value)

    def _answer(self, n: int, member: str, at: int, revision: int, ms: int, body: bytes) -> None:
        for question, value in decode_json(answers_of(body)).items():
            if question in self.columns:
                self.columns[question].add(len(self.at), n, value)
        self.annotators.append(self.members.setdefault(member, len(self.members)))
        self.revisions.append(revision)
        self.ms.append(min(ms, MOST_MS))
        self.at.append(at)

    def _employ(self) -> None:
        members = sorted(self.members)
        found = dict(self._reader.tuples("quality_providers", **self.keys, members=members))
        codes = {name: i for i, name in enumerate(sorted(set(found.values()) - {""}))}
        self.names = list(codes)
        self.providers = [codes.get(found.get(member, ""), -1) for member in self.members]

    def _text(self, record: bytes, mapping: bytes) -> str:
        return " ".join(_strings(shown_data(record, mapping, self.shown)))

    def text_of(self, n: int) -> str:
        """What annotators of a task read."""
        (_, record, mapping), *_ = self._reader.tuples("quality_records", **self.keys, first=n, last=n)
        return self._text(record, mapping)


def _strings(value: Any) -> Iterator[str]:
    """All texts in a value, those of a conversation too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _figures(reader: Reader, row: dict[str, Any], tell: Callable[[int], None]) -> list[Stored]:
    read = _Read(reader, row)
    read.all(tell)
    return [_measured(question, column, read) for question, column in read.columns.items() if column.tasks]


def _measured(question: str, column: _Column, read: _Read) -> Stored:
    sheet, numbers = column.sheet(read)
    settled = read.settled[numbers]
    figures = core.measure(sheet, column.work(read, numbers), settled=settled)
    codes = list(column.codes)
    leaning = figures.leaning.found if figures.leaning else ()
    return Stored(
        question=question,
        every=column.every,
        members=list(read.members),
        tasks={task: numbers[task] for task in sorted(_named(figures))},
        classes=[str(codes[i]) for i in figures.confusion.classes] if figures.confusion else [],
        figures=figures,
        answers={one.answer: str(codes[one.answer]) for one in leaning},
        providers=read.names,
    )


def _named(figures: QuestionQuality) -> set[int]:
    """Tasks that a figure names."""
    shown = {task for tested in figures.integrity for one in tested.found for task in one.tasks}
    return shown | {suspect.task for suspect in (*figures.errors, *figures.hard)}
