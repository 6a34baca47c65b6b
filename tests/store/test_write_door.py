"""One write door: the tables that events make are written by folds, and folds are run by `append`."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from evenhand import doctor
from evenhand.store import postgres, sqlite

SOURCES = Path(doctor.__file__).parent
WRITES = re.compile(r"\b(?:INSERT INTO|INSERT OR \w+ INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+(\w+)")
FIRST_KIND = set(doctor.TABLES) - {
    "payload",
    "stream",
}  # records that events commit to; heads, which `append` keeps


@pytest.mark.parametrize("queries", [sqlite.queries(), postgres.queries()], ids=["sqlite", "postgres"])
def test_only_folds_write_tables_of_the_first_kind(queries: Mapping[str, str]) -> None:
    written = {name: FIRST_KIND & set(WRITES.findall(sql)) for name, sql in queries.items()}
    assert set.union(*written.values()) == FIRST_KIND, "each is written by something"
    assert [name for name, tables in written.items() if tables and not name.startswith("fold_")] == []


def test_folds_are_run_by_the_modules_of_folds_alone() -> None:
    runs = {path.name for path in SOURCES.rglob("*.py") if re.search(r'["\']fold_\w+["\']', path.read_text())}
    assert runs and all(name.startswith("fold") for name in runs), runs


def test_nobody_else_puts_rows_into_tables_of_the_first_kind() -> None:
    bulk = re.compile(r'\.bulk\(\s*"(\w+)"')
    others = [path for path in SOURCES.rglob("*.py") if not path.name.startswith("fold")]
    put = {table for path in others for table in bulk.findall(path.read_text())}
    assert put and put & FIRST_KIND == set()
