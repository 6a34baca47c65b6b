"""Start-time fair queueing with a charge in advance: who is served next, and what it costs.

The rule is spec/neutrality.md 3.2 (Goyal, Vin, Cheng 1997, doi:10.1109/90.649569; Sheng et al. 2024,
arXiv:2401.00588). A *flow* is a client in a pool that organizations share, a project in a pool of one's own.
Integers only, or replays differ: a tag counts charge times `UNIT` over weight, and weights divide `UNIT`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TypeVar

UNIT = 720_720  # divisible by every weight up to 16, so that tags stay integers

T = TypeVar("T")


class Flow:
    """What the queue knows of one flow. Ties between equal tags are worked out only where there are any."""

    __slots__ = ("_tie", "id", "tag", "tie", "weight")

    def __init__(self, id_: str, tag: int, weight: int, tie: Callable[[str], int | str]) -> None:
        self.id = id_
        self.tag = tag
        self.weight = weight  # a positive divisor of UNIT
        self.tie = tie
        self._tie: tuple[int | str, str] | None = None

    def __lt__(self, other: Flow) -> bool:
        return self.tag < other.tag if self.tag != other.tag else self.rank() < other.rank()

    def rank(self) -> tuple[int | str, str]:
        """Order among flows with the same tag."""
        if self._tie is None:
            self._tie = (self.tie(self.id), self.id)
        return self._tie


class FairQueue:
    """The backlogged flows of one pool while a window is decided."""

    def __init__(self, flows: Iterable[Flow], virtual: int) -> None:
        self.virtual = virtual  # the largest tag at a selection so far
        self._heap = list(flows)
        heapq.heapify(self._heap)

    def serve(self, fits: Callable[[str], T | None], charge: int) -> tuple[Flow, T, int] | None:
        """Charge the flow with the smallest tag for which `fits` finds something.

        Returns:
            The flow, what was found, and the flow's tag when it was chosen; None when nothing fits.
        """
        passed: list[Flow] = []
        try:
            while self._heap:
                flow = heapq.heappop(self._heap)
                passed.append(flow)
                found = fits(flow.id)
                if found is not None:
                    tag = flow.tag
                    self.virtual = max(self.virtual, tag)
                    flow.tag += cost(charge, flow.weight)
                    return flow, found, tag
            return None
        finally:
            for flow in passed:
                heapq.heappush(self._heap, flow)


def cost(charge: int, weight: int) -> int:
    """What a charge, in units of price, adds to the tag of a flow of this weight."""
    return charge * (UNIT // weight)


def lifted(tag: int, virtual: int) -> int:
    """The tag of a flow that becomes backlogged: nobody saves up a claim while away."""
    return max(tag, virtual)


def settled(tag: int, weight: int, charged: int, price: int) -> int:
    """The tag of a flow once a task has cost `price`, for which `charged` was charged in advance."""
    return tag + cost(price - charged, weight)
