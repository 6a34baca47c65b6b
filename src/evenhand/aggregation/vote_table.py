"""Votes out of tables and files: ids of any type become numbers, and what cannot be used is counted.

A table has the columns task, worker (or annotator) and label, one row a vote.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.aggregation import rows
from evenhand.aggregation.table_file import (
    Columns,
    Ids,
    Progress,
    column,
    memory,
    pieces_of,
    refuse_size,
    rows_of,
    within_memory,
)
from evenhand.core.errors import Invalid
from evenhand.core.inference import Votes
from evenhand.core.words import counted

COLUMNS = rows.COLUMNS
VOTE_BYTES = 40  # of memory for a vote at the most: three codes, their sorted copies, the order
ID_BYTES = 200  # of memory for an id that is a text: itself, its place in the table of all
ALIKE = 100_000  # ids that are compared for looking alike
NO_LABEL = frozenset({"na", "n/a", "null", "none", "<na>", "nil", "?", "-"})
"""What people write into a cell where there is no label; it may be a class all the same."""


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes with the ids that their numbers stand for."""

    votes: Votes
    tasks: Ids  # [tasks] in the order in which they first appear
    annotators: Ids  # [annotators] the same
    classes: Ids  # [classes] sorted: numbers by value, texts by code points
    notes: tuple[str, ...]  # what was dropped, and why


def named(columns: Columns, **names: Any) -> Columns:
    """The columns wanted, where a caller says what some of them are called.

    Raises:
        Invalid: what is given is no name.
    """
    given = {which: name for which, name in names.items() if name is not None}
    if unknown := given.keys() - columns.keys():
        reason = f"There is no such column here; there are: {', '.join(columns)}."
        raise Invalid("votes.name", reason, min(unknown), "Leave it out.")
    for which, name in given.items():
        if not isinstance(name, str):
            reason = "Beside a table this is the name of a column, and it is none."
            raise Invalid("votes.name", reason, which, "Give a table and names, or columns and no table.")
    return {**columns, **{which: (name,) for which, name in given.items()}}


def from_table(table: Any, classes: Sequence[Any] | None = None, wanted: Columns = COLUMNS) -> VoteTable:
    """Votes of a table in memory.

    Args:
        table: as `columns_of` takes it.
        classes: all classes, in the order wanted; None: those that were given, sorted.
        wanted: the columns and what they may be called.

    Raises:
        Invalid: a column is missing, their lengths differ, or a label is none of the classes.
    """
    task, worker, label = columns_of(table, wanted)
    return from_columns(task, worker, label, classes)


def columns_of(table: Any, wanted: Columns) -> list[Any]:
    """The columns wanted of a table in memory, in that order.

    Args:
        table: a mapping of columns; a table of pandas, polars or pyarrow, or a structured array of numpy,
            whose columns come by ``table[name]``; or a list of mappings, one a row.

    Raises:
        Invalid: one is missing, or this is no table.
    """
    if (found := rows_of(table, wanted)) is not None:
        return found
    names = getattr(getattr(table, "dtype", None), "names", None)
    for known in ("column_names", "columns"):
        names = getattr(table, known, None) if names is None else names
    names = table if names is None and isinstance(table, Mapping) else names
    if names is None or not hasattr(table, "__getitem__"):
        remedy = "Give a mapping of columns, a table of pandas, polars or pyarrow, a list of rows, or a path."
        raise Invalid("votes.table", f"{type(table).__name__} is no table.", "table", remedy)
    found = [column(list(names), which, wanted) for which in wanted]
    try:
        return [table[name] for name in found]
    except TypeError as error:
        reason = f"{type(table).__name__} gives no columns: {str(error).splitlines()[0]}"
        raise Invalid("votes.table", reason, "table", "Collect it into a table first.") from error


def from_columns(task: Any, worker: Any, label: Any, classes: Sequence[Any] | None = None) -> VoteTable:
    """Votes of three columns of equal length; a row in which one of them is missing is dropped.

    Raises:
        Invalid: lengths differ, an id cannot be told from others, or a label is none of the classes.
    """
    columns = {"task": CodedColumn("task"), "worker": CodedColumn("worker"), "label": CodedColumn("label")}
    for coded, values in zip(columns.values(), (task, worker, label), strict=True):
        coded.add(values)
    return _table(columns, classes)


def from_file(
    path: Path,
    on_progress: Progress | None = None,
    wanted: Columns = COLUMNS,
    question: str | None = None,
    classes: Sequence[Any] | None = None,
) -> VoteTable:
    """Votes of a CSV, TSV or Parquet file, by its name; read in pieces, so that only numbers are kept. Or of
    JSON Lines, or of a project's export (`rows`).

    Args:
        path: a file, the folder of an export, or - for standard input.
        on_progress: called with votes read so far, and how many there are where that is known.
        wanted: the columns and what they may be called.
        question: of an export, the id of the question; None: the only one that was answered.
        classes: as for `from_table`.

    Raises:
        Missing: there is no such file.
        Invalid: it cannot be read, has no votes, or lacks a column.
        Refused: its votes would not fit into memory.
    """
    path = rows.data_file(path)
    if rows.are_rows(path):
        with within_memory(str(path), lambda: 0):
            return _from_rows(*rows.read(path, on_progress, wanted, question), classes)
    columns = {"task": CodedColumn("task"), "worker": CodedColumn("worker"), "label": CodedColumn("label")}
    read, room = 0, memory()
    with within_memory(str(path), lambda: read):
        for total, pieces in pieces_of(path, wanted):
            for coded, values in zip(columns.values(), pieces, strict=True):
                coded.add(values)
            read += len(pieces[0])
            ids = sum(len(coded.known or coded.ids) for coded in columns.values())
            held = read * VOTE_BYTES + ids * ID_BYTES
            if held > room or (total or 0) * VOTE_BYTES > room:
                refuse_size(str(path), max(read, total or 0), int(read * room / held))
            if on_progress:
                on_progress(read, total)
        if not read:
            raise Invalid("votes.empty", "There are no votes.", str(path), "Give one a row.")
        return _table(columns, classes)


def _from_rows(
    found: list[rows.Answered], notes: tuple[str, ...], classes: Sequence[Any] | None
) -> VoteTable:
    """
    Raises:
        Invalid: there are none, or an answer is neither text nor number.
    """
    if not found:
        raise Invalid("votes.empty", "There are no votes.", "", "Give at least one.")
    strange = next(
        (answer for _, _, answer in found if not isinstance(answer, str | int | float | None)), None
    )
    if strange is not None:
        kind = "a list" if isinstance(strange, list) else "an object"
        remedy = "Say what they are: --type span, box, ranking or another label type; in Python type=…"
        raise Invalid("votes.answers", f"An answer is {kind}, and no class.", "label", remedy)
    task, worker, label = map(list, zip(*found, strict=True))
    table = from_columns(task, worker, label, classes)
    return replace(table, notes=(*notes, *table.notes))


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
    notes = [f"{counted(dropped, 'row')} without a task, worker or label: dropped."] if dropped else []
    notes += [*_odd_labels(found), *_alike("Labels", found), *_alike("Annotators", annotators)]
    return VoteTable(votes, tasks, annotators, ordered, tuple(notes))


def _texts(found: Ids) -> list[str]:
    """Those of the first `ALIKE` ids that are texts."""
    return [one for one in found[:ALIKE].tolist() if isinstance(one, str)] if found.dtype == object else []


def _odd_labels(found: Ids) -> list[str]:
    odd = [repr(one) for one in _texts(found) if one.strip().casefold() in NO_LABEL]
    return (
        [f"Counted as a class: {', '.join(odd)}. An empty cell says that there is no label."] if odd else []
    )


def _alike(what: str, found: Ids) -> list[str]:
    """Ids that a person could take for the same: but for case, blanks and Unicode forms."""
    seen: defaultdict[str, list[str]] = defaultdict(list)
    for one in _texts(found):
        seen["".join(unicodedata.normalize("NFKC", one).casefold().split())].append(one)
    groups = [some for some in seen.values() if len(some) > 1]
    shown = "; ".join(", ".join(ascii(one)[:60] for one in some[:4]) for some in groups[:3])
    more = f"; and {len(groups) - 3:,} more" if len(groups) > 3 else ""
    return [f"{what} that look alike and count as different: {shown}{more}."] if groups else []


def _ordered(found: Ids, classes: Sequence[Any] | None) -> tuple[npt.NDArray[np.int32], Ids]:
    """The place of each label among the classes, and these in their order."""
    given = found.tolist()
    wanted = sorted(given, key=_rank) if classes is None else list(classes)
    try:
        place = {one: i for i, one in enumerate(wanted)}
    except TypeError as error:
        reason = f"A class cannot serve as an id: {error}."
        raise Invalid("votes.id", reason, "classes", "Use texts or numbers.") from error
    if len(place) < len(wanted) and classes is not None:
        raise Invalid("votes.class-twice", "A class is named twice.", "classes", "Name each once.")
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
    try:
        return codes.astype(np.int32, copy=False), _array(array.dictionary.to_pylist())
    except UnicodeError as error:
        raise Invalid("votes.id", f"A text is not UTF-8: {error}.", name, "Write the table again.") from error


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
