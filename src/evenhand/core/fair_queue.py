"""Start-time fair queueing with a charge in advance: who is served next, and what it costs.

The rule is spec/neutrality.md 3.2 (Goyal, Vin, Cheng 1997, doi:10.1109/90.649569; Sheng et al. 2024,
arXiv:2401.00588). A *flow* is a client in a pool that organizations share, a project in a pool of one's own.
Integers only, or replays differ: a tag counts charge times `UNIT` over weight, and weights divide `UNIT`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

UNIT = 720_720  # divisible by every weight up to 16, so that tags stay integers

T = TypeVar("T")


class FairQueue:
    """The backlogged flows of one pool while a window is decided.

    Most flows are never looked at in a window, so nothing is made for each: there is a heap of tags, and only
    where several flows have the same one are their ties worked out.
    """

    def __init__(
        self,
        tags: Mapping[str, int],
        virtual: int,
        weight: Callable[[str], int],
        rank: Callable[[list[str]], None],
        more: Iterable[tuple[int, list[str]]] = (),
    ) -> None:
        """
        Args:
            tags: flow -> its tag.
            virtual: the largest tag at a selection so far.
            weight: of a flow: a positive divisor of `UNIT`.
            rank: brings flows with the same tag into their order.
            more: (tag, flows that have it) of further ones, by tag; read as far as needed: rarely far.
        """
        self.virtual = virtual
        self.changed: dict[str, int] = {}  # flow -> its tag, of those that were charged
        self._weight = weight
        self._rank = rank
        self._flows: dict[int, list[str]] = {}  # tag -> flows
        self._heap: list[int] = []
        for flow, tag in tags.items():
            self._put(tag, [flow])
        self._more = iter(more)
        self._next = next(self._more, None)

    def serve(self, fits: Callable[[str], T | None], charge: int) -> tuple[str, T, int] | None:
        """Charge the flow with the smallest tag for which `fits` finds something.

        Returns:
            The flow, what was found, and the flow's tag when it was chosen; None when nothing fits.
        """
        passed: list[int] = []
        try:
            while self._read_on():
                tag = heapq.heappop(self._heap)
                passed.append(tag)
                for flow in self._ranked(tag):
                    found = fits(flow)
                    if found is not None:
                        self._charge(flow, tag, charge)
                        return flow, found, tag
            return None
        finally:
            for tag in passed:
                if self._flows[tag]:
                    heapq.heappush(self._heap, tag)
                else:
                    del self._flows[tag]

    def _read_on(self) -> bool:
        """Take up the further flows whose turn it may be; whether any flow is left."""
        while self._next is not None and (not self._heap or self._next[0] <= self._heap[0]):
            self._put(*self._next)
            self._next = next(self._more, None)
        return bool(self._heap)

    def _put(self, tag: int, flows: list[str]) -> None:
        if tag in self._flows:
            self._flows[tag] += flows
        elif flows:
            self._flows[tag] = flows
            heapq.heappush(self._heap, tag)

    def _ranked(self, tag: int) -> list[str]:
        """The flows with this tag in their order."""
        flows = self._flows[tag]
        if len(flows) > 1:
            self._rank(flows)
        return flows

    def _charge(self, flow: str, tag: int, charge: int) -> None:
        self.virtual = max(self.virtual, tag)
        now = tag + cost(charge, self._weight(flow))
        self.changed[flow] = now
        if now == tag:
            return
        self._flows[tag].remove(flow)
        self._put(now, [flow])


def cost(charge: int, weight: int) -> int:
    """What a charge, in units of price, adds to the tag of a flow of this weight."""
    return charge * (UNIT // weight)


def lifted(tag: int, virtual: int) -> int:
    """The tag of a flow that becomes backlogged: nobody saves up a claim while away."""
    return max(tag, virtual)


def settled(tag: int, weight: int, charged: int, price: int) -> int:
    """The tag of a flow once a task has cost `price`, for which `charged` was charged in advance."""
    return tag + cost(price - charged, weight)
