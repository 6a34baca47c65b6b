"""`kill -9` of a whole node while people label over HTTP: what was saved is there, promises are kept."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from evenhand import Client, data_folder, wire
from evenhand.core import merkle
from evenhand.core.checkpoint import open_checkpoint
from evenhand.core.errors import EvenhandError
from evenhand.core.merkle import Tile
from evenhand.core.receipt import PROMISE_MS
from evenhand.ledger import PublicLog
from evenhand.sdk import Receipt

PROGRAM = Path(sys.executable).with_name("evenhand")
KILLS = 5
PEOPLE = 4
FIELDS = [{"name": "t", "type": "text"}]
QUESTIONS = [{"name": "q", "type": "text"}]


class House:
    """A node that is killed and started again at one address."""

    def __init__(self, data: Path, port: int, database_url: str | None) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self.environment = os.environ | {
            "EVENHAND_DATA": str(data),
            "EVENHAND_PORT": str(port),
            "EVENHAND_DATABASE_URL": database_url or "",
            "EVENHAND_LOG_LEVEL": "error",
        }

    def start(self) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "up", "--no-browser"], env=self.environment, stdout=subprocess.DEVNULL
        )
        limit = time.monotonic() + 120
        while not self.is_ready():
            assert self.process.poll() is None and time.monotonic() < limit, "the node does not come back"
            time.sleep(0.02)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, timeout=120
        )

    def leaves(self) -> set[bytes]:
        """Every leaf hash that the newest checkpoint covers."""
        log = PublicLog(self.data / "ledger" / "public")
        size = open_checkpoint(log.checkpoint_note(), log.vkey()).size
        tiles = [t for t in merkle.tiles_between(0, size) if t.level == 0]
        data = b"".join(log.read_tile(Tile(0, tile.index, tile.width)) for tile in tiles)
        return {data[at : at + 32] for at in range(0, len(data), 32)}


class Person:
    """Labels without a pause, and keeps what the node acknowledged."""

    def __init__(self, house: House, key: str, project: str, stop: threading.Event) -> None:
        self.house, self.key, self.project, self.stop = house, key, project, stop
        self.saved: dict[str, Receipt] = {}  # lease -> its receipt
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        with Client(self.house.url, self.key, timeout=5) as client:
            while not self.stop.is_set():
                try:
                    work = client.next_assignment(self.project)
                    if work is not None:
                        self.saved[work.id] = client.submit(work.id, {"q": work.id})
                except EvenhandError:
                    time.sleep(0.02)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_node_that_is_killed_keeps_its_word(
    kind: str, tmp_path: Path, free_port: int, request: pytest.FixtureRequest
) -> None:
    url = str(request.getfixturevalue("database_url")) if kind == "postgres" else None
    house, chance, stop = House(tmp_path / "data", free_port, url), random.Random(7), threading.Event()
    house.start()
    try:
        people = _people(house, stop)
        for _ in range(KILLS):
            before = _count(people)
            while _count(people) < before + 5:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.8))
            house.kill()
            house.start()
            _promises_are_kept(house, people)
        stop.set()
        for person in people:
            person.thread.join()
        _promises_are_kept(house, people)
        _nothing_is_lost(house, people)
    finally:
        stop.set()
        house.kill()


def _people(house: House, stop: threading.Event) -> list[Person]:
    with Client(house.url, data_folder.key(house.data)) as client:
        project = client.create_project("P", FIELDS, QUESTIONS)
        client.import_tasks(project.id, [{"t": str(i)} for i in range(20_000)])
        keys = [client.create_annotator(f"A{i}").api_key for i in range(PEOPLE)]
    people = [Person(house, key, project.id, stop) for key in keys]
    for person in people:
        person.thread.start()
    return people


def _count(people: list[Person]) -> int:
    return sum(len(person.saved) for person in people)


def _promises_are_kept(house: House, people: list[Person]) -> None:
    """All leaves that were promised so far come into the log, on a busy machine later than was promised."""
    promised = {receipt.leaf for person in people for receipt in list(person.saved.values())}
    limit = time.monotonic() + 6 * PROMISE_MS / 1000
    while not promised <= house.leaves():
        assert time.monotonic() < limit, "a promise without its leaf"
        time.sleep(0.05)


def _nothing_is_lost(house: House, people: list[Person]) -> None:
    saved = {lease for person in people for lease in person.saved}
    with Client(house.url, data_folder.key(house.data)) as client:
        found = [
            answer.answers["q"]
            for task in client.tasks(people[0].project, status="done")
            for answer in task.annotations
            if answer.answers
        ]
    assert saved <= set(found) and len(found) == len(set(found))
    assert len(saved) >= 5 * KILLS
    for arguments in (["doctor"], ["ledger", "verify", house.url]):
        done = house.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


ROWS = 1_000  # tasks with an annotation each: five steps of a restore


def test_a_restore_goes_on_after_kill_9(tmp_path: Path, free_port: int) -> None:
    """Killed in the midst of it, it comes to what an undisturbed one comes to."""
    house = House(tmp_path / "data", free_port, None)
    house.start()
    try:
        with Client(house.url, data_folder.key(house.data), timeout=120) as client:
            project = _answered(client)
            path = client.archive(project, tmp_path / "a.zip")
            called = {"bytes": path.stat().st_size, "name": "Again"}
            key = {"Authorization": f"Bearer {data_folder.key(house.data)}"}
            http = httpx.Client(base_url=f"{house.url}/api/v1", headers=key, timeout=120)
            restore = http.post("/restores", json=called).json()["id"]
            http.put(f"/restores/{restore}/file?offset=0", content=path.read_bytes())
            kills, done = 0, {"state": "running", "replayed": 0}
            limit = time.monotonic() + 200
            while done["state"] == "running":
                before = done["replayed"]
                while done["state"] == "running" and done["replayed"] == before:
                    assert time.monotonic() < limit, done
                    time.sleep(0.01)
                    done = http.get(f"/restores/{restore}").json()
                if done["state"] == "running" and kills < 2:
                    house.kill()
                    house.start()
                    kills += 1
            assert kills and (done["state"], done["error"]) == ("done", None)
            assert done["report"]["annotations"] == ROWS and done["report"]["rejected"] == []
            assert _told(client, done["project_id"]) == _told(client, project)
        found = house.run("doctor")
        assert found.returncode == 0, found.stdout + found.stderr
    finally:
        house.kill()


def _answered(client: Client) -> str:
    project = client.create_project("P", FIELDS, QUESTIONS).id
    client.import_tasks(project, [{"t": f"row {i}", "external_id": str(i)} for i in range(ROWS)])
    given = [
        wire.BroughtAnnotation(
            line=i,
            external_id=str(i),
            annotator=f"peer:{i % 3}",
            answers={"q": f"answer {i}"},
            submitted_at="2026-01-02T03:04:05Z",
        )
        for i in range(ROWS)
    ]
    for at in range(0, ROWS, 1000):
        assert client.bring_annotations(project, given[at : at + 1000]).rejected == []
    return project


def _told(client: Client, project: str) -> list[tuple[object, ...]]:
    return [
        (
            task.task_id.rpartition("-")[2],
            task.status,
            task.data,
            [(a.answers, a.submitted_at) for a in task.annotations],
        )
        for task in client.tasks(project)
    ]
