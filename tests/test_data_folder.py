"""Who holds a data folder, and where it answers."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from evenhand import data_folder
from evenhand.core.errors import Invalid, Unavailable

ADDRESS = data_folder.Address(url="http://127.0.0.1:1", public_url="http://127.0.0.1:1", pid=42)


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with data_folder.lock(data):
        assert data_folder.is_held(data)
        with pytest.raises(Unavailable) as caught, data_folder.lock(data):
            pass
        assert caught.value.where == str(data)
    assert not data_folder.is_held(data)
    assert data.stat().st_mode & 0o777 == 0o700


def test_the_address_is_believed_only_while_the_folder_is_held(tmp_path: Path) -> None:
    with data_folder.lock(tmp_path), data_folder.announce(tmp_path, ADDRESS):
        assert data_folder.running(tmp_path) == ADDRESS
        left_over = (tmp_path / "node.json").read_bytes()
    assert not (tmp_path / "node.json").exists()
    (tmp_path / "node.json").write_bytes(left_over)
    assert data_folder.running(tmp_path) is None
    with data_folder.lock(tmp_path), pytest.raises(Unavailable):
        data_folder.running(tmp_path, patience=0)


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from evenhand import data_folder\n"
        "with data_folder.lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    assert data_folder.is_held(tmp_path)
    with pytest.raises(Unavailable):
        data_folder.running(tmp_path, patience=0)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert not data_folder.is_held(tmp_path)
    assert data_folder.running(tmp_path) is None


def test_who_only_looks_is_in_nobodys_way(tmp_path: Path) -> None:
    """To look takes the lock for a moment, which lasts where the machine is busy."""
    with data_folder.lock(tmp_path):
        pass
    with (tmp_path / "lock").open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with data_folder.lock(tmp_path):
            assert data_folder.is_held(tmp_path)


def test_a_node_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    def start() -> None:
        with data_folder.lock(tmp_path):
            time.sleep(0.3)
            with data_folder.announce(tmp_path, ADDRESS):
                done.wait(60)

    done = threading.Event()
    starting = threading.Thread(target=start)
    starting.start()
    while not data_folder.is_held(tmp_path):
        time.sleep(0.01)
    assert data_folder.running(tmp_path) == ADDRESS
    done.set()
    starting.join()


def test_the_key_stays_and_is_for_the_owner_only(tmp_path: Path) -> None:
    first = data_folder.key(tmp_path)
    assert first.startswith("ek_") and len(first) > 40
    assert data_folder.key(tmp_path) == first
    assert (tmp_path / "local.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["local.key"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Invalid, match="EVENHAND_DATA"):
        data_folder.key(tmp_path / "data")
