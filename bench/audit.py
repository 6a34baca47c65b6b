"""A log of a million entries: how long it takes to build, to sequence, and to audit from outside.

One log is that of a node within one organization, driven through its lane in big groups: imports, leases,
submissions, half of them signed, conclusions, tasks given back. The other is that of shared pools, as
`attacks` plays it: every fourth entry is a window with a draw, which is the dearest thing to audit.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil

from attacks.cheats import Honest
from attacks.files import ORIGIN, SEED
from bench.node import QUESTION, records
from evenhand import wire
from evenhand.core import merkle
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import open_checkpoint
from evenhand.core.events import NodeOpened
from evenhand.core.policy import Actor, Membership
from evenhand.lane import Lane
from evenhand.ledger import Ledger, PublicLog, Sequencer
from evenhand.service import allocation, intake, members, projects, signing, work
from evenhand.service.ledger_port import LedgerPort, declare_grammar
from evenhand.signer import Signer
from evenhand.store import open_store
from evenhand.store.conformance import FakeNode, organization

PEOPLE = 512  # who ask and submit together
STEP = 4096  # entries in one checkpoint, as the sequencer takes them
PROOFS = 1_000

Say = Callable[[str], None]


def tables(say: Say, entries: int) -> None:
    """Both logs: build, sequence, prove, audit.

    Args:
        entries: at least so many in each.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)  # as a node does
    say(f"\n## Logs of {entries:,} entries\n")
    say("| log | entries | built, s | sequenced/s | CPU µs each | a proof verifies, ms "
        "| audit, s | its CPU, s | memory MiB | ok |\n|" + " --- |" * 10)  # fmt: skip
    for name, build in (("one organization", _organization), ("shared pools", _shared)):
        folder = Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
        try:
            start = time.perf_counter()
            with build(folder, entries) as sequence:
                built, cpu, start = time.perf_counter() - start, time.process_time(), time.perf_counter()
                size = sequence()
                seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            say(
                f"| {name} | {size:,} | {built:.0f} | {size / seconds:,.0f} | {cpu / size * 1e6:.1f} "
                f"| {_proof_ms(folder / 'public', size):.3f} | {_audited(folder / 'public')} |"
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


# ---- logs --------------------------------------------------------------------------------------


@contextmanager
def _organization(folder: Path, entries: int) -> Iterator[Callable[[], int]]:
    """A store with a backlog that nobody has sequenced; gives what sequences it."""
    store = open_store(f"sqlite:///{folder / 'evenhand.db'}")
    ledger = Ledger.open(folder, ORIGIN, seed=lambda: SEED)
    node = FakeNode()
    node.key = ledger.key
    node.origin = ledger.origin
    lane = Lane(store, node)
    try:
        lane.call(
            lambda tx, at: tx.append([NodeOpened(stream="node", software="bench"), *organization("org")], at)
        )
        lane.call(declare_grammar)
        asyncio.run(_work(lane, entries))
        port = LedgerPort(store, lane)
        sequencer = Sequencer(ledger, port, limit=STEP)

        def sequence() -> int:
            while sequencer.tick():
                pass
            return port.sequenced_size()

        yield sequence
    finally:
        lane.stop()
        store.close()
        ledger.close()


async def _work(lane: Lane, entries: int) -> None:
    """Everybody asks and answers, half of them signed, until the store has so many entries."""
    owner = _actor("owner", "person-of-owner", "owner")
    project, opened = lane.call(projects.create, owner, _draft()).id, ""
    people = [lane.call(members.put_annotator, "org", f"annotator {n}", "human") for n in range(PEOPLE)]
    actors = [
        _Annotator(lane, _actor(member, person, "annotator"), n % 2 == 0)
        for n, (member, person) in enumerate(people)
    ]
    dice, wanted = random.Random(0), wire.NextAssignment(count=1)
    given = rows = 0
    while _size(lane) < entries:
        if rows - given < PEOPLE:
            opened = opened or lane.call(intake.open_import, owner, project, wire.NewImport(name="rows")).id
            lines = intake.read_lines(_body(rows), rows + 1, {})
            for group in intake.groups(lines):
                lane.call(intake.take, owner, opened, group)
            rows += len(lines)
        held = await asyncio.gather(*(lane.write(allocation.next_, one.actor, wanted) for one in actors))
        given += sum(len(assignments.assignments) for assignments in held)
        await asyncio.gather(
            *(
                actor.end(one, dice)
                for actor, assignments in zip(actors, held, strict=True)
                for one in assignments.assignments
            )
        )


class _Annotator:
    """Somebody who answers, and signs what they say where they have a key."""

    def __init__(self, lane: Lane, actor: Actor, signs: bool) -> None:
        self.actor = actor
        self._lane = lane
        self._signer = Signer(os.urandom(32)) if signs else None
        if self._signer is not None:
            proof = self._signer.possession(ORIGIN, actor.person)
            key = wire.NewSigningKey(public=b64url(self._signer.public), proof=proof)
            lane.call(signing.add, actor, key)

    def end(self, one: wire.Assignment, dice: random.Random) -> Any:
        if self._signer is None and dice.random() < 0.04:
            return self._lane.write(work.skip, self.actor, one.id, wire.Skip(reason="unclear"))
        answers, signed = {"spam": dice.choice(["ham", "spam"])}, None
        if self._signer is not None:
            public, private = (
                {"ms": 2500, "revision": 1, "slot": slot_of(one.id)},
                {"answers": msgspec.json.encode(answers)},
            )
            signed = self._signer.say(ORIGIN, self.actor.person, "submitted", one.place, public, private)
        submission = wire.Submission(answers=answers, seconds=2.5, signed=signed)
        return self._lane.write(submission.submit, self.actor, one.id, submission)


def _size(lane: Lane) -> int:
    with lane.store.read() as reader:
        return int(reader.tuples("max_seq")[0][0])


def _actor(member: str, person: str, role: str) -> Actor:
    return Actor(
        person=person, name=member, memberships=(Membership(organization="org", member=member, role=role),)
    )


def _draft() -> wire.ProjectDraft:
    fields = [{"name": "text", "type": "text"}]
    draft = {"name": "bench", "fields": fields, "questions": [QUESTION], "overlap": 2}
    return msgspec.convert(draft, wire.ProjectDraft)


def _body(first: int) -> bytes:
    told = ({**row, "external_id": f"{first} {n}"} for n, row in enumerate(records(10_000)))
    return b"\n".join(map(msgspec.json.encode, told))


@contextmanager
def _shared(folder: Path, entries: int) -> Iterator[Callable[[], int]]:
    """The entries of an exchange, in memory; gives what sequences them."""
    log: list[bytes] = Honest(1, entries * 29 // 100).play()  # a window brings 3.9 entries
    ledger = Ledger.open(folder, ORIGIN, seed=lambda: SEED)

    def sequence() -> int:
        for first in range(0, len(log), STEP):
            ledger.sequence(log[first : first + STEP])
        return len(log)

    try:
        yield sequence
    finally:
        ledger.close()


# ---- what outsiders do -------------------------------------------------------------------------


def _proof_ms(folder: Path, size: int) -> float:
    """Milliseconds that an inclusion proof takes to verify, the checkpoint's signature included."""
    public, dice = PublicLog(folder), random.Random(0)
    key, note = public.vkey(), public.checkpoint_note()
    read = merkle.hash_reader(size, public.read_tile)
    leaves = [dice.randrange(size) for _ in range(PROOFS)]
    proofs = [(n, read(0, n), merkle.inclusion_proof(n, size, read)) for n in leaves]
    start = time.perf_counter()
    for n, leaf, proof in proofs:
        merkle.verify_inclusion(leaf, n, size, proof, open_checkpoint(note, key).root)
    return (time.perf_counter() - start) / PROOFS * 1000


def _audited(folder: Path) -> str:
    """``evenhand audit`` of a folder: seconds, CPU seconds, most memory of all its processes, whether ok."""
    start, peak, spent = time.perf_counter(), 0, dict[int, float]()
    command = [str(Path(sys.executable).with_name("evenhand")), "audit", str(folder)]
    process = psutil.Popen(command, stdout=(folder / "report").open("wb"))
    while process.poll() is None:
        with suppress(psutil.Error):  # it, or one of its children, has just ended
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(one.memory_info().rss for one in family))
            spent |= {one.pid: one.cpu_times().user + one.cpu_times().system for one in family}
        time.sleep(0.2)
    seconds = time.perf_counter() - start
    told = "yes" if process.returncode == 0 else (folder / "report").read_text()[:300]
    return f"{seconds:.0f} | {sum(spent.values()):.0f} | {peak / 2**20:.0f} | {told}"


def entries_wanted() -> int:
    """How many entries the logs have: EVENHAND_BENCH_ENTRIES, else a million."""
    return int(os.environ.get("EVENHAND_BENCH_ENTRIES", "1000000"))
