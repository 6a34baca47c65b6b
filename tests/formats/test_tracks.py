"""Tracks for other tools, and back: CVAT and Label Studio as our importers read them, MOT line by line."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from exported import Rows, export, question

from evenhand import peers

FILM = {"blob": "0" * 64, "type": "video/mp4", "width": 640, "height": 320, "fps": 50}
MOVES: dict[str, Any] = {
    "keyframes": [
        {"time": 0, "x": 0.1, "y": 0.2, "width": 0.25, "height": 0.5},
        {"time": 0.08, "x": 0.3, "y": 0.2, "width": 0.25, "height": 0.5},
        {"time": 0.12, "x": 0.3, "y": 0.2, "width": 0.25, "height": 0.5, "outside": True},
    ],
    "label": "car",
}
STANDS: dict[str, Any] = {
    "keyframes": [{"time": 0.04, "x": 0.5, "y": 0.5, "width": 0.125, "height": 0.25}],
    "label": "person <1>",
}
ROWS: Rows = [
    ({"film": FILM}, {"what": [MOVES, STANDS]}),
    ({"film": "https://example.org/a.mp4"}, {"what": [STANDS]}),
]


def exported(format: str, folder: Path) -> Path:
    asked = question("what", "track", {"film": "video"}, field="film", labels=["car", "person <1>"])
    export(format, [asked], ROWS, folder)
    return folder


def unpacked(folder: Path, name: str) -> Path:
    with tarfile.open(folder / f"{name}.tar") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_mot_has_each_box_in_each_frame(tmp_path: Path) -> None:
    folder = unpacked(exported("mot", tmp_path), "mot")
    (name,) = [path.parent for path in folder.rglob("seqinfo.ini")]
    lines = (name / "gt" / "gt.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "1,1,65.00,65.00,160.00,160.00,1,1,1"
    assert lines[2] == "3,1,129.00,65.00,160.00,160.00,1,1,1", "half of the way"
    frames = [tuple(map(int, line.split(",")[:2])) for line in lines]
    assert frames == [(1, 1), (2, 1), (3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (5, 2), (6, 1), (6, 2), (7, 2)]
    assert (name / "gt" / "labels.txt").read_text(encoding="utf-8") == "car\nperson <1>\n"
    about = (name / "seqinfo.ini").read_text(encoding="utf-8")
    assert "frameRate=50\nseqLength=7\nimWidth=640\nimHeight=320\n" in about


def test_cvat_reads_it_and_so_do_we(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked(exported("cvat_video", tmp_path), "cvat_video")
    (file,) = folder.glob("*.xml")
    assert '<track id="1" label="person &lt;1&gt;" source="manual">' in file.read_text(encoding="utf-8")
    read = peers.find("cvat").read([file], peers.Options())
    assert [(f["name"], f["type"]) for f in read.draft["fields"]] == [("video", "video")]
    assert "frames" in {one.where for one in read.lost}
    (item,) = read.items()
    assert (item.record["video"], item.record["video_width"], item.record["video_fps"]) == (
        "0" * 64 + ".mp4",
        640,
        25,
    )
    (given,) = item.annotations
    doubled = [  # CVAT's file does not tell the rate: 25 are taken for what were 50 a second
        {**one, "keyframes": [{**frame, "time": 2 * frame["time"]} for frame in one["keyframes"]]}
        for one in (MOVES, STANDS)
    ]
    assert given.answers["tracks"] == [
        {**one, "keyframes": [pytest.approx(frame) for frame in one["keyframes"]]} for one in doubled
    ]


def test_label_studio_reads_it_and_so_do_we(tmp_path: Path) -> None:
    folder = exported("label_studio", tmp_path)
    first, second = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    moves = first["predictions"][0]["result"][0]
    assert (moves["type"], moves["value"]["labels"]) == ("videorectangle", ["car"])
    frames = [(one["frame"], one["enabled"]) for one in moves["value"]["sequence"]]
    assert frames == [(1, True), (5, True), (6, False)], "the last frame in which it is there"
    assert (first["data"]["film_fps"], second["data"]["film_fps"]) == (50, 25)
    options = peers.Options(config=folder / "config.xml")
    read = peers.find("label_studio").read([folder / "tasks.json"], options)
    (asked,) = read.draft["questions"]
    assert (asked["type"], [one["name"] for one in asked["config"]["labels"]]) == (
        "track",
        ["car", "person <1>"],
    )
    assert read.lost == ()
    one, two = (item.record["predictions"][0]["answers"]["what"] for item in read.items())
    moved = one[0]["keyframes"]
    times = [round(frame["time"], 3) for frame in moved]
    assert times == [0, 0.08, 0.1, 0.12] and moved[-1]["outside"]
    assert [round(frame["x"], 5) for frame in moved] == [0.1, 0.3, 0.3, 0.3]
    assert one[1]["label"] == "person <1>" and two[0]["keyframes"][0]["time"] == 0.04


def test_labels_inside_the_rectangle_and_what_is_turned(tmp_path: Path) -> None:
    config, file = tmp_path / "config.xml", tmp_path / "export.json"
    config.write_text(
        '<View><Video name="v" value="$v" frameRate="10"/>'
        '<VideoRectangle name="r" toName="v"><Label value="a"/></VideoRectangle></View>'
    )
    place = {"x": -5, "y": 10, "width": 20, "height": 20, "rotation": 3, "enabled": True}
    value = {"sequence": [{"frame": 11, **place}], "labels": ["a"], "framesCount": 20}
    result = [{"id": "x", "from_name": "r", "to_name": "v", "type": "videorectangle", "value": value}]
    annotation = {"completed_by": 1, "result": result, "created_at": "2026-01-02T03:04:05Z"}
    file.write_text(json.dumps([{"id": 1, "data": {"v": "a.mp4"}, "annotations": [annotation]}]))
    read = peers.find("label_studio").read([file], peers.Options(config=config))
    assert [one.where for one in read.lost] == ["result[].value.sequence[].rotation"]
    (item,) = read.items()
    (track,) = item.annotations[0].answers["r"]
    (frame,) = track["keyframes"]
    assert frame == {
        key: pytest.approx(v)
        for key, v in {"time": 1, "x": 0, "y": 0.1, "width": 0.15, "height": 0.2}.items()
    }
