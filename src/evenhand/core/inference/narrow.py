"""The same loops where there are many classes: only those that somebody gave a task may be true of it.

What matters then are few *cells* (annotator, class given, true class): those of a vote and a class that
its task may have. They are numbered once, so that a pass costs as much as there are pairs of a vote and
such a class, and not as much as there are classes. Pairs lie task by task, class by class, vote by vote.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evenhand.core.inference.compiled import njit
from evenhand.core.inference.kernels import BLOCK, FAR, LEAST, LONG, U, lowest_best, shares

# -- which cells there are ----------------------------------------------------------------------


@njit(cache=True, nogil=True)
def voted_classes(label: Any, low: int, high: int, seen: Any, found: Any) -> int:
    """Write the different classes of the votes from `low` to `high` to `found`; gives their number.

    `seen` [classes] is all False, and is so again.
    """
    count = 0
    for v in range(low, high):
        if not seen[label[v]]:
            seen[label[v]] = True
            found[count] = label[v]
            count += 1
    for i in range(count):
        seen[found[i]] = False
    return count


@njit(cache=True, nogil=True)
def find_able(first: Any, label: Any, classes: int, able: Any, able_first: Any, pair_first: Any) -> None:
    """The classes that may be true of each task, into `able` [votes]; and where each task's classes and its
    pairs of a vote and a class begin, into two arrays of zeros [tasks + 1]."""
    seen = np.zeros(classes, np.bool_)
    for t in range(len(first) - 1):
        low, high, begin = first[t], first[t + 1], able_first[t]
        count = voted_classes(label, low, high, seen, able[begin:])
        able_first[t + 1] = begin + count
        pair_first[t + 1] = pair_first[t] + count * (high - low)


@njit(cache=True, nogil=True)
def number_cells(
    first: Any,
    code: Any,
    classes: int,
    pairs: Any,
    begin: Any,
    given: Any,
    true: Any,
) -> int:
    """Number the cells as they first appear in the pairs; gives how many there are.

    Votes are taken by `code`, so that a cell is known by its class alone. `begin` [annotators * classes + 1]
    is all 0. Writes `slot` [pairs] (the cell of each pair) and of each cell `given` and `true` [pairs]:
    annotator * classes + class given, and annotator * classes + true class.
    """
    able_first, able, pair_first, slot = pairs
    votes = len(code)
    task, order = np.empty(votes, np.int32), np.empty(votes, np.int32)
    for v in range(votes):
        begin[code[v] + 1] += 1
    for c in range(len(begin) - 1):
        begin[c + 1] += begin[c]
    for t in range(len(first) - 1):
        for v in range(first[t], first[t + 1]):
            at = begin[code[v]]
            order[at], task[at] = v, t
            begin[code[v]] = at + 1
    where = np.full(classes, -1, np.int32)
    cells, at = 0, 0
    for c in range(len(begin) - 1):
        before = cells
        for i in range(at, begin[c]):
            t = task[i]
            step = U(first[t + 1] - first[t])
            pair = U(pair_first[t] + order[i] - first[t])
            for j in range(U(able_first[t]), U(able_first[t + 1])):
                cell = where[U(able[j])]
                if cell < before:
                    cell = cells
                    where[U(able[j])] = cell
                    given[cell] = c
                    true[cell] = c // classes * classes + able[j]
                    cells += 1
                slot[pair] = cell
                pair += step
        at = begin[c]
    return cells


@njit(cache=True, nogil=True)
def in_order(slot: Any, given: Any, true: Any, given_so: Any, true_so: Any) -> None:
    """Number the cells anew in the order of the pairs: those that appear once are then read in a row."""
    place = np.full(len(given_so), -1, np.int32)
    cells = 0
    for pair in range(len(slot)):
        cell = U(slot[pair])
        if place[cell] < 0:
            place[cell] = cells
            given_so[cells], true_so[cells] = given[cell], true[cell]
            cells += 1
        slot[pair] = place[cell]


# -- posteriors of a block of tasks -------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(first: Any, begin: int, end: int, pairs: Any, chances: Any, prior: Any, score: Any) -> float:
    """As `kernels.weigh`, with `chances` [cells] for the table.

    `score` gets the classes of all tasks of the block in a row, as they are in `able`.
    """
    able_first, able, pair_first, slot = pairs
    fit, product = 0.0, 1.0
    for t in range(begin, end):
        votes, pair = U(first[t + 1] - first[t]), U(pair_first[t])
        low, high = able_first[t], able_first[t + 1]
        at = low - able_first[begin]
        if votes > LONG:
            fit += weigh_long(votes, able[low:high], slot[pair:], chances, prior, score[at:])
        elif votes > 0:
            total, most = 0.0, 0.0
            for i in range(high - low):
                chance = prior[able[low + i]]
                for p in range(pair, pair + votes):
                    chance *= chances[U(slot[p])]
                pair += votes
                score[at + i] = chance
                total += chance
                most = max(most, chance)
            one, far = 1.0 / total, most * FAR
            for i in range(at, at + high - low):
                score[i] = score[i] * one if score[i] > far else 0.0
            product *= total
            if product < LEAST:
                fit += math.log(product)
                product = 1.0
    return fit + math.log(product)


@njit(cache=True, nogil=True)
def weigh_long(votes: Any, able: Any, slot: Any, chances: Any, prior: Any, score: Any) -> float:
    """As `weigh`, of one task with any number of votes: through the logarithms of products."""
    most = -np.inf
    for i in range(len(able)):
        score[i] = math.log(prior[able[i]])
        end = (i + 1) * votes
        for p in range(i * votes, end, LONG):
            product = 1.0
            for q in range(p, min(p + LONG, end)):
                product *= chances[slot[q]]
            score[i] += math.log(product)
        most = max(most, score[i])
    total = 0.0
    for i in range(len(able)):
        score[i] = math.exp(score[i] - most)
        score[i] = score[i] if score[i] > FAR else 0.0
        total += score[i]
    for i in range(len(able)):
        score[i] /= total
    return float(most + math.log(total))


@njit(cache=True, nogil=True)
def vote(
    votes: Any, begin: int, end: int, pairs: Any, weight: Any, hard: bool, share: Any, score: Any
) -> None:
    """The weighted vote of a block of tasks in place of a posterior.

    `share` [classes] is all 0, and is so again.
    """
    first, annotator, label, _ = votes
    able_first, able, _, _ = pairs
    for t in range(begin, end):
        most, total = 0.0, 0.0
        for v in range(first[t], first[t + 1]):
            share[label[v]] += weight[annotator[v]]
            most = max(most, share[label[v]])
        least = most * (1.0 - 1e-9) if hard else 0.0
        for i in range(able_first[t], able_first[t + 1]):
            total += share[able[i]] if share[able[i]] >= least else 0.0
        for i in range(able_first[t], able_first[t + 1]):
            counts = total > 0.0 and share[able[i]] >= least
            score[i - able_first[begin]] = share[able[i]] / total if counts else 0.0
            share[able[i]] = 0.0


@njit(cache=True, nogil=True)
def add(first: Any, begin: int, end: int, pairs: Any, score: Any, counts: Any, mass: Any) -> None:
    """As `kernels.add`; adds to `counts` [cells] and `mass` [classes]."""
    able_first, able, pair_first, slot = pairs
    for t in range(begin, end):
        votes, pair = U(first[t + 1] - first[t]), U(pair_first[t])
        for i in range(able_first[t], able_first[t + 1]):
            chance = score[i - able_first[begin]]
            if chance > 0.0:
                mass[able[i]] += chance
                for p in range(pair, pair + votes):
                    counts[U(slot[p])] += chance
            pair += votes


# -- passes over a part of the votes --------------------------------------------------------------


@njit(cache=True, nogil=True)
def vote_part(
    votes: Any, begin: int, end: int, pairs: Any, weight: Any, hard: bool, counts: Any, mass: Any
) -> None:
    """As `kernels.vote_part`; adds to `counts` [cells] and `mass` [classes]."""
    share, sums = np.zeros(len(mass)), np.zeros(len(mass))
    score = np.empty(BLOCK * len(mass))
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        vote(votes, low, high, pairs, weight, hard, share, score)
        add(votes[0], low, high, pairs, score, counts, sums)
    mass[:] += sums


@njit(cache=True, nogil=True)
def share_part(votes: Any, begin: int, end: int, pairs: Any, share: Any, counts: Any, mass: Any) -> None:
    """As `kernels.share_part`, of each task's `share` [tasks, classes] the part on able classes."""
    able_first, able, _, _ = pairs
    score, sums = np.empty(BLOCK * len(mass)), np.zeros(len(mass))
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        for t in range(low, high):
            total = 0.0
            for i in range(able_first[t], able_first[t + 1]):
                total += share[t, able[i]]
            for i in range(able_first[t], able_first[t + 1]):
                score[i - able_first[low]] = share[t, able[i]] / total
        add(votes[0], low, high, pairs, score, counts, sums)
    mass[:] += sums


@njit(cache=True, nogil=True)
def em_part(
    votes: Any, begin: int, end: int, pairs: Any, chances: Any, prior: Any, counts: Any, mass: Any
) -> float:
    """As `kernels.em_part`, with `chances` [cells] for the table."""
    score, sums = np.empty(BLOCK * len(prior)), np.zeros(len(prior))
    fit = 0.0
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        fit += weigh(votes[0], low, high, pairs, chances, prior, score)
        add(votes[0], low, high, pairs, score, counts, sums)
    mass[:] += sums
    return fit


@njit(cache=True, nogil=True)
def maximize(
    counts: Any,
    given: Any,
    true: Any,
    own: float,
    pooled: Any,
    tiny: float,
    chances: Any,
    scale: Any,
    right: Any,
) -> None:
    """Write `chances` [cells] from the parts' counts, shrunk by `own` votes to `pooled` [true, given].

    Also, both [annotators * classes], `scale`: 1 by the votes of an annotator where a class is true, or 0
    where there are none; and `right`: the chance of that class itself.
    """
    parts, cells = counts.shape
    classes = len(pooled)
    scale[:] = own
    for c in range(cells):
        votes = counts[0, c]
        for p in range(1, parts):
            votes += counts[p, c]
        chances[c] = votes
        scale[U(true[c])] += votes
    for begin in range(0, len(scale), classes):
        for k in range(classes):
            i = U(begin + k)
            scale[i] = 1.0 / scale[i] if scale[i] > tiny else 0.0
            right[i] = own * pooled[k, k] * scale[i]
    for c in range(cells):
        votes, at = chances[c], U(true[c])
        if own > 0.0:
            begin = true[c] // classes * classes
            votes += own * pooled[true[c] - begin, given[c] - begin]
        votes *= scale[at]
        chances[c] = max(votes, tiny)
        right[at] = votes if given[c] == true[c] else right[at]


@njit(cache=True, nogil=True)
def pool(counts: Any, given: Any, true: Any, pooled: Any) -> None:
    """Add the sums of all annotators to `pooled` [true, given]."""
    classes = len(pooled)
    for c in range(counts.shape[1]):
        begin = true[c] // classes * classes
        for p in range(counts.shape[0]):
            pooled[true[c] - begin, given[c] - begin] += counts[p, c]


@njit(cache=True, nogil=True)
def spread(chances: Any, given: Any, true: Any, confusion: Any) -> None:
    """Write the cells' chances over what `confusion` [annotators, true, given] has."""
    classes = confusion.shape[1]
    for c in range(len(chances)):
        who = true[c] // classes
        confusion[who, true[c] - who * classes, given[c] - who * classes] = chances[c]


@njit(cache=True, nogil=True)
def dependence_part(
    votes: Any, begin: int, end: int, pairs: Any, chances: Any, right: Any, prior: Any, sums: Any
) -> None:
    """As `kernels.dependence_part`, with `right` [annotators * classes] beside the chances."""
    first, annotator, label, _ = votes
    able_first, able, _, _ = pairs
    score = np.empty(BLOCK * len(prior))
    covariance, variance = 0.0, 0.0
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        weigh(first, low, high, pairs, chances, prior, score)
        for t in range(low, high):
            if first[t] == first[t + 1]:
                continue
            block = able_first[low]
            best = able[able_first[t] + lowest_best(score[able_first[t] - block : able_first[t + 1] - block])]
            off, off2, deviation, deviation2 = 0.0, 0.0, 0.0, 0.0
            for v in range(first[t], first[t + 1]):
                chance = right[annotator[v] * len(prior) + best]
                residual = (1.0 if label[v] == best else 0.0) - chance
                square = chance * max(1.0 - chance, 0.0)
                off += residual
                off2 += residual * residual
                deviation += math.sqrt(square)
                deviation2 += square
            covariance += off * off - off2
            variance += deviation * deviation - deviation2
    sums[0] += covariance
    sums[1] += variance


@njit(cache=True, nogil=True)
def read_part(
    votes: Any,
    begin: int,
    end: int,
    pairs: Any,
    chances: Any,
    prior: Any,
    weight: Any,
    hedge: float,
    dependence: float,
    doubt: float,
    floor: float,
    out: Any,
    best: Any,
    chance: Any,
) -> None:
    """As `kernels.read_part`, with `prior` that sums to 1 and `out` of zeros."""
    first, annotator, label, _ = votes
    able_first, able, _, _ = pairs
    classes = len(prior)
    score = np.empty(BLOCK * classes)
    rest, even, each = 1.0 - floor, floor / classes, 0.0
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        weigh(first, low, high, pairs, chances, prior, score)
        for t in range(low, high):
            if hedge > 0.0:
                rest, even, each = shares(votes, t, weight, hedge, dependence, doubt, floor, classes)
            best[t], chance[t] = -1, 0.0
            if first[t] == first[t + 1]:
                out[t] = rest * prior + even
                continue
            if even > 0.0:
                out[t] = even
            for i in range(able_first[t], able_first[t + 1]):
                out[t, able[i]] += rest * score[i - able_first[low]]
            if each > 0.0:
                for v in range(first[t], first[t + 1]):
                    out[t, label[v]] += each * weight[annotator[v]]
            for i in range(able_first[t], able_first[t + 1]):
                found = out[t, able[i]]
                if found > chance[t] or (found == chance[t] and able[i] < best[t]):
                    best[t], chance[t] = able[i], found
