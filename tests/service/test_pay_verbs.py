"""Time and pay on both stores: credited once, stated once, the same number for everybody who may see it."""

from __future__ import annotations

import csv
import io

import pytest
from world import World

from evenhand import wire
from evenhand.core.errors import Invalid, Refused
from evenhand.core.project import PayPolicy
from evenhand.doctor import examine
from evenhand.service import pay, projects
from evenhand.store.conformance import ORIGIN


def answers(world: World, who, project: str, *seconds: float | None) -> list[str]:
    done = []
    for told in seconds:
        given = world.next(who, project_id=project).assignments[0]
        world.submit(who, given.id, seconds=told)
        done.append(given.id)
    return done


def test_both_sides_see_the_same_number_and_a_statement_takes_it_once(world: World):
    project = world.project(tasks=20, pay=PayPolicy(amount=3600, most_seconds=100))
    _, a, b, _ = world.people
    (first, _, _) = answers(world, a, project.id, 30, 400, None)
    world.submit(a, first, {"spam": "spam"}, revision=1, seconds=5)
    answers(world, b, project.id, 10)
    told = world.read(pay.get, world.owner, project.id)
    assert [(d.name, d.tasks, d.seconds, d.amount, d.open) for d in told.annotators] == [
        ("P1", 3, 135.0, 135, 135),
        ("P2", 1, 10.0, 10, 10),
    ]
    assert [(d.tasks, d.amount) for d in told.providers] == [(4, 145)]
    (own,) = world.read(pay.mine, a).items
    assert own == told.annotators[0]
    stated = world.call(pay.state, world.owner, project.id)
    assert [(s.number, s.amounts) for s in stated.statements] == [(1, {"EUR": 145})]
    assert [(d.stated, d.open) for d in stated.annotators] == [(135, 0), (10, 0)]
    assert world.call(pay.state, world.owner, project.id) == stated  # nothing new, so nothing happens
    change = wire.ProjectChange(version=1, pay=PayPolicy(currency="USD", per="task", amount=7))
    world.call(projects.change, world.owner, project.id, change)
    answers(world, b, project.id, 10, 10)
    again = world.call(pay.state, world.owner, project.id)
    assert again.statements[0].amounts == {"USD": 14} and again.statements[0].number == 2
    assert [(d.currency, d.amount) for d in world.read(pay.mine, b).items] == [("EUR", 10), ("USD", 14)]
    report = examine(world.store, ORIGIN)
    assert report.healthy and report.rows["effort"] == 3 and report.rows["statement"] == 3


def test_corrections_are_credited_within_the_most_of_their_answer(world: World):
    """Who corrects without end is not paid without end."""
    project = world.project(tasks=3, pay=PayPolicy(amount=3600, most_seconds=100))
    _, a, *_ = world.people
    first, second = answers(world, a, project.id, 30, None)
    for revision in range(1, 6):
        world.submit(a, first, {"spam": "spam"}, revision=revision, seconds=60)
        world.submit(a, second, {"spam": "spam"}, revision=revision, seconds=5)
    (own,) = world.read(pay.mine, a).items
    assert (own.tasks, own.seconds, own.amount) == (2, 125.0, 125)
    assert examine(world.store, ORIGIN).healthy


def test_a_project_that_pays_nothing_keeps_no_effort(world: World):
    project = world.project(tasks=2)
    answers(world, world.people[1], project.id, 30)
    told = world.read(pay.get, world.owner, project.id)
    assert told.policy is None and told.annotators == [] and told.statements == []
    assert world.read(pay.mine, world.people[1]).items == []


def test_the_table_is_what_the_page_shows(world: World):
    project = world.project(tasks=3, pay=PayPolicy(per="task", amount=5))
    answers(world, world.people[1], project.id, 1, 1)
    (row,) = csv.DictReader(io.StringIO(world.read(pay.table, world.owner, project.id)))
    assert (row["member_id"], row["tasks"], row["amount"], row["currency"]) == ("mem-1", "2", "10", "EUR")
    with pytest.raises(Refused):
        world.read(pay.table, world.people[1], project.id)


def test_a_name_is_no_formula():
    assert pay._cell("=1+1") == "'=1+1" and pay._cell("Ada") == "Ada" and pay._cell(-3) == -3


def test_a_rate_that_cannot_be(world: World):
    for policy, where in (
        (PayPolicy(currency="euro"), "pay.currency"),
        (PayPolicy(amount=-1), "pay.amount"),
        (PayPolicy(most_seconds=0), "pay.most_seconds"),
    ):
        with pytest.raises(Invalid) as caught:
            world.project(pay=policy)
        assert caught.value.where == where
