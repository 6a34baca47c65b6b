"""How much two polygons overlap, whatever their shape, and the upright box around each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Floats = npt.NDArray[np.float64]

MOST_LINES = 4_000
"""Up to so many horizontal lines the overlap is exact; beyond, it is measured on so many, evenly spread."""

AT_ONCE = 256
"""Strips measured in one step, so that memory stays bounded."""


class Outlined(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled polygon. Sorts by its points."""

    points: tuple[
        Point, ...
    ]  # (x, y) in pixels after EXIF orientation, 2 decimals; the first is not repeated
    label: str  # id of the label


def hulls(polygons: Sequence[Outlined]) -> Floats:
    """Left, top, right and bottom of the upright box around each."""
    corners = [np.array(polygon.points) for polygon in polygons]
    return np.array([(*points.min(axis=0), *points.max(axis=0)) for points in corners])


def is_flat(points: Sequence[Point]) -> bool:
    """Whether all points lie on one line, so that there is no area between them."""
    (x, y), *others = points
    far = max(others, key=lambda p: abs(p[0] - x) + abs(p[1] - y), default=(x, y))
    return all(abs((far[0] - x) * (q - y) - (far[1] - y) * (p - x)) < 1e-6 for p, q in others)


def overlap(a: Outlined, b: Outlined) -> float:
    """Intersection over union of the two areas: 0 to 1. Inside is what the even-odd rule says.

    The plane is cut into horizontal strips at every corner and crossing, after Bentley and Ottmann 1979,
    10.1109/TC.1979.1675432. Within a strip no edges cross, so that what lies between two edges is a
    trapezoid: its area is its width at half height times its height.
    """
    one, two = sorted((a, b))  # in one order: not even the last digit may depend on it
    edges = np.concatenate([_edges(one.points), _edges(two.points)])
    owner = np.repeat([0, 1], [len(_edges(one.points)), len(_edges(two.points))])
    lines = _lines(edges)
    both = either = 0.0
    for at in range(0, len(lines) - 1, AT_ONCE):
        shared, covered = _measure(edges, owner, lines[at : at + AT_ONCE + 1])
        both, either = both + shared, either + covered
    return min(both / either, 1.0) if either else float(a.points == b.points)


def _edges(points: Sequence[Point]) -> Floats:
    """(x, y) of the upper and of the lower end of each edge that is not level."""
    ends = np.array(points)
    edges = np.concatenate([ends, np.roll(ends, -1, axis=0)], axis=1)
    edges = edges[edges[:, 1] != edges[:, 3]]
    return np.asarray(np.where((edges[:, 1] < edges[:, 3])[:, None], edges, edges[:, [2, 3, 0, 1]]))


def _lines(edges: Floats) -> Floats:
    """Heights, in order, between which no edges cross."""
    x0, y0, x1, y1 = edges.T
    slope = (x1 - x0) / (y1 - y0)
    start = x0 - slope * y0
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (start[None] - start[:, None]) / (slope[:, None] - slope[None])
    inside = (crossing > np.maximum(y0[:, None], y0[None])) & (crossing < np.minimum(y1[:, None], y1[None]))
    lines = np.unique(np.concatenate([y0, y1, crossing[inside]]))
    return lines if len(lines) <= MOST_LINES else np.linspace(lines[0], lines[-1], MOST_LINES)


def _measure(edges: Floats, owner: npt.NDArray[np.int64], lines: Floats) -> tuple[float, float]:
    """Area in both polygons, and in at least one, between the first and the last of these lines."""
    x0, y0, x1, y1 = (column[None] for column in edges.T)
    middle = ((lines[:-1] + lines[1:]) / 2)[:, None]
    across = (y0 < middle) & (middle < y1)
    x = np.where(across, x0 + (x1 - x0) * (middle - y0) / (y1 - y0), np.inf)
    order = np.argsort(x, axis=1, kind="stable")
    x, across = np.take_along_axis(x, order, 1), np.take_along_axis(across, order, 1)
    inside = [np.cumsum(across & (owner[order] == which), axis=1) % 2 == 1 for which in (0, 1)]
    width = np.diff(np.where(across, x, 0.0), axis=1) * (across[:, 1:] & across[:, :-1])
    area = width * np.diff(lines)[:, None]
    shared, covered = inside[0] & inside[1], inside[0] | inside[1]
    return float(area[shared[:, :-1]].sum()), float(area[covered[:, :-1]].sum())
