"""The compiled loops do what the same loops do as plain Python, however the work is split."""

from __future__ import annotations

import numpy as np
import pytest

from evenhand.core.inference import Votes, kernels
from evenhand.core.inference.fit import sums

DICE = np.random.default_rng(5)
ROWS = DICE.integers(0, (9, 4, 3), (60, 3))
VOTES = Votes.of(ROWS[:, 0] + (ROWS[:, 0] > 4), ROWS[:, 1], ROWS[:, 2], tasks=11)  # tasks 5 and 10 have none
TABLE = np.log(DICE.random((12, 3)))
POSTERIOR = DICE.dirichlet(np.ones(3), 11) * (DICE.random((11, 3)) < 0.7)
BOUNDS = [kernels.bounds(VOTES.first, parts) for parts in (1, 4)]


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
def test_sweeps_add_up_the_same_compiled_and_plain(bound: np.ndarray) -> None:
    for kernel, argument in ((kernels.count_sweep, (POSTERIOR,)), (kernels.em_sweep, (TABLE, np.zeros(3)))):
        results = []
        for run in (kernel, kernel.py_func):
            found = sums(VOTES, bound)
            run(VOTES.first, VOTES.code, bound, *argument, *(found if len(argument) == 2 else found[:2]))
            results.append(np.concatenate([part.sum(axis=0).ravel() for part in found]))
        assert results[0] == pytest.approx(results[1], rel=1e-12)


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
def test_reads_are_the_same_compiled_and_plain(bound: np.ndarray) -> None:
    for kernel, argument in (
        (kernels.read_scores, (TABLE, np.ones(3))),
        (kernels.read_votes, (np.arange(4.0),)),
    ):
        results = []
        for run in (kernel, kernel.py_func):
            found = np.zeros((11, 3))
            run(VOTES.first, VOTES.code, bound, *argument, found)
            results.append(found)
        assert results[0] == pytest.approx(results[1], rel=1e-12)


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
