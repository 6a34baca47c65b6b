"""Single choice: one out of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import ClassElement, Combined, Element, Flag, Json, LabelType
from evenhand.labels.options import Options, complete, one_of, positions
from evenhand.labels.reading import form, listed, only_element, plain, read_answer, read_config, shown


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a single choice."""

    choices: Annotated[
        Options,
        Meta(
            title="Choices",
            description="What annotators choose from, in the order shown",
            min_length=1,
            extra_json_schema={"format": "choices"},
        ),
    ]


@dataclass(frozen=True)
class Choice(LabelType[str]):
    """One out of a list. A value is the id of the choice."""

    settings: Config

    id: ClassVar[str] = "choice/1"
    name: ClassVar[str] = "choice"
    title: ClassVar[str] = "Single choice"
    flag: ClassVar[Flag | None] = Flag(option="--choices", metavar="A,B", help="Choose one of these")
    example_config: ClassVar[Mapping[str, Json]] = {
        "choices": ["ham", "spam", {"name": "Can't tell", "id": "unsure"}]
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        return cls(msgspec.structs.replace(settings, choices=complete(settings.choices, "choices")))

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        return {"choices": listed(value)}

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @cached_property
    def _position(self) -> dict[str, int]:
        return positions(self.settings.choices)

    def parse(self, raw: Json, data: Mapping[str, Json]) -> str:
        if isinstance(raw, str) and raw in self._position:
            return raw
        raise Invalid(
            "answer.unknown-choice",
            f"{shown(raw)} is none of the choices.",
            "",
            "Send the id of one of the choices.",
        )

    def load(self, dumped: Json) -> str:
        """As it was checked when it was given; the choice may be gone from the list since."""
        return read_answer(str, dumped)

    def dump(self, value: str) -> Json:
        return value

    def schema(self) -> dict[str, Json]:
        return one_of(self._position)

    def distance(self, a: str, b: str) -> float:
        return 0.0 if a == b else 1.0

    def elements(self, value: str) -> tuple[Element, ...]:
        return (ClassElement(value=value),)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> str:
        return self.parse(only_element(ClassElement, elements).value, data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], str], ...]:
        return tuple(({}, choice) for choice in list(self._position)[:3])

    def combine(self, values: Sequence[str]) -> Combined[str]:
        """The choice of the most; among equals the first in the list. Confidence: its share."""
        votes: dict[str, int] = {}
        for value in values:
            votes[value] = votes.get(value, 0) + 1
        most = max(votes.values())
        best = values[0]
        if most < len(values):
            last = len(self._position)  # a choice that a later version took off the list loses every tie
            best = min((v for v in votes if votes[v] == most), key=lambda v: self._position.get(v, last))
        return Combined(value=best, confidence=most / len(values), method="majority")
