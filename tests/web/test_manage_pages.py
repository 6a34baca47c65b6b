"""The manager's pages in a real browser against a real node: what managers do, and what goes wrong."""

from __future__ import annotations

import csv
import json
import re
import struct
import threading
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Route, expect

from .conftest import Annotator, Node, violations, wait_for

SPAM = {"name": "spam", "type": "choice", "title": "Is it spam?", "choices": ["ham", "spam"]}
PASSWORD = "correct horse battery"

Open = Callable[..., Page]


def person(node: Node, name: str, role: str) -> Annotator:
    """Somebody with this role, who joined by an invite link."""
    invite = node.call("POST", "/invites", json={"purpose": "join", "role": role})
    return join(node, invite["url"], name)


def join(node: Node, link: str, name: str) -> Annotator:
    client = httpx.Client(base_url=f"{node.url}/api/v1", timeout=120)
    email = f"{uuid.uuid4().hex[:12]}@example.org"
    answer = {"name": name, "email": email, "password": PASSWORD}
    joined = client.post(f"/invites/{link.rsplit('/', 1)[1]}", json=answer)
    assert joined.status_code < 300, joined.text
    client.headers["X-Evenhand-CSRF"] = joined.json()["csrf"]
    value = client.cookies["evenhand_session"]
    cookie = {"name": "evenhand_session", "value": value, "url": node.url, "httpOnly": True}
    return Annotator(email, PASSWORD, cookie, client)


@pytest.fixture(scope="module")
def owner(node: Node) -> Annotator:
    return person(node, "Olga Owner", "owner")


@pytest.fixture
def visit(browser: Browser, node: Node) -> Iterator[Open]:
    """`visit(path, who)` gives a page of that person's own browser; any error of the page fails the test."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_page(path: str, who: Annotator | None, **more: Any) -> Page:
        context = browser.new_context(base_url=node.url, locale="en-GB", **more)
        if who is not None:
            context.add_cookies([who.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(path)
        expect(page.locator("main h1").first).to_be_attached()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failures == []


def rows(count: int) -> list[dict[str, Any]]:
    return [{"text": f"message {i}", "external_id": f"m{i}"} for i in range(count)]


def answer_some(node: Node, project: str, who: Annotator, count: int) -> None:
    for i in range(count):
        offer = {"project_id": project, "count": 1}
        given = who.client.post("/assignments/next", json=offer).json()["assignments"]
        path = f"/assignments/{given[0]['id']}"
        if i == 0:
            assert who.client.post(f"{path}/flag", json={"reason": "Looks cut off"}).status_code == 204
        sent = who.client.post(f"{path}/submit", json={"answers": {"spam": "ham"}, "seconds": 4.0})
        assert sent.status_code == 200, sent.text


def toast(page: Page, text: str) -> None:
    expect(page.locator(".toast").filter(has_text=text).last).to_be_visible()


# -- coming in ----------------------------------------------------------------------------------


def test_sign_in_by_password_and_out(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/people", None)
    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("password", re.I))
    page.get_by_label("Password").fill(owner.password)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    page.get_by_role("button", name="Account of Olga Owner").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_join_by_invite_then_find_the_work(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/people?invite=1", owner)
    dialog = page.get_by_role("dialog", name="Invite people")
    dialog.get_by_label("Role").select_option("manager")
    dialog.get_by_role("button", name="Make the link").click()
    link = dialog.get_by_label("Invitation link").input_value()
    assert link.startswith(node.url + "/invite/")
    guest = visit(urlsplit(link).path, None)
    expect(guest.get_by_role("heading", name="Join default")).to_be_visible()
    guest.get_by_label("Name").fill("Mina Manager")
    guest.get_by_label("Email").fill(f"{uuid.uuid4().hex[:12]}@example.org")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Join").click()
    expect(guest.get_by_role("heading", name="Projects", exact=True)).to_be_visible()
    again = visit(urlsplit(link).path, None)
    expect(again.get_by_role("alert")).to_be_visible()


def test_reset_link_sets_a_new_password(node: Node, owner: Annotator, visit: Open) -> None:
    name = f"Rita {uuid.uuid4().hex[:6]}"
    lost = person(node, name, "reviewer")
    page = visit("/people", owner)
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name="Link for a new password").click()
    link = page.get_by_role("dialog").get_by_label(re.compile("set a new password")).input_value()
    other = visit(urlsplit(link).path, None)
    other.get_by_label("New password").fill("another good sentence")
    other.get_by_role("button", name="Save the password").click()
    expect(other.get_by_role("heading", name="Projects", exact=True)).to_be_visible()
    signed = httpx.post(
        f"{node.url}/api/v1/session", json={"email": lost.email, "password": "another good sentence"}
    )
    assert signed.status_code == 200, signed.text


def test_ones_own_password_by_keyboard(node: Node, owner: Annotator, visit: Open) -> None:
    who = person(node, "Paul Password", "annotator")
    page = visit("/account", who)
    tab_to(page, "Change password")
    page.keyboard.press("Enter")
    for current, new, field, text in [
        ("not the password", "a sentence of my own", "Current password", "not your current password"),
        (who.password, "short", "New password", "10 to 1000 characters"),
    ]:
        page.get_by_label("Current password").press("ControlOrMeta+a")
        page.keyboard.type(current)
        tab_to(page, "New password")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(new)
        page.keyboard.press("Enter")
        at = page.get_by_label(field)
        expect(at).to_have_accessible_description(re.compile(text))
        expect(at).to_be_focused()
        assert violations(page) == []
    page.keyboard.type("a sentence of my own")
    tab_to(page, "Show what I type")
    page.keyboard.press("Space")
    expect(page.get_by_label("New password")).to_have_attribute("type", "text")
    tab_to(page, "Change password")
    page.keyboard.press("Enter")
    toast(page, "All other sessions")
    assert who.client.get("/session").status_code == 401
    page.reload()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    given = {"email": who.email, "password": "a sentence of my own"}
    assert httpx.post(f"{node.url}/api/v1/session", json=given).status_code == 200
    none = visit("/account", operator(node))
    expect(none.get_by_role("button", name="Change password")).to_be_hidden()
    expect(none.get_by_text("have no password, so there is none to change")).to_be_visible()


def test_sign_in_link_leads_to_its_page(node: Node, owner: Annotator, visit: Open) -> None:
    made = owner.client.post("/session/link", json={"next": "/people"})
    assert made.status_code == 200, made.text
    address = urlsplit(made.json()["url"])
    page = visit(f"{address.path}?{address.query}", None)
    expect(page.get_by_role("heading", name="People")).to_be_visible()


def test_session_that_lapses_costs_nothing(owner: Annotator, node: Node, visit: Open) -> None:
    who = person(node, "Lena Lapsed", "manager")
    page = visit("/projects/new", who)
    page.get_by_role("button", name="Classify texts").click()
    page.get_by_label("Project name").fill("Half finished")
    expect(page.locator("aside").get_by_text("What is it?")).to_be_visible()
    page.context.clear_cookies()
    page.get_by_role("button", name="Create the project").click()
    dialog = page.get_by_role("dialog", name="Sign in to go on")
    dialog.get_by_label("Password").fill(who.password)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Project name")).to_have_value("Half finished")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Half finished")).to_be_visible()


# -- building -----------------------------------------------------------------------------------


def test_builder_from_template_to_project(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/projects/new", owner)
    page.get_by_role("button", name="Classify texts").click()
    preview = page.locator("aside")
    expect(preview.get_by_role("radio")).to_have_count(3)
    page.get_by_label("Question", exact=True).fill("How does it sound?")
    expect(preview.get_by_text("How does it sound?")).to_be_visible()
    page.get_by_label("Choices, entry 1").press("End")
    page.get_by_label("Choices, entry 1").press("Enter")
    page.keyboard.type("Mixed")
    expect(preview.get_by_role("radio")).to_have_count(4)
    preview.get_by_text("Mixed").click()
    expect(preview.get_by_role("radio", name=re.compile("Mixed"))).to_be_checked()
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("alert").filter(has_text="no name").first).to_be_visible()
    expect(page.get_by_label("Project name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Project name").fill("Tone of messages")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Tone of messages")).to_be_visible()
    expect(page.get_by_role("heading", name="Next steps")).to_be_visible()
    project = page.url.rsplit("/", 1)[1]
    question = node.call("GET", f"/projects/{project}")["document"]["questions"][0]
    assert question["id"] == "how_does_it_sound"
    assert [choice["name"] for choice in question["config"]["choices"]] == [
        "Positive",
        "Mixed",
        "Neutral",
        "Negative",
    ]


def test_every_template_makes_a_form_that_the_node_accepts(owner: Annotator, visit: Open) -> None:
    page = visit("/projects/new", owner)
    expect(page.locator("main ul button strong")).to_have_count(10)
    names = page.locator("main ul button strong").all_inner_texts()
    for name in [name for name in names if name != "Blank project"]:
        page.get_by_role("button", name=name).click()
        page.get_by_label("Project name").fill(name)
        expect(page.locator("aside").get_by_text("Shown with sample data")).to_be_visible()
        expect(page.locator("aside").get_by_text("Not complete yet")).to_be_hidden()
        expect(page.locator("aside .widget").first).to_be_visible()
        expect(page.locator("aside .error")).to_have_count(0)
        page.get_by_role("button", name="Other template").click()


def test_every_label_type_can_be_set_up_from_its_schema(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/projects/new", owner)
    page.get_by_role("button", name="Compare two answers").click()
    page.get_by_label("Project name").fill("All types")
    page.get_by_role("button", name="Add a field").click()
    page.get_by_label("Name of field 4").fill("picture")
    page.get_by_label("Type of field picture").select_option("image")
    page.get_by_role("button", name="Add a field").click()
    page.get_by_label("Name of field 5").fill("sound")
    page.get_by_label("Type of field sound").select_option("audio")
    page.get_by_role("button", name="Add a field").click()
    page.get_by_label("Name of field 6").fill("film")
    page.get_by_label("Type of field film").select_option("video")
    preview = page.locator("aside")
    for kind in node.call("GET", "/label-types?limit=200")["items"]:
        page.get_by_role("button", name="Remove the question").click()
        page.get_by_role("button", name="Add a question").click()
        page.get_by_label("Label type").select_option(kind["id"])
        for add in page.locator(".options").get_by_role("button", name="Add", exact=True).all():
            add.click()
            page.keyboard.type("one")
            page.keyboard.press("Enter")
            page.keyboard.type("two")
        page.get_by_label("Question", exact=True).fill(f"About {kind['name']}")
        expect(preview.get_by_role("heading", name=f"About {kind['name']}")).to_be_visible()
        expect(preview.get_by_text("Not complete yet")).to_be_hidden()


def test_a_fault_shows_at_its_place(owner: Annotator, visit: Open) -> None:
    page = visit("/projects/new", owner)
    page.get_by_role("button", name="Classify texts").click()
    page.get_by_label("Project name").fill("Faulty")
    page.get_by_label("Choices, entry 2").fill("Positive")
    group = page.locator(".question")
    expect(group.get_by_role("alert")).to_contain_text("twice")
    expect(page.locator("aside").get_by_text("Not complete yet")).to_be_visible()
    page.get_by_label("Choices, entry 2").fill("Neutral")
    expect(group.get_by_role("alert")).to_have_count(0)
    page.get_by_label("Name of field 1").fill("metadata")
    expect(page.locator(".field").get_by_role("alert")).to_contain_text("reserved")


def test_paste_many_and_ask_only_if(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/projects/new", owner)
    page.get_by_role("button", name="Classify texts").click()
    page.get_by_label("Project name").fill("Conditional")
    page.get_by_role("button", name="Paste many").click()
    page.get_by_role("textbox", name="Paste a list").fill("other\tSomething else\nPositive\nUnclear")
    page.get_by_role("button", name="Add 3 entries").click()
    expect(page.locator("aside").get_by_role("radio")).to_have_count(5)
    page.get_by_role("button", name="Add a question").click()
    second = page.locator("section.question").nth(1)
    second.get_by_label("Label type").select_option(label="Text")
    second.get_by_label("Question", exact=True).fill("What else?")
    second.get_by_text("Help, condition, id").click()
    second.get_by_label("Ask only if").select_option(label="Depends on: What is it?")
    second.get_by_label("Condition").select_option("is")
    second.get_by_label("Value").select_option(label="Something else")
    preview = page.locator("aside")
    expect(preview.get_by_text("What else?")).to_be_hidden()
    preview.get_by_text("Something else").click()
    expect(preview.get_by_text("What else?")).to_be_visible()
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Conditional")).to_be_visible()
    document = node.call("GET", f"/projects/{page.url.rsplit('/', 1)[1]}")["document"]
    assert document["questions"][1]["when"] == {"question": "what_is_it", "is": "other"}


def test_a_change_is_reviewed_and_makes_a_version(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Changing", [SPAM], rows(3), instructions="Look twice.\nThen answer.")
    page = visit(f"/projects/{project}/settings", owner)
    expect(page.locator("aside").get_by_text("message 0")).to_be_visible()
    review = page.get_by_role("button", name="Review and save")
    expect(review).to_be_disabled()
    page.get_by_label("Choices, entry 2").fill("unwanted")
    page.get_by_role("textbox", name="Instructions").fill("Look twice.\nThen answer quickly.")
    page.get_by_label("Answers per task").fill("3")
    review.click()
    dialog = page.get_by_role("dialog", name="Version 2 will change this")
    expect(dialog).to_contain_text("Answers per task: 1 → 3")
    expect(dialog).to_contain_text("Question changed: Is it spam? (choices)")
    expect(dialog.locator("ins")).to_contain_text("quickly")
    dialog.get_by_role("button", name="Save as the new version").click()
    toast(page, "Version 2 is in force")
    document = node.call("GET", f"/projects/{project}")["document"]
    assert document["questions"][0]["config"]["choices"][1]["id"] == "spam"
    assert document["questions"][0]["config"]["choices"][1]["name"] == "unwanted"
    page.get_by_role("button", name="History").click()
    history = page.get_by_role("dialog", name="Versions")
    expect(history.get_by_role("heading", name=re.compile(r"Version \d"))).to_have_count(2)
    history.get_by_role("button", name="Edit from this version").click()
    expect(page.get_by_label("Answers per task")).to_have_value("1")


def test_overlap_that_adapts_is_switched_on_and_off(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Adaptive", [SPAM], rows(3), overlap=2)
    page = visit(f"/projects/{project}/settings", owner)
    switch = page.get_by_role("checkbox", name="Ask no more than is needed")
    switch.focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("Answers per task")).to_have_value("5")  # two leave nothing to save
    least = page.get_by_label("Answers of every task, at least")
    least.fill("9")
    expect(page.get_by_role("alert").first).to_be_visible()
    least.fill("3")
    page.get_by_label("Right answers that may be lost, percent").fill("2.5")
    page.get_by_role("checkbox", name="Pilots alone from those who are passed over").check()
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("button", name="Save as the new version").click()
    toast(page, "Version 2")
    document = node.call("GET", f"/projects/{project}")["document"]
    assert document["adaptive"] == {
        "least": 3,
        "tolerance": 25,
        "target": 100,
        "budget": 0,
        "worth": 75,
        "pilots_only": True,
    }
    switch.uncheck()
    expect(least).to_have_count(0)
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("button", name="Save as the new version").click()
    toast(page, "Version 3")
    assert node.call("GET", f"/projects/{project}")["document"].get("adaptive") is None


def test_connecting_a_model_says_what_is_wrong(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Modelled", [SPAM], rows(1))
    page = visit(f"/projects/{project}/models", owner)
    opener = page.get_by_role("button", name="Connect a model").first
    opener.click()
    dialog = page.get_by_role("dialog", name="Connect a model")
    expect(dialog.get_by_label("Its answers count")).not_to_be_checked()  # one answer a task: none is left
    dialog.get_by_label("Address").fill("http://127.0.0.1:9")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("127.0.0.1")
    expect(dialog.get_by_label("Address")).to_have_value("http://127.0.0.1:9")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    assert node.call("GET", f"/projects/{project}/backends")["items"] == []


def test_a_change_on_an_old_version_is_not_written(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Contended", [SPAM], rows(1))
    page = visit(f"/projects/{project}/settings", owner)
    page.get_by_label("Answers per task").fill("4")
    node.call("PATCH", f"/projects/{project}", json={"version": 1, "overlap": 2})
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("button", name="Save as the new version").click()
    expect(page.get_by_role("alert").first).to_contain_text("in force")
    expect(page.get_by_label("Answers per task")).to_have_value("4")
    assert node.call("GET", f"/projects/{project}")["document"]["overlap"] == 2


def test_leaving_with_unsaved_changes_asks(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Unsaved", [SPAM], rows(1))
    page = visit(f"/projects/{project}/settings", owner)
    page.get_by_label("Answers per task").fill("4")
    expect(page.get_by_text("There are unsaved changes")).to_be_visible()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    page.get_by_role("link", name="Overview").click()
    assert asked and page.url.endswith("/settings")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(80):
        page.keyboard.press("Tab")
        named = "e => (e.labels?.[0]?.innerText || e.ariaLabel || e.innerText || '').trim()"
        if page.locator(":focus").evaluate(named).startswith(name):
            return
    raise AssertionError(f"Tab never reaches {name!r}")


def test_a_project_by_keyboard_only(owner: Annotator, visit: Open) -> None:
    page = visit("/", owner)
    tab_to(page, "New project")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Rate")).to_be_visible()
    tab_to(page, "Rate")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Project name")).to_be_visible()
    tab_to(page, "Project name")
    page.keyboard.type("By keyboard")
    tab_to(page, "To")
    page.keyboard.press("ArrowUp")
    tab_to(page, "Create the project")
    expect(page.get_by_text("Not complete yet")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keyboard")).to_be_visible()
    tab_to(page, "Settings")
    page.keyboard.press("Enter")
    expect(page.get_by_label("To", exact=True)).to_have_value("6")


def test_in_the_readers_language(browser: Browser, node: Node, owner: Annotator) -> None:
    context = browser.new_context(base_url=node.url, locale="de-AT")
    page = context.new_page()
    page.goto("/people")
    page.get_by_label("E-Mail").fill(owner.email)
    page.get_by_label("Passwort").fill("not the password")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_role("alert")).to_contain_text("Passwort ist falsch")  # what the node says, too
    context.add_cookies([owner.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
    page.goto("/projects/new")
    expect(page.get_by_role("heading", name="Neues Projekt")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "de"
    page.get_by_role("button", name="Sprache").or_(page.get_by_role("button", name="DE")).first.click()
    page.get_by_role("menuitemradio", name="English").click()
    expect(page.get_by_role("heading", name="New project")).to_be_visible()
    context.close()


# -- importing ----------------------------------------------------------------------------------


def write_csv(path: Path, header: list[str], lines: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def choose(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").set_input_files([str(file) for file in files])


def test_import_csv_with_mapping_and_rejections(
    node: Node, owner: Annotator, visit: Open, tmp_path: Path
) -> None:
    project = node.project("From CSV", [SPAM], [])
    lines = [[f"hello, {i}", f"row {i}"] for i in range(30)] + [["taken", "row 3"]]
    source = write_csv(tmp_path / "messages.csv", ["Message", "id"], lines)
    page = visit(f"/projects/{project}/import", owner)
    choose(page, source)
    expect(page.get_by_role("columnheader", name="Message")).to_be_visible()
    expect(page.get_by_role("cell", name="hello, 0")).to_be_visible()
    message = page.get_by_label("Where column Message goes")
    expect(message).to_have_value("text")  # the other one is of ids
    message.select_option("Message")
    expect(page.get_by_text("No column fills the field “text”. Choose “→ text”")).to_be_visible()
    message.select_option("text")
    expect(page.get_by_text("No column fills")).to_be_hidden()
    page.get_by_label("Where column id goes").select_option("external_id")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("30 tasks were made")).to_be_visible()
    expect(page.get_by_text("1 row was rejected")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        report = list(csv.DictReader(file))
    assert report[0]["line"] == "32" and "id" in report[0]["reason"]
    tasks = node.call("GET", f"/projects/{project}/tasks?limit=200")["items"]
    assert len(tasks) == 30 and tasks[0]["summary"] == "hello, 0" and tasks[0]["external_id"] == "row 0"
    page.get_by_role("button", name="Import more").click()
    choose(page, source)
    page.get_by_label("Where column Message goes").select_option("text")
    page.get_by_label("Where column id goes").select_option("external_id")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("0 tasks were made")).to_be_visible()
    expect(page.get_by_text("30 rows were there already")).to_be_visible()


def test_import_goes_on_after_a_dropped_connection(
    node: Node, owner: Annotator, visit: Open, tmp_path: Path
) -> None:
    project = node.project("Dropped", [SPAM], [])
    source = tmp_path / "long.jsonl"
    with source.open("w") as file:
        file.writelines(json.dumps({"text": f"{i} " + "x" * 1000}) + "\n" for i in range(9000))
    page = visit(f"/projects/{project}/import", owner)
    parts: list[int] = []

    def drop(route: Route) -> None:
        parts.append(int(urlsplit(route.request.url).query.partition("offset=")[2]))
        if len(parts) == 2:
            route.abort("connectionreset")
        elif len(parts) == 4:
            route.fetch()  # the node has it, but the answer is lost
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/file?offset=*", drop)
    choose(page, source)
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_function("() => document.body.innerText.includes('The connection is lost')")  # a moment
    expect(page.get_by_text("9,000 tasks were made")).to_be_visible()
    assert parts[1] == parts[2], "the part that was lost is sent again"
    assert len(parts) == len(set(parts)) + 1, "the part that arrived is not"


def test_import_is_taken_up_after_the_page_was_closed(
    node: Node, owner: Annotator, visit: Open, tmp_path: Path
) -> None:
    project = node.project("Closed", [SPAM], [])
    source = tmp_path / "two-visits.jsonl"
    with source.open("w") as file:
        file.writelines(json.dumps({"text": f"{i} " + "x" * 1000}) + "\n" for i in range(6000))
    first = visit(f"/projects/{project}/import", owner)
    sent: list[str] = []
    first.route(
        "**/file?offset=*",
        lambda route: (
            (sent.append(route.request.url), route.continue_())
            if not sent
            else route.abort("connectionreset")
        ),
    )
    choose(first, source)
    first.get_by_role("button", name="Import", exact=True).click()
    expect(first.get_by_text("The connection is lost")).to_be_visible()
    first.context.close()
    page = visit(f"/projects/{project}/import", owner)
    page.get_by_text("Not finished").click()
    expect(page.get_by_text("Choose the same file again to go on")).to_be_visible()
    choose(page, source)
    expect(page.get_by_text("6,000 tasks were made")).to_be_visible()
    imports = node.call("GET", f"/projects/{project}/imports")["items"]
    assert [one["name"] for one in imports].count("two-visits.jsonl") == 1


def test_import_images(node: Node, owner: Annotator, visit: Open, tmp_path: Path) -> None:
    boxes = {"name": "things", "type": "box", "field": "image", "labels": ["car"], "required": False}
    project = node.project("Pictures", [boxes], [], fields=[{"name": "image", "type": "image"}])
    pictures = [tmp_path / f"{i}.png" for i in range(4)]
    for i, picture in enumerate(pictures):
        picture.write_bytes(png(20 + i, 10))
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    page = visit(f"/projects/{project}/import", owner)
    choose(page, *pictures, tmp_path / "broken.png")
    page.get_by_role("button", name="Import 5 files").click()
    expect(page.get_by_text("4 tasks were made")).to_be_visible()
    expect(page.get_by_text("1 file was refused")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="broken.png")).to_be_visible()
    page.get_by_role("button", name="Import more").click()
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("rows.csv", "image,where\nmore/a.png,here\nmore/none.png,nowhere\n")
        archive.writestr("more/a.png", png(33, 10))
    choose(page, tmp_path / "more.zip")
    expect(page.get_by_label("Fetch images, sounds and videos from web addresses")).not_to_be_checked()
    assert violations(page) == []
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 task was made")).to_be_visible()
    expect(page.get_by_text("The archive holds no file 'more/none.png'")).to_be_visible()
    page.get_by_role("link", name="See the tasks").click()
    page.get_by_role("link", name=re.compile("blob")).first.click()
    shown = page.locator("img").first
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") >= 20


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compress((b"\0" + b"\x99" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def test_import_by_drop_and_of_an_unreadable_file(
    node: Node, owner: Annotator, visit: Open, tmp_path: Path
) -> None:
    project = node.project("Dropped in", [SPAM], [])
    page = visit(f"/projects/{project}/import", owner)
    page.locator(".drop").evaluate(
        """(zone) => {
            const data = new DataTransfer();
            data.items.add(new File(["text,label\\nhi,ham\\n"], "dropped.csv", {type: "text/csv"}));
            zone.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }"""
    )
    expect(page.get_by_role("cell", name="hi")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 task was made")).to_be_visible()
    page.get_by_role("button", name="Import more").click()
    broken = tmp_path / "latin.csv"
    broken.write_bytes("text\nGr\xfc\xdfe\n".encode("latin-1"))
    choose(page, broken)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("could not be imported")
    page.get_by_role("button", name="Import more").click()
    choose(page, broken)
    page.get_by_label("Encoding").select_option("iso-8859-1")
    expect(page.get_by_role("cell", name="Gr\xfc\xdfe")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 task was made")).to_be_visible()


# -- tasks --------------------------------------------------------------------------------------


def listed(page: Page) -> list[str]:
    return page.locator(".rows .summary a").all_inner_texts()


def test_task_browser_by_keyboard(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Browsing", [SPAM], rows(12))
    page = visit(f"/projects/{project}/tasks", owner)
    expect(page.get_by_text("message 11")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("message 1")
    expect(page.locator(".rows .line")).to_have_count(3)
    assert page.url.endswith("search=message+1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Withdraw").click()
    toast(page, "2 tasks withdrawn")
    withdrawn = node.call("GET", f"/projects/{project}/tasks?status=withdrawn")["items"]
    assert [row["external_id"] for row in withdrawn] == ["m1", "m10"]
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    wait_for(lambda: node.call("GET", f"/projects/{project}/tasks?status=withdrawn")["items"] == [])
    expect(page.locator(".rows").get_by_text("Withdrawn")).to_have_count(0)
    page.get_by_label("Search in the data").press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="m1", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Task before")).to_have_count(0)
    page.get_by_role("link", name="Task after").click()
    expect(page.get_by_role("heading", name="m10", exact=True)).to_be_visible()
    page.locator("main").get_by_role("link", name="Tasks", exact=True).click()
    expect(page.get_by_label("Search in the data")).to_have_value("message 1")


def test_long_lists_stay_light(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Long", [SPAM], rows(3000))
    page = visit(f"/projects/{project}/tasks", owner)
    expect(page.get_by_text("3,000 tasks")).to_be_visible()
    page.get_by_role("link", name="message 0", exact=True).focus()
    limit = time.monotonic() + 120
    while "message 2999" not in listed(page) and time.monotonic() < limit:
        page.keyboard.press("End")
        page.wait_for_timeout(60)
    expect(page.get_by_role("link", name="message 2999", exact=True)).to_be_visible()
    assert page.locator(".rows .line").count() < 60
    page.get_by_label("Select all that are listed").check()
    expect(page.get_by_text("3,000 selected")).to_be_visible()


def test_act_on_all_that_match(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Matching", [SPAM], rows(450))
    page = visit(f"/projects/{project}/tasks", owner)
    expect(page.get_by_text("450 tasks")).to_be_visible()
    page.get_by_label("Status").select_option("open")
    expect(page).to_have_url(re.compile("status=open"))
    page.wait_for_load_state("networkidle")
    page.get_by_label("Select all that are listed").check()
    page.get_by_role("button", name="Select all 450").click()
    page.get_by_role("button", name="Set priority").click()
    page.get_by_role("spinbutton", name="Priority").fill("7")
    page.get_by_role("dialog").get_by_role("button", name="Set priority").click()
    toast(page, "450 tasks have a new priority")
    last = node.call("GET", f"/projects/{project}/tasks?search=message+449")["items"]
    assert [row["priority"] for row in last] == [7]


def test_one_task_with_its_answers(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("One task", [SPAM], rows(2), overlap=2)
    for name in ["Ana", "Ben"]:
        answer_some(node, project, person(node, name, "annotator"), 1)
    page = visit(f"/projects/{project}/tasks?flagged=1", owner)
    page.get_by_role("link", name="message 0").click()
    expect(page.get_by_role("article")).to_have_count(2)
    for radio in page.get_by_role("article").get_by_role("radio", name="ham").all():
        expect(radio).to_be_checked()
        expect(radio).to_be_disabled()
    expect(page.get_by_role("region", name="Consensus")).to_contain_text("Confidence 100%")
    flags = page.get_by_role("region", name="Flags")
    expect(flags).to_contain_text("Looks cut off")
    flags.get_by_role("button", name="Clear flags").click()
    expect(flags).to_be_hidden()
    page.get_by_text("In the public log").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the proof").first.click()
    assert Path(download.value.path()).read_text().startswith("c2sp.org/tlog-proof@v1\n")
    page.get_by_role("button", name="Correct the data").click()
    page.get_by_role("dialog").get_by_label("text").fill("message, corrected")
    page.get_by_role("button", name="Save the correction").click()
    expect(page.get_by_role("region", name="Data").get_by_text("message, corrected")).to_be_visible()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Withdrawn", exact=True)).to_be_visible()
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()


# -- running a project --------------------------------------------------------------------------


def test_pause_archive_delete_and_back(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Short-lived", [SPAM], rows(2))
    page = visit(f"/projects/{project}", owner)
    page.get_by_role("button", name="Pause").click()
    toast(page, "The project is paused")
    assert node.call("GET", f"/projects/{project}")["state"] == "paused"
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Archive").click()
    expect(page.get_by_role("button", name="Bring back")).to_be_visible()
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="This project is deleted")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Projects", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Short-lived")).to_have_count(0)
    page.get_by_label("State").select_option("deleted")
    page.get_by_role("link", name="Short-lived").click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert node.call("GET", f"/projects/{project}")["state"] == "active"


def test_progress_at_a_glance(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Glance", [SPAM], rows(4))
    answer_some(node, project, person(node, "Pia Progress", "annotator"), 3)
    page = visit(f"/projects/{project}", owner)
    expect(page.get_by_text("3 of 4 tasks have all their answers")).to_be_visible()
    expect(page.get_by_text("75%")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Pia Progress")
    expect(row).to_contain_text("3")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("table").first.get_by_role("cell", name="3")).to_be_visible()


def test_export_tells_what_would_be_lost(node: Node, owner: Annotator, visit: Open) -> None:
    spans = {"name": "names", "type": "span", "field": "text", "labels": ["P"], "required": False}
    project = node.project("Leaving", [SPAM, spans], rows(3))
    answer_some(node, project, person(node, "Eve", "annotator"), 2)
    page = visit(f"/projects/{project}/export", owner)
    page.get_by_role("button", name="Export", exact=True).click()
    first = page.locator("li").filter(has_text="JSON Lines").filter(has_text="Done")
    expect(first).to_be_visible()
    with page.expect_download() as download:
        first.get_by_role("link", name=re.compile(r"\.jsonl$")).click()
    exported = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [len(row["annotations"]) for row in exported] == [1, 1, 0]
    with page.expect_download() as download:
        first.get_by_role("link", name="Download ZIP").click()
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"
    answer_some(node, project, person(node, "Finn", "annotator"), 1)
    page.get_by_label("What").select_option(index=1)
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.locator("li").filter(has_text="1 task")).to_be_visible()


def test_export_in_a_poorer_format_asks_first(node: Node, owner: Annotator, visit: Open) -> None:
    """Before anything is written; and with the format's options."""
    project = node.project("Poorer", [SPAM], [{"text": "a", "extra": {"deep": [1]}}, {"text": "b"}])
    page = visit(f"/projects/{project}/export", owner)
    page.get_by_label("Format").select_option(label="CSV")
    page.get_by_label("Separator").fill(";")
    page.get_by_label("Separator").blur()
    page.get_by_role("button", name="Export", exact=True).click()
    ask = page.get_by_role("alertdialog")
    expect(ask).to_contain_text("CSV would lose something")
    expect(ask).to_contain_text("Nothing has been written yet")
    assert violations(page) == []
    ask.get_by_role("button", name="Back").click()
    expect(page.get_by_text("Nothing has been exported yet.")).to_be_visible()
    expect(page.get_by_label("Separator")).to_have_value(";")
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("button", name="Write it all the same").click()
    done = page.locator("li").filter(has_text="CSV").filter(has_text="Done")
    with page.expect_download() as download:
        done.get_by_role("link", name=re.compile(r"\.csv$")).click()
    assert Path(download.value.path()).read_text().splitlines()[0].count(";") > 2
    page.get_by_label("Format").select_option(label="CoNLL-2003")
    expect(page.get_by_label("Tags")).to_be_visible()


def test_a_project_goes_as_an_archive_and_comes_back(node: Node, owner: Annotator, visit: Open) -> None:
    project = node.project("Roundtrip", [SPAM], rows(3))
    answer_some(node, project, person(node, "Ada", "annotator"), 2)
    page = visit(f"/projects/{project}/export", owner)
    page.get_by_role("button", name="Write the archive").click()
    done = page.locator("li").filter(has_text="Archive").filter(has_text="Done")
    with page.expect_download() as download:
        done.get_by_role("link", name="archive.zip").click()
    page.goto("/projects/restore")
    page.get_by_label("Archive", exact=True).set_input_files(download.value.path())
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("There is a project called")
    page.get_by_label("Archive", exact=True).set_input_files(download.value.path())
    page.get_by_label("Name of the project").fill("Came back")
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_text("3 tasks, 2 annotations")).to_be_visible()
    page.get_by_role("link", name="To the project").click()
    expect(page.get_by_role("heading", name="Came back")).to_be_visible()
    a_restore_is_shown_to_whoever_comes(page)


def a_restore_is_shown_to_whoever_comes(page: Page) -> None:
    """As long as it goes on, with the node in between away."""

    def bend(route: Route) -> None:
        told = route.fetch().json()
        for one in told.get("items", [told]):
            one.update(state="running", events=900, replayed=300, report=None, error=None)
        route.fulfill(json=told)

    page.route("**/api/v1/restores**", bend)
    page.goto("/projects/restore")
    expect(page.locator("p[role=status]")).to_have_text("Doing the events again")
    expect(page.get_by_text("it goes on where it was")).to_be_visible()
    assert violations(page) == []
    page.unroute_all(behavior="wait")  # one may be on its way
    page.route("**/api/v1/restores**", lambda route: route.abort())
    expect(page.locator("p[role=status]")).to_contain_text("it goes on by itself")
    page.unroute_all(behavior="wait")  # one may be on its way
    expect(page.get_by_text("3 tasks, 2 annotations")).to_be_visible()


# -- people, keys, organizations, log -----------------------------------------------------------


def test_people_change_role_suspend_and_return(node: Node, owner: Annotator, visit: Open) -> None:
    name = f"Sami {uuid.uuid4().hex[:6]}"
    someone = person(node, name, "annotator")
    page = visit("/people", owner)
    page.get_by_label(f"Role of {name}").select_option("reviewer")
    toast(page, f"{name} is now: Reviewer")
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name="Suspend").click()
    toast(page, f"{name} is suspended")
    assert someone.client.get("/projects").json().get("items", []) == []
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    toast(page, f"{name} is in again")
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("Removed")


def test_add_a_model_with_a_key_shown_once(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/people", owner)
    page.get_by_role("button", name="Add with an API key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Baseline model")
    dialog.get_by_label("Kind").select_option("model")
    dialog.get_by_role("button", name="Add", exact=True).click()
    key = dialog.get_by_role("textbox", name="API key").input_value()
    session = httpx.get(f"{node.url}/api/v1/session", headers={"Authorization": f"Bearer {key}"})
    assert session.json()["name"] == "Baseline model"
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("row").filter(has_text="Baseline model")).to_contain_text("Model")
    assert key not in page.content()


def test_own_keys(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/account", owner)
    page.get_by_role("button", name="New API key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("notebook")
    dialog.get_by_label("Manage").uncheck()
    dialog.get_by_role("button", name="Create the key").click()
    key = dialog.get_by_role("textbox", name="API key").input_value()
    bearer = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{node.url}/api/v1/projects", headers=bearer).status_code == 200
    dialog.get_by_role("button", name="Done").click()
    page.get_by_role("listitem").filter(has_text="notebook").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    toast(page, "revoked")
    assert httpx.get(f"{node.url}/api/v1/projects", headers=bearer).status_code == 401


def operator(node: Node) -> Annotator:
    """Whoever runs commands on the node's machine, in a browser."""
    client = httpx.Client(base_url=f"{node.url}/api/v1", timeout=120)
    bearer = {"Authorization": f"Bearer {(node.folder / 'local.key').read_text().strip()}"}
    link = client.post("/session/link", json={}, headers=bearer).json()["url"]
    assert client.post(f"/invites/{link.rsplit('/', 1)[1]}", json={}).status_code == 200
    value = client.cookies["evenhand_session"]
    cookie = {"name": "evenhand_session", "value": value, "url": node.url, "httpOnly": True}
    return Annotator("", "", cookie, client)


def test_operator_creates_an_organization(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/organizations", operator(node))
    page.get_by_role("button", name="New organization").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Globex Research")
    dialog.get_by_role("button", name="Create").click()
    link = dialog.get_by_label(re.compile("first owner")).input_value()
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("row").filter(has_text="Globex Research")).to_be_visible()
    stranger = visit("/organizations", owner)
    expect(stranger.get_by_text("This page is for the operator")).to_be_visible()
    first = visit("/", join(node, link, "Gail"))
    expect(first.get_by_role("heading", name="Create your first project")).to_be_visible()
    expect(first.get_by_role("banner")).to_contain_text("Globex Research")


def test_switch_between_organizations(node: Node, owner: Annotator, visit: Open) -> None:
    made = operator(node).client
    session = made.get("/session").json()
    made.headers["X-Evenhand-CSRF"] = session["csrf"]
    invite = made.post("/organizations", json={"name": "Second home"}).json()["owner_invite"]
    both = person(node, "Bo Both", "manager")
    taken = both.client.post(f"/invites/{invite.rsplit('/', 1)[1]}", json={})
    assert taken.status_code == 200, taken.text
    now = both.client.cookies["evenhand_session"]  # who opens more is given a session anew
    both = msgspec.structs.replace(both, cookie={**both.cookie, "value": now})
    node.project("Only in the first", [SPAM], rows(1))
    page = visit("/", both)
    expect(page.get_by_role("link", name="Only in the first")).to_be_visible()
    page.get_by_role("button", name="default").click()
    page.get_by_role("menuitemradio", name="Second home").click()
    expect(page.get_by_role("link", name="Only in the first")).to_have_count(0)
    page.get_by_role("link", name="New project").click()
    page.get_by_role("button", name="Classify texts").click()
    page.get_by_label("Project name").fill("In the second")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="In the second")).to_be_visible()
    project = both.client.get(f"/projects/{page.url.rsplit('/', 1)[1]}").json()
    assert project["organization_id"] != node.call("GET", "/session")["memberships"][0]["organization_id"]


def test_annotators_and_reviewers_see_what_is_theirs(node: Node, visit: Open) -> None:
    project = node.project("Not for all", [SPAM], rows(1))
    page = visit("/", person(node, "Ana", "annotator"))
    expect(page.get_by_role("link", name="Start to label")).to_be_visible()
    page = visit(f"/projects/{project}", person(node, "Rev", "reviewer"))
    expect(page.get_by_text("0 of 1 tasks")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)


def test_public_log_needs_no_account(node: Node, visit: Open) -> None:
    page = visit("/log", None)
    key = httpx.get(f"{node.url}/log/vkey").text.strip()
    expect(page.get_by_label("Verification key")).to_have_value(key)
    expect(page.get_by_label("Command that checks")).to_have_value(f"evenhand ledger verify {node.url}")
    expect(page.get_by_label("Command that takes")).to_have_value(f"evenhand audit {node.url}")
    expect(page.get_by_role("heading", name="Newest checkpoint")).to_be_visible()


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes], list[int]]]:
    """(address, what came, statuses to answer with; the last stays) of another program."""
    heard: list[bytes] = []
    statuses = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(statuses[0])
            self.send_header("content-length", "8")
            self.end_headers()
            self.wfile.write(b"not now!")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard, statuses
    server.shutdown()
    server.server_close()


def test_webhooks_from_first_to_last(
    node: Node, owner: Annotator, visit: Open, listener: tuple[str, list[bytes], list[int]]
) -> None:
    url, heard, statuses = listener
    project = node.project("Told", [SPAM], rows(1))
    page = visit(f"/projects/{project}/settings", owner)
    page.get_by_role("link", name="Webhooks").click()
    expect(page.get_by_role("heading", name="Nobody is told anything yet")).to_be_visible()
    page.get_by_role("button", name="New webhook").first.click()
    page.get_by_label("Address").fill("http://localhost:9/")
    page.get_by_role("button", name="Create the webhook").click()
    expect(page.get_by_role("alert")).to_contain_text("private network")
    page.get_by_label("Address").fill(url)
    expect(page.get_by_label("Project", exact=True)).to_have_value(project)
    page.get_by_label("Everything").uncheck()
    page.get_by_label("A task was flagged").check()
    assert violations(page) == []
    page.get_by_role("button", name="Create the webhook").click()
    expect(page.get_by_label("Secret")).to_have_value(re.compile("^whsec_"))
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("A task was flagged · project Told")).to_be_visible()
    statuses[0] = 503
    answer_some(node, project, person(node, "Fay", "annotator"), 1)
    one = page.get_by_role("listitem").filter(has_text="task.flagged")
    expect(one).to_contain_text("HTTP 503")
    one.get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog")).to_contain_text(f'"project_id": "{project}"')
    expect(page.get_by_role("dialog")).to_contain_text("not now!")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Pause").click()
    expect(one).to_contain_text("Held")
    expect(one.get_by_role("button", name="Replay")).to_be_disabled()
    statuses[0] = 200
    before = len(heard)
    page.get_by_role("button", name="Resume").click()
    expect(one).to_contain_text("Delivered")
    one.get_by_role("button", name="Replay").click()
    toast(page, "On its way again")
    wait_for(lambda: len(heard) > before + 1)
    expect(one).to_contain_text("Delivered")
    assert len(heard) == before + 2 and "text" not in json.loads(heard[-1])
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Nobody is told anything yet")).to_be_visible()


# -- all pages ----------------------------------------------------------------------------------


def every_page(node: Node) -> list[str]:
    busy = node.project("Axe", [SPAM], rows(60), overlap=2, instructions="# Read\n\nthis *first*.")
    answer_some(node, busy, person(node, "Axel", "annotator"), 2)
    task = node.call("GET", f"/projects/{busy}/tasks?flagged=1")["items"][0]["task_id"]
    empty = node.project("Axe, empty", [SPAM], [])
    parts = ["", "/tasks", f"/tasks/{task}", "/import", "/export", "/settings"]
    shared = [
        "/",
        "/projects/new",
        "/projects/restore",
        "/people",
        "/people?invite=1",
        "/webhooks",
        "/account",
        "/organizations",
        "/log",
    ]
    projects = [f"/projects/{busy}{part}" for part in parts]
    return [
        *shared,
        *projects,
        f"/projects/{empty}",
        f"/projects/{empty}/tasks",
        "/nowhere",
        "/projects/prj-none",
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(node: Node, visit: Open, scheme: str, width: int) -> None:
    look: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 844}}
    found: list[str] = []
    for who, paths in [(None, ["/", "/invite/nonsense"]), (operator(node), every_page(node))]:
        page = visit("/", who, **look)
        for path in paths:
            page.goto(path)
            page.wait_for_load_state("networkidle")
            found += violations(page)
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            for direction in ["ltr", "rtl"]:
                page.evaluate(f"document.documentElement.dir = {direction!r}")
                if page.evaluate(wider) > 0:
                    found.append(f"{path} {direction}: wider than the window")
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_inside_the_pages(
    node: Node, owner: Annotator, visit: Open, scheme: str, tmp_path: Path
) -> None:
    project = node.project("Axe, inside", [SPAM], [{"text": "a", "deep": {"x": [1]}}])
    found: list[str] = []

    def check(page: Page) -> None:
        found.extend(violations(page))

    page = visit("/projects/new", owner, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    for template in [
        "Classify texts",
        "Mark entities",
        "Compare two answers",
        "Rate",
        "Boxes on images",
        "Mark recordings",
    ]:
        page.get_by_role("button", name=template).click()
        expect(page.locator("aside .widget").first).to_be_visible()
        page.get_by_text("Help, condition, id").click()
        check(page)
        page.get_by_role("button", name="Other template").click()
    page.get_by_role("button", name="Classify texts").click()
    page.get_by_role("button", name="More about Positive").click()
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    check(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/projects/{project}/settings")
    page.get_by_role("checkbox", name="Ask no more than is needed").check()
    page.get_by_label("Answers per task").fill("4")
    check(page)
    page.get_by_role("button", name="Review and save").click()
    check(page)
    page.get_by_role("button", name="Save as the new version").click()
    toast(page, "Version 2")
    page.get_by_role("button", name="History").click()
    check(page)
    page.goto(f"/projects/{project}/import")
    choose(page, write_csv(tmp_path / "some.csv", ["a", "b"], [["1", "2"]]))
    expect(page.get_by_role("columnheader", name="a", exact=True)).to_be_visible()
    check(page)
    page.get_by_label("Where column a goes").select_option("text")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 task was made")).to_be_visible()
    check(page)
    page.goto(f"/projects/{project}/models")
    page.get_by_role("button", name="Connect a model").first.click()
    check(page)
    page.goto(f"/projects/{project}/export")
    page.get_by_label("Format").select_option(label="CSV")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    check(page)
    page.goto(f"/projects/{project}/tasks")
    page.get_by_label("Select all that are listed").check()
    check(page)
    page.locator(".rows a").first.click()
    page.get_by_role("button", name="Correct the data").click()
    check(page)
    page.goto("/people")
    page.get_by_role("button", name=re.compile("^Actions for")).first.click()
    check(page)
    assert found == []


def test_pages_ask_no_other_host(node: Node, owner: Annotator, visit: Open) -> None:
    page = visit("/", owner)
    hosts: set[str] = set()
    page.context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    for path in ["/", "/projects/new", "/people", "/log"]:
        page.goto(path)
        page.wait_for_load_state("networkidle")
    assert hosts == {f"127.0.0.1:{node.port}"}


def test_a_node_that_is_away_is_said_so(owner: Annotator, visit: Open) -> None:
    page = visit("/people", owner)
    page.route("**/api/v1/projects*", lambda route: route.abort("connectionrefused"))
    page.get_by_role("link", name="Projects").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/api/v1/projects*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
