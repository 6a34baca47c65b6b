"""Take again what a project's answers come to, weighed or not (``docs/spec/weighing.md``).

`Replay` follows the project's events in the order of commits, with their openings. At each weighing it
computes what the rule gives from the answers that the weighing names, and at each consequence whether that
follows; at each consensus that rests on none, whether it follows from the task's answers.
"""

from __future__ import annotations

import json
import math
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evenhand.audit import answers, pieces, skills
from evenhand.audit.entries import AuditedEntry
from evenhand.audit.findings import BLIND, PROVEN
from evenhand.audit.weighing import (
    AGAIN,
    EQUAL,
    HEDGE,
    LEAST_PILOTS,
    METHOD,
    RELIEF,
    THRESHOLDS,
    TOLERANCE,
    Model,
    Plan,
    Rules,
    Votes,
    drawn,
    fit,
    fit_again,
    losses,
    one,
    powered,
    worths,
)

LENT = "enr-"  # an annotator whom a shared pool lends
LATE = 60_000  # ms that a consequence may name the weighing before the newest
MOST_CELLS = 300_000_000  # of a table; a larger one is not taken again
SHORT, MOST_ALIKE = 200, 100_000  # bytes of an answer that others may have given, too; how many are known
MOST_TASKS = 50_000_000  # numbers that a log of a few lines could name
LEARNT = (METHOD, pieces.METHOD, *skills.METHODS)  # methods of a consensus that rests on a weighing

Tell = Callable[[str, str, str, str], None]  # class, rule, place, what
Told = tuple[int, str, dict[str, Any]]  # task, annotator, answers by question
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """One revision of an answer."""

    stream: str
    n: int
    at: int  # ms
    counted: bool  # inside the overlap
    opened: bytes | None  # None: not opened

    @property
    def place(self) -> tuple[str, int]:
        """Where it stands in the log."""
        return self.stream, self.n

    @property
    def answers(self) -> dict[str, Any] | None:
        """By question; None: not opened."""
        return None if self.opened is None else json.loads(self.opened)


@dataclass(slots=True)
class Slot:
    """What an answer is to, by the word of the archive, and what was answered so far."""

    task: int
    round: int
    annotator: str
    given: int | None = None  # ms, when it was given to the annotator; None: the archive does not say
    revisions: list[Answer] = field(default_factory=list)  # in the order of commits


@dataclass
class State:
    """The tasks of a project after some of its events."""

    tasks: int = 0
    withdrawn: frozenset[int] = frozenset()
    apart: frozenset[int] = frozenset()
    rounds: dict[int, int] | None = None

    def round(self, n: int) -> int:
        """The round in force of a task."""
        return (self.rounds or {}).get(n, 1)

    def asked(self, n: int) -> bool:
        """Whether a task is asked about."""
        return n not in self.withdrawn and n not in self.apart


@dataclass(frozen=True)
class Question:
    """What a weighing learnt of one question."""

    model: Model
    codes: dict[bytes, int]
    annotators: dict[str, int]
    plan: Plan | None


@dataclass(frozen=True)
class Skilled:
    """What a weighing learnt of one question without classes."""

    method: str
    kind: answers.Kind
    known: skills.Learnt


@dataclass(frozen=True)
class Pieced:
    """What a weighing learnt of one question whose answers are made of pieces, as it says."""

    said: dict[str, Any]
    method: str = pieces.METHOD


@dataclass(frozen=True)
class Weighing:
    """A weighing that was taken again."""

    n: int  # in the project's stream
    at: int
    rules: Rules
    pilots: NDArray[np.bool_]
    questions: dict[str, Question]
    skilled: dict[str, Skilled | Pieced]
    others: frozenset[str]  # questions of which nothing follows here: unknown, or told wrongly
    passed_over: frozenset[str] = frozenset()


class Replay:
    """The events of one project, in the order of commits. What does not follow is told."""

    def __init__(self, project: str, slots: dict[str, Slot], tell: Tell) -> None:
        """
        Args:
            project: its stream.
            slots: what each answer is to.
            tell: told of what was found.
        """
        self.project, self._slots, self._tell = project, slots, tell
        self.weighings = self.compared = 0  # taken again; consensus and further answers that follow from one
        self.plain = 0  # consensus that rests on no weighing and was compared
        self._state = State()
        self._history = [(0, self._state)]  # (entries of the project, state after so many), ascending
        self._of_task: dict[int, list[Slot]] = defaultdict(list)  # task -> slots that were answered
        self._alike: dict[bytes, bytes] = {}  # short answers, each held once however many gave it
        self._rules: dict[int, dict[str, Any]] = {}
        self._version = 0
        self._lots = ""
        self._done: dict[int, Weighing | None] = {}  # n of a weighing -> what it gave; None: not auditable
        self._newest: list[tuple[int, int]] = []  # (n, at) of the weighings so far
        self._weighed_at: list[tuple[int, int]] = []  # (at, n) of all of them
        self._choosy: list[tuple[int, bool]] = []  # (at, whether the rules pass anybody over)
        self._further: dict[int, list[tuple[int, bool]]] = defaultdict(list)
        """Task -> (at, whether only of those who are not passed over) of each further answer asked for."""
        self._began = False  # some weighing had a rule

    def take(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[bytes]) -> None:
        """The next event."""
        if entry.kind in ("submitted", "brought"):
            self._answer(entry, opened)
        elif entry.stream == self.project:
            handle = _HANDLERS.get(entry.kind)
            if handle is not None:
                before = self._state
                handle(self, entry, opened, [json.loads(row) for row in rows if row[:1] == b"["])
                if self._state is not before:
                    self._history.append((entry.n + 1, self._state))

    # -- state

    def _change(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)

    def _at(self, seen: int) -> State:
        """After so many entries of the project."""
        return max((one for one in self._history if one[0] <= seen), key=lambda one: one[0])[1]

    def _answer(self, entry: AuditedEntry, opened: dict[str, bytes]) -> None:
        b = entry.b()
        slot = self._slots.get(b["slot"])
        if slot is None:
            return  # an answer that was never in force: its task has another of the same person
        value = opened.get("answers")
        if value is not None and len(value) <= SHORT and len(self._alike) < MOST_ALIKE:
            value = self._alike.setdefault(value, value)
        if not slot.revisions:
            self._of_task[slot.task].append(slot)
            if entry.kind == "submitted":
                self._given(entry, slot)
        answer = Answer(sys.intern(entry.stream), entry.n, entry.at, not b.get("surplus", 0), value)
        slot.revisions.append(answer)

    def _import(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        b = entry.b()
        self._change(tasks=max(self._state.tasks, b["first"] + b["count"] - 1))

    def _tasks(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        numbers = {row[0] for row in rows}
        action = entry.b()["action"]
        if action == "withdraw":
            self._change(withdrawn=self._state.withdrawn | numbers)
        elif action == "restore":
            self._change(withdrawn=self._state.withdrawn - numbers)

    def _gold(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        numbers = {row[0] for row in rows}
        back = entry.b()["use"] == "none"
        self._change(apart=self._state.apart - numbers if back else self._state.apart | numbers)

    def _correct(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        if "task" in opened:
            n = int(opened["task"])
            self._further[n].append((entry.at, False))
            self._change(rounds={**(self._state.rounds or {}), n: self._state.round(n) + 1})

    def _rule(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        self._version = entry.b()["version"]
        if "document" in opened:
            self._rules[self._version] = json.loads(opened["document"])
            policy = self._rules[self._version].get("adaptive", {})
            self._choosy.append((entry.at, policy.get("worth", 0) > 0))
            if "adaptive" not in self._rules[self._version]:
                self._newest, self._began = [], False

    def _in_force(
        self, n: int, state: State, upto: dict[str, int] | None = None
    ) -> Iterator[tuple[Slot, Answer]]:
        """The answers to a task that count, those up to these places, in the order of votes."""
        found = []
        for slot in self._of_task.get(n, ()):
            seen = [a for a in slot.revisions if upto is None or a.n <= upto.get(a.stream, -1)]
            if seen and seen[-1].counted and slot.round == state.round(n):
                found.append((seen[-1].at, seen[-1].place, slot, seen[-1]))
        yield from ((slot, answer) for _, _, slot, answer in sorted(found, key=lambda f: f[:2]))

    # -- weighings

    def _fitted(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        place = f"{entry.stream} {entry.n}"
        self._newest.append((entry.n, entry.at))
        self._weighed_at.append((entry.at, entry.n))
        self._done[entry.n] = None
        if "basis" not in opened:
            self._tell(BLIND, "weighing.opening", place, "What was weighed is not opened.")
            return
        basis = json.loads(opened["basis"])
        rule = basis.get("rule", "")
        if rule not in AGAIN:
            said = f"the rule {rule!r}, which this auditor does not know" if rule else "no named rule"
            self._tell(BLIND, "weighing.rule", place, f"It was weighed by {said}.")
            return
        self._began = True
        if self._lots not in ("", basis["lots"]):
            self._tell(PROVEN, "weighing.lots", place, "Pilots are drawn by another secret than before.")
        self._lots = basis["lots"]
        document = self._rules.get(basis["version"], {})
        if "adaptive" not in document:
            what = f"Version {basis['version']} is not opened, or weighs nothing."
            self._tell(BLIND, "weighing.rules", place, what)
            return
        self._done[entry.n] = self._weigh(place, entry, basis, document)

    def _weigh(
        self, place: str, entry: AuditedEntry, basis: dict[str, Any], document: dict[str, Any]
    ) -> Weighing | None:
        state = self._at(basis["project"])
        if state.tasks > MOST_TASKS:
            what = f"There are {state.tasks} tasks, more than can be taken."
            self._tell(BLIND, "weighing.size", place, what)
            return None
        told = self._weighed_answers(place, state, dict(map(tuple, basis["upto"])))
        if told is None:
            return None
        rules = _rules_of(basis["rule"], document)
        asked = np.array([state.asked(n) for n in range(1, state.tasks + 1)], bool)
        pilots = drawn(bytes.fromhex(basis["lots"]), asked)
        annotators = {name: i for i, name in enumerate(sorted({who for _, who, _ in told}))}
        self.weighings += 1
        questions = {}
        for said in basis["questions"]:
            votes = _votes_on(said["question"], told, annotators)
            found = _weighed(place, said, votes, state.tasks, annotators, pilots, rules, self._tell)
            if found is not None:
                questions[said["question"]] = found
        skilled = self._skilled(place, basis, document, told)
        others = frozenset(one["question"] for one in basis.get("skills", ())) - skilled.keys()
        passed = frozenset(basis.get("passed_over", ()))
        if len(questions) == len(basis["questions"]):
            self._passed(place, passed, questions, annotators, rules)
        return Weighing(entry.n, entry.at, rules, pilots, questions, skilled, others, passed)

    def _weighed_answers(self, place: str, state: State, upto: dict[str, int]) -> list[Told] | None:
        """What was answered to each task that is asked, once it is what the weighing names.

        Args:
            upto: stream of each annotator -> the newest answer in it that the weighing has.
        """
        given = [
            (n, slot.annotator, answer)
            for n in sorted(self._of_task)
            if n <= state.tasks and state.asked(n)
            for slot, answer in self._in_force(n, state, upto)
        ]
        if any(answer.opened is None for _, _, answer in given):
            self._tell(BLIND, "weighing.answers", place, "Answers that were weighed are not opened.")
            return None
        last: dict[str, int] = {}
        for _, _, answer in given:
            last[answer.place[0]] = max(last.get(answer.place[0], -1), answer.place[1])
        if last != upto:
            odd = sorted(last.items() ^ upto.items())[0]
            what = f"It names other answers than were given, first about {odd[0]} {odd[1]}."
            self._tell(PROVEN, "weighing.answers", place, what)
            return None
        return [(n, who, answer.answers or {}) for n, who, answer in given]

    def _passed(
        self,
        place: str,
        said: frozenset[str],
        questions: dict[str, Question],
        annotators: dict[str, int],
        rules: Rules,
    ) -> None:
        """Section 4, "Who is passed over"."""
        own = [name for name in annotators if not name.startswith(LENT)]
        planned = [worths(one.model) for one in questions.values() if one.plan is not None and rules.worth]

        def below(limit: float) -> set[str]:
            return {name for name in own if planned and all(w[annotators[name]] < limit for w in planned)}

        wrong = (below(rules.worth - TOLERANCE) - said) | (said - below(rules.worth + TOLERANCE))
        if wrong:
            what = f"Whether {min(wrong)} is passed over is told wrongly."
            self._tell(PROVEN, "weighing.passed-over", place, what)

    def _given(self, entry: AuditedEntry, slot: Slot) -> None:
        """Nobody who is passed over was given a task that wanted a further answer."""
        at = slot.given
        if at is None:
            return
        asked, rules = _lately(self._further[slot.task], at, 0), _lately(self._choosy, at, LATE)
        if not asked or not all(choosy and at - since < RELIEF for since, choosy in asked):
            return
        known = [self._done.get(n) for _, n in _lately(self._weighed_at, at, LATE)]
        passed = bool(known) and all(one is not None and slot.annotator in one.passed_over for one in known)
        if passed and all(choosy for _, choosy in rules):
            what = (
                f"Task {slot.task} wanted a further answer, and went to {slot.annotator}, who is passed over."
            )
            self._tell(PROVEN, "weighing.passed-over", f"{entry.stream} {entry.n}", what)

    def _skilled(
        self,
        place: str,
        basis: dict[str, Any],
        document: dict[str, Any],
        given: list[tuple[int, str, dict[str, Any]]],
    ) -> dict[str, Skilled | Pieced]:
        """The questions without classes, section 5."""
        found: dict[str, Skilled | Pieced] = {}
        asked = {one["id"]: one for one in document["questions"]}
        said = {one["question"]: one for one in basis.get("skills", ())}
        for name, told in said.items():
            shape = pieces.shape_of(told["type"], asked[name]["config"]) if name in asked else None
            if shape is not None:
                pieced = self._pieced(place, name, told, shape, given)
                found |= {} if pieced is None else {name: pieced}
                continue
            kind = answers.kind_of(told["type"], asked[name]["config"]) if name in asked else None
            if kind is None or told["method"] not in skills.METHODS:
                what = (
                    f"{name!r}: answers of the type {told['type']!r} are not weighed again by this auditor."
                )
                self._tell(BLIND, "weighing.kind", place, what)
                continue
            values = [
                skills.Given(n, who, by_question[name])
                for n, who, by_question in given
                if name in by_question and kind.accepts(by_question[name])
            ]
            known = self._told_of(place, name, told, asked[name]["type"], kind, values)
            if known is not None:
                found[name] = Skilled(told["method"], kind, known)
        return found

    def _pieced(
        self,
        place: str,
        name: str,
        said: dict[str, Any],
        shape: pieces.Shape,
        given: list[tuple[int, str, dict[str, Any]]],
    ) -> Pieced | None:
        """A question whose answers are made of pieces, once what was said of annotators is compared."""
        values = [
            skills.Given(n, who, by_question[name]) for n, who, by_question in given if name in by_question
        ]
        if not all(shape.plain(piece) for one in values for piece in one.value):
            what = f"{name!r}: turned boxes and transcripts are not weighed again by this auditor."
            self._tell(BLIND, "weighing.kind", place, what)
            return None
        told = pieces.as_said(shape, said)
        wrong = "what holds for everybody is of other labels" if told is None else ""
        if said["method"] != pieces.METHOD:
            wrong = f"answers of the type {said['type']!r} are not weighed by {said['method']!r}"
        elif told is not None:
            wrong = pieces.learn(shape, values).differs(told, TOLERANCE) if values else "nobody answered"
        if wrong:
            self._tell(PROVEN, "weighing.differs", place, f"{name!r}: {wrong}.")
            return None
        return Pieced(said)

    def _told_of(
        self,
        place: str,
        name: str,
        said: dict[str, Any],
        type_: str,
        kind: answers.Kind,
        values: list[skills.Given],
    ) -> skills.Learnt | None:
        """What was said of annotators, once it is compared with what is right."""
        right = skills.learnt(said["method"], kind, values) if values else None
        told = {who: tuple(map(float, numbers)) for who, numbers in said["annotators"]}
        newcomer, common = tuple(map(float, said["newcomer"])), tuple(map(float, said.get("common", ())))
        wrong = ""
        if (type_, said["method"]) not in skills.WEIGHED.items():
            wrong = f"answers of the type {type_!r} are not weighed by {said['method']!r}"
        elif right is None or told.keys() != right.annotators.keys():
            wrong = "skills of others than of those who answered"
        else:
            for who, numbers in [*told.items(), ("a newcomer", newcomer)]:
                due = right.newcomer if who == "a newcomer" else right.of(who)
                if not _alike(due, numbers, right.allowed):
                    wrong = f"the skill of {who} is {_shown(due)}; it says {_shown(numbers)}"
                    break
            if not wrong and not _alike(right.common, common, right.allowed):
                wrong = "what holds for everybody is something else"
        if wrong:
            self._tell(PROVEN, "weighing.differs", place, f"{name!r}: {wrong}.")
            return None
        return skills.Learnt(told, newcomer, 0.0, common)

    # -- what follows

    def _cause(self, entry: AuditedEntry, place: str) -> Weighing | None:
        """The weighing that an entry follows from, when it was taken again."""
        named = [n for stream, n in entry.causes if stream == self.project and n in self._done]
        if not named:
            return None
        later = [at for n, at in self._newest if n > named[-1]]
        if later and entry.at - later[0] > LATE:
            what = f"It follows from {named[-1]}, and a newer weighing was there."
            self._tell(PROVEN, "weighing.old", place, what)
        return self._done[named[-1]]

    def _concluded(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        place = f"{entry.stream} {entry.n}"
        weighed = self._cause(entry, place)
        for n, outcome, *_ in rows:
            for name, said in outcome.items():
                if weighed is not None:
                    self._follows(place, n, name, said, weighed)
                elif not entry.causes:
                    self._stands_alone(place, n, name, said)
        if weighed is None and self._began and not entry.causes:
            self._unnamed(place, rows)

    def _follows(self, place: str, n: int, name: str, said: dict[str, Any], weighed: Weighing) -> None:
        """A consensus whose weighing was taken again."""
        if name in weighed.questions:
            self._compare(place, n, name, said, weighed)
        elif name in weighed.skilled:
            self._compare_skilled(place, n, name, said, weighed.skilled[name])
        elif said["method"] not in LEARNT and name not in weighed.others:
            self._compare_plain(place, n, name, said)

    def _stands_alone(self, place: str, n: int, name: str, said: dict[str, Any]) -> None:
        """A consensus that names no weighing, and so must not be the outcome of one."""
        if said["method"] not in LEARNT:
            self._compare_plain(place, n, name, said)
        elif self._began:
            what = f"Task {n}, {name!r}: weighed, and no weighing is named."
            self._tell(PROVEN, "weighing.cause", place, what)

    def _unnamed(self, place: str, rows: list[Any]) -> None:
        known = self._done.get(self._newest[-1][0]) if self._newest else None
        for n, outcome, *_ in rows:
            other = [
                name for name, said in outcome.items()
                if known is not None and name in {**known.questions, **known.skilled}
                and said["method"] not in (*LEARNT, "review")
            ]  # fmt: skip
            if other:
                what = f"Task {n}, {other[0]!r}: concluded by another method than the weighing."
                self._tell(PROVEN, "weighing.method", place, what)

    def _votes(self, n: int, name: str, question: Question) -> list[tuple[int, int]] | None:
        """(annotator, class) of a task's answers now; a class -1 is one that the weighing has not."""
        found = []
        for slot, answer in self._in_force(n, self._state):
            if answer.answers is None:
                return None
            if name in answer.answers:
                code = question.codes.get(_class(answer.answers[name]), -1)
                who = question.annotators.get(slot.annotator, -1)
                found.append((who, code))
        return found

    def _compare(self, place: str, n: int, name: str, said: dict[str, Any], weighed: Weighing) -> None:
        if n in self._state.apart or said["method"] == "review":
            return  # gold is concluded from some of its answers; a reviewer follows no rule
        question = weighed.questions[name]
        votes = self._votes(n, name, question)
        if votes is None:
            self._tell(BLIND, "weighing.answers", place, f"Task {n}, {name!r}: an answer is not opened.")
            return
        self.compared += 1
        if not votes or any(code < 0 for _, code in votes):
            if said["method"] == METHOD and votes:
                what = f"Task {n}, {name!r}: weighed, though a class was new."
                self._tell(PROVEN, "weighing.concluded", place, what)
            return
        p = one(question.model, votes)
        code = question.codes.get(_class(said["value"]), -1)
        right = list(question.codes)[int(p.argmax())].decode()
        what = f"Task {n}, {name!r}: {right} at {p.max():.6f} is right"
        if said["method"] != METHOD:
            what += f"; by the method {said['method']!r} it says {said['value']!r}."
            self._tell(PROVEN, "weighing.method", place, what)
        elif code < 0 or p[code] < p.max() - TOLERANCE or abs(p[code] - said["confidence"]) > TOLERANCE:
            what += f"; it says {said['value']!r} at {said['confidence']}."
            self._tell(PROVEN, "weighing.concluded", place, what)

    def _values(
        self, n: int, name: str, kind: answers.Kind | None, said: dict[str, Any]
    ) -> list[tuple[str, Any]] | None:
        """(annotator, value) of a task's answers now, of one millisecond those first that say what was said;
        None where one is not opened, or is none of this kind."""
        found = []
        for slot, answer in self._in_force(n, self._state):
            told = answer.answers
            if told is None:
                return None
            if name in told:
                if kind is not None and not kind.accepts(told[name]):
                    return None
                found.append((answer.at, not answers.same(told[name], said["value"]), slot, told[name]))
        return [(slot.annotator, value) for _, _, slot, value in sorted(found, key=lambda one: one[:2])]

    def _compare_skilled(
        self, place: str, n: int, name: str, said: dict[str, Any], known: Skilled | Pieced
    ) -> None:
        if n in self._state.apart or said["method"] == "review":
            return  # as in `_compare`
        if isinstance(known, Pieced):
            self._compare_pieces(place, n, name, said, known)
            return
        kind = known.kind
        if known.method == "steps":
            asked = {one["id"]: one for one in self._rules.get(self._version, {}).get("questions", ())}
            now = answers.kind_of(asked[name]["type"], asked[name]["config"]) if name in asked else None
            if now is None or not skills.learnt_of(now, known.known):
                return  # the scale has other steps since: it is concluded as if nothing had been weighed
            kind = now
        given = self._values(n, name, kind, said)
        if given is None:
            self._tell(BLIND, "weighing.answers", place, f"Task {n}, {name!r}: an answer is not opened.")
            return
        self._judge(
            place,
            f"Task {n}, {name!r}",
            said["method"],
            known.method,
            lambda: skills.differs(known.method, kind, given, known.known, said) if given else "",
        )

    def _compare_pieces(self, place: str, n: int, name: str, said: dict[str, Any], known: Pieced) -> None:
        asked = {one["id"]: one for one in self._rules.get(self._version, {}).get("questions", ())}
        shape = pieces.shape_of(known.said["type"], asked[name]["config"]) if name in asked else None
        told = None if shape is None else pieces.as_said(shape, known.said)
        given = self._values(n, name, None, said)
        if shape is None or told is None:
            return  # labels were added since: it is concluded as if nothing had been weighed
        if given is None or not all(shape.plain(piece) for _, value in given for piece in value):
            self._tell(BLIND, "weighing.answers", place, f"Task {n}, {name!r}: an answer is not opened.")
            return
        self._judge(
            place,
            f"Task {n}, {name!r}",
            said["method"],
            known.method,
            lambda: pieces.unlike(shape, *pieces.concluded(shape, given, told), said) if given else "",
        )

    def _judge(self, place: str, what: str, method: str, right: str, compute: Callable[[], str]) -> None:
        """A consensus is by the rule's method, and then says what `compute` finds nothing wrong with."""
        self.compared += 1
        if method != right:
            reason = f"{what}: by {right!r} is right; it says {method!r}."
            self._tell(PROVEN, "weighing.method", place, reason)
        elif wrong := compute():
            self._tell(PROVEN, "weighing.concluded", place, f"{what}: {wrong}.")

    def _compare_plain(self, place: str, n: int, name: str, said: dict[str, Any]) -> None:
        """Section 6."""
        if n in self._state.apart or said["method"] == "review":
            return
        asked = {one["id"]: one for one in self._rules.get(self._version, {}).get("questions", ())}
        if name not in asked:
            return
        kind = answers.kind_of(asked[name]["type"], asked[name]["config"])
        given = self._values(n, name, None, said)
        if not given:
            return  # not opened, or a consensus that stands though its answers are gone
        values = [value for _, value in given]
        if all(answers.same(value, values[0]) for value in values):
            method, wrong = "single" if len(values) == 1 else "unanimous", ""
            if not answers.same(said["value"], values[0]) or said["confidence"] != 1:
                wrong = f"{values[0]!r} at 1 is right; it says {said['value']!r} at {said['confidence']}"
        elif kind is None or not all(kind.accepts(value) for value in values):
            return  # a kind that this auditor does not know, or answers to another version's question
        else:
            right, method = kind.combine(values, [1.0] * len(values))
            if said["method"] != method and kind.earlier is not None:
                right, method = kind.earlier(values)
            wrong = skills.unlike(kind, right, values, [1.0] * len(values), said)
        self.plain += 1
        if not wrong and said["method"] != method:
            wrong = f"by {method!r} is right; it says {said['method']!r}"
        if wrong:
            self._tell(PROVEN, "consensus.differs", place, f"Task {n}, {name!r}: {wrong}.")

    def _more(self, entry: AuditedEntry, opened: dict[str, bytes], rows: list[Any]) -> None:
        place = f"{entry.stream} {entry.n}"
        for n, _, _, *choosy in rows:
            self._further[n].append((entry.at, any(choosy)))
        weighed = self._cause(entry, place)
        if weighed is None:
            return
        allowed = {weighed.rules.worth > 0, bool(self._choosy and self._choosy[-1][1])}
        for n, overlap, _, *choosy in rows:
            self.compared += 1
            if n <= len(weighed.pilots) and weighed.pilots[n - 1]:
                fits = overlap <= weighed.rules.most
            else:
                answered = sum(1 for _ in self._in_force(n, self._state))
                fits = overlap <= answered + 1 and self._worth(n, weighed)
                fits &= any(choosy) in allowed
            if not fits:
                what = f"Task {n} gets {overlap} answers, which the rule does not ask for."
                self._tell(PROVEN, "weighing.asked", place, what)

    def _worth(self, n: int, weighed: Weighing) -> bool:
        """Whether a further answer to a task is worth asking for, by some question; or it cannot be told."""
        for name, question in weighed.questions.items():
            if question.plan is None:
                continue
            votes = self._votes(n, name, question)
            if votes is None or any(code < 0 for _, code in votes):
                return True
            p = one(question.plan.model, votes)
            gain = question.plan.gains(p[None], np.array([len(votes)]))[0]
            if gain > question.plan.threshold - TOLERANCE:
                return True
        return False


_HANDLERS: dict[str, Callable[[Replay, AuditedEntry, dict[str, bytes], list[Any]], None]] = {
    "tasks-imported": Replay._import,
    "tasks-changed": Replay._tasks,
    "gold-marked": Replay._gold,
    "task-corrected": Replay._correct,
    "project-versioned": Replay._rule,
    "fitted": Replay._fitted,
    "concluded": Replay._concluded,
    "more-asked": Replay._more,
}


def _alike(due: tuple[float, ...], numbers: tuple[float, ...], allowed: float) -> bool:
    return len(due) == len(numbers) and all(abs(a - b) <= allowed for a, b in zip(due, numbers, strict=True))


def _lately(changes: list[tuple[int, T]], at: int, slack: int) -> list[tuple[int, T]]:
    """Of (at, value), ascending, those that held at some moment of the last `slack` ms; the newest first."""
    found = []
    for i in range(bisect_right(changes, at, key=itemgetter(0)) - 1, -1, -1):
        found.append(changes[i])
        if changes[i][0] < at - slack:
            break
    return found


def _shown(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.6g}" for number in numbers)


def _class(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _rules_of(rule: str, document: dict[str, Any]) -> Rules:
    policy = document["adaptive"]
    return Rules(
        document.get("overlap", 1),
        policy.get("least", 2),
        policy.get("tolerance", 5) / 1000,
        policy.get("target", 100) / 100,
        policy.get("worth", 0) / 100,
        rule,
    )


def _votes_on(question: str, told: list[Told], annotators: dict[str, int]) -> list[tuple[int, int, bytes]]:
    """(task, annotator, class) of each answer to a question."""
    return [(n, annotators[who], _class(given[question])) for n, who, given in told if question in given]


def _weighed(
    place: str,
    said: dict[str, Any],
    given: list[tuple[int, int, bytes]],
    tasks: int,
    annotators: dict[str, int],
    pilots: NDArray[np.bool_],
    rules: Rules,
    tell: Tell,
) -> Question | None:
    """Weigh one question again, and compare with what was said of it."""
    codes = {text: i for i, text in enumerate(sorted({text for _, _, text in given}))}
    k = max(len(codes), 2)
    if max(tasks, len(annotators) * k, len(given)) * k > MOST_CELLS or not given:
        tell(BLIND, "weighing.size", place, f"{said['question']!r} has too many classes, or no answers.")
        return None
    columns = np.array([(n - 1, who, codes[text]) for n, who, text in given], np.int64).reshape(-1, 3)
    votes = Votes(columns[:, 0], columns[:, 1], columns[:, 2], tasks, len(annotators), k)

    def differs(what: str) -> None:
        tell(PROVEN, "weighing.differs", place, f"{said['question']!r}: {what}")

    if said["method"] != METHOD:
        differs(f"weighed by {said['method']!r}, and the rule is {METHOD!r}.")
        return None
    reach = min(rules.most, len(annotators))
    ready = pilots & (votes.counts >= reach)
    due = reach > rules.least and bool(ready.sum() >= max(min(LEAST_PILOTS, int(pilots.sum())), 1))
    model, depends = fit(votes, rules.name), None
    if due:
        model, depends = fit_again(votes, model, ready, rules.name)
    _compare_weights(said, model, annotators, differs)
    hedge = said["hedge"]
    if _within(hedge, *(HEDGE * one for one in model.depends)):
        model = powered(
            votes.of(ready) if due else votes,
            replace(model, used=max(hedge / HEDGE, 0.0)),
            ready if due else None,
        )
    else:
        differs(f"the weighted vote stands for {HEDGE * model.used:.6f} votes; it says {hedge}.")
    if not _within(said["power"], model.power, model.power):
        differs(f"the power is {model.power:.6f}; it says {said['power']}.")
    plan = _planned(said, votes, model, depends, ready, reach, rules, differs)
    return Question(model, codes, annotators, plan)


def _compare_weights(
    said: dict[str, Any], model: Model, annotators: dict[str, int], differs: Callable[[str], None]
) -> None:
    names = {i: name for name, i in annotators.items()}
    right = {names[i]: float(model.skill[i]) for i in np.flatnonzero(model.given).tolist()}
    told = dict(map(tuple, said["weights"]))
    if told.keys() != right.keys():
        differs(f"weights of other annotators than answered: {sorted(told.keys() ^ right.keys())[0]}.")
    for who in sorted(told.keys() & right.keys()):
        if abs(told[who] - right[who]) > TOLERANCE:
            differs(f"the weight of {who} is {right[who]:.6f}; it says {told[who]}.")


def _within(said: float, low: float, high: float) -> bool:
    return low - TOLERANCE <= said <= high + TOLERANCE


def _planned(
    said: dict[str, Any],
    votes: Votes,
    model: Model,
    depends: float | None,
    ready: NDArray[np.bool_],
    reach: int,
    rules: Rules,
    differs: Callable[[str], None],
) -> Plan | None:
    """The plan, section 4, compared with what was said; `depends` of the pilots is None without a plan."""
    if said["pilots"] != (int(ready.sum()) if reach > rules.least else 0):
        differs(f"{int(ready.sum())} pilots have all their answers; it says {said['pilots']}.")
        return None
    if (depends is not None) != (said["threshold"] is not None):
        gone = "there is a plan without pilots for it."
        differs(gone if depends is None else "the pilots are there, and no plan.")
        return None
    if depends is None:
        return None
    if not _within(said["dependence"], depends, depends):
        differs(f"the pilots' dependence is {depends:.6f}; it says {said['dependence']}.")
    plan = Plan(model, depends, reach, rules.target, said["threshold"])
    loss, stops = losses(votes, plan, ready, rules)
    sure = _step(loss, rules.tolerance - TOLERANCE)
    allowed = {j for j in range(sure) if loss[j] <= rules.tolerance + TOLERANCE} | {sure}
    at = min(range(len(THRESHOLDS)), key=lambda j: abs(THRESHOLDS[j] - said["threshold"]))
    if at not in allowed or not math.isclose(THRESHOLDS[at], said["threshold"], abs_tol=1e-9):
        stop = THRESHOLDS[_step(loss, rules.tolerance + EQUAL)]
        differs(f"asking stops at a gain of {stop:.6f}; it says {said['threshold']}.")
    elif abs(loss[at] - said["loss"]) > TOLERANCE or abs(stops[at] - said["per_task"]) > TOLERANCE:
        right = f"stopping loses {loss[at]:.6f} at {stops[at]:.4f} answers"
        differs(f"{right}; it says {said['loss']} at {said['per_task']}.")
    return plan


def _step(loss: list[float], tolerance: float) -> int:
    """Index of the first threshold that is not too dear; the last where all are."""
    return next((j for j, mean in enumerate(loss) if mean <= tolerance), len(loss) - 1)
