"""Trees, proofs and tiles, against RFC 6962's definition, another library and frozen vectors."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core import merkle
from evenhand.core.errors import Invalid
from evenhand.core.merkle import CompactRange, Tile

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
LEAVES = [merkle.leaf_hash(b"leaf %d" % n) for n in range(70_000)]
WRONG = b"\xaa" * 32

sizes = st.integers(1, 600) | st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 1023, 1025])


@cache
def mth(low: int, high: int) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if high - low == 0:
        return sha256(b"").digest()
    if high - low == 1:
        return LEAVES[low]
    split = 1 << (high - low - 1).bit_length() - 1
    return sha256(b"\1" + mth(low, low + split) + mth(low + split, high)).digest()


def read_hash(level: int, index: int) -> bytes:
    return mth(index << level, (index + 1) << level)


def read_hash_below(size: int) -> merkle.ReadHash:
    """Nodes of a tree of a size: what lies beyond its edge is not to be asked for."""

    def read(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size, "asked for a node that the tree does not have"
        return read_hash(level, index)

    return read


def test_the_constants_of_rfc_6962() -> None:
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert (
        merkle.leaf_hash(b"L123456").hex()
        == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert (
        merkle.node_hash(b"N123", b"N456").hex()
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("size", [*range(20), 255, 256, 257, 1000])
def test_the_root_is_that_of_the_definition_and_of_pymerkle(size: int) -> None:
    leaves = LEAVES[:size]
    assert merkle.root(leaves) == mth(0, size)
    if size:
        other = pymerkle.InmemoryTree(algorithm="sha256")
        for n in range(size):
            other.append_entry(b"leaf %d" % n)
        assert merkle.root(leaves) == other.get_root()


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_tree_grown_in_any_steps_is_the_same(steps: list[int]) -> None:
    tree, size = CompactRange(), 0
    for step in steps:
        tree, size = tree.grow(LEAVES[size : size + step]).range, size + step
        assert tree == msgspec.json.decode(msgspec.json.encode(tree), type=CompactRange)
    one_by_one = CompactRange()
    for leaf in LEAVES[:size]:
        one_by_one = one_by_one.append(leaf)
    assert tree == one_by_one
    assert (tree.size, tree.root()) == (size, mth(0, size))


def test_a_range_that_is_none_is_refused() -> None:
    for size, nodes in ((1, ()), (2, (WRONG, WRONG)), (1, (b"short",))):
        with pytest.raises(Invalid):
            CompactRange(size, nodes)


@given(sizes, st.data())
def test_inclusion_is_proved_and_nothing_else_passes(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = mth(0, size)
    proof = merkle.inclusion_proof(index, size, read_hash_below(size))
    merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    forgeries = [
        (WRONG, index, size, proof, root),
        (LEAVES[index], index, size, proof, WRONG),
        (LEAVES[index], index, size, [*proof, WRONG], root),
        (LEAVES[index], size, size, proof, root),
        (LEAVES[index], -1, size, proof, root),
    ]
    for at in range(len(proof)):
        forgeries.append((LEAVES[index], index, size, [*proof[:at], WRONG, *proof[at + 1 :]], root))
        forgeries.append((LEAVES[index], index, size, [*proof[:at], b"short", *proof[at + 1 :]], root))
        forgeries.append((LEAVES[index], index, size, [*proof[:at], *proof[at + 1 :]], root))
        forgeries.append((LEAVES[index], index ^ (1 << at), size, proof, root))
    for forgery in forgeries:
        with pytest.raises(Invalid):
            merkle.verify_inclusion(*forgery)


@given(sizes, st.data())
def test_consistency_is_proved_and_nothing_else_passes(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    roots = mth(0, old), mth(0, new)
    proof = merkle.consistency_proof(old, new, read_hash_below(new))
    merkle.verify_consistency(old, new, proof, *roots)
    forgeries = [
        (old, new, proof, WRONG, roots[1]),
        (old, new, proof, roots[0], WRONG),
        (old, new, proof, WRONG, WRONG) if old < new else (old, new, proof, WRONG, roots[1]),
        (old, new, [*proof, WRONG], *roots),
        (0, new, proof, *roots),
        (new + 1, new, proof, *roots),
    ]
    for at in range(len(proof)):
        forgeries.append((old, new, [*proof[:at], WRONG, *proof[at + 1 :]], *roots))
        forgeries.append((old, new, [*proof[:at], *proof[at + 1 :]], *roots))
    for forgery in forgeries:
        with pytest.raises(Invalid):
            merkle.verify_consistency(*forgery)


def test_there_is_no_proof_of_what_is_not_so() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(Invalid):
            merkle.inclusion_proof(index, size, read_hash)
    for old, new in ((0, 3), (4, 3), (0, 0)):
        with pytest.raises(Invalid):
            merkle.consistency_proof(old, new, read_hash)


def test_frozen_trees_and_proofs() -> None:
    roots = {tree["size"]: bytes.fromhex(tree["root"]) for tree in VECTORS["trees"]}
    for size, root in roots.items():
        assert merkle.root(LEAVES[:size]) == root
    for vector in VECTORS["inclusion"]:
        proof = merkle.inclusion_proof(vector["index"], vector["size"], read_hash)
        assert [part.hex() for part in proof] == vector["proof"]
        root = mth(0, vector["size"])
        merkle.verify_inclusion(LEAVES[vector["index"]], vector["index"], vector["size"], proof, root)
    for vector in VECTORS["consistency"]:
        proof = merkle.consistency_proof(vector["old"], vector["new"], read_hash)
        assert [part.hex() for part in proof] == vector["proof"]


# --- tiles ---


def test_frozen_paths() -> None:
    for vector in VECTORS["tile_paths"]:
        assert Tile(vector["level"], vector["index"], vector["width"]).path == vector["path"]
    assert merkle.bundle_path(1234067) == "tile/entries/x001/x234/067"
    assert merkle.bundle_path(0, 3) == "tile/entries/000.p/3"
    assert Tile(0, 999_999).path == "tile/0/x999/999"
    assert Tile(0, 1_000_000).path == "tile/0/x001/x000/000"


def test_the_tiles_of_the_specification_s_example() -> None:
    """tlog-tiles: a tree of size 70,000, and one of size 256."""
    tiles = merkle.tiles_between(0, 70_000)
    assert tiles == [
        *[Tile(0, n) for n in range(273)],
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert merkle.tiles_between(0, 256) == [Tile(0, 0), Tile(1, 0, 1)]
    assert merkle.edge_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert merkle.edge_tiles(256) == [Tile(1, 0, 1)]
    assert merkle.edge_tiles(0) == []
    assert merkle.tiles_between(5, 5) == []


def write_tiles(tiles: dict[str, bytes], size: int, tree: CompactRange, upto: int) -> CompactRange:
    """Grow a tree and write the tiles that this changes, from the partial tiles that were there."""
    growth = tree.grow(LEAVES[size:upto])
    edge = {tile.level: tiles[tile.path] for tile in merkle.edge_tiles(size)}
    for tile in merkle.tiles_between(size, upto):
        data = merkle.tile_bytes(tile, growth, edge.pop(tile.level, b""))
        assert tiles.setdefault(tile.path, data) == data, "a tile is immutable"
    return growth.range


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 2_000) | st.sampled_from([1, 255, 256, 257]), max_size=8))
def test_tiles_hold_exactly_the_nodes_that_the_specification_says(steps: list[int]) -> None:
    tiles: dict[str, bytes] = {}
    tree, size = CompactRange(), 0
    for step in steps:
        tree, size = write_tiles(tiles, size, tree, size + step), size + step
    for tile in merkle.tiles_between(0, size):
        start = tile.index * 256
        hashes = [read_hash(8 * tile.level, start + i) for i in range(tile.width)]
        assert tiles[tile.path] == b"".join(hashes)
        assert merkle.split_hashes(tiles[tile.path]) == hashes


def test_a_tree_comes_back_from_its_right_edge_and_proves_from_its_tiles() -> None:
    tiles: dict[str, bytes] = {}
    tree = CompactRange()
    size = 0
    for upto in (300, 65_536, 66_000, 70_000):
        tree, size = write_tiles(tiles, size, tree, upto), upto
        edge = {tile.level: tiles[tile.path] for tile in merkle.edge_tiles(size)}
        assert merkle.range_from_tiles(size, edge) == tree
    read = merkle.hash_reader(size, lambda tile: tiles[tile.path])
    for index in (0, 299, 65_535, 65_536, 69_999):
        proof = merkle.inclusion_proof(index, size, read)
        merkle.verify_inclusion(LEAVES[index], index, size, proof, tree.root())
    for old in (1, 300, 65_536, 66_000, 70_000):
        proof = merkle.consistency_proof(old, size, read)
        merkle.verify_consistency(old, size, proof, merkle.root(LEAVES[:old]), tree.root())


def test_an_edge_that_is_cut_off_is_refused() -> None:
    for edge in ({}, {0: b"\0" * 31}, {0: b"\0" * 64}):
        with pytest.raises(Invalid, match="tile/0/000"):
            merkle.range_from_tiles(1, edge)


def test_a_range_in_json_has_its_hashes_as_base64() -> None:
    encoded = json.loads(msgspec.json.encode(CompactRange(1, (WRONG,))))
    assert encoded == {"size": 1, "nodes": [b64encode(WRONG).decode()]}
