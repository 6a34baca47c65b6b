"""SQLite: the embedded store. WAL, synchronous=FULL; one writer, readers never wait."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from evenhand.core.errors import Broken, Unavailable
from evenhand.store.driver import Connection, Dialect, Row, load_queries

DIALECT = Dialect(
    name="sqlite",
    adapter="sqlite3",
    tokens={
        "serial": "INTEGER PRIMARY KEY",
        "number": "INTEGER PRIMARY KEY",
        "rowless": "WITHOUT ROWID",
        "max": "max",
        "collate": "",
        "lock": "",
        "lock_task": "",
        "skip_locked": "",
    },
    in_list="IN (SELECT value FROM json_each(:%s))",
    by_index="INDEXED BY %s",
    rows_at_once=False,
    one_writer=True,
)

PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 10000;
PRAGMA wal_autocheckpoint = 8000;
PRAGMA cache_size = -32768;
PRAGMA temp_store = MEMORY;
PRAGMA foreign_keys = ON;
"""

DUMP = "sqlite.db"  # the one file of a dump

_encode = msgspec.json.Encoder().encode


class SqliteConnection(Connection):
    """One connection to one file; `path` None is a database in memory."""

    def __init__(self, path: Path | None, queries: Mapping[str, str], readonly: bool = False) -> None:
        target = (
            ":memory:"
            if path is None
            else f"file:{path.absolute().as_uri()[7:]}{'?mode=ro' if readonly else ''}"
        )
        try:
            self._db = sqlite3.connect(
                target,
                uri=path is not None,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
            self._db.executescript(PRAGMAS if not readonly else "PRAGMA busy_timeout = 10000;")
        except sqlite3.DatabaseError as error:
            raise _translated(error, str(path)) from error
        self._queries = queries
        self._cursor = self._db.cursor()

    def tuples(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        return self._execute(query, params).fetchall()

    def stream(self, query: str, **params: Any) -> Iterator[Row]:
        cursor = self._db.cursor()
        try:
            numbered = _numbered(self._queries[query])
            cursor.execute(numbered.sql, numbered.values(params))
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))
        finally:
            cursor.close()

    def all(self, query: str, **params: Any) -> list[Row]:
        cursor = self._execute(query, params)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def run(self, query: str, **params: Any) -> None:
        self._execute(query, params)

    def changed(self, query: str, **params: Any) -> int:
        return self._execute(query, params).rowcount

    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        try:
            numbered = _numbered(self._queries[query])
            self._cursor.executemany(numbered.sql, map(numbered.row, rows))
        except sqlite3.OperationalError as error:
            raise _translated(error, query) from error

    def bulk(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(columns))
        try:
            self._cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        except sqlite3.OperationalError as error:
            raise _translated(error, table) from error

    def script(self, sql: str) -> None:
        for statement in _statements(sql):
            self._db.execute(statement)

    def begin(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise _translated(error, "begin") from error

    def begin_read(self) -> None:
        self._db.execute("BEGIN")

    def commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _translated(error, "commit") from error

    def rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def savepoint(self) -> None:
        self._db.execute("SAVEPOINT verb")

    def release(self) -> None:
        self._db.execute("RELEASE verb")

    def back(self) -> None:
        self._db.execute("ROLLBACK TO verb")
        self._db.execute("RELEASE verb")

    def close(self) -> None:
        self._db.close()

    def backup(self, target: Path, on_pages: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Copy the whole database, as of now or as of the open read transaction, beside a live writer.

        Without a transaction of ours that spans all steps, each change by another connection would make
        SQLite begin the copy again, and under load it would never end.
        """
        own = not self._db.in_transaction
        if own:
            self._db.execute("BEGIN")
        copy = sqlite3.connect(target)
        try:
            self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            self._db.backup(copy, pages=2048, progress=lambda _, left, total: on_pages(total - left, total))
        except sqlite3.DatabaseError as error:
            raise _translated(error, str(target)) from error
        finally:
            copy.close()
            if own:
                self.rollback()

    def dump(self, folder: Path, tell: Callable[[int, int], None]) -> None:
        self.backup(folder / DUMP, tell)

    def load(self, folder: Path) -> None:
        source = sqlite3.connect(f"{(folder / DUMP).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            source.backup(self._db)
        except sqlite3.DatabaseError as error:
            raise _translated(error, str(folder)) from error
        finally:
            source.close()

    def _execute(self, query: str, params: Mapping[str, Any]) -> sqlite3.Cursor:
        try:
            numbered = _numbered(self._queries[query])
            return self._cursor.execute(numbered.sql, numbered.values(params))
        except sqlite3.OperationalError as error:
            raise _translated(error, query) from error


def queries() -> Mapping[str, str]:
    """Every named query in this dialect."""
    return load_queries(DIALECT)


class _Numbered:
    """A statement whose parameters go by number: the driver takes half as long as with names."""

    def __init__(self, sql: str) -> None:
        self.names: list[str] = []
        self.sql = re.sub(r"'[^']*'|:([a-z_]\w*)", self._number, sql)
        columns = itemgetter(*self.names) if self.names else None
        self.row: Callable[[Mapping[str, Any]], Sequence[Any]] = (  # of one name it gives no tuple
            columns if columns is not None and len(self.names) > 1 else self.values
        )

    def _number(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return match.group()
        if name not in self.names:
            self.names.append(name)
        return f"?{self.names.index(name) + 1}"

    def values(self, params: Mapping[str, Any]) -> list[Any]:
        """The parameters in their order. Lists go in as JSON text, which `{in name}` unpacks."""
        return [_adapted(params[name]) for name in self.names]


_numbered = cache(_Numbered)


def _adapted(value: Any) -> Any:
    return _encode(value).decode() if isinstance(value, (list, tuple)) else value


def _translated(error: sqlite3.Error, where: str) -> Exception:
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return Unavailable("store.full", f"The disk is full: {text}.", where, "Free some room and try again.")
    if "locked" in text or "busy" in text:
        return Unavailable("store.busy", "Another process holds the database.", where, "Stop it, or wait.")
    if "not a database" in text or "malformed" in text:
        return Broken("store.broken", f"The database cannot be read: {text}.", where, "Restore a backup.")
    if "unable to open" in text or "readonly" in text:
        return Unavailable(
            "store.open", f"The database cannot be opened: {text}.", where, "Check path and rights."
        )
    return error


def _statements(sql: str) -> Iterator[str]:
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
