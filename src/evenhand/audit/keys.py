"""Whose word an entry is: keys of actors, and what they signed (``docs/spec/ledger.md``, section 5)."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evenhand.audit.entries import AuditedEntry, check_statement, unb64url
from evenhand.audit.notes import Unacceptable

STATED: dict[str, frozenset[str]] = {
    "appeal-decided": frozenset({"b slot", "c decision", "c text"}),
    "appealed": frozenset({"c text"}),
    "availability": frozenset({"b on", "b who"}),
    "flagged": frozenset({"b slot", "c reason"}),
    "key-added": frozenset({"b key", "b public"}),
    "key-revoked": frozenset({"b key"}),
    "reviewed": frozenset({"b ms", "b slot", "c answers", "c comment", "c decision"}),
    "rivals-named": frozenset({"b client", "c rivals"}),
    "skipped": frozenset({"b slot", "c reason"}),
    "submitted": frozenset({"b ms", "b revision", "b slot", "c answers"}),
    "waived": frozenset({"b client", "b entity", "b state"}),
}
"""Kind -> the lines that its statement must have. Other kinds are never by a key."""
ALWAYS = frozenset({"submitted", "waived"})  # a holder of a key signs these whatever a policy says
HOLDER = {"availability": "who", "rivals-named": "client", "waived": "client"}
"""Kind -> the field that names whose key signs it; of all others it is the stream."""

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
    spoken_for: Counter[str] = field(default_factory=Counter)
    """Kind -> acts of holders of a key that the node alone says, where no policy demanded a signature."""
    policies: list[tuple[int, frozenset[str], bool]] = field(default_factory=list)
    """As they stand in the log: (since, kinds, whether nobody does these without a key)."""
    keys: dict[str, ActorKey] = field(default_factory=dict)
    _live: dict[str, int] = field(default_factory=dict)  # holder -> keys in force
    _clocks: dict[tuple[str, str, str], int] = field(default_factory=dict)  # waived pair -> newest statement
    _said: set[bytes] = field(default_factory=set)  # first 8 bytes of the hashes of all statements

    def concerns(self, entry: AuditedEntry) -> bool:
        """Whether an entry by the node has to do with keys: most have not."""
        if entry.kind not in STATED:
            return entry.kind == "signing-policy"
        ordinary = entry.kind in HOLDER or entry.kind.startswith("key-")
        return ordinary or entry.stream in self._live or bool(self.policies)

    def demanded(self, kind: str, at: int) -> tuple[bool, bool]:
        """Whether an act of this time must be signed: by holders of keys, and by everybody."""
        held = next((policy for policy in reversed(self.policies) if policy[0] <= at), None)
        named = held is not None and kind in held[1]
        return kind in ALWAYS or named, named and held is not None and held[2]

    def take(self, index: int, entry: AuditedEntry, tell: Tell) -> None:
        """The next entry that is by a key, or that `concerns` keys; its fields are those of its kind."""
        b = entry.b()
        try:
            if entry.kind == "signing-policy":
                self._demand(entry, b, tell)
            elif entry.by == "node":
                self._unsigned(entry, b, tell)
            else:
                self._signed(index, entry, b, tell)
            self._change(index, entry, b, tell)
        except Unacceptable as error:
            tell("entry.statement", f"{error}.")
        except (TypeError, ValueError, KeyError) as error:
            tell("entry.types", f"A field is not of its type: {error!r}.")

    def _demand(self, entry: AuditedEntry, b: dict[str, Any], tell: Tell) -> None:
        """From when on which acts must be signed: never from before it is said."""
        if b["since"] <= entry.at:
            tell("signing.early", f"It demands signatures from {b['since']} on, and says so at {entry.at}.")
        self.policies.append((b["since"], frozenset(b["kinds"]), b["whose"] == "everybody"))

    def _unsigned(self, entry: AuditedEntry, b: dict[str, Any], tell: Tell) -> None:
        """The node speaks for an actor. Where they sign what they say, it must not."""
        holder = _holder(entry, b)
        if entry.kind in ("key-added", "key-revoked"):
            self.by_node += entry.kind == "key-added" and holder in self._live
            return
        of_holders, of_everybody = self.demanded(entry.kind, entry.at)
        if holder in self._live and of_holders:
            tell("entry.unsigned", f"{holder} has a signing key, and the node alone says this.")
        elif of_everybody:
            tell("entry.unsigned", f"Nobody does this without a signature here, and {holder} has not signed.")
        elif holder in self._live:
            self.spoken_for[entry.kind] += 1

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
            self._younger(entry, b, int(stated["clock"]), tell)
        else:
            self._once(entry, tell)
        place = f"{entry.stream} {entry.n}"
        message = entry.statement.encode()
        self.checks.append(Check(index, place, "entry.signature", key.public, message, entry.signature))

    def _once(self, entry: AuditedEntry, tell: Tell) -> None:
        """A statement stands in the log once: whoever copies it says again what was said for one act."""
        known = hashlib.sha256(entry.statement.encode()).digest()[:8]
        if known in self._said:
            tell("statement.again", "The same statement stood in the log before: somebody copied it.")
        self._said.add(known)

    def _younger(self, entry: AuditedEntry, b: dict[str, Any], clock: int, tell: Tell) -> None:
        """Of statements about one pair the later is younger, so that an old one does not come back."""
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
    field = HOLDER.get(entry.kind)
    return entry.stream if field is None else str(b[field])


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
