"""Links that work once: to join, to set a new password, to sign in a browser."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import Moment
from evenhand.core.policy import SCOPES, Actor, require
from evenhand.lane import now_ms
from evenhand.service.accounts import (
    HOUR_MS,
    SignedIn,
    checked_name,
    free_email,
    hash_secret,
    new_secret,
    open_session,
    put_person,
    shut_out_others,
)
from evenhand.service.ids import new_id
from evenhand.service.members import add_member, manageable, set_member
from evenhand.service.paging import OLDEST, next_time, read_time
from evenhand.service.view import organization_of, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

MAX_INVITE_HOURS = 90 * 24


def invite_path(token: str) -> str:
    """The page that a link leads to, on this origin."""
    return f"/invite/{token}"


def create_invite(
    tx: Transaction, at: Moment, actor: Actor, new: wire.NewInvite, organization: str | None = None
) -> wire.CreatedInvite:
    """A link that works once: to join, or to set a new password."""
    home = manageable(actor, organization, new.role if new.purpose == "join" else "")
    person = _resettable(tx, actor, home, new.member_id) if new.purpose == "reset" else None
    role = new.role if new.purpose == "join" else None
    token = put_invite(tx, at, home, new.purpose, role=role, person=person, hours=new.hours)
    row = _invite_row(tx, token)
    return wire.CreatedInvite(**msgspec.structs.asdict(_invite(row)), url=invite_path(token))


def _resettable(tx: Transaction, actor: Actor, organization: str, member: str | None) -> str:
    """The person whose password may be reset.

    A reset takes over an account, so it must open nothing that the manager may not open anyway.
    """
    if member is None:
        raise Invalid("invite.member", "A reset link is for one member.", "member_id", "Say for whom.")
    row = tx.one("member_by_id", id=member)
    if row is None or row["organization"] != organization:
        raise Missing("not-found", "There is no such member, or you may not see them.", "member_id")
    if row["role"] == "owner":
        require(actor, "member.own", organization)
    elsewhere = tx.one("memberships_elsewhere", person=row["person"], organization=organization)
    if row["home"] != organization or row["operator"] or (elsewhere and elsewhere["count"]):
        raise Refused(
            "invite.not-yours",
            "This account opens more than your organization, so nobody here can reset it.",
            "member_id",
            "The person can sign in another way, or ask the operator of the node.",
        )
    person: str = row["person"]
    return person


def list_invites(
    reader: Reader, actor: Actor, organization: str | None = None, after: str | None = None, limit: int = 50
) -> wire.Page[wire.Invite]:
    """Links that still work, oldest first. What they open is not shown again."""
    home = organization_of(actor, "invite.list", organization)
    after_ms, after_id = read_time(after, OLDEST)
    now = now_ms()
    rows = reader.all(
        "invites", organization=home, now=now, after_ms=after_ms, after_id=after_id, limit=limit
    )
    return wire.Page(items=[_invite(row) for row in rows], next=next_time(rows, limit))


def revoke_invite(tx: Transaction, at: Moment, actor: Actor, invite: str) -> None:
    """Make a link that was not used yet worthless."""
    row = tx.one("invite_by_id", id=invite)
    if row is None:
        raise Missing("not-found", "There is no such invite, or it was used.", "invite")
    require(actor, "invite.manage", row["organization"])
    tx.run("delete_invite", id=invite)


def get_invite(reader: Reader, token: str) -> wire.Invite:
    """What a link is for, to show before it is accepted."""
    row = _invite_row(reader, token)
    _check_invite(row, now_ms())
    return _invite(row)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sends to accept an invite; the password is hashed already."""

    name: str | None = None
    email: str | None = None
    password: str | None = None  # argon2id
    subject: str | None = None  # OpenID Connect
    oidc: bool = False


def accept_invite(tx: Transaction, at: Moment, person: str | None, token: str, answer: Answer) -> SignedIn:
    """Use a link.

    Args:
        person: who is signed in already, if anybody. Then joining adds a membership.

    Raises:
        Missing: there is no such link.
        Refused: it was used or has expired; or the e-mail address has an account, whose owner must sign
            in first.
        Invalid: something is missing.
    """
    row = _invite_row(tx, token)
    _check_invite(row, at.ms)
    if not tx.changed("use_invite", id=row["id"], at=at.ms):
        raise _used()
    if row["purpose"] == "reset":
        return _reset(tx, at, row, answer)
    if row["purpose"] == "signin":
        return open_session(tx, at, row["person"], False, row["next"])
    if person is not None and _is_own(tx, person, answer.email):
        _join(tx, at, row, person)
        return open_session(tx, at, person, answer.oidc)
    return open_session(tx, at, _join_anew(tx, at, row, answer), answer.oidc)


def _is_own(tx: Transaction, person: str, email: str | None) -> bool:
    """Whether a form without an e-mail address, or with the caller's own, means the caller."""
    known = tx.one("person_by_id", id=person)
    return known is not None and (email is None or email.strip().lower() == known["email"])


def _join(tx: Transaction, at: Moment, invite: Row, person: str) -> None:
    organization = invite["organization"]
    known = tx.one("member_of_person", person=person, organization=organization)
    if known is None or known["state"] == "removed":
        shut_out_others(tx, person)
    if known is None:
        add_member(tx, at, organization, person, invite["role"])
    elif known["state"] == "removed":
        set_member(tx, at, organization, known["id"], invite["role"], "active")
    else:
        raise Refused(
            "invite.member-already",
            "You belong to this organization already.",
            "",
            "Give the link to somebody else; it still works. Sign out first when this is their computer.",
        )


def _join_anew(tx: Transaction, at: Moment, invite: Row, answer: Answer) -> str:
    name = checked_name(answer.name or "")
    if answer.subject is None and (answer.email is None or answer.password is None):
        missing = "email" if answer.email is None else "password"
        raise Invalid("invite.incomplete", "Name, e-mail address and password are needed.", missing)
    email = answer.email
    if answer.subject is None and tx.one("person_by_email", email=(email or "").strip().lower()):
        raise Refused(
            "invite.sign-in-first",
            "There is an account with this e-mail address.",
            "email",
            "Sign in, and open this link again; it still works.",
        )
    home = invite["organization"]
    person = put_person(tx, at, home, name, free_email(tx, email), answer.password, answer.subject)
    add_member(tx, at, home, person, invite["role"])
    return person


def _reset(tx: Transaction, at: Moment, invite: Row, answer: Answer) -> SignedIn:
    """A new password ends every session that the old one opened."""
    if answer.password is None:
        raise Invalid("invite.incomplete", "A new password is needed.", "password")
    if answer.email is not None and invite["email"] is None:
        tx.run("set_email", id=invite["person"], email=free_email(tx, answer.email))
    tx.run("set_password", id=invite["person"], password=answer.password)
    tx.run("delete_sessions_of", person=invite["person"])
    return open_session(tx, at, invite["person"], False)


LINK_HOURS = 1


def is_own_page(path: str) -> bool:
    """Whether this leads to a page of ours; "//host" leads to another site, and so does "/\\host"."""
    return path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()


def create_link(tx: Transaction, at: Moment, actor: Actor, new: wire.NewLink) -> wire.Link:
    """A link that opens a session of the caller's in a browser, once.

    A session opens all that the person may do. So a key that opens less must not make one.
    """
    person = tx.one("person_by_id", id=actor.person)
    assert person is not None, "the caller was just resolved"
    elsewhere = tx.one("memberships_elsewhere", person=actor.person, organization=actor.bound)
    narrow = actor.bound and (person["operator"] or elsewhere is None or elsewhere["count"])
    if narrow or actor.scopes != SCOPES:
        raise Refused(
            "link.key", "This API key opens less than a session would.", "", "Sign in with a password."
        )
    if not is_own_page(new.next):
        raise Invalid("link.next", "This is no page of this node.", "next", "Write a path such as /annotate.")
    home = actor.bound or person["home"]
    token = put_invite(tx, at, home, "signin", person=actor.person, hours=LINK_HOURS, next_=new.next)
    page = "" if new.next == "/" else f"?next={quote(new.next, safe='/')}"
    return wire.Link(url=invite_path(token) + page, expires_at=when(at.ms + LINK_HOURS * HOUR_MS))


def put_invite(
    tx: Transaction,
    at: Moment,
    organization: str,
    purpose: str,
    role: str | None = None,
    person: str | None = None,
    hours: int = 168,
    next_: str = "/",
) -> str:
    """Make a link that works once; gives its token, of which only the hash is kept.

    Args:
        purpose: "join" (with a role), "reset" or "signin" (with a person).
        hours: that it works.
        next_: the page that it leads to.
    """
    if not 1 <= hours <= MAX_INVITE_HOURS:
        raise Invalid("invite.hours", f"A link works for 1 to {MAX_INVITE_HOURS} hours.", "hours")
    token = new_secret()
    tx.run(
        "put_invite",
        id=new_id("inv"),
        hash=hash_secret(token),
        organization=organization,
        purpose=purpose,
        role=role,
        person=person,
        next=next_,
        created_ms=at.ms,
        expires_ms=at.ms + hours * HOUR_MS,
    )
    return token


def _invite_row(reader: Reader, token: str) -> Row:
    row = reader.one("invite_by_hash", hash=hash_secret(token))
    if row is None:
        raise Missing("invite.unknown", "There is no such link.", "", "Copy it whole, or ask for a new one.")
    return row


def _check_invite(row: Row, now_ms: int) -> None:
    if row["used_ms"]:
        raise _used()
    if row["expires_ms"] <= now_ms:
        raise Refused("invite.expired", "This link has expired.", "", "Ask for a new one.")


def _used() -> Refused:
    return Refused("invite.used", "This link was used already.", "", "Sign in, or ask for a new one.")


def _invite(row: Row) -> wire.Invite:
    return wire.Invite(
        id=row["id"],
        purpose=row["purpose"],
        organization_name=row["organization_name"],
        role=row["role"],
        expires_at=when(row["expires_ms"]),
        name=row["name"],
    )
