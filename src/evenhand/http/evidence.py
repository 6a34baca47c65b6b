"""What shows that the node is even-handed: receipts for an organization, numbers for the public page."""

from __future__ import annotations

import msgspec

from evenhand import wire
from evenhand.core import merkle
from evenhand.core.receipt import Receipt
from evenhand.cosigner import Cosigner
from evenhand.http.call import Call
from evenhand.lane import now_ms
from evenhand.service import receipts
from evenhand.service.view import when


async def list_receipts(call: Call) -> wire.Receipts:
    """GET /receipts: with one fresh promise for the whole page, so that the answer binds the node."""
    query = call.query
    found = await call.read(receipts.entries, call.signed_in.actor, query["organization"], query["after"])
    leaves = [merkle.leaf_hash(entry) for _, _, entry, _ in found.entries]
    promises = call.app.node.promise(leaves, now_ms())
    items = [
        Receipt(place=(stream, n), entry=entry, leaf=leaf, openings=openings, promise=promise)
        for (stream, n, entry, openings), leaf, promise in zip(found.entries, leaves, promises, strict=True)
    ]
    return wire.Receipts(items=items, after=str(found.after), more=found.more)


class _Statement(msgspec.Struct):
    """A statement of ownership in the audit's JSON."""

    type: str
    party: str
    subject: str
    interests: list[dict[str, str | int]]


class _Audit(msgspec.Struct):
    """What of the audit's JSON is shown."""

    at: int
    size: int
    summary: str
    counts: dict[str, int]
    unsigned: int
    windows: int
    overrides: int
    late: int
    shares: list[wire.NeutralShare]
    edges: list[_Statement]
    between: int = 0  # an audit that is kept from before an upgrade has none
    slowest: int = 0


async def neutrality(call: Call) -> wire.Neutrality:
    """GET /neutrality: everything here is in the public log already, but for how the witnesses stand."""
    standing = _standing(call.app.node.cosigner)
    told = await call.in_thread(call.app.node.own_audit)
    if told is None:
        return standing
    audit = msgspec.json.decode(told, type=_Audit)
    return msgspec.structs.replace(
        standing,
        audited_at=when(audit.at),
        size=audit.size,
        summary=audit.summary,
        found={kind: count for kind, count in audit.counts.items() if count},
        operator_only=audit.unsigned,
        windows=audit.windows,
        between=audit.between,
        slowest=audit.slowest,
        overrides=audit.overrides,
        late=audit.late,
        shares=audit.shares,
        edges=[edge for statement in audit.edges for edge in _edges(statement)],
    )


def _standing(cosigner: Cosigner | None) -> wire.Neutrality:
    """How the witnesses stand."""
    if cosigner is None:
        return wire.Neutrality()
    witnesses = [
        wire.NeutralWitness(name=s.name, size=s.size, seconds=s.seconds, reason=s.reason)
        for s in cosigner.standings.values()
    ]
    at = cosigner.witnessed_at
    return wire.Neutrality(
        witnesses=witnesses, cosigned_at=when(int(at * 1000)) if at else None, stale=cosigner.stale
    )


def _edges(statement: _Statement) -> list[wire.NeutralEdge]:
    return [
        wire.NeutralEdge(
            party=statement.party, subject=statement.subject, type=str(one["type"]), most=int(one["most"])
        )
        for one in statement.interests
        if statement.type == "relationship"
    ]
