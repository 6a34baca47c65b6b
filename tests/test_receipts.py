"""The watcher of a client, at a real node that is honest, and at one whose log has lost something."""

from __future__ import annotations

import json
import shutil
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from evenhand import Client, cli, data_folder, wire
from evenhand.audit import report
from evenhand.audit.forks import verify_fork
from evenhand.audit.receipts import verify_receipt
from evenhand.audit.report import as_text
from evenhand.audit.run import audit
from evenhand.audit.sources import FolderSource
from evenhand.config import Config
from evenhand.core.checkpoint import COSIGNATURE, Checkpoint, SigningKey, sign_note
from evenhand.core.cosigning import cosign, merge
from evenhand.core.trust import parse_policy
from evenhand.http import server
from evenhand.ledger import read_key
from evenhand.receipts import Watcher, watch
from evenhand.service import postings


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A node with some work done, and a client of it; with its data folder."""
    data = tmp_path_factory.mktemp("node") / "data"
    with (
        server.start(Config(data=data, port=0, log_level="error")) as address,
        Client(address.url, data_folder.key(data)) as client,
    ):
        project = client.create_project("P", [{"name": "t", "type": "text"}], [{"name": "q", "type": "text"}])
        client.import_tasks(project.id, [{"t": str(i)} for i in range(300)])
        for _ in range(3):
            work = client.next_assignment(project.id)
            assert work is not None
            client.submit(work.id, {"q": "x"}).proof()
        yield client, data


def test_everything_is_kept_and_found(node: tuple[Client, Path], tmp_path: Path) -> None:
    client, _ = node
    watcher = Watcher(client, tmp_path)
    assert watch(watcher, 1, once=True) == []
    kept = sorted((tmp_path / "receipts").rglob("*.json"))
    kinds = {json.loads(path.read_bytes())["place"][0] for path in kept}
    assert len(kept) >= 9 and len(kinds) >= 3 and watcher.waiting() == []
    vkey = (tmp_path / "vkey").read_text()
    assert all(verify_receipt(path.read_bytes(), vkey).index is not None for path in kept)
    assert watch(Watcher(client, tmp_path), 1, once=True) == []  # goes on where it stopped


def test_what_is_not_in_the_log_is_told_at_once(node: tuple[Client, Path], tmp_path: Path) -> None:
    """A promise whose entry the node then denies: the receipt is for a place that is not there."""
    client, _ = node
    now = [0.0]
    seen = tmp_path / "seen"
    watcher = Watcher(client, tmp_path / "w", clock=lambda: now[0], hook=f"cat >> {seen}")
    assert watcher.round() == []
    path = next((tmp_path / "w" / "receipts").rglob("*.json"))
    lost = json.loads(path.read_bytes()) | {"place": ["project-nowhere", 0], "proof": None}
    path.write_text(json.dumps(lost))
    assert watcher.round() == []  # its time is not over
    now[0] = lost["promise"]["deadline"] / 1000 + 6
    (alarm,) = watcher.round()
    assert (alarm.rule, alarm.evidence) == ("receipt.missing", str(path))
    assert json.loads(seen.read_text())["rule"] == "receipt.missing"
    assert "receipt.missing" in (tmp_path / "w" / "alarms.jsonl").read_text()


def test_a_log_that_goes_back_or_tells_another_story(node: tuple[Client, Path], tmp_path: Path) -> None:
    client, data = node
    log = tmp_path / "log"
    shutil.copytree(data / "ledger" / "public", log)
    old = (log / "checkpoint").read_bytes()
    key = read_key(data / "ledger")
    watcher = Watcher(client, tmp_path / "w", log=FolderSource(log))
    assert watch(watcher, 1, once=True) == []
    size = int(old.split(b"\n")[1])
    (log / "checkpoint").write_bytes(sign_note(Checkpoint(key.name, size, b"\0" * 32).text, key))
    (alarm,) = watcher.round()
    assert alarm.rule == "log.fork"
    fork = verify_fork(Path(alarm.evidence).read_bytes(), str(key.verify_key))
    assert fork.first.size == fork.second.size == size
    (log / "checkpoint").unlink()
    assert [a.rule for a in watcher.round()] == ["log.rollback"]


def test_a_log_that_shows_less_than_its_receipts_prove(node: tuple[Client, Path], tmp_path: Path) -> None:
    """A node that answers its client and holds entries back from others: one alarm for all receipts."""
    client, data = node
    log = tmp_path / "log"
    shutil.copytree(data / "ledger" / "public", log)
    watcher = Watcher(client, tmp_path / "w", log=FolderSource(log))
    assert watch(watcher, 1, once=True) == []
    size = int((log / "checkpoint").read_bytes().split(b"\n")[1])
    project = next(client.projects())
    for _ in range(2):
        work = client.next_assignment(project.id)
        assert work is not None
        client.submit(work.id, {"q": "held back"}).proof()
    (alarm,) = watch(watcher, 1, once=True)
    assert alarm.rule == "log.withheld" and alarm.reason.endswith(f"public log shows {size}.")
    assert verify_receipt(Path(alarm.evidence).read_bytes(), str(read_key(data / "ledger").verify_key)).ok


def test_a_log_that_nobody_cosigns_is_stalled(node: tuple[Client, Path], tmp_path: Path) -> None:
    client, _ = node
    vkey = str(SigningKey("w.example", b"\1" * 32, COSIGNATURE).verify_key)
    policy = parse_policy(f"witness w {vkey}\nquorum w\n")
    (alarm,) = Watcher(client, tmp_path, policy=policy).round()
    assert (alarm.rule, "never" in alarm.reason) == ("log.stalled", True)


def provider_of(client: Client, url: str) -> tuple[httpx.Client, str]:
    """Another organization that lends annotators: its owner signed in, and its id."""
    made = client.create_organization("Indie")
    owner = httpx.Client(base_url=f"{url}/api/v1", timeout=120)
    answer = {"name": "Ina", "email": "ina@example.org", "password": "correct horse battery"}
    joined = owner.post(f"/invites/{made.owner_invite.rpartition('/')[2]}", json=answer)
    owner.headers["X-Evenhand-CSRF"] = joined.json()["csrf"]
    return owner, made.organization.id


def admissions(folder: Path) -> list[Path]:
    """Receipts of `admitted` entries."""
    kept = (folder / "receipts").rglob("*.json")
    return [p for p in kept if b'"t":"admitted"' in b64decode(json.loads(p.read_bytes())["entry"])]


def test_false_reasons_are_told_by_the_watcher_and_found_by_an_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that takes an annotator off a client's project, and commits to no reason or another's."""
    data = tmp_path / "data"
    with (
        server.start(Config(data=data, port=0, log_level="error")) as address,
        Client(address.url, data_folder.key(data)) as client,
    ):
        exchange = client.exchange
        owner, indie = provider_of(client, address.url)
        pool = exchange.open_pool("en", wire.PoolTerms(prices={"text": 10})).id
        exchange.admit_client("default")
        exchange.admit_provider(indie)
        exchange.join(pool)
        made = owner.post(f"/members?organization={indie}", json={"name": "Amara"}).json()
        enrolment = {"member_id": made["id"], "languages": ["en"], "state": "active"}
        assert owner.post(f"/shared-pools/{pool}/annotators", json=enrolment).status_code < 300
        gold = {"per_mille": 100, "floor": 50, "evidence": 5, "block": 5}
        text, label = [{"name": "t", "type": "text"}], [{"name": "q", "type": "text"}]
        project = client.create_project("P", text, label, gold=gold, order="random").id
        client.import_tasks(project, [{"t": str(i)} for i in range(20)])
        exchange.send(project, pool, "text")
        with Client(address.url, made["api_key"]) as annotator:
            work = annotator.next_assignment(pool=pool)
            assert work is not None
            annotator.submit(work.id, {"q": "x"}).proof()
        (member,) = [a.annotator for t in client.tasks(project) for a in t.annotations]
        watcher = Watcher(client, tmp_path / "w")
        told = postings._admitted
        for state, honest in (("suspended", True), ("active", False)):
            if not honest:
                monkeypatch.setattr(postings, "_admitted", lambda *given: told(*given[:-1], None))
            change = wire.StandingChange(state=state)
            client._node.call("POST", f"/projects/{project}/standings/{member}", change, wire.Gold)
            alarms, due = [], time.monotonic() + 120
            while len(told_of := admissions(tmp_path / "w")) < (1 if honest else 2):
                assert time.monotonic() < due, told_of
                alarms += watch(watcher, 0.2, once=True)
            assert [alarm.rule for alarm in alarms] == ([] if honest else ["admitted.no-reason"])
        archive = client.archive(project, tmp_path / "a.zip")
        assert Path(alarms[0].evidence).exists() and member in alarms[0].reason
    kept = sorted((tmp_path / "w" / "receipts").rglob("*.json"))
    found = audit(data / "ledger" / "public", receipts=kept)
    assert (found.reasons, found.reasons_unheld) == (2, 0)
    (one,) = found.findings.kept
    assert (one.rule, one.control) == ("admitted.no-reason", "EN-30") and one.index is not None
    assert "2 compared" in report.as_text(found)
    opened = audit(data / "ledger" / "public", archives=[archive])
    assert [f.rule for f in opened.findings.kept] == ["admitted.no-reason"] and opened.reasons == 2
    assert audit(data / "ledger" / "public").findings.ok, "without the openings nobody can tell"


def test_a_quorum_is_as_old_as_the_oldest_signature_that_it_needs(
    node: tuple[Client, Path], tmp_path: Path
) -> None:
    """One witness is alive, the other has been silent for an hour: both must have signed lately."""
    client, data = node
    log = tmp_path / "log"
    shutil.copytree(data / "ledger" / "public", log)
    keys = [SigningKey(f"w{n}.example", bytes([n]) * 32, COSIGNATURE) for n in (1, 2)]
    told = (log / "checkpoint").read_bytes()
    text = told.decode().partition("\n\n")[0] + "\n"
    now = 1_800_000_000
    lines = [cosign(text, key, now - age) for key, age in zip(keys, (5, 3600), strict=True)]
    (log / "cosigned").write_bytes(merge(told, lines, [key.verify_key for key in keys]))
    named = "".join(f"witness w{n} {key.verify_key}\n" for n, key in enumerate(keys))
    for quorum, age in (("any", 5), ("all", 3600)):
        policy = f"{named}group g {quorum} w0 w1\nquorum g\n"
        watcher = Watcher(
            client, tmp_path / quorum, log=FolderSource(log), policy=parse_policy(policy), clock=lambda: now
        )
        stalled = [a for a in watcher.round() if a.rule == "log.stalled"]
        made = audit(log, policy=policy, at=now * 1000)
        assert made.age == age and f"{age:,} s before the audit" in as_text(made)
        late = [f for f in made.findings.kept if f.rule == "fresh"]
        assert bool(stalled) is bool(late) is (age > 600)
    assert audit(log, policy=policy, at=now * 1000, most_age=4000).findings.ok, "the policy allows it"
    strict = Watcher(
        client, tmp_path / "strict", log=FolderSource(log), clock=lambda: now, most_age=4,
        policy=parse_policy(f"{named}group g any w0 w1\nquorum g\n"),
    )  # fmt: skip
    assert [a.rule for a in strict.round()] == ["log.stalled"]
    assert "only witnesses' clocks" in as_text(audit(log, at=now * 1000))


def test_the_command(
    node: tuple[Client, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client, data = node
    monkeypatch.setenv("EVENHAND_API_KEY", data_folder.key(data))
    assert cli.run(["receipts", "watch", client.url, "--dir", str(tmp_path), "--once"]) == 0
    assert "Each of them is in the log" in capsys.readouterr().out
    monkeypatch.delenv("EVENHAND_API_KEY")
    assert cli.run(["receipts", "watch", client.url, "--dir", str(tmp_path), "--once"]) == 1
