"""The lane of writes: what waits goes together, is decided in order, and becomes durable in one commit.

A handler puts its verb on the lane and awaits. The lane's thread takes whatever waits, runs it in one
transaction and wakes everybody once. Those whom it woke ask again at about the same time, so it waits a
moment for as many as it has just answered or left waiting: a group costs nearly the same whatever its
size. Who works alone never waits. Calls of one verb run together where the verb knows how (`group`), so
that all who wait in a pool are decided by one call. Those who wait at the same time have no order between
them, except that of calls of the same verb. A verb that fails takes nothing of the others with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import groupby
from typing import Any, TypeVar

from evenhand.core.errors import EvenhandError, Unavailable
from evenhand.core.events import Moment
from evenhand.store import Node, Store, Transaction

T = TypeVar("T")
V = TypeVar("V", bound=Callable[..., Any])
Verb = Callable[..., Any]  # (tx, at, *args) -> result
Group = Callable[[Transaction, Moment, Sequence[tuple[Any, ...]]], Sequence[Any]]  # results or exceptions

LARGEST_GROUP = 512  # verbs in one commit
PATIENCE = 0.005  # seconds that a group waits, at most, for all who are about
LONGEST_QUEUE = 20_000  # verbs that may wait; more is refused, so that a flood is felt and not remembered
CONFLICT_TRIES = 8

log = logging.getLogger("evenhand.lane")


def group(batch: Group) -> Callable[[Verb], Verb]:
    """Declare how many calls of a verb run at once.

    `batch` takes the argument tuples of all calls and returns a result, or the EvenhandError to
    raise, for each. It must write nothing for a call that it refuses.
    """

    def mark(verb: Verb) -> Verb:
        verb.batch = batch  # type: ignore[attr-defined]  # read by _run_calls
        return verb

    return mark


def first(verb: V) -> V:
    """Declare that calls of a verb run before all others of their group.

    For verbs that lock a pool: it comes before tasks and projects in the order of locks. Two lanes of
    which one has a pool and wants a project, and the other the reverse, would stand still for a second.
    """
    verb.first = True  # type: ignore[attr-defined]  # read by _by_verb
    return verb


class _Call:
    __slots__ = ("args", "future", "loop", "outcome", "verb")

    def __init__(self, verb: Verb, args: tuple[Any, ...], loop: asyncio.AbstractEventLoop | None) -> None:
        self.verb = verb
        self.args = args
        self.loop = loop
        self.future: Any = loop.create_future() if loop else Future()
        self.outcome: Any = None


def now_ms() -> int:
    """The clock of the shell: milliseconds UTC."""
    return time.time_ns() // 1_000_000


class Lane:
    """One writer for one process. Start it, `call` or `write` verbs, `stop` it."""

    def __init__(self, store: Store, node: Node, clock: Callable[[], int] = now_ms) -> None:
        self.store = store
        self._node = node
        self._clock = clock
        self._queue: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._wanted = 0  # verbs that the lane waits for
        self._enough = threading.Event()  # so many wait
        self._thread = threading.Thread(target=self._loop, name="evenhand-lane", daemon=True)
        self._open = True
        self.committed = 0  # groups so far
        self.verbs = 0  # verbs so far
        self._thread.start()

    async def write(self, verb: Callable[..., T], *args: Any) -> T:
        """Run a verb and wait until it is durable."""
        result: T = await self._put(verb, args, asyncio.get_running_loop()).future
        return result

    def call(self, verb: Callable[..., T], *args: Any) -> T:
        """The same for callers without an event loop."""
        result: T = self._put(verb, args).future.result()
        return result

    def waiting(self) -> int:
        """Verbs that wait now."""
        return self._queue.qsize()

    def alive(self) -> bool:
        """Whether the thread runs; a lane that has died answers nobody."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish what waits, then end the thread."""
        self._open = False
        self._queue.put(None)
        self._thread.join()

    def _put(self, verb: Verb, args: tuple[Any, ...], loop: asyncio.AbstractEventLoop | None = None) -> _Call:
        if not self._open:
            raise Unavailable("lane.closed", "The node is stopping.", "", "Try again when it is up.")
        if self._queue.qsize() >= LONGEST_QUEUE:
            raise Unavailable("lane.full", "Too many changes wait already.", "", "Try again in a moment.")
        call = _Call(verb, args, loop)
        self._queue.put(call)
        if not self._enough.is_set() and self._queue.qsize() >= self._wanted:
            self._enough.set()
        return call

    def _loop(self) -> None:
        about = 1  # callers who were answered last or wait already
        last = False
        while not last:
            call = self._queue.get()
            if call is None:
                return
            self._wait_for(about - 1)
            calls, last = self._gather(call)
            self._run(calls)
            about = len(calls) + self._queue.qsize()
            _wake(calls)

    def _wait_for(self, others: int) -> None:
        self._enough.clear()
        self._wanted = others
        if self._open and self._queue.qsize() < others:  # after the clearing, or one could be missed
            self._enough.wait(PATIENCE)

    def _gather(self, first: _Call) -> tuple[list[_Call], bool]:
        """Whoever waits now, and whether the lane ends after them."""
        calls = [first]
        while len(calls) < LARGEST_GROUP:
            try:
                another = self._queue.get_nowait()
            except queue.Empty:
                break
            if another is None:
                return calls, True
            calls.append(another)
        return calls, False

    def _run(self, calls: list[_Call]) -> None:
        """Run a group; what goes wrong beyond a refusal is found out by running one by one."""
        for attempt in range(CONFLICT_TRIES):
            try:
                self._transact(calls)
                return
            except Unavailable as error:
                if error.rule != "store.conflict" or attempt == CONFLICT_TRIES - 1:
                    _fail(calls, error)
                    return
                time.sleep(0.002 * attempt)
            except Exception as error:
                if len(calls) == 1:
                    log.exception("A verb failed: %s", calls[0].verb.__name__)
                    _fail(calls, error)
                    return
                for call in calls:
                    self._run([call])
                return

    def _transact(self, calls: list[_Call]) -> None:
        db = self.store.writer
        db.begin()
        try:
            at = Moment(ms=self._clock(), chance=os.urandom(32))
            tx = self.store.transaction(self._node, at.ms)
            for verb, alike in _by_verb(calls).items():
                _run_calls(tx, at, verb, alike)
            db.commit()
        except BaseException:
            self.store.rollback()
            raise
        self.committed += 1
        self.verbs += len(calls)


def _by_verb(calls: list[_Call]) -> dict[Verb, list[_Call]]:
    """The calls of each verb, verbs in the order of their first call; see `first`."""
    found: dict[Verb, list[_Call]] = {}
    for call in calls:
        found.setdefault(call.verb, []).append(call)
    return {verb: found[verb] for verb in sorted(found, key=lambda verb: not hasattr(verb, "first"))}


def _run_calls(tx: Transaction, at: Moment, verb: Verb, calls: list[_Call]) -> None:
    batch: Group | None = getattr(verb, "batch", None)
    if batch is not None:
        for call, outcome in zip(calls, batch(tx, at, [call.args for call in calls]), strict=True):
            call.outcome = outcome
        return
    for call in calls:
        call.outcome = _run_alone(tx, at, verb, call.args)


def _run_alone(tx: Transaction, at: Moment, verb: Verb, args: tuple[Any, ...]) -> Any:
    """One verb behind a savepoint: a refusal undoes what it had written, and only that."""
    tx.db.savepoint()
    try:
        result = verb(tx, at, *args)
    except EvenhandError as error:
        if isinstance(error, Unavailable) and error.rule.startswith("store."):
            raise
        tx.back()
        return error
    tx.db.release()
    return result


def _fail(calls: list[_Call], error: Exception) -> None:
    for call in calls:
        call.outcome = error


def _wake(calls: list[_Call]) -> None:
    """Tell everybody. Each event loop is woken once: a wake-up costs a system call."""
    for loop, own in groupby(calls, key=lambda call: call.loop):
        if loop is None:
            _settle(list(own))
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_settle, list(own))


def _settle(calls: list[_Call]) -> None:
    for call in calls:
        if call.future.done():
            continue  # the caller has gone; what it asked for is done all the same
        if isinstance(call.outcome, BaseException):
            call.future.set_exception(call.outcome)
        else:
            call.future.set_result(call.outcome)
