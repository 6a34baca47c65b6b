"""The conformance suite on every installed label type, and on made-up answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.core.label import Json, LabelType
from evenhand.labels import all_types, find
from evenhand.labels.conformance import CHECKS, Subject, answer_holds, check, subject
from evenhand.labels.span import Span


class Related(Span):
    """Spans of a question that asks for relations too."""

    name: ClassVar[str] = "span"
    example_config: ClassVar[Mapping[str, Json]] = {
        **Span.example_config,
        "relations": ["same as", {"name": "lives in", "id": "in", "from": ["PER"], "to": ["LOC", "ORG"]},
                      {"name": "knows", "directed": False, "from": ["PER"], "key": "k"}],
    }  # fmt: skip


KINDS = [*all_types().values(), Related]

leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["ham", "A", "sport", "answer_a", "both_bad", 1, 2.5, -1, "\ud800"])
)
anything = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["start", "end", "label", "relations", "to", "x", "y", "width", "height", "preference"]
            )
            | st.text(max_size=3),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


def accepts(schema: Mapping[str, Json], value: Json) -> bool:
    return jsonschema_rs.Draft202012Validator(dict(schema)).is_valid(value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.__name__)
def test_kept(one: Callable[[Subject], None], kind: type[LabelType[Any]]) -> None:
    one(subject(kind, accepts))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_json(kind: type[LabelType[Any]]) -> None:
    s = subject(kind, accepts)

    @settings(max_examples=100, deadline=None)
    @given(anything, st.sampled_from([data for data, _ in s.label.examples()]))
    def hold(raw: Json, data: Mapping[str, Json]) -> None:
        try:
            answer_holds(s, data, raw)
        except Invalid as error:
            str(error).encode()

    hold()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nearly_right_answers(kind: type[LabelType[Any]]) -> None:
    """An example with a few values changed gets deeper into `parse` than anything made up from nothing."""
    s = subject(kind, accepts)

    @settings(max_examples=100, deadline=None)
    @given(st.data(), st.sampled_from(s.label.examples()))
    def hold(draw: st.DataObject, example: tuple[Mapping[str, Json], Any]) -> None:
        data, value = example
        raw = draw.draw(_mutated(json.loads(json.dumps(s.label.dump(value)))))
        try:
            other = answer_holds(s, data, raw)
        except Invalid as error:
            str(error).encode()
            return
        distance = s.label.distance(value, other)
        assert distance == s.label.distance(other, value)
        assert 0.0 <= distance <= 1.0
        combined = s.label.combine([value, other, other])
        assert combined.value == s.label.parse(s.label.dump(combined.value), data)
        assert 0.0 <= combined.confidence <= 1.0

    hold()


def _mutated(value: Json) -> st.SearchStrategy[Json]:
    """The value, with parts of it shifted, replaced, dropped or doubled."""
    if isinstance(value, dict):
        return st.fixed_dictionaries({key: _mutated(part) for key, part in value.items()})
    if isinstance(value, list):
        parts = st.tuples(*(_mutated(part) for part in value)).map(list)
        return parts | parts.flatmap(
            lambda some: st.lists(st.sampled_from(some), max_size=4) if some else st.just([])
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        near = st.integers(-30, 30).map(lambda by: value + by) | st.floats(-10, 10).map(lambda by: value + by)
        return st.just(value) | near | leaf
    return st.just(value) | leaf


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_configuration(kind: type[LabelType[Any]]) -> None:
    s = subject(kind, accepts)
    keys = st.sampled_from(sorted(s.label.config()))

    @settings(max_examples=75, deadline=None)
    @given(st.dictionaries(keys, anything, max_size=3))
    def hold(changes: dict[str, Json]) -> None:
        try:
            label = kind.configure({**kind.example_config, **changes}, s.fields)
        except Invalid as error:
            str(error).encode()
            return
        assert kind.configure(label.config(), s.fields) == label
        for data, value in label.examples():
            answer_holds(Subject(kind, s.fields, label, accepts), data, label.dump(value))

    hold()


def test_the_suite_notices() -> None:
    """A type that breaks its word fails: the suite is no formality."""
    choice = find("choice")

    class Lax(choice):  # type: ignore[misc, valid-type]  # the registry gives classes at run time
        def parse(self, raw: Json, data: Mapping[str, Json]) -> Any:
            return raw

    class Leaning(choice):  # type: ignore[misc, valid-type]  # as above
        def distance(self, a: Any, b: Any) -> float:
            return 0.0 if a == b else 0.25 + (a > b) / 2

    for broken in (Lax, Leaning):
        with pytest.raises(AssertionError):
            check(broken, accepts)
    check(choice, accepts)


def test_find_takes_the_newest_of_a_name_and_refuses_others() -> None:
    assert find("choice") is find("choice/1") is all_types()["choice/1"]
    with pytest.raises(Invalid) as refused:
        find("telepathy")
    assert refused.value.where == "type"
    assert "choice" in refused.value.remedy
