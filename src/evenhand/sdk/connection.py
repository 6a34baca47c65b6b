"""The way to a node: one request and what it gives, tried again where that is safe, errors told as ours."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from evenhand import wire
from evenhand.core.errors import Broken, EvenhandError, Invalid, Missing, Refused, Unavailable

T = TypeVar("T")
Job = TypeVar("Job", wire.Import, wire.Export, wire.Restore)
Sent = TypeVar("Sent", wire.Import, wire.Restore)
Sleep = Callable[[float], None]

ATTEMPTS = 6  # of an idempotent call: about 6 s of waiting in all
CHUNK_BYTES = 8 << 20  # of one file upload request
PAGE = 200  # items of one list request
RETRY_STATUS = frozenset({429, 502, 503, 504})

_API = "/api/v1"
_JSON = {"Content-Type": "application/json"}
_BINARY = "application/octet-stream"


class Connection:
    """What speaks to one node with one API key."""

    def __init__(self, url: str, api_key: str, timeout: float, sleep: Sleep) -> None:
        """
        Args:
            timeout: seconds that one request may take.
            sleep: how to wait between attempts.

        Raises:
            Invalid: the address, or the key, is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            remedy = "Write http://host:port or https://host."
            raise Invalid("client.url", f"{url!r} is not a web address.", "url", remedy)
        if not api_key.isascii() or not api_key.strip():
            raise Invalid("client.api-key", "This is not an API key.", "api_key", "Copy it whole.")
        self.url = url.rstrip("/")
        self.checkpoint: str | None = None  # "size:root", the newest that the node has shown
        self.sleep = sleep
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {api_key.strip()}", "User-Agent": "evenhand-sdk"},
            timeout=httpx.Timeout(timeout, connect=10.0),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=8),
            trust_env=not _is_loopback(parts.hostname),  # a proxy for the outside cannot reach this machine
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(self, path: str, kind: type[T]) -> T:
        """Fetch a thing."""
        return _read(self.send("GET", path, again=True), kind)

    def log_key(self) -> str:
        """The key of the node's ledger, one line.

        Raises:
            Unavailable: the node does not answer with one.
        """
        try:
            answer = self._http.get("/log/vkey")
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error
        if answer.status_code != 200:
            raise Unavailable("client.no-key", "The node does not show its ledger's key.", self.url)
        return answer.text.strip()

    def call(
        self, method: str, path: str, body: wire.Request | None, kind: type[T], again: bool = False
    ) -> T:
        """Send a body, and read what comes back; see `send` for `again`."""
        return _read(self.tell(method, path, body, again), kind)

    def tell(self, method: str, path: str, body: wire.Request | None, again: bool = False) -> httpx.Response:
        """The same where nothing comes back that is read."""
        content = None if body is None else encode(body)
        return self.send(method, path, content, _JSON if body is not None else {}, again=again)

    def upload(
        self,
        method: str,
        path: str,
        content: bytes | Callable[[], Iterable[bytes]],
        kind: type[T],
        media_type: str = _BINARY,
    ) -> T:
        """Send bytes, which must be safe to send twice, and read what comes back.

        Args:
            content: the bytes; or what gives them in pieces, from the start each time it is called.
        """
        return _read(self.send(method, path, content, {"Content-Type": media_type}, again=True), kind)

    def pages(self, path: str, kind: type[wire.Page[T]], **filters: str | int | None) -> Iterator[T]:
        """Every item of a list, page by page."""
        query = {key: value for key, value in filters.items() if value is not None} | {"limit": PAGE}
        while True:
            page = self.get(f"{path}?{urlencode(query)}", kind)
            yield from page.items
            if page.next is None:
                return
            query["after"] = page.next

    def wait(self, path: str, job: Job, tell: Callable[[Job], None] = lambda _: None) -> Job:
        """Look again and again at work that goes on in the node, until it is done.

        Args:
            path: where it is looked at.
            tell: called with each state of it.

        Raises:
            EvenhandError: what it failed with.
        """
        for pause in pauses():
            tell(job)
            if job.error is not None:
                raise _error(job.error)
            if job.state == "done":
                return job
            self.sleep(pause)
            job = self.get(path, type(job))
        raise AssertionError("pauses never end")

    def send_file(
        self, path: str, source: Path, job: Sent, tell: Callable[[Sent], None] = lambda _: None
    ) -> Sent:
        """Send a file piece by piece, from where the node stands; gives what it says of the last piece.

        Args:
            path: where to.
            job: what the file is for; says how many bytes have arrived.
            tell: called with what the node says of each piece.

        Raises:
            Refused: the file became shorter meanwhile.
        """
        size = source.stat().st_size
        with source.open("rb") as file:
            while job.received < size:
                file.seek(job.received)
                chunk = file.read(CHUNK_BYTES)
                if not chunk:
                    what = "The file became shorter meanwhile."
                    raise Refused("import.file-changed", what, str(source), "Start again.")
                job = self.upload("PUT", f"{path}?offset={job.received}", chunk, type(job))
                tell(job)
        return job

    def fetch(self, path: str, target: Path) -> str:
        """Download one file durably; gives its SHA-256."""
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(ATTEMPTS):
            try:
                return self._stream_to(path, target)
            except (httpx.TransportError, Unavailable) as error:
                if attempt + 1 == ATTEMPTS:
                    raise _unreachable(self.url, error) from error
                self.sleep(_delay(attempt, None))
        raise AssertionError("the last attempt returns or raises")

    def _stream_to(self, path: str, target: Path) -> str:
        digest = hashlib.sha256()
        with self._http.stream("GET", _API + path) as response, target.open("wb") as out:
            if response.status_code != 200:
                response.read()
                raise _problem(response)
            for chunk in response.iter_bytes(1 << 18):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        return digest.hexdigest()

    def send(
        self,
        method: str,
        path: str,
        content: bytes | Callable[[], Iterable[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        again: bool = False,
    ) -> httpx.Response:
        """One call. With `again` it may be repeated safely, so that it is when the node is busy.

        A request that never left (no connection) or that was turned away at the door (429) may always be.
        """
        if self._http.is_closed:
            remedy = "Ask for proofs and pages before the `with` block ends."
            raise Refused("client.closed", "This client is closed.", self.url, remedy)
        for attempt in range(ATTEMPTS):
            last = attempt + 1 == ATTEMPTS
            wait: str | None = None
            try:
                body = content() if callable(content) else content
                response = self._http.request(method, _API + path, content=body, headers=headers)
            except httpx.TransportError as error:
                if last or not (again or isinstance(error, httpx.ConnectError)):
                    raise _unreachable(self.url, error) from error
            else:
                self.checkpoint = response.headers.get("Evenhand-Checkpoint", self.checkpoint)
                if response.is_success:
                    return response
                busy = response.status_code == 429 or (again and response.status_code in RETRY_STATUS)
                if last or not busy:
                    raise _problem(response)
                wait = response.headers.get("Retry-After")
            self.sleep(_delay(attempt, wait))
        raise AssertionError("the last attempt returns or raises")


encode = msgspec.json.Encoder().encode


def draft(given: Mapping[str, Any], kind: type[T]) -> T:
    """Names and values as a request, so that a wrong name or type is told before anything is sent."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        raise Invalid("request.shape", reason, where.strip("`.")) from error


def _read(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        reason = f"The node's answer cannot be read: {error}."
        remedy = "Is this address an Evenhand node, and of the same version?"
        raise Broken("client.answer", reason, str(response.url), remedy) from error


def _problem(response: httpx.Response) -> EvenhandError:
    """The error that the answer stands for."""
    try:
        return _error(msgspec.json.decode(response.content, type=wire.Problem), response.status_code)
    except msgspec.DecodeError:
        reason = f"The node answered {response.status_code} {response.reason_phrase}."
        remedy = "Is this address an Evenhand node? Look at a proxy in between."
        return _kind(response.status_code)("http.status", reason, str(response.url), remedy)


def _error(problem: wire.Problem, status: int | None = None) -> EvenhandError:
    return _kind(status or problem.status)(problem.rule, problem.detail, problem.where, problem.remedy)


def _kind(status: int) -> type[EvenhandError]:
    """The error by what the caller should do; see docs/spec/http.md."""
    if status in (401, 403, 409):
        return Refused
    if status == 404:
        return Missing
    if status == 429 or 502 <= status <= 504:
        return Unavailable
    return Broken if status >= 500 else Invalid


def _unreachable(url: str, error: Exception) -> EvenhandError:
    if isinstance(error, EvenhandError):
        return error
    reason = f"The node cannot be reached ({type(error).__name__}: {error})."
    return Unavailable(
        "client.unreachable", reason, url, "Does it run, and is the address right? Try again later."
    )


def _delay(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait: what the server asks for, at most 10; else doubling, spread by chance."""
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), 10.0)
    return float(min(0.2 * 2**attempt, 3.0) * random.uniform(0.5, 1.0))


def pauses() -> Iterator[float]:
    """Seconds between looks at a long job: short at first, so that a small one feels immediate."""
    pause = 0.02
    while True:
        yield pause
        pause = min(pause * 1.5, 1.0)


def segment(text: str) -> str:
    """Text as one segment of a path: an id with a slash in it must not become another address."""
    return quote(text, safe=":")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
