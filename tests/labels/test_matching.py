"""Pairs and clusters of pieces, whatever their type."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from evenhand.labels.matching import agreed, difference, most_central, pairable


def near(a: list[float], b: list[float]) -> list[dict[int, float]]:
    return [{j: 1 - abs(x - y) for j, y in enumerate(b) if abs(x - y) <= 0.5} for x in a]


@given(st.lists(st.lists(st.integers(0, 4), max_size=4, unique=True), max_size=5))
def test_as_many_are_paired_as_can_be(links: list[list[int]]) -> None:
    best = max(
        sum(j in row for row, j in zip(links, order, strict=False)) for order in permutations(range(5))
    )
    assert pairable(links) == best


def test_a_long_chain_of_pairs_needs_no_deep_stack() -> None:
    """Each but the last moves on by one when the last one asks for the first place."""
    n = 5_000
    assert pairable([[i, i + 1] for i in range(n)] + [[0]]) == n + 1


def test_difference_is_one_less_the_f1_of_pairs() -> None:
    assert difference([0.0, 5.0], [0.2], near) == 1 - 2 / 3
    assert difference([], [], near) == 0.0
    assert difference([], [1.0], near) == 1.0


def test_each_answer_counts_once_in_a_cluster_and_goes_to_the_closest() -> None:
    assert agreed([[0.0, 0.2], [], []], near) == []
    assert agreed([[0.0, 0.6], [0.4], [0.55]], near) == [[0.6, 0.4, 0.55]]
    assert agreed([[0.0], [0.1], [9.0]], near) == [[0.0, 0.1]]


def test_the_most_central_is_the_first_of_equals() -> None:
    assert most_central([0.0, 0.5, 0.9], lambda a, b: 1 - abs(a - b)) == 0.5
    assert most_central([0.0, 1.0], lambda a, b: 1 - abs(a - b)) == 0.0
