"""A backend of one's own in the browser: connected on its page, asked, accepted, changed, put aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.http.ml_backend import Model, serve

from .conftest import Node
from .test_review_pages import join, look, page_of

QUESTIONS = [
    {"name": "spam", "type": "choice", "choices": ["ham", "spam"]},
    {"name": "who", "type": "span", "field": "text", "labels": ["person", "place"], "required": False},
]


@pytest.fixture
def open_node(make_node: type[Node], tmp_path: Path) -> Iterator[Node]:
    """A node whose operator has named this machine as one that may be sent to."""
    running = make_node(tmp_path / "data")
    running.folder.mkdir()
    os.environ["EVENHAND_OUTBOUND_HOSTS"] = "127.0.0.1"
    try:
        running.start()
    finally:
        del os.environ["EVENHAND_OUTBOUND_HOSTS"]
    yield running
    running.stop()


def test_a_model_from_connection_to_answers(browser: Browser, open_node: Node) -> None:
    node, model = open_node, Model()
    texts = ["Win now!", "Hello Zoë", "See you"]
    project = node.project("Modelled", QUESTIONS, [{"text": text} for text in texts], overlap=2)
    boss, ann = join(node, "Mo", "manager"), join(node, "Ann", "annotator")
    desk = page_of(browser, node, boss)
    desk.emulate_media(reduced_motion="reduce")  # a button that fades back in has less contrast
    desk.goto(f"/projects/{project}/models")
    expect(desk.get_by_role("heading", name="No model yet")).to_be_visible()
    look(desk, "models-empty")
    with serve(model) as url:
        desk.get_by_role("button", name="Connect a model").first.click()
        desk.get_by_label("Address").fill(url)
        desk.get_by_label("Name", exact=True).fill("Rules")
        expect(desk.get_by_label("Its answers count")).to_be_checked()
        desk.get_by_label("Annotators may ask it").check()
        desk.get_by_role("button", name="Connect", exact=True).click()
        expect(desk.get_by_text("version rules-1")).to_be_visible()
        desk.get_by_role("button", name="Ask about open tasks").click()
        expect(desk.get_by_text("said something of 3 of 3 tasks")).to_be_visible()
        desk.wait_for_timeout(500)
        look(desk, "models")

        page = page_of(browser, node, ann)
        page.emulate_media(reduced_motion="reduce")
        page.goto(f"/annotate/{project}")
        page.get_by_text("Win now!").first.wait_for()
        expect(page.get_by_text("Suggestion").first).to_be_visible()
        page.keyboard.press("a")  # accepted
        page.keyboard.press("Enter")
        page.locator("main").get_by_text("Hello Zoë").first.wait_for()
        page.get_by_role("button", name="Accept").first.click()  # the mark
        page.get_by_role("button", name="Put aside").first.click()  # the choice, to make it oneself
        look(page, "models-annotate")
        page.get_by_role("button", name="Ask the model").click()
        page.locator(".toast", has_text="The model has nothing to add.").wait_for()
        page.keyboard.press("1")
        page.keyboard.press("Control+Enter")
        page.locator("main").get_by_text("See you").first.wait_for()
        page.keyboard.press("2")  # changed
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("heading", name="All done here")).to_be_visible()
        page.locator("[data-status='status.node']").wait_for(state="attached")
        page.context.close()
    given = {text: [a["spam"] for a in answers] for text, answers in node.answers(project).items()}
    assert given == {"Win now!": ["spam", "spam"], "Hello Zoë": ["ham", "ham"], "See you": ["ham", "spam"]}
    desk.get_by_role("button", name="Disconnect").click()
    desk.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(desk.get_by_role("heading", name="No model yet")).to_be_visible()
    desk.context.close()
