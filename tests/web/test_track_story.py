"""A thing followed through a video: suggested, corrected, answered twice, reviewed side by side, exported."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, expect

from evenhand.sdk import Client

from ..films import film
from .conftest import KEY, Node
from .test_review_pages import join, look, page_of

SLOW = 30_000  # ms: a machine that does much else besides
QUESTION = {"name": "boxes", "type": "track", "field": "clip", "labels": ["box", "number"]}


def moving(end: float, x: float = 0.05) -> dict[str, Any]:
    place = {"width": 0.2, "height": 0.25}
    start, stop = {"time": 0, "x": x, "y": 0.2, **place}, {"time": end, "x": x + 0.65, "y": 0.5, **place}
    return {"keyframes": [start, stop], "label": "box"}


def test_a_track_from_suggestion_to_export(browser: Browser, node: Node, tmp_path: Path) -> None:
    client = Client(node.url, KEY)
    maker = browser.new_page()
    maker.goto(f"{node.url}/annotate")
    content = film(maker, seconds=3)
    maker.context.close()
    fields = [{"name": "clip", "type": "video"}]
    project = node.project("Follow", [QUESTION], [], fields=fields, overlap=2, review={"which": "all"})
    clip = msgspec.to_builtins(client.upload(project, content, "video/webm"))
    node.add(project, [{"clip": clip, "predictions": [{"answers": {"boxes": [moving(2.96)]}, "model": "m"}]}])
    ann, ben, rita = (
        join(node, f"{n}s", role)
        for n, role in (("Ann", "annotator"), ("Ben", "annotator"), ("Rita", "reviewer"))
    )

    page = page_of(browser, node, ann)
    page.goto(f"/annotate/{project}")
    expect(page.get_by_text("0:00.00 / 0:03.00")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Accept").first.click()
    page.locator(".track_boxes .stage").focus()
    for key in [".", "Shift+ArrowRight", "Alt+ArrowDown", "Shift+ArrowRight", "o"]:
        page.keyboard.press(key)
    page.get_by_role("button", name="There again").wait_for()
    look(page, "track-annotate")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="All done here")).to_be_visible(timeout=SLOW)
    page.locator("[data-status='status.node']").wait_for(state="attached")
    page.context.close()

    work = ben.client.post("/assignments/next", json={"project_id": project, "count": 1}).json()
    given = work["assignments"][0]["id"]
    answer = {"answers": {"boxes": [moving(2.96, 0.07)]}, "seconds": 9}
    ben.client.post(f"/assignments/{given}/submit", json=answer).raise_for_status()
    beyond = {"answers": {"boxes": [moving(2.96, 0.3)]}, "seconds": 9, "revision": 1}
    refused = ben.client.post(f"/assignments/{given}/submit", json=beyond)
    assert refused.status_code == 400 and "keyframes[1].width" in refused.text

    desk = page_of(browser, node, rita)
    desk.goto(f"/projects/{project}/review")
    expect(desk.locator(".track_boxes .stage g")).not_to_have_count(0, timeout=SLOW)
    look(desk, "track-review")
    desk.keyboard.press("a")
    expect(desk.get_by_text("1 decided")).to_be_visible(timeout=SLOW)
    desk.context.close()

    client.export(project, "jsonl", tmp_path / "jsonl")
    (row,) = map(msgspec.json.decode, (tmp_path / "jsonl" / "tasks.jsonl").read_bytes().splitlines())
    anns = next(
        a["answers"]["boxes"][0] for a in row["annotations"] if len(a["answers"]["boxes"][0]["keyframes"]) > 2
    )
    assert [(k["time"], k.get("outside", False)) for k in anns["keyframes"]] == [
        (0, False),
        (1, False),
        (2, True),
        (2.96, False),
    ]
    (both,) = row["consensus"]["boxes"]["value"]
    assert both["keyframes"][0]["x"] == 0.06, "half way between the two"
    client.export(project, "parquet", tmp_path / "parquet")
    client.export(project, "mot", tmp_path / "mot", accept_loss=True)
    with tarfile.open(tmp_path / "mot" / "mot.tar") as archive:
        truth = archive.extractfile(next(name for name in archive.getnames() if name.endswith("gt.txt")))
        assert truth is not None
        first, *_ = truth.read().decode().splitlines()
    assert first == "1,1,20.20,37.00,64.00,45.00,1,1,1"
