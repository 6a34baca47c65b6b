"""Adaptive overlap in a node: pilots first, then what is worth it; what is said of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from world import World

from evenhand import wire
from evenhand.audit import reweigh, weighing
from evenhand.core import adaptive as core
from evenhand.core.adaptive import Basis
from evenhand.core.allocation import RELIEF_MS
from evenhand.core.errors import Invalid
from evenhand.core.events import Concluded, Fitted, MoreAsked
from evenhand.core.policy import Actor, Membership
from evenhand.core.project import ReviewPolicy
from evenhand.service import adaptive, allocation, brought, exports, projects, quality, review, tasks
from evenhand.store.codec import decode

TASKS = 60
POLICY = wire.AdaptivePolicy(least=2, tolerance=20)
CHOICE = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}


@pytest.fixture(autouse=True)
def few_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ones each time: the draw itself is tested in tests/core/test_adaptive.py."""
    monkeypatch.setattr(core, "PILOT_LEAST", 6)
    monkeypatch.setattr(core, "pilots", lambda lots, asked: asked & (np.arange(len(asked)) % 5 == 0))


@pytest.fixture
def world() -> Iterator[World]:
    opened = World("sqlite://", people=9)
    yield opened
    opened.close()


def truth(n: int) -> str:
    return "spam" if n % 3 == 0 else "ham"


def answer(dice: random.Random, n: int, skill: float = 0.75) -> str:
    right = truth(n)
    return right if dice.random() < skill else {"ham": "spam", "spam": "ham"}[right]


def work_all(world: World, project: str, dice: random.Random, most: int = 10_000) -> int:
    """Everybody answers what there is; how many answers that were."""
    given = 0
    for actor in world.people[1:]:
        while given < most and (got := world.next(actor, project_id=project, count=3).assignments):
            for one in got:
                n = int(one.task_id.rpartition("-")[2])
                world.ms += 1  # answers of one millisecond come in no order
                world.submit(actor, one.id, {"spam": answer(dice, n)})
                given += 1
    return given


def events(world: World, project: str) -> list:
    with world.reading() as reader:
        rows = reader.all("events_after", seq=0, limit=100_000)
        found = [decode(r["seq"], r["entry"], r["body"], r["organization"]) for r in rows]
    return [p for p in found if p.event.stream == project]


def overlaps(world: World, project: str) -> list[int]:
    found, after = [], None
    while True:
        page = world.read(tasks.list_, world.owner, project, after=after)
        found += [row.overlap for row in page.items]
        if not (after := page.next):
            return found


def test_pilots_get_all_answers_and_others_what_is_worth_it(store_url: str):
    world = World(store_url, people=9)
    project = world.project(tasks=TASKS, overlap=5, adaptive=POLICY).id
    dice = random.Random(1)
    assert set(overlaps(world, project)) == {2}
    adaptive.weigh(world.lane, project)
    assert sorted(overlaps(world, project)) == [2] * (TASKS - 12) + [5] * 12
    for _ in range(12):
        if not work_all(world, project, dice):
            break
        adaptive.weigh(world.lane, project)
    counts = world.counts(project)
    assert counts.done == TASKS and 2 * TASKS + 3 * 12 <= counts.annotations < 4.5 * TASKS
    seen = overlaps(world, project)
    assert len(set(seen)) > 2, "doubtful tasks got more"
    full = {
        t.task_id: t.consensus["spam"]
        for t in world.read(tasks.list_full, world.owner, project, limit=100).items
    }
    assert {one.method for one in full.values()} == {"robust"}
    assert sum(one.value == truth(int(id_.rpartition("-")[2])) for id_, one in full.items()) >= 0.7 * TASKS
    said = world.read(quality.get, world.owner, project)
    assert said.adaptive is not None and said.adaptive.state == "asking"
    assert said.adaptive.pilots == said.adaptive.pilots_ready == 12
    assert said.adaptive.loss is not None and said.adaptive.loss <= 0.02
    assert said.adaptive.saved is not None and 0 < said.adaptive.saved < 0.6
    world.require_healthy()


def test_what_follows_names_the_weighing_and_the_weighing_its_answers(world: World):
    project = world.project(tasks=20, overlap=3, adaptive=POLICY).id
    for actor in world.people[1:3]:
        for _ in range(20):
            world.submit(actor, world.next(actor).assignments[0].id, {"spam": "ham"})
    adaptive.weigh(world.lane, project)
    found = events(world, project)
    fitted = next(p for p in found if isinstance(p.event, Fitted))
    basis = msgspec.json.decode(fitted.event.basis, type=Basis)
    streams = {actor.person for actor in world.people[1:3]}
    assert streams == {stream for stream, _ in basis.upto}
    assert basis.questions[0].method == "robust" and basis.questions[0].pilots == 0
    caused = [p.event for p in found if isinstance(p.event, MoreAsked | Concluded) and p.event.causes]
    assert caused and all(event.causes == (fitted.place,) for event in caused)


def test_an_answer_alone_asks_for_more_where_it_is_worth_it(world: World):
    project = world.project(tasks=TASKS, overlap=5, adaptive=wire.AdaptivePolicy(tolerance=1)).id
    dice = random.Random(3)
    adaptive.weigh(world.lane, project)
    work_all(world, project, dice)
    adaptive.weigh(world.lane, project)
    world.bring_in(project, [{"text": "late", "external_id": "late"}])
    late = f"{project}-{TASKS + 1}"
    answers = iter(["ham", "spam"])
    for actor in world.people[1:]:
        for one in world.next(actor, project_id=project, count=20).assignments:
            if one.task_id == late and (given := next(answers, None)):
                world.submit(actor, one.id, {"spam": given})
    assert overlaps(world, project)[-1] == 3, "two who contradict each other are worth a third"
    world.require_healthy()


def test_a_submit_concludes_by_the_newest_weighing(world: World):
    """Who gave the answers matters: one whom the others contradict does not turn a task by an answer."""
    project = world.project(tasks=TASKS, overlap=3, adaptive=POLICY).id
    for actor in world.people[1:3]:
        while got := world.next(actor, project_id=project).assignments:
            world.submit(actor, got[0].id, {"spam": truth(int(got[0].task_id.rpartition("-")[2]))})
    adaptive.weigh(world.lane, project)
    weighed = next(p.place for p in events(world, project) if isinstance(p.event, Fitted))
    third = world.people[3]
    (got,) = world.next(third, project_id=project).assignments
    world.submit(third, got.id, {"spam": "ham"})
    last = events(world, project)[-1].event
    assert isinstance(last, Concluded) and last.causes == (weighed,)
    number = int(got.task_id.rpartition("-")[2])
    said = world.read(tasks.get, world.owner, got.task_id).consensus["spam"]
    assert (said.method, said.value) == ("robust", truth(number)), "a newcomer's answer against two"
    world.submit(third, got.id, {"spam": "spam"}, revision=1)
    again = world.read(tasks.get, world.owner, got.task_id).consensus["spam"]
    assert again.value == truth(number) and again.confidence != said.confidence
    world.require_healthy()


def test_a_model_is_an_annotator_with_a_confusion_of_its_own(world: World):
    """What a backend or an import brings as a model's is weighed and shown like anybody's, and marked."""
    records = [{"text": f"m {n}", "external_id": f"e{n}"} for n in range(1, TASKS + 1)]
    policy = wire.AdaptivePolicy(least=3, tolerance=20)
    project = world.project(tasks=records, overlap=4, adaptive=policy).id
    said = [
        wire.BroughtAnnotation(
            line=n, external_id=f"e{n}", annotator="tool/b", name="Backwards", kind="model",
            answers={"spam": "ham" if truth(n) == "spam" else "spam"}, submitted_at="1970-01-01T00:00:01Z",
        )
        for n in range(1, TASKS + 1)
    ]  # fmt: skip
    report = world.call(brought.bring, world.owner, project, wire.BroughtAnnotations(annotations=said))
    assert report.accepted == TASKS, report
    for actor in world.people[1:4]:
        while got := world.next(actor, project_id=project).assignments:
            world.submit(actor, got[0].id, {"spam": truth(int(got[0].task_id.rpartition("-")[2]))})
    adaptive.weigh(world.lane, project)
    fitted = next(p for p in reversed(events(world, project)) if isinstance(p.event, Fitted))
    (weighed,) = msgspec.json.decode(fitted.event.basis, type=Basis).questions
    weights = dict(weighed.weights)
    (model,) = weights.keys() - {"mem-1", "mem-2", "mem-3"}
    assert weights[model] < 0.2 < 0.8 < min(weight for who, weight in weights.items() if who != model)
    assert world.call(quality.start, world.owner, project)
    quality.run(world.lane, project)
    (figures,) = world.read(quality.get, world.owner, project).questions
    kinds = {one.name: (one.kind, one.value) for one in figures.skills}
    assert kinds["Backwards"][0] == "model" and kinds["Backwards"][1] < 0.2 and kinds["P1"][0] == "human"
    assert world.reweigh(project)[1].weighings == 1


def test_answers_are_weighed_where_all_are_asked_for(world: World):
    """With the least equal to the overlap nothing is saved; who gave an answer counts all the same."""
    project = world.project(tasks=30, overlap=3, adaptive=wire.AdaptivePolicy(least=3)).id
    for i, actor in enumerate(world.people[1:4]):
        while got := world.next(actor, project_id=project).assignments:
            n = int(got[0].task_id.rpartition("-")[2])
            world.submit(actor, got[0].id, {"spam": "spam" if i and n % 2 else truth(n)})
    assert {one.method for one in consensus(world, project)} <= {"majority", "unanimous"}
    adaptive.weigh(world.lane, project)
    found = world.read(quality.get, world.owner, project).adaptive
    assert found is not None and (found.state, found.per_task) == ("fixed", None)
    assert set(overlaps(world, project)) == {3}
    assert {one.method for one in consensus(world, project)} == {"robust"}
    assert world.reweigh(project)[0] == []
    with world.reading() as reader:
        organization = reader.one("project", project=project)["organization"]
        released = [task.consensus["spam"] for task in exports.rows(reader, organization, project)]
    told = [(json.loads(bytes(one.value)), one.confidence, one.probabilities) for one in released]
    assert len(told) == 30 and all(known.keys() == {"ham", "spam"} for _, _, known in told)
    assert all(known[value] == max(known.values()) for value, _, known in told)
    assert all(known[value] == pytest.approx(sure, abs=0.01) for value, sure, known in told)
    assert all(sum(known.values()) == pytest.approx(1, abs=1e-5) for _, _, known in told)
    assert [one.probabilities for one in consensus(world, project)] == [known for _, _, known in told]


def consensus(world: World, project: str) -> list:
    full = world.read(tasks.list_full, world.owner, project, limit=100).items
    return [task.consensus["spam"] for task in full]


def test_a_budget_is_kept(world: World):
    policy = wire.AdaptivePolicy(least=2, tolerance=1, budget=2 * TASKS + 20)
    project = world.project(tasks=TASKS, overlap=5, adaptive=policy).id
    dice = random.Random(4)
    for _ in range(6):
        adaptive.weigh(world.lane, project)
        work_all(world, project, dice)
    assert world.counts(project).annotations <= policy.budget
    assert sum(overlaps(world, project)) <= policy.budget
    state = world.read(quality.get, world.owner, project)
    assert state.forecast.answers_left <= policy.budget - state.forecast.answers
    short = world.project(
        tasks=TASKS, overlap=5, adaptive=msgspec.structs.replace(policy, budget=2 * TASKS)
    ).id
    adaptive.weigh(world.lane, short)
    said = world.read(quality.get, world.owner, short).adaptive
    assert said is not None and said.state == "spent", "pilots that it does not pay for are not waited for"


def test_what_a_review_said_stands_and_its_task_is_asked_no_further(world: World):
    project = world.project(tasks=30, overlap=4, adaptive=POLICY, review=ReviewPolicy(which="all")).id
    for actor in world.people[1:3]:
        for _ in range(30):
            world.submit(actor, world.next(actor).assignments[0].id, {"spam": "ham"})
    mine = Membership(organization="org-a", member="mem-8", role="reviewer")
    boss = Actor(person="ann-8", name="P8", memberships=(mine,))
    held = world.call(review.next_, boss, project).review
    assert held is not None
    world.call(review.decide, boss, held.id, wire.ReviewDecision(decision="fix", answers={"spam": "spam"}))
    adaptive.weigh(world.lane, project)
    said = world.read(tasks.get, world.owner, held.task_id).consensus["spam"]
    assert (said.value, said.method) == ("spam", "review")
    assert set(overlaps(world, project)) == {2}, "all wait for a reviewer"
    held = world.call(review.next_, boss, project).review
    assert held is not None
    world.call(review.decide, boss, held.id, wire.ReviewDecision(decision="accept"))
    found, replay = world.reweigh(project)
    assert [rule for _, rule, _, _ in found] == [] and replay.weighings == 1


def test_the_rule_goes_with_classes_and_is_switched_off_again(world: World):
    with pytest.raises(Invalid, match="one choice only"):
        world.project(questions=[{"name": "how", "type": "rating"}], overlap=5, adaptive=POLICY)
    with pytest.raises(Invalid, match="nothing to adapt"):
        world.project(overlap=2, adaptive=POLICY)
    project = world.project(tasks=5, overlap=3, adaptive=POLICY).id
    world.call(projects.change, world.owner, project, wire.ProjectChange(version=1, adaptive=None))
    assert overlaps(world, project) == [3] * 5
    assert world.read(quality.get, world.owner, project).adaptive is None
    adaptive.weigh(world.lane, project)
    assert overlaps(world, project) == [3] * 5


def test_who_tells_too_little_is_passed_over_and_told_so(world: World, monkeypatch: pytest.MonkeyPatch):
    """Three of eight say the same to everything. They give first answers and pilots; further answers only
    where a task has waited for a day. The auditor finds it so, and finds a node that says one thing and does
    another."""
    choosy = msgspec.structs.replace(POLICY, worth=60)
    project, dice = world.project(tasks=TASKS, overlap=5, adaptive=choosy).id, random.Random(4)
    monkeypatch.setattr(reweigh, "drawn", core.pilots)  # those of this file, as above
    monkeypatch.setattr(reweigh, "LEAST_PILOTS", 6)
    monkeypatch.setattr(core, "ADDED", 20)  # so that the answers to forty tasks tell enough
    monkeypatch.setattr(weighing, "ADDED", 20)
    idle = {actor.memberships[0].member for actor in world.people[1:4]}

    def work(who: list[Actor], most: int = 10_000) -> int:
        given = 0
        for actor in who:
            same = actor.memberships[0].member in idle
            while given < most and (got := world.next(actor, project_id=project, count=2).assignments):
                for one in got:
                    world.ms += 1
                    n = int(one.task_id.rpartition("-")[2])
                    world.submit(actor, one.id, {"spam": "ham" if same else answer(dice, n, 0.9)})
                    given += 1
        return given

    adaptive.weigh(world.lane, project)
    while work(dice.sample(world.people[1:], 8), most=1):
        pass
    adaptive.weigh(world.lane, project)
    basis = msgspec.json.decode(
        [p.event for p in events(world, project) if isinstance(p.event, Fitted)][-1].basis
    )
    assert set(basis["passed_over"]) == idle
    said = world.read(quality.get, world.owner, project).adaptive
    assert said is not None and said.passed_over == 3
    assert max(overlaps(world, project)[i] for i in range(TASKS) if i % 5) == 3, "some want a further answer"
    told = [world.next(actor, project_id=project, count=2) for actor in world.people[1:4]]
    assert all(not one.assignments and one.waiting == "passed-over" for one in told)
    assert world.next(world.people[1]).waiting == "passed-over", "without a project, too"
    mine, others = (world.read(quality.mine, actor).items[0] for actor in (world.people[1], world.people[4]))
    assert (mine.worth, mine.passed_over, others.passed_over) == (60, True, False), (
        "it stands on their own page"
    )
    assert world.next(world.people[4], project_id=project).assignments
    world.ms += RELIEF_MS
    assert work(world.people[1:2], most=1) == 2, "what has waited for a day is for everybody"
    assert work(world.people[4:], most=6)
    found, replay = world.reweigh(project)
    assert found == [] and replay.weighings == 2
    world.require_healthy()
    adaptive.weigh(world.lane, project)
    monkeypatch.setattr(adaptive, "passed_over", lambda *_: frozenset())
    assert work(world.people[1:4], most=3)
    found, _ = world.reweigh(project)
    assert {rule for _, rule, _, _ in found} == {"weighing.passed-over"}

    def somebody_else(event: object, opened: dict[str, bytes]) -> None:
        if isinstance(event, Fitted):
            opened["basis"] = opened["basis"].replace(min(idle).encode(), b"mem-other", 1)

    first = world.reweigh(project, change=somebody_else)[0]
    assert ("weighing.passed-over", "Whether") in {(rule, what.split()[0]) for _, rule, _, what in first}


def test_of_whom_pilots_only_are_asked_gets_neither_first_answers_nor_further_ones(
    store_url: str, monkeypatch: pytest.MonkeyPatch
):
    """One of nine says the same to everything; then come new tasks. A walk looks at few tasks, and the next
    goes on where it ended."""
    world = World(store_url, people=9)
    policy = msgspec.structs.replace(POLICY, worth=60, pilots_only=True)
    project, dice = world.project(tasks=TASKS, overlap=5, adaptive=policy).id, random.Random(4)
    monkeypatch.setattr(core, "ADDED", 20)
    monkeypatch.setattr(weighing, "ADDED", 20)
    monkeypatch.setattr(reweigh, "drawn", core.pilots)
    monkeypatch.setattr(reweigh, "LEAST_PILOTS", 6)
    monkeypatch.setattr(allocation, "WALKED", 3)
    idle, others = world.people[1], world.people[2:8]
    world.ms += 2 * RELIEF_MS
    adaptive.weigh(world.lane, project)
    while got := [(a, one) for a in (idle, *others) for one in world.next(a, project_id=project).assignments]:
        for actor, one in got:
            n = int(one.task_id.rpartition("-")[2])
            world.ms += 1
            world.submit(actor, one.id, {"spam": "ham" if actor is idle else answer(dice, n, 0.95)})
    world.bring_in(project, [{"text": f"new {i}", "external_id": f"new {i}"} for i in range(20)])
    adaptive.weigh(world.lane, project)
    with world.reading() as reader:
        weighed = adaptive.newest(reader, "org-a", project)
    assert weighed is not None and weighed.passed_over == {idle.memberships[0].member}
    seen = set()
    for _ in range(20):
        got = world.next(idle, project_id=project, count=9)
        assert got.assignments or got.waiting == "passed-over"
        seen |= {int(one.task_id.rpartition("-")[2]) for one in got.assignments}
        for one in got.assignments:
            world.submit(idle, one.id, {"spam": "ham"})
    assert seen == {n for n in range(TASKS + 1, TASKS + 21) if (n - 1) % 5 == 0}, (
        "pilots alone, and all of them"
    )
    world.ms += RELIEF_MS
    assert world.read(quality.mine, idle).items[0].pilots_only
    first = world.next(idle, project_id=project, count=2).assignments
    assert first and all(int(one.task_id.rpartition("-")[2]) % 5 != 1 for one in first), "nobody else comes"
    assert world.reweigh(project)[0] == []
    world.require_healthy()


def test_when_all_is_weighed_again():
    row = {"next_task": 9, "changed": False, "weighed": 100, "annotations": 110, "idle": False}
    assert not adaptive.is_due(row)
    assert adaptive.is_due({**row, "annotations": 120})
    assert adaptive.is_due({**row, "idle": True})
    assert adaptive.is_due({**row, "changed": True})
    assert not adaptive.is_due({**row, "changed": True, "next_task": 1})
