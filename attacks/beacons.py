"""Two witnesses and a chain of drand, for exchanges that draw in two phases. Their secrets are known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from evenhand.core import beacon, vrf
from evenhand.core.beacon import Chain
from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import COSIGNATURE, Checkpoint, SigningKey, cosignature_text

DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


def chain_of(secret: int, genesis: int = 1_692_803_367) -> Chain:
    """A chain with one member."""
    return Chain(public=(G2Point() * Scalar(secret)).to_compressed_bytes(), genesis=genesis, period=3)


@lru_cache(maxsize=64)
def told_by(round_: int, secret: int = 7) -> bytes:
    """The signature of a round."""
    hashed = G1Point.hash_to_curve(hashlib.sha256(round_.to_bytes(8, "big")).digest(), DST)
    return (hashed * Scalar(secret)).to_compressed_bytes()


CHAIN = chain_of(7)


@dataclass(frozen=True)
class Witness:
    """Somebody who cosigns and reveals."""

    key: SigningKey

    def cosign(self, origin: str, size: int, root: bytes, seconds: int) -> tuple[bytes, int, bytes]:
        """(its key, when, its signature about a checkpoint)."""
        text = cosignature_text(seconds, Checkpoint(origin, size, root).text.encode())
        return self.key.verify_key.public, seconds, self.key.sign(text)

    def reveal(self, asked: bytes) -> tuple[bytes, bytes]:
        """(its key, its one proof)."""
        return self.key.verify_key.public, vrf.prove(self.key.derived(b"reveal"), asked)

    def told(self) -> dict[str, str]:
        """As it stands in a `beacon` entry."""
        public = vrf.public_key(self.key.derived(b"reveal"))
        signature = self.key.sign(beacon.key_text(public))
        return {
            "witness": b64url(self.key.verify_key.public),
            "public": b64url(public),
            "sg": b64url(signature),
        }


WITNESSES = tuple(
    sorted(
        (Witness(SigningKey(f"witness-{n}.example", bytes([n]) * 32, COSIGNATURE)) for n in (1, 2)),
        key=lambda witness: witness.key.verify_key.public,
    )
)
POLICY = (
    "".join(f"witness w{n} {witness.key.verify_key}\n" for n, witness in enumerate(WITNESSES))
    + "group both all w0 w1\nquorum both\n"
)
