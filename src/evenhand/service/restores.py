"""The jobs that bring projects back out of archives: begin, receive, look. `restoring` does the work."""

from __future__ import annotations

from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import Moment
from evenhand.core.policy import Actor, require
from evenhand.service.ids import new_id
from evenhand.service.view import organization_of, when
from evenhand.store import Reader, Transaction

MOST = 1 << 40  # bytes of an archive


def open_restore(tx: Transaction, at: Moment, actor: Actor, request: wire.NewRestore) -> wire.Restore:
    """Begin. The archive's bytes follow; once all are there it is checked, and read."""
    organization = organization_of(actor, "archive.restore", request.organization_id, "organization_id")
    if not 0 < request.bytes <= MOST:
        raise Invalid("archive.bytes", f"An archive has 1 to {MOST} bytes.", "bytes", "Tell its size.")
    id_ = new_id("rst")
    name = (request.name or "").strip() or None
    tx.run("put_restore", organization=organization, id=id_, name=name, bytes=request.bytes, at=at.ms)
    return get(tx, actor, id_)


def _row(reader: Reader, actor: Actor, restore: str) -> dict[str, Any]:
    row = reader.one("restore", id=restore)
    if row is None:
        raise Missing("not-found", "There is no such restore, or you may not see it.", restore)
    require(actor, "archive.restore", row["organization"])
    return row


def get(reader: Reader, actor: Actor, restore: str) -> wire.Restore:
    """How far a restore is, and what came of it."""
    return _wire(_row(reader, actor, restore))


def list_(reader: Reader, actor: Actor, organization: str | None = None) -> wire.Page[wire.Restore]:
    """The restores of an organization, newest first."""
    rows = reader.all("restores", organization=organization_of(actor, "archive.restore", organization))
    return wire.Page(items=[_wire(row) for row in rows])


def _wire(row: dict[str, Any]) -> wire.Restore:
    return wire.Restore(
        id=row["id"],
        organization_id=row["organization"],
        name=row["name"],
        state=row["state"],
        bytes=row["bytes"],
        received=row["received"],
        events=row["events"],
        replayed=row["replayed"],
        project_id=row["project"],
        report=msgspec.json.decode(row["report"], type=wire.RestoreReport) if row["report"] else None,
        error=msgspec.json.decode(row["error"], type=wire.Problem) if row["error"] else None,
        created_at=when(row["created_ms"]),
    )


def received(tx: Transaction, at: Moment, actor: Actor, restore: str, upto: int) -> wire.Restore:
    """The archive's bytes up to here are on disk; with the last of them the work begins."""
    row = _row(tx, actor, restore)
    if row["state"] != "open":
        raise Refused("archive.state", f"The restore is {row['state']}; its archive is complete.", "")
    if upto > row["bytes"]:
        raise Invalid("archive.bytes", "More bytes came than were announced.", "bytes", "Begin again.")
    state = "running" if upto == row["bytes"] else "open"
    tx.run("received_restore", id=restore, received=upto, state=state)
    return get(tx, actor, restore)


def running(reader: Reader) -> list[str]:
    """Restores that a stop has interrupted."""
    return [id_ for (id_,) in reader.tuples("running_restores")]
