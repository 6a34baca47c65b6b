"""Verbs of shared pools: the operator opens them, clients join, providers enrol annotators.

Every one is an event in the pool's own stream or the node's, in force from a later place on. None has an
argument that could carry a favour: what decides who gets work is a weight or a price in the policy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evenhand import wire
from evenhand.core import shared_pool
from evenhand.core.canonical import b64url, unb64url
from evenhand.core.checkpoint import verify_ed25519
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import (
    Availability,
    ClientJoined,
    ClientRegistered,
    Enrolled,
    EntityRegistered,
    Event,
    Moment,
    Overridden,
    Place,
    PolicySet,
    PoolOpened,
    PoolPolicySet,
    PoolShared,
    ProjectPooled,
)
from evenhand.core.policy import Actor, allows, require
from evenhand.core.shared_pool import Terms
from evenhand.service import owners, postings, signing, windows
from evenhand.service.ids import new_id
from evenhand.service.view import decode_json, node_policy, own_client, project_row, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

_FAMILY = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_QUALIFICATION = re.compile(r"[a-z0-9._-]{1,40}")
THRESHOLDS = ("blocked", "waiver", "disclosed", "common")  # those that an operator sets, in percent
PERCENT = 1_000_000  # units of a threshold
DAY = 86_400_000  # milliseconds


# ---- the node ------------------------------------------------------------------------------------


def set_policy(tx: Transaction, at: Moment, actor: Actor, wanted: wire.NodePolicy) -> wire.NodePolicy:
    """Thresholds of conflicts and the officers, in force from the node's next entry on."""
    require(actor, "exchange.operate", None)
    levels = (wanted.disclosed, wanted.waiver, wanted.blocked)
    if not 0 < levels[0] <= levels[1] <= levels[2] <= 50 or not 0 < wanted.common <= 50:
        reason = "Thresholds rise from disclosed over waiver to blocked, above 0 and at most 50 percent."
        raise Invalid("exchange.thresholds", reason, "blocked", "25, 10 and 1 are usual.")
    for name, public in wanted.officers.items():
        if len(_unpacked(public)) != 32 or not _QUALIFICATION.fullmatch(name):
            reason = "An officer is an id and an Ed25519 public key, base64url of 32 bytes."
            raise Invalid("exchange.officer", reason, f"officers.{name}")
    _append_policy(tx, at, wanted)
    owners.judge_all(tx, at)
    return wanted


def _append_policy(tx: Transaction, at: Moment, wanted: wire.NodePolicy) -> None:
    event = PolicySet(
        stream="node",
        effective_from=_head(tx, "node") + 1,
        engine=owners.RULE,
        thresholds={
            **{name: round(getattr(wanted, name) * PERCENT) for name in THRESHOLDS},
            "control": 50 * PERCENT,
        },
        late=wanted.late_days * DAY,
        skew=wanted.skew_ms,
        officers=tuple({"key": k, "public": public} for k, public in sorted(wanted.officers.items())),
        vrf=b64url(tx.node.draw_key),
    )
    tx.append([event], at)


def keep_draw_key(tx: Transaction, at: Moment) -> None:
    """After a restore the node draws with another key; say so before it decides anything."""
    row = node_policy(tx)
    if row is not None and row["vrf"] != b64url(tx.node.draw_key):
        _append_policy(tx, at, _shown_policy(row))


def get_policy(reader: Reader, actor: Actor) -> wire.NodePolicy:
    """The newest rules of the node."""
    require(actor, "exchange.operate", None)
    row = node_policy(reader)
    return wire.NodePolicy() if row is None else _shown_policy(row)


def _shown_policy(row: Row) -> wire.NodePolicy:
    return wire.NodePolicy(
        officers=_officers(row),
        late_days=row["late"] // DAY,
        skew_ms=row["skew"],
        **{name: row["thresholds"][name] / PERCENT for name in THRESHOLDS},
    )


def _officers(policy: Row | None) -> dict[str, str]:
    """Id of each officer -> their public key, base64url."""
    return {one["key"]: one["public"] for one in policy["officers"]} if policy else {}


def _head(reader: Reader, stream: str) -> int:
    """The number that the stream's next entry takes."""
    rows = reader.tuples("heads" if isinstance(reader, Transaction) else "heads_read", ids=[stream])
    return rows[0][1] if rows else 0


def _unpacked(text: str) -> bytes:
    """What base64url stands for; nothing where it is none."""
    try:
        return unb64url(text)
    except Invalid:
        return b""


# ---- pools ---------------------------------------------------------------------------------------


def open_pool(tx: Transaction, at: Moment, actor: Actor, wanted: wire.NewSharedPool) -> wire.SharedPool:
    """Open a pool that organizations share."""
    require(actor, "exchange.operate", None)
    _check_band(wanted.band, "band")
    if not _LANGUAGE.fullmatch(wanted.language):
        raise Invalid(
            "pool.language", "This is no language tag in lower case, such as en or pt-br.", "language"
        )
    if wanted.qualification and not _QUALIFICATION.fullmatch(wanted.qualification):
        raise Invalid("pool.qualification", "A qualification is 1 to 40 of a-z 0-9 . _ -", "qualification")
    if node_policy(tx) is None:
        _append_policy(tx, at, wire.NodePolicy())
    pool = new_id("pool")
    tx.append(
        [
            PoolOpened(stream=pool, organization=b""),
            PoolShared(
                stream=pool, band=wanted.band, language=wanted.language, qualification=wanted.qualification
            ),
            _terms_event(tx, pool, wanted.terms, 2, "vrf-drand" if windows.newest_beacon(tx) else "vrf"),
        ],
        at,
    )
    return _pool(tx, actor, pool)


def change_terms(
    tx: Transaction, at: Moment, actor: Actor, pool: str, wanted: wire.PoolTerms
) -> wire.SharedPool:
    """Other weights or prices, from the pool's next entry on. Leases that are out keep theirs."""
    require(actor, "exchange.operate", None)
    _shared_row(tx, pool)
    used = {row["family"] for row in tx.all("pool_families", pool=pool)}
    if missing := sorted(used - wanted.prices.keys()):
        reason = f"Projects in this pool have the family {missing[0]!r}, which would have no price."
        raise Refused("pool.family-used", reason, f"prices.{missing[0]}", "Give it a price.")
    before = decode_json(tx.all("pool_policies", pool=pool)[-1]["document"])["draw"]
    tx.append([_terms_event(tx, pool, wanted, _head(tx, pool), before)], at)
    return _pool(tx, actor, pool)


_DRAWS = {"one-phase": "vrf", "two-phase": "vrf-drand"}


def _terms_event(tx: Transaction, pool: str, wanted: wire.PoolTerms, n: int, draw: str) -> PoolPolicySet:
    """
    Args:
        n: the place that it takes.
        draw: how windows are drawn where the terms do not say.
    """
    if wanted.draw and wanted.draw not in _DRAWS:
        raise Invalid("pool.draw", "A draw is one-phase or two-phase.", "draw", "Leave it out for the usual.")
    terms = Terms(
        weights=wanted.weights, prices=wanted.prices, charge=wanted.charge, independent=wanted.independent
    )
    shared_pool.check_terms(terms, wanted.cap)
    for family in wanted.prices:
        _check_family(family, f"prices.{family}")
    known = {row["id"] for row in tx.all("clients")}
    if unknown := sorted(wanted.weights.keys() - known):
        raise Invalid("pool.client", "There is no such client.", f"weights.{unknown[0]}")
    return PoolPolicySet(
        stream=pool,
        effective_from=n + 1,
        weights=tuple({"client": c, "weight": w} for c, w in sorted(wanted.weights.items())),
        prices=tuple({"family": f, "price": p} for f, p in sorted(wanted.prices.items())),
        charge=wanted.charge,
        cap=wanted.cap,
        draw=_DRAWS.get(wanted.draw, draw),
        independent=int(wanted.independent),
    )


def _check_family(family: str, where: str) -> None:
    if not _FAMILY.fullmatch(family):
        raise Invalid("pool.family", "A family is 1 to 32 of a-z 0-9 . _ -", where)


def _check_band(band: int, where: str) -> None:
    if not 1 <= band <= 9:
        raise Invalid("pool.band", "A band is 1 to 9.", where)


def list_pools(reader: Reader, actor: Actor) -> wire.Page[wire.SharedPool]:
    """All shared pools of the node: their rules are everybody's to see."""
    return wire.Page(items=[_shown(reader, row) for row in reader.all("shared_pools")])


def _pool(reader: Reader, actor: Actor, pool: str) -> wire.SharedPool:
    return next(one for one in list_pools(reader, actor).items if one.id == pool)


def _shown(reader: Reader, row: Row) -> wire.SharedPool:
    policies = []
    for policy in reader.all("pool_policies", pool=row["id"]):
        said = decode_json(policy["document"])
        terms = wire.PoolTerms(
            prices={one["family"]: one["price"] for one in said["prices"]},
            weights={one["client"]: one["weight"] for one in said["weights"]},
            charge=said["charge"],
            cap=said["cap"],
            independent=bool(said["independent"]),
            draw=next(name for name, draw in _DRAWS.items() if draw == said["draw"]),
        )
        policies.append(wire.PoolPolicy(effective_from=policy["effective_from"], terms=terms))
    names = ("id", "language", "band", "qualification", "clients", "annotators")
    return wire.SharedPool(
        **{name: row[name] for name in names}, policies=policies, next=_head(reader, row["id"])
    )


def _shared_row(reader: Reader, pool: str) -> Row:
    row = reader.one("shared_pool", pool=pool)
    if row is None:
        raise Missing("not-found", "There is no such shared pool.", pool)
    return row


# ---- clients and entities --------------------------------------------------------------------------


def list_parties(reader: Reader, actor: Actor) -> wire.Page[wire.Party]:
    """Clients and entities of the node: all for the operator, one's own for others."""
    own = {m.organization for m in actor.memberships if allows(actor, "exchange.read", m.organization)}
    sources = {row["record"]: row["source"] for row in reader.all("ownership_all")}
    rows = [{**row, "role": "client"} for row in reader.all("clients")] + reader.all("entities")
    return wire.Page(
        items=[
            wire.Party(
                id=row["id"],
                role=row["role"],
                organization_id=row["organization"],
                name=row["name"],
                record=sources.get(row["record"], ""),
            )
            for row in rows
            if row["organization"] in own or allows(actor, "exchange.operate", None)
        ]
    )


def register_client(tx: Transaction, at: Moment, actor: Actor, wanted: wire.NewClient) -> wire.Party:
    """Admit an organization as a client. The same again states another record of ownership."""
    require(actor, "exchange.operate", None)
    _organization(tx, wanted.organization_id)
    record = owners.record_of(tx, wanted.record, "record") if wanted.record else ""
    known = tx.one("client_of", organization=wanted.organization_id)
    client = known["id"] if known else new_id("cli")
    event = ClientRegistered(
        stream="node",
        owner=wanted.organization_id,
        client=client,
        record=record if wanted.public else "",
        identity=record.encode(),
        organization=wanted.organization_id.encode(),
    )
    tx.append([event], at)
    owners.judge_all(tx, at)
    return next(p for p in list_parties(tx, actor).items if p.id == client)


def register_entity(tx: Transaction, at: Moment, actor: Actor, wanted: wire.NewEntity) -> wire.Party:
    """Admit a provider, or name the operator. The same again states another record of ownership."""
    require(actor, "exchange.operate", None)
    if wanted.organization_id:
        _organization(tx, wanted.organization_id)
    elif wanted.role != "operator":
        raise Invalid(
            "exchange.organization", "A provider is an organization.", "organization_id", "Name it."
        )
    known = [
        e for e in tx.all("entities_of", organization=wanted.organization_id) if e["role"] == wanted.role
    ]
    entity = known[0]["id"] if known else new_id("ent")
    event = EntityRegistered(
        stream="node",
        owner=wanted.organization_id,
        entity=entity,
        record=owners.record_of(tx, wanted.record, "record") if wanted.record else "",
        role=wanted.role,
        organization=wanted.organization_id.encode(),
    )
    tx.append([event], at)
    owners.judge_all(tx, at)
    return next(p for p in list_parties(tx, actor).items if p.id == entity)


def _organization(tx: Transaction, organization: str) -> None:
    if tx.one("organization_by_id", id=organization) is None:
        raise Missing("not-found", "There is no such organization.", "organization_id")


def join(tx: Transaction, at: Moment, actor: Actor, pool: str, wanted: wire.ClientTerms) -> wire.PoolClient:
    """A client takes part in a shared pool, changes what it asks for, or leaves."""
    _shared_row(tx, pool)
    client = own_client(tx, actor, wanted.organization_id, "exchange.join")
    _check_band(wanted.band, "band")
    if not 0 <= wanted.exposure <= 1 << 40:
        raise Invalid("pool.exposure", "An exposure is 0 or more.", "exposure")
    event = ClientJoined(
        stream=pool,
        owner=client["organization"],
        client=client["id"],
        state=wanted.state,
        band=wanted.band,
        exposure=wanted.exposure,
        organization=client["organization"].encode(),
    )
    placed = tx.append([event], at)
    owners.judge(tx, at, [pool], placed[0].place)
    return next(c for c in _clients(tx, pool) if c.client == client["id"])


def list_clients(reader: Reader, actor: Actor, pool: str) -> wire.Page[wire.PoolClient]:
    """Who shares a pool: all for the operator, one's own for others."""
    _shared_row(reader, pool)
    own = {m.organization for m in actor.memberships if allows(actor, "exchange.read", m.organization)}
    everybody = allows(actor, "exchange.operate", None)
    rows = reader.all("pool_members", pool=pool)
    shown = {row["client"] for row in rows if everybody or row["organization"] in own}
    return wire.Page(items=[one for one in _clients(reader, pool) if one.client in shown])


def _clients(reader: Reader, pool: str) -> list[wire.PoolClient]:
    policy = reader.one("pool_policy_at", pool=pool, n=_head(reader, pool))
    weights = {w["client"]: w["weight"] for w in decode_json(policy["document"])["weights"]} if policy else {}
    return [
        wire.PoolClient(
            client=row["client"],
            name=row["name"],
            state=row["state"],
            band=row["band"],
            exposure=row["exposure"],
            weight=weights.get(row["client"], 1),
            backlogged=bool(row["backlogged"]),
        )
        for row in reader.all("pool_members", pool=pool)
    ]


def pool_project(
    tx: Transaction, at: Moment, actor: Actor, project: str, wanted: wire.ProjectPool
) -> wire.PooledProject:
    """A client's project gets its answers from a shared pool, or from its own people again."""
    row = project_row(tx, actor, project, "project.manage")
    pool, family = wanted.pool, wanted.family
    if pool:
        _check_pooling(tx, row["organization"], pool, family)
    else:
        pool, family = tx.tuples("pools_of", organizations=[row["organization"]])[0][0], ""
    if pool != row["pool"] or family:
        event = ProjectPooled(stream=project, owner=row["organization"], pool=pool, family=family)
        placed = tx.append([event], at)
        postings.post(tx, at, row["organization"], project, placed[0].place)
    return wire.PooledProject(project_id=project, pool=wanted.pool, family=family)


def _check_pooling(tx: Transaction, organization: str, pool: str, family: str) -> None:
    _shared_row(tx, pool)
    joined = {row["organization"] for row in tx.all("pool_members", pool=pool) if row["state"] == "active"}
    if organization not in joined:
        reason = "Your organization has not joined this pool."
        raise Refused("pool.not-joined", reason, "pool", "Join it first.")
    prices = windows.terms_at(tx, pool, _head(tx, pool)).prices
    if family not in prices:
        raise Invalid(
            "pool.family",
            "This family has no price in the pool.",
            "family",
            f"One of {', '.join(sorted(prices))}.",
        )


def list_pooled(
    reader: Reader, actor: Actor, organization: str | None = None
) -> wire.Page[wire.PooledProject]:
    """A client's projects in shared pools."""
    client = own_client(reader, actor, organization, "exchange.read")
    rows = reader.all("pooled_projects", client=client["id"])
    return wire.Page(
        items=[wire.PooledProject(project_id=r["project"], pool=r["pool"], family=r["family"]) for r in rows]
    )


# ---- providers -------------------------------------------------------------------------------------


def enrol(tx: Transaction, at: Moment, actor: Actor, pool: str, wanted: wire.Enrolment) -> wire.PoolAnnotator:
    """A provider's annotator takes part in a shared pool, or ends it."""
    shared = _shared_row(tx, pool)
    member = tx.one("member_by_id", id=wanted.member_id)
    if member is None:
        raise Missing("not-found", "There is no such member, or you may not see them.", "member_id")
    require(actor, "exchange.join", member["organization"])
    entity = _provider(tx, member["organization"])
    _check_band(wanted.band, "band")
    _check_codes(wanted)
    if wanted.state == "active" and not windows.fits(
        wanted.languages, wanted.qualifications, wanted.band, shared
    ):
        reason = "The pool asks for another language, band or qualification."
        raise Refused("pool.unfit", reason, "languages", "See the pool's rules.")
    event = Enrolled(
        stream=pool,
        owner=member["organization"],
        who=member["person"],
        entity=entity,
        state=wanted.state,
        band=wanted.band,
        languages=tuple(sorted(set(wanted.languages))),
        qualifications=tuple(sorted(set(wanted.qualifications))),
        evidence=wanted.evidence.encode(),
        member=wanted.member_id,
    )
    placed = tx.append([event], at)
    if wanted.state == "ended":
        tx.append(windows.recall(tx, pool, "ended", placed[0].place, person=event.who), at)
    owners.judge(tx, at, [pool], Place(pool, _head(tx, pool) - 1))
    return next(a for a in _annotators(tx, pool, entity) if a.member_id == wanted.member_id)


def _check_codes(wanted: wire.Enrolment) -> None:
    if not all(_LANGUAGE.fullmatch(language) for language in wanted.languages):
        raise Invalid("pool.language", "These are no language tags in lower case.", "languages")
    if not all(_QUALIFICATION.fullmatch(one) for one in wanted.qualifications):
        raise Invalid("pool.qualification", "A qualification is 1 to 40 of a-z 0-9 . _ -", "qualifications")


def _provider(tx: Transaction, organization: str) -> str:
    rows = [row for row in tx.all("entities_of", organization=organization) if row["role"] != "client"]
    if not rows:
        reason = "Your organization is not a provider of this node's exchange."
        raise Refused("exchange.provider", reason, "member_id", "Ask the operator.")
    return str(rows[0]["id"])


def list_annotators(reader: Reader, actor: Actor, pool: str) -> wire.Page[wire.PoolAnnotator]:
    """The caller's own organizations' annotators in a pool."""
    _shared_row(reader, pool)
    own = [m.organization for m in actor.memberships if allows(actor, "exchange.join", m.organization)]
    entities = [e["id"] for organization in own for e in reader.all("entities_of", organization=organization)]
    return wire.Page(items=[a for entity in entities for a in _annotators(reader, pool, entity)])


def _annotators(reader: Reader, pool: str, entity: str) -> list[wire.PoolAnnotator]:
    return [
        wire.PoolAnnotator(
            member_id=row["member"],
            name=row["name"],
            entity=row["entity"],
            state=row["state"],
            band=row["band"],
            languages=row["languages"].split(),
            qualifications=row["qualifications"].split(),
            available=bool(row["available"]),
            suspended=bool(row["suspended"]),
        )
        for row in reader.all("pool_enrolments", pool=pool, entity=entity)
    ]


def list_enrolments(reader: Reader, actor: Actor) -> wire.Page[wire.PoolAvailability]:
    """The shared pools where the caller is enrolled, with what they did there and the tests they may take."""
    require(actor, "exchange.available", None)
    tests = postings.tests(reader, actor)
    return wire.Page(
        items=[
            _availability(reader, row, [t for t in tests if t["pool"] == row["pool"]])
            for row in reader.all("enrolments_of", person=actor.person)
        ]
    )


def _availability(reader: Reader, row: Row, tests: Sequence[Row]) -> wire.PoolAvailability:
    shared = _shared_row(reader, row["pool"])
    done = reader.tuples("pool_done", pool=row["pool"], person=row["person"])
    return wire.PoolAvailability(
        pool=row["pool"],
        language=shared["language"],
        band=shared["band"],
        state=row["state"],
        available=bool(row["available"]),
        suspended=bool(row["suspended"]),
        mine=done[0][0],
        tests=[postings.told(reader, test) for test in tests],
    )


def set_available(
    tx: Transaction, at: Moment, actor: Actor, pool: str, wanted: wire.AvailabilityChange
) -> wire.PoolAvailability:
    """The caller takes work in a shared pool, or takes none: from everybody, never from one client."""
    require(actor, "exchange.available", None)
    rows = {row["pool"]: row for row in tx.all("enrolments_of", person=actor.person)}
    if pool not in rows:
        raise Missing("not-found", "You are not enrolled in such a pool.", pool)
    if bool(rows[pool]["available"]) != wanted.available:
        event = Availability(stream=pool, who=actor.person, on=int(wanted.available))
        event = signing.spoken(tx, at, actor.person, event, wanted.signed, Place(pool, 0))
        tx.append([event], at)
    return next(a for a in list_enrolments(tx, actor).items if a.pool == pool)


# ---- officers --------------------------------------------------------------------------------------


def override(tx: Transaction, at: Moment, actor: Actor, pool: str, wanted: wire.Override) -> None:
    """Two officers recall a lease, suspend or readmit an annotator. It is counted, and all see it."""
    require(actor, "exchange.operate", None)
    _shared_row(tx, pool)
    _check_signatures(tx, pool, wanted)
    event = Overridden(
        stream=pool,
        act=wanted.act,
        subject=wanted.subject,
        reason=wanted.reason,
        at=wanted.at,
        signatures=tuple({"key": one["key"], "sg": one["sg"]} for one in wanted.signatures),
    )
    followers = _followers(tx, pool, wanted, Place(pool, _head(tx, pool)))
    tx.append([event, *followers], at)


def _followers(tx: Transaction, pool: str, wanted: wire.Override, cause: Place) -> Sequence[Event]:
    if wanted.act == "recall":
        found = windows.recall(tx, pool, "override", cause, slot=wanted.subject)
        if not found:
            raise Missing("not-found", "There is no live lease with this slot.", "subject")
        return found
    if not tx.all("pool_seats", pool=pool, persons=[wanted.subject]):
        raise Missing("not-found", "There is no such annotator in this pool.", "subject")
    return (
        windows.recall(tx, pool, "override", cause, person=wanted.subject) if wanted.act == "suspend" else ()
    )


def list_overrides(reader: Reader, actor: Actor) -> wire.Overrides:
    """What officers did, for everybody: it is in the public log."""
    officers = _officers(node_policy(reader))
    rows = [row for pool in reader.all("shared_pools") for row in reader.all("overrides_of", pool=pool["id"])]
    return wire.Overrides(
        origin=reader.tuples("epochs")[-1][1],
        officers=list(officers),
        keys=officers,
        items=[
            wire.Overridden(
                **{name: row[name] for name in ("pool", "n", "act", "subject", "reason")},
                at=when(row["at_ms"]),
            )
            for row in sorted(rows, key=lambda row: (-row["at_ms"], row["pool"], -row["n"]))
        ],
    )


def _check_signatures(tx: Transaction, pool: str, wanted: wire.Override) -> None:
    officers = _officers(node_policy(tx))
    text = shared_pool.override_text(
        tx.node.origin, pool, wanted.act, wanted.subject, wanted.reason, wanted.at
    )
    good = {
        one.get("key")
        for one in wanted.signatures
        if one.get("key") in officers
        and verify_ed25519(_unpacked(officers[one["key"]]), text, _unpacked(one.get("sg", "")))
    }
    if len(good) < 2 or len(good) != len(wanted.signatures):
        reason = "An override needs valid signatures of two different officers, and no others."
        raise Refused("exchange.signatures", reason, "signatures", "See docs/spec/ledger.md, 10.6.")
    used = tx.all("override_used", pool=pool, at=wanted.at, subject=wanted.subject)
    if used:
        raise Refused("exchange.used", "This text was used before.", "at", "Sign a new one.")
