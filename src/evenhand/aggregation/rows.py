"""Answers as rows: JSON Lines of one answer each, or a project's export with all answers of each task.

An export is taken as it was written, in JSON Lines, CSV, TSV or Parquet, or as the folder that holds it.
Its surplus, which counts for no consensus of the project, does not count here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from evenhand.aggregation.table_file import (
    PIPE,
    SUFFIXES,
    Columns,
    Progress,
    header_of,
    memory,
    opened,
    pieces_of,
    standard_input,
    suffix_of,
    there,
)
from evenhand.core.errors import Invalid, Refused
from evenhand.core.words import counted

COLUMNS: Columns = {"task": ("task",), "worker": ("worker", "annotator"), "label": ("label", "answer")}
EXPORTED: Columns = {
    "task": ("evenhand.task_id", "task_id"),
    "annotations": ("evenhand.annotations", "annotations"),
}
LINES = (".jsonl", ".ndjson")
MEMORY = 10  # bytes that a byte of the file becomes, at the most

Answered = tuple[Any, Any, Any]
"""Task, annotator and answer as they came; ids are texts or numbers."""


def data_file(path: Path) -> Path:
    """The file to be read: of the folder of an export, the one with its tasks."""
    if path.is_dir() and (path / "manifest.json").is_file():
        names = (f"tasks{suffix}" for suffix in (".jsonl", *SUFFIXES))
        return next((path / name for name in names if (path / name).is_file()), path)
    return path


def are_rows(path: Path) -> bool:
    """Whether answers come out of a file as rows, since it is no table with one answer a row.

    Raises:
        Missing: there is no such file. Invalid: its header cannot be read.
    """
    there(path)
    return _are_lines(path) or ((path == PIPE or suffix_of(path) in SUFFIXES) and _is_export(header_of(path)))


def _are_lines(path: Path) -> bool:
    """Whether a file is JSON Lines: by its name, or what comes through a pipe by its first sign."""
    if path == PIPE:
        return standard_input().peek(1)[:1] == b"{"  # what is looked at stays there to be read
    return suffix_of(path) in LINES


def _is_export(names: Iterable[str]) -> bool:
    known = set(names)
    return all(known.intersection(some) for some in EXPORTED.values())


def read(
    path: Path, on_progress: Progress | None, wanted: Columns, question: str | None
) -> tuple[list[Answered], tuple[str, ...]]:
    """All answers of a file, and what was left out.

    Raises:
        Refused: they would not fit into memory. Others as `Source`.
    """
    source, found = Source(path, wanted, question), list[Answered]()
    check_size(path)
    for one in source:
        found.append(one)
        if on_progress and len(found) % 1000 == 0:
            on_progress(len(found), None)
    return found, source.notes


def check_size(path: Path) -> None:
    """
    Raises:
        Refused: the answers of this file would not fit into memory.
    """
    room, size = memory(), 0 if path == PIPE else path.stat().st_size
    if size * MEMORY > room:
        reason = f"Answers of {size:,} bytes do not fit into the memory that this process may have."
        remedy = f"Take at most {room // MEMORY:,} bytes, or more memory."
        raise Refused("answers.memory", reason, str(path), remedy)


class Source:
    """The answers of a file, one after the other, and what has to be said about them afterwards."""

    def __init__(self, path: Path, wanted: Columns = COLUMNS, question: str | None = None) -> None:
        """
        Args:
            path: for which `are_rows` holds.
            wanted: the keys of a row of one answer, and what they may be called.
            question: of an export, the id of the question; None: the only one that was answered.
        """
        self._path = path
        self._wanted = wanted
        self._question = question
        self._surplus = 0
        self._unanswered = 0

    def __iter__(self) -> Iterator[Answered]:
        """
        Raises:
            Invalid: a line is no JSON object, or lacks a key; there are several questions and none is named.
        """
        if not _are_lines(self._path):
            for _, (tasks, annotations) in pieces_of(self._path, EXPORTED):
                for task, some in zip(tasks.to_pylist(), annotations.to_pylist(), strict=True):
                    yield from self._of_task(task, some, str(self._path))
            return
        for line, row in _lines(self._path):
            if "annotations" in row and "task" not in row:
                yield from self._of_task(row.get("task_id"), row["annotations"], f"line {line}")
            else:
                yield _one(row, self._wanted, f"line {line}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, once all has been read."""
        said = [
            (self._surplus, "surplus answer", ": not counted."),
            (self._unanswered, "annotation", f" without an answer to {self._question}."),
        ]
        return tuple(counted(count, what) + rest for count, what, rest in said if count)

    def _of_task(self, task: Any, annotations: Any, where: str) -> Iterator[Answered]:
        try:
            every = msgspec.json.decode(annotations) if isinstance(annotations, str) else annotations or []
            for one in every:
                answers = one["answers"]
                answers = msgspec.json.decode(answers) if isinstance(answers, str) else answers
                if one.get("surplus"):
                    self._surplus += 1
                elif self._asked(answers, where) not in answers:
                    self._unanswered += 1
                else:
                    yield task, one["annotator"], answers[self._question]
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
            reason = f"These are no annotations of an export: {type(error).__name__}: {error}."
            raise Invalid("answers.export", reason, where, "Export the project again.") from error

    def _asked(self, answers: Mapping[str, Any], where: str) -> str:
        """The question whose answers are wanted.

        Raises:
            Invalid: it is not said, and there are several.
        """
        if self._question is None:
            if len(answers) != 1:
                remedy = f"Name one of them: --question {next(iter(answers), 'ID')}; in Python question=…"
                reason = f"There are answers to {', '.join(answers) or 'no question'}."
                raise Invalid("answers.question", reason, where, remedy)
            self._question = next(iter(answers))
        return self._question


def from_mappings(rows: Iterable[Mapping[str, Any]], wanted: Columns = COLUMNS) -> Iterator[Answered]:
    """Rows with the keys task, worker (or annotator) and answer (or label).

    Raises:
        Invalid: a row lacks one of them.
    """
    for line, row in enumerate(rows, 1):
        yield _one(row, wanted, f"line {line}")


def _one(row: Mapping[str, Any], wanted: Columns, where: str) -> Answered:
    found = []
    for names in wanted.values():
        name = next((name for name in names if name in row), None)
        if name is None:
            reason = f"It has no {' or '.join(names)}."
            raise Invalid("answers.key", reason, where, f"Give {', '.join(wanted)}.")
        found.append(row[name])
    if not all(isinstance(one, str | int | float | None) for one in found[:2]):
        raise Invalid("answers.id", "An id is neither text nor number.", where, "Write a text.")
    return found[0], found[1], found[2]


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with opened(path) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                yield line, decode(text.removeprefix(b"\xef\xbb\xbf"))
            except (msgspec.DecodeError, UnicodeError) as error:
                reason = f"This is no JSON object: {error}."
                raise Invalid("answers.line", reason, f"{path}, line {line}", "One object a line.") from None
