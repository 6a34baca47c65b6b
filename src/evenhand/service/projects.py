"""Projects: create, change (each change a new version), pause, archive, delete and bring back."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from evenhand import labels, wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import Event, Moment, ProjectCreated, ProjectStateChanged, ProjectVersioned
from evenhand.core.policy import Actor, allows
from evenhand.core.project import Document, Field, Question, When, check_document
from evenhand.service import adaptive, postings, rules
from evenhand.service.ids import new_id
from evenhand.service.view import (
    counts,
    decode_document,
    encode_json,
    form_of,
    hidden,
    organization_of,
    project_row,
    when,
)
from evenhand.store import Reader, Transaction

QUESTION_KEYS = {"name", "id", "type", "title", "help", "required", "when", "config"}


def document_of(draft: wire.ProjectDraft) -> Document:
    """The checked document that a draft makes, with all configuration filled in.

    Raises:
        Invalid: `where` is the path in the draft.
    """
    fields = tuple(Field(name=f.name, type=f.type, title=f.title) for f in draft.fields)
    kinds = {field.name: str(field.type) for field in fields}
    document = Document(
        name=draft.name.strip(),
        fields=fields,
        questions=tuple(draft_question(raw, i, kinds) for i, raw in enumerate(draft.questions)),
        instructions=draft.instructions,
        overlap=draft.overlap,
        order=draft.order,
        lease_seconds=draft.lease_seconds,
        prefetch=draft.prefetch,
        skip=draft.skip,
        suggestions=draft.suggestions,
        gold=draft.gold,
        qualification=draft.qualification,
        review=draft.review,
        pay=draft.pay,
        adaptive=draft.adaptive,
    )
    check_document(document, labels.all_types())
    return document


def draft_question(raw: dict[str, Any], i: int, kinds: dict[str, str]) -> Question:
    """A question as people write it: every key that is not the question's own is its type's configuration."""
    where = f"questions[{i}]"
    name = _text(raw, "id", where) or _text(raw, "name", where)
    if not name:
        raise Invalid("question.name", "The question has no name.", f"{where}.name", "Give it one.")
    config = (
        raw["config"]
        if isinstance(raw.get("config"), dict)
        else {k: v for k, v in raw.items() if k not in QUESTION_KEYS}
    )
    try:
        kind = labels.find(_text(raw, "type", where))
        label = kind.configure(config, kinds)
    except Invalid as error:
        raise Invalid(error.rule, error.reason, f"{where}.{error.where}".rstrip("."), error.remedy) from error
    return Question(
        id=name,
        title=_text(raw, "title", where) or _text(raw, "name", where) or name,
        type=kind.id,
        config=label.config(),
        help=_text(raw, "help", where),
        required=raw.get("required", True) is not False,
        when=_condition(raw.get("when"), where),
    )


def _text(raw: dict[str, Any], key: str, where: str) -> str:
    value = raw.get(key) or ""
    if not isinstance(value, str) or len(value) > 10_000:
        raise Invalid("question.text", "This is not a text of at most 10,000 characters.", f"{where}.{key}")
    return value


def _condition(raw: Any, where: str) -> When | None:
    if raw is None:
        return None
    try:
        return msgspec.convert(raw, When)
    except msgspec.ValidationError as error:
        raise Invalid("question.when", f"The condition cannot be read: {error}.", f"{where}.when") from error


def check(reader: Reader, actor: Actor, draft: wire.ProjectDraft) -> wire.Form:
    """The form that a draft makes, for a preview; nothing is stored."""
    organization_of(actor, "project.create", draft.organization_id, "organization_id")
    return wire.Form(project_id="", version=0, document=document_of(draft), widgets={}, changed=None)


def create(tx: Transaction, at: Moment, actor: Actor, draft: wire.ProjectDraft) -> wire.Project:
    """A new project, active from the start."""
    organization = organization_of(actor, "project.create", draft.organization_id, "organization_id")
    return get(tx, actor, create_with(tx, at, organization, document_of(draft)))


def create_with(tx: Transaction, at: Moment, organization: str, document: Document) -> str:
    """The same with a document that is checked; the project's id."""
    project, pools = new_id("prj"), tx.tuples("pools_of", organizations=[organization])
    events: list[Event] = [
        ProjectCreated(
            stream=project,
            owner=organization,
            pool=pools[0][0],
            organization=organization.encode(),
            seed=secrets.token_bytes(32),
        ),
        ProjectVersioned(stream=project, owner=organization, version=1, document=encode_json(document)),
    ]
    tx.append(events, at)
    adaptive.watch(tx, organization, project, document)
    return project


def get(reader: Reader, actor: Actor, project: str) -> wire.Project:
    """One project with its rules and counters."""
    row = project_row(reader, actor, project, "project.read")
    return _project(reader, actor, row, _to_review(reader, [row]))


def _to_review(reader: Reader, rows: list[dict[str, Any]]) -> dict[str, wire.ToReview]:
    """What waits for reviewers, by project; nothing of those where nobody was asked to review."""
    organizations = sorted({row["organization"] for row in rows})
    found = reader.tuples(
        "reviews_waiting", organizations=organizations, projects=[row["id"] for row in rows]
    )
    return {project: wire.ToReview(tasks=tasks, appeals=appeals) for project, tasks, appeals in found}


def _project(
    reader: Reader, actor: Actor, row: dict[str, Any], to_review: dict[str, wire.ToReview]
) -> wire.Project:
    membership = actor.membership(row["organization"])
    assert membership is not None, "project_row has checked it"
    return wire.Project(
        id=row["id"],
        organization_id=row["organization"],
        state=row["state"],
        version=row["version"],
        created_at=when(row["created_ms"]),
        document=form_of(reader, row["organization"], row["id"], row["version"]).document,
        counts=counts(row),
        role=membership.role,  # type: ignore[arg-type]  # roles are checked where they are given
        deleted_at=when(row["changed_ms"]) if row["state"] == "deleted" else None,
        to_review=to_review.get(row["id"], wire.ToReview(tasks=0, appeals=0))
        if allows(actor, "task.review", row["organization"])
        else None,
    )


def list_(
    reader: Reader,
    actor: Actor,
    state: str | None = None,
    organization: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> wire.Page[wire.Project]:
    """The projects of the caller's organizations, newest first; deleted ones only when asked for."""
    organizations = [
        m.organization
        for m in actor.memberships
        if organization in (None, m.organization) and allows(actor, "project.read", m.organization)
    ]
    rows = reader.all(
        "projects", organizations=organizations, state=state or "", after=after or "~", limit=limit
    )
    to_review = _to_review(reader, rows)
    items = [_project(reader, actor, row, to_review) for row in rows]
    return wire.Page(items=items, next=_cursor(rows[-1]) if len(rows) == limit else None)


def _cursor(row: dict[str, Any]) -> str:
    return f"{row['created_ms']:015d}.{row['id']}"


def change(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.ProjectChange
) -> wire.Project:
    """Other rules from now on. What is out or answered keeps the version that it was made with."""
    row = project_row(tx, actor, project, "project.manage")
    if request.version != row["version"]:
        raise Refused(
            "project.version",
            f"Version {row['version']} is in force, and this change was made on {request.version}.",
            "version",
            "Load the project again and repeat your change.",
        )
    before = form_of(tx, row["organization"], project, row["version"]).document
    document = document_of(_merged(before, request))
    _check_kept(before, document)
    if document != before:
        version = row["version"] + 1
        event = ProjectVersioned(
            stream=project, owner=row["organization"], version=version, document=encode_json(document)
        )
        placed = tx.append([event], at)
        postings.post(tx, at, row["organization"], project, placed[0].place)
        rules.follow(tx, at, row["organization"], project)
        adaptive.watch(tx, row["organization"], project, document)
    return get(tx, actor, project)


def change_to(tx: Transaction, at: Moment, organization: str, project: str, draft: wire.ProjectDraft) -> None:
    """The next version of a project that comes back out of an archive, as it stands there."""
    row = tx.one("project", project=project)
    assert row is not None, "the caller has made it"
    before = form_of(tx, organization, project, row["version"]).document
    document = document_of(draft)
    _check_kept(before, document)
    version = row["version"] + 1
    event = ProjectVersioned(
        stream=project, owner=organization, version=version, document=encode_json(document)
    )
    tx.append([event], at)


def _merged(before: Document, request: wire.ProjectChange) -> wire.ProjectDraft:
    """The draft that the document in force and the change make together."""
    draft = {
        "name": before.name,
        "fields": [wire.FieldDraft(name=f.name, type=f.type, title=f.title) for f in before.fields],
        "questions": [msgspec.to_builtins(question) for question in before.questions],
        **{
            key: getattr(before, key)
            for key in (
                "instructions",
                "overlap",
                "order",
                "lease_seconds",
                "prefetch",
                "skip",
                "suggestions",
            )
        },
    }
    changed = {key: getattr(request, key) for key in draft if getattr(request, key) is not None}
    return wire.ProjectDraft(**{**draft, **changed, **_policies(before, request)})


POLICIES = ("gold", "qualification", "review", "pay", "adaptive")


def _policies(before: Document, request: wire.ProjectChange) -> dict[str, Any]:
    """The policies in force after a change: what is left out stays, null switches off."""
    given = {key: getattr(request, key) for key in POLICIES}
    return {key: getattr(before, key) if value is msgspec.UNSET else value for key, value in given.items()}


def _check_kept(before: Document, document: Document) -> None:
    """A question's id keeps its label type for ever, or old answers under it could not be read."""
    types = {question.id: question.type for question in before.questions}
    for i, question in enumerate(document.questions):
        if types.get(question.id, question.type) != question.type:
            raise Invalid(
                "question.type-changed",
                f"Question {question.id!r} has answers of another type.",
                f"questions[{i}].type",
                "Add a new question with another name instead.",
            )


MOVES = {
    "active": {"paused", "archived", "deleted"},
    "paused": {"active", "archived", "deleted"},
    "archived": {"active", "deleted"},
    "deleted": {"active"},
}
"""State -> the states that it may become."""


def set_state(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.StateChange
) -> wire.Project:
    """Pause, resume, archive, delete, bring back. Nothing is lost by any of them."""
    row = project_row(tx, actor, project, "project.manage")
    if request.state != row["state"]:
        if request.state not in MOVES[row["state"]]:
            raise Refused(
                "project.state", f"A project that is {row['state']} cannot become {request.state}.", "state"
            )
        tx.append([ProjectStateChanged(stream=project, owner=row["organization"], state=request.state)], at)
    return get(tx, actor, project)


def pause(tx: Transaction, at: Moment, project: str) -> None:
    """Give no more of a project out, where it is active."""
    row = tx.one("project", project=project)
    if row is not None and row["state"] == "active":
        tx.append([ProjectStateChanged(stream=project, owner=row["organization"], state="paused")], at)


def versions(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.ProjectVersion]:
    """All versions, newest first."""
    row = project_row(reader, actor, project, "project.read")
    rows = reader.all("versions", organization=row["organization"], project=project)
    return wire.Page(
        items=[
            wire.ProjectVersion(
                version=r["version"],
                created_at=when(r["created_ms"]),
                document=decode_document(r["document"]),
            )
            for r in rows
        ]
    )


def form(reader: Reader, actor: Actor, project: str, version: int) -> wire.Form:
    """What an annotator's page needs of one version. The edge, which serves widgets, fills them in."""
    row = project_row(reader, actor, project, "project.form")
    found = reader.one("version_at", organization=row["organization"], project=project, version=version)
    if found is None:
        raise Missing("not-found", f"The project has no version {version}.", "version")
    document = form_of(reader, row["organization"], project, version).document
    asks = reader.one("asked_backend", organization=row["organization"], project=project) is not None
    changed = when(found["created_ms"])
    return wire.Form(
        project_id=project, version=version, document=document, widgets={}, changed=changed, asks=asks
    )


def progress(reader: Reader, actor: Actor, project: str) -> wire.Progress:
    """Who did how much, and when."""
    row = project_row(reader, actor, project, "project.read")
    keys = {"organization": row["organization"], "project": project}
    live = reader.tuples("live_count", pool=row["pool"], project=project)[0][0]
    annotators = [
        wire.AnnotatorProgress(
            member_id=r["member"],
            name=r["name"] or "",
            submitted=r["submitted"],
            skipped=r["skipped"],
            seconds=r["ms"] / 1000,
            last_at=when(r["last_ms"]) if r["last_ms"] else None,
        )
        for r in reader.all("tallies", **keys)
        if not hidden(reader, actor, row)
    ]
    days = [(when(day * 86_400_000)[:10], count) for day, count in reader.tuples("days", **keys)]
    return wire.Progress(
        counts=counts(row),
        live=live,
        annotators=annotators,
        days=days[::-1],
        following=rules.progress(reader, row["organization"], project),
    )
