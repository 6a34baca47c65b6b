"""A witness: it cosigns checkpoints of other nodes' logs, and never two that contradict each other.

In its folder stand ``key`` (mode 0600), ``lock``, and ``cosigned/<sha256 of the origin>``: the checkpoint
that it cosigned last for each log, which is also what it serves. `C2SP tlog-witness`_ says every byte.

Never restore this folder from a backup: a witness that forgets what it has seen can be shown a fork.

.. _C2SP tlog-witness: https://c2sp.org/tlog-witness
"""

from __future__ import annotations

import fcntl
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from evenhand.core import beacon, vrf
from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import (
    COSIGNATURE,
    MLDSA44,
    Checkpoint,
    SigningKey,
    VerifyKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_signing_key,
)
from evenhand.core.cosigning import MAX_REQUEST_BYTES, Judgement, cosign, judge, merge, parse_submission
from evenhand.core.errors import Broken, Invalid, Refused, Unavailable
from evenhand.ledger import Disk, LocalDisk


class Witness:
    """The one process that holds a witness's key. Use `Witness.open`."""

    def __init__(
        self, folder: Path, keys: list[SigningKey], logs: Sequence[VerifyKey], lock: IO[bytes], disk: Disk
    ) -> None:
        """Use `Witness.open`."""
        self.key = keys[0]
        self.keys = keys  # Ed25519, and ML-DSA-44 where it signs with both
        self._folder = folder
        self._logs = {log.name: log for log in logs}
        self._lock = lock
        self._disk = disk
        self._turn = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        name: str,
        logs: Sequence[VerifyKey],
        *,
        disk: Disk | None = None,
        seed: Callable[[], bytes] = lambda: secrets.token_bytes(32),
        ml_dsa: bool = False,
    ) -> Witness:
        """Open a witness's folder; draw its key where there is none.

        Args:
            folder: made when missing.
            name: what it signs under, such as ``witness.example.org``.
            logs: keys of the logs that it knows; any number, one for each origin.
            disk: what reads and writes files.
            seed: gives 32 secret random bytes for a new key.
            ml_dsa: sign with ML-DSA-44 as well, by a key that follows from the same secret.

        Raises:
            Unavailable: another process runs on this folder.
            Refused: the folder belongs to a witness of another name.
            Broken: it has cosigned before, and its key is gone.
        """
        disk = disk or LocalDisk()
        folder.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(folder / "lock")
        try:
            keys = [_open_key(folder, name, disk, seed)]
            if ml_dsa:
                keys.append(SigningKey(name, keys[0].derived(b"ml-dsa-44"), MLDSA44))
            return cls(folder, keys, logs, lock, disk)
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Let another process run on the folder."""
        self._lock.close()

    def add_checkpoint(self, body: bytes, seconds: int) -> Judgement:
        """Answer one request. What it cosigns is durable before this returns.

        Args:
            body: of the request.
            seconds: now, since 1970-01-01 UTC.

        Raises:
            Unavailable: the disk is full; nothing was signed.
        """
        try:
            submission = parse_submission(body)
        except Invalid as error:
            return Judgement(400, f"{error.reason}\n")
        checkpoint = submission.checkpoint
        log = self._logs.get(checkpoint.origin)
        with self._turn:  # comparing and remembering are one step, or a slow request could roll us back
            judgement = judge(submission, log, self._latest(checkpoint.origin))
            if judgement.status != 200:
                return judgement
            lines = [cosign(checkpoint.text, key, seconds) for key in self.keys]
            note = merge(submission.note, lines, [key.verify_key for key in self.keys])
            self._disk.write({self._path(checkpoint.origin): note})
        return Judgement(200, "".join(lines))

    def reveal_key(self) -> str:
        """Two lines, base64url: the public key of its reveals, and its signature about that key."""
        public = vrf.public_key(self.key.derived(b"reveal"))
        return f"{b64url(public)}\n{b64url(self.key.sign(beacon.key_text(public)))}\n"

    def reveal(self, body: bytes) -> Judgement:
        """Answer with its output for a window that was closed in a checkpoint that it has cosigned."""
        try:
            _, proof = beacon.parse_request(body)
            log = self._logs.get(parse_checkpoint(parse_note(proof.checkpoint).text).origin)
            if log is None:
                return Judgement(404, "unknown log\n")
            told = beacon.reveal(body, log, self.key.verify_key, self.key.derived(b"reveal"))
        except Invalid as error:
            return Judgement(400, f"{error.reason}\n")
        return Judgement(200, f"{b64url(told)}\n")

    def latest_note(self, origin_hash: str) -> bytes | None:
        """The checkpoint cosigned last, by the hex SHA-256 of its origin; None when there is none."""
        if not all(char in "0123456789abcdef" for char in origin_hash) or len(origin_hash) != 64:
            return None
        return self._disk.read(self._folder / "cosigned" / origin_hash)

    def _latest(self, origin: str) -> Checkpoint | None:
        note = self._disk.read(self._path(origin))
        log = self._logs.get(origin)
        if note is None or log is None:
            return None
        try:
            return open_checkpoint(note, log, [self.key.verify_key])
        except Invalid as error:
            remedy = "Begin a new witness, and tell those who trusted this one."
            raise Broken(
                "witness.state",
                f"What was cosigned last is unreadable: {error.reason}",
                str(self._path(origin)),
                remedy,
            ) from error

    def _path(self, origin: str) -> Path:
        return self._folder / "cosigned" / sha256(origin.encode()).hexdigest()


def _take_lock(path: Path) -> IO[bytes]:
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Unavailable(
            "witness.locked", "Another process runs this witness.", str(path), "Stop the other."
        ) from error
    return lock


def _open_key(folder: Path, name: str, disk: Disk, seed: Callable[[], bytes]) -> SigningKey:
    line = disk.read(folder / "key")
    if line is None:
        if (folder / "cosigned").is_dir():
            remedy = "Begin a new witness in an empty folder, under another name."
            raise Broken("witness.lost", "The key is gone, and it has cosigned.", str(folder), remedy)
        key = SigningKey(name, seed(), COSIGNATURE)
        disk.write({folder / "key": key.secret_line().encode()}, private=True)
        return key
    key = parse_signing_key(line.decode())
    if key.name != name:
        reason = f"This folder belongs to the witness {key.name}, not {name}."
        raise Refused("witness.name", reason, str(folder), "Give its name, or an empty folder.")
    return key


def serve(witness: Witness, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM.

    Args:
        on_ready: called once with the address.

    Raises:
        Unavailable: the port is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            remedy = "Name another port with --port."
            raise Unavailable("witness.port", f"{host}:{port} cannot be had: {error}.", "", remedy) from error
        listener.listen(128)
        bound = listener.getsockname()[1]
        config = uvicorn.Config(application(witness), log_level="warning", access_log=False)
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
        uvicorn.Server(config).run(sockets=[listener])


def application(witness: Witness, clock: Callable[[], float] = time.time) -> ASGIApp:
    """The two calls of ``tlog-witness``, and those about reveals, as an ASGI application."""
    calls = _Calls(witness, clock)
    return Starlette(
        routes=[
            Route("/reveal", calls.reveal, methods=["POST"]),
            Route("/reveal-key", calls.reveal_key, methods=["GET"]),
            Route("/add-checkpoint", calls.add_checkpoint, methods=["POST"]),
            Route("/{origin}/checkpoint", calls.checkpoint, methods=["GET"]),
        ]
    )


class _Calls:
    """What a witness answers over HTTP. It waits for its disk in threads."""

    def __init__(self, witness: Witness, clock: Callable[[], float]) -> None:
        self._witness = witness
        self._clock = clock

    async def add_checkpoint(self, request: Request) -> Response:
        body = await _body(request, MAX_REQUEST_BYTES)
        if body is None:
            return _too_large()
        try:
            judgement = await run_in_threadpool(self._witness.add_checkpoint, body, int(self._clock()))
        except Unavailable as error:
            return PlainTextResponse(f"{error.reason}\n", 503)
        return _judged(judgement)

    async def checkpoint(self, request: Request) -> Response:
        note = await run_in_threadpool(self._witness.latest_note, request.path_params["origin"])
        if note is None:
            return PlainTextResponse("nothing was cosigned for this log\n", 404)
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
        return Response(note, headers=headers, media_type="text/plain; charset=utf-8")

    async def reveal(self, request: Request) -> Response:
        body = await _body(request, beacon.MAX_REQUEST)
        return _too_large() if body is None else _judged(await run_in_threadpool(self._witness.reveal, body))

    async def reveal_key(self, request: Request) -> Response:
        return PlainTextResponse(self._witness.reveal_key(), headers={"Cache-Control": "no-store"})


def _too_large() -> Response:
    return PlainTextResponse("the request is too large\n", 413)


def _judged(judgement: Judgement) -> Response:
    return Response(judgement.body, judgement.status, headers={"Content-Type": judgement.media_type})


async def _body(request: Request, most: int) -> bytes | None:
    """A request's body; None when it has more bytes than it may."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            return None
    return bytes(body)
