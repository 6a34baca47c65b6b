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
def count_sweep(first: Any, code: Any, bound: Any, posterior: Any, counts: Any, mass: Any) -> None:
    """Add up expected votes under a posterior [tasks, classes].

    Adds to `counts` [parts, annotators * classes, classes] and `mass` [parts, classes].
    """
    classes = posterior.shape[1]
    for p in prange(len(bound) - 1):
        for t in range(bound[p], bound[p + 1]):
            if first[t] == first[t + 1]:
                continue
            for k in range(classes):
                q = posterior[t, k]
                if q > 0.0:
                    mass[p, k] += q
                    for v in range(first[t], first[t + 1]):
                        counts[p, code[v], k] += q


@njit(cache=True, nogil=True, parallel=True)
def em_sweep(
    first: Any, code: Any, bound: Any, table: Any, prior: Any, counts: Any, mass: Any, fit: Any
) -> None:
    """One pass of expectation and the sums for maximization, fused.

    `table` [annotators * classes, classes] logarithm of what a vote says for each class, `prior` [classes]
    logarithms; adds to `counts` and `mass` as `count_sweep`, and the log-likelihood to `fit` [parts].
    """
    classes = len(prior)
    for p in prange(len(bound) - 1):
        score = np.empty(classes)
        for t in range(bound[p], bound[p + 1]):
            if first[t] == first[t + 1]:
                continue
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
                score[k] = math.exp(score[k] - most)
                total += score[k]
            fit[p] += most + math.log(total)
            for k in range(classes):
                score[k] /= total
                mass[p, k] += score[k]
            for v in range(first[t], first[t + 1]):
                row = code[v]
                for k in range(classes):
                    counts[p, row, k] += score[k]


@njit(cache=True, nogil=True, parallel=True)
def read_scores(first: Any, code: Any, bound: Any, table: Any, prior: Any, scores: Any) -> None:
    """Write each task's log prior plus what its votes say to `scores` [tasks, classes]."""
    for p in prange(len(bound) - 1):
        for t in range(bound[p], bound[p + 1]):
            for k in range(len(prior)):
                scores[t, k] = prior[k]
            for v in range(first[t], first[t + 1]):
                row = code[v]
                for k in range(len(prior)):
                    scores[t, k] += table[row, k]


@njit(cache=True, nogil=True, parallel=True)
def read_votes(first: Any, code: Any, bound: Any, weight: Any, shares: Any) -> None:
    """Add the weights of each task's votes to `shares` [tasks, classes]."""
    classes = shares.shape[1]
    for p in prange(len(bound) - 1):
        for t in range(bound[p], bound[p + 1]):
            for v in range(first[t], first[t + 1]):
                shares[t, code[v] % classes] += weight[code[v] // classes]
