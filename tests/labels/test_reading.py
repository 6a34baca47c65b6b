"""Reading JSON and elements: what does not fit is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import ClassElement, Element, NumberElement, OrderElement, TextElement
from evenhand.labels import all_types
from evenhand.labels.conformance import fields_named
from evenhand.labels.span import Span

KINDS = list(all_types().values())
ORDER = OrderElement(ranks=(("answer_a",), ("answer_b",)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "elements",
    [
        [ClassElement(value="no such"), NumberElement(value=0.25)],
        [ClassElement(value="no such"), ClassElement(value="no such")],
        [TextElement(value="a"), TextElement(value="b")],
        [TextElement(value="")],
        [NumberElement(value=float("nan"))],
        [NumberElement(value=1e300)],
        [ORDER],
        [ORDER, ORDER],
    ],
    ids=str,
)
def test_elements_of_another_type_are_refused(kind: Any, elements: list[Element]) -> None:
    label = kind.configure(kind.example_config, fields_named(kind))
    with pytest.raises(Invalid) as refused:
        label.from_elements(elements, label.examples()[0][0])
    assert refused.value.reason


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_configuration_that_is_no_json_says_so(kind: Any) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for config in ({"min": {1, 2}}, {"\ud800": 1}, {"min": float("inf")}, {"min": deep}):
        with pytest.raises(Invalid, match="not JSON") as refused:
            kind.configure(config, {})
        assert refused.value.rule == "question.not-json"


def test_messages_never_print_a_million_digits() -> None:
    choice = all_types()["choice/1"].configure({"choices": ["a"]}, {})
    for raw in (10**100_000, ["x" * 10**6], {"x": 10**100_000}, "y" * 10**6):
        with pytest.raises(Invalid) as refused:
            choice.parse(raw, {})
        assert len(str(refused.value)) < 200


def test_a_label_type_takes_the_one_field_that_fits() -> None:
    """Who has one text need not say which; who has two is asked."""
    assert Span.configure({"labels": ["PER"]}, {"body": "text", "photo": "image"}).settings.field == "body"
    for fields in ({"body": "text", "more": "markdown"}, {"photo": "image"}):
        with pytest.raises(Invalid) as refused:
            Span.configure({"labels": ["PER"]}, fields)
        assert refused.value.where == "field"
