"""Search in the data: the index answers as looking through does, follows corrections, mixes no projects."""

from __future__ import annotations

import pytest
from world import World

from evenhand import wire
from evenhand.core.errors import Invalid
from evenhand.service import search, tasks


def take_in(world: World) -> None:
    """Two turns: the first sees a project grow and waits."""
    indexer = search.Indexer(world.lane)
    for _ in range(2):
        indexer.turn(lambda: False)


@pytest.fixture(autouse=True, params=[1_000, 2])
def near(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few tasks are looked through first, so that small projects ask the index too."""
    monkeypatch.setattr(tasks, "NEAR", request.param)


def found(world: World, project: str, words: str, **filters) -> list[int]:
    """Numbers of the tasks found, over as many pages as it takes."""
    numbers: list[int] = []
    after: str | None = ""
    while after is not None:
        page = world.read(tasks.list_, world.owner, project, search=words, after=after, limit=7, **filters)
        numbers += [int(row.task_id.rpartition("-")[2]) for row in page.items]
        after = page.next
    return numbers


def behind(world: World, project: str) -> int | None:
    return world.read(tasks.list_, world.owner, project, search="x").behind


TEXTS = [{"text": f"{'fox' if n % 3 else 'wolf'} number{n} Köln 東京都"} for n in range(1, 31)]
SEARCHES = [
    "fox",
    "wolf kol",
    "number1",
    "number30",
    "京都",
    "fox wolf",
    "nothing",
    "'; DROP TABLE task; --",
    '"a" OR *',
]


def test_the_index_finds_what_looking_through_finds(world: World):
    project, other = world.project(tasks=TEXTS).id, world.project(tasks=TEXTS[:9]).id
    looked_through = {words: found(world, project, words) for words in SEARCHES}
    assert behind(world, project) == 30
    take_in(world)
    assert behind(world, project) == 0
    assert {words: found(world, project, words) for words in SEARCHES} == looked_through
    assert len(looked_through["fox"]) == 20 and len(found(world, other, "fox")) == 6


def test_what_came_since_is_looked_through(world: World):
    project = world.project(tasks=TEXTS[:20]).id
    take_in(world)
    world.bring_in(project, TEXTS[20:])
    assert behind(world, project) == 10
    assert found(world, project, "fox") == [n for n in range(1, 31) if n % 3]


def test_other_filters_beside_a_search(world: World):
    project = world.project(tasks=TEXTS).id
    take_in(world)
    a = world.people[1]
    given = int(world.next(a).assignments[0].task_id.rpartition("-")[2])
    world.submit(a, world.next(a).assignments[0].id)
    world.call(
        tasks.act,
        world.owner,
        project,
        wire.TaskAction(action="withdraw", task_ids=[f"{project}-2", f"{project}-3"]),
    )
    assert given == 1 and found(world, project, "fox", status="done") == [1]
    assert found(world, project, "number", status="withdrawn") == [2, 3]
    assert found(world, project, "fox", annotator=a.memberships[0].member) == [1]
    assert found(world, project, "fox", flagged=True) == []
    act = wire.TaskAction(action="withdraw", filter={"search": "fox", "status": "open"})
    assert world.call(tasks.act, world.owner, project, act).changed == 18


def test_a_correction_is_found_by_its_new_data_alone(world: World):
    project = world.project(tasks=TEXTS).id
    world.call(tasks.correct, world.owner, f"{project}-4", wire.TaskCorrection(data={"text": "early bird"}))
    take_in(world)
    world.call(tasks.correct, world.owner, f"{project}-5", wire.TaskCorrection(data={"text": "late bird"}))
    world.call(tasks.correct, world.owner, f"{project}-5", wire.TaskCorrection(data={"text": "later bird"}))
    assert found(world, project, "bird") == [4, 5]
    assert found(world, project, "late") == [5]
    assert found(world, project, "number5") == []


def test_a_correction_meanwhile_makes_it_read_again(world: World):
    project = world.project(tasks=TEXTS[:3]).id
    rows = [(n, ["stale"]) for n in (1, 2, 3)]
    world.call(tasks.correct, world.owner, f"{project}-2", wire.TaskCorrection(data={"text": "bird"}))
    assert world.call(search.take_in, "org-a", project, 0, 3, 0, rows) == 0
    assert world.call(search.take_in, "org-a", project, 3, 3, 1, rows) == 0
    take_in(world)
    assert (found(world, project, "stale"), found(world, project, "bird")) == ([], [2])


def test_while_an_import_runs_the_index_waits(world: World):
    project = world.project(tasks=[{"text": f"message {n}"} for n in range(1_500)]).id
    indexer = search.Indexer(world.lane)
    assert not indexer.turn(lambda: False)
    assert behind(world, project) == 1_500
    slices = iter([False, True])
    assert indexer.turn(lambda: next(slices))
    assert behind(world, project) == 500
    assert not indexer.turn(lambda: False)
    assert behind(world, project) == 0 and len(found(world, project, "message")) == 1_500


def test_a_status_that_is_none(world: World):
    with pytest.raises(Invalid, match="status"):
        world.read(tasks.list_, world.owner, world.project(tasks=1).id, status="late")
