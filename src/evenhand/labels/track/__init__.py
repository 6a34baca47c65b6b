"""Tracks: boxes that move through a video, each with a label."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Element, Flag, Json, Keyframe, TrackElement
from evenhand.labels.matching import overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.reading import VideoField, elements_in, plain, shortest
from evenhand.labels.track.path import Tracked, between, hulls, keyframe, overlap

Tracks = tuple[Tracked, ...]
"""Sorted, none twice."""

LONGEST = 360_000.0
"""Seconds of a video: a hundred hours."""

MOST_TRACKS = 200
"""In one answer."""

MOST_KEYFRAMES = 5_000
"""In one track."""

SMALLEST = 0.00001
"""Part of a side of the video."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of tracks."""

    field: Annotated[VideoField, Meta(title="Video", description="Field whose video the boxes are drawn on")]
    labels: Annotated[Options, labels_meta("What a track can follow")]


@dataclass(frozen=True)
class Track(PieceType[Tracked]):
    """Labelled boxes that move: parts of the video as shown, 5 decimals, at seconds, 3 decimals."""

    settings: Config

    id: ClassVar[str] = "track/1"
    name: ClassVar[str] = "track"
    title: ClassVar[str] = "Tracks"
    flag: ClassVar[Flag | None] = Flag(option="--tracks", metavar="A,B", help="Follow these through a video")
    settings_type = Config
    shape = Tracks
    piece = Tracked
    element = TrackElement
    field_types = ("video",)
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "video",
        "labels": ["car", {"name": "Person", "id": "person", "key": "p"}],
    }

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Tracks:
        tracks = self.received(raw)
        if len(tracks) > MOST_TRACKS:
            raise Invalid("answer.too-many", f"More than {MOST_TRACKS} tracks.", "", "Send fewer.")
        kept: dict[Tracked, None] = {}
        for i, track in enumerate(tracks):
            require_label(track.label, self.labels, f"[{i}].label")
            rounded = Tracked(_checked(track.keyframes, f"[{i}].keyframes"), track.label)
            if rounded in kept:
                raise Invalid("answer.duplicate", "This track is there twice.", f"[{i}]", "Send it once.")
            kept[rounded] = None
        return tuple(sorted(kept))

    def dump(self, value: Tracks) -> Json:
        return [
            {"keyframes": [_dumped(frame) for frame in track.keyframes], "label": track.label}
            for track in value
        ]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        place: dict[str, Json] = {"time": {"type": "number", "minimum": 0, "maximum": LONGEST}}
        place |= dict.fromkeys(("x", "y", "width", "height"), number)
        frame = {
            "type": "object",
            "properties": {**place, "outside": {"type": "boolean"}},
            "required": list(place),
        }
        frames = {"type": "array", "items": {**frame, "additionalProperties": False}, "minItems": 1}
        properties = {"keyframes": {**frames, "maxItems": MOST_KEYFRAMES}, "label": one_of(self.labels)}
        track = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "array", "items": {**track, "additionalProperties": False}, "maxItems": MOST_TRACKS}

    def examples(self) -> tuple[tuple[Mapping[str, Json], Tracks], ...]:
        data = {self.settings.field: {"blob": ""}}
        labels = list(self.labels)
        still = Tracked((Keyframe(0.0, 0.1, 0.2, 0.25, 0.5),), labels[0])
        start, end = Keyframe(1.04, 0.5, 0.4, 0.125, 0.3), Keyframe(2.5, 0.6, 0.35, 0.125, 0.3)
        leaves = Keyframe(4.0, 0.875, 0.35, 0.125, 0.3, outside=True)
        return ((data, ()), (data, (still,)), (data, (still, Tracked((start, end, leaves), labels[-1]))))

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Tracks:
        found = elements_in(TrackElement, elements, self.settings.field)
        return self.parse(
            [{"keyframes": plain(element.keyframes), "label": element.label} for element in found], data
        )

    def closeness(
        self, a: Sequence[Tracked], b: Sequence[Tracked], least: float, alike: bool
    ) -> list[dict[int, float]]:
        return overlapping(a, b, hulls, overlap, least, alike)

    def middle(self, pieces: Sequence[Tracked], weights: Sequence[float]) -> Tracked:
        """Where the medians of the edges go; one track alone stays as it is."""
        return pieces[0] if len(pieces) == 1 else between(pieces, weights)


def _checked(frames: Sequence[Keyframe], where: str) -> tuple[Keyframe, ...]:
    """The keyframes by time, rounded, once each is found to fit."""
    if not 1 <= len(frames) <= MOST_KEYFRAMES:
        reason = f"A track has 1 to {MOST_KEYFRAMES} keyframes."
        raise Invalid("answer.keyframes", reason, where, "Leave out those between which it moves evenly.")
    rounded = [_rounded(frame, f"{where}[{i}]") for i, frame in enumerate(frames)]
    order = sorted(range(len(rounded)), key=lambda i: rounded[i].time)
    for before, i in itertools.pairwise(order):
        if rounded[before].time == rounded[i].time:
            reason = "Two keyframes are at one millisecond."
            raise Invalid("answer.duplicate", reason, f"{where}[{i}].time", "Send one of them.")
    if rounded[order[0]].outside:
        reason = "The track begins where it is not there."
        raise Invalid(
            "answer.outside-first", reason, f"{where}[{order[0]}].outside", "Leave this keyframe out."
        )
    return tuple(rounded[i] for i in order)


def _rounded(frame: Keyframe, where: str) -> Keyframe:
    if not 0 <= frame.time <= LONGEST:  # NaN fails this too
        reason = "This is no time in a video."
        raise Invalid("answer.not-a-time", reason, f"{where}.time", "Send seconds from its start.")
    for key in ("x", "y", "width", "height"):
        if not 0 <= getattr(frame, key) <= 1:
            reason = "This is no place in a video."
            remedy = "Send parts of its width and height, 0 to 1."
            raise Invalid("answer.not-a-place", reason, f"{where}.{key}", remedy)
    edges = (frame.x, frame.y, frame.x + frame.width, frame.y + frame.height)
    found = keyframe(frame.time, edges, frame.outside)
    for start, key in ((found.x, "width"), (found.y, "height")):
        side = getattr(found, key)
        if side < SMALLEST:
            raise Invalid("answer.too-small", "The box has no area.", f"{where}.{key}", "Draw it larger.")
        if round(start + side, 5) > 1:
            reason = "The box lies outside the video."
            raise Invalid("answer.outside", reason, f"{where}.{key}", "Move or shrink it.")
    return found


def _dumped(frame: Keyframe) -> Json:
    place = {key: shortest(getattr(frame, key)) for key in ("time", "x", "y", "width", "height")}
    return place | ({"outside": True} if frame.outside else {})
