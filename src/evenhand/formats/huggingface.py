"""Folders that ``datasets.load_dataset`` reads with types: JSON Lines, described in the README's header.

Features are those of huggingface.co/docs/datasets. A choice is a `ClassLabel`, marks are lists of
structs whose label is one; what has no type of its own is JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.label import Json, LabelType
from evenhand.core.release import Loss, ReleasedFile, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import PIECES, OneFile, Outward, data_of, medium

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
AT_ONCE = 500  # rows whose data are held decoded
PLAIN = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}


class Feature(NamedTuple):
    """One type of ``datasets``."""

    kind: str  # "value", "class", "list", "struct", or "json": text that holds JSON
    dtype: str = ""  # of a value
    names: tuple[str, ...] = ()  # of a class
    inner: tuple[tuple[str, Feature], ...] = ()  # of a struct; of a list, one, whose name is ""


TEXT = Feature("json")


def feature(schema: Mapping[str, Json]) -> Feature:
    """The type of what this JSON Schema describes."""
    enum = schema.get("enum")
    if enum is not None:
        return Feature("class", names=tuple(enum)) if all(isinstance(v, str) for v in enum) else TEXT
    kind = schema.get("type")
    if isinstance(kind, list):  # with null, which every type has
        kind = kind[0] if len(kind) == 2 and kind[1] == "null" else None
    if kind in PLAIN:
        return Feature("value", PLAIN[str(kind)])
    if kind == "array" and schema.get("items"):
        return Feature("list", inner=(("", feature(schema["items"])),))
    if kind == "object" and schema.get("properties"):
        return Feature("struct", inner=tuple((n, feature(s)) for n, s in schema["properties"].items()))
    return TEXT


def whole(kind: Feature) -> bool:
    """Whether nothing of it is JSON text."""
    return kind.kind != "json" and all(whole(inner) for _, inner in kind.inner)


Convert = Callable[[Json], Json]


def converter(kind: Feature, numbered: bool) -> Convert:
    """Makes what this type holds of a value: all keys of a struct, classes by name or by number.

    It is put together once for a column, since a question of each value what it is takes longer than
    the rest. A class that a later version took off the list becomes null.
    """
    inner = [(name, converter(one, numbered)) for name, one in kind.inner]
    classes = {name: i if numbered else name for i, name in enumerate(kind.names)}
    match kind.kind:
        case "class":
            return classes.get
        case "list":
            each = inner[0][1]
            if numbered and each is _as_is:
                return _as_is
            return lambda value: None if value is None else [each(one) for one in value]
        case "struct":
            # Most parts stay as they are, and a call for each of them would take longer than the rest.
            parts = [(n, None if one is _as_is else one) for n, one in inner]
            if numbered:  # Arrow takes what is missing for null, and knows its keys
                return _changed([(n, one) for n, one in parts if one is not None])
            return lambda value: (
                None
                if value is None
                else {n: value.get(n) if one is None else one(value.get(n)) for n, one in parts}
            )
        case "json":
            return lambda value: None if value is None else _encode(value).decode()
    if kind.dtype == "float64":
        return lambda value: None if value is None else float(value)
    return _as_is


def _as_is(value: Json) -> Json:
    return value


def _changed(parts: Sequence[tuple[str, Convert]]) -> Convert:
    """Makes a struct of one by changing these parts of it."""
    if not parts:
        return _as_is
    if len(parts) == 1:
        ((name, one),) = parts
        return lambda value: None if value is None else {**value, name: one(value.get(name))}
    return lambda value: None if value is None else {**value, **{n: one(value.get(n)) for n, one in parts}}


class Column(NamedTuple):
    """One column of the dataset."""

    name: str
    kind: Feature
    of: str  # "data", "own", "consensus", "confidence", or "file": where the medium of the data lies
    key: str  # of the data; id of the question; field of ours
    label: LabelType[Any] | None = None  # of the question


def columns(schema: ReleaseSchema) -> tuple[Column, ...]:
    """The data's keys as they are, then ours. Where both have a name, ours gets ``evenhand_``."""
    found = [Column(c.name, feature(c.schema), "data", c.name) for c in schema.columns]
    taken = {column.name for column in found}

    def add(name: str, kind: Feature, of: str, key: str, label: LabelType[Any] | None = None) -> None:
        while name in taken:
            name = f"evenhand_{name}"
        taken.add(name)
        found.append(Column(name, kind, of, key, label))

    for question in schema.questions:
        add(question.id, feature(question.schema), "consensus", question.id, question.label)
        add(f"{question.id}_confidence", Feature("value", "float64"), "confidence", question.id)
    for own in ("task_id", "external_id", "metadata"):
        add(own, TEXT if own == "metadata" else Feature("value", "string"), "own", own)
    return tuple(found)


Tasks = Sequence[ReleasedTask]
Get = Callable[[Tasks, Sequence[Mapping[str, Any]]], list[Json]]  # a column of tasks and their data


class Rows:
    """Makes rows of tasks, column by column: a call for each cell would take longer than the cell."""

    def __init__(self, layout: tuple[Column, ...], numbered: bool) -> None:
        self._names = [column.name for column in layout]
        self._getters = [_getter(column, converter(column.kind, numbered)) for column in layout]

    def of(self, tasks: Tasks) -> Iterator[dict[str, Json]]:
        """The tasks as rows, by the names of their columns."""
        columns: list[list[Json]] = [[] for _ in self._names]
        self.put(tasks, columns)
        return (dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True))

    def put(self, tasks: Tasks, columns: Sequence[list[Json]]) -> None:
        """Append the tasks' values of each column to the column."""
        data = [data_of(task.data) for task in tasks]
        for column, get in zip(columns, self._getters, strict=True):
            column += get(tasks, data)


def _getter(column: Column, convert: Convert) -> Get:
    """How a column is had; put together once, as `converter` is."""
    _, kind, of, key, label = column
    if of == "file":
        return lambda tasks, data: [file_of(one, key) for one in data]
    if of == "data" and convert is _as_is:
        return lambda tasks, data: [one.get(key) for one in data]
    if of == "data":
        return lambda tasks, data: [convert(one.get(key)) for one in data]
    if key == "metadata" and of == "own":
        return lambda tasks, data: [bytes(task.metadata).decode() for task in tasks]
    if of == "own":
        own = attrgetter(key)
        return lambda tasks, data: [own(task) for task in tasks]
    if label is None:
        return lambda tasks, data: [
            task.consensus[key].confidence if key in task.consensus else None for task in tasks
        ]
    read = _class_reader(label, convert) if kind.kind == "class" else _reader(label, convert)
    return lambda tasks, data: [
        read(task.consensus[key].value) if key in task.consensus else None for task in tasks
    ]


IMAGES = "images"  # folder of an image folder's images


def file_of(data: Mapping[str, Json], key: str) -> str | None:
    """Where the image in this key of the data lies in an image folder; None where there is none."""
    found = medium(data, key)
    return None if found is None else f"{IMAGES}/{found.name}"


def _reader(label: LabelType[Any], convert: Convert) -> Callable[[msgspec.Raw], Json]:
    return lambda value: convert(_readable(value, label))


def _class_reader(label: LabelType[Any], convert: Convert) -> Callable[[msgspec.Raw], Json]:
    """Reads classes; there are few different ones, so that each is read once."""
    known: dict[bytes, Json] = {}

    def read(value: msgspec.Raw) -> Json:
        raw = bytes(value)
        if raw not in known:
            if len(known) > MOST_KNOWN:
                known.clear()
            known[raw] = convert(_readable(value, label))
        return known[raw]

    return read


MOST_KNOWN = 10_000


def _readable(value: msgspec.Raw, label: LabelType[Any]) -> Any:
    """The answer, or None where it is of a type that the question had earlier."""
    found = _decode(value)
    try:
        label.load(found)
    except Invalid:
        return None
    return found


def card_of(schema: ReleaseSchema, file: str) -> str:
    """The header of the README, which is where ``datasets`` looks: YAML, of which JSON is a part."""
    features = [{"name": column.name} | _described(column.kind) for column in columns(schema)]
    info = {
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": file}]}],
        "dataset_info": {"features": features},
    }
    lines = "".join(f"{key}: {_encode(value).decode()}\n" for key, value in info.items())
    return f"---\n{lines}---\n\n"


def _described(kind: Feature) -> dict[str, Json]:
    match kind.kind:
        case "class":
            return {"dtype": {"class_label": {"names": {str(i): name for i, name in enumerate(kind.names)}}}}
        case "list":
            inner = kind.inner[0][1]
            if inner.kind == "value":
                return {"list": inner.dtype}
            if inner.kind == "struct":
                return {"list": [{"name": name} | _described(one) for name, one in inner.inner]}
            return {"list": _described(inner) if inner.kind != "json" else "string"}
        case "struct":
            return {"struct": [{"name": name} | _described(one) for name, one in kind.inner]}
        case "json":
            return {"dtype": "string"}
    return {"dtype": kind.dtype}


GUIDE = """\
The keys of the data are columns as they came; then for each question its consensus under the question's id,
with `<question>_confidence`; then `task_id`, `external_id` and `metadata`. A choice is a `ClassLabel`. What
has no one type is JSON text. Tasks without a consensus have nulls. The header of this README tells
`datasets` the types.

    from datasets import load_dataset
    rows = load_dataset("path/of/this/folder", split="train")
"""


class HuggingFace(Outward):
    """JSON Lines for ``datasets``."""

    name: ClassVar[str] = "huggingface"
    title: ClassVar[str] = "Hugging Face dataset (JSON Lines)"
    keeps: ClassVar[frozenset[str]] = frozenset({"external_id", "metadata", "confidence", "unanswered"})
    guide: ClassVar[str] = f"## `train.jsonl`\n\n{GUIDE}"
    file: ClassVar[str] = "train.jsonl"

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        return schema.questions

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        for column in schema.columns:
            if not whole(feature(column.schema)) and column.schema != {"type": "null"}:
                reason = "Its values have no one type and become JSON text."
                yield Loss(part="data", where=column.name, reason=reason)
            elif column.optional:
                yield Loss(part="data", where=column.name, reason="Where a task lacks it, it is null.")

    def card(self, schema: ReleaseSchema) -> str:
        return card_of(schema, self.file)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return JsonRows(folder / self.file, columns(schema))


class JsonRows(OneFile):
    """A JSON object for each task."""

    def __init__(self, path: Path, layout: tuple[Column, ...]) -> None:
        super().__init__(path)
        self._rows = Rows(layout, numbered=False)
        self._tasks: list[ReleasedTask] = []  # that are no rows yet
        self._data = 0  # bytes of theirs

    def add(self, task: ReleasedTask) -> None:
        self._tasks.append(task)
        self._data += len(task.data)
        if len(self._tasks) == AT_ONCE or self._data > PIECES:
            self._take()

    def _take(self) -> None:
        for row in self._rows.of(self._tasks):
            self.hold(_encode(row) + b"\n")
        self._tasks.clear()
        self._data = 0

    def close(self) -> tuple[ReleasedFile, ...]:
        self._take()
        return super().close()
