"""Answers made of pieces: what is planted is found again, better than by counting, and calibrated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench import shapes
from evenhand.labels import find
from evenhand.labels.mask.runs import Masked, majority
from evenhand.labels.pieces import MOST_LABELS


@pytest.mark.parametrize("kind", list(shapes.MAKERS))
def test_annotators_at_random_do_not_decide(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """F1 with the truth, beside counting all alike; confidence says how high it is; skills are told apart."""
    monkeypatch.setattr(shapes, "TASKS", 25)
    label, truth, answers = shapes.planted(kind, 1)
    plain, weighed = shapes.concluded(label, answers)
    found = shapes.likeness(label, weighed, truth)
    assert found > shapes.likeness(label, plain, truth) + 0.2
    assert found > 0.8
    assert np.mean([one.confidence for one in weighed]) == pytest.approx(found, abs=0.1)
    missed = {who: told[0] for who, told in label.learn(answers).annotators.items()}
    good = [missed[f"annotator {i}"] for i in range(3, 8)]
    assert max(good) < min(missed[f"annotator {i}"] for i in range(3))


def spans(labels: list[str], **more: Any) -> Any:
    return find("span").configure({"field": "t", "labels": labels, **more}, {"t": "text"})


def marked(kind: Any, *places: tuple[int, int, str]) -> Any:
    return kind.load([{"start": a, "end": b, "label": label} for a, b, label in places])


def test_what_was_learnt_of_other_labels_is_not_used() -> None:
    """Labels were added since: answers count alike until all are weighed again."""
    before, after = spans(["A", "B"]), spans(["A", "B", "C"])
    learnt = before.learn([(1, "m1", marked(before, (0, 3, "A"))), (1, "m2", ())])
    found = after.weighed([("m1", marked(after, (0, 3, "C"))), ("m2", ())], learnt)
    assert found == after.combine([marked(after, (0, 3, "C")), ()])


def test_a_label_that_is_gone_is_still_found() -> None:
    """Answers keep what was asked when they were given."""
    before, after = spans(["A", "B"]), spans(["B"])
    value = marked(before, (0, 3, "A"))
    learnt = after.learn([(n, who, value) for n in range(5) for who in ("m1", "m2")])
    assert after.weighed([("m1", value), ("m2", value)], learnt).value == value


def test_many_labels_are_learnt_as_one() -> None:
    """Beyond `MOST_LABELS` tables would grow with the square: names still come out of the pieces."""
    kind = spans([f"L{i:03}" for i in range(MOST_LABELS + 20)])
    last = f"L{MOST_LABELS + 10:03}"
    value, other = marked(kind, (0, 3, last)), marked(kind, (0, 3, f"L{MOST_LABELS + 12:03}"))
    learnt = kind.learn([(n, who, value) for n in range(5) for who in ("m1", "m2")])
    assert len(learnt.common) == (MOST_LABELS + 2) * (MOST_LABELS + 3) + 1
    assert kind.weighed([("m1", value), ("m2", value), ("m3", other)], learnt).value == value


def test_spans_that_overlap_give_way_to_the_likelier_one() -> None:
    """Unless they may overlap; and of an outcome without spans the confidence is that nothing is there."""
    wide, narrow = (0, 9, "A"), (5, 12, "B")
    for overlap in (False, True):
        kind = spans(["A", "B"], overlap=overlap)
        both = marked(kind, wide, narrow)
        learnt = kind.learn([(n, who, both) for n in range(20) for who in ("m1", "m2", "m3")])
        found = kind.weighed([("m1", both), ("m2", both), ("m3", both)], learnt)
        assert len(found.value) == (2 if overlap else 1)
        nothing = kind.weighed([("m1", marked(kind, wide)), ("m2", ()), ("m3", ())], learnt)
        assert nothing.value == () and 0.5 < nothing.confidence < 1
        assert kind.weighed([("m1", ()), ("m2", ())], learnt).confidence == 1.0


def test_masks_of_which_no_pixel_has_most_of_the_weight() -> None:
    """Four that overlap in turn: an empty mask is none, so the most central one stays."""
    masks = [Masked("a", 16, 1, runs) for runs in ((0, 6, 10), (3, 6, 7), (6, 6, 4), (9, 6, 1))]
    assert majority(masks) is None and majority(masks, [1.0, 4.0, 1.0, 1.0]) == masks[1]
    kind = find("mask").configure({"field": "i", "labels": ["a"]}, {"i": "image"})
    learnt = kind.learn([(n, f"m{i}", (masks[0],)) for n in range(9) for i in range(4)])
    assert kind.weighed([(f"m{i}", (mask,)) for i, mask in enumerate(masks)], learnt).value == (masks[1],)


def test_every_piece_has_a_probability() -> None:
    """One that two of three good annotators found is less likely than one that all found."""
    kind = spans(["A", "B"])
    first, second = (0, 3, "A"), (5, 9, "B")
    both, one = marked(kind, first, second), marked(kind, first)
    learnt = kind.learn([(n, who, both) for n in range(20) for who in ("m1", "m2", "m3")])
    found = kind.weighed([("m1", both), ("m2", one), ("m3", both)], learnt)
    assert found.value == both and 0.5 < found.pieces[1] < found.pieces[0] < 1
    single = kind.weighed([("m1", both)], learnt)
    assert single.value == both and len(single.pieces) == 2
