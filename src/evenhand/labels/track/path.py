"""Where a box is at any time, and how far two boxes that move overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.core.label import Keyframe
from evenhand.labels.matching import Hulls, most_central

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SAMPLES = 100
"""Times at which two tracks are compared."""

STRAIGHT = 0.001
"""Part of a side by which a keyframe that a consensus leaves out may be off the line between others."""


class Tracked(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One thing that moves. Sorts by its keyframes, then label."""

    keyframes: tuple[Keyframe, ...]  # by time, each time once; the first is not outside
    label: str  # id of the label


def at(track: Tracked, times: Floats) -> tuple[Floats, Flags]:
    """(left, top, right and bottom [times, 4], whether it is there [times]).

    Between two keyframes each edge goes on a straight line; behind the last one it stays. Where the track is
    outside, or has not begun, the edges are those of the nearest line, and it is not there.
    """
    frames = track.keyframes
    known = np.array([frame.time for frame in frames])
    edges = np.array([(k.x, k.y, k.x + k.width, k.y + k.height) for k in frames])
    found = np.stack([np.interp(times, known, edges[:, i]) for i in range(4)], axis=1)
    last = np.searchsorted(known, times, side="right") - 1
    inside = ~np.array([frame.outside for frame in frames])
    return found, (last >= 0) & inside[np.maximum(last, 0)]


def overlap(a: Tracked, b: Tracked) -> float:
    """Intersection over union in space and time, from the first keyframe of both to the last one.

    The sums over all frames of both areas, as for masks in Yang et al. 2019, 10.1109/ICCV.2019.00529; taken
    at `SAMPLES` times in the middle of equal parts.
    """
    start = min(a.keyframes[0].time, b.keyframes[0].time)
    end = max(a.keyframes[-1].time, b.keyframes[-1].time)
    times = start + (end - start) * (np.arange(SAMPLES) + 0.5) / SAMPLES
    if end == start:
        times = np.array([start])
    (one, here), (two, there) = at(a, times), at(b, times)
    low, high = np.maximum(one[:, :2], two[:, :2]), np.minimum(one[:, 2:], two[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)[here & there].sum()
    sizes = [
        np.prod(e[:, 2:] - e[:, :2], axis=1)[is_there].sum() for e, is_there in ((one, here), (two, there))
    ]
    whole = sizes[0] + sizes[1] - shared
    return round(float(shared / whole), 9) if whole > 0 else 0.0


def hulls(tracks: Sequence[Tracked]) -> Hulls:
    """The box around all that each track passes."""
    found = []
    for track in tracks:
        frames = track.keyframes
        right, bottom = max(k.x + k.width for k in frames), max(k.y + k.height for k in frames)
        found.append((min(k.x for k in frames), min(k.y for k in frames), right, bottom))
    return np.array(found)


def between(tracks: Sequence[Tracked], weights: Sequence[float]) -> Tracked:
    """The track in the middle of these (at least one): there when half of the weight says so.

    At each time of a keyframe every edge is the weighted median of those tracks that are there; of all that
    have begun, where the most say that it is not. Keyframes that a straight line stands for are left out.
    """
    times = np.array(sorted({frame.time for track in tracks for frame in track.keyframes}))
    seen = [at(track, times) for track in tracks]
    edges, there = np.array([one for one, _ in seen]), np.array([two for _, two in seen])
    held = np.array(weights, float)
    begun = np.array([times >= track.keyframes[0].time for track in tracks])
    frames: list[Keyframe] = []
    for i, time in enumerate(times.tolist()):
        is_there = 2 * float(held @ there[:, i]) >= float(held.sum()) - 1e-9
        if not is_there and (not frames or frames[-1].outside):
            continue
        voices = there[:, i] if is_there else begun[:, i]
        box = [_median(edges[voices, i, side], held[voices]) for side in range(4)]
        frames.append(keyframe(time, box, outside=not is_there))
    if not frames:  # never half of them at once: a chain of tracks, each near the next
        return most_central(tracks, overlap, list(weights))
    return Tracked(tuple(_straightened(frames)), tracks[0].label)


def keyframe(time: float, edges: Sequence[float], outside: bool = False) -> Keyframe:
    """A keyframe, rounded: edges, not sides, so that what ends at the edge of the picture still does."""
    x, y, right, bottom = (round(float(edge), 5) + 0.0 for edge in edges)
    return Keyframe(round(time, 3) + 0.0, x, y, round(right - x, 5), round(bottom - y, 5), outside)


def _median(values: Floats, weights: Floats) -> float:
    """The weighted median; in the middle of two where half of the weight is on either side."""
    order = np.argsort(values, kind="stable")
    ordered, passed = values[order], np.cumsum(weights[order])
    half = float(passed[-1]) / 2
    first = int(np.searchsorted(passed, half - 1e-9))
    next_ = min(first + 1, len(ordered) - 1) if abs(float(passed[first]) - half) <= 1e-9 else first
    return float(ordered[first] + ordered[next_]) / 2


def _straightened(frames: list[Keyframe]) -> list[Keyframe]:
    """Without keyframes that a straight line between others passes (Douglas and Peucker 1973)."""
    marks = [
        0,
        *(i for i, k in enumerate(frames) if k.outside or (i and frames[i - 1].outside)),
        len(frames) - 1,
    ]
    ends = sorted(set(marks))
    kept = set(ends)
    stretches = list(itertools.pairwise(ends))
    table = np.array([(k.time, k.x, k.y, k.x + k.width, k.y + k.height) for k in frames])
    while stretches:
        first, last = stretches.pop()
        if last - first < 2:
            continue
        part = table[first : last + 1]
        line = np.stack(
            [np.interp(part[:, 0], part[[0, -1], 0], part[[0, -1], i]) for i in range(1, 5)], axis=1
        )
        off = np.abs(part[:, 1:] - line).max(axis=1)
        worst = int(off.argmax())
        if off[worst] > STRAIGHT:
            kept.add(first + worst)
            stretches += [(first, first + worst), (first + worst, last)]
    return [frame for i, frame in enumerate(frames) if i in kept]
