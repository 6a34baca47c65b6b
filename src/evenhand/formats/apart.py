"""A reader in a process of its own, for formats that are read by a library in C or C++.

Such a library may abort on a damaged file, and a small file may unpack to terabytes. Here that ends
the child and is reported as what it is, a file that cannot be read; the server and everybody's work
in it go on. The child gets the file as its standard input and answers in frames on standard output.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

import msgspec

from evenhand.core.errors import Invalid
from evenhand.formats import ReadOptions, Rejected, Row

Reader = Callable[[BinaryIO, ReadOptions], Iterator[Row | Rejected]]

MEMORY = 4 * 2**30  # bytes of address space that a child may take, the library itself included
_FRAME = struct.Struct("<BQI")  # kind, line, length of what follows
_ROW, _REJECTED, _INVALID, _END = range(4)


def read_apart(reader: Reader, source: BinaryIO, options: ReadOptions) -> Iterator[Row | Rejected]:
    """What `reader` reads, as if it ran here.

    Args:
        reader: a function of a module; only its name goes to the child.
        source: read from its beginning; what is no file on disk is copied into one.

    Raises:
        Invalid: the reader raised it, or the child died.
    """
    with _file(source) as file:
        name = f"{reader.__module__}:{reader.__qualname__}"
        command = [sys.executable, "-m", __name__, name, msgspec.json.encode(options).decode()]
        child = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            yield from _frames(cast(BinaryIO, child.stdout))
        finally:
            child.kill()  # it has ended already, unless nobody wants the rest
            cast(BinaryIO, child.stdout).close()
            child.wait()


@contextlib.contextmanager
def _file(source: BinaryIO) -> Iterator[BinaryIO]:
    """The source as a file on disk, at its beginning."""
    try:
        source.fileno()
        on_disk = source.seekable()
    except OSError:
        on_disk = False
    if on_disk:
        source.seek(0)
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield cast(BinaryIO, copy)


def _frames(pipe: BinaryIO) -> Iterator[Row | Rejected]:
    while len(head := pipe.read(_FRAME.size)) == _FRAME.size:
        kind, line, length = _FRAME.unpack(head)
        body = pipe.read(length)
        if kind == _ROW:
            yield Row(line, body)
        elif kind == _REJECTED:
            yield Rejected(line, *msgspec.json.decode(body, type=tuple[str, str]))
        elif kind == _INVALID:
            raise Invalid(*msgspec.json.decode(body, type=tuple[str, str, str, str]))
        else:
            return
    raise Invalid(
        "format.damaged",
        "This file broke its reader: it is damaged, or unpacks to more than memory holds.",
        "",
        "Write it again, in smaller row groups if its rows are large.",
    )


def main() -> None:
    """The child: reads standard input with the reader named by the first argument."""
    _limit_memory()
    module, _, name = sys.argv[1].partition(":")
    reader: Reader = getattr(importlib.import_module(module), name)
    options = msgspec.json.decode(sys.argv[2], type=ReadOptions)
    out = sys.stdout.buffer
    try:
        for row in reader(cast(BinaryIO, sys.stdin.buffer), options):
            if isinstance(row, Row):
                _send(out, _ROW, row.line, row.record)
            else:
                _send(out, _REJECTED, row.line, msgspec.json.encode((row.path, row.reason)))
        _send(out, _END, 0, b"")
    except Invalid as error:
        said = (error.rule, error.reason, error.where, error.remedy)
        _send(out, _INVALID, 0, msgspec.json.encode(said))
    out.flush()
    os._exit(0)  # nothing is left to do, and a library may still fall over its own destructors


def _send(out: BinaryIO, kind: int, line: int, body: bytes) -> None:
    out.write(_FRAME.pack(kind, line, len(body)))
    out.write(body)


def _limit_memory() -> None:
    """Where the system has limits; elsewhere the batches of the reader must do."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
