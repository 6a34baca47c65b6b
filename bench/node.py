"""Starting and stopping what is measured: nodes and ceilings, each in a process of its own on loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg

from evenhand import Client

KEY = "ek_" + secrets.token_urlsafe(32)
QUESTION = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}


@dataclass
class Running:
    """A process that answers on a port."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        own = psutil.Process(self.process.pid)
        return sum(p.memory_info().rss for p in [own, *own.children(recursive=True)])

    @contextmanager
    def peak(self) -> Iterator[list[int]]:
        """The most memory within the block, as the only item of what it gives; looked at twice a second."""
        most, over = [self.memory()], threading.Event()

        def look() -> None:
            while not over.wait(0.5):
                most[0] = max(most[0], self.memory())

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield most
        finally:
            over.set()
            thread.join()

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Until something listens."""
    limit = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("what is measured did not start") from None
            time.sleep(0.02)


@contextmanager
def started(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[Running]:
    """Start, wait until it answers, stop at the end."""
    process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield Running(process, port)
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def node(database: str = "", folder: Path | None = None, command: str = "up") -> Iterator[Running]:
    """An Evenhand node on a fresh data folder, or on `folder`."""
    data = folder or Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
    port = free_port()
    env = {"EVENHAND_DATA": str(data), "EVENHAND_PORT": str(port), "EVENHAND_ADMIN_KEY": KEY}
    env |= {"EVENHAND_DATABASE_URL": database} if database else {}
    try:
        with started([str(Path(sys.executable).with_name("evenhand")), command], port, env) as running:
            yield running
    finally:
        if folder is None:
            shutil.rmtree(data, ignore_errors=True)


@contextmanager
def ceiling(database: str = "") -> Iterator[Running]:
    """The bare process of bench/ceiling.py on a fresh database."""
    folder = Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
    port = free_port()
    url = database or f"sqlite:///{folder / 'ceiling.db'}"
    try:
        with started([sys.executable, "-m", "bench.ceiling", url, str(port)], port) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A new PostgreSQL database, dropped at the end; "" (SQLite) without a server."""
    if not server:
        yield ""
        return
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        base, _, options = server.partition("?")
        yield f"{base.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def project(client: Client, tasks: int, overlap: int = 2) -> str:
    """A project with this many short texts."""
    fields = [{"name": "text", "type": "text"}]
    made = client.create_project("bench", fields=fields, questions=[QUESTION], overlap=overlap)
    if tasks:
        client.import_tasks(made.id, records(tasks))
        until_searchable(client, made.id)
    return made.id


def until_searchable(client: Client, project: str, seconds: float = 1800) -> None:
    """The index of words is made after the import; what comes next is measured without it."""
    url, signed = f"{client.url}/api/v1/projects/{project}/tasks", {"Authorization": f"Bearer {KEY}"}
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        page = httpx.get(url, params={"search": "fox", "limit": "1"}, headers=signed).raise_for_status()
        if not page.json()["behind"]:
            return
        time.sleep(0.2)
    raise RuntimeError("the index of words was not made in time")


def records(count: int) -> Iterator[dict[str, str]]:
    """Short texts with external ids, about 100 bytes each."""
    return (
        {
            "external_id": str(n),
            "text": f"message {n}: the quick brown fox jumps over the lazy dog, again and again",
        }
        for n in range(count)
    )


def import_on(url: str, key: str, made: str) -> None:
    """Import until the process that runs this is ended."""
    with Client(url, key) as client:
        client.import_tasks(made, ({"text": f"another {n}, of about as many words"} for n in range(10**9)))
