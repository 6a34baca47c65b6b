"""What the node answers beside its interface: pages, assets, the public log, health, metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from evenhand.core.errors import Missing
from evenhand.http import auth, static
from evenhand.http.call import Call
from evenhand.http.problems import Turned

Page = Callable[[Call], Awaitable[Response]]


def _coding(call: Call) -> str:
    """How the answer may be packed."""
    return call.headers.get("accept-encoding", "")


async def _manage(call: Call) -> Response:
    return call.app.assets.page("manage.html", _coding(call))


async def _annotate(call: Call) -> Response:
    return call.app.assets.page("annotate.html", _coding(call))


async def _offline(call: Call) -> Response:
    return call.app.assets.offline(_coding(call))


async def _neutrality(call: Call) -> Response:
    return call.app.assets.page("neutrality.html", _coding(call))


async def _asset(call: Call) -> Response:
    name = call.scope["path"].removeprefix("/assets/")
    return call.app.assets.asset(name, _coding(call))


async def _log(call: Call) -> Response:
    return static.log_file(call.app.node.public, call.scope["path"].removeprefix("/log/"))


async def _openapi(call: Call) -> Response:
    return Response(call.app.document, headers={"Cache-Control": "no-cache"}, media_type="application/json")


async def _healthz(call: Call) -> Response:
    return Response("ok\n", media_type="text/plain")


async def _readyz(call: Call) -> Response:
    reason = await call.in_thread(call.app.node.health)
    told = reason or "\n".join(filter(None, ("ready", call.app.node.remark())))
    return Response(f"{told}\n", 503 if reason else 200, media_type="text/plain")


async def _metrics(call: Call) -> Response:
    token = call.app.node.config.metrics_token
    if token is not None and auth.bearer(call.headers) != token:
        raise Turned(401, "metrics.token", "Metrics need the token EVENHAND_METRICS_TOKEN.", "Authorization")
    if token is None and not auth.is_loopback(call.address):
        raise Turned(
            403, "metrics.loopback", "Metrics are for this machine only.", "", "Set EVENHAND_METRICS_TOKEN."
        )
    text = await call.in_thread(call.app.metrics.text)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _oidc(call: Call) -> Response:
    from evenhand.http import oidc

    return await oidc.page(call)


async def _none(call: Call) -> Response:
    raise Missing("not-found", "There is no such page.", "")


EXACT: dict[str, Page] = {
    "/healthz": _healthz,
    "/readyz": _readyz,
    "/metrics": _metrics,
    "/api/openapi.json": _openapi,
    "/annotate": _annotate,
    "/annotate-worker.js": _offline,
    "/neutrality": _neutrality,
}
BELOW: tuple[tuple[str, Page], ...] = (
    ("/assets/", _asset),
    ("/log/", _log),
    ("/annotate/", _annotate),
    ("/auth/oidc/", _oidc),
    ("/api/", _none),
)


def find(path: str) -> tuple[str, Page]:
    """(name, handler) of an address outside the interface; the manager's page finds its own way."""
    if path in EXACT:
        return path, EXACT[path]
    for prefix, page in BELOW:
        if path.startswith(prefix):
            return prefix, page
    return ("/", _none) if "." in path.rpartition("/")[2] else ("/", _manage)
