"""A node: one store, one lane, one ledger and what runs beside them, opened and closed in the right order."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from evenhand import data_folder
from evenhand.blobs import Blobs, open_blobs
from evenhand.config import Config
from evenhand.core import receipt, vrf
from evenhand.core.checkpoint import SigningKey, open_checkpoint, sign_note
from evenhand.core.errors import EvenhandError, Invalid, Refused, Unavailable
from evenhand.core.events import Moment
from evenhand.core.receipt import Promise
from evenhand.core.trust import Policy, parse_policy
from evenhand.cosigner import Cosigner
from evenhand.draws import QUICKNET_HASH, Drawer
from evenhand.lane import Lane
from evenhand.ledger import Ledger, LocalDisk, PublicLog, Sequencer, read_key
from evenhand.outbound import Door
from evenhand.self_audit import NAME, SelfAudit
from evenhand.service import exchange, first_start, organizations, postings, rules, windows
from evenhand.service.adaptive import Adapter
from evenhand.service.ledger_port import LedgerPort, declare_grammar
from evenhand.service.search import Indexer
from evenhand.store import Store, Transaction, open_store
from evenhand.threads import Loop, Turns

log = logging.getLogger(__name__)

DATABASE = "evenhand.db"  # in the data folder, when no other database is named
JOBS, JOBS_EACH = 3, 2  # imports and exports at once; of one organization: more would wait for each other
OUTSIDE, OUTSIDE_EACH = 16, 4  # requests to hosts of others at once; of one organization at most
DRAIN = 8.0  # seconds in which a stopping node keeps the promises that it gave
TURN = 1.0  # seconds between two rounds of housekeeping
LEADER_WAIT = 10.0  # seconds to wait for another process to begin the ledger


class Node:
    """Use `Node.open` and `close`, or a `with` block."""

    def __init__(self, config: Config, store: Store, held: ExitStack, first: bool) -> None:
        """Use `Node.open`."""
        self.config = config
        self.store = store
        self.public = PublicLog(_ledger_folder(config) / "public")
        self.blobs: Blobs = open_blobs(config)
        self.door = Door(config.outbound_hosts)
        self.ledger: Ledger | None = None
        self.sequencer: Sequencer | None = None
        self.trust = _read_policy(config)  # the witnesses of the ledger
        self.cosigner: Cosigner | None = None
        self.drawer: Drawer | None = None
        self.self_audit: SelfAudit | None = None
        self.jobs = Turns(JOBS, JOBS_EACH, "evenhand-job")
        self.readers = ThreadPoolExecutor(4, thread_name_prefix="evenhand-read")
        self.hashers = ThreadPoolExecutor(2, thread_name_prefix="evenhand-hash")  # slow on purpose: apart
        self.outside = Turns(OUTSIDE, OUTSIDE_EACH, "evenhand-outside")  # wait for the hosts of others
        self.beside: list[Callable[[], None]] = []  # stops what runs beside the requests, before the lane
        self.when_leading: list[Callable[[], None]] = []  # what only one process should do
        self._held = held
        self._first = first  # the process that commands on this machine speak to
        self._housekeeping = Loop("housekeeping", self._keep_house, TURN)
        self._checkpoint: tuple[object, str] = (None, "0:")
        self.epoch = 1  # which of its ledgers this is: a restore begins another one
        self._try_to_lead()
        self._key = self.ledger.key if self.ledger else _key_of_leader(_ledger_folder(config))
        self.lane = Lane(store, self)
        # Long work in small verbs, a slice each by turns: (time is over) -> something is left to do.
        self._chores = (
            Indexer(self.lane).turn,
            partial(rules.follow_all, self.lane),
            Adapter(self.lane, self.run_job).turn,
        )

    @classmethod
    def open(cls, config: Config) -> Node:
        """Open a node on its data folder; make a new one where there is none.

        Raises:
            Unavailable: another process has it, or the database cannot be reached.
            Broken: store and ledger contradict each other.
            Refused: the store belongs to another ledger.
        """
        with ExitStack() as held:
            first = _take_lock(config, held)
            data_folder.refuse_unfinished(config.data)
            url = config.database_url or f"sqlite:///{(config.data / DATABASE).absolute()}"
            node = cls(config, open_store(url), held.pop_all(), first)
        try:
            node._begin()
        except BaseException:
            node.close()
            raise
        return node

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def origin(self) -> str:
        """Origin of the ledger, fixed at genesis."""
        return self._key.name

    def promise(self, leaf_hashes: list[bytes], at_ms: int) -> list[Promise]:
        """One signature for a whole group of leaves: that they will be in the log in time."""
        return receipt.promise(leaf_hashes, at_ms, self._key) if leaf_hashes else []

    def sign_note(self, text: str) -> bytes:
        """The node's signature of a text that no checkpoint could be taken for."""
        return sign_note(text, self._key)

    @property
    def draw_key(self) -> bytes:
        """Public key of the draws that decide in shared pools."""
        return vrf.public_key(self._key.derived(b"draw"))

    def draw(self, alpha: bytes) -> bytes:
        """The proof of the one draw that there is for this input."""
        return vrf.prove(self._key.derived(b"draw"), alpha)

    def checkpoint(self) -> str:
        """The newest checkpoint as "size:root", for the header of every answer."""
        if self.ledger is not None and self.ledger.checkpoint is not self._checkpoint[0]:
            self._note_checkpoint(self.ledger.checkpoint)
        return self._checkpoint[1]

    def health(self) -> str:
        """Why the node cannot work now; "" when it can."""
        if not self.lane.alive():
            return "The lane of writes has stopped."
        if self.sequencer is not None and not self.sequencer.healthy:
            return self.sequencer.reason
        try:
            with self.store.read() as reader:
                reader.one("organization_by_id", id=organizations.DEFAULT)
        except EvenhandError as error:
            return str(error)
        return ""

    def own_audit(self) -> bytes | None:
        """The newest audit that the node has made of its own log, as JSON; None before the first."""
        return LocalDisk().read(_ledger_folder(self.config) / NAME)

    def remark(self) -> str:
        """What an operator should know although the node can work; "" when there is nothing."""
        return self.cosigner.remark() if self.cosigner is not None else ""

    async def drawn(self) -> None:
        """Wait until a window was drawn, or might have been: by another process that sequences."""
        before = self.drawer.drawn if self.drawer is not None else 0
        for _ in range(25):
            if self.drawer is not None:
                self.drawer.poke()
                if self.drawer.drawn != before:
                    return
            await asyncio.sleep(0.01)

    def lag(self) -> int:
        """Committed events that no checkpoint covers yet."""
        with self.store.read() as reader:
            return int(reader.tuples("unsequenced_count")[0][0])

    def announce(self, url: str, public_url: str) -> None:
        """Tell commands on this machine where the node answers, until it is closed."""
        if self._first:
            address = data_folder.Address(url=url, public_url=public_url, pid=os.getpid())
            self._held.enter_context(data_folder.announce(self.config.data, address))

    def run_job(self, owner: str, job: Callable[..., Any], *args: Any) -> None:
        """Run something long beside the requests. What a stop interrupts goes on at the next start.

        Args:
            owner: the organization whose job it is. Organizations get threads by turns.
        """
        self.jobs.submit(owner, self._job, job, args)

    def run_outside(self, owner: str, job: Callable[..., Any], *args: Any) -> None:
        """The same for a job that waits for hosts of others, which may be as slow as they like."""
        self.outside.submit(owner, self._job, job, args)

    def close(self) -> None:
        """Finish what waits, log what was promised, and let go of everything."""
        self._housekeeping.stop()
        for stop in self.beside:
            stop()
        if self.drawer is not None:
            self.drawer.stop()
        self._drain()
        if self.cosigner is not None:
            self.cosigner.stop()
        if self.self_audit is not None:
            self.self_audit.stop()
        self.lane.stop()
        self.jobs.shutdown()
        self.readers.shutdown(wait=True, cancel_futures=True)
        self.hashers.shutdown(wait=True, cancel_futures=True)
        self.outside.shutdown()
        self.store.close()
        if self.ledger is not None:
            self.ledger.close()
        self._held.close()

    # ---- within ----------------------------------------------------------------------------

    def _begin(self) -> None:
        self.epoch = self.lane.call(_claim, self.origin)
        self.lane.call(first_start.bootstrap, self.config.admin_key)
        self.lane.call(first_start.install_local_key, data_folder.key(self.config.data))
        self.lane.call(declare_grammar)
        self.lane.call(exchange.keep_draw_key)
        self.lane.call(windows.end_closings)
        self.lane.call(postings.post_all)
        self._start_sequencer()
        self._housekeeping.start()

    def _try_to_lead(self) -> None:
        """Become the one process that sequences, unless another one is."""
        try:
            self.ledger = Ledger.open(_ledger_folder(self.config))
        except Unavailable as error:
            if error.rule != "ledger.locked":
                raise

    def _start_sequencer(self) -> None:
        if self.ledger is not None and self.sequencer is None:
            self.sequencer = Sequencer(self.ledger, LedgerPort(self.store, self.lane))
            self.sequencer.start()
            if self.trust is not None:
                self.cosigner = Cosigner(self.ledger, self.trust)
                self.cosigner.start()
            self.drawer = self._make_drawer(self.ledger, self.sequencer)
            self.drawer.start()
            self.self_audit = SelfAudit(_ledger_folder(self.config), self.config.witnesses)
            self.self_audit.start()
            for task in self.when_leading:
                task()

    def _make_drawer(self, ledger: Ledger, sequencer: Sequencer) -> Drawer:
        relay = f"{self.config.drand}/{QUICKNET_HASH}" if self.config.drand else None
        return Drawer(
            self.store,
            self.lane,
            ledger,
            sequencer,
            policy=self.trust,
            cosigner=self.cosigner,
            drand=relay,
            door=self.door,
        )

    def on_lead(self, task: Callable[[], None]) -> None:
        """Do this when, or as soon as, this process is the one that sequences."""
        self.when_leading.append(task)
        if self.sequencer is not None:
            task()

    def _keep_house(self) -> float:
        """A round of housekeeping; gives the seconds to the next one."""
        if self.ledger is None:
            self._follow()
            return TURN
        return 0.0 if self._do_chores() else TURN

    def _slice(self) -> Callable[[], bool]:
        """Whether the slice of time that begins now is over."""
        limit = time.monotonic() + TURN
        return lambda: self._housekeeping.stopping.is_set() or time.monotonic() > limit

    def _do_chores(self) -> bool:
        """A slice of each; whether one of them has more to do."""
        left = False
        for chore in self._chores:
            try:
                left |= chore(self._slice())
            except EvenhandError as error:
                log.warning("a chore stopped: %s", error)
            except Exception:
                log.exception("a chore failed")
        return left

    def _follow(self) -> None:
        """Read what the leader published, and take over when it has gone."""
        self._try_to_lead()
        self._start_sequencer()
        if self.ledger is None:
            self._note_checkpoint(open_checkpoint(self.public.checkpoint_note(), self.public.vkey()))

    def _note_checkpoint(self, checkpoint: Any) -> None:
        self._checkpoint = (checkpoint, f"{checkpoint.size}:{b64encode(checkpoint.root).decode()}")

    def _drain(self) -> None:
        """Log what was promised, so that nobody holds a promise that a stop has broken."""
        if self.sequencer is None:
            return
        self.sequencer.stop()
        limit = time.monotonic() + DRAIN
        try:
            while self.sequencer.tick() and time.monotonic() < limit:
                pass
        except EvenhandError as error:
            log.warning("stopped before everything was logged: %s", error)

    def _job(self, job: Callable[..., Any], args: Sequence[Any]) -> None:
        try:
            job(*args)
        except EvenhandError as error:
            log.warning("a job stopped: %s", error)
        except Exception:
            log.exception("a job failed")


def _take_lock(config: Config, held: ExitStack) -> bool:
    """Be the one process on this folder; on PostgreSQL several share it, and commands find the first."""
    try:
        held.enter_context(data_folder.lock(config.data))
    except Unavailable:
        if config.database_url is None:
            raise
        return False
    return True


def _read_policy(config: Config) -> Policy | None:
    """Whom the operator asks to cosign; None when nobody."""
    if config.witnesses is None:
        return None
    try:
        return parse_policy(config.witnesses.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Name a file that can be read, or unset it."
        raise Invalid(
            "setting.witnesses", f"The policy cannot be read: {error}.", "EVENHAND_WITNESSES", remedy
        ) from error


def _ledger_folder(config: Config) -> Path:
    return config.data / "ledger"


def _key_of_leader(folder: Path) -> SigningKey:
    limit = time.monotonic() + LEADER_WAIT
    while True:
        try:
            return read_key(folder)
        except Unavailable:
            if time.monotonic() > limit:
                raise
        time.sleep(0.05)


def _claim(tx: Transaction, at: Moment, origin: str) -> int:
    """A store belongs to one ledger: its commitments and places are made for that origin. Gives its epoch."""
    epochs = tx.tuples("epochs")
    if not epochs:
        tx.run("put_epoch", number=1, origin=origin, after_seq=0, checkpoint="")
        return 1
    number, own, _, _ = epochs[-1]
    if own != origin:
        raise Refused(
            "node.origin",
            f"This store belongs to the ledger {own}, and the data folder holds {origin}.",
            "EVENHAND_DATA",
            "Use the data folder that belongs to the database, or restore a backup.",
        )
    return int(number)
