"""The suite's own walls hold: they are tests of tests, so each starts a small suite of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

ROOT = Path(__file__).parents[1]
OUTSIDE = "198.51.100.7"  # RFC 5737: documentation only, answers nowhere


def run_suite(folder: Path, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test module under the suite's own conftest."""
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "conftest.py", folder)
    shutil.copytree(ROOT / "tests" / "guard", folder / "tests" / "guard")
    (folder / "test_inner.py").write_text(body)
    env = {**os.environ, **environment}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    return subprocess.run(command, env=env, capture_output=True, text=True, cwd=folder)


SWALLOWED = f"""
import socket
def test_it():
    try:
        socket.create_connection(("{OUTSIDE}", 80), timeout=1)
    except OSError:
        pass
"""

IN_A_CHILD = f"""
import subprocess, sys
def test_it():
    call = "import socket; socket.create_connection(('{OUTSIDE}', 80), timeout=1)"
    subprocess.run([sys.executable, "-c", call])
"""

BY_NAME = """
import socket
def test_it():
    try:
        socket.getaddrinfo("example.org", 80)
    except OSError:
        pass
"""


@pytest.mark.parametrize("body", [SWALLOWED, IN_A_CHILD, BY_NAME], ids=["swallowed", "child", "name"])
def test_a_call_to_another_machine_fails_the_test_that_made_it(tmp_path: Path, body: str) -> None:
    done = run_suite(tmp_path, body)
    assert done.returncode == 1, done.stdout
    assert "reached for another machine" in done.stdout


def load_watch() -> ModuleType:
    spec = importlib.util.spec_from_file_location("watch_under_test", ROOT / "tests" / "guard" / "watch.py")
    assert spec is not None and spec.loader is not None
    watch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(watch)
    return watch


def test_the_kernel_s_tables_are_read_right() -> None:
    watch = load_watch()
    assert str(watch.decode("076433C6")) == OUTSIDE
    assert str(watch.decode("0000000000000000FFFF00000100007F")) == "127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = str(Path(f"/proc/self/fd/{server.fileno()}").readlink()).strip("socket:[]")
        assert list(watch.holders({inode, "1"}, watch.family(os.getppid()))) == [inode]


def test_only_the_browser_s_question_for_a_route_is_no_connection() -> None:
    watch = load_watch()
    line = f" 0: {'0' * 32}:E1A2 {{}}:01BB 01 00000000:00000000 00:00000000 00000000 0 0 {{}} 2 0 0"
    asked, other = "60480120000060480000000088880000", "60480120000060480000000044880000"
    table = "\n".join(["head", line.format(asked, 1), line.format(other, 2)])
    assert list(watch.peers("udp6", table)) == [("2", "2001:4860:4860::8844:443")]
    assert [inode for inode, _ in watch.peers("tcp6", table)] == ["1", "2"]  # TCP does send


def test_a_loopback_connection_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=2).close()


def test_a_skip_fails_the_run_when_everything_is_required(tmp_path: Path) -> None:
    body = "import pytest\ndef test_it():\n    pytest.skip('no')\n"
    assert run_suite(tmp_path, body, EVENHAND_REQUIRE_ALL="1").returncode == 1


def test_each_test_gets_a_database_of_its_own(store_url: str) -> None:
    scheme = store_url.partition(":")[0]
    assert scheme in ("sqlite", "postgresql")
    if scheme == "postgresql":
        with psycopg.connect(store_url) as connection:
            assert connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone() == (0,)
            connection.execute("CREATE TABLE leftover (x int)")
