"""What every label type gets for nothing: a medoid, its support, and no option that it does not declare."""

from __future__ import annotations

import pytest

from evenhand import labels
from evenhand.core.label import LabelType

TEXT = labels.find("text").configure({}, {})


def test_the_answer_nearest_to_all_others_is_chosen_and_the_first_of_equals():
    combined = LabelType.combine(TEXT, ["kitten", "sitting", "kitten"])
    assert (combined.value, combined.method) == ("kitten", "medoid")
    assert 0.5 < combined.confidence < 1
    assert LabelType.combine(TEXT, ["a", "b"]).value == "a"
    assert LabelType.combine(TEXT, ["same"]).confidence == 1.0


def test_a_type_without_an_option_has_none_to_read():
    ranking = labels.find("ranking")
    assert ranking.flag is None
    with pytest.raises(NotImplementedError, match="declares no flag"):
        ranking.from_flag("a,b", {})


def test_an_answer_is_read_without_its_task():
    assert labels.find("rating").configure({}, {}).read(3) == 3
