"""What operators watch, for Prometheus. No label says whose request it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenhand.node import Node

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one process."""

    def __init__(self, node: Node) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "evenhand_request_seconds",
            "Time to answer, by route.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.answers = Counter(
            "evenhand_answers",
            "Answers, by route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.open = Gauge("evenhand_requests_open", "Requests being answered now.", registry=self.registry)
        self.registry.register(_OfNode(node))
        self._timers: dict[tuple[str, str], Histogram] = {}
        self._counters: dict[tuple[str, str, int], Counter] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        timer = self._timers.get((method, route))
        if timer is None:
            timer = self._timers[method, route] = self.requests.labels(method, route)
        timer.observe(seconds)
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._counters[method, route, status] = self.answers.labels(method, route, str(status))
        counter.inc()

    def text(self) -> bytes:
        """In the text format."""
        return generate_latest(self.registry)


class _OfNode(Collector):
    """Numbers that the node keeps anyway, read when somebody asks."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        lane = self._node.lane
        yield CounterMetricFamily("evenhand_lane_commits", "Groups made durable.", lane.committed)
        yield CounterMetricFamily(
            "evenhand_lane_verbs", "Changes made durable; divided by commits: the mean group.", lane.verbs
        )
        yield GaugeMetricFamily("evenhand_lane_waiting", "Changes that wait now.", lane.waiting())
        yield GaugeMetricFamily("evenhand_ledger_leaves", "Size of the newest checkpoint.", self._leaves())
        yield GaugeMetricFamily("evenhand_ledger_lag", "Events not in a checkpoint yet.", self._node.lag())
        cosigner = self._node.cosigner
        if cosigner is not None:
            told = [not standing.reason for standing in cosigner.standings.values()]
            yield GaugeMetricFamily("evenhand_witnesses", "Witnesses that are asked.", len(told))
            yield GaugeMetricFamily("evenhand_witnesses_cosigning", "Those that cosign.", sum(told))
            yield GaugeMetricFamily(
                "evenhand_cosigned_age_seconds", "Since enough witnesses have cosigned.", cosigner.age()
            )
        yield GaugeMetricFamily("evenhand_ready", "1 when the node can work.", float(not self._node.health()))

    def _leaves(self) -> int:
        return int(self._node.checkpoint().partition(":")[0])
