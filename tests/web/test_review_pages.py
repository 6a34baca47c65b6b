"""A reviewer and an annotator over one answer: fixed, appealed, upheld; then the figures of quality."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from evenhand.audit.verify import verify

from .conftest import Annotator, Node, violations, wait_for
from .test_signing_in_browser import make_key

CHOICE = {"name": "spam", "type": "choice", "choices": ["ham", "spam"], "title": "Is it spam?"}
PICTURES = os.environ.get("EVENHAND_TEST_PICTURES", "")


def join(node: Node, name: str, role: str) -> Annotator:
    invite = node.call("POST", "/invites", json={"purpose": "join", "role": role})
    client = httpx.Client(base_url=f"{node.url}/api/v1", timeout=120)
    answer = {"name": name, "email": f"{name.lower()}@example.org", "password": "correct horse battery"}
    joined = client.post(f"/invites/{invite['url'].rsplit('/', 1)[1]}", json=answer)
    client.headers["X-Evenhand-CSRF"] = joined.json()["csrf"]
    cookie = {
        "name": "evenhand_session",
        "value": client.cookies["evenhand_session"],
        "url": node.url,
        "httpOnly": True,
    }
    return Annotator(answer["email"], answer["password"], cookie, client)


def answer(who: Annotator, project: str, spam: str) -> None:
    body = {"project_id": project, "count": 1}
    given: dict[str, Any] = who.client.post("/assignments/next", json=body).json()["assignments"][0]
    who.client.post(
        f"/assignments/{given['id']}/submit", json={"answers": {"spam": spam}, "seconds": 3}
    ).raise_for_status()


def page_of(browser: Browser, node: Node, who: Annotator) -> Page:
    context = browser.new_context(base_url=node.url, viewport={"width": 1280, "height": 900})
    context.add_cookies([who.cookie])  # type: ignore[list-item]  # a cookie as a plain dict
    page = context.new_page()
    return page


def look(page: Page, name: str) -> None:
    """Axe in light and dark, on a desk and on a phone; pictures where somebody asks for them."""
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}-{width}.png", full_page=True)
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
    page.set_viewport_size({"width": 1280, "height": 900})


def send_back_and_correct(browser: Browser, node: Node, project: str, desk: Page, ben: Annotator) -> None:
    """By keyboard: what the reviewer says reaches the annotator, and no address."""
    said = "Read the end of it again."
    desk.keyboard.press("b")
    desk.get_by_label("What is wrong?").fill(said)
    desk.keyboard.press("Control+Enter")
    expect(desk.get_by_text("1 sent back, ")).to_be_visible()
    expect(desk.get_by_text("Sent back.", exact=True)).to_be_visible()  # no names: it comes again
    page = page_of(browser, node, ben)
    page.goto("/quality")
    page.goto("/annotate")
    page.get_by_role("link", name="1 sent back").click()  # seen while one works
    correct = page.get_by_role("link", name="Correct")
    assert "Read" not in str(correct.get_attribute("href"))
    correct.click()
    expect(page.get_by_text(said)).to_be_visible()
    assert "/annotate/" in page.url and "Read" not in page.url
    page.context.close()
    (judged,) = ben.client.get("/judgements?outcome=returned").json()["items"]
    again = {"answers": {"spam": "spam"}, "revision": 1}
    ben.client.post(f"/assignments/{judged['assignment_id']}/submit", json=again).raise_for_status()
    expect(desk.get_by_text("message 1", exact=True)).to_be_visible()
    desk.keyboard.press("a")
    expect(desk.get_by_text("Corrected after it was sent back")).to_be_visible()  # and it comes first


def test_review_appeal_and_quality(browser: Browser, node: Node) -> None:
    project = node.project(
        "Reviewed", [CHOICE], [{"text": f"message {n}"} for n in range(6)], overlap=2, review={"which": "all"}
    )
    ann, ben, rita = (
        join(node, *one) for one in (("Ann", "annotator"), ("Ben", "annotator"), ("Rita", "reviewer"))
    )
    boss = join(node, "Mo", "manager")
    for n in range(6):
        answer(ann, project, "ham")
        answer(ben, project, "spam" if n == 0 else "ham")
    desk = page_of(browser, node, rita)
    desk.goto("/account")
    make_key(desk)
    desk.goto(f"/projects/{project}/review")
    expect(desk.get_by_text("The answers differ")).to_be_visible()
    expect(desk.get_by_text("Ann", exact=True)).to_have_count(0)  # names are hidden until it is decided
    look(desk, "review")
    send_back_and_correct(browser, node, project, desk, ben)
    desk.keyboard.press("f")
    desk.get_by_role("radio", name="spam").check()
    desk.get_by_label("Comment").fill("It sells something.")
    desk.get_by_role("radio", name="spam").focus()
    desk.keyboard.press("Enter")  # a choice takes no text
    expect(desk.get_by_text("Fixed. A was")).to_contain_text("Ann")
    for n in range(4):
        expect(desk.get_by_text(f"{n + 2} decided")).to_be_visible()
        expect(desk.get_by_role("button", name="Accept")).to_be_enabled()
        desk.keyboard.press("a")
    expect(desk.get_by_text("Nothing waits for a review")).to_be_visible()
    look(desk, "review-empty")

    own = page_of(browser, node, ann)
    own.goto("/account")
    make_key(own)
    own.goto("/quality")
    expect(own.get_by_text("It sells something.")).to_be_visible()
    own.get_by_role("button", name="Appeal").click()
    own.get_by_label("Why was your answer right?").fill("It sells nothing.")
    own.get_by_role("dialog").get_by_role("button", name="Appeal").click()
    expect(own.get_by_text("Appeal open")).to_be_visible()
    own.get_by_role("button", name="Show the answers").first.click()
    expect(own.locator(".column").filter(has_text="The answer that stands").first).to_be_visible()
    look(own, "own-quality")

    manager = page_of(browser, node, boss)
    manager.goto("/account")
    make_key(manager)
    manager.goto("/")
    manager.get_by_role("link", name="1 appeal").click()  # nobody hunts for it
    expect(manager.get_by_text("It sells nothing.")).to_be_visible()
    look(manager, "appeals")
    manager.locator("body").press("u")
    expect(manager.get_by_text("No appeal is open")).to_be_visible()
    manager.get_by_role("button", name="Decided appeals").click()
    expect(manager.get_by_text("Ann against Rita")).to_be_visible()
    manager.get_by_role("searchbox").fill("rita")
    expect(manager.get_by_text("It sells nothing.")).to_be_visible()
    manager.get_by_role("button", name="Show the answers").click()
    expect(manager.get_by_text("The reviewer's answer")).to_be_visible()
    look(manager, "appeals-decided")
    manager.get_by_role("button", name="Rejected").click()
    expect(manager.get_by_text("No such appeal")).to_be_visible()
    task = node.call("GET", f"/tasks/{project}-1")
    assert task["consensus"]["spam"] == {"value": "ham", "confidence": 1.0, "method": "review"}
    public = node.folder / "ledger" / "public"
    wait_for(lambda: verify(public).kinds["appeal-decided"] == 1)
    told = verify(public)
    assert told.ok, told.findings
    assert (told.signed, told.spoken_for) == (7 + 1 + 1, {})  # reviews, an appeal, its end

    manager.goto(f"/projects/{node.project('Nobody answered', [CHOICE], [])}/quality")
    expect(manager.get_by_text("No figures yet")).to_be_visible()
    look(manager, "quality-empty")
    manager.goto(f"/projects/{project}/quality")  # where there are answers, they are computed unasked
    expect(manager.get_by_text("As of")).to_be_visible()
    expect(manager.get_by_role("heading", name="Worth a look")).to_be_visible()
    expect(
        manager.get_by_role("region", name="Worth a look").get_by_text("Nothing stands out.")
    ).to_be_visible()
    expect(manager.get_by_text("From 12 answers of 2 annotators.")).to_be_visible()
    look(manager, "quality")
    own.reload()
    expect(own.get_by_text("Appeal upheld: your answer stands")).to_be_visible()
    for page in (desk, own, manager):
        page.context.close()
