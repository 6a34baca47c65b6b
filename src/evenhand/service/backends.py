"""Backends: models of your own that suggest answers, and count as annotators where the project wants it.

Nothing here sends anything. `http/backends.py` calls them, outside of the lane and of any annotator's request
but the one that asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.errors import EvenhandError, Missing, Refused
from evenhand.core.events import Event, Moment, ProjectVersioned, Submitted, TaskCorrected
from evenhand.core.intake import shown_data
from evenhand.core.policy import Actor, require
from evenhand.core.project import Form
from evenhand.peers.label_studio_ml import Predicted, Translation, login_headers, require_backend_url
from evenhand.service import webhooks, work
from evenhand.service.brought import bring_predicted
from evenhand.service.ids import new_id
from evenhand.service.view import decode_json, encode_json, form_of, project_row, task_id, when
from evenhand.store import Reader, Transaction

BATCH = 20  # tasks in one call: a model may take seconds for each
TRIES = 5  # in a row before a job is given up
EVENT, TRAIN = "backend.annotation", "backend.train"


@lru_cache(64)
def _translation(project: str, version: int, form: Form) -> Translation:
    return Translation(form)


def translation_of(reader: Reader, organization: str, project: str, version: int) -> Translation:
    """One version of a project in Label Studio's words."""
    return _translation(project, version, form_of(reader, organization, project, version))


def name_of(project: Mapping[str, Any]) -> str:
    """What backends call a project: its id and the second of its creation, as Label Studio does."""
    return f"{project['id']}.{project['created_ms'] // 1000}"


# ---- connecting --------------------------------------------------------------------------------


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A project as a backend is told of it."""

    organization: str
    project: str
    name: str  # what the backend calls it
    config: str  # labeling configuration


def asking(reader: Reader, actor: Actor, project: str, new: wire.NewBackend) -> Asking:
    """What a backend that is to be connected will be told; checks that it may be.

    Raises:
        Invalid: the address cannot be one of a backend.
        Refused: its predictions would be the only answers to each task.
    """
    row = project_row(reader, actor, project, "project.manage")
    require_backend_url(new.url)
    form = form_of(reader, row["organization"], project, row["version"])
    if new.counts and form.document.overlap < 2:
        reason = "With one answer for each task, the model's would be the only one."
        remedy = "Raise the overlap, or let it only suggest (counts: false)."
        raise Refused("backend.counts", reason, "counts", remedy)
    told = translation_of(reader, row["organization"], project, row["version"])
    return Asking(organization=row["organization"], project=project, name=name_of(row), config=told.config)


def connect(
    tx: Transaction, at: Moment, actor: Actor, project: str, new: wire.NewBackend, version: str
) -> wire.Backend:
    """Keep a backend that has answered. The same address again changes how it is used."""
    asked = asking(tx, actor, project, new)
    url, keys = require_backend_url(new.url), {"organization": asked.organization, "project": project}
    for old in tx.all("backends", **keys):
        if old["url"] == url:
            tx.run("delete_backend", **keys, id=old["id"])
            tx.run("delete_suggestions_of_backend", **keys, backend=old["id"])
    id_ = new_id("mlb")
    flags = {name: int(getattr(new, name)) for name in ("counts", "interactive", "training")}
    title = new.title.strip() or url.partition("://")[2]
    tx.run(
        "put_backend",
        **keys,
        **flags,
        id=id_,
        url=url,
        title=title,
        token=new.access_token,
        login=new.login,
        version=version,
        at=at.ms,
    )
    if new.training:
        tx.run("put_watch", organization=asked.organization)
    return _backend(_row(tx, actor, id_, "project.manage"))


def login_of(reader: Reader, backend: str) -> dict[str, str]:
    """The headers by which a backend lets the node in; none where it asks for nothing, or is gone."""
    row = reader.one("backend", id=backend)
    return login_headers(row["login"]) if row else {}


def _row(reader: Reader, actor: Actor, id_: str, permission: str) -> dict[str, Any]:
    row = reader.one("backend", id=id_)
    if row is None:
        raise Missing("not-found", "There is no such backend, or you may not see it.", id_)
    require(actor, permission, row["organization"])
    return row


def _backend(row: dict[str, Any]) -> wire.Backend:
    flags = {name: bool(row[name]) for name in ("counts", "interactive", "training")}
    told = {**row, **flags, "project_id": row["project"], "created_at": when(row["created_ms"])}
    return msgspec.convert({name: told[name] for name in wire.Backend.__struct_fields__}, wire.Backend)


def list_(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.Backend]:
    """The backends of a project, oldest first."""
    row = project_row(reader, actor, project, "project.read")
    rows = reader.all("backends", organization=row["organization"], project=project)
    return wire.Page(items=[_backend(one) for one in rows])


def disconnect(tx: Transaction, at: Moment, actor: Actor, backend: str) -> None:
    """Ask it nothing more, and show no more of what it said. Its annotations stay."""
    row = _row(tx, actor, backend, "project.manage")
    keys = {"organization": row["organization"], "project": row["project"]}
    tx.run("delete_backend", **keys, id=backend)
    tx.run("delete_suggestions_of_backend", **keys, backend=backend)


# ---- predicting --------------------------------------------------------------------------------


def predict(tx: Transaction, at: Moment, actor: Actor, backend: str) -> wire.Backend:
    """Begin to ask about every open task of which its model has not said anything yet."""
    row = _row(tx, actor, backend, "project.manage")
    keys = {"organization": row["organization"], "project": row["project"], "id": backend}
    if row["state"] != "predicting":
        tx.run("begin_predicting", **keys, at=at.ms)
    return _backend(_row(tx, actor, backend, "project.manage"))


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a backend is asked about."""

    n: int
    round: int
    data: dict[str, Any]  # as annotators see it


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What one backend is asked next."""

    backend: dict[str, Any]
    name: str  # of the project there
    translation: Translation
    tasks: list[Task]  # empty: it is asked for its health, or all are done

    @property
    def is_first(self) -> bool:
        """Whether the job has just begun, so that its model is asked for its version."""
        return bool(self.backend["place"] < 0)


def turns(reader: Reader, now: int) -> list[Turn]:
    """The jobs whose time has come, each with its next tasks."""
    return [_turn(reader, row) for row in reader.all("predicting", now=now)]


def _turn(reader: Reader, row: dict[str, Any]) -> Turn:
    keys = {"organization": row["organization"], "project": row["project"]}
    project = reader.one("project", project=row["project"])
    assert project is not None, "a backend belongs to one"
    form = form_of(reader, row["organization"], row["project"], project["version"])
    found = (
        []
        if row["place"] < 0
        else reader.tuples(
            "tasks_to_predict",
            **keys,
            backend=row["id"],
            version=row["version"],
            after=row["place"],
            limit=BATCH,
        )
    )
    tasks = [
        Task(n=n, round=round_, data=shown_data(record, mapping, form.shown))
        for n, round_, record, mapping in found
    ]
    translation = translation_of(reader, row["organization"], row["project"], project["version"])
    return Turn(backend=row, name=name_of(project), translation=translation, tasks=tasks)


def predicted(tx: Transaction, at: Moment, turn: Turn, version: str, found: Sequence[Predicted]) -> None:
    """Keep what a backend said of these tasks, and go on; once there are no more the job is done."""
    row = tx.one("backend", id=turn.backend["id"])
    if row is None or row["state"] != "predicting":
        return  # disconnected meanwhile
    keys = {"organization": row["organization"], "project": row["project"]}
    said = [(task, one) for task, one in zip(turn.tasks, found, strict=True)]
    tx.many(
        "put_suggestion",
        [
            {
                **keys,
                "task": task.n,
                "round": task.round,
                "backend": row["id"],
                "answers": encode_json(one.answers),
                "score": one.score,
                "version": version,
            }
            for task, one in said
        ],
    )
    if row["counts"]:
        model = f"{row['title']} {version}".strip()
        answers = {task.n: one.answers for task, one in said if one.answers}
        bring_predicted(tx, at, row["project"], f"{row['id']}/{version}", model, answers)
    tx.run(
        "set_predicting",
        **keys,
        id=row["id"],
        state="predicting" if said or turn.is_first else "ready",
        reason="",
        place=turn.tasks[-1].n if said else max(row["place"], 0),
        asked=len(said),
        said=sum(bool(one.answers) for _, one in said),
        tries=0,
        next_ms=at.ms,
        version=version,
    )


def failed(tx: Transaction, at: Moment, turn: Turn, error: EvenhandError) -> None:
    """Try again later, or give the job up: what was said until now stays."""
    row = turn.backend
    tries = row["tries"] + 1
    tx.run(
        "set_predicting",
        organization=row["organization"],
        project=row["project"],
        id=row["id"],
        state="failed" if tries >= TRIES or isinstance(error, Refused) else "predicting",
        reason=str(error)[:500],
        place=row["place"],
        asked=0,
        said=0,
        tries=tries,
        next_ms=at.ms + 1_000 * 2**tries,
        version=row["version"],
    )


# ---- asked in the middle of a task ---------------------------------------------------------------


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What an annotator asks a backend."""

    organization: str
    url: str
    login: str  # "name:password" behind which it answers; "" for none
    name: str  # of the project there
    translation: Translation
    task_id: str  # as the annotator is told it
    data: dict[str, Any]  # as annotators see it
    context: list[dict[str, Any]]  # the answers so far, as results
    title: str  # of the backend


def ask(reader: Reader, actor: Actor, assignment: str, asked: wire.AskBackend) -> Question:
    """What to ask for one of the caller's own assignments.

    Raises:
        Missing: the project has no backend that annotators may ask; or it is not the caller's assignment.
    """
    given = work.get(reader, actor, assignment)
    project = reader.one("project", project=given.project_id)
    assert project is not None, "it has an assignment"
    keys = {"organization": project["organization"], "project": given.project_id}
    row = reader.one("asked_backend", **keys)
    if row is None:
        raise Missing("backend.none", "There is no model to ask here.", assignment, "Answer without it.")
    told = translation_of(reader, project["organization"], given.project_id, given.version)
    return Question(
        organization=project["organization"],
        url=row["url"],
        login=row["login"],
        title=row["title"],
        name=name_of(project),
        translation=told,
        task_id=given.task_id,
        data=given.data,
        context=told.results(asked.answers, given.data),
    )


# ---- training ----------------------------------------------------------------------------------


def train(tx: Transaction, at: Moment, actor: Actor, backend: str) -> None:
    """Tell a backend that it may train now. It fetches what it needs with the token that it was given."""
    row = _row(tx, actor, backend, "project.manage")
    project = tx.one("project", project=row["project"])
    assert project is not None, "a backend belongs to one"
    told = translation_of(tx, row["organization"], row["project"], project["version"])
    message = {"action": "START_TRAINING", "project": _project(project, told)}
    _tell(tx, at, row, TRAIN, message)


def heard(tx: Transaction, at: Moment, organization: str, event: Event) -> None:
    """Tell the backends that train what happened to annotations, or to the rules that they answer."""
    if isinstance(event, Submitted):
        _annotated(tx, at, organization, event)
    elif isinstance(event, TaskCorrected):
        _outdated(tx, at, organization, event.stream, int(event.task))
    elif isinstance(event, ProjectVersioned) and event.version > 1:
        _each(tx, at, organization, event.stream, {"action": "PROJECT_UPDATED"})


def _annotated(tx: Transaction, at: Moment, organization: str, event: Submitted) -> None:
    project, n = event.project, event.task
    if not event.stored or not _training(tx, organization, project):  # it was erased, or nobody trains
        return
    record = tx.one("record_now", organization=organization, project=project, task=n)
    found = tx.one("project", project=project)
    if found is None or record is None:
        return
    form = form_of(tx, organization, project, found["version"])
    data = shown_data(record["record"], record["mapping"], form.shown)
    told = translation_of(tx, organization, project, found["version"])
    annotation = {
        "id": event.assignment,
        "task": task_id(project, n),
        "project": project,
        "result": told.results(decode_json(event.stored), data),
        "lead_time": event.ms / 1000 if event.ms >= 0 else None,
    }
    action = "ANNOTATION_CREATED" if event.revision == 1 else "ANNOTATION_UPDATED"
    task = {"id": task_id(project, n), "data": data}
    _each(tx, at, organization, project, {"action": action, "annotation": annotation, "task": task})


def _outdated(tx: Transaction, at: Moment, organization: str, project: str, n: int) -> None:
    """The task has new data: what was answered about the old ones is none of its annotations any more."""
    if not _training(tx, organization, project):
        return
    ids = tx.tuples("annotations_outdated", organization=organization, project=project, task=n)
    gone = [{"id": id_} for (id_,) in ids]
    if gone:
        task = {"id": task_id(project, n)}
        _each(
            tx,
            at,
            organization,
            project,
            {"action": "ANNOTATIONS_DELETED", "annotations": gone, "task": task},
        )


def _training(tx: Transaction, organization: str, project: str) -> list[dict[str, Any]]:
    return [row for row in tx.all("backends", organization=organization, project=project) if row["training"]]


def _each(tx: Transaction, at: Moment, organization: str, project: str, message: dict[str, Any]) -> None:
    """The message, with the project, for each backend of it that trains."""
    rows = _training(tx, organization, project)
    found = tx.one("project", project=project) if rows else None
    if found is not None:
        told = translation_of(tx, organization, project, found["version"])
        for row in rows:
            _tell(tx, at, row, EVENT, message | {"project": _project(found, told)})


def _project(project: Mapping[str, Any], told: Translation) -> dict[str, Any]:
    """As webhooks of Label Studio name it: without the second that the other calls add, since backends
    keep what they learn under the id before the point.
    """
    return {"id": project["id"], "label_config": told.config}


def _tell(tx: Transaction, at: Moment, row: Mapping[str, Any], kind: str, message: Any) -> None:
    body = encode_json(message)
    webhooks.enqueue(tx, at, row["organization"], kind, f"{row['url']}/webhook", row["id"], body=body)
