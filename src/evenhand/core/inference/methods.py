"""The classical methods: counting votes, one coin, and a confusion matrix for each annotator."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from evenhand.core.inference.estimate import TINY, Diagnostics, Estimate, Model
from evenhand.core.inference.fit import estimate
from evenhand.core.inference.sweeps import Sweeps, agreement, shares_of, sweeps_of
from evenhand.core.inference.votes import Floats, Votes

PATIENCE = 1e-5  # a fit has converged when the log-likelihood a vote grows by less
MOST_ITERATIONS = 100


def majority(votes: Votes, iterations: int | None = None) -> Estimate:
    """The class with the most votes; its share is the probability. Every annotator counts 1.

    What it says of annotators (`confusion`, `skill`) is measured against its own labels.
    """
    return _voted("majority", votes, np.ones(votes.annotators))


def weighted(votes: Votes, iterations: int | None = None) -> Estimate:
    """Each vote counts as much as the share of its annotator's votes that agree with the majority ("Wawa").

    As in crowd-kit (Ustalov, Pavlichenko, Tseitlin 2024, doi:10.21105/joss.06227).
    """
    return _voted("weighted", votes, agreement(votes))


def one_coin(votes: Votes, iterations: int | None = None) -> Estimate:
    """Each annotator is right with one probability, and else gives any other class alike.

    Expectation maximization from the majority vote; Dawid and Skene's model (doi:10.2307/2346806) with
    one parameter an annotator. Where annotators confuse the same classes in the same way, it fails.
    """
    return _maximize_expectation("one-coin", votes, lambda sweeps: sweeps.coins(), iterations)


def dawid_skene(votes: Votes, iterations: int | None = None) -> Estimate:
    """Each annotator has a confusion matrix of its own: [true, given] probabilities.

    Maximum likelihood by expectation maximization from the majority vote; nothing is smoothed, so its
    probabilities are far too sure. Dawid and Skene 1979, doi:10.2307/2346806.
    """
    return _maximize_expectation("dawid-skene", votes, _own_matrices, iterations)


def mean_weight(votes: Votes, weight: Floats) -> float:
    """What a newcomer's vote counts: as much as the mean vote."""
    return float(np.average(weight, weights=votes.given))


def _own_matrices(sweeps: Sweeps) -> None:
    sweeps.maximize(0.0, np.zeros((sweeps.votes.classes, sweeps.votes.classes)))


def _voted(method: str, votes: Votes, weight: Floats) -> Estimate:
    """Annotators are judged by the winners of the weighted vote, with one vote of doubt."""
    sweeps = sweeps_of(votes)
    sweeps.count(weight, hard=True)
    pooled = shares_of(sweeps.pooled)
    sweeps.maximize(1.0, pooled)
    model = Model(
        prior=shares_of(sweeps.shares),
        confusion=sweeps.confusion(),
        newcomer=pooled,
        weight=weight,
        newcomer_weight=mean_weight(votes, weight),
        hedge=inf,
        narrow=sweeps.narrow,
    )
    return estimate(method, sweeps, model, Diagnostics())


def _maximize_expectation(
    method: str, votes: Votes, maximize: Callable[[Sweeps], None], iterations: int | None
) -> Estimate:
    sweeps, most = sweeps_of(votes), MOST_ITERATIONS if iterations is None else iterations
    sweeps.count(np.ones(votes.annotators))
    maximize(sweeps)
    prior = shares_of(sweeps.shares)
    before, done, iteration = -np.inf, False, 0
    while not done and iteration < most:
        iteration += 1
        fit = sweeps.expect(prior)
        maximize(sweeps)
        prior = shares_of(sweeps.shares)
        done = iterations is None and fit - before < PATIENCE * len(votes)
        before = fit
    model = Model(
        prior=prior,
        confusion=sweeps.confusion(),
        newcomer=shares_of(sweeps.pooled + TINY),
        weight=np.ones(votes.annotators),
        newcomer_weight=1.0,
        narrow=sweeps.narrow,
    )
    diagnostics = Diagnostics(iterations=iteration, converged=done, log_likelihood=before)
    return estimate(method, sweeps, model, diagnostics)
