"""The audit reads what the core writes, refuses what it refuses, and shares no code with it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evenhand.audit import entries as audit_entries
from evenhand.audit import grammar
from evenhand.audit import notes as audit_notes
from evenhand.audit.grammar import KINDS, check_kind
from evenhand.audit.notes import Unacceptable
from evenhand.audit.receipts import climb, verify_receipt
from evenhand.core import canonical, checkpoint, merkle
from evenhand.core.errors import Invalid
from evenhand.core.events import ALL, SCHEMAS

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "ledger.json").read_text())
ORIGIN, VKEY = VECTORS["origin"], VECTORS["vkey"]
GOOD = [vector["bytes"].encode() for vector in VECTORS["entries"]]


def test_the_audit_imports_nothing_else_of_evenhand() -> None:
    for path in (ROOT / "src" / "evenhand" / "audit").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("evenhand") or name.startswith("evenhand.audit"), (path, name)


# --- entries ---


@pytest.mark.parametrize("vector", VECTORS["entries"], ids=lambda vector: vector["entry"]["t"])
def test_frozen_entries_are_read(vector: dict[str, Any]) -> None:
    entry, said = audit_entries.read_entry(vector["bytes"].encode()), vector["entry"]
    assert (entry.kind, entry.stream, entry.n, entry.at) == (said["t"], said["s"], said["n"], said["ts"])
    assert (entry.by, entry.statement, entry.committed) == (said["by"], said["st"], said["c"])
    assert (list(entry.public), [list(cause) for cause in entry.causes]) == (sorted(said["b"]), said["re"])
    if entry.statement:
        audit_entries.check_statement(entry, said["b"], ORIGIN)


@pytest.mark.parametrize("vector", VECTORS["not_entries"], ids=lambda vector: vector["why"])
def test_what_is_no_entry_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(Unacceptable) as refused:
        audit_entries.read_entry(vector["bytes"].encode())
    assert str(refused.value)


def accepts(read: Any, data: bytes, refusal: type[Exception]) -> bool:
    try:
        read(data)
    except refusal:
        return False
    return True


@given(st.sampled_from(GOOD), st.data())
@example(GOOD[4], None)
def test_core_and_audit_agree_on_every_entry(good: bytes, data: st.DataObject | None) -> None:
    """Entries with one stretch replaced: by bytes that mean something in JSON, or by others."""
    mutated = good
    if data is not None:
        start = data.draw(st.integers(0, len(good)))
        end = data.draw(st.integers(start, min(len(good), start + 4)))
        piece = data.draw(
            st.sampled_from(
                [b"", b"0", b"-", b"1", b'"', b"\\", b"null", b"[", b"]", b"{}", b",", b"\\u0041", b"e1"]
            )
            | st.binary(max_size=3)
        )
        mutated = good[:start] + piece + good[end:]
    core = accepts(canonical.decode_entry, mutated, Invalid)
    assert core == accepts(audit_entries.read_entry, mutated, Unacceptable), mutated


scalars = st.booleans() | st.integers(-(2**54), 2**54) | st.text(max_size=5) | st.none() | st.floats()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), anything, max_size=3))
def test_core_and_audit_agree_on_public_values(public: dict[str, Any]) -> None:
    said = json.loads(GOOD[1]) | {"b": public}
    data = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )
    core = accepts(canonical.decode_entry, data, Invalid)
    assert core == accepts(audit_entries.read_entry, data, Unacceptable), data


def test_too_many_bytes_and_deep_nesting_are_refused() -> None:
    long = GOOD[0].replace(b'"previous":""', b'"previous":"' + b"x" * 65_536 + b'"')
    deep = GOOD[0].replace(b'"previous":""', b'"previous":' + b"[" * 20_000 + b"]" * 20_000)
    for data in (long, deep, b"[" * 20_000, b"\xff"):
        with pytest.raises(Unacceptable):
            audit_entries.read_entry(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("evenhand/statement/v2", "evenhand/statement/v1"),
        (ORIGIN, "other.example/log"),
        ("\nsubmitted\n", "\nskipped\n"),
        ("pool:main 7", "pool:main 8"),
        ("1795435200000", "01"),
        ("answers ", "reason "),
        ("c answers ", "c a A\nc answers "),
        ("b ms -1", "b ms 1"),
        ('"s.1"', '"s.2"'),
        ("b ms -1", "b ms -1\nb ms -1"),
        ("1795435200000", ""),
    ],
)
def test_core_and_audit_agree_on_statements(old: str, new: str) -> None:
    entry = canonical.decode_entry(GOOD[3])
    assert old in entry.statement
    lying = msgspec.structs.replace(entry, statement=entry.statement.replace(old, new))
    with pytest.raises(Invalid):
        canonical.check_statement(lying, ORIGIN)
    with pytest.raises(Unacceptable):
        audited = audit_entries.read_entry(canonical.encode_entry(lying))
        audit_entries.check_statement(audited, json.loads(GOOD[3])["b"], ORIGIN)


@pytest.mark.parametrize("text", ["\\x", "\\u00zz", "\\u0041", "\\/", "\\ud800", "\\u000a"])
def test_core_and_audit_agree_on_a_statement_s_one_form(text: str) -> None:
    data = GOOD[3].replace(b'"st":"', b'"st":"' + text.encode())
    with pytest.raises(Invalid):
        canonical.decode_entry(data)
    with pytest.raises(Unacceptable):
        audit_entries.read_entry(data)


# --- the grammar: events, page and audit say the same ---


def test_the_page_s_table_is_the_audit_s_and_the_events() -> None:
    page = (ROOT / "docs" / "spec" / "ledger.md").read_text().split("\n## 8. Kinds\n")[1].split("\n## ")[0]
    table: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for kind, public, committed in re.findall(
        r"^\| `([a-z-]+)` \|([^|]*)\|([^|]*)\|[^|]*\|[^|]*\|$", page, re.M
    ):
        table[kind] = (tuple(re.findall(r"`(\w+)`", public)), tuple(re.findall(r"`(\w+)`", committed)))
    events = {
        kind: (
            tuple(sorted([*event.PUBLIC, *(["count"] if event.BULK else [])])),
            tuple(sorted([*event.PRIVATE, *(["rows"] if event.BULK else [])])),
        )
        for kind, event in ALL.items()
    }
    assert table == KINDS == events


def test_schemas_and_patterns_say_the_same_and_the_node_names_them() -> None:
    published = json.loads((ROOT / "docs" / "spec" / "schemas.json").read_text())
    assert published == grammar.schemas() and published.keys() == ALL.keys()
    assert grammar.digest() == SCHEMAS
    for kind, schema in published.items():
        jsonschema_rs.Draft202012Validator(schema["b"])  # is one
        assert schema["b"]["additionalProperties"] is False, kind


NEAR = st.one_of(
    st.sampled_from(["active", "left", "x", "", "a b", "A" * 43, "A" * 86, "en", "é", 0, 1, 2, -1, True]),
    st.lists(st.sampled_from(["x", "", 1, ["x", 1], {"key": "x"}]), max_size=3),
)


@given(st.sampled_from(sorted(ALL)), st.data())
def test_a_value_fits_the_pattern_when_it_fits_the_schema(kind: str, data: st.DataObject) -> None:
    """Values of the right and of the wrong types, by an independent validator and by the auditor."""
    schema = grammar.schemas()[kind]["b"]
    made = {name: data.draw(_values(part) | NEAR) for name, part in schema["properties"].items()}
    text = json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    fits = jsonschema_rs.Draft202012Validator(schema).is_valid(made)
    assert (grammar._pattern(kind)(text) is not None) == fits, text


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema of ours."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "string":
        return st.from_regex(schema["pattern"]) if "pattern" in schema else st.text(max_size=5)
    if schema["type"] == "array":
        if parts := schema.get("prefixItems"):
            return st.tuples(*map(_values, parts)).map(list)
        return st.lists(_values(schema["items"]), max_size=2)
    return st.fixed_dictionaries({name: _values(part) for name, part in schema["properties"].items()})


@pytest.mark.parametrize("change", [{"t": "favour"}, {"b": {"state": "x", "priority": 1}}, {"b": {}}])
def test_the_grammar_is_closed(change: dict[str, Any]) -> None:
    said = json.loads(GOOD[1]) | {"t": "project-state-changed", "b": {"state": "active"}, "c": {}}

    def entry(said: dict[str, Any]) -> audit_entries.AuditedEntry:
        data = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        return audit_entries.read_entry(data)

    check_kind(entry(said))
    with pytest.raises(Unacceptable):
        check_kind(entry(said | change))


# --- notes ---


@pytest.mark.parametrize("vector", VECTORS["notes"], ids=lambda vector: vector["source"])
def test_keys_of_others_are_read_and_their_notes_are_no_checkpoints(vector: dict[str, str]) -> None:
    key = audit_notes.read_key(vector["vkey"])
    with pytest.raises(Unacceptable, match="not one of"):
        audit_notes.read_checkpoint(vector["note"].encode(), key)


def test_frozen_checkpoint_with_and_without_a_witness() -> None:
    frozen, key = VECTORS["checkpoint"], audit_notes.read_key(VKEY)
    for note in (frozen["note"], frozen["cosigned"]):
        head = audit_notes.read_checkpoint(note.encode(), key)
        assert (head.origin, head.size, head.root.hex()) == (ORIGIN, frozen["size"], frozen["root"])


LOG_KEY = checkpoint.SigningKey(ORIGIN, bytes.fromhex(VECTORS["seed"]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "other.example/log\n3\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n03\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\nx\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n³\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n3\n" + "A" * 44 + "\n",
        f"{ORIGIN}\n3\n" + "A" * 42 + "B=\n",
        f"{ORIGIN}\n3\nä\n",
        f"{ORIGIN}\n3\n" + "A" * 43 + "=\n\nmore\n",
    ],
)
def test_core_and_audit_agree_on_what_is_no_checkpoint(text: str) -> None:
    note = checkpoint.sign_note(text, LOG_KEY)
    with pytest.raises(Invalid):
        checkpoint.open_checkpoint(note, LOG_KEY.verify_key)
    with pytest.raises(Unacceptable):
        audit_notes.read_checkpoint(note, audit_notes.read_key(VKEY))


@given(st.integers(0, 250), st.binary(max_size=2))
def test_core_and_audit_agree_on_every_checkpoint(at: int, piece: bytes) -> None:
    note = VECTORS["checkpoint"]["note"].encode()
    mutated = note[:at] + piece + note[at + 1 :]
    core = accepts(lambda data: checkpoint.open_checkpoint(data, LOG_KEY.verify_key), mutated, Invalid)
    key = audit_notes.read_key(VKEY)
    assert core == accepts(lambda data: audit_notes.read_checkpoint(data, key), mutated, Unacceptable)


@pytest.mark.parametrize(
    "vkey",
    ["", "a+b", "+00000000+AQ==", VKEY[:-4], VKEY.replace("+", "+0", 1), VKEY.replace("labels", "labelz")],
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(Unacceptable):
        audit_notes.read_key(vkey)


def test_a_key_that_is_no_point_signs_nothing() -> None:
    assert not audit_notes.LogKey("x", b"1234", b"short").check(b"s" * 64, b"text")


# --- proofs and receipts ---


@given(st.integers(1, 300), st.data())
def test_core_and_audit_agree_on_inclusion(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(size)]
    levels = merkle.CompactRange().grow(leaves).levels
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, size, lambda level, at: levels[level].hashes[at])
    assert climb(leaves[index], index, size, path) == merkle.root(leaves)
    for wrong in ([*path, b"\0" * 32], path[:-1], [b"short", *path[1:]]):
        if wrong != path:
            with pytest.raises(Unacceptable):
                climb(leaves[index], index, size, wrong)
    with pytest.raises(Unacceptable):
        climb(leaves[index], size, size, path)


RECEIPT: dict[str, Any] = VECTORS["receipt"]


def test_frozen_receipt() -> None:
    report = verify_receipt(json.dumps(RECEIPT).encode(), VKEY)
    assert report.findings == []
    assert (report.ok, report.kind, report.index, report.size) == (True, "submitted", 3, 4)
    assert report.opened == {"answers": b'{"spam":"ham"}'}
    assert report.deadline == RECEIPT["promise"]["deadline"]


def test_a_receipt_without_a_proof_is_a_promise() -> None:
    report = verify_receipt(json.dumps(RECEIPT | {"proof": None}).encode(), VKEY)
    assert (report.ok, report.index, report.size) == (True, None, None)


def test_extra_data_in_a_proof_is_passed_over() -> None:
    proof = RECEIPT["proof"].replace("\nindex", "\nextra eA==\nindex")
    assert verify_receipt(json.dumps(RECEIPT | {"proof": proof}).encode(), VKEY).index == 3


OPENING, PROMISE, PROOF = RECEIPT["openings"][0], RECEIPT["promise"], RECEIPT["proof"]


@pytest.mark.parametrize(
    "change",
    [
        {"place": ["person:9", 6]},
        {"leaf": "A" * 43 + "="},
        {"entry": "e30="},
        {"entry": 7},
        {"openings": [OPENING | {"value": "eA=="}]},
        {"openings": [OPENING | {"salt": "eA=="}]},
        {"openings": [OPENING | {"field": "reason"}]},
        {"promise": PROMISE | {"deadline": 1}},
        {"promise": PROMISE | {"index": 9}},
        {"promise": PROMISE | {"path": []}},
        {"promise": None},
        {"proof": PROOF.replace("index 3", "index 2")},
        {"proof": PROOF.replace("index 3", "index 03")},
        {"proof": PROOF.replace("index 3", "")},
        {"proof": PROOF.replace("@v1", "@v2")},
        {"proof": PROOF.replace("\n4\n", "\n5\n")},
        {"proof": "c2sp.org/tlog-proof@v1"},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_a_receipt_cannot_be_changed(change: dict[str, Any]) -> None:
    report = verify_receipt(json.dumps(RECEIPT | change).encode(), VKEY)
    assert not report.ok
    assert len(report.findings) == 1


@pytest.mark.parametrize("receipt", [b"", b"[]", b"{}", b"\xff", b"[" * 20_000])
def test_what_is_no_receipt_is_a_finding_and_never_a_crash(receipt: bytes) -> None:
    assert not verify_receipt(receipt, VKEY).ok


def test_a_receipt_of_another_log_is_a_finding() -> None:
    other = str(checkpoint.SigningKey("other.example/log", b"\7" * 32).verify_key)
    assert not verify_receipt(json.dumps(RECEIPT).encode(), other).ok
    assert not verify_receipt(json.dumps(RECEIPT).encode(), "no key").ok
