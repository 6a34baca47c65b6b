"""Brings a project out of another tool onto a node, through the ordinary routes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from evenhand import sdk, wire
from evenhand.core.errors import Invalid
from evenhand.peers import Brought, Fault, Item, Unfit
from evenhand.peers.media import File, Media, is_inline
from evenhand.sdk import Client, Progress

BATCH = 500  # annotations of one request
REMEMBERED = 10_000  # media known to be stored, so that tasks may share one


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    project_id: str
    fresh: bool  # the project was made; else it was there from an earlier time
    tasks: int  # new ones
    tasks_present: int
    annotations: int  # new ones
    annotations_present: int
    rejected: tuple[tuple[int, str, str], ...]  # (line or number in the source, path, reason)
    lost: tuple[Unfit, ...]


def move(
    client: Client,
    brought: Brought,
    into: str | None,
    tell: Progress | None = None,
    media: Media | None = None,
) -> Moved:
    """Make the project, or take the one of an earlier time, and send media, tasks and annotations.

    Args:
        into: id of the project to fill; None: the one with the same name, or a new one.
        tell: called with the tasks sent and how many there are.
        media: those that have looked at this project; None: addresses stay what they are.
    """
    project, fresh = _project(client, brought, into)
    source = _Source(brought, tell, _Stored(client, project, media))
    report = client.import_tasks(project, source.records(), name=brought.draft["name"])
    rejected = [(source.lines[row - 1], path, why) for row, path, why in report.rejected]
    total = wire.BroughtReport(accepted=0, present=0, rejected=[])
    began = next(client.imports(project)).created_at  # by the node's clock: ours may go ahead of it
    for batch in _batches(source.annotations(began)):
        answer = client.bring_annotations(project, batch)
        total = wire.BroughtReport(
            accepted=total.accepted + answer.accepted,
            present=total.present + answer.present,
            rejected=total.rejected + answer.rejected,
        )
    rejected += [(r.line, r.path, r.reason) for r in total.rejected]
    return Moved(
        project_id=project,
        fresh=fresh,
        tasks=report.accepted,
        tasks_present=report.present,
        annotations=total.accepted,
        annotations_present=total.present,
        rejected=tuple(sorted([*rejected, *source.faults])),
        lost=brought.lost,
    )


def _project(client: Client, brought: Brought, into: str | None) -> tuple[str, bool]:
    if into is not None:
        return into, False
    for project in client.projects():
        if project.document.name == brought.draft["name"] and project.state in ("active", "paused"):
            return project.id, False
    return client.create(sdk.draft(brought.draft, wire.ProjectDraft)).id, True


class _Source:
    """The items of a source, once for their records and once for their annotations."""

    def __init__(self, brought: Brought, tell: Progress | None, stored: _Stored) -> None:
        self._brought, self._tell, self._stored = brought, tell, stored
        self._without: set[str] = set()  # external ids of tasks that were not sent
        self.lines = array("q")  # of the records sent, in their order
        self.faults: list[tuple[int, str, str]] = []

    def records(self) -> Iterator[dict[str, Any]]:
        for item in self._brought.items():
            if isinstance(item, Fault):
                self.faults.append((item.line, "", item.reason))
                continue
            try:
                record = self._stored.record(item.record)
            except Invalid as error:
                self.faults.append((item.line, "", error.reason))
                self._without.add(item.external_id)
                continue
            self.lines.append(item.line)
            yield record
            if self._tell is not None and len(self.lines) % 500 == 0:
                self._tell(len(self.lines), self._brought.counts["tasks"])

    def annotations(self, began: str) -> Iterator[wire.BroughtAnnotation]:
        """Every annotation of a task that was sent; `began` stands for times that the tool does not say."""
        for item in self._brought.items():
            if isinstance(item, Item) and item.external_id not in self._without:
                yield from (_annotation(item, given, began) for given in item.annotations)


class _Stored:
    """Stores media on the node, each file once, and puts them in the place of their addresses."""

    def __init__(self, client: Client, project: str, media: Media | None) -> None:
        self._client, self._project, self._media = client, project, media
        self._blobs: dict[str, wire.Blob] = {}  # path of a file -> what was stored

    def record(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with its media; what they were called stays in its metadata, as at every import.

        Raises:
            Invalid: a file is damaged, or not taken.
        """
        found = dict(self._media.of(record)) if self._media is not None else {}
        if not found:
            return record
        made = record | {field: msgspec.to_builtins(self._blob(file)) for field, file in found.items()}
        metadata = record.get("metadata") or {}
        called = {field: record[field] for field in found if not is_inline(record[field])}
        if called and isinstance(metadata, dict) and "media" not in metadata:
            made["metadata"] = {**metadata, "media": called}
        return made

    def _blob(self, file: File) -> wire.Blob:
        if file.path not in self._blobs:
            if len(self._blobs) >= REMEMBERED:
                self._blobs.clear()
            self._blobs[file.path] = self._client.upload(self._project, file.read, "application/octet-stream")
        return self._blobs[file.path]


def _annotation(item: Item, given: Any, began: str) -> wire.BroughtAnnotation:
    return wire.BroughtAnnotation(
        line=item.line,
        external_id=item.external_id,
        annotator=given.annotator,
        name=given.name,
        email=given.email,
        kind=given.kind,
        answers=given.answers,
        seconds=given.seconds,
        submitted_at=given.submitted_at or began,
    )


def _batches(given: Iterator[wire.BroughtAnnotation]) -> Iterator[list[wire.BroughtAnnotation]]:
    while batch := list(islice(given, BATCH)):
        yield batch


def words(moved: Moved, shown: int) -> str:
    """What came of it, for a person."""
    head = (
        f"{'Made' if moved.fresh else 'Found'} the project {moved.project_id}. "
        f"Tasks: {moved.tasks:,} new, {moved.tasks_present:,} there already. "
        f"Annotations: {moved.annotations:,} new, {moved.annotations_present:,} there already. "
        f"Rejected: {len(moved.rejected):,}."
    )
    lines = [f"  line {n}: {f'{path}: ' if path else ''}{why}" for n, path, why in moved.rejected[:shown]]
    more = len(moved.rejected) - len(lines)
    return "\n".join([head, *lines, *([f"  and {more:,} more; --json lists them"] if more > 0 else [])])


def losses(lost: tuple[Unfit, ...]) -> str:
    """What will not fit, for a person: one line each."""
    return "\n".join(
        f"  {one.where}{f' ({one.count:,} times)' if one.count else ''}: {one.reason}" for one in lost
    )
