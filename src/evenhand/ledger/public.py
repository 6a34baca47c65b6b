"""The log as anyone may read it: the published files, and proofs out of them."""

from __future__ import annotations

from pathlib import Path

from evenhand.core import merkle
from evenhand.core.checkpoint import (
    Proof,
    SigningKey,
    VerifyKey,
    open_checkpoint,
    parse_signing_key,
    parse_vkey,
)
from evenhand.core.errors import Broken, Missing, Unavailable
from evenhand.core.merkle import Tile
from evenhand.ledger.disk import Disk, LocalDisk


class PublicLog:
    """The published files. Any process may read them, at any time, while another sequences."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        """
        Args:
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
