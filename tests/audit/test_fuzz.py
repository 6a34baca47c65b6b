"""Every parser of what strangers send, fed with inputs that evolve towards lines not reached before.

A small coverage-guided fuzzer: an input that reaches a new pair of lines joins the pool from which the next
are made, by cutting, repeating, exchanging and filling in pieces that mean something to some format. The
number of inputs is fixed and the dice are seeded, so that a failure can be seen again.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec
import pytest

from evenhand.audit import draw, entries, forks, notes, receipts, trust
from evenhand.audit.grammar import check_kind
from evenhand.audit.keys import Keys
from evenhand.audit.ownership import Graph, Thresholds
from evenhand.audit.run import GRAPH, Audit, Auditor, audit
from evenhand.audit.sources import Source
from evenhand.audit.verify import verify
from evenhand.core import bods, canonical, checkpoint, cosigning, merkle, vrf
from evenhand.core import trust as core_trust
from evenhand.core.errors import Invalid
from evenhand.core.events import NodeOpened
from evenhand.core.receipt import Receipt, verify_receipt
from evenhand.ledger import Ledger
from evenhand.store import codec

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
INPUTS = 1_200  # of each parser
LONGEST = 1.0  # seconds that one input may take on a busy machine
ENTRIES = [one["bytes"].encode() for one in VECTORS["entries"]]
KEY = notes.read_key(VECTORS["vkey"])
NOTE = VECTORS["checkpoint"]["note"].encode()
PIECES = [
    *(b"", b"\0", b"\n", b"\n\n", b" ", b"+", b"-", b"=", b'"', b"\\", b"{}", b"[]", b"null", b"true"),
    *(b"0", b"1", b"-1", b"1.5", b"9007199254740992", b"99999999999999999999999", b"\xff", "—".encode()),
    *(b"\\u0041", b"\\ud800", "\u2028é".encode(), b"index ", b"old ", b"witness ", b"quorum none", b"group"),
    *(b"A" * 43, b"[" * 5_000, b"1" * 5_000, b"evenhand/statement/v2\n", b"c2sp.org/tlog-proof@v1\n"),
]


def _entry(data: bytes) -> None:
    entry = entries.read_entry(data)
    Keys(VECTORS["origin"]).take(0, entry, lambda rule, why: None)


def _receipt(data: bytes) -> None:
    receipts.verify_receipt(data, VECTORS["vkey"])


def _core_receipt(data: bytes) -> None:
    try:
        receipt = msgspec.json.decode(data, type=Receipt)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid("receipt", str(error) or "deep", "") from error
    verify_receipt(receipt, checkpoint.parse_vkey(VECTORS["vkey"]))


def _numbers(data: bytes) -> tuple[int, int, list[bytes]]:
    """A tree's numbers and a proof, out of any bytes."""
    hashes = [data[i : i + 32] for i in range(16, len(data), 32)]
    return int.from_bytes(data[:8], "big", signed=True), int.from_bytes(data[8:16], "big"), hashes


def _inclusion(data: bytes) -> None:
    index, size, proof = _numbers(data)
    merkle.verify_inclusion(LEAF, index, size, proof, LEAF)


def _consistency(data: bytes) -> None:
    old, new, proof = _numbers(data)
    merkle.verify_consistency(old, new, proof, LEAF, LEAF)


def _auditor_s_tree(data: bytes) -> None:
    index, size, proof = _numbers(data)
    receipts.climb(LEAF, index, size, proof)


def _auditor_s_forks(data: bytes) -> None:
    old, new, proof = _numbers(data)
    forks.roots_of_consistency(old, new, proof, LEAF)


def _draws(data: bytes) -> None:
    """Both proofs of a draw: they answer, and never raise."""
    key, proof = data[:32], data[32:112]
    draw.holds(key, b"alpha", proof)
    try:
        vrf.verify(key, b"alpha", proof)
    except Invalid as error:
        assert str(error)


def _statements(data: bytes) -> None:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return
    bods.read(told if isinstance(told, list) else [told])


LEAF = bytes(range(32))
TREE = (3).to_bytes(8, "big") + (7).to_bytes(8, "big") + LEAF * 3
STATEMENT = bods.entity("a", "Alpha", "2025-06-13", "0" * 32)
HOLDING = bods.Holding(holder="a", held="b", economic=49, since="2025-06-01")
STATED = [STATEMENT, bods.holding("r", HOLDING, "2025-06-13", "1" * 32)]

PARSERS: dict[str, tuple[Callable[[bytes], Any], type[Exception] | tuple[()], list[bytes]]] = {
    "entry, auditor": (_entry, notes.Unacceptable, ENTRIES),
    "entry, core": (canonical.decode_entry, Invalid, ENTRIES),
    "statement": (
        lambda data: canonical.decode_statement(data.decode("utf-8", "surrogateescape")),
        Invalid,
        [VECTORS["statement"]["text"].encode()],
    ),
    "checkpoint, auditor": (lambda data: notes.read_checkpoint(data, KEY), notes.Unacceptable, [NOTE]),
    "note, core": (checkpoint.parse_note, Invalid, [NOTE]),
    "key": (
        lambda data: notes.read_key(data.decode("utf-8", "replace")),
        notes.Unacceptable,
        [VECTORS["vkey"].encode()],
    ),
    "policy, auditor": (
        lambda data: trust.read_policy(data.decode("utf-8", "replace")),
        notes.Unacceptable,
        [b"group g any\nquorum none\n", b"log a\nwitness w x+y+z\nquorum w\n"],
    ),
    "policy, core": (
        lambda data: core_trust.parse_policy(data.decode("utf-8", "replace")),
        Invalid,
        [b"group g any\nquorum none\n", b"log a\nwitness w x+y+z\nquorum w\n"],
    ),
    "receipt": (_receipt, (), [json.dumps(VECTORS["receipt"]).encode()]),
    "proof": (checkpoint.parse_proof, Invalid, [b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + NOTE]),
    "witness's request": (cosigning.parse_submission, Invalid, [b"old 0\n\n" + NOTE]),
    "receipt, core": (_core_receipt, Invalid, [json.dumps(VECTORS["receipt"]).encode()]),
    "inclusion, core": (_inclusion, Invalid, [TREE]),
    "consistency, core": (_consistency, Invalid, [TREE]),
    "inclusion, auditor": (_auditor_s_tree, notes.Unacceptable, [TREE]),
    "consistency, auditor": (_auditor_s_forks, notes.Unacceptable, [TREE]),
    "draw": (_draws, (), [LEAF + bytes(80), bytes(112)]),
    "ownership": (_statements, Invalid, [json.dumps(STATED).encode()]),
    "fork": (lambda data: forks.verify_fork(data), notes.Unacceptable, [b'{"first":"","second":""}']),
}


class Coverage:
    """Pairs of lines of our own code that were reached one after the other."""

    def __init__(self) -> None:
        self.seen: set[tuple[CodeType, int, int]] = set()
        self._last = 0

    def new(self, run: Callable[[], None]) -> bool:
        """Run it; whether it reached a pair that nothing had reached before."""
        before, outside = len(self.seen), sys.gettrace()
        sys.settrace(self._call)
        try:
            run()
        finally:
            sys.settrace(outside)
        return len(self.seen) > before

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if "/evenhand/" in frame.f_code.co_filename else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.seen.add((frame.f_code, self._last, frame.f_lineno))
        self._last = frame.f_lineno
        return self._line


def changed(data: bytes, pool: list[bytes], dice: random.Random) -> bytes:
    """One input out of others."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        start = dice.randrange(len(data) + 1)
        end = min(len(data), start + dice.choice((0, 1, 1, 4, 20)))
        match dice.randrange(5):
            case 0:
                piece = dice.choice(PIECES)
            case 1:
                piece = bytes([dice.randrange(256)])
            case 2:
                other = dice.choice(pool)
                at = dice.randrange(len(other) + 1)
                piece = other[at : at + dice.randrange(40)]
            case 3:
                piece = data[start:end] * 2
            case _:
                piece = b""
        data = data[:start] + piece + data[end:]
    return data[:200_000]


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_refuses_in_words_and_in_time(name: str) -> None:
    parse, refusal, seeds = PARSERS[name]
    dice, coverage, pool = random.Random(name), Coverage(), list(seeds)
    slowest = 0.0

    def attempt(data: bytes) -> None:
        try:
            parse(data)
        except refusal as error:
            assert str(error)

    for i in range(INPUTS):
        data = pool[i] if i < len(seeds) else changed(dice.choice(pool), pool, dice)
        started = time.process_time()
        if coverage.new(lambda data=data: attempt(data)):  # type: ignore[misc]
            pool.append(data)
        slowest = max(slowest, time.process_time() - started)
    assert len(pool) > len(seeds), "nothing new was reached, so nothing was tried"
    assert slowest < LONGEST


class Bent:
    """A log of which some files read otherwise."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def map(self, read: Callable[[Any], Any], names: Iterable[Any]) -> Iterator[Any]:
        return map(read, names)

    def close(self) -> None:
        return None


def test_a_log_with_any_bent_file_is_a_finding_and_never_an_error(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "l", "fuzz.example/log", seed=lambda: bytes(32))
    opened = NodeOpened(stream="node", software="t")
    ledger.sequence([codec.encode(opened, "fuzz.example/log", n, n, ()) for n in range(270)])
    ledger.close()
    public = tmp_path / "l" / "public"
    whole = {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_file()}
    honest: Source = Bent(whole)
    assert verify(honest).ok
    dice = random.Random(7)
    for _ in range(120):
        name = dice.choice(sorted(whole))
        bent = changed(whole[name], list(whole.values()), dice)
        files = {**whole, name: bent}
        if dice.random() < 0.1:
            del files[name]
        made = audit(Bent(files), vkey=whole["vkey"].decode().strip(), at=1, processes=1)
        same = files == whole or name in ("vkey", "cosigned") or bent.startswith(whole[name])
        assert same or not made.ok, (name, bent[:80])


HISTORY = json.loads((Path(__file__).parents[1] / "vectors" / "exchange.json").read_text())
NUMBERS = (0, 1, -1, 2, 720_720, 10**8, 10**15, 2**53 - 1, -(2**53 - 1))
NAMES = ("", "cli-0", "per-0", "ent-0", "pool-1", "node", "rec-1", "f" * 32, "A" * 43)


def bent_entry(entry: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """The entry with one of its public values another of the same sort: what a node could write."""
    told: dict[str, Any] = json.loads(json.dumps(entry))
    places: list[tuple[Any, Any]] = []

    def walk(inside: Any) -> None:
        for key in range(len(inside)) if isinstance(inside, list) else list(inside):
            places.append((inside, key))
            if isinstance(inside[key], list | dict):
                walk(inside[key])

    walk(told["b"])
    inside, key = dice.choice(places) if places else ({"": 0}, "")
    match inside[key]:
        case int():
            inside[key] = dice.choice(NUMBERS)
        case str():
            inside[key] = dice.choice(NAMES)
        case list() as parts:
            inside[key] = dice.choice(([], parts * 2, parts[:-1], parts[::-1]))
    return told


def test_a_history_that_a_node_could_write_is_replayed_to_its_end() -> None:
    """Grammatical lies, also absurd ones: the replay takes as long as for the truth, and does not fall."""
    dice = random.Random(11)
    truth = [json.loads(text) for text in HISTORY["entries"]]
    told, slowest = set(), 0.0
    for _ in range(30):
        history = list(truth)
        for _ in range(dice.choice((1, 2, 8))):
            at, to = dice.randrange(len(history)), dice.randrange(len(history))
            match dice.randrange(6):
                case 0:
                    del history[at]
                case 1:
                    history.insert(to, history[at])
                case _:
                    history[at] = bent_entry(history[at], dice)
        made, started = Audit(), time.process_time()
        auditor = Auditor(made, notes.LogKey(HISTORY["origin"], b"\0" * 4, bytes(32)))
        for index, entry in enumerate(history):
            data = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            try:
                read = entries.read_entry(data)
                check_kind(read)
            except notes.Unacceptable:
                continue
            auditor.take(index, data, read)
        auditor.finish()
        slowest = max(slowest, time.process_time() - started)
        told |= {finding.rule for finding in made.findings.kept}
    assert len(told) > 8 and slowest < LONGEST, (len(told), slowest)


def test_ownership_that_nobody_can_compute_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node may state circles of a hundred companies; an auditor ends, and accuses nobody of grades."""
    monkeypatch.setattr("evenhand.audit.run.GRAPH", 1)
    made = Audit()
    auditor = Auditor(made, notes.LogKey(HISTORY["origin"], b"\0" * 4, bytes(32)))
    for index, text in enumerate(HISTORY["entries"]):
        auditor.take(index, text.encode(), entries.read_entry(text.encode()))
    auditor.finish()
    assert [(one.rule, one.kind) for one in made.findings.kept] == [("ownership.endless", "unexplained gap")]


def circle(size: int) -> Graph:
    """Everybody holds a part of everybody."""
    shares = {"least": 1, "most": 10**8 // size - 1, "indirect": 0, "end": 0, "type": "shareholding"}
    common = {"status": "new", "form": "", "components": [], "interests": [shares]}
    rows = [
        common | {"record": f"{a} {b}", "type": "relationship", "subject": str(b), "party": str(a)}
        for a in range(size)
        for b in range(size)
        if a != b
    ]
    names = ("blocked", "waiver", "disclosed", "common", "control")
    return Graph(rows, 0, Thresholds.read(dict.fromkeys(names, 25_000_000)))


def test_what_a_graph_costs_is_known_before() -> None:
    assert circle(5).work < 10**6 < GRAPH < circle(90).work
    started = time.process_time()
    assert circle(12).grade("1", "2") > 0
    assert time.process_time() - started < LONGEST
