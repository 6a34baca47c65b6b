"""The ledger of one node on its disk: key, signing state, tiles; and the thread that sequences.

Below the ledger's folder stand ``key`` (the log key, mode 0600), ``signed.json`` (what was signed
last: never in a backup), ``lock``, and ``public/``, which any static file server may serve as it is
(C2SP ``tlog-tiles``). The store owns the entries; the ledger owns what was said about them.

The order of one step, and what happens if we stop in between:

1. ``store.record_batch``: place -> leaf is durable. Stop here: the next step finds leaves that are
   not signed and sequences exactly those.
2. Bundles and tiles are durable. Stop here: they are written again, with the same bytes.
3. ``signed.json``. Nothing is ever signed twice for one size; from here on the step has happened.
4. ``public/checkpoint``. Stop before it: ``Ledger.open`` publishes what was signed.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol

import msgspec

from evenhand.core import merkle
from evenhand.core.canonical import MAX_ENTRY_BYTES
from evenhand.core.checkpoint import (
    Checkpoint,
    Proof,
    SigningKey,
    VerifyKey,
    open_checkpoint,
    parse_signing_key,
    parse_vkey,
    sign_note,
)
from evenhand.core.errors import Broken, Invalid, Missing, Refused, Unavailable
from evenhand.core.merkle import TILE_HEIGHT, TILE_WIDTH, CompactRange, Tile

log = logging.getLogger(__name__)

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9./:_-]{0,199}")
_SYNCS = 16  # files that are made durable side by side
_FEW = 3  # files that are not worth threads
_REBUILD_CHUNK = 16 * TILE_WIDTH  # entries in memory at once while tiles are written again


# --- what the ledger asks of others ---


class Store(Protocol):
    """Where entries come from. Sequencing has one caller at a time; calls come from its thread.

    Whatever a method returns must be durable. When the store cannot answer now it raises
    `Unavailable`, and the same step is tried again later; any other error stops the sequencer.
    """

    def unsequenced(self, limit: int) -> list[tuple[int, bytes]]:
        """Committed entries that have no leaf yet, as (seq, entry bytes), at most `limit` of them.

        Causes stand before effects and each stream in its own order, in one snapshot: what is
        returned is a prefix, in that no entry that is left out is a cause of one that is not.
        """
        ...

    def record_batch(self, first_leaf: int, last_seq: int, count: int) -> None:
        """Give the `count` entries that `unsequenced` showed last, in that order, their leaves.

        The leaves begin at `first_leaf`. Durable when it returns; all or nothing. `last_seq` is the
        largest seq among the entries.
        """
        ...

    def entries(self, first_leaf: int, count: int) -> Sequence[bytes]:
        """Entries of the leaves `first_leaf` to `first_leaf + count`, end excluded, in leaf order."""
        ...

    def sequenced_size(self) -> int:
        """How many leaves were given so far."""
        ...


class Disk(Protocol):
    """Durable files. A process killed at any point leaves each file with its old or its new bytes."""

    def read(self, path: Path) -> bytes | None:
        """The file's bytes; None when there is no such file."""
        ...

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        """Write each file whole or not at all; all are durable when this returns.

        Args:
            files: path -> bytes; folders are made as needed.
            private: readable by the owner alone, at no moment by anyone else.

        Raises:
            Unavailable: the disk is full; nothing was replaced.
        """
        ...

    def discard(self, folder: Path) -> None:
        """Remove a folder if it is there. Need not be durable."""
        ...


class LocalDisk:
    """Files of this machine: temporary file, fsync, rename, fsync of the folder."""

    def __init__(self) -> None:
        self._syncing = ThreadPoolExecutor(_SYNCS, thread_name_prefix="evenhand-sync")

    def read(self, path: Path) -> bytes | None:
        """See `Disk`."""
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        """See `Disk`."""
        write = _write_private if private else Path.write_bytes
        try:
            touched = {folder for path in files for folder in (path.parent, *_make_folder(path.parent))}
            for path, data in files.items():
                write(_temporary(path), data)
            self._sync([_temporary(path) for path in files])
        except OSError as error:
            for path in files:
                _temporary(path).unlink(missing_ok=True)
            raise _disk_error(error, next(iter(files))) from error
        for path in files:
            _temporary(path).replace(path)
        self._sync(sorted(touched))

    def _sync(self, paths: Sequence[Path]) -> None:
        """Make several outlive a power cut, side by side: a file system writes its journal once for all who
        wait for it."""
        if len(paths) < _FEW:
            for path in paths:
                _sync(path)
        else:
            list(self._syncing.map(_sync, paths))

    def discard(self, folder: Path) -> None:
        """See `Disk`."""
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path) -> Iterator[Path]:
    """Make a folder and its parents; gives those whose listing changed, so that they can be synced."""
    if not folder.is_dir():
        yield from _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        yield folder.parent


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that was never readable by others, not even for a moment."""
    path.touch(mode=0o600)
    path.write_bytes(data)


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's listing, outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(error: OSError, path: Path) -> Exception:
    """A full disk passes, so it is worth another try; nothing else about a disk does."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("disk.full", "The disk is full.", str(path), "Free some space; work then goes on.")
    return Broken(
        "disk.write", f"The file cannot be written: {error}.", str(path), "Check disk and permissions."
    )


# --- the tree as its right edge ---


class _Tree(msgspec.Struct, frozen=True):
    """A tree that can be appended to, and the partial files at its right edge."""

    range: CompactRange = CompactRange()
    edge: dict[int, bytes] = msgspec.field(
        default_factory=dict
    )  # tile level -> its partial tile, if it has one
    bundle: bytes = b""  # the partial entry bundle; b"" when the last one is full

    @property
    def size(self) -> int:
        """Leaves."""
        return self.range.size

    def grow(self, entries: Sequence[bytes]) -> tuple[_Tree, dict[str, bytes]]:
        """Append entries; gives the larger tree and the files to write, by path below the prefix."""
        growth = self.range.grow([merkle.leaf_hash(entry) for entry in entries])
        files, edge, bundle = {}, dict(self.edge), self.bundle
        for tile in merkle.tiles_between(self.size, growth.range.size):
            data = merkle.tile_bytes(tile, growth, edge.pop(tile.level, b""))
            files[tile.path] = data
            if tile.width < TILE_WIDTH:
                edge[tile.level] = data
            if tile.level == 0:
                bundle += self._packed(tile, entries)
                files[merkle.bundle_path(tile.index, tile.width)] = bundle
                bundle = bundle if tile.width < TILE_WIDTH else b""
        return _Tree(growth.range, edge, bundle), files

    def _packed(self, tile: Tile, entries: Sequence[bytes]) -> bytes:
        """The new entries that belong beside a tile of level 0, each after its length (``tlog-tiles``)."""
        first = tile.index * TILE_WIDTH - self.size
        return b"".join(
            len(entry).to_bytes(2, "big") + entry for entry in entries[max(first, 0) : first + tile.width]
        )


def unpack_bundle(data: bytes) -> list[bytes]:
    """An entry bundle as its entries.

    Raises:
        Invalid: its lengths do not add up.
    """
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data):
        raise Invalid("bundle", "The entry bundle is cut off.")
    return entries


# --- the log as anyone may read it ---


class PublicLog:
    """The published files. Any process may read them, at any time, while another sequences."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """Args:
        folder: the one that holds ``checkpoint``, ``vkey`` and ``tile/``.
        disk: what reads it; by default this machine's files.
        """
        self.folder = folder
        self._disk = disk or LocalDisk()

    def previous(self, epoch: int) -> PublicLog:
        """The log of an earlier epoch, which a restore has left as it was."""
        return PublicLog(self.folder.parent / "previous" / str(epoch), self._disk)

    def vkey(self) -> VerifyKey:
        """The log's verification key.

        Raises:
            Unavailable: the ledger has not begun.
        """
        return parse_vkey(self._need("vkey").decode())

    def checkpoint_note(self) -> bytes:
        """The newest signed checkpoint.

        Raises:
            Unavailable: the ledger has not begun.
        """
        return self._need("checkpoint")

    def cosigned_note(self) -> bytes | None:
        """The newest checkpoint that enough witnesses have cosigned; None before the first."""
        return self._disk.read(self.folder / "cosigned")

    def prove_inclusion(self, index: int) -> Proof:
        """Prove that a leaf is in a checkpoint: the one that witnesses have cosigned, else the newest.

        Raises:
            Missing: no checkpoint covers the leaf yet.
        """
        note = self.cosigned_note()
        size = open_checkpoint(note, self.vkey()).size if note else 0
        if note is None or index >= size:
            note = self.checkpoint_note()
            size = open_checkpoint(note, self.vkey()).size
        if not 0 <= index < size:
            raise Missing("proof.beyond-log", f"The newest checkpoint covers {size} entries, not {index}.")
        hashes = merkle.inclusion_proof(index, size, merkle.hash_reader(size, self.read_tile))
        return Proof(index, tuple(hashes), note)

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the tree of size `old` is a prefix of that of size `new`; both were published.

        Raises:
            Invalid: `old` is 0 or larger than `new`.
        """
        return merkle.consistency_proof(old, new, merkle.hash_reader(new, self.read_tile))

    def read_tile(self, tile: Tile) -> bytes:
        """A tile's bytes. A partial tile may be gone once the full one is there, and is cut out of it.

        Raises:
            Broken: neither is there.
        """
        data = self._disk.read(self.folder / tile.path)
        if data is None:
            data = self._disk.read(self.folder / Tile(tile.level, tile.index).path)
        if data is None or len(data) < tile.width * merkle.HASH_BYTES:
            raise Broken("ledger.tile", "A tile of the ledger is missing or cut off.", tile.path)
        return data[: tile.width * merkle.HASH_BYTES]

    def _need(self, name: str) -> bytes:
        data = self._disk.read(self.folder / name)
        if data is None:
            raise Unavailable("ledger.not-begun", "This node's ledger has not begun.", name)
        return data


def read_key(folder: Path) -> SigningKey:
    """The log key of a ledger that has begun, for processes that give promises but do not sequence.

    Raises:
        Unavailable: the ledger has not begun.
    """
    line = LocalDisk().read(folder / "key")
    if line is None:
        raise Unavailable("ledger.not-begun", "This node's ledger has not begun.", "key")
    return parse_signing_key(line.decode())


# --- the log as its one writer holds it ---


class _Signed(msgspec.Struct, frozen=True):
    """What was signed last: ``signed.json``. Who loses it must never sign under this origin again."""

    origin: str
    size: int  # leaves
    root: bytes  # 32 bytes; base64 in JSON
    note: str  # the checkpoint as signed

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self.size, self.root)


class Ledger:
    """The one writer of a ledger. See the top of this page for the order of its steps."""

    def __init__(self, folder: Path, disk: Disk, key: SigningKey, signed: _Signed, lock: IO[bytes]) -> None:
        """Use `Ledger.open`."""
        self.public = PublicLog(folder / "public", disk)
        self.key = key
        self._folder = folder
        self._disk = disk
        self._signed = signed
        self.checkpoint = signed.checkpoint  # what was signed last; the same object until the next is signed
        self._lock = lock
        self._publishing = threading.Lock()  # witnesses answer in a thread of their own
        self._published: _Signed | None = None  # not known until this process has written it
        self._tree = self._load_tree()

    @classmethod
    def open(
        cls,
        folder: Path,
        origin: str | None = None,
        *,
        disk: Disk | None = None,
        seed: Callable[[], bytes] = lambda: secrets.token_bytes(32),
    ) -> Ledger:
        """Open a node's ledger as its writer; begin it when there is none.

        Args:
            folder: of the ledger; made when missing.
            origin: the log's identity for ever, such as ``labels.example.org/log``, independent of where
                it is served. None takes that of the ledger, or a random one for a new ledger.
            disk: what reads and writes files.
            seed: gives 32 secret random bytes for a new log key.

        Raises:
            Unavailable: another process is its writer.
            Refused: the ledger has another origin.
            Invalid: no log can have that origin.
            Broken: the key or the signing state is lost.
        """
        disk = disk or LocalDisk()
        folder.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(folder / "lock")
        try:
            key = _open_key(folder, disk, origin, seed)
            ledger = cls(folder, disk, key, _open_signed(folder, disk, key), lock)
            ledger._write_public({"vkey": f"{key.verify_key}\n".encode()})
            ledger.publish()
        except BaseException:
            lock.close()
            raise
        return ledger

    def close(self) -> None:
        """Let another process be the writer."""
        self._lock.close()

    @property
    def origin(self) -> str:
        """The log's identity."""
        return self.key.name

    @property
    def size(self) -> int:
        """Leaves that were signed for."""
        return self._signed.size

    @property
    def torn(self) -> bool:
        """Whether the right edge on disk is not what was signed, so that `rebuild` is needed."""
        return self._tree is None

    def sequence(self, entries: Sequence[bytes]) -> Checkpoint:
        """Append entries as the next leaves, sign, publish.

        The caller has durably stored which entry has which leaf; else a crash would fork the log.

        Args:
            entries: entry bytes, at least one.

        Raises:
            Invalid: an entry that no bundle can hold, or none at all.
            Broken: the tree on disk is not what was signed, or someone else signed.
            Unavailable: the disk is full; nothing was signed.
        """
        if not entries or any(not 0 < len(entry) <= MAX_ENTRY_BYTES for entry in entries):
            raise Invalid(
                "ledger.entry", f"A batch has entries of 1 to {MAX_ENTRY_BYTES} bytes, at least one."
            )
        if self._tree is None:
            raise Broken("ledger.torn", "The tree on disk is not the one that was signed.", str(self._folder))
        grown, files = self._tree.grow(entries)
        self._write_public(files)
        self._sign(Checkpoint(self.origin, grown.size, grown.range.root()))
        old, self._tree = self._tree, grown
        self.publish()
        self._discard_partials(old.size)
        return self.checkpoint

    def publish(self) -> None:
        """Make the published checkpoint the one that was signed, if it is not.

        Raises:
            Unavailable: the disk is full. What was signed stays so; publish again later.
        """
        with self._publishing:
            if self._published != self._signed:
                self._write_public({"checkpoint": self._signed.note.encode()})
                self._published = self._signed

    def publish_cosigned(self, checkpoint: Checkpoint, note: bytes, enough: bool) -> None:
        """Publish a checkpoint with its witnesses: as ``cosigned``, and as the newest while it is that.

        Args:
            checkpoint: the one that they saw; signed and published by us.
            note: the same, with their signatures.
            enough: whether they meet the policy's quorum; else ``cosigned`` stays as it is.

        Raises:
            Unavailable: the disk is full.
        """
        with self._publishing:
            newest = {"checkpoint": note} if self._published == self._signed_as(checkpoint) else {}
            self._write_public({**newest, "cosigned": note} if enough else newest)

    def _signed_as(self, checkpoint: Checkpoint) -> _Signed | None:
        """The signing state, when it is this checkpoint's."""
        return self._signed if self._signed.checkpoint == checkpoint else None

    def rebuild(self, entries: Callable[[int, int], Sequence[bytes]]) -> None:
        """Write all tiles and bundles again from the store, when what they come to is what was signed.

        Args:
            entries: see `Store.entries`.

        Raises:
            Broken: the entries are not those that were signed. Nothing was written then.
        """
        # The first pass only computes the root: wrong entries must not replace public files.
        if self._regrown(entries, lambda files: None).range.root() != self._signed.root:
            raise _not_what_was_signed(self._folder)
        self._tree = self._regrown(entries, self._write_public)

    def check_tail(self, entries: Callable[[int, int], Sequence[bytes]]) -> None:
        """Check that the store's last entries are those that were signed: it may be another store.

        Raises:
            Broken: they are not.
        """
        if self.size:
            number = (self.size - 1) // TILE_WIDTH
            first = number * TILE_WIDTH
            leaves = [merkle.leaf_hash(entry) for entry in entries(first, self.size - first)]
            if b"".join(leaves) != self.public.read_tile(Tile(0, number, self.size - first)):
                raise _not_what_was_signed(self._folder)

    def _regrown(
        self,
        entries: Callable[[int, int], Sequence[bytes]],
        write: Callable[[Mapping[str, bytes]], None],
    ) -> _Tree:
        """Grow the tree from nothing to the size that was signed, handing over its files on the way."""
        tree = _Tree()
        while tree.size < self.size:
            chunk = entries(tree.size, min(_REBUILD_CHUNK, self.size - tree.size))
            if not chunk:
                raise _not_what_was_signed(self._folder)
            tree, files = tree.grow(chunk)
            write(files)
        return tree

    def _load_tree(self) -> _Tree | None:
        """The tree that was signed, from its right edge on disk; None when the edge is not that tree's."""
        size = self._signed.size
        try:
            edge = {tile.level: self.public.read_tile(tile) for tile in merkle.edge_tiles(size)}
            tree = _Tree(merkle.range_from_tiles(size, edge), edge, self._load_bundle(size, edge))
        except (Broken, Invalid) as error:
            log.warning("the tree on disk is torn: %s", error)
            return None
        return tree if tree.range.root() == self._signed.root else None

    def _load_bundle(self, size: int, edge: Mapping[int, bytes]) -> bytes:
        """The partial entry bundle, checked against the partial tile beside it."""
        width = size % TILE_WIDTH
        if not width:
            return b""
        number = size // TILE_WIDTH
        data = self._disk.read(self._folder / "public" / merkle.bundle_path(number, width))
        leaves = [merkle.leaf_hash(entry) for entry in unpack_bundle(data or b"")]
        if data is None or b"".join(leaves) != edge[0]:
            raise Broken("ledger.bundle", "An entry bundle is missing or altered.", str(number))
        return data

    def _write_public(self, files: Mapping[str, bytes]) -> None:
        self._disk.write({self._folder / "public" / name: data for name, data in files.items()})

    def _sign(self, checkpoint: Checkpoint) -> None:
        """Replace the signing state, if it is still ours and the new tree continues it.

        A log that signs two trees of which neither continues the other has lied, and can never take
        it back. So this asks the disk, not memory, on both counts.
        """
        old = self._signed
        if _read_signed(self._folder, self._disk) != old:
            raise Broken("ledger.signed", "Someone else signed under this origin.", str(self._folder))
        if checkpoint.size <= old.size:
            raise Broken("ledger.size", f"Size {checkpoint.size} does not continue size {old.size}.")
        if old.size:
            proof = self.public.prove_consistency(old.size, checkpoint.size)
            try:
                merkle.verify_consistency(old.size, checkpoint.size, proof, old.root, checkpoint.root)
            except Invalid as error:
                raise Broken("ledger.fork", str(error), str(self._folder)) from error
        self._signed = _write_signed(self._folder, self._disk, checkpoint, self.key)
        self.checkpoint = checkpoint

    def _discard_partials(self, old: int) -> None:
        """Remove partial tiles whose full tile is published now: nobody needs them (``tlog-tiles``)."""
        new, level = self.size, 0
        while old // TILE_WIDTH < new // TILE_WIDTH:
            full = self._folder / "public" / Tile(level, old // TILE_WIDTH).path
            self._disk.discard(full.with_name(f"{full.name}.p"))
            if level == 0:
                bundle = self._folder / "public" / merkle.bundle_path(old // TILE_WIDTH)
                self._disk.discard(bundle.with_name(f"{bundle.name}.p"))
            old, new, level = old >> TILE_HEIGHT, new >> TILE_HEIGHT, level + 1


def _take_lock(path: Path) -> IO[bytes]:
    """Be the one writer, until the file is closed or the process ends."""
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        reason = "Another process writes this ledger."
        raise Unavailable(
            "ledger.locked", reason, str(path), "One process sequences; stop the other."
        ) from error
    return lock


def _open_key(folder: Path, disk: Disk, origin: str | None, seed: Callable[[], bytes]) -> SigningKey:
    """The log key; a new one only where nothing was ever signed or published."""
    line = disk.read(folder / "key")
    if line is None:
        _refuse_if_begun(folder, disk, "key", "signed.json")
        key = SigningKey(_check_origin(origin or f"evenhand/{secrets.token_hex(8)}"), seed())
        disk.write({folder / "key": key.secret_line().encode()}, private=True)
        return key
    key = parse_signing_key(line.decode())
    if origin not in (None, key.name):
        remedy = "An origin never changes; leave it out, or begin a new ledger."
        raise Refused(
            "ledger.origin", f"This ledger's origin is {key.name}, not {origin}.", str(folder), remedy
        )
    return key


def _check_origin(origin: str) -> str:
    """Refuse an origin that a checkpoint, a vkey or a commitment's context could not carry without doubt."""
    if _ORIGIN.fullmatch(origin) is None:
        remedy = "Take one like labels.example.org/log: letters, digits and ./:_- only, a letter first."
        raise Invalid("ledger.origin-name", f"{origin!r} cannot be an origin.", "origin", remedy)
    return origin


def _open_signed(folder: Path, disk: Disk, key: SigningKey) -> _Signed:
    """The signing state; that of an empty tree only where nothing was ever published."""
    signed = _read_signed(folder, disk)
    if signed is None:
        _refuse_if_begun(folder, disk, "signed.json")
        signed = _write_signed(folder, disk, Checkpoint(key.name, 0, merkle.EMPTY_ROOT), key)
    if open_checkpoint(signed.note.encode(), key.verify_key) != signed.checkpoint:
        raise Broken("ledger.signed", "The signing state contradicts itself.", str(folder / "signed.json"))
    return signed


def _refuse_if_begun(folder: Path, disk: Disk, lost: str, *proofs: str) -> None:
    """Refuse to begin anew where a log was begun: the second would contradict the first."""
    if any(disk.read(folder / name) is not None for name in (*proofs, "public/checkpoint")):
        remedy = "This ledger cannot go on. Restore it under a new origin that names its last checkpoint."
        raise Broken("ledger.lost", f"{lost} is gone, and the ledger has begun.", str(folder), remedy)


def _read_signed(folder: Path, disk: Disk) -> _Signed | None:
    data = disk.read(folder / "signed.json")
    try:
        return None if data is None else msgspec.json.decode(data, type=_Signed)
    except msgspec.MsgspecError as error:
        raise Broken("ledger.signed", f"The signing state is unreadable: {error}.", str(folder)) from error


def _write_signed(folder: Path, disk: Disk, checkpoint: Checkpoint, key: SigningKey) -> _Signed:
    note = sign_note(checkpoint.text, key).decode()
    signed = _Signed(checkpoint.origin, checkpoint.size, checkpoint.root, note)
    disk.write({folder / "signed.json": msgspec.json.encode(signed) + b"\n"}, private=True)
    return signed


def _not_what_was_signed(folder: Path) -> Broken:
    remedy = (
        "Never go on with this store under this origin: find the right one, or restore under a new origin."
    )
    return Broken(
        "ledger.store", "The store does not hold the entries that were signed.", str(folder), remedy
    )


# --- the sequencer ---


class Sequencer:
    """Gives leaves to what the store has committed, once a second or sooner while there is work."""

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        *,
        limit: int = 4096,
        interval: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Compare ledger and store, and mend what a crash left torn.

        Args:
            ledger: open for writing.
            store: whose entries it takes.
            limit: entries in one step.
            interval: seconds from the start of one step to that of the next, when no more is waiting.
            clock: seconds, never falling.
            sleep: waits for seconds; by default in a way that `stop` ends at once.

        Raises:
            Broken: the store has less than what was signed, or something else.
        """
        self._ledger = ledger
        self._store = store
        self._limit = limit
        self._interval = interval
        self._clock = clock
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._sleep = sleep or self._rest
        self._thread: threading.Thread | None = None
        self.reason = "The sequencer has not been started."
        self._recover()

    @property
    def healthy(self) -> bool:
        """Whether entries are being sequenced; `reason` says why not."""
        return not self.reason

    def tick(self) -> int:
        """One step: sequence what is waiting, at most `limit` entries.

        Leaves that were given but not signed come first: so a step that died half-way is finished
        by the step after it, in the same process or the next.

        Returns:
            How many entries were sequenced.
        """
        self._ledger.publish()  # nothing to do, unless the disk was full when the last step got here
        first = self._ledger.size
        owed = self._store.sequenced_size() - first
        if owed:
            entries = self._store.entries(first, min(owed, self._limit))
        else:
            waiting = self._store.unsequenced(self._limit)
            if not waiting:
                return 0
            self._store.record_batch(first, max(seq for seq, _ in waiting), len(waiting))
            entries = [entry for _, entry in waiting]
        self._ledger.sequence(entries)
        return len(entries)

    def start(self) -> None:
        """Begin to tick, in a thread of its own."""
        self.reason = ""
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    def hasten(self) -> None:
        """Begin the next step now: somebody waits for the checkpoint."""
        self._woken.set()

    def _rest(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def stop(self) -> None:
        """Finish the step that is running, and stop."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()
        self.reason = self.reason or "The sequencer was stopped."

    def _recover(self) -> None:
        if self._store.sequenced_size() < self._ledger.size:
            raise _not_what_was_signed(self._ledger.public.folder)
        if self._ledger.torn:
            self._ledger.rebuild(self._store.entries)
        self._ledger.check_tail(self._store.entries)

    def _run(self) -> None:
        """Tick until told to stop, or until something breaks that another try cannot mend."""
        while not self._stopping.is_set():
            started, count = self._clock(), 0
            try:
                count = self.tick()
                self.reason = ""
            except Unavailable as error:
                self.reason = str(error)
            except Exception as error:
                self.reason = f"The sequencer has stopped: {error}"
                log.exception("the sequencer has stopped")
                return
            if count < self._limit:
                self._sleep(max(0.0, self._interval - (self._clock() - started)))
