"""A backup beside a node that works, and what is made of it: nothing lost, nothing signed twice."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from evenhand import Client, data_folder
from evenhand.audit.verify import verify as verify_log
from evenhand.backup import backup, checkpoint_hash, read_manifest, restore, store_url, verify
from evenhand.config import Config
from evenhand.core.checkpoint import open_checkpoint, parse_proof, parse_vkey
from evenhand.core.errors import Broken, EvenhandError, Missing, Refused
from evenhand.core.receipt import Receipt, verify_receipt
from evenhand.doctor import examine
from evenhand.http import server
from evenhand.ledger import PublicLog
from evenhand.node import Node
from evenhand.store import open_store

FIELDS = [{"name": "t", "type": "text"}]
QUESTIONS = [{"name": "q", "type": "text"}]


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest, tmp_path: Path):
    """Makes the settings of a node that is not there yet."""

    def make(name: str) -> Config:
        url = request.getfixturevalue("make_database")() if kind == "postgres" else None
        return Config(data=tmp_path / name, port=0, database_url=url, log_level="error")

    return make


@contextmanager
def running(config: Config) -> Iterator[Client]:
    with server.start(config) as address, Client(address.url, data_folder.key(config.data)) as client:
        yield client


def begin(client: Client, tasks: int = 400) -> str:
    project = client.create_project("P", FIELDS, QUESTIONS)
    client.import_tasks(project.id, [{"t": str(i)} for i in range(tasks)])
    return project.id


def label(client: Client, project: str, count: int, into: list[Receipt]) -> None:
    given = []
    for _ in range(count):
        work = client.next_assignment(project)
        assert work is not None
        given.append(client.submit(work.id, {"q": work.id}))
    into += [msgspec.json.decode(receipt.dump(), type=Receipt) for receipt in given]


def submissions(client: Client, project: str) -> set[str]:
    return {
        answer.answers["q"] for task in client.tasks(project) for answer in task.annotations if answer.answers
    }


def said(receipts: list[Receipt]) -> set[str]:
    return {msgspec.json.decode(receipt.openings[0].value)["q"] for receipt in receipts}


def healthy(config: Config) -> None:
    store = open_store(store_url(config))
    try:
        report = examine(store, "")
    finally:
        store.close()
    assert report.healthy, (report.differences[:3], report.faults[:3])


def test_a_backup_under_load_restored_elsewhere(place, tmp_path: Path) -> None:
    """The whole story, and twice: a node that was restored is backed up and restored again."""
    one, two, three = place("one"), place("two"), place("three")
    before: list[Receipt] = []
    with running(one) as client:
        project = begin(client)
        label(client, project, 20, before)
        manifest = _backup_while_working(one, client, project, tmp_path / "first")
        old_key = (one.data / "ledger" / "key").read_text()
    assert verify(tmp_path / "first") == []
    _no_secret(tmp_path / "first", old_key, data_folder.key(one.data))

    done = restore(two, tmp_path / "first")
    old = parse_vkey(manifest.vkey)
    assert (done.epoch, done.previous) == (2, old.name) and done.origin != old.name
    assert done.previous_size + done.without_leaf == manifest.events
    after: list[Receipt] = []
    with running(two) as client:
        assert said(before) <= submissions(client, project)
        label(client, project, 15, after)
        _old_proofs_still_come(client, before)
    new = PublicLog(two.data / "ledger" / "public")
    _both_logs_hold(two, manifest.checkpoint)
    for receipt in before:
        assert verify_receipt(receipt, old) is not None
    for receipt in after:
        assert verify_receipt(receipt, new.vkey()) is not None
    healthy(two)

    backup(two, tmp_path / "second")
    again = restore(three, tmp_path / "second")
    assert (again.epoch, again.previous, again.without_leaf) == (3, done.origin, 0)
    with running(three) as client:
        assert said(before) | said(after) <= submissions(client, project)
        label(client, project, 5, last := [])
        _old_proofs_still_come(client, before + after + last)
    _both_logs_hold(three, (tmp_path / "second" / "ledger" / "public" / "checkpoint").read_text())
    assert verify_log(three.data / "ledger" / "previous" / "1", vkey=manifest.vkey).ok
    healthy(three)


def _backup_while_working(config: Config, client: Client, project: str, target: Path):
    stop, more = threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            work = client.next_assignment(project)
            assert work is not None
            more.append(client.submit(work.id, {"q": "while"}))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while len(more) < 3:
            stop.wait(0.01)
        backup(config, target)
    finally:
        stop.set()
        thread.join()
    assert len(more) > 3
    return read_manifest(target)


def _no_secret(folder: Path, *secrets: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret.strip().encode() in data for secret in secrets), path
    assert not list(folder.rglob("signed.json")) and not list(folder.rglob("key"))


def _old_proofs_still_come(client: Client, receipts: list[Receipt]) -> None:
    """The node gives proofs out of the log in which each entry is."""
    for receipt in receipts:
        assert receipt.proof is not None
        proof = parse_proof(client.proof(*receipt.place).encode())
        assert proof.index == parse_proof(receipt.proof.encode()).index


def _both_logs_hold(config: Config, last_note: str) -> None:
    """The new log is whole and names the last checkpoint of the old, which was not signed again."""
    number = max(int(path.name) for path in (config.data / "ledger" / "previous").iterdir())
    old = PublicLog(config.data / "ledger" / "previous" / str(number))
    assert old.checkpoint_note().decode() == last_note
    for folder in (config.data / "ledger" / "public", old.folder):
        report = verify_log(folder)
        assert report.ok, report.findings[:3]
    bundle = next((config.data / "ledger" / "public" / "tile" / "entries").rglob("0*"))
    first = bundle if bundle.is_file() else next(path for path in bundle.iterdir())
    text = open_checkpoint(old.checkpoint_note(), old.vkey()).text
    assert f'"previous":"{checkpoint_hash(text)}"'.encode() in first.read_bytes()[:400]
    assert (config.data / "ledger" / "key").read_text().find(old.vkey().name) < 0


def test_the_old_log_is_served(place, tmp_path: Path) -> None:
    import httpx

    one, two = place("one"), place("two")
    with running(one) as client:
        label(client, begin(client, 5), 3, [])
    backup(one, tmp_path / "b")
    restore(two, tmp_path / "b")
    with server.start(two) as address:
        report = verify_log(f"{address.url}/log/previous/1")
        assert report.ok and report.size > 5
        assert httpx.get(f"{address.url}/log/previous/2/checkpoint").status_code == 404
        assert httpx.get(f"{address.url}/log/previous/1/../../key").status_code == 404


def test_an_answer_sent_again_after_a_restore_gets_no_false_promise(place, tmp_path: Path) -> None:
    """A promise under the new origin for a leaf of the old one would be evidence against the node."""
    one, two = place("one"), place("two")
    with running(one) as client:
        project = begin(client, 5)
        work = client.next_assignment(project)
        assert work is not None
        client.submit(work.id, {"q": "x"}).proof()
    backup(one, tmp_path / "b")
    restore(two, tmp_path / "b")
    with running(two) as client:
        with pytest.raises(EvenhandError) as error:
            client.submit(work.id, {"q": "x"})
        assert error.value.rule == "submission.earlier-log"
        assert submissions(client, project) == {"x"}


def test_a_restore_refuses_what_is_not_empty(place, tmp_path: Path) -> None:
    one, two = place("one"), place("two")
    Node.open(one).close()
    backup(one, tmp_path / "b")
    with pytest.raises(Refused) as error:
        restore(one, tmp_path / "b")
    assert error.value.rule == "restore.not-empty"
    if one.database_url:
        used = msgspec.structs.replace(two, database_url=one.database_url)
        with pytest.raises(Refused) as error:
            restore(used, tmp_path / "b")
        assert error.value.rule == "restore.not-empty"
        with pytest.raises(Broken) as broken:  # and what was broken off is never taken for a node
            Node.open(used)
        assert broken.value.rule == "data.restoring"
    with pytest.raises(Refused):
        backup(one, tmp_path / "b")


def test_a_damaged_backup_is_found_and_not_restored(tmp_path: Path) -> None:
    one, two = Config(data=tmp_path / "one"), Config(data=tmp_path / "two")
    Node.open(one).close()
    folder = tmp_path / "b"
    backup(one, folder)
    (folder / "extra").write_text("x")
    database = folder / "database" / "sqlite.db"
    data = bytearray(database.read_bytes())
    data[5000] ^= 1
    database.write_bytes(data)
    (folder / "settings.json").unlink()
    faults = verify(folder)
    assert [fault.split()[0] for fault in faults] == ["extra", "database/sqlite.db", "settings.json"]
    with pytest.raises(Broken) as error:
        restore(two, folder)
    assert error.value.rule == "backup.damaged" and not two.data.exists()
    with pytest.raises(Missing):
        verify(tmp_path / "one")


def test_a_copied_folder_with_an_older_store_must_not_sign(tmp_path: Path) -> None:
    """The one thing that a backup avoids: old tables under a signing state that has gone on."""
    config = Config(data=tmp_path / "data", port=0, log_level="error")
    Node.open(config).close()
    shutil.copy(config.data / "evenhand.db", tmp_path / "old.db")
    with running(config) as client:
        label(client, begin(client, 5), 3, [])
    for path in config.data.glob("evenhand.db*"):
        path.unlink()
    shutil.copy(tmp_path / "old.db", config.data / "evenhand.db")
    checkpoint = (config.data / "ledger" / "public" / "checkpoint").read_bytes()
    with pytest.raises(Broken) as error:
        Node.open(config)
    assert error.value.rule == "ledger.store" and "new origin" in error.value.remedy
    assert (config.data / "ledger" / "public" / "checkpoint").read_bytes() == checkpoint
