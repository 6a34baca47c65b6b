"""CoNLL-U (universaldependencies.org/format): ten columns; spans and offsets in MISC, as Stanza has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from evenhand.core.label import ClassElement, Element, SpanElement
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import Lines, Outward, answers, data_of, field_of
from evenhand.formats.tokens import Token, one_word, sentences, tokens


class Conllu(Outward):
    """A token a line, with the tag of its span in MISC; classes of the text as comments."""

    name: ClassVar[str] = "conllu"
    title: ClassVar[str] = "CoNLL-U"
    carries: ClassVar[frozenset[str]] = frozenset({"text-span", "class"})
    keeps: ClassVar[frozenset[str]] = frozenset({"external_id"})
    writes_with: ClassVar[frozenset[str]] = frozenset({"tags"})
    guide: ClassVar[str] = """\
## `train.conllu`

Ten columns, tabs between them. MISC has `ner=B-PER` (IOB2, or BIOES with `tags=bioes`), `start_char` and
`end_char` (code points in the task's text) and `SpaceAfter=No`. Comments: `newdoc id` (the task), `sent_id`,
`text`, and `label.QUESTION` for each choice. Lemmas, parts of speech and syntax are not known: `_`.

    import conllu
    sentences = conllu.parse(open("train.conllu", encoding="utf-8").read())
"""

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        """One question about spans, for there is one tag a token, and all choices."""
        found = super().carried(schema)
        spans = [question for question in found if "text-span" in question.elements][:1]
        return (*spans, *(q for q in found if q.elements == {"class"})) if spans else ()

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options)[:1]:
            reason = "Only one span can hold a token: of overlapping ones the first stays."
            yield Loss(part="consensus", where=question.id, reason=reason)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _ConlluWriter(questions, folder, options.tags)


class _ConlluWriter(Lines):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path, scheme: str) -> None:
        super().__init__(folder / "train.conllu")
        self._questions, self._scheme = questions, scheme
        self._span, self._field = questions[0].id, field_of(questions[0])

    def piece(self, task: ReleasedTask) -> bytes:
        text = data_of(task.data).get(self._field)
        found = answers(task, self._questions)
        if self._span not in found or not isinstance(text, str):
            return b""
        spans = [element for element in found.pop(self._span) if isinstance(element, SpanElement)]
        head = [f"# newdoc id = {task.task_id}"]
        head += [f"# external_id = {' '.join(task.external_id.split())}"] if task.external_id else []
        head += [f"# label.{one_word(q)} = {_classes(elements)}" for q, elements in found.items()]
        lines: list[str] = []
        for number, sentence in enumerate(sentences(text, tokens(text, spans, self._scheme)), 1):
            begin, end = sentence[0].start, sentence[-1].end
            lines += head if number == 1 else []
            lines.append(f"# sent_id = {task.task_id}-{number}")
            lines.append(f"# text = {' '.join(text[begin:end].split())}")
            lines += [_line(text, sentence, i) for i in range(len(sentence))]
            lines.append("")
        return ("\n".join(lines) + "\n").encode() if lines else b""


def _classes(elements: tuple[Element, ...]) -> str:
    return ", ".join(" ".join(e.value.split()) for e in elements if isinstance(e, ClassElement))


def _line(text: str, sentence: list[Token], i: int) -> str:
    token = sentence[i]
    follows = i + 1 < len(sentence) and sentence[i + 1].start == token.end
    misc = f"start_char={token.start}|end_char={token.end}|ner={one_word(token.tag).replace('|', '_')}"
    misc += "|SpaceAfter=No" if follows else ""
    return f"{i + 1}\t{text[token.start : token.end]}\t" + "_\t" * 7 + misc
