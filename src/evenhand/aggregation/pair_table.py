"""Comparisons out of tables and files: who preferred which of two, one row a comparison.

A table has the columns worker (or annotator), left, right and winner. The winner is the id of one of the
two, or the word `left`, `right` or `tie`; an id that is such a word is taken as the id.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.aggregation.table_file import Columns, Ids, Progress, memory, pieces_of, within_memory
from evenhand.aggregation.vote_table import VOTE_BYTES, CodedColumn, columns_of
from evenhand.core.errors import Invalid, Refused
from evenhand.core.inference.pairs import Pairs
from evenhand.core.words import counted

COLUMNS: Columns = {
    "worker": ("worker", "annotator"),
    "left": ("left",),
    "right": ("right",),
    "winner": ("winner",),
}
OUTCOMES = {"left": 1.0, "right": 0.0, "tie": 0.5}


@dataclass(frozen=True, eq=False)
class PairTable:
    """Comparisons with the ids that their numbers stand for."""

    pairs: Pairs
    items: Ids  # [items] in the order in which they first appear, those on the left first
    annotators: Ids  # [annotators] in the order in which they first appear
    notes: tuple[str, ...]  # what was dropped, and why


def from_table(table: Any, wanted: Columns = COLUMNS) -> PairTable:
    """Comparisons of a table in memory, as `vote_table.columns_of` takes it.

    Raises:
        Invalid: a column is missing, their lengths differ, or a winner is none of the two.
    """
    return from_columns(*columns_of(table, wanted))


def from_columns(worker: Any, left: Any, right: Any, winner: Any) -> PairTable:
    """Comparisons of four columns; a row in which one of them is missing, or left is right, is dropped.

    Raises:
        Invalid: lengths differ, nothing is left, or a winner is none of the two.
    """
    who, named = CodedColumn("worker"), CodedColumn("left, right and winner")
    who.add(worker)
    for column in (left, right, winner):
        named.add(column)
    return _table(who, named)


def from_file(path: Path, on_progress: Progress | None = None, wanted: Columns = COLUMNS) -> PairTable:
    """Comparisons of a CSV, TSV or Parquet file, by its name.

    Raises:
        Missing: there is no such file. Refused: it would not fit into memory.
        Invalid: it cannot be read, has no comparisons, lacks a column, or a winner is none of the two.
    """
    who, named = CodedColumn("worker"), CodedColumn("left, right and winner")
    read, most = 0, memory() // (2 * VOTE_BYTES)  # a comparison has twice what a vote has
    with within_memory(str(path), lambda: read):
        for total, (worker, *sides) in pieces_of(path, wanted):
            who.add(worker)
            for column in sides:
                named.add(column)
            read += len(worker)
            if max(read, total or 0) > most:
                reason = f"{max(read, total or 0):,} comparisons or more do not fit into memory."
                raise Refused("pairs.memory", reason, str(path), f"Take at most {most:,}, or more memory.")
            if on_progress:
                on_progress(read, total)
        if not read:
            raise Invalid("pairs.empty", "There are no comparisons.", str(path), "Give one a row.")
        return _table(who, named)


def _table(who: CodedColumn, named: CodedColumn) -> PairTable:
    left, right, winner = (np.concatenate(named.codes[at::3]) for at in range(3))
    worker, annotators = who.done()
    _, ids = named.done()
    if len({len(worker), len(left), len(right), len(winner)}) > 1:
        sizes = f"{len(worker)} workers, {len(left)} left, {len(right)} right, {len(winner)} winners"
        raise Invalid("pairs.lengths", f"The columns differ in length: {sizes}.", "", "Give one of each.")
    whole = (worker >= 0) & (left >= 0) & (right >= 0) & (winner >= 0)
    keep = whole & (left != right)
    if not keep.any():
        reason = "There are no comparisons of two by somebody with a winner."
        raise Invalid("pairs.empty", reason, "", "Give at least one.")
    dropped, same = len(keep) - int(whole.sum()), int(whole.sum()) - int(keep.sum())
    worker, left, right, winner = worker[keep], left[keep], right[keep], winner[keep]
    words = np.array([OUTCOMES.get(one, np.nan) if isinstance(one, str) else np.nan for one in ids.tolist()])
    won = np.select([winner == left, winner == right], [1.0, 0.0], words[winner])
    if np.isnan(won).any():
        at = int(np.flatnonzero(np.isnan(won))[0])
        reason = f"The winner {ids[winner[at]]} is neither {ids[left[at]]} nor {ids[right[at]]}."
        raise Invalid("pairs.winner", reason, "winner", "Name one of the two, or write left, right or tie.")
    seen = np.zeros(len(ids), bool)
    seen[left] = seen[right] = True
    number = np.cumsum(seen, dtype=np.int32) - 1
    counts = {"items": int(seen.sum()), "annotators": len(annotators)}
    pairs = Pairs.of(number[left], number[right], won, worker, **counts)
    notes = (
        [f"{counted(dropped, 'row')} without a worker, left, right or winner: dropped."] if dropped else []
    )
    notes += [f"{counted(same, 'row')} comparing something with itself: dropped."] if same else []
    return PairTable(pairs, ids[seen], annotators, tuple(notes))
