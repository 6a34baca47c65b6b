"""People, and how they show who they are: by an API key, a password, a session.

Secrets are drawn here, shown once, and kept as SHA-256: each has 256 random bits, so that no slow
hash is needed. Passwords are hashed with argon2id by the caller, outside the lane.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

import msgspec

from evenhand import wire
from evenhand.core.canonical import b64url
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Moment
from evenhand.core.policy import SCOPES, Actor, Membership
from evenhand.service.ids import new_id
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
SESSION_MS = 30 * DAY_MS
FOREVER = 253_402_300_799_000  # the last second of the year 9999
MAX_NAME = 200  # characters
MIN_PASSWORD, MAX_PASSWORD = 10, 1000  # characters; NIST SP 800-63B: 8 at least, 64 or more allowed


def new_secret(prefix: str = "") -> str:
    """256 random bits in base64url, behind a prefix that says what they open."""
    return prefix + b64url(secrets.token_bytes(32))


def hash_secret(secret: str) -> bytes:
    """What is kept of a key, a token or a cookie."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


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
    shut_out_others(tx, person)
    return open_session(tx, at, person, used.oidc)


def put_person(
    tx: Transaction,
    at: Moment,
    home: str,
    name: str,
    email: str | None,
    password: str | None = None,
    subject: str | None = None,
    operator: bool = False,
) -> str:
    """Make a person, who belongs to no organization yet.

    Args:
        home: the organization that looks after them.
        password: its argon2id hash.
        subject: by which OpenID Connect knows them: issuer, a blank, sub.

    Returns:
        Their id.
    """
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
    return person


def shut_out_others(tx: Transaction, person: str) -> None:
    """End the person's sessions, and the links that open one.

    A manager of their home organization may have made them while the account opened nothing else. What it
    opens from now on, or under a password of the person's own, is none of that manager's.
    """
    tx.run("delete_sessions_of", person=person)
    tx.run("delete_invites_of", person=person)


def checked_name(name: str) -> str:
    """A name as it is shown: no blanks but single ones.

    Raises:
        Invalid: there is nothing to show, or too much.
    """
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


def free_email(tx: Transaction, email: str | None) -> str | None:
    """An e-mail address that nobody has yet, in the form in which it is kept; None for none.

    Raises:
        Invalid: it is no e-mail address.
        Refused: somebody has it.
    """
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
