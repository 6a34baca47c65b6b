"""Intake: what a record is known by, and where a task stands in the order."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.core.intake import MAX_PRIORITY, digest_of, key_of, rank_of, read_record, shown_data, split

SEED = bytes(range(32))


def test_reserved_keys_are_read_and_the_bytes_kept():
    record = b'{"text": "a",  "external_id": 7, "priority": 3}'
    read = read_record(record, {})
    assert (read.record, read.external_id, read.priority) == (record, "7", 3)


def test_a_mapping_names_reserved_keys():
    assert read_record(b'{"id": "x", "text": "a"}', {"id": "external_id"}).external_id == "x"


BAD = [
    (b"[]", "record.json"),
    (b"{", "record.json"),
    (b'{"a": 1, "a": 2}', "record.json"),
    (b'{"external_id": [1]}', "record.reserved"),
    (b'{"external_id": ""}', "record.external-id"),
    (b'{"metadata": 3}', "record.reserved"),
    (b'{"priority": 2000000}', "record.priority"),
]


@pytest.mark.parametrize(("record", "rule"), BAD, ids=[rule + str(i) for i, (_, rule) in enumerate(BAD)])
def test_what_is_no_record_is_refused(record, rule):
    with pytest.raises(Invalid) as caught:
        read_record(record, {})
    assert caught.value.rule == rule


def test_keys():
    a, b = read_record(b'{"t": 1}', {}), read_record(b'{"t": 2}', {})
    assert key_of(a, 0) == key_of(a, 0) != key_of(b, 0)
    assert len({key_of(a, i) for i in range(10)}) == 10
    assert digest_of(key_of(a, 0)) == a.digest
    assert read_record(b'{"external_id": "x", "t": 1}', {}).digest == b"", "it is known by its external id"


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=50, unique=True))
def test_orders(numbers):
    numbers.sort()
    assert [rank_of("imported", n, 5, SEED) for n in numbers] == numbers
    assert all(0 <= rank_of("random", n, 0, SEED) < 2**63 for n in numbers)
    ranks = [rank_of("priority", n, 0, SEED) for n in numbers]
    assert ranks == sorted(ranks)
    assert rank_of("priority", numbers[-1], 1, SEED) < ranks[0]
    assert (
        0 <= rank_of("priority", 1, MAX_PRIORITY, SEED) < rank_of("priority", 1, -MAX_PRIORITY, SEED) < 2**63
    )


def test_random_order_follows_the_seed():
    assert rank_of("random", 1, 0, SEED) == rank_of("random", 1, 0, SEED)
    assert rank_of("random", 1, 0, SEED) != rank_of("random", 1, 0, SEED[::-1])


def test_data_comes_back_as_it_came():
    record = b'{"text": "a", "n": 1.50, "metadata": {"x": 1}}'
    data, reserved = split(record, b"{}")
    assert msgspec.json.encode(data) == b'{"text":"a","n":1.50}'
    assert list(reserved) == ["metadata"]
    assert split(b'{"body": 1}', b'{"body":"text"}')[0].keys() == {"text"}
    assert shown_data(record, b"{}", frozenset({"text", "absent"})) == {"text": "a"}


def test_a_record_with_nothing_to_show_is_refused():
    """Or annotators would get an empty page: most often a column has another name."""
    with pytest.raises(Invalid, match=r"\(text, photo\). It has: message, id.") as caught:
        read_record(b'{"message": "a", "id": 1}', {}, ("text", "photo"))
    assert caught.value.rule == "record.no-field"
    assert read_record(b'{"photo": "a"}', {}, ("text", "photo")).record == b'{"photo": "a"}'
    assert read_record(b'{"message": "a"}', {"message": "text"}, ("text",)).priority == 0
