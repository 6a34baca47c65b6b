"""Adaptive overlap in a node: all answers of a project are weighed by a job, one task at each answer.

The job reads one snapshot, and writes in small verbs what came of it: the event `Fitted` with the places up
to which answers were weighed, then, each with that event as its cause, `MoreAsked` for tasks that are worth
a further answer and `Concluded` for those whose consensus is another one now. A task that changed since
the snapshot is left to the next time. Until then each task that gets its last answer is concluded, and asked
about further, by what the newest weighing learnt. docs/spec/weighing.md says all of it for others.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from evenhand import wire
from evenhand.core import adaptive as core
from evenhand.core import review, weighing
from evenhand.core.adaptive import Basis, Plan, Rule, Skilled, Weighed
from evenhand.core.allocation import RELIEF_MS
from evenhand.core.errors import Invalid
from evenhand.core.events import MAX_ROWS, Concluded, Fitted, Moment, MoreAsked, Place
from evenhand.core.inference import Estimate, Model, Votes, infer
from evenhand.core.label import LabelType, Learnt, is_class
from evenhand.core.policy import is_lent
from evenhand.core.project import Document, Form
from evenhand.core.release import Probabilities
from evenhand.core.weighing import RULE, Skills, Weights, best_of
from evenhand.lane import Lane
from evenhand.service.view import decode_json, encode_json, form_of, seed_of, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of

CHUNK = 10_000  # tasks read at once
LEAST_NEW = 20  # answers before all are weighed again, and at least
SHARE_NEW = 0.1  # of those that were weighed the last time
MOST_CELLS = 4_000_000  # of an annotators' table that is kept: of a larger one only the job decides
MOVED = 0.01  # a consensus whose probability moved by less is not said again
KEPT = 64  # plans in a process's memory

Keys = dict[str, str]


# ---- when --------------------------------------------------------------------------------------


class Adapter:
    """Begins the job wherever enough has come; one process of the node runs it, turn by turn."""

    def __init__(self, lane: Lane, start: Callable[..., None]) -> None:
        self._lane = lane
        self._start = start  # (organization, verb, *args), beside everything else
        self._seen: dict[str, int] = {}  # project -> its next task a turn ago: an import is waited for
        self._running: set[str] = set()

    def turn(self, over: Callable[[], bool]) -> bool:
        """Begin what is due; never anything left, for jobs run beside."""
        with self._lane.store.read() as reader:
            rows = reader.all("all_adaptive")
        seen, self._seen = self._seen, {row["project"]: row["next_task"] for row in rows}
        for row in rows:
            project = row["project"]
            if project not in self._running and seen.get(project) == row["next_task"] and is_due(row):
                self._running.add(project)
                self._start(row["organization"], self._weigh, project)
        return False

    def _weigh(self, project: str) -> None:
        try:
            weigh(self._lane, project)
        finally:
            self._running.discard(project)


def is_due(row: dict[str, Any]) -> bool:
    """Whether rules or tasks changed, or enough answers came, or some did and nothing is left to give out."""
    new = abs(row["annotations"] - row["weighed"])
    enough = new >= max(LEAST_NEW, SHARE_NEW * row["weighed"])
    return bool(row["next_task"] > 1 and (row["changed"] or enough or (new and row["idle"])))


def watch(tx: Transaction, organization: str, project: str, document: Document) -> None:
    """From now on the job looks after this project, or no longer."""
    query = "forget_adaptive" if document.adaptive is None else "watch_adaptive"
    tx.run(query, organization=organization, project=project)


def forget(tx: Transaction, organization: str, project: str) -> None:
    """The job does not look after this project while it comes back out of an archive."""
    tx.run("forget_adaptive", organization=organization, project=project)


# ---- the job -----------------------------------------------------------------------------------


class _Question:
    """The answers to one question with classes, while they are read."""

    def __init__(self) -> None:
        self.tasks, self.members, self.values = array("i"), array("i"), array("i")
        self._seen: dict[bytes, int] = {}  # JSON of a class -> when it was first met

    def add(self, n: int, member: int, value: Any) -> None:
        self.tasks.append(n - 1)
        self.members.append(member)
        self.values.append(self._seen.setdefault(encode_json(value), len(self._seen)))

    @property
    def classes(self) -> list[bytes]:
        """Their JSON, ascending: so classes are numbered."""
        return sorted(self._seen)

    def votes(self, last: int, members: int) -> Votes:
        number = {key: i for i, key in enumerate(self.classes)}
        codes = np.array([number[key] for key in self._seen], np.int32)
        tasks, who, values = (np.frombuffer(c, np.int32) for c in (self.tasks, self.members, self.values))
        return Votes.of(tasks, who, codes[values], tasks=last, annotators=members, classes=max(len(codes), 2))


class _Values:
    """The answers to one question without classes, while they are read: each different one once."""

    def __init__(self, label: LabelType[Any]) -> None:
        self.label = label
        self.tasks, self.members, self.codes = array("i"), array("i"), array("i")
        self._code: dict[bytes, int] = {}
        self._values: list[Any] = []

    def add(self, n: int, member: int, value: Any) -> None:
        key = encode_json(value)
        if key not in self._code:
            try:
                loaded = self.label.load(value)
            except Invalid:  # an answer to an older version's question, which is another one by now
                return
            self._code[key] = len(self._values)
            self._values.append(loaded)
        self.tasks.append(n)
        self.members.append(member)
        self.codes.append(self._code[key])

    def learn(self, members: list[str]) -> Learnt:
        rows = zip(self.tasks, self.members, self.codes, strict=True)
        return self.label.learn([(n, members[who], self._values[code]) for n, who, code in rows])

    def of_task(self, n: int, members: list[str]) -> list[tuple[str, Any]]:
        """(annotator, value) of its answers, the oldest first."""
        own = range(bisect_left(self.tasks, n), bisect_right(self.tasks, n))
        return [(members[self.members[i]], self._values[self.codes[i]]) for i in own]


class _Read:
    """All that is read of one project in one snapshot."""

    def __init__(self, reader: Reader, row: dict[str, Any]) -> None:
        self.row, self.last = row, row["next_task"] - 1
        self.form = form_of(reader, row["organization"], row["id"], row["version"])
        labels = self.form.labels.items()
        self.questions = {name: _Question() for name, label in labels if is_class(label)}
        self.values = {
            name: _Values(label) for name, label in labels if label.weighed_by and name not in self.questions
        }
        self.members: dict[str, int] = {}
        self.upto: dict[str, int] = {}
        keys = {"organization": row["organization"], "project": row["id"]}
        self.keys = keys
        self.lots = core.lots_of(seed_of(reader, row["id"]))
        self.head = reader.tuples("heads_read", ids=[row["id"]])[0][1]
        for n, _, stream, place, member, body in _pieces(reader, "weighed_answers", keys, self.last):
            self._add(n, member, stream, place, decode_json(answers_of(body)))
        # Of more than all who answer here nobody can be asked; once others come, pilots wait for them.
        self.reach = min(self.form.document.overlap, len(self.members))
        self.tasks = {task[0]: task[1:] for task in _pieces(reader, "weighed_tasks", keys, self.last)}

    def _add(self, n: int, member: str, stream: str, place: int, answers: dict[str, Any]) -> None:
        who = self.members.setdefault(member, len(self.members))
        self.upto[stream] = max(self.upto.get(stream, 0), place)
        for name, value in answers.items():
            column = self.questions.get(name) or self.values.get(name)
            if column is not None:
                column.add(n, who, value)

    def column(self, at: int) -> np.ndarray:
        """[tasks] a count of each task: 1 answered, 2 overlap; 0 of those that are not asked about."""
        found = np.zeros(self.last, np.int64)
        for n, task in self.tasks.items():
            found[n - 1] = task[at]
        return found


def _pieces(reader: Reader, query: str, keys: Keys, last: int) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of their columns: answers of one task by time, then by place."""
    for first in range(1, last + 1, CHUNK):
        yield from sorted(
            reader.tuples(query, **keys, first=first, last=first + CHUNK - 1), key=lambda row: row[:4]
        )


def weigh(lane: Lane, project: str) -> None:
    """Weigh all answers of a project, and write what came of it."""
    with lane.store.read() as reader:
        row = reader.one("project", project=project)
        if (
            row is None
            or form_of(reader, row["organization"], project, row["version"]).document.adaptive is None
        ):
            return
        read = _Read(reader, row)
    found = {name: _weighed(read, question) for name, question in read.questions.items() if question.tasks}
    learnt = {name: column.learn(list(read.members)) for name, column in read.values.items() if column.tasks}
    wanted, spent = _wanted(read, found)
    outcomes = _outcomes(read, found, learnt, {row[0] for row in wanted})
    cause = lane.call(_begin, read, found, learnt, spent)
    for piece in range(0, len(wanted), MAX_ROWS):
        lane.call(_ask, read, cause, wanted[piece : piece + MAX_ROWS])
    for piece in range(0, len(outcomes), MAX_ROWS):
        lane.call(_conclude, read, cause, outcomes[piece : piece + MAX_ROWS])


class _Found(msgspec.Struct, frozen=True):
    estimate: Estimate
    plan: Plan | None
    ready: int  # pilots that have all their answers


def _weighed(read: _Read, question: _Question) -> _Found:
    votes = question.votes(read.last, len(read.members))
    document = read.form.document
    most, pilot = np.full(read.last, read.reach), _pilots(read)
    ready = int((pilot & (np.diff(votes.first) >= most)).sum())
    enough = read.reach > _rule(document).least  # else stopping could cost nothing
    fit = infer(votes)
    found = core.plan(votes, most, pilot, _rule(document), fit) if enough else None
    estimate, plan = found or (fit, None)
    return _Found(estimate, plan, ready if enough else 0)


def _pilots(read: _Read) -> np.ndarray:
    """[tasks] pilots, of the tasks that are asked about."""
    asked = np.zeros(read.last, bool)
    asked[[n - 1 for n in read.tasks]] = True
    return core.pilots(read.lots, asked)


def _rule(document: Document) -> Rule:
    policy = document.adaptive
    assert policy is not None, "only projects with the policy are weighed"
    return Rule(least=policy.least, tolerance=policy.tolerance / 1000, target=policy.target / 100)


Row = tuple[int, int, str, int]
"""Number, overlap, status before, and 1 where nobody gives the further answer who is passed over."""


def _wanted(read: _Read, found: dict[str, _Found]) -> tuple[list[Row], bool]:
    """(the tasks that get more, by what they gain; whether the budget is spent)."""
    policy, most = read.form.document.adaptive, read.form.document.overlap
    assert policy is not None, "only projects with the policy are weighed"
    answered, overlap = read.column(1), read.column(2)
    gain = np.zeros(read.last)
    for one in found.values():
        if one.plan is not None:
            gains = one.plan.gains(one.estimate.posterior, answered, np.full(read.last, read.reach))
            gain = np.maximum(gain, np.where(gains > one.plan.threshold, gains, 0.0))
    goal = np.where(gain > 0, np.minimum(answered + 1, most), 0)
    pilot = _pilots(read)
    goal[pilot] = most
    able = np.array(
        [n for n, task in read.tasks.items() if task[4] is None and goal[n - 1] > overlap[n - 1]], int
    )
    first = able[
        np.argsort(-np.where(goal[able - 1] == most, 1.0 + gain[able - 1], gain[able - 1]), kind="stable")
    ]
    kept, spent = _affordable(first, goal, overlap, answered, policy.budget)
    choosy = np.where(pilot, 0, int(policy.worth > 0))
    return [(int(n), int(goal[n - 1]), read.tasks[int(n)][0], int(choosy[n - 1])) for n in kept], spent


def _affordable(
    tasks: np.ndarray, goal: np.ndarray, overlap: np.ndarray, answered: np.ndarray, budget: int
) -> tuple[np.ndarray, bool]:
    """(those of the tasks that the budget has answers for, whether it has none for the others)."""
    cost = goal[tasks - 1] - overlap[tasks - 1]
    if not budget:
        return tasks, False
    left = budget - int(np.maximum(overlap, answered).sum())
    kept = np.cumsum(cost) <= left
    return tasks[kept], not bool(kept.all())


def _passed_over(read: _Read, found: dict[str, _Found]) -> tuple[str, ...]:
    """Annotators of whom no further answers are asked: by every question that has a plan their answers tell
    too little. Whom a shared pool lends is not passed over: what they get there is no client's choice."""
    policy = read.form.document.adaptive
    assert policy is not None, "only projects with the policy are weighed"
    planned = [one.estimate for one in found.values() if one.plan is not None]
    if not planned or not policy.worth:
        return ()
    passed = np.ones(len(read.members), bool)
    for one in planned:
        passed &= core.worths(one.model, one.skill.votes) < policy.worth / 100 - weighing.TIE
    members = list(read.members)
    return tuple(sorted(members[i] for i in np.flatnonzero(passed) if not is_lent(members[i])))


def _outcomes(
    read: _Read, found: dict[str, _Found], learnt: dict[str, Learnt], reopened: set[int]
) -> list[tuple[int, dict[str, Any]]]:
    """The consensus of done tasks where it is another one than before; what a review said stands."""
    changed, members = [], list(read.members)
    classes = {
        name: [decode_json(key) for key in question.classes] for name, question in read.questions.items()
    }
    best = {name: best_of(one.estimate.posterior) for name, one in found.items()}
    for n, (status, _, _, _, due, value) in read.tasks.items():
        if status != "done" or n in reopened or due == "decided" or value is None:
            continue
        before = decode_json(value)
        after = {**before, **_said(found, classes, best, n)}
        for name, one in learnt.items():
            given = read.values[name].of_task(n, members)
            if given:
                after[name] = weighing.weighed(read.values[name].label, given, one)
        if any(_differs(before.get(name), one) for name, one in after.items()):
            changed.append((n, after))
    return changed


def _said(
    found: dict[str, _Found], classes: dict[str, list[Any]], best: dict[str, Any], n: int
) -> dict[str, Any]:
    return {
        name: weighing.said(
            classes[name][best[name][n - 1]], float(one.estimate.posterior[n - 1, best[name][n - 1]])
        )
        for name, one in found.items()
        if one.estimate.label[n - 1] >= 0
    }


def _differs(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    if before is None or before["method"] == review.METHOD:
        return before is None
    told = (before["value"], before["method"]) != (after["value"], after["method"])
    return bool(told or abs(before["confidence"] - after["confidence"]) >= MOVED)


# ---- the verbs ---------------------------------------------------------------------------------


def _begin(
    tx: Transaction,
    at: Moment,
    read: _Read,
    found: dict[str, _Found],
    learnt: dict[str, Learnt],
    spent: bool,
) -> Place:
    """Say what was weighed, and keep the plan; gives the place that the consequences name."""
    basis = Basis(
        rule=RULE,
        version=read.row["version"],
        project=read.head,
        lots=read.lots.hex(),
        passed_over=_passed_over(read, found),
        upto=tuple(sorted(read.upto.items())),
        questions=tuple(_noted(name, one, list(read.members)) for name, one in found.items()),
        skills=tuple(_told(name, read.values[name].label, one) for name, one in learnt.items()),
    )
    event = Fitted(stream=read.row["id"], owner=read.row["organization"], basis=msgspec.json.encode(basis))
    placed = tx.append([event], at)[0]
    tx.run(
        "put_adaptive",
        **read.keys,
        version=read.row["version"],
        tasks=read.last,
        annotations=read.row["annotations"],
        spent=int(spent),
        pilots=int(_pilots(read).sum()),
        place=placed.n,
        at=at.ms,
        body=_stored(read, found, learnt, basis),
    )
    return placed.place


def _told(name: str, label: LabelType[Any], learnt: Learnt) -> Skilled:
    return Skilled(
        question=name,
        type=label.id,
        method=label.weighed_by,
        annotators=tuple(sorted(learnt.annotators.items())),
        newcomer=learnt.newcomer,
        common=learnt.common,
    )


def _noted(name: str, one: _Found, members: list[str]) -> Weighed:
    plan, fit = one.plan, one.estimate
    skill = fit.skill
    noted = Weighed(
        question=name,
        method=fit.method,
        hedge=fit.model.hedge,
        power=fit.model.power,
        weights=tuple(
            sorted((members[i], round(float(skill.value[i]), 6)) for i in np.flatnonzero(skill.votes))
        ),
        pilots=one.ready,
    )
    if plan is None:
        return noted
    return msgspec.structs.replace(
        noted,
        dependence=plan.dependence,
        threshold=plan.threshold,
        loss=plan.loss,
        per_task=plan.per_task,
        pilots=plan.pilots,
    )


def _unchanged(tx: Transaction, read: _Read, tasks: Sequence[int]) -> set[int]:
    """Of these tasks, those that are as they were in the snapshot."""
    rows = tx.tuples("weighed_still", **read.keys, tasks=list(tasks))
    return {n for n, *now in rows if tuple(now) == tuple(read.tasks[n][:4])}


def _ask(tx: Transaction, at: Moment, read: _Read, cause: Place, wanted: list[Row]) -> None:
    still = _unchanged(tx, read, [row[0] for row in wanted])
    _more(tx, at, read.keys, cause, [one for one in wanted if one[0] in still])


def _more(tx: Transaction, at: Moment, keys: Keys, cause: Place, rows: list[Row]) -> None:
    if rows:
        event = MoreAsked(
            stream=keys["project"],
            owner=keys["organization"],
            causes=(cause,),
            rows=tuple(encode_json(list(one)) for one in rows),
        )
        tx.append([event], at)


def _conclude(
    tx: Transaction, at: Moment, read: _Read, cause: Place, outcomes: list[tuple[int, dict[str, Any]]]
) -> None:
    still = _unchanged(tx, read, [n for n, _ in outcomes])
    rows = tuple(encode_json([n, outcome]) for n, outcome in outcomes if n in still)
    if rows:
        event = Concluded(
            stream=read.keys["project"], owner=read.keys["organization"], causes=(cause,), rows=rows
        )
        tx.append([event], at)


# ---- one task at an answer ---------------------------------------------------------------------


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt of one question, as it is stored."""

    classes: list[bytes]  # JSON of each
    shape: tuple[int, int]  # annotators, classes
    arrays: dict[str, bytes]  # 64-bit floats of `core.inference.Model`
    numbers: dict[str, float]
    narrow: bool
    plan: dict[str, float] | None = None
    """Numbers of `core.adaptive.Plan`, and how many answers a task can get; None: no plan yet."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The newest weighing: what it was based on, and what was learnt of each question."""

    basis: Basis
    members: list[str]
    questions: dict[str, Kept] = {}
    skills: dict[str, tuple[str, Learnt]] = {}  # question without classes -> method, and what was learnt


ARRAYS = ("prior", "confusion", "newcomer", "weight")
NUMBERS = ("newcomer_weight", "hedge", "dependence", "doubt", "power", "floor")
PLAN = ("dependence", "threshold", "target")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Stored).decode


def _stored(read: _Read, found: dict[str, _Found], learnt: dict[str, Learnt], basis: Basis) -> bytes:
    fit = {
        name: _kept(one, read.questions[name].classes, read.reach)
        for name, one in found.items()
        if one.estimate.model.confusion.size <= MOST_CELLS
    }
    skills = {name: (read.values[name].label.weighed_by, one) for name, one in learnt.items()}
    lean = msgspec.structs.replace(basis, skills=())  # they are there once
    return _pack(Stored(basis=lean, members=list(read.members), questions=fit, skills=skills))


def _kept(found: _Found, classes: list[bytes], reach: int) -> Kept:
    model, plan = found.estimate.model, found.plan
    numbers = None
    if plan is not None:
        numbers = {name: float(getattr(plan, name)) for name in PLAN}
        numbers["reach"] = float(reach)
    return Kept(
        classes=classes,
        shape=(len(model.confusion), len(model.prior)),
        arrays={name: np.ascontiguousarray(getattr(model, name), np.float64).tobytes() for name in ARRAYS},
        numbers={name: float(getattr(model, name)) for name in NUMBERS},
        narrow=model.narrow,
        plan=numbers,
    )


class Newest(msgspec.Struct, frozen=True):
    """The newest weighing of a project, ready to decide by."""

    place: Place  # of its event
    weights: dict[str, Weights | Skills]  # question -> what was learnt
    plans: dict[str, tuple[Plan, int]]  # and how many answers a task can get
    passed_over: frozenset[str] = frozenset()  # annotators
    as_of_ms: int = 0

    def wants(self, given: Sequence[tuple[str, dict[str, Any]]]) -> bool:
        """Whether a task with these answers, (member, answers) each, is to get one more."""
        return any(self._wants(name, *plan, given) for name, plan in self.plans.items())

    def _wants(self, name: str, plan: Plan, most: int, given: Sequence[tuple[str, dict[str, Any]]]) -> bool:
        votes = [(member, answers[name]) for member, answers in given if name in answers]
        learnt = self.weights[name]
        assert isinstance(learnt, Weights), "only questions with classes have a plan"
        running = learnt.running(votes)
        return running is None or plan.wants(running, most)


def _ready(stored: Stored, place: Place, as_of_ms: int) -> Newest:
    members = {member: i for i, member in enumerate(stored.members)}
    weights: dict[str, Weights | Skills] = {name: Skills(*one) for name, one in stored.skills.items()}
    plans = {}
    for name, kept in stored.questions.items():
        model = _model(kept)
        weights[name] = Weights(model, members, {key: i for i, key in enumerate(kept.classes)})
        if kept.plan is not None:
            dependence, threshold, target = (kept.plan[key] for key in PLAN)
            plans[name] = Plan(model, dependence, threshold, target), int(kept.plan["reach"])
    return Newest(place, weights, plans, frozenset(stored.basis.passed_over), as_of_ms)


def _model(kept: Kept) -> Model:
    annotators, classes = kept.shape
    shapes = {"confusion": (annotators, classes, classes), "newcomer": (classes, classes)}
    arrays = {
        name: np.frombuffer(body, np.float64).reshape(shapes.get(name, (-1,)))
        for name, body in kept.arrays.items()
    }
    return Model(**arrays, **kept.numbers, narrow=kept.narrow)  # type: ignore[arg-type]  # by their names


_ready_of: OrderedDict[str, tuple[int, Newest]] = OrderedDict()  # project -> (number of the weighing, it)


def newest(reader: Reader, organization: str, project: str) -> Newest | None:
    """The newest weighing of a project; None where there is none."""
    keys = {"organization": organization, "project": project}
    head = reader.one("adaptive_number", **keys)
    if head is None or not head["number"]:
        return None
    held = _ready_of.get(project)
    if held is None or held[0] != head["number"]:
        row = reader.one("adaptive", **keys)
        assert row is not None, "its number was just read"
        held = head["number"], _ready(_unpack(row["body"]), Place(project, row["place"]), row["as_of_ms"])
        _ready_of[project] = held
    _ready_of.move_to_end(project)
    while len(_ready_of) > KEPT:
        _ready_of.popitem(last=False)
    return held[1]


Likely = Callable[
    [Sequence[tuple[str, Mapping[str, Any]]], Mapping[str, tuple[str, Any]]], dict[str, Probabilities]
]
"""(annotator, answers) of those that count, and by question the method and value that they came to -> by
question the probabilities."""


def probabilities(reader: Reader, organization: str, project: str) -> Likely | None:
    """What tells the probabilities of a task's answers by the newest weighing; None where there is none.

    An answer gets none that is another one than the newest weighing makes of it: a reviewer's, say.
    """
    weighed, row = newest(reader, organization, project), reader.one("project", project=project)
    if weighed is None or row is None:
        return None
    weights, labels = weighed.weights, form_of(reader, organization, project, row["version"]).labels

    def likely(
        answers: Sequence[tuple[str, Mapping[str, Any]]], now: Mapping[str, tuple[str, Any]]
    ) -> dict[str, Probabilities]:
        told: dict[str, Probabilities] = {}
        for question in now.keys() & weights.keys() & labels.keys():
            given = [(who, answer[question]) for who, answer in answers if question in answer]
            learnt, label = weights[question], labels[question]
            found = learnt.conclude(label, given) if given else None
            if found is not None and (found["method"], found["value"]) == now[question]:
                known = learnt.probabilities(label, given)
                if known is not None:
                    told[question] = known
        return told

    return likely


def ask_further(
    tx: Transaction, at: Moment, organization: str, project: str, form: Form, tasks: dict[int, int]
) -> set[int]:
    """Of tasks that have just got all answers they were to get, those that get one more; it is recorded.

    With a budget only the job spends it, where it gains most. With gold, too, only the job asks: gold gets
    no further answers, so an entry of its own beside somebody's answer would tell that it was none.

    Args:
        tasks: number -> overlap so far.
    """
    document = form.document
    keys = {"organization": organization, "project": project}
    able = {n: overlap for n, overlap in tasks.items() if overlap < document.overlap}
    if document.adaptive is None or document.adaptive.budget or document.gold is not None or not able:
        return set()
    weighed = newest(tx, organization, project)
    if weighed is None:
        return set()
    given: dict[int, list[tuple[str, dict[str, Any]]]] = {n: [] for n in able}
    for n, member, body in tx.tuples("task_answers", **keys, tasks=list(able)):
        given[n].append((member, decode_json(answers_of(body))))
    wanted = [n for n in sorted(able) if weighed.wants(given[n])]
    choosy = int(document.adaptive.worth > 0)
    _more(tx, at, keys, weighed.place, [(n, able[n] + 1, "done", choosy) for n in wanted])
    return set(wanted)


def passed_over(reader: Reader, organization: str, project: str, document: Document) -> frozenset[str]:
    """Annotators who get no task of this project that wants a further answer, by the newest weighing."""
    if document.adaptive is None or not document.adaptive.worth:
        return frozenset()
    weighed = newest(reader, organization, project)
    return frozenset() if weighed is None else weighed.passed_over


def pilots_only(tx: Transaction, organization: str, project: str, document: Document) -> bool:
    """Whether those who are passed over get no first answers to give either. Where nothing was weighed for
    `RELIEF_MS`, hardly anybody else comes: then first answers are for everybody again."""
    policy = document.adaptive
    if policy is None or not (policy.worth and policy.pilots_only):
        return False
    weighed = newest(tx, organization, project)
    return weighed is not None and tx.now - weighed.as_of_ms < RELIEF_MS


# ---- reading -----------------------------------------------------------------------------------


def progress(reader: Reader, row: dict[str, Any], document: Document) -> wire.Adapting | None:
    """How far it has got, for the manager; None where the overlap is fixed."""
    policy = document.adaptive
    if policy is None:
        return None
    found = reader.one("adaptive", organization=row["organization"], project=row["id"])
    number = found["number"] if found else 0
    basis = _unpack(found["body"]).basis if found and number else None
    questions = basis.questions if basis else ()
    planned = [one for one in questions if one.per_task is not None]
    per_task = max((one.per_task for one in planned if one.per_task is not None), default=None)
    share = found["pilots"] / max(row["tasks"], 1) if found else 0.0
    expected = None if per_task is None else share * document.overlap + (1 - share) * per_task
    state: Literal["pilots", "asking", "spent", "fixed"]
    if policy.least >= document.overlap:
        state = "fixed"
    else:
        state = "spent" if found and found["spent"] else "pilots" if expected is None else "asking"
    return wire.Adapting(
        state=state,
        pilots=found["pilots"] if found else 0,
        pilots_ready=min((one.pilots for one in questions), default=0),
        tolerance=policy.tolerance / 1000,
        loss=max((one.loss for one in planned if one.loss is not None), default=None),
        per_task=expected,
        saved=None if expected is None else max(1 - expected / document.overlap, 0.0),
        budget=policy.budget,
        passed_over=len(basis.passed_over) if basis and policy.worth else 0,
        as_of=when(found["as_of_ms"]) if found and number else None,
    )
