"""`kill -9` in pairs at every write of the store, before it and after it: nothing acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_killed_before_and_after_every_write(store_url: str, tmp_path: Path):
    program = Path(__file__).with_name("crash_store.py")
    command = [sys.executable, str(program), store_url, str(tmp_path / "acks")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=850)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout) > 50, "the story has more writes than that"
    assert (tmp_path / "acks").read_bytes().count(b"\n") > 100
