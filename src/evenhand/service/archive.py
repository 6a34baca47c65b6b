"""A project's archive: everything of it in one signed file, to take elsewhere and to be checked by anyone.

A ZIP of JSON lines, a line for each task, annotation, person, version and event, with the media beside
them. Events come as the ledger has them, with what their commitments hide and the path to a signed
checkpoint; so data and labels are not this node's word but what it committed to at the time.
docs/spec/archive.md says every field.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import msgspec

from evenhand import __version__, wire
from evenhand.blobs import Blobs
from evenhand.core import merkle
from evenhand.core.checkpoint import open_checkpoint
from evenhand.core.errors import Unavailable
from evenhand.core.events import (
    Admitted,
    Brought,
    Event,
    Flagged,
    GoldScored,
    Moment,
    PayStated,
    ProjectPosted,
    Released,
    Reviewed,
    Skipped,
    StandingChanged,
    Submitted,
    TasksImported,
    TestEnded,
)
from evenhand.core.intake import split
from evenhand.core.policy import Actor
from evenhand.lane import Lane
from evenhand.ledger import PublicLog
from evenhand.service import exports
from evenhand.service.view import decode_json, encode_json, project_row, task_id, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import Placed, answers_of, decode

NAME = "archive"  # among the formats of exports; no format has this name
FILE = "archive.zip"
LAYOUT = "evenhand/archive/v1"
WINDOW = 5_000  # seqs read at once
PATIENCE = 30.0  # seconds until all that is committed must be in the log
SECRET = frozenset({("project-created", "seed")})  # still in use: it hides which tasks are gold
MEDIA = "media/"
LEASED = Submitted | Brought | Skipped | Flagged
APART = frozenset({"project", "lapsed_ids", "assignment_ids", "was"})
"""Local fields that say nothing elsewhere."""

_encode = msgspec.json.Encoder().encode

README = """# Archive of an Evenhand project

`manifest.json` says what is here, with the digest of each file; `manifest.sig` is the node's signature
of it. `evenhand project verify FILE` checks all of it offline, `evenhand project restore FILE` brings it
into another node. Every field: docs/spec/archive.md of Evenhand.
"""


class Parts(msgspec.Struct, frozen=True):
    """What of the node an archive needs."""

    blobs: Blobs
    log: PublicLog
    epoch: int  # of the log, whose predecessors lie beside it
    origin: str
    sign: Callable[[str], bytes]  # text -> signed note


def start(tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.NewArchive) -> wire.Export:
    """Begin an archive; `run` writes it. It is listed and fetched like an export."""
    row = project_row(tx, actor, project, "archive.manage")
    settings = exports.Settings(format=NAME, surplus=True, options={"people": request.people})
    return exports.get(tx, actor, exports.begin(tx, at, row, settings))


def run(lane: Lane, export: str, folder: Path, parts: Parts) -> None:
    """Write an archive into ``folder/<export>``."""

    def write(row: dict[str, Any], work: Path) -> exports.Done:
        with lane.store.read() as reader:
            upto: int = reader.tuples("max_seq")[0][0]
            _wait(lane, parts, upto)
            people = exports.settings_of(row).options["people"]
            manifest = _Archive(lane, reader, parts, row, people).write(work / FILE, upto)
        return lambda tx, at: _done(tx, at, row, manifest)

    exports.whole(lane, export, folder, write)


def _done(tx: Transaction, at: Moment, row: dict[str, Any], manifest: dict[str, Any]) -> None:
    count = manifest["counts"]["tasks"]
    event = Released(
        stream=row["project"], owner=row["organization"], count=count, manifest=_encode(manifest)
    )
    tx.append([event], at)
    files = encode_json([FILE])
    tx.run("finish_export", id=row["id"], state="done", written=count, upto=0, files=files, error=None)


def _wait(lane: Lane, parts: Parts, upto: int) -> None:
    """Until all events up to here are under a checkpoint: without it they could not be proved."""
    limit = time.monotonic() + PATIENCE
    while True:
        with lane.store.read() as reader:
            rows = reader.tuples("batch_of_seq", seq=upto)
        size = open_checkpoint(parts.log.checkpoint_note(), parts.log.vkey()).size
        if rows and rows[0][0] + rows[0][2] <= size:
            return
        if time.monotonic() > limit:
            raise Unavailable("archive.log", "The log does not get ahead.", "", "Try again later.")
        time.sleep(0.1)


class _File:
    """One file in the archive while it is written, with its digest."""

    def __init__(self, archive: ZipFile, name: str, files: list[dict[str, Any]], packed: bool = True) -> None:
        self._entry: dict[str, Any] = {"name": name, "bytes": 0, "sha256": ""}
        self._digest = hashlib.sha256()
        files.append(self._entry)
        kind = ZIP_DEFLATED if packed else ZIP_STORED
        archive.compression, archive.compresslevel = kind, 6
        self._target = archive.open(name, "w", force_zip64=True)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._target.close()
        self._entry["sha256"] = self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._entry["bytes"] += len(data)
        self._target.write(data)

    def line(self, value: Any) -> None:
        self.write(_encode(value) + b"\n")


class _Archive:
    """One archive while it is written. Memory does not grow with the number of tasks, but for the names
    of media and of who answered."""

    def __init__(self, lane: Lane, reader: Reader, parts: Parts, row: dict[str, Any], people: str) -> None:
        self._lane, self._reader, self._parts, self._row = lane, reader, parts, row
        self._people = people
        self._keys = {"organization": row["organization"], "project": row["project"]}
        self._files: list[dict[str, Any]] = []
        self._media: dict[str, None] = {}  # digests, in the order of their tasks
        self._members: dict[str, str] = {}  # who answered -> kind
        self._logs: dict[int, _Log] = {}
        self._postings: set[str] = set()  # the project's names in shared pools
        self._counts = dict.fromkeys(("tasks", "annotations", "people", "versions", "events", "media"), 0)

    def write(self, path: Path, upto: int) -> dict[str, Any]:
        """All of it; gives the manifest."""
        with ZipFile(path, "w", allowZip64=True) as archive:
            self._write_all(archive, "README.md", [README.encode()])
            for name, lines in (
                ("versions.jsonl", self._versions()),
                ("tasks.jsonl", self._tasks()),
                ("annotations.jsonl", self._annotations()),
                ("history.jsonl", self._history(upto)),
                ("people.jsonl", self._persons()),
            ):
                self._write_all(archive, name, (_encode(line) + b"\n" for line in lines))
            for digest in self._media:
                self._write_medium(archive, digest)
            manifest = self._manifest()
            data = json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n"
            archive.writestr("manifest.json", data)
            archive.writestr("manifest.sig", self._parts.sign(signed_text(self._parts.origin, data)))
        return manifest

    def _write_all(self, archive: ZipFile, name: str, pieces: Iterable[bytes]) -> None:
        with _File(archive, name, self._files) as file:
            for piece in pieces:
                file.write(piece)

    def _write_medium(self, archive: ZipFile, digest: str) -> None:
        owner = self._row["organization"]
        size = self._parts.blobs.size(owner, digest)
        with _File(archive, MEDIA + digest, self._files, packed=False) as file:
            for piece in self._parts.blobs.read(owner, digest, 0, size):
                file.write(piece)
        self._counts["media"] += 1

    def _manifest(self) -> dict[str, Any]:
        project = self._reader.one("project", project=self._row["project"])
        assert project is not None, "an export follows its project"
        return {
            "layout": LAYOUT,
            "origin": self._parts.origin,
            "software": f"evenhand {__version__}",
            "written_at": when(time.time_ns() // 1_000_000),
            "project": self._row["project"],
            "state": project["state"],
            "version": project["version"],
            "people": self._people,
            "counts": self._counts,
            "logs": [log.told() for _, log in sorted(self._logs.items())],
            "files": self._files,
        }

    def _versions(self) -> Iterator[dict[str, Any]]:
        for row in reversed(self._reader.all("versions", **self._keys)):
            self._counts["versions"] += 1
            yield {
                "version": row["version"],
                "created_at": when(row["created_ms"]),
                "document": msgspec.Raw(row["document"]),
            }

    def _chunks(self, query: str) -> Iterator[tuple[Any, ...]]:
        after, more = 0, True
        while more:
            stretch = {"after": after, "upto": after + exports.CHUNK}
            yield from self._reader.tuples(query, **self._keys, **stretch)
            after += exports.CHUNK
            more = bool(self._reader.tuples("release_more", **self._keys, after=after))

    def _tasks(self) -> Iterator[dict[str, Any]]:
        for n, status, round_, priority, record, mapping, external_id, consensus in self._chunks(
            "archive_tasks"
        ):
            self._counts["tasks"] += 1
            if self._counts["tasks"] % 20_000 == 0:
                self._lane.call(exports.progress, self._row["id"], self._counts["tasks"])
            self._note_media(record, mapping)
            yield {
                "n": n,
                "task_id": task_id(self._row["project"], n),
                "external_id": external_id,
                "status": status,
                "round": round_,
                "priority": priority,
                "record": decode_json(record) if b"\n" in record else msgspec.Raw(record),
                "mapping": msgspec.Raw(mapping or b"{}"),
                "consensus": msgspec.Raw(consensus) if consensus else None,
            }

    def _note_media(self, record: bytes, mapping: bytes) -> None:
        if b'"blob"' not in record:
            return
        data, _ = split(record, mapping)
        for raw in data.values():
            value = decode_json(raw)
            digest = value.get("blob") if isinstance(value, dict) else None
            if isinstance(digest, str) and self._reader.one(
                "blob", organization=self._row["organization"], sha256=digest
            ):
                self._media[digest] = None

    def _annotations(self) -> Iterator[dict[str, Any]]:
        for row in self._chunks("archive_annotations"):
            (
                n,
                round_,
                member,
                kind,
                state,
                version,
                revision,
                ms,
                closed_ms,
                stream,
                place,
                body,
                opened_ms,
            ) = row
            self._counts["annotations"] += 1
            self._members[member] = kind
            yield {
                "n": n,
                "round": round_,
                "annotator": member,
                "state": state,
                "version": version,
                "revision": revision,
                "answers": msgspec.Raw(answers_of(body)),
                "seconds": ms / 1000 if ms >= 0 else None,
                "given_at": when(opened_ms) if opened_ms else None,
                "submitted_at": when(closed_ms),
                "place": [stream, place],
            }

    def _persons(self) -> Iterator[dict[str, Any]]:
        for member, kind in sorted(self._members.items()):
            self._counts["people"] += 1
            told: dict[str, Any] = {"annotator": member, "kind": kind}
            row = self._reader.one("member_by_id", id=member) if self._people == "named" else None
            if row is not None:
                told |= {"name": row["name"], "email": row["email"]}
            yield told

    def _history(self, upto: int) -> Iterator[dict[str, Any]]:
        """Every event about the project, in the order of commits."""
        owner = self._row["organization"]
        with self._lane.store.read() as newest:  # leaves that were given since the snapshot
            yield from self._events(owner, upto, _Leaves(newest))

    def _events(self, owner: str, upto: int, leaves: _Leaves) -> Iterator[dict[str, Any]]:
        for start in range(0, upto, WINDOW):
            rows = self._reader.all(
                "watched_events", organization=owner, after=start, upto=min(start + WINDOW, upto)
            )
            mine = [placed for placed in map(_decoded, rows) if self._is_about(placed.event)]
            leases = self._leases([placed.event for placed in mine])
            for placed in mine:
                self._counts["events"] += 1
                told = self._event(placed, *leaves.find(placed.seq))
                yield told | {"local": self._local(placed.event, leases)}

    def _is_about(self, event: Event) -> bool:
        """Whether an event is about the project, or tells shared pools of it."""
        project = self._row["project"]
        if isinstance(event, ProjectPosted):
            self._postings |= {event.posting} if event.project == project.encode() else set()
        if isinstance(event, ProjectPosted | Admitted):
            return event.posting in self._postings
        return project in (event.stream, getattr(event, "project", None))

    def _leases(self, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
        """What reserved these assignments and reviews: id -> its round and version, and when."""
        assignments = [e.assignment for e in events if isinstance(e, LEASED)]
        reviews = [e.review for e in events if isinstance(e, Reviewed)]
        rows = [
            *self._reader.tuples("archive_leases", ids=assignments),
            *self._reader.tuples("archive_reviews", ids=reviews),
        ]
        return {
            id_: dict(zip(("round", "version", "opened", "until"), lease, strict=True))
            for id_, *lease in rows
        }

    def _local(self, event: Event, leases: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """What the node keeps beside the entry: which task it is about, and by which pseudonym."""
        told = {name: _plain(getattr(event, name)) for name in event.LOCAL if name not in APART}
        for name in ("member", "reviewer", "annotator"):
            self._note_member(told.get(name))
        if isinstance(event, GoldScored | StandingChanged | TestEnded):
            self._note_member(event.member.decode())
        if isinstance(event, PayStated):
            for row in event.rows:
                self._note_member(decode_json(row)[0])
        if isinstance(event, LEASED):
            told |= leases.get(event.assignment, {})
        elif isinstance(event, Reviewed):
            told |= leases.get(event.review, {})
            for _, member, *_ in event.judgements:
                self._note_member(member)
        return told

    def _note_member(self, member: str | None) -> None:
        if member and member not in self._members:
            row = self._reader.one("member_by_id", id=member)
            self._members[member] = row["kind"] if row else "human"

    def _event(self, placed: Placed, epoch: int, leaf: int | None) -> dict[str, Any]:
        event = placed.event
        log = self._logs.get(epoch)
        if log is None:
            log = self._logs[epoch] = _Log(self._parts, epoch)
        told: dict[str, Any] = {
            "log": epoch,
            "entry": _b64(placed.entry),
            "open": {
                field: [_b64(salt), _b64(getattr(event, field))]
                for field, salt in zip(event.PRIVATE, placed.salts, strict=False)
                if (event.KIND, field) not in SECRET and salt  # without one it was erased
            },
        }
        if event.BULK:
            told["rows"] = [[_b64(salt), _b64(row)] for salt, row in self._rows(placed)]
        if leaf is not None and leaf < log.size:
            told |= {"leaf": leaf, "proof": [_b64(part) for part in log.proof(leaf)]}
        return told

    def _rows(self, placed: Placed) -> Iterable[tuple[bytes, bytes]]:
        event = placed.event
        if isinstance(event, TasksImported):
            count = decode_count(placed.entry)
            return self._reader.tuples(
                "import_records", **self._keys, first=event.first, last=event.first + count - 1
            )
        rows: tuple[bytes, ...] = event.rows  # type: ignore[attr-defined]  # BULK has rows
        return zip(placed.salts[len(event.PRIVATE) :], rows, strict=True)


class _Leaves:
    """Where the logs have events, asked for in the order of commits."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._last = -1  # seq of the batch in hand
        self._before = 0  # seq at or below which nothing is in it
        self._epoch = 1
        self._next = 0  # leaf of the first event behind `_after`
        self._after = 0

    def find(self, seq: int) -> tuple[int, int | None]:
        """(epoch, leaf) of an event; no leaf when a restore came before it was logged."""
        if seq > self._last:
            self._take(seq)
        if not self._before < seq <= self._last:
            return self._epoch, None
        between: int = self._reader.tuples("events_before_in_batch", after=self._after, seq=seq)[0][0]
        leaf = self._next + between
        self._next, self._after = leaf + 1, seq
        return self._epoch, leaf

    def _take(self, seq: int) -> None:
        epochs = self._reader.tuples("epoch_of_seq", seq=seq)
        self._epoch = epochs[0][0] if epochs else 1
        rows = self._reader.tuples("batch_of_seq", seq=seq)
        first, last, _, before = rows[0] if rows else (0, -1, 0, 0)
        self._last, self._before, self._next, self._after = last, before, first, before


class _Log:
    """One ledger of the node, at one checkpoint."""

    def __init__(self, parts: Parts, epoch: int) -> None:
        self._log = parts.log if epoch == parts.epoch else parts.log.previous(epoch)
        self._epoch = epoch
        self._note = self._log.checkpoint_note()
        self._head = open_checkpoint(self._note, self._log.vkey())
        self.size = self._head.size
        # Neighbours share most of their way: without this each proof computes it anew.
        tiles = lru_cache(64)(self._log.read_tile)
        self._read = lru_cache(8192)(merkle.hash_reader(self.size, tiles))

    def proof(self, index: int) -> list[bytes]:
        return merkle.inclusion_proof(index, self.size, self._read)

    def told(self) -> dict[str, Any]:
        return {
            "log": self._epoch,
            "origin": self._head.origin,
            "vkey": str(self._log.vkey()),
            "checkpoint": self._note.decode(),
        }


def _plain(value: Any) -> Any:
    """A local value as JSON has it: those that are bytes are JSON text."""
    return value.decode() if isinstance(value, bytes) else value


def _decoded(row: dict[str, Any]) -> Placed:
    return decode(row["seq"], row["entry"], row["body"], row["owner"])


def signed_text(origin: str, manifest: bytes) -> str:
    """What the node signs of an archive. No checkpoint reads like it: its second line is no number."""
    return f"{LAYOUT}\n{origin}\n{_b64(hashlib.sha256(manifest).digest())}\n"


def decode_count(entry: bytes) -> int:
    """How many rows a bulk entry has."""
    count: int = json.loads(entry)["b"]["count"]
    return count


def _b64(data: bytes) -> str:
    return b64encode(data).decode()
