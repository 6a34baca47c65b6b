"""What we write for Label Studio: read back by our own importer, checked against the SDK's rules."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exported import question, tasks_of
from hypothesis import given
from hypothesis import strategies as st

from evenhand import formats, peers
from evenhand.core.release import ReleasedAnnotation, ReleasedAnswer, ReleasedTask
from evenhand.formats import WriteOptions, brush
from evenhand.formats.conformance import schema_of

FIELDS = {"text": "text", "sound": "audio", "image": "image", "a": "text", "b": "text", "c": "text"}
TOPICS: list[Any] = [
    {"id": "news", "name": "News & politics", "key": "n", "description": "Of the day"},
    {"id": "sport", "name": "Other"},
    {"id": "rest", "name": "Other"},
]
QUESTIONS = [
    question("mood", "choice", choices=["good & well", "bad"]),
    question("topics", "multi_choice", choices=TOPICS),
    question(
        "ner",
        "span",
        FIELDS,
        field="text",
        labels=[{"id": "PER", "name": "Person"}, "LOC"],
        relations=[{"id": "in", "name": "lives in"}, {"name": "near", "directed": False}, "of"],
    ),
    question("box", "box", FIELDS, field="image", labels=["cat"], rotation=True),
    question("outline", "polygon", FIELDS, field="image", labels=["roof"]),
    question("eye", "keypoint", FIELDS, field="image", labels=["left"]),
    question("area", "mask", FIELDS, field="image", labels=["road"]),
    question("talk", "time_span", FIELDS, field="sound", labels=["speech"]),
    dataclasses.replace(question("age", "number", min=0), title='How "old"?', required=True),
    question("why", "text"),
    question("better", "pairwise", FIELDS, a="a", b="b", scale=2),
    question("rank", "ranking", FIELDS, field_items=["a", "b", "c"]),
]
ANSWERS: dict[str, Any] = {
    "mood": "good & well",
    "topics": ["news", "sport"],
    "ner": [
        {
            "start": 2,
            "end": 5,
            "label": "PER",
            "relations": [{"to": 1, "label": one} for one in ("in", "near")],
        },
        {"start": 15, "end": 19, "label": "LOC", "relations": [{"to": 0, "label": "of"}]},
    ],
    "box": [
        {"x": 10, "y": 20, "width": 30, "height": 40, "label": "cat"},
        {"x": 50, "y": 30, "width": 20, "height": 10, "label": "cat", "rotation": 30},
    ],
    "outline": [{"points": [[0, 0], [123, 0], [50, 77]], "label": "roof"}],
    "eye": [{"x": 61.5, "y": 38.5, "label": "left"}],
    "area": [{"label": "road", "width": 123, "height": 77, "runs": [5, 10, 9456]}],
    "talk": [{"start": 0.5, "end": 2.25, "label": "speech"}],
    "age": 3.5,
    "why": "Because.",
    "better": {"preference": 1},
    "rank": [["c"], ["a"], ["b"]],
}
DATA = {
    "text": "🙂 Ana lives in Köln",
    "image": "https://example.org/1.png",
    "sound": "https://example.org/1.wav",
    "image_width": 123,
    "image_height": 77,
    "a": "A",
    "b": "B",
    "c": "C",
}


OFF = ("rank", "box", "outline", "eye")  # compared for themselves: items have other names, percents round


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    annotation = ReleasedAnnotation(
        annotator="mem-1",
        kind="human",
        answers=raw(ANSWERS),
        seconds=2.5,
        submitted_at="2026-01-02T03:04:05.000Z",
        receipt=None,
    )
    answers = {
        name: ReleasedAnswer(value=raw(value), confidence=0.5, method="single")
        for name, value in ANSWERS.items()
    }
    task = ReleasedTask(
        task_id="prj-1",
        external_id="x",
        data=raw(DATA),
        metadata=raw({"page": 1}),
        consensus=answers,
        annotations=(annotation,),
        predictions=(
            {"answers": {"mood": "bad", "topics": ["rest"]}, "score": 0.75, "model": "first-guess"},
        ),
    )
    other = msgspec.structs.replace(task, data=raw({**DATA, "image": ""}), consensus={}, annotations=())
    schema = schema_of([task, other], QUESTIONS)
    kind = formats.find("label_studio")
    with kind.write(schema, tmp_path, WriteOptions(accept_loss=True)) as writer:
        writer.add(task)
        writer.add(other)
        writer.close()
    return tmp_path


def test_our_own_importer_reads_it_back(exported: Path) -> None:
    options = peers.Options(config=exported / "config.xml")
    read = peers.find("label_studio").read([exported / "tasks.json"], options)
    first, second = read.items()
    assert isinstance(first, peers.Item) and isinstance(second, peers.Item)
    (given,) = first.annotations
    kept = dict(given.answers)
    assert [q["type"] for q in read.draft["questions"]] == [
        "choice",
        "multi_choice",
        "span",
        "box",
        "polygon",
        "keypoint",
        "mask",
        "time_span",
        "number",
        "text",
        "pairwise",
        "ranking",
    ]
    assert kept.pop("rank") == [["rank_items_3"], ["rank_items_1"], ["rank_items_2"]]
    (outline,), (eye,) = kept.pop("outline"), kept.pop("eye")
    points = [value for point in outline["points"] for value in point]
    assert points == pytest.approx([0, 0, 123, 0, 50, 77])
    assert (eye["x"], eye["y"]) == pytest.approx((61.5, 38.5))
    boxes = [{k: round(v, 6) if k != "label" else v for k, v in box.items()} for box in kept.pop("box")]
    assert boxes == ANSWERS["box"]
    assert kept == {name: value for name, value in ANSWERS.items() if name not in OFF}
    assert (given.seconds, given.submitted_at) == (2.5, "2026-01-02T03:04:05.000Z")
    assert first.record["metadata"] == {"page": 1, "external_id": "x", "task_id": "prj-1"}
    assert first.record["predictions"][0]["score"] == 0.5
    guess = first.record["predictions"][1]
    assert (guess["score"], guess["model"]) == (0.75, "first-guess")
    assert (guess["answers"]["mood"], guess["answers"]["topics"]) == ("bad", ["rest"])
    asked = {q["id"]: (q["title"], q["required"]) for q in read.draft["questions"]}
    assert (asked["age"], asked["why"]) == (('How "old"?', True), ("why", False))
    topics, ner = (q["config"] for q in read.draft["questions"][1:3])
    assert topics["choices"] == [TOPICS[0], {"id": "sport", "name": "sport"}, {"id": "rest", "name": "rest"}]
    assert ner["labels"] == [{"id": "PER", "name": "Person"}, {"id": "LOC", "name": "LOC"}]
    assert ner["relations"] == [
        {"name": "in", "directed": True},
        {"name": "near", "directed": False},
        {"name": "of", "directed": True},
    ]
    assert second.annotations == ()


def test_stretches_of_a_video_are_frames_there_and_back(tmp_path: Path) -> None:
    """Counted from 1, both ends included, at the rate that the data name for each task."""
    asked = question("talk", "time_span", {"film": "video"}, field="film", labels=["a", "b"])
    spans = [{"start": 0, "end": 0.52, "label": "a"}, {"start": 0.52, "end": 2, "label": "b"}]
    rows: Any = [
        ({"film": {"blob": "0" * 64, "type": "video/mp4", "fps": 50}}, {"talk": spans}),
        ({"film": "https://example.org/1.mp4"}, {"talk": [{"start": 1, "end": 1.001, "label": "a"}]}),
    ]
    released = tasks_of(rows)
    schema = dataclasses.replace(schema_of(released, [asked]), shows={"film": "video"})
    kind = formats.find("label_studio")
    assert any("frames" in lost.reason for lost in kind.loss(schema))
    with kind.write(schema, tmp_path, WriteOptions(accept_loss=True)) as writer:
        for task in released:
            writer.add(task)
        writer.close()
    first, second = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    ranges = [one["value"]["ranges"] for one in first["predictions"][0]["result"]]
    assert ranges == [[{"start": 1, "end": 26}], [{"start": 27, "end": 100}]]
    assert (first["data"]["film_fps"], second["data"]["film_fps"]) == (50, 25)
    config = (tmp_path / "config.xml").read_text(encoding="utf-8")
    assert '<Video name="show_film" value="$film" frameRate="$film_fps"/>' in config
    options = peers.Options(config=tmp_path / "config.xml")
    read = peers.find("label_studio").read([tmp_path / "tasks.json"], options)
    assert {field["name"]: field["type"] for field in read.draft["fields"]} == {"film": "video"}
    one, two = (item.record["predictions"][0]["answers"]["talk"] for item in read.items())
    assert (one, two) == (spans, [{"start": 1, "end": 1.04, "label": "a"}])


def test_offsets_are_utf16_and_geometry_is_percent(exported: Path) -> None:
    tasks = json.loads((exported / "tasks.json").read_text(encoding="utf-8"))
    result = tasks[0]["annotations"][0]["result"]
    ids = [one["id"] for one in result if one["type"] != "relation"]
    assert len(set(ids)) == len(ids)
    ana = next(one for one in result if one["type"] == "labels")
    assert ana["value"] == {"start": 3, "end": 6, "text": "Ana", "labels": ["PER"]}
    places = {
        one["id"]: one["value"]["text"]
        for one in result
        if one["type"] == "labels" and "text" in one["value"]
    }
    assert [
        (places[one["from_id"]], places[one["to_id"]], one["direction"], one["labels"])
        for one in result
        if one["type"] == "relation"
    ] == [("Ana", "Köln", "right", ["in"]), ("Ana", "Köln", "bi", ["near"]), ("Köln", "Ana", "right", ["of"])]
    box = next(one for one in result if one["type"] == "rectanglelabels")
    assert (box["original_width"], box["value"]["width"]) == (123, pytest.approx(30 / 123 * 100))
    ranker = next(one for one in result if one["type"] == "ranker")
    assert ranker["value"] == {"ranker": {"rank": ["c", "a", "b"]}}


SDK = [  # what label_studio_sdk.converter.brush.mask2rle, version 2.1.2, makes of masks of 0 and 255
    ([0, 4], [0, 0, 0, 16, 57, 27, 253, 255, 240]),
    ([1, 2, 2, 1], [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]),
]


@pytest.mark.parametrize(("runs", "rle"), SDK)
def test_brushes_are_those_of_the_sdk(runs: list[int], rle: list[int]) -> None:
    assert (brush.encode(runs), list(brush.decode(rle))) == (rle, runs)


@given(st.lists(st.integers(1, 70_000), min_size=1, max_size=8), st.booleans())
def test_brushes_come_back(runs: list[int], first_on: bool) -> None:
    wanted = [0, *runs] if first_on else runs
    assert list(brush.decode(brush.encode(wanted))) == wanted


def test_a_brush_that_ends_too_early_is_refused() -> None:
    whole = brush.encode([3, 5])
    with pytest.raises(ValueError, match="too early"):
        brush.decode(whole[:-2])
    with pytest.raises(ValueError, match="no image"):
        brush.decode([0, 0, 0, 3, 0, 0, 0])
