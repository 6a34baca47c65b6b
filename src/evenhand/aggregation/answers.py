"""From answers of a label type to one for each task: `evenhand.aggregate` with its name, such as "span".

It is what a project's weighing does with the same answers (`LabelType.learn`, `LabelType.weighed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from evenhand.aggregation import rows, table_file
from evenhand.aggregation.rows import COLUMNS as ANSWERS
from evenhand.aggregation.rows import Answered
from evenhand.aggregation.table_file import Columns, Progress, pieces_of, within_memory
from evenhand.core.errors import Invalid, Missing
from evenhand.core.label import LabelType, Learnt, is_class
from evenhand.core.words import counted
from evenhand.labels import all_types, find

SHOWN = 5  # annotators that a person is told of; --json has all
FIELD = "data"  # that a question is about: which one does not matter here


class Cell(str):
    """An answer as a table has it: its JSON, or just the text that it is."""


@dataclass(frozen=True, eq=False)
class AggregatedAnswers:
    """What answers come to, under the ids that came in."""

    tasks: list[Any]  # in the order in which they first appear
    answers: list[Any]  # [tasks] in the JSON form of the label type
    confidence: list[float]  # [tasks] 0 to 1
    pieces: list[tuple[float, ...]]  # [tasks] probability of each piece of the answer, where it has pieces
    annotators: list[Any]  # in the order in which they first appear
    measures: tuple[str, ...]  # what is known of each annotator
    known: list[tuple[float, ...]]  # [annotators, measures]
    votes: list[int]  # [annotators] answers that counted
    method: str
    notes: tuple[str, ...]  # what was dropped, and why

    def annotator_table(self) -> Any:
        """A `pyarrow.Table` with the columns worker, votes and one for each measure."""
        import pyarrow as pa

        columns = dict(zip(self.measures, zip(*self.known, strict=True), strict=True))
        workers = table_file.id_column(table_file.ids(self.annotators))
        return pa.table({"worker": workers, "votes": self.votes, **columns})


class AnnotatorMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one annotator."""

    worker: str
    votes: int  # answers that counted
    measures: dict[str, float]


class AnswerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says of answers."""

    type: str
    method: str
    labels: int  # answers that counted
    tasks: int
    annotators: list[AnnotatorMeasures]
    confidence: float  # mean over tasks
    notes: tuple[str, ...]
    out: str | None  # the file written


def is_answers(type: str) -> bool:
    """Whether this is the name of a label type whose answers are weighed by a method of its own."""
    return any(kind.name == type and kind.weighed_by for kind in all_types().values())


def are_classes(type: str) -> bool:
    """Whether this is the name of a label type whose answers are one class each."""
    plain = [kind for kind in all_types().values() if kind.name == type and not kind.weighed_by]
    with suppress(Invalid):  # it needs a field, and a class needs none
        return any(is_class(kind.configure(kind.example_config, {})) for kind in plain)
    return False


def known_types() -> list[str]:
    """The names of those types."""
    return sorted({kind.name for kind in all_types().values() if kind.weighed_by})


def estimated(
    given_rows: Iterable[Answered],
    notes: tuple[str, ...],
    type: str,
    config: Mapping[str, Any] | None = None,
) -> AggregatedAnswers:
    """What these answers come to.

    Args:
        given_rows: of several answers of one annotator for one task the last counts.
        notes: what there is to be said of them already.
        type: the name of a label type.
        config: of the question; None: labels are those that were given, and the rest is as a new question
            has it.

    Raises:
        Invalid: there are no answers, one is none of this type, or the configuration does not fit.
    """
    given: dict[Any, dict[Any, Any]] = {}  # task -> annotator -> answer
    annotators: dict[Any, int] = {}  # -> how many answers
    dropped = replaced = 0
    for task, who, answer in given_rows:
        if task is None or who is None or answer is None:
            dropped += 1
            continue
        of_task = given.setdefault(task, {})
        replaced += who in of_task
        annotators[who] = annotators.get(who, 0) + (who not in of_task)
        of_task.pop(who, None)
        of_task[who] = answer
    if not given:
        raise Invalid("answers.empty", "There are no answers.", "", "Give at least one.")
    every = [_opened(answer) for of_task in given.values() for answer in of_task.values()]
    label = _configured(find(type), every, config or {})
    read = {
        task: [(str(who), _value(label, answer, task, who)) for who, answer in of_task.items()]
        for task, of_task in given.items()
    }
    learnt = label.learn([(n, who, value) for n, some in enumerate(read.values()) for who, value in some])
    came = [label.weighed(some, learnt) for some in read.values()]
    again = counted(replaced, "earlier answer")
    return AggregatedAnswers(
        tasks=list(read),
        answers=[label.dump(one.value) for one in came],
        confidence=[one.confidence for one in came],
        pieces=[one.pieces for one in came],
        annotators=list(annotators),
        measures=label.measures,
        known=_measured(learnt, annotators),
        votes=list(annotators.values()),
        method=label.weighed_by,
        notes=(
            *notes,
            *([f"{counted(dropped, 'row')} without a task, worker or answer: dropped."] if dropped else []),
            *([f"{again} of an annotator for the same task: the last one counts."] if replaced else []),
        ),
    )


def _measured(learnt: Learnt, annotators: Iterable[Any]) -> list[tuple[float, ...]]:
    return [learnt.of(str(who)) for who in annotators]


def _configured(
    kind: type[LabelType[Any]], answers: Sequence[Any], config: Mapping[str, Any]
) -> LabelType[Any]:
    """The type for a question of which only answers are known, and what `config` says."""
    asked = kind.config_schema()["properties"]
    field = str(asked.get("field", {}).get("format", ":text")).partition(":")[2].partition(",")[0]
    listed = next((key for key, shape in asked.items() if shape.get("format") == "choices"), None)
    labels = {}
    if listed is not None and not config.keys() & {listed, "field_items"}:
        given = sorted({one for answer in answers for one in _named(answer)})
        labels = {listed: given or ["none"]}
    return kind.configure({**labels, **config}, {FIELD: field})


def _named(answer: Any) -> Iterator[str]:
    """Every label of pieces, and every text, in lists of lists."""
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, list):
        for part in answer:
            yield from _named(part.get("label") if isinstance(part, dict) else part)


def _opened(answer: Any) -> Any:
    """What a cell says, where it is JSON."""
    if isinstance(answer, Cell):
        try:
            return msgspec.json.decode(str(answer))
        except msgspec.DecodeError:
            return str(answer)
    return answer


def _value(label: LabelType[Any], answer: Any, task: Any, who: Any) -> Any:
    try:
        return _read(label, answer)
    except Invalid as error:
        where = f"task {task}, worker {who}{', ' if error.where else ''}{error.where}"
        raise Invalid(error.rule, error.reason, where, error.remedy) from error


def _read(label: LabelType[Any], answer: Any) -> Any:
    """The answer; of a cell, the text that it is where that is one, else what its JSON says."""
    if isinstance(answer, Cell):
        try:
            return label.read(str(answer))
        except Invalid:
            return label.read(_opened(answer))
    return label.read(answer)


def from_file(
    path: Path,
    on_progress: Progress | None = None,
    wanted: Columns = ANSWERS,
    question: str | None = None,
) -> tuple[list[Answered], tuple[str, ...]]:
    """The answers of a JSON Lines file, of a project's export, or of a table: CSV, TSV or Parquet, by its
    name; and what was left out.

    Raises:
        Missing: there is no such file. Refused: it would not fit into memory.
        Invalid: a line is no JSON object, or lacks a key.
    """
    path = rows.data_file(path)
    with within_memory(str(path), lambda: 0):
        if rows.are_rows(path):
            return rows.read(path, on_progress, wanted, question)
        rows.check_size(path)
        return list(_cells(path, on_progress, wanted)), ()


def _cells(path: Path, on_progress: Progress | None, wanted: Columns) -> Iterator[Answered]:
    read = 0
    for total, pieces in pieces_of(path, wanted):
        for task, who, answer in zip(*(piece.to_pylist() for piece in pieces), strict=True):
            yield task, who, Cell(answer) if isinstance(answer, str) else answer
        read += len(pieces[0])
        if on_progress:
            on_progress(read, total)


def summarized(
    path: Path,
    type: str,
    config: Path | None,
    out: Path | None,
    annotators: Path | None,
    on_progress: Progress | None = None,
    wanted: Columns = ANSWERS,
    question: str | None = None,
) -> AnswerSummary:
    """The command `aggregate` with the name of a label type: all of a file is written, or nothing."""
    if out is not None:
        table_file.writable(out, path, (".jsonl",))
    if annotators is not None:
        table_file.writable(annotators, path)
    table_file.apart(out, annotators)
    read, notes = from_file(path, on_progress, wanted, question)
    result = estimated(read, notes, type, _read_config(config))
    if out is not None:
        write(result, out)
    if annotators is not None:
        table_file.write(annotators, [partial(result.annotator_table)])
    people = zip(result.annotators, result.votes, result.known, strict=True)
    return AnswerSummary(
        type=type,
        method=result.method,
        labels=sum(result.votes),
        tasks=len(result.tasks),
        annotators=[
            AnnotatorMeasures(
                worker=str(who), votes=votes, measures=dict(zip(result.measures, one, strict=True))
            )
            for who, votes, one in people
        ],
        confidence=sum(result.confidence) / len(result.confidence),
        notes=result.notes,
        out=None if out is None else str(out),
    )


def _read_config(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise Missing("answers.no-config", f"The configuration cannot be read: {error}.", str(path)) from None
    except msgspec.DecodeError as error:
        reason = f"The configuration is no JSON object: {error}."
        raise Invalid("answers.config", reason, str(path), "Write the question's keys as JSON.") from None


def write(result: AggregatedAnswers, path: Path) -> None:
    """Write JSON Lines of task, answer, confidence and that of pieces; all of it or nothing."""
    encode = msgspec.json.Encoder().encode
    with table_file.written(path) as file:
        concluded = zip(result.tasks, result.answers, result.confidence, result.pieces, strict=True)
        for task, answer, sure, pieces in concluded:
            told = {"task": task, "answer": answer, "confidence": round(sure, 6)}
            told |= {"pieces": [round(one, 6) for one in pieces]} if pieces else {}
            file.write(encode(told) + b"\n")


def words(found: AnswerSummary) -> str:
    """A summary for a person: what is known of the annotators who answered most."""
    people, tasks = counted(len(found.annotators), "annotator"), counted(found.tasks, "task")
    sizes = f"{counted(found.labels, 'answer')} of {people} for {tasks}."
    lines = [sizes, f"Weighed by {found.method}.", f"Confidence is {found.confidence:.3f} in the mean.", ""]
    most = sorted(found.annotators, key=lambda one: (-one.votes, one.worker))[:SHOWN]
    lines += ["Who answered most:", *map(_line, most)]
    lines += ["", *found.notes] if found.notes else []
    return "\n".join([*lines, *([f"\nWritten: {found.out}"] if found.out else [])])


def _line(one: AnnotatorMeasures) -> str:
    said = ", ".join(f"{name} {value:.3g}" for name, value in one.measures.items())
    return f"  {one.worker}: {said}; {counted(one.votes, 'answer')}"
