"""From a table of votes to labels with probabilities: `evenhand.aggregate`, and the command of that name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.aggregation import answers, numbers, pair_table, pairs, table_file
from evenhand.aggregation.answers import AggregatedAnswers, AnswerSummary
from evenhand.aggregation.numbers import AggregatedNumbers, NumberSummary
from evenhand.aggregation.pairs import AggregatedPairs, PairSummary
from evenhand.aggregation.vote_table import Ids, Progress, VoteTable, from_columns, from_file, from_table
from evenhand.core.errors import Invalid
from evenhand.core.inference import DEFAULT, Diagnostics, Estimate, Model, infer
from evenhand.core.inference.votes import Floats

SHOWN = 5  # annotators at either end that a person is told of; --json has all
TYPES = ("class", "number", "pairs")
WRITTEN_ROWS = 1 << 18  # rows that are written at once


@dataclass(frozen=True, eq=False)
class Aggregated:
    """What votes come to, under the ids that came in."""

    tasks: Ids  # [tasks] in the order in which they first appear
    classes: Ids  # [classes] sorted
    annotators: Ids  # [annotators] in the order in which they first appear
    labels: Ids  # [tasks] the most probable class, of equals the one that sorts first; None: nobody voted
    probability: Floats  # [tasks] of the label
    posterior: Floats  # [tasks, classes] rows sum to 1
    model: Model  # what was learnt: enough to weigh one more vote without the others
    skill: Floats  # [annotators] probability that a vote is right
    skill_low: Floats  # [annotators] 95% interval
    skill_high: Floats
    votes: npt.NDArray[np.int64]  # [annotators] votes that counted
    method: str
    diagnostics: Diagnostics  # iterations, likelihood, dependence, and notes on what was dropped and why

    @property
    def confusion(self) -> Floats:
        """[annotators, true class, class given] probabilities, rows sum to 1. Made when first asked for."""
        return self.model.confusion

    def table(self) -> Any:
        """A `pyarrow.Table` with the columns task, label, probability and one for each class."""
        return _arrow(self, slice(0, len(self.tasks)))

    def annotator_table(self) -> Any:
        """A `pyarrow.Table` with the columns worker, votes, skill, low and high."""
        import pyarrow as pa

        columns = {"votes": self.votes, "skill": self.skill, "low": self.skill_low, "high": self.skill_high}
        return pa.table({"worker": table_file.column(self.annotators), **columns})


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
    type: Literal["class"] = "class",
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
) -> Aggregated | AggregatedNumbers | AggregatedPairs | AggregatedAnswers:
    """What the labels of several annotators of unknown skill come to: of each task the most probable label;
    where labels are numbers, the value with its error; where they compare two, a score for each of the items.

    Of several labels of one annotator for one task the last counts. Rows in which something is missing
    are dropped. Both are said in `diagnostics.notes`.

    Args:
        table: columns task, worker (or annotator) and label: a mapping of lists or arrays, or a table of
            pandas, polars or pyarrow; or a path to a CSV, TSV or Parquet file.
        task, worker, label: the three columns by themselves, instead of a table. Ids of any type.
        classes: all classes in the order wanted; None: those that were given, sorted.
        method: "robust", "dawid-skene", "one-coin", "weighted" or "majority".
        iterations: exactly so many; None: what the method needs.
        type: "class"; or "number", for measurements and for ratings on a scale, which
            `core.inference.numbers` weighs; or "pairs", comparisons of two, which
            `core.inference.pairs` weighs; or the name of a label type, such as "span", "box" or "text": then
            labels are its answers, in JSON, and a table is a JSON Lines file or a sequence of mappings with
            task, worker and answer. All those take neither classes nor another method.
        left, right, winner: with "pairs", and with `worker`, the columns by themselves instead of a table:
            the two that are compared, and which of them is better (or "left", "right" or "tie").
        config: with the name of a label type, the configuration of the question; None: labels are those that
            were given, and the rest is as a new question has it.

    Raises:
        Invalid: the input cannot be read. Missing: there is no such file.
        Refused: it would not fit into memory.
    """
    _check_type(type, method, classes, iterations)
    if type not in TYPES:
        return answers.estimated(_answers(table, (task, worker, label)), type, config)
    if type == "pairs":
        return pairs.estimated(_pairs(table, (worker, left, right, winner)), iterations)
    if table is None:
        if task is None or worker is None or label is None:
            reason = "Neither a table nor all of task, worker and label are given."
            raise Invalid("votes.missing", reason, "", "Give a table, or three columns.")
        found = from_columns(task, worker, label, classes)
    elif isinstance(table, str | os.PathLike):
        found = from_file(Path(table))
    else:
        found = from_table(table, classes)
    if type == "number":
        return numbers.estimated(found, iterations)
    return estimated(found, method, iterations)


def _pairs(table: Any, columns: tuple[Any, ...]) -> pair_table.PairTable:
    if table is None:
        if any(column is None for column in columns):
            reason = "Neither a table nor all of worker, left, right and winner are given."
            raise Invalid("pairs.missing", reason, "", "Give a table, or four columns.")
        return pair_table.from_columns(*columns)
    if isinstance(table, str | os.PathLike):
        return pair_table.from_file(Path(table))
    return pair_table.from_table(table)


def _answers(table: Any, columns: tuple[Any, ...]) -> Iterable[answers.Answered]:
    if isinstance(table, str | os.PathLike):
        return answers.from_file(Path(table))
    if table is not None:
        return answers.from_mappings(table)
    if any(column is None for column in columns):
        reason = "Neither a table nor all of task, worker and label are given."
        raise Invalid("votes.missing", reason, "", "Give a table, or three columns.")
    return zip(*columns, strict=True)


def _check_type(type: str, method: str, classes: Sequence[Any] | None, iterations: int | None) -> None:
    if type not in TYPES and not answers.is_answers(type):
        remedy = f"Use one of: {', '.join([*TYPES, *answers.known_types()])}."
        raise Invalid("votes.type", f"There is no type {type!r}.", "type", remedy)
    rounds = iterations is not None and type not in TYPES
    if type != "class" and (method != DEFAULT or classes is not None or rounds):
        reason = f"Labels of the type {type} have no classes, and a method of their own."
        raise Invalid("votes.type-method", reason, "type", "Give neither method nor classes with it.")


def estimated(found: VoteTable, method: str = DEFAULT, iterations: int | None = None) -> Aggregated:
    """What a table of votes comes to."""
    estimate = infer(found.votes, method, iterations)
    return Aggregated(
        tasks=found.tasks,
        classes=found.classes,
        annotators=found.annotators,
        labels=_labels(found.classes, estimate),
        probability=estimate.confidence,
        posterior=estimate.posterior,
        model=estimate.model,
        skill=estimate.skill.value,
        skill_low=estimate.skill.low,
        skill_high=estimate.skill.high,
        votes=estimate.skill.votes,
        method=estimate.method,
        diagnostics=_with_notes(estimate.diagnostics, found.notes),
    )


def _labels(classes: Ids, estimate: Estimate) -> Ids:
    if estimate.label.min(initial=0) >= 0:
        return classes[estimate.label]
    named = np.empty(len(classes) + 1, object)
    named[:-1] = classes  # and None for -1
    return named[estimate.label]


class AnnotatorSkill(msgspec.Struct, frozen=True, kw_only=True):
    """How right one annotator is."""

    worker: str
    votes: int  # that counted
    skill: float  # probability that a vote is right
    low: float  # 95% interval
    high: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says."""

    method: str
    labels: int  # votes that counted
    tasks: int
    annotators: list[AnnotatorSkill]
    classes: list[str]
    confidence: float  # mean probability of a task's label
    iterations: int
    dependence: (
        float | None
    )  # correlation of two votes on a task beyond its class, where the method measures it
    notes: tuple[str, ...]
    out: str | None  # the file written


def summarize(
    file: Path,
    out: Path | None,
    annotators: Path | None = None,
    method: str = DEFAULT,
    iterations: int | None = None,
    on_progress: Progress | None = None,
    type: str = "class",
    config: Path | None = None,
) -> Summary | NumberSummary | PairSummary | AnswerSummary:
    """The command `aggregate`: read, infer, write; all of a file or nothing of it.

    Raises:
        Missing, Invalid, Refused: as `aggregate`; or a file cannot be written.
    """
    _check_type(type, method, None, iterations)
    if type not in TYPES:
        return answers.summarized(file, type, config, out, annotators, on_progress)
    for path in (out, annotators):
        if path is not None:
            table_file.writable(path)
    if type == "pairs":
        compared = pair_table.from_file(file, on_progress)
        return pairs.summarized(compared, iterations, out, annotators)
    found = from_file(file, on_progress)
    if type == "number":
        return numbers.summarized(found, iterations, out, annotators)
    result = estimated(found, method, iterations)
    if out is not None:
        write(result, out)
    if annotators is not None:
        table_file.write(annotators, [result.annotator_table])
    return _summary(result, out)


def _summary(result: Aggregated, out: Path | None) -> Summary:
    columns = (result.annotators, result.votes, result.skill, result.skill_low, result.skill_high)
    return Summary(
        method=result.method,
        labels=int(result.votes.sum()),
        tasks=len(result.tasks),
        annotators=[
            AnnotatorSkill(worker=str(who), votes=votes, skill=skill, low=low, high=high)
            for who, votes, skill, low, high in zip(*(column.tolist() for column in columns), strict=True)
        ],
        classes=[str(one) for one in result.classes],
        confidence=float(result.probability.mean()),
        iterations=result.diagnostics.iterations,
        dependence=result.diagnostics.dependence,
        notes=result.diagnostics.notes,
        out=None if out is None else str(out),
    )


def words(found: Summary | NumberSummary | PairSummary | AnswerSummary) -> str:
    """A summary for a person: the weakest and the strongest annotators, and what was dropped."""
    if isinstance(found, AnswerSummary):
        return answers.words(found)
    if isinstance(found, NumberSummary):
        return numbers.words(found)
    if isinstance(found, PairSummary):
        return pairs.words(found)
    sizes = f"{found.labels:,} labels of {len(found.annotators):,} annotators for {found.tasks:,} tasks"
    lines = [f"{sizes}, {len(found.classes):,} classes.", f"Method {found.method}."]
    lines.append(f"A task's label is right with a probability of {found.confidence:.3f} in the mean.")
    ranked = sorted(found.annotators, key=lambda one: -one.skill)
    for title, some in (("Most skilled", ranked[:SHOWN]), ("Least skilled", ranked[SHOWN:][-SHOWN:])):
        if some:
            lines += ["", f"{title}:"]
            lines += map(_line, some)
    lines += ["", *found.notes] if found.notes else []
    return "\n".join([*lines, *([f"\nWritten: {found.out}"] if found.out else [])])


def _line(one: AnnotatorSkill) -> str:
    interval = f"{one.low:.0%} to {one.high:.0%}"
    return f"  {one.worker}: right in {one.skill:.0%} ({interval}), {one.votes:,} labels"


def _with_notes(diagnostics: Diagnostics, notes: tuple[str, ...]) -> Diagnostics:
    return replace(diagnostics, notes=(*notes, *diagnostics.notes))


# -- files --------------------------------------------------------------------------------------


def write(result: Aggregated, path: Path) -> None:
    """Write `result.table()` to a CSV, TSV or Parquet file, by its name; all of it or nothing.

    Raises:
        Invalid: the name ends otherwise.
    """
    starts = range(0, max(len(result.tasks), 1), WRITTEN_ROWS)
    table_file.write(path, [partial(_arrow, result, slice(at, at + WRITTEN_ROWS)) for at in starts])


def _arrow(result: Aggregated, rows: slice) -> Any:
    import pyarrow as pa

    columns = {"task": table_file.column(result.tasks[rows]), "label": table_file.column(result.labels[rows])}
    columns["probability"] = pa.array(result.probability[rows])
    for k, name in enumerate(result.classes.tolist()):
        shown = str(name)
        columns[f"class {shown}" if shown in columns else shown] = pa.array(result.posterior[rows, k])
    return pa.table(columns)
