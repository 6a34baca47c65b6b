"""Scale's projects and batches: names, parameters that tasks take over, and what waits to be finalized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import MAX_ROWS, Moment, TasksChanged, TasksImported
from evenhand.core.intake import read_record
from evenhand.core.policy import Actor
from evenhand.service import tasks as our_tasks
from evenhand.service.scale import Account, allow, duplicate, metadata_of, missing, scale_id
from evenhand.service.view import decode_json, encode_json, task_id, when
from evenhand.store import Reader, Transaction

MAX_NAME = 500  # characters
MAX_PLACE = 100_000  # in the list of priorities


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """One of Scale's projects."""

    id: str
    name: str
    type: str
    versions: list[dict[str, Any]]  # parameters, newest last
    staging: bool  # its batches wait until they are finalized
    created_at: str

    @property
    def params(self) -> dict[str, Any]:
        """What its tasks take over now."""
        newest = self.versions[-1] if self.versions else {}
        return {key: value for key, value in newest.items() if key not in ("version", "created_at")}


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One of Scale's batches, with the count of its tasks by status."""

    id: str
    name: str
    project: str
    status: str
    callback: str
    metadata: dict[str, Any]
    priority: int
    groups: list[str]
    created_at: str
    counts: dict[str, int]
    completed_at: str | None


# ---- projects ----------------------------------------------------------------------------------


def create_project(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    account: Account,
    name: str,
    type_: str,
    params: Any,
    staging: bool,
) -> Project:
    """A new name for tasks to come, and what they take over.

    Raises:
        Refused: the name is taken.
    """
    allow(actor, "project.create", account)
    _checked_name(name)
    versions = [_version(params, 0, at)] if params else []
    made = tx.changed(
        "put_scale_project",
        **account.keys,
        name=name,
        id=scale_id(at.ms),
        type=type_,
        versions=encode_json(versions),
        staging=int(staging),
        at=at.ms,
    )
    if not made:
        raise duplicate("scale.duplicate-project", "a project", name)
    return get_project(tx, actor, account, name)


def _checked_name(name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name.strip()) <= len(name) <= MAX_NAME:
        raise Invalid("scale.name", f"A name has 1 to {MAX_NAME} characters.", "name", "Send one.")


def _version(params: Any, number: int, at: Moment) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise Invalid("scale.params", "Parameters are a JSON object.", "params", "Send an object.")
    return {**params, "version": number, "created_at": when(at.ms)}


def get_project(reader: Reader, actor: Actor, account: Account, name: str) -> Project:
    """The project with this name or id."""
    allow(actor, "project.read", account)
    row = reader.one("scale_project", **account.keys, name=name)
    if row is None:
        raise missing("project", name)
    return _project(row)


def list_projects(reader: Reader, actor: Actor, account: Account) -> list[Project]:
    """All, oldest first."""
    allow(actor, "project.read", account)
    return [_project(row) for row in reader.all("scale_projects", **account.keys)]


def _project(row: dict[str, Any]) -> Project:
    return Project(
        id=row["id"],
        name=row["name"],
        type=row["type"],
        versions=decode_json(row["versions"]),
        staging=bool(row["staging"]),
        created_at=when(row["created_ms"]),
    )


def set_params(
    tx: Transaction, at: Moment, actor: Actor, account: Account, name: str, params: Any, patch: bool
) -> Project:
    """Another version of what tasks take over; with `patch` it keeps what it does not name."""
    allow(actor, "project.manage", account)
    before = get_project(tx, actor, account, name)
    merged = {**(before.params if patch else {}), **(params or {})}
    versions = [*before.versions, _version(merged, len(before.versions), at)]
    tx.run("set_scale_versions", **account.keys, name=before.name, versions=encode_json(versions))
    return get_project(tx, actor, account, name)


# ---- batches -----------------------------------------------------------------------------------


def create_batch(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    account: Account,
    name: str,
    project: str,
    callback: str,
    metadata: Any,
    staging: bool | None,
) -> Batch:
    """A new batch; it is worked on at once, unless its project's batches wait to be finalized.

    Raises:
        Refused: the name is taken.
    """
    allow(actor, "project.create", account)
    _checked_name(name)
    owner = get_project(tx, actor, account, project)
    waits = (owner.staging if staging is None else staging) and not account.test
    made = tx.changed(
        "put_scale_batch",
        **account.keys,
        name=name,
        id=scale_id(at.ms),
        project=owner.name,
        status="staging" if waits else "in_progress",
        callback=callback,
        metadata=metadata_of(metadata),
        at=at.ms,
    )
    if not made:
        raise duplicate("scale.duplicate-batch", "a batch", name)
    return get_batch(tx, actor, account, name)


def get_batch(reader: Reader, actor: Actor, account: Account, name: str) -> Batch:
    """The batch with this name or id."""
    allow(actor, "project.read", account)
    row = reader.one("scale_batch", **account.keys, name=name)
    if row is None:
        raise missing("batch", name)
    return _batches(reader, account, [row])[0]


def list_batches(
    reader: Reader, actor: Actor, account: Account, project: str, start: int, stop: int
) -> list[Batch]:
    """All that were created in this time (ms, end excluded), newest first."""
    allow(actor, "project.read", account)
    rows = reader.all("scale_batches", **account.keys, project=project, start=start, stop=stop)
    return _batches(reader, account, rows)


def _batches(reader: Reader, account: Account, rows: Sequence[dict[str, Any]]) -> list[Batch]:
    counts: dict[str, dict[str, int]] = {}
    newest: dict[str, int] = {}
    names = [row["name"] for row in rows]
    for name, state, count, changed in reader.tuples("scale_batch_counts", **account.keys, names=names):
        counts.setdefault(name, {})[state] = count
        newest[name] = max(newest.get(name, 0), changed)
    return [_batch(row, counts.get(row["name"], {}), newest.get(row["name"], 0)) for row in rows]


def _batch(row: dict[str, Any], counts: dict[str, int], newest: int) -> Batch:
    done = row["status"] == "in_progress" and bool(counts.get("completed")) and not counts.get("pending")
    return Batch(
        id=row["id"],
        name=row["name"],
        project=row["project"],
        status="completed" if done else row["status"],
        callback=row["callback"],
        metadata=decode_json(row["metadata"]),
        priority=row["priority"],
        groups=decode_json(row["groups"]),
        created_at=when(row["created_ms"]),
        counts=counts,
        completed_at=when(newest) if done else None,
    )


def set_batch_metadata(
    tx: Transaction, at: Moment, actor: Actor, account: Account, name: str, metadata: Any, merge: bool = False
) -> Batch:
    """Other metadata."""
    before = _manageable(tx, actor, account, name)
    kept = before.metadata if merge else {}
    _set(tx, account, before, metadata={**kept, **decode_json(metadata_of(metadata))})
    return get_batch(tx, actor, account, name)


def _manageable(tx: Transaction, actor: Actor, account: Account, name: str) -> Batch:
    allow(actor, "task.manage", account)
    return get_batch(tx, actor, account, name)


def _set(tx: Transaction, account: Account, batch: Batch, **changed: Any) -> None:
    status = "in_progress" if batch.status == "completed" else batch.status
    kept = {"status": status, "priority": batch.priority, "metadata": batch.metadata, "groups": batch.groups}
    row = {**kept, **changed}
    row |= {key: encode_json(row[key]) for key in ("metadata", "groups")}
    tx.run("set_scale_batch", **account.keys, name=batch.name, **row)


def finalize(tx: Transaction, at: Moment, actor: Actor, account: Account, name: str) -> Batch:
    """No more follows: what waited becomes tasks. A batch that does not wait stays as it is."""
    batch = _manageable(tx, actor, account, name)
    if batch.status == "staging":
        rows = tx.all("scale_batch_tasks", **account.keys, batch=batch.name)
        waiting = [row for row in rows if not row["task"] and not row["status"] and row["project"]]
        bring_in(tx, at, account.organization, waiting)
        _set(tx, account, batch, status="in_progress")
    return get_batch(tx, actor, account, name)


def bring_in(tx: Transaction, at: Moment, organization: str, rows: Sequence[dict[str, Any]]) -> None:
    """Make tasks of ours out of these rows of `scale_task`, whose bodies hold the records."""
    by_project: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_project.setdefault(row["project"], []).append(row)
    for project, own in sorted(by_project.items()):
        numbers = import_records(tx, at, organization, project, [row["body"] for row in own])
        tx.many(
            "set_scale_number",
            [
                {"organization": organization, "id": row["id"], "task": n}
                for row, n in zip(own, numbers, strict=True)
            ],
        )


def import_records(
    tx: Transaction, at: Moment, organization: str, project: str, records: Sequence[bytes]
) -> list[int]:
    """Append these checked records to a project of ours; the numbers of their tasks."""
    tx.tuples("heads", ids=[project])  # locked: or two processes could give one number twice
    row = tx.one("project", project=project)
    assert row is not None, "the form names it"
    first: int = row["next_task"]
    for i in range(0, len(records), MAX_ROWS):
        reads = [read_record(record, {}) for record in records[i : i + MAX_ROWS]]
        event = TasksImported(
            stream=project,
            owner=organization,
            first=first + i,
            rows=tuple(read.record for read in reads),
            externals=tuple(r.external_id for r in reads) if any(r.external_id for r in reads) else (),
            priorities=tuple(r.priority for r in reads) if any(r.priority for r in reads) else (),
        )
        tx.append([event], at)
    return list(range(first, first + len(records)))


def set_running(tx: Transaction, at: Moment, actor: Actor, account: Account, name: str, status: str) -> Batch:
    """Pause a batch, let it go on, or cancel what is open of it."""
    batch = _manageable(tx, actor, account, name)
    allowed = {
        "paused": ("in_progress",),
        "in_progress": ("paused",),
        "cancelled": ("staging", "in_progress", "paused"),
    }
    if batch.status not in allowed[status]:
        raise Refused(
            "scale.batch-status", f"A batch that is {batch.status} cannot become {status}.", name, ""
        )
    rows = tx.all("scale_batch_tasks", **account.keys, batch=batch.name)
    held = {"paused": "pending", "in_progress": "", "cancelled": "canceled"}[status]
    chosen = [row for row in rows if _changes(row, status)]
    _act(tx, at, actor, [row for row in chosen if row["task"]], "restore" if held == "" else "withdraw")
    tx.many(
        "set_scale_status",
        [
            {"organization": account.organization, "id": row["id"], "status": held, "clear": 0, "at": at.ms}
            for row in chosen
        ],
    )
    _set(tx, account, batch, status=status)
    return get_batch(tx, actor, account, name)


def _changes(row: dict[str, Any], status: str) -> bool:
    """Whether this step of its batch concerns the task."""
    if status == "in_progress":
        return bool(row["status"] == "pending")
    if status == "paused":
        return bool(row["status"] == "" and row["now"] == "open")
    return row["status"] == "pending" or (row["status"] == "" and row["now"] in (None, "open"))


def _act(tx: Transaction, at: Moment, actor: Actor, rows: Sequence[dict[str, Any]], action: Any) -> None:
    by_project: dict[str, list[str]] = {}
    for row in rows:
        by_project.setdefault(row["project"], []).append(task_id(row["project"], row["task"]))
    for project, ids in sorted(by_project.items()):
        for i in range(0, len(ids), our_tasks.MOST_NAMED):
            request = wire.TaskAction(action=action, task_ids=ids[i : i + our_tasks.MOST_NAMED])
            our_tasks.act(tx, at, actor, project, request)


# ---- priorities and groups of batches ----------------------------------------------------------


def prioritise(
    tx: Transaction, at: Moment, actor: Actor, account: Account, names: Sequence[str]
) -> list[Batch]:
    """These batches first, in this order; none: all are equal again. Their open tasks follow."""
    allow(actor, "task.manage", account)
    places = {name: i for i, name in enumerate(names, 1)}
    for name in places:
        get_batch(tx, actor, account, name)
    for batch in list_batches(tx, actor, account, "", 0, FOREVER):
        place = places.get(batch.name, 0)
        if place != batch.priority:
            _set(tx, account, batch, priority=place)
            _prioritise_tasks(tx, at, account, batch.name, MAX_PLACE - place if place else 0)
    return pending_batches(tx, actor, account)


FOREVER = 1 << 53


def _prioritise_tasks(tx: Transaction, at: Moment, account: Account, batch: str, priority: int) -> None:
    by_project: dict[str, list[bytes]] = {}
    for row in tx.all("scale_batch_tasks", **account.keys, batch=batch):
        if row["task"] and row["now"] == "open":
            by_project.setdefault(row["project"], []).append(encode_json([row["task"], priority]))
    for project, rows in sorted(by_project.items()):
        events = [
            TasksChanged(
                stream=project,
                owner=account.organization,
                action="prioritise",
                rows=tuple(rows[i : i + MAX_ROWS]),
            )
            for i in range(0, len(rows), MAX_ROWS)
        ]
        tx.append(events, at)


def pending_batches(reader: Reader, actor: Actor, account: Account) -> list[Batch]:
    """Those that are not done, by priority, then oldest first."""
    found = list_batches(reader, actor, account, "", 0, FOREVER)
    waiting = [batch for batch in reversed(found) if batch.status in ("staging", "in_progress")]
    return sorted(waiting, key=lambda batch: batch.priority or FOREVER)


def set_groups(
    tx: Transaction, at: Moment, actor: Actor, account: Account, name: str, groups: list[str]
) -> Batch:
    """Which groups a batch is meant for."""
    batch = _manageable(tx, actor, account, name)
    known = {row["name"] for row in tx.all("scale_groups", **account.keys, project=batch.project)}
    for group in groups:
        if group not in known:
            raise missing("group", group)
    _set(tx, account, batch, groups=groups)
    return get_batch(tx, actor, account, name)
