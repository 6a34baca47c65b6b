"""Erasing from the pages: an owner is asked first, and what is gone is gone."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from .conftest import Node, violations
from .test_story_in_browser import manager

TEXT = {"name": "t", "type": "text"}


def test_an_owner_erases_a_task_and_a_member(browser: Browser, node: Node) -> None:
    project = node.project("To forget", [TEXT], [{"text": "a secret of somebody"}, {"text": "b"}])
    annotator = node.annotator("Ann Gone")
    work = annotator.client.post("/assignments/next", json={"project_id": project}).json()["assignments"][0]
    annotator.client.post(f"/assignments/{work['id']}/submit", json={"answers": {"t": "said"}})
    page = manager(browser, node)
    page.goto(f"/projects/{project}/tasks/{project}-1")
    expect(page.get_by_text("a secret of somebody")).to_be_visible()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("dialog").get_by_text("cannot be undone")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Erase for ever").click()
    expect(page.get_by_text("Values that are gone")).to_be_visible()
    expect(page.get_by_text("a secret of somebody")).to_have_count(0)
    assert node.call("GET", f"/tasks/{project}-1")["data"] == {}

    page.goto("/people")
    row = page.get_by_role("row").filter(has_text="Ann Gone")
    row.get_by_role("button").last.click()
    page.get_by_role("menuitem", name="Erase").click()
    page.get_by_role("button", name="Erase for ever").click()
    expect(page.get_by_text("Values that are gone")).to_be_visible()
    expect(page.get_by_text("Ann Gone")).to_have_count(0)
    assert annotator.client.get("/session").status_code == 401
    page.context.close()
