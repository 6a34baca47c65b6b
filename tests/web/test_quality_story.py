"""Three providers work through a shared pool, over HTTP; the page of quality shows what was planted.

North is honest, but for one who pastes. South has a copying pair and one who clicks without looking. West
turns half of its answers to "spam". Everybody answers everything; what they are like is known exactly. In a
shared pool nobody is said to have worked on a task for longer than they had it, and here that is no time at
all: letters are pages, of which nobody knows how long they take to read, and reasons are short. Who does
not read shows in a project of the house, where the time that is told counts.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from evenhand import data_folder

from .conftest import Node, violations

CLASSES = ("ham", "spam", "offer")
TASKS = 70
SEEN = "A sentence that somebody has kept for such occasions, and uses."
PICTURES = os.environ.get("EVENHAND_TEST_PICTURES", "")

Answer = Callable[[str], str]


def dice(*what: str) -> random.Random:
    return random.Random(" ".join(what))


def truth(text: str) -> str:
    return dice("truth", text).choice(CLASSES)


def skilled(name: str, skill: float) -> Answer:
    """Right with this probability, the same whenever asked."""

    def answer(text: str) -> str:
        own = dice(name, text)
        return truth(text) if own.random() < skill else own.choice([c for c in CLASSES if c != truth(text)])

    return answer


def leaning(name: str, skill: float) -> Answer:
    return lambda text: "spam" if dice("lean", name, text).random() < 0.5 else skilled(name, skill)(text)


CROWD: dict[str, dict[str, Answer]] = {
    "North": {
        "Ada": skilled("Ada", 0.95),
        "Bo": skilled("Bo", 0.9),
        "Cy": skilled("Cy", 0.85),
        "Pasting": skilled("Pasting", 0.8),
    },
    "South": {
        "Copied": skilled("Copied", 0.75),
        "Copying": skilled("Copied", 0.75),
        "Clicking": lambda text: dice("clicks", text).choice(CLASSES),
        "Di": skilled("Di", 0.85),
    },
    "West": {name: leaning(name, 0.9) for name in ("Ed", "Flo", "Gus", "Hal")},
}


class Exchange:
    """The node, as the operator, the providers' managers and their annotators speak to it."""

    def __init__(self, node: Node) -> None:
        self.node, self.api = node, node.api
        self.operator = data_folder.key(node.folder)
        self.keys: dict[str, str] = {}  # annotator -> API key

    def call(self, key: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.api.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.json() if answer.content else None

    def record(self, name: str) -> str:
        """A stated owner; gives the id of the record."""
        held = {"holder": f"Founders of {name}", "held": name, "economic": 100, "since": "2020-01-01"}
        self.call(self.operator, "POST", "/ownership/holdings", held)
        stated = self.call(self.operator, "GET", "/ownership/statements")
        return str(next(o["recordId"] for o in stated if o["recordDetails"].get("name") == name))

    def open(self) -> str:
        """The pool, with one client."""
        terms = {"prices": {"text": 1}}
        pool = self.call(self.operator, "POST", "/shared-pools", {"language": "en", "terms": terms})["id"]
        party = {"organization_id": "default", "record": self.record("The client")}
        self.call(self.operator, "POST", "/parties/clients", party)
        self.call(self.operator, "POST", f"/shared-pools/{pool}/clients", {"organization_id": "default"})
        return str(pool)

    def admit(self, pool: str, provider: str, people: dict[str, Answer]) -> str:
        """A provider with its annotators; gives its pseudonym."""
        made = self.call(self.operator, "POST", "/organizations", {"name": provider})
        party = {"organization_id": made["organization"]["id"], "record": self.record(provider)}
        entity = self.call(self.operator, "POST", "/parties/entities", party | {"role": "provider"})["id"]
        boss = httpx.Client(base_url=f"{self.node.url}/api/v1", timeout=120)
        who = {
            "name": "Boss",
            "email": f"{provider}@example.org".lower(),
            "password": "correct horse battery",
        }
        joined = boss.post(f"/invites/{made['owner_invite'].rpartition('/')[2]}", json=who)
        boss.headers["X-Evenhand-CSRF"] = joined.json()["csrf"]
        key = boss.post("/keys", json={"name": "k"}).json()["api_key"]
        for name in people:
            member = self.call(key, "POST", "/members", {"name": name})
            enrolment = {"member_id": member["id"], "languages": ["en"]}
            self.call(key, "POST", f"/shared-pools/{pool}/annotators", enrolment)
            self.keys[name] = member["api_key"]
        return str(entity)

    def work(self, name: str, answer: Answer) -> str:
        """Answer everything that is given; gives the pseudonym under which the client knows it."""
        done = 0
        while given := self.call(self.keys[name], "POST", "/assignments/next", {"count": 1})["assignments"]:
            text = given[0]["data"]["text"]
            why = SEEN if name == "Pasting" else f"It says so: {dice(name, text).random():.9f}."
            answers = {"what": answer(text), "why": why}
            self.call(
                self.keys[name],
                "POST",
                f"/assignments/{given[0]['id']}/submit",
                {"answers": answers},
            )
            done += 1
        assert done == TASKS, name
        return name


def settled(node: Node, project: str) -> Any:
    """The figures, once the job is done."""
    node.call("POST", f"/projects/{project}/quality")
    limit = time.monotonic() + 120
    while (found := node.call("GET", f"/projects/{project}/quality"))["state"] == "running":
        assert time.monotonic() < limit
        time.sleep(0.1)
    return found


def test_what_was_planted_shows(browser: Browser, node: Node) -> None:
    exchange = Exchange(node)
    pool = exchange.open()
    entities = {name: exchange.admit(pool, name, people) for name, people in CROWD.items()}
    everybody = {name: answer for people in CROWD.values() for name, answer in people.items()}
    what = {"name": "what", "type": "choice", "choices": list(CLASSES), "title": "What is it?"}
    why = {"name": "why", "type": "text", "title": "Why?"}
    texts = [{"text": f"letter {n}: " + "some words that take their time to read " * 6} for n in range(TASKS)]
    pages = [{"name": "text", "type": "html"}]
    project = node.project("Letters", [what, why], texts, fields=pages, overlap=len(everybody))
    node.call("PUT", f"/projects/{project}/pool", json={"pool": pool, "family": "text"})
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(exchange.work, everybody, everybody.values()))
    names = pseudonyms(node, project, everybody)

    found = {one["question"]: one for one in settled(node, project)["questions"]}
    skills = {names[one["member_id"]]: one for one in found["what"]["skills"]}
    for name, skill in (("Ada", 0.95), ("Bo", 0.9), ("Cy", 0.85), ("Di", 0.85), ("Clicking", 1 / 3)):
        assert skills[name]["low"] - 0.03 < skill < skills[name]["high"] + 0.03, (name, skills[name])
    assert min(skills, key=lambda name: skills[name]["value"]) == "Clicking"

    flagged = {
        (test["kind"], tuple(sorted(names[m["member_id"]] for m in signal["members"])))
        for one in found.values()
        for test in one["integrity"]
        for signal in test["signals"]
    }
    assert flagged == {
        ("copying", ("Copied", "Copying")),
        ("blind", ("Clicking",)),
        ("repeated", ("Pasting",)),
    }
    copying = next(test for test in found["what"]["integrity"] if test["kind"] == "copying")
    (signal,) = copying["signals"]
    assert signal["labels"] == TASKS and signal["seen"] > 3 * signal["expected"] and signal["q"] < 0.05
    for task in signal["task_ids"]:
        given = {
            names[a["annotator"]]: a["answers"]["what"]
            for a in node.call("GET", f"/tasks/{task}")["annotations"]
        }
        assert given["Copied"] == given["Copying"]

    leans = {
        (one["provider_id"], one["answer"]) for one in found["what"]["leaning"]["providers"] if one["flagged"]
    }
    assert leans == {(entities["West"], "spam")}
    assert all(one["annotators"] == 4 for one in found["what"]["leaning"]["providers"])
    assert found["why"]["leaning"] is None
    look(browser, node, project)


def test_who_does_not_read_shows(node: Node) -> None:
    """In the house the time that the page tells counts: reading does, and so does its lack."""
    what = {"name": "what", "type": "choice", "choices": list(CLASSES)}
    texts = [{"text": f"note {n}: " + "some words that take their time to read " * 6} for n in range(12)]
    project = node.project("Notes", [what], texts, overlap=3)
    for name in ("Ina", "Jo", "Quick"):
        client = node.annotator(name).client
        body = {"project_id": project, "count": 1}
        while given := client.post("/assignments/next", json=body).json()["assignments"]:
            text = given[0]["data"]["text"]
            seconds = 0.4 if name == "Quick" else 9.0 + 6 * dice("time", name, text).random()
            answer = {"answers": {"what": skilled(name, 0.9)(text)}, "seconds": seconds}
            client.post(f"/assignments/{given[0]['id']}/submit", json=answer).raise_for_status()
    (found,) = settled(node, project)["questions"]
    fast = next(test for test in found["integrity"] if test["kind"] == "fast")
    assert fast["tested"] == 3
    assert [[m["name"] for m in signal["members"]] for signal in fast["signals"]] == [["Quick"]]


def pseudonyms(node: Node, project: str, everybody: dict[str, Answer]) -> dict[str, str]:
    """The client's pseudonyms by what they answered: the client itself is not told who they are."""
    given: dict[str, dict[str, str]] = {}
    for task in node.call("GET", f"/projects/{project}/tasks/full?limit=200")["items"]:
        for one in task["annotations"]:
            given.setdefault(one["annotator"], {})[task["data"]["text"]] = one["answers"]["what"]
    whole = {
        name: {text: answer(text) for text in next(iter(given.values()))}
        for name, answer in everybody.items()
    }
    same = [name for name in everybody if name in ("Copied", "Copying")]
    found: dict[str, str] = {}
    for member, answers in sorted(given.items()):
        fitting = [name for name, own in whole.items() if own == answers and name not in found.values()]
        assert fitting, "somebody's answers were changed"
        found[member] = same[len(set(found.values()) & set(same))] if fitting[0] in same else fitting[0]
    return found


def look(browser: Browser, node: Node, project: str) -> None:
    """The page says it, to everybody: axe, no sideways scrolling, light and dark, desk and phone."""
    link = node.call("POST", "/session/link", json={"next": f"/projects/{project}/quality"})["url"]
    context = browser.new_context(base_url=node.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(link)
    work = page.get_by_role("region", name="Integrity of work")
    expect(work.get_by_text("Same errors").first).to_be_visible()
    expect(work.get_by_text("no sanction")).to_be_visible()
    expect(
        page.get_by_role("region", name="Do providers lean?").get_by_text("differs", exact=True)
    ).to_be_visible()
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / f"work-{scheme}-{width}.png", full_page=True)
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    context.close()
