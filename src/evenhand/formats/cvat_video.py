"""CVAT for video 1.1: one XML file a video, its tracks as keyframes (docs.cvat.ai, "CVAT for videos").

Frames count from 0, edges are pixels. `peers/cvat.py` reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import escape, quoteattr

from evenhand.core.release import Loss, ReleasedQuestion, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import Outward, stem
from evenhand.formats.tracks import Box, Film, FilmFiles, keyframes, sized

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
        return _CvatWriter(folder / "cvat_video.tar", questions)


class _CvatWriter(FilmFiles):
    def put(self, film: Film) -> None:
        video, fps, tracks = film
        names = self.categories.names
        told = [
            (names[class_], [sized(box, video.width, video.height) for box in keyframes(track, fps)])
            for class_, track in tracks
        ]
        frames = 1 + max((boxes[-1].frame for _, boxes in told), default=0)
        labels = "".join(f"<label><name>{escape(one)}</name></label>" for one in names)
        size = f"<width>{video.width}</width><height>{video.height}</height>"
        about = (
            f"<task><name>{escape(video.name)}</name><size>{frames}</size><mode>interpolation</mode>"
            f"<labels>{labels}</labels><original_size>{size}</original_size></task>"
        )
        written = [_track(i, name, boxes) for i, (name, boxes) in enumerate(told)]
        body = "\n".join(["<version>1.1</version>", f"<meta>{about}</meta>", *written])
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n{body}\n</annotations>\n'
        self.archive.put(f"{stem(video)}.xml", text.encode())


def _track(number: int, label: str, boxes: list[Box]) -> str:
    lines = [
        f'  <box frame="{box.frame}" keyframe="1" outside="{int(box.outside)}" occluded="0" '
        f'xtl="{box.left:.2f}" ytl="{box.top:.2f}" xbr="{box.left + box.width:.2f}" '
        f'ybr="{box.top + box.height:.2f}" z_order="0"></box>'
        for box in boxes
    ]
    head = f'<track id="{number}" label={quoteattr(label)} source="manual">'
    return "\n".join([head, *lines, "</track>"])
