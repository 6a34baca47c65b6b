"""Polygons, keypoints, masks and time spans through all pages: suggested, changed, reviewed, exported."""

from __future__ import annotations

import csv
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from playwright.sync_api import Browser, expect

from evenhand.sdk import Client

from .conftest import KEY, Node
from .test_review_pages import join, look, page_of

WIDTH, HEIGHT = 240, 160
QUESTIONS: list[dict[str, Any]] = [
    {"name": "roofs", "type": "polygon", "field": "photo", "labels": ["roof", "pool"]},
    {"name": "corners", "type": "keypoint", "field": "photo", "labels": ["door", "gate"]},
    {"name": "ground", "type": "mask", "field": "photo", "labels": ["lawn", "path"]},
    {"name": "words", "type": "time_span", "field": "sound", "labels": ["said", "noise"], "transcript": True},
]
SUGGESTED: dict[str, Any] = {
    "roofs": [{"points": [[20, 20], [120, 20], [70, 90.5]], "label": "roof"}],
    "corners": [
        {"x": 60, "y": 120, "label": "door"},
        {"x": 200, "y": 100, "label": "gate", "visible": False},
    ],
    "ground": [{"label": "lawn", "width": WIDTH, "height": HEIGHT, "runs": [WIDTH * 120, WIDTH * 40]}],
    "words": [{"start": 0.1, "end": 0.5, "label": "said", "text": "Grüß Gott"}],
}


def picture() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes((x * 199 // WIDTH + 40) for x in range(WIDTH)) for _ in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tone(seconds: float, rate: int = 8000) -> bytes:
    samples = bytes(
        round(128 + 90 * math.sin(i * 0.3) * math.sin(i / 900)) for i in range(round(seconds * rate))
    )
    head = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", len(samples))
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(samples)) + b"WAVE" + head + samples


def test_shapes_from_suggestion_to_export(browser: Browser, node: Node, tmp_path: Path) -> None:
    client = Client(node.url, KEY)
    fields = [{"name": "photo", "type": "image"}, {"name": "sound", "type": "audio"}]
    project = node.project("Shapes", QUESTIONS, [], fields=fields, overlap=2, review={"which": "all"})
    photo = client.upload(project, picture(), "image/png")
    sound = client.upload(project, tone(2), "audio/wav")
    data = {"photo": {"blob": photo.blob, "width": WIDTH, "height": HEIGHT}, "sound": {"blob": sound.blob}}
    node.add(project, [{**data, "predictions": [{"answers": SUGGESTED, "model": "seg-1"}]}])
    ann, ben, rita = (
        join(node, f"{n}s", role)
        for n, role in (("Ann", "annotator"), ("Ben", "annotator"), ("Rita", "reviewer"))
    )

    page = page_of(browser, node, ann)
    page.goto(f"/annotate/{project}")
    expect(page.get_by_text("0:00.00 / 0:02.00")).to_be_visible()
    expect(page.get_by_text("Suggestion").first).to_be_visible()
    for _ in QUESTIONS:
        page.get_by_role("button", name="Accept").first.click()
    page.locator(".polygon .stage").focus()
    for key in [".", ">", "ArrowRight"]:
        page.keyboard.press(key)
    page.locator(".mask .stage").focus()
    for key in ["2", " "]:
        page.keyboard.press(key)
    page.locator(".time_span .track").focus()
    for key in [".", "Alt+ArrowRight"]:
        page.keyboard.press(key)
    look(page, "shapes-annotate")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="All done here")).to_be_visible()
    page.locator("[data-status='status.node']").wait_for(state="attached")
    page.context.close()

    given = ben.client.post("/assignments/next", json={"project_id": project, "count": 1}).json()[
        "assignments"
    ][0]
    ben.client.post(
        f"/assignments/{given['id']}/submit", json={"answers": SUGGESTED, "seconds": 9}
    ).raise_for_status()

    desk = page_of(browser, node, rita)
    desk.goto(f"/projects/{project}/review")
    expect(desk.get_by_text("The answers differ")).to_have_count(1)  # one mask more
    nearly = desk.get_by_role("heading").get_by_text(
        "nearly the same"
    )  # moved by a pixel, longer by a moment
    expect(nearly).to_have_count(2)
    for kind in ("polygon", "keypoint", "mask", "time_span"):
        expect(desk.locator(f".{kind}").first).to_be_visible()
    look(desk, "shapes-review")
    desk.keyboard.press("a")
    expect(desk.get_by_text("1 decided")).to_be_visible()
    desk.context.close()

    client.export(project, "jsonl", tmp_path / "jsonl")
    (row,) = map(msgspec.json.decode, (tmp_path / "jsonl" / "tasks.jsonl").read_bytes().splitlines())
    first = next(a["answers"] for a in row["annotations"] if a["answers"] != SUGGESTED)
    assert first["roofs"] == [{"points": [[21, 20], [120, 20], [70, 90.5]], "label": "roof"}]
    assert first["corners"] == SUGGESTED["corners"]
    assert [mask["label"] for mask in first["ground"]] == ["lawn", "path"]
    assert first["words"] == [{"start": 0.1, "end": 0.55, "label": "said", "text": "Grüß Gott"}]
    assert any(a["answers"] == SUGGESTED for a in row["annotations"])
    client.export(project, "parquet", tmp_path / "parquet")
    (columns,) = pq.read_table(tmp_path / "parquet" / "tasks.parquet").to_pylist()
    assert columns["consensus.roofs"] == first["roofs"]
    assert columns["consensus.ground"] == SUGGESTED["ground"], "one of two is no majority"
    client.export(project, "csv", tmp_path / "csv", accept_loss=True)
    (cells,) = csv.DictReader((tmp_path / "csv" / "tasks.csv").open(encoding="utf-8", newline=""))
    (word,) = msgspec.json.decode(cells["consensus.words"])
    assert word == {"start": 0.1, "end": 0.525, "label": "said", "text": "Grüß Gott"}
