"""Windows of shared pools: load what decides, draw, decide, append. The rule is `core.shared_pool`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand.core import shared_pool, vrf
from evenhand.core.allocation import Candidate, Given, slot_of
from evenhand.core.beacon import Chain, Evidence
from evenhand.core.canonical import unb64url
from evenhand.core.errors import Refused, Unavailable
from evenhand.core.events import BeaconSet, Moment, Place, Recalled
from evenhand.core.policy import LENT
from evenhand.core.shared_pool import (
    Client,
    Clients,
    Closing,
    Lease,
    Opening,
    Seat,
    Settlement,
    Shortage,
    Stock,
    Terms,
    WindowView,
)
from evenhand.service import gold, postings
from evenhand.service.ids import new_id
from evenhand.service.view import decode_json, form_of
from evenhand.store import Reader, Transaction
from evenhand.store.remembered import Pool

HELD = 2  # leases that one annotator may hold in a shared pool: one at work, one ready


def decide(
    tx: Transaction, at: Moment, pool: str, wanted: Mapping[str, int]
) -> list[tuple[str, Given]] | None:
    """Decide for everybody who waits in a shared pool.

    Args:
        wanted: person -> how many leases more.

    Returns:
        (person, what they got), in the order of decisions. None: the candidates are closed, and what they get
        is drawn once the log shows that: ask again.
    """
    tx.tuples("pool_head", pool=pool)  # on PostgreSQL this locks the pool
    if closing_of(tx, pool) is not None:
        return None
    _settle_first(tx, at, pool)
    if _phases(tx, pool) == 2:
        return _close(tx, at, pool, wanted)
    given: list[tuple[str, Given]] = []
    persons = sorted(wanted)
    for start in range(0, len(persons), shared_pool.SEATS):
        given += _part(tx, at, pool, {p: wanted[p] for p in persons[start : start + shared_pool.SEATS]})
    return given


def _phases(tx: Transaction, pool: str) -> int:
    return _terms(tx, pool, remembered(tx, pool)).phases


def _close(
    tx: Transaction, at: Moment, pool: str, wanted: Mapping[str, int]
) -> list[tuple[str, Given]] | None:
    """The first phase of a window, for as many as one entry can name; who is left out asks again.

    Where nobody can be chosen there is nothing to draw, and a window in one phase says what else happened.
    """
    view = _view(tx, pool, dict(sorted(wanted.items())[: shared_pool.SEATS]))
    opening = shared_pool.open_window(view)
    if not opening.alpha:
        return _take(tx, at, _decided(tx, at, view))
    beacon = newest_beacon(tx)
    chain = beacon[1] if beacon else None
    round_ = chain.round_after(at.ms) if chain else 0
    tx.append([shared_pool.close(view, opening, round_, beacon[0] if beacon else None)], at)
    return None


def closing_of(reader: Reader, pool: str) -> Closing | None:
    """The window of a pool whose second phase is due; None when there is none."""
    row = reader.one("pool_closing", pool=pool)
    return None if row is None else _closing(row)


def closings(reader: Reader) -> list[tuple[Closing, int]]:
    """Every window whose second phase is due, with the seq of its first."""
    return [(_closing(row), row["seq"]) for row in reader.all("pool_closings")]


def _closing(row: Mapping[str, Any]) -> Closing:
    return Closing(
        pool=row["pool"],
        n=row["n"],
        ms=row["at_ms"],
        leaf=bytes(row["leaf"]),
        candidates=row["candidates"],
        round=row["round"],
        waiting=decode_json(row["waiting"]),
    )


def newest_beacon(reader: Reader) -> tuple[Place, Chain | None, dict[bytes, bytes]] | None:
    """What draws in two phases depend on: (its place, drand's chain, witness's key -> key of its reveals)."""
    row = reader.one("newest_beacon")
    if row is None:
        return None
    said = decode_json(row["document"])
    chains = [Chain(**{**one, "public": unb64url(one["public"])}) for one in said["drand"]]
    reveals = {unb64url(one["witness"]): unb64url(one["public"]) for one in said["witnesses"]}
    return Place("node", row["n"]), chains[0] if chains else None, reveals


def set_beacon(
    tx: Transaction, at: Moment, chain: Chain | None, told: Mapping[str, dict[str, str]], keep: Sequence[str]
) -> None:
    """Say what draws depend on from now on, unless the log says so already.

    Args:
        told: witness's key, base64url -> its element of the entry.
        keep: witnesses of whom what was said last stays when they say nothing now.
    """
    row = tx.one("newest_beacon")
    said: dict[str, Any] = decode_json(row["document"]) if row else {"drand": [], "witnesses": []}
    found = {one["witness"]: one for one in said["witnesses"] if one["witness"] in keep} | dict(told)
    now = {"drand": [chain.told()] if chain else [], "witnesses": [found[name] for name in sorted(found)]}
    if now != said:
        tx.append(
            [BeaconSet(stream="node", drand=tuple(now["drand"]), witnesses=tuple(now["witnesses"]))], at
        )


def end_closings(tx: Transaction, at: Moment) -> None:
    """After a restore: what was closed in the earlier log is drawn in none, and gives nobody anything."""
    epochs = tx.tuples("epochs")
    for closing, seq in closings(tx):
        if seq <= epochs[-1][2]:
            row = tx.one("shared_pool", pool=closing.pool)
            assert row is not None, "its pool is shared"
            tx.append([shared_pool.undrawn(closing.pool, row["virtual"])], at)


def draw(tx: Transaction, at: Moment, pool: str, n: int, evidence: Evidence) -> bool:
    """The second phase of a window.

    Args:
        n: place of its first phase.

    Returns:
        Whether it was still due.
    """
    tx.tuples("pool_head", pool=pool)  # on PostgreSQL this locks the pool
    closing = closing_of(tx, pool)
    if closing is None or closing.n != n:
        return False
    view = msgspec.structs.replace(
        _view(tx, pool, closing.waiting, closed=True),
        terms=terms_at(tx, pool, closing.n),
        settled=(),
        changed=(),
    )
    opening = shared_pool.reopen(view, closing, evidence)
    _take(tx, at, _decided(tx, at, view, opening, evidence))
    return True


def _part(tx: Transaction, at: Moment, pool: str, wanted: Mapping[str, int]) -> list[tuple[str, Given]]:
    """One window; or one for each half where its entry would be too long, because many have had much.

    Somebody for whom even their own window would be, gets nothing and is not named as waiting.
    """
    view = _view(tx, pool, wanted)
    decided = _decided(tx, at, view)
    if decided.event is None or len(decided.event.passed) <= shared_pool.PASSED:
        return _take(tx, at, decided)
    persons = sorted(wanted)
    if len(persons) == 1:
        return _window(tx, at, _view(tx, pool, {}))
    halves = persons[: len(persons) // 2], persons[len(persons) // 2 :]
    return [one for half in halves for one in _part(tx, at, pool, {p: wanted[p] for p in half})]


def pools_of(reader: Reader, persons: Sequence[str]) -> dict[str, list[str]]:
    """Person -> the shared pools where they take work."""
    found: dict[str, list[str]] = defaultdict(list)
    if persons:
        for pool, person in reader.tuples("pools_enrolled", persons=persons):
            found[person].append(pool)
    return found


def _settle_first(tx: Transaction, at: Moment, pool: str) -> None:
    """Take back what has lapsed in windows of their own, so that its slots can be given out at once."""
    for _ in range(1000):
        lapsed = tuple(_lease(row) for row in _some(tx, "shared_lapsed", pool, now=at.ms))
        if not lapsed:
            return
        _window(tx, at, msgspec.structs.replace(_view(tx, pool, {}), lapsed=lapsed))


def _some(reader: Reader, query: str, pool: str, **params: Any) -> list[tuple[Any, ...]]:
    return reader.tuples(query, pool=pool, limit=shared_pool.NAMED, **params)


def _lease(row: Sequence[Any]) -> Lease:
    id_, client, price, charge, weight, state = row
    return Lease(id=id_, client=client, price=price, charge=charge, weight=weight, state=state)


def _window(tx: Transaction, at: Moment, view: WindowView) -> list[tuple[str, Given]]:
    return _take(tx, at, _decided(tx, at, view))


def _decided(
    tx: Transaction,
    at: Moment,
    view: WindowView,
    opening: Opening | None = None,
    evidence: Evidence | None = None,
) -> shared_pool.Window:
    """A window, or with its opening and evidence the second phase of one."""
    opening = opening or shared_pool.open_window(view)
    proof, chance = b"", b""
    if opening.alpha:
        proof = tx.node.draw(opening.alpha)
        chance = vrf.output(proof)
        view = _stocked(tx, view, shared_pool.nearest(view, opening, chance))
    drawn = Moment(ms=at.ms, chance=chance)
    decided = shared_pool.decide(view, opening, proof, drawn, evidence)
    while isinstance(decided, Shortage):  # each time one pair more is known, and there are finitely many
        view = _looked_up(tx, view, decided.wanted)
        decided = shared_pool.decide(view, opening, proof, drawn, evidence)
    return decided


def _take(tx: Transaction, at: Moment, decided: shared_pool.Window) -> list[tuple[str, Given]]:
    if decided.event is not None:
        tx.append([decided.event], at)
        _name(tx, at, decided.event.lent)
    return [(one.seat.person, one.lease) for one in decided.served]


def _name(tx: Transaction, at: Moment, lent: Sequence[tuple[str, str, str, str]]) -> None:
    for organization, _, member, _ in lent:
        postings.name_lent(tx, at, organization, member)


def is_open(reader: Reader, assignment: str) -> bool:
    """Whether a lease of a shared pool, or what became of it, is still its holder's to see."""
    row = reader.one("lent_open", id=assignment)
    return row is not None and not row["blocked"] and row["state"] != "recalled"


def lock_where_closed(tx: Transaction, assignments: Sequence[str]) -> None:
    """Lock the pools where answers to these assignments may close a project to those who give them.

    Such an answer makes an entry of the pool. A pool is locked before its tasks, or two lanes deadlock.
    """
    tx.lock_found("heads_that_close", ids=assignments)


def require_open(reader: Reader, assignment: str) -> None:
    """Pass, or raise.

    Raises:
        Refused: it was recalled, or its holder is in conflict with the client by now.
    """
    if not is_open(reader, assignment):
        raise Refused(
            "assignment.recalled",
            "This assignment was taken back: its holder may not work for this client any more.",
            "assignment",
            "Ask for the next one.",
        )


# ---- the view ------------------------------------------------------------------------------------


def _view(tx: Transaction, pool: str, wanted: Mapping[str, int], closed: bool = False) -> WindowView:
    known = remembered(tx, pool)
    row = tx.one("shared_pool", pool=pool)
    assert row is not None, "a shared pool has a row"
    seats = _seats(tx, row, wanted, closed)
    kept_out, shut = postings.closed(tx, pool, [seat.person for seat in seats])
    return WindowView(
        pool=pool,
        n=known.n,
        origin=tx.node.origin,
        virtual=row["virtual"],
        terms=_terms(tx, pool, known),
        clients=known.clients,
        closed=kept_out,
        shut=shut,
        seats=seats,
        settled=tuple(_settlement(row) for row in _some(tx, "shared_unsettled", pool)),
        changed=tuple(_lease(row) for row in _some(tx, "shared_changed", pool)),
    )


def terms_at(reader: Reader, pool: str, n: int) -> Terms:
    """The policy of a pool that is in force for the entry with this number."""
    row = reader.one("pool_policy_at", pool=pool, n=n)
    if row is None:
        raise Unavailable("pool.policy", "The pool's policy is not in force yet.", pool, "Try again later.")
    said = decode_json(row["document"])
    return Terms(
        weights={one["client"]: one["weight"] for one in said["weights"]},
        prices={one["family"]: one["price"] for one in said["prices"]},
        charge=said["charge"],
        independent=bool(said["independent"]),
        phases=1 if said["draw"] == "vrf" else 2,
    )


def _settlement(row: Sequence[Any]) -> Settlement:
    id_, stream, n, state, *lease = row
    return Settlement(place=Place(stream, n), answered=state != "skipped", lease=_lease([id_, *lease]))


def remembered(tx: Transaction, pool: str) -> Pool:
    """The clients of a pool as its newest entry left them, and who of them has a free slot now."""
    n = tx.tuples("pool_head", pool=pool)[0][0]  # on PostgreSQL this locks the pool: one decision at a time
    known = tx.pools.get(pool, n)
    if known is None:
        known = _read(tx, pool, n)
        tx.pools.keep(pool, known)
    elif not tx.pools.alone:
        _ask_all(tx, pool, known)
    elif known.touched or known.ended:
        _ask_again(tx, pool, known)
    return known


def _read(tx: Transaction, pool: str, n: int) -> Pool:
    blocked: dict[str, set[str]] = defaultdict(set)
    for client, entity in tx.tuples("pool_blocked", pool=pool):
        blocked[client].add(entity)
    leases: dict[str, dict[str, int]] = defaultdict(dict)
    for client, entity, count in tx.tuples("pool_exposure", pool=pool):
        leases[client][entity] = count
    rows = tx.tuples("pool_clients", pool=pool)
    clients = Clients(
        Client(
            id=client,
            organization=organization,
            tag=tag,
            backlogged=bool(backlogged),
            open=False,
            band=band,
            exposure=exposure,
            blocked=frozenset(blocked.get(client, ())),
            leases=leases[client],
        )
        for client, organization, tag, backlogged, band, exposure, _ in rows
    )
    left = frozenset(row[0] for row in rows if row[-1] != "active")
    read = Pool(n=n, clients=clients, left=left, projects=dict(tx.tuples("pool_projects_of", pool=pool)))
    _ask_all(tx, pool, read)
    return read


def _ask_all(tx: Transaction, pool: str, known: Pool) -> None:
    has_free = {client for (client,) in tx.tuples("pool_open", pool=pool)}
    known.set_open({client.id: client.id in has_free for client in list(known.clients)})


def _ask_again(tx: Transaction, pool: str, known: Pool) -> None:
    """Whether the clients have a free slot whose projects were touched."""
    if known.ended:
        known.touched.update(name for (name,) in tx.tuples("assignment_projects", ids=known.ended))
    found: dict[str, bool] = defaultdict(bool)
    for client, has_free in tx.tuples("pool_open_again", pool=pool, projects=sorted(known.touched)):
        found[client] |= bool(has_free)
    known.set_open(found)


def _terms(tx: Transaction, pool: str, known: Pool) -> Terms:
    """The policy in force, which is long where there are many clients."""
    row = tx.tuples("pool_policy_number", pool=pool, n=known.n)
    number = row[0][0] if row else -1
    if number not in known.terms:
        known.terms[number] = terms_at(tx, pool, known.n)
    return known.terms[number]


def _seats(
    tx: Transaction, pool: Mapping[str, Any], wanted: Mapping[str, int], closed: bool
) -> tuple[Seat, ...]:
    """Who waits and may work; of candidates that are closed, all who have not been shut out since."""
    rows = tx.all("pool_seats", pool=pool["id"], persons=sorted(wanted)) if wanted else []
    return tuple(
        _seat(row, wanted[row["person"]])
        for row in rows
        if (row["state"] == "active" and not row["suspended"] if closed else _fits(row, pool))
    )


def _fits(row: Mapping[str, Any], pool: Mapping[str, Any]) -> bool:
    """Whether an annotator may work in the pool now."""
    works = row["state"] == "active" and row["available"] and not row["suspended"]
    return bool(works and fits(row["languages"].split(), row["qualifications"].split(), row["band"], pool))


def fits(languages: Sequence[str], qualifications: Sequence[str], band: int, pool: Mapping[str, Any]) -> bool:
    """Whether language, qualification and band are those that the pool asks for."""
    qualified = pool["qualification"] in ("", *qualifications)
    return pool["language"] in languages and qualified and band >= pool["band"]


def _seat(row: Mapping[str, Any], count: int) -> Seat:
    return Seat(
        person=row["person"],
        kind=row["kind"],
        entity=row["entity"],
        band=row["band"],
        idle=bool(row["idle"]),
        count=count,
        leases=tuple(new_id("asg") for _ in range(count)),
        pseudonyms=tuple(new_id(LENT) for _ in range(count)),
    )


# ---- tasks ---------------------------------------------------------------------------------------


def _stocked(tx: Transaction, view: WindowView, clients: Sequence[str]) -> WindowView:
    """The view with the first free tasks of these clients."""
    organizations = {client: view.clients[client].organization for client in clients}
    demand = sum(seat.count for seat in view.seats)
    stocks, members = dict(view.stocks), dict(view.members)
    barred = set(view.barred)
    persons = [seat.person for seat in view.seats]
    for client in clients:
        found = [
            _stock(tx, view, organizations[client], row, demand + 1)
            for row in tx.all("client_projects", pool=view.pool, clients=[client])
        ]
        stocks[client] = tuple(found)
        for stock in found:
            barred |= _barred(tx, view, organizations[client], stock)
        lent = tx.tuples("lent_to", organization=organizations[client], persons=persons)
        members.update(((organization, person), member) for organization, person, member in lent)
    return msgspec.structs.replace(view, stocks=stocks, barred=frozenset(barred), members=members)


def _stock(tx: Transaction, view: WindowView, organization: str, row: Mapping[str, Any], limit: int) -> Stock:
    keys = {"organization": organization, "project": row["id"]}
    rows = tx.tuples("free_tasks_all", **keys, limit=limit)
    document = form_of(tx, organization, row["id"], row["version"]).document
    closed = view.closed.get(row["id"], frozenset())
    counts = {seat.person: seat.count for seat in view.seats if seat.person not in closed}
    return Stock(
        project=row["id"],
        version=row["version"],
        lease_ms=document.lease_seconds * 1000,
        family=row["family"],
        tag=row["leases"],
        candidates=tuple(Candidate(n, free, round_) for n, free, round_, _ in rows),
        complete=len(rows) < limit,
        closed=closed,
        gold=gold.draw(tx, organization, row["id"], document, counts),
    )


def _barred(tx: Transaction, view: WindowView, organization: str, stock: Stock) -> set[tuple[str, str, int]]:
    """Tasks that somebody here, or where answers are independent their entity, has had in this round."""
    if not stock.candidates:
        return set()
    holders = {seat.person: (seat.person,) for seat in view.seats}
    if view.terms.independent:
        for person, entity in _colleagues(tx, view):
            holders[person] = (*holders.get(person, ()), entity)
    rounds = {c.n: c.round for c in stock.candidates}
    rows = tx.tuples(
        "seen_tasks",
        organization=organization,
        project=stock.project,
        tasks=sorted(rounds),
        persons=sorted(holders),
    )
    return {
        (holder, stock.project, n)
        for person, n, round_ in rows
        if rounds[n] == round_
        for holder in holders[person]
    }


def _colleagues(tx: Transaction, view: WindowView) -> list[tuple[str, str]]:
    """(person, entity) of everybody who works for the entities that wait."""
    entities = sorted({seat.entity for seat in view.seats})
    return [(row[0], row[1]) for row in tx.tuples("entity_persons", pool=view.pool, entities=entities)]


def _looked_up(tx: Transaction, view: WindowView, wanted: Sequence[tuple[str, str]]) -> WindowView:
    """The view with what is there for these annotators at these clients."""
    fresh = sorted({client for _, client in wanted if client not in view.stocks})
    if fresh:
        return _stocked(tx, view, fresh)
    for person, client in wanted:
        view = _unseen(tx, view, person, client)
    return view


def _unseen(tx: Transaction, view: WindowView, person: str, client: str) -> WindowView:
    """More tasks of a client that this annotator may have."""
    organization = view.clients[client].organization
    persons = [person]
    if view.terms.independent:
        entity = next(seat.entity for seat in view.seats if seat.person == person)
        persons += [other for other, of in _colleagues(tx, view) if of == entity]
    demand = sum(seat.count for seat in view.seats)
    stocks: list[Stock] = []
    found = False
    barred = set(view.barred)
    for stock in view.stocks[client]:
        if person in stock.closed:
            stocks.append(stock)
            continue
        keys = {"organization": organization, "project": stock.project}
        rows = tx.tuples("unseen_tasks_all", **keys, persons=sorted(set(persons)), limit=demand)
        known = {c.n for c in stock.candidates}
        more = tuple(Candidate(n, free, round_) for n, free, round_, _ in rows if n not in known)
        stocks.append(msgspec.structs.replace(stock, candidates=(*stock.candidates, *more)))
        barred |= _barred(tx, view, organization, msgspec.structs.replace(stock, candidates=more))
        found = found or bool(rows)
    return msgspec.structs.replace(
        view,
        stocks={**view.stocks, client: tuple(stocks)},
        barred=frozenset(barred),
        looked={**view.looked, (person, client): found},
    )


# ---- recalls -------------------------------------------------------------------------------------


def recall(
    tx: Transaction,
    pool: str,
    reason: str,
    cause: Place,
    client: str = "",
    entity: str = "",
    person: str = "",
    slot: str = "",
) -> list[Recalled]:
    """The events that take back live leases: a client's, an entity's, a person's, or one by its slot."""
    rows = tx.tuples("live_shared", pool=pool, client=client, entity=entity, person=person)
    leases = [lease for lease in map(_lease, rows) if slot in ("", slot_of(lease.id))]
    tags = dict(tx.tuples("client_tags", pool=pool))
    return shared_pool.recalled(pool, reason, cause, leases, tags)
