"""Polygons: outlines in an image, each with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Flag, Json, LabelType, Learnt, PolygonElement
from evenhand.labels import pieces
from evenhand.labels.matching import NEAR, agreed, difference, most_central, new, overlapping
from evenhand.labels.options import Options, complete, one_of, positions, require_label
from evenhand.labels.picture import FARTHEST, Size, placed, size_of
from evenhand.labels.pieces import Pieces
from evenhand.labels.polygon.outline import Outlined, Point, hulls, is_flat, overlap
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
    shortest,
    with_field,
)

Polygons = tuple[Outlined, ...]
"""Sorted, none twice."""

MOST_POLYGONS = 1_000
"""In one answer."""

MOST_POINTS = 1_000
"""In one polygon."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of polygons."""

    field: Annotated[ImageField, Meta(title="Image", description="Field whose image is drawn on")]
    labels: Annotated[
        Options,
        Meta(
            title="Labels",
            description="What a polygon can be around",
            min_length=1,
            extra_json_schema={"format": "choices"},
        ),
    ]


@dataclass(frozen=True)
class Polygon(LabelType[Polygons]):
    """Labelled outlines in an image, in pixels after EXIF orientation, rounded to 2 decimals."""

    settings: Config

    id: ClassVar[str] = "polygon/1"
    name: ClassVar[str] = "polygon"
    title: ClassVar[str] = "Polygons"
    weighed_by: ClassVar[str] = pieces.METHOD
    measures: ClassVar[tuple[str, ...]] = pieces.MEASURES
    flag: ClassVar[Flag | None] = Flag(option="--polygons", metavar="A,B", help="Outline these with polygons")
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["roof", {"name": "Pool", "id": "pool", "key": "p"}],
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

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Polygons:
        polygons = read_answer(Polygons, raw)
        if len(polygons) > MOST_POLYGONS:
            raise Invalid("answer.too-many", f"More than {MOST_POLYGONS} polygons.", "", "Send fewer.")
        size = size_of(data.get(self.settings.field))
        kept: dict[Outlined, None] = {}
        for i, polygon in enumerate(polygons):
            require_label(polygon.label, self._position, f"[{i}].label")
            rounded = Outlined(_checked(polygon.points, size, f"[{i}].points"), polygon.label)
            if rounded in kept:
                raise Invalid("answer.duplicate", "This polygon is there twice.", f"[{i}]", "Send it once.")
            kept[rounded] = None
        return tuple(sorted(kept))

    def load(self, dumped: Json) -> Polygons:
        """As it was checked when it was given; its labels may be gone from the question since."""
        return tuple(read_answer(Polygons, dumped))

    def dump(self, value: Polygons) -> Json:
        return [
            {"points": [[shortest(x), shortest(y)] for x, y in polygon.points], "label": polygon.label}
            for polygon in value
        ]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
        point = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        points = {"type": "array", "items": point, "minItems": 3, "maxItems": MOST_POINTS}
        properties = {"points": points, "label": one_of(self._position)}
        polygon = {"type": "object", "properties": properties, "required": list(properties)}
        return {
            "type": "array",
            "items": {**polygon, "additionalProperties": False},
            "maxItems": MOST_POLYGONS,
        }

    def distance(self, a: Polygons, b: Polygons) -> float:
        """1 - F1 of the most polygons that pair up with the same label and an overlap of `MATCH`."""
        return 0.0 if a == b else difference(a, b, _close)

    def elements(self, value: Polygons) -> tuple[Element, ...]:
        field = self.settings.field
        return tuple(PolygonElement(field=field, points=p.points, label=p.label) for p in value)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Polygons:
        found = elements_in(PolygonElement, elements, self.settings.field)
        return self.parse([{"points": e.points, "label": e.label} for e in found], data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Polygons], ...]:
        data = {self.settings.field: {"blob": "", "width": 160, "height": 120}}
        labels = list(self._position)
        roof = Outlined(((10.0, 10.0), (60.0, 10.0), (35.0, 50.5)), labels[0])
        pool = Outlined(((80.0, 60.0), (150.0, 60.0), (150.0, 110.0), (110.0, 80.0)), labels[-1])
        return ((data, ()), (data, (roof,)), (data, (roof, pool)))

    def combine(self, values: Sequence[Polygons]) -> Combined[Polygons]:
        """Polygons that more than half drew: of those that overlap by `MATCH`, the most central one.

        Corners of different people do not stand for one another, so that they have no mean.
        """
        value = tuple(sorted({most_central(group, overlap) for group in agreed(values, _close)}))
        return Combined(value=value, confidence=self.support(value, values), method="cluster")

    @cached_property
    def _pieces(self) -> Pieces[Outlined]:
        return Pieces(self._position, _near, _middle, new)

    def learn(self, answers: Sequence[tuple[int, str, Polygons]]) -> Learnt:
        return self._pieces.learn(answers)

    def weighed(self, answers: Sequence[tuple[str, Polygons]], learnt: Learnt) -> Combined[Polygons]:
        """Polygons as `labels.pieces` weighs them: of those that mean the same, the most central one."""
        found = self._pieces.weighed(answers, learnt)
        return found or self.combine([value for _, value in answers])


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


def _near(a: Sequence[Outlined], b: Sequence[Outlined]) -> list[dict[int, float]]:
    return overlapping(a, b, hulls, overlap, NEAR, alike=False)


def _middle(polygons: Sequence[Outlined], weights: Sequence[float]) -> Outlined:
    return most_central(polygons, overlap, weights)


def _close(a: Sequence[Outlined], b: Sequence[Outlined]) -> list[dict[int, float]]:
    return overlapping(a, b, hulls, overlap)
