"""Files that outlive a power cut: each whole, with its old or its new bytes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from evenhand.core.errors import Broken, Unavailable

_SYNCS = 16  # files that are made durable side by side
_FEW = 3  # files that are not worth threads


class Disk(Protocol):
    """Durable files. A process killed at any point leaves each file with its old or its new bytes."""

    def read(self, path: Path) -> bytes | None:
        """The file's bytes; None when there is no such file."""
        ...

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        """Write each file whole or not at all; all are durable when this returns.

        Args:
            files: path -> bytes; folders are made as needed.
            private: readable by the owner alone, at no moment by anyone else.

        Raises:
            Unavailable: the disk is full; nothing was replaced.
        """
        ...

    def discard(self, folder: Path) -> None:
        """Remove a folder if it is there. Need not be durable."""
        ...


class LocalDisk:
    """Files of this machine: temporary file, fsync, rename, fsync of the folder."""

    def __init__(self) -> None:
        self._syncing = ThreadPoolExecutor(_SYNCS, thread_name_prefix="evenhand-sync")

    def read(self, path: Path) -> bytes | None:
        """See `Disk`."""
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, files: Mapping[Path, bytes], *, private: bool = False) -> None:
        """See `Disk`."""
        write = _write_private if private else Path.write_bytes
        try:
            touched = {folder for path in files for folder in (path.parent, *_make_folder(path.parent))}
            for path, data in files.items():
                write(_temporary(path), data)
            self._sync([_temporary(path) for path in files])
        except OSError as error:
            for path in files:
                _temporary(path).unlink(missing_ok=True)
            raise _disk_error(error, next(iter(files))) from error
        for path in files:
            _temporary(path).replace(path)
        self._sync(sorted(touched))

    def _sync(self, paths: Sequence[Path]) -> None:
        """Make several outlive a power cut, side by side: a file system writes its journal once for all who
        wait for it."""
        if len(paths) < _FEW:
            for path in paths:
                _sync(path)
        else:
            list(self._syncing.map(_sync, paths))

    def discard(self, folder: Path) -> None:
        """See `Disk`."""
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path) -> Iterator[Path]:
    """Make a folder and its parents; gives those whose listing changed, so that they can be synced."""
    if not folder.is_dir():
        yield from _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        yield folder.parent


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _write_private(path: Path, data: bytes) -> None:
    """Write a file that was never readable by others, not even for a moment."""
    path.touch(mode=0o600)
    path.write_bytes(data)


def _sync(path: Path) -> None:
    """Make a file's bytes, or a folder's listing, outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(error: OSError, path: Path) -> Exception:
    """A full disk passes, so it is worth another try; nothing else about a disk does."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("disk.full", "The disk is full.", str(path), "Free some space; work then goes on.")
    return Broken(
        "disk.write", f"The file cannot be written: {error}.", str(path), "Check disk and permissions."
    )
