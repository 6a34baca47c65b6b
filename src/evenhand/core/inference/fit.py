"""What the methods share: skill with its interval, and how a result is put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.core.inference.estimate import Diagnostics, Estimate, Model, Skill
from evenhand.core.inference.sweeps import WIDE, Sweeps
from evenhand.core.inference.votes import Floats, Places, Votes
from evenhand.core.words import counted

Z = 1.959964  # two-sided 95% of the normal distribution


def skill_of(given: Places, prior: Floats, right: Floats) -> Skill:
    """Skill as the model has it, and Wilson's interval around it for as many votes as were given.

    `right` [annotators, classes]: the probability of the true class itself.

    Wilson 1927, doi:10.1080/01621459.1927.10502953. It is as wide as if the truth of each task were
    known, so it is a little too narrow where tasks have few votes.
    """
    value = np.minimum(right @ prior, 1.0)
    n = given + Z**2
    centre = (value * given + Z**2 / 2) / n
    half = Z * np.sqrt(value * (1 - value) * given + Z**2 / 4) / n
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return Skill(value=value, low=low, high=high, votes=given)


def estimate(method: str, sweeps: Sweeps, model: Model, diagnostics: Diagnostics) -> Estimate:
    """Put together what a method found, whose table the sweeps have."""
    votes, found = sweeps.votes, sweeps.read(model)
    return Estimate(
        method=method,
        posterior=found.posterior,
        label=found.label,
        confidence=found.confidence,
        model=model,
        skill=skill_of(votes.given, model.prior, sweeps.right),
        diagnostics=replace(diagnostics, notes=(*notes_on(votes), *diagnostics.notes)),
    )


def notes_on(votes: Votes) -> tuple[str, ...]:
    """What a reader of the result has to know about the votes."""
    unused = votes.unused
    silent = int((np.diff(votes.first) == 0).sum())
    alone = votes.annotators > 1 and int(np.diff(votes.first).max(initial=0)) < 2
    again = "of an annotator on the same task: the last one counts."
    said = [
        (votes.replaced, f"{counted(votes.replaced, 'earlier vote')} {again}"),
        (silent, f"{counted(silent, 'task')} without a vote: no label, and the prior for a posterior."),
        (unused, f"{counted(unused, 'class', 'classes')} that nobody gave."),
        (votes.annotators == 1, "One annotator only: nothing tells how right it is."),
        (alone, "No task has votes of two annotators: nothing tells how right they are."),
        (votes.classes > WIDE, "Many classes: only one that somebody gave a task may be true of it."),
    ]
    return tuple(text for happened, text in said if happened)
