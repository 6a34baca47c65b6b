"""Watches the kernel's socket tables for connections that we or our children hold to other machines."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

PERIOD = 0.2  # seconds: a connection attempt to nowhere hangs for longer

# Chromium asks the kernel whether there is a route for IPv6 by naming this peer on a UDP socket that it
# closes at once (net/dns/host_resolver_manager.cc). Naming a peer sends nothing, and no switch stops it.
ROUTE_QUESTION = ("udp6", "2001:4860:4860::8888")


def remote_sockets() -> Iterator[tuple[str, str]]:
    """(inode, address) of each socket of this machine that has a peer outside the loopback."""
    for table in ("tcp", "tcp6", "udp", "udp6"):
        path = Path("/proc/net") / table
        if not path.exists():
            continue
        yield from peers(table, path.read_text())


def peers(table: str, text: str) -> Iterator[tuple[str, str]]:
    """(inode, address) of each socket of one of the kernel's tables that has a peer outside the loopback."""
    for line in text.splitlines()[1:]:
        parts = line.split()
        host, _, port = parts[2].partition(":")
        address = decode(host)
        if not (address.is_loopback or address.is_unspecified or (table, str(address)) == ROUTE_QUESTION):
            yield parts[9], f"{address}:{int(port, 16)}"


def decode(text: str):  # type: ignore[no-untyped-def]  # IPv4Address or IPv6Address, by length
    """The address in the kernel's form: groups of four bytes, each in the machine's (little-endian) order."""
    raw = bytes.fromhex(text)
    found = ip_address(b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4)))
    return getattr(found, "ipv4_mapped", None) or found


def family(root: int) -> set[int]:
    """This process and all its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # ended meanwhile
    members = {root}
    while new := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= new
    return members


def holders(inodes: set[str], pids: set[int]) -> Iterator[str]:
    """The inodes out of `inodes` that one of these processes holds open."""
    links = {link for pid in pids for link in open_files(pid)}
    yield from (inode for inode in inodes if f"socket:[{inode}]" in links)


def open_files(pid: int) -> Iterator[str]:
    """What the process's descriptors point to."""
    with suppress(OSError):  # the process ended meanwhile
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # the descriptor was closed meanwhile; the listing's own always is
                yield str(link.readlink())


class Watch(threading.Thread):
    """Looks every `PERIOD` seconds, and reports each connection of ours once."""

    def __init__(self, report: Callable[[str], None], allowed: frozenset[str] = frozenset()) -> None:
        super().__init__(daemon=True, name="outbound-watch")
        self.report = report
        self.allowed = allowed  # "address:port" that may be reached, such as a database given from outside
        self.ended = threading.Event()
        self.seen: set[str] = set()

    def run(self) -> None:
        while not self.ended.wait(PERIOD):
            self.look()

    def look(self) -> None:
        found = {inode: peer for inode, peer in remote_sockets() if inode not in self.seen}
        found = {inode: peer for inode, peer in found.items() if peer not in self.allowed}
        if not found:
            return
        for inode in holders(set(found), family(os.getpid())):
            self.seen.add(inode)
            self.report(f"connection to {found[inode]}")
