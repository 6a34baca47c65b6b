"""The HTTP interface of a node as one ASGI application: find the route, know the caller, run the verb."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from evenhand.config import OidcProvider
from evenhand.core.errors import EvenhandError, Missing
from evenhand.http import auth, openapi, pages, people, problems, scale, transfer
from evenhand.http.auth import SAFE, Callers, Edge
from evenhand.http.backends import Predictor
from evenhand.http.call import Call, Gone, Receive, Reply, Scope
from evenhand.http.courier import Courier
from evenhand.http.limits import Buckets
from evenhand.http.metrics import Metrics
from evenhand.http.problems import Turned
from evenhand.http.protocol import AT_ONCE
from evenhand.http.routes import TABLE, Route
from evenhand.http.routing import Bound, Tree
from evenhand.http.static import Assets
from evenhand.lane import now_ms
from evenhand.node import Node

if TYPE_CHECKING:
    from evenhand.http.oidc import Provider

log = logging.getLogger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_encode = msgspec.json.Encoder().encode

ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
JSON: tuple[Header, ...] = (
    *ALWAYS,
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
PROBLEM = tuple((k, b"application/problem+json") if k == b"content-type" else (k, v) for k, v in JSON)

DRAW = 8.0  # seconds that somebody waits for a draw in two phases before they are told to ask again
PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by address, by whatever name: they say nothing that a foreign page could use."""


class App:
    """The application. One for each process."""

    def __init__(self, node: Node, assets: Assets | None = None) -> None:
        config = node.config
        self.node = node
        self.assets = assets or Assets()
        self.edge = Edge(config.public_url, config.host, config.allowed_hosts)
        self.callers = Callers(node)
        self.tries_by_address = Buckets(30, 2.0)
        self.tries_by_email = Buckets(10, 30.0)
        self.metrics = Metrics(node)
        self.oidc = _providers(config.oidc)
        self.document = _encode(openapi.document(TABLE))
        self._tree = Tree(TABLE)
        self._scale = scale.Front(self, scale.WAYS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI has it."""
        if scope["type"] != "http":
            await self._lifespan(receive, send) if scope["type"] == "lifespan" else None
            return
        started = time.perf_counter()
        call = Call(self, scope, receive)
        noted = _Noted(send, call)
        try:
            await self._handle(call, noted)
        except Gone:
            return
        except Exception as error:
            await self._failed(call, noted, error)
        seconds = time.perf_counter() - started
        self.metrics.note(scope["method"], call.name, noted.status, seconds)
        if log.isEnabledFor(logging.DEBUG):
            fields = {"request": call.id, "status": noted.status, "ms": round(1000 * seconds, 1)}
            log.debug("%s %s", scope["method"], call.name, extra={"fields": fields})

    async def _handle(self, call: Call, send: _Noted) -> None:
        path: str = call.scope["path"]
        if path not in PROBES:
            self.edge.check_host(call.host)
        if "\0" in path:  # PostgreSQL could not even look for it
            raise Missing("not-found", "There is no such address.", "", "See /api/openapi.json.")
        if path.startswith("/api/v1/"):
            await self._api(call, path[7:], send)
        elif path.startswith(("/v1/", "/v2/")):
            await self._compatible(call, send)
        else:
            await self._outside(call, path, send)

    async def _failed(self, call: Call, send: _Noted, error: Exception) -> None:
        """Answer with a problem, unless half of an answer is out: then only a cut can tell."""
        if send.status:
            raise error
        if isinstance(error, EvenhandError):
            problem, headers = problems.problem_of(error), problems.headers_of(error)
            if problem.status == 500:
                log.error("%s", error, exc_info=error, extra={"fields": {"request": call.id}})
        else:
            problem, headers = problems.unexpected(error, f"{call.scope['method']} {call.name}", call.id), {}
        extra = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        await self._send(send, problem.status, _encode(problem), PROBLEM, extra)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    # ---- the interface ---------------------------------------------------------------------

    async def _api(self, call: Call, path: str, send: _Noted) -> None:
        """Answer one call of the interface."""
        methods, call.params = self._tree.find(path)
        method = call.scope["method"]
        bound = methods.get("GET" if method == "HEAD" else method)
        if bound is None:
            raise _no_route(methods)
        call.name = bound.template
        await self._answer(call, bound, method, send)

    async def _answer(self, call: Call, bound: Bound, method: str, send: _Noted) -> None:
        route = bound.route
        call.limit = route.bytes
        secret = await self._identify(call, route, method)
        call.query = bound.query(call.scope["query_string"])
        reply = await self._run(call, bound)
        if route.changes_people:
            self.callers.forget()
        extra = self._cookie_again(call, secret)
        if isinstance(reply, Response):
            await self._respond(call, reply, send)
            return
        if isinstance(reply, Reply):
            extra += [(k.lower().encode(), v.encode()) for k, v in reply.headers.items()]
            reply = reply.body
        body = reply if isinstance(reply, bytes) else None if reply is None else _encode(reply)
        await self._send(send, 204 if body is None else 200, body or b"", JSON, extra)

    async def _run(self, call: Call, bound: Bound) -> Any:
        route = bound.route
        if route.kind == "edge":
            return await route.verb(call)
        arguments: list[Any] = [] if route.permission == "public" else [call.signed_in.actor]
        arguments += bound.path_arguments(call.params)
        if bound.decode is not None:
            arguments.append(problems.decoded(bound.decode, await call.body()))
        if route.kind == "write":
            arguments += call.query.values()
            answer = await self.node.lane.write(route.verb, *arguments)
            limit = time.monotonic() + DRAW
            while route.again is not None and route.again(answer) and time.monotonic() < limit:
                await self.node.drawn()
                answer = await self.node.lane.write(route.verb, *arguments)
            return answer if route.finish is None else route.finish(answer, call)
        return await call.in_thread(self._read, call, route, arguments)

    def _read(self, call: Call, route: Route, arguments: list[Any]) -> bytes:
        with self.node.store.read() as reader:
            answer = route.verb(reader, *arguments, **call.query)
        return _encode(answer if route.finish is None else route.finish(answer, call))

    async def _identify(self, call: Call, route: Route, method: str) -> str | None:
        """Find out who calls; gives the cookie's secret when it was one.

        Raises:
            Turned: nobody, where somebody is needed; or a page of another site sent the request.
        """
        key = auth.bearer(call.headers)
        if key is not None:
            call.caller = await self.callers.of_key(key)
            secret = None
        else:
            secret = auth.cookie(call.headers)
            if method not in SAFE:
                self.edge.check_origin(call.headers)
            if secret is not None:
                call.caller = await self.callers.of_session(secret)
        if route.permission == "public":
            return secret
        if call.caller is None:
            raise people.not_signed_in()
        if secret is not None and method not in SAFE:
            auth.check_csrf(call.caller, call.headers.get("x-evenhand-csrf"))
        return secret

    def _cookie_again(self, call: Call, secret: str | None) -> list[Header]:
        """The cookie lives as long as the session, whose end has just moved."""
        if secret is None or call.caller is None or not auth.slides(call.caller, now_ms()):
            return []
        cookie = auth.set_cookie(secret, 30 * 86400, call.secure)
        return [(b"set-cookie", cookie.encode())]

    async def _compatible(self, call: Call, send: _Noted) -> None:
        """Answer one call of Scale's client, errors of ours included, in its words."""
        try:
            status, body, headers = await self._scale.answer(call)
        except Gone:
            raise
        except Exception as error:
            problem = problems.unexpected(error, f"{call.scope['method']} {call.name}", call.id)
            status, body, headers = 500, scale.error_body(500, problem.detail), {}
        extra = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        await self._send(send, status, body, JSON, extra)

    # ---- everything beside it --------------------------------------------------------------

    async def _outside(self, call: Call, path: str, send: Send) -> None:
        """Pages, assets, log, health."""
        call.name, page = pages.find(path)
        if call.scope["method"] not in SAFE:
            raise Turned(405, "method", "This address can only be fetched.", "", "", {"Allow": "GET, HEAD"})
        await self._respond(call, await page(call), send)

    # ---- answers ---------------------------------------------------------------------------

    async def _respond(self, call: Call, response: Response, send: Send) -> None:
        """Send a Starlette response, with our headers where it has none of its own."""
        own = {name for name, _ in response.raw_headers}
        response.raw_headers += [header for header in ALWAYS if header[0] not in own]
        response.raw_headers.append((b"evenhand-checkpoint", self.node.checkpoint().encode()))
        await response(call.scope, call.receive, send)

    async def _send(
        self, send: _Noted, status: int, body: bytes, base: tuple[Header, ...], extra: Sequence[Header]
    ) -> None:
        headers = [(b"evenhand-checkpoint", self.node.checkpoint().encode()), *extra]
        if status != 204:
            headers.append((b"content-length", b"%d" % len(body)))
        await send.whole(status, base, headers, body)


class _Noted:
    """`send`, which names the request in its answer, and notes the status."""

    __slots__ = ("_at_once", "_id", "_send", "status")

    def __init__(self, send: Send, call: Call) -> None:
        self._send = send
        self._at_once = call.scope.get("extensions", {}).get(AT_ONCE)
        self._id = (b"x-request-id", call.id.encode())
        self.status = 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], self._id]
        await self._send(message)

    async def whole(
        self, status: int, base: tuple[Header, ...], headers: Sequence[Header], body: bytes
    ) -> None:
        """Send a whole answer; in one piece, where the server takes it so."""
        if self._at_once is None:
            await self({"type": "http.response.start", "status": status, "headers": [*base, *headers]})
            await self({"type": "http.response.body", "body": body})
            return
        self.status = status
        await self._at_once(_head(status, base) + _lines((*headers, self._id)), body)


@lru_cache(256)
def _head(status: int, base: tuple[Header, ...]) -> bytes:
    """The status line, and the headers that are always the same."""
    return STATUS_LINE[status] + _lines(base)


def _lines(headers: Sequence[Header]) -> bytes:
    """Headers as they stand in an answer."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    assert lines.count(b"\n") == len(headers), "a header is one line"
    return lines


def _no_route(methods: dict[str, Bound]) -> EvenhandError:
    if not methods:
        return Missing("not-found", "There is no such address.", "", "See /api/openapi.json.")
    allowed = ", ".join(sorted(methods))
    return Turned(405, "method", f"This address takes {allowed}.", "", "", {"Allow": allowed})


def _providers(settings: Sequence[OidcProvider]) -> dict[str, Provider]:
    """Loaded only where somebody uses it: it takes as long as everything else together."""
    if not settings:
        return {}
    from evenhand.http import oidc

    return {provider.name: oidc.Provider(provider) for provider in settings}


def resume(app: App) -> None:
    """Take up what a stop has interrupted, in the one process that sequences."""
    app.node.on_lead(lambda: transfer.resume(app.node))
    courier = Courier(app.node)
    app.node.beside.append(courier.stop)
    app.node.on_lead(courier.start)
    predictor = Predictor(app.node)
    app.node.beside.append(predictor.stop)
    app.node.on_lead(predictor.start)
