"""Submission: what counts, what is surplus, what is refused."""

from __future__ import annotations

import msgspec
import pytest

from evenhand import labels
from evenhand.core.canonical import NO_RECORD
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Place, Said
from evenhand.core.project import Document, Field, Form, PayPolicy, Question, When
from evenhand.core.submission import (
    SubmissionView,
    TaskView,
    accept,
    after,
    as_said,
    check_answers,
    flag,
    skip,
    takes_slot,
)


def form(**changes) -> Form:
    questions = (
        Question(id="spam", title="Spam?", type="choice/1", config={"choices": ["ham", "spam"]}),
        Question(
            id="why",
            title="Why?",
            type="text/1",
            config={"max_length": 1_000_000},
            required=False,
            when=When(question="spam", is_="spam"),
        ),
    )
    document = Document(name="d", fields=(Field(name="text", type="text"),), questions=questions, **changes)
    return Form(document, labels.all_types())


@pytest.mark.parametrize(
    ("had", "signed", "ms"),
    [(None, False, 9000), (9000, True, 9000), (4_321, False, 4300), (-5, False, 0), (4_000, True, 9000)],
)
def test_time_is_told_within_the_time_that_there_was(had: int | None, signed: bool, ms: int):
    assert accept(view(had_ms=had), {"spam": "ham"}, 9, None, signed).ms == ms


def test_signed_time_beyond_it_is_refused():
    with pytest.raises(Invalid, match="2 seconds, and signed 60"):
        accept(view(had_ms=2_000), {"spam": "ham"}, 60, None, True)


def test_all_revisions_together_are_credited_the_most_of_one_answer():
    paid = form(pay=PayPolicy(amount=100, most_seconds=10))
    events = [accept(view(form=paid, spent=spent), {"spam": "ham"}, 6, None) for spent in (0, 6_000, 10_000)]
    assert [(event.credited, event.spent) for event in events] == [(6000, 6000), (4000, 10000), (0, 10000)]


def task(**changes) -> TaskView:
    return msgspec.structs.replace(
        TaskView(status="open", free=0, leased=1, answered=0, overlap=1, round=1), **changes
    )


def view(**changes) -> SubmissionView:
    base = SubmissionView(
        assignment="asg-1",
        organization="org-a",
        project="prj-a",
        number=7,
        round=1,
        person="ann-a",
        member="mem-a",
        window=Place("pool-a", 3),
        state="live",
        revision=0,
        record=b'{"text": "hello"}',
        mapping=b"{}",
        form=form(),
        task=task(),
    )
    return msgspec.structs.replace(base, **changes)


def test_an_answer_in_time_takes_its_slot():
    event = accept(view(), {"spam": "ham"}, 1.26, None)
    assert event.answers == b'{"spam":"ham"}'
    assert (event.revision, event.surplus, event.ms, event.completes) == (1, 0, 1300, True)
    assert event.stream == "ann-a"
    assert event.causes == (Place("pool-a", 3),)


def test_one_of_two_answers_does_not_complete():
    assert not accept(view(task=task(overlap=2)), {"spam": "ham"}, None, None).completes
    assert accept(view(task=task(overlap=2, answered=1)), {"spam": "ham"}, None, None).completes


def test_a_late_answer_takes_a_free_slot_else_it_is_surplus():
    assert accept(view(state="lapsed", task=task(free=1, leased=0)), {"spam": "ham"}, None, None).surplus == 0
    late = accept(view(state="lapsed", task=task(free=0, leased=1)), {"spam": "ham"}, None, None)
    assert (late.surplus, late.completes) == (1, False)


@pytest.mark.parametrize("changes", [{"status": "withdrawn"}, {"round": 2}])
def test_answers_to_withdrawn_or_changed_tasks_are_surplus(changes):
    assert not takes_slot(view(task=task(**changes)))


@pytest.mark.parametrize("state", ["recalled", "skipped"])
def test_closed_assignments_take_no_answer(state):
    with pytest.raises(Refused, match=r"This assignment"):
        accept(view(state=state), {"spam": "ham"}, None, None)


def test_a_correction_names_the_revision_in_force():
    done = view(state="submitted", revision=2, task=task(status="done", answered=1, leased=0))
    event = accept(done, {"spam": "spam"}, None, 2)
    assert (event.revision, event.surplus, event.completes) == (3, 0, False)
    with pytest.raises(Refused) as caught:
        accept(done, {"spam": "spam"}, None, 1)
    assert caught.value.rule == "assignment.revision"
    assert accept(msgspec.structs.replace(done, state="surplus"), {"spam": "ham"}, None, 2).surplus == 1


def test_counts_after():
    before = task(overlap=2, free=1)
    event = accept(view(task=before), {"spam": "ham"}, None, None)
    once = after(before, event)
    assert once == task(overlap=2, free=1, leased=0, answered=1)
    lapsed = accept(view(state="lapsed", task=once), {"spam": "ham"}, None, None)
    assert after(once, lapsed) == task(status="done", overlap=2, free=0, leased=0, answered=2)
    correction = accept(view(state="submitted", revision=1), {"spam": "ham"}, None, 1)
    assert after(before, correction) == before
    withdrawn = task(status="done", overlap=1)
    assert after(withdrawn, event).free == 0


def test_answers_are_checked_question_by_question():
    data = {"text": "hello"}
    assert check_answers(form(), {"spam": "spam", "why": "links"}, data) == {"spam": "spam", "why": "links"}
    assert check_answers(form(), {"spam": "ham", "why": "not asked"}, data) == {"spam": "ham"}
    with pytest.raises(Invalid) as caught:
        check_answers(form(), {"spam": "eggs"}, data)
    assert caught.value.where == "answers.spam"
    with pytest.raises(Invalid) as caught:
        check_answers(form(), {}, data)
    assert (caught.value.rule, caught.value.where) == ("answer.required", "answers.spam")
    with pytest.raises(Invalid) as caught:
        check_answers(form(), {"spam": "ham", "eggs": 1}, data)
    assert (caught.value.rule, caught.value.where) == ("answer.question", "answers.eggs")


@pytest.mark.parametrize("seconds", [-1, 10**9, float("inf"), float("nan")])
def test_impossible_times_are_refused(seconds):
    with pytest.raises(Invalid, match="Active time"):
        accept(view(), {"spam": "ham"}, seconds, None)


def test_answers_have_a_limit():
    with pytest.raises(Invalid, match="bytes"):
        accept(view(), {"spam": "spam", "why": "😀" * 300_000}, None, None)


def test_skip_and_flag():
    event = skip(view(), "cannot read")
    assert (event.reason, event.was) == (b"cannot read", "live")
    assert flag(view(), "odd").reason == b"odd"
    with pytest.raises(Refused, match="does not allow"):
        skip(view(form=form(skip=False)), "")
    with pytest.raises(Refused, match="over"):
        skip(view(state="submitted"), "")
    with pytest.raises(Invalid, match="2000"):
        flag(view(), "x" * 2001)
    with pytest.raises(Invalid, match="half a character"):
        flag(view(), "\ud800")


def test_a_late_answer_to_gold_counts_as_one_in_time():
    late = view(state="lapsed", task=task(status="gold"))
    assert takes_slot(late) and accept(late, {"spam": "ham"}, None, None).surplus == 0


def test_an_answer_is_credited_by_the_rate_that_the_annotator_saw():
    paid = view(form=form(pay=PayPolicy(amount=1200, most_seconds=20)))
    event = accept(paid, {"spam": "ham"}, 31, None)
    assert (event.rate, event.credited, event.ms) == ("EUR:hour:1200", 20_000, 31_000)
    assert accept(view(), {"spam": "ham"}, 31, None).rate == ""


def test_a_lapsed_assignment_whose_task_came_again_takes_nothing():
    late = view(state="lapsed", again="asg-2")
    for act in (lambda: accept(late, {"spam": "ham"}, None, None), lambda: skip(late, "")):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.rule == "assignment.again"


def test_nobody_answers_what_was_erased():
    with pytest.raises(Refused, match="erased"):
        accept(view(record=NO_RECORD), {}, 1, None)


@pytest.mark.parametrize("value", [b'{"spam":"ham"}', b'{ "spam": "ham" }'])
def test_an_actor_s_own_bytes_are_kept_and_counted_in_stored_form(value):
    event = accept(view(), {"spam": "ham"}, 1, None)
    said = Said(key="k", statement="s", signature="g")
    told = as_said(event, said, value)
    assert (told.said, told.answers, told.stored) == (said, value, event.answers)
