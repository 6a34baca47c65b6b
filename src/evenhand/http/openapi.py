"""The OpenAPI document (3.1), made from the route table and the wire types."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from evenhand import __version__, wire
from evenhand.http.routes import API, Route

TEMPLATE = "#/components/schemas/{name}"


def document(table: Sequence[Route]) -> dict[str, Any]:
    """The document for these routes."""
    types = _types(table)
    schemas, components = msgspec.json.schema_components(types, ref_template=TEMPLATE)
    known = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        paths.setdefault(API + route.path, {})[route.method.lower()] = _operation(route, known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Evenhand",
            "version": __version__,
            "description": "Data labelling whose neutrality can be checked. See docs/spec/http.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "session": {"type": "apiKey", "in": "cookie", "name": "evenhand_session"},
            },
        },
        "security": [{"key": []}, {"session": []}],
    }


def _types(table: Sequence[Route]) -> list[Any]:
    every: list[Any] = [wire.Problem]
    for route in table:
        every += [
            kind for kind in (route.takes, route.gives) if kind is not None and not isinstance(kind, str)
        ]
        every += [parameter.annotation for parameter in route.parameters]
        every += route.path_types
    return list({_key(kind): kind for kind in every}.values())


def _key(kind: Any) -> str:
    return repr(kind)


def _operation(route: Route, known: dict[str, Any]) -> dict[str, Any]:
    said = (inspect.getdoc(route.verb) or "").split("\n\n")[0].replace("\n", " ")
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": _summary(route, said),
        "parameters": _parameters(route, known),
        "responses": _responses(route, known),
    }
    if route.takes is not None:
        content = {"application/json": {"schema": known[_key(route.takes)]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route.sends:
        schema = {"type": "string", "format": "binary"}
        operation["requestBody"] = {"required": True, "content": {route.sends: {"schema": schema}}}
    if route.permission == "public":
        operation["security"] = []
    elif route.permission:
        operation["description"] = f"Needs the permission `{route.permission}`."
    return operation


def _name(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.replace("{", "by/").replace("}", ""))
    return route.method.lower() + "".join(word.capitalize() for word in words)


def _summary(route: Route, said: str) -> str:
    """What the verb says of itself; an edge handler's docstring begins with its route."""
    return said if route.kind != "edge" else f"{route.method} {route.path}"


def _parameters(route: Route, known: dict[str, Any]) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": known[_key(kind)]}
        for name, kind in zip(route.names, route.path_types, strict=True)
    ]
    in_query = []
    for parameter in route.parameters:
        required = parameter.default is inspect.Parameter.empty
        schema = known[_key(parameter.annotation)]
        in_query.append({"name": parameter.name, "in": "query", "required": required, "schema": schema})
    return in_path + in_query


def _responses(route: Route, known: dict[str, Any]) -> dict[str, Any]:
    problem = {
        "description": "A problem (RFC 9457).",
        "content": {"application/problem+json": {"schema": known[_key(wire.Problem)]}},
    }
    if route.gives is None:
        return {"204": {"description": HTTPStatus.NO_CONTENT.phrase}, "default": problem}
    if isinstance(route.gives, str):
        content: dict[str, Any] = {route.gives: {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {"application/json": {"schema": known[_key(route.gives)]}}
    return {"200": {"description": HTTPStatus.OK.phrase, "content": content}, "default": problem}
