"""The schema is the sum of its migrations, on both stores, and data of an older schema come along."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenhand.core.errors import Unavailable
from evenhand.store import Store, migrations_of, open_store
from evenhand.store.sqlite import SqliteConnection

SQLITE = (
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
)
POSTGRES = """
SELECT 'column', table_name, column_name, concat(ordinal_position, data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
ORDER BY 1, 2, 3
"""


def schema(store: Store) -> list[tuple[object, ...]]:
    """Every table, column and index."""
    with store.read() as reader:
        db = reader.db
        if isinstance(db, SqliteConnection):
            return db._db.execute(SQLITE).fetchall()
        return db._db.execute(POSTGRES).fetchall()  # type: ignore[attr-defined]  # the other of the two


def fresh(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A second empty store of the same kind."""
    if url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'second.db'}"
    made: str = request.getfixturevalue("make_database")()
    return made


def test_the_schema_is_the_sum_of_the_migrations(
    store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A store that lived through every version has the tables of one that begins with the newest."""
    for number in migrations_of(store_url):
        open_store(store_url, upto=number).close()
    grown, new = open_store(store_url), open_store(fresh(store_url, tmp_path, request))
    try:
        assert schema(grown) == schema(new)
        assert {row[1] for row in schema(new)} >= {"epoch", "event", "task", "migration"}
    finally:
        grown.close()
        new.close()


def test_a_ledger_of_the_first_schema_becomes_the_first_epoch(store_url: str) -> None:
    old = open_store(store_url, upto=1)
    old.writer.begin()
    old.writer.script("INSERT INTO setting (name, value) VALUES ('origin', 'a.example/log')")
    old.writer.script("INSERT INTO batch (first_leaf, last_seq, count) VALUES (0, 5, 4)")
    old.writer.commit()
    old.close()
    store = open_store(store_url)
    try:
        with store.read() as reader:
            assert reader.tuples("epochs") == [(1, "a.example/log", 0, "")]
            assert reader.one("setting", name="origin") is None
            assert reader.tuples("sequenced") == [(4, 5)]
            assert reader.tuples("batch_of_leaf", leaf=3) == [(0, 5, 4, 0)]
    finally:
        store.close()


def test_a_copy_is_made_before_a_migration(tmp_path: Path) -> None:
    """Whoever must go back to the version before finds the file as that version left it."""
    url = f"sqlite:///{tmp_path / 'evenhand.db'}"
    old = open_store(url, upto=1)
    old.writer.begin()
    old.writer.run("put_setting", name="mark", value="before")
    old.writer.commit()
    old.close()
    open_store(url).close()
    copy = open_store(f"sqlite:///{tmp_path / 'evenhand.db.before-0002'}", upto=1)
    try:
        with copy.read() as reader:
            assert reader.tuples("setting", name="mark") == [("before",)]
            assert reader.tuples("migrations_done") == [(1,)]
    finally:
        copy.close()


def test_a_newer_schema_is_refused(store_url: str) -> None:
    store = open_store(store_url)
    store.writer.begin()
    store.writer.run("put_migration", number=9999, name="9999_later.sql", at_ms=0)
    store.writer.commit()
    store.close()
    with pytest.raises(Unavailable) as error:
        open_store(store_url)
    assert error.value.rule == "store.newer"
