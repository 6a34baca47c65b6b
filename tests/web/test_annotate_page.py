"""The annotator's page in a real browser against a real node: what people do, and what goes wrong."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from .conftest import Annotator, Node, violations, wait_for, wait_until_drafted

SPAM = {"name": "spam", "type": "choice", "title": "Is it spam?", "choices": ["ham", "spam"]}

Seat = Callable[..., Page]


def messages(count: int) -> list[dict[str, Any]]:
    return [{"text": f"message {i}", "external_id": str(i)} for i in range(count)]


@pytest.fixture
def seat(browser: Browser, node: Node) -> Iterator[Seat]:
    """`seat(annotator, project)` gives a page on that project, in a browser of that person's own."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_page(annotator: Annotator, project: str, wait: bool = True, **more: Any) -> Page:
        context = browser.new_context(base_url=node.url, locale="en-GB", **more)
        context.add_cookies([annotator.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"/annotate/{project}")
        if wait:
            expect(page.locator("[data-question]").first).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failures == []


def task(page: Page) -> str:
    return page.locator("main .sheet p").first.inner_text().strip()


def status(page: Page, key: str) -> None:
    expect(page.locator(f'[data-status="{key}"]')).to_be_visible()


def gone(page: Page, text: str) -> None:
    expect(
        page.locator("main .sheet p").filter(has_text=re.compile(rf"^\s*{re.escape(text)}\s*$"))
    ).to_have_count(0)


def leave_dialog(page: Page) -> None:
    """It is gone, and the question has the focus again, before anything else can be pressed."""
    page.keyboard.press("Escape")
    assert page.locator("dialog .box").count() == 0


def answer(page: Page, key: str) -> str:
    """Pick by key, submit by Enter, wait for the next task; gives the text answered."""
    text = task(page)
    page.keyboard.press(key)
    page.keyboard.press("Enter")
    gone(page, text)
    return text


def test_labelling_by_keyboard_only(node: Node, seat: Seat) -> None:
    project = node.project("By keyboard", [SPAM], messages(3))
    page = seat(node.annotator("Ana"), project)
    given = {answer(page, key): value for key, value in [("1", "ham"), ("2", "spam"), ("1", "ham")]}
    expect(page.get_by_role("heading", name="All done here")).to_be_visible()
    status(page, "status.node")
    assert node.answers(project) == {text: [{"spam": value}] for text, value in given.items()}


def test_next_task_does_not_wait_for_the_node(node: Node, seat: Seat) -> None:
    project = node.project("At once", [SPAM], messages(5))
    page = seat(node.annotator("Ana"), project)
    held: list[Route] = []
    released: list[bool] = []
    page.route("**/submit", lambda route: route.continue_() if released else held.append(route))
    answered = [answer(page, "1"), answer(page, "2")]
    status(page, "status.sending")
    assert task(page) not in answered
    released.append(True)
    for route in held:
        route.continue_()
    status(page, "status.node")
    given = node.answers(project)
    assert [given[text] for text in answered] == [[{"spam": "ham"}], [{"spam": "spam"}]]


def test_enter_asks_for_the_answer_that_is_missing(node: Node, seat: Seat) -> None:
    many = {"name": "kind", "type": "choice", "choices": [f"kind {n}" for n in range(16)]}
    project = node.project("Needed", [many], messages(2))
    page = seat(node.annotator("Ana"), project, viewport={"width": 390, "height": 700})
    text = task(page)
    page.get_by_label("kind 15").check()
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    expect(page.locator(".question .error")).to_be_in_viewport(ratio=1)  # above a list longer than the phone
    assert task(page) == text


def test_lost_connection_loses_nothing(node: Node, seat: Seat) -> None:
    project = node.project("Offline", [SPAM], messages(6))
    page = seat(node.annotator("Ana"), project)
    status(page, "status.node")
    page.context.set_offline(True)
    answered = [answer(page, "2"), answer(page, "2")]
    expect(page.locator(".status")).to_contain_text("Offline: 2 answers are saved on this device")
    page.context.set_offline(False)
    status(page, "status.node")
    given = node.answers(project)
    assert [given[text] for text in answered] == [[{"spam": "spam"}]] * 2


def test_killed_node_loses_nothing(node: Node, seat: Seat) -> None:
    project = node.project("Killed", [SPAM], messages(6))
    page = seat(node.annotator("Ana"), project)
    status(page, "status.node")
    node.stop(signal.SIGKILL)
    answered = [answer(page, "1"), answer(page, "2")]
    status(page, "status.offline.unsent")
    node.start()
    status(page, "status.node")
    given = node.answers(project)
    assert [given[text] for text in answered] == [[{"spam": "ham"}], [{"spam": "spam"}]]


def test_closed_page_sends_its_answers_when_it_is_opened_again(node: Node, seat: Seat) -> None:
    project = node.project("Closed", [SPAM], messages(4))
    page = seat(node.annotator("Ana"), project)
    page.route("**/submit", lambda route: route.abort())
    text = answer(page, "2")
    status(page, "status.offline.unsent")
    again = page.context.new_page()
    page.close()
    again.goto(f"/annotate/{project}")
    status(again, "status.node")
    expect(again.locator("[data-question]").first).to_be_visible()
    assert node.answers(project)[text] == [{"spam": "spam"}]


def test_half_written_answer_survives_the_browser(node: Node, seat: Seat) -> None:
    note = {"name": "note", "type": "text", "title": "What happened?"}
    project = node.project("Half written", [note], messages(2))
    page = seat(node.annotator("Ana"), project)
    page.route("**/draft", lambda route: route.abort())
    text = task(page)
    page.get_by_role("textbox").press_sequentially("not yet fin", delay=5)
    wait_until_drafted(page, "not yet fin")
    page.close(run_before_unload=False)
    again = page.context.new_page()
    again.goto(f"/annotate/{project}")
    expect(again.get_by_role("textbox")).to_have_value("not yet fin")
    assert task(again) == text


def test_draft_follows_the_person_to_another_device(node: Node, seat: Seat) -> None:
    note = {"name": "note", "type": "text", "title": "What happened?"}
    project = node.project("Two devices", [note], messages(1))
    ana = node.annotator("Ana")
    first = seat(ana, project)
    first.get_by_role("textbox").press_sequentially("begun here", delay=5)
    status(first, "status.node")
    second = seat(ana, project)
    expect(second.get_by_role("textbox")).to_have_value("begun here")


def test_lapsed_session_goes_on_in_place(node: Node, seat: Seat) -> None:
    note = {"name": "note", "type": "text", "title": "What happened?"}
    project = node.project("Lapsed", [note], messages(3))
    ana = node.annotator("Ana")
    page = seat(ana, project)
    text = task(page)
    page.context.clear_cookies()
    page.get_by_role("textbox").press_sequentially("kept", delay=5)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Sign in to go on")).to_be_visible()
    status(page, "status.out")
    page.get_by_label("E-mail").fill(ana.email)
    page.get_by_label("Password").fill(ana.password)
    page.keyboard.press("Enter")
    status(page, "status.node")
    assert node.answers(project)[text] == [{"note": "kept"}]


def test_undo_edit_by_edit_then_back_to_the_task_before(node: Node, seat: Seat) -> None:
    project = node.project("Undo", [SPAM], messages(3))
    page = seat(node.annotator("Ana"), project)
    checked = page.locator("[data-question] input:checked, [data-question] [aria-checked=true]")
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(checked).to_have_count(1)
    page.keyboard.press("u")
    expect(page.get_by_role("radio", name="ham")).to_be_checked()
    page.keyboard.press("u")
    expect(checked).to_have_count(0)
    text = answer(page, "1")
    status(page, "status.node")
    page.keyboard.press("u")
    expect(page.get_by_text("You are correcting an answer")).to_be_visible()
    assert task(page) == text
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You are correcting an answer")).not_to_be_visible()
    status(page, "status.node")
    assert node.answers(project)[text] == [{"spam": "spam"}]


def test_correction_made_offline_follows_its_answer(node: Node, seat: Seat) -> None:
    project = node.project("Undo offline", [SPAM], messages(3))
    page = seat(node.annotator("Ana"), project)
    status(page, "status.node")
    page.context.set_offline(True)
    text = answer(page, "1")
    page.keyboard.press("u")
    expect(page.get_by_text("You are correcting an answer")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.context.set_offline(False)
    status(page, "status.node")
    assert node.answers(project)[text] == [{"spam": "spam"}]


def test_history_reopens_answers_of_an_earlier_visit(node: Node, seat: Seat) -> None:
    project = node.project("History", [SPAM], messages(4))
    ana = node.annotator("Ana")
    page = seat(ana, project)
    answered = [answer(page, "1"), answer(page, "1")]
    status(page, "status.node")
    page = seat(ana, project)
    page.keyboard.press("[")
    expect(page.locator("main .sheet p")).to_have_text(answered[1])
    page.keyboard.press("[")
    expect(page.locator("main .sheet p")).to_have_text(answered[0])
    expect(page.get_by_role("radio", name="ham")).to_be_checked()
    page.keyboard.press("]")
    expect(page.locator("main .sheet p")).to_have_text(answered[1])
    page.keyboard.press("]")
    expect(page.get_by_text("You are correcting an answer")).not_to_be_visible()
    page.get_by_role("button", name="My answers").click()
    page.get_by_role("dialog").get_by_role("button", name=answered[0]).click()
    expect(page.locator("main .sheet p")).to_have_text(answered[0])
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    status(page, "status.node")
    assert node.answers(project)[answered[0]] == [{"spam": "spam"}]


def test_two_tabs_work_on_different_tasks(node: Node, seat: Seat) -> None:
    project = node.project("Two tabs", [SPAM], messages(8))
    first = seat(node.annotator("Ana"), project)
    second = first.context.new_page()
    second.goto(f"/annotate/{project}")
    expect(second.locator("[data-question]").first).to_be_visible()
    seen = [task(first), task(second)]
    assert seen[0] != seen[1]
    first.keyboard.press("1")
    second.keyboard.press("2")
    first.keyboard.press("Enter")
    second.keyboard.press("Enter")
    gone(first, seen[0])
    gone(second, seen[1])
    assert task(first) != task(second)
    status(first, "status.node")
    status(second, "status.node")
    given = node.answers(project)
    assert [given[text] for text in seen] == [[{"spam": "ham"}], [{"spam": "spam"}]]


def test_second_tab_is_told_when_all_is_open_in_the_first(node: Node, seat: Seat) -> None:
    project = node.project("One at a time", [SPAM], messages(3), prefetch=1)
    first = seat(node.annotator("Ana"), project)
    text = task(first)
    first.keyboard.press("2")
    second = first.context.new_page()
    second.goto(f"/annotate/{project}")
    expect(second.get_by_role("heading", name="in another tab")).to_be_visible()
    second.get_by_role("button", name="Bring them here").click()
    expect(second.locator("main .sheet p")).to_have_text(text)
    expect(second.get_by_role("radio", name="spam")).to_be_checked()
    expect(first.get_by_role("heading", name="went to another tab")).to_be_visible()


def test_refused_answer_is_kept_with_its_reason(node: Node, seat: Seat) -> None:
    project = node.project("Recalled", [SPAM], messages(4))
    page = seat(node.annotator("Ana"), project)
    text = task(page)
    rows = node.call("GET", f"/projects/{project}/tasks?limit=200")["items"]
    (row,) = [row for row in rows if row["summary"] == text]
    node.call("PATCH", f"/tasks/{row['task_id']}", json={"data": {"text": f"{text}, corrected"}})
    answer(page, "2")
    status(page, "status.refused")
    page.reload()
    status(page, "status.refused")
    held: list[Route] = []
    page.route("**/api/v1/history*", lambda route: held.append(route))
    page.locator(".status").get_by_role("button", name="Look").click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("was taken back, because its data changed")).to_be_visible()
    panel.get_by_role("button", name="Discard").click()
    wait_for(lambda: held, page=page)
    with page.expect_response("**/api/v1/history*"):  # what arrives now takes the question not back
        held[0].continue_()
    panel.get_by_role("button", name="Discard for ever?").click()
    expect(page.locator('[data-status="status.node"]')).to_be_attached()


def test_answer_changed_elsewhere_shows_both(node: Node, seat: Seat) -> None:
    spam = {**SPAM, "choices": ["ham", "spam", "unsure"]}
    project = node.project("Elsewhere", [spam], messages(3))
    ana = node.annotator("Ana")
    page = seat(ana, project)
    text = answer(page, "1")
    status(page, "status.node")
    page.keyboard.press("[")
    expect(page.locator("main .sheet p")).to_have_text(text)
    (row,) = ana.client.get("/history", params={"project": project}).json()["items"]
    submission = {"answers": {"spam": "unsure"}, "revision": 1}
    assert ana.client.post(f"/assignments/{row['assignment_id']}/submit", json=submission).is_success
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    status(page, "status.refused")
    page.locator(".status").get_by_role("button", name="Look").click()
    page.get_by_role("dialog").get_by_role("button", name="Open").click()
    expect(page.get_by_text("This answer was changed elsewhere meanwhile")).to_be_visible()
    page.get_by_role("button", name="Show the other").click()
    expect(page.get_by_role("radio", name="unsure")).to_be_checked()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    status(page, "status.node")
    assert node.answers(project)[text] == [{"spam": "spam"}]


def test_same_task_on_two_devices_loses_neither_answer(node: Node, seat: Seat) -> None:
    project = node.project("Same task", [SPAM], messages(1))
    ana = node.annotator("Ana")
    first, second = seat(ana, project), seat(ana, project)
    text = task(first)
    assert task(second) == text
    answer(first, "1")
    status(first, "status.node")
    answer(second, "2")
    status(second, "status.refused")
    assert node.answers(project)[text] == [{"spam": "ham"}]


def test_late_answer_is_kept_beyond_the_overlap(node: Node, seat: Seat) -> None:
    project = node.project("Late", [SPAM], messages(1), lease_seconds=30)
    ana, ben = node.annotator("Ana"), node.annotator("Ben")
    page = seat(ana, project)
    page.context.set_offline(True)
    answer_text = task(page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    status(page, "status.offline.unsent")
    # The lease lapses after half a minute; Ben asks until he gets the task.
    given: list[dict[str, Any]] = []
    while not given:
        page.wait_for_timeout(1_000)
        answered = ben.client.post("/assignments/next", json={"project_id": project})
        given = answered.json()["assignments"]
    done = ben.client.post(f"/assignments/{given[0]['id']}/submit", json={"answers": {"spam": "spam"}})
    assert done.status_code == 200
    page.context.set_offline(False)
    expect(page.get_by_text("beyond the number needed")).to_be_visible()
    assert sorted(a["spam"] for a in node.answers(project)[answer_text]) == ["ham", "spam"]


SUPPORT = [
    {"name": "topic", "type": "choice", "title": "What is it about?", "choices": ["billing", "delivery"]},
    {
        "name": "why",
        "type": "choice",
        "title": "What went wrong?",
        "choices": ["late", "lost"],
        "when": {"question": "topic", "is": "delivery"},
    },
]


def test_questions_are_asked_only_if(node: Node, seat: Seat) -> None:
    project = node.project("Conditions", SUPPORT, messages(1))
    page = seat(node.annotator("Ana"), project)
    why = page.locator('[data-question="why"]')
    expect(why).not_to_be_visible()
    page.keyboard.press("2")
    expect(why).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    expect(why.get_by_role("radio", name="late")).to_be_checked()
    page.get_by_role("radio", name="billing").click()
    expect(why).not_to_be_visible()
    page.keyboard.press("Enter")
    status(page, "status.node")
    assert node.answers(project)["message 0"] == [{"topic": "billing"}]


def test_suggestion_counts_only_when_accepted(node: Node, seat: Seat) -> None:
    predicted = [{**row, "predictions": [{"answers": {"spam": "spam"}}]} for row in messages(3)]
    project = node.project("Suggested", [SPAM], predicted)
    page = seat(node.annotator("Ana"), project)
    text = task(page)
    expect(page.get_by_text("Suggestion", exact=True)).to_be_visible()
    expect(page.get_by_role("radio", name="spam")).to_be_checked()
    page.keyboard.press("Enter")
    assert task(page) == text
    page.keyboard.press("a")
    expect(page.get_by_text("Suggestion", exact=True)).not_to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("Suggestion", exact=True)).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    gone(page, text)
    other = answer(page, "1")
    status(page, "status.node")
    given = node.answers(project)
    assert given[text] == [{"spam": "spam"}]
    assert given[other] == [{"spam": "ham"}]


def test_what_changed_is_told_once(node: Node, seat: Seat) -> None:
    project = node.project("Changed", [SPAM], messages(9), instructions="Mark what is spam.")
    ana = node.annotator("Ana")
    page = seat(ana, project)
    expect(page.get_by_text("Mark what is spam.")).to_be_visible()
    page.close()
    change = {
        "version": 1,
        "instructions": "Mark what is clearly spam.",
        "questions": [{**SPAM, "help": "Look twice."}],
    }
    node.call("PATCH", f"/projects/{project}", json=change)
    page = seat(ana, project)
    for _ in range(4):
        if page.get_by_role("button", name="What changed").is_visible():
            break
        answer(page, "1")
        page.wait_for_timeout(300)
    page.get_by_role("button", name="What changed").click()
    panel = page.get_by_role("dialog")
    expect(panel.locator("ins").first).to_have_text("clearly ")
    expect(panel.get_by_text("Look twice.")).to_be_visible()
    panel.get_by_role("button", name="Got it").click()
    answer(page, "1")
    expect(page.get_by_role("button", name="What changed")).not_to_be_visible()


def test_skip_with_a_reason_and_flag(node: Node, seat: Seat) -> None:
    project = node.project("Skip", [SPAM], messages(3))
    page = seat(node.annotator("Ana"), project)
    flagged = task(page)
    page.keyboard.press("f")
    page.keyboard.press("2")
    page.get_by_label("In your words").fill("Which spam?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Flagged for the manager.")).to_be_visible()
    page.keyboard.press("s")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    gone(page, flagged)
    status(page, "status.node")
    rows = node.call("GET", f"/projects/{project}/tasks?limit=200")["items"]
    (row,) = [row for row in rows if row["summary"] == flagged]
    found = node.call("GET", f"/tasks/{row['task_id']}")
    assert [flag["reason"] for flag in found["flags"]] == [
        "The question or instructions do not fit: Which spam?"
    ]
    assert [a["reason"] for a in found["annotations"] if a["state"] == "skipped"] == ["I cannot tell"]


def test_paused_project_says_so(node: Node, seat: Seat) -> None:
    project = node.project("Paused", [SPAM], messages(2))
    node.call("POST", f"/projects/{project}/state", json={"state": "paused"})
    page = seat(node.annotator("Ana"), project, wait=False)
    expect(page.get_by_role("heading", name="This project is paused")).to_be_visible()


def test_project_that_is_not_ours_says_so(node: Node, seat: Seat) -> None:
    page = seat(node.annotator("Ana"), "prj-nowhere", wait=False)
    expect(page.locator(".empty.bad")).to_be_visible()


def test_chooser_lists_projects(node: Node, seat: Seat) -> None:
    project = node.project("Chosen by name", [SPAM], messages(1))
    node.project("Another one", [SPAM], messages(1))
    page = seat(node.annotator("Ana"), project)
    page.goto("/annotate")
    page.get_by_role("button", name="More").click()
    found = page.get_by_role("menuitem").all_inner_texts()
    assert found[:2] == ["My quality", "Account"] and found[-1].startswith("Sign out (Ana)")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Chosen by name").click()
    expect(page.locator("[data-question]").first).to_be_visible()
    assert page.url.endswith(f"/annotate/{project}")


def test_a_text_that_is_ranked_is_pressed_anywhere(node: Node, seat: Seat) -> None:
    question = {"name": "order", "type": "ranking", "field_items": ["a", "b"]}
    fields = [{"name": "a"}, {"name": "b"}]
    project = node.project("Ranked texts", [question], [{"a": "first text", "b": "second text"}], fields)
    page = seat(node.annotator("Ana"), project)
    page.get_by_text("second text").click()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="All done here")).to_be_visible()
    status(page, "status.node")
    assert node.answers(project) == {"first text": [{"order": [["b"], ["a"]]}]}


def test_time_shown_is_time_sent(node: Node, seat: Seat) -> None:
    project = node.project("Time", [SPAM], messages(2))
    page = seat(node.annotator("Ana"), project)
    sent: list[float] = []
    page.on(
        "request",
        lambda r: sent.append(json.loads(r.post_data or "{}")["seconds"]) if "/submit" in r.url else None,
    )
    page.wait_for_timeout(2_500)
    began = time.monotonic()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Time").click()
    shown = int(page.locator("[data-time=task]").inner_text().split()[0])
    leave_dialog(page)
    answer(page, "1")
    status(page, "status.node")
    assert shown >= 2
    assert shown <= sent[0] <= shown + 2 + time.monotonic() - began


def test_single_keys_can_be_turned_off(node: Node, seat: Seat) -> None:
    project = node.project("Keys", [SPAM], messages(2))
    page = seat(node.annotator("Ana"), project)
    page.keyboard.press("?")
    page.get_by_label("Use single keys").uncheck()
    leave_dialog(page)
    page.get_by_role("button", name="Flag").focus()
    page.keyboard.press("1")
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(page.get_by_role("radio", name="ham")).not_to_be_checked()


def test_every_request_stays_on_the_origin(node: Node, seat: Seat) -> None:
    hostile = "![x](http://elsewhere.example/a.png) [y](http://elsewhere.example/) <img src=http://elsewhere.example/b>"
    project = node.project(
        "Inert",
        [SPAM],
        [{"text": "t", "md": hostile, "html": hostile, "image": "http://elsewhere.example/c.png"}],
        fields=[
            {"name": "text"},
            {"name": "md", "type": "markdown"},
            {"name": "html", "type": "html"},
            {"name": "image", "type": "image"},
        ],
        instructions=hostile,
    )
    hosts: set[str] = set()
    context_page = seat(node.annotator("Ana"), "prj-nowhere", wait=False)
    context_page.context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    context_page.goto(f"/annotate/{project}")
    expect(context_page.locator("[data-question]").first).to_be_visible()
    context_page.wait_for_timeout(500)
    assert hosts == {f"127.0.0.1:{node.port}"}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(node: Node, seat: Seat, scheme: str, width: int) -> None:
    predicted = [{**row, "predictions": [{"answers": {"topic": "billing"}}]} for row in messages(4)]
    project = node.project("Axe", SUPPORT, predicted, instructions="# Read\n\nthis *first*.")
    node.project("Beside it", [SPAM], messages(1))  # a single project is opened without asking
    viewport = {"width": width, "height": 800}
    page = seat(node.annotator("Ana"), project, color_scheme=scheme, viewport=viewport)
    assert violations(page) == []
    page.keyboard.press("Enter")
    assert violations(page) == []
    for opener in ["?", "s", "f"]:
        page.keyboard.press(opener)
        expect(page.get_by_role("dialog")).to_be_visible()
        assert violations(page) == []
        leave_dialog(page)
    answer(page, "a")
    page.keyboard.press("u")
    page.get_by_role("button", name="My answers").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.goto("/annotate")
    expect(page.get_by_role("heading", name="What would you like to work on?")).to_be_visible()
    assert violations(page) == []
    page.context.clear_cookies()
    page.goto(f"/annotate/{project}")
    expect(page.get_by_role("heading", name="Sign in to go on")).to_be_visible()
    assert violations(page) == []
