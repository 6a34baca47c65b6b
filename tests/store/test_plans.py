"""No query that a request waits for walks through a table that grows: it finds its rows by an index.

SQLite's planner decides without statistics, so that a plan seen here is the plan at a million tasks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from evenhand.store import Store, open_store
from evenhand.store.sqlite import SqliteConnection

GROWS = {
    "assignment",
    "consensus",
    "digest_run",
    "event",
    "flag",
    "known",
    "opening",
    "letter_text",
    "payload",
    "share_letter",
    "share_task",
    "stream",
    "task",
}

WALKS = {
    "walk_assignment": "doctor compares every row",
    "walk_consensus": "doctor compares every row",
    "walk_flag": "doctor compares every row",
    "walk_payload": "doctor compares every row",
    "walk_share_letter": "doctor compares every row",
    "walk_share_task": "doctor compares every row",
    "walk_stream": "doctor compares every row",
    "walk_task": "doctor compares every row",
}
"""The queries that are meant to walk, and why."""


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    opened = open_store("sqlite://")
    yield opened
    opened.close()


def walked(store: Store, query: str) -> set[str]:
    """The growing tables that SQLite would read from end to end."""
    db = store.writer
    assert isinstance(db, SqliteConnection)
    text = db._queries[query]
    names = set(re.findall(r"(?<!:):(\w+)", text))
    lists = set(re.findall(r"json_each\(:(\w+)\)", text))
    plan = db._db.execute(
        f"EXPLAIN QUERY PLAN {text}", {name: "[]" if name in lists else 1 for name in names}
    )
    scans = [re.match(r"SCAN (\w+)", row[3]) for row in plan]
    aliases = dict(re.findall(r"(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+)?(\w+)", text))
    named = {alias: table for table, alias in aliases.items()}
    return {named.get(scan[1], scan[1]) for scan in scans if scan} & GROWS


def test_no_query_walks_through_a_growing_table(store: Store) -> None:
    db = store.writer
    assert isinstance(db, SqliteConnection)
    found = {
        query: tables for query in db._queries if query not in WALKS and (tables := walked(store, query))
    }
    assert found == {}


@pytest.mark.parametrize("query", sorted(WALKS))
def test_the_exceptions_are_needed(store: Store, query: str) -> None:
    assert walked(store, query), f"{query} walks no more: take it off the list"
