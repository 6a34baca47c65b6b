"""Formats that are only written hold no tasks in memory, however many go by."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evenhand import formats
from evenhand.core.release import ReleasedQuestion
from evenhand.formats import WriteOptions, huggingface_parquet
from evenhand.formats.conformance import schema_of

from .exported import question, tasks_of

FILLED = 500  # tasks until buffers are full and names are known
MORE = 3_000
A_TASK = 160  # bytes: an archive remembers names of files; whoever kept tasks would hold 1,000 and more
BUFFERS = 600_000  # bytes that wait to be written together
MOST = MORE * A_TASK + BUFFERS
TRIES = 3

TEXT = {"text": "Anna lives in Bonn."}
PICTURE = {"image": {"blob": "{:064x}", "type": "image/png", "width": 200, "height": 100}}
SPANS = [{"start": 0, "end": 4, "label": "P"}, {"start": 14, "end": 18, "label": "P"}]
BOX = {"x": 1, "y": 2, "width": 30, "height": 40, "label": "P"}
SPEECH = [{"start": 0, "end": 0.5, "label": "P", "text": "Good morning."}]
MASK = [{"width": 200, "height": 100, "counts": [5000, 1000, 14000], "label": "P"}]
FILM = {"film": {"blob": "{:064x}", "type": "video/mp4", "width": 200, "height": 100, "fps": 25}}
PLACE = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}
TRACK = [{"keyframes": [{"time": 0, **PLACE}, {"time": 0.2, **PLACE}], "label": "P"}]
CHAT = {"ask": "What is it?", "one": "A cat.", "two": "A dog."}

Case = tuple[ReleasedQuestion, dict[str, Any], Any]  # question, data, answer


def case(name: str) -> Case:
    if name in ("brat", "conll2003", "conllu"):
        return question("q", "span", {"text": "text"}, field="text", labels=["P"]), TEXT, SPANS
    if name in ("webvtt", "srt", "textgrid", "rttm"):
        own = question("q", "time_span", {"sound": "audio"}, field="sound", labels=["P"], transcript=True)
        return own, {"sound": "a{}.wav"}, SPEECH
    if name in ("yolo", "voc", "coco", "datumaro"):
        return question("q", "box", {"image": "image"}, field="image", labels=["P"]), PICTURE, [BOX]
    if name in ("cvat_video", "mot"):
        return question("q", "track", {"film": "video"}, field="film", labels=["P"]), FILM, TRACK
    if name == "masks":
        return question("q", "mask", {"image": "image"}, field="image", labels=["P"]), PICTURE, MASK
    if name == "trl_preference":
        fields = {"one": "text", "two": "text"}
        return question("q", "pairwise", fields, a="one", b="two", scale=5), CHAT, -2
    if name == "trl_messages":
        return question("q", "text"), CHAT | TEXT, "A cat."
    return question("q", "choice", choices=["true", "false"]), CHAT | TEXT, "true"


ELSEWHERE = {"label_studio", "spacy"}
"""Read as well by `peers`; or a library's own containers, of at most `DOCS` documents each, which take
minutes under a tracer of memory."""
WRITTEN = sorted(
    kind.name for kind in formats.all_formats().values() if not kind.suffixes and kind.name not in ELSEWHERE
)


@pytest.mark.parametrize("name", WRITTEN)
def test_memory_does_not_grow_with_the_tasks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What waits for the end of a row group is bounded by this.
    monkeypatch.setattr(huggingface_parquet, "GROUP_ROWS", FILLED)
    asked, data, answer = case(name)
    kind = formats.find(name)
    options = WriteOptions(accept_loss=True, prompt="ask" if "prompt" in kind.writes_with else None)
    if "completion" in kind.writes_with and name == "trl_kto":
        options = WriteOptions(accept_loss=True, prompt="ask", completion="one")
    (first,) = tasks_of([(data, {"q": answer})])
    plain = bytes(first.data)
    grown: list[int] = []
    while len(grown) < TRIES and min(grown, default=MOST) >= MOST:
        folder = tmp_path / str(len(grown))
        folder.mkdir()
        with kind.write(schema_of([first], [asked]), folder, options) as writer:
            grown.append(_growth(writer, first, plain))
            assert writer.close()
    assert min(grown) < MOST


def _growth(writer: Any, first: Any, plain: bytes) -> int:
    """Bytes that `MORE` tasks leave in memory, and what other threads happen to keep meanwhile."""
    tracemalloc.start()
    try:
        for n in range(FILLED + MORE):
            writer.add(_another(first, plain, n))
            if n == FILLED:
                gc.collect()
                before, _ = tracemalloc.get_traced_memory()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def _another(task: Any, plain: bytes, n: int) -> Any:
    data = plain.replace(b"{:064x}", f"{n:064x}".encode()).replace(b"a{}.wav", f"a{n}.wav".encode())
    return msgspec.structs.replace(task, task_id=f"prj-{n}", external_id=f"e{n}", data=msgspec.Raw(data))
