"""What is special about texts."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.labels.text import Text


def text(**config: object) -> Text:
    return Text.configure(config, {"draft": "text", "photo": "image"})


def test_length_counts_code_points() -> None:
    kind = text(min_length=2, max_length=2)
    assert kind.parse("👍🏽", {}) == "👍🏽"
    with pytest.raises(Invalid, match="1 characters; 2 to 2"):
        kind.parse("👍", {})


def test_a_text_is_stored_as_given() -> None:
    for given in ("  a\r\n", "e\u0301", "\u00e9", "\ufeff", "\u202eabc"):
        assert text().dump(text().parse(given, {})) == given


def test_distance_is_levenshteins_over_the_longer_text() -> None:
    kind = text()
    assert kind.distance("kitten", "sitting") == pytest.approx(3 / 7)
    assert kind.distance("", "") == 0.0
    assert kind.distance("", "👍") == 1.0
    assert kind.distance("𝒦a", "𝒦b") == 0.5


def test_the_text_nearest_to_all_others_is_chosen_and_the_first_of_equals() -> None:
    combined = text().combine(["the dog", "the cat", "the cats", "a bat"])
    assert (combined.value, combined.method) == ("the cat", "medoid")
    assert text().combine(["one", "two"]).value == "one"
    assert text().combine(["abcd", "abcx"]).confidence == pytest.approx(1 - 0.25 / 2)


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"min_length": 5, "max_length": 4}, "max_length"),
        ({"max_length": 0}, "max_length"),
        ({"start_from": "photo"}, "start_from"),
        ({"start_from": "nothing"}, "start_from"),
        ({"max_length": 10**9}, "max_length"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(config: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        text(**config)
    assert refused.value.where == where


def test_flag_needs_no_value() -> None:
    assert Text.configure(Text.from_flag("", {}), {}) == Text.configure({}, {})
