"""Brings a project out of its archive onto this node: checked first, then done again event by event.

Whatever the pages of a project show there, they show here: rules with all their versions, data in all
rounds, media, annotations with their revisions, skips, flags, gold, tests, reviews, appeals, statements of
pay. In the ledger of this node annotations are `brought` and other acts `told`: another ledger cannot say
that it saw them. What concerns several projects (shared pools, erasures) stays in the archive, with its
proofs. A restore that fails leaves no project behind but a deleted one. One that a stop or a crash
interrupts goes on where it was: each step commits what it did together with how far that is.
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from evenhand import wire
from evenhand.audit.archive import ArchiveReport, verify
from evenhand.blobs import Blobs
from evenhand.core.canonical import decode_entry
from evenhand.core.errors import Broken, EvenhandError, Refused
from evenhand.core.events import MAX_ROWS, Moment
from evenhand.core.policy import Actor, Membership
from evenhand.lane import Lane
from evenhand.service import adaptive, brought, media, projects, told
from evenhand.service.brought import Member
from evenhand.service.told import Aim, Line, Taken, draft_of
from evenhand.service.view import decode_json, encode_json, failure
from evenhand.store import Transaction

FEW = 200  # events that one verb does again: annotators of other projects get in between
LONGEST = 64 << 20  # bytes of one line
PIECE = 1 << 20
REJECTED = 1000  # that are kept with a report


def run(lane: Lane, blobs: Blobs, restore: str, path: Path) -> None:
    """Make a project out of an archive that was received; the job behind the last of its bytes.

    It may be stopped at any step and run again, and two that run at once do nothing twice: the archive is
    there until the restore has ended.
    """
    with lane.store.read() as reader:
        row = reader.one("restore", id=restore)
    if row is None or row["state"] != "running":
        return
    try:
        _Restoring(lane, blobs, row, path).run()
    except EvenhandError as error:
        if error.rule in INTERRUPTED:
            return
        lane.call(_failed, row["id"], row["organization"], error)
    except FileNotFoundError:
        what = "The archive is no longer on this node."
        lane.call(_failed, row["id"], row["organization"], Broken("archive.gone", what, "", "Send it again."))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, zipfile.BadZipFile) as error:
        what = f"The archive tells something that this node cannot read: {error!r}."
        lane.call(_failed, row["id"], row["organization"], Broken("archive.form", what, ""))
    except Exception:
        what = "The restore broke off; the node's log says why."
        lane.call(_failed, row["id"], row["organization"], Broken("archive.internal", what, ""))
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def actor_for(organization: str) -> Actor:
    """Who it is done for. It was allowed when it was begun; nobody's later leave stops it."""
    member = Membership(organization=organization, member="", role="manager")
    return Actor(person="", name="restore", memberships=(member,))


def _failed(tx: Transaction, at: Moment, id_: str, organization: str, error: EvenhandError) -> None:
    problem = failure(error, "Restore failed")
    if not tx.changed("finish_restore", id=id_, state="failed", report=None, error=problem):
        return  # another process has ended it
    row = tx.one("restore", id=id_)
    assert row is not None, "it has just failed"
    if row["project"]:
        gone = wire.StateChange(state="deleted")
        projects.set_state(tx, at, actor_for(organization), row["project"], gone)


class _Came(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the events so far; kept with the restore."""

    did: dict[str, int] = {}  # kind -> how many
    left: dict[str, int] = {}
    rejected: list[wire.Rejected] = []  # the first `REJECTED`
    rejected_count: int = 0

    def and_of(self, taken: Taken) -> _Came:
        more = [wire.Rejected(line=n, path=path, reason=why) for n, path, why in taken.rejected]
        return _Came(
            did=dict(Counter(self.did) + taken.did),
            left=dict(Counter(self.left) + taken.left),
            rejected=[*self.rejected, *more][:REJECTED],
            rejected_count=self.rejected_count + len(more),
        )


class _Restoring:
    """One archive on its way in. Memory holds its people and the tests that are going on, no tasks."""

    def __init__(self, lane: Lane, blobs: Blobs, row: dict[str, Any], path: Path) -> None:
        self._lane, self._blobs, self._row, self._path = lane, blobs, row, path
        self._actor = actor_for(row["organization"])
        self._tests: dict[str, dict[str, Any]] = {}  # member -> the test that is going on
        self._replayed, self._concluded = row["replayed"], row["concluded"]
        self._came = msgspec.json.decode(row["came"], type=_Came) if row["came"] else _Came()

    def run(self) -> None:
        events = None if self._row["project"] else _checked(self._path).counts["events"]
        with zipfile.ZipFile(self._path) as self._zip:
            self._manifest = json.loads(self._zip.read("manifest.json"))
            documents = [line["document"] for line in self._lines("versions.jsonl")]
            aim = self._begin(documents, events)
            if not self._replayed:
                self._take_media(aim.project)
            self._replay(aim)
            self._conclude(aim)
            report = self._report(aim)
            self._lane.call(_finish, self._actor, aim, self._manifest["state"], documents[-1], report)

    def _report(self, aim: Aim) -> wire.RestoreReport:
        came = self._came
        return wire.RestoreReport(
            versions=aim.versions,
            tasks=self._manifest["counts"]["tasks"],
            annotations=came.did.get("annotations", 0),
            acts={kind: n for kind, n in sorted(came.did.items()) if kind not in DATA},
            rejected=came.rejected,
            rejected_count=came.rejected_count,
            left=came.left,
        )

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        with self._zip.open(name) as source:
            while line := source.readline(LONGEST):
                yield decode_json(line)

    def _begin(self, documents: list[dict[str, Any]], events: int | None) -> Aim:
        """Make the project, or take the one that was made before a stop (`events` is None)."""
        name = self._row["name"] or documents[-1]["name"]
        project = self._row["project"]
        if events is not None:
            draft = draft_of(documents[0], name if len(documents) == 1 else "")
            draft = msgspec.structs.replace(draft, organization_id=self._row["organization"])
            project = self._lane.call(_create, self._row, self._actor, draft, name, events)
        return Aim(
            actor=self._actor,
            organization=self._row["organization"],
            project=project,
            restore=self._row["id"],
            members=self._people(),
            name=name,
            versions=len(documents),
        )

    def _people(self) -> dict[str, Member]:
        people = (msgspec.convert(line, _Person) for line in self._lines("people.jsonl"))
        known: dict[str, Member] = {}
        while some := list(islice(people, MAX_ROWS)):
            known |= self._lane.call(brought.members_for, self._row["organization"], some)
        return known

    def _take_media(self, project: str) -> None:
        for name in self._zip.namelist():
            if name.startswith("media/"):
                self._lane.call(media.put, self._actor, project, self._kept(name))

    def _kept(self, name: str) -> wire.Blob:
        upload = self._blobs.upload(self._row["organization"])
        try:
            with self._zip.open(name) as source:
                while piece := source.read(PIECE):
                    upload.write(piece)
            return media.kept(upload)
        finally:
            upload.drop()

    # -- events

    def _replay(self, aim: Aim) -> None:
        """Those of before a stop are read again, for the tests among them, and passed over."""
        lines = self._with_tests(_line(line) for line in self._lines("history.jsonl"))
        left = islice(lines, self._replayed, None)
        while some := list(islice(left, FEW)):
            self._came = self._lane.call(_take, aim, some, self._far(), self._came)
            self._replayed += len(some)

    def _far(self) -> tuple[int, int]:
        return self._replayed, self._concluded

    def _with_tests(self, lines: Iterable[Line]) -> Iterator[Line]:
        """A test as one act, once it has ended; those that never did come last."""
        for line in lines:
            if line.kind == "test-began":
                own = {"attempt": line.local["attempt"], "tasks": decode_json(line.value("tasks") or b"[]")}
                mine = {"member": line.local["member"], "opened": line.at, "right": [], "passed": None}
                self._tests[line.local["member"]] = own | mine
            elif line.kind == "test-answered":
                self._tests[line.local["member"]]["right"].append(line.local["right"])
            elif line.kind == "test-ended":
                member = line.value("member").decode()
                ended = self._tests.pop(member) | {"passed": line.public["passed"]}
                yield msgspec.structs.replace(line, kind="tested", local=ended)
                continue
            yield line
        for unended in self._tests.values():
            yield Line(
                kind="tested", stream="", at=unended["opened"], public={}, private={}, rows=(), local=unended
            )

    def _conclude(self, aim: Aim) -> None:
        concluded = (
            (line["n"], line["consensus"]) for line in self._lines("tasks.jsonl") if line["consensus"]
        )
        left = islice(concluded, self._concluded, None)
        while some := list(islice(left, MAX_ROWS)):
            self._lane.call(_conclude, aim, some, self._far())
            self._concluded += len(some)


DATA = frozenset({"project-versioned", "rules-followed", "tasks-imported", "told"})
"""Kinds that a report tells of in another way."""
INTERRUPTED = ("lane.closed", "archive.elsewhere")
"""Why a restore stops here without having failed: the node stops, or another process does it."""


class _Person(msgspec.Struct, frozen=True, kw_only=True):
    """A line of people.jsonl: `brought.Giver`."""

    annotator: str
    kind: Any
    name: str = ""
    email: str | None = None


def _checked(path: Path) -> ArchiveReport:
    report = verify(path)
    if not report.ok:
        rule, place, what = report.findings[0]
        remedy = "`evenhand project verify` lists everything."
        raise Broken("archive.broken", f"{rule}: {what}", place, remedy)
    if not report.local:
        what = "The archive was written by an older Evenhand, and does not say which task an event is about."
        raise Broken("archive.old", what, "history.jsonl", "Write it again with the present version.")
    return report


def _create(
    tx: Transaction,
    at: Moment,
    row: dict[str, Any],
    actor: Actor,
    draft: wire.ProjectDraft,
    name: str,
    events: int,
) -> str:
    _unless_elsewhere(tx.changed("restore_begins", id=row["id"], events=events))
    after: str | None = None
    while True:
        page = projects.list_(tx, actor, None, row["organization"], after)
        if any(one.document.name == name and one.state != "deleted" for one in page.items):
            what = f"There is a project called {name!r}."
            raise Refused("archive.name", what, "name", "Give it another name.")
        after = page.next
        if after is None:
            break
    made = projects.create(tx, at, actor, draft)
    projects.set_state(tx, at, actor, made.id, wire.StateChange(state="paused"))
    adaptive.forget(tx, row["organization"], made.id)
    tx.run("restore_began", id=row["id"], project=made.id)
    return made.id


def _take(
    tx: Transaction, at: Moment, aim: Aim, lines: Sequence[Line], far: tuple[int, int], came: _Came
) -> _Came:
    _goes_on(tx, aim, far, len(lines), 0)
    came = came.and_of(told.take(tx, at, aim, lines))
    tx.run("restore_came", id=aim.restore, came=encode_json(came))
    return came


def _conclude(
    tx: Transaction, at: Moment, aim: Aim, outcomes: Sequence[tuple[int, Any]], far: tuple[int, int]
) -> None:
    _goes_on(tx, aim, far, 0, len(outcomes))
    told.conclude(tx, at, aim, outcomes)


def _goes_on(tx: Transaction, aim: Aim, far: tuple[int, int], replayed: int, concluded: int) -> None:
    """How far it is, committed with what was done; the row stays locked, so that nobody does the same."""
    was_replayed, was_concluded = far
    done = tx.changed(
        "restore_goes_on",
        id=aim.restore,
        was_replayed=was_replayed,
        was_concluded=was_concluded,
        replayed=was_replayed + replayed,
        concluded=was_concluded + concluded,
    )
    _unless_elsewhere(done)


def _unless_elsewhere(changed: int) -> None:
    if not changed:
        raise Refused("archive.elsewhere", "Another process goes on with this restore.", "")


def _finish(
    tx: Transaction,
    at: Moment,
    actor: Actor,
    aim: Aim,
    state: str,
    document: dict[str, Any],
    report: wire.RestoreReport,
) -> None:
    done = tx.changed("finish_restore", id=aim.restore, state="done", report=encode_json(report), error=None)
    _unless_elsewhere(done)
    if state != "paused":
        projects.set_state(tx, at, actor, aim.project, msgspec.convert({"state": state}, wire.StateChange))
    checked = projects.document_of(draft_of(document))
    adaptive.watch(tx, aim.organization, aim.project, checked)


def _line(line: dict[str, Any]) -> Line:
    entry = decode_entry(b64decode(line["entry"]))
    return Line(
        kind=entry.kind,
        stream=entry.stream,
        at=entry.at,
        public=dict(entry.public),
        private={name: b64decode(value) for name, (_, value) in line["open"].items()},
        rows=tuple(b64decode(row) for _, row in line.get("rows", ())),
        local=line["local"],
    )
