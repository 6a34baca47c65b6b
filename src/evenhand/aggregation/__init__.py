"""From a table of votes to labels with probabilities: `evenhand.aggregate`, and the command of that name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from evenhand.aggregation import answers, numbers, pair_table, pairs, rows, table_file, vote_table
from evenhand.aggregation import classes as by_class
from evenhand.aggregation.answers import AggregatedAnswers, AnswerSummary
from evenhand.aggregation.classes import Aggregated, Summary, estimated
from evenhand.aggregation.numbers import AggregatedNumbers, NumberSummary
from evenhand.aggregation.pairs import AggregatedPairs, PairSummary
from evenhand.aggregation.table_file import Progress
from evenhand.core.errors import Invalid
from evenhand.core.inference import DEFAULT

__all__ = [
    "Aggregated",
    "AggregatedAnswers",
    "AggregatedNumbers",
    "AggregatedPairs",
    "aggregate",
    "summarize",
    "words",
]

TYPES = ("class", "number", "pairs")


@overload
def aggregate(  # type: ignore[overload-overlap]  # three names are of no label type
    table: Any = None,
    *,
    task: Any = None,
    worker: Any = None,
    label: Any = None,
    classes: Sequence[Any] | None = None,
    method: str = DEFAULT,
    iterations: int | None = None,
    type: Literal["class", "choice"] = "class",
    question: str | None = None,
) -> Aggregated: ...


@overload
def aggregate(  # type: ignore[overload-overlap]  # three names are of no label type
    table: Any = None,
    *,
    task: Any = None,
    worker: Any = None,
    label: Any = None,
    iterations: int | None = None,
    type: Literal["number"],
    question: str | None = None,
) -> AggregatedNumbers: ...


@overload
def aggregate(  # type: ignore[overload-overlap]  # three names are of no label type
    table: Any = None,
    *,
    worker: Any = None,
    left: Any = None,
    right: Any = None,
    winner: Any = None,
    iterations: int | None = None,
    type: Literal["pairs"],
) -> AggregatedPairs: ...


@overload
def aggregate(
    table: Any = None,
    *,
    task: Any = None,
    worker: Any = None,
    label: Any = None,
    type: str,
    config: Mapping[str, Any] | None = None,
    question: str | None = None,
) -> AggregatedAnswers: ...


def aggregate(
    table: Any = None,
    *,
    task: Any = None,
    worker: Any = None,
    label: Any = None,
    classes: Sequence[Any] | None = None,
    method: str = DEFAULT,
    iterations: int | None = None,
    type: str = "class",
    left: Any = None,
    right: Any = None,
    winner: Any = None,
    config: Mapping[str, Any] | None = None,
    question: str | None = None,
) -> Aggregated | AggregatedNumbers | AggregatedPairs | AggregatedAnswers:
    """What the labels of several annotators of unknown skill come to: of each task the most probable label;
    where labels are numbers, the value with its error; where they compare two, a score for each of the items.

    Of several labels of one annotator for one task the last counts. Rows in which something is missing
    are dropped. Both are said in `diagnostics.notes`.

    Args:
        table: columns task, worker (or annotator) and label: a mapping of lists or arrays, a table of
            pandas, polars or pyarrow, a structured array of numpy, or a list of mappings, one a row. Or a
            path to a CSV, TSV, Parquet or JSON Lines file, or to a project's export.
        task, worker, label: the three columns by themselves, instead of a table. Ids of any type. Beside a
            table: the names of its columns, where they are called otherwise.
        classes: all classes in the order wanted; None: those that were given, sorted.
        method: "robust", "dawid-skene", "one-coin", "weighted" or "majority".
        iterations: exactly so many; None: what the method needs.
        type: "class", or "choice", which is the same; or "number", for measurements and for ratings on a
            scale, which `core.inference.numbers` weighs; or "pairs", comparisons of two, which
            `core.inference.pairs` weighs; or the name of a label type, such as "span", "box" or "text": then
            labels are its answers, in JSON, and a table is a JSON Lines file or a sequence of mappings with
            task, worker and answer. All but the first take neither classes nor another method.
        left, right, winner: with "pairs", and with `worker`, the columns by themselves instead of a table:
            the two that are compared, and which of them is better (or "left", "right" or "tie"). Beside a
            table: the names of its columns.
        config: with the name of a label type, the configuration of the question; None: labels are those that
            were given, and the rest is as a new question has it.
        question: of a project's export, the id of the question; None: the only one that was answered.

    Raises:
        Invalid: the input cannot be read. Missing: there is no such file.
        Refused: it would not fit into memory.
    """
    kind = _checked(type, method, classes, iterations)
    path = Path(table) if isinstance(table, str | os.PathLike) else None
    if kind == "pairs":
        return pairs.estimated(_pairs(table, path, (worker, left, right, winner)), iterations)
    if table is None and (task is None or worker is None or label is None):
        reason = "Neither a table nor all of task, worker and label are given."
        raise Invalid("votes.missing", reason, "", "Give a table, or three columns.")
    if kind not in TYPES:
        return answers.estimated(*_answers(table, path, (task, worker, label), question), kind, config)
    if table is None:
        found = vote_table.from_columns(task, worker, label, classes)
    else:
        wanted = vote_table.named(vote_table.COLUMNS, task=task, worker=worker, label=label)
        if path is None:
            found = vote_table.from_table(table, classes, wanted)
        else:
            found = vote_table.from_file(path, None, wanted, question, classes)
    if kind == "number":
        return numbers.estimated(found, iterations)
    return estimated(found, method, iterations)


def _pairs(table: Any, path: Path | None, columns: tuple[Any, ...]) -> pair_table.PairTable:
    if table is None:
        if any(column is None for column in columns):
            reason = "Neither a table nor all of worker, left, right and winner are given."
            raise Invalid("pairs.missing", reason, "", "Give a table, or four columns.")
        return pair_table.from_columns(*columns)
    wanted = vote_table.named(pair_table.COLUMNS, **dict(zip(pair_table.COLUMNS, columns, strict=True)))
    return pair_table.from_table(table, wanted) if path is None else pair_table.from_file(path, None, wanted)


def _answers(
    table: Any, path: Path | None, columns: tuple[Any, ...], question: str | None
) -> tuple[Iterable[rows.Answered], tuple[str, ...]]:
    """The answers of a table, and what there is to be said of them."""
    if table is None:
        return zip(*columns, strict=True), ()
    wanted = vote_table.named(rows.COLUMNS, **dict(zip(rows.COLUMNS, columns, strict=True)))
    if path is not None:
        return answers.from_file(path, None, wanted, question)
    if hasattr(table, "columns") or isinstance(table, Mapping):  # else rows, which may come one by one
        return zip(*map(list, vote_table.columns_of(table, wanted)), strict=True), ()
    return rows.from_mappings(table, wanted), ()


def _checked(type: str, method: str, classes: Sequence[Any] | None, iterations: int | None) -> str:
    """The type that is meant.

    Raises:
        Invalid: there is none of that name, or it has no such method, classes or iterations.
    """
    kind = "class" if type not in TYPES and answers.are_classes(type) else type
    if kind not in TYPES and not answers.is_answers(kind):
        known = dict.fromkeys([*TYPES, *answers.known_types()])
        raise Invalid("votes.type", f"There is no type {type!r}.", "type", f"Use one of: {', '.join(known)}.")
    if iterations is not None and (isinstance(iterations, bool) or not isinstance(iterations, int)):
        raise Invalid("votes.iterations", "This is no whole number.", "iterations", "Give one, or None.")
    if iterations is not None and iterations < 0:
        raise Invalid(
            "votes.iterations", "This is less than none.", "iterations", "Give at least 0, or None."
        )
    rounds = iterations is not None and kind not in TYPES
    if kind != "class" and (method != DEFAULT or classes is not None or rounds):
        reason = f"Labels of the type {type} have no classes, and a method of their own."
        raise Invalid("votes.type-method", reason, "type", "Give neither method nor classes with it.")
    return kind


def summarize(
    file: Path,
    out: Path | None,
    annotators: Path | None = None,
    method: str = DEFAULT,
    iterations: int | None = None,
    on_progress: Progress | None = None,
    type: str = "class",
    config: Path | None = None,
    names: Mapping[str, str | None] | None = None,
    question: str | None = None,
    classes: Sequence[str] | None = None,
    worth_asking: int = 0,
) -> Summary | NumberSummary | PairSummary | AnswerSummary:
    """The command `aggregate`: read, infer, write; all of a file or nothing of it.

    Args:
        names: of columns, where they are called otherwise: task, worker, label, left, right, winner.
        worth_asking: how many tasks to list that one more label would help most.

    Raises:
        Missing, Invalid, Refused: as `aggregate`; or a file cannot be written.
    """
    kind = _checked(type, method, classes, iterations)
    if worth_asking and kind != "class":
        reason = f"What one more label is worth is known of classes, not of the type {type}."
        raise Invalid("votes.worth-asking", reason, "--worth-asking", "Look at the errors or confidences.")
    file, given = rows.data_file(file), {which: name for which, name in (names or {}).items() if name}
    if kind not in TYPES:
        wanted = vote_table.named(rows.COLUMNS, **given)
        return answers.summarized(file, kind, config, out, annotators, on_progress, wanted, question)
    for path in (out, annotators):
        if path is not None:
            table_file.writable(path, file)
    table_file.apart(out, annotators)
    if kind == "pairs":
        wanted = vote_table.named(pair_table.COLUMNS, **given)
        compared = pair_table.from_file(file, on_progress, wanted)
        return pairs.summarized(compared, iterations, out, annotators)
    wanted = vote_table.named(vote_table.COLUMNS, **given)
    found = vote_table.from_file(file, on_progress, wanted, question, classes)
    with table_file.within_memory(str(file), lambda: len(found.votes)):
        if kind == "number":
            return numbers.summarized(found, iterations, out, annotators)
        return by_class.summarized(found, method, iterations, out, annotators, worth_asking)


def words(found: Summary | NumberSummary | PairSummary | AnswerSummary) -> str:
    """A summary for a person: who is how good, and what was dropped."""
    if isinstance(found, AnswerSummary):
        return answers.words(found)
    if isinstance(found, NumberSummary):
        return numbers.words(found)
    return pairs.words(found) if isinstance(found, PairSummary) else by_class.words(found)
