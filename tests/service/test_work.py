"""The annotators' verbs on both stores."""

from __future__ import annotations

import pytest
from world import World

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.receipt import verify_receipt
from evenhand.service import projects, tasks, work


def test_a_task_goes_to_as_many_people_as_its_overlap_and_is_concluded(world: World):
    project = world.project(tasks=1, overlap=2)
    _, a, b, c = world.people
    first, second = world.next(a).assignments[0], world.next(b).assignments[0]
    assert first.task_id == second.task_id == f"{project.id}-1"
    assert first.data == {"text": "message 0"}
    assert world.next(c).assignments == []
    world.submit(a, first.id, {"spam": "ham"})
    assert world.read(tasks.get, world.owner, first.task_id).consensus == {}
    world.submit(b, second.id, {"spam": "ham"})
    task = world.read(tasks.get, world.owner, first.task_id)
    assert (task.status, task.consensus["spam"].value, task.consensus["spam"].confidence) == (
        "done",
        "ham",
        1.0,
    )
    assert [x.answers for x in task.annotations] == [{"spam": "ham"}] * 2
    assert world.counts(project.id).done == 1
    world.require_healthy()


def test_nobody_gets_a_task_twice_even_when_it_wants_more_answers(world: World):
    world.project(tasks=2, overlap=3)
    a = world.people[1]
    seen = []
    while work_ := world.next(a).assignments:
        seen.append(work_[0].task_id)
        world.submit(a, work_[0].id)
    assert len(seen) == len(set(seen)) == 2
    assert world.next(a).waiting == "nothing-left"


def test_somebody_far_ahead_of_the_others_still_finds_work(world: World):
    world.project(tasks=60, overlap=2)
    a = world.people[1]
    for _ in range(60):
        world.submit(a, world.next(a).assignments[0].id)
    assert world.next(a).assignments == []
    world.require_healthy()


def test_a_live_assignment_is_given_again_unless_the_caller_says_that_it_has_it(world: World):
    world.project(tasks=3)
    a = world.people[1]
    first = world.next(a).assignments[0]
    assert world.next(a).assignments[0].id == first.id
    second = world.next(a, have=[first.id]).assignments[0]
    assert second.id != first.id
    assert [x.id for x in world.next(a, count=3).assignments][:2] == [first.id, second.id]


def test_nobody_holds_more_than_the_project_allows(world: World):
    world.project(tasks=9, prefetch=2)
    a = world.people[1]
    held = [x.id for x in world.next(a, count=9).assignments]
    assert len(held) == 2
    more = world.next(a, have=held, count=5)
    assert (more.assignments, more.waiting) == ([], "all-leased")


def test_a_lapsed_lease_goes_back_and_a_late_answer_is_kept(world: World):
    project = world.project(tasks=1, lease_seconds=60)
    _, a, b, _ = world.people
    late = world.next(a).assignments[0]
    world.ms += 61_000
    again = world.next(b).assignments[0]
    assert again.task_id == late.task_id
    assert world.submit(a, late.id).state == "surplus"
    assert world.submit(b, again.id).state == "submitted"
    assert world.counts(project.id).annotations == 1
    assert world.counts(project.id).surplus == 1
    world.require_healthy()


def test_a_late_answer_to_a_task_that_one_has_again_is_told(world: World):
    project = world.project(tasks=1)
    a = world.people[1]
    late = world.next(a).assignments[0]
    world.ms += 3_600_000
    again = world.next(a, project_id=project.id).assignments[0]
    for act in (
        lambda: world.submit(a, late.id),
        lambda: world.call(work.skip, a, late.id, wire.Skip(reason="x")),
    ):
        with pytest.raises(Refused) as caught:
            act()
        assert (caught.value.rule, caught.value.where) == ("assignment.again", again.id)
    assert world.submit(a, again.id).state == "submitted"
    with pytest.raises(Refused):
        world.submit(a, late.id)


def test_a_late_answer_takes_the_slot_when_nobody_else_has(world: World):
    project = world.project(tasks=1, lease_seconds=60)
    _, a, b, _ = world.people
    late = world.next(a).assignments[0]
    world.ms += 61_000
    world.next(b, project_id=world.project(tasks=0).id)  # a window passes, and the lease with it
    assert world.submit(a, late.id).state == "submitted"
    assert world.next(b).assignments == []
    assert world.counts(project.id).done == 1
    world.require_healthy()


def test_more_time_keeps_a_lease_alive(world: World):
    world.project(tasks=1, lease_seconds=60)
    _, a, b, _ = world.people
    mine = world.next(a).assignments[0]
    world.ms += 50_000
    assert world.call(work.extend, a, mine.id).expires_at > mine.expires_at
    world.ms += 50_000
    assert world.next(b).assignments == []
    world.submit(a, mine.id)
    with pytest.raises(Refused, match="not live"):
        world.call(work.extend, a, mine.id)


def test_the_same_submission_again_gives_the_same_receipt(world: World):
    project = world.project(tasks=1)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    first = world.submit(a, mine.id, {"spam": "ham"})
    again = world.submit(a, mine.id, {"spam": "ham"})
    assert (again.receipt.leaf, again.receipt.openings) == (first.receipt.leaf, first.receipt.openings)
    assert world.counts(project.id).annotations == 1
    verify_receipt(first.receipt, world.node.key.verify_key)
    verify_receipt(again.receipt, world.node.key.verify_key)


def test_other_answers_from_a_second_device_are_refused_and_not_swallowed(world: World):
    world.project(tasks=1)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    world.submit(a, mine.id, {"spam": "ham"})
    with pytest.raises(Refused) as caught:
        world.submit(a, mine.id, {"spam": "spam"})
    assert caught.value.rule == "assignment.revision"
    world.submit(a, mine.id, {"spam": "spam"}, revision=1)
    with pytest.raises(Refused):
        world.submit(a, mine.id, {"spam": "ham"}, revision=1)
    assert world.read(work.get, a, mine.id).draft == {"spam": "spam"}


def test_a_correction_replaces_the_answer_and_the_consensus(world: World):
    project = world.project(tasks=1)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    world.submit(a, mine.id, {"spam": "ham"})
    assert world.read(work.get, a, mine.id).draft == {"spam": "ham"}
    corrected = world.submit(a, mine.id, {"spam": "spam"}, revision=1)
    assert corrected.revision == 2
    assert world.submit(a, mine.id, {"spam": "spam"}, revision=1).receipt.leaf == corrected.receipt.leaf
    with pytest.raises(Refused) as caught:
        world.submit(a, mine.id, {"spam": "ham"}, revision=7)
    assert caught.value.rule == "assignment.revision"
    task = world.read(tasks.get, world.owner, mine.task_id)
    assert task.consensus["spam"].value == "spam"
    assert (task.annotations[0].revision, len(task.annotations)) == (2, 1)
    assert world.counts(project.id).annotations == 1
    world.require_healthy()


def test_a_skipped_task_goes_to_somebody_else_and_never_back(world: World):
    project = world.project(tasks=1)
    _, a, b, _ = world.people
    mine = world.next(a).assignments[0]
    world.call(work.skip, a, mine.id, wire.Skip(reason="cannot read"))
    world.call(work.skip, a, mine.id, wire.Skip(reason="again"))
    assert world.next(a).assignments == []
    world.submit(b, world.next(b).assignments[0].id)
    with pytest.raises(Refused, match="skipped"):
        world.submit(a, mine.id)
    task = world.read(tasks.get, world.owner, mine.task_id)
    assert {x.state: x.reason for x in task.annotations} == {"skipped": "cannot read", "submitted": None}
    assert world.counts(project.id).skipped == 1
    world.require_healthy()


def test_a_flag_is_shown_to_the_manager_and_can_be_taken_off(world: World):
    project = world.project(tasks=2)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    for _ in range(2):
        world.call(work.flag, a, mine.id, wire.Skip(reason="personal data"))
    assert world.counts(project.id).flagged == 1
    listed = world.read(tasks.list_, world.owner, project.id, flagged=True)
    assert [row.task_id for row in listed.items] == [mine.task_id]
    assert world.read(tasks.get, world.owner, mine.task_id).flags[0].reason == "personal data"
    report = world.call(
        tasks.act, world.owner, project.id, wire.TaskAction(action="unflag", task_ids=[mine.task_id])
    )
    assert report.changed == 1
    assert world.counts(project.id).flagged == 0
    world.require_healthy()


def test_drafts_come_back_with_the_assignment_and_go_with_the_answer(world: World):
    world.project(tasks=1)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    world.call(work.draft, a, mine.id, wire.DraftSave(answers={"spam": "unfinished"}))
    assert world.next(a).assignments[0].draft == {"spam": "unfinished"}
    world.submit(a, mine.id)
    assert world.read(work.get, a, mine.id).draft == {"spam": "ham"}
    with pytest.raises(Invalid, match="bytes"):
        world.call(work.draft, a, mine.id, wire.DraftSave(answers={"spam": "x" * (1 << 20)}))


def test_what_does_not_fit_is_refused_and_nothing_is_done(world: World):
    project = world.project(tasks=1)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    with pytest.raises(Invalid) as caught:
        world.submit(a, mine.id, {"spam": "eggs"})
    assert caught.value.where == "answers.spam"
    assert world.counts(project.id).annotations == 0
    world.submit(a, mine.id)


def test_somebody_elses_assignment_is_not_there(world: World):
    world.project(tasks=1)
    _, a, b, _ = world.people
    mine = world.next(a).assignments[0]
    for actor in (b, world.stranger, world.owner):
        with pytest.raises(Missing):
            world.submit(actor, mine.id)
        with pytest.raises(Missing):
            world.read(work.get, actor, mine.id)
        with pytest.raises(Missing):
            world.call(work.skip, actor, mine.id, wire.Skip())


def test_a_stranger_gets_no_work_of_ours(world: World):
    project = world.project(tasks=1)
    assert world.next(world.stranger).assignments == []
    with pytest.raises(Missing):
        world.next(world.stranger, project_id=project.id)


def test_a_paused_project_gives_nothing_out_and_takes_what_is_out(world: World):
    project = world.project(tasks=2)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    world.call(projects.set_state, world.owner, project.id, wire.StateChange(state="paused"))
    paused = world.next(a, project_id=project.id, have=[mine.id])
    assert (paused.assignments, paused.waiting) == ([], "paused")
    world.submit(a, mine.id)
    world.call(projects.set_state, world.owner, project.id, wire.StateChange(state="active"))
    assert len(world.next(a).assignments) == 1


def test_a_suggestion_is_the_best_prediction_that_fits(world: World):
    predictions = [
        {"answers": {"spam": "ham"}, "score": 0.2},
        {"answers": {"spam": "spam", "unknown": 1}, "score": 0.9},
        {"answers": {"spam": "eggs"}, "score": 0.1},
        "broken",
    ]
    world.project(tasks=[{"text": "a", "predictions": predictions}, {"text": "b"}])
    first, second = world.next(world.people[1], count=2).assignments
    assert first.suggestion == {"spam": "spam"}
    assert second.suggestion is None
    world.project(tasks=[{"text": "c", "predictions": predictions}], suggestions=False)
    assert world.next(world.people[2], count=2).assignments[-1].suggestion is None


def test_priority_and_random_order(world: World):
    urgent = world.project(tasks=[{"text": str(n), "priority": n} for n in range(5)], order="priority")
    got = [x.data["text"] for x in world.next(world.people[1], project_id=urgent.id, count=3).assignments]
    assert got == ["4", "3", "2"]
    shuffled = world.project(tasks=30, order="random", prefetch=20)
    got = [x.data["text"] for x in world.next(world.people[2], project_id=shuffled.id, count=20).assignments]
    assert len(got) == 20 and got != [f"message {n}" for n in range(20)]


def test_projects_of_a_pool_share_evenly(world: World):
    for name in ("one", "two"):
        world.project(tasks=20, name=name, prefetch=20)
    given = world.next(world.people[1], count=20).assignments
    counts = [sum(x.project_id == p for x in given) for p in {x.project_id for x in given}]
    assert counts == [10, 10]


def test_history_is_ones_own_newest_first_and_pages(world: World):
    project = world.project(tasks=5)
    _, a, b, _ = world.people
    for _ in range(3):
        world.ms += 1000
        world.submit(a, world.next(a).assignments[0].id)
    world.submit(b, world.next(b).assignments[0].id)
    page = world.read(work.history, a, limit=2)
    rest = world.read(work.history, a, after=page.next, limit=2)
    assert [row.summary for row in [*page.items, *rest.items]] == ["message 2", "message 1", "message 0"]
    assert world.read(work.history, a, project="prj-other").items == []
    assert world.read(work.history, b, project=project.id).items[0].project_name == "Messages"


def test_the_list_of_work(world: World):
    project = world.project(tasks=2)
    a = world.people[1]
    world.submit(a, world.next(a).assignments[0].id)
    row = world.read(work.list_work, a).items[0]
    assert (row.project_id, row.tasks, row.done, row.mine) == (project.id, 2, 1, 1)
    assert world.read(work.list_work, world.stranger).items == []
