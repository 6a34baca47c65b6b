"""What whoever submits takes away: a promise at once, a proof soon after, both checked offline.

A promise without its leaf in the log is evidence against the node. See ``docs/spec/ledger.md``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import msgspec

from evenhand.core import merkle
from evenhand.core.canonical import Entry, commit, decode_entry, unb64url
from evenhand.core.checkpoint import Checkpoint, SigningKey, VerifyKey, parse_proof, verifies, verify_proof
from evenhand.core.errors import Invalid

PROMISE_MS = 10_000
"""How soon after commit the node promises to have an entry in the log, in ms."""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The node's word that a leaf will be in the log in time. Bytes are base64 in JSON.

    One signature covers all submissions that were committed together, so that a signature's cost
    is paid once a group: the leaf hashes form a small tree, and each promise leads to its root.
    """

    deadline: int  # ms since 1970-01-01 UTC, by the node's clock
    index: int  # of the leaf in the group
    size: int  # leaves in the group
    path: tuple[bytes, ...]  # siblings up to the group's root, RFC 6962
    signature: bytes  # the log key's Ed25519 over `promise_text`, 64 bytes


def promise_text(origin: str, deadline: int, group_root: bytes) -> bytes:
    """What the node signs. No checkpoint reads like it: its second line is no number."""
    return f"evenhand/promise/v1\n{origin}\n{deadline}\n{b64encode(group_root).decode()}\n".encode()


def promise(leaves: Sequence[bytes], at_ms: int, key: SigningKey) -> list[Promise]:
    """Promise to include a group of leaves within `PROMISE_MS`.

    Args:
        leaves: leaf hashes of entries that are committed already, at least one.
        at_ms: the node's clock at commit, ms since 1970-01-01 UTC.
        key: the log's.

    Returns:
        One promise for each leaf, in order.
    """
    levels = _levels(leaves)
    deadline, size = at_ms + PROMISE_MS, len(leaves)
    signature = key.sign(promise_text(key.name, deadline, levels[-1][0]))
    return [
        Promise(deadline=deadline, index=index, size=size, path=_path(levels, index), signature=signature)
        for index in range(size)
    ]


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Every level of a small tree, leaves first; a node without a sibling goes up as it is (RFC 6962)."""
    levels: list[Sequence[bytes]] = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [merkle.node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append([*pairs, *below[len(pairs) * 2 :]])
    return levels


def _path(levels: Sequence[Sequence[bytes]], index: int) -> tuple[bytes, ...]:
    """The siblings on the way from a leaf to the root."""
    path = []
    for level in levels:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return tuple(path)


def verify_promise(leaf: bytes, given: Promise, log: VerifyKey) -> None:
    """Check that the node promised to include a leaf.

    Raises:
        Invalid: the promise is not about this leaf, or not of this log.
    """
    group_root = merkle.root_from_inclusion(leaf, given.index, given.size, given.path)
    if not verifies(log.public, given.signature, promise_text(log.name, given.deadline, group_root)):
        raise Invalid("promise.forged", f"{log.name} did not sign this promise for this entry.", "promise")


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a commitment hides. Bytes are base64 in JSON."""

    field: str  # name of the private field
    salt: bytes  # 32 bytes
    value: bytes  # as stored


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that whoever submitted needs, to show later what was said and when it was logged."""

    place: tuple[str, int]  # stream, and number in it
    entry: bytes  # the entry's bytes; base64 in JSON
    leaf: bytes  # SHA-256(0x00 || entry), RFC 6962
    openings: tuple[Opening, ...]  # of the private fields that the holder may know
    promise: Promise
    proof: str | None = None  # a ``.tlog-proof`` file, once the log has the entry


def verify_receipt(receipt: Receipt, log: VerifyKey) -> Checkpoint | None:
    """Check a receipt offline, with nothing but the log's key.

    Returns:
        The checkpoint that covers the entry; None while there is only the promise.

    Raises:
        Invalid: any part contradicts another, or a signature does not hold; ``where`` names the part.
    """
    entry = decode_entry(receipt.entry)
    if entry.place != receipt.place:
        raise Invalid("receipt.place", "The entry stands in another place.", "place")
    if merkle.leaf_hash(receipt.entry) != receipt.leaf:
        raise Invalid("receipt.leaf", "The leaf hash is not that of the entry.", "leaf")
    for opening in receipt.openings:
        _check_opening(entry, opening, log.name)
    verify_promise(receipt.leaf, receipt.promise, log)
    if receipt.proof is None:
        return None
    return verify_proof(receipt.leaf, parse_proof(receipt.proof.encode()), log)


def _check_opening(entry: Entry, opening: Opening, origin: str) -> None:
    """An opening must give exactly the commitment that stands in the entry."""
    where = f"openings.{opening.field}"
    if opening.field not in entry.commitments:
        raise Invalid("receipt.opening", "The entry commits to no such field.", where)
    given = commit(origin, entry.kind, opening.field, opening.salt, opening.value)
    if given != unb64url(entry.commitments[opening.field]):
        raise Invalid("receipt.opening", "The entry commits to another value.", where)
