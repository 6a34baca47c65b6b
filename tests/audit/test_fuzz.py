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

import pytest

from evenhand.audit import entries, forks, notes, receipts, trust
from evenhand.audit.keys import Keys
from evenhand.audit.run import audit
from evenhand.audit.sources import Source
from evenhand.audit.verify import verify
from evenhand.core import canonical, checkpoint, cosigning
from evenhand.core import trust as core_trust
from evenhand.core.errors import Invalid
from evenhand.core.events import NodeOpened
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
