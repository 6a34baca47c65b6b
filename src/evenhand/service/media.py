"""Media: who may store them, and who may see the one in a task's field."""

from __future__ import annotations

from typing import Any

import msgspec

from evenhand import wire
from evenhand.blobs import Upload, shape_of
from evenhand.core.errors import Missing
from evenhand.core.events import Moment
from evenhand.core.intake import split
from evenhand.core.policy import Actor, allows
from evenhand.service import qualification
from evenhand.service.view import decode_json, parse_told_id, project_row
from evenhand.store import Reader, Transaction


class Medium(msgspec.Struct, frozen=True):
    """Where a medium is, and what."""

    organization: str
    sha256: str
    type: str


def owner_of(reader: Reader, actor: Actor, project: str) -> str:
    """The organization that a medium for this project will belong to."""
    organization: str = project_row(reader, actor, project, "import.manage")["organization"]
    return organization


def kept(upload: Upload, declared: str = "") -> wire.Blob:
    """Keep what was written, and say what it is.

    Args:
        declared: the media type that the sender names; the bytes decide where they can.
    """
    shape = shape_of(upload.head, declared, upload.part)
    return wire.Blob(
        blob=upload.keep(),
        bytes=upload.bytes,
        type=shape.type,
        width=shape.width,
        height=shape.height,
        fps=msgspec.UNSET if shape.fps is None else shape.fps,
    )


def put(tx: Transaction, at: Moment, actor: Actor, project: str, blob: wire.Blob) -> None:
    """Note a medium whose bytes are stored. The same bytes again change nothing."""
    organization = owner_of(tx, actor, project)
    tx.run(
        "put_blob",
        organization=organization,
        sha256=blob.blob,
        bytes=blob.bytes,
        type=blob.type,
        width=blob.width or 0,
        height=blob.height or 0,
        created_ms=at.ms,
    )


def find(reader: Reader, actor: Actor, task: str, field: str) -> Medium:
    """The medium in this field of a task, for those who see all tasks and those who were given this one,
    as an assignment or in a test.

    Raises:
        Missing: no such task or medium, or none that the actor may see.
    """
    project, n = parse_told_id(reader, task)
    row = project_row(reader, actor, project, "project.form")
    keys = {"organization": row["organization"], "project": project, "task": n}
    given = allows(actor, "task.read", row["organization"]) or (
        reader.one("task_was_given", **keys, person=actor.person) is not None
        or qualification.shown(reader, actor, row, n)
    )
    if not given:
        raise _missing(task)
    record = reader.one("record_now", **keys)
    digest = _digest(record, field) if record else None
    found = reader.one("blob", organization=row["organization"], sha256=digest or "")
    if found is None:
        raise _missing(task)
    return Medium(row["organization"], found["sha256"], found["type"])


def _digest(record: dict[str, Any], field: str) -> str | None:
    data, _ = split(record["record"], record["mapping"])
    value = decode_json(data[field]) if field in data else None
    blob = value.get("blob") if isinstance(value, dict) else None
    return blob if isinstance(blob, str) else None


def _missing(task: str) -> Missing:
    return Missing("not-found", "There is no such medium, or you may not see it.", task)
