"""Where a published log is read from: a folder of files, or a URL."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import httpx

MAX_FILE_BYTES = 256 * (2 + 65_535)  # the largest file of a log: a full bundle of the largest entries
_AHEAD = 16  # files in flight: enough to hide the network, few enough to stay small

T = TypeVar("T")
R = TypeVar("R")


class Unreadable(Exception):
    """The source itself cannot be read: no such folder, or no answer from the host."""


class Source(Protocol):
    """A published log."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None when the source says that there is none.

        Raises:
            Unreadable: the source gives no answer.
        """
        ...

    def map(self, read: Callable[[T], R], names: Iterable[T]) -> Iterator[R]:
        """Apply a function that reads to each name, in order, as fast as the source allows."""
        ...

    def close(self) -> None:
        """Let go of whatever it holds."""
        ...


class FolderSource:
    """A folder with ``checkpoint``, ``vkey`` and ``tile/``."""

    def __init__(self, folder: Path) -> None:
        """Raises:
        Unreadable: there is no such folder.
        """
        if not folder.is_dir():
            raise Unreadable(f"{folder} is not a folder")
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """See `Source`."""
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unreadable(f"{name} cannot be read: {error}") from error

    def map(self, read: Callable[[T], R], names: Iterable[T]) -> Iterator[R]:
        """See `Source`."""
        return map(read, names)

    def close(self) -> None:
        """See `Source`."""


class HttpSource:
    """A log that is served below a URL, such as ``https://labels.example.org/log``."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """
        Args:
            url: the log's prefix.
            transport: how to reach it; by default the network, each connection tried three times.
        """
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            transport=transport or httpx.HTTPTransport(retries=2), timeout=30, follow_redirects=False
        )
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="log")

    def read(self, name: str) -> bytes | None:
        """See `Source`."""
        try:
            with self._client.stream("GET", f"{self._url}/{name}") as response:
                if response.status_code in (404, 410):
                    return None
                if response.status_code != 200:
                    raise Unreadable(f"{self._url}/{name}: HTTP status {response.status_code}")
                return self._body(response, name)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreadable(f"{self._url}/{name}: {error or type(error).__name__}") from error

    def _body(self, response: httpx.Response, name: str) -> bytes:
        """The body, up to what any file of a log can have: the host is not trusted with our memory."""
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > MAX_FILE_BYTES:
                raise Unreadable(f"{self._url}/{name}: longer than any file of a log")
        return bytes(body)

    def map(self, read: Callable[[T], R], names: Iterable[T]) -> Iterator[R]:
        """See `Source`."""
        waiting: deque[Future[R]] = deque()
        for name in names:
            waiting.append(self._pool.submit(read, name))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        """See `Source`."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()


def open_source(where: str | Path) -> Source:
    """A URL or a folder as a source.

    Raises:
        Unreadable: there is no such folder.
    """
    if isinstance(where, str) and where.lower().startswith(("http://", "https://")):
        return HttpSource(where)
    return FolderSource(Path(where))


def numbered(number: int) -> str:
    """A tile's number in a path: groups of three digits, an x before all but the last (``tlog-tiles``)."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join(["x" + group for group in groups[:-1]] + groups[-1:])


def read_note(where: str) -> bytes:
    """A checkpoint: a file of its own, the newest of a folder with a log, or whatever a URL answers.

    Raises:
        Unreadable: there is none.
    """
    if where.lower().startswith(("http://", "https://")):
        above, _, name = where.rstrip("/").rpartition("/")
        source: Source = HttpSource(above)
    else:
        path = Path(where)
        source, name = (
            (FolderSource(path), "checkpoint") if path.is_dir() else (FolderSource(path.parent), path.name)
        )
    try:
        note = source.read(name)
    finally:
        source.close()
    if note is None:
        raise Unreadable(f"{where}: there is no checkpoint")
    return note
