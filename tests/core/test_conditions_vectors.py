"""Which questions are asked: the vectors that web/src/annotate/conditions.test.ts reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evenhand.core.project import Question, asked

FILE = Path(__file__).parents[1] / "vectors" / "conditions.json"
VECTORS = json.loads(FILE.read_text("utf-8"))["vectors"]


def question(raw: dict[str, Any]) -> Question:
    return msgspec.convert({"title": raw["id"], "type": "any", "config": {}, **raw}, Question)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_asked(vector: dict[str, Any]) -> None:
    questions = tuple(question(raw) for raw in vector["questions"])
    assert [q.id for q in asked(questions, vector["answers"])] == vector["asked"]
