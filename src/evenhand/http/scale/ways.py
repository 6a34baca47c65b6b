"""Every way of Scale's API that this node answers, with its handler."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from evenhand.core.errors import Invalid
from evenhand.http.problems import Turned
from evenhand.http.scale import shapes, types
from evenhand.http.scale.asking import NotThere, Reading, callback_of, fetch, kept, part_of
from evenhand.http.scale.front import LARGE, Asking, Way
from evenhand.service.scale import missing, projects, studio, tasks
from evenhand.service.scale.projects import FOREVER, Project
from evenhand.service.scale.tasks import Filter, Shown

FILE = 80 << 20  # bytes of an uploaded file, and 1 MiB for the form around it
PAGE = 100  # things on a page


# ---- projects ----------------------------------------------------------------------------------


async def create_project(asking: Asking) -> Any:
    """POST /v1/projects."""
    body = await asking.fields()
    type_ = body.get("type")
    types.find(type_ if isinstance(type_, str) else "")
    staging = bool(body.get("rapid") or body.get("studio"))
    made = await asking.write(projects.create_project, body.get("name"), type_, body.get("params"), staging)
    return shapes.project(made)


async def get_project(asking: Asking, name: str) -> Any:
    """GET /v1/projects/{name}."""
    return shapes.project(await asking.read(projects.get_project, name))


async def list_projects(asking: Asking) -> Any:
    """GET /v1/projects."""
    return [shapes.project(found) for found in await asking.read(projects.list_projects)]


async def set_params(asking: Asking, name: str) -> Any:
    """POST /v1/projects/{name}/setParams."""
    body = await asking.fields()
    patch = body.pop("patch", False) is True
    return shapes.project(await asking.write(projects.set_params, name, body, patch))


async def template(asking: Asking, name: str) -> Any:
    """GET /v1/projects/{name}/taskTemplates."""
    return shapes.template(await asking.read(projects.get_project, name))


# ---- batches -----------------------------------------------------------------------------------


async def create_batch(asking: Asking) -> Any:
    """POST /v1/batches."""
    return shapes.batch(await _create_batch(asking, "project", None))


async def _create_batch(asking: Asking, project: str, staging: bool | None) -> projects.Batch:
    body = await asking.fields()
    made: projects.Batch = await asking.write(
        projects.create_batch,
        body.get("name"),
        str(body.get(project) or body.get("project_id") or ""),
        callback_of(body.get("callback"), "callback"),
        body.get("metadata"),
        staging if staging is None else bool(body.get("staging_batch")),
    )
    return made


async def get_batch(asking: Asking, name: str) -> Any:
    """GET /v1/batches/{name}."""
    return shapes.batch(await asking.read(projects.get_batch, name))


async def batch_status(asking: Asking, name: str) -> Any:
    """GET /v1/batches/{name}/status."""
    return shapes.batch_status(await asking.read(projects.get_batch, name))


async def finalize(asking: Asking, name: str) -> Any:
    """POST /v1/batches/{name}/finalize."""
    return shapes.batch(await asking.write(projects.finalize, name))


async def set_batch_metadata(asking: Asking, name: str) -> Any:
    """POST /v1/batches/{name}/setMetadata."""
    return shapes.batch(await asking.write(projects.set_batch_metadata, name, await asking.fields()))


async def list_batches(asking: Asking) -> Any:
    """GET /v1/batches. The limit that is echoed is never 0: the client pages by it."""
    limit, offset = asking.number("limit", PAGE, 1, 1000), asking.number("offset", 0, 0, 10**8)
    start, stop = _time(asking, "start_time", 0), _time(asking, "end_time", FOREVER)
    found = await asking.read(projects.list_batches, asking.one("project"), start, stop)
    status = asking.one("status")
    found = [batch for batch in found if status in ("", batch.status)]
    docs = [shapes.batch(batch) for batch in found[offset : offset + limit]]
    more = offset + limit < len(found)
    return {"docs": docs, "totalDocs": len(found), "limit": limit, "offset": offset, "has_more": more}


def _time(asking: Asking, name: str, default: int) -> int:
    text = asking.one(name)
    return shapes.moment(text, name) if text else default


# ---- tasks -------------------------------------------------------------------------------------


async def create_task(asking: Asking, type_: str) -> Any:
    """POST /v1/task/{type}."""
    return shapes.task(await _create(asking, type_, "task"))


async def create_evaluation_task(asking: Asking, type_: str) -> Any:
    """POST /v1/evaluation_tasks/{type}."""
    return shapes.quality_task(await _create(asking, type_, "evaluation"))


async def create_training_task(asking: Asking, type_: str) -> Any:
    """POST /v1/training_tasks/{type}."""
    return shapes.quality_task(await _create(asking, type_, "training"))


async def _create(asking: Asking, type_: str, kind: str) -> Shown:
    body = await asking.fields()
    project, batch = await _home(asking, body)
    reading = Reading(type_, body, project, kind)
    shown, failure = await _media(asking, reading)
    made: Shown = await asking.write(tasks.create, reading.asked(batch, shown, asking.account.test, failure))
    return made


async def _home(asking: Asking, body: dict[str, Any]) -> tuple[Project | None, str]:
    """(the project whose parameters the task takes over, the name of its batch)."""
    project, batch = body.get("project"), body.get("batch")
    if not project and not batch:
        return None, ""
    if batch:
        found = await asking.read(projects.get_batch, str(batch))
        if project and str(project) != found.project:
            raise types.bad(f"The batch {found.name!r} belongs to another project.", "batch")
        project, batch = found.project, found.name
    return await asking.read(projects.get_project, str(project)), batch or ""


async def _media(asking: Asking, reading: Reading) -> tuple[dict[str, Any], Any]:
    """(part of the record -> what stands there, why some could not be had). A test key fetches nothing."""
    if asking.account.test or not reading.plan.media:
        return {}, None
    stored = await _stored(asking, reading)
    shown: dict[str, Any] = {}
    failures = []
    for part, (kind, url) in reading.plan.media.items():
        try:
            found = stored[url] if url in stored else await _fetched(asking, kind, url)
        except NotThere as error:
            failures.append(error.failure)
            continue
        shown[part] = found if isinstance(found, str) else part_of(found)
    if failures:
        return {}, {"error": "One or more attachments could not be downloaded.", "attachments": failures}
    return shown, None


async def _stored(asking: Asking, reading: Reading) -> dict[str, Any]:
    """Address -> medium, of those that are files of this account.

    Raises:
        Missing: there is no such file.
    """
    head = "scaledata://"
    ids = {url: url.removeprefix(head) for _, url in reading.plan.media.values() if url.startswith(head)}
    found = await asking.read(studio.files, list(ids.values())) if ids else {}
    for url, id_ in ids.items():
        if id_ not in found:
            raise missing("file", url)
    return {url: found[id_] for url, id_ in ids.items()}


async def _fetched(asking: Asking, kind: str, url: str) -> Any:
    node = asking.call.app.node
    found = await asking.call.outside(
        asking.account.organization, fetch, node, asking.account.organization, kind, url
    )
    if not isinstance(found, str):
        await asking.write(studio.put_medium, found)
    return found


async def get_task(asking: Asking, id_: str) -> Any:
    """GET /v1/task/{id}."""
    return shapes.task(await asking.read(tasks.get, id_))


async def list_tasks(asking: Asking) -> Any:
    """GET /v1/tasks. A page with `has_more` always has a `next_token`, or the client would never end."""
    limit = asking.number("limit", PAGE, 1, PAGE)
    found = await asking.read(tasks.list_, _filter(asking), limit, asking.one("next_token"))
    shape = shapes.limited if shapes.truth(asking.one("limited_response")) else shapes.task
    page = {
        "docs": [shape(shown) for shown in found.tasks],
        "total": found.total,
        "limit": limit,
        "offset": 0,
        "has_more": found.next_token is not None,
    }
    return page if found.next_token is None else {**page, "next_token": found.next_token}


def _filter(asking: Asking) -> Filter:
    times = {
        name: _time(asking, key, default)
        for name, key, default in (
            ("start", "start_time", 0),
            ("stop", "end_time", FOREVER),
            ("completed_after", "completed_after", 0),
            ("completed_before", "completed_before", FOREVER),
            ("updated_after", "updated_after", 0),
            ("updated_before", "updated_before", FOREVER),
        )
    }
    return Filter(
        project=asking.one("project"),
        batch=asking.one("batch"),
        status=asking.one("status"),
        type=asking.one("type"),
        unique_id=asking.one("unique_id"),
        reviews=tuple("" if one == "pending" else one for one in asking.all("customer_review_status")),
        tags=tuple(asking.all("tags")),
        **times,
    )


async def cancel(asking: Asking, id_: str) -> Any:
    """POST /v1/task/{id}/cancel."""
    return shapes.task(await asking.write(tasks.cancel, id_, shapes.truth(asking.one("clear_unique_id"))))


async def audit(asking: Asking, id_: str) -> Any:
    """POST /v1/task/{id}/audit."""
    body = await asking.fields()
    if type(body.get("accepted")) is not bool:
        raise types.bad("This is true or false.", "accepted")
    return shapes.task(
        await asking.write(tasks.audit, id_, body["accepted"], str(body.get("comments") or ""))
    )


async def set_unique_id(asking: Asking, id_: str) -> Any:
    """POST /v1/task/{id}/unique_id."""
    unique = (await asking.fields()).get("unique_id")
    if not isinstance(unique, str) or not 0 < len(unique) <= 1000:
        raise types.bad("A unique id is a text of 1 to 1000 characters.", "unique_id")
    return shapes.task(await asking.write(tasks.set_unique_id, id_, unique))


async def clear_unique_id(asking: Asking, id_: str) -> Any:
    """DELETE /v1/task/{id}/unique_id."""
    return shapes.task(await asking.write(tasks.set_unique_id, id_, None))


async def set_task_metadata(asking: Asking, id_: str) -> Any:
    """POST /v1/task/{id}/setMetadata; no body means none."""
    return shapes.task(await asking.write(tasks.set_metadata, id_, await asking.fields()))


async def change_tags(asking: Asking, id_: str) -> Any:
    """POST, PUT or DELETE /v1/task/{id}/tags, with a list; no body means an empty one."""
    given = await asking.body()
    given = [] if given is None else given
    tasks.check_tags(given)
    how = {"POST": "set", "PUT": "add", "DELETE": "delete"}[asking.call.scope["method"]]
    return shapes.task(await asking.write(tasks.change_tags, id_, how, given))


# ---- files -------------------------------------------------------------------------------------


async def upload_file(asking: Asking) -> Any:
    """POST /v1/files/upload, multipart."""
    headers = Headers(raw=asking.call.scope["headers"])
    try:
        form = await MultiPartParser(headers, _pieces(asking), max_files=1, max_fields=50).parse()
    except (MultiPartException, KeyError) as error:
        raise Invalid(
            "scale.form", "This is no multipart form.", "", "Send the file as multipart."
        ) from error
    part = form.get("file")
    if part is None or isinstance(part, str):
        raise types.bad("The form has no file.", "file", "Send one.")
    upload = await asking.call.in_thread(asking.call.app.node.blobs.upload, asking.account.organization)
    try:
        while piece := await part.read(1 << 20):
            await asking.call.in_thread(upload.write, piece)
        blob = await asking.call.in_thread(kept, upload)
    finally:
        upload.drop()
        await form.close()
    given = {key: value for key, value in form.multi_items() if isinstance(value, str)}
    return await _keep_file(asking, blob, {"display_name": part.filename, **given})


async def _pieces(asking: Asking) -> AsyncGenerator[bytes, None]:
    async for piece in asking.call.chunks():
        yield piece


async def import_file(asking: Asking) -> Any:
    """POST /v1/files/import."""
    body = await asking.fields()
    url = body.get("file_url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise types.bad("This is no web address.", "file_url", "Send one.")
    try:
        node, organization = asking.call.app.node, asking.account.organization
        blob = await asking.call.outside(organization, fetch, node, organization, "", url)
    except NotThere as error:
        raise types.bad("The file could not be downloaded.", "file_url", "Check the address.") from error
    return await _keep_file(asking, blob, {"display_name": url.rpartition("/")[2], **body})


async def _keep_file(asking: Asking, blob: Any, given: dict[str, Any]) -> Any:
    metadata = given.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = msgspec.json.decode(metadata)
        except msgspec.DecodeError as error:
            raise types.bad("Metadata are a JSON object.", "metadata") from error
    reference = given.get("reference_id")
    names = [str(given["project_name"])] if given.get("project_name") else []
    stored = await asking.write(
        studio.keep_file,
        blob,
        str(given.get("display_name") or "")[:500],
        str(reference) if reference else None,
        names,
        metadata,
    )
    return shapes.file(stored)


# ---- teams and studio --------------------------------------------------------------------------


async def team(asking: Asking) -> Any:
    """GET /v1/teams."""
    return [shapes.teammate(member) for member in await asking.read(studio.team)]


async def invite(asking: Asking) -> Any:
    """POST /v1/teams/invite."""
    body = await asking.fields()
    found = await asking.write(studio.invite, body.get("emails"), body.get("team_role"))
    return [shapes.teammate(member) for member in found]


async def set_role(asking: Asking) -> Any:
    """POST /v1/teams/set_role."""
    body = await asking.fields()
    found = await asking.write(studio.set_roles, body.get("emails"), body.get("team_role"))
    return [shapes.teammate(member) for member in found]


async def assignments(asking: Asking) -> Any:
    """GET /v1/studio/assignments."""
    return await asking.read(studio.assignments)


async def add_assignments(asking: Asking) -> Any:
    """POST /v1/studio/assignments/add."""
    body = await asking.fields()
    return await asking.write(studio.assign, body.get("emails"), body.get("projects"), True)


async def remove_assignments(asking: Asking) -> Any:
    """POST /v1/studio/assignments/remove."""
    body = await asking.fields()
    return await asking.write(studio.assign, body.get("emails"), body.get("projects"), False)


async def groups(asking: Asking, project: str) -> Any:
    """GET /v1/studio/projects/{project}/groups."""
    return [shapes.group(found) for found in await asking.read(studio.groups, project)]


async def create_group(asking: Asking, project: str) -> Any:
    """POST /v1/studio/projects/{project}/groups."""
    body = await asking.fields()
    return shapes.group(
        await asking.write(studio.create_group, project, body.get("name"), body.get("emails"))
    )


async def change_group(asking: Asking, project: str, group: str) -> Any:
    """PUT /v1/studio/projects/{project}/groups/{group}."""
    body = await asking.fields()
    add, remove = body.get("add_emails") or [], body.get("remove_emails") or []
    return shapes.group(await asking.write(studio.change_group, project, group, add, remove))


async def studio_batches(asking: Asking) -> Any:
    """GET /v1/studio/batches."""
    return await _studio_batches(asking, await asking.read(projects.pending_batches))


async def _studio_batches(asking: Asking, found: list[projects.Batch]) -> Any:
    ids = {project.name: project.id for project in await asking.read(projects.list_projects)}
    return [shapes.studio_batch(batch, ids) for batch in found]


async def assign_batch(asking: Asking, name: str) -> Any:
    """PUT /v1/studio/batches/{batch}."""
    given = (await asking.fields()).get("groups")
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise types.bad("This is no list of groups.", "groups")
    return (await _studio_batches(asking, [await asking.write(projects.set_groups, name, given)]))[0]


async def set_priorities(asking: Asking) -> Any:
    """POST /v1/studio/batches/set_priorities."""
    given = (await asking.fields()).get("batches")
    names = [one.get("name") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise types.bad("This is no list of batches.", "batches", 'Send [{"name": "…"}].')
    return await _studio_batches(asking, await asking.write(projects.prioritise, names))


async def reset_priorities(asking: Asking) -> Any:
    """POST /v1/studio/batches/reset_priorities."""
    return await _studio_batches(asking, await asking.write(projects.prioritise, []))


# ---- version 2 ---------------------------------------------------------------------------------


async def _names(asking: Asking) -> shapes.Names:
    found = await asking.read(projects.list_projects)
    batches = await asking.read(projects.list_batches, "", 0, FOREVER)
    return shapes.Names(found, batches, asking.all("expand"))


def _named(given: Any, what: str) -> str:
    """A name or an id, whichever is given."""
    name = given(f"{what}_name") or given(f"{what}_id")
    if not isinstance(name, str) or not name:
        raise types.bad(f"Neither {what}_name nor {what}_id is given.", f"{what}_name")
    return name


async def get_project2(asking: Asking) -> Any:
    """GET /v2/project."""
    return shapes.project2(await asking.read(projects.get_project, _named(asking.one, "project")))


async def list_projects2(asking: Asking) -> Any:
    """GET /v2/projects."""
    found = await asking.read(projects.list_projects)
    start, stop = _time(asking, "created_after", 0), _time(asking, "created_before", FOREVER)
    inside = [one for one in found if start <= shapes.moment(one.created_at, "created_at") < stop]
    return {"projects": [shapes.project2(one) for one in inside]}


async def create_batch2(asking: Asking) -> Any:
    """POST /v2/batch."""
    return shapes.batch2(await _create_batch(asking, "project_name", False), await _names(asking))


async def get_batch2(asking: Asking) -> Any:
    """GET /v2/batch."""
    found = await asking.read(projects.get_batch, _named(asking.one, "batch"))
    return shapes.batch2(found, await _names(asking))


async def list_batches2(asking: Asking) -> Any:
    """GET /v2/batches. All on one page: there is no `next_token`, which ends the client's loop."""
    project = asking.one("project_name") or asking.one("project_id")
    name = (await asking.read(projects.get_project, project)).name if project else ""
    start, stop = _time(asking, "created_after", 0), _time(asking, "created_before", FOREVER)
    found = await asking.read(projects.list_batches, name, start, stop)
    names, status = await _names(asking), asking.one("status")
    return {"batches": [shapes.batch2(one, names) for one in found if status in ("", one.status)]}


async def finalize2(asking: Asking) -> Any:
    """POST /v2/batch/finalize."""
    name = _named((await asking.fields()).get, "batch")
    return shapes.batch2(await asking.write(projects.finalize, name), await _names(asking))


def _running(status: str, message: str) -> Any:
    async def handler(asking: Asking) -> Any:
        """POST /v2/batch/pause, resume or cancel."""
        name = _named((await asking.fields()).get, "batch")
        found = await asking.write(projects.set_running, name, status)
        return {"batch": shapes.batch2(found, await _names(asking)), "message": message}

    return handler


async def set_batch_metadata2(asking: Asking) -> Any:
    """POST /v2/batch/metadata."""
    body = await asking.fields()
    name, merge = _named(body.get, "batch"), bool(body.get("merge"))
    found = await asking.write(projects.set_batch_metadata, name, body.get("metadata"), merge)
    return shapes.batch2(found, await _names(asking))


async def get_task2(asking: Asking) -> Any:
    """GET /v2/task."""
    return shapes.task2(await asking.read(tasks.get, asking.one("task_id")), await _names(asking))


async def list_tasks2(asking: Asking) -> Any:
    """GET /v2/tasks."""
    project, batch = (
        asking.one("project_name") or asking.one("project_id"),
        asking.one("batch_name") or asking.one("batch_id"),
    )
    wanted = Filter(
        project=(await asking.read(projects.get_project, project)).name if project else "",
        batch=(await asking.read(projects.get_batch, batch)).name if batch else "",
        status=asking.one("status"),
        completed_after=_time(asking, "completed_after", 0),
        completed_before=_time(asking, "completed_before", FOREVER),
    )
    limit = asking.number("limit", PAGE, 1, PAGE)
    found = await asking.read(tasks.list_, wanted, limit, asking.one("next_token"))
    names = await _names(asking)
    page = {"tasks": [shapes.task2(shown, names) for shown in found.tasks]}
    return page if found.next_token is None else {**page, "next_token": found.next_token}


async def create_chat_task(asking: Asking) -> Any:
    """POST /v2/task/chat."""
    return types.find("chat")


async def set_task_metadata2(asking: Asking) -> Any:
    """POST /v2/task/metadata."""
    body = await asking.fields()
    id_, merge = str(body.get("task_id") or ""), bool(body.get("merge"))
    found = await asking.write(tasks.set_metadata, id_, body.get("metadata"), merge)
    return shapes.task2(found, await _names(asking))


def _empty(key: str) -> Any:
    async def handler(asking: Asking) -> Any:
        """A list of what this node does not make: deliveries and datasets."""
        return {key: []}

    return handler


async def nothing(asking: Asking, *_: str) -> Any:
    """What this node does not make cannot be fetched."""
    raise Turned(404, "scale.missing", "There is no such thing here.", "", "")


# fmt: off
WAYS: tuple[Way, ...] = (
    Way("POST", "/v1/projects", create_project, "project.create"),
    Way("GET", "/v1/projects", list_projects, "project.read"),
    Way("GET", "/v1/projects/{}", get_project, "project.read"),
    Way("POST", "/v1/projects/{}/setParams", set_params, "project.manage"),
    Way("GET", "/v1/projects/{}/taskTemplates", template, "project.read"),
    Way("POST", "/v1/batches", create_batch, "project.create"),
    Way("GET", "/v1/batches", list_batches, "project.read"),
    Way("GET", "/v1/batches/{}", get_batch, "project.read"),
    Way("GET", "/v1/batches/{}/status", batch_status, "project.read"),
    Way("POST", "/v1/batches/{}/finalize", finalize, "task.manage"),
    Way("POST", "/v1/batches/{}/setMetadata", set_batch_metadata, "task.manage"),
    Way("POST", "/v1/task/{}", create_task, "import.manage", LARGE),
    Way("GET", "/v1/task/{}", get_task, "task.read"),
    Way("GET", "/v1/tasks", list_tasks, "task.read"),
    Way("POST", "/v1/task/{}/cancel", cancel, "task.manage"),
    Way("POST", "/v1/task/{}/audit", audit, "task.manage"),
    Way("POST", "/v1/task/{}/unique_id", set_unique_id, "task.manage"),
    Way("DELETE", "/v1/task/{}/unique_id", clear_unique_id, "task.manage"),
    Way("POST", "/v1/task/{}/setMetadata", set_task_metadata, "task.manage"),
    Way("POST", "/v1/task/{}/tags", change_tags, "task.manage"),
    Way("PUT", "/v1/task/{}/tags", change_tags, "task.manage"),
    Way("DELETE", "/v1/task/{}/tags", change_tags, "task.manage"),
    Way("POST", "/v1/evaluation_tasks/{}", create_evaluation_task, "import.manage", LARGE),
    Way("POST", "/v1/training_tasks/{}", create_training_task, "import.manage", LARGE),
    Way("POST", "/v1/files/upload", upload_file, "import.manage", FILE + (1 << 20)),
    Way("POST", "/v1/files/import", import_file, "import.manage"),
    Way("GET", "/v1/teams", team, "member.list"),
    Way("POST", "/v1/teams/invite", invite, "member.manage"),
    Way("POST", "/v1/teams/set_role", set_role, "member.manage"),
    Way("GET", "/v1/studio/assignments", assignments, "member.list"),
    Way("POST", "/v1/studio/assignments/add", add_assignments, "member.manage"),
    Way("POST", "/v1/studio/assignments/remove", remove_assignments, "member.manage"),
    Way("GET", "/v1/studio/projects/{}/groups", groups, "member.list"),
    Way("POST", "/v1/studio/projects/{}/groups", create_group, "member.manage"),
    Way("PUT", "/v1/studio/projects/{}/groups/{}", change_group, "member.manage"),
    Way("GET", "/v1/studio/batches", studio_batches, "project.read"),
    Way("PUT", "/v1/studio/batches/{}", assign_batch, "task.manage"),
    Way("POST", "/v1/studio/batches/set_priorities", set_priorities, "task.manage"),
    Way("POST", "/v1/studio/batches/reset_priorities", reset_priorities, "task.manage"),
    Way("GET", "/v2/project", get_project2, "project.read"),
    Way("GET", "/v2/projects", list_projects2, "project.read"),
    Way("POST", "/v2/batch", create_batch2, "project.create"),
    Way("GET", "/v2/batch", get_batch2, "project.read"),
    Way("GET", "/v2/batches", list_batches2, "project.read"),
    Way("POST", "/v2/batch/finalize", finalize2, "task.manage"),
    Way("POST", "/v2/batch/pause", _running("paused", "The batch is paused."), "task.manage"),
    Way("POST", "/v2/batch/resume", _running("in_progress", "The batch goes on."), "task.manage"),
    Way("POST", "/v2/batch/cancel", _running("cancelled", "The batch is cancelled."), "task.manage"),
    Way("POST", "/v2/batch/metadata", set_batch_metadata2, "task.manage"),
    Way("GET", "/v2/task", get_task2, "task.read"),
    Way("GET", "/v2/tasks", list_tasks2, "task.read"),
    Way("POST", "/v2/task/chat", create_chat_task, "import.manage"),
    Way("POST", "/v2/task/metadata", set_task_metadata2, "task.manage"),
    Way("GET", "/v2/annotation", nothing, "project.read"),
    Way("GET", "/v2/deliveries", _empty("deliveries"), "project.read"),
    Way("GET", "/v2/delivery", nothing, "project.read"),
    Way("GET", "/v2/delivery/tasks", nothing, "project.read"),
    Way("GET", "/v2/datasets", _empty("datasets"), "project.read"),
    Way("GET", "/v2/datasets/deliveries", _empty("deliveries"), "project.read"),
    Way("GET", "/v2/datasets/delivery", nothing, "project.read"),
    Way("GET", "/v2/datasets/tasks", nothing, "project.read"),
    Way("GET", "/v2/datasets/task", nothing, "project.read"),
    Way("GET", "/v2/datasets/task/{}/response_url/{}", nothing, "project.read"),
)
# fmt: on
