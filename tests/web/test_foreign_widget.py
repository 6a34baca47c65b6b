"""The worked example of CONTRIBUTING.md, installed beside a node, is answered in a browser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from .conftest import wait_for

PAGE = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ ([\w./]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def lit(tmp_path: Path, make_node: Callable[..., Any]) -> Iterator[Any]:
    """A node that sees the package as an installer would have left it."""
    packages = tmp_path / "packages"
    info = packages / "evenhand_light-1.0.dist-info"
    info.mkdir(parents=True)
    for name, text in FILES.items():
        if name.startswith("evenhand_light/"):
            (packages / name).parent.mkdir(exist_ok=True)
            (packages / name).write_text(text, encoding="utf-8")
    points = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]["evenhand.labels"]
    (info / "METADATA").write_text("Name: evenhand-light\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[evenhand.labels]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
    )
    running = make_node(tmp_path / "data", packages)
    running.folder.mkdir()
    running.start()
    yield running
    running.stop()


def test_a_widget_of_another_package_is_shown_and_answered(browser: Browser, lit: Any) -> None:
    project = lit.project("Lights", [{"name": "light", "type": "light", "off": True}], [{"text": "Main St"}])
    person = lit.annotator("Ada")
    (address,) = lit.call("GET", f"/projects/{project}/versions/1/form")["widgets"].values()
    served = httpx.get(f"{lit.url}{address}")
    assert served.text == FILES["evenhand_light/widget.js"]
    assert served.headers["content-type"].startswith("text/javascript")
    assert "immutable" in served.headers["cache-control"]
    assert httpx.get(f"{lit.url}/assets/widget-light-00000000.js").status_code == 404
    context = browser.new_context(base_url=lit.url, locale="en-GB")
    context.add_cookies([person.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
    failures: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(f"/annotate/{project}")
    amber = page.get_by_role("button", name="amber")
    expect(amber).to_be_visible()
    page.keyboard.press("2")
    expect(amber).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(amber).to_have_count(0)
    wait_for(lambda: lit.answers(project)["Main St"])  # the next page is shown before it has got there
    context.close()
    assert (lit.answers(project), failures) == ({"Main St": [{"light": "amber"}]}, [])
