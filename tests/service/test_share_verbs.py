"""Shares at the home node, where time and statements of ownership are the test's: letters of partners are
written here with keys of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from exchange_world import ExchangeWorld

from evenhand import wire
from evenhand.audit.entries import read_entry
from evenhand.audit.notes import LogKey
from evenhand.audit.run import Audit, Auditor
from evenhand.core import sharing
from evenhand.core.checkpoint import SigningKey, sign_note
from evenhand.core.errors import Refused
from evenhand.core.events import SharePlanned
from evenhand.core.sharing import Head
from evenhand.service import owners, shares
from evenhand.service.shares import sending
from evenhand.store.codec import decode
from evenhand.store.conformance import ORIGIN

KEYS = {name: SigningKey(f"{name}.example", name.encode().ljust(32)) for name in ("north", "south", "east")}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ExchangeWorld]:
    made = ExchangeWorld(f"sqlite:///{tmp_path / 'world.db'}")
    made.admit()
    yield made
    made.close()


def plan(world: ExchangeWorld, client: str, **records: str) -> wire.Plan:
    """Six tasks, one answer each, shared out by a client to partners with these records."""
    project = world.client_project(client, 6, pooled=False)
    partners = [
        wire.NewPartner(name=name, vkey=str(KEYS[name].verify_key), record=record)
        for name, record in records.items()
    ]
    return world.call(shares.plan, world.clients[client], project, wire.NewPlan(cap=1, partners=partners))


def offer(world: ExchangeWorld, client: str, share: wire.Share, hours: int = 1) -> wire.Letter:
    wanted = wire.NewLetter(act="offer", hours=hours)
    letter = world.call(shares.write, world.clients[client], share.share_id, wanted).letter
    assert letter is not None
    return letter


def audit(world: ExchangeWorld, opened: bool) -> tuple[set[str], Audit]:
    """Rules that an auditor finds broken, with or without the clients' archives."""
    with world.reading() as reader:
        rows = reader.all("events_after", seq=0, limit=100_000)
    made = Audit()
    auditor = Auditor(made, LogKey(ORIGIN, b"\0" * 4, bytes(32)))
    for row in rows if opened else ():
        placed = decode(row["seq"], row["entry"], row["body"], row["organization"])
        if isinstance(placed.event, SharePlanned):
            auditor._hold(*placed.place, placed.event.KIND, {"client": placed.event.client})
    for index, row in enumerate(rows):
        auditor.take(index, row["entry"], read_entry(row["entry"]))
    auditor.finish()
    return {one.rule for one in made.findings.kept if one.rule.startswith("share.")}, made


def test_whoever_is_in_conflict_with_the_client_gets_nothing(world, monkeypatch):
    for name in ("North", "South", "East"):
        world.hold(f"{name} founders", name, economic=20)
    rivals = wire.Rivals(records=[world.source("bolt")])
    world.call(owners.set_rivals, world.clients["acme"], rivals)
    world.hold("bolt", "East", economic=12)  # by itself it only asks for a waiver
    with pytest.raises(
        Refused, match=r"east is in conflict with your rival bolt: bolt (founders )?holds 12%"
    ):
        plan(world, "acme", north="North", east="East")
    assert plan(world, "bolt", north="North", east="East").stated  # whom one names oneself, one has waived
    made = plan(world, "acme", north="North", south="South", east="")
    assert (made.stated, [one.stated for one in made.shares].count(False)) == (True, 1)
    known = {one.name: one for one in made.shares}
    offer(world, "acme", known["east"])
    world.hold("acme", "South", economic=49, voting=0)
    with pytest.raises(
        Refused, match=r"south is in conflict with your organization: acme (founders )?holds 49%"
    ) as told:
        offer(world, "acme", known["south"])
    assert told.value.rule == "share.rival" and "Recall the share" in told.value.remedy
    with pytest.raises(Refused, match="south is in conflict"):
        plan(world, "acme", north="North", south="South")
    assert audit(world, opened=True)[0] == set()

    monkeypatch.setattr(sending, "check_now", lambda tx, row: None)  # a node that does not look
    offer(world, "acme", known["south"])
    assert audit(world, opened=False)[0] == set()  # whose project it is, the log does not say
    found, report = audit(world, opened=True)
    assert found == {"share.rival"} and sum(one.compared for one in report.partners) == 4


def test_partners_that_came_under_one_control_are_offered_nothing_more(world):
    for name in ("North", "South"):
        world.hold(f"{name} founders", name, economic=20)
    made = plan(world, "core", north="North", south="South")
    world.hold("North", "South", economic=60)
    for share in made.shares:
        with pytest.raises(Refused, match="have come under one control") as told:
            offer(world, "core", share)
        assert told.value.rule == "share.merged"
    assert audit(world, opened=True)[0] == set()


def test_a_delivery_after_its_time_is_taken_and_marked_late(world):
    made = plan(world, "acme", north="")
    (share,) = made.shares
    until = world.ms + sharing.HOUR
    letter = offer(world, "acme", share, hours=1)
    last = ""

    def say(act: sharing.Act, seq: int, *rows: dict) -> wire.Taken:
        nonlocal last
        body = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        head = Head(
            act=act, at=world.ms, count=len(rows), from_="north.example", prev=last, seen=1, seq=seq, slice=1,
            rows=sharing.rows_digest(body), share=letter.share_id, to=ORIGIN,
        )  # fmt: skip
        text = sharing.text_of(head)
        last = sharing.digest_of(text)
        content = (sign_note(text, KEYS["north"]) + body).decode()
        return world.call(shares.take, world.clients["acme"], wire.TakenLetter(content=content))

    def answer(n: int) -> dict:
        return {"n": n, "annotator": "a1", "kind": "human", "answers": {"spam": "ham"}, "ms": 5, "at": 5}

    say("accept", 0)
    world.ms = until + sharing.SKEW_MS
    in_time = say("deliver", 1, answer(1))
    world.ms += 1
    late = say("deliver", 2, answer(2))
    assert [(one.count, one.late, one.rejected) for one in (in_time, late)] == [(1, False, []), (1, True, [])]
    assert '"late":true' in late.letters[0].content and '"late":false' in in_time.letters[0].content
    found, report = audit(world, opened=False)
    assert found == set() and [(one.delivered, one.late) for one in report.partners] == [(2, 1)]
