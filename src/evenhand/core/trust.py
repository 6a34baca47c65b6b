"""Whom to trust about a log: policies in the syntax of C2SP ``tlog-policy``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from evenhand.core.checkpoint import ED25519, VerifyKey, parse_vkey
from evenhand.core.errors import Invalid

MAX_LINES = 1000  # a policy of that many lines is a mistake
_SPACE = re.compile(r"[ \t]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class TrustedLog(msgspec.Struct, frozen=True):
    """A log whose checkpoints are accepted."""

    key: VerifyKey
    url: str  # "" when none is given


class Witness(msgspec.Struct, frozen=True):
    """Somebody whose cosignature counts."""

    name: str  # in this policy alone
    key: VerifyKey
    url: str  # submission prefix (``tlog-witness``); "" when none is given


class Group(msgspec.Struct, frozen=True):
    """So many of these."""

    needed: int  # members that must have witnessed, at least 1
    members: tuple[str, ...]  # names of witnesses and of earlier groups


class Policy(msgspec.Struct, frozen=True):
    """Logs, witnesses, and which of the witnesses are enough."""

    logs: tuple[TrustedLog, ...]
    witnesses: tuple[Witness, ...]
    groups: dict[str, Group]
    quorum: str  # a witness, a group, or "none"

    @property
    def keys(self) -> tuple[VerifyKey, ...]:
        """Of the witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def satisfied(self, signers: Collection[VerifyKey]) -> bool:
        """Whether the witnesses among these signers are enough."""
        if self.quorum == "none":
            return True
        held = {witness.name: witness.key in signers for witness in self.witnesses}
        for name, group in self.groups.items():  # a group only names earlier ones
            held[name] = sum(held[member] for member in group.members) >= group.needed
        return held[self.quorum]

    def reached(self, signers: Collection[VerifyKey], times: Mapping[str, int]) -> int:
        """The newest time at which enough witnesses had cosigned, seconds since 1970-01-01 UTC; 0: never.

        Who signed long ago stands in a note for ever, so one witness that is alive does not make it fresh.

        Args:
            signers: of a note.
            times: name of a witness -> when it saw the note.
        """
        for time in sorted(set(times.values()), reverse=True):
            if self.satisfied([key for key in signers if times.get(key.name, 0) >= time]):
                return time
        return 0


def parse_policy(text: str) -> Policy:
    """Read a policy file.

    Raises:
        Invalid: a line is not of the syntax, names what is not defined before it, or says something twice;
            ``where`` is the line.
    """
    if _FORBIDDEN.search(text) or text.count("\n") > MAX_LINES:
        raise Invalid("trust.text", "A policy holds no control characters, and not so many lines.")
    draft = _Draft()
    for number, line in enumerate(text.split("\n"), 1):
        words = _SPACE.split(line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            try:
                draft.read(words)
            except Invalid as error:
                raise Invalid(error.rule, error.reason, f"line {number}", error.remedy) from error
    if not draft.quorum:
        raise Invalid("trust.quorum", "The policy has no quorum.", "", "Add a line such as: quorum none")
    return Policy(tuple(draft.logs), tuple(draft.witnesses), draft.groups, draft.quorum)


class _Draft:
    """A policy that is being read, line by line."""

    def __init__(self) -> None:
        self.logs: list[TrustedLog] = []
        self.witnesses: list[Witness] = []
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._publics: set[tuple[bool, bytes]] = set()

    def read(self, words: list[str]) -> None:
        """Take one line, as its words."""
        kind, *rest = words
        if kind == "log" and len(rest) in (1, 2):
            key = self._key(rest[0], of_log=True)
            self.logs.append(TrustedLog(key, rest[1] if rest[1:] else ""))
        elif kind == "witness" and len(rest) in (2, 3):
            key = self._key(rest[1], of_log=False)
            self.witnesses.append(Witness(self._define(rest[0]), key, rest[2] if rest[2:] else ""))
        elif kind == "group" and len(rest) >= 3:
            group = self._group(rest[1], tuple(rest[2:]))
            self.groups[self._define(rest[0])] = group
        elif kind == "quorum" and len(rest) == 1 and not self.quorum:
            self.quorum = rest[0] if rest[0] == "none" else self._known(rest[0])
        else:
            raise Invalid("trust.line", "Not a line of a policy, or a second quorum.", "", "See tlog-policy.")

    def _key(self, vkey: str, *, of_log: bool) -> VerifyKey:
        key = parse_vkey(vkey)
        if (key.kind == ED25519) != of_log:
            raise Invalid("trust.key", "A log signs with type 01, a witness with type 04 or 06.")
        if (of_log, key.public) in self._publics:
            raise Invalid("trust.twice", "The same key stands here twice.")
        self._publics.add((of_log, key.public))
        return key

    def _group(self, needed: str, members: tuple[str, ...]) -> Group:
        for member in members:
            if self._known(member) in self._members:
                raise Invalid("trust.twice", f"{member} is a member twice, and can only count once.")
            self._members.add(member)
        count = {"any": "1", "all": str(len(members))}.get(needed, needed)
        if re.fullmatch(r"[1-9][0-9]{0,3}", count) is None or int(count) > len(members):
            raise Invalid("trust.group", f"{needed!r} is not from 1 to the number of members.")
        return Group(int(count), members)

    def _define(self, name: str) -> str:
        if name in self._names or name == "none":
            raise Invalid("trust.twice", f"{name} cannot be defined here: it is already.")
        self._names.add(name)
        return name

    def _known(self, name: str) -> str:
        if name not in self._names:
            raise Invalid("trust.unknown", f"{name} is not defined before this line.")
        return name
