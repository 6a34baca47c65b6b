"""One request of Scale's client: its way, its key, its body, and the answer that it understands.

Its client counts only 200 as success, reads errors as ``{"status_code", "error"}``, sends empty bodies as
JSON, names with their slashes percent-encoded, and truth values as Python prints them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec

from evenhand.core.errors import EvenhandError, Invalid, Refused
from evenhand.core.policy import Actor
from evenhand.http import problems
from evenhand.http.call import Call
from evenhand.http.problems import Turned
from evenhand.service.accounts import Caller
from evenhand.service.scale import DUPLICATES, Account, account_of, allow

if TYPE_CHECKING:
    from evenhand.http.app import App

SMALL = 1 << 20  # bytes of a body
LARGE = 16 << 20  # bytes of a task
TEST_HEAD, TEST_TAIL = "test_", "|test"

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Way(NamedTuple):
    """One method of one path; the front's own table of routes."""

    method: str
    path: str  # "{}" stands for one segment, which may hold encoded slashes
    handler: Callable[..., Awaitable[Any]]  # (Asking, *segments) -> what is encoded as JSON
    permission: str  # that its verb asks for
    bytes: int = SMALL  # of the body at most


class Asking:
    """What a handler sees of a request."""

    def __init__(self, call: Call, actor: Actor, account: Account) -> None:
        self.call, self.actor, self.account = call, actor, account
        self._pairs = parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True)

    def one(self, name: str, default: str = "") -> str:
        """A parameter of the query; the last one where it is repeated."""
        found = [value for key, value in self._pairs if key == name]
        return found[-1] if found else default

    def all(self, name: str) -> list[str]:
        """A repeated parameter; each may hold several, separated by commas."""
        return [part for key, value in self._pairs if key == name for part in value.split(",") if part]

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number.

        Raises:
            Invalid: it is none, or out of bounds.
        """
        text = self.one(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise Invalid("scale.number", f"{name} is a number from {least} to {most}.", name, "Send one.")
        return int(text)

    async def body(self) -> Any:
        """The body; None where there is none, whatever its headers say.

        Raises:
            Invalid: it is not JSON.
        """
        raw = await self.call.body()
        return problems.decoded(_decode, raw) if raw.strip() else None

    async def fields(self) -> dict[str, Any]:
        """The body as an object.

        Raises:
            Invalid: it is none.
        """
        body = await self.body()
        if body is not None and not isinstance(body, dict):
            raise Invalid("scale.body", "The body is no JSON object.", "", "Send an object.")
        return body or {}

    async def write(self, verb: Callable[..., Any], *args: Any) -> Any:
        """Run a verb on the lane."""
        return await self.call.app.node.lane.write(verb, self.actor, self.account, *args)

    async def read(self, verb: Callable[..., Any], *args: Any) -> Any:
        """Run a verb in a snapshot."""
        return await self.call.read(verb, self.actor, self.account, *args)


class Front:
    """The dispatcher of `/v1/` and `/v2/`."""

    def __init__(self, app: App, ways: Sequence[Way]) -> None:
        self._app = app
        self._root: dict[str, Any] = {}
        for way in ways:
            node = self._root
            for part in way.path[1:].split("/"):
                node = node.setdefault(part, {})
            node.setdefault("", {})[way.method] = way

    async def answer(self, call: Call) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers) for one request; every error is in the shape that the client reads."""
        try:
            return 200, _encode(await self._run(call)), {}
        except EvenhandError as error:
            status, headers = status_of(error), problems.headers_of(error)
            if status == 500:
                problems.log.error("%s", error, exc_info=error, extra={"fields": {"request": call.id}})
            return status, error_body(status, str(error)), headers

    async def _run(self, call: Call) -> Any:
        way, names = self._find(call)
        call.name, call.limit = way.path, way.bytes
        caller, test = await self._caller(call)
        asking = Asking(call, caller.actor, account_of(caller.actor, test))
        allow(caller.actor, way.permission, asking.account)  # before anything is stored or fetched
        answer = await way.handler(asking, *names)
        if way.permission == "member.manage":
            self._app.callers.forget()
        return answer

    def _find(self, call: Call) -> tuple[Way, list[str]]:
        """The way of a path, which is split before it is decoded: a name may hold a slash.

        Raises:
            Turned: 404 or 405.
        """
        raw = call.scope.get("raw_path") or call.scope["path"].encode()
        node, names = self._root, []
        for part in raw.decode("latin-1").partition("?")[0].strip("/").split("/"):
            below = node.get(part)
            if below is None:
                below = node.get("{}") if part else None
                if below is None:
                    raise Turned(
                        404, "scale.no-way", "There is no such address.", "", "See Scale's documentation."
                    )
                names.append(unquote(part, errors="replace"))
            node = below
        ways = node.get("", {})
        way = ways.get(call.scope["method"])
        if way is None:
            status = 405 if ways else 404
            raise Turned(status, "scale.no-way", "There is no such address for this method.", "", "")
        return way, names

    async def _caller(self, call: Call) -> tuple[Caller, bool]:
        """(who calls, whether with a test key): KEY is live, `test_KEY` is its twin for tests.

        Raises:
            Turned: 401.
        """
        key = key_of(call.headers.get("authorization", ""))
        live = key.removeprefix(TEST_HEAD).removesuffix(TEST_TAIL)
        for secret, test in ((live, live != key), (key, key.startswith(TEST_HEAD))):
            caller = await self._app.callers.of_key(secret) if secret else None
            if caller is not None:
                return caller, test
        raise Turned(
            401,
            "session.none",
            "This is no API key of this node.",
            "Authorization",
            "Send one as Basic user or Bearer.",
        )


def key_of(header: str) -> str:
    """The key of an Authorization header: the user of Basic, or the token of Bearer; "" without one."""
    kind, _, rest = header.partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeError):
        return ""


def status_of(error: EvenhandError) -> int:
    """The status that makes Scale's client raise the right class; a wrong state is 400 there, not 409."""
    if isinstance(error, Refused) and not isinstance(error, Turned):
        if error.rule in DUPLICATES:
            return 409
        return 403 if error.rule.startswith("permission.") else 400
    return problems.status_of(error)


def error_body(status: int, reason: str) -> bytes:
    """An error as both of Scale's clients read it."""
    return _encode({"status_code": status, "error": reason})
