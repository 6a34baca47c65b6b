"""Truth inference for comparisons: from who preferred what to a score for each of the items compared.

The model: Bradley and Terry's (doi:10.2307/2334029), `P(i beats j) = 1 / (1 + exp(score[j] - score[i]))`,
seen through annotators of unknown skill as in Chen and others 2013 (Pairwise ranking aggregation in a
crowdsourced setting, doi:10.1145/2433396.2433420): annotator a names the better one with probability
`skill[a]` and else the other one, so that one half says nothing and less than one half is upside down.
A tie is half of a win and half of a loss. Every one of the items has tied once with a virtual one of
score 0, so that scores are finite and defined where comparisons do not connect all; every annotator starts
from five comparisons of which four are right, so that scores are not turned around.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenhand.core.errors import Invalid
from evenhand.core.inference.estimate import Diagnostics
from evenhand.core.inference.votes import Floats, Ints
from evenhand.core.solving import solved
from evenhand.core.words import counted

ANCHOR = 0.5  # wins, and losses, against the virtual one
RIGHT, WRONG = 4.0, 1.0  # comparisons that an annotator starts from
PATIENCE = 1e-6  # a fit has converged when no score moves by more
MOST_ITERATIONS = 500
EXACT = 2000  # items up to which errors come out of the inverse of the whole information


@dataclass(frozen=True, eq=False)
class Pairs:
    """Comparisons that count, the last of an annotator for the same two. Made by `Pairs.of`."""

    left: Ints  # [comparisons] 0 to items - 1
    right: Ints  # [comparisons] another one
    won: Floats  # [comparisons] 1: the left one is better, 0: the right one, 0.5: they tie
    annotator: Ints  # [comparisons] 0 to annotators - 1
    items: int
    annotators: int
    replaced: int = 0  # that a later one of the same annotator took the place of

    @classmethod
    def of(
        cls,
        left: npt.ArrayLike,
        right: npt.ArrayLike,
        won: npt.ArrayLike,
        annotator: npt.ArrayLike,
        *,
        items: int,
        annotators: int,
    ) -> Pairs:
        """Comparisons from four arrays of equal length, in the order in which they were made.

        Raises:
            Invalid: lengths differ, there are none, a number is out of its range, something is compared
                with itself, or `won` is none of 0, 0.5 and 1.
        """
        columns: list[Ints] = [np.asarray(one, np.int32) for one in (left, right, annotator)]
        outcome = np.asarray(won, np.float64)
        if {len(one) for one in columns} != {len(outcome)}:
            raise Invalid("inference.lengths", "The four lists differ in length.", "", "Give one of each.")
        if not len(outcome):
            raise Invalid("inference.empty", "There are no comparisons.", "", "Give at least one.")
        for one, count in zip(columns, (items, items, annotators), strict=True):
            if one.min() < 0 or one.max() >= count:
                raise Invalid("inference.range", f"A number is not between 0 and {count - 1}.")
        if (columns[0] == columns[1]).any():
            reason = "Something is compared with itself."
            raise Invalid("inference.itself", reason, "", "Leave such comparisons out.")
        if not np.isin(outcome, (0.0, 0.5, 1.0)).all():
            raise Invalid("inference.outcome", "An outcome is none of 0, 0.5 and 1.", "won")
        low, high = np.minimum(*columns[:2]), np.maximum(*columns[:2])
        order = np.lexsort((high, low, columns[2]))  # stable: of equals the last is the newest
        same = [one[order][1:] == one[order][:-1] for one in (low, high, columns[2])]
        keep = np.sort(order[np.append(~np.logical_and.reduce(same), True)])
        dropped = len(outcome) - len(keep)
        seen, other, who = (one[keep] for one in columns)
        return cls(seen, other, outcome[keep], who, items, annotators, dropped)


@dataclass(frozen=True, eq=False)
class Ranked:
    """What comparisons come to. Scores are natural logarithms of odds; differences of them have a meaning."""

    score: Floats  # [items] 0 where nothing is known
    error: Floats  # [items] standard error of score less the mean score, annotators' skills taken as known
    skill: Floats  # [annotators] probability that an annotator follows the scores; 0.5 says nothing
    diagnostics: Diagnostics


def rank(pairs: Pairs, iterations: int | None = None) -> Ranked:
    """The score of each of the items, how sure it is, and how much each annotator's word is worth.

    Penalized maximum likelihood by generalized expectation maximization: how likely each comparison was
    meant as it was said, then skills, and a Newton step of scores, damped so that it cannot overshoot
    (Bach 2010, doi:10.1214/09-EJS521, proposition 2).

    Args:
        pairs: the comparisons.
        iterations: exactly so many; None: until it has converged.
    """
    given = np.bincount(pairs.annotator, minlength=pairs.annotators)
    score = np.zeros(pairs.items)
    skill = np.full(pairs.annotators, RIGHT / (RIGHT + WRONG))
    most = MOST_ITERATIONS if iterations is None else iterations
    done, converged = 0, False
    while done < most and not (converged and iterations is None):
        better = _better(pairs, score)
        own = skill[pairs.annotator]
        meant_left = own * better / (own * better + (1 - own) * (1 - better))  # had the left one been named
        meant_right = own * (1 - better) / (own * (1 - better) + (1 - own) * better)
        meant = pairs.won * meant_left + (1 - pairs.won) * meant_right
        skill = (np.bincount(pairs.annotator, meant, pairs.annotators) + RIGHT) / (given + RIGHT + WRONG)
        target = pairs.won * meant_left + (1 - pairs.won) * (1 - meant_right)
        moved = _newton(pairs, score, target, better)
        score = score + moved
        done, converged = done + 1, bool(np.abs(moved).max() <= PATIENCE)
    error, notes = _errors(pairs, score, skill)
    again = (
        f"{counted(pairs.replaced, 'earlier comparison')} of the same two by the same annotator: "
        "the last one counts."
    )
    diagnostics = Diagnostics(
        iterations=done,
        converged=converged,
        log_likelihood=_likelihood(pairs, score, skill),
        notes=(*([again] if pairs.replaced else []), *notes),
    )
    return Ranked(score, error, skill, diagnostics)


def _better(pairs: Pairs, score: Floats) -> Floats:
    """[comparisons] probability that the left one is better."""
    return np.asarray(_logistic(score[pairs.left] - score[pairs.right]))


def _logistic(odds: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(odds / 2)))


def _newton(pairs: Pairs, score: Floats, target: Floats, better: Floats) -> Floats:
    """[items] how far scores move towards the wins that were meant."""
    anchored = _logistic(score)
    right = _apart(pairs, target - better) + ANCHOR * (1 - 2 * anchored)
    curve = better * (1 - better)
    anchor = 2 * ANCHOR * anchored * (1 - anchored)
    diagonal = _sums(pairs, curve) + anchor

    def image(step: Floats) -> Floats:
        return _apart(pairs, curve * (step[pairs.left] - step[pairs.right])) + anchor * step

    step = solved(image, diagonal, right, np.zeros(pairs.items))
    widest = max(2 * float(np.abs(step).max()), 1e-12)  # no difference of two changes by more
    return np.asarray(step * (np.log1p(widest) / widest))


def _errors(pairs: Pairs, score: Floats, skill: Floats) -> tuple[Floats, tuple[str, ...]]:
    """[items] standard errors by Fisher's information, the virtual one's included."""
    better, own = _better(pairs, score), skill[pairs.annotator]
    said = own * better + (1 - own) * (1 - better)
    information = ((2 * own - 1) * better * (1 - better)) ** 2 / (said * (1 - said))
    anchored = _logistic(score)
    diagonal = _sums(pairs, information) + 2 * ANCHOR * anchored * (1 - anchored)
    if pairs.items > EXACT:
        note = (
            f"More than {EXACT:,} items: errors as if the others' scores were known, so they are too small."
        )
        return 1 / np.sqrt(diagonal), (note,)
    whole = np.diag(diagonal)
    np.subtract.at(whole, (pairs.left, pairs.right), information)
    np.subtract.at(whole, (pairs.right, pairs.left), information)
    inverse = np.linalg.inv(whole)
    centred = np.diag(inverse) - 2 * inverse.mean(axis=0) + inverse.mean()
    return np.sqrt(np.maximum(centred, 0.0)), ()


def _likelihood(pairs: Pairs, score: Floats, skill: Floats) -> float:
    """Natural logarithm of the probability of what was said."""
    better, own = _better(pairs, score), skill[pairs.annotator]
    said = own * better + (1 - own) * (1 - better)
    return float((pairs.won * np.log(said) + (1 - pairs.won) * np.log(1 - said)).sum())


def _sums(pairs: Pairs, values: Floats) -> Floats:
    """[items] summed over the comparisons that each is in."""
    left = np.bincount(pairs.left, values, pairs.items)
    return np.asarray(left + np.bincount(pairs.right, values, pairs.items))


def _apart(pairs: Pairs, values: Floats) -> Floats:
    """[items] summed where it is the left one, less where it is the right one."""
    left = np.bincount(pairs.left, values, pairs.items)
    return np.asarray(left - np.bincount(pairs.right, values, pairs.items))
