"""Parquet (parquet.apache.org): typed columns, through pyarrow, which is loaded when first needed.

In: what JSON has (text, numbers, booleans, null, lists, structs) is carried as it is; maps as lists of
pairs; dates, times and timestamps as ISO 8601 text (UTC with Z; to the nanosecond); durations as ISO 8601
text; decimals as text, so that no digit is lost. Binary columns are refused, for JSON has no bytes. NaN
and infinities reject their row, or become null by the option ``nan="null"``.

Out: a column has a type where all of its values share one that carries them exactly, else it holds JSON
text. Which, is noted in the field's metadata under the key ``evenhand``, so that reading is the inverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

import msgspec

from evenhand.core.errors import Broken, Invalid
from evenhand.core.label import Json
from evenhand.core.record import check
from evenhand.core.release import (
    Loss,
    ReleasedAnnotation,
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
    refuse_compressed,
)
from evenhand.formats.apart import read_apart
from evenhand.formats.flat import GUIDE, Layout, assemble
from evenhand.formats.output import Output

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
READ_ROWS = 1024  # rows decoded at once, at most
READ_BYTES = 2**25  # of columns decoded at once, as far as the file tells the truth about itself
GROUP_ROWS = 10_000  # rows in a row group that we write
GROUP_BYTES = 2**25  # of data in a row group that we write; what a writer holds in memory

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Parquet(Format):
    """A table of typed columns."""

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    reads_with: ClassVar[frozenset[str]] = frozenset({"nan"})
    guide: ClassVar[str] = f"""\
## `tasks.parquet`

{GUIDE}
Columns have types where all values share one; others, and `metadata` and `earlier_consensus`, hold JSON text.
`annotations` is a list of structs (`annotator`, `kind`, `answers`, `seconds`, `submitted_at`, `receipt`,
`surplus`), in which `answers` is JSON text: the very bytes that the ledger has committed to.

    import pandas
    rows = pandas.read_parquet("tasks.parquet")

    from datasets import load_dataset
    rows = load_dataset("parquet", data_files="tasks.parquet")
"""

    def recognises(self, head: bytes) -> bool:
        return head.startswith(MAGIC)

    def read(self, source: BinaryIO, options: ReadOptions = READ_DEFAULTS) -> Iterator[Row | Rejected]:
        return read_apart(read_here, source, options)

    def loss(self, schema: ReleaseSchema, options: WriteOptions = WRITE_DEFAULTS) -> tuple[Loss, ...]:
        return ()

    def open_writer(self, schema: ReleaseSchema, folder: Path, options: WriteOptions) -> Writer:
        return _ParquetWriter(Layout(schema), folder)

    def restore(self, record: bytes, schema: ReleaseSchema) -> ReleasedTask:
        row, raw, layout = _decode(record), _decode_raw(record), Layout(schema)
        own = layout.own
        data = {name: raw[name] for name in layout.data if name in raw}
        consensus = {
            question.id: ReleasedAnswer(
                value=raw[own[f"consensus.{question.id}"]],
                confidence=row[own[f"confidence.{question.id}"]],
                method=row[own[f"method.{question.id}"]],
            )
            for question in schema.questions
            if row.get(own[f"method.{question.id}"])
        }
        earlier = row.get(own["earlier_consensus"])
        flat = {**row, own["earlier_consensus"]: earlier and _encode(earlier)}
        flat[own["metadata"]] = _encode(row.get(own["metadata"], {})).decode()
        flat[own["annotations"]] = _encode([_as_released(a) for a in row.get(own["annotations"], ())])
        if "review" in own:
            review = row.get(own["review"])
            flat[own["review"]] = review and _encode(review)
        if "predictions" in own:
            predictions = row.get(own["predictions"])
            flat[own["predictions"]] = predictions and _encode(predictions)
        if "probabilities" in own:
            known = row.get(own["probabilities"])
            flat[own["probabilities"]] = known and _encode(known).decode()
        return assemble(layout, flat, msgspec.Raw(_encode(data)), consensus)


def _as_released(annotation: dict[str, Any]) -> dict[str, Any]:
    """An annotation as a release spells it: milliseconds in full, and answers as JSON instead of text."""
    at = datetime.fromisoformat(annotation["submitted_at"]).isoformat(timespec="milliseconds")
    answers = msgspec.Raw(annotation["answers"].encode())
    return {**annotation, "submitted_at": at.replace("+00:00", "Z"), "answers": answers}


# -- in ----------------------------------------------------------------------------------------


def read_here(source: BinaryIO, options: ReadOptions) -> Iterator[Row | Rejected]:
    """The rows of a file, read in this process: pyarrow aborts on some damaged files, hence `read_apart`."""
    _refuse_other_files(source)
    table = _guarded(lambda: _open(source))
    columns = [_Column(field, options) for field in table.schema_arrow]
    _check_names([column.name for column in columns])
    batches = table.iter_batches(_batch_rows(table.metadata), use_threads=False)
    number = 0
    while (batch := _guarded(lambda: next(batches, None))) is not None:
        for row in _rows(batch, columns, options):
            number += 1
            yield Row(number, row) if isinstance(row, bytes) else Rejected(number, row.path, row.reason)


def _guarded(step: Callable[[], Any]) -> Any:
    """A step of pyarrow's. Damaged files make it raise nearly everything that Python has."""
    try:
        return step()
    except MemoryError:
        raise  # ends the child, which is reported as such
    except Exception as error:
        reason = f"This Parquet file is damaged or of an unknown kind: {_first_line(error)}."
        remedy = "Write it again and check that it is complete."
        raise Invalid("format.damaged", reason, "", remedy) from error


def _refuse_other_files(source: BinaryIO) -> None:
    head = source.read(6)
    source.seek(0)
    refuse_compressed(head)
    if not head.startswith(MAGIC):
        reason = (
            "This file is empty." if not head else "This is no Parquet file: it does not begin with PAR1."
        )
        raise Invalid("format.damaged", reason, "byte 1", "Send a Parquet file, or name its format.")


def _open(source: BinaryIO) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(source, pre_buffer=False)


def _batch_rows(metadata: Any) -> int:
    """How many rows to decode at once, so that rows of megabytes do not add up."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=1)
    return max(1, min(READ_ROWS, int(READ_BYTES / max(widest, 1))))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:300]


def _check_names(names: list[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Invalid("format.header", f"Two columns are called {min(twice)!r}.", min(twice), "Rename one.")


class _Fault(msgspec.Struct, frozen=True):
    """Why a value or a row cannot be carried."""

    path: str
    reason: str


class _Column:
    """How the values of one column become JSON."""

    def __init__(self, field: pa.Field, options: ReadOptions) -> None:
        self.name: str = field.name
        kind = (field.metadata or {}).get(b"evenhand")
        self.json = kind == b"json"
        self.absent = kind in (b"json", b"absent")  # null means that the row lacks the key
        self._null = options.nan == "null"
        _refuse(field.type, self.name)

    def values(self, array: pa.Array) -> list[Any]:
        """One value a row, with a `_Fault` where there is none that JSON could carry."""
        try:
            values = _to_python(array)
        except Exception:  # pyarrow raises what Python's own types raise: years beyond 9999, bad UTF-8, ...
            values = [_one_to_python(array.slice(i, 1), self.name) for i in range(len(array))]
        if self.json:
            return [_claimed(value, self.name) if type(value) is str else value for value in values]
        if _has_nonfinite(array):
            return [_finite(value, self.name, self._null) for value in values]
        return values


def _claimed(text: str, name: str) -> Any:
    """The JSON in a cell that is said to hold JSON: anyone can write that note into a file."""
    raw = text.encode()
    fault = check(b'{"":' + raw + b"}")
    return msgspec.Raw(raw) if fault is None else _Fault(name + fault.path, fault.reason)


def _refuse(kind: pa.DataType, path: str) -> None:
    """Raises Invalid when JSON cannot carry values of this type."""
    import pyarrow.types as is_

    if any(
        test(kind)
        for test in (is_.is_binary, is_.is_large_binary, is_.is_fixed_size_binary, is_.is_binary_view)
    ):
        reason, remedy = "holds bytes, which JSON cannot carry", "Leave it out, or write it as text (base64)."
    elif is_.is_interval(kind) or is_.is_union(kind):
        reason, remedy = f"is of type {kind}, which JSON cannot carry", "Write it as text."
    elif (is_.is_time(kind) or is_.is_duration(kind)) and kind.unit == "ns":
        reason, remedy = f"is of type {kind}, which is too fine to be carried exactly", "Use microseconds."
    elif is_.is_dictionary(kind):
        return _refuse(kind.value_type, path)
    else:
        for i in range(kind.num_fields):
            _refuse(kind.field(i).type, f"{path}.{kind.field(i).name}")
        return
    raise Invalid("format.column", f"The column {reason}.", path, remedy)


def _to_python(array: pa.Array) -> list[Any]:
    """One Python value a row.

    Goes down column by column: pyarrow's own way, row by row, takes twenty times as long on structs.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_timestamp(kind):
        naive = array.cast(pa.timestamp(kind.unit))  # Arrow keeps UTC, so this is UTC without saying so
        array = pc.strftime(naive, format="%Y-%m-%dT%H:%M:%S" + ("Z" if kind.tz else ""))
    elif pa.types.is_float16(kind):
        array = array.cast(pa.float32())
    elif pa.types.is_dictionary(kind):
        used = array.indices.unique()  # a batch's dictionary is that of its whole row group
        texts = dict(zip(used.to_pylist(), _to_python(array.dictionary.take(used)), strict=True))
        return [texts[i] for i in array.indices.to_pylist()]
    elif pa.types.is_struct(kind):
        return _structs(array)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = iter(_to_python(array.flatten()))
        lengths = array.value_lengths().to_pylist()
        return [None if length is None else list(islice(values, length)) for length in lengths]
    return cast(list[Any], array.to_pylist())


def _structs(array: pa.StructArray) -> list[Any]:
    names = [field.name for field in array.type]
    if not names:
        return cast(list[Any], array.to_pylist())
    rows = zip(*map(_to_python, array.flatten()), strict=True)
    valid = array.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if ok else None for row, ok in zip(rows, valid, strict=True)]


def _one_to_python(one: pa.Array, name: str) -> Any:
    """The only value of this array, or why it cannot be carried."""
    try:
        return _to_python(one)[0]
    except Exception as error:
        return _Fault(name, f"This value cannot be carried: {_first_line(error)}.")


def _has_nonfinite(array: pa.Array) -> bool:
    """Whether there is NaN or an infinity at any depth. Fast, so that most columns need no closer look."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(array.type):
        return not pc.all(pc.is_finite(array), min_count=0).as_py()
    if pa.types.is_dictionary(array.type):
        return _has_nonfinite(array.dictionary)
    if pa.types.is_struct(array.type):
        return any(map(_has_nonfinite, array.flatten()))
    if pa.types.is_map(array.type):
        return _has_nonfinite(array.keys) or _has_nonfinite(array.items)
    return pa.types.is_nested(array.type) and _has_nonfinite(array.flatten())


def _finite(value: Any, path: str, null: bool) -> Any:
    """The value with null for each NaN and infinity; or a `_Fault` at the first one."""
    if type(value) is float and not math.isfinite(value):
        return None if null else _Fault(path, f"{value} is not a JSON number; nan=null reads it as null.")
    if isinstance(value, (list, tuple)):
        children: Any = [_finite(child, f"{path}[{i}]", null) for i, child in enumerate(value)]
        return next((child for child in children if type(child) is _Fault), children)
    if type(value) is dict:
        children = {name: _finite(child, f"{path}.{name}", null) for name, child in value.items()}
        return next((child for child in children.values() if type(child) is _Fault), children)
    return value


def _rows(
    batch: pa.RecordBatch, columns: Sequence[_Column], options: ReadOptions
) -> Iterator[bytes | _Fault]:
    """The records of a batch."""
    names = [column.name for column in columns]
    absent = [column.name for column in columns if column.absent]
    lists = [column.values(array) for column, array in zip(columns, batch.columns, strict=True)]
    for values in zip(*lists, strict=True) if lists else ():
        fault = next((value for value in values if type(value) is _Fault), None)
        yield fault or _record(dict(zip(names, values, strict=True)), absent, options.limit)


def _record(row: dict[str, Any], absent: list[str], limit: int) -> bytes | _Fault:
    for name in absent:
        if row[name] is None:
            del row[name]
    record = _encode(row)
    if len(record) > limit:
        return _Fault("", f"{len(record):,} bytes in one row; the limit is {limit:,}.")
    if b"\\u0000" in record:
        fault = check(record)
        return record if fault is None else _Fault(fault.path, fault.reason)
    return record


# -- out ---------------------------------------------------------------------------------------


def arrow_type(schema: Mapping[str, Json]) -> pa.DataType | None:
    """The Arrow type that carries every value of this JSON Schema exactly; None if there is none."""
    import pyarrow as pa

    kind = schema.get("type")
    if isinstance(kind, list) and len(kind) == 2 and "null" in kind:
        kind = next(one for one in kind if one != "null")
    if kind is None and "enum" in schema:
        kinds = {type(value) for value in schema["enum"]}
        kind = {str: "string", int: "integer"}.get(kinds.pop()) if len(kinds) == 1 else None
    if kind == "array":
        inner = arrow_type(schema["items"]) if isinstance(schema.get("items"), dict) else None
        return None if inner is None or "prefixItems" in schema else pa.list_(inner)
    if kind == "object":
        return _struct_type(schema)
    plain: dict[Any, Callable[[], pa.DataType]] = {
        "string": pa.string,
        "integer": pa.int64,
        "number": pa.float64,
        "boolean": pa.bool_,
    }
    return plain[kind]() if isinstance(kind, str) and kind in plain else None


def _struct_type(schema: Mapping[str, Json]) -> pa.DataType | None:
    """A struct, if every object has the same keys: a struct cannot tell a missing key from null."""
    import pyarrow as pa

    properties: dict[str, Any] = schema.get("properties", {})
    fixed = schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(properties)
    if not properties or not fixed:
        return None
    kinds = {name: arrow_type(inner) for name, inner in properties.items()}
    if any(kind is None for kind in kinds.values()):
        return None
    return pa.struct(list(kinds.items()))


def _column_type(column: ReleasedColumn) -> pa.DataType | None:
    """As `arrow_type`; None too where null and a missing key both occur: a cell cannot tell them apart."""
    nullable = isinstance(column.schema.get("type"), list)
    return None if column.optional and nullable else arrow_type(column.schema)


def _annotation_type() -> pa.DataType:
    import pyarrow as pa

    return pa.struct(
        {
            "annotator": pa.string(),
            "kind": pa.string(),
            "answers": pa.string(),
            "seconds": pa.float64(),
            "submitted_at": pa.timestamp("ms", "UTC"),
            "receipt": pa.struct({"stream": pa.string(), "n": pa.int64(), "leaf": pa.string()}),
            "surplus": pa.bool_(),
        }
    )


class _ParquetWriter(Writer):
    """Gathers rows and writes a row group at a time."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        import pyarrow.parquet as pq

        self._layout = layout
        self._known = frozenset(layout.data)
        self._types = {column.name: _column_type(column) for column in layout.schema.columns}
        self._answers = {question.id: arrow_type(question.schema) for question in layout.schema.questions}
        self._schema = _file_schema(layout, self._types, self._answers)
        self._tasks: list[ReleasedTask] = []
        self._held = 0  # bytes of data in `_tasks`
        self._output = Output(folder / "tasks.parquet")
        self._file = pq.ParquetWriter(self._output, self._schema, compression="zstd")

    def add(self, task: ReleasedTask) -> None:
        self._tasks.append(task)
        self._held += len(task.data)
        if self._held > GROUP_BYTES or len(self._tasks) == GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._tasks:
            arrays = [*self._data(), *self._own()]
            self._file.write_batch(pa.record_batch(arrays, schema=self._schema), row_group_size=GROUP_ROWS)
        self._tasks.clear()
        self._held = 0

    def _data(self) -> Iterator[pa.Array]:
        """The columns of the data."""
        import pyarrow as pa

        rows = [_decode(task.data) for task in self._tasks]
        for row, task in zip(rows, self._tasks, strict=True):
            if not row.keys() <= self._known:
                self._layout.check(row, task)
        raws = [_decode_raw(task.data) for task in self._tasks] if None in self._types.values() else []
        for name, kind in self._types.items():
            if kind is None:
                yield pa.array([bytes(raw[name]) if name in raw else None for raw in raws], pa.string())
            else:
                array, strange = _array([row.get(name) for row in rows], kind)
                if strange:
                    reason = f"The column {name!r} holds what the survey of the release has not seen."
                    raise Broken("release.column", reason, self._tasks[strange[0]].task_id)
                yield array

    def _own(self) -> Iterator[pa.Array]:
        """Our columns."""
        import pyarrow as pa

        yield pa.array([task.task_id for task in self._tasks], pa.string())
        yield pa.array([task.external_id for task in self._tasks], pa.string())
        yield pa.array([bytes(task.metadata) for task in self._tasks], pa.string())
        earlier = [self._layout.earlier(task) for task in self._tasks]
        for question in self._layout.schema.questions:
            yield from self._consensus(question, earlier)
        yield pa.array([_encode(answers) if answers else None for answers in earlier], pa.string())
        yield _annotations([task.annotations for task in self._tasks])
        if self._layout.schema.reviewed:
            yield pa.array(
                [_encode(task.review) if task.review else None for task in self._tasks], pa.string()
            )
        if self._layout.schema.predicted:
            yield pa.array(
                [_encode(task.predictions) if task.predictions else None for task in self._tasks], pa.string()
            )
        if self._layout.schema.weighed:
            known = map(self._layout.probabilities, self._tasks, earlier)
            yield pa.array([one or None for one in known], pa.string())

    def _consensus(
        self, question: ReleasedQuestion, earlier: list[dict[str, ReleasedAnswer]]
    ) -> Iterator[pa.Array]:
        """The three columns of a question. Answers that its type does not fit are moved to `earlier`."""
        import pyarrow as pa

        answers = [
            None if question.id in moved else task.consensus.get(question.id)
            for task, moved in zip(self._tasks, earlier, strict=True)
        ]
        values, strange = _answer_array(answers, self._answers[question.id])
        for i in strange:
            earlier[i] = {**earlier[i], question.id: cast(ReleasedAnswer, answers[i])}
            answers[i] = None
        yield values
        yield pa.array([answer and answer.confidence for answer in answers], pa.float64())
        yield pa.array([answer and answer.method for answer in answers], pa.string())

    def close(self) -> tuple[ReleasedFile, ...]:
        self._flush()
        self._file.close()
        return (self._output.keep(),)

    def abort(self) -> None:
        if not self._output.closed:
            self._file.close()  # else it would try to write its footer when it is collected
            self._output.drop()


def _file_schema(
    layout: Layout, types: Mapping[str, pa.DataType | None], answers: Mapping[str, pa.DataType | None]
) -> pa.Schema:
    """The columns of the file with their types and notes, in the order of `Layout.names`."""
    import pyarrow as pa

    def field(name: str, kind: pa.DataType | None, note: str = "") -> pa.Field:
        known = note if kind is not None else "json"
        return pa.field(
            name, pa.string() if kind is None else kind, metadata={"evenhand": known} if known else None
        )

    own = layout.own
    fields = [
        field(column.name, types[column.name], "absent" if column.optional else "")
        for column in layout.schema.columns
    ]
    fields += [
        field(own["task_id"], pa.string()),
        field(own["external_id"], pa.string()),
        field(own["metadata"], None),
    ]
    for question in layout.schema.questions:
        fields.append(field(own[f"consensus.{question.id}"], answers[question.id]))
        fields.append(field(own[f"confidence.{question.id}"], pa.float64()))
        fields.append(field(own[f"method.{question.id}"], pa.string()))
    fields.append(field(own["earlier_consensus"], None))
    fields.append(field(own["annotations"], pa.list_(_annotation_type())))
    more = ("review", "predictions", "probabilities")
    fields += [field(own[name], None) for name in more if name in own]
    return pa.schema(fields)


def _answer_array(
    answers: Sequence[ReleasedAnswer | None], kind: pa.DataType | None
) -> tuple[pa.Array, list[int]]:
    """The answers as an array, and which of them do not fit: their question was of another type earlier."""
    import pyarrow as pa

    raws = [None if answer is None else bytes(answer.value) for answer in answers]
    if kind is None:
        return pa.array(raws, pa.string()), []
    return _array([None if raw is None else msgspec.json.decode(raw) for raw in raws], kind)


def _array(values: list[Any], kind: pa.DataType) -> tuple[pa.Array, list[int]]:
    """The values as an array of this type, and which of them it cannot carry; these are null in it."""
    import pyarrow as pa

    try:
        array = pa.array(values, kind)
        # Structs take a value with keys too many or too few without a word, so we look what became of it.
        if not pa.types.is_nested(kind) or array.to_pylist() == values:
            return array, []
    except (pa.ArrowException, TypeError, ValueError):
        pass
    strange = [i for i, value in enumerate(values) if not _fits(value, kind)]
    kept = list(values)
    for i in strange:
        kept[i] = None
    return pa.array(kept, kind), strange


def _fits(value: Any, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        return bool(pa.array([value], kind).to_pylist() == [value])
    except (pa.ArrowException, TypeError, ValueError):
        return False


def _annotations(lists: Sequence[Sequence[ReleasedAnnotation]]) -> pa.Array:
    """Lists of annotations as one array: column by column, which is ten times as fast as row by row."""
    import pyarrow as pa

    flat = [annotation for inner in lists for annotation in inner]
    offsets = [0]
    for inner in lists:
        offsets.append(offsets[-1] + len(inner))
    receipts = [annotation.receipt for annotation in flat]
    receipt = pa.StructArray.from_arrays(
        [
            pa.array([receipt and receipt.stream for receipt in receipts], pa.string()),
            pa.array([receipt and receipt.n for receipt in receipts], pa.int64()),
            pa.array([receipt and receipt.leaf for receipt in receipts], pa.string()),
        ],
        fields=list(_annotation_type().field("receipt").type),
        mask=pa.array([receipt is None for receipt in receipts], pa.bool_()),
    )
    structs = pa.StructArray.from_arrays(
        [
            pa.array([annotation.annotator for annotation in flat], pa.string()),
            pa.array([annotation.kind for annotation in flat], pa.string()),
            pa.array([bytes(annotation.answers) for annotation in flat], pa.string()),
            pa.array([annotation.seconds for annotation in flat], pa.float64()),
            pa.array([annotation.submitted_at for annotation in flat], pa.string()).cast(
                pa.timestamp("ms", "UTC")
            ),
            receipt,
            pa.array([annotation.surplus for annotation in flat], pa.bool_()),
        ],
        fields=list(_annotation_type()),
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)
