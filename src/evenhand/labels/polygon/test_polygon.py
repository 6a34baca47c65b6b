"""What is special about polygons."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.core.label import BoxElement
from evenhand.labels.polygon import Polygon, outline
from evenhand.labels.polygon.outline import Outlined, overlap

IMAGE = {"photo": {"blob": "", "width": 200, "height": 100}}
KIND = Polygon.configure({"field": "photo", "labels": ["roof", "pool"]}, {"text": "text", "photo": "image"})


def roof(*points: tuple[float, float], label: str = "roof") -> Outlined:
    return Outlined(tuple((float(x), float(y)) for x, y in points), label)


def square(x: float, y: float, side: float, label: str = "roof") -> Outlined:
    return roof((x, y), (x + side, y), (x + side, y + side), (x, y + side), label=label)


corners = st.tuples(st.integers(0, 12), st.integers(0, 12))
polygons = (
    st.lists(corners, min_size=3, max_size=7, unique=True)
    .map(lambda points: roof(*points))
    .filter(lambda p: not outline.is_flat(p.points))
)


def test_overlap_of_squares_and_of_a_hollow() -> None:
    assert overlap(square(0, 0, 10), square(5, 0, 10)) == pytest.approx(50 / 150)
    assert overlap(square(0, 0, 10), square(10, 0, 10)) == 0.0
    horseshoe = roof((0, 0), (30, 0), (30, 30), (20, 30), (20, 10), (10, 10), (10, 30), (0, 30))
    assert overlap(horseshoe, square(10, 10, 10)) == 0.0
    assert overlap(horseshoe, square(0, 0, 30)) == pytest.approx(700 / 900)


def test_an_outline_that_crosses_itself_holds_what_the_even_odd_rule_says() -> None:
    bow = roof((0, 0), (10, 10), (10, 0), (0, 10))
    assert overlap(bow, square(0, 0, 10)) == pytest.approx(0.5)
    twice = roof(*square(0, 0, 10).points, *square(0, 0, 10).points)  # nothing is inside
    assert overlap(twice, square(0, 0, 10)) == 0.0
    assert overlap(twice, twice) == 1.0


@given(polygons, polygons)
@settings(deadline=None, max_examples=40)
def test_overlap_is_what_counting_points_says(a: Outlined, b: Outlined) -> None:
    measured = overlap(a, b)
    assert measured == overlap(b, a)
    assert 0.0 <= measured <= 1.0
    places = [(x / 4 + 0.11, y / 4 + 0.07) for x in range(50) for y in range(50)]
    inside = [(_holds(a, x, y), _holds(b, x, y)) for x, y in places]
    either = sum(p or q for p, q in inside)
    if either > 300:
        assert measured == pytest.approx(sum(p and q for p, q in inside) / either, abs=0.1)


def _holds(polygon: Outlined, x: float, y: float) -> bool:
    """Whether a ray to the right crosses the outline an odd number of times."""
    points = polygon.points
    crossed = 0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (x1 - x0) * (y - y0) / (y1 - y0):
            crossed += 1
    return crossed % 2 == 1


def test_wild_outlines_are_measured_on_a_bounded_number_of_lines() -> None:
    """Combs whose teeth cross each other 120,000 times: measured in bounded time, a little less exactly."""
    n = 350
    teeth = [(2 * i, 0 if i % 2 else 1000) for i in range(n)]
    combs = (
        roof(*teeth, (2 * n, 1001), (0, 1001)),
        roof(*[(y, x) for x, y in teeth], (1001, 2 * n), (1001, 0)),
    )
    assert overlap(*combs) == overlap(*reversed(combs))
    shared = 245_000**2 / 1e6  # at (x, y) a share of y / 1000 lies in one, of x / 1000 in the other
    assert overlap(*combs) == pytest.approx(shared / (701_400 - shared), rel=0.01)


def test_corners_that_fall_together_are_one() -> None:
    (found,) = KIND.parse([{"points": [[0, 0], [0, 0.001], [9, 0], [9, 9], [0, 0]], "label": "roof"}], IMAGE)
    assert found == roof((0, 0), (9, 0), (9, 9))


def test_too_many_are_refused() -> None:
    many = [{"points": [[i / 10, 0], [i / 10 + 1, 0], [0, 9]], "label": "roof"} for i in range(1_001)]
    with pytest.raises(Invalid, match="More than 1000 polygons"):
        KIND.parse(many, {"photo": "photo.jpg"})
    ring = [[50 + 9 * math.cos(i), 50 + 9 * math.sin(i)] for i in range(1_001)]
    with pytest.raises(Invalid, match="3 to 1000 corners"):
        KIND.parse([{"points": ring, "label": "roof"}], IMAGE)


def test_of_polygons_that_most_drew_the_most_central_stays() -> None:
    values = [(square(0, 0, 10),), (square(1, 0, 10), square(80, 80, 9)), (square(2, 0, 10),)]
    combined = KIND.combine(values)
    assert combined.value == (square(1, 0, 10),)
    assert combined.confidence == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert KIND.distance((square(0, 0, 10),), (square(0, 0, 10, "pool"),)) == 1.0


def test_pieces_of_other_kinds_and_fields_are_refused() -> None:
    with pytest.raises(Invalid):
        KIND.from_elements([BoxElement(field="photo", x=0, y=0, width=9, height=9, label="roof")], IMAGE)
    element = KIND.elements((square(0, 0, 10),))[0]
    other = type(element)(field="text", points=square(0, 0, 10).points, label="roof")
    with pytest.raises(Invalid) as refused:
        KIND.from_elements([element, other], IMAGE)
    assert refused.value.where == "[1].field"
