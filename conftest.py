"""Holds for every test, wherever it lives: nothing reaches another machine, and in CI nothing is skipped."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings

HABITS = {
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("columns", "lines", "force_color", "no_color", "pytest_addopts"),
}
GUARD = Path(__file__).parent / "tests" / "guard"


def load(name: str) -> ModuleType:
    """A module of tests/guard, by path, since tests are no package."""
    spec = importlib.util.spec_from_file_location(f"evenhand_guard_{name}", GUARD / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def given_database() -> frozenset[str]:
    """The "address:port" pairs of the database that the caller of the suite named, if any."""
    url = os.environ.get("EVENHAND_TEST_DATABASE_URL")
    parts = urlsplit(url) if url else None
    if parts is None or not parts.hostname:
        return frozenset()
    found = socket.getaddrinfo(parts.hostname, parts.port or 5432, type=socket.SOCK_STREAM)
    return frozenset(f"{entry[4][0]}:{entry[4][1]}" for entry in found)


def forget_the_callers_habits() -> None:
    """What a shell or a CI system may have set for itself changes no test: proxies, the width and colours of
    a terminal, options of pytest for the suites that tests start, settings of a node of the caller's own,
    and that a job in the background is deaf to Ctrl-C, which its children would inherit."""
    kept = ("EVENHAND_TEST_", "EVENHAND_REQUIRE_ALL", "EVENHAND_PICTURES_TO")
    for name in list(os.environ):
        ours = name.startswith("EVENHAND_") and not name.startswith(kept)
        if ours or name.lower() in HABITS:
            del os.environ[name]
    main = threading.current_thread() is threading.main_thread()  # no other one may set handlers
    if main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Set up before any test module is imported, so that an import that calls home is seen too."""
    forget_the_callers_habits()
    # A busy machine is slow, not wrong. What is pushed is judged by the same examples each time; at a desk
    # every run tries new ones.
    same = bool(os.environ.get("EVENHAND_REQUIRE_ALL"))
    slow = [HealthCheck.too_slow]
    settings.register_profile("busy", deadline=None, suppress_health_check=slow, derandomize=same)
    settings.load_profile("busy")
    handle, log = tempfile.mkstemp(prefix="evenhand-outbound-")
    os.close(handle)
    watch = load("watch").Watch(lambda what: sitecustomize.report(what), given_database())
    os.environ["EVENHAND_TEST_OUTBOUND_LOG"] = log
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
    sitecustomize = load("sitecustomize")
    watch.start()
    config.add_cleanup(lambda: (watch.ended.set(), watch.join(), Path(log).unlink(missing_ok=True)))


@pytest.fixture(autouse=True)
def outbound() -> Iterator[Path]:
    """Fails the test during which anything of ours reached for another machine."""
    log = Path(os.environ["EVENHAND_TEST_OUTBOUND_LOG"])
    before = log.stat().st_size
    yield log
    with log.open() as attempts:
        attempts.seek(before)
        found = attempts.read()
    assert not found, f"reached for another machine:\n{found}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With EVENHAND_REQUIRE_ALL set, a skip fails the run: "skipped" and "passed" look alike in a log."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if os.environ.get("EVENHAND_REQUIRE_ALL") and skipped and session.exitstatus == 0:
        reporter.write_line(f"{skipped} tests were skipped, and EVENHAND_REQUIRE_ALL is set.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
