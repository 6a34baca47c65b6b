"""The public page of a node: what everybody may see, and a check of the log in the browser."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Route, expect

from evenhand.audit.findings import ALARM, GAP, PROVEN, Finding
from evenhand.audit.report import as_html, as_json
from evenhand.audit.run import Audit, Share, audit
from evenhand.self_audit import NAME

from .conftest import Node, violations, wait_for

SHARE = {"pool": "pool-1", "leases": 40, "blocked": 1, "band": 3.25, "wait_ms": 42_000}
EDGE = {"record": "rec-1", "type": "relationship", "form": "", "subject": "rec-op", "party": "rec-owner"}
INTEREST = {"type": "shareholding", "least": 49_000_000, "most": 49_000_000, "indirect": 0, "end": 0}


@pytest.fixture(scope="module")
def told(node: Node) -> dict[str, Any]:
    """The node's audit of itself, with a shared pool and ownership that this node does not have."""
    folder = node.folder / "ledger"
    # The node does it by itself soon after its first start, and a minute later again if its log has grown.
    wait_for((folder / NAME).exists)
    wait_for(lambda: json.loads((folder / NAME).read_bytes())["root"] == audit(folder / "public").root, 150)
    own: dict[str, Any] = json.loads((folder / NAME).read_bytes())
    assert own["ok"]
    assert set(own) == set(as_json(audit(folder / "public")))
    own["shares"] = [
        SHARE | {"client": f"cli-{n}", "weight": n + 1, "service": 2400 * (n + 1)} for n in range(3)
    ]
    own["edges"] = [EDGE | {"interests": [INTEREST]}]
    (folder / NAME).write_bytes(msgspec.json.encode(own))
    return own


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_anyone_sees_it_and_checks_it(
    node: Node, told: dict[str, Any], browser: Browser, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en")
    page = context.new_page()
    page.goto(f"{node.url}/neutrality")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    expect(page.get_by_role("cell", name="cli-2")).to_be_visible()
    expect(page.get_by_role("cell", name="rec-owner")).to_be_visible()
    expect(page.get_by_text("Nobody cosigns this log")).to_be_visible()
    page.get_by_role("button", name="Check the log now").click()
    expect(page.get_by_text("It holds:")).to_be_visible()
    expect(page.get_by_text("your first visit")).to_be_visible()
    page.get_by_role("button", name="Check the log now").click()
    expect(page.get_by_text("It continues the")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_an_altered_tile_or_checkpoint_is_told(node: Node, told: dict[str, Any], browser: Browser) -> None:
    context = browser.new_context(locale="de")
    page = context.new_page()
    page.goto(f"{node.url}/neutrality")

    def bend(route: Route) -> None:
        body = bytearray(httpx.get(route.request.url).content)
        body[-20] ^= 1
        route.fulfill(body=bytes(body), content_type="application/octet-stream")

    for path in ("**/log/tile/0/**", "**/log/tile/entries/**", "**/log/checkpoint"):
        page.route(path, bend)
        page.get_by_role("button", name="Protokoll jetzt prüfen").click()
        expect(page.get_by_text("Das stimmt nicht:")).to_be_visible()
        page.unroute(path)
    page.get_by_role("button", name="Protokoll jetzt prüfen").click()
    expect(page.get_by_text("Es stimmt:")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_when_witnesses_are_down_the_page_says_since_when(
    node: Node, told: dict[str, Any], browser: Browser, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en")
    page = context.new_page()
    witnesses = [
        {"name": "client", "size": 40, "seconds": 1_764_000_000, "reason": ""},
        {"name": "university", "size": 12, "seconds": 0, "reason": "connection refused"},
    ]
    shown = httpx.get(f"{node.url}/api/v1/neutrality").json() | {"witnesses": witnesses}
    said = {"cosigned_at": "2025-11-24T16:00:00Z"}
    for more, text in (
        (said | {"stale": False}, "Enough of them last signed on"),
        ({"cosigned_at": None, "stale": True}, "Not enough of them have ever signed"),
        (said | {"stale": True}, "Not enough of them have signed since"),
    ):
        page.unroute_all(behavior="wait")
        page.route("**/api/v1/neutrality", partial(Route.fulfill, body=json.dumps(shown | more)))
        page.goto(f"{node.url}/neutrality")
        expect(page.get_by_text(text)).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_before_the_first_audit(node: Node, told: dict[str, Any]) -> None:
    path = node.folder / "ledger" / NAME
    kept = path.read_bytes()
    path.unlink()
    try:
        answer = httpx.get(f"{node.url}/api/v1/neutrality").json()
        assert answer["audited_at"] is None and answer["shares"] == []
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_report_of_an_audit(browser: Browser, tmp_path: Path, width: int, scheme: Any) -> None:
    """The page that `evenhand audit --html` writes, with something of everything in it."""
    made = Audit(
        origin="log.example/l", size=9, entries=9, root="00" * 32, at=1_795_435_200_000, vkey="k" * 90
    )
    for kind in (PROVEN, ALARM, GAP):
        made.findings.add(Finding("EN-1", kind, "x.y", 3, "pool-1 2", "One was served before its turn."))
    made.shares = [Share(client=f"cli-{n}", weight=1, service=300, **SHARE) for n in range(3)]
    bet = {"pool": "pool-1", "client": "cli-0", "metric": "band", "side": 1}
    made.bets = [bet | {"e": 3.0, "peak": 9.0, "pairs": 7}]
    made.e_values, made.passed = {"pool-1": {"cli-0": 1.5}}, {"pool-1 cli-0 ent-1": 4}
    path = tmp_path / "audit.html"
    path.write_text(as_html(made), "utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(path.as_uri())
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
