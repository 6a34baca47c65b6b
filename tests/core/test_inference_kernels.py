"""The compiled loops do what the same loops do as plain Python, however the work is split."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import config

from evenhand.core.inference import METHODS, Votes, infer, kernels, narrow, sweeps
from evenhand.core.inference.compiled import njit, told_of_compiling
from evenhand.core.inference.sweeps import bounds, sweeps_of

DICE = np.random.default_rng(5)
ROWS = DICE.integers(0, (9, 25, 3), (260, 3))  # some tasks have more than 16 votes, others fewer
ROWS[:, 0] = np.minimum(ROWS[:, 0], DICE.integers(0, 9, 260))
VOTES = Votes.of(ROWS[:, 0] + (ROWS[:, 0] > 4), ROWS[:, 1], ROWS[:, 2], tasks=11)  # tasks 5 and 10 have none
FIRST, LABEL, COLUMNS = VOTES.first, VOTES.label, VOTES.columns
TABLE = DICE.random((75, 4))  # as rows are of even length, the last of a row is empty
BOUNDS = [bounds(FIRST, parts) for parts in (1, 4)]

WEIGHT = np.where(np.arange(25) % 4 == 1, 0.0, DICE.random(25))
PRIOR = np.array([0.5, 0.3, 0.2, 0.0])


def plain(kernel: Any) -> Any:
    return kernel.py_func


def compiled(kernel: Any) -> Any:
    return kernel


def both(kernel: Any, bound: np.ndarray, *arguments: Any, sizes: tuple) -> np.ndarray:
    """Compiled and plain give the same sums over the parts."""
    results = []
    for run in (kernel, kernel.py_func):
        sums = [np.zeros((len(bound) - 1, *size)) for size in sizes]
        ends = zip(bound[:-1], bound[1:], *sums, strict=True)
        fits = [run(COLUMNS, begin, end, *arguments, *own) for begin, end, *own in ends]
        parts = [part.sum(axis=0).ravel() for part in sums]
        results.append(np.concatenate([*parts, [] if None in fits else [sum(fits)]]))
    assert results[0] == pytest.approx(results[1], rel=1e-9)
    return results[0]


def test_the_first_that_is_compiled_is_told_and_no_other() -> None:
    told: list[str] = []
    with told_of_compiling(lambda: told.append("compiling")):
        twice = njit(cache=False)(lambda number: 2 * number)
        assert told == []
        assert (twice(2), twice(3), twice(1.5)) == (4, 6, 3.0)  # of two types, so it is compiled twice
    njit(cache=False)(lambda number: number)(1)
    assert told == ["compiling"]


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
def test_parts_add_up_the_same_compiled_and_plain(bound: np.ndarray) -> None:
    assert both(kernels.agree_part, bound, 3, sizes=((25,),)).sum() > 9
    for kinds, hard in ((1, False), (1, True), (3, False)):
        length = 3 * kinds + 1
        sums = both(kernels.vote_part, bound, WEIGHT, 3, kinds, hard, sizes=((75, length), (length,)))
        assert sums[-length:].sum() == pytest.approx(9)
    for table, prior in ((TABLE, PRIOR), (TABLE**20, PRIOR), (np.tile(TABLE, 3)[:, :10], np.full(10, 0.1))):
        length = len(prior)
        sums = both(kernels.em_part, bound, table, prior, sizes=((75, length), (length,)))
        assert sums[-1 - length : -1].sum() == pytest.approx(9) and sums[-1] < 0
    assert np.abs(both(kernels.dependence_part, bound, 3, TABLE, PRIOR, sizes=((2,),))).min() > 0


@pytest.mark.parametrize("run", [compiled, plain], ids=["compiled", "plain"])
def test_the_parts_of_a_part_do_what_they_are_called_for(run: Any) -> None:
    """Each part by itself, as plain Python too, for what calls it is compiled."""
    score = np.zeros((11, 4))
    fit = run(kernels.weigh)(COLUMNS, 0, 11, TABLE, PRIOR, score)
    logs = np.log(PRIOR[:3]) + np.array(
        [np.log(TABLE[VOTES.code[FIRST[t] : FIRST[t + 1]], :3]).sum(axis=0) for t in range(11)]
    )
    chance = np.exp(logs - logs.max(axis=1, keepdims=True))
    assert score[:, :3] == pytest.approx(chance / chance.sum(axis=1, keepdims=True), abs=1e-12)
    assert fit == pytest.approx((np.log(chance.sum(axis=1)) + logs.max(axis=1)).sum())
    six = np.zeros((11, 6))
    half = np.array([0.25, 0.15, 0.1, 0.25, 0.15, 0.1])
    assert run(kernels.weigh)(COLUMNS, 0, 11, TABLE[:, [0, 1, 2, 0, 1, 2]], half, six) == pytest.approx(fit)
    assert six[:, :3] + six[:, 3:] == pytest.approx(score[:, :3], abs=1e-12)
    assert 1 < (np.diff(FIRST) > 16).sum() < 8
    less = (COLUMNS, 0, 11, TABLE**20, PRIOR, score.copy())
    assert run(kernels.weigh)(*less) == pytest.approx(kernels.weigh(*less))
    many = int(np.diff(FIRST).argmax())
    run(kernels.weigh_long)(VOTES.code, FIRST[many], FIRST[many + 1], TABLE, PRIOR, one := np.zeros(4))
    assert one == pytest.approx(score[many], abs=1e-12)
    counts, sums = np.zeros((75, 6)), np.zeros(6)
    run(kernels.add)(COLUMNS, 0, 11, six, counts, sums)
    assert counts.sum() == pytest.approx(len(VOTES)) and sums.sum() == pytest.approx(9)
    counts, sums = np.zeros((75, 4)), np.zeros(4)
    assert run(kernels.em_part)(COLUMNS, 0, 11, TABLE, PRIOR, counts, sums) == pytest.approx(fit)
    assert counts.sum() == pytest.approx(len(VOTES)) and sums.sum() == pytest.approx(9)
    again, mass = np.zeros((75, 4)), np.zeros(4)
    run(kernels.add)(COLUMNS, 0, 11, score, again, mass)
    assert again == pytest.approx(counts) and mass == pytest.approx(sums)
    run(kernels.add)(COLUMNS, 0, 11, np.zeros((11, 4)), again, mass)
    assert again == pytest.approx(counts) and mass == pytest.approx(sums)
    run(kernels.vote_part)(COLUMNS, 0, 11, WEIGHT, 3, 1, False, counts, sums)
    assert sums.sum() == pytest.approx(18)
    for hard in (False, True):
        run(kernels.vote)(COLUMNS, 0, 11, WEIGHT, 3, hard, score)
        assert score.sum() == pytest.approx(9)
    agreed, pairs = np.zeros(25), np.zeros(2)
    run(kernels.agree_part)(COLUMNS, 0, 11, 3, agreed)
    assert agreed.sum() == pytest.approx(
        sum(np.bincount(LABEL[FIRST[t] : FIRST[t + 1]]).max() for t in TASKS)
    )
    run(kernels.dependence_part)(COLUMNS, 0, 11, 3, TABLE, PRIOR, pairs)
    assert np.abs(pairs).min() > 0
    far = np.zeros(4)
    run(kernels.weigh_long)(VOTES.code, 0, 0, TABLE, np.array([1e-50, 0.7, 0.3, 0.0]), far)
    assert far.tolist() == pytest.approx([0, 0.7, 0.3, 0])
    kinds = np.zeros((11, 10))
    run(kernels.vote)(COLUMNS, 0, 11, WEIGHT, 3, False, kinds)
    whole = kinds[:, :3].copy()
    run(kernels.deal)(kinds, 3, 1)
    assert (kinds[:, :3] == whole).all()
    run(kernels.deal)(kinds, 3, 3)
    assert kinds[:, :9].reshape(11, 3, 3).sum(axis=1) == pytest.approx(whole)
    assert kinds[:, 3:6] == pytest.approx(2 * whole**2 * (1 - whole))
    counted, seen = np.zeros(4, np.int64), np.zeros(4, bool)
    run(kernels.tally)(LABEL, counted)
    run(kernels.mark)(LABEL, seen)
    assert counted.tolist() == np.bincount(LABEL, minlength=4).tolist()
    assert seen.tolist() == (counted > 0).tolist()
    sums = np.zeros(25)
    run(kernels.add_up)(VOTES.annotator, LABEL, PRIOR, sums)
    assert sums == pytest.approx(np.bincount(VOTES.annotator, PRIOR[LABEL], 25))
    assert VOTES.by_annotator(PRIOR) == pytest.approx(sums)


@pytest.mark.parametrize("run", [compiled, plain], ids=["compiled", "plain"])
def test_two_states_go_by_a_loop_of_their_own(run: Any) -> None:
    for table in (TABLE[:, :2], TABLE[:, :2] ** 20):
        wide, prior = np.hstack([table, np.zeros((75, 2))]), np.array([0.6, 0.4, 0.0, 0.0])
        expected, found = np.zeros((75, 4)), np.zeros((75, 2))
        mass, sums = np.zeros(4), np.zeros(2)
        fit = kernels.em_part(COLUMNS, 0, 11, wide, prior, expected, mass)
        for part in (kernels.em_two, kernels.em_part):
            found[:], sums[:] = 0.0, 0.0
            assert run(part)(COLUMNS, 0, 11, table.copy(), prior[:2], found, sums) == pytest.approx(fit)
            assert found == pytest.approx(expected[:, :2]) and sums == pytest.approx(mass[:2])


TASKS = [t for t in range(11) if FIRST[t] < FIRST[t + 1]]


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


class Cells:
    """What the narrow loops read, made by compiled or plain ones."""

    def __init__(self, run: Any = compiled) -> None:
        able, slot = np.zeros(len(LABEL), np.int32), np.zeros(len(LABEL) * 3, np.int32)
        able_first, pair_first = np.zeros((2, 12), np.int64)
        run(narrow.find_able)(FIRST, LABEL, 3, able, able_first, pair_first)
        self.pairs = (able_first, able[: able_first[-1]], pair_first, slot[: pair_first[-1]])
        given, true = np.zeros((2, len(slot)), np.int32)
        begin = np.zeros(76, np.int64)
        cells = run(narrow.number_cells)(FIRST, VOTES.code, 3, self.pairs, begin, given, true)
        self.given, self.true = np.zeros((2, cells), np.int32)
        run(narrow.in_order)(self.pairs[3], given, true, self.given, self.true)
        self.chances = TABLE[self.given, self.true % 3]


@pytest.mark.parametrize("run", [compiled, plain], ids=["compiled", "plain"])
def test_cells_are_those_of_votes_and_classes_that_their_tasks_may_have(run: Any) -> None:
    cells = Cells(run)
    able_first, able, pair_first, slot = cells.pairs
    seen = []
    for t in range(11):
        votes = range(FIRST[t], FIRST[t + 1])
        classes = list(dict.fromkeys(LABEL[v] for v in votes))
        assert able[able_first[t] : able_first[t + 1]].tolist() == classes
        seen += [(VOTES.code[v], VOTES.annotator[v] * 3 + k) for k in classes for v in votes]
    assert len(seen) == len(slot) == pair_first[-1]
    assert list(zip(cells.given[slot], cells.true[slot], strict=True)) == seen
    assert list(zip(cells.given, cells.true, strict=True)) == list(dict.fromkeys(seen))


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
def test_narrow_parts_add_up_the_same_compiled_and_plain(bound: np.ndarray) -> None:
    cells = Cells()
    number, right, prior = (len(cells.true),), np.full(75, 0.7), PRIOR[:3]
    for weight, hard in ((WEIGHT, False), (WEIGHT, True), (np.zeros(25), False)):
        both(narrow.vote_part, bound, cells.pairs, weight, hard, sizes=(number, (3,)))
    for chances in (cells.chances, cells.chances**20):
        sums = both(narrow.em_part, bound, cells.pairs, chances, prior, sizes=(number, (3,)))
        assert sums[-4:-1].sum() == pytest.approx(9) and sums[-1] < 0
    both(narrow.dependence_part, bound, cells.pairs, cells.chances, right, prior, sizes=((2,),))


@pytest.mark.parametrize("run", [compiled, plain], ids=["compiled", "plain"])
def test_narrow_parts_do_what_they_are_called_for(run: Any) -> None:
    cells, prior = Cells(), PRIOR[:3]
    able_first, able, _, slot = cells.pairs
    wide, score = np.zeros((11, 4)), np.zeros(33)
    kernels.weigh(COLUMNS, 0, 11, TABLE, PRIOR, wide)
    of_task = np.repeat(np.arange(11), np.diff(able_first))
    fit = run(narrow.weigh)(FIRST, 0, 11, cells.pairs, cells.chances, prior, score)
    expected = wide[of_task, able] / np.bincount(of_task, wide[of_task, able], 11)[of_task]
    assert score[: len(able)] == pytest.approx(expected, abs=1e-12)
    less = (FIRST, 0, 11, cells.pairs, cells.chances**20, prior, score.copy())
    assert run(narrow.weigh)(*less) == pytest.approx(narrow.weigh(*less))
    long = np.zeros(3)
    run(narrow.weigh_long)(FIRST[1], able[: able_first[1]], slot, cells.chances, prior, long)
    assert long[: able_first[1]] == pytest.approx(score[: able_first[1]], abs=1e-12)
    counts, mass = np.zeros(len(cells.true)), np.zeros(3)
    assert run(narrow.em_part)(
        COLUMNS, 0, 11, cells.pairs, cells.chances, prior, counts, mass
    ) == pytest.approx(fit)
    again, sums = np.zeros(len(cells.true)), np.zeros(3)
    run(narrow.add)(FIRST, 0, 11, cells.pairs, score, again, sums)
    assert again == pytest.approx(counts) and sums == pytest.approx(mass)
    run(narrow.vote_part)(COLUMNS, 0, 11, cells.pairs, WEIGHT, False, counts, mass)
    assert mass.sum() == pytest.approx(18)
    for hard in (False, True):
        run(narrow.vote)(COLUMNS, 0, 11, cells.pairs, WEIGHT, hard, np.zeros(3), score)
        assert score[: len(able)].sum() == pytest.approx(9)
    run(narrow.add)(FIRST, 0, 11, cells.pairs, score, again, sums)
    assert sums.sum() == pytest.approx(18)
    pairs = np.zeros(2)
    run(narrow.dependence_part)(COLUMNS, 0, 11, cells.pairs, cells.chances, np.full(75, 0.7), prior, pairs)
    assert np.abs(pairs).min() > 0
    found, seen = np.zeros(3, np.int32), np.zeros(3, bool)
    count = run(narrow.voted_classes)(LABEL, 0, FIRST[1], seen, found)
    assert found[:count].tolist() == able[: able_first[1]].tolist() and not seen.any()


@pytest.mark.parametrize("bound", BOUNDS, ids=["whole", "parts"])
def test_what_starts_from_posteriors_adds_up_what_expectation_does(bound: np.ndarray) -> None:
    cells, score = Cells(), np.zeros((11, 4))
    kernels.weigh(COLUMNS, 0, 11, TABLE, PRIOR, score)
    share = np.maximum(score[:, :3], 1e-15)
    expected = both(kernels.em_part, bound, TABLE, PRIOR, sizes=((75, 4), (4,)))[:-1]
    one = both(kernels.share_part, bound, share, 3, 1, sizes=((75, 4), (4,)))
    assert one == pytest.approx(expected, abs=1e-9)
    three = both(kernels.share_part, bound, share, 3, 3, sizes=((75, 10), (10,)))
    assert three[-10:-1].reshape(3, 3).sum(axis=0) == pytest.approx(expected[-4:-1])
    number = (len(cells.true),)
    able = both(narrow.em_part, bound, cells.pairs, cells.chances, PRIOR[:3], sizes=(number, (3,)))[:-1]
    found = both(narrow.share_part, bound, cells.pairs, share, sizes=(number, (3,)))
    assert found == pytest.approx(able, abs=1e-9)
    for run in (compiled, plain):
        counts, mass = np.zeros((75, 4)), np.zeros(4)
        run(kernels.share_part)(COLUMNS, 0, 11, share, 3, 1, counts, mass)
        assert np.append(counts.ravel(), mass) == pytest.approx(expected, abs=1e-9)
        counts, mass = np.zeros(number), np.zeros(3)
        run(narrow.share_part)(COLUMNS, 0, 11, cells.pairs, share, counts, mass)
        assert np.append(counts, mass) == pytest.approx(able, abs=1e-9)


@pytest.mark.parametrize(("hedge", "power"), [(0.0, 1.0), (1.7, 1.3)])
@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_a_posterior_is_read_the_same_compiled_and_plain(hedge: float, power: float, floor: float) -> None:
    cells = Cells()
    for module, table, raised in (
        (kernels, (TABLE, PRIOR), (power,)),
        (narrow, (cells.pairs, cells.chances, PRIOR[:3]), ()),
    ):
        results = []
        for run in (compiled, plain):
            for bound in BOUNDS:
                found = (np.zeros((11, 3)), np.zeros(11, np.int32), np.zeros(11))
                rest = (WEIGHT, hedge, 0.1, 0.5, *raised, floor)
                for begin, end in itertools.pairwise(bound):
                    run(module.read_part)(COLUMNS, begin, end, *table, *rest, *found)
                results.append(np.concatenate([part.ravel() for part in found]))
        for other in results[1:]:
            assert results[0] == pytest.approx(other, rel=1e-12, abs=1e-15)
        posterior, label, confidence = found
        assert posterior.sum(axis=1) == pytest.approx(np.ones(11))
        assert label.tolist() == [posterior[t].argmax() if t in TASKS else -1 for t in range(11)]
        assert confidence.tolist() == [posterior[t].max() if t in TASKS else 0 for t in range(11)]
        for run in (compiled, plain):
            settled = posterior[1] * 0.5
            run(kernels.settle)(settled, power, 0.02)
            assert settled.sum() == pytest.approx(1.0 if power != 1.0 else 0.51)
            rest, even, each = run(kernels.shares)(COLUMNS, 0, WEIGHT, hedge, 0.1, 0.5, floor, 3)
            votes = WEIGHT[VOTES.annotator[: FIRST[1]]].sum()
            assert rest + 3 * even + each * votes == pytest.approx(1)


def test_the_table_is_the_same_compiled_and_plain() -> None:
    counts = DICE.integers(0, 3, (2, 75, 4)).astype(float)
    counts[:, :3] = 0
    pooled = np.array([[1 / 3, 1 / 3, 1 / 3, 0]] * 3)
    for own in (0.0, 2.0):
        one, two = np.zeros((2, 75, 4))
        kernels.maximize(counts, own, pooled, 1e-12, one)
        kernels.maximize.py_func(counts, own, pooled, 1e-12, two)
        assert one == pytest.approx(two, rel=1e-12) and one.min() == 1e-12 if own == 0 else one.min() > 0
        sums = one.reshape(25, 3, 4)[:, :, :3].sum(axis=1)
        assert sums[1:] == pytest.approx(np.ones((24, 3)))
    assert sums[0] == pytest.approx(np.ones(3))


def test_narrow_tables_are_the_same_compiled_and_plain() -> None:
    cells, results = Cells(), []
    counts = DICE.integers(0, 2, (2, len(cells.true))).astype(float)
    pooled = np.full((3, 3), 1 / 3)
    for run in (compiled, plain):
        found = []
        for own in (0.0, 2.0):
            chances, (scale, right) = np.zeros(len(cells.true)), np.zeros((2, 75))
            table = (chances, scale, right)
            run(narrow.maximize)(counts, cells.given, cells.true, own, pooled, 1e-12, *table)
            confusion, sums = np.zeros((25, 3, 3)), np.zeros((3, 3))
            run(narrow.spread)(chances, cells.given, cells.true, confusion)
            run(narrow.pool)(counts, cells.given, cells.true, sums)
            found += [*table, confusion, sums]
        results.append(np.concatenate([part.ravel() for part in found]))
    assert results[0] == pytest.approx(results[1], rel=1e-9)
    assert sums.sum() == counts.sum()


def test_votes_are_sorted_the_same_compiled_and_plain() -> None:
    task, whom, label = ROWS.T.astype(np.int32)
    task[7], whom[8], label[9] = -1, -1, -1
    results = []
    for run in (compiled, plain):
        first = np.zeros(10, np.int64)
        count = run(kernels.count_by_task)(task, whom, label, first)
        annotators, labels = np.zeros((2, count), np.int32)
        last, rank = np.empty(25, np.int64), np.array([2, 0, 1], np.int32)
        kept = run(kernels.sort_by_task)(task, whom, label, rank, first, last, annotators, labels)
        results.append((count, kept, first.tolist(), annotators[:kept].tolist(), labels[:kept].tolist()))
    assert results[0] == results[1] and results[0][0] == 257
    for run in (compiled, plain):  # nothing replaced
        first, (who, what) = np.zeros(3, np.int64), np.zeros((2, 3), np.int32)
        columns = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 1]], np.int32)
        run(kernels.count_by_task)(*columns, first)
        rest = (np.arange(2, dtype=np.int32), first, np.empty(2, np.int64), who, what)
        assert run(kernels.sort_by_task)(*columns, *rest) == 3
        assert (first.tolist(), who.tolist(), what.tolist()) == ([0, 1, 3], [0, 0, 1], [1, 0, 1])
    found = {}
    for i in (i for i in range(260) if i not in (7, 8, 9)):
        found.pop((task[i], whom[i]), None)
        found[task[i], whom[i]] = rank[label[i]]
    by_task = sorted(found.items(), key=lambda one: one[0][0])
    assert results[0][3:] == ([who for (_, who), _ in by_task], [what for _, what in by_task])
    assert results[0][2] == [0, *np.cumsum(np.bincount([t for (t, _), _ in by_task]))]


@pytest.mark.parametrize("classes", [3, 25], ids=["wide", "narrow"])
def test_parts_come_to_the_same_in_any_number_of_threads(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    votes = Votes.of(ROWS[:, 0], ROWS[:, 1], ROWS[:, 2] + DICE.integers(0, classes - 2, 260))
    whole = [infer(votes, method).posterior for method in METHODS]
    monkeypatch.setattr(sweeps, "PART_WORK", 100)
    found = []
    for processors in (1, 3):
        monkeypatch.setattr(config, "NUMBA_NUM_THREADS", processors)
        assert len(sweeps.Parts(votes, 1000)) == 2
        found.append([infer(votes, method).posterior for method in METHODS])
    for one, three, expected in zip(*found, whole, strict=True):
        assert (one == three).all() and one == pytest.approx(expected, abs=1e-11)


def test_parts_have_about_as_many_votes_and_cover_all_tasks() -> None:
    bound = bounds(FIRST, 4)
    assert bound[0] == 0 and bound[-1] == VOTES.tasks
    assert np.diff(FIRST[bound]).max() < len(VOTES) / 2


def test_numbers_are_numbered_the_same_compiled_and_plain() -> None:
    results = []
    values = np.array([7, 9, 7, 5, 9])
    for run in (compiled, plain):
        codes, seen = np.empty(5, np.int32), np.empty(5, np.int64)
        count = run(kernels.number)(values, 5, np.full(5, -1, np.int32), codes, seen)
        results.append((codes.tolist(), seen[:count].tolist()))
        assert tuple(run(kernels.span)(values)) == (5, 9)
    assert results[0] == results[1] == ([0, 1, 0, 2, 1], [2, 4, 0])


def test_what_cannot_be_kept_on_disk_is_compiled_all_the_same() -> None:
    """numba finds no place for what comes out of a text, as it finds none where nothing can be written."""
    space: dict[str, Any] = {}
    exec("def twice(x):\n    return x + x", space)
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(space["twice"], cache=True)
    assert njit(cache=True, nogil=True)(space["twice"])(21) == 42


@pytest.mark.parametrize("run", [plain, compiled])
def test_of_classes_as_probable_as_each_other_the_lowest_is_taken(run: Any) -> None:
    """Two computations that differ in the last bits go on from the same class."""
    lowest_best = run(kernels.lowest_best)
    assert lowest_best(np.array([0.1, 0.45 - 1e-15, 0.45])) == 1
    assert lowest_best(np.array([0.1, 0.4, 0.5])) == 2
