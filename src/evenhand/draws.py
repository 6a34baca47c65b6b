"""Brings windows in two phases to their second: waits until the log shows the first, and asks what decides.

One thread of the process that sequences. The order is that of docs/spec/ledger.md, 10.8: checkpoint,
cosignatures, then the drand round that the first phase has named or, where there is none or it does not come,
what the witnesses reveal. What is missing is missing in the log too: the node goes on, and audits say so.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

import httpx
import msgspec

from evenhand.core import beacon, vrf
from evenhand.core.beacon import Chain, Evidence
from evenhand.core.canonical import b64url, unb64url
from evenhand.core.checkpoint import COSIGNATURE, open_checkpoint, parse_note, verify_ed25519
from evenhand.core.errors import EvenhandError, Invalid, Unavailable
from evenhand.core.shared_pool import Closing
from evenhand.core.trust import Policy, Witness
from evenhand.cosigner import Cosigner
from evenhand.lane import Lane
from evenhand.ledger import Ledger, Sequencer
from evenhand.outbound import Door
from evenhand.service import windows
from evenhand.service.ledger_port import leaf_of
from evenhand.store import Store
from evenhand.threads import Loop

log = logging.getLogger(__name__)

POLL = 0.25  # seconds to the next look after a draw, or after somebody said that one waits
IDLE = 4.0  # the most that it becomes while there is nothing; only windows of other processes wait for a look
TREE = 10.0  # seconds to wait for the checkpoint that covers a first phase
QUORUM = 2.0  # seconds to wait for enough cosignatures
LATE = 6.0  # seconds to wait for a drand round after its time; when the last one did not come, HURRY
HURRY = 0.5  # the same where the last one was in vain: who is down holds nobody up again and again
ANSWER = 3.0  # seconds to wait for an answer, a witness's or a relay's; when the last did not come, HURRY
FAILED = 1.0  # seconds to the next look after one that failed
AGAIN = 60.0  # seconds after which witnesses that did not say what they reveal with are asked again
MOST = 10_000  # bytes of an answer
QUICKNET_HASH = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"


class Drawer:
    """Use `start` and `stop`; `turn` is one look."""

    def __init__(
        self,
        store: Store,
        lane: Lane,
        ledger: Ledger,
        sequencer: Sequencer,
        *,
        policy: Policy | None = None,
        cosigner: Cosigner | None = None,
        drand: str | None = None,
        door: Door | None = None,
        chain: Chain = beacon.QUICKNET,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            policy: whose witnesses reveal.
            cosigner: brings checkpoints to them.
            drand: address of an HTTP relay of the chain, up to its hash; None: drand is not asked.
            door: through which drand is asked.
            chain: whose rounds decide.
            transport: how to reach witnesses; by default the network.
            clock: seconds since 1970-01-01 UTC.
        """
        self.drawn = 0  # windows so far
        self._store, self._lane, self._ledger, self._sequencer = store, lane, ledger, sequencer
        self._witnesses = (
            [w for w in policy.witnesses if w.url and w.key.kind == COSIGNATURE] if policy else []
        )
        self._cosigner, self._drand, self._door, self._chain = cosigner, drand, door, chain
        self._client = httpx.Client(transport=transport, follow_redirects=False)
        self._silent: set[str] = set()  # witnesses that did not answer the last time
        self._alone = False  # there was no quorum the last time
        self._clock = clock
        self._patience = LATE
        self._ask_at = 0.0  # monotonic: when witnesses are asked for their keys
        self._pause = POLL
        self._loop = Loop("drawer", self._look, FAILED)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._loop.start()

    def stop(self) -> None:
        """Finish the window that is being drawn, and stop. What is left is drawn after the next start."""
        self._loop.stop()
        self._client.close()

    def poke(self) -> None:
        """Somebody waits for a draw."""
        self._pause = POLL
        self._loop.hasten()

    def announce(self) -> bool:
        """Write into the log what draws depend on; whether every witness said what it reveals with."""
        told: dict[str, dict[str, str]] = {}
        for witness in self._witnesses:
            try:
                told[b64url(witness.key.public)] = self._key_of(witness)
            except (EvenhandError, httpx.HTTPError, httpx.InvalidURL) as error:
                log.info("witness %s reveals nothing: %s", witness.name, error)
        if self._witnesses or self._drand:
            keep = [b64url(witness.key.public) for witness in self._witnesses]
            self._lane.call(windows.set_beacon, self._chain if self._drand else None, told, keep)
        return len(told) == len(self._witnesses)

    def turn(self) -> int:
        """Draw for every window that is closed; how many there were."""
        with self._store.read() as reader:
            due = [closing for closing, _ in windows.closings(reader)]
            known = windows.newest_beacon(reader) if due else None
        if not due:
            return 0
        needed = self._wait_for_tree(due)
        self._wait_for_quorum(needed)
        chain, keys = (known[1], known[2]) if known else (None, {})
        for closing in due:
            evidence = self._evidence(closing, chain, keys)
            self.drawn += self._lane.call(windows.draw, closing.pool, closing.n, evidence)
        return len(due)

    # ---- within ----------------------------------------------------------------------------

    def _wait_for_tree(self, due: list[Closing]) -> int:
        """Until a checkpoint covers all of them; gives its least size."""
        limit = time.monotonic() + TREE
        while not self._loop.stopping.is_set() and time.monotonic() < limit:
            self._sequencer.hasten()
            with self._store.read() as reader:
                leaves = [leaf_of(reader, closing.pool, closing.n) for closing in due]
            found = [leaf for leaf in leaves if leaf is not None]
            if len(found) == len(due) and max(found) < self._ledger.checkpoint.size:
                self._ledger.publish()
                return max(found) + 1
            time.sleep(0.005)
        raise Unavailable("draw.tree", "No checkpoint covers the closed windows.", "", "See /readyz.")

    def _wait_for_quorum(self, needed: int) -> None:
        if self._cosigner is None or not self._witnesses:
            return
        limit = time.monotonic() + (HURRY if self._alone else QUORUM)
        while not self._loop.stopping.is_set() and time.monotonic() < limit:
            seen = self._cosigner.witnessed
            if seen is not None and seen.size >= needed:
                self._alone = False
                return
            self._cosigner.hasten()
            time.sleep(0.01)
        self._alone = True

    def _evidence(self, closing: Closing, chain: Chain | None, keys: dict[bytes, bytes]) -> Evidence:
        """The checkpoint, and what decides."""
        with self._store.read() as reader:
            index = leaf_of(reader, closing.pool, closing.n)
            row = reader.one("event_at", stream=closing.pool, n=closing.n)
            assert index is not None and row is not None, "a checkpoint covers it"
            entry = bytes(reader.all("events_by_seq", seqs=[row["seq"]])[0]["entry"])
        proof = self._ledger.public.prove_inclusion(index)
        checkpoint = open_checkpoint(proof.checkpoint, self._ledger.key.verify_key)
        seen = Evidence(
            source="none",
            size=checkpoint.size,
            root=checkpoint.root,
            cosignatures=self._cosignatures(proof.checkpoint),
        )
        signature = self._round(chain, closing.round) if chain and closing.round else b""
        if signature:
            return msgspec.structs.replace(seen, source="drand", signature=signature)
        body = beacon.encode_request(entry, proof)
        asked = beacon.reveal_input(checkpoint.origin, closing.pool, closing.n, closing.leaf)
        reveals = []
        for witness in self._witnesses:
            told = self._reveal(witness, body, asked, keys.get(witness.key.public, b""))
            reveals += [(witness.key.public, told)] if told else []
        if not reveals:
            return seen
        return msgspec.structs.replace(seen, source="reveal", reveals=tuple(sorted(reveals)))

    def _cosignatures(self, note: bytes) -> tuple[tuple[bytes, int, bytes], ...]:
        found = []
        for witness in self._witnesses:
            for line in parse_note(note).signatures:
                if line.name == witness.key.name and line.key_id == witness.key.id:
                    found.append((witness.key.public, int.from_bytes(line.blob[:8]), line.blob[8:]))
        return tuple(sorted(found))

    def _round(self, chain: Chain, number: int) -> bytes:
        """The signature of a drand round, once it is there; b"" when it does not come."""
        if not self._drand or self._door is None:
            return b""
        due = chain.time_of(number) / 1000
        while self._clock() < due and not self._loop.stopping.wait(min(0.2, max(0.0, due - self._clock()))):
            pass
        limit = due + self._patience
        while not self._loop.stopping.is_set():
            try:
                signature = self._fetch(number, min(ANSWER, max(HURRY, limit - self._clock())))
                chain.verify(number, signature)
                self._patience = LATE
                return signature
            except (EvenhandError, ValueError, KeyError, TypeError) as error:
                if self._clock() > limit:
                    log.warning("drand: round %d did not come: %s", number, error)
                    self._patience = HURRY
                    return b""
            self._loop.stopping.wait(0.2)
        return b""

    def _fetch(self, number: int, seconds: float) -> bytes:
        assert self._door is not None and self._drand, "the caller has looked"
        url = f"{self._drand.rstrip('/')}/public/{number}"
        answer = self._door.send("GET", url, {"accept": "application/json"}, keep=MOST, seconds=seconds)
        if answer.status != 200:
            raise Unavailable("draw.drand", f"It answers {answer.status}.", url)
        told = json.loads(answer.body)
        if told["round"] != number:
            raise Invalid("draw.another-round", "It tells another round.", url)
        return bytes.fromhex(told["signature"])

    def _key_of(self, witness: Witness) -> dict[str, str]:
        lines = self._text("GET", witness, "reveal-key").split("\n")
        public, signature = unb64url(lines[0]), unb64url(lines[1] if lines[1:] else "")
        if len(public) != vrf.KEY or not verify_ed25519(
            witness.key.public, beacon.key_text(public), signature
        ):
            raise Invalid("draw.reveal-key", "Its key of reveals is not signed by its own.", witness.name)
        return {"witness": b64url(witness.key.public), "public": lines[0], "sg": lines[1]}

    def _reveal(self, witness: Witness, body: bytes, asked: bytes, public: bytes) -> bytes:
        """What a witness reveals; b"" when it does not, or nobody was told with which key it would."""
        if not public:
            return b""
        try:
            told = unb64url(self._text("POST", witness, "reveal", body).strip())
            vrf.verify(public, asked, told)
        except (EvenhandError, httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("witness %s revealed nothing: %s", witness.name, error)
            return b""
        return told

    def _text(self, method: str, witness: Witness, name: str, body: bytes = b"") -> str:
        url, seconds = f"{witness.url.rstrip('/')}/{name}", HURRY if witness.name in self._silent else ANSWER
        self._silent.add(witness.name)
        with self._client.stream(method, url, content=body, timeout=seconds) as response:
            data = b""
            for part in response.iter_bytes():
                data += part
                if len(data) > MOST:
                    raise Invalid("draw.too-long", "Its answer is too long.", witness.name)
            self._silent.discard(witness.name)
            if response.status_code != 200:
                raise Unavailable("draw.witness", f"It answers {response.status_code}.", witness.name)
        return data.decode("ascii", "replace")

    def _look(self) -> float:
        """A look; gives the seconds to the next one."""
        if time.monotonic() >= self._ask_at:
            self._ask_at = float("inf") if self.announce() else time.monotonic() + AGAIN
        self._pause = next_pause(self._pause, self.turn() > 0)
        return self._pause


def next_pause(before: float, busy: bool) -> float:
    """Seconds to the next look: twice as long each time that there is nothing to draw, up to `IDLE`."""
    return POLL if busy else min(2 * before, IDLE)
