"""A small world for tests of the verbs: a store, a lane, an organization, people, a clock to turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from evenhand import wire
from evenhand.audit.entries import read_entry
from evenhand.audit.reweigh import Replay, Slot
from evenhand.core.events import MemberAdded, NodeOpened
from evenhand.core.policy import Actor, Membership
from evenhand.doctor import examine
from evenhand.lane import Lane
from evenhand.service import allocation, intake, projects, submission
from evenhand.store import Reader, Store, open_store
from evenhand.store.codec import decode
from evenhand.store.conformance import ORIGIN, FakeNode, organization

CHOICE = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}


class World:
    """`people[0]` owns org-a; the others are its annotators; `stranger` owns org-b."""

    def __init__(self, url: str, people: int = 4, begin: bool = True) -> None:
        self.url = url
        self.ms = 1_000_000
        self.node = FakeNode()
        self.store: Store = open_store(url)
        self.lane = Lane(self.store, self.node, clock=lambda: self.ms)
        self.people = [self._person(i, "org-a", "owner" if i == 0 else "annotator") for i in range(people)]
        self.stranger = self._person(900, "org-b", "owner")
        if begin:
            self.lane.call(self._begin)

    def _person(self, i: int, organization: str, role: str) -> Actor:
        membership = Membership(organization=organization, member=f"mem-{i}", role=role)
        return Actor(person=f"ann-{i}", name=f"P{i}", memberships=(membership,))

    def _begin(self, tx, at) -> None:
        tx.append(
            [NodeOpened(stream="node", software="test"), *organization("org-a"), *organization("org-b")], at
        )
        for actor in [*self.people, self.stranger]:
            self.add_member(tx, at, actor)

    def add_member(self, tx, at, actor: Actor) -> None:
        """The actor's person comes to be, and a member of the organization that the actor names first."""
        own = actor.memberships[0]
        event = MemberAdded(
            stream=own.organization,
            owner=own.organization,
            role=own.role,
            actor="human",
            member=own.member.encode(),
            person=actor.person.encode(),
        )
        tx.append([event], at)
        nothing = {"email": None, "password": None, "subject": None, "operator": 0}
        tx.run(
            "put_person",
            id=actor.person,
            home=own.organization,
            name=actor.name,
            created_ms=at.ms,
            **nothing,
        )

    @property
    def owner(self) -> Actor:
        return self.people[0]

    def call(self, verb, *args):
        return self.lane.call(verb, *args)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with self.store.read() as reader:
            yield reader

    def read(self, verb, *args, **kwargs):
        with self.reading() as reader:
            return verb(reader, *args, **kwargs)

    def project(self, tasks: int | list[dict] = 0, questions=None, **rules) -> wire.Project:
        draft = wire.ProjectDraft(
            name=rules.pop("name", "Messages"),
            fields=rules.pop("fields", [wire.FieldDraft(name="text")]),
            questions=questions or [CHOICE],
            **rules,
        )
        project = self.call(projects.create, self.owner, draft)
        records = [{"text": f"message {n}"} for n in range(tasks)] if isinstance(tasks, int) else tasks
        if records:
            self.bring_in(project.id, records)
        return project

    def bring_in(self, project: str, records: list[dict], **settings) -> wire.RowsReport:
        opened = self.call(intake.open_import, self.owner, project, wire.NewImport(name="rows", **settings))
        body = b"\n".join(msgspec.json.encode(record) for record in records)
        lines = intake.read_lines(body, 1, settings.get("mapping", {}))
        reports = [self.call(intake.take, self.owner, opened.id, group) for group in intake.groups(lines)]
        return wire.RowsReport(
            accepted=sum(r.accepted for r in reports),
            present=sum(r.present for r in reports),
            rejected=[x for r in reports for x in r.rejected],
            next_line=reports[-1].next_line,
        )

    def next(self, actor: Actor, **request) -> wire.Assignments:
        return self.call(allocation.next_, actor, wire.NextAssignment(**request))

    def submit(self, actor: Actor, assignment: str, answers=None, **request) -> wire.Submitted:
        return self.call(
            submission.submit,
            actor,
            assignment,
            wire.Submission(answers=answers or {"spam": "ham"}, **request),
        )

    def counts(self, project: str) -> wire.Counts:
        return self.read(projects.get, self.owner, project).counts

    def reweigh(self, project: str, organization: str = "org-a", change=lambda *_: None):
        """(findings, replay) of an auditor who weighs again what the store has of a project, as archives do.

        `change` may take away or replace what is opened of an event.
        """
        with self.reading() as reader:
            rows = reader.all("events_after", seq=0, limit=100_000)
            keys = {"organization": organization, "project": project, "after": 0, "upto": 10_000}
            annotations = reader.tuples("archive_annotations", **keys)
        events = [decode(r["seq"], r["entry"], r["body"], r["organization"]) for r in rows]
        places = {(a[9], a[10]): Slot(a[0], a[1], a[2], a[12]) for a in annotations}
        slots = {p.event.slot: places[p.event.stream, p.n] for p in events if (p.event.stream, p.n) in places}
        found: list[tuple[str, str, str, str]] = []
        replay = Replay(project, slots, lambda *told: found.append(told))
        for p in events:
            if project in (p.event.stream, getattr(p.event, "project", None)):
                opened = {name: getattr(p.event, name) for name in p.event.PRIVATE}
                change(p.event, opened)
                bulk = list(p.event.rows) if p.event.BULK and hasattr(p.event, "rows") else []
                replay.take(read_entry(p.entry), opened, bulk)
        return found, replay

    def require_healthy(self) -> None:
        """The tables are what the events make of them."""
        report = examine(self.store, ORIGIN)
        assert report.healthy, (report.differences, report.faults)

    def close(self) -> None:
        self.lane.stop()
        self.store.close()
