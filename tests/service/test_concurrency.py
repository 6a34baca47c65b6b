"""Two hundred people at once, on both stores: no task too many, no double lease, no loss, against a model."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict

from world import World

from evenhand import wire
from evenhand.core.errors import Refused
from evenhand.service import allocation, submission, work

PEOPLE, TASKS, OVERLAP = 200, 50, 3


class Model:
    """What everybody saw, as an outsider would write it down."""

    def __init__(self) -> None:
        self.given: dict[str, tuple[str, str]] = {}  # assignment -> (person, task)
        self.acknowledged: dict[str, wire.Submitted] = {}
        self.states: Counter[str] = Counter()


async def person(world: World, actor, model: Model, chance: random.Random, turns: int) -> None:
    lane = world.lane
    for _ in range(turns):
        world.ms += 1
        got = (
            await lane.write(allocation.next_, actor, wire.NextAssignment(count=chance.choice([1, 1, 2])))
        ).assignments
        if not got:
            return
        mine = got[0]
        assert model.given.setdefault(mine.id, (actor.person, mine.task_id)) == (actor.person, mine.task_id)
        fate = chance.random()
        if fate < 0.1:
            await lane.write(work.skip, actor, mine.id, wire.Skip(reason="no"))
        elif fate < 0.2:
            world.ms += 61_000  # everybody's leases lapse, and the next window says so
            await lane.write(allocation.next_, actor, wire.NextAssignment(have=[mine.id]))
        await asyncio.sleep(chance.random() * 0.05)  # so that windows pass between giving out and answering
        await submit(world, actor, mine, model, chance)


async def submit(world: World, actor, mine: wire.Assignment, model: Model, chance: random.Random) -> None:
    request = wire.Submission(answers={"spam": chance.choice(["ham", "spam"])}, seconds=1.0)
    calls = [
        world.lane.write(submission.submit, actor, mine.id, request) for _ in range(chance.choice([1, 1, 3]))
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, Refused):
            assert outcome.rule in ("assignment.closed", "assignment.again")
            continue
        assert isinstance(outcome, wire.Submitted), outcome
        before = model.acknowledged.setdefault(mine.id, outcome)
        assert before.receipt.leaf == outcome.receipt.leaf
        model.states[outcome.state] += 1


def test_two_hundred_people_at_once(store_url):
    world = World(store_url, people=PEOPLE)
    project = world.project(tasks=TASKS, overlap=OVERLAP, lease_seconds=60)
    model = Model()

    async def everybody() -> None:
        people = [person(world, actor, model, random.Random(i), 6) for i, actor in enumerate(world.people)]
        await asyncio.gather(*people)

    asyncio.run(everybody())
    with world.reading() as reader:
        rows = reader.all("walk_assignment")
    check_rows(rows, model)
    counts = world.counts(project.id)
    assert counts.annotations == sum(row["state"] == "submitted" for row in rows)
    assert counts.surplus == sum(row["state"] == "surplus" for row in rows)
    world.require_healthy()
    world.close()


def check_rows(rows: list[dict], model: Model) -> None:
    counted: Counter[int] = Counter()
    mine: dict[tuple[str, int], list[str]] = defaultdict(list)
    stored = {row["id"]: row for row in rows}
    for row in rows:
        counted[row["task"]] += row["state"] == "submitted"
        if row["state"] != "lapsed":
            mine[row["person"], row["task"]].append(row["id"])
    assert max(counted.values()) <= OVERLAP, "a task has one counted answer too many"
    assert all(len(ids) == 1 for ids in mine.values()), "somebody has a task twice"
    assert set(model.acknowledged) <= {
        i for i, row in stored.items() if row["state"] in ("submitted", "surplus")
    }
    assert len(model.acknowledged) >= TASKS * OVERLAP // 2
    states = Counter(row["state"] for row in rows)
    assert states["lapsed"] + states["surplus"] > 0, "no lease lapsed"


def test_no_task_is_out_to_more_people_than_it_has_free_slots(store_url):
    world = World(store_url, people=60)
    world.project(tasks=10, overlap=2, prefetch=5)

    async def everybody():
        calls = [
            world.lane.write(allocation.next_, actor, wire.NextAssignment(count=5)) for actor in world.people
        ]
        return await asyncio.gather(*calls)

    outcomes = asyncio.run(everybody())
    given = [x for outcome in outcomes for x in outcome.assignments]
    assert Counter(Counter(x.task_id for x in given).values()) == {2: 10}
    assert len({x.id for x in given}) == 20
    world.close()
