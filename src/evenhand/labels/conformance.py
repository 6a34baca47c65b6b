"""What every label type keeps, as checks that run on any of them, built in or not.

A test of a new type is ``check(MyType, accepts)``, or one test for each of `CHECKS`. A check raises
AssertionError with a sentence about what is not kept.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.label import Json, LabelType, Learnt

Accepts = Callable[[Mapping[str, Json], Json], bool]
"""Whether a JSON Schema (2020-12) accepts a value: any validator will do."""


@dataclass(frozen=True)
class Subject:
    """A label type with all that its checks need."""

    kind: type[LabelType[Any]]
    fields: Mapping[str, str]  # the fields that its example configuration names -> type
    label: LabelType[Any]  # with its example configuration
    accepts: Accepts


def subject(kind: type[LabelType[Any]], accepts: Accepts) -> Subject:
    """The type with its example configuration, over the fields that this configuration names."""
    fields = fields_named(kind)
    return Subject(kind, fields, kind.configure(kind.example_config, fields), accepts)


def check(kind: type[LabelType[Any]], accepts: Accepts) -> None:
    """Run every check.

    Raises:
        AssertionError: one of them fails.
    """
    for one in CHECKS:
        one(subject(kind, accepts))


def fields_named(kind: type[LabelType[Any]]) -> dict[str, str]:
    """Fields that the example configuration names -> the first type that its schema takes."""
    named: dict[str, str] = {}
    for key, shape in kind.config_schema().get("properties", {}).items():
        given = kind.example_config.get(key)
        for name in given if isinstance(given, list) else [given]:
            types = _field_types(shape if not isinstance(given, list) else shape.get("items", {}))
            if name and types:
                named[name] = "text" if types[0] == "*" else types[0]
    return named


def _field_types(shape: Mapping[str, Json]) -> list[str]:
    word, _, types = str(shape.get("format", "")).partition(":")
    return types.split(",") if word == "field" else []


def names_are_sane(s: Subject) -> None:
    """Id, short name and title are what registries, configurations and the builder rely on."""
    name, _, number = s.kind.id.rpartition("/")
    _expect(name == s.kind.name, f"the id {s.kind.id!r} does not begin with the name {s.kind.name!r}")
    _expect(re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None, f"the name {name!r} is not like_this")
    _expect(number.isdecimal() and int(number) > 0, f"the id {s.kind.id!r} does not end in a number")
    _expect(bool(s.kind.title.strip()), "there is no title")


def config_schema_is_drawable(s: Subject) -> None:
    """The builder finds a title and a description for each key, and the example fits."""
    schema = s.kind.config_schema()
    _expect(
        schema.get("type") == "object" and "properties" in schema,
        "the configuration is no object",
    )
    _expect(schema.get("additionalProperties") is False, "the schema lets unknown keys pass")
    for key, shape in schema["properties"].items():
        _expect(
            bool(shape.get("title") and shape.get("description")), f"{key!r} lacks a title or description"
        )
    _expect(s.accepts(schema, s.kind.example_config), "the schema refuses the example configuration")
    _expect(s.accepts(schema, s.label.config()), "the schema refuses the configuration in full")
    _expect(s.label.config().keys() == schema["properties"].keys(), "config() does not fill in every key")


def config_comes_back(s: Subject) -> None:
    """`configure` and `config` are inverse, and JSON between them changes nothing."""
    config = s.label.config()
    _expect(msgspec.json.decode(msgspec.json.encode(config)) == config, "config() is not plain JSON")
    again = s.kind.configure(config, s.fields)
    _expect(again == s.label and again.config() == config, "configure(config()) gives another type")


def config_refuses(s: Subject) -> None:
    """Unknown keys and fields, and values that do not fit, are refused by name."""
    error = _refused(s, {**s.kind.example_config, "no_such_key": 1})
    _expect(error.where == "no_such_key", f"an unknown key is refused at {error.where!r}")
    for key in s.label.config():
        for nasty in (float("nan"), "\ud800", {"no": ["such"]}, 10**30, object()):
            error = _refused(s, {**s.kind.example_config, key: nasty})
            _expect(
                error.where in ("", key) or error.where.startswith((f"{key}.", f"{key}[")),
                "the wrong key is named",
            )
    if s.fields:
        try:
            s.kind.configure(s.kind.example_config, {})
        except Invalid:
            return
        _expect(False, "a field that the project does not have is accepted")


def examples_come_back(s: Subject) -> None:
    """At least three different answers; `dump` and `parse` are inverse; the schema accepts what is dumped."""
    examples = s.label.examples()
    _expect(len(examples) >= 3, "there are fewer than three examples")
    _expect(
        all(a != b for i, (_, a) in enumerate(examples) for _, b in examples[:i]), "two examples are equal"
    )
    for data, value in examples:
        answer_holds(s, data, s.label.dump(value))
        _expect(s.label.parse(s.label.dump(value), data) == value, "parse(dump(v)) is not v")
    _expect(
        len({_bytes(s.label.dump(value)) for _, value in examples}) == len(examples), "two dumps are equal"
    )


def answer_holds(s: Subject, data: Mapping[str, Json], raw: Json) -> Any:
    """What `parse` accepts is in the schema, comes back, and is no way from itself. Gives the value.

    Raises:
        Invalid: `parse` refuses the answer.
    """
    value = s.label.parse(raw, data)
    dumped = s.label.dump(value)
    _expect(msgspec.json.decode(msgspec.json.encode(dumped)) == dumped, "the dump is not plain JSON")
    _expect(s.label.parse(dumped, data) == value, "parse(dump(v)) is not v")
    _expect(s.label.load(dumped) == value, "load(dump(v)) is not v: it may not need the task's data")
    _expect(s.label.read(dumped) == value, "read(dump(v)) is not v: it may not need the task's data")
    _expect(_bytes(s.label.dump(s.label.parse(dumped, data))) == _bytes(dumped), "one answer has two forms")
    _expect(s.accepts(s.label.schema(), raw), "parse is laxer than the schema")
    _expect(s.accepts(s.label.schema(), dumped), "the schema refuses a dump")
    elements = s.label.elements(value)
    _expect(s.label.from_elements(elements, data) == value, "from_elements(elements(v)) is not v")
    _expect(s.label.distance(value, value) == 0.0, "an answer is apart from itself")
    _expect(s.label.combine([value]).value == value, "one answer does not come to itself")
    return value


def distance_is_sane(s: Subject) -> None:
    """0 on equal answers, symmetric, between 0 and 1, above 0 on the different examples."""
    for _, a in s.label.examples():
        for _, b in s.label.examples():
            distance = s.label.distance(a, b)
            _expect(distance == s.label.distance(b, a), "the distance is not symmetric")
            _expect(0.0 <= distance <= 1.0, f"the distance {distance} is not between 0 and 1")
            _expect(
                (distance == 0.0) == (a == b),
                "the distance of two examples does not tell whether they are equal",
            )


def combine_is_sane(s: Subject) -> None:
    """Unanimity is certain; the outcome depends on the answers alone and is an answer itself."""
    examples = s.label.examples()
    for data, value in examples:
        for count in (1, 2, 3, 7):
            same = s.label.combine([value] * count)
            _expect(same.value == value, f"{count} equal answers come to another")
            _expect(same.confidence == 1.0, f"{count} equal answers have confidence {same.confidence}")
        mixed = [value, *(other for _, other in examples)]
        combined = s.label.combine(mixed)
        _expect(combined == s.label.combine(list(mixed)), "the same answers come to two things")
        _expect(0.0 <= combined.confidence <= 1.0, f"confidence {combined.confidence} is not between 0 and 1")
        _expect(bool(combined.method), "the method has no name")
        answer_holds(s, data, s.label.dump(combined.value))


TAUGHT = 24
"""Tasks that two annotators who are right and one who is wrong have answered, in `weighed_is_sane`."""


def weighed_is_sane(s: Subject) -> None:
    """Whoever was wrong counts less; nothing depends on an order; one annotator alone is no trouble.

    Only where `weighed_by` says that answers are weighed.
    """
    if not s.kind.weighed_by:
        return
    values = [value for _, value in s.label.examples()]
    right = [values[n % len(values)] for n in range(TAUGHT)]
    wrong = [values[(n + 1 + n // len(values) % (len(values) - 1)) % len(values)] for n in range(TAUGHT)]
    answers = [(n + 1, name, by[n]) for n in range(TAUGHT) for name, by in
               (("bad", wrong), ("good", right), ("fine", right))]  # fmt: skip
    learnt = s.label.learn(answers)
    _expect(learnt == s.label.learn(answers[::-1]), "what is learnt depends on the order of answers")
    _learnt_is_sane(s, learnt, {"bad", "good", "fine"})
    for true, false in zip(right, wrong, strict=True):
        for given in ([("bad", false), ("good", true)], [("good", true), ("bad", false)]):
            found = s.label.weighed(given, learnt)
            _expect(found == s.label.weighed(list(given), learnt), "the same answers come to two things")
            _expect(0.0 <= found.confidence <= 1.0, f"confidence {found.confidence} is not between 0 and 1")
            _expect(found.method == s.kind.weighed_by, f"weighed by {found.method!r}, not as it says")
            _expect(
                s.label.distance(found.value, true) < s.label.distance(found.value, false),
                "somebody who was always wrong counts as much as somebody who was right",
            )
            s.label.load(s.label.dump(found.value))
    alone = s.label.learn([(1, "one", values[0])])
    _learnt_is_sane(s, alone, {"one"})
    for name in ("one", "a newcomer"):
        _expect(s.label.weighed([(name, values[0])], alone).value == values[0], "one answer becomes another")


def _learnt_is_sane(s: Subject, learnt: Learnt, names: set[str]) -> None:
    _expect(learnt.annotators.keys() == names, "not of each annotator is something learnt")
    _expect(msgspec.json.decode(msgspec.json.encode(learnt), type=Learnt) == learnt, "JSON changes it")
    numbers = [*learnt.annotators.values(), learnt.newcomer]
    _expect(all(len(one) == len(s.kind.measures) for one in numbers), "it is not as many numbers as measures")
    every = [number for one in (*numbers, learnt.common) for number in one]
    _expect(all(math.isfinite(number) for number in every), "a number is infinite or none")


def equal_weights_change_nothing(s: Subject) -> None:
    """Only where answers are weighed by their distances."""
    if s.kind.weighed_by != "distances":
        return
    values = [value for _, value in s.label.examples()]
    for some in (values[:1], values, [*values, *values[1:]], values[::-1]):
        plain = s.label.combine(some)
        _expect(s.label.combine_by(some, [1.0] * len(some)) == plain, "equal weights come to something else")
        alike = Learnt(annotators={}, newcomer=(0.3,))
        same = s.label.weighed([(str(i), value) for i, value in enumerate(some)], alike)
        _expect(same.value == plain.value, "where all are equally skilled, answers come to something else")


NASTIES: tuple[Json, ...] = (
    None,
    True,
    False,
    float("nan"),
    float("inf"),
    float("-inf"),
    10**30,
    -(10**30),
    10**5000,
    1e300,
    "\ud800",
    "half \udfff a character",
    [None],
    [True],
    [float("nan")],
    ["\ud800"],
    [[]],
    [[None]],
    [{}],
    {"no": "such thing"},
    {"\ud800": 1},
)
"""What no label type takes for an answer."""


def parse_refuses(s: Subject) -> None:
    """Nothing hurtful is accepted, alone or anywhere inside an answer, and the only error is `Invalid`."""
    for data, value in s.label.examples():
        for nasty in (*NASTIES, _deep(100_000)):
            _expect_refused(s, nasty, data)
        dumped = s.label.dump(value)
        for path in _leaves(dumped):
            for nasty in (None, float("nan"), float("inf"), 10**30, "\ud800", [], {}, _deep(1_000)):
                _expect_refused(s, _with(dumped, path, nasty), data)
            if type(_at(dumped, path)) in (int, float):
                _expect_refused(s, _with(dumped, path, True), data)


def parse_drops_nothing(s: Subject) -> None:
    """A key that the type does not know is refused, for what is dropped in silence is lost."""
    for data, value in s.label.examples():
        dumped = s.label.dump(value)
        for path in _objects(dumped):
            _expect_refused(s, _with(dumped, (*path, "no_such_key"), 1), data)


def flag_works(s: Subject) -> None:
    """The command-line option gives a configuration that works, and refuses what it cannot read."""
    flag = s.kind.flag
    if flag is None:
        return
    _expect(re.fullmatch(r"--[a-z][a-z-]*", flag.option) is not None, f"{flag.option!r} is no option")
    _expect(bool(flag.help), "the option has no help")
    fields = {"A": "text", "B": "image", "C": "audio", "D": "video"}
    s.kind.configure(s.kind.from_flag(flag.metavar, fields), fields)
    for value in ("A,,B", ",", "\ud800,A") if flag.metavar else ():
        try:
            s.kind.from_flag(value, fields)
        except Invalid:
            continue
        _expect(False, f"{flag.option} accepts {value!r}")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    names_are_sane,
    config_schema_is_drawable,
    config_comes_back,
    config_refuses,
    examples_come_back,
    distance_is_sane,
    combine_is_sane,
    weighed_is_sane,
    equal_weights_change_nothing,
    parse_refuses,
    parse_drops_nothing,
    flag_works,
)


def _expect(kept: bool, otherwise: str) -> None:
    if not kept:
        raise AssertionError(otherwise)


def _refused(s: Subject, config: Mapping[str, Any]) -> Invalid:
    try:
        s.kind.configure(config, s.fields)
    except Invalid as error:
        _expect_speaks(error)
        return error
    raise AssertionError("a configuration that does not fit is accepted")


def _expect_refused(s: Subject, raw: Json, data: Mapping[str, Json]) -> None:
    try:
        s.label.parse(raw, data)
    except Invalid as error:
        _expect_speaks(error)
        return
    raise AssertionError(f"parse accepts a {type(raw).__name__} that it must refuse")


def _expect_speaks(error: Invalid) -> None:
    """Rule and reason are there, and the message can be sent: half a character would break the reply."""
    _expect(bool(error.rule and error.reason), "an error says nothing")
    str(error).encode()


def _bytes(dumped: Json) -> bytes:
    return msgspec.json.encode(dumped)


def _deep(levels: int) -> Json:
    nested: Json = []
    for _ in range(levels):
        nested = [nested]
    return nested


def _leaves(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in an answer that is neither list nor object; of the answer itself, ()."""
    if isinstance(value, list | dict):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(part, (*path, key))
    else:
        yield path


def _objects(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of every object in an answer."""
    if isinstance(value, dict):
        yield path
    if isinstance(value, list | dict):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _objects(part, (*path, key))


def _at(value: Json, path: tuple[Any, ...]) -> Json:
    for key in path:
        value = value[key]
    return value


def _with(value: Json, path: tuple[Any, ...], new: Json) -> Json:
    """A copy of the answer with another value at this path."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    _at(changed, path[:-1])[path[-1]] = new
    return changed
