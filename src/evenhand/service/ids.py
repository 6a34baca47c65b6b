"""Ids: a prefix that says what, and 128 secret random bits that say nothing else."""

from __future__ import annotations

import base64
import secrets


def new_id(prefix: str) -> str:
    """A fresh id, such as "prj-" and 26 letters and digits."""
    return f"{prefix}-{base64.b32encode(secrets.token_bytes(16)).rstrip(b'=').decode().lower()}"
