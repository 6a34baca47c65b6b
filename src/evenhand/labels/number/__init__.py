"""Number: a quantity, with bounds, a grid and a unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.inference import Votes
from evenhand.core.inference.numbers import located, measure
from evenhand.core.label import Combined, Element, Json, LabelType, Learnt, NumberElement
from evenhand.labels.reading import LARGEST, form, only_element, plain, read_config, shortest, shown

ROUNDS = 40
"""Of what is learnt: an audit does as many. Numbers that are not pathological have settled long before."""

SHARED = 10
"""Tasks with two numbers before anything is learnt: of fewer, a slip of the finger decides."""

Bound = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Stride = Annotated[float, Meta(gt=0, le=LARGEST)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a number."""

    min: Annotated[Bound | None, Meta(title="Smallest", description="Smallest number; empty: no bound")] = (
        None
    )
    max: Annotated[Bound | None, Meta(title="Largest", description="Largest number; empty: no bound")] = None
    step: Annotated[
        Stride | None,
        Meta(title="Step", description="Only multiples of it, counted from the smallest number or 0"),
    ] = None
    integer: Annotated[bool, Meta(title="Whole numbers", description="Only whole numbers")] = False
    unit: Annotated[str, Meta(title="Unit", description="Shown after the number", max_length=100)] = ""


@dataclass(frozen=True)
class Number(LabelType[float]):
    """A quantity. A value is a float between -(2^53 - 1) and 2^53 - 1; beyond, whole numbers blur."""

    settings: Config

    id: ClassVar[str] = "number/1"
    name: ClassVar[str] = "number"
    title: ClassVar[str] = "Number"
    weighed_by: ClassVar[str] = "numbers"
    measures: ClassVar[tuple[str, ...]] = ("bias", "spread")
    example_config: ClassVar[Mapping[str, Json]] = {"min": 0, "max": 300, "step": 0.5, "unit": "kg"}

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        if settings.min is not None and settings.max is not None and settings.max <= settings.min:
            raise Invalid(
                "question.bounds", "There is no room between min and max.", "max", "Make it larger than min."
            )
        for key in ("min", "max", "step") if settings.integer else ():
            bound = getattr(settings, key)
            if bound is not None and not bound.is_integer():
                raise Invalid("question.bounds", "This is no whole number, and answers have to be.", key)
        return cls(settings)

    def config(self) -> dict[str, Json]:
        bounds = {
            key: value for key in ("min", "max", "step") if (value := getattr(self.settings, key)) is not None
        }
        return {**plain(self.settings), **{key: shortest(value) for key, value in bounds.items()}}

    @property
    def _step(self) -> float | None:
        """Width of the grid, where there is one."""
        return self.settings.step or (1.0 if self.settings.integer else None)

    def parse(self, raw: Json, data: Mapping[str, Json]) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not -LARGEST <= raw <= LARGEST:
            reason = f"This is {shown(raw)} that cannot be used."
            raise Invalid("answer.not-a-number", reason, "", "Send a finite number below 2^53.")
        value = float(raw) + 0.0  # -0.0 becomes 0.0: they are equal and would be stored as different bytes
        low, high = self.settings.min, self.settings.max
        if (low is not None and value < low) or (high is not None and value > high):
            raise Invalid("answer.bounds", f"{value:g} is out of bounds.", "", f"Send {_bounds(low, high)}.")
        if not self._on_grid(value):
            raise Invalid(
                "answer.off-grid", f"{value:g} is between two steps.", "", f"Steps are {self._step:g} wide."
            )
        return value

    def _on_grid(self, value: float) -> bool:
        if self.settings.integer and not value.is_integer():
            return False
        if self.settings.step is None:
            return True
        steps = (value - (self.settings.min or 0.0)) / self.settings.step
        return math.isclose(
            steps, round(steps), rel_tol=1e-9, abs_tol=1e-9
        )  # 0.3 / 0.1 is 2.9999999999999996

    def dump(self, value: float) -> Json:
        return shortest(value)

    def schema(self) -> dict[str, Json]:
        low = -LARGEST if self.settings.min is None else shortest(self.settings.min)
        high = LARGEST if self.settings.max is None else shortest(self.settings.max)
        return {"type": "integer" if self.settings.integer else "number", "minimum": low, "maximum": high}

    def distance(self, a: float, b: float) -> float:
        """Share of the range; without one, share of the larger of the two (at least 1)."""
        low, high = self.settings.min, self.settings.max
        scale = high - low if low is not None and high is not None else max(abs(a), abs(b), 1.0)
        return min(abs(a - b) / scale, 1.0)

    def elements(self, value: float) -> tuple[Element, ...]:
        return (NumberElement(value=value),)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> float:
        return self.parse(only_element(NumberElement, elements).value, data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], float], ...]:
        low, high, step = self.settings.min, self.settings.max, self._step or 0.5
        start = low if low is not None else 0.0 if high is None else math.floor(high / step) * step
        values = (start + i * step for i in range(-2, 3))
        inside = [v for v in values if (low is None or v >= low) and (high is None or v <= high)]
        return tuple(({}, value) for value in inside)

    def combine(self, values: Sequence[float]) -> Combined[float]:
        """The median: of two in the middle their mean, or on a grid the lower, as the mean may be off it."""
        ordered = sorted(values)
        low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        value = low if self._step is not None else low + (high - low) / 2
        return Combined(value=value, confidence=self.support(value, values), method="median")

    @property
    def unit(self) -> str:
        return self.settings.unit

    def learn(self, answers: Sequence[tuple[int, str, float]]) -> Learnt:
        """Everybody's bias and spread, in `ROUNDS` rounds of `core.inference.numbers`; 0: it is not known, as
        where fewer than `SHARED` tasks have two numbers."""
        ordered = sorted(answers, key=lambda one: one[:2])
        names = sorted({name for _, name, _ in ordered})
        code = {name: i for i, name in enumerate(names)}
        _, tasks, given = np.unique([n for n, _, _ in ordered], return_inverse=True, return_counts=True)
        if (given > 1).sum() < SHARED:
            return Learnt(annotators=dict.fromkeys(names, (0.0, 0.0)), newcomer=(0.0, 0.0))
        votes = Votes.of(tasks, [code[name] for _, name, _ in ordered], np.zeros(len(ordered), np.int32))
        found = measure(votes, np.array([value for _, _, value in ordered]), ROUNDS)
        bias, spread = found.bias.tolist(), found.spread.tolist()
        return Learnt(
            annotators={name: (bias[i], spread[i]) for i, name in enumerate(names)},
            newcomer=(0.0, found.newcomer),
        )

    def weighed(self, answers: Sequence[tuple[str, float]], learnt: Learnt) -> Combined[float]:
        """Where the numbers less their biases lie, by their spreads: within bounds, on the grid, and else to
        a thousandth of a newcomer's spread. What all say stands, and so does the median of numbers while no
        spread is known."""
        values = [value for _, value in answers]
        told = [learnt.of(name) for name, _ in answers]
        spreads = [spread for _, spread in told]
        if len(set(values)) == 1 or not all(spreads):
            return msgspec.structs.replace(self.combine(values), method=self.weighed_by)
        free = [value - bias for value, (bias, _) in zip(values, told, strict=True)]
        value = self._placed(located(free, spreads), learnt.newcomer[1])
        confidence = self.support(value, values, [1 / spread**2 for spread in spreads])
        return Combined(value=value, confidence=confidence, method=self.weighed_by)

    def _placed(self, value: float, spread: float) -> float:
        """The nearest number that can be an answer."""
        low, high, step = self.settings.min, self.settings.max, self._step
        if step is None:
            value = round(value, 3 - math.floor(math.log10(spread)))
        else:
            start = low or 0.0
            if self.settings.integer:
                start, step = float(math.ceil(start)), max(step, 1.0)
            most = math.inf if high is None else math.floor((high - start) / step + 1e-9)
            steps = min(round((value - start) / step), most)
            value = float(f"{start + steps * step:.12g}")  # 0.3, and not 0.30000000000000004
        value = value if low is None else max(value, low)
        return (value if high is None else min(value, high)) + 0.0


def _bounds(low: float | None, high: float | None) -> str:
    """The allowed numbers, in words."""
    parts = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    return " and ".join(part for part in parts if part)
