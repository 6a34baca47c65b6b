"""A reload while the node is down, the network is off, or a person has signed out: the service worker."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from evenhand.http.static import Assets

from ..films import film
from .conftest import Annotator, Node, violations, wait_for, wait_until_drafted

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
)
SPAM = {"name": "spam", "type": "choice", "title": "Is it spam?", "choices": ["ham", "spam"]}
FIELDS = [{"name": "text"}, {"name": "shot", "type": "image"}]
KEPT = "() => caches.has('evenhand-kept')"
INLINE = """() => {
  const script = document.createElement("script");
  script.textContent = "window.ran = 1";
  document.body.append(script);
}"""

Seat = Callable[[Annotator, str], Page]


@pytest.fixture
def seat(browser: Browser, node: Node) -> Iterator[Seat]:
    """`seat(annotator, project)`: a page whose worker has all it needs, and that keeps the next tasks."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_page(annotator: Annotator, project: str) -> Page:
        context = browser.new_context(base_url=node.url, locale="en-GB")
        context.add_cookies([annotator.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(f"{error} {error.stack}"))
        page.goto(f"/annotate/{project}")
        expect(page.locator("[data-question]").first).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        wait_until_kept(page, tasks=3)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failures == []


HELD = """async ([count, gone]) => {
  const cache = await caches.open("evenhand-kept");
  const tasks = (await cache.keys()).filter(({ url }) => url.includes("/kept/task/"));
  const texts = await Promise.all(tasks.map(async (key) => (await cache.match(key)).text()));
  return texts.length === count && !texts.some((text) => gone && text.includes(gone));
}"""


def wait_until_kept(page: Page, tasks: int, gone: str = "") -> None:
    """So many tasks are kept, and the one with this text is not among them any more."""
    until(page, HELD, [tasks, gone])


def until(page: Page, script: str, argument: object = None) -> None:
    """Wait until this asynchronous function gives true."""
    wait_for(lambda: page.evaluate(script, argument), page=page)


def shown(page: Page) -> str:
    return page.locator("main .sheet p").first.inner_text().strip()


def answer(page: Page, key: str) -> str:
    text = shown(page)
    page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator("main .sheet p").filter(has_text=text)).to_have_count(0)
    return text


def project_with_pictures(node: Node, name: str, count: int = 5) -> str:
    project = node.project(name, [SPAM], [], fields=FIELDS)
    blob = node.call(
        "POST", f"/projects/{project}/blobs", content=PICTURE, headers={"Content-Type": "image/png"}
    )
    shot = {"blob": blob["blob"]}
    node.add(project, [{"text": f"message {i}.", "shot": shot, "external_id": str(i)} for i in range(count)])
    return project


def test_a_video_plays_without_the_node(browser: Browser, node: Node, seat: Seat) -> None:
    """The whole is kept, and the worker hands out the parts that are asked for: so one can jump in it."""
    maker = browser.new_page()
    maker.goto(f"{node.url}/annotate")
    content = film(maker, seconds=3)
    maker.context.close()
    project = node.project("Films", [SPAM], [], fields=[{"name": "text"}, {"name": "clip", "type": "video"}])
    blob = node.call(
        "POST", f"/projects/{project}/blobs", content=content, headers={"Content-Type": "video/webm"}
    )
    assert (blob["width"], blob["height"], blob["fps"]) == (320, 180, 25)
    node.add(project, [{"text": f"film {i}.", "clip": blob, "external_id": str(i)} for i in range(5)])
    page = seat(node.annotator("Ana"), project)
    until(page, KEPT_FILM)
    node.stop(signal.SIGKILL)
    page.reload()
    expect(page.get_by_text("0:00.00 / 0:03.00")).to_be_visible()
    page.get_by_label("Place").fill("2.5")
    until(page, "async () => !document.querySelector('video').seeking")
    place = "film => [film.currentTime, film.videoWidth, film.error === null]"
    assert page.locator("video").evaluate(place) == [2.5, 320, True]
    page.keyboard.press("?")
    expect(page.get_by_text("One frame on or back")).to_be_visible()
    assert violations(page) == []
    node.start()


KEPT_FILM = """async () => {
  const cache = await caches.open("evenhand-kept");
  const films = (await cache.keys()).filter(({ url }) => url.endsWith("/media/clip"));
  return films.length >= 3;
}"""


def test_reload_while_the_node_is_down(node: Node, seat: Seat) -> None:
    project = project_with_pictures(node, "Down")
    ana = node.annotator("Ana")
    page = seat(ana, project)
    first = answer(page, "2")
    expect(page.locator('[data-status="status.node"]')).to_be_visible()
    wait_until_kept(page, tasks=3, gone=first)
    node.stop(signal.SIGKILL)
    begun = shown(page)
    page.keyboard.press("1")
    wait_until_drafted(page, "ham")
    page.reload()
    expect(page.locator("[data-question]").first).to_be_visible()
    assert shown(page) == begun, "the task that was on the screen, with what was begun"
    expect(page.locator("[data-question] input:checked, [data-question] [aria-checked=true]")).to_have_count(
        1
    )
    assert page.locator("main img").first.evaluate("img => img.decode().then(() => img.naturalWidth)") == 10
    page.keyboard.press("Enter")
    expect(page.locator("main .sheet p").filter(has_text=begun)).to_have_count(0)
    second = answer(page, "2")
    page.reload()  # once more: what was answered is not shown again
    expect(page.locator("[data-question]").first).to_be_visible()
    third = answer(page, "2")
    assert len({first, begun, second, third}) == 4
    expect(page.locator(".status")).to_contain_text("3 answers are saved on this device")
    node.start()
    expect(page.locator('[data-status="status.node"]')).to_be_visible()
    expect(page.locator("[data-question]").first).to_be_visible()
    fourth = answer(page, "1")
    expect(page.locator('[data-status="status.node"]')).to_be_visible()
    given = {first: "spam", begun: "ham", second: "spam", third: "spam", fourth: "ham"}
    assert node.answers(project) == {text: [{"spam": value}] for text, value in given.items()}


def test_nothing_is_kept_after_sign_out(node: Node, seat: Seat) -> None:
    project = project_with_pictures(node, "Signed out")
    page = seat(node.annotator("Ana"), project)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/")
    assert page.evaluate(KEPT) is False
    page.context.set_offline(True)
    page.goto(f"/annotate/{project}")
    expect(page.get_by_role("heading", name="The server does not answer")).to_be_visible()
    expect(page.locator("[data-question]")).to_have_count(0)


def test_tasks_of_another_are_never_shown(node: Node, seat: Seat) -> None:
    """Ana's tasks are on the device, the page comes up without the node, and the session is Bo's by then."""
    project = project_with_pictures(node, "Two people", count=8)
    ana, bo = node.annotator("Ana"), node.annotator("Bo")
    page = seat(ana, project)
    page.context.set_offline(True)
    page.reload()
    expect(page.locator("[data-question]").first).to_be_visible()
    hers = {answer(page, "1"), answer(page, "1"), shown(page)}
    page.context.add_cookies([bo.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
    page.context.set_offline(False)
    for text in hers:
        expect(page.locator("main .sheet p").filter(has_text=text)).to_have_count(0)
    expect(page.locator("[data-question]").first).to_be_visible()
    assert shown(page) not in hers
    for text in hers:
        wait_until_kept(page, tasks=3, gone=text)
    assert all(given == [] for text, given in node.answers(project).items())


def test_upgrade_is_shown_at_once_and_kept_as_a_whole(
    browser: Browser, tmp_path: Path, make_node: type[Node]
) -> None:
    """The next build has another page and other files: a reload shows it, and so does one offline."""
    folder = Path(str(Assets()._folder))
    built = tmp_path / "packages"
    whole = tmp_path / "evenhand-assets"
    whole.mkdir()
    built.mkdir()
    for path in folder.iterdir():
        (whole / path.name).write_bytes(path.read_bytes())
    (built / "sitecustomize.py").write_text(
        "import evenhand.http.static as s\nfrom pathlib import Path\n"
        f"s.Assets.__init__.__defaults__ = (Path({str(whole)!r}),)\n"
    )
    running = make_node(tmp_path / "data", packages=built)
    running.folder.mkdir()
    running.start()
    try:
        project = running.project("Upgrade", [SPAM], [{"text": f"message {i}."} for i in range(4)])
        ana = running.annotator("Ana")
        context = browser.new_context(base_url=running.url, locale="en-GB")
        context.add_cookies([ana.cookie])  # type: ignore[list-item]  # a plain dict of the same keys
        page = context.new_page()
        page.goto(f"/annotate/{project}")
        expect(page.locator("[data-question]").first).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        _next_build(whole)
        page.reload()
        assert page.locator("meta[name=build]").get_attribute("content") == "next"
        until(page, "async () => (await caches.keys()).includes('evenhand-page-next')")
        until(
            page,
            "async () => { const r = await navigator.serviceWorker.getRegistration(); "
            "return !r.installing && !r.waiting; }",
        )
        context.set_offline(True)
        page.reload()
        assert page.locator("meta[name=build]").get_attribute("content") == "next"
        expect(page.locator("[data-question]").first).to_be_visible()
        policy = page.evaluate(
            "fetch(location.href, {cache: 'reload'}).then(() => '', (error) => 'no network')"
        )
        assert policy == "no network"
        page.evaluate(INLINE)
        assert page.evaluate("window.ran") is None, "the kept page stands under the same policy"
        context.close()
    finally:
        running.stop()


def _next_build(folder: Path) -> None:
    """As a build writes it: a changed page, and a worker that names its digest."""
    from hashlib import sha256

    page = (
        (folder / "annotate.html")
        .read_bytes()
        .replace(b"<title>", b'<meta name="build" content="next"><title>')
    )
    (folder / "annotate.html").write_bytes(page)
    worker = (folder / "annotate-worker.js").read_text()
    start = worker.index("={") + 1
    build: dict[str, Any]
    build, end = json.JSONDecoder().raw_decode(worker[start:])
    build |= {"name": "next", "page": sha256(page).hexdigest()}
    (folder / "annotate-worker.js").write_text(worker[:start] + json.dumps(build) + worker[start + end :])
