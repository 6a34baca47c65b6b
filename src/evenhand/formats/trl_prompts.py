"""TRL, prompts only: for trainers that make their own answers, of tasks that annotators have let pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from evenhand.core.label import Json
from evenhand.core.release import ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats.conversation import Conversational, Keys


class TrlPrompts(Conversational):
    """A prompt a row, of each task that is answered."""

    name: ClassVar[str] = "trl_prompts"
    title: ClassVar[str] = "TRL prompts"
    file: ClassVar[str] = "prompts.jsonl"
    writes_with: ClassVar[frozenset[str]] = frozenset({"prompt"})
    guide: ClassVar[str] = """\
## `prompts.jsonl`

A row is `{"prompt"}`, and beside it each question's consensus under the question's id, which reward functions
get as columns. Option: `prompt=KEY` of the data.

    from datasets import load_dataset
    rows = load_dataset("json", data_files="prompts.jsonl", split="train")   # for trl.GRPOTrainer
"""

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        return schema.questions

    def rows(
        self,
        data: Mapping[str, Json],
        task: ReleasedTask,
        questions: tuple[ReleasedQuestion, ...],
        keys: Keys,
    ) -> Iterator[dict[str, Json]]:
        prompt = data.get(keys.prompt)
        if prompt is not None and task.consensus:
            found = {q.id: task.consensus[q.id].value if q.id in task.consensus else None for q in questions}
            yield found | {"prompt": prompt}
