"""What the methods share: skill with its interval, and how a result is put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.core.inference.estimate import TINY, Diagnostics, Estimate, Model, Skill
from evenhand.core.inference.sweeps import WIDE
from evenhand.core.inference.votes import Floats, Places, Votes

Z = 1.959964  # two-sided 95% of the normal distribution


def shares_of(sums: Floats) -> Floats:
    """Sums as shares of the last axis; equal ones where there is nothing."""
    total = sums.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(total > 0, sums / np.maximum(total, TINY), 1 / sums.shape[-1]))


def skill_of(given: Places, prior: Floats, confusion: Floats) -> Skill:
    """Skill as the model has it, and Wilson's interval around it for as many votes as were given.

    Wilson 1927, doi:10.1080/01621459.1927.10502953. It is as wide as if the truth of each task were
    known, so it is a little too narrow where tasks have few votes.
    """
    value = np.minimum(np.einsum("k,akk->a", prior, confusion), 1.0)
    n = given + Z**2
    centre = (value * given + Z**2 / 2) / n
    half = Z * np.sqrt(value * (1 - value) * given + Z**2 / 4) / n
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return Skill(value=value, low=low, high=high, votes=given)


def estimate(
    method: str, votes: Votes, model: Model, posterior: Floats, diagnostics: Diagnostics
) -> Estimate:
    """Put together what a method found; ties go to the class with the lowest number."""
    label = posterior.argmax(axis=1).astype(np.int32)
    label[np.diff(votes.first) == 0] = -1
    return Estimate(
        method=method,
        posterior=posterior,
        label=label,
        model=model,
        skill=skill_of(votes.given, model.prior, model.confusion),
        diagnostics=replace(diagnostics, notes=(*notes_on(votes), *diagnostics.notes)),
    )


def notes_on(votes: Votes) -> tuple[str, ...]:
    """What a reader of the result has to know about the votes."""
    silent = int((np.diff(votes.first) == 0).sum())
    unseen = int((np.bincount(votes.label, minlength=votes.classes) == 0).sum())
    again = "earlier votes of an annotator on the same task: the last one counts."
    said = [
        (votes.replaced, f"{votes.replaced} {again}"),
        (silent, f"{silent} tasks without a vote: no label, and the prior for a posterior."),
        (unseen, f"{unseen} classes that nobody gave."),
        (votes.annotators == 1, "One annotator only: nothing tells how right it is."),
        (votes.classes > WIDE, "Many classes: only one that somebody gave a task may be true of it."),
    ]
    return tuple(text for happened, text in said if happened)
