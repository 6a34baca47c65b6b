"""What the methods share: tables of what votes say, skill with its interval, and reading a model out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.core.inference.estimate import TINY, Diagnostics, Estimate, Model, Skill
from evenhand.core.inference.votes import Floats, Ints, Places, Votes

Z = 1.959964  # two-sided 95% of the normal distribution
MOST_PARTS = 16
PART_BYTES = 1 << 28  # the parts' tables of sums together


def parts_of(votes: Votes) -> Places:
    """Bounds of the parts that a sweep is split into: a function of the votes, never of the machine."""
    from evenhand.core.inference import kernels

    table = votes.annotators * votes.classes**2 * 8
    wanted = min(MOST_PARTS, max(len(votes) // 50_000, 1), max(PART_BYTES // table, 1))
    return kernels.bounds(votes.first, wanted)


def sums(votes: Votes, bound: Places) -> tuple[Floats, Floats, Floats]:
    """Empty sums: counts [parts, annotators * classes, classes], mass [parts, classes], fit [parts]."""
    parts = len(bound) - 1
    rows = votes.annotators * votes.classes
    return np.zeros((parts, rows, votes.classes)), np.zeros((parts, votes.classes)), np.zeros(parts)


def by_annotator(votes: Votes, counts: Floats) -> Floats:
    """Counts of a sweep as [annotators, true, given]."""
    shape = (votes.annotators, votes.classes, votes.classes)
    return np.asarray(counts.sum(axis=0).reshape(shape).transpose(0, 2, 1))


def vote_table(confusion: Floats, power: float = 1.0) -> Floats:
    """[annotators * classes, true] logarithm of what each vote says for each class."""
    table = np.log(np.maximum(confusion, TINY)).transpose(0, 2, 1)
    return np.ascontiguousarray(power * table).reshape(-1, confusion.shape[1])


def skill_of(counts: Floats, prior: Floats, confusion: Floats) -> Skill:
    """Skill as the model has it, and Wilson's interval around it for as many votes as were given.

    Wilson 1927, doi:10.1080/01621459.1927.10502953. It is as wide as if the truth of each task were
    known, so it is a little too narrow where tasks have few votes.
    """
    value = np.einsum("k,akk->a", prior, confusion)
    given = counts.sum(axis=(1, 2))
    n = given + Z**2
    centre = (value * given + Z**2 / 2) / n
    half = Z * np.sqrt(value * (1 - value) * given + Z**2 / 4) / n
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return Skill(value=value, low=low, high=high, votes=np.rint(given).astype(np.int64))


def posterior_of(votes: Votes, model: Model) -> Floats:
    """[tasks, classes] what a model makes of all votes: for each task what `Running` gives."""
    from evenhand.core.inference import kernels

    bound = parts_of(votes)
    chance = np.empty((votes.tasks, votes.classes))
    table = vote_table(model.confusion, model.power)
    kernels.read_scores(votes.first, votes.code, bound, table, np.log(model.prior + TINY), chance)
    chance -= chance.max(axis=1, keepdims=True)
    np.exp(chance, out=chance)
    chance /= chance.sum(axis=1, keepdims=True)
    if model.blend:
        chance = _blended(chance, vote_shares(votes, model.weight), model.blend)
    if model.temperature != 1.0:
        chance = (chance + TINY) ** (1 / model.temperature)
        chance /= chance.sum(axis=1, keepdims=True)
    return chance


def vote_shares(votes: Votes, weight: Floats) -> Floats:
    """[tasks, classes] share of the weight behind each class; a row of zeros where there is none."""
    from evenhand.core.inference import kernels

    shares = np.zeros((votes.tasks, votes.classes))
    kernels.read_votes(votes.first, votes.code, parts_of(votes), weight, shares)
    total = shares.sum(axis=1, keepdims=True)
    np.divide(shares, total, out=shares, where=total > TINY)
    return shares


def _blended(chance: Floats, shares: Floats, blend: float) -> Floats:
    voted = shares.sum(axis=1, keepdims=True) > 0
    return np.where(voted, (1 - blend) * chance + blend * shares, chance)


def estimate(
    method: str, votes: Votes, model: Model, posterior: Floats, counts: Floats, diagnostics: Diagnostics
) -> Estimate:
    """Put together what a method found; ties go to the class with the lowest number."""
    label = posterior.argmax(axis=1).astype(np.int32)
    label[np.diff(votes.first) == 0] = -1
    return Estimate(
        method=method,
        posterior=posterior,
        label=label,
        model=model,
        skill=skill_of(counts, model.prior, model.confusion),
        diagnostics=replace(diagnostics, notes=(*notes_on(votes, label), *diagnostics.notes)),
    )


def notes_on(votes: Votes, label: Ints) -> tuple[str, ...]:
    """What a reader of the result has to know about the votes."""
    silent = int((label < 0).sum())
    unseen = votes.classes - len(np.unique(votes.label))
    said = [
        (
            votes.replaced,
            f"{votes.replaced} earlier votes of an annotator on the same task: the last one counts.",
        ),
        (silent, f"{silent} tasks without a vote: no label, and the prior for a posterior."),
        (unseen, f"{unseen} classes that nobody gave."),
        (votes.annotators == 1, "One annotator only: nothing tells how right it is."),
    ]
    return tuple(text for happened, text in said if happened)
