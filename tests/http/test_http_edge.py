"""What holds before any verb: hosts, origins, tokens, sizes, shapes of errors, headers, files."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from evenhand import wire
from evenhand.core.errors import Broken, Invalid, Missing, Refused, Unavailable
from evenhand.http import problems, server
from evenhand.http.problems import Turned


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The body of an error, whose shape is the same everywhere."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == set(wire.Problem.__struct_fields__)
    assert body["status"] == answer.status_code
    assert body["title"] == HTTPStatus(answer.status_code).phrase
    assert "Traceback" not in answer.text and ".py" not in answer.text
    return body


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("r", "x"), 400),
        (Refused("r", "x"), 403),
        (Refused("assignment.revision", "x"), 409),
        (Refused("project.version", "x"), 409),
        (Refused("review.changed", "x"), 409),
        (Refused("review.closed", "x"), 409),
        (Missing("r", "x"), 404),
        (Unavailable("r", "x"), 503),
        (Broken("r", "x"), 500),
        (Turned(413, "r", "x"), 413),
    ],
)
def test_status_of_each_kind_of_error(error: Any, status: int) -> None:
    made = problems.problem_of(error)
    assert (made.status, made.rule, made.detail) == (status, error.rule, "x")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", ""),
        (b'{"name": 5}', "name"),
        (b'{"name": "x", "fields": [{"name": 1}], "questions": []}', "fields[0].name"),
        (b'{"name": "x", "fields": [], "questions": [], "surplus": 1}', ""),
        (b"\xff\xfe", ""),
        (b'{"name": "\xff"}', ""),
        (b"[" * 200_000, ""),
    ],
)
def test_a_body_that_does_not_fit_is_told_where(quick: Any, body: bytes, where: str) -> None:
    answer = quick.call(quick.operator, "POST", "/projects", content=body)
    assert answer.status_code == 400
    assert problem(answer)["where"] == where


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        ("?limit=x", "limit"),
        ("?stat=active", "query"),
        ("?after=%FF", "query"),
        ("?after=nonsense", "after"),
        ("?" + "&".join(f"a{i}=1" for i in range(100)), "query"),
    ],
)
def test_a_query_that_does_not_fit(quick: Any, query: str, where: str) -> None:
    answer = quick.call(quick.operator, "GET", f"/members{query}")
    assert answer.status_code == 400
    assert problem(answer)["where"] == where


def test_a_missing_parameter_is_named(quick: Any) -> None:
    answer = quick.call(quick.operator, "POST", "/imports/imp-x/rows", content=b"")
    assert answer.status_code == 400 and "line" in problem(answer)["detail"]


def test_addresses_and_methods(quick: Any) -> None:
    assert problem(quick.call(None, "GET", "/nothing"))["status"] == 404
    assert problem(quick.plain.get("/api/v2/session"))["status"] == 404
    answer = quick.call(None, "PUT", "/session")
    assert problem(answer)["status"] == 405 and answer.headers["allow"] == "DELETE, GET, POST"
    assert problem(quick.plain.post("/log/checkpoint"))["status"] == 405
    assert problem(quick.call(quick.operator, "GET", "/projects/prj-x/versions/one/form"))["status"] == 404


def test_an_error_of_ours_is_told_by_number_only(
    quick: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(quick.app.assets, "widgets", lambda types: broken())
    answer = quick.call(quick.operator, "GET", "/label-types")
    assert answer.status_code == 500 and "secret" not in answer.text
    number = problem(answer)["detail"].rpartition("error ")[2].rstrip(".")
    assert number == answer.headers["x-request-id"]
    assert any(number in record.getMessage() and record.exc_info for record in caplog.records)


def test_a_flood_and_a_closed_lane_are_503(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenhand.lane.LONGEST_QUEUE", 0)
    answer = quick.call(quick.operator, "POST", "/keys", json={"name": "k"})
    assert problem(answer)["status"] == 503 and answer.headers["retry-after"] == "1"


# ---- sizes -------------------------------------------------------------------------------------


def test_a_body_too_large_is_turned_away_by_its_length(quick: Any) -> None:
    answer = quick.call(quick.operator, "POST", "/keys", content=b" " * 70_000)
    assert problem(answer)["status"] == 413


def test_a_body_too_large_without_a_length_is_cut_off(quick: Any) -> None:
    def pieces() -> Any:
        for _ in range(40):
            yield b" " * 4096

    try:
        answer = quick.call(quick.operator, "POST", "/keys", content=pieces())
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # the server answered and hung up while we were still sending
    assert quick.plain.get("/healthz").status_code == 200


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999999999"])
def test_a_strange_content_length(quick: Any, length: str) -> None:
    parts = urlsplit(quick.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        head = f"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        peer.sendall(head.encode())
        assert peer.recv(4096).split(b" ")[1] in (b"400", b"413")


def test_a_client_that_hangs_up_hurts_nobody(quick: Any) -> None:
    parts = urlsplit(quick.url)
    for _ in range(5):
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
            peer.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
    assert quick.plain.get("/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"GET / HTTP/1.1\r\n", b"X-%d: " + b"a" * 900 + b"\r\n"),
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 4000),
        (b"GET /", b"a" * 4000),
    ],
    ids=["headers", "header", "line"],
)
def test_a_request_without_end_is_cut_off(quick: Any, start: bytes, line: bytes) -> None:
    """All of it would be kept in memory until it has come, of whoever sends it."""
    parts = urlsplit(quick.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        peer.sendall(start)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 32 << 20:
                sent += peer.send(line.replace(b"%d", b"%d" % sent))
            raise AssertionError("32 MiB of a head were taken")
    assert quick.plain.get("/healthz").text == "ok\n"


def test_connections_that_stand_still_are_ended(
    start_site: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three that say nothing, or half of something; those that are waited for and those at rest stay."""
    monkeypatch.setattr(server, "LOOK", 1)
    site = start_site()
    parts = urlsplit(site.url)
    head = b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{"
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    peers = []
    for begin in (b"", b"GET / HTTP/1.1\r\nHost", head, whole):
        peers.append(socket.create_connection((parts.hostname, parts.port), timeout=60))
        peers[-1].sendall(begin)
    for peer in peers[:3]:
        assert peer.recv(4096) in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert peers[3].recv(4096).endswith(b"ok\n")
    peers[3].sendall(whole)
    assert peers[3].recv(4096).endswith(b"ok\n"), "a connection at rest stays for uvicorn's own time"
    for peer in peers:
        peer.close()


def exchange(url: str, sent: bytes) -> bytes:
    """All that comes back until the server hangs up."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        peer.sendall(sent)
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
    return received


def test_requests_that_do_not_wait_are_answered_in_their_order(quick: Any) -> None:
    ask = "{} /api/v1/{} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{}\r\n"
    paths = [("GET", "session", ""), ("HEAD", "session", ""), ("GET", "nothing", "")]
    paths.append(("GET", "projects", "Connection: close\r\n"))
    sent = "".join(ask.format(method, path, quick.operator, more) for method, path, more in paths)
    received = exchange(quick.url, sent.encode())
    heads = [part.partition(b"\r\n\r\n") for part in received.split(b"HTTP/1.1 ")[1:]]
    assert [head[:3] for head, _, _ in heads] == [b"200", b"200", b"404", b"200"]
    for (head, _, body), (method, _, _) in zip(heads, paths, strict=True):
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        assert length is not None and len(body) == (0 if method == "HEAD" else int(length[1]))
        assert len(re.findall(rb"\r\n(?:date|x-request-id|evenhand-checkpoint): ", head)) == 3
        assert (b"\r\nconnection: close" in head) == (head is heads[-1][0])


def test_an_older_client_is_hung_up_on_when_it_has_its_answer(quick: Any) -> None:
    received = exchange(quick.url, b"GET /api/v1/nothing HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 404 ") and received.endswith(b"}")


# ---- hosts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "1.2.3.4"]
)
@pytest.mark.parametrize("path", ["/", "/api/v1/session", "/log/checkpoint", "/assets/x.js", "/metrics"])
def test_a_foreign_name_is_refused(quick: Any, host: str, path: str) -> None:
    answer = quick.plain.get(path, headers={"Host": host})
    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:8080", "127.1.2.3"])
def test_our_own_names_are_not(quick: Any, host: str) -> None:
    assert quick.plain.get("/log/checkpoint", headers={"Host": host}).status_code == 200


def test_names_from_the_settings(start_site: Callable[..., Any]) -> None:
    site = start_site(public_url="https://labels.example.org", allowed_hosts=("inner.example",))
    for host, status in [("labels.example.org", 200), ("inner.example:8080", 200), ("other.example", 400)]:
        assert site.plain.get("/log/vkey", headers={"Host": host}).status_code == status
    made = site.ok(site.operator, "POST", "/invites", json={})
    assert made["url"].startswith("https://labels.example.org/invite/")
    answer = site.browser().call(
        "POST",
        f"/invites/{made['url'].rpartition('/')[2]}",
        json={"name": "N", "email": "n@x.example", "password": "long enough"},
    )
    assert "Secure" in answer.headers["set-cookie"]


# ---- pages of other sites ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(quick: Any) -> Any:
    """Somebody signed in by cookie."""
    invite = quick.ok(quick.operator, "POST", "/invites", json={"role": "manager"})["url"]
    return quick.join(invite, "Browser", "browser@x.example")


def test_the_cookie_is_out_of_reach(quick: Any) -> None:
    invite = quick.ok(quick.operator, "POST", "/invites", json={})["url"]
    answer = quick.browser().call(
        "POST",
        f"/invites/{invite.rpartition('/')[2]}",
        json={"name": "N", "email": "n2@x.example", "password": "long enough"},
    )
    flags = [flag.strip() for flag in answer.headers["set-cookie"].split(";")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(flags)
    assert len(flags[0].partition("=")[2]) >= 43  # 256 bits in base64


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Evenhand-CSRF": ""},
        {"X-Evenhand-CSRF": "x" * 43},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_change_by_cookie_needs_token_and_origin(browser: Any, headers: dict[str, str]) -> None:
    answer = browser.call("POST", "/keys", json={"name": "k"}, headers=headers)
    assert problem(answer)["status"] == 403 and problem(answer)["rule"].startswith("session.")
    assert browser.call("POST", "/keys", json={"name": "k"}).status_code == 200


def test_reading_by_cookie_needs_no_token(browser: Any) -> None:
    assert browser.http.get("/session").json()["csrf"] == browser.csrf


def test_our_own_origin_is_fine(quick: Any, browser: Any) -> None:
    for headers in ({"Origin": quick.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert browser.call("POST", "/keys", json={"name": "k"}, headers=headers).status_code == 200


def test_no_other_site_signs_anybody_in_or_out(quick: Any, browser: Any) -> None:
    foreign = {"Origin": "https://evil.example"}
    given = {"email": "browser@x.example", "password": "a long password"}
    assert browser.call("POST", "/session", json=given, headers=foreign).status_code == 403
    assert browser.call("DELETE", "/session", headers=foreign).status_code == 403
    assert browser.call("DELETE", "/session", headers={"X-Evenhand-CSRF": ""}).status_code == 403
    assert browser.call("GET", "/session").status_code == 200


def test_a_foreign_cookie_beside_ours_does_no_harm(quick: Any, browser: Any) -> None:
    own = browser.http.cookies["evenhand_session"]
    for other in ('a="b; c', "x={}", "=;;=", "evenhand_session_x=1"):
        answer = quick.plain.get("/api/v1/session", headers={"Cookie": f"{other}; evenhand_session={own}"})
        assert answer.status_code == 200, other


# ---- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/projects/x", "/invite/abc", "/annotate", "/annotate/prj-x"])
def test_pages_run_nothing_that_is_not_ours(quick: Any, path: str) -> None:
    answer = quick.plain.get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "script-src 'self';" in policy
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_answer_shows_the_newest_checkpoint(quick: Any) -> None:
    for answer in (
        quick.call(None, "GET", "/session"),
        quick.call(quick.operator, "GET", "/session"),
        quick.call(quick.operator, "POST", "/keys", json={"name": "k"}),
        quick.call(None, "GET", "/nothing"),
        quick.plain.get("/"),
    ):
        size, _, root = answer.headers["evenhand-checkpoint"].partition(":")
        assert int(size) > 0 and len(root) == 44
    note = quick.plain.get("/log/checkpoint").text.splitlines()
    assert quick.call(None, "GET", "/session").headers["evenhand-checkpoint"] == f"{note[1]}:{note[2]}"


def test_head_has_no_body(quick: Any) -> None:
    answer = quick.call(quick.operator, "HEAD", "/session")
    assert answer.status_code == 200 and answer.content == b"" and int(answer.headers["content-length"]) > 0


def test_answers_of_the_interface_are_not_kept(quick: Any) -> None:
    assert quick.call(quick.operator, "GET", "/session").headers["cache-control"] == "no-store"


# ---- files ---------------------------------------------------------------------------------------

CLIMBS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "tile/0/../../../key",
    "tile/0/..%2f..%2f..%2fkey",
    "..%5c..%5cwindows",
    "checkpoint%00",
    "%00",
    ".",
    "..",
    "",
    "key",
    "../key",
    "../signed.json",
    "tile",
    "tile/0",
    "tile/0/",
    "tile/0/000.p",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    ".checkpoint.new",
    "__init__.py",
    "../routes.py",
    "..%2froutes.py",
]


def raw_get(url: str, path: str) -> tuple[int, bytes]:
    """Fetch a path exactly as written: clients resolve dots before they send."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = b""
        while chunk := peer.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


@pytest.mark.parametrize("climb", CLIMBS)
@pytest.mark.parametrize("prefix", ["/assets/", "/log/"])
def test_no_path_climbs_out(quick: Any, prefix: str, climb: str) -> None:
    status, body = raw_get(quick.url, prefix + climb)
    assert status in (400, 404), body[:200]
    assert b"root:" not in body and b"PRIVATE" not in body and b"import" not in body


@pytest.mark.parametrize("climb", [climb for climb in CLIMBS if climb and climb not in (".", "..")])
def test_no_export_file_climbs_out(quick: Any, climb: str) -> None:
    project = quick.ok(
        quick.operator,
        "POST",
        "/projects",
        json={"name": "E", "fields": [{"name": "t"}], "questions": [{"name": "q", "type": "text"}]},
    )["id"]
    export = quick.ok(quick.operator, "POST", f"/projects/{project}/exports", json={})["id"]
    parts = urlsplit(quick.url)
    path = f"/api/v1/exports/{export}/files/{climb}"
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {quick.operator}\r\n"
        peer.sendall(f"{head}Connection: close\r\n\r\n".encode("latin-1"))
        answer = peer.recv(65536)
    assert answer.split(b" ")[1] in (b"400", b"404") and b"root:" not in answer


def test_the_log_is_served_as_its_format_says(quick: Any) -> None:
    note = quick.plain.get("/log/checkpoint")
    size = int(note.text.splitlines()[1])
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    assert note.headers["cache-control"] == "no-store" and note.headers["access-control-allow-origin"] == "*"
    tile = quick.plain.get(f"/log/tile/0/000.p/{size}")
    assert len(tile.content) == 32 * size and "immutable" in tile.headers["cache-control"]
    assert tile.headers["content-type"] == "application/octet-stream"
    assert quick.plain.get(f"/log/tile/entries/000.p/{size}").status_code == 200
    assert quick.plain.get("/log/vkey").text.startswith(note.text.splitlines()[0] + "+")


def test_assets_are_packed_and_kept_for_ever(
    quick: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evenhand.http.static import Assets

    (tmp_path / "manage-Ab12_-Zx.js").write_text("let a = 1;\n" * 500)
    (tmp_path / "manage.html").write_text("<!doctype html><title>t</title>")
    (tmp_path / "icon-12345678.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    monkeypatch.setattr(quick.app, "assets", Assets(tmp_path))
    script = quick.plain.get("/assets/manage-Ab12_-Zx.js")
    assert script.text == "let a = 1;\n" * 500 and script.headers["content-encoding"] == "gzip"
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    plain = quick.plain.get("/assets/manage-Ab12_-Zx.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == script.text
    assert quick.plain.get("/").headers["cache-control"] == "no-cache"
    assert "sandbox" in quick.plain.get("/assets/icon-12345678.svg").headers["content-security-policy"]
    (tmp_path / "manage.html").write_text("<!doctype html><title>new</title>")
    assert "new" in quick.plain.get("/").text


# ---- health --------------------------------------------------------------------------------------


def test_health(start_site: Callable[..., Any]) -> None:
    site = start_site()
    assert site.plain.get("/healthz", headers={"Host": "10.0.0.7"}).text == "ok\n"
    assert site.plain.get("/readyz").text == "ready\n"
    site.app.node.sequencer.reason = "The disk is full."
    answer = site.plain.get("/readyz")
    assert answer.status_code == 503 and "disk is full" in answer.text


def test_metrics(start_site: Callable[..., Any]) -> None:
    site = start_site()
    site.call(site.operator, "GET", "/projects/prj-secret")
    text = site.plain.get("/metrics").text
    assert 'evenhand_answers_total{method="GET",route="/api/v1/projects/{project}",status="404"} 1.0' in text
    assert "prj-secret" not in text and "default" not in text
    names = (
        "evenhand_lane_commits_total",
        "evenhand_lane_waiting 0.0",
        "evenhand_ledger_lag",
        "evenhand_ready 1.0",
    )
    assert all(name in text for name in names)


def test_metrics_with_a_token(start_site: Callable[..., Any]) -> None:
    site = start_site(metrics_token="a token")
    assert site.plain.get("/metrics").status_code == 401
    assert site.plain.get("/metrics", headers={"Authorization": "Bearer no"}).status_code == 401
    assert site.plain.get("/metrics", headers={"Authorization": "Bearer a token"}).status_code == 200


def test_a_busy_port_is_said_plainly(quick: Any) -> None:
    from pathlib import Path

    from evenhand.config import Config
    from evenhand.http import server

    port = urlsplit(quick.url).port
    with pytest.raises(Unavailable) as error:
        server.run(Config(data=Path("/nonexistent/never"), port=port or 0))
    assert error.value.rule == "server.port-busy" and str(port) in error.value.reason


def test_log_lines_are_json(capfd: pytest.CaptureFixture[str]) -> None:
    import logging

    from evenhand.http import logs

    before, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.set_up("info")
        logging.getLogger("evenhand.try").error("what happened", extra={"fields": {"request": "r1"}})
    finally:
        logging.getLogger().handlers[:] = before
        logging.getLogger().setLevel(level)
    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert (line["level"], line["from"], line["message"]) == ("error", "evenhand.try", "what happened")
    assert line["request"] == "r1" and line["at"].endswith("+00:00")


def test_many_at_once(quick: Any) -> None:
    """Verbs that come together are committed together, and each gets its own answer."""
    before = quick.app.node.lane.committed
    names: list[str] = []

    def one(i: int) -> None:
        names.append(quick.ok(quick.operator, "POST", "/keys", json={"name": f"key {i}"})["name"])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == sorted(f"key {i}" for i in range(30))
    assert quick.app.node.lane.committed > before


def test_an_answer_goes_out_whole(quick: Any) -> None:
    """Head and body in one system call: each costs the way through the network, and wakes the client."""
    host, port = quick.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        for _ in range(30):
            line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head, _, body = line.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and f"content-length: {len(body)}".encode() in head
