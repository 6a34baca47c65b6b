"""What weighing all answers to a question has learnt, and what it makes of one task until the next weighing.

`core.inference` weighs all answers at once; that is a job. Between two jobs a task's probability of each
class follows from its own answers and what is known of who gave them: O(classes) an answer, and no other
task is read. Where answers are no classes, their label type says what is learnt (`LabelType.learn`) and what
a task's answers come to (`LabelType.weighed`). docs/spec/weighing.md is the rule, so that others can take it
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from evenhand.core.inference import DEFAULT, Model, Running
from evenhand.core.inference.votes import Floats, Places
from evenhand.core.label import LabelType, Learnt, readable
from evenhand.core.release import Probabilities

RULE = "weigh:6"
"""Name of the published rule. A change of a method, of a constant or of an order gets the next number."""

TIE = 1e-9  # probabilities so near to each other are equal: else the order of additions would decide

encode = msgspec.json.Encoder().encode


def best_of(posterior: Floats) -> Places:
    """[...] the most probable class of each row of `posterior` [..., classes]; of equals the lowest."""
    return np.asarray((posterior >= posterior.max(axis=-1, keepdims=True) - TIE).argmax(axis=-1))


def said(value: Any, probability: float) -> dict[str, Any]:
    """A consensus that was weighed; the probability has six decimals."""
    return {"value": value, "confidence": round(probability, 6), "method": DEFAULT}


@dataclass(frozen=True, eq=False)
class Weights:
    """What the newest weighing learnt about the answers to one question."""

    model: Model
    members: Mapping[str, int]  # annotator -> row of the model
    codes: Mapping[bytes, int]  # JSON of a class -> its number

    def running(self, votes: Sequence[tuple[str, Any]]) -> Running | None:
        """A task with these votes, (annotator, class) each; None where a class is one that nobody had given
        when all was weighed. An annotator who had given none counts as a newcomer."""
        task = self.model.start()
        for member, value in votes:
            code = self.codes.get(encode(value))
            if code is None:
                return None
            task = task.after(self.members.get(member), code)
        return task

    def conclude(self, label: LabelType[Any], votes: Sequence[tuple[str, Any]]) -> dict[str, Any] | None:
        """What these votes, at least one, come to; None as `running`."""
        task = self.running(votes)
        if task is None:
            return None
        posterior = task.posterior
        best = int(best_of(posterior))
        given = {self.codes[encode(value)]: value for _, value in votes}
        value = given[best] if best in given else msgspec.json.decode(list(self.codes)[best])
        return said(value, float(posterior[best]))

    def probabilities(self, label: LabelType[Any], votes: Sequence[tuple[str, Any]]) -> Probabilities | None:
        """Of each class that was given in the project, six decimals; None as `running`."""
        task = self.running(votes)
        if task is None:
            return None
        shares = zip(self.codes, task.posterior.tolist(), strict=False)  # of one class alone there are two
        return {str(msgspec.json.decode(key)): round(chance, 6) for key, chance in shares}


@dataclass(frozen=True)
class Skills:
    """What the newest weighing learnt about the answers to one question without classes."""

    method: str  # that the label type weighed by
    learnt: Learnt

    def conclude(self, label: LabelType[Any], answers: Sequence[tuple[str, Any]]) -> dict[str, Any] | None:
        """What these dumped answers, at least one, come to; None where the type weighs otherwise by now,
        or none of them is an answer to the question as it is now."""
        if label.weighed_by != self.method:
            return None
        given = readable(label, answers)
        return weighed(label, given, self.learnt) if given else None

    def probabilities(
        self, label: LabelType[Any], answers: Sequence[tuple[str, Any]]
    ) -> Probabilities | None:
        """Of each piece of the consensus, six decimals; None as `conclude`, or where it has no pieces."""
        given = readable(label, answers) if label.weighed_by == self.method else []
        pieces = label.weighed(given, self.learnt).pieces if given else ()
        return tuple(round(chance, 6) for chance in pieces) or None


def weighed(label: LabelType[Any], given: Sequence[tuple[str, Any]], learnt: Learnt) -> dict[str, Any]:
    """The consensus of these values, (annotator, value) each; the confidence has six decimals."""
    found = label.weighed(given, learnt)
    return {
        "value": label.dump(found.value),
        "confidence": round(found.confidence, 6),
        "method": found.method,
    }
