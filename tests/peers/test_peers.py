"""Argilla, doccano, CVAT, Ground Truth and Scale: what comes, once, and what is said of the rest."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand import peers
from evenhand.core.errors import Invalid

Source = tuple[str, list[Path], dict[str, Any]]  # peer, files, options


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


# -- fixtures, as each tool writes them -----------------------------------------------------------------


def doccano(folder: Path) -> Source:
    ana = lines(
        folder / "ana.jsonl",
        {
            "id": 1,
            "text": "Ana in 🙂 Köln",
            "label": [[0, 3, "PER"], [9, 13, "LOC"]],
            "page": 7,
            "Comments": [],
        },
        {"id": 2, "text": "Nothing.", "label": []},
        {
            "id": 3,
            "text": "Ben in Bonn",
            "entities": [
                {"id": 6, "start_offset": 7, "end_offset": 11, "label": "LOC"},
                {"id": 5, "start_offset": 0, "end_offset": 3, "label": "PER"},
            ],
            "relations": [
                {"id": 0, "from_id": 5, "to_id": 5, "type": "is"},
                {"id": 1, "from_id": 5, "to_id": 6, "type": "lives in"},
            ],
        },
    )
    row = {"id": 1, "text": "Ana in 🙂 Köln", "label": [[0, 3, "PER"]], "page": 7}
    return "doccano", [ana, lines(folder / "ben.jsonl", row)], {}


ORDER = [{"value": item, "rank": rank} for item, rank in (("r2", 1), ("r1", 2), ("r3", 2))]


def argilla(folder: Path) -> Source:
    options = [{"value": "a", "text": "Good"}, {"value": "b", "text": "Bad"}]
    kinds = {
        "mood": {"type": "label_selection", "options": options},
        "topics": {"type": "multi_label_selection", "options": options},
        "stars": {"type": "rating", "options": [{"value": n} for n in range(1, 6)]},
        "order": {"type": "ranking", "options": [{"value": "r1"}, {"value": "r2"}, {"value": "r3"}]},
        "ner": {"type": "span", "field": "prompt", "options": options, "allow_overlapping": True},
        "why": {"type": "text"},
        "odd": {"type": "table"},
    }
    settings = {
        "guidelines": "Be kind.",
        "distribution": {"strategy": "overlap", "min_submitted": 2},
        "fields": [
            {"name": "prompt", "settings": {"type": "text", "use_markdown": True}},
            {"name": "talk", "settings": {"type": "chat"}},
        ],
        "questions": [
            {"name": name, "title": name.title(), "required": name == "mood", "settings": about}
            for name, about in kinds.items()
        ],
        "vectors": [{"name": "v", "dimensions": 2}],
    }
    record = {
        "id": "x-1",
        "fields": {"prompt": "Hello Ana", "talk": [{"role": "user", "content": "Hi"}]},
        "metadata": {"split": "train"},
        "vectors": {"v": [0.1, 0.2]},
        "suggestions": {"mood": {"value": "a", "score": 0.9, "agent": "tiny"}},
        "responses": {
            "mood": [{"value": "a", "user_id": "u-1"}, {"value": "b", "user_id": "u-2"}],
            "topics": [{"value": ["a", "b"], "user_id": "u-1"}],
            "stars": [{"value": 4, "user_id": "u-1"}],
            "order": [{"value": ORDER, "user_id": "u-1"}],
            "ner": [{"value": [{"start": 6, "end": 9, "label": "a"}], "user_id": "u-1"}],
            "why": [{"value": "Because.", "user_id": "u-1"}],
        },
    }  # fmt: skip
    (folder / ".argilla").mkdir()
    (folder / ".argilla" / "settings.json").write_text(json.dumps(settings))
    (folder / "records.json").write_text(json.dumps([record, {"id": "x-2", "fields": {"prompt": "p"}}]))
    return "argilla", [folder], {}


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><task><name>Streets</name><updated>2026-01-02 03:04:05.678901+00:00</updated>
<assignee><username>ana</username></assignee></task></meta>
<image id="0" name="a/1.jpg" width="4" height="3">
<tag label="day"/><tag label="rain"/>
<box label="car" xtl="-0.2" ytl="0.5" xbr="2.5" ybr="2" occluded="1">
<attribute name="colour">red</attribute></box>
<box label="car" xtl="1" ytl="1" xbr="3" ybr="2" rotation="90"/>
<polygon label="roof" points="0,0;4,0;4,3"/>
<points label="eye" points="1,1;2,2"/>
<mask label="road" rle="1, 2, 1" left="1" top="1" width="2" height="2"/>
<polyline label="lane" points="0,0;1,1"/>
</image>
<image id="1" name="b.jpg" width="4" height="3"/>
</annotations>
"""


def cvat(folder: Path) -> Source:
    path = folder / "annotations.xml"
    path.write_text(CVAT)
    return "cvat", [path], {}


def ground_truth(folder: Path) -> Source:
    common = {"creation-date": "2026-01-02T03:04:05.678901", "human-annotated": "yes", "confidence": 0.9}
    boxes = {
        "annotations": [{"class_id": 1, "left": 1, "top": 2, "width": 3, "height": 4}],
        "image_size": [{"width": 10, "height": 20, "depth": 3}],
    }
    about = {
        "type": "groundtruth/object-detection",
        "class-map": {"0": "cat", "1": "dog"},
        "job-name": "j/boxes",
    }
    many = {"type": "groundtruth/image-classification-multilabel", "class-map": {"0": "sun", "1": "rain"}}
    first = {
        "source-ref": "s3://bucket/1.jpg",
        "shape": boxes,
        "shape-metadata": about | common,
        "kind": 0,
        "kind-metadata": {
            "type": "groundtruth/image-classification",
            "class-name": "cat",
            "job-name": "j/boxes",
        }
        | common,
        "sky": [1],
        "sky-metadata": many | common | {"human-annotated": "no", "job-name": "auto"},
        "seg-ref": "s3://bucket/1.png",
        "seg-ref-metadata": {"type": "groundtruth/semantic-segmentation"} | common,
    }
    failed = {
        "source-ref": "s3://bucket/2.jpg",
        "shape": {},
        "shape-metadata": about | {"failure-reason": "late"},
    }
    return "ground-truth", [lines(folder / "output.manifest", first, failed)], {}


RING = [{"x": 0, "y": 0}, {"x": 4, "y": 0}, {"x": 4, "y": 3}]


def scale(folder: Path) -> Source:
    picture = {
        "task_id": "t1",
        "type": "imageannotation",
        "status": "completed",
        "completed_at": "2026-01-02T03:04:05.678Z",
        "instruction": "Draw.",
        "unique_id": "u1",
        "metadata": {"page": 1},
        "params": {
            "attachment": "https://e.org/1.jpg",
            "geometries": {"box": {"objects_to_annotate": ["car"]}},
        },
        "response": {
            "annotations": [
                {
                    "type": "box",
                    "label": "car",
                    "left": 1,
                    "top": 2,
                    "width": 3,
                    "height": 4,
                    "attributes": {"c": 1},
                },
                {
                    "type": "polygon",
                    "label": "roof",
                    "vertices": [{"x": 0, "y": 0}, {"x": 4, "y": 0}, {"x": 4, "y": 3}],
                },
                {"type": "line", "label": "lane", "vertices": []},
            ]
        },
    }
    collection = {
        "task_id": "t2",
        "type": "textcollection",
        "status": "completed",
        "completed_at": "2026-01-02T03:04:05Z",
        "params": {
            "attachments": [{"type": "text", "content": "Hello"}],
            "fields": [
                {"type": "category", "field_id": "fine", "title": "Fine?",
                 "choices": [{"label": "Yes", "value": True}, {"label": "No", "value": False}]},
                {"type": "text", "field_id": "why", "title": "Why?"},
            ],
        },
        "response": {
            "annotations": {
                "fine": {"type": "category", "field_id": "fine", "response": [[True]]},
                "why": "So.",
            }
        },
    }  # fmt: skip
    waiting = {
        "task_id": "t3",
        "type": "imageannotation",
        "status": "pending",
        "params": {"attachment": "a.jpg"},
    }
    strange = {"task_id": "t4", "type": "lidarannotation", "status": "pending", "params": {}}
    path = folder / "tasks.json"
    path.write_text(json.dumps([picture, collection, waiting, strange]))
    return "scale", [path], {}


SOURCES = [doccano, argilla, cvat, ground_truth, scale]
WANTED: dict[str, list[list[dict[str, Any]]]] = {  # tasks, of each its annotations' answers
    "doccano": [
        [
            {"spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 9, "end": 13, "label": "LOC"}]},
            {"spans": [{"start": 0, "end": 3, "label": "PER"}]},
        ],
        [],
        [
            {
                "spans": [
                    {"start": 0, "end": 3, "label": "PER", "relations": [{"to": 1, "label": "lives in"}]},
                    {"start": 7, "end": 11, "label": "LOC"},
                ]
            }
        ],
    ],
    "argilla": [
        [
            {
                "mood": "a",
                "topics": ["a", "b"],
                "stars": 4,
                "order": [["r2"], ["r1", "r3"]],
                "ner": [{"start": 6, "end": 9, "label": "a"}],
                "why": "Because.",
            },
            {"mood": "b"},
        ],
        [],
    ],
    "cvat": [
        [
            {
                "tags": ["day", "rain"],
                "boxes": [
                    {"x": 0, "y": 0.5, "width": 2.5, "height": 1.5, "label": "car"},
                    {"x": 1, "y": 1, "width": 2, "height": 1, "label": "car", "rotation": 90},
                ],
                "polygons": [{"points": [[0, 0], [4, 0], [4, 3]], "label": "roof"}],
                "points": [{"x": 1, "y": 1, "label": "eye"}, {"x": 2, "y": 2, "label": "eye"}],
                "masks": [{"label": "road", "width": 4, "height": 3, "runs": [6, 1, 2, 1, 2]}],
            }
        ],
        [],
    ],
    "ground-truth": [
        [
            {"shape": [{"x": 1, "y": 2, "width": 3, "height": 4, "label": "dog"}], "kind": "cat"},
            {"sky": ["rain"]},
        ],
        [],
    ],
    "scale": [
        [
            {
                "boxes": [{"x": 1, "y": 2, "width": 3, "height": 4, "label": "car"}],
                "polygons": [{"points": [[0, 0], [4, 0], [4, 3]], "label": "roof"}],
            }
        ],
        [{"fine": "true", "why": "So."}],
        [],
    ],
}
LOST = {
    "doccano": {"relations", "annotations"},
    "argilla": {"question odd", "vectors", "records[].vectors", "responses"},
    "cvat": {"attribute", "occluded", "polyline", "image without shapes", "annotations"},
    "ground-truth": {
        "seg-ref (groundtruth/semantic-segmentation)", "shape", "kind", "sky", "shape-metadata.confidence",
        "kind-metadata.confidence", "sky-metadata.confidence", "seg-ref-metadata.failure-reason",
        "shape-metadata.failure-reason",
    },
    "scale": {
        "tasks of the type lidarannotation", "response.annotations of the type line",
        "response.annotations[].attributes", "response",
    },
}  # fmt: skip


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_a_project_comes_with_answers_once(make: Callable[[Path], Source], tmp_path, bring, released) -> None:
    name, files, options = make(tmp_path)
    moved = bring(name, *files, name=f"From {name}", **options)
    tasks = released(moved.project_id)
    assert [[json.loads(bytes(a.answers)) for a in t.annotations] for t in tasks] == WANTED[name], (
        moved.rejected
    )
    assert {one.where for one in moved.lost} == LOST[name]
    assert all(one.reason.endswith(".") and one.count >= 0 for one in moved.lost)
    again = bring(name, *files, name=f"From {name}", **options)
    assert (again.project_id, again.tasks, again.annotations) == (moved.project_id, 0, 0)
    assert again.annotations_present == moved.annotations
    assert [r[0] for r in moved.rejected] == ([4] if name == "scale" else [])


def test_what_the_tools_know_of_people_times_and_sizes_is_kept(tmp_path, bring, released, client) -> None:
    for make in SOURCES:
        (tmp_path / make.__name__).mkdir()
    moved = bring(*(lambda n, f, o: (n, *f))(*cvat(tmp_path / "cvat")))
    (first, _) = released(moved.project_id)
    assert first.annotations[0].submitted_at == "2026-01-02T03:04:05.679Z"
    assert json.loads(bytes(first.data)) == {"image": "a/1.jpg", "image_width": 4, "image_height": 3}
    assert client.project(moved.project_id).document.name == "Streets"
    moved = bring(*(lambda n, f, o: (n, *f))(*ground_truth(tmp_path / "ground_truth")))
    (first, _) = released(moved.project_id)
    assert [a.kind for a in first.annotations] == ["human", "model"]
    assert json.loads(bytes(first.data))["source-ref_width"] == 10
    moved = bring(*(lambda n, f, o: (n, *f))(*argilla(tmp_path / "argilla")), name="Argilla again")
    document = client.project(moved.project_id).document
    assert (document.instructions, document.overlap, document.fields[0].type) == ("Be kind.", 2, "markdown")
    (first, _) = released(moved.project_id)
    suggested = [{"answers": {"mood": "a"}, "score": 0.9, "model": "tiny"}]
    assert client.task(first.task_id).predictions == suggested
    assert {"ana", "Scale", "Argilla u-1"} <= {member.name for member in client.members()}


def test_choices_and_written_texts_of_doccano_are_told_apart(tmp_path: Path) -> None:
    doccano = peers.find("doccano")
    picked = lines(
        tmp_path / "all.jsonl", *({"text": f"t{n}", "label": ["a", "b"][: 1 + n % 2]} for n in range(9))
    )
    assert doccano.read([picked], peers.Options()).draft["questions"][0]["type"] == "multi_choice"
    written = lines(
        tmp_path / "written.jsonl", *({"text": f"t{n}", "label": [f"answer {n}"]} for n in range(30))
    )
    assert doccano.read([written], peers.Options()).draft["questions"][0]["type"] == "text"
    config = tmp_path / "label_config.json"
    config.write_text('[{"text": "a"}, {"text": "c"}]')
    made = doccano.read([picked], peers.Options(config=config)).draft["questions"][0]
    assert made["config"]["choices"] == ["a", "c", "b"]


def test_images_and_sounds_of_doccano_come_with_boxes_and_labels(tmp_path, bring, released) -> None:
    box = {"x": 11, "y": 12, "width": 64, "height": 66, "label": "cat"}
    row = {"id": 1, "filename": "cat.png", "label": ["pet"], "bbox": [{"id": 5, **box}]}
    moved = bring("doccano", lines(tmp_path / "all.jsonl", row, {"id": 2, "filename": "no.png"}))
    first, second = released(moved.project_id)
    assert json.loads(bytes(first.data)) == {"image": "cat.png"} and not second.annotations
    assert json.loads(bytes(first.annotations[0].answers)) == {"boxes": [box], "label": "pet"}
    sound = lines(tmp_path / "ana.jsonl", {"filename": "a.mp3", "label": ["loud"]})
    assert peers.find("doccano").read([sound], peers.Options()).draft["fields"][0]["type"] == "audio"


INTENT = {"id": 16, "text": "fly to Köln", "cats": ["fly"], "entities": [[7, 11, "city"]], "Comments": []}
OUTLINE = {"uuid": "f", "points": [0, 0, 4, 0, 4, 3], "label": "cat"}
DOCCANO = [  # rows as doccano 1.8 wrote them, and what they say
    (INTENT, {"label": "fly", "spans": [{"start": 7, "end": 11, "label": "city"}]}),
    (
        {"id": 18, "filename": "cat.png", "segmentation": [OUTLINE], "Comments": []},
        {"polygons": [{"points": [[0, 0], [4, 0], [4, 3]], "label": "cat"}]},
    ),
]


@pytest.mark.parametrize("as_list", [False, True], ids=["jsonl", "json"])
def test_intents_and_outlines_of_doccano_come_out_of_both_of_its_files(as_list, tmp_path, bring, released):
    for row, answers in DOCCANO:
        path = lines(tmp_path / f"all{row['id']}.json", json.dumps([row]) if as_list else row)
        moved = bring("doccano", path, name=f"Doccano {row['id']} {as_list}")
        (task,) = released(moved.project_id)
        assert json.loads(bytes(task.annotations[0].answers)) == answers


NER = {"task_id": "1", "type": "namedentityrecognition", "params": {"labels": ["A"], "text": "x"}}
CLASS = {"source": "a", "j": 0, "j-metadata": {"type": "groundtruth/text-classification", "class-name": "x"}}
BROKEN: list[tuple[str, str, list[Any], list[int]]] = [
    ("doccano", "all.jsonl", [{"text": "a", "label": [[0, 1, "X"]]}, '{"text": ', {"label": []}], [2, 3]),
    ("scale", "t.jsonl", [NER, "7"], [2]),
    ("ground-truth", "o.manifest", [CLASS, "[]"], [2]),
]


@pytest.mark.parametrize(("name", "file", "content", "where"), BROKEN, ids=[b[0] for b in BROKEN])
def test_a_broken_line_is_told_with_its_number(name, file, content, where, tmp_path, bring) -> None:
    path = tmp_path / file
    lines(path, *content)
    moved = bring(name, path, name=f"Broken {name}")
    assert ([line for line, _, _ in moved.rejected], moved.tasks) == (where, 1)
    assert all(reason.endswith(".") for _, _, reason in moved.rejected)


@pytest.mark.parametrize(
    ("name", "file", "content", "where"),
    [
        ("cvat", "a.xml", "<annotations>\n<image", "line 2"),
        ("cvat", "a.xml", "<other/>", "a.xml"),
        ("cvat", "a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "a.xml"),
        ("argilla", "records.json", "[]", "settings.json"),
        ("scale", "tasks.json", '[{"task_id": 1},\n]', "line 2"),
        ("doccano", "a.jsonl", "", ""),
    ],
)
def test_a_source_that_cannot_be_read_says_where(name, file, content, where, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text(content)
    with pytest.raises(Invalid) as caught:
        peers.find(name).read([path], peers.Options())
    assert where in caught.value.where


ARGILLA = {"fields": [{"name": "t"}], "questions": [{"name": "q", "settings": {"type": "text"}}]}
SHAPE = '<image name="%s" width="4" height="3"><box label="car" xtl="%s" ytl="0" xbr="2" ybr="2"/></image>'


def test_one_broken_record_or_image_is_told_and_the_others_come(tmp_path, bring) -> None:
    (tmp_path / ".argilla").mkdir()
    (tmp_path / ".argilla" / "settings.json").write_text(json.dumps(ARGILLA))
    said = {"q": [{"value": "yes", "user_id": "u"}]}
    records = [{"id": "1", "fields": {"t": "a"}, "responses": said}, {"id": "2"}, 7]
    (tmp_path / "records.json").write_text(json.dumps(records))
    images = tmp_path / "annotations.xml"
    images.write_text(f"<annotations>{SHAPE % ('a.jpg', 0)}{SHAPE % ('b.jpg', 'left')}<image/></annotations>")
    for name, path in (("argilla", tmp_path), ("cvat", images)):
        moved = bring(name, path, name=f"Broken {name}")
        assert (moved.tasks, moved.annotations) == (1, 1)
        assert [line for line, _, _ in moved.rejected] == [2, 3]
        assert all(reason.endswith(".") for _, _, reason in moved.rejected), moved.rejected


def test_an_unknown_tool_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as caught:
        peers.find("excel")
    assert "label-studio" in caught.value.remedy


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_whatever_is_in_the_files_it_is_refused_in_words(make: Callable[[Path], Source], tmp_path) -> None:
    """Pieces exchanged, doubled and cut: a project, faults, or a sentence, and never another error."""
    name, files, options = make(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    pieces = [b"{}", b"[]", b"null", b"-1", b'"', b"[" * 3000, b"\xff", b"uf-8", b"<a>", b"1e999", b""]
    dice, refused = random.Random(name), 0
    for _ in range(80):
        path = dice.choice(sorted(whole))
        at = dice.randrange(len(whole[path]))
        piece = dice.choice([*pieces, whole[path][at : at + 20] * 2])
        path.write_bytes(whole[path][:at] + piece + whole[path][at + dice.choice((0, 1, 5, 30)) :])
        try:
            list(peers.read(peers.find(name), files, peers.Options(**options)).items())
        except Invalid as error:
            assert error.reason and error.rule.startswith("peer.")
            refused += 1
        path.write_bytes(whole[path])
    assert refused > 0 or name == "doccano"
