"""JSON Lines and what all formats of text share: encodings, lines, limits."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.core.release import ReleasedTask, ReleaseSchema
from evenhand.formats import (
    Format,
    ReadOptions,
    Rejected,
    Row,
    WriteOptions,
    all_formats,
    choose,
    find,
    read_options,
    write_options,
)
from evenhand.formats.lines import CHUNK, Overlong, lines

PAIRS = Path(__file__).parents[2].parent / "shared" / "data" / "inputs" / "hhh_preferences" / "pairs.jsonl"


def read(raw: bytes, **options: Any) -> list[Row | Rejected]:
    return list(find("jsonl").read(io.BytesIO(raw), ReadOptions(**options)))


def test_a_record_is_the_very_bytes_of_its_line() -> None:
    raw = b' {"a" : 1.10, "b":"\\u00e9"} \r\n\n{"b":"\xc3\xa9"}'
    assert read(raw) == [Row(1, b' {"a" : 1.10, "b":"\\u00e9"} '), Row(3, b'{"b":"\xc3\xa9"}')]


def test_a_broken_line_is_rejected_and_reading_goes_on() -> None:
    rows = read(b'{"a": 1}\n{"a": \n[1]\n{"a": NaN}\n{"a": 2}\n')
    assert [row.line for row in rows] == [1, 2, 3, 4, 5]
    assert [type(row) for row in rows] == [Row, Rejected, Rejected, Rejected, Row]
    assert isinstance(rows[3], Rejected) and rows[3].path == "a" and "NaN" in rows[3].reason


def test_a_file_that_is_one_list_is_told_apart() -> None:
    with pytest.raises(Invalid, match="jq"):
        read(b'[\n{"a": 1}\n]')


def test_an_empty_file_has_no_rows() -> None:
    assert read(b"") == read(b"\n\n") == read(b"\xef\xbb\xbf") == []


def test_real_pairs_come_in_byte_for_byte() -> None:
    raw = PAIRS.read_bytes() if PAIRS.exists() else b'{"id": 1}\n{"id": 2}\n'
    rows = read(raw)
    assert b"".join(row.record + b"\n" for row in rows if isinstance(row, Row)) == raw


def test_data_spread_over_lines_becomes_one_line_of_the_same_value(tmp_path: Path) -> None:
    data = b'{\r\n  "a": "x\\ny",\n  "b": [1.10,\n 2]\r}'
    task = ReleasedTask(
        task_id="t",
        external_id=None,
        data=msgspec.Raw(data),
        metadata=msgspec.Raw(b"{}"),
        consensus={},
        annotations=(),
    )
    with find("jsonl").write(ReleaseSchema((), ()), tmp_path) as writer:
        for _ in range(3):
            writer.add(task)
        writer.close()
    written = (tmp_path / "tasks.jsonl").read_bytes()
    assert written.count(b"\n") == 3 and b"\r" not in written and b"1.10" in written
    assert [json.loads(line)["data"] for line in written.splitlines()] == [json.loads(data)] * 3


@pytest.mark.parametrize(
    ("raw", "options", "where", "reason"),
    [
        (b'{"a": "x"}\n{"a": "\xe4"}\n', {}, "line 2", "Byte 19 (0xe4)"),
        (b"\xef\xbb\xbf" + b'{"a": "x"}\n{"a": "\xe4"}\n', {}, "line 2", "Byte 22 (0xe4)"),
        (b'{"a": "x"}\n' * 100_000 + b'{"a": "\xe4"}\n', {}, "line 100001", "Byte 1100008 (0xe4)"),
        (b'{"a": "\xe2\x82', {}, "line 1", "Byte 8 (0xe2)"),
        ('{"a": 1}'.encode("utf-16-le"), {}, "byte 1", "UTF-16-LE"),
        ('{"a": 1}'.encode("utf-16-be"), {}, "byte 1", "UTF-16-BE"),
        ('{"a": 1}'.encode("utf-16") + b"x", {}, "line 1", "UTF-16"),
        (b'{"a": "\x81"}', {"encoding": "cp1252"}, "line 1", "Byte 8 (0x81) is not CP1252"),
        (b"{}", {"encoding": "rot13"}, "encoding", "no text encoding"),
        (b"{}", {"encoding": "no\0such"}, "encoding", "no text encoding"),
        (b"PAR1....", {}, "", "Parquet"),
        (b"\x89PNG\r\n", {}, "", "picture"),
    ],
)
def test_a_wrong_encoding_names_line_and_byte_before_the_first_row(
    raw: bytes, options: Any, where: str, reason: str
) -> None:
    rows = find("jsonl").read(io.BytesIO(raw), ReadOptions(**options))
    with pytest.raises(Invalid) as caught:
        next(rows)
    assert caught.value.where == where
    assert reason in caught.value.reason


def test_a_named_encoding_is_read() -> None:
    assert read('{"a": "ä€"}'.encode("cp1252"), encoding="cp1252") == [Row(1, '{"a": "ä€"}'.encode())]
    assert read('{"a": "ä"}'.encode("utf-16"), encoding="UTF16") == [Row(1, '{"a": "ä"}'.encode())]


class Drips(io.RawIOBase):
    """A source that cannot seek and gives a few bytes at a time."""

    def __init__(self, raw: bytes, dice: random.Random) -> None:
        self._rest = io.BytesIO(raw)
        self._dice = dice

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._rest.read(self._dice.randint(1, 3))


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=9), max_size=6
    ),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.integers(1, 40),
    st.integers(0, 99),
)
def test_lines_are_the_same_however_the_bytes_arrive(
    texts: list[str], encoding: str, limit: int, seed: int
) -> None:
    raw = "\n".join(["start", *texts]).encode(encoding)
    options = ReadOptions(limit=limit)
    whole = list(lines(io.BytesIO(raw), options))
    dripped = list(lines(Drips(raw, random.Random(seed)), options))  # type: ignore[arg-type]  # as good
    expected = [text.encode() for text in ["start", *texts]]
    if not texts or not texts[-1]:
        expected = expected[: len(whole)]  # an empty last line is no line
    assert whole == dripped
    assert [None if len(line) > limit else line for line in expected] == [
        None if isinstance(line, Overlong) else line for line in whole
    ]


def test_a_long_line_across_chunks_counts_what_it_held() -> None:
    raw = b"a\n" + b'x"' * CHUNK + b"\nb\n"
    assert list(lines(io.BytesIO(raw), ReadOptions(limit=1000), b'"')) == [
        b"a",
        Overlong(size=2 * CHUNK, quotes=CHUNK),
        b"b",
    ]


# -- finding a format --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.csv", b"", "csv"),
        ("A.TSV", b"", "tsv"),
        ("a.jsonl", b"", "jsonl"),
        ("a.ndjson", b"", "jsonl"),
        ("a.parquet", b"", "parquet"),
        ("a.txt", b'{"a": 1}', "jsonl"),
        ("a", b'\xef\xbb\xbf { "a": 1}', "jsonl"),
        ("a.csv", b"PAR1", "parquet"),
        ("dir.csv/a.jsonl", b"a,b", "jsonl"),
    ],
)
def test_a_format_is_chosen_by_content_then_by_suffix(name: str, head: bytes, expected: str) -> None:
    assert choose(name, head) is find(expected)


@pytest.mark.parametrize(
    ("name", "head"), [("a.txt", b"a,b"), ("a", b""), ("a.csv.gz", b"\x1f\x8b\x08"), ("", b"")]
)
def test_what_tells_nothing_is_invalid(name: str, head: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        choose(name, head)
    assert caught.value.remedy


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(Invalid, match=r"csv.*jsonl.*parquet.*tsv"):
        find("xml")


@pytest.mark.parametrize("kind", all_formats().values(), ids=lambda kind: kind.name)
def test_options_are_those_of_the_format(kind: Format) -> None:
    assert read_options(kind, {"limit": 5}) == ReadOptions(limit=5)
    assert write_options(kind, {"accept_loss": True}) == WriteOptions(accept_loss=True)
    with pytest.raises(Invalid) as caught:
        read_options(kind, {"nan" if kind.name != "parquet" else "delimiter": ","})
    assert "has no option" in caught.value.reason


def test_options_for_csv_come_as_json() -> None:
    raw = {"header": False, "columns": ["a", "b"], "delimiter": ";", "encoding": "cp1252", "quote": ""}
    options = ReadOptions(header=False, columns=("a", "b"), delimiter=";", encoding="cp1252", quote="")
    assert read_options(find("csv"), raw) == options


def test_reading_is_lazy() -> None:
    """The first rows come before the end of a source that cannot seek has been seen."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b'{"a": 1}\n' * 10_000

    class Endless(io.RawIOBase):
        source = endless()

        def read(self, size: int | None = -1) -> bytes:
            return next(self.source)

    rows = find("jsonl").read(Endless())  # type: ignore[arg-type]  # a raw stream is as good
    assert [next(rows) for _ in range(3)] == [Row(i, b'{"a": 1}') for i in (1, 2, 3)]
