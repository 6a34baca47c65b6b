"""What one task comes to between two weighings is what weighing all with the same weights would say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand import labels
from evenhand.core.consensus import conclude
from evenhand.core.inference import Votes, infer, posterior_of
from evenhand.core.project import Document, Field, Form, Question
from evenhand.core.weighing import TIE, Skills, Weights, best_of

CLASS = labels.find("choice").configure({"choices": ["c0", "c1"]}, {})
MANY = 20  # classes: more than are weighed without asking who gave which


def weights_of(votes: Votes) -> Weights:
    codes = {json.dumps(f"c{k}").encode(): k for k in range(votes.classes)}
    return Weights(infer(votes).model, {f"m{i}": i for i in range(votes.annotators)}, codes)


@st.composite
def weighed(draw: st.DrawFn) -> tuple[Votes, list[tuple[int, int]]]:
    """Votes on some tasks, and those on one task more: (annotator, class) each, of newcomers too."""
    classes = draw(st.sampled_from([2, 3, MANY]))
    vote = st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, classes - 1))
    votes = draw(st.lists(vote, min_size=1, max_size=40))
    task, who, label = zip(*votes, strict=True)
    new = st.tuples(st.integers(0, 6), st.integers(0, classes - 1))
    return (
        Votes.of(task, who, label, tasks=7, annotators=5, classes=classes),
        draw(st.lists(new, min_size=1, max_size=6, unique_by=lambda one: one[0])),
    )


@settings(max_examples=40, deadline=None)
@given(weighed())
def test_a_task_comes_to_what_all_of_them_together_come_to(
    found: tuple[Votes, list[tuple[int, int]]],
) -> None:
    votes, added = found
    weights = weights_of(votes)
    known = [(who, label) for who, label in added if who < votes.annotators]
    said = weights.conclude(CLASS, [(f"m{who}", f"c{label}") for who, label in added])
    assert said is not None and said["method"] == "robust"
    if known == added:
        whole = Votes.of(
            [0] * len(added),
            [who for who, _ in added],
            [label for _, label in added],
            annotators=votes.annotators,
            classes=votes.classes,
        )
        (posterior,) = posterior_of(whole, weights.model)
        assert posterior.sum() == pytest.approx(1)
        assert said["confidence"] == pytest.approx(posterior.max(), abs=1e-6)
        assert posterior[int(said["value"][1:])] >= posterior.max() - TIE
        told = weights.probabilities(CLASS, [(f"m{who}", f"c{label}") for who, label in added])
        assert told == {f"c{k}": pytest.approx(chance, abs=1e-6) for k, chance in enumerate(posterior)}
    assert weights.conclude(CLASS, [("m0", "c0"), ("m1", "never given")]) is None
    assert weights.probabilities(CLASS, [("m0", "c0"), ("m1", "never given")]) is None


@settings(max_examples=10, deadline=None)
@given(weighed())
def test_tasks_of_the_weighing_come_to_what_it_said(found: tuple[Votes, list[tuple[int, int]]]) -> None:
    votes, _ = found
    weights, estimate = weights_of(votes), infer(votes)
    for task in range(votes.tasks):
        own = range(votes.first[task], votes.first[task + 1])
        if own:
            said = weights.conclude(CLASS, [(f"m{votes.annotator[v]}", f"c{votes.label[v]}") for v in own])
            assert said is not None
            assert said["confidence"] == pytest.approx(estimate.posterior[task].max(), abs=1e-6)


def test_of_equals_the_lowest_number_wins_whatever_the_last_digit_says() -> None:
    assert best_of(np.array([[0.3, 0.35, 0.35 + 1e-15], [0.2, 0.7, 0.1]])).tolist() == [1, 1]


def test_a_question_without_weights_and_a_new_class_go_by_the_types_own_rule() -> None:
    questions = tuple(
        Question(id=name, title=name, type="choice/1", config={"choices": ["c0", "c1", "c2"]})
        for name in ("q", "p")
    )
    form = Form(
        Document(name="d", fields=(Field(name="text", type="text"),), questions=questions), labels.all_types()
    )
    weights = {"q": weights_of(Votes.of([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1]))}
    answers = [("m0", {"q": "c0", "p": "c1"}), ("m9", {"q": "c1", "p": "c1"})]
    told = conclude(form, answers, weights)
    assert (told["q"]["method"], told["p"]["method"]) == ("robust", "unanimous")
    assert told["q"]["value"] == "c0", "two who agreed before, one of them here, and a newcomer"
    assert conclude(form, [*answers, ("m1", {"q": "c2"})], weights)["q"]["method"] == "majority"


def test_answers_without_classes_go_by_the_skill_that_was_learnt() -> None:
    config = {"items": ["a", "b", "c"]}
    kind = labels.find("ranking").configure(config, {})
    one, other = [["a"], ["b"], ["c"]], [["c"], ["b"], ["a"]]
    learnt = kind.learn(
        [
            (n, who, kind.load(other if who == "m2" and n % 2 else one if n % 3 else other))
            for n in range(30)
            for who in ("m0", "m1", "m2")
        ]
    )
    form = Form(
        Document(
            name="d",
            fields=(Field(name="text", type="text"),),
            questions=(Question(id="q", title="Q", type="ranking/1", config=config),),
        ),
        labels.all_types(),
    )
    answers = [("m2", {"q": other}), ("m9", {"q": one})]
    told = conclude(form, answers, {"q": Skills("distances", learnt)})["q"]
    assert (told["value"], told["method"]) == (one, "distances")
    assert conclude(form, answers, {"q": Skills("another method", learnt)})["q"]["method"] == "borda"
    for method in ("distances", "another method"):
        assert Skills(method, learnt).probabilities(kind, [("m9", one)]) is None, "no pieces; not its method"


def test_pieces_have_their_probabilities() -> None:
    kind = labels.find("span").configure({"field": "text", "labels": ["PER", "LOC"]}, {"text": "text"})
    right = [{"start": 0, "end": 3, "label": "PER"}, {"start": 5, "end": 9, "label": "LOC"}]
    learnt = kind.learn(
        [
            (n, who, kind.load(right[:1] if who == "m2" else right))
            for n in range(20)
            for who in ("m0", "m1", "m2")
        ]
    )
    answers = [("m0", right), ("m1", right), ("m2", right[:1])]
    told = Skills(kind.weighed_by, learnt).probabilities(kind, answers)
    said = Skills(kind.weighed_by, learnt).conclude(kind, answers)
    assert isinstance(told, tuple) and said is not None and len(told) == len(said["value"]) == 2
    assert 1 >= told[0] > told[1] > 0.5
