"""A node opens, stops and starts again without losing what it said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from evenhand import Client, data_folder
from evenhand.config import Config
from evenhand.core.checkpoint import open_checkpoint
from evenhand.core.errors import Refused, Unavailable
from evenhand.http import server
from evenhand.node import Node
from evenhand.service import first_start
from evenhand.service.ledger_port import leaf_of

QUESTIONS = [{"name": "q", "type": "text"}]
FIELDS = [{"name": "t", "type": "text"}]


@pytest.fixture(params=["sqlite", "postgres"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings of a fresh node on either store."""
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return Config(data=tmp_path / "data", port=0, database_url=url, log_level="error")


def test_a_first_start_is_made_once(config: Config) -> None:
    with Node.open(config) as node:
        origin = node.origin
        _wait_for(lambda: node.ledger is not None and node.ledger.size == 5)
    with Node.open(config) as node:
        assert node.origin == origin and node.ledger is not None and node.ledger.size == 5
        assert node.health() == ""


def test_what_was_promised_is_logged_before_the_end(config: Config) -> None:
    with server.start(config) as address, Client(address.url, data_folder.key(config.data)) as client:
        project = client.create_project("P", FIELDS, QUESTIONS)
        client.import_tasks(project.id, [{"t": str(i)} for i in range(20)])
        receipts = []
        for _ in range(20):
            work = client.next_assignment(project.id)
            assert work is not None
            receipts.append(client.submit(work.id, {"q": "x"}))
    with Node.open(config) as node:
        size = open_checkpoint(node.public.checkpoint_note(), node.public.vkey()).size
        with node.store.read() as reader:
            leaves = [leaf_of(reader, *receipt.place) for receipt in receipts]
        assert all(leaf is not None and leaf < size for leaf in leaves)
        assert node.lag() == 0


def test_an_embedded_store_has_one_process(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "data", port=0)
    with Node.open(config), pytest.raises(Unavailable) as error:
        Node.open(config)
    assert error.value.rule == "data.locked"
    Node.open(config).close()


def test_a_store_belongs_to_one_ledger(database_url: str, tmp_path: Path) -> None:
    """Another data folder has another ledger, whose entries would contradict those of the first."""
    Node.open(Config(data=tmp_path / "one", database_url=database_url)).close()
    with pytest.raises(Refused) as error:
        Node.open(Config(data=tmp_path / "two", database_url=database_url))
    assert error.value.rule == "node.origin"
    Node.open(Config(data=tmp_path / "one", database_url=database_url)).close()


def test_the_planner_knows_what_an_import_brought_when_its_node_has_ended(
    database_url: str, tmp_path: Path
) -> None:
    config = Config(data=tmp_path / "data", port=0, database_url=database_url, log_level="error")
    with server.start(config) as address, Client(address.url, data_folder.key(config.data)) as client:
        made = client.create_project("P", [{"name": "text"}], [{"name": "n", "type": "number"}])
        client.import_tasks(made.id, [{"text": str(n)} for n in range(1_500)])
    with psycopg.connect(database_url) as db:
        (rows,) = db.execute("SELECT reltuples FROM pg_class WHERE relname = 'payload'").fetchone() or (0,)
    assert rows == 1_500


def test_a_second_process_follows_and_takes_over(database_url: str, tmp_path: Path) -> None:
    config = Config(data=tmp_path / "data", port=0, database_url=database_url, log_level="error")
    first = Node.open(config)
    second = Node.open(config)
    led: list[bool] = []
    second.on_lead(lambda: led.append(True))
    try:
        assert first.sequencer is not None and second.sequencer is None
        assert second.origin == first.origin
        _wait_for(lambda: second.checkpoint() == first.checkpoint() != "0:")
        leaf = second.promise([b"x" * 32], 5)[0]
        assert leaf.deadline == 10_005
    finally:
        first.close()
    try:
        _wait_for(lambda: second.sequencer is not None and second.health() == "" and led != [])
        assert led == [True]
    finally:
        second.close()


def test_an_import_goes_on_after_a_kill(tmp_path: Path) -> None:
    """`kill -9` while a file is read: at the next start the rest is read, and nothing twice."""
    data, rows = tmp_path / "data", 60_000
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(f'{{"t": "row {i}"}}\n' for i in range(rows)))
    process, url = _serve(data)
    with Client(url, data_folder.key(data)) as client:
        project = client.create_project("P", FIELDS, QUESTIONS)
        headers = {"Authorization": f"Bearer {data_folder.key(data)}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers) as http:
            body = source.read_bytes()
            made = http.post(
                f"/projects/{project.id}/imports", json={"name": "rows.jsonl", "bytes": len(body)}
            )
            id_ = made.json()["id"]
            assert http.put(f"/imports/{id_}/file?offset=0", content=body).status_code == 200
            assert http.post(f"/imports/{id_}/finish").json()["state"] == "running"
            _wait_for(lambda: http.get(f"/imports/{id_}").json()["accepted"] > 0)
    process.kill()
    process.wait()
    process, url = _serve(data)
    try:
        headers = {"Authorization": f"Bearer {data_folder.key(data)}"}
        with httpx.Client(base_url=f"{url}/api/v1", headers=headers) as http:
            _wait_for(lambda: http.get(f"/imports/{id_}").json()["state"] == "done", 60)
            done = http.get(f"/imports/{id_}").json()
            assert (done["accepted"], done["present"], done["rejected"]) == (rows, 0, 0)
            assert http.get(f"/projects/{project.id}").json()["counts"]["tasks"] == rows
    finally:
        process.terminate()
        assert process.wait(120) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_node_in_order(tmp_path: Path, number: int) -> None:
    process, url = _serve(tmp_path / "data")
    httpx.get(f"{url}/healthz")
    process.send_signal(number)
    assert process.wait(120) == 0
    assert not data_folder.is_held(tmp_path / "data") and not (tmp_path / "data" / "node.json").exists()


def test_requests_under_way_are_answered_before_the_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process, url = _serve(data)
    client, codes = Client(url, data_folder.key(data)), []

    def one(i: int) -> None:
        headers = {"Authorization": f"Bearer {data_folder.key(data)}"}
        try:
            codes.append(
                httpx.post(f"{url}/api/v1/keys", json={"name": f"k{i}"}, headers=headers).status_code
            )
        except httpx.TransportError:
            codes.append(0)  # it came after the door was closed

    client.session()
    threads = [threading.Thread(target=one, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    process.terminate()
    for thread in threads:
        thread.join()
    assert process.wait(120) == 0
    assert set(codes) <= {200, 0, 503}
    with Node.open(Config(data=data)) as node, node.store.read() as reader:
        person = first_start.local_person(reader)
        kept = reader.all("keys_of", person=person, bound="", after_ms=-1, after_id="", limit=100)
    assert len([key for key in kept if key["name"].startswith("k")]) >= codes.count(200)


SERVE = """
import sys
from pathlib import Path
from evenhand.config import Config
from evenhand.http import server
server.run(Config(data=Path(sys.argv[1]), port=0, log_level="error"))
"""


def _serve(data: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A node in a process of its own, and its address."""
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(data)], env=dict(os.environ))
    _wait_for(lambda: data_folder.is_held(data) and (data / "node.json").exists())
    address = data_folder.running(data)
    assert address is not None
    return process, address.url


def _wait_for(holds: Callable[[], Any], seconds: float = 120.0) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)
