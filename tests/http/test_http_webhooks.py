"""Webhooks and callbacks: what is told, how it is signed, that it comes again, and who sees it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from scaleapi import ScaleClient, exceptions
from scaleapi.tasks import TaskType

from evenhand import cli
from evenhand.core.errors import Refused
from evenhand.outbound import Door
from evenhand.service import backends, webhooks

WORDS = {"attachment_type": "text", "categories": ["ham", "spam"]}


class Listener:
    """Another program: keeps what it is told, and answers with the status that it is set to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.heard.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer.status)
                self.send_header("content-length", "5")
                self.end_headers()
                self.wfile.write(b"heard")

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def on(self, path: str) -> list[tuple[dict[str, str], Any]]:
        """What came to this path."""
        return [(headers, json.loads(body)) for at, headers, body in self.heard if at == path]


@pytest.fixture(scope="module")
def listener(site: Any) -> Iterator[Listener]:
    made = Listener()
    before, site.app.node.door = site.app.node.door, Door(("127.0.0.1",))
    yield made
    site.app.node.door = before
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def account(site: Any) -> str:
    return str(site.ok(site.operator, "POST", "/members", json={"name": "Olga", "role": "owner"})["api_key"])


@pytest.fixture(scope="module")
def annotator(site: Any, account: str) -> str:
    return str(site.ok(account, "POST", "/members", json={"name": "Anna"})["api_key"])


def until(true: Callable[[], Any]) -> Any:
    """Wait for something that another thread does."""
    limit = time.monotonic() + 60
    while not (found := true()):
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.05)
    return found


def new_project(site: Any, key: str) -> str:
    question = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}
    draft = {"name": "P", "fields": [{"name": "text"}], "questions": [question]}
    return str(site.ok(key, "POST", "/projects", json=draft)["id"])


def fill(site: Any, owner: str, annotator: str, project: str) -> str:
    """One task, imported and answered; gives its id."""
    client = site.client(owner)
    client.import_tasks(project, [{"text": f"t {time.time_ns()}"}])
    work = site.client(annotator).next_assignment(project)
    site.client(annotator).submit(work.id, {"spam": "ham"})
    return str(work.task_id)


def test_a_webhook_is_told_what_happens_and_can_check_it(
    site: Any, listener: Listener, account: str, annotator: str
) -> None:
    listener.status = 200
    project = new_project(site, account)
    asked = {"url": f"{listener.url}/all", "project_id": project}
    hook = site.ok(account, "POST", "/webhooks", json=asked)
    kinds = ["task.completed"]
    some = site.ok(account, "POST", "/webhooks", json={"url": f"{listener.url}/some", "kinds": kinds})
    task = fill(site, account, annotator, project)
    until(lambda: any(body["kind"] == "task.completed" for _, body in listener.on("/all")))
    headers, body = next(one for one in listener.on("/all") if one[1]["kind"] == "task.completed")
    assert (body["task_id"], body["project_id"]) == (task, project)
    until(lambda: any(body["kind"] == "task.imported" for _, body in listener.on("/all")))
    imported = next(body for _, body in listener.on("/all") if body["kind"] == "task.imported")
    assert (imported["first"], imported["count"]) == (1, 1) and "text" not in json.dumps(listener.on("/all"))
    sent = next(raw for at, h, raw in listener.heard if h.get("webhook-id") == headers["webhook-id"])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + sent
    secret = base64.b64decode(hook["secret"].removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    until(lambda: listener.on("/some"))
    assert {body["kind"] for _, body in listener.on("/some")} == {"task.completed"}
    assert "secret" not in json.dumps(site.ok(account, "GET", "/webhooks"))
    for one in (hook, some):
        site.ok(account, "DELETE", f"/webhooks/{one['id']}")
    assert site.ok(account, "GET", "/webhooks")["items"] == []


def delivery(site: Any, key: str, url: str) -> Any:
    found = [one for one in site.ok(key, "GET", "/deliveries")["items"] if one["url"] == url]
    return found[0] if found else None


def test_what_is_not_taken_comes_again_and_can_be_replayed(
    site: Any, listener: Listener, account: str, annotator: str
) -> None:
    listener.status = 500
    url = f"{listener.url}/later"
    hook = site.ok(account, "POST", "/webhooks", json={"url": url, "kinds": ["task.completed"]})
    fill(site, account, annotator, new_project(site, account))
    first = until(lambda: (one := delivery(site, account, url)) and one["tries"] == 1 and one)
    assert (first["state"], first["status"], first["reason"]) == ("waiting", 500, "HTTP 500")
    assert first["next_at"] and first["webhook_id"] == hook["id"]
    listener.status = 200
    site.ok(account, "POST", f"/deliveries/{first['id']}/replay")
    until(lambda: delivery(site, account, url)["state"] == "taken")
    assert len({headers["webhook-id"] for headers, _ in listener.on("/later")}) == 1
    again = len(listener.on("/later"))
    site.ok(account, "POST", f"/deliveries/{first['id']}/replay")
    until(lambda: len(listener.on("/later")) == again + 1)
    site.ok(account, "DELETE", f"/webhooks/{hook['id']}")
    site.ok(account, "POST", f"/deliveries/{first['id']}/replay")
    until(lambda: delivery(site, account, url)["state"] == "given_up")
    assert len(listener.on("/later")) == again + 1


def test_a_listener_that_never_answers_holds_up_nobody_else(
    site: Any, listener: Listener, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many messages to a silent host, and one of another organization that came later."""
    body, keep, _ = Door.send.__defaults__  # type: ignore[misc]  # it has three
    monkeypatch.setattr(Door.send, "__defaults__", (body, keep, 600.0))  # no time-out is waited for
    listener.status = 200
    site.ok(site.operator, "POST", "/organizations", json={"name": "Patient"})
    organizations = {
        one["name"]: one["id"] for one in site.ok(site.operator, "GET", "/organizations")["items"]
    }
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        made = site.ok(account, "POST", "/webhooks", json={"url": address, "kinds": ["project.exported"]})

        def flood(tx: Any, at: Any) -> None:
            for _ in range(60):
                webhooks.enqueue(tx, at, "default", "project.exported", address, "", made["id"], b"{}")

        site.app.node.lane.call(flood)
        kind, url = backends.EVENT, f"{listener.url}/quick"
        site.app.node.lane.call(webhooks.enqueue, organizations["Patient"], kind, url, "", "", b"{}")
        until(lambda: listener.on("/quick"))
        site.ok(account, "DELETE", f"/webhooks/{made['id']}")


def test_a_paused_webhook_holds_its_messages(
    site: Any, listener: Listener, account: str, annotator: str
) -> None:
    listener.status = 200
    client, project = site.client(account), new_project(site, account)
    hook = client.create_webhook(f"{listener.url}/held", ["task.completed"], project)
    assert (hook.paused, client.pause_webhook(hook.id).paused) == (False, True)
    task = fill(site, account, annotator, project)
    held = until(lambda: next(client.deliveries(hook.id), None))
    assert (held.state, held.tries, listener.on("/held")) == ("held", 0, [])
    with pytest.raises(Refused, match="paused"):
        client.replay(held.id)
    assert not client.pause_webhook(hook.id, paused=False).paused
    until(lambda: next(client.deliveries(hook.id, "taken"), None))
    found = client.delivery(held.id)
    assert found.body is not None and json.loads(found.body)["task_id"] == task
    assert (found.status, found.answer, len(listener.on("/held"))) == (200, "heard", 1)
    with site.app.node.store.read() as reader:
        since = reader.one("delivery", id=held.id)["next_ms"]
    due = webhooks.Due(
        organization="default",
        next_ms=since,
        id=held.id,
        webhook=hook.id,
        kind="",
        url="",
        subject="",
        body=b"",
        tries=0,
        secret="",
    )
    client.pause_webhook(hook.id)  # while a message is on its way, which then fails
    site.app.node.lane.call(webhooks.tried, [webhooks.Tried(due=due, reason="no answer")])
    assert next(client.deliveries(hook.id)).state == "held"
    client.delete_webhook(hook.id)
    assert hook.id not in {one.id for one in client.webhooks()}


def test_webhooks_from_the_command_line(
    site: Any,
    listener: Listener,
    account: str,
    annotator: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener.status = 500
    monkeypatch.setenv("EVENHAND_URL", site.url)
    monkeypatch.setenv("EVENHAND_API_KEY", account)

    def run(*arguments: str) -> Any:
        assert cli.run(["webhook", *arguments]) == 0
        return capsys.readouterr().out

    project = new_project(site, account)
    made = run("create", f"{listener.url}/cli", "--kind", "task.completed", "--project", project)
    hook = made.split()[0]
    assert "whsec_" in made and "whsec_" not in run("list") and hook in run("list")
    fill(site, account, annotator, project)
    until(lambda: "  500  " in run("deliveries", hook))
    [one] = json.loads(run("deliveries", hook, "--json"))
    assert "task.completed" in run("show", one["id"]) and "HTTP 500" in run("show", one["id"])
    listener.status = 200
    run("replay", one["id"])
    until(lambda: "taken" in run("deliveries", hook, "--state", "taken"))
    assert "held" in run("pause", hook) and "paused" in run("list")
    run("resume", hook)
    run("delete", hook)
    assert hook not in run("list")


def test_private_addresses_and_nonsense_are_refused(site: Any, account: str, annotator: str) -> None:
    before, site.app.node.door = site.app.node.door, Door()
    try:
        for url, rule in (("http://127.0.0.1:9/", "outbound.private"), ("ftp://x/", "outbound.url")):
            answer = site.call(account, "POST", "/webhooks", json={"url": url})
            assert answer.json()["rule"] == rule
    finally:
        site.app.node.door = before
    public = Door(resolve=lambda host, port: ["93.184.216.34"])
    before, site.app.node.door = site.app.node.door, public
    try:
        wrong = {"url": "https://example.org/", "kinds": ["task.eaten"]}
        assert site.call(account, "POST", "/webhooks", json=wrong).json()["rule"] == "webhook.kind"
        assert (
            site.call(annotator, "POST", "/webhooks", json={"url": "https://example.org/"}).status_code == 403
        )
    finally:
        site.app.node.door = before
    assert site.call(account, "PUT", "/callback-key", json={"value": "ü" * 9}).json()["rule"] == "webhook.key"


def label(site: Any, annotator: str, task: Any) -> None:
    client = site.client(annotator)
    work = client.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    client.submit(work.id, {"category": "spam"})


def test_callbacks_of_scale(site: Any, listener: Listener, account: str, annotator: str) -> None:
    """At the end of a task, after an audit, at the end of a batch, and at once for a test key."""
    listener.status = 200
    site.ok(account, "PUT", "/callback-key", json={"value": "live_callback_key"})
    assert site.ok(account, "GET", "/callback-key") == {"value": "live_callback_key"}
    scale = ScaleClient(account, api_instance_url=f"{site.url}/v1")
    scale.create_project(project_name="called", task_type=TaskType.Categorization, params=WORDS)
    scale.create_batch(project="called", batch_name="b", callback=f"{listener.url}/batch")
    task = scale.create_task(
        TaskType.Categorization, batch="b", attachment="x", callback_url=f"{listener.url}/task"
    )
    label(site, annotator, task)
    until(lambda: listener.on("/task"))
    headers, body = listener.on("/task")[0]
    assert headers["scale-callback-auth"] == "live_callback_key"
    assert (body["task_id"], body["status"], body["response"]) == (task.id, "completed", {"category": "spam"})
    assert body["task"]["params"]["attachment"] == "x"
    until(lambda: scale.get_task(task.id).as_dict().get("callback_succeeded") is True)
    until(lambda: listener.on("/batch"))
    assert listener.on("/batch")[0][1]["batch"]["status"] == "completed"
    task.audit(accepted=True)
    until(lambda: len(listener.on("/task")) == 2)
    assert listener.on("/task")[1][1]["task"]["customer_review_status"] == "accepted"
    mock = ScaleClient(f"test_{account}", api_instance_url=f"{site.url}/v1")
    made = mock.create_task(
        TaskType.Categorization, attachment="x", callback_url=f"{listener.url}/test", **WORDS
    )
    until(lambda: listener.on("/test"))
    assert listener.on("/test")[0][1]["task_id"] == made.id
    assert len(listener.on("/batch")) == 1
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.create_task(TaskType.Categorization, attachment="x", callback_url="a@example.org", **WORDS)


def test_another_organization_sees_no_delivery(site: Any, sides: Any, account: str) -> None:
    other = sides[1].keys["owner"]
    assert site.ok(other, "GET", "/deliveries")["items"] == [] == site.ok(other, "GET", "/webhooks")["items"]
    mine = site.ok(account, "GET", "/deliveries")["items"][0]["id"]
    assert site.call(other, "POST", f"/deliveries/{mine}/replay").status_code == 404
