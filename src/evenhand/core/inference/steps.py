"""Truth inference for ratings: who gives too low or too high a step, and by how far.

Dawid and Skene's model (doi:10.2307/2346806) with one table of votes for everybody and five numbers for each
annotator: how often they are two or more steps below what is right, one below, right, one above, two or more
above, against how often that is usual for the same tasks (indirect standardization of rates, as in
`core.presence`). So a few votes teach a bias and a spread, and steps may still be confused in a way that
has nothing to do with their order. The posterior is blended with the weighted vote as in `robust`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenhand.core.inference.estimate import TINY
from evenhand.core.inference.sweeps import agreement
from evenhand.core.inference.votes import Floats, Ints, Places, Votes

OFFSETS = 5  # kinds of vote: two or more steps below, one below, right, one above, two or more above
ROUNDS = 3  # of expectation maximization
OWN = 2.0  # votes as usual that are added to an annotator's own, of each kind
COIN, RIGHT = 10.0, 0.8  # votes for each truth that one coin adds to the table, and how many of its are right
HEDGE = 170.0  # votes that the weighted vote stands for, times dependence
SHARPNESS = 3.0  # power of how often an annotator is right in the weighted vote
DOUBT = 0.5  # votes spread evenly over the steps that are added to the weighted vote
FLOOR = 0.01  # share of every posterior that is spread evenly over the steps
USUAL, PAIRS = 0.04, 50.0  # dependence before votes are seen, and the variance of pairs that it weighs as
EQUAL = 1e-9  # share by which probabilities may differ and be equal


@dataclass(frozen=True, eq=False)
class Usual:
    """What holds for everybody, and how a task's votes are weighed by it."""

    prior: Floats  # [steps] how common each is
    table: Floats  # [true, given] probabilities
    rates: Floats  # [OFFSETS] how often votes are so far off
    dependence: float  # of two votes of a task beyond its step

    def tables(self, rates: Floats) -> Floats:
        """[annotators, true, given] of annotators with these rates [annotators, OFFSETS]."""
        found = self.table * (rates / self.rates)[:, _offsets(len(self.prior))]
        return np.asarray(np.maximum(found / found.sum(axis=2, keepdims=True), TINY))

    def chances(self, task: Places | Ints, said: Floats, tasks: int) -> Floats:
        """[tasks, steps] what votes say; `said` [votes, steps] is how probable each is where it is true."""
        score = np.tile(np.log(self.prior), (tasks, 1))
        np.add.at(score, task, np.log(said))
        found = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def posterior(self, label: Ints, rates: Floats) -> Floats:
        """[steps] of one task with these votes (at least one), by annotators with these rates."""
        steps, count = len(self.prior), len(label)
        said = self.tables(rates)[np.arange(count), :, label]
        model = self.chances(np.zeros(count, np.int64), said, 1)[0]
        weight = rates[:, OFFSETS // 2] ** SHARPNESS
        shares = np.bincount(label, weight, steps) / weight.sum()
        worth = count / (1 + (count - 1) * self.dependence)
        own = worth / (HEDGE * self.dependence + worth)
        voted = (worth * shares + DOUBT / steps) / (worth + DOUBT)
        return np.asarray((1 - FLOOR) * (own * model + (1 - own) * voted) + FLOOR / steps)


def _offsets(steps: int) -> Places:
    """[true, given] which kind of vote it is."""
    apart = np.arange(steps) - np.arange(steps)[:, None]
    return np.asarray(np.clip(apart, -(OFFSETS // 2), OFFSETS // 2) + OFFSETS // 2)


def weigh(votes: Votes) -> tuple[Usual, Floats]:
    """What holds for everybody, and the rates of each annotator [annotators, OFFSETS].

    Expectation maximization from the vote weighted by agreement with the majority, for exactly `ROUNDS`.

    Args:
        votes: every task has one; classes are steps, in their order, at least two.
    """
    shares = np.zeros((votes.tasks, votes.classes))
    np.add.at(shares, (votes.task, votes.label), agreement(votes)[votes.annotator])
    total = shares.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, shares / np.maximum(total, TINY), 1 / votes.classes)
    for _ in range(ROUNDS):
        usual, rates = _learn(votes, shares)
        shares = _expected(votes, usual, rates)
    usual, rates = _learn(votes, shares)
    shares = _expected(votes, usual, rates)
    return Usual(usual.prior, usual.table, usual.rates, _dependence(votes, usual, rates, shares)), rates


def _expected(votes: Votes, usual: Usual, rates: Floats) -> Floats:
    return usual.chances(votes.task, usual.tables(rates)[votes.annotator, :, votes.label], votes.tasks)


def _learn(votes: Votes, shares: Floats) -> tuple[Usual, Floats]:
    """The maximization step: everybody's table, and the rates of each annotator against it."""
    people, steps = votes.annotators, votes.classes
    sums = np.stack(
        [np.bincount(votes.code, row, people * steps).reshape(people, steps) for row in shares[votes.task].T],
        axis=1,
    )
    whole = sums.sum(axis=0)
    right = (np.trace(whole) + COIN * RIGHT) / (whole.sum() + COIN)
    wrong = (1 - right) / (steps - 1)
    table = whole + COIN * (np.full((steps, steps), wrong) + (right - wrong) * np.eye(steps))
    table /= table.sum(axis=1, keepdims=True)
    kinds = np.eye(OFFSETS)[_offsets(steps)]
    slips = np.einsum("akl,klo->ao", sums, kinds)
    expected = sums.sum(axis=2) @ np.einsum("kl,klo->ko", table, kinds)
    often = (expected.sum(axis=0) + TINY) / (len(votes) + TINY)
    rates = np.minimum((slips + OWN) / (expected + OWN) * often, 1.0)
    prior = (shares.sum(axis=0) + 1) / (votes.tasks + steps)
    return Usual(prior, table, often, 0.0), rates


def _dependence(votes: Votes, usual: Usual, rates: Floats, shares: Floats) -> float:
    """As `robust` measures it: correlation of whether two votes of a task are for its most probable step."""
    best = (shares >= shares.max(axis=1, keepdims=True) * (1 - EQUAL)).argmax(axis=1)[votes.task]
    chance = usual.tables(rates)[votes.annotator, best, best]
    residual, deviation = (votes.label == best) - chance, np.sqrt(chance * (1 - chance))
    covariance, variance = (
        float((np.bincount(votes.task, one) ** 2).sum() - (one**2).sum()) for one in (residual, deviation)
    )
    return max((covariance + USUAL * PAIRS) / (variance + PAIRS), 0.0)
