"""Keypoints: places in an image, each with a label."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Flag, Json, KeypointElement
from evenhand.labels.matching import Hulls, agreed, mean, touching
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.picture import FARTHEST, placed, size_of
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.reading import ImageField, shortest


class Pointed(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled place. Sorts by x, y, label."""

    x: float  # pixels after EXIF orientation, from the left; 2 decimals
    y: float  # pixels from the top
    label: str  # id of the label
    visible: bool = True  # False: it is there, but something hides it


Points = tuple[Pointed, ...]
"""Sorted, none twice."""

MOST_POINTS = 1_000
"""In one answer."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of keypoints."""

    field: Annotated[ImageField, Meta(title="Image", description="Field whose image the points are set on")]
    labels: Annotated[Options, labels_meta("What a point can be")]
    once: Annotated[
        bool, Meta(title="Each once", description="Each label stands for one point, as in a skeleton")
    ] = False
    radius: Annotated[
        float,
        Meta(title="Tolerance", description="Pixels; points this near mean the same place", gt=0, le=10_000),
    ] = 10.0


@dataclass(frozen=True)
class Keypoint(PieceType[Pointed]):
    """Labelled places in an image, in pixels after EXIF orientation, rounded to 2 decimals."""

    settings: Config

    id: ClassVar[str] = "keypoint/1"
    name: ClassVar[str] = "keypoint"
    title: ClassVar[str] = "Keypoints"
    flag: ClassVar[Flag | None] = Flag(option="--points", metavar="A,B", help="Set points on these")
    settings_type = Config
    shape = Points
    piece = Pointed
    element = KeypointElement
    field_types = ("image",)
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["nose", {"name": "Left eye", "id": "left_eye", "key": "l"}],
        "once": True,
    }

    def config(self) -> dict[str, Json]:
        return {**super().config(), "radius": shortest(self.settings.radius)}

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Points:
        points = self.received(raw)
        if len(points) > MOST_POINTS:
            raise Invalid("answer.too-many", f"More than {MOST_POINTS} points.", "", "Send fewer.")
        size = size_of(data.get(self.settings.field))
        kept: dict[object, Pointed] = {}
        for i, point in enumerate(points):
            require_label(point.label, self.labels, f"[{i}].label")
            x, y = placed(point.x, point.y, size, (f"[{i}].x", f"[{i}].y"))
            key = self._key(x, y, point.label)
            if key in kept:
                raise Invalid("answer.duplicate", "This point is there already.", f"[{i}]", "Send it once.")
            kept[key] = Pointed(x, y, point.label, point.visible)
        return tuple(sorted(kept.values()))

    def _key(self, x: float, y: float, label: str) -> object:
        """What no second point of the answer may have."""
        return label if self.settings.once else (x, y, label)

    def dump(self, value: Points) -> Json:
        return [
            {"x": shortest(p.x), "y": shortest(p.y), "label": p.label}
            | ({} if p.visible else {"visible": False})
            for p in value
        ]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
        place = {"x": number, "y": number, "label": one_of(self.labels)}
        properties = {**place, "visible": {"type": "boolean"}}
        point = {"type": "object", "properties": properties, "required": list(place)}
        return {"type": "array", "items": {**point, "additionalProperties": False}, "maxItems": MOST_POINTS}

    def closeness(
        self, a: Sequence[Pointed], b: Sequence[Pointed], least: float, alike: bool
    ) -> list[dict[int, float]]:
        """Points within the radius, whatever the least; the nearer, the closer."""
        radius = self.settings.radius
        found = []
        for point, some in zip(a, touching(a, b, self._hulls, alike), strict=True):
            far = {j: math.hypot(point.x - b[j].x, point.y - b[j].y) for j in some}
            found.append({j: 1 - away / radius for j, away in far.items() if away <= radius})
        return found

    def middle(self, pieces: Sequence[Pointed], weights: Sequence[float]) -> Pointed:
        """The weighed mean place; seen where half of the weight saw it."""
        x, y = (round(mean([getattr(point, key) for point in pieces], weights), 2) for key in ("x", "y"))
        seen = mean([float(point.visible) for point in pieces], weights)
        return Pointed(x, y, pieces[0].label, round(seen, 9) >= 0.5)

    def fits(self, kept: Sequence[Pointed], piece: Pointed) -> bool:
        key = self._key(piece.x, piece.y, piece.label)
        return all(self._key(one.x, one.y, one.label) != key for one in kept)

    def _hulls(self, points: Sequence[Pointed]) -> Hulls:
        reach = self.settings.radius  # twice what is needed; exactly half would lose points at the rim
        return np.array([(p.x - reach, p.y - reach, p.x + reach, p.y + reach) for p in points])

    def examples(self) -> tuple[tuple[Mapping[str, Json], Points], ...]:
        side = math.ceil(self.settings.radius) * 10
        data = {self.settings.field: {"blob": "", "width": side, "height": side}}
        labels = list(self.labels)
        one = Pointed(side / 4, side / 8, labels[0])
        two = Pointed(side / 2, side / 2, labels[-1], False)
        return ((data, ()), (data, (one,)), (data, (two,)))

    def combine(self, values: Sequence[Points]) -> Combined[Points]:
        """Points that more than half set: those within the radius are gathered, their median is taken.

        The median of each coordinate keeps its place when one person misses by much.
        """
        kept: dict[object, Pointed] = {}
        for group in sorted(agreed(values, self.close), key=len, reverse=True):
            x, y = (round(median(getattr(p, key) for p in group), 2) for key in ("x", "y"))
            visible = 2 * sum(p.visible for p in group) >= len(group)
            kept.setdefault(self._key(x, y, group[0].label), Pointed(x, y, group[0].label, visible))
        return self.clustered(kept.values(), values)
