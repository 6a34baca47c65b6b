"""What is special about spans."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import SpanElement
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
