"""What the answers to a task come to, said as soon as it has all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from evenhand.core import consensus as core
from evenhand.core.events import Moment, Place, Submitted
from evenhand.core.project import Form
from evenhand.core.submission import SubmissionView
from evenhand.service import adaptive, gold, review
from evenhand.service.view import decode_json, form_of
from evenhand.store import Transaction
from evenhand.store.codec import answers_of


def conclude_where_due(
    tx: Transaction, at: Moment, taken: Sequence[tuple[Submitted, SubmissionView]]
) -> None:
    """Where a task has all its answers now, or one of them changed, say what they come to."""
    projects: dict[tuple[str, str], dict[int, tuple[str, bytes] | None]] = defaultdict(dict)
    adapting: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)  # task -> overlap so far
    for event, view in taken:
        corrects = event.revision > 1 and not event.surplus and view.task.status == "done"
        if event.completes or corrects or gold.concludes(event, view):
            alone = view.task.overlap == 1 and not corrects and view.form.document.gold is None
            own = (event.member, event.stored) if alone else None
            projects[event.owner, event.project][event.task] = own
            if event.completes and view.form.document.adaptive is not None:
                adapting[event.owner, event.project][event.task] = view.task.overlap
    for (organization, project), tasks in sorted(projects.items()):
        if (organization, project) in adapting:
            for n in _ask_further(tx, at, organization, project, adapting[organization, project]):
                del tasks[n]
        corrected = [e.task for e, _ in taken if e.project == project and e.revision > 1 and e.task in tasks]
        if tasks:
            conclude(tx, at, organization, project, tasks, corrected)


def _ask_further(
    tx: Transaction, at: Moment, organization: str, project: str, tasks: dict[int, int]
) -> set[int]:
    """Those of the tasks that get one more answer, by the rules in force."""
    row = tx.one("project", project=project)
    assert row is not None, "a submission follows its project"
    form = form_of(tx, organization, project, row["version"])
    return adaptive.ask_further(tx, at, organization, project, form, tasks)


def conclude(
    tx: Transaction,
    at: Moment,
    organization: str,
    project: str,
    tasks: dict[int, tuple[str, bytes] | None],
    corrected: list[int],
) -> None:
    """Record what the answers to these tasks come to.

    Args:
        tasks: number -> (annotator, the only answer to it), where the caller has it.
        corrected: those of them that were concluded before.
    """
    row, form, found, causes = outcomes(tx, organization, project, tasks)
    if form.document.review is not None or corrected:
        found = review.follow(tx, at, row, form, found, corrected)
    tx.append(core.concluded(organization, project, found, causes), at)


def outcomes(
    tx: Transaction, organization: str, project: str, tasks: dict[int, tuple[str, bytes] | None]
) -> tuple[dict[str, Any], Form, list[tuple[int, dict[str, Any]]], tuple[Place, ...]]:
    """(the project's row, its form, what the answers to each task come to, the weighing that it rests on)."""
    answers: dict[int, list[tuple[str, Any]]] = {
        n: [(alone[0], decode_json(alone[1]))] for n, alone in tasks.items() if alone is not None
    }
    shared = [n for n, alone in tasks.items() if alone is None]
    if shared:
        sent = tx.ahead("task_answers", organization=organization, project=project, tasks=shared)
    row = tx.one("project", project=project)
    assert row is not None, "a submission follows its project"
    form = form_of(tx, organization, project, row["version"])
    if shared:
        for n, member, body in sent():
            answers.setdefault(n, []).append((member, decode_json(answers_of(body))))
    most = row["overlap"] if form.document.gold else None  # of a gold task, as many as an ordinary one has
    weighed = adaptive.newest(tx, organization, project) if form.document.adaptive is not None else None
    weights, causes = (core.NO_WEIGHTS, ()) if weighed is None else (weighed.weights, (weighed.place,))
    found = [(n, core.conclude(form, given[:most], weights)) for n, given in sorted(answers.items())]
    return row, form, found, causes
