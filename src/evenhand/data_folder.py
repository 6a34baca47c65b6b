"""How commands on the same machine find the node that runs on a data folder, and prove that they may use it.

Three files in the folder, readable by its owner only:

`lock`       held (flock) by the process that has the store open. The kernel lets go when the process
             ends, however it ends, so that a lock that is held means a node that is alive.
`node.json`  where that process listens. Written when it answers, removed when it stops; left over from
             a crash it is not believed, since nobody holds the lock.
`local.key`  an API key. Whoever reads it could read the database beside it as well, so it stands for the
             operator and for the owner of the organization `default`. The node installs it at each start.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from evenhand.core.errors import Broken, Invalid, Refused, Unavailable

STARTING = 30.0  # seconds that a node may take from lock to first answer, on a busy machine
GLANCE = 0.5  # seconds for which somebody who only looks at the lock may be in the way of who takes it


class Address(msgspec.Struct, frozen=True):
    """Where the node of a folder listens, as `node.json`."""

    url: str  # http://127.0.0.1:8080: how this machine reaches it, whatever its public address
    public_url: str  # how browsers reach it
    pid: int


def prepare(data: Path) -> Path:
    """Make the folder when it is missing, for its owner only.

    Raises:
        Invalid: there is a file of that name.
        Refused: the folder cannot be made or written to.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise Invalid(
            "data.not-a-folder", "This is a file.", str(data), "Set EVENHAND_DATA to a folder."
        ) from error
    except OSError as error:
        raise Refused(
            "data.unwritable", f"The folder cannot be made: {error.strerror}.", str(data), _WHERE
        ) from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise Refused("data.unwritable", "The folder cannot be written to.", str(data), _WHERE)
    return data


@contextmanager
def lock(data: Path) -> Iterator[None]:
    """Hold the folder: one process at a time has its store open.

    Raises:
        Unavailable: another process holds it.
    """
    with (prepare(data) / "lock").open("ab") as held:
        try:
            _take(held)
        except OSError as error:
            raise Unavailable(
                "data.locked", f"{_holder(data)} has this store open.", str(data), _ELSEWHERE
            ) from error
        (data / "node.json").unlink(missing_ok=True)  # a crashed holder's, before anyone believes it
        yield


def _take(held: BinaryIO) -> None:
    """Lock the file, or raise an OSError. Who looks whether it is locked (`is_held`) has it for a moment."""
    limit = time.monotonic() + GLANCE
    while True:
        try:
            return fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.01)


RESTORING = "restoring"  # a file that stands in the folder until a restore into it is complete


def refuse_unfinished(data: Path) -> None:
    """Refuse a folder in which a restore was broken off.

    Raises:
        Broken: it was.
    """
    if (data / RESTORING).exists():
        remedy = "Empty this folder (and the database, where another one is set), and restore again."
        raise Broken("data.restoring", "A restore into this folder was broken off.", str(data), remedy)


def is_held(data: Path) -> bool:
    """Whether a process has the folder's store open now."""
    try:
        with (data / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def key(data: Path) -> str:
    """The folder's own API key, drawn when it is missing."""
    path = prepare(data) / "local.key"
    with suppress(FileExistsError):
        _write_once(path, "ek_" + secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()


@contextmanager
def announce(data: Path, address: Address) -> Iterator[None]:
    """Say where the node answers, as long as it does. Call it with the lock held."""
    path = data / "node.json"
    _write_once(path, msgspec.json.encode(address).decode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running(data: Path, patience: float = STARTING) -> Address | None:
    """The node that runs on this folder, or None. One that is starting is waited for.

    Raises:
        Unavailable: a process holds the folder and does not say where it listens.
    """
    limit = time.monotonic() + patience
    while is_held(data):
        with suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode((data / "node.json").read_bytes(), type=Address)
        if time.monotonic() > limit:
            raise Unavailable("data.locked", f"{_holder(data)} has this store open.", str(data), _ELSEWHERE)
        time.sleep(0.05)
    return None


def _holder(data: Path) -> str:
    try:
        return f"Process {msgspec.json.decode((data / 'node.json').read_bytes(), type=Address).pid}"
    except (OSError, msgspec.DecodeError):
        return "Another process"


def _write_once(path: Path, text: str) -> None:
    """Make the file with all of its content, durable, mode 0600, or find that it is there already."""
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(scratch, path)
    finally:
        Path(scratch).unlink()


_WHERE = "Set EVENHAND_DATA to a folder that you own."
_ELSEWHERE = "Stop it first, or set EVENHAND_DATA to another folder."
