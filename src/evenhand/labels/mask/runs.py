"""Masks as runs: how much two overlap, and what a majority covers, without a bitmap in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

TIE = 1e-9  # sums of weights so near to half of all are half: else the order of additions would decide


class Masked(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled set of pixels. Sorts by label, then by its runs."""

    label: str  # id of the label
    width: int  # pixels of the image, after EXIF orientation
    height: int  # pixels
    runs: tuple[int, ...]  # lengths of alternating runs, off first, row by row; only the first may be 0


def stretches(runs: Sequence[int]) -> tuple[Ints, Ints]:
    """(starts, ends) of what is on, as positions in the image read row by row, ends excluded."""
    edges = np.cumsum(np.array(runs, np.int64))
    ends = edges[1::2]
    return edges[0::2][: len(ends)], ends


def runs_of(starts: Ints, ends: Ints, total: int) -> tuple[int, ...]:
    """The runs of stretches that are in order and do not touch, in an image of so many pixels."""
    edges = np.empty(2 * len(starts) + 2, np.int64)
    edges[0], edges[-1] = 0, total
    edges[1:-1:2], edges[2:-1:2] = starts, ends
    runs = np.diff(edges).tolist()
    return tuple(runs if runs[-1] else runs[:-1])


class Measured(NamedTuple):
    """A mask, read once."""

    mask: Masked
    label: str
    starts: Ints  # of what is on, as positions in the image read row by row
    ends: Ints  # excluded
    before: Ints  # pixels on before each stretch, and in all

    def on_before(self, places: Ints) -> Ints:
        """How many pixels of the mask come before each of these places."""
        inside = np.searchsorted(self.starts, places, "right")
        over = np.where(inside > 0, np.maximum(self.ends[inside - 1] - places, 0), 0)
        return np.asarray(self.before[inside] - over)


def measure(mask: Masked) -> Measured:
    """The mask with its stretches."""
    starts, ends = stretches(mask.runs)
    return Measured(mask, mask.label, starts, ends, np.concatenate([[0], np.cumsum(ends - starts)]))


def hulls(masks: Sequence[Measured]) -> npt.NDArray[np.float64]:
    """A row for each: first row of pixels and 0, end of the last one and 1."""
    rows = [(m.starts[0] // m.mask.width, 0, (m.ends[-1] - 1) // m.mask.width + 1, 1) for m in masks]
    return np.array(rows, np.float64)


def overlap(a: Measured, b: Measured) -> float:
    """Intersection over union of two sets of pixels: 0 to 1. Masks of images of two sizes share none."""
    if (a.mask.width, a.mask.height) != (b.mask.width, b.mask.height):
        return 0.0
    shared = int((a.on_before(b.ends) - a.on_before(b.starts)).sum())
    return shared / (int(a.before[-1]) + int(b.before[-1]) - shared)


def majority(masks: Sequence[Masked], weights: Sequence[float] | None = None) -> Masked | None:
    """The pixels that are on in more than half of these masks of one size (at least one), or in masks of
    more than half of the weight; None where there are none.

    Where all overlap the first one by half or more, and count alike, such pixels exist: inside of it the
    mean of how many masks cover a pixel is more than half.
    """
    first, held = masks[0], np.ones(len(masks)) if weights is None else np.array(weights) / max(weights)
    parts = [stretches(mask.runs) for mask in masks]
    places = np.concatenate([edges for part in parts for edges in part])
    signed = [(weight, -weight) for weight in held]
    steps = np.concatenate(
        [np.full(len(starts), sign) for (starts, _), two in zip(parts, signed, strict=True) for sign in two]
    )
    at, where = np.unique(places, return_inverse=True)
    covered = np.cumsum(np.bincount(where, weights=steps))
    most = np.concatenate([[False], 2 * covered > held.sum() + TIE])
    starts, ends = at[most[1:] & ~most[:-1]], at[~most[1:] & most[:-1]]
    if not len(starts):
        return None
    return Masked(first.label, first.width, first.height, runs_of(starts, ends, first.width * first.height))
