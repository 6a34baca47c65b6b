"""Draws in two phases on a whole node: witnesses that reveal, rounds of drand, and both when they fail."""

from __future__ import annotations

import json
import socket
import time
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
from py_arkworks_bls12381 import G2Point, Scalar
from starlette.testclient import TestClient

from attacks.beacons import told_by
from evenhand import config, data_folder, wire
from evenhand.audit.run import Audit, audit
from evenhand.config import Config
from evenhand.core.beacon import Chain
from evenhand.core.errors import Invalid
from evenhand.cosigner import Cosigner
from evenhand.draws import IDLE, POLL, Drawer, next_pause
from evenhand.http import server
from evenhand.node import Node
from evenhand.outbound import Answer, Door
from evenhand.sdk import Client
from evenhand.witness import Witness, application

CHAIN = Chain(public=(G2Point() * Scalar(7)).to_compressed_bytes(), genesis=1_692_803_367, period=1)
TEXT = [{"name": "text"}]
SPAM = [{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}]


class Net(httpx.BaseTransport):
    """Brings requests to the real application of each witness by its host; some are down."""

    def __init__(self, witnesses: dict[str, Witness]) -> None:
        self.clients = {f"{n}.example": TestClient(application(w)) for n, w in witnesses.items()}
        self.down: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in self.down:
            raise httpx.ConnectError("refused")
        client = self.clients[request.url.host]
        found = client.request(request.method, request.url.path, content=request.read())
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)


def exchange(owner: Client, draw: str) -> tuple[str, str]:
    """A pool with one client and one annotator: its id, and the annotator's key."""
    terms = wire.PoolTerms(prices={"text": 10}, draw=draw)
    pool = owner.exchange.open_pool("en", terms).id
    owner.exchange.admit_client("default")
    owner.exchange.admit_provider("default")
    owner.exchange.join(pool)
    member = owner.create_annotator("Amara")
    owner.exchange.enrol(pool, wire.Enrolment(member_id=member.id, languages=["en"], band=2))
    project = owner.create_project("Spam", TEXT, SPAM)
    owner.import_tasks(project.id, [{"text": str(n)} for n in range(9)])
    owner.exchange.send(project.id, pool, "text")
    return pool, member.api_key


def looked(folder: Path, policy: str, drawn: int) -> Audit:
    """What an auditor finds, once the log shows so many draws."""
    limit = time.monotonic() + 120
    while True:
        made = audit(folder / "ledger" / "public", policy=policy, chains=[CHAIN.told()["public"]])
        if sum(made.sources.values()) == drawn or time.monotonic() > limit:
            return made
        time.sleep(0.1)


def test_a_node_draws_with_witnesses_and_drand_and_says_what_was_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Config(data=tmp_path / "data", port=0, log_level="error")
    with Node.open(plain) as node:
        log = node.public.vkey()
    named = {n: Witness.open(tmp_path / n, f"{n}.example", [log]) for n in ("a", "b")}
    net = Net(named)
    for wrong, status in ((b"entry !\n", 400), (b"x" * 200_000, 413)):
        assert net.clients["a.example"].post("/reveal", content=wrong).status_code == status
    lines = [f"witness {n} {w.key.verify_key} http://{n}.example/" for n, w in named.items()]
    policy = "\n".join([*lines, "group any 1 a b", "quorum any", ""])
    (tmp_path / "policy").write_text(policy)
    monkeypatch.setattr("evenhand.node.Cosigner", partial(Cosigner, transport=net))
    monkeypatch.setattr("evenhand.node.Drawer", partial(Drawer, transport=net, chain=CHAIN))
    settings = msgspec.structs.replace(plain, witnesses=tmp_path / "policy")

    with server.start(settings) as address, Client(address.url, data_folder.key(plain.data)) as owner:
        pool, key = exchange(owner, "two-phase")
        with Client(address.url, key) as annotator:
            for _ in range(3):
                work = annotator.next_assignment(pool=pool)
                assert work is not None, "nobody waits noticeably: the answer comes with what was drawn"
                annotator.submit(work.id, {"spam": "ham"})
            made = looked(plain.data, policy, 3)
            assert made.findings.ok and made.sources == {"reveal": 3}, list(map(str, made.findings.kept))
            net.down = {"b.example"}
            work = annotator.next_assignment(pool=pool)
            assert work is not None, "a witness is down: the node goes on, and the log says so"
            annotator.submit(work.id, {"spam": "ham"})
            made = looked(plain.data, policy, 4)
            assert {(f.control, f.rule) for f in made.findings.kept} == {("EN-6", "draw.withheld")}

    def relay(door: Door, method: str, url: str, *rest: object, **more: object) -> Answer:
        number = int(url.rpartition("/")[2])
        assert (
            url.startswith("https://drand.example/52db9ba7") and CHAIN.time_of(number) <= time.time() * 1000
        )
        told = {"round": number, "signature": told_by(number).hex()}
        return Answer(status=200, headers={}, body=json.dumps(told).encode())

    real = Door.send
    monkeypatch.setattr(Door, "send", relay)
    monkeypatch.setattr("evenhand.draws.LATE", 0.3)
    net.down = set()
    with (
        server.start(msgspec.structs.replace(settings, drand="https://drand.example")) as address,
        Client(address.url, key) as annotator,
    ):
        work = annotator.next_assignment(pool=pool)
        assert work is not None
        annotator.submit(work.id, {"spam": "ham"})
        made = looked(plain.data, policy, 5)
        assert made.sources == {"reveal": 4, "drand": 1}
        assert made.findings.counts == {"unexplained gap": 1}, list(map(str, made.findings.kept))

    monkeypatch.setattr(Door, "send", real)
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))  # nobody listens: refused
        dead = f"http://127.0.0.1:{port.getsockname()[1]}"
        reached = msgspec.structs.replace(settings, drand=dead, outbound_hosts=("127.0.0.1",))
        with server.start(reached) as address, Client(address.url, key) as annotator:
            for n in (6, 7):
                work = annotator.next_assignment(pool=pool)
                assert work is not None, "by what witnesses reveal"
                annotator.submit(work.id, {"spam": "ham"})
                made = looked(plain.data, policy, n)
                assert made.sources == {"reveal": n - 1, "drand": 1}
                told = [(f.rule, f.evidence) for f in made.findings.kept if f.control == "EN-6"]
                assert [rule for rule, _ in told] == ["draw.withheld", *["draw.fallback"] * (n - 5)], told
                assert "should have decided, and did not" in told[-1][1]
                assert made.slowest < 30_000 and made.touched == 0
                port.listen()  # somebody listens, and never answers


def test_drand_is_asked_only_where_the_operator_has_named_its_host() -> None:
    given = {"EVENHAND_DRAND": "https://api.drand.sh"}
    with pytest.raises(Invalid, match=r"may not send requests to api\.drand\.sh"):
        config.read(given)
    assert config.read(given | {"EVENHAND_OUTBOUND_HOSTS": "api.drand.sh"}).drand == "https://api.drand.sh"


def test_looks_become_rare_where_nothing_is_drawn():
    pauses = [POLL]
    for _ in range(8):
        pauses.append(next_pause(pauses[-1], busy=False))
    assert pauses[1:4] == [2 * POLL, 4 * POLL, 8 * POLL] and pauses[-1] == IDLE
    assert next_pause(IDLE, busy=True) == POLL
