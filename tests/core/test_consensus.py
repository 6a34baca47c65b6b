"""Consensus: question by question, by each type's own rule."""

from __future__ import annotations

from evenhand import labels
from evenhand.core.consensus import conclude, concluded
from evenhand.core.events import MAX_ROWS
from evenhand.core.label import Learnt
from evenhand.core.project import Document, Field, Form, Question
from evenhand.core.weighing import Skills

FORM = Form(
    Document(
        name="d",
        fields=(Field(name="text", type="text"),),
        questions=(
            Question(id="q", title="Q", type="choice/1", config={"choices": ["a", "b"]}),
            Question(id="n", title="N", type="number/1", config={}, required=False),
        ),
    ),
    labels.all_types(),
)


def by(*answers: dict) -> list[tuple[str, dict]]:
    """These answers, each by an annotator of its own."""
    return [(f"mem-{i}", answer) for i, answer in enumerate(answers)]


def test_each_question_for_itself():
    result = conclude(FORM, by({"q": "a", "n": 1}, {"q": "b", "n": 3}, {"q": "a", "gone": 1}))
    assert result["q"] == {"value": "a", "confidence": 0.666667, "method": "majority"}
    assert result["n"]["value"] == 2
    assert set(result) == {"q", "n"}


def test_one_answer_and_equal_answers():
    assert conclude(FORM, by({"q": "b"})) == {"q": {"value": "b", "confidence": 1.0, "method": "single"}}
    assert conclude(FORM, by({"q": "b"}, {"q": "b"}))["q"]["method"] == "unanimous"


def test_long_outcomes_become_several_events():
    events = concluded("org-a", "prj-a", [(n, {}) for n in range(MAX_ROWS + 1)])
    assert [len(event.rows) for event in events] == [MAX_ROWS, 1]
    assert events[1].rows[0] == b"[1000,{}]"


def test_answers_to_another_versions_question_count_for_nothing():
    """The scale was shortened since: what is off it is left out, and of nothing nothing comes."""
    short = Document(
        name="d",
        fields=(Field(name="text", type="text"),),
        questions=(
            Question(id="q", title="Q", type="choice/1", config={"choices": ["a"]}),
            Question(id="r", title="R", type="rating/1", config={"min": 1, "max": 3}),
        ),
    )
    form = Form(short, labels.all_types())
    found = conclude(form, by({"q": "b", "r": 5}, {"q": "a", "r": 2}, {"q": "b", "r": 4}))
    assert found["q"] == {"value": "b", "confidence": 0.666667, "method": "majority"}
    assert (found["r"]["value"], found["r"]["method"]) == (2, "median")
    assert "r" not in conclude(form, by({"r": 5}, {"r": 4}))
    skills = {"r": Skills("distances", Learnt(annotators={}, newcomer=(0.2,)))}
    assert conclude(form, by({"r": 5}, {"r": 2}), skills)["r"]["value"] == 2
    assert "r" not in conclude(form, by({"r": 5}, {"r": 4}), skills)
