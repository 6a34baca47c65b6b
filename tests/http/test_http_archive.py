"""A project's archive: written by one node, checked by nobody's friend, restored into another node."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evenhand import cli
from evenhand.audit.archive import verify
from evenhand.core.errors import Invalid, Refused
from evenhand.service import adaptive
from evenhand.service.archive import signed_text

from .test_http_media import png

FIELDS = [{"name": "text"}, {"name": "photo", "type": "image"}]
SPAM = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}
NOTE = {"name": "note", "type": "text", "required": False}


def labelled(site: Any, name: str) -> tuple[str, dict[str, str]]:
    """A project with some of everything; (its id, annotator -> name)."""
    client = site.client(site.operator)
    project = client.create_project(name, fields=FIELDS, questions=[SPAM], overlap=2, instructions="v1")
    photo = client.upload(project.id, png(3, 2), "image/png")
    rows: list[dict[str, Any]] = [
        {"key": f"k{i}", "text": f"Grüße {i} 🎈", "n": 2.5e1, "photo": {"blob": photo.blob}} for i in range(4)
    ]
    client.import_tasks(project.id, [*rows[:3]], mapping={"key": "external_id"})
    client.import_tasks(project.id, [{"text": "no id", "metadata": {"a": [1]}}, rows[3] | {"extra": None}])
    members = {one.id: one for one in (client.create_annotator(f"{name} {who}") for who in ("Ana", "Bo"))}
    ana, bo = (site.client(one.api_key) for one in members.values())
    answer(ana, project.id, ["ham", "spam"])
    client.change_project(project.id, 1, questions=[SPAM | {"choices": ["ham", "spam", "eggs"]}, NOTE])
    answer(ana, project.id, ["eggs"], note="Ω")
    answer(bo, project.id, ["ham", "ham", "spam", "eggs"])
    work = ana.next_assignment(project.id)
    ana.flag(work.id, "odd")
    ana.skip(work.id, "too hard")
    client.act_on_tasks(project.id, "withdraw", [f"{project.id}-5"])
    return project.id, {one.id: one.name for one in members.values()}


def answer(client: Any, project: str, values: list[str], **more: str) -> None:
    for value in values:
        work = client.next_assignment(project)
        first = client.submit(work.id, {"spam": value, **more}, seconds=2.5)
        if value == "eggs" and more:
            client.submit(work.id, {"spam": "ham", **more}, seconds=3.0, revision=1)
        assert first.leaf


def rows_of(site: Any, project: str, folder: Path) -> dict[str, Any]:
    """What an export says, without what only this node knows: ids, receipts."""
    client = site.client(site.operator)
    client.export(project, out=folder)
    names = {one.id: one.name for one in client.members()}
    told = {}
    for line in (folder / "tasks.jsonl").read_text().splitlines():
        row = json.loads(line)
        given = [
            (names[one["annotator"]], one["kind"], one["answers"], one["seconds"], one["submitted_at"])
            for one in row["annotations"]
        ]
        told[row["data"]["text"]] = [row["data"], row["metadata"], row["consensus"], sorted(given, key=str)]
    return told


def documents(site: Any, project: str) -> list[dict[str, Any]]:
    found = site.ok(site.operator, "GET", f"/projects/{project}/versions")["items"]
    return [one["document"] for one in reversed(found)]


def test_there_and_back_again(site: Any, quick: Any, tmp_path: Path) -> None:
    """From either store into the embedded one, and from there into either."""
    project, _ = labelled(site, "Travels")
    path = site.client(site.operator).archive(project, tmp_path / "a.zip", named=True)
    vkey = site.plain.get("/log/vkey").text
    report = verify(path, vkey)
    assert (report.findings, report.unproved) == ([], 0)
    counts = dict(report.counts) | {"events": 0}
    assert counts == {
        "tasks": 5, "annotations": 7, "versions": 2, "people": 2, "media": 1, "events": 0,
    }  # fmt: skip
    assert report.kinds["submitted"] == 8 and report.kinds["skipped"] == 1
    here = rows_of(site, project, tmp_path / "here")
    assert len(here) == 4 and sum(len(row[3]) for row in here.values()) == 7
    for target, name in ((quick, f"From {tmp_path.name}"), (site, "Arrived")):
        client = target.client(target.operator)
        restored = client.restore(path, name)
        assert restored.report.rejected == [] and restored.project_id
        assert (restored.report.versions, restored.report.tasks, restored.report.annotations) == (2, 5, 7)
        assert rows_of(target, restored.project_id, tmp_path / f"there-{target is quick}") == here
        before, after = documents(site, project), documents(target, restored.project_id)
        assert [one | {"name": ""} for one in after] == [one | {"name": ""} for one in before]
        assert client.project(restored.project_id).counts.withdrawn == 1
        first = next(client.tasks(restored.project_id))
        shown = target.call(target.operator, "GET", f"/tasks/{first.task_id}/media/photo")
        assert shown.content == png(3, 2)
        with pytest.raises(Refused, match="There is a project called"):
            client.restore(path, name)


def test_pseudonymous_unless_named(quick: Any, tmp_path: Path) -> None:
    project, names = labelled(quick, "Hidden")
    client = quick.client(quick.operator)
    path = client.archive(project, tmp_path / "a.zip")
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
        history = [json.loads(line) for line in archive.read("history.jsonl").splitlines()]
    opened = [base64.b64decode(value) for line in history for _, value in line["open"].values()]
    for member, name in names.items():
        assert not any(name.encode() in text for text in [content, *opened])
        assert member.encode() in content
    assert b'"people": "pseudonymous"' in content
    restored = client.restore(path, "Unknown people")
    assert restored.report.annotations == 7
    with pytest.raises(Refused, match="a file of this name"):
        client.archive(project, path)


Files = dict[str, bytes]


def test_what_was_erased_is_not_in_it_and_all_else_still_holds(quick: Any, tmp_path: Path) -> None:
    project, _ = labelled(quick, "Forgotten")
    client = quick.client(quick.operator)
    client.erase_task(f"{project}-1")
    archive = tmp_path / "p.zip"
    client.archive(project, archive)
    report = verify(archive)
    assert report.ok, report.findings
    with zipfile.ZipFile(archive) as files:
        assert not any("Grüße 0".encode() in files.read(name) for name in files.namelist())


def lines(files: Files, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[name].splitlines()]


def put(files: Files, name: str, values: list[dict[str, Any]]) -> None:
    files[name] = b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def another_answer(files: Files) -> None:
    found = lines(files, "annotations.jsonl")
    found[0]["answers"]["spam"] = "spam" if found[0]["answers"]["spam"] == "ham" else "ham"
    put(files, "annotations.jsonl", found)


def another_record(files: Files) -> None:
    found = lines(files, "tasks.jsonl")
    found[0]["record"]["text"] = "Buy now"
    put(files, "tasks.jsonl", found)


def another_consensus(files: Files) -> None:
    found = lines(files, "tasks.jsonl")
    one = next(line for line in found if line["consensus"])
    one["consensus"]["spam"]["value"] = "eggs"
    put(files, "tasks.jsonl", found)


def other_rules(files: Files) -> None:
    found = lines(files, "versions.jsonl")
    found[0]["document"]["instructions"] = "Say ham."
    put(files, "versions.jsonl", found)


def a_task_less(files: Files) -> None:
    put(files, "tasks.jsonl", lines(files, "tasks.jsonl")[1:])


def an_answer_less(files: Files) -> None:
    put(files, "annotations.jsonl", lines(files, "annotations.jsonl")[1:])


def an_event_less(files: Files) -> None:
    found = lines(files, "history.jsonl")
    kinds = [json.loads(base64.b64decode(line["entry"]))["t"] for line in found]
    del found[kinds.index("concluded")]
    put(files, "history.jsonl", found)


def another_value(files: Files) -> None:
    """As if the node had logged another answer: value and label agree, and the commitment does not."""
    found = lines(files, "history.jsonl")
    one = next(line for line in found if "answers" in line["open"])
    one["open"]["answers"][1] = base64.b64encode(b'{"spam":"eggs"}').decode()
    put(files, "history.jsonl", found)


def other_rows(files: Files) -> None:
    found = lines(files, "history.jsonl")
    one = next(line for line in found if line.get("rows"))
    one["rows"] = one["rows"][:-1]
    put(files, "history.jsonl", found)


def another_leaf(files: Files) -> None:
    found = lines(files, "history.jsonl")
    found[1]["leaf"], found[1]["proof"] = found[0]["leaf"], found[0]["proof"]
    put(files, "history.jsonl", found)


def another_medium(files: Files) -> None:
    name = next(name for name in files if name.startswith("media/"))
    files[name] = png(9, 9)


def one_file_more(files: Files) -> None:
    files["notes.txt"] = b"psst"


TAMPERED = [
    (another_answer, "data.annotations"),
    (another_record, "data.tasks"),
    (another_consensus, "data.consensus"),
    (other_rules, "data.versions"),
    (a_task_less, "data.tasks"),
    (an_answer_less, "archive.counts"),
    (an_event_less, "event.gap"),
    (another_value, "event"),
    (other_rows, "event"),
    (another_leaf, "event"),
    (another_medium, "archive.medium"),
    (one_file_more, "archive.extra"),
]


@pytest.fixture(scope="module")
def original(quick: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project, _ = labelled(quick, "Tampered")
    return Path(quick.client(quick.operator).archive(project, tmp_path_factory.mktemp("archive") / "a.zip"))


@pytest.mark.parametrize(("change", "rule"), TAMPERED, ids=[change.__name__ for change, _ in TAMPERED])
def test_what_was_changed_is_found_even_if_the_node_signs_it(
    quick: Any, original: Path, tmp_path: Path, change: Callable[[Files], None], rule: str
) -> None:
    with zipfile.ZipFile(original) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    change(files)
    plain = write(tmp_path / "plain.zip", files)
    found = {one for one, _, _ in verify(plain).findings}
    assert found & {"archive.digest", "archive.extra"}, "nobody signed for this"
    with pytest.raises(Invalid, match="archive\\."):
        quick.client(quick.operator).restore(plain, "Never")
    for file in manifest["files"]:
        content = files[file["name"]]
        file |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    files["manifest.json"] = json.dumps(manifest).encode()
    assert verify(write(tmp_path / "resealed.zip", files)).findings[0][0] == "archive.form"
    node = quick.app.node
    files["manifest.sig"] = node.sign_note(signed_text(node.origin, files["manifest.json"]))
    assert rule in {one for one, _, _ in verify(write(tmp_path / "signed.zip", files)).findings}


def write(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_from_the_command_line(
    quick: Any,
    start_site: Callable[..., Any],
    original: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EVENHAND_URL", quick.url)
    monkeypatch.setenv("EVENHAND_API_KEY", quick.operator)
    path, other = tmp_path / "x.zip", start_site()
    assert cli.run(["project", "archive", "Tampered", "--out", str(path)]) == 0
    assert cli.run(["project", "restore", str(path), "--name", "Back"]) == 0
    assert "7 annotations" in capsys.readouterr().out
    monkeypatch.delenv("EVENHAND_URL")
    monkeypatch.delenv("EVENHAND_API_KEY")
    assert cli.run(["project", "verify", str(path)]) == 0
    assert "compare it with the log's" in capsys.readouterr().out
    key = quick.plain.get("/log/vkey").text.strip()
    assert cli.run(["project", "verify", str(path), "--vkey", key, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    foreign = other.plain.get("/log/vkey").text.strip()
    assert cli.run(["project", "verify", str(path), "--vkey", foreign]) == 1
    assert "did not sign" in capsys.readouterr().out
    (tmp_path / "no.zip").write_bytes(path.read_bytes()[:-100])
    assert cli.run(["project", "verify", str(tmp_path / "no.zip")]) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_weighings_are_taken_again_from_an_archive(
    quick: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An honest node's project holds, fetched with a key; what a dishonest one says is found at its entry."""
    client = quick.client(quick.operator)
    client.create_project(
        "Weighed", fields=FIELDS[:1], questions=[SPAM], overlap=3, adaptive={"least": 2, "tolerance": 20}
    )
    project = next(one.id for one in client.projects() if one.document.name == "Weighed")
    client.import_tasks(project, [{"text": f"m {n}"} for n in range(12)])
    lane = quick.app.node.lane
    adaptive.weigh(lane, project)
    crowd = [quick.client(client.create_annotator(f"Weigher {n}").api_key) for n in range(3)]
    for i, one in enumerate(crowd):
        while work := one.next_assignment(project):
            odd = int(work.data["text"][2:]) % 2 and not (i == 2 and work.data["text"].endswith("1"))
            one.submit(work.id, {"spam": "spam" if odd else "ham"}, seconds=1.0)
        adaptive.weigh(lane, project)
    monkeypatch.setenv("EVENHAND_URL", quick.url)
    monkeypatch.setenv("EVENHAND_API_KEY", quick.operator)
    assert audited(capsys, quick.url, "--project", "Weighed") == (0, [])
    true = adaptive._noted

    def flattered(name: str, one: Any, members: list[str]) -> Any:
        said = true(name, one, members)
        return msgspec.structs.replace(said, weights=tuple((who, 0.99) for who, _ in said.weights))

    monkeypatch.setattr(adaptive, "_noted", flattered)
    adaptive.weigh(lane, project)
    path = client.archive(project, tmp_path / "weighed.zip")
    report = verify(path, quick.plain.get("/log/vkey").text)
    assert report.weighings >= 5 and not report.ok
    assert {rule for rule, _, _ in report.findings} == {"weighing.differs"}
    code, found = audited(capsys, quick.url, "--archive", str(path))
    assert code == 1 and found[0]["control"] == "EN-13" and found[0]["kind"] == "proven violation"
    assert "the weight of mem" in found[0]["evidence"] and "0.99" in found[0]["evidence"]
    assert isinstance(found[0]["index"], int) and found[0]["place"].startswith(project)


def audited(capsys: pytest.CaptureFixture[str], url: str, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """(exit code, findings) of `evenhand audit`."""
    capsys.readouterr()
    code = cli.run(["audit", url, "--json", *more])
    said = capsys.readouterr()
    assert said.out, said.err
    return code, json.loads(said.out)["findings"]
