"""PostgreSQL 14 or newer: the store for several processes and hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from evenhand.core.errors import Unavailable
from evenhand.store.driver import Connection, Dialect, Row, load_queries

DIALECT = Dialect(
    name="postgres",
    adapter="psycopg",
    tokens={
        "serial": "BIGSERIAL PRIMARY KEY",
        "number": "BIGINT PRIMARY KEY",
        "rowless": "",
        "max": "greatest",
        "collate": 'COLLATE "C"',
        "lock": "FOR UPDATE",
        "lock_task": "FOR UPDATE OF t",
        "skip_locked": "FOR UPDATE SKIP LOCKED",
    },
    in_list="= ANY(:%s)",
    by_index="%.0s",
)


class PostgresConnection(Connection):
    """One connection to one server."""

    def __init__(self, url: str, queries: Mapping[str, str]) -> None:
        try:
            self._db = psycopg.connect(url, autocommit=True, prepare_threshold=2)
        except psycopg.OperationalError as error:
            raise _translated(error) from error
        self._queries = queries
        self._cursor = self._db.cursor()

    def tuples(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        return self._execute(query, params).fetchall()

    def stream(self, query: str, **params: Any) -> Iterator[Row]:
        with self._db.cursor(name="stream") as cursor:
            cursor.itersize = 5000
            cursor.execute(self._queries[query], _adapted(params))
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def all(self, query: str, **params: Any) -> list[Row]:
        cursor = self._execute(query, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def run(self, query: str, **params: Any) -> int:
        return self._execute(query, params).rowcount

    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._cursor.executemany(self._queries[query], rows)
        except (psycopg.OperationalError, errors.DiskFull) as error:
            raise _translated(error) from error

    def bulk(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            with self._cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        except (psycopg.OperationalError, errors.DiskFull) as error:
            raise _translated(error) from error

    def script(self, sql: str) -> None:
        self._db.execute(sql)

    def begin(self) -> None:
        self._control("BEGIN")

    def begin_read(self) -> None:
        self._control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        self._control("COMMIT")

    def rollback(self) -> None:
        if not self._db.closed:
            self._control("ROLLBACK")

    def savepoint(self) -> None:
        self._control("SAVEPOINT verb")

    def release(self) -> None:
        self._control("RELEASE SAVEPOINT verb")

    def back(self) -> None:
        self._control("ROLLBACK TO SAVEPOINT verb")

    def close(self) -> None:
        self._db.close()

    def dump(self, folder: Path, tell: Callable[[int, int], None]) -> None:
        tables = self._tables()
        for done, (table, columns) in enumerate(tables.items()):
            tell(done, len(tables))
            statement = sql.SQL("COPY {} ({}) TO STDOUT").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with (folder / f"{table}.copy").open("wb") as file, self._cursor.copy(statement) as rows:
                file.write(f"{' '.join(columns)}\n".encode())
                for chunk in rows:
                    file.write(chunk)

    def load(self, folder: Path) -> None:
        self.begin()
        try:
            for path in sorted(folder.glob("*.copy")):
                self._load_table(path)
            self._db.execute(
                "SELECT setval('event_seq_seq', greatest(max(seq), 1), max(seq) IS NOT NULL) FROM event"
            )
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def _load_table(self, path: Path) -> None:
        with path.open("rb") as file:
            columns = file.readline().decode().split()
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(path.stem), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with self._cursor.copy(statement) as rows:
                while chunk := file.read(1 << 20):
                    rows.write(chunk)

    def _tables(self) -> dict[str, list[str]]:
        """Every table and its columns; which migrations have run is not data."""
        found = self._db.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name <> 'migration' "
            "ORDER BY table_name, ordinal_position"
        ).fetchall()
        return {name: [column for table, column in found if table == name] for name, _ in found}

    def _control(self, statement: str) -> None:
        try:
            self._db.execute(statement)
        except (psycopg.OperationalError, errors.DiskFull) as error:
            raise _translated(error) from error

    def _execute(self, query: str, params: Mapping[str, Any]) -> psycopg.Cursor[Any]:
        try:
            return self._cursor.execute(self._queries[query], _adapted(params))
        except (psycopg.OperationalError, errors.DiskFull) as error:
            raise _translated(error) from error


def queries() -> Mapping[str, str]:
    """Every named query in this dialect."""
    return load_queries(DIALECT)


def _adapted(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in params.items()}


def _translated(error: psycopg.Error) -> Exception:
    """A conflict between two lanes is a reason to run the group again: `store.conflict`."""
    text = str(error).strip()
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
        return Unavailable("store.conflict", "Two processes were in each other's way.", "", "Try again.")
    if isinstance(error, errors.DiskFull):
        return Unavailable(
            "store.full", f"The database's disk is full: {text}.", "", "Free some room and try again."
        )
    return Unavailable(
        "store.down", f"PostgreSQL does not answer: {text}.", "", "Check EVENHAND_DATABASE_URL."
    )
