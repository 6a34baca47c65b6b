"""Organizations: the operator makes them and sees nothing of them."""

from __future__ import annotations

from evenhand import wire
from evenhand.core.events import Event, Moment, OrganizationCreated, PoolOpened
from evenhand.core.policy import Actor, require
from evenhand.service.accounts import checked_name
from evenhand.service.ids import new_id
from evenhand.service.invites import invite_path, put_invite
from evenhand.service.paging import OLDEST, next_time, read_time
from evenhand.service.view import when
from evenhand.store import Reader, Transaction

DEFAULT = "default"  # id and name of the first organization


def create_organization(
    tx: Transaction, at: Moment, actor: Actor, new: wire.NewOrganization
) -> wire.CreatedOrganization:
    """Make an organization with a pool, and a link for its first owner. The operator sees nothing of it."""
    require(actor, "organization.create", None)
    name = checked_name(new.name)
    organization = new_id("org")
    tx.append(founding(organization, name), at)
    token = put_invite(tx, at, organization, "join", role="owner", hours=168)
    made = wire.Organization(id=organization, name=name, created_at=when(at.ms))
    return wire.CreatedOrganization(organization=made, owner_invite=invite_path(token))


def founding(organization: str, name: str) -> list[Event]:
    """What is written down of a new organization: it, and the pool that it has of its own."""
    return [
        OrganizationCreated(stream="node", organization=organization, name=name.encode(), owner=organization),
        PoolOpened(stream=new_id("pool"), organization=organization.encode(), owner=organization),
    ]


def list_organizations(
    reader: Reader, actor: Actor, after: str | None = None, limit: int = 50
) -> wire.Page[wire.Organization]:
    """All organizations of the node, oldest first: names and no more."""
    require(actor, "organization.list", None)
    after_ms, after_id = read_time(after, OLDEST)
    rows = reader.all("organizations", after_ms=after_ms, after_id=after_id, limit=limit)
    items = [
        wire.Organization(id=row["id"], name=row["name"], created_at=when(row["created_ms"])) for row in rows
    ]
    return wire.Page(items=items, next=next_time(rows, limit))
