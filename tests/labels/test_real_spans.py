"""Spans over real sentences: what people marked survives every way through the type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evenhand.labels import find

TYPES = ["person", "location", "group", "creative-work", "corporation", "product"]
MADE_UP = [
    [
        ("Zoë", "B-person"),
        ("met", "O"),
        ("👩‍👩‍👧", "O"),
        ("in", "O"),
        ("New", "B-location"),
        ("Köln", "I-location"),
    ]
]


def _sentences(path: Path) -> Iterator[list[tuple[str, str]]]:
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.rstrip("\r").split("\t")[:2] for line in block.split("\n") if "\t" in line]
        if rows:
            yield [(token, tag) for token, tag in rows]


def _marked(tokens: list[tuple[str, str]]) -> tuple[str, list[dict[str, object]]]:
    """Tokens joined by spaces, and the spans of their IOB2 tags."""
    text, spans = "", list[dict[str, object]]()
    for token, tag in tokens:
        start = len(text) + (1 if text else 0)
        text = f"{text} {token}" if text else token
        if tag.startswith("B-"):
            spans.append({"start": start, "end": len(text), "label": tag[2:]})
        elif tag.startswith("I-"):
            spans[-1]["end"] = len(text)
    return text, spans


def test_real_sentences(shared_data: Path | None) -> None:
    folder = shared_data / "inputs" / "wnut17" if shared_data else None
    real = [s for path in sorted(folder.glob("*.conll")) for s in _sentences(path)] if folder else []
    assert not folder or len(real) == 2_296
    span = find("span").configure({"field": "text", "labels": TYPES}, {"text": "text"})
    for tokens in [*MADE_UP, *real]:
        text, raw = _marked(tokens)
        value = span.parse(raw, {"text": text})
        assert span.dump(value) == raw
        assert span.from_elements(span.elements(value), {"text": text}) == value
        assert span.combine([value, (), value]).value == value
        assert [text[s.start : s.end].split()[0] for s in value] == [t for t, tag in tokens if tag[:1] == "B"]
