"""Annotations from another tool, as the core sees them."""

from __future__ import annotations

import msgspec
import pytest

from evenhand.core.brought import BroughtView, after, bring
from evenhand.core.errors import Invalid
from evenhand.core.events import Moment
from evenhand.core.project import Document, Field, Form, Question
from evenhand.core.submission import TaskView
from evenhand.labels import all_types

NOW = Moment(ms=10_000)
OPEN = TaskView(status="open", free=2, leased=0, answered=0, overlap=2, round=1)
DOCUMENT = Document(
    name="N",
    fields=(Field(name="text", type="text"),),
    questions=(Question(id="q", title="q", type="choice/1", config={"choices": ["a", "b"]}),),
)


def view(task: TaskView) -> BroughtView:
    return BroughtView(
        assignment="asg-1",
        organization="org",
        project="prj",
        number=3,
        version=1,
        person="ann",
        member="mem",
        record=b'{"text": "x"}',
        mapping=b"{}",
        form=Form(DOCUMENT, all_types()),
        task=task,
    )


def test_an_annotation_counts_and_says_when_it_was_given() -> None:
    event = bring(view(OPEN), {"q": "a"}, 9_000, 1.23, NOW)
    assert (event.answers, event.given, event.ms, event.completes) == (b'{"q":"a"}', b"9000", 1200, False)
    assert event.stream == "ann" and not event.causes


def test_the_last_one_completes_and_more_are_taken_all_the_same() -> None:
    one = after(OPEN)
    assert (one.answered, one.status, one.free) == (1, "open", 1)
    assert bring(view(one), {"q": "a"}, 0, None, NOW).completes
    two = after(one)
    assert (two.answered, two.status, two.free) == (2, "done", 0)
    assert not bring(view(two), {"q": "b"}, 0, None, NOW).completes


@pytest.mark.parametrize(
    ("task", "answers", "given", "where"),
    [
        (msgspec.structs.replace(OPEN, status="gold"), {"q": "a"}, 1, "external_id"),
        (OPEN, {"q": "a"}, 10_001, "submitted_at"),
        (OPEN, {"q": "a"}, -1, "submitted_at"),
        (OPEN, {"q": "c"}, 1, "answers.q"),
    ],
)
def test_what_does_not_fit_is_refused(task: TaskView, answers: dict, given: int, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        bring(view(task), answers, given, None, NOW)
    assert refused.value.where == where
