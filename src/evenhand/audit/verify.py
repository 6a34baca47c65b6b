"""Check a published log from outside: with its files alone, and without seeing any data.

Every entry is read, every hash computed again, every place, time and cause compared. What this can
not show is written in ``docs/spec/ledger.md``.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evenhand.audit.crew import Crew
from evenhand.audit.entries import AuditedEntry, Places, names_previous, read_entry
from evenhand.audit.grammar import check_kind
from evenhand.audit.keys import Check, Keys, wrong_signatures
from evenhand.audit.notes import LogKey, TreeHead, Unacceptable, read_checkpoint, read_key
from evenhand.audit.sources import Source, Unreadable, numbered, open_source

WIDTH = 256  # entries of a bundle, hashes of a tile
MAX_FINDINGS = 1000  # that are kept one by one; further ones are counted

Progress = Callable[[int, int], None]
"""Called now and then with the entries that were read, and how many there are."""
Observe = Callable[[int, bytes, AuditedEntry], None]
"""Called with each entry that can be read and is of a known kind: leaf, bytes, what they say."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    rule: str  # stable name, such as "entry.place"
    index: int | None  # leaf, from 0; None when it is about the whole log
    reason: str  # one sentence for a person
    place: str = ""  # "stream n", where a rule about an actor tells it

    def __str__(self) -> str:
        place = "" if self.index is None else f" (entry {self.index})"
        return f"{self.rule}{place}: {self.reason}"


@dataclass
class Report:
    """What was checked and what was found."""

    origin: str = ""  # the log's identity
    size: int = 0  # entries that the checkpoint covers
    root: str = ""  # of the checkpoint, hex
    vkey: str = ""  # the key that the checkpoint was checked with
    trusted: bool = False  # the key was given by whoever asked, not fetched from the log itself
    entries: int = 0  # entries that were read
    streams: int = 0
    kinds: Counter[str] = field(default_factory=Counter)  # kind -> entries
    unsigned: int = 0  # entries that only the operator vouches for
    signed: int = 0  # entries by an actor's key
    keys: int = 0  # of actors, that were ever in force
    keys_by_node: int = 0  # that the node alone certified although the holder had one
    spoken_for: Counter[str] = field(default_factory=Counter)  # kind -> the node's word for holders of a key
    demanded: list[str] = field(default_factory=list)  # kinds that must be signed, by the newest policy
    earlier: int = 0  # earlier checkpoints that lie on this log
    findings: list[Finding] = field(default_factory=list)  # the first `MAX_FINDINGS`
    found: int = 0  # all of them
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, and everything was read."""
        return self.found == 0 and self.entries == self.size

    def add(self, rule: str, index: int | None, reason: str, place: str = "") -> None:
        """Note something that is wrong."""
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(rule, index, reason, place))


def verify(
    source: str | Path | Source,
    *,
    vkey: str | None = None,
    earlier: Sequence[bytes] = (),
    progress: Progress | None = None,
    observe: Observe | None = None,
    crew: Crew | None = None,
) -> Report:
    """Check a whole log.

    Args:
        source: its URL, or a folder with its files.
        vkey: the log's verification key, from a place that the operator does not control. Without it the
            key is taken from the log, and the report says that it was not trusted beforehand.
        earlier: signed checkpoints that were seen before; the log must continue each of them.
        progress: told how far it is.
        observe: shown every entry, for whoever replays more than the log's form.
        crew: verifies the signatures of actors; by default one of two processes.

    Raises:
        Unreadable: the source gives no answer, so nothing can be said about the log.
    """
    opened = open_source(source) if isinstance(source, str | Path) else source
    started = time.monotonic()
    report = Report(trusted=vkey is not None)
    try:
        with crew or Crew(2) as checks:
            _check_log(opened, report, vkey, earlier, progress or (lambda done, total: None), observe, checks)
    finally:
        if opened is not source:
            opened.close()
    report.seconds = time.monotonic() - started
    return report


def _check_log(
    source: Source,
    report: Report,
    vkey: str | None,
    earlier: Sequence[bytes],
    progress: Progress,
    observe: Observe | None,
    crew: Crew,
) -> None:
    """Read key and checkpoint, then walk the log."""
    if source.read("checkpoint") is None and source.read("vkey") is None:
        raise Unreadable("there is neither a checkpoint nor a key of a log")
    try:
        report.vkey = (vkey if vkey is not None else _need(source, "vkey").decode()).strip()
        key = read_key(report.vkey)
        head = read_checkpoint(_need(source, "checkpoint"), key)
    except (Unacceptable, UnicodeDecodeError) as error:
        report.add("checkpoint", None, f"{error}.")
        return
    report.origin, report.size, report.root = head.origin, head.size, head.root.hex()
    walk = _Walk(source, report, head, _heads(report, key, head, earlier), Keys(head.origin), crew, observe)
    walk.run(progress)
    crew.finish()
    report.streams = len(walk.places)
    report.keys, report.keys_by_node = len(walk.keys.keys), walk.keys.by_node
    report.spoken_for = walk.keys.spoken_for
    report.demanded = sorted(walk.keys.policies[-1][1]) if walk.keys.policies else []


def _need(source: Source, name: str) -> bytes:
    data = source.read(name)
    if data is None:
        raise Unacceptable(f"the log has no file {name}")
    return data


def _heads(report: Report, key: LogKey, head: TreeHead, notes: Sequence[bytes]) -> list[TreeHead]:
    """Earlier checkpoints, smallest first. One that is larger than the newest says the log was cut."""
    heads = []
    for note in notes:
        try:
            heads.append(read_checkpoint(note, key))
        except Unacceptable as error:
            report.add("earlier.unreadable", None, f"{error}.")
    for old in heads:
        if old.size > head.size:
            report.add(
                "earlier.rollback",
                None,
                f"The log signed for {old.size} entries, and shows {head.size} now: some are gone.",
            )
    return sorted((old for old in heads if old.size <= head.size), key=lambda old: old.size)


@dataclass
class _Walk:
    """One pass over a log, from its first entry to its last, in constant memory but for the streams."""

    source: Source
    report: Report
    head: TreeHead
    heads: list[TreeHead]  # still to compare, smallest first
    keys: Keys
    crew: Crew
    observe: Observe | None = None
    places: Places = field(default_factory=Places)
    levels: list[list[bytes]] = field(default_factory=list)  # by tile level: hashes of its unfinished tile
    counts: list[int] = field(default_factory=list)  # by tile level: finished tiles

    def run(self, progress: Progress) -> None:
        """Read all bundles and tiles, and compare what they come to with the checkpoint."""
        for number, (bundle, tile) in enumerate(self.source.map(self._fetch, self._numbers())):
            first = number * WIDTH
            width = min(WIDTH, self.head.size - first)
            leaves = self._leaves(bundle, tile, first, width)
            if leaves is None:
                return
            self._compare_heads(first, leaves)
            self._push(0, leaves)
            progress(first + width, self.head.size)
        self._compare_edge()
        self._compare_heads(self.head.size, [])
        if self._root([]) != self.head.root:
            self.report.add("root", None, "The entries do not come to the root that was signed.")

    def _numbers(self) -> Iterator[int]:
        return iter(range(-(-self.head.size // WIDTH)))

    def _fetch(self, number: int) -> tuple[bytes | None, bytes | None]:
        """A bundle and the tile of leaf hashes beside it. Runs in the source's threads."""
        width = min(WIDTH, self.head.size - number * WIDTH)
        return self._read("entries", number, width), self._read("0", number, width)

    def _read(self, level: str, number: int, width: int) -> bytes | None:
        """A tile or bundle; a partial one may have been replaced by the full one."""
        path = f"tile/{level}/{numbered(number)}"
        data = self.source.read(path if width == WIDTH else f"{path}.p/{width}")
        if data is None and width < WIDTH:
            data = self.source.read(path)
        return data

    def _leaves(self, bundle: bytes | None, tile: bytes | None, first: int, width: int) -> list[bytes] | None:
        """Leaf hashes of one bundle, each entry checked; from the tile alone when the bundle fails."""
        entries = self._unpack(bundle, first, width)
        told = None if tile is None else [tile[at : at + 32] for at in range(0, width * 32, 32)]
        if told is None or len(told[-1]) != 32:
            self.report.add(
                "tile.missing",
                first,
                _file("hashes of entries", "tile", first, width, "missing or short"),
            )
            told = None
        if entries is None:
            return told
        leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
        if told is not None and told != leaves:
            wrong = next(i for i in range(width) if told[i] != leaves[i])
            self.report.add(
                "tile.leaf", first + wrong, "The entry does not have the hash that its tile says."
            )
        for index, entry in enumerate(entries, first):
            self._check_entry(index, entry)
        return leaves

    def _unpack(self, bundle: bytes | None, first: int, width: int) -> list[bytes] | None:
        """The entries of a bundle, by their lengths."""
        if bundle is None:
            self.report.add(
                "bundle.missing",
                first,
                _file("entries", "bundle", first, width, "missing"),
            )
            return None
        entries: list[bytes] = []
        at = 0
        while at + 2 <= len(bundle) and len(entries) < width:
            end = at + 2 + (bundle[at] << 8 | bundle[at + 1])
            entries.append(bundle[at + 2 : end])
            at = end
        if len(entries) < width or at > len(bundle):
            self.report.add(
                "bundle.short",
                first,
                _file("entries", "bundle", first, width, "cut off"),
            )
            return None
        return entries

    def _check_entry(self, index: int, data: bytes) -> None:
        """Everything about one entry: bytes, kind, actor, place, time, causes."""
        report = self.report
        report.entries += 1
        try:
            entry = read_entry(data)
        except Unacceptable as error:
            report.add("entry.bytes", index, f"{error}.")
            return
        report.kinds[entry.kind] += 1
        try:
            check_kind(entry)
        except Unacceptable as error:
            report.add("entry.kind", index, f"{error}.")
        else:
            if self.observe is not None:
                self.observe(index, data, entry)
            self._check_actor(index, entry)
        if index == 0:
            self.places.continues = names_previous(data)
        for wrong in self.places.check(entry):
            report.add("entry.place", index, f"{wrong}.")

    def _check_actor(self, index: int, entry: AuditedEntry) -> None:
        """Count whose word it is; of an actor, that its key may say so, and later that it did."""
        if entry.by == "node":
            self.report.unsigned += 1
            if not self.keys.concerns(entry):
                return
        else:
            self.report.signed += 1
        place = f"{entry.stream} {entry.n}"
        self.keys.take(index, entry, lambda rule, why: self.report.add(rule, index, why, place))
        for check in self.keys.checks:
            self.crew.take(wrong_signatures, check, self._tell_wrong)
        self.keys.checks.clear()

    def _tell_wrong(self, check: Check) -> None:
        who = "The new key has" if check.rule == "key.proof" else "The actor's key has"
        self.report.add(check.rule, check.leaf, f"{who} not signed this.", check.place)

    def _push(self, level: int, hashes: list[bytes]) -> None:
        """Append hashes to the unfinished tile of a level; a full one becomes one hash of the level above."""
        if level == len(self.levels):
            self.levels.append([])
            self.counts.append(0)
        self.levels[level] += hashes
        if len(self.levels[level]) == WIDTH:
            full, self.levels[level] = self.levels[level], []
            self._compare_tile(level, full)
            self.counts[level] += 1
            self._push(level + 1, [_perfect_root(full)])

    def _compare_tile(self, level: int, hashes: list[bytes]) -> None:
        """Compare a tile with its published file. Level 0 was compared leaf by leaf."""
        if level == 0:
            return
        name = f"{numbered(self.counts[level])} of level {level}"
        data = self._read(str(level), self.counts[level], len(hashes))
        if data is None:
            self.report.add("tile.missing", None, f"Tile {name} is missing.")
        elif data[: len(hashes) * 32] != b"".join(hashes):
            self.report.add("tile.hash", None, f"Tile {name} is not what the entries come to.")

    def _compare_edge(self) -> None:
        """Compare the partial tiles at the right edge."""
        for level, hashes in enumerate(self.levels):
            if hashes:
                self._compare_tile(level, hashes)

    def _compare_heads(self, first: int, leaves: list[bytes]) -> None:
        """Compare the earlier checkpoints whose size falls after `first` and not after these leaves."""
        while self.heads and self.heads[0].size <= first + len(leaves):
            old = self.heads.pop(0)
            if self._root(leaves[: old.size - first]) == old.root:
                self.report.earlier += 1
            else:
                self.report.add(
                    "earlier.fork",
                    None,
                    f"The log has signed another history of its first {old.size} entries.",
                )

    def _root(self, leaves: list[bytes]) -> bytes:
        """The root over everything so far and these leaves (RFC 6962, section 2.1)."""
        subtrees: list[bytes] = []
        lowest = self.levels[0] if self.levels else []
        for hashes in [*reversed(self.levels[1:]), lowest + leaves]:
            subtrees += _perfect_roots(hashes)
        if not subtrees:
            return hashlib.sha256(b"").digest()
        root = subtrees.pop()
        while subtrees:
            root = hashlib.sha256(b"\1" + subtrees.pop() + root).digest()
        return root


def _file(what: str, sort: str, first: int, width: int, how: str) -> str:
    """A file by what is in it, and by its number."""
    return (
        f"The file with {what} {first} to {first + width - 1} ({sort} {numbered(first // WIDTH)}) is {how}."
    )


def _perfect_roots(hashes: list[bytes]) -> list[bytes]:
    """The roots of the largest perfect subtrees, left to right."""
    roots, at = [], 0
    while at < len(hashes):
        width = 1 << (len(hashes) - at).bit_length() - 1
        roots.append(_perfect_root(hashes[at : at + width]))
        at += width
    return roots


def _perfect_root(hashes: list[bytes]) -> bytes:
    """The root over 1, 2, 4, ... neighbouring hashes."""
    while len(hashes) > 1:
        hashes = [
            hashlib.sha256(b"\1" + hashes[at] + hashes[at + 1]).digest() for at in range(0, len(hashes), 2)
        ]
    return hashes[0]
