"""Relations through all pages: asked for in the builder, made by keys alone, reviewed, taken elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, Page, expect

from evenhand import moving, peers
from evenhand.sdk import Client

from .conftest import KEY, Node, violations
from .test_review_pages import join, look, page_of
from .test_story_in_browser import manager

SLOW = 30_000  # ms: a machine that does much else besides
TEXT = "Zoë joined Nordwind in Köln."
ZOE, FIRM, PLACE = (
    {"start": TEXT.index(words), "end": TEXT.index(words) + len(words), "label": label}
    for words, label in (("Zoë", "Person"), ("Nordwind", "Organization"), ("Köln", "Place"))
)
WORKS, SEAT = {"to": 1, "label": "works for"}, {"to": 2, "label": "seat"}
WANTED: list[dict[str, Any]] = [ZOE | {"relations": [WORKS]}, FIRM | {"relations": [SEAT]}, PLACE]


def build(page: Page, node: Node) -> str:
    """A project whose spans are joined, in the builder; gives its id."""
    page.get_by_role("link", name="New project").first.click()
    page.get_by_role("button", name="Mark entities").click()
    page.get_by_label("Project name").fill("Related")
    page.get_by_label("Answers per task").fill("2")
    relations = page.get_by_role("group", name="Relations", exact=True)
    relations.get_by_role("button", name="Add").click()
    page.keyboard.type("works for")
    page.keyboard.press("Enter")
    page.keyboard.type("seat")
    relations.get_by_role("button", name="More about works for").click()
    begins = relations.get_by_role("group", name="Begins at: works for")
    begins.get_by_label("Person").check()
    relations.get_by_role("group", name="Leads to: works for").get_by_label("Organization").check()
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Related")).to_be_visible(timeout=SLOW)
    made = [p for p in node.call("GET", "/projects")["items"] if p["document"]["name"] == "Related"]
    return str(made[0]["id"])


def annotate(page: Page) -> None:
    """Marks three words and joins them, by keys alone."""
    expect(page.locator(".span-text")).to_be_visible(timeout=SLOW)
    page.keyboard.press("Home")
    for steps, label in ((0, "1"), (2, "2"), (2, "3")):
        for _ in range(steps):
            page.keyboard.press("ArrowRight")
        page.keyboard.press(label)
    for key in (".", "r", "1", "Escape", ".", ".", "r", "Tab", "Tab", "2"):  # past the firm, and round
        page.keyboard.press(key)
    expect(page.locator(".span-links li")).to_have_count(2)
    page.keyboard.press("Delete")  # the firm, with both of its relations
    expect(page.locator(".span-links li")).to_have_count(0)
    page.keyboard.press("u")
    expect(page.locator(".span-links li")).to_have_count(2)
    expect(page.locator(".span-list").first.locator("li")).to_have_count(3)


def test_relations_from_the_builder_to_another_project(browser: Browser, node: Node, tmp_path: Path) -> None:
    boss = manager(browser, node)
    project = build(boss, node)
    question = node.call("GET", f"/projects/{project}")["document"]["questions"][0]
    assert [(one["id"], one["from"], one["to"]) for one in question["config"]["relations"]] == [
        ("works for", ["Person"], ["Organization"]),
        ("seat", [], []),
    ]
    node.call("PATCH", f"/projects/{project}", json={"version": 1, "review": {"which": "all"}})
    guess = {"answers": {question["id"]: [ZOE, FIRM | {"relations": [{"to": 0, "label": "seat"}]}]}}
    node.add(project, [{"text": TEXT}, {"text": f"{TEXT} Again.", "predictions": [guess | {"model": "m-1"}]}])
    ann, ben, rita = (
        join(node, f"{n}r", role)
        for n, role in (("Ann", "annotator"), ("Ben", "annotator"), ("Rita", "reviewer"))
    )
    page = page_of(browser, node, ann)
    page.goto(f"/annotate/{project}")
    annotate(page)
    look(page, "relations-annotate")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Suggestion").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".span-links li")).to_have_count(1)
    page.keyboard.press("a")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="All done here")).to_be_visible(timeout=SLOW)
    page.locator("[data-status='status.node']").wait_for(state="attached")
    page.context.close()

    body = {"project_id": project, "count": 1}
    given = ben.client.post("/assignments/next", json=body).json()["assignments"][0]
    other = [ZOE | {"relations": [WORKS]}, FIRM | {"relations": [{"to": 0, "label": "seat"}]}, PLACE]
    sent = {"answers": {question["id"]: other}, "seconds": 9}
    ben.client.post(f"/assignments/{given['id']}/submit", json=sent).raise_for_status()

    desk = page_of(browser, node, rita)
    desk.goto(f"/projects/{project}/review")
    expect(desk.get_by_text("The answers differ")).to_be_visible(timeout=SLOW)
    expect(desk.locator(".span-links").first).to_be_visible(timeout=SLOW)
    assert violations(desk) == []
    desk.context.close()

    client = Client(node.url, KEY)
    client.export(project, "jsonl", tmp_path / "jsonl")
    rows = map(msgspec.json.decode, (tmp_path / "jsonl" / "tasks.jsonl").read_bytes().splitlines())
    row, suggested = sorted(rows, key=lambda row: len(row["data"]["text"]))
    assert given_in(row["annotations"], question["id"]) == in_order([WANTED, other])
    assert given_in(suggested["annotations"], question["id"]) == [guess["answers"][question["id"]]]
    agreed = [ZOE | {"relations": [WORKS]}, FIRM, PLACE]
    assert row["consensus"][question["id"]]["value"] == agreed, "one of two is no majority"
    client.export(project, "label_studio", tmp_path / "there", accept_loss=True)
    options = peers.Options(config=tmp_path / "there" / "config.xml", name="Back")
    read = peers.find("label_studio").read([tmp_path / "there" / "tasks.json"], options)
    back = moving.move(client, read, None)
    client.export(back.project_id, "jsonl", tmp_path / "back")
    rows = map(msgspec.json.decode, (tmp_path / "back" / "tasks.jsonl").read_bytes().splitlines())
    again = min(rows, key=lambda row: len(row["data"]["text"]))
    (given_there,) = given_in(again["annotations"], question["id"])
    assert given_there in (WANTED, other), "its file names nobody, so both are taken for one person's"
    assert again["predictions"][0]["answers"][question["id"]] == agreed
    boss.context.close()


def in_order(answers: list[Any]) -> list[Any]:
    return sorted(answers, key=str)


def given_in(annotations: list[dict[str, Any]], question: str) -> list[Any]:
    """The answers to a question, in an order that does not depend on who gave them."""
    return in_order([one["answers"][question] for one in annotations])
