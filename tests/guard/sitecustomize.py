"""No test may reach another machine. Python loads this by its name when the folder is on `PYTHONPATH`.

The suite puts it there for every process that it starts, and loads it into its own. Connections that
do not pass through Python (libpq, uvloop, the browser) are seen by `watch.py`.
"""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

LOG = "EVENHAND_TEST_OUTBOUND_LOG"  # file to which each attempt is added


def is_local(address: Any) -> bool:
    """Whether a socket address stays on this machine. Unix sockets and other families do."""
    if not isinstance(address, tuple) or not address:
        return True
    return host_is_local(address[0])


def host_is_local(host: Any) -> bool:
    """Whether a host name or address is the loopback. An unknown name is not: looking it up asks a server."""
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return True
    try:
        found = ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def report(what: str) -> None:
    """Write the attempt down, so that it counts even when the code under test swallows the error."""
    log = os.environ.get(LOG)
    if log:
        with Path(log).open("a") as out:
            out.write(what + "\n")


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        outside = not is_local(arguments[1])
    elif event == "socket.getaddrinfo":
        outside = not host_is_local(arguments[0])
    else:
        return
    if outside:
        report(
            f"{event} {arguments[1] if event != 'socket.getaddrinfo' else arguments[0]!r} by {sys.argv[:3]}"
        )
        raise PermissionError(f"Tests may not reach other machines: {event} {arguments!r}")


if os.environ.get(LOG):
    sys.addaudithook(hook)
