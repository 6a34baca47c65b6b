"""The route that hands an organization its receipts."""

from __future__ import annotations

from evenhand import wire
from evenhand.core import merkle
from evenhand.core.receipt import Receipt
from evenhand.http.call import Call
from evenhand.lane import now_ms
from evenhand.service import receipts


async def list_receipts(call: Call) -> wire.Receipts:
    """GET /receipts: with one fresh promise for the whole page, so that the answer binds the node."""
    query = call.query
    found = await call.read(receipts.entries, call.signed_in.actor, query["organization"], query["after"])
    leaves = [merkle.leaf_hash(entry) for _, _, entry in found.entries]
    promises = call.app.node.promise(leaves, now_ms())
    items = [
        Receipt(place=(stream, n), entry=entry, leaf=leaf, openings=(), promise=promise)
        for (stream, n, entry), leaf, promise in zip(found.entries, leaves, promises, strict=True)
    ]
    return wire.Receipts(items=items, after=str(found.after), more=found.more)
