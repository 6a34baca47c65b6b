"""The ledger on disk: it never forks, whatever dies when, and outsiders can check all of it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from evenhand.audit.verify import verify
from evenhand.core import merkle
from evenhand.core.canonical import Entry, encode_entry
from evenhand.core.checkpoint import open_checkpoint, verify_proof
from evenhand.core.errors import Broken, EvenhandError, Invalid, Missing, Refused, Unavailable
from evenhand.ledger import Ledger, LocalDisk, PublicLog, Sequencer, Store, read_key, unpack_bundle

ORIGIN = "labels.example.org/log"


def entry(n: int) -> bytes:
    """The n-th entry of one stream, of a kind that the grammar knows."""
    return encode_entry(
        Entry(
            kind="project-state-changed",
            stream="project:1",
            n=n,
            at=1_795_435_200_000 + n,
            public={"state": "active"},
            commitments={},
            causes=(),
        )
    )


ENTRIES = [entry(n) for n in range(3_000)]


class SqliteStore:
    """A small real store: entries and the mapping from seq to leaf, in one durable file."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.turn = threading.RLock()  # tests append while the sequencer's thread reads and records
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, entry BLOB, leaf INTEGER UNIQUE)"
        )

    def append(self, entries: Sequence[bytes]) -> None:
        with self.turn, self.db:
            self.db.execute("BEGIN")
            self.db.executemany("INSERT INTO event (entry) VALUES (?)", [(entry,) for entry in entries])

    def unsequenced(self, limit: int) -> list[tuple[int, bytes]]:
        with self.turn:
            rows = self.db.execute(
                "SELECT seq, entry FROM event WHERE leaf IS NULL ORDER BY seq LIMIT ?", (limit,)
            )
            return rows.fetchall()

    def record_batch(self, first_leaf: int, last_seq: int, count: int) -> None:
        with self.turn, self.db:
            self.db.execute("BEGIN")
            batch = self.db.execute("SELECT seq FROM event WHERE leaf IS NULL AND seq <= ?", (last_seq,))
            leaves = [(leaf, seq) for leaf, (seq,) in enumerate(batch.fetchall(), first_leaf)]
            assert len(leaves) == count
            self.db.executemany("UPDATE event SET leaf = ? WHERE seq = ?", leaves)

    def entries(self, first_leaf: int, count: int) -> list[bytes]:
        rows = self.db.execute(
            "SELECT entry FROM event WHERE leaf >= ? AND leaf < ? ORDER BY leaf",
            (first_leaf, first_leaf + count),
        )
        return [row[0] for row in rows]

    def sequenced_size(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM event WHERE leaf IS NOT NULL").fetchone()[0])


class Crash(BaseException):
    """The process dies here."""


class MortalDisk(LocalDisk):
    """The real disk, on which the process dies at the n-th write: before it, half-way, or after it."""

    def __init__(self, dies_at: int = -1, how: str = "before") -> None:
        super().__init__()
        self.writes = 0
        self.dies_at = dies_at
        self.how = how

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        dies = self.writes == self.dies_at
        self.writes += 1
        if dies and self.how == "half-way":
            files = dict(list(files.items())[: len(files) // 2])
        if not dies or self.how != "before":
            super().write(files, private=private)
        if dies:
            raise Crash


class MortalStore(SqliteStore):
    """The same for the one write to the store."""

    how = ""

    def record_batch(self, first_leaf: int, last_seq: int, count: int) -> None:
        if self.how == "before":
            raise Crash
        super().record_batch(first_leaf, last_seq, count)
        if self.how == "after":
            raise Crash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MortalStore]:
    made = MortalStore(tmp_path / "store.db")
    yield made
    made.db.close()


def drain(sequencer: Sequencer) -> None:
    while sequencer.tick():
        pass


def sequenced(folder: Path, store: Store, disk: LocalDisk | None = None, limit: int = 4096) -> bytes:
    """Open, sequence all there is, close; gives the published checkpoint."""
    ledger = Ledger.open(folder, ORIGIN, disk=disk)
    try:
        drain(Sequencer(ledger, store, limit=limit))
        return ledger.public.checkpoint_note()
    finally:
        ledger.close()


def check_from_outside(folder: Path, size: int, earlier: Sequence[bytes] = ()) -> None:
    """What anyone sees: a whole log of that size, which continues every checkpoint seen before."""
    report = verify(folder / "public", earlier=earlier)
    assert (report.findings, report.size, report.earlier) == ([], size, len(earlier))
    assert report.ok


# --- one ledger, used as intended ---


def test_a_new_ledger_begins_empty_signed_and_private(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    assert (ledger.origin, ledger.size, ledger.checkpoint.root) == (ORIGIN, 0, merkle.EMPTY_ROOT)
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert read_key(folder).verify_key == ledger.key.verify_key == ledger.public.vkey()
    assert (folder / "public" / "vkey").read_text() == f"{ledger.key.verify_key}\n"
    ledger.close()
    check_from_outside(folder, 0)


def test_an_origin_that_nobody_gave_is_drawn_once(folder: Path) -> None:
    first = Ledger.open(folder)
    first.close()
    again = Ledger.open(folder)
    assert again.origin == first.origin
    assert again.origin.startswith("evenhand/")
    again.close()


@pytest.mark.parametrize("steps", [[1], [255, 1, 1], [256, 256], [300, 700, 1], [1000, 2000], [1] * 20])
def test_batches_of_any_size_make_the_log_that_one_batch_makes(folder: Path, steps: list[int]) -> None:
    ledger, size, notes = Ledger.open(folder, ORIGIN), 0, []
    for step in steps:
        ledger.sequence(ENTRIES[size : size + step])
        size += step
        notes.append(ledger.public.checkpoint_note())
    assert ledger.checkpoint.root == merkle.root([merkle.leaf_hash(entry) for entry in ENTRIES[:size]])
    assert open_checkpoint(notes[-1], ledger.key.verify_key) == ledger.checkpoint
    ledger.close()
    check_from_outside(folder, size, notes)


def test_what_was_published_proves_each_entry_and_each_step(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    older = ledger.sequence(ENTRIES[:700])
    newer = ledger.sequence(ENTRIES[700:1500])
    public = PublicLog(folder / "public")
    for index in (0, 255, 256, 699, 1499):
        proof = public.prove_inclusion(index)
        assert verify_proof(merkle.leaf_hash(ENTRIES[index]), proof, public.vkey()) == newer
    proof = public.prove_consistency(older.size, newer.size)
    merkle.verify_consistency(older.size, newer.size, proof, older.root, newer.root)
    for index in (1500, -1):
        with pytest.raises(Missing):
            public.prove_inclusion(index)
    ledger.close()


def test_partial_tiles_go_when_the_full_one_is_there_and_old_sizes_still_prove(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    for size in range(0, 600, 100):
        ledger.sequence(ENTRIES[size : size + 100])
    partials = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.p"))
    assert partials == ["public/tile/0/002.p", "public/tile/1/000.p", "public/tile/entries/002.p"]
    proof = ledger.public.prove_consistency(100, 200)  # their partial tiles are gone, cut out of the full one
    roots = [merkle.root([merkle.leaf_hash(entry) for entry in ENTRIES[:size]]) for size in (100, 200)]
    merkle.verify_consistency(100, 200, proof, *roots)
    ledger.close()


def test_partial_tiles_go_on_every_level(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    ledger.sequence([b"x"] * 65_500)
    ledger.sequence([b"x"] * 100)
    partials = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.p"))
    assert partials == ["public/tile/0/256.p", "public/tile/2/000.p", "public/tile/entries/256.p"]
    ledger.close()


def test_a_ledger_has_one_writer(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    with pytest.raises(Unavailable, match="Another process"):
        Ledger.open(folder, ORIGIN)
    ledger.close()
    Ledger.open(folder, ORIGIN).close()


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "3", "a|b", "ä", "a\n", "x" * 201])
def test_an_origin_that_could_be_misread_is_refused(folder: Path, origin: str) -> None:
    if origin:
        with pytest.raises(Invalid):
            Ledger.open(folder, origin)
        assert not (folder / "key").exists()


def test_an_origin_never_changes(folder: Path) -> None:
    Ledger.open(folder, ORIGIN).close()
    with pytest.raises(Refused, match=ORIGIN):
        Ledger.open(folder, "other.example/log")


@pytest.mark.parametrize("batch", [[], [b""], [b"x" * 65_536]])
def test_what_no_bundle_can_hold_is_refused_and_changes_nothing(folder: Path, batch: list[bytes]) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    with pytest.raises(Invalid):
        ledger.sequence(batch)
    assert ledger.size == 0
    ledger.sequence([b"x" * 65_535])
    ledger.close()
    assert verify(folder / "public").size == 1


def test_before_it_began_there_is_nothing_to_read(folder: Path) -> None:
    public = PublicLog(folder / "public")
    for read in (public.vkey, public.checkpoint_note, lambda: read_key(folder)):
        with pytest.raises(Unavailable, match="not begun"):
            read()


def test_a_bundle_that_is_cut_off_is_noticed() -> None:
    assert unpack_bundle(b"\0\1a\0\0\0\2bc") == [b"a", b"", b"bc"]
    for data in (b"\0", b"\0\1", b"\0\2a"):
        with pytest.raises(Invalid):
            unpack_bundle(data)


# --- what must never be signed ---


def begun(folder: Path, store: SqliteStore, size: int = 700) -> bytes:
    store.append(ENTRIES[:size])
    return sequenced(folder, store, limit=300)


def test_a_lost_signing_state_is_never_begun_anew(folder: Path, store: MortalStore) -> None:
    begun(folder, store)
    (folder / "signed.json").unlink()
    with pytest.raises(Broken, match=r"signed\.json is gone"):
        Ledger.open(folder)


def test_a_lost_key_is_never_replaced(folder: Path, store: MortalStore) -> None:
    begun(folder, store)
    (folder / "key").unlink()
    with pytest.raises(Broken, match="key is gone"):
        Ledger.open(folder)
    shutil.rmtree(folder / "public")
    with pytest.raises(Broken, match="key is gone"):
        Ledger.open(folder)


@pytest.mark.parametrize("damage", ["", "{}", '"origin"', "half"])
def test_a_damaged_signing_state_is_never_used(folder: Path, store: MortalStore, damage: str) -> None:
    begun(folder, store)
    signed = folder / "signed.json"
    signed.write_text(signed.read_text()[:50] if damage == "half" else damage)
    with pytest.raises(Broken, match="unreadable"):
        Ledger.open(folder)


def test_a_signing_state_that_contradicts_its_note_is_never_used(folder: Path, store: MortalStore) -> None:
    begun(folder, store)
    signed = folder / "signed.json"
    signed.write_text(signed.read_text().replace('"size":700', '"size":600'))
    with pytest.raises(Broken, match="contradicts"):
        Ledger.open(folder)


def test_nothing_is_signed_when_someone_else_signed(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    ledger.sequence(ENTRIES[:10])
    mine = (folder / "signed.json").read_bytes()
    ledger.sequence(ENTRIES[10:20])
    (folder / "signed.json").write_bytes(mine)  # as a restored backup would
    with pytest.raises(Broken, match="Someone else"):
        ledger.sequence(ENTRIES[20:30])
    assert (folder / "signed.json").read_bytes() == mine
    ledger.close()


def test_nothing_is_signed_that_does_not_continue_what_was_signed(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    ledger.sequence(ENTRIES[:300])
    tile = folder / "public" / "tile" / "1" / "000.p" / "1"  # read by the proof, not written by the step
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    signed = (folder / "signed.json").read_bytes()
    with pytest.raises(Broken, match="prefix"):
        ledger.sequence(ENTRIES[300:310])
    assert (folder / "signed.json").read_bytes() == signed
    ledger.close()


def test_nothing_is_signed_twice_for_one_size(folder: Path) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    ledger.sequence(ENTRIES[:10])
    with pytest.raises(Broken, match="does not continue"):
        ledger._sign(ledger.checkpoint)  # no caller gets here; it is the last wall
    ledger.close()


def test_a_store_with_less_than_was_signed_is_refused(folder: Path, store: MortalStore) -> None:
    begun(folder, store)
    store.db.execute("UPDATE event SET leaf = NULL WHERE leaf >= 699")
    with pytest.raises(Broken, match="does not hold"):
        sequenced(folder, store)


def test_a_store_with_other_entries_is_refused(folder: Path, store: MortalStore) -> None:
    begun(folder, store)
    store.db.execute("UPDATE event SET entry = ? WHERE leaf = 699", (ENTRIES[0],))
    with pytest.raises(Broken, match="does not hold"):
        sequenced(folder, store)


# --- a torn tree is written again from the store, or not at all ---


def tear(folder: Path, path: str, how: str) -> None:
    file = folder / "public" / path
    assert file.exists(), path
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(
            b"" if how == "empty" else bytes([file.read_bytes()[-1] ^ 1]) * len(file.read_bytes())
        )


@pytest.mark.parametrize("path", ["tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/002.p/188"])
@pytest.mark.parametrize("how", ["gone", "empty", "altered"])
def test_a_torn_edge_is_mended_from_the_store(folder: Path, store: MortalStore, path: str, how: str) -> None:
    before = begun(folder, store)
    tear(folder, path, how)
    store.append(ENTRIES[700:800])
    sequenced(folder, store)
    check_from_outside(folder, 800, [before])


@pytest.mark.parametrize("wrong", ["other", "missing"])
def test_a_torn_edge_is_not_mended_with_other_entries(folder: Path, store: MortalStore, wrong: str) -> None:
    begun(folder, store)
    tear(folder, "tile/0/002.p/188", "gone")
    if wrong == "other":
        store.db.execute("UPDATE event SET entry = ? WHERE leaf = 5", (ENTRIES[6],))
    else:
        store.db.execute("UPDATE event SET leaf = leaf + 1000 WHERE leaf > 600")
    published = {path: path.read_bytes() for path in (folder / "public").rglob("*") if path.is_file()}
    with pytest.raises(Broken, match="does not hold"):
        sequenced(folder, store)
    assert published == {path: path.read_bytes() for path in (folder / "public").rglob("*") if path.is_file()}


def test_a_torn_ledger_appends_nothing(folder: Path, store: MortalStore) -> None:
    begun(folder, store)
    tear(folder, "tile/0/002.p/188", "gone")
    ledger = Ledger.open(folder)
    assert ledger.torn
    with pytest.raises(Broken, match="not the one that was signed"):
        ledger.sequence(ENTRIES[700:701])
    ledger.close()


# --- crashes, in pairs, at every write ---


def crash_points(tmp_path: Path) -> int:
    """How many writes a ledger makes from genesis over two steps."""
    disk, store = MortalDisk(), SqliteStore(tmp_path / "count.db")
    store.append(ENTRIES[:1000])
    sequenced(tmp_path / "count", store, disk, limit=700)
    store.db.close()
    return disk.writes


POINTS = 10  # key, signed.json, vkey, checkpoint; then tiles, signed.json, checkpoint for each of two steps


def test_the_crash_tests_below_reach_every_write(tmp_path: Path) -> None:
    assert crash_points(tmp_path) == POINTS


@pytest.mark.parametrize("how", ["before", "half-way", "after"])
@pytest.mark.parametrize("point", range(POINTS))
def test_a_crash_at_any_write_loses_nothing_and_never_forks(
    folder: Path, store: MortalStore, point: int, how: str
) -> None:
    store.append(ENTRIES[:1000])
    with pytest.raises(Crash):
        sequenced(folder, store, MortalDisk(point, how), limit=700)
    seen = [path.read_bytes() for path in (folder / "public").glob("checkpoint")]
    signed = _signed_note(folder)
    store.append(ENTRIES[1000:1100])
    sequenced(folder, store, limit=700)
    check_from_outside(folder, 1100, [*seen, *signed])


@pytest.mark.parametrize("second", ["before", "half-way", "after"])
@pytest.mark.parametrize("first", ["before", "half-way", "after"])
def test_a_crash_while_a_crash_is_mended(folder: Path, store: MortalStore, first: str, second: str) -> None:
    store.append(ENTRIES[:1000])
    with pytest.raises(Crash):
        sequenced(folder, store, MortalDisk(7, first), limit=700)
    signed = _signed_note(folder)
    for point in range(2, 5):
        with pytest.raises(Crash):
            sequenced(folder, store, MortalDisk(point, second), limit=100)
        signed += _signed_note(folder)
    sequenced(folder, store)
    check_from_outside(folder, 1000, signed)


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_crash_around_the_store_s_write(folder: Path, store: MortalStore, how: str) -> None:
    before = begun(folder, store)
    store.append(ENTRIES[700:1000])
    store.how = how
    with pytest.raises(Crash):
        sequenced(folder, store)
    assert store.sequenced_size() == (700 if how == "before" else 1000)
    store.how = ""
    store.append(ENTRIES[1000:1100])  # must not get the leaves that the others were given
    sequenced(folder, store)
    check_from_outside(folder, 1100, [before])
    assert store.entries(0, 1100) == ENTRIES[:1100]


def _signed_note(folder: Path) -> list[bytes]:
    """What was signed counts, even where nobody saw it yet."""
    path = folder / "signed.json"
    return [json.loads(path.read_text())["note"].encode()] if path.exists() else []


# --- a disk that is full or refuses ---


class FullDisk(LocalDisk):
    """The real disk, which is full while a flag is set."""

    full = False

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        if self.full:
            raise Unavailable("disk.full", "The disk is full.")
        super().write(files, private=private)


def test_a_full_disk_stops_nothing_for_good(folder: Path, store: MortalStore) -> None:
    disk = FullDisk()
    ledger = Ledger.open(folder, ORIGIN, disk=disk)
    sequencer = Sequencer(ledger, store)
    store.append(ENTRIES[:300])
    disk.full = True
    with pytest.raises(Unavailable):
        sequencer.tick()
    disk.full = False
    drain(sequencer)
    ledger.close()
    check_from_outside(folder, 300)


class FullAtPublish(LocalDisk):
    """A disk that is full for the one write that publishes a checkpoint of 300 entries."""

    fails = 1

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        if self.fails and any(b"\n300\n" in data and not private for data in files.values()):
            self.fails -= 1
            raise Unavailable("disk.full", "The disk is full.")
        super().write(files, private=private)


def test_what_was_signed_is_published_later_when_the_disk_was_full(folder: Path, store: MortalStore) -> None:
    ledger = Ledger.open(folder, ORIGIN, disk=FullAtPublish())
    sequencer = Sequencer(ledger, store)
    store.append(ENTRIES[:300])
    with pytest.raises(Unavailable):
        sequencer.tick()
    assert (ledger.size, verify(folder / "public").size) == (300, 0)
    assert sequencer.tick() == 0
    ledger.close()
    check_from_outside(folder, 300)


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, Unavailable), (errno.EDQUOT, Unavailable), (errno.EIO, Broken)]
)
def test_a_write_that_fails_replaces_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[EvenhandError]
) -> None:
    """The disk is made to fail at the second fsync: the first file is whole, the second is not."""
    disk, calls, real = LocalDisk(), iter([None, OSError(code, os.strerror(code))]), os.fsync

    def fsync(descriptor: int) -> None:
        if (error := next(calls, None)) is not None:
            raise error
        real(descriptor)

    disk.write({tmp_path / "a": b"old"})
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(kind):
        disk.write({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_folders_that_are_new_are_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, real = [], os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    if Path("/proc/self/fd").exists():
        monkeypatch.setattr(os, "fsync", fsync)
        LocalDisk().write({tmp_path / "x" / "y" / "file": b"data"})
        assert {str(tmp_path), str(tmp_path / "x"), str(tmp_path / "x" / "y")} <= set(synced)


# --- the sequencer's thread ---


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, slept: Callable[[], None] = lambda: None) -> None:
        self.now = 0.0
        self.naps: list[float] = []
        self._slept = slept

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.naps.append(seconds)
        self._slept()
        time.sleep(0.001)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing happened for 60 s"
        time.sleep(0.005)


def test_the_thread_takes_a_backlog_without_a_pause_and_then_waits(folder: Path, store: MortalStore) -> None:
    store.append(ENTRIES[:1000])
    clock, ledger = Clock(), Ledger.open(folder, ORIGIN)
    sequencer = Sequencer(ledger, store, limit=300, interval=0.7, clock=lambda: clock.now, sleep=clock.sleep)
    assert not sequencer.healthy
    sequencer.start()
    wait_for(lambda: len(clock.naps) > 2)
    assert sequencer.healthy
    assert ledger.size == 1000
    assert set(clock.naps) == {0.7}
    store.append(ENTRIES[1000:1001])
    wait_for(lambda: ledger.size == 1001)
    sequencer.stop()
    assert not sequencer.healthy
    assert "stopped" in sequencer.reason
    ledger.close()
    check_from_outside(folder, 1001)


def test_stop_ends_the_wait_at_once(folder: Path, store: MortalStore) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    sequencer = Sequencer(ledger, store, interval=600)
    sequencer.start()
    began = time.monotonic()
    sequencer.stop()
    assert time.monotonic() - began < 300
    ledger.close()


def test_stop_without_start_is_fine(folder: Path, store: MortalStore) -> None:
    ledger = Ledger.open(folder, ORIGIN)
    Sequencer(ledger, store).stop()
    ledger.close()


class MoodyStore(SqliteStore):
    """A store that raises what it is told to."""

    error: Exception | None = None

    def sequenced_size(self) -> int:
        if self.error is not None:
            raise self.error
        return super().sequenced_size()


def test_a_store_that_is_away_is_waited_for_and_said(folder: Path, tmp_path: Path) -> None:
    store = MoodyStore(tmp_path / "moody.db")
    clock, ledger = Clock(), Ledger.open(folder, ORIGIN)
    sequencer = Sequencer(ledger, store, clock=lambda: clock.now, sleep=clock.sleep)
    sequencer.start()
    store.error = Unavailable("store.away", "The database is away.")
    wait_for(lambda: not sequencer.healthy)
    assert "away" in sequencer.reason
    store.append(ENTRIES[:5])
    store.error = None
    wait_for(lambda: sequencer.healthy and ledger.size == 5)
    sequencer.stop()
    ledger.close()


def test_a_sequencer_that_dies_says_so_and_signs_no_more(folder: Path, tmp_path: Path) -> None:
    store = MoodyStore(tmp_path / "moody.db")
    clock, ledger = Clock(), Ledger.open(folder, ORIGIN)
    sequencer = Sequencer(ledger, store, clock=lambda: clock.now, sleep=clock.sleep)
    sequencer.start()
    store.error = RuntimeError("the mapping contradicts itself")
    wait_for(lambda: not sequencer.healthy)
    naps = len(clock.naps)
    store.error = None
    store.append(ENTRIES[:5])
    time.sleep(0.05)
    assert "the mapping contradicts itself" in sequencer.reason
    assert (ledger.size, len(clock.naps)) == (0, naps)
    sequencer.stop()
    assert "the mapping contradicts itself" in sequencer.reason
    ledger.close()


# --- kill -9 ---

LOOP = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_ledger import ENTRIES, ORIGIN, SqliteStore
from evenhand.ledger import Ledger, Sequencer
home = Path(sys.argv[1])
store = SqliteStore(home / "store.db")
ledger = Ledger.open(home / "ledger", ORIGIN)
sequencer = Sequencer(ledger, store, limit=97)
print("up", flush=True)
while True:
    count = store.db.execute("SELECT count(*) FROM event").fetchone()[0]
    store.append(ENTRIES[count : count + 13])
    print(min(count + 13, len(ENTRIES)), flush=True)
    sequencer.tick()
"""


def test_kill_9_again_and_again_loses_nothing_and_never_forks(tmp_path: Path) -> None:
    notes: list[bytes] = []
    acknowledged = 0
    for batches, more in ((0, 0.0), (1, 0.002), (2, 0.005), (4, 0.01), (8, 0.02)):  # more: seconds
        child = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(tmp_path), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        said = [child.stdout.readline() for _ in range(batches)]
        time.sleep(more)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read().split()
        child.wait()
        acknowledged = max([acknowledged, *map(int, said)])
        notes += [(tmp_path / "ledger" / "public" / "checkpoint").read_bytes()]
        notes += _signed_note(tmp_path / "ledger")
    store = SqliteStore(tmp_path / "store.db")
    sequenced(tmp_path / "ledger", store)
    size = store.sequenced_size()
    assert acknowledged > 100
    assert size >= acknowledged
    assert store.entries(0, size) == ENTRIES[:size]
    check_from_outside(tmp_path / "ledger", size, notes)
    store.db.close()
