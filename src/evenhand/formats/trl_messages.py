"""TRL, supervised fine-tuning: `messages`, of what annotators wrote or a prompt and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from evenhand.core.label import Json, MessageElement, TextElement
from evenhand.core.release import ReleasedQuestion, ReleasedTask
from evenhand.formats.conversation import Conversational, Keys, is_talk
from evenhand.formats.outward import answers


class TrlMessages(Conversational):
    """A conversation a row; its last turn is what annotators wrote."""

    name: ClassVar[str] = "trl_messages"
    title: ClassVar[str] = "TRL messages (SFT)"
    carries: ClassVar[frozenset[str]] = frozenset({"text", "message"})
    single: ClassVar[bool] = True
    file: ClassVar[str] = "messages.jsonl"
    guide: ClassVar[str] = """\
## `messages.jsonl`

A row is `{"messages": [{"role", "content"}, …]}`: the prompt (option `prompt=KEY` of the data), then the
text that annotators wrote (option `question=ID`) as the assistant's turn.

    from datasets import load_dataset
    rows = load_dataset("json", data_files="messages.jsonl", split="train")   # for trl.SFTTrainer
"""

    def rows(
        self,
        data: Mapping[str, Json],
        task: ReleasedTask,
        questions: tuple[ReleasedQuestion, ...],
        keys: Keys,
    ) -> Iterator[dict[str, Json]]:
        prompt = data.get(keys.prompt)
        asked = [{"role": "user", "content": prompt}] if prompt else []
        before: list[Json] = prompt if is_talk(prompt) and isinstance(prompt, list) else asked
        for elements in answers(task, questions).values():
            turns = [
                {"role": e.role, "content": e.content} for e in elements if isinstance(e, MessageElement)
            ]
            turns += [
                {"role": "assistant", "content": e.value} for e in elements if isinstance(e, TextElement)
            ]
            if turns:
                yield {"messages": [*before, *turns]}
