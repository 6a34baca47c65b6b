"""Time spans: labelled stretches of a sound or a video, with a transcript where one is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from rapidfuzz.distance import Levenshtein

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Flag, Json, TimeSpanElement
from evenhand.labels.matching import Hulls, agreed, mean, most_central, overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.reading import RecordingField, shortest, whole


class Heard(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled stretch of a recording. Sorts by start, end, label."""

    start: float  # seconds from the start of the recording, 3 decimals
    end: float  # seconds, end excluded
    label: str  # id of the label
    text: str = ""  # transcript


TimeSpans = tuple[Heard, ...]
"""Sorted, no place with one label twice."""

LONGEST = 360_000.0
"""Seconds of a recording: a hundred hours."""

MOST_SPANS = 2_000
"""In one answer."""

MOST_TEXT = 10_000
"""Code points of one transcript."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of time spans."""

    field: Annotated[
        RecordingField, Meta(title="Recording", description="Field whose sound or video is marked")
    ]
    labels: Annotated[Options, labels_meta("What a stretch can be")]
    overlap: Annotated[bool, Meta(title="Overlapping", description="Stretches may overlap")] = True
    transcript: Annotated[
        bool, Meta(title="Transcript", description="What is said is written down for each stretch")
    ] = False


@dataclass(frozen=True)
class TimeSpan(PieceType[Heard]):
    """Labelled stretches of a recording, in seconds, rounded to milliseconds, end excluded."""

    settings: Config

    id: ClassVar[str] = "time_span/1"
    name: ClassVar[str] = "time_span"
    title: ClassVar[str] = "Time spans"
    flag: ClassVar[Flag | None] = Flag(
        option="--times", metavar="A,B", help="Mark stretches of a recording as these"
    )
    settings_type = Config
    shape = TimeSpans
    piece = Heard
    element = TimeSpanElement
    field_types = ("audio", "video")
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "sound",
        "labels": ["speech", {"name": "Music", "id": "music", "key": "m"}],
        "transcript": True,
    }

    def parse(self, raw: Json, data: Mapping[str, Json]) -> TimeSpans:
        spans = self.received(raw)
        if len(spans) > MOST_SPANS:
            raise Invalid("answer.too-many", f"More than {MOST_SPANS} stretches.", "", "Send fewer.")
        rounded = [self._checked(span, f"[{i}]") for i, span in enumerate(spans)]
        order = sorted(range(len(rounded)), key=rounded.__getitem__)
        self._check_apart(rounded, order)
        return tuple(rounded[i] for i in order)

    def _checked(self, span: Heard, where: str) -> Heard:
        """The stretch in milliseconds, once times, label and transcript are found to fit."""
        require_label(span.label, self.labels, f"{where}.label")
        for key, time in (("start", span.start), ("end", span.end)):
            if not 0 <= time <= LONGEST:  # NaN fails this too
                reason = "This is no time in a recording."
                raise Invalid("answer.not-a-time", reason, f"{where}.{key}", "Send seconds from its start.")
        start, end = round(span.start, 3) + 0.0, round(span.end, 3)
        if start >= end:
            reason = "The stretch ends before it begins, or within a millisecond."
            raise Invalid("answer.empty", reason, f"{where}.end", "Make it longer.")
        if span.text and not self.settings.transcript:
            reason = "This question asks for no transcript."
            raise Invalid("answer.transcript", reason, f"{where}.text", "Leave it out.")
        if len(span.text) > MOST_TEXT or not whole(span.text):
            reason = f"More than {MOST_TEXT} characters, or half a one."
            raise Invalid("answer.transcript", reason, f"{where}.text", "Split the stretch.")
        return Heard(start, end, span.label, span.text)

    def _check_apart(self, spans: Sequence[Heard], order: list[int]) -> None:
        """Refuse a stretch that is there twice, or that overlaps another where that is not allowed."""
        places: set[tuple[float, float, str]] = set()
        for i in order:
            place = (spans[i].start, spans[i].end, spans[i].label)
            if place in places:
                raise Invalid("answer.duplicate", "This stretch is there twice.", f"[{i}]", "Send it once.")
            places.add(place)
        for before, i in pairwise(order):
            if not self.settings.overlap and spans[i].start < spans[before].end:
                reason = "This stretch overlaps another."
                raise Invalid("answer.overlap", reason, f"[{i}].start", "Keep one, or move its start.")

    def dump(self, value: TimeSpans) -> Json:
        return [
            {"start": shortest(s.start), "end": shortest(s.end), "label": s.label}
            | ({"text": s.text} if s.text else {})
            for s in value
        ]

    def schema(self) -> dict[str, Json]:
        time = {"type": "number", "minimum": 0, "maximum": LONGEST}
        place = {"start": time, "end": time, "label": one_of(self.labels)}
        text = {"type": "string", "maxLength": MOST_TEXT if self.settings.transcript else 0}
        span = {"type": "object", "properties": {**place, "text": text}, "required": list(place)}
        return {"type": "array", "items": {**span, "additionalProperties": False}, "maxItems": MOST_SPANS}

    def examples(self) -> tuple[tuple[Mapping[str, Json], TimeSpans], ...]:
        data = {self.settings.field: {"blob": ""}}
        labels = list(self.labels)
        said = "Grüß Gott." if self.settings.transcript else ""
        one, two = Heard(0.0, 1.5, labels[0], said), Heard(2.25, 4.125, labels[-1])
        return ((data, ()), (data, (one,)), (data, (one, two)))

    def combine(self, values: Sequence[TimeSpans]) -> Combined[TimeSpans]:
        """Stretches that more than half marked: those overlapping by `MATCH` are gathered, edges averaged.

        Their transcript is the one nearest to the others. Where stretches may not overlap, means can
        by a little: then that of fewer people gives way.
        """
        kept: list[Heard] = []
        for group in sorted(agreed(values, self.close), key=len, reverse=True):
            span = self.middle(group, [1.0] * len(group))
            if self.fits(kept, span):
                kept.append(span)
        return self.clustered(kept, values)

    def closeness(
        self, a: Sequence[Heard], b: Sequence[Heard], least: float, alike: bool
    ) -> list[dict[int, float]]:
        return overlapping(a, b, _hulls, _overlap, least, alike)

    def middle(self, pieces: Sequence[Heard], weights: Sequence[float]) -> Heard:
        """The stretch with the mean edges and the most central transcript of those that wrote one."""
        start, end = (round(mean([getattr(s, key) for s in pieces], weights), 3) for key in ("start", "end"))
        said = [(span.text, weight) for span, weight in zip(pieces, weights, strict=True) if span.text]
        texts, of_texts = [text for text, _ in said], [weight for _, weight in said]
        text = most_central(texts, Levenshtein.normalized_similarity, of_texts) if texts else ""
        return Heard(start, end, pieces[0].label, text)

    def fits(self, kept: Sequence[Heard], piece: Heard) -> bool:
        apart = all(piece.end <= other.start or other.end <= piece.start for other in kept)
        same = any((piece.start, piece.end, piece.label) == (o.start, o.end, o.label) for o in kept)
        return apart or (self.settings.overlap and not same)


def _overlap(a: Heard, b: Heard) -> float:
    """Intersection over union of two stretches (Caba Heilbron et al. 2015, 10.1109/CVPR.2015.7298698)."""
    shared = max(min(a.end, b.end) - max(a.start, b.start), 0.0)
    return shared / (max(a.end, b.end) - min(a.start, b.start))


def _hulls(spans: Sequence[Heard]) -> Hulls:
    return np.array([(span.start, 0, span.end, 1) for span in spans])
