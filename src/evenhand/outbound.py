"""The one door through which the node sends requests to addresses that somebody else chose.

Callbacks, webhooks and remote media name a web address. Behind it may stand a machine that only this
one can reach: a metadata service, a database, the operator's own pages. So each name is looked up
once, every address behind it is checked, and the connection goes to the address that was checked:
a name that answers otherwise the second time (DNS rebinding) wins nothing. Redirects are not
followed here; who follows one comes through the door again.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from evenhand.core.errors import Invalid, Refused, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

SECONDS = 10.0  # that one request may take from the first byte to the last
LONGEST_URL = 2_000  # characters
_WRAPPED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))  # RFC 6052, RFC 8215


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # its first bytes, at most as many as were asked for


class Door:
    """Sends requests to public addresses, and to the private ones that the operator has named."""

    def __init__(self, allowed: tuple[str, ...] = (), resolve: Resolve | None = None) -> None:
        """
        Args:
            allowed: host names and addresses that may be private, lower case (EVENHAND_OUTBOUND_HOSTS).
            resolve: (name, port) -> addresses; the machine's own unless a test gives another.
        """
        self._allowed = frozenset(name.lower() for name in allowed)
        self._resolve = resolve or _addresses

    def check(self, url: str) -> str:
        """Pass a URL that a request could be sent to now; gives the address behind it.

        Raises:
            Invalid: it is no web address.
            Refused: it leads into a private network.
            Unavailable: its name cannot be looked up now.
        """
        host, port = _parts(url)
        found = self._resolve(host, port)
        if host not in self._allowed:
            for address in found:
                if not is_public(ipaddress.ip_address(address)):
                    raise Refused(
                        "outbound.private",
                        f"{host} is inside a private network, which this node sends nothing to.",
                        url,
                        "Whoever runs the node can name the host in EVENHAND_OUTBOUND_HOSTS.",
                    )
        return found[0]

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes = b"",
        keep: int = 2_000,
        seconds: float = SECONDS,
    ) -> Answer:
        """One request, whole; of the answer's body the first `keep` bytes.

        Raises:
            Invalid, Refused, Unavailable: see `check`; or no answer came in time.
        """
        with self.open(method, url, headers, content, seconds) as (status, found, pieces):
            body = b""
            for piece in pieces:
                body += piece
                if len(body) >= keep:
                    break
        return Answer(status=status, headers=found, body=body[:keep])

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = {},
        content: bytes = b"",
        seconds: float = SECONDS,
    ) -> Iterator[tuple[int, Mapping[str, str], Iterator[bytes]]]:
        """The same with the body in pieces, of which the caller takes as many as it wants.

        Raises:
            Invalid, Refused, Unavailable: see `send`.
        """
        import httpx  # here, since most nodes never send anything, and it takes its time to load

        target, named = self._target(url)
        sent = {"user-agent": "evenhand", **headers, "host": named["host"]}
        try:
            with (
                httpx.Client(verify=self._trust, timeout=seconds, trust_env=False) as client,
                client.stream(
                    method,
                    target,
                    headers=sent,
                    content=content or None,
                    extensions={"sni_hostname": named["name"]},
                ) as answer,
            ):
                yield answer.status_code, answer.headers, _within(answer.iter_bytes(), seconds)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise _failed(url, error) from error

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """The usual authorities and those of this machine; made once, for it costs more than a request."""
        import certifi

        trust = ssl.create_default_context(cafile=certifi.where())
        trust.set_default_verify_paths()
        return trust

    def _target(self, url: str) -> tuple[str, dict[str, str]]:
        """(the URL with the checked address in place of the name, what the other side is called)."""
        address = self.check(url)
        parts = urlsplit(url)
        host, _ = _parts(url)
        shown = f"[{address}]" if ":" in address else address
        port = f":{parts.port}" if parts.port is not None else ""
        named = {"host": f"[{host}]{port}" if ":" in host else f"{host}{port}", "name": host}
        return urlunsplit((parts.scheme, f"{shown}{port}", parts.path or "/", parts.query, "")), named


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet, whichever way it is written."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _WRAPPED):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _parts(url: str) -> tuple[str, int]:
    """(host, port) of a web address.

    Raises:
        Invalid: it is none, or carries a password, which would end up in logs.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna").decode() if parts.hostname else ""
    except (ValueError, UnicodeError):
        host, port = "", None
    if not host or parts.scheme not in ("http", "https") or len(url) > LONGEST_URL or not url.isprintable():
        raise Invalid("outbound.url", "This is no web address.", url[:200], "Write https://host/path.")
    if parts.username is not None or parts.password is not None:
        raise Invalid("outbound.url", "The address carries a name or password.", parts.hostname or "", "")
    return host, port or (443 if parts.scheme == "https" else 80)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(
            "outbound.name", f"The name {host} cannot be looked up.", host, "Check the address."
        ) from error
    return [str(entry[4][0]).partition("%")[0] for entry in found]


def _within(pieces: Iterator[bytes], seconds: float) -> Iterator[bytes]:
    """The pieces until the time is over: a client's time-out begins anew with each byte."""
    limit = time.monotonic() + seconds
    for piece in pieces:
        yield piece
        if time.monotonic() > limit:
            raise TimeoutError("the answer takes too long")


def _failed(url: str, error: Any) -> Unavailable:
    said = re.sub(r"\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    host = urlsplit(url).netloc.rpartition("@")[2]
    return Unavailable(
        "outbound.failed", f"No answer came from {host}: {said[:200]}.", url, "Try again later."
    )
