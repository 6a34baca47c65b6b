"""YOLO: one text file an image, as Ultralytics reads them (docs.ultralytics.com/datasets).

A line is a class from 0 and numbers from 0 to 1, shares of the image's width and height: centre and
size of an upright box, or the corners of a polygon or of a turned box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from evenhand.core.label import (
    BoxElement,
    Element,
    LabelledElement,
    PolygonElement,
)
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer, images_in
from evenhand.formats.coco import corners
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


class Yolo(Outward):
    """An archive with `data.yaml` and a file of labels for each image."""

    name: ClassVar[str] = "yolo"
    title: ClassVar[str] = "YOLO"
    writes_with: ClassVar[frozenset[str]] = frozenset({"media"})
    beside: ClassVar[Beside | None] = images_in("images/train")
    carries: ClassVar[frozenset[str]] = frozenset({"box", "polygon"})
    guide: ClassVar[str] = """\
## `yolo.tar`

Unpack it where the images are. `labels/train/NAME.txt` has a line for each box (`class x y width height`)
or polygon (`class x1 y1 x2 y2 …`), as shares of width and height; of a turned box its four corners.
`data.yaml` names the classes. Images that were stored are in `images.tar`: unpacked at the same place it
makes `images/train`; put others there.

    from ultralytics import YOLO
    YOLO("yolo11n.pt").train(data="data.yaml")
"""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options):
            reason = "Images of unknown size are left out: shares cannot be told."
            yield Loss(part="data", where=field_of(question), reason=reason)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _YoloWriter(questions, folder)


class _YoloWriter(Files):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        super().__init__(folder / "yolo.tar")
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._categories = Categories(questions)

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        lines: dict[Medium, list[str]] = {}
        for question, elements in answers(task, self._questions).items():
            picture = medium(data, self._fields[question])
            if picture is not None and picture.width and picture.height:
                lines.setdefault(picture, []).extend(self._line(question, e, picture) for e in elements)
        for picture, found in lines.items():
            name = stem(picture)
            self.archive.put(f"labels/train/{name}.txt", "".join(found).encode())

    def _line(self, question: str, element: Element, picture: Medium) -> str:
        wide, high = picture.width, picture.height
        if isinstance(element, BoxElement) and not element.rotation:
            x, y = element.x + element.width / 2, element.y + element.height / 2
            numbers = [x / wide, y / high, element.width / wide, element.height / high]
        else:
            points = corners(element) if isinstance(element, BoxElement) else _points(element)
            numbers = [share for x, y in points for share in (x / wide, y / high)]
        assert isinstance(element, LabelledElement), "nothing else is carried"
        shares = " ".join(f"{min(max(number, 0.0), 1.0):.6f}" for number in numbers)
        return f"{self._categories.of(question, element.label)} {shares}\n"

    def last(self) -> None:
        names = "".join(
            f"  {i}: {msgspec.json.encode(name).decode()}\n" for i, name in enumerate(self._categories.names)
        )
        text = f"path: .\ntrain: images/train\nval: images/train\nnames:\n{names}"
        self.archive.put("data.yaml", text.encode())


def _points(element: Element) -> list[tuple[float, float]]:
    assert isinstance(element, PolygonElement), "nothing else is carried"
    return list(element.points)
