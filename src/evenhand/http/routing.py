"""From a request's path to its route, and from its path and query to what the verb takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from evenhand.core.errors import Invalid, Missing
from evenhand.http import problems
from evenhand.http.routes import API, Route


class Bound:
    """A route with what is worked out once: how its body, path and query are read."""

    __slots__ = ("decode", "defaults", "names", "paths", "plain", "route", "template")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.template = API + route.path
        takes = route.takes if route.kind != "edge" else None
        self.decode = msgspec.json.Decoder(takes).decode if takes is not None else None
        self.plain = all(kind is str for kind in route.path_types)
        self.names = tuple(parameter.name for parameter in route.parameters)
        self.defaults: dict[str, Any] | None = None
        if not any(field.required for field in msgspec.structs.fields(route.query_type)):
            self.defaults = {name: getattr(route.query_type(), name) for name in self.names}

    def path_arguments(self, params: tuple[str, ...]) -> tuple[Any, ...]:
        """The path's parameters in the types of the verb.

        Raises:
            Missing: one is not of its type, so there can be no such thing.
        """
        if self.plain:
            return params
        try:
            pairs = zip(params, self.route.path_types, strict=True)
            found = tuple(msgspec.convert(value, kind, strict=False) for value, kind in pairs)
        except msgspec.ValidationError as error:
            raise Missing("not-found", "There is no such thing, or you may not see it.") from error
        if any(isinstance(value, int) and not 0 <= value <= problems.MOST for value in found):
            raise Missing("not-found", "There is no such thing, or you may not see it.")
        return found

    def query(self, text: bytes) -> dict[str, Any]:
        """The query, checked.

        Raises:
            Invalid: a parameter is unknown, missing, or not of its type.
        """
        if not text and self.defaults is not None:
            return self.defaults
        try:
            given = dict(_pairs(text))
            read = msgspec.convert(given, self.route.query_type, strict=False)
        except (msgspec.ValidationError, UnicodeError) as error:
            raise problems.unreadable(error, "query") from error
        values = {name: getattr(read, name) for name in self.names}
        for name, value in values.items():
            if isinstance(value, int) and not 0 <= value <= problems.MOST:
                raise Invalid("query.number", f"{name} is a number from 0 to 2^53 - 1.", name, "Correct it.")
        limit = values.get("limit", 1)
        if not 1 <= limit <= 200:
            raise Invalid("page.limit", "A page has 1 to 200 items.", "limit", "Ask for fewer, and page on.")
        return values


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError as error:
        raise Invalid("query", "The query cannot be read.", "query", "Percent-encode UTF-8.") from error
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise Invalid(
                "query", "The query holds a NUL character.", name.replace("\0", ""), "Leave it out."
            )
    return pairs


class Tree:
    """Paths by their segments: finding a route takes one look-up a segment, however many routes there are."""

    def __init__(self, table: Sequence[Route]) -> None:
        self._root: dict[str, Any] = {}
        for route in table:
            node = self._root
            for part in route.path[1:].split("/"):
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            node.setdefault("", {})[route.method] = Bound(route)

    def find(self, path: str) -> tuple[dict[str, Bound], tuple[str, ...]]:
        """(method -> route, parameters) of a path below `API`; empty when there is none."""
        node, params = self._root, []
        for part in path[1:].split("/"):
            below = node.get(part) if part else None
            if below is None:
                below = node.get("{}")
                if below is None or not part:
                    return {}, ()
                params.append(part)
            node = below
        return node.get("", {}), tuple(params)
