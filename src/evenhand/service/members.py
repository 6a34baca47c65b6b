"""Members: what people and models are in an organization, and who looks after them.

A person is looked after by their home organization, whose managers may hand out a link to reset the
password, as long as the person works nowhere else (`invites`).
"""

from __future__ import annotations

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import MemberAdded, MemberChanged, Moment
from evenhand.core.policy import SCOPES, Actor, require
from evenhand.service.accounts import (
    MAX_NAME,
    checked_name,
    free_email,
    new_secret,
    put_person,
    shut_out_others,
)
from evenhand.service.api_keys import KEY_PREFIX, put_key
from evenhand.service.ids import new_id
from evenhand.service.paging import OLDEST, next_time, read_time
from evenhand.service.view import organization_of, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row


def create_member(
    tx: Transaction, at: Moment, actor: Actor, new: wire.NewMember, organization: str | None = None
) -> wire.CreatedMember:
    """Make a person or model with an API key for this organization, shown once."""
    home = manageable(actor, organization, new.role)
    if new.kind == "model" and new.role != "annotator":
        raise Invalid("member.model-role", "A model can only be an annotator.", "role", 'Write "annotator".')
    email = free_email(tx, new.email)
    person = put_person(tx, at, home, checked_name(new.name), email)
    member = add_member(tx, at, home, person, new.role, new.kind)
    api_key = new_secret(KEY_PREFIX)
    put_key(tx, at, api_key, person, home, "first key", SCOPES, None, member=member)
    row = _member_row(tx, member)
    return wire.CreatedMember(**msgspec.structs.asdict(_member(row)), api_key=api_key)


def put_annotator(tx: Transaction, at: Moment, home: str, name: str, kind: str) -> tuple[str, str]:
    """(member, person) of a new annotator who cannot sign in: whose work came from elsewhere.

    A name that a page could not show is cut or left out, for nobody is there to correct it.
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:MAX_NAME] or "Unnamed"
    person = put_person(tx, at, home, shown, None)
    return add_member(tx, at, home, person, "annotator", kind), person


def list_members(
    reader: Reader, actor: Actor, organization: str | None = None, after: str | None = None, limit: int = 50
) -> wire.Page[wire.Member]:
    """The people and models of an organization, oldest first."""
    home = organization_of(actor, "member.list", organization)
    after_ms, after_id = read_time(after, OLDEST)
    rows = reader.all("members", organization=home, after_ms=after_ms, after_id=after_id, limit=limit)
    return wire.Page(items=[_member(row) for row in rows], next=next_time(rows, limit))


def change_member(
    tx: Transaction, at: Moment, actor: Actor, member: str, change: wire.MemberChange
) -> wire.Member:
    """Another role, state or name. The last owner stays one."""
    row = _member_row(tx, member)
    organization = row["organization"]
    require(actor, "member.manage", organization)
    role, state = change.role or row["role"], change.state or row["state"]
    if "owner" in (row["role"], role):
        require(actor, "member.own", organization)
    if row["kind"] == "model" and role != "annotator":
        raise Invalid("member.model-role", "A model can only be an annotator.", "role")
    if (role, state) != (row["role"], row["state"]):
        _check_owner_left(tx, row, role, state)
        if row["state"] == "removed":
            shut_out_others(tx, row["person"])
        set_member(tx, at, organization, member, role, state)
    if state == "removed":
        tx.run("delete_keys_bound", person=row["person"], organization=organization)
    if change.name is not None and change.name != row["name"]:
        _rename(tx, row, change.name)
    return _member(_member_row(tx, member))


def _check_owner_left(tx: Transaction, row: Row, role: str, state: str) -> None:
    if row["role"] != "owner" or row["state"] != "active" or (role, state) == ("owner", "active"):
        return
    tx.tuples("heads", ids=[row["organization"]])  # locked: or two owners could each remove the other
    others = tx.one("other_owners", organization=row["organization"], id=row["id"])
    if others is None or others["count"] == 0:
        raise Refused(
            "member.last-owner",
            "This is the last owner of the organization.",
            "member",
            "Make somebody else an owner first.",
        )


def _rename(tx: Transaction, row: Row, name: str) -> None:
    if row["home"] != row["organization"]:
        raise Refused(
            "member.home", "Only the person's home organization can change the name.", "name", "Ask them."
        )
    tx.run("set_person_name", id=row["person"], name=checked_name(name))


def add_member(
    tx: Transaction, at: Moment, organization: str, person: str, role: str, kind: str = "human"
) -> str:
    """Let a person or model into an organization; gives the id that they have there, a pseudonym."""
    member = new_id("mem")
    event = MemberAdded(
        stream=organization,
        role=role,
        actor=kind,
        member=member.encode(),
        person=person.encode(),
        owner=organization,
    )
    tx.append([event], at)
    return member


def set_member(tx: Transaction, at: Moment, organization: str, member: str, role: str, state: str) -> None:
    """Write down the role and state that somebody has from now on."""
    event = MemberChanged(
        stream=organization, role=role, state=state, member=member.encode(), owner=organization
    )
    tx.append([event], at)


def _member_row(reader: Reader, member: str) -> Row:
    row = reader.one("member_by_id", id=member)
    if row is None:
        raise Missing("not-found", "There is no such member, or you may not see them.", "member")
    return row


def _member(row: Row) -> wire.Member:
    return wire.Member(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        kind=row["kind"],
        state=row["state"],
        created_at=when(row["created_ms"]),
        submitted=row["submitted"],
    )


def manageable(actor: Actor, organization: str | None, role: str) -> str:
    """The organization named, or the caller's own, where the caller may make somebody this."""
    home = organization_of(actor, "member.manage", organization)
    if role == "owner":
        require(actor, "member.own", home)
    return home
