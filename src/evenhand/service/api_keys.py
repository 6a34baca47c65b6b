"""API keys: what programs show to say whom they act for.

A key that a manager sees is bound to the manager's organization, so that it opens nothing of another one
that the person may join later.
"""

from __future__ import annotations

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Missing
from evenhand.core.events import Moment
from evenhand.core.policy import Actor, require
from evenhand.service.accounts import DAY_MS, checked_name, hash_secret, new_secret
from evenhand.service.ids import new_id
from evenhand.service.paging import OLDEST, next_time, read_time
from evenhand.service.view import when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

KEY_PREFIX = "ek_"


def create_key(tx: Transaction, at: Moment, actor: Actor, new: wire.NewKey) -> wire.CreatedKey:
    """A key of the caller's own. It opens nothing that the caller's present key or session does not."""
    require(actor, "key.manage", None)
    scopes = frozenset(new.scopes)
    if not scopes or not scopes <= actor.scopes:
        raise Invalid("key.scopes", "A key has at least one scope, and none that its maker lacks.", "scopes")
    if new.days is not None and not 1 <= new.days <= 3650:
        raise Invalid("key.days", "A key lives 1 to 3650 days, or for ever.", "days")
    api_key = new_secret(KEY_PREFIX)
    id_ = put_key(
        tx, at, api_key, actor.person, _key_organization(actor), checked_name(new.name), scopes, new.days
    )
    row = tx.one("key_by_id", id=id_)
    assert row is not None, "the key was just written"
    return wire.CreatedKey(**msgspec.structs.asdict(_key(row)), api_key=api_key)


def _key_organization(actor: Actor) -> str:
    """Where a new key of this caller works: as narrow as it can be said without asking."""
    if actor.bound:
        return actor.bound
    if len(actor.memberships) == 1 and not actor.operator:
        return actor.memberships[0].organization
    return ""


def put_key(
    tx: Transaction,
    at: Moment,
    api_key: str,
    person: str,
    organization: str,
    name: str,
    scopes: frozenset[str],
    days: int | None,
    member: str = "",
) -> str:
    """Keep a key's hash; gives its id.

    Args:
        organization: where it opens something; "": wherever the person may.
        days: that it lives; None: for ever.
        member: whose first key it is; "" for one that its person made.
    """
    id_ = new_id("key")
    tx.run(
        "put_key",
        id=id_,
        hash=hash_secret(api_key),
        prefix=api_key[:9] if api_key.startswith(KEY_PREFIX) else "",
        organization=organization,
        member=member,
        person=person,
        name=name,
        scopes=" ".join(sorted(scopes)),
        created_ms=at.ms,
        expires_ms=0 if days is None else at.ms + days * DAY_MS,
    )
    return id_


def list_keys(reader: Reader, actor: Actor, after: str | None = None, limit: int = 50) -> wire.Page[wire.Key]:
    """The caller's own keys, oldest first."""
    require(actor, "key.list", None)
    rows = _keys(reader, actor, after, limit)
    return wire.Page(items=[_key(row) for row in rows], next=next_time(rows, limit))


def _keys(reader: Reader, actor: Actor, after: str | None, limit: int) -> list[Row]:
    after_ms, after_id = read_time(after, OLDEST)
    keys = {"person": actor.person, "bound": actor.bound}
    return reader.all("keys_of", **keys, after_ms=after_ms, after_id=after_id, limit=limit)


def revoke_key(tx: Transaction, at: Moment, actor: Actor, key: str) -> None:
    """Make one of the caller's own keys worthless."""
    require(actor, "key.manage", None)
    if not tx.changed("delete_key", id=key, person=actor.person, bound=actor.bound):
        raise Missing("not-found", "There is no such key, or it is not yours.", "key")


def _key(row: Row) -> wire.Key:
    return wire.Key(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        scopes=row["scopes"].split(),
        created_at=when(row["created_ms"]),
        expires_at=when(row["expires_ms"]) if row["expires_ms"] else None,
        last_used_at=when(row["used_ms"]) if row["used_ms"] else None,
    )
