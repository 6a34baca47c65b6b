"""Tables as files: read in pieces and written whole or not at all, by their names; `-` is a pipe.

A text file is UTF-8 with a header. A comma, semicolon, tab or bar may stand between its cells, and names in
the header may differ in case and in blanks around them. What is compressed (gzip, zstd, bzip2, lz4) is read
as it is.
"""

from __future__ import annotations

import csv
import io
import os
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from evenhand.core.errors import Invalid, Missing, Refused, Unavailable

Ids = npt.NDArray[Any]
Progress = Callable[[int, int | None], None]  # read so far, in all where that is known
Columns = Mapping[str, tuple[str, ...]]  # what is wanted -> the names that it may have, the first best

PIPE = Path("-")  # standard input, or standard output
DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*DELIMITERS, ".parquet")
COMPRESSED = {b"\x1f\x8b": "gzip", b"(\xb5/\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}  # behind the suffix of a text file
BLOCK = 1 << 24  # bytes of a text file that are read at once
ROWS = 1 << 18  # rows of a Parquet file that are read at once
MISSING = ["", "NaN", "nan"]  # what a cell says that says nothing


# -- in -----------------------------------------------------------------------------------------


def pieces_of(path: Path, wanted: Columns) -> Iterator[tuple[int | None, list[Any]]]:
    """(rows in all where known, the columns wanted of some rows) until the file ends.

    Raises:
        Missing: there is no such file. Invalid: it cannot be read, or lacks a column.
    """
    import pyarrow as pa

    if path.is_file() and suffix_of(path) not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        reason = "By its name this is no table."
        raise Invalid("votes.suffix", reason, str(path), f"End it in one of: {known}.")
    try:
        with opened(path) as file:
            parquet = file.peek(4)[:4] == b"PAR1"
            yield from _parquet(path, file, wanted) if parquet else _text(path, file, wanted)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeError) as error:
        first = str(error).splitlines()[0]
        reason = f"The file cannot be read: {first.removesuffix('.')}."
        raise Invalid("votes.unreadable", reason, str(path), _remedy(first)) from error


def _remedy(fault: str) -> str:
    if "UTF8" in fault or "utf-8" in fault:
        return "Save it as UTF-8."
    if "columns, got" in fault:
        return "Give each row as many cells as the header has, and put quotes around one with a delimiter."
    return "Write or fetch it again."


def there(path: Path) -> None:
    """Check that there is such a file.

    Raises:
        Missing: there is none.
    """
    if path != PIPE and (path.is_dir() or not path.exists()):
        reason = "This is a folder." if path.is_dir() else "There is no such file."
        raise Missing("votes.no-file", reason, str(path), "Name a file, or - for standard input.")


def standard_input() -> io.BufferedReader:
    """Standard input as bytes without compression. It is always the same one, so that what is looked at stays
    there to be read."""
    file = sys.stdin.buffer
    assert isinstance(file, io.BufferedReader), "a pipe, a terminal or a file"
    return _piped(file)


@lru_cache(maxsize=1)
def _piped(file: io.BufferedReader) -> io.BufferedReader:
    found = _unpacked(file)
    if found.peek(4)[:4] == b"PAR1":  # what it holds stands at its end
        return io.BufferedReader(io.BytesIO(found.read()))
    return found


def _unpacked(file: io.BufferedReader) -> io.BufferedReader:
    """The bytes of a file without compression."""
    import pyarrow as pa

    head = file.peek(4)
    codec = next((name for magic, name in COMPRESSED.items() if head.startswith(magic)), None)
    if codec is None:
        return file
    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file), codec))


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, or of standard input, without compression.

    Raises:
        Missing: there is no such file.
    """
    there(path)
    if path == PIPE:
        yield standard_input()
        return
    with path.open("rb") as file:
        yield _unpacked(file)


def header_of(path: Path) -> list[str]:
    """The names of the columns of a file: of a text file, by the delimiter that its name tells; of standard
    input by the one that gives most of them.

    Raises:
        Missing: there is no such file. Invalid: it cannot be read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with opened(path) as file:
        if file.peek(4)[:4] == b"PAR1":
            source: Any = pa.BufferReader(_all_of(file)) if path == PIPE else path
            try:
                return list(parquet.read_schema(source).names)
            except (pa.ArrowException, OSError):
                return []  # reading says what is wrong
        if path == PIPE:  # what is looked at stays there to be read
            text = file.peek(1).partition(b"\n")[0].decode("utf-8-sig", "replace").strip("\r")
            return max((_cells(text, sign) for sign in ",;\t|"), key=len)
        text = file.readline(BLOCK).decode("utf-8-sig", "replace").strip("\r\n")
    return _cells(text, DELIMITERS.get(suffix_of(path), ","))


def _all_of(file: io.BufferedReader) -> bytes:
    """What a Parquet file on standard input holds, which stays there to be read."""
    held = file.raw
    assert isinstance(held, io.BytesIO), "as _piped makes it"
    return held.getvalue()


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


class _Counting(io.RawIOBase):
    """The bytes of a file, and how many quotes were among them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.quotes += data.count(b'"')
        return data


def _text(path: Path, file: io.BufferedReader, wanted: Columns) -> Iterator[tuple[int | None, list[Any]]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    delimiter, names, columns = _header(path, file, wanted)
    if not file.peek(1):
        return
    last = [] if names[-1] in columns else [names[-1]]
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys([*columns, *last], pa.string()),
        include_columns=[*columns, *last],
        null_values=MISSING,
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    read = arrow_csv.ReadOptions(block_size=BLOCK, column_names=names)
    counting, batch = _Counting(file), None
    with arrow_csv.open_csv(counting, read, parse, convert) as reader:
        for batch in reader:
            yield None, batch.columns[: len(columns)]
    if counting.quotes % 2 and batch is not None and len(batch):
        _check_end(path, batch.column(names[-1])[-1].as_py())


def _check_end(path: Path, last: str | None) -> None:
    """An open quote takes in the rest of the file; there is an odd number of them."""
    if last is not None and "\n" in last:
        reason = f"A quote opens before {last.splitlines()[0][:80]!r} and never closes."
        remedy = 'Close it; inside of a cell in quotes double it: "".'
        raise Invalid("votes.quote", reason, str(path), remedy)


def _header(path: Path, file: io.BufferedReader, wanted: Columns) -> tuple[str, list[str], list[str]]:
    """(what stands between cells, the names of the columns, those of the columns wanted)."""
    line = file.readline(BLOCK)
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Invalid("votes.unreadable", "The file is in UTF-16.", str(path), "Save it as UTF-8.")
    if b"\0" in line:
        raise Invalid("votes.unreadable", "This is no text.", str(path), "Write a table as text or Parquet.")
    if b"\r" in line.rstrip(b"\r\n"):
        reason = "Its lines end in a carriage return alone."
        raise Invalid("votes.unreadable", reason, str(path), "Save it with the line ends of Unix or Windows.")
    text, first = line.decode("utf-8-sig", "replace").strip("\r\n"), DELIMITERS.get(suffix_of(path), ",")
    read = {sign: _cells(text, sign) for sign in dict.fromkeys((first, *",;\t|"))}

    def fit(sign: str) -> tuple[int, int]:
        found = sum(_found(read[sign], names) is not None for names in wanted.values())
        return found, 0 if found else len(read[sign])  # or what is most likely meant, for the message

    best = max(read, key=fit)
    names = read[best]
    columns = [column(names, which, wanted) for which in wanted]
    if len(set(names)) < len(names):  # two of one name that nobody asks for
        names = [name if names.index(name) == i else f"{name}\0{i}" for i, name in enumerate(names)]
    return best, names, columns


def column(names: Sequence[str], which: str, wanted: Columns) -> str:
    """The name of a column in this table: as it is wanted, or else but for case and blanks around it.

    Raises:
        Invalid: it is not there, or twice.
    """
    found = _found(names, wanted[which])
    if found is None:
        said, there_are = " or ".join(wanted[which]), ", ".join(map(_short, names)) or "none"
        remedy = (
            "Call it so in the first row, or say which it is: --task, --worker, --label; in Python task=…"
        )
        raise Invalid("votes.column", f"There is no column {said}; there are: {there_are}.", which, remedy)
    if list(names).count(found) > 1:
        raise Invalid("votes.column-twice", f"Two columns are called {found}.", which, "Rename one.")
    return found


def _found(names: Sequence[str], accepted: tuple[str, ...]) -> str | None:
    for name in accepted:
        if name in names:
            return name
    folded: dict[str, str] = {}
    for name in names:
        folded.setdefault(str(name).strip().casefold(), name)
    return next((folded[one] for name in accepted if (one := name.strip().casefold()) in folded), None)


def _short(name: Any) -> str:
    """A name as it can be shown: what is no letter of a text is escaped, what is long is cut."""
    text = str(name)
    return text[:40] if text.isprintable() else ascii(text)[1:41]


def _parquet(path: Path, file: io.BufferedReader, wanted: Columns) -> Iterator[tuple[int | None, list[Any]]]:
    import pyarrow as pa
    from pyarrow import parquet

    source: Any = path if path.is_file() else pa.BufferReader(file.read())
    with parquet.ParquetFile(source) as table:
        columns = [column(table.schema_arrow.names, which, wanted) for which in wanted]
        for batch in table.iter_batches(ROWS, columns=columns):
            yield table.metadata.num_rows, [batch.column(name) for name in columns]


def memory() -> int:
    """Bytes of memory that this process may have: of the machine, or as its limits allow."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits.append(max(limit - held, 0))
    group = Path("/sys/fs/cgroup/memory.max")  # of a container; control groups version 2
    said = group.read_text().strip() if group.is_file() else "max"
    return min([*limits, int(said)] if said.isdecimal() else limits)


def refuse_size(where: str, read: int, most: int) -> None:
    """
    Raises:
        Refused: always, with how many would do.
    """
    if not most:
        reason = "The memory that this process may have is not enough to begin."
        raise Refused("votes.memory", reason, where, "Give it a gigabyte at least.")
    reason = f"{read:,} rows or more do not fit into the memory that this process may have."
    raise Refused("votes.memory", reason, where, f"Take about {most:,} at most, or more memory.")


@contextmanager
def within_memory(where: str, read: Callable[[], int]) -> Iterator[None]:
    """Say that memory is used up as a refusal, with about the size that would do.

    Raises:
        Refused: it is used up.
    """
    try:
        yield
    except MemoryError:
        refuse_size(where, read(), read() // 2)


# -- out ----------------------------------------------------------------------------------------


def writable(path: Path, source: Path | None = None, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Tell at once that a file cannot be written, not after an hour.

    Args:
        source: the file that is read meanwhile, which must not be the same.

    Raises:
        Invalid: the name ends in none of these ways, there is no such folder, nothing can be written there,
            or it is the file that is read.
    """
    if path == PIPE:
        return
    folder = path.absolute().parent
    packed = path.suffix.lower() in PACKED  # Parquet packs by itself
    if suffix_of(path) not in (DELIMITERS if packed else suffixes):
        remedy = f"End it in one of: {', '.join(suffixes)}; or write - for standard output."
        raise Invalid("votes.suffix", "By its name this is no such file.", str(path), remedy)
    if not folder.is_dir():
        raise Invalid("votes.no-folder", "There is no such folder.", str(folder), "Make it first.")
    if path.is_dir():
        raise Invalid("votes.no-folder", "This is a folder.", str(path), "Name a file in it.")
    if not os.access(folder, os.W_OK | os.X_OK):
        reason = "Nothing can be written in this folder."
        raise Invalid("votes.not-writable", reason, str(folder), "Take another, or get the right to write.")
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        reason = "This is the file that is read."
        raise Invalid("votes.same-file", reason, str(path), "Write to another, and replace it then.")


def apart(*paths: Path | None) -> None:
    """Check that files to be written are different ones.

    Raises:
        Invalid: two are the same.
    """
    named = [path.absolute() for path in paths if path is not None and path != PIPE]
    pipes = sum(path == PIPE for path in paths)
    if len(set(named)) < len(named) or pipes > 1:
        where = str(named[0]) if pipes < 2 else str(PIPE)
        raise Invalid("votes.same-file", "Two results are to be written to one place.", where, "Name two.")


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when it is whole, and otherwise not; or standard output.

    Raises:
        Unavailable: it cannot be written, for the disk is full, say.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        if path == PIPE:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        try:
            with beside.open("wb") as file:
                yield file
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = f"The file cannot be written: {error.strerror or error}."
        remedy = "See that there is room and that you may write there."
        raise Unavailable("votes.unwritten", reason, str(path), remedy) from error


def write(path: Path, pieces: Sequence[Callable[[], Any]]) -> None:
    """Write `pyarrow.Table`s of one schema, one after the other, to a CSV, TSV or Parquet file.

    Raises:
        Invalid: the name ends otherwise, or nothing can be written there. Unavailable: the disk is full.
    """
    writable(path)
    with written(path) as file, _writer(file, path, pieces[0]().schema) as writer:
        for piece in pieces:
            writer.write_table(piece())


@contextmanager
def _writer(file: BinaryIO, path: Path, schema: Any) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    if suffix_of(path) == ".parquet":
        with parquet.ParquetWriter(file, schema) as writer:
            yield writer
        return
    delimiter = DELIMITERS.get(suffix_of(path), ",")
    options = arrow_csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
    codec = PACKED.get(path.suffix.lower())
    if codec is None:
        with arrow_csv.CSVWriter(file, schema, write_options=options) as writer:
            yield writer
        return
    with (
        pa.CompressedOutputStream(pa.PythonFile(file), codec) as packed,
        arrow_csv.CSVWriter(packed, schema, write_options=options) as writer,
    ):
        yield writer


def suffix_of(path: Path) -> str:
    """What a name ends in, less that of a compression."""
    bare = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return bare.suffix.lower()


def ids(values: Sequence[Any]) -> Ids:
    """Ids of any types as an array of objects."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def id_column(ids: Ids) -> Any:
    """Ids as a column: as they are where they are of one type that a table has, else as texts."""
    import pyarrow as pa

    try:
        return pa.array(ids)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return pa.array([None if one is None else printed(one) for one in ids.tolist()])


def printed(one: Any) -> str:
    """An id as a text that a file can hold."""
    return str(one).encode("utf-8", "backslashreplace").decode()


def rows_of(table: Iterable[Any], wanted: Columns) -> list[Any] | None:
    """The columns wanted of a list of mappings; None where this is none."""
    rows = table if isinstance(table, list | tuple) else []
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [[row.get(name) for row in rows] for name in [column(names, which, wanted) for which in wanted]]
