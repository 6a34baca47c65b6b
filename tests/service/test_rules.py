"""A change of overlap or order reaches many tasks in pieces: right in between, after a restart, rebuilt."""

from __future__ import annotations

import pytest
from world import World

from evenhand import wire
from evenhand.service import projects, rules, tasks


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "STEP", 4)


def change(world: World, project: str, version: int, **rules_: object) -> None:
    world.call(projects.change, world.owner, project, wire.ProjectChange(version=version, **rules_))


def following(world: World, project: str) -> tuple[int, int] | None:
    found = world.read(projects.progress, world.owner, project).following
    return None if found is None else (found.done, found.total)


def overlaps(world: World, project: str) -> list[int]:
    return [row.overlap for row in world.read(tasks.list_, world.owner, project).items]


def finish(world: World) -> None:
    assert not rules.follow_all(world.lane, lambda: False)
    world.require_healthy()


def test_each_task_has_the_old_rules_or_the_new_ones(world: World):
    project = world.project(tasks=10).id
    _, a, b, _ = world.people
    answered = [world.submit(a, world.next(a).assignments[0].id) for _ in range(6)]
    change(world, project, 1, overlap=2)
    assert (len(answered), following(world, project)) == (6, (4, 10))
    assert overlaps(world, project) == [2] * 4 + [1] * 6
    assert world.counts(project).done == 2  # tasks 5 and 6 still have all that they need
    world.require_healthy()
    world.bring_in(project, [{"text": "late"}])
    assert [x.task_id for x in world.next(b, count=3).assignments] == [f"{project}-{n}" for n in (1, 2, 3)]
    finish(world)
    assert (following(world, project), overlaps(world, project)) == (None, [2] * 11)
    assert world.counts(project).done == 0


def test_a_lower_overlap_concludes_what_it_completes(world: World):
    project = world.project(tasks=9, overlap=2).id
    a = world.people[1]
    for _ in range(9):
        world.submit(a, world.next(a).assignments[0].id)
    change(world, project, 1, overlap=1)
    assert world.counts(project).done == 4
    finish(world)
    assert world.counts(project).done == 9
    full = world.read(tasks.list_full, world.owner, project).items
    assert [task.consensus["spam"].value for task in full] == ["ham"] * 9
    assert world.next(world.people[2]).assignments == []


def test_a_change_during_a_change_begins_anew(world: World):
    project = world.project(tasks=[{"text": str(n), "priority": n} for n in range(10)]).id
    change(world, project, 1, order="priority")
    change(world, project, 2, instructions="The same rules, said better.")
    assert following(world, project) == (8, 10)
    change(world, project, 3, overlap=3)
    assert following(world, project) == (4, 10)
    change(world, project, 4, overlap=1, order="priority")
    finish(world)
    assert overlaps(world, project) == [1] * 10
    assert world.next(world.people[1]).assignments[0].data == {"text": "9"}


def test_it_stops_when_its_time_is_over_and_goes_on_in_another_process(world: World):
    project = world.project(tasks=20).id
    change(world, project, 1, overlap=2)
    assert rules.follow_all(world.lane, lambda: True)
    assert following(world, project) == (8, 20)
    again = World(world.url, begin=False) if not world.url.endswith("sqlite://") else world
    finish(again)
    assert overlaps(world, project) == [2] * 20
    if again is not world:
        again.close()


def test_a_project_without_tasks_has_nothing_to_follow(world: World):
    project = world.project().id
    change(world, project, 1, overlap=3)
    assert following(world, project) is None
    world.bring_in(project, [{"text": "a"}])
    assert overlaps(world, project) == [3]
