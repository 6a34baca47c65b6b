"""June 2025: one of three rivals buys 49% of the operator, without votes. The honest operator states it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from exchange_world import ExchangeWorld

from evenhand import wire
from evenhand.core.errors import Refused
from evenhand.service import owners, projects


@pytest.fixture
def world(store_url: str) -> Iterator[ExchangeWorld]:
    made = ExchangeWorld(store_url, charge=5)
    made.admit()
    yield made
    made.close()


def test_from_the_statement_on_no_rival_is_served_by_the_operators_people(world):
    work = {name: world.client_project(name, 8) for name in world.clients}
    for name in ("bolt", "core"):
        rivals = wire.Rivals(records=[world.source("acme")])
        world.call(owners.set_rivals, world.clients[name], rivals)
    people = [*world.staff["opco"], *world.staff["indie"]]
    held = {person.person: world.ask(person)[0].assignments[0] for person in people}
    world.hold("opco founders", "opco", economic=51, voting=100)
    report = world.hold("acme", "opco", economic=49, voting=0)
    assert report.conflicts == 3 and report.recalled == len(world.staff["opco"])
    for person in world.staff["opco"]:
        with pytest.raises(Refused) as error:
            world.submit(person, held[person.person].id)
        assert error.value.rule == "assignment.recalled"
        assert world.ask(person)[0].assignments == []
    for person in world.staff["indie"]:
        world.submit(person, held[person.person].id)
    for _ in range(20):
        for person in world.staff["indie"]:
            for given in world.ask(person)[0].assignments:
                world.submit(person, given.id)
    for name, project in work.items():
        counts = world.read(projects.get, world.clients[name], project).counts
        assert (counts.done, counts.annotations, counts.surplus) == (8, 8, 0)
    entries = world.entries(world.pool)
    since = min(e["n"] for e in entries if e["t"] == "conflict" and e["b"]["blocked"])
    barred = {person.person for person in world.staff["opco"]}
    after = [lease for e in entries if e["t"] == "window" and e["n"] > since for lease in e["b"]["leases"]]
    assert after and not barred & {lease["who"] for lease in after}
    assert Counter(e["t"] for e in entries)["recalled"] >= 1
    told = world.read(owners.overview, world.clients["bolt"], None)
    assert any("49%" in c.rival_sentence for c in told.conflicts)
    world.require_healthy()
