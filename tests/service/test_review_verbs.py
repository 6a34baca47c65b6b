"""Review and appeals on both stores."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from world import World

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.policy import Actor, Membership, allows
from evenhand.core.project import GoldPolicy, ReviewPolicy
from evenhand.service import appeals, exports, projects, quality, review, tasks, work
from evenhand.service import gold as gold_verbs


def reviewer(world: World, i: int) -> Actor:
    """One of the annotators, promoted."""
    membership = Membership(organization="org-a", member=f"mem-{i}", role="reviewer")
    return msgspec.structs.replace(world.people[i], memberships=(membership,))


def answer(world: World, i: int, spam: str = "ham") -> str:
    """The next task, answered by this person; the assignment's id."""
    world.ms += 1  # answers of one millisecond come in no order
    given = world.next(world.people[i]).assignments[0].id
    world.submit(world.people[i], given, {"spam": spam})
    return given


def take(world: World, actor: Actor, project: str) -> wire.Review:
    found = world.call(review.next_, actor, project).review
    assert found is not None
    return found


def decide(world: World, actor: Actor, id_: str, decision: str, **given) -> wire.Review:
    return world.call(review.decide, actor, id_, wire.ReviewDecision(decision=decision, **given))


def reviewed(world: World, tasks: int = 1, overlap: int = 1, **policy) -> str:
    rules = {key: policy.pop(key) for key in ("gold", "order") if key in policy}
    policy = {"which": "all"} | policy
    return world.project(tasks=tasks, overlap=overlap, review=ReviewPolicy(**policy), **rules).id


def consensus(world: World, task: str) -> wire.Answer:
    return world.read(tasks.get, world.owner, task).consensus["spam"]


def test_a_reviewer_accepts_what_two_said_and_one_of_them_was_wrong(world: World):
    project = reviewed(world, overlap=2)
    boss = reviewer(world, 3)
    assert world.call(review.next_, boss, project).lack == "nothing"
    first, second = answer(world, 1, "ham"), answer(world, 2, "spam")
    mine = take(world, boss, project)
    assert [(a.answers, a.name, a.annotator) for a in mine.annotations] == [
        ({"spam": "ham"}, None, None),
        ({"spam": "spam"}, None, None),
    ]
    assert take(world, boss, project).id == mine.id  # the same again, until it is decided
    done = decide(world, boss, mine.id, "accept", comment="clear", revision=mine.revision, seconds=4)
    assert {a.assignment_id: (a.outcome, a.name) for a in done.annotations} == {
        first: ("accepted", "P1"),
        second: ("fixed", "P2"),
    }
    assert consensus(world, mine.task_id) == wire.Answer(value="ham", confidence=1.0, method="review")
    (shown,) = world.read(tasks.get, world.owner, mine.task_id).reviews
    assert (shown.decision, shown.comment, shown.reviewer) == ("accepted", "clear", "mem-3")
    assert decide(world, boss, mine.id, "accept") == done  # sent twice
    with pytest.raises(Refused, match="over"):
        decide(world, boss, mine.id, "fix", answers={"spam": "spam"})
    world.require_healthy()


def test_a_fix_stands_whatever_is_corrected_afterwards(world: World):
    project = reviewed(world)
    given = answer(world, 1)
    mine = take(world, world.owner, project)
    decide(world, world.owner, mine.id, "fix", answers={"spam": "spam"}, comment="an offer")
    assert consensus(world, mine.task_id).value == "spam"
    world.submit(world.people[1], given, {"spam": "spam"}, revision=1)
    world.submit(world.people[1], given, {"spam": "ham"}, revision=2)
    assert consensus(world, mine.task_id) == wire.Answer(value="spam", confidence=1.0, method="review")
    assert world.call(review.next_, world.owner, project).review is None
    with world.reading() as reader:
        (row,) = exports.rows(reader, "org-a", project)
    assert row.review is not None
    assert (row.review.decision, row.review.reviewer) == ("fixed", "mem-0")
    (line,) = world.read(review.list_, world.owner, project).items
    assert (line.decision, line.comment, line.summary) == ("fixed", "an offer", "message 0")
    world.require_healthy()


def test_what_is_sent_back_returns_corrected_and_first_in_line(world: World):
    def back() -> list[int]:
        return [one.sent_back for one in world.read(work.list_work, world.people[1]).items]

    project = reviewed(world, tasks=2, overlap=2)
    for i in (1, 2):
        answer(world, i, "ham" if i == 1 else "spam")
        answer(world, i)
    boss = reviewer(world, 3)
    mine = take(world, boss, project)
    both = [a.assignment_id for a in mine.annotations]
    assert back() == [0]
    decide(world, boss, mine.id, "return", comment="Read the second line.", assignment_ids=both)
    assert back() == [1]  # seen where one chooses what to work on
    (open_,) = world.read(appeals.list_mine, world.people[1], outcome="returned").items
    assert (open_.comment, open_.open, open_.task_id) == ("Read the second line.", True, mine.task_id)
    assert open_.project_name == "Messages" and open_.answers is None
    other = take(world, boss, project)
    assert other.task_id != mine.task_id
    assert world.read(appeals.list_mine, world.stranger).items == []
    world.submit(world.people[1], both[0], {"spam": "spam"}, revision=1)
    assert not world.read(appeals.list_mine, world.people[1], outcome="returned").items[0].open
    assert back() == [0]
    assert world.call(review.next_, world.owner, project).review is None  # the other is not corrected yet
    world.submit(world.people[2], both[1], {"spam": "spam"}, revision=1)
    again = take(world, world.owner, project)
    assert (again.task_id, again.why) == (mine.task_id, "corrected")
    assert [one.decision for one in again.earlier] == ["returned"]
    decide(world, world.owner, again.id, "accept")
    assert consensus(world, mine.task_id).value == "spam"
    world.require_healthy()


def test_two_reviewers_never_hold_one_task_and_nobody_reviews_their_own(world: World):
    project = reviewed(world, tasks=2)
    answer(world, 3)
    answer(world, 1)
    own = reviewer(world, 3)
    mine = take(world, own, project)
    assert mine.task_id.endswith("-2")
    assert take(world, world.owner, project).task_id.endswith("-1")
    decide(world, own, mine.id, "skip")
    assert world.call(review.next_, own, project).lack == "own"
    with pytest.raises(Missing):
        decide(world, own, take(world, world.owner, project).id, "accept")
    with pytest.raises(Refused):
        world.call(review.next_, world.people[1], project)
    with pytest.raises(Missing):
        world.call(review.next_, world.stranger, project)
    world.require_healthy()


def test_a_lapsed_review_goes_on_and_a_late_decision_counts_while_nobody_has_it(world: World):
    project = reviewed(world, tasks=2)
    answer(world, 1)
    boss, other = reviewer(world, 3), world.owner
    late = take(world, boss, project)
    world.ms += 3_600_000
    again = take(world, other, project)
    assert again.task_id == late.task_id
    with pytest.raises(Refused, match="over"):
        decide(world, boss, late.id, "accept")
    decide(world, other, again.id, "skip")
    decide(world, boss, late.id, "accept")
    assert consensus(world, late.task_id).method == "review"
    world.require_healthy()


def test_an_answer_corrected_meanwhile_is_noticed(world: World):
    project = reviewed(world)
    given = answer(world, 1)
    mine = take(world, world.owner, project)
    world.submit(world.people[1], given, {"spam": "spam"}, revision=1)
    with pytest.raises(Refused) as caught:
        decide(world, world.owner, mine.id, "accept", revision=mine.revision)
    assert caught.value.rule == "review.changed"
    seen = world.read(review.get, world.owner, mine.id)
    decide(world, world.owner, mine.id, "accept", revision=seen.revision)
    assert consensus(world, mine.task_id).value == "spam"


def test_where_answers_are_hidden_the_reviewer_answers_alone(world: World):
    project = reviewed(world, shows="task", which="worth", percent=100)
    answer(world, 1)
    mine = take(world, world.owner, project)
    assert (mine.consensus, mine.annotations[0].answers, mine.annotations[0].name) == ({}, None, None)
    assert (mine.by, mine.worth, mine.annotations[0].apart) == ("doubt", None, {})
    done = decide(world, world.owner, mine.id, "fix", answers={"spam": "ham"})
    assert (done.state, done.annotations[0].answers) == ("accepted", {"spam": "ham"})


def test_new_data_begin_anew(world: World):
    project = reviewed(world)
    answer(world, 1)
    mine = take(world, world.owner, project)
    world.call(tasks.correct, world.owner, mine.task_id, wire.TaskCorrection(data={"text": "other"}))
    with pytest.raises(Refused):
        decide(world, world.owner, mine.id, "accept")
    assert world.call(review.next_, world.owner, project).queue.held == 0
    answer(world, 1)
    decide(world, world.owner, take(world, world.owner, project).id, "accept")
    world.require_healthy()


@pytest.mark.parametrize("by", ["doubt", "disagreement", "annotator"])
def test_where_it_pays_most_comes_first_within_its_share(world: World, by: str):
    project = reviewed(world, tasks=4, overlap=2, which="worth", by=by, percent=50)
    for n in range(4):
        answer(world, 1)
        answer(world, 2, "spam" if n == 2 else "ham")
    seen = []
    while (found := world.call(review.next_, world.owner, project)).review is not None:
        seen.append(found.review.task_id.rpartition("-")[2])
        assert found.review.by == by and found.review.worth is not None  # the order explains itself
        apart = sorted(one.apart["spam"] for one in found.review.annotations)
        assert apart == ([0, 1] if seen[-1] == "3" else [0, 0])
        decide(world, world.owner, found.review.id, "accept")
    assert found.lack == "share" and len(seen) == 2
    assert by == "annotator" or seen[0] == "3"
    world.require_healthy()


def test_a_manager_sends_tasks_to_review_by_hand(world: World):
    project = reviewed(world, tasks=3, which="hand")
    for _ in range(2):
        answer(world, 1)
    act = wire.TaskAction(action="review", task_ids=[f"{project}-{n}" for n in (1, 3)])
    assert world.call(tasks.act, world.owner, project, act).changed == 1  # the third has no answer yet
    assert world.call(tasks.act, world.owner, project, act).changed == 0
    everything = wire.TaskAction(action="review", filter={"status": "done"})
    assert world.call(tasks.act, world.owner, project, everything).changed == 1
    assert take(world, world.owner, project).why == "hand"
    off = world.project(tasks=1)
    with pytest.raises(Refused) as caught:
        world.call(tasks.act, world.owner, off.id, everything)
    assert caught.value.rule == "review.off"
    assert world.call(review.next_, world.owner, off.id).lack == "off"


def test_a_filter_sends_every_finished_task_to_review_in_steps(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tasks, "STEP", 2)
    monkeypatch.setattr(tasks, "SEARCHED", 4)
    project = reviewed(world, tasks=12, which="hand")
    for _ in range(11):
        answer(world, 1)
    named = wire.TaskAction(action="review", task_ids=[f"{project}-2"])
    assert world.call(tasks.act, world.owner, project, named).changed == 1
    decide(world, world.owner, take(world, world.owner, project).id, "accept")
    sent, after = [], "0"
    while after is not None:
        step = wire.TaskAction(action="review", filter={"status": "done"}, after=after)
        report = world.call(tasks.act, world.owner, project, step)
        sent.append(report.changed)
        after = report.next
    assert sum(sent) == 10 and max(sent) == 2  # all but the one that was reviewed already
    assert world.call(review.next_, world.owner, project).queue.waiting == 9
    step = wire.TaskAction(action="prioritise", priority=5, filter={}, after="8")
    first = world.call(tasks.act, world.owner, project, step)
    rest = world.call(tasks.act, world.owner, project, msgspec.structs.replace(step, after=first.next))
    assert (first.changed, rest.changed) == (2, 2)
    world.require_healthy()


@pytest.mark.parametrize("shows", ["answers", "task"])
def test_blind_is_blind_wherever_a_reviewer_looks(world: World, shows: str):
    """Nothing that a reviewer can ask for says who gave which answer before the review is decided."""
    gold = GoldPolicy(per_mille=100)
    project = reviewed(world, tasks=2, overlap=2, shows=shows, gold=gold, order="random")
    rita, boss = reviewer(world, 3), world.owner
    for _ in range(2):
        given, _ = answer(world, 1, "ham"), answer(world, 2, "spam")
    world.call(work.flag, world.people[1], given, wire.Skip(reason="odd"))
    exported = world.call(exports.start, boss, project, wire.NewExport())
    assert world.call(quality.start, boss, project)
    quality.run(world.lane, project)

    def looks(actor: Actor) -> str:
        listed = world.read(tasks.list_full, actor, project).items
        found = [
            listed,
            [world.read(tasks.get, actor, one.task_id) for one in listed],
            world.read(projects.progress, actor, project),
            world.read(gold_verbs.overview, actor, project),
            world.read(quality.get, actor, project),
            world.read(quality.list_tasks, actor, project, order="hard"),
            world.call(review.next_, actor, project),
        ]
        return msgspec.json.encode(found).decode()

    told = looks(rita)
    assert not [word for word in ("P1", "P2", "mem-1", "mem-2", "ann-1", "ann-2") if word in told]
    assert ('"spam":"ham"' in told) == (shows == "answers")
    assert ('"chance":1.0' in told) == (shows == "answers"), "that answers differ is a word on them, too"
    refused = (
        (exports.start, project, wire.NewExport()),
        (exports.get, exported.id),
        (tasks.list_, project, None, None, None, "mem-1"),
        (gold_verbs.openings, project),
    )
    for verb, *args in refused:
        with pytest.raises(Refused) as caught:
            (world.call if verb is exports.start else world.read)(verb, rita, *args)
        assert caught.value.rule == "review.hidden"
    assert not allows(rita, "receipt.list", "org-a")
    assert all(word in looks(boss) for word in ("P1", "mem-2"))  # who runs the project knows
    mine = take(world, rita, project)
    done = decide(world, rita, mine.id, "fix", answers={"spam": "ham"})
    assert {one.name for one in done.annotations} == {"P1", "P2"}
    assert {one.name for one in world.read(tasks.get, rita, mine.task_id).annotations} == {"P1", "P2"}


def test_who_sends_back_is_not_told_names_before_the_second_review(world: World):
    project = reviewed(world)
    given, rita = answer(world, 1), reviewer(world, 3)
    mine = take(world, rita, project)
    done = decide(world, rita, mine.id, "return", comment="No.", assignment_ids=[given])
    assert [one.name for one in done.annotations] == [None]
    assert [one.name for one in world.read(tasks.get, rita, mine.task_id).annotations] == [None]


def test_an_appeal_upheld_restores_the_answer(world: World):
    project = reviewed(world)
    given = answer(world, 1, "ham")
    boss, other = reviewer(world, 3), reviewer(world, 2)
    mine = take(world, boss, project)
    decide(world, boss, mine.id, "fix", answers={"spam": "spam"}, comment="It sells.")
    (told,) = world.read(appeals.list_mine, world.people[1]).items
    assert (told.outcome, told.answers, told.may_appeal) == ("fixed", {"spam": "spam"}, True)
    open_ = world.call(appeals.appeal, world.people[1], given, wire.NewAppeal(text="It does not."))
    with pytest.raises(Refused):
        world.call(appeals.appeal, world.people[1], given, wire.NewAppeal(text="Again."))
    with pytest.raises(Missing):
        world.call(appeals.appeal, world.people[2], given, wire.NewAppeal(text="Not mine."))
    for who in (boss, world.owner):  # seen without looking for it
        assert world.read(projects.get, who, project).to_review == wire.ToReview(tasks=0, appeals=1)
    (mine_too,) = world.read(projects.list_, world.owner).items
    assert mine_too.to_review == wire.ToReview(tasks=0, appeals=1)
    hidden = world.read(appeals.list_appeals, boss, project, state="open").items[0]
    assert (hidden.may_decide, hidden.text) == (False, None)  # it is not the reviewer's to answer
    (listed,) = world.read(appeals.list_appeals, other, project, state="open").items
    assert (listed.text, listed.comment, listed.given, listed.stands, listed.may_decide) == (
        "It does not.",
        "It sells.",
        {"spam": "ham"},
        {"spam": "spam"},
        True,
    )
    assert listed.annotator is None  # names stay hidden until it is decided
    with pytest.raises(Refused):
        world.call(appeals.decide_appeal, boss, open_.id, wire.AppealDecision(decision="uphold"))
    with pytest.raises(Refused):
        world.read(appeals.list_appeals, world.people[1], project)
    with pytest.raises(Missing):
        world.call(appeals.decide_appeal, world.stranger, open_.id, wire.AppealDecision(decision="uphold"))
    done = world.call(
        appeals.decide_appeal, other, open_.id, wire.AppealDecision(decision="uphold", text="You are right.")
    )
    assert (done.state, done.annotator_name, done.answer) == ("upheld", "P1", "You are right.")
    texts = [
        world.read(appeals.list_appeals, who, project).items[0].text for who in (other, boss, world.owner)
    ]
    assert texts == ["It does not.", None, None]  # it is answered: nobody else has to read it
    (found,) = world.read(
        appeals.list_appeals, boss, project, state="decided"
    ).items  # but that it was, all see
    assert (found.state, found.judge, found.judge_name) == ("upheld", other.memberships[0].member, "P2")
    assert consensus(world, mine.task_id) == wire.Answer(value="ham", confidence=1.0, method="review")
    (told,) = world.read(appeals.list_mine, world.people[1]).items
    assert told.appeal is not None
    assert (told.appeal.state, told.appeal.answer, told.may_appeal) == ("upheld", "You are right.", False)
    assert world.read(projects.get, boss, project).to_review == wire.ToReview(tasks=0, appeals=0)
    world.require_healthy()


def test_an_appeal_rejected_says_why_and_changes_nothing(world: World):
    project = reviewed(world)
    given = answer(world, 1)
    with pytest.raises(Refused) as caught:
        world.call(appeals.appeal, world.people[1], given, wire.NewAppeal(text="?"))
    assert caught.value.rule == "appeal.none"
    mine = take(world, reviewer(world, 3), project)
    decide(world, reviewer(world, 3), mine.id, "return", comment="No.", assignment_ids=[given])
    open_ = world.call(appeals.appeal, world.people[1], given, wire.NewAppeal(text="Yes."))
    with pytest.raises(Invalid):
        world.call(appeals.decide_appeal, world.owner, open_.id, wire.AppealDecision(decision="reject"))
    done = world.call(
        appeals.decide_appeal, world.owner, open_.id, wire.AppealDecision(decision="reject", text="No.")
    )
    assert done.state == "rejected" and done.stands is None
    assert world.read(appeals.list_mine, world.people[1]).items[0].open
    assert world.read(appeals.list_appeals, world.owner, project, state="open").items == []
    world.submit(world.people[1], given, {"spam": "spam"}, revision=1)
    assert take(world, world.owner, project).why == "corrected"
    world.require_healthy()


def test_an_appeal_overtaken_by_another_review_restores_nothing(world: World):
    project = reviewed(world)
    given = answer(world, 1)
    boss = reviewer(world, 3)
    first = take(world, boss, project)
    decide(world, boss, first.id, "return", comment="No.", assignment_ids=[given])
    open_ = world.call(appeals.appeal, world.people[1], given, wire.NewAppeal(text="Yes."))
    world.submit(world.people[1], given, {"spam": "spam"}, revision=1)
    decide(world, world.owner, take(world, world.owner, project).id, "accept")
    world.call(appeals.decide_appeal, world.owner, open_.id, wire.AppealDecision(decision="uphold"))
    assert consensus(world, first.task_id).value == "spam"
    world.require_healthy()


def test_lists_page_and_refuse_what_they_do_not_know(world: World):
    project = reviewed(world, tasks=3)
    given = []
    for _ in range(3):
        given.append(answer(world, 1))
        world.ms += 1000
        mine = take(world, world.owner, project)
        decide(world, world.owner, mine.id, "fix", answers={"spam": "spam"})
        world.call(appeals.appeal, world.people[1], given[-1], wire.NewAppeal(text="?"))
    for verb, who in (
        (review.list_, (world.owner, project)),
        (appeals.list_mine, (world.people[1],)),
        (appeals.list_appeals, (world.owner, project)),
    ):
        page = world.read(verb, *who, limit=2)
        rest = world.read(verb, *who, limit=2, after=page.next)
        ids = [one.task_id for one in [*page.items, *rest.items]]
        assert len(ids) == len(set(ids)) == 3, verb
        with pytest.raises(Invalid):
            world.read(verb, *who, after="x")
    found = world.read(appeals.list_appeals, world.owner, project).items
    first, second, third = (one.id for one in found)
    about = str(next(iter(found[0].data.values())))
    for each in (second, first):
        world.ms += 1000
        world.call(
            appeals.decide_appeal, world.owner, each, wire.AppealDecision(decision="reject", text="No.")
        )

    def decided(**more: Any) -> tuple[list[str], str | None]:
        page = world.read(appeals.list_appeals, world.owner, project, **{"state": "decided"} | more)
        return [one.id for one in page.items], page.next

    assert decided() == ([first, second], None)
    (newest,), then = decided(limit=1)
    assert (newest, decided(limit=1, after=then)[0]) == (first, [second])
    assert decided(search="p1")[0] == decided(state="rejected")[0] == [first, second]
    assert decided(search=about.upper())[0] == [first] and decided(search="nobody")[0] == []
    assert decided(state="upheld")[0] == [] and decided(state="open")[0] == [third]
    with pytest.raises(Invalid):
        world.read(appeals.list_mine, world.people[1], outcome="good")
    with pytest.raises(Invalid):
        world.read(appeals.list_appeals, world.owner, project, state="new")


def test_a_policy_is_part_of_the_rules(world: World):
    project = world.project(tasks=1)
    assert project.document.review is None
    change = wire.ProjectChange(version=1, review=ReviewPolicy(which="share", percent=20))
    changed = world.call(projects.change, world.owner, project.id, change)
    assert changed.document.review.percent == 20
    same = world.call(projects.change, world.owner, project.id, wire.ProjectChange(version=2, name="Other"))
    assert same.document.review == changed.document.review
    off = world.call(projects.change, world.owner, project.id, wire.ProjectChange(version=3, review=None))
    assert off.document.review is None
    with pytest.raises(Invalid) as caught:
        wrong = wire.ProjectChange(version=4, review=ReviewPolicy(percent=0))
        world.call(projects.change, world.owner, project.id, wrong)
    assert caught.value.where == "review.percent"


def test_a_paused_project_gives_no_reviews_out(world: World):
    project = reviewed(world)
    answer(world, 1)
    world.call(projects.set_state, world.owner, project, wire.StateChange(state="paused"))
    assert world.call(review.next_, world.owner, project).review is None
    with pytest.raises(Missing):
        world.read(review.get, world.owner, "rev-none")
    with pytest.raises(Missing):
        world.call(appeals.decide_appeal, world.owner, "apl-none", wire.AppealDecision(decision="uphold"))
    assert world.read(work.history, world.people[1]).items
