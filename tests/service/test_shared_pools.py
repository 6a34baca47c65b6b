"""Shared pools: who gets what, what the log says of it, and who may do what."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from exchange_world import ExchangeWorld

from evenhand import wire
from evenhand.audit import reweigh, weighing
from evenhand.audit.entries import read_entry
from evenhand.audit.reasons import KINDS, Reasons
from evenhand.core import adaptive as core
from evenhand.core import shared_pool
from evenhand.core.allocation import slot_of
from evenhand.core.beacon import QUICKNET, Chain, Evidence
from evenhand.core.canonical import b64url
from evenhand.core.errors import Invalid, Missing
from evenhand.core.project import GoldPolicy, QualificationPolicy
from evenhand.service import (
    adaptive,
    allocation,
    exchange,
    gold,
    postings,
    projects,
    qualification,
    receipts,
    signing,
    tasks,
    windows,
)
from evenhand.signer import Signer
from evenhand.store.conformance import ORIGIN

CHAIN = Chain(public=QUICKNET.public, genesis=0, period=3)  # the clock of these tests begins in 1970
TEST = QualificationPolicy(tasks=2, pass_mark=100, tries=1)


@pytest.fixture
def world(store_url: str) -> Iterator[ExchangeWorld]:
    made = ExchangeWorld(store_url)
    made.admit()
    yield made
    made.close()


def client_of(world: ExchangeWorld, assignment: wire.Assignment) -> str:
    return assignment.data["text"].split()[0]


def test_nobody_says_that_they_worked_on_a_task_for_longer_than_they_had_it(world):
    """An audit would call it a proven violation of the operator: an annotator alone must not do that."""
    world.client_project("acme", 4)
    person = world.staff["opco"][0]
    signer = Signer(b"1" * 32)
    (one,) = world.ask(person)[0].assignments
    world.ms += 5_040
    world.submit(person, one.id, seconds=900)
    world.submit(person, one.id, {"spam": "spam"}, seconds=None, revision=1)
    key = wire.NewSigningKey(public=b64url(signer.public), proof=signer.possession(ORIGIN, person.person))
    world.call(signing.add, person, key)
    (two,) = world.ask(person)[0].assignments

    def say(ms: int) -> wire.Signed:
        public = {"ms": ms, "revision": 1, "slot": slot_of(two.id)}
        answers = {"answers": msgspec.json.encode({"spam": "ham"})}
        return signer.say(ORIGIN, person.person, "submitted", two.place, public, answers)

    with pytest.raises(Invalid, match="You have had this task for 0 seconds") as caught:
        world.submit(person, two.id, {"spam": "ham"}, seconds=900, signed=say(900_000))
    assert caught.value.rule == "answer.seconds"
    world.submit(person, two.id, {"spam": "ham"}, seconds=3, signed=say(3_000))  # clocks may differ a little
    told = [entry["b"]["ms"] for entry in world.entries(person.person) if entry["t"] == "submitted"]
    assert told == [5_000, -1, 3_000]
    assert world.audit().findings.ok


def test_a_window_that_is_undone_is_not_remembered(world):
    world.client_project("acme", 4)
    first, second, *_ = world.staff["indie"]
    before = world.ask(first)[0].assignments

    def undone(tx, at):
        assert allocation._next_all(tx, at, [(second, wire.NextAssignment(count=1))])[0].assignments
        raise Invalid("test.undone", "It is undone.", "")

    with pytest.raises(Invalid):
        world.lane.call(undone)
    assert before and world.ask(second)[0].assignments
    world.require_healthy()


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
    world.require_healthy()


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
    world.require_healthy()


def proven(world: ExchangeWorld) -> list[str]:
    return [str(f) for f in world.audit().findings.kept]


def take(world: ExchangeWorld, person, answer: str = "ham") -> wire.Assignment | None:
    given = world.ask(person)[0].assignments
    if given:
        world.submit(person, given[0].id, {"spam": answer})
    return given[0] if given else None


def gold_of(world: ExchangeWorld, name: str, project: str, use: str, tasks: range) -> None:
    marks = [wire.GoldDraft(task_id=f"{project}-{n}", answers={"spam": "spam"}) for n in tasks]
    world.call(gold.mark, world.clients[name], project, wire.GoldMarks(use=use, tasks=marks))


def test_a_project_s_test_holds_in_a_shared_pool_and_the_replay_knows_it(world):
    """Nobody gets the work before they have passed; the log says who may, and not how they did."""
    person, other = world.staff["indie"][:2]
    project = world.client_project("acme", 12, qualification=TEST)
    gold_of(world, "acme", project, "qualification", range(1, 3))
    assert take(world, person) is None
    (pool,) = world.read(exchange.list_enrolments, person).items
    assert [(test.project_id, test.passed) for test in pool.tests] == [(project, False)]
    state = world.call(qualification.begin, person, project)
    while state.next is not None:
        answer = wire.TestAnswer(task_id=state.next.task_id, answers={"spam": "spam"})
        state = world.call(qualification.answer, person, project, answer).qualification
    assert state.passed and world.read(projects.form, person, project, 1).version == 1
    assert take(world, person) is not None
    assert take(world, other) is None, "who has not passed gets nothing"
    assert world.read(exchange.list_enrolments, person).items[0].mine == 1
    told = [e["b"] for e in world.entries(world.pool) if e["t"] in ("posted", "admitted")]
    assert [sorted(b) for b in told] == [
        ["client", "family", "posting", "state", "test"],
        ["on", "posting", "who"],
    ]
    assert told[1]["who"] == [person.person] and project not in str(told)
    assert proven(world) == []
    changed = wire.ProjectChange(version=1, qualification=None)
    world.call(projects.change, world.clients["acme"], project, changed)
    assert take(world, other) is not None, "without the test everybody is admitted"
    with pytest.raises(Missing):
        world.call(qualification.begin, world.clients["bolt"], project)
    assert proven(world) == []
    world.require_healthy()


def test_gold_hides_in_a_shared_pool_and_whoever_fails_it_gets_no_more(world):
    """The floor of a project counts here as at home, in that project alone, and the log says it at once."""
    person, other = world.staff["indie"][:2]
    floor = GoldPolicy(per_mille=500, floor=80, evidence=5, block=5)
    project = world.client_project("acme", 80, gold=floor, order="random")
    gold_of(world, "acme", project, "gold", range(1, 31))
    taken = [take(world, person) for _ in range(30)]
    got = [one for one in taken if one is not None]
    assert 5 <= len(got) < 30, "suspended after a block"
    standing = world.read(gold.mine, person).items[0]
    assert standing.state == "suspended" and standing.answered >= 5
    (back,) = [e for e in world.entries(world.pool) if e["t"] == "admitted"]
    assert back["b"]["on"] == 0 and back["b"]["who"] == [person.person]
    plain = world.client_project("acme", 2)
    assert take(world, person).project_id == plain, "the client's other work is open to them"
    assert take(world, other, "spam").project_id == project
    assert take(world, person).project_id == plain and take(world, person) is None
    last = [e for e in world.entries(world.pool) if e["t"] == "window"][-1]
    assert [row["why"] for row in last["b"]["passed"]] == ["closed"]
    assert proven(world) == []
    member = world.read(gold.overview, world.clients["acme"], project).annotators
    (bad,) = [one.member_id for one in member if one.state == "suspended"]
    lift = wire.StandingChange(state="active")
    world.call(gold.change_standing, world.clients["acme"], project, bad, lift)
    assert take(world, person, "spam").project_id == project
    assert sum(share.closed for share in world.audit().shares) == 1 and proven(world) == []
    world.require_healthy()


ADAPTIVE = wire.AdaptivePolicy(least=2, tolerance=20)


def work_on(world: ExchangeWorld, people, sharp: float = 0.85) -> Counter:
    """All of them answer until nothing is left; how many answers each client got."""
    dice, got = random.Random(3), Counter()
    while True:
        given = []
        for person in people:
            for assignment in world.ask(person)[0].assignments:
                world.ms += 7
                right = "spam" if int(assignment.data["text"].split()[1]) % 3 == 0 else "ham"
                answer = right if dice.random() < sharp else {"ham": "spam", "spam": "ham"}[right]
                world.submit(person, assignment.id, {"spam": answer})
                got[client_of(world, assignment)] += 1
                given.append(assignment)
        if not given:
            return got


def test_overlap_adapts_in_a_shared_pool_and_every_window_replays(world, monkeypatch):
    """Tasks that were done come back to the queue when the weighing wants more; turns stay what they are."""
    monkeypatch.setattr(core, "PILOT_LEAST", 6)
    monkeypatch.setattr(core, "pilots", lambda lots, asked: asked & (np.arange(len(asked)) % 5 == 0))
    monkeypatch.setattr(core, "THRESHOLDS", np.array([0.02]))  # six pilots may say that nothing is worth it
    project = world.client_project("acme", 30, overlap=5, adaptive=ADAPTIVE)
    world.client_project("bolt", 40, overlap=2)
    people = [*world.staff["opco"], *world.staff["indie"]]
    adaptive.weigh(world.lane, project)
    first = work_on(world, people, sharp=0.75)  # so that some of the first pairs of answers differ
    assert first["acme"] == 2 * 24 + 5 * 6 and first["bolt"] == 80
    counts = world.read(projects.get, world.clients["acme"], project).counts
    assert counts.done == 30
    for _ in range(3):
        adaptive.weigh(world.lane, project)
        if not (more := work_on(world, people)):
            break
        assert set(more) == {"acme"}
    counts = world.read(projects.get, world.clients["acme"], project).counts
    assert counts.done == 30 and first["acme"] < counts.annotations < 5 * 30
    full = world.read(tasks.list_full, world.clients["acme"], project, limit=100).items
    assert {task.consensus["spam"].method for task in full} == {"robust"}
    assert {one.annotator[:4] for task in full for one in task.annotations} == {"enr-"}, "pseudonyms"
    assert proven(world) == []
    world.require_healthy()


def test_a_test_gold_and_adaptive_overlap_together(world, monkeypatch):
    """Only who passed answers; gold is concluded like all else, and is neither weighed nor asked further."""
    monkeypatch.setattr(core, "PILOT_LEAST", 6)
    monkeypatch.setattr(weighing, "LEAST_PILOTS", 6)
    monkeypatch.setattr(reweigh, "LEAST_PILOTS", 6)
    policy = GoldPolicy(per_mille=250, block=4)
    project = world.client_project(
        "acme", 36, overlap=3, adaptive=ADAPTIVE, qualification=TEST, gold=policy, order="random"
    )
    gold_of(world, "acme", project, "qualification", range(1, 3))
    gold_of(world, "acme", project, "gold", range(3, 9))
    people = [*world.staff["opco"], world.staff["indie"][0]]
    for person in people:
        state = world.call(qualification.begin, person, project)
        while state.next is not None:
            answer = wire.TestAnswer(task_id=state.next.task_id, answers={"spam": "spam"})
            state = world.call(qualification.answer, person, project, answer).qualification
    adaptive.weigh(world.lane, project)
    for _ in range(3):
        work_on(world, [*people, world.staff["indie"][1]], sharp=0.95)
        adaptive.weigh(world.lane, project)
    found = {
        task.task_id: task
        for task in world.read(tasks.list_full, world.clients["acme"], project, limit=100).items
    }
    told = [e for e in world.entries(project) if e["t"] == "concluded"]
    assert all(e["re"] for e in told), "gold would show where a weighing is not named"
    kinds = [e["t"] for e in world.entries(project)]
    before = {kinds[i - 1] for i, kind in enumerate(kinds) if kind == "more-asked"}
    assert before <= {"fitted", "more-asked"}, "beside somebody's answer it would tell that it was no gold"
    answers = [one for task in found.values() for one in task.annotations]
    assert len({one.annotator for one in answers}) == 4, "who has not passed gave nothing"
    ordinary = [found[f"{project}-{n}"] for n in range(9, 37)]
    assert {task.status for task in ordinary} == {"done"}
    assert {len(task.annotations) for task in ordinary} <= {2, 3}
    findings, replay = world.reweigh(project, "org-acme")
    assert findings == [] and replay.weighings >= 4 and replay.compared > 28
    assert proven(world) == []
    world.require_healthy()


def test_a_project_that_leaves_its_pool_is_told_of_and_gets_nothing(world):
    project = world.client_project("acme", 3)
    entries = len(world.entries(world.pool))
    world.call(postings.post_all)
    assert len(world.entries(world.pool)) == entries, "all is told"
    world.call(exchange.pool_project, world.clients["acme"], project, wire.ProjectPool())
    assert world.entries(world.pool)[-1]["b"]["state"] == "closed"
    assert take(world, world.staff["indie"][0]) is None
    assert proven(world) == []


def test_a_window_that_would_say_too_much_is_split_and_nobody_loses_by_it(world, monkeypatch):
    """An entry has a limit, and whoever has had everything is named for each client that has more."""
    people = [*world.staff["opco"], *world.staff["indie"]]
    for name in world.clients:
        world.client_project(name, 1, overlap=6)
    for _ in world.clients:
        for person in people[:5]:
            take(world, person)
    monkeypatch.setattr(shared_pool, "PASSED", 3)
    before = len(world.entries(world.pool))
    given = world.ask(*people)
    assert [bool(one.assignments) for one in given] == [False] * 5 + [True]
    said = [e["b"] for e in world.entries(world.pool)[before:] if e["t"] == "window"]
    assert len(said) > 1 and max(len(b["passed"]) for b in said) <= 3
    monkeypatch.setattr(shared_pool, "PASSED", 2)
    assert world.ask(people[0])[0].assignments == []
    assert people[0].person not in {
        one["who"] for one in world.entries(world.pool)[-1]["b"].get("waiting", [])
    }
    assert proven(world) == []
    world.require_healthy()


def test_what_was_pooled_before_postings_were_told_is_told_at_the_next_start(world, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(postings, "post", lambda *args: None)
        project = world.client_project("acme", 2, qualification=TEST)
    person = world.staff["indie"][0]
    assert take(world, person) is not None, "as an earlier node did"
    world.call(postings.post_all)
    told = world.entries(world.pool)[-1]
    assert (told["t"], told["b"]["test"], told["b"]["state"]) == ("posted", 1, "open")
    assert take(world, person) is None and project not in str(told["b"])
    world.call(postings.post_all)
    assert [e["t"] for e in world.entries(world.pool)].count("posted") == 1
    assert proven(world) == []
    world.require_healthy()


# ---- reasons, for whoever holds the openings -----------------------------------------------------------


def held(world: ExchangeWorld) -> list[tuple[dict, dict[str, bytes]]]:
    """Every entry with what the receipts of clients open of it."""
    with world.reading() as reader:
        rows = [
            (msgspec.json.decode(entry), receipts.openings(entry, opening))
            for _, entry, opening, _ in reader.tuples("events_after", seq=0, limit=10_000)
        ]
    return [(entry, {one.field: one.value for one in opened}) for entry, opened in rows]


def reasons(told: list[tuple[dict, dict[str, bytes]]]) -> tuple[list[str], int, int]:
    """Rules that whoever holds the openings finds broken; how many reasons it compared, and could not."""
    found: list[str] = []
    made = Reasons(lambda rule, index, place, why: found.append(rule), skew=-1)
    for entry, opened in told:
        if opened:
            made.hold(entry["s"], entry["n"], entry["t"], opened)
    for index, (entry, _) in enumerate(told):
        if entry["t"] in KINDS or entry["t"] == "window":
            made.take(index, read_entry(msgspec.json.encode(entry, order="sorted")), entry["b"])
    return found, made.checked, made.unheld


def test_whoever_holds_the_openings_finds_false_reasons(world):
    """A test passed, a suspension, its end, a test given up: each reason is compared, and each lie found."""
    acme, (person, other) = world.clients["acme"], world.staff["indie"][:2]
    project = world.client_project("acme", 12, qualification=TEST)
    gold_of(world, "acme", project, "qualification", range(1, 3))
    for one in (person, other):
        state = world.call(qualification.begin, one, project)
        while state.next is not None:
            answer = wire.TestAnswer(
                task_id=state.next.task_id, answers={"spam": "spam" if one is person else "ham"}
            )
            state = world.call(qualification.answer, one, project, answer).qualification
    take(world, person)
    standings = world.read(gold.overview, acme, project).annotators
    (name,) = [one.member_id for one in standings if one.qualified]
    (failed,) = [one.member_id for one in standings if not one.qualified]
    for state in ("suspended", "active", "suspended"):
        world.call(gold.change_standing, acme, project, name, wire.StandingChange(state=state))
        world.ms += 1
        world.ask(person)
    world.call(projects.change, acme, project, wire.ProjectChange(version=1, qualification=None))
    take(world, other)
    told = held(world)
    assert reasons(told) == ([], 4, 0)
    admitted = [i for i, (entry, _) in enumerate(told) if entry["t"] == "admitted"]
    passed, off, on, _ = admitted

    def instead(i: int, b: dict | None = None, **opened: object) -> list[str]:
        entry, known = told[i]
        evidence = msgspec.json.decode(known.get("evidence", b"{}")) | opened
        known = known | ({"evidence": msgspec.json.encode(evidence)} if opened else {})
        changed = [*told[:i], (entry | {"b": entry["b"] | (b or {})}, known), *told[i + 1 :]]
        return reasons(changed)[0]

    reason = msgspec.json.decode(told[off][1]["evidence"])["cause"]
    version = next([e["s"], e["n"]] for e, _ in told if e["t"] == "project-versioned" and e["s"] == project)
    imported = next([e["s"], e["n"]] for e, _ in told if e["t"] == "tasks-imported" and e["s"] == project)
    assert instead(off, cause=None) == ["admitted.no-reason"]
    assert instead(off, cause=[world.pool, 1]) == ["admitted.reason"], "not of the project"
    assert instead(off, cause=imported) == ["admitted.reason"], "no decision"
    assert instead(off, cause=[project, 10_000]) == ["admitted.reason"], "not there, or later"
    assert instead(passed, cause=reason) == ["admitted.reason"], "a reason from the future"
    assert instead(off, members=[failed])[:1] == ["admitted.member"], "somebody else"
    assert instead(off, members=[name, failed]) == ["admitted.evidence", "admitted.missing"]
    assert instead(off, members=7) == ["admitted.evidence", "admitted.missing"]
    assert instead(off, {"on": 1}) == ["admitted.reason", "admitted.missing"]
    assert instead(on, cause=reason) == [], "the same about the same person, and it was lifted since"
    assert instead(on, cause=version) == [], "rules that let them in"
    silent = [*told[:off], *told[off + 1 :]]
    assert reasons(silent)[0] == ["admitted.missing"], "the suspension was kept from the pool"
    blind = [(e, {} if e["t"] == "standing-changed" else o) for e, o in told]
    assert reasons(blind) == ([], 4, 3), "what is not held is counted, and accuses nobody"
    assert reasons([(e, {}) for e, _ in told]) == ([], 0, 0)


def test_a_window_in_two_phases_is_drawn_once_the_log_shows_who_may_be_chosen(world):
    """Nobody comes in after the candidates are closed; who was shut out meanwhile gets nothing."""
    for name in world.clients:
        world.client_project(name, 30)
    world.call(windows.set_beacon, CHAIN, {}, [])
    world.call(windows.set_beacon, CHAIN, {}, [])
    terms = wire.PoolTerms(prices={"text": 10}, draw="two-phase")
    world.call(exchange.change_terms, world.operator, world.pool, terms)
    first, second, third = world.staff["opco"]
    answers = world.ask(first, second, count=2)
    assert [one.waiting for one in answers] == ["drawing", "drawing"] and allocation.is_drawing(answers[0])
    assert world.ask(third)[0].waiting == "drawing", "the candidates are closed"
    world.require_healthy()
    with world.reading() as reader:
        [(closing, _)] = windows.closings(reader)
        assert set(closing.waiting) == {first.person, second.person} and closing.round > 0
    officer_ends = wire.Enrolment(
        member_id=second.memberships[0].member, languages=["en"], band=2, state="ended"
    )
    world.call(exchange.enrol, world.managers["opco"], world.pool, officer_ends)
    world.call(exchange.set_available, first, world.pool, wire.AvailabilityChange(available=False))
    world.call(exchange.set_available, first, world.pool, wire.AvailabilityChange(available=True))
    seen = Evidence(source="none", size=1, root=bytes(32))
    assert not world.call(windows.draw, world.pool, closing.n + 1, seen), "another window"
    assert world.call(windows.draw, world.pool, closing.n, seen)
    assert not world.call(windows.draw, world.pool, closing.n, seen), "it was drawn"
    assert len(world.ask(first, count=2)[0].assignments) == 2, "what was drawn is handed over"
    world.require_healthy()
    kinds = [e["t"] for e in world.entries(world.pool)]
    assert kinds.count("window-closed") == kinds.count("window-drawn") == 1
    rules = {(f.kind, f.rule) for f in world.audit().findings.kept}
    assert rules == {("proven violation", "draw.checkpoint"), ("unexplained gap", "draw.fallback"),
                     ("unexplained gap", "draw.alone")}, rules  # fmt: skip
    assert world.ask(third)[0].waiting == "drawing"
    with world.reading() as reader:
        seq = windows.closings(reader)[0][1]
    world.lane.call(lambda tx, at: tx.run("put_epoch", number=2, origin=ORIGIN, after_seq=seq, checkpoint=""))
    world.call(windows.end_closings)
    with world.reading() as reader:
        assert windows.closings(reader) == []
    with pytest.raises(Invalid):
        world.call(
            exchange.change_terms,
            world.operator,
            world.pool,
            wire.PoolTerms(prices={"text": 10}, draw="dice"),
        )
