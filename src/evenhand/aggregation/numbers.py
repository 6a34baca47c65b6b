"""From a table of numbers to values with standard errors: `evenhand.aggregate` with the type "number"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.aggregation import table_file
from evenhand.aggregation.table_file import Ids
from evenhand.aggregation.vote_table import VoteTable
from evenhand.core.errors import Invalid
from evenhand.core.inference import Diagnostics
from evenhand.core.inference.numbers import measure
from evenhand.core.inference.votes import Floats
from evenhand.core.words import counted

SHOWN = 5  # annotators at either end that a person is told of; --json has all


@dataclass(frozen=True, eq=False)
class AggregatedNumbers:
    """What numbers come to, under the ids that came in, in the unit of the numbers."""

    tasks: Ids  # [tasks] in the order in which they first appear
    annotators: Ids  # [annotators] the same
    values: Floats  # [tasks] NaN: nobody gave a number
    errors: Floats  # [tasks] standard error of the value; NaN where it cannot be known
    bias: Floats  # [annotators] how far above the values their numbers lie in the mean
    spread: Floats  # [annotators] standard deviation beside that; NaN where it cannot be known
    votes: npt.NDArray[np.int64]  # [annotators] numbers that counted
    far: int  # numbers that count less because they lie far off
    diagnostics: Diagnostics  # iterations, likelihood, and notes on what was dropped and why

    def table(self) -> Any:
        """A `pyarrow.Table` with the columns task, value and error; what is not known is null."""
        import pyarrow as pa

        columns = {"value": self.values, "error": self.errors}
        return pa.table({"task": table_file.id_column(self.tasks), **_nullable(columns)})

    def annotator_table(self) -> Any:
        """A `pyarrow.Table` with the columns worker, votes, bias and spread."""
        import pyarrow as pa

        columns = {"bias": self.bias, "spread": self.spread}
        return pa.table(
            {"worker": table_file.id_column(self.annotators), "votes": self.votes, **_nullable(columns)}
        )


class AnnotatorPrecision(msgspec.Struct, frozen=True, kw_only=True):
    """How biased and how exact one annotator is."""

    worker: str
    votes: int  # that counted
    bias: float
    spread: float | None  # None: it cannot be known


class NumberSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says of numbers."""

    type: str
    labels: int  # numbers that counted
    tasks: int
    annotators: list[AnnotatorPrecision]
    error: float | None  # median standard error of the tasks' values; None: it cannot be known
    far: int  # numbers that count less because they lie far off
    iterations: int
    notes: tuple[str, ...]
    out: str | None  # the file written


def estimated(found: VoteTable, iterations: int | None = None) -> AggregatedNumbers:
    """What a table of numbers comes to.

    Raises:
        Invalid: a label is no number, or not a finite one.
    """
    votes = found.votes
    came = measure(votes, _numbers(found)[votes.label], iterations)
    return AggregatedNumbers(
        tasks=found.tasks,
        annotators=found.annotators,
        values=came.value,
        errors=came.error,
        bias=came.bias,
        spread=came.spread,
        votes=votes.given,
        far=came.far,
        diagnostics=replace(came.diagnostics, notes=(*found.notes, *came.diagnostics.notes)),
    )


def summarized(
    found: VoteTable, iterations: int | None, out: Path | None, annotators: Path | None
) -> NumberSummary:
    """The command `aggregate --type number`, once its table is read."""
    result = estimated(found, iterations)
    if out is not None:
        table_file.write(out, [result.table])
    if annotators is not None:
        table_file.write(annotators, [result.annotator_table])
    columns = (result.annotators, result.votes, result.bias, result.spread)
    known = result.errors[~np.isnan(result.errors)]
    return NumberSummary(
        type="number",
        labels=int(result.votes.sum()),
        tasks=len(result.tasks),
        annotators=[
            AnnotatorPrecision(
                worker=str(who), votes=votes, bias=bias, spread=spread if isfinite(spread) else None
            )
            for who, votes, bias, spread in zip(*(column.tolist() for column in columns), strict=True)
        ],
        error=float(np.median(known)) if len(known) else None,
        far=result.far,
        iterations=result.diagnostics.iterations,
        notes=result.diagnostics.notes,
        out=None if out is None else str(out),
    )


def words(found: NumberSummary) -> str:
    """A summary for a person: the most and the least exact annotators, and what was dropped."""
    people, tasks = counted(len(found.annotators), "annotator"), counted(found.tasks, "task")
    lines = [f"{counted(found.labels, 'number')} of {people} for {tasks}."]
    if found.error is not None:
        lines.append(f"The median standard error of a value is {found.error:.4g}.")
    if found.far:
        lines.append(f"{found.far:,} numbers lie far off and count less.")
    exact = [one for one in found.annotators if one.spread is not None]
    ranked = sorted(exact, key=lambda one: (one.spread, one.worker))
    for title, some in (("Most exact", ranked[:SHOWN]), ("Least exact", ranked[SHOWN:][-SHOWN:])):
        if some:
            lines += ["", f"{title}:"]
            lines += map(_line, some)
    lines += ["", *found.notes] if found.notes else []
    return "\n".join([*lines, *([f"\nWritten: {found.out}"] if found.out else [])])


def _line(one: AnnotatorPrecision) -> str:
    return f"  {one.worker}: bias {one.bias:+.4g}, spread {one.spread:.4g}, {one.votes:,} numbers"


def _numbers(found: VoteTable) -> Floats:
    """[classes] the labels that were given, as numbers."""
    given = found.classes.tolist()
    remedy = "Write them with a point and without units; leave out a cell that has none."
    try:
        numbers = np.array([float(one) for one in given])
    except (TypeError, ValueError) as error:
        reason = f"Labels are to be numbers, and one is not: {error}."
        raise Invalid("votes.numbers", reason, "label", remedy) from error
    if not np.isfinite(numbers).all():
        strange = given[int(np.flatnonzero(~np.isfinite(numbers))[0])]
        raise Invalid("votes.numbers", f"{strange} is no finite number.", "label", remedy)
    return numbers


def _nullable(columns: dict[str, Floats]) -> dict[str, Any]:
    import pyarrow as pa

    return {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
