"""The quality job and its pages' figures, on both stores: what was planted shows."""

from __future__ import annotations

import random

import pytest
from world import CHOICE, World

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.project import PayPolicy, ReviewPolicy
from evenhand.service import pay, projects, quality, review, tasks

WORDS = {"name": "said", "type": "text", "required": False}


def play(world: World, tasks: int = 40) -> str:
    """Three people answer every task: two of them well, the last one by tossing a coin."""
    project = world.project(
        tasks=tasks, overlap=3, prefetch=20, questions=[CHOICE, WORDS], review=ReviewPolicy(which="all")
    ).id
    rng = random.Random(3)
    for i in (1, 2, 3):
        while given := world.next(world.people[i], count=20).assignments:
            for one in given:
                world.ms += 10
                truth = int(one.task_id.rpartition("-")[2]) % 2
                wrong = rng.random() < (0.5 if i == 3 else 0.05)
                answers = {"spam": ["ham", "spam"][truth ^ wrong], "said": f"word {truth}"}
                world.submit(world.people[i], one.id, answers, seconds=2.0)
    return project


def compute(world: World, project: str) -> wire.Quality:
    assert world.call(quality.start, world.owner, project)
    assert not world.call(quality.start, world.owner, project)  # one is on its way
    assert world.read(quality.running) == [project]
    quality.run(world.lane, project)
    return world.read(quality.get, world.owner, project)


def test_figures_of_a_project(world: World):
    project = play(world)
    before = world.read(quality.get, world.owner, project)
    assert (before.state, before.questions, before.as_of) == ("none", [], None)
    found = compute(world, project)
    assert (found.state, found.read, found.total) == ("done", 120, 120) and found.as_of
    spam, said = found.questions
    assert (spam.labels, spam.tasks, spam.basis, said.basis, spam.every) == (120, 40, "model", "agreement", 1)
    skills = {one.name: one for one in spam.skills}
    assert skills["P3"].value < min(skills["P1"].value, skills["P2"].value)
    assert all(one.low <= one.value <= one.high and one.labels == 40 for one in spam.skills)
    assert spam.confusion is not None and set(spam.confusion.classes) == {"ham", "spam"}
    assert spam.errors and spam.errors[0].task_id.startswith(project) and spam.errors[0].labels == 3
    assert all(figure.labels for figure in spam.agreement if figure.value is not None)
    tested = {one.kind: one for one in spam.integrity}
    assert {kind: one.tested for kind, one in tested.items()} == {
        "fast": 3,
        "copying": 3,
        "blind": 3,
        "previous": 3,
        "suggested": 0,
    }
    assert {one.kind for one in said.integrity} == {"fast", "typed", "repeated"}
    assert spam.leaning is not None and spam.leaning.undefined and said.leaning is None
    forecast = found.forecast
    assert (forecast.answers, forecast.answers_left, forecast.seconds) == (120, 0, 240.0)
    assert world.read(quality.running) == []


def test_what_is_worth_a_look_comes_in_pages_until_a_reviewer_has_settled_it(world: World):
    project = play(world)
    spam = compute(world, project).questions[0]
    assert spam.likely_errors == sum(one.chance > 0.5 for one in spam.errors)

    def page(**given) -> wire.Page[wire.WorthALook]:
        return world.read(quality.list_tasks, world.owner, project, "spam", **given)

    listed = page().items
    assert [(one.task_id, one.chance) for one in listed] == [(e.task_id, e.chance) for e in spam.errors]
    assert [one.task_id for one in page(order="hard").items] == [h.task_id for h in spam.hard]
    first, second = listed[:2]
    part = page(limit=1)
    assert (part.items, part.next) == ([first], "1") and page(after="1", limit=1).items == [second]
    assert [one.task_id for one in page(search=second.summary.upper()).items] == [second.task_id]
    assert (
        page(search="no such words").items
        == []
        == world.read(quality.list_tasks, world.owner, project, "x").items
    )
    for wrong in ({"order": "best"}, {"after": "x"}):
        with pytest.raises(Invalid):
            page(**wrong)
    with pytest.raises(Refused):
        world.read(quality.list_tasks, world.people[1], project, "spam")
    assert {one.review for one in listed} == {"queued"}
    by_hand = wire.TaskAction(action="review", task_ids=[first.task_id])
    assert world.call(tasks.act, world.owner, project, by_hand).changed == 1
    assert page(limit=1).items[0].review == "waiting"
    assert world.call(tasks.act, world.owner, project, by_hand).changed == 0
    mine = world.call(review.next_, world.owner, project).review
    assert mine is not None and mine.task_id == first.task_id, "what was sent by hand comes first"
    held = [one.task_id for one in (*page().items, *page(order="hard").items) if one.review == "held"]
    assert set(held) == {mine.task_id}
    fix = wire.ReviewDecision(decision="fix", answers={"spam": "ham"})
    while mine is not None:
        world.call(review.decide, world.owner, mine.id, fix)
        settled = {mine.task_id}
        assert settled.isdisjoint(one.task_id for one in (*page().items, *page(order="hard").items))
        mine = world.call(review.next_, world.owner, project).review
    again = compute(world, project).questions[0]
    assert (again.errors, again.hard, page().items) == ([], [], [])


def test_forecasts_say_from_how_much_they_come_and_how_sure_they_are(world: World):
    rate = PayPolicy(currency="EUR", per="hour", amount=3600)  # a cent a second
    project = world.project(tasks=10, overlap=2, pay=rate, prefetch=10).id
    for person, seconds, count in ((1, 10.0, 8), (2, 20.0, 2)):
        for _ in range(count):
            given = world.next(world.people[person], project_id=project, count=1).assignments[0].id
            world.submit(world.people[person], given, seconds=seconds)
    told = world.read(quality.get, world.owner, project).forecast
    assert (told.answers, told.answers_left, told.annotators, told.days) == (10, 10, 2, 1)
    assert told.seconds_left == 120.0 and told.seconds_left_low is not None
    assert told.seconds_left_low < 120.0 < (told.seconds_left_high or 0)
    (cost,) = told.costs
    assert (cost.so_far, cost.to_come, cost.to_come_low) == (120, 120, round(told.seconds_left_low))
    assert told.days_left == 1.0 and told.days_left_low is None  # one day says nothing of the others


def test_an_annotator_sees_only_their_own(world: World):
    project = play(world, tasks=10)
    mine = world.call(review.next_, world.owner, project).review
    assert mine is not None
    decision = wire.ReviewDecision(decision="fix", answers={"spam": "ham"}, seconds=7.5)
    world.call(review.decide, world.owner, mine.id, decision)
    known = compute(world, project)
    (own,) = world.read(quality.mine, world.people[1]).items
    assert (own.project_id, own.answers, own.seconds, own.credited) == (project, 10, 20.0, None)
    assert {skill.question for skill in own.skills} == {"spam", "said"} and own.as_of
    for skill in own.skills:  # to the number what the manager is shown
        figures = next(one for one in known.questions if one.question == skill.question)
        told = next(one for one in figures.skills if one.name == "P1")
        assert (skill.measures, skill.numbers, skill.unit) == (figures.measures, told.numbers, figures.unit)
        assert (skill.value, skill.low, skill.high, skill.labels) == (told.value, told.low, told.high, 10)
    assert [len(skill.numbers) for skill in own.skills] == [0, 1]  # classes have none, texts their error
    assert own.stood is not None and own.accepted + own.fixed == own.stood.labels == 1
    assert own.reviewed is None
    (boss,) = world.read(quality.mine, world.owner).items  # who answered nothing sees how they review
    told = boss.reviewed
    assert told is not None and boss.answers == 0 and boss.skills == []
    assert told.accepted + told.fixed == told.kept.labels == 1  # a fix that changes nothing accepts
    assert (told.seconds, told.appealed, told.overruled) == (7.5, 0, None)
    assert world.read(quality.mine, world.stranger).items == []
    with pytest.raises(Refused):
        world.read(quality.get, world.people[1], project)
    with pytest.raises(Missing):
        world.read(quality.get, world.stranger, project)


def test_the_time_that_is_shown_is_the_time_that_is_paid(world: World):
    rate = PayPolicy(currency="EUR", per="hour", amount=1000, most_seconds=5)  # of one answer at most
    project = world.project(tasks=2, pay=rate).id
    for seconds in (3.0, 90.0):
        world.submit(world.people[1], world.next(world.people[1]).assignments[0].id, seconds=seconds)
    (own,) = world.read(quality.mine, world.people[1]).items
    (due,) = world.read(pay.get, world.owner, project).annotators
    assert own.credited == due.seconds == 8.0 and own.seconds == 93.0 and own.pay == rate
    assert world.read(pay.mine, world.people[1]).items == [due]
    assert world.read(pay.table, world.owner, project).splitlines()[1].split(",")[-5:] == [
        "2",
        "8.0",
        "2",
        "0",
        "2",
    ]


def test_a_project_without_answers_has_no_figures_and_says_so(world: World):
    project = world.project(tasks=2).id
    found = compute(world, project)
    assert (found.state, found.questions, found.total) == ("done", [], 0)
    assert (found.forecast.answers_left, found.forecast.days_left) == (2, None)


def test_many_answers_without_classes_are_sampled_and_said_so(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quality, "MOST_VALUES", 10)
    monkeypatch.setattr(quality, "TELL", 7)
    monkeypatch.setattr(quality, "CHUNK", 4)
    found = compute(world, play(world, tasks=10))
    spam, said = found.questions
    assert (spam.every, said.every, said.labels) == (1, 3, 9)


def test_answers_that_a_narrower_question_no_longer_takes_are_left_out(world: World):
    stars = {"name": "stars", "type": "rating", "min": 1, "max": 5}
    project = world.project(tasks=4, overlap=2, prefetch=20, questions=[stars]).id
    for i in (1, 2):
        for one in world.next(world.people[i], count=20).assignments:
            world.submit(world.people[i], one.id, {"stars": 5 if one.task_id.endswith("-1") else 2})
    narrower = wire.ProjectChange(version=1, questions=[stars | {"max": 3}])
    world.call(projects.change, world.owner, project, narrower)
    (found,) = compute(world, project).questions
    assert (found.labels, found.tasks) == (6, 3)


def test_what_cannot_be_measured_is_told(world: World, monkeypatch: pytest.MonkeyPatch):
    from evenhand.core.errors import Invalid

    def divide(*given, **more):
        raise ZeroDivisionError

    def fails(*given, **more):
        raise Invalid("inference.too-many", "Too many classes.", "label", "Group them.")

    project = play(world, tasks=4)
    monkeypatch.setattr(quality.core, "measure", fails)
    found = compute(world, project)
    assert found.state == "failed" and "Too many classes." in found.error
    monkeypatch.setattr(quality.core, "measure", divide)
    with pytest.raises(ZeroDivisionError):
        compute(world, project)
    found = world.read(quality.get, world.owner, project)
    assert found.state == "failed" and "log says what" in found.error


def test_what_was_preselected_and_what_was_read_are_known(world: World):
    """P1 takes the suggestion, whatever it is, at once; nobody else does."""
    records = [
        {
            "text": "many words " * 30,
            "n": n,
            "chat": [{"role": "user", "content": "one more"}],
            "predictions": [{"answers": {"spam": ["ham", "spam"][n // 2 % 2]}}],
        }
        for n in range(40)
    ]
    fields = [wire.FieldDraft(name="text"), wire.FieldDraft(name="chat", type="chat")]
    project = world.project(tasks=records, overlap=3, prefetch=20, fields=fields).id
    for i in (1, 2, 3):
        while given := world.next(world.people[i], count=20).assignments:
            for one in given:
                truth = ["ham", "spam"][int(one.task_id.rpartition("-")[2]) % 2]
                assert one.suggestion is not None
                answer = one.suggestion["spam"] if i == 1 else truth
                world.submit(world.people[i], one.id, {"spam": answer}, seconds=1.0 if i == 1 else 9.0)
    (spam,) = compute(world, project).questions
    signals = {(one.kind, s.members[0].name): s for one in spam.integrity for s in one.signals}
    assert {("suggested", "P1"), ("fast", "P1")} <= signals.keys()
    assert {name for _, name in signals} == {"P1"}
    assert signals["suggested", "P1"].seen == 1.0 and signals["fast", "P1"].task_ids[0] == f"{project}-1"
