"""A try at a qualification: which tasks, when it ends, what it comes to."""

from __future__ import annotations

import msgspec
import pytest

from evenhand.core import qualification
from evenhand.core.errors import Refused
from evenhand.core.events import TestEnded
from evenhand.core.project import QualificationPolicy
from evenhand.core.qualification import Candidacy, Test

POLICY = QualificationPolicy(tasks=4, pass_mark=75, tries=2)


def candidacy(*tests: Test, qualified: bool = False) -> Candidacy:
    return Candidacy(organization="o", project="p", person="x", member="m", qualified=qualified, tests=tests)


def attempt(answered: int, right: int = 0, number: int = 1) -> Test:
    return Test(attempt=number, tasks=(1, 2, 3, 4), answered=answered, right=right)


def test_a_try_shows_what_earlier_ones_did_not():
    event = qualification.begin(POLICY, candidacy(attempt(4)), range(1, 8), b"s" * 32)
    shown = msgspec.json.decode(event.tasks)
    assert event.attempt == 2 and set(shown[:3]) == {5, 6, 7} and len(shown) == 4
    other = qualification.begin(POLICY, candidacy(), range(1, 8), b"t" * 32)
    assert msgspec.json.decode(other.tasks) != shown


@pytest.mark.parametrize(
    ("view", "stock", "rule"),
    [
        (candidacy(qualified=True), [1], "qualification.running"),
        (candidacy(attempt(2)), [1], "qualification.running"),
        (candidacy(attempt(4), attempt(4, number=2)), [1], "qualification.tries"),
        (candidacy(), [], "qualification.empty"),
    ],
)
def test_a_try_that_cannot_begin(view, stock, rule):
    with pytest.raises(Refused) as caught:
        qualification.begin(POLICY, view, stock, b"s" * 32)
    assert caught.value.rule == rule


@pytest.mark.parametrize(("right", "last", "passed"), [(2, True, 1), (2, False, 0), (3, False, 1)])
def test_the_last_answer_ends_the_try(right, last, passed):
    test = attempt(3, right)
    first, ended = qualification.answer(POLICY, candidacy(test), test, {"q": "a"}, last)
    assert isinstance(ended, TestEnded) and (ended.answered, ended.right) == (4, right + last)
    assert ended.passed == passed and first.right == int(last)


def test_an_answer_before_the_last_is_one_event():
    test = attempt(1, 1)
    assert candidacy(test).running == test
    (event,) = qualification.answer(POLICY, candidacy(test), test, {}, True)
    assert event.task == b"2"
