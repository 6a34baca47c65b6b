"""Rating: a whole number on a scale with named steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from evenhand.core.distances import middle
from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Json, LabelType, NumberElement
from evenhand.labels.reading import form, only_element, plain, read_config, shortest, shown

Step = Annotated[int, Meta(ge=-1000, le=1000)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a rating."""

    min: Annotated[Step, Meta(title="From", description="Lowest step")] = 1
    max: Annotated[Step, Meta(title="To", description="Highest step")] = 5
    labels: Annotated[
        dict[str, str],
        Meta(title="Names of steps", description="A step, and what it means: 1 is awful, 5 is great"),
    ] = {}


@dataclass(frozen=True)
class Rating(LabelType[int]):
    """A step of a scale. A value is the step."""

    settings: Config

    id: ClassVar[str] = "rating/1"
    name: ClassVar[str] = "rating"
    title: ClassVar[str] = "Rating"
    weighed_by: ClassVar[str] = "distances"
    example_config: ClassVar[Mapping[str, Json]] = {
        "min": 1,
        "max": 5,
        "labels": {"1": "awful", "5": "great"},
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        if settings.max <= settings.min:
            raise Invalid("question.bounds", "The scale has no two steps.", "max", "Make it larger than min.")
        steps = {str(step) for step in range(settings.min, settings.max + 1)}
        for step in settings.labels:
            if step not in steps:
                raise Invalid(
                    "question.unknown-step", f"{shown(step)} is no step of the scale.", f"labels.{step}"
                )
        return cls(settings)

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    def parse(self, raw: Json, data: Mapping[str, Json]) -> int:
        low, high = self.settings.min, self.settings.max
        if isinstance(raw, int) and not isinstance(raw, bool) and low <= raw <= high:
            return raw
        reason = f"This is {shown(raw)} that is no step of the scale."
        raise Invalid("answer.not-a-step", reason, "", f"Send a whole number from {low} to {high}.")

    def dump(self, value: int) -> Json:
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "integer", "minimum": self.settings.min, "maximum": self.settings.max}

    def distance(self, a: int, b: int) -> float:
        """Steps between the two over the steps of the scale."""
        return abs(a - b) / (self.settings.max - self.settings.min)

    def elements(self, value: int) -> tuple[Element, ...]:
        return (NumberElement(value=float(value)),)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> int:
        return self.parse(shortest(only_element(NumberElement, elements).value), data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], int], ...]:
        low, high = self.settings.min, self.settings.max
        return tuple(({}, step) for step in sorted({low, (low + high) // 2, high}))

    def combine_by(self, values: Sequence[int], weights: Sequence[float]) -> Combined[int]:
        """The median by weight; of two in the middle the lower, so that it is a step that somebody gave."""
        value = middle(values, weights)
        return Combined(value=value, confidence=self.support(value, values, weights), method="median")
