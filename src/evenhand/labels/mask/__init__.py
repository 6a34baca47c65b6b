"""Masks: sets of pixels of an image, each with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Flag, Json, LabelType, Learnt, MaskElement
from evenhand.labels import pieces
from evenhand.labels.mask.runs import Masked, hulls, majority, measure, overlap
from evenhand.labels.matching import NEAR, agreed, difference, most_central, overlapping
from evenhand.labels.options import Options, complete, one_of, positions, require_label
from evenhand.labels.picture import size_of
from evenhand.labels.pieces import Pieces
from evenhand.labels.reading import (
    ImageField,
    elements_in,
    first_field,
    form,
    listed,
    plain,
    read_answer,
    read_config,
    require_field,
    with_field,
)

Masks = tuple[Masked, ...]
"""Sorted, none twice, all of one size."""

MOST_MASKS = 500
"""In one answer."""

MOST_RUNS = 200_000
"""In all masks of an answer: about a megabyte of JSON."""

LONGEST = 65_535
"""Pixels of a side: what JPEG, PNG viewers and canvases can hold."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of masks."""

    field: Annotated[ImageField, Meta(title="Image", description="Field whose image is painted on")]
    labels: Annotated[
        Options,
        Meta(
            title="Labels",
            description="What a mask can be of",
            min_length=1,
            extra_json_schema={"format": "choices"},
        ),
    ]


@dataclass(frozen=True)
class Mask(LabelType[Masks]):
    """Labelled sets of pixels of an image, after EXIF orientation. Masks may overlap."""

    settings: Config

    id: ClassVar[str] = "mask/1"
    name: ClassVar[str] = "mask"
    title: ClassVar[str] = "Masks"
    weighed_by: ClassVar[str] = pieces.METHOD
    measures: ClassVar[tuple[str, ...]] = pieces.MEASURES
    flag: ClassVar[Flag | None] = Flag(option="--masks", metavar="A,B", help="Paint over these, by pixel")
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["road", {"name": "Sky", "id": "sky", "key": "y"}],
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, with_field(config, fields, ("image",)))
        require_field(fields, settings.field, ("image",), "field")
        return cls(msgspec.structs.replace(settings, labels=complete(settings.labels, "labels")))

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        return {"field": first_field(fields, ("image",)), "labels": listed(value)}

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @cached_property
    def _position(self) -> dict[str, int]:
        return positions(self.settings.labels)

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Masks:
        masks = read_answer(Masks, raw)
        if len(masks) > MOST_MASKS or sum(len(mask.runs) for mask in masks) > MOST_RUNS:
            reason = f"More than {MOST_MASKS} masks, or {MOST_RUNS} runs in all."
            raise Invalid("answer.too-many", reason, "", "Send fewer, or simpler ones.")
        width, height = size_of(data.get(self.settings.field))
        kept: dict[Masked, None] = {}
        for i, mask in enumerate(masks):
            require_label(mask.label, self._position, f"[{i}].label")
            for key, side in (("width", width), ("height", height)):
                _check_side(getattr(mask, key), side, getattr(masks[0], key), f"[{i}].{key}")
            _check_runs(mask, f"[{i}].runs")
            if mask in kept:
                raise Invalid("answer.duplicate", "This mask is there twice.", f"[{i}]", "Send it once.")
            kept[mask] = None
        return tuple(sorted(kept))

    def load(self, dumped: Json) -> Masks:
        """As it was checked when it was given; its labels may be gone from the question since."""
        return tuple(read_answer(Masks, dumped))

    def dump(self, value: Masks) -> Json:
        return [{**msgspec.structs.asdict(mask), "runs": list(mask.runs)} for mask in value]

    def schema(self) -> dict[str, Json]:
        side = {"type": "integer", "minimum": 1, "maximum": LONGEST}
        run = {"type": "integer", "minimum": 0, "maximum": LONGEST**2}
        runs = {"type": "array", "items": run, "minItems": 2, "maxItems": MOST_RUNS}
        properties = {"label": one_of(self._position), "width": side, "height": side, "runs": runs}
        mask = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "array", "items": {**mask, "additionalProperties": False}, "maxItems": MOST_MASKS}

    def distance(self, a: Masks, b: Masks) -> float:
        """1 - F1 of the most masks that pair up with the same label and an overlap of `MATCH`."""
        return 0.0 if a == b else difference(a, b, _close)

    def elements(self, value: Masks) -> tuple[Element, ...]:
        return tuple(MaskElement(field=self.settings.field, **msgspec.structs.asdict(mask)) for mask in value)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Masks:
        found = elements_in(MaskElement, elements, self.settings.field)
        return self.parse([{key: getattr(e, key) for key in Masked.__struct_fields__} for e in found], data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Masks], ...]:
        data = {self.settings.field: {"blob": "", "width": 8, "height": 4}}
        labels = list(self._position)
        lower = Masked(labels[0], 8, 4, (16, 16))
        corner = Masked(labels[-1], 8, 4, (0, 3, 5, 2, 22))
        return ((data, ()), (data, (lower,)), (data, tuple(sorted((corner, lower)))))

    def combine(self, values: Sequence[Masks]) -> Combined[Masks]:
        """Masks that more than half painted: of those that overlap by `MATCH`, the pixels of most."""
        groups = agreed(values, _close)
        found = [mask for group in groups if (mask := majority(group))]
        if sum(len(mask.runs) for mask in found) > MOST_RUNS:  # an answer could not hold it
            found = [most_central([*map(measure, group)], overlap).mask for group in groups]
        value = tuple(sorted(set(found)))
        return Combined(value=value, confidence=self.support(value, values), method="cluster")

    def _fits(self, kept: Sequence[Masked], mask: Masked) -> bool:
        """Whether an answer may hold this one too."""
        return mask not in kept and len(mask.runs) + sum(len(one.runs) for one in kept) <= MOST_RUNS

    @cached_property
    def _pieces(self) -> Pieces[Masked]:
        return Pieces(self._position, _near, _middle, self._fits)

    def learn(self, answers: Sequence[tuple[int, str, Masks]]) -> Learnt:
        return self._pieces.learn(answers)

    def weighed(self, answers: Sequence[tuple[str, Masks]], learnt: Learnt) -> Combined[Masks]:
        """Masks as `labels.pieces` weighs them: the pixels that most of the weight painted."""
        found = self._pieces.weighed(answers, learnt)
        return found or self.combine([value for _, value in answers])


def _check_side(given: int, known: float, first: int, where: str) -> None:
    """The side of the image, where it is known; else any, but the same in all masks."""
    if known < float("inf") and given != known:
        reason = f"The image measures {known:g} pixels here."
        raise Invalid("answer.size", reason, where, "Paint on the image in its full size.")
    if not 1 <= given <= LONGEST or given != first:
        raise Invalid("answer.size", "The masks are of no one image.", where, "Send the size of the image.")


def _check_runs(mask: Masked, where: str) -> None:
    """One set of pixels has one form: no run but the first is empty, and together they fill the image."""
    for i, run in enumerate(mask.runs):
        if run < (i > 0):
            raise Invalid("answer.run", "A run has no length.", f"{where}[{i}]", "Join its neighbours.")
    if sum(mask.runs) != mask.width * mask.height:
        reason = f"The runs do not add up to {mask.width} x {mask.height} pixels."
        raise Invalid("answer.run", reason, where, "Count off and on in turn, off first, row by row.")
    if len(mask.runs) < 2:
        raise Invalid("answer.empty", "The mask covers nothing.", where, "Paint something, or leave it out.")


def _near(a: Sequence[Masked], b: Sequence[Masked]) -> list[dict[int, float]]:
    return overlapping([*map(measure, a)], [*map(measure, b)], hulls, overlap, NEAR, alike=False)


def _middle(masks: Sequence[Masked], weights: Sequence[float]) -> Masked:
    """The pixels of most of the weight; where there are none, the most central mask."""
    return majority(masks, weights) or most_central([*map(measure, masks)], overlap, weights).mask


def _close(a: Sequence[Masked], b: Sequence[Masked]) -> list[dict[int, float]]:
    return overlapping([*map(measure, a)], [*map(measure, b)], hulls, overlap)
