"""How far annotators agree, beyond what chance explains, and how sure that is.

Every coefficient is a formula over sums of the tasks, so its interval comes from one place: tasks are drawn
again with replacement and the sums are added up again (percentile bootstrap; Efron 1979,
doi:10.1214/aos/1176344552). Tasks are the units, for answers to one task are not independent. Where a
coefficient has no value, it says because of what.

Shapes: n answers as parallel arrays, `tasks` and `annotators` as codes from 0, and the values. One annotator
has one answer a task; nothing here looks for two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from evenhand.core.label import (
    ClassElement,
    Element,
    LabelType,
    NumberElement,
    OrderElement,
    SpanElement,
    TextElement,
)

V = TypeVar("V")
Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
SCALES: tuple[Scale, ...] = ("nominal", "ordinal", "interval", "ratio")

BLOCKS = 2_000  # more tasks than this are dealt into so many groups, which a resample draws instead
CELLS = 200_000  # (group, class) counts that a resample adds up; more classes make fewer groups
MATRIX = 256  # distances between so many different values are all computed; of more, a sample of pairs
PAIRS = 200_000  # pairs in that sample
MOST_PAIRS = 20_000_000  # pairs of answers within tasks that are compared one by one

NO_PAIR = "no task has answers of two annotators"
ALL_EQUAL = "all answers are equal, so chance alone explains the agreement"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One coefficient, and from how much it comes."""

    name: str  # "alpha (nominal)", "fleiss kappa", ...
    value: float | None  # None: see `undefined`
    low: float | None  # end of the interval of `level`; None where there is no value, or one task only
    high: float | None
    tasks: int  # that entered
    labels: int  # answers that entered
    level: float = 0.95  # of the interval
    undefined: str = ""  # why there is no value, as the end of "undefined because ..."


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn. The same seed gives the same interval."""

    seed: int = 0
    draws: int = 1000  # 0: no intervals
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class _Sums:
    """What a coefficient needs of each task: some numbers, and a sparse row of amounts by class."""

    parts: Floats  # (tasks, parts)
    rows: Ints  # (cells,) task of each cell
    classes: Ints  # (cells,)
    amounts: Floats  # (cells,)
    width: int  # number of classes

    @classmethod
    def of(cls, *parts: Floats) -> _Sums:
        none = np.empty(0, np.int64)
        return cls(np.column_stack(parts), none, none, np.empty(0), 0)

    def whole(self) -> tuple[Floats, Floats]:
        return self.parts.sum(0), _summed(self.classes, self.amounts, self.width)

    def grouped(self, rng: np.random.Generator) -> _Sums:
        """The same sums over groups of tasks, dealt at random, so that a resample costs little.

        Sums over random groups vary as sums over tasks do: the interval stays, up to 1/sqrt(2 groups).
        """
        tasks = len(self.parts)
        groups = min(tasks, max(100, min(BLOCKS, CELLS // max(self.width, 1))))
        group = rng.permutation(tasks) % groups
        parts = np.column_stack([_summed(group, part, groups) for part in self.parts.T])
        key, index = np.unique(group[self.rows] * max(self.width, 1) + self.classes, return_inverse=True)
        amounts = _summed(index, self.amounts, len(key))
        return _Sums(parts, key // max(self.width, 1), key % max(self.width, 1), amounts, self.width)

    def drawn(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The sums over as many tasks, drawn with replacement."""
        n = len(self.parts)
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        return times @ self.parts, _summed(self.classes, self.amounts * times[self.rows], self.width)


Formula = Callable[[Floats, Floats], float]
"""(sums of the parts, sums by class) -> the coefficient; NaN where it has none."""


def _figure(name: str, sums: _Sums, formula: Formula, labels: int, how: Resampling) -> Figure:
    if not len(sums.parts):
        return _undefined(name, NO_PAIR)
    value = formula(*sums.whole())
    if np.isnan(value):
        return _undefined(name, ALL_EQUAL, len(sums.parts), labels)
    low, high = _interval(sums, formula, how)
    return Figure(
        name=name,
        value=float(value),
        low=low,
        high=high,
        tasks=len(sums.parts),
        labels=labels,
        level=how.level,
    )


def _interval(sums: _Sums, formula: Formula, how: Resampling) -> tuple[float | None, float | None]:
    """Percentiles of the resamples that have a value; none where less than half of them have."""
    if len(sums.parts) < 2:
        return None, None
    rng = np.random.default_rng(how.seed)
    groups = sums.grouped(rng)
    draws = how.draws if len(groups.rows) <= CELLS else min(how.draws, 200)
    found = np.array([formula(*groups.drawn(rng)) for _ in range(draws)])
    found = found[~np.isnan(found)]
    if not len(found) or 2 * len(found) < draws:
        return None, None
    tail = (1 - how.level) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def _undefined(name: str, reason: str, tasks: int = 0, labels: int = 0) -> Figure:
    return Figure(name=name, value=None, low=None, high=None, tasks=tasks, labels=labels, undefined=reason)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 1e-12 else float("nan")


def _summed(index: Ints, amounts: Ints | Floats, size: int = 0) -> NDArray[np.float64]:
    """(size or more,) the amounts of each index."""
    return np.bincount(index, amounts, size).astype(np.float64)


# -- the answers, task by task ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers to one question, to be compared.

    `values` are codes of classes from 0, in their order where they have one, or numbers.
    """

    tasks: Ints  # (n,) codes
    annotators: Ints  # (n,) codes
    values: NDArray[Any]  # (n,) int codes, or floats

    @cached_property
    def counts(self) -> Ints:
        """(tasks,) answers of each task."""
        return np.bincount(self.tasks)

    def paired(self) -> Answered:
        """Only the tasks with two answers or more, numbered anew."""
        keep = self.counts[self.tasks] > 1
        _, tasks = np.unique(self.tasks[keep], return_inverse=True)
        return Answered(tasks.astype(np.int64), self.annotators[keep], self.values[keep])

    def cells(self, width: int) -> tuple[Ints, Ints, Ints]:
        """(task, class, how many) of all classes that a task has."""
        key, count = np.unique(self.tasks * width + self.values, return_counts=True)
        return key // width, key % width, count.astype(np.int64)


def coded(answers: Answered) -> tuple[Answered, NDArray[Any]]:
    """The answers with their values as codes in rising order, and what the codes stand for."""
    values, codes = np.unique(answers.values, return_inverse=True)
    return Answered(answers.tasks, answers.annotators, codes.astype(np.int64)), values


def _pairs(tasks: Ints) -> tuple[Ints, Ints]:
    """Indices (i, j) of all pairs of answers to the same task."""
    order = np.argsort(tasks, kind="stable")
    ordered, ones, others = tasks[order], [], []
    left = np.arange(len(tasks))
    lag = 1
    while len(left := left[left + lag < len(tasks)]):
        left = left[ordered[left] == ordered[left + lag]]
        ones.append(order[left])
        others.append(order[left + lag])
        lag += 1
    return (np.concatenate(ones), np.concatenate(others)) if ones else (order[:0], order[:0])


def _squares(tasks: Ints, values: Floats) -> Floats:
    """(tasks,) sum over the ordered pairs of a task of the squared difference."""
    count = np.bincount(tasks)
    total, square = _summed(tasks, values), _summed(tasks, values * values)
    return 2 * (count * square - total * total)


# -- agreement ----------------------------------------------------------------------------------


def percent(answers: Answered, how: Resampling = Resampling()) -> Figure:
    """Share of the pairs of answers to a task that are equal, averaged over tasks. Codes of classes."""
    both = answers.paired()
    same = _same(both, _width(both))
    return _figure(
        "percent", _Sums.of(same, np.ones(len(same))), lambda s, _: _ratio(s[0], s[1]), len(both.tasks), how
    )


def _width(answers: Answered) -> int:
    return int(answers.values.max()) + 1 if len(answers.values) else 1


def _same(both: Answered, width: int) -> Floats:
    """(tasks,) share of equal pairs."""
    rows, _, count = both.cells(width)
    return np.asarray(_summed(rows, count * (count - 1)) / (both.counts * (both.counts - 1)))


def fleiss(answers: Answered, how: Resampling = Resampling()) -> Figure:
    """Fleiss' kappa: (P - Pe) / (1 - Pe), Pe from the shares of the classes over all annotators.

    Fleiss 1971, doi:10.1037/h0031619. Tasks may have different numbers of answers: P is averaged over the
    tasks with two or more, and the shares are those of all answers to them. Codes of classes.
    """
    both = answers.paired()
    width = _width(both)
    rows, classes, count = both.cells(width)
    same = _same(both, width)
    sums = _Sums(np.column_stack([same, np.ones(len(same))]), rows, classes, count * 1.0, width)

    def formula(parts: Floats, totals: Floats) -> float:
        chance = float(np.square(totals / totals.sum()).sum())
        return _ratio(parts[0] / parts[1] - chance, 1 - chance)

    return _figure("fleiss kappa", sums, formula, len(both.tasks), how)


def gwet(
    answers: Answered, scale: Scale = "nominal", classes: int | None = None, how: Resampling = Resampling()
) -> Figure:
    """Gwet's AC1 (nominal) or AC2 (else, with weights of the scale): steady where one class is rare.

    Gwet 2008, doi:10.1348/000711006X126600. (Pa - Pe) / (1 - Pe), with Pe = T / (K (K - 1)) * sum of
    p (1 - p), p the mean over tasks of a class's share, and T the sum of all weights (K when nominal).
    `classes`: how many there are, when not all occur. Codes of classes, in their order. Weights: ordinal as
    Gwet's, 1 - C(|k-l|+1, 2) / C(K, 2); interval as quadratic.
    """
    name = "gwet AC1" if scale == "nominal" else f"gwet AC2 ({scale})"
    width = max(_width(answers), classes or 1)
    if width > 1 and scale != "nominal" and width > MATRIX:
        return _undefined(name, f"more than {MATRIX} classes have no table of weights")
    apart = None if scale == "nominal" else 1 - gwet_weights(scale, width)
    rows, kinds, count = answers.cells(width)
    _, rows = np.unique(rows, return_inverse=True)
    size = _summed(rows, count)
    agreed = (size > 1) * (1 - _disagreed(rows, kinds, count, size, apart))
    sums = _Sums(
        np.column_stack([agreed, size > 1, np.ones(len(size))]), rows, kinds, count / size[rows], width
    )
    weight = width if apart is None else float((1 - apart).sum())

    def formula(parts: Floats, shares: Floats) -> float:
        if parts[1] == 0 or width == 1:
            return float("nan")
        mean = shares / parts[2]
        chance = weight / (width * (width - 1)) * float((mean * (1 - mean)).sum())
        return _ratio(parts[0] / parts[1] - chance, 1 - chance)

    if not (size > 1).any():
        return _undefined(name, NO_PAIR)
    return _figure(name, sums, formula, len(answers.tasks), how)


def gwet_weights(scale: Scale, classes: int) -> Floats:
    """(classes, classes) how far two classes count as agreement: 1 on the diagonal, 0 at the far ends."""
    step = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes))).astype(np.float64)
    if scale == "ordinal":
        step = step * (step + 1) / 2
    elif scale == "interval":
        step = step * step
    else:
        step = np.square(step / np.maximum(np.add.outer(np.arange(classes), np.arange(classes)) + 2.0, 1))
    return np.asarray(1 - step / max(float(step.max()), 1e-12))


def _disagreed(rows: Ints, kinds: Ints, count: Ints, size: Floats, apart: Floats | None) -> Floats:
    """(tasks,) mean distance of the pairs of a task; 0 where there is no pair. `apart` None: nominal."""
    pairs = np.maximum(size * (size - 1), 1)
    if apart is None:
        return np.asarray((size * size - _summed(rows, count * count)) * (size > 1) / pairs)
    table = np.zeros((len(size), len(apart)))
    table[rows, kinds] = count
    return np.asarray(np.einsum("ij,ij->i", table @ apart, table) * (size > 1) / pairs)


def cohen(
    answers: Answered,
    weights: Literal["none", "linear", "quadratic"] = "none",
    how: Resampling = Resampling(),
) -> Figure:
    """Cohen's kappa of two annotators, plain or weighted, on the tasks that both answered.

    Cohen 1960, doi:10.1177/001316446002000104, and 1968, doi:10.1037/h0026256: 1 - observed / expected
    disagreement, expected from each one's own shares. Codes of classes, in their order where weighted.
    """
    name = "cohen kappa" if weights == "none" else f"cohen kappa ({weights})"
    people = np.unique(answers.annotators)
    if len(people) != 2:
        return _undefined(name, f"it is for two annotators, and there are {len(people)}")
    width = _width(answers)
    if width > MATRIX:
        return _undefined(name, f"more than {MATRIX} classes have no table")
    both = answers.paired()
    order = np.lexsort((both.annotators, both.tasks))
    one, other = both.values[order][::2], both.values[order][1::2]
    apart = _kappa_distances(weights, width)
    rows = np.arange(len(one))
    sums = _Sums(np.ones((len(one), 1)), rows, one * width + other, np.ones(len(one)), width * width)

    def formula(parts: Floats, totals: Floats) -> float:
        table = totals.reshape(width, width) / parts[0]
        return 1 - _ratio((apart * table).sum(), float(table.sum(1) @ apart @ table.sum(0)))

    return _figure(name, sums, formula, len(both.tasks), how)


def _kappa_distances(weights: str, width: int) -> Floats:
    step = np.abs(np.subtract.outer(np.arange(width), np.arange(width))).astype(np.float64)
    return {"none": (step > 0) * 1.0, "linear": step, "quadratic": step * step}[weights]


# -- Krippendorff's alpha -----------------------------------------------------------------------


def alpha(answers: Answered, scale: Scale = "nominal", how: Resampling = Resampling()) -> Figure:
    """Krippendorff's alpha: 1 - observed / expected disagreement, over any number of annotators and gaps.

    Krippendorff 2011, repository.upenn.edu/asc_papers/43 (Hayes and Krippendorff 2007,
    doi:10.1080/19312450709336664). Values: classes (nominal), else numbers or codes in their order. Ordinal
    distances are squared differences of mid-ranks, which is the same and needs no table; they are those of
    all answers in each resample. O(n log n) time and O(n) memory, but for the ratio scale see `alpha_by`.
    """
    name = f"alpha ({scale})"
    both = answers.paired()
    if not len(both.tasks):
        return _undefined(name, NO_PAIR)
    if scale == "nominal":
        return _alpha_nominal(name, coded(both)[0], how)
    if scale == "ordinal":
        codes = coded(both)[0].values
        each = np.bincount(codes)
        return _alpha_squares(name, both.tasks, (np.cumsum(each) - each / 2)[codes], how)
    numbers = both.values.astype(np.float64)
    if scale == "interval":
        return _alpha_squares(name, both.tasks, numbers, how)
    codes_, values = coded(both)

    def distance(one: Ints, other: Ints) -> Floats:
        total = values[one] + values[other]
        return np.asarray(np.square((values[one] - values[other]) / np.where(total == 0, 1, total)))

    return _alpha_any(name, codes_, len(values), distance, how)


def _alpha_nominal(name: str, both: Answered, how: Resampling) -> Figure:
    width = _width(both)
    rows, classes, count = both.cells(width)
    size = both.counts
    observed = (size * size - _summed(rows, count * count)) / (size - 1)
    sums = _Sums(np.column_stack([observed, size]), rows, classes, count * 1.0, width)

    def formula(parts: Floats, totals: Floats) -> float:
        apart = parts[1] ** 2 - float(totals @ totals)
        return 1 - _ratio(parts[0] * (parts[1] - 1), apart)

    return _figure(name, sums, formula, len(both.tasks), how)


def _alpha_squares(name: str, tasks: Ints, values: Floats, how: Resampling) -> Figure:
    values = (values - values.mean()) / max(
        float(values.std()), 1e-300
    )  # or squares of large numbers lose digits
    size = np.bincount(tasks)
    observed = _squares(tasks, values) / (size - 1)
    sums = _Sums.of(observed, size * 1.0, _summed(tasks, values), _summed(tasks, values * values))

    def formula(parts: Floats, _: Floats) -> float:
        n = parts[1]
        return 1 - _ratio(parts[0] * (n - 1) / n, 2 * (parts[3] - parts[2] ** 2 / n))

    return _figure(name, sums, formula, len(tasks), how)


def alpha_by(
    tasks: Ints, values: Sequence[V], distance: Callable[[V, V], float], how: Resampling = Resampling()
) -> Figure:
    """Krippendorff's alpha with any distance between answers: spans, boxes, rankings, texts.

    The distance stands where the classical scales have a squared difference. Args as arrays of length n;
    values compare by value and can be hashed. Of more than `MATRIX` different values, the expected
    disagreement is the mean over `PAIRS` pairs drawn by the seed.
    """
    known = {value: i for i, value in enumerate(dict.fromkeys(values))}
    codes = np.fromiter((known[value] for value in values), np.int64, len(values))
    both = Answered(tasks, np.zeros_like(tasks), codes).paired()
    if not len(both.tasks):
        return _undefined("alpha", NO_PAIR)
    return _alpha_any("alpha", both, len(known), _between(list(known), distance), how)


def _between(values: Sequence[V], distance: Callable[[V, V], float]) -> Callable[[Ints, Ints], Floats]:
    """The distance between codes; each different pair of them is computed once."""

    def between(one: Ints, other: Ints) -> Floats:
        key = np.minimum(one, other) * len(values) + np.maximum(one, other)
        pairs, index = np.unique(key, return_inverse=True)
        found = [distance(values[key // len(values)], values[key % len(values)]) for key in pairs.tolist()]
        return np.array(found, np.float64)[index]

    return between


def _alpha_any(
    name: str, both: Answered, width: int, distance: Callable[[Ints, Ints], Floats], how: Resampling
) -> Figure:
    size = both.counts
    if int((size * (size - 1)).sum()) // 2 > MOST_PAIRS:
        return _undefined(name, "there are too many pairs of answers to compare", len(size), len(both.tasks))
    one, other = _pairs(both.tasks)
    apart = distance(both.values[one], both.values[other])
    observed = 2 * _summed(both.tasks[one], apart, len(size)) / (size - 1)
    if width <= MATRIX:
        return _alpha_by_matrix(name, both, width, distance, observed, how)
    return _alpha_by_sample(name, both, distance, observed, how)


def _alpha_by_matrix(
    name: str,
    both: Answered,
    width: int,
    distance: Callable[[Ints, Ints], Floats],
    observed: Floats,
    how: Resampling,
) -> Figure:
    one, other = np.triu_indices(width, 1)
    matrix = np.zeros((width, width))
    matrix[one, other] = matrix[other, one] = distance(one.astype(np.int64), other.astype(np.int64))
    rows, classes, count = both.cells(width)
    sums = _Sums(np.column_stack([observed, both.counts]), rows, classes, count * 1.0, width)

    def formula(parts: Floats, totals: Floats) -> float:
        return 1 - _ratio(parts[0] * (parts[1] - 1), float(totals @ matrix @ totals))

    return _figure(name, sums, formula, len(both.tasks), how)


def _alpha_by_sample(
    name: str, both: Answered, distance: Callable[[Ints, Ints], Floats], observed: Floats, how: Resampling
) -> Figure:
    """Each drawn pair of answers counts for the first one's task, with what the second one adds."""
    n = len(both.tasks)
    rng = np.random.default_rng(how.seed)
    one = rng.integers(0, n, PAIRS)
    other = (one + rng.integers(1, n, PAIRS)) % n  # never an answer with itself
    apart = distance(both.values[one], both.values[other]) / 2
    tasks = len(both.counts)
    expected, drawn = np.zeros(tasks), np.zeros(tasks)
    for end in (one, other):
        expected += _summed(both.tasks[end], apart, tasks)
        drawn += _summed(both.tasks[end], np.full(PAIRS, 0.5), tasks)
    sums = _Sums.of(observed, both.counts * 1.0, expected, drawn)

    def formula(parts: Floats, _: Floats) -> float:
        return 1 - _ratio(parts[0] / parts[1], parts[2] / parts[3])

    return _figure(name, sums, formula, n, how)


# -- numbers ------------------------------------------------------------------------------------


def icc(
    answers: Answered, model: Literal["one-way", "agreement", "consistency"], how: Resampling = Resampling()
) -> Figure:
    """Intraclass correlation of a single answer: one-way ICC(1,1), two-way ICC(2,1) or ICC(3,1).

    Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420. One-way takes tasks with different numbers of
    answers (Donner 1986, doi:10.2307/1403259); the two-way ones need every annotator on every task.
    """
    name = f"icc ({model})"
    both = answers.paired()
    if not len(both.tasks):
        return _undefined(name, NO_PAIR)
    spread = max(float(np.std(both.values)), 1e-300)
    both = Answered(both.tasks, both.annotators, (both.values - np.mean(both.values)) / spread)
    if model == "one-way":
        return _icc_one_way(name, both, how)
    people, codes = np.unique(both.annotators, return_inverse=True)
    if len(people) * len(both.counts) != len(both.tasks):
        share = f"{len(both.tasks):,} of {len(people) * len(both.counts):,}"
        return _undefined(name, f"not every annotator answered every task: {share} answers are there")
    table = np.empty((len(both.counts), len(people)))
    table[both.tasks, codes] = both.values
    return _icc_two_way(name, table, model, how)


def _icc_one_way(name: str, both: Answered, how: Resampling) -> Figure:
    size = both.counts * 1.0
    total = _summed(both.tasks, both.values)
    square = _summed(both.tasks, both.values * both.values)
    sums = _Sums.of(np.ones(len(size)), size, size * size, total, square, total * total / size)

    def formula(parts: Floats, _: Floats) -> float:
        k, n, squares, whole, square, by_task = parts
        if k < 2:
            return float("nan")
        between = (by_task - whole * whole / n) / (k - 1)
        within = (square - by_task) / (n - k)
        each = (n - squares / n) / (k - 1)
        return _ratio(between - within, between + (each - 1) * within)

    return _figure(name, sums, formula, len(both.tasks), how)


def _icc_two_way(name: str, table: Floats, model: str, how: Resampling) -> Figure:
    k = table.shape[1]
    sums = _Sums.of(np.ones(len(table)), np.square(table).sum(1), np.square(table.sum(1)) / k, *table.T)

    def formula(parts: Floats, _: Floats) -> float:
        n, square, by_task, columns = parts[0], parts[1], parts[2], parts[3:]
        if n < 2:
            return float("nan")
        mean = columns.sum() ** 2 / (n * k)
        tasks = (by_task - mean) / (n - 1)
        people = (float(columns @ columns) / n - mean) / (k - 1)
        rest = (square - by_task - float(columns @ columns) / n + mean) / ((n - 1) * (k - 1))
        extra = k * (people - rest) / n if model == "agreement" else 0.0
        return _ratio(tasks - rest, tasks + (k - 1) * rest + extra)

    return _figure(name, sums, formula, table.size, how)


# -- answers with a shape -----------------------------------------------------------------------


def mean_of_pairs(
    name: str,
    tasks: Ints,
    values: Sequence[V],
    measure: Callable[[V, V], float],
    how: Resampling = Resampling(),
) -> Figure:
    """A measure of two answers, averaged over the pairs of a task and then over tasks.

    Pairs for which the measure is NaN do not count. Each different pair is measured once.
    """
    known = {value: i for i, value in enumerate(dict.fromkeys(values))}
    codes = np.fromiter((known[value] for value in values), np.int64, len(values))
    both = Answered(tasks, np.zeros_like(tasks), codes).paired()
    if int((both.counts * (both.counts - 1)).sum()) // 2 > MOST_PAIRS:
        return _undefined(name, "there are too many pairs of answers to compare")
    one, other = _pairs(both.tasks)
    found = _between(list(known), measure)(both.values[one], both.values[other])
    held = ~np.isnan(found)
    count = np.bincount(both.tasks[one[held]], minlength=len(both.counts))
    mean = _summed(both.tasks[one[held]], found[held], len(both.counts))[count > 0] / count[count > 0]
    labels = int(both.counts[count > 0].sum())
    return _figure(name, _Sums.of(mean, np.ones(len(mean))), lambda s, _: _ratio(s[0], s[1]), labels, how)


def kendall_w(tasks: Ints, orders: Sequence[OrderElement], how: Resampling = Resampling()) -> Figure:
    """Kendall's coefficient of concordance of the rankings of a task, averaged over tasks; ties corrected.

    Kendall and Babington Smith 1939, doi:10.1214/aoms/1177732186: 12 S / (m^2 (n^3 - n) - m T). A task counts
    when two or more rank the same items and not all of them tie.
    """
    by_task: dict[int, list[OrderElement]] = {}
    for task, order in zip(tasks.tolist(), orders, strict=True):
        by_task.setdefault(task, []).append(order)
    found = [(w, len(some)) for some in by_task.values() if not np.isnan(w := _concordance(some))]
    values = np.array([w for w, _ in found])
    labels = sum(count for _, count in found)
    sums = _Sums.of(values, np.ones(len(values)))
    return _figure("kendall W", sums, lambda s, _: _ratio(s[0], s[1]), labels, how)


def _concordance(orders: Sequence[OrderElement]) -> float:
    ranks = [_mid_ranks(order) for order in orders]
    if len(ranks) < 2 or any(one.keys() != ranks[0].keys() for one in ranks):
        return float("nan")
    m, n = len(ranks), len(ranks[0])
    totals = np.array([sum(one[key] for one in ranks) for key in ranks[0]])
    ties = sum(len(group) ** 3 - len(group) for order in orders for group in order.ranks)
    return _ratio(12 * float(np.square(totals - totals.mean()).sum()), m * m * (n**3 - n) - m * ties)


def _mid_ranks(order: OrderElement) -> dict[str, float]:
    ranks: dict[str, float] = {}
    for group in order.ranks:
        ranks |= dict.fromkeys(group, len(ranks) + (len(group) + 1) / 2)
    return ranks


def kendall_tau(one: OrderElement, other: OrderElement) -> float:
    """Kendall's tau-b of two orders over the items that both rank; NaN where one of them ties them all.

    Kendall 1945, doi:10.1093/biomet/33.3.239.
    """
    first, second = _mid_ranks(one), _mid_ranks(other)
    shared = [key for key in first if key in second]
    a, b = np.array([first[key] for key in shared]), np.array([second[key] for key in shared])
    left, right = np.sign(np.subtract.outer(a, a)), np.sign(np.subtract.outer(b, b))
    whole = float(np.sqrt((left * left).sum() * (right * right).sum()))
    return _ratio(float((left * right).sum()), whole)


def character_f1(one: Sequence[SpanElement], other: Sequence[SpanElement]) -> float:
    """F1 of the marked code points, each with its field and label: a span that nearly fits nearly agrees."""
    a, b = _marked(one), _marked(other)
    both = len(a) + len(b)
    return 2 * len(a & b) / both if both else 1.0


def _marked(spans: Sequence[SpanElement]) -> set[tuple[str, str, int]]:
    return {(span.field, span.label, i) for span in spans for i in range(span.start, span.end)}


def word_error_rate(one: str, other: str) -> float:
    """Edits between the words of two texts, over the mean of their lengths: neither is the reference."""
    return _error_rate(one.split(), other.split())


def character_error_rate(one: str, other: str) -> float:
    """Edits between the code points of two texts, over the mean of their lengths."""
    return _error_rate(one, other)


def _error_rate(one: Sequence[str], other: Sequence[str]) -> float:
    length = (len(one) + len(other)) / 2
    return Levenshtein.distance(one, other) / length if length else 0.0


# -- what fits --------------------------------------------------------------------------------------


def by_scale(answers: Answered, scale: Scale, how: Resampling = Resampling()) -> tuple[Figure, ...]:
    """All coefficients that fit a scale, Krippendorff's alpha first.

    `values`: codes of classes from 0 for the nominal scale, else numbers. Two annotators get Cohen's kappa.
    """
    if scale == "nominal":
        return (
            alpha(answers, "nominal", how),
            percent(answers, how),
            fleiss(answers, how),
            gwet(answers, how=how),
            cohen(answers, how=how),
        )
    ranked, _ = coded(answers)
    return (
        alpha(answers, scale, how),
        percent(ranked, how),
        *((gwet(ranked, "ordinal", how=how), cohen(ranked, "linear", how)) if scale == "ordinal" else ()),
        *(
            icc(answers, model, how)
            for model in ("one-way", "agreement", "consistency")
            if scale != "ordinal"
        ),
    )


def of_question(
    kind: LabelType[V], tasks: Ints, annotators: Ints, values: Sequence[V], how: Resampling = Resampling()
) -> tuple[Figure, ...]:
    """What annotators agree on in one question, of any label type.

    Alpha by the type's own distance and the mean of 1 - distance come first; what follows depends on what
    answers of the type are made of, as its examples show: one class, one number, spans, an order, a text.

    Args:
        kind: the label type as the question configures it.
        tasks, annotators: (n,) codes of each answer.
        values: n answers, as `kind.load` gives them.
    """
    near = mean_of_pairs("agreement", tasks, values, lambda a, b: 1 - kind.distance(a, b), how)
    elements = [kind.elements(value) for value in values]
    return (
        alpha_by(tasks, values, kind.distance, how),
        near,
        *_of_shape(_shape(kind), tasks, annotators, elements, how),
    )


def _shape(kind: LabelType[V]) -> type[Element] | None:
    """The element that says how answers of this type compare; None: by their distance only."""
    made = [kind.elements(value) for _, value in kind.examples()]
    somewhere: tuple[type[Element], ...] = (OrderElement, SpanElement)
    for element in somewhere:
        if any(isinstance(part, element) for parts in made for part in parts):
            return element
    alone: tuple[type[Element], ...] = (ClassElement, NumberElement, TextElement)
    for element in alone:
        if all(len(parts) == 1 and isinstance(parts[0], element) for parts in made):
            return element
    return None


def _of_shape(
    shape: type[Element] | None,
    tasks: Ints,
    annotators: Ints,
    elements: Sequence[tuple[Element, ...]],
    how: Resampling,
) -> tuple[Figure, ...]:
    if shape is ClassElement or shape is NumberElement:
        values = np.array([parts[0].value for parts in elements])  # type: ignore[attr-defined]
        answers = Answered(tasks, annotators, values)
        if shape is ClassElement:
            return by_scale(coded(answers)[0], "nominal", how)[1:]  # alpha is there already
        ordinal = by_scale(answers, "ordinal", how)
        told = {figure.name for figure in ordinal}
        return (*ordinal, *(one for one in by_scale(answers, "interval", how) if one.name not in told))
    if shape is OrderElement:
        return _of_orders(tasks, elements, how)
    if shape is SpanElement:
        spans = [tuple(part for part in parts if isinstance(part, SpanElement)) for parts in elements]
        return (mean_of_pairs("character F1", tasks, spans, character_f1, how),)
    if shape is TextElement:
        texts = [parts[0].value for parts in elements]  # type: ignore[attr-defined]
        return (
            mean_of_pairs("word error rate", tasks, texts, word_error_rate, how),
            mean_of_pairs("character error rate", tasks, texts, character_error_rate, how),
        )
    return ()


def _of_orders(tasks: Ints, elements: Sequence[tuple[Element, ...]], how: Resampling) -> tuple[Figure, ...]:
    """Answers without an order ("both are bad") are left out."""
    held = [(i, part) for i, parts in enumerate(elements) for part in parts if isinstance(part, OrderElement)]
    where = tasks[np.array([i for i, _ in held], np.int64)]
    orders = [order for _, order in held]
    return (mean_of_pairs("kendall tau", where, orders, kendall_tau, how), kendall_w(where, orders, how))
