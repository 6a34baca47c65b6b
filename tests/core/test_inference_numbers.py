"""Truth inference for numbers: planted values come back, closed forms hold, and bad input is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.beyond_classes import by_task
from bench.beyond_classes import planted_numbers as planted
from evenhand.core import solving
from evenhand.core.errors import Invalid
from evenhand.core.inference import Votes, numbers
from evenhand.core.inference.numbers import Measured, measure


def of(rows: list[tuple[int, int, float]], **counts: int) -> Measured:
    task, who, said = zip(*rows, strict=True)
    votes = Votes.of(task, who, range(len(rows)), **counts)
    return measure(votes, np.array(said)[votes.label])


def test_planted_values_come_back_better_than_by_mean_or_median_and_errors_are_what_they_say() -> None:
    off: dict[str, list[float]] = {"mean": [], "median": [], "measure": []}
    inside, alike = [], []
    for seed in range(20):
        votes, said, value, bias = planted(seed)
        found = measure(votes, said)
        assert found.diagnostics.converged and found.far > 0
        off["measure"].append(float(np.sqrt(np.mean((found.value - value) ** 2))))
        for how in ("mean", "median"):
            off[how].append(float(np.sqrt(np.mean((by_task(votes, said, how) - value) ** 2))))
        assert off["measure"][-1] < min(off["mean"][-1], off["median"][-1])
        inside.append(np.mean(np.abs(found.value - value) < 1.96 * found.error))
        alike.append(np.corrcoef(found.bias[3:], bias[3:])[0, 1])
        assert found.spread[:3].min() > np.median(found.spread[3:])  # who answers at random is least exact
    assert np.mean(off["measure"]) < 0.7 * np.mean(off["median"]) < 0.3 * np.mean(off["mean"])
    assert 0.92 < np.mean(inside) < 0.99  # of 95% intervals
    assert np.mean(alike) > 0.95


def test_annotators_alike_come_to_the_mean_and_its_standard_error() -> None:
    """Nobody biased, nobody more exact: what is left is a one-way analysis of variance."""
    dice = np.random.default_rng(5)
    task, who = np.indices((400, 4)).reshape(2, -1)
    said = 100.0 * task + dice.normal(0, 2, 1600)
    votes = Votes.of(task, who, 0 * task)
    many = measure(votes, said)
    within = np.sqrt(np.mean([part.var(ddof=1) for part in np.split(said, votes.first[1:-1])]))
    assert np.std(many.value - by_task(votes, said, "mean")) < 0.15 * within / 2
    assert many.spread == pytest.approx(np.full(4, within), rel=0.1)
    assert np.median(many.error) == pytest.approx(within / 2, rel=0.05)


def test_biases_and_values_solve_the_equations_of_the_mixed_model() -> None:
    """Henderson's equations, written out as a matrix, at the weights of the fit (doi:10.2307/2529430)."""
    votes, said, _, _ = planted(3)
    fit = numbers._Fit(votes, said)
    for _ in range(5):
        fit.step()
    fit.solve()
    rows = np.zeros((len(votes), votes.tasks + votes.annotators))
    rows[np.arange(len(votes)), votes.task] = 1
    rows[np.arange(len(votes)), votes.tasks + votes.annotator] = 1
    weight = fit._weight()
    left = rows.T @ (weight[:, None] * rows)
    left[range(100, 112), range(100, 112)] += fit.lean / fit.around
    exact = np.linalg.solve(left, rows.T @ (weight * fit.given))
    assert fit.value == pytest.approx(exact[:100] * fit.unit + fit.centre, rel=1e-5)
    assert fit.bias == pytest.approx(exact[100:], abs=1e-6)
    truth = np.sqrt(np.diag(np.linalg.inv(left))[:100])
    assert np.sqrt(fit.variances_of_values()) == pytest.approx(truth, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), shift=st.floats(-1e4, 1e4), scale=st.floats(1e-3, 1e3), data=st.data())
def test_unit_and_names_do_not_matter(seed: int, shift: float, scale: float, data: st.DataObject) -> None:
    votes, said, _, _ = planted(seed)
    once = measure(votes, said, 8)
    moved = measure(votes, shift + scale * said, 8)
    near = {"rel": 1e-5, "abs": 1e-5 * scale}
    assert moved.value - shift == pytest.approx(scale * once.value, **near)
    for name in ("error", "bias", "spread"):
        assert getattr(moved, name) == pytest.approx(scale * getattr(once, name), **near)
    flipped = measure(votes, -said, 8)
    assert flipped.value == pytest.approx(-once.value, rel=1e-6)
    dice = np.random.default_rng(data.draw(st.integers(0, 99)))
    tasks, people, order = dice.permutation(100), dice.permutation(12), dice.permutation(500)
    renamed = Votes.of(tasks[votes.task][order], people[votes.annotator][order], order)
    other = measure(renamed, said[renamed.label], 8)
    assert other.value[tasks] == pytest.approx(once.value, rel=1e-6)
    assert other.spread[people] == pytest.approx(once.spread, rel=1e-6)


def test_a_slip_of_the_finger_moves_its_own_task_a_little_however_gross_it_is() -> None:
    votes, said, _, _ = planted(7)
    clean = measure(votes, said)
    at = int(np.argmax(votes.annotator > 2))
    found = []
    for slip in (1e5, 1e9):
        worse = said.copy()
        worse[at] = slip
        found.append(measure(votes, worse))
    assert found[1].value == pytest.approx(found[0].value, abs=0.01)
    moved = np.abs(found[1].value - clean.value) / clean.error
    # (three of the five who answered that task answer at random)
    assert moved[votes.task[at]] < 5 and np.delete(moved, votes.task[at]).max() < 0.2
    assert np.abs(found[1].bias - clean.bias).max() < 1


def test_equal_numbers_come_to_themselves() -> None:
    found = of([(t, w, 7.0) for t in range(3) for w in range(3)])
    assert found.value.tolist() == pytest.approx([7.0] * 3) and found.error.max() < 1e-6
    large = of([(t, w, 1e15 + t) for t in range(3) for w in range(3)])
    assert large.value == pytest.approx(1e15 + np.arange(3), rel=1e-15)


def test_silent_tasks_have_no_value_and_the_last_of_two_counts() -> None:
    found = of([(0, 0, 90.0), (0, 0, 1.0), (0, 1, 3.0), (2, 0, 5.0), (2, 1, 7.0)], tasks=3)
    assert found.value == pytest.approx([2, np.nan, 6], nan_ok=True, abs=1e-6)
    assert found.bias == pytest.approx([-found.bias[1], found.bias[1]]) and found.bias[1] > 0.5
    assert np.isnan(found.error).tolist() == [False, True, False]
    said = " ".join(found.diagnostics.notes)
    assert "1 earlier vote" in said and "1 task without a vote" in said


def test_of_annotators_who_share_no_task_nothing_is_learnt() -> None:
    found = of([(0, 0, 5.0), (1, 1, 6.0)])
    assert found.value.tolist() == [5.0, 6.0] and found.bias.tolist() == [0.0, 0.0]
    assert np.isnan(found.error).all() and np.isnan(found.spread).all()
    assert "No task has numbers of two annotators" in found.diagnostics.notes[0]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 9_999), power=st.integers(-120, 120))
@pytest.mark.filterwarnings("error")
def test_few_and_odd_numbers_come_to_something_finite(seed: int, power: int) -> None:
    dice = np.random.default_rng(seed)
    rows, tasks, people = dice.integers(1, [25, 8, 6])
    said = [dice.integers(0, 2, rows) * 1.0, dice.standard_cauchy(rows), dice.integers(1, 6, rows) + 1e12]
    drawn = dice.integers(0, tasks, rows), dice.integers(0, people, rows)
    votes = Votes.of(*drawn, np.arange(rows), tasks=int(tasks), annotators=int(people))
    numbers_said = said[seed % 3][votes.label] * 10.0**power
    found = measure(votes, numbers_said)
    answered = np.diff(votes.first) > 0
    assert np.isfinite(found.value[answered]).all() and np.isnan(found.value[~answered]).all()
    wide = np.ptp(numbers_said) + 1e-9 * np.abs(numbers_said).max()
    assert np.abs(found.value[answered] - np.median(numbers_said)).max() <= 2 * wide
    if answered.any() and np.diff(votes.first).max() > 1:
        assert np.isfinite(found.error[answered]).all() and np.isfinite(found.spread).all()


def test_a_fit_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, said, value, _ = planted(1)
    assert not measure(votes, said, 1).diagnostics.converged
    assert measure(votes, said, 40).diagnostics.iterations == 40
    monkeypatch.setattr(numbers, "MOST_ITERATIONS", 2)
    assert "not settled after 2 rounds" in measure(votes, said).diagnostics.notes[-1]
    monkeypatch.undo()
    monkeypatch.setattr(solving, "STEPS", 1)
    rough = measure(votes, said)
    assert np.sqrt(np.mean((rough.value - value) ** 2)) < 10


@pytest.mark.parametrize(
    ("rows", "said", "rule"),
    [
        (0, [], "inference.empty"),
        (2, [1.0], "inference.lengths"),
        (2, [1.0, np.nan], "inference.not-finite"),
        (2, [1.0, np.inf], "inference.not-finite"),
    ],
)
def test_bad_input_is_told(rows: int, said: list[float], rule: str) -> None:
    with pytest.raises(Invalid) as error:
        measure(Votes.of(range(rows), [0] * rows, [0] * rows), np.array(said))
    assert error.value.rule == rule


def test_one_task_by_itself_comes_to_what_all_together_make_of_it() -> None:
    votes, said, *_ = planted(4)
    found = measure(votes, said, 40)
    free = said - found.bias[votes.annotator]
    for task in range(votes.tasks):
        own = slice(votes.first[task], votes.first[task + 1])
        alone = numbers.located(free[own].tolist(), found.spread[votes.annotator[own]].tolist())
        assert alone == pytest.approx(found.value[task], abs=1e-6)
    assert found.newcomer > np.median(found.spread)


def test_between_numbers_that_lie_too_far_apart_the_middle_is_taken() -> None:
    assert numbers.located([0.0, 100.0], [1.0, 1.0]) == pytest.approx(50)
    assert numbers.located([7.0], [2.0]) == pytest.approx(7)
    assert numbers.located([0.0, 0.0, 100.0], [1.0, 1.0, 1.0]) == pytest.approx(1)
