"""Draws that anyone can check: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381 (suite 0x03), and what is drawn for.

Written from RFC 9381, section 5, and ``docs/spec/ledger.md``, 10.3. Points and scalars are libsodium's.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from nacl import bindings
from nacl.exceptions import CryptoError

_ORDER = 2**252 + 27742317777372353535851937790883648493
_SUITE = b"\3"
_UNIT_POINT = b"\1" + bytes(31)


def candidates(backlog: Iterable[tuple[str, int, int]], waiting: Iterable[tuple[str, int]]) -> bytes:
    """Digest of who may be chosen: (client, tag, weight) and (who, leases wanted), each ascending."""
    return hashlib.sha256(canonical({"backlog": sorted(backlog), "waiting": sorted(waiting)})).digest()


def alpha(origin: str, pool: str, n: int, digest: str, external: str = "") -> bytes:
    """What the node must draw for in the window with this place."""
    return hashlib.sha256(b"evenhand/rand/v1\0" + canonical([origin, pool, n, digest, external])).digest()


def b64url(data: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: Any) -> bytes:
    """RFC 8785, for what has no floats and only ASCII keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def output(proof: bytes) -> bytes:
    """The 64 bytes that a proof stands for, whether it holds or not; b"" when it is no proof at all."""
    try:
        return hashlib.sha512(_SUITE + b"\3" + _times_eight(proof[:32]) + b"\0").digest()
    except (CryptoError, ValueError, TypeError):
        return b""


def holds(public: bytes, message: bytes, proof: bytes) -> bool:
    """Whether the key's one proof for this message is this one (RFC 9381, section 5.3)."""
    if len(public) != 32 or len(proof) != 80 or int.from_bytes(proof[48:], "little") >= _ORDER:
        return False
    try:
        if not _is_key(public):
            return False
        gamma, c, s = proof[:32], proof[32:48] + bytes(16), proof[48:]
        base = _to_curve(public, message)
        u = _minus(bindings.crypto_scalarmult_ed25519_base_noclamp(s), _mul(c, public))
        v = _minus(_mul(s, base), _mul(c, gamma))
        told = hashlib.sha512(_SUITE + b"\2" + public + base + gamma + u + v + b"\0").digest()
    except (CryptoError, ValueError, TypeError):
        return False
    return told[:16] == proof[32:48]


@lru_cache(maxsize=64)
def _is_key(public: bytes) -> bool:
    """Whether it is a point of the large subgroup: asked once of each key of a log."""
    return bool(bindings.crypto_core_ed25519_is_valid_point(public))


def _to_curve(public: bytes, message: bytes) -> bytes:
    """Try and increment (section 5.4.1.1): the first hash that is a point, times the cofactor."""
    for counter in range(256):
        digest = hashlib.sha512(_SUITE + b"\1" + public + message + bytes([counter]) + b"\0").digest()[:32]
        try:
            point = _times_eight(digest)
        except (CryptoError, ValueError):
            continue
        if point != _UNIT_POINT:
            return point
    raise ValueError("no point was found")


def _times_eight(point: bytes) -> bytes:
    for _ in range(3):  # additions take any point, multiplication only those of prime order
        point = bindings.crypto_core_ed25519_add(point, point)
    return point


def _mul(scalar: bytes, point: bytes) -> bytes:
    product: bytes = bindings.crypto_scalarmult_ed25519_noclamp(scalar, point)
    return product


def _minus(a: bytes, b: bytes) -> bytes:
    difference: bytes = bindings.crypto_core_ed25519_sub(a, b)
    return difference
