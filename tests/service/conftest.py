"""A fresh world on either store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world import World

from evenhand.service import windows


@pytest.fixture
def world(store_url: str) -> Iterator[World]:
    """A store with two organizations and some people."""
    made = World(store_url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def remembered_as_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test does, what the lane remembers of a shared pool is what it would read."""
    real = windows.remembered

    def checked(tx, pool):
        known = real(tx, pool)
        read = windows._read(tx, pool, known.n)
        assert {one.id: one for one in known.clients} == {one.id: one for one in read.clients}
        assert (known.left, known.projects) == (read.left, read.projects)
        return known

    monkeypatch.setattr(windows, "remembered", checked)
