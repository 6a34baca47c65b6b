"""What the events of shared pools and of ownership do to the tables of the first kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand.core import events as ev
from evenhand.core.merkle import leaf_hash
from evenhand.store import fold_leases
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection
from evenhand.store.fold_each import Fold, each

_encode = msgspec.json.Encoder(order="sorted").encode
_row = msgspec.json.Decoder(tuple[str, str, str, int, int, int, str]).decode


def document(event: ev.Event) -> bytes:
    """The public fields of an event as JSON: what a rule reads of it later."""
    return _encode({name: getattr(event, name) for name in event.PUBLIC})


@each
def _policies(db: Connection, p: Placed, event: ev.PolicySet) -> None:
    db.run("fold_node_policy", n=p.n, effective_from=event.effective_from, document=document(event))


@each
def _clients(db: Connection, p: Placed, event: ev.ClientRegistered) -> None:
    db.run(
        "fold_client",
        id=event.client,
        organization=event.organization.decode(),
        record=event.identity.decode(),
        public=int(bool(event.record)),
        rivals=b"[]",
    )


@each
def _entities(db: Connection, p: Placed, event: ev.EntityRegistered) -> None:
    keys = {"id": event.entity, "organization": event.organization.decode()}
    db.run("fold_entity", **keys, record=event.record, role=event.role)


@each
def _statements(db: Connection, p: Placed, event: ev.OwnershipStated) -> None:
    db.run(
        "fold_ownership",
        record=event.record,
        source=event.source,
        type=event.type,
        status=event.status,
        n=p.n,
        ms=p.ms,
        effective=event.effective,
        document=document(event),
        statement=event.statement,
    )


@each
def _rivals(db: Connection, p: Placed, event: ev.RivalsNamed) -> None:
    db.run("fold_rivals", client=event.client, rivals=event.rivals)


@each
def _shared(db: Connection, p: Placed, event: ev.PoolShared) -> None:
    keys = {"language": event.language, "band": event.band, "qualification": event.qualification}
    db.run("fold_shared_pool", id=event.stream, **keys)


@each
def _pool_policies(db: Connection, p: Placed, event: ev.PoolPolicySet) -> None:
    keys = {"pool": event.stream, "n": p.n, "effective_from": event.effective_from}
    db.run("fold_pool_policy", **keys, document=document(event))


@each
def _joined(db: Connection, p: Placed, event: ev.ClientJoined) -> None:
    db.run(
        "fold_pool_client",
        pool=event.stream,
        client=event.client,
        organization=event.organization.decode(),
        state=event.state,
        band=event.band,
        exposure=event.exposure,
    )


@each
def _enrolled(db: Connection, p: Placed, event: ev.Enrolled) -> None:
    db.run(
        "fold_enrolment",
        pool=event.stream,
        person=event.who,
        entity=event.entity,
        member=event.member,
        state=event.state,
        band=event.band,
        languages=" ".join(event.languages),
        qualifications=" ".join(event.qualifications),
    )


@each
def _available(db: Connection, p: Placed, event: ev.Availability) -> None:
    db.run("fold_availability", pool=event.stream, person=event.who, available=event.on)


@each
def _conflicts(db: Connection, p: Placed, event: ev.ConflictFound) -> None:
    db.run(
        "fold_conflict",
        pool=event.stream,
        client=event.client,
        entity=event.entity,
        grade=event.grade,
        rival=event.rival,
        blocked=event.blocked,
        path=event.path,
        n=p.n,
        ms=p.ms,
    )


@each
def _waived(db: Connection, p: Placed, event: ev.Waived) -> None:
    keys = {"pool": event.stream, "client": event.client, "entity": event.entity}
    db.run("fold_waiver", **keys, state=event.state, clock=event.said.clock if event.said else 0)


@each
def _overridden(db: Connection, p: Placed, event: ev.Overridden) -> None:
    said = {"act": event.act, "subject": event.subject, "reason": event.reason, "at": event.at}
    db.run("fold_override", pool=event.stream, n=p.n, **said)
    if event.act != "recall":
        suspended = int(event.act == "suspend")
        db.run("fold_suspension", pool=event.stream, person=event.subject, suspended=suspended)


@each
def _recalled(db: Connection, p: Placed, event: ev.Recalled) -> None:
    tasks = db.all("lapsed_tasks", ids=list(event.ids))
    db.many("fold_lease_recalled", [{"id": id_, "ms": p.ms} for id_ in event.ids])
    db.many("fold_task_unleased", tasks)
    db.many("fold_lease_state", [{"id": id_, "state": "over"} for id_ in event.ids])
    _tags(db, event.stream, list(event.tags))


def _tags(db: Connection, pool: str, tags: list[tuple[str, int]]) -> None:
    db.many("fold_client_tag", [{"pool": pool, "client": client, "tag": tag} for client, tag in tags])


@each
def _windows(db: Connection, p: Placed, event: ev.WindowDecided) -> None:
    _come_back(db, event, p.ms)
    _backlog(db, event.stream, event.backlog)
    _queue(db, event)
    _give(db, event, p)


@each
def _closed(db: Connection, p: Placed, event: ev.WindowClosed) -> None:
    _come_back(db, event, p.ms)
    _backlog(db, event.stream, event.backlog)
    _tags(db, event.stream, [(row["client"], row["tag"]) for row in event.tags])
    db.run(
        "fold_closing",
        pool=event.stream,
        n=p.n,
        seq=p.seq,
        ms=p.ms,
        leaf=leaf_hash(p.entry),
        candidates=event.candidates,
        round=event.round,
        waiting=_encode({row["who"]: row["count"] for row in event.waiting}),
    )


@each
def _drawn(db: Connection, p: Placed, event: ev.WindowDrawn) -> None:
    db.run("fold_closing_over", pool=event.stream)
    _queue(db, event)
    _give(db, event, p)


@each
def _beacons(db: Connection, p: Placed, event: ev.BeaconSet) -> None:
    db.run("fold_beacon", n=p.n, document=document(event))


def _come_back(db: Connection, event: ev.WindowDecided | ev.WindowClosed, ms: int) -> None:
    """Leases that ended: settled ones stay as they are, lapsed ones give their slot back."""
    if event.lapsed_ids:
        tasks = db.all("lapsed_tasks", ids=list(event.lapsed_ids))
        db.many("fold_lapsed", [{"id": id_, "ms": ms} for id_ in event.lapsed_ids])
        db.many("fold_task_unleased", tasks)
    ended = [*event.settled_ids, *event.changed_ids]
    fold_leases.settle(db, ended)
    db.many("fold_lease_state", [{"id": id_, "state": "over"} for id_ in ended])
    db.many("fold_lease_state", [{"id": id_, "state": "lapsed"} for id_ in event.lapsed_ids])


def _backlog(db: Connection, pool: str, changes: Sequence[Mapping[str, Any]]) -> None:
    rows = [{"pool": pool, "client": row["client"], "backlogged": row["on"]} for row in changes]
    db.many("fold_client_backlog", rows)


def _queue(db: Connection, event: ev.WindowDecided | ev.WindowDrawn) -> None:
    pool = event.stream
    _backlog(db, pool, [{"client": client, "on": 0} for client in event.gone])
    _tags(db, pool, [(row["client"], row["tag"]) for row in event.tags])
    db.run("fold_shared_virtual", id=pool, virtual=event.virtual)
    busy = [{"pool": pool, "person": row["who"], "idle": 0} for row in event.leases]
    db.many("fold_idle", [*busy, *({"pool": pool, "person": who, "idle": 1} for who in event.idle)])


def _give(db: Connection, event: ev.WindowDecided | ev.WindowDrawn, p: Placed) -> None:
    for organization, person, member, kind in event.lent:
        db.run("fold_lent", organization=organization, person=person, member=member)
        db.run("fold_lent_member", organization=organization, member=member, kind=kind, ms=p.ms)
    leases = [_lease(event, p, i) for i in range(len(event.rows))]
    fold_leases.give(db, [assignment for assignment, _ in leases])
    db.many("fold_shared_lease", [shared for _, shared in leases])
    exposures = [{name: shared[name] for name in ("pool", "client", "entity")} for _, shared in leases]
    db.many("fold_exposure", exposures)
    db.many("fold_pooled_leases", [{"project": project, "leases": n} for project, n in event.projects])


def _lease(
    event: ev.WindowDecided | ev.WindowDrawn, p: Placed, i: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(row of the assignment, row of what it was given for)."""
    lease, organization, project, task, round_, version, member = _row(event.rows[i])
    public = event.leases[i]
    entity, price, charge, weight = event.terms[i]
    assignment = {
        "organization": organization,
        "project": project,
        "task": task,
        "id": lease,
        "round": round_,
        "person": public["who"],
        "member": member,
        "version": version,
        "pool": event.stream,
        "window_n": p.n,
        "opened_ms": p.ms,
        "expires_ms": public["until"],
    }
    shared = {
        "id": lease,
        "pool": event.stream,
        "client": public["client"],
        "entity": entity,
        "person": public["who"],
        "project": project,
        "family": public["family"],
        "price": price,
        "charge": charge,
        "weight": weight,
    }
    return assignment, shared


@each
def _pooled(db: Connection, p: Placed, event: ev.ProjectPooled) -> None:
    db.run("fold_project_pool", project=event.stream, pool=event.pool, ms=p.ms)
    db.run("fold_unpooled", project=event.stream)
    if event.family:
        keys = {"project": event.stream, "pool": event.pool, "family": event.family}
        db.run("fold_pooled", **keys, organization=event.owner)


@each
def _posted(db: Connection, p: Placed, event: ev.ProjectPosted) -> None:
    db.run(
        "fold_posting",
        pool=event.stream,
        project=event.project.decode(),
        posting=event.posting,
        client=event.client,
        family=event.family,
        state=event.state,
        test=event.test,
    )


@each
def _admitted(db: Connection, p: Placed, event: ev.Admitted) -> None:
    keys = {"pool": event.stream, "posting": event.posting, "admitted": event.on}
    db.many("fold_admission", [{**keys, "person": person} for person in event.who])


FOLDS: dict[type[ev.Event], Fold] = {
    ev.PolicySet: _policies,
    ev.ClientRegistered: _clients,
    ev.EntityRegistered: _entities,
    ev.OwnershipStated: _statements,
    ev.RivalsNamed: _rivals,
    ev.PoolShared: _shared,
    ev.PoolPolicySet: _pool_policies,
    ev.ClientJoined: _joined,
    ev.Enrolled: _enrolled,
    ev.Availability: _available,
    ev.ConflictFound: _conflicts,
    ev.Waived: _waived,
    ev.Overridden: _overridden,
    ev.Recalled: _recalled,
    ev.WindowDecided: _windows,
    ev.WindowClosed: _closed,
    ev.WindowDrawn: _drawn,
    ev.BeaconSet: _beacons,
    ev.ProjectPooled: _pooled,
    ev.ProjectPosted: _posted,
    ev.Admitted: _admitted,
}
"""Which events do what; `store.fold` adds them to its own."""
