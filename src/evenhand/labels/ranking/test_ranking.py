"""What is special about rankings."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.labels.ranking import Ranking, Ranks

ITEMS = ["a", "b", "c", "d"]


def ranking(items: Sequence[str] = ITEMS, ties: bool = True) -> Ranking:
    return Ranking.configure({"items": list(items), "ties": ties}, {})


def ranks(text: str) -> Ranks:
    """ "a bc d" is a, then b and c together, then d."""
    return tuple(tuple(rank) for rank in text.split())


orders = st.lists(st.integers(0, 3), min_size=4, max_size=4).map(
    lambda levels: tuple(
        tuple(item for item, at in zip(ITEMS, levels, strict=True) if at == level)
        for level in sorted(set(levels))
    )
)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("a b c d", "d c b a", 1.0),
        ("a b c d", "b a c d", 1 / 6),
        ("a b c d", "abcd", 0.5),
        ("ab c d", "a b c d", 0.5 / 6),
        ("ab cd", "cd ab", 4 / 6),
    ],
)
def test_distance(one: str, two: str, expected: float) -> None:
    assert ranking().distance(ranks(one), ranks(two)) == pytest.approx(expected)


@given(orders, orders, orders)
def test_distance_is_a_metric(a: Ranks, b: Ranks, c: Ranks) -> None:
    kind = ranking()
    assert kind.distance(a, b) == kind.distance(b, a)
    assert (kind.distance(a, b) == 0) == (a == b)
    assert kind.distance(a, c) <= kind.distance(a, b) + kind.distance(b, c) + 1e-12


def test_borda() -> None:
    combined = ranking().combine([ranks("a b c d"), ranks("b a c d"), ranks("b c a d")])
    assert (combined.value, combined.method) == (ranks("b a c d"), "tied_borda")
    assert combined.confidence == pytest.approx(1 - (1 / 6 + 0 + 1 / 6) / 3)


def test_equal_sums_tie_or_follow_the_list() -> None:
    values = [ranks("b a c d"), ranks("a b c d")]
    assert ranking().combine(values).value == ranks("ab c d")
    assert ranking(ties=False).combine(values).value == ranks("a b c d")


def test_items_that_tie_share_the_mean_of_their_places() -> None:
    """a: 0.5 + 1 = 1.5; c: 2 + 0 = 2; b: 0.5 + 2 = 2.5. If a and b both had place 0, b would tie with c."""
    assert ranking("abc").combine([ranks("ab c"), ranks("c a b")]).value == ranks("a c b")


def test_a_tie_that_most_mean_is_one_although_a_sum_is_lower() -> None:
    values = [ranks("ab c"), ranks("ab c"), ranks("a b c")]
    assert ranking("abc").combine(values).value == ranks("ab c")
    assert ranking("abc").combine_by(values, [0.2, 0.2, 1.0]).value == ranks("a b c")


@given(st.lists(orders, min_size=1, max_size=5), st.permutations(range(5)))
def test_borda_does_not_depend_on_who_answered_first(values: list[Ranks], order: list[int]) -> None:
    shuffled = [values[i] for i in order if i < len(values)]
    assert ranking().combine(values).value == ranking().combine(shuffled).value


def test_fields_can_be_ranked() -> None:
    fields = {"one": "text", "two": "image"}
    kind = Ranking.configure({"field_items": ["one", "two"]}, fields)
    assert kind.parse([["two"], ["one"]], {}) == (("two",), ("one",))


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({}, "items"),
        ({"items": ["a", "b"], "field_items": ["one", "two"]}, "items"),
        ({"items": ["a"]}, "items"),
        ({"items": ["a", "a"]}, "items[1].id"),
        ({"field_items": ["one", "three"]}, "field_items[1]"),
        ({"field_items": ["one", "one"]}, "field_items[1]"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(config: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        Ranking.configure(config, {"one": "text", "two": "text"})
    assert refused.value.where == where
