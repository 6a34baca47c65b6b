"""Who calls: an API key, or a session cookie with its CSRF token. Hosts and origins are checked first."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from evenhand.http.problems import Turned
from evenhand.lane import now_ms
from evenhand.node import Node
from evenhand.service import accounts
from evenhand.service.accounts import Caller
from evenhand.store import Reader

COOKIE = "evenhand_session"
FRESH_MS = 2_000  # how long a caller is believed without asking the store; other processes notice by then
KEPT = 10_000  # callers, and Host headers, in memory
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Callers:
    """Who holds which secret, remembered for a moment, so that the busy routes need no read."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._known: dict[bytes, tuple[int, Caller | None]] = {}  # hash -> until when, who

    def forget(self) -> None:
        """Ask the store again for everybody: somebody's rights have changed. Rare, and cheap enough."""
        self._known.clear()

    async def of_key(self, secret: str) -> Caller | None:
        """Who holds this API key."""
        return await self._caller(accounts.hash_secret(secret), accounts.resolve_key)

    async def of_session(self, secret: str) -> Caller | None:
        """Whose session this is."""
        return await self._caller(accounts.hash_secret(secret), accounts.resolve_session)

    async def _caller(self, digest: bytes, resolve: Resolve) -> Caller | None:
        now = now_ms()
        until, caller = self._known.get(digest, (0, None))
        if now < until:
            return caller
        loop = asyncio.get_running_loop()
        caller = await loop.run_in_executor(self._node.readers, self._ask, digest, resolve, now)
        if len(self._known) >= KEPT:
            self._known.clear()
        end = min(now + FRESH_MS, caller.expires_ms) if caller else now + FRESH_MS
        if caller is not None:  # a stranger's guesses must not push out those who are known
            self._known[digest] = (end, caller)
            await self._note_use(caller, now)
        return caller

    def _ask(self, digest: bytes, resolve: Resolve, now: int) -> Caller | None:
        with self._node.store.read() as reader:
            return resolve(reader, digest, now)

    async def _note_use(self, caller: Caller, now: int) -> None:
        """Move the end of a session that is used, at most daily; note when a key was used, at most hourly."""
        if caller.session is not None and slides(caller, now):
            await self._node.lane.write(accounts.slide_session, caller.session)
        elif caller.key is not None and caller.used_ms < now - accounts.HOUR_MS:
            await self._node.lane.write(accounts.touch_key, caller.key)


Resolve = Callable[[Reader, bytes, int], Caller | None]


def slides(caller: Caller, now: int) -> bool:
    """Whether a day of the session has passed, so that its end and its cookie move."""
    return caller.expires_ms < now + accounts.SESSION_MS - accounts.DAY_MS


class Edge:
    """What a request must pass before a verb sees it."""

    def __init__(self, public_url: str | None, host: str, allowed: tuple[str, ...]) -> None:
        """Args: the settings of the same names."""
        named = {host.lower(), *(name.lower() for name in allowed)}
        if public_url is not None:
            named.add(urlsplit(public_url).hostname or "")
        self._any = "*" in named
        self._hosts = named | {"localhost"}
        self._addresses = host in ("0.0.0.0", "::", "")  # open to the network: reached by any address of it
        self.public_url = public_url
        self._accepted: set[str] = set()  # Host headers that were looked at and are ours

    def check_host(self, host: str) -> None:
        """Refuse a name that is not ours: behind it may be a foreign page that speaks to this machine.

        Raises:
            Turned: 400.
        """
        if host in self._accepted:
            return
        name = _hostname(host)
        if self._any or name in self._hosts or self._is_address(name):
            if len(self._accepted) < KEPT:
                self._accepted.add(host)
            return
        raise Turned(
            400,
            "host",
            f"This node does not answer to the name {name!r}.",
            "Host",
            "Whoever runs the node can add the name to EVENHAND_ALLOWED_HOSTS.",
        )

    def _is_address(self, name: str) -> bool:
        """Addresses are no names, so no foreign page can stand behind one by way of DNS."""
        try:
            return ipaddress.ip_address(name).is_loopback or self._addresses
        except ValueError:
            return False

    def base_url(self, scheme: str, host: str) -> str:
        """What links to this node begin with."""
        return self.public_url or f"{scheme}://{host}"

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Refuse a change that a page of another origin sends with our cookie.

        Raises:
            Turned: 403.
        """
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin")
        foreign = site not in ("same-origin", "none")
        if origin is not None and not foreign:
            foreign = not self._is_ours(origin, headers.get("host", ""))
        if foreign:
            raise Turned(403, "session.origin", "This request comes from another site's page.", "Origin")

    def _is_ours(self, origin: str, host: str) -> bool:
        if self.public_url is not None and origin == _origin(self.public_url):
            return True
        return urlsplit(origin).netloc.lower() == host.lower() != ""


def check_csrf(caller: Caller, given: str | None) -> None:
    """A change by cookie needs the session's token, which only our own pages know.

    Raises:
        Turned: 403.
    """
    if not has_csrf(caller, given):
        raise Turned(
            403,
            "session.csrf",
            "The header X-Evenhand-CSRF is missing, or not that of this session.",
            "X-Evenhand-CSRF",
            "Fetch GET /api/v1/session and send its `csrf`.",
        )


def has_csrf(caller: Caller, given: str | None) -> bool:
    """Whether the token is the session's."""
    expected = (caller.csrf or "").encode()
    return bool(expected) and hmac.compare_digest(expected, (given or "").encode("latin-1", "replace"))


def bearer(headers: Mapping[str, str]) -> str | None:
    """The API key of the request, if it shows one.

    `Token` is what programs of Label Studio write before theirs, such as a backend that fetches a medium.
    """
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() in ("bearer", "token") and secret.strip() else None


def cookie(headers: Mapping[str, str], name: str = COOKIE) -> str | None:
    """A cookie of the request."""
    for part in headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None


def set_cookie(value: str, seconds: int, secure: bool, name: str = COOKIE, path: str = "/") -> str:
    """A Set-Cookie header; no script sees the cookie, and no other site's form sends it."""
    flags = "; Secure" if secure else ""
    return f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{flags}"


def _hostname(host: str) -> str:
    """Host header to name: without port and brackets, lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def is_loopback(name: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
