"""The door to the outside: what it refuses, and that a request goes where was looked."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from evenhand.core.errors import Invalid, Refused, Unavailable
from evenhand.outbound import Door, is_public


class Site(BaseHTTPRequestHandler):
    """Notes what comes; sends a redirect, drops of a body, or what it was sent."""

    seen: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        Site.seen.append((self.path, self.headers["host"], body))
        if self.path == "/header":
            self.drip(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 2000)
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("location", "http://169.254.169.254/")
        if self.path.startswith("/packed"):
            self.send_header("content-encoding", self.path.rpartition("/")[2])
        self.end_headers()
        for _ in range(50 if self.path == "/slow" else 0):
            time.sleep(0.05)
            self.wfile.write(b".")
            self.wfile.flush()
        self.wfile.write(body)

    def drip(self, data: bytes) -> None:
        for byte in data:
            time.sleep(0.05)
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    Site.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "168.63.129.16", "::127.0.0.1", "::ffff:0:127.0.0.1",
        "2002:7f00:1::", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_a_private_address_is_refused_however_it_is_written(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Refused) as caught:
        Door(resolve=lambda host, port: [address]).check(f"http://{host}/")
    assert caught.value.rule == "outbound.private" and "EVENHAND_OUTBOUND_HOSTS" in caught.value.remedy


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
)
def test_a_public_one_passes(address: str) -> None:
    assert Door(resolve=lambda host, port: [address]).check("https://example.org/hook") == address


def test_one_private_address_behind_a_name_is_enough() -> None:
    with pytest.raises(Refused):
        Door(resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"]).check("https://example.org/")


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http://a:b@example.org/",
     "http://example.org:99999/", "http://example.org/\n", "http://x/" + "a" * 2000],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        Door(resolve=lambda host, port: ["93.184.216.34"]).check(url)
    assert caught.value.rule == "outbound.url"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "[::1]"])
def test_other_spellings_of_this_machine_are_seen_through(host: str) -> None:
    """What counts is the address that the system's resolver gives."""
    with pytest.raises(Refused):
        Door().check(f"http://{host}/")


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(Unavailable) as caught:
        Door().check("http://nobody.invalid/")
    assert caught.value.rule == "outbound.name"


def test_a_request_goes_to_the_address_that_was_checked(site: ThreadingHTTPServer) -> None:
    """A name that answers otherwise the second time wins nothing: there is no second time."""
    answers = iter([["127.0.0.1"]])
    door = Door(("hook.test",), resolve=lambda host, port: next(answers))
    answer = door.send("POST", f"http://Hook.test:{site.server_port}/a?b=c", {"x-a": "1"}, b"hello")
    assert (answer.status, answer.body) == (200, b"hello")
    assert Site.seen == [("/a?b=c", f"hook.test:{site.server_port}", b"hello")]


def test_naming_a_host_lets_only_that_host_pass(site: ThreadingHTTPServer) -> None:
    with pytest.raises(Refused):
        Door(("hook.test",), resolve=lambda host, port: ["127.0.0.1"]).check("http://other.test/")
    port = site.server_port
    assert Door((f"127.0.0.1:{port}", f"[::1]:{port}")).check(f"http://127.0.0.1:{port}/") == "127.0.0.1"
    assert (
        Door((f"[::1]:{port}",), resolve=lambda host, port: ["::1"]).check(f"http://[::1]:{port}/") == "::1"
    )
    with pytest.raises(Refused):
        Door((f"127.0.0.1:{port}",)).check("http://127.0.0.1:1/")
    assert Door(("127.0.0.1",)).send("POST", f"http://127.0.0.1:{port}/", {}, b"x").status == 200


def test_a_redirect_is_not_followed(site: ThreadingHTTPServer) -> None:
    answer = Door(("127.0.0.1",)).send("POST", f"http://127.0.0.1:{site.server_port}/moved", {}, b"")
    assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")


def test_only_so_much_of_an_answer_is_kept_and_only_so_long_is_waited(site: ThreadingHTTPServer) -> None:
    door, url = Door(("127.0.0.1",)), f"http://127.0.0.1:{site.server_port}"
    assert door.send("POST", url, {}, b"x" * 5000, keep=10).body == b"x" * 10
    with pytest.raises(Unavailable) as caught:
        door.send("POST", f"{url}/slow", {}, b"", seconds=0.3)
    assert caught.value.rule == "outbound.failed"


def test_headers_that_drip_end_with_the_time(site: ThreadingHTTPServer) -> None:
    """Or one listener would hold a thread that everybody's messages go through, for days."""
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        Door(("127.0.0.1",)).send("POST", f"http://127.0.0.1:{site.server_port}/header", {}, b"", seconds=0.5)
    assert caught.value.rule == "outbound.failed" and time.monotonic() - began < 50  # of a hundred


def test_a_bomb_is_not_unpacked(site: ThreadingHTTPServer) -> None:
    """64 KiB, packed twice, would be 4 GiB; packed once they come in pieces."""
    door, url = Door(("127.0.0.1",)), f"http://127.0.0.1:{site.server_port}/packed"
    once = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    with door.open("POST", f"{url}/gzip", {}, once) as (_, _, pieces):
        assert sum(map(len, pieces)) == 64 << 20
    for encoding, body in (("gzip,gzip", gzip.compress(once)), ("br", b"x"), ("gzip", b"no gzip")):
        with pytest.raises(Unavailable) as caught:
            door.send("POST", f"{url}/{encoding}", {}, body, keep=1 << 30)
        assert caught.value.rule == "outbound.failed"
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_an_address_is_sent_as_it_was_meant(site: ThreadingHTTPServer) -> None:
    door = Door(("127.0.0.1",))
    door.send("POST", f"http://127.0.0.1:{site.server_port}/a b/ä%20?q=ü HTTP/1.1#f", {}, b"")
    assert Site.seen[-1][0] == "/a%20b/%C3%A4%20?q=%C3%BC%20HTTP/1.1"


def test_nobody_listens(free_port: int) -> None:
    with pytest.raises(Unavailable):
        Door(("127.0.0.1",)).send("POST", f"http://127.0.0.1:{free_port}/", {}, b"")


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate with its key, for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_the_certificate_must_be_that_of_the_name(
    site: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path, "hook.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    door = Door(("hook.test", "other.test"), resolve=lambda host, port: ["127.0.0.1"])
    assert door.send("POST", f"https://hook.test:{site.server_port}/", {}, b"x").body == b"x"
    with pytest.raises(Unavailable) as caught:
        door.send("POST", f"https://other.test:{site.server_port}/", {}, b"x")
    assert "certificate" in caught.value.reason
