"""What is told to other programs: how a message is signed, and when one that was not taken is sent again."""

from __future__ import annotations

import base64
import hashlib
import hmac

TRIES = 20
"""A message is sent so often at most."""

FIRST_MS = 5_000  # from the first try to the second
LONGEST_MS = 9_600_000  # between two tries


def next_try(tries: int, at_ms: int) -> int | None:
    """When to send again after so many tries that failed; None: no more. All tries together take 24 hours.

    The wait doubles from five seconds on, up to two hours and forty minutes.
    """
    if tries >= TRIES:
        return None
    return at_ms + min(FIRST_MS << (tries - 1), LONGEST_MS)


def sign(secret: bytes, id_: str, second: int, body: bytes) -> str:
    """The signature of a message: HMAC-SHA256 over id, time and body (Standard Webhooks, version 1.0).

    Args:
        secret: at least 24 random bytes.
        id_: of the message; the same each time it is sent.
        second: when it is sent, Unix time; whoever takes it refuses old ones.
    """
    signed = f"{id_}.{second}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
