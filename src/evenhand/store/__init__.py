"""The store: one suite of behaviour, two databases. See `Store`."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from evenhand.core.errors import Unavailable
from evenhand.core.receipt import Promise
from evenhand.store.digests import Digests
from evenhand.store.driver import Connection, Dialect, migrations
from evenhand.store.remembered import Pools
from evenhand.store.transaction import Reader, Transaction

__all__ = ["Node", "Reader", "Store", "Transaction", "migrations_of", "open_store"]

READERS = 8  # read connections kept open

DONE = """
CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, at_ms BIGINT NOT NULL);
"""


class Node(Protocol):
    """What the verbs need to know of the node that they run on."""

    @property
    def origin(self) -> str:
        """Origin of its ledger, fixed at genesis."""

    def promise(self, leaf_hashes: list[bytes], at_ms: int) -> list[Promise]:
        """One signature for a whole group of leaves: that they will be in the log in time."""

    @property
    def draw_key(self) -> bytes:
        """Public key of its draws (`core.vrf`)."""

    def draw(self, alpha: bytes) -> bytes:
        """The proof of the one draw that there is for this input."""


class Store:
    """A database with the newest schema.

    Writes go through one connection, which belongs to the lane (`evenhand.lane`). Reads come from a
    pool of connections, each in a snapshot of its own, and never wait for writes. When `commit`
    returns, a power cut loses nothing of what was written.
    """

    def __init__(
        self, dialect: Dialect, queries: Mapping[str, str], connect: Connector, shared: bool
    ) -> None:
        self.dialect = dialect
        self.writer = connect(queries, False)
        self.hints: dict[tuple[str, str], tuple[int, int]] = {}  # how far one has got: service.allocation
        self.pools = Pools(alone=dialect.one_writer)
        self.digests = Digests()
        self._connect = connect
        self._queries = queries
        self._shared = shared  # in memory: reads share the one connection there is
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()

    def transaction(self, node: Node, now: int) -> Transaction:
        """What verbs write through, once the writer has begun a transaction.

        Args:
            now: ms since 1970-01-01 UTC.
        """
        return Transaction(self.writer, node, self.hints, self.pools, self.digests, now)

    def rollback(self) -> None:
        """Undo the writer's open transaction."""
        self.pools.forget()
        self.digests.forget()
        self.writer.rollback()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A snapshot of the store, for as long as the block lasts. Keep it short: it holds back cleaning."""
        if self._shared:
            yield Reader(self.writer)
            return
        db = self._borrow()
        try:
            db.begin_read()
            yield Reader(db)
        except BaseException:
            db.close()
            raise
        db.rollback()
        if self._idle.qsize() < READERS:
            self._idle.put(db)
        else:
            db.close()

    def _borrow(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._connect(self._queries, True)

    def take_stock(self) -> None:
        """Let the planner look at tables that have just grown by an import.

        PostgreSQL does so by itself within minutes. Until then it takes them to be empty, and reads all
        records of a project once for each task of an export.
        """
        if self.dialect.after_bulk:
            db = self._borrow()
            db.script(self.dialect.after_bulk)
            self._idle.put(db)

    def close(self) -> None:
        """Close all connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self.writer.close()


class Connector(Protocol):
    """How a store opens one more connection."""

    def __call__(self, queries: Mapping[str, str], readonly: bool) -> Connection:
        """A fresh connection."""


def open_store(url: str, upto: int | None = None) -> Store:
    """Open a store and bring its schema up to date; a backup is written before.

    Args:
        url: ``sqlite:///path/to/file``, ``sqlite://`` (in memory, for tests) or ``postgresql://…``.
        upto: the last migration to run; None runs all. Data of an older schema go in before the others run.

    Raises:
        Unavailable: it cannot be reached, or its schema is newer than this program.
        Broken: it is no database of ours.
    """
    store = _connect(url)
    try:
        _migrate(store, url, upto)
    except BaseException:
        store.close()
        raise
    return store


def migrations_of(url: str) -> list[int]:
    """The numbers of all migrations that this program knows for a store of this kind, ascending."""
    store = _connect(url)
    store.close()
    return [number for number, _, _ in migrations(store.dialect)]


def _connect(url: str) -> Store:
    """Open a store whatever its schema is."""
    return _open_postgres(url) if url.startswith(("postgresql://", "postgres://")) else _open_sqlite(url)


def _open_postgres(url: str) -> Store:
    try:
        from evenhand.store import postgres
    except ImportError as error:
        raise Unavailable(
            "store.driver", "The PostgreSQL driver is not installed.", "", "pip install 'evenhand[postgres]'"
        ) from error

    def connect(queries: Mapping[str, str], readonly: bool) -> Connection:
        return postgres.PostgresConnection(url, queries)

    return Store(postgres.DIALECT, postgres.queries(), connect, shared=False)


def _open_sqlite(url: str) -> Store:
    from evenhand.store import sqlite

    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)

    def connect(queries: Mapping[str, str], readonly: bool) -> Connection:
        return sqlite.SqliteConnection(path, queries, readonly)

    return Store(sqlite.DIALECT, sqlite.queries(), connect, shared=path is None)


def _migrate(store: Store, url: str, upto: int | None) -> None:
    """Run what is missing, each migration in a transaction of its own."""
    db = store.writer
    known = migrations(store.dialect)
    db.begin()
    db.script(DONE)
    done = {number for (number,) in db.tuples("migrations_done")}
    db.commit()
    newest = known[-1][0]
    if done and max(done) > newest:
        raise Unavailable(
            "store.newer",
            f"This store has schema {max(done)}, and this program knows only {newest}.",
            url.rpartition("@")[2],
            "Start a newer Evenhand, or restore the backup made before the upgrade.",
        )
    wanted = [migration for migration in known if upto is None or migration[0] <= upto]
    missing = [migration for migration in wanted if migration[0] not in done]
    if done and missing:
        _backup_before(db, url, missing[0][0])
    for number, name, sql in missing:
        db.begin()
        db.script(sql)
        db.run("put_migration", number=number, name=name, at_ms=time.time_ns() // 1_000_000)
        db.commit()


def _backup_before(db: Connection, url: str, number: int) -> None:
    """A copy beside the file. On PostgreSQL a migration is one transaction, which leaves the old schema or
    the new one, and a copy of the tables would need a place that we do not know: operators make a backup."""
    from evenhand.store.sqlite import SqliteConnection

    if isinstance(db, SqliteConnection) and url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        db.backup(path.with_name(f"{path.name}.before-{number:04d}"))
