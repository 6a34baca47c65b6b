"""Entries, statements and commitments, against frozen vectors and against another encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core import canonical, merkle
from evenhand.core.canonical import Entry, Statement, decode_entry, encode_entry
from evenhand.core.errors import Invalid

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
ORIGIN = VECTORS["origin"]

ids = st.from_regex(r"[A-Za-z0-9:._-]{1,64}", fullmatch=True)
counts = st.integers(0, 2**53 - 1)
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
scalars = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text
values = scalars
for _ in range(3):
    values = scalars | st.lists(values, max_size=3) | st.dictionaries(ids, values, max_size=3)
digests = st.binary(min_size=32, max_size=32).map(canonical.b64url)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    signed = draw(st.booleans())
    return Entry(
        kind=draw(st.from_regex(r"[a-z][a-z0-9._-]{0,63}", fullmatch=True)),
        stream=draw(ids),
        n=2**53 - 1,
        at=draw(counts),
        public=draw(st.dictionaries(ids, values, max_size=4)),
        commitments=draw(st.dictionaries(ids, digests, max_size=3)),
        causes=tuple(sorted(draw(st.sets(st.tuples(ids, st.integers(0, 2**53 - 2)), max_size=3)))),
        by="key:k1" if signed else "node",
        statement=draw(text.filter(bool)) if signed else "",
        signature=canonical.b64url(draw(st.binary(min_size=64, max_size=64))) if signed else "",
    )


@given(entries())
def test_the_bytes_are_those_of_rfc_8785_and_read_back(entry: Entry) -> None:
    data = encode_entry(entry)
    assert data == rfc8785.dumps(json.loads(data))
    assert decode_entry(data) == entry
    assert decode_entry(data).place == (entry.stream, entry.n)


def test_every_character_is_written_as_rfc_8785_says() -> None:
    encode = msgspec.json.Encoder(order="sorted").encode
    for start in range(0, 0x110000, 0x800):
        if start != 0xD800:
            chunk = "".join(map(chr, range(start, start + 0x800)))
            assert encode(chunk) == rfc8785.dumps(chunk), hex(start)


@pytest.mark.parametrize("vector", VECTORS["entries"], ids=lambda vector: vector["entry"]["t"])
def test_frozen_entries(vector: dict[str, Any]) -> None:
    entry = msgspec.convert(vector["entry"], Entry)
    assert encode_entry(entry).decode() == vector["bytes"]
    assert decode_entry(vector["bytes"].encode()) == entry
    assert merkle.leaf_hash(vector["bytes"].encode()).hex() == vector["leaf"]


@pytest.mark.parametrize("vector", VECTORS["not_entries"], ids=lambda vector: vector["why"])
def test_what_is_no_entry_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        decode_entry(vector["bytes"].encode())
    assert refused.value.reason


def test_bytes_that_are_no_utf8_are_refused() -> None:
    good = VECTORS["entries"][0]["bytes"].encode()
    with pytest.raises(Invalid):
        decode_entry(good.replace(b"0.1.0", b"0.1.\xff"))


def test_the_longest_entry_fits_a_bundle_and_one_byte_more_does_not() -> None:
    def entry(length: int) -> Entry:
        return Entry(kind="a", stream="s", n=0, at=0, public={"x": "y" * length}, commitments={}, causes=())

    room = canonical.MAX_ENTRY_BYTES - len(encode_entry(entry(0)))
    assert len(encode_entry(entry(room))) == 65_535
    with pytest.raises(Invalid, match="65536"):
        encode_entry(entry(room + 1))


@pytest.mark.parametrize("value", [object(), "\ud800", 1.5, None, 2**53, {"a b": 1}, {1: 2}])
def test_nothing_is_written_that_could_not_be_read_back(value: Any) -> None:
    with pytest.raises(Invalid):
        encode_entry(Entry(kind="a", stream="s", n=0, at=0, public={"x": value}, commitments={}, causes=()))


names = st.sampled_from(["a", "A:1", "", "a b", "\u00e9", 'a"', "x" * 65])
odd_values = st.sampled_from([1, True, "\u00e9", 2**53, -(2**53), 1.5, None, [[[[1]]]]])
for _ in range(2):
    odd_values = (
        odd_values | st.lists(odd_values, max_size=2) | st.dictionaries(names, odd_values, max_size=2)
    )


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["project-created", "K", ""]),
            "stream": names,
            "n": st.sampled_from([0, -1, 2**53]),
            "public": st.dictionaries(names, odd_values, max_size=2),
            "commitments": st.dictionaries(names, digests | st.sampled_from(["", "x" * 43]), max_size=2),
            "causes": st.lists(st.tuples(names, st.integers(-1, 1)), max_size=2).map(tuple),
        },
    )
)
def test_what_is_written_is_just_what_can_be_read(changed: dict[str, Any]) -> None:
    """The writer's quick look lets nothing through that the reader refuses, and stops nothing else."""
    plain: dict[str, Any] = {"kind": "k", "stream": "s", "n": 0, "at": 0, "causes": ()}
    entry = Entry(**(plain | {"public": {}, "commitments": {}} | changed))
    data = msgspec.json.encode(entry, order="sorted")
    try:
        read: Entry | None = decode_entry(data)
    except Invalid:
        read = None
    try:
        assert encode_entry(entry) == data and read is not None
    except Invalid:
        assert read is None


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_rubbish_is_refused_and_never_a_crash(data: bytes) -> None:
    with pytest.raises(Invalid):
        decode_entry(data)


def test_deep_nesting_is_refused_and_never_a_crash() -> None:
    good = VECTORS["entries"][0]["bytes"]
    with pytest.raises(Invalid):
        decode_entry(good.replace('"previous":""', '"previous":' + "[" * 20_000 + "]" * 20_000).encode())


# --- commitments ---


@pytest.mark.parametrize("vector", VECTORS["commitments"])
def test_frozen_commitments(vector: dict[str, str]) -> None:
    given_bytes = canonical.commit(
        ORIGIN, vector["kind"], vector["field"], bytes.fromhex(vector["salt"]), vector["value"].encode()
    )
    assert canonical.b64url(given_bytes) == vector["commitment"]


def test_a_commitment_depends_on_each_of_its_parts() -> None:
    base = (ORIGIN, "kind", "field", b"s" * 32, b"value")
    others = [
        ("other", *base[1:]),
        (base[0], "other", *base[2:]),
        (*base[:2], "other", *base[3:]),
        (*base[:3], b"t" * 32, base[4]),
        (*base[:4], b"other"),
        (ORIGIN, "kind", "fiel", b"s" * 32, b"value"),
    ]
    assert len({canonical.commit(*parts) for parts in [base, *others]}) == 7


def test_a_short_salt_is_refused() -> None:
    with pytest.raises(Invalid, match="32 bytes"):
        canonical.commit(ORIGIN, "kind", "field", b"short", b"value")


def test_frozen_bulk_rows() -> None:
    bulk = VECTORS["bulk"]
    rows = [(bytes.fromhex(row["salt"]), row["value"].encode()) for row in bulk["rows"]]
    root = canonical.bulk_root(ORIGIN, bulk["kind"], rows)
    assert canonical.b64url(root) == bulk["root"]
    for index, row in enumerate(rows):
        proof = canonical.bulk_proof(ORIGIN, bulk["kind"], rows, index)
        assert [part.hex() for part in proof] == bulk["proofs"][index]
        canonical.verify_bulk_row(ORIGIN, bulk["kind"], row, index, len(rows), proof, root)
        with pytest.raises(Invalid):
            canonical.verify_bulk_row(ORIGIN, "other", row, index, len(rows), proof, root)
        with pytest.raises(Invalid):
            canonical.verify_bulk_row(ORIGIN, bulk["kind"], (row[0], b"x"), index, len(rows), proof, root)


def test_a_row_of_one_is_not_a_single_commitment() -> None:
    salt, value = b"s" * 32, b"value"
    assert canonical.bulk_root("o", "k|f", [(salt, value)]) != canonical.commit("o", "k", "f", salt, value)


# --- statements ---


def statement() -> Statement:
    frozen = VECTORS["statement"]
    stream, n = frozen["answers"]
    return Statement(
        origin=ORIGIN,
        kind="submitted",
        answers=(stream, n),
        clock=frozen["clock"],
        public=frozen["public"],
        commitments=frozen["commitments"],
    )


def test_frozen_statement() -> None:
    frozen = VECTORS["statement"]
    assert canonical.encode_statement(statement()) == frozen["text"]
    assert canonical.decode_statement(frozen["text"]) == statement()


def test_a_frozen_entry_holds_what_its_actor_signed() -> None:
    entry = decode_entry(VECTORS["entries"][3]["bytes"].encode())
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["statement"]["actor_public"]))
    public.verify(canonical.unb64url(entry.signature), entry.statement.encode())
    assert canonical.check_statement(entry, ORIGIN) == statement()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("evenhand/statement/v2", "evenhand/statement/v1"),
        ("pool:main 7", "pool:main 07"),
        ("pool:main 7", "pool:main"),
        ("1795435200000", "1795435200000.0"),
        ("answers ", "answers  "),
        ("c answers ", "another\nc answers "),
        ("b ms -1", "b ms 1.5"),
        ("b ms -1", "b ms true"),
        ("b ms -1", "c ms -1"),
    ],
)
def test_a_statement_has_one_form(old: str, new: str) -> None:
    text = VECTORS["statement"]["text"]
    assert old in text
    with pytest.raises(Invalid):
        canonical.decode_statement(text.replace(old, new))


def test_a_statement_names_its_commitments_once_in_order() -> None:
    text = VECTORS["statement"]["text"]
    line = text.splitlines()[-1]
    for wrong in (f"{text}{line}\n", f"{text}{line.replace('answers', 'also')}\n"):
        with pytest.raises(Invalid, match="ascending"):
            canonical.decode_statement(wrong)


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "other.example/log"},
        {"kind": "skipped"},
        {"answers": ("pool:main", 8)},
        {"public": {"ms": -1, "revision": 2, "slot": "s.1"}},
        {"public": {"surplus": "0"}},
        {"commitments": {"answers": "A" * 43}},
        {"commitments": {"other": VECTORS["statement"]["commitments"]["answers"]}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_entry_says_what_its_statement_says(changed: dict[str, Any]) -> None:
    entry = decode_entry(VECTORS["entries"][3]["bytes"].encode())
    lying = canonical.encode_statement(msgspec.structs.replace(statement(), **changed))
    with pytest.raises(Invalid):
        canonical.check_statement(msgspec.structs.replace(entry, statement=lying), ORIGIN)


# --- base64url ---


@given(st.binary(max_size=70))
def test_base64url_reads_back(data: bytes) -> None:
    assert canonical.unb64url(canonical.b64url(data)) == data


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "+/+/", "é", "AAA\n", "A A"])
def test_base64url_has_one_form(text: str) -> None:
    with pytest.raises(Invalid):
        canonical.unb64url(text)
