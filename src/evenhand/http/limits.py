"""Token buckets in memory: how often one address or one e-mail address may try to sign in."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable

from evenhand.http.problems import Turned

IPV6_BITS = 64  # of an address that one network gives to one customer (RFC 6177)
KEPT = 100_000  # buckets in memory; a full one says nothing and is dropped first


def origin_of(address: str) -> str:
    """What counts as one place on the network: an IPv4 address, or the network of an IPv6 one."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv4Address):
        return address
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ipaddress.ip_network((read, IPV6_BITS), strict=False))


class Buckets:
    """Each key may do `burst` things at once, then one each `seconds`."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._seconds = seconds
        self._clock = clock
        self._full_at: dict[str, float] = {}  # key -> when its bucket is full again

    def take(self, key: str) -> None:
        """Use one token.

        Raises:
            Turned: 429; there is none, and the header says for how long.
        """
        now = self._clock()
        full_at = max(self._full_at.get(key, now), now) + self._seconds
        wait = full_at - now - self._burst * self._seconds
        if wait > 1e-9:
            raise Turned(
                429,
                "too-many",
                "Too many tries.",
                "",
                f"Wait {math.ceil(wait)} seconds.",
                {"Retry-After": str(math.ceil(wait))},
            )
        if len(self._full_at) >= KEPT:
            self._forget(now)
        self._full_at[key] = full_at

    def forgive(self, key: str) -> None:
        """Fill the bucket again: this was the right one."""
        self._full_at.pop(key, None)

    def give_back(self, key: str) -> None:
        """Return the token that `take` took, and none of those before it."""
        if key in self._full_at:
            self._full_at[key] -= self._seconds

    def _forget(self, now: float) -> None:
        """Drop full buckets; and all of them when that is not enough, rather than grow without end."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= KEPT:
            self._full_at.clear()
