"""Whatever the pages of a project show before, they show after: archive and restore, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evenhand import doctor, restoring
from evenhand.audit.archive import verify
from evenhand.core.errors import Unavailable
from evenhand.core.policy import Actor, Membership
from evenhand.lane import Lane
from evenhand.service import restores

from .test_http_media import png

SPAM = {"name": "spam", "type": "choice", "choices": ["ham", "spam"]}
RULES: dict[str, Any] = {
    "overlap": 2,
    "order": "random",
    "gold": {"per_mille": 500, "block": 2},
    "qualification": {"tasks": 1, "pass_mark": 50},
    "review": {"which": "hand", "shows": "all"},
    "pay": {"currency": "EUR", "per": "task", "amount": 7},
}
OWN = {
    "id", "task_id", "project_id", "version_id", "organization_id", "created_at", "receipt", "place",
    "review_id", "assignment_id", "url", "deleted_at", "slot",
    "project_name",
}  # fmt: skip
"""What only one node knows: its ids, its receipts, and when things came to it."""


def lived(site: Any, name: str) -> str:
    """A project in which everything has happened that a page shows."""
    client = site.client(site.operator)
    fields = [{"name": "text"}, {"name": "photo", "type": "image"}]
    project = client.create_project(name, fields=fields, questions=[SPAM], **RULES).id
    photo = client.upload(project, png(3, 2), "image/png")
    rows: list[dict[str, Any]] = [
        {"key": f"k{i}", "text": f"Grüße {i} 🎈", "photo": {"blob": photo.blob}} for i in range(8)
    ]
    client.import_tasks(project, rows, mapping={"key": "external_id"})
    client.import_tasks(project, [{"text": "twice"}, {"text": "twice"}, {"text": "p", "priority": 3}])
    marks = {"use": "qualification", "tasks": [mark(project, 8, "Look.")]}
    site.ok(site.operator, "POST", f"/projects/{project}/gold", json=marks)
    site.ok(
        site.operator, "POST", f"/projects/{project}/gold", json={"use": "gold", "tasks": [mark(project, 1)]}
    )
    people = [client.create_annotator(f"{name} {who}") for who in ("Ana", "Bo", "Cy", "Ed")]
    for one in people:
        test = site.ok(one.api_key, "POST", f"/projects/{project}/qualification")
        answers = {"task_id": test["next"]["task_id"], "answers": {"spam": "ham"}}
        site.ok(one.api_key, "POST", f"/projects/{project}/qualification/answer", json=answers)
    ana, bo, cy, ed = clients = [site.client(one.api_key) for one in people]
    label(ana, project, 6, "ham")
    label(bo, project, 4, "spam")
    new = {"data": {"text": "Another text"}}
    site.ok(site.operator, "PATCH", f"/tasks/{project}-2", json=new)
    choices = [*SPAM["choices"], "eggs"]
    note = {"name": "note", "type": "text", "required": False}
    client.change_project(project, 1, questions=[SPAM | {"choices": choices}, note], overlap=3)
    label(cy, project, 5, "eggs", note="Ω")
    work = ed.next_assignment(project)
    ed.flag(work.id, "odd picture")
    ed.skip(work.id, "too hard")
    ed.flag(ed.next_assignment(project).id, "only flagged")
    for one in (ed, ana, bo):
        label(one, project, 8, "ham")
    reviewed(site, client, project, clients)
    client.act_on_tasks(project, "withdraw", [f"{project}-10"])
    site.ok(site.operator, "POST", f"/projects/{project}/pay/statements")
    label(cy, project, 1, "ham")
    change = {"state": "suspended", "reason": "Too fast."}
    site.ok(site.operator, "POST", f"/projects/{project}/standings/{people[3].id}", json=change)
    client.erase_task(f"{project}-9")
    return project


def mark(project: str, n: int, feedback: str = "") -> dict[str, Any]:
    return {"task_id": f"{project}-{n}", "answers": {"spam": "ham"}, "feedback": feedback}


def label(client: Any, project: str, count: int, value: str, **more: Any) -> None:
    for i in range(count):
        work = client.next_assignment(project)
        if work is None:
            return
        client.submit(work.id, {"spam": value, **more}, seconds=2.5 + i)
        if i == 1:
            client.submit(work.id, {"spam": "spam", **more}, seconds=3.0, revision=1)


def reviewed(site: Any, client: Any, project: str, annotators: list[Any]) -> None:
    """One accepted, one put right, one sent back and corrected, one passed over; an appeal upheld."""
    done = [task.task_id for task in client.tasks(project) if task.status == "done"]
    assert len(done) >= 4, done
    client.act_on_tasks(project, "review", done[:4])
    decisions: list[dict[str, Any]] = [
        {"decision": "accept", "comment": "Well seen."},
        {"decision": "fix", "answers": {"spam": "eggs"}, "comment": "It sells."},
        {"decision": "return", "comment": "Read again."},
        {"decision": "skip"},
    ]
    for decision in decisions:
        given = client.next_review(project)
        if decision["decision"] == "return":
            decision["assignment_ids"] = [one.assignment_id for one in given.annotations]
        site.ok(site.operator, "POST", f"/reviews/{given.id}/decide", json={**decision, "seconds": 4.0})
    for annotator in annotators:
        for one in list(annotator.judgements()):
            if one.open:
                annotator.submit(one.assignment_id, {"spam": "spam"}, seconds=1.0, revision=one.revision)
            elif one.may_appeal:
                annotator.appeal(one.assignment_id, "It is in the text.")
    first, second, *_ = client.appeals(project)
    site.ok(
        site.operator, "POST", f"/appeals/{first.id}/decide", json={"decision": "uphold", "text": "True."}
    )
    site.ok(site.operator, "POST", f"/appeals/{second.id}/decide", json={"decision": "reject", "text": "No."})


PAGES = (
    "", "/versions", "/progress", "/tasks?limit=200", "/tasks/full", "/gold", "/gold/tasks", "/reviews",
    "/appeals", "/pay", "/qualification",
)  # fmt: skip
"""What the pages of a project read."""


def shown(site: Any, project: str) -> dict[str, Any]:
    """All of it, with people by name and without what only one node knows."""
    told = {page: site.ok(site.operator, "GET", f"/projects/{project}{page}") for page in PAGES}
    reviews = [one["id"] for one in told["/reviews"]["items"]]
    told["review"] = [site.ok(site.operator, "GET", f"/reviews/{id_}") for id_ in reviews]
    names = {one.id: one.name for one in site.client(site.operator).members()}
    return plain(told, names, project)  # type: ignore[no-any-return]


def plain(value: Any, names: dict[str, str], project: str) -> Any:
    if isinstance(value, list):
        told = [plain(one, names, project) for one in value]
        by_member = any(isinstance(one, dict) and {"member_id", "annotator"} & one.keys() for one in told)
        return sorted(told, key=str) if by_member else told
    if isinstance(value, dict):
        if any(key.startswith("asg-") for key in value):  # outcomes of a review, by annotation
            return sorted(value.values())
        return {
            key: plain(one, names, project)
            for key, one in value.items()
            if key not in OWN
            and not (key in ("text", "answer", "may_decide") and "reviewer" in value)
            and not (key == "name" and "document" not in value and "fields" in value)
        }
    if isinstance(value, str):
        return names.get(value, value.replace(project, "PROJECT"))
    return value


class DyingLane:
    """Stops at the next step of a restore, committed this many times: not yet, once, or elsewhere as well."""

    def __init__(self, lane: Lane, times: int) -> None:
        self.store, self._lane, self._times = lane.store, lane, times

    def call(self, verb: Any, *args: Any) -> Any:
        if verb.__module__ != restoring.__name__:
            return self._lane.call(verb, *args)  # people and media: the same again changes nothing
        for _ in range(self._times):
            self._lane.call(verb, *args)
        raise Unavailable("lane.closed", "The node is stopping.", "")


def stopped_everywhere(site: Any, archive: Path, name: str, monkeypatch: Any) -> tuple[Any, int]:
    """A restore that is broken off around each commit of a step, and taken up each time."""
    monkeypatch.setattr(restoring, "FEW", 9)
    monkeypatch.setattr(restoring, "MAX_ROWS", 4)
    node = site.app.node
    new = {"bytes": archive.stat().st_size, "name": name}
    restore = site.ok(site.operator, "POST", "/restores", json=new)["id"]
    path = node.config.data / "its-archive"
    path.write_bytes(archive.read_bytes())
    owner = Actor(
        person="", name="", memberships=(Membership(organization="default", member="", role="owner"),)
    )
    node.lane.call(restores.received, owner, restore, new["bytes"])
    for stops in range(200):
        restoring.run(DyingLane(node.lane, stops % 3), node.blobs, restore, path)
        told = site.ok(site.operator, "GET", f"/restores/{restore}")
        if told["state"] != "running":
            return told, stops
        assert path.exists()
    raise AssertionError("it never ends")


def test_what_the_pages_show_they_show_after(
    site: Any, quick: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of either store, into the embedded one and back into either, and once more from there."""
    project = lived(site, f"Life {tmp_path.name}")
    here = shown(site, project)
    assert len(here["review"]) == 3 and here["/progress"]["counts"]["flagged"] == 2
    path = site.client(site.operator).archive(project, tmp_path / "a.zip", named=True)
    report = verify(path, site.plain.get("/log/vkey").text)
    assert (report.findings, report.unproved) == ([], 0)
    for target, name in ((quick, f"Quick {tmp_path.name}"), (site, "Arrived too")):
        client = target.client(target.operator)
        restored = client.restore(path, name)
        assert restored.report.rejected == [] and restored.report.left == {"erased": 1}
        there = shown(target, restored.project_id)
        for page in here:
            assert there[page] == here[page], page
        onward = client.archive(restored.project_id, tmp_path / f"b-{target is quick}.zip", named=True)
        assert verify(onward, target.plain.get("/log/vkey").text).findings == []
    again, stops = stopped_everywhere(quick, onward, f"Third {tmp_path.name}", monkeypatch)
    assert stops > 20 and again["report"]["rejected"] == []
    assert shown(quick, again["project_id"]) == here
    assert doctor.examine(quick.app.node.store, quick.app.node.origin).healthy
