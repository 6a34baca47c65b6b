"""MOTChallenge: each box in each frame (Milan et al. 2016, arXiv 1603.00831, section 3.3; motchallenge.net).

Frames, ids and pixels count from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

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
from evenhand.formats.tracks import Box, every, fps_of, keyframes, sized


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
        return _MotWriter(questions, folder)


class _MotWriter(Files):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        super().__init__(folder / "mot.tar")
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._categories = Categories(questions)

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        films: dict[Medium, list[tuple[int, TrackElement]]] = {}
        rates: dict[Medium, float] = {}
        for question, elements in answers(task, self._questions).items():
            film = medium(data, self._fields[question])
            if film is not None and film.width and film.height:
                rates[film] = fps_of(data, self._fields[question])
                tracks = [one for one in elements if isinstance(one, TrackElement)]
                found = films.setdefault(film, [])
                found += [(self._categories.of(question, track.label) + 1, track) for track in tracks]
        for film, told in films.items():
            self._put(film, rates[film], told)

    def _put(self, film: Medium, fps: float, told: list[tuple[int, TrackElement]]) -> None:
        name = stem(film)
        last = max((keyframes(track, fps)[-1].frame for _, track in told), default=0)
        lines = sorted(
            (box.frame + 1, id_, _line(sized(box, film.width, film.height), class_))
            for id_, (class_, track) in enumerate(told, 1)
            for box in every(track, fps, last)
        )
        text = "".join(f"{frame},{id_},{line}\n" for frame, id_, line in lines)
        names = "".join(f"{one}\n" for one in self._categories.names)
        about = (
            f"[Sequence]\nname={Path(name).name}\nimDir=img1\nframeRate={fps:g}\nseqLength={last + 1}\n"
            f"imWidth={film.width}\nimHeight={film.height}\nimExt=.jpg\n"
        )
        self.archive.put(f"{name}/gt/gt.txt", text.encode())
        self.archive.put(f"{name}/gt/labels.txt", names.encode())
        self.archive.put(f"{name}/seqinfo.ini", about.encode())


def _line(box: Box, class_: int) -> str:
    """What follows frame and id."""
    return f"{box.left + 1:.2f},{box.top + 1:.2f},{box.width:.2f},{box.height:.2f},1,{class_},1"
