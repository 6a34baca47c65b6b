"""Check a project's archive offline: signature, digests, and that data and labels are what was logged.

Whoever checks trusts neither the node that wrote the archive nor whoever hands it over, and needs the
log's verification key from elsewhere. docs/spec/archive.md is the page that this is written from.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from evenhand.audit.entries import AuditedEntry, read_entry, unb64url
from evenhand.audit.federation import Draws
from evenhand.audit.findings import BLIND, Finding
from evenhand.audit.grammar import check_kind
from evenhand.audit.notes import (
    LogKey,
    TreeHead,
    Unacceptable,
    read_checkpoint,
    read_key,
    split_note,
    strict_base64,
)
from evenhand.audit.reasons import KINDS
from evenhand.audit.receipts import climb
from evenhand.audit.reweigh import Replay, Slot

LAYOUT = "evenhand/archive/v1"
MEDIA = "media/"
LISTED = 1000  # findings that are kept
SMALL = 64 << 20  # bytes of the manifest at most
CHUNK = 1 << 20
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, NotImplementedError, RuntimeError)
"""What reading a ZIP file raises: of these, NotImplementedError for what zipfile cannot unpack, and
RuntimeError for what is encrypted."""


@dataclass
class ArchiveReport:
    """What an archive shows, and what is wrong with it."""

    project: str = ""
    origin: str = ""
    key_given: bool = False  # the log's key came from elsewhere, not out of the archive
    counts: Counter[str] = field(default_factory=Counter)  # tasks, annotations, media, ... that were checked
    kinds: Counter[str] = field(default_factory=Counter)  # events by kind
    unproved: int = 0  # events that no checkpoint covers, since a restore came before
    withheld: int = 0  # private values that the archive does not open
    local: bool = True  # events say which task they are about, as a restore needs
    decided: int = 0  # consensus that follows from a review, not from a rule
    weighings: int = 0  # that were taken again
    compared: int = 0  # consensus, and asking for further answers, that follow from one and were compared
    plain: int = 0  # consensus that rests on no weighing, computed again
    drawn: int = 0  # share plans taken again
    weighed: list[Finding] = field(default_factory=list)  # what came of that; all but BLIND are wrong, too
    checkpoints: list[bytes] = field(default_factory=list)  # of the log that the archive came from
    reasons: list[tuple[str, int, str, dict[str, bytes]]] = field(default_factory=list)
    """Openings that say why annotators were admitted, and whose a plan of shares is: stream, number, kind,
    private field -> value."""
    findings: list[tuple[str, str, str]] = field(default_factory=list)  # (rule, place, what)
    wrong: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.wrong == 0

    def add(self, rule: str, place: str, what: str) -> None:
        """One more finding."""
        self.wrong += 1
        if len(self.findings) < LISTED:
            self.findings.append((rule, place, what))


def verify(path: Path, vkey: str | None = None) -> ArchiveReport:
    """Check an archive.

    Args:
        path: of the file.
        vkey: the log's verification key, from somewhere else than the archive; None: the one inside, which
            shows only that nobody changed the archive who does not hold that key.
    """
    report = ArchiveReport(key_given=vkey is not None)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_packing(archive)
            _Archive(archive, report).check(vkey)
    except Unacceptable as error:
        report.add("archive.form", "", f"{error}.")
    except DAMAGED as error:
        report.add("archive.file", "", f"The file cannot be read: {error}.")
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, ArithmeticError,
    ) as error:  # fmt: skip
        report.add("archive.form", "", f"The archive is not of the layout of version 1: {error!r}.")
    return report


def _check_packing(archive: zipfile.ZipFile) -> None:
    """Other decompressors than the layout's are not let near the bytes of a stranger."""
    for info in archive.infolist():
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unacceptable(f"{info.filename} is neither stored nor deflated")


class _Archive:
    """One archive while it is checked. It holds a short digest of each record and answer, and no data."""

    def __init__(self, archive: zipfile.ZipFile, report: ArchiveReport) -> None:
        self._zip, self._report = archive, report
        self._logs: dict[int, tuple[LogKey, TreeHead]] = {}
        self._records: dict[int, bytes] = {}  # task -> its newest record
        self._answers: dict[tuple[str, int], tuple[bytes, bool, int]] = {}
        """place -> (answers, by a key, task; 0 when it is not told)"""
        self._documents: dict[int, bytes] = {}
        self._concluded: dict[int, bytes] = {}
        self._last = (0, -1)  # log and number of the project's newest event so far
        self._blobs: set[str] = set()  # media that records name
        self._replay: Replay | None = None  # of what answers come to
        self._leaf: int | None = None  # of the event in hand
        self._draws = Draws(report.add)

    def check(self, vkey: str | None) -> None:
        manifest = self._read_manifest(vkey)
        self._check_files(manifest["files"])
        replay = self._replay = Replay(manifest["project"], self._slots(), self._tell)
        for line in self._lines("history.jsonl"):
            self._check_event(line)
        report = self._report
        report.drawn = self._draws.finish()
        report.weighings, report.compared, report.plain = replay.weighings, replay.compared, replay.plain
        self._check_data(manifest)

    # -- what holds it together

    def _read_manifest(self, vkey: str | None) -> dict[str, Any]:
        data, note = self._small("manifest.json"), self._small("manifest.sig")
        manifest: dict[str, Any] = json.loads(data)
        if manifest["layout"] != LAYOUT:
            raise Unacceptable(f"the layout is {manifest['layout']!r}, not {LAYOUT}")
        self._report.project, self._report.origin = manifest["project"], manifest["origin"]
        for log in manifest["logs"]:
            key = read_key(log["vkey"])
            self._logs[log["log"]] = key, read_checkpoint(log["checkpoint"].encode(), key)
            if log["origin"] == manifest["origin"]:
                self._report.checkpoints.append(log["checkpoint"].encode())
        own = [log["vkey"] for log in manifest["logs"] if log["origin"] == manifest["origin"]]
        if vkey is None and not own:
            raise Unacceptable("the archive does not hold the key of its own log")
        key = read_key(vkey or own[-1])
        _check_signature(note, data, key, manifest["origin"])
        if vkey is not None and any(read_key(line).public != key.public for line in own):
            self._report.add("archive.key", "manifest.json", "The archive names another key for its log.")
        return manifest

    def _small(self, name: str) -> bytes:
        if self._zip.getinfo(name).file_size > SMALL:
            raise Unacceptable(f"{name} is too long")
        return self._zip.read(name)

    def _check_files(self, files: list[dict[str, Any]]) -> None:
        told = {file["name"] for file in files} | {"manifest.json", "manifest.sig"}
        names = [info.filename for info in self._zip.infolist()]
        for name in sorted(set(names) - told):
            self._report.add("archive.extra", name, "The manifest does not name this file.")
        if len(set(names)) != len(names):
            self._report.add("archive.twice", "", "A name is there twice.")
        for file in files:
            self._check_file(file)

    def _check_file(self, file: dict[str, Any]) -> None:
        name = file["name"]
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            self._report.add("archive.missing", name, "The file is missing.")
            return
        digest = hashlib.sha256()
        if info.file_size == file["bytes"]:
            with self._zip.open(info) as source:
                while piece := source.read(CHUNK):
                    digest.update(piece)
        if digest.hexdigest() != file["sha256"]:
            self._report.add("archive.digest", name, "The file is not the one that was signed for.")
        if name.startswith(MEDIA):
            self._report.counts["media"] += 1
            if name != MEDIA + file["sha256"]:
                self._report.add("archive.medium", name, "A medium's name is its digest, and this is not.")

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        with self._zip.open(name) as source:
            for line in source:
                yield json.loads(line)

    # -- weighings

    def _slots(self) -> dict[str, Slot]:
        """What each answer is to, by its slot: the log has the slot, the archive says the rest."""
        told = {
            (line["place"][0], line["place"][1]): Slot(
                line["n"], line["round"], sys.intern(line["annotator"]), _ms(line.get("given_at"))
            )
            for line in self._lines("annotations.jsonl")
        }
        found = {}
        for line in self._lines("history.jsonl"):
            entry = json.loads(strict_base64(line["entry"]))
            slot = told.get((entry["s"], entry["n"]))
            if slot is not None:
                found[entry["b"]["slot"]] = slot
        return found

    def _tell(self, kind: str, rule: str, place: str, what: str) -> None:
        if kind != BLIND:
            self._report.add(rule, place, what)
        if len(self._report.weighed) < LISTED:
            self._report.weighed.append(Finding("EN-13", kind, rule, self._leaf, place, what))

    # -- events

    def _check_event(self, line: dict[str, Any]) -> None:
        data = strict_base64(line["entry"])
        entry = read_entry(data)
        place = f"{entry.stream} {entry.n}"
        self._report.kinds[entry.kind] += 1
        self._report.counts["events"] += 1
        try:
            check_kind(entry)
            key, head = self._logs[line["log"]]
            self._check_proof(line, data, head)
            opened = {name: _opened(entry, key.name, name, *pair) for name, pair in line["open"].items()}
            rows = _rows(entry, json.loads(data)["b"], key.name, line.get("rows"))
        except Unacceptable as error:
            self._report.add("event", place, f"{error}.")
            return
        self._report.withheld += len(entry.committed.keys() - opened.keys() - {"rows"})
        if entry.kind in KINDS or entry.kind == "share-planned":
            self._report.reasons.append((entry.stream, entry.n, entry.kind, opened))
        self._follow(line["log"], entry)
        local = line.get("local")
        self._report.local &= isinstance(local, dict)
        about = local.get("task", 0) if isinstance(local, dict) else 0
        self._take(entry, json.loads(data)["b"], opened, rows, about)
        self._draws.take(entry, json.loads(data)["b"], opened, rows)
        if self._replay is not None:
            self._leaf = line.get("leaf")
            self._replay.take(entry, opened, [row for row in rows if not _is_erased(row)])

    def _check_proof(self, line: dict[str, Any], data: bytes, head: TreeHead) -> None:
        if "leaf" not in line:
            self._report.unproved += 1
            return
        leaf = hashlib.sha256(b"\0" + data).digest()
        path = [strict_base64(part) for part in line["proof"]]
        if climb(leaf, line["leaf"], head.size, path) != head.root:
            raise Unacceptable("the proof does not lead to the signed checkpoint")

    def _follow(self, log: int, entry: AuditedEntry) -> None:
        """The project's own stream is here without a gap: no change of rules or data is left out."""
        if entry.stream != self._report.project:
            return
        before, last = self._last
        # A restore may have lost what had no checkpoint yet: a log that continues another leaves a gap.
        if entry.n != last + 1 and (log == before or entry.n <= last):
            what = f"Entry {last + 1} of the project is missing; here is {entry.n}."
            self._report.add("event.gap", entry.stream, what)
        self._last = log, entry.n

    def _take(
        self,
        entry: AuditedEntry,
        public: dict[str, Any],
        opened: dict[str, bytes],
        rows: list[bytes],
        about: int,
    ) -> None:
        """Remember what the ledger says about data and labels."""
        if entry.kind == "tasks-imported":
            self._records |= {public["first"] + i: _digest(row) for i, row in enumerate(rows)}
        elif entry.kind == "task-corrected":
            self._records[int(opened["task"])] = _digest(opened.get("record", _NO_RECORD))
        elif entry.kind in ("submitted", "brought"):
            answers = _digest(opened.get("answers", b"{}"))
            self._answers[entry.stream, entry.n] = answers, entry.by != "node", about
        elif entry.kind == "project-versioned":
            self._documents[public["version"]] = _digest(opened["document"])
        elif entry.kind == "concluded":
            left = [row for row in rows if not _is_erased(row)]
            self._concluded |= {n: _value_digest(value) for n, value in map(json.loads, left)}

    # -- data and labels

    def _check_data(self, manifest: dict[str, Any]) -> None:
        for line in self._lines("versions.jsonl"):
            self._compare("versions", self._documents.get(line["version"]), line["document"], line["version"])
        seen = set()
        for line in self._lines("tasks.jsonl"):
            seen.add(line["n"])
            self._compare("tasks", self._records.get(line["n"]), line["record"], line["n"])
            self._check_consensus(line)
            self._note_media(line["record"])
        if seen != self._records.keys():
            lacking = len(self._records.keys() - seen)
            self._report.add("data.tasks", "tasks.jsonl", f"{lacking} tasks of the log are missing.")
        for line in self._lines("annotations.jsonl"):
            self._check_answers(line)
        for _ in self._lines("people.jsonl"):
            self._report.counts["people"] += 1
        self._check_counts(manifest)

    def _compare(self, what: str, logged: bytes | None, value: Any, number: int) -> None:
        self._report.counts[what] += 1
        if logged is None:
            self._report.add(f"data.{what}", f"{what} {number}", "The log knows nothing of it.")
        elif logged != _value_digest(value):
            self._report.add(f"data.{what}", f"{what} {number}", "It is not what the log commits to.")

    def _check_answers(self, line: dict[str, Any]) -> None:
        stream, n = line["place"]
        logged, by_key, about = self._answers.get((stream, n), (None, False, 0))
        if about not in (0, line["n"]):
            what = f"The history tells that it is about task {about}."
            self._report.add("data.annotations", f"annotations {line['n']}", what)
        if by_key and logged is not None and logged != _value_digest(line["answers"]):
            # Signed in the form that the person typed; here they stand in the form that types store.
            self._report.counts["rewritten"] += 1
            self._report.counts["annotations"] += 1
            return
        self._compare("annotations", logged, line["answers"], line["n"])

    def _check_consensus(self, line: dict[str, Any]) -> None:
        if line["consensus"] is None or self._concluded.get(line["n"]) == _value_digest(line["consensus"]):
            return
        if self._report.kinds["reviewed"]:
            self._report.decided += 1
        else:
            what = "The log does not conclude this."
            self._report.add("data.consensus", f"tasks {line['n']}", what)

    def _note_media(self, record: dict[str, Any]) -> None:
        named = (value.get("blob") for value in record.values() if isinstance(value, dict))
        self._blobs |= {digest for digest in named if isinstance(digest, str)}

    def _check_counts(self, manifest: dict[str, Any]) -> None:
        for what, count in manifest["counts"].items():
            if self._report.counts[what] != count:
                told = f"The manifest counts {count} {what}, and here are {self._report.counts[what]}."
                self._report.add("archive.counts", "manifest.json", told)
        there = {name.removeprefix(MEDIA) for name in self._zip.namelist() if name.startswith(MEDIA)}
        for digest in sorted(there - self._blobs):
            self._report.add("archive.medium", MEDIA + digest, "No task names this medium.")


def _check_signature(note: bytes, manifest: bytes, key: LogKey, origin: str) -> None:
    text, signatures = split_note(note)
    digest = base64.b64encode(hashlib.sha256(manifest).digest()).decode()
    if text != f"{LAYOUT}\n{origin}\n{digest}\n":
        raise Unacceptable("the signature is not about this manifest")
    own = [blob for name, blob in signatures if name == key.name and blob[:4] == key.id]
    if not own or not all(key.check(blob[4:], text.encode()) for blob in own):
        raise Unacceptable(f"{key.name} did not sign the manifest")


def _ms(time: str | None) -> int | None:
    """A time of the archive in ms since 1970; None where it says none."""
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)


def _opened(entry: AuditedEntry, origin: str, name: str, salt: str, value: str) -> bytes:
    """The value of a private field, when its commitment stands in the entry (ledger.md, section 4)."""
    plain = strict_base64(value)
    given = _salted(b"evenhand/commit/v1\0", f"{origin}|{entry.kind}|{name}", strict_base64(salt), plain)
    if name not in entry.committed or unb64url(entry.committed[name]) != given:
        raise Unacceptable(f"the entry does not commit to this value of {name!r}")
    return plain


def _rows(entry: AuditedEntry, public: dict[str, Any], origin: str, given: Any) -> list[bytes]:
    """The rows of a bulk entry, when their root stands in it."""
    if "rows" not in entry.committed:
        return []
    pairs = [(strict_base64(salt), strict_base64(row)) for salt, row in given or []]
    context = f"{origin}|{entry.kind}"
    leaves = [
        salt if _is_erased(row) else _salted(b"evenhand/row/v1\0", context, salt, row) for salt, row in pairs
    ]
    if len(pairs) != public["count"] or _root(leaves) != unb64url(entry.committed["rows"]):
        raise Unacceptable("the entry does not commit to these rows")
    return [row for _, row in pairs]


_NO_RECORD = b"{ }"


def _is_erased(row: bytes) -> bool:
    """Whether a row was erased: its leaf stands in the place of its salt (ledger.md, section 4)."""
    return row[:1] == b"\0" or row == _NO_RECORD


def _salted(domain: bytes, context: str, salt: bytes, value: bytes) -> bytes:
    if len(salt) != 32:
        raise Unacceptable("a salt is not 32 bytes")
    named = context.encode()
    return hashlib.sha256(domain + len(named).to_bytes(2, "big") + named + salt + value).digest()


def _root(leaves: list[bytes]) -> bytes:
    """The root over these hashes (RFC 6962, section 2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    while len(leaves) > 1:
        pairs = [
            hashlib.sha256(b"\1" + leaves[i] + leaves[i + 1]).digest() for i in range(0, len(leaves) - 1, 2)
        ]
        leaves = [*pairs, *leaves[2 * len(pairs) :]]
    return leaves[0]


def _digest(data: bytes) -> bytes:
    return _value_digest(json.loads(data))


def _value_digest(value: Any) -> bytes:
    """The same for the same JSON value, however it is written."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:16]


def _blind(report: ArchiveReport) -> int:
    return sum(finding.kind == BLIND for finding in report.weighed)


def as_text(report: ArchiveReport) -> str:
    """The report, for a person."""
    counts = report.counts
    lines = [
        f"Project {report.project}, out of the log {report.origin}.",
        f"  {counts['tasks']:,} tasks, {counts['annotations']:,} annotations, "
        f"{counts['versions']:,} versions, {counts['media']:,} media, {counts['events']:,} events.",
        "  Signature, digests, commitments and proofs hold, and data and labels are what was logged."
        if report.ok
        else f"  {report.wrong:,} findings:",
        *(f"  {rule}  {place}: {what}" for rule, place, what in report.findings),
    ]
    remarks = [
        ("of the private values are not opened here", report.withheld),
        ("events lie before a restore and under no checkpoint", report.unproved),
        ("consensus values follow from a review", report.decided),
        ("weighings of answers were taken again", report.weighings),
        ("of what follows from a weighing were compared", report.compared),
        ("consensus values that rest on no weighing were computed again", report.plain),
        ("weighings, or what follows from one, cannot be audited here", _blind(report)),
        ("signed answers stand here in the form that the label type stores", counts["rewritten"]),
    ]
    lines += [f"  {count:,} {what}." for what, count in remarks if count]
    if not report.key_given:
        lines.append(
            "  The key came out of the archive itself: compare it with the log's, or name it with --vkey."
        )
    return "\n".join(lines)
