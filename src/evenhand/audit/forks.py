"""Two checkpoints of one log that cannot both be true, as one file that anyone can check.

    {"format": "evenhand/fork-proof/v1", "vkey": …, "first": note, "second": note, "prefix": …, "proof": […]}

Both notes are signed by the log, the first is not larger. At one size the roots differ, and `prefix` and
`proof` are empty. Else `proof` shows (RFC 9162, section 2.1.4) that the *second* tree has at the first size
the root `prefix`, which is not the root that the first note says. So neither tree continues the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from evenhand.audit.notes import TreeHead, Unacceptable, read_checkpoint, read_key, strict_base64
from evenhand.audit.sources import Source, numbered

FORMAT = "evenhand/fork-proof/v1"


@dataclass(frozen=True)
class Fork:
    """What a proof of a fork shows."""

    origin: str
    first: TreeHead
    second: TreeHead


def prove_fork(first: bytes, second: bytes, vkey: str, log: Source | None = None) -> bytes | None:
    """Compare two checkpoints; gives the proof when the log contradicts itself, None when it does not.

    Args:
        first, second: signed notes, in either order.
        vkey: the log's key.
        log: where the tiles of the larger tree are; needed when the sizes differ.

    Raises:
        Unacceptable: a note is not signed by the log, or the tiles that are needed are not to be had.
    """
    key = read_key(vkey)
    notes = sorted((first, second), key=lambda note: read_checkpoint(note, key).size)
    low, high = (read_checkpoint(note, key) for note in notes)
    prefix, proof = b"", list[bytes]()
    if low.size == high.size or low.size == 0:
        if low.size != high.size or low.root == high.root:
            return None
    else:
        if log is None:
            raise Unacceptable(f"sizes {low.size} and {high.size} differ: name the log of the larger tree")
        tree = _Tiles(log, high.size)
        prefix, proof = tree.root(low.size), list(tree.consistency(low.size))
        if tree.root(high.size) != high.root:
            raise Unacceptable("these tiles are not those of the larger checkpoint")
        if prefix == low.root:
            return None
    parts = {
        "format": FORMAT,
        "vkey": vkey.strip(),
        "first": notes[0].decode(),
        "second": notes[1].decode(),
        "prefix": base64.b64encode(prefix).decode(),
        "proof": [base64.b64encode(part).decode() for part in proof],
    }
    return json.dumps(parts, indent=1, ensure_ascii=False).encode() + b"\n"


def verify_fork(data: bytes, vkey: str | None = None) -> Fork:
    """Check a proof of a fork, with nothing else.

    Args:
        data: what `prove_fork` gave.
        vkey: the log's key from another place; by default that in the proof, whom it then accuses.

    Raises:
        Unacceptable: it proves nothing.
    """
    try:
        parts = json.loads(data)
        key = read_key(vkey or parts["vkey"])
        first, second = (read_checkpoint(parts[name].encode(), key) for name in ("first", "second"))
        prefix = strict_base64(parts["prefix"])
        proof = [strict_base64(part) for part in parts["proof"]]
        if parts["format"] != FORMAT:
            raise Unacceptable(f"not of the form {FORMAT}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unacceptable(f"not a proof of a fork: {error}") from error
    _check(first, second, prefix, proof)
    return Fork(key.name, first, second)


def _check(first: TreeHead, second: TreeHead, prefix: bytes, proof: list[bytes]) -> None:
    """That the two cannot both be true."""
    if first.size == second.size:
        if first.root == second.root:
            raise Unacceptable("both checkpoints are the same")
    elif not 0 < first.size < second.size or prefix == first.root:
        raise Unacceptable("the second checkpoint may well continue the first")
    elif roots_of_consistency(first.size, second.size, proof, prefix) != (prefix, second.root):
        raise Unacceptable("the second tree is not shown to begin with another one")


def roots_of_consistency(old: int, new: int, proof: list[bytes], old_root: bytes) -> tuple[bytes, bytes]:
    """The roots at both sizes that a proof leads to (RFC 9162, section 2.1.4.2).

    Raises:
        Unacceptable: it is too long, too short, or holds no hashes.
    """
    if not 0 < old <= new or any(len(part) != 32 for part in proof):
        raise Unacceptable(f"no proof leads from size {old} to {new}, or it holds no hashes")
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if old == new:
        if proof:
            raise Unacceptable("the proof is too long")
        return old_root, old_root
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not path:
        raise Unacceptable("the proof is too short")
    low = high = path.pop(0)
    for part in path:
        if last == 0:
            raise Unacceptable("the proof is too long")
        if position & 1 or position == last:
            low, high = _node(part, low), _node(part, high)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            high = _node(high, part)
        position, last = position >> 1, last >> 1
    if last:
        raise Unacceptable("the proof is too short")
    return low, high


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class _Tiles:
    """A tree as its published tiles show it."""

    def __init__(self, log: Source, size: int) -> None:
        self._log = log
        self._size = size

    def root(self, size: int) -> bytes:
        """Of the first `size` leaves."""
        return self._range(0, size)

    def consistency(self, old: int) -> Iterator[bytes]:
        """The proof from `old` leaves to all of them (RFC 9162, section 2.1.4.1)."""
        yield from self._sub(old, 0, self._size, whole=True)

    def _sub(self, old: int, low: int, high: int, *, whole: bool) -> Iterator[bytes]:
        if old == high:
            if not whole:
                yield self._range(low, high)
            return
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if old <= middle:
            yield from self._sub(old, low, middle, whole=whole)
            yield self._range(middle, high)
        else:
            yield from self._sub(old, middle, high, whole=False)
            yield self._range(low, middle)

    def _range(self, low: int, high: int) -> bytes:
        """The root over leaves `low` to `high`, end excluded."""
        width = 1 << (high - low - 1).bit_length()
        if high - low == width:
            return self._perfect(width.bit_length() - 1, low // width)
        middle = low + width // 2
        return _node(self._range(low, middle), self._range(middle, high))

    def _perfect(self, level: int, index: int) -> bytes:
        """The root over 2^level leaves, from the hashes of one tile."""
        tile_level, inner = divmod(level, 8)
        first = index << inner
        hashes = self._hashes(tile_level, first // 256)[first % 256 :][: 1 << inner]
        if len(hashes) != 1 << inner:
            raise Unacceptable("a tile that is needed is missing or short")
        while len(hashes) > 1:
            hashes = [_node(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    def _hashes(self, level: int, number: int) -> list[bytes]:
        width = min(256, (self._size >> 8 * level) - 256 * number)
        path = f"tile/{level}/{numbered(number)}"
        data = self._log.read(path if width == 256 else f"{path}.p/{width}") or self._log.read(path) or b""
        return [data[at : at + 32] for at in range(0, len(data) - 31, 32)]
