"""The server process: a node behind uvicorn, in the foreground (`run`) or inside a program (`start`)."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from signal import SIGINT, SIGTERM

import uvicorn
import uvloop

from evenhand.config import Config
from evenhand.core.errors import Unavailable
from evenhand.data_folder import Address
from evenhand.http import logs
from evenhand.http.app import App, resume
from evenhand.http.protocol import Protocol
from evenhand.node import Node

log = logging.getLogger(__name__)

BACKLOG = 2048
SWITCH = 0.0005  # seconds until a thread that waits for the interpreter gets it: the lane lets go of it in
# each of its many short calls to the database, and with Python's 5 ms it stood still most of the time
GRACE = 10  # seconds that requests under way get when the node stops
KEPT = (
    75  # seconds that an idle connection stays open: longer than proxies keep theirs, or a request of theirs
)
# meets a connection that closes and is answered with a 502
LOOK = 20  # seconds between two looks for clients that keep a connection and send next to nothing
FILES = 1 << 16  # connections and files that the process may have open, where the system lets it
Ready = Callable[[str, str], None]


def build(settings: Config) -> App:
    """A node and its application, not listening yet. `app.node.close()` ends it."""
    node = Node.open(settings)
    try:
        app = App(node)
        resume(app)
    except BaseException:
        node.close()
        raise
    return app


def run(settings: Config, on_ready: Ready | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way.

    Args:
        on_ready: called once with the address on this machine and the public one, in a thread of its own.

    Raises:
        Unavailable: the port is taken, or the folder or database cannot be had.
    """
    logs.set_up(settings.log_level)
    _open_many()
    with _listening(settings) as listener:
        app = build(settings)
        try:
            address = _address(settings, listener)
            server = _server(app, lambda: _announce(app, address, on_ready))
            _collect_rarely()
            sys.setswitchinterval(SWITCH)
            _serve(server, listener)
        finally:
            app.node.close()
            log.info("stopped")


def _open_many() -> None:
    """Often 1,024 are allowed at first and many more on request: idle browsers should not use them up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _collect_rarely() -> None:
    """What is loaded now stays, so that the collector need not walk it; requests make few cycles.

    With Python's own thresholds a submission took 13 to 24% more CPU (docs/bench.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@contextmanager
def start(settings: Config) -> Iterator[Address]:
    """A node that serves from a thread of this process, as long as the block lasts.

    Raises:
        Unavailable: as `run`.
    """
    with _listening(settings) as listener:
        app = build(settings)
        try:
            address = _address(settings, listener)
            ready = threading.Event()
            server = _server(app, ready.set)
            thread = threading.Thread(
                target=_serve, args=(server, listener), name="evenhand-http", daemon=True
            )
            thread.start()
            ready.wait()
            app.node.announce(address.url, address.public_url)
            try:
                yield address
            finally:
                server.should_exit = True
                thread.join()
        finally:
            app.node.close()


class _Server(uvicorn.Server):
    """uvicorn, with two changes: it says when it listens, and a signal ends the server, not the process.

    The node must still be closed behind it; uvicorn would raise the signal again before that.
    """

    when_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.when_ready()

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's heartbeat, ten times a second: now and then connections are ended that stand still."""
        if counter % (10 * LOOK) == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol) and connection.is_stuck():
                    connection.transport.close()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (SIGINT, SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _server(app: App, when_ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEPT,
        timeout_graceful_shutdown=GRACE,
        proxy_headers=True,
        forwarded_allow_ips=["127.0.0.1", "::1", *app.node.config.proxies],
    )
    server = _Server(config)
    server.when_ready = when_ready
    return server


def _serve(server: _Server, listener: socket.socket) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))


def _announce(app: App, address: Address, on_ready: Ready | None) -> None:
    app.node.announce(address.url, address.public_url)
    log.info("listening at %s", address.url)
    if on_ready is not None:
        threading.Thread(target=on_ready, args=(address.url, address.public_url), daemon=True).start()


@contextmanager
def _listening(settings: Config) -> Iterator[socket.socket]:
    """A socket on the wanted port, before anything is opened: a busy port must not cost a start."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise Unavailable(
                "server.port-busy",
                f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}.",
                "EVENHAND_PORT",
                "Stop the other program, or set EVENHAND_PORT to another port (0 takes a free one).",
            ) from error
        yield listener


def _address(settings: Config, listener: socket.socket) -> Address:
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    url = f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"
    return Address(url=url, public_url=settings.public_url or url, pid=os.getpid())
