"""Skill from distances alone: how far each annotator is from what is right, for answers of any kind.

The model: answers of annotators a and b to one task are as far apart as a and b are from what is right,
added: `distance = error[a] + error[b]`. It is measured in the distance of answers to different tasks, so
an error of 0 is always right and one of 1 as good as chance, whatever is asked. Errors are least squares
over all pairs of answers to one task, shrunk to the typical one: they are unique, and do not depend on where
one begins.

Distances instead of a model of each kind of answer: Braylan and others 2023, doi:10.1613/jair.1.14388;
what chance gives as the unit: Krippendorff 1970, doi:10.1177/001316447003000105.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.core.solving import solved

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR = 10.0  # pairs that the typical error is worth in an annotator's own
USUAL = 0.4  # distance of as many pairs more, when the typical error is taken: there may be none
LEAST, MOST = 0.02, 0.98  # of an error: nobody is surely right, or surely no better than chance
WRONG = 0.75  # probability that an answer with the error 1 is wrong
LIGHTEST = 0.01  # weight of an answer: where all are as bad as chance, they still count alike
MET = 20  # answers of its task before, and behind, that an answer is compared with
EQUAL = 1e-9  # sums of weights so near to each other are equal
SHIFTS = (2, 3, 5)  # parts of all answers by which they are shifted, to meet those of other tasks


def weight(error: float) -> float:
    """What an answer of somebody with this error counts: as a vote does, the logarithm of the odds that it is
    right (Nitzan and Paroush 1982, doi:10.2307/2526438)."""
    wrong = WRONG * error
    return max(log((1 - wrong) / wrong), LIGHTEST)


def middle(values: Sequence[Any], weights: Sequence[float]) -> Any:
    """The median of at least one value by weight, of two in the middle the lower."""
    held = sorted(zip(values, weights, strict=True))
    half = sum(weights) / 2 - EQUAL
    upto = accumulate(weight for _, weight in held)
    return next(value for (value, _), mass in zip(held, upto, strict=True) if mass >= half)


def errors(
    tasks: Ints,
    annotators: Ints,
    values: Sequence[Any],
    distance: Callable[[Any, Any], float],
    count: int,
) -> tuple[Floats, float]:
    """How far annotators are from what is right, and the typical error.

    Args:
        tasks: [answers] ascending; of one task in the order in which they are compared.
        annotators: [answers] from 0.
        values: [answers] whatever `distance` takes.
        distance: 0 equal, 1 as different as can be; symmetric.
        count: of annotators.

    Returns:
        [annotators] errors, and the error of somebody of whom nothing is known; between `LEAST` and `MOST`.
    """

    def between(one: Ints, other: Ints) -> Floats:
        pairs = zip(one.tolist(), other.tolist(), strict=True)
        return np.array([distance(values[i], values[j]) for i, j in pairs], np.float64)

    one, other = _pairs(tasks)
    apart = between(one, other) / _chance(tasks, between)
    typical = (apart.sum() + PRIOR * USUAL) / (len(apart) + PRIOR) / 2
    found = _least_squares(annotators[one], annotators[other], apart - 2 * typical, count) + typical
    return np.clip(found, LEAST, MOST), float(np.clip(typical, LEAST, MOST))


def _chance(tasks: Ints, between: Callable[[Ints, Ints], Floats]) -> float:
    """Mean distance of answers to different tasks; 1 where there are none, or none that differ."""
    whole, here = len(tasks), np.arange(len(tasks))
    found = []
    for parts in SHIFTS:
        there = (here + whole // parts) % whole
        other = tasks != tasks[there]
        found.append(between(here[other], there[other]))
    apart = np.concatenate(found)
    return float(apart.mean()) if apart.any() else 1.0


def _pairs(tasks: Ints) -> tuple[Ints, Ints]:
    """Indices of answers that are compared: of one task, at most `MET` places from each other."""
    found = [
        np.stack([i, i + step])
        for step in range(1, MET + 1)
        if len(i := np.flatnonzero(tasks[step:] == tasks[:-step]))
    ]
    one, other = np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64)
    return one, other


def _least_squares(a: Ints, b: Ints, more: Floats, count: int) -> Floats:
    """[annotators] the x that make `x[a] + x[b]` nearest to `more`, shrunk to 0."""

    def sums(values: Floats) -> Floats:
        return np.asarray(np.bincount(a, values, count) + np.bincount(b, values, count), np.float64)

    own = sums(np.ones(len(a))) + PRIOR
    return solved(lambda x: sums(x[a] + x[b]) + PRIOR * x, own, sums(more), np.zeros(count))
