"""Gold: what is drawn for whom, what counts say, and a veil over numbers."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import labels
from evenhand.core import gold
from evenhand.core.errors import Invalid
from evenhand.core.events import Place
from evenhand.core.gold import Asking, Hidden, Mark, Record, ScoreView
from evenhand.core.project import Document as Rules
from evenhand.core.project import Field, Form, GoldPolicy, Question, check_document

ALWAYS = GoldPolicy(per_mille=1000)


def form(*names: str) -> Form:
    kind = labels.find("choice")
    config = kind.configure({"choices": ["ham", "spam"]}, {}).config()
    questions = tuple(Question(id=name, title=name, type=kind.id, config=config) for name in names)
    rules = Rules(name="n", fields=(Field(name="text", type="text"),), questions=questions)
    return check_document(rules, labels.all_types())


def secrets(n: int) -> bytes:
    return random.Random(n).randbytes(32)


# ---- known answers -----------------------------------------------------------------------------


def test_known_answers_are_by_question_or_bare_where_there_is_one():
    assert gold.known_answers(form("q"), "ham", {}) == {"q": "ham"}
    assert gold.known_answers(form("q"), {"q": "ham"}, {}) == {"q": "ham"}
    assert gold.known_answers(form("q", "r"), {"r": "spam"}, {}) == {"r": "spam"}


@pytest.mark.parametrize(
    ("raw", "where"), [("eggs", "q"), ({"q": "eggs"}, "q"), ({}, ""), ({"z": "ham"}, "q")]
)
def test_known_answers_that_do_not_fit(raw, where):
    with pytest.raises(Invalid) as caught:
        gold.known_answers(form("q"), raw, {})
    assert caught.value.where == where


def test_known_answers_of_several_questions_are_named():
    with pytest.raises(Invalid) as caught:
        gold.known_answers(form("q", "r"), "ham", {})
    assert caught.value.rule == "gold.answers"


def test_right_is_every_known_answer_met():
    two = form("q", "r")
    assert gold.is_right(two, {"q": "ham"}, {"q": "ham", "r": "spam"}, 0)
    assert not gold.is_right(two, {"q": "ham", "r": "ham"}, {"q": "ham", "r": "spam"}, 0)
    assert not gold.is_right(two, {"q": "ham"}, {}, 0)
    assert gold.is_right(two, {"gone": "ham"}, {}, 0)


def test_the_tolerance_is_of_the_types_distance():
    kind = labels.find("number")
    config = kind.configure({"min": 0, "max": 100}, {}).config()
    rules = Rules(
        name="n",
        fields=(Field(name="text", type="text"),),
        questions=(Question(id="q", title="q", type=kind.id, config=config),),
    )
    numbers = check_document(rules, labels.all_types())
    distance = numbers.labels["q"].distance(50, 55)
    assert 0 < distance < 1
    assert not gold.is_right(numbers, {"q": 50}, {"q": 55}, 0)
    assert gold.is_right(numbers, {"q": 50}, {"q": 55}, round(100 * distance) + 1)


def test_answers_that_an_older_question_took_judge_nobody():
    kind = labels.find("number")
    config = kind.configure({"min": 0, "max": 100}, {}).config()
    question = Question(id="q", title="q", type=kind.id, config=config)
    rules = Rules(name="n", fields=(Field(name="text", type="text"),), questions=(question,))
    narrowed = check_document(rules, labels.all_types())
    assert gold.is_right(narrowed, {"q": 500}, {"q": 50}, 0)
    assert not gold.is_right(narrowed, {"q": 50}, {"q": 500}, 0)
    assert gold.elsewhere(narrowed, [{"q": 500}, {"q": 50}]) == {"q": 50}
    assert gold.elsewhere(narrowed, [{"q": 500}]) == {}


def test_a_long_feedback_is_refused():
    with pytest.raises(Invalid):
        gold.marked("o", "p", "gold", [Mark(n=1, status="open", feedback="x" * 5001)])


def test_marks_go_in_events_of_a_thousand():
    marks = [Mark(n=n, status="open", answers={"q": "ham"}) for n in range(1001)]
    assert [len(event.rows) for event in gold.marked("o", "p", "gold", marks)] == [1000, 1]


def test_elsewhere_is_what_the_others_come_to():
    assert gold.elsewhere(form("q", "r"), [{"q": "ham"}, {"q": "ham"}, {"q": "spam"}]) == {"q": "ham"}


# ---- the veil ----------------------------------------------------------------------------------


@given(st.integers(0, 1 << 50), st.binary(min_size=32, max_size=32))
def test_a_veiled_number_comes_back(n, seed):
    assert gold.unveiled(seed, gold.veiled(seed, n)) == n


def test_a_veil_says_nothing_of_order():
    seed = secrets(1)
    veils = [gold.veiled(seed, n) for n in range(2000)]
    assert len(set(veils)) == 2000
    early, late = veils[:1000], veils[1000:]
    larger = sum(a > b for a, b in zip(early, late, strict=True))
    assert 420 < larger < 580  # five standard deviations around 500


# ---- drawing -----------------------------------------------------------------------------------

STOCK = [Hidden(n, 1, 0) for n in range(1, 9)]


def asking(person: str = "a", count: int = 1, had: set[int] | None = None, **more) -> Asking:
    return Asking(person=person, count=count, had=frozenset(had or ()), **more)


def test_nobody_gets_one_twice_and_the_stock_runs_out():
    drawn = gold.draw(ALWAYS, STOCK, [asking(count=12, had={3})], secrets(1))["a"]
    numbers = [c.n for c in drawn if c is not None]
    assert sorted(numbers) == [1, 2, 4, 5, 6, 7, 8] and drawn[7:] == (None,) * 5


def test_none_is_used_more_often_than_the_policy_says():
    policy = GoldPolicy(per_mille=1000, reuse=2)
    stock = [Hidden(1, 1, 1), Hidden(2, 1, 2), Hidden(3, 1, 0)]
    drawn = gold.draw(policy, stock, [asking("a", 3), asking("b", 3), asking("c", 3)], secrets(2))
    uses = Counter(c.n for given in drawn.values() for c in given if c is not None)
    assert uses == {1: 1, 3: 2}


def test_a_lapsed_one_comes_back_first():
    policy = GoldPolicy(per_mille=1)
    drawn = gold.draw(policy, STOCK, [asking(count=2, lapsed=(5,))], secrets(3))["a"]
    assert drawn[0] is not None and drawn[0].n == 5


def test_positions_are_geometric_and_tasks_uniform():
    policy = GoldPolicy(per_mille=200)
    gaps, firsts = Counter(), Counter()
    for i in range(4000):
        drawn = gold.draw(policy, STOCK, [asking(count=1)], secrets(i))["a"][0]
        gaps[drawn is not None] += 1
        if drawn is not None:
            firsts[drawn.n] += 1
    assert 680 < gaps[True] < 920  # five standard deviations around 800
    assert all(50 < firsts[n] < 150 for n in range(1, 9))  # around 100
    one = gold.draw(policy, STOCK, [asking(count=4000)], secrets(7))["a"][:60]
    places = [i for i, c in enumerate(one) if c is not None]
    steps = {b - a for a, b in itertools.pairwise(places)}
    assert len(steps) > 2  # no fixed distance


# ---- scoring -----------------------------------------------------------------------------------


def view(results, **changes) -> ScoreView:
    given = {
        "organization": "o",
        "project": "p",
        "member": "m",
        "seen": 20,
        "suspended": False,
        "base": (0, 0),
        "results": tuple(results),
    }
    return ScoreView(**{**given, **changes})


def test_a_block_ends_at_its_multiples_only():
    policy = GoldPolicy(block=5)
    assert [n for n in range(1, 16) if gold.ends_block(policy, n - 1, n)] == [5, 10, 15]
    assert gold.ends_block(policy, 3, 11)


@pytest.mark.parametrize(
    ("right", "wrong", "changes", "falls"),
    [
        (5, 6, {}, True),
        (6, 4, {}, False),  # exactly the floor
        (0, 9, {}, False),  # not enough evidence
        (5, 6, {"suspended": True}, False),
        (5, 6, {"base": (5, 5)}, False),  # a manager has lifted one: six since then
        (5, 16, {"base": (5, 5)}, True),
    ],
)
def test_the_floor_suspends(right, wrong, changes, falls):
    policy = GoldPolicy(floor=60, evidence=10)
    results = [(n, n < right) for n in range(right + wrong)]
    scored = gold.score(view(results, **changes))
    assert (scored.right, scored.answered) == (right, right + wrong)
    event = gold.suspend(policy, view(results, **changes), scored, Place("p", 4))
    assert (event is not None) == falls
    if event is not None:
        assert event.causes == (Place("p", 4),) and event.rule == "gold-floor"
        assert b"at least 60%" in event.reason


def test_without_a_floor_nobody_is_suspended():
    scored = gold.score(view([(n, False) for n in range(50)]))
    assert gold.suspend(GoldPolicy(), view([]), scored, Place("p", 0)) is None


# ---- what the counts say -----------------------------------------------------------------------


def test_the_interval_is_wilsons():
    assert gold.interval(0, 0) == (0.0, 1.0)
    low, high = gold.interval(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert gold.interval(0, 10)[0] == 0.0 and gold.interval(10, 10)[1] == 1.0
    assert round(gold.interval(10, 10)[0], 4) == 0.7225


def crowd(rng: random.Random, people: int, tasks: int, skill: float) -> dict[str, dict[int, bool]]:
    return {f"a{i}": {n: rng.random() < skill for n in range(tasks)} for i in range(people)}


def test_bad_gold_is_found_and_good_gold_seldom_accused():
    accused = 0
    for trial in range(40):
        rng = random.Random(trial)
        results = crowd(rng, 15, 20, 0.9)
        accused += bool(gold.suspects(results))
        for own in results.values():
            own[20] = rng.random() < 0.1
        assert 20 in gold.suspects(results)
    assert accused <= 2


def test_spammers_do_not_accuse_gold():
    assert gold.suspects(crowd(random.Random(1), 20, 20, 0.5)) == {}
    assert gold.suspects({}) == {}
    assert gold.suspects({"a": {1: False}}) == {}


def records(rng: random.Random, people: int, skill: float) -> dict[str, Record]:
    made = {}
    for i in range(people):
        made[f"a{i}"] = Record(
            right=sum(rng.random() < skill for _ in range(30)),
            answered=30,
            agreed=sum(rng.random() < skill * skill + (1 - skill) ** 2 for _ in range(100)),
            shared=100,
        )
    return made


def test_who_knows_the_gold_and_guesses_the_rest_is_found():
    accused = 0
    for trial in range(60):
        rng = random.Random(trial)
        people = records(rng, 12, rng.choice((0.75, 0.85, 0.95)))
        accused += bool(gold.leaks(people))
        people["leak"] = Record(right=30, answered=30, agreed=50, shared=100)
        assert "leak" in gold.leaks(people)
    assert accused <= 3


def test_without_evidence_there_is_no_leak():
    assert gold.leaks({}) == {}
    alone = Record(right=10, answered=10, agreed=1, shared=10)
    assert gold.leaks({"a": alone}) == {}
    assert gold.leaks({"a": alone, "b": Record(right=0, answered=0, agreed=0, shared=0)}) == {}
    nothing = Record(right=0, answered=20, agreed=10, shared=10)
    silent = Record(right=5, answered=9, agreed=0, shared=10)
    assert gold.leaks({"a": nothing, "b": silent}) == {}
