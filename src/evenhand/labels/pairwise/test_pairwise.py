"""What is special about pairwise preferences."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import ClassElement, NumberElement, OrderElement, TextElement
from evenhand.labels.pairwise import Pairwise, Preferred

FIELDS = {"left": "text", "right": "text"}


def pairwise(**more: object) -> Pairwise:
    return Pairwise.configure({"a": "left", "b": "right", **more}, FIELDS)


@pytest.mark.parametrize(
    ("scale", "offered"),
    [(2, [-1, 1]), (3, [-1, 0, 1]), (4, [-2, -1, 1, 2]), (5, [-2, -1, 0, 1, 2])],
)
def test_an_even_scale_has_no_tie(scale: int, offered: list[int]) -> None:
    kind = pairwise(scale=scale)
    taken = []
    for preference in range(-4, 5):
        try:
            taken.append(kind.parse({"preference": preference}, {}).preference)
        except Invalid as error:
            assert error.where == "preference"
    assert taken == offered


def test_distance_counts_steps_and_nothing_is_near_both_bad() -> None:
    kind = pairwise(scale=5, both_bad=True, justification="optional")
    assert kind.distance(Preferred(-2), Preferred(2)) == 1.0
    assert kind.distance(Preferred(1), Preferred(2)) == 0.25
    assert kind.distance(Preferred("both_bad"), Preferred(0)) == 1.0
    assert kind.distance(Preferred("both_bad", "x"), Preferred("both_bad", "y")) == 0.0


def test_elements_give_formats_the_order_and_the_strength() -> None:
    kind = pairwise(scale=5, both_bad=True, justification="optional")
    assert kind.elements(Preferred(2, "clear")) == (
        OrderElement(ranks=(("right",), ("left",))),
        NumberElement(value=2.0),
        TextElement(value="clear"),
    )
    assert kind.elements(Preferred(0))[0] == OrderElement(ranks=(("left", "right"),))
    assert kind.elements(Preferred("both_bad")) == (ClassElement(value="both_bad"),)


def test_elements_that_contradict_each_other_are_refused() -> None:
    order = OrderElement(ranks=(("left",), ("right",)))
    for strength in (1.0, 0.0, -0.5):
        with pytest.raises(Invalid):
            pairwise().from_elements([order, NumberElement(value=strength)], {})
    assert pairwise().from_elements([order, NumberElement(value=-1.0)], {}) == Preferred(-1)


def test_both_bad_needs_more_than_half() -> None:
    kind = pairwise(scale=5, both_bad=True)
    bad = Preferred("both_bad")
    combined = kind.combine([bad, Preferred(2), bad])
    assert (combined.value, combined.method) == (bad, "majority")
    assert combined.confidence == pytest.approx(2 / 3)
    assert kind.combine([bad, Preferred(2), bad, Preferred(1)]).value == Preferred(2)


def test_the_median_comes_with_its_justification() -> None:
    kind = pairwise(scale=5, justification="required")
    values = [Preferred(-2, "p"), Preferred(1, "q"), Preferred(2, "r")]
    combined = kind.combine(values)
    assert (combined.value, combined.method) == (Preferred(1, "q"), "median")
    assert combined.confidence == pytest.approx(1 - (3 + 0 + 1) / 4 / 3)


def test_no_side_gains_by_where_it_stands() -> None:
    kind = pairwise(scale=2)
    assert kind.combine([Preferred(-1), Preferred(1)]).value == Preferred(-1)
    assert kind.combine([Preferred(1), Preferred(-1)]).value == Preferred(1)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"b": "left"}, "b"),
        ({"a": "nothing"}, "a"),
        ({"scale": 1}, "scale"),
        ({"justification": "maybe"}, "justification"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(more: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        pairwise(**more)
    assert refused.value.where == where


def test_flag_names_two_fields() -> None:
    assert Pairwise.from_flag("left, right", FIELDS) == {"a": "left", "b": "right"}
    with pytest.raises(Invalid, match="not 3"):
        Pairwise.from_flag("a,b,c", FIELDS)
