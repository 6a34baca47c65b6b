"""Releases for tests of formats that other libraries load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from evenhand import formats, labels
from evenhand.core.release import ReleasedAnswer, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions
from evenhand.formats.conformance import schema_of

Rows = list[tuple[dict[str, Any], dict[str, Any]]]  # (data, question -> what its answers come to)


def question(name: str, type: str, fields: dict[str, str] | None = None, **config: Any) -> ReleasedQuestion:
    return ReleasedQuestion(name, labels.find(type).configure(config, fields or {}))


def tasks_of(rows: Rows) -> list[ReleasedTask]:
    return [
        ReleasedTask(
            task_id=f"prj-{n}",
            external_id=f"their {n}",
            data=msgspec.Raw(msgspec.json.encode(data)),
            metadata=msgspec.Raw(b'{"page": 1}'),
            consensus={
                name: ReleasedAnswer(
                    value=msgspec.Raw(msgspec.json.encode(value)), confidence=0.75, method="majority"
                )
                for name, value in answers.items()
            },
            annotations=(),
        )
        for n, (data, answers) in enumerate(rows, 1)
    ]


def export(
    name: str, questions: list[ReleasedQuestion], rows: Rows, folder: Path, **options: Any
) -> ReleaseSchema:
    """Writes these rows into the folder, with the README's header."""
    tasks, kind = tasks_of(rows), formats.find(name)
    schema = schema_of(tasks, questions)
    with kind.write(schema, folder, WriteOptions(accept_loss=True, **options)) as writer:
        for task in tasks:
            writer.add(task)
        writer.close()
    (folder / "README.md").write_text(kind.card(schema) + "# Export\n")
    return schema
