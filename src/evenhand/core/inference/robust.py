"""The default: Dawid and Skene's model, shrunk, stopped early, blended with the weighted vote, tempered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.core.inference.estimate import TINY, Diagnostics, Estimate, Model
from evenhand.core.inference.fit import estimate, parts_of, posterior_of, vote_shares
from evenhand.core.inference.methods import agreement, counted, expected_counts, shares_of
from evenhand.core.inference.votes import Floats, Votes

ROUNDS = 4
OWN = 2.0  # votes for each true class that the pooled annotator adds to each annotator's own
COIN = 10.0  # votes for each true class that one coin adds to the pooled annotator
BLEND = 0.5
TEMPERATURES = tuple(float(t) for t in np.geomspace(0.7, 8.0, 25))
HELD_OUT = 50_000  # votes, evenly spread, that the temperature is chosen with


def robust(votes: Votes, iterations: int | None = None) -> Estimate:
    """Hierarchical Dawid-Skene with the brakes on.

    Each annotator's confusion is shrunk to that of all, and that to one coin; a few rounds of
    expectation maximization start from the weighted vote; the posterior is blended with the weighted
    vote, and tempered so that it predicts each vote best from the others on its task.
    """
    weight = agreement(votes)
    bound = parts_of(votes)
    counts, mass = counted(votes, bound, vote_shares(votes, weight))
    fit = 0.0
    rounds = ROUNDS if iterations is None else iterations
    for _ in range(rounds):
        confusion, _pooled, prior = shrunk(counts, mass)
        counts, mass, fit = expected_counts(votes, bound, confusion, prior)
    confusion, pooled, prior = shrunk(counts, mass)
    model = Model(
        prior=prior,
        confusion=confusion,
        newcomer=pooled,
        weight=weight,
        newcomer_weight=float(np.average(weight, weights=votes.given + TINY)),
        blend=BLEND,
    )
    model, held_out = tempered(votes, model)
    diagnostics = Diagnostics(iterations=rounds, log_likelihood=fit, held_out=held_out)
    return estimate("robust", votes, model, posterior_of(votes, model), counts, diagnostics)


def shrunk(counts: Floats, mass: Floats) -> tuple[Floats, Floats, Floats]:
    """Confusion [annotators, true, given], the pooled annotator's [true, given], and the prior [classes]."""
    classes = counts.shape[1]
    pooled = counts.sum(axis=0)
    right = np.trace(pooled) / max(pooled.sum(), TINY)
    coin = np.full((classes, classes), (1 - right) / max(classes - 1, 1))
    np.fill_diagonal(coin, right)
    pooled = shares_of(pooled + COIN * coin)
    return shares_of(counts + OWN * pooled), pooled, shares_of(mass + 1.0)


def tempered(votes: Votes, model: Model) -> tuple[Model, float]:
    """The model with the temperature at which other votes predict each vote best, and that log-loss."""
    chance, row = _without_each(votes, model)
    losses = []
    for temperature in TEMPERATURES:
        soft = (chance + TINY) ** (1 / temperature)
        soft /= soft.sum(axis=1, keepdims=True)
        losses.append(float(-np.log((soft * row).sum(axis=1) + TINY).mean()))
    best = int(np.argmin(losses))
    return replace(model, temperature=TEMPERATURES[best]), losses[best]


def _without_each(votes: Votes, model: Model) -> tuple[Floats, Floats]:
    """[some votes, classes]: the posterior without the vote, and what its annotator then answers."""
    picked = np.unique(np.linspace(0, len(votes) - 1, min(len(votes), HELD_OUT)).astype(np.int64))
    task, who, label = votes.task[picked], votes.annotator[picked], votes.label[picked]
    row = model.confusion[who, :, label]
    score = np.log(posterior_of(votes, replace(model, blend=0.0, temperature=1.0)) + TINY)[task]
    score -= np.log(row + TINY)
    chance = np.exp(score - score.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    shares = np.zeros((votes.tasks, votes.classes))
    np.add.at(shares, (votes.task, votes.label), model.weight[votes.annotator])
    rest = shares[task]
    rest[np.arange(len(picked)), label] -= model.weight[who]
    total = rest.sum(axis=1, keepdims=True)
    rest = np.divide(rest, total, out=chance.copy(), where=total > TINY)
    return (1 - model.blend) * chance + model.blend * rest, row
