"""MOTChallenge: each box in each frame (Milan et al. 2016, arXiv 1603.00831, section 3.3; motchallenge.net).

Frames, ids and pixels count from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from evenhand.core.release import Loss, ReleasedQuestion, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.outward import Outward, stem
from evenhand.formats.tracks import Box, Film, FilmFiles, every, keyframes, sized


class Mot(Outward):
    """An archive with a folder for each video."""

    name: ClassVar[str] = "mot"
    title: ClassVar[str] = "MOT"
    carries: ClassVar[frozenset[str]] = frozenset({"track"})
    guide: ClassVar[str] = """\
## `mot.tar`

For each video `NAME/gt/gt.txt`, a line for each box in each frame: frame, id, left, top, width, height, 1,
class, 1; frames, ids, classes and pixels count from 1. `NAME/gt/labels.txt` names the classes in their order,
`NAME/seqinfo.ini` tells rate and size. A track that does not end goes on to the last keyframe of the video's
tracks, since how long the video is, nobody told. Frames are counted by the rate that the video tells, else by
`<field>_fps` of the record, else 25 a second.

    import motmetrics
    truth = motmetrics.io.loadtxt("NAME/gt/gt.txt", fmt="mot16")
"""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options):
            reason = (
                "Times become frames, keyframes a box in every frame; a video of unknown size is left out."
            )
            yield Loss(part="consensus", where=question.id, reason=reason)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _MotWriter(folder / "mot.tar", questions)


class _MotWriter(FilmFiles):
    def put(self, film: Film) -> None:
        name, (video, fps, told) = stem(film.medium), film
        last = max((keyframes(track, fps)[-1].frame for _, track in told), default=0)
        lines = sorted(
            (box.frame + 1, id_, _line(sized(box, video.width, video.height), class_ + 1))
            for id_, (class_, track) in enumerate(told, 1)
            for box in every(track, fps, last)
        )
        text = "".join(f"{frame},{id_},{line}\n" for frame, id_, line in lines)
        names = "".join(f"{one}\n" for one in self.categories.names)
        about = (
            f"[Sequence]\nname={Path(name).name}\nimDir=img1\nframeRate={fps:g}\nseqLength={last + 1}\n"
            f"imWidth={video.width}\nimHeight={video.height}\nimExt=.jpg\n"
        )
        self.archive.put(f"{name}/gt/gt.txt", text.encode())
        self.archive.put(f"{name}/gt/labels.txt", names.encode())
        self.archive.put(f"{name}/seqinfo.ini", about.encode())


def _line(box: Box, class_: int) -> str:
    """What follows frame and id."""
    return f"{box.left + 1:.2f},{box.top + 1:.2f},{box.width:.2f},{box.height:.2f},1,{class_},1"
