"""A test before real work: tasks with known answers, feedback after each, and a mark to reach."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand.core.errors import Refused
from evenhand.core.events import Event, TestAnswered, TestBegan, TestEnded
from evenhand.core.project import QualificationPolicy

_encode = msgspec.json.Encoder(order="sorted").encode


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """A try as it stands."""

    __test__ = False  # it is no test of ours

    attempt: int
    tasks: tuple[int, ...]
    answered: int
    right: int

    @property
    def task(self) -> int | None:
        """The number of the task that is next."""
        return self.tasks[self.answered] if self.answered < len(self.tasks) else None


class Candidacy(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who wants to qualify."""

    organization: str
    project: str
    person: str
    member: str
    qualified: bool
    tests: tuple[Test, ...]  # tries so far, oldest first

    @property
    def running(self) -> Test | None:
        """The try that is not at its end."""
        return self.tests[-1] if self.tests and self.tests[-1].task is not None else None


def begin(policy: QualificationPolicy, view: Candidacy, stock: Sequence[int], secret: bytes) -> TestBegan:
    """The event that begins a try. Tasks that earlier tries did not show come first.

    Args:
        stock: numbers of the qualification tasks.
        secret: 32 fresh random bytes that order them.

    Raises:
        Refused: qualified already, a try is running, no try is left, or there are no tasks.
    """
    if view.qualified or view.running is not None:
        raise Refused("qualification.running", "You are qualified, or in the middle of a try.", "project")
    if len(view.tests) >= policy.tries:
        raise Refused(
            "qualification.tries", f"All {policy.tries} tries are used.", "project", "Ask a manager."
        )
    if not stock:
        raise Refused(
            "qualification.empty", "The project has no qualification tasks yet.", "project", "Ask a manager."
        )
    shown = {n for test in view.tests for n in test.tasks}
    order = sorted(
        stock, key=lambda n: (n in shown, hashlib.blake2b(n.to_bytes(8, "big"), key=secret).digest())
    )
    return TestBegan(
        stream=view.person,
        owner=view.organization,
        tasks=_encode(order[: policy.tasks]),
        project=view.project,
        member=view.member,
        attempt=len(view.tests) + 1,
    )


def answer(
    policy: QualificationPolicy, view: Candidacy, test: Test, answers: Mapping[str, Any], right: bool
) -> tuple[Event, ...]:
    """The events that the answer to the next task makes; the last one ends the try.

    Args:
        answers: checked, as stored.
    """
    events: list[Event] = [
        TestAnswered(
            stream=view.person,
            owner=view.organization,
            task=str(test.task).encode(),
            answers=_encode(answers),
            project=view.project,
            member=view.member,
            attempt=test.attempt,
            right=int(right),
        )
    ]
    if test.answered + 1 == len(test.tasks):
        total = test.right + int(right)
        events.append(
            TestEnded(
                stream=view.project,
                owner=view.organization,
                answered=len(test.tasks),
                right=total,
                passed=int(100 * total >= policy.pass_mark * len(test.tasks)),
                member=view.member.encode(),
            )
        )
    return tuple(events)
