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
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from evenhand.core.errors import Invalid, Refused, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

SECONDS = 10.0  # that one request may take, from the first byte to the last
PIECE = 1 << 16  # bytes that a packed answer is unpacked to at once
LONGEST_URL = 2_000  # characters
_WRAPPED = tuple(  # RFC 6052, RFC 8215; RFC 4291 2.5.5.1, RFC 2765 2.1
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96"))
)
_NEAR = frozenset(map(ipaddress.ip_address, ("168.63.129.16",)))
"""Addresses that look public and are inside: where Azure tells a machine its secrets."""


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
            allowed: host names and addresses that may be private, lower case (EVENHAND_OUTBOUND_HOSTS); each
                with a port behind it, or for all of its ports.
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
        named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if not self._allowed & {host, named}:
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
        import httpcore  # here, since most nodes never send anything, and it takes its time to load

        target, named = self._target(url)
        sent = {"user-agent": "evenhand", "accept-encoding": "identity", **headers, "host": named["host"]}
        network = _until(time.monotonic() + seconds)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._trust, network_backend=network) as pool,
                pool.stream(
                    method,
                    target,
                    headers=list(sent.items()),
                    content=content or None,
                    extensions={"sni_hostname": named["name"], "timeout": dict.fromkeys(_WAITS, seconds)},
                ) as answer,
            ):
                found = {
                    name.lower().decode("latin-1"): value.decode("latin-1") for name, value in answer.headers
                }
                yield answer.status, found, _plain(found.get("content-encoding", ""), answer.iter_stream())
        except _failures() as error:
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
        path, query = quote(parts.path or "/", safe=_AS_IT_IS), quote(parts.query, safe=_AS_IT_IS + "?")
        return urlunsplit((parts.scheme, f"{shown}{port}", path, query, "")), named


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet, whichever way it is written."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and address not in _NEAR


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


_WAITS = ("connect", "read", "write", "pool")
_AS_IT_IS = "/%:@!$&'()*+,;=~"  # RFC 3986, 3.3: what stays in a path; all else is percent-encoded


def _until(limit: float) -> Any:
    """A network that is over at `limit` (of the monotonic clock), whatever it is doing then.

    Time-outs of clients begin anew with each byte: who sends one byte of a header now and then would hold
    the caller for days.
    """
    import httpcore

    def left(timeout: float | None) -> float:
        rest = limit - time.monotonic()
        if rest <= 0:
            raise httpcore.ReadTimeout("the answer takes too long")
        return rest if timeout is None else min(rest, timeout)

    class Stream(httpcore.NetworkStream):
        def __init__(self, inner: httpcore.NetworkStream) -> None:
            self._inner = inner

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return self._inner.read(max_bytes, left(timeout))

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self._inner.write(buffer, left(timeout))

        def close(self) -> None:
            self._inner.close()

        def start_tls(
            self,
            ssl_context: ssl.SSLContext,
            server_hostname: str | None = None,
            timeout: float | None = None,
        ) -> httpcore.NetworkStream:
            return Stream(self._inner.start_tls(ssl_context, server_hostname, left(timeout)))

        def get_extra_info(self, info: str) -> Any:
            return self._inner.get_extra_info(info)

    class Network(httpcore.NetworkBackend):
        def connect_tcp(
            self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
        ) -> httpcore.NetworkStream:
            return Stream(network.connect_tcp(host, port, left(timeout), *more, **named))

    network = httpcore.SyncBackend()
    return Network()


def _plain(encoding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The body without its content encoding, in pieces that fit into memory however well it was packed.

    Raises:
        One of `_failures`: it is packed in a way that was not asked for, or badly.
    """
    import httpcore

    if encoding.strip().lower() in ("", "identity"):
        yield from pieces
        return
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        raise httpcore.RemoteProtocolError(f"the answer is packed as {encoding[:50]!r}")
    unpacker = zlib.decompressobj(wbits=31)
    for piece in pieces:
        while piece:
            yield unpacker.decompress(piece, PIECE)
            piece = unpacker.unconsumed_tail


def _failures() -> tuple[type[Exception], ...]:
    """What goes wrong on the way to another machine, or comes back from it."""
    import httpcore

    network = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)
    return (*network, httpcore.UnsupportedProtocol, zlib.error)


def _failed(url: str, error: Any) -> Unavailable:
    said = re.sub(r"\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    host = urlsplit(url).netloc.rpartition("@")[2]
    return Unavailable(
        "outbound.failed", f"No answer came from {host}: {said[:200]}.", url, "Try again later."
    )
