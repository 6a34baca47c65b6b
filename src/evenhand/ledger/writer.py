"""The log as its one writer holds it: key, signing state, tiles."""

from __future__ import annotations

import fcntl
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from evenhand.core import merkle
from evenhand.core.canonical import MAX_ENTRY_BYTES
from evenhand.core.checkpoint import Checkpoint, SigningKey, open_checkpoint, parse_signing_key, sign_note
from evenhand.core.errors import Broken, Invalid, Refused, Unavailable
from evenhand.core.merkle import TILE_HEIGHT, TILE_WIDTH, Tile
from evenhand.ledger.disk import Disk, LocalDisk
from evenhand.ledger.public import PublicLog
from evenhand.ledger.tree import Tree, unpack_bundle

log = logging.getLogger(__name__)


_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9./:_-]{0,199}")
_REBUILD_CHUNK = 16 * TILE_WIDTH  # entries in memory at once while tiles are written again


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
    """The one writer of a ledger. See the top of `evenhand.ledger` for the order of its steps."""

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
            raise not_what_was_signed(self._folder)
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
                raise not_what_was_signed(self._folder)

    def _regrown(
        self,
        entries: Callable[[int, int], Sequence[bytes]],
        write: Callable[[Mapping[str, bytes]], None],
    ) -> Tree:
        """Grow the tree from nothing to the size that was signed, handing over its files on the way."""
        tree = Tree()
        while tree.size < self.size:
            chunk = entries(tree.size, min(_REBUILD_CHUNK, self.size - tree.size))
            if not chunk:
                raise not_what_was_signed(self._folder)
            tree, files = tree.grow(chunk)
            write(files)
        return tree

    def _load_tree(self) -> Tree | None:
        """The tree that was signed, from its right edge on disk; None when the edge is not that tree's."""
        size = self._signed.size
        try:
            edge = {tile.level: self.public.read_tile(tile) for tile in merkle.edge_tiles(size)}
            tree = Tree(merkle.range_from_tiles(size, edge), edge, self._load_bundle(size, edge))
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


def not_what_was_signed(folder: Path) -> Broken:
    """The store and the ledger contradict each other: whatever were signed next would be a fork."""
    remedy = (
        "Never go on with this store under this origin: find the right one, or restore under a new origin."
    )
    return Broken(
        "ledger.store", "The store does not hold the entries that were signed.", str(folder), remedy
    )
