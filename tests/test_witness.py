"""Witnesses: scripted requests, durability, a node that goes on without them, and a fork that is proved."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.testclient import TestClient

from evenhand import cli
from evenhand.audit.forks import prove_fork, verify_fork
from evenhand.audit.notes import TreeHead, Unacceptable
from evenhand.audit.sources import FolderSource
from evenhand.audit.trust import cosignatures, read_policy
from evenhand.config import Config
from evenhand.core import merkle
from evenhand.core.checkpoint import (
    Checkpoint,
    SigningKey,
    VerifyKey,
    open_note,
    parse_vkey,
    sign_note,
    verify_proof,
)
from evenhand.core.cosigning import SIZE_TYPE, Submission, encode_submission
from evenhand.core.errors import Broken, Invalid, Refused, Unavailable
from evenhand.core.trust import parse_policy
from evenhand.cosigner import Cosigner
from evenhand.http import server
from evenhand.ledger import Ledger, LocalDisk
from evenhand.node import Node
from evenhand.witness import Witness, application

NOW = 1_800_000_000
LOG = SigningKey("log.example/l", b"\1" * 32)


def leaves(count: int) -> list[bytes]:
    """The sigsum test log's: a 42, the number, zeros."""
    return [bytes([42, number % 256, number // 256]) + bytes(29) for number in range(count)]


def note(count: int, key: SigningKey = LOG, origin: str = LOG.name) -> bytes:
    return sign_note(Checkpoint(origin, count, merkle.root(leaves(count))).text, key)


def consistency(old: int, new: int) -> tuple[bytes, ...]:
    return tuple(
        merkle.consistency_proof(old, new, lambda h, i: merkle.root(leaves(new)[i << h : i + 1 << h]))
    )


def opened(folder: Path, *logs: VerifyKey, name: str = "witness.example") -> Witness:
    return Witness.open(
        folder, name, logs or [LOG.verify_key], seed=lambda: name.encode().ljust(32, b"\2")[:32]
    )


def caller(witness: Witness) -> TestClient:
    return TestClient(application(witness, lambda: NOW))


def body(old: int, hashes: tuple[bytes, ...], told: bytes) -> bytes:
    return encode_submission(Submission(old, hashes, told))


def forged(told: bytes) -> bytes:
    return told[:-3] + (b"A" if told[-3:-2] != b"A" else b"B") + told[-2:]


def test_the_scripted_conversation(tmp_path: Path) -> None:
    """Torchwood's ``litewitness.txt``, with keys of our own and tlog-witness's statuses."""
    witness = opened(tmp_path)
    bent = (*consistency(1, 3)[:-1], b"\x10" + bytes(31))
    script: list[tuple[bytes, int, str]] = [
        (body(0, (), note(1)), 200, "— witness.example"),
        (body(1, consistency(1, 3), forged(note(3))), 403, "invalid signature"),
        (body(1, consistency(1, 3), note(3, origin="log.example/m")), 404, "unknown log"),
        (body(1, (), note(3)), 422, "consistency proof"),
        (body(1, bent, note(3)), 422, "consistency proof"),
        (body(1, consistency(1, 3), note(3)), 200, "— witness.example"),
        (body(1, consistency(1, 5), note(5)), 409, "3\n"),
        (body(3, consistency(3, 5), note(5)), 200, "— witness.example"),
        (body(0, (), note(5)), 409, "5\n"),
        (body(6, (), note(5)), 400, "larger"),
        (b"old x\n\n" + note(5), 400, "old size"),
        (b"x" * 70_000, 413, "large"),
    ]
    with caller(witness) as client:
        for request, status, told in script:
            answer = client.post("/add-checkpoint", content=request)
            assert (answer.status_code, told in answer.text) == (status, True), answer.text
            if status == 409:
                assert (answer.text, answer.headers["content-type"]) == (told, SIZE_TYPE)
        page = client.get(f"/{sha256(LOG.name.encode()).hexdigest()}/checkpoint")
        seen = open_note(page.content, [LOG.verify_key, witness.key.verify_key])
        assert seen.times == {"witness.example": NOW} and len(seen.signers) == 2
        assert client.get(f"/{'0' * 64}/checkpoint").status_code == 404
        assert client.get("/..%2Fkey/checkpoint").status_code == 404


def test_a_witness_may_sign_with_ml_dsa_too_and_the_auditor_counts_both(tmp_path: Path) -> None:
    witness = Witness.open(tmp_path, "w.example", [LOG.verify_key], seed=lambda: b"\3" * 32, ml_dsa=True)
    answer = witness.add_checkpoint(body(0, (), note(3)), NOW)
    assert answer.status == 200 and answer.body.count("— w.example ") == 2
    assert len(witness.keys[1].verify_key.public) == 1312
    cosigned = witness.latest_note(sha256(LOG.name.encode()).hexdigest())
    assert cosigned is not None
    keys = [key.verify_key for key in witness.keys]
    assert len(open_note(cosigned, [LOG.verify_key, *keys]).signers) == 3
    policy = (
        f"witness classic {keys[0]}\nwitness quantum {keys[1]}\ngroup both all classic quantum\nquorum both\n"
    )
    quorum = read_policy(policy)
    head = TreeHead(LOG.name, 3, merkle.root(leaves(3)))
    found = cosignatures(cosigned, head, quorum)
    assert found == {"classic": NOW, "quantum": NOW} and quorum.met(set(found))
    with pytest.raises(Unacceptable):
        cosignatures(cosigned, TreeHead(LOG.name, 3, bytes(32)), quorum)
    assert witness.add_checkpoint(body(3, consistency(3, 5), note(5)), NOW + 1).status == 200
    witness.close()


def test_what_was_cosigned_outlives_the_process(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.add_checkpoint(body(0, (), note(3)), NOW).status == 200
    with pytest.raises(Unavailable):
        opened(tmp_path)
    first.close()
    with pytest.raises(Refused):
        opened(tmp_path, name="other.example")
    again = opened(tmp_path)
    assert again.add_checkpoint(body(0, (), note(5)), NOW).body == "3\n"
    again.close()
    (tmp_path / "key").unlink()
    with pytest.raises(Broken):
        opened(tmp_path)


class Dying(LocalDisk):
    """Dies before or after it has replaced the file of a checkpoint."""

    def __init__(self, *, after: bool) -> None:
        super().__init__()
        self.after, self.armed = after, False

    def write(self, files: Any, *, private: bool = False) -> None:
        if self.after or not self.armed:
            super().write(files, private=private)
        if self.armed:
            raise Unavailable("disk.full", "The disk is full.")


@pytest.mark.parametrize(("after", "size"), [(False, 1), (True, 3)])
def test_nothing_is_said_before_it_is_durable(tmp_path: Path, after: bool, size: int) -> None:
    disk = Dying(after=after)
    witness = Witness.open(tmp_path, "w.example", [LOG.verify_key], disk=disk)
    assert witness.add_checkpoint(body(0, (), note(1)), NOW).status == 200
    disk.armed = True
    with caller(witness) as client:
        assert client.post("/add-checkpoint", content=body(1, consistency(1, 3), note(3))).status_code == 503
    witness.close()
    again = Witness.open(tmp_path, "w.example", [LOG.verify_key])
    assert again.add_checkpoint(body(9, (), note(9)), NOW).body == f"{size}\n"


def test_of_two_requests_at_once_one_is_told_of_the_other(tmp_path: Path) -> None:
    """The race of tlog-witness: a slow small request must not roll a fast large one back."""
    witness = opened(tmp_path)
    witness.add_checkpoint(body(0, (), note(1)), NOW)
    answers: list[int] = []
    asked = [body(1, consistency(1, size), note(size)) for size in (3, 5, 7, 8)]
    threads = [
        threading.Thread(target=lambda b=b: answers.append(witness.add_checkpoint(b, NOW).status))
        for b in asked
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]


def test_a_witness_that_cannot_read_its_own_past_does_not_go_on(tmp_path: Path) -> None:
    witness = opened(tmp_path)
    witness.add_checkpoint(body(0, (), note(3)), NOW)
    path = tmp_path / "cosigned" / sha256(LOG.name.encode()).hexdigest()
    path.write_bytes(note(3))
    path.write_bytes(forged(note(3)))
    with pytest.raises(Broken):
        witness.add_checkpoint(body(0, (), note(5)), NOW)


# --- the node's side ---


class Net(httpx.BaseTransport):
    """Brings requests to the real application of each witness by its host; some are down."""

    def __init__(self, **witnesses: Witness) -> None:
        self.clients = {f"{name}.example": caller(witness) for name, witness in witnesses.items()}
        self.down: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host in self.down:
            raise httpx.ConnectError("refused")
        found = self.clients[host].request(request.method, request.url.path, content=request.read())
        return httpx.Response(
            found.status_code, headers=found.headers, content=found.content, request=request
        )


def test_a_node_collects_cosignatures_and_goes_on_when_witnesses_are_down(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger", "log.example/l")
    log = ledger.key.verify_key
    named = {n: opened(tmp_path / n, log, name=f"{n}.example") for n in ("a", "b", "c")}
    net = Net(**named)
    lines = [f"witness {n} {w.key.verify_key} http://{n}.example/" for n, w in named.items()]
    policy = parse_policy("\n".join([*lines, "group two 2 a b c", "quorum two"]))
    cosigner = Cosigner(ledger, policy, transport=net, clock=lambda: NOW)
    keys = [log, *policy.keys]

    ledger.sequence(leaves(3))
    assert cosigner.remark().startswith("0 of 3 witnesses cosign; no quorum yet.")
    net.down = {"b.example", "c.example"}
    assert not cosigner.round() and ledger.public.cosigned_note() is None
    assert len(open_note(ledger.public.checkpoint_note(), keys).signers) == 2  # the log and a
    ledger.sequence(leaves(4))  # it goes on
    net.down = {"c.example"}
    assert cosigner.round()
    assert "2 of 3 witnesses cosign. c: refused" in cosigner.remark()
    kept = ledger.public.cosigned_note()
    assert kept is not None and open_note(kept, keys).times == {"a.example": NOW, "b.example": NOW}
    ledger.sequence([b"x"])
    shown = ledger.public.prove_inclusion(5)  # from the witnessed checkpoint, although a newer one is there
    assert verify_proof(merkle.leaf_hash(leaves(4)[2]), shown, log, policy.keys).size == 7
    assert ledger.public.prove_inclusion(7).checkpoint == ledger.public.checkpoint_note()
    net.down = set()
    assert cosigner.round() and cosigner.remark() == "" and cosigner.age() == 0
    assert {s.size for s in cosigner.standings.values()} == {8}
    net.down = {"b.example", "c.example"}
    later = Cosigner(ledger, policy, transport=net, clock=lambda: NOW + 700)  # witnesses' clocks say NOW
    assert later.age() == 700 and later.stale, "a new process knows from the note how old the quorum is"
    assert later.round() and later.age() == 700, "a signed again; b's signature is as old as before"
    later.stop()
    net.down = set()
    again = Cosigner(ledger, policy, transport=net, clock=lambda: NOW)  # a new process knows no sizes
    assert again.round() and again.remark() == ""
    cosigner.stop()
    again.stop()
    ledger.close()


def test_two_witnesses_that_were_shown_two_forks_prove_it(tmp_path: Path) -> None:
    """One seed, two ledgers: what an operator does that tells two stories."""
    stories = []
    for name, extra in (("one", b"favour"), ("two", b"fair")):
        ledger = Ledger.open(tmp_path / name, "log.example/l", seed=lambda: b"\7" * 32)
        ledger.sequence([*leaves(300), extra])
        stories.append(ledger)
    one, two = stories
    two.sequence([b"more", b"still more"])
    log = one.key.verify_key
    seen = []
    for name, ledger in (("a", one), ("b", two)):
        witness = opened(tmp_path / name, log, name=f"{name}.example")
        told = ledger.public.checkpoint_note()
        assert witness.add_checkpoint(body(0, (), told), NOW).status == 200
        page = witness.latest_note(sha256(log.name.encode()).hexdigest())
        assert page is not None
        seen.append(page)
    proof = prove_fork(seen[1], seen[0], str(log), FolderSource(tmp_path / "two" / "public"))
    assert proof is not None
    fork = verify_fork(proof, str(log))  # a third party, with this file alone
    assert (fork.origin, fork.first.size, fork.second.size) == (log.name, 301, 303)
    for spoiled in (
        proof.replace(b'"proof"', b'"prove"'),
        proof.replace(b"\\n303\\n", b"\\n304\\n"),
        b"{}",
        b"[",
    ):
        with pytest.raises(Unacceptable):
            verify_fork(spoiled, str(log))
    with pytest.raises(Unacceptable):
        verify_fork(proof, str(SigningKey(log.name, b"\6" * 32).verify_key))


def test_an_honest_log_cannot_be_accused(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "l", "log.example/l")
    notes = []
    for count in (1, 255, 1, 300, 7):
        ledger.sequence(leaves(count))
        notes.append(ledger.public.checkpoint_note())
    source, vkey = FolderSource(tmp_path / "l" / "public"), str(ledger.key.verify_key)
    for first in notes:
        for second in notes:
            assert prove_fork(first, second, vkey, source) is None
    with pytest.raises(Unacceptable, match="name the log"):
        prove_fork(notes[0], notes[1], vkey)


def test_a_node_and_a_witness_as_processes(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("evenhand")),
        "witness",
        "--dir",
        str(tmp_path / "w"),
        "--name",
        "w.example",
    ]
    config = Config(data=tmp_path / "data", port=0, log_level="error")
    with Node.open(config) as node:
        log = node.public.vkey()
    with subprocess.Popen(
        [*command, "--port", "0", "--log", str(log)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        vkey, url = process.stdout.readline().strip(), process.stdout.readline().strip()
        (tmp_path / "policy").write_text(f"witness w {vkey} {url}\nquorum w\n")
        try:
            settings = msgspec.structs.replace(config, witnesses=tmp_path / "policy")
            with server.start(settings) as address:
                deadline = time.monotonic() + 60
                while (found := httpx.get(f"{address.url}/log/cosigned")).status_code != 200:
                    assert found.status_code == 404 and time.monotonic() < deadline
                    time.sleep(0.1)
                assert open_note(found.content, [parse_vkey(vkey)]).times["w.example"] > NOW - 10**8
                assert httpx.get(f"{address.url}/readyz").text == "ready\n"
                assert "evenhand_witnesses_cosigning 1.0" in httpx.get(f"{address.url}/metrics").text
        finally:
            process.terminate()
    bad = msgspec.structs.replace(config, witnesses=tmp_path / "nowhere")
    with pytest.raises(Invalid) as caught:
        Node.open(bad)
    assert caught.value.where == "EVENHAND_WITNESSES"


def test_a_fork_is_proved_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(note(3))
    (tmp_path / "b").write_bytes(sign_note(Checkpoint(LOG.name, 3, b"\0" * 32).text, LOG))
    key, out = ["--vkey", str(LOG.verify_key)], str(tmp_path / "proof.json")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert cli.run(["ledger", "fork-proof", a, a, *key, "--out", out]) == 0
    assert cli.run(["ledger", "fork-proof", a, b, *key, "--out", out]) == 1
    assert cli.run(["ledger", "fork-verify", out, *key]) == 0
    assert cli.run(["ledger", "fork-verify", a, *key]) == 1


def test_one_size_and_two_roots_need_no_tiles() -> None:
    other = sign_note(Checkpoint(LOG.name, 3, b"\0" * 32).text, LOG)
    proof = prove_fork(note(3), other, str(LOG.verify_key))
    assert proof is not None and verify_fork(proof).first.size == 3
