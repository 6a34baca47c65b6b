"""What is special about the multiple choice."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.labels.multi_choice import MultiChoice

TREE = [
    "news",
    {"name": "Sport", "id": "sport", "children": ["football", {"name": "Chess", "id": "chess"}]},
    "art",
]


def multi(choices: object = TREE, **more: object) -> MultiChoice:
    return MultiChoice.configure({"choices": choices, **more}, {})


def test_picks_are_kept_in_the_order_of_the_list_depth_first() -> None:
    assert multi().parse(["art", "chess", "sport", "news"], {}) == ("news", "sport", "chess", "art")


def test_leaves_only() -> None:
    kind = multi(leaves_only=True)
    assert kind.parse(["chess"], {}) == ("chess",)
    with pytest.raises(Invalid) as refused:
        kind.parse(["chess", "sport"], {})
    assert refused.value.where == "[1]"


def test_distance_is_jaccards() -> None:
    kind = multi()
    assert kind.distance(("news", "art"), ("art", "chess")) == pytest.approx(2 / 3)
    assert kind.distance((), ("art",)) == 1.0
    assert kind.distance((), ()) == 0.0


def test_each_choice_needs_more_than_half() -> None:
    combined = multi().combine([("news", "art"), ("news",), ("news", "art"), ()])
    assert combined.value == ("news",)
    assert combined.confidence == pytest.approx((0.5 + 1 + 0.5 + 0) / 4)


def test_the_outcome_keeps_to_min_and_max() -> None:
    """Each of three choices has two votes of three: one too many for a max of two."""
    values = [("news", "sport"), ("sport", "art"), ("news", "art")]
    assert multi().combine(values).value == ("news", "sport", "art")
    assert multi(max=2).combine(values).value == ("news", "sport")
    assert multi(min=1).combine([("art",), ("chess",), ("news",)]).value == ("news",)


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"choices": ["a", {"name": "b", "children": ["c", "a"]}]}, "choices[1].children[1].id"),
        ({"choices": [{"name": "b", "children": [{"name": "c", "x": 1}]}]}, "choices[0].children[0].x"),
        ({"choices": ["a", "b"], "min": 3}, "min"),
        ({"choices": ["a", "b"], "min": 2, "max": 1}, "max"),
        ({"choices": ["a"], "max": 0}, "max"),
        ({"choices": [{"name": "b", "children": ["c"]}], "min": 2, "leaves_only": True}, "min"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(config: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        MultiChoice.configure(config, {})
    assert refused.value.where == where
