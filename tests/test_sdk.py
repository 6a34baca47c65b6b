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

import httpx
import msgspec
import pytest

from evenhand import aggregate, data_folder
from evenhand.config import Config
from evenhand.core import receipt as core_receipt
from evenhand.core.checkpoint import parse_vkey
from evenhand.core.errors import Broken, EvenhandError, Invalid, Missing, Refused, Unavailable
from evenhand.http import server
from evenhand.sdk import ATTEMPTS, Client, Receipt, Rejection

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
def scripted() -> Iterator[Scripted]:
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
def client(scripted: Scripted, waits: list[float]) -> Iterator[Client]:
    with Client(scripted.url, "k" * 40, sleep=waits.append) as running:
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
    scripted: Scripted, client: Client, waits: list[float], status: int, kind: type[EvenhandError]
) -> None:
    scripted.script = [problem(status)]
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
    scripted: Scripted, client: Client, waits: list[float]
) -> None:
    scripted.script = lambda call: problem(503)
    with pytest.raises(Unavailable):
        client.project("p1")
    assert len(scripted.calls) == ATTEMPTS
    assert len(waits) == ATTEMPTS - 1
    assert sum(waits) < 10


def test_a_wait_that_the_node_asks_for_is_kept_but_not_for_ever(
    scripted: Scripted, client: Client, waits: list[float]
) -> None:
    _, _, body = problem(429)
    scripted.script = [(429, {"Retry-After": "2"}, body), (429, {"Retry-After": "86400"}, body), problem(404)]
    with pytest.raises(Missing):
        client.project("p1")
    assert waits == [2.0, 10.0]


def test_what_is_not_safe_to_repeat_is_sent_once(scripted: Scripted, client: Client) -> None:
    scripted.script = [None, None]
    with pytest.raises(Unavailable) as caught:
        client.create_project("p", fields=[], questions=[])
    assert len(scripted.calls) == 1
    assert caught.value.where == scripted.url
    assert caught.value.remedy


def test_a_lost_answer_to_submit_is_asked_for_again(scripted: Scripted, client: Client) -> None:
    receipt = {"place": ["annotator:a", 4], "entry": "", "leaf": "bGVhZg==", "openings": []}
    promise = {"deadline": 1, "index": 0, "size": 1, "path": [], "signature": ""}
    submitted = {
        "assignment_id": "a/1",
        "state": "submitted",
        "revision": 1,
        "submitted_at": "2026-11-23T00:00:00.000Z",
    }
    scripted.script = [None, (200, {}, submitted | {"receipt": receipt | {"promise": promise}})]
    got = client.submit("a/1", {"spam": "ham"}, seconds=1.5)
    assert (got.leaf, got.place, got.promise.deadline) == (b"leaf", ("annotator:a", 4), 1)
    assert [call[:2] for call in scripted.calls] == [("POST", "/api/v1/assignments/a%2F1/submit")] * 2
    scripted.script = [
        problem(503),
        problem(503),
        (200, {"Content-Type": "text/plain"}, b"c2sp.org/tlog-proof@v1\n"),
    ]
    assert got.proof() == "c2sp.org/tlog-proof@v1\n"
    assert scripted.calls[-1][1] == "/api/v1/receipts/annotator:a/4"


def test_waiting_for_a_proof_ends(scripted: Scripted, client: Client) -> None:
    scripted.script = lambda call: problem(503)
    with pytest.raises(Unavailable):
        client.proof("annotator:a", 4, timeout=0)


def test_nobody_there(free_port: int) -> None:
    waits: list[float] = []
    client = Client(f"http://127.0.0.1:{free_port}", "k" * 40, sleep=waits.append)
    with client, pytest.raises(Unavailable, match="cannot be reached"):
        client.project("p1")
    assert len(waits) == ATTEMPTS - 1


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"{}", b"\xff"])
def test_an_address_that_is_no_node_is_told(scripted: Scripted, client: Client, body: bytes) -> None:
    scripted.script = [(200, {}, body)]
    with pytest.raises(Broken, match="cannot be read"):
        client.project("p1")
    scripted.script = [(404, {}, body)]
    with pytest.raises(Missing, match="404"):
        client.project("p1")


@pytest.mark.parametrize(
    ("url", "key"), [("ftp://x", "k"), ("localhost:8080", "k"), ("http://x", " "), ("http://x", "ü")]
)
def test_a_wrong_address_or_key_is_told_at_once(url: str, key: str) -> None:
    with pytest.raises(Invalid):
        Client(url, key)


def test_a_mistyped_argument_is_told_before_anything_is_sent(scripted: Scripted, client: Client) -> None:
    with pytest.raises(Invalid, match="lease_secnds"):
        client.create_project("p", fields=[], questions=[], lease_secnds=5)
    with pytest.raises(Invalid) as caught:
        client.create_project("p", fields=[{"name": "text", "type": "txt"}], questions=[])
    assert caught.value.where == "fields[0].type" or caught.value.where == "fields[...].type"
    assert scripted.calls == []


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


def test_rows_arrive_once_each_and_in_order(scripted: Scripted, client: Client) -> None:
    scripted.script = rows = RowServer()
    seen: list[tuple[int, int | None]] = []
    records = ({"text": f"row {n} ü 😀"} for n in range(12_000))
    report = client.import_tasks("p1", records, on_progress=lambda done, total: seen.append((done, total)))
    assert [row["text"] for row in rows.rows] == [f"row {n} ü 😀" for n in range(12_000)]
    assert (report.accepted, report.present, report.rejected) == (12_000, 0, ())
    assert seen == [(5_000, None), (10_000, None), (12_000, None)]


def test_rows_whose_answer_was_lost_are_not_doubled(scripted: Scripted, client: Client) -> None:
    scripted.script = rows = RowServer()
    rows.drops = 2
    report = client.import_tasks("p1", [{"n": n} for n in range(7)] + [{"n": float("nan")}])
    assert [row["n"] for row in rows.rows] == list(range(7))
    assert (report.accepted, report.rejected_count) == (7, 1)
    assert "NaN" in report.rejected[0].reason


def test_long_rows_make_short_requests(scripted: Scripted, client: Client) -> None:
    scripted.script = RowServer()
    client.import_tasks("p1", [{"text": "x" * (3 << 20)} for _ in range(3)])
    sizes = [len(body) for _, path, body in scripted.calls if "/rows" in path]
    assert len(sizes) == 3
    assert max(sizes) < 4 << 20


def test_a_record_that_json_cannot_carry_is_rejected_by_its_row_and_the_rest_goes_in(
    scripted: Scripted, client: Client
) -> None:
    scripted.script = rows = RowServer()
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
    scripted: Scripted, client: Client, tmp_path: Path
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

    scripted.script = answer
    report = client.import_tasks("p1", source)
    assert bytes(received) == content
    assert (report.accepted, report.rejected) == (5, (Rejection(3, "x", "r"),))


def test_a_file_that_is_not_there(scripted: Scripted, client: Client, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="does not exist"):
        client.import_tasks("p1", tmp_path / "no.csv")
    with pytest.raises(Missing, match="folder"):
        client.import_tasks("p1", tmp_path)
    assert scripted.calls == []


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


# -- a real node --------------------------------------------------------------------------------


@pytest.fixture
def node(store_url: str, tmp_path: Path) -> Iterator[Client]:
    """The owner's client of a real node, on either store."""
    database = None if store_url.startswith("sqlite") else store_url
    settings = Config(data=tmp_path / "data", database_url=database, port=0)
    with server.start(settings) as address, Client(address.url, data_folder.key(settings.data)) as owner:
        yield owner


CHOICE = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}
TEXT = {"name": "text", "type": "text"}


def test_the_whole_way_from_records_to_a_checked_export(node: Client, tmp_path: Path) -> None:
    project = node.create_project("SMS", fields=[TEXT], questions=[CHOICE], overlap=2, instructions="Read.")
    records = [{"external_id": f"m{n}", "text": f"message {n}", "number": n} for n in range(6)]
    report = node.import_tasks(project.id, records)
    assert (report.accepted, report.present, report.rejected) == (6, 0, ())
    assert node.import_tasks(project.id, records).present == 6

    given: dict[str, set[str]] = {}
    receipts = []
    for name in ("Ann", "Ben", "Cem"):
        member = node.create_annotator(name)
        with Client(node.url, member.api_key) as annotator:
            while (work := annotator.next_assignment(project.id)) is not None:
                assert work.data == {"text": work.data["text"]}
                answer = "spam" if work.data["text"].endswith(("1", "3")) else "ham"
                receipt = annotator.submit(work.id, {"spam": answer}, seconds=2.5)
                assert annotator.submit(work.id, {"spam": answer}, seconds=2.5).leaf == receipt.leaf
                if not receipts:
                    check_offline(receipt, node.url)
                receipts.append(receipt)
                given.setdefault(work.task_id, set()).add(member.id)
    assert {len(members) for members in given.values()} == {2}

    tasks = list(node.tasks(project.id))
    assert [task.status for task in tasks] == ["done"] * 6
    assert all({a.annotator for a in task.annotations} == given[task.task_id] for task in tasks)
    assert [task.consensus["spam"].value for task in tasks] == ["ham", "spam", "ham", "spam", "ham", "ham"]
    assert node.task(tasks[0].task_id) == tasks[0]
    assert node.checkpoint is not None

    manifest = node.export(project.id, format="jsonl", out=tmp_path / "out")
    assert manifest.counts["tasks"] == 6
    data = next(name for name in manifest.files if name.name.endswith(".jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "out" / data.name).read_text().splitlines()]
    assert [row["data"]["number"] for row in rows] == list(range(6))
    assert {a["annotator"] for row in rows for a in row["annotations"]} == set().union(*given.values())
    weighed = aggregate(tmp_path / "out")
    assert dict(zip(weighed.tasks, weighed.labels, strict=True)) == {
        task.task_id: task.consensus["spam"].value for task in tasks
    }
    figures = node.quality(project.id)
    assert figures.state == "done" and node.quality(project.id, read=False).questions == figures.questions
    skills = figures.questions[0].skills
    assert {one.member_id for one in skills} == set(weighed.annotators)
    assert all(one.low <= one.value <= one.high for one in skills)
    with pytest.raises(Refused, match="left alone"):
        node.export(project.id, out=tmp_path / "out")
    node.export(project.id, out=tmp_path / "out", replace=True)
    assert [path.name for path in tmp_path.glob(".out*")] == []
    with pytest.raises(Refused, match="closed"):
        receipts[0].proof()


def check_offline(receipt: Receipt, url: str) -> None:
    """The receipt holds with nothing but the log's key, and a changed one does not."""
    log = parse_vkey(httpx.get(f"{url}/log/vkey").text.strip())
    whole = msgspec.json.decode(receipt.dump(), type=core_receipt.Receipt)
    checkpoint = core_receipt.verify_receipt(whole, log)
    assert checkpoint is not None and checkpoint.size > 0
    forged = msgspec.structs.replace(whole, entry=whole.entry.replace(b'"', b" ", 1))
    with pytest.raises(Invalid):
        core_receipt.verify_receipt(forged, log)


def test_what_the_node_refuses_arrives_with_its_place(node: Client) -> None:
    with pytest.raises(Invalid) as caught:
        node.create_project("SMS", fields=[TEXT], questions=[CHOICE | {"choices": []}])
    assert caught.value.where.startswith("questions[0]")
    assert caught.value.remedy or caught.value.reason
    project = node.create_project("SMS", fields=[TEXT], questions=[CHOICE])
    node.import_tasks(project.id, [{"text": "hello"}])
    work = node.next_assignment(project.id)
    assert work is not None
    with pytest.raises(Invalid) as caught:
        node.submit(work.id, {"spam": "eggs"})
    assert "spam" in caught.value.where
    with pytest.raises(Missing):
        node.project("prj-00000000000000000000000000000000")
    with Client(node.url, "ek_" + "x" * 40) as stranger, pytest.raises(Refused):
        stranger.session()


def test_skip_flag_and_people(node: Client) -> None:
    project = node.create_project("SMS", fields=[TEXT], questions=[CHOICE])
    node.import_tasks(project.id, [{"text": "hello"}])
    work = node.next_assignment()
    assert work is not None
    node.flag(work.id, "odd")
    node.skip(work.id, "cannot read it")
    assert node.next_assignment(project.id) is None
    assert node.project(project.id).counts.flagged == 1
    assert node.set_state(project.id, "paused").state == "paused"
    link = node.sign_in_link("/annotate")
    page = httpx.get(link.url, follow_redirects=False)
    assert page.status_code in (200, 303)
    model = node.create_member("bot", kind="model")
    assert {m.name: m.kind for m in node.members()}["bot"] == model.kind == "model"
    assert node.create_invite().url


def test_review_and_appeal_from_both_sides(node: Client) -> None:
    project = node.create_project(
        "Reviewed",
        [{"name": "text"}],
        [{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}],
        review={"which": "hand"},
        pay={"currency": "EUR", "per": "hour", "amount": 100, "most_seconds": 5},
    ).id
    node.import_tasks(project, [{"text": f"t{n}"} for n in range(3)])
    ann, rita = node.create_annotator("Ann"), node.create_member("Rita", role="reviewer")
    with Client(node.url, ann.api_key) as annotator, Client(node.url, rita.api_key) as reviewer:
        while work := annotator.next_assignment(project):
            annotator.submit(work.id, {"spam": "ham"}, seconds=9)
        assert reviewer.next_review(project) is None
        assert node.send_to_review(project, filter={}) == 3
        assert node.send_to_review(project, [f"{project}-1"]) == 0
        first = reviewer.next_review(project)
        assert first is not None and first == reviewer.next_review(project)
        back = [one.assignment_id for one in first.annotations]
        reviewer.decide_review(first.id, "return", comment="Look again.", assignment_ids=back)
        second = reviewer.next_review(project)
        assert second is not None
        done = reviewer.decide_review(
            second.id, "fix", {"spam": "spam"}, "It sells.", revision=second.revision
        )
        assert (done.state, reviewer.review(second.id)) == ("fixed", done)
        assert {one.decision for one in node.reviews(project)} == {"returned", "fixed"}
        told = {one.outcome: one for one in annotator.judgements(project)}
        assert (told["returned"].comment, told["fixed"].comment) == ("Look again.", "It sells.")
        (judged,) = annotator.judgements(outcome="fixed")
        appealed = annotator.appeal(judged.assignment_id, "It does not.")
        (open_,) = node.appeals(project, "open")
        assert (open_.id, open_.text) == (appealed.id, "It does not.")
        assert [one.text for one in reviewer.appeals(project)] == [None]  # not hers to answer
        assert node.decide_appeal(open_.id, "uphold").state == "upheld"
        assert next(annotator.judgements(outcome="fixed")).appeal.state == "upheld"  # type: ignore[union-attr]


def test_a_file_of_each_format_goes_in(node: Client, tmp_path: Path) -> None:
    project = node.create_project("SMS", fields=[TEXT], questions=[CHOICE])
    (tmp_path / "a.csv").write_text("text\none\ntwo\n")
    (tmp_path / "b.jsonl").write_text('{"text": "three"}\n{"text": \n{"text": "four"}\n')
    assert node.import_tasks(project.id, tmp_path / "a.csv").accepted == 2
    report = node.import_tasks(project.id, str(tmp_path / "b.jsonl"))
    assert report.accepted == 2
    assert [row for row, _, _ in report.rejected] == [2]
    assert [task.data["text"] for task in node.tasks(project.id)] == ["one", "two", "three", "four"]
    (tmp_path / "c.csv").write_bytes(b"\x1f\x8b" + bytes(100))
    with pytest.raises(Invalid, match="Unpack"):
        node.import_tasks(project.id, tmp_path / "c.csv")
