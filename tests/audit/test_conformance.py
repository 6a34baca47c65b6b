"""Public vectors against both implementations, one altered byte at every position, and hostile input.

`tests/vectors/merkle.json` and `tessera-log.json` say where they come from. Everything else about these
tests was written here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand.audit.entries import read_entry
from evenhand.audit.forks import roots_of_consistency, verify_fork
from evenhand.audit.notes import Unacceptable, read_checkpoint, read_key
from evenhand.audit.receipts import climb, verify_receipt
from evenhand.audit.sources import numbered
from evenhand.audit.verify import verify
from evenhand.core import merkle
from evenhand.core.canonical import Entry, b64url, commit, decode_entry, encode_entry
from evenhand.core.checkpoint import encode_proof, parse_note, parse_proof, parse_signing_key, parse_vkey
from evenhand.core.cosigning import parse_submission
from evenhand.core.errors import Invalid
from evenhand.core.receipt import Opening, Receipt, promise
from evenhand.core.receipt import verify_receipt as verify_by_core
from evenhand.core.trust import parse_policy
from evenhand.ledger import Ledger

VECTORS = Path(__file__).parents[1] / "vectors"
MERKLE = json.loads((VECTORS / "merkle.json").read_text())
TESSERA = json.loads((VECTORS / "tessera-log.json").read_text())


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


# --- RFC 6962 ---


def holds(check: Callable[[], object]) -> bool:
    try:
        return check() is not False
    except (Invalid, Unacceptable):
        return False


@pytest.mark.parametrize("case", MERKLE["inclusion"], ids=lambda case: case[0])
def test_inclusion(case: list[Any]) -> None:
    _, index, size, root, leaf, proof, wrong = case
    path = [raw(part) for part in proof or ()]
    assert holds(lambda: merkle.verify_inclusion(raw(leaf), index, size, path, raw(root))) is not wrong
    assert holds(lambda: climb(raw(leaf), index, size, path) == raw(root)) is not wrong


@pytest.mark.parametrize("case", MERKLE["consistency"], ids=lambda case: case[0])
def test_consistency(case: list[Any]) -> None:
    _, old, new, root, whole, proof, wrong = case
    path, expected = [raw(part) for part in proof or ()], (raw(root), raw(whole))
    assert holds(lambda: merkle.verify_consistency(old, new, path, *expected)) is not wrong
    assert holds(lambda: roots_of_consistency(old, new, path, raw(root)) == expected) is not wrong


@pytest.mark.parametrize(
    ("number", "path"),
    [(0, "000"), (7, "007"), (255, "255"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")],
)
def test_paths(number: int, path: str) -> None:
    assert numbered(number) == path
    assert merkle.Tile(3, number).path == f"tile/3/{path}"
    assert merkle.bundle_path(number, 7) == f"tile/entries/{path}.p/7"


def test_the_public_test_log_byte_for_byte(tmp_path: Path) -> None:
    """Its key and its leaves give every one of its files, at all sixteen sizes."""
    key = parse_signing_key(TESSERA["key"])
    seed = base64.b64decode(TESSERA["key"].split("+", 4)[4])[1:]
    ledger = Ledger.open(tmp_path, key.name, seed=lambda: seed)
    made = {"checkpoint.0": ledger.public.checkpoint_note()}
    for size, leaf in enumerate(TESSERA["leaves"], 1):
        ledger.sequence([leaf.encode()])
        made[f"checkpoint.{size}"] = ledger.public.checkpoint_note()
    for path in (tmp_path / "public").rglob("*"):
        if path.is_file() and path.name != "vkey":
            made[str(path.relative_to(tmp_path / "public"))] = path.read_bytes()
    assert {name: hashlib.sha256(data).hexdigest() for name, data in made.items()} == TESSERA["files"]
    ledger.close()


# --- RFC 8785 ---


def test_the_strings_of_rfc_8785() -> None:
    """Section 3.2.2.2 and the appendices: escapes, and what is not escaped."""
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"
    written = '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'
    entry = encode_entry(_entry(0, {"state": text}))
    assert written.encode() in entry and entry == rfc8785.dumps(json.loads(entry))
    assert read_entry(entry).kind == decode_entry(entry).kind
    for wrong in (
        written.replace("\\n", "\\u000a"),
        written.replace("\u20ac", "\\u20ac"),
        written.replace("/", "\\/"),
    ):
        bad = entry.replace(written.encode(), wrong.encode())
        assert not holds(lambda bad=bad: read_entry(bad)) and not holds(lambda bad=bad: decode_entry(bad))


# --- one altered byte ---


def _entry(n: int, public: dict[str, Any] | None = None, commitments: dict[str, str] | None = None) -> Entry:
    return Entry(
        kind="project-state-changed",
        stream="project:1",
        n=n,
        at=1_795_435_200_000 + n,
        public=public or {"state": "active"},
        commitments=commitments or {},
        causes=(),
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bytes]:
    """A log of nine entries, its key, and a whole receipt of the third."""
    folder = tmp_path_factory.mktemp("small")
    ledger = Ledger.open(folder, "log.example/l")
    value, salt = b'"ham"', b"\7" * 32
    entries = [encode_entry(_entry(n)) for n in range(9)]
    commitment = b64url(commit("log.example/l", "project-created", "seed", salt, value))
    own = _entry(0, {"pool": "p"}, {"organization": b64url(b"\1" * 32), "seed": commitment})
    entries[2] = encode_entry(msgspec.structs.replace(own, kind="project-created", stream="project:2"))
    entries[3:] = [encode_entry(_entry(n - 1)) for n in range(3, 9)]
    ledger.sequence(entries)
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    receipt = Receipt(
        place=("project:2", 0),
        entry=entries[2],
        leaf=leaves[2],
        openings=(Opening(field="seed", salt=salt, value=value),),
        promise=promise(leaves[:3], 1_795_435_200_000, ledger.key)[2],
        proof=encode_proof(ledger.public.prove_inclusion(2)).decode(),
    )
    vkey = str(ledger.key.verify_key)
    ledger.close()
    assert verify(folder / "public", vkey=vkey).ok
    return folder / "public", vkey, msgspec.json.encode(receipt)


def files_of(log: Path) -> list[str]:
    return [
        str(path.relative_to(log))
        for path in sorted(log.rglob("*"))
        if path.is_file() and path.name != "vkey"
    ]


def test_one_byte_anywhere_in_the_log(small: tuple[Path, str, bytes], tmp_path: Path) -> None:
    """Every position of every file: checkpoint, tile, bundle. Each time another wrong byte."""
    log, vkey, _ = small
    dice = random.Random(7)
    copy = tmp_path / "log"
    shutil.copytree(log, copy)
    names = files_of(log)
    assert len(names) == 3
    for name in names:
        data = (log / name).read_bytes()
        for at in range(len(data)):
            spoiled = bytearray(data)
            spoiled[at] ^= dice.randrange(1, 256)
            (copy / name).write_bytes(spoiled)
            assert not verify(copy, vkey=vkey).ok, (name, at, spoiled[at])
        for cut in (data[:-1], data[1:], b""):
            (copy / name).write_bytes(cut)
            assert not verify(copy, vkey=vkey).ok, (name, len(cut))
        (copy / name).write_bytes(data)
    assert verify(copy, vkey=vkey).ok


def test_one_byte_anywhere_in_a_receipt(small: tuple[Path, str, bytes]) -> None:
    """Either it is found, or the receipt says the same as before (a space more in its JSON, say)."""
    _, vkey, receipt = small
    dice = random.Random(8)
    right = verify_receipt(receipt, vkey)
    assert right.ok and right.index == 2 and right.opened == {"seed": b'"ham"'}
    for at in range(len(receipt)):
        spoiled = bytearray(receipt)
        spoiled[at] ^= dice.randrange(1, 256)
        found = verify_receipt(bytes(spoiled), vkey)
        assert not found.ok or found.index is None, at
        assert not found.ok or b'"proof"' not in bytes(spoiled), at
    core = msgspec.json.decode(receipt, type=Receipt)
    assert verify_by_core(core, parse_vkey(vkey)) is not None


# --- hostile input ---

SEEDS: list[bytes] = [
    encode_entry(_entry(3)),
    b"log.example/l\n3\n" + base64.b64encode(bytes(32)) + b"\n\n" + "— log.example/l AAAAAAAA\n".encode(),
    b"old 3\n" + base64.b64encode(bytes(32)) + b"\n\nlog\n3\n" + base64.b64encode(bytes(32)) + b"\n\n",
    b"c2sp.org/tlog-proof@v1\nindex 3\n" + base64.b64encode(bytes(32)) + b"\n\nx",
    b"witness a b\ngroup g 1 a\nquorum g\n",
    b'{"entry":"AAAA","place":["a",1],"leaf":"AA==","openings":[],"promise":{},"proof":null}',
    b'{"format":"evenhand/fork-proof/v1","vkey":"","first":"","second":"","prefix":"","proof":[]}',
    b"[" * 100_000,
    b'{"b":' * 50_000,
    b"9" * 10_000,
]
PARSERS: list[Callable[[bytes], object]] = [
    read_entry,
    decode_entry,
    parse_note,
    parse_proof,
    parse_submission,
    lambda data: parse_policy(data.decode("latin-1")),
    lambda data: parse_vkey(data.decode("latin-1")),
    lambda data: read_key(data.decode("latin-1")),
    lambda data: read_checkpoint(data, read_key(TESSERA_KEY)),
    lambda data: verify_receipt(data, TESSERA_KEY),
    lambda data: verify_receipt(data, data.decode("latin-1")),
    verify_fork,
]
TESSERA_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A seed with pieces cut out, doubled, swapped or replaced; or bytes out of nothing."""
    data = bytearray(draw(st.sampled_from(SEEDS) | st.binary(max_size=300)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9) | st.sampled_from(SEEDS[:7]))
    return bytes(data)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_no_parser_crashes(data: bytes) -> None:
    for parse in PARSERS:
        holds(lambda parse=parse: parse(data))  # anything but Invalid or Unacceptable fails the test


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_hostile_log_is_a_finding(
    data: st.DataObject, small: tuple[Path, str, bytes], tmp_path_factory: Any
) -> None:
    log, vkey, _ = small
    folder = tmp_path_factory.mktemp("hostile")
    names = files_of(log)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((log / name).read_bytes())
    name = data.draw(st.sampled_from(names))
    told = data.draw(mutated())
    (folder / name).write_bytes(told)
    assert verify(folder, vkey=vkey).ok is (told == (log / name).read_bytes())
    shutil.rmtree(folder)
