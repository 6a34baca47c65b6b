"""Errors as RFC 9457 problems: the one page that says which error has which status."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from evenhand import wire
from evenhand.core.errors import EvenhandError, Invalid, Missing, Refused, Unavailable
from evenhand.core.record import check

T = TypeVar("T")

log = logging.getLogger(__name__)

CONFLICTS = frozenset({"assignment.revision", "project.version", "review.changed", "review.closed"})
"""Refusals that mean: what this was based on is no longer in force. Load it again, then decide."""

RETRY_AFTER = 1  # seconds that a client should wait when nothing better is known


class Turned(EvenhandError):
    """A request that HTTP itself turns away, before any verb sees it."""

    def __init__(
        self,
        status: int,
        rule: str,
        reason: str,
        where: str = "",
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(rule, reason, where, remedy)
        self.status = status
        self.headers = dict(headers or {})


def status_of(error: EvenhandError) -> int:
    """The HTTP status of an error."""
    match error:
        case Turned():
            return error.status
        case Invalid():
            return 400
        case Refused():
            return 409 if error.rule in CONFLICTS else 403
        case Missing():
            return 404
        case Unavailable():
            return 503
    return 500


def problem_of(error: EvenhandError) -> wire.Problem:
    """What goes over the wire."""
    status = status_of(error)
    return wire.Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.reason,
        rule=error.rule,
        where=error.where,
        remedy=error.remedy,
    )


def headers_of(error: EvenhandError) -> dict[str, str]:
    """What a client should know besides."""
    if isinstance(error, Turned):
        return error.headers
    return {"Retry-After": str(RETRY_AFTER)} if isinstance(error, Unavailable) else {}


def unexpected(error: Exception, request: str, number: str) -> wire.Problem:
    """An error of ours: it is told by the request's number, and described in the log only."""
    log.error("error %s in %s", number, request, exc_info=error, extra={"fields": {"request": number}})
    return wire.Problem(
        type="about:blank",
        title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        status=500,
        detail=f"Something went wrong inside Evenhand. The log describes it as error {number}.",
        rule="internal",
        where="",
        remedy="Try again; if it stays, give this number to whoever runs the node.",
    )


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """A JSON body as its type; none at all counts as an empty object.

    Raises:
        Invalid: it is not JSON, or does not fit the type.
    """
    if b"\\u0000" in body:
        _diagnose(body)
    try:
        value = decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeError) as error:
        if not isinstance(error, msgspec.ValidationError) or "out of range" in str(error):
            _diagnose(body, error)
        raise unreadable(error) from error
    except RecursionError as error:
        raise Invalid("body.deep", "The body is nested too deeply.", "", "Flatten it.") from error
    if _LONG.search(body):
        _check_numbers(value, "")
    return value


MOST = 2**53 - 1
"""The largest number that is meant as one: every reader of JSON keeps it exact, both databases hold it."""
_LONG = re.compile(rb"[0-9]{16}")


def _diagnose(body: bytes, error: Exception | None = None) -> None:
    """Say what is wrong with a body, and where, if a closer look finds it; for texts, as for records.

    Raises:
        Invalid: it is found.
    """
    fault = check(body)
    if fault is not None:
        raise Invalid("body.json", fault.reason, fault.path, "Correct it and send it again.") from error


def _check_numbers(value: Any, path: str) -> None:
    """No number that this interface means as one is beyond `MOST`; data may hold larger ones."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _check_numbers(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            _check_numbers(part, f"{path}[{i}]")
    elif isinstance(value, int) and not -MOST <= value <= MOST:
        raise Invalid("body.number", "This number is beyond 2^53 - 1.", path, "Send a smaller one.")


_AT_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


def unreadable(error: msgspec.DecodeError | UnicodeError, root: str = "") -> Invalid:
    """A body or parameter that does not have its type: msgspec's words, its path as `where`."""
    found = _AT_PATH.match(str(error))
    reason, path = (found["reason"], found["path"] or "") if found else (str(error), "")
    where = path.removeprefix("$").removeprefix(".") or root
    rule = "body.type" if isinstance(error, msgspec.ValidationError) else "body.json"
    return Invalid(rule, f"{reason[:1].upper()}{reason[1:]}.", where, "See /api/openapi.json.")
