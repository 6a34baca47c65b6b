"""Other systems, running in environments of their own, under the load that our node gets: `--peer-url`.

The key goes before the host, ``http://KEY@127.0.0.1:8431``: Label Studio's user token, Potato's admin key.
Each annotator has an account and a session and asks what the page of the system asks. What is stored is read
back at the end and compared with what was acknowledged.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from bench.client import Times
from bench.node import records

TASKS = 5_000
TIMEOUT = httpx.Timeout(300)
CHOICE = """<View><Text name="text" value="$text"/><Choices name="spam" toName="text">
<Choice value="ham"/><Choice value="spam"/></Choices></View>"""

Answer = tuple[str, str]  # task, annotator


@dataclass
class Seen:
    """What a run saw at a peer. A rate is None where the peer's HTTP interface has no way to do it."""

    name: str
    times: Times
    acknowledged: list[Answer]
    stored: list[Answer]
    failed: int  # requests of the loop that were answered with an error
    imported: float | None  # tasks/s
    exported: float | None  # annotated tasks/s

    @property
    def lost(self) -> int:
        """Acknowledged answers that are not stored."""
        return (Counter(self.acknowledged) - Counter(self.stored)).total()

    @property
    def twice(self) -> int:
        """Stored answers beyond the first of one annotator to one task."""
        return len(self.stored) - len(set(self.stored))

    @property
    def over(self) -> int:
        """Tasks with answers of more annotators than the one that was asked for."""
        return sum(count > 1 for count in Counter(task for task, _ in set(self.stored)).values())


class Peer(Protocol):
    """What a system has to be able to do to be measured."""

    name: str
    url: str

    def prepare(self, tasks: int) -> float | None:
        """Make the project of the run; import rate, if import goes over HTTP."""

    async def join(self, person: httpx.AsyncClient, name: str) -> None:
        """Sign a new annotator up; the session stays in the client's cookies."""

    async def next(self, person: httpx.AsyncClient) -> str | None:
        """The next task's id, None when there is none."""

    async def submit(self, person: httpx.AsyncClient, task: str) -> None:
        """Answer it."""

    def stored(self) -> list[Answer]:
        """Every answer of the run's project."""

    def export(self) -> float | None:
        """Annotated tasks/s."""


@dataclass
class LabelStudio:
    """Label Studio with legacy tokens on. Its export is measured on a second project, annotated at import."""

    url: str
    key: str
    name: str = "Label Studio"
    project: int = 0
    run: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        self.admin = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Token {self.key}"}, timeout=TIMEOUT
        )
        self.name += " " + self.admin.get("/api/version").raise_for_status().json()["release"]

    def _project(self, rows: Iterable[dict[str, Any]]) -> tuple[int, float]:
        made = {"title": f"bench {self.run}", "label_config": CHOICE, "maximum_annotations": 1}
        id_ = self.admin.post("/api/projects/", json=made).raise_for_status().json()["id"]
        given, start = list(rows), time.perf_counter()
        for first in range(0, len(given), 1000):
            part = given[first : first + 1000]
            self.admin.post(f"/api/projects/{id_}/import", json=part).raise_for_status()
        return id_, len(given) / (time.perf_counter() - start)

    def prepare(self, tasks: int) -> float:
        self.project, rate = self._project({"data": row} for row in records(tasks))
        return rate

    async def join(self, person: httpx.AsyncClient, name: str) -> None:
        await person.get("/user/signup/")
        given = {"email": f"{name}@example.org", "password": secrets.token_hex(12)}
        given["csrfmiddlewaretoken"] = person.cookies["csrftoken"]
        answer = await person.post("/user/signup/", data=given)
        assert answer.status_code == 302, answer.text[:300]
        person.headers["X-CSRFToken"] = person.cookies["csrftoken"]
        who = await person.get("/api/current-user/whoami")
        person.headers["X-Bench-Who"] = str(who.raise_for_status().json()["id"])

    async def next(self, person: httpx.AsyncClient) -> str | None:
        answer = await person.get(f"/api/projects/{self.project}/next")
        return None if answer.status_code == 404 else str(answer.raise_for_status().json()["id"])

    async def submit(self, person: httpx.AsyncClient, task: str) -> None:
        body = {"lead_time": 1.0, "result": [_choice()]}
        where = f"/api/tasks/{task}/annotations/?project={self.project}"
        (await person.post(where, json=body)).raise_for_status()

    def _export(self, project: int) -> list[dict[str, Any]]:
        answer = self.admin.get(f"/api/projects/{project}/export", params={"exportType": "JSON"})
        return list(answer.raise_for_status().json())

    def stored(self) -> list[Answer]:
        tasks = self._export(self.project)
        return [(str(task["id"]), str(one["completed_by"])) for task in tasks for one in task["annotations"]]

    def export(self) -> float:
        given = [{"result": [_choice()]}]
        project, _ = self._project({"data": row, "annotations": given} for row in records(TASKS))
        start = time.perf_counter()
        return len(self._export(project)) / (time.perf_counter() - start)


def _choice() -> dict[str, Any]:
    value = {"choices": ["ham"]}
    return {"from_name": "spam", "to_name": "text", "type": "choices", "value": value}


@dataclass
class Potato:
    """Potato. Its tasks come from a file at its start, and its exports stay on its disk."""

    url: str
    key: str
    name: str = "Potato"

    def prepare(self, tasks: int) -> None:
        found = self._admin("/admin/api/overview")["overview"]
        assert not found["total_annotations"], "Potato has answers already: start it on an empty folder"

    def _admin(self, path: str) -> Any:
        answer = httpx.get(self.url + path, headers={"X-API-Key": self.key}, timeout=TIMEOUT)
        return answer.raise_for_status().json()

    async def join(self, person: httpx.AsyncClient, name: str) -> None:
        given = {"email": name, "pass": secrets.token_hex(12)}
        answer = await person.post("/register", data=given)
        assert answer.status_code == 302, answer.text[:300]
        person.headers["X-Bench-Who"] = name

    async def next(self, person: httpx.AsyncClient) -> str | None:
        # Its page asks for the next one, then loads itself again.
        moved = {"X-Potato-Navigation": "1"}
        await person.post("/annotate", json={"action": "next_instance"}, headers=moved)
        page = (await person.get("/annotate")).raise_for_status().text
        found = re.search(r'id="instance_id"[^>]*value="([^"]+)"', page)
        return found[1] if found else None

    async def submit(self, person: httpx.AsyncClient, task: str) -> None:
        body = {"instance_id": task, "annotations": {"spam:ham": "ham"}}
        (await person.post("/updateinstance", json=body)).raise_for_status()

    def stored(self) -> list[Answer]:
        items = self._admin("/admin/item_state")["items"]
        return [(item["id"], who) for item in items for who in item["annotators"]]

    def export(self) -> None:
        return None


def found_at(url: str) -> Peer:
    """The peer that answers at ``http://KEY@host:port``."""
    parts = urlsplit(url)
    if not parts.username or not parts.hostname:
        raise SystemExit(f"--peer-url {url}: the key goes before the host, as in http://KEY@127.0.0.1:8431")
    where = f"{parts.scheme}://{parts.hostname}:{parts.port or 80}"
    version = httpx.get(f"{where}/api/version", timeout=TIMEOUT)
    kind: Callable[[str, str], Peer] = LabelStudio if version.is_success else Potato
    return kind(where, parts.username)


async def _loop(peer: Peer, people: int, seconds: float) -> tuple[Times, list[Answer], int]:
    times, acknowledged, failed = Times(), [], 0
    persons = [httpx.AsyncClient(base_url=peer.url, timeout=TIMEOUT) for _ in range(people)]
    run = secrets.token_hex(3)
    for n, person in enumerate(persons):
        await peer.join(person, f"annotator-{run}-{n}")
    start = time.perf_counter()

    async def label(person: httpx.AsyncClient) -> None:
        nonlocal failed
        while time.perf_counter() - start < seconds:
            asked = time.perf_counter()
            try:
                task = await peer.next(person)
                got = time.perf_counter()
                times.next.append(got - asked)
                if task is None:
                    return
                await peer.submit(person, task)
            except httpx.HTTPStatusError:
                failed += 1
                continue
            times.submit.append(time.perf_counter() - got)
            acknowledged.append((task, person.headers["X-Bench-Who"]))

    await asyncio.gather(*map(label, persons))
    times.elapsed = time.perf_counter() - start
    for person in persons:
        await person.aclose()
    return times, acknowledged, failed


def measure(peer: Peer, people: int, seconds: float) -> Seen:
    """Import, let so many annotators loop next, submit for so long, read back, export."""
    imported = peer.prepare(TASKS)
    times, acknowledged, failed = asyncio.run(_loop(peer, people, seconds))
    return Seen(peer.name, times, acknowledged, peer.stored(), failed, imported, peer.export())
