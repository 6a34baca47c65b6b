"""Signed notes, checkpoints and proofs as files, in C2SP's bytes, with Ed25519; ML-DSA-44 is verified.

Sources: C2SP ``signed-note``, ``tlog-checkpoint``, ``tlog-proof``, ``tlog-cosignature``; RFC 8032; FIPS 204.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from evenhand.core import merkle
from evenhand.core.errors import Invalid

ED25519 = 0x01
"""Signature type of a log's own key: Ed25519 over the note's text."""
COSIGNATURE = 0x04
"""Signature type of a witness: Ed25519 over a time and the note's text."""
MLDSA44 = 0x06
"""Signature type of a witness: ML-DSA-44 over a time, its name and the tree."""
MAX_SIGNATURES = 100  # a reader must accept 16; a limit keeps a note from being a burden
MAX_NOTE_BYTES = 1_000_000

_PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, MLDSA44: 1312}
_NAME = re.compile(r"[^\s+\x00-\x20\x7f]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


# --- keys ---


class VerifyKey(msgspec.Struct, frozen=True):
    """A public key and the name that it signs under."""

    name: str  # of the log or the witness; no spaces, no plus
    kind: int  # ED25519, COSIGNATURE or MLDSA44
    public: bytes  # 32 bytes (RFC 8032), or 1,312 (FIPS 204)

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart. Not a fingerprint: it can be forged."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key as one line, a *vkey*."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.kind]) + self.public)}"


def parse_vkey(text: str) -> VerifyKey:
    """Read a vkey such as ``example.com/log+33d7b496+AeHT…``.

    Raises:
        Invalid: it is none, its id does not fit, or its type is not one of the three above.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    material = _unbase64(encoded, "The key")
    if _NAME.fullmatch(name) is None or len(material) - 1 != _PUBLIC_BYTES.get(int.from_bytes(material[:1])):
        raise Invalid("vkey", "Not a verification key of a type that is known here (Ed25519, ML-DSA-44).")
    key = VerifyKey(name, material[0], material[1:])
    if key.id.hex() != key_id:
        raise Invalid("vkey.id", f"The key's id is {key.id.hex()}, not {key_id!r}: the line was altered.")
    return key


class SigningKey:
    """The private half of a log's or witness's key. It has no readable form except `secret_line`."""

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        """
        Args:
            name: what it signs under: the log's origin, or the witness's name.
            seed: 32 secret random bytes (RFC 8032; FIPS 204 calls them xi).
            kind: ED25519 for a log, COSIGNATURE or MLDSA44 for a witness.

        Raises:
            Invalid: a name that no signature line could carry.
        """
        if _NAME.fullmatch(name) is None:
            raise Invalid("key.name", f"{name!r} cannot name a key: no spaces, no plus, 1 to 255 characters.")
        self._seed = seed
        self._private: Ed25519PrivateKey | MLDSA44PrivateKey
        if kind == MLDSA44:
            self._private = MLDSA44PrivateKey.from_seed_bytes(seed)
        else:
            self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verify_key = VerifyKey(name, kind, self._private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """What it signs under."""
        return self.verify_key.name

    def sign(self, text: bytes) -> bytes:
        """64 bytes, the same for the same text (RFC 8032); of ML-DSA-44 2,420, and others each time."""
        return self._private.sign(text)

    def derived(self, purpose: bytes) -> bytes:
        """32 secret bytes for another purpose, from which nothing about this key follows."""
        return hashlib.sha256(b"evenhand/derived/v1\x00" + purpose + b"\x00" + self._seed).digest()

    def secret_line(self) -> str:
        """The key as one line to keep in a file, in the notation of Go's ``sumdb/note``."""
        key = self.verify_key
        return f"PRIVATE+KEY+{key.name}+{key.id.hex()}+{_base64(bytes([key.kind]) + self._seed)}\n"


def verify_ed25519(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature over the text; False as well for what is no key or no signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def parse_signing_key(line: str) -> SigningKey:
    """Read `SigningKey.secret_line`.

    Raises:
        Invalid: it is none. The message never holds the key.
    """
    parts = line.strip().split("+", 4)
    if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
        raise Invalid("key", "Not a signing key.")
    material = _unbase64(parts[4], "The key")
    if len(material) != 33 or material[0] not in (ED25519, COSIGNATURE):
        raise Invalid("key", "Not an Ed25519 signing key.")
    key = SigningKey(parts[2], material[1:], material[0])
    if key.verify_key.id.hex() != parts[3]:
        raise Invalid("key.id", "The key does not have the id that its line says: the line was altered.")
    return key


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- notes ---


class NoteSignature(msgspec.Struct, frozen=True):
    """One signature line."""

    name: str  # of the key
    key_id: bytes  # 4 bytes
    blob: bytes  # what follows the id; its meaning depends on the key's type


class Note(msgspec.Struct, frozen=True):
    """A text with signatures, none of them checked yet."""

    text: str  # ends in a newline
    signatures: tuple[NoteSignature, ...]


def parse_note(data: bytes) -> Note:
    """Read a signed note. This checks no signature: see `open_note`.

    Raises:
        Invalid: it is not the form of ``signed-note``.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise Invalid("note.size", f"A note of more than {MAX_NOTE_BYTES} bytes is not read.")
    try:
        note = data.decode()
    except UnicodeDecodeError as error:
        raise Invalid("note.utf8", f"A note is UTF-8: {error}.") from error
    if any(char < " " and char != "\n" for char in note):
        raise Invalid("note.control", "A note holds no control characters except newlines.")
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise Invalid(
            "note.layout", "A note is a text, an empty line and signature lines, each with a newline."
        )
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise Invalid("note.signatures", f"A note of more than {MAX_SIGNATURES} signatures is not read.")
    return Note(text + "\n", tuple(_signature(line) for line in signatures))


def _signature(line: str) -> NoteSignature:
    """Read ``— name base64(id || blob)``."""
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    blob = _unbase64(encoded, "A signature")
    if mark != "—" or _NAME.fullmatch(name) is None or len(blob) < 5:
        raise Invalid("note.signature", "Not a signature line.", line[:80])
    return NoteSignature(name, blob[:4], blob[4:])


def sign_note(text: str, key: SigningKey) -> bytes:
    """A text as a signed note.

    Args:
        text: ends in a newline, and has no control characters.
        key: of the log.
    """
    blob = key.verify_key.id + key.sign(text.encode())
    return f"{text}\n— {key.name} {_base64(blob)}\n".encode()


class Opened(msgspec.Struct, frozen=True):
    """A note whose known signatures all hold."""

    text: str
    signers: tuple[VerifyKey, ...]  # known keys that signed it, at least one
    times: dict[str, int]  # name of a witness -> when it saw the text, seconds since 1970-01-01 UTC


def open_note(data: bytes, keys: Iterable[VerifyKey]) -> Opened:
    """Read a note and check it with the keys that are trusted. Unknown signatures are ignored.

    Raises:
        Invalid: not a note, no known key signed it, or a known key's signature does not hold.
    """
    note = parse_note(data)
    known = {(key.name, key.id): key for key in keys}
    signers: dict[VerifyKey, int] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            signers[key] = _check_signature(key, signature.blob, note.text.encode())
    if not signers:
        raise Invalid("note.unsigned", "No key that is trusted here signed this note.")
    times = {key.name: time for key, time in signers.items() if key.kind != ED25519}
    return Opened(note.text, tuple(signers), times)


def _check_signature(key: VerifyKey, blob: bytes, text: bytes) -> int:
    """Check a known key's signature; gives a witness's time, else 0."""
    time = 0 if key.kind == ED25519 else int.from_bytes(blob[:8], "big")
    signature = blob if key.kind == ED25519 else blob[8:]
    if key.kind == MLDSA44:
        holds = _verifies_mldsa(key.public, signature, cosigned_message(key.name, time, text.decode()))
    else:
        message = text if key.kind == ED25519 else cosignature_text(time, text)
        holds = verifies(key.public, signature, message)
    if not holds:
        raise Invalid("note.forged", f"The signature of {key.name} does not hold.")
    return time


def cosignature_text(time: int, text: bytes) -> bytes:
    """What a witness signs with Ed25519 (``tlog-cosignature``).

    Args:
        time: seconds since 1970-01-01 UTC.
        text: of the checkpoint, with its last newline.
    """
    return f"cosignature/v1\ntime {time}\n".encode() + text


def cosigned_message(name: str, time: int, text: str) -> bytes:
    """What a witness signs with ML-DSA-44: a `cosigned_message` (``tlog-cosignature``)."""
    checkpoint = parse_checkpoint(text)
    witness, origin = name.encode(), checkpoint.origin.encode()
    if max(len(witness), len(origin)) > 255:
        raise Invalid("note.name", "A name of more than 255 bytes cannot be cosigned with ML-DSA-44.")
    return (
        b"subtree/v1\n\0"
        + bytes([len(witness)])
        + witness
        + time.to_bytes(8, "big")
        + bytes([len(origin)])
        + origin
        + (0).to_bytes(8, "big")
        + checkpoint.size.to_bytes(8, "big")
        + checkpoint.root
    )


def _verifies_mldsa(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an ML-DSA-44 signature holds."""
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- checkpoints ---


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log commits to: all its entries, by one hash."""

    origin: str  # the log's identity, fixed at its beginning
    size: int  # leaves
    root: bytes  # 32 bytes, RFC 6962

    @property
    def text(self) -> str:
        """The note text to sign (``tlog-checkpoint``); no extension lines."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text. Extension lines may follow, and are not understood.

    Raises:
        Invalid: it is none.
    """
    *lines, last = text.split("\n")
    if last or len(lines) < 3 or "" in lines or _SIZE.fullmatch(lines[1]) is None:
        raise Invalid("checkpoint", "Not a checkpoint: origin, size and root, a line each.")
    digest = _unbase64(lines[2], "The root")
    if len(digest) != merkle.HASH_BYTES:
        raise Invalid("checkpoint.root", f"A root has {merkle.HASH_BYTES} bytes, this one {len(digest)}.")
    return Checkpoint(lines[0], int(lines[1]), digest)


def open_checkpoint(data: bytes, log: VerifyKey, witnesses: Sequence[VerifyKey] = ()) -> Checkpoint:
    """Read a signed checkpoint and check that the log itself signed it.

    Args:
        data: the note.
        log: the log's key; its name must be the checkpoint's origin.
        witnesses: further keys whose signatures, where present, must hold.

    Raises:
        Invalid: another log's, not signed by the log, or a known signature does not hold.
    """
    opened = open_note(data, [log, *witnesses])
    checkpoint = parse_checkpoint(opened.text)
    if log not in opened.signers or checkpoint.origin != log.name:
        raise Invalid("checkpoint.origin", f"This is not a checkpoint of {log.name}.")
    return checkpoint


# --- proofs as files ---

_PROOF_LINE = "c2sp.org/tlog-proof@v1"


class Proof(msgspec.Struct, frozen=True):
    """That a leaf is in a log: everything needed to check it offline, apart from leaf and key."""

    index: int  # of the leaf
    hashes: tuple[bytes, ...]  # siblings from the leaf's own up to the root's child
    checkpoint: bytes  # the signed note
    extra: bytes = b""  # not authenticated by anything


def encode_proof(proof: Proof) -> bytes:
    """The proof as a ``.tlog-proof`` file."""
    extra = [f"extra {_base64(proof.extra)}"] if proof.extra else []
    lines = [_PROOF_LINE, *extra, f"index {proof.index}", *map(_base64, proof.hashes), "", ""]
    return "\n".join(lines).encode() + proof.checkpoint


def parse_proof(data: bytes) -> Proof:
    """Read a ``.tlog-proof`` file. This checks nothing but the form: see `verify_proof`.

    Raises:
        Invalid: it is none.
    """
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Invalid("proof.ascii", f"A proof is ASCII down to its checkpoint: {error}.") from error
    if not blank or lines.pop(0) != _PROOF_LINE:
        raise Invalid("proof.layout", f"Not a proof: it begins with {_PROOF_LINE!r} and holds an empty line.")
    extra = lines.pop(0).removeprefix("extra ") if lines and lines[0].startswith("extra ") else ""
    index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
    if _SIZE.fullmatch(index) is None:
        raise Invalid("proof.index", "The proof does not say the index of its leaf.")
    hashes = tuple(_unbase64(line, "A hash of the proof") for line in lines)
    return Proof(int(index), hashes, checkpoint, _unbase64(extra, "The extra line"))


def verify_proof(
    leaf: bytes, proof: Proof, log: VerifyKey, witnesses: Sequence[VerifyKey] = ()
) -> Checkpoint:
    """Check that a leaf is in a log, offline.

    Args:
        leaf: hash of the leaf, computed by whoever checks.
        proof: what the log gave.
        log: the log's key.
        witnesses: see `open_checkpoint`.

    Returns:
        The checkpoint that covers the leaf.

    Raises:
        Invalid: a signature does not hold, or the hashes do not lead to the checkpoint's root.
    """
    checkpoint = open_checkpoint(proof.checkpoint, log, witnesses)
    merkle.verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint


# --- base64, the standard alphabet with padding ---


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _unbase64(text: str, what: str) -> bytes:
    """Read base64 in its one form, so that nothing can be hidden in unused bits."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("base64", f"{what} is not base64: {error}.") from error
    if _base64(data) != text:
        raise Invalid("base64", f"{what} is not base64 in its one form.")
    return data
