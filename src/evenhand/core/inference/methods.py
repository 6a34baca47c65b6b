"""The methods, from counting votes to what is used by default."""

from __future__ import annotations

import numpy as np

from evenhand.core.inference.estimate import TINY, Diagnostics, Estimate, Model
from evenhand.core.inference.fit import (
    by_annotator,
    estimate,
    parts_of,
    posterior_of,
    sums,
    vote_shares,
    vote_table,
)
from evenhand.core.inference.votes import Floats, Places, Votes

PATIENCE = 1e-5  # a fit has converged when the log-likelihood a vote grows by less


def majority(votes: Votes, iterations: int | None = None) -> Estimate:
    """The class with the most votes; its share is the probability. Every annotator counts 1."""
    return _voted("majority", votes, np.ones(votes.annotators), 0)


def weighted(votes: Votes, iterations: int | None = None) -> Estimate:
    """Each vote counts as often as its annotator agrees with the majority ("Wawa").

    Source: Toloka's crowd-kit (Ustalov et al. 2024, doi:10.21105/joss.06227).
    """
    return _voted("weighted", votes, agreement(votes), 1)


def dawid_skene(votes: Votes, iterations: int | None = None) -> Estimate:
    """Each annotator has a confusion matrix of its own; expectation maximization from the majority vote.

    Maximum likelihood, nothing is smoothed. Dawid and Skene 1979, doi:10.2307/2346806.
    """
    bound = parts_of(votes)
    counts, mass = counted(votes, bound, vote_shares(votes, np.ones(votes.annotators)))
    return _expectation_maximization("dawid-skene", votes, bound, counts, mass, iterations or 100)


def agreement(votes: Votes) -> Floats:
    """[annotators] share of an annotator's votes that agree with the majority; ties count in parts."""
    credit = winners(vote_shares(votes, np.ones(votes.annotators)))
    agreed = np.bincount(votes.annotator, credit[votes.task, votes.label], votes.annotators)
    return np.asarray(agreed / np.maximum(votes.given, 1))


def winners(shares: Floats) -> Floats:
    """[tasks, classes] 1 for the class with the largest share; classes that tie have equal parts of it."""
    best = shares >= shares.max(axis=1, keepdims=True) - TINY
    return np.asarray(best / best.sum(axis=1, keepdims=True))


def counted(votes: Votes, bound: Places, posterior: Floats) -> tuple[Floats, Floats]:
    """Expected counts [annotators, true, given] and mass [classes] under this posterior."""
    from evenhand.core.inference import kernels

    counts, mass, _ = sums(votes, bound)
    kernels.count_sweep(votes.first, votes.code, bound, posterior, counts, mass)
    return by_annotator(votes, counts), mass.sum(axis=0)


def expected_counts(
    votes: Votes, bound: Places, confusion: Floats, prior: Floats, power: float = 1.0
) -> tuple[Floats, Floats, float]:
    """One expectation: counts [annotators, true, given], mass [classes], log-likelihood."""
    from evenhand.core.inference import kernels

    counts, mass, fit = sums(votes, bound)
    table = vote_table(confusion, power)
    kernels.em_sweep(votes.first, votes.code, bound, table, np.log(prior + TINY), counts, mass, fit)
    return by_annotator(votes, counts), mass.sum(axis=0), float(fit.sum())


def shares_of(mass: Floats) -> Floats:
    """Sums as shares; equal ones where there is nothing."""
    total = mass.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(total > 0, mass / np.maximum(total, TINY), 1 / mass.shape[-1]))


def _voted(method: str, votes: Votes, weight: Floats, iterations: int) -> Estimate:
    counts, mass = counted(votes, parts_of(votes), winners(vote_shares(votes, weight)))
    pooled = counts.sum(axis=0)
    model = Model(
        prior=shares_of(mass),
        confusion=shares_of(counts + shares_of(pooled)),
        newcomer=shares_of(pooled),
        weight=weight,
        newcomer_weight=float(np.average(weight, weights=votes.given + TINY)),
        blend=1.0,
    )
    posterior = posterior_of(votes, model)
    return estimate(method, votes, model, posterior, counts, Diagnostics(iterations=iterations))


def _expectation_maximization(
    method: str, votes: Votes, bound: Places, counts: Floats, mass: Floats, most: int
) -> Estimate:
    before, done, iteration = -np.inf, False, 0
    while not done and iteration < most:
        iteration += 1
        confusion, prior = shares_of(counts), shares_of(mass)
        counts, mass, fit = expected_counts(votes, bound, confusion, prior)
        done = fit - before < PATIENCE * max(len(votes), 1)
        before = fit
    model = Model(
        prior=prior,
        confusion=confusion,
        newcomer=shares_of(counts.sum(axis=0)),
        weight=np.ones(votes.annotators),
        newcomer_weight=1.0,
    )
    diagnostics = Diagnostics(iterations=iteration, converged=bool(done), log_likelihood=before)
    return estimate(method, votes, model, posterior_of(votes, model), counts, diagnostics)
