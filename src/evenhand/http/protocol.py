"""HTTP/1.1 as uvicorn speaks it, with answers that go out in one piece."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

AT_ONCE = "evenhand.at_once"
"""Name of the extension in a request's scope: `async (head, body)`, which sends a whole answer. The head
begins with the status line, and ends with the last header's line."""

TOGETHER = 1 << 16  # bytes; what is longer goes out at once
HEAD = 1 << 16  # bytes of request line and headers at most, give or take what comes in one piece
SLOW = 1 << 10  # bytes of a body that have to come between two looks


class Protocol(HttpToolsProtocol):
    """uvicorn's, except that whoever has a whole answer hands it over as bytes.

    The two messages of ASGI cost more than everything else that is done for a short answer: each header is
    checked and written by itself.

    It also ends connections that uvicorn would keep: of whoever sends headers without end, which would all be
    held in memory, and of whoever sends nothing or next to nothing (see `is_stuck`).
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(
            cast(asyncio.Transport, _Together(cast(asyncio.Transport, transport), self.loop))
        )
        self._in_head = self._in_body = False
        self._head = 0  # bytes of a request whose headers have not come to their end
        self._came = 0  # bytes since the last look
        self._looks = 0  # without a whole request between them

    def data_received(self, data: bytes) -> None:
        self._came += len(data)
        before = self._in_head
        super().data_received(data)
        if not self._in_head:
            self._head = 0
        elif before:
            self._head += len(data)
            if self._head > HEAD:
                self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head = True, 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self.scope["extensions"] = {AT_ONCE: partial(_send, self.cycle)}  # type: ignore[dict-item]  # ASGI's own

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body, self._looks = False, 0

    def is_stuck(self) -> bool:
        """Whether the client keeps the connection and sends next to nothing. Asked now and then."""
        came, self._came = self._came, 0
        answered = self.cycle is None or self.cycle.response_complete
        if self._in_body and not answered:
            stands = came < SLOW and not self.flow.read_paused
        elif self._in_head:
            stands = True
        else:  # while an answer is due we are at work; after one, uvicorn's own clock runs
            stands = answered and self.timeout_keep_alive_task is None
        self._looks = self._looks + 1 if stands else 0
        return self._looks > 1

    def _refuse(self) -> None:
        self.transport.write(STATUS_LINE[431] + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()


async def _send(cycle: RequestResponseCycle, head: bytes, body: bytes) -> None:
    """Answer a request with everything at once; nothing when the client has hung up."""
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    lines = [head, *(b"%b: %b\r\n" % header for header in cycle.default_headers)]
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    lines += (b"\r\n", b"" if cycle.scope["method"] == "HEAD" else body)
    cast(_Together, cycle.transport).send(b"".join(lines))
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


class _Together:
    """A transport that sends in one system call what is written in one turn of the loop.

    uvicorn writes the head of an answer and its body apart, and uvloop sends each at once. Each sending
    costs the kernel's way through the network, and wakes the client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it before the next turn of the loop; long bodies as they come, so that they cannot pile up."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        if len(data) > TOGETHER or len(self._parts) > 2:
            self._flush()

    def send(self, data: bytes) -> None:
        """Send it now, behind what was written before."""
        self._parts.append(data)
        self._flush()

    def close(self) -> None:
        """Send what is left, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))
