"""What tests stand on: a real PostgreSQL, a fresh store on either engine, real inputs, a browser."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from bench.postgres import running_server
from tests import ports

PATIENCE = 60_000  # ms that a page may take to show something: a busy machine is slow, not wrong
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path | None:
    """The folder of real inputs beside the checkout, or None where only the checkout is there."""
    return SHARED if SHARED.is_dir() else None


# -- PostgreSQL ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server that may create databases: EVENHAND_TEST_DATABASE_URL, else one of our own."""
    given = os.environ.get("EVENHAND_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with running_server(durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def make_database(postgres_url: str) -> Iterator[Callable[..., str]]:
    """Makes a fresh database, from a template if one is named, and gives its URL.

    On a server that was given they are dropped at the end; our own goes with all that it holds.
    """
    made: list[str] = []

    def make(template: str = "template0") -> str:
        name = f"test_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[call-overload]  # names, no literals
        made.append(name)
        return urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}")).replace("@?", "@/?", 1)

    yield make
    if not os.environ.get("EVENHAND_TEST_DATABASE_URL"):
        return
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[call-overload]


@pytest.fixture
def database_url(make_database: Callable[..., str]) -> str:
    """A fresh PostgreSQL database for this test."""
    return make_database()


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty store for this test: everything that asks for it runs on both engines.

    `sqlite:////absolute/path` or `postgresql://...`.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'evenhand.db'}"
    return str(request.getfixturevalue("database_url"))


# -- network, browser ---------------------------------------------------------------------------


@pytest.fixture
def free_port() -> int:
    """A loopback port on which nobody listens."""
    return ports.take()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How Chromium is started: the system's, deaf to every host but the loopback, and asking no proxy."""
    found = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    assert found, "The browser tests need Chromium: as root, apt-get install chromium."
    deaf = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    quiet += ["--disable-domain-reliability", "--no-pings", "--no-proxy-server"]
    return {"executable_path": found, "args": ["--no-sandbox", deaf, *quiet]}


@pytest.fixture(scope="module")
def browser(browser_type_launch_args: dict[str, Any]) -> Iterator[Any]:
    """One Chromium for a file; take `browser.new_context()` in each test and close it.

    Not for the session: while Playwright runs, so does its event loop, and no test can have its own.
    """
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(**browser_type_launch_args, timeout=3 * PATIENCE)
        new_context = running.new_context

        def patient(**given: Any) -> Any:
            context = new_context(**given)
            context.set_default_timeout(PATIENCE)
            return context

        running.new_context = patient  # type: ignore[method-assign]  # every page's, in one place
        yield running
        running.close()
