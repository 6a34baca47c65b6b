"""The client against a server that misbehaves on purpose: what is repeated, what is not, what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evenhand.core.errors import Broken, EvenhandError, Invalid, Missing, Refused, Unavailable
from evenhand.sdk import ATTEMPTS, Client, Rejection

Reply = tuple[int, dict[str, str], Any]
Call = tuple[str, str, bytes]

IMPORT = {
    "id": "i1",
    "project_id": "p1",
    "name": "records",
    "state": "open",
    "accepted": 0,
    "present": 0,
    "rejected": 0,
    "rejections": [],
    "next_line": 1,
    "received": 0,
    "bytes": None,
    "error": None,
    "created_at": "2026-11-23T00:00:00.000Z",
}


class Scripted(ThreadingHTTPServer):
    """Gives the replies of a script, one by one; None drops the connection. Keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Reply | None] | Callable[[Call], Reply | None] = []
        self.calls: list[Call] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reply(self, call: Call) -> Reply | None:
        self.calls.append(call)
        if callable(self.script):
            return self.script(call)
        return self.script.pop(0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.reply((self.command, self.path, body))
        if reply is None:
            self.close_connection = True
            self.connection.close()
            return
        status, headers, content = reply
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    running = Scripted()
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def waits() -> list[float]:
    """The pauses that the client made, in seconds."""
    return []


@pytest.fixture
def client(server: Scripted, waits: list[float]) -> Iterator[Client]:
    with Client(server.url, "k" * 40, sleep=waits.append) as running:
        yield running


def problem(status: int, rule: str = "some.rule") -> Reply:
    body = {"type": "about:blank", "title": "", "status": status, "detail": "It is so.", "rule": rule}
    return status, {}, body | {"where": "name", "remedy": "Do this."}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (413, Invalid),
        (401, Refused),
        (403, Refused),
        (409, Refused),
        (404, Missing),
        (500, Broken),
    ],
)
def test_a_problem_becomes_the_error_by_what_to_do(
    server: Scripted, client: Client, waits: list[float], status: int, kind: type[EvenhandError]
) -> None:
    server.script = [problem(status)]
    with pytest.raises(kind) as caught:
        client.project("p1")
    error = caught.value
    assert (error.rule, error.reason, error.where, error.remedy) == (
        "some.rule",
        "It is so.",
        "name",
        "Do this.",
    )
    assert waits == []


def test_a_busy_node_is_asked_again_and_then_given_up(
    server: Scripted, client: Client, waits: list[float]
) -> None:
    server.script = lambda call: problem(503)
    with pytest.raises(Unavailable):
        client.project("p1")
    assert len(server.calls) == ATTEMPTS
    assert len(waits) == ATTEMPTS - 1
    assert sum(waits) < 10


def test_a_wait_that_the_node_asks_for_is_kept_but_not_for_ever(
    server: Scripted, client: Client, waits: list[float]
) -> None:
    _, _, body = problem(429)
    server.script = [(429, {"Retry-After": "2"}, body), (429, {"Retry-After": "86400"}, body), problem(404)]
    with pytest.raises(Missing):
        client.project("p1")
    assert waits == [2.0, 10.0]


def test_what_is_not_safe_to_repeat_is_sent_once(server: Scripted, client: Client) -> None:
    server.script = [None, None]
    with pytest.raises(Unavailable) as caught:
        client.create_project("p", fields=[], questions=[])
    assert len(server.calls) == 1
    assert caught.value.where == server.url
    assert caught.value.remedy


def test_a_lost_answer_to_submit_is_asked_for_again(server: Scripted, client: Client) -> None:
    receipt = {"place": ["annotator:a", 4], "entry": "", "leaf": "bGVhZg==", "openings": []}
    promise = {"deadline": 1, "index": 0, "size": 1, "path": [], "signature": ""}
    submitted = {
        "assignment_id": "a/1",
        "state": "submitted",
        "revision": 1,
        "submitted_at": "2026-11-23T00:00:00.000Z",
    }
    server.script = [None, (200, {}, submitted | {"receipt": receipt | {"promise": promise}})]
    got = client.submit("a/1", {"spam": "ham"}, seconds=1.5)
    assert (got.leaf, got.place, got.promise.deadline) == (b"leaf", ("annotator:a", 4), 1)
    assert [call[:2] for call in server.calls] == [("POST", "/api/v1/assignments/a%2F1/submit")] * 2
    server.script = [
        problem(503),
        problem(503),
        (200, {"Content-Type": "text/plain"}, b"c2sp.org/tlog-proof@v1\n"),
    ]
    assert got.proof() == "c2sp.org/tlog-proof@v1\n"
    assert server.calls[-1][1] == "/api/v1/receipts/annotator:a/4"


def test_waiting_for_a_proof_ends(server: Scripted, client: Client) -> None:
    server.script = lambda call: problem(503)
    with pytest.raises(Unavailable):
        client.proof("annotator:a", 4, timeout=0)


def test_nobody_there(free_port: int) -> None:
    waits: list[float] = []
    client = Client(f"http://127.0.0.1:{free_port}", "k" * 40, sleep=waits.append)
    with client, pytest.raises(Unavailable, match="cannot be reached"):
        client.project("p1")
    assert len(waits) == ATTEMPTS - 1


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"{}", b"\xff"])
def test_an_address_that_is_no_node_is_told(server: Scripted, client: Client, body: bytes) -> None:
    server.script = [(200, {}, body)]
    with pytest.raises(Broken, match="cannot be read"):
        client.project("p1")
    server.script = [(404, {}, body)]
    with pytest.raises(Missing, match="404"):
        client.project("p1")


@pytest.mark.parametrize(
    ("url", "key"), [("ftp://x", "k"), ("localhost:8080", "k"), ("http://x", " "), ("http://x", "ü")]
)
def test_a_wrong_address_or_key_is_told_at_once(url: str, key: str) -> None:
    with pytest.raises(Invalid):
        Client(url, key)


def test_a_mistyped_argument_is_told_before_anything_is_sent(server: Scripted, client: Client) -> None:
    with pytest.raises(Invalid, match="lease_secnds"):
        client.create_project("p", fields=[], questions=[], lease_secnds=5)
    with pytest.raises(Invalid) as caught:
        client.create_project("p", fields=[{"name": "text", "type": "txt"}], questions=[])
    assert caught.value.where == "fields[0].type" or caught.value.where == "fields[...].type"
    assert server.calls == []


# -- rows ---------------------------------------------------------------------------------------


class RowServer:
    """The import end points, as the contract says: lines before `next_line` are passed over."""

    def __init__(self) -> None:
        self.next_line = 1
        self.rows: list[Any] = []
        self.rejected: list[dict[str, Any]] = []
        self.drops = 0  # how many of the next row requests are taken in, and then their answers lost

    def __call__(self, call: Call) -> Reply | None:
        _, path, body = call
        if path.endswith(("/imports", "/finish")):
            counts = {"accepted": len(self.rows), "rejected": len(self.rejected), "rejections": self.rejected}
            return 200, {}, IMPORT | counts
        first = int(path.partition("line=")[2])
        lines = body.split(b"\n")
        fresh = [(first + i, line) for i, line in enumerate(lines) if first + i >= self.next_line]
        rejected = [
            {"line": n, "path": "", "reason": "not an object"} for n, line in fresh if line == b"null"
        ]
        good = [json.loads(line) for _, line in fresh if line != b"null"]
        self.rows += good
        self.rejected += rejected
        self.next_line = max(self.next_line, first + len(lines))
        if self.drops:
            self.drops -= 1
            return None
        present = len(lines) - len(fresh)
        report = {
            "accepted": len(good),
            "present": present,
            "rejected": rejected,
            "next_line": self.next_line,
        }
        return 200, {}, report


def test_rows_arrive_once_each_and_in_order(server: Scripted, client: Client) -> None:
    server.script = rows = RowServer()
    seen: list[tuple[int, int | None]] = []
    records = ({"text": f"row {n} ü 😀"} for n in range(12_000))
    report = client.import_tasks("p1", records, on_progress=lambda done, total: seen.append((done, total)))
    assert [row["text"] for row in rows.rows] == [f"row {n} ü 😀" for n in range(12_000)]
    assert (report.accepted, report.present, report.rejected) == (12_000, 0, ())
    assert seen == [(5_000, None), (10_000, None), (12_000, None)]


def test_rows_whose_answer_was_lost_are_not_doubled(server: Scripted, client: Client) -> None:
    server.script = rows = RowServer()
    rows.drops = 2
    report = client.import_tasks("p1", [{"n": n} for n in range(7)] + [{"n": float("nan")}])
    assert [row["n"] for row in rows.rows] == list(range(7))
    assert (report.accepted, report.rejected_count) == (7, 1)
    assert "NaN" in report.rejected[0].reason


def test_long_rows_make_short_requests(server: Scripted, client: Client) -> None:
    server.script = RowServer()
    client.import_tasks("p1", [{"text": "x" * (3 << 20)} for _ in range(3)])
    sizes = [len(body) for _, path, body in server.calls if "/rows" in path]
    assert len(sizes) == 3
    assert max(sizes) < 4 << 20


def test_a_record_that_json_cannot_carry_is_rejected_by_its_row_and_the_rest_goes_in(
    server: Scripted, client: Client
) -> None:
    server.script = rows = RowServer()
    bad: list[dict[str, Any]] = [
        {"x": float("nan")},
        {"x": [{"y": float("inf")}]},
        {"x": object()},
        {"x": "\ud800"},
    ]
    records = [{"x": 1}, *bad, {"x": "null"}, {"x": None}, {"x": "a" * (16 << 20)}]
    report = client.import_tasks("p1", records)
    assert [row["x"] for row in rows.rows] == [1, "null", None]
    assert [row.row for row in report.rejected] == [2, 3, 4, 5, 8]
    assert "NaN" in report.rejected[0].reason
    assert isinstance(report.rejected[0], Rejection)
    assert report.rejected_count == 5


def test_a_file_goes_on_from_where_the_server_stands(
    server: Scripted, client: Client, tmp_path: Path
) -> None:
    content = bytes(range(256)) * (100 << 10)  # 25 MiB: four requests
    source = tmp_path / "rows.jsonl"
    source.write_bytes(content)
    received = bytearray()
    lose = [True, False, True, False, False, False, False]

    def answer(call: Call) -> Reply | None:
        method, path, body = call
        if method == "PUT":
            offset = int(path.partition("offset=")[2])
            del received[offset:]
            received.extend(body)
            if lose.pop(0):
                return None
        done = {
            "state": "done",
            "accepted": 5,
            "rejected": 1,
            "rejections": [{"line": 3, "path": "x", "reason": "r"}],
        }
        state = done if path.endswith("/finish") else {}
        return 200, {}, IMPORT | {"received": len(received), "bytes": len(content)} | state

    server.script = answer
    report = client.import_tasks("p1", source)
    assert bytes(received) == content
    assert (report.accepted, report.rejected) == (5, (Rejection(3, "x", "r"),))


def test_a_file_that_is_not_there(server: Scripted, client: Client, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="does not exist"):
        client.import_tasks("p1", tmp_path / "no.csv")
    with pytest.raises(Missing, match="folder"):
        client.import_tasks("p1", tmp_path)
    assert server.calls == []


# -- the package --------------------------------------------------------------------------------


def test_the_client_loads_without_server_store_or_numbers() -> None:
    code = "import sys; from evenhand import Client; print(*sorted(m for m in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = (
        "numpy",
        "pyarrow",
        "starlette",
        "uvicorn",
        "evenhand.store",
        "evenhand.service",
        "evenhand.http",
    )
    assert [name for name in loaded if name.startswith(heavy)] == []
    bare = "import sys, evenhand; print('httpx' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True).stdout.strip() == "False"
    )
