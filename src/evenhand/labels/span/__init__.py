"""Spans: stretches of a text, each with a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Flag, Json, SpanElement
from evenhand.labels.matching import Hulls, overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.reading import LARGEST, TextField, shown

TEXTS = ("text", "markdown")


class Marked(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled stretch of text. Sorts by start, end, label."""

    start: int  # code points from the start of the field's text
    end: int  # code points, end excluded
    label: str  # id of the label


Spans = tuple[Marked, ...]
"""Sorted, none twice."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of spans."""

    field: Annotated[TextField, Meta(title="Text", description="Field whose text is marked")]
    labels: Annotated[Options, labels_meta("What a span can be")]
    overlap: Annotated[bool, Meta(title="Overlapping", description="Spans may overlap")] = False
    snap: Annotated[
        Literal["word", "character"],
        Meta(title="Snap to", description="What a selection grows to; answers may hold any span"),
    ] = "word"


@dataclass(frozen=True)
class Span(PieceType[Marked]):
    """Labelled stretches of a text, in code points, end excluded."""

    settings: Config

    id: ClassVar[str] = "span/1"
    name: ClassVar[str] = "span"
    title: ClassVar[str] = "Text spans"
    flag: ClassVar[Flag | None] = Flag(
        option="--spans", metavar="A,B", help="Mark stretches of text as these"
    )
    settings_type = Config
    shape = Spans
    piece = Marked
    element = SpanElement
    field_types = TEXTS
    nearest = 0.0
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "text",
        "labels": [{"name": "Person", "id": "PER"}, "LOC", "ORG"],
    }

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Spans:
        spans = self.received(raw)
        return self._checked(spans, self._length(data))

    def read(self, raw: Json) -> Spans:
        """In a text of any length."""
        return self._checked(self.received(raw), LARGEST)

    def _checked(self, spans: Spans, length: int) -> Spans:
        """The spans in order, once each is found to lie in a text of this length."""
        for i, span in enumerate(spans):
            self._check(span, length, f"[{i}]")
        order = sorted(range(len(spans)), key=spans.__getitem__)
        self._check_apart(spans, order)
        return tuple(spans[i] for i in order)

    def _length(self, data: Mapping[str, Json]) -> int:
        text = data.get(self.settings.field)
        if not isinstance(text, str):
            reason = f"The task has no text in {shown(self.settings.field)}, so nothing in it can be marked."
            raise Invalid("answer.no-text", reason, "", "Skip the task, or import it again with its text.")
        return len(text)

    def _check(self, span: Marked, length: int, where: str) -> None:
        if not 0 <= span.start < max(length, 1):
            reason = f"The span starts outside the text, which has {length} characters."
            raise Invalid("answer.outside", reason, f"{where}.start", "Count code points, from 0.")
        if not span.start < span.end <= length:
            reason = f"The span is empty, or ends outside the text, which has {length} characters."
            raise Invalid("answer.outside", reason, f"{where}.end", "Count code points, end excluded.")
        require_label(span.label, self.labels, f"{where}.label")

    def _check_apart(self, spans: Spans, order: list[int]) -> None:
        """Refuse a span that is there twice, or that overlaps another where that is not allowed."""
        for before, i in pairwise(order):
            if spans[before] == spans[i]:
                raise Invalid("answer.duplicate", "This span is there twice.", f"[{i}]", "Send it once.")
            if not self.settings.overlap and spans[i].start < spans[before].end:
                raise Invalid(
                    "answer.overlap", "This span overlaps another.", f"[{i}].start", "Keep one of them."
                )

    def dump(self, value: Spans) -> Json:
        return [{"start": span.start, "end": span.end, "label": span.label} for span in value]

    def schema(self) -> dict[str, Json]:
        properties = {
            "start": {"type": "integer", "minimum": 0},
            "end": {"type": "integer", "minimum": 1},
            "label": one_of(self.labels),
        }
        span = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "array", "items": {**span, "additionalProperties": False}, "uniqueItems": True}

    def distance(self, a: Spans, b: Spans) -> float:
        """1 - F1 of spans that match exactly: in start, end and label. Two answers without spans agree."""
        both = len(a) + len(b)
        return 1.0 - 2 * len(frozenset(a) & frozenset(b)) / both if both else 0.0

    def examples(self) -> tuple[tuple[Mapping[str, Json], Spans], ...]:
        data = {self.settings.field: "Zoë 👩‍👩‍👧 met عمر in Köln."}
        labels = list(self.labels)
        zoe, koeln = Marked(0, 3, labels[0]), Marked(20, 24, labels[-1])
        return ((data, ()), (data, (zoe,)), (data, (zoe, koeln)))

    def combine(self, values: Sequence[Spans]) -> Combined[Spans]:
        """The spans that more than half marked exactly.

        People who may not overlap spans cannot give two overlapping ones a majority. Answers from
        a version of the project that allowed it can: then the one with more votes stays.
        """
        votes = Counter(span for spans in values for span in spans)
        winners = [span for span, count in votes.items() if 2 * count > len(values)]
        kept: list[Marked] = []
        for span in sorted(winners, key=lambda span: (-votes[span], span)):
            if self.fits(kept, span):
                kept.append(span)
        value = tuple(sorted(kept))
        return Combined(value=value, confidence=self.support(value, values), method="majority")

    def fits(self, kept: Sequence[Marked], piece: Marked) -> bool:
        if self.settings.overlap:
            return piece not in kept
        return all(piece.end <= k.start or k.end <= piece.start for k in kept)

    def closeness(
        self, a: Sequence[Marked], b: Sequence[Marked], least: float, alike: bool
    ) -> list[dict[int, float]]:
        return overlapping(a, b, _hulls, _overlap, least, alike)

    def middle(self, pieces: Sequence[Marked], weights: Sequence[float]) -> Marked:
        """The stretch that most of the weight marked, of equals the first: edges in a text have no mean."""
        votes: dict[tuple[int, int], float] = {}
        for span, weight in zip(pieces, weights, strict=True):
            votes[span.start, span.end] = votes.get((span.start, span.end), 0.0) + weight
        most = min(votes, key=lambda place: (-round(votes[place] / sum(weights), 9), place))
        return Marked(*most, pieces[0].label)


def _overlap(a: Marked, b: Marked) -> float:
    """Intersection over union of two stretches."""
    shared = max(min(a.end, b.end) - max(a.start, b.start), 0)
    return shared / (max(a.end, b.end) - min(a.start, b.start))


def _hulls(spans: Sequence[Marked]) -> Hulls:
    return np.array([(span.start, 0, span.end, 1) for span in spans])
