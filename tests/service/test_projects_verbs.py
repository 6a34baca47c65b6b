"""Projects and the task browser's actions on both stores."""

from __future__ import annotations

import pytest
from world import CHOICE, World

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.service import projects, tasks


def change(world: World, project: str, version: int, **changes) -> wire.Project:
    return world.call(projects.change, world.owner, project, wire.ProjectChange(version=version, **changes))


def act(world: World, project: str, **action) -> int:
    return world.call(tasks.act, world.owner, project, wire.TaskAction(**action)).changed


def test_a_question_as_people_write_it_becomes_a_full_one(world: World):
    project = world.project()
    question = project.document.questions[0]
    assert (question.id, question.title, question.type) == ("spam", "spam", "choice/1")
    assert [choice["id"] for choice in question.config["choices"]] == ["ham", "spam"]


@pytest.mark.parametrize(
    ("questions", "where"),
    [
        ([{"type": "choice", "choices": ["a"]}], "questions[0].name"),
        ([{"name": "q", "type": "nothing"}], "questions[0].type"),
        ([{"name": "q", "type": "choice", "choices": []}], "questions[0].choices"),
        ([{"name": "q", "type": "choice", "choices": ["a"], "colour": 1}], "questions[0].colour"),
        ([CHOICE, {**CHOICE, "name": "r", "when": {"question": "zzz"}}], "questions[1].when.question"),
        ([CHOICE, {**CHOICE, "name": "r", "when": 7}], "questions[1].when"),
        ([{**CHOICE, "title": 7}], "questions[0].title"),
    ],
)
def test_what_cannot_be_says_where(world: World, questions, where):
    draft = wire.ProjectDraft(name="x", fields=[wire.FieldDraft(name="text")], questions=questions)
    with pytest.raises(Invalid) as caught:
        world.call(projects.create, world.owner, draft)
    assert caught.value.where == where
    if where == "questions[0].colour":
        assert "choices" in caught.value.remedy, "it names the keys that there are"
    with pytest.raises(Invalid):
        world.read(projects.check, world.owner, draft)
    assert world.read(projects.list_, world.owner).items == []


def test_a_change_makes_a_version_and_old_answers_keep_theirs(world: World):
    project = world.project(tasks=2)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    questions = [{**CHOICE, "choices": [{"id": "ham", "name": "Fine"}, "spam", "unsure"]}]
    after = change(world, project.id, 1, questions=questions, instructions="Read twice.")
    assert (after.version, after.document.instructions) == (2, "Read twice.")
    with pytest.raises(Invalid):
        world.submit(a, mine.id, {"spam": "unsure"})
    world.submit(a, mine.id, {"spam": "ham"})
    newer = world.next(a).assignments[0]
    assert (mine.version, newer.version) == (1, 2)
    world.submit(a, newer.id, {"spam": "unsure"})
    listed = world.read(projects.versions, world.owner, project.id).items
    assert [v.version for v in listed] == [2, 1]
    form = world.read(projects.form, a, project.id, 1)
    assert [c["id"] for c in form.document.questions[0].config["choices"]] == ["ham", "spam"]
    with pytest.raises(Missing):
        world.read(projects.form, a, project.id, 9)


def test_two_who_change_at_once_are_told(world: World):
    project = world.project()
    change(world, project.id, 1, name="One")
    with pytest.raises(Refused) as caught:
        change(world, project.id, 1, name="Two")
    assert caught.value.rule == "project.version"
    assert change(world, project.id, 2, name="One").version == 2


def test_a_question_keeps_its_type(world: World):
    project = world.project()
    with pytest.raises(Invalid) as caught:
        change(world, project.id, 1, questions=[{"name": "spam", "type": "text"}])
    assert caught.value.where == "questions[0].type"


def test_another_overlap_opens_and_closes_tasks(world: World):
    project = world.project(tasks=2)
    _, a, b, _ = world.people
    world.submit(a, world.next(a).assignments[0].id)
    assert world.counts(project.id).done == 1
    change(world, project.id, 1, overlap=2)
    assert world.counts(project.id).done == 0
    got = [x.task_id for x in world.next(b, count=2).assignments]
    assert got == [f"{project.id}-1", f"{project.id}-2"]
    change(world, project.id, 2, overlap=1)
    assert world.counts(project.id).done == 1
    world.require_healthy()


def test_another_order_holds_for_what_is_there(world: World):
    project = world.project(tasks=[{"text": str(n), "priority": n} for n in range(4)])
    change(world, project.id, 1, order="priority")
    assert world.next(world.people[1]).assignments[0].data == {"text": "3"}
    change(world, project.id, 2, order="random")
    world.require_healthy()


def test_states(world: World):
    project = world.project()
    for state in ("paused", "active", "archived", "deleted"):
        moved = world.call(projects.set_state, world.owner, project.id, wire.StateChange(state=state))
        assert moved.state == state
    assert world.read(projects.list_, world.owner).items == []
    assert [p.id for p in world.read(projects.list_, world.owner, state="deleted").items] == [project.id]
    with pytest.raises(Refused, match="deleted cannot become paused"):
        world.call(projects.set_state, world.owner, project.id, wire.StateChange(state="paused"))
    world.call(projects.set_state, world.owner, project.id, wire.StateChange(state="active"))
    assert len(world.read(projects.list_, world.owner).items) == 1


def test_lists_page(world: World):
    made = []
    for n in range(5):
        world.ms += 1
        made.append(world.project(name=str(n)).id)
    page = world.read(projects.list_, world.owner, limit=3)
    rest = world.read(projects.list_, world.owner, after=page.next, limit=3)
    assert [p.id for p in [*page.items, *rest.items]] == made[::-1]


def test_strangers_see_nothing_and_annotators_not_the_projects_page(world: World):
    project = world.project()
    with pytest.raises(Missing):
        world.read(projects.get, world.stranger, project.id)
    assert world.read(projects.list_, world.stranger).items == []
    with pytest.raises(Refused):
        world.read(projects.get, world.people[1], project.id)
    with pytest.raises(Refused):
        world.call(projects.create, world.people[1], wire.ProjectDraft(name="x", fields=[], questions=[]))
    with pytest.raises(Missing):
        draft = wire.ProjectDraft(name="x", fields=[], questions=[], organization_id="org-b")
        world.call(projects.create, world.owner, draft)


def test_withdraw_and_restore(world: World):
    project = world.project(tasks=3)
    a = world.people[1]
    world.submit(a, world.next(a).assignments[0].id)
    out = world.next(a).assignments[0]
    ids = [f"{project.id}-{n}" for n in (1, 2)]
    assert act(world, project.id, action="withdraw", task_ids=[*ids, ids[0], "prj-x-9"]) == 2
    assert act(world, project.id, action="withdraw", task_ids=ids) == 0
    assert world.submit(a, out.id).state == "surplus"
    counts = world.counts(project.id)
    assert (counts.tasks, counts.withdrawn, counts.done) == (1, 2, 0)
    assert act(world, project.id, action="restore", task_ids=ids) == 2
    counts = world.counts(project.id)
    assert (counts.tasks, counts.withdrawn, counts.done) == (3, 0, 1)
    world.require_healthy()


def test_a_filter_acts_on_all_that_match(world: World):
    project = world.project(tasks=[{"text": f"{'x' if n % 2 else 'y'} {n}"} for n in range(30)])
    assert act(world, project.id, action="withdraw", filter={"search": "x"}) == 15
    assert act(world, project.id, action="prioritise", filter={"status": "open"}, priority=5) == 15
    assert act(world, project.id, action="prioritise", filter={"status": "open"}, priority=5) == 0
    with pytest.raises(Invalid, match="filter"):
        act(world, project.id, action="withdraw", filter={"colour": "red"})
    with pytest.raises(Invalid, match="either"):
        act(world, project.id, action="withdraw")


def test_corrected_data_is_asked_again(world: World):
    project = world.project(tasks=[{"text": "old", "external_id": "e", "metadata": {"k": 1}}])
    _, a, b, _ = world.people
    world.submit(a, world.next(a).assignments[0].id, {"spam": "spam"})
    task = f"{project.id}-1"
    after = world.call(tasks.correct, world.owner, task, wire.TaskCorrection(data={"text": "new"}))
    assert (after.data, after.external_id, after.metadata) == ({"text": "new"}, "e", {"k": 1})
    assert (after.status, after.consensus) == ("open", {})
    out = world.next(b).assignments[0]
    world.call(tasks.correct, world.owner, task, wire.TaskCorrection(data={"text": "newer"}))
    with pytest.raises(Refused, match="data changed"):
        world.submit(b, out.id)
    again = world.next(a).assignments[0]
    assert again.data == {"text": "newer"}
    world.submit(a, again.id, {"spam": "ham"})
    assert world.read(tasks.get, world.owner, task).consensus["spam"].value == "ham"
    world.require_healthy()


def test_tasks_by_status_annotator_and_page(world: World):
    project = world.project(tasks=5)
    a = world.people[1]
    for _ in range(2):
        world.submit(a, world.next(a).assignments[0].id)
    member = a.memberships[0].member

    def found(**given) -> list[str]:
        rows = world.read(tasks.list_, world.owner, project.id, **given).items
        return [row.task_id.rpartition("-")[2] for row in rows]

    assert found(status="done") == ["1", "2"]
    assert found(status="open", limit=2) == ["3", "4"]
    assert found(annotator=member) == ["1", "2"]
    assert found(status="withdrawn") == []
    with pytest.raises(Invalid):
        found(status="odd")
    with pytest.raises(Invalid):
        found(after="x")
    with pytest.raises(Missing):
        world.read(tasks.get, world.owner, "nothing")


def test_progress(world: World):
    project = world.project(tasks=3)
    a = world.people[1]
    world.submit(a, world.next(a).assignments[0].id, seconds=2.0)
    world.next(a)
    progress = world.read(projects.progress, world.owner, project.id)
    assert (progress.live, progress.counts.done) == (1, 1)
    assert [(x.name, x.submitted, x.seconds) for x in progress.annotators] == [("P1", 1, 2.0)]
    assert [count for _, count in progress.days] == [1]
