"""What formats of tracks share: boxes frame by frame, frames counted from 0 by the rate of the video."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from evenhand.core.label import Json, Keyframe, TrackElement
from evenhand.core.release import ReleasedQuestion, ReleasedTask
from evenhand.formats.outward import Categories, Files, Medium, answers, data_of, field_of, medium

FPS = 25.0
"""Frames a second, where a video does not tell them and no record does."""


class Box(NamedTuple):
    """Where a track is in one frame: parts of the video as shown, or pixels (`sized`)."""

    frame: int  # from 0
    left: float
    top: float
    width: float
    height: float
    outside: bool  # it is not there


class Film(NamedTuple):
    """A video of known size, and the tracks that the answers to a task found in it."""

    medium: Medium
    fps: float
    tracks: list[tuple[int, TrackElement]]  # the number of the category, from 0, and the track


class FilmFiles(Files):
    """An archive with files for each video; one of unknown size is left out, as it has no pixels to tell."""

    def __init__(self, path: Path, questions: tuple[ReleasedQuestion, ...]) -> None:
        super().__init__(path)
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self.categories = Categories(questions)

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        films: dict[Medium, Film] = {}
        for question, elements in answers(task, self._questions).items():
            video = medium(data, self._fields[question])
            if video is not None and video.width and video.height:
                film = films.setdefault(video, Film(video, fps_of(data, self._fields[question]), []))
                tracks = (one for one in elements if isinstance(one, TrackElement))
                film.tracks.extend((self.categories.of(question, track.label), track) for track in tracks)
        for film in films.values():
            self.put(film)

    @abstractmethod
    def put(self, film: Film) -> None:
        """Write a video's files into the archive."""


def fps_of(data: Mapping[str, Json], field: str) -> float:
    """Frames a second of the video in this field: as it tells itself, or the record does (`<field>_fps`)."""
    value = data.get(field)
    for said in (value.get("fps") if isinstance(value, Mapping) else None, data.get(f"{field}_fps")):
        if isinstance(said, int | float) and 0 < said <= 1_000:
            return float(said)
    return FPS


def keyframes(track: TrackElement, fps: float) -> list[Box]:
    """The keyframes at their frames; of two at one frame, the later."""
    found = {round(key.time * fps): key for key in track.keyframes}
    return [_box(frame, key) for frame, key in sorted(found.items())]


def every(track: TrackElement, fps: float, last: int) -> Iterator[Box]:
    """The track in each frame where it is there, from its first keyframe to the frame `last`."""
    known = keyframes(track, fps)
    for i, key in enumerate(known):
        after = known[i + 1] if i + 1 < len(known) else None
        if not key.outside:
            for frame in range(key.frame, after.frame if after else last + 1):
                yield between(key, after, frame)


def between(before: Box, after: Box | None, frame: int) -> Box:
    """On the line from one keyframe to the next; as the last one where there is no next."""
    if after is None or frame == before.frame:
        return before._replace(frame=frame)
    along = (frame - before.frame) / (after.frame - before.frame)
    left, top, right, bottom = (
        a + along * (b - a) for a, b in zip(_edges(before), _edges(after), strict=True)
    )
    return Box(frame, left, top, right - left, bottom - top, before.outside)


def sized(box: Box, wide: int, high: int) -> Box:
    """The box in pixels of a video of this size."""
    frame, left, top, width, height, outside = box
    return Box(frame, wide * left, high * top, wide * width, high * height, outside)


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def _box(frame: int, key: Keyframe) -> Box:
    return Box(frame, key.x, key.y, key.width, key.height, key.outside)
