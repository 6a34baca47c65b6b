"""Relations between the spans of one answer: what is asked for, what an answer says, what several come to.

A relation stands at the span that it begins at, and names the other one by its place in the answer. So an
answer stays a list of spans, and one without relations is what it was before there were any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.labels.options import Name, Option, require_distinct, require_label
from evenhand.labels.reading import shown

TIE = 1e-9  # shares of the weight so near to a half are no more than it: else the order of additions decides

T = TypeVar("T", bound=Any)

LabelId = Annotated[str, Meta(min_length=1, max_length=1000)]


class RelationLabel(Option, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """One kind of relation that a question asks for."""

    source: Annotated[
        tuple[LabelId, ...],
        Meta(
            title="Begins at",
            description="Labels it may begin at; none: any",
            extra_json_schema={"format": "ids:labels"},
        ),
    ] = ()
    to: Annotated[
        tuple[LabelId, ...],
        Meta(
            title="Leads to",
            description="Labels it may lead to; none: any",
            extra_json_schema={"format": "ids:labels"},
        ),
    ] = ()
    directed: Annotated[
        bool, Meta(title="Directed", description="It leads from one span to the other; off: it joins the two")
    ] = True

    def allows(self, source: str, to: str) -> bool:
        """Whether it may go from a span with the one label to a span with the other."""
        return self._one_way(source, to) or (not self.directed and self._one_way(to, source))

    def _one_way(self, source: str, to: str) -> bool:
        return (not self.source or source in self.source) and (not self.to or to in self.to)


RelationLabels = tuple[RelationLabel | Name, ...]
"""As configurations write them: names alone, or entries in full."""

Asked = Mapping[str, RelationLabel]
"""Id of a relation's label -> the label."""


class Relation(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """A relation that begins at the span where it stands. Sorts by to, label."""

    to: int  # place of the other span in the answer, from 0
    label: str  # id of the relation's label


Related = tuple[int, int, str]
"""A relation by places in an answer: from, to, id of its label."""


def complete(relations: RelationLabels, labels: Mapping[str, int]) -> tuple[RelationLabel, ...]:
    """The labels of relations in full.

    Args:
        labels: ids of the labels of spans.

    Raises:
        Invalid: an id or key is there twice, or an end is none of the labels.
    """
    full = tuple(RelationLabel(name=one) if isinstance(one, str) else one for one in relations)
    require_distinct((f"relations[{i}]", one) for i, one in enumerate(full))
    for i, one in enumerate(full):
        for key, ends in (("from", one.source), ("to", one.to)):
            for j, end in enumerate(ends):
                if end not in labels:
                    reason = f"The relation {shown(one.id)} names {shown(end)}, which is none of the labels."
                    remedy = "Take ids of the question's labels, or none for any."
                    raise Invalid("question.relation-end", reason, f"relations[{i}].{key}[{j}]", remedy)
    return full


def related(spans: Sequence[Any], asked: Asked) -> set[Related]:
    """All relations of an answer."""
    return {
        _turned((i, link.to, link.label), asked) for i, span in enumerate(spans) for link in span.relations
    }


def _turned(one: Related, asked: Asked) -> Related:
    """Where the two ends are alike, the relation begins at the span that comes first."""
    source, to, label = one
    kind = asked.get(label)
    return one if kind is None or kind.directed else (min(source, to), max(source, to), label)


def bare(spans: Sequence[T]) -> tuple[T, ...]:
    """The spans without their relations."""
    return tuple(msgspec.structs.replace(span, relations=()) if span.relations else span for span in spans)


def joined(spans: Sequence[T], relations: Iterable[Related], asked: Asked) -> tuple[T, ...]:
    """Spans, in order and without relations, with these, each at the span that it begins at."""
    held: dict[int, list[Relation]] = {}
    for source, to, label in (_turned(one, asked) for one in relations):
        held.setdefault(source, []).append(Relation(to, label))
    return tuple(
        msgspec.structs.replace(span, relations=tuple(sorted(held[i]))) if i in held else span
        for i, span in enumerate(spans)
    )


def check(spans: Sequence[Any], asked: Asked) -> None:
    """Refuse a relation of a label that the question has not, or that joins what it may not.

    Raises:
        Invalid: `where` is its place in the answer.
    """
    found: set[Related] = set()
    for i, span in enumerate(spans):
        for j, link in enumerate(span.relations):
            where = f"[{i}].relations[{j}]"
            _check_one(spans, i, link, asked, where)
            one = _turned((i, link.to, link.label), asked)
            if one in found:
                raise Invalid("answer.duplicate", "This relation is there twice.", where, "Send it once.")
            found.add(one)


def _check_one(spans: Sequence[Any], i: int, link: Relation, asked: Asked, where: str) -> None:
    """Refuse a relation whose label or ends do not fit."""
    require_label(link.label, asked, f"{where}.label")
    if not 0 <= link.to < len(spans):
        reason = f"There is no such span: the answer has {len(spans)}."
        remedy = "Send the place of a span in the list, counted from 0."
        raise Invalid("answer.unknown-piece", reason, f"{where}.to", remedy)
    if link.to == i:
        reason = "The relation leads from a span to the same span."
        raise Invalid("answer.self-relation", reason, f"{where}.to", "Let it lead to another span.")
    kind, source, to = asked[link.label], spans[i].label, spans[link.to].label
    if not kind.allows(source, to):
        reason = f"{shown(link.label)} does not go from {shown(source)} to {shown(to)}."
        remedy = f"It goes from {_any(kind.source)} to {_any(kind.to)}."
        raise Invalid("answer.relation-ends", reason, f"{where}.to", remedy)


def _any(ends: Sequence[str]) -> str:
    return " or ".join(map(shown, ends)) or "any label"


def agreed(
    pieces: Sequence[Any],
    homes: Sequence[Mapping[int, int]],
    values: Sequence[Sequence[Any]],
    weights: Sequence[float],
    asked: Asked,
) -> list[Related]:
    """The relations between pieces that more than half of the weight gave of those who have both ends.

    Args:
        pieces: what the answers come to, in order.
        homes: of each piece: position of an answer -> place of the span there that means the same.
        values: the answers.
        weights: what each counts, above 0.
    """
    votes: dict[Related, float] = {}
    for who, answer in enumerate(values):
        at = {home[who]: n for n, home in enumerate(homes) if who in home}
        given = {(at[i], at[j], label) for i, j, label in related(answer, asked) if i in at and j in at}
        for one in {_turned(one, asked) for one in given}:
            votes[one] = votes.get(one, 0.0) + weights[who]
    return [one for one in sorted(votes) if _wins(one, votes[one], pieces, homes, weights, asked)]


def _wins(
    one: Related,
    held: float,
    pieces: Sequence[Any],
    homes: Sequence[Mapping[int, int]],
    weights: Sequence[float],
    asked: Asked,
) -> bool:
    """Whether a relation has so much weight behind it, and may join these pieces by their labels."""
    source, to, label = one
    if label not in asked or not asked[label].allows(pieces[source].label, pieces[to].label):
        return False
    due = sum(weights[who] for who in sorted(homes[source].keys() & homes[to].keys()))
    return held / due > 0.5 + TIE
