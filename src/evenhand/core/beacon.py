"""What a draw in two phases depends on besides the node: a round of drand, or what witnesses reveal.

The node closes the candidates of a window in the log, and draws once others have added what it could not
know then: docs/spec/ledger.md, 10.8. A round of drand is a BLS signature over its number (unchained, on G1,
RFC 9380; https://docs.drand.love). A reveal is the one output that a witness's key has for the closing entry
(RFC 9381): its key stands in the log before, so it has committed to every reveal, and can only hold one back.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import Any

import msgspec

from evenhand.core import canonical, vrf
from evenhand.core.checkpoint import Proof, VerifyKey, encode_proof, open_note, parse_proof, verify_proof
from evenhand.core.errors import Invalid, Unavailable
from evenhand.core.merkle import leaf_hash

_encode = msgspec.json.Encoder(order="sorted").encode
_DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
MAX_REQUEST = 128 << 10  # bytes of a question to a witness
AHEAD = 1_500  # ms from closing to the round that decides, at least: the log shows the closing before


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A drand chain of scheme ``bls-unchained-g1-rfc9380``."""

    public: bytes  # compressed point of G2, 96 bytes
    genesis: int  # seconds since 1970-01-01 UTC: time of round 1
    period: int  # seconds

    def time_of(self, round_: int) -> int:
        """When a round can be known, ms."""
        return (self.genesis + (round_ - 1) * self.period) * 1000

    def round_after(self, ms: int) -> int:
        """The first round that nobody knows until `AHEAD` after this time."""
        return max(1, -((self.genesis * 1000 - ms - AHEAD) // (self.period * 1000)) + 1)

    def verify(self, round_: int, signature: bytes) -> None:
        """Check a round's signature: 48 bytes, a compressed point of G1.

        Raises:
            Invalid: it is not that of this round of this chain.
            Unavailable: the library for it is not installed.
        """
        try:
            from py_arkworks_bls12381 import GT, G1Point, G2Point
        except ImportError as error:  # pragma: no cover  # the tests have it
            remedy = "Install evenhand[drand]."
            raise Unavailable("beacon.library", "BLS signatures cannot be checked.", "", remedy) from error
        message = hashlib.sha256(round_.to_bytes(8, "big")).digest()
        try:
            told, public = (
                G1Point.from_compressed_bytes(signature),
                G2Point.from_compressed_bytes(self.public),
            )
            hashed = G1Point.hash_to_curve(message, _DST)
            if GT.multi_pairing([-told, hashed], [G2Point(), public]) == GT.one():
                return
        except ValueError as error:
            raise Invalid("beacon.round", "The round's signature is no point.", str(round_)) from error
        raise Invalid("beacon.round", "The round's signature is not that of this chain.", str(round_))

    def told(self) -> dict[str, Any]:
        """As it stands in a `beacon` entry."""
        return {"genesis": self.genesis, "period": self.period, "public": canonical.b64url(self.public)}


QUICKNET = Chain(
    public=bytes.fromhex(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
        "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
    ),
    genesis=1_692_803_367,
    period=3,
)
"""The chain of the League of Entropy; its hash is 52db9ba7…e971."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a window was drawn with, and the checkpoint that shows its first phase."""

    source: str  # drand, reveal, none
    signature: bytes = b""  # of the drand round
    reveals: tuple[tuple[bytes, bytes], ...] = ()  # (witness's Ed25519 key, proof), ascending
    size: int  # leaves of the checkpoint
    root: bytes
    cosignatures: tuple[tuple[bytes, int, bytes], ...] = ()  # (witness's key, seconds, signature), ascending


def external(leaf: bytes, evidence: Evidence) -> str:
    """What goes into the draw besides the candidates; base64url.

    Args:
        leaf: hash of the entry that closed the window. The checkpoint is not in it: the node could choose
            among several once it knows the rest.
    """
    reveals = [
        [canonical.b64url(who), canonical.b64url(vrf.output(proof))] for who, proof in evidence.reveals
    ]
    signature = canonical.b64url(evidence.signature) if evidence.signature else ""
    text = _encode([canonical.b64url(leaf), evidence.source, signature, reveals])
    return canonical.b64url(hashlib.sha256(b"evenhand/external/v1\x00" + text).digest())


def reveal_input(origin: str, pool: str, n: int, leaf: bytes) -> bytes:
    """What a witness reveals its output for: 32 bytes.

    Args:
        n: place of the closing entry in the pool's stream.
        leaf: its hash.
    """
    text = _encode([origin, pool, n, canonical.b64url(leaf)])
    return hashlib.sha256(b"evenhand/reveal/v1\x00" + text).digest()


def key_text(public: bytes) -> bytes:
    """What a witness signs, with the key of its cosignatures, about the key of its reveals."""
    return f"evenhand/reveal-key/v1\n{canonical.b64url(public)}\n".encode()


def encode_request(entry: bytes, proof: Proof) -> bytes:
    """What a witness is asked to reveal for: the closing entry, and the proof that a checkpoint covers it."""
    return f"entry {b64encode(entry).decode()}\n".encode() + encode_proof(proof)


def parse_request(body: bytes) -> tuple[bytes, Proof]:
    """Read `encode_request`. Nothing in it is checked by this.

    Raises:
        Invalid: it is none.
    """
    line, _, rest = body.partition(b"\n")
    try:
        if len(body) > MAX_REQUEST or not line.startswith(b"entry "):
            raise ValueError
        entry = b64decode(line.removeprefix(b"entry "), validate=True)
    except ValueError as error:
        raise Invalid("reveal.request", "Not an entry in base64 and its proof.") from error
    return entry, parse_proof(rest)


def reveal(body: bytes, log: VerifyKey, own: VerifyKey, secret: bytes) -> bytes:
    """What a witness answers: the proof of its one output for this closing entry, 80 bytes.

    It must have cosigned the checkpoint itself, so that the tree can never hold another entry in that place.

    Args:
        log: the key of the log whose checkpoint it is.
        own: the witness's, of its cosignatures.
        secret: of its reveals, 32 bytes.

    Raises:
        Invalid: the entry closes no window, or is not covered by a checkpoint that this witness cosigned.
    """
    data, proof = parse_request(body)
    leaf = leaf_hash(data)
    checkpoint = verify_proof(leaf, proof, log, [own])
    if own not in open_note(proof.checkpoint, [log, own]).signers:
        raise Invalid("reveal.checkpoint", "This witness has not cosigned that checkpoint.")
    entry = canonical.decode_entry(data)
    if entry.kind != "window-closed":
        raise Invalid("reveal.entry", "The entry closes no window.")
    return vrf.prove(secret, reveal_input(checkpoint.origin, entry.stream, entry.n, leaf))
