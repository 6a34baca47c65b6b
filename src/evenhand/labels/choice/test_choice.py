"""What is special about the single choice."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.labels.choice import Choice


def choice(*choices: object) -> Choice:
    return Choice.configure({"choices": list(choices)}, {})


def test_an_id_is_the_name_until_it_is_given() -> None:
    kind = choice("ham", {"name": "Unerwünscht", "id": "spam", "key": "s"})
    assert kind.config()["choices"] == [
        {"name": "ham", "id": "ham", "description": "", "key": ""},
        {"name": "Unerwünscht", "id": "spam", "description": "", "key": "s"},
    ]
    assert kind.parse("spam", {}) == "spam"
    with pytest.raises(Invalid, match="none of the choices"):
        kind.parse("Unerwünscht", {})


def test_the_most_win_and_confidence_is_their_share() -> None:
    combined = choice("a", "b", "c").combine(["b", "c", "b", "a"])
    assert (combined.value, combined.confidence, combined.method) == ("b", 0.5, "majority")


def test_a_tie_goes_to_the_first_in_the_list_not_the_first_to_answer() -> None:
    assert choice("a", "b", "c").combine(["c", "b", "c", "b"]).value == "b"


def test_a_choice_taken_off_the_list_still_counts_but_loses_ties() -> None:
    kind = choice("a", "b")
    assert kind.combine(["gone", "b"]).value == "b"
    assert kind.combine(["gone", "gone", "b"]).value == "gone"


@pytest.mark.parametrize(
    ("choices", "where"),
    [
        ([], "choices"),
        (["a", "a"], "choices[1].id"),
        (["a", {"name": "b", "id": "a"}], "choices[1].id"),
        ([{"name": "a", "key": "x"}, {"name": "b", "key": "x"}], "choices[1].key"),
        ([{"name": "a", "key": "F1"}], "choices[0].key"),
        ([{"id": "a"}], "choices[0].name"),
        ([""], "choices[0]"),
        ([{"name": "a", "colour": "red"}], "choices[0].colour"),
        ("ham,spam", "choices"),
    ],
)
def test_a_bad_list_is_refused_where_it_is_bad(choices: object, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        Choice.configure({"choices": choices}, {})
    assert refused.value.where == where


def test_flag() -> None:
    assert Choice.from_flag("ham, spam", {}) == {"choices": ["ham", "spam"]}
