"""A small exchange for tests: three clients, two providers, one operator, a shared pool."""

from __future__ import annotations

import msgspec
from world import World

from evenhand import wire
from evenhand.audit.entries import read_entry
from evenhand.audit.notes import LogKey
from evenhand.audit.run import Audit, Auditor
from evenhand.core.policy import Actor, Membership
from evenhand.service import allocation, exchange, intake, owners, projects
from evenhand.store.conformance import ORIGIN, organization

CLIENTS = ("acme", "bolt", "core")
PROVIDERS = {"opco": 3, "indie": 3}


class ExchangeWorld(World):
    """`clients[name]` owns a client, `managers[name]` runs a provider, `staff[name]` annotate for it."""

    def __init__(self, url: str, **terms) -> None:
        super().__init__(url, people=1)
        self.operator = Actor(person="ann-op", name="Op", operator=True)
        self.clients = {name: self._actor(f"{name}-owner", f"org-{name}", "owner") for name in CLIENTS}
        self.managers = {name: self._actor(f"{name}-boss", f"org-{name}", "owner") for name in PROVIDERS}
        self.staff = {
            name: [self._actor(f"{name}-{i}", f"org-{name}", "annotator") for i in range(count)]
            for name, count in PROVIDERS.items()
        }
        self.lane.call(self._settle)
        self.pool = self.call(
            exchange.open_pool,
            self.operator,
            wire.NewSharedPool(language="en", terms=wire.PoolTerms(**{"prices": {"text": 10}, **terms})),
        ).id

    def _actor(self, name: str, organization: str, role: str) -> Actor:
        membership = Membership(organization=organization, member=f"mem-{name}", role=role)
        return Actor(person=f"ann-{name}", name=name, memberships=(membership,))

    def everybody(self) -> list[Actor]:
        return [
            *self.clients.values(),
            *self.managers.values(),
            *(person for staff in self.staff.values() for person in staff),
        ]

    def _settle(self, tx, at) -> None:
        for name in (*CLIENTS, *PROVIDERS):
            tx.append(organization(f"org-{name}"), at)
        for actor in self.everybody():
            self.add_member(tx, at, actor)

    def hold(self, holder: str, held: str, **shares) -> wire.StatementsReport:
        shares.setdefault("since", "1970-01-01")
        return self.call(owners.hold, self.operator, wire.NewHolding(holder=holder, held=held, **shares))

    def source(self, name: str) -> str:
        found = [
            o for o in self.read(owners.statements, self.operator) if o["recordDetails"].get("name") == name
        ]
        return found[0]["recordId"]

    def admit(self) -> None:
        """Everybody is registered with a record of ownership, joins and enrols."""
        for name in (*CLIENTS, *PROVIDERS):
            self.hold(f"{name} founders", name, economic=100, voting=100)
        self.client_ids, self.entity_ids = {}, {}
        for name, actor in self.clients.items():
            new = wire.NewClient(organization_id=f"org-{name}", record=self.source(name))
            self.client_ids[name] = self.call(exchange.register_client, self.operator, new).id
            self.call(exchange.join, actor, self.pool, wire.ClientTerms())
        for name in PROVIDERS:
            role = "operator" if name == "opco" else "provider"
            new = wire.NewEntity(role=role, organization_id=f"org-{name}", record=self.source(name))
            self.entity_ids[name] = self.call(exchange.register_entity, self.operator, new).id
            for person in self.staff[name]:
                enrolment = wire.Enrolment(member_id=person.memberships[0].member, languages=["en"], band=2)
                self.call(exchange.enrol, self.managers[name], self.pool, enrolment)

    def client_project(self, name: str, tasks: int, overlap: int = 1, pooled: bool = True, **rules) -> str:
        draft = wire.ProjectDraft(
            name=f"{name} work",
            fields=[wire.FieldDraft(name="text")],
            questions=[{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}],
            overlap=overlap,
            **rules,
        )
        project = self.call(projects.create, self.clients[name], draft).id
        self.more(name, project, [{"text": f"{name} {n}"} for n in range(tasks)])
        if pooled:
            wanted = wire.ProjectPool(pool=self.pool, family="text")
            self.call(exchange.pool_project, self.clients[name], project, wanted)
        return project

    def more(self, name: str, project: str, records: list[dict]) -> None:
        opened = self.call(intake.open_import, self.clients[name], project, wire.NewImport(name="rows"))
        body = b"\n".join(msgspec.json.encode(record) for record in records)
        for group in intake.groups(intake.read_lines(body, 1, {})):
            self.call(intake.take, self.clients[name], opened.id, group)

    def ask(self, *actors: Actor, count: int = 1) -> list[wire.Assignments]:
        """All of them in one window."""

        def verb(tx, at):
            calls = [(actor, wire.NextAssignment(count=count)) for actor in actors]
            return allocation._next_all(tx, at, calls)

        return self.lane.call(verb)

    def entries(self, stream: str) -> list[dict]:
        """The entries of a stream, as everybody sees them."""
        with self.reading() as reader:
            rows = reader.tuples("events_after", seq=0, limit=100_000)
        found = [msgspec.json.decode(entry) for _, entry, _, _ in rows]
        return [entry for entry in found if entry["s"] == stream]

    def audit(self) -> Audit:
        """What an auditor finds in everything so far."""
        with self.reading() as reader:
            rows = reader.tuples("events_after", seq=0, limit=100_000)
        made = Audit()
        auditor = Auditor(made, LogKey(ORIGIN, b"\0" * 4, bytes(32)))
        for index, (_, entry, _, _) in enumerate(rows):
            auditor.take(index, entry, read_entry(entry))
        auditor.finish()
        return made
