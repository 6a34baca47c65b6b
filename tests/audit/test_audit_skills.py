"""The auditor learns and combines as label types do, by its own arithmetic; what a node changes is proven."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand import labels, wire
from evenhand.audit import answers, skills
from evenhand.audit.findings import PROVEN
from evenhand.core import consensus, weighing
from evenhand.core import label as label_types
from evenhand.core.label import LabelType
from evenhand.service import adaptive

sys.path.insert(0, str(Path(__file__).parent.parent / "service"))
from world import World

TYPES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "number": ({}, [0, 1, 2.5, 7, -3, 100]),
    "rating": ({"min": 1, "max": 5}, [1, 2, 3, 4, 5]),
    "wide": ({"min": -10, "max": 100}, [-10, -4, -3, 2, 50, 55, 99, 100]),
    "text": ({}, ["", "tea", "Tea", "green tea", "coffee", "x" * 2_001]),
    "multi_choice": ({"choices": ["a", "b", "c"], "max": 2}, [[], ["a"], ["b"], ["a", "b"], ["b", "c"]]),
    "ranking": (
        {"items": ["a", "b", "c"], "ties": True},
        [[["a"], ["b"], ["c"]], [["c"], ["a", "b"]], [["a", "b", "c"]], [["b"], ["c"], ["a"]]],
    ),
    "pairwise": (
        {"a": "x", "b": "y", "scale": 5, "both_bad": True},
        [{"preference": one} for one in (-2, -1, 0, 1, 2, "both_bad")],
    ),
}


def bound(name: str, config: dict[str, Any]) -> tuple[LabelType[Any], answers.Kind]:
    label = labels.find("rating" if name == "wide" else name).configure(config, {"x": "text", "y": "text"})
    kind = answers.kind_of(label.id, label.config())
    assert kind is not None
    return label, kind


@st.composite
def crowds(draw: st.DrawFn) -> tuple[str, list[tuple[int, str, Any]]]:
    name = draw(st.sampled_from(sorted(TYPES)))
    size = draw(st.integers(1, 45))
    places = st.tuples(st.integers(1, 16), st.sampled_from(["m1", "m2", "m3", "m10"]))
    where = draw(st.lists(places, min_size=1, max_size=size, unique=True))
    return name, [(n, who, draw(st.sampled_from(TYPES[name][1]))) for n, who in where]


@settings(max_examples=100, deadline=None)
@given(crowds(), st.randoms(use_true_random=False))
def test_both_learn_and_conclude_the_same(crowd: tuple[str, list[tuple[int, str, Any]]], dice: Any) -> None:
    name, given_ = crowd
    label, kind = bound(name, TYPES[name][0])
    loaded = [(n, who, label.load(value)) for n, who, value in given_]
    assert all(kind.accepts(value) for _, _, value in given_)
    ours = label.learn(loaded)
    theirs = skills.learnt(label.weighed_by, kind, [skills.Given(*one) for one in given_])
    assert theirs is not None and theirs.annotators.keys() == ours.annotators.keys()
    for who, numbers in [*ours.annotators.items(), ("a newcomer", ours.newcomer)]:
        assert theirs.of(who) == pytest.approx(numbers, abs=theirs.allowed), who
    assert theirs.common == pytest.approx(ours.common, abs=theirs.allowed)
    known = skills.Learnt(ours.annotators, ours.newcomer, theirs.allowed, ours.common)
    task = [(who, value) for n, who, value in given_ if n == given_[0][0]] + [("new", given_[-1][2])]
    dice.shuffle(task)
    found = label.weighed([(who, label.load(value)) for who, value in task], ours)
    said = {"value": label.dump(found.value), "confidence": round(found.confidence, 6)}
    assert skills.differs(label.weighed_by, kind, task, known, said) == ""
    values = [value for _, value in task]
    plain = label.combine([label.load(value) for value in values])
    right, method = kind.combine(values, [1.0] * len(values))
    assert (method, answers.same(right, label.dump(plain.value))) == (plain.method, True)
    assert answers.support(kind, right, values, [1.0] * len(values)) == pytest.approx(plain.confidence)


GRIDS: list[dict[str, Any]] = [
    {},
    {"step": 0.1},
    {"integer": True, "min": 0.0, "max": 9.0},
    {"min": 1, "step": 3, "max": 9},
]


@pytest.mark.parametrize("config", GRIDS, ids=str)
def test_numbers_lie_where_they_can_be_answers(config: dict[str, Any]) -> None:
    dice = np.random.default_rng(3)
    label, kind = bound("number", config)
    step = config.get("step", 1.0 if config else None)
    low, high = config.get("min", -50), config.get("max", 50)

    def drawn() -> float:
        x = float(np.clip(dice.normal(5, 4), low, high))
        if step is None:
            return x
        start = config.get("min", 0.0)
        return float(f"{start + min(round((x - start) / step), (high - start) // step) * step:.12g}")

    loaded = [(n, f"m{who}", drawn()) for n in range(40) for who in range(4)]
    learnt = label.learn(loaded)
    known = skills.Learnt(learnt.annotators, learnt.newcomer, 1.0)
    for n in range(40):
        task = [(who, value) for t, who, value in loaded if t == n]
        found = label.weighed(task, learnt)
        assert label.parse(label.dump(found.value), {}) == found.value
        said = {"value": label.dump(found.value), "confidence": round(found.confidence, 6)}
        assert skills.differs("numbers", kind, task, known, said) == ""
        said["value"] += 0.5 * (step or 1)
        assert skills.differs("numbers", kind, task, known, said) != ""


# ---- a project -----------------------------------------------------------------------------------

QUESTIONS = [
    {"name": "n", "type": "number", "unit": "kg"},
    {"name": "rated", "type": "rating", "max": 7},
    {"name": "picks", "type": "multi_choice", "choices": ["a", "b", "c"]},
    {"name": "order", "type": "ranking", "items": ["a", "b", "c"], "ties": True},
    {"name": "better", "type": "pairwise", "a": "text", "b": "other", "scale": 5, "both_bad": True},
]
ORDERS = TYPES["ranking"][1]


def answer(n: int, bad: bool, dice: random.Random) -> dict[str, Any]:
    """One of somebody right, but for slips, or of somebody who does not look."""
    right = dice.randrange(1_000_000) if bad or dice.random() < 0.1 else n
    return {
        "n": right % 40 + dice.choice([-0.5, 0, 0.5]) + (30 if bad else 0),
        "rated": min(right % 7 + dice.choice([1, 1, 2]), 7),
        "picks": [one for i, one in enumerate("abc") if right >> i & 1],
        "order": ORDERS[right % len(ORDERS)],
        "better": {"preference": [-2, -1, 0, 1, "both_bad"][right % 5]},
    }


@pytest.fixture
def world() -> Iterator[World]:
    opened = World("sqlite://", people=6)
    yield opened
    opened.close()


def labelled(world: World, weighed: bool) -> str:
    policy = {"adaptive": wire.AdaptivePolicy(least=4)} if weighed else {}
    fields = [wire.FieldDraft(name="text"), wire.FieldDraft(name="other")]
    records = [{"text": f"t{n}", "other": f"o{n}"} for n in range(24)]
    project: str = world.project(records, questions=QUESTIONS, overlap=4, fields=fields, **policy).id
    dice = random.Random(7)
    for step, actor in enumerate(world.people[1:]):
        while got := world.next(actor, project_id=project, count=4).assignments:
            for one in got:
                world.ms += dice.choice([0, 1])
                n = int(one.task_id.rpartition("-")[2])
                world.submit(actor, one.id, answer(n, step == 1, dice))
                if dice.random() < 0.1:
                    world.submit(actor, one.id, answer(n, step == 1, dice), revision=1)
        adaptive.weigh(world.lane, project)
    return project


@pytest.mark.parametrize("weighed", [True, False])
def test_an_honest_project_is_taken_again_without_a_finding(world: World, weighed: bool) -> None:
    project = labelled(world, weighed)
    found, replay = world.reweigh(project)
    assert found == []
    assert (replay.weighings, replay.compared > 100, replay.plain > 100) == (
        5 * weighed,
        weighed,
        not weighed,
    )
    if weighed:
        with world.reading() as reader:
            newest = adaptive.newest(reader, "org-a", project)
        assert newest is not None
        for name in ("picks", "order", "better"):
            learnt = newest.weights[name].learnt
            assert learnt.of("mem-2")[0] > max(learnt.of(f"mem-{i}")[0] for i in (1, 3, 4, 5)) + 0.2
        rated = newest.weights["rated"].learnt  # the third is how often they are right
        assert rated.of("mem-2")[2] < min(rated.of(f"mem-{i}")[2] for i in (1, 3, 4, 5)) - 0.1
        bias, *rest = (newest.weights["n"].learnt.of(f"mem-{i}")[0] for i in (2, 1, 3, 4, 5))
        assert bias > max(rest) + 20


def kinder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A favourite's error is halved, in what is said and in what is concluded."""
    true = label_types.by_distances

    def learn(distance: Any, given_: Any) -> Any:
        found = true(distance, given_)
        told = found.annotators | {"mem-2": (found.of("mem-2")[0] / 2,)}
        return msgspec.structs.replace(found, annotators=told)

    monkeypatch.setattr(label_types, "by_distances", learn)


def unlearnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody counts alike in what is concluded, whatever is said of them."""
    true = weighing.weighed

    def plain(label: Any, given_: Any, learnt: Any) -> Any:
        return true(label, given_, msgspec.structs.replace(learnt, annotators={}))

    monkeypatch.setattr(weighing, "weighed", plain)


def unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bias is said that nobody has."""
    true = adaptive._told

    def told(name: str, label: Any, learnt: Any) -> Any:
        found = true(name, label, learnt)
        if name != "n":
            return found
        moved = tuple((who, (bias + 0.01, spread)) for who, (bias, spread) in found.annotators)
        return msgspec.structs.replace(found, annotators=moved)

    monkeypatch.setattr(adaptive, "_told", told)


def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submits are concluded as if nothing had been weighed."""
    monkeypatch.setattr(weighing.Skills, "conclude", lambda *_: None)


def first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not weighed is what the first annotator said."""
    true = consensus._combined
    monkeypatch.setattr(
        consensus, "_combined", lambda label, dumped: true(label, dumped) | {"value": dumped[0]}
    )


@pytest.mark.parametrize(
    ("tamper", "weighed", "rule"),
    [
        (kinder, True, "weighing.differs"),
        (unsaid, True, "weighing.differs"),
        (unlearnt, True, "weighing.concluded"),
        (plainly, True, "weighing.method"),
        (first_counts, False, "consensus.differs"),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_what_a_node_changes_is_proven(
    world: World, monkeypatch: pytest.MonkeyPatch, tamper: Callable[..., None], weighed: bool, rule: str
) -> None:
    tamper(monkeypatch)
    project = labelled(world, weighed)
    monkeypatch.undo()
    found, _ = world.reweigh(project)
    assert rule in {one for kind, one, _, _ in found if kind == PROVEN}, found[:3]
