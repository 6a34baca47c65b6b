"""Verbs of the exchange: officers, waivers, exposure, availability, leaving, late statements, who sees."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from exchange_world import ExchangeWorld

from evenhand import wire
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import b64url
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.policy import Actor, Membership
from evenhand.core.shared_pool import override_text
from evenhand.lane import Lane
from evenhand.service import allocation, exchange, owners, projects, submission
from evenhand.store import open_store
from evenhand.store.conformance import ORIGIN

OFFICERS = {name: Ed25519PrivateKey.generate() for name in ("ann", "ben")}
DAY = 86_400_000


@pytest.fixture
def world() -> Iterator[ExchangeWorld]:
    made = ExchangeWorld("sqlite://", charge=5)
    made.admit()
    yield made
    made.close()


def sound(world: ExchangeWorld) -> None:
    """The auditor finds nothing, and neither does the doctor."""
    assert [str(finding) for finding in world.audit().findings.kept] == []
    world.require_healthy()


def holder(world: ExchangeWorld, name: str, count: int = 1) -> list[wire.Assignment]:
    return world.ask(world.staff[name][0], count=count)[0].assignments


def appoint(world: ExchangeWorld) -> None:
    keys = {name: b64url(key.public_key().public_bytes_raw()) for name, key in OFFICERS.items()}
    world.call(exchange.set_policy, world.operator, wire.NodePolicy(officers=keys))


def signed(world: ExchangeWorld, act: str, subject: str, at: int, *names: str) -> wire.Override:
    text = override_text(ORIGIN, world.pool, act, subject, "error", at)
    signatures = [{"key": name, "sg": b64url(OFFICERS[name].sign(text))} for name in names]
    return wire.Override(act=act, subject=subject, reason="error", at=at, signatures=signatures)


def override(world: ExchangeWorld, wanted: wire.Override) -> None:
    world.call(exchange.override, world.operator, world.pool, wanted)


# ---- officers --------------------------------------------------------------------------------------


def test_two_officers_recall_suspend_and_readmit_and_all_of_it_is_counted(world):
    appoint(world)
    world.client_project("acme", 9)
    person = world.staff["opco"][0]
    (mine,) = holder(world, "opco")
    override(world, signed(world, "recall", slot_of(mine.id), 1, "ann", "ben"))
    with pytest.raises(Refused, match="taken back"):
        world.submit(person, mine.id)
    (again,) = holder(world, "opco")
    assert again.task_id != mine.task_id, "nobody gets a task twice in a round"
    assert world.ask(world.staff["opco"][1])[0].assignments[0].task_id == mine.task_id, (
        "it is free for others"
    )
    override(world, signed(world, "suspend", person.person, 2, "ann", "ben"))
    assert world.ask(person)[0].assignments == []
    with pytest.raises(Refused) as told:
        world.call(allocation.next_, person, wire.NextAssignment(pool=world.pool))
    assert told.value.rule == "pool.suspended"
    override(world, signed(world, "readmit", person.person, 3, "ben", "ann"))
    assert holder(world, "opco")
    assert world.audit().overrides == 3
    claimed = {"number": 1, "origin": ORIGIN, "after_seq": 0, "checkpoint": ""}  # as a node does at its start
    world.lane.call(lambda tx, at: tx.run("put_epoch", **claimed))
    told = world.read(exchange.list_overrides, world.clients["acme"])
    assert [one.act for one in told.items] == ["readmit", "suspend", "recall"]
    assert (told.origin, told.officers) == (ORIGIN, ["ann", "ben"])
    assert Counter(e["b"]["reason"] for e in world.entries(world.pool) if e["t"] == "recalled") == {
        "override": 2
    }
    sound(world)


def test_an_override_that_is_not_signed_by_two_officers_is_refused(world):
    appoint(world)
    person = world.staff["opco"][0].person
    good = signed(world, "suspend", person, 7, "ann", "ben")
    one, *_ = good.signatures
    for signatures in ([], [one], [one, one], [*good.signatures, {"key": "cy", "sg": one["sg"]}]):
        with pytest.raises(Refused, match="two different officers"):
            override(
                world,
                wire.Override(act="suspend", subject=person, reason="error", at=7, signatures=signatures),
            )
    other = wire.Override(act="suspend", subject=person, reason="abuse", at=7, signatures=good.signatures)
    with pytest.raises(Refused, match="two different officers"):
        override(world, other)
    override(world, good)
    with pytest.raises(Refused, match="used before"):
        override(world, good)
    with pytest.raises(Missing):
        override(world, signed(world, "recall", "f" * 32, 8, "ann", "ben"))
    with pytest.raises(Missing):
        override(world, signed(world, "suspend", "ann-nobody", 8, "ann", "ben"))
    with pytest.raises(Refused):
        world.call(exchange.override, world.clients["acme"], world.pool, good)
    sound(world)


# ---- conflicts -------------------------------------------------------------------------------------


def test_a_waiver_lifts_grade_two_and_nothing_else_until_it_is_withdrawn(world):
    acme, entity = world.clients["acme"], world.entity_ids["indie"]
    world.client_project("acme", 9)
    world.hold("indie founders", "indie", economic=85, voting=100)
    report = world.hold("acme", "indie", economic=15, voting=0)
    assert report.conflicts == 1 and holder(world, "indie") == []
    world.call(owners.waive, acme, world.pool, wire.Waiver(entity=entity))
    (mine,) = holder(world, "indie")
    verdict = next(v for v in world.read(owners.overview, acme).conflicts if v.entity == entity)
    assert (verdict.grade, verdict.blocked) == (2, False) and "15%" in verdict.sentence
    world.call(owners.waive, acme, world.pool, wire.Waiver(entity=entity, state="withdrawn"))
    with pytest.raises(Refused, match="taken back"):
        world.submit(world.staff["indie"][0], mine.id)
    world.call(owners.waive, acme, world.pool, wire.Waiver(entity=entity))
    world.hold("indie founders", "indie", economic=70, voting=100)
    world.hold("acme", "indie", economic=30, voting=0)
    assert holder(world, "indie") == [], "grade 3 is not waived"
    with pytest.raises(Missing):
        world.call(owners.waive, acme, world.pool, wire.Waiver(entity="ent-nobody"))
    sound(world)


def test_a_statement_that_comes_late_is_marked_and_found(world):
    world.ms += 100 * DAY
    report = world.hold("new founders", "newcomer", economic=90, voting=100, since="1970-01-02")
    assert report.late == [], "who owned a newcomer before it was known is told in time"
    world.hold("opco founders", "opco", economic=90, voting=100, since="1970-04-10")
    report = world.hold("bolt", "opco", economic=10, voting=0, since="1970-01-02")
    assert len(report.late) == 1
    late = [stake for stake in world.read(owners.overview, world.operator).stakes if stake.late]
    assert [(stake.economic, stake.effective) for stake in late] == [(10.0, "1970-01-02")]
    made = world.audit()
    assert made.late == 1 and set(made.findings.controls) == {"EN-24"}


def test_ownership_is_told_to_those_whom_it_concerns_and_persons_are_not_named(world):
    world.call(owners.set_rivals, world.clients["bolt"], wire.Rivals(records=[world.source("acme")]))
    world.hold("opco founders", "opco", economic=51, voting=100)
    world.hold("acme", "opco", economic=49, voting=0)
    everything = world.read(owners.overview, world.operator)
    assert {(v.client_name, v.blocked) for v in everything.conflicts} >= {
        ("org-acme", True),
        ("org-bolt", True),
    }
    told = world.read(owners.overview, world.clients["bolt"])
    assert {v.client for v in told.conflicts} == {world.client_ids["bolt"]}
    (verdict,) = [v for v in told.conflicts if v.rival]
    assert "acme has 49%" in verdict.rival_sentence and verdict.entity == world.entity_ids["opco"]
    assert set(verdict.records) <= {owner.record for owner in told.owners}
    assert {o.role for o in told.owners if o.name in ("acme", "core")} == {""}, (
        "who else is a client is not told"
    )
    assert {owner.name for owner in told.owners if owner.kind == "person"} <= {"a person", "an unknown owner"}
    assert world.read(owners.overview, world.managers["opco"]).conflicts
    with pytest.raises(Missing):
        world.read(owners.overview, world.stranger)
    with pytest.raises(Missing):
        world.read(owners.overview, world.clients["acme"], "org-bolt")
    with pytest.raises(Missing):
        world.read(owners.get_rivals, world.clients["acme"], "org-bolt")


# ---- taking part -----------------------------------------------------------------------------------


def test_an_exposure_caps_the_leases_of_one_provider_and_leaves_the_others(world):
    acme = world.clients["acme"]
    world.call(exchange.join, acme, world.pool, wire.ClientTerms(exposure=2))
    world.client_project("acme", 20)
    world.client_project("bolt", 1)
    got = Counter()
    for name in ("opco", "indie"):
        for _ in range(3):
            for person in world.staff[name]:
                for one in world.ask(person)[0].assignments:
                    world.submit(person, one.id)
                    got[name, one.data["text"].split()[0]] += 1
    assert got["opco", "acme"] == got["indie", "acme"] == 2
    with pytest.raises(Invalid):
        world.call(exchange.join, acme, world.pool, wire.ClientTerms(exposure=-1))
    sound(world)


def test_somebody_who_takes_no_work_gets_none_and_keeps_what_they_have(world):
    world.client_project("acme", 9)
    person = world.staff["indie"][0]
    (mine,) = holder(world, "indie")
    shown = world.call(exchange.set_available, person, world.pool, wire.AvailabilityChange(available=False))
    assert (shown.available, shown.language, shown.mine) == (False, "en", 0)
    with pytest.raises(Refused) as told:
        world.call(allocation.next_, person, wire.NextAssignment(pool=world.pool, have=[mine.id]))
    assert told.value.rule == "pool.unavailable"
    world.submit(person, mine.id)
    assert world.ask(person)[0].assignments == []
    entries = len(world.entries(world.pool))
    world.call(exchange.set_available, person, world.pool, wire.AvailabilityChange(available=False))
    assert len(world.entries(world.pool)) == entries, "the same again says nothing"
    world.call(exchange.set_available, person, world.pool, wire.AvailabilityChange(available=True))
    given = world.call(allocation.next_, person, wire.NextAssignment(pool=world.pool)).assignments
    assert (
        given
        and given == world.call(allocation.next_, person, wire.NextAssignment(pool=world.pool)).assignments
    )
    for pool in ("pool-none", "pool-org-indie"):
        with pytest.raises(Missing):
            world.call(allocation.next_, person, wire.NextAssignment(pool=pool))
    with pytest.raises(Missing):
        world.call(
            exchange.set_available, world.stranger, world.pool, wire.AvailabilityChange(available=True)
        )
    sound(world)


def test_whoever_leaves_gets_nothing_more_and_what_was_begun_is_settled(world):
    acme, person = world.clients["acme"], world.staff["indie"][0]
    project = world.client_project("acme", 6)
    (mine,) = holder(world, "opco")
    (theirs,) = holder(world, "indie")
    world.call(exchange.join, acme, world.pool, wire.ClientTerms(state="left"))
    world.submit(world.staff["opco"][0], mine.id)
    assert world.ask(*world.staff["opco"])[0].assignments == []
    with pytest.raises(Refused, match="not joined"):
        world.call(exchange.pool_project, acme, project, wire.ProjectPool(pool=world.pool, family="text"))
    ended = wire.Enrolment(member_id=person.memberships[0].member, state="ended", languages=["en"], band=2)
    world.call(exchange.enrol, world.managers["indie"], world.pool, ended)
    with pytest.raises(Refused, match="taken back"):
        world.submit(person, theirs.id)
    world.call(exchange.join, acme, world.pool, wire.ClientTerms())
    assert world.ask(person)[0].assignments == [], "whose enrolment has ended"
    assert holder(world, "opco")
    counts = world.read(projects.get, acme, project).counts
    assert (counts.annotations, counts.surplus) == (1, 0)
    sound(world)


# ---- two lanes ---------------------------------------------------------------------------------------


def test_two_lanes_at_one_pool_give_no_task_twice_and_keep_the_rule(database_url):
    """Two processes of a node decide the same pool: PostgreSQL locks its stream, and the replay holds."""
    world = ExchangeWorld(database_url, charge=5)
    world.admit()
    second = open_store(database_url)
    lanes = [world.lane, Lane(second, world.node, clock=lambda: world.ms)]
    work_of = {name: world.client_project(name, 14) for name in world.clients}
    people = [*world.staff["opco"], *world.staff["indie"]]

    async def turns(i: int, person: Actor) -> None:
        for turn in range(12):
            lane = lanes[(i + turn) % 2]
            for given in (await lane.write(allocation.next_, person, wire.NextAssignment())).assignments:
                other = lanes[(i + turn + 1) % 2]
                answers = wire.Submission(answers={"spam": "ham"}, seconds=1.0)
                await other.write(submission.submit, person, given.id, answers)

    async def everybody() -> None:
        await asyncio.gather(*(turns(i, person) for i, person in enumerate(people)))

    try:
        asyncio.run(everybody())
        for name, project in work_of.items():
            counts = world.read(projects.get, world.clients[name], project).counts
            assert (counts.done, counts.annotations, counts.surplus) == (14, 14, 0), name
        sound(world)
    finally:
        lanes[1].stop()
        second.close()
        world.close()


def test_a_member_of_two_organizations_names_the_one(world):
    both = (
        Membership(organization="org-acme", member="mem-x", role="owner"),
        *world.clients["bolt"].memberships,
    )
    person = Actor(person="ann-x", name="X", memberships=both)
    with pytest.raises(Invalid, match="several organizations"):
        world.call(exchange.join, person, world.pool, wire.ClientTerms())
    named = wire.ClientTerms(organization_id="org-bolt", band=2)
    assert world.call(exchange.join, person, world.pool, named).client == world.client_ids["bolt"]
    sound(world)
