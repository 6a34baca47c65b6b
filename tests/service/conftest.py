"""A fresh world on either store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world import World


@pytest.fixture
def world(store_url: str) -> Iterator[World]:
    """A store with two organizations and some people."""
    made = World(store_url)
    yield made
    made.close()
