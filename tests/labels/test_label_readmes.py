"""Each label type's README says what is so: its example configures, its tables list every key and element."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from evenhand.core.label import LabelType
from evenhand.labels import all_types
from evenhand.labels.conformance import fields_named

KINDS = list(all_types().values())


def _readme(kind: type[LabelType[Any]]) -> str:
    return (Path(inspect.getfile(kind)).parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_heading_and_example(kind: type[LabelType[Any]]) -> None:
    text = _readme(kind)
    assert text.startswith(f"# {kind.title} (`{kind.id}`)\n")
    example = json.loads(re.findall(r"## Configuration\n\n```json\n(.*?)```", text, re.DOTALL)[0])
    label = kind.configure(example, {**fields_named(kind), "text": "text", "image": "image", "draft": "text"})
    config = label.config()
    table = text.partition("## Configuration")[2].partition("## Answer")[0]
    assert set(config) == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.M))))
    for keys, default in (
        re.findall(r"^\| (`.*?) \| (\S.*?|) \| ", table, re.M) if "| default |" in table else ()
    ):
        for key, value in zip(re.findall(r"`(\w+)`", keys), default.split(", ") * 2, strict=False):
            bare = {k: v for k, v in example.items() if k != key}
            if default:
                assert _default(kind, bare, key) == json.loads(value), key


def _default(kind: type[LabelType[Any]], config: dict[str, Any], key: str) -> Any:
    fields = {**fields_named(kind), "text": "text", "image": "image", "draft": "text"}
    if kind.name == "ranking":  # items and field_items cannot both be left out
        config = {
            **config,
            **({"field_items": ["text", "draft"]} if key == "items" else {"items": ["a", "b"]}),
        }
        config.pop("items" if key == "items" else "field_items", None)
    return kind.configure(config, fields).config()[key]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_elements_method_and_flag(kind: type[LabelType[Any]]) -> None:
    text = _readme(kind)
    label = kind.configure(kind.example_config, fields_named(kind))
    said = text.partition("**Elements**")[2]
    for data, value in label.examples():
        assert label.combine([value]).method in re.findall(r"\(`(\w+)`\)", text.partition("**Combine**")[2])
        for element in label.elements(value):
            assert f"`{element.__struct_config__.tag}`" in said
        assert label.parse(label.dump(value), data) == value
    if kind.flag is not None:
        assert f"`{kind.flag.option}" in text
    else:
        assert "command line" not in text
