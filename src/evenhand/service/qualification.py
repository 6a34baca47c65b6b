"""Qualification: the test that an annotator passes before real work in a project."""

from __future__ import annotations

import secrets
from typing import Any

from evenhand import wire
from evenhand.core import gold, qualification
from evenhand.core.errors import Missing, Refused
from evenhand.core.events import Moment
from evenhand.core.intake import shown_data
from evenhand.core.policy import Actor
from evenhand.core.project import Form, QualificationPolicy
from evenhand.core.qualification import Candidacy, Test
from evenhand.core.submission import check_answers
from evenhand.service import postings
from evenhand.service.view import decode_json, form_of, parse_told_id, project_row, told_task_id
from evenhand.store import Reader, Transaction


def get(reader: Reader, actor: Actor, project: str) -> wire.Qualification:
    """How far the caller is in a project's qualification."""
    row = _row(reader, actor, project)
    return _wire(reader, row, _candidacy(reader, actor, row))


def begin(tx: Transaction, at: Moment, actor: Actor, project: str) -> wire.Qualification:
    """Begin a try; the one that runs goes on."""
    row = _row(tx, actor, project)
    view = _candidacy(tx, actor, row)
    if not view.member:
        postings.lend(tx, at, row["organization"], actor)
        view = _candidacy(tx, actor, row)
    if view.running is None:
        keys = {"organization": row["organization"], "project": project}
        stock = [n for (n,) in tx.tuples("gold_numbers", **keys, purpose="qualification")]
        tx.append([qualification.begin(_policy(tx, row), view, stock, secrets.token_bytes(32))], at)
    return get(tx, actor, project)


def answer(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.TestAnswer
) -> wire.TestFeedback:
    """Answer the task that is next, and learn at once what was right."""
    row = _row(tx, actor, project)
    view, policy = _candidacy(tx, actor, row), _policy(tx, row)
    test = view.running
    if test is None or test.task is None:
        raise Refused("qualification.none", "No try is running.", "project", "Begin one.")
    told, n = parse_told_id(tx, request.task_id)
    if told != project or n != test.task:
        raise Refused(
            "qualification.task", "Another task is next.", "task_id", "Load the qualification again."
        )
    form, task = _task(tx, row, test.task)
    data = shown_data(task["record"], task["mapping"], form.shown)
    given = check_answers(form, request.answers, data)
    known = decode_json(task["answers"])
    right = gold.is_right(form, known, given, policy.tolerance)
    placed = tx.append(qualification.answer(policy, view, test, given, right), at)
    if len(placed) > 1:
        postings.admit(tx, at, row["organization"], project, placed[-1].place, view.member)
    return wire.TestFeedback(
        right=right, answers=known, feedback=task["feedback"], qualification=get(tx, actor, project)
    )


def shown(reader: Reader, actor: Actor, row: dict[str, Any], n: int) -> bool:
    """Whether a try of the caller's own has come to this task of a project."""
    view = _candidacy(reader, actor, row)
    return any(n in test.tasks[: test.answered + 1] for test in view.tests)


def _row(reader: Reader, actor: Actor, project: str) -> dict[str, Any]:
    """The project's row, for its own people and for those whom a shared pool lends."""
    row = reader.one("project", project=project)
    own = row is None or actor.membership(row["organization"]) is not None
    if row is None or own or not postings.may_test(reader, actor, project):
        return project_row(reader, actor, project, "task.label")
    return row


def _policy(reader: Reader, row: dict[str, Any]) -> QualificationPolicy:
    document = form_of(reader, row["organization"], row["id"], row["version"]).document
    if document.qualification is None:
        raise Refused("qualification.off", "This project has no qualification.", "project", "Ask for work.")
    return document.qualification


def _candidacy(reader: Reader, actor: Actor, row: dict[str, Any]) -> Candidacy:
    membership = actor.membership(row["organization"])
    member = (
        membership.member if membership else postings.lent_member(reader, row["organization"], actor.person)
    )
    keys = {"organization": row["organization"], "project": row["id"]}
    standing = reader.all("standings", **keys, members=[member])
    tests = reader.tuples("tests", **keys, member=member)
    return Candidacy(
        **keys,
        person=actor.person,
        member=member,
        qualified=bool(standing and standing[0]["qualified"]),
        tests=tuple(
            Test(attempt=attempt, tasks=tuple(decode_json(tasks)), answered=answered, right=right)
            for attempt, tasks, answered, right in tests
        ),
    )


def _task(reader: Reader, row: dict[str, Any], n: int) -> tuple[Form, dict[str, Any]]:
    keys = {"organization": row["organization"], "project": row["id"]}
    found = reader.all("gold_named", **keys, tasks=[n])
    if not found:
        raise Missing("not-found", "The task was taken out of the qualification.", str(n), "Ask a manager.")
    return form_of(reader, row["organization"], row["id"], row["version"]), found[0]


def _wire(reader: Reader, row: dict[str, Any], view: Candidacy) -> wire.Qualification:
    document = form_of(reader, row["organization"], row["id"], row["version"]).document
    policy = document.qualification
    test = view.running or (view.tests[-1] if view.tests else None)
    keys = {"organization": row["organization"], "project": row["id"]}
    stock = len(reader.tuples("gold_numbers", **keys, purpose="qualification"))
    upcoming = min(policy.tasks, stock) if policy else 0
    return wire.Qualification(
        project_id=row["id"],
        needed=policy is not None and not view.qualified,
        passed=view.qualified,
        tasks=len(test.tasks) if test else upcoming,
        answered=test.answered if test else 0,
        right=test.right if test else 0,
        pass_mark=policy.pass_mark if policy else 0,
        tries_left=max(policy.tries - len(view.tests), 0) if policy else 0,
        next=_next(reader, row, view.running),
    )


def _next(reader: Reader, row: dict[str, Any], test: Test | None) -> wire.TestTask | None:
    if test is None or test.task is None:
        return None
    form, task = _task(reader, row, test.task)
    return wire.TestTask(
        task_id=told_task_id(reader, row["id"], test.task, form.document),
        version=row["version"],
        data=shown_data(task["record"], task["mapping"], form.shown),
    )
