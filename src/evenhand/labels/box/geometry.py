"""How much two boxes overlap, turned ones too, and the upright box around each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

Point = tuple[float, float]


class Boxed(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled box. Sorts by place, then size. Numbers are rounded to 2 decimals."""

    x: float  # pixels after EXIF orientation: left edge, before any rotation
    y: float  # pixels: top edge
    width: float  # pixels, > 0
    height: float  # pixels, > 0
    label: str  # id of the label
    rotation: float = 0.0  # degrees clockwise about the centre, 0 to below 360

    @property
    def centre(self) -> Point:
        return (self.x + self.width / 2, self.y + self.height / 2)


def overlap(a: Boxed, b: Boxed) -> float:
    """Intersection over union (Jaccard index) of the two areas: 0 to 1."""
    shared = _shared_turned(a, b) if a.rotation or b.rotation else _shared_upright(a, b)
    return min(shared / (a.width * a.height + b.width * b.height - shared), 1.0)


def hulls(boxes: Sequence[Boxed]) -> npt.NDArray[np.float64]:
    """Left, top, right and bottom of the upright box around each."""
    rows = []
    for box in boxes:
        (cx, cy), angle = box.centre, math.radians(box.rotation)
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        w, h = (box.width * cos + box.height * sin) / 2, (box.width * sin + box.height * cos) / 2
        rows.append((cx - w, cy - h, cx + w, cy + h))
    return np.array(rows)


def _shared_upright(a: Boxed, b: Boxed) -> float:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return width * height if width > 0 and height > 0 else 0.0


def _shared_turned(a: Boxed, b: Boxed) -> float:
    """Clip one convex outline by each edge of the other (Sutherland, Hodgman 1974, 10.1145/360767.360802)."""
    outline, edges = map(_corners, sorted((a, b)))  # in one order: not even the last digit may depend on it
    for start, end in zip(edges, edges[1:] + edges[:1], strict=True):
        outline = _clip(outline, start, end)
    return _area(outline)


def _corners(box: Boxed) -> list[Point]:
    """The four corners, clockwise as seen (y grows downwards)."""
    (cx, cy), angle = box.centre, math.radians(box.rotation)
    cos, sin = math.cos(angle), math.sin(angle)
    w, h = box.width / 2, box.height / 2
    return [
        (cx + dx * cos - dy * sin, cy + dx * sin + dy * cos)
        for dx, dy in ((-w, -h), (w, -h), (w, h), (-w, h))
    ]


def _clip(outline: list[Point], start: Point, end: Point) -> list[Point]:
    """The part of the outline on the inner side of one edge."""
    kept: list[Point] = []
    for p, q in zip(outline, outline[1:] + outline[:1], strict=True):
        side_p, side_q = _side(start, end, p), _side(start, end, q)
        if side_p >= 0:
            kept.append(p)
        if (side_p > 0 > side_q) or (side_p < 0 < side_q):
            t = side_p / (side_p - side_q)
            kept.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
    return kept


def _side(start: Point, end: Point, p: Point) -> float:
    """Above 0: on the inner side of the edge."""
    return (end[0] - start[0]) * (p[1] - start[1]) - (end[1] - start[1]) * (p[0] - start[0])


def _area(outline: list[Point]) -> float:
    """Gauss's area formula."""
    pairs = zip(outline, outline[1:] + outline[:1], strict=True)
    return abs(sum(p[0] * q[1] - q[0] * p[1] for p, q in pairs)) / 2
