"""Hugging Face's `datasets` loads our folders with types, and TRL's files as TRL's pages describe them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from exported import Rows, export, question

os.environ["HF_HUB_OFFLINE"] = "1"  # before the library is loaded: it looks nothing up

FIELDS = {"text": "text"}
QUESTIONS = [
    question("mood", "choice", choices=["good", "bad"]),
    question("topics", "multi_choice", choices=["news", "sport"]),
    question("age", "number"),
    question("ner", "span", FIELDS, field="text", labels=["PER", "LOC"], relations=["of", "in"]),
]
ROWS: Rows = [
    (
        {"text": "Ana in Köln 🙂", "n": 1, "tags": ["a"], "mixed": 1, "place": {"lat": 1.5}},
        {
            "mood": "bad",
            "topics": ["sport"],
            "age": 3,
            "ner": [
                {"start": 0, "end": 3, "label": "PER", "relations": [{"to": 1, "label": "in"}]},
                {"start": 7, "end": 11, "label": "LOC"},
            ],
        },
    ),
    ({"text": "b", "n": 2, "tags": [], "mixed": "x", "place": {"lat": 2.0}}, {}),
    (
        {"text": "c", "n": 3, "tags": ["b", "c"], "mixed": None, "place": {"lat": 3.0}},
        {"mood": "good", "ner": []},
    ),
]


def load(folder: Path, *arguments: Any, **options: Any) -> Any:
    from datasets import load_dataset

    return load_dataset(
        *(arguments or (str(folder),)), split="train", cache_dir=str(folder / "cache"), **options
    )


def test_an_image_folder_loads_with_its_images(tmp_path: Path) -> None:
    from PIL import Image

    boxes = question("cats", "box", {"photo": "image"}, field="photo", labels=["cat"])
    box = {"x": 1.0, "y": 0.0, "width": 2.0, "height": 2.0, "label": "cat"}
    blob = {"blob": "ab" * 32, "bytes": 9, "type": "image/png", "width": 4, "height": 3}
    rows: Rows = [
        ({"photo": "https://example.org/a/1.png", "cover": blob, "n": 1}, {"mood": "bad", "cats": [box]}),
        ({"photo": "https://example.org/2.png", "cover": None, "n": 2}, {}),
    ]
    export("imagefolder", [QUESTIONS[0], boxes], rows, tmp_path)
    for name in ("a/1.png", "2.png", f"{'ab' * 32}.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3), (len(name), 0, 0)).save(path)
    (tmp_path / "manifest.json").write_text("{}")
    files = {"train": [str(tmp_path / "metadata.jsonl"), str(tmp_path / "images" / "**")]}
    for loaded in (load(tmp_path), load(tmp_path, "imagefolder", data_files=files)):
        first, second = loaded
        assert [one["photo"].getpixel((0, 0))[0] for one in (first, second)] == [7, 5]
        assert first["cover"].size == (4, 3) and second["cover"] is None
        told = [(one["n"], one["mood"], one["cats"], one["task_id"]) for one in (first, second)]
        assert told == [(1, "bad", [box | {"rotation": None}], "prj-1"), (2, None, None, "prj-2")]


@pytest.mark.parametrize("name", ["huggingface", "huggingface_parquet"])
def test_a_folder_loads_with_types_and_values(name: str, tmp_path: Path) -> None:
    from datasets import ClassLabel

    export(name, QUESTIONS, ROWS, tmp_path)
    (tmp_path / "manifest.json").write_text("{}")  # lies beside, and is no data
    rows = load(tmp_path)
    assert rows.features["mood"] == ClassLabel(names=["good", "bad"])
    assert rows.features["ner"].feature["label"] == ClassLabel(names=["PER", "LOC"])
    assert rows.features["topics"].feature == ClassLabel(names=["news", "sport"])
    assert (rows.features["n"].dtype, rows.features["age"].dtype) == ("int64", "float64")
    assert rows[0] == {
        "text": "Ana in Köln 🙂",
        "n": 1,
        "tags": ["a"],
        "mixed": "1",
        "place": {"lat": 1.5},
        "mood": 1,
        "mood_confidence": 0.75,
        "topics": [1],
        "topics_confidence": 0.75,
        "age": 3.0,
        "age_confidence": 0.75,
        "ner": [
            {"start": 0, "end": 3, "label": 0, "relations": [{"to": 1, "label": 1}]},
            {"start": 7, "end": 11, "label": 1, "relations": None},
        ],
        "ner_confidence": 0.75,
        "task_id": "prj-1",
        "external_id": "their 1",
        "metadata": '{"page": 1}',
    }
    assert (rows[1]["mood"], rows[1]["ner"], rows[2]["mood"], rows[2]["ner"]) == (None, None, 0, [])


ASKED: list[dict[str, str]] = [{"role": "user", "content": "Say A"}]


def test_trl_files_hold_what_its_trainers_ask_for(tmp_path: Path) -> None:
    fields = {"a": "text", "b": "text", "c": "text"}
    questions = [
        question("order", "ranking", fields, field_items=["a", "b", "c"], ties=True),
        question("fine", "choice", choices=["yes", "no"]),
        question("better", "text"),
    ]
    data = {"prompt": ASKED, "a": "A!", "b": "B", "c": "C", "completion": "A"}
    rows: Rows = [
        (data, {"order": [["a"], ["b", "c"]], "fine": "yes", "better": "A."}),
        (data | {"prompt": "Say A"}, {"order": [["a", "b", "c"]], "fine": "no"}),
    ]
    for name in ("trl_preference", "trl_kto", "trl_messages", "trl_prompts"):
        (tmp_path / name).mkdir()
        export(name, questions, rows, tmp_path / name)
    pairs = load(tmp_path, "json", data_files=str(tmp_path / "trl_preference" / "preferences.jsonl"))
    told = [{"role": "assistant", "content": text} for text in ("A!", "B", "C")]
    assert pairs.to_list() == [
        {"prompt": ASKED, "chosen": told[:1], "rejected": told[1:2]},
        {"prompt": ASKED, "chosen": told[:1], "rejected": told[2:]},
    ]
    talk = load(tmp_path, "json", data_files=str(tmp_path / "trl_messages" / "messages.jsonl"))
    assert talk.to_list() == [{"messages": [*ASKED, {"role": "assistant", "content": "A."}]}]


def test_standard_prompts_stay_texts(tmp_path: Path) -> None:
    fields = {"answer_a": "text", "answer_b": "text"}
    questions = [
        question("p", "pairwise", fields, a="answer_a", b="answer_b", scale=5),
        question("fine", "choice", choices=["yes", "no"]),
    ]
    data = {"prompt": "Say A", "answer_a": "A", "answer_b": "B", "response": "A"}
    rows: Rows = [
        (data, {"p": {"preference": 2}, "fine": "no"}),
        (data, {"p": {"preference": 0}, "fine": "yes"}),
        (data, {}),
    ]
    for name in ("trl_preference", "trl_kto", "trl_prompts"):
        (tmp_path / name).mkdir()
        export(name, questions, rows, tmp_path / name)
    pairs = load(tmp_path, "json", data_files=str(tmp_path / "trl_preference" / "preferences.jsonl"))
    assert pairs.to_list() == [{"prompt": "Say A", "chosen": "B", "rejected": "A"}]
    judged = load(tmp_path, "json", data_files=str(tmp_path / "trl_kto" / "kto.jsonl"))
    row = {"prompt": "Say A", "completion": "A"}
    assert judged.to_list() == [row | {"label": False}, row | {"label": True}]
    prompts = load(tmp_path, "json", data_files=str(tmp_path / "trl_prompts" / "prompts.jsonl"))
    assert prompts["prompt"] == ["Say A", "Say A"] and prompts["fine"] == ["no", "yes"]
