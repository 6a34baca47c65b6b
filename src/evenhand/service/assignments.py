"""What an assignment shows to whom it is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.allocation import Given
from evenhand.core.intake import shown_data
from evenhand.service.view import decode_json, form_of, suggestion_of, told_task_id, when
from evenhand.store import Reader

Key = tuple[str, int, int]  # project, task, round
Prediction = dict[str, Any]  # {"answers", "score"}


class Shown(msgspec.Struct, frozen=True):
    """What an assignment is made of beside its lease."""

    record: bytes  # JSON, as received
    mapping: bytes  # JSON: what the import called its keys
    said: Sequence[Prediction]  # by backends


def ask_shown(reader: Reader, given: Sequence[Given]) -> Callable[[], dict[Key, Shown]]:
    """Send the questions for what these assignments show; what this gives fetches the answers."""
    records, said = _ask_records(reader, given), _ask_said(reader, given)

    def shown() -> dict[Key, Shown]:
        found, predictions = records(), said()
        return {key: Shown(*record, predictions.get(key, ())) for key, record in found.items()}

    return shown


def key_of(g: Given) -> Key:
    """By which `ask_shown` names what an assignment shows."""
    return g.project, g.task, g.round


def assignment_of(
    reader: Reader, g: Given, shown: Shown, draft: Any, place: tuple[str, int]
) -> wire.Assignment:
    """An assignment as its annotator gets it.

    Args:
        draft: answers that were kept unfinished, or given; None where there are none.
        place: where its lease stands in the ledger.
    """
    form = form_of(reader, g.organization, g.project, g.version)
    return wire.Assignment(
        id=g.lease,
        task_id=told_task_id(reader, g.project, g.task, form.document),
        project_id=g.project,
        version=g.version,
        data=shown_data(shown.record, shown.mapping, form.shown),
        expires_at=when(g.until),
        suggestion=suggestion_of(shown.record, shown.mapping, form, shown.said),
        draft=draft,
        place=place,
    )


def places_of(reader: Reader, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Where the leases of these assignments stand in the ledger."""
    return {id_: (pool, n) for id_, pool, n in reader.tuples("windows_of", ids=ids)} if ids else {}


def drafts_of(reader: Reader, ids: list[str]) -> dict[str, Any]:
    """The answers that were kept unfinished, of those of these assignments that have any."""
    return {id_: decode_json(answers) for id_, answers in reader.tuples("drafts", ids=ids)} if ids else {}


def _ask_records(reader: Reader, given: Sequence[Given]) -> Callable[[], dict[Key, tuple[bytes, bytes]]]:
    sent = [
        (project, reader.ahead("payloads", organization=organization, project=project, tasks=tasks))
        for (organization, project), tasks in _by_project(given).items()
    ]
    return lambda: {
        (project, task, round_): (record, mapping)
        for project, rows in sent
        for task, round_, record, mapping in rows()
    }


def _ask_said(reader: Reader, given: Sequence[Given]) -> Callable[[], dict[Key, list[Prediction]]]:
    wanted = [g for g in given if form_of(reader, g.organization, g.project, g.version).document.suggestions]
    sent = [
        (project, reader.ahead("suggestions", organization=organization, project=project, tasks=tasks))
        for (organization, project), tasks in _by_project(wanted).items()
    ]

    def said() -> dict[Key, list[Prediction]]:
        found: dict[Key, list[Prediction]] = defaultdict(list)
        for project, rows in sent:
            for task, round_, answers, score in rows():
                found[project, task, round_].append({"answers": decode_json(answers), "score": score})
        return found

    return said


def _by_project(given: Sequence[Given]) -> dict[tuple[str, str], list[int]]:
    """(organization, project) -> its tasks."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for g in given:
        found[g.organization, g.project].append(g.task)
    return found
