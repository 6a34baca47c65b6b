"""CSV and TSV: what tables in the wild look like, and what becomes of each."""

from __future__ import annotations

import csv
import io
import json
import time
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core.errors import Broken, Invalid, Refused
from evenhand.core.release import ReleasedColumn, ReleasedTask, ReleaseSchema
from evenhand.formats import ReadOptions, Rejected, Row, WriteOptions, find

SMS = Path(__file__).parents[2].parent / "shared" / "data" / "inputs" / "sms_spam" / "SMSSpamCollection.tsv"


def read(text: str | bytes, name: str = "csv", **options: Any) -> list[Any]:
    """Records as objects, rejections as (line, reason)."""
    raw = text.encode() if isinstance(text, str) else text
    rows = find(name).read(io.BytesIO(raw), ReadOptions(**options))
    return [(row.line, row.reason) if isinstance(row, Rejected) else json.loads(row.record) for row in rows]


def lines_of(text: str, **options: Any) -> list[int]:
    return [row.line for row in find("csv").read(io.BytesIO(text.encode()), ReadOptions(**options))]


def test_cells_are_texts_and_keep_every_character() -> None:
    assert read('a,b\n1, x \n"q ""x""","two\r\nlines"\n') == [
        {"a": "1", "b": " x "},
        {"a": 'q "x"', "b": "two\r\nlines"},
    ]


def test_line_numbers_are_those_of_the_file() -> None:
    assert lines_of('a,b\n\n1,2\n"x\ny\nz",3\n4,5\n') == [3, 4, 7]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_and_a_missing_last_one(end: str, last: bool) -> None:
    text = end.join(["a,b", "1,2", "3,4"]) + (end if last else "")
    assert read(text) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_ragged_rows_are_rejected_with_counts_and_the_rest_goes_in() -> None:
    assert read("a,b\n1\n1,2\n1,2,3\n") == [
        (2, "1 cells, where the header has 2."),
        {"a": "1", "b": "2"},
        (4, "3 cells, where the header has 2."),
    ]


def test_text_behind_a_closing_mark_rejects_the_row_only() -> None:
    rows = read('a,b\n"x"y,2\n3,4\n')
    assert rows[0][0] == 2 and "double the marks" in rows[0][1]
    assert rows[1] == {"a": "3", "b": "4"}


def test_a_mark_that_never_closes_says_which_lines_went_with_it() -> None:
    rows = read('a,b\n1,2\n"x,2\n3,4\n5,6\n')
    assert rows[0] == {"a": "1", "b": "2"}
    assert rows[1][0] == 3 and "lines 3 to 5" in rows[1][1]


def test_nul_rejects_its_row() -> None:
    assert read(b"a,b\n1,\x002\n3,4\n") == [(2, "This row holds a NUL character."), {"a": "3", "b": "4"}]


def test_blank_lines_are_no_rows_and_a_quoted_empty_cell_is_one() -> None:
    assert read('a\n\n""\nx\n') == [{"a": ""}, {"a": "x"}]


@pytest.mark.parametrize(
    ("text", "options", "where"),
    [
        ("a,b,a\n1,2,3\n", {}, "line 1"),
        ("", {}, ""),
        ("\n\n", {}, ""),
        ("a;b\n1;2\n", {}, "line 1"),
        ("a,b\n1,2\n", {"columns": ("x",), "header": True}, "columns"),
        ("1,2\n", {"columns": ("x", "x")}, "line 1"),
        ("a,b\n", {"delimiter": "ab"}, "delimiter"),
        ("a,b\n", {"delimiter": ""}, "delimiter"),
        ("a,b\n", {"quote": ","}, "quote"),
        ("a,b\n", {"quote": "\n"}, "quote"),
        ('"a', {}, "line 1"),
    ],
)
def test_what_no_row_can_help_is_invalid_with_place_and_reason(text: str, options: Any, where: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(text, **options)
    assert caught.value.where == where
    assert caught.value.reason


def test_header_only_has_no_rows() -> None:
    assert read("a,b\n") == []


def test_columns_are_named_by_header_by_option_or_by_number() -> None:
    assert read("a,\n1,2\n") == [{"a": "1", "c2": "2"}]
    assert read("1,2\n3,4\n", header=False) == [{"c1": "1", "c2": "2"}, {"c1": "3", "c2": "4"}]
    assert read("1,2\n", columns=("x", "y")) == [{"x": "1", "y": "2"}]
    assert read("a,b\n1,2\n", columns=("x", "y"), header=True) == [{"x": "1", "y": "2"}]
    assert read("1,2\n3\n", header=False)[1] == (2, "1 cells, where the header has 2.")


def test_another_delimiter_and_quote() -> None:
    assert read("a;b\n'x;y';2\n", delimiter=";", quote="'") == [{"a": "x;y", "b": "2"}]
    assert read('a,b\n"x,2\n', quote="") == [{"a": '"x', "b": "2"}]
    assert read('a\tb\n"x\ty"\t2\n', "tsv", quote='"') == [{"a": "x\ty", "b": "2"}]


def test_reserved_columns_hold_what_a_record_keeps_there() -> None:
    head = "external_id,metadata,predictions,priority,text\n"
    assert read(head + '7,"{""a"": 1}","[{}]",3,x\n,,,,y\n') == [
        {"external_id": "7", "metadata": {"a": 1}, "predictions": [{}], "priority": 3, "text": "x"},
        {"text": "y"},
    ]
    # not JSON: kept as text, so that --map may still give the column another name
    assert read(head + '1,"{""a"": NaN}",{,high,x\n')[0]["metadata"] == '{"a": NaN}'
    assert read(head + "1,note,{,high,x\n")[0]["priority"] == "high"


class Slow(io.RawIOBase):
    """A source that cannot seek and gives its parts one by one."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return next(self._parts, b"")


MEGA = 2**20


@pytest.mark.parametrize(
    ("name", "head", "cell", "end"),
    [
        ("csv", b"a,b\n1,", b"x" * MEGA, b"\nafter,2\n"),
        ("csv", b'a,b\n1,"', b"x" * MEGA, b'"\nafter,2\n'),
        ("csv", b'a,b\n1,"', b'""' * (MEGA // 2), b'"\nafter,2\n'),
        ("csv", b'a,b\n1,"', (b"x" * 1023 + b"\n") * 1024, b'"\nafter,2\n'),
        ("csv", b'a,b\n1,"', (b'""' * 511 + b",\n") * 1024, b'",x\nafter,2\n'),
        ("csv", b'a,b\n"\n",', b"x" * MEGA, b"\nafter,2\n"),
        ("tsv", b"a\tb\n1\t", b'"' * (MEGA - 1) + b" ", b"\nafter\t2\n"),
        ("jsonl", b'{"a": "', b"x" * MEGA, b'"}\n{"a": "after", "b": "2"}\n'),
    ],
)
def test_a_cell_of_100_megabytes_is_rejected_and_never_held(
    name: str, head: bytes, cell: bytes, end: bytes
) -> None:
    parts = chain([head], repeat(cell, 100), [end])
    tracemalloc.start()
    try:
        rows = list(find(name).read(Slow(parts)))  # type: ignore[arg-type]  # a raw stream is as good
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(rows[0], Rejected) and "bytes in one row" in rows[0].reason
    assert isinstance(rows[1], Row) and json.loads(rows[1].record) == {"a": "after", "b": "2"}
    assert len(rows) == 2
    assert peak < 100 * MEGA, f"{peak:,}"


def test_a_cell_of_many_lines_beyond_the_limit_is_skipped_to_its_end() -> None:
    long = '"' + 'line, with ""marks"" and, commas\n' * 100 + '"'
    assert [row if type(row) is dict else row[0] for row in read(f"a,b\n1,{long}\n3,4\n", limit=1000)] == [
        2,
        {"a": "3", "b": "4"},
    ]


_CELLS = st.text(
    st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=("Cs",)), st.sampled_from('",;\n\r\t ')
    )
)


@given(st.lists(st.lists(_CELLS, min_size=3, max_size=3), max_size=5))
def test_what_other_programs_write_is_read(rows: list[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    assert read(buffer.getvalue()) == [dict(zip("abc", row, strict=True)) for row in rows]


def task(data: dict[str, Any], task_id: str = "t1") -> ReleasedTask:
    return ReleasedTask(
        task_id=task_id,
        external_id=None,
        data=msgspec.Raw(json.dumps(data).encode()),
        metadata=msgspec.Raw(b"{}"),
        consensus={},
        annotations=(),
    )


def schema(*names: str, breaks: bool = False) -> ReleaseSchema:
    columns = (ReleasedColumn(name=name, schema={"type": "string"}, breaks=breaks) for name in names)
    return ReleaseSchema(columns=tuple(columns), questions=())


def write(folder: Path, name: str, tasks: list[ReleasedTask], shape: ReleaseSchema, **options: Any) -> bytes:
    with find(name).write(shape, folder, WriteOptions(**options)) as writer:
        for one in tasks:
            writer.add(one)
        (file,) = writer.close()
    return (folder / file.name).read_bytes()


@settings(deadline=None, max_examples=50)  # each example waits for the disk
@given(st.lists(_CELLS, min_size=1, max_size=4))
def test_what_we_write_is_read_by_other_programs(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("out")
    raw = write(folder, "csv", [task({"text": cell}) for cell in cells], schema("text"))
    rows = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    assert [row["text"] for row in rows] == cells


def test_formulas_stand_as_they_are_unless_asked_for(tmp_path: Path) -> None:
    tasks = [task({"text": text}) for text in ("=1+1", "+49", "-5", "@x", "a=b", "")]
    plain = write(tmp_path, "csv", tasks, schema("text")).decode()
    assert [row["text"] for row in csv.DictReader(io.StringIO(plain))] == [
        "=1+1",
        "+49",
        "-5",
        "@x",
        "a=b",
        "",
    ]
    escaped = write(tmp_path, "csv", tasks, schema("text"), escape_formulas=True).decode()
    texts = [row["text"] for row in csv.DictReader(io.StringIO(escaped))]
    assert texts == ["'=1+1", "'+49", "'-5", "'@x", "a=b", ""]
    assert {loss.part for loss in find("csv").loss(schema("text"), WriteOptions(escape_formulas=True))} == {
        "data",
        "external_id",
        "consensus",
    }


def test_tsv_never_lets_a_tab_through_in_silence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="text"):
        find("tsv").write(schema("text", breaks=True), tmp_path)
    with pytest.raises(Refused) as caught:  # the survey has not seen it
        write(tmp_path, "tsv", [task({"text": "a\tb"}, "t9")], schema("text"))
    assert caught.value.where == "t9"
    assert list(tmp_path.iterdir()) == []
    accepted = write(tmp_path, "tsv", [task({"text": "a\tb\nc"})], schema("text"), accept_loss=True)
    assert accepted.splitlines()[1].startswith(b"a b c\tt1\t")
    quoted = write(tmp_path, "tsv", [task({"text": "a\tb"})], schema("text", breaks=True), quote='"')
    assert quoted.splitlines()[1].startswith(b'"a\tb"\t')


def test_a_key_without_a_column_stops_the_export(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="'other'"):
        write(tmp_path, "csv", [task({"text": "x", "other": "y"})], schema("text"))
    assert list(tmp_path.iterdir()) == []


def test_a_clash_of_names_leaves_theirs_alone(tmp_path: Path) -> None:
    names = ("task_id", "evenhand.task_id", "annotations")
    raw = write(tmp_path, "csv", [task({name: f"their {name}" for name in names})], schema(*names))
    header = raw.splitlines()[0].decode().split(",")
    assert header == [
        *names,
        "evenhand.evenhand.task_id",
        "external_id",
        "metadata",
        "earlier_consensus",
        "evenhand.annotations",
    ]


def test_real_messages_without_quoting_come_in_and_go_out_unchanged(tmp_path: Path) -> None:
    source = SMS.read_bytes() if SMS.exists() else 'ham\tHe said "hi\nspam\t" win £5 "\n'.encode()
    rows = read(source, "tsv", columns=("label", "text"))
    expected = [
        dict(zip(("label", "text"), line.split("\t"), strict=True))
        for line in source.decode().split("\n")[:-1]
    ]
    assert rows == expected
    tasks = [task(row, str(i)) for i, row in enumerate(rows)]
    again = write(tmp_path, "tsv", tasks, schema("label", "text"))
    assert [{key: row[key] for key in ("label", "text")} for row in read(again, "tsv")] == expected


def test_a_header_of_very_many_columns_is_read_as_quickly_as_it_is_long() -> None:
    """Each name was compared with all others: two megabytes kept a thread of the node for ten minutes."""
    names = [f"c{n}" for n in range(200_000)]
    began = time.process_time()
    assert len(read(f"{','.join(names)}\n{',' * 199_999}\n")) == 1
    assert time.process_time() - began < 10
    with pytest.raises(Invalid, match="Two columns are called 'a'"):
        read("b,a,b,a\n1,2,3,4\n")
