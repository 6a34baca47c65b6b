"""The conformance suite on every installed format, with answers of every installed label type."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenhand.core.release import ReleasedQuestion
from evenhand.formats import Format, all_formats
from evenhand.formats.conformance import CHECKS, Subject
from evenhand.labels import all_types
from evenhand.labels.conformance import fields_named

QUESTIONS = tuple(
    ReleasedQuestion(kind.name, kind.configure(kind.example_config, fields_named(kind)))
    for kind in all_types().values()
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", all_formats().values(), ids=lambda kind: kind.name)
def test_conformance(kind: Format, check: object, tmp_path: Path) -> None:
    assert callable(check)
    check(Subject(kind, QUESTIONS, tmp_path))
