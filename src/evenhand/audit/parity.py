"""Whether clients fare alike: tests that hold at any time, however long one looks (neutrality spec, 3.6).

An *e-process* is a bet against "on average nobody fares worse by more than the tolerance". Its value K is the
money of a player who began with 1; by Ville's inequality it exceeds 1/a with probability at most a, at any
time, if the statement is true. Sources: Ville 1939; Waudby-Smith and Ramdas 2024, doi:10.1093/jrsssb/qkad009;
Vovk and Wang 2021, doi:10.1214/20-AOS2020 (merging by averages).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

TOLERANCE = 0.02  # differences below this, in [-1, 1], are nobody's concern: published
ALPHA = 0.01  # how often an honest log may be accused at all, over all clients
LAMBDAS = (0.05, 0.1, 0.2, 0.4, 0.6)
METRICS = {
    "band": "skill band of the annotators who serve it",
    "skipped": "how often its tasks are given back",
    "lapsed": "how often its leases run out",
    "slow": "how long its answers take",
    "first": "how often it is first in line when somebody becomes unavailable",
}
CONTROL = {"band": "EN-5", "skipped": "EN-28", "lapsed": "EN-27", "slow": "EN-7", "first": "EN-32"}
_LARGEST = 600.0  # of a logarithm: beyond it the value is only ever compared


@dataclass(slots=True)
class EProcess:
    """A bet on one side: that the mean of X in [-1, 1] is above the tolerance."""

    logs: tuple[float, ...] = (0.0,) * len(LAMBDAS)
    count: int = 0
    peak: float = 0.0  # logarithm of the largest K so far; a mean is never above its largest part

    def take(self, x: float) -> tuple[float, ...]:
        """One more observation; gives the logarithm of each rate's bet."""
        self.count += 1
        a, b, c, d, e = self.logs
        p, q, r, s, t = _steps(x)
        self.logs = logs = (a + p, b + q, c + r, d + s, e + t)
        return logs

    @property
    def value(self) -> float:
        """K: the mean over the rates of betting."""
        return sum(math.exp(min(log, _LARGEST)) for log in self.logs) / len(self.logs)


@lru_cache(maxsize=4096)  # bands, skips and lapses take few values
def _steps(x: float) -> tuple[float, ...]:
    """What one observation adds to the logarithm of each bet."""
    gain = (x - TOLERANCE) / (1 + TOLERANCE)
    return tuple([math.log1p(rate * gain) for rate in LAMBDAS])


@dataclass
class Parity:
    """All bets of one pool: client x metric x side."""

    bets: dict[tuple[str, str, int], EProcess] = field(default_factory=dict)
    peaks: dict[tuple[str, str, int], tuple[float, int]] = field(default_factory=dict)  # (largest K, leaf)
    _waiting: dict[str, deque[tuple[str, float]]] = field(default_factory=dict)  # metric -> (client, value)

    def take(self, client: str, metric: str, value: float, leaf: int) -> None:
        """Match an event of a client with the last one of somebody else that is free; each is used once.

        Args:
            value: in [0, 1].
            leaf: where it happened.
        """
        waiting = self._waiting.get(metric)
        if waiting is None:
            waiting = self._waiting[metric] = deque(maxlen=16)
        if not waiting or waiting[-1][0] == client:  # those that wait are all of one client
            waiting.append((client, value))
            return
        partner, other = waiting.pop()
        self._bet(client, metric, value - other, leaf)
        self._bet(partner, metric, other - value, leaf)

    def observe(self, client: str, metric: str, x: float, leaf: int) -> None:
        """An observation that is a difference already, in [-1, 1]."""
        self._bet(client, metric, x, leaf)

    def _bet(self, client: str, metric: str, x: float, leaf: int) -> None:
        for side in (1, -1):
            key = (client, metric, side)
            bet = self.bets.get(key)
            if bet is None:
                bet = self.bets[key] = EProcess()
            logs = bet.take(side * x)
            if max(logs) > bet.peak and (value := bet.value) > self.peaks.get(key, (1.0, 0))[0]:
                self.peaks[key] = (value, leaf)
                bet.peak = math.log(value)

    def alarms(self, pools: int = 1) -> Iterable[tuple[str, str, int, float, int]]:
        """(client, metric, side, e-value, leaf) whose peak is above what the budget allows.

        Each bet may cost `ALPHA / (pools * len(bets))`: so all of a log together at most `ALPHA`.
        """
        limit = pools * max(len(self.bets), 1) / ALPHA
        for (client, metric, side), (peak, leaf) in sorted(self.peaks.items()):
            if peak >= limit:
                yield client, metric, side, peak, leaf

    def merged(self) -> dict[str, float]:
        """Client -> its e-values averaged over metrics and sides: one number that is an e-value again."""
        values: dict[str, list[float]] = {}
        for (client, _, _), bet in self.bets.items():
            values.setdefault(client, []).append(bet.value)
        return {client: sum(all_) / len(all_) for client, all_ in sorted(values.items())}
