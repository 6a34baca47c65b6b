"""A load generator that costs little: HTTP/1.1 with keep-alive on bare asyncio, one connection a person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec


class Connection:
    """One person's connection. Requests are sent one after the other."""

    def __init__(self, host: str, port: int, key: str = "") -> None:
        self.host, self.port = host, port
        self.head = f"Host: {host}:{port}\r\nAuthorization: Bearer {key}\r\n".encode()
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def open(self) -> Connection:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        return self

    async def post(self, path: str, body: Any = None) -> Any:
        """POST JSON; the decoded answer. Anything but 2xx raises."""
        data = b"" if body is None else msgspec.json.encode(body)
        head = b"POST %s HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.writer.write(head % (path.encode(), self.head, len(data)) + data)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        lowered = answer.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
        payload = await self.reader.readexactly(length) if length else b""
        if answer[9:10] != b"2":
            raise RuntimeError(f"{path}: {answer[:60]!r} {payload[:300]!r}")
        return msgspec.json.decode(payload) if payload else None

    def close(self) -> None:
        self.writer.close()


@dataclass
class Times:
    """What one run saw, in seconds."""

    next: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Submissions a second."""
        return len(self.submit) / self.elapsed

    def percentile(self, name: str, share: float) -> float:
        """In milliseconds."""
        values = sorted(getattr(self, name))
        return values[min(int(len(values) * share), len(values) - 1)] * 1000 if values else float("nan")


Turn = Callable[[Connection, Times], Awaitable[bool]]


async def drive(connections: list[Connection], turn: Turn, seconds: float) -> Times:
    """Everybody takes turns until the time is over or there is nothing left."""
    times = Times()
    start = time.perf_counter()

    async def person(connection: Connection) -> None:
        while time.perf_counter() - start < seconds and await turn(connection, times):
            pass

    await asyncio.gather(*map(person, connections))
    times.elapsed = time.perf_counter() - start
    return times


async def label(connection: Connection, times: Times) -> bool:
    """One annotator's turn at Evenhand: next, then submit."""
    start = time.perf_counter()
    answer = await connection.post("/api/v1/assignments/next", {"count": 1})
    middle = time.perf_counter()
    if not answer["assignments"]:
        return False
    id_ = answer["assignments"][0]["id"]
    await connection.post(f"/api/v1/assignments/{id_}/submit", {"answers": {"spam": "ham"}, "seconds": 1.0})
    times.next.append(middle - start)
    times.submit.append(time.perf_counter() - middle)
    return True


async def bare(connection: Connection, times: Times) -> bool:
    """The same turn at the ceiling."""
    start = time.perf_counter()
    task = (await connection.post("/next"))["task"]
    middle = time.perf_counter()
    await connection.post("/submit", {"task": task, "answers": {"spam": "ham"}})
    times.next.append(middle - start)
    times.submit.append(time.perf_counter() - middle)
    return True
