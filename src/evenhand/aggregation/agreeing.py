"""From a table of labels to how far annotators agree: `evenhand.agreement`, and the command of that name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from evenhand.aggregation.table_file import Columns, Progress, within_memory
from evenhand.aggregation.vote_table import COLUMNS, VoteTable, from_columns, from_file, from_table, named
from evenhand.core.agreement import SCALES, Answered, Figure, Resampling, Scale, by_scale
from evenhand.core.errors import Invalid
from evenhand.core.words import counted

HOW = Resampling()


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far the annotators of a table agree."""

    scale: Scale
    labels: int  # that counted
    tasks: int
    annotators: int
    classes: int
    figures: tuple[Figure, ...]  # Krippendorff's alpha first; each with its interval, or why it has no value
    notes: tuple[str, ...]  # what was dropped or replaced, and why


def agreement(
    table: Any = None,
    *,
    task: Any = None,
    worker: Any = None,
    label: Any = None,
    scale: Scale = "nominal",
    how: Resampling = HOW,
    question: str | None = None,
) -> Agreement:
    """The coefficients of agreement that fit a scale, with bootstrap intervals over tasks.

    Of several labels of one annotator for one task the last counts; rows in which something is missing
    are dropped. Both are said in `notes`. `core.agreement` has the formulas and their sources.

    Args:
        table, task, worker, label, question: as for `evenhand.aggregate`.
        scale: "nominal" (labels are names), "ordinal", "interval" or "ratio" (labels are numbers).
        how: seed, number of draws and level of the intervals.

    Raises:
        Invalid: the input cannot be read, or labels of that scale are no numbers. Missing: no such file.
        Refused: it would not fit into memory.
    """
    if table is None:
        if task is None or worker is None or label is None:
            reason = "Neither a table nor all of task, worker and label are given."
            raise Invalid("votes.missing", reason, "", "Give a table, or three columns.")
        return agreed(from_columns(task, worker, label), scale, how)
    wanted = named(COLUMNS, task=task, worker=worker, label=label)
    if isinstance(table, str | os.PathLike):
        return of_file(Path(table), scale, None, wanted, question, how)
    return agreed(from_table(table, None, wanted), scale, how)


def of_file(
    file: Path,
    scale: Scale,
    on_progress: Progress | None = None,
    wanted: Columns = COLUMNS,
    question: str | None = None,
    how: Resampling = HOW,
) -> Agreement:
    """The command `agreement`.

    Raises:
        Missing, Invalid, Refused: as `agreement`.
    """
    found = from_file(file, on_progress, wanted, question)
    with within_memory(str(file), lambda: len(found.votes)):
        return agreed(found, scale, how)


def agreed(found: VoteTable, scale: Scale, how: Resampling) -> Agreement:
    """How far a table of votes agrees."""
    if scale not in SCALES:
        remedy = f"Use one of: {', '.join(SCALES)}."
        raise Invalid("agreement.scale", f"There is no scale {scale!r}.", "scale", remedy)
    votes = found.votes
    values = votes.label if scale == "nominal" else _numbers(found, scale)[votes.label]
    answers = Answered(votes.task.astype(np.int64), votes.annotator, values)
    again = (
        f"{counted(votes.replaced, 'earlier label')} of an annotator for the same task: the last one counts."
    )
    return Agreement(
        scale=scale,
        labels=len(votes),
        tasks=votes.tasks,
        annotators=votes.annotators,
        classes=len(found.classes),
        figures=by_scale(answers, scale, how),
        notes=(*found.notes, *([again] if votes.replaced else [])),
    )


def _numbers(found: VoteTable, scale: Scale) -> Any:
    try:
        return np.array([float(one) for one in found.classes.tolist()])
    except (TypeError, ValueError) as error:
        raise Invalid(
            "agreement.numbers",
            f"On the {scale} scale labels are numbers, and one is not: {error}.",
            "label",
            "Write them as numbers in their order, or use the scale nominal.",
        ) from error


def words(found: Agreement) -> str:
    """What the command says to a person: one line a coefficient."""
    people, tasks = counted(found.annotators, "annotator"), counted(found.tasks, "task")
    sizes = f"{counted(found.labels, 'label')} of {people} for {tasks}"
    lines = [f"{sizes}, {counted(found.classes, 'class', 'classes')}, scale {found.scale}.", ""]
    wide = max(len(figure.name) for figure in found.figures)
    lines += [f"  {figure.name:<{wide}}  {_said(figure)}" for figure in found.figures]
    return "\n".join([*lines, *(["", *found.notes] if found.notes else [])])


def _said(figure: Figure) -> str:
    if figure.value is None:
        return f"undefined because {figure.undefined}"
    interval = "" if figure.low is None else f"  ({figure.level:.0%}: {figure.low:.3f} to {figure.high:.3f})"
    return (
        f"{figure.value:6.3f}{interval}  {counted(figure.labels, 'label')} of {counted(figure.tasks, 'task')}"
    )
