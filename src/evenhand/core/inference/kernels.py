"""The loops over votes, compiled. Imported only when something is to be computed, for numba takes its time.

Each is written so that it also runs as plain Python (`kernel.py_func`), which the tests compare it with.
Work is split into parts of fixed bounds (`sweeps.Parts`), each with sums of its own that are added in
order: the result does not depend on how many processors there are. Threads are Python's. Those of numba
look for work without a pause: on a busy machine that took twice the processor's time of the work.

What votes say is multiplied, not added as logarithms: up to `LONG` factors of at least 1e-12 are far from
the smallest number, and neither an exponential function of each task nor a logarithm of each cell is needed.
A posterior has its states in a row of even length, the last one empty where their number is odd; the loops
take four or two of them at once. Posteriors of `BLOCK` tasks are held at once, since a call costs as much
as some votes: numba counts who refers to each array that is handed over. Places are unsigned because a signed
one is looked at for being negative.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evenhand.core.inference.compiled import njit
from evenhand.core.inference.estimate import EQUAL

BLOCK = 64  # tasks
LONG = 16  # votes of a task
FAR = math.exp(-30.0)  # a class that is so much less probable than the best one is as good as impossible
LEAST = 1e-100  # a product of likelihoods below is taken as a logarithm: times 1e-204 it is still a number

U = np.uintp
ONE, TWO, THREE, FOUR = U(1), U(2), U(3), U(4)


# -- votes in order -----------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def span(values: Any) -> tuple[int, int]:
    """The least and the largest of at least one whole number."""
    low, high = values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
    return low, high


@njit(cache=True, nogil=True)
def number(values: Any, low: int, place: Any, codes: Any, seen: Any) -> int:
    """Number whole numbers in the order in which they first appear; gives how many different ones there are.

    `place` [range] all -1, `codes` [values] are written, `seen` gets the different values less `low`.
    """
    count = 0
    for i in range(len(values)):
        at = np.int64(values[i]) - low
        code = place[at]
        if code < 0:
            code = count
            place[at] = code
            seen[count] = at
            count += 1
        codes[i] = code
    return count


@njit(cache=True, nogil=True)
def count_by_task(task: Any, annotator: Any, label: Any, first: Any) -> int:
    """Where each task's votes begin, into `first` [tasks + 1] of zeros; gives how many votes there are.

    Rows in which a number is negative are no votes.
    """
    count = 0
    for v in range(len(task)):
        if (task[v] | annotator[v] | label[v]) >= 0:
            first[U(task[v]) + ONE] += 1
            count += 1
    for t in range(len(first) - 1):
        first[t + 1] += first[t]
    return count


@njit(cache=True, nogil=True)
def sort_by_task(
    task: Any, annotator: Any, label: Any, rank: Any, first: Any, last: Any, who: Any, what: Any
) -> int:
    """A stable counting sort that drops what a later vote replaced; gives the number of votes kept.

    `first` is as `count_by_task` left it, `last` [annotators] may hold anything. Writes `who` (annotators)
    and `what` (labels, renumbered by `rank`), and `first` anew.
    """
    for v in range(len(task)):
        if (task[v] | annotator[v] | label[v]) >= 0:
            at = U(first[U(task[v])])
            who[at] = annotator[v]
            what[at] = rank[U(label[v])]
            first[U(task[v])] = at + ONE
    begin, kept = U(0), U(0)  # first[t] is now where task t ends
    for t in range(len(first) - 1):
        end = U(first[t])
        first[t] = kept
        for v in range(begin, end):
            last[U(who[v])] = v
        for v in range(begin, end):  # every vote is moved, and the next one over it where it does not count
            who[kept], what[kept] = who[v], what[v]
            kept += U(last[U(who[kept])] == v)
        begin = end
    first[len(first) - 1] = kept
    return int(kept)


@njit(cache=True, nogil=True)
def tally(values: Any, counts: Any) -> None:
    """Add how often each number is there to `counts`."""
    for value in values:
        counts[U(value)] += 1


@njit(cache=True, nogil=True)
def add_up(values: Any, kinds: Any, worth: Any, sums: Any) -> None:
    """Add to `sums`, for each number among `values`, the `worth` of its kind."""
    for i in range(len(values)):
        sums[U(values[i])] += worth[U(kinds[i])]


@njit(cache=True, nogil=True)
def mark(values: Any, seen: Any) -> None:
    """Set `seen` for each number that is there."""
    for value in values:
        seen[U(value)] = True


# -- what annotators agree with -----------------------------------------------------------------


@njit(cache=True, nogil=True)
def agree_part(votes: Any, begin: int, end: int, classes: int, agreed: Any) -> None:
    """Add up how often each annotator agrees with the majority, to `agreed` [annotators].

    Where classes tie, each gives an equal part of the credit.
    """
    first, annotator, label, _ = votes
    count = np.zeros(classes, np.int32)
    for t in range(begin, end):
        most, tied = 0, 1
        for v in range(first[t], first[t + 1]):
            count[label[v]] += 1
            if count[label[v]] > most:
                most, tied = count[label[v]], 1
            elif count[label[v]] == most:
                tied += 1
        for v in range(first[t], first[t + 1]):
            if count[label[v]] == most:
                agreed[annotator[v]] += 1.0 / tied
        for v in range(first[t], first[t + 1]):
            count[label[v]] = 0


# -- posteriors of a block of tasks -------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(votes: Any, begin: int, end: int, table: Any, prior: Any, score: Any) -> float:
    """The posteriors of the tasks from `begin` to `end` into `score` [tasks, states].

    `table` [annotators * classes, states] what a vote says for each state, `prior` [states]: probabilities.
    Gives the log-likelihood of the votes.
    """
    first, _, _, code = votes
    states = U(len(prior))
    fit, product = 0.0, 1.0
    for t in range(begin, end):
        i, low, high = U(t - begin), U(first[t]), U(first[t + 1])
        if high - low > LONG:
            fit += weigh_long(code, low, high, table, prior, score[i])
            continue
        total, most = 0.0, 0.0
        k = U(0)
        while k + FOUR <= states:
            a, b, c, d = prior[k], prior[k + ONE], prior[k + TWO], prior[k + THREE]
            for v in range(low, high):
                row = U(code[v])
                a *= table[row, k]
                b *= table[row, k + ONE]
                c *= table[row, k + TWO]
                d *= table[row, k + THREE]
            score[i, k], score[i, k + ONE], score[i, k + TWO], score[i, k + THREE] = a, b, c, d
            total += (a + b) + (c + d)
            most = max(most, a, b, c, d)
            k += FOUR
        if k < states:
            a, b = prior[k], prior[k + ONE]
            for v in range(low, high):
                row = U(code[v])
                a *= table[row, k]
                b *= table[row, k + ONE]
            score[i, k], score[i, k + ONE] = a, b
            total += a + b
            most = max(most, a, b)
        one, far = 1.0 / total, most * FAR
        k = U(0)
        while k < states:
            a, b = score[i, k], score[i, k + ONE]
            score[i, k] = a * one if a > far else 0.0
            score[i, k + ONE] = b * one if b > far else 0.0
            k += TWO
        if high > low:
            product *= total
            if product < LEAST:
                fit += math.log(product)
                product = 1.0
    return fit + math.log(product)


@njit(cache=True, nogil=True)
def weigh_long(code: Any, low: Any, high: Any, table: Any, prior: Any, score: Any) -> float:
    """As `weigh`, of one task with any number of votes: through the logarithms of products."""
    states = len(prior)
    most = -np.inf
    for k in range(states):
        score[k] = math.log(prior[k]) if prior[k] > 0.0 else -np.inf
        for v in range(low, high, LONG):
            product = 1.0
            for w in range(v, min(v + LONG, high)):
                product *= table[code[w], k]
            score[k] += math.log(product)
        most = max(most, score[k])
    total = 0.0
    for k in range(states):
        score[k] = math.exp(score[k] - most)
        score[k] = score[k] if score[k] > FAR else 0.0
        total += score[k]
    for k in range(states):
        score[k] /= total
    return float(most + math.log(total))


@njit(cache=True, nogil=True, error_model="numpy")
def vote(votes: Any, begin: int, end: int, weight: Any, classes: int, hard: bool, score: Any) -> None:
    """The weighted vote of a block of tasks in place of a posterior, into the first `classes` of each row."""
    first, annotator, label, _ = votes
    score[:] = 0.0
    for t in range(begin, end):
        task = U(t - begin)
        for v in range(U(first[t]), U(first[t + 1])):
            score[task, U(label[v])] += weight[U(annotator[v])]
    for i in range(end - begin):
        if hard:
            most = 0.0
            for k in range(classes):
                most = max(most, score[i, k])
            for k in range(classes):
                score[i, k] = score[i, k] if score[i, k] >= most * (1.0 - 1e-9) else 0.0
        total = 0.0
        for k in range(classes):
            total += score[i, k]
        total = total if total > 0.0 else 1.0
        for k in range(classes):
            score[i, k] /= total


@njit(cache=True, nogil=True)
def deal(score: Any, classes: int, kinds: int) -> None:
    """Deal each task's share of a class to its kinds, as a binomial law of `kinds` - 1 tries deals it.

    `score` [tasks, states] has the shares in the first `classes` of each row.
    """
    if kinds == 1:
        return
    for i in range(len(score)):
        for k in range(classes):
            q = score[i, k]
            part, choose = 1.0, 1
            for m in range(kinds):
                score[i, m * classes + k] = part * choose
                part *= 1.0 - q
                choose = choose * (kinds - 1 - m) // (m + 1)
            part = q
            for m in range(kinds - 1, -1, -1):
                score[i, m * classes + k] *= part
                part *= q


@njit(cache=True, nogil=True)
def add(votes: Any, begin: int, end: int, score: Any, counts: Any, mass: Any) -> None:
    """Add the posteriors of a block of tasks to `counts` [annotators * classes, states] and `mass`."""
    first, _, _, code = votes
    states = U(len(mass))
    for t in range(begin, end):
        i, low, high = U(t - begin), U(first[t]), U(first[t + 1])
        if low == high:
            continue
        k = U(0)
        while k + FOUR <= states:
            a, b, c, d = score[i, k], score[i, k + ONE], score[i, k + TWO], score[i, k + THREE]
            if a + b + c + d > 0.0:  # where classes are many, most of them are dropped sooner or later
                mass[k] += a
                mass[k + ONE] += b
                mass[k + TWO] += c
                mass[k + THREE] += d
                for v in range(low, high):
                    row = U(code[v])
                    counts[row, k] += a
                    counts[row, k + ONE] += b
                    counts[row, k + TWO] += c
                    counts[row, k + THREE] += d
            k += FOUR
        if k < states:
            a, b = score[i, k], score[i, k + ONE]
            mass[k] += a
            mass[k + ONE] += b
            for v in range(low, high):
                row = U(code[v])
                counts[row, k] += a
                counts[row, k + ONE] += b


# -- passes over a part of the votes, the tasks from `begin` to `end` ----------------------------


@njit(cache=True, nogil=True)
def vote_part(
    votes: Any,
    begin: int,
    end: int,
    weight: Any,
    classes: int,
    kinds: int,
    hard: bool,
    counts: Any,
    mass: Any,
) -> None:
    """Add up expected votes where a task's posterior is its weighted vote, or, if `hard`, the winner of it.

    Adds to `counts` [annotators * classes, states] and `mass` [states]. State m * classes + k is class k on a
    task of kind m: a share q is dealt to M kinds as a binomial law of M - 1 tries deals it, so that the first
    kind are tasks on which annotators agree.
    """
    score, sums = np.zeros((BLOCK, len(mass))), np.zeros(len(mass))
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        vote(votes, low, high, weight, classes, hard, score)
        deal(score, classes, kinds)
        add(votes, low, high, score, counts, sums)
    mass[:] += sums


@njit(cache=True, nogil=True)
def share_part(
    votes: Any, begin: int, end: int, share: Any, classes: int, kinds: int, counts: Any, mass: Any
) -> None:
    """As `vote_part` where a task's posterior is `share` [tasks, classes], nowhere 0."""
    score, sums = np.zeros((BLOCK, len(mass))), np.zeros(len(mass))
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        score[: high - low, :classes] = share[low:high]
        deal(score, classes, kinds)
        add(votes, low, high, score, counts, sums)
    mass[:] += sums


@njit(cache=True, nogil=True, error_model="numpy")
def em_two(votes: Any, begin: int, end: int, table: Any, prior: Any, counts: Any, mass: Any) -> float:
    """`em_part` of two states, bit by bit the same: as most questions have two classes, and what belongs to a
    task then stays in registers, which takes two thirds of the time."""
    first, _, _, code = votes
    score = np.empty(2)
    fit, product, sum_a, sum_b = 0.0, 1.0, 0.0, 0.0
    for t in range(begin, end):
        low, high = U(first[t]), U(first[t + 1])
        if low == high:
            continue
        if high - low > LONG:
            fit += weigh_long(code, low, high, table, prior, score)
            a, b = score[0], score[1]
        else:
            a, b = prior[0], prior[1]
            for v in range(low, high):
                row = U(code[v])
                a *= table[row, 0]
                b *= table[row, 1]
            total = a + b
            one, far = 1.0 / total, max(a, b) * FAR
            a = a * one if a > far else 0.0
            b = b * one if b > far else 0.0
            product *= total
            if product < LEAST:
                fit += math.log(product)
                product = 1.0
        sum_a += a
        sum_b += b
        for v in range(low, high):
            row = U(code[v])
            counts[row, 0] += a
            counts[row, 1] += b
    mass[0] += sum_a
    mass[1] += sum_b
    return fit + math.log(product)


@njit(cache=True, nogil=True)
def em_part(votes: Any, begin: int, end: int, table: Any, prior: Any, counts: Any, mass: Any) -> float:
    """One pass of expectation and the sums for maximization, fused; gives the log-likelihood.

    `table` and `prior` as in `weigh`. Adds to `counts` and `mass` as `vote_part`.
    """
    if len(prior) == 2:
        return em_two(votes, begin, end, table, prior, counts, mass)
    score, sums = np.zeros((BLOCK, len(prior))), np.zeros(len(prior))
    fit = 0.0
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        fit += weigh(votes, low, high, table, prior, score)
        add(votes, low, high, score, counts, sums)
    mass[:] += sums
    return fit


@njit(cache=True, nogil=True, error_model="numpy")
def maximize(counts: Any, own: float, pooled: Any, tiny: float, table: Any) -> None:
    """Write `table` from the parts' counts: shares, shrunk by `own` votes to `pooled` [given, states].

    A share below `tiny` is as if it were `tiny`.
    """
    parts, rows, states = counts.shape
    classes = len(pooled)
    one = np.empty(states)
    for begin in range(0, rows, classes):
        one[:] = own
        for row in range(begin, begin + classes):
            for s in range(states):
                table[row, s] = counts[0, row, s]
            for p in range(1, parts):
                for s in range(states):
                    table[row, s] += counts[p, row, s]
            for s in range(states):
                one[s] += table[row, s]
        for s in range(states):
            one[s] = 1.0 / one[s] if one[s] > 0.0 else 0.0
        for k in range(classes if own > 0.0 else 0):
            for s in range(states):
                table[begin + k, s] += own * pooled[k, s]
        for row in range(begin, begin + classes):
            for s in range(states):
                table[row, s] = max(table[row, s] * one[s], tiny)


@njit(cache=True, nogil=True)
def lowest_best(chances: Any) -> int:
    """The first of those that are as probable as the most probable one, to `EQUAL`."""
    least = np.max(chances) * (1.0 - EQUAL)
    best = 0
    while chances[best] < least:
        best += 1
    return best


@njit(cache=True, nogil=True)
def dependence_part(
    votes: Any, begin: int, end: int, classes: int, table: Any, prior: Any, sums: Any
) -> None:
    """Add up how the votes of a task go together beyond its class, over pairs of votes.

    For the most probable class (`lowest_best`), each vote is right or not, with the probability that
    `table` has.
    Adds the products of two votes' residuals, and those of their standard deviations, to `sums` [2].
    """
    first, annotator, label, _ = votes
    score = np.zeros((BLOCK, len(prior)))
    covariance, variance = 0.0, 0.0
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        weigh(votes, low, high, table, prior, score)
        for t in range(low, high):
            best = lowest_best(score[t - low])
            off, off2, deviation, deviation2 = 0.0, 0.0, 0.0, 0.0
            for v in range(first[t], first[t + 1]):
                right = table[annotator[v] * classes + best, best]
                residual = (1.0 if label[v] == best else 0.0) - right
                square = right * max(1.0 - right, 0.0)
                off += residual
                off2 += residual * residual
                deviation += math.sqrt(square)
                deviation2 += square
            covariance += off * off - off2
            variance += deviation * deviation - deviation2
    sums[0] += covariance
    sums[1] += variance


# -- what is read off ---------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def shares(
    votes: Any, t: int, weight: Any, hedge: float, dependence: float, doubt: float, floor: float, classes: int
) -> Any:
    """How the posterior of task `t` is blended: what the model's counts, what every class gets, and what a
    vote of weight 1 adds to its class."""
    first, annotator, _, _ = votes
    total = 0.0
    if hedge > 0.0:
        for v in range(first[t], first[t + 1]):
            total += weight[annotator[v]]
    if total == 0.0:
        return 1.0 - floor, floor / classes, 0.0
    count = first[t + 1] - first[t]
    worth = count / (1.0 + (count - 1) * dependence)
    own = worth / (hedge + worth)
    voted = (1.0 - floor) * (1.0 - own) / (worth + doubt)
    return (1.0 - floor) * own, floor / classes + voted * doubt / classes, voted * worth / total


@njit(cache=True, nogil=True)
def settle(chances: Any, power: float, floor: float) -> None:
    """Raise probabilities to a power, and spread a share of them evenly."""
    scale = 1.0 - floor
    if power != 1.0:
        total = 0.0
        for k in range(len(chances)):
            chances[k] **= power
            total += chances[k]
        scale /= total
    for k in range(len(chances)):
        chances[k] = chances[k] * scale + floor / len(chances)


@njit(cache=True, nogil=True)
def read_part(
    votes: Any,
    begin: int,
    end: int,
    table: Any,
    prior: Any,
    weight: Any,
    hedge: float,
    dependence: float,
    doubt: float,
    power: float,
    floor: float,
    out: Any,
    best: Any,
    chance: Any,
) -> None:
    """Write each task's posterior to `out` [tasks, classes], as `Running.posterior` has it.

    And its first class of the most probable ones to `best` [tasks], with its probability to `chance` [tasks];
    -1 and 0 where nobody voted.
    """
    first, annotator, label, _ = votes
    classes = out.shape[1]
    score = np.zeros((BLOCK, len(prior)))
    rest, even, each = 1.0, 0.0, 0.0
    for low in range(begin, end, BLOCK):
        high = min(low + BLOCK, end)
        weigh(votes, low, high, table, prior, score)
        for t in range(low, high):
            if hedge > 0.0:  # else they are the same for all tasks
                rest, even, each = shares(votes, t, weight, hedge, dependence, doubt, 0.0, classes)
            for k in range(classes):
                out[t, k] = rest * score[t - low, k] + even
            if each > 0.0:
                for v in range(first[t], first[t + 1]):
                    out[t, label[v]] += each * weight[annotator[v]]
            if power != 1.0 or floor > 0.0:
                settle(out[t], power if first[t] < first[t + 1] else 1.0, floor)
            best[t], chance[t] = -1, 0.0
            if first[t] < first[t + 1]:
                for k in range(classes):
                    if out[t, k] > chance[t]:
                        best[t], chance[t] = k, out[t, k]
