"""The same loops where there are many classes: only those that somebody gave a task may be true of it.

What matters then are few *cells* (annotator, class given, true class): those of a vote and a class that
its task may have. They are numbered once, so that a pass costs as much as there are pairs of a vote and
such a class, and not as much as there are classes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from evenhand.core.inference.kernels import FAR, finish


@njit(cache=True, nogil=True)
def voted_classes(first: Any, code: Any, t: int, seen: Any, found: Any) -> int:
    """Write the classes that somebody gave task `t` to `found`; gives their number. `seen` is all False."""
    classes = len(seen)
    count = 0
    for v in range(first[t], first[t + 1]):
        k = code[v] % classes
        if not seen[k]:
            seen[k] = True
            found[count] = k
            count += 1
    for i in range(count):
        seen[found[i]] = False
    return count


@njit(cache=True, nogil=True)
def count_able(first: Any, code: Any, classes: int, able_first: Any, pair_first: Any) -> None:
    """Where each task's classes begin, and its pairs of a vote and a class; both [tasks + 1]."""
    seen = np.zeros(classes, np.bool_)
    found = np.empty(classes, np.int32)
    for t in range(len(first) - 1):
        count = voted_classes(first, code, t, seen, found)
        able_first[t + 1] = able_first[t] + count
        pair_first[t + 1] = pair_first[t] + count * (first[t + 1] - first[t])


@njit(cache=True, nogil=True)
def number_cells(
    first: Any, code: Any, classes: int, place: Any, able_first: Any, able: Any, slot: Any, key: Any
) -> int:
    """Number the cells in the order of first appearance; gives how many there are.

    `place` [annotators * classes * classes] all -1; writes `able` (each task's classes), `slot` (the cell
    of each pair) and `key` (annotator * classes + class given, times classes, plus the true class).
    """
    seen = np.zeros(classes, np.bool_)
    cells = 0
    pair = 0
    for t in range(len(first) - 1):
        count = voted_classes(first, code, t, seen, able[able_first[t] :])
        for v in range(first[t], first[t + 1]):
            for i in range(able_first[t], able_first[t] + count):
                cell = np.int64(code[v]) * classes + able[i]
                if place[cell] < 0:
                    place[cell] = cells
                    key[cells] = cell
                    cells += 1
                slot[pair] = place[cell]
                pair += 1
    return cells


@njit(cache=True, nogil=True, parallel=True)
def vote_sweep(
    first: Any,
    code: Any,
    bound: Any,
    able_first: Any,
    able: Any,
    pair_first: Any,
    slot: Any,
    weight: Any,
    hard: bool,
    counts: Any,
    mass: Any,
) -> None:
    """As `kernels.vote_sweep`; adds to `counts` [parts, cells] and `mass` [parts, classes]."""
    classes = mass.shape[1]
    for p in prange(len(bound) - 1):
        share = np.zeros(classes)
        for t in range(bound[p], bound[p + 1]):
            for v in range(first[t], first[t + 1]):
                share[code[v] % classes] += weight[code[v] // classes]
            most = 0.0
            for i in range(able_first[t], able_first[t + 1]):
                most = max(most, share[able[i]])
            total = 0.0
            for i in range(able_first[t], able_first[t + 1]):
                if hard and share[able[i]] < most * (1.0 - 1e-9):
                    share[able[i]] = 0.0
                total += share[able[i]]
            pair = pair_first[t]
            for _ in range(first[t], first[t + 1]):
                for i in range(able_first[t], able_first[t + 1]):
                    if total > 0.0:
                        counts[p, slot[pair]] += share[able[i]] / total
                    pair += 1
            for i in range(able_first[t], able_first[t + 1]):
                if total > 0.0:
                    mass[p, able[i]] += share[able[i]] / total
                share[able[i]] = 0.0


@njit(cache=True, nogil=True)
def weigh(
    votes: int, begin: int, end: int, able: Any, pair: int, slot: Any, logs: Any, prior: Any, score: Any
) -> float:
    """The posterior of a task over its classes `able[begin:end]`, into `score`; gives the log-likelihood."""
    count = end - begin
    most = -np.inf
    for i in range(count):
        score[i] = prior[able[begin + i]]
    for _ in range(votes):
        for i in range(count):
            score[i] += logs[slot[pair]]
            pair += 1
    for i in range(count):
        most = max(most, score[i])
    total = 0.0
    for i in range(count):
        score[i] = math.exp(score[i] - most) if score[i] > most - FAR else 0.0
        total += score[i]
    for i in range(count):
        score[i] /= total
    return float(most + math.log(total))


@njit(cache=True, nogil=True, parallel=True)
def em_sweep(
    first: Any,
    bound: Any,
    able_first: Any,
    able: Any,
    pair_first: Any,
    slot: Any,
    logs: Any,
    prior: Any,
    counts: Any,
    mass: Any,
    fit: Any,
) -> None:
    """As `kernels.em_sweep`, with `logs` [cells] for the table."""
    for p in prange(len(bound) - 1):
        score = np.empty(len(prior))
        for t in range(bound[p], bound[p + 1]):
            votes, begin, end = first[t + 1] - first[t], able_first[t], able_first[t + 1]
            if votes == 0:
                continue
            fit[p] += weigh(votes, begin, end, able, pair_first[t], slot, logs, prior, score)
            for i in range(end - begin):
                mass[p, able[begin + i]] += score[i]
            pair = pair_first[t]
            for _ in range(votes):
                for i in range(end - begin):
                    counts[p, slot[pair]] += score[i]
                    pair += 1


@njit(cache=True, nogil=True)
def maximize(counts: Any, key: Any, own: float, pooled: Any, tiny: float, logs: Any, right: Any) -> None:
    """Write `logs` [cells], and `right` [annotators, classes]: the probability of the true class itself.

    `right` holds the votes of each annotator and true class first, and what is shrunk away at the end.
    """
    parts, cells = counts.shape
    classes = len(pooled)
    least = math.log(tiny)
    given = np.full(right.shape, own)
    for c in range(cells):
        votes = 0.0
        for p in range(parts):
            votes += counts[p, c]
        logs[c] = votes
        if votes > 0.0:
            given[key[c] // classes // classes, key[c] % classes] += votes
    for a in range(len(right)):
        for k in range(classes):
            right[a, k] = own * pooled[k, k] / max(given[a, k], tiny)
    for c in range(cells):
        if own == 0.0 and logs[c] == 0.0:
            logs[c] = least
            continue
        k, row = key[c] % classes, key[c] // classes
        a, label = row // classes, row % classes
        share = (logs[c] + own * pooled[k, label]) / max(given[a, k], tiny)
        logs[c] = math.log(max(share, tiny))
        if label == k:
            right[a, k] = share


@njit(cache=True, nogil=True)
def pool(counts: Any, key: Any, pooled: Any) -> None:
    """Add the sums of all annotators to `pooled` [true, given]."""
    classes = len(pooled)
    for c in range(counts.shape[1]):
        for p in range(counts.shape[0]):
            pooled[key[c] % classes, key[c] // classes % classes] += counts[p, c]


@njit(cache=True, nogil=True)
def spread(counts: Any, key: Any, own: float, pooled: Any, tiny: float, confusion: Any) -> None:
    """Write `confusion` [annotators, true, given]: the same shares, of the classes nobody had in mind too."""
    classes = len(pooled)
    given = np.full(confusion.shape[:2], own)
    for c in range(len(key)):
        for p in range(counts.shape[0]):
            given[key[c] // classes // classes, key[c] % classes] += counts[p, c]
    for a in range(len(confusion)):
        for k in range(classes):
            for label in range(classes):
                confusion[a, k, label] = own * pooled[k, label] / max(given[a, k], tiny)
    for c in range(len(key)):
        k, row = key[c] % classes, key[c] // classes
        a, label = row // classes, row % classes
        for p in range(counts.shape[0]):
            confusion[a, k, label] += counts[p, c] / max(given[a, k], tiny)


@njit(cache=True, nogil=True, parallel=True)
def dependence_sweep(
    first: Any,
    code: Any,
    bound: Any,
    able_first: Any,
    able: Any,
    pair_first: Any,
    slot: Any,
    logs: Any,
    right: Any,
    prior: Any,
    covariance: Any,
    variance: Any,
) -> None:
    """As `kernels.dependence_sweep`."""
    classes = len(prior)
    for p in prange(len(bound) - 1):
        score = np.empty(classes)
        for t in range(bound[p], bound[p + 1]):
            votes, begin, end = first[t + 1] - first[t], able_first[t], able_first[t + 1]
            if votes < 2:
                continue
            weigh(votes, begin, end, able, pair_first[t], slot, logs, prior, score)
            best = able[begin + np.argmax(score[: end - begin])]
            off = 0.0
            off2 = 0.0
            spread_ = 0.0
            spread2 = 0.0
            for v in range(first[t], first[t + 1]):
                chance = right[code[v] // classes, best]
                residual = (1.0 if code[v] % classes == best else 0.0) - chance
                deviation = math.sqrt(chance * max(1.0 - chance, 0.0))
                off += residual
                off2 += residual * residual
                spread_ += deviation
                spread2 += deviation * deviation
            covariance[p] += off * off - off2
            variance[p] += spread_ * spread_ - spread2


@njit(cache=True, nogil=True, parallel=True)
def read_posterior(
    first: Any,
    code: Any,
    bound: Any,
    confusion: Any,
    prior: Any,
    tiny: float,
    weight: Any,
    blend: float,
    doubt: float,
    floor: float,
    out: Any,
) -> None:
    """As `kernels.read_posterior`, from `confusion` [annotators, true, given]."""
    classes = len(prior)
    for p in prange(len(bound) - 1):
        score = np.empty(classes)
        seen = np.zeros(classes, np.bool_)
        found = np.empty(classes, np.int32)
        for t in range(bound[p], bound[p + 1]):
            score[:] = 0.0
            total = 0.0
            count = voted_classes(first, code, t, seen, found)
            most = -np.inf
            for i in range(count):
                k = found[i]
                score[k] = prior[k]
                for v in range(first[t], first[t + 1]):
                    score[k] += math.log(max(confusion[code[v] // classes, k, code[v] % classes], tiny))
                most = max(most, score[k])
            for i in range(count):
                score[found[i]] = math.exp(score[found[i]] - most)
                total += score[found[i]]
            for k in range(classes):
                score[k] = score[k] / total if count > 0 else math.exp(prior[k])
            finish(first, code, t, weight, blend, doubt, floor, score, out)
