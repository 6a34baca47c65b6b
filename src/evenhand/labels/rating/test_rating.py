"""What is special about ratings."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import NumberElement
from evenhand.labels.rating import Rating


def rating(**config: object) -> Rating:
    return Rating.configure(config, {})


def test_one_to_five_is_the_default() -> None:
    assert rating().config() == {"min": 1, "max": 5, "labels": {}}


def test_distance_is_a_share_of_the_scale() -> None:
    assert rating().distance(2, 5) == 0.75
    assert rating(min=-2, max=2).distance(-2, 2) == 1.0


def test_the_lower_median_is_a_step_that_somebody_gave() -> None:
    combined = rating().combine([5, 1, 4, 2])
    assert (combined.value, combined.method) == (2, "median")
    assert combined.confidence == pytest.approx(1 - (3 + 1 + 2 + 0) / 4 / 4)
    assert rating().combine([5, 1, 5]).value == 5


def test_a_number_that_is_no_step_is_no_rating() -> None:
    assert rating().from_elements([NumberElement(value=3.0)], {}) == 3
    for value in (2.5, 6.0, float("nan")):
        with pytest.raises(Invalid):
            rating().from_elements([NumberElement(value=value)], {})


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"min": 5, "max": 5}, "max"),
        ({"max": 2.5}, "max"),
        ({"labels": {"6": "great"}}, "labels.6"),
        ({"labels": {"one": "bad"}}, "labels.one"),
        ({"labels": {"1": 7}}, "labels[...]"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(config: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        rating(**config)
    assert refused.value.where == where


def test_steps_may_be_numbers_as_yaml_reads_them() -> None:
    assert rating(labels={1: "awful"}).config()["labels"] == {"1": "awful"}


def test_skill_takes_a_bias_off_and_what_all_say_stands() -> None:
    kind = rating()
    answers = [(n, who, 1 + n % 4 + (who == "high")) for n in range(40) for who in ("one", "two", "high")]
    learnt = kind.learn(answers)
    assert learnt.of("high")[3] > 0.8 and learnt.of("one")[2] > 0.8
    assert kind.weighed([("high", 4), ("one", 3)], learnt).value == 3
    found = kind.weighed([("high", 4), ("high too", 4)], learnt)
    assert (found.value, found.method) == (4, "steps") and found.confidence < 1
    longer = rating(max=7).weighed([("high", 4), ("one", 3)], learnt)
    assert (longer.value, longer.method) == (3, "median")


def test_neighbours_of_a_long_scale_are_learnt_as_one() -> None:
    kind = rating(min=0, max=100)  # 7 steps each: 0 to 6, 7 to 13, ...
    answers = [(n, who, 13 * (n % 8) + off) for n in range(40) for who, off in (("a", 0), ("b", 1), ("c", 0))]
    learnt = kind.learn(answers)
    assert len(learnt.common) == 1 + 15 + 15**2
    assert kind.weighed([("a", 40), ("b", 41), ("c", 90)], learnt).value == 40
    assert kind.weighed([("a", 99), ("b", 100)], learnt).value == 99
    assert kind._middle(0) == 3 and kind._middle(14) == 99
