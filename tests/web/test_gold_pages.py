"""Gold, qualification and pay in a real browser: the annotator's way in, and what the manager sees of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from .conftest import Annotator, Node, violations

SPAM = {"name": "spam", "type": "choice", "title": "Is it spam?", "choices": ["ham", "spam"]}
PICTURES = os.environ.get("EVENHAND_PICTURES_TO")


def clean(page: Page) -> None:
    assert violations(page) == []


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def owner_cookie(node: Node) -> dict[str, Any]:
    link = node.call("POST", "/session/link", json={"next": "/"})["url"]
    with node.api.__class__(base_url=node.url) as client:
        token = link.partition("?")[0].rpartition("/")[2]
        assert client.post(f"/api/v1/invites/{token}", json={}).status_code == 200
        value = client.cookies["evenhand_session"]
    return {"name": "evenhand_session", "value": value, "url": node.url, "httpOnly": True}


def member(node: Node, name: str) -> str:
    return str(next(m["id"] for m in node.call("GET", "/members?limit=200")["items"] if m["name"] == name))


def works(who: Annotator, project: str, answer: str, most: int) -> None:
    for _ in range(most):
        given = who.client.post("/assignments/next", json={"project_id": project}).json()["assignments"]
        if not given:
            return
        body = {"answers": {"spam": answer}, "seconds": 36}
        assert who.client.post(f"/assignments/{given[0]['id']}/submit", json=body).status_code == 200


def test_from_the_test_to_the_work_to_the_account(node: Node, visit: Any) -> None:
    project = node.project(
        "Gold and pay",
        [SPAM],
        [{"text": f"message {n}"} for n in range(40)]
        + [{"text": f"known {n}", "gold_answers": "ham"} for n in range(12)]
        + [
            {"text": f"test {n}", "gold_answers": "ham", "gold_feedback": "Nobody sells here."}
            for n in range(3)
        ],
        order="random",
        overlap=3,  # more than there are people: tasks stay open
        gold={"per_mille": 500, "block": 5, "floor": 60, "evidence": 3},
        qualification={"tasks": 3, "pass_mark": 60, "tries": 2},
        pay={"currency": "EUR", "per": "hour", "amount": 1500},
    )
    good, bad = node.annotator("Greta"), node.annotator("Bob")
    page = visit(f"/annotate/{project}", good.cookie)
    page.get_by_role("link", name="Go to the test").click()
    page.get_by_role("button", name="Begin").click()
    for n, answer in enumerate(("ham", "spam", "ham")):
        page.get_by_role("radio", name=answer).first.check()
        page.get_by_role("button", name="Answer").click()
        expect(page.get_by_role("alert")).to_contain_text("Not quite." if answer == "spam" else "Right.")
        expect(page.get_by_role("alert")).to_contain_text("Nobody sells here.")
        if n == 1:
            picture(page, "qualification")
            clean(page)
        page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="You are qualified")).to_be_visible()
    works(good, project, "ham", 25)
    for _ in range(3):
        state = bad.client.post(f"/projects/{project}/qualification").json()
        body = {"task_id": state["next"]["task_id"], "answers": {"spam": "ham"}}
        assert bad.client.post(f"/projects/{project}/qualification/answer", json=body).status_code == 200
    works(bad, project, "spam", 60)

    page = visit(f"/annotate/{project}", bad.cookie)
    page.get_by_role("link", name="Read why").click()
    expect(page.get_by_text("This project asks for at least 60%")).to_be_visible()
    picture(page, "account")
    clean(page)
    owed = page.get_by_role("row").filter(has_text="Gold and pay").get_by_role("cell").last.inner_text()

    page = visit(f"/projects/{project}/gold", owner_cookie(node))
    row = page.get_by_role("row").filter(has_text="Bob")
    expect(row).to_contain_text("suspended")
    picture(page, "gold")
    clean(page)
    row.get_by_role("button", name="Lift").click()
    expect(row).to_contain_text("may work")
    done = node.call("GET", f"/projects/{project}/tasks?annotator={member(node, 'Greta')}&limit=200")["items"]
    ordinary = next(t["task_id"] for t in done if t["status"] == "open")
    page.goto(f"/projects/{project}/tasks/{ordinary}")
    page.get_by_role("button", name="Right: make it gold").first.click()
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("button", name="Right: make it gold").first).to_be_visible()
    page.get_by_role("link", name="Pay", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="Bob").get_by_role("cell").last).to_have_text(owed)
    page.get_by_role("button", name="Make a statement").click()
    expect(page.get_by_text("Statement 1")).to_be_visible()
    picture(page, "pay")
    clean(page)
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Tries").fill("3")
    expect(page.get_by_label("Hide gold tasks among the others")).to_be_checked()
    page.set_viewport_size({"width": 390, "height": 800})
    picture(page, "settings")
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("button", name="Save as the new version").click()
    expect(page.get_by_role("button", name="Save as the new version")).to_be_hidden()
    expect(page.get_by_text("Version 2").first).to_be_visible()
    stored = node.call("GET", f"/projects/{project}")["document"]
    assert stored["qualification"]["tries"] == 3 and stored["gold"]["floor"] == 60
