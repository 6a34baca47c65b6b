"""Verdicts of conflict by rule own:1, case by case, in exact numbers."""

from __future__ import annotations

from typing import Any

import pytest

from evenhand.audit.ownership import Graph, Thresholds

LIMITS = {
    "blocked": 25_000_000,
    "waiver": 10_000_000,
    "disclosed": 1_000_000,
    "common": 5_000_000,
    "control": 50_000_000,
}


def entity(record: str, form: str = "registeredEntity") -> dict[str, Any]:
    told = {"record": record, "type": "entity", "status": "new", "form": form, "subject": "", "party": ""}
    return told | {"interests": [], "components": []}


def holds(record: str, party: str, subject: str, *interests: dict[str, Any]) -> dict[str, Any]:
    told = {"record": record, "type": "relationship", "status": "new", "form": "", "subject": subject}
    return told | {"party": party, "interests": list(interests), "components": []}


def share(most: int, kind: str = "shareholding", **more: int) -> dict[str, Any]:
    return {"type": kind, "least": most, "most": most, "indirect": 0, "end": 0} | more


def ours(statements: list[dict[str, Any]], at: int = 0) -> Graph:
    return Graph(statements, at, Thresholds.read(LIMITS))


@pytest.mark.parametrize(
    ("grade", "statements"),
    [
        (0, []),
        (3, [holds("r", "a", "b", share(49_000_000))]),
        (2, [holds("r", "a", "b", share(24_999_999))]),
        (1, [holds("r", "a", "b", share(1_000_000))]),
        (0, [holds("r", "a", "b", share(999_999))]),
        (0, [holds("r", "a", "b", share(100_000_000, end=5))]),
        (
            3,
            [
                holds("r", "a", "c", share(60_000_000, "votingRights")),
                holds("q", "c", "b", share(26_000_000)),
            ],
        ),
        (3, [holds("r", "c", "a", share(51_000_000)), holds("q", "c", "b", share(51_000_000))]),
        (2, [holds("r", "c", "a", share(30_000_000)), holds("q", "c", "b", share(30_000_000))]),
        (3, [holds("r", "c", "b", share(100_000_000)), holds("q", "b", "c", share(100_000_000))]),
        (3, [holds("r", "unknown", "b", share(100_000_000))]),
        (3, [holds("r", "p", "a", share(0, "boardChair")), holds("q", "p", "b", share(0, "boardMember"))]),
        (2, [holds("r", "p", "a", share(0, "boardMember")), holds("q", "p", "b", share(0, "boardMember"))]),
        (3, [holds("r", "a", "b")]),
        (3, [holds("r", "a", "b", share(0, "trustee"))]),
        (2, [holds("r", "a", "b", share(0, "rightsGrantedByContract"))]),
        (0, [holds("r", "", "b")]),
        (
            1,
            [
                holds("r", "x", "c", share(0, "protector")),
                holds("q", "c", "b", share(5_000_000)),
                holds("p", "x", "a", share(5_000_000)),
            ],
        ),
    ],
)
def test_the_rule_case_by_case(grade: int, statements: list[dict[str, Any]]) -> None:
    told = [entity("a"), entity("b"), *statements]
    assert ours(told, 5).grade("a", "b") == grade
