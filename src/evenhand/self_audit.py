"""The node audits its own public log, as anybody could, and keeps the result for its public page.

In a process of its own with the least priority: an audit of a large log must not hold up anybody's request.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from evenhand.ledger import LocalDisk
from evenhand.threads import Loop

FIRST = 5.0  # seconds without a new entry before the first audit of a node, which is just being filled
GROWN = 60.0  # seconds to the next audit of a log that has grown, at least
PAUSE = 600.0  # seconds to the next one of a log that has not: witnesses may have fallen silent
SHARE = 20  # an audit that took a second is followed by a pause of so many, at least
NAME = "neutrality.json"  # in the folder of the ledger


class SelfAudit:
    """One thread that has the log audited now and then."""

    def __init__(self, folder: Path, policy: Path | None) -> None:
        """
        Args:
            folder: of the ledger; its public log is in ``public``.
            policy: whose cosignatures count; None: nobody's.
        """
        self._folder = folder
        self._policy = policy
        self._loop = Loop("self-audit", self._look, GROWN)
        self._audited = self._size() if (folder / NAME).exists() else -1  # entries of the last audit
        self._due = time.monotonic() + PAUSE
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    def stop(self) -> None:
        """Break off what is under way: the last result stays."""
        self._loop.stopping.set()
        process = self._process
        if process is not None:
            process.kill()
        self._loop.stop()

    def once(self) -> None:
        """Audit now, and keep the result. An audit that fails leaves the result of the last one."""
        command = [sys.executable, "-c", "from evenhand.cli import main; main()", "audit"]
        command += [str(self._folder / "public"), "--json"]
        command += ["--policy", str(self._policy)] if self._policy is not None else []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=_be_modest
        ) as self._process:
            told, _ = self._process.communicate()
        if told.startswith(b"{") and not self._loop.stopping.is_set():
            LocalDisk().write({self._folder / NAME: told})

    def _look(self) -> float:
        """Audit if there is something new, or long enough nothing; gives the seconds to the next look."""
        if self._audited < 0:
            self._await_rest()
        started, size = time.monotonic(), self._size()
        if size == self._audited and started < self._due:
            return GROWN
        self.once()
        self._audited, self._due = size, started + PAUSE
        return max(GROWN, SHARE * (time.monotonic() - started))

    def _await_rest(self) -> None:
        """Wait until the log has not grown for a moment, but not for long."""
        size = -1
        for _ in range(int(GROWN / FIRST)):
            before, size = size, self._size()
            if size == before or self._loop.stopping.wait(FIRST):
                return

    def _size(self) -> int:
        """Entries under the newest checkpoint, whose second line says so; 0 when there is none."""
        try:
            return int((self._folder / "public" / "checkpoint").read_text().split("\n", 2)[1])
        except (OSError, ValueError, IndexError):
            return 0


def _be_modest() -> None:
    os.nice(19)
