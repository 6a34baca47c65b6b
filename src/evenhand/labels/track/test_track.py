"""What is special about tracks: where a box is between keyframes, and what several tracks come to."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import Keyframe
from evenhand.labels.track import MOST_TRACKS, Track
from evenhand.labels.track.path import Tracked, at, between, overlap

FIELDS = {"text": "text", "film": "video"}


def kind() -> Track:
    return Track.configure({"labels": ["car", "person"]}, FIELDS)


def frame(time: float, x: float = 0, y: float = 0, outside: bool = False) -> Keyframe:
    """Thousandths of the video."""
    return Keyframe(time, x / 1000, y / 1000, 0.1, 0.05, outside)


def track(*frames: Keyframe, label: str = "car") -> Tracked:
    return Tracked(frames, label)


def dumped(*tracks: Tracked) -> Any:
    return [msgspec.to_builtins(one) for one in tracks]


def test_it_goes_straight_between_keyframes_and_stays_behind_the_last() -> None:
    moves = track(frame(1, 0), frame(3, 200), frame(4, 200, outside=True), frame(5, 300))
    edges, there = at(moves, np.array([0.5, 1, 2, 3.999, 4, 4.5, 5, 100]))
    assert there.tolist() == [False, True, True, True, False, False, True, True]
    assert (1000 * edges[:, 0]).round(3).tolist() == [0, 0, 100, 200, 200, 250, 300, 300]
    assert (1000 * edges[2]).round(3).tolist() == [100, 0, 200, 50]


def test_overlap_counts_space_and_time_and_takes_no_side() -> None:
    still, half = track(frame(0), frame(10, outside=True)), track(frame(0), frame(5, outside=True))
    assert overlap(still, still) == 1.0
    assert overlap(still, half) == overlap(half, still) == pytest.approx(0.5)
    beside = track(frame(0, 50), frame(10, 50, outside=True))
    assert overlap(still, beside) == pytest.approx(1 / 3)
    assert overlap(track(frame(2)), track(frame(2))) == 1.0, "of one moment"
    assert overlap(track(frame(0)), track(frame(0, 200))) == 0.0
    assert overlap(track(frame(0)), track(frame(0), frame(9))) == 1.0, "a box stays behind its last keyframe"
    one, other = dumped(still), dumped(half)
    made = kind()
    assert made.distance(made.load(one), made.load(other)) == 0.0
    assert made.distance(made.load(one), made.load(dumped(track(*still.keyframes, label="person")))) == 1.0


def test_a_majority_is_the_median_of_what_it_drew() -> None:
    def drawn(off: float, start: float, end: float) -> Any:
        return kind().load(dumped(track(frame(start, off, off), frame(end, 200 + off, off, outside=True))))

    found = kind().combine([drawn(0, 1, 5), drawn(4, 1.04, 5.04), drawn(12, 1.08, 5.08)])
    (one,) = found.value
    assert (one.keyframes[0].time, one.keyframes[-1].time) == (1.04, 5.04), "half of them say so"
    assert [k.outside for k in one.keyframes] == [False] * (len(one.keyframes) - 1) + [True]
    edges, _ = at(one, np.array([3.0]))
    assert edges[0, 0] == pytest.approx(at(drawn(4, 1.04, 5.04)[0], np.array([3.0]))[0][0, 0], abs=0.003)
    lonely = kind().combine([drawn(0, 1, 5), (), ()])
    assert lonely.value == () and found.method == "cluster"


def test_the_middle_leaves_out_what_a_straight_line_says() -> None:
    many = track(*(frame(i / 10, 10 * i) for i in range(30)))
    few = track(frame(0, 0), frame(2.9, 290))
    assert between([many, few], [1, 1]).keyframes == few.keyframes
    assert between([few, many], [1, 1]) == between([many, few], [1, 1])
    bent = track(frame(0, 0), frame(1, 300), frame(2.9, 290))
    assert len(between([bent, bent], [1, 1]).keyframes) == 3
    assert between([few, bent], [1, 0.1]).keyframes == few.keyframes, "by weight"


def test_tracks_that_are_never_there_together_come_to_one_of_them() -> None:
    chain = [track(frame(i), frame(i + 1, outside=True)) for i in range(5)]
    assert between(chain, [1.0] * 5) in chain


def test_too_many_are_refused_and_the_flag_takes_the_first_video() -> None:
    tracks = [{"label": "car", "keyframes": [msgspec.to_builtins(frame(i))]} for i in range(MOST_TRACKS + 1)]
    with pytest.raises(Invalid, match="More than 200"):
        kind().parse(tracks, {})
    assert Track.from_flag("a,b", FIELDS) == {"field": "film", "labels": ["a", "b"]}
    with pytest.raises(Invalid, match="no video field"):
        Track.from_flag("a", {"x": "audio"})
