"""Two processes of a node write at once on PostgreSQL: they lock in one order, so neither waits for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter

import psycopg
from exchange_world import ExchangeWorld
from world import World

from evenhand import wire
from evenhand.core.gold import GoldPolicy
from evenhand.lane import Lane
from evenhand.service import allocation, gold, projects, submission
from evenhand.store import open_store, postgres

TURNS = 15


def test_groups_that_submit_and_ask_do_not_deadlock(database_url, monkeypatch):
    """A window locks its pool and then rows of projects; a group that submits first would do the reverse."""
    met: list[str] = []
    translated = postgres._translated
    monkeypatch.setattr(postgres, "_translated", lambda error: (met.append(str(error)), translated(error))[1])
    world = World(database_url, people=25)
    second = open_store(database_url)
    lanes = [world.lane, Lane(second, world.node, clock=lambda: world.ms)]
    project = world.project(400, overlap=3)

    async def turns(i: int) -> None:
        lane, person = lanes[i % 2], world.people[i]
        given = (await lane.write(allocation.next_, person, wire.NextAssignment())).assignments
        for _ in range(TURNS):
            answers = wire.Submission(answers={"spam": "ham"})
            _, more = await asyncio.gather(
                lane.write(submission.submit, person, given[0].id, answers),
                lane.write(allocation.next_, person, wire.NextAssignment(have=[given[0].id])),
            )
            given = more.assignments

    async def everybody() -> None:
        await asyncio.gather(*(turns(i) for i in range(1, 25)))

    try:
        asyncio.run(everybody())
        assert world.counts(project.id).annotations == 24 * TURNS
        assert met == []
    finally:
        lanes[1].stop()
        second.close()
        world.close()


def test_two_lanes_give_out_nothing_twice(database_url):
    """Everybody asks now here, now there, two tasks at a time, until each slot is filled, and filled once."""
    world = World(database_url, people=25)
    second = open_store(database_url)
    lanes = [world.lane, Lane(second, world.node, clock=lambda: world.ms)]
    project = world.project(40, overlap=3)
    given: list[tuple[str, str, str]] = []  # (assignment, person, task)

    async def work_on(i: int) -> None:
        person, turn = world.people[i], i
        while work_left := (
            await lanes[turn % 2].write(allocation.next_, person, wire.NextAssignment(count=2))
        ).assignments:
            given.extend((one.id, person.person, one.task_id) for one in work_left)
            for one in work_left:
                turn += 1
                answers = wire.Submission(answers={"spam": "ham"})
                await lanes[turn % 2].write(submission.submit, person, one.id, answers)

    async def everybody() -> None:
        await asyncio.gather(*(work_on(i) for i in range(1, 25)))

    try:
        asyncio.run(everybody())
        counts = world.counts(project.id)
        assert (counts.annotations, counts.surplus, counts.done) == (120, 0, 40)
        assert len({assignment for assignment, _, _ in given}) == len(given) == 120
        assert len({(person, task) for _, person, task in given}) == 120
        assert set(Counter(task for _, _, task in given).values()) == {3}
    finally:
        lanes[1].stop()
        second.close()
        world.close()


def test_a_submission_that_may_close_a_project_waits_for_its_pool_without_holding_the_task(database_url):
    """It may have to say in the pool's stream that its author gets no more, and windows lock pools first."""
    world = ExchangeWorld(database_url)
    world.admit()
    project = world.client_project("acme", 12, overlap=2, gold=GoldPolicy(), order="random")
    known = [wire.GoldDraft(task_id=f"{project}-{n}", answers={"spam": "spam"}) for n in range(1, 4)]
    world.call(gold.mark, world.clients["acme"], project, wire.GoldMarks(use="gold", tasks=known))
    person = world.staff["indie"][0]
    (given,) = world.next(person).assignments
    thread = threading.Thread(target=world.submit, args=(person, given.id))
    try:
        with psycopg.connect(database_url) as window, psycopg.connect(database_url, autocommit=True) as eye:
            window.execute("SELECT n FROM stream WHERE id = %s FOR UPDATE", (world.pool,))
            thread.start()
            limit = time.monotonic() + 60
            while not eye.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
                assert time.monotonic() < limit, "the submission does not wait"
            tasks = window.execute("SELECT n FROM task WHERE project = %s FOR UPDATE NOWAIT", (project,))
            assert len(tasks.fetchall()) == 12
        thread.join()
        assert world.read(projects.get, world.clients["acme"], project).counts.annotations == 1
    finally:
        world.close()
