"""Integrity of work: what is planted is found, honest annotators are left alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from evenhand.core import integrity
from evenhand.core.inference import Votes, infer
from evenhand.core.integrity import (
    Suspicion,
    binomial_tail,
    blind,
    controlled,
    copying,
    fast,
    following,
    of_votes,
    pasted,
    previous_of,
)


def honest(seed: int, annotators: int = 20, tasks: int = 200, classes: int = 3) -> Votes:
    """Annotators who answer three tasks in five and are right seven times in ten."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, tasks)
    annotator, task = np.nonzero(rng.random((annotators, tasks)) < 0.6)
    label = np.where(rng.random(len(task)) < 0.7, truth[task], rng.integers(0, classes, len(task)))
    return Votes.of(task, annotator, label, tasks=tasks, annotators=annotators, classes=classes)


def changed(votes: Votes, label: np.ndarray) -> Votes:
    sizes = {"tasks": votes.tasks, "annotators": votes.annotators, "classes": votes.classes}
    return Votes.of(votes.task, votes.annotator, label, **sizes)


def flagged(found: tuple[Suspicion, ...]) -> set[tuple[int, ...]]:
    return {one.annotators for one in found if one.flagged}


def copied(votes: Votes, one: int, other: int) -> Votes:
    """`other` takes over what `one` gave."""
    known = np.full(votes.tasks, -1)
    known[votes.task[votes.annotator == one]] = votes.label[votes.annotator == one]
    takes = (votes.annotator == other) & (known[votes.task] >= 0)
    return changed(votes, np.where(takes, known[votes.task], votes.label))


def test_a_copying_pair_is_found_and_no_other() -> None:
    for seed in range(5):
        votes = copied(honest(seed), 3, 7)
        found = copying(votes, infer(votes))
        assert flagged(found) == {(3, 7)}
        assert found[0].seen > 2 * found[0].expected and found[0].votes >= 40


def test_two_good_annotators_who_agree_on_the_truth_do_not_copy() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 300)
    label = np.where(
        rng.random((8, 300)) < np.array([[0.99]] * 4 + [[0.6]] * 4), truth, rng.integers(0, 3, (8, 300))
    )
    votes = Votes.of(np.tile(np.arange(300), 8), np.repeat(np.arange(8), 300), label.ravel())
    assert flagged(copying(votes, infer(votes))) == set()


def test_to_agree_with_a_suggestion_is_no_copying() -> None:
    votes, rng = honest(6), np.random.default_rng(66)
    suggested = rng.integers(0, 3, votes.tasks)
    takes = (rng.random(len(votes)) < 0.95) & np.isin(votes.annotator, (2, 9))
    led = changed(votes, np.where(takes, suggested[votes.task], votes.label))
    estimate = infer(led)
    assert (2, 9) in flagged(copying(led, estimate))
    assert (2, 9) not in flagged(copying(led, estimate, suggested=suggested))


def test_an_annotator_who_clicks_blindly_is_found() -> None:
    for seed in range(3):
        votes = honest(seed, tasks=800)
        noise = np.random.default_rng(seed).integers(0, 3, len(votes))
        spam = changed(votes, np.where(votes.annotator == 4, noise, votes.label))
        found = blind(spam, infer(spam))
        assert flagged(found) == {(4,)} and found[0].seen < 0.3
        same = changed(votes, np.where((votes.annotator == 4) & (votes.task > 1), 0, votes.label))
        assert flagged(blind(same, infer(same))) == {(4,)}


def test_who_follows_the_first_place_or_the_last_answer_is_found() -> None:
    votes, rng = honest(1), np.random.default_rng(1)
    shown = rng.integers(-1, 3, len(votes))
    follows = (votes.annotator == 5) & (shown >= 0) & (rng.random(len(votes)) < 0.5)
    led = changed(votes, np.where(follows, shown, votes.label))
    assert flagged(following(led, infer(led), "suggested", shown)) == {(5,)}
    at, label = np.arange(len(votes)), votes.label.copy()
    mine = np.flatnonzero(votes.annotator == 6)
    for before, now in pairwise(mine):
        label[now] = label[before] if rng.random() < 0.5 else label[now]
    lazy = changed(votes, label)
    assert flagged(following(lazy, infer(lazy), "previous", previous_of(lazy, at))) == {(6,)}


def test_honest_annotators_are_rarely_flagged() -> None:
    alarms = np.zeros(4)
    for seed in range(40):
        votes = honest(100 + seed)
        estimate, rng = infer(votes), np.random.default_rng(seed)
        alarms += [
            bool(flagged(copying(votes, estimate))),
            bool(flagged(blind(votes, estimate))),
            bool(flagged(following(votes, estimate, "suggested", rng.integers(0, 3, len(votes))))),
            bool(
                flagged(
                    fast(
                        votes.task,
                        votes.annotator,
                        rng.exponential(20, len(votes)),
                        np.full(len(votes), 60.0),
                    )
                )
            ),
        ]
    assert (alarms <= 0.05 * 40 + 3).all()  # two standard deviations of a count at 5%


def test_previous_answers_follow_the_order_of_work() -> None:
    votes = Votes.of([0, 1, 2, 0], [0, 0, 0, 1], [2, 1, 0, 1])
    at = np.array([9, 1, 5, 7])  # of the votes by (task, annotator): (0, 0), (0, 1), (1, 0), (2, 0)
    assert previous_of(votes, at).tolist() == [0, -1, -1, 1]
    assert previous_of(votes, np.array([9, 1, -1, 7])).tolist() == [0, -1, -1, -1]
    assert previous_of(votes, np.array([5, 1, 5, 5])).tolist() == [-1, -1, -1, -1]


def test_too_fast_to_have_read() -> None:
    annotator = np.repeat([0, 1, 2], 30)
    seconds = np.concatenate([np.full(30, 1.0), np.full(30, 15.0), np.full(30, np.nan)])
    found = fast(np.arange(90), annotator, seconds, np.full(90, 600.0))
    assert flagged(found) == {(0,)} and len(found) == 2
    assert found[0].seen == 1.0 and found[0].tasks == tuple(range(20))


def test_texts_that_cannot_have_been_typed_or_were_there_before_are_said() -> None:
    long = "A sentence that nobody types twice by chance, or is it, {}?"
    texts = [long.format(n) for n in range(24)] + [long.format("X"), long.format("x")] * 6 + ["yes"] * 12
    who = np.repeat([0, 1, 2, 3], 12)
    seconds = np.repeat([60.0, 1.0, np.nan, 0.1], 12)
    found = pasted(np.arange(48), who, texts, seconds)
    assert {(one.kind, one.annotators) for one in found if one.flagged} == {
        ("typed", (1,)),
        ("repeated", (2,)),
    }
    assert next(one for one in found if one.kind == "repeated" and one.flagged).seen == 11 / 12
    kept = pasted(np.arange(48), who, texts, seconds, lambda i: texts[i])
    assert "typed" not in {one.kind for one in kept if one.flagged}  # what stood there was not typed
    assert pasted(np.arange(2), np.zeros(2, int), ["yes", "no"], np.array([0.1, 0.1])) == ()


def test_all_tests_of_votes_say_whom_and_where() -> None:
    votes, rng = copied(honest(3), 3, 7), np.random.default_rng(33)
    suggested = np.where(np.arange(votes.tasks) % 3, -1, rng.integers(0, 3, votes.tasks))
    follows = (votes.annotator == 5) & (suggested[votes.task] >= 0) & (rng.random(len(votes)) < 0.6)
    votes = changed(votes, np.where(follows, suggested[votes.task], votes.label))
    nothing = np.full(len(votes), -1)
    tested = {one.kind: one for one in of_votes(votes, infer(votes), nothing, suggested)}
    (pair,) = tested["copying"].found
    known = {(t, a): label for t, a, label in zip(votes.task, votes.annotator, votes.label, strict=True)}
    assert pair.annotators == (3, 7) and pair.tasks
    assert all(known[task, 3] == known[task, 7] for task in pair.tasks)
    (led,) = tested["suggested"].found
    assert led.annotators == (5,) and all(known[task, 5] == suggested[task] for task in led.tasks)
    assert tested["blind"].tested == 20 and not tested["blind"].undefined
    assert (tested["previous"].tested, tested["previous"].found) == (0, ()) and tested["previous"].undefined
    many = Votes.of(votes.task, votes.annotator, votes.label, classes=51)
    for one in of_votes(many, infer(many), nothing, suggested):
        assert one.found == () and "more than 50" in one.undefined


def test_nothing_to_go_by() -> None:
    few = Votes.of([0, 1], [0, 1], [0, 1])
    estimate = infer(few)
    assert copying(few, estimate) == blind(few, estimate) == ()
    alone = Votes.of(np.arange(12), np.zeros(12, int), np.zeros(12, int), classes=2)
    assert blind(alone, infer(alone)) == ()


def test_many_pairs_are_thinned_by_whole_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = copied(honest(2), 3, 7)
    monkeypatch.setattr(integrity, "MOST_PAIRS", 9_000)
    monkeypatch.setattr(integrity, "CHUNK", 900)
    found = copying(votes, infer(votes))
    assert 0 < sum(one.votes for one in found) <= 9_000


def test_tails_and_false_discovery() -> None:
    assert binomial_tail(3, 10, 0.1) == pytest.approx(0.0701908, rel=1e-5)  # binom.sf(2, 10, 0.1)
    p = [0.001, 0.02, 0.03, 0.5]
    found = controlled(
        [Suspicion(kind="fast", annotators=(i,), seen=0, expected=0, p=v) for i, v in enumerate(p)]
    )
    assert [one.q for one in found] == pytest.approx([0.004, 0.04, 0.04, 0.5])
    assert [one.flagged for one in found] == [True, True, True, False]
