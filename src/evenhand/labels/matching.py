"""Which pieces of several answers mean the same thing: boxes, polygons, masks, points or stretches of time.

A type says how close two pieces are (`Closeness`); what agrees and what a majority drew follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")

MATCH = 0.5
"""Two areas mean the same thing from this overlap on (Everingham et al. 2010, 10.1007/s11263-009-0275-4)."""

NEAR = 0.3
"""Two areas may mean the same thing from this overlap on, whatever their labels, where they are weighed."""

Closeness = Callable[[Sequence[T], Sequence[T]], Sequence[Mapping[int, float]]]
"""For each of the first pieces: position among the second of those that may mean the same -> how close.

It must not depend on which side is asked: ``c(a, b)[i][j] == c(b, a)[j][i]``.
"""

Hulls = npt.NDArray[np.float64]
"""A row for each piece: left, top, right and bottom of the upright box around it."""


def difference(a: Sequence[T], b: Sequence[T], closeness: Closeness[T]) -> float:
    """1 - F1 of the most pieces that can be paired: 0 to 1. Two empty answers agree."""
    if not a and not b:
        return 0.0
    return 1.0 - 2 * pairable([list(row) for row in closeness(a, b)]) / (len(a) + len(b))


def agreed(values: Sequence[Sequence[T]], closeness: Closeness[T]) -> list[list[T]]:
    """Pieces that more than half of the answers have: each list holds at most one of each answer."""
    clusters: list[dict[int, T]] = []  # position of the answer -> its piece
    for who, pieces in enumerate(values):
        _gather(clusters, who, pieces, closeness)
    return [list(cluster.values()) for cluster in clusters if 2 * len(cluster) > len(values)]


def _gather(clusters: list[dict[int, T]], who: int, pieces: Sequence[T], closeness: Closeness[T]) -> None:
    """Put each piece of one answer to the free cluster whose first piece is closest, or alone."""
    firsts = [next(iter(cluster.values())) for cluster in clusters]
    for piece, close in zip(pieces, closeness(pieces, firsts), strict=True):
        free = [(score, -i) for i, score in close.items() if who not in clusters[i]]
        if free:
            clusters[-max(free)[1]][who] = piece
        else:
            clusters.append({who: piece})


def gathered(values: Sequence[Sequence[T]], closeness: Closeness[T]) -> list[dict[int, T]]:
    """Every piece of these answers, with those of others that mean the same: position of the answer -> piece.

    The closest two are put together first, those of one label before others, and then what they already
    are with; never two of one answer. Of equally close ones the first come first. So the order of answers
    decides nothing else, which cannot be said of `agreed`.
    """
    places = [(who, i) for who, pieces in enumerate(values) for i in range(len(pieces))]
    home = {place: {place[0]: place[1]} for place in places}
    for _, one, other in sorted(_links(values, closeness)):
        here, there = home[one], home[other]
        if here is not there and not here.keys() & there.keys():
            here |= there
            home.update(dict.fromkeys(there.items(), here))
    found = {id(cluster): cluster for cluster in home.values()}
    return [{who: values[who][i] for who, i in sorted(cluster.items())} for cluster in found.values()]


def _links(
    values: Sequence[Sequence[Any]], closeness: Closeness[Any]
) -> Iterator[tuple[tuple[bool, float], tuple[int, int], tuple[int, int]]]:
    """Two pieces of different answers that may mean the same, with what sorts the closest first."""
    for who, other in combinations(range(len(values)), 2):
        for i, row in enumerate(closeness(values[who], values[other])):
            for j, close in row.items():
                apart = values[who][i].label != values[other][j].label
                yield (apart, -round(close, 9)), (who, i), (other, j)


def most_central(
    pieces: Sequence[T], overlap: Callable[[T, T], float], weights: Sequence[float] | None = None
) -> T:
    """The piece that overlaps all others most; the first of equals. Others count by their weights."""
    held = weights or [1.0] * len(pieces)
    shared = [
        sum(w * overlap(piece, other) for w, other in zip(held, pieces, strict=True)) for piece in pieces
    ]
    return pieces[shared.index(max(shared))]


def new(kept: Sequence[T], piece: T) -> bool:
    """Whether a piece is none of those that are kept."""
    return piece not in kept


def mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean; weights are above 0."""
    return sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)


def touching(
    a: Sequence[Any], b: Sequence[Any], hulls: Callable[[Sequence[Any]], Hulls], alike: bool = True
) -> list[list[int]]:
    """For each of `a` the positions in `b` of pieces whose hulls overlap; no other can.

    With its label only, unless not `alike`.

    Without this sieve, what three answers of 1,000 boxes come to took 6 seconds.
    """
    if not a or not b:
        return [[] for _ in a]
    one, two = hulls(a)[:, None], hulls(b)[None]
    meet = np.asarray(((one[..., :2] < two[..., 2:]) & (two[..., :2] < one[..., 2:])).all(axis=2))
    return [
        [j for j in np.flatnonzero(meet[i]).tolist() if not alike or b[j].label == piece.label]
        for i, piece in enumerate(a)
    ]


def overlapping(
    a: Sequence[T],
    b: Sequence[T],
    hulls: Callable[[Sequence[T]], Hulls],
    overlap: Callable[[T, T], float],
    least: float = MATCH,
    alike: bool = True,
) -> list[dict[int, float]]:
    """`Closeness` of areas: those that overlap by so much or more; `alike`: with one label."""
    found = []
    for piece, some in zip(a, touching(a, b, hulls, alike), strict=True):
        scores = {j: overlap(piece, b[j]) for j in some}
        found.append({j: score for j, score in scores.items() if score >= least})
    return found


def pairable(links: Sequence[Sequence[int]]) -> int:
    """Most pairs that can be made when `i` may be paired with one of `links[i]`.

    The size of a largest matching does not depend on which side is asked first; a greedy one's does.
    Augmenting paths, after Kuhn 1955, 10.1002/nav.3800020109.
    """
    left: dict[int, int] = {}  # j -> its i
    right: dict[int, int] = {}  # i -> its j
    dead: set[int] = set()  # j that a search in vain has seen: no later search gets through them either
    return sum(_pair(i, links, left, right, dead) for i in range(len(links)))


def _pair(
    i: int, links: Sequence[Sequence[int]], left: dict[int, int], right: dict[int, int], dead: set[int]
) -> bool:
    """Pair `i`, moving others to partners that are still free where that makes room."""
    came: dict[int, int] = {}  # j -> the i that asked for it
    queue = [i]
    for asking in queue:
        for j in links[asking]:
            if j in came or j in dead:
                continue
            came[j] = asking
            if j not in left:
                _move(j, came, left, right)
                return True
            queue.append(left[j])
    dead.update(came)
    return False


def _move(free: int, came: dict[int, int], left: dict[int, int], right: dict[int, int]) -> None:
    """Give each on the way to the free one what it asked for."""
    step: int | None = free
    while step is not None:
        asking = came[step]
        left[step], right[asking], step = asking, step, right.get(asking)
