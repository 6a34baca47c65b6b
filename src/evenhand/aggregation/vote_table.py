"""Votes out of tables and files: ids of any type become numbers, and what cannot be used is counted.

A table has the columns task, worker (or annotator) and label, one row a vote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.inference import Votes

Ids = npt.NDArray[Any]
Progress = Callable[[int, int | None], None]
Columns = Mapping[str, tuple[str, ...]]  # what is wanted -> the names that it may have

COLUMNS: Columns = {"task": ("task",), "worker": ("worker", "annotator"), "label": ("label",)}
SUFFIXES = {".csv": ",", ".tsv": "\t", ".parquet": ""}
BLOCK = 1 << 24  # bytes of a text file that are read at once
ROWS = 1 << 18  # rows of a Parquet file that are read at once
VOTE_BYTES = 40  # of memory for a vote at the most: three codes, their sorted copies, the order
MISSING = ["", "NaN", "nan"]  # what a cell says that says nothing


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes with the ids that their numbers stand for."""

    votes: Votes
    tasks: Ids  # [tasks] in the order in which they first appear
    annotators: Ids  # [annotators] the same
    classes: Ids  # [classes] sorted: numbers by value, texts by code points
    notes: tuple[str, ...]  # what was dropped, and why


def from_table(table: Any, classes: Sequence[Any] | None = None) -> VoteTable:
    """Votes of a table in memory: a mapping of columns, or a table of pandas, polars or pyarrow.

    Args:
        table: anything whose columns come by ``table[name]``.
        classes: all classes, in the order wanted; None: those that were given, sorted.

    Raises:
        Invalid: a column is missing, their lengths differ, or a label is none of the classes.
    """
    task, worker, label = columns_of(table, COLUMNS)
    return from_columns(task, worker, label, classes)


def columns_of(table: Any, wanted: Columns) -> list[Any]:
    """The columns wanted of a table in memory, in that order.

    Raises:
        Invalid: one is missing.
    """
    named = table.column_names if hasattr(table, "column_names") else getattr(table, "columns", table)
    names = list(named)
    return [table[_column(names, which, wanted)] for which in wanted]


def from_columns(task: Any, worker: Any, label: Any, classes: Sequence[Any] | None = None) -> VoteTable:
    """Votes of three columns of equal length; a row in which one of them is missing is dropped.

    Raises:
        Invalid: lengths differ, an id cannot be told from others, or a label is none of the classes.
    """
    columns = {"task": CodedColumn("task"), "worker": CodedColumn("worker"), "label": CodedColumn("label")}
    for column, values in zip(columns.values(), (task, worker, label), strict=True):
        column.add(values)
    return _table(columns, classes)


def from_file(path: Path, on_progress: Progress | None = None) -> VoteTable:
    """Votes of a CSV, TSV or Parquet file, by its name; read in pieces, so that only numbers are kept.

    Args:
        path: a text file is UTF-8 with a header.
        on_progress: called with votes read so far, and how many there are where that is known.

    Raises:
        Missing: there is no such file.
        Invalid: it cannot be read, has no votes, or lacks a column.
        Refused: its votes would not fit into memory.
    """
    columns = {"task": CodedColumn("task"), "worker": CodedColumn("worker"), "label": CodedColumn("label")}
    read, most = 0, most_votes()
    for total, pieces in pieces_of(path, COLUMNS):
        for column, values in zip(columns.values(), pieces, strict=True):
            column.add(values)
        read += len(pieces[0])
        if max(read, total or 0) > most:
            reason = f"{max(read, total or 0):,} votes or more do not fit into this machine's memory."
            raise Refused("votes.memory", reason, str(path), f"Take at most {most:,}, or a larger machine.")
        if on_progress:
            on_progress(read, total)
    if not read:
        raise Invalid("votes.empty", "There are no votes.", str(path), "Give one a row.")
    return _table(columns, None)


class CodedColumn:
    """Numbers for the values of a column that comes in pieces, or of several; -1 where there is none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.codes: list[npt.NDArray[np.int32]] = []
        self.ids: Ids = np.empty(0, object)
        self.known: dict[Any, int] | None = None  # id -> number, once there is a second piece

    def add(self, values: Any) -> None:
        codes, ids = _encoded(self.name, values)
        if not self.codes:
            self.codes, self.ids = [codes], ids
            return
        if self.known is None:
            self.known = {one: i for i, one in enumerate(self.ids.tolist())}
        known = self.known
        here = [known.setdefault(one, len(known)) for one in ids.tolist()]
        self.codes.append(np.array([*here, -1], np.int32)[codes])  # -1 is the last, and stays -1

    def done(self) -> tuple[npt.NDArray[np.int32], Ids]:
        if self.known is not None:
            self.ids = _array(list(self.known))
        codes = self.codes[0] if len(self.codes) == 1 else np.concatenate(self.codes)
        self.codes = []
        return codes, self.ids


def _table(columns: Mapping[str, CodedColumn], classes: Sequence[Any] | None) -> VoteTable:
    (task, tasks), (who, annotators), (label, found) = (column.done() for column in columns.values())
    if len({len(task), len(who), len(label)}) > 1:
        reason = f"The columns differ in length: {len(task)} tasks, {len(who)} workers, {len(label)} labels."
        raise Invalid("votes.lengths", reason, "", "Give one of each for every vote.")
    rank, ordered = _ordered(found, classes)
    size = {"tasks": len(tasks), "annotators": len(annotators), "classes": len(ordered)}
    votes = Votes.ranked(task, who, label, rank, **size)
    dropped = len(task) - len(votes) - votes.replaced
    if dropped == len(task):
        raise Invalid("votes.empty", "There are no votes.", "", "Give at least one.")
    notes = (f"{dropped:,} rows without a task, worker or label: dropped.",) if dropped else ()
    return VoteTable(votes, tasks, annotators, ordered, notes)


def _ordered(found: Ids, classes: Sequence[Any] | None) -> tuple[npt.NDArray[np.int32], Ids]:
    """The place of each label among the classes, and these in their order."""
    given = found.tolist()
    wanted = sorted(given, key=_rank) if classes is None else list(classes)
    place = {one: i for i, one in enumerate(wanted)}
    if strange := [one for one in given if one not in place]:
        reason = f"The label {strange[0]!r} is none of the classes."
        raise Invalid("votes.unknown-class", reason, "label", "Name every class, or none.")
    return np.array([place[one] for one in given], np.int32), _array(wanted)


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers, and texts that are numbers, by value; then the rest as texts."""
    try:
        return (0, float(value), str(value))
    except (TypeError, ValueError):
        return (1, 0.0, str(value))


def _column(names: Iterable[str], which: str, wanted: Columns) -> str:
    """The name of a column in this table.

    Raises:
        Invalid: it is not there.
    """
    known = list(names)
    for name in wanted[which]:
        if name in known:
            return name
    said = " or ".join(wanted[which])
    reason = f"There is no column {said}; there are: {', '.join(map(str, known)) or 'none'}."
    raise Invalid("votes.column", reason, which, f"Name the columns {', '.join(wanted)}.")


# -- ids to numbers -----------------------------------------------------------------------------


def _encoded(name: str, values: Any) -> tuple[npt.NDArray[np.int32], Ids]:
    """Numbers in the order of first appearance, -1 where a value is missing; and the values themselves."""
    numbers = _small_numbers(values)
    if numbers is not None:
        return numbers
    import pyarrow as pa

    try:
        array = values.to_arrow() if hasattr(values, "to_arrow") else pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeError):
        return _encoded_slowly(name, values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    own = isinstance(array.type, pa.BaseExtensionType)  # a UUID, say, which Arrow cannot number
    if own or pa.types.is_nested(array.type) or pa.types.is_null(array.type):
        return _encoded_slowly(name, array.to_pylist())
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32, copy=False), _array(array.dictionary.to_pylist())


def _small_numbers(values: Any) -> tuple[npt.NDArray[np.int32], Ids] | None:
    """The same for whole numbers that lie close together, by a table of all of them."""
    if (
        not isinstance(values, np.ndarray)
        or values.dtype.kind not in "iu"
        or values.ndim != 1
        or not len(values)
    ):
        return None
    from evenhand.core.inference import kernels

    low, high = map(int, kernels.span(values))
    if high - low > 4 * len(values) + 1024 or high >= 2**63:
        return None
    place = np.full(high - low + 1, -1, np.int32)
    codes = np.empty(len(values), np.int32)
    seen = np.empty(min(len(place), len(values)), np.int64)
    count = kernels.number(values, low, place, codes, seen)
    return codes, seen[:count] + low


def _encoded_slowly(name: str, values: Any) -> tuple[npt.NDArray[np.int32], Ids]:
    """The same one by one, for values of mixed types."""
    known: dict[Any, int] = {}
    codes = []
    try:
        for value in values:
            nothing = value is None or value != value  # NaN is not equal to itself
            codes.append(-1 if nothing else known.setdefault(_plain(value), len(known)))
    except (TypeError, ValueError) as error:
        reason = f"A value cannot serve as an id: {error}."
        raise Invalid("votes.id", reason, name, "Use texts or numbers.") from error
    return np.array(codes, np.int32), _array(list(known))


def _plain(value: Any) -> Any:
    """1 and True are equal in Python, and are not the same id."""
    return str(value) if isinstance(value, bool) else tuple(value) if isinstance(value, list) else value


def _array(values: list[Any]) -> Ids:
    """Ids as an array: of numbers where all are whole numbers, else of objects."""
    if values and all(type(value) is int and abs(value) < 2**63 for value in values):
        return np.array(values, np.int64)
    found = np.empty(len(values), object)
    found[:] = values
    return found


# -- files --------------------------------------------------------------------------------------


def pieces_of(path: Path, wanted: Columns) -> Iterator[tuple[int | None, list[Any]]]:
    """(rows in all where known, the columns wanted of some rows) until the file ends."""
    import pyarrow as pa

    if not path.is_file():
        raise Missing("votes.no-file", "There is no such file.", str(path))
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise Invalid(
            "votes.suffix", "By its name this is no table of votes.", str(path), f"Use one of: {known}."
        )
    try:
        yield from _parquet(path, wanted) if path.suffix.lower() == ".parquet" else _text(path, wanted)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise Invalid("votes.unreadable", f"The file cannot be read: {first}", str(path)) from error


def _text(path: Path, wanted: Columns) -> Iterator[tuple[int | None, list[Any]]]:
    import pyarrow as pa
    from pyarrow import csv

    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = next(file, "").rstrip("\r\n")
    delimiter = SUFFIXES[path.suffix.lower()]
    names = [name.strip('"') for name in header.split(delimiter)] if header else []
    columns = [_column(names, which, wanted) for which in wanted]
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=columns,
        null_values=MISSING,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with csv.open_csv(path, csv.ReadOptions(block_size=BLOCK), parse, convert) as reader:
        for batch in reader:
            yield None, batch.columns


def _parquet(path: Path, wanted: Columns) -> Iterator[tuple[int | None, list[Any]]]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        columns = [_column(file.schema_arrow.names, which, wanted) for which in wanted]
        for batch in file.iter_batches(ROWS, columns=columns):
            yield file.metadata.num_rows, [batch.column(name) for name in columns]


def most_votes() -> int:
    """Votes that fit into the memory of this machine."""
    import os

    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) // VOTE_BYTES
