"""Masks: sets of pixels of an image, each with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Flag, Json, MaskElement
from evenhand.labels.mask.runs import Masked, hulls, majority, measure, overlap
from evenhand.labels.matching import agreed, most_central, overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.picture import size_of
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.reading import ImageField

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
    labels: Annotated[Options, labels_meta("What a mask can be of")]


@dataclass(frozen=True)
class Mask(PieceType[Masked]):
    """Labelled sets of pixels of an image, after EXIF orientation. Masks may overlap."""

    settings: Config

    id: ClassVar[str] = "mask/1"
    name: ClassVar[str] = "mask"
    title: ClassVar[str] = "Masks"
    flag: ClassVar[Flag | None] = Flag(option="--masks", metavar="A,B", help="Paint over these, by pixel")
    settings_type = Config
    shape = Masks
    piece = Masked
    element = MaskElement
    field_types = ("image",)
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["road", {"name": "Sky", "id": "sky", "key": "y"}],
    }

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Masks:
        masks = self.received(raw)
        if len(masks) > MOST_MASKS or sum(len(mask.runs) for mask in masks) > MOST_RUNS:
            reason = f"More than {MOST_MASKS} masks, or {MOST_RUNS} runs in all."
            raise Invalid("answer.too-many", reason, "", "Send fewer, or simpler ones.")
        width, height = size_of(data.get(self.settings.field))
        kept: dict[Masked, None] = {}
        for i, mask in enumerate(masks):
            require_label(mask.label, self.labels, f"[{i}].label")
            for key, side in (("width", width), ("height", height)):
                _check_side(getattr(mask, key), side, getattr(masks[0], key), f"[{i}].{key}")
            _check_runs(mask, f"[{i}].runs")
            if mask in kept:
                raise Invalid("answer.duplicate", "This mask is there twice.", f"[{i}]", "Send it once.")
            kept[mask] = None
        return tuple(sorted(kept))

    def dump(self, value: Masks) -> Json:
        return [{**msgspec.structs.asdict(mask), "runs": list(mask.runs)} for mask in value]

    def schema(self) -> dict[str, Json]:
        side = {"type": "integer", "minimum": 1, "maximum": LONGEST}
        run = {"type": "integer", "minimum": 0, "maximum": LONGEST**2}
        runs = {"type": "array", "items": run, "minItems": 2, "maxItems": MOST_RUNS}
        properties = {"label": one_of(self.labels), "width": side, "height": side, "runs": runs}
        mask = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "array", "items": {**mask, "additionalProperties": False}, "maxItems": MOST_MASKS}

    def examples(self) -> tuple[tuple[Mapping[str, Json], Masks], ...]:
        data = {self.settings.field: {"blob": "", "width": 8, "height": 4}}
        labels = list(self.labels)
        lower = Masked(labels[0], 8, 4, (16, 16))
        corner = Masked(labels[-1], 8, 4, (0, 3, 5, 2, 22))
        return ((data, ()), (data, (lower,)), (data, tuple(sorted((corner, lower)))))

    def combine(self, values: Sequence[Masks]) -> Combined[Masks]:
        """Masks that more than half painted: of those that overlap by `MATCH`, the pixels of most."""
        groups = agreed(values, self.close)
        found = [mask for group in groups if (mask := majority(group))]
        if sum(len(mask.runs) for mask in found) > MOST_RUNS:  # an answer could not hold it
            found = [most_central([*map(measure, group)], overlap).mask for group in groups]
        return self.clustered(set(found), values)

    def closeness(
        self, a: Sequence[Masked], b: Sequence[Masked], least: float, alike: bool
    ) -> list[dict[int, float]]:
        return overlapping([*map(measure, a)], [*map(measure, b)], hulls, overlap, least, alike)

    def middle(self, pieces: Sequence[Masked], weights: Sequence[float]) -> Masked:
        """The pixels of most of the weight; where there are none, the most central mask."""
        return majority(pieces, weights) or most_central([*map(measure, pieces)], overlap, weights).mask

    def fits(self, kept: Sequence[Masked], piece: Masked) -> bool:
        return piece not in kept and len(piece.runs) + sum(len(one.runs) for one in kept) <= MOST_RUNS


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
