"""The compiled loops do what the same loops do as plain Python, however the work is split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evenhand.core.inference import Votes, kernels

DICE = np.random.default_rng(5)
ROWS = DICE.integers(0, (9, 4, 3), (60, 3))
VOTES = Votes.of(ROWS[:, 0] + (ROWS[:, 0] > 4), ROWS[:, 1], ROWS[:, 2], tasks=11)  # tasks 5 and 10 have none
TABLE = np.log(DICE.random((12, 3)))
BOUNDS = [kernels.bounds(VOTES.first, parts) for parts in (1, 4)]


WEIGHT = np.array([1.0, 0.0, 2.0, 0.5])
PLACES = (VOTES.first, VOTES.code)


def both(kernel: Any, bound: np.ndarray, *arguments: Any, sizes: tuple) -> None:
    """Compiled and plain give the same sums over the parts."""
    results = []
    for run in (kernel, kernel.py_func):
        sums = [np.zeros((len(bound) - 1, *size)) for size in sizes]
        run(*PLACES, bound, *arguments, *sums)
        results.append(np.concatenate([part.sum(axis=0).ravel() for part in sums]))
    assert results[0] == pytest.approx(results[1], rel=1e-12)
    assert np.abs(results[0]).sum() > 0


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
@pytest.mark.parametrize("switch", [False, True])
def test_sweeps_add_up_the_same_compiled_and_plain(bound: np.ndarray, switch: bool) -> None:
    prior = np.log([0.5, 0.3, 0.2])
    both(kernels.agree_sweep, bound, 3, sizes=((4,),))
    both(kernels.vote_sweep, bound, WEIGHT, 3, switch, sizes=((12, 3), (3,)))
    both(kernels.em_sweep, bound, TABLE, prior, switch, sizes=((12, 3), (3,), ()))
    both(kernels.dependence_sweep, bound, TABLE, prior, switch, sizes=((), ()))


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("blend", [0.0, 0.4])
def test_a_posterior_is_read_the_same_compiled_and_plain(narrow: bool, blend: float) -> None:
    results = []
    for run in (kernels.read_posterior, kernels.read_posterior.py_func):
        found = np.zeros((11, 3))
        run(*PLACES, BOUNDS[1], TABLE, np.zeros(3), narrow, WEIGHT, blend, 0.5, 0.02, found)
        results.append(found)
    assert results[0] == pytest.approx(results[1], rel=1e-12)
    assert results[0].sum(axis=1) == pytest.approx(np.ones(11))


def test_the_table_is_the_same_compiled_and_plain() -> None:
    counts = DICE.integers(0, 3, (2, 12, 3)).astype(float)
    pooled = np.full((3, 3), 1 / 3)
    for own in (0.0, 2.0):
        one, two = np.zeros((2, 12, 3))
        kernels.maximize(counts, own, pooled, 1e-12, one)
        kernels.maximize.py_func(counts, own, pooled, 1e-12, two)
        assert one == pytest.approx(two, rel=1e-12)
    assert np.exp(one).reshape(4, 3, 3).sum(axis=1) == pytest.approx(np.ones((4, 3)))


@pytest.mark.parametrize("count", [0, 3])
def test_helpers_are_the_same_plain(count: int) -> None:
    seen, found = np.zeros(3, bool), np.zeros(3, np.int64)
    task = int(np.flatnonzero(np.diff(VOTES.first) >= count)[0]) if count else 5
    number = kernels.voted_classes.py_func(*PLACES, task, seen, found)
    given = VOTES.label[VOTES.first[task] : VOTES.first[task + 1]]
    assert set(found[:number].tolist()) == set(given.tolist()) and not seen.any()
    score = np.zeros(3)
    fit = kernels.weigh.py_func(*PLACES, task, TABLE, np.log([0.5, 0.3, 0.2]), np.arange(3), score)
    assert score.sum() == pytest.approx(1.0) and fit <= 1e-12


def test_votes_are_sorted_the_same_compiled_and_plain() -> None:
    results = []
    for run in (kernels.sort_by_task, kernels.sort_by_task.py_func):
        first, order = np.zeros(11, np.int64), np.empty(60, np.int32)
        kept = run(ROWS[:, 0], ROWS[:, 1], first, order, np.full(4, -1, np.int32))
        results.append((kept, first.tolist(), order[:kept].tolist()))
    assert results[0] == results[1]
    assert results[0][0] == len({(task, who) for task, who, _ in ROWS.tolist()})


def test_parts_have_about_as_many_votes_and_cover_all_tasks() -> None:
    bound = kernels.bounds(VOTES.first, 4)
    assert bound[0] == 0 and bound[-1] == VOTES.tasks
    assert np.diff(VOTES.first[bound]).max() < len(VOTES) / 2


def test_numbers_are_numbered_the_same_compiled_and_plain() -> None:
    results = []
    for run in (kernels.number, kernels.number.py_func):
        codes, seen = np.empty(5, np.int32), np.empty(5, np.int64)
        count = run(np.array([7, 9, 7, 5, 9]), 5, np.full(5, -1, np.int32), codes, seen)
        results.append((codes.tolist(), seen[:count].tolist()))
    assert results[0] == results[1] == ([0, 1, 0, 2, 1], [2, 4, 0])
