"""Ports of the loopback for servers that are told theirs, and for addresses where nobody listens."""

from __future__ import annotations

import os
import random
import re
import socket

# The kernel gives away ports from 32768 up: to whoever binds port 0, and to each connection. One of those,
# free a moment ago, may have been given away before its server binds it, or while that is down.
LOWEST, HIGHEST = 12_000, 32_000
WORKERS = 64  # of pytest-xdist, at most: each has ports that no other one takes

_taken: set[int] = set()


def take() -> int:
    """A port on which nobody listens, for the caller alone until the tests end."""
    own = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % WORKERS
    ports = [port for port in range(LOWEST + own, HIGHEST, WORKERS) if port not in _taken]
    for port in random.SystemRandom().sample(ports, len(ports)):  # another run of the suite takes others
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken.add(port)
        return port
    raise AssertionError(f"Somebody listens on each of the ports {LOWEST} to {HIGHEST}.")
