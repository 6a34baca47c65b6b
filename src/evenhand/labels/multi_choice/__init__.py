"""Multiple choice: any number out of a list, which may be a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import ClassElement, Combined, Element, Json, LabelType
from evenhand.labels.options import Name, Option, one_of, require_distinct
from evenhand.labels.reading import elements_of, form, plain, read_answer, read_config, shown

Picks = tuple[str, ...]
"""Ids in the order of the configuration, depth first; none twice."""


class Branch(Option, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A choice that may have choices below it."""

    children: Annotated[
        tuple[Branch | Name, ...], Meta(title="Children", description="Choices below this one")
    ] = ()


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a multiple choice."""

    choices: Annotated[
        tuple[Branch | Name, ...],
        Meta(
            title="Choices",
            description="What annotators choose from; a choice may have children",
            min_length=1,
            extra_json_schema={"format": "choices"},
        ),
    ]
    min: Annotated[
        int, Meta(title="At least", description="Fewest picks that make an answer", ge=0, le=100_000)
    ] = 0
    max: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(title="At most", description="Most picks; empty: no limit"),
    ] = None
    leaves_only: Annotated[
        bool, Meta(title="Leaves only", description="Only choices without children can be picked")
    ] = False


@dataclass(frozen=True)
class MultiChoice(LabelType[Picks]):
    """Any number out of a list or tree. A value holds the ids in the order of the configuration."""

    settings: Config

    id: ClassVar[str] = "multi_choice/1"
    name: ClassVar[str] = "multi_choice"
    title: ClassVar[str] = "Multiple choice"
    weighed_by: ClassVar[str] = "distances"
    example_config: ClassVar[Mapping[str, Json]] = {
        "choices": ["news", {"name": "Sport", "id": "sport", "children": ["football", "chess"]}],
        "max": 3,
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        kind = cls(msgspec.structs.replace(settings, choices=_complete(settings.choices)))
        require_distinct(_walk(kind.settings.choices, "choices"))
        _require_possible(kind.settings, len(kind._position))
        return kind

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @cached_property
    def _position(self) -> dict[str, int]:
        """Id of each choice that can be picked -> its position, depth first."""
        every = (branch for _, branch in _walk(self.settings.choices, ""))
        pickable = (branch.id for branch in every if not (self.settings.leaves_only and branch.children))
        return {id: i for i, id in enumerate(pickable)}

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Picks:
        picks = read_answer(Picks, raw)
        for i, pick in enumerate(picks):
            if pick not in self._position:
                reason = f"{shown(pick)} is none of the choices that can be picked."
                raise Invalid("answer.unknown-choice", reason, f"[{i}]", "Send ids of choices.")
        if len(set(picks)) < len(picks):
            second = next(i for i, pick in enumerate(picks) if pick in picks[:i])
            raise Invalid(
                "answer.duplicate", "This choice is picked twice.", f"[{second}]", "Send each id once."
            )
        self._require_count(len(picks))
        return self._ordered(picks)

    def _require_count(self, count: int) -> None:
        low, high = self.settings.min, self.settings.max
        if count < low:
            raise Invalid("answer.too-few", f"{count} picked, at least {low} are needed.", "", "Pick more.")
        if high is not None and count > high:
            raise Invalid(
                "answer.too-many", f"{count} picked, at most {high} are allowed.", "", "Pick fewer."
            )

    def _ordered(self, picks: Sequence[str]) -> Picks:
        """In the order of the list; choices that a later version took off it come last."""
        return tuple(sorted(picks, key=lambda pick: (self._position.get(pick, len(self._position)), pick)))

    def dump(self, value: Picks) -> Json:
        return list(value)

    def schema(self) -> dict[str, Json]:
        shape = {
            "type": "array",
            "items": one_of(self._position),
            "uniqueItems": True,
            "minItems": self.settings.min,
        }
        return shape if self.settings.max is None else {**shape, "maxItems": self.settings.max}

    def distance(self, a: Picks, b: Picks) -> float:
        """1 - shared picks / picks of either (Jaccard 1912, 10.1111/j.1469-8137.1912.tb02044.x).

        Unlike MASI (Passonneau 2006) it is a metric, which clustering and medoids rely on.
        """
        one, two = frozenset(a), frozenset(b)
        either = len(one | two)
        return 1.0 - len(one & two) / either if either else 0.0

    def elements(self, value: Picks) -> tuple[Element, ...]:
        return tuple(ClassElement(value=pick) for pick in value)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Picks:
        return self.parse([element.value for element in elements_of(ClassElement, elements)], data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Picks], ...]:
        ids = list(self._position)
        low, high = self.settings.min, len(ids) if self.settings.max is None else self.settings.max
        sizes = {low, min(low + 1, high, len(ids)), min(high, len(ids))}
        picks = {tuple(ids[:size]) for size in sizes} | {tuple(ids[len(ids) - size :]) for size in sizes}
        return tuple(({}, pick) for pick in sorted(picks))

    def combine_by(self, values: Sequence[Picks], weights: Sequence[float]) -> Combined[Picks]:
        """Each choice that more than half picked; the nearest number of them that `min` and `max` allow.

        Three people who each pick two of three choices give each choice a majority: with a `max` of
        two, the two with the most votes stay, and among equals those that stand first in the list.
        """
        votes: dict[str, float] = {}
        for weight, picks in zip(weights, values, strict=True):
            for pick in picks:
                votes[pick] = votes.get(pick, 0.0) + weight
        votes = {pick: round(share, 9) for pick, share in votes.items()}
        ranked = sorted(self._ordered(tuple(votes)), key=lambda pick: -votes[pick])
        count = sum(1 for pick in ranked if votes[pick] > round(sum(weights) / 2, 9))
        most = len(ranked) if self.settings.max is None else self.settings.max
        value = self._ordered(ranked[: min(max(count, self.settings.min), most)])
        return Combined(value=value, confidence=self.support(value, values, weights), method="majority")


def _complete(choices: Sequence[Branch | str]) -> tuple[Branch, ...]:
    full = [Branch(name=choice) if isinstance(choice, str) else choice for choice in choices]
    return tuple(msgspec.structs.replace(branch, children=_complete(branch.children)) for branch in full)


def _walk(choices: Sequence[Branch | str], where: str) -> Iterator[tuple[str, Branch]]:
    """Every choice of a complete tree with its place in the configuration, depth first."""
    for i, choice in enumerate(choices):
        if isinstance(choice, Branch):
            yield f"{where}[{i}]", choice
            yield from _walk(choice.children, f"{where}[{i}].children")


def _require_possible(settings: Config, pickable: int) -> None:
    """Refuse limits that no answer could meet."""
    if settings.min > pickable:
        raise Invalid("question.bounds", f"Only {pickable} choices can be picked.", "min", "Lower it.")
    if settings.max is not None and settings.max < settings.min:
        raise Invalid("question.bounds", "This is less than min.", "max", "Raise it, or lower min.")
