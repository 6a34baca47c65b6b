"""A signing key in the browser: made on the page of the account, used by the page of tasks, audited."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from evenhand import Client, data_folder
from evenhand.audit.verify import verify

from .conftest import Node, violations, wait_for
from .test_story_in_browser import answer

CHOICE = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}


def test_a_key_in_the_browser_signs_what_its_person_answers(browser: Browser, node: Node) -> None:
    project = node.project("Signed", [CHOICE], [{"text": f"message {n}"} for n in range(6)])
    annotator = node.annotator("Ann")
    context = browser.new_context(base_url=node.url, locale="en-GB")
    context.add_cookies([annotator.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
    page = context.new_page()
    page.goto(f"/annotate/{project}")
    expect(page.locator("[data-question]").first).to_be_visible()
    first = answer(page, 1)
    wait_for(lambda: node.answers(project)[first] == [{"spam": "ham"}])  # sent later, it would be signed

    page.goto("/account")
    expect(page.get_by_text("the node alone says")).to_be_visible()
    make_key(page)
    assert violations(page) == []
    with Client(node.url, data_folder.key(node.folder)) as operator:
        operator.set_signing_policy(["skipped", "flagged"])

    page.goto(f"/annotate/{project}")
    expect(page.locator("[data-question]").first).to_be_visible()
    second = answer(page, 2)
    wait_for(lambda: node.answers(project)[second] == [{"spam": "spam"}])
    page.keyboard.press("f")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Flagged for the manager.")).to_be_visible()
    page.keyboard.press("s")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    public = node.folder / "ledger" / "public"
    wait_for(lambda: verify(public).kinds["skipped"] == 1)
    other = browser.new_context(base_url=node.url, locale="en-GB")
    other.add_cookies([annotator.cookie])  # type: ignore[list-item]
    elsewhere = other.new_page()
    elsewhere.goto("/account")
    expect(elsewhere.get_by_text("not in this browser")).to_be_visible()
    refused = annotator.client.post("/assignments/next", json={"project_id": project}).json()["assignments"][
        0
    ]
    plain = annotator.client.post(f"/assignments/{refused['id']}/submit", json={"answers": {"spam": "ham"}})
    assert plain.json()["rule"] == "signing.unsigned"

    page.goto("/account")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Not in force")).to_be_visible()
    wait_for(lambda: verify(public).kinds["key-revoked"] == 1)
    report = verify(public)
    assert report.ok and report.signed == 3 and report.keys == 1, report.findings
    assert report.kinds["flagged"] == 1 and report.spoken_for == {}
    context.close()
    other.close()


def make_key(page: Page) -> None:
    """On a page that shows signing keys."""
    page.get_by_role("button", name="Sign from this browser").click()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("This browser", exact=True)).to_be_visible()
