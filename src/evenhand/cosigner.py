"""Brings a node's checkpoints to its witnesses, and keeps the newest that enough of them have cosigned.

Witnesses may be down: the node goes on, and `Cosigner.remark` says so. Nothing here holds a request up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec

from evenhand.core.checkpoint import Checkpoint, VerifyKey, open_checkpoint, open_note
from evenhand.core.cosigning import MAX_REQUEST_BYTES, SIZE_TYPE, Submission, encode_submission, merge
from evenhand.core.errors import EvenhandError, Invalid, Unavailable
from evenhand.core.trust import Policy, Witness
from evenhand.ledger import Ledger
from evenhand.threads import Loop

INTERVAL = 2.0  # seconds from one round to the next while there is something new
REFRESH = 60.0  # seconds after which an unchanged log is cosigned again: its witnesses are alive
LATE = 180.0  # seconds without a quorum after which the node says so
STALE = 600.0  # seconds after which an auditor calls the log stalled
MAX_TRIES = 3  # of one witness in one round: its size may change under us


class Standing(msgspec.Struct):
    """How one witness stands to this log."""

    name: str  # in the policy
    size: int = 0  # leaves that it cosigned last, as far as we know
    seconds: int = 0  # when, by its own clock; 0: never
    reason: str = "It has not been asked yet."  # why it did not cosign the last time; "" when it did


class Cosigner:
    """One thread that asks all witnesses at once, round by round."""

    def __init__(
        self,
        ledger: Ledger,
        policy: Policy,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            ledger: open for writing.
            policy: whose witnesses with an address are asked, and whose quorum decides.
            transport: how to reach them; by default the network.
            clock: seconds since 1970-01-01 UTC.
        """
        self.standings = {w.name: Standing(w.name) for w in policy.witnesses if w.url}
        self.witnessed: Checkpoint | None = None  # the newest that enough have cosigned
        self.witnessed_at = 0.0  # when enough had cosigned last, by their clocks; seconds since 1970 UTC
        self._ledger = ledger
        self._policy = policy
        self._clock = clock
        self._client = httpx.Client(transport=transport, timeout=10, follow_redirects=False)
        self._remember()
        self._pool = ThreadPoolExecutor(max(1, len(self.standings)), thread_name_prefix="witness")
        self._loop = Loop("cosigner", self._next, INTERVAL)

    def _remember(self) -> None:
        """What enough of them had cosigned before this process began."""
        note = self._ledger.public.cosigned_note()
        if note is None:
            return
        try:
            opened = open_note(note, [self._ledger.key.verify_key, *self._policy.keys])
        except Invalid:
            return  # of another log, or of witnesses that are no more in the policy
        self.witnessed_at = float(self._policy.reached(opened.signers, opened.times))

    @property
    def stale(self) -> bool:
        """Whether it is longer ago than an auditor accepts that enough have cosigned."""
        return self.age() > STALE

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._loop.start()

    def hasten(self) -> None:
        """Begin the next round now: somebody waits for it."""
        self._loop.hasten()

    def stop(self) -> None:
        """Finish the round that is under way, and stop."""
        self._loop.stop()
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def age(self) -> float:
        """Seconds since enough witnesses have cosigned; since 1970 when they never did."""
        return max(0.0, self._clock() - self.witnessed_at)

    def remark(self) -> str:
        """What the operator should know about the witnesses; "" when all is well."""
        silent = [s for s in self.standings.values() if s.reason]
        if not silent:
            return ""
        late = f"; no quorum for {self.age():.0f} s" if self.witnessed_at and self.age() > LATE else ""
        late = late or ("" if self.witnessed_at else "; no quorum yet")
        told = " ".join(f"{s.name}: {s.reason}" for s in silent)
        return f"{len(self.standings) - len(silent)} of {len(self.standings)} witnesses cosign{late}. {told}"

    def round(self) -> bool:
        """Bring the newest checkpoint to every witness, unless nothing is new.

        Returns:
            Whether enough witnesses have cosigned it.
        """
        note = self._ledger.public.checkpoint_note()
        checkpoint = open_checkpoint(note, self._ledger.key.verify_key)
        silent = any(standing.reason for standing in self.standings.values())
        if checkpoint == self.witnessed and not silent and self.age() < REFRESH:
            return True
        asked = [w for w in self._policy.witnesses if w.url]
        answers = self._pool.map(lambda witness: self._ask(witness, note, checkpoint), asked)
        merged = merge(note, answers, self._policy.keys)
        keys: list[VerifyKey] = [self._ledger.key.verify_key, *self._policy.keys]
        opened = open_note(merged, keys)
        enough = self._policy.satisfied(opened.signers)
        self._ledger.publish_cosigned(checkpoint, merged, enough)
        if enough:
            self.witnessed = checkpoint
            self.witnessed_at = float(self._policy.reached(opened.signers, opened.times) or self._clock())
        return enough

    def _ask(self, witness: Witness, note: bytes, checkpoint: Checkpoint) -> str:
        """The signature lines of one witness; "" when it gives none."""
        standing = self.standings[witness.name]
        try:
            lines = self._submit(witness, note, checkpoint, standing)
            opened = open_note(merge(note, [lines], [witness.key]), [witness.key])
        except (EvenhandError, httpx.HTTPError, httpx.InvalidURL) as error:
            standing.reason = str(error) or type(error).__name__
            return ""
        standing.size, standing.seconds, standing.reason = checkpoint.size, opened.times[witness.key.name], ""
        return lines

    def _submit(self, witness: Witness, note: bytes, checkpoint: Checkpoint, standing: Standing) -> str:
        """Ask until the witness and we agree on what it has seen."""
        for _ in range(MAX_TRIES):
            proof = self._proof(standing.size, checkpoint)
            status, kind, text = self._post(witness, Submission(standing.size, proof, note))
            if status == 200:
                return text
            if status != 409 or kind != SIZE_TYPE:
                raise Unavailable("witness.refused", f"It answers {status}: {text[:200].strip()}")
            standing.size = _size(text)
            if standing.size > checkpoint.size:
                reason = f"It has seen {standing.size} entries, and this log has {checkpoint.size}."
                raise Invalid("witness.ahead", reason)
        raise Unavailable("witness.moving", "Its size changes from answer to answer.")

    def _post(self, witness: Witness, submission: Submission) -> tuple[int, str, str]:
        """Status, media type and text of one answer."""
        url = f"{witness.url.rstrip('/')}/add-checkpoint"
        with self._client.stream("POST", url, content=encode_submission(submission)) as response:
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > MAX_REQUEST_BYTES:
                    raise Invalid("witness.answer", "Its answer is too long.")
            kind = response.headers.get("content-type", "").partition(";")[0]
            return response.status_code, kind, body.decode(errors="replace")

    def _proof(self, old: int, checkpoint: Checkpoint) -> tuple[bytes, ...]:
        if not 0 < old < checkpoint.size:
            return ()
        return tuple(self._ledger.public.prove_consistency(old, checkpoint.size))

    def _next(self) -> float:
        self.round()
        return INTERVAL


def _size(text: str) -> int:
    """The body of a 409."""
    digits = text.removesuffix("\n")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Invalid("witness.answer", "It does not say which size it has seen.")
    return int(digits)
