"""Annotations from another tool come in with their people and times, once, and count."""

from __future__ import annotations

import json

import pytest
from world import World

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.service import brought, exports, members


def one(line: int, task: str, who: str, answer: str, **more) -> wire.BroughtAnnotation:
    return wire.BroughtAnnotation(
        line=line,
        external_id=task,
        annotator=who,
        answers={"spam": answer},
        submitted_at=more.pop("at", "1970-01-01T00:00:10Z"),
        **more,
    )


def send(world: World, project: str, *given: wire.BroughtAnnotation) -> wire.BroughtReport:
    return world.call(brought.bring, world.owner, project, wire.BroughtAnnotations(annotations=list(given)))


def released(world: World, project: str) -> list:
    with world.reading() as reader:
        return list(exports.rows(reader, "org-a", project))


def test_people_times_and_answers_come_in_once(world: World) -> None:
    project = world.project(tasks=[{"text": "a", "external_id": "1"}, {"text": "b", "external_id": "2"}]).id
    given = [
        one(1, "1", "ls/7", "spam", name="Ana", seconds=4.25, at="1970-01-01T00:00:10.500+00:00"),
        one(2, "1", "ls/8", "spam", kind="model", at="1970-01-01T00:00:11"),
        one(3, "2", "ls/7", "ham"),
    ]
    assert send(world, project, *given) == wire.BroughtReport(accepted=3, present=0, rejected=[])
    assert send(world, project, *given) == wire.BroughtReport(accepted=0, present=3, rejected=[])
    first, second = released(world, project)
    told = [(a.kind, a.seconds, a.submitted_at, json.loads(bytes(a.answers))) for a in first.annotations]
    assert told == [
        ("human", 4.2, "1970-01-01T00:00:10.500Z", {"spam": "spam"}),
        ("model", None, "1970-01-01T00:00:11.000Z", {"spam": "spam"}),
    ]
    assert first.annotations[0].annotator == second.annotations[0].annotator
    assert json.loads(bytes(first.consensus["spam"].value)) == "spam" and second.consensus
    counts = world.counts(project)
    assert (counts.annotations, counts.done) == (3, 2)
    names = [m.name for m in world.read(members.list_members, world.owner).items]
    assert "Ana" in names and "ls/8" in names
    world.require_healthy()


def test_one_with_a_members_address_is_that_member(world: World) -> None:
    new = wire.NewMember(name="Ben", email="ben@example.org", role="annotator")
    made = world.call(members.create_member, world.owner, new)
    project = world.project(tasks=[{"text": "a", "external_id": "1"}]).id
    send(world, project, one(1, "1", "ls/7", "ham", email=" Ben@Example.org"))
    assert released(world, project)[0].annotations[0].annotator == made.id


def test_what_does_not_fit_is_named_by_its_line(world: World) -> None:
    project = world.project(tasks=[{"text": "a", "external_id": "1"}]).id
    send(world, project, one(1, "1", "ls/7", "ham"))
    report = send(
        world,
        project,
        one(4, "9", "ls/7", "ham"),
        one(5, "1", "ls/8", "eggs"),
        one(6, "1", "ls/7", "spam"),
        one(7, "1", "ls/9", "ham", at="yesterday"),
        one(8, "1", "ls/6", "ham"),
    )
    assert report.accepted == 1
    assert [(r.line, r.path) for r in report.rejected] == [
        (4, "external_id"),
        (5, "answers.spam"),
        (6, "annotator"),
        (7, "submitted_at"),
    ]
    assert len(released(world, project)[0].annotations) == 2


def test_strangers_annotators_and_crowds_are_refused(world: World) -> None:
    project = world.project(tasks=1).id
    nothing = wire.BroughtAnnotations(annotations=[])
    with pytest.raises(Missing):
        world.call(brought.bring, world.stranger, project, nothing)
    with pytest.raises(Refused):
        world.call(brought.bring, world.people[1], project, nothing)
    with pytest.raises(Invalid, match="At most"):
        send(world, project, *[one(i, "1", "ls/7", "ham") for i in range(1001)])
