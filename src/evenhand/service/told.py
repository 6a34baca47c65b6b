"""What an archive tells of a project, done again on this node, in the order in which it happened there.

What the owner and the rules decided is decided again: versions, imports, withdrawals, gold, pay. What people
did is told: annotations become `brought` events, whatever else they did `told` ones, each at its own time.
What answers come to is not computed anew but taken over at the end, since it may rest on a weighing or a
review. Numbers of tasks stay what they were.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

import msgspec

from evenhand import wire
from evenhand.core import consensus, gold, review, submission
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import NO_ROW, is_erased
from evenhand.core.errors import Broken, Invalid, Refused
from evenhand.core.events import (
    Brought,
    Event,
    Moment,
    MoreAsked,
    PayStated,
    RulesFollowed,
    TaskCorrected,
    TasksImported,
    Told,
)
from evenhand.core.intake import Read, key_of, read_record, shown_data
from evenhand.core.policy import Actor
from evenhand.core.project import Form, GoldPolicy
from evenhand.core.submission import TaskView
from evenhand.service import gold as gold_verbs
from evenhand.service import projects, search, tasks
from evenhand.service.brought import Member
from evenhand.service.ids import new_ordered_id
from evenhand.service.view import decode_json, encode_json, form_of, task_id
from evenhand.store import Transaction

SILENT = frozenset(
    {
        "project-created", "project-state-changed", "concluded", "released", "fitted", "review-opened",
        "offered", "renewed", "test-began", "test-answered",
    }
)  # fmt: skip
"""Kinds without an effect of their own that a page shows, or whose effect comes with another one's."""
Decided = Literal["accepted", "fixed", "returned", "skipped"]
GIVEN = ("submitted", "brought")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One event out of a history, with what its commitments hide and what the node kept beside it."""

    kind: str
    stream: str
    at: int  # ms
    public: dict[str, Any]
    private: dict[str, bytes]  # those that were not erased
    rows: tuple[bytes, ...]
    local: dict[str, Any]

    def value(self, name: str) -> bytes:
        """A private value; nothing where it was erased."""
        return self.private.get(name, b"")


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a history comes to life again."""

    actor: Actor
    organization: str
    project: str
    restore: str
    members: dict[str, Member]  # pseudonym there -> who it is here
    name: str  # of the project
    versions: int  # how many there are


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some lines."""

    did: Counter[str]  # kind -> how many events
    left: Counter[str]
    rejected: list[tuple[int, str, str]]  # (task, path, reason)


def take(tx: Transaction, at: Moment, aim: Aim, lines: Sequence[Line]) -> Taken:
    """Do these again.

    Raises:
        Broken: the archive tells what cannot have been.
    """
    return _Step(tx, at, aim).take(lines)


def conclude(
    tx: Transaction, at: Moment, aim: Aim, outcomes: Sequence[tuple[int, Mapping[str, Any]]]
) -> None:
    """What the answers to these tasks came to there."""
    for _, outcome in outcomes:
        msgspec.convert(outcome, dict[str, wire.Answer])
    tx.append(consensus.concluded(aim.organization, aim.project, outcomes), at)


class _Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task that annotations come to."""

    view: TaskView
    record: bytes  # of its round in force
    mapping: bytes


class _Step:
    """Some lines of a history, in one transaction."""

    def __init__(self, tx: Transaction, at: Moment, aim: Aim) -> None:
        self._tx, self._at, self._aim = tx, at, aim
        self._keys = {"organization": aim.organization, "project": aim.project}
        self._did: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._rejected: list[tuple[int, str, str]] = []

    def take(self, lines: Sequence[Line]) -> Taken:
        for given, group in groupby(lines, key=lambda line: line.kind in GIVEN):
            if given:
                self._bring(list(group))
                continue
            for line in group:
                self._one(line)
        return Taken(did=self._did, left=self._left, rejected=self._rejected)

    def _one(self, line: Line) -> None:
        if line.kind in SILENT:
            return
        act = ACTS.get(line.kind)
        if act is None:
            self._left[line.kind] += 1
            return
        self._did[line.kind] += 1
        try:
            act(self, line)
        except (Invalid, Refused) as error:
            self._rejected.append((_task_of(line), f"{line.kind} {error.where}".strip(), error.reason))

    def _append(self, *events: Event) -> None:
        self._tx.append(events, self._at)

    def _who(self, pseudonym: str) -> Member:
        if pseudonym not in self._aim.members:
            raise Broken("archive.people", f"people.jsonl does not name {pseudonym!r}.", "history.jsonl")
        return self._aim.members[pseudonym]

    def _form(self, version: int) -> Form:
        return form_of(self._tx, self._aim.organization, self._aim.project, version)

    # -- rules and data

    def version(self, line: Line) -> None:
        if line.public["version"] == 1:
            return  # it was made with the project
        document = decode_json(line.value("document"))
        if line.public["version"] == self._aim.versions:
            document["name"] = self._aim.name
        projects.change_to(self._tx, self._at, self._aim.organization, self._aim.project, draft_of(document))

    def rules_followed(self, line: Line) -> None:
        names = ("version", "first", "last")
        stretch = {name: line.public[name] for name in names}
        self._append(RulesFollowed(stream=self._aim.project, owner=self._aim.organization, **stretch))

    def imported(self, line: Line) -> None:
        mapping = line.local.get("mapping") or "{}"
        renamed = decode_json(mapping.encode())
        reads = [read_record(row, renamed) for row in line.rows]
        externals = tuple(line.local.get("externals") or ())
        project = self._tx.one("project", project=self._aim.project)
        assert project is not None, "the job has made it"
        if project["next_task"] != line.public["first"]:
            raise Broken("archive.tasks", "Tasks are missing.", f"task {project['next_task']}")
        named = [one for one in externals if one is not None]
        if len(set(named)) < len(named) or self._tx.tuples(
            "records_by_external", **self._keys, externals=sorted(named)
        ):
            raise Broken("archive.tasks", "An external id is there twice.", f"task {project['next_task']}")
        event = TasksImported(
            stream=self._aim.project,
            owner=self._aim.organization,
            first=line.public["first"],
            rows=line.rows,
            mapping=mapping.encode(),
            externals=externals,
            priorities=tuple(line.local.get("priorities") or ()),
        )
        self._append(event)
        self._know(event.first, reads)

    def _know(self, first: int, reads: Sequence[Read]) -> None:
        """Importing the same rows again adds nothing here either."""
        taken: set[str] = set()
        rows = []
        for n, read in enumerate(reads, first):
            if read.external_id is not None:
                continue  # it is known by that
            key = self._free_key(read, taken)
            taken.add(key)
            rows.append((self._aim.organization, self._aim.project, key, n, self._aim.restore))
        self._tx.bulk("known", ("organization", "project", "key", "task", "import"), rows)

    def _free_key(self, read: Read, taken: set[str]) -> str:
        occurrence = 0
        while True:
            key = key_of(read, occurrence)
            if key not in taken and not self._tx.tuples("known", **self._keys, keys=[key]):
                return key
            occurrence += 1

    def changed(self, line: Line) -> None:
        action = line.public["action"]
        if action == "order":
            return
        rows = [decode_json(row) for row in line.rows]
        values = {n: value if action == "prioritise" else 0 for n, value in rows}
        for priority in sorted(set(values.values())):
            named = [task_id(self._aim.project, n) for n, value in values.items() if value == priority]
            request = wire.TaskAction(action=action, task_ids=named, priority=priority)
            tasks.act(self._tx, self._at, self._aim.actor, self._aim.project, request)

    def corrected(self, line: Line) -> None:
        record = line.private.get("record")
        if record is None:
            return  # erased; the task is withdrawn
        read_record(record, {})
        n = int(line.value("task"))
        (before,) = self._tx.all("tasks_named", **self._keys, tasks=[n])
        project, owner = self._aim.project, self._aim.organization
        self._append(TaskCorrected(stream=project, owner=owner, task=str(n).encode(), record=record))
        search.follow_correction(
            self._tx, self._aim.organization, self._aim.project, n, before["record"], record
        )

    def more_asked(self, line: Line) -> None:
        rows = [decode_json(row) for row in line.rows]
        found = self._tx.all("tasks_named", **self._keys, tasks=[row[0] for row in rows])
        status = {t["n"]: t["status"] for t in found}
        kept = [
            [n, overlap, status[n], *choosy]
            for n, overlap, _, *choosy in rows
            if status.get(n) in ("open", "done")
        ]
        if kept:
            rows_ = tuple(encode_json(row) for row in kept)
            self._append(MoreAsked(stream=self._aim.project, owner=self._aim.organization, rows=rows_))

    # -- gold

    def marked(self, line: Line) -> None:
        use = line.public["use"]
        drafts = []
        for row in line.rows:
            n, _, answers, feedback = decode_json(row.removeprefix(NO_ROW))
            if not is_erased(row):
                known = None if use == "none" else answers
                drafts.append(
                    wire.GoldDraft(task_id=task_id(self._aim.project, n), answers=known, feedback=feedback)
                )
        request = wire.GoldMarks(use=use, tasks=drafts)
        gold_verbs.mark(self._tx, self._at, self._aim.actor, self._aim.project, request)

    def scored(self, line: Line) -> None:
        row = self._tx.one("project", project=self._aim.project)
        assert row is not None, "the job has made it"
        policy = self._form(row["version"]).document.gold or GoldPolicy()
        member, _ = self._who(line.value("member").decode())
        gold_verbs.record_score(self._tx, self._at, self._keys, policy, member, int(line.local["seen"]))

    def standing(self, line: Line) -> None:
        member, _ = self._who(line.value("member").decode())
        state, rule = line.public["state"], line.public["rule"]
        reason = line.value("reason").decode()
        owned = (self._aim.organization, self._aim.project)
        self._append(gold.standing(*owned, member, state, rule, reason))

    # -- what people did

    def _bring(self, lines: Sequence[Line]) -> None:
        """Annotations that follow each other, as neighbours in one append."""
        tasks = self._tasks(sorted({int(line.local["task"]) for line in lines}))
        made: dict[tuple[int, int, str], str] = {}
        events: list[Brought] = []
        for line in lines:
            n = int(line.local["task"])
            if n not in tasks:
                raise Broken("archive.tasks", "An annotation is of a task that is not there.", f"task {n}")
            try:
                event = self._brought(line, tasks[n], made, len(events))
            except Invalid as error:
                self._rejected.append((n, f"annotation {error.where}".strip(), error.reason))
                continue
            events.append(event)
            if event.revision == 1 and not event.surplus:
                tasks[n] = msgspec.structs.replace(tasks[n], view=_one_more(tasks[n].view))
        self._did["annotations"] += sum(event.revision == 1 for event in events)
        self._append(*events)

    def _tasks(self, numbers: Sequence[int]) -> dict[int, _Task]:
        return {
            n: _Task(
                view=TaskView(
                    status=status, free=free, leased=leased, answered=answered, overlap=overlap, round=round_
                ),
                record=record,
                mapping=mapping,
            )
            for _, n, round_, status, free, leased, answered, overlap, record, mapping in self._tx.tuples(
                "brought_tasks_by_number", **self._keys, tasks=numbers
            )
        }

    def _brought(
        self, line: Line, task: _Task, made: dict[tuple[int, int, str], str], before: int
    ) -> Brought:
        """One annotation.

        Args:
            made: (task, round, person) -> the assignment that it has here, of those that this append makes.
            before: annotations before it in this append, so that assignments keep their order.
        """
        local = line.local
        revision = int(line.public.get("revision", local.get("revision", 1)))
        surplus = bool(line.public.get("surplus", local.get("surplus", False)))
        member, person = self._who(local["member"])
        answers = self._answers(line, task)
        mine = int(local["task"]), int(local["round"]), person
        if mine not in made:
            found = self._assignment(*mine)
            if revision > 1 and found is None:
                raise Invalid("archive.revision", "A revision of what is not there.", "")
            made[mine] = found[0] if found else new_ordered_id("asg", self._at.ms + before)
        fills = task.view.status == "open" and task.view.answered + 1 >= task.view.overlap
        return Brought(
            stream=person,
            owner=self._aim.organization,
            slot=slot_of(made[mine]),
            answers=answers,
            given=str(_given(line)).encode(),
            assignment=made[mine],
            project=self._aim.project,
            task=mine[0],
            round=mine[1],
            version=int(local["version"]),
            member=member,
            ms=int(line.public.get("ms", local.get("ms", -1))),
            completes=revision == 1 and not surplus and fills,
            revision=revision,
            surplus=surplus,
            opened=int(local.get("opened") or _given(line)),
            rate=local.get("rate") or "",
            credited=int(local.get("credited") or 0),
        )

    def _answers(self, line: Line, task: _Task) -> bytes:
        """What was answered, checked against the form and the data that it was given to."""
        stored = line.local.get("counted") or line.value("answers").decode()
        round_, record, mapping = int(line.local["round"]), task.record, task.mapping
        if round_ != task.view.round:
            record, mapping = self._payload(int(line.local["task"]), round_)
        if not stored or stored == "{}":
            return b"{}"  # erased, there or on a node before it
        form = self._form(int(line.local["version"]))
        data = shown_data(record, mapping, form.shown)
        return submission.encoded(submission.check_answers(form, decode_json(stored), data))

    def _payload(self, n: int, round_: int) -> tuple[bytes, bytes]:
        rows = self._tx.tuples("payload_of", **self._keys, task=n, round=round_)
        if not rows:
            raise Broken("archive.tasks", f"There is no round {round_} of this task.", f"task {n}")
        return rows[0][0], rows[0][1]

    def _assignment(self, n: int, round_: int, person: str) -> tuple[str, int, int] | None:
        """(id, revision, seq) of what this person has of a task here."""
        rows = self._tx.tuples("told_assignment", **self._keys, task=n, round=round_, person=person)
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def _tell(
        self,
        line: Line,
        act: str,
        task: int,
        facts: dict[str, Any],
        word: bytes = b"",
        stands: bytes = b"",
        comment: bytes = b"",
    ) -> None:
        member, person = self._who(line.local["member"])
        event = Told(
            stream=person,
            owner=self._aim.organization,
            act=act,
            given=str(_given(line)).encode(),
            project=self._aim.project,
            task=task,
            member=member,
            facts=encode_json(facts),
            word=word,
            stands=stands,
            comment=comment,
        )
        self._append(event)

    def skipped(self, line: Line) -> None:
        facts, n = _facts(line), int(line.local["task"])
        _, person = self._who(line.local["member"])
        if self._assignment(n, facts["round"], person) is not None:
            return  # there is an answer, which counts more
        id_ = new_ordered_id("asg", self._at.ms)
        kept = {name: int(facts[name]) for name in ("round", "version", "opened")}
        self._tell(line, "skipped", n, {**kept, "assignment": id_}, word=_word(line, "reason"))

    def flagged(self, line: Line) -> None:
        facts, n = _facts(line), int(line.local["task"])
        _, person = self._who(line.local["member"])
        found = self._assignment(n, facts["round"], person)
        id_ = found[0] if found else _same("asg", self._aim.project, facts["assignment"])
        told = {"assignment": id_, "round": int(facts["round"])}
        self._tell(line, "flagged", n, told, word=_word(line, "reason"))

    def review_asked(self, line: Line) -> None:
        rows = [msgspec.convert(decode_json(row), tuple[int, int, int, review.Why]) for row in line.rows]
        self._append(*review.asked(self._aim.organization, self._aim.project, rows))

    def reviewed(self, line: Line) -> None:
        facts, n = _facts(line), int(line.local["task"])
        round_ = int(facts["round"])
        answers = line.value("stands" if line.kind == "told" else "answers")
        answers = (line.local.get("counted") or "").encode() or answers
        record, mapping = self._payload(n, round_)
        if answers:
            form = self._form(int(facts.get("version") or self._version()))
            data = shown_data(record, mapping, form.shown)
            answers = submission.encoded(submission.check_answers(form, decode_json(answers), data))
        told = {
            "review": _same("rev", self._aim.project, facts["review"]),
            "round": round_,
            "version": int(facts.get("version") or self._version()),
            "opened": int(facts["opened"]),
            "until": int(facts["until"]),
            "ms": int(line.public.get("ms", facts.get("ms", -1))),
            "decision": msgspec.convert(facts["decision"], Decided),
            "judgements": self._judgements(n, round_, facts["judgements"]),
        }
        self._tell(line, "reviewed", n, told, stands=answers, comment=line.value("comment"))

    def _version(self) -> int:
        row = self._tx.one("project", project=self._aim.project)
        assert row is not None, "the job has made it"
        return int(row["version"])

    def _judgements(self, n: int, round_: int, given: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """What was judged, with the ids that it has here; what was rejected is left out."""
        judged = []
        for _, pseudonym, _, outcome, revision, _ in given:
            member, person = self._who(pseudonym)
            found = self._assignment(n, round_, person)
            if found is not None:
                outcome = msgspec.convert(outcome, Literal["accepted", "fixed", "returned"])
                judged.append([found[0], member, person, outcome, int(revision), found[2]])
        return judged

    def appealed(self, line: Line) -> None:
        facts, n = _facts(line), int(line.local["task"])
        reviewed = self._tx.one("review", id=_same("rev", self._aim.project, facts["review"]))
        if reviewed is None:
            raise Invalid("archive.review", "Its review is not there.", "")
        _, person = self._who(line.local["member"])
        found = self._assignment(n, reviewed["round"], person)
        if found is None:
            raise Invalid("archive.annotation", "Its annotation is not there.", "")
        told = {
            "appeal": _same("apl", self._aim.project, facts["appeal"]),
            "review": reviewed["id"],
            "assignment": found[0],
            "reviewer": self._who(facts["reviewer"])[0],
        }
        self._tell(line, "appealed", n, told, word=_word(line, "text"))

    def appeal_decided(self, line: Line) -> None:
        facts, n = _facts(line), int(line.local["task"])
        told = {
            "appeal": _same("apl", self._aim.project, facts["appeal"]),
            "annotator": self._who(facts["annotator"])[0],
            "reviewer": self._who(facts["reviewer"])[0],
            "restores": bool(facts["restores"]),
            "decision": msgspec.convert(facts["decision"], Literal["upheld", "rejected"]),
        }
        text = line.value("comment" if line.kind == "told" else "text")
        self._tell(line, "appeal-decided", n, told, comment=text)

    def tested(self, line: Line) -> None:
        facts = _facts(line)
        told = {
            "attempt": int(facts["attempt"]),
            "tasks": [int(n) for n in facts["tasks"]],
            "opened": int(facts["opened"]),
            "right": [int(bool(right)) for right in facts["right"]],
            "passed": None if facts["passed"] is None else bool(facts["passed"]),
        }
        self._tell(line, "tested", 0, told)

    def told(self, line: Line) -> None:
        TOLD[line.public["act"]](self, line)

    # -- pay

    def stated(self, line: Line) -> None:
        rows = []
        for row in line.rows:
            member, _, currency, count, ms, amount = decode_json(row)
            mine = [self._who(member)[0], self._aim.organization, currency, count, ms, amount]
            rows.append(encode_json(mine))
        project, owner = self._aim.project, self._aim.organization
        number, stated = int(line.public["number"]), int(line.local.get("stated") or line.at)
        self._append(PayStated(stream=project, owner=owner, number=number, rows=tuple(rows), stated=stated))


Act = Callable[[_Step, Line], None]

TOLD: dict[str, Act] = {
    "skipped": _Step.skipped,
    "flagged": _Step.flagged,
    "reviewed": _Step.reviewed,
    "appealed": _Step.appealed,
    "appeal-decided": _Step.appeal_decided,
    "tested": _Step.tested,
}
ACTS: dict[str, Act] = {
    **TOLD,
    "project-versioned": _Step.version,
    "rules-followed": _Step.rules_followed,
    "tasks-imported": _Step.imported,
    "tasks-changed": _Step.changed,
    "task-corrected": _Step.corrected,
    "more-asked": _Step.more_asked,
    "gold-marked": _Step.marked,
    "gold-scored": _Step.scored,
    "standing-changed": _Step.standing,
    "review-asked": _Step.review_asked,
    "pay-stated": _Step.stated,
    "told": _Step.told,
}


def draft_of(document: dict[str, Any], name: str = "") -> wire.ProjectDraft:
    """A stored document as drafts are written: questions have names, and their ids are stable."""
    questions = [{**question, "name": question["id"]} for question in document["questions"]]
    return msgspec.convert(
        {**document, "questions": questions, "name": name or document["name"]}, wire.ProjectDraft
    )


def _facts(line: Line) -> dict[str, Any]:
    """What the tables hold of an act beside its words; a `told` event carries it as one value."""
    if line.kind == "told":
        facts: dict[str, Any] = decode_json(line.local["facts"].encode())
        return facts
    decision = line.local.get("became") or line.value("decision").decode()
    return {**line.local, "decision": decision}


def _word(line: Line, name: str) -> bytes:
    return line.value("word" if line.kind == "told" else name)


def _given(line: Line) -> int:
    """When it was done, ms: the entry's time, or what the entry tells of another node's."""
    return int(line.private["given"]) if "given" in line.private else line.at


def _task_of(line: Line) -> int:
    found = line.local.get("task") or line.private.get("task") or 0
    return int(found)


def _one_more(task: TaskView) -> TaskView:
    answered = task.answered + 1
    done = task.status == "open" and answered >= task.overlap
    return msgspec.structs.replace(task, answered=answered, status="done" if done else task.status)


def _same(prefix: str, project: str, id_: str) -> str:
    """The id here of what has this one there: the same again for whatever names it."""
    return f"{prefix}-{hashlib.sha256(f'{project} {id_}'.encode()).hexdigest()[:32]}"
