"""A running node with two organizations in it, on each of the two stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand import Client, data_folder
from evenhand.config import Config
from evenhand.http import server
from evenhand.http.app import App

ROLES = ("owner", "manager", "reviewer", "annotator", "auditor")
QUESTION = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}
FIELDS = [{"name": "text", "type": "text"}, {"name": "picture", "type": "image"}]


@dataclass
class Side:
    """One organization with somebody in each role, and a project with some of everything."""

    id: str
    keys: dict[str, str] = field(default_factory=dict)  # role -> API key
    members: dict[str, str] = field(default_factory=dict)  # role -> member id
    project: str = ""
    reviewed: str = ""  # a project of which every answer is reviewed
    task: str = ""
    import_: str = ""
    export: str = ""
    blob: str = ""
    pool: str = ""  # that it shares with the other side
    entity: str = ""
    record: str = ""  # of its ownership
    statement: dict[str, Any] = field(default_factory=dict)


class Site:
    """A node, and ways to speak to it."""

    def __init__(self, url: str, operator: str, app: App) -> None:
        self.url = url
        self.app = app
        self.operator = operator  # API key
        self.http = httpx.Client(base_url=f"{url}/api/v1", timeout=120)
        self.plain = httpx.Client(base_url=url, timeout=120)

    def call(self, key: str | None, method: str, path: str, **given: Any) -> httpx.Response:
        """One call with this API key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.http.request(method, path, headers=headers | given.pop("headers", {}), **given)

    def ok(self, key: str | None, method: str, path: str, **given: Any) -> Any:
        """The same, when it must succeed."""
        answer = self.call(key, method, path, **given)
        assert answer.status_code in (200, 204), (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def client(self, key: str) -> Client:
        return Client(self.url, key)

    def join(self, invite: str, name: str, email: str, password: str = "a long password") -> Browser:
        """A browser that has accepted this link."""
        return self.browser().accept(invite, name=name, email=email, password=password)

    def browser(self) -> Browser:
        return Browser(self.url)


class Browser:
    """A client with cookies, that sends the session's token with each change."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/api/v1", timeout=120)
        self.csrf: str | None = None

    def accept(self, invite: str, **answer: Any) -> Any:
        token = invite.partition("?")[0].rpartition("/")[2]
        return self._entered(self.call("POST", f"/invites/{token}", json=answer))

    def sign_in(self, email: str, password: str) -> Any:
        return self._entered(self.call("POST", "/session", json={"email": email, "password": password}))

    def _entered(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        self.csrf = answer.json()["csrf"]
        return self

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"X-Evenhand-CSRF": self.csrf} if self.csrf and method != "GET" else {}
        return self.http.request(method, path, headers=headers | given.pop("headers", {}), **given)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str | None:
    """None for the embedded store, else the address of a fresh database."""
    if request.param == "sqlite":
        return None
    make: Callable[..., str] = request.getfixturevalue("make_database")
    return make()


def open_site(settings: Config) -> Iterator[Site]:
    """A node that serves with these settings."""
    made: list[App] = []
    build = server.build

    def noted(given: Config) -> App:
        made.append(build(given))
        return made[-1]

    server.build = noted  # so that tests can look at the application that `start` makes
    try:
        with server.start(settings) as address:
            server.build = build
            yield Site(address.url, data_folder.key(settings.data), made[0])
    finally:
        server.build = build


@pytest.fixture(scope="module")
def site(database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A node on either store, for the tests of one module."""
    data = tmp_path_factory.mktemp("node") / "data"
    yield from open_site(Config(data=data, port=0, database_url=database, log_level="error"))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A node on the embedded store, for what does not depend on the store."""
    data = tmp_path_factory.mktemp("node") / "data"
    yield from open_site(Config(data=data, port=0, log_level="error"))


@pytest.fixture
def start_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts nodes with settings of the test's own; again on the same folder after `stop`."""
    running: list[Iterator[Site]] = []

    def start(**settings: Any) -> Site:
        given = {"data": tmp_path / "data", "port": 0, "log_level": "error"} | settings
        running.append(open_site(Config(**given)))
        return next(running[-1])

    def stop() -> None:
        while running:
            next(running.pop(), None)

    start.stop = stop  # type: ignore[attr-defined]  # a function with a second one
    yield start
    stop()


@pytest.fixture(scope="module")
def sides(site: Site) -> tuple[Side, Side]:
    """Two organizations that must not see each other."""
    made = site.ok(site.operator, "POST", "/organizations", json={"name": "Other"})
    owner = site.browser().accept(
        made["owner_invite"], name="Other Owner", email="owner@other.example", password="a long password"
    )
    key = owner.call("POST", "/keys", json={"name": "k"}).json()["api_key"]
    default = fill(site, Side("default"), site.operator)
    other = fill(site, Side(made["organization"]["id"]), key)
    share_pool(site, default, other)
    return default, other


def share_pool(site: Site, *sides: Side) -> None:
    """A pool that they share; everybody of either is enrolled in it."""
    terms = {"prices": {"text": 1}}
    pool = site.ok(site.operator, "POST", "/shared-pools", json={"language": "en", "terms": terms})["id"]
    for side in sides:
        name = f"Company {side.members['owner'][-6:]}"
        held = {"holder": f"Founders of {name}", "held": name, "economic": 100, "since": "2020-01-01"}
        site.ok(site.operator, "POST", "/ownership/holdings", json=held)
        stated = site.ok(site.operator, "GET", "/ownership/statements")
        side.statement = next(one for one in stated if one["recordDetails"].get("name") == name)
        side.pool, side.record = pool, side.statement["recordId"]
        party = {"organization_id": side.id, "record": side.record}
        site.ok(site.operator, "POST", "/parties/clients", json=party)
        made = site.ok(site.operator, "POST", "/parties/entities", json=party | {"role": "provider"})
        side.entity, owner = made["id"], side.keys["owner"]
        site.ok(owner, "POST", f"/shared-pools/{pool}/clients", json={"organization_id": side.id})
        for member in side.members.values():
            enrolment = {"member_id": member, "languages": ["en"]}
            site.ok(owner, "POST", f"/shared-pools/{pool}/annotators", json=enrolment)


def fill(site: Site, side: Side, owner: str) -> Side:
    """Somebody in each role; a project with tasks, a medium, an import and an export."""
    for role in ROLES:
        member = site.ok(
            owner,
            "POST",
            "/members",
            json={"name": f"{role} of {side.id[:8]}", "role": role},
            params={"organization": side.id},
        )
        side.keys[role], side.members[role] = member["api_key"], member["id"]
    key = side.keys["owner"]
    draft = {"name": "P", "fields": FIELDS, "questions": [QUESTION], "overlap": 5}
    side.project = site.ok(key, "POST", "/projects", json=draft)["id"]
    png = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000003000000020802000000")
    blob = site.ok(
        key, "POST", f"/projects/{side.project}/blobs", content=png, headers={"Content-Type": "image/png"}
    )
    side.blob = blob["blob"]
    client = site.client(key)
    report = client.import_tasks(side.project, [{"text": f"t{i}", "picture": blob} for i in range(40)])
    side.import_ = report.import_id
    side.task = f"{side.project}-1"
    policy = {"tasks": 40, "pass_mark": 100, "tries": 100}
    side.examined = site.ok(key, "POST", "/projects", json=draft | {"qualification": policy})["id"]
    known = [{"text": f"t{i}", "gold_answers": "ham", "gold_feedback": "It is."} for i in range(40)]
    assert client.import_tasks(side.examined, known).accepted == 40
    rules = {"overlap": 1, "review": {"which": "all"}}
    side.reviewed = site.ok(key, "POST", "/projects", json=draft | rules)["id"]
    client.import_tasks(side.reviewed, [{"text": f"r{i}"} for i in range(200)])
    export = site.ok(key, "POST", f"/projects/{side.project}/exports", json={})
    side.export = export["id"]
    while site.ok(key, "GET", f"/exports/{side.export}")["state"] == "running":
        pass
    return side
