"""Actors who sign what they say: keys, and the statement that each act needs (``docs/spec/ledger.md``, 5).

A key is held by a person, whose stream it is added in, or by a client of an exchange. From then until the
last of them is revoked nothing that needs a statement counts in the holder's name without one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

import msgspec

from evenhand.core.canonical import (
    SALT_BYTES,
    Statement,
    b64url,
    commit,
    decode_statement,
    encode_statement,
    unb64url,
)
from evenhand.core.checkpoint import verify_ed25519
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Place, Said, SigningPolicySet

STATED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "appeal-decided": (("slot",), ("decision", "text")),
    "appealed": ((), ("text",)),
    "availability": (("on", "who"), ()),
    "flagged": (("slot",), ("reason",)),
    "key-added": (("key", "public"), ()),
    "key-revoked": (("key",), ()),
    "reviewed": (("ms", "slot"), ("answers", "comment", "decision")),
    "rivals-named": (("client",), ("rivals",)),
    "skipped": (("slot",), ("reason",)),
    "submitted": (("ms", "revision", "slot"), ("answers",)),
    "waived": (("client", "entity", "state"), ()),
}
"""Kind -> the public and the private fields that its statement says, neither more nor less."""
ALWAYS = frozenset({"submitted", "waived"})
"""Kinds that whoever has a key must sign, whatever the node's policy says."""
DEMANDABLE = frozenset(STATED) - {"key-added", "key-revoked"}
"""Kinds whose signatures a policy can demand."""
REPEATABLE = frozenset({"appealed", "availability", "flagged", "rivals-named"})
"""Kinds of acts that their actor can do again: the statement of one must not be taken for the next."""
GRACE_MS = 60_000
"""From when a demand stands in the log until entries without a signature are findings."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as its actor gives it."""

    key: str  # id of the key
    statement: str  # the text that was signed
    signature: str  # Ed25519 over its bytes, base64url
    salts: dict[str, str] = {}  # private field -> the 32 bytes that its actor drew, base64url


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """Which acts must be signed."""

    kinds: frozenset[str] = ALWAYS  # by whoever has a key
    strangers: frozenset[str] = frozenset()  # by everybody: without a key they cannot be done


class HeldKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the holder that may be used."""

    id: str
    public: bytes  # 32 bytes
    place: Place  # where it was added


def demand(policies: Sequence[SigningPolicySet], at_ms: int) -> Demand:
    """What must be signed now: what the policy in force demands, and what a newer one will.

    Args:
        policies: the newest first.
    """
    kinds, strangers = set(ALWAYS), set[str]()
    for policy in policies:
        kinds |= set(policy.kinds)
        strangers |= set(policy.kinds) if policy.whose == "everybody" else set()
        if policy.since <= at_ms:
            break
    return Demand(kinds=frozenset(kinds), strangers=frozenset(strangers))


def policy_of(kinds: Collection[str], whose: str, at_ms: int) -> SigningPolicySet:
    """The event that demands signatures of these kinds.

    Raises:
        Invalid: a kind has no statement.
    """
    unknown = sorted(set(kinds) - DEMANDABLE)
    if unknown:
        known = ", ".join(sorted(DEMANDABLE))
        raise Invalid("signing.kind", f"Entries of kind {unknown[0]!r} are not signed.", "kinds", f"{known}.")
    return SigningPolicySet(
        stream="node", kinds=tuple(sorted(set(kinds))), since=at_ms + GRACE_MS, whose=whose
    )


def statement_id(statement: str) -> str:
    """By which a statement is known, so that it counts once: 32 hexadecimal digits."""
    return sha256(statement.encode()).hexdigest()[:32]


def key_id(holder: str, public: bytes) -> str:
    """A key's id: 32 hexadecimal digits that follow from holder and key, so that none can be exchanged."""
    return sha256(b"evenhand/key/v1\0" + holder.encode() + b"\0" + public).hexdigest()[:32]


def possession_text(origin: str, holder: str, public: bytes) -> bytes:
    """What a new key signs, so that nobody adds a key that is another's."""
    return f"evenhand/key/v1\n{origin}\n{holder}\n{b64url(public)}\n".encode()


def check_possession(origin: str, holder: str, public: bytes, proof: bytes) -> None:
    """Check that whoever adds a key has it.

    Raises:
        Invalid: it is no Ed25519 key, or did not sign.
    """
    if len(public) != 32:
        raise Invalid("signing.key", "An Ed25519 public key has 32 bytes.", "public", "Send it as base64url.")
    if not verify_ed25519(public, possession_text(origin, holder, public), proof):
        reason = "The new key has not signed that it is yours."
        raise Invalid("signing.possession", reason, "proof", "See docs/spec/ledger.md, section 5.")


def statement_of(
    origin: str,
    kind: str,
    answers: Place,
    clock: int,
    public: Mapping[str, int | str],
    private: Mapping[str, tuple[bytes, bytes]],
) -> str:
    """The text that an actor signs.

    Args:
        clock: the actor's own, ms since 1970-01-01 UTC.
        public: all public fields that the statement says.
        private: field -> (salt, value).
    """
    commitments = {
        field: b64url(commit(origin, kind, field, salt, value)) for field, (salt, value) in private.items()
    }
    return encode_statement(
        Statement(
            origin=origin,
            kind=kind,
            answers=answers,
            clock=clock,
            public=dict(public),
            commitments=commitments,
        )
    )


def hear(
    origin: str,
    kind: str,
    signed: Signed,
    key: HeldKey,
    answers: Place,
    public: Mapping[str, int | str],
    private: Mapping[str, bytes],
) -> Said:
    """Take an actor's statement for what is about to be written.

    Args:
        public, private: all that the statement has to say; `private` as bytes to be stored.

    Raises:
        Invalid: it says something else, or a salt is none.
        Refused: the key did not sign it.
    """
    salts = {field: unb64url(signed.salts.get(field, "")) for field in private}
    if any(len(salt) != SALT_BYTES for salt in salts.values()):
        raise Invalid("signing.salt", "Each private field needs a salt of 32 bytes.", "signed.salts")
    clock = decode_statement(signed.statement).clock
    opened = {field: (salts[field], value) for field, value in private.items()}
    if statement_of(origin, kind, answers, clock, public, opened) != signed.statement:
        reason = "The statement does not say what was sent."
        raise Invalid("signing.statement", reason, "signed.statement", "See docs/spec/ledger.md, section 5.")
    if not verify_ed25519(key.public, signed.statement.encode(), unb64url(signed.signature)):
        raise Refused("signing.signature", "The key did not sign this statement.", "signed.signature")
    return Said(
        key=key.id,
        statement=signed.statement,
        signature=signed.signature,
        salts=tuple(sorted(salts.items())),
        clock=clock,
    )
