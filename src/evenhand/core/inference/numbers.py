"""Truth inference for numbers: from numbers of annotators who are biased and inexact to values with errors.

The model: annotator a gives task t the number `value[t] + bias[a] + noise`, the noise normal with the
annotator's own standard deviation `spread[a]`. Raykar and others 2010 (Learning from crowds, section 5,
jmlr.org/papers/v11/raykar10a.html) estimate precisions so, by expectation maximization; here annotators
have biases too, and what is learnt of one with few numbers is shrunk to the others: biases are normal
around zero, variances are scaled inverse chi-squared around the typical one. Numbers, and biases, that lie
far off count less (Huber's Proposal 2, doi:10.1214/aoms/1177703732), so that a slip of the finger moves
neither a value nor what is learnt of its annotator. Ratings are numbers on their scale.

That all annotators are biased in the same way cannot be seen from their numbers: biases are measured from
the centre of theirs, and the error of a value holds how far that centre may be from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, log, pi, sqrt

import numpy as np

from evenhand.core.errors import Invalid
from evenhand.core.inference.estimate import Diagnostics
from evenhand.core.inference.votes import Floats, Ints, Places, Votes
from evenhand.core.solving import solved
from evenhand.core.words import counted

FAR = 2.0  # standard deviations beyond which a number, or a bias, counts less
PRIOR = 5.0  # numbers that the typical variance is worth in an annotator's own
PATIENCE = 1e-4  # a fit has converged when values move by less of the typical spread, in the mean square
MOST_ITERATIONS = 200
LEAST = 1e-9**2  # of the square of the range of all numbers: no variance is smaller
EXACT = 1e-3  # nor any spread than this part of how far numbers of a task scatter: where some agree on
# everything, equations would else have no digits left
LARGEST = 1e150  # its square is a number too

_TAIL = 1 - erf(FAR / sqrt(2))
_NORMAL = 1 - _TAIL - 2 * FAR * exp(-FAR * FAR / 2) / sqrt(2 * pi) + FAR * FAR * _TAIL
"""Mean of min(r^2, FAR^2) for a standard normal r: what makes variances right where nothing is far off."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What numbers come to. Values, errors, biases and spreads are in the unit of the numbers."""

    value: Floats  # [tasks] NaN where nobody answered
    error: Floats  # [tasks] standard error of value; NaN where it cannot be known
    bias: Floats  # [annotators] how far above the value an annotator's numbers lie in the mean
    spread: Floats  # [annotators] standard deviation of their noise; NaN where it cannot be known
    newcomer: float
    """Spread of somebody of whom nothing is known, bias included; NaN where it cannot be known."""
    far: int  # numbers that count less because they lie far off
    diagnostics: Diagnostics


def measure(votes: Votes, numbers: Floats, iterations: int | None = None) -> Measured:
    """The value of each task, how sure it is, and how biased and how exact each annotator is.

    Shifting or scaling all numbers shifts or scales what comes of them; the order of annotators and tasks
    does not matter. A task with a single number has that number less the annotator's bias. Where numbers of
    a task lie far from each other on both sides, many values fit nearly alike: it is one of these.

    Args:
        votes: who answered which task, at least once. Labels are not looked at.
        numbers: [votes] what they said, in the order of `votes`.
        iterations: exactly so many; None: until it has converged.

    Raises:
        Invalid: there are no votes, lengths differ, or a number is not finite.
    """
    if not len(votes):
        raise Invalid("inference.empty", "There are no votes.", "", "Give at least one.")
    if numbers.shape != (len(votes),):
        reason = f"There are {len(votes)} votes and {len(numbers)} numbers."
        raise Invalid("inference.lengths", reason, "numbers", "Give one number for each vote.")
    if not (np.abs(numbers) <= LARGEST).all():
        reason = f"A number is infinite, larger than {LARGEST:g}, or none at all."
        raise Invalid("inference.not-finite", reason, "numbers", "Leave such answers out.")
    count = np.diff(votes.first)
    if count.max() < 2:
        return _alone(votes, numbers)
    fit = _Fit(votes, numbers)
    most = MOST_ITERATIONS if iterations is None else iterations
    done, converged = 0, False
    while done < most and not (converged and iterations is None):
        converged = fit.step() <= PATIENCE
        done += 1
    fit.solve()
    late = f"It has not settled after {done} rounds; what is given is the last."
    notes = (*_notes(votes), *([late] if iterations is None and not converged else []))
    error = np.where(count > 0, fit.unit * np.sqrt(fit.variances_of_values()), np.nan)
    return Measured(
        value=np.where(count > 0, fit.value, np.nan),
        error=error,
        bias=fit.unit * fit.bias,
        spread=fit.unit * np.sqrt(fit.variance),
        newcomer=fit.unit * sqrt(fit.typical() + fit.around),
        far=int((fit.trust < 1).sum()),
        diagnostics=Diagnostics(done, converged, fit.log_likelihood(), None, notes),
    )


def located(numbers: Sequence[float], spreads: Sequence[float]) -> float:
    """The value of one task, from its numbers less their annotators' biases, and their spreads.

    It is where `measure` ends for the task at these biases and spreads: Huber's estimate of location, whose
    numbers pull by their distance in spreads, up to `FAR`. The sum of pulls falls along the line, straight
    between the places where a number begins and ceases to count in full; where it is zero on a stretch, the
    middle of it is taken.
    """

    def pull(value: float) -> float:
        off = ((number - value) / spread for number, spread in zip(numbers, spreads, strict=True))
        return sum(min(max(r, -FAR), FAR) / spread for r, spread in zip(off, spreads, strict=True))

    bends = sorted(n + side * FAR * s for n, s in zip(numbers, spreads, strict=True) for side in (-1, 1))
    pulls = [pull(bend) for bend in bends]
    nothing = 1e-12 * sum(FAR / spread for spread in spreads)
    ends = []
    for above in (nothing, -nothing):  # where it falls to zero, and where it falls below
        i = next(i for i, one in enumerate(pulls) if one <= above)
        share = (pulls[i - 1] - above) / (pulls[i - 1] - pulls[i]) if i else 1.0
        ends.append(bends[i - 1] + share * (bends[i] - bends[i - 1]) if i else bends[0])
    return (ends[0] + ends[1]) / 2


def _alone(votes: Votes, numbers: Floats) -> Measured:
    """Where no two annotators share a task, nothing can be learnt of them."""
    value = np.full(votes.tasks, np.nan)
    value[votes.task] = numbers
    unknown = np.full(votes.annotators, np.nan)
    note = "No task has numbers of two annotators: how exact they are cannot be known."
    diagnostics = Diagnostics(notes=(*_notes(votes), note))
    bias = np.zeros(votes.annotators)
    return Measured(value, np.full(votes.tasks, np.nan), bias, unknown, np.nan, 0, diagnostics)


def _notes(votes: Votes) -> tuple[str, ...]:
    silent = int((np.diff(votes.first) == 0).sum())
    earlier = counted(votes.replaced, "earlier vote")
    again = f"{earlier} of an annotator for the same task: the last one counts."
    none = f"{counted(silent, 'task')} without a vote: no value."
    return (*([again] if votes.replaced else []), *([none] if silent else []))


class _Fit:
    """The parameters as they move, in ranges of all numbers from their median, for the digits."""

    def __init__(self, votes: Votes, numbers: Floats) -> None:
        self.votes = votes
        self.centre = float(np.median(numbers))
        self.unit = float(np.ptp(numbers)) or 1.0
        self.given = (numbers - self.centre) / self.unit
        middle = _medians(votes.task, self.given, votes.tasks)
        apart = self.given - middle[votes.task]
        self.bias = _medians(votes.annotator, apart, votes.annotators)
        self.bias -= np.median(self.bias)
        apart -= self.bias[votes.annotator]
        off = np.abs(apart)
        self.least = max((EXACT * (1.4826 * float(np.median(off)) or float(off.mean()) or 1e-3)) ** 2, LEAST)
        spread = 1.4826 * _medians(votes.annotator, off, votes.annotators)
        typical = max(
            (1.4826 * float(np.median(np.abs(apart)))) ** 2, float(np.var(apart)) * 0.01, self.least
        )
        self.variance = self._shrunk(votes.given * spread**2, votes.given, typical)
        self.around = max((1.4826 * float(np.median(np.abs(self.bias)))) ** 2, typical / 4)
        self.trust = np.ones(len(numbers))  # [votes] 1, or less for a number far off
        self.lean = np.ones(votes.annotators)  # [annotators] the same for a bias
        self.mean = middle
        self.solve()

    @property
    def value(self) -> Floats:
        return np.asarray(self.mean * self.unit + self.centre)

    def step(self) -> float:
        """One round; gives how far values moved, as the root mean square in typical spreads."""
        before = self.mean
        far = np.abs(self._residual()) / np.sqrt(self.variance[self.votes.annotator])
        self.trust = np.minimum(1.0, FAR / np.maximum(far, FAR))
        off = np.abs(self.bias) / np.sqrt(self.around)
        self.lean = np.minimum(1.0, FAR / np.maximum(off, FAR))
        self.solve()
        self._learn()
        return float(np.sqrt(np.mean((self.mean - before) ** 2) / self.typical()))

    def solve(self) -> None:
        """Values and biases that fit best at these weights, together.

        Values are put into the equations of biases, which are solved by conjugate gradients with the
        diagonal as preconditioner: alternating would creep where few annotators connect many tasks.
        """
        task, who = self.votes.task, self.votes.annotator
        weight = self._weight()
        total = self._totals(weight)
        prior = self.lean / self.around
        own = self._by_annotator(weight) + prior

        def pull(some: Floats) -> Floats:
            """What is left of a number by vote once its task's weighted mean is taken away, by annotator."""
            return self._by_annotator(weight * (some - (self._by_task(weight * some) / total)[task]))

        bias = solved(lambda some: pull(some[who]) + prior * some, own, pull(self.given), self.bias)
        self.bias = bias
        self.mean = self._by_task(weight * (self.given - bias[who])) / total

    def variances_of_values(self) -> Floats:
        """[tasks] of the noise, of the biases that were taken off, and of where the biases' centre lies."""
        weight = self._weight()
        total = self._totals(weight)
        share = weight / total[self.votes.task]
        biases = self._by_task(share**2 * self._variances_of_biases()[self.votes.annotator])
        return np.asarray(1 / total + biases + self.around / self.lean.sum())

    def log_likelihood(self) -> float:
        """Of the numbers, at these values, biases and spreads."""
        variance = self.variance[self.votes.annotator]
        return float(-0.5 * (np.log(2 * pi * variance) + self._residual() ** 2 / variance).sum()) - len(
            self.given
        ) * log(self.unit)

    def _learn(self) -> None:
        """Variances of annotators and of their biases, by what is left; what is estimated counts as left."""
        votes = self.votes
        total = self._totals(self._weight())
        doubt = self._variances_of_biases()
        hidden = 1 / total[votes.task] + doubt[votes.annotator]
        left = self.trust**2 * self._residual() ** 2 / _NORMAL + self.trust * hidden
        self.variance = self._shrunk(self._by_annotator(left), votes.given, self.typical())
        several = max(votes.annotators - 1, 1)  # the centre is taken off
        spread = (self.lean**2 * self.bias**2 / _NORMAL + self.lean * doubt).sum() / several
        self.around = max(float(spread), self.least)

    def typical(self) -> float:
        """The geometric mean of variances by number, so that no spammer makes everybody inexact."""
        return float(np.exp(np.average(np.log(self.variance), weights=self.votes.given)))

    def _shrunk(self, squares: Floats, count: Places, typical: float) -> Floats:
        return np.asarray(np.maximum((squares + PRIOR * typical) / (count + PRIOR), self.least))

    def _variances_of_biases(self) -> Floats:
        """[annotators] each as if the others' were known."""
        weight = self._weight()
        total = self._totals(weight)
        known = self._by_annotator(weight * (1 - weight / total[self.votes.task]))
        return np.asarray(1 / (known + self.lean / self.around))

    def _residual(self) -> Floats:
        return np.asarray(self.given - self.mean[self.votes.task] - self.bias[self.votes.annotator])

    def _weight(self) -> Floats:
        return np.asarray(self.trust / self.variance[self.votes.annotator])

    def _totals(self, weight: Floats) -> Floats:
        """[tasks] summed weights; 1 where nobody answered."""
        total = self._by_task(weight)
        return np.where(total > 0, total, 1.0)

    def _by_task(self, of_votes: Floats) -> Floats:
        return np.bincount(self.votes.task, of_votes, self.votes.tasks).astype(np.float64)

    def _by_annotator(self, of_votes: Floats) -> Floats:
        return np.bincount(self.votes.annotator, of_votes, self.votes.annotators).astype(np.float64)


def _medians(group: Ints, values: Floats, groups: int) -> Floats:
    """[groups] the median of each group's values; 0 where it has none."""
    order = np.lexsort((values, group))
    ordered = values[order]
    count = np.bincount(group, minlength=groups)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    some = count > 0
    found = np.zeros(groups)
    low, high = (first + (count - 1) // 2)[some], (first + count // 2)[some]
    found[some] = (ordered[low] + ordered[high]) / 2
    return found
