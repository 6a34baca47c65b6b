"""Organizations, people, and how they show who they are: keys, invites, passwords, sessions, OpenID Connect.

A person is looked after by their home organization, whose managers may hand out a link to reset the
password, as long as the person works nowhere else. A key that a manager sees is bound to the manager's
organization, so that it opens nothing of another one that the person may join later.

Secrets are drawn here, shown once, and kept as SHA-256: each has 256 random bits, so that no slow
hash is needed. Passwords are hashed with argon2id by the caller, outside the lane.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from evenhand import __version__, wire
from evenhand.core.canonical import b64url
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import (
    Event,
    MemberAdded,
    MemberChanged,
    Moment,
    NodeOpened,
    OrganizationCreated,
    PoolOpened,
)
from evenhand.core.policy import SCOPES, Actor, Membership, require
from evenhand.lane import now_ms
from evenhand.service.ids import new_id
from evenhand.service.paging import OLDEST, next_time, read_time
from evenhand.service.view import organization_of, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

DEFAULT = "default"  # id and name of the first organization
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
SESSION_MS = 30 * DAY_MS
FOREVER = 253_402_300_799_000  # the last second of the year 9999
MAX_INVITE_HOURS = 90 * 24
MAX_NAME = 200  # characters
MIN_PASSWORD, MAX_PASSWORD = 10, 1000  # characters; NIST SP 800-63B: 8 at least, 64 or more allowed
KEY_PREFIX = "ek_"


# ---- secrets -----------------------------------------------------------------------------------


def new_secret(prefix: str = "") -> str:
    """256 random bits in base64url, behind a prefix that says what they open."""
    return prefix + b64url(secrets.token_bytes(32))


def hash_secret(secret: str) -> bytes:
    """What is kept of a key, a token or a cookie."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


# ---- who calls ---------------------------------------------------------------------------------


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An actor, and how they showed who they are."""

    actor: Actor
    email: str | None
    organizations: dict[str, str]  # id -> name, of the memberships
    expires_ms: int  # after which the key or session opens nothing
    csrf: str | None = None  # of the session; None with a key
    oidc: bool = False
    password: bool = False  # there is one
    session: bytes | None = None  # hash
    key: str | None = None  # id
    used_ms: int = 0  # of the key

    def described(self) -> wire.Session:
        """What the caller may know of themself."""
        memberships = [
            wire.Membership(
                organization_id=m.organization,
                organization_name=self.organizations[m.organization],
                member_id=m.member,
                role=m.role,  # type: ignore[arg-type]  # the table holds no other
            )
            for m in self.actor.memberships
        ]
        return wire.Session(
            name=self.actor.name,
            email=self.email,
            operator=self.actor.operator,
            memberships=memberships,
            csrf=self.csrf,
            oidc=self.oidc,
            password=self.password,
        )


def resolve_key(reader: Reader, digest: bytes, now_ms: int) -> Caller | None:
    """Who holds the key with this hash; None when there is none, or it has expired."""
    rows = reader.all("caller_by_key", hash=digest)
    if not rows or 0 < rows[0]["expires_ms"] <= now_ms:
        return None
    first = rows[0]
    scopes = frozenset(first["scopes"].split()) & SCOPES
    if "manage" in scopes:
        scopes |= {"read"}  # what was changed is shown again
    return Caller(
        actor=_actor(rows, scopes, first["bound"]),
        email=first["email"],
        organizations=_organization_names(rows),
        expires_ms=first["expires_ms"] or FOREVER,
        password=bool(first["has_password"]),
        key=first["key"],
        used_ms=first["used_ms"],
    )


def resolve_session(reader: Reader, digest: bytes, now_ms: int) -> Caller | None:
    """Whose session has this hash; None when there is none, or it has expired."""
    rows = reader.all("caller_by_session", hash=digest)
    if not rows or rows[0]["expires_ms"] <= now_ms:
        return None
    first = rows[0]
    return Caller(
        actor=_actor(rows, SCOPES, ""),
        email=first["email"],
        organizations=_organization_names(rows),
        expires_ms=first["expires_ms"],
        csrf=first["csrf"],
        oidc=bool(first["oidc"]),
        password=bool(first["has_password"]),
        session=digest,
    )


def _actor(rows: Sequence[Row], scopes: frozenset[str], bound: str) -> Actor:
    memberships = tuple(
        Membership(organization=row["organization"], member=row["member"], role=row["role"])
        for row in rows
        if row["organization"] is not None
    )
    first = rows[0]
    return Actor(
        person=first["person"],
        name=first["name"],
        operator=bool(first["operator"]),
        memberships=memberships,
        scopes=scopes,
        bound=bound,
    )


def _organization_names(rows: Sequence[Row]) -> dict[str, str]:
    return {row["organization"]: row["organization_name"] for row in rows if row["organization"] is not None}


# ---- sessions ----------------------------------------------------------------------------------


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new session, and the one copy of its cookie."""

    session: wire.Session
    cookie: str
    next: str = "/"  # where the page goes


def open_session(tx: Transaction, at: Moment, person: str, oidc: bool, next_: str = "/") -> SignedIn:
    """Let a person in who has just shown who they are."""
    cookie, csrf = new_secret(), new_secret()
    digest = hash_secret(cookie)
    tx.run("delete_sessions_expired", at=at.ms)
    tx.run(
        "put_session",
        hash=digest,
        person=person,
        csrf=csrf,
        oidc=int(oidc),
        created_ms=at.ms,
        expires_ms=at.ms + SESSION_MS,
    )
    caller = resolve_session(tx, digest, at.ms)
    assert caller is not None, "the session was just written"
    return SignedIn(session=caller.described(), cookie=cookie, next=next_)


def slide_session(tx: Transaction, at: Moment, digest: bytes) -> None:
    """A session that is used stays open: its end moves, at most once a day."""
    tx.run("slide_session", hash=digest, expires_ms=at.ms + SESSION_MS)


def close_session(tx: Transaction, at: Moment, digest: bytes) -> None:
    """Sign out."""
    tx.run("delete_session", hash=digest)


def touch_key(tx: Transaction, at: Moment, key: str) -> None:
    """Note that a key was used, for its owner's list."""
    tx.run("touch_key", id=key, at=at.ms)


def password_of(reader: Reader, email: str) -> tuple[str, str] | None:
    """(person, argon2id hash) for this e-mail address; None when nobody signs in with it."""
    row = reader.one("person_by_email", email=email.strip().lower())
    return (row["id"], row["password"]) if row and row["password"] else None


def own_password(reader: Reader, person: str) -> str:
    """The argon2id hash of this person's password.

    Raises:
        Refused: there is none.
    """
    row = reader.one("person_by_id", id=person)
    if row is None or not row["password"]:
        raise Refused(
            "password.none",
            "This account has no password, so there is none to change.",
            "current",
            "Go on signing in the way that you did.",
        )
    return str(row["password"])


def change_password(
    tx: Transaction, at: Moment, person: str, session: bytes, known: str, password: str
) -> SignedIn:
    """Put another password in the place of the one that the person has just shown to know.

    Every session and every link that opens one or sets a password ends: whoever holds one may have it by the
    old password, or from a manager. The session in use goes on under another cookie. API keys stay.

    Args:
        session: in use, its hash.
        known: argon2id hash of the password that was shown.
        password: argon2id hash of the new one.

    Raises:
        Refused: that password is not the person's any more, or the session is over.
    """
    used = resolve_session(tx, session, at.ms)
    if used is None or not tx.changed("change_password", id=person, known=known, password=password):
        raise Refused(
            "password.meanwhile",
            "The password was changed or the session ended while this was on its way.",
            "",
            "Sign in again.",
        )
    _shut_out_others(tx, person)
    return open_session(tx, at, person, used.oidc)


# ---- organizations -----------------------------------------------------------------------------


def create_organization(
    tx: Transaction, at: Moment, actor: Actor, new: wire.NewOrganization
) -> wire.CreatedOrganization:
    """Make an organization with a pool, and a link for its first owner. The operator sees nothing of it."""
    require(actor, "organization.create", None)
    name = _checked_name(new.name)
    organization = new_id("org")
    tx.append(_organization_events(organization, name), at)
    token, _ = _put_invite(tx, at, organization, "join", role="owner", hours=168)
    made = wire.Organization(id=organization, name=name, created_at=when(at.ms))
    return wire.CreatedOrganization(organization=made, owner_invite=invite_path(token))


def _organization_events(organization: str, name: str) -> list[Event]:
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


# ---- members -----------------------------------------------------------------------------------


def create_member(
    tx: Transaction, at: Moment, actor: Actor, new: wire.NewMember, organization: str | None = None
) -> wire.CreatedMember:
    """Make a person or model with an API key for this organization, shown once."""
    home = _manageable(actor, organization, new.role)
    if new.kind == "model" and new.role != "annotator":
        raise Invalid("member.model-role", "A model can only be an annotator.", "role", 'Write "annotator".')
    email = _free_email(tx, new.email)
    person, member = _put_person(tx, at, home, _checked_name(new.name), email)
    _add_member(tx, at, home, member, person, new.role, new.kind)
    api_key = new_secret(KEY_PREFIX)
    _put_key(tx, at, api_key, person, home, "first key", SCOPES, None, member=member)
    row = _member_row(tx, member)
    return wire.CreatedMember(**msgspec.structs.asdict(_member(row)), api_key=api_key)


def put_annotator(tx: Transaction, at: Moment, home: str, name: str, kind: str) -> tuple[str, str]:
    """(member, person) of a new annotator who cannot sign in: whose work came from elsewhere.

    A name that a page could not show is cut or left out, for nobody is there to correct it.
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:MAX_NAME] or "Unnamed"
    person, member = _put_person(tx, at, home, shown, None)
    _add_member(tx, at, home, member, person, "annotator", kind)
    return member, person


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
            _shut_out_others(tx, row["person"])
        _change_member(tx, at, organization, member, role, state)
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
    tx.run("set_person_name", id=row["person"], name=_checked_name(name))


def _add_member(
    tx: Transaction, at: Moment, organization: str, member: str, person: str, role: str, kind: str = "human"
) -> None:
    event = MemberAdded(
        stream=organization,
        role=role,
        actor=kind,
        member=member.encode(),
        person=person.encode(),
        owner=organization,
    )
    tx.append([event], at)


def _change_member(
    tx: Transaction, at: Moment, organization: str, member: str, role: str, state: str
) -> None:
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


def _put_person(
    tx: Transaction,
    at: Moment,
    home: str,
    name: str,
    email: str | None,
    password: str | None = None,
    subject: str | None = None,
    operator: bool = False,
) -> tuple[str, str]:
    """(person, id for the membership)."""
    person = new_id("ann")
    tx.run(
        "put_person",
        id=person,
        home=home,
        name=name,
        email=email,
        password=password,
        subject=subject,
        operator=int(operator),
        created_ms=at.ms,
    )
    return person, new_id("mem")


# ---- invites -----------------------------------------------------------------------------------


def invite_path(token: str) -> str:
    """The page that a link leads to, on this origin."""
    return f"/invite/{token}"


def create_invite(
    tx: Transaction, at: Moment, actor: Actor, new: wire.NewInvite, organization: str | None = None
) -> wire.CreatedInvite:
    """A link that works once: to join, or to set a new password."""
    home = _manageable(actor, organization, new.role if new.purpose == "join" else "")
    person = _resettable(tx, actor, home, new.member_id) if new.purpose == "reset" else None
    role = new.role if new.purpose == "join" else None
    token, _ = _put_invite(tx, at, home, new.purpose, role=role, person=person, hours=new.hours)
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
        _shut_out_others(tx, person)
    if known is None:
        _add_member(tx, at, organization, new_id("mem"), person, invite["role"])
    elif known["state"] == "removed":
        _change_member(tx, at, organization, known["id"], invite["role"], "active")
    else:
        raise Refused(
            "invite.member-already",
            "You belong to this organization already.",
            "",
            "Give the link to somebody else; it still works. Sign out first when this is their computer.",
        )


def _shut_out_others(tx: Transaction, person: str) -> None:
    """End the person's sessions, and the links that open one.

    A manager of their home organization may have made them while the account opened nothing else. What it
    opens from now on, or under a password of the person's own, is none of that manager's.
    """
    tx.run("delete_sessions_of", person=person)
    tx.run("delete_invites_of", person=person)


def _join_anew(tx: Transaction, at: Moment, invite: Row, answer: Answer) -> str:
    name = _checked_name(answer.name or "")
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
    person, member = _put_person(
        tx, at, invite["organization"], name, _free_email(tx, email), answer.password, answer.subject
    )
    _add_member(tx, at, invite["organization"], member, person, invite["role"])
    return person


def _reset(tx: Transaction, at: Moment, invite: Row, answer: Answer) -> SignedIn:
    """A new password ends every session that the old one opened."""
    if answer.password is None:
        raise Invalid("invite.incomplete", "A new password is needed.", "password")
    if answer.email is not None and invite["email"] is None:
        tx.run("set_email", id=invite["person"], email=_free_email(tx, answer.email))
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
    token, _ = _put_invite(tx, at, home, "signin", person=actor.person, hours=LINK_HOURS, next_=new.next)
    page = "" if new.next == "/" else f"?next={quote(new.next, safe='/')}"
    return wire.Link(url=invite_path(token) + page, expires_at=when(at.ms + LINK_HOURS * HOUR_MS))


def _put_invite(
    tx: Transaction,
    at: Moment,
    organization: str,
    purpose: str,
    role: str | None = None,
    person: str | None = None,
    hours: int = 168,
    next_: str = "/",
) -> tuple[str, str]:
    """(token, id)."""
    if not 1 <= hours <= MAX_INVITE_HOURS:
        raise Invalid("invite.hours", f"A link works for 1 to {MAX_INVITE_HOURS} hours.", "hours")
    token, invite = new_secret(), new_id("inv")
    tx.run(
        "put_invite",
        id=invite,
        hash=hash_secret(token),
        organization=organization,
        purpose=purpose,
        role=role,
        person=person,
        next=next_,
        created_ms=at.ms,
        expires_ms=at.ms + hours * HOUR_MS,
    )
    return token, invite


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


# ---- keys --------------------------------------------------------------------------------------


def create_key(tx: Transaction, at: Moment, actor: Actor, new: wire.NewKey) -> wire.CreatedKey:
    """A key of the caller's own. It opens nothing that the caller's present key or session does not."""
    require(actor, "key.manage", None)
    scopes = frozenset(new.scopes)
    if not scopes or not scopes <= actor.scopes:
        raise Invalid("key.scopes", "A key has at least one scope, and none that its maker lacks.", "scopes")
    if new.days is not None and not 1 <= new.days <= 3650:
        raise Invalid("key.days", "A key lives 1 to 3650 days, or for ever.", "days")
    api_key = new_secret(KEY_PREFIX)
    id_ = _put_key(
        tx, at, api_key, actor.person, _key_organization(actor), _checked_name(new.name), scopes, new.days
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


def _put_key(
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


# ---- OpenID Connect ----------------------------------------------------------------------------


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a provider vouches for."""

    subject: str  # issuer, a blank, sub: unique and stable
    email: str | None  # only when the provider says that it is verified
    name: str


def sign_in_oidc(
    tx: Transaction, at: Moment, person: str | None, identity: Identity, token: str | None
) -> SignedIn:
    """Let somebody in for whom a provider vouches.

    Args:
        person: who was signed in when they set out, if anybody.
        token: of the invite that they came with, if any.

    Raises:
        Refused: nobody here knows them, and they bring no invite.
    """
    known = _known(tx, identity)
    if token is not None:
        answer = Answer(name=identity.name, email=None, subject=identity.subject, oidc=True)
        if known is None and identity.email is not None:
            answer = msgspec.structs.replace(answer, email=identity.email)
        return accept_invite(tx, at, known or _link(tx, person, identity), token, answer)
    if known is None:
        raise Refused(
            "oidc.unknown",
            "Nobody here has this account yet.",
            "",
            "Ask a manager of your organization for an invite link, and sign in from its page.",
        )
    return open_session(tx, at, known, True)


def _known(tx: Transaction, identity: Identity) -> str | None:
    """The person with this subject; else the one with the verified e-mail address, who has it from now on."""
    row = tx.one("person_by_subject", subject=identity.subject)
    if row is None and identity.email is not None:
        row = tx.one("person_by_email", email=identity.email.strip().lower())
        if row is not None and row["subject"] is not None:
            raise Refused(
                "oidc.other-account",
                "This e-mail address belongs to somebody who signs in with another account.",
                "",
                "Sign in with that account.",
            )
        if row is not None:
            _hand_to_its_owner(tx, row["id"], identity)
    return None if row is None else str(row["id"])


def _hand_to_its_owner(tx: Transaction, person: str, identity: Identity) -> None:
    """The account with this address is theirs for whom the provider vouches. Nobody had shown until now that
    they receive mail there: a password and sessions may be those of somebody who only named the address."""
    _link(tx, person, identity)
    tx.run("set_password", id=person, password=None)
    _shut_out_others(tx, person)


def _link(tx: Transaction, person: str | None, identity: Identity) -> str | None:
    """From now on the provider's account opens this person's, unless another one does already."""
    row = None if person is None else tx.one("person_by_id", id=person)
    if row is None or row["subject"] is not None:
        return None
    tx.run("set_subject", id=person, subject=identity.subject)
    return person


# ---- first start -------------------------------------------------------------------------------

LOCAL_NAME = "This machine"
ADMIN_NAME = "Administrator"


def bootstrap(tx: Transaction, at: Moment, admin_key: str | None) -> None:
    """Make a new store a node: its first event, the organization `default`, whoever runs it. Idempotent.

    Args:
        admin_key: EVENHAND_ADMIN_KEY. Installed once; another one at a later start replaces it, and one
            that was revoked stays so.
    """
    if tx.one("organization_by_id", id=DEFAULT) is None:
        opened = NodeOpened(stream="node", software=f"evenhand:{__version__}")
        tx.append([opened, *_organization_events(DEFAULT, DEFAULT)], at)
        person, member = _put_person(tx, at, DEFAULT, LOCAL_NAME, None, operator=True)
        _add_member(tx, at, DEFAULT, member, person, "owner")
        tx.run("put_setting", name="local-person", value=person)
    if admin_key is not None:
        _install_admin_key(tx, at, admin_key)


def _install_admin_key(tx: Transaction, at: Moment, admin_key: str) -> None:
    digest = hash_secret(admin_key).hex()
    installed = tx.one("setting", name="admin-key")
    if installed is not None and installed["value"] == digest:
        return
    known = tx.one("setting", name="admin-person")
    if known is None:
        person, member = _put_person(tx, at, DEFAULT, ADMIN_NAME, None)
        _add_member(tx, at, DEFAULT, member, person, "owner")
        tx.run("put_setting", name="admin-person", value=person)
    else:
        person = known["value"]
        tx.run("delete_keys_bound", person=person, organization=DEFAULT)
    _put_key(tx, at, admin_key, person, DEFAULT, "EVENHAND_ADMIN_KEY", SCOPES, None)
    tx.run("put_setting", name="admin-key", value=digest)


def local_person(reader: Reader) -> str:
    """Whoever runs commands on the node's own machine: operator, and owner of `default`."""
    row = reader.one("setting", name="local-person")
    assert row is not None, "bootstrap comes first"
    value: str = row["value"]
    return value


def install_local_key(tx: Transaction, at: Moment, api_key: str) -> None:
    """Let commands on this machine in, with the key that lies in the data folder."""
    if tx.one("key_by_hash", hash=hash_secret(api_key)) is None:
        _put_key(tx, at, api_key, local_person(tx), "", "commands on this machine", SCOPES, None)


# ---- shared ------------------------------------------------------------------------------------


def _manageable(actor: Actor, organization: str | None, role: str) -> str:
    home = organization_of(actor, "member.manage", organization)
    if role == "owner":
        require(actor, "member.own", home)
    return home


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise Invalid("name", f"A name has 1 to {MAX_NAME} printable characters.", "name", "Give one.")
    return name


def checked_email(email: str) -> str:
    """An e-mail address in the form in which it is kept.

    Raises:
        Invalid: it is none. What may stand before the @ is the other side's business (RFC 5321, 2.3.11).
    """
    email = email.strip().lower()
    local, _, domain = email.rpartition("@")
    if not local or "." not in f"{domain}." or not domain or len(email) > 254 or not email.isprintable():
        raise Invalid("email", "This is no e-mail address.", "email", "Write name@example.org.")
    if any(char.isspace() for char in email):
        raise Invalid("email", "An e-mail address has no blanks.", "email", "Write name@example.org.")
    return email


def check_password(password: str, where: str = "password") -> None:
    """Refuse a password that is too easy to guess, or too long to hash quickly.

    Args:
        where: its place in what was sent.

    Raises:
        Invalid: its length is out of range.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(
            "password.length",
            f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.",
            where,
            "Take a few words that nobody would guess.",
        )


def _free_email(tx: Transaction, email: str | None) -> str | None:
    if email is None or not email.strip():
        return None
    email = checked_email(email)
    if tx.one("person_by_email", email=email) is not None:
        raise Refused(
            "member.email-taken",
            "There is an account with this e-mail address.",
            "email",
            "Send the person an invite link; they sign in and open it.",
        )
    return email
