"""Adaptive overlap: nothing stops before pilots show what it costs; what is saved, and at which loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.adaptive import replay
from bench.crowd import FOLDER, Crowd, crowd, score, simulated
from evenhand.aggregation import vote_table
from evenhand.core import adaptive
from evenhand.core.adaptive import PILOT_LEAST, Plan, Rule, first_votes, pilots, plan, worths
from evenhand.core.inference import Votes, infer, posterior_of

SEED = bytes(32)


def made(tasks: int = 500, per_task: int = 9, classes: int = 3, seed: int = 1) -> Crowd:
    columns = simulated(tasks, per_task, 30, classes, seed)
    table = vote_table.from_columns(columns["task"], columns["worker"], columns["label"])
    return Crowd("simulated", table, columns["truth"])


def every_one(tasks: int) -> np.ndarray:
    return np.ones(tasks, bool)


def planned(votes: Votes, most: np.ndarray, drawn: np.ndarray, rule: Rule) -> Plan:
    found = plan(votes, most, drawn, rule)
    assert found is not None
    assert found[0].model is found[1].model, "what is concluded and what is asked go by one model"
    return found[1]


def test_pilots_are_drawn_by_the_seed_and_are_enough() -> None:
    drawn = pilots(SEED, every_one(1000))
    assert drawn.sum() == 100 and (drawn == pilots(SEED, every_one(1000))).all()
    assert (drawn & pilots(b"\1" * 32, every_one(1000))).sum() < 30
    assert pilots(SEED, every_one(200)).sum() == PILOT_LEAST and pilots(SEED, every_one(7)).sum() == 7
    assert len(adaptive.lots_of(SEED)) == 32 and adaptive.lots_of(SEED) != SEED, "a hash can be shown"
    asked = np.arange(1000) % 2 == 0
    some = pilots(SEED, asked)
    assert some.sum() == 50 and not (some & ~asked).any(), "gold and what is withdrawn takes no pilot's place"


def test_nothing_is_decided_before_the_pilots_have_all_their_labels() -> None:
    """The cold-start guard: two labels that agree are no evidence, however many tasks have them."""
    votes = made().table.votes
    most, every = np.diff(votes.first), np.arange(votes.tasks)
    agreed = first_votes(votes, every, np.minimum(most, 2))
    assert plan(agreed, most, pilots(SEED, every_one(votes.tasks)), Rule()) is None


def test_what_is_gained_falls_with_certainty_and_with_the_labels_left() -> None:
    votes = made().table.votes
    most = np.diff(votes.first)
    found = planned(votes, most, pilots(SEED, every_one(votes.tasks)), Rule(tolerance=0.01))
    assert found.pilots == 50 and found.loss <= 0.01
    sure, unsure = np.array([[0.98, 0.01, 0.01]]), np.array([[0.5, 0.4, 0.1]])
    few, many, none = np.array([2]), np.array([9]), np.array([9])
    gain = lambda posterior, most=many: found.gains(posterior, few, most)[0]  # noqa: E731
    assert 0 <= gain(sure) < gain(unsure) < 0.5
    assert gain(unsure, np.array([3])) < gain(unsure)
    assert found.gains(unsure, none, many)[0] == 0.0
    assert replace(found, target=0.45).gains(unsure, few, many)[0] == 0.0
    dependent = replace(found, dependence=0.5)
    assert dependent.gains(unsure, few, many)[0] < gain(unsure)


def test_the_gain_is_what_a_simulation_finds() -> None:
    """Two classes, independent labels of one skill: the binomial law instead of the normal one."""
    votes = made(classes=2).table.votes
    most = np.diff(votes.first)
    found = planned(votes, most, pilots(SEED, every_one(votes.tasks)), Rule())
    skill, dice, more = 0.7, np.random.default_rng(0), 12
    model = replace(found.model, newcomer=np.array([[skill, 1 - skill], [1 - skill, skill]]))
    exact = replace(found, model=model, dependence=0.0)
    truth = dice.random(200_000) < 0.35
    lead = np.where(truth, 1, -1) * (2 * dice.binomial(more, skill, len(truth)) - more)
    turned = np.log(0.35 / 0.65) + lead * np.log(skill / (1 - skill)) > 0
    right = np.where(turned, truth, ~truth).mean()
    gain = exact.gains(np.array([[0.65, 0.35]]), np.array([3]), np.array([3 + more]))[0]
    assert gain == pytest.approx(right - 0.65, abs=0.02)


def test_a_running_task_is_decided_as_all_tasks_are() -> None:
    votes = made().table.votes
    most, every = np.diff(votes.first), np.arange(votes.tasks)
    drawn = pilots(SEED, every_one(votes.tasks))
    given = first_votes(votes, every, np.where(drawn, most, np.minimum(most, 3)))
    found = planned(given, most, drawn, Rule())
    together = found.gains(posterior_of(given, found.model), np.diff(given.first), most) > found.threshold
    assert 0.05 < together.mean() < 0.95
    for task in range(100):
        running = found.model.start()
        for v in range(given.first[task], given.first[task + 1]):
            running = running.after(int(given.annotator[v]), int(given.label[v]))
        assert found.wants(running, int(most[task])) == together[task]


def test_with_many_classes_what_is_concluded_rests_on_pilots_as_well() -> None:
    columns = made(classes=20).table.votes
    most, every = np.diff(columns.first), np.arange(columns.tasks)
    drawn = pilots(SEED, every_one(columns.tasks))
    given = first_votes(columns, every, np.where(drawn, most, np.minimum(most, 3)))
    found = plan(given, most, drawn, Rule())
    assert found is not None and found[0].posterior.sum(axis=1) == pytest.approx(1.0)
    truth = made(classes=20).gold
    assert score(found[0].posterior, truth).log_loss <= score(infer(given).posterior, truth).log_loss


def test_an_answer_is_worth_what_it_tells_of_the_class() -> None:
    """Who answers by lot tells nothing, who errs always the same way as much as who is always right."""
    votes = made(classes=2).table.votes
    model = infer(votes).model
    rows = np.array([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]]])
    known = replace(model, prior=np.full(2, 0.5), newcomer=np.array([[0.7, 0.3], [0.3, 0.7]]), confusion=rows)
    many = 10**9
    found = worths(known, np.array([many, many, many]))
    entropy = lambda p: -p * np.log(p) - (1 - p) * np.log(1 - p)  # noqa: E731
    right = (np.log(2) - entropy(0.9)) / (np.log(2) - entropy(0.7))
    assert found == pytest.approx([0, right, right], abs=1e-6)
    lot, right, none = worths(known, np.array([adaptive.ADDED, adaptive.ADDED, 0]))
    assert 0.2 < lot < 0.3 and 1.5 < right < 2.5 and none == 1, "few answers judge nobody"
    blank = replace(known, newcomer=np.full((2, 2), 0.5))
    assert (worths(blank, np.array([many, many, many])) == 1).all(), "nobody tells less than nothing"
    own = worths(model, votes.given)
    skill = infer(votes).skill.value
    assert np.corrcoef(own, skill)[0, 1] > 0.8, "with two classes alike the skilled tell more"


def test_a_loss_that_cannot_be_afforded_stops_nothing() -> None:
    votes = made(tasks=300).table.votes
    most = np.diff(votes.first)
    found = planned(votes, most, pilots(SEED, every_one(votes.tasks)), Rule(tolerance=-1.0))
    assert found.threshold == 0.0
    easy = planned(votes, most, pilots(SEED, every_one(votes.tasks)), Rule(tolerance=1.0))
    assert easy.threshold == adaptive.THRESHOLDS[0]


def test_tasks_that_stopped_early_do_not_pass_for_proof_that_votes_are_independent() -> None:
    """Some tasks mislead most. Where only the doubtful have all their labels pairs of votes
    contradict each other; the pilots tell how they really go together."""
    dice, tasks, most = np.random.default_rng(3), 600, 8
    truth, hard = dice.integers(0, 2, tasks), dice.random(tasks) < 0.3
    right = dice.random((tasks, most)) < np.where(hard, 0.35, 0.9)[:, None]
    label = np.where(right, truth[:, None], 1 - truth[:, None])
    who = np.argsort(dice.random((tasks, 20)), axis=1)[:, :most]
    votes = Votes.of(np.repeat(np.arange(tasks), most), who.ravel(), label.ravel())
    drawn = pilots(SEED, every_one(tasks))
    doubtful = (label[:, 0] != label[:, 1]) | drawn
    given = first_votes(votes, np.arange(tasks), np.where(doubtful, most, 2))
    alone, whole = infer(given), infer(votes)
    informed = plan(given, np.full(tasks, most), drawn, Rule())
    assert informed is not None
    real = whole.diagnostics.dependence
    assert alone.diagnostics.dependence < 0.5 * real
    assert informed[1].dependence == pytest.approx(real, rel=0.4)
    assert score(informed[0].posterior, truth).log_loss < score(alone.posterior, truth).log_loss


@pytest.mark.parametrize("name", ["face"] if FOLDER.is_dir() else ["simulated"])
def test_labels_are_saved_and_hardly_any_accuracy_is_lost(name: str) -> None:
    """One set, one order; `python -m bench adaptive` has all, with 20 (docs/inference.md)."""
    found = crowd(name) if name != "simulated" else made()
    whole = score(infer(found.table.votes).posterior, found.gold).accuracy
    seen = replay(found, Rule(), seed=0)
    assert seen.saved > 0.2
    assert seen.accuracy > whole - 0.02


@st.composite
def odd_crowds(draw: st.DrawFn) -> tuple[Votes, np.ndarray, int]:
    """(votes, pilots, most): few annotators or one, unused classes, tasks without a vote, all votes equal."""
    tasks, people, classes = draw(st.integers(1, 12)), draw(st.integers(1, 5)), draw(st.integers(2, 20))
    most = draw(st.integers(1, people))
    pilot = np.array(draw(st.lists(st.booleans(), min_size=tasks, max_size=tasks)))
    alike = draw(st.booleans())
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    given = np.where(pilot, most, dice.integers(0, most + 1, tasks))
    task = np.repeat(np.arange(tasks), given)
    who = np.concatenate([dice.permutation(people)[:n] for n in given])
    label = np.zeros(len(task), int) if alike else dice.integers(0, max(classes // 2, 1), len(task))
    return Votes.of(task, who, label, tasks=tasks, annotators=people, classes=classes), pilot, most


@settings(max_examples=30, deadline=None)
@given(odd_crowds(), st.sampled_from([0.0, 0.005, 1.0]))
def test_odd_crowds_are_planned_for(crowd: tuple[Votes, np.ndarray, int], tolerance: float) -> None:
    votes, pilot, most = crowd
    least, rule = min(most, 2), Rule(least=min(most, 2), tolerance=tolerance)
    all_of = np.full(votes.tasks, most)
    found = plan(votes, all_of, pilot, rule) if len(votes) else None
    assert (found is None) == (not pilot.any() or not len(votes))
    if found is None:
        return
    estimate, made_plan = found
    answered = np.diff(votes.first)
    gains = made_plan.gains(estimate.posterior, answered, all_of)
    assert np.isfinite(gains).all() and ((gains >= 0) & (gains <= 1)).all()
    assert (gains[answered >= most] == 0).all()
    assert made_plan.threshold in adaptive.THRESHOLDS and least <= made_plan.per_task <= most
    assert made_plan.loss <= tolerance + 1e-9 or made_plan.threshold == 0
    told = worths(estimate.model, votes.given)
    assert np.isfinite(told).all() and (told >= -1e-9).all()
    assert told[votes.given == 0] == pytest.approx(1)
    running = estimate.model.start()
    for i in range(votes.first[0], votes.first[1]):
        running = running.after(int(votes.annotator[i]), int(votes.label[i]))
    assert made_plan.wants(running, most) == bool(gains[0] > made_plan.threshold)


def test_first_votes_are_the_earliest() -> None:
    votes = Votes.of([0, 0, 0, 1, 2, 2], [0, 1, 2, 0, 1, 2], [1, 0, 1, 1, 0, 0])
    cut = first_votes(votes, np.array([0, 2]), np.array([2, 1]))
    assert cut.first.tolist() == [0, 2, 3] and cut.label.tolist() == [1, 0, 0]
