"""Skill from distances: planted errors come back, whatever the answers are, and little is no trouble."""

from __future__ import annotations

import numpy as np
import pytest

from evenhand.core import distances
from evenhand.core.distances import LEAST, MOST, errors
from evenhand.labels import find


@pytest.mark.parametrize("classes", [2, 6])
def test_planted_errors_come_back(classes: int) -> None:
    """One class of several: with this probability it is drawn by lot, which is what an error is. Distances
    are added, so somebody whose answers are all drawn is told to be nearer than that."""
    dice = np.random.default_rng(classes)
    planted = np.array([1.0, 0.1, 0.2, 0.3, 0.4])
    truth = dice.integers(0, classes, 4000)
    task, who = np.repeat(np.arange(4000), 3), dice.permuted(np.tile(np.arange(5), (4000, 1)), axis=1)[:, :3]
    who = np.sort(who, axis=1).ravel()
    value = np.where(dice.random(12_000) < planted[who], dice.integers(0, classes, 12_000), truth[task])
    found, typical = errors(task, who, value.tolist(), lambda a, b: float(a != b), 5)
    assert np.argsort(found).tolist() == [1, 2, 3, 4, 0]
    assert found[1:] == pytest.approx(planted[1:], abs=0.12)
    assert found[0] > 0.7 and typical == pytest.approx(planted.mean(), abs=0.12)
    assert distances.weight(found[0]) < distances.weight(found[1]) / 10


def test_of_nobody_who_met_another_only_the_usual_is_known() -> None:
    found, typical = errors(np.array([1, 2]), np.array([0, 1]), ["a", "b"], lambda a, b: 1.0, 3)
    assert found.tolist() == [typical] * 3 == [distances.USUAL / 2] * 3
    same, _ = errors(np.array([1, 1]), np.array([0, 1]), ["a", "a"], lambda a, b: 0.0, 2)
    assert (same < typical).all()
    assert (np.array([*same]) >= LEAST).all() and distances.weight(MOST) > 0


def test_half_of_the_weight_decides_and_of_two_halves_the_lower() -> None:
    assert distances.middle([5, 1, 3], [1.0, 1.0, 1.0]) == 3
    assert distances.middle([5, 1, 3], [1.0, 0.2, 0.3]) == 5
    assert distances.middle([4, 2], [0.3, 0.1 + 0.2]) == 2, "though 0.1 + 0.2 is a little more than 0.3"


def test_a_random_ranker_no_longer_moves_what_rankings_come_to() -> None:
    """Of 60 orders of four by three of six annotators, two of whom answer by lot."""
    dice = np.random.default_rng(1)
    ids = "abcd"
    kind = find("ranking").configure({"items": list(ids)}, {})
    truth = [dice.permutation(list(ids)).tolist() for _ in range(60)]
    answers = []
    for n, order in enumerate(truth):
        for who in sorted(dice.permutation(6)[:3].tolist()):
            own = dice.permutation(list(ids)).tolist() if who < 2 else [*order]
            if dice.random() < 0.4:
                own[1], own[2] = own[2], own[1]
            answers.append((n, f"m{who}", tuple((item,) for item in own)))
    learnt = kind.learn(answers)
    told = {who: error for who, (error,) in learnt.annotators.items()}
    assert min(told["m0"], told["m1"]) > max(told[f"m{i}"] for i in range(2, 6)) + 0.2
    off = {"plain": 0.0, "weighed": 0.0}
    for n, order in enumerate(truth):
        true, given = tuple((item,) for item in order), [(a, v) for t, a, v in answers if t == n]
        off["plain"] += kind.distance(kind.combine([v for _, v in given]).value, true)
        off["weighed"] += kind.distance(kind.weighed(given, learnt).value, true)
    assert off["weighed"] < 0.75 * off["plain"], off
