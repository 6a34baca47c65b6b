"""webvtt-py, srt and TextGrid read what we write of stretches of a recording."""

from __future__ import annotations

import tarfile
from pathlib import Path

from exported import Rows, export, question

FIELDS = {"sound": "audio"}
SPEECH = question(
    "speech", "time_span", FIELDS, field="sound", labels=["Ana <1>", "music"], transcript=True, overlap=True
)
SPANS = [
    {"start": 0.5, "end": 2.25, "label": "Ana <1>", "text": 'She said "hi" & -->\nleft.'},
    {"start": 2, "end": 3725.004, "label": "music"},
    {"start": 2.1, "end": 4, "label": "Ana <1>", "text": "again"},
]
ROWS: Rows = [
    ({"sound": "https://example.org/talks/one two.wav"}, {"speech": SPANS}),
    ({"sound": "https://example.org/empty.wav"}, {"speech": []}),
    ({"sound": "https://example.org/open.wav"}, {}),
]
TEXT = 'She said "hi" & --> left.'


def exported(name: str, folder: Path) -> Path:
    export(name, [SPEECH], ROWS, folder)
    with tarfile.open(folder / f"{name}.tar") as archive:
        assert len(archive.getnames()) == 2
        archive.extractall(folder, filter="data")
    return folder / "talks"


def test_webvtt(tmp_path: Path) -> None:
    import webvtt

    captions = webvtt.read(str(exported("webvtt", tmp_path) / "one two.vtt"))
    assert [(c.start, c.end) for c in captions] == [
        ("00:00:00.500", "00:00:02.250"),
        ("00:00:02.000", "01:02:05.004"),
        ("00:00:02.100", "00:00:04.000"),
    ]
    assert captions[0].raw_text == '<v Ana &lt;1&gt;>She said "hi" &amp; --&gt; left.'
    assert len(webvtt.read(str(tmp_path / "empty.vtt"))) == 0


def test_srt(tmp_path: Path) -> None:
    import srt

    cues = list(srt.parse((exported("srt", tmp_path) / "one two.srt").read_text(encoding="utf-8")))
    assert [(cue.start.total_seconds(), cue.end.total_seconds()) for cue in cues] == [
        (0.5, 2.25),
        (2.0, 3725.004),
        (2.1, 4.0),
    ]
    assert [cue.content for cue in cues] == [f"[Ana <1>] {TEXT}", "[music]", "[Ana <1>] again"]


def test_textgrid(tmp_path: Path) -> None:
    import textgrid

    grid = textgrid.TextGrid.fromFile(str(exported("textgrid", tmp_path) / "one two.TextGrid"))
    assert grid.maxTime == 3725.004
    told = {tier.name: [(i.minTime, i.maxTime, i.mark) for i in tier if i.mark] for tier in grid}
    assert told == {
        "Ana <1>": [(0.5, 2.25, TEXT)],
        "Ana <1> 2": [(2.1, 4.0, "again")],
        "music": [(2.0, 3725.004, "music")],
    }


def test_rttm_has_its_ten_fields(tmp_path: Path) -> None:
    lines = (exported("rttm", tmp_path) / "one two.rttm").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "SPEAKER talks/one_two 1 0.500 1.750 <NA> <NA> Ana_<1> <NA> <NA>"
    assert all(len(line.split()) == 10 for line in lines)
