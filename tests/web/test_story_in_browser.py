"""The story in the browser: a manager creates and imports, two people label by keyboard only while the
connection is cut and the node is killed, and the export holds exactly what they typed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from .conftest import Annotator, Node

TASKS = 14


def manager(browser: Browser, node: Node) -> Page:
    """The owner's page, signed in by a link."""
    link = node.call("POST", "/session/link", json={})
    page = browser.new_context(base_url=node.url, locale="en-GB", accept_downloads=True).new_page()
    page.goto(link["url"])
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    return page


def create(page: Page, node: Node) -> str:
    """A project from a template, in the builder; gives its id."""
    page.get_by_role("link", name="New project").first.click()
    page.get_by_role("button", name="Classify texts").click()
    page.get_by_label("Project name").fill("Story")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Story")).to_be_visible()
    made = [p for p in node.call("GET", "/projects")["items"] if p["document"]["name"] == "Story"]
    return str(made[0]["id"])


def bring_in(page: Page, project: str, path: Path) -> None:
    """Drop a file on the import page and wait for the report."""
    page.goto(f"/projects/{project}/import")
    expect(page.locator("input[type=file]")).to_be_enabled()
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("main").get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("link", name="See the tasks")).to_be_visible()


def seat(browser: Browser, node: Node, annotator: Annotator, project: str) -> Page:
    """An annotator's page on the project."""
    context = browser.new_context(base_url=node.url, locale="en-GB")
    context.add_cookies([annotator.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
    page = context.new_page()
    page.goto(f"/annotate/{project}")
    expect(page.locator("[data-question]").first).to_be_visible()
    return page


def answer(page: Page, key: int) -> str:
    """Pick by number, submit by Enter, wait until the next task is there; gives the text answered."""
    text = page.locator("main .sheet p").first.inner_text().strip()
    page.keyboard.press(str(key))
    page.keyboard.press("Enter")
    page.wait_for_function(
        "text => document.querySelector('main .sheet p')?.innerText.trim() !== text", arg=text
    )
    return text


def saved(page: Page) -> None:
    expect(page.locator('[data-status="status.node"]')).to_be_visible()


def exported(page: Page, project: str, folder: Path) -> list[dict]:
    """Export on the page, download the data file."""
    page.goto(f"/projects/{project}/export")
    page.get_by_label("Format").select_option(label="JSON Lines")
    page.get_by_role("button", name="Export", exact=True).click()
    link = page.locator("a[download$='.jsonl']").first
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    download.value.save_as(folder / "out.jsonl")
    return [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]


def test_story(browser: Browser, node: Node, tmp_path: Path) -> None:
    path = tmp_path / "messages.csv"
    rows = "".join(f'{n},"message {n}, with ""quotes"" and 😀"\n' for n in range(TASKS))
    path.write_text("number,text\n" + rows, "utf-8")
    owner = manager(browser, node)
    project = create(owner, node)
    bring_in(owner, project, path)
    question = node.call("GET", f"/projects/{project}")["document"]["questions"][0]
    choices = [choice["id"] for choice in question["config"]["choices"]]
    ana, ben = (seat(browser, node, node.annotator(name), project) for name in ("Ana", "Ben"))
    typed: dict[str, str] = {}

    def label(page: Page, times: int) -> None:
        for _ in range(times):
            key = len(typed) % len(choices)
            typed[answer(page, key + 1)] = choices[key]

    label(ana, 2)
    label(ben, 1)
    saved(ana)
    ana.context.set_offline(True)
    label(ana, 2)
    ana.context.set_offline(False)
    saved(ana)
    node.stop(signal.SIGKILL)
    label(ben, 2)
    node.start()
    saved(ben)
    label(ana, 1)
    label(ben, 2)
    saved(ana)
    saved(ben)
    done = {row["data"]["text"]: row for row in exported(owner, project, tmp_path)}
    assert len(done) == TASKS
    for text, row in done.items():
        answers = [a["answers"][question["id"]] for a in row["annotations"]]
        assert answers == ([typed[text]] if text in typed else []), text
        assert row["data"]["number"] in text
    assert len(typed) == 10
    for page in (owner, ana, ben):
        page.context.close()
