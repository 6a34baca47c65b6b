"""Keypoints: places in an image, each with a label."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Annotated, ClassVar, Self

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Flag, Json, KeypointElement, LabelType, Learnt
from evenhand.labels import pieces
from evenhand.labels.matching import Hulls, agreed, difference, mean, touching
from evenhand.labels.options import Options, complete, one_of, positions, require_label
from evenhand.labels.picture import FARTHEST, placed, size_of
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
    shortest,
    with_field,
)


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
    labels: Annotated[
        Options,
        Meta(
            title="Labels",
            description="What a point can be",
            min_length=1,
            extra_json_schema={"format": "choices"},
        ),
    ]
    once: Annotated[
        bool, Meta(title="Each once", description="Each label stands for one point, as in a skeleton")
    ] = False
    radius: Annotated[
        float,
        Meta(title="Tolerance", description="Pixels; points this near mean the same place", gt=0, le=10_000),
    ] = 10.0


@dataclass(frozen=True)
class Keypoint(LabelType[Points]):
    """Labelled places in an image, in pixels after EXIF orientation, rounded to 2 decimals."""

    settings: Config

    id: ClassVar[str] = "keypoint/1"
    name: ClassVar[str] = "keypoint"
    title: ClassVar[str] = "Keypoints"
    weighed_by: ClassVar[str] = pieces.METHOD
    measures: ClassVar[tuple[str, ...]] = pieces.MEASURES
    flag: ClassVar[Flag | None] = Flag(option="--points", metavar="A,B", help="Set points on these")
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["nose", {"name": "Left eye", "id": "left_eye", "key": "l"}],
        "once": True,
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
        return {**plain(self.settings), "radius": shortest(self.settings.radius)}

    @cached_property
    def _position(self) -> dict[str, int]:
        return positions(self.settings.labels)

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Points:
        points = read_answer(Points, raw)
        if len(points) > MOST_POINTS:
            raise Invalid("answer.too-many", f"More than {MOST_POINTS} points.", "", "Send fewer.")
        size = size_of(data.get(self.settings.field))
        kept: dict[object, Pointed] = {}
        for i, point in enumerate(points):
            require_label(point.label, self._position, f"[{i}].label")
            x, y = placed(point.x, point.y, size, (f"[{i}].x", f"[{i}].y"))
            key = self._key(x, y, point.label)
            if key in kept:
                raise Invalid("answer.duplicate", "This point is there already.", f"[{i}]", "Send it once.")
            kept[key] = Pointed(x, y, point.label, point.visible)
        return tuple(sorted(kept.values()))

    def _key(self, x: float, y: float, label: str) -> object:
        """What no second point of the answer may have."""
        return label if self.settings.once else (x, y, label)

    def load(self, dumped: Json) -> Points:
        """As it was checked when it was given; its labels may be gone from the question since."""
        return tuple(read_answer(Points, dumped))

    def dump(self, value: Points) -> Json:
        return [
            {"x": shortest(p.x), "y": shortest(p.y), "label": p.label}
            | ({} if p.visible else {"visible": False})
            for p in value
        ]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
        place = {"x": number, "y": number, "label": one_of(self._position)}
        properties = {**place, "visible": {"type": "boolean"}}
        point = {"type": "object", "properties": properties, "required": list(place)}
        return {"type": "array", "items": {**point, "additionalProperties": False}, "maxItems": MOST_POINTS}

    def _close(
        self, a: Sequence[Pointed], b: Sequence[Pointed], alike: bool = True
    ) -> list[dict[int, float]]:
        """Points of one label, or `alike` or not, within the radius; the nearer, the closer."""
        radius = self.settings.radius
        found = []
        for point, some in zip(a, touching(a, b, self._hulls, alike), strict=True):
            far = {j: math.hypot(point.x - b[j].x, point.y - b[j].y) for j in some}
            found.append({j: 1 - away / radius for j, away in far.items() if away <= radius})
        return found

    def _near(self, a: Sequence[Pointed], b: Sequence[Pointed]) -> list[dict[int, float]]:
        return self._close(a, b, alike=False)

    def _fits(self, kept: Sequence[Pointed], point: Pointed) -> bool:
        """Whether an answer may hold this one too."""
        key = self._key(point.x, point.y, point.label)
        return all(self._key(one.x, one.y, one.label) != key for one in kept)

    def _hulls(self, points: Sequence[Pointed]) -> Hulls:
        reach = self.settings.radius  # twice what is needed; exactly half would lose points at the rim
        return np.array([(p.x - reach, p.y - reach, p.x + reach, p.y + reach) for p in points])

    def distance(self, a: Points, b: Points) -> float:
        """1 - F1 of the most points that pair up with the same label, `radius` apart at most."""
        return 0.0 if a == b else difference(a, b, self._close)

    def elements(self, value: Points) -> tuple[Element, ...]:
        return tuple(KeypointElement(field=self.settings.field, **msgspec.structs.asdict(p)) for p in value)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Points:
        found = elements_in(KeypointElement, elements, self.settings.field)
        return self.parse([{key: getattr(e, key) for key in Pointed.__struct_fields__} for e in found], data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Points], ...]:
        side = math.ceil(self.settings.radius) * 10
        data = {self.settings.field: {"blob": "", "width": side, "height": side}}
        labels = list(self._position)
        one = Pointed(side / 4, side / 8, labels[0])
        two = Pointed(side / 2, side / 2, labels[-1], False)
        return ((data, ()), (data, (one,)), (data, (two,)))

    def combine(self, values: Sequence[Points]) -> Combined[Points]:
        """Points that more than half set: those within the radius are gathered, their median is taken.

        The median of each coordinate keeps its place when one person misses by much.
        """
        kept: dict[object, Pointed] = {}
        for group in sorted(agreed(values, self._close), key=len, reverse=True):
            x, y = (round(median(getattr(p, key) for p in group), 2) for key in ("x", "y"))
            visible = 2 * sum(p.visible for p in group) >= len(group)
            kept.setdefault(self._key(x, y, group[0].label), Pointed(x, y, group[0].label, visible))
        value = tuple(sorted(kept.values()))
        return Combined(value=value, confidence=self.support(value, values), method="cluster")

    @cached_property
    def _pieces(self) -> Pieces[Pointed]:
        return Pieces(self._position, self._near, _middle, self._fits)

    def learn(self, answers: Sequence[tuple[int, str, Points]]) -> Learnt:
        return self._pieces.learn(answers)

    def weighed(self, answers: Sequence[tuple[str, Points]], learnt: Learnt) -> Combined[Points]:
        """Points as `labels.pieces` weighs them: the mean place, hidden where most of the weight says so."""
        found = self._pieces.weighed(answers, learnt)
        return found or self.combine([value for _, value in answers])


def _middle(points: Sequence[Pointed], weights: Sequence[float]) -> Pointed:
    """The weighed mean place; seen where half of the weight saw it."""
    x, y = (round(mean([getattr(point, key) for point in points], weights), 2) for key in ("x", "y"))
    seen = mean([float(point.visible) for point in points], weights)
    return Pointed(x, y, points[0].label, round(seen, 9) >= 0.5)
