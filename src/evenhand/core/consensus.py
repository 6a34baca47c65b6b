"""What the answers to a task come to, by question: weighed, or by the label type's own `combine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand.core.events import MAX_ROWS, Concluded, Place
from evenhand.core.label import readable
from evenhand.core.project import Form
from evenhand.core.weighing import Skills, Weights

_encode = msgspec.json.Encoder().encode

NO_WEIGHTS: Mapping[str, Weights | Skills] = {}


def conclude(
    form: Form,
    answers: Sequence[tuple[str, Mapping[str, Any]]],
    weights: Mapping[str, Weights | Skills] = NO_WEIGHTS,
) -> dict[str, dict[str, Any]]:
    """The consensus of these answers.

    Args:
        form: the version in force. Answers keep the ids of their own version; a question that is
            gone is left out.
        answers: (annotator, dumped answers), at least one, oldest first. Who gave them matters where
            they are weighed.
        weights: question id -> what the newest weighing learnt.

    Returns:
        question id -> {"value", "confidence", "method"}; no key where nobody answered the question
        as it is now.
    """
    result: dict[str, dict[str, Any]] = {}
    for question, label in form.labels.items():
        given = [(member, answer[question]) for member, answer in answers if question in answer]
        if given:
            weighed = weights[question].conclude(label, given) if question in weights else None
            found = weighed or _combined(label, [value for _, value in given])
            result |= {question: found} if found else {}
    return result


def _combined(label: Any, dumped: Sequence[Any]) -> dict[str, Any] | None:
    """None where none of several answers is one to the question as it is now."""
    if len(dumped) == 1 or all(answer == dumped[0] for answer in dumped[1:]):
        return {
            "value": dumped[0],
            "confidence": 1.0,
            "method": "single" if len(dumped) == 1 else "unanimous",
        }
    values = [value for _, value in readable(label, [("", answer) for answer in dumped])]
    if not values:
        return None
    combined = label.combine(values)
    return {
        "value": label.dump(combined.value),
        "confidence": round(combined.confidence, 6),
        "method": combined.method,
    }


def concluded(
    organization: str,
    project: str,
    outcomes: Sequence[tuple[int, Mapping[str, Any]]],
    causes: tuple[Place, ...] = (),
) -> tuple[Concluded, ...]:
    """The events that record these outcomes, (task number, consensus) each; `causes`: the weighing."""
    rows = [_encode([n, outcome]) for n, outcome in outcomes]
    return tuple(
        Concluded(stream=project, owner=organization, causes=causes, rows=tuple(rows[i : i + MAX_ROWS]))
        for i in range(0, len(rows), MAX_ROWS)
    )
