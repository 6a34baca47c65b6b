"""What is special about masks."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.labels import mask as module
from evenhand.labels.mask import Mask
from evenhand.labels.mask.runs import Masked, hulls, majority, measure, overlap, runs_of, stretches

KIND = Mask.configure({"field": "photo", "labels": ["road", "sky"]}, {"photo": "image"})
WIDTH, HEIGHT = 6, 5

bitmaps = st.lists(st.booleans(), min_size=WIDTH * HEIGHT, max_size=WIDTH * HEIGHT).filter(any)


def masked(bits: list[bool], width: int = WIDTH, label: str = "road") -> Masked:
    """Runs counted one by one, as no code of ours does."""
    runs, now = [0], False
    for bit in bits:
        if bit != now:
            runs.append(0)
            now = bit
        runs[-1] += 1
    return Masked(label, width, len(bits) // width, tuple(runs))


@given(bitmaps)
def test_runs_come_back(bits: list[bool]) -> None:
    mask = masked(bits)
    starts, ends = stretches(mask.runs)
    assert [any(s <= i < e for s, e in zip(starts, ends, strict=True)) for i in range(len(bits))] == bits
    assert runs_of(starts, ends, len(bits)) == mask.runs
    raw = [{"label": "road", "width": WIDTH, "height": HEIGHT, "runs": list(mask.runs)}]
    assert KIND.dump(KIND.parse(raw, {})) == raw


@given(bitmaps, bitmaps)
def test_overlap_is_what_counting_pixels_says(a: list[bool], b: list[bool]) -> None:
    one, two = measure(masked(a)), measure(masked(b))
    assert overlap(one, two) == overlap(two, one) == sum(map(min, a, b)) / sum(map(max, a, b))
    top, _, bottom, _ = hulls([one])[0]
    rows = [y for y in range(HEIGHT) if any(a[y * WIDTH : (y + 1) * WIDTH])]
    assert (top, bottom) == (rows[0], rows[-1] + 1)


@given(st.lists(bitmaps, min_size=1, max_size=5))
def test_the_majority_of_each_pixel(maps: list[list[bool]]) -> None:
    most = [2 * sum(column) > len(maps) for column in zip(*maps, strict=True)]
    if any(most):
        assert majority([masked(bits) for bits in maps]) == masked(most)


@given(st.lists(bitmaps, min_size=1, max_size=4))
def test_what_masks_come_to_is_an_answer(maps: list[list[bool]]) -> None:
    value = KIND.combine([(masked(bits),) for bits in maps]).value
    assert KIND.parse(KIND.dump(value), {"photo": {"width": WIDTH, "height": HEIGHT}}) == value


def test_neighbours_of_one_label_stay_apart_and_labels_do_not_mix() -> None:
    left, right = masked([True] * 3 + [False] * 27), masked([False] * 3 + [True] * 3 + [False] * 24)
    sky = Masked("sky", WIDTH, HEIGHT, right.runs)
    assert KIND.combine([(left, right), (left, right), (left, sky)]).value == (left, right)
    assert KIND.distance((left,), (sky,)) == 1.0
    assert KIND.distance((left, right), (left,)) == pytest.approx(1 / 3)
    assert overlap(measure(left), measure(Masked("road", 5, 6, left.runs))) == 0.0


def test_a_majority_too_fine_for_an_answer_gives_way_to_the_most_central(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 3)
    row = [masked([i < n for i in range(30)]) for n in (10, 12, 14)]
    comb = masked([i % 2 == 0 for i in range(30)])
    assert KIND.combine([(mask,) for mask in row]).value == (row[1],)
    assert KIND.combine([(comb,), (comb,), (comb,)]).value == (comb,)


def test_too_many_runs_are_refused() -> None:
    stripes = [0] + [1] * 200_001
    with pytest.raises(Invalid, match="200000 runs"):
        KIND.parse([{"label": "road", "width": 200_001, "height": 1, "runs": stripes}], {})
    with pytest.raises(Invalid) as refused:
        KIND.parse([{"label": "road", "width": 65_536, "height": 1, "runs": [0, 65_536]}], {})
    assert refused.value.where == "[0].width"


def test_three_masks_of_a_twelve_megapixel_photo_take_no_bitmaps() -> None:
    """A disc with a ragged rim in 4000 x 3000 pixels, thrice: some milliseconds."""
    rows, chance = np.arange(200, 2800), np.random.default_rng(0)
    half = np.sqrt(1300.0**2 - (rows - 1500) ** 2)

    def disc() -> Masked:
        left = (2000 - half + chance.integers(-3, 4, len(rows))).astype(int)
        right = (2000 + half + chance.integers(-3, 4, len(rows)) + 8).astype(int)
        return Masked("road", 4000, 3000, runs_of(rows * 4000 + left, rows * 4000 + right, 12_000_000))

    values = [(disc(),) for _ in range(3)]
    began = time.process_time()
    combined = KIND.combine(values)
    assert time.process_time() - began < 1
    assert combined.confidence == 1.0
    assert len(combined.value[0].runs) < 8_000
