"""Parquet: how each type of Arrow is carried, what is refused, and what a small file may not do."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import io
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evenhand.core.errors import Broken, Invalid
from evenhand.core.release import ReleasedTask, ReleaseSchema, Survey
from evenhand.formats import ReadOptions, Rejected, Row, find
from evenhand.formats.apart import read_apart
from evenhand.formats.conformance import resident
from evenhand.formats.parquet import arrow_type, read_here

PARQUET = find("parquet")


def file_of(table: pa.Table, **options: Any) -> io.BytesIO:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    sink.seek(0)
    return sink


def read(array: pa.Array, **options: Any) -> list[Any]:
    """The values of one column as JSON, rejections as (line, path, reason)."""
    rows = read_here(
        file_of(pa.table({"v": array})), ReadOptions(**options)
    )  # what the child runs, without it
    return [
        (row.line, row.path, row.reason) if isinstance(row, Rejected) else json.loads(row.record)["v"]
        for row in rows
    ]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array(["a", None, "é🙂"]), ["a", None, "é🙂"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array(["x"], pa.large_string()), ["x"]),
        (pa.array([True, None]), [True, None]),
        (pa.array([2**63 - 1, None]), [2**63 - 1, None]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([1.5, None, -0.0]), [1.5, None, -0.0]),
        (pa.array([1.5], pa.float16()), [1.5]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([[1, 2], [], None, [None]]), [[1, 2], [], None, [None]]),
        (pa.array([["a"], ["b", "a"]]), [["a"], ["b", "a"]]),
        (pa.array([{"a": 1, "b": ["x"]}, None]), [{"a": 1, "b": ["x"]}, None]),
        (pa.array([[{"a": None}], [], [{"a": {"b": 1}}]]), [[{"a": None}], [], [{"a": {"b": 1}}]]),
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), [[["k", 1]], None]),
        (pa.array([[1, 2]], pa.list_(pa.int64(), 2)), [[1, 2]]),
        (pa.array([dt.date(2026, 11, 23)]), ["2026-11-23"]),
        (pa.array([dt.time(1, 2, 3)]), ["01:02:03"]),
        (pa.array([1_767_323_045_000_000], pa.timestamp("us")), ["2026-01-02T03:04:05.000000"]),
        (pa.array([0], pa.timestamp("ms", "Europe/Berlin")), ["1970-01-01T00:00:00.000Z"]),
        (pa.array([1], pa.timestamp("ns", "UTC")), ["1970-01-01T00:00:00.000000001Z"]),
        (
            pa.array([{"t": 1}], pa.struct({"t": pa.timestamp("ns")})),
            [{"t": "1970-01-01T00:00:00.000000001"}],
        ),
        (pa.array([decimal.Decimal("1.10"), None]), ["1.10", None]),
        (pa.array([dt.timedelta(seconds=90)], pa.duration("ms")), ["PT90S"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_each_type_is_carried_as_documented(array: pa.Array, expected: list[Any]) -> None:
    assert read(array) == expected


@pytest.mark.parametrize(
    ("array", "where"),
    [
        (pa.array([b"x"]), "v"),
        (pa.array([b"x"], pa.binary(1)), "v"),
        (pa.array([[{"bytes": b"x"}]]), "v.element.bytes"),
        (pa.array([1], pa.time64("ns")), "v"),
    ],
)
def test_what_json_cannot_carry_is_refused_by_column(array: pa.Array, where: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(array)
    assert caught.value.where == where
    assert caught.value.remedy


def test_nan_rejects_its_row_with_its_path_or_becomes_null_when_asked() -> None:
    array = pa.array([{"a": [0.5]}, {"a": [1.0, float("nan")]}, {"a": [float("inf")]}])
    rows = read(array)
    assert rows[0] == {"a": [0.5]}
    assert [row[:2] for row in rows[1:]] == [(2, "v.a[1]"), (3, "v.a[0]")]
    assert read(array, nan="null") == [{"a": [0.5]}, {"a": [1.0, None]}, {"a": [None]}]


def test_nul_and_years_that_python_cannot_hold_reject_their_rows_only() -> None:
    rows = read(pa.array(["a", "b\0", "c"]))
    assert rows[0] == "a" and rows[1][:2] == (2, "v") and rows[2] == "c"
    far = read(pa.array([0, 2**31 - 1], pa.date32()))
    assert far[0] == "1970-01-01" and far[1][:2] == (2, "v")


def test_double_names_are_invalid() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(Invalid, match="'a'"):
        list(PARQUET.read(file_of(table)))


@pytest.mark.parametrize(
    "raw", [b"", b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1", b"a,b\n1,2\n", b"PAR1x\x10\0\0\0PAR1"]
)
def test_what_is_no_parquet_is_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        list(PARQUET.read(io.BytesIO(raw)))
    assert caught.value.remedy


def test_a_note_of_json_on_a_column_of_lies_gives_no_bad_record() -> None:
    field = pa.field("v", pa.string(), metadata={"evenhand": "json"})
    table = pa.Table.from_arrays(
        [pa.array(['{"a": 1}', None, '{"a": 1, "a": 2}', '1}, "x": {"y": 2', "nope"])],
        schema=pa.schema([field]),
    )
    rows = list(PARQUET.read(file_of(table)))
    assert [type(row) for row in rows] == [Row, Row, Rejected, Rejected, Rejected]
    assert rows[0] == Row(1, b'{"v":{"a": 1}}') and rows[1] == Row(2, b"{}")


def test_a_source_that_cannot_seek_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    source = Pipe(file_of(pa.table({"a": [1, 2]})).getvalue())
    assert list(PARQUET.read(source)) == [Row(1, b'{"a":1}'), Row(2, b'{"a":2}')]


def test_large_texts_are_read_a_few_at_a_time() -> None:
    """40 texts of 5 MB in one row group."""
    texts = [f"{i}{'x' * 5_000_000}" for i in range(40)]
    source = file_of(pa.table({"v": texts}), compression="zstd", use_dictionary=False)
    del texts
    before, most = resident(), 0
    for row in read_here(source, ReadOptions()):
        assert isinstance(row, Row) and len(row.record) > 5_000_000
        most = max(most, resident())
    assert most - before < 120 * 2**20


def test_a_small_file_that_unpacks_to_terabytes_ends_only_its_reader(tmp_path: Path) -> None:
    """One text of 10 MB, a thousand times: a dictionary and some indices on disk, 10 GB if decoded."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1024, pa.int32()), pa.array(["x" * 10_000_000]))
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"v": text}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 100_000
    before = resident()
    with path.open("rb") as source, pytest.raises(Invalid, match="broke its reader"):
        list(PARQUET.read(source))
    assert resident() - before < 50 * 2**20


def test_a_reader_that_dies_is_a_file_that_cannot_be_read() -> None:
    source = file_of(pa.table({"v": [1]}))
    with pytest.raises(Invalid, match="broke its reader"):
        list(read_apart(os.abort, source, ReadOptions()))  # type: ignore[arg-type]  # dies, as pyarrow may


def children() -> set[str]:
    """Processes that this one has started and not yet taken leave of."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            found |= set((task / "children").read_text().split())
    return found


def test_nobody_waits_for_rows_that_nobody_wants() -> None:
    before = children()
    rows = PARQUET.read(file_of(pa.table({"v": list(range(500_000))})))
    assert next(rows) == Row(1, b'{"v":0}')
    assert len(children() - before) == 1
    rows.close()  # type: ignore[attr-defined]  # a generator
    assert children() <= before


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, pa.string()),
        ({"enum": ["a", "b"]}, pa.string()),
        ({"enum": [1, 2]}, pa.int64()),
        ({"enum": [1, "a"]}, None),
        ({"enum": [True]}, None),
        ({"type": ["number", "null"]}, pa.float64()),
        ({"type": "array", "items": {"type": "boolean"}}, pa.list_(pa.bool_())),
        ({"type": "array"}, None),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, None),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            pa.struct({"a": pa.string()}),
        ),
        ({"anyOf": []}, None),
        ({"type": "null"}, None),
        ({}, None),
    ],
)
def test_a_column_has_a_type_only_where_it_carries_every_value(
    schema: Any, expected: pa.DataType | None
) -> None:
    assert arrow_type(schema) == expected


def task(data: dict[str, Any]) -> ReleasedTask:
    return ReleasedTask(
        task_id="t",
        external_id=None,
        data=msgspec.Raw(json.dumps(data).encode()),
        metadata=msgspec.Raw(b"{}"),
        consensus={},
        annotations=(),
    )


@pytest.mark.parametrize("late", [{"a": {"x": 1, "y": 2}}, {"a": {}}, {"a": "text"}, {"b": 1}])
def test_data_that_the_survey_has_not_seen_stop_the_export(tmp_path: Path, late: dict[str, Any]) -> None:
    survey = Survey()
    survey.add(task({"a": {"x": 1}}).data)
    with pytest.raises(Broken), PARQUET.write(ReleaseSchema(survey.columns(), ()), tmp_path) as writer:
        writer.add(task({"a": {"x": 1}}))
        writer.add(task(late))
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_pyarrow_reads_typed_columns(tmp_path: Path) -> None:
    data = {"text": "x", "n": 1, "chat": [{"role": "user", "content": "hi"}]}
    survey = Survey()
    survey.add(task(data).data)
    with PARQUET.write(ReleaseSchema(survey.columns(), ()), tmp_path) as writer:
        writer.add(task(data))
        writer.close()
    table = pq.read_table(tmp_path / "tasks.parquet")
    assert table.schema.field("chat").type == pa.list_(
        pa.field("element", pa.struct({"role": pa.string(), "content": pa.string()}))
    )
    assert {name: table[name][0].as_py() for name in data} == data
    assert table.schema.field("annotations").type.value_type.field("submitted_at").type == pa.timestamp(
        "ms", "UTC"
    )
