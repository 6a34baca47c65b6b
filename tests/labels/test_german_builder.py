"""What the built-in label types say of their settings is there in German too: the builder shows it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evenhand import labels

WORDS = Path(__file__).parents[2] / "web" / "src" / "manage" / "builder" / "typed.ts"


def said(schema: Any) -> Iterator[str]:
    """Titles and descriptions of all properties, wherever they are defined."""
    if isinstance(schema, dict):
        for one in schema.get("properties", {}).values():
            yield from (one[key] for key in ("title", "description") if key in one)
        for inner in schema.values():
            yield from said(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from said(inner)


def test_every_setting_has_its_german_words() -> None:
    text = WORDS.read_text("utf-8")
    known = set(re.findall(r'^  (?:"([^"]+)"|(\w+)):', text, re.M))
    german = {quoted or bare for quoted, bare in known}
    kinds = labels.all_types().values()
    wanted = {word for kind in kinds for word in (kind.title, *said(kind.config_schema()))}
    assert sorted(wanted - german) == []
