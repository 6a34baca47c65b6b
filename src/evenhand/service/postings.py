"""Projects in shared pools by their own rules: who passed a project's test, and who was suspended from it.

A project's rules and its standings are private to the client. What they come to for the queue is told in
the pool's stream before it has effect: a posting asks for a test or not, and annotators are admitted to it or
not. `docs/spec/ledger.md`, 10.2, says how that is replayed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from evenhand import wire
from evenhand.core.events import Admitted, MemberAdded, Moment, Place, ProjectPosted
from evenhand.core.policy import LENT, Actor, labels_anywhere
from evenhand.service.ids import new_id
from evenhand.service.view import encode_json, form_of
from evenhand.store import Reader, Transaction

TOLD = 250  # annotators in one entry


def post(tx: Transaction, at: Moment, organization: str, project: str, cause: Place | None) -> None:
    """Say in the pool's stream that a project is there, is gone, or asks for a test now.

    Args:
        cause: what made it necessary, in the project's stream; None: it was so before postings were told.
    """
    row = tx.one("project", project=project)
    assert row is not None, "the caller has it"
    pooled = tx.one("pooled_project", project=project)
    for old in tx.all("open_posting", project=project):
        if pooled is None or old["pool"] != pooled["pool"]:
            _tell(tx, at, organization, project, old["pool"], {**old, "state": "closed"})
    if pooled is None:
        return
    test = int(form_of(tx, organization, project, row["version"]).document.qualification is not None)
    before = tx.one("postings_of", pool=pooled["pool"], project=project)
    now = {
        "posting": before["posting"] if before else new_id("pst"),
        "client": pooled["client"],
        "family": pooled["family"],
        "state": "open",
        "test": test,
    }
    if before is None or any(before[name] != now[name] for name in ("family", "state", "test")):
        _tell(tx, at, organization, project, pooled["pool"], now)
        admit(tx, at, organization, project, cause)


def _tell(
    tx: Transaction, at: Moment, organization: str, project: str, pool: str, now: Mapping[str, Any]
) -> None:
    names = ("client", "family", "posting", "state", "test")
    event = ProjectPosted(
        stream=pool, owner=organization, project=project.encode(), **{name: now[name] for name in names}
    )
    tx.append([event], at)


def post_all(tx: Transaction, at: Moment) -> None:
    """Tell of projects that came into shared pools before postings were told."""
    for row in tx.all("unposted"):
        post(tx, at, row["organization"], row["project"], None)


def admit(
    tx: Transaction, at: Moment, organization: str, project: str, cause: Place | None, member: str = ""
) -> None:
    """Say in the pool's stream who may work on a project, as far as that changed.

    Args:
        cause: the entry of the project's stream that made it necessary.
        member: whose standing changed; "" for everybody's.
    """
    for posting in tx.all("open_posting", project=project):
        told = dict(tx.tuples("posting_admissions", posting=posting["posting"]))
        changed: dict[int, list[tuple[str, str]]] = {0: [], 1: []}
        keys = {"organization": organization, "project": project}
        for row in tx.all("lent_standings", **keys, member=member):
            may = int(row["state"] == "active" and (row["qualified"] or not posting["test"]))
            if may != told.get(row["person"], 1 - posting["test"]):
                changed[may].append((row["person"], row["member"]))
        events = [
            _admitted(posting, organization, on, people[i : i + TOLD], cause)
            for on, people in changed.items()
            for i in range(0, len(people), TOLD)
        ]
        tx.append(events, at)


def _admitted(
    posting: Mapping[str, Any],
    organization: str,
    on: int,
    people: Sequence[tuple[str, str]],
    cause: Place | None,
) -> Admitted:
    return Admitted(
        stream=posting["pool"],
        owner=organization,
        posting=posting["posting"],
        on=on,
        who=tuple(person for person, _ in people),
        evidence=encode_json({"cause": cause, "members": [member for _, member in people]}),
    )


def closed(
    reader: Reader, pool: str, persons: Sequence[str]
) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Who of these people may not work where: by project, and by client where no project of it is left."""
    if not persons:
        return {}, {}
    told = reader.all("admissions", pool=pool, persons=list(persons))
    asking = reader.all("asking_postings", pool=pool)
    open_to = {(row["posting"], row["person"]) for row in told if row["admitted"]}
    shut = {(r["client"], r["project"], r["person"]) for r in told if not r["admitted"]}
    shut |= {
        (row["client"], row["project"], person)
        for row in asking
        for person in persons
        if (row["posting"], person) not in open_to
    }
    return _by_project(shut), _by_client(reader, pool, shut)


def _by_project(shut: set[tuple[str, str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for _, project, person in shut:
        found[project].add(person)
    return {project: frozenset(people) for project, people in found.items()}


def _by_client(reader: Reader, pool: str, shut: set[tuple[str, str, str]]) -> dict[str, frozenset[str]]:
    clients = sorted({client for client, _, _ in shut})
    if not clients:
        return {}
    counts = dict(reader.tuples("posting_counts", pool=pool, clients=clients))
    times = Counter((client, person) for client, _, person in shut)
    found: dict[str, set[str]] = defaultdict(set)
    for (client, person), count in times.items():
        if count == counts[client]:
            found[client].add(person)
    return {client: frozenset(people) for client, people in found.items()}


# ---- tests of projects, taken by those whom a pool lends -----------------------------------------------


def tests(reader: Reader, actor: Actor) -> list[dict[str, Any]]:
    """The postings whose test the caller may take, or has passed: rows with `pool`, `project`, `admitted`."""
    if "annotate" not in actor.scopes or not labels_anywhere(actor):
        return []
    return reader.all("tests_open", person=actor.person)


def told(reader: Reader, row: Mapping[str, Any]) -> wire.PoolTest:
    """A test as an annotator sees it."""
    document = form_of(reader, row["organization"], row["project"], row["version"]).document
    return wire.PoolTest(project_id=row["project"], name=document.name, passed=bool(row["admitted"]))


def may_test(reader: Reader, actor: Actor, project: str) -> bool:
    """Whether a shared pool lets the caller take the test of this project."""
    return any(row["project"] == project for row in tests(reader, actor))


def lent_member(reader: Reader, organization: str, person: str) -> str:
    """The client's pseudonym for somebody whom a pool lends; "" as long as there is none."""
    rows = reader.tuples("lent_of", persons=[person])
    return next((member for of, _, member in rows if of == organization), "")


def lend(tx: Transaction, at: Moment, organization: str, actor: Actor) -> str:
    """The client's pseudonym for somebody who has not worked for it yet."""
    known = lent_member(tx, organization, actor.person)
    if known:
        return known
    member = new_id(LENT)
    kind = tx.tuples("kind_of", person=actor.person)[0][0]
    event = MemberAdded(
        stream=organization,
        owner=organization,
        role="enrolled",
        actor=kind,
        member=member.encode(),
        person=member.encode(),
        lent=actor.person,
    )
    tx.append([event], at)
    name_lent(tx, at, organization, member)
    return member


def name_lent(tx: Transaction, at: Moment, organization: str, member: str) -> None:
    """A client sees annotators of shared pools under a name that says nothing."""
    tx.run(
        "put_person",
        id=member,
        home=organization,
        name=f"Annotator {member[-6:]}",
        email=None,
        password=None,
        subject=None,
        operator=0,
        created_ms=at.ms,
    )
