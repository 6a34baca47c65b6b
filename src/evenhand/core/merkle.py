"""Merkle trees of RFC 6962, section 2.1, and their tiles as C2SP ``tlog-tiles`` lays them out.

A *node* is named by ``(level, index)``: it is the root of the perfect subtree over the leaves
``index * 2**level`` up to ``(index + 1) * 2**level``, end excluded. Level 0 are the leaf hashes.
Nothing here reads a disk: proofs ask a callback for nodes, tiles are handed over as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import msgspec

from evenhand.core.errors import Invalid

HASH_BYTES = 32
TILE_HEIGHT = 8  # levels that one tile spans
TILE_WIDTH = 256  # hashes in a full tile, 2**TILE_HEIGHT

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

ReadHash = Callable[[int, int], bytes]
"""Takes ``(level, index)`` and gives the node's hash."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf, ``SHA-256(0x00 || data)``."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, ``SHA-256(0x01 || left || right)``."""
    return sha256(b"\1" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; `EMPTY_ROOT` when there are none."""
    return CompactRange().grow(leaves).range.root()


# --- a tree that only grows ---


class CompactRange(msgspec.Struct, frozen=True):
    """All that must be kept of a tree in order to append to it: O(log n) hashes.

    It is a Struct, so ``msgspec.json`` writes it (hashes as base64) and reads it back.
    """

    size: int = 0  # leaves
    nodes: tuple[bytes, ...] = ()  # roots of its perfect subtrees, left (largest) to right

    def __post_init__(self) -> None:
        if len(self.nodes) != self.size.bit_count() or any(len(node) != HASH_BYTES for node in self.nodes):
            raise Invalid("tree.range", f"{len(self.nodes)} nodes do not make a tree of size {self.size}.")

    def root(self) -> bytes:
        """The root of the tree."""
        return _fold(self.nodes) if self.nodes else EMPTY_ROOT

    def append(self, leaf: bytes) -> CompactRange:
        """The tree with one more leaf hash."""
        return self.grow((leaf,)).range

    def grow(self, leaves: Sequence[bytes]) -> Growth:
        """Append leaf hashes, level by level: about one node is hashed for each leaf.

        Returns:
            The larger tree and, for each level, the perfect subtrees that the leaves completed.
        """
        before = dict(zip(_levels(self.size), self.nodes, strict=True))
        after = dict(before)
        levels: list[Level] = []
        fresh, first = list(leaves), self.size
        while fresh:
            level = len(levels)
            levels.append(Level(first, fresh))
            after[level] = fresh[-1]
            fresh, first = _pair(fresh, first, before.get(level))
        size = self.size + len(leaves)
        return Growth(CompactRange(size, tuple(after[level] for level in _levels(size))), tuple(levels))


class Level(msgspec.Struct, frozen=True):
    """The nodes of one level that an append completed."""

    first: int  # index of the first of them
    hashes: list[bytes]  # they are neighbours


class Growth(msgspec.Struct, frozen=True):
    """What an append came to."""

    range: CompactRange
    levels: tuple[Level, ...]  # by level from 0; a level without new nodes, and all above it, is left out


def _levels(size: int) -> list[int]:
    """Levels of the perfect subtrees that make up a tree, left (the largest) to right."""
    return [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]


def _pair(fresh: list[bytes], first: int, waiting: bytes | None) -> tuple[list[bytes], int]:
    """Hash neighbours into the level above; `waiting` is the left partner of an odd first node."""
    if first & 1:
        assert waiting is not None  # an odd index has a finished left sibling, and CompactRange keeps it
        fresh, first = [waiting, *fresh], first - 1
    pairs = zip(fresh[0::2], fresh[1::2], strict=False)  # an odd last node waits for its partner
    return [sha256(b"\1" + left + right).digest() for left, right in pairs], first >> 1


def _fold(nodes: Sequence[bytes]) -> bytes:
    """The root over neighbouring perfect subtrees, largest first."""
    result = nodes[-1]
    for node in reversed(nodes[:-1]):
        result = node_hash(node, result)
    return result


# --- proofs ---


def inclusion_proof(index: int, size: int, read_hash: ReadHash) -> list[bytes]:
    """Prove that the leaf at `index` is in the tree of `size` (RFC 6962, section 2.1.1).

    Returns:
        The siblings from the leaf's own up to the root's child.

    Raises:
        Invalid: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise Invalid("proof.index", f"A tree of {size} leaves has no leaf {index}.")
    return list(_path(index, 0, size, read_hash))


def consistency_proof(old: int, new: int, read_hash: ReadHash) -> list[bytes]:
    """Prove that the tree of size `old` is a prefix of the tree of size `new` (RFC 6962, section 2.1.2).

    Raises:
        Invalid: `old` is 0 (everything continues nothing: there is nothing to prove) or above `new`.
    """
    if not 1 <= old <= new:
        raise Invalid("proof.size", f"There is no proof of consistency from size {old} to size {new}.")
    if old == new:
        return []
    level = _levels(old)[-1]  # of the last perfect subtree of the old tree: the walk starts there
    proof = list(_path(old - 1, level, new, read_hash))
    if old == 1 << level:  # the old tree is that subtree, and the verifier knows its root
        return proof
    return [read_hash(level, (old - 1) >> level), *proof]


def _path(index: int, level: int, size: int, read_hash: ReadHash) -> Iterator[bytes]:
    """Siblings on the way from the node at `level` above leaf `index` up to the root."""
    node = index >> level
    while (1 << level) < size:
        sibling = node ^ 1
        low, high = sibling << level, min((sibling + 1) << level, size)
        if low < size:
            yield _range_hash(low, high, read_hash)
        node, level = node >> 1, level + 1


def _range_hash(low: int, high: int, read_hash: ReadHash) -> bytes:
    """The root over leaves low to high (excluded), where low is a multiple of the range's rounded-up size."""
    nodes = []
    for level in _levels(high - low):
        nodes.append(read_hash(level, low >> level))
        low += 1 << level
    return _fold(nodes)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof (RFC 9162, section 2.1.3.2).

    Raises:
        Invalid: the proof does not lead from the leaf hash to the root.
    """
    if root_from_inclusion(leaf, index, size, proof) != root:
        raise Invalid("proof.inclusion", f"The proof does not lead from leaf {index} to the root.")


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to.

    Raises:
        Invalid: the tree has no such leaf, or the proof has the wrong length.
    """
    if not 0 <= index < size:
        raise Invalid("proof.index", f"A tree of {size} leaves has no leaf {index}.")
    node, last, result = index, size - 1, leaf
    hashes = iter(_checked((leaf, *proof))[1:])
    while last:
        if node & 1:
            result = node_hash(_next(hashes), result)
        elif node < last:
            result = node_hash(result, _next(hashes))
        node, last = node >> 1, last >> 1
    _exhausted(hashes)
    return result


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check a consistency proof (RFC 9162, section 2.1.4.2).

    Raises:
        Invalid: the sizes cannot be compared, or the old tree is not shown to be a prefix of the new one.
    """
    if not 1 <= old <= new:
        raise Invalid("proof.size", f"There is no proof of consistency from size {old} to size {new}.")
    if old == new:
        prefix, whole = new_root, old_root  # one tree, so nothing to climb and nothing to prove
        _exhausted(iter(proof))
    else:
        prefix, whole = _climb(old, new, proof, old_root)
    if (prefix, whole) != (old_root, new_root):
        raise Invalid("proof.consistency", f"Size {old} is not shown to be a prefix of size {new}.")


def _climb(old: int, new: int, proof: Sequence[bytes], old_root: bytes) -> tuple[bytes, bytes]:
    """The roots at both sizes that a consistency proof leads to."""
    hashes = iter(_checked(proof))
    level = _levels(old)[-1]
    node, last = (old - 1) >> level, (new - 1) >> level
    prefix = whole = old_root if old == 1 << level else _next(hashes)
    while last:
        if node & 1:
            sibling = _next(hashes)
            prefix, whole = node_hash(sibling, prefix), node_hash(sibling, whole)
        elif node < last:
            whole = node_hash(whole, _next(hashes))
        node, last = node >> 1, last >> 1
    _exhausted(hashes)
    return prefix, whole


def _checked(proof: Sequence[bytes]) -> Sequence[bytes]:
    """The proof, when each of its parts is a hash."""
    if any(len(part) != HASH_BYTES for part in proof):
        raise Invalid("proof.hash", "A proof consists of SHA-256 hashes of 32 bytes each.")
    return proof


def _next(hashes: Iterator[bytes]) -> bytes:
    """The next hash of a proof that must not end here."""
    found = next(hashes, None)
    if found is None:
        raise Invalid("proof.short", "The proof is too short for its tree.")
    return found


def _exhausted(hashes: Iterator[bytes]) -> None:
    """Refuse what is left over: a proof has exactly one length."""
    if next(hashes, None) is not None:
        raise Invalid("proof.long", "The proof is too long for its tree.")


# --- tiles ---


class Tile(msgspec.Struct, frozen=True, order=True):
    """256 neighbouring nodes, or fewer at the right edge of the tree."""

    level: int  # 0 to 7: its hashes are nodes of level 8 * level
    index: int  # position within the level
    width: int = TILE_WIDTH  # hashes in it, 1 to 256

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix (``tlog-tiles``)."""
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Where the entry bundle beside the tile ``(0, index, width)`` is served."""
    return f"tile/entries/{_numbered(index, width)}"


def _numbered(index: int, width: int) -> str:
    """A tile's number in groups of three digits, all but the last marked ``x``; ``.p/W`` when partial."""
    groups = []
    while index >= 1000:
        index, rest = divmod(index, 1000)
        groups.append(f"{rest:03d}")
    groups.append(f"{index:03d}")
    path = "/".join(["x" + group for group in reversed(groups[1:])] + groups[:1])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def tiles_between(old: int, new: int) -> list[Tile]:
    """Tiles that a growth from `old` to `new` leaves writes, full and partial, lowest level first."""
    tiles, level = [], 0
    while new > old:
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            tiles.append(Tile(level, index, min(TILE_WIDTH, new - index * TILE_WIDTH)))
        old, new, level = old >> TILE_HEIGHT, new >> TILE_HEIGHT, level + 1
    return tiles


def edge_tiles(size: int) -> list[Tile]:
    """The partial tiles at the right edge of a tree, lowest level first; levels that end full have none."""
    widths = [(size >> TILE_HEIGHT * level) for level in range((size.bit_length() + 7) // TILE_HEIGHT)]
    return [
        Tile(level, nodes // TILE_WIDTH, nodes % TILE_WIDTH)
        for level, nodes in enumerate(widths)
        if nodes % TILE_WIDTH
    ]


def tile_bytes(tile: Tile, growth: Growth, before: bytes) -> bytes:
    """The bytes of a tile after a growth.

    Args:
        tile: one of `tiles_between`.
        growth: the append.
        before: bytes of the partial tile that stood in the same place; empty when there was none.
    """
    level = growth.levels[tile.level * TILE_HEIGHT]
    start = tile.index * TILE_WIDTH + len(before) // HASH_BYTES - level.first
    end = tile.index * TILE_WIDTH + tile.width - level.first
    return before + b"".join(level.hashes[start:end])


def range_from_tiles(size: int, edge: dict[int, bytes]) -> CompactRange:
    """The tree of `size`, from nothing but its right edge.

    Args:
        size: leaves.
        edge: tile level -> bytes of the partial tile of `edge_tiles`.

    Raises:
        Invalid: a tile is missing or has the wrong length.
    """
    for tile in edge_tiles(size):
        if len(edge.get(tile.level, b"")) != tile.width * HASH_BYTES:
            raise Invalid("tree.edge", "The tile does not have its length.", tile.path)
    read_hash = hash_reader(size, lambda tile: edge[tile.level])
    nodes, low = [], 0
    for level in _levels(size):
        nodes.append(read_hash(level, low >> level))
        low += 1 << level
    return CompactRange(size, tuple(nodes))


def hash_reader(size: int, read_tile: Callable[[Tile], bytes]) -> ReadHash:
    """Nodes out of tiles: what proofs ask for, from what the disk holds.

    Args:
        size: leaves of the tree whose tiles are read; it decides which tiles are partial.
        read_tile: gives a tile's bytes.
    """

    def read_hash(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height  # in nodes of the tile's own level
        number, offset = divmod(first, TILE_WIDTH)
        nodes = size >> TILE_HEIGHT * tile_level
        tile = Tile(tile_level, number, min(TILE_WIDTH, nodes - number * TILE_WIDTH))
        return root(split_hashes(read_tile(tile))[offset : offset + (1 << height)])

    return read_hash


def split_hashes(tile: bytes) -> list[bytes]:
    """A tile's bytes as its hashes."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
