"""Cheats that are played on the published files: the tree, its checkpoints, its witnesses, and receipts.

Each gets a folder, publishes there with the real ledger, and is audited as an outsider would: with the log,
with what witnesses and other people were shown, and with the receipts that somebody keeps.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from attacks.cheats import Honest, NotSeen
from attacks.world import MINUTE, ORIGIN, World
from evenhand.audit.run import Audit, audit
from evenhand.core.canonical import decode_entry, encode_entry
from evenhand.core.checkpoint import COSIGNATURE, SigningKey, encode_proof
from evenhand.core.cosigning import cosign, merge
from evenhand.core.events import ProjectPooled, TasksImported
from evenhand.core.merkle import leaf_hash
from evenhand.core.receipt import Promise, Receipt, promise
from evenhand.ledger import Ledger

WITNESSES = [SigningKey(f"w{n}.example", bytes([40 + n]) * 32, COSIGNATURE) for n in range(3)]
POLICY = "".join(f"witness w{n} {w.verify_key}\n" for n, w in enumerate(WITNESSES)) + (
    "group two 2 w0 w1 w2\nquorum two\n"
)
SEED = b"\x17" * 32


@dataclass
class Published:
    """A log, and what people outside hold."""

    world: World
    folder: Path
    views: list[bytes] = field(default_factory=list)  # checkpoints that others were shown
    receipts: list[Path] = field(default_factory=list)
    at: int = 0  # ms: when the audit is made

    def audit(self) -> Audit:
        """As an outsider."""
        at = self.at or self.world.now + MINUTE
        return audit(self.folder, policy=POLICY, views=self.views, receipts=self.receipts, at=at)


def publish(world: World, entries: Sequence[bytes], folder: Path, steps: int = 4) -> Published:
    """Publish entries in some steps, each cosigned by all witnesses at the time of its newest entry."""
    ledger = Ledger.open(folder, ORIGIN, seed=lambda: SEED)
    made = Published(world, folder / "public")
    size = -(-len(entries) // steps)
    for first in range(0, len(entries), size):
        ledger.sequence(entries[first : first + size])
        newest = max(decode_entry(data).at for data in entries[: first + size])
        lines = [cosign(ledger.checkpoint.text, w, newest // 1000 + 1) for w in WITNESSES]
        note = merge(ledger.public.checkpoint_note(), lines, [w.verify_key for w in WITNESSES])
        ledger.publish_cosigned(ledger.checkpoint, note, enough=True)
        made.views.append(note)
    ledger.close()
    return made


def keep(made: Published, index: int, entry: bytes, where: Path, *, proven: bool = True) -> None:
    """A receipt of one entry, as its holder keeps it."""
    ledger = Ledger.open(made.folder.parent, ORIGIN)
    told: Promise = promise([leaf_hash(entry)], decode_entry(entry).at, ledger.key)[0]
    proof = encode_proof(ledger.public.prove_inclusion(index)).decode() if proven else None
    place = decode_entry(entry).place
    receipt = Receipt(place=place, entry=entry, leaf=leaf_hash(entry), openings=(), promise=told, proof=proof)
    ledger.close()
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{index}-{'proven' if proven else 'promised'}.json"
    path.write_bytes(msgspec.json.encode(receipt))
    made.receipts.append(path)


def honest(seed: int, folder: Path) -> Published:
    """Nobody cheats; a tenth of all entries is in somebody's hands."""
    world = Honest(seed)
    log = world.play()
    made = publish(world, log, folder)
    for index in range(0, len(log), 10):
        keep(made, index, log[index], folder / "receipts", proven=index % 20 == 0)
    return made


def rewritten(seed: int, folder: Path) -> Published:
    """EN-18: an old entry is altered after witnesses have seen it; files and checkpoint are made anew."""
    world = Honest(seed)
    log = world.play()
    views = publish(world, log, folder / "first").views
    entry = decode_entry(log[20])
    log[20] = encode_entry(msgspec.structs.replace(entry, at=entry.at + 1))
    made = publish(world, log, folder / "second")
    made.views = views
    return made


def rolled_back(seed: int, folder: Path) -> Published:
    """EN-18: the log ends earlier than it did."""
    world = Honest(seed)
    log = world.play()
    views = publish(world, log, folder / "first").views
    made = publish(world, log[: len(log) // 2], folder / "second")
    made.views = views
    return made


def forked(seed: int, folder: Path) -> Published:
    """EN-19: one client and one witness are shown another end of the log."""
    world = Honest(seed)
    log = world.play()
    entry = decode_entry(log[-1])
    other = [*log[:-1], encode_entry(msgspec.structs.replace(entry, at=entry.at + 7))]
    shown = publish(world, other, folder / "other").views[-1]
    made = publish(world, log, folder / "own")
    made.views = [shown]
    return made


def stalled(seed: int, folder: Path) -> Published:
    """EN-20: no checkpoint for two hours."""
    made = honest(seed, folder)
    made.at = made.world.now + 120 * MINUTE
    return made


def unwitnessed(seed: int, folder: Path) -> Published:
    """EN-19: nobody has cosigned."""
    made = honest(seed, folder)
    (made.folder / "cosigned").unlink()
    ledger = Ledger.open(made.folder.parent, ORIGIN)  # a restart publishes the log's own signature alone
    ledger.close()
    made.views = []
    made.receipts = []
    return made


def promise_broken(seed: int, folder: Path) -> Published:
    """EN-18: an entry that was promised never comes."""
    made = honest(seed, folder)
    entry = decode_entry(made.world.log[50])
    lost = encode_entry(msgspec.structs.replace(entry, stream="per-lost", n=0, causes=()))
    keep(made, 50, lost, folder / "receipts", proven=False)
    return made


def false_receipt(seed: int, folder: Path) -> Published:
    """EN-34: the opening in a receipt is not what was committed to."""
    made = honest(seed, folder)
    path = made.receipts[0]
    told = msgspec.json.decode(path.read_bytes())
    told["openings"] = [{"field": "answers", "salt": "A" * 43 + "=", "value": "eA=="}]
    path.write_bytes(msgspec.json.encode(told))
    return made


def ahead_of_time(seed: int, folder: Path) -> Published:
    """EN-17: entries say a time that was not yet when witnesses saw them."""
    world = Honest(seed)
    log = world.play()
    entry = decode_entry(log[-1])
    early = publish(world, log, folder / "a").views[-1]
    future = encode_entry(msgspec.structs.replace(entry, at=entry.at + 60 * MINUTE))
    made = publish(world, [*log[:-1], future], folder / "b")
    note = early.split(b"\n\n")[0]
    ledger = Ledger.open(made.folder.parent, ORIGIN)
    lines = [cosign(ledger.checkpoint.text, w, entry.at // 1000 + 1) for w in WITNESSES]
    own = merge(ledger.public.checkpoint_note(), lines, [w.verify_key for w in WITNESSES])
    assert note not in own, "another tree"
    ledger.publish_cosigned(ledger.checkpoint, own, enough=True)
    ledger.close()
    made.views = []
    return made


def not_seen(seed: int, folder: Path) -> Published:
    """EN-3: the rival's tasks are not put in the queue, and the rival keeps receipts."""
    return _with_own_receipts(_Imports(seed), folder)


def seen(seed: int, folder: Path) -> Published:
    """The same receipts at an honest exchange."""
    return _with_own_receipts(_HonestImports(seed), folder)


class _HonestImports(Honest):
    """The rival's project and import are in the log."""

    def step(self, number: int) -> None:
        if number == 3:
            self.append(ProjectPooled(stream="prj-cli-1", pool="pool-1", family="long", owner="org-1"))
        if number == 5:
            self.append(TasksImported(stream="prj-cli-1", first=1, rows=(b"{}",), owner="org-1"))


class _Imports(NotSeen, _HonestImports):
    """And are not looked at."""


def _with_own_receipts(world: World, folder: Path) -> Published:
    log = world.play()
    made = publish(world, log, folder)
    for index, data in enumerate(log):
        entry = decode_entry(data)
        if entry.stream == "prj-cli-1" or (
            entry.public.get("client") == "cli-1" and entry.kind != "conflict"
        ):
            keep(made, index, data, folder / "receipts")
    return made


@dataclass(frozen=True)
class OnFiles:
    """One of the above, as the table has it."""

    control: str
    title: str
    play: Callable[[int, Path], Published]
    expected: bool = True

    def run(self, seed: int, folder: Path) -> Audit:
        """Play and audit."""
        try:
            return self.play(seed, folder).audit()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


ON_FILES = (
    OnFiles("", "Nobody cheats; witnesses and receipts at hand", honest, False),
    OnFiles("", "Nobody cheats; a client with receipts of its imports", seen, False),
    OnFiles("EN-3", "The rival's tasks are not put in the queue; the rival has receipts", not_seen),
    OnFiles("EN-17", "An entry is dated an hour ahead of the witnesses' clocks", ahead_of_time),
    OnFiles("EN-18", "An old entry is altered, and everything signed anew", rewritten),
    OnFiles("EN-18", "The log goes back to an earlier state", rolled_back),
    OnFiles("EN-18", "A promised entry never comes", promise_broken),
    OnFiles("EN-19", "A witness is shown another end of the log", forked),
    OnFiles("EN-19", "No witness has cosigned", unwitnessed),
    OnFiles("EN-20", "No checkpoint for two hours", stalled),
    OnFiles("EN-34", "A receipt's opening is not what was committed to", false_receipt),
)
