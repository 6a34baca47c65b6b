"""The exchange in a real browser: the operator sets it up, a client guards itself, an annotator works."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, expect

from evenhand import data_folder
from evenhand.audit.run import audit
from evenhand.audit.verify import verify
from evenhand.core.canonical import b64url
from evenhand.sdk import Client

from .conftest import Node, violations, wait_for
from .test_signing_in_browser import make_key

SPAM = {"name": "spam", "type": "choice", "title": "Is it spam?", "choices": ["ham", "spam"]}
PICTURES = os.environ.get("EVENHAND_PICTURES_TO")
SIZES = {"1280": (1280, 800), "390": (390, 844)}
OFFICERS = {name: Ed25519PrivateKey.generate() for name in ("ann", "ben")}


class Side:
    """An organization, its owner signed in, and somebody who annotates for it."""

    def __init__(self, node: Node, operator: Client, name: str) -> None:
        made = operator.create_organization(name)
        self.id, self.name = made.organization.id, name
        self.api = httpx.Client(base_url=f"{node.url}/api/v1", timeout=120)
        self.cookie = self._join(node, self.api, made.owner_invite, f"Owner of {name}")
        invite = self.call("POST", "/invites", json={"purpose": "join", "role": "annotator"})["url"]
        self.person = httpx.Client(base_url=f"{node.url}/api/v1", timeout=120)
        self.annotator = self._join(node, self.person, invite, f"Annotator of {name}")
        members = self.call("GET", "/members?limit=200")["items"]
        self.member = next(m["id"] for m in members if m["role"] == "annotator")

    def _join(self, node: Node, api: httpx.Client, url: str, name: str) -> dict[str, Any]:
        email = f"{name.replace(' ', '.').lower()}@example.org"
        answer = api.post(
            f"/invites/{url.rsplit('/', 1)[1]}",
            json={"name": name, "email": email, "password": "correct horse battery"},
        )
        assert answer.status_code < 300, answer.text
        api.headers["X-Evenhand-CSRF"] = answer.json()["csrf"]
        value = api.cookies["evenhand_session"]
        return {"name": "evenhand_session", "value": value, "url": node.url, "httpOnly": True}

    def call(self, method: str, path: str, **more: Any) -> Any:
        answer = self.api.request(method, path, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def operator(node: Node) -> Iterator[Client]:
    with Client(node.url, data_folder.key(node.folder)) as client:
        yield client


@pytest.fixture(scope="module")
def sides(node: Node, operator: Client) -> dict[str, Side]:
    """Acme and Bolt are rivals and clients, Harbour lends annotators."""
    made = {name: Side(node, operator, name) for name in ("Acme", "Bolt", "Harbour")}
    for name in made:
        held = {
            "holder": f"{name} Founders",
            "held": name,
            "economic": 100,
            "voting": 100,
            "since": "2020-01-01",
        }
        answer = httpx.post(
            f"{node.url}/api/v1/ownership/holdings",
            json=held,
            headers={"Authorization": f"Bearer {data_folder.key(node.folder)}"},
        )
        assert answer.status_code == 200, answer.text
    return made


def operator_cookie(node: Node, operator: Client) -> dict[str, Any]:
    answer = httpx.post(
        f"{node.url}/api/v1/session/link",
        json={"next": "/"},
        headers={"Authorization": f"Bearer {data_folder.key(node.folder)}"},
    )
    with httpx.Client(base_url=node.url) as client:
        token = answer.json()["url"].partition("?")[0].rpartition("/")[2]
        assert client.post(f"/api/v1/invites/{token}", json={}).status_code == 200
        value = client.cookies["evenhand_session"]
    return {"name": "evenhand_session", "value": value, "url": node.url, "httpOnly": True}


def looked_at(page: Page, name: str) -> None:
    """Axe finds nothing, and nothing is wider than the window, at both sizes, light and dark."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            assert violations(page) == [], (name, size, theme)
            if PICTURES:
                page.screenshot(path=str(Path(PICTURES) / f"{name}-{size}-{theme}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, size)
    page.set_viewport_size({"width": 1280, "height": 800})


def admit(page: Page, role: str, side: Side) -> None:
    page.get_by_role("button", name="Admit").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("Takes part as").select_option(label=role)
    sheet.get_by_label("Organization", exact=True).select_option(label=side.name)
    sheet.get_by_label("Record of ownership").select_option(label=side.name)
    sheet.get_by_role("button", name="Admit").click()
    expect(page.get_by_role("row", name=side.name)).to_be_visible()


def test_an_exchange_from_the_first_page_to_the_first_override(
    node, operator, sides, visit, tmp_path
) -> None:
    acme, bolt, harbour = sides.values()

    # The operator opens a pool, admits who takes part, appoints officers.
    page = visit("/exchange", operator_cookie(node, operator))
    expect(page.get_by_text("There are no shared pools yet")).to_be_visible()
    looked_at(page, "exchange-empty")
    for role, side in (("client", acme), ("client", bolt), ("provider", harbour)):
        admit(page, role, side)
    page.get_by_role("button", name="Change").click()
    keys = [f"{name} {b64url(key.public_key().public_bytes_raw())}" for name, key in OFFICERS.items()]
    page.get_by_role("dialog").get_by_label("Officers").fill("\n".join(keys))
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("ann, ben")).to_be_visible()
    page.get_by_role("button", name="Open a pool").click()
    page.get_by_role("dialog").get_by_label("Prices").fill("text ten")
    page.get_by_role("dialog").get_by_role("button", name="Open a pool").click()
    expect(page.get_by_role("dialog").get_by_text("a whole number on each line")).to_be_visible()
    page.get_by_role("dialog").get_by_label("Prices").fill("text 10")
    page.get_by_role("dialog").get_by_role("button", name="Open a pool").click()
    expect(page.get_by_role("heading", name="English, from band 1")).to_be_visible()
    pool = page.url.rpartition("/")[2]
    page.get_by_role("button", name="Change the rules").click()
    page.get_by_role("dialog").get_by_label("Charge in advance").fill("5")
    page.get_by_role("dialog").get_by_role("button", name="Change the rules").click()
    expect(page.get_by_text("The new rules hold from entry")).to_be_visible()
    expect(page.get_by_role("table").first.get_by_role("row")).to_have_count(3)
    looked_at(page, "exchange-pool-operator")
    page.get_by_role("link", name="Exchange", exact=True).first.click()
    looked_at(page, "exchange-operator")

    # A client joins and sends a project; the provider enrols somebody.
    client = visit(f"/exchange/pools/{pool}", acme.cookie)
    client.get_by_role("button", name="Join this pool").click()
    client.get_by_label("Most tasks for one provider").fill("100")
    client.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(client.get_by_text("You take part in this pool.")).to_be_visible()
    draft = {"name": "Letters", "fields": [{"name": "text"}], "questions": [SPAM]}
    project = acme.call("POST", "/projects", json=draft)["id"]
    opened = acme.call("POST", f"/projects/{project}/imports", json={"name": "rows"})["id"]
    rows = b"\n".join(json.dumps({"text": f"letter {n}"}).encode() for n in range(5))
    acme.call("POST", f"/imports/{opened}/rows?line=1", content=rows)
    client.reload()
    client.get_by_role("button", name="Send a project").click()
    client.get_by_role("dialog").get_by_label("Project", exact=True).select_option(label="Letters")
    client.get_by_role("dialog").get_by_role("button", name="Send a project").click()
    expect(client.get_by_role("link", name="Letters")).to_be_visible()
    looked_at(client, "exchange-pool-client")
    provider = visit(f"/exchange/pools/{pool}", harbour.cookie)
    provider.get_by_role("button", name="Enrol").click()
    provider.get_by_role("dialog").get_by_label("Who").select_option(label="Annotator of Harbour")
    provider.get_by_role("dialog").get_by_role("button", name="Enrol").click()
    expect(provider.get_by_text("Annotator of Harbour works in this pool.")).to_be_visible()
    looked_at(provider, "exchange-pool-provider")

    # The annotator finds the pool, says whether they take work, and works.
    work = visit("/annotate?", harbour.annotator, viewport={"width": 1280, "height": 800})
    expect(work.get_by_text("letter 0")).to_be_visible()
    with work.expect_response("**/submit"):
        work.keyboard.press("1")
        work.keyboard.press("Enter")
    expect(work.get_by_text("letter 1")).to_be_visible()
    with work.expect_response("**/submit"):
        work.keyboard.press("1")
        work.keyboard.press("Enter")
    work.get_by_role("button", name="More").first.click()
    work.get_by_role("menuitem", name="Choose another project").click()
    expect(work.get_by_role("heading", name="English, from band 1")).to_be_visible()
    expect(work.get_by_text("2 answers of yours")).to_be_visible()
    looked_at(work, "annotate-pools")
    work.get_by_label("I take work here").uncheck()
    expect(work.get_by_role("button", name="Work", exact=True)).to_be_disabled()
    work.get_by_label("I take work here").check()
    expect(work.get_by_role("button", name="Work", exact=True)).to_be_enabled()

    # Somebody buys a part of the provider: the client sees why, waives, and names a rival.
    stake = {"holder": "Acme", "held": "Harbour", "economic": 15, "since": "2026-01-01"}
    share = {
        "holder": "Harbour Founders",
        "held": "Harbour",
        "economic": 85,
        "voting": 100,
        "since": "2026-01-01",
    }
    for holding in (share, stake):
        answer = httpx.post(
            f"{node.url}/api/v1/ownership/holdings",
            json=holding,
            headers={"Authorization": f"Bearer {data_folder.key(node.folder)}"},
        )
        assert answer.status_code == 200, answer.text
    client.goto("/ownership")
    expect(client.get_by_text("needs a waiver")).to_be_visible()
    expect(client.get_by_text("has 15% (economic) of Harbour").first).to_be_visible()
    client.get_by_role("button", name="Show the path").click()
    expect(client.locator("tr.marked").first).to_be_visible()
    looked_at(client, "ownership-path")
    make_key(client)
    client.get_by_role("button", name="Waive").click()
    expect(client.get_by_text("waived by the client")).to_be_visible()
    client.get_by_role("button", name="Name rivals").click()
    client.get_by_role("dialog").get_by_label("Harbour", exact=True).check()
    client.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(client.get_by_text("rival of the client").first).to_be_visible()
    file = tmp_path / "bods.json"
    file.write_text("{}")
    client.get_by_role("button", name="State ownership").click()
    client.get_by_label("How").select_option(label="A file of BODS 0.4")
    client.get_by_label("File").set_input_files(file)
    client.get_by_role("button", name="State it").click()
    expect(client.get_by_text("no JSON array of statements")).to_be_visible()
    everything = operator.exchange.statements()
    mine = [s for s in everything if s["recordDetails"].get("subject") and s["recordId"] != ""]
    own = next(
        s
        for s in mine
        if s["recordDetails"]["subject"]
        == next(e["recordId"] for e in everything if e["recordDetails"].get("name") == "Acme")
    )
    file = tmp_path / "better.json"
    file.write_text(json.dumps([{**own, "statementId": "t" * 32, "recordStatus": "updated"}]))
    client.get_by_label("File").set_input_files(file)
    client.get_by_role("button", name="State it").click()
    expect(client.get_by_role("dialog")).not_to_be_visible()
    expect(client.get_by_text("Statements in the log: 1.")).to_be_visible()
    looked_at(client, "ownership")

    # Two officers sign what the page shows; one signature is not enough.
    page.goto("/exchange/overrides")
    expect(page.get_by_text("Officers have never stepped in")).to_be_visible()
    who = httpx.get(f"{node.url}/log/checkpoint").text.splitlines()[0]
    page.get_by_role("button", name="New override").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("What", exact=True).select_option(label="Suspend an annotator")
    person = enrolled(node, pool)
    sheet.get_by_label("Whom or what").fill(person)
    text = sheet.locator("pre").text_content()
    assert text is not None and text.startswith(f"evenhand/override/v1\n{who}\n{pool}\nsuspend {person}\n")
    looked_at(page, "override-new")
    sheet.get_by_label("Signature of ann").fill(b64url(OFFICERS["ann"].sign(text.encode())))
    sheet.get_by_label("Signature of ben").fill(b64url(OFFICERS["ann"].sign(text.encode())))
    sheet.get_by_role("button", name="Override").click()
    expect(sheet.get_by_text("two different officers")).to_be_visible()
    sheet.get_by_label("Signature of ben").fill(b64url(OFFICERS["ben"].sign(text.encode())))
    sheet.get_by_role("button", name="Override").click()
    expect(page.get_by_role("row", name=person)).to_be_visible()
    looked_at(page, "overrides")
    work.reload()
    expect(work.get_by_text("Suspended")).to_be_visible()
    readmit_by_keys_in_browsers(node, operator, page, visit, person)

    public = node.folder / "ledger" / "public"
    wait_for(lambda: verify(public).kinds["overridden"] == 2)
    found = audit(public)
    assert found.findings.ok, found.findings.kept  # what was held before a party was known is stated in time
    assert (found.overrides, found.signed, found.kinds["waived"]) == (2, 2, 1)  # the waiver, the rivals


def readmit_by_keys_in_browsers(node: Node, operator: Client, page: Page, visit: Any, person: str) -> None:
    """Two officers, each with a key in a browser of their own; the second gets a link from the first."""
    other = visit("/exchange/overrides", operator_cookie(node, operator))
    made = {}
    for name, browser_page in (("cleo", page), ("dora", other)):
        browser_page.get_by_role("button", name="Make an officer's key").click()
        expect(browser_page.get_by_text("not appointed yet")).to_be_visible()
        made[name] = browser_page.locator(".keys input").input_value()
    policy = operator.exchange.policy()
    operator.exchange.set_policy(msgspec.structs.replace(policy, officers=made))
    page.reload()
    expect(page.get_by_text("This browser signs as cleo.")).to_be_visible()
    looked_at(page, "override-key")
    page.get_by_role("button", name="New override").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("What", exact=True).select_option(label="Readmit an annotator")
    sheet.get_by_label("Whom or what").fill(person)
    sheet.get_by_role("button", name="Sign here as cleo").click()
    expect(sheet.get_by_role("button", name="Sign here as dora")).to_have_count(0)
    link = sheet.get_by_label("a link with this text").input_value()
    looked_at(page, "override-link")
    other.goto(link)
    sheet = other.get_by_role("dialog")
    sheet.get_by_role("button", name="Sign here as dora").click()
    sheet.get_by_role("button", name="Override").click()
    expect(other.get_by_role("row", name="Readmit an annotator")).to_be_visible()


def enrolled(node: Node, pool: str) -> str:
    """The annotator's id in the log, as everybody reads it there."""
    data = httpx.get(f"{node.url}/log/checkpoint").text.splitlines()[1]
    size, found = int(data), b""
    for tile in range((size + 255) // 256):
        width = min(256, size - 256 * tile)
        name = f"x{tile // 1000:03d}/{tile % 1000:03d}" if tile >= 1000 else f"{tile:03d}"
        found += httpx.get(
            f"{node.url}/log/tile/entries/{name}{'' if width == 256 else f'.p/{width}'}"
        ).content
    text = found.decode("utf-8", "replace")
    start = text.index('"who":"ann-', text.index('"t":"enrolled"') - 600)
    return text[start + 7 : text.index('"', start + 7)]
