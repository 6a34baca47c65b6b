"""Ids: a prefix that says what, and secret random bits that say nothing else."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """A fresh id, such as "prj-" and 32 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(16)}"


def new_ordered_id(prefix: str, ms: int) -> str:
    """A fresh id of the same shape that begins with the time (12 digits) and has 80 secret random bits.

    Rows that are written together then stand together: with ids in no order, each of the thousands of
    leases a second would touch a page of its own, and a commit would write that many more.
    """
    return f"{prefix}-{ms:012x}{secrets.token_hex(10)}"
