"""Polygons: outlines in an image, each with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Flag, Json, PolygonElement
from evenhand.labels.matching import most_central, overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.picture import FARTHEST, Size, placed, size_of
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.polygon.outline import Outlined, Point, hulls, is_flat, overlap
from evenhand.labels.reading import ImageField, shortest

Polygons = tuple[Outlined, ...]
"""Sorted, none twice."""

MOST_POLYGONS = 1_000
"""In one answer."""

MOST_POINTS = 1_000
"""In one polygon."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of polygons."""

    field: Annotated[ImageField, Meta(title="Image", description="Field whose image is drawn on")]
    labels: Annotated[Options, labels_meta("What a polygon can be around")]


@dataclass(frozen=True)
class Polygon(PieceType[Outlined]):
    """Labelled outlines in an image, in pixels after EXIF orientation, rounded to 2 decimals."""

    settings: Config

    id: ClassVar[str] = "polygon/1"
    name: ClassVar[str] = "polygon"
    title: ClassVar[str] = "Polygons"
    flag: ClassVar[Flag | None] = Flag(option="--polygons", metavar="A,B", help="Outline these with polygons")
    settings_type = Config
    shape = Polygons
    piece = Outlined
    element = PolygonElement
    field_types = ("image",)
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["roof", {"name": "Pool", "id": "pool", "key": "p"}],
    }

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Polygons:
        polygons = self.received(raw)
        if len(polygons) > MOST_POLYGONS:
            raise Invalid("answer.too-many", f"More than {MOST_POLYGONS} polygons.", "", "Send fewer.")
        size = size_of(data.get(self.settings.field))
        kept: dict[Outlined, None] = {}
        for i, polygon in enumerate(polygons):
            require_label(polygon.label, self.labels, f"[{i}].label")
            rounded = Outlined(_checked(polygon.points, size, f"[{i}].points"), polygon.label)
            if rounded in kept:
                raise Invalid("answer.duplicate", "This polygon is there twice.", f"[{i}]", "Send it once.")
            kept[rounded] = None
        return tuple(sorted(kept))

    def dump(self, value: Polygons) -> Json:
        return [
            {"points": [[shortest(x), shortest(y)] for x, y in polygon.points], "label": polygon.label}
            for polygon in value
        ]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
        point = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        points = {"type": "array", "items": point, "minItems": 3, "maxItems": MOST_POINTS}
        properties = {"points": points, "label": one_of(self.labels)}
        polygon = {"type": "object", "properties": properties, "required": list(properties)}
        return {
            "type": "array",
            "items": {**polygon, "additionalProperties": False},
            "maxItems": MOST_POLYGONS,
        }

    def examples(self) -> tuple[tuple[Mapping[str, Json], Polygons], ...]:
        data = {self.settings.field: {"blob": "", "width": 160, "height": 120}}
        labels = list(self.labels)
        roof = Outlined(((10.0, 10.0), (60.0, 10.0), (35.0, 50.5)), labels[0])
        pool = Outlined(((80.0, 60.0), (150.0, 60.0), (150.0, 110.0), (110.0, 80.0)), labels[-1])
        return ((data, ()), (data, (roof,)), (data, (roof, pool)))

    def closeness(
        self, a: Sequence[Outlined], b: Sequence[Outlined], least: float, alike: bool
    ) -> list[dict[int, float]]:
        return overlapping(a, b, hulls, overlap, least, alike)

    def middle(self, pieces: Sequence[Outlined], weights: Sequence[float]) -> Outlined:
        """The most central one: corners of different people do not stand for one another and have no mean."""
        return most_central(pieces, overlap, weights)


def _checked(points: Sequence[Point], size: Size, where: str) -> tuple[Point, ...]:
    """The corners, rounded, without those that fall together with the one before."""
    if not 3 <= len(points) <= MOST_POINTS:
        reason = f"A polygon has 3 to {MOST_POINTS} corners."
        raise Invalid("answer.corners", reason, where, "Add corners, or leave out every other one.")
    rounded = [
        placed(x, y, size, (f"{where}[{i}][0]", f"{where}[{i}][1]")) for i, (x, y) in enumerate(points)
    ]
    apart = [point for i, point in enumerate(rounded) if i == 0 or point != rounded[i - 1]]
    kept = tuple(apart[:-1] if apart[-1] == apart[0] else apart)
    if len(kept) < 3 or is_flat(kept):
        raise Invalid("answer.flat", "There is no area between these corners.", where, "Draw it larger.")
    return kept
