"""What else annotators do with their assignments: look, skip, flag, keep drafts, look back."""

from __future__ import annotations

from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import allocation, submission
from evenhand.core.allocation import Given
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Moment, Renewed
from evenhand.core.intake import split
from evenhand.core.policy import Actor, allows, is_lent
from evenhand.core.project import Document
from evenhand.lane import first
from evenhand.service import signing, windows
from evenhand.service.assignments import ask_shown, assignment_of, drafts_of, key_of, places_of
from evenhand.service.paging import NEWEST, next_time, read_time
from evenhand.service.submission import given_again, own_view
from evenhand.service.view import decode_json, encode_json, form_of, summary, told_task_id, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of


def skip(tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.Skip) -> None:
    """Give a task back with a reason. The same again does nothing."""
    view, _ = own_view(tx, actor, assignment)
    if view.state != "skipped":
        view = msgspec.structs.replace(view, again=given_again(tx, view))
        event = submission.skip(view, request.reason)
        tx.append([signing.spoken(tx, at, actor.person, event, request.signed, view.window)], at)
        tx.run("delete_draft", ids=[assignment])


def flag(tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.Skip) -> None:
    """Say that something is wrong with the task. The assignment stays. The same statement again does
    nothing."""
    view, _ = own_view(tx, actor, assignment)
    if not signing.was_said(tx, request.signed):
        event = submission.flag(view, request.reason)
        tx.append([signing.spoken(tx, at, actor.person, event, request.signed, view.window)], at)


MAX_DRAFT = 1 << 20  # bytes


def draft(
    tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.DraftSave
) -> wire.DraftSaved:
    """Keep unfinished answers, as they are; nothing is checked yet."""
    own_view(tx, actor, assignment)
    answers = encode_json(request.answers)
    if len(answers) > MAX_DRAFT:
        raise Invalid("draft.size", f"A draft has at most {MAX_DRAFT} bytes.", "answers", "Shorten it.")
    tx.run("put_draft", assignment=assignment, answers=answers, at=at.ms)
    return wire.DraftSaved(saved_at=when(at.ms))


@first
def extend(tx: Transaction, at: Moment, actor: Actor, assignment: str) -> wire.Assignment:
    """More time for a live assignment."""
    for pool, _ in places_of(tx, [assignment]).values():
        tx.tuples("pool_head", pool=pool)  # locked before the task, as windows do
    view, _ = own_view(tx, actor, assignment)
    if view.state != "live":
        raise Refused(
            "assignment.closed", "This assignment is not live.", "assignment", "Submit, or ask for the next."
        )
    until = at.ms + view.form.document.lease_seconds * 1000
    event = Renewed(
        stream=view.window.stream,
        causes=(view.window,),
        slot=allocation.slot_of(assignment),
        until=until,
        assignment=assignment,
        owner=view.organization,
    )
    tx.append([event], at)
    return get(tx, actor, assignment)


def get(reader: Reader, actor: Actor, assignment: str) -> wire.Assignment:
    """One of the caller's own assignments; for a submitted one `draft` holds the answers given."""
    view, seq = own_view(reader, actor, assignment)
    row = reader.one("assignment", id=assignment)
    assert row is not None, "its view was just loaded"
    draft = drafts_of(reader, [assignment]).get(assignment)
    if draft is None and view.state in ("submitted", "surplus"):
        draft = decode_json(answers_of(reader.all("events_by_seq", seqs=[seq])[0]["body"]))
    given = Given(
        lease=assignment,
        waiting=0,
        organization=view.organization,
        project=view.project,
        task=view.number,
        round=view.round,
        version=row["version"],
        until=row["expires_ms"],
    )
    shown = ask_shown(reader, [given])()[key_of(given)]
    return assignment_of(reader, given, shown, draft, view.window)


def list_work(reader: Reader, actor: Actor) -> wire.Page[wire.WorkProject]:
    """The projects where the caller may label."""
    organizations = [m.organization for m in actor.memberships if allows(actor, "task.label", m.organization)]
    items = []
    sent_back = dict(reader.tuples("sent_back", person=actor.person))
    for row in reader.all("work_projects", organizations=organizations, person=actor.person):
        document = form_of(reader, row["organization"], row["id"], row["version"]).document
        items.append(
            wire.WorkProject(
                project_id=row["id"],
                name=document.name,
                state=row["state"],
                version=row["version"],
                tasks=row["tasks"],
                done=_told_done(row, document),
                mine=row["mine"],
                sent_back=sent_back.get(row["id"], 0),
            )
        )
    return wire.Page(items=items)


def _told_done(row: dict[str, Any], document: Document) -> int:
    """Tasks done, as annotators are told. With gold every answer counts alike, or the count would tell
    which of one's own answers were gold."""
    if document.gold is None:
        return int(row["done"])
    return int(min(row["tasks"], (row["annotations"] + row["surplus"]) // row["overlap"]))


def history(
    reader: Reader, actor: Actor, project: str | None = None, after: str | None = None, limit: int = 50
) -> wire.Page[wire.HistoryRow]:
    """The caller's own submissions, newest first."""
    before_ms, before_id = read_time(after, NEWEST)
    rows = reader.all(
        "history",
        person=actor.person,
        project=project or "",
        before_ms=before_ms,
        before_id=before_id,
        limit=limit,
    )
    items = [_history_row(reader, row) for row in rows if _may_look_back(reader, actor, row)]
    return wire.Page(items=items, next=next_time(rows, limit, "closed_ms"))


def _may_look_back(reader: Reader, actor: Actor, row: dict[str, Any]) -> bool:
    if is_lent(row["member"]):
        return windows.is_open(reader, row["id"])
    return actor.membership(row["organization"]) is not None


def _history_row(reader: Reader, row: dict[str, Any]) -> wire.HistoryRow:
    document = form_of(reader, row["organization"], row["project"], row["version"]).document
    data, _ = split(row["record"], row["mapping"])
    return wire.HistoryRow(
        assignment_id=row["id"],
        task_id=told_task_id(reader, row["project"], row["task"], document),
        project_id=row["project"],
        project_name=document.name,
        summary=summary(data, document),
        state=row["state"],
        submitted_at=when(row["closed_ms"]),
        revision=row["revision"],
    )
