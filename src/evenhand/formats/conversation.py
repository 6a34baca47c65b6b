"""What TRL's formats share: prompts and answers out of the data (huggingface.co/docs/trl, dataset formats).

A prompt that is a text stays one ("standard"); one that is a list of messages stays such a list
("conversational"), and then what follows it is a message of the assistant.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from evenhand.core.label import Json
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import Lines, Outward, data_of

_encode = msgspec.json.Encoder().encode
PROMPTS = ("prompt", "messages", "conversation", "question", "instruction", "input", "text")
COMPLETIONS = ("completion", "response", "answer", "output", "reply")


class Conversational(Outward):
    """A format of TRL: rows of JSON Lines."""

    writes_with: ClassVar[frozenset[str]] = frozenset({"question", "prompt", "completion"})
    keeps: ClassVar[frozenset[str]] = frozenset()
    file: ClassVar[str]

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        used = set(self.uses(schema, options))
        reason = "Only prompts and answers are written."
        yield from (
            Loss(part="data", where=column.name, reason=reason)
            for column in schema.columns
            if column.name not in used
        )

    def uses(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[str]:
        """Keys of the data that are written."""
        yield key_for(schema, options.prompt, PROMPTS)

    @abstractmethod
    def rows(
        self,
        data: Mapping[str, Json],
        task: ReleasedTask,
        questions: tuple[ReleasedQuestion, ...],
        keys: Keys,
    ) -> Iterator[dict[str, Json]]:
        """The rows that a task makes, perhaps none."""

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        keys = Keys(
            prompt=key_for(schema, options.prompt, PROMPTS),
            completion=key_for(schema, options.completion, COMPLETIONS),
        )
        return _Rows(folder / self.file, self, questions, keys)


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of the data; "" where there is none."""

    prompt: str
    completion: str


def key_for(schema: ReleaseSchema, wanted: str | None, usual: Sequence[str]) -> str:
    """The key that was asked for, else the first usual one that the data have; "" when they have none."""
    if wanted is not None:
        return wanted
    names = {column.name for column in schema.columns}
    return next((name for name in usual if name in names), "")


class _Rows(Lines):
    def __init__(
        self, path: Path, kind: Conversational, questions: tuple[ReleasedQuestion, ...], keys: Keys
    ) -> None:
        super().__init__(path)
        self._kind, self._questions, self._keys = kind, questions, keys

    def piece(self, task: ReleasedTask) -> bytes:
        rows = self._kind.rows(data_of(task.data), task, self._questions, self._keys)
        return b"".join(_encode(row) + b"\n" for row in rows)


def is_talk(value: Json) -> bool:
    """Whether it is a list of messages with role and content."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and isinstance(m.get("role"), str) and "content" in m for m in value)
    )


def said(text: Json, prompt: Json) -> Any:
    """An answer, in the manner of its prompt."""
    return [{"role": "assistant", "content": text}] if is_talk(prompt) else text
