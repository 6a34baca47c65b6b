"""A model of one's own over Label Studio's protocol: connected, asked, suggested, counted, trained."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from label_studio_tools.core.label_config import parse_config
from label_studio_tools.core.utils.io import get_local_path

from evenhand import cli
from evenhand.outbound import Door

from .conftest import Site
from .ml_backend import Model, serve

QUESTIONS = [
    {"name": "spam", "type": "choice", "choices": ["ham", "spam"]},
    {"name": "who", "type": "span", "field": "text", "labels": ["person", "place"], "required": False},
]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def backend(model: Model, site: Site) -> Iterator[str]:
    """Its address; the node may send to it."""
    before, site.app.node.door = site.app.node.door, Door(("127.0.0.1",))
    with serve(model) as url:
        yield url
    site.app.node.door = before


def made(site: Site, texts: list[str], **more: Any) -> str:
    draft = {"name": "Spam", "fields": [{"name": "text"}], "questions": QUESTIONS, "overlap": 2, **more}
    project: str = site.ok(site.operator, "POST", "/projects", json=draft)["id"]
    add(site, project, texts)
    return project


def add(site: Site, project: str, texts: list[str]) -> None:
    started = site.ok(site.operator, "POST", f"/projects/{project}/imports", json={"name": "rows"})
    rows = "\n".join(f'{{"text": "{text}"}}' for text in texts)
    site.ok(site.operator, "POST", f"/imports/{started['id']}/rows?line=1", content=rows.encode())
    site.ok(site.operator, "POST", f"/imports/{started['id']}/finish")


def connect(site: Site, project: str, url: str, **more: Any) -> dict[str, Any]:
    body = {"url": url, **more}
    return dict(site.ok(site.operator, "POST", f"/projects/{project}/backends", json=body))


def until(state: Callable[[], Any]) -> Any:
    """What `state` gives once it gives anything."""
    deadline = time.monotonic() + 120
    while not (found := state()):
        assert time.monotonic() < deadline, "it never comes"
        time.sleep(0.05)
    return found


def settled(site: Site, project: str) -> dict[str, Any]:
    def look() -> Any:
        (one,) = site.ok(site.operator, "GET", f"/projects/{project}/backends")["items"]
        return one if one["state"] != "predicting" else None

    return dict(until(look))


def predict(site: Site, project: str, backend: dict[str, Any]) -> dict[str, Any]:
    began = site.ok(site.operator, "POST", f"/backends/{backend['id']}/predict")
    assert began["state"] == "predicting"
    return settled(site, project)


def given(site: Site, project: str) -> dict[str, Any]:
    body = {"project_id": project, "count": 1}
    (one,) = site.ok(site.operator, "POST", "/assignments/next", json=body)["assignments"]
    return dict(one)


def test_predictions_are_suggested_and_count(site: Site, model: Model, backend: str) -> None:
    project = made(site, ["Buy 👩 Zoë!", *(f"message {n}" for n in range(24))])
    connected = connect(site, project, backend + "/", title="Rules")
    assert connected["version"] == "rules-1"
    assert (connected["url"], connected["state"]) == (backend, "ready")
    setup = model.of("/setup")[0]
    assert setup["project"].startswith(f"{project}.")
    assert '<Choices name="spam" toName="show_text" choice="single">' in setup["schema"]
    assert setup["access_token"] == "", "nobody's own key goes out"

    done = predict(site, project, connected)
    assert (done["state"], done["total"], done["predicted"]) == ("ready", 25, 25)
    assert [len(body["tasks"]) for body in model.of("/predict")] == [20, 5], "in batches"
    one = given(site, project)
    assert one["suggestion"] == {"spam": "spam", "who": [{"start": 6, "end": 9, "label": "person"}]}
    fetched = site.ok(site.operator, "GET", f"/assignments/{one['id']}")
    assert fetched["suggestion"] == one["suggestion"]
    task = site.ok(site.operator, "GET", f"/tasks/{one['task_id']}")
    assert [(a["name"], a["kind"], a["answers"]) for a in task["annotations"] if a["answers"]] == [
        ("Rules rules-1", "model", {"spam": "spam", "who": [{"start": 6, "end": 9, "label": "person"}]})
    ]
    answers = {"spam": "ham", "who": []}
    site.ok(site.operator, "POST", f"/assignments/{one['id']}/submit", json={"answers": answers})
    task = site.ok(site.operator, "GET", f"/tasks/{one['task_id']}")
    assert task["status"] == "done", "one of two answers was the model's"

    again = predict(site, project, connected)
    assert again["total"] == 0, "what it said already is not asked again"
    model.version = "rules-2"
    newer = predict(site, project, connected)
    assert (newer["version"], newer["total"]) == ("rules-2", 24)


def test_a_model_that_only_suggests_gives_no_annotation(site: Site, model: Model, backend: str) -> None:
    project = made(site, ["Now!", "hello"], overlap=1)
    body = {"url": backend}
    refused = site.call(site.operator, "POST", f"/projects/{project}/backends", json=body)
    assert (refused.status_code, refused.json()["rule"]) == (403, "backend.counts")
    model.one_at_a_time = True
    done = predict(site, project, connect(site, project, backend, counts=False))
    assert (done["total"], done["predicted"]) == (2, 2), "asked again one by one"
    one = given(site, project)
    assert one["suggestion"]["spam"] == "spam"
    task = site.ok(site.operator, "GET", f"/tasks/{one['task_id']}")
    assert [a["kind"] for a in task["annotations"]] == ["human"], "the one who looks at it"
    site.ok(site.operator, "DELETE", f"/backends/{done['id']}")
    assert site.ok(site.operator, "GET", f"/assignments/{one['id']}")["suggestion"] is None
    assert site.ok(site.operator, "GET", f"/projects/{project}/backends")["items"] == []


def test_a_backend_that_stumbles_is_asked_again_and_one_that_falls_says_why(
    site: Site, model: Model, backend: str
) -> None:
    project = made(site, ["one", "two"])
    connected = connect(site, project, backend)
    model.broken = 1
    assert predict(site, project, connected)["predicted"] == 2
    add(site, project, ["three"])
    site.app.node.door = Door()  # the operator takes the host out again
    failed = predict(site, project, connected)
    assert failed["state"] == "failed"
    assert "private network" in failed["reason"]


def test_the_annotator_asks_with_what_is_answered_so_far(site: Site, model: Model, backend: str) -> None:
    project = made(site, ["hello Zoë"])
    one = given(site, project)
    nobody = site.call(site.operator, "POST", f"/assignments/{one['id']}/ask", json={})
    assert (nobody.status_code, nobody.json()["rule"]) == (404, "backend.none")
    form = site.ok(site.operator, "GET", f"/projects/{project}/versions/{one['version']}/form")
    assert form["asks"] is False
    connect(site, project, backend, interactive=True)
    assert (
        site.ok(site.operator, "GET", f"/projects/{project}/versions/{one['version']}/form")["asks"] is True
    )
    marked = {"who": [{"start": 6, "end": 9, "label": "person"}]}
    said = site.ok(site.operator, "POST", f"/assignments/{one['id']}/ask", json={"answers": marked})
    assert said["answers"] == {"spam": "spam", **marked}
    (context,) = (body["params"]["context"]["result"] for body in model.of("/predict"))
    assert context[0]["value"] == {"start": 6, "end": 9, "text": "Zoë", "labels": ["person"]}


def test_tasks_with_known_answers_are_suggested_too_and_do_not_tell(quick: Site, model: Model) -> None:
    """Or annotators would know them by the suggestion that is missing."""
    before, quick.app.node.door = quick.app.node.door, Door(("127.0.0.1",))
    gold = {"per_mille": 400, "block": 8, "floor": 50, "evidence": 4}
    project = made(quick, ["one", "two"], questions=QUESTIONS[:1], overlap=1, order="random", gold=gold)
    started = quick.ok(quick.operator, "POST", f"/projects/{project}/imports", json={"name": "gold"})
    row = b'{"text": "three!", "gold_answers": {"spam": "ham"}}'
    quick.ok(quick.operator, "POST", f"/imports/{started['id']}/rows?line=1", content=row)
    quick.ok(quick.operator, "POST", f"/imports/{started['id']}/finish")
    with serve(model) as url:
        done = predict(quick, project, connect(quick, project, url, counts=False))
    quick.app.node.door = before
    assert (done["total"], done["predicted"]) == (3, 3)
    sent = [task["data"] for body in model.of("/predict") for task in body["tasks"]]
    assert sent == [{"text": "one"}, {"text": "two"}, {"text": "three!"}], "what is known is not sent"


def test_images_go_out_as_addresses_that_the_key_opens(quick: Site, model: Model, tmp_path: Path) -> None:
    before, quick.app.node.door = quick.app.node.door, Door(("127.0.0.1",))
    boxes = {"name": "things", "type": "box", "field": "photo", "labels": ["thing"]}
    draft = {"name": "P", "fields": [{"name": "photo", "type": "image"}], "questions": [boxes]}
    project = quick.ok(quick.operator, "POST", "/projects", json=draft)["id"]
    gif = b"GIF89a" + (200).to_bytes(2, "little") + (100).to_bytes(2, "little")
    sent = {"content": gif, "headers": {"Content-Type": "image/gif"}}
    blob = quick.ok(quick.operator, "POST", f"/projects/{project}/blobs", **sent)
    started = quick.ok(quick.operator, "POST", f"/projects/{project}/imports", json={"name": "rows"})
    record = {"photo": {"blob": blob["blob"], "width": 200, "height": 100}}
    rows = f"/imports/{started['id']}/rows?line=1"
    quick.ok(quick.operator, "POST", rows, content=json.dumps(record).encode())
    quick.ok(quick.operator, "POST", f"/imports/{started['id']}/finish")
    one = given(quick, project)
    with serve(model) as url:
        connect(quick, project, url, counts=False, interactive=True, access_token="a key")
        said = quick.ok(quick.operator, "POST", f"/assignments/{one['id']}/ask", json={})
    quick.app.node.door = before
    assert said["answers"] == {"things": [{"x": 20, "y": 20, "width": 100, "height": 30, "label": "thing"}]}
    assert model.of("/setup")[0]["access_token"] == "a key"
    address = model.of("/predict")[0]["tasks"][0]["data"]["photo"]
    setup = model.of("/setup")[0]
    reading = parse_config(setup["schema"])["things"]["inputs"]
    assert reading == [{"type": "Image", "value": "photo"}], "as backends read the configuration"
    path = get_local_path(address, str(tmp_path), hostname=setup["hostname"], access_token=quick.operator)
    assert Path(path).read_bytes() == gif, "as backends fetch, with `Authorization: Token`"


def test_training_is_told_of_annotations(site: Site, model: Model, backend: str) -> None:
    project = made(site, ["hello Zoë"], overlap=1)
    connected = connect(site, project, backend, counts=False, training=True)
    one = given(site, project)
    answers = {"spam": "ham", "who": [{"start": 6, "end": 9, "label": "person"}]}
    site.ok(site.operator, "POST", f"/assignments/{one['id']}/submit", json={"answers": answers})
    site.ok(site.operator, "POST", f"/backends/{connected['id']}/train")
    until(lambda: len(model.of("/webhook")) == 2)
    told = {body["action"]: body for body in model.of("/webhook")}
    assert told["START_TRAINING"]["project"]["label_config"].startswith("<View>")
    revised = {"answers": {**answers, "spam": "spam"}, "revision": 1}
    site.ok(site.operator, "POST", f"/assignments/{one['id']}/submit", json=revised)
    site.ok(site.operator, "PATCH", f"/tasks/{project}-1", json={"data": {"text": "bye Zoë"}})
    site.ok(site.operator, "PATCH", f"/projects/{project}", json={"version": 1, "instructions": "Anew."})
    until(lambda: len(model.of("/webhook")) == 5)
    told = {body["action"]: body for body in model.of("/webhook")}
    assert told["ANNOTATION_UPDATED"]["annotation"]["id"] == told["ANNOTATION_CREATED"]["annotation"]["id"]
    assert told["ANNOTATIONS_DELETED"]["annotations"] == [{"id": one["id"]}]
    assert told["PROJECT_UPDATED"]["project"]["label_config"].startswith("<View>")
    made_ = told["ANNOTATION_CREATED"]
    assert made_["project"]["id"] == made_["annotation"]["project"] == project
    assert model.of("/setup")[0]["project"].partition(".")[0] == project, "as backends cut it"
    assert made_["task"]["data"] == {"text": "hello Zoë"}
    assert [part["type"] for part in made_["annotation"]["result"]] == ["choices", "labels"]


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://127.0.0.1:9", "outbound.private"),
        ("ftp://host", "outbound.url"),
        ("https://model.example?x=1", "backend.url"),
    ],
)
def test_addresses_that_are_refused(quick: Site, url: str, rule: str) -> None:
    project = made(quick, ["hello"])
    answer = quick.call(quick.operator, "POST", f"/projects/{project}/backends", json={"url": url})
    assert answer.json()["rule"] == rule


def test_what_is_no_backend_is_not_kept(quick: Site) -> None:
    project = made(quick, ["hello"])
    before, quick.app.node.door = quick.app.node.door, Door(("127.0.0.1",))
    own = httpx.URL(quick.url)  # a web server, and no backend
    answer = quick.call(
        quick.operator, "POST", f"/projects/{project}/backends", json={"url": f"http://127.0.0.1:{own.port}"}
    )
    quick.app.node.door = before
    assert (answer.status_code, answer.json()["rule"]) == (503, "backend.answer")
    assert quick.ok(quick.operator, "GET", f"/projects/{project}/backends")["items"] == []


def test_by_command_line(
    start_site: Callable[..., Site], model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = start_site(outbound_hosts=("127.0.0.1",))
    project = made(site, ["Now!"])
    monkeypatch.setenv("EVENHAND_DATA", str(tmp_path / "data"))

    def run(*arguments: str) -> str:
        ended = CliRunner().invoke(cli.commands, ["ml", *arguments], catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
        return ended.output

    model.login = "eva:pa:ss wörd"
    with serve(model) as url:
        body = {"url": url}
        refused = site.call(site.operator, "POST", f"/projects/{project}/backends", json=body).json()
        assert refused["rule"] == "backend.login" and "--login" in refused["remedy"]
        arguments = ["--title", "Rules", "--training", "--login", model.login]
        connected = json.loads(run("connect", "Spam", url, *arguments, "--json"))
        assert model.login not in json.dumps(connected)
        assert (connected["project_id"], connected["counts"], connected["training"]) == (project, True, True)
        run("predict", connected["id"])
        until(lambda: "said something of 1 of 1 tasks" in run("list", "Spam"))
        run("train", connected["id"])
        until(lambda: model.of("/webhook"))
        run("disconnect", connected["id"])
    assert run("list", "Spam").strip() == "There is no backend yet."
