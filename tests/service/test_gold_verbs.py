"""Gold and qualification on both stores: set apart, drawn, recorded, acted on, opened."""

from __future__ import annotations

import base64

import pytest
from world import CHOICE, World

from evenhand import wire
from evenhand.core import canonical
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.policy import Actor
from evenhand.core.project import GoldPolicy, QualificationPolicy
from evenhand.service import exports, gold, projects, qualification, tasks, work
from evenhand.store.conformance import ORIGIN


def policy(**changes) -> GoldPolicy:
    return GoldPolicy(**{"per_mille": 500, "block": 5, "floor": 60, "evidence": 3, **changes})


def started(world: World, ordinary: int = 30, known: int = 10, **rules) -> wire.Project:
    """A project of messages whose right answer is ham, the last of them imported as gold."""
    project = world.project(order="random", **{"gold": policy(), **rules})
    world.bring_in(project.id, [{"text": f"message {n}"} for n in range(ordinary)])
    world.bring_in(
        project.id, [{"text": f"known {n}", "gold_answers": {"spam": "ham"}} for n in range(known)]
    )
    return project


def works(
    world: World, who: Actor, project: str, answer: str, most: int = 1000
) -> tuple[list[str], str | None]:
    """Texts that this annotator was given, all answered in the same way, and why it ended."""
    texts: list[str] = []
    while len(texts) < most:
        got = world.next(who, project_id=project)
        if not got.assignments:
            return texts, got.waiting
        texts.append(got.assignments[0].data["text"])
        world.submit(who, got.assignments[0].id, {"spam": answer})
    return texts, None


def overview(world: World, project: str) -> dict[str, wire.GoldAnnotator]:
    return {a.member_id: a for a in world.read(gold.overview, world.owner, project).annotators}


def test_gold_stands_apart_and_is_given_once_to_each(world: World):
    project = started(world, overlap=2)
    assert world.counts(project.id).tasks == 30
    _, a, b, _ = world.people
    for who in (a, b):
        texts, why = works(world, who, project.id, "ham")
        hidden = [t for t in texts if t.startswith("known")]
        assert why == "nothing-left" and len(texts) == len(set(texts))
        assert len(texts) == 30 + len(hidden) and 3 <= len(hidden) <= 10
        assert not texts[-1].startswith("known")  # the last is an ordinary one: gold only comes in its place
    counts = world.counts(project.id)
    assert (counts.done, counts.tasks) == (30, 30)
    world.require_healthy()


def test_whoever_sees_the_gold_is_not_tested_by_it(world: World):
    project = started(world)
    texts, _ = works(world, world.owner, project.id, "ham")
    assert len(texts) == 30 and not any(t.startswith("known") for t in texts)


def test_a_gold_task_is_used_only_so_often(world: World):
    project = started(world, ordinary=40, known=3, overlap=3, gold=policy(reuse=2))
    seen = [t for who in world.people[1:] for t in works(world, who, project.id, "ham")[0]]
    uses = [seen.count(f"known {n}") for n in range(3)]
    assert max(uses) == 2 and sum(uses) >= 5


def test_who_fails_gold_is_suspended_and_told_and_may_come_back(world: World):
    project = started(world, ordinary=60)
    bad = world.people[1]
    texts, why = works(world, bad, project.id, "spam")
    assert why == "suspended" and len(texts) % 5 == 0  # at the end of a block, never at a gold answer
    (own,) = world.read(gold.mine, bad).items
    assert own.state == "suspended" and own.right == 0 and own.answered >= 3 and "at least 60%" in own.reason
    assert overview(world, project.id)["mem-1"].state == "suspended"
    world.call(gold.change_standing, world.owner, project.id, "mem-1", wire.StandingChange(state="active"))
    again, why = works(world, bad, project.id, "spam")
    assert why == "suspended" and again  # the count began anew
    world.require_healthy()


def test_agreement_elsewhere_is_of_what_gold_knows_whatever_else_is_asked(world: World):
    """Nobody agrees with anybody in a free text: it says nothing of who has got hold of the gold."""
    words = {"name": "why", "type": "text", "required": False}
    project = started(world, ordinary=6, known=3, overlap=3, questions=[CHOICE, words], gold=policy(floor=0))
    for i in (1, 2, 3):
        while got := world.next(world.people[i], project_id=project.id, count=1).assignments:
            answers = {"spam": "spam" if i == 3 else "ham", "why": f"{i} says so"}
            world.submit(world.people[i], got[0].id, answers)
    found = overview(world, project.id)
    shares = [(found[f"mem-{i}"].agreed, found[f"mem-{i}"].shared) for i in (1, 2, 3)]
    assert shares == [(6, 6), (6, 6), (0, 6)]
    assert world.read(gold.overview, world.owner, world.project(tasks=1).id).compared == 0


def test_a_suspension_by_hand_has_its_reason(world: World):
    project = started(world)
    change = wire.StandingChange(state="suspended", reason="Please read the rules again.")
    world.call(gold.change_standing, world.owner, project.id, "mem-2", change)
    assert world.next(world.people[2], project_id=project.id).waiting == "suspended"
    assert world.next(world.people[2]).waiting == "suspended"
    assert world.read(gold.mine, world.people[2]).items[0].reason == change.reason
    for member, error in (("mem-900", Missing), ("nobody", Missing)):
        with pytest.raises(error):
            world.call(gold.change_standing, world.owner, project.id, member, change)
    with pytest.raises(Refused):
        world.call(gold.change_standing, world.people[1], project.id, "mem-2", change)
    with pytest.raises(Refused):
        world.call(gold.change_standing, world.owner, world.project().id, "mem-2", change)
    with pytest.raises(Invalid):
        long = wire.StandingChange(state="active", reason="x" * 2001)
        world.call(gold.change_standing, world.owner, project.id, "mem-2", long)


def test_bad_gold_finds_itself(world: World):
    project = world.project(order="random", overlap=1, gold=policy(floor=0))
    world.bring_in(project.id, [{"text": f"message {n}"} for n in range(400)])
    world.bring_in(project.id, [{"text": f"known {n}", "gold_answers": "ham"} for n in range(9)])
    world.bring_in(project.id, [{"text": "wrong", "gold_answers": "spam"}])
    for who in world.people[1:]:
        works(world, who, project.id, "ham", most=60)
    listed = world.read(gold.list_, world.owner, project.id).items
    assert [t.summary for t in listed if t.suspect is not None] == ["wrong"]
    assert all(t.right == t.answered for t in listed if t.summary != "wrong")


def test_tasks_are_marked_in_bulk_and_brought_back(world: World):
    project = world.project(tasks=6, order="random", gold=policy())
    works(world, world.owner, project.id, "spam", most=2)
    done = [t.task_id for t in world.read(tasks.list_, world.owner, project.id, status="done").items]
    still = next(t.task_id for t in world.read(tasks.list_, world.owner, project.id, status="open").items)
    by_consensus = wire.GoldMarks(use="gold", tasks=[wire.GoldDraft(task_id=t) for t in done])
    assert world.call(gold.mark, world.owner, project.id, by_consensus).changed == 2
    by_hand = wire.GoldMarks(use="gold", tasks=[wire.GoldDraft(task_id=still, answers={"spam": "ham"})])
    assert world.call(gold.mark, world.owner, project.id, by_hand).changed == 1
    assert world.counts(project.id).tasks == 3 and world.counts(project.id).done == 0
    known = {t.task_id: t.answers for t in world.read(gold.list_, world.owner, project.id, use="gold").items}
    assert known == {**{key: {"spam": "spam"} for key in done}, still: {"spam": "ham"}}
    assert world.read(tasks.get, world.owner, still).status == "gold"
    listed = world.read(tasks.list_, world.owner, project.id, status="gold")
    assert len(listed.items) == 3 and listed.total is None
    back = wire.GoldMarks(use="none", tasks=[wire.GoldDraft(task_id=t) for t in [*done, still]])
    assert world.call(gold.mark, world.owner, project.id, back).changed == 3
    assert world.call(gold.mark, world.owner, project.id, back).changed == 0
    assert world.counts(project.id).tasks == 6 and world.counts(project.id).done == 2
    world.require_healthy()


def test_what_cannot_be_gold_says_why(world: World):
    project = world.project(tasks=2, order="random", gold=policy())
    first = f"{project.id}-1"

    def refused(task: str, kind: type[Exception], **draft) -> str:
        marks = wire.GoldMarks(use="gold", tasks=[wire.GoldDraft(task_id=task, **draft)])
        with pytest.raises(kind) as caught:
            world.call(gold.mark, world.owner, project.id, marks)
        return caught.value.rule

    assert refused(first, Invalid) == "gold.no-consensus"
    assert refused(first, Invalid, answers={"spam": "eggs"}) == "answer.unknown-choice"
    assert refused(first, Invalid, answers={}) == "gold.answers"
    assert refused(first, Invalid, answers={"spam": "ham"}, feedback="x" * 5001) == "gold.feedback"
    assert refused(f"{project.id}-9", Missing, answers={"spam": "ham"}) == "not-found"
    assert refused("prj-other-1", Missing, answers={"spam": "ham"}) == "not-found"
    action = wire.TaskAction(action="withdraw", task_ids=[first])
    world.call(tasks.act, world.owner, project.id, action)
    assert refused(first, Refused, answers={"spam": "ham"}) == "task.withdrawn"
    with pytest.raises(Invalid):
        world.read(gold.list_, world.owner, project.id, use="silver")
    with pytest.raises(Invalid):
        world.read(gold.list_, world.owner, project.id, after="x")


def test_gold_keeps_its_data_and_its_place(world: World):
    project = started(world, ordinary=2, known=1)
    one = world.read(gold.list_, world.owner, project.id).items[0].task_id
    with pytest.raises(Refused) as caught:
        world.call(tasks.correct, world.owner, one, wire.TaskCorrection(data={"text": "x"}))
    assert caught.value.rule == "task.apart"
    withdraw = wire.TaskAction(action="withdraw", task_ids=[one])
    assert world.call(tasks.act, world.owner, project.id, withdraw).changed == 0
    row = world.read(projects.get, world.owner, project.id)
    world.call(projects.change, world.owner, project.id, wire.ProjectChange(version=row.version, overlap=3))
    assert world.read(tasks.get, world.owner, one).status == "gold"
    world.require_healthy()


def test_right_answers_that_do_not_fit_are_rejected_at_import(world: World):
    project = world.project(order="random", gold=policy())
    report = world.bring_in(
        project.id,
        [
            {"text": "a", "gold_answers": {"spam": "eggs"}},
            {"text": "b", "gold_answers": "ham"},
            {"text": "c", "gold_answers": ""},
            {"text": "d", "right": "spam"},
        ],
        mapping={"right": "gold_answers"},
    )
    assert report.accepted == 3 and report.rejected[0].path == "gold_answers.spam"
    known = {t.summary: t.answers["spam"] for t in world.read(gold.list_, world.owner, project.id).items}
    assert known == {"b": "ham", "d": "spam"}
    assert world.counts(project.id).tasks == 1


def test_the_order_must_not_tell(world: World):
    with pytest.raises(Invalid) as caught:
        world.project(gold=policy())
    assert caught.value.rule == "project.gold-order"
    for changes in ({"per_mille": 0}, {"floor": 101}, {"block": 0}):
        with pytest.raises(Invalid):
            world.project(order="random", gold=policy(**changes))
    with pytest.raises(Invalid):
        world.project(qualification=QualificationPolicy(tries=0))


def test_a_policy_is_switched_off_again(world: World):
    project = world.project(order="random", gold=policy())
    kept = world.call(
        projects.change, world.owner, project.id, wire.ProjectChange(version=1, instructions="x")
    )
    assert kept.document.gold == policy()
    off = world.call(projects.change, world.owner, project.id, wire.ProjectChange(version=2, gold=None))
    assert off.document.gold is None


def test_the_marks_open_to_what_the_log_committed(world: World):
    project = started(world, known=3)
    (opened,) = world.read(gold.openings, world.owner, project.id).items
    rows = [(base64.b64decode(salt), value.encode()) for salt, value in opened.rows]
    with world.reading() as reader:
        entries = [
            canonical.decode_entry(entry)
            for _, entry, _, _ in reader.tuples("events_after", seq=0, limit=500)
        ]
    (entry,) = [e for e in entries if (e.stream, e.n) == (opened.stream, opened.n)]
    assert entry.kind == "gold-marked" and entry.public == {"use": "gold", "count": 3}
    root = canonical.b64url(canonical.bulk_root(ORIGIN, "gold-marked", rows))
    assert entry.commitments["rows"] == root
    with pytest.raises(Refused):
        world.read(gold.openings, world.people[1], project.id)


def test_what_annotators_are_told_does_not_tell(world: World):
    project = started(world, ordinary=20, known=10)
    a = world.people[1]
    kinds: dict[str, set[tuple[int, int]]] = {"known": set(), "message": set()}
    before = world.read(work.list_work, a).items[0]
    for _ in range(15):
        given = world.next(a, project_id=project.id).assignments[0]
        assert len(given.task_id) == len(project.id) + 33 and given.task_id.startswith(project.id)
        receipt = world.submit(a, given.id, {"spam": "ham"})
        now = world.read(work.list_work, a).items[0]
        step = (now.done - before.done, now.mine - before.mine)
        kinds[given.data["text"].split()[0]].add((*step, receipt.receipt.entry.count(b'"surplus":0')))
        before = now
    assert kinds["known"] == kinds["message"] == {(1, 1, 1)}
    assert given.task_id in {h.task_id for h in world.read(work.history, a).items}


def test_a_late_gold_answer_counts_as_a_late_ordinary_one(world: World):
    project = started(world, ordinary=20, known=10)
    a = world.people[1]
    while not (given := world.next(a, project_id=project.id).assignments[0]).data["text"].startswith("known"):
        world.submit(a, given.id, {"spam": "ham"})
    world.ms += 3_600_000
    assert world.submit(a, given.id, {"spam": "ham"}).state == "submitted"
    while not (given := world.next(a, project_id=project.id).assignments[0]).data["text"].startswith("known"):
        world.submit(a, given.id, {"spam": "ham"})
    world.ms += 3_600_000
    again = world.next(a, project_id=project.id).assignments[0]
    assert again.data == given.data  # it comes back, as an ordinary one does
    world.require_healthy()


def test_gold_is_no_label_in_an_export(world: World):
    project = started(world, ordinary=10, known=4, overlap=1)
    works(world, world.people[1], project.id, "spam")
    with world.reading() as reader:
        released = list(exports.rows(reader, "org-a", project.id))
    known = [t for t in released if b"known" in bytes(t.data)]
    assert known and not any(b"gold" in bytes(t.data) for t in released)
    for task in known:
        values = {bytes(answer.value) for answer in task.consensus.values()}
        assert values <= {b'"spam"'}  # what annotators said; the right answer, ham, is nowhere


# ---- qualification -----------------------------------------------------------------------------


def examined(world: World, **rules) -> wire.Project:
    project = world.project(
        tasks=5, qualification=QualificationPolicy(tasks=4, pass_mark=75, tries=2), **rules
    )
    records = [
        {"text": f"test {n}", "gold_answers": "ham", "gold_feedback": f"It is ham, {n}."} for n in range(6)
    ]
    world.bring_in(project.id, records)
    return project


def take(world: World, who: Actor, project: str, answers: list[str]) -> list[wire.TestFeedback]:
    state = world.call(qualification.begin, who, project)
    told = []
    for answer in answers:
        assert state.next is not None
        request = wire.TestAnswer(task_id=state.next.task_id, answers={"spam": answer})
        told.append(world.call(qualification.answer, who, project, request))
        state = told[-1].qualification
    return told


def test_real_work_comes_after_the_qualification(world: World):
    project = examined(world)
    a = world.people[1]
    assert world.next(a, project_id=project.id).waiting == "qualification"
    state = world.read(qualification.get, a, project.id)
    assert (state.needed, state.tasks, state.tries_left, state.next) == (True, 4, 2, None)
    told = take(world, a, project.id, ["ham", "spam", "ham", "ham"])
    assert [f.right for f in told] == [True, False, True, True]
    assert told[1].answers == {"spam": "ham"} and told[1].feedback.startswith("It is ham")
    assert told[-1].qualification.passed and not told[-1].qualification.needed
    texts, _ = works(world, a, project.id, "ham")
    assert len(texts) == 5
    with pytest.raises(Refused):
        world.call(qualification.begin, a, project.id)
    assert overview(world, project.id)["mem-1"].qualified
    world.require_healthy()


def test_a_second_try_shows_other_tasks_first_and_there_is_no_third(world: World):
    project = examined(world)
    a = world.people[1]
    seen = []
    for left in (1, 0):
        state = world.call(qualification.begin, a, project.id)
        assert state.tries_left == left
        told = []
        for _ in range(4):
            told.append(state.next.data["text"])
            request = wire.TestAnswer(task_id=state.next.task_id, answers={"spam": "spam"})
            state = world.call(qualification.answer, a, project.id, request).qualification
        seen.append(told)
    assert len(set(seen[0] + seen[1])) == 6
    with pytest.raises(Refused) as caught:
        world.call(qualification.begin, a, project.id)
    assert caught.value.rule == "qualification.tries"
    assert world.next(a, project_id=project.id).waiting == "qualification"
    assert overview(world, project.id)["mem-1"].tries == 2


def test_a_try_goes_on_where_it_was_left(world: World):
    project = examined(world)
    a = world.people[1]
    take(world, a, project.id, ["ham"])
    state = world.call(qualification.begin, a, project.id)
    assert (state.answered, state.right, state.tries_left) == (1, 1, 1)
    wrong = wire.TestAnswer(task_id=f"{project.id}-1", answers={"spam": "ham"})
    with pytest.raises(Refused) as caught:
        world.call(qualification.answer, a, project.id, wrong)
    assert caught.value.rule == "qualification.task"
    with pytest.raises(Invalid):
        bad = wire.TestAnswer(task_id=state.next.task_id, answers={"spam": "eggs"})
        world.call(qualification.answer, a, project.id, bad)


def test_a_qualification_that_is_not_there(world: World):
    a = world.people[1]
    plain = world.project(tasks=1)
    assert not world.read(qualification.get, a, plain.id).needed
    with pytest.raises(Refused) as caught:
        world.call(qualification.begin, a, plain.id)
    assert caught.value.rule == "qualification.off"
    empty = world.project(tasks=1, qualification=QualificationPolicy())
    with pytest.raises(Refused) as caught:
        world.call(qualification.begin, a, empty.id)
    assert caught.value.rule == "qualification.empty"
    request = wire.TestAnswer(task_id=f"{empty.id}-1", answers={})
    with pytest.raises(Refused) as caught:
        world.call(qualification.answer, a, empty.id, request)
    assert caught.value.rule == "qualification.none"


def test_a_task_that_left_the_qualification_is_told(world: World):
    project = examined(world)
    a = world.people[1]
    take(world, a, project.id, [])
    listed = world.read(gold.list_, world.owner, project.id, use="qualification").items
    back = wire.GoldMarks(use="none", tasks=[wire.GoldDraft(task_id=t.task_id) for t in listed])
    world.call(gold.mark, world.owner, project.id, back)
    with pytest.raises(Missing):
        world.read(qualification.get, a, project.id)


def test_multi_question_gold_names_its_questions(world: World):
    project = world.project(order="random", questions=[CHOICE, {**CHOICE, "name": "other"}], gold=policy())
    report = world.bring_in(project.id, [{"text": "a", "gold_answers": "ham"}])
    assert report.rejected[0].path == "gold_answers"
    assert world.bring_in(project.id, [{"text": "b", "gold_answers": {"other": "ham"}}]).accepted == 1
