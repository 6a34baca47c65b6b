"""Verifiable random draws: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381 (suite 0x03).

One key and one input have exactly one output, and everybody can check it: whoever holds the key can keep a
draw back, and cannot choose it. Points and scalars are those of libsodium (PyNaCl). Proving is not constant
in time over the input, which is public here; the key is used with libsodium's constant-time multiplication.
"""

from __future__ import annotations

import hashlib

from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from evenhand.core.errors import Invalid

SUITE = b"\x03"
KEY, PROOF, OUTPUT = 32, 80, 64  # bytes of a secret or public key, a proof, an output
_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = (1).to_bytes(32, "little")


def public_key(secret: bytes) -> bytes:
    """The public key of a 32-byte secret."""
    point: bytes = sodium.crypto_scalarmult_ed25519_base_noclamp(_expanded(secret)[0])
    return point


def prove(secret: bytes, alpha: bytes) -> bytes:
    """The 80-byte proof for an input (RFC 9381, section 5.1)."""
    x, prefix = _expanded(secret)
    public = sodium.crypto_scalarmult_ed25519_base_noclamp(x)
    h = _encode_to_curve(public, alpha)
    gamma = sodium.crypto_scalarmult_ed25519_noclamp(x, h)
    k = sodium.crypto_core_ed25519_scalar_reduce(hashlib.sha512(prefix + h).digest())
    u = sodium.crypto_scalarmult_ed25519_base_noclamp(k)
    c = _challenge(public, h, gamma, u, sodium.crypto_scalarmult_ed25519_noclamp(k, h))
    s = sodium.crypto_core_ed25519_scalar_add(k, sodium.crypto_core_ed25519_scalar_mul(c + bytes(16), x))
    return bytes(gamma + c + s)


def output(proof: bytes) -> bytes:
    """The 64-byte output of a proof that holds (section 5.2)."""
    return hashlib.sha512(SUITE + b"\x03" + _cleared(proof[:32]) + b"\x00").digest()


def verify(public: bytes, alpha: bytes, proof: bytes) -> bytes:
    """The 64-byte output (section 5.3).

    Raises:
        Invalid: the proof is not the one that this key makes for this input, or the key is not a point.
    """
    try:
        holds = len(proof) == PROOF and sodium.crypto_core_ed25519_is_valid_point(public)
        if holds and _holds(public, alpha, proof):
            return output(proof)
    except (CryptoError, ValueError, TypeError) as error:
        raise Invalid("vrf.proof", "The proof of the draw cannot be read.", "proof") from error
    raise Invalid("vrf.proof", "The proof of the draw does not hold.", "proof")


def _holds(public: bytes, alpha: bytes, proof: bytes) -> bool:
    gamma, c, s = proof[:32], proof[32:48], proof[48:]
    if int.from_bytes(s, "little") >= _Q:
        return False
    h = _encode_to_curve(public, alpha)
    long_c = c + bytes(16)
    u = sodium.crypto_core_ed25519_sub(
        sodium.crypto_scalarmult_ed25519_base_noclamp(s), _times(long_c, public)
    )
    v = sodium.crypto_core_ed25519_sub(_times(s, h), _times(long_c, gamma))
    return c == _challenge(public, h, gamma, u, v)


def _times(scalar: bytes, point: bytes) -> bytes:
    product: bytes = sodium.crypto_scalarmult_ed25519_noclamp(scalar, point)
    return product


def _expanded(secret: bytes) -> tuple[bytes, bytes]:
    """(scalar, prefix) of RFC 8032, section 5.1.5."""
    digest = hashlib.sha512(secret).digest()
    low = int.from_bytes(digest[:32], "little") & ~7 & ((1 << 254) - 1) | (1 << 254)
    return (low % _Q).to_bytes(32, "little"), digest[32:]


def _encode_to_curve(public: bytes, alpha: bytes) -> bytes:
    """Try and increment (section 5.4.1.1): about two tries."""
    for counter in range(256):
        digest = hashlib.sha512(SUITE + b"\x01" + public + alpha + bytes([counter]) + b"\x00").digest()
        point = _point(digest[:32])
        if point is not None:
            return point
    raise AssertionError("256 tries fail with probability 2^-256")  # pragma: no cover


def _point(text: bytes) -> bytes | None:
    """Eight times the point that these bytes stand for; None when they are none, or the identity."""
    if int.from_bytes(text, "little") & ((1 << 255) - 1) >= _P:
        return None  # pragma: no cover  # not canonical; one in 2^250
    try:
        point = _cleared(text)
    except (CryptoError, RuntimeError, ValueError):
        return None
    return point if point != _IDENTITY else None


def _cleared(point: bytes) -> bytes:
    """Eight times the point, by doubling: libsodium multiplies only points of prime order."""
    for _ in range(3):
        point = sodium.crypto_core_ed25519_add(point, point)
    return point


def _challenge(*points: bytes) -> bytes:
    """16 bytes (section 5.4.3)."""
    return hashlib.sha512(SUITE + b"\x02" + b"".join(points) + b"\x00").digest()[:16]
