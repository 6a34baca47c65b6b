"""The auditor weighs again: it agrees with an honest node, and whatever a dishonest one changes is found."""

from __future__ import annotations

import json
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

from evenhand import wire
from evenhand.audit import reweigh, weighing
from evenhand.audit.findings import BLIND, PROVEN
from evenhand.audit.reweigh import Replay
from evenhand.core import adaptive as core
from evenhand.core import inference
from evenhand.core.inference import Votes, infer
from evenhand.core.inference.robust import Brakes, robust
from evenhand.core.inference.sweeps import posterior_of
from evenhand.service import adaptive

sys.path.insert(0, str(Path(__file__).parent.parent / "service"))
from world import World

TASKS, POLICY = 60, wire.AdaptivePolicy(least=2, tolerance=20)

# ---- the rule ------------------------------------------------------------------------------------


@st.composite
def some_votes(draw: st.DrawFn) -> tuple[Votes, weighing.Votes]:
    """The same votes as the node and as the auditor has them; some tasks have none, some tie."""
    classes = draw(st.sampled_from([2, 3, 5, 20]))
    tasks, people = draw(st.integers(1, 30)), draw(st.integers(1, 6))
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, tasks - 1), st.integers(0, people - 1)),
            min_size=1,
            max_size=120,
            unique=True,
        )
    )
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=len(pairs), max_size=len(pairs)))
    task, who = (np.array(column) for column in zip(*pairs, strict=True))
    label, order = np.array(labels), np.argsort(task, kind="stable")
    ours = Votes.of(task, who, label, tasks=tasks, annotators=people, classes=classes)
    return ours, weighing.Votes(task[order], who[order], label[order], tasks, people, classes)


@settings(max_examples=60, deadline=None)
@given(some_votes(), st.sampled_from(sorted(weighing.AGAIN)))
def test_both_learn_the_same(both: tuple[Votes, weighing.Votes], rule: str) -> None:
    ours, theirs = both
    again, least = weighing.AGAIN[rule]
    estimate = robust(ours, brakes=Brakes(again=again, least=least))
    model = weighing.fit(theirs, rule)
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9)  # noqa: E731
    close(model.prior, estimate.model.prior)
    close(model.chance, np.maximum(estimate.model.confusion, 1e-12))
    close(model.pooled, estimate.model.newcomer)
    close(model.skill, estimate.skill.value)
    assert model.newcomer == pytest.approx(estimate.model.newcomer_weight)
    depends = estimate.model.dependence
    assert model.depends[0] - 1e-9 <= depends <= model.depends[1] + 1e-9
    assert estimate.model.hedge == weighing.HEDGE * depends
    used = weighing.powered(theirs, weighing.replace(model, used=depends))
    assert used.power == pytest.approx(estimate.model.power, abs=1e-7)
    close(weighing.posterior(theirs, used), estimate.posterior)


@pytest.mark.parametrize(("classes", "seed"), [(2, 1), (4, 2), (18, 3)])
def test_both_plan_the_same(classes: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    tasks, people, most = 300, 12, 6
    truth, skill = dice.integers(0, classes, tasks), dice.uniform(0.5, 0.95, people)
    task = np.repeat(np.arange(tasks), most)
    who = np.concatenate([dice.permutation(people)[:most] for _ in range(tasks)])
    right = dice.random(len(task)) < skill[who]
    label = np.where(right, truth[task], dice.integers(0, classes, len(task)))
    lots = core.lots_of(bytes(32))
    drawn = weighing.drawn(lots, np.ones(tasks, bool))
    assert (drawn == core.pilots(lots, np.ones(tasks, bool))).all()
    asked = np.where(drawn, most, 2)
    ours = core.first_votes(
        Votes.of(task, who, label, tasks=tasks, annotators=people, classes=classes),
        np.arange(tasks),
        asked,
    )
    theirs = weighing.Votes(task, who, label, tasks, people, classes).first(asked)
    found = core.plan(ours, np.full(tasks, most), drawn, core.Rule(tolerance=0.01))
    assert found is not None
    estimate, plan = found
    model, dependence = weighing.fit_again(theirs, weighing.fit(theirs), drawn)
    assert plan.dependence == pytest.approx(dependence)
    np.testing.assert_allclose(model.chance, np.maximum(estimate.model.confusion, 1e-12), atol=1e-9)
    np.testing.assert_allclose(weighing.posterior(theirs, model), estimate.posterior, atol=1e-9)
    ours_worth = core.worths(estimate.model, estimate.skill.votes)
    np.testing.assert_allclose(weighing.worths(model), ours_worth, atol=2e-9)
    again = weighing.Plan(model, dependence, most, plan.target, plan.threshold)
    loss, stops = weighing.losses(theirs, again, drawn, weighing.Rules(most, 2, 0.01, 1.0))
    at = reweigh._step(loss, 0.01)
    assert weighing.THRESHOLDS[at] == pytest.approx(plan.threshold)
    assert (loss[at], stops[at]) == (pytest.approx(plan.loss), pytest.approx(plan.per_task))
    mine = plan.gains(estimate.posterior, asked, np.full(tasks, most))
    np.testing.assert_allclose(again.gains(weighing.posterior(theirs, again.model), asked), mine, atol=2e-9)


def test_where_classes_tie_any_of_them_is_right() -> None:
    """Two who contradict each other on everything: the digits of a sum must not decide who lies."""
    tie = weighing.Votes(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0]), 2, 2, 2)
    low, high = weighing.fit(tie).depends
    ours = infer(Votes.of(tie.task, tie.who, tie.label)).model.dependence
    assert low - 1e-9 <= ours <= high + 1e-9


# ---- a project -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def few_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "PILOT_LEAST", 6)
    monkeypatch.setattr(weighing, "LEAST_PILOTS", 6)
    monkeypatch.setattr(reweigh, "LEAST_PILOTS", 6)


@pytest.fixture
def world() -> Iterator[World]:
    opened = World("sqlite://", people=8)
    yield opened
    opened.close()


def labelled(world: World, rounds: int = 3) -> str:
    """A project with all that a weighing may meet: corrections, gold, withdrawn and corrected tasks."""
    project: str = world.project(tasks=TASKS, overlap=5, adaptive=POLICY).id
    dice = random.Random(5)
    adaptive.weigh(world.lane, project)
    for _ in range(rounds):
        for actor in world.people[1:]:
            while got := world.next(actor, project_id=project, count=4).assignments:
                for one in got:
                    world.ms += dice.choice([0, 1])  # some answers come in the same millisecond
                    n = int(one.task_id.rpartition("-")[2])
                    right = "spam" if n % 3 == 0 else "ham"
                    wrong = {"ham": "spam", "spam": "ham"}[right]
                    world.submit(actor, one.id, {"spam": right if dice.random() < 0.8 else wrong})
                    if dice.random() < 0.05:
                        world.submit(actor, one.id, {"spam": right}, revision=1)
        adaptive.weigh(world.lane, project)
        world.bring_in(project, [{"text": f"late {world.ms} {i}"} for i in range(4)])
    return project


def rules(found: list[tuple[str, str, str, str]], kind: str = PROVEN) -> set[str]:
    return {rule for one, rule, _, _ in found if one == kind}


def test_an_honest_project_is_taken_again_without_a_finding(world: World) -> None:
    project = labelled(world)
    found, replay = world.reweigh(project)
    assert found == []
    assert replay.weighings == 4 and replay.compared > TASKS


def hidden_opening(event: Any, opened: dict[str, bytes]) -> None:
    if event.KIND == "fitted":
        opened.clear()


def hidden_answer(event: Any, opened: dict[str, bytes]) -> None:
    if event.KIND == "submitted":
        opened.clear()


def older_rule(event: Any, opened: dict[str, bytes]) -> None:
    if event.KIND == "fitted":
        opened["basis"] = json.dumps(json.loads(opened["basis"]) | {"rule": ""}).encode()


@pytest.mark.parametrize(
    ("change", "rule"),
    [(hidden_opening, "opening"), (hidden_answer, "answers"), (older_rule, "rule")],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_what_is_not_opened_is_not_auditable_and_no_violation(
    world: World, change: Callable[..., None], rule: str
) -> None:
    found, _ = world.reweigh(labelled(world, rounds=1), change=change)
    assert rules(found) == set()
    assert f"weighing.{rule}" in rules(found, BLIND)


ODD: dict[str, Any] = {
    "hedge": -7.5,
    "power": float("inf"),
    "dependence": -0.02,
    "threshold": float("nan"),
    "loss": 1e308,
    "per_task": -1,
    "pilots": 10**30,
    "weights": [["mem-1", 0.5], ["mem-nobody", 0.5]],
}


def test_odd_numbers_are_findings_and_nothing_worse(world: World) -> None:
    """A stranger's log may say anything of a weighing."""
    project = labelled(world, rounds=2)
    for field, value in ODD.items():

        def change(event: Any, opened: dict[str, bytes], field: str = field, value: Any = value) -> None:
            if event.KIND == "fitted":
                basis = json.loads(opened["basis"])
                for said in basis["questions"]:
                    if said.get(field) is not None:
                        said[field] = value
                opened["basis"] = json.dumps(basis).encode()

        found, _ = world.reweigh(project, change=change)
        assert "weighing.differs" in rules(found), field


def test_more_tasks_than_anybody_has_are_not_counted_through() -> None:
    found: list[tuple[str, str, str, str]] = []
    replay = Replay("prj-a", {}, lambda *told: found.append(told))
    replay._change(tasks=10**15)
    replay._history = [(0, replay._state)]
    assert replay._weigh("prj-a 3", None, {"project": 3, "upto": []}, {}) is None  # type: ignore[arg-type]
    assert [(kind, rule) for kind, rule, _, _ in found] == [(BLIND, "weighing.size")]


def other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """One annotator counts more than the rule gives, in what is concluded and in what is said."""
    true = adaptive.infer

    def infer_(votes: Votes) -> inference.Estimate:
        found = true(votes)
        weight, confusion = found.model.weight.copy(), found.model.confusion.copy()
        weight[0], confusion[0] = 4.0, np.array([[0.99, 0.01], [0.01, 0.99]])
        model = weighing.replace(found.model, weight=weight, confusion=confusion)
        return weighing.replace(found, model=model, posterior=posterior_of(votes, model))

    monkeypatch.setattr(adaptive, "infer", infer_)


def other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights that are said are not those that were used."""
    true = adaptive._noted

    def noted(name: str, one: Any, members: list[str]) -> core.Weighed:
        said = true(name, one, members)
        weights = tuple((who, min(skill + 0.01, 1.0)) for who, skill in said.weights)
        return msgspec.structs.replace(said, weights=weights)

    monkeypatch.setattr(adaptive, "_noted", noted)


def left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every seventh answer of one annotator is not weighed."""
    true = adaptive._Question.add

    def add(self: Any, n: int, member: int, value: Any) -> None:
        if member or n % 7:
            true(self, n, member, value)

    monkeypatch.setattr(adaptive._Question, "add", add)


def last_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An annotator's newest answer is neither weighed nor named."""
    true = adaptive._pieces

    def pieces(reader: Any, query: str, keys: Any, last: int) -> Any:
        rows = list(true(reader, query, keys, last))
        return rows[:-1] if query == "weighed_answers" else rows

    monkeypatch.setattr(adaptive, "_pieces", pieces)


def other_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dawid and Skene's method under the name of the rule's."""
    true = adaptive.infer

    def fitted(votes: Votes) -> Any:
        found = true(votes, "dawid-skene")
        model = weighing.replace(found.model, floor=0.01)  # a fit is begun from it, which needs all above 0
        return weighing.replace(found, method="robust", model=model)

    monkeypatch.setattr(adaptive, "infer", fitted)


def other_consensus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submits are concluded as if everybody were a newcomer."""
    true = adaptive._ready

    def ready(*given: Any) -> adaptive.Newest:
        found = true(*given)
        weights = {name: weighing.replace(one, members={}) for name, one in found.weights.items()}
        return msgspec.structs.replace(found, weights=weights)

    monkeypatch.setattr(adaptive, "_ready", ready)


def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submits are concluded by the type's own rule, though all was weighed."""
    from evenhand.service import consensus

    monkeypatch.setattr(consensus.adaptive, "newest", lambda *_: None)


def other_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pilots are chosen and not drawn: those that happen to be easy."""
    monkeypatch.setattr(core, "pilots", lambda lots, asked: asked & (np.arange(len(asked)) < 6))


def asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every task gets a further answer, worth it or not: somebody is paid by the answer."""
    monkeypatch.setattr(adaptive.Newest, "wants", lambda self, given: True)


@pytest.mark.parametrize(
    ("tamper", "rule"),
    [
        (other_weights, "differs"),
        (other_words, "differs"),
        (left_out, "differs"),
        (last_left_out, "concluded"),
        (other_method, "differs"),
        (other_consensus, "concluded"),
        (unnamed, "method"),
        (other_pilots, "asked"),
        (asked_for_nothing, "asked"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_what_a_node_changes_is_proven(
    world: World, monkeypatch: pytest.MonkeyPatch, tamper: Callable[..., None], rule: str
) -> None:
    tamper(monkeypatch)
    monkeypatch.setattr(core, "lots_of", lambda _: bytes(32))  # which pilots there are decides what differs
    adaptive._ready_of.clear()
    project = labelled(world)
    monkeypatch.undo()
    monkeypatch.setattr(weighing, "LEAST_PILOTS", 6)
    monkeypatch.setattr(reweigh, "LEAST_PILOTS", 6)
    found, _ = world.reweigh(project)
    assert f"weighing.{rule}" in rules(found), found[:3]
