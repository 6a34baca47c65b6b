"""Both stores pass the suite that the package brings; and what is special about opening one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.core.errors import Broken, Unavailable
from evenhand.store import open_store
from evenhand.store.conformance import CHECKS, organization, writing


@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_conformance(check, store_url):
    store = open_store(store_url)
    try:
        check(store)
    finally:
        store.close()


def test_what_was_committed_is_there_after_a_restart(store_url):
    store = open_store(store_url)
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
    store.close()
    store = open_store(store_url)
    with store.read() as reader:
        assert [row["id"] for row in reader.all("walk_organization")] == ["org-a"]
    store.close()


def test_a_store_of_a_newer_version_is_refused(store_url):
    store = open_store(store_url)
    store.writer.begin()
    store.writer.run("put_migration", number=9999, name="9999_future.sql", at_ms=0)
    store.writer.commit()
    store.close()
    with pytest.raises(Unavailable, match="schema 9999"):
        open_store(store_url)


def test_a_file_that_is_no_database_is_told_so(tmp_path: Path):
    path = tmp_path / "evenhand.db"
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 10)
    with pytest.raises(Broken, match="cannot be read"):
        open_store(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_written_is_told_so(tmp_path: Path):
    (tmp_path / "x").mkdir()
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path / 'x'}")


def test_a_server_that_is_not_there_is_told_so():
    with pytest.raises(Unavailable, match="PostgreSQL does not answer"):
        open_store("postgresql://nobody@127.0.0.1:1/none")


def test_a_migration_is_preceded_by_a_backup(tmp_path: Path):
    path = tmp_path / "evenhand.db"
    store = open_store(f"sqlite:///{path}")
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
    store.close()
    with sqlite3.connect(path) as db:  # as an older program would have left it
        db.execute("DELETE FROM migration WHERE number > 0")
        db.execute("INSERT INTO migration VALUES (0, '0000_older.sql', 0)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        open_store(f"sqlite:///{path}")
    with sqlite3.connect(tmp_path / "evenhand.db.before-0001") as copy:
        assert copy.execute("SELECT id FROM organization").fetchall() == [("org-a",)]


WRITE_UNTIL_FULL = """
import os, resource, sys
from evenhand.core.errors import Unavailable
from evenhand.store import open_store
from evenhand.store.conformance import organization, writing
store = open_store("sqlite:///" + sys.argv[1])
room = os.path.getsize(sys.argv[1] + "-wal") + (1 << 20)
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
done = 0
try:
    for n in range(100_000):
        with writing(store) as (tx, at):
            tx.append(organization(f"org-{n}"), at)
        done += 1
except Unavailable as error:
    print(error.rule, done)
"""


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path):
    path = tmp_path / "evenhand.db"
    run = subprocess.run(
        [sys.executable, "-c", WRITE_UNTIL_FULL, str(path)], capture_output=True, text=True, timeout=120
    )
    rule, done = run.stdout.split()
    assert rule == "store.full", run.stderr
    store = open_store(f"sqlite:///{path}")
    with store.read() as reader:
        assert len(reader.all("walk_organization")) == int(done) > 0
    store.close()
