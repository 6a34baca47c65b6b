"""A real node for the browser tests: `evenhand up` as users start it, on a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests import ports

STILL = """async () => {
  const moving = () => document.getAnimations().filter((one) =>
    one.playState === "running" && one.effect?.getComputedTiming().iterations !== Infinity);
  const end = Date.now() + 30_000;
  for (let still = 0; still < 3 && Date.now() < end; still = moving().length ? 0 : still + 1)
    await new Promise((next) => { requestAnimationFrame(next); setTimeout(next, 500); });
}"""
DRAFTED = """(words) => new Promise((resolve, reject) => {
  const opening = indexedDB.open("evenhand");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const drafts = opening.result.transaction("drafts").objectStore("drafts").getAll();
    const hasWords = ({ answers }) => JSON.stringify(answers).includes(words);
    drafts.onsuccess = () => resolve(drafts.result.some(hasWords));
    drafts.onerror = () => reject(drafts.error);
    opening.result.close();
  };
})"""
KEY = "evh_" + "browser-tests-" * 3


def violations(page: Page) -> list[str]:
    """What axe finds once nothing has moved for three frames: what still fades has less contrast."""
    page.evaluate(STILL)
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url} {v['id']}: {[(n['html'][:160], n['failureSummary']) for n in v['nodes']]}" for v in found
    ]


def wait_for(holds: Callable[[], Any], seconds: float = 60, page: Page | None = None) -> None:
    """Until it holds; pages whose requests the test itself answers go on only while one of them waits."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it never came"
        page.wait_for_timeout(50) if page else time.sleep(0.05)


def wait_until_drafted(page: Page, words: str) -> None:
    """Until the browser's own storage holds a draft with these words, or ids, in its answers."""
    wait_for(lambda: page.evaluate(DRAFTED, words), page=page)


class Annotator(msgspec.Struct, frozen=True):
    """Somebody who joined by an invite link."""

    email: str
    password: str
    cookie: dict[str, Any]  # the session, as Playwright takes it
    client: httpx.Client  # signed in as this person


class Node:
    """A node in a process of its own, that can be killed and started again on the same address."""

    def __init__(self, folder: Path, packages: Path | None = None) -> None:
        """`packages`: a folder of installed packages that the node sees besides its own."""
        self.folder = folder
        self.packages = packages
        self.port = ports.take()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.api = httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {KEY}"}, timeout=120
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = os.environ | {
            "EVENHAND_DATA": str(self.folder),
            "EVENHAND_ADMIN_KEY": KEY,
            "EVENHAND_PORT": str(self.port),
            "EVENHAND_OUTBOUND_HOSTS": "127.0.0.1",
        }
        if self.packages is not None:
            paths = [str(self.packages), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, "-c", "from evenhand.cli import main; main()", "up", "--no-browser"]
        with (self.folder.parent / "node.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 300
        while not self.ready():
            assert self.process.poll() is None, (self.folder.parent / "node.log").read_text()
            assert time.monotonic() < deadline, "the node does not answer"
            time.sleep(0.05)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; SIGKILL is the power failure."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(120)
            self.process = None

    def call(self, method: str, path: str, **more: Any) -> Any:
        """Call the API as the organization's owner."""
        answer = self.api.request(method, path, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def project(
        self,
        name: str,
        questions: list[dict[str, Any]],
        records: list[dict[str, Any]],
        fields: list[dict[str, Any]] | None = None,
        **more: Any,
    ) -> str:
        """Make a project with these tasks; gives its id."""
        draft = {"name": name, "fields": fields or [{"name": "text"}], "questions": questions, **more}
        project: str = self.call("POST", "/projects", json=draft)["id"]
        self.add(project, records)
        return project

    def add(self, project: str, records: list[dict[str, Any]]) -> None:
        started = self.call("POST", f"/projects/{project}/imports", json={"name": "rows"})
        lines = b"\n".join(msgspec.json.encode(record) for record in records)
        report = self.call("POST", f"/imports/{started['id']}/rows?line=1", content=lines)
        assert report["accepted"] == len(records), report
        self.call("POST", f"/imports/{started['id']}/finish")

    def annotator(self, name: str) -> Annotator:
        """Invite somebody, who joins with a password."""
        invite = self.call("POST", "/invites", json={"purpose": "join", "role": "annotator"})
        email, password = f"{uuid.uuid4().hex}@example.org", "correct horse battery"
        client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=120)
        token = invite["url"].rsplit("/", 1)[1]
        joined = client.post(f"/invites/{token}", json={"name": name, "email": email, "password": password})
        assert joined.status_code < 300, joined.text
        client.headers["X-Evenhand-CSRF"] = joined.json()["csrf"]
        value = client.cookies["evenhand_session"]
        cookie = {"name": "evenhand_session", "value": value, "url": self.url, "httpOnly": True}
        return Annotator(email, password, cookie, client)

    def answers(self, project: str) -> dict[str, list[Any]]:
        """First field's text -> the answers given, in the order of the tasks."""
        found: dict[str, list[Any]] = {}
        for row in self.call("GET", f"/projects/{project}/tasks?limit=200")["items"]:
            task = self.call("GET", f"/tasks/{row['task_id']}")
            given = [a["answers"] for a in task["annotations"] if a["state"] in ("submitted", "surplus")]
            found[next(iter(task["data"].values()))] = given
        return found


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that runs for the tests of one file."""
    running = Node(tmp_path_factory.mktemp("node") / "data")
    running.folder.mkdir()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def visit(browser: Browser, node: Node) -> Iterator[Any]:
    """`visit(path, cookie)` gives a page of that person's own browser."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, cookie: dict[str, Any], **more: Any) -> Page:
        context = browser.new_context(base_url=node.url, locale="en-GB", **more)
        context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict of the same keys
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def make_node() -> type[Node]:
    """For tests that start a node of their own."""
    return Node
