"""Scale's teams and files: teammates are members, a file is a medium with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid
from evenhand.core.events import Moment
from evenhand.core.policy import Actor
from evenhand.service import members
from evenhand.service.scale import Account, allow, duplicate, metadata_of, missing, scale_id
from evenhand.service.scale.projects import get_project
from evenhand.service.view import decode_json, encode_json, when
from evenhand.store import Reader, Transaction

ROLES = {"labeler": "annotator", "member": "reviewer", "manager": "manager", "admin": "owner"}
"""Scale's role -> ours."""
MOST = 200  # e-mail addresses in one call


# ---- teammates ---------------------------------------------------------------------------------


def team(reader: Reader, actor: Actor, account: Account) -> list[wire.Member]:
    """The members that have an e-mail address, by which Scale knows people."""
    allow(actor, "member.list", account)
    found: list[wire.Member] = []
    after: str | None = None
    while True:
        page = members.list_members(reader, actor, account.organization, after, 200)
        found += [member for member in page.items if member.email and member.state == "active"]
        after = page.next
        if after is None:
            return found


def invite(
    tx: Transaction, at: Moment, actor: Actor, account: Account, emails: list[str], role: str
) -> list[wire.Member]:
    """Make members of those who are none. A test key asks, and nobody is added."""
    allow(actor, "member.manage", account)
    ours = _role(role)
    known = {member.email for member in team(tx, actor, account)}
    for email in _checked(emails):
        if email not in known and not account.test:
            new = wire.NewMember(name=email.partition("@")[0], email=email, role=ours)
            members.create_member(tx, at, actor, new, account.organization)
    return team(tx, actor, account)


def set_roles(
    tx: Transaction, at: Moment, actor: Actor, account: Account, emails: list[str], role: str
) -> list[wire.Member]:
    """Another role for these members."""
    allow(actor, "member.manage", account)
    ours = _role(role)
    known = {member.email: member for member in team(tx, actor, account)}
    for email in _checked(emails):
        if email not in known:
            raise missing("teammate", email)
        if not account.test:
            members.change_member(tx, at, actor, known[email].id, wire.MemberChange(role=ours))
    return team(tx, actor, account)


def _role(role: Any) -> Any:
    if role not in ROLES:
        raise Invalid(
            "scale.role", f"There is no role {role!r}.", "team_role", f"Take one of: {', '.join(ROLES)}."
        )
    return ROLES[role]


def _checked(emails: Any) -> list[str]:
    good = isinstance(emails, list) and 0 < len(emails) <= MOST
    if not good or not all(isinstance(email, str) and 0 < email.find("@") < 500 for email in emails):
        raise Invalid(
            "scale.emails", f"This is no list of 1 to {MOST} e-mail addresses.", "emails", "Send a list."
        )
    return list(dict.fromkeys(email.strip().lower() for email in emails))


# ---- assignments and groups --------------------------------------------------------------------


def assignments(reader: Reader, actor: Actor, account: Account) -> dict[str, list[str]]:
    """E-mail address -> names of the projects that the person is meant for."""
    allow(actor, "member.list", account)
    found: dict[str, list[str]] = {}
    for email, project in reader.tuples("scale_assigned", **account.keys):
        found.setdefault(email, []).append(project)
    return found


def assign(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    account: Account,
    emails: list[str],
    projects: list[str],
    add: bool,
) -> dict[str, list[str]]:
    """Mean these people for these projects, or no longer."""
    allow(actor, "member.manage", account)
    if not isinstance(projects, list) or not all(isinstance(name, str) for name in projects):
        raise Invalid("scale.projects", "This is no list of projects.", "projects", "Send a list of names.")
    names = [get_project(tx, actor, account, name).name for name in projects]
    query = "put_scale_assigned" if add else "delete_scale_assigned"
    rows = [{**account.keys, "email": email, "project": name} for email in _checked(emails) for name in names]
    tx.many(query, rows)
    return assignments(tx, actor, account)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """People of one project under a name."""

    id: str
    name: str
    members: list[tuple[str, str]]  # (id, e-mail address)


def groups(reader: Reader, actor: Actor, account: Account, project: str) -> list[Group]:
    """The groups of a project, by name."""
    allow(actor, "member.list", account)
    name = get_project(reader, actor, account, project).name
    ids = {member.email: member.id for member in team(reader, actor, account)}
    return [
        Group(
            id=row["id"], name=row["name"], members=[(ids.get(e, e), e) for e in decode_json(row["emails"])]
        )
        for row in reader.all("scale_groups", **account.keys, project=name)
    ]


def create_group(
    tx: Transaction, at: Moment, actor: Actor, account: Account, project: str, name: str, emails: list[str]
) -> Group:
    """A new group. A name that is there already stands for the group that it names, with these people."""
    allow(actor, "member.manage", account)
    home = get_project(tx, actor, account, project).name
    if not isinstance(name, str) or not 0 < len(name) <= 500:
        raise Invalid("scale.name", "A name has 1 to 500 characters.", "name", "Send one.")
    body = encode_json(_checked(emails))
    keys = {**account.keys, "project": home, "name": name}
    if not tx.changed("put_scale_group", **keys, id=scale_id(at.ms), emails=body):
        tx.run("set_scale_group", **keys, emails=body)
    return _group(tx, actor, account, project, name)


def _group(reader: Reader, actor: Actor, account: Account, project: str, name: str) -> Group:
    for found in groups(reader, actor, account, project):
        if name in (found.name, found.id):
            return found
    raise missing("group", name)


def change_group(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    account: Account,
    project: str,
    name: str,
    add: list[str],
    remove: list[str],
) -> Group:
    """People come and go."""
    allow(actor, "member.manage", account)
    before = _group(tx, actor, account, project, name)
    gone = set(_checked(remove)) if remove else set()
    kept = [email for _, email in before.members if email not in gone]
    emails = list(dict.fromkeys([*kept, *(_checked(add) if add else [])]))
    home = get_project(tx, actor, account, project).name
    tx.run("set_scale_group", **account.keys, project=home, name=before.name, emails=encode_json(emails))
    return _group(tx, actor, account, project, before.name)


# ---- files -------------------------------------------------------------------------------------


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A file that tasks may name."""

    id: str
    name: str
    type: str
    bytes: int
    projects: list[str]
    metadata: dict[str, Any]
    reference_id: str | None
    created_at: str


def keep_file(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    account: Account,
    blob: wire.Blob,
    name: str,
    reference_id: str | None,
    projects: list[str],
    metadata: Any,
) -> Stored:
    """Note a file whose bytes are stored.

    Raises:
        Refused: another file has this reference.
    """
    allow(actor, "import.manage", account)
    known = tx.one("scale_file_by_reference", **account.keys, reference_id=reference_id or "")
    if reference_id is not None and known is not None:
        raise duplicate("scale.duplicate-file", "a file with the reference", reference_id)
    put_medium(tx, at, actor, account, blob)
    kept, id_ = metadata_of(metadata), scale_id(at.ms)
    tx.run(
        "put_scale_file",
        **account.keys,
        id=id_,
        sha256=blob.blob,
        name=name,
        reference_id=reference_id,
        projects=encode_json(projects),
        metadata=kept,
        at=at.ms,
    )
    return Stored(
        id=id_,
        name=name,
        type=blob.type,
        bytes=blob.bytes,
        projects=projects,
        metadata=decode_json(kept),
        reference_id=reference_id,
        created_at=when(at.ms),
    )


def put_medium(tx: Transaction, at: Moment, actor: Actor, account: Account, blob: wire.Blob) -> None:
    """Note a medium whose bytes are stored. The same bytes again change nothing."""
    allow(actor, "import.manage", account)
    tx.run(
        "put_blob",
        organization=account.organization,
        sha256=blob.blob,
        bytes=blob.bytes,
        type=blob.type,
        width=blob.width or 0,
        height=blob.height or 0,
        created_ms=at.ms,
    )


def files(reader: Reader, actor: Actor, account: Account, ids: Sequence[str]) -> dict[str, wire.Blob]:
    """Id of each file that is there -> its medium."""
    allow(actor, "import.manage", account)
    return {
        row["id"]: wire.Blob(
            blob=row["sha256"],
            bytes=row["bytes"],
            type=row["type"],
            width=row["width"] or None,
            height=row["height"] or None,
        )
        for row in reader.all("scale_files", **account.keys, ids=list(ids))
    }
