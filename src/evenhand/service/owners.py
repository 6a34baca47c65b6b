"""Verbs of ownership: statements in and out, rivals, waivers, and the verdicts that follow at once.

A verdict that blocks takes back, in the same transaction, every lease that it forbids. The graph and its
rules are `core.ownership`, which is loaded when it is first needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import ConflictFound, Moment, OwnershipStated, Place, RivalsNamed, Waived
from evenhand.core.policy import Actor, allows, require
from evenhand.service import signing, windows
from evenhand.service.ids import new_id
from evenhand.service.view import decode_json, encode_json, node_policy, own_client, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

if TYPE_CHECKING:
    from evenhand.core import bods, ownership

RULE = "own:1"


# ---- statements in and out -------------------------------------------------------------------------


def state(tx: Transaction, at: Moment, actor: Actor, request: wire.NewStatements) -> wire.StatementsReport:
    """Take statements of BODS 0.4, judge everybody again, and recall what is forbidden now.

    The operator states about everybody; an organization that it names states about itself.
    """
    from evenhand.core import bods

    return _state(tx, at, actor, request.organization_id, bods.read(request.statements))


def hold(tx: Transaction, at: Moment, actor: Actor, request: wire.NewHolding) -> wire.StatementsReport:
    """Take one holding without a file; parties that are not known yet become entities of that name."""
    from evenhand.core import bods

    require(
        actor,
        "exchange.operate" if request.organization_id is None else "ownership.state",
        request.organization_id,
    )
    day = datetime.fromtimestamp(at.ms / 1000, UTC).date().isoformat()
    known = _names(tx.all("ownership_all"))
    by_name = {name: source for source, name in known.items()}
    made: list[dict[str, Any]] = []
    records = {}
    for side in ("holder", "held"):
        said = getattr(request, side).strip()
        if not 1 <= len(said) <= 200:
            raise Invalid("ownership.name", "A party has 1 to 200 characters.", side)
        records[side] = said if said in known else by_name.get(said) or new_id("own")
        if records[side] not in known:
            made.append(bods.entity(records[side], said, day, new_id("st")))
            known[records[side]] = said
            by_name[said] = records[side]
    held = bods.Holding(
        holder=records["holder"],
        held=records["held"],
        economic=request.economic,
        voting=request.voting,
        office=request.office,
        since=request.since,
    )
    pair = hashlib.sha256(f"{held.holder} {held.held}".encode()).hexdigest()[:32]
    made.append(bods.holding(f"own-{pair}", held, day, new_id("st")))
    return _state(tx, at, actor, request.organization_id, bods.read(made))


def _state(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    organization: str | None,
    statements: Sequence[bods.Statement],
) -> wire.StatementsReport:
    require(actor, "exchange.operate" if organization is None else "ownership.state", organization)
    sources = _pseudonyms(tx, statements)
    if organization is not None:
        _about_itself(tx, organization, statements, sources)
    events = [_event(statement, sources) for statement in statements]
    placed = tx.append(events, at)
    told = {statement.source for statement in statements}
    _check_whole(tx)
    conflicts, recalled = judge_all(tx, at, placed[-1].place)
    return wire.StatementsReport(
        accepted=len(events),
        late=_late(tx, [row for row in tx.all("ownership_all") if row["source"] in told]),
        conflicts=conflicts,
        recalled=recalled,
    )


def _pseudonyms(tx: Transaction, statements: Sequence[bods.Statement]) -> dict[str, str]:
    """recordId -> pseudonym in the log, for all that the statements name."""
    named = {s.source for s in statements}
    for s in statements:
        named |= {s.subject, s.party, *s.components}
    rows = tx.all("ownership_sources", sources=sorted(named))
    sources = {row["source"]: row["record"] for row in rows}
    for statement in statements:
        sources.setdefault(statement.source, new_id("rec"))
    for i, statement in enumerate(statements):
        for other in (statement.subject, statement.party, *statement.components):
            if other not in ("", "unknown") and other not in sources:
                reason = f"The record {other!r} is neither in this file nor known."
                raise Invalid("bods.reference", reason, f"statements[{i}].recordDetails", "State it first.")
    return {**sources, "": "", "unknown": "unknown"}


def _about_itself(
    tx: Transaction, organization: str, statements: Sequence[bods.Statement], sources: Mapping[str, str]
) -> None:
    """An organization states who owns it, and that these are there; it changes nothing else."""
    rows = tx.all("clients") + tx.all("entities")
    own = {row["record"] for row in rows if row["organization"] == organization and row["record"]}
    known = {row["record"]: row for row in tx.all("ownership_all")}
    for i, statement in enumerate(statements):
        before = known.get(sources[statement.source])
        about = {sources[statement.subject]} if statement.type == "relationship" else set()
        if before is not None:
            subject = decode_json(before["document"])["subject"]
            about.add(subject or before["record"])
        if not about <= own:
            raise Refused(
                "ownership.foreign",
                "You may only state who owns your own organization.",
                f"statements[{i}]",
                "Ask the operator.",
            )


def _event(statement: bods.Statement, sources: Mapping[str, str]) -> OwnershipStated:
    return OwnershipStated(
        stream="node",
        record=sources[statement.source],
        type=statement.type,
        status=statement.status,
        form=statement.form,
        subject=sources[statement.subject],
        party=sources[statement.party],
        interests=tuple(msgspec.to_builtins(interest) for interest in statement.interests),
        components=tuple(sources[component] for component in statement.components),
        effective=statement.effective,
        identifiers=statement.identifiers,
        statement=statement.raw,
        source=statement.source,
    )


def _check_whole(tx: Transaction) -> None:
    """Refuse statements by which more than all of somebody is held."""
    from evenhand.core import ownership

    subject = ownership.more_than_all(_records(tx.all("ownership_all")))
    if subject:
        names = record_names(tx.all("ownership_all"))
        reason = f"More than 100% of {names.get(subject, subject)} would be held."
        raise Refused("ownership.more-than-all", reason, "statements", "Close what no longer holds first.")


def statements(reader: Reader, actor: Actor) -> list[dict[str, Any]]:
    """The newest statement of every record, as received: a file of BODS 0.4. Persons are named in it."""
    require(actor, "exchange.operate", None)
    rows = sorted(reader.all("ownership_all"), key=lambda row: row["n"])
    return [decode_json(row["statement"]) for row in rows]


def record_of(reader: Reader, source: str, where: str) -> str:
    """The pseudonym of a record.

    Raises:
        Missing: nobody has stated it.
    """
    rows = reader.all("ownership_sources", sources=[source])
    if not rows:
        raise Missing("ownership.record", f"There is no statement of a record {source!r}.", where)
    return str(rows[0]["record"])


# ---- rivals and waivers ------------------------------------------------------------------------------


def set_rivals(tx: Transaction, at: Moment, actor: Actor, wanted: wire.Rivals) -> wire.Rivals:
    """Name a client's rivals: nobody whom they own or control gets its work. The log shows no name.

    A client with a signing key signs the records' pseudonyms, ascending.
    """
    client = own_client(tx, actor, wanted.organization_id, "ownership.own")
    records = sorted({record_of(tx, source, "records") for source in wanted.records})
    event = RivalsNamed(
        stream="node", owner=client["organization"], client=client["id"], rivals=encode_json(records)
    )
    event = signing.spoken(tx, at, client["id"], event, wanted.signed, means={"rivals": records})
    placed = tx.append([event], at)
    judge_all(tx, at, placed[0].place)
    return get_rivals(tx, actor, client["organization"])


def get_rivals(reader: Reader, actor: Actor, organization: str | None = None) -> wire.Rivals:
    """The rivals that a client has named: for its own managers."""
    client = own_client(reader, actor, organization, "ownership.state")
    sources = {row["record"]: row["source"] for row in reader.all("ownership_all")}
    return wire.Rivals(
        organization_id=client["organization"],
        records=[sources[record] for record in decode_json(client["rivals"]) if record in sources],
    )


def waive(tx: Transaction, at: Moment, actor: Actor, pool: str, wanted: wire.Waiver) -> wire.Waiver:
    """A client lets an entity of grade 2 work for it, or no longer. Grade 3 and rivals stay blocked.

    A client with a signing key signs it; the statement answers the verdict that it waives.
    """
    client = own_client(tx, actor, wanted.organization_id, "ownership.own")
    if wanted.entity not in {row["id"] for row in tx.all("pool_entities", pool=pool)}:
        raise Missing("not-found", "There is no such entity in this pool.", "entity")
    event = Waived(
        stream=pool,
        owner=client["organization"],
        client=client["id"],
        entity=wanted.entity,
        state=wanted.state,
    )
    event = signing.waived(tx, at, event, wanted.signed)
    placed = tx.append([event], at)
    judge(tx, at, [pool], placed[0].place)
    return wanted


# ---- verdicts ----------------------------------------------------------------------------------------


def judge_all(tx: Transaction, at: Moment, cause: Place | None = None) -> tuple[int, int]:
    """Judge in every shared pool; (verdicts that changed, leases taken back).

    Args:
        cause: what made it necessary; None: the newest entry of the node's stream.
    """
    pools = sorted(row["id"] for row in tx.all("shared_pools"))
    return judge(tx, at, pools, cause or Place("node", tx.tuples("heads", ids=["node"])[0][1] - 1))


def judge(tx: Transaction, at: Moment, pools: Iterable[str], cause: Place) -> tuple[int, int]:
    """Judge everybody in these pools again; write what changed, and recall what is forbidden."""
    graph = None
    conflicts = recalled = 0
    for pool in pools:
        tx.tuples("pool_head", pool=pool)  # on PostgreSQL: no window comes between
        graph = graph or graph_of(tx)
        changed = _conflicts(tx, graph, pool, cause)
        placed = tx.append(changed, at)
        conflicts += len(placed)
        for p in placed:
            event = p.event
            if isinstance(event, ConflictFound) and event.blocked:
                back = windows.recall(tx, pool, "conflict", p.place, client=event.client, entity=event.entity)
                tx.append(back, at)
                recalled += sum(len(one.slots) for one in back)
    return conflicts, recalled


def _conflicts(tx: Transaction, graph: ownership.Graph, pool: str, cause: Place) -> list[ConflictFound]:
    from evenhand.core import ownership

    known = {(row["client"], row["entity"]): row for row in tx.all("pool_conflicts", pool=pool)}
    waived = {(r["client"], r["entity"]) for r in tx.all("pool_waivers", pool=pool) if r["state"] == "given"}
    members = {row["client"] for row in tx.all("pool_members", pool=pool)}
    clients = [row for row in tx.all("clients") if row["id"] in members]
    events = []
    for entity in tx.all("pool_entities", pool=pool):
        for client in clients:
            pair = client["id"], entity["id"]
            rivals = decode_json(client["rivals"])
            conflict = ownership.judge(graph, client["record"], entity["record"], rivals, pair in waived)
            if _differs(known.get(pair), conflict):
                events.append(_found(pool, cause, pair, conflict))
    return events


def _differs(before: Row | None, now: ownership.Conflict) -> bool:
    was = (before["grade"], before["rival"], before["blocked"]) if before else (0, 0, 0)
    return was != (now.grade, int(now.rival), int(now.blocked))


def _found(pool: str, cause: Place, pair: tuple[str, str], conflict: ownership.Conflict) -> ConflictFound:
    return ConflictFound(
        stream=pool,
        causes=(cause,),
        client=pair[0],
        entity=pair[1],
        grade=conflict.grade,
        rival=int(conflict.rival),
        blocked=int(conflict.blocked),
        rule=RULE,
        path=msgspec.json.encode(conflict),
    )


def graph_of(reader: Reader) -> ownership.Graph:
    """The graph of ownership as it is stated now."""
    from evenhand.core import ownership

    rows = reader.all("ownership_all")
    policy = node_policy(reader)
    thresholds = msgspec.convert(policy["thresholds"] if policy else {}, ownership.Thresholds)
    return ownership.Graph(_records(rows), thresholds, max((row["ms"] for row in rows), default=0))


def _records(rows: Sequence[Row]) -> list[ownership.Record]:
    from evenhand.core import ownership

    return [msgspec.json.decode(row["document"], type=ownership.Record) for row in rows]


# ---- what people see -----------------------------------------------------------------------------------


def overview(reader: Reader, actor: Actor, organization: str | None = None) -> wire.Ownership:
    """The graph with every verdict that concerns the caller, each with its sentence.

    Entities are named, persons are not. The operator sees all verdicts; others those of their organizations.
    """
    own = {m.organization for m in actor.memberships if allows(actor, "exchange.read", m.organization)}
    if organization is not None:
        require(actor, "exchange.read", organization)
        own = {organization}
    operator = allows(actor, "exchange.operate", None) and organization is None
    rows = reader.all("ownership_all")
    clients, entities = reader.all("clients"), reader.all("entities")
    if not operator and not any(row["organization"] in own for row in clients + entities):
        raise Missing("not-found", "Your organization takes part in no exchange here.", "organization")
    shown = {r["id"] for r in clients + entities if operator or r["organization"] in own}
    graph = graph_of(reader)
    return wire.Ownership(
        owners=_owners(rows, graph, [*(clients if operator else _mine(clients, own)), *entities]),
        stakes=_stakes(reader, rows),
        conflicts=[
            v for v in _shown_conflicts(reader, rows, clients, entities) if {v.client, v.entity} & shown
        ],
    )


def _mine(rows: Sequence[Row], own: set[str]) -> list[Row]:
    return [row for row in rows if row["organization"] in own]


def _names(rows: Sequence[Row]) -> dict[str, str]:
    """recordId -> name, of entities."""
    return {row["source"]: name_of(row) for row in rows if row["type"] == "entity"}


def record_names(rows: Sequence[Row]) -> dict[str, str]:
    """Pseudonym -> name; a person, and whoever is unknown, is called so."""
    names = {row["record"]: name_of(row) for row in rows}
    return {**names, **{f"unknown:{row['record']}": "an unknown owner" for row in rows}}


def name_of(row: Row) -> str:
    """What a record is called; no person by name."""
    if row["type"] != "entity":
        return "a person"
    return str(decode_json(row["statement"])["recordDetails"].get("name") or row["source"])


def _owners(rows: Sequence[Row], graph: ownership.Graph, parties: Sequence[Row]) -> list[wire.Owner]:
    roles = {row["record"]: row.get("role", "client") for row in parties if row["record"]}
    found = [
        wire.Owner(
            record=row["record"],
            source=row["source"] if row["type"] == "entity" else "",
            kind="entity" if row["type"] == "entity" else "person",
            form=decode_json(row["document"])["form"],
            name=name_of(row),
            role=roles.get(row["record"], ""),
            opaque=row["record"] in graph.opaque,
        )
        for row in rows
        if row["type"] != "relationship" and row["status"] != "closed"
    ]
    unknown = [node for node in sorted(graph.nodes) if node.startswith("unknown:")]
    return found + [
        wire.Owner(
            record=u, source="", kind="person", form="unknown", name="an unknown owner", role="", opaque=True
        )
        for u in unknown
    ]


def _stakes(reader: Reader, rows: Sequence[Row]) -> list[wire.Stake]:
    late = frozenset(_late(reader, rows))
    return [
        _stake(row, row["source"] in late)
        for row in rows
        if row["type"] == "relationship" and row["status"] != "closed"
    ]


class _Stated(msgspec.Struct, frozen=True):
    """What is read of an entry here: of other kinds, nothing."""

    class Body(msgspec.Struct, frozen=True):
        record: str = ""
        subject: str = ""

    t: str
    ts: int
    b: Body


_stated = msgspec.json.Decoder(_Stated).decode


def _late(reader: Reader, rows: Sequence[Row]) -> list[str]:
    """Sources of those statements that came too late (docs/spec/ledger.md, 10.5)."""
    policies = reader.all("node_policies")
    if not policies:
        return []
    first: dict[str, int] = {}
    for (entry,) in reader.tuples("node_entries"):
        said = _stated(entry)
        if said.t == "ownership-stated":
            first.setdefault(said.b.subject or said.b.record, said.ts)
    return [row["source"] for row in rows if _is_late(policies, row, first)]


def _is_late(policies: Sequence[Row], row: Row, first: Mapping[str, int]) -> bool:
    """Whether a statement came too late, by the rules in force at its place.

    Args:
        first: record or subject -> ms at which the log knew of it first.
    """
    in_force = [one for one in policies if one["n"] < row["n"] and one["effective_from"] <= row["n"]]
    if not in_force:
        return False
    since = max(row["effective"], first[decode_json(row["document"])["subject"] or row["record"]])
    return bool(row["ms"] > since + decode_json(in_force[-1]["document"])["late"])


def _stake(row: Row, late: bool) -> wire.Stake:
    from evenhand.core import ownership

    said = msgspec.json.decode(row["document"], type=ownership.Record)
    most: dict[str, int] = {}
    for interest in said.interests:
        kinds = ownership.SHARES.get(interest.type, ())
        for kind in kinds:
            most[kind] = max(most.get(kind, 0), interest.most)
    percent = {kind: share * 100 / ownership.WHOLE for kind, share in most.items()}
    return wire.Stake(
        record=row["record"],
        holder=f"unknown:{row['record']}" if said.party == "unknown" else said.party,
        held=said.subject,
        economic=percent.get("economic"),
        voting=percent.get("voting"),
        offices=sorted({i.type for i in said.interests if i.type not in ownership.SHARES}),
        effective=when(row["effective"])[:10],
        late=late,
    )


def _shown_conflicts(
    reader: Reader, rows: Sequence[Row], clients: Sequence[Row], entities: Sequence[Row]
) -> list[wire.PoolConflict]:
    names = record_names(rows)
    titles = {row["id"]: names.get(row["record"]) or row["name"] or "the operator" for row in entities}
    titles |= {row["id"]: row["name"] for row in clients}
    return [
        _conflict(pool["id"], row, names, titles)
        for pool in reader.all("shared_pools")
        for row in reader.all("pool_conflicts", pool=pool["id"])
    ]


def _connection(found: ownership.Relation, names: Mapping[str, str]) -> wire.Connection:
    return wire.Connection(
        why=found.why,
        holder=names.get(found.holder, found.holder),
        held=names.get(found.held, found.held),
        share=found.share,
        links=[
            wire.Held(
                holder=names.get(step.holder, step.holder),
                held=names.get(step.held, step.held),
                kind=step.kind,
                share=step.share,
            )
            for step in found.steps
        ],
    )


def _conflict(pool: str, row: Row, names: Mapping[str, str], titles: Mapping[str, str]) -> wire.PoolConflict:
    from evenhand.core import ownership

    conflict = msgspec.json.decode(row["path"], type=ownership.Conflict)
    by = conflict.by_rival
    paths = [*conflict.own.steps, *(by.steps if by else ())]
    return wire.PoolConflict(
        pool=pool,
        client=row["client"],
        client_name=titles.get(row["client"], row["client"]),
        entity=row["entity"],
        entity_name=titles.get(row["entity"], row["entity"]),
        grade=row["grade"],
        rival=bool(row["rival"]),
        blocked=bool(row["blocked"]),
        sentence=ownership.sentence(conflict.own, names),
        rival_sentence=ownership.sentence(by, names) if by else "",
        own=_connection(conflict.own, names),
        by_rival=_connection(by, names) if by else None,
        records=sorted({end for step in paths for end in (step.holder, step.held)}),
        at=when(row["ms"]),
        n=row["n"],
    )
