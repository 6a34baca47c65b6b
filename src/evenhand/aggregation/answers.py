"""From answers of a label type to one for each task: `evenhand.aggregate` with its name, such as "span".

It is what a project's weighing does with the same answers (`LabelType.learn`, `LabelType.weighed`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from evenhand.aggregation import table_file
from evenhand.aggregation.vote_table import COLUMNS, SUFFIXES, Progress, pieces_of
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.label import LabelType, Learnt
from evenhand.labels import all_types, find

SHOWN = 5  # annotators that a person is told of; --json has all
FIELD = "data"  # that a question is about: which one does not matter here
MEMORY = 10  # bytes that a byte of the file becomes, at the most

Answered = tuple[Any, Any, Any]
"""Task, annotator and answer as they came; ids are texts or numbers."""


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
        workers = table_file.column(table_file.ids(self.annotators))
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


def known_types() -> list[str]:
    """The names of those types."""
    return sorted({kind.name for kind in all_types().values() if kind.weighed_by})


def estimated(
    rows: Iterable[Answered], type: str, config: Mapping[str, Any] | None = None
) -> AggregatedAnswers:
    """What these answers come to.

    Args:
        rows: of several answers of one annotator for one task the last counts.
        type: the name of a label type.
        config: of the question; None: labels are those that were given, and the rest is as a new question
            has it.

    Raises:
        Invalid: there are no answers, one is none of this type, or the configuration does not fit.
    """
    given: dict[Any, dict[Any, Any]] = {}  # task -> annotator -> answer
    annotators: dict[Any, int] = {}  # -> how many answers
    dropped = replaced = 0
    for task, who, answer in rows:
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
            *([f"{dropped:,} rows without a task, worker or answer: dropped."] if dropped else []),
            *(
                [f"{replaced:,} earlier answers of an annotator for the same task: the last one counts."]
                if replaced
                else []
            ),
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


def from_mappings(rows: Iterable[Mapping[str, Any]]) -> Iterator[Answered]:
    """Rows with the keys task, worker (or annotator) and answer (or label).

    Raises:
        Invalid: a row lacks one of them.
    """
    for line, row in enumerate(rows, 1):
        found = []
        for names in (("task",), ("worker", "annotator"), ("answer", "label")):
            name = next((name for name in names if name in row), None)
            if name is None:
                reason = f"It has no {' or '.join(names)}."
                raise Invalid("answers.key", reason, f"line {line}", "Give task, worker and answer.")
            found.append(row[name])
        if not all(isinstance(one, str | int | float | None) for one in found[:2]):
            raise Invalid("answers.id", "An id is neither text nor number.", f"line {line}", "Write a text.")
        yield found[0], found[1], found[2]


def from_file(path: Path, on_progress: Progress | None = None) -> list[Answered]:
    """The rows of a JSON Lines file, or of a table: CSV, TSV or Parquet, by its name.

    Raises:
        Missing: there is no such file. Refused: it would not fit into memory.
        Invalid: a line is no JSON object, or lacks a key.
    """
    if not path.is_file():
        raise Missing("votes.no-file", "There is no such file.", str(path))
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if (size := path.stat().st_size) * MEMORY > memory:
        reason = f"Answers of {size:,} bytes do not fit into this machine's memory."
        remedy = f"Take at most {memory // MEMORY:,}, or a larger machine."
        raise Refused("answers.memory", reason, str(path), remedy)
    if path.suffix.lower() in SUFFIXES:
        return list(_cells(path, on_progress))
    return list(from_mappings(_lines(path, on_progress)))


def _cells(path: Path, on_progress: Progress | None) -> Iterator[Answered]:
    read = 0
    for total, pieces in pieces_of(path, {**COLUMNS, "label": ("label", "answer")}):
        for task, who, answer in zip(*(piece.to_pylist() for piece in pieces), strict=True):
            yield task, who, Cell(answer) if isinstance(answer, str) else answer
        read += len(pieces[0])
        if on_progress:
            on_progress(read, total)


def _lines(path: Path, on_progress: Progress | None) -> Iterator[Mapping[str, Any]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                yield decode(text)
            except msgspec.DecodeError as error:
                reason = f"This is no JSON object: {error}."
                raise Invalid("answers.line", reason, f"{path}, line {line}", "One object a line.") from None
            if on_progress and line % 1000 == 0:
                on_progress(line, None)


def summarized(
    path: Path,
    type: str,
    config: Path | None,
    out: Path | None,
    annotators: Path | None,
    on_progress: Progress | None = None,
) -> AnswerSummary:
    """The command `aggregate` with the name of a label type: all of a file is written, or nothing."""
    if out is not None:
        _check_place(out)
    if annotators is not None:
        table_file.writable(annotators)
    result = estimated(from_file(path, on_progress), type, _read_config(config))
    if out is not None:
        write(result, out)
    if annotators is not None:
        table_file.write(annotators, [partial(result.annotator_table)])
    rows = zip(result.annotators, result.votes, result.known, strict=True)
    return AnswerSummary(
        type=type,
        method=result.method,
        labels=sum(result.votes),
        tasks=len(result.tasks),
        annotators=[
            AnnotatorMeasures(
                worker=str(who), votes=votes, measures=dict(zip(result.measures, one, strict=True))
            )
            for who, votes, one in rows
        ],
        confidence=sum(result.confidence) / len(result.confidence),
        notes=result.notes,
        out=None if out is None else str(out),
    )


def _check_place(out: Path) -> None:
    """Tell at once that a file cannot be written, not after an hour."""
    if out.suffix.lower() != ".jsonl":
        remedy = "End it in .jsonl: answers are no cells of a table."
        raise Invalid("answers.suffix", "By its name this is no file of answers.", str(out), remedy)
    if not out.absolute().parent.is_dir():
        where = str(out.absolute().parent)
        raise Invalid("votes.no-folder", "There is no such folder.", where, "Make it first.")


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
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            rows = zip(result.tasks, result.answers, result.confidence, result.pieces, strict=True)
            for task, answer, sure, pieces in rows:
                told = {"task": task, "answer": answer, "confidence": round(sure, 6)}
                told |= {"pieces": [round(one, 6) for one in pieces]} if pieces else {}
                file.write(encode(told) + b"\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def words(found: AnswerSummary) -> str:
    """A summary for a person: what is known of the annotators who answered most."""
    sizes = f"{found.labels:,} answers of {len(found.annotators):,} annotators for {found.tasks:,} tasks."
    lines = [sizes, f"Weighed by {found.method}.", f"Confidence is {found.confidence:.3f} in the mean.", ""]
    most = sorted(found.annotators, key=lambda one: (-one.votes, one.worker))[:SHOWN]
    lines += ["Who answered most:", *map(_line, most)]
    lines += ["", *found.notes] if found.notes else []
    return "\n".join([*lines, *([f"\nWritten: {found.out}"] if found.out else [])])


def _line(one: AnnotatorMeasures) -> str:
    said = ", ".join(f"{name} {value:.3g}" for name, value in one.measures.items())
    return f"  {one.worker}: {said}; {one.votes:,} answers"
