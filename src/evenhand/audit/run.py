"""An audit of a whole log from outside: one pass, steps A0 to A12, the same answer every time.

A0 trust, A1 tree and signatures (`audit.verify`), A2 entries, times and places, A3 ownership and verdicts,
A4 draws, A5 replay of every allocation (`audit.pools`), A6 nothing dropped, A7 exposure, A8 prices, A9 parity
(`audit.parity`), A10 receipts, A11 openings, A12 freshness and headlines. Memory is for state alone: streams,
pools, live leases, and what still has to be settled.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evenhand.audit import archive, beacon, draw
from evenhand.audit.beacon import Beacon, Roots
from evenhand.audit.crew import Crew
from evenhand.audit.entries import AuditedEntry, unb64url
from evenhand.audit.federation import DEFAULT, Federation, HeldLetter, SharePart, read_letter
from evenhand.audit.federation import KINDS as OF_SHARES
from evenhand.audit.findings import ALARM, GAP, PROVEN, Finding, Findings
from evenhand.audit.grammar import EARLIER, digest
from evenhand.audit.notes import LogKey, TreeHead, Unacceptable, read_checkpoint, read_key
from evenhand.audit.ownership import Graph, Thresholds
from evenhand.audit.parity import CONTROL, METRICS, Parity
from evenhand.audit.pools import BETWEEN, UNSETTLED, Chance, Member, Outcome, Pending, Pool, Submission, Tell
from evenhand.audit.reasons import KINDS, WINDOWS, Reasons
from evenhand.audit.receipts import verify_receipt
from evenhand.audit.sources import Source, open_source
from evenhand.audit.trust import Quorum, cosignatures, read_policy
from evenhand.audit.verify import Progress, Report, verify

MOST_AGE = 600  # seconds without a quorum after which the log is called stalled, unless somebody says else
UNDRAWN = 600_000  # ms after which a closed window that is not drawn is a gap
GRAPH, GRAPHS = 1_000_000_000, 20_000_000_000  # steps for one graph of ownership, and for all of a log
SLOW = 60_000  # ms after which a second phase that could have been made is late
SKEW = 60_000  # ms that honest clocks may differ, and that sequencing may take

RULES: dict[str, tuple[str, str]] = {
    "checkpoint": ("EN-18", PROVEN),
    "root": ("EN-18", PROVEN),
    "tile.missing": ("EN-18", GAP),
    "tile.leaf": ("EN-18", PROVEN),
    "tile.hash": ("EN-18", PROVEN),
    "bundle.missing": ("EN-18", GAP),
    "bundle.short": ("EN-18", PROVEN),
    "earlier.unreadable": ("EN-18", GAP),
    "earlier.rollback": ("EN-18", PROVEN),
    "earlier.fork": ("EN-19", PROVEN),
    "entry.bytes": ("EN-31", PROVEN),
    "entry.kind": ("EN-31", PROVEN),
    "entry.place": ("EN-17", PROVEN),
    "entry.types": ("EN-31", PROVEN),
    "entry.statement": ("EN-15", PROVEN),
    "entry.signature": ("EN-15", PROVEN),
    "entry.unsigned": ("EN-15", PROVEN),
    "statement.again": ("EN-15", PROVEN),
    "signing.early": ("EN-31", PROVEN),
    "key.validity": ("EN-35", PROVEN),
    "key.id": ("EN-35", PROVEN),
    "key.proof": ("EN-35", PROVEN),
}
"""Rule of `audit.verify` -> control and class."""


@dataclass
class Share:
    """How one client fared in one pool."""

    pool: str
    client: str
    weight: int
    leases: int
    service: int  # units of price
    blocked: int  # entities that may not serve it
    band: float  # mean band of the annotators who served it
    wait_ms: int  # mean time from joining the queue to its first lease
    closed: int = 0  # times that its projects took an annotator off


@dataclass
class Audit:
    """What was checked and what came of it."""

    origin: str = ""
    size: int = 0
    root: str = ""  # hex
    vkey: str = ""
    trusted: bool = False  # the key came from whoever asked
    at: int = 0  # ms: when the audit was made; freshness is relative to it
    entries: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    streams: int = 0
    unsigned: int = 0  # entries that only the operator vouches for
    signed: int = 0  # by an actor's key, verified
    keys: int = 0  # of actors, that were ever in force
    keys_by_node: int = 0  # that the node alone certified although the holder had one
    spoken_for: Counter[str] = field(default_factory=Counter)  # kind -> the node's word for holders of a key
    demanded: list[str] = field(default_factory=list)  # kinds that must be signed, by the newest policy
    first: int = 0  # ms: oldest entry
    last: int = 0  # ms: newest
    draws: int = 0
    windows: int = 0
    sources: Counter[str] = field(default_factory=Counter)  # drand, reveal, none -> windows in two phases
    between: int = 0  # acts between two phases that bore on their draw
    touched: int = 0  # draws that there were such acts before
    most_between: int = 0  # before one of them
    slowest: int = 0  # ms from when a second phase could be made to when it was
    overrides: int = 0
    erasures: Counter[str] = field(default_factory=Counter)  # "subject, basis" -> values that are gone
    late: int = 0  # statements of ownership that came too late
    private: int = 0  # clients whose record is not public, so that their verdicts are not checked here
    receipts: int = 0
    archives: int = 0  # of projects, whose openings were at hand
    weighings: int = 0  # of answers, taken again
    weighed: int = 0  # consensus and further answers that were compared with one
    plain: int = 0  # consensus that rests on no weighing, computed again
    reasons: int = 0  # `admitted` entries whose reason the receipts open, and which was compared
    reasons_unheld: int = 0  # those whose reason they do not open
    cosigned: dict[str, int] = field(default_factory=dict)  # witness -> seconds since 1970-01-01 UTC
    quorum: str = "none asked"  # "met", "not met", "none asked"
    age: int | None = None  # seconds since a quorum cosigned, by its clocks; None: never, or not asked
    shares: list[Share] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)  # "pool client entity" -> claims of nothing left
    e_values: dict[str, dict[str, float]] = field(default_factory=dict)  # pool -> client -> merged e-value
    bets: list[dict[str, Any]] = field(default_factory=list)  # every e-process as it ended
    partners: list[SharePart] = field(default_factory=list)  # shares of projects for other nodes
    drawn_again: int = 0  # share plans whose openings were at hand
    letters: int = 0  # about shares, that somebody holds
    edges: list[dict[str, Any]] = field(default_factory=list)  # ownership as stated at the end
    findings: Findings = field(default_factory=Findings)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing was found and everything was read."""
        return self.findings.ok and self.entries == self.size


def audit(
    source: str | Path | Source,
    *,
    vkey: str | None = None,
    policy: str | None = None,
    receipts: Sequence[Path] = (),
    archives: Sequence[Path] = (),
    letters: Sequence[Path] = (),
    views: Sequence[bytes] = (),
    chains: Sequence[str] = (),
    most_age: int = MOST_AGE,
    at: int | None = None,
    progress: Progress | None = None,
    processes: int = 2,
) -> Audit:
    """Audit a published log.

    Args:
        source: its URL, or a folder with its files.
        vkey: the log's key from another place; by default the policy's, else the log's own.
        policy: a ``tlog-policy``: whose cosignatures count.
        receipts: files as `evenhand receipts watch` keeps them.
        archives: of projects of this log, as `evenhand project archive` writes them.
        letters: about shares, that a partner or the home node holds.
        views: checkpoints that others were shown: witnesses, other clients, own records.
        chains: public keys of drand chains that are trusted, base64url, besides quicknet's.
        most_age: seconds that the last quorum may be old.
        at: ms since 1970-01-01 UTC; by default now.
        progress: told how far it is.
        processes: that verify draws and signatures.

    Raises:
        Unreadable: the source gives no answer.
        Unacceptable: the policy is none.
    """
    started = time.monotonic()
    opened = open_source(source) if isinstance(source, str | Path) else source
    quorum = read_policy(policy) if policy is not None else None
    made = Audit(at=int(time.time() * 1000) if at is None else at)
    try:
        vkey = vkey or _policy_key(opened, quorum)
        auditor = Auditor(made, _key_of(opened, vkey), quorum, processes, chains, most_age)
        with auditor.crew as crew:
            auditor.take_receipts(receipts)
            auditor.take_archives(archives)
            auditor.take_letters(letters)
            auditor.take_views(opened, views)
            notes, observe = auditor.notes, auditor.take
            report = verify(opened, vkey=vkey, earlier=notes, progress=progress, observe=observe, crew=crew)
            auditor.finish()
    finally:
        if opened is not source:
            opened.close()
    _note_log(made, report)
    made.findings.kept.sort(key=_order)
    made.seconds = time.monotonic() - started
    return made


def _note_log(made: Audit, report: Report) -> None:
    """What the log came to as such: its size and root, who signed, and the findings of `verify`."""
    for finding in report.findings:
        control, kind = RULES[finding.rule]
        made.findings.add(Finding(control, kind, finding.rule, finding.index, finding.place, finding.reason))
    made.origin, made.size, made.root, made.vkey = report.origin, report.size, report.root, report.vkey
    made.trusted, made.entries, made.kinds = report.trusted, report.entries, report.kinds
    made.streams, made.unsigned, made.signed = report.streams, report.unsigned, report.signed
    made.keys, made.keys_by_node = report.keys, report.keys_by_node
    made.spoken_for, made.demanded = report.spoken_for, report.demanded


def _order(finding: Finding) -> tuple[int, int, str, str]:
    index = -1 if finding.index is None else finding.index
    return (int(finding.control[3:]), index, finding.rule, finding.evidence)


def _policy_key(source: Source, quorum: Quorum | None) -> str | None:
    """The policy's key for this log, when it names one."""
    if quorum is None or not quorum.logs:
        return None
    told = source.read("vkey")
    own = told.decode("utf-8", "replace").strip() if told else ""
    return own if own in quorum.logs else quorum.logs[0]


def _key_of(source: Source, vkey: str | None) -> LogKey | None:
    told = vkey.encode() if vkey else source.read("vkey")
    try:
        return read_key((told or b"").decode())
    except (Unacceptable, UnicodeDecodeError):
        return None  # `verify` says so


class Auditor:
    """The pass over the entries. `take` them in the order of the tree, then `finish`."""

    def __init__(
        self,
        made: Audit,
        key: LogKey | None,
        quorum: Quorum | None = None,
        processes: int = 1,
        chains: Sequence[str] = (),
        most_age: int = MOST_AGE,
    ) -> None:
        """
        Args:
            made: where everything is noted.
            key: of the log; None: nothing that depends on it is checked.
            quorum: whose cosignatures count.
            processes: that verify draws and signatures.
            chains, most_age: see `audit`.
        """
        self.made = made
        self.key = key
        self.origin = key.name if key else ""
        self.notes: list[bytes] = []  # checkpoints that the log must continue
        self._quorum = quorum
        self._most_age = most_age
        self.crew = Crew(processes)
        self._pools: dict[str, Pool] = {}
        self._parity: dict[str, Parity] = {}
        self._pending: dict[tuple[str, int], Submission] = {}
        self._brackets: list[tuple[int, int]] = []  # (size, ms) of cosigned checkpoints, ascending
        self._statements: dict[str, dict[str, Any]] = {}  # record -> newest
        self._stated: dict[str, int] = {}  # subject -> ms of the first statement about it
        self._history: list[tuple[int, int, dict[str, Any]]] = []  # (n, ts, statement)
        self._graphs: dict[int, Graph] = {}
        self._steps = 0  # that graphs have cost
        self._endless = False  # more than anybody computes is stated
        self._checked: dict[str, int] = {}  # pool -> statements that its verdicts were checked against
        self._policies: list[tuple[int, int, dict[str, Any]]] = []  # (effective n, ts when reached, policy)
        self._node = (-1, 0)  # newest entry of the node stream: n, ts
        self._clients: dict[str, str] = {}  # client -> record, "" when private
        self._registered: dict[str, list[tuple[int, str]]] = {}  # client -> (ts, record), as they came
        self._entities: dict[str, tuple[str, str]] = {}  # entity -> (record, role)
        self._texts: set[bytes] = set()  # of overrides
        self._owed: dict[bytes, tuple[str, int]] = {}  # leaf -> (receipt, deadline)
        self._own = _Own()
        self._reasons = Reasons(self._tell_reason, SKEW)
        self._newest = 0
        self._federation = Federation(self._known_owners, self._known_records)
        self._letters: list[tuple[str, HeldLetter]] = []
        self._chains = (beacon.QUICKNET, *chains)
        self._beacons: list[Beacon] = []
        self._roots = Roots()
        self._leaf = b""  # hash of the entry that is taken

    # ---- A0, A10: what others hold ---------------------------------------------------------

    def take_receipts(self, paths: Sequence[Path]) -> None:
        """A10, first half: each must hold by itself, and its checkpoint is one that the log must continue."""
        for path in paths:
            data = path.read_bytes()
            report = verify_receipt(data, _line(self.key)) if self.key else None
            self.made.receipts += 1
            if report is None or not report.ok:
                why = report.findings[0] if report else "the log has no key"
                self._add("EN-34", PROVEN, "receipt.wrong", None, "", f"{path.name}: {why}")
                continue
            parts = json.loads(data)
            self._own.take(parts)
            stream, n = parts["place"]
            self._hold(stream, n, report.kind, report.opened)
            if report.index is None:
                self._owed[bytes.fromhex(report.leaf)] = (path.name, report.deadline)
            else:
                self.notes.append(parts["proof"].partition("\n\n")[2].encode())

    def take_archives(self, paths: Sequence[Path]) -> None:
        """A11: what the openings of a project show: data and labels as logged, weighings taken again. The
        checkpoints of its proofs are ones that the log must continue."""
        for path in paths:
            report = archive.verify(path, _line(self.key) if self.key else None)
            self.made.archives += 1
            self.made.weighings += report.weighings
            self.made.weighed += report.compared
            self.made.plain += report.plain
            self.made.drawn_again += report.drawn
            self.notes += report.checkpoints
            for stream, n, kind, opened in report.reasons:
                self._hold(stream, n, kind, opened)
            for rule, place, what in report.findings:
                if not rule.startswith(("weighing.", "consensus.")):
                    self._add("EN-34", PROVEN, rule, None, place, f"{path.name}: {what}")
            for finding in report.weighed:
                self.made.findings.add(finding)

    def _hold(self, stream: str, n: int, kind: str, opened: Mapping[str, bytes]) -> None:
        if kind in OF_SHARES:
            self._federation.hold(stream, n, opened)
        else:
            self._reasons.hold(stream, n, kind, opened)

    def take_letters(self, paths: Sequence[Path]) -> None:
        """A10: letters about shares; whether the log has them is seen at its end."""
        for path in paths:
            self.made.letters += 1
            try:
                letter = read_letter(path.read_bytes(), self.key) if self.key else None
            except Unacceptable as error:
                self._add("EN-34", PROVEN, "letter.wrong", None, "", f"{path.name}: {error}.")
                continue
            if letter is not None:
                self._letters.append((path.name, letter))

    def take_views(self, source: Source, views: Sequence[bytes]) -> None:
        """A1: what witnesses and others were shown; the quorum of the newest cosigned checkpoint."""
        self.notes += views
        own = [note for note in (source.read("cosigned"), source.read("checkpoint")) if note]
        self.notes += own[:1]
        for note in [*views, *self.notes, *own]:
            self._bracket(note)
        self._brackets.sort()
        if self._quorum is not None and self._quorum.needed != "none":
            self._check_quorum(own)

    def _bracket(self, note: bytes) -> None:
        """When witnesses saw which size."""
        if self.key is None or self._quorum is None:
            return
        try:
            head = read_checkpoint(note, self.key)
            times = cosignatures(note, head, self._quorum)
        except Unacceptable as error:
            self._add("EN-19", PROVEN, "cosignature", None, "", f"{error}.")
            return
        if times:
            self._brackets.append((head.size, min(times.values()) * 1000))

    def _check_quorum(self, own: Sequence[bytes]) -> None:
        """A12: enough witnesses, and lately."""
        assert self._quorum is not None, "the caller has one"
        best: tuple[int, int, dict[str, int]] = (0, 0, {})  # when, size, by whom
        for note in own:
            try:
                head = read_checkpoint(note, self.key) if self.key else TreeHead("", 0, b"")
                times = cosignatures(note, head, self._quorum)
            except Unacceptable:
                continue  # noted by `_bracket`
            best = max(best, (self._quorum.reached(times), head.size, times), key=lambda one: one[:2])
        reached, _, self.made.cosigned = best
        self.made.quorum = "met" if reached else "not met"
        self.made.age = self.made.at // 1000 - reached if reached else None
        if self.made.age is None:
            self._add("EN-19", GAP, "quorum", None, "", "No checkpoint is cosigned by enough witnesses.")
        elif self.made.age > self._most_age:
            told = (
                f"Enough witnesses last cosigned {self.made.age} s ago, and {self._most_age} s are allowed."
            )
            self._add("EN-20", GAP, "fresh", None, "", told)

    # ---- A2: entries -------------------------------------------------------------------------

    def take(self, index: int, data: bytes, entry: AuditedEntry) -> None:
        """The next entry of the tree, which is of a known kind and in canonical form."""
        made = self.made
        made.first = made.first or entry.at
        made.last = max(made.last, entry.at)
        self._check_time(index, entry)
        leaf = hashlib.sha256(b"\0" + data).digest()
        self._roots.take(leaf)
        if self._owed:
            self._owed.pop(leaf, None)
        self._leaf = leaf
        handle = _HANDLERS.get(entry.kind)
        if entry.kind == "node-opened":
            self._federation.continues = bool(entry.b()["previous"])
        if entry.kind in OF_SHARES:
            handle = Auditor._share
        if handle is not None:
            try:
                if entry.kind in _BETWEEN and entry.stream in self._pools:
                    self._pools[entry.stream].note_between(entry.kind, entry.b())
                handle(self, index, entry, entry.b())
            except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
                reason = f"A field is not of its type: {type(error).__name__} {error}."
                self._add("EN-31", PROVEN, "entry.types", index, _place(entry), reason)
        if self._reasons.concerned and (entry.kind in WINDOWS or entry.kind in KINDS):
            self._reasons.take(index, entry, entry.b())
        if entry.stream == "node":
            self._node = (entry.n, entry.at)

    def _check_time(self, index: int, entry: AuditedEntry) -> None:
        if entry.at < self._newest - SKEW:
            reason = f"It says {entry.at}, and entries before it in the tree say {self._newest}."
            self._add("EN-17", GAP, "time.back", index, _place(entry), reason)
        self._newest = max(self._newest, entry.at)
        while self._brackets and self._brackets[0][0] <= index:
            self._brackets.pop(0)
        if self._brackets and entry.at > self._brackets[0][1] + SKEW:
            reason = f"It says {entry.at}, and witnesses had seen it at {self._brackets[0][1]}."
            self._add("EN-17", PROVEN, "time.ahead", index, _place(entry), reason)

    # ---- A3: ownership -----------------------------------------------------------------------

    def _policy(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        if b["effective_from"] <= entry.n:
            reason = f"A policy of the node holds from {b['effective_from']}, its own place is {entry.n}."
            self._add("EN-31", PROVEN, "policy.at-once", index, _place(entry), reason)
        if b["engine"] != "own:1":
            self._add("EN-31", GAP, "policy.engine", index, _place(entry), f"Unknown rule {b['engine']}.")
        Thresholds.read(b["thresholds"])
        self._policies.append((b["effective_from"], entry.at, b))
        self._graphs.clear()

    def _in_force(self) -> dict[str, Any] | None:
        """The node's policy now: the newest whose place has been reached, else the first."""
        reached = [policy for effective, _, policy in self._policies if effective <= self._node[0] + 1]
        return reached[-1] if reached else None

    def _register_client(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._clients[b["client"]] = b["record"]
        self._registered.setdefault(b["client"], []).append((entry.at, b["record"]))
        self.made.private = sum(not record for record in self._clients.values())
        self._own.register(entry, b["client"])

    def _register_entity(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._entities[b["entity"]] = (b["record"], b["role"])

    def _state_ownership(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        policy = self._in_force()
        since = max(b["effective"], self._stated.setdefault(b["subject"] or b["record"], entry.at))
        if policy is not None and entry.at > since + policy["late"]:
            days = (entry.at - b["effective"]) / 86_400_000
            self.made.late += 1
            reason = f"The change of {b['record']} took effect {days:.1f} days before it was stated."
            self._add("EN-24", PROVEN, "ownership.late", index, _place(entry), reason)
        self._statements[b["record"]] = b
        self._history.append((entry.n, entry.at, b))

    def _known_owners(self, entry: AuditedEntry) -> Graph | None:
        """Ownership as an entry about shares had to know it: up to what it names as a cause, and all that was
        stated a minute before."""
        named = max((n for stream, n in entry.causes if stream == "node"), default=-1)
        count = sum(n <= named or ts <= entry.at - SKEW for n, ts, _ in self._history)
        return self._graph(count, self._history[count - 1][1], DEFAULT) if count else None

    def _known_records(self, client: str, entry: AuditedEntry) -> list[str]:
        """Records that a client may have had for an entry about shares: the one of a minute before, and all
        since."""
        told = self._registered.get(client, [])
        sure = [record for at, record in told if at <= entry.at - SKEW]
        return sure[-1:] + [record for at, record in told if at > entry.at - SKEW]

    def _graph(self, count: int, at: int, without: Thresholds | None = None) -> Graph | None:
        """Ownership after the first `count` statements.

        Args:
            without: thresholds where no policy is in force; None: then nothing is computed.
        """
        policy = self._in_force()
        thresholds = Thresholds.read(policy["thresholds"]) if policy is not None else without
        if thresholds is None or count == 0 or self._endless:
            return None
        if count not in self._graphs:
            newest = {statement["record"]: statement for _, _, statement in self._history[:count]}
            if len(self._graphs) > 4:
                self._graphs.clear()
            graph = Graph(newest.values(), at, thresholds)
            self._steps += graph.work
            if graph.work > GRAPH or self._steps > GRAPHS:
                self._tell_endless()
                return None
            self._graphs[count] = graph
        return self._graphs[count]

    def _tell_endless(self) -> None:
        """Ownership that nobody can compute is not looked at any more: an auditor ends."""
        if not self._endless:
            self._endless = True
            reason = (
                f"The {len(self._history):,} statements of ownership hold circles or chains so long that "
                "grades are not computed from here on. Ask the operator why they are stated like that."
            )
            self._add("EN-21", GAP, "ownership.endless", None, "node", reason)

    def _conflict(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        """A verdict must be what the stated ownership gives."""
        pool = self._pool(entry.stream)
        client, entity = self._clients.get(b["client"], ""), self._entities.get(b["entity"], ("", ""))[0]
        if client and entity:
            right = self._grades(entry, client, entity)
            if right and b["grade"] not in right:
                told = f"{b['client']} and {b['entity']} have grade {b['grade']}, and {right[0]} is right."
                self._add("EN-4", PROVEN, "conflict.grade", index, _place(entry), told)
        pool.judge(b, self._teller(index, entry))

    def _grades(self, entry: AuditedEntry, client: str, entity: str) -> list[int]:
        """What may be said: by all statements so far, or by those up to the one that it names as a cause."""
        counts = [len(self._history)]
        named = max((n for stream, n in entry.causes if stream == "node"), default=None)
        if named is not None:
            counts.append(sum(n <= named for n, _, _ in self._history))
        graphs = [self._graph(count, self._history[count - 1][1]) for count in counts if count]
        if self._endless:
            return []
        return [graph.grade(client, entity) for graph in graphs if graph is not None] or [0]

    def _check_verdicts(self, pool: Pool, index: int, entry: AuditedEntry) -> None:
        """Before a window, every verdict that a statement makes necessary must be there."""
        policy, count = self._in_force(), len(self._history)
        key = f"{count} {len(pool.members)} {len(pool.people)} {len(self._clients)}"
        if policy is None or count == 0 or self._checked.get(pool.id) == hash(key):
            return
        if entry.at <= self._history[-1][1] + policy["skew"]:
            return
        self._checked[pool.id] = hash(key)
        graph = self._graph(count, self._history[-1][1])
        if graph is None:
            return
        entities = {person.entity for person in pool.people.values() if person.active}
        entities |= {entity for entity, (_, role) in self._entities.items() if role == "operator"}
        for client in sorted(pool.members):
            record = self._clients.get(client, "")
            for entity in sorted(entities) if record and pool.members[client].joined else ():
                self._check_verdict(pool, index, entry, client, entity, graph)

    def _check_verdict(
        self, pool: Pool, index: int, entry: AuditedEntry, client: str, entity: str, graph: Graph
    ) -> None:
        record = self._entities.get(entity, ("", ""))[0]
        due = graph.grade(self._clients[client], record) if record else 0
        told, _ = pool.grades.get((client, entity), (0, 0))
        if due != told:
            reason = f"{client} and {entity} have grade {due} by what is stated, and the pool goes by {told}."
            self._add("EN-21", PROVEN, "conflict.missing", index, _place(entry), reason)
            pool.grades[client, entity] = (due, 0)

    # ---- pools -------------------------------------------------------------------------------

    def _pool(self, stream: str) -> Pool:
        pool = self._pools.get(stream)
        if pool is None:
            pool = self._pools[stream] = Pool(stream, self.origin)
            self._parity[stream] = Parity()
        return pool

    def _share_pool(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pool = self._pool(entry.stream)
        pool.shared, pool.band = True, b["band"]
        pool.language, pool.qualification = b["language"], b["qualification"]

    def _pool_policy(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._pool(entry.stream).set_terms(entry.n, b, self._teller(index, entry))

    def _join(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pool = self._pool(entry.stream)
        joined = b["state"] == "active"
        pool.members[b["client"]] = Member(b["band"], b["exposure"], joined)
        self._own.join(entry, b["client"])

    def _post(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._pool(entry.stream).post(b, self._teller(index, entry))

    def _admit(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._pool(entry.stream).admit(b, self._teller(index, entry))

    def _enrol(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._pool(entry.stream).enrol(b, self._teller(index, entry))

    def _availability(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pool = self._pool(entry.stream)
        pool.be_available(b)
        waiting = sorted(pool.backlogged)
        if not b["on"] and len(waiting) > 1:
            head = min(waiting, key=lambda client: (pool.tags.get(client, 0), client))
            for client in waiting:  # by turns: the head is anybody's as often as anybody else's
                expected = pool.heads[client] / max(1, pool.headed)
                x = float(client == head) - expected
                self._parity[pool.id].observe(client, "first", x, index)

    def _waive(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pair = (b["client"], b["entity"])
        waived = self._pool(entry.stream).waived
        (waived.add if b["state"] == "given" else waived.discard)(pair)

    def _override(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        """Two officers must have signed; how often it happens is a headline."""
        self.made.overrides += 1
        policy = self._in_force()
        officers = {one["key"]: unb64url(one["public"]) for one in policy["officers"]} if policy else {}
        lines = ["evenhand/override/v1", self.origin, entry.stream, f"{b['act']} {b['subject']}"]
        text = "\n".join([*lines, b["reason"], str(b["at"]), ""]).encode()
        signed = {one["key"] for one in b["signatures"] if _signed(officers.get(one["key"]), one["sg"], text)}
        if len(signed) < 2:
            reason = f"{b['act']} {b['subject']} was done with {len(signed)} valid signatures of officers."
            self._add("EN-1", PROVEN, "override.signatures", index, _place(entry), reason)
        if text in self._texts:
            self._add(
                "EN-1", PROVEN, "override.again", index, _place(entry), "These signatures were used before."
            )
        self._texts.add(text)
        self._pool(entry.stream).override(b)

    def _grammar(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        if b["schemas"] not in (digest(), *EARLIER):
            reason = f"Entries follow schemas {b['schemas']} from here on, which this auditor does not know."
            self._add("EN-31", GAP, "grammar.unknown", index, _place(entry), reason)

    def _recall(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._pool(entry.stream).recall(b, self._teller(index, entry))

    def _renew(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        if entry.stream in self._pools:
            self._pools[entry.stream].renew(b)

    def _window(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pool, tell = self._pool(entry.stream), self._teller(index, entry)
        found = self._settled(pool, index, entry, b)
        outcomes, chance = pool.window(entry.n, entry.at, index, b, found, self._vrf(), tell)
        self.made.windows += 1
        if chance is not None:
            self.crew.take(wrong_draws, chance, self._tell_draw)
        self._note_parity(pool, b, outcomes, index)
        self._own.window(entry, pool, index, self._add)

    def _settled(self, pool: Pool, index: int, entry: AuditedEntry, b: dict[str, Any]) -> Pending:
        """Before a window or its first phase: verdicts are there, what it settles is among its causes."""
        self._check_verdicts(pool, index, entry)
        for stream, n in b["settled"]:
            if (stream, n) not in entry.causes:
                reason = f"{stream} {n} is settled and is no cause."
                self._add("EN-14", PROVEN, "window.cause", index, _place(entry), reason)
        return Pending(lambda stream, n: self._pending.pop((stream, n), None))

    def _vrf(self) -> bytes:
        policy = self._in_force()
        return unb64url(policy["vrf"]) if policy else b""

    def _beacon(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        told = beacon.read_beacon(entry.n, entry.at, b, self._chains, self._teller(index, entry))
        self._beacons.append(told)

    def _close(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pool, tell = self._pool(entry.stream), self._teller(index, entry)
        found = self._settled(pool, index, entry, b)
        named = {n for stream, n in entry.causes if stream == "node"}
        told = next((one for one in reversed(self._beacons) if one.n in named), None)
        newest, policy = self._beacons[-1] if self._beacons else None, self._in_force()
        skew = policy["skew"] if policy else 0
        if newest is not None and told is not newest and entry.at > newest.at + skew:
            tell("EN-6", PROVEN, "draw.source", f"The window does not name the beacon of node {newest.n}.")
        outcomes = pool.close(entry.n, entry.at, index, self._leaf, b, found, told, tell)
        self._roots.close(pool.id, index)
        self._note_parity(pool, {"leases": []}, outcomes, index)
        self._own.window(entry, pool, index, self._add)

    def _drawn(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        pool, tell = self._pool(entry.stream), self._teller(index, entry)
        self._check_verdicts(pool, index, entry)
        closing = pool.closing
        chance = pool.drawn(entry.at, index, _place(entry), b, self._vrf(), tell)
        self.made.windows += 1
        if chance is not None and closing is not None:
            self.made.sources[b["source"]] += 1
            self.crew.take(wrong_draws, chance, self._tell_draw)
            beacon.check_source(self.origin, pool.id, entry.at, closing, b, tell)
            root = self._roots.at(b["size"]) if b["size"] <= index else b""
            beacon.check_checkpoint(self.origin, closing, b, root, self._quorum, tell)
            self._note_between(pool.between, entry.at - beacon.drawable(closing), tell)
        self._roots.drawn(pool.id)
        self._note_parity(pool, b, [], index)

    def _note_between(self, acts: int, ms: int, tell: Tell) -> None:
        """A4: who could stall a second phase until something suits has little time and few acts for it."""
        made = self.made
        made.between, made.touched = made.between + acts, made.touched + bool(acts)
        made.most_between, made.slowest = max(made.most_between, acts), max(made.slowest, ms)
        if acts > BETWEEN:
            told = f"{acts} acts that bear on the draw stand between its phases, and {BETWEEN} may."
            tell("EN-6", GAP, "draw.between", told)
        if ms > SLOW:
            told = f"It was drawn {ms // 1000} s after it could be, and {SLOW // 1000} s are allowed."
            tell("EN-6", GAP, "draw.slow", told)

    def _note_parity(self, pool: Pool, b: dict[str, Any], outcomes: list[Outcome], index: int) -> None:
        """A9: matched events of different clients."""
        parity = self._parity[pool.id]
        for lease in b["leases"]:
            person = pool.people.get(lease["who"])
            if person is not None and pool.open_to_all(person.entity):
                parity.take(lease["client"], "band", (person.band - 1) / 8, index)
        for one in outcomes:
            parity.take(one.client, "skipped", float(one.skipped), index)
            parity.take(one.client, "lapsed", float(one.lapsed), index)
            if not one.skipped and not one.lapsed:
                parity.take(one.client, "slow", min(1.0, one.ms / 3_600_000), index)

    # ---- work --------------------------------------------------------------------------------

    def _submitted(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._answer(index, entry, b["slot"], b["ms"], answered=True)

    def _skipped(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._answer(index, entry, b["slot"], 0, answered=False)

    def _answer(self, index: int, entry: AuditedEntry, slot: str, ms: int, *, answered: bool) -> None:
        """Whose lease is answered, and when; kept until a window names it."""
        pool = next((pool for pool in self._pools.values() if slot in pool.slots or slot in pool.over), None)
        if pool is None:
            return  # of a pool that is not shared, or invented: then a window that settles it is found
        lease = pool.slots.get(slot)
        if lease is not None:
            if lease.who != entry.stream:
                reason = f"The lease {slot} was given to {lease.who}."
                self._add("EN-15", PROVEN, "submission.person", index, _place(entry), reason)
            if entry.at < lease.at - SKEW:
                reason = f"The answer is {lease.at - entry.at} ms older than its lease."
                self._add("EN-17", PROVEN, "submission.time", index, _place(entry), reason)
            if ms > entry.at - lease.at + SKEW:
                reason = f"{ms} ms of work are said, and the lease was {entry.at - lease.at} ms old."
                self._add("EN-33", PROVEN, "submission.ms", index, _place(entry), reason)
        told = Submission(slot, answered, entry.at, index, pool.windows)
        self._pending[entry.stream, entry.n] = told

    # ---- shares for other nodes --------------------------------------------------------------

    def _share(self, index: int, entry: AuditedEntry, b: dict[str, Any]) -> None:
        self._federation.take(entry, b, self._teller(index, entry))

    def _note_partners(self) -> None:
        for name, letter in self._letters:
            self._federation.compare(name, letter, self.origin, self._newest - SKEW, self._tell_whole)
        self.made.partners = list(self._federation.shares.values())

    def _tell_whole(self, control: str, kind: str, rule: str, reason: str) -> None:
        self._add(control, kind, rule, None, "", reason)

    # ---- the end -----------------------------------------------------------------------------

    def finish(self) -> None:
        """A6, A9, A12: what is missing at the end, and what it comes to."""
        self.crew.finish()
        self.made.draws = self.crew.counts[wrong_draws]
        self._note_unsettled()
        self._note_owed()
        self._note_partners()
        self.made.reasons, self.made.reasons_unheld = self._reasons.checked, self._reasons.unheld
        shared = [pool for _, pool in sorted(self._pools.items()) if pool.shared]
        for pool in shared:
            self._note_undrawn(pool)
            self._note_overdue(pool)
            self._note_shares(pool)
            self._note_bets(pool, len(shared))
        self.made.edges = [
            {name: s[name] for name in ("record", "type", "form", "subject", "party", "interests")}
            for _, s in sorted(self._statements.items())
            if s["status"] != "closed"
        ]

    def _note_unsettled(self) -> None:
        windows = {slot: pool for pool in self._pools.values() for slot in pool.slots}
        for (stream, n), told in sorted(self._pending.items()):
            pool = windows.get(told.slot)
            if pool is not None and pool.windows - told.window > UNSETTLED:
                reason = f"No window has settled it in {pool.windows - told.window} windows."
                self._add("EN-14", GAP, "submission.unsettled", told.leaf, f"{stream} {n}", reason)

    def _note_owed(self) -> None:
        for name, deadline in sorted(self._owed.values()):
            if deadline < self.made.at:
                reason = f"{name}: promised by {deadline}, and not in the log."
                self._add("EN-18", PROVEN, "receipt.missing", None, "", reason)

    def _note_undrawn(self, pool: Pool) -> None:
        closing = pool.closing
        if closing is not None and self._newest > closing.at + UNDRAWN:
            reason = (
                f"The window that was closed at {closing.n} is not drawn after {UNDRAWN // 60_000} minutes."
            )
            self._add("EN-6", GAP, "draw.pending", closing.index, f"{pool.id} {closing.n}", reason)

    def _note_overdue(self, pool: Pool) -> None:
        if len(pool.recent) == pool.recent.maxlen:
            for slot in sorted(pool.overdue(pool.recent[0])):
                reason = (
                    f"The time of {slot} was over {len(pool.recent)} windows ago, and nothing has ended it."
                )
                self._add("EN-14", GAP, "lease.overdue", None, pool.id, reason)

    def _note_shares(self, pool: Pool) -> None:
        terms = pool.policies[-1] if pool.policies else None
        for client in sorted(pool.members):
            weight = terms.weights.get(client, 1) if terms else 1
            blocked = sum(told for (one, _), told in pool.blocked.items() if one == client)
            leases, waits = pool.leases[client], pool.waits.get(client, (0, 0))
            self.made.shares.append(
                Share(
                    pool=pool.id,
                    client=client,
                    weight=weight,
                    leases=leases,
                    service=pool.service[client],
                    blocked=blocked,
                    closed=pool.closings[client],
                    band=round(pool.bands[client] / max(1, leases), 3),
                    wait_ms=waits[1] // max(1, waits[0]),
                )
            )
        for (client, entity), count in sorted(pool.passed.items()):
            self.made.passed[f"{pool.id} {client} {entity}"] = count

    def _note_bets(self, pool: Pool, pools: int) -> None:
        parity = self._parity[pool.id]
        self.made.e_values[pool.id] = parity.merged()
        for (client, metric, side), bet in sorted(parity.bets.items()):
            peak = parity.peaks.get((client, metric, side), (1.0, 0))[0]
            told = {"pool": pool.id, "client": client, "metric": metric, "side": side}
            self.made.bets.append(told | {"e": bet.value, "peak": peak, "pairs": bet.count})
        for client, metric, side, peak, index in parity.alarms(pools):
            how = "more" if side > 0 else "less"
            reason = f"{client} has {how} of '{METRICS[metric]}' than others: e-value {peak:.3g}."
            self._add(CONTROL[metric], ALARM, f"parity.{metric}", index, pool.id, reason)

    # ---- telling -----------------------------------------------------------------------------

    def _add(self, control: str, kind: str, rule: str, index: int | None, place: str, reason: str) -> None:
        self.made.findings.add(Finding(control, kind, rule, index, place, reason))

    def _teller(self, index: int, entry: AuditedEntry) -> Callable[[str, str, str, str], None]:
        place = _place(entry)
        return lambda control, kind, rule, reason: self._add(control, kind, rule, index, place, reason)

    def _tell_reason(self, rule: str, index: int, place: str, reason: str) -> None:
        self._add("EN-30", PROVEN, rule, index, place, reason)

    def _tell_draw(self, chance: Chance) -> None:
        reason = "The proof of the draw does not hold for the closed set of candidates."
        self._add("EN-6", PROVEN, "draw.proof", chance.index, chance.place, reason)


_BETWEEN = frozenset({"admitted", "client-joined", "conflict", "enrolled", "overridden", "posted"})
"""Kinds of acts that may change what a draw comes to after its candidates were closed."""
_HANDLERS: dict[str, Callable[[Auditor, int, AuditedEntry, dict[str, Any]], None]] = {
    "policy": Auditor._policy,
    "client-registered": Auditor._register_client,
    "entity-registered": Auditor._register_entity,
    "ownership-stated": Auditor._state_ownership,
    "conflict": Auditor._conflict,
    "pool-shared": Auditor._share_pool,
    "pool-policy": Auditor._pool_policy,
    "client-joined": Auditor._join,
    "posted": Auditor._post,
    "admitted": Auditor._admit,
    "enrolled": Auditor._enrol,
    "availability": Auditor._availability,
    "waived": Auditor._waive,
    "overridden": Auditor._override,
    "recalled": Auditor._recall,
    "renewed": Auditor._renew,
    "grammar": Auditor._grammar,
    "erased": lambda self, index, entry, b: self.made.erasures.update(
        {f"{b['subject']}, {b['basis']}": b["count"]}
    ),
    "window": Auditor._window,
    "window-closed": Auditor._close,
    "window-drawn": Auditor._drawn,
    "beacon": Auditor._beacon,
    "submitted": Auditor._submitted,
    "skipped": Auditor._skipped,
    "tasks-imported": lambda self, index, entry, b: self._own.imported(entry),
    "project-pooled": lambda self, index, entry, b: self._own.pooled(entry, b["pool"]),
    "project-state-changed": lambda self, index, entry, b: self._own.changed(entry, b["state"]),
}


class _Own:
    """EN-3: whether the work of whoever gave the receipts was in the queue.

    The log does not say whose project is whose. Receipts of one organization do: its own entries.
    """

    def __init__(self) -> None:
        self._places: set[tuple[str, int]] = set()
        self._clients: set[str] = set()
        self._pools: dict[str, str] = {}  # own project -> pool
        self._paused: set[str] = set()
        self._waiting: dict[str, list[tuple[str, int, int]]] = {}  # pool -> (project, ts, n)

    def take(self, receipt: dict[str, Any]) -> None:
        """A receipt that holds."""
        stream, n = receipt["place"]
        self._places.add((stream, n))

    def _ours(self, entry: AuditedEntry) -> bool:
        return (entry.stream, entry.n) in self._places

    def register(self, entry: AuditedEntry, client: str) -> None:
        """``client-registered``."""
        if self._ours(entry):
            self._clients.add(client)

    def join(self, entry: AuditedEntry, client: str) -> None:
        """``client-joined``."""
        if self._ours(entry):
            self._clients.add(client)

    def pooled(self, entry: AuditedEntry, pool: str) -> None:
        """``project-pooled``."""
        if self._ours(entry):
            self._pools[entry.stream] = pool

    def changed(self, entry: AuditedEntry, state: str) -> None:
        """``project-state-changed``."""
        (self._paused.discard if state == "active" else self._paused.add)(entry.stream)

    def imported(self, entry: AuditedEntry) -> None:
        """``tasks-imported``: from the next window on its client must be waiting."""
        pool = self._pools.get(entry.stream)
        if pool is not None and self._ours(entry):
            self._waiting.setdefault(pool, []).append((entry.stream, entry.at, entry.n))

    def window(self, entry: AuditedEntry, pool: Pool, index: int, add: Callable[..., None]) -> None:
        """Look at the first window after each import."""
        due = [one for one in self._waiting.get(pool.id, ()) if one[1] + SKEW < entry.at]
        if not due:
            return
        self._waiting[pool.id] = [one for one in self._waiting[pool.id] if one not in due]
        seen = self._clients & (pool.backlogged | {c for c in pool.leases if pool.leases[c]})
        for project, _, n in due:
            if project not in self._paused and not seen:
                reason = f"The tasks of {project} {n} were not in the queue at the next window."
                add("EN-3", PROVEN, "backlog.missing", index, f"{entry.stream} {entry.n}", reason)


def wrong_draws(batch: list[Chance]) -> list[Chance]:
    """Those whose proof does not hold."""
    return [one for one in batch if not draw.holds(one.public, one.alpha, one.proof)]


def _signed(public: bytes | None, signature: str, text: bytes) -> bool:
    if public is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(unb64url(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _place(entry: AuditedEntry) -> str:
    return f"{entry.stream} {entry.n}"


def _line(key: LogKey) -> str:
    return f"{key.name}+{key.id.hex()}+{base64.b64encode(bytes([1]) + key.public).decode()}"
