"""Why annotators were admitted to a client's projects, or no more: for whoever holds the openings.

The log shows that somebody was taken off; the reason is committed (``docs/spec/ledger.md``, 10.7). Receipts
of the client open it: each `admitted` names the entry of the project's stream that made it necessary, and
whom. What that entry came to is decided here again, and compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evenhand.audit.entries import AuditedEntry

CAUSES = ("project-pooled", "project-versioned", "standing-changed", "test-ended")
KINDS = frozenset({*CAUSES, "admitted", "member-added", "posted"})
"""Kinds of entries whose receipts say something about it."""

WINDOWS = ("window", "window-closed")
"""Kinds of entries before which the pool must have been told."""

Place = tuple[str, int]
Opened = Mapping[str, bytes]
"""Private field -> the value that a receipt opens."""
Tell = Callable[[str, int, str, str], None]
"""Called with a rule, a leaf, a place and a sentence."""


class Cause(NamedTuple):
    """An entry of a project's stream that can be a reason."""

    kind: str
    member: str | None  # whom it is about; None: everybody
    state: str  # of the entry: "suspended", "active"; of a test "passed", "failed"; else ""


@dataclass
class Posted:
    """One of the client's projects in a pool."""

    pool: str
    posting: str
    project: str
    test: bool = False
    open: bool = True
    run: int = -1  # number in the pool's stream up to which its first `admitted` entries may lack a reason


@dataclass
class Due:
    """An annotator whose standing changed, so that the pool must hear of it."""

    posting: str
    member: str
    on: bool
    leaf: int
    place: str
    at: int


@dataclass
class Reasons:
    """What the openings say. `hold` the receipts, then `take` the entries in the order of the tree."""

    tell: Tell
    skew: int = 0  # ms that entries of one decision may stand apart
    checked: int = 0  # `admitted` entries whose reason was compared
    unheld: int = 0  # those of the client's own projects whose reason it has no receipt of
    _held: dict[Place, Opened] = field(default_factory=dict)
    _postings: dict[str, Posted] = field(default_factory=dict)
    _causes: dict[Place, Cause | None] = field(default_factory=dict)  # None: seen, and not held
    _ends: dict[str, int] = field(default_factory=dict)  # project -> newest number of its stream
    _names: dict[str, str] = field(default_factory=dict)  # annotator -> the client's name for them
    _people: dict[str, str] = field(default_factory=dict)  # the reverse
    _lent: set[str] = field(default_factory=set)  # names of annotators whom pools lend
    _suspended: set[tuple[str, str]] = field(default_factory=set)  # (project, name)
    _qualified: set[tuple[str, str]] = field(default_factory=set)
    _partly: set[str] = field(default_factory=set)  # projects of which a standing is not held
    _told: dict[tuple[str, str], bool] = field(default_factory=dict)  # (posting, name) -> admitted
    _due: list[Due] = field(default_factory=list)

    def hold(self, stream: str, n: int, kind: str, opened: Opened) -> None:
        """A receipt that holds."""
        if kind in KINDS:
            self._held[stream, n] = opened

    @property
    def concerned(self) -> bool:
        """Whether anything of it is held: without, nothing is looked at."""
        return bool(self._held)

    def take(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        """The next entry, of one of `KINDS` or a window."""
        if entry.kind in WINDOWS:
            self._look_at_due(entry)
            return
        opened = self._held.get((entry.stream, entry.n))
        if entry.kind in CAUSES:
            self._cause(index, entry, b, opened)
        elif opened is None:
            return
        elif entry.kind == "member-added":
            if b["role"] == "enrolled":
                self._lent.add(_text(opened, "member"))
        elif entry.kind == "posted":
            self._post(entry, b, opened)
        else:
            self._admitted(index, entry, b, opened)

    # ---- what happened in the project ------------------------------------------------------------

    def _cause(self, index: int, entry: AuditedEntry, b: dict[str, Any], opened: Opened | None) -> None:
        project = entry.stream
        self._ends[project] = entry.n
        if entry.kind in ("project-pooled", "project-versioned"):
            self._causes[project, entry.n] = Cause(entry.kind, None, "")
            return
        if opened is None or "member" not in opened:
            self._causes[project, entry.n] = None
            self._partly.add(project)
            return
        member = _text(opened, "member")
        if entry.kind == "test-ended":
            state, change = (
                ("passed", self._qualified.add) if b["passed"] else ("failed", self._qualified.discard)
            )
        else:
            state = b["state"]
            change = self._suspended.add if state == "suspended" else self._suspended.discard
        change((project, member))
        self._causes[project, entry.n] = Cause(entry.kind, member, state)
        self._expect(index, entry, member)

    def _may(self, posting: Posted, member: str) -> bool:
        key = posting.project, member
        return key not in self._suspended and (not posting.test or key in self._qualified)

    def _expect(self, index: int, entry: AuditedEntry, member: str) -> None:
        """What changed for somebody whom pools lend has to be told there."""
        if member not in self._lent or entry.stream in self._partly:
            return
        for posting in self._postings.values():
            if posting.project == entry.stream and posting.open:
                may = self._may(posting, member)
                if self._told.get((posting.posting, member), not posting.test) != may:
                    place = f"{entry.stream} {entry.n}"
                    self._due.append(Due(posting.posting, member, may, index, place, entry.at))

    def _look_at_due(self, window: AuditedEntry) -> None:
        """What the pool had to be told before this window."""
        for due in list(self._due):
            pool = self._postings[due.posting].pool
            if pool == window.stream and window.at > due.at + self.skew:
                act = "admitted" if due.on else "taken off"
                why = f"{due.member} had to be {act} in {pool} because of this, and was not before a window."
                self.tell("admitted.missing", due.leaf, due.place, why)
                self._due.remove(due)

    # ---- what the pool was told ------------------------------------------------------------------

    def _post(self, entry: AuditedEntry, b: dict[str, Any], opened: Opened) -> None:
        known = self._postings.get(b["posting"])
        if known is None:
            known = Posted(entry.stream, b["posting"], _text(opened, "project"), run=entry.n)
            self._postings[b["posting"]] = known
        known.test, known.open = bool(b["test"]), b["state"] == "open"

    def _admitted(self, index: int, entry: AuditedEntry, b: dict[str, Any], opened: Opened) -> None:
        posting, place = self._postings.get(b["posting"]), f"{entry.stream} {entry.n}"

        def tell(rule: str, why: str) -> None:
            self.tell(rule, index, place, why)

        told = _evidence(opened.get("evidence", b""))
        if posting is None or "evidence" not in opened:
            self.unheld += 1
            return
        if told is None or len(told[1]) != len(b["who"]):
            tell(
                "admitted.evidence",
                "What it opens to does not name a reason, and one annotator for each of its own.",
            )
            return
        cause, members = told
        self.checked += 1
        for who, member in zip(b["who"], members, strict=True):
            if self._names.setdefault(who, member) != member or self._people.setdefault(member, who) != who:
                tell("admitted.member", f"{who} is {member} here, and was somebody else before.")
            self._told[b["posting"], member] = bool(b["on"])
        self._due = [due for due in self._due if not self._answers(due, b, members)]
        self._check_cause(posting, entry, bool(b["on"]), cause, members, tell)

    def _answers(self, due: Due, b: dict[str, Any], members: list[str]) -> bool:
        return due.posting == b["posting"] and due.member in members and due.on == bool(b["on"])

    def _check_cause(
        self,
        posting: Posted,
        entry: AuditedEntry,
        on: bool,
        cause: Place | None,
        members: list[str],
        tell: Callable[[str, str], None],
    ) -> None:
        act = "admits" if on else "takes off"
        if cause is None:
            if posting.run == entry.n - 1:
                posting.run = entry.n
            else:
                tell("admitted.no-reason", f"It {act} {', '.join(members)} and names no reason.")
            return
        named = f"{cause[0]} {cause[1]}"
        if cause[0] != posting.project:
            tell("admitted.reason", f"It names {named} as its reason, which is no entry of its project.")
        elif cause not in self._causes:
            tell("admitted.reason", f"It names {named} as its reason, and no such decision stands before it.")
        else:
            self._compare(posting, self._causes[cause], on, members, named, act, tell)

    def _compare(
        self,
        posting: Posted,
        cause: Cause | None,
        on: bool,
        members: list[str],
        named: str,
        act: str,
        tell: Callable[[str, str], None],
    ) -> None:
        """The reason must be about these annotators, and come to this."""
        if cause is None:
            self.unheld += 1
            return
        if cause.member is not None and members != [cause.member]:
            tell(
                "admitted.reason",
                f"It {act} {', '.join(members)}, and its reason {named} is about {cause.member}.",
            )
            return
        if posting.project in self._partly and cause.state != "suspended":
            self.unheld += 1  # what came before is not known
            return
        wrong = [member for member in members if self._may(posting, member) != on]
        if wrong:
            what = f"{cause.kind} {cause.state}".strip()
            tell(
                "admitted.reason",
                f"It {act} {', '.join(wrong)} because of {named} ({what}), which comes to the opposite.",
            )


def _text(opened: Opened, name: str) -> str:
    return opened.get(name, b"").decode("utf-8", "replace")


def _evidence(value: bytes) -> tuple[Place | None, list[str]] | None:
    """(the place that is the reason or None, the client's names); None when it is not of that form."""
    try:
        told = json.loads(value)
        cause, members = told["cause"], told["members"]
        if set(told) != {"cause", "members"} or not all(isinstance(one, str) for one in members):
            return None
        if cause is None:
            return None, members
        stream, n = cause
        return ((stream, n), members) if isinstance(stream, str) and type(n) is int else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
