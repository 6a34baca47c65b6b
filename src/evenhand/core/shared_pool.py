"""Who gets which task next in a pool that several organizations share.

The rule is spec/neutrality.md 3.2; docs/spec/ledger.md, section 10, says it as an auditor replays it, step
by step, and the functions here keep its order. What is charged is the published price of the task's family,
never the seconds that somebody reports. Nothing in a view could carry a favour: weights and prices come from
the policy, who is barred from the verdicts, ties and the order of annotators from the draw.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from evenhand.core import canonical
from evenhand.core.allocation import Candidate, Given, slot_of
from evenhand.core.beacon import Evidence, external
from evenhand.core.errors import Invalid
from evenhand.core.events import Moment, Place, Recalled, WindowClosed, WindowDecided, WindowDrawn
from evenhand.core.fair_queue import UNIT, FairQueue, cost, lifted, settled

SEATS = 64  # annotators in one window, so that its entry stays below 65,535 bytes
PASSED = 250  # of `passed` in one window
NAMED = 250  # settlements, lapses or changes in one window
MAX_PRICE = 10_000  # so that tags stay below 2^53 for more than a thousand million tasks

_encode = msgspec.json.Encoder(order="sorted").encode


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of the pool that is in force."""

    weights: dict[str, int]  # client -> weight; 1 when it is not here
    prices: dict[str, int]  # family -> units of price
    charge: int  # in advance
    independent: bool  # answers to one task come from different entities
    phases: int = 1  # 2: candidates are closed, and drawn for once the log shows it


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client of the pool."""

    id: str  # pseudonym
    organization: str
    tag: int
    backlogged: bool  # at the end of the last window
    open: bool  # it has a free slot now
    band: int  # the least that it takes
    exposure: int  # most leases for one entity; 0: no limit
    blocked: frozenset[str]  # entities
    leases: dict[str, int]  # entity -> leases so far, where there is a limit


class Clients:
    """The clients of a pool, and beside them what a window asks of all of them: it is kept as they change, so
    that a window need not go through a thousand."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self.tags: dict[str, int] = {}
        self.open: list[str] = []  # ascending
        self.order: list[tuple[int, list[str]]] = []  # (tag, who has it) of those that are open, ascending
        self.backlogged: set[str] = set()
        self._clients: dict[str, Client] = {}
        self._weights: Mapping[str, int] = {}
        self._lines: dict[
            str, bytes
        ] = {}  # client -> how the candidates' digest has it, of those that are open
        for client in clients:
            self.set(client)

    def __getitem__(self, id_: str) -> Client:
        return self._clients[id_]

    def __contains__(self, id_: str) -> bool:
        return id_ in self._clients

    def __iter__(self) -> Iterator[Client]:
        return iter(self._clients.values())

    def set(self, client: Client) -> None:
        """Add a client, or say anew what is known of one."""
        before = self._clients.get(client.id)
        if before is not None and before.open:
            self._unqueue(before)
            del self.open[bisect_left(self.open, before.id)]
            del self._lines[before.id]
        self._clients[client.id] = client
        self.tags[client.id] = client.tag
        (self.backlogged.add if client.backlogged else self.backlogged.discard)(client.id)
        if client.open:
            self._queue(client)
            insort(self.open, client.id)
            self._lines[client.id] = self._line(client.id, client.tag)

    def _queue(self, client: Client) -> None:
        i = bisect_left(self.order, (client.tag,))
        if i == len(self.order) or self.order[i][0] != client.tag:
            self.order.insert(i, (client.tag, []))
        insort(self.order[i][1], client.id)

    def _unqueue(self, client: Client) -> None:
        i = bisect_left(self.order, (client.tag,))
        self.order[i][1].remove(client.id)
        if not self.order[i][1]:
            del self.order[i]

    def lines(self, weights: Mapping[str, int], tags: Mapping[str, int], touched: Iterable[str]) -> bytes:
        """`[client,tag,weight]` of all that are open, ascending, between commas.

        Args:
            touched: the only ones whose tag may be another one than is known here.
        """
        if self._weights is not weights:
            self._weights = weights
            self._lines = {id_: self._line(id_, self.tags[id_]) for id_ in self.open}
        lines = self._lines | {id_: self._line(id_, tags[id_]) for id_ in touched}
        return b",".join([lines[id_] for id_ in self.open])

    def _line(self, id_: str, tag: int) -> bytes:
        return _encode([id_, tag, self._weights.get(id_, 1)])


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """An annotator who asks for work and may work in this pool."""

    person: str
    kind: str  # human, model
    entity: str
    band: int
    idle: bool  # the log says so already
    count: int  # how many more leases, 1 or more
    leases: tuple[str, ...]  # fresh secret ids for them
    pseudonyms: tuple[str, ...]  # as many fresh ids, for clients that do not know this annotator yet


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a lease was given for."""

    id: str
    client: str
    price: int
    charge: int
    weight: int
    state: str  # live, lapsed, over


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A submission or a skip that no window has named."""

    place: Place
    answered: bool
    lease: Lease


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """A client's active project with some of its free tasks, in its own order."""

    project: str
    version: int
    lease_ms: int
    family: str
    tag: int  # leases so far, among the projects of the client
    candidates: tuple[Candidate, ...]
    complete: bool  # no other task of the project is free
    closed: frozenset[str] = frozenset()  # persons whom the project does not admit
    gold: Mapping[str, tuple[Candidate | None, ...]] = {}  # person -> what hides in their next assignments


class WindowView(msgspec.Struct, frozen=True, kw_only=True):
    """What a window depends on."""

    pool: str
    n: int  # the place that the window will take
    origin: str
    virtual: int
    terms: Terms
    clients: Clients  # that have joined
    seats: tuple[Seat, ...]
    settled: tuple[Settlement, ...] = ()
    lapsed: tuple[Lease, ...] = ()
    changed: tuple[Lease, ...] = ()
    closed: dict[str, frozenset[str]] = {}  # project -> persons whom it does not admit
    shut: dict[str, frozenset[str]] = {}  # client -> persons whom no project of it here admits
    stocks: dict[str, tuple[Stock, ...]] = {}  # client -> what has been looked up
    barred: frozenset[tuple[str, str, int]] = frozenset()  # (person, project, task) that they may not have
    looked: dict[tuple[str, str], bool] = {}  # (person, client) -> whether there was anything for them
    members: dict[tuple[str, str], str] = {}  # (organization, person) -> pseudonym there


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One lease of the window."""

    seat: Seat
    lease: Given
    client: str
    family: str
    tag: int  # the client's, when it was chosen
    member: str  # the annotator's pseudonym at the client


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The decision."""

    event: WindowDecided | WindowDrawn | None  # None: nothing happened that the log does not have
    served: tuple[Served, ...]


class Shortage(msgspec.Struct, frozen=True):
    """Nothing can be decided before these have been looked up."""

    wanted: tuple[tuple[str, str], ...]  # (person, client)


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """A window whose first phase is in the pool's stream, and whose second is not."""

    pool: str
    n: int  # place of the first
    ms: int  # its time
    leaf: bytes  # hash of its entry
    candidates: str
    round: int  # of the drand chain; 0: none
    waiting: dict[str, int]  # person -> leases


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A window before its first decision: steps 1 to 4 of the replay."""

    tags: dict[str, int]  # client -> tag, of all
    backlog: tuple[str, ...]  # clients, ascending
    returned: tuple[str, ...]  # of these, who was not backlogged before
    touched: frozenset[str]  # whose tag may differ from the one before: settled for, or returned
    candidates: bytes  # digest
    alpha: bytes  # what is drawn for; empty: nothing is drawn
    order: Sequence[
        tuple[int, Sequence[str]]
    ]  # (tag, clients) of the backlog, ascending; those touched have others


def open_window(view: WindowView) -> Opening:
    """Settle what came back, lift who returns, and close the set of candidates."""
    tags = dict(view.clients.tags)
    changes = _settlements(view)
    for client, amount in changes:
        tags[client] = tags.get(client, 0) + amount
    backlog = tuple(view.clients.open)
    returned = tuple(sorted(set(backlog) - view.clients.backlogged))
    for client in returned:
        tags[client] = lifted(tags[client], view.virtual)
    touched = frozenset((*returned, *(client for client, _ in changes)))
    candidates = _candidates(view, tags, touched)
    alpha = _alpha(view, candidates) if backlog and view.seats else b""
    return Opening(
        tags=tags,
        backlog=backlog,
        returned=returned,
        touched=touched,
        candidates=candidates,
        alpha=alpha,
        order=view.clients.order,
    )


def _ended(view: WindowView) -> tuple[str, ...]:
    """The clients that were backlogged, and have nothing left."""
    return tuple(sorted(view.clients.backlogged.difference(view.clients.open)))


def close(view: WindowView, opening: Opening, round_: int, beacon: Place | None) -> WindowClosed:
    """The first phase of a window in which something is drawn: the entry that fixes the candidates.

    Args:
        round_: the drand round that will decide, which nobody knows yet; 0: none.
        beacon: the newest `beacon` entry.
    """
    before, ended = view.clients.tags, _ended(view)
    causes = {settlement.place for settlement in view.settled} | ({beacon} if beacon else set())
    return WindowClosed(
        stream=view.pool,
        causes=tuple(sorted(causes)),
        backlog=_backlog(ended, opening),
        waiting=tuple({"who": s.person, "count": s.count} for s in view.seats),
        candidates=canonical.b64url(opening.candidates),
        round=round_,
        settled=tuple(settlement.place for settlement in view.settled),
        lapsed=tuple(slot_of(lease.id) for lease in view.lapsed),
        changed=tuple(slot_of(lease.id) for lease in view.changed),
        tags=tuple(
            {"client": client, "tag": opening.tags[client]}
            for client in sorted(opening.touched)
            if opening.tags[client] != before.get(client)
        ),
        settled_ids=tuple(settlement.lease.id for settlement in view.settled),
        lapsed_ids=tuple(lease.id for lease in view.lapsed),
        changed_ids=tuple(lease.id for lease in view.changed),
    )


def undrawn(pool: str, virtual: int) -> WindowDrawn:
    """The second phase of a window whose first is in an earlier log: nobody gets anything."""
    return WindowDrawn(
        stream=pool,
        source="none",
        signature="",
        reveals=(),
        size=0,
        root="",
        cosignatures=(),
        proof="",
        leases=(),
        passed=(),
        idle=(),
        gone=(),
        tags=(),
        virtual=virtual,
        rows=(),
    )


def reopen(view: WindowView, closing: Closing, evidence: Evidence) -> Opening:
    """A window at its second phase. Who may be chosen was fixed by the first; nothing comes in by this.

    Args:
        view: of now, with the seats of those who waited and may still work.
    """
    text = _encode([view.origin, view.pool, closing.n, closing.candidates, external(closing.leaf, evidence)])
    backlog = tuple(sorted(view.clients.backlogged))
    return Opening(
        tags=view.clients.tags,
        backlog=backlog,
        returned=(),
        touched=frozenset(),
        candidates=b"",
        alpha=hashlib.sha256(b"evenhand/rand/v1\x00" + text).digest(),
        order=sorted((view.clients.tags[client], (client,)) for client in backlog),
    )


def _settlements(view: WindowView) -> list[tuple[str, int]]:
    """(client, what its tag grows by) for everything that came back; once for each lease."""
    changes: list[tuple[str, int]] = []
    over: set[str] = set()
    for settlement in view.settled:
        lease = settlement.lease
        if lease.id not in over:
            changes.append((lease.client, _difference(lease, settlement.answered)))
        over.add(lease.id)
    changes += [(lease.client, refund(lease)) for lease in view.lapsed]
    changes += [(lease.client, _difference(lease, answered=True)) for lease in view.changed]
    return changes


def _difference(lease: Lease, answered: bool) -> int:
    if lease.state == "over":
        return 0
    charged = lease.charge if lease.state == "live" else 0
    return settled(0, lease.weight, charged, lease.price if answered else 0)


def refund(lease: Lease) -> int:
    """What the client's tag grows by when a live lease ends without an answer, and not by its doing."""
    return -cost(lease.charge, lease.weight)


def _candidates(view: WindowView, tags: Mapping[str, int], touched: Iterable[str]) -> bytes:
    """SHA-256 of the canonical JSON {"backlog": [[client, tag, weight]], "waiting": [[person, count]]}."""
    backlog = view.clients.lines(view.terms.weights, tags, touched)
    waiting = _encode(sorted([seat.person, seat.count] for seat in view.seats))
    return hashlib.sha256(b'{"backlog":[%b],"waiting":%b}' % (backlog, waiting)).digest()


def _alpha(view: WindowView, candidates: bytes) -> bytes:
    text = _encode([view.origin, view.pool, view.n, canonical.b64url(candidates), ""])
    return hashlib.sha256(b"evenhand/rand/v1\x00" + text).digest()


class _Ties:
    """Order among clients with the same tag in one window: the first 64 bits of SHA-256 of chance and name,
    big-endian, and where they are the same the name."""

    def __init__(self, chance: bytes) -> None:
        self._begun = hashlib.sha256(chance)
        self._known: dict[str, tuple[bytes, str]] = {}

    def rank(self, clients: list[str]) -> None:
        """Bring these into their order."""
        for client in clients:
            if client not in self._known:
                digest = self._begun.copy()
                digest.update(client.encode())
                self._known[client] = digest.digest()[:8], client
        clients.sort(key=self._known.__getitem__)


@lru_cache(maxsize=4)
def _ties(chance: bytes) -> _Ties:
    """A window may be decided in several goes."""
    return _Ties(chance)


def nearest(view: WindowView, opening: Opening, chance: bytes) -> list[str]:
    """The clients that are served first if nothing bars them, in that order: whose tasks a window looks at.

    One more than there are leases to give: whoever is barred at the first has another.
    """
    queue, found = _queue(view, opening, chance), dict[str, bool]()
    for _ in range(1 + sum(seat.count for seat in view.seats)):
        served = queue.serve(lambda client: True, view.terms.charge)
        found |= {served[0]: True} if served is not None else {}
    return list(found)


def _queue(view: WindowView, opening: Opening, chance: bytes) -> FairQueue:
    """The backlogged clients with their tags, of whom few are looked at."""
    touched, weights = opening.touched, view.terms.weights
    moved = {client: opening.tags[client] for client in touched if client in view.clients}
    return FairQueue(
        {client: tag for client, tag in moved.items() if view.clients[client].open},
        view.virtual,
        lambda client: weights.get(client, 1),
        _ties(chance).rank,
        ((tag, [client for client in clients if client not in touched]) for tag, clients in opening.order),
    )


LOOK = 8  # clients looked up at once for somebody whose work there is not known yet


class _Round:
    """The state of one window while leases are given."""

    def __init__(self, view: WindowView, opening: Opening, at: Moment, most: int) -> None:
        self.view = view
        self.most = most  # of `passed`, after which nobody gets anything more
        self.at = at
        self.clients = view.clients
        self.queue = _queue(view, opening, at.chance)
        self.seen = set(view.barred)
        self.left: dict[str, list[Candidate]] = {}  # project -> candidates with their free slots
        self.leases: Counter[tuple[str, str]] = Counter()  # (client, entity) in this window
        self.turns: Counter[tuple[str, str]] = Counter()  # (person, project): leases in this window
        self.passed: dict[tuple[str, str], str] = {}  # (person, client) -> why
        self.projects = {s.project: s.tag for stocks in view.stocks.values() for s in stocks}
        self.lent: dict[
            tuple[str, str], tuple[str, str]
        ] = {}  # (organization, person) -> new pseudonym, kind
        self.wanted: list[tuple[str, str]] = []

    @property
    def full(self) -> bool:
        """Whether the window ends here, because its entry would grow too long."""
        return 0 < self.most <= len(self.passed)

    def serve(self, seat: Seat, turn: int) -> Served | None:
        """One lease for this annotator; None when there is nothing, or something has to be looked up."""
        found = self.queue.serve(lambda client: self._fits(seat, client), self.view.terms.charge)
        if found is None or self.wanted:
            return None
        client, (stock, candidate), tag = found
        candidate = self._use_up(seat, client, stock, candidate)
        organization = self.clients[client].organization
        lease = Given(
            lease=seat.leases[turn],
            waiting=0,
            organization=organization,
            project=stock.project,
            task=candidate.n,
            round=candidate.round,
            version=stock.version,
            until=self.at.ms + stock.lease_ms,
        )
        member = self._member(organization, seat, turn)
        return Served(seat=seat, lease=lease, client=client, family=stock.family, tag=tag, member=member)

    def _fits(self, seat: Seat, client: str) -> tuple[Stock, Candidate] | None:
        if len(self.wanted) >= LOOK or self._bars(seat, client) or (seat.person, client) in self.passed:
            return None
        if self.full:
            return None
        if not self.clients[client].open:  # withdrawn since the candidates were closed
            self.passed[seat.person, client] = "gone"
            return None
        found = self._task(seat, client)
        if found is None:
            self._pass(seat, client)
        return found

    def _bars(self, seat: Seat, client: str) -> bool:
        """Whether verdict, band, exposure or all its projects keep this annotator from the client."""
        own = self.clients[client]
        if seat.person in self.view.shut.get(client, ()):
            return True
        given = own.leases.get(seat.entity, 0) + self.leases[client, seat.entity]
        return seat.entity in own.blocked or seat.band < own.band or 0 < own.exposure <= given

    def _pass(self, seat: Seat, client: str) -> None:
        anything = self.view.looked.get((seat.person, client))
        if anything is None:
            self.wanted.append((seat.person, client))
        elif anything:
            self.passed[seat.person, client] = "taken"
        elif any(seat.person in stock.closed for stock in self.view.stocks.get(client, ())):
            self.passed[seat.person, client] = "closed"
        else:
            self.passed[seat.person, client] = "independence" if self.view.terms.independent else "had"

    def _task(self, seat: Seat, client: str) -> tuple[Stock, Candidate] | None:
        stocks = self.view.stocks.get(client, ())
        for stock in sorted(stocks, key=lambda s: (self.projects[s.project], s.project)):
            if seat.person in stock.closed:
                continue
            for candidate in self.left.setdefault(stock.project, list(stock.candidates)):
                if candidate.free and not self._had(seat, stock.project, candidate.n):
                    return stock, candidate
        return None

    def _had(self, seat: Seat, project: str, task: int) -> bool:
        return (seat.person, project, task) in self.seen or (seat.entity, project, task) in self.seen

    def _use_up(self, seat: Seat, client: str, stock: Stock, ordinary: Candidate) -> Candidate:
        """Take a free slot of this task, or none when gold comes in its place; gives what the lease is for.

        Gold stands apart from the overlap, so answers to it need not come from different entities.
        """
        drawn, turn = stock.gold.get(seat.person, ()), self.turns[seat.person, stock.project]
        hidden = drawn[turn] if turn < len(drawn) else None
        chosen = hidden or ordinary
        if hidden is None:
            left = self.left[stock.project]
            i = next(i for i, candidate in enumerate(left) if candidate.n == ordinary.n)
            left[i] = Candidate(ordinary.n, ordinary.free - 1, ordinary.round)
        self.turns[seat.person, stock.project] += 1
        self.leases[client, seat.entity] += 1
        self.projects[stock.project] += 1
        together = self.view.terms.independent and hidden is None
        self.seen.add((seat.entity if together else seat.person, stock.project, chosen.n))
        return chosen

    def _member(self, organization: str, seat: Seat, turn: int) -> str:
        known = self.view.members.get((organization, seat.person))
        fresh = (seat.pseudonyms[turn], seat.kind)
        return known or self.lent.setdefault((organization, seat.person), fresh)[0]

    def gone(self, client: str) -> bool:
        """Whether the client's last free slots went out in this window."""
        stocks = self.view.stocks.get(client, ())
        return bool(stocks) and all(
            stock.complete and not any(c.free for c in self.left.get(stock.project, stock.candidates))
            for stock in stocks
        )


def decide(
    view: WindowView, opening: Opening, proof: bytes, at: Moment, evidence: Evidence | None = None
) -> Window | Shortage:
    """Give work to everybody who waits, as far as there is any.

    Args:
        proof: of the draw for `opening.alpha`; empty when nothing is drawn.
        at: its chance is the output of that proof.
        evidence: of the second phase of a window; None: it has only one.
    """
    state = _Round(view, opening, at, PASSED if evidence is not None else 0)
    order = sorted(view.seats, key=lambda seat: hashlib.sha256(at.chance + seat.person.encode()).digest())
    served: list[Served] = []
    got: Counter[str] = Counter()
    for turn in range(max((seat.count for seat in order), default=0)):
        for seat in order:
            if turn < seat.count and got[seat.person] == turn:
                one = state.serve(seat, turn)
                if state.wanted:
                    return Shortage(tuple(state.wanted))
                if one is not None:
                    served.append(one)
                    got[seat.person] += 1
    if evidence is not None:
        return Window(event=_drawn(view, opening, state, served, got, proof, evidence), served=tuple(served))
    return Window(event=_event(view, opening, state, served, got, proof), served=tuple(served))


def _drawn(
    view: WindowView,
    opening: Opening,
    state: _Round,
    served: list[Served],
    got: Counter[str],
    proof: bytes,
    evidence: Evidence,
) -> WindowDrawn:
    """The entry of a second phase. Whom a full window left out is not idle."""
    short = [s for s in view.seats if got[s.person] < s.count and (got[s.person] or not s.idle)]
    idle = () if state.full else tuple(s.person for s in short)
    return WindowDrawn(
        stream=view.pool,
        source=evidence.source,
        signature=canonical.b64url(evidence.signature) if evidence.signature else "",
        reveals=tuple(
            {"witness": canonical.b64url(who), "proof": canonical.b64url(told)}
            for who, told in evidence.reveals
        ),
        size=evidence.size,
        root=canonical.b64url(evidence.root),
        cosignatures=tuple(
            {"witness": canonical.b64url(who), "at": seconds, "sg": canonical.b64url(signature)}
            for who, seconds, signature in evidence.cosignatures
        ),
        proof=canonical.b64url(proof),
        idle=idle,
        **_outcome(view, opening, state, served),
    )


def _outcome(view: WindowView, opening: Opening, state: _Round, served: list[Served]) -> dict[str, Any]:
    """What an entry says of who got what, in one phase or as the second of two."""
    projects = {one.lease.project: state.projects[one.lease.project] for one in served}
    return {
        "leases": tuple(_lease(one) for one in served),
        "passed": _passed(state),
        "gone": _gone(state, served),
        "tags": tuple({"client": client, "tag": tag} for client, tag in _changed_tags(opening, state)),
        "virtual": state.queue.virtual,
        "rows": tuple(_row(one) for one in served),
        "terms": tuple(_terms(view.terms, one) for one in served),
        "projects": tuple(sorted(projects.items())),
        "lent": tuple((*of, *fresh) for of, fresh in state.lent.items()),
    }


def _gone(state: _Round, served: list[Served]) -> tuple[str, ...]:
    """The clients whose last free slots went out."""
    return tuple(client for client in sorted({one.client for one in served}) if state.gone(client))


def _event(
    view: WindowView,
    opening: Opening,
    state: _Round,
    served: list[Served],
    got: Counter[str],
    proof: bytes,
) -> WindowDecided | None:
    """The entry; None when it would say nothing."""
    idle = tuple(s.person for s in view.seats if got[s.person] < s.count and (got[s.person] or not s.idle))
    ended = _ended(view)
    if not (served or idle or ended or opening.returned or view.settled or view.lapsed or view.changed):
        return None
    return WindowDecided(
        stream=view.pool,
        causes=tuple(sorted({settlement.place for settlement in view.settled})),
        backlog=_backlog(ended, opening),
        waiting=tuple({"who": s.person, "count": s.count} for s in view.seats),
        candidates=canonical.b64url(opening.candidates),
        proof=canonical.b64url(proof) if proof else "",
        settled=tuple(settlement.place for settlement in view.settled),
        lapsed=tuple(slot_of(lease.id) for lease in view.lapsed),
        changed=tuple(slot_of(lease.id) for lease in view.changed),
        idle=idle,
        settled_ids=tuple(settlement.lease.id for settlement in view.settled),
        lapsed_ids=tuple(lease.id for lease in view.lapsed),
        changed_ids=tuple(lease.id for lease in view.changed),
        **_outcome(view, opening, state, served),
    )


def _changed_tags(opening: Opening, state: _Round) -> list[tuple[str, int]]:
    """(client, its tag now) of all whose tag is another one than before the window."""
    now = {client: opening.tags[client] for client in opening.touched} | state.queue.changed
    before = {client: state.clients[client].tag for client in now if client in state.clients}
    return [(client, tag) for client, tag in sorted(now.items()) if tag != before.get(client)]


def _backlog(ended: Sequence[str], opening: Opening) -> tuple[dict[str, object], ...]:
    off = [{"client": client, "on": 0, "tag": opening.tags[client]} for client in ended]
    return (*off, *({"client": client, "on": 1, "tag": opening.tags[client]} for client in opening.returned))


def _terms(terms: Terms, one: Served) -> tuple[str, int, int, int]:
    return one.seat.entity, terms.prices[one.family], terms.charge, terms.weights.get(one.client, 1)


def _lease(one: Served) -> dict[str, object]:
    return {
        "slot": slot_of(one.lease.lease),
        "who": one.seat.person,
        "client": one.client,
        "family": one.family,
        "until": one.lease.until,
        "v": one.tag,
    }


def _passed(state: _Round) -> tuple[dict[str, str], ...]:
    """Of all who wait, those too who had nothing before: a task that comes back may be one that they had."""
    return tuple(
        {"who": person, "client": client, "why": why}
        for (person, client), why in sorted(state.passed.items())
    )


def _row(one: Served) -> bytes:
    lease = one.lease
    return _encode(
        [lease.lease, lease.organization, lease.project, lease.task, lease.round, lease.version, one.member]
    )


RECALLS = 500  # slots in one entry


def recalled(
    pool: str, reason: str, cause: Place, leases: Sequence[Lease], tags: Mapping[str, int]
) -> list[Recalled]:
    """The entries that take back live leases; their charge is given back.

    Args:
        cause: why: a verdict, an override, an enrolment that ended.
        tags: client -> its tag before.
    """
    events = []
    now = dict(tags)
    for start in range(0, len(leases), RECALLS):
        part = leases[start : start + RECALLS]
        for lease in part:
            now[lease.client] += refund(lease)
        touched = sorted({lease.client for lease in part})
        events.append(
            Recalled(
                stream=pool,
                causes=(cause,),
                reason=reason,
                slots=tuple(slot_of(lease.id) for lease in part),
                ids=tuple(lease.id for lease in part),
                tags=tuple((client, now[client]) for client in touched),
            )
        )
    return events


def check_terms(terms: Terms, cap: int) -> None:
    """Check a policy before it is written.

    Raises:
        Invalid: a weight does not divide, a price or the charge is out of range.
    """
    for client, weight in terms.weights.items():
        if weight < 1 or UNIT % weight:
            raise Invalid(
                "pool.weight", f"A weight divides {UNIT}, and {weight} does not.", f"weights.{client}"
            )
    if not terms.prices:
        raise Invalid("pool.prices", "The pool has no family with a price.", "prices", "Name one.")
    for family, price in terms.prices.items():
        if not 1 <= price <= min(cap, MAX_PRICE):
            reason = f"A price is 1 to the cap, and at most {MAX_PRICE}."
            raise Invalid("pool.price", reason, f"prices.{family}", "Raise the cap, or lower the price.")
    if not 0 <= terms.charge <= cap:
        raise Invalid("pool.charge", "The charge in advance is 0 to the cap.", "charge")


def override_text(origin: str, pool: str, act: str, subject: str, reason: str, at: int) -> bytes:
    """What each officer signs; docs/spec/ledger.md, 10.6.

    Args:
        act: recall, suspend, readmit.
        subject: a slot, or an annotator's stream.
        reason: safety, legal, error, abuse.
        at: ms since 1970-01-01 UTC.
    """
    lines = ("evenhand/override/v1", origin, pool, f"{act} {subject}", reason, str(at))
    return "".join(f"{line}\n" for line in lines).encode()
