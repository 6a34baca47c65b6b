"""Pascal VOC: one XML file an image (Everingham et al. 2010, 10.1007/s11263-009-0275-4; devkit of 2012).

Pixels count from 1, and the last one belongs to the box: xmin is our left edge + 1, xmax our right edge.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import ClassVar
from xml.sax.saxutils import escape

from evenhand.core.label import BoxElement
from evenhand.core.release import ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer, images_in
from evenhand.formats.coco import around, corners
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


class Voc(Outward):
    """An archive with an XML file for each image."""

    name: ClassVar[str] = "voc"
    title: ClassVar[str] = "Pascal VOC"
    writes_with: ClassVar[frozenset[str]] = frozenset({"media"})
    beside: ClassVar[Beside | None] = images_in("JPEGImages")
    carries: ClassVar[frozenset[str]] = frozenset({"box"})
    guide: ClassVar[str] = """\
## `voc.tar`

`Annotations/NAME.xml` for each image, as the VOC devkit of 2012 reads them: pixels from 1, the last one
included. Of a turned box stands the upright one around it, and its angle as `rotation`. Images that were
stored are in `images.tar`: unpacked at the same place it makes `JPEGImages`.

    import torchvision
    torchvision.datasets.VOCDetection(root, "2012", "train")
"""

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _VocWriter(questions, folder)


class _VocWriter(Files):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        super().__init__(folder / "voc.tar")
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._categories = Categories(questions)

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        objects: dict[Medium, list[str]] = {}
        for question, elements in answers(task, self._questions).items():
            picture = medium(data, self._fields[question])
            if picture is not None:
                found = objects.setdefault(picture, [])
                found += [self._object(question, e) for e in elements if isinstance(e, BoxElement)]
        for picture, found in objects.items():
            path = PurePosixPath(picture.name)
            name = stem(picture)
            self.archive.put(f"Annotations/{name}.xml", _image(picture, path, found).encode())

    def _object(self, question: str, box: BoxElement) -> str:
        left, top, width, height = around(corners(box))
        name = escape(self._categories.names[self._categories.of(question, box.label)])
        turned = f"<rotation>{box.rotation:g}</rotation>" if box.rotation else ""
        return (
            f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated>"
            f"<difficult>0</difficult>{turned}<bndbox><xmin>{left + 1:g}</xmin><ymin>{top + 1:g}</ymin>"
            f"<xmax>{left + width:g}</xmax><ymax>{top + height:g}</ymax></bndbox></object>\n"
        )


def _image(picture: Medium, path: PurePosixPath, objects: list[str]) -> str:
    folder, name = escape(path.parent.name), escape(path.name)
    size = f"<width>{picture.width}</width><height>{picture.height}</height><depth>3</depth>"
    return (
        f"<annotation>\n<folder>{folder}</folder><filename>{name}</filename><path>{escape(picture.name)}</path>\n"
        f"<source><database>Evenhand</database></source>\n<size>{size}</size>\n<segmented>0</segmented>\n"
        f"{''.join(objects)}</annotation>\n"
    )
