"""CSV (RFC 4180): cells of text, quoted where needed. Also the ground on which TSV stands.

On the way in every cell is a text. Three columns are read closer, because a record keeps more than
text there: `metadata` and `predictions` hold JSON, `priority` a whole number, and an empty cell in one
of them or in `external_id` means that the record has none.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import msgspec

from evenhand.core.errors import Invalid, Refused
from evenhand.core.record import check
from evenhand.core.release import (
    Loss,
    ReleasedAnswer,
    ReleasedColumn,
    ReleasedFile,
    ReleasedQuestion,
    ReleasedTask,
    ReleaseSchema,
)
from evenhand.formats import (
    READ_DEFAULTS,
    WRITE_DEFAULTS,
    Format,
    ReadOptions,
    Rejected,
    Row,
    WriteOptions,
    Writer,
)
from evenhand.formats.flat import GUIDE, Layout, assemble, is_text
from evenhand.formats.lines import Overlong, lines
from evenhand.formats.output import Output

BATCH_BYTES = 2**18  # characters that are gathered before they are written

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Dialect(msgspec.Struct, frozen=True):
    """How cells are told apart."""

    delimiter: str  # one character
    quote: str  # one character; "" without quoting

    def __post_init__(self) -> None:
        for name, sign in (("delimiter", self.delimiter), ("quote", self.quote or '"')):
            if len(sign) != 1 or sign in "\r\n\0":
                raise Invalid(
                    "format.option", f"{sign!r} is not one character.", name, "Take one such as ';'."
                )
        if self.delimiter == self.quote:
            raise Invalid(
                "format.option", "Delimiter and quote are the same.", "quote", "Take two different ones."
            )

    def reader(self, feed: Iterator[str]) -> Iterator[list[str]]:
        # `strict`: text behind a closing quotation mark is an error and not silently glued on.
        if not self.quote:
            return csv.reader(feed, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(feed, delimiter=self.delimiter, quotechar=self.quote, strict=True)


class Csv(Format):
    """A table of text cells."""

    name: ClassVar[str] = "csv"
    title: ClassVar[str] = "CSV"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    reads_with: ClassVar[frozenset[str]] = frozenset({"encoding", "header", "columns", "delimiter", "quote"})
    writes_with: ClassVar[frozenset[str]] = frozenset({"delimiter", "quote", "escape_formulas"})
    plain: ClassVar[Dialect] = Dialect(",", '"')  # without options
    end: ClassVar[str] = "\r\n"  # of a written line
    guide: ClassVar[str] = f"""\
## `tasks.csv`

UTF-8, comma, RFC 4180, first line = names. {GUIDE}
`annotations` and `earlier_consensus` are JSON.

    import pandas
    rows = pandas.read_csv("tasks.csv", dtype=str, keep_default_na=False)

Cells that begin with `=`, `+`, `-` or `@` stand as they are. A spreadsheet may run such a cell as a formula:
do not open data that you do not trust in one, or export with `escape_formulas`, which puts `'` in front.
"""

    def read(self, source: BinaryIO, options: ReadOptions = READ_DEFAULTS) -> Iterator[Row | Rejected]:
        dialect = self._dialect(options)
        feed = _Feed(lines(source, options, dialect.quote.encode()), options.limit)
        rows = _records(feed, dialect)
        header = self._header(rows, options, dialect)
        for row in rows:
            if isinstance(row, Rejected):
                yield row
            elif (names := header.names(len(row[1]))) is None:
                reason = f"{len(row[1])} cells, where the header has {header.width}."
                yield Rejected(row[0], "", reason)
            else:
                yield Row(row[0], header.record(names, row[1]))

    def _dialect(self, options: ReadOptions | WriteOptions) -> Dialect:
        delimiter = self.plain.delimiter if options.delimiter is None else options.delimiter
        return Dialect(delimiter, self.plain.quote if options.quote is None else options.quote)

    def _header(self, rows: Iterator[_Cells | Rejected], options: ReadOptions, dialect: Dialect) -> _Header:
        """The names of the columns, out of the first row where there is one with names."""
        has_header = options.columns is None if options.header is None else options.header
        first = next(rows, None) if has_header else None
        if has_header and first is None:
            raise Invalid("format.empty", "There is no header: the file is empty.", "", "Send another file.")
        if isinstance(first, Rejected):
            raise Invalid("format.header", f"The header cannot be read: {first.reason}", f"line {first.line}")
        names = list(options.columns or (first[1] if first else ()))
        if first and len(names) != len(first[1]):
            reason = f"{len(names)} columns are named, and the header has {len(first[1])}."
            raise Invalid("format.header", reason, "columns", "Name as many as there are.")
        if first and len(names) == 1 and options.delimiter is None:
            _refuse_other_delimiter(names[0], dialect)
        return _Header(names, dialect)

    def loss(self, schema: ReleaseSchema, options: WriteOptions = WRITE_DEFAULTS) -> tuple[Loss, ...]:
        quoted = bool(self._dialect(options).quote)
        found = [loss for column in schema.columns for loss in _column_loss(column, quoted)]
        if options.escape_formulas:
            reason = "Texts that begin with = + - @ have a ' in front, as asked for."
            found += [
                Loss(part=part, where="", reason=reason) for part in ("data", "external_id", "consensus")
            ]
        return tuple(found)

    def open_writer(self, schema: ReleaseSchema, folder: Path, options: WriteOptions) -> Writer:
        layout, dialect = Layout(schema), self._dialect(options)
        output = Output(folder / f"tasks{self.suffixes[0]}")
        return _TableWriter(layout, _CellWriter(dialect, self.end, options), output)

    def restore(self, record: bytes, schema: ReleaseSchema) -> ReleasedTask:
        row, layout = _decode(record), Layout(schema)
        own = layout.own
        data = {column.name: row.get(column.name) for column in schema.columns}
        consensus = {
            question.id: ReleasedAnswer(
                value=_value(row[own[f"consensus.{question.id}"]], question, self.plain),
                confidence=float(row[own[f"confidence.{question.id}"]]),
                method=row[own[f"method.{question.id}"]],
            )
            for question in schema.questions
            if row.get(own[f"method.{question.id}"])
        }
        cells = {
            own[name]: _text(row.get(own[name], "")) for name in ("metadata", "predictions") if name in own
        }
        flat = {"external_id": None, **row, **cells}
        return assemble(layout, flat, msgspec.Raw(_encode(data)), consensus)


# -- in ----------------------------------------------------------------------------------------

_Cells = tuple[int, list[str]]  # the line where the row starts, its cells


class _TooLong(Exception):
    """A row is longer than the limit; raised out of the feed, through the csv module."""


class _Feed:
    """Gives the csv module one line after the other and knows where its row began.

    The module asks for another line only while a quotation mark is open, so a row that grows beyond
    the limit is known to be inside one.
    """

    def __init__(self, source: Iterator[bytes | Overlong], limit: int) -> None:
        self._source = source
        self._limit = limit
        self._quotes = 0  # in the line that was too long
        self.line = 0  # of the line given last
        self.size = 0  # bytes of the row so far
        self.nul = False  # the row holds a NUL character
        self.open = False  # a quotation mark is open behind the line that was too long

    def __iter__(self) -> _Feed:
        return self

    def begin(self) -> int:
        """A new row begins. Returns the number of its first line."""
        self.size = 0
        self.nul = False
        return self.line + 1

    def __next__(self) -> str:
        line = next(self._source)
        self.line += 1
        inside = self.size > 0
        self.size += line.size if isinstance(line, Overlong) else len(line) + 1
        if isinstance(line, Overlong) or self.size > self._limit:
            self._quotes = line.quotes if isinstance(line, Overlong) else 0
            self._last = line
            self.open = inside
            raise _TooLong
        if b"\0" in line:
            self.nul = True
        return line.decode() + "\n"

    def skip(self, quote: str) -> None:
        """Passes over the rest of a row that is too long.

        Doubled quotation marks come in pairs, so an odd number of marks opens or closes a cell.
        """
        line: bytes | Overlong | None = self._last
        mark = quote.encode()
        while line is not None:
            marks = line.quotes if isinstance(line, Overlong) else line.count(mark) if mark else 0
            self.open ^= bool(marks % 2)
            if not self.open:
                return
            line = next(self._source, None)
            self.line += line is not None
            self.size += line.size if isinstance(line, Overlong) else len(line or b"")


def _records(feed: _Feed, dialect: Dialect) -> Iterator[_Cells | Rejected]:
    """Rows of cells, blank lines left out."""
    # The module's own limit holds for the whole process and is 128 KiB; the feed keeps ours instead.
    csv.field_size_limit(2**31 - 1)
    reader = dialect.reader(feed)
    while True:
        start = feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            feed.skip(dialect.quote)
            yield Rejected(start, "", f"More than {feed._limit:,} bytes in one row ({feed.size:,}).")
        except csv.Error as error:
            yield Rejected(start, "", _quoting(error, start, feed.line))
        else:
            if feed.nul:
                yield Rejected(start, "", "This row holds a NUL character.")
            elif cells:
                yield start, cells


def _quoting(error: csv.Error, start: int, end: int) -> str:
    """What the csv module's error means."""
    lines_ = f"lines {start} to {end}" if end > start else "this line"
    if "end of data" in str(error):
        return f"A quotation mark opens in line {start} and never closes; {lines_} are lost with it."
    if "expected after" in str(error):
        return f"There is text behind a closing quotation mark in {lines_}; double the marks inside a cell."
    return f"The cells of {lines_} cannot be told apart: {error}."


class _Header:
    """The names of the columns, and how a row becomes a record."""

    def __init__(self, names: list[str], dialect: Dialect) -> None:
        self._names = [name or f"c{i}" for i, name in enumerate(names, 1)]
        self.width = len(names)
        twice = [name for name, count in Counter(self._names).items() if count > 1]
        if twice:
            reason = f"Two columns are called {min(twice)!r}."
            raise Invalid("format.header", reason, "line 1", "Rename one, or name all columns by --columns.")
        self._special = [i for i, name in enumerate(self._names) if name in _SPECIAL]

    def names(self, width: int) -> list[str] | None:
        """The names for a row of so many cells; None if it has more or fewer than the header."""
        if not self._names:  # a file without a header: its first row says how many there are
            self._names = [f"c{i}" for i in range(1, width + 1)]
            self.width = width
        return self._names if width == self.width else None

    def record(self, names: list[str], cells: list[str]) -> bytes:
        record: dict[str, Any] = dict(zip(names, cells, strict=True))
        for i in self._special:
            name = names[i]
            if not cells[i]:
                del record[name]
            else:
                record[name] = _SPECIAL[name](cells[i])
        return _encode(record)


def _json_cell(cell: str) -> Any:
    """The JSON in a cell, or the cell itself: a column of that name may be mapped to another later on."""
    raw = cell.encode()
    if cell[0] not in "{[" or check(b'{"":' + raw + b"}"):
        return cell
    return msgspec.Raw(raw)


def _whole_number(cell: str) -> str | int:
    return int(cell) if re.fullmatch(r"-?[0-9]{1,18}", cell) else cell


_SPECIAL: dict[str, Callable[[str], Any]] = {
    "external_id": str,
    "metadata": _json_cell,
    "predictions": _json_cell,
    "priority": _whole_number,
}


def _refuse_other_delimiter(name: str, dialect: Dialect) -> None:
    """One column whose name holds another delimiter is nearly always a table read with the wrong one."""
    for sign, spelt in ((";", "';'"), ("\t", r"$'\t'"), (",", "','"), ("|", "'|'")):
        if sign != dialect.delimiter and sign in name:
            reason = f"The header is one column, {name[:80]!r}, that holds the character {sign!r}."
            remedy = f"Say --delimiter {spelt}, or --delimiter '{dialect.delimiter}' if it is one column."
            raise Invalid("format.delimiter", reason, "line 1", remedy)


# -- out ---------------------------------------------------------------------------------------


def _column_loss(column: ReleasedColumn, quoted: bool) -> Iterator[Loss]:
    """What becomes of a column of the data in cells of text."""

    def lost(reason: str) -> Loss:
        return Loss(part="data", where=column.name, reason=reason)

    kind = column.schema.get("type")
    if kind not in ("string", ["string", "null"]):
        yield lost("Numbers, booleans, lists and objects become text (JSON).")
    if column.optional or kind == ["string", "null"]:
        yield lost("A missing value, null and an empty text all become an empty cell.")
    if not column.name:
        yield lost("A column without a name gets one.")
    if not quoted and (column.breaks or re.search("[\t\r\n]", column.name)):
        yield lost("Tabs and line breaks become blanks.")


def _text(value: Any) -> str:
    """A value of the data as a cell."""
    if type(value) is str:
        return value
    return "" if value is None else _encode(value).decode()


def _value(cell: str, question: ReleasedQuestion, dialect: Dialect) -> msgspec.Raw:
    """The answer in a cell; the inverse of `_CellWriter.answer`."""
    as_json = not is_text(question.schema) or (not dialect.quote and cell.startswith('"'))
    return msgspec.Raw(cell.encode() if as_json else _encode(cell))


class _CellWriter:
    """Turns rows of cells into lines of text."""

    def __init__(self, dialect: Dialect, end: str, options: WriteOptions) -> None:
        self._dialect = dialect
        self._end = end
        self._options = options
        self._buffer = io.StringIO(newline="")
        quote = dialect.quote or '"'
        self._writer = csv.writer(
            self._buffer, delimiter=dialect.delimiter, quotechar=quote, lineterminator=end
        )
        self._breaks = re.compile(f"[\r\n{re.escape(dialect.delimiter)}]")

    def add(self, cells: list[str], where: str) -> None:
        """Appends a row.

        Raises:
            Refused: without quoting, a cell holds what would end it, and the loss was not accepted.
        """
        if self._options.escape_formulas:
            cells = [f"'{cell}" if cell[:1] in _FORMULA else cell for cell in cells]
        if self._dialect.quote:
            self._writer.writerow(cells)
        else:
            line = self._dialect.delimiter.join(cells)
            if self._breaks.search(line, 0) and self._breaks_in(cells):
                line = self._dialect.delimiter.join(self._blank(cells, where))
            self._buffer.write(line + self._end)

    def _breaks_in(self, cells: list[str]) -> bool:
        return any(map(self._breaks.search, cells))

    def _blank(self, cells: list[str], where: str) -> list[str]:
        if not self._options.accept_loss:
            reason = "A cell holds a line break or the delimiter, and there is no quoting."
            raise Refused(
                "format.loss", reason, where, "Take another format, or accept the loss (--accept-loss)."
            )
        return [self._breaks.sub(" ", cell) for cell in cells]

    def answer(self, value: bytes, question: ReleasedQuestion) -> str:
        """An answer as a cell: a text as it is, else JSON.

        Without quoting, a text that could not stand as it is becomes JSON too, where breaks are escaped.
        """
        if not is_text(question.schema):
            return value.decode()
        text: str = msgspec.json.decode(value)
        plain = self._dialect.quote or not (text.startswith('"') or self._breaks.search(text))
        return text if plain else value.decode()

    def take(self, least: int) -> bytes:
        """What was added, in UTF-8, once it is this many characters."""
        if self._buffer.tell() < least:
            return b""
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text.encode()


_FORMULA = frozenset("=+-@\t\r")  # what makes a spreadsheet run a cell (OWASP, "CSV injection")


class _TableWriter(Writer):
    def __init__(self, layout: Layout, cells_out: _CellWriter, output: Output) -> None:
        self._layout = layout
        self._cells_out = cells_out
        self._output = output
        self._known = frozenset(layout.data)
        cells_out.add(list(layout.names), "header")

    def add(self, task: ReleasedTask) -> None:
        data = _decode(task.data)
        if not data.keys() <= self._known:
            self._layout.check(data, task)
        cells = [_text(data.get(name)) for name in self._layout.data]
        cells += [task.task_id, task.external_id or "", bytes(task.metadata).decode()]
        earlier = self._layout.earlier(task)
        for question in self._layout.schema.questions:
            answer = None if question.id in earlier else task.consensus.get(question.id)
            cells += self._consensus(answer, question)
        cells += [_encode(earlier).decode() if earlier else "", _encode(task.annotations).decode()]
        if self._layout.schema.reviewed:
            cells.append(_encode(task.review).decode() if task.review else "")
        if self._layout.schema.predicted:
            cells.append(_encode(task.predictions).decode() if task.predictions else "")
        if self._layout.schema.weighed:
            cells.append(self._layout.probabilities(task, earlier).decode())
        self._cells_out.add(cells, task.task_id)
        self._output.write(self._cells_out.take(BATCH_BYTES))

    def _consensus(self, answer: ReleasedAnswer | None, question: ReleasedQuestion) -> tuple[str, str, str]:
        if answer is None:
            return "", "", ""
        value = self._cells_out.answer(bytes(answer.value), question)
        return value, repr(answer.confidence), answer.method

    def close(self) -> tuple[ReleasedFile, ...]:
        self._output.write(self._cells_out.take(0))
        return (self._output.keep(),)

    def abort(self) -> None:
        self._output.drop()
