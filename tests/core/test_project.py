"""Projects: documents that cannot be, and which questions are asked."""

from __future__ import annotations

import msgspec
import pytest

from evenhand import labels
from evenhand.core.errors import Invalid
from evenhand.core.project import (
    AdaptivePolicy,
    Document,
    Field,
    GoldPolicy,
    PayPolicy,
    QualificationPolicy,
    Question,
    ReviewPolicy,
    When,
    asked,
    check_document,
    condition_holds,
)


class Plain(labels.find("text")):  # type: ignore[misc]  # found by its entry point
    """Texts that all count alike, as those of a type that says nothing of weighing."""

    id = "plain/1"
    weighed_by = ""


TYPES = {**labels.all_types(), Plain.id: Plain}
CHOICE = Question(id="q", title="Q", type="choice/1", config={"choices": ["a", "b"]})
GOOD = Document(name="d", fields=(Field(name="text", type="text"),), questions=(CHOICE,))


def changed(**changes) -> Document:
    return msgspec.structs.replace(GOOD, **changes)


def test_policies_in_their_ranges_are_taken():
    check_document(
        changed(order="random", gold=GoldPolicy(), qualification=QualificationPolicy(), pay=PayPolicy()),
        TYPES,
    )


def test_a_good_document_binds_its_types():
    form = check_document(GOOD, TYPES)
    assert list(form.labels) == ["q"]
    assert form.shown == {"text"}


BAD = [
    (changed(name=" "), "name"),
    (changed(gold=GoldPolicy()), "order"),
    (changed(order="random", gold=GoldPolicy(per_mille=501)), "gold.per_mille"),
    (changed(qualification=QualificationPolicy(pass_mark=101)), "qualification.pass_mark"),
    (changed(review=ReviewPolicy(percent=0)), "review.percent"),
    (changed(pay=PayPolicy(currency="euro")), "pay.currency"),
    (changed(pay=PayPolicy(amount=-1)), "pay.amount"),
    (changed(overlap=0), "overlap"),
    (changed(overlap=101), "overlap"),
    (changed(lease_seconds=1), "lease_seconds"),
    (changed(prefetch=0), "prefetch"),
    (changed(questions=()), "questions"),
    (changed(fields=()), "fields"),
    (changed(instructions="x" * 200_001), "instructions"),
    (changed(fields=(Field(name="text", type="text"),) * 2), "fields[1].name"),
    (changed(fields=(Field(name="", type="text"),)), "fields[0].name"),
    (changed(fields=(Field(name="metadata", type="text"),)), "fields[0].name"),
    (changed(questions=(CHOICE, CHOICE)), "questions[1].id"),
    (changed(questions=(msgspec.structs.replace(CHOICE, type="no/1"),)), "questions[0].type"),
    (changed(questions=(msgspec.structs.replace(CHOICE, config={"choices": []}),)), "questions[0].choices"),
    (
        changed(questions=(msgspec.structs.replace(CHOICE, when=When(question="q", is_="a")),)),
        "questions[0].when.question",
    ),
    (changed(overlap=2, adaptive=AdaptivePolicy()), "overlap"),
    (changed(overlap=5, adaptive=AdaptivePolicy(least=6)), "adaptive.least"),
    (
        changed(
            overlap=5,
            adaptive=AdaptivePolicy(),
            questions=(Question(id="r", title="R", type="plain/1", config={}),),
        ),
        "adaptive",
    ),
    (
        changed(
            overlap=5,
            adaptive=AdaptivePolicy(least=4),
            questions=(Question(id="r", title="R", type="multi_choice/1", config={"choices": ["a", "b"]}),),
        ),
        "adaptive.least",
    ),
]


@pytest.mark.parametrize(("document", "where"), BAD, ids=[where for _, where in BAD])
def test_what_cannot_be_says_where(document, where):
    with pytest.raises(Invalid) as caught:
        check_document(document, TYPES)
    assert caught.value.where == where


def test_an_overlap_that_adapts_begins_with_the_least():
    adapting = changed(overlap=5, adaptive=AdaptivePolicy(least=3))
    assert check_document(adapting, TYPES).document.first_overlap == 3
    assert GOOD.first_overlap == GOOD.overlap == 1


def test_where_nothing_tells_when_to_stop_all_answers_are_asked_for_and_weighed():
    weighed = changed(
        overlap=3,
        adaptive=AdaptivePolicy(least=3),
        questions=(Question(id="r", title="R", type="multi_choice/1", config={"choices": ["a", "b"]}),),
    )
    assert check_document(weighed, TYPES).document.first_overlap == 3


def test_conditions():
    assert condition_holds(None, {})
    assert condition_holds(When(question="q", is_="a"), {"q": "a"})
    assert not condition_holds(When(question="q", is_="a"), {"q": "b"})
    assert condition_holds(When(question="q", includes="a"), {"q": ["a", "b"]})
    assert not condition_holds(When(question="q", includes="a"), {"q": "a"})
    assert condition_holds(When(question="q", answered=True), {"q": 0})
    assert condition_holds(When(question="q", answered=False), {})
    assert not condition_holds(When(question="q", answered=True), {})


def test_a_question_behind_one_that_is_not_asked_is_not_asked():
    chain = (
        CHOICE,
        Question(id="r", title="R", type="text/1", config={}, when=When(question="q", is_="a")),
        Question(id="s", title="S", type="text/1", config={}, when=When(question="r", answered=True)),
    )
    assert [q.id for q in asked(chain, {"q": "b", "r": "left over"})] == ["q"]
    assert [q.id for q in asked(chain, {"q": "a", "r": "x"})] == ["q", "r", "s"]
