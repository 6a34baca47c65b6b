"""A file of an export: written beside its name, hashed on the way, durable before it gets its name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from evenhand.core.release import ReleasedFile


class Output:
    """Bytes go to `<name>.part` and are hashed as they go. What pyarrow needs of a file is here as well."""

    closed = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._file = self._part.open("wb")
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._file.write(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._file.flush()

    def keep(self) -> ReleasedFile:
        """Makes the file durable, then names it: a crash leaves either all of it or no such name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        _sync_folder(self._path.parent)
        self.closed = True
        return ReleasedFile(name=self._path.name, bytes=self._size, sha256=self._digest.hexdigest())

    def drop(self) -> None:
        """Removes the file, unless it was kept. May be called twice."""
        if not self.closed:
            self.closed = True
            self._file.close()
            self._part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes a new name durable. Windows has no such call and needs none."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
