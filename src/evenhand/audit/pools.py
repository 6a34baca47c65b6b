"""Replay of shared pools: from the log alone, who had to get what (``docs/spec/ledger.md``, 10.2).

One `Pool` holds the state of one pool and takes its entries in order. It believes nothing that a window says
about its own outcome: it works it out again and compares. After a difference it goes on with what the log
says, so that one lie gives one finding and not a thousand.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evenhand.audit import beacon, draw
from evenhand.audit.beacon import Closing
from evenhand.audit.entries import unb64url
from evenhand.audit.findings import GAP, PROVEN

UNIT = 720_720
UNSETTLED = 50  # windows of its pool after which a submission that none has named is a gap
PASSED = 250  # of `passed` in a second phase, after which nobody has to get anything more
BETWEEN = 64  # acts between the two phases of a draw that bear on it: one for each seat of a window
OVERDUE = 20  # windows after which a lease whose time is over and that none has ended is a gap

Tell = Callable[[str, str, str, str], None]
"""control, class, rule, evidence"""


class Terms(NamedTuple):
    """A ``pool-policy``."""

    effective: int
    weights: dict[str, int]
    prices: dict[str, int]
    charge: int
    independent: bool
    phases: int = 1


class Enrolment(NamedTuple):
    """What an annotator is in a pool."""

    entity: str
    band: int
    languages: tuple[str, ...]
    qualifications: tuple[str, ...]
    active: bool


class Posting(NamedTuple):
    """A client's project as the pool names it."""

    client: str
    family: str
    open: bool
    test: bool


class Member(NamedTuple):
    """What a client asks of a pool."""

    band: int
    exposure: int
    joined: bool


@dataclass
class Lease:
    """A slot, with the charge, price and weight that were in force when it was given."""

    client: str
    who: str
    price: int
    charge: int
    weight: int
    until: int  # ms
    at: int  # ms: when it was given
    state: str = "live"


class Submission(NamedTuple):
    """A submission or skip that no window has named yet."""

    slot: str
    answered: bool
    at: int  # ms
    leaf: int
    window: int  # how many windows its pool had then


class Outcome(NamedTuple):
    """How a lease ended, for the tests of parity."""

    client: str
    who: str
    entity: str
    band: int
    skipped: bool
    lapsed: bool
    ms: int  # from lease to answer
    leaf: int


@dataclass
class Chance:
    """What a window's draw has to be, to be verified in another process."""

    public: bytes
    alpha: bytes
    proof: bytes
    index: int
    place: str


class Pending(NamedTuple):
    """What is needed to name a settled place: looked up by the audit, which sees all streams."""

    find: Callable[[str, int], Submission | None]


@dataclass
class Pool:
    """The state of one shared pool."""

    id: str
    origin: str
    shared: bool = False
    language: str = ""
    band: int = 1
    qualification: str = ""
    virtual: int = 0
    windows: int = 0
    policies: list[Terms] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    postings: dict[str, dict[str, Posting]] = field(default_factory=dict)  # client -> posting -> what it is
    owners: dict[str, str] = field(default_factory=dict)  # posting -> client
    admitted: dict[tuple[str, str], bool] = field(default_factory=dict)  # (posting, who), as said last
    limited: set[str] = field(default_factory=set)  # clients whose projects may not admit somebody
    closings: Counter[str] = field(default_factory=Counter)  # client -> annotators taken off its work
    tags: dict[str, int] = field(default_factory=dict)
    backlogged: set[str] = field(default_factory=set)
    people: dict[str, Enrolment] = field(default_factory=dict)
    came_from: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # who -> entities
    moved: set[tuple[str, str]] = field(default_factory=set)  # (who, client) that was asked about
    away: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)
    given: Counter[tuple[str, str]] = field(default_factory=Counter)  # (client, entity) -> leases
    blocked: dict[tuple[str, str], bool] = field(default_factory=dict)  # by the latest verdict
    grades: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # (grade, rival)
    waived: set[tuple[str, str]] = field(default_factory=set)
    slots: dict[str, Lease] = field(default_factory=dict)  # live and lapsed ones
    over: set[str] = field(default_factory=set)
    service: Counter[str] = field(default_factory=Counter)  # client -> price of what it got
    leases: Counter[str] = field(default_factory=Counter)  # client -> leases
    passed: Counter[tuple[str, str]] = field(default_factory=Counter)  # (client, entity) -> times
    to_recall: dict[str, str] = field(default_factory=dict)  # slot -> why it has to be taken back
    served: set[tuple[str, str]] = field(default_factory=set)  # (client, entity or who) that had a lease
    bands: Counter[str] = field(default_factory=Counter)  # client -> sum of the bands of who served it
    since: dict[str, int] = field(default_factory=dict)  # client that waits for its first lease -> ms
    waits: dict[str, tuple[int, int]] = field(default_factory=dict)  # client -> (times, ms in all)
    heads: Counter[str] = field(default_factory=Counter)  # client -> windows after which it was first in line
    headed: int = 0  # windows after which several waited
    closing: Closing | None = None  # a window that is closed and not drawn
    between: int = 0  # acts since then that bear on its draw
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=OVERDUE))  # ms of the last windows

    # ---- what the windows depend on ----------------------------------------------------------

    def terms(self, n: int) -> Terms | None:
        """The policy in force at a place."""
        return next((terms for terms in reversed(self.policies) if terms.effective <= n), None)

    def set_terms(self, n: int, b: dict[str, Any], tell: Tell) -> None:
        """``pool-policy``."""
        if b["effective_from"] <= n:
            tell(
                "EN-2",
                PROVEN,
                "policy.at-once",
                f"A policy holds from {b['effective_from']}, its own place is {n}.",
            )
        if any(price["price"] > b["cap"] for price in b["prices"]) or not 0 <= b["charge"] <= b["cap"]:
            tell("EN-2", PROVEN, "policy.cap", "A price or the charge is above the cap.")
        weights = {one["client"]: one["weight"] for one in b["weights"]}
        if any(weight < 1 or UNIT % weight for weight in weights.values()):
            tell("EN-2", PROVEN, "policy.weight", f"A weight does not divide {UNIT}.")
            weights = {client: max(1, weight) for client, weight in weights.items()}
        prices = {one["family"]: one["price"] for one in b["prices"]}
        phases = 1 if b["draw"] == "vrf" else 2
        self.policies.append(
            Terms(b["effective_from"], weights, prices, b["charge"], bool(b["independent"]), phases)
        )

    def enrol(self, b: dict[str, Any], tell: Tell) -> None:
        """``enrolled``."""
        who = b["who"]
        active = b["state"] == "active"
        before = self.people.get(who)
        if before is not None and before.entity != b["entity"]:
            self.came_from[who].add(before.entity)
        self.people[who] = Enrolment(
            b["entity"], b["band"], tuple(b["languages"]), tuple(b["qualifications"]), active
        )
        self.away.discard(who)
        if not active:
            self._must_recall(lambda lease: lease.who == who, "its annotator has left")
        self._ask_about_moves(tell)

    def _ask_about_moves(self, tell: Tell) -> None:
        """Whoever changes from a provider in conflict to another one may serve the client from now on. People
        change, and so does what is written of them: only the two providers know."""
        for who, earlier in self.came_from.items():
            now = self.people[who]
            for (client, entity), blocked in self.blocked.items():
                free = now.active and not self.blocked.get((client, now.entity))
                if blocked and entity in earlier and free and (who, client) not in self.moved:
                    self.moved.add((who, client))
                    why = f"{who} was {entity}'s, which is in conflict with {client}, and is {now.entity}'s."
                    tell("EN-22", GAP, "enrolled.moved", why)

    def be_available(self, b: dict[str, Any]) -> None:
        """``availability``."""
        if b["on"]:
            self.away.discard(b["who"])
        else:
            self.away.add(b["who"])
            self.idle.discard(b["who"])

    def post(self, b: dict[str, Any], tell: Tell) -> None:
        """``posted``."""
        client, name = b["client"], b["posting"]
        if b["state"] not in ("open", "closed") or self.owners.setdefault(name, client) != client:
            tell(
                "EN-31",
                PROVEN,
                "posting.client",
                f"The posting {name} was another client's, or has no state.",
            )
            return
        told = Posting(client, b["family"], b["state"] == "open", bool(b["test"]))
        self.postings.setdefault(client, {})[name] = told
        if told.test:
            self.limited.add(client)

    def admit(self, b: dict[str, Any], tell: Tell) -> None:
        """``admitted``."""
        client = self.owners.get(b["posting"])
        if client is None:
            tell("EN-31", PROVEN, "posting.unknown", f"There is no posting {b['posting']} in this pool.")
            return
        posting = self.postings[client][b["posting"]]
        self.limited.add(client)
        for who in b["who"]:
            if self._admits(b["posting"], posting, who) and not b["on"]:
                self.closings[client] += 1
            self.admitted[b["posting"], who] = bool(b["on"])

    def _admits(self, name: str, posting: Posting, who: str) -> bool:
        return self.admitted.get((name, who), not posting.test)

    def _closed(self, client: str, who: str, family: str | None = None) -> tuple[int, int]:
        """(open postings of a client, of one family or any; how many of them do not admit somebody)."""
        of = self.postings.get(client, {})
        asked = [(n, p) for n, p in of.items() if p.open and family in (None, p.family)]
        return len(asked), sum(not self._admits(name, posting, who) for name, posting in asked)

    def judge(self, b: dict[str, Any], tell: Tell) -> None:
        """``conflict``: takes the verdict; whether it is right is checked against the graph elsewhere."""
        pair = (b["client"], b["entity"])
        by_grade = b["grade"] == 3 or (b["grade"] == 2 and pair not in self.waived)
        if bool(b["blocked"]) != (by_grade or bool(b["rival"])):
            tell(
                "EN-4",
                PROVEN,
                "conflict.blocked",
                f"Grade {b['grade']} of {pair} says blocked={b['blocked']}.",
            )
        self.grades[pair] = (b["grade"], b["rival"])
        self.blocked[pair] = bool(b["blocked"])
        self._ask_about_moves(tell)
        if b["blocked"]:
            self._must_recall(
                lambda lease: lease.client == pair[0] and self._entity(lease.who) == pair[1],
                f"{pair[1]} came into conflict with {pair[0]}",
            )

    def _must_recall(self, which: Callable[[Lease], bool], why: str) -> None:
        for slot, lease in self.slots.items():
            if lease.state == "live" and which(lease):
                self.to_recall[slot] = why

    def override(self, b: dict[str, Any]) -> None:
        """``overridden``, once its signatures were checked."""
        if b["act"] == "suspend":
            self.suspended.add(b["subject"])
            self._must_recall(lambda lease: lease.who == b["subject"], "its annotator was suspended")
        elif b["act"] == "readmit":
            self.suspended.discard(b["subject"])
        elif b["subject"] in self.slots:
            self.to_recall[b["subject"]] = "officers have recalled it"

    def recall(self, b: dict[str, Any], tell: Tell) -> None:
        """``recalled``."""
        for slot in b["slots"]:
            lease = self.slots.get(slot)
            if lease is None or lease.state != "live":
                tell("EN-14", PROVEN, "recall.slot", f"The lease {slot} is not live.")
            elif self.to_recall.pop(slot, None) is None:
                tell("EN-14", PROVEN, "recall.reason", f"Nothing in the log is a reason to take {slot} back.")
                self._end(slot, lease, "over", -lease.charge)
            else:
                self._end(slot, lease, "over", -lease.charge)

    def renew(self, b: dict[str, Any]) -> None:
        """``renewed``."""
        if b["slot"] in self.slots:
            self.slots[b["slot"]].until = b["until"]

    def _entity(self, who: str) -> str:
        return self.people[who].entity if who in self.people else ""

    def _end(self, slot: str, lease: Lease, state: str, difference: int) -> None:
        """Settle a lease; `difference` in units of price."""
        self.tags[lease.client] = self.tags.get(lease.client, 0) + difference * (UNIT // lease.weight)
        lease.state = state
        if state == "over":
            del self.slots[slot]
            self.over.add(slot)

    # ---- windows -----------------------------------------------------------------------------

    def window(
        self, n: int, at: int, index: int, b: dict[str, Any], found: Pending, vrf: bytes, tell: Tell
    ) -> tuple[list[Outcome], Chance | None]:
        """Take one window: every step of 10.2, in its order.

        Returns:
            How leases ended, and the draw to verify.
        """
        before, virtual, outcomes, terms = self._open(n, at, index, b, found, tell)
        if terms.phases == 2 and b["proof"]:
            tell("EN-6", PROVEN, "draw.phase", "This pool draws in two phases, and this window has one.")
        chance = self._draw(n, index, b, terms, vrf, tell)
        self._decide(at, b, terms, draw.output(chance.proof) if chance else b"", tell)
        self._gone(b, tell)
        self._compare(b, before, virtual, tell)
        self._note_head()
        return outcomes, chance

    def _open(
        self, n: int, at: int, index: int, b: dict[str, Any], found: Pending, tell: Tell
    ) -> tuple[dict[str, int], int, list[Outcome], Terms]:
        """Steps 1 to 4, of a window or of its first phase; gives the tags and V of before, too."""
        self.windows += 1
        self.recent.append(at)
        before, virtual = dict(self.tags), self.virtual
        self._check_recalls(tell)
        if self.closing is not None:
            told = f"The window that was closed at {self.closing.n} was never drawn."
            tell("EN-6", PROVEN, "draw.dropped", told)
            self.closing = None
        outcomes = self._settle(at, index, b, found, tell)
        self._backlog(b, tell)
        self.since |= {change["client"]: at for change in b["backlog"] if change["on"]}
        terms = self.terms(n)
        if terms is None:
            tell("EN-2", PROVEN, "window.policy", "No policy is in force.")
            terms = Terms(0, {}, {}, 0, False)
        return before, virtual, outcomes, terms

    def _check_recalls(self, tell: Tell) -> None:
        for slot, why in self.to_recall.items():
            tell("EN-21", PROVEN, "recall.missing", f"The lease {slot} was not taken back although {why}.")
        self.to_recall.clear()

    def close(
        self,
        n: int,
        at: int,
        index: int,
        leaf: bytes,
        b: dict[str, Any],
        found: Pending,
        told: beacon.Beacon | None,
        tell: Tell,
    ) -> list[Outcome]:
        """``window-closed``: steps 1 to 4, and who may be chosen.

        Args:
            told: the ``beacon`` that the entry names.
        """
        before, _, outcomes, terms = self._open(n, at, index, b, found, tell)
        if terms.phases != 2:
            tell("EN-6", PROVEN, "draw.phase", "This pool draws in one phase, and this window has two.")
        for one in b["waiting"]:
            self._check_seat(one["who"], tell)
        self._check_candidates(b, terms, tell)
        self._check_tags(b, before, tell)
        waiting = {one["who"]: one["count"] for one in b["waiting"]}
        self.closing, self.between = (
            Closing(n, at, leaf, index, b["candidates"], b["round"], told, waiting),
            0,
        )
        beacon.check_closing(self.closing, tell)
        return outcomes

    def drawn(
        self, at: int, index: int, place: str, b: dict[str, Any], vrf: bytes, tell: Tell
    ) -> Chance | None:
        """``window-drawn``: steps 5 to 8 for the candidates that were closed.

        Returns:
            The draw to verify.
        """
        closing, self.closing = self.closing, None
        if closing is None:
            if b["leases"] or b["proof"]:
                tell("EN-6", PROVEN, "draw.again", "No closed window was due to be drawn.")
            return None
        before, virtual = dict(self.tags), self.virtual
        self._check_recalls(tell)
        terms = self.terms(closing.n) or Terms(0, {}, {}, 0, False)
        out = {who for who in closing.waiting if not self._still(who)}
        waiting = [{"who": who, "count": count} for who, count in closing.waiting.items() if who not in out]
        proof = unb64url(b["proof"])
        self._decide(
            at, b | {"waiting": waiting}, terms, draw.output(proof), tell, full=len(b["passed"]) >= PASSED
        )
        self._gone(b, tell)
        self._compare(b, before, virtual, tell)
        self._note_head()
        told = draw.alpha(self.origin, self.id, closing.n, closing.candidates, beacon.external(closing, b))
        return Chance(vrf, told, proof, index, place)

    def note_between(self, kind: str, b: dict[str, Any]) -> None:
        """Count an act that bears on the draw that is due: it is about one of its annotators or clients."""
        if self.closing is None:
            return
        waiting = self.closing.waiting
        if kind == "conflict":
            entities = {self._entity(who) for who in waiting}
            self.between += b["client"] in self.backlogged and b["entity"] in entities
        elif kind in ("posted", "client-joined"):
            self.between += b["client"] in self.backlogged
        elif kind == "admitted":
            self.between += any(who in waiting for who in b["who"])
        elif kind == "overridden":
            self.between += b["act"] == "recall" or b["subject"] in waiting
        else:
            self.between += b["who"] in waiting

    def _still(self, who: str) -> bool:
        """Whether somebody who waited when the candidates were closed may still work here."""
        person = self.people.get(who)
        return person is not None and person.active and who not in self.suspended

    def _settle(self, at: int, index: int, b: dict[str, Any], found: Pending, tell: Tell) -> list[Outcome]:
        """Steps 1 to 3."""
        outcomes: list[Outcome] = []
        for stream, number in b["settled"]:
            told = found.find(stream, number)
            if told is None:
                tell(
                    "EN-15",
                    PROVEN,
                    "window.settled",
                    f"{stream} {number} answers no lease of this pool, or did so before.",
                )
                continue
            lease = self.slots.get(told.slot)
            if lease is None:
                if told.slot not in self.over:
                    tell(
                        "EN-15",
                        PROVEN,
                        "window.slot",
                        f"{stream} {number} answers a lease that was never given.",
                    )
                continue
            outcomes.append(self._outcome(lease, not told.answered, False, told.at, index))
            charged = lease.charge if lease.state == "live" else 0
            self._end(told.slot, lease, "over", (lease.price if told.answered else 0) - charged)
        for slot in b["lapsed"]:
            lease = self.slots.get(slot)
            if lease is None or lease.state != "live" or lease.until > at:
                tell(
                    "EN-14",
                    PROVEN,
                    "window.lapsed",
                    f"The lease {slot} is not live, or its time is not over.",
                )
            else:
                outcomes.append(self._outcome(lease, False, True, at, index))
                self._end(slot, lease, "lapsed", -lease.charge)
        for slot in b["changed"]:
            lease = self.slots.get(slot)
            if lease is None or lease.state != "live":
                tell("EN-14", PROVEN, "window.changed", f"The lease {slot} is not live.")
            else:
                self._end(slot, lease, "over", lease.price - lease.charge)
        return outcomes

    def _outcome(self, lease: Lease, skipped: bool, lapsed: bool, at: int, index: int) -> Outcome:
        person = self.people.get(lease.who)
        entity, band = (person.entity, person.band) if person else ("", 0)
        return Outcome(lease.client, lease.who, entity, band, skipped, lapsed, at - lease.at, index)

    def _backlog(self, b: dict[str, Any], tell: Tell) -> None:
        """Step 4."""
        for change in b["backlog"]:
            client, tag = change["client"], change["tag"]
            if bool(change["on"]) == (client in self.backlogged):
                tell(
                    "EN-3",
                    PROVEN,
                    "backlog.state",
                    f"{client} was {'' if change['on'] else 'not '}backlogged.",
                )
            if not change["on"]:
                self.backlogged.discard(client)
                continue
            if not self.members.get(client, Member(1, 0, False)).joined:
                tell("EN-3", PROVEN, "backlog.stranger", f"{client} takes no part in this pool.")
            self.backlogged.add(client)
            due = max(self.tags.get(client, 0), self.virtual)
            if tag != due:
                tell("EN-1", PROVEN, "backlog.tag", f"{client} comes back with tag {tag}, and {due} is due.")
            self.tags[client] = tag

    def _draw(
        self, n: int, index: int, b: dict[str, Any], terms: Terms, vrf: bytes, tell: Tell
    ) -> Chance | None:
        """What is drawn for, 10.3."""
        self._check_candidates(b, terms, tell)
        if not b["proof"]:
            if b["leases"]:
                tell("EN-6", PROVEN, "draw.missing", "Leases were given without a draw.")
            return None
        told = draw.alpha(self.origin, self.id, n, b["candidates"])
        return Chance(vrf, told, unb64url(b["proof"]), index, f"{self.id} {n}")

    def _check_candidates(self, b: dict[str, Any], terms: Terms, tell: Tell) -> None:
        backlog = [
            (client, self.tags.get(client, 0), terms.weights.get(client, 1)) for client in self.backlogged
        ]
        digest = draw.candidates(backlog, [(one["who"], one["count"]) for one in b["waiting"]])
        if unb64url(b["candidates"]) != digest:
            tell("EN-6", PROVEN, "draw.candidates", "The closed set of candidates is not that of the replay.")

    def _decide(
        self, at: int, b: dict[str, Any], terms: Terms, beta: bytes, tell: Tell, full: bool = False
    ) -> None:
        """Steps 5 and 6: who has to get what, compared lease by lease.

        Args:
            full: the entry was too long for more, so that whoever is left out is no finding.
        """
        wanted = {one["who"]: one["count"] for one in b["waiting"]}
        passed = self._read_passed(b, terms, tell)
        order = sorted(wanted, key=lambda who: hashlib.sha256(beta + who.encode()).digest())
        if "settled" in b:
            for who in order:
                self._check_seat(who, tell)
        ties = {c: hashlib.sha256(beta + c.encode()).digest()[:8] for c in self.backlogged}
        told = list(b["leases"])[::-1]
        got: Counter[str] = Counter()
        dry: set[str] = set()
        for turn in range(max(wanted.values(), default=0)):
            for who in order:
                if who in dry or turn >= wanted[who]:
                    continue
                able = [c for c in self.backlogged if not self._barred(c, who) and (who, c) not in passed]
                if not able:
                    dry.add(who)
                    continue
                due = min(able, key=lambda c: (self.tags.get(c, 0), ties[c], c))
                if not told:
                    if not full:
                        reason = f"{who} had to get a task of {due}, and got none."
                        tell("EN-1", PROVEN, "window.withheld", reason)
                    dry.add(who)
                    continue
                lease = told.pop()
                self._check_lease(lease, who, due, at, terms, tell)
                self._give(lease, at, terms)
                got[who] += 1
            if all(who in dry or turn + 1 >= wanted[who] for who in order):
                break  # whatever count somebody is said to wait for
        for lease in told[::-1]:
            tell(
                "EN-1",
                PROVEN,
                "window.lease",
                f"{lease['who']} got a task of {lease['client']} that nobody was due.",
            )
            self._give(lease, at, terms)
            got[lease["who"]] += 1
        if not full:
            self._check_idle(b, wanted, got, tell)

    def _read_passed(self, b: dict[str, Any], terms: Terms, tell: Tell) -> set[tuple[str, str]]:
        passed: set[tuple[str, str]] = set()
        given = {lease["client"] for lease in b["leases"]}
        for one in b["passed"]:
            pair = (one["client"], self._entity(one["who"]))
            passed.add((one["who"], one["client"]))
            self.passed[pair] += 1
            why, client = one["why"], one["client"]
            seen = (client, pair[1] if why == "independence" else one["who"]) in self.served
            allowed = client in given if why == "taken" else seen and why in ("had", "independence")
            if why == "gone":
                allowed = client not in given and "proof" in b and "settled" not in b
            if why == "closed":
                allowed = self._closed(client, one["who"])[1] > 0
            if not allowed or (one["why"] == "independence" and not terms.independent):
                told = f"{one['who']} was passed over for {client} ({why}) without any earlier lease."
                tell("EN-1", GAP, "window.passed", told)
        return passed

    def _check_seat(self, who: str, tell: Tell) -> None:
        """Whether somebody may work here at all."""
        person = self.people.get(who)
        fits = (
            person is not None
            and person.active
            and person.band >= self.band
            and (not self.language or self.language in person.languages)
            and (not self.qualification or self.qualification in person.qualifications)
        )
        if not fits or who in self.away or who in self.suspended:
            tell("EN-5", PROVEN, "window.seat", f"{who} may not work in this pool now.")

    def _barred(self, client: str, who: str) -> bool:
        person = self.people.get(who)
        member = self.members.get(client)
        if person is None or member is None or self.blocked.get((client, person.entity)):
            return True
        if client in self.limited:
            postings, closed = self._closed(client, who)
            if postings and postings == closed:
                return True
        given = self.given[client, person.entity]
        return member.band > person.band or 0 < member.exposure <= given

    def _check_lease(
        self, lease: dict[str, Any], who: str, due: str, at: int, terms: Terms, tell: Tell
    ) -> None:
        client, tag = lease["client"], self.tags.get(lease["client"], 0)
        if lease["who"] != who:
            tell("EN-5", PROVEN, "window.order", f"{who} was due for {due}, and {lease['who']} got {client}.")
        elif client != due:
            self._tell_preference(lease, who, due, tell)
        postings, closed = self._closed(client, who, lease["family"])
        if client in self.postings and postings == closed:
            told = f"No project of {client} and family {lease['family']} admits {who}, who got its task."
            tell("EN-30", PROVEN, "window.closed", told)
        if lease["v"] != tag:
            tell("EN-1", PROVEN, "window.v", f"{client} was chosen with tag {tag}, and {lease['v']} is said.")
        if lease["slot"] in self.slots or lease["slot"] in self.over or lease["until"] <= at:
            tell(
                "EN-14",
                PROVEN,
                "window.slot",
                f"The slot {lease['slot']} is not fresh, or ends before it begins.",
            )
        if lease["family"] not in terms.prices:
            tell("EN-26", PROVEN, "window.price", f"The family {lease['family']} has no price.")

    def _tell_preference(self, lease: dict[str, Any], who: str, due: str, tell: Tell) -> None:
        client, entity = lease["client"], self._entity(who)
        if self.blocked.get((client, entity)):
            tell(
                "EN-21",
                PROVEN,
                "window.conflict",
                f"{who} of {entity} is in conflict with {client}, and got its task.",
            )
        elif self._barred(client, who):
            tell(
                "EN-23",
                PROVEN,
                "window.barred",
                f"{who} of {entity} may have no more of {client}, and got its task.",
            )
        else:
            tell("EN-1", PROVEN, "window.lease", f"{due} was due for {who}, and {client} was served.")

    def _give(self, lease: dict[str, Any], at: int, terms: Terms) -> None:
        """Step 5's effect, as the log says it."""
        client, who = lease["client"], lease["who"]
        tag = self.tags.get(client, 0)
        weight = terms.weights.get(client, 1)
        price = terms.prices.get(lease["family"], 0)
        self.virtual = max(self.virtual, tag)
        self.tags[client] = tag + terms.charge * (UNIT // weight)
        self.slots[lease["slot"]] = Lease(client, who, price, terms.charge, weight, lease["until"], at)
        self.given[client, self._entity(who)] += 1
        self.served |= {(client, self._entity(who)), (client, who)}
        self.service[client] += price
        self.leases[client] += 1
        self.bands[client] += self.people[who].band if who in self.people else 0
        if client in self.since:
            times, total = self.waits.get(client, (0, 0))
            self.waits[client] = (times + 1, total + at - self.since.pop(client))
        self.idle.discard(who)

    def _check_idle(self, b: dict[str, Any], wanted: dict[str, int], got: Counter[str], tell: Tell) -> None:
        due = {who for who, count in wanted.items() if got[who] < count and who not in self.idle}
        if due != set(b["idle"]):
            odd = sorted(due ^ set(b["idle"]))[:3]
            tell("EN-1", PROVEN, "window.idle", f"Who had nothing to do is said wrongly: {', '.join(odd)}.")
        self.idle |= set(b["idle"])

    def _gone(self, b: dict[str, Any], tell: Tell) -> None:
        """Step 7."""
        given = {lease["client"] for lease in b["leases"]}
        for client in b["gone"]:
            if client not in self.backlogged or client not in given:
                tell(
                    "EN-3",
                    PROVEN,
                    "backlog.gone",
                    f"{client} is said to have nothing left, and got nothing here.",
                )
            self.backlogged.discard(client)

    def _compare(self, b: dict[str, Any], before: dict[str, int], virtual: int, tell: Tell) -> None:
        """Step 8."""
        self._check_tags(b, before, tell)
        if b["virtual"] != self.virtual:
            tell("EN-1", PROVEN, "window.virtual", f"V is {self.virtual}, and {b['virtual']} is said.")
            self.virtual = b["virtual"]

    def _check_tags(self, b: dict[str, Any], before: dict[str, int], tell: Tell) -> None:
        due = {client: tag for client, tag in self.tags.items() if tag != before.get(client)}
        told = {one["client"]: one["tag"] for one in b["tags"]}
        for client in sorted(due.keys() | told.keys()):
            right, said = self.tags.get(client, 0), told.get(client, before.get(client, 0))
            if right != said:
                tell(
                    "EN-26", PROVEN, "window.tag", f"{client} is left with tag {said}, and {right} is right."
                )
                self.tags[client] = said

    def _note_head(self) -> None:
        """Who is first in line until the next window: that is when people become unavailable."""
        if len(self.backlogged) > 1:
            self.headed += 1
            self.heads[min(self.backlogged, key=lambda c: (self.tags.get(c, 0), c))] += 1

    def open_to_all(self, entity: str) -> bool:
        """Whether no client that waits is closed to this entity: chance alone decides whom it serves."""
        bands = {self.members[client].band for client in self.backlogged if client in self.members}
        return len(bands) <= 1 and not any(self.blocked.get((client, entity)) for client in self.backlogged)

    # ---- at the end --------------------------------------------------------------------------

    def overdue(self, at: int) -> Iterable[str]:
        """Leases whose time was over long ago, and that no window has ended."""
        return (slot for slot, lease in self.slots.items() if lease.state == "live" and lease.until < at)
