"""A release's columns, manifest and README."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.release import (
    Loss,
    Manifest,
    ReleasedColumn,
    ReleasedFile,
    ReleasedQuestion,
    Survey,
    dump_manifest,
    readme,
)
from evenhand.labels import all_types
from evenhand.labels.conformance import fields_named


def survey(*rows: dict[str, Any]) -> dict[str, ReleasedColumn]:
    found = Survey()
    for row in rows:
        found.add(json.dumps(row).encode())
    return {column.name: column for column in found.columns()}


def test_keys_apart_are_no_data() -> None:
    found = Survey()
    found.add(b'{"external_id":"7","text":"a"}', frozenset({"external_id"}))
    assert [column.name for column in found.columns()] == ["text"]


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        (["a", "b"], {"type": "string"}),
        (["a", None], {"type": ["string", "null"]}),
        ([None], {"type": "null"}),
        ([1, 2], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([2**60, 1], {"type": "integer"}),
        ([2**60, 2.5], {}),
        ([1, 2.5, 2**60], {}),
        ([2**63], {}),
        ([True, 1], {}),
        (["1", 1], {}),
        ([[], [1], [None]], {"type": "array", "items": {"type": ["integer", "null"]}}),
        ([[]], {"type": "array", "items": {}}),
        ([[1], ["a"]], {"type": "array", "items": {}}),
        ([[1], {"a": 1}], {}),
        ([{"a": 1}, {"b": 1}], {}),
        (
            [{"a": 1, "b": "x"}, {"b": "y", "a": None}],
            {
                "type": "object",
                "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "string"}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        ),
        ([None, 1, 2], {"type": ["integer", "null"]}),
    ],
)
def test_a_column_is_what_its_values_have_in_common(values: list[Any], schema: dict[str, Any]) -> None:
    assert survey(*({"v": value} for value in values))["v"].schema == schema
    assert survey(*({"v": value} for value in reversed(values)))["v"].schema.get("type") == schema.get("type")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab\n"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)
_ROWS = st.lists(st.dictionaries(st.sampled_from("vw"), _VALUES), max_size=5)


@given(_ROWS)
def test_every_value_fits_the_schema_of_its_column(rows: list[dict[str, Any]]) -> None:
    columns = survey(*rows)
    for name, column in columns.items():
        assert column.optional == any(name not in row for row in rows)
        texts = [row[name] for row in rows if type(row.get(name)) is str]
        assert column.breaks == any("\n" in text for text in texts)
        for row in rows:
            assert name not in row or jsonschema_rs.is_valid(column.schema, row[name])
    assert columns.keys() == {name for row in rows for name in row}


@pytest.mark.parametrize("kind", all_types().values(), ids=lambda kind: kind.name)
def test_a_question_knows_its_elements_and_schema(kind: Any) -> None:
    label = kind.configure(kind.example_config, fields_named(kind))
    question = ReleasedQuestion("q", label)
    assert question.schema == label.schema()
    assert question.elements and all(name == name.lower() for name in question.elements)


MANIFEST = Manifest(
    format="csv",
    counts={"tasks": 1200, "annotations": 3400},
    files=(ReleasedFile(name="tasks.csv", bytes=123456, sha256="ab" * 32),),
    checkpoint="node.example/log\n12\nq83vEjRWeJA=\n\n— node.example/log sig=\n",
    lost=(Loss(part="data", where="n", reason="Numbers become text."),),
    since="exp_1",
    project="prj_1",
    version=3,
    software="evenhand 0.1.0",
)


def test_the_manifest_is_json_that_comes_back() -> None:
    raw = dump_manifest(MANIFEST)
    assert msgspec.json.decode(raw, type=Manifest) == MANIFEST
    assert raw.endswith(b"}\n") and raw.count(b"\n") > 10


def test_the_readme_says_what_is_there_and_what_is_not() -> None:
    text = readme(MANIFEST, "Spam\n# Evil heading", "## `tasks.csv`\n\nA guide.")
    for part in (
        "# Spam # Evil heading: export",
        "1,200 tasks, 3,400 annotations",
        "`" + "ab" * 32 + "`",
        "exp_1",
    ):
        assert part in text
    assert "\n# Evil" not in text
    assert "data `n`: Numbers become text." in text
    assert "    node.example/log\n    12\n" in text


def test_the_readme_of_a_whole_export_says_so() -> None:
    whole = msgspec.structs.replace(MANIFEST, lost=(), checkpoint=None, since=None)
    text = readme(whole, "Spam", "A guide.")
    assert "Nothing: every value is there." in text
    assert "no ledger checkpoint" in text
    assert "Only what is new" not in text


def test_the_classes_of_a_question_are_the_first_texts_that_its_schema_lists() -> None:
    def classes(type_: str, **config: object) -> tuple[str, ...]:
        kind = next(kind for kind in all_types().values() if kind.name == type_)
        return ReleasedQuestion("q", kind.configure(config, {"text": "text"})).classes

    assert classes("choice", choices=["a", "b"]) == ("a", "b")
    assert classes("multi_choice", choices=["a", {"name": "c", "children": ["d"]}]) == ("a", "c", "d")
    assert classes("span", field="text", labels=["PER"]) == ("PER",)
    assert classes("number") == ()
    assert classes("text") == ()


def test_the_relations_of_a_question_are_those_that_its_spans_may_have() -> None:
    kind = next(kind for kind in all_types().values() if kind.name == "span")
    config = {"field": "text", "labels": ["PER", "LOC"], "relations": ["of", {"name": "In", "id": "in"}]}
    found = [
        ReleasedQuestion("q", kind.configure(one, {"text": "text"}))
        for one in (config, {**config, "relations": []})
    ]
    assert [(one.relations, one.classes) for one in found] == [
        (("of", "in"), ("PER", "LOC")),
        ((), ("PER", "LOC")),
    ]
    assert ["relation" in one.elements for one in found] == [True, False]


def test_keys_that_are_no_data_make_no_columns() -> None:
    survey = Survey()
    survey.add(b'{"text": "a", "metadata": {}}', frozenset({"metadata"}))
    assert [column.name for column in survey.columns()] == ["text"]
