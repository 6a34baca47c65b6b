"""Checks that cost much and depend on nothing else: done here while few, in other processes when many."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Any, Self

BATCH = 256  # checks that go to another process at once
INLINE = 2_000  # checks of one sort that are not worth one

Wrong = Callable[[list[Any]], list[Any]]
"""Gives those of a batch that do not hold. Another process has to find it by its name."""
Tell = Callable[[Any], None]


class Crew:
    """Takes checks in any order and tells which do not hold. Use it as a context manager."""

    def __init__(self, processes: int) -> None:
        """
        Args:
            processes: at most; 1: everything is done here.
        """
        self.counts: Counter[Wrong] = Counter()
        self._processes = processes
        self._batches: dict[Wrong, tuple[list[Any], Tell]] = {}
        self._pool: ProcessPoolExecutor | None = None
        self._running: deque[tuple[Future[list[Any]], Tell]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def take(self, wrong: Wrong, check: Any, tell: Tell) -> None:
        """One more; `tell` is the same for all of one sort."""
        self.counts[wrong] += 1
        batch, _ = self._batches.setdefault(wrong, ([], tell))
        batch.append(check)
        if len(batch) >= BATCH:
            self._send(wrong)

    def finish(self) -> None:
        """Wait until everything is checked and told."""
        for wrong in list(self._batches):
            self._send(wrong)
        self._collect(0)

    def _send(self, wrong: Wrong) -> None:
        batch, tell = self._batches.pop(wrong)
        if self._pool is None and self._processes > 1 and self.counts[wrong] > INLINE:
            context = multiprocessing.get_context("forkserver")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context)
        if self._pool is None:
            for check in wrong(batch):
                tell(check)
            return
        self._running.append((self._pool.submit(wrong, batch), tell))
        self._collect(4 * self._processes)

    def _collect(self, most: int) -> None:
        """Tell what came back, until at most so many batches are on their way."""
        while len(self._running) > most:
            future, tell = self._running.popleft()
            for check in future.result():
                tell(check)
