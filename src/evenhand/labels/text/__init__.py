"""Text: write, or edit what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta
from rapidfuzz.distance import Levenshtein

from evenhand.core.errors import Invalid
from evenhand.core.label import Element, Flag, Json, LabelType, Learnt, TextElement, by_distances
from evenhand.labels.reading import (
    form,
    only_element,
    plain,
    read_answer,
    read_config,
    require_field,
    shown,
    whole,
)

LONGEST = 1_000_000
"""Code points. Two texts of this length still compare in seconds; longer ones belong in a file."""

READ = 2_000
"""Code points of each text by which skill is learnt."""

Length = Annotated[int, Meta(ge=0, le=LONGEST)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a text."""

    min_length: Annotated[Length, Meta(title="Shortest", description="Fewest characters (code points)")] = 0
    max_length: Annotated[Length, Meta(title="Longest", description="Most characters (code points)")] = (
        100_000
    )
    multiline: Annotated[bool, Meta(title="Several lines", description="Enter starts a new line")] = True
    start_from: Annotated[
        str,
        Meta(
            title="Start from",
            description="Field whose text annotators edit; empty: an empty page",
            extra_json_schema={"format": "field:text,markdown"},
        ),
    ] = ""
    placeholder: Annotated[
        str, Meta(title="Placeholder", description="Shown while nothing is written", max_length=1000)
    ] = ""


@dataclass(frozen=True)
class Text(LabelType[str]):
    """Free text. A value is the text as it was written."""

    settings: Config

    id: ClassVar[str] = "text/1"
    name: ClassVar[str] = "text"
    title: ClassVar[str] = "Text"
    weighed_by: ClassVar[str] = "distances"
    flag: ClassVar[Flag | None] = Flag(option="--text", metavar="", help="Write a text")
    example_config: ClassVar[Mapping[str, Json]] = {"min_length": 1, "max_length": 500, "start_from": "draft"}

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        if settings.max_length < max(settings.min_length, 1):
            raise Invalid(
                "question.bounds", "No text is that short.", "max_length", "Raise it, or lower min_length."
            )
        if settings.start_from:
            require_field(fields, settings.start_from, ("text", "markdown"), "start_from")
        return cls(settings)

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        return {}

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    def parse(self, raw: Json, data: Mapping[str, Json]) -> str:
        if not isinstance(raw, str):
            raise Invalid("answer.not-text", f"This is {shown(raw)}, not a text.", "", "Send a string.")
        low, high = self.settings.min_length, self.settings.max_length
        if not low <= len(raw) <= high:
            reason = f"The text has {len(raw)} characters; {low} to {high} are asked for."
            raise Invalid("answer.length", reason, "", "Write more." if len(raw) < low else "Write less.")
        if not whole(raw):
            raise Invalid("answer.half-character", "The text holds half a character (a lone surrogate).", "")
        return raw

    def load(self, dumped: Json) -> str:
        """As it was checked when it was given; the question may ask for other lengths since."""
        return read_answer(str, dumped)

    def dump(self, value: str) -> Json:
        return value

    def schema(self) -> dict[str, Json]:
        return {
            "type": "string",
            "minLength": self.settings.min_length,
            "maxLength": self.settings.max_length,
        }

    def distance(self, a: str, b: str) -> float:
        """Levenshtein's distance in code points over the length of the longer text."""
        return float(Levenshtein.normalized_distance(a, b))

    def learn(self, answers: Sequence[tuple[int, str, str]]) -> Learnt:
        """By distances of the first `READ` code points, so that long texts do not take hours."""
        return by_distances(lambda a, b: self.distance(a[:READ], b[:READ]), answers)

    def elements(self, value: str) -> tuple[Element, ...]:
        return (TextElement(value=value),)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> str:
        return self.parse(only_element(TextElement, elements).value, data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], str], ...]:
        data = {self.settings.start_from: "A draft."} if self.settings.start_from else {}
        return tuple((data, self._fitted(text)) for text in ("A text.", "Très bien 👍🏽", "مرحبا"))

    def _fitted(self, text: str) -> str:
        low, high = self.settings.min_length, self.settings.max_length
        return (text * (low // len(text) + 1))[: min(max(low, len(text)), high)]
