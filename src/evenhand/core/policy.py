"""Who may do what: a table of named predicates, read and not executed in the head."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evenhand.core.errors import Missing, Refused

LENT = "enr"
"""Prefix of a client's pseudonym for an annotator of a shared pool. The role of such a member is `enrolled`:
it signs in nowhere and may do nothing; the annotator acts through the pool."""

SCOPES = frozenset({"read", "annotate", "manage"})


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is in one organization."""

    organization: str
    member: str
    role: str  # owner, manager, reviewer, annotator, auditor
    state: str = "active"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls."""

    person: str
    name: str
    operator: bool = False  # of the node: creates organizations, reads none of their data
    memberships: tuple[Membership, ...] = ()  # active ones only
    scopes: frozenset[str] = SCOPES  # of the API key; all with a session
    bound: str = ""
    """The one organization that the API key is for; "" with a session, or a key for all of them."""

    def membership(self, organization: str) -> Membership | None:
        """What the actor is in this organization, or None."""
        return next((m for m in self.memberships if m.organization == organization), None)


Predicate = Callable[[Actor, Membership | None], bool]


def anyone(actor: Actor, membership: Membership | None) -> bool:
    """Whoever is signed in: what is asked for is the caller's own."""
    return True


def is_member(actor: Actor, membership: Membership | None) -> bool:
    """Belongs to the organization."""
    return membership is not None


def sees_all_answers(actor: Actor, membership: Membership | None) -> bool:
    """May see what others answered. Annotators stay blind to each other."""
    return membership is not None and membership.role in ("owner", "manager", "reviewer", "auditor")


def labels(actor: Actor, membership: Membership | None) -> bool:
    """Gives answers. Auditors look on, and enrolled ones act through their pool."""
    return membership is not None and membership.role not in ("auditor", "enrolled")


def knows_people(actor: Actor, membership: Membership | None) -> bool:
    """May know who gave which answer where reviewers shall not."""
    return membership is not None and membership.role in ("owner", "manager", "auditor")


def reviews(actor: Actor, membership: Membership | None) -> bool:
    """Judges what others answered. Auditors look on."""
    return membership is not None and membership.role in ("owner", "manager", "reviewer")


def manages(actor: Actor, membership: Membership | None) -> bool:
    """Runs projects and people."""
    return membership is not None and membership.role in ("owner", "manager")


def owns(actor: Actor, membership: Membership | None) -> bool:
    """Answers for the organization."""
    return membership is not None and membership.role == "owner"


def operates(actor: Actor, membership: Membership | None) -> bool:
    """Runs the node."""
    return actor.operator


class Rule(msgspec.Struct, frozen=True):
    """One line of the table."""

    scope: str  # that an API key must have
    who: Predicate


PERMISSIONS: dict[str, Rule] = {
    "organization.create": Rule("manage", operates),
    "organization.list": Rule("read", operates),
    "member.list": Rule("read", sees_all_answers),
    "member.manage": Rule("manage", manages),
    "member.own": Rule("manage", owns),
    "erasure.make": Rule("manage", owns),
    "invite.list": Rule("read", manages),
    "invite.manage": Rule("manage", manages),
    "key.list": Rule("read", anyone),
    "key.manage": Rule("manage", anyone),
    "signing.manage": Rule("annotate", anyone),
    "project.list": Rule("read", is_member),
    "project.create": Rule("manage", manages),
    "project.read": Rule("read", sees_all_answers),
    "project.manage": Rule("manage", manages),
    "project.form": Rule("read", is_member),
    "import.manage": Rule("manage", manages),
    "task.read": Rule("read", sees_all_answers),
    "task.manage": Rule("manage", manages),
    "task.label": Rule("annotate", labels),
    "task.names": Rule("read", knows_people),
    "receipt.list": Rule("read", knows_people),
    "task.review": Rule("annotate", reviews),
    "quality.read": Rule("read", sees_all_answers),
    "review.read": Rule("read", sees_all_answers),
    "export.manage": Rule("read", sees_all_answers),
    "archive.manage": Rule("manage", manages),
    "archive.restore": Rule("manage", manages),
    "gold.read": Rule("read", sees_all_answers),
    "gold.manage": Rule("manage", manages),
    "share.read": Rule("read", manages),
    "share.manage": Rule("manage", manages),
    "webhook.read": Rule("read", manages),
    "webhook.manage": Rule("manage", manages),
    "pay.read": Rule("read", manages),
    "pay.manage": Rule("manage", manages),
    "exchange.operate": Rule("manage", operates),
    "exchange.read": Rule("read", is_member),
    "exchange.join": Rule("manage", manages),
    "exchange.available": Rule("annotate", anyone),
    "ownership.state": Rule("manage", manages),
    "ownership.own": Rule("manage", owns),
}
"""Permission -> scope and predicate. Routes and verbs name a permission, never a role."""


def allows(actor: Actor, permission: str, organization: str | None) -> bool:
    """Whether the actor may, in this organization."""
    rule = PERMISSIONS[permission]
    membership = actor.membership(organization) if organization else None
    return rule.scope in actor.scopes and rule.who(actor, membership)


def is_lent(member: str) -> bool:
    """Whether this is a client's pseudonym for an annotator of a shared pool."""
    return member.startswith(f"{LENT}-")


def labels_anywhere(actor: Actor) -> bool:
    """Whether the actor gives answers in some organization: that is where a shared pool borrows them from."""
    return any(allows(actor, "task.label", m.organization) for m in actor.memberships)


def require(actor: Actor, permission: str, organization: str | None) -> None:
    """Pass, or raise.

    Raises:
        Missing: the actor does not belong to the organization, so it is not told that it exists.
        Refused: the actor belongs to it and may not.
    """
    if allows(actor, permission, organization):
        return
    if organization and actor.membership(organization) is None:
        raise Missing("not-found", "There is no such thing, or you may not see it.")
    rule = PERMISSIONS[permission]
    if rule.scope not in actor.scopes:
        raise Refused(
            "permission.scope", f"This API key lacks the scope {rule.scope!r}.", "", "Make another key."
        )
    raise Refused(
        "permission.role", "Your role does not allow this.", "", "Ask a manager of your organization."
    )
