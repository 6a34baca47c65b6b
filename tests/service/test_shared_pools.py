"""Shared pools: who gets what, what the log says of it, and who may do what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from exchange_world import ExchangeWorld

from evenhand import wire
from evenhand.doctor import examine
from evenhand.service import exchange
from evenhand.store.conformance import ORIGIN


@pytest.fixture
def world(store_url: str) -> Iterator[ExchangeWorld]:
    made = ExchangeWorld(store_url)
    made.admit()
    yield made
    made.close()


def client_of(world: ExchangeWorld, assignment: wire.Assignment) -> str:
    return assignment.data["text"].split()[0]


def healthy(world: ExchangeWorld) -> None:
    report = examine(world.store, ORIGIN)
    assert report.healthy, (report.differences, report.faults)


def test_clients_share_annotators_evenly_and_the_log_says_how(world):
    for name in world.clients:
        world.client_project(name, 30)
    got = Counter()
    for _ in range(4):
        for person in [*world.staff["opco"], *world.staff["indie"]]:
            assignment = world.ask(person)[0].assignments[0]
            got[client_of(world, assignment)] += 1
            world.submit(person, assignment.id)
    assert got == {"acme": 8, "bolt": 8, "core": 8}
    windows = [e for e in world.entries(world.pool) if e["t"] == "window"]
    assert sum(len(w["b"]["leases"]) for w in windows) == 24
    assert {lease["client"] for w in windows for lease in w["b"]["leases"]} == set(world.client_ids.values())
    assert sum(len(w["b"]["settled"]) for w in windows) == 23
    healthy(world)


def test_a_node_that_draws_with_another_key_says_so_before_it_decides(world, monkeypatch):
    """After a restore its ledger has another key, and an auditor must know which one draws."""

    def policies():
        with world.reading() as reader:
            return {row["id"]: row["n"] for row in reader.all("walk_stream")}["node"]

    before = policies()
    world.call(exchange.keep_draw_key)
    assert policies() == before, "the same key needs no new entry"
    monkeypatch.setattr(type(world.node), "draw_key", property(lambda node: bytes([7]) * 32))
    world.call(exchange.keep_draw_key)
    assert policies() == before + 1
    world.call(exchange.keep_draw_key)
    assert policies() == before + 1
    healthy(world)
