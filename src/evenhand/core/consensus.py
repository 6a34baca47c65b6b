"""What the answers to a task come to, question by question, by each label type's own `combine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand.core.events import MAX_ROWS, Concluded
from evenhand.core.project import Form

_encode = msgspec.json.Encoder().encode


def conclude(form: Form, answers: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The consensus of these answers.

    Args:
        form: the version in force. Answers keep the ids of their own version; a question that is
            gone is left out.
        answers: dumped answers, at least one, oldest first.

    Returns:
        question id -> {"value", "confidence", "method"}; no key where nobody answered.
    """
    result = {}
    for question, label in form.labels.items():
        dumped = [given[question] for given in answers if question in given]
        if dumped:
            result[question] = _combined(label, dumped)
    return result


def _combined(label: Any, dumped: Sequence[Any]) -> dict[str, Any]:
    if len(dumped) == 1 or all(answer == dumped[0] for answer in dumped[1:]):
        return {
            "value": dumped[0],
            "confidence": 1.0,
            "method": "single" if len(dumped) == 1 else "unanimous",
        }
    combined = label.combine([label.load(answer) for answer in dumped])
    return {
        "value": label.dump(combined.value),
        "confidence": round(combined.confidence, 6),
        "method": combined.method,
    }


def concluded(
    organization: str, project: str, outcomes: Sequence[tuple[int, Mapping[str, Any]]]
) -> tuple[Concluded, ...]:
    """The events that record these outcomes, (task number, consensus) each."""
    rows = [_encode([n, outcome]) for n, outcome in outcomes]
    return tuple(
        Concluded(stream=project, owner=organization, rows=tuple(rows[i : i + MAX_ROWS]))
        for i in range(0, len(rows), MAX_ROWS)
    )
