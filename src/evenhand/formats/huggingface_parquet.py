"""The same dataset as Parquet, whose file carries the features itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from evenhand.core.label import Json
from evenhand.core.release import ReleasedFile, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.huggingface import AT_ONCE, GUIDE, Column, Feature, HuggingFace, Rows, columns
from evenhand.formats.output import Output

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 10_000
GROUP_BYTES = 2**25  # of data in a group of rows; what a writer holds in memory


class HuggingFaceParquet(HuggingFace):
    """Parquet for ``datasets``: classes are numbers, with their names in the file's features."""

    name: ClassVar[str] = "huggingface_parquet"
    title: ClassVar[str] = "Hugging Face dataset (Parquet)"
    guide: ClassVar[str] = f"## `train.parquet`\n\n{GUIDE}"
    file: ClassVar[str] = "train.parquet"

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _ParquetWriter(folder / self.file, columns(schema))


class _ParquetWriter(Writer):
    def __init__(self, path: Path, layout: tuple[Column, ...]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        features = {column.name: _feature(column.kind) for column in layout}
        metadata = {"huggingface": msgspec.json.encode({"info": {"features": features}})}
        fields = [pa.field(column.name, _arrow(column.kind)) for column in layout]
        self._rows = Rows(layout, numbered=True)
        self._schema = pa.schema(fields, metadata=metadata)
        self._output = Output(path)
        self._writer = pq.ParquetWriter(self._output, self._schema, compression="zstd")
        self._columns: list[list[Json]] = [[] for _ in layout]
        self._tasks: list[ReleasedTask] = []  # that are no columns yet
        self._count = self._held = 0

    def add(self, task: ReleasedTask) -> None:
        self._tasks.append(task)
        self._count += 1
        self._held += len(task.data)
        if self._count == GROUP_ROWS or self._held > GROUP_BYTES:
            self._flush()
        elif len(self._tasks) == AT_ONCE:
            self._take()

    def _take(self) -> None:
        self._rows.put(self._tasks, self._columns)
        self._tasks.clear()

    def _flush(self) -> None:
        import pyarrow as pa

        self._take()
        if self._count:
            columns = zip(self._columns, self._schema, strict=True)
            arrays = [pa.array(values, field.type) for values, field in columns]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        for values in self._columns:
            values.clear()
        self._count = self._held = 0

    def close(self) -> tuple[ReleasedFile, ...]:
        self._flush()
        self._writer.close()
        return (self._output.keep(),)

    def abort(self) -> None:
        if not self._output.closed:
            self._writer.close()
        self._output.drop()


def _arrow(kind: Feature) -> pa.DataType:
    import pyarrow as pa

    match kind.kind:
        case "class":
            return pa.int64()
        case "list":
            return pa.list_(_arrow(kind.inner[0][1]))
        case "struct":
            return pa.struct([(name, _arrow(inner)) for name, inner in kind.inner])
        case "json":
            return pa.string()
    return {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}[
        kind.dtype
    ]


def _feature(kind: Feature) -> Json:
    """The type as ``datasets`` writes it into Arrow's metadata."""
    match kind.kind:
        case "class":
            return {"names": list(kind.names), "_type": "ClassLabel"}
        case "list":
            return [_feature(kind.inner[0][1])]
        case "struct":
            return {name: _feature(inner) for name, inner in kind.inner}
        case "json":
            return {"dtype": "string", "_type": "Value"}
    return {"dtype": kind.dtype, "_type": "Value"}
