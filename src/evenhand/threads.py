"""Threads beside the requests: `Loop` does one thing again and again, `Turns` serves owners by turns."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from evenhand.core.errors import EvenhandError

T = TypeVar("T")
Work = Callable[[], None]

log = logging.getLogger(__name__)


class Loop:
    """One thread that does its round again and again. What fails is said in the log, and tried again."""

    def __init__(self, name: str, round_: Callable[[], float], again: float) -> None:
        """
        Args:
            name: of the thread, and of what it does, in the log.
            round_: does it once; gives the seconds to wait before the next time.
            again: seconds to wait after a round that failed.
        """
        self.stopping = threading.Event()
        self._woken = threading.Event()
        self._round = round_
        self._again = again
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hasten(self) -> None:
        """Begin the next round now: somebody waits for it."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the round that is under way, and end. One that was never started has nothing to end."""
        self.stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._woken.wait(self._once())
            self._woken.clear()

    def _once(self) -> float:
        try:
            return self._round()
        except EvenhandError as error:
            log.warning("%s: %s", self._thread.name, error)
        except Exception:
            log.exception("%s: a round failed; it is tried again", self._thread.name)
        return self._again


class Turns:
    """A pool of threads shared by owners who do not wait for each other, as far as there are threads."""

    def __init__(self, threads: int, each: int, name: str) -> None:
        """
        Args:
            each: threads that one owner holds at most.
            name: of the threads.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._each = each
        self._waiting: OrderedDict[str, deque[Work]] = OrderedDict()  # who is next stands first
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def submit(self, owner: str, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run `function(*args)` when it is the owner's turn."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(*args))
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            self._waiting.setdefault(owner, deque()).append(work)
            self._begin()
        return future

    def shutdown(self) -> None:
        """Finish what runs, and drop what waits."""
        with self._lock:
            self._waiting.clear()
        self._pool.shutdown(wait=True)

    def _begin(self) -> None:
        """Give free threads to owners who wait, in turn. Called with the lock held."""
        for owner in list(self._waiting):
            if not self._free:
                return
            if self._running[owner] >= self._each:
                continue
            queue = self._waiting.pop(owner)
            work = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # behind the others
            self._free -= 1
            self._running[owner] += 1
            self._pool.submit(self._run, owner, work)
        if self._free and any(self._running[owner] < self._each for owner in self._waiting):
            self._begin()

    def _run(self, owner: str, work: Work) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._free += 1
                self._running[owner] -= 1
                if not self._running[owner]:
                    del self._running[owner]
                self._begin()
