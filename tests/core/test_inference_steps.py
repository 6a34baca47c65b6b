"""Ratings: biases and spreads are told apart from a few votes, and neighbours count less than strangers."""

from __future__ import annotations

import numpy as np
import pytest

from evenhand.core.inference import Votes
from evenhand.core.inference.steps import Usual, weigh


def rated(seed: int, tasks: int = 150, steps: int = 5) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Three of ten annotators a task, with a bias and a spread each; the first is 1.5 steps too high."""
    dice = np.random.default_rng(seed)
    truth, bias, spread = dice.integers(0, steps, tasks), dice.normal(0, 0.7, 10), dice.uniform(0.3, 1.0, 10)
    bias[0] = 1.5
    task = np.repeat(np.arange(tasks), 3)
    who = np.concatenate([dice.permutation(10)[:3] for _ in range(tasks)])
    said = np.clip(np.rint(truth[task] + bias[who] + dice.normal(0, spread[who])), 0, steps - 1).astype(int)
    return Votes.of(task, who, said, tasks=tasks, annotators=10, classes=steps), truth, bias


def concluded(votes: Votes, usual: Usual, rates: np.ndarray) -> np.ndarray:
    return np.array(
        [
            usual.posterior(votes.label[a:b], rates[votes.annotator[a:b]])
            for a, b in zip(votes.first, votes.first[1:], strict=False)
        ]
    )


def test_biases_are_known_and_taken_off() -> None:
    right, median = [], []
    for seed in range(5):
        votes, truth, bias = rated(seed)
        usual, rates = weigh(votes)
        found = concluded(votes, usual, rates)
        assert found.sum(axis=1) == pytest.approx(np.ones(votes.tasks))
        assert rates[0, 3:].sum() > 0.4 > rates[0, :2].sum()
        assert np.corrcoef(rates[:, 3:].sum(axis=1) - rates[:, :2].sum(axis=1), bias)[0, 1] > 0.8
        right.append(np.mean(found.argmax(axis=1) == truth))
        middle = [np.sort(votes.label[3 * t : 3 * t + 3])[1] for t in range(votes.tasks)]
        median.append(np.mean(np.array(middle) == truth))
    assert np.mean(right) > np.mean(median) + 0.05


def test_votes_that_go_together_count_less() -> None:
    votes, _, _ = rated(1)
    copied = Votes.of(
        np.repeat(votes.task, 3),
        (votes.annotator[:, None] + [0, 10, 20]).ravel(),
        np.repeat(votes.label, 3),
    )
    usual, alone = weigh(copied)[0], weigh(votes)[0]
    assert usual.dependence > 0.1 > alone.dependence
    rates = np.tile(usual.rates, (9, 1))
    doubtful = Usual(usual.prior, usual.table, usual.rates, 0.0)
    said = np.array([3] * 9, np.int32)
    assert usual.posterior(said, rates).max() < doubtful.posterior(said, rates).max()


def test_one_vote_is_believed_and_two_steps_suffice() -> None:
    for steps in (2, 16):
        usual, rates = weigh(Votes.of([0], [0], [1], classes=steps))
        assert usual.posterior(np.array([1], np.int32), rates).argmax() == 1
        assert usual.tables(rates).sum(axis=2) == pytest.approx(np.ones((1, steps)))
