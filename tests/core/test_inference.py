"""Truth inference: the order of votes does not matter, skill counts, and bad input is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core.errors import Invalid, Refused
from evenhand.core.inference import METHODS, Votes, infer, left_out, posterior_of, sweeps
from evenhand.core.inference.left_out import best_power

POOL = [(task, who, int(who == 3)) for task in range(6) for who in range(4)]


def votes(rows: list[tuple[int, int, int]], **counts: int) -> Votes:
    task, who, label = zip(*rows, strict=True) if rows else ((), (), ())
    return Votes.of(task, who, label, **counts)


def simulated(tasks: int, skills: list[float], classes: int, seed: int = 1) -> tuple[Votes, np.ndarray]:
    """Every annotator answers every task, right with its skill, else evenly wrong."""
    dice = np.random.default_rng(seed)
    truth = dice.integers(0, classes, tasks)
    wrong = (truth[:, None] + dice.integers(1, classes, (tasks, len(skills)))) % classes
    given = np.where(dice.random((tasks, len(skills))) < skills, truth[:, None], wrong)
    task, who = np.indices(given.shape)
    return Votes.of(task.ravel(), who.ravel(), given.ravel()), truth


def test_votes_are_sorted_by_task_and_the_last_of_two_counts() -> None:
    seen = votes([(1, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 1)], tasks=3)
    assert seen.first.tolist() == [0, 1, 3, 3]
    assert (seen.annotator.tolist(), seen.label.tolist()) == ([1, 0, 1], [1, 2, 1])
    assert (seen.replaced, seen.tasks, seen.annotators, seen.classes, len(seen)) == (1, 3, 2, 3, 3)
    assert seen.task.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("given", "counts", "rule"),
    [
        (([[0]], [0], [0]), {}, "inference.shape"),
        (([0], [0], [0.5]), {}, "inference.not-whole"),
        (([0], [-1], [0]), {}, "inference.range"),
        (([2**40], [0], [0]), {}, "inference.range"),
        (([0], [0], [3]), {"classes": 3}, "inference.range"),
        (([0, 1], [0], [0]), {}, "inference.lengths"),
        (([0], [0], [0]), {"annotators": 10**6, "classes": 10**6}, "inference.too-many"),
    ],
)
def test_what_are_no_votes_is_refused(given: tuple, counts: dict, rule: str) -> None:
    with pytest.raises(Invalid) as error:
        Votes.of(*given, **counts)
    assert error.value.rule == rule


def test_no_votes_and_no_such_method_are_refused() -> None:
    with pytest.raises(Invalid, match="There are no votes"):
        infer(votes([]))
    with pytest.raises(Invalid, match="There is no method 'best'"):
        infer(votes(POOL), "best")


@pytest.mark.parametrize("method", METHODS)
def test_skilled_annotators_are_found_and_followed(method: str) -> None:
    skills = [0.95, 0.9, 0.9, 0.6, 0.4]
    seen, truth = simulated(300, skills, 3)
    found = infer(seen, method)
    assert found.method == method
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(300))
    assert (found.label == found.posterior.argmax(axis=1)).all()
    assert (found.label == truth).mean() > 0.93
    assert np.abs(found.skill.value - skills).max() < (
        0.1 if method not in ("majority", "weighted") else 0.15
    )
    assert (found.skill.low < found.skill.value).all() and (found.skill.value < found.skill.high).all()
    assert found.skill.above(0.5).tolist() == [True, True, True, True, False]


def test_what_would_not_fit_is_refused_with_what_would() -> None:
    with pytest.raises(Refused, match="Group the classes to at most 16,384"):
        infer(votes([(0, 0, 0), (0, 1, 1)], classes=10**6))
    with pytest.raises(Refused, match="at most 536, or take fewer tasks"):
        infer(votes([(0, 0, 0)], tasks=10**6, classes=2000))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_order_of_votes_and_the_numbers_of_tasks_and_annotators_do_not_matter(
    method: str, data: st.DataObject
) -> None:
    seen, _ = simulated(12, [0.9, 0.7, 0.8, 0.4], 3)
    tasks = np.array(data.draw(st.permutations(range(12))))
    people = np.array(data.draw(st.permutations(range(4))))
    order = np.array(data.draw(st.permutations(range(48))))
    moved = Votes.of(tasks[seen.task][order], people[seen.annotator][order], seen.label[order])
    one, two = infer(seen, method), infer(moved, method)
    assert two.posterior[tasks] == pytest.approx(one.posterior, abs=1e-6)
    assert two.skill.value[people] == pytest.approx(one.skill.value, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_many_classes_come_to_what_few_do(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everybody answers every task, all classes that matter are given, so both kinds of pass agree."""
    seen, truth = simulated(200, [0.9, 0.8, 0.8, 0.7, 0.9, 0.6], 3)
    wide = infer(seen, method)
    monkeypatch.setattr(sweeps, "WIDE", 2)
    narrow = infer(seen, method)
    assert narrow.model.narrow and not wide.model.narrow
    assert (narrow.label == wide.label).mean() > 0.99 and (narrow.label == truth).mean() > 0.95
    near = 0.05 if method == "robust" else 0.02  # which tells kinds of tasks apart where classes are few
    assert np.abs(narrow.skill.value - wide.skill.value).max() < near


@pytest.mark.parametrize("method", METHODS)
def test_a_second_run_gives_the_same_bits(method: str) -> None:
    seen, _ = simulated(200, [0.9, 0.7, 0.6], 4)
    one, two = infer(seen, method), infer(seen, method)
    assert (one.posterior == two.posterior).all() and (one.skill.value == two.skill.value).all()


@pytest.mark.parametrize("classes", [3, 20])
@pytest.mark.parametrize("method", METHODS)
def test_a_running_task_comes_to_what_the_fit_says_of_it(method: str, classes: int) -> None:
    seen, _ = simulated(40, [0.9, 0.7, 0.8, 0.4], classes)
    found = infer(seen, method)
    assert posterior_of(seen, found.model) == pytest.approx(found.posterior, abs=1e-9)
    running = found.model.start()
    nobody = infer(Votes.of(seen.task, seen.annotator, seen.label, tasks=41), method)
    assert running.posterior == pytest.approx(nobody.posterior[40], abs=1e-6)
    for v in range(seen.first[5], seen.first[6]):
        running = running.after(int(seen.annotator[v]), int(seen.label[v]))
    assert running.posterior == pytest.approx(found.posterior[5], abs=1e-9)
    more = running.after(None, 1).after(99, 2)
    assert more.votes.sum() == running.votes.sum() + 2
    back = more.without(99, 2).without(None, 1)
    assert back.posterior == pytest.approx(running.posterior, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_odd_is_said(method: str) -> None:
    found = infer(votes([(0, 0, 1), (0, 0, 0), (2, 0, 0)], tasks=4, classes=3), method)
    assert found.label.tolist() == [0, -1, 0, -1]
    assert found.confidence[1] == 0.0 and np.isfinite(found.posterior).all()
    notes = " ".join(found.diagnostics.notes)
    for said in (
        "1 earlier vote ",
        "2 tasks without a vote",
        "2 classes that nobody gave",
        "One annotator only",
    ):
        assert said in notes


@pytest.mark.parametrize("method", METHODS)
def test_all_labels_equal(method: str) -> None:
    found = infer(votes([(task, who, 0) for task in range(5) for who in range(3)]), method)
    assert (found.label == 0).all() and (found.confidence > 0.99).all()


@pytest.mark.parametrize(("known", "asked"), [(0.95, -1), (0.55, 1)])
def test_left_out_votes_tell_who_is_too_sure(known: float, asked: int) -> None:
    """Annotators are right in 75%: a model that takes them for 95% is too sure, for 55% not sure enough."""
    seen, _ = simulated(400, [0.75] * 6, 2)
    fit = infer(seen).model
    chance = np.array([[known, 1 - known], [1 - known, known]])
    wrong = replace(fit, confusion=np.tile(chance, (6, 1, 1)), hedge=0.0)
    found = best_power(seen, wrong, 20.0)
    assert asked * found > 0.3
    assert abs(best_power(seen, wrong, 1e9)) < 1e-3  # a prior that no vote can move
    even = np.array([0.5, 0.5])
    unsure = replace(wrong, prior=even, confusion=np.tile([[0.51, 0.49], [0.49, 0.51]], (6, 1, 1)))
    assert best_power(seen, unsure, 20.0) == pytest.approx(1.6)  # no more is tried
    assert best_power(seen, replace(wrong, power=3.0, floor=0.5), 20.0) == found  # neither counts
    assert best_power(votes([(0, 0, 1), (1, 1, 0)]), wrong, 20.0) == 0.0  # no task has two votes


def test_of_many_votes_some_tasks_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, _ = simulated(900, [0.9, 0.8, 0.7, 0.7], 3)
    fit = infer(seen).model
    whole = best_power(seen, fit, 20.0)
    monkeypatch.setattr(left_out, "CELLS", 4_000)
    third = seen.task % 3 == 0
    some = Votes.of(seen.task[third] // 3, seen.annotator[third], seen.label[third], classes=3)
    assert best_power(seen, fit, 20.0) == pytest.approx(best_power(some, fit, 20.0)) != whole


@pytest.mark.parametrize("rare", [0.01, 0.03])
def test_a_rare_class_does_not_live_on_doubts_about_the_common_one(rare: float) -> None:
    """Good annotators, classes of very different size: to believe the most votes is all but right."""
    dice = np.random.default_rng(3)
    truth = dice.choice(3, 1000, p=[1 - 2 * rare, rare, rare])
    who = np.argsort(dice.random((1000, 20)), axis=1)[:, :5].ravel()
    task = np.repeat(np.arange(1000), 5)
    right = dice.random(5000) < dice.uniform(0.7, 0.95, 20)[who]
    votes = Votes.of(task, who, np.where(right, truth[task], dice.integers(0, 3, 5000)))
    said = infer(votes)
    assert (said.label == truth).mean() > (infer(votes, "majority").label == truth).mean() - 0.015
    assert said.confidence.mean() == pytest.approx((said.label == truth).mean(), abs=0.03)
