"""Signing in with OpenID Connect: whom a provider vouches for, and which person that is here."""

from __future__ import annotations

import msgspec

from evenhand.core.errors import Refused
from evenhand.core.events import Moment
from evenhand.service.accounts import SignedIn, open_session, shut_out_others
from evenhand.service.invites import Answer, accept_invite
from evenhand.store import Transaction


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
    shut_out_others(tx, person)


def _link(tx: Transaction, person: str | None, identity: Identity) -> str | None:
    """From now on the provider's account opens this person's, unless another one does already."""
    row = None if person is None else tx.one("person_by_id", id=person)
    if row is None or row["subject"] is not None:
        return None
    tx.run("set_subject", id=person, subject=identity.subject)
    return person
