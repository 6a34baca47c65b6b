"""PostgreSQL 14 or newer: the store for several processes and hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import errors, sql

from evenhand.core.errors import Unavailable
from evenhand.store.driver import Connection, Dialect, Row, Rows, load_queries

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
    rows_at_once=True,
    one_writer=False,
    after_bulk="ANALYZE task, payload, assignment, event, opening, consensus",
)


UNKNOWN = 1_000  # rows put into a table before the planner should know it

_encode = msgspec.json.Encoder().encode


class PostgresConnection(Connection):
    """One connection to one server.

    A write transaction is one pipeline: statements that give nothing back are sent and not waited for,
    so that a group of verbs costs as many round trips as it reads.
    """

    def __init__(self, url: str, queries: Mapping[str, str]) -> None:
        try:
            self._db = psycopg.connect(url, autocommit=True, prepare_threshold=2)
        except psycopg.OperationalError as error:
            raise _translated(error) from error
        self._queries = queries
        self._reads = self._db.cursor(binary=True)  # bytes as they are, not as hexadecimal text
        self._writes = self._db.cursor()
        self._pipeline: AbstractContextManager[object] | None = None
        self._put: Counter[str] = Counter()  # table -> rows that `bulk` has put in
        self._look_at: dict[
            str, int
        ] = {}  # table -> rows after which we look again at what the planner knows

    def tuples(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        with _translating():
            return self._reads.execute(self._queries[query], _adapted(params)).fetchall()

    def ahead(self, query: str, **params: Any) -> Rows:
        cursor = self._db.cursor(binary=True)
        with _translating():
            cursor.execute(self._queries[query], _adapted(params))

        def rows() -> list[tuple[Any, ...]]:
            with _translating():
                return cursor.fetchall()

        return rows

    def stream(self, query: str, **params: Any) -> Iterator[Row]:
        with self._db.cursor(name="stream") as cursor:
            cursor.itersize = 5000
            cursor.execute(self._queries[query], _adapted(params))
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def all(self, query: str, **params: Any) -> list[Row]:
        with _translating():
            cursor = self._reads.execute(self._queries[query], _adapted(params))
            rows = cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def run(self, query: str, **params: Any) -> None:
        with _translating():
            self._writes.execute(self._queries[query], _adapted(params))

    def changed(self, query: str, **params: Any) -> int:
        with self._apart(), _translating():
            return self._writes.execute(self._queries[query], _adapted(params)).rowcount

    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        text = self._queries[query]
        with _translating():
            if "json_to_recordset(" in text:  # the driver takes far longer to write arrays than JSON
                self._writes.execute(text, {"rows": _encode(rows).decode()})
            else:
                self._writes.executemany(text, rows)

    def bulk(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._apart(), _translating(), self._writes.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        self._put[table] += len(rows)
        if self._put[table] >= self._look_at.get(table, UNKNOWN):
            self._look_at[table] = 10 * self._put[table]
            self._take_stock(table)

    def _take_stock(self, table: str) -> None:
        """Let the planner look at a table that has grown tenfold, or from nothing.

        It takes one that it does not know for empty, where any index is as good as another, and would find
        each row of an import by reading all that came before it. The server itself looks after a minute at
        the earliest, and not before this transaction is over.
        """
        known = self._db.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
        (rows,) = known.fetchone() or (0,)
        if 10 * max(rows, 0) <= self._put[table]:
            self._db.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))

    def script(self, sql: str) -> None:
        with self._apart():
            self._db.execute(sql)

    def begin(self) -> None:
        self._open_pipeline()
        self._control("BEGIN")

    def begin_read(self) -> None:
        self._control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        self._control("COMMIT")
        with _translating():
            self._close_pipeline()

    def rollback(self) -> None:
        with suppress(psycopg.Error):  # what made us roll back, and what the server passed over after it
            self._close_pipeline()
        if not self._db.closed:
            with _translating():  # the driver's own, which knows that statements may not have been prepared
                self._db.rollback()

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
            with (folder / f"{table}.copy").open("wb") as file, self._writes.copy(statement) as rows:
                file.write(f"{' '.join(columns)}\n".encode())
                for chunk in rows:
                    file.write(chunk)

    def load(self, folder: Path) -> None:
        self._control("BEGIN")  # no pipeline: it is one COPY after the other
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
            with self._writes.copy(statement) as rows:
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

    def _open_pipeline(self) -> None:
        self._pipeline = self._db.pipeline()
        self._pipeline.__enter__()

    def _close_pipeline(self) -> None:
        """Wait for everything that was sent."""
        if self._pipeline is not None:
            pipeline, self._pipeline = self._pipeline, None
            pipeline.__exit__(None, None, None)

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Outside the pipeline: COPY and scripts cannot go in one, and a count of rows must be waited for."""
        open_ = self._pipeline is not None
        with _translating():
            self._close_pipeline()
        yield
        if open_:
            self._open_pipeline()

    def _control(self, statement: str) -> None:
        with _translating():
            self._writes.execute(statement.encode())


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, errors.DiskFull) as error:
        raise _translated(error) from error


def queries() -> Mapping[str, str]:
    """Every named query in this dialect."""
    return load_queries(DIALECT)


def _adapted(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {k: _array(v) if isinstance(v, list | tuple) else v for k, v in params.items()}


def _array(values: Sequence[Any]) -> str | list[Any]:
    """Texts or numbers as PostgreSQL writes an array: the driver takes as long for that as for a query.

    The column that it is compared with says of what it is (PostgreSQL 18, section 8.15.2).
    """
    kinds = {type(value) for value in values}
    if kinds <= {int}:
        return f"{{{','.join(map(str, values))}}}"
    if kinds == {str}:
        escaped = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
        return '{"' + '","'.join(escaped) + '"}'
    return list(values)


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
