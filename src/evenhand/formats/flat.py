"""A release as a flat table: which columns there are and what they are called. Shared by all tables.

Left to right: the keys of the data, unchanged; then `task_id`, `external_id`, `metadata`; for each
question `consensus.<question>`, `confidence.<question>` and `method.<question>`; `earlier_consensus`
(answers to questions that the schema does not list, or of a type that they had earlier; empty as a
rule); `annotations`; `review` where something was reviewed, `predictions` where records came with some,
`probabilities` where answers are weighed.
Where a key of the data has the name of one of ours, ours gets ``evenhand.`` in front, as often as
needed: what came in keeps its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from evenhand.core.errors import Broken, Invalid
from evenhand.core.label import Json
from evenhand.core.release import (
    Probabilities,
    ReleasedAnnotation,
    ReleasedAnswer,
    ReleasedReview,
    ReleasedTask,
    ReleaseSchema,
)

GUIDE = """\
The keys of the data are columns as they came; then follow `task_id`, `external_id`, `metadata` (JSON), for
each question `consensus.<question>`, `confidence.<question>` (0 to 1) and `method.<question>`, then
`earlier_consensus` (JSON; answers to questions of earlier versions, mostly empty), `annotations`, where the
project was reviewed `review` (JSON: reviewer, decision, outcome of each annotation), where records came with
predictions `predictions` (JSON), and where answers are weighed `probabilities` (JSON: question -> that of
each class, or of each piece of the answer, by the newest weighing). `annotations`: who answered what, when,
where it stands in the ledger, and whether it is surplus. Where the data have a column of one of these names,
ours is called `evenhand.<name>`.
"""


@dataclass(frozen=True)
class Layout:
    """The columns of a release as a table."""

    schema: ReleaseSchema

    @cached_property
    def data(self) -> tuple[str, ...]:
        """Keys of the data, which are columns of the same name."""
        return tuple(column.name for column in self.schema.columns)

    @cached_property
    def own(self) -> dict[str, str]:
        """Our columns after those of the data: what they hold -> what they are called in the file."""
        held = ["task_id", "external_id", "metadata"]
        for question in self.schema.questions:
            held += [f"{part}.{question.id}" for part in ("consensus", "confidence", "method")]
        held += ["earlier_consensus", "annotations"]
        held += ["review"] if self.schema.reviewed else []
        held += ["predictions"] if self.schema.predicted else []
        held += ["probabilities"] if self.schema.weighed else []
        return {name: self._free(name) for name in held}

    def _free(self, name: str) -> str:
        while name in self.data:
            name = f"evenhand.{name}"
        return name

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All columns, left to right."""
        return (*self.data, *self.own.values())

    @cached_property
    def _questions(self) -> dict[str, bool]:
        """Ids of the questions that have columns -> whether their answers are texts."""
        return {question.id: is_text(question.schema) for question in self.schema.questions}

    def check(self, data: Mapping[str, Any], task: ReleasedTask) -> None:
        """Raises Broken when a key has no column: the row would lose it without a word."""
        strange = data.keys() - set(self.data)
        if strange:
            reason = f"The key {min(strange)!r} is not among the columns of the release."
            raise Broken("release.column", reason, task.task_id, "Survey all rows before writing the first.")

    def earlier(self, task: ReleasedTask) -> dict[str, ReleasedAnswer]:
        """Answers that have no column, or that a column of texts cannot hold."""
        return {name: answer for name, answer in task.consensus.items() if not self._holds(name, answer)}

    def probabilities(self, task: ReleasedTask, earlier: Mapping[str, ReleasedAnswer]) -> bytes:
        """JSON of the probabilities of the answers that have columns; b"" where there are none."""
        known = {
            name: answer.probabilities
            for name, answer in task.consensus.items()
            if answer.probabilities is not None and name not in earlier
        }
        return _encode(known) if known else b""

    def _holds(self, name: str, answer: ReleasedAnswer) -> bool:
        text = self._questions.get(name)
        return text is not None and (not text or bytes(answer.value)[:1] == b'"')


def is_text(schema: Mapping[str, Json]) -> bool:
    """Whether every answer of this JSON Schema is a text, which needs no quotation marks in a cell."""
    if "enum" in schema:
        return all(type(value) is str for value in schema["enum"])
    return schema.get("type") == "string"


def assemble(
    layout: Layout, row: Mapping[str, Any], data: msgspec.Raw, consensus: dict[str, ReleasedAnswer]
) -> ReleasedTask:
    """A released task out of a table's row.

    Args:
        row: column of the file -> value; metadata, earlier answers and annotations as JSON text.
        data: of the task.
        consensus: of the questions that have columns.

    Raises:
        Invalid: a column is not there or does not hold what it should.
    """
    own = layout.own
    try:
        known = _decode_probabilities(row.get(own.get("probabilities", "")) or "{}")
        consensus = {
            name: msgspec.structs.replace(answer, probabilities=known.get(name))
            for name, answer in consensus.items()
        }
        earlier = row[own["earlier_consensus"]]
        return ReleasedTask(
            task_id=row[own["task_id"]],
            external_id=row[own["external_id"]] or None,
            data=data,
            metadata=msgspec.Raw(row[own["metadata"]].encode()),
            consensus={**consensus, **(_decode_answers(earlier) if earlier else {})},
            annotations=_decode_annotations(row[own["annotations"]]),
            review=_decode_review(row[own["review"]]) if "review" in own and row[own["review"]] else None,
            predictions=_decode_predictions(row[own["predictions"]])
            if "predictions" in own and row[own["predictions"]]
            else (),
        )
    except (KeyError, msgspec.MsgspecError) as error:
        raise Invalid("format.restore", f"This is no row of an export: {error}.") from error


_decode_answers = msgspec.json.Decoder(dict[str, ReleasedAnswer]).decode
_decode_predictions = msgspec.json.Decoder(tuple[Any, ...]).decode
_encode = msgspec.json.Encoder().encode
_decode_probabilities = msgspec.json.Decoder(dict[str, Probabilities]).decode
_decode_review = msgspec.json.Decoder(ReleasedReview).decode
_decode_annotations = msgspec.json.Decoder(tuple[ReleasedAnnotation, ...]).decode
