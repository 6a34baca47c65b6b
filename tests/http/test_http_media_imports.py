"""Media that come with an import: in an archive beside the table, or from addresses in the records."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evenhand.core.errors import Invalid
from evenhand.sdk import Report
from evenhand.service import gathering, intake

from ..films import mp4
from .test_http_media import png, wav

FIELDS = [{"name": "text"}, {"name": "photo", "type": "image"}, {"name": "sound", "type": "audio"}]
QUESTION = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}


def new_project(site: Any, fields: list[dict[str, str]] = FIELDS) -> str:
    draft = {"name": "Media", "fields": fields, "questions": [QUESTION]}
    return str(site.ok(site.operator, "POST", "/projects", json=draft)["id"])


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def bring(site: Any, project: str, path: Path, **more: Any) -> Report:
    return site.client(site.operator).import_tasks(project, path, **more)


def tasks(site: Any, project: str) -> list[dict[str, Any]]:
    rows = site.ok(site.operator, "GET", f"/projects/{project}/tasks?limit=200")["items"]
    return [site.ok(site.operator, "GET", f"/tasks/{row['task_id']}") for row in rows]


def medium(site: Any, task: dict[str, Any], field: str) -> bytes:
    return bytes(site.call(site.operator, "GET", f"/tasks/{task['task_id']}/media/{field}").content)


def test_videos_in_an_archive_go_where_they_are_shown(quick: Any, tmp_path: Path) -> None:
    """To the field for videos; where there is none, to one for sounds, which plays theirs."""
    film = mp4(640, 360, 25, last=True)
    both = [{"name": "sound", "type": "audio"}, {"name": "film", "type": "video"}]
    for fields, name in ((both, "film"), (both[:1], "sound")):
        project = new_project(quick, fields)
        path = pack(tmp_path / f"{name}.zip", {"a.mov": film, "b.wav": wav()})
        assert bring(quick, project, path).accepted == 2
        first, second = tasks(quick, project)
        told = first["data"][name]
        assert (told["type"], told["width"], told["height"], told["fps"]) == ("video/mp4", 640, 360, 25.0)
        assert list(second["data"]) == ["sound"]
        answer = quick.call(
            quick.operator,
            "GET",
            f"/tasks/{first['task_id']}/media/{name}",
            headers={"Range": "bytes=400000-"},
        )
        assert (answer.status_code, answer.content) == (206, film[400_000:])
        assert answer.headers["content-type"] == "video/mp4"
    with pytest.raises(Invalid):
        quick.client(quick.operator).upload(project, film[:3], "video/mp4")


def test_an_archive_with_its_table(quick: Any, tmp_path: Path) -> None:
    project = new_project(quick)
    table = 'file,text,sound,metadata\nphotos/a.png,one,,"{""k"":1}"\nphotos/a.png,two,x.wav,\n'
    table += "photos/none.png,three,,\n../../out.png,four,,\nnotes.txt,five,,\n"
    files = {
        "set/rows.csv": table.encode(),
        "set/photos/a.png": png(3, 2),
        "x.wav": wav(),
        "notes.txt": b"no",
    }
    path = pack(tmp_path / "set.zip", files | {"../../out.png": png(1, 1)})
    report = bring(quick, project, path, mapping={"file": "photo"})
    assert report.accepted == 2
    assert [(row, at) for row, at, _ in report.rejected] == [(4, "file"), (5, "file"), (6, "file")]
    reasons = " ".join(why for _, _, why in report.rejected)
    assert "holds no file 'photos/none.png'" in reasons and "leads out" in reasons and "no image" in reasons
    one, two = tasks(quick, project)
    assert (one["data"]["photo"]["width"], one["data"]["sound"]) == (3, "")
    assert medium(quick, one, "photo") == medium(quick, two, "photo") == png(3, 2)
    assert medium(quick, two, "sound") == wav()
    assert one["metadata"] == {"k": 1, "media": {"photo": "photos/a.png"}}
    assert two["metadata"] == {"media": {"photo": "photos/a.png", "sound": "x.wav"}}
    again = bring(quick, project, path, mapping={"file": "photo"})
    assert (again.accepted, again.present, again.rejected_count) == (0, 2, 3)
    assert not list((quick.app.node.config.data / "imports").iterdir()), "nothing unpacked is left"


def test_an_archive_of_media_alone(quick: Any, tmp_path: Path) -> None:
    project = new_project(quick)
    files = {
        "a/1.png": png(1, 1),
        "a/2.png": png(2, 2),
        "3.wav": wav(),
        "__MACOSX/._1.png": b"",
        "n.txt": b"no",
    }
    report = bring(quick, project, pack(tmp_path / "m.zip", files))
    assert report.accepted == 3
    assert [(row, at) for row, at, _ in report.rejected] == [(5, "n.txt")]
    found = {task["external_id"]: list(task["data"]) for task in tasks(quick, project)}
    assert found == {"a/1.png": ["photo"], "a/2.png": ["photo"], "3.wav": ["sound"]}
    assert bring(quick, project, tmp_path / "m.zip").present == 3


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.csv": b"text\nx\n", "b.jsonl": b"{}"}, "several tables: a.csv, b.jsonl"),
        ({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"}, "office document"),
        ({}, "empty archive"),
        ({"a.csv": b"text\ncaf\xe9\n", "a.png": b"x"}, "UTF-8"),
    ],
)
def test_an_archive_that_cannot_be_taken_fails_whole(
    quick: Any, tmp_path: Path, files: dict[str, bytes], says: str
) -> None:
    project = new_project(quick)
    with pytest.raises(Invalid, match=says):
        bring(quick, project, pack(tmp_path / "a.zip", files))
    assert tasks(quick, project) == []


def test_media_without_a_field_for_them(quick: Any, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no field that shows media"):
        bring(quick, new_project(quick, [{"name": "text"}]), pack(tmp_path / "a.zip", {"a.png": png(1, 1)}))


# ---- addresses -------------------------------------------------------------------------------------


class Host:
    """A web server with some media, and some that are none. Counts what it is asked for."""

    def __init__(self) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                reply = {
                    "/moved": (302, {"Location": "/a.png"}, b""),
                    "/inside": (302, {"Location": f"http://localhost:{self.server.server_port}/a.png"}, b""),
                    "/round": (302, {"Location": "/round"}, b""),
                    "/page": (200, {}, b"<html><script>1</script></html>"),
                    "/large": (200, {}, png(3, 2) + bytes(200_000)),
                    "/gone": (404, {}, b""),
                }.get(self.path, (200, {}, png(3, 2)))
                self.send_response(reply[0])
                for name, value in {**reply[1], "Content-Length": str(len(reply[2]))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply[2])

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    yield running
    running.server.shutdown()
    running.server.server_close()


def lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_media_behind_addresses_come_in_when_asked_for(
    start_site: Callable[..., Any], host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MAX_BLOB", 100_000)
    site = start_site(outbound_hosts=("127.0.0.1",))
    project = new_project(site)
    port = host.server.server_port
    names = ["/a.png", "/a.png", "/moved", "/gone", "/page", "/large", "/round", "/inside"]
    records = [{"text": name, "photo": host.url + name} for name in names]
    records += [{"text": "private", "photo": f"http://localhost:{port}/a.png"}, {"text": host.url + "/text"}]
    report = bring(site, project, lines(tmp_path / "r.jsonl", records), fetch_media=True)
    assert report.accepted == 4
    told = {row: why for row, at, why in report.rejected if at == "photo"}
    assert [*told] == [4, 5, 6, 7, 8, 9]
    for row, says in [(4, "answered 404"), (5, "no image"), (6, "larger"), (7, "redirects")]:
        assert says in told[row]
    assert "private network" in told[8] and "private network" in told[9]
    assert "/text" not in host.asked, "only fields of media are fetched"
    one, two, moved, plain = tasks(site, project)
    assert {medium(site, task, "photo") for task in (one, two, moved)} == {png(3, 2)}
    assert moved["metadata"] == {"media": {"photo": f"{host.url}/moved"}}
    assert plain["data"] == {"text": host.url + "/text"}
    host.asked.clear()
    same = site.client(site.operator).import_tasks(project, records[:1], fetch_media=True)
    assert (same.accepted, same.present, host.asked) == (0, 1, ["/a.png"])


def test_nothing_is_fetched_unasked(quick: Any, host: Host, tmp_path: Path) -> None:
    project = new_project(quick)
    record = {"text": "x", "photo": f"{host.url}/a.png"}
    path = pack(tmp_path / "a.zip", {"rows.jsonl": json.dumps(record).encode(), "a.png": png(1, 1)})
    assert bring(quick, project, lines(tmp_path / "r.jsonl", [record])).accepted == 1
    assert bring(quick, project, path).present == 1
    assert host.asked == []
    assert tasks(quick, project)[0]["data"] == record


def test_rows_one_by_one_cannot_fetch(quick: Any) -> None:
    project = new_project(quick)
    opened = quick.ok(
        quick.operator, "POST", f"/projects/{project}/imports", json={"name": "x", "fetch_media": True}
    )
    answer = quick.call(quick.operator, "POST", f"/imports/{opened['id']}/rows?line=1", content=b"{}")
    assert (answer.status_code, answer.json()["rule"]) == (400, "import.fetch-media")


def test_a_host_that_is_silent_is_not_asked_for_ever(
    start_site: Callable[..., Any], free_port: int, tmp_path: Path
) -> None:
    site = start_site(outbound_hosts=("127.0.0.1",))
    records = [{"photo": f"http://127.0.0.1:{free_port}/{i}.png"} for i in range(60)]
    report = bring(site, new_project(site), lines(tmp_path / "r.jsonl", records), fetch_media=True)
    assert report.rejected_count == 60
    assert "5 times in a row" in report.rejected[-1][2]


def test_an_import_that_was_stopped_goes_on_behind_what_is_there(
    start_site: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = start_site()
    project = new_project(site)
    path = pack(tmp_path / "m.zip", {f"{i:03}.png": png(i + 1, 1) for i in range(60)})
    real, dead = intake.take, threading.Event()

    def once(*given: Any) -> Any:
        """Takes the first group, and dies on the second as in a power cut."""
        if real_calls:
            dead.set()
            raise SystemError("power cut")
        real_calls.append(1)
        return real(*given)

    real_calls: list[int] = []
    monkeypatch.setattr(intake, "take", once)
    name = {"name": "m.zip", "bytes": path.stat().st_size}
    opened = site.ok(site.operator, "POST", f"/projects/{project}/imports", json=name)
    site.ok(site.operator, "PUT", f"/imports/{opened['id']}/file?offset=0", content=path.read_bytes())
    site.ok(site.operator, "POST", f"/imports/{opened['id']}/finish")
    assert dead.wait(120)
    half = site.ok(site.operator, "GET", f"/imports/{opened['id']}")
    assert (half["state"], half["accepted"]) == ("running", intake.FEW)
    start_site.stop()  # type: ignore[attr-defined]  # a function with a second one
    monkeypatch.setattr(intake, "take", real)
    site = start_site()
    client = site.client(site.operator)
    while (now := next(iter(client.imports(project)))).state == "running":
        pass
    assert (now.state, now.accepted, now.present) == ("done", 60, 0)
