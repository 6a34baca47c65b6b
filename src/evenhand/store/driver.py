"""The port to a database: named SQL, dictionaries or tuples out. Two drivers implement it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiosql

Row = dict[str, Any]
Rows = Callable[[], list[tuple[Any, ...]]]  # gives the rows of a query that was sent


class Dialect:
    """What the two databases spell differently, as `{tokens}` in the .sql files."""

    def __init__(
        self,
        name: str,
        adapter: str,
        tokens: Mapping[str, str],
        in_list: str,
        by_index: str,
        rows_at_once: bool,
        one_writer: bool,
        after_bulk: str = "",
    ) -> None:
        self.name = name
        self.adapter = adapter  # aiosql's name of the driver; decides how parameters are written
        self.tokens = tokens
        self.by_index = by_index  # "INDEXED BY %s", or "%.0s" where the database finds the index itself
        self.in_list = in_list  # "IN (SELECT value FROM json_each(:%s))" or "= ANY(:%s)"
        self.rows_at_once = rows_at_once  # whether `many` sends all rows in one statement, as JSON
        self.one_writer = one_writer  # whether one process alone writes to a store
        self.after_bulk = after_bulk  # what lets the planner know that tables have grown

    def render(self, text: str) -> str:
        """The text with every token of ours filled in.

        `{rows id text, n bigint}` is where the rows given to `many` come from, and `{r id}` is a column of
        them. Where a statement is a message to a server, all rows go in one as JSON; where it is a call, it
        is run once for each, and `INSERT … SELECT {r id} {rows …}` puts VALUES in: SQLite journals every
        statement that may put in several rows by itself, which cost more than the row.
        """
        if not self.rows_at_once:
            text = _ROWS_PUT_IN.sub(r"VALUES (\1)", text)
        text = re.sub(r"\{by (\w+)\}", lambda match: self.by_index % match.group(1), text)
        text = re.sub(r"\{in (\w+)\}", lambda match: self.in_list % match.group(1), text)
        text = re.sub(r"\{rows ([^}]*)\}", lambda match: self._rows(match.group(1)), text)
        text = re.sub(r"\{r (\w+)\}", r"r.\1" if self.rows_at_once else r":\1", text)
        return re.sub(r"\{(\w+)\}", lambda match: self.tokens[match.group(1)], text)

    def _rows(self, columns: str) -> str:
        if not self.rows_at_once:
            return ""
        pairs = [column.split() for column in columns.split(",")]
        named = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in pairs)
        read = ", ".join(f"decode({n}, 'base64') AS {n}" if kind == "bytea" else n for n, kind in pairs)
        return f"FROM (SELECT {read} FROM json_to_recordset(CAST(:rows AS json)) AS x ({named})) AS r"


_ROWS_PUT_IN = re.compile(r"SELECT (\{r [^;]*?)\s*\{rows [^}]*\}(?:\s+WHERE true)?")


@cache
def load_queries(dialect: Dialect) -> Mapping[str, str]:
    """Every named query of store/sql/*.sql in this dialect: name -> SQL with the driver's parameters.

    A file `<topic>_sqlite.sql` or `<topic>_postgres.sql` is for one of them only. What several queries of a
    page share is written once, below ``-- part: name``, and put in as ``{part name}``.
    """
    folder = files("evenhand.store") / "sql"
    found: dict[str, str] = {}
    others = _of_others(dialect)
    for page in sorted(folder.iterdir(), key=lambda path: path.name):
        if page.name.endswith(others):
            continue
        text = dialect.render(_put_together(page.read_text(encoding="utf-8")))
        queries = aiosql.from_str(text, dialect.adapter, mandatory_parameters=False)
        for name in queries.available_queries:
            if not name.endswith("_cursor"):
                found[name] = getattr(queries, name).sql
    return found


_PART = re.compile(r"^-- part: (\w+)\n(.*?);\n\n", re.MULTILINE | re.DOTALL)


def _put_together(page: str) -> str:
    """A page of queries with its parts where they are named; a part may name those before it."""
    text, parts = _PART.sub("", page), _PART.findall(page)
    for name, part in reversed(parts):
        text = text.replace(f"{{part {name}}}", part)
    return text


def _of_others(dialect: Dialect) -> tuple[str, ...]:
    return tuple(f"_{name}.sql" for name in ("sqlite", "postgres") if name != dialect.name)


def migrations(dialect: Dialect) -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration, oldest first; `<name>_sqlite.sql` is for one database only."""
    folder = files("evenhand.store") / "migrations"
    others = _of_others(dialect)
    pages = sorted(
        (page for page in folder.iterdir() if page.name.endswith(".sql") and not page.name.endswith(others)),
        key=lambda page: page.name,
    )
    return [
        (int(page.name[:4]), page.name, dialect.render(page.read_text(encoding="utf-8"))) for page in pages
    ]


class Connection(ABC):
    """One connection. Not for two threads at once.

    Lists given for an `{in name}` token may be empty. Errors of the driver are translated at this
    border: a full disk or a lost server is `Unavailable`, everything else passes.
    """

    @abstractmethod
    def tuples(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        """All rows of the named query, as tuples (the fast way)."""

    def ahead(self, query: str, **params: Any) -> Rows:
        """Send the named query; what this gives fetches the rows, before the transaction ends.

        A server answers queries that are sent one after the other, and only then fetched, in one round trip.
        They run in the order in which they are sent.
        """
        rows = self.tuples(query, **params)
        return lambda: rows

    @abstractmethod
    def stream(self, query: str, **params: Any) -> Iterator[Row]:
        """The rows of the named query one by one, in constant memory, within the open transaction."""

    @abstractmethod
    def all(self, query: str, **params: Any) -> list[Row]:
        """All rows of the named query."""

    @abstractmethod
    def run(self, query: str, **params: Any) -> None:
        """Run a named statement. Its error may come with a later call of the transaction, at the latest
        with `commit`."""

    @abstractmethod
    def changed(self, query: str, **params: Any) -> int:
        """Run a named statement and wait for it; how many rows it changed."""

    @abstractmethod
    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a named statement for each row.

        One with a `{rows …}` token may take them all at once: no two of them may be about the same row
        of its table.
        """

    @abstractmethod
    def bulk(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put many rows into a table, the fastest way that the database has."""

    @abstractmethod
    def script(self, sql: str) -> None:
        """Run several statements without parameters."""

    @abstractmethod
    def begin(self) -> None:
        """Open a write transaction."""

    @abstractmethod
    def begin_read(self) -> None:
        """Open a read transaction: everything until `rollback` comes from one snapshot."""

    @abstractmethod
    def commit(self) -> None:
        """Make it durable. When this returns, a power cut loses nothing of it."""

    @abstractmethod
    def rollback(self) -> None:
        """Undo the open transaction."""

    @abstractmethod
    def savepoint(self) -> None:
        """Mark a place to go back to."""

    @abstractmethod
    def release(self) -> None:
        """Keep what came since the savepoint."""

    @abstractmethod
    def back(self) -> None:
        """Undo what came since the savepoint."""

    @abstractmethod
    def dump(self, folder: Path, tell: Callable[[int, int], None]) -> None:
        """Write every table into a folder, from the snapshot of the open read transaction."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read into empty tables of the same schema what `dump` wrote: all or nothing, durable."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def one(self, query: str, **params: Any) -> Row | None:
        """The first row of the named query, or None."""
        rows = self.all(query, **params)
        return rows[0] if rows else None
