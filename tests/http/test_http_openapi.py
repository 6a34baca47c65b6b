"""The OpenAPI document says what the interface does: valid, complete, and true for random calls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from evenhand.http.limits import Buckets
from evenhand.http.routes import API, TABLE, Route

CONTRACT = Path(__file__).parents[2] / "docs" / "spec" / "http.md"
REFERENCE = re.compile(r'"\$ref":"#/components/schemas/([^"]+)"')


def test_the_document_is_complete(quick: Any) -> None:
    document = quick.plain.get("/api/openapi.json").json()
    listed = {(method.upper(), path) for path, ways in document["paths"].items() for method in ways}
    assert listed == {(route.method, API + route.path) for route in TABLE}
    names = [way["operationId"] for ways in document["paths"].values() for way in ways.values()]
    assert len(names) == len(set(names))


def test_every_schema_is_one_and_every_reference_leads_somewhere(quick: Any) -> None:
    answer = quick.plain.get("/api/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    assert set(REFERENCE.findall(answer.text)) <= set(schemas)
    for name, schema in schemas.items():
        (
            jsonschema_rs.meta.validate(
                {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
            ),
            name,
        )


def test_the_contract_and_the_table_list_the_same_routes() -> None:
    rows = re.findall(r"^\| ([A-Z]+) `(/[^`?]*)", CONTRACT.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((route.method, route.path) for route in TABLE)


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> Any:
    """Rows as they are: the document calls them bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def schema(quick: Any) -> Any:
    return schemathesis.openapi.from_url(f"{quick.url}/api/openapi.json")


CHECKS = [
    checks.not_a_server_error,
    response_schema_conformance,
    content_type_conformance,
    status_code_conformance,
]
LIMITED = ("POST", "/session")  # rate-limited, and tested by itself


@pytest.mark.parametrize(
    "route", [r for r in TABLE if (r.method, r.path) != LIMITED], ids=lambda r: f"{r.method} {r.path}"
)
def test_random_calls_get_answers_that_the_document_lists(quick: Any, schema: Any, route: Route) -> None:
    @given(case=schema[API + route.path][route.method].as_strategy())
    @settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def holds(case: Any) -> None:
        quick.app.tries_by_address = Buckets(1000, 0.001)
        answer = case.call(headers={"Authorization": f"Bearer {quick.operator}"})
        case.validate_response(answer, checks=CHECKS)

    holds()
