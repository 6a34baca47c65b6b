"""Truth inference for comparisons: planted orders come back, the optimum is one, and bad input is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from bench.beyond_classes import planted_comparisons as planted
from bench.beyond_classes import shares_won
from evenhand.core.errors import Invalid
from evenhand.core.inference import pairs as module
from evenhand.core.inference.pairs import Pairs, Ranked, rank


def test_planted_scores_come_back_where_many_answer_by_chance_or_upside_down() -> None:
    found, counted, inside, turned = [], [], [], []
    for seed in range(20):
        pairs, score = planted(seed)
        came = rank(pairs)
        assert came.diagnostics.converged
        found.append(np.corrcoef(came.score, score)[0, 1])
        counted.append(np.corrcoef(shares_won(pairs), score)[0, 1])
        inside.append(np.mean(np.abs(came.score - came.score.mean() - score) < 1.96 * came.error))
        assert came.skill[6:].min() > came.skill[:6].max()
        turned.append(came.skill[4:6].mean())
    assert np.mean(found) > 0.92 and np.mean(found) > np.mean(counted) + 0.25
    assert np.mean(turned) < 0.35
    assert 0.92 < np.mean(inside) < 0.99  # of 95% intervals


def test_no_other_scores_and_skills_are_likelier() -> None:
    """The same objective written out anew, climbed by another program from what was found."""
    pairs, _ = planted(2, ties=0.1)
    came = rank(pairs)

    def objective(at: np.ndarray) -> float:
        score, skill = at[:20], 1 / (1 + np.exp(-at[20:]))
        better = 1 / (1 + np.exp(score[pairs.right] - score[pairs.left]))
        said = skill[pairs.annotator] * better + (1 - skill[pairs.annotator]) * (1 - better)
        virtual = 0.5 * (np.log(1 / (1 + np.exp(-score))) + np.log(1 / (1 + np.exp(score)))).sum()
        prior = (4 * np.log(skill) + np.log(1 - skill)).sum()
        return -float((pairs.won * np.log(said) + (1 - pairs.won) * np.log(1 - said)).sum() + virtual + prior)

    at = np.concatenate([came.score, np.log(came.skill / (1 - came.skill))])
    assert np.abs(optimize.approx_fprime(at, objective, 1e-6)).max() < 1e-3
    assert optimize.minimize(objective, at).fun > objective(at) - 1e-6


def test_one_comparison_in_closed_form() -> None:
    """Two items, once compared: the condition of the optimum has one unknown."""
    came = rank(Pairs.of([0], [1], [1.0], [0], items=2, annotators=1))
    half, own = came.score[0], came.skill[0]
    assert came.score[1] == pytest.approx(-half) and half > 0
    better = 1 / (1 + np.exp(-2 * half))
    meant = own * better / (own * better + (1 - own) * (1 - better))
    assert own == pytest.approx((4 + meant) / 6, abs=1e-5)
    assert meant - better == pytest.approx(0.5 * np.tanh(half / 2), abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), data=st.data())
def test_names_sides_and_order_do_not_matter(seed: int, data: st.DataObject) -> None:
    pairs, _ = planted(seed, ties=0.1)
    dice = np.random.default_rng(data.draw(st.integers(0, 99)))
    items, people = dice.permutation(20), dice.permutation(10)
    order, turned = dice.permutation(len(pairs.won)), dice.random(len(pairs.won)) < 0.5
    left = items[np.where(turned, pairs.right, pairs.left)][order]
    right = items[np.where(turned, pairs.left, pairs.right)][order]
    won = np.where(turned, 1 - pairs.won, pairs.won)[order]
    other = rank(Pairs.of(left, right, won, people[pairs.annotator][order], items=20, annotators=10), 25)
    once = rank(pairs, 25)
    for name in ("score", "error"):
        assert getattr(other, name)[items] == pytest.approx(getattr(once, name), abs=1e-6)
    assert other.skill[people] == pytest.approx(once.skill, abs=1e-6)
    assert other.diagnostics.log_likelihood == pytest.approx(once.diagnostics.log_likelihood)
    lost = Pairs.of(pairs.left, pairs.right, 1 - pairs.won, pairs.annotator, items=20, annotators=10)
    assert rank(lost, 25).score == pytest.approx(-once.score, abs=1e-6)


def test_what_is_not_connected_never_lost_or_never_compared_has_a_finite_score() -> None:
    came = rank(Pairs.of([0, 0, 2], [1, 1, 3], [1, 1, 0.5], [0, 1, 0], items=5, annotators=3))
    assert came.score[0] > 0.5 and came.score[1] == pytest.approx(-came.score[0])
    assert came.score[2:].tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert came.error.argmax() == 4 and came.error[4] < 3
    assert came.skill[2] == pytest.approx(0.8)


def test_the_last_of_two_counts_whichever_side_it_is_seen_from() -> None:
    pairs = Pairs.of([0, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 1], items=2, annotators=2)
    assert (pairs.left.tolist(), pairs.replaced) == ([1, 0], 1)
    came = rank(pairs)
    assert came.score == pytest.approx([0, 0], abs=1e-6) and "1 earlier" in came.diagnostics.notes[0]


def test_errors_of_very_many_are_approximate_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, _ = planted(4)
    exact = rank(pairs, 10)
    assert (exact.diagnostics.iterations, exact.diagnostics.converged) == (10, False)
    monkeypatch.setattr(module, "EXACT", 19)
    rough: Ranked = rank(pairs, 10)
    assert (rough.error < exact.error * 1.05).all() and (rough.error > exact.error / 2).all()
    assert "too small" in rough.diagnostics.notes[-1]


@pytest.mark.parametrize(
    ("left", "right", "won", "who", "rule"),
    [
        ([0], [1, 2], [1], [0], "inference.lengths"),
        ([], [], [], [], "inference.empty"),
        ([0], [3], [1], [0], "inference.range"),
        ([0], [1], [1], [-1], "inference.range"),
        ([1], [1], [1], [0], "inference.itself"),
        ([0], [1], [np.nan], [0], "inference.outcome"),
    ],
)
def test_bad_input_is_told(
    left: list[int], right: list[int], won: list[float], who: list[int], rule: str
) -> None:
    with pytest.raises(Invalid) as error:
        Pairs.of(left, right, won, who, items=3, annotators=1)
    assert error.value.rule == rule
