"""Scale's own client against our node, on both stores: every call, every error class, every trap."""

from __future__ import annotations

import ast
import base64
import inspect
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from scaleapi import ScaleClient, exceptions
from scaleapi.api_client.v2 import (
    BatchOperationRequest,
    CreateBatchRequest,
    CreateChatTaskRequest,
    SetBatchMetadataRequest,
    SetTaskMetadataRequest,
)
from scaleapi.api_client.v2 import exceptions as v2_errors
from scaleapi.batches import Batch, BatchStatus
from scaleapi.projects import Project
from scaleapi.tasks import Task, TaskReviewStatus, TaskStatus, TaskType
from scaleapi.teams import TeammateRole

from evenhand import Client
from evenhand.core.errors import Unavailable
from evenhand.http.problems import Turned
from evenhand.http.scale import WAYS
from evenhand.http.scale.types import KNOWN, TYPES
from evenhand.outbound import Door
from evenhand.service.scale import tasks as scale_tasks

ROLES = ("owner", "manager", "reviewer", "annotator", "auditor")
WORDS = {"attachment": "Buy now!", "attachment_type": "text", "categories": ["ham", "spam"]}


@pytest.fixture(scope="module")
def account(site: Any) -> str:
    """An owner's key of one organization."""
    made = site.ok(site.operator, "POST", "/members", json={"name": "Olga Owner", "role": "owner"})
    return str(made["api_key"])


def client_of(site: Any, key: str) -> ScaleClient:
    """The two lines that a leaving client changes."""
    client = ScaleClient(key, api_instance_url=f"{site.url}/v1")
    client.v2.api_client.configuration.host = site.url
    return client


@pytest.fixture(scope="module")
def scale(site: Any, account: str) -> ScaleClient:
    return client_of(site, account)


@pytest.fixture(scope="module")
def annotator(site: Any, account: str) -> Iterator[Client]:
    key = site.ok(account, "POST", "/members", json={"name": "Anna", "email": "anna@example.org"})["api_key"]
    with Client(site.url, key) as client:
        yield client


def label(annotator: Client, task: Any, answers: dict[str, Any]) -> Any:
    """Answer one task in our own way; gives the receipt."""
    project = task.evenhand_task_id.rpartition("-")[0]
    work = annotator.next_assignment(project)
    assert work is not None and work.task_id == task.evenhand_task_id
    return annotator.submit(work.id, answers, seconds=2.0)


# ---- the story ---------------------------------------------------------------------------------


def test_a_team_leaves_with_two_lines(site: Any, scale: ScaleClient, annotator: Client) -> None:
    """From a project to a response, and nothing of ours in between."""
    project = scale.create_project(
        project_name="mails",
        task_type=TaskType.Categorization,
        params={"instruction": "Is it **spam**?", "categories": ["ham", "spam"]},
    )
    assert (project.name, project.type, project.version) == ("mails", "categorization", 0)
    assert project.instruction == "Is it **spam**?"
    batch = scale.create_batch(project="mails", batch_name="monday", metadata={"week": 1})
    task = scale.create_task(
        TaskType.Categorization,
        batch="monday",
        attachment="Buy now!",
        attachment_type="text",
        unique_id="mail-1",
        metadata={"source": "inbox"},
        tags=["urgent"],
        priority=30,
        instruction="This one with care.",
    )
    assert (task.status, task.project, task.batch) == ("pending", "mails", "monday")
    assert task.params == {"categories": ["ham", "spam"], "attachment": "Buy now!", "attachment_type": "text"}
    assert task.instruction == "This one with care.\n\nIs it **spam**?"
    assert batch.get_status()["status"] == "in_progress" and batch.tasks_pending == 1
    work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    assert work is not None and work.data["attachment#1"] == "Buy now!"
    receipt = annotator.submit(work.id, {"category": "spam"}, seconds=2.0)
    assert receipt.leaf and receipt.proof().startswith("c2sp.org/tlog-proof@v1")
    task.refresh()
    assert (task.status, task.response) == ("completed", {"category": "spam"})
    assert task.as_dict()["completed_at"] and task.metadata == {"source": "inbox"} and task.priority == 30
    assert batch.get_status()["status"] == "completed" and batch.tasks_completed == 1
    ours = site.ok(scale.api.api_key, "GET", f"/tasks/{task.evenhand_task_id}")
    assert ours["external_id"] == "mail-1" and ours["metadata"] == {"source": "inbox"}
    assert ours["consensus"]["category"]["value"] == "spam"


# ---- projects ----------------------------------------------------------------------------------


def test_projects(scale: ScaleClient) -> None:
    made = scale.create_project(project_name="p/ü b", task_type=TaskType.TextCollection, params=None)
    assert made.params is None and made.version is None
    assert scale.get_project("p/ü b").name == "p/ü b"  # trap 7: the slash arrives as %2F
    changed = scale.update_project("p/ü b", instruction="one", patch=False, fields=FIELDS)
    assert (changed.version, changed.instruction) == (0, "one")
    changed = scale.update_project("p/ü b", instruction="two", patch=True)
    assert changed.version == 1 and changed.params["fields"] == FIELDS
    changed = scale.update_project("p/ü b", instruction="three", patch=False)
    assert changed.version == 2 and "fields" not in changed.params
    assert "p/ü b" in {project.name for project in scale.get_projects()}
    template = scale.get_project_template("p/ü b")
    assert (template.version, template.get_template_variables()) == (2, {})
    with pytest.raises(exceptions.ScaleDuplicateResource):
        scale.create_project(project_name="p/ü b", task_type=TaskType.TextCollection)
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.get_project("no such")
    with pytest.raises(exceptions.ScaleInvalidRequest) as caught:
        scale.create_project(project_name="lidar", task_type=TaskType.LidarAnnotation)
    assert "cannot be labelled here yet" in caught.value.message
    scale.create_project(project_name="c", task_type=TaskType.Categorization)
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.get_project_template("c")
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.create_project(project_name=" ", task_type=TaskType.Categorization)


# ---- batches -----------------------------------------------------------------------------------


def test_batches(scale: ScaleClient, annotator: Client) -> None:
    scale.create_project(project_name="staged", task_type=TaskType.Categorization, studio=True, params=WORDS)
    batch = scale.create_batch(project="staged", batch_name="b/1 task", callback="", metadata={"a": 1})
    assert (batch.status, batch.project, batch.metadata) == ("staging", "staged", {"a": 1})
    tasks = [
        scale.create_task(TaskType.Categorization, batch="b/1 task", attachment=f"m{i}") for i in range(3)
    ]
    assert all("evenhand_task_id" not in task.as_dict() for task in tasks)  # nobody is given it yet
    assert scale.get_task(tasks[0].id).params["attachment"] == "m0"
    scale.cancel_task(tasks[2].id)
    assert batch.finalize().status == "in_progress"
    assert batch.finalize().status == "in_progress"  # again: nothing happens
    tasks[0].refresh()
    label(annotator, tasks[0], {"category": "ham"})
    assert batch.get_status() == {"status": "in_progress", "pending": 1, "completed": 1, "canceled": 1}
    assert scale.set_batch_metadata("b/1 task", {"b": 2}).metadata == {"b": 2}
    assert scale.set_batch_metadata("b/1 task", {}).metadata == {}
    assert scale.get_batch("b/1 task").name == "b/1 task"
    for i in range(5):
        scale.create_batch(project="staged", batch_name=f"page {i}")
    found = scale.batches(project="staged", limit=2, offset=1)
    assert (len(found.docs), found.total, found.limit, found.offset, found.has_more) == (2, 6, 2, 1, True)
    assert len(list(scale.get_batches(project_name="staged"))) == 6
    status = BatchStatus.InProgress
    assert [b.name for b in scale.get_batches(project_name="staged", batch_status=status)] == ["b/1 task"]
    assert list(scale.get_batches(created_after="2100-01-01")) == []
    with pytest.raises(exceptions.ScaleDuplicateResource):
        scale.create_batch(project="staged", batch_name="b/1 task")
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.create_batch(project="no such", batch_name="x")
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.batch_status("no such")
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.batches(limit=0)  # trap 10: a limit of 0 would be paged by for ever


# ---- tasks -------------------------------------------------------------------------------------


def make(scale: ScaleClient, **given: Any) -> Any:
    return scale.create_task(TaskType.Categorization, **(WORDS | given))


def test_cancel_tags_metadata_unique_ids(scale: ScaleClient, annotator: Client) -> None:
    task = make(scale, unique_id="u-1")
    assert "tags" not in task.as_dict() and task.metadata == {}  # trap 9: absent, not null
    assert "project" not in task.as_dict() and "response" not in task.as_dict()
    with pytest.raises(exceptions.ScaleDuplicateResource):
        make(scale, unique_id="u-1")
    assert scale.set_task_tags(task.id, ["b", "a", "b"]).tags == ["b", "a"]
    assert scale.add_task_tags(task.id, ["a", "c"]).tags == ["b", "a", "c"]
    assert scale.delete_task_tags(task.id, ["a"]).tags == ["b", "c"]  # trap 6: a DELETE with a body
    assert scale.set_task_tags(task.id, []).tags == []  # trap 5: an empty body
    assert scale.set_task_metadata(task.id, {"x": {"y": [1]}}).metadata == {"x": {"y": [1]}}
    assert scale.set_task_metadata(task.id, {}).metadata == {}
    other = make(scale)
    assert scale.update_task_unique_id(other.id, "u-2").unique_id == "u-2"
    with pytest.raises(exceptions.ScaleDuplicateResource):
        scale.update_task_unique_id(other.id, "u-1")
    assert "unique_id" not in scale.clear_task_unique_id(other.id).as_dict()
    assert scale.cancel_task(task.id).status == "canceled"
    with pytest.raises(exceptions.ScaleInvalidRequest):  # trap 2: 409 would crash the client here
        scale.cancel_task(task.id)
    with pytest.raises(exceptions.ScaleDuplicateResource):
        make(scale, unique_id="u-1")
    again = make(scale, unique_id="u-3")
    assert "unique_id" not in scale.cancel_task(again.id, clear_unique_id=True).as_dict()
    assert make(scale, unique_id="u-3").unique_id == "u-3"
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.set_task_tags(task.id, [""])
    for wrong in ("nope", "0" * 24, "ü/ö", task.id[:-1]):
        with pytest.raises(exceptions.ScaleResourceNotFound):
            scale.get_task(wrong)


def test_audit(scale: ScaleClient, annotator: Client) -> None:
    task = make(scale, attachment="audited")
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.audit_task(task.id, True)
    while (task := scale.get_task(task.id)).status == "pending":
        work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
        assert work is not None
        annotator.submit(work.id, {"category": "ham"})
    task.audit(accepted=False, comments="Look again.")
    task.refresh()
    assert (task.customer_review_status, task.customer_review_comments) == ("rejected", "Look again.")
    task.audit(accepted=True)
    assert scale.get_task(task.id).customer_review_status == "accepted"


def test_lists_and_paging(scale: ScaleClient) -> None:
    scale.create_project(project_name="many", task_type=TaskType.Categorization, params=WORDS)
    scale.create_batch(project="many", batch_name="half")
    made = [
        scale.create_task(
            TaskType.Categorization,
            project="many",
            unique_id=f"many-{i}",
            tags=["odd"] if i % 2 else ["even", "x y"],
            **({"batch": "half"} if i < 3 else {}),
        )
        for i in range(7)
    ]
    ids = [task.id for task in made]
    page = scale.tasks(project="many", limit=3)
    assert (page.total, page.limit, page.has_more, [t.id for t in page.docs]) == (7, 3, True, ids[:3])
    page = scale.tasks(project="many", limit=4, next_token=page.next_token)
    assert (page.total, page.has_more, [t.id for t in page.docs]) == (7, False, ids[3:])
    assert page.next_token is None
    assert [t.id for t in scale.get_tasks(project_name="many", limit=2)] == ids
    assert [t.id for t in scale.get_tasks(project_name="many", batch_name="half")] == ids[:3]
    assert scale.get_tasks_count(project_name="many") == 7
    assert scale.get_tasks_count(project_name="many", tags=["odd"]) == 3
    assert scale.get_tasks_count(project_name="many", tags=["odd", "x y"]) == 7
    assert scale.get_tasks_count(project_name="many", status=TaskStatus.Completed) == 0
    assert scale.get_tasks_count(project_name="many", task_type=TaskType.Comparison) == 0
    assert scale.get_tasks_count(project_name="many", created_after="2100-01-01") == 0
    assert scale.get_tasks_count(project_name="many", created_before="2100-01-01 00:00:00.5") == 7
    assert scale.get_tasks_count(project_name="many", updated_after="2020-01-01T00:00:00Z") == 7
    assert scale.get_tasks_count(project_name="many", completed_before="2100-01-01") == 0
    pending = [TaskReviewStatus.Pending, TaskReviewStatus.Accepted]
    assert scale.get_tasks_count(project_name="many", review_status=pending) == 7
    assert [t.id for t in scale.tasks(unique_id="many-4", limit=1).docs] == [ids[4]]
    (short,) = scale.tasks(unique_id="many-4", limited_response=True).docs
    assert set(short.as_dict()) == {"task_id", "status", "metadata", "project"}
    for wrong in ({"limit": 0}, {"limit": 101}, {"start_time": "soon"}, {"next_token": "x"}):
        with pytest.raises(exceptions.ScaleInvalidRequest):
            scale.tasks(project="many", **wrong)


# ---- every type --------------------------------------------------------------------------------

FIELDS = [
    {
        "type": "category",
        "field_id": "kind",
        "title": "Kind?",
        "choices": [
            {"label": "No", "value": False},
            {"label": "Three", "value": 3},
            {"label": "Word", "value": "w"},
        ],
    },
    {
        "type": "category",
        "field_id": "tree",
        "title": "Where?",
        "max_choices": 2,
        "choices": [
            {
                "label": "Europe",
                "value": "eu",
                "subchoices": [{"label": "Ulm", "value": "ulm"}, {"label": "Bonn", "value": "bonn"}],
            }
        ],
    },
    {"type": "text", "field_id": "words", "title": "Words", "required": False},
    {"type": "number", "field_id": "count", "title": "How many?"},
    {"type": "boolean", "field_id": "ok", "title": "Good?"},
    {"type": "datetime", "field_id": "when", "title": "When?"},
    {
        "type": "field_set",
        "field_id": "pair",
        "title": "Both",
        "fields": [
            {"type": "text", "field_id": "a", "title": "A"},
            {"type": "number", "field_id": "b", "title": "B"},
        ],
    },
]
COLLECTED = {
    "kind": {"type": "category", "field_id": "kind", "response": [[3]]},
    "tree": {"type": "category", "field_id": "tree", "response": [["ulm", "bonn"]]},
    "count": {"type": "number", "field_id": "count", "response": [[4]]},
    "ok": {"type": "boolean", "field_id": "ok", "response": [[False]]},
    "when": {"type": "datetime", "field_id": "when", "response": [["2030-01-01"]]},
    "pair": {
        "type": "field_set",
        "field_id": "pair",
        "response": [
            {
                "a": {"type": "text", "field_id": "a", "response": [["x"]]},
                "b": {"type": "number", "field_id": "b", "response": [[5]]},
            }
        ],
    },
}
TEXT = "Ada met 👍🏽 Bob"
EVERY: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "categorization": (WORDS, {"category": "ham"}, {"category": "ham"}),
    "categorization several": (
        WORDS | {"allow_multiple": True},
        {"category": ["ham", "spam"]},
        {"category": ["ham", "spam"]},
    ),
    "categorization taxonomies": (
        {
            "attachment": "x",
            "taxonomies": {
                "tone": {"type": "category", "description": "Which?", "choices": ["a", "b"]},
                "size": ["s", "l"],
            },
        },
        {"tone": "b", "size": "s"},
        {"taxonomies": {"tone": "b", "size": "s"}},
    ),
    "comparison": (
        {"attachments": ["one", "two"], "attachment_type": "text", "choices": ["yes", "no"]},
        {"choice": "no"},
        {"choice": "no"},
    ),
    "transcription": (
        {"attachment": "read me", "attachment_type": "text", "fields": {"title": "Title"}},
        {"title": "T"},
        {"fields": {"title": "T"}},
    ),
    "datacollection": (
        {"attachment": "https://example.org/", "attachment_type": "website", "fields": {"ceo": "CEO"}},
        {"ceo": "Ada"},
        {"fields": {"ceo": "Ada"}},
    ),
    "textcollection": (
        {"attachments": [{"type": "text", "content": "# Read"}], "fields": FIELDS},
        {
            "kind": "3",
            "tree": ["ulm", "bonn"],
            "count": 4,
            "ok": "false",
            "when": "2030-01-01",
            "pair.a": "x",
            "pair.b": 5,
        },
        {"annotations": COLLECTED},
    ),
    "namedentityrecognition": (
        {
            "text": TEXT,
            "labels": [
                {"name": "PER", "display_name": "Person"},
                {"name": "group", "children": [{"name": "ORG"}]},
            ],
        },
        {"annotations": [{"start": 0, "end": 3, "label": "PER"}, {"start": 11, "end": 14, "label": "PER"}]},
        {
            "annotations": [
                {"start": 0, "end": 3, "label": "PER", "text": "Ada"},
                {"start": 11, "end": 14, "label": "PER", "text": "Bob"},
            ]
        },
    ),
}


def without_ids(value: Any) -> Any:
    """A response without the ids that we give to its parts."""
    if isinstance(value, dict):
        return {k: without_ids(v) for k, v in value.items() if k not in ("id", "uuid")}
    return [without_ids(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", EVERY)
def test_each_type_from_parameters_to_response(scale: ScaleClient, annotator: Client, name: str) -> None:
    """Asked in Scale's words, labelled in ours, answered in Scale's; and back, as a hypothesis."""
    params, answers, response = EVERY[name]
    type_ = TaskType(name.partition(" ")[0])
    task = scale.create_task(type_, **params, hypothesis=response)
    work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    while work is not None and work.task_id != task.evenhand_task_id:  # of other tests, with the same form
        annotator.submit(work.id, answers)
        work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    assert work is not None and work.suggestion == answers
    annotator.submit(work.id, answers)
    task.refresh()
    assert without_ids(task.response) == response
    assert task.response == scale.get_task(task.id).response  # the ids of parts stay the same
    assert task.params == params
    gold = scale.create_evaluation_task(type_, **params, expected_response=response)
    assert gold.expected_response == response and gold.id
    training = scale.create_training_task(type_, **params, expected_response=response)
    assert training.expected_response == response


def test_the_older_shape_of_a_collection_is_read_too(scale: ScaleClient, annotator: Client) -> None:
    params, answers, _ = EVERY["textcollection"]
    older = {
        "kind": [3],
        "tree": ["ulm", "bonn"],
        "count": 4,
        "ok": False,
        "when": "2030-01-01",
        "pair": {"a": "x", "b": 5},
    }
    task = scale.create_task(
        TaskType.TextCollection, **params, title="older", hypothesis={"annotations": older}
    )
    work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    assert work is not None and work.suggestion == answers
    annotator.skip(work.id, "enough")


# ---- images, files and what must be fetched ----------------------------------------------------


def png(width: int = 100, height: int = 80) -> bytes:
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes.fromhex("89504e470d0a1a0a0000000d49484452") + size + bytes.fromhex("0802000000")


class Pictures(BaseHTTPRequestHandler):
    """A host with one picture, one text, one redirect, and nothing else."""

    def do_GET(self) -> None:
        found = {"/a.png": png(), "/a.txt": "Grüße".encode(), "/bad.png": b"no picture"}.get(self.path)
        self.send_response(302 if self.path == "/moved" else 200 if found else 403)
        self.send_header(
            "location", "/a.png" if self.path != "/moved" else f"http://{self.headers['host']}/a.png"
        )
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def pictures(site: Any) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before, site.app.node.door = site.app.node.door, Door(("127.0.0.1",))
    yield f"http://127.0.0.1:{server.server_port}"
    site.app.node.door = before
    server.shutdown()
    server.server_close()


BOXES = {
    "geometries": {
        "box": {"objects_to_annotate": ["cat", {"choice": "dog", "display": "Dog"}], "can_rotate": True}
    }
}


def test_boxes(scale: ScaleClient, annotator: Client, pictures: str) -> None:
    turned = {
        "label": "cat",
        "type": "box",
        "left": 10,
        "top": 10,
        "width": 20,
        "height": 10,
        "rotation": 1.5707963267948966,
    }
    task = scale.create_task(
        TaskType.ImageAnnotation,
        attachment=f"{pictures}/moved",
        attachment_type="image",
        context_attachments=[{"attachment": f"{pictures}/a.png"}],
        hypothesis={"annotations": [turned]},
        **BOXES,
    )
    assert task.params["attachment"] == f"{pictures}/moved"
    work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    assert work is not None and (work.data["attachment#1"]["width"], work.data["attachment#2"]["height"]) == (
        100,
        80,
    )
    assert work.suggestion == {
        "box": [{"x": 10, "y": 10, "width": 20, "height": 10, "label": "cat", "rotation": 90}]
    }
    annotator.submit(
        work.id, {"box": [*work.suggestion["box"], {"x": 1, "y": 2, "width": 3, "height": 4, "label": "dog"}]}
    )
    task.refresh()
    plain, round_ = sorted(task.response["annotations"], key=lambda one: one["left"])
    assert {k: v for k, v in plain.items() if k != "uuid"} == {
        "type": "box",
        "label": "dog",
        "left": 1,
        "top": 2,
        "width": 3,
        "height": 4,
    }
    corners = [(round(p["x"], 6), round(p["y"], 6)) for p in round_.pop("vertices")]
    assert corners == [(25, 5), (25, 25), (15, 25), (15, 5)] and plain["uuid"] != round_["uuid"]
    old = scale.create_task(
        TaskType.Annotation,
        attachment=f"{pictures}/a.png",
        objects_to_annotate=["cat"],
        min_width="5",
        min_height="7",
    )
    assert old.status == "pending"


def test_polygons_and_points(scale: ScaleClient, annotator: Client, pictures: str) -> None:
    roof = {
        "label": "roof",
        "type": "polygon",
        "vertices": [{"x": 1, "y": 1}, {"x": 9, "y": 1}, {"x": 5, "y": 9}],
    }
    task = scale.create_task(
        TaskType.ImageAnnotation,
        attachment=f"{pictures}/a.png",
        geometries={
            "polygon": {"objects_to_annotate": ["roof"], "min_vertices": 3},
            "point": {"objects_to_annotate": ["door"]},
        },
        hypothesis={"annotations": [roof, {"label": "door", "type": "point", "x": 4, "y": 5}]},
    )
    work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    assert work is not None and work.suggestion == {
        "polygon": [{"points": [[1, 1], [9, 1], [5, 9]], "label": "roof"}],
        "point": [{"x": 4, "y": 5, "label": "door"}],
    }
    annotator.submit(work.id, work.suggestion)
    task.refresh()
    said = {
        one["type"]: {k: v for k, v in one.items() if k != "uuid"} for one in task.response["annotations"]
    }
    assert said == {"polygon": roof, "point": {"label": "door", "type": "point", "x": 4, "y": 5}}
    for type_, shape in ((TaskType.PolygonAnnotation, "polygon"), (TaskType.PointAnnotation, "point")):
        old = scale.create_task(type_, attachment=f"{pictures}/a.png", objects_to_annotate=["roof"])
        assert old.status == "pending" and shape in type_.value
    with pytest.raises(exceptions.ScaleInvalidRequest, match="max_vertices"):
        few = {"objects_to_annotate": ["roof"], "max_vertices": 4}
        scale.create_task(
            TaskType.ImageAnnotation, attachment=f"{pictures}/a.png", geometries={"polygon": few}
        )


def test_files(scale: ScaleClient, annotator: Client, pictures: str) -> None:
    file = scale.upload_file(
        file=io.BytesIO(png()),
        project_name="mails",
        display_name="p.png",
        reference_id="r1",
        metadata=json.dumps({"a": 1}),
    )
    found = file.as_dict()
    assert (found["mime_type"], found["project_names"], found["metadata"], found["size"]) == (
        "image/png",
        ["mails"],
        {"a": 1},
        len(png()),
    )
    with pytest.raises(exceptions.ScaleDuplicateResource):
        scale.upload_file(file=io.BytesIO(png()), reference_id="r1")
    imported = scale.import_file(file_url=f"{pictures}/a.png", project_name="mails")
    for url in (file.attachment_url, imported.attachment_url):
        assert url.startswith("scaledata://")
        task = scale.create_task(TaskType.ImageAnnotation, attachment=url, **BOXES)
        assert task.status == "pending" and task.params["attachment"] == url
    for wrong in (f"{pictures}/gone.png", f"{pictures}/bad.png", "ftp://x/y"):
        with pytest.raises(exceptions.ScaleInvalidRequest):
            scale.import_file(file_url=wrong)
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.upload_file(file=io.BytesIO(b"neither picture nor sound"))
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.create_task(TaskType.ImageAnnotation, attachment="scaledata://" + "0" * 24, **BOXES)


def test_an_attachment_that_cannot_be_had(scale: ScaleClient, pictures: str) -> None:
    failed = scale.create_task(
        TaskType.ImageAnnotation,
        attachment=f"{pictures}/gone.png",
        unique_id="gone",
        clear_unique_id_on_error=True,
        **BOXES,
    )
    assert failed.status == "error" and "unique_id" not in failed.as_dict()
    assert failed.response == {
        "error": "One or more attachments could not be downloaded.",
        "attachments": [{"statusCode": 403, "url": f"{pictures}/gone.png"}],
    }
    assert (
        scale.create_task(TaskType.ImageAnnotation, attachment=f"{pictures}/bad.png", **BOXES).status
        == "error"
    )
    text = scale.create_task(TaskType.Categorization, **(WORDS | {"attachment": f"{pictures}/a.txt"}))
    assert text.status == "pending" and text.params["attachment"] == f"{pictures}/a.txt"


def test_private_addresses_are_refused(site: Any, scale: ScaleClient) -> None:
    before, site.app.node.door = site.app.node.door, Door()
    try:
        with pytest.raises(exceptions.ScaleInvalidRequest) as caught:
            scale.create_task(TaskType.ImageAnnotation, attachment="http://127.0.0.1:9/a.png", **BOXES)
    finally:
        site.app.node.door = before
    assert "private network" in caught.value.message


# ---- what cannot be labelled -------------------------------------------------------------------

REFUSED: list[tuple[str, dict[str, Any]]] = [
    *((name, {"attachment": "x"}) for name in sorted(KNOWN - set(TYPES))),
    ("categorization", {"categories": ["a"]}),
    ("categorization", WORDS | {"attachment_type": "pdf"}),
    ("categorization", WORDS | {"categories": []}),
    ("categorization", WORDS | {"categories": [{"choice": ""}]}),
    ("categorization", WORDS | {"categories": ["a", "a"]}),
    ("categorization", WORDS | {"responses_required": "2"}),
    ("categorization", WORDS | {"responses_required": 1000}),
    ("categorization", WORDS | {"hypothesis": {"category": "neither"}}),
    ("categorization", WORDS | {"hypothesis": 7}),
    ("categorization", WORDS | {"metadata": ["x"]}),
    ("categorization", WORDS | {"tags": "x"}),
    ("categorization", WORDS | {"unique_id": 5}),
    ("categorization", WORDS | {"priority": "high"}),
    ("categorization", WORDS | {"external_id": "x"}),
    ("categorization", WORDS | {"instruction": 3}),
    ("categorization", WORDS | {"taxonomies": {"a": {"type": "number", "choices": ["x"]}}}),
    ("categorization", WORDS | {"callback_url": "a@example.org"}),
    ("comparison", {"attachments": ["one"], "choices": ["a", "b"]}),
    ("transcription", {"fields": {"a": "A"}}),
    ("transcription", {"attachment": "x"}),
    ("datacollection", {"fields": {"a": "A"}}),
    ("datacollection", {"attachment": "x", "fields": {"a": "A"}, "repeatable_fields": {"b": "B"}}),
    ("annotation", {"objects_to_annotate": ["cat"]}),
    (
        "annotation",
        {
            "attachment": "https://x/a.png",
            "objects_to_annotate": ["cat"],
            "min_width": "wide",
            "min_height": 1,
        },
    ),
    ("imageannotation", {}),
    ("imageannotation", {"attachment": "https://x/a.png"}),
    (
        "imageannotation",
        {"attachment": "https://x/a.png", "geometries": {"cuboid": {"objects_to_annotate": ["a"]}}},
    ),
    ("imageannotation", {"attachment": "https://x/a.png", **BOXES, "annotation_attributes": {"a": {}}}),
    ("namedentityrecognition", {"labels": [{"name": "PER"}]}),
    ("namedentityrecognition", {"text": "x", "labels": [{"name": "PER", "attributes": [1]}]}),
    ("namedentityrecognition", {"text": "x", "labels": [{"name": "PER"}], "relationships": [{}]}),
    ("textcollection", {"fields": []}),
    ("textcollection", {"fields": [{"type": "signature", "field_id": "a", "title": "A"}]}),
    ("textcollection", {"fields": [{"type": "text", "title": "A"}]}),
    ("textcollection", {"fields": [{"type": "text", "field_id": "a", "conditions": [1]}]}),
    ("textcollection", {"fields": [{"type": "text", "field_id": "a", "max_responses_required": 2}]}),
    ("textcollection", {"fields": FIELDS, "attachments": [{"type": "video", "content": "x"}]}),
]


@pytest.mark.parametrize(("name", "params"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_labelled_is_refused_and_said(
    scale: ScaleClient, name: str, params: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.ScaleInvalidRequest) as caught:
        scale.create_task(TaskType(name), **params)
    assert caught.value.code == 400 and len(caught.value.message) > 20


def test_a_task_must_fit_its_project(scale: ScaleClient) -> None:
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.create_task(TaskType.Comparison, project="mails", attachments=["a", "b"], choices=["c", "d"])
    with pytest.raises(exceptions.ScaleInvalidRequest):
        make(scale, project="many", batch="monday")
    with pytest.raises(exceptions.ScaleResourceNotFound):
        make(scale, batch="no such")
    with pytest.raises(exceptions.ScaleInvalidRequest) as caught:
        scale.create_evaluation_task(
            TaskType.Categorization, **WORDS, expected_response={"category": "neither"}
        )
    assert "expected_response" in caught.value.message


# ---- teams and studio --------------------------------------------------------------------------


def test_teams_and_studio(site: Any, scale: ScaleClient, annotator: Client) -> None:
    assert {mate.email for mate in scale.list_teammates()} >= {"anna@example.org"}
    team = scale.invite_teammates(["Ben@example.org", "cleo@example.org"], TeammateRole.Labeler)
    assert {mate.email: mate.role for mate in team}["ben@example.org"] == "labeler"
    team = scale.update_teammates_role(["ben@example.org"], TeammateRole.Manager)
    assert {mate.email: mate.role for mate in team}["ben@example.org"] == "manager"
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.update_teammates_role(["nobody@example.org"], TeammateRole.Labeler)
    with pytest.raises(exceptions.ScaleInvalidRequest):
        scale.invite_teammates(["no address"], TeammateRole.Labeler)
    scale.create_project(project_name="st/udio", task_type=TaskType.Categorization, params=WORDS)
    added = scale.add_studio_assignments(["anna@example.org"], ["st/udio"])
    assert added["anna@example.org"].assigned_projects == ["st/udio"]
    assert scale.list_studio_assignments()["anna@example.org"].assigned_projects == ["st/udio"]
    assert scale.remove_studio_assignments(["anna@example.org"], ["st/udio"]) == {}
    made = scale.create_project_group("st/udio", ["anna@example.org"], "g/1")
    assert (made.name, made.numWorkers, made.isSingleton) == ("g/1", 1, True)
    changed = scale.update_project_group("st/udio", "g/1", ["cleo@example.org"], ["anna@example.org"])
    assert [w.email for w in changed.workers[0]] == ["cleo@example.org"]
    assert [group.name for group in scale.list_project_groups("st/udio")] == ["g/1"]
    for name in ("one", "two"):
        scale.create_batch(project="st/udio", batch_name=name)
    scale.create_task(TaskType.Categorization, batch="one", attachment="first")
    task = scale.create_task(TaskType.Categorization, batch="two", attachment="second")
    assert scale.assign_studio_batches("two", ["g/1"]).groups == ["g/1"]
    ours = [
        b.name for b in scale.set_studio_batches_priorities(["two", "one"]) if b.project_name == "st/udio"
    ]
    assert ours == ["two", "one"]
    work = annotator.next_assignment(task.evenhand_task_id.rpartition("-")[0])
    assert work is not None and work.task_id == task.evenhand_task_id  # the priority is felt
    annotator.skip(work.id, "seen")
    assert all(b.studio_priority is None for b in scale.reset_studio_batches_priorities())
    (two,) = [b for b in scale.list_studio_batches() if b.name == "two"]
    assert (two.total, two.completed, two.batch_type) == (1, 0, "Production")
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.assign_studio_batches("two", ["no such"])
    with pytest.raises(exceptions.ScaleResourceNotFound):
        scale.set_studio_batches_priorities(["no such"])


# ---- version 2 ---------------------------------------------------------------------------------


def test_version_2(scale: ScaleClient, annotator: Client) -> None:
    """Trap 12: it takes a second line with the host; the same key works as Bearer."""
    scale.create_project(project_name="second", task_type=TaskType.Categorization, params=WORDS)
    project = scale.v2.get_project(project_name="second")
    assert scale.v2.get_project(project_id=project.id).types == ["categorization"]
    assert "second" in {one.name for one in scale.v2.get_projects().projects}
    batch = scale.v2.create_batch(
        CreateBatchRequest(name="v2 batch", project_name="second", staging_batch=True)
    )
    assert (batch.status.value, batch.project.actual_instance) == ("staging", project.id)
    tasks = [
        scale.create_task(TaskType.Categorization, batch="v2 batch", attachment=f"v{i}") for i in range(3)
    ]
    which = BatchOperationRequest(batch_name="v2 batch")
    assert scale.v2.finalize_batch(which).status.value == "in_progress"
    assert scale.v2.pause_batch(which).batch.status.value == "paused"
    home = scale.get_task(tasks[0].id).evenhand_task_id.rpartition("-")[0]
    assert annotator.next_assignment(home) is None and scale.get_task(tasks[0].id).status == "pending"
    assert scale.v2.resume_batch(BatchOperationRequest(batch_id=batch.id)).batch.status.value == "in_progress"
    label(annotator, scale.get_task(tasks[0].id), {"category": "ham"})
    named = SetBatchMetadataRequest(batch_name="v2 batch", metadata={"a": 1})
    assert scale.v2.set_batch_metadata(named).metadata == {"a": 1}
    scale.v2.set_task_metadata(SetTaskMetadataRequest(task_id=tasks[0].id, metadata={"a": 1}))
    more = SetTaskMetadataRequest(task_id=tasks[0].id, metadata={"b": 2}, merge=True)
    assert scale.v2.set_task_metadata(more).metadata == {"a": 1, "b": 2}
    found = scale.v2.get_task(task_id=tasks[0].id, expand=["project", "batch"])
    assert found.project.actual_instance.name == "second" and found.status.value == "completed"
    assert [t.task_id for t in scale.v2_get_tasks(project_name="second", limit=2)] == [t.id for t in tasks]
    assert scale.v2.cancel_batch(which).batch.status.value == "cancelled"
    assert [scale.get_task(t.id).status for t in tasks] == ["completed", "canceled", "canceled"]
    assert scale.v2.get_batch(batch_name="v2 batch").status.value == "cancelled"
    assert [b.name for b in scale.v2.get_batches(project_name="second", status="cancelled").batches] == [
        "v2 batch"
    ]
    assert len(scale.v2.get_tasks(project_name="second").tasks) == 3
    assert scale.v2.get_deliveries().deliveries == [] and scale.v2.get_datasets().datasets == []
    for call in (
        lambda: scale.v2.get_task(task_id="no such"),
        lambda: scale.v2.get_annotation(annotation_id="no such"),
        lambda: scale.v2.get_delivery(delivery_id="no such"),
    ):
        with pytest.raises(v2_errors.NotFoundException):
            call()
    with pytest.raises(v2_errors.BadRequestException) as caught:
        scale.v2.create_chat_task(
            CreateChatTaskRequest(project_name="second", template_variables={"prompt": "x"})
        )
    assert json.loads(caught.value.body)["status_code"] == 400
    with pytest.raises(v2_errors.BadRequestException):
        scale.v2.resume_batch(which)


# ---- test keys ---------------------------------------------------------------------------------


def test_test_keys_answer_at_once_and_share_nothing(site: Any, scale: ScaleClient, account: str) -> None:
    before = len(site.ok(account, "GET", "/projects")["items"])
    for key in (f"test_{account}", f"{account}|test"):
        mock = client_of(site, key)
        name = f"ci {key[:4]}"
        mock.create_project(project_name=name, task_type=TaskType.Categorization, studio=True)
        assert mock.create_batch(project=name, batch_name=name).status == "in_progress"
        for i, (params, _, _) in enumerate(EVERY.values()):
            type_ = TaskType(list(EVERY)[i].partition(" ")[0])
            task = mock.create_task(type_, **params)
            assert task.status == "completed" and task.is_test
            assert mock.get_task(task.id).response == task.response != {}
        boxes = mock.create_task(
            TaskType.ImageAnnotation, attachment="https://example.org/nobody-fetches.png", **BOXES
        )
        assert boxes.response["annotations"][0]["type"] == "box"
        with pytest.raises(exceptions.ScaleResourceNotFound):
            mock.get_project("mails")
        with pytest.raises(exceptions.ScaleResourceNotFound):
            scale.get_task(task.id)
        assert mock.invite_teammates(["ghost@example.org"], TeammateRole.Labeler)
    assert "ghost@example.org" not in {mate.email for mate in scale.list_teammates()}
    assert len(site.ok(account, "GET", "/projects")["items"]) == before


# ---- errors, traps -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, exceptions.ScaleInvalidRequest),
        (401, exceptions.ScaleUnauthorized),
        (402, exceptions.ScaleNotEnabled),
        (404, exceptions.ScaleResourceNotFound),
        (429, exceptions.ScaleTooManyRequests),
        (500, exceptions.ScaleInternalError),
        (503, exceptions.ScaleServiceUnavailable),
        (504, exceptions.ScaleTimeoutError),
        (418, exceptions.ScaleException),
    ],
)
def test_each_error_class(
    scale: ScaleClient, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception]
) -> None:
    """Whatever goes wrong behind the front comes out as the client's own class, with its words."""

    def fails(*_: Any) -> Any:
        if status == 500:
            raise RuntimeError("not for strangers")
        if status == 503:
            raise Unavailable("store.full", "The disk is full.")
        raise Turned(status, "test", "These are the words.")

    monkeypatch.setattr(scale_tasks, "allow", fails)
    with pytest.raises(kind) as caught:
        scale.get_task("x")
    assert type(caught.value) is kind and caught.value.code == status  # type: ignore[attr-defined]
    assert "not for strangers" not in str(caught.value) and "{" not in str(caught.value)


def raw(site: Any, key: str, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
    """A request as the client's transport sends it, byte for byte."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    given = {"authorization": f"Basic {basic}", "content-type": "application/json", **headers}
    return site.plain.request(method, path, content=content, headers=given)


def test_keys(site: Any, account: str) -> None:
    for key in ("wrong", "test_wrong", "ü"):
        with pytest.raises(exceptions.ScaleUnauthorized):
            client_of(site, key).projects()
    with pytest.raises(v2_errors.UnauthorizedException):
        client_of(site, "wrong").v2.get_projects()
    for header in ("", "Basic", "Basic !!!", "Bearer", "Digest x"):
        assert raw(site, "", "GET", "/v1/projects", authorization=header).status_code == 401
    assert raw(site, "", "GET", "/v1/projects", authorization=f"Bearer {account}").status_code == 200
    assert raw(site, site.operator, "GET", "/v1/projects").status_code in (200, 400)


def test_traps_of_the_transport(site: Any, account: str, scale: ScaleClient) -> None:
    task = make(scale)
    assert raw(site, account, "POST", f"/v1/task/{task.id}/setMetadata").json()["metadata"] == {}
    assert raw(site, account, "POST", f"/v1/task/{task.id}/tags").json()["tags"] == []
    assert raw(site, account, "POST", f"/v1/task/{task.id}/cancel").status_code == 200
    trailing = raw(site, account, "POST", "/v1/task/categorization/", json.dumps(WORDS).encode())
    assert trailing.status_code == 200  # trap 11: never a redirect
    for method, path, content in (
        ("POST", "/v1/task/categorization", b"{"),
        ("POST", "/v1/task/categorization", b"[1]"),
        ("POST", "/v1/task/categorization", b'{"attachment": "\xff"}'),
        ("POST", "/v1/task/categorization", b"[" * 10_000),
        ("GET", "/v1/tasks?limit=x", b""),
        ("POST", "/v1/task/nonsense", b"{}"),
        ("POST", f"/v1/task/{task.id}/audit", b'{"accepted": "yes"}'),
        ("POST", "/v1/files/upload", b"{}"),
        ("POST", f"/v1/task/{task.id}/unique_id", b"{}"),
        ("PUT", "/v1/studio/batches/one", b'{"groups": 1}'),
        ("POST", "/v1/studio/batches/set_priorities", b"{}"),
        ("POST", "/v1/studio/assignments/add", b'{"emails": ["a@b"], "projects": 1}'),
    ):
        answer = raw(site, account, method, path, content)
        assert answer.status_code == 400, (path, answer.text)  # trap 3: never 422
        assert isinstance(answer.json()["error"], str) and answer.json()["status_code"] == 400  # trap 4
    assert raw(site, account, "GET", "/v1/no/such/address").json()["status_code"] == 404
    assert raw(site, account, "PATCH", "/v1/projects").json()["status_code"] == 405


def test_every_success_is_200(site: Any, account: str) -> None:
    """Trap 1, for every way that reads."""
    for way in WAYS:
        if way.method == "GET" and "{}" not in way.path:
            assert raw(site, account, "GET", way.path).status_code in (200, 400, 404), way.path


# ---- who may -----------------------------------------------------------------------------------

MANAGES = {"project.create", "project.manage", "import.manage", "task.manage", "member.manage"}


@pytest.mark.parametrize("way", WAYS, ids=[f"{way.method} {way.path}" for way in WAYS])
def test_each_way_for_each_role(site: Any, sides: Any, way: Any) -> None:
    """Below the role that a way needs it is 403, whatever is named; strangers get 401."""
    own, _ = sides
    path = way.path.format("x", "y") if "{}" in way.path else way.path
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + png() + b"\r\n--b--\r\n"
    )
    bodies: dict[str, tuple[bytes, dict[str, str]]] = {
        "/v1/files/upload": (form, {"content-type": "multipart/form-data; boundary=b"}),
        "/v1/projects": (b'{"name": "x", "type": "comparison"}', {}),
        "/v1/task/{}": (json.dumps(WORDS).encode(), {}),
        "/v1/evaluation_tasks/{}": (
            json.dumps(WORDS | {"expected_response": {"category": "ham"}}).encode(),
            {},
        ),
        "/v1/training_tasks/{}": (
            json.dumps(WORDS | {"expected_response": {"category": "ham"}}).encode(),
            {},
        ),
        "/v1/task/{}/audit": (b'{"accepted": true}', {}),
        "/v1/task/{}/unique_id": (b'{"unique_id": "x"}', {}),
        "/v1/teams/invite": (b'{"emails": ["x@example.org"], "team_role": "labeler"}', {}),
        "/v1/teams/set_role": (b'{"emails": ["x@example.org"], "team_role": "labeler"}', {}),
        "/v1/studio/batches/{}": (b'{"groups": []}', {}),
        "/v1/studio/batches/set_priorities": (b'{"batches": [{"name": "x"}]}', {}),
        "/v1/files/import": (b'{"file_url": "http://127.0.0.1:9/"}', {}),
        "/v2/batch": (b'{"name": "x", "project_name": "x", "batch_name": "x"}', {}),
    }
    body, headers = bodies.get(
        way.path, (b'{"batch_name": "x", "task_id": "x", "emails": [], "projects": []}', {})
    )
    path = path.replace("/v1/task/x", "/v1/task/categorization") if way.path == "/v1/task/{}" else path
    path = path.replace("_tasks/x", "_tasks/categorization")
    query = "?project_name=x&batch_name=x&task_id=x" if way.method == "GET" else ""
    assert raw(site, "", way.method, path + query, body, **headers).status_code == 401
    for role in ROLES:
        status = raw(
            site, own.keys[role], way.method, path + query, b"" if way.method == "GET" else body, **headers
        ).status_code
        allowed = role in ("owner", "manager") if way.permission in MANAGES else role != "annotator"
        if allowed:
            assert status in (200, 400, 404, 409), (role, status)
        else:
            assert status == 403, (role, status)


def test_another_organization_sees_nothing(site: Any, sides: Any) -> None:
    own, other = sides
    mine, theirs = client_of(site, own.keys["owner"]), client_of(site, other.keys["owner"])
    mine.create_project(project_name="secret", task_type=TaskType.Categorization, params=WORDS)
    mine.create_batch(project="secret", batch_name="secret")
    task = mine.create_task(
        TaskType.Categorization, batch="secret", attachment="x", unique_id="secret", tags=["secret"]
    )
    file = mine.upload_file(file=io.BytesIO(png()))
    for call in (
        lambda: theirs.get_project("secret"),
        lambda: theirs.get_batch("secret"),
        lambda: theirs.get_task(task.id),
        lambda: theirs.cancel_task(task.id),
        lambda: theirs.set_task_tags(task.id, ["x"]),
        lambda: theirs.create_batch(project="secret", batch_name="x"),
        lambda: theirs.create_task(TaskType.Categorization, batch="secret", **WORDS),
        lambda: theirs.create_task(TaskType.ImageAnnotation, attachment=file.attachment_url, **BOXES),
        lambda: theirs.list_project_groups("secret"),
    ):
        with pytest.raises(exceptions.ScaleResourceNotFound):
            call()
    assert "secret" not in {p.name for p in theirs.projects()} | {b.name for b in theirs.get_batches()}
    assert not theirs.tasks(unique_id="secret").docs and not theirs.tasks(tags=["secret"]).docs
    assert theirs.create_task(TaskType.Categorization, unique_id="secret", **WORDS).unique_id == "secret"


def test_many_at_once_and_no_unique_id_twice(site: Any, scale: ScaleClient) -> None:
    """Two clients race for the same ids: each id is given once, and the loser is told."""
    outcomes: list[str] = []

    def race() -> None:
        for i in range(20):
            try:
                make(scale, unique_id=f"race-{i}")
                outcomes.append("made")
            except exceptions.ScaleDuplicateResource:
                outcomes.append("taken")

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("made"), outcomes.count("taken")) == (20, 60)


def test_objects_act_like_the_client(scale: ScaleClient) -> None:
    """What tasks and projects of the client offer themselves."""
    task = make(scale, attachment="by itself")
    task.set_tags(["a"])
    task.add_tags(["b", "a"])
    task.delete_tags(["a"])
    task.set_metadata({"x": 1})
    task.update_unique_id("by-itself")
    task.refresh()
    assert (task.tags, task.metadata, task.unique_id) == (["b"], {"x": 1}, "by-itself")
    task.clear_unique_id()
    task.cancel()
    task.refresh()
    assert task.status == "canceled" and "unique_id" not in task.as_dict()
    scale.create_project(project_name="own template", task_type=TaskType.TextCollection)
    scale.update_project("own template", fields=FIELDS, patch=False)
    assert scale.get_project("own template").get_template().version == 0
    scale.create_project(project_name="held", task_type=TaskType.Categorization, params=WORDS, studio=True)
    scale.create_batch(project="held", batch_name="held back")
    assert scale.finalize_batch("held back").name == "held back"


def test_what_nobody_delivers_is_not_found(scale: ScaleClient) -> None:
    """Deliveries and data sets of version 2: lists are empty, one by its id is 404."""
    assert scale.v2.get_dataset_deliveries(dataset_id="d").deliveries == []
    for call in (
        lambda: scale.v2.get_dataset_delivery(delivery_id="d"),
        lambda: scale.v2.get_dataset_tasks(dataset_id="d"),
        lambda: scale.v2.get_dataset_task(task_id="t"),
        lambda: scale.v2.get_dataset_task_response_url(task_id="t", attachment_id="a"),
        lambda: scale.v2.get_delivery_tasks(delivery_id="d"),
        lambda: scale.v2.get_schema(schema_id="s"),
    ):
        with pytest.raises(v2_errors.NotFoundException):
            call()


# ---- nothing was forgotten ---------------------------------------------------------------------

TRAPS: dict[str, Any] = {
    "1 only 200 is success": test_every_success_is_200,
    "2 409 crashes without a unique_id": test_cancel_tags_metadata_unique_ids,
    "3 422 is not mapped": test_what_cannot_be_labelled_is_refused_and_said,
    "4 the body of an error": test_each_error_class,
    "5 empty bodies called JSON": test_cancel_tags_metadata_unique_ids,
    "6 DELETE with a body": test_cancel_tags_metadata_unique_ids,
    "7 %2F in names": test_projects,
    "8 True in queries": test_lists_and_paging,
    "9 absent, not null": test_cancel_tags_metadata_unique_ids,
    "10 paging ends": test_lists_and_paging,
    "11 no redirects": test_traps_of_the_transport,
    "12 the host of version 2": test_version_2,
}


def calls_of(source: ast.AST, version_2: bool) -> set[str]:
    """The methods that this file calls: of `client.v2`, or of everything else."""
    called = {
        node.func
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return {
        func.attr
        for func in called
        if version_2 == (isinstance(func.value, ast.Attribute) and func.value.attr == "v2")
    }


def offered(kind: type) -> set[str]:
    names = {name for name, member in inspect.getmembers(kind) if callable(member) and name[0] != "_"}
    return {name for name in names if not name.endswith(("_with_http_info", "_without_preload_content"))}


def test_every_call_error_and_trap_has_its_test(scale: ScaleClient) -> None:
    """Of the client that is installed: what a newer one brings is missed here first."""
    source = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    first, second = calls_of(source, False), calls_of(source, True)
    for kind in (ScaleClient, Task, Batch, Project):
        assert offered(kind) - first == set(), kind
    assert offered(type(scale.v2)) - second == set()
    named = {node.attr for node in ast.walk(source) if isinstance(node, ast.Attribute)}
    errors = {
        name for name, one in vars(exceptions).items() if isinstance(one, type) and issubclass(one, Exception)
    }
    assert errors - named == set()
    assert len(TRAPS) == 12 and all(callable(test) for test in TRAPS.values())
