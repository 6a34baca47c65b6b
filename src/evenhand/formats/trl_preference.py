"""TRL, preferences: `prompt`, `chosen`, `rejected`, of questions that put answers in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import ClassVar

from evenhand.core.label import Json, OrderElement
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions
from evenhand.formats.conversation import Conversational, Keys, is_talk, said
from evenhand.formats.outward import answers


class TrlPreference(Conversational):
    """A pair a row."""

    name: ClassVar[str] = "trl_preference"
    title: ClassVar[str] = "TRL preferences (DPO)"
    carries: ClassVar[frozenset[str]] = frozenset({"order", "number", "class", "text"})
    single: ClassVar[bool] = True
    file: ClassVar[str] = "preferences.jsonl"
    guide: ClassVar[str] = """\
## `preferences.jsonl`

A row is `{"prompt", "chosen", "rejected"}`. An order of several answers makes a row for each pair of
which one is better; ties and "neither is good" make none. Where the prompt is a list of messages, all three
are lists of messages. Options: `question=ID`, `prompt=KEY`.

    from datasets import load_dataset
    rows = load_dataset("json", data_files="preferences.jsonl", split="train")   # for trl.DPOTrainer
"""

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        return tuple(q for q in super().carried(schema) if "order" in q.elements)

    def uses(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[str]:
        yield from super().uses(schema, options)
        for question in self.chosen(schema, options):
            for _, answer in question.label.examples():
                for element in question.label.elements(answer):
                    if isinstance(element, OrderElement):
                        yield from (item for rank in element.ranks for item in rank)

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options):
            reason = "By how much one is better, why, and ties are left out."
            yield Loss(part="consensus", where=question.id, reason=reason)

    def rows(
        self,
        data: Mapping[str, Json],
        task: ReleasedTask,
        questions: tuple[ReleasedQuestion, ...],
        keys: Keys,
    ) -> Iterator[dict[str, Json]]:
        prompt = data.get(keys.prompt)
        for elements in answers(task, questions).values():
            for better, worse in _pairs(elements):
                chosen, rejected = data.get(better, better), data.get(worse, worse)
                if not isinstance(chosen, str) and not is_talk(chosen):
                    continue
                row = {} if prompt is None else {"prompt": prompt}
                row["chosen"] = chosen if is_talk(chosen) else said(chosen, prompt)
                row["rejected"] = rejected if is_talk(rejected) else said(rejected, prompt)
                yield row


def _pairs(elements: tuple[object, ...]) -> list[tuple[str, str]]:
    """(better, worse): ids of items, which are keys of the data or items of a fixed list."""
    return [
        (better, worse)
        for element in elements
        if isinstance(element, OrderElement)
        for rank, lower in combinations(element.ranks, 2)
        for better in rank
        for worse in lower
    ]
