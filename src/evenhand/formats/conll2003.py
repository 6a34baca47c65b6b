"""CoNLL-2003: a token a line with the tag of its span (Tjong Kim Sang and De Meulder 2003, W03-0419)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from evenhand.core.label import SpanElement
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import Lines, Outward, answers, data_of, field_of
from evenhand.formats.tokens import one_word, sentences, tokens

LOST = "Only one span can hold a token: of overlapping ones the first stays. Blanks between tokens are lost."


class Conll2003(Outward):
    """Four columns: token, part of speech, chunk, tag. Parts of speech and chunks are not known."""

    name: ClassVar[str] = "conll2003"
    title: ClassVar[str] = "CoNLL-2003"
    carries: ClassVar[frozenset[str]] = frozenset({"text-span"})
    single: ClassVar[bool] = True
    writes_with: ClassVar[frozenset[str]] = frozenset({"question", "tags"})
    guide: ClassVar[str] = """\
## `train.conll`

A token a line: `token -X- _ tag`; an empty line after each sentence (a line of the text), `-DOCSTART-`
before each task. Tags are IOB2 (`B-PER`, `I-PER`, `O`), or BIOES with the option `tags=bioes`. A token is a
run of letters and digits, or one other character; it is cut where a span begins or ends.

    python -m spacy convert train.conll . --converter conll
"""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options):
            yield Loss(part="consensus", where=question.id, reason=LOST)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _ConllWriter(questions, folder, options.tags)


class _ConllWriter(Lines):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path, scheme: str) -> None:
        super().__init__(folder / "train.conll")
        self._questions = questions
        self._field = field_of(questions[0])
        self._scheme = scheme

    def piece(self, task: ReleasedTask) -> bytes:
        text = data_of(task.data).get(self._field)
        found = answers(task, self._questions)
        if not found or not isinstance(text, str):
            return b""
        spans = [element for element in next(iter(found.values())) if isinstance(element, SpanElement)]
        lines = ["-DOCSTART- -X- O O"]
        for sentence in sentences(text, tokens(text, spans, self._scheme)):
            lines.append("")
            lines += [f"{text[start:end]} -X- _ {one_word(tag)}" for start, end, tag in sentence]
        return "\n".join([*lines, "\n"]).encode()
