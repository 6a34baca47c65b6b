"""The story on real inputs, over HTTP, on both stores: from a file to labels that several people gave."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evenhand import Client
from evenhand.audit.verify import verify

PEOPLE = 6
KEY = "ek_" + "story" * 8


@pytest.fixture
def owner(store_url: str, tmp_path: Path, free_port: int) -> Iterator[Client]:
    """The owner's client of a node in a process of its own."""
    settings = {
        "EVENHAND_DATA": str(tmp_path / "data"),
        "EVENHAND_PORT": str(free_port),
        "EVENHAND_ADMIN_KEY": KEY,
    }
    if not store_url.startswith("sqlite"):
        settings["EVENHAND_DATABASE_URL"] = store_url
    command = [sys.executable, "-c", "from evenhand.cli import main; main()", "up", "--no-browser"]
    with (tmp_path / "log").open("wb") as log:
        node = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
    try:
        wait_for(node, free_port, tmp_path / "log")
        with Client(f"http://127.0.0.1:{free_port}", KEY) as client:
            yield client
    finally:
        node.terminate()
        node.wait(60)


def wait_for(node: subprocess.Popen[bytes], port: int, log: Path) -> None:
    limit = time.monotonic() + 300
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert node.poll() is None and time.monotonic() < limit, log.read_text()
            time.sleep(0.05)


def needed(shared_data: Path | None, name: str) -> Path:
    """A real input; the story is told on it where the checkout has its shared folder beside it."""
    assert shared_data is not None, "the folder of real inputs is not beside the checkout"
    return shared_data / "inputs" / name


def everybody(owner: Client, project: str, answer, people: int = PEOPLE) -> dict[str, dict]:
    """All annotators label until nothing is left; member -> {task: answers}."""
    members = [owner.create_annotator(f"annotator {n}") for n in range(people)]

    def work(member) -> tuple[str, dict]:
        given = {}
        with Client(owner.url, member.api_key) as client:
            while (assignment := client.next_assignment(project)) is not None:
                answers = answer(assignment.data, member.name)
                receipt = client.submit(assignment.id, answers, seconds=1.0)
                assert receipt.leaf
                assert assignment.task_id not in given, "a task was shown twice to one person"
                given[assignment.task_id] = answers
        return member.id, given

    with ThreadPoolExecutor(people) as pool:
        return dict(pool.map(work, members))


def exported(owner: Client, project: str, folder: Path) -> list[dict]:
    owner.export(project, format="jsonl", out=str(folder))
    return [json.loads(line) for line in next(folder.glob("*.jsonl")).read_bytes().splitlines()]


def check(rows: list[dict], given: dict[str, dict], overlap: int) -> None:
    """The export is what was typed: no answer more, none less, none changed."""
    stored = {(a["annotator"], row["task_id"]): a["answers"] for row in rows for a in row["annotations"]}
    typed = {(member, task): answers for member, own in given.items() for task, answers in own.items()}
    assert stored == typed
    assert all(len(row["annotations"]) == overlap for row in rows)


def test_messages(owner: Client, shared_data: Path | None, tmp_path: Path) -> None:
    path = needed(shared_data, "sms_spam/SMSSpamCollection.tsv")
    lines = [line.split("\t", 1) for line in path.read_text("utf-8").splitlines()]
    truth = {text: label for label, text in lines}
    project = owner.create_project(
        "Messages",
        fields=[{"name": "text", "type": "text"}],
        questions=[{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}],
    )
    records = [{"text": text, "line": n} for n, (_, text) in enumerate(lines)]
    report = owner.import_tasks(project.id, records)
    assert (report.accepted, list(report.rejected)) == (5574, [])
    assert owner.import_tasks(project.id, records).accepted == 0
    given = everybody(owner, project.id, lambda data, _: {"spam": truth[data["text"]]})
    rows = exported(owner, project.id, tmp_path / "out")
    check(rows, given, 1)
    assert [row["data"]["line"] for row in rows] == list(range(5574))
    assert [row["consensus"]["spam"]["value"] for row in rows] == [truth[text] for _, text in lines]
    assert sum(row["consensus"]["spam"]["value"] == "spam" for row in rows) == 747
    report_ = verify(f"{owner.url}/log")
    assert not report_.findings, report_.findings[:3]


def sentences(path: Path) -> Iterator[dict]:
    """Records with the text and the spans that its tags mean, from two columns."""
    for block in path.read_text("utf-8").strip().split("\n\n"):
        tokens = [line.split("\t") for line in block.splitlines() if "\t" in line]
        text, spans = "", []
        for word, tag in tokens:
            start = len(text) + bool(text)
            text = f"{text} {word}" if text else word
            if tag.startswith("B-"):
                spans.append({"start": start, "end": len(text), "label": tag[2:]})
            elif tag.startswith("I-"):
                spans[-1]["end"] = len(text)
        yield {"text": text, "truth": spans}


def test_sentences_with_spans(owner: Client, shared_data: Path | None, tmp_path: Path) -> None:
    folder = needed(shared_data, "wnut17")
    records = [r for name in sorted(folder.glob("*.conll")) for r in sentences(name)]
    assert len(records) == 2296
    assert sum(len(record["truth"]) for record in records) == 836 + 1079
    labels = sorted({span["label"] for record in records for span in record["truth"]})
    project = owner.create_project(
        "Names",
        fields=[{"name": "text", "type": "text"}],
        questions=[{"name": "names", "type": "span", "field": "text", "labels": labels}],
        overlap=2,
    )
    assert owner.import_tasks(project.id, records).accepted == 2296
    truth = {record["text"]: record["truth"] for record in records}
    given = everybody(owner, project.id, lambda data, _: {"names": truth[data["text"]]})
    rows = exported(owner, project.id, tmp_path / "out")
    check(rows, given, 2)
    for row in rows:
        assert row["consensus"]["names"]["value"] == truth[row["data"]["text"]]


def test_preferences(owner: Client, shared_data: Path | None, tmp_path: Path) -> None:
    path = needed(shared_data, "hhh_preferences/pairs.jsonl")
    project = owner.create_project(
        "Preferences",
        fields=[{"name": name, "type": "text"} for name in ("prompt", "chosen", "rejected")],
        questions=[{"name": "better", "type": "pairwise", "a": "chosen", "b": "rejected", "scale": 3}],
        overlap=3,
    )
    assert owner.import_tasks(project.id, path).accepted == 163
    votes = {f"annotator {n}": -1 if n < 5 else 1 for n in range(PEOPLE)}
    given = everybody(owner, project.id, lambda _, name: {"better": {"preference": votes[name]}})
    rows = exported(owner, project.id, tmp_path / "out")
    check(rows, given, 3)
    assert all(row["consensus"]["better"]["value"]["preference"] == -1 for row in rows)
    wanted = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [row["data"]["chosen"] for row in rows] == [record["chosen"] for record in wanted]
