"""One request on its way: what the handlers at the edge see of it, and what they give back."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from evenhand.http.limits import origin_of
from evenhand.http.problems import Turned
from evenhand.service.accounts import Caller

if TYPE_CHECKING:
    from evenhand.http.app import App

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


PROCESS = secrets.token_hex(4)  # so that numbers of two processes, or after a restart, differ
_numbers = itertools.count(1)


class Gone(Exception):
    """The client hung up; nobody waits for an answer."""


class Reply(msgspec.Struct, frozen=True):
    """An answer with more to it than its body."""

    body: Any  # of the route's `gives`
    headers: dict[str, str] = {}


class Call:
    """One request."""

    __slots__ = ("app", "caller", "headers", "id", "limit", "name", "params", "query", "receive", "scope")

    def __init__(self, app: App, scope: Scope, receive: Receive) -> None:
        self.app = app
        self.scope = scope
        self.id = f"{PROCESS}{next(_numbers):x}"  # by which the client's report finds our log line
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.params: tuple[str, ...] = ()  # of the path, in its order
        self.name = "/"  # of the route, for metrics and log
        self.query: dict[str, Any] = {}  # checked
        self.caller: Caller | None = None
        self.limit = 0  # bytes of the body at most
        self.receive = receive

    @property
    def signed_in(self) -> Caller:
        """The caller of a route that is not public."""
        assert self.caller is not None, "the route asks for one"
        return self.caller

    @property
    def host(self) -> str:
        """The name under which the client reached us."""
        return self.headers.get("host", "")

    @property
    def base_url(self) -> str:
        """What links to this node begin with."""
        return self.app.edge.base_url(self.scope["scheme"], self.host)

    @property
    def secure(self) -> bool:
        """Whether the browser came by TLS, here or at the proxy before us."""
        return self.base_url.startswith("https:")

    @property
    def address(self) -> str:
        """The client's network address; behind a proxy, what the server took from its headers."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def origin(self) -> str:
        """Where on the network the client is, as far as tries are counted by it."""
        return origin_of(self.address)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            Turned: 413, it is longer than the route takes.
            Gone: the client hung up.
        """
        self._check_length(int(self.headers.get("content-length") or 0))
        received, more = 0, True
        while more:
            chunk, more = await self._chunk()
            received += len(chunk)
            self._check_length(received)
            if chunk:
                yield chunk

    async def body(self) -> bytes:
        """The whole body; see `chunks`."""
        self._check_length(int(self.headers.get("content-length") or 0))
        body, more = await self._chunk()
        self._check_length(len(body))
        if not more:
            return body
        pieces, received = [body], len(body)
        async for chunk in self.chunks():
            pieces.append(chunk)
            received += len(chunk)
            self._check_length(received)
        return b"".join(pieces)

    async def _chunk(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether there are more."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        return message.get("body", b""), message.get("more_body", False)

    async def in_thread(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run something that takes its time, beside the loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.app.node.readers, partial(function, *args, **kwargs))

    async def outside(self, owner: str, function: Callable[..., T], *args: Any) -> T:
        """Run what waits for a host of somebody else, where it holds up nobody but its organization."""
        return await asyncio.wrap_future(self.app.node.outside.submit(owner, function, *args))

    async def hashing(self, function: Callable[..., T], *args: Any) -> T:
        """Run a password hash, where a flood of them holds up nobody's reads."""
        return await asyncio.get_running_loop().run_in_executor(self.app.node.hashers, function, *args)

    async def read(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(reader, *args)` in a snapshot of the store."""
        return await self.in_thread(self._read, function, args)

    def _read(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        with self.app.node.store.read() as reader:
            return function(reader, *args)

    def _check_length(self, length: int) -> None:
        if length > self.limit:
            raise Turned(
                413,
                "body.size",
                f"The body has more than {self.limit} bytes.",
                "",
                "Send less, or in pieces.",
                {"Connection": "close"},
            )
