"""What is special about spans."""

from __future__ import annotations

from typing import Any

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import RelationElement, SpanElement
from evenhand.labels.span import Marked, Span

FIELDS = {"id": "image", "body": "markdown", "text": "text"}
A, B, C = Marked(0, 3, "PER"), Marked(2, 5, "LOC"), Marked(5, 9, "PER")


def span(**more: object) -> Span:
    return Span.configure({"field": "text", "labels": ["PER", "LOC"], **more}, FIELDS)


def test_offsets_are_code_points_not_utf16_units() -> None:
    """𝒦 is two units in a browser: an end counted in units would lie outside this text."""
    kind, data = span(), {"text": "𝒦"}
    assert kind.parse([{"start": 0, "end": 1, "label": "PER"}], data) == (Marked(0, 1, "PER"),)
    with pytest.raises(Invalid) as refused:
        kind.parse([{"start": 0, "end": 2, "label": "PER"}], data)
    assert refused.value.where == "[0].end"


def test_spans_within_a_span_need_overlap() -> None:
    raw = [{"start": s, "end": e, "label": "PER"} for s, e in ((0, 9), (1, 2), (4, 5))]
    with pytest.raises(Invalid):
        span().parse(raw, {"text": "0123456789"})
    assert len(span(overlap=True).parse(raw, {"text": "0123456789"})) == 3


def test_distance_is_one_minus_exact_f1() -> None:
    kind = span()
    assert kind.distance((A, C), (A, B, C)) == pytest.approx(1 - 2 * 2 / 5)
    assert kind.distance((A,), (Marked(0, 3, "LOC"),)) == 1.0
    assert kind.distance((), (A,)) == 1.0
    assert kind.distance((), ()) == 0.0


def test_spans_of_more_than_half_stay() -> None:
    combined = span().combine([(A, C), (A,), (B,), (C, A)])
    assert combined.value == (A,)
    assert span().combine([(A,), (B,)]).value == ()


def test_of_overlapping_majorities_the_larger_stays_where_overlap_is_not_allowed() -> None:
    """Answers from a version of the project that allowed overlap."""
    values = [(A, B), (A, B), (B,)]
    assert span(overlap=True).combine(values).value == (A, B)
    assert span().combine(values).value == (B,)


def test_elements_name_the_field() -> None:
    kind, data = span(), {"text": "Zoë lives"}
    assert kind.elements((A,)) == (SpanElement(field="text", start=0, end=3, label="PER"),)
    with pytest.raises(Invalid) as refused:
        kind.from_elements([SpanElement(field="body", start=0, end=3, label="PER")], data)
    assert refused.value.where == "[0].field"


def test_different_answers_come_to_one_without_the_text() -> None:
    marks = span()
    stored = [[{"start": 0, "end": 3, "label": "PER"}], [], [{"start": 0, "end": 3, "label": "PER"}]]
    combined = marks.combine([marks.load(answer) for answer in stored])
    assert marks.dump(combined.value) == stored[0]


def test_flag_takes_the_first_field_with_a_text() -> None:
    assert Span.from_flag("PER,LOC", FIELDS) == {"field": "body", "labels": ["PER", "LOC"]}
    with pytest.raises(Invalid, match="no text or markdown field"):
        Span.from_flag("PER", {"photo": "image"})


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"field": "id"}, "field"),
        ({"field": "nothing"}, "field"),
        ({"labels": []}, "labels"),
        ({"labels": ["PER", "PER"]}, "labels[1].id"),
        ({"snap": "line"}, "snap"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(more: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        span(**more)
    assert refused.value.where == where


RELATED = {
    "relations": ["same", {"name": "in", "from": ["PER"], "to": ["LOC"]}, {"name": "near", "directed": False}]
}
TEXT = {"text": "Zoë lives in Köln, near Bonn."}


def related(*links: tuple[int, int, str], spans: tuple[Marked, ...] = (A, B, C)) -> list[dict[str, Any]]:
    """An answer in JSON with these relations: from, to, label."""
    raw: list[dict[str, Any]] = [{"start": s.start, "end": s.end, "label": s.label} for s in spans]
    for source, to, label in links:
        raw[source].setdefault("relations", []).append({"to": to, "label": label})
    return raw


def test_relations_are_most_of_those_who_marked_both_ends() -> None:
    kind = span(overlap=True, **RELATED)
    given = [
        related((0, 1, "in"), (2, 0, "same"), (1, 2, "near")),
        related((0, 1, "in")),
        related((2, 0, "same"), (2, 1, "near")),
        related((1, 0, "same"), spans=(A, C)),
    ]
    combined = kind.combine([kind.parse(raw, TEXT) for raw in given])
    assert kind.dump(combined.value) == related((0, 1, "in"), (1, 2, "near"), (2, 0, "same"))
    assert 0 < combined.confidence < 1


def test_half_of_those_who_marked_both_ends_is_no_relation() -> None:
    kind = span(**RELATED)
    both = [kind.parse(related(*links, spans=(A, C)), TEXT) for links in ([(0, 1, "same")], [])]
    assert kind.combine(both).value == (A, C)


def test_a_relation_by_somebody_right_counts_more_than_one_by_somebody_wrong() -> None:
    """Weighed by who finds and names spans as others do; ends are the spans that mean the same."""
    kind = span(**RELATED)
    right = kind.parse(related((0, 1, "same"), spans=(A, C)), TEXT)
    close = kind.parse(related((0, 1, "same"), spans=(A, Marked(5, 8, "PER"))), TEXT)
    wrong = kind.parse(related((1, 0, "same"), spans=(A, Marked(5, 9, "LOC"), Marked(12, 14, "LOC"))), TEXT)
    answers = [(n, who, value) for n in range(20) for who, value in
               (("bad", wrong), ("fine", close), ("good", right))]  # fmt: skip
    learnt = kind.learn(answers)
    stripped = [(n, who, tuple(Marked(s.start, s.end, s.label) for s in value)) for n, who, value in answers]
    assert learnt == kind.learn(stripped)
    found = kind.weighed([("bad", wrong), ("good", right), ("fine", close)], learnt)
    assert [(s.start, [(one.to, one.label) for one in s.relations]) for s in found.value] == [
        (0, [(1, "same")]),
        (5, []),
    ]
    alone = kind.weighed([("bad", wrong), ("good", right)], learnt)
    assert alone.value[0].relations == right[0].relations


def test_distance_counts_relations_with_their_ends() -> None:
    kind = span(**RELATED)
    one, none = (kind.parse(related(*links, spans=(A, C)), TEXT) for links in ([(0, 1, "same")], []))
    assert kind.distance(one, none) == pytest.approx(1 - 2 * 2 / 5)
    turned = kind.parse(related((1, 0, "same"), spans=(A, C)), TEXT)
    assert kind.distance(one, turned) == pytest.approx(1 - 2 * 2 / 6)


def test_answers_of_other_versions_of_the_question_stay_readable() -> None:
    """A relation whose label is gone, or that joins two alike since, is what it was and can be compared."""
    before = span(relations=["same", "gone"])
    stored = before.dump(before.parse(related((0, 1, "gone"), (1, 0, "same"), spans=(A, C)), TEXT))
    after = span(relations=[{"name": "same", "directed": False}])
    value = after.load(stored)
    assert after.dump(value) == stored
    assert after.combine([value, value]).value == after.parse(related((0, 1, "same"), spans=(A, C)), TEXT)
    assert span().combine([value]).value == (A, C)


def test_elements_say_whether_a_relation_has_a_direction() -> None:
    kind = span(**RELATED)
    value = kind.parse(related((0, 1, "near"), (1, 0, "same"), spans=(A, C)), TEXT)
    links = kind.elements(value)[2:]
    assert links == (
        RelationElement(source=0, target=1, label="near", directed=False),
        RelationElement(source=1, target=0, label="same"),
    )
    with pytest.raises(Invalid):
        kind.from_elements(
            [*kind.elements(value)[:2], RelationElement(source=5, target=0, label="same")], TEXT
        )


@pytest.mark.parametrize(
    ("relations", "where"),
    [
        ([{"name": "in", "from": ["ORG"]}], "relations[0].from[0]"),
        (["same", {"name": "in", "to": ["PER", "X"]}], "relations[1].to[1]"),
        (["same", "same"], "relations[1].id"),
        ([{"name": "same", "source": ["PER"]}], "relations[0].source"),
    ],
)
def test_bad_labels_of_relations_are_refused_where_they_are_bad(relations: list[object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        span(relations=relations)
    assert refused.value.where == where
