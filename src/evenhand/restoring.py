"""Brings a project out of its archive onto a node, through the ordinary routes.

Rules with all their versions, data, media, and labels with who gave them and when come to life again.
What happened around them (reviews, flags, skips, gold, pay, earlier revisions) stays in the archive,
with its proofs: another ledger cannot say that it saw it.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from evenhand import sdk, wire
from evenhand.audit.archive import ArchiveReport, verify
from evenhand.core.errors import Broken, Refused
from evenhand.sdk import Client, Progress

BATCH = 500  # annotations of one request
BROUGHT = frozenset(
    {
        "project-created", "project-versioned", "project-state-changed", "tasks-imported", "submitted",
        "brought", "concluded", "released", "rules-followed",
    }
)  # fmt: skip
"""Kinds of events whose effect comes along."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    project_id: str
    versions: int
    tasks: int  # new ones
    tasks_present: int
    annotations: int  # new ones
    annotations_present: int
    rejected: tuple[tuple[int, str, str], ...]  # (task in the archive, path, reason)
    left: dict[str, int]  # kind of event, or what else stays in the archive -> how often


def restore(
    client: Client, path: Path, name: str | None = None, into: str | None = None, tell: Progress | None = None
) -> Restored:
    """Make a project out of an archive.

    Args:
        path: of the archive.
        name: of the project to make; None: its name there.
        into: id of the project that an earlier, interrupted call has made.
        tell: called with the tasks sent and how many there are.

    Raises:
        Broken: the archive is damaged, or not what its node signed.
        Refused: there is a project of that name.
    """
    report = verify(path)
    if not report.ok:
        rule, place, what = report.findings[0]
        raise Broken(
            "archive.broken", f"{rule}: {what}", place, "`evenhand project verify` lists everything."
        )
    with zipfile.ZipFile(path) as archive:
        return _Restoring(client, archive, report, name, into, tell).run()


class _Restoring:
    """One archive on its way in."""

    def __init__(
        self,
        client: Client,
        archive: zipfile.ZipFile,
        report: ArchiveReport,
        name: str | None,
        into: str | None,
        tell: Progress | None,
    ) -> None:
        self._client, self._zip, self._tell = client, archive, tell
        self._manifest = json.loads(archive.read("manifest.json"))
        self._versions = sorted(self._lines("versions.jsonl"), key=lambda line: line["version"])
        self._name = name or self._versions[-1]["document"]["name"]
        self._into = into
        self._left = Counter({kind: count for kind, count in report.kinds.items() if kind not in BROUGHT})
        self._rejected: list[tuple[int, str, str]] = []

    def run(self) -> Restored:
        project = self._client.project(self._into) if self._into else self._create()
        self._send_media(project.id)
        tasks = self._client.import_tasks(project.id, self._records(), self._told, name="archive")
        numbers = self._numbers
        self._rejected += [(numbers[row - 1], path, why) for row, path, why in tasks.rejected]
        total = wire.BroughtReport(accepted=0, present=0, rejected=[])
        version = project.version
        for line in self._versions:
            if line["version"] > version:
                version = self._change(project.id, version, line["document"])
            total = self._bring(project.id, line["version"], total)
        self._rejected += [(one.line, one.path, one.reason) for one in total.rejected]
        if not tasks.rejected:
            self._withdraw(project.id)
        if self._manifest["state"] in ("paused", "archived"):
            self._client.set_state(project.id, self._manifest["state"])
        return Restored(
            project_id=project.id,
            versions=version,
            tasks=tasks.accepted,
            tasks_present=tasks.present,
            annotations=total.accepted,
            annotations_present=total.present,
            rejected=tuple(sorted(self._rejected)),
            left=dict(self._left),
        )

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        with self._zip.open(name) as source:
            for line in source:
                yield json.loads(line)

    def _told(self, done: int, total: int | None) -> None:
        if self._tell is not None:
            self._tell(done, self._manifest["counts"]["tasks"])

    def _create(self) -> wire.Project:
        names = {one.document.name for one in self._client.projects() if one.state != "deleted"}
        if self._name in names:
            raise Refused(
                "archive.name",
                f"There is a project called {self._name!r}.",
                "--name",
                "Give it another name.",
            )
        document = {**self._versions[0]["document"], "name": self._name}
        return self._client.create(sdk.draft(_draft(document), wire.ProjectDraft))

    def _change(self, project: str, version: int, document: dict[str, Any]) -> int:
        last = document is self._versions[-1]["document"]
        named = {**document, "name": self._name} if last else document
        absent = dict.fromkeys(("gold", "qualification", "review", "pay"))
        defaults = {
            "instructions": "",
            "overlap": 1,
            "order": "imported",
            "lease_seconds": 1800,
            "prefetch": 3,
        }
        switches = {"skip": True, "suggestions": True}
        whole = {**absent, **defaults, **switches, **_draft(named)}
        return self._client.change_project(project, version, **whole).version

    def _send_media(self, project: str) -> None:
        for name in self._zip.namelist():
            if name.startswith("media/"):
                self._client.upload(project, self._zip.read(name), "application/octet-stream")

    def _records(self) -> Iterator[dict[str, Any]]:
        """The records with their keys as the project has them, values byte for byte; each with an id."""
        self._numbers: list[int] = []
        with self._zip.open("tasks.jsonl") as source:
            for raw in source:
                line = msgspec.json.decode(raw, type=_Task)
                self._numbers.append(line.n)
                record = {line.mapping.get(key, key): value for key, value in line.record.items()}
                if line.priority:
                    record["priority"] = msgspec.Raw(str(line.priority).encode())
                yield {**record, "external_id": line.external_id or line.task_id}

    def _bring(self, project: str, version: int, total: wire.BroughtReport) -> wire.BroughtReport:
        """The annotations that were given under this version."""
        given = self._annotations(version)
        while batch := list(islice(given, BATCH)):
            answer = self._client.bring_annotations(project, batch)
            total = wire.BroughtReport(
                accepted=total.accepted + answer.accepted,
                present=total.present + answer.present,
                rejected=total.rejected + answer.rejected,
            )
        return total

    def _annotations(self, version: int) -> Iterator[wire.BroughtAnnotation]:
        people = {one["annotator"]: one for one in self._lines("people.jsonl")}
        tasks = self._lines("tasks.jsonl")
        task: dict[str, Any] = {"n": 0}
        for line in self._lines("annotations.jsonl"):
            while task["n"] < line["n"]:
                task = next(tasks)
            if line["version"] != version:
                continue
            if line["round"] != task["round"]:
                self._left["annotations of earlier rounds"] += 1
                continue
            if line["revision"] > 1:
                self._left["earlier revisions"] += line["revision"] - 1
            yield _brought(line, task, people[line["annotator"]])

    def _withdraw(self, project: str) -> None:
        gone = [
            f"{project}-{place}"
            for place, line in enumerate(self._lines("tasks.jsonl"), 1)
            if line["status"] == "withdrawn"
        ]
        for at in range(0, len(gone), 1000):
            self._client.act_on_tasks(project, "withdraw", gone[at : at + 1000])


class _Task(msgspec.Struct):
    """A line of tasks.jsonl, values of the record as they stand."""

    n: int
    task_id: str
    external_id: str | None
    priority: int
    record: dict[str, msgspec.Raw]
    mapping: dict[str, str]


def _draft(document: dict[str, Any]) -> dict[str, Any]:
    """A stored document as drafts are written: questions have names, and their ids are stable."""
    questions = [{**question, "name": question["id"]} for question in document["questions"]]
    return {**document, "questions": questions}


def _brought(line: dict[str, Any], task: dict[str, Any], person: dict[str, Any]) -> wire.BroughtAnnotation:
    return wire.BroughtAnnotation(
        line=line["n"],
        external_id=task["external_id"] or task["task_id"],
        annotator=line["annotator"],
        name=person.get("name") or "",
        email=person.get("email"),
        kind=person["kind"],
        answers=line["answers"],
        seconds=line["seconds"],
        submitted_at=line["submitted_at"],
    )


def words(restored: Restored, shown: int) -> str:
    """What came of it, for a person."""
    head = (
        f"The project {restored.project_id}, version {restored.versions}. "
        f"Tasks: {restored.tasks:,} new, {restored.tasks_present:,} there already. "
        f"Annotations: {restored.annotations:,} new, {restored.annotations_present:,} there already. "
        f"Rejected: {len(restored.rejected):,}."
    )
    lines = [f"  task {n}: {f'{path}: ' if path else ''}{why}" for n, path, why in restored.rejected[:shown]]
    more = len(restored.rejected) - len(lines)
    lines += [f"  and {more:,} more; --json lists them"] if more > 0 else []
    left = ", ".join(f"{count:,} {kind}" for kind, count in sorted(restored.left.items()))
    return "\n".join([head, *lines, *([f"Only in the archive: {left}."] if left else [])])
