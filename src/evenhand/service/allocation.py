"""The verb by which work is given out, decided for all who wait in a pool at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import allocation as core
from evenhand.core.allocation import Backlog, Candidate, Given, OfferView, Waiting
from evenhand.core.errors import EvenhandError, Missing, Refused
from evenhand.core.events import Moment, Place
from evenhand.core.policy import Actor, allows, is_lent, require
from evenhand.core.project import Document
from evenhand.lane import first, group
from evenhand.service import adaptive, gold, windows
from evenhand.service.assignments import Key, Shown, ask_shown, assignment_of, drafts_of, key_of, places_of
from evenhand.service.ids import new_ordered_id
from evenhand.service.view import form_of
from evenhand.store import Transaction

NextArgs = tuple[Actor, wire.NextAssignment]


MOST = 20  # assignments in one call
DRAWING = "drawing"  # why somebody waits: what they get is drawn once the log shows who may be chosen


class _Ask:
    """One caller of `next` while the window is decided."""

    def __init__(self, index: int, actor: Actor, request: wire.NextAssignment) -> None:
        self.index = index
        self.actor = actor
        self.request = request
        self.members = {
            m.organization: m.member for m in actor.memberships if allows(actor, "task.label", m.organization)
        }
        self.organizations = tuple(sorted(self.members))
        self.held: list[tuple[Any, ...]] = []  # live leases, oldest first
        self.given: list[wire.Assignment] = []
        self.waiting: str | None = None

    def missing(self) -> int:
        """How many more assignments to find."""
        return min(max(self.request.count, 1), MOST) - len(self.given)


def _next_all(tx: Transaction, at: Moment, calls: Sequence[NextArgs]) -> list[Any]:
    """Decide all who wait, pool by pool."""
    asks = [_Ask(i, actor, request) for i, (actor, request) in enumerate(calls)]
    outcomes: list[Any] = [None] * len(calls)
    leases = tx.ahead("live_leases", persons=sorted({ask.actor.person for ask in asks}), now=at.ms)
    pools = _pools(tx, asks, outcomes)
    live, repeated = _once([ask for ask in asks if outcomes[ask.index] is None])
    _give_again(tx, live, leases())
    for pool, shared in sorted(pools):
        waiting = [ask for ask in pools[pool, shared] if ask in live]
        (_decide_shared if shared else _decide)(tx, at, pool, waiting)
    for ask in live:
        outcomes[ask.index] = wire.Assignments(
            assignments=ask.given, waiting=None if ask.given else ask.waiting
        )
    for ask in repeated:  # the same person twice in one group: the second sees what the first got
        outcomes[ask.index] = _next_all(tx, at, [(ask.actor, ask.request)])[0]
    return outcomes


def _pools(tx: Transaction, asks: list[_Ask], outcomes: list[Any]) -> dict[tuple[str, int], list[_Ask]]:
    """(pool, 1 when shared) -> who looks there. Where somebody may not, the refusal is their outcome."""
    anywhere = [ask for ask in asks if ask.request.project_id is None]
    sent = {
        organizations: tx.ahead("pools_of", organizations=organizations)
        for organizations in {ask.organizations for ask in anywhere}
    }
    shared = windows.pools_of(tx, [ask.actor.person for ask in anywhere])
    own = {organizations: [pool for (pool,) in rows()] for organizations, rows in sent.items()}
    pools: dict[tuple[str, int], list[_Ask]] = defaultdict(list)
    for ask in asks:
        try:
            for place in _pools_of(tx, ask, own, shared):
                pools[place].append(ask)
        except EvenhandError as error:
            outcomes[ask.index] = error
    return pools


def _once(asks: list[_Ask]) -> tuple[list[_Ask], list[_Ask]]:
    """(the first call of each person, the others)."""
    firsts: dict[str, _Ask] = {}
    for ask in asks:
        firsts.setdefault(ask.actor.person, ask)
    return list(firsts.values()), [ask for ask in asks if firsts[ask.actor.person] is not ask]


@first
@group(_next_all)
def next_(tx: Transaction, at: Moment, actor: Actor, request: wire.NextAssignment) -> wire.Assignments:
    """The caller's live assignments that it does not have yet, and as many new ones as it asks for."""
    outcome = _next_all(tx, at, [(actor, request)])[0]
    if isinstance(outcome, EvenhandError):
        raise outcome
    result: wire.Assignments = outcome
    return result


def is_drawing(answer: wire.Assignments) -> bool:
    """Whether what the caller gets is about to be drawn."""
    return answer.waiting == DRAWING


def _pools_of(
    tx: Transaction, ask: _Ask, own: dict[tuple[str, ...], list[str]], shared: dict[str, list[str]]
) -> list[tuple[str, int]]:
    """The pools to look in, each with 1 when it is shared: the project's, or all where the caller works.

    `own` holds the pools of organizations, `shared` the shared pools of each person.
    """
    if ask.request.project_id is not None:
        row = tx.one("project_pool", project=ask.request.project_id)
        if row is None or row["organization"] not in ask.members:
            if row is not None:
                require(ask.actor, "task.label", row["organization"])
            raise Missing("not-found", "There is no such project, or you may not label there.", "project_id")
        if row["shared"]:
            raise Refused(
                "pool.shared",
                "This project is in a shared pool, where nobody chooses whose work to do.",
                "project_id",
                "Ask for the next assignment without a project.",
            )
        ask.waiting = "nothing-left" if row["state"] == "active" else "paused"
        return [(row["pool"], 0)]
    if not ask.members:
        raise Refused(
            "permission.role", "You may not label in any organization.", "", "Ask a manager for a role."
        )
    ask.waiting = "nothing-left"
    if ask.request.pool is not None:
        _require_pool(tx, ask)
        return [(ask.request.pool, 1)]
    enrolled = [(pool, 1) for pool in shared.get(ask.actor.person, ())]
    return [(pool, 0) for pool in own[ask.organizations]] + enrolled


def _require_pool(tx: Transaction, ask: _Ask) -> None:
    rows = [
        row for row in tx.all("enrolments_of", person=ask.actor.person) if row["pool"] == ask.request.pool
    ]
    if not rows or rows[0]["state"] != "active":
        raise Missing("not-found", "There is no such shared pool, or you are not enrolled in it.", "pool")
    if rows[0]["suspended"]:
        raise Refused(
            "pool.suspended", "Two officers have suspended you from this pool.", "pool", "Ask your manager."
        )
    if not rows[0]["available"]:
        raise Refused(
            "pool.unavailable", "You take no work from this pool at present.", "pool", "Say that you do."
        )


def _give_again(tx: Transaction, asks: list[_Ask], live: Sequence[tuple[Any, ...]]) -> None:
    """Whoever has live assignments and does not say so gets them again, so that none is lost."""
    by_person = {ask.actor.person: ask for ask in asks}
    for row in live:
        ask = by_person.get(row[1])
        if ask is None:
            continue
        named = ask.request.project_id in (None, row[3]) and ask.request.pool in (None, row[9])
        if named and (row[2] in ask.members or is_lent(row[8])):
            ask.held.append(row)
    again: list[tuple[_Ask, Given]] = []
    for ask in asks:
        known = set(ask.request.have)
        for row in [row for row in ask.held if row[0] not in known][: ask.missing()]:
            given = Given(
                lease=row[0],
                waiting=ask.index,
                organization=row[2],
                project=row[3],
                task=row[4],
                round=row[5],
                version=row[6],
                until=row[7],
            )
            again.append((ask, given))
    leases = [given.lease for _, given in again]
    shown = ask_shown(tx, [given for _, given in again])
    _hand_over(tx, again, shown(), places_of(tx, leases), drafts_of(tx, leases))


def _decide(tx: Transaction, at: Moment, pool: str, asks: list[_Ask]) -> None:
    """One window of one pool."""
    tx.lock([pool])  # on PostgreSQL: one decision at a time
    lapsed = tx.ahead("lapsed_leases", pool=pool, now=at.ms)
    unsettled = tx.ahead("unsettled", pool=pool)
    projects = tx.tuples("pool_projects", pool=pool)
    _clear(tx, at, pool, tuple(id_ for (id_,) in lapsed()))
    settled = tuple((id_, Place(stream, n)) for id_, stream, n in unsettled())
    waiting = [_waiting(ask, projects, tx) for ask in asks if ask.missing() > 0]
    wanted = [w for w in waiting if w is not None]
    view = OfferView(
        pool=pool,
        virtual=projects[0][5] if projects else 0,
        backlogs=_backlogs(tx, projects, wanted),
        lapsed=(),
        settled=settled,
    )
    offer = core.offer(view, [w for _, w in wanted], at)
    if len(offer.given) < sum(w.count for _, w in wanted):
        deeper = _look_deeper(tx, view, wanted, offer)
        if deeper is not None:
            view = deeper
            offer = core.offer(view, [w for _, w in wanted], at)
    shown = ask_shown(tx, offer.given)
    placed = tx.append(offer.events, at)
    places = {g.lease: placed[i // core.WINDOW].place for i, g in enumerate(offer.given)}
    _hand_over(tx, [(wanted[given.waiting][0], given) for given in offer.given], shown(), places)


def _decide_shared(tx: Transaction, at: Moment, pool: str, asks: list[_Ask]) -> None:
    """One window of a pool that organizations share."""
    able = {ask.actor.person: ask for ask in asks}
    counts = {person: min(ask.missing(), windows.HELD - len(ask.held)) for person, ask in able.items()}
    for person, ask in able.items():
        if counts[person] <= 0 and ask.missing() > 0:
            ask.waiting = "all-leased"
    given = windows.decide(tx, at, pool, {person: count for person, count in counts.items() if count > 0})
    if given is None:
        for person, ask in able.items():
            ask.waiting = DRAWING if counts[person] > 0 else ask.waiting
        return
    shown = ask_shown(tx, [lease for _, lease in given])
    places = places_of(tx, [lease.lease for _, lease in given])
    _hand_over(tx, [(able[person], lease) for person, lease in given], shown(), places)


def _clear(tx: Transaction, at: Moment, pool: str, lapsed: tuple[str, ...]) -> None:
    """Take back what has lapsed, in a window of its own, so that its slots can be given out at once."""
    if lapsed:
        view = OfferView(pool=pool, virtual=0, backlogs=(), lapsed=lapsed, settled=())
        tx.append(core.offer(view, (), at).events, at)


def _waiting(ask: _Ask, projects: list[tuple[Any, ...]], tx: Transaction) -> tuple[_Ask, Waiting] | None:
    """What the caller waits for, within what one person may hold."""
    limit = _prefetch(tx, ask, projects)
    count = min(ask.missing(), limit - len(ask.held))
    if count <= 0:
        ask.waiting = "all-leased" if limit else ask.waiting
        return None
    leases = tuple(new_ordered_id("asg", tx.now) for _ in range(count))
    members = ask.members
    return ask, Waiting(
        person=ask.actor.person, members=members, project=ask.request.project_id, count=count, leases=leases
    )


def _prefetch(tx: Transaction, ask: _Ask, projects: list[tuple[Any, ...]]) -> int:
    """How many assignments the caller may hold at once; 0 when there is no project to hold any of."""
    mine = [row for row in projects if row[0] in ask.members and ask.request.project_id in (None, row[1])]
    return max((form_of(tx, row[0], row[1], row[2]).document.prefetch for row in mine), default=0)


PROJECTS_LOOKED_AT = 12  # in order of their tags, for callers who take any


def _backlogs(
    tx: Transaction, projects: list[tuple[Any, ...]], wanted: list[tuple[_Ask, Waiting]]
) -> tuple[Backlog, ...]:
    """The projects that the waiting may be served from, with their first free tasks."""
    named = {w.project for _, w in wanted if w.project is not None}
    anywhere = [w for _, w in wanted if w.project is None]
    backlogs: list[Backlog] = []
    found = 0
    for row in projects:
        need = sum(w.count for _, w in wanted if w.project in (None, row[1]))
        open_to_any = (
            anywhere and len(backlogs) < PROJECTS_LOOKED_AT and found < 2 * sum(w.count for w in anywhere)
        )
        if row[1] in named or open_to_any:
            backlog = _backlog(tx, row, 2 * need + 8, wanted)
            backlogs.append(backlog)
            found += len(backlog.candidates)
    return tuple(backlogs)


def _backlog(
    tx: Transaction, row: tuple[Any, ...], limit: int, wanted: list[tuple[_Ask, Waiting]]
) -> Backlog:
    organization, project, version, tag = row[:4]
    document = form_of(tx, organization, project, version).document
    hidden, closed = _apart(tx, organization, project, document, wanted)
    keys = {"organization": organization, "project": project}
    least = document.adaptive.least if document.adaptive else 0
    candidates = _candidates(tx.tuples("free_tasks", **keys, rank=-1, limit=limit), least)
    passed, bound = _passed_over(tx, organization, project, document, closed, wanted)
    return Backlog(
        organization=organization,
        project=project,
        version=version,
        lease_ms=document.lease_seconds * 1000,
        tag=tag,
        candidates=candidates,
        seen=_seen(tx, keys, candidates, [w.person for _, w in wanted]),
        gold=hidden,
        closed=closed,
        passed_over=passed,
        pilots_only=bound,
        first_answers=least,
    )


def _candidates(rows: Iterable[tuple[Any, ...]], least: int) -> tuple[Candidate, ...]:
    """Free tasks; pilots, and tasks that want a further answer, are asked for more than the least."""
    return tuple(
        Candidate(n, free, round_, further_ms, overlap <= least)
        for n, free, round_, _, further_ms, overlap in rows
    )


def _passed_over(
    tx: Transaction,
    organization: str,
    project: str,
    document: Document,
    closed: frozenset[str],
    wanted: list[tuple[_Ask, Waiting]],
) -> tuple[frozenset[str], frozenset[str]]:
    """Of whom no further answers are asked here, and of these, of whom no first ones either; if they get
    nothing, they are told why."""
    passed = adaptive.passed_over(tx, organization, project, document)
    bound = adaptive.pilots_only(tx, organization, project, document)
    asks = [(ask, w) for ask, w in wanted if w.members.get(organization) in passed]
    for ask, w in asks:
        if w.project in (None, project) and w.person not in closed:
            ask.waiting = "passed-over"
    persons = frozenset(w.person for _, w in asks)
    return persons, persons if bound else frozenset()


def _apart(
    tx: Transaction, organization: str, project: str, document: Document, wanted: list[tuple[_Ask, Waiting]]
) -> tuple[Mapping[str, tuple[Candidate | None, ...]], frozenset[str]]:
    """What hides in the next assignments of whom, and who may not work in this project."""
    if document.gold is None and document.qualification is None:
        return {}, frozenset()
    tested = {  # whoever may see the gold is not tested by it
        w.person: (w.members[organization], w.count)
        for ask, w in wanted
        if organization in w.members and not allows(ask.actor, "gold.read", organization)
    }
    closed = gold.closed(tx, organization, project, document, {p: m for p, (m, _) in tested.items()})
    for ask, w in wanted:
        if w.person in closed and w.project in (None, project):
            ask.waiting = closed[w.person]
    counts = {person: count for person, (_, count) in tested.items() if person not in closed}
    return gold.draw(tx, organization, project, document, counts), frozenset(closed)


def _seen(
    tx: Transaction, keys: dict[str, str], candidates: Sequence[Candidate], persons: list[str]
) -> frozenset[tuple[str, int]]:
    if not candidates:
        return frozenset()
    tasks = [c.n for c in candidates]
    rounds = {c.n: c.round for c in candidates}
    rows = tx.tuples("seen_tasks", **keys, tasks=tasks, persons=sorted(set(persons)))
    return frozenset((person, n) for person, n, round_ in rows if rounds[n] == round_)


RESCAN_MS = 5_000  # how often a caller who has had everything may make us look from the start again
WALKED = 10_000  # free tasks that one call looks at for somebody who is passed over: most are not for them
LAST_RANK = 2**63 - 1


def _look_deeper(
    tx: Transaction, view: OfferView, wanted: list[tuple[_Ask, Waiting]], offer: core.Offer
) -> OfferView | None:
    """More candidates for those who have had all of the first ones; None when there are none.

    How far each person has got is remembered (`Transaction.hints`), so that somebody who is far
    ahead of the others does not walk over all their own tasks at each call.
    """
    got: dict[int, int] = defaultdict(int)
    for given in offer.given:
        got[given.waiting] += 1
    short = [w for i, (_, w) in enumerate(wanted) if got[i] < w.count]
    more: dict[int, dict[int, Candidate]] = defaultdict(dict)
    for i, backlog in enumerate(view.backlogs):
        for w in short:
            if (
                w.project in (None, backlog.project)
                and backlog.organization in w.members
                and w.person not in backlog.closed
            ):
                known = {c.n for c in backlog.candidates}
                more[i].update({c.n: c for c in _unseen(tx, backlog, w, len(wanted)) if c.n not in known})
    if not any(more.values()):
        return None
    persons = [w.person for _, w in wanted]
    return msgspec.structs.replace(
        view,
        backlogs=tuple(
            _extended(tx, b, list(more[i].values()), persons) for i, b in enumerate(view.backlogs)
        ),
    )


def _extended(tx: Transaction, backlog: Backlog, more: list[Candidate], persons: list[str]) -> Backlog:
    keys = {"organization": backlog.organization, "project": backlog.project}
    seen = backlog.seen | _seen(tx, keys, more, persons)
    return msgspec.structs.replace(backlog, candidates=(*backlog.candidates, *more), seen=seen)


def _unseen(tx: Transaction, backlog: Backlog, w: Waiting, others: int) -> list[Candidate]:
    """The first free tasks that this person may have, from where they had got to."""
    key = (backlog.project, w.person)
    rank, looked = tx.hints.get(key, (-1, 0))
    rows, last = _walk(tx, backlog, w, rank, w.count + others)
    if not rows and last == LAST_RANK and rank >= 0 and tx.now - looked >= RESCAN_MS:
        (rows, last), looked = _walk(tx, backlog, w, -1, w.count + others), tx.now
    if rows:
        rank = rows[0][3]
    elif last < LAST_RANK:
        rank = last
    tx.hints[key] = (rank, looked or tx.now)
    return list(_candidates(rows, backlog.first_answers))


def _walk(
    tx: Transaction, backlog: Backlog, w: Waiting, rank: int, limit: int
) -> tuple[list[tuple[Any, ...]], int]:
    """Free tasks that this person has not had and may have, and the rank up to which was looked."""
    keys: dict[str, Any] = {
        "organization": backlog.organization, "project": backlog.project, "rank": rank
    }  # fmt: skip
    passed = w.person in backlog.passed_over
    end = tx.tuples("free_rank", **keys, walked=WALKED) if passed else []
    last = end[0][0] if end else LAST_RANK
    rows = tx.tuples(
        "unseen_tasks",
        **keys,
        last=last,
        person=w.person,
        latest=tx.now - core.RELIEF_MS if passed else tx.now,
        overlap=backlog.first_answers if w.person in backlog.pilots_only else 0,
        limit=limit,
    )
    return rows, last


def _hand_over(
    tx: Transaction,
    given: list[tuple[_Ask, Given]],
    shown: Mapping[Key, Shown],
    places: Mapping[str, tuple[str, int]],
    drafts: Mapping[str, Any] = {},
) -> None:
    """Give these assignments to their callers.

    Args:
        places: where their leases stand in the ledger.
    """
    for ask, g in given:
        draft = drafts.get(g.lease)
        ask.given.append(assignment_of(tx, g, shown[key_of(g)], draft, places[g.lease]))
