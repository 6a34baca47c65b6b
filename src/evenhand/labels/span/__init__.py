"""Spans: stretches of a text, each with a label, and the relations between them that a question asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
import numpy as np
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Flag, Json, Learnt, RelationElement, SpanElement
from evenhand.labels.matching import Hulls, overlapping
from evenhand.labels.options import Options, one_of, require_label
from evenhand.labels.piece_type import PieceType, labels_meta
from evenhand.labels.pieces import weight_of
from evenhand.labels.reading import LARGEST, TextField, elements_in, shown
from evenhand.labels.span import relations
from evenhand.labels.span.relations import Relation, RelationLabel, RelationLabels

TEXTS = ("text", "markdown")


class Marked(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One labelled stretch of text. Sorts by start, end, label."""

    start: int  # code points from the start of the field's text
    end: int  # code points, end excluded
    label: str  # id of the label
    relations: tuple[Relation, ...] = ()  # those that begin here; sorted


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
    relations: Annotated[
        RelationLabels,
        Meta(
            title="Relations",
            description="What joins two spans; none: spans alone are marked",
            extra_json_schema={"format": "choices"},
        ),
    ] = ()


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

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        plain = super().configure(config, fields)
        asked = relations.complete(plain.settings.relations, plain.labels)
        return cls(msgspec.structs.replace(plain.settings, relations=asked))

    @cached_property
    def asked(self) -> relations.Asked:
        """Id of each label of relations -> the label."""
        return {one.id: one for one in self.settings.relations if isinstance(one, RelationLabel)}

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Spans:
        return self._checked(self._given(raw), self._length(data))

    def read(self, raw: Json) -> Spans:
        """In a text of any length."""
        return self._checked(self._given(raw), LARGEST)

    def _given(self, raw: Json) -> Spans:
        """The spans as they came, in any order; none says anything of relations where none are asked for."""
        spans = self.received(raw)
        for i, one in enumerate(raw if not self.asked else ()):
            if "relations" in one:
                reason = "This question asks for no relations."
                raise Invalid("answer.relations", reason, f"[{i}].relations", "Leave them out.")
        return spans

    def _checked(self, spans: Spans, length: int) -> Spans:
        """The spans in order, once each is found to lie in a text of this length."""
        for i, span in enumerate(spans):
            self._check(span, length, f"[{i}]")
        order = sorted(range(len(spans)), key=relations.bare(spans).__getitem__)
        self._check_apart(relations.bare(spans), order)
        relations.check(spans, self.asked)
        place = {i: n for n, i in enumerate(order)}
        found = {(place[i], place[to], label) for i, to, label in relations.related(spans, self.asked)}
        return relations.joined(relations.bare([spans[i] for i in order]), found, self.asked)

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
        return [_dumped(span) for span in value]

    def schema(self) -> dict[str, Json]:
        place = {"type": "integer", "minimum": 0}
        link = _object({"to": place, "label": one_of(self.asked)})
        properties = {"start": place, "end": {"type": "integer", "minimum": 1}, "label": one_of(self.labels)}
        span = _object(properties)
        if self.asked:
            links = {"type": "array", "items": link, "uniqueItems": True}
            span["properties"] = properties | {"relations": links}
        return {"type": "array", "items": span, "uniqueItems": True}

    def distance(self, a: Spans, b: Spans) -> float:
        """1 - F1 of spans that match exactly, in start, end and label, and of relations whose label and both
        ends do. Two answers without spans agree."""
        one, other = self._said(a), self._said(b)
        both = len(one) + len(other)
        return 1.0 - 2 * len(one & other) / both if both else 0.0

    def _said(self, value: Spans) -> frozenset[Any]:
        """Everything that an answer says: its spans, and its relations by their ends."""
        spans = relations.bare(value)
        found = relations.related(value, self.asked)
        return frozenset([*spans, *((spans[i], spans[to], label) for i, to, label in found)])

    def elements(self, value: Spans) -> tuple[Element, ...]:
        field = self.settings.field
        spans = [SpanElement(field=field, start=one.start, end=one.end, label=one.label) for one in value]
        links = [
            RelationElement(source=i, target=to, label=label, directed=self._is_directed(label))
            for i, to, label in sorted(relations.related(value, self.asked))
        ]
        return (*spans, *links)

    def _is_directed(self, label: str) -> bool:
        return label not in self.asked or self.asked[label].directed

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Spans:
        links = [element for element in elements if isinstance(element, RelationElement)]
        others = [element for element in elements if not isinstance(element, RelationElement)]
        found = elements_in(SpanElement, others, self.settings.field)
        raw: list[dict[str, Json]] = [
            {"start": one.start, "end": one.end, "label": one.label} for one in found
        ]
        for link in links:
            if not 0 <= link.source < len(raw):
                raise Invalid("elements.source", "A relation begins at a span that is not there.", "")
            one = {"to": link.target, "label": link.label}
            raw[link.source].setdefault("relations", []).append(one)
        return self.parse(raw, data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Spans], ...]:
        data = {self.settings.field: "Zoë 👩‍👩‍👧 met عمر in Köln."}
        labels = list(self.labels)
        zoe, koeln = Marked(0, 3, labels[0]), Marked(20, 24, labels[-1])
        plain: tuple[Spans, ...] = ((), (zoe,), (zoe, koeln))
        return tuple((data, spans) for spans in (*plain, *self._linked(data)))

    def _linked(self, data: Mapping[str, Json]) -> tuple[Spans, ...]:
        """An example with a relation, where the question asks for some."""
        for one in self.asked.values():
            source, to = (next((x for x in ends or self.labels), "") for ends in (one.source, one.to))
            raw = [
                {"start": 0, "end": 3, "label": source, "relations": [{"to": 1, "label": one.id}]},
                {"start": 20, "end": 24, "label": to},
            ]
            return (self.parse(raw, data),)
        return ()

    def combine(self, values: Sequence[Spans]) -> Combined[Spans]:
        """The spans that more than half marked exactly, with the relations of most who marked both ends.

        People who may not overlap spans cannot give two overlapping ones a majority. Answers from
        a version of the project that allowed it can: then the one with more votes stays.
        """
        marks = [relations.bare(spans) for spans in values]
        votes = Counter(span for spans in marks for span in spans)
        winners = [span for span, count in votes.items() if 2 * count > len(values)]
        kept: list[Marked] = []
        for span in sorted(winners, key=lambda span: (-votes[span], span)):
            if self.fits(kept, span):
                kept.append(span)
        places = [{span: i for i, span in enumerate(spans)} for spans in marks]
        homes = [{who: own[span] for who, own in enumerate(places) if span in own} for span in sorted(kept)]
        value = self._related(sorted(kept), homes, values, [1.0] * len(values))
        return Combined(value=value, confidence=self.support(value, values), method="majority")

    def _related(
        self,
        spans: Sequence[Marked],
        homes: Sequence[Mapping[int, int]],
        values: Sequence[Spans],
        weights: Sequence[float],
    ) -> Spans:
        """What answers come to, with the relations that they agree on; as `relations.agreed`."""
        found = relations.agreed(spans, homes, values, weights, self.asked)
        return relations.joined(spans, found, self.asked)

    def learn(self, answers: Sequence[tuple[int, str, Spans]]) -> Learnt:
        """Of spans; what annotators say of relations teaches nothing about them."""
        return super().learn([(task, annotator, relations.bare(value)) for task, annotator, value in answers])

    def weighed(self, answers: Sequence[tuple[str, Spans]], learnt: Learnt) -> Combined[Spans]:
        """Relations between the spans by the weight that their annotators have in how sure something is."""
        answers = sorted(answers, key=lambda one: one[0])
        values = [value for _, value in answers]
        marks = [relations.bare(value) for value in values]
        found = self._pieces.concluded(
            [(who, own) for (who, _), own in zip(answers, marks, strict=True)], learnt
        )
        if found is None:
            return self.combine(values)
        outcome, spots = found
        homes = [{who: marks[who].index(span) for who, span in spot.items()} for spot in spots]
        weights = [weight_of(learnt.of(annotator)) for annotator, _ in answers]
        value = self._related(outcome.value, homes, values, weights)
        return msgspec.structs.replace(outcome, value=value)

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


def _dumped(span: Marked) -> dict[str, Json]:
    """Of a span without relations what it was before there were any."""
    plain: dict[str, Json] = {"start": span.start, "end": span.end, "label": span.label}
    links = [{"to": link.to, "label": link.label} for link in span.relations]
    return plain | ({"relations": links} if links else {})


def _object(properties: dict[str, Json]) -> dict[str, Json]:
    """JSON Schema of an object with exactly these keys."""
    whole = {"type": "object", "properties": properties, "required": list(properties)}
    return {**whole, "additionalProperties": False}


def _overlap(a: Marked, b: Marked) -> float:
    """Intersection over union of two stretches."""
    shared = max(min(a.end, b.end) - max(a.start, b.start), 0)
    return shared / (max(a.end, b.end) - min(a.start, b.start))


def _hulls(spans: Sequence[Marked]) -> Hulls:
    return np.array([(span.start, 0, span.end, 1) for span in spans])
