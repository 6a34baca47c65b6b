"""What is special about boxes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.core.label import BoxElement
from evenhand.labels.box import Box
from evenhand.labels.box.geometry import Boxed, hulls, overlap
from evenhand.labels.matching import touching

IMAGE = {"photo": {"blob": "", "width": 200, "height": 100}}
FIELDS = {"text": "text", "photo": "image"}


def box_type(**more: object) -> Box:
    return Box.configure({"field": "photo", "labels": ["cat", "dog"], **more}, FIELDS)


def cat(x: float, y: float, width: float, height: float, rotation: float = 0.0) -> Boxed:
    return Boxed(x, y, width, height, "cat", rotation)


sides = st.integers(1, 60)
boxes = st.builds(
    cat,
    st.integers(0, 60),
    st.integers(0, 60),
    sides,
    sides,
    st.sampled_from([0.0, 0.0, 30.0, 45.0, 90.0, 200.5]),
)


def test_overlap_of_upright_boxes() -> None:
    assert overlap(cat(0, 0, 10, 10), cat(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap(cat(0, 0, 10, 10), cat(10, 0, 10, 10)) == 0.0


def test_overlap_of_turned_boxes() -> None:
    """A square and the same turned by 45 degrees share a regular octagon: 2 (sqrt 2 - 1) of its area."""
    shared = 2 * (math.sqrt(2) - 1)
    assert overlap(cat(0, 0, 10, 10), cat(0, 0, 10, 10, 45)) == pytest.approx(shared / (2 - shared))
    assert overlap(cat(0, 0, 20, 10), cat(5, -5, 10, 20, 90)) == pytest.approx(1.0)
    assert overlap(cat(0, 0, 20, 10, 30), cat(90, 90, 20, 10, 30)) == 0.0


def test_boxes_turn_clockwise_as_seen() -> None:
    """A bar that lies, turned by 45 degrees about its centre, has its right end low."""
    leaning = cat(0, 45, 100, 10, 45)  # y grows downwards
    assert overlap(leaning, cat(75, 75, 10, 10)) > 0
    assert overlap(leaning, cat(75, 15, 10, 10)) == 0


@given(boxes, boxes)
@settings(deadline=None)
def test_overlap_is_sane(a: Boxed, b: Boxed) -> None:
    assert overlap(a, b) == overlap(b, a)
    assert 0.0 <= overlap(a, b) <= 1.0
    assert overlap(a, a) == pytest.approx(1.0)


@given(st.lists(boxes, max_size=5), st.lists(boxes, max_size=5))
@settings(deadline=None)
def test_the_sieve_loses_no_overlap(a: list[Boxed], b: list[Boxed]) -> None:
    found = touching(a, b, hulls)
    for one, some in zip(a, found, strict=True):
        assert {j for j, two in enumerate(b) if overlap(one, two) > 1e-9} <= set(some)


def test_edges_are_rounded_so_that_a_box_at_the_border_stays_inside() -> None:
    raw = [{"x": 150.005, "y": 0, "width": 49.995, "height": 99.999, "label": "cat"}]
    (found,) = box_type().parse(raw, IMAGE)
    assert round(found.x + found.width, 2) == 200
    assert found.height == 100


def test_a_turned_box_may_stick_out_but_not_its_centre() -> None:
    kind = box_type(rotation=True)
    assert kind.parse([{"x": -20, "y": 45, "width": 60, "height": 10, "label": "cat", "rotation": 90}], IMAGE)
    with pytest.raises(Invalid) as refused:
        kind.parse([{"x": 175, "y": 45, "width": 60, "height": 10, "label": "cat", "rotation": 90}], IMAGE)
    assert refused.value.where == "[0].x"


def test_distance_pairs_boxes_of_one_label_that_overlap_by_half() -> None:
    kind = box_type()
    one, near, far = cat(0, 0, 10, 10), cat(1, 0, 10, 10), cat(50, 50, 10, 10)
    assert kind.distance((one,), (near,)) == 0.0
    assert kind.distance((one,), (Boxed(0, 0, 10, 10, "dog"),)) == 1.0
    assert kind.distance((one, far), (near,)) == pytest.approx(1 - 2 / 3)
    assert kind.distance((), (one,)) == 1.0
    assert kind.distance((), ()) == 0.0


def test_boxes_of_more_than_half_are_averaged() -> None:
    values = [(cat(0, 0, 10, 10),), (cat(2, 0, 10, 10), cat(80, 80, 9, 9)), (cat(1, 0, 10, 13),)]
    combined = box_type().combine(values)
    assert combined.value == (cat(1, 0, 10, 11),)
    assert combined.method == "cluster"
    assert combined.confidence == pytest.approx((1 + 2 / 3 + 1) / 3)


def test_one_person_counts_once_in_a_cluster() -> None:
    """Two near boxes of one person are not a majority of two."""
    near = (cat(0, 0, 10, 10), cat(2, 0, 10, 10))
    assert box_type().combine([near, (), ()]).value == ()
    assert box_type().combine([(cat(0, 0, 10, 10),), near]).value == (cat(0, 0, 10, 10),)
    assert box_type().combine([(cat(0, 0, 10, 10),), (cat(50, 0, 10, 10),)]).value == ()


def test_neighbours_stay_apart() -> None:
    """Two boxes that overlap by more than half each find their own."""
    left, right = cat(0, 0, 10, 10), cat(3, 0, 10, 10)
    assert box_type().combine([(left, right), (left, right), (left, right)]).value == (left, right)


def test_of_turned_boxes_the_most_central_stays() -> None:
    values = [(cat(0, 0, 20, 10, angle),) for angle in (350.0, 0.0, 12.0)]
    assert box_type(rotation=True).combine(values).value == (cat(0, 0, 20, 10, 0.0),)


@given(
    st.lists(
        st.lists(boxes.filter(lambda b: not b.rotation), max_size=4, unique=True), min_size=1, max_size=4
    )
)
@settings(deadline=None)
def test_what_boxes_come_to_is_an_answer(answers: list[list[Boxed]]) -> None:
    kind = box_type()
    value = kind.combine([tuple(sorted(answer)) for answer in answers]).value
    assert kind.parse(kind.dump(value), {"photo": "photo.jpg"}) == value


def test_elements_carry_the_rotation() -> None:
    turned = cat(1, 2, 3, 4, 5)
    expected = BoxElement(field="photo", x=1, y=2, width=3, height=4, label="cat", rotation=5)
    assert box_type(rotation=True).elements((turned,)) == (expected,)
    with pytest.raises(Invalid):
        box_type().from_elements([expected], IMAGE)


def test_too_many_boxes_are_refused() -> None:
    raw = [{"x": i, "y": 0, "width": 1, "height": 1, "label": "cat"} for i in range(1_001)]
    with pytest.raises(Invalid, match="More than 1000"):
        box_type().parse(raw, {"photo": "photo.jpg"})


def test_flag_takes_the_first_image() -> None:
    assert Box.from_flag("cat,dog", FIELDS) == {"field": "photo", "labels": ["cat", "dog"]}
    with pytest.raises(Invalid, match="no image field"):
        Box.from_flag("cat", {"text": "text"})
