"""CVAT for video 1.1: one XML file a video, its tracks as keyframes (docs.cvat.ai, "CVAT for videos").

Frames count from 0, edges are pixels. `peers/cvat.py` reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import escape, quoteattr

from evenhand.core.label import TrackElement
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import (
    Categories,
    Files,
    Medium,
    Outward,
    answers,
    data_of,
    field_of,
    medium,
    stem,
)
from evenhand.formats.tracks import Box, fps_of, keyframes, sized

LOST = "Times become frames; a video of unknown size is left out."


class CvatVideo(Outward):
    """An archive with an XML file for each video."""

    name: ClassVar[str] = "cvat_video"
    title: ClassVar[str] = "CVAT for video"
    carries: ClassVar[frozenset[str]] = frozenset({"track"})
    guide: ClassVar[str] = """\
## `cvat_video.tar`

`NAME.xml` for each video, as "CVAT for video 1.1": make a task of the video in CVAT, *Upload annotations*,
choose that format. Tracks are keyframes; CVAT draws the boxes between them as they were drawn here. Frames
are counted by the rate that the video tells, else by `<field>_fps` of the record, else 25 a second.
"""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options):
            yield Loss(part="consensus", where=question.id, reason=LOST)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _CvatWriter(questions, folder)


class _CvatWriter(Files):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        super().__init__(folder / "cvat_video.tar")
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._categories = Categories(questions)

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        films: dict[Medium, list[tuple[str, list[Box]]]] = {}
        for question, elements in answers(task, self._questions).items():
            film = medium(data, self._fields[question])
            if film is not None and film.width and film.height:
                fps = fps_of(data, self._fields[question])
                found = films.setdefault(film, [])
                for track in elements:
                    if isinstance(track, TrackElement):
                        name = self._categories.names[self._categories.of(question, track.label)]
                        boxes = [sized(box, film.width, film.height) for box in keyframes(track, fps)]
                        found.append((name, boxes))
        for film, told in films.items():
            self.archive.put(f"{stem(film)}.xml", self._text(film, told).encode())

    def _text(self, film: Medium, told: list[tuple[str, list[Box]]]) -> str:
        frames = 1 + max((boxes[-1].frame for _, boxes in told), default=0)
        labels = "".join(f"<label><name>{escape(one)}</name></label>" for one in self._categories.names)
        size = f"<width>{film.width}</width><height>{film.height}</height>"
        about = (
            f"<task><name>{escape(film.name)}</name><size>{frames}</size><mode>interpolation</mode>"
            f"<labels>{labels}</labels><original_size>{size}</original_size></task>"
        )
        tracks = [_track(i, name, boxes) for i, (name, boxes) in enumerate(told)]
        body = "\n".join(["<version>1.1</version>", f"<meta>{about}</meta>", *tracks])
        return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n{body}\n</annotations>\n'


def _track(number: int, label: str, boxes: list[Box]) -> str:
    lines = [
        f'  <box frame="{box.frame}" keyframe="1" outside="{int(box.outside)}" occluded="0" '
        f'xtl="{box.left:.2f}" ytl="{box.top:.2f}" xbr="{box.left + box.width:.2f}" '
        f'ybr="{box.top + box.height:.2f}" z_order="0"></box>'
        for box in boxes
    ]
    head = f'<track id="{number}" label={quoteattr(label)} source="manual">'
    return "\n".join([head, *lines, "</track>"])
