"""The verbs behind the front that speaks Scale's API (http/scale).

They keep what Scale knows and we do not, names and unique ids, tags, callbacks, and let the work be done
by ordinary projects and tasks of ours: annotated in our page, with receipts, in the ledger.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.policy import Actor, allows, require
from evenhand.service.view import encode_json

DUPLICATES = frozenset(
    {"scale.duplicate-project", "scale.duplicate-batch", "scale.duplicate-id", "scale.duplicate-file"}
)
"""Refusals that Scale's client knows as 409."""


class Account(msgspec.Struct, frozen=True):
    """Whose projects and tasks: those of an organization, made with live keys or with test keys."""

    organization: str
    test: bool = False

    @property
    def keys(self) -> dict[str, Any]:
        """The first columns of every table of this front."""
        return {"organization": self.organization, "test": int(self.test)}


def account_of(actor: Actor, test: bool) -> Account:
    """The account that a key opens.

    Raises:
        Invalid: the key opens several organizations, and Scale's API has no place to name one.
        Refused: it opens none.
    """
    found = [m.organization for m in actor.memberships]
    managed = [o for o in found if allows(actor, "project.create", o)]
    if len(managed or found) != 1:
        reason = "This key opens several organizations." if found else "This key opens no organization."
        raise Invalid("organization.which", reason, "Authorization", "Make a key for one organization.")
    return Account((managed or found)[0], test)


def allow(actor: Actor, permission: str, account: Account) -> None:
    """Pass, or raise as `require` does."""
    require(actor, permission, account.organization)


def scale_id(at_ms: int) -> str:
    """24 hexadecimal digits, as Scale's ids have: 48 bits of time, 48 of chance."""
    return f"{at_ms:012x}{secrets.token_hex(6)}"


def metadata_of(given: Any) -> bytes:
    """Metadata as they are kept.

    Raises:
        Invalid: they are no object.
    """
    if given is not None and not isinstance(given, dict):
        raise Invalid("scale.metadata", "Metadata are a JSON object.", "metadata", "Send an object.")
    return encode_json(given or {})


def missing(what: str, name: str) -> Missing:
    """404: there is none, or not for this key."""
    return Missing("scale.missing", f"There is no {what} {name!r}, or you may not see it.", "")


def duplicate(rule: str, what: str, name: str) -> Refused:
    """409: the name is taken."""
    return Refused(rule, f"There is already {what} {name!r}.", "", "Take another name.")
