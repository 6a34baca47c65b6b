"""The loops over votes, compiled. Imported only when something is to be computed, for numba takes its time.

Each is written so that it also runs as plain Python (`kernel.py_func`), which the tests compare it with.
Work is split into `parts` of fixed bounds, each with sums of its own that are added in order: the result
does not depend on how many processors there are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from evenhand.core.inference.votes import Ints, Places

FAR = 30.0  # a class whose logarithm is so far below the best one's is as good as impossible: e^-30 = 1e-13


def by_task(task: Ints, annotator: Ints, tasks: int, annotators: int) -> tuple[Places, Ints]:
    """Where each task's votes begin, [tasks + 1], and the positions of the votes that count, sorted by task.

    Of several votes of one annotator on one task the last counts.
    """
    first = np.zeros(tasks + 1, np.int64)
    order = np.empty(len(task), np.int32)
    kept = sort_by_task(task, annotator, first, order, np.full(annotators, -1, np.int32))
    return first, order[:kept]


@njit(cache=True, nogil=True)
def sort_by_task(task: Any, annotator: Any, first: Any, order: Any, stamp: Any) -> int:
    """A stable counting sort that drops what a later vote replaced; gives the number of votes kept."""
    tasks = len(first) - 1
    for v in range(len(task)):
        first[task[v] + 1] += 1
    for t in range(tasks):
        first[t + 1] += first[t]
    for v in range(len(task)):
        order[first[task[v]]] = v
        first[task[v]] += 1
    begin = 0  # first[t] is now where task t ends
    kept = 0
    for t in range(tasks):
        end = first[t]
        write = end
        for i in range(end - 1, begin - 1, -1):
            who = annotator[order[i]]
            if stamp[who] != t:
                stamp[who] = t
                write -= 1
                order[write] = order[i]
        first[t] = kept
        for i in range(write, end):
            order[kept] = order[i]
            kept += 1
        begin = end
    first[tasks] = kept
    return kept


def bounds(first: Places, parts: int) -> Places:
    """[parts + 1] tasks at which the parts begin, so that each has about as many votes."""
    goals = np.arange(1, parts) * (first[-1] / parts)
    inner = np.searchsorted(first, goals)
    return np.concatenate([[0], inner, [len(first) - 1]]).astype(np.int64)


@njit(cache=True, nogil=True, parallel=True)
def agree_sweep(first: Any, code: Any, bound: Any, classes: int, agreed: Any) -> None:
    """Add up how often each annotator agrees with the majority, to `agreed` [parts, annotators].

    Where classes tie, each gives an equal part of the credit.
    """
    for p in prange(len(bound) - 1):
        tally = np.zeros(classes, np.int32)
        for t in range(bound[p], bound[p + 1]):
            most = 0
            tied = 0
            for v in range(first[t], first[t + 1]):
                tally[code[v] % classes] += 1
            for v in range(first[t], first[t + 1]):
                most = max(most, tally[code[v] % classes])
            for v in range(first[t], first[t + 1]):
                if tally[code[v] % classes] == most:
                    tied += 1  # most votes for each of the classes that tie
            for v in range(first[t], first[t + 1]):
                if tally[code[v] % classes] == most:
                    agreed[p, code[v] // classes] += most / tied
            for v in range(first[t], first[t + 1]):
                tally[code[v] % classes] = 0


@njit(cache=True, nogil=True, parallel=True)
def vote_sweep(
    first: Any, code: Any, bound: Any, weight: Any, classes: int, hard: bool, counts: Any, mass: Any
) -> None:
    """Add up expected votes where a task's posterior is its weighted vote, or, if `hard`, the winner of it.

    Adds to `counts` [parts, annotators * classes, states] and `mass` [parts, states]. State m * classes + k
    is class k on a task of kind m: a share q is dealt to M kinds as a binomial law of M - 1 tries deals it,
    so that the first kind are tasks on which annotators agree.
    """
    kinds = mass.shape[1] // classes
    for p in prange(len(bound) - 1):
        share = np.zeros(classes)
        for t in range(bound[p], bound[p + 1]):
            total = 0.0
            most = 0.0
            for v in range(first[t], first[t + 1]):
                share[code[v] % classes] += weight[code[v] // classes]
            for v in range(first[t], first[t + 1]):
                most = max(most, share[code[v] % classes])
            least = most * (1.0 - 1e-9) if hard else 0.0
            for v in range(first[t], first[t + 1]):
                k = code[v] % classes
                if share[k] > 0.0 and share[k] >= least:
                    total += weight[code[v] // classes]
            for v in range(first[t], first[t + 1]):
                k = code[v] % classes
                if share[k] > 0.0 and share[k] >= least:
                    q = share[k] / total
                    part = q**kinds
                    for m in range(kinds):
                        mass[p, m * classes + k] += part
                        for w in range(first[t], first[t + 1]):
                            counts[p, code[w], m * classes + k] += part
                        part *= (kinds - 1 - m) / (m + 1) * (1.0 - q) / q
                share[k] = 0.0


@njit(cache=True, nogil=True)
def weigh(first: Any, code: Any, t: int, table: Any, prior: Any, score: Any) -> float:
    """The posterior of task `t` into `score` [states]; gives the log-likelihood of its votes."""
    classes = len(prior)
    for k in range(classes):
        score[k] = prior[k]
    for v in range(first[t], first[t + 1]):
        row = code[v]
        for k in range(classes):
            score[k] += table[row, k]
    most = score[0]
    for k in range(1, classes):
        most = max(most, score[k])
    total = 0.0
    for k in range(classes):
        score[k] = math.exp(score[k] - most) if score[k] > most - FAR else 0.0
        total += score[k]
    for k in range(classes):
        score[k] /= total
    return float(most + math.log(total))


@njit(cache=True, nogil=True, parallel=True)
def em_sweep(
    first: Any, code: Any, bound: Any, table: Any, prior: Any, counts: Any, mass: Any, fit: Any
) -> None:
    """One pass of expectation and the sums for maximization, fused.

    `table` [annotators * classes, states] logarithm of what a vote says for each state, `prior` [states]
    logarithms. Adds to `counts` and `mass` as `vote_sweep`, and the log-likelihood to `fit` [parts].
    """
    classes = len(prior)
    for p in prange(len(bound) - 1):
        score = np.empty(classes)
        for t in range(bound[p], bound[p + 1]):
            if first[t] == first[t + 1]:
                continue
            fit[p] += weigh(first, code, t, table, prior, score)
            for k in range(classes):
                mass[p, k] += score[k]
            for v in range(first[t], first[t + 1]):
                row = code[v]
                for k in range(classes):
                    counts[p, row, k] += score[k]


@njit(cache=True, nogil=True)
def maximize(counts: Any, own: float, pooled: Any, tiny: float, table: Any) -> None:
    """Write `table` from the parts' counts: logarithms of shares, shrunk by `own` votes to `pooled`.

    `pooled` [states, given] are shares. A share below `tiny` is as if it were `tiny`.
    """
    parts, rows, states = counts.shape
    classes = pooled.shape[1]
    least = math.log(tiny)
    for a in range(rows // classes):
        given = np.full(states, own)
        for row in range(a * classes, (a + 1) * classes):
            for k in range(states):
                votes = own * pooled[k, row - a * classes]
                for p in range(parts):
                    votes += counts[p, row, k]
                    given[k] += counts[p, row, k]
                table[row, k] = votes
        for row in range(a * classes, (a + 1) * classes):
            for k in range(states):
                far = table[row, k] <= tiny * given[k]
                table[row, k] = least if far else math.log(table[row, k] / given[k])


@njit(cache=True, nogil=True, parallel=True)
def dependence_sweep(
    first: Any, code: Any, bound: Any, table: Any, prior: Any, covariance: Any, variance: Any
) -> None:
    """Add up how the votes of a task go together beyond its class, over pairs of votes.

    For the most probable class, each vote is right or not, with the probability that `table` has.
    Adds the products of two votes' residuals to `covariance` [parts] and those of their standard
    deviations to `variance` [parts].
    """
    classes = len(prior)
    for p in prange(len(bound) - 1):
        score = np.empty(classes)
        for t in range(bound[p], bound[p + 1]):
            if first[t + 1] - first[t] < 2:
                continue
            weigh(first, code, t, table, prior, score)
            best = np.argmax(score)
            off = 0.0
            off2 = 0.0
            spread = 0.0
            spread2 = 0.0
            for v in range(first[t], first[t + 1]):
                right = math.exp(table[code[v] // classes * classes + best, best])
                residual = (1.0 if code[v] % classes == best else 0.0) - right
                deviation = math.sqrt(right * max(1.0 - right, 0.0))
                off += residual
                off2 += residual * residual
                spread += deviation
                spread2 += deviation * deviation
            covariance[p] += off * off - off2
            variance[p] += spread * spread - spread2


@njit(cache=True, nogil=True)
def finish(
    first: Any, code: Any, t: int, weight: Any, blend: float, doubt: float, floor: float, score: Any, out: Any
) -> None:
    """Blend the posterior `score` of task `t` with its weighted vote, and spread a part of it evenly."""
    classes = len(score)
    total = 0.0
    votes = first[t + 1] - first[t]
    for v in range(first[t], first[t + 1]):
        total += weight[code[v] // classes]
    voted = total > 0.0 and blend > 0.0
    rest = (1.0 - blend) if voted else 1.0
    even = floor / classes
    if voted:
        even += (1.0 - floor) * blend * doubt / classes / (votes + doubt)
    for k in range(classes):
        out[t, k] = (1.0 - floor) * rest * score[k] + even
    if voted:
        each = (1.0 - floor) * blend * votes / (votes + doubt) / total
        for v in range(first[t], first[t + 1]):
            out[t, code[v] % classes] += each * weight[code[v] // classes]


@njit(cache=True, nogil=True, parallel=True)
def read_posterior(
    first: Any,
    code: Any,
    bound: Any,
    table: Any,
    prior: Any,
    weight: Any,
    blend: float,
    doubt: float,
    floor: float,
    out: Any,
) -> None:
    """Write each task's posterior to `out` [tasks, classes], as `Running.posterior` has it."""
    for p in prange(len(bound) - 1):
        score = np.empty(len(prior))
        for t in range(bound[p], bound[p + 1]):
            weigh(first, code, t, table, prior, score)
            finish(first, code, t, weight, blend, doubt, floor, score, out)


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
