"""The conformance suite on every installed format, with answers of every installed label type."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenhand.core.release import ReleasedQuestion
from evenhand.formats import Format, all_formats
from evenhand.formats.conformance import CHECKS, Subject, check_outward
from evenhand.labels import all_types, find
from evenhand.labels.conformance import fields_named

RELATED = {"field": "text", "labels": ["A", "B"], "relations": ["of", {"name": "near", "directed": False}]}
QUESTIONS = (
    *(
        ReleasedQuestion(kind.name, kind.configure(kind.example_config, fields_named(kind)))
        for kind in all_types().values()
    ),
    ReleasedQuestion("related", find("span").configure(RELATED, {"text": "text"})),
)


READ = [kind for kind in all_formats().values() if kind.suffixes]
WRITTEN_ONLY = [kind for kind in all_formats().values() if not kind.suffixes]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_conformance(kind: Format, check: object, tmp_path: Path) -> None:
    assert callable(check)
    check(Subject(kind, QUESTIONS, tmp_path))


@pytest.mark.parametrize("kind", WRITTEN_ONLY, ids=lambda kind: kind.name)
def test_conformance_of_formats_that_are_written_only(kind: Format, tmp_path: Path) -> None:
    check_outward(kind, QUESTIONS, tmp_path)
