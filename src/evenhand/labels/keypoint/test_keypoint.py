"""What is special about keypoints."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import KeypointElement
from evenhand.labels.keypoint import Keypoint, Pointed

IMAGE = {"photo": {"blob": "", "width": 200, "height": 100}}


def kind(**more: object) -> Keypoint:
    return Keypoint.configure({"field": "photo", "labels": ["nose", "eye"], **more}, {"photo": "image"})


def nose(x: float, y: float, visible: bool = True) -> Pointed:
    return Pointed(float(x), float(y), "nose", visible)


def test_points_as_far_apart_as_the_radius_still_mean_the_same() -> None:
    one = (nose(50, 50),)
    assert kind().distance(one, (nose(60, 50),)) == 0.0
    assert kind().distance(one, (nose(56, 58),)) == 0.0
    assert kind().distance(one, (nose(60.01, 50),)) == 1.0
    assert kind(radius=2.5).distance(one, (nose(53, 50),)) == 1.0
    assert kind().distance(one, (Pointed(50, 50, "eye"),)) == 1.0
    assert kind().distance(one, (nose(50, 50, visible=False),)) == 0.0


def test_the_median_keeps_its_place_when_one_person_misses() -> None:
    values = [(nose(50, 50),), (nose(51, 50, visible=False),), (nose(58, 44, visible=False),)]
    combined = kind().combine(values)
    assert combined.value == (nose(51, 50, visible=False),)
    assert (combined.method, combined.confidence) == ("cluster", 1.0)


def test_a_point_goes_to_the_nearest() -> None:
    """Two noses that stand near each other stay two."""
    pair = (nose(50, 50), nose(58, 50))
    assert kind().combine([pair, pair, pair]).value == pair


def test_with_once_a_label_stands_for_one_point_also_among_old_answers() -> None:
    """Two noses of most people, given while the project allowed it: that of more people stays."""
    old = [(nose(0, 0), nose(90, 90)), (nose(0, 0), nose(90, 90)), (nose(90, 90),)]
    assert kind(once=True).combine(old).value == (nose(90, 90),)
    assert kind().combine(old).value == (nose(0, 0), nose(90, 90))
    with pytest.raises(Invalid) as refused:
        kind(once=True).parse([{"x": 1, "y": 1, "label": "nose"}, {"x": 9, "y": 9, "label": "nose"}], IMAGE)
    assert refused.value.where == "[1]"


def test_elements_carry_what_is_hidden() -> None:
    hidden = nose(1, 2, visible=False)
    assert kind().elements((hidden,)) == (
        KeypointElement(field="photo", x=1, y=2, label="nose", visible=False),
    )


def test_too_many_points_are_refused() -> None:
    with pytest.raises(Invalid, match="More than 1000"):
        kind().parse([{"x": i, "y": 0, "label": "nose"} for i in range(1_001)], {"photo": "photo.jpg"})
