"""The auditor weighs pieces as label types do, by its own arithmetic, and sees what was changed."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench import shapes
from evenhand import wire
from evenhand.audit import pieces, skills
from evenhand.audit.findings import BLIND, PROVEN
from evenhand.labels import find
from evenhand.labels.pieces import Pieces
from evenhand.service import adaptive, projects

sys.path.insert(0, str(Path(__file__).parent.parent / "service"))
from world import World


def known(shape: pieces.Shape, learnt: Any) -> pieces.Known:
    """What was said, as the auditor reads it."""
    told = pieces.as_said(
        shape, msgspec.to_builtins(learnt) | {"annotators": list(learnt.annotators.items())}
    )
    assert told is not None
    return told


def compared(label: Any, answers: list[tuple[int, str, Any]]) -> int:
    """Learns and concludes in both ways; gives how many tasks were compared."""
    shape = pieces.shape_of(label.id, label.config())
    assert shape is not None
    tasks: dict[int, list[tuple[str, Any]]] = {}
    for n, who, value in sorted(answers, key=lambda one: one[:2]):
        tasks.setdefault(n, []).append((who, value))
    dumped = [[(who, label.dump(value)) for who, value in task] for task in tasks.values()]
    rows = [skills.Given(n, who, label.dump(value)) for n, who, value in answers]
    learnt, theirs = label.learn(answers), pieces.learn(shape, rows)
    assert theirs.annotators.keys() == learnt.annotators.keys()
    for who, numbers in [*learnt.annotators.items(), ("a newcomer", learnt.newcomer)]:
        assert theirs.of(who) == pytest.approx(numbers, abs=1e-9), who
    assert theirs.common == pytest.approx(learnt.common, abs=1e-9)
    assert theirs.differs(known(shape, learnt), 1e-9) == ""
    for raw, task in zip(dumped, tasks.values(), strict=True):
        found = label.weighed(task, learnt)
        said = {"value": label.dump(found.value), "confidence": round(found.confidence, 6)}
        right, confidence = pieces.concluded(shape, raw, known(shape, learnt))
        assert pieces.unlike(shape, right, confidence, said) == ""
        assert (
            pieces.unlike(shape, right, confidence, {**said, "confidence": said["confidence"] - 1e-3}) != ""
        )
        assert (
            pieces.unlike(shape, right, confidence, {**said, "value": said["value"][1:]}) != "" or not right
        )
    return len(tasks)


@pytest.mark.parametrize("kind", ["span", "box", "mask", "keypoint", "time_span"])
def test_both_learn_and_conclude_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "TASKS", 12)
    label, _, answers = shapes.planted(kind, 5)
    assert compared(label, answers) == 12


@pytest.mark.parametrize("overlap", [False, True])
def test_spans_with_many_ties(overlap: bool) -> None:
    """Few places, so that much is equal and much overlaps; and more labels than are told apart."""
    dice = np.random.default_rng(7)
    labels = [f"L{i}" for i in range(40)]
    label = find("span").configure({"field": "t", "labels": labels, "overlap": overlap}, {"t": "text"})
    answers = []
    for n in range(40):
        for who in range(int(dice.integers(1, 5))):
            made: list[dict[str, Any]] = []
            for _ in range(int(dice.integers(0, 4))):
                start = int(dice.integers(0, 8))
                one = {
                    "start": start,
                    "end": start + int(dice.integers(1, 4)),
                    "label": labels[dice.integers(40)],
                }
                if overlap or all(one["end"] <= p["start"] or p["end"] <= one["start"] for p in made):
                    made += [one] if one not in made else []
            answers.append((n, f"m{who}", label.read(made)))
    assert compared(label, answers) == 40


def test_relations_follow_the_spans_that_they_join() -> None:
    """Ends that others mark otherwise or name otherwise, relations with a direction and without, and ties."""
    dice = np.random.default_rng(11)
    relations = ["same", {"name": "in", "from": ["A"], "to": ["B", "C"]}, {"name": "near", "directed": False}]
    config = {"field": "t", "labels": ["A", "B", "C"], "overlap": True, "relations": relations}
    label = find("span").configure(config, {"t": "text"})
    answers, joined = [], 0
    for n in range(40):
        true = [{"start": 3 * i, "end": 3 * i + 3, "label": "ABC"[dice.integers(3)]} for i in range(4)]
        links = [(int(i), int(j), str(what)) for i, j in dice.integers(0, 4, (6, 2)) if i != j
                 for what in dice.choice(["same", "in", "near"], 1)]  # fmt: skip
        for who in range(int(dice.integers(1, 6))):
            made: list[dict[str, Any]] = [dict(one) for one in true]
            for one in made:
                one["label"] = "ABC"[dice.integers(3)] if dice.random() < 0.15 else one["label"]
                one["end"] -= int(dice.random() < 0.2)
            for i, j, what in set(links):
                one = {"to": j, "label": what}
                fits = what != "in" or (made[i]["label"] == "A" and made[j]["label"] != "A")
                back = what == "near" and (j, i, what) in set(links) and j < i
                if fits and not back and dice.random() < 0.8:
                    made[i].setdefault("relations", []).append(one)
            answers.append((n, f"m{who}", label.read(made)))
    assert compared(label, answers) == 40
    learnt = label.learn(answers)
    for n in range(40):
        found = label.weighed([(who, value) for task, who, value in answers if task == n], learnt).value
        joined += sum(len(span.relations) for span in found)
    assert joined > 40


def test_what_it_cannot_weigh_it_says() -> None:
    assert pieces.shape_of("polygon/1", {"labels": ["a"]}) is None
    box = pieces.shape_of("box/1", {"labels": ["a"]})
    assert box is not None
    assert box.plain({"label": "a"}) and not box.plain({"label": "a", "rotation": 3})


# ---- a project -----------------------------------------------------------------------------------

QUESTIONS = [
    {"name": "marks", "type": "span", "field": "text", "labels": ["A", "B"]},
    {"name": "points", "type": "keypoint", "field": "image", "labels": ["eye", "ear"]},
    {"name": "boxes", "type": "box", "field": "image", "labels": ["cat"], "rotation": True},
    {"name": "typed", "type": "text"},
]


@pytest.fixture
def world() -> Iterator[World]:
    opened = World("sqlite://", people=5)
    yield opened
    opened.close()


def answer(n: int, bad: bool, dice: random.Random) -> dict[str, Any]:
    """One of somebody right, but for slips, or of somebody who does not look."""
    at = dice.randrange(20) if bad else n % 20
    first = {
        "start": at,
        "end": at + 4 - (dice.random() < 0.2),
        "label": "AB"[dice.randrange(2) if bad else n % 2],
    }
    place = {"x": 10 * at + dice.choice([0, 0.5]), "y": 50, "label": "eye" if bad or n % 3 else "ear"}
    box = {"x": 10 * at, "y": 20 + dice.choice([0, 1.5]), "width": 80, "height": 60, "label": "cat"}
    return {
        "marks": [] if dice.random() < 0.1 else [first],
        "points": [place],
        "boxes": [box | ({"rotation": 10} if n == 3 else {})],
        "typed": "nonsense" if bad else f"text {n}" + dice.choice(["", "", "."]),
    }


def labelled(world: World, turned: bool = False) -> str:
    questions = QUESTIONS if turned else [one for one in QUESTIONS if one["name"] != "boxes"]
    names = {one["name"] for one in questions}
    project: str = world.project(
        [
            {"text": f"a text of {n:02} letters and of more", "image": {"url": "https://x/y.png"}}
            for n in range(16)
        ],
        questions=questions,
        overlap=4,
        fields=[wire.FieldDraft(name="text"), wire.FieldDraft(name="image", type="image")],
        adaptive=wire.AdaptivePolicy(least=4),
    ).id
    dice = random.Random(7)
    for step, actor in enumerate(world.people[1:]):
        while got := world.next(actor, project_id=project, count=4).assignments:
            for one in got:
                world.ms += 1
                n = int(one.task_id.rpartition("-")[2])
                given = {key: value for key, value in answer(n, step == 1, dice).items() if key in names}
                world.submit(actor, one.id, given)
        adaptive.weigh(world.lane, project)
    return project


def test_an_honest_project_is_taken_again_without_a_finding(world: World) -> None:
    project = labelled(world)
    found, replay = world.reweigh(project)
    assert found == [] and replay.weighings > 2 and replay.compared > 60
    with world.reading() as reader:
        newest = adaptive.newest(reader, "org-a", project)
    assert newest is not None
    learnt = newest.weights["marks"].learnt  # type: ignore[union-attr]
    assert learnt.of("mem-2")[1] > max(learnt.of(f"mem-{i}")[1] for i in (1, 3, 4)) + 0.2


def test_turned_boxes_are_said_not_to_be_weighed_again(world: World) -> None:
    found, _ = world.reweigh(labelled(world, turned=True))
    assert {(kind, rule) for kind, rule, _, _ in found} == {(BLIND, "weighing.kind")}
    assert all("turned boxes" in what for *_, what in found)


def kinder(true: Any) -> Callable[..., Any]:
    """A favourite is said to miss half of what they miss, and is believed so."""

    def learn(self: Any, given: Any) -> Any:
        found = true(self, given)
        missed, *others = found.of("mem-2")
        return msgspec.structs.replace(found, annotators=found.annotators | {"mem-2": (missed / 2, *others)})

    return learn


def alone(true: Any) -> Callable[..., Any]:
    """What the first annotator marked is what is concluded."""

    def weighed(self: Any, given: Any, learnt: Any) -> Any:
        return msgspec.structs.replace(true(self, given, learnt), value=tuple(given[0][1]))

    return weighed


@pytest.mark.parametrize(
    ("name", "tamper", "rule"),
    [("learn", kinder, "weighing.differs"), ("weighed", alone, "weighing.concluded")],
)
def test_what_a_node_changes_is_proven(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, tamper: Any, rule: str
) -> None:
    monkeypatch.setattr(Pieces, name, tamper(getattr(Pieces, name)))
    project = labelled(world)
    monkeypatch.undo()
    found, _ = world.reweigh(project)
    assert rule in {one for kind, one, _, _ in found if kind == PROVEN}, found[:3]


@pytest.mark.parametrize("weighed", [False, True])
def test_a_label_that_is_taken_away_stops_no_submit(world: World, weighed: bool) -> None:
    """Answers with it stay, and are concluded with the others; the audit agrees."""
    box = {"x": 1, "y": 2, "width": 30, "height": 30}
    question = {"name": "boxes", "type": "box", "field": "image", "labels": ["cat", "dog"]}
    project: str = world.project(
        [{"image": {"url": "https://x/y.png"}} for _ in range(4)],
        questions=[question],
        overlap=3,
        fields=[wire.FieldDraft(name="image", type="image")],
        **({"adaptive": wire.AdaptivePolicy(least=3)} if weighed else {}),
    ).id

    def answered(i: int, label: str) -> None:
        while got := world.next(world.people[i], project_id=project, count=2).assignments:
            for one in got:
                world.submit(world.people[i], one.id, {"boxes": [box | {"label": label}]})
        if weighed:
            adaptive.weigh(world.lane, project)

    answered(1, "dog")
    fewer = wire.ProjectChange(version=1, questions=[question | {"id": "boxes", "labels": ["cat"]}])
    world.call(projects.change, world.owner, project, fewer)
    answered(2, "cat")
    answered(3, "cat")
    found, replay = world.reweigh(project)
    assert found == [] and replay.weighings == 3 * weighed
