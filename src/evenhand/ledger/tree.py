"""The tree as its right edge, which is all that it takes to append, and what it comes to as files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evenhand.core import merkle
from evenhand.core.errors import Invalid
from evenhand.core.merkle import TILE_WIDTH, CompactRange, Tile


class Tree(msgspec.Struct, frozen=True):
    """A tree that can be appended to, and the partial files at its right edge."""

    range: CompactRange = CompactRange()
    edge: dict[int, bytes] = {}  # tile level -> its partial tile, if it has one
    bundle: bytes = b""  # the partial entry bundle; b"" when the last one is full

    @property
    def size(self) -> int:
        """Leaves."""
        return self.range.size

    def grow(self, entries: Sequence[bytes]) -> tuple[Tree, dict[str, bytes]]:
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
        return Tree(growth.range, edge, bundle), files

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
