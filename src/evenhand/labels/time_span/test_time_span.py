"""What is special about time spans."""

from __future__ import annotations

import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import TimeSpanElement
from evenhand.labels.time_span import Heard, TimeSpan

FIELDS = {"text": "text", "sound": "audio"}


def kind(**more: object) -> TimeSpan:
    return TimeSpan.configure({"field": "sound", "labels": ["speech", "music"], **more}, FIELDS)


def speech(start: float, end: float, text: str = "") -> Heard:
    return Heard(float(start), float(end), "speech", text)


def test_stretches_of_one_label_that_overlap_by_half_mean_the_same() -> None:
    one = (speech(0, 2),)
    assert kind().distance(one, (speech(0, 1),)) == 0.0
    assert kind().distance(one, (speech(0, 0.999),)) == 1.0
    assert kind().distance(one, (Heard(0, 2, "music"),)) == 1.0
    assert kind().distance((speech(0, 2), speech(5, 9)), one) == pytest.approx(1 / 3)


def test_edges_are_averaged_and_the_most_central_transcript_stays() -> None:
    values = [
        (speech(0, 3, "good morning"),),
        (speech(0.1, 3, "good mourning"), speech(7, 8)),
        (speech(0.2, 3.3, "could mourning"),),
    ]
    combined = kind(transcript=True).combine(values)
    assert combined.value == (speech(0.1, 3.1, "good mourning"),)
    assert combined.method == "cluster"
    silent = [(speech(0, 3),), (speech(0, 3, "yes"),), (speech(0, 3),)]
    assert kind(transcript=True).combine(silent).value == (speech(0, 3, "yes"),)


def test_means_that_overlap_where_nothing_may_give_way_to_those_of_more_people() -> None:
    """A runs from 0 to 5 in the mean, B from 4.667: both have two of three, so the first stays."""
    values = [(speech(0, 4), Heard(4, 9, "music")), (speech(0, 6),), (Heard(5, 9, "music"), speech(0, 5))]
    apart = kind(overlap=False).combine(values).value
    assert apart == (speech(0, 5),)
    assert kind().combine(values).value == (speech(0, 5), Heard(4.5, 9, "music"))


def test_transcripts_only_where_they_are_asked_for_and_of_whole_characters() -> None:
    raw = [{"start": 0, "end": 1, "label": "speech", "text": "Hi"}]
    assert kind(transcript=True).parse(raw, {}) == (speech(0, 1, "Hi"),)
    for text, setting in (("Hi", False), ("x" * 10_001, True), ("\ud800", True)):
        with pytest.raises(Invalid) as refused:
            kind(transcript=setting).parse([{**raw[0], "text": text}], {})
        assert refused.value.where == "[0].text"


def test_elements_carry_the_transcript() -> None:
    expected = TimeSpanElement(field="sound", start=0, end=1.5, label="speech", text="Hi")
    assert kind(transcript=True).elements((speech(0, 1.5, "Hi"),)) == (expected,)


def test_too_many_are_refused_and_the_flag_takes_the_first_recording() -> None:
    with pytest.raises(Invalid, match="More than 2000"):
        kind().parse([{"start": i, "end": i + 1, "label": "speech"} for i in range(2_001)], {})
    assert TimeSpan.from_flag("a,b", FIELDS) == {"field": "sound", "labels": ["a", "b"]}
    with pytest.raises(Invalid, match="no audio or video field"):
        TimeSpan.from_flag("a", {"text": "text"})
