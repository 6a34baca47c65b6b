"""Reading signed notes, checkpoints and keys, as far as checking a log needs it (C2SP)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Unacceptable(ValueError):
    """What was given cannot be right, whoever gave it. The message says why."""


@dataclass(frozen=True)
class LogKey:
    """A log's Ed25519 verification key."""

    name: str  # the log's origin
    id: bytes  # 4 bytes
    public: bytes  # 32 bytes

    def check(self, signature: bytes, message: bytes) -> bool:
        """Whether the log signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class TreeHead:
    """What a checkpoint says."""

    origin: str
    size: int  # leaves
    root: bytes  # 32 bytes


def strict_base64(text: str) -> bytes:
    """Standard base64, in the one form that encodes these bytes."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise Unacceptable(f"not base64: {text[:60]!r}") from error
    if base64.b64encode(data) != text.encode():
        raise Unacceptable(f"base64 with stray bits: {text[:60]!r}")
    return data


def read_key(vkey: str) -> LogKey:
    """Read ``name+id+base64(0x01 || public key)``; the id must be that of name and key."""
    parts = vkey.strip().split("+", 2)
    if len(parts) != 3 or not parts[0]:
        raise Unacceptable("the verification key is not of the form name+id+key")
    name, key_id, encoded = parts
    material = strict_base64(encoded)
    if len(material) != 33 or material[0] != 1:
        raise Unacceptable("the verification key is not an Ed25519 log key")
    expected = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    if expected.hex() != key_id:
        raise Unacceptable("the verification key does not have the id that it says")
    return LogKey(name, expected, material[1:])


def read_checkpoint(note: bytes, key: LogKey) -> TreeHead:
    """Read a checkpoint and check that the log with this key signed it."""
    text, signatures = split_note(note)
    own = [blob for name, blob in signatures if name == key.name and blob[:4] == key.id]
    if not own:
        raise Unacceptable(f"the checkpoint is not signed by {key.name}")
    if not all(key.check(blob[4:], text.encode()) for blob in own):
        raise Unacceptable(f"the checkpoint's signature by {key.name} does not hold")
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or lines[0] != key.name:
        raise Unacceptable(f"the checkpoint is not one of {key.name}")
    if not lines[1].isascii() or not lines[1].isdigit() or lines[1] != str(int(lines[1][:20])):
        raise Unacceptable(f"the checkpoint's size is no number: {lines[1][:40]!r}")
    root = strict_base64(lines[2])
    if len(root) != 32:
        raise Unacceptable("the checkpoint's root is not a SHA-256 hash")
    return TreeHead(lines[0], int(lines[1]), root)


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """A note as its text and its signatures, (name, key id and signature) each."""
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise Unacceptable("the note is not UTF-8") from error
    cut = whole.rfind("\n\n")
    if cut < 0 or not whole.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in whole):
        raise Unacceptable("the note is not a text, an empty line and signatures")
    signatures = []
    for line in whole[cut + 2 : -1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or len(blob := strict_base64(parts[2])) < 5:
            raise Unacceptable(f"not a signature line: {line[:60]!r}")
        signatures.append((parts[1], blob))
    return whole[: cut + 1], signatures
