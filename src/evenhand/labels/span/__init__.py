"""Spans: stretches of a text, each with a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Flag, Json, LabelType, Learnt, SpanElement
from evenhand.labels import pieces
from evenhand.labels.matching import Hulls, overlapping
from evenhand.labels.options import Options, complete, one_of, positions, require_label
from evenhand.labels.pieces import Pieces
from evenhand.labels.reading import (
    LARGEST,
    TextField,
    elements_in,
    first_field,
    form,
    listed,
    plain,
    read_answer,
    read_config,
    require_field,
    shown,
    with_field,
)

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
    labels: Annotated[
        Options,
        Meta(
            title="Labels",
            description="What a span can be",
            min_length=1,
            extra_json_schema={"format": "choices"},
        ),
    ]
    overlap: Annotated[bool, Meta(title="Overlapping", description="Spans may overlap")] = False
    snap: Annotated[
        Literal["word", "character"],
        Meta(title="Snap to", description="What a selection grows to; answers may hold any span"),
    ] = "word"


@dataclass(frozen=True)
class Span(LabelType[Spans]):
    """Labelled stretches of a text, in code points, end excluded."""

    settings: Config

    id: ClassVar[str] = "span/1"
    name: ClassVar[str] = "span"
    title: ClassVar[str] = "Text spans"
    weighed_by: ClassVar[str] = pieces.METHOD
    measures: ClassVar[tuple[str, ...]] = pieces.MEASURES
    flag: ClassVar[Flag | None] = Flag(
        option="--spans", metavar="A,B", help="Mark stretches of text as these"
    )
    example_config: ClassVar[Mapping[str, Json]] = {
        "field": "text",
        "labels": [{"name": "Person", "id": "PER"}, "LOC", "ORG"],
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, with_field(config, fields, TEXTS))
        require_field(fields, settings.field, TEXTS, "field")
        return cls(msgspec.structs.replace(settings, labels=complete(settings.labels, "labels")))

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        return {"field": first_field(fields, TEXTS), "labels": listed(value)}

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @cached_property
    def _position(self) -> dict[str, int]:
        return positions(self.settings.labels)

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Spans:
        spans = read_answer(Spans, raw)
        return self._checked(spans, self._length(data))

    def read(self, raw: Json) -> Spans:
        """In a text of any length."""
        return self._checked(read_answer(Spans, raw), LARGEST)

    def _checked(self, spans: Spans, length: int) -> Spans:
        """The spans in order, once each is found to lie in a text of this length."""
        for i, span in enumerate(spans):
            self._check(span, length, f"[{i}]")
        order = sorted(range(len(spans)), key=spans.__getitem__)
        self._check_apart(spans, order)
        return tuple(spans[i] for i in order)

    def load(self, dumped: Json) -> Spans:
        """Without the text: what is stored was checked against it, and is in order."""
        return tuple(read_answer(Spans, dumped))

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
        require_label(span.label, self._position, f"{where}.label")

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
            "label": one_of(self._position),
        }
        span = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "array", "items": {**span, "additionalProperties": False}, "uniqueItems": True}

    def distance(self, a: Spans, b: Spans) -> float:
        """1 - F1 of spans that match exactly: in start, end and label. Two answers without spans agree."""
        both = len(a) + len(b)
        return 1.0 - 2 * len(frozenset(a) & frozenset(b)) / both if both else 0.0

    def elements(self, value: Spans) -> tuple[Element, ...]:
        field = self.settings.field
        return tuple(SpanElement(field=field, start=s.start, end=s.end, label=s.label) for s in value)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Spans:
        found = elements_in(SpanElement, elements, self.settings.field)
        return self.parse([{"start": e.start, "end": e.end, "label": e.label} for e in found], data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Spans], ...]:
        data = {self.settings.field: "Zoë 👩‍👩‍👧 met عمر in Köln."}
        labels = list(self._position)
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
            if self._fits(kept, span):
                kept.append(span)
        value = tuple(sorted(kept))
        return Combined(value=value, confidence=self.support(value, values), method="majority")

    def _fits(self, kept: Sequence[Marked], span: Marked) -> bool:
        """Whether an answer may hold this one too."""
        if self.settings.overlap:
            return span not in kept
        return all(span.end <= k.start or k.end <= span.start for k in kept)

    @cached_property
    def _pieces(self) -> Pieces[Marked]:
        return Pieces(self._position, _near, _middle, self._fits)

    def learn(self, answers: Sequence[tuple[int, str, Spans]]) -> Learnt:
        return self._pieces.learn(answers)

    def weighed(self, answers: Sequence[tuple[str, Spans]], learnt: Learnt) -> Combined[Spans]:
        """Spans as `labels.pieces` weighs them: where one lies is voted on."""
        found = self._pieces.weighed(answers, learnt)
        return found or self.combine([value for _, value in answers])


def _overlap(a: Marked, b: Marked) -> float:
    """Intersection over union of two stretches."""
    shared = max(min(a.end, b.end) - max(a.start, b.start), 0)
    return shared / (max(a.end, b.end) - min(a.start, b.start))


def _hulls(spans: Sequence[Marked]) -> Hulls:
    return np.array([(span.start, 0, span.end, 1) for span in spans])


def _near(a: Sequence[Marked], b: Sequence[Marked]) -> list[dict[int, float]]:
    return overlapping(a, b, _hulls, _overlap, 0.0, alike=False)


def _middle(spans: Sequence[Marked], weights: Sequence[float]) -> Marked:
    """The stretch that most of the weight marked, of equals the first: edges in a text have no mean."""
    votes: dict[tuple[int, int], float] = {}
    for span, weight in zip(spans, weights, strict=True):
        votes[span.start, span.end] = votes.get((span.start, span.end), 0.0) + weight
    most = min(votes, key=lambda place: (-round(votes[place] / sum(weights), 9), place))
    return Marked(*most, spans[0].label)
