"""The compiled loops do what the same loops do as plain Python, however the work is split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evenhand.core.inference import Votes, kernels, narrow
from evenhand.core.inference.sweeps import sweeps_of

DICE = np.random.default_rng(5)
ROWS = DICE.integers(0, (9, 4, 3), (60, 3))
VOTES = Votes.of(ROWS[:, 0] + (ROWS[:, 0] > 4), ROWS[:, 1], ROWS[:, 2], tasks=11)  # tasks 5 and 10 have none
TABLE = np.log(DICE.random((12, 3)))
BOUNDS = [kernels.bounds(VOTES.first, parts) for parts in (1, 4)]


WEIGHT = np.array([1.0, 0.0, 2.0, 0.5])
PRIOR = np.log([0.5, 0.3, 0.2])
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
def test_sweeps_add_up_the_same_compiled_and_plain(bound: np.ndarray) -> None:
    both(kernels.agree_sweep, bound, 3, sizes=((4,),))
    for hard in (False, True):
        both(kernels.vote_sweep, bound, WEIGHT, 3, hard, sizes=((12, 3), (3,)))
    both(kernels.vote_sweep, bound, WEIGHT, 3, False, sizes=((12, 9), (9,)))
    both(kernels.em_sweep, bound, TABLE, PRIOR, sizes=((12, 3), (3,), ()))
    both(kernels.dependence_sweep, bound, TABLE, PRIOR, sizes=((), ()))


def test_kinds_of_tasks_add_up_to_the_classes_that_they_are_of() -> None:
    one, three = sweeps_of(VOTES), sweeps_of(VOTES, 3)
    for sums in (one, three):
        sums.count(WEIGHT)
    merged = three.merged()
    assert (three.kinds, merged.kinds, len(three.shares), len(merged.shares)) == (3, 1, 9, 3)
    assert merged.shares == pytest.approx(one.shares) and merged.pooled == pytest.approx(one.pooled)
    agreed = Votes.of([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1])
    split = sweeps_of(agreed, 3)
    split.count(np.ones(2))
    assert split.shares.tolist() == [1 + 1 / 8, 1 / 8, 1 / 4, 1 / 4, 1 / 8, 1 / 8]


@pytest.mark.parametrize("blend", [0.0, 0.4])
def test_a_posterior_is_read_the_same_compiled_and_plain(blend: float) -> None:
    rest = (WEIGHT, blend, 0.5, 0.02)
    for kernel, table in (
        (kernels.read_posterior, (TABLE, PRIOR)),
        (narrow.read_posterior, (np.exp(TABLE).reshape(4, 3, 3).transpose(0, 2, 1), PRIOR, 1e-12)),
    ):
        results = []
        for run in (kernel, kernel.py_func):
            found = np.zeros((11, 3))
            run(*PLACES, BOUNDS[1], *table, *rest, found)
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


def test_helpers_are_the_same_plain() -> None:
    task = int(np.argmax(np.diff(VOTES.first)))
    one, two, score = np.zeros((3, 3))
    fit = kernels.weigh(*PLACES, task, TABLE, PRIOR, one)
    assert kernels.weigh.py_func(*PLACES, task, TABLE, PRIOR, two) == pytest.approx(fit)
    assert one == pytest.approx(two) and one.sum() == pytest.approx(1.0)
    far = np.array([-100.0, 0.0, -1.0])
    kernels.weigh.py_func(*PLACES, 5, TABLE, far, score)
    assert score[0] == 0.0 and score[1] > score[2] > 0
    for blend in (0.0, 0.4):
        out = np.zeros((2, 11, 3))
        kernels.finish(*PLACES, task, WEIGHT, blend, 0.5, 0.02, one, out[0])
        kernels.finish.py_func(*PLACES, task, WEIGHT, blend, 0.5, 0.02, one, out[1])
        assert out[0] == pytest.approx(out[1])


class Cells:
    """What the narrow loops read, made by compiled or plain ones."""

    def __init__(self, plain: bool) -> None:
        pick = (lambda kernel: kernel.py_func) if plain else (lambda kernel: kernel)
        able_first, pair_first = np.zeros((2, 12), np.int64)
        pick(narrow.count_able)(*PLACES, 3, able_first, pair_first)
        able, slot = np.zeros(able_first[-1] + 3, np.int32), np.zeros(pair_first[-1], np.int32)
        key, place = np.zeros(pair_first[-1], np.int64), np.full(36, -1, np.int32)
        cells = pick(narrow.number_cells)(*PLACES, 3, place, able_first, able, slot, key)
        self.key, self.pairs = key[:cells], (able_first, able, pair_first, slot)
        self.logs = TABLE.reshape(-1)[self.key]


def test_cells_are_numbered_the_same_compiled_and_plain() -> None:
    one, two = Cells(False), Cells(True)
    assert one.key.tolist() == two.key.tolist()
    for a, b in zip(one.pairs, two.pairs, strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
def test_narrow_sweeps_add_up_the_same_compiled_and_plain(bound: np.ndarray) -> None:
    cells = Cells(False)
    number, right = (len(cells.key),), np.full((4, 3), 0.7)
    places = (*PLACES, bound, *cells.pairs)
    for kernel, arguments, sizes in (
        (narrow.vote_sweep, (*places, WEIGHT, False), (number, (3,))),
        (narrow.vote_sweep, (*places, WEIGHT, True), (number, (3,))),
        (narrow.vote_sweep, (*places, np.zeros(4), False), (number, (3,))),
        (narrow.em_sweep, (VOTES.first, bound, *cells.pairs, cells.logs, PRIOR), (number, (3,), ())),
        (narrow.em_sweep, (VOTES.first, bound, *cells.pairs, cells.logs, 60 * PRIOR), (number, (3,), ())),
        (narrow.dependence_sweep, (*places, cells.logs, right, PRIOR), ((), ())),
    ):
        results = []
        for run in (kernel, kernel.py_func):
            sums = [np.zeros((len(bound) - 1, *size)) for size in sizes]
            run(*arguments, *sums)
            results.append(np.concatenate([part.sum(axis=0).ravel() for part in sums]))
        assert results[0] == pytest.approx(results[1], rel=1e-9)


def test_narrow_helpers_are_the_same_plain() -> None:
    cells, results = Cells(False), []
    able_first, able, pair_first, slot = cells.pairs
    counts = DICE.integers(0, 2, (2, len(cells.key))).astype(float)
    for plain in (False, True):
        pick = (lambda kernel: kernel.py_func) if plain else (lambda kernel: kernel)
        found = []
        for own in (0.0, 2.0):
            logs, right, confusion = np.zeros(len(cells.key)), np.zeros((4, 3)), np.zeros((4, 3, 3))
            pick(narrow.maximize)(counts, cells.key, own, np.full((3, 3), 1 / 3), 1e-12, logs, right)
            pick(narrow.spread)(counts, cells.key, own, np.full((3, 3), 1 / 3), 1e-12, confusion)
            found += [logs, right, confusion]
        pooled, score = np.zeros((3, 3)), np.zeros(3)
        pick(narrow.pool)(counts, cells.key, pooled)
        place = (able_first[0], able_first[1], able, pair_first[0], slot, cells.logs, 60 * PRIOR, score)
        found += [pooled, np.array(pick(narrow.weigh)(VOTES.first[1], *place)), score]
        seen, classes = np.zeros(3, bool), np.zeros(3, np.int32)
        found += [np.array(pick(narrow.voted_classes)(*PLACES, 0, seen, classes)), classes, seen]
        results.append(np.concatenate([part.ravel() for part in found]))
    assert results[0] == pytest.approx(results[1], rel=1e-9)


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
