"""Boxes: rectangles in an image, each with a label."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import BoxElement, Flag, Json
from evenhand.labels.box.geometry import Boxed, hulls, overlap
from evenhand.labels.matching import mean, most_central, overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.picture import FARTHEST, require_number, size_of
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.reading import ImageField, shortest

Boxes = tuple[Boxed, ...]
"""Sorted, none twice."""

MOST_BOXES = 1_000
"""In one answer. Comparing two answers looks at all pairs."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of boxes."""

    field: Annotated[ImageField, Meta(title="Image", description="Field whose image the boxes are drawn on")]
    labels: Annotated[Options, labels_meta("What a box can be around")]
    rotation: Annotated[bool, Meta(title="Rotation", description="Boxes can be turned")] = False
    min_size: Annotated[
        float, Meta(title="Smallest side", description="Pixels; smaller boxes are refused", ge=0, le=10_000)
    ] = 1.0


@dataclass(frozen=True)
class Box(PieceType[Boxed]):
    """Labelled rectangles in an image, in pixels after EXIF orientation, rounded to 2 decimals."""

    settings: Config

    id: ClassVar[str] = "box/1"
    name: ClassVar[str] = "box"
    title: ClassVar[str] = "Boxes"
    flag: ClassVar[Flag | None] = Flag(option="--boxes", metavar="A,B", help="Draw boxes around these")
    settings_type = Config
    shape = Boxes
    piece = Boxed
    element = BoxElement
    field_types = ("image",)
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "image",
        "labels": ["cat", {"name": "Dog", "id": "dog", "key": "d"}],
        "rotation": True,
    }

    def config(self) -> dict[str, Json]:
        return {**super().config(), "min_size": shortest(self.settings.min_size)}

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Boxes:
        boxes = self.received(raw)
        if len(boxes) > MOST_BOXES:
            raise Invalid("answer.too-many", f"More than {MOST_BOXES} boxes.", "", "Send fewer.")
        size = size_of(data.get(self.settings.field))
        kept: dict[Boxed, None] = {}
        for i, box in enumerate(boxes):
            rounded = self._checked(box, size, f"[{i}]")
            if rounded in kept:
                raise Invalid("answer.duplicate", "This box is there twice.", f"[{i}]", "Send it once.")
            kept[rounded] = None
        return tuple(sorted(kept))

    def _checked(self, box: Boxed, size: tuple[float, float], where: str) -> Boxed:
        """The box, rounded, once every number and the label are found to fit."""
        for key in ("x", "y", "width", "height"):
            require_number(getattr(box, key), f"{where}.{key}")
        if not -360 <= box.rotation <= 360 or (box.rotation and not self.settings.rotation):
            reason = "Boxes of this question are not turned this way."
            raise Invalid(
                "answer.rotation", reason, f"{where}.rotation", "Send 0, or -360 to 360 where allowed."
            )
        require_label(box.label, self.labels, f"{where}.label")
        rounded = _rounded(box)
        self._check_size(rounded, where)
        _check_inside(rounded, size, where)
        return rounded

    def _check_size(self, box: Boxed, where: str) -> None:
        smallest = max(
            round(self.settings.min_size - 0.01, 2), 0.01
        )  # rounding two edges can take a hundredth
        for key in ("width", "height"):
            if getattr(box, key) < smallest:
                reason = f"The box is smaller than {self.settings.min_size:g} pixels."
                raise Invalid("answer.too-small", reason, f"{where}.{key}", "Draw it larger.")

    def dump(self, value: Boxes) -> Json:
        return [_dumped(box) for box in value]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
        turn = {"type": "number", "minimum": -360, "maximum": 360} if self.settings.rotation else {"const": 0}
        place = {"x": number, "y": number, "width": number, "height": number, "label": one_of(self.labels)}
        box = {"type": "object", "properties": {**place, "rotation": turn}, "required": list(place)}
        return {"type": "array", "items": {**box, "additionalProperties": False}, "maxItems": MOST_BOXES}

    def examples(self) -> tuple[tuple[Mapping[str, Json], Boxes], ...]:
        side = max(40.0, math.ceil(self.settings.min_size))
        data = {self.settings.field: {"blob": "", "width": int(side * 4), "height": int(side * 3)}}
        labels = list(self.labels)
        one = Boxed(0.0, side / 4, side, side, labels[0])
        two = Boxed(side * 2, side, side * 1.5, side, labels[-1], 30.0 if self.settings.rotation else 0.0)
        return ((data, ()), (data, (one,)), (data, (one, two)))

    def closeness(
        self, a: Sequence[Boxed], b: Sequence[Boxed], least: float, alike: bool
    ) -> list[dict[int, float]]:
        return overlapping(a, b, hulls, overlap, least, alike)

    def middle(self, pieces: Sequence[Boxed], weights: Sequence[float]) -> Boxed:
        """The box with the mean edges; of turned boxes, whose angles do not average, the most central one."""
        if any(box.rotation for box in pieces):
            return most_central(pieces, overlap, weights)
        left, top = mean([b.x for b in pieces], weights), mean([b.y for b in pieces], weights)
        right = mean([b.x + b.width for b in pieces], weights)
        bottom = mean([b.y + b.height for b in pieces], weights)
        return _rounded(Boxed(left, top, right - left, bottom - top, pieces[0].label))


def _rounded(box: Boxed) -> Boxed:
    """Edges, not sides, are rounded, so that a box that ends at the edge of the image still does."""
    x, y = round(box.x, 2) + 0.0, round(box.y, 2) + 0.0  # + 0.0 turns -0.0 into 0.0
    width = round(round(box.x + box.width, 2) - x, 2)
    height = round(round(box.y + box.height, 2) - y, 2)
    return Boxed(x, y, width, height, box.label, round(box.rotation % 360, 2) % 360)


def _check_inside(box: Boxed, size: tuple[float, float], where: str) -> None:
    """An upright box lies in the image; of a turned one only the centre must, for corners may stick out."""
    (cx, cy), (width, height) = box.centre, size
    turned = bool(box.rotation)
    across = 0 <= cx <= width if turned else box.x >= 0 and round(box.x + box.width, 2) <= width
    down = 0 <= cy <= height if turned else box.y >= 0 and round(box.y + box.height, 2) <= height
    for inside, place, side in ((across, box.x, "x"), (down, box.y, "y")):
        if not inside:
            key = side if turned or place < 0 else {"x": "width", "y": "height"}[side]
            reason = f"The box lies outside the image ({width:g} x {height:g} pixels)."
            raise Invalid("answer.outside", reason, f"{where}.{key}", "Move or shrink it.")


def _dumped(box: Boxed) -> Json:
    place = {key: shortest(getattr(box, key)) for key in ("x", "y", "width", "height")}
    return {**place, "label": box.label, **({"rotation": shortest(box.rotation)} if box.rotation else {})}
