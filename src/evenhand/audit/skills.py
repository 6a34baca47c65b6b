"""What is learnt of annotators where answers are no classes: ``docs/spec/weighing.md``, section 5.

Plain arrays; speed matters less than that it can be read beside the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.audit.answers import Kind, Value, step_of, support

TOLERANCE = 1e-5  # stated: errors may differ by so much, biases and spreads by as much of the numbers' range
MOST_TAKEN = 200_000
PAIRS, USUAL = 10.0, 0.4
LEAST, MOST = 0.02, 0.98
WRONG, LIGHTEST = 0.75, 0.01
MET, PARTS = 20, (2, 3, 5)
FAR, PRIOR, ROUNDS, TINY, EXACT, SHARED = 2.0, 5.0, 40, 1e-18, 1e-3, 10
_TAIL = 1 - math.erf(FAR / math.sqrt(2))
NORMAL = 1 - _TAIL - 2 * FAR * math.exp(-FAR * FAR / 2) / math.sqrt(2 * math.pi) + FAR * FAR * _TAIL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Given:
    """One answer that was weighed."""

    task: int
    annotator: str
    value: Value


@dataclass(frozen=True)
class Learnt:
    """Numbers of each annotator, and of a newcomer; how far from each other two of them may be."""

    annotators: dict[str, Numbers]
    newcomer: Numbers
    allowed: float
    common: Numbers = ()

    def of(self, annotator: str) -> Numbers:
        """What is known of an annotator."""
        return self.annotators.get(annotator, self.newcomer)


def learnt(method: str, kind: Kind, given: Sequence[Given]) -> Learnt | None:
    """What the method learns of these answers, at least one; None: an unknown one."""
    ordered = sorted(given, key=lambda one: (one.task, one.annotator))
    methods = {"distances": _distances, "numbers": _numbers, "steps": _steps}
    return methods[method](kind, ordered) if method in METHODS else None


METHODS = ("distances", "numbers", "steps")
WEIGHED = {
    "multi_choice/1": "distances",
    "number/1": "numbers",
    "pairwise/1": "distances",
    "ranking/1": "distances",
    "rating/1": "steps",
    "text/1": "distances",
}
"""Types that this auditor can weigh, and the method of each."""


# ---- distances -----------------------------------------------------------------------------------


def _distances(kind: Kind, given: Sequence[Given]) -> Learnt:
    names = sorted({one.annotator for one in given})
    code = {name: i for i, name in enumerate(names)}
    every = -(-len(given) // MOST_TAKEN)
    taken = [one for one in given if one.task % every == 0]
    rows = [(one.task, code[one.annotator], one.value) for one in taken]
    found, newcomer = errors(rows, kind.learns_by or kind.distance, len(names))
    return Learnt(dict(zip(names, ((e,) for e in found), strict=True)), (newcomer,), TOLERANCE)


def errors(
    rows: Sequence[tuple[int, int, Value]], distance: Callable[[Value, Value], float], count: int
) -> tuple[list[float], float]:
    """Errors of so many annotators, and the typical one, by (task, annotator, value) in order."""
    n = len(rows)
    pairs = [
        (rows[i], rows[j])
        for i in range(n)
        for j in range(i + 1, min(i + MET + 1, n))
        if rows[i][0] == rows[j][0]
    ]
    shifted = [(rows[i], rows[(i + n // p) % n]) for p in PARTS for i in range(n)]
    chance = [distance(a[2], b[2]) for a, b in shifted if a[0] != b[0]]
    unit = sum(chance) / len(chance) if any(chance) else 1.0
    apart = np.array([distance(a[2], b[2]) / unit for a, b in pairs])
    typical = float(apart.sum() + PAIRS * USUAL) / (len(pairs) + PAIRS) / 2
    who = np.array([(a[1], b[1]) for a, b in pairs], int).reshape(-1, 2)
    matrix, right = PAIRS * np.eye(count), np.zeros(count)
    for one, other in (who.T, who.T[::-1]):
        np.add.at(matrix, (one, one), 1.0)
        np.add.at(matrix, (one, other), 1.0)
        np.add.at(right, one, apart - 2 * typical)
    found = np.clip(np.linalg.solve(matrix, right) + typical, LEAST, MOST)
    return found.tolist(), min(max(typical, LEAST), MOST)


def weight(error: float) -> float:
    """What an answer of somebody with this error counts."""
    return max(math.log((1 - WRONG * error) / (WRONG * error)), LIGHTEST)


# ---- numbers -------------------------------------------------------------------------------------


def _numbers(kind: Kind, given: Sequence[Given]) -> Learnt:
    names = sorted({one.annotator for one in given})
    _, task = np.unique([one.task for one in given], return_inverse=True)
    code = {name: i for i, name in enumerate(names)}
    who, y = np.array([code[one.annotator] for one in given]), np.array([float(one.value) for one in given])
    if (np.bincount(task) > 1).sum() < SHARED:
        return Learnt(dict.fromkeys(names, (0.0, 0.0)), (0.0, 0.0), TOLERANCE)
    unit = float(np.ptp(y)) or 1.0
    bias, variance, new = _Scatter(task, who, (y - np.median(y)) / unit).learn()
    spread = unit * np.sqrt(variance)
    told: dict[str, Numbers] = {
        name: (b, s) for name, b, s in zip(names, (unit * bias).tolist(), spread.tolist(), strict=True)
    }
    return Learnt(told, (0.0, unit * math.sqrt(new)), TOLERANCE * unit)


class _Scatter:
    """Section 5, "numbers"; letters are those of the page."""

    def __init__(self, task: Ints, who: Ints, z: Floats) -> None:
        self.task, self.who, self.z = task, who, z
        self.n = np.bincount(who)
        order = np.argsort(task, kind="stable")
        mates = [
            np.stack(np.meshgrid(own, own)) for own in np.split(order, np.cumsum(np.bincount(task))[:-1])
        ]
        self.mates = np.concatenate(
            [one.reshape(2, -1) for one in mates], axis=1
        )  # of one task, each with each
        m = _medians(task, z)
        r = z - m[task]
        self.b = _medians(who, r)
        self.b = np.asarray(self.b - np.median(self.b))
        r = np.asarray(r - self.b[who])
        off = np.abs(r)
        self.q = max((EXACT * (1.4826 * float(np.median(off)) or float(off.mean()) or 1e-3)) ** 2, TINY)
        s = 1.4826 * _medians(who, off)
        usual = max((1.4826 * float(np.median(np.abs(r)))) ** 2, 0.01 * float(np.var(r)), self.q)
        self.V = np.maximum((self.n * s**2 + PRIOR * usual) / (self.n + PRIOR), self.q)
        self.B = max((1.4826 * float(np.median(np.abs(self.b)))) ** 2, usual / 4)
        self.trust, self.lean = np.ones(len(z)), np.ones(len(self.n))
        self.solve()

    def by_who(self, x: Floats) -> Floats:
        return np.bincount(self.who, x, len(self.n)).astype(float)

    def typical(self) -> float:
        return float(np.exp((self.n * np.log(self.V)).sum() / self.n.sum()))

    def solve(self) -> None:
        """Values and biases by weighed least squares: values put into the equations of biases."""
        w = self.trust / self.V[self.who]
        W = np.bincount(self.task, w)
        matrix = np.diag(self.by_who(w) + self.lean / self.B)
        right = self.by_who(w * (self.z - (np.bincount(self.task, w * self.z) / W)[self.task]))
        one, other = self.mates
        np.subtract.at(matrix, (self.who[one], self.who[other]), w[one] * w[other] / W[self.task[one]])
        self.b = np.asarray(np.linalg.solve(matrix, right))
        self.v = np.asarray(np.bincount(self.task, w * (self.z - self.b[self.who])) / W)
        self.w, self.W = w, W

    def learn(self) -> tuple[Floats, Floats, float]:
        """(biases, variances, a newcomer's variance)."""
        for _ in range(ROUNDS):
            far = np.abs(self.residual()) / np.sqrt(self.V[self.who])
            self.trust = np.minimum(1, FAR / np.maximum(far, FAR))
            off = np.abs(self.b) / math.sqrt(self.B)
            self.lean = np.minimum(1, FAR / np.maximum(off, FAR))
            self.solve()
            K = 1 / (self.by_who(self.w * (1 - self.w / self.W[self.task])) + self.lean / self.B)
            hidden = 1 / self.W[self.task] + K[self.who]
            left = self.by_who(self.trust**2 * self.residual() ** 2 / NORMAL + self.trust * hidden)
            self.V = np.asarray(np.maximum((left + PRIOR * self.typical()) / (self.n + PRIOR), self.q))
            whole = (self.lean**2 * self.b**2 / NORMAL + self.lean * K).sum()
            self.B = max(float(whole) / max(len(self.n) - 1, 1), self.q)
        self.solve()
        return self.b, self.V, self.typical() + self.B

    def residual(self) -> Floats:
        return np.asarray(self.z - self.v[self.task] - self.b[self.who])


def _medians(group: Ints, values: Floats) -> Floats:
    """[groups] each has a value."""
    order = np.argsort(group, kind="stable")
    parts = np.split(values[order], np.cumsum(np.bincount(group))[:-1])
    return np.array([np.median(part) for part in parts])


# ---- steps ---------------------------------------------------------------------------------------

STEPS, SLIPS = 16, 2.0  # told apart; votes as usual that are added
HEDGE, DOUBT, FLOOR = 170.0, 0.5, 0.01


def _width(config: dict[str, Any]) -> tuple[int, int, int]:
    """Lowest step, steps in a class, and how many classes there are."""
    low, high = config.get("min", 1), config.get("max", 5)
    width = math.ceil((high - low + 1) / STEPS)
    return low, width, math.ceil((high - low + 1) / width)


def _kinds(k: int) -> Ints:
    """[true, given] 0 to 4: how far a vote is from what is right."""
    return np.array([[min(max(given - true, -2), 2) + 2 for given in range(k)] for true in range(k)])


def _tables(table: Floats, rates: Floats, usual: Floats) -> Floats:
    """[annotators, true, given]"""
    found = np.stack([table * (one / usual)[_kinds(len(table))] for one in rates])
    return np.asarray(np.maximum(found / found.sum(axis=2, keepdims=True), 1e-12))


def _steps(kind: Kind, given: Sequence[Given]) -> Learnt:
    low, width, k = _width(kind.config)
    names = sorted({one.annotator for one in given})
    code = {name: i for i, name in enumerate(names)}
    _, task = np.unique([one.task for one in given], return_inverse=True)
    who = np.array([code[one.annotator] for one in given])
    label = np.array([(one.value - low) // width for one in given])
    tasks, kinds = int(task.max()) + 1, _kinds(k)
    tally = np.zeros((tasks, k))
    np.add.at(tally, (task, label), 1.0)
    most = tally == tally.max(axis=1, keepdims=True)
    credit = np.where(most[task, label], 1 / most.sum(axis=1)[task], 0.0)
    agreed = np.bincount(who, credit) / np.bincount(who)
    q = np.zeros((tasks, k))
    np.add.at(q, (task, label), agreed[who])
    total = q.sum(axis=1, keepdims=True)
    q = np.where(total > 0, q / np.maximum(total, 1e-12), 1 / k)
    for _ in range(4):
        sums = np.zeros((len(names), k, k))
        for true in range(k):
            np.add.at(sums[:, true], (who, label), q[task, true])
        whole = sums.sum(axis=0)
        right = (np.trace(whole) + 8) / (whole.sum() + 10)
        table = whole + 10 * np.where(np.eye(k) > 0, right, (1 - right) / (k - 1))
        table /= table.sum(axis=1, keepdims=True)
        slips, due = np.zeros((2, len(names), 5))
        for o in range(5):
            slips[:, o] = (sums * (kinds == o)).sum(axis=(1, 2))
            due[:, o] = (sums.sum(axis=2) * (table * (kinds == o)).sum(axis=1)).sum(axis=1)
        usual = (due.sum(axis=0) + 1e-12) / (len(given) + 1e-12)
        rates = np.minimum((slips + SLIPS) / (due + SLIPS) * usual, 1.0)
        prior = (q.sum(axis=0) + 1) / (tasks + k)
        tables = _tables(table, rates, usual)
        score = np.tile(np.log(prior), (tasks, 1))
        np.add.at(score, task, np.log(tables[who, :, label]))
        q = np.exp(score - score.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
    b = (q >= q.max(axis=1, keepdims=True) * (1 - 1e-9)).argmax(axis=1)[task]
    p = tables[who, b, b]
    x, y = (label == b) - p, np.sqrt(p * (1 - p))
    two, three = (float((np.bincount(task, one) ** 2).sum() - (one**2).sum()) for one in (x, y))
    d = max((two + 2) / (three + 50), 0.0)
    common = (d, *prior.tolist(), *table.ravel().tolist())
    return Learnt(
        dict(zip(names, map(tuple, rates.tolist()), strict=True)), tuple(usual.tolist()), TOLERANCE, common
    )


def learnt_of(kind: Kind, known: Learnt) -> bool:
    """Whether what was learnt is of a scale with as many steps."""
    k = _width(kind.config)[2]
    return len(known.common) == 1 + k + k * k


def _step_differs(kind: Kind, values: Sequence[int], numbers: list[Numbers], known: Learnt, said: Any) -> str:
    low, width, k = _width(kind.config)
    d, prior, table = known.common[0], np.array(known.common[1 : k + 1]), np.array(known.common[k + 1 :])
    rates, label = np.array(numbers), np.array([(value - low) // width for value in values])
    tables = _tables(table.reshape(k, k), rates, np.array(known.newcomer))
    logs = np.log(prior) + np.log(tables[np.arange(len(values)), :, label]).sum(axis=0)
    q = np.exp(logs - logs.max())
    q /= q.sum()
    v = np.bincount(label, rates[:, 2] ** 3, k)
    e = len(values) / (1 + (len(values) - 1) * d)
    own = e / (HEDGE * d + e)
    p = own * q + (1 - own) * (e * v / v.sum() + DOUBT / k) / (e + DOUBT)
    p = (1 - FLOOR) * p + FLOOR / k
    fits = [int(label[0])] if len(set(values)) == 1 else np.flatnonzero(p >= p.max() - TOLERANCE).tolist()
    for best in fits:
        inside = sorted(value for value, one in zip(values, label, strict=True) if one == best)
        first = low + best * width
        last = min(first + width - 1, kind.config.get("max", 5))
        right = inside[(len(inside) - 1) // 2] if inside else (first + last) // 2
        if said["value"] == right and abs(said["confidence"] - p[best]) <= TOLERANCE:
            return ""
    return f"{right!r} at {p[best]:.6f} is right; it says {said['value']!r} at {said['confidence']}"


# ---- one task ------------------------------------------------------------------------------------


def differs(method: str, kind: Kind, given: Sequence[tuple[str, Value]], known: Learnt, said: Any) -> str:
    """What is right for a task with these answers, (annotator, value) each, where something else was said;
    "" where it fits."""
    values = [value for _, value in given]
    numbers = [known.of(name) for name, _ in given]
    if method == "steps":
        return _step_differs(kind, values, numbers, known, said)
    if method == "numbers":
        right, weights = _located(kind, values, numbers, known.newcomer[1], said["value"])
    else:
        weights = [weight(one[0]) for one in numbers]
        weights = [one / max(weights) for one in weights]
        right, _ = kind.combine(values, weights)
    return unlike(kind, right, values, weights, said)


def unlike(kind: Kind, right: Value, values: Sequence[Value], weights: Sequence[float], said: Any) -> str:
    """The same for a value and its support."""
    confidence = support(kind, right, values, weights)
    if same_value(right, said["value"]) and abs(confidence - said["confidence"]) <= TOLERANCE:
        return ""
    return f"{right!r} at {confidence:.6f} is right; it says {said['value']!r} at {said['confidence']}"


def same_value(a: Value, b: Value) -> bool:
    """Whether two values are the same answer; numbers to nine digits."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)


def _located(
    kind: Kind, values: Sequence[float], numbers: Sequence[Numbers], new: float, said: Any
) -> tuple[float, list[float]]:
    """The value of a task and the weights of its support; of several that fit, the one that was said."""
    if len(set(values)) == 1 or not all(spread for _, spread in numbers):
        return kind.combine(values, [1.0] * len(values))[0], [1.0] * len(values)
    y = [value - bias for value, (bias, _) in zip(values, numbers, strict=True)]
    s = [spread for _, spread in numbers]

    def pull(x: float) -> float:
        return sum(min(max((a - x) / b, -FAR), FAR) / b for a, b in zip(y, s, strict=True))

    low, high = min(y) - FAR * max(s), max(y) + FAR * max(s)
    nothing = 1e-12 * sum(FAR / b for b in s)
    middle = (_falls(pull, low, high, nothing) + _falls(pull, low, high, -nothing)) / 2
    weights = [1 / b**2 for b in s]
    fits = [_placed(kind.config, middle + off, new) for off in (0.0, 1e-7 * new, -1e-7 * new)]
    return next((one for one in fits if said == one or same_value(said, one)), fits[0]), weights


def _falls(pull: Any, low: float, high: float, level: float) -> float:
    """Where a falling function reaches a level, by halving."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if pull(middle) > level else (low, middle)
    return (low + high) / 2


def _placed(config: dict[str, Any], x: float, new: float) -> float:
    low, high, step = config.get("min"), config.get("max"), step_of(config)
    if step is None:
        x = round(x, 3 - math.floor(math.log10(new)))
    else:
        start = low or 0.0
        if config.get("integer"):
            start, step = float(math.ceil(start)), max(step, 1.0)
        steps = round((x - start) / step)
        if high is not None:
            steps = min(steps, math.floor((high - start) / step + 1e-9))
        x = float(f"{start + steps * step:.12g}")
    x = x if low is None else max(x, low)
    return x if high is None else min(x, high)
