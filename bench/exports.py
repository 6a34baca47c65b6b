"""Exports against the libraries that own the formats: the same objects, written by both.

Ours gets released tasks, as the store gives them, and writes files; theirs gets its own objects in
memory and writes to memory, or to a folder where it knows nothing else. Where no library writes a
format, the standard library's `json` stands in, which is what people use.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from evenhand import formats, labels
from evenhand.core.release import ReleasedAnswer, ReleasedQuestion, ReleasedTask
from evenhand.formats import WriteOptions
from evenhand.formats.conformance import schema_of

WORDS = [
    "Ana",
    "lives",
    "in",
    "Cologne",
    "and",
    "works",
    "for",
    "a",
    "small",
    "firm",
    "that",
    "nobody",
    "has",
    "heard",
    "of",
    "yet",
]
Rows = list[tuple[dict[str, Any], dict[str, Any]]]  # (data, answers)


def _question(name: str, type: str, fields: dict[str, str], **config: Any) -> ReleasedQuestion:
    return ReleasedQuestion(name, labels.find(type).configure(config, fields))


def _texts(count: int) -> Rows:
    spans = [{"start": 0, "end": 3, "label": "PER"}, {"start": 13, "end": 20, "label": "LOC"}]
    return [({"text": " ".join(WORDS), "n": n}, {"mood": "good", "ner": spans}) for n in range(count)]


def _images(count: int) -> Rows:
    boxes = [{"x": 10.5 * k, "y": 20, "width": 30, "height": 40, "label": "cat"} for k in range(1, 4)]
    return [
        ({"image": f"images/{n}.jpg", "image_width": 640, "image_height": 480}, {"box": boxes})
        for n in range(count)
    ]


def _masks(count: int) -> Rows:
    """Two rectangles in a small image, as runs row by row."""
    masks = []
    for top, left, high, wide in [(20, 30, 60, 80), (100, 150, 90, 120)]:
        runs = [top * 320 + left, *([wide, 320 - wide] * high)[:-1]]
        runs.append(320 * 240 - sum(runs))
        masks.append({"label": "road", "width": 320, "height": 240, "runs": runs})
    return [
        ({"image": f"images/{n}.jpg", "image_width": 320, "image_height": 240}, {"mask": masks})
        for n in range(count)
    ]


def _sounds(count: int) -> Rows:
    spans = [{"start": k, "end": k + 0.75, "label": "speech", "text": "Good morning."} for k in range(3)]
    return [({"sound": f"sounds/{n}.wav"}, {"talk": spans}) for n in range(count)]


def _pairs(count: int) -> Rows:
    text = " ".join(WORDS)
    data = {"prompt": "Say where Ana lives.", "a": text, "b": text[:40], "completion": text}
    return [(data, {"order": [["b"], ["a"]], "fine": "yes", "better": text}) for _ in range(count)]


QUESTIONS = {
    _texts: [
        _question("mood", "choice", {}, choices=["good", "bad"]),
        _question("ner", "span", {"text": "text"}, field="text", labels=["PER", "LOC"]),
    ],
    _images: [_question("box", "box", {"image": "image"}, field="image", labels=["cat"])],
    _masks: [_question("mask", "mask", {"image": "image"}, field="image", labels=["road"])],
    _sounds: [
        _question("talk", "time_span", {"sound": "audio"}, field="sound", labels=["speech"], transcript=True)
    ],
    _pairs: [
        _question("order", "ranking", {"a": "text", "b": "text"}, field_items=["a", "b"]),
        _question("fine", "choice", {}, choices=["yes", "no"]),
        _question("better", "text", {}),
    ],
}


def _released(rows: Rows) -> list[ReleasedTask]:
    encode = msgspec.json.encode
    return [
        ReleasedTask(
            task_id=f"prj-{n}",
            external_id=None,
            data=msgspec.Raw(encode(data)),
            metadata=msgspec.Raw(b"{}"),
            consensus={
                name: ReleasedAnswer(value=msgspec.Raw(encode(value)), confidence=1.0, method="single")
                for name, value in answers.items()
            },
            annotations=(),
        )
        for n, (data, answers) in enumerate(rows)
    ]


# -- theirs: each prepares its own objects, and gives what is to be timed ------------------------------

Work = Callable[[], object]


def _dataset(
    write: str, flat: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
) -> Callable[[Rows, Path], Work]:
    """A Dataset is Arrow already, so that making it of the rows is part of the work.

    Without `flat` the rows are those that stand in our own file.
    """

    def prepare(rows: Rows, written: Path) -> Work:
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        whole = [flat(data, answers) for data, answers in rows] if flat else _own(written)
        return lambda: getattr(Dataset.from_list(whole), write)(io.BytesIO())

    return prepare


def _own(written: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    lines = written / "train.jsonl"
    if lines.exists():
        return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    rows: list[dict[str, Any]] = pq.read_table(written / "train.parquet").to_pylist()
    return rows


def _conllu(rows: Rows, written: Path) -> Work:
    from conllu.models import TokenList

    keys = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps")
    lists = [
        TokenList(
            [
                dict.fromkeys(keys) | {"id": i, "form": word, "misc": {"ner": "O"}}
                for i, word in enumerate(data["text"].split(), 1)
            ],
            metadata={"text": data["text"]},
        )
        for data, _ in rows
    ]
    return lambda: "".join(one.serialize() for one in lists)


def _spacy(rows: Rows, written: Path) -> Work:
    import spacy
    from spacy.tokens import Doc, DocBin

    vocab = spacy.blank("xx").vocab

    def work() -> object:
        binary = DocBin(store_user_data=True)
        for data, answers in rows:
            doc = Doc(vocab, words=data["text"].split())
            doc.ents = [doc.char_span(s["start"], s["end"], s["label"]) for s in answers["ner"]]
            doc.cats = {"good": 1.0, "bad": 0.0}
            binary.add(doc)
        return binary.to_bytes()

    return work


def _json(name: str, lines: bool = False) -> Callable[[Rows, Path], Work]:
    """The standard library writes the very objects that stand in our file."""

    def prepare(rows: Rows, written: Path) -> Work:
        text = (written / name).read_text(encoding="utf-8")
        if lines:
            whole = [json.loads(line) for line in text.splitlines()]
            return lambda: "".join(json.dumps(row) + "\n" for row in whole)
        value = json.loads(text)
        return lambda: json.dump(value, io.StringIO())

    return prepare


def _globox(save: str) -> Callable[[Rows, Path], Work]:
    def prepare(rows: Rows, written: Path) -> Work:
        from globox import Annotation, AnnotationSet, BoundingBox

        annotations = [
            Annotation(
                data["image"].rpartition("/")[2],
                (640, 480),
                [
                    BoundingBox(
                        label="cat",
                        xmin=b["x"],
                        ymin=b["y"],
                        xmax=b["x"] + b["width"],
                        ymax=b["y"] + b["height"],
                    )
                    for b in answers["box"]
                ],
            )
            for data, answers in rows
        ]
        found = AnnotationSet(annotations)
        folder = written / "theirs"
        folder.mkdir()
        more = {"label_to_id": {"cat": 0}} if "yolo" in save else {}
        return lambda: getattr(found, save)(folder, **more)

    return prepare


def _pillow(rows: Rows, written: Path) -> Work:
    """Masks painted with NumPy and written with Pillow: no library goes from runs to an indexed PNG."""
    import numpy as np
    from PIL import Image

    from evenhand.formats.masks import PALETTE

    def image(answers: dict[str, Any]) -> bytes:
        first = answers["mask"][0]
        canvas = np.zeros((first["height"], first["width"]), np.uint8)
        for mask in answers["mask"]:
            on = np.repeat(np.arange(len(mask["runs"])) % 2, mask["runs"]).reshape(canvas.shape)
            canvas[on > 0] = 1
        picture, target = Image.fromarray(canvas), io.BytesIO()
        picture.putpalette(PALETTE)
        picture.save(target, "PNG")
        return target.getvalue()

    return lambda: [image(answers) for _, answers in rows]


def _srt(rows: Rows, written: Path) -> Work:
    from datetime import timedelta

    import srt

    def cue(i: int, span: dict[str, Any]) -> Any:
        start, end = timedelta(seconds=span["start"]), timedelta(seconds=span["end"])
        return srt.Subtitle(index=i, start=start, end=end, content=span["text"])

    cues = [[cue(i, span) for i, span in enumerate(answers["talk"], 1)] for _, answers in rows]
    return lambda: [srt.compose(one) for one in cues]


def _webvtt(rows: Rows, written: Path) -> Work:
    import webvtt

    def caption(span: dict[str, Any]) -> Any:
        return webvtt.Caption(f"00:00:{span['start']:06.3f}", f"00:00:{span['end']:06.3f}", span["text"])

    files = [webvtt.WebVTT(captions=[caption(span) for span in answers["talk"]]) for _, answers in rows]
    return lambda: [file.content for file in files]


def _textgrid(rows: Rows, written: Path) -> Work:
    import textgrid

    def grid(spans: list[dict[str, Any]]) -> Any:
        found = textgrid.TextGrid(maxTime=spans[-1]["end"])
        tier = textgrid.IntervalTier("speech", maxTime=spans[-1]["end"])
        for span in spans:
            tier.add(span["start"], span["end"], span["text"])
        found.append(tier)
        return found

    grids = [grid(answers["talk"]) for _, answers in rows]
    path = str(written / "theirs.TextGrid")
    return lambda: [one.write(path) for one in grids]


def _preference(data: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": data["prompt"], "chosen": data["a"], "rejected": data["b"]}


def _kto(data: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": data["prompt"], "completion": data["a"], "label": True}


def _messages(data: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    turns = (("user", data["prompt"]), ("assistant", answers["better"]))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def _prompts(data: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": data["prompt"], **answers}


Case = tuple[str, Callable[[int], Rows], str, Callable[[Rows, Path], Work], dict[str, Any]]
CASES: list[Case] = [
    ("huggingface", _texts, "datasets", _dataset("to_json"), {}),
    ("huggingface_parquet", _texts, "datasets", _dataset("to_parquet"), {}),
    ("trl_preference", _pairs, "datasets", _dataset("to_json", _preference), {}),
    ("trl_kto", _pairs, "datasets", _dataset("to_json", _kto), {}),
    ("trl_messages", _pairs, "datasets", _dataset("to_json", _messages), {"question": "better"}),
    ("trl_prompts", _pairs, "datasets", _dataset("to_json", _prompts), {}),
    ("conll2003", _texts, "conllu", _conllu, {}),
    ("conllu", _texts, "conllu", _conllu, {}),
    ("spacy", _texts, "spaCy", _spacy, {}),
    ("coco", _images, "json", _json("annotations.json"), {}),
    ("datumaro", _images, "json", _json("default.json"), {}),
    ("yolo", _images, "globox", _globox("save_yolo_v5"), {}),
    ("voc", _images, "globox", _globox("save_pascal_voc"), {}),
    ("masks", _masks, "Pillow", _pillow, {}),
    ("label_studio", _images, "json", _json("tasks.json"), {}),
    ("croissant", _texts, "json", _json("records.jsonl", lines=True), {}),
    ("webvtt", _sounds, "webvtt-py", _webvtt, {}),
    ("srt", _sounds, "srt", _srt, {}),
    ("textgrid", _sounds, "textgrid", _textgrid, {}),
    ("rttm", _sounds, "srt", _srt, {}),
]
"""(format, what is written, whose library is the measure, that library's work, options)."""


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return time.perf_counter() - start


def _both(case: Case, count: int) -> tuple[float, float]:
    """(our seconds, theirs) for one format."""
    name, make, _, theirs, options = case
    rows = make(count)
    tasks, kind = _released(rows), formats.find(name)
    schema = schema_of(tasks[:100], QUESTIONS[make])
    gc.collect()
    gc.freeze()  # what the benchmark holds, which no export would have to look through
    with tempfile.TemporaryDirectory() as folder:

        def work() -> None:
            with kind.write(schema, Path(folder), WriteOptions(accept_loss=True, **options)) as writer:
                for task in tasks:
                    writer.add(task)
                writer.close()

        return _seconds(work), _seconds(theirs(rows, Path(folder)))


def export_rows(wanted: list[str]) -> Iterator[tuple[str, str, int, float, float]]:
    """(format, library, tasks, our seconds, their seconds), one after the other.

    Each is run with a few tasks before, so that loading a library counts for neither.
    """
    count = int(os.environ.get("EVENHAND_BENCH_EXPORTS", "100000"))
    for case in CASES:
        if not wanted or case[0] in wanted:
            _both(case, 100)
            yield (case[0], case[2], count, *_both(case, count))
