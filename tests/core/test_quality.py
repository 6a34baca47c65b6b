"""Quality of one question: what was planted is found, and every figure says from how much."""

from __future__ import annotations

import numpy as np
import pytest

from evenhand import labels
from evenhand.core import quality
from evenhand.core.quality import Sheet, Work, is_class, measure

CHOICE = labels.find("choice").configure({"choices": ["a", "b", "c"]}, {})
NUMBER = labels.find("number").configure({}, {})
TEXT = labels.find("text").configure({}, {})


def sheet(kind, rows: list[tuple[int, int, object]]) -> Sheet:
    """(task, annotator, value) each."""
    distinct = list(dict.fromkeys(value for _, _, value in rows))
    return Sheet(
        kind=kind,
        tasks=np.array([t for t, _, _ in rows]),
        annotators=np.array([a for _, a, _ in rows]),
        values=np.array([distinct.index(v) for _, _, v in rows]),
        distinct=distinct,
    )


@pytest.fixture(scope="module")
def planted() -> Sheet:
    """300 tasks, five annotators: four are right in 9 of 10, the last one guesses."""
    rng = np.random.default_rng(5)
    rows = []
    for task in range(300):
        truth = "abc"[task % 3]
        for annotator in range(5):
            right = rng.random() < (0.9 if annotator < 4 else 1 / 3)
            rows.append((task, annotator, truth if right else "abc"[rng.integers(3)]))
    return sheet(CHOICE, rows)


def test_skills_and_confusion_are_those_planted(planted: Sheet):
    found = measure(planted)
    assert (found.labels, found.tasks, found.basis, found.method) == (1500, 300, "model", "robust")
    skill = {one.annotator: one for one in found.skills}
    assert all(one.labels == 300 and one.low <= one.value <= one.high for one in skill.values())
    assert min(skill[i].low for i in range(4)) > skill[4].high
    assert found.confusion is not None
    counts = np.array(found.confusion.counts)
    assert counts.sum() == pytest.approx(1500, abs=1)
    assert (counts.diagonal() / counts.sum(1) > 0.7).all() and found.confusion.left_out == 0
    names = [figure.name for figure in found.agreement]
    assert "alpha" in names and found.agreement[0].low is not None


def test_what_a_reviewer_has_settled_is_not_worth_a_look_any_more(planted: Sheet):
    before = measure(planted)
    first = before.errors[0].task
    settled = np.arange(300) == first
    after = measure(planted, settled=settled)
    assert [one for one in before.errors if one.task != first] == list(after.errors)[: len(before.errors) - 1]
    assert first not in {one.task for one in (*after.errors, *after.hard)}
    assert after.skills == before.skills, "what annotators said counts as before"


def test_a_ratio_is_as_sure_as_its_annotators_are_alike():
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        answers = rng.integers(1, 60, 30)
        pace = rng.lognormal(2, 0.4, 30)  # seconds an answer, of whom we saw 30 of very many
        found = quality.ratio(pace * answers, answers)
        assert found is not None and found[0] == pytest.approx((pace * answers).sum() / answers.sum())
        held += found[1] < np.exp(2 + 0.4**2 / 2) < found[2]
    assert 0.90 <= held / 400 <= 0.98
    assert quality.ratio([5.0, 0.0], [1, 0]) is None, "one annotator says nothing of the others"
    assert quality.ratio([2, 2, 4], [1, 1, 2]) == (2.0, 2.0, 2.0)


def test_a_majority_of_the_poor_is_suspected_first():
    rows = [(t, a, "ab"[t % 2] if a < 3 else "ab"[(t // 2) % 2]) for t in range(60) for a in range(5)]
    rows += [(60, 0, "a"), (60, 1, "a"), (60, 3, "b"), (60, 4, "b"), (60, 5, "b"), (60, 2, "a")]
    found = measure(sheet(CHOICE, rows))
    assert all(0 < one.chance <= 1 and one.labels > 1 for one in found.errors)
    assert [one.chance for one in found.errors] == sorted((one.chance for one in found.errors), reverse=True)
    assert len(found.hard) <= quality.MOST_LISTED and found.hard[0].chance >= found.hard[-1].chance


def test_other_types_are_measured_by_their_distance():
    rows = [(t, a, float(t + (a == 2) * 40)) for t in range(30) for a in range(3)]
    found = measure(sheet(NUMBER, rows))
    assert (found.basis, found.confusion, found.errors, found.method) == ("agreement", None, (), "")
    near = {one.annotator: one.value for one in found.skills}
    assert near[2] < near[0] and near[0] == pytest.approx(near[1])
    assert found.hard[0].labels == 3


def test_one_annotator_alone_says_so_instead_of_a_figure():
    found = measure(sheet(NUMBER, [(t, 0, float(t)) for t in range(4)]))
    assert (found.skills, found.hard) == ((), ())
    assert all(figure.value is None and figure.undefined for figure in found.agreement)
    alone = measure(sheet(CHOICE, [(0, 0, "a")]))
    assert alone.skills[0].labels == 1


def test_one_meeting_says_nothing_of_the_spread():
    found = measure(sheet(NUMBER, [(0, 0, 1.0), (0, 1, 2.0)]))
    assert [(one.low, one.high) for one in found.skills] == [(0.0, 1.0)] * 2


def test_only_the_most_common_classes_are_shown():
    many = labels.find("choice").configure({"choices": [f"c{i}" for i in range(20)]}, {})
    rows = [(t, a, f"c{t % 20}") for t in range(200) for a in range(2)]
    found = measure(sheet(many, rows))
    assert found.confusion is not None and found.confusion.left_out == 20 - quality.MOST_CLASSES


def test_a_share_says_how_sure_it_is():
    assert quality.share(0, 0) == (0.0, 0.0, 1.0)
    value, low, high = quality.share(8, 10)  # 0.49 to 0.94: Brown, Cai, DasGupta 2001
    assert (value, round(low, 2), round(high, 2)) == (0.8, 0.49, 0.94)
    assert quality.share(10, 10)[2] == 1.0


def test_which_types_have_classes():
    assert is_class(CHOICE) and not is_class(NUMBER)


def test_how_the_work_was_done_is_tested_by_the_kind_of_answer(planted: Sheet):
    def work(answers: Sheet, seconds: float) -> Work:
        n = len(answers.tasks)
        return Work(
            at=np.random.default_rng(1).permutation(n),
            seconds=np.full(n, seconds),
            length=np.full(n, 100.0),
            suggested=np.full(int(answers.tasks.max()) + 1, -1),
            organization=np.array([0, 0, 0, 1, 1, 1]),
            given=lambda i: "",
        )

    found = measure(planted, work(planted, 9.0))
    assert {one.kind: (one.tested, len(one.found)) for one in found.integrity} == {
        "fast": (5, 0),
        "copying": (10, 0),
        "blind": (5, 0),
        "previous": (5, 0),
        "suggested": (0, 0),
    }
    assert found.leaning is not None and "fewer than two" in found.leaning.undefined  # one has two annotators
    texts = sheet(
        TEXT, [(t, a, f"the same words of {a} on every single task") for t in range(12) for a in range(2)]
    )
    found = measure(texts, work(texts, 0.5))
    assert {(one.kind, one.tested, len(one.found)) for one in found.integrity} == {
        ("fast", 2, 2),
        ("typed", 2, 2),
        ("repeated", 2, 2),
    }
    assert found.leaning is None
    numbers = sheet(NUMBER, [(t, a, float(t)) for t in range(12) for a in range(2)])
    assert [one.kind for one in measure(numbers, work(numbers, 0.5)).integrity] == ["fast"]
    assert measure(numbers).integrity == ()
    twice = sheet(CHOICE, [(t, a, "abc"[t % 3]) for t in range(12) for a in (0, 0, 1)])
    assert [one.kind for one in measure(twice, work(twice, 9.0)).integrity] == ["fast"]
