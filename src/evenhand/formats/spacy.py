"""spaCy's binary format (spacy.io/api/docbin), through spaCy itself, which is loaded when first needed."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from evenhand.core.errors import Refused
from evenhand.core.label import ClassElement, RelationElement, SpanElement
from evenhand.core.release import Loss, ReleasedFile, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.output import Output
from evenhand.formats.outward import Outward, answers, data_of, field_of
from evenhand.formats.tokens import apart, tokens

DOCS = 5_000  # in one file; spaCy reads a folder of them


class Spacy(Outward):
    """Docs with entities, span groups and categories."""

    name: ClassVar[str] = "spacy"
    title: ClassVar[str] = "spaCy DocBin"
    carries: ClassVar[frozenset[str]] = frozenset({"text-span", "class", "relation"})
    guide: ClassVar[str] = f"""\
## `train-0001.spacy`, …

At most {DOCS:,} docs a file; spaCy takes the folder. Spans of the first question about spans are entities
(`doc.ents`, of overlapping ones the first), all spans stand in `doc.spans["<question>"]`, choices in
`doc.cats`. Tokens are runs of letters and digits or single characters, cut where a span begins or ends.
`doc.user_data` has `task_id` and `external_id`, and where a question asks for relations
`relations`: question -> list of `from` and `to`, places in `doc.spans["<question>"]`, and `label`.

    from spacy.tokens import DocBin
    docs = DocBin().from_disk("train-0001.spacy").get_docs(spacy.blank("xx").vocab)
"""

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        """Those about one text: the field of the first question about spans, else the first of texts."""
        found = super().carried(schema)
        field = text_field(schema, found)
        return tuple(q for q in found if field_of(q) in ("", field))

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        field = text_field(schema, super().carried(schema))
        for column in schema.columns:
            if column.name != field:
                yield Loss(part="data", where=column.name, reason="Only the text is written.")

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        try:
            import spacy
        except ImportError as error:
            raise Refused(
                "format.missing", "spaCy is not installed.", self.name, "pip install 'evenhand[formats]'"
            ) from error
        return _SpacyWriter(questions, folder, text_field(schema, questions), spacy.blank("xx").vocab)


def text_field(schema: ReleaseSchema, questions: tuple[ReleasedQuestion, ...]) -> str:
    """The field whose text the questions are about."""
    named = [field_of(question) for question in questions if field_of(question)]
    texts = [column.name for column in schema.columns if column.schema.get("type") == "string"]
    preferred = [name for name in texts if name == "text"]
    return next(iter([*named, *preferred, *texts]), "text")


class _SpacyWriter(Writer):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path, field: str, vocab: Any) -> None:
        self._questions = {question.id: question for question in questions}
        self._folder, self._field, self._vocab = folder, field, vocab
        self._entities = next((q.id for q in questions if "text-span" in q.elements), "")
        self._bin: Any = None  # of docs that wait
        self._outputs: list[Output] = []

    def add(self, task: ReleasedTask) -> None:
        text = data_of(task.data).get(self._field)
        found = answers(task, tuple(self._questions.values()))
        if found and isinstance(text, str):
            self._put(task, text, found)
            if len(self._bin) == DOCS:
                self._flush()

    def _put(self, task: ReleasedTask, text: str, found: dict[str, Any]) -> None:
        from spacy.tokens import Doc

        spans = {
            q: [e for e in elements if isinstance(e, SpanElement)]
            for q, elements in found.items()
            if "text-span" in self._questions[q].elements
        }
        words, spaces = _words(text, [span for marked in spans.values() for span in marked])
        doc = Doc(self._vocab, words=words, spaces=spaces)
        groups = {}
        for question, marked in spans.items():
            made = [doc.char_span(s.start, s.end, s.label) for s in marked]
            groups[question] = [span for span in made if span is not None]
            if question == self._entities:
                first = [doc.char_span(s.start, s.end, s.label) for s in apart(marked)]
                doc.ents = [span for span in first if span is not None]
        for question in found.keys() - spans.keys():
            doc.cats |= self._cats(question, found[question])
        user_data = {"task_id": task.task_id, "external_id": task.external_id}
        self._add(doc, groups, user_data | self._relations(found))

    def _relations(self, found: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Relations of the questions that ask for some: tokens are cut at spans, so that none is missing."""
        asked = [q for q in found if "relation" in self._questions[q].elements]
        links = {q: [one for one in found[q] if isinstance(one, RelationElement)] for q in asked}
        told = {
            q: [{"from": one.source, "to": one.target, "label": one.label} for one in own]
            for q, own in links.items()
        }
        return {"relations": told} if told else {}

    def _add(self, doc: Any, groups: Mapping[str, Sequence[Any]], user_data: Mapping[str, Any]) -> None:
        """Put it into the DocBin.

        spaCy packs span groups and user data by itself, and looks for plugins among all installed packages
        each time, which takes most of an export. So they are packed here, in its form, and put in place.
        """
        if self._bin is None:
            self._bin = self._new_bin()
        self._bin.add(doc)
        self._bin.user_data.append(_pack(user_data))
        if groups:
            self._bin.span_groups[-1] = _pack({_group(name, spans): [name] for name, spans in groups.items()})
            self._bin.strings.update(span.label_ for spans in groups.values() for span in spans)

    def _new_bin(self) -> Any:
        from spacy.tokens import DocBin

        return DocBin()

    def _cats(self, question: str, elements: tuple[Any, ...]) -> dict[str, float]:
        """Each class with 1 or 0; of several questions with the question's name before it."""
        picked = {element.value for element in elements if isinstance(element, ClassElement)}
        several = sum(q.elements == {"class"} for q in self._questions.values()) > 1
        names = self._questions[question].classes
        return {f"{question}/{n}" if several else n: float(n in picked) for n in names}

    def _flush(self) -> None:
        output = Output(self._folder / f"train-{len(self._outputs) + 1:04}.spacy")
        self._outputs.append(output)
        binary = self._bin if self._bin is not None else self._new_bin()
        binary.store_user_data = True  # it has its own already
        output.write(binary.to_bytes())
        self._bin = None

    def close(self) -> tuple[ReleasedFile, ...]:
        if self._bin is not None or not self._outputs:
            self._flush()
        return tuple(output.keep() for output in self._outputs)

    def abort(self) -> None:
        for output in self._outputs:
            output.drop()


_pack = msgspec.msgpack.Encoder().encode
_SPAN = struct.Struct(">QQQllll")  # as `SpanGroup.to_bytes` of spaCy 3 writes a span


def _group(name: str, spans: Sequence[Any]) -> bytes:
    """A span group as spaCy packs it."""
    packed = [_SPAN.pack(s.id, s.kb_id, s.label, s.start, s.end, s.start_char, s.end_char) for s in spans]
    return _pack({"name": name, "attrs": {}, "spans": packed})


def _words(text: str, spans: list[SpanElement]) -> tuple[list[str], list[bool]]:
    """(words, whether a blank follows each): together they are the text, other blanks are words too."""
    cuts = {0, len(text)} | {cut for span in spans for cut in (span.start, span.end)}
    for start, end, _ in tokens(text, []):
        cuts |= {start, end}
    edges = sorted(cuts)
    words: list[str] = []
    spaces: list[bool] = []
    for start, end in pairwise(edges):
        piece = text[start:end]
        if piece == " " and words and not spaces[-1] and not words[-1].isspace():
            spaces[-1] = True
        else:
            words.append(piece)
            spaces.append(False)
    return words, spaces
