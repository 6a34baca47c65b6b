"""TRL, unpaired preferences: `prompt`, `completion`, `label` (KTO), of yes-or-no questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from evenhand.core.label import ClassElement, Json
from evenhand.core.release import ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions
from evenhand.formats.conversation import COMPLETIONS, Conversational, Keys, is_talk, key_for, said
from evenhand.formats.outward import answers, is_single


class TrlKto(Conversational):
    """A judged answer a row. The first of the question's two choices is true."""

    name: ClassVar[str] = "trl_kto"
    title: ClassVar[str] = "TRL unpaired preferences (KTO)"
    carries: ClassVar[frozenset[str]] = frozenset({"class"})
    single: ClassVar[bool] = True
    file: ClassVar[str] = "kto.jsonl"
    guide: ClassVar[str] = """\
## `kto.jsonl`

A row is `{"prompt", "completion", "label"}`; `label` is true for the first choice of a question that has two.
Options: `question=ID`, `prompt=KEY` and `completion=KEY` of the data.

    from datasets import load_dataset
    rows = load_dataset("json", data_files="kto.jsonl", split="train")   # for trl.KTOTrainer
"""

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        return tuple(q for q in super().carried(schema) if is_single(q) and len(q.classes) == 2)

    def uses(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[str]:
        yield from super().uses(schema, options)
        yield key_for(schema, options.completion, COMPLETIONS)

    def rows(
        self,
        data: Mapping[str, Json],
        task: ReleasedTask,
        questions: tuple[ReleasedQuestion, ...],
        keys: Keys,
    ) -> Iterator[dict[str, Json]]:
        prompt, completion = data.get(keys.prompt), data.get(keys.completion)
        for question in questions:
            for element in answers(task, (question,)).get(question.id, ()):
                if isinstance(element, ClassElement) and completion is not None and prompt is not None:
                    yield {
                        "prompt": prompt,
                        "completion": completion if is_talk(completion) else said(completion, prompt),
                        "label": element.value == question.classes[0],
                    }
