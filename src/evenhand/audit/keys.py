"""Whose word an entry is: keys of actors, and what they signed (``docs/spec/ledger.md``, section 5)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evenhand.audit.entries import AuditedEntry, check_statement, unb64url
from evenhand.audit.notes import Unacceptable

STATED: dict[str, frozenset[str]] = {
    "key-added": frozenset({"b key", "b public"}),
    "key-revoked": frozenset({"b key"}),
    "submitted": frozenset({"b ms", "b revision", "b slot", "c answers"}),
    "waived": frozenset({"b client", "b entity", "b state"}),
}
"""Kind -> the lines that its statement must have. Other kinds are never by a key."""

Tell = Callable[[str, str], None]
"""Called with a rule and a sentence."""


class Check(NamedTuple):
    """A signature that still has to be verified."""

    leaf: int
    place: str
    rule: str  # that a wrong one breaks
    public: bytes
    message: bytes
    signature: str  # base64url


@dataclass
class ActorKey:
    """A key as the log shows it."""

    holder: str
    public: bytes
    place: tuple[str, int]
    live: bool = True


@dataclass
class Keys:
    """What was seen of actors' keys so far. `take` every entry in the order of the tree."""

    origin: str
    checks: list[Check] = field(default_factory=list)  # not verified yet; whoever drives this empties it
    by_node: int = 0  # keys that the node alone certified although the holder had one
    keys: dict[str, ActorKey] = field(default_factory=dict)
    _live: dict[str, int] = field(default_factory=dict)  # holder -> keys in force
    _clocks: dict[tuple[str, str, str], int] = field(default_factory=dict)  # waived pair -> newest statement

    def concerns(self, entry: AuditedEntry) -> bool:
        """Whether an entry by the node has to do with keys: most have not."""
        return entry.kind in STATED and (entry.kind != "submitted" or entry.stream in self._live)

    def take(self, index: int, entry: AuditedEntry, tell: Tell) -> None:
        """The next entry that is by a key, or that `concerns` keys; its fields are those of its kind."""
        b = entry.b()
        try:
            if entry.by == "node":
                self._unsigned(entry, b, tell)
            else:
                self._signed(index, entry, b, tell)
            self._change(index, entry, b, tell)
        except Unacceptable as error:
            tell("entry.statement", f"{error}.")
        except (TypeError, ValueError, KeyError) as error:
            tell("entry.types", f"A field is not of its type: {error!r}.")

    def _unsigned(self, entry: AuditedEntry, b: dict[str, Any], tell: Tell) -> None:
        """The node speaks for an actor who signs what it says."""
        holder = _holder(entry, b)
        if holder not in self._live:
            return
        if entry.kind == "key-added":
            self.by_node += 1
        elif entry.kind != "key-revoked":
            tell("entry.unsigned", f"{holder} has a signing key, and the node alone says this.")

    def _signed(self, index: int, entry: AuditedEntry, b: dict[str, Any], tell: Tell) -> None:
        needed = STATED.get(entry.kind)
        if needed is None:
            raise Unacceptable(f"entries of kind {entry.kind} are not by a key")
        stated = check_statement(entry, b, self.origin)
        if stated.keys() - {"clock"} != needed:
            raise Unacceptable(f"the statement does not say exactly {', '.join(sorted(needed))}")
        key = self.keys.get(entry.by.removeprefix("key:"))
        if key is None or not key.live or key.holder != _holder(entry, b):
            why = "is not in the log" if key is None else "was revoked" if not key.live else "is another's"
            tell("key.validity", f"{entry.by} {why}.")
            return
        if key.place[0] != entry.stream and key.place not in entry.causes:
            tell("key.validity", f"The entry that added {entry.by} is no cause.")
        if entry.kind == "waived":
            self._once(entry, b, int(stated["clock"]), tell)
        place = f"{entry.stream} {entry.n}"
        message = entry.statement.encode()
        self.checks.append(Check(index, place, "entry.signature", key.public, message, entry.signature))

    def _once(self, entry: AuditedEntry, b: dict[str, Any], clock: int, tell: Tell) -> None:
        """A statement counts once: the next about the same pair is younger."""
        pair = entry.stream, b["client"], b["entity"]
        if clock <= self._clocks.get(pair, -1):
            tell("statement.again", "A statement about this pair that is as young was there before.")
        self._clocks[pair] = max(clock, self._clocks.get(pair, -1))

    def _change(self, index: int, entry: AuditedEntry, b: dict[str, Any], tell: Tell) -> None:
        if entry.kind == "key-added":
            self._add(index, entry, b, tell)
        elif entry.kind == "key-revoked":
            key = self.keys.get(b["key"])
            if key is None or not key.live or key.holder != entry.stream:
                tell("key.validity", f"{b['key']} is no key of {entry.stream} that is in force.")
                return
            key.live = False
            self._live[entry.stream] -= 1
            if not self._live[entry.stream]:
                del self._live[entry.stream]

    def _add(self, index: int, entry: AuditedEntry, b: dict[str, Any], tell: Tell) -> None:
        public, holder = unb64url(b["public"]), entry.stream
        expected = hashlib.sha256(b"evenhand/key/v1\0" + holder.encode() + b"\0" + public).hexdigest()[:32]
        if len(public) != 32 or b["key"] != expected or _b64url(public) != b["public"]:
            tell("key.id", f"{b['key']} does not follow from holder and key.")
            return
        known = self.keys.get(b["key"])
        if known is not None and known.live:
            tell("key.validity", f"{b['key']} is in force already.")
            return
        self.keys[b["key"]] = ActorKey(holder, public, (holder, entry.n))
        self._live[holder] = self._live.get(holder, 0) + 1
        text = f"evenhand/key/v1\n{self.origin}\n{holder}\n{b['public']}\n".encode()
        self.checks.append(Check(index, f"{holder} {entry.n}", "key.proof", public, text, b["proof"]))


def _holder(entry: AuditedEntry, b: dict[str, Any]) -> str:
    """Who must have said it."""
    return str(b["client"]) if entry.kind == "waived" else entry.stream


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def wrong_signatures(checks: Iterable[Check]) -> list[Check]:
    """Those that do not hold."""
    return [one for one in checks if not _holds(one)]


def _holds(check: Check) -> bool:
    try:
        signature = unb64url(check.signature)
        Ed25519PublicKey.from_public_bytes(check.public).verify(signature, check.message)
    except (InvalidSignature, ValueError):
        return False
    return _b64url(signature) == check.signature
