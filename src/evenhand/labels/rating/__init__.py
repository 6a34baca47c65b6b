"""Rating: a whole number on a scale with named steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.distances import middle
from evenhand.core.errors import Invalid
from evenhand.core.inference.steps import Usual, weigh
from evenhand.core.inference.votes import Votes
from evenhand.core.label import Combined, Element, Json, LabelType, Learnt, NumberElement
from evenhand.labels.reading import form, only_element, plain, read_config, shortest, shown

MOST_STEPS = 16
"""That are told apart in what is learnt; of more, neighbours are one until there are at most as many."""

TIE = 1e-9  # probabilities so near to each other are equal: else the order of additions would decide

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
    weighed_by: ClassVar[str] = "steps"
    measures: ClassVar[tuple[str, ...]] = ("far_below", "below", "right", "above", "far_above")
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

    @property
    def _width(self) -> int:
        """Steps that are learnt as one."""
        return -(-(self.settings.max - self.settings.min + 1) // MOST_STEPS)

    @property
    def _count(self) -> int:
        return (self.settings.max - self.settings.min) // self._width + 1

    def _class(self, value: int) -> int:
        return (value - self.settings.min) // self._width

    def learn(self, answers: Sequence[tuple[int, str, int]]) -> Learnt:
        """How often everybody is right, a step too low or too high, or more: `core.inference.steps`."""
        ordered = sorted(answers, key=lambda one: one[:2])
        names = sorted({name for _, name, _ in ordered})
        code = {name: i for i, name in enumerate(names)}
        _, tasks = np.unique([n for n, _, _ in ordered], return_inverse=True)
        labels = [self._class(value) for _, _, value in ordered]
        usual, rates = weigh(
            Votes.of(tasks, [code[name] for _, name, _ in ordered], labels, classes=self._count)
        )
        return Learnt(
            annotators={name: tuple(one) for name, one in zip(names, rates.tolist(), strict=True)},
            newcomer=tuple(usual.rates.tolist()),
            common=(usual.dependence, *usual.prior.tolist(), *usual.table.ravel().tolist()),
        )

    def weighed(self, answers: Sequence[tuple[str, int]], learnt: Learnt) -> Combined[int]:
        """The most probable step, of equals the lowest, and its probability; what all say stands.

        Where several steps are learnt as one: of the answers in it the median, else the one in its middle. If
        the scale has other steps than the one that was learnt of, as if nothing had been.
        """
        values, count = [value for _, value in answers], self._count
        if len(learnt.common) != 1 + count + count**2:
            return self.combine(values)
        numbers = np.array(learnt.common)
        usual = Usual(
            prior=numbers[1 : count + 1],
            table=numbers[count + 1 :].reshape(count, count),
            rates=np.array(learnt.newcomer),
            dependence=learnt.common[0],
        )
        given = np.array([self._class(value) for value in values])
        chance = usual.posterior(given, np.array([learnt.of(name) for name, _ in answers]))
        best = int((chance >= chance.max() - TIE).argmax())
        if len(set(values)) == 1:
            best = int(given[0])
        inside = [value for value, one in zip(values, given.tolist(), strict=True) if one == best]
        value = middle(inside, [1.0] * len(inside)) if inside else self._middle(best)
        return Combined(value=value, confidence=float(chance[best]), method=self.weighed_by)

    def _middle(self, number: int) -> int:
        """The step in the middle of those that are learnt as one, of two the lower."""
        low = self.settings.min + number * self._width
        return (low + min(low + self._width - 1, self.settings.max)) // 2
