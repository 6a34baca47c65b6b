"""Ids: a prefix that says what, and 128 secret random bits that say nothing else."""

from __future__ import annotations

import secrets


def new_id(prefix: str) -> str:
    """A fresh id, such as "prj-" and 32 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(16)}"
