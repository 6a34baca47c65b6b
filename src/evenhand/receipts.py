"""The watcher of a client: keeps receipts, looks for each in the log, tells at once when one is missing.

In its folder stand ``vkey`` (pinned at the first visit), ``checkpoint`` (the newest seen), ``cursor``,
``receipts/<stream>/<n>.json`` and ``alarms.jsonl``. Receipts that the SDK has dumped may be put beside them.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import msgspec

from evenhand.audit.entries import AuditedEntry, read_entry
from evenhand.audit.forks import prove_fork
from evenhand.audit.notes import Unacceptable, read_checkpoint, read_key, strict_base64
from evenhand.audit.reasons import KINDS, Reasons
from evenhand.audit.receipts import verify_receipt
from evenhand.audit.sources import HttpSource, Source, Unreadable
from evenhand.core.checkpoint import open_note, parse_vkey
from evenhand.core.errors import EvenhandError, Invalid, Unavailable
from evenhand.core.trust import Policy
from evenhand.sdk import Client

GRACE = 5.0  # seconds past a promise's deadline: clocks differ
STALE = (
    600.0  # seconds without a quorum after which the log is called stalled, unless somebody says otherwise
)


class Alarm(msgspec.Struct, frozen=True):
    """Something that should be in the log and is not, or a log that tells two stories."""

    rule: str
    """receipt.missing, receipt.wrong, log.fork, log.rollback, log.withheld, log.stalled, witness.ahead or
    admitted.*"""
    reason: str  # one sentence for a person
    evidence: str  # path of a file that shows it; "" when there is none
    at: int  # when it was seen, ms since 1970-01-01 UTC


class Watcher:
    """One client's watch on one node."""

    def __init__(
        self,
        client: Client,
        folder: Path,
        *,
        log: Source | None = None,
        witnesses: dict[str, Source] | None = None,
        policy: Policy | None = None,
        hook: str = "",
        most_age: float = STALE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            client: with a key that may see all answers of its organization.
            folder: made when missing.
            log: the node's public log; by default at the client's address.
            witnesses: name -> where its monitoring prefix is; asked what they have seen.
            policy: whose quorum must have cosigned lately.
            hook: a command that gets each alarm as JSON on its standard input.
            most_age: seconds that the last quorum may be old.
            clock: seconds since 1970-01-01 UTC.
        """
        self._client = client
        self._folder = folder
        self._log = log or HttpSource(f"{client.url}/log")
        self._witnesses = witnesses or {}
        self._policy = policy
        self._hook = hook
        self._most_age = most_age
        self._clock = clock
        (folder / "receipts").mkdir(parents=True, exist_ok=True)
        self._key = read_key(self._pinned_key())

    def round(self) -> list[Alarm]:
        """Fetch what is new, look for all that is promised, compare the log with what it showed."""
        self._fetch()
        waited = set(self.waiting())
        alarms = [*self._check_log(), *self._check_receipts(), *self._ask_witnesses()]
        alarms += self._check_reasons(waited - set(self.waiting()))
        alarms = list({(one.rule, one.reason): one for one in reversed(alarms)}.values())[::-1]  # each once
        for alarm in alarms:
            self._tell(alarm)
        return alarms

    def waiting(self) -> list[Path]:
        """Receipts that have no proof yet."""
        return [path for path in self._receipts() if json.loads(path.read_bytes()).get("proof") is None]

    def overdue(self) -> Iterator[Alarm]:
        """Promises whose time has passed while nobody answers."""
        for path in self.waiting():
            if self._clock() > json.loads(path.read_bytes())["promise"]["deadline"] / 1000 + GRACE:
                alarm = self._alarm(
                    "receipt.missing", "The node does not answer, and its promise is over.", path
                )
                self._tell(alarm)
                yield alarm

    # ---- within ----------------------------------------------------------------------------

    def _pinned_key(self) -> str:
        path = self._folder / "vkey"
        if not path.exists():
            told = self._log.read("vkey")
            if told is None:
                raise Invalid("receipts.vkey", "The node shows no key of its log.", "", "Is this a node?")
            path.write_bytes(told)
        return path.read_text("utf-8")

    def _receipts(self) -> list[Path]:
        return sorted((self._folder / "receipts").rglob("*.json"))

    def _fetch(self) -> None:
        cursor = self._folder / "cursor"
        after = cursor.read_text("ascii").strip() if cursor.exists() else None
        for page in self._client.receipts(after):
            for receipt in page.items:
                stream, n = receipt.place
                path = self._folder / "receipts" / quote(stream, safe="") / f"{n}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():  # the first promise is the one that binds
                    _replace(path, msgspec.json.encode(receipt))
            _replace(cursor, page.after.encode())

    def _check_log(self) -> Iterator[Alarm]:
        """The log must continue what it showed before."""
        note = self._log.read("checkpoint")
        if note is None:
            yield self._alarm("log.rollback", "The log shows no checkpoint any more.")
            return
        yield from self._compare(note, "now")
        yield from self._check_freshness()

    def _compare(self, note: bytes, who: str) -> Iterator[Alarm]:
        """Compare a checkpoint with the newest that was seen; keep the larger one."""
        path = self._folder / "checkpoint"
        try:
            head = read_checkpoint(note, self._key)
            kept = path.read_bytes() if path.exists() else note
            proof = prove_fork(kept, note, self._key_line(), self._log)
        except Unacceptable as error:
            yield self._alarm("log.fork", f"What the log shows ({who}) cannot be reconciled: {error}.")
            return
        if proof is not None:
            evidence = self._folder / f"fork-{sha256(proof).hexdigest()[:16]}.json"
            evidence.write_bytes(proof)
            yield self._alarm("log.fork", f"The log contradicts itself ({who}).", evidence)
        elif head.size < read_checkpoint(kept, self._key).size:
            if who == "now":
                yield self._alarm("log.rollback", f"The log went back to {head.size} entries.", path)
        else:
            _replace(path, note)

    def _check_freshness(self) -> Iterator[Alarm]:
        if self._policy is None or self._policy.quorum == "none":
            return
        note = self._log.read("cosigned")
        seen = 0 if note is None else self._newest_cosignature(note)
        if self._clock() - seen > self._most_age:
            told = "never" if seen == 0 else f"not for {self._clock() - seen:.0f} s"
            yield self._alarm("log.stalled", f"Enough witnesses have cosigned the log {told}.")

    def _newest_cosignature(self, note: bytes) -> int:
        """When the quorum was reached last, by the witnesses' clocks; 0: never."""
        assert self._policy is not None, "the caller has one"
        try:
            opened = open_note(note, [parse_vkey(self._key_line()), *self._policy.keys])
        except Invalid:
            return 0
        return self._policy.reached(opened.signers, opened.times)

    def _check_receipts(self) -> Iterator[Alarm]:
        for path in self.waiting():
            receipt = json.loads(path.read_bytes())
            stream, n = receipt["place"]
            try:
                receipt["proof"] = self._client.proof(stream, n, 0)
            except EvenhandError as error:
                deadline = receipt["promise"]["deadline"] / 1000
                if self._clock() > deadline + GRACE:
                    yield self._alarm("receipt.missing", f"{stream} {n} is not there: {error.reason}", path)
                continue
            yield from self._check_one(path, receipt)

    def _check_one(self, path: Path, receipt: dict[str, object]) -> Iterator[Alarm]:
        whole = json.dumps(receipt).encode()
        report = verify_receipt(whole, self._key_line())
        if not report.ok:
            yield self._alarm("receipt.wrong", f"The proof does not hold: {report.findings[0]}", path)
            return
        proof = str(receipt["proof"])
        _replace(path, whole)
        note = proof.partition("\n\n")[2].encode()
        proved, shown = read_checkpoint(note, self._key).size, self._newest_size()
        if proved > shown:
            reason = (
                f"The node proves a receipt in a log of {proved} entries, and its public log shows {shown}."
            )
            yield self._alarm("log.withheld", reason, path)
        else:
            yield from self._compare(note, "in a receipt")

    def _check_reasons(self, proved: set[Path]) -> list[Alarm]:
        """Why annotators were admitted to one's projects, or no more, where something new is told of it."""
        if not any(_entry_of(path).kind == "admitted" for path in proved):
            return []
        alarms: list[Alarm] = []
        places: dict[str, Path] = {}

        def tell(rule: str, leaf: int, place: str, why: str) -> None:
            if places.get(place) in proved:
                alarms.append(self._alarm(rule, f"{place}: {why}", places[place]))

        reasons, entries = Reasons(tell), []
        for path in self._receipts():
            report = verify_receipt(path.read_bytes(), self._key_line())
            if report.ok and report.index is not None and report.kind in KINDS:
                entry = _entry_of(path)
                places[f"{entry.stream} {entry.n}"] = path
                entries.append((report.index, entry))
                reasons.hold(entry.stream, entry.n, entry.kind, report.opened)
        for index, entry in sorted(entries, key=lambda one: one[0]):
            reasons.take(index, entry, entry.b())
        return alarms

    def _ask_witnesses(self) -> Iterator[Alarm]:
        """What they have seen must lie on what we see (gossip)."""
        name = f"{sha256(self._key.name.encode()).hexdigest()}/checkpoint"
        for witness, source in self._witnesses.items():
            try:
                note = source.read(name)
            except Unreadable:
                continue  # that it is down shows in the log's freshness
            if note is None:
                continue
            if read_checkpoint(note, self._key).size > self._newest_size():
                yield self._alarm("witness.ahead", f"{witness} has seen more entries than the log shows us.")
            else:
                yield from self._compare(note, f"as {witness} saw it")

    def _newest_size(self) -> int:
        note = self._log.read("checkpoint")
        return 0 if note is None else read_checkpoint(note, self._key).size

    def _key_line(self) -> str:
        return (self._folder / "vkey").read_text("utf-8").strip()

    def _alarm(self, rule: str, reason: str, evidence: Path | None = None) -> Alarm:
        return Alarm(rule, reason, str(evidence or ""), int(self._clock() * 1000))

    def _tell(self, alarm: Alarm) -> None:
        line = msgspec.json.encode(alarm)
        with (self._folder / "alarms.jsonl").open("ab") as file:
            file.write(line + b"\n")
        if self._hook:
            subprocess.run(self._hook, shell=True, input=line, check=False, timeout=60)


def watch(
    watcher: Watcher, every: float, once: bool, sleep: Callable[[float], object] = time.sleep
) -> list[Alarm]:
    """Look again and again, until there is an alarm; with `once`, until nothing waits for its proof.

    A node that does not answer is no alarm by itself: the promises that it gave become ones.
    """
    while True:
        try:
            alarms = watcher.round()
        except (Unavailable, Unreadable):
            alarms = list(watcher.overdue())
        if alarms or (once and not watcher.waiting()):
            return alarms
        sleep(min(every, 1.0) if once else every)


def _entry_of(path: Path) -> AuditedEntry:
    """The entry of a receipt that was verified."""
    return read_entry(strict_base64(json.loads(path.read_bytes())["entry"]))


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
