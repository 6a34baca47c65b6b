"""Records: what JSON leaves open is refused with its path; what is taken stays byte for byte."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.core.record import MAX_DEPTH, check, rename


@pytest.mark.parametrize(
    ("record", "path", "reason"),
    [
        (b'{"a": 1, "a": 2}', "a", "twice"),
        (b'{"a": 1, "a" : 2}', "a", "twice"),
        (b'{"a": 1, "\\u0061": 2}', "a", "twice"),
        (b'{"x": [{"b": 1}, {"a": 1, "a": 2}]}', "x[1].a", "twice"),
        (b'{"a": "\\":", "b": 1, "b": 2}', "b", "twice"),
        (b'{"a": NaN}', "a", "NaN"),
        (b'{"a": {"b": [0, -Infinity]}}', "a.b[1]", "Infinity"),
        (b'{"a": 1e400}', "a", "64-bit float"),
        (b'{"a": [1, {"b": 18446744073709551616}]}', "a[1].b", "64 bits"),
        (b'{"a": -9223372036854775809}', "a", "64 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a", "64"),
        (b'{"a": "\\ud800"}', "a", "surrogate"),
        (b'{"a": "\\udc00x"}', "a", "surrogate"),
        (b'{"a\\ud800": 1}', "a\ufffd", "surrogate"),
        (b'{"a": "\\u0000"}', "a", "NUL"),
        (b'{"a": "\x00"}', "", "not JSON"),
        (b'{"a": "\xff"}', "", "not UTF-8"),
        (b'{"a": 1', "", "not JSON"),
        (b'{"a": 1} {"b": 2}', "", "not JSON"),
        (b"", "", "not JSON"),
        (b"[1]", "", "a list"),
        (b"[NaN]", "", "a list"),
        (b"7", "", "a number"),
        (b'"x"', "", "a text"),
        (b"null", "", "null"),
        (b"true", "", "true or false"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "", "deep"),
        (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "a" + "[0]" * (MAX_DEPTH - 1), "deep"),
    ],
)
def test_faults_have_path_and_reason(record: bytes, path: str, reason: str) -> None:
    fault = check(record)
    assert fault is not None
    assert fault.path == path
    assert reason in fault.reason
    fault.reason.encode()  # can be stored and shown


@pytest.mark.parametrize(
    "record",
    [
        b"{}",
        b' { "a" : 1 } ',
        b'{"a": 18446744073709551615, "b": -9223372036854775808, "c": 1e308}',
        b'{"a": "\\ud83d\\ude00 and \xf0\x9f\x98\x80"}',
        b'{"a": "he said \\"x\\": yes", "b": ": :"}',
        b'{"a": "\\\\u0000"}',
        b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
    ],
)
def test_good_records_pass(record: bytes) -> None:
    assert check(record) is None


_CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
_TEXTS = st.text(st.one_of(_CHARACTERS, st.sampled_from('":\\ {},')))
_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), _TEXTS
    ).filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(_TEXTS, inner)),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_TEXTS, _VALUES)


@given(_OBJECTS, st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r:\n")]), st.booleans())
def test_every_object_passes_however_it_is_written(
    value: dict[str, Any], marks: tuple[str, str], plain: bool
) -> None:
    assert check(json.dumps(value, separators=marks, ensure_ascii=plain).encode()) is None


@given(_OBJECTS, _TEXTS, _VALUES, _VALUES, st.sampled_from([":", " :", "\t: "]))
def test_a_double_key_never_passes(value: dict[str, Any], key: str, one: Any, two: Any, mark: str) -> None:
    rest = [f"{json.dumps(k)}{mark}{json.dumps(v)}" for k, v in value.items()]
    doubled = [*rest, f"{json.dumps(key)}:{json.dumps(one)}", f"{json.dumps(key)}{mark}{json.dumps(two)}"]
    fault = check(("{" + ",".join(doubled) + "}").encode())
    assert fault is not None and "twice" in fault.reason


def test_rename_keeps_order_and_bytes_of_values() -> None:
    record = b'{"a": 1.10, "b": {"x" : [1,  2]}, "c": "\\u00e9"}'
    assert rename(record, {"b": "external_id"}) == b'{"a":1.10,"external_id":{"x" : [1,  2]},"c":"\\u00e9"}'
    assert rename(record, {"a": "b", "b": "a"}) == b'{"b":1.10,"a":{"x" : [1,  2]},"c":"\\u00e9"}'
    assert rename(record, {"z": "b"}) is record


def test_rename_refuses_a_clash() -> None:
    with pytest.raises(Invalid, match="'b'") as caught:
        rename(b'{"a":1,"b":2}', {"a": "b"})
    assert caught.value.where == "b"


@given(st.dictionaries(_TEXTS, st.integers(0, 9)), st.dictionaries(_TEXTS, _TEXTS))
def test_rename_loses_no_value(record: dict[str, int], mapping: dict[str, str]) -> None:
    try:
        renamed = msgspec.json.decode(rename(json.dumps(record).encode(), mapping))
    except Invalid:
        return
    assert list(renamed.values()) == list(record.values())
    assert list(renamed) == [mapping.get(name, name) for name in record]
