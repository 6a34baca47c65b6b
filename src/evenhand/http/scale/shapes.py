"""What the front gives, in the words of Scale's two versions. A key without a value is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from evenhand import wire
from evenhand.core.errors import Invalid
from evenhand.http.scale.types import DERIVED, TYPES
from evenhand.service.scale.projects import Batch, Project
from evenhand.service.scale.studio import ROLES, Group, Stored
from evenhand.service.scale.tasks import Shown

OURS = frozenset({"instruction", "metadata", "predictions", "external_id", "priority"})
"""Keys of a record that are no parameters of Scale's."""

SCALE_ROLES = {ours: theirs for theirs, ours in ROLES.items()} | {"auditor": "member"}


def params_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they were sent, and those that the project gave."""
    return {key: value for key, value in record.items() if key not in OURS and not key.startswith(DERIVED)}


def response_of(task: Shown) -> Any:
    """The response in Scale's shape; None while there is none."""
    if task.status == "error" or (task.test and task.status == "completed"):
        return task.response
    if task.answers is None:
        return None
    return TYPES[task.type].respond(params_of(task.record), task.answers)


def task(shown: Shown) -> dict[str, Any]:
    """A task of version 1."""
    found = {
        "task_id": shown.id,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
        "completed_at": shown.completed_at,
        "type": shown.type,
        "status": shown.status,
        "instruction": shown.record.get("instruction", ""),
        "params": params_of(shown.record),
        "metadata": shown.metadata,
        "project": shown.project or None,
        "batch": shown.batch or None,
        "callback_url": shown.callback or None,
        "callback_succeeded": {1: True, 2: False}.get(shown.called),
        "unique_id": shown.unique_id,
        "tags": shown.tags,
        "response": response_of(shown),
        "customer_review_status": shown.review or None,
        "customer_review_comments": shown.comments or None,
        "priority": shown.record.get("priority", 0),
        "is_test": shown.test,
        "evenhand_task_id": shown.task_id,
    }
    return _without_none(found)


def limited(shown: Shown) -> dict[str, Any]:
    """A task of version 1 with `limited_response`."""
    found = {
        "task_id": shown.id,
        "status": shown.status,
        "metadata": shown.metadata,
        "project": shown.project or None,
    }
    return _without_none(found)


def quality_task(shown: Shown) -> dict[str, Any]:
    """An evaluation or training task: a task whose answer is known."""
    return {**task(shown), "id": shown.id, "expected_response": shown.response}


def _without_none(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not None}


def project(found: Project) -> dict[str, Any]:
    """A project of version 1."""
    return {
        "id": found.id,
        "name": found.name,
        "type": found.type,
        "param_history": found.versions,
        "created_at": found.created_at,
    }


def template(found: Project) -> dict[str, Any]:
    """What tasks of a project fill in.

    Raises:
        Invalid: tasks of its type have no template.
    """
    if found.type != "textcollection":
        raise Invalid(
            "scale.template", f"Projects of the type {found.type!r} have no template.", found.name, ""
        )
    newest = found.versions[-1] if found.versions else {"version": 0, "created_at": found.created_at}
    return {
        "id": found.id,
        "version": newest["version"],
        "created_at": found.created_at,
        "updated_at": newest["created_at"],
        "template_variables": {
            one["field_id"]: one for one in found.params.get("fields", []) if "field_id" in one
        },
    }


def batch(found: Batch) -> dict[str, Any]:
    """A batch of version 1."""
    given = {
        "id": found.id,
        "name": found.name,
        "project": found.project,
        "status": found.status,
        "callback": found.callback,
        "metadata": found.metadata,
        "created_at": found.created_at,
        "completed_at": found.completed_at,
    }
    return _without_none(given)


def batch_status(found: Batch) -> dict[str, Any]:
    """Its status, and how many tasks have which."""
    return {"status": found.status, **found.counts}


def studio_batch(found: Batch, projects: Mapping[str, str]) -> dict[str, Any]:
    """A batch in the list of priorities. `projects`: name -> id."""
    given = {
        "id": found.id,
        "name": found.name,
        "projectId": projects.get(found.project, ""),
        "projectName": found.project,
        "batchType": "Production",
        "studioPriority": found.priority or None,
        "total": sum(found.counts.values()),
        "completed": found.counts.get("completed", 0),
        "groups": found.groups,
    }
    return _without_none(given)


def teammate(member: wire.Member) -> dict[str, Any]:
    """A member under the address that Scale knows people by."""
    first, _, last = member.name.partition(" ")
    return {
        "email": member.email,
        "role": SCALE_ROLES[member.role],
        "firstName": first,
        "lastName": last,
        "isStudioLabeler": member.role == "annotator",
    }


def group(found: Group) -> dict[str, Any]:
    """A group of people of one project."""
    people = [{"id": id_, "email": email} for id_, email in found.members]
    return {
        "id": found.id,
        "name": found.name,
        "numWorkers": len(people),
        "isSingleton": len(people) == 1,
        "workers": people,
    }


def file(found: Stored) -> dict[str, Any]:
    """A file that tasks may name."""
    given = {
        "id": found.id,
        "attachment_url": f"scaledata://{found.id}",
        "display_name": found.name,
        "mime_type": found.type,
        "size": found.bytes,
        "project_names": found.projects,
        "metadata": found.metadata,
        "reference_id": found.reference_id,
        "created_at": found.created_at,
        "updated_at": found.created_at,
    }
    return _without_none(given)


# ---- version 2 ---------------------------------------------------------------------------------


class Names:
    """Names to ids, as version 2 refers to things; in full where a call asks for it."""

    def __init__(
        self, projects: Sequence[Project], batches: Sequence[Batch], expand: Sequence[str] = ()
    ) -> None:
        self._projects = {found.name: found for found in projects}
        self._batches = {found.name: found for found in batches}
        self._expand = frozenset(expand)

    def project(self, name: str) -> Any:
        """The project's id, or the project."""
        found = self._projects.get(name)
        if found is None:
            return ""
        return project2(found) if "project" in self._expand else found.id

    def batch(self, name: str) -> Any:
        """The batch's id, or the batch."""
        found = self._batches.get(name)
        if found is None:
            return None
        return batch2(found, self) if "batch" in self._expand else found.id


def project2(found: Project) -> dict[str, Any]:
    """A project of version 2."""
    return {"id": found.id, "name": found.name, "created_at": found.created_at, "types": [found.type]}


def batch2(found: Batch, names: Names) -> dict[str, Any]:
    """A batch of version 2."""
    return {**batch(found), "project": names.project(found.project)}


def task2(shown: Shown, names: Names) -> dict[str, Any]:
    """A task of version 2. Threads belong to chats, which cannot be labelled here yet."""
    given = {
        "task_id": shown.id,
        "project": names.project(shown.project),
        "batch": names.batch(shown.batch),
        "status": shown.status,
        "created_at": shown.created_at,
        "completed_at": shown.completed_at,
        "metadata": shown.metadata,
    }
    return _without_none(given)


# ---- what is given -----------------------------------------------------------------------------


def moment(text: str, where: str) -> int:
    """A date or a time as Scale's client writes it, in ms UTC; without a zone it is UTC.

    Raises:
        Invalid: it is none.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(
            "scale.time", f"{text!r} is no time.", where, "Write 2030-12-31 or 2030-12-31T23:59:59Z."
        ) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def truth(text: str) -> bool:
    """A truth value as Python prints it."""
    return text.lower() in ("true", "1")
