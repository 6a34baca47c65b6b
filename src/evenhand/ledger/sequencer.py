"""The thread that gives leaves to what the store has committed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from evenhand.core.errors import Unavailable
from evenhand.ledger.writer import Ledger, not_what_was_signed

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where entries come from. Sequencing has one caller at a time; calls come from its thread.

    Whatever a method returns must be durable. When the store cannot answer now it raises
    `Unavailable`, and the same step is tried again later; any other error stops the sequencer.
    """

    def unsequenced(self, limit: int) -> list[tuple[int, bytes]]:
        """Committed entries that have no leaf yet, as (seq, entry bytes), at most `limit` of them.

        Causes stand before effects and each stream in its own order, in one snapshot: what is
        returned is a prefix, in that no entry that is left out is a cause of one that is not.
        """
        ...

    def record_batch(self, first_leaf: int, last_seq: int, count: int) -> None:
        """Give the `count` entries that `unsequenced` showed last, in that order, their leaves.

        The leaves begin at `first_leaf`. Durable when it returns; all or nothing. `last_seq` is the
        largest seq among the entries.
        """
        ...

    def entries(self, first_leaf: int, count: int) -> Sequence[bytes]:
        """Entries of the leaves `first_leaf` to `first_leaf + count`, end excluded, in leaf order."""
        ...

    def sequenced_size(self) -> int:
        """How many leaves were given so far."""
        ...


class Sequencer:
    """Gives leaves to what the store has committed, once a second or sooner while there is work."""

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        *,
        limit: int = 4096,
        interval: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Compare ledger and store, and mend what a crash left torn.

        Args:
            ledger: open for writing.
            store: whose entries it takes.
            limit: entries in one step.
            interval: seconds from the start of one step to that of the next, when no more is waiting.
            clock: seconds, never falling.
            sleep: waits for seconds; by default in a way that `stop` ends at once.

        Raises:
            Broken: the store has less than what was signed, or something else.
        """
        self._ledger = ledger
        self._store = store
        self._limit = limit
        self._interval = interval
        self._clock = clock
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._sleep = sleep or self._rest
        self._thread: threading.Thread | None = None
        self.reason = "The sequencer has not been started."
        self._recover()

    @property
    def healthy(self) -> bool:
        """Whether entries are being sequenced; `reason` says why not."""
        return not self.reason

    def tick(self) -> int:
        """One step: sequence what is waiting, at most `limit` entries.

        Leaves that were given but not signed come first: so a step that died half-way is finished
        by the step after it, in the same process or the next.

        Returns:
            How many entries were sequenced.
        """
        self._ledger.publish()  # nothing to do, unless the disk was full when the last step got here
        first = self._ledger.size
        owed = self._store.sequenced_size() - first
        if owed:
            entries = self._store.entries(first, min(owed, self._limit))
        else:
            waiting = self._store.unsequenced(self._limit)
            if not waiting:
                return 0
            self._store.record_batch(first, max(seq for seq, _ in waiting), len(waiting))
            entries = [entry for _, entry in waiting]
        self._ledger.sequence(entries)
        return len(entries)

    def start(self) -> None:
        """Begin to tick, in a thread of its own."""
        self.reason = ""
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    def hasten(self) -> None:
        """Begin the next step now: somebody waits for the checkpoint."""
        self._woken.set()

    def _rest(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def stop(self) -> None:
        """Finish the step that is running, and stop."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()
        self.reason = self.reason or "The sequencer was stopped."

    def _recover(self) -> None:
        if self._store.sequenced_size() < self._ledger.size:
            raise not_what_was_signed(self._ledger.public.folder)
        if self._ledger.torn:
            self._ledger.rebuild(self._store.entries)
        self._ledger.check_tail(self._store.entries)

    def _run(self) -> None:
        """Tick until told to stop, or until something breaks that another try cannot mend."""
        while not self._stopping.is_set():
            started, count = self._clock(), 0
            try:
                count = self.tick()
                self.reason = ""
            except Unavailable as error:
                self.reason = str(error)
            except Exception as error:
                self.reason = f"The sequencer has stopped: {error}"
                log.exception("the sequencer has stopped")
                return
            if count < self._limit:
                self._sleep(max(0.0, self._interval - (self._clock() - started)))
