"""The node audits its own public log, as anybody could, and keeps the result for its public page.

In a process of its own with the least priority: an audit of a large log must not hold up anybody's request.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from evenhand.ledger import LocalDisk

log = logging.getLogger(__name__)

FIRST = 5.0  # seconds without a new entry before the first audit of a node, which is just being filled
GROWN = 60.0  # seconds to the next audit of a log that has grown, at least
PAUSE = 600.0  # seconds to the next one of a log that has not: witnesses may have fallen silent
SHARE = 20  # an audit that took a second is followed by a pause of so many, at least
NAME = "neutrality.json"  # in the folder of the ledger


class SelfAudit:
    """One thread that has the log audited now and then."""

    def __init__(self, folder: Path, policy: Path | None) -> None:
        """Args:
        folder: of the ledger; its public log is in ``public``.
        policy: whose cosignatures count; None: nobody's.
        """
        self._folder = folder
        self._policy = policy
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="self-audit", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Break off what is under way: the last result stays."""
        self._stopping.set()
        process = self._process
        if process is not None:
            process.kill()
        self._thread.join()

    def once(self) -> None:
        """Audit now, and keep the result. An audit that fails leaves the result of the last one."""
        command = [sys.executable, "-c", "from evenhand.cli import main; main()", "audit"]
        command += [str(self._folder / "public"), "--json"]
        command += ["--policy", str(self._policy)] if self._policy is not None else []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=_be_modest
        ) as self._process:
            told, _ = self._process.communicate()
        if told.startswith(b"{") and not self._stopping.is_set():
            LocalDisk().write({self._folder / NAME: told})

    def _run(self) -> None:
        known = (self._folder / NAME).exists()
        audited, due = self._size() if known else -1, time.monotonic() + PAUSE
        if not known:
            self._await_rest()
        wait = GROWN if known else 0.0
        while not self._stopping.wait(wait):
            started, size = time.monotonic(), self._size()
            wait = GROWN
            if size == audited and started < due:
                continue
            try:
                self.once()
            except OSError as error:
                log.warning("the node could not audit itself: %s", error)
            audited, due = size, started + PAUSE
            wait = max(GROWN, SHARE * (time.monotonic() - started))

    def _await_rest(self) -> None:
        """Wait until the log has not grown for a moment, but not for long."""
        size = -1
        for _ in range(int(GROWN / FIRST)):
            before, size = size, self._size()
            if size == before or self._stopping.wait(FIRST):
                return

    def _size(self) -> int:
        """Entries under the newest checkpoint, whose second line says so; 0 when there is none."""
        try:
            return int((self._folder / "public" / "checkpoint").read_text().split("\n", 2)[1])
        except (OSError, ValueError, IndexError):
            return 0


def _be_modest() -> None:
    os.nice(19)
