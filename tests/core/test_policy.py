"""Policy: the table of who may do what, as ten-line truth tables."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Missing, Refused
from evenhand.core.policy import (
    LENT,
    PERMISSIONS,
    SCOPES,
    Actor,
    Membership,
    allows,
    is_lent,
    labels_anywhere,
    require,
)

ROLES = ("owner", "manager", "reviewer", "annotator", "auditor")


def actor(role: str | None = None, operator: bool = False, scopes: frozenset[str] = SCOPES) -> Actor:
    memberships = (Membership(organization="org-a", member="mem-a", role=role),) if role else ()
    return Actor(person="ann-a", name="A", operator=operator, memberships=memberships, scopes=scopes)


TABLE = {
    "project.manage": {"owner", "manager"},
    "project.read": {"owner", "manager", "reviewer", "auditor"},
    "project.list": set(ROLES),
    "task.label": {"owner", "manager", "reviewer", "annotator"},
    "task.read": {"owner", "manager", "reviewer", "auditor"},
    "member.own": {"owner"},
}


@pytest.mark.parametrize("permission", TABLE)
@pytest.mark.parametrize("role", ROLES)
def test_roles(permission, role):
    assert allows(actor(role), permission, "org-a") == (role in TABLE[permission])


OF_NO_ORGANIZATION = ("organization.", "key.", "signing.", "exchange.operate", "exchange.available")
"""What is asked of the node or of oneself; the rest is about an organization's own."""


@pytest.mark.parametrize("permission", [p for p in PERMISSIONS if not p.startswith(OF_NO_ORGANIZATION)])
def test_the_operator_reads_no_organization(permission):
    assert not allows(actor(operator=True), permission, "org-a")


def test_the_operator_creates_organizations():
    assert allows(actor(operator=True), "organization.create", None)
    assert not allows(actor("owner"), "organization.create", None)


def test_what_is_foreign_is_missing_and_what_is_forbidden_is_refused():
    require(actor("owner"), "project.read", "org-a")
    with pytest.raises(Missing):
        require(actor("owner"), "project.read", "org-b")
    with pytest.raises(Refused) as caught:
        require(actor("annotator"), "project.read", "org-a")
    assert caught.value.rule == "permission.role"
    with pytest.raises(Refused) as caught:
        require(actor("owner", scopes=frozenset({"read"})), "project.manage", "org-a")
    assert caught.value.rule == "permission.scope"
    with pytest.raises(Refused):
        require(actor("owner"), "organization.create", None)


@pytest.mark.parametrize("role", ROLES)
def test_everybody_has_keys_of_their_own_to_look_at(role):
    assert allows(actor(role), "key.list", "org-a")
    assert allows(actor(), "key.list", None)


def test_whoever_labels_somewhere_can_be_lent():
    assert labels_anywhere(actor("annotator"))
    assert not labels_anywhere(actor("auditor"))
    assert not labels_anywhere(actor(operator=True))


def test_a_lent_member_is_known_by_its_id():
    assert is_lent(f"{LENT}-0123")
    assert not is_lent("mem-0123")
