"""brat standoff (brat.nlplab.org/standoff.html): a text, and beside it lines of spans and relations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from evenhand.core.label import RelationElement, SpanElement
from evenhand.core.release import ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import Files, Outward, answers, data_of, field_of

_NO_NAME = re.compile(r"[^\w-]+", re.ASCII)  # what a type's name may not hold there
_LINE = re.compile(r"[^\n]+")


class Brat(Outward):
    """A text and its annotations for each task, and the configuration that brat reads them by."""

    name: ClassVar[str] = "brat"
    title: ClassVar[str] = "brat standoff"
    carries: ClassVar[frozenset[str]] = frozenset({"text-span", "relation"})
    single: ClassVar[bool] = True
    guide: ClassVar[str] = """\
## `brat.tar`

`TASK.txt` and `TASK.ann` for each task, and `annotation.conf`: unpacked, a folder of a brat collection. Spans
are `T` lines with offsets in code points, end excluded, of several lines in parts; relations are `R` lines,
those without a direction too. Names hold letters of ASCII, digits, `-` and `_`; every other run of characters
is `_`, and where that makes one of two names, the later one has a number behind it.

    T1  PER 0 3  Zoë
    R1  works_for Arg1:T1 Arg2:T2
"""

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _BratWriter(questions[0], folder)


class _BratWriter(Files):
    def __init__(self, question: ReleasedQuestion, folder: Path) -> None:
        super().__init__(folder / "brat.tar")
        self._question = question
        self._field = field_of(question)
        self._types, self._relations = Names(question.classes), Names(question.relations)

    def add(self, task: ReleasedTask) -> None:
        text = data_of(task.data).get(self._field)
        found = answers(task, (self._question,)).get(self._question.id)
        if found is None or not isinstance(text, str):
            return
        spans = [element for element in found if isinstance(element, SpanElement)]
        links = [element for element in found if isinstance(element, RelationElement)]
        lines = [self._span(number, span, text) for number, span in enumerate(spans, 1)]
        lines += [
            f"R{number}\t{self._relations.of(one.label)} Arg1:T{one.source + 1} Arg2:T{one.target + 1}\n"
            for number, one in enumerate(links, 1)
        ]
        self.archive.put(f"{task.task_id}.txt", text.encode())
        self.archive.put(f"{task.task_id}.ann", "".join(lines).encode())

    def _span(self, number: int, span: SpanElement, text: str) -> str:
        """A span is in parts where it goes over several lines: no line break may stand in what it names."""
        parts = list(_LINE.finditer(text, span.start, span.end))
        places = ";".join(f"{part.start()} {part.end()}" for part in parts) or f"{span.start} {span.end}"
        words = " ".join(part.group() for part in parts).replace("\t", " ")
        return f"T{number}\t{self._types.of(span.label)} {places}\t{words}\n"

    def last(self) -> None:
        joins = [f"{name}\tArg1:<ENTITY>, Arg2:<ENTITY>" for name in self._relations]
        parts = {"entities": list(self._types), "relations": joins, "events": [], "attributes": []}
        told = "\n".join(line for part, lines in parts.items() for line in (f"[{part}]", *lines, ""))
        self.archive.put("annotation.conf", told.encode())


class Names:
    """Labels as brat may call them, none like another."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._names: dict[str, str] = {}
        for label in labels:
            self.of(label)

    def of(self, label: str) -> str:
        """The name of a label; one that a later version took off the list gets one when it comes up."""
        if label not in self._names:
            plain = _NO_NAME.sub("_", label)
            name, number = plain, 1
            while name in self._names.values():
                number += 1
                name = f"{plain}-{number}"
            self._names[label] = name
        return self._names[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())
