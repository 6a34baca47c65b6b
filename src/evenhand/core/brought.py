"""Annotations that were given in another tool: which are taken, and what they say of their origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from evenhand.core.allocation import slot_of
from evenhand.core.errors import Invalid
from evenhand.core.events import Brought, Moment
from evenhand.core.intake import shown_data
from evenhand.core.project import Form
from evenhand.core.submission import TaskView, active_ms, check_answers, encoded


class BroughtView(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision about one annotation from elsewhere depends on."""

    assignment: str  # fresh id of the annotation here
    organization: str
    project: str
    number: int  # of the task
    version: int  # of the project, whose questions are answered
    person: str
    member: str
    record: bytes
    mapping: bytes
    form: Form
    task: TaskView


def bring(
    view: BroughtView, answers: Mapping[str, Any], given_ms: int, seconds: float | None, moment: Moment
) -> Brought:
    """The event that an annotation from elsewhere makes.

    It counts towards the overlap, and beyond it too: what people have answered is not thrown away
    because this project would have asked fewer of them. A task that is set apart or withdrawn takes
    none.

    Args:
        given_ms: when it was given there, ms since 1970.
        seconds: active time, where it was measured.

    Raises:
        Invalid: an answer does not fit its question; it was given in the future; the task takes none.
    """
    if view.task.status not in ("open", "done"):
        reason = f"The task is {view.task.status}, and takes no answers from elsewhere."
        raise Invalid("brought.status", reason, "external_id", "Restore it first.")
    if not 0 <= given_ms <= moment.ms:
        reason = "The time at which it was given is not between 1970 and now."
        raise Invalid("brought.time", reason, "submitted_at", "Correct the time.")
    dumped = check_answers(view.form, answers, shown_data(view.record, view.mapping, view.form.shown))
    return Brought(
        stream=view.person,
        owner=view.organization,
        slot=slot_of(view.assignment),
        answers=encoded(dumped),
        given=str(given_ms).encode(),
        assignment=view.assignment,
        project=view.project,
        task=view.number,
        round=view.task.round,
        version=view.version,
        member=view.member,
        ms=active_ms(seconds),
        completes=view.task.status == "open" and view.task.answered + 1 >= view.task.overlap,
    )


def after(task: TaskView) -> TaskView:
    """The task's counts once one more annotation is taken, for the next one in the same group."""
    answered = task.answered + 1
    done = answered >= task.overlap
    return msgspec.structs.replace(
        task,
        answered=answered,
        status="done" if done else task.status,
        free=0 if done else max(task.overlap - answered - task.leased, 0),
    )
