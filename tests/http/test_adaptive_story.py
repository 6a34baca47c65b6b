"""Overlap adapts in a pool that organizations share, over HTTP: with a test, hidden gold and an audit.

Annotators of two providers take a client's test and answer; some are good, one tosses a coin. The node weighs
by itself, tasks in doubt get more, the pages say what it came to, and an auditor from outside weighs again.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from evenhand import cli
from evenhand.audit import reweigh, weighing
from evenhand.core import adaptive as core

SKILL = {"Ada": 0.95, "Bo": 0.95, "Cy": 0.9, "Di": 0.9, "Coin": 0.5, "Ed": 0.95}
CHOICES = ("ham", "spam")
ORDINARY, TEST, GOLD, MOST = 30, 2, 6, 5


def truth(text: str) -> str:
    return CHOICES[int(text.split()[1]) % 2]


def given(name: str, text: str) -> str:
    right = random.Random(f"{name} {text}").random() < SKILL[name]
    return truth(text) if right else CHOICES[1 - CHOICES.index(truth(text))]


class Story:
    """The operator's exchange with one client, and the annotators of two providers."""

    def __init__(self, site: Any) -> None:
        self.site, self.client = site, site.operator
        self.keys: dict[str, str] = {}
        self.pool = self.ask("POST", "/shared-pools", {"language": "en", "terms": {"prices": {"text": 1}}})[
            "id"
        ]
        self.ask("POST", "/parties/clients", {"organization_id": "default", "record": self.record("Client")})
        self.ask("POST", f"/shared-pools/{self.pool}/clients", {"organization_id": "default"})
        names = list(SKILL)
        for provider, people in (("North", names[:3]), ("South", names[3:])):
            self.provide(provider, people)

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        given = {} if body is None else {"json": body}
        return self.site.ok(key or self.site.operator, method, path, **given)

    def record(self, name: str) -> str:
        held = {
            "holder": f"Founders of {name}",
            "held": name,
            "economic": 100,
            "since": time.strftime("%Y-%m-%d", time.gmtime()),
        }
        self.ask("POST", "/ownership/holdings", held)
        stated = self.ask("GET", "/ownership/statements")
        return str(next(o["recordId"] for o in stated if o["recordDetails"].get("name") == name))

    def provide(self, provider: str, people: list[str]) -> None:
        made = self.ask("POST", "/organizations", {"name": provider})
        party = {"organization_id": made["organization"]["id"], "record": self.record(provider)}
        self.ask("POST", "/parties/entities", party | {"role": "provider"})
        boss = self.site.join(made["owner_invite"], "Boss", f"{provider}@example.org".lower())
        key = boss.call("POST", "/keys", json={"name": "k"}).json()["api_key"]
        for name in people:
            member = self.ask("POST", "/members", {"name": name}, key)
            enrolment = {"member_id": member["id"], "languages": ["en"]}
            self.ask("POST", f"/shared-pools/{self.pool}/annotators", enrolment, key)
            self.keys[name] = member["api_key"]

    def project(self) -> str:
        draft = {
            "name": "Adapted",
            "fields": [{"name": "text"}],
            "questions": [{"name": "spam", "type": "choice", "choices": list(CHOICES)}],
            "order": "random",
            "overlap": MOST,
            "adaptive": {"least": 2, "tolerance": 30},
            "gold": {"per_mille": 200, "block": 5},
            "qualification": {"tasks": TEST, "pass_mark": 100, "tries": 1},
        }
        project = str(self.ask("POST", "/projects", draft)["id"])
        texts = [f"letter {n}" for n in range(ORDINARY + TEST + GOLD)]
        self.site.client(self.client).import_tasks(project, [{"text": text} for text in texts])
        for use, numbers in (
            ("qualification", range(ORDINARY, ORDINARY + TEST)),
            ("gold", range(ORDINARY + TEST, ORDINARY + TEST + GOLD)),
        ):
            tasks = [{"task_id": f"{project}-{n + 1}", "answers": {"spam": truth(texts[n])}} for n in numbers]
            self.ask("POST", f"/projects/{project}/gold", {"use": use, "tasks": tasks})
        self.ask("PUT", f"/projects/{project}/pool", {"pool": self.pool, "family": "text"})
        return project

    def qualify(self, project: str, name: str) -> None:
        key = self.keys[name]
        state = self.ask("POST", f"/projects/{project}/qualification", {}, key)
        while state["next"] is not None:
            text = state["next"]["data"]["text"]
            sent = {"task_id": state["next"]["task_id"], "answers": {"spam": truth(text)}}
            state = self.ask("POST", f"/projects/{project}/qualification/answer", sent, key)["qualification"]
        assert state["passed"], name

    def work(self) -> int:
        """Everybody by turns, until nobody gets anything; how many answers that were."""
        done, waiting = 0, list(SKILL)
        while waiting:
            for name in list(waiting):
                got = self.ask("POST", "/assignments/next", {"count": 1}, self.keys[name])["assignments"]
                if not got:
                    waiting.remove(name)
                    continue
                sent = {"answers": {"spam": given(name, got[0]["data"]["text"])}, "seconds": 4.0}
                self.ask("POST", f"/assignments/{got[0]['id']}/submit", sent, self.keys[name])
                done += 1
        return done


def settled(story: Story, project: str) -> tuple[int, Any]:
    """All work until the node, which weighs beside it, wants no more: (answers, what the page says)."""
    answers, limit = story.work(), time.monotonic() + 400
    while time.monotonic() < limit:
        time.sleep(1.2)  # a turn of the job
        more = story.work()
        answers += more
        found = story.ask("GET", f"/projects/{project}/quality")["adaptive"]
        if not more and found["state"] == "asking":
            return answers, found
    raise AssertionError(f"the node has not come to an end: {found}")


def test_doubtful_tasks_get_more_and_an_auditor_agrees(
    quick: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name in ((core, "PILOT_LEAST"), (weighing, "LEAST_PILOTS"), (reweigh, "LEAST_PILOTS")):
        monkeypatch.setattr(module, name, 8)
    story = Story(quick)
    project = story.project()
    for name in SKILL:
        story.qualify(project, name)
    answers, found = settled(story, project)
    assert 0 < found["saved"] < 0.6, found
    assert found["pilots_ready"] == found["pilots"] and found["loss"] <= 0.03
    tasks = story.ask("GET", f"/projects/{project}/tasks/full?limit=200")["items"]
    ordinary = [task for task in tasks if int(task["data"]["text"].split()[1]) < ORDINARY]
    counts = [len(task["annotations"]) for task in ordinary]
    assert {task["status"] for task in ordinary} == {"done"} and min(counts) < max(counts) == MOST
    assert sum(counts) < 0.9 * MOST * ORDINARY and sum(counts) < answers, "some answers were to gold"
    right = [task["consensus"]["spam"]["value"] == truth(task["data"]["text"]) for task in ordinary]
    assert {task["consensus"]["spam"]["method"] for task in ordinary} == {"robust"}
    assert sum(right) >= 0.75 * ORDINARY
    monkeypatch.setenv("EVENHAND_URL", quick.url)
    monkeypatch.setenv("EVENHAND_API_KEY", quick.operator)
    capsys.readouterr()
    code = cli.run(["audit", quick.url, "--project", "Adapted", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["findings"], code) == ([], 0) and said["weighings"] >= 2 and said["weighed"] > ORDINARY
