"""Whose cosignatures count: policies in the syntax of C2SP ``tlog-policy``, and cosignatures themselves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from evenhand.audit.notes import TreeHead, Unacceptable, split_note, strict_base64

_ED25519, _MLDSA = 4, 6
_LENGTHS = {_ED25519: 32, _MLDSA: 1312}


@dataclass(frozen=True)
class Witness:
    """Somebody whose cosignature counts."""

    label: str  # in the policy
    name: str  # that it signs under
    kind: int  # 4: Ed25519, 6: ML-DSA-44
    public: bytes
    url: str

    @property
    def id(self) -> bytes:
        """Four bytes that stand before its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]


@dataclass
class Quorum:
    """Which witnesses are enough."""

    logs: list[str] = field(default_factory=list)  # vkeys
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)  # in their order
    needed: str = ""  # a witness, a group, or "none"

    def met(self, labels: set[str]) -> bool:
        """Whether these witnesses are enough."""
        held = set(labels)
        for name, (count, members) in self.groups.items():
            if sum(member in held for member in members) >= count:
                held.add(name)
        return self.needed == "none" or self.needed in held

    def reached(self, times: dict[str, int]) -> int:
        """The newest time, in seconds, at which enough of them had cosigned; 0: never."""
        for time in sorted(set(times.values()), reverse=True):
            if self.met({label for label, seconds in times.items() if seconds >= time}):
                return time
        return 0


def read_policy(text: str) -> Quorum:
    """Read a policy.

    Raises:
        Unacceptable: it is none; the message names the line.
    """
    quorum = Quorum()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split()
        if words and not words[0].startswith("#"):
            try:
                _read_line(quorum, words)
            except (Unacceptable, IndexError, ValueError) as error:
                raise Unacceptable(f"line {number} of the policy: {error}") from error
    if not quorum.needed:
        raise Unacceptable("the policy has no quorum")
    return quorum


def _read_line(quorum: Quorum, words: list[str]) -> None:
    known = {"none", *quorum.witnesses, *quorum.groups}
    kind, name = words[0], words[1]
    if kind == "log":
        quorum.logs.append(name)
    elif kind == "witness" and name not in known:
        quorum.witnesses[name] = _witness(name, words[2], words[3] if words[3:] else "")
    elif kind == "group" and name not in known:
        members = words[3:]
        count = {"any": 1, "all": len(members)}.get(words[2]) or int(words[2])
        if not 1 <= count <= len(members) or not set(members) <= known - {"none"}:
            raise Unacceptable("not that many known members")
        quorum.groups[name] = (count, members)
    elif kind == "quorum" and name in known and not quorum.needed:
        quorum.needed = name
    else:
        raise Unacceptable(f"{kind} {name} cannot stand here")


def _witness(label: str, vkey: str, url: str) -> Witness:
    name, _, rest = vkey.partition("+")
    told, _, encoded = rest.partition("+")
    material = strict_base64(encoded)
    if len(material) - 1 != _LENGTHS.get(material[0] if material else 0):
        raise Unacceptable("not a witness's key of a kind that is known here")
    witness = Witness(label, name, material[0], material[1:], url)
    if witness.id.hex() != told:
        raise Unacceptable("the key does not have the id that it says")
    return witness


def cosignatures(note: bytes, head: TreeHead, quorum: Quorum) -> dict[str, int]:
    """Which witnesses of the policy cosigned a checkpoint, and when (seconds since 1970-01-01 UTC).

    Raises:
        Unacceptable: a known witness's signature does not hold, which spoils the note.
    """
    text, signatures = split_note(note)
    found: dict[str, int] = {}
    for witness in quorum.witnesses.values():
        for name, blob in signatures:
            if name == witness.name and blob[:4] == witness.id:
                found[witness.label] = _check(witness, blob[4:], text, head)
    return found


def _check(witness: Witness, blob: bytes, text: str, head: TreeHead) -> int:
    seconds, signature = int.from_bytes(blob[:8], "big"), blob[8:]
    try:
        if witness.kind == _ED25519:
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            Ed25519PublicKey.from_public_bytes(witness.public).verify(signature, message)
        else:
            message = _subtree(witness.name, seconds, head)
            MLDSA44PublicKey.from_public_bytes(witness.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Unacceptable(f"the cosignature of {witness.label} does not hold") from error
    return seconds


def _subtree(name: str, seconds: int, head: TreeHead) -> bytes:
    """The ``cosigned_message`` of ``tlog-cosignature`` for a whole tree."""
    parts = [
        b"subtree/v1\n\0",
        len(name.encode()).to_bytes(1, "big"),
        name.encode(),
        seconds.to_bytes(8, "big"),
    ]
    parts += [len(head.origin.encode()).to_bytes(1, "big"), head.origin.encode()]
    parts += [(0).to_bytes(8, "big"), head.size.to_bytes(8, "big"), head.root]
    return b"".join(parts)
