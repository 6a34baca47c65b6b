"""Tables of results as files: all of one or nothing, by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.aggregation.vote_table import Ids
from evenhand.core.errors import Invalid


def writable(path: Path) -> None:
    """Tell at once that a file cannot be written, not after an hour.

    Raises:
        Invalid: the name ends in none of the known ways, or there is no such folder.
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".parquet"):
        raise Invalid(
            "votes.suffix", "By its name this is no table.", str(path), "End it in .csv, .tsv or .parquet."
        )
    if not path.absolute().parent.is_dir():
        raise Invalid(
            "votes.no-folder", "There is no such folder.", str(path.absolute().parent), "Make it first."
        )


def write(path: Path, pieces: Sequence[Callable[[], Any]]) -> None:
    """Write `pyarrow.Table`s of one schema, one after the other, to a CSV, TSV or Parquet file.

    Raises:
        Invalid: the name ends otherwise, or there is no such folder.
    """
    writable(path)
    beside = path.with_name(f".{path.name}.part")
    try:
        with _writer(beside, path.suffix.lower(), pieces[0]().schema) as writer:
            for piece in pieces:
                writer.write_table(piece())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _writer(path: Path, suffix: str, schema: Any) -> Any:
    from pyarrow import csv, parquet

    if suffix == ".parquet":
        return parquet.ParquetWriter(path, schema)
    options = csv.WriteOptions(delimiter="," if suffix == ".csv" else "\t", quoting_style="needed")
    return csv.CSVWriter(path, schema, write_options=options)


def ids(values: Sequence[Any]) -> Ids:
    """Ids of any types as an array of objects."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def column(ids: Ids) -> Any:
    """Ids as a column: as they are where they are of one type, else as texts."""
    import pyarrow as pa

    try:
        return pa.array(ids)
    except pa.ArrowException:
        return pa.array([None if one is None else str(one) for one in ids.tolist()])
