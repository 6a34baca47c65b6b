"""Scale's tasks: made, found, cancelled, audited, tagged. The work itself is an ordinary task of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.errors import EvenhandError, Invalid, Refused
from evenhand.core.events import Moment
from evenhand.core.policy import Actor
from evenhand.lane import group
from evenhand.service import projects as our_projects
from evenhand.service import tasks as our_tasks
from evenhand.service.scale import Account, allow, duplicate, metadata_of, missing, scale_id
from evenhand.service.scale.projects import import_records
from evenhand.service.view import decode_json, encode_json, task_id, when
from evenhand.service.webhooks import CALLBACK, enqueue
from evenhand.store import Reader, Transaction

MAX_TAGS = 100
MAX_TAG = 200  # characters


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is asked for, read and checked."""

    kind: str = "task"  # or evaluation, training
    type: str  # Scale's name
    project: str = ""  # of Scale's
    batch: str = ""
    unique_id: str | None = None
    tags: list[str] | None = None
    metadata: bytes = b"{}"
    callback: str = ""
    record: bytes  # JSON: the parameters as sent, and what annotators see
    digest: str = ""  # of the form
    draft: wire.ProjectDraft | None = None  # of the project of ours; None: nobody is to label it
    status: str = ""  # completed by a test key, or error
    response: bytes | None = None  # JSON, with such a status; or what is expected


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A task as its owner sees it; the front puts it into Scale's words."""

    id: str
    test: bool
    kind: str
    type: str
    project: str
    batch: str
    status: str
    record: dict[str, Any]
    answers: dict[str, Any] | None  # question -> value, once they are settled
    response: Any  # stored: see the table
    unique_id: str | None
    tags: list[str] | None
    metadata: dict[str, Any]
    callback: str
    called: int
    review: str
    comments: str
    priority: int
    created_at: str
    updated_at: str
    completed_at: str | None
    task_id: str | None  # ours


# ---- creation ----------------------------------------------------------------------------------

CreateArgs = tuple[Actor, Account, Asked]


def _create_all(tx: Transaction, at: Moment, calls: Sequence[CreateArgs]) -> list[Any]:
    """Create the tasks of a group together: one event a project of ours, however many they are."""
    outcomes: list[Any] = [None] * len(calls)
    by_account: dict[Account, list[int]] = {}
    for i, (actor, account, _) in enumerate(calls):
        try:
            allow(actor, "import.manage", account)
            by_account.setdefault(account, []).append(i)
        except EvenhandError as error:
            outcomes[i] = error
    for account, indices in by_account.items():
        _create_some(tx, at, account, indices, calls, outcomes)
    return outcomes


@group(_create_all)
def create(tx: Transaction, at: Moment, actor: Actor, account: Account, asked: Asked) -> Shown:
    """A new task.

    Raises:
        Refused: the unique id is taken.
        Missing: there is no such batch.
    """
    outcome = _create_all(tx, at, [(actor, account, asked)])[0]
    if isinstance(outcome, EvenhandError):
        raise outcome
    result: Shown = outcome
    return result


def _create_some(
    tx: Transaction,
    at: Moment,
    account: Account,
    indices: list[int],
    calls: Sequence[CreateArgs],
    outcomes: list[Any],
) -> None:
    batches = _batches(tx, account, [calls[i][2] for i in indices])
    taken = _taken(tx, account, [calls[i][2].unique_id for i in indices])
    good: list[int] = []
    for i in indices:
        asked = calls[i][2]
        if asked.batch and asked.batch not in batches:
            outcomes[i] = missing("batch", asked.batch)
        elif asked.batch and batches[asked.batch] == "cancelled":
            outcomes[i] = Refused("scale.batch-status", "The batch is cancelled.", "batch")
        elif asked.unique_id is not None and asked.unique_id in taken:
            outcomes[i] = duplicate("scale.duplicate-id", "a task with the unique id", asked.unique_id)
        else:
            taken.add(asked.unique_id)
            good.append(i)
    if good:
        _write(tx, at, account, good, calls, batches, outcomes)


def _batches(tx: Transaction, account: Account, asked: Sequence[Asked]) -> dict[str, str]:
    """Name -> status of the batches that these name."""
    names = sorted({a.batch for a in asked if a.batch})
    if not names:
        return {}
    return {row[0]: row[2] for row in tx.tuples("scale_batches_named", **account.keys, names=names)}


def _taken(tx: Transaction, account: Account, uniques: Sequence[str | None]) -> set[str | None]:
    wanted = sorted({unique for unique in uniques if unique is not None})
    if not wanted:
        return set()
    return {row[0] for row in tx.tuples("scale_uniques", **account.keys, uniques=wanted)}


COLUMNS = (
    "organization",
    "id",
    "test",
    "kind",
    "type",
    "scale_project",
    "batch",
    "project",
    "task",
    "status",
    "unique_id",
    "tags",
    "metadata",
    "callback",
    "called",
    "review",
    "comments",
    "body",
    "response",
    "created_ms",
    "updated_ms",
)


def _write(
    tx: Transaction,
    at: Moment,
    account: Account,
    good: list[int],
    calls: Sequence[CreateArgs],
    batches: dict[str, str],
    outcomes: list[Any],
) -> None:
    """The tasks of ours first, then the rows that name them."""
    homes = _homes(tx, at, account, [(calls[i][0], calls[i][2]) for i in good])
    entering = [i for i in good if calls[i][2].draft and batches.get(calls[i][2].batch) not in HELD]
    numbers: dict[int, int] = {}
    by_home: dict[str, list[int]] = {}
    for i in entering:
        by_home.setdefault(homes[calls[i][2].digest], []).append(i)
    for home, own in sorted(by_home.items()):
        records = [calls[i][2].record for i in own]
        numbers.update(zip(own, import_records(tx, at, account.organization, home, records), strict=True))
    rows, tags = [], []
    for i in good:
        asked = calls[i][2]
        id_, number = scale_id(at.ms), numbers.get(i, 0)
        home = homes[asked.digest] if asked.draft else ""
        rows.append(_row(at, account, asked, id_, home, number))
        tags += [(account.organization, id_, tag) for tag in asked.tags or []]
        outcomes[i] = _fresh(at, account, asked, id_, home, number)
    tx.bulk("scale_task", COLUMNS, rows)
    _listen(tx, at, account, [outcomes[i] for i in good], batches)
    if tags:
        tx.bulk("scale_tag", ("organization", "id", "tag"), tags)


def _listen(
    tx: Transaction, at: Moment, account: Account, made: Sequence[Shown], batches: dict[str, str]
) -> None:
    """Tell at once what is over already, and hear of the end of the rest where somebody asked to."""
    for task in made:
        if task.callback and task.status in ("completed", "error"):
            enqueue(tx, at, account.organization, CALLBACK, task.callback, task.id)
    if any(task.callback or task.batch for task in made) and not account.test:
        tx.run("put_watch", organization=account.organization)


HELD = frozenset({"staging", "paused"})
"""Statuses of a batch in which what comes in waits."""


def _homes(
    tx: Transaction, at: Moment, account: Account, asked: Sequence[tuple[Actor, Asked]]
) -> dict[str, str]:
    """Digest of a form -> the project of ours that asks it, made where there is none."""
    wanted = {a.digest: (actor, a) for actor, a in asked if a.draft is not None}
    if not wanted:
        return {}
    found = dict(tx.tuples("scale_forms", organization=account.organization, digests=sorted(wanted)))
    for digest, (actor, a) in sorted(wanted.items()):
        if digest not in found:
            found[digest] = _new_home(tx, at, account, actor, a)
    return found


def _new_home(tx: Transaction, at: Moment, account: Account, actor: Actor, asked: Asked) -> str:
    keys = {"organization": account.organization, "scale_project": asked.project}
    count = int(tx.tuples("scale_form_count", **keys)[0][0])
    assert asked.draft is not None, "only what is to be labelled needs a home"
    name = f"{asked.draft.name} ({count + 1})" if count else asked.draft.name
    draft = msgspec.structs.replace(asked.draft, name=name, organization_id=account.organization)
    made = our_projects.create(tx, at, actor, draft)
    tx.run("put_scale_form", **keys, digest=asked.digest, project=made.id)
    return made.id


def _row(at: Moment, account: Account, asked: Asked, id_: str, home: str, number: int) -> tuple[Any, ...]:
    return (
        account.organization, id_, int(account.test), asked.kind, asked.type, asked.project, asked.batch,
        home, number, asked.status, asked.unique_id,
        None if asked.tags is None else encode_json(asked.tags), asked.metadata, asked.callback, 0, "", "",
        None if number else asked.record, asked.response, at.ms, at.ms,
    )  # fmt: skip


def _fresh(at: Moment, account: Account, asked: Asked, id_: str, home: str, number: int) -> Shown:
    """What was just written, without reading it again."""
    return Shown(
        id=id_,
        test=account.test,
        kind=asked.kind,
        type=asked.type,
        project=asked.project,
        batch=asked.batch,
        status=asked.status or "pending",
        record=decode_json(asked.record),
        answers=None,
        response=None if asked.response is None else decode_json(asked.response),
        unique_id=asked.unique_id,
        tags=asked.tags,
        metadata=decode_json(asked.metadata),
        callback=asked.callback,
        called=0,
        review="",
        comments="",
        priority=0,
        created_at=when(at.ms),
        updated_at=when(at.ms),
        completed_at=when(at.ms) if asked.status == "completed" else None,
        task_id=task_id(home, number) if number else None,
    )


# ---- finding -----------------------------------------------------------------------------------


def get(reader: Reader, actor: Actor, account: Account, id_: str) -> Shown:
    """One task."""
    allow(actor, "task.read", account)
    rows = reader.all("scale_tasks_named", **account.keys, ids=[id_])
    if not rows:
        raise missing("task", id_)
    return _shown(rows[0])


def is_test(reader: Reader, account: Account, id_: str) -> bool:
    """Whether a test key made the task."""
    return reader.one("scale_task_state", organization=account.organization, test=1, id=id_) is not None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks; times in ms, end excluded."""

    project: str = ""
    batch: str = ""
    status: str = ""
    type: str = ""
    unique_id: str = ""
    start: int = 0
    stop: int = 1 << 53
    updated_after: int = 0
    updated_before: int = 1 << 53
    completed_after: int = 0
    completed_before: int = 1 << 53
    reviews: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A page of tasks."""

    tasks: list[Shown]
    total: int
    next_token: str | None  # None: this is the last page


def list_(
    reader: Reader, actor: Actor, account: Account, wanted: Filter, limit: int, next_token: str = ""
) -> Listed:
    """The tasks in the order of creation. The total is taken with the first page and rides in the token."""
    allow(actor, "task.read", account)
    after, total = _token(next_token)
    if wanted.unique_id:
        return _by_unique(reader, account, wanted)
    query, given = _scope(reader, account, wanted)
    rows = reader.all(f"scale_tasks_{query}", **given, after=after, limit=limit + 1)
    if total is None:
        total = int(reader.tuples(f"scale_count_{query}", **given)[0][0])
    more = len(rows) > limit
    shown = [_shown(row) for row in rows[:limit]]
    return Listed(tasks=shown, total=total, next_token=f"{shown[-1].id}.{total}" if more and shown else None)


def _token(token: str) -> tuple[str, int | None]:
    after, _, total = token.partition(".")
    if token and not (total.isascii() and total.isdigit() and after.isalnum() and after.isascii()):
        raise Invalid(
            "page.after", "This is not the `next_token` of a page.", "next_token", "Pass it on as it came."
        )
    return after, int(total) if total else None


def _scope(reader: Reader, account: Account, wanted: Filter) -> tuple[str, dict[str, Any]]:
    """(the query whose index fits, its parameters)."""
    projects = [wanted.project]
    if not wanted.project:
        projects = ["", *(row["name"] for row in reader.all("scale_projects", **account.keys))]
    given: dict[str, Any] = {
        **account.keys,
        "projects": projects,
        "completed": int(wanted.completed_after > 0 or wanted.completed_before < 1 << 53),
        "reviewed": int(bool(wanted.reviews)),
        "tagged": int(bool(wanted.tags)),
        "reviews": list(wanted.reviews),
        "tags": list(wanted.tags),
    }
    for name in (
        "status",
        "type",
        "start",
        "stop",
        "updated_after",
        "updated_before",
        "completed_after",
        "completed_before",
    ):
        given[name] = getattr(wanted, name)
    if wanted.batch:
        return "in_batch", {**given, "batch": wanted.batch}
    return "in_projects", given


def _by_unique(reader: Reader, account: Account, wanted: Filter) -> Listed:
    """At most one; the other conditions are checked on it."""
    found = reader.tuples("scale_uniques", **account.keys, uniques=[wanted.unique_id])
    rows = reader.all("scale_tasks_named", **account.keys, ids=[id_ for _, id_ in found])
    tasks = [_shown(row) for row in rows]
    tasks = [
        task
        for task in tasks
        if wanted.project in ("", task.project)
        and wanted.batch in ("", task.batch)
        and wanted.status in ("", task.status)
        and wanted.type in ("", task.type)
    ]
    return Listed(tasks=tasks, total=len(tasks), next_token=None)


def _shown(row: dict[str, Any]) -> Shown:
    settled = row["state"] == "completed" and row["consensus"]
    answers = (
        {name: said["value"] for name, said in decode_json(row["consensus"]).items()} if settled else None
    )
    return Shown(
        id=row["id"],
        test=bool(row["test"]),
        kind=row["kind"],
        type=row["type"],
        project=row["scale_project"],
        batch=row["batch"],
        status=row["state"],
        record=decode_json(row["record"]) if row["record"] else {},
        answers=answers,
        response=None if row["response"] is None else decode_json(row["response"]),
        unique_id=row["unique_id"],
        tags=None if row["tags"] is None else decode_json(row["tags"]),
        metadata=decode_json(row["metadata"]),
        callback=row["callback"],
        called=row["called"],
        review=row["review"],
        comments=row["comments"],
        priority=row["priority"],
        created_at=when(row["created_ms"]),
        updated_at=when(row["changed_ms"]),
        completed_at=when(row["done_ms"]) if row["state"] == "completed" else None,
        task_id=task_id(row["project"], row["task"]) if row["task"] else None,
    )


# ---- change ------------------------------------------------------------------------------------


def _managed(tx: Transaction, actor: Actor, account: Account, id_: str) -> dict[str, Any]:
    allow(actor, "task.manage", account)
    row = tx.one("scale_task_state", **account.keys, id=id_)
    if row is None:
        raise missing("task", id_)
    return row


def cancel(tx: Transaction, at: Moment, actor: Actor, account: Account, id_: str, clear: bool) -> Shown:
    """Nobody needs to label it any more; only a task that is pending can be cancelled."""
    row = _managed(tx, actor, account, id_)
    if row["state"] != "pending":
        raise Refused(
            "scale.not-pending", f"The task is {row['state']}, and only a pending one can be cancelled.", id_
        )
    if row["task"]:
        request = wire.TaskAction(action="withdraw", task_ids=[task_id(row["project"], row["task"])])
        our_tasks.act(tx, at, actor, row["project"], request)
    keys = {"organization": account.organization, "id": id_}
    tx.run("set_scale_status", **keys, status="canceled", clear=int(clear), at=at.ms)
    return get(tx, actor, account, id_)


def audit(
    tx: Transaction, at: Moment, actor: Actor, account: Account, id_: str, accepted: bool, comments: str
) -> Shown:
    """The owner's word on a completed task."""
    row = _managed(tx, actor, account, id_)
    if row["state"] != "completed":
        raise Refused(
            "scale.not-completed",
            f"The task is {row['state']}, and only a completed one can be audited.",
            id_,
        )
    keys = {"organization": account.organization, "id": id_}
    review = "accepted" if accepted else "rejected"
    tx.run("set_scale_review", **keys, review=review, comments=comments, at=at.ms)
    if row["callback"]:
        enqueue(tx, at, account.organization, CALLBACK, row["callback"], id_)
    return get(tx, actor, account, id_)


def set_unique_id(
    tx: Transaction, at: Moment, actor: Actor, account: Account, id_: str, unique_id: str | None
) -> Shown:
    """Another unique id, or none.

    Raises:
        Refused: it is taken.
    """
    row = _managed(tx, actor, account, id_)
    if unique_id is not None and unique_id != row["unique_id"] and _taken(tx, account, [unique_id]):
        raise duplicate("scale.duplicate-id", "a task with the unique id", unique_id)
    tx.run("set_scale_unique", organization=account.organization, id=id_, unique_id=unique_id, at=at.ms)
    return get(tx, actor, account, id_)


def set_metadata(
    tx: Transaction, at: Moment, actor: Actor, account: Account, id_: str, metadata: Any, merge: bool = False
) -> Shown:
    """Other metadata; with `merge` those that it does not name stay."""
    row = _managed(tx, actor, account, id_)
    kept = decode_json(row["metadata"]) if merge else {}
    new = encode_json({**kept, **decode_json(metadata_of(metadata))})
    tx.run("set_scale_metadata", organization=account.organization, id=id_, metadata=new, at=at.ms)
    return get(tx, actor, account, id_)


def change_tags(
    tx: Transaction, at: Moment, actor: Actor, account: Account, id_: str, how: str, given: list[str]
) -> Shown:
    """Set, add or delete tags; they keep their order, and none is there twice."""
    row = _managed(tx, actor, account, id_)
    before = [] if row["tags"] is None else decode_json(row["tags"])
    match how:
        case "set":
            after = list(dict.fromkeys(given))
        case "add":
            after = list(dict.fromkeys([*before, *given]))
        case _:
            after = [tag for tag in before if tag not in given]
    check_tags(after)
    keys = {"organization": account.organization, "id": id_}
    tx.run("set_scale_tags", **keys, tags=encode_json(after), at=at.ms)
    tx.run("delete_scale_tags", **keys)
    tx.bulk("scale_tag", ("organization", "id", "tag"), [(account.organization, id_, tag) for tag in after])
    return get(tx, actor, account, id_)


def check_tags(tags: Any) -> None:
    """Pass a list of tags.

    Raises:
        Invalid: it is none.
    """
    good = isinstance(tags, list) and len(tags) <= MAX_TAGS
    if not good or not all(isinstance(tag, str) and 0 < len(tag) <= MAX_TAG for tag in tags):
        raise Invalid(
            "scale.tags", f"Tags are a list of at most {MAX_TAGS} texts.", "tags", "Send a list of texts."
        )
