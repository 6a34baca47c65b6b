"""The command line as people and programs use it: in processes of its own, against a real node."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand import cli, data_folder, label_file
from evenhand.cli.frame import COMPILING, progress
from evenhand.config import Config
from evenhand.core.inference.compiled import njit
from evenhand.demo import examples
from evenhand.http import server
from evenhand.sdk import Client

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PROGRAM = [sys.executable, "-c", "from evenhand.cli import main; main()"]
QUESTION = ["--question", "Is it spam?", "--choices", "ham,spam"]


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EVENHAND_")}
    kept |= {key: value for key, value in os.environ.items() if key.startswith("EVENHAND_TEST_")}
    return kept | {"EVENHAND_DATA": str(data), "COLUMNS": "100"} | more


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `evenhand` in `tmp_path` on a data folder of its own."""

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, *arguments]
        env = environment(tmp_path / "data", **more)
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return call


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Client]:
    """A node that runs on the data folder which `run` uses, and its owner's client."""
    settings = Config(data=tmp_path / "data", port=0)
    with server.start(settings) as address, Client(address.url, data_folder.key(settings.data)) as owner:
        yield owner


def start(tmp_path: Path, *arguments: str, **more: str) -> tuple[subprocess.Popen[str], str]:
    """(process, link): a command that stays, once it has printed its link."""
    env = environment(tmp_path / "data", EVENHAND_PORT="0", PYTHONUNBUFFERED="1", **more)
    process = subprocess.Popen(
        [*PROGRAM, *arguments], env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+/invite/\S+", line):
            return process, found.group()
    raise AssertionError(f"no link; exit code {process.wait()}")


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=120) == 0


# -- the frame ----------------------------------------------------------------------------------


def test_help_names_every_command(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in ("demo", "up", "serve", "label", "project", "import", "export", "ledger", "doctor"):
        assert re.search(rf"^  {name} ", done.stdout, re.M), name


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["label"], ["label", "x.csv", "--nonsense"], ["import", "p"], ["up", "--port", "99999"]],
)
def test_a_wrong_usage_is_told_with_exit_code_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage:" in done.stderr and "Traceback" not in done.stderr


def test_a_refusal_says_what_where_and_what_to_do(run: Run) -> None:
    done = run("label", "nothing.csv", *QUESTION)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["Error: nothing.csv: The file does not exist.", "  Check the path."]


def test_a_fault_of_ours_takes_one_line_and_leaves_its_trace_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: Any, **options: Any) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(cli.commands, "main", broken)
    assert cli.run([]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Error: ZeroDivisionError: by design") and "Traceback" not in shown
    log = Path(re.search(r"/\S+\.log", shown).group())  # type: ignore[union-attr]  # None fails the test too
    assert "Traceback" in log.read_text()
    log.unlink()
    assert cli.run(["--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_no_fault_of_ours(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [*PROGRAM, "--help"]
        done = subprocess.run(
            command, env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Error: The output cannot be written: No space left on device.",
        "  See that there is room and that you may write there.",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_once_of_what_is_compiled(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", shown)
    with progress("Reading", "labels", compiles=True):
        for number in (1, 1.5):
            njit(cache=False)(lambda given: given)(number)
    assert shown.getvalue().count(COMPILING) == terminal
    assert terminal or shown.getvalue() == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("EVENHAND_PORT", "eighty"), ("EVENHAND_URL", "localhost"), ("EVENHAND_DATABASE_URL", "mysql://x/y")],
)
def test_a_setting_that_cannot_be_meant_is_named(run: Run, name: str, value: str) -> None:
    done = run("project", "list", **{name: value})
    assert done.returncode == 1
    assert name in done.stderr and "Traceback" not in done.stderr


def test_address_and_key_go_together(run: Run) -> None:
    done = run("project", "list", EVENHAND_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "EVENHAND_API_KEY" in done.stderr


def test_a_node_that_does_not_answer(run: Run, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    done = run("project", "list", EVENHAND_URL=url, EVENHAND_API_KEY="k" * 40)
    assert done.returncode == 1
    assert url in done.stderr and "Try again" in done.stderr


# -- finding the node ---------------------------------------------------------------------------


def test_commands_find_the_node_that_runs_on_the_folder(run: Run, node: Client) -> None:
    made = run("project", "create", "SMS", "--field", "text:text", *QUESTION)
    assert made.returncode == 0, made.stderr
    assert [project.id for project in node.projects()] == [made.stdout.strip()]


def test_without_a_node_the_store_is_opened_and_closed_again(run: Run, tmp_path: Path) -> None:
    first = run("project", "create", "SMS", *QUESTION, "--json")
    assert first.returncode == 0, first.stderr
    project = json.loads(first.stdout)
    assert not data_folder.is_held(tmp_path / "data")
    shown = run("project", "show", "SMS")
    assert "asks 'Is it spam?' as is_it_spam (choice/1)" in shown.stdout
    listed = json.loads(run("project", "list", "--json").stdout)
    assert [one["id"] for one in listed] == [project["id"]]
    invite = run("invite")
    assert "http://127.0.0.1:8080/invite/" in invite.stdout


def test_a_second_node_on_the_folder_is_refused(run: Run, node: Client) -> None:
    done = run("up", "--port", "0")
    assert done.returncode == 1
    assert "has this store open" in done.stderr and "Traceback" not in done.stderr


def test_a_busy_port_is_told(run: Run, node: Client, tmp_path: Path) -> None:
    port = node.url.rpartition(":")[2]
    done = run("up", EVENHAND_PORT=port, EVENHAND_DATA=str(tmp_path / "other"))
    assert done.returncode == 1
    assert port in done.stderr and "Traceback" not in done.stderr


def test_the_doctor_finds_a_row_that_was_changed_behind_the_events(
    run: Run, node: Client, tmp_path: Path
) -> None:
    node.create_project("A", [{"name": "text", "type": "text"}], [{"name": "q", "type": "text"}])
    healthy = run("doctor", "--json")
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    with sqlite3.connect(tmp_path / "data" / "evenhand.db") as database:
        database.execute("UPDATE project SET tasks = 7")
    database.close()
    sick = run("doctor")
    assert sick.returncode == 1
    assert "project" in sick.stdout and "tasks=7" in sick.stdout


def test_the_doctor_makes_no_store_where_there_is_none(run: Run, tmp_path: Path) -> None:
    done = run("doctor")
    assert done.returncode == 1 and "no store" in done.stderr
    assert not (tmp_path / "data" / "evenhand.db").exists()
    assert run("migrate").returncode == 0


# -- from a file to labels ----------------------------------------------------------------------


def test_label_then_label_again_then_export(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "messages.csv"
    file.write_text("id,text\nm1,Win a prize\nm2,See you at six\n")
    process, link = start(tmp_path, "label", "messages.csv", *QUESTION, "--no-browser")
    try:
        assert "/annotate/prj-" in link
        data = tmp_path / "data"
        running = data_folder.running(data)
        assert running is not None
        with Client(running.url, data_folder.key(data)) as client:
            (project,) = client.projects()
            assert project.document.name == "messages: Is it spam?"
            assert [field.name for field in project.document.fields] == ["text"]
            work = client.next_assignment(project.id)
            assert work is not None
            client.submit(work.id, {"is_it_spam": "spam"})
            file.write_text(file.read_text() + "m3,Free ringtone\n")
            again = run("label", "messages.csv", *QUESTION, "--no-browser")
            assert "Found the project" in again.stdout and "1 new, 2 there already" in again.stdout
            assert client.project(project.id).counts.tasks == 3
            other = run(
                "label", "messages.csv", "--question", "Is it rude?", "--choices", "yes,no", "--no-browser"
            )
            assert "Made the project" in other.stdout
            assert len(list(client.projects())) == 2
    finally:
        stop(process)
    done = run("export", "messages: Is it spam?", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "messages_is_it_spam-labels" / "tasks.jsonl").open()]
    assert [row["data"]["id"] for row in rows] == ["m1", "m2", "m3"]
    assert rows[0]["consensus"]["is_it_spam"]["value"] == "spam"


def test_the_link_signs_the_visitor_in_once(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("text\nhello\n")
    process, link = start(tmp_path, "label", "m.csv", "--choices", "a,b", "--no-browser")
    try:
        origin, token = link.partition("/invite/")[::2]
        with httpx.Client(base_url=origin) as visitor:
            path = f"/api/v1/invites/{token.partition('?')[0]}"
            assert visitor.post(path, json={}).status_code == 200
            assert visitor.get("/api/v1/session").status_code == 200
            assert visitor.post(path, json={}).status_code in (403, 404)
    finally:
        stop(process)


def test_questions_come_from_the_label_types_in_the_order_given(
    run: Run, node: Client, tmp_path: Path
) -> None:
    rows = [{"prompt": f"What is {n}?", "a": "short", "b": "a longer answer"} for n in range(3)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["--pairwise", "a,b", "--choices", "safe,unsafe", "--question", "Which is better?"]
    done = run("label", "pairs.jsonl", *arguments, "--no-browser")
    assert done.returncode == 0, done.stderr
    (project,) = node.projects()
    assert [question.type for question in project.document.questions] == ["pairwise/1", "choice/1"]
    assert project.document.questions[0].title == "Which is better?"


def test_pictures_named_in_a_file_are_sent_along_and_only_those_beside_it(
    run: Run, node: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    for n in (1, 2):
        (folder / f"{n}.png").write_bytes(examples.shelves().records[n][0]["image"])
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    names = ["1.png", "2.png", "missing.png", "../secret.png"]
    (folder / "pictures.jsonl").write_text("".join(json.dumps({"picture": name}) + "\n" for name in names))
    done = run("label", "shelf/pictures.jsonl", "--boxes", "mug,vase", "--no-browser")
    assert done.returncode == 0, done.stderr
    assert "2 new, 0 there already, 2 rejected" in done.stdout
    assert "line 3" in done.stdout and "leads out of the folder" in done.stdout
    (project,) = node.projects()
    assert [field.type for field in project.document.fields] == ["image"]
    values = [task.data["picture"] for task in node.tasks(project.id)]
    assert [(value["width"], value["height"]) for value in values] == [(480, 320)] * 2


def test_a_folder_of_pictures_is_labelled_as_it_lies_there(run: Run, node: Client, tmp_path: Path) -> None:
    pictures = [examples.shelves().records[n][0]["image"] for n in (0, 1, 2)]
    for name, content in zip(("a.png", "deep/b.png", ".trash/c.png"), pictures, strict=True):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    (tmp_path / "photos" / "old.tif").write_bytes(b"II*\0")
    (tmp_path / "photos" / "notes.txt").write_text("no record")
    arguments = ["label", "photos", "--boxes", "mug,vase", "--no-browser"]
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "2 new, 0 there already, 1 rejected" in done.stdout and "image/tiff" in done.stdout
    assert "--out photos-labels" in done.stdout
    (project,) = node.projects()
    assert project.document.name == "photos: Boxes"
    found = {task.external_id: task.data["image"]["width"] for task in node.tasks(project.id)}
    assert found == {"a.png": 480, "deep/b.png": 480}
    assert "0 new, 2 there already" in run(*arguments).stdout
    one = run("label", "photos/a.png", "--boxes", "mug", "--no-browser")
    assert one.returncode == 1 and "Label the folder" in one.stderr
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.png", pictures[0])
    packed = run("label", "photos.zip", "--boxes", "mug", "--no-browser")
    assert packed.returncode == 1 and "evenhand import PROJECT photos.zip" in packed.stderr


def test_the_sms_messages_without_header_or_quotes(
    run: Run, node: Client, tmp_path: Path, shared_data: Path | None
) -> None:
    source = (
        shared_data / "inputs" / "sms_spam" / "SMSSpamCollection.tsv" if shared_data else tmp_path / "s.tsv"
    )
    if shared_data is None:
        source.write_text('ham\tSay "hi" to him\nspam\tWin now\n')
    done = run("label", str(source), *QUESTION, "--columns", "label,text", "--no-browser")
    assert done.returncode == 0, done.stderr
    lines = source.read_text().splitlines()
    (project,) = node.projects()
    assert project.counts.tasks == len(lines)
    assert [field.name for field in project.document.fields] == ["text"], "the answers are not given away"
    first = next(iter(node.tasks(project.id)))
    assert first.data == dict(zip(("label", "text"), lines[0].split("\t"), strict=True))


def test_import_reports_rejected_rows_and_exits_with_1(run: Run, node: Client, tmp_path: Path) -> None:
    project = run("project", "create", "SMS", *QUESTION).stdout.strip()
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": NaN}\n{"text": "two"}\n')
    (tmp_path / "b.csv").write_text("body\nthree\n")
    both = run("import", project, "a.jsonl", "nothing.csv")
    assert (both.returncode, node.project(project).counts.tasks) == (1, 0), "nothing is half-done"
    done = run("import", "SMS", "a.jsonl", "--json")
    assert done.returncode == 1
    (report,) = json.loads(done.stdout).values()
    assert (report["accepted"], [row for row, _, _ in report["rejected"]]) == (2, [2])
    assert run("import", "SMS", "b.csv", "--map", "body=text").returncode == 0
    assert [task.data["text"] for task in node.tasks(project)] == ["one", "two", "three"]
    (tmp_path / "gold.csv").write_text("text,right\nfour,ham\nfive,\n")
    assert run("import", "SMS", "gold.csv", "--gold", "right").returncode == 0
    assert [task.status for task in node.tasks(project)][3:] == ["gold", "open"]


def test_a_project_that_is_not_meant_clearly(run: Run, node: Client) -> None:
    assert "There is no project yet" in run("export").stderr
    for name in ("A", "A", "B"):
        node.create_project(name, [{"name": "text", "type": "text"}], [{"name": "q", "type": "text"}])
    assert "Name one by its id" in run("project", "show", "A").stderr
    missing = run("project", "show", "C")
    assert missing.returncode == 1 and "'C'" in missing.stderr and "B (prj-" in missing.stderr


def test_a_project_from_yaml(run: Run, node: Client, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: Urgency\noverlap: 3\nquestions:\n- {name: urgent, type: rating, min: 1, max: 4}\n"
    )
    done = run("project", "create", "--config", "p.yaml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["document"]["overlap"] == 3
    (tmp_path / "p.yaml").write_text("name: Urgency\noverlapp: 3\nquestions: []\n")
    wrong = run("project", "create", "X", "--choices", "a,b", "--config", "p.yaml")
    assert wrong.returncode == 1 and "overlapp" in wrong.stderr


# -- people, ledger, demo -----------------------------------------------------------------------


def test_organizations_and_members(run: Run, node: Client) -> None:
    made = run("organization", "create", "Rival")
    assert made.returncode == 0 and "/invite/" in made.stdout
    assert "Rival" in run("organization", "list").stdout
    member = json.loads(run("member", "create", "Ann", "--json").stdout)
    assert member["api_key"].startswith("ek_")
    assert "Ann" in run("member", "list").stdout
    refused = run("member", "create", "Bot", "--model", "--role", "manager")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr


def test_the_log_is_verified_by_address_and_by_folder_and_a_changed_one_is_found(
    run: Run, node: Client, tmp_path: Path
) -> None:
    project = node.create_project("A", [{"name": "text", "type": "text"}], [{"name": "q", "type": "text"}])
    node.import_tasks(project.id, [{"text": "one"}])
    work = node.next_assignment()
    assert work is not None
    node.submit(work.id, {"q": "x"}).proof()
    by_address = run("ledger", "verify", node.url, "--json")
    assert by_address.returncode == 0, by_address.stdout
    assert json.loads(by_address.stdout)["entries"] > 3
    assert run("ledger", "verify", str(tmp_path / "data")).returncode == 0
    public = tmp_path / "data" / "ledger" / "public"
    bundle = max(
        (path for path in (public / "tile" / "entries").rglob("*") if path.is_file()),
        key=lambda path: int(path.name),
    )
    bundle.write_bytes(bundle.read_bytes().replace(b"node", b"nope", 1))
    assert run("ledger", "verify", str(tmp_path / "data")).returncode == 1
    nowhere = run("ledger", "verify", str(tmp_path / "nothing"))
    assert nowhere.returncode == 1 and "Traceback" not in nowhere.stderr


def test_the_demo_is_filled_once_and_answered_in_part(run: Run, node: Client) -> None:
    """Projects of one's own, and a pool of three clients whose log an audit finds nothing in."""
    first = run("demo", "--no-browser")
    assert first.returncode == 0, first.stderr
    assert "/invite/" in first.stdout
    projects = {project.document.name: project for project in node.projects()}
    assert len(projects) == 5
    assert all(project.counts.annotations > 0 for project in projects.values())
    assert any(project.counts.done < project.counts.tasks for project in projects.values())
    (pool,) = node.exchange.pools()
    assert (pool.clients, pool.annotators) == (3, 5)
    blocked = {
        (one.client_name, one.entity_name) for one in node.exchange.ownership().conflicts if one.blocked
    }
    assert blocked == {("Acme Motors", "Sable Crowd"), ("Nova Robotics", "Sable Crowd")}
    audited = run("audit", node.url)
    assert audited.returncode == 0, audited.stdout
    assert "late statements of ownership: 0" in audited.stdout
    assert not any(stake.late for stake in node.exchange.ownership().stakes), "pages say what the audit says"
    again = run("demo", "--no-browser")
    assert again.returncode == 0 and len(node.exchange.pools()) == 1
    assert len(list(node.projects())) == 5
    roles = sorted(member.role for member in node.members())
    assert roles == ["annotator"] * 3 + ["manager", "owner"]


def test_the_demo_s_pictures_are_png() -> None:
    picture = examples.shelves().records[0][0]["image"]
    length = int.from_bytes(picture[33:37], "big")
    assert len(zlib.decompress(picture[41 : 41 + length])) == examples.HEIGHT * (1 + 3 * examples.WIDTH)


# -- what a file is taken for -------------------------------------------------------------------


def test_columns_are_guessed_from_their_values(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    records = [
        {
            "id": "1",
            "text": "hello there",
            "n": 3,
            "img": "a.jpg",
            "turns": [{"role": "user", "content": "hi"}],
        },
        {"id": "2", "text": "bye", "n": None, "img": "https://x.example/b.jpg", "metadata": {}},
    ]
    found = label_file.columns(records, tmp_path)
    types = {column.name: column.type for column in found}
    assert types == {"id": "text", "text": "text", "n": None, "img": "image", "turns": "chat"}
    shown = [field["name"] for field in label_file.fields(found, [], [])]
    assert shown == ["text", "img", "turns"]
    assert [field["name"] for field in label_file.fields(found, ["n"], [])] == ["n"]


def test_a_span_question_takes_the_longest_text() -> None:
    found = [label_file.Column("code", "text", 3.0), label_file.Column("body", "text", 90.0)]
    shown = [{"name": "code", "type": "text"}, {"name": "body", "type": "text"}]
    (question,) = label_file.questions([label_file.Asked("span", "PER,LOC")], ["Names?"], shown, found)
    assert (question["field"], question["name"]) == ("body", "names")


@pytest.mark.parametrize(
    ("title", "name"),
    [("Is it spam?", "is_it_spam"), ("Größe", "groe"), ("何ですか", ""), ("  A--B  ", "a_b")],
)
def test_titles_become_short_keys(title: str, name: str) -> None:
    assert label_file.identifier(title) in (name, "grosse")


def test_a_project_of_label_studio_comes_and_goes_back(run: Run, node: Client, tmp_path: Path) -> None:
    choices = '<Choices name="c" toName="t"><Choice value="A"/><Choice value="B"/></Choices>'
    shown = '<Text name="t" value="$text"/><Image name="i" value="$image"/>'
    config = f"<View>{shown}{choices}<Relations/></View>"
    (tmp_path / "config.xml").write_text(config)
    result = [{"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": ["B"]}}]
    annotation = {"completed_by": 3, "created_at": "2026-01-02T03:04:05Z", "result": result}
    data = {"text": "x", "image": "/data/upload/1/1.png"}
    task = {"id": 1, "data": data, "annotations": [annotation]}
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "1.png").write_bytes(examples.shelves().records[1][0]["image"])
    (tmp_path / "export.json").write_text(json.dumps([task]))
    command = ["import", "--from", "label-studio", "export.json", "--config", "config.xml"]
    refused = run(*command)
    assert refused.returncode == 1 and "control Relations" in refused.stderr
    assert "media of the field image (1 times)" in refused.stderr
    assert "Nothing was written" in refused.stderr and not list(node.projects())
    done = run(*command, "--media", "media", "--accept-loss", "--json")
    assert done.returncode == 0, done.stderr
    moved = json.loads(done.stdout)
    assert (moved["tasks"], moved["annotations"], moved["fresh"]) == (1, 1, True)
    assert [one["where"] for one in moved["lost"]] == ["control Relations"]
    unaccepted = run("export", moved["project_id"], "--format", "label_studio", "--out", "back")
    assert unaccepted.returncode == 1 and "cannot carry everything" in unaccepted.stderr
    back = run("export", moved["project_id"], "--format", "label_studio", "--out", "back", "--accept-loss")
    assert back.returncode == 0, back.stderr
    (returned,) = json.loads((tmp_path / "back" / "tasks.json").read_text())
    assert returned["annotations"][0]["result"][0]["value"] == {"choices": ["B"]}
    assert 'choice="single"' in (tmp_path / "back" / "config.xml").read_text()
    assert run("import", "nothing.csv").returncode == 2  # a file, and no project
