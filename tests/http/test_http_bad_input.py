"""What nobody should send: each gets an answer that says what and where, and leaves nothing half-done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FIELDS = [{"name": "text"}, {"name": "photo", "type": "image"}]
QUESTIONS = [
    {"name": "spam", "type": "choice", "choices": ["ham", "spam"]},
    {"name": "marks", "type": "span", "field": "text", "labels": ["A"], "required": False},
    {"name": "cars", "type": "box", "field": "photo", "labels": ["car"], "required": False},
    {"name": "count", "type": "number", "required": False},
    {"name": "note", "type": "text", "required": False},
]
HUGE = str(2**63)


@pytest.fixture(scope="module")
def desk(site: Any) -> dict[str, str]:
    """A project with tasks, and one assignment to be answered."""
    client = site.client(site.operator)
    project = client.create_project("Bad input", fields=FIELDS, questions=QUESTIONS, overlap=1)
    photo = {"blob": "0" * 64, "width": 3, "height": 2}
    client.import_tasks(project.id, [{"text": "ab\U0001f600cd", "photo": photo} for _ in range(3)])
    annotator = client.create_annotator("Ana").api_key
    work = site.client(annotator).next_assignment(project.id)
    started = site.ok(site.operator, "POST", f"/projects/{project.id}/imports", json={"name": "x"})
    return {"project": project.id, "assignment": work.id, "annotator": annotator, "import": started["id"]}


ANSWERS = [
    ({"spam": "eggs"}, "answers.spam"),
    ({}, "answers.spam"),
    ({"spam": ["ham"]}, "answers.spam"),
    ({"spam": "ham", "other": 1}, "answers.other"),
    ({"spam": "ham", "marks": [{"start": 0, "end": 6, "label": "A"}]}, "answers.marks[0].end"),
    ({"spam": "ham", "marks": [{"start": -1, "end": 1, "label": "A"}]}, "answers.marks[0].start"),
    ({"spam": "ham", "marks": [{"start": 2, "end": 2, "label": "A"}]}, "answers.marks[0].end"),
    (
        {"spam": "ham", "cars": [{"x": 1, "y": 1, "width": 9, "height": 1, "label": "car"}]},
        "answers.cars[0].width",
    ),
    ({"spam": "ham", "count": 10**400}, "answers.count"),
    ({"spam": "ham", "note": "a\0b"}, "answers.note"),
]


@pytest.mark.parametrize(("answers", "where"), ANSWERS, ids=[where for _, where in ANSWERS])
def test_answers_that_do_not_fit(site: Any, desk: dict[str, str], answers: Any, where: str) -> None:
    path = f"/assignments/{desk['assignment']}/submit"
    said = site.call(desk["annotator"], "POST", path, json={"answers": answers})
    assert (said.status_code, said.json()["where"]) == (400, where)
    assert site.client(site.operator).project(desk["project"]).counts.annotations == 0


BODIES = [
    (b'{"answers":{"spam":"ham","note":"\\ud83d"}}', "answers.note", "surrogate"),
    (b'{"answers":{"spam":"ham","count":NaN}}', "answers.count", "not a JSON number"),
    (b'{"answers":{"spam":"ham","count":1e999}}', "answers.count", "too large"),
    (b'{"answers":', "", "not JSON"),
    (b"\xff\xfe", "", "not UTF-8"),
    (b'{"answers":{"spam":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "", "deep"),
    (b'{"answers":{"spam":"ham"},"seconds":-5}', "seconds", ""),
    (b'{"answers":{"spam":"ham"},"seconds":1e300}', "seconds", ""),
    (b'{"answers":{"spam":"ham"},"revision":' + HUGE.encode() + b"}", "revision", ""),
]


@pytest.mark.parametrize(("body", "where", "says"), BODIES, ids=[str(i) for i in range(len(BODIES))])
def test_bodies_that_are_none(site: Any, desk: dict[str, str], body: bytes, where: str, says: str) -> None:
    said = site.call(desk["annotator"], "POST", f"/assignments/{desk['assignment']}/submit", content=body)
    told = said.json()
    assert said.status_code == 400 and says in told["detail"] and told["where"].startswith(where), told


REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/deliveries?after=99999999999999999999999999.x", None),
    ("GET", "/deliveries?state=%00", None),
    ("GET", "/projects/{project}/tasks?limit=99999999999999999999999", None),
    ("GET", "/projects/{project}/tasks?after=" + HUGE, None),
    ("GET", "/projects/{project}/tasks?search=%ff", None),
    ("GET", "/projects/{project}/versions/" + HUGE + "/form", None),
    ("GET", "/tasks/{project}-99999999999999999999", None),
    ("GET", "/tasks/..%2f..%2fetc%2fpasswd", None),
    ("GET", "/receipts/node/99999999999999999999", None),
    ("GET", "/exports/exp-x/files/..%2f..%2fledger%2fkey", None),
    ("GET", "/projects/%00", None),
    ("POST", "/projects/{project}/imports", {"name": "x", "bytes": -3}),
    ("POST", "/projects/{project}/imports", {"name": "x", "bytes": 2**63}),
    ("POST", "/projects/{project}/imports", {"name": "a\0b"}),
    ("POST", "/imports/{import}/rows?line=-1", None),
    ("POST", "/imports/{import}/rows?line=" + HUGE, None),
    ("PUT", "/imports/{import}/file?offset=-5", None),
    ("PUT", "/imports/{import}/file?offset=" + HUGE, None),
    ("POST", "/members", {"name": "a\0b"}),
    ("POST", "/webhooks", {"url": "http://ex\0ample.org"}),
    ("POST", "/invites", {"hours": 2**63}),
    ("POST", "/keys", {"name": "k", "days": 2**63}),
    ("POST", "/projects", {"name": "n", "fields": FIELDS, "questions": QUESTIONS, "overlap": 2**63}),
    ("POST", "/projects", {"name": "a\0b", "fields": FIELDS, "questions": QUESTIONS}),
    ("POST", "/projects", {"name": "n", "fields": FIELDS, "questions": QUESTIONS, "instructions": "a\0b"}),
    ("POST", "/assignments/next", {"count": 2**63}),
    ("POST", "/assignments/next", {"have": ["a\0b"]}),
    ("POST", "/projects/{project}/tasks/actions", {"action": "prioritise", "filter": {}, "priority": 2**63}),
    ("POST", "/projects/{project}/tasks/actions", {"action": "withdraw", "filter": {"search": "a\0b"}}),
    ("PATCH", "/projects/{project}", {"version": 2**63, "overlap": 2}),
    ("PATCH", "/tasks/{project}-1", {"data": {"text": "a\0b"}}),
    ("POST", "/assignments/asg-forged/submit", {"answers": {"spam": "ham"}}),
    ("POST", "/session", {"email": "a\0@example.org", "password": "x" * 20}),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), REQUESTS, ids=[f"{m} {p} {i}" for i, (m, p, _) in enumerate(REQUESTS)]
)
def test_no_request_breaks_the_node(
    site: Any, desk: dict[str, str], method: str, path: str, body: Any
) -> None:
    """On both stores: what one database would take and the other would not is refused before either."""
    given = {"json": body} if body is not None else {"content": b"{}"} if method != "GET" else {}
    said = site.call(site.operator, method, path.format(**desk), **given)
    assert 400 <= said.status_code < 500, (said.status_code, said.text)
    told = said.json()
    assert told["rule"] and told["detail"]


def test_the_same_answer_twice_is_one_answer(site: Any, desk: dict[str, str]) -> None:
    annotator = site.client(desk["annotator"])
    first = annotator.submit(
        desk["assignment"], {"spam": "ham", "marks": [{"start": 2, "end": 3, "label": "A"}]}
    )
    again = annotator.submit(
        desk["assignment"], {"spam": "ham", "marks": [{"start": 2, "end": 3, "label": "A"}]}
    )
    assert (first.leaf, first.place) == (again.leaf, again.place)
    assert site.client(site.operator).project(desk["project"]).counts.annotations == 1


FILES: list[tuple[str, bytes, int, list[tuple[int, str]]]] = [
    ("bom.csv", "\ufefftext\nGrüße\n".encode(), 1, []),
    ("wide.csv", "text\nGrüße\n".encode("utf-16"), 1, []),
    ("ragged.csv", b"text,n\na,1\nb\nc,1,2,3\nd,4\n", 2, [(3, "1 cells"), (4, "4 cells")]),
    ("nul.csv", b"text\na\0b\nok\n", 1, [(2, "NUL")]),
    ("open.csv", b'text,n\n"abc,1\nd,2\n', 0, [(2, "never closes")]),
    ("cell.csv", b"text\n" + b"x" * 100_000_000 + b"\nafter\n", 1, [(2, "bytes in one row")]),
    ("cell.jsonl", b'{"text":"' + b"x" * 100_000_000 + b'"}\n{"text":"y"}\n', 1, [(1, "bytes in one row")]),
    (
        "middle.jsonl",
        b'{"text":"1"}\n{"text": oops}\n[1]\n{"a":1,"a":2}\n{"a":NaN}\n{"a":1e999}\n'
        b'{"a":123456789012345678901234567890}\n{"a":"\\ud83d"}\n{"a":"\\u0000"}\n{"text":"2"}\n',
        2,
        [
            (2, "not JSON"), (3, "a list"), (4, "twice"), (5, "NaN"), (6, "too large"), (7, "64 bits"),
            (8, "surrogate"), (9, "NUL"),
        ],
    ),
    (
        "twice.jsonl",
        b'{"external_id":"1","text":"a"}\n{"external_id":"1","text":"b"}\n{"external_id":"2","text":"a"}\n',
        2,
        [(2, "has the external id '1'")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "accepted", "rejected"), FILES, ids=[name for name, *_ in FILES])
def test_files_with_faults(
    quick: Any, tmp_path: Path, name: str, data: bytes, accepted: int, rejected: list[tuple[int, str]]
) -> None:
    client = quick.client(quick.operator)
    project = client.create_project("Faults", fields=[{"name": "text"}], questions=QUESTIONS[:1])
    (tmp_path / name).write_bytes(data)
    report = client.import_tasks(project.id, tmp_path / name)
    assert report.accepted == accepted
    assert [row for row, _, _ in report.rejected] == [row for row, _ in rejected]
    for (_, _, why), (_, says) in zip(report.rejected, rejected, strict=True):
        assert says in why


def test_a_disk_that_is_full_loses_no_upload(
    quick: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The piece that did not fit is told, nothing of it counts, and the upload goes on from there."""
    import os

    client = quick.client(quick.operator)
    project = client.create_project("Full", fields=[{"name": "text"}], questions=QUESTIONS[:1])
    data = b"text\n" + b"row\n" * 10
    path = f"/projects/{project.id}/imports"
    started = quick.ok(quick.operator, "POST", path, json={"name": "a.csv", "bytes": len(data)})
    real: Callable[..., int] = os.pwrite

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    target = f"/imports/{started['id']}/file?offset=0"
    said = quick.call(quick.operator, "PUT", target, content=data)
    assert (said.status_code, said.json()["rule"]) == (503, "disk.full") and said.json()["remedy"]
    assert quick.ok(quick.operator, "GET", f"/imports/{started['id']}")["received"] == 0
    monkeypatch.setattr(os, "pwrite", real)
    quick.ok(quick.operator, "PUT", target, content=data)
    done = quick.ok(quick.operator, "POST", f"/imports/{started['id']}/finish")
    while done["state"] == "running":
        done = quick.ok(quick.operator, "GET", f"/imports/{started['id']}")
    assert (done["state"], done["accepted"]) == ("done", 10)
    assert json.dumps(done["error"]) == "null"
