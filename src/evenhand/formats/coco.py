"""COCO: boxes, polygons, masks and keypoints as cocodataset.org describes them, for pycocotools.

Ids of images, annotations and categories begin at 1: COCOeval takes an annotation with id 0 for one
without a match. Masks are uncompressed run lengths, counted column by column.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from evenhand.core.label import (
    BoxElement,
    Element,
    Json,
    KeypointElement,
    LabelledElement,
    MaskElement,
    PolygonElement,
)
from evenhand.core.release import ReleasedFile, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer, images_in
from evenhand.formats.output import Output
from evenhand.formats.outward import (
    Categories,
    Medium,
    Outward,
    answers,
    data_of,
    field_of,
    medium,
)

_encode = msgspec.json.Encoder().encode


class Coco(Outward):
    """One JSON file with images, annotations and categories."""

    name: ClassVar[str] = "coco"
    title: ClassVar[str] = "COCO"
    writes_with: ClassVar[frozenset[str]] = frozenset({"media"})
    beside: ClassVar[Beside | None] = images_in("images")
    carries: ClassVar[frozenset[str]] = frozenset({"box", "polygon", "mask", "keypoint"})
    keeps: ClassVar[frozenset[str]] = frozenset({"external_id"})
    guide: ClassVar[str] = """\
## `annotations.json`

COCO's own form: `images` (with `task_id` and `external_id`), `annotations`, `categories`. Ids begin at 1.
Boxes are `[x, y, width, height]` in pixels; of a turned box `bbox` is the upright one around it,
`segmentation` its corners and `attributes.rotation` its angle. Masks are run lengths. All points of one
answer are one annotation with `keypoints`. `file_name` and `coco_url` say where images are; those that were
stored are in `images.tar`, which makes a folder `images`.

    from pycocotools.coco import COCO
    coco = COCO("annotations.json")
"""

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _CocoWriter(questions, folder)


class _CocoWriter(Writer):
    """Images go to the file at once, annotations wait in a second one until the images are complete."""

    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._points = {q.id: q.classes for q in questions if q.elements == {"keypoint"}}
        self._categories = Categories(tuple(q for q in questions if q.id not in self._points))
        self._images = self._annotations = 0
        self._output = Output(folder / "annotations.json")
        self._output.write(
            b'{"info":{"description":"Evenhand export","version":"1.0"},"licenses":[],"images":['
        )
        self._waiting = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `close` or `abort`

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        images: dict[str, int] = {}
        for question, elements in answers(task, self._questions).items():
            field = self._fields[question]
            picture = medium(data, field)
            if picture is not None:
                if field not in images:
                    images[field] = self._image(task, picture)
                for annotation in self._marks(question, elements):
                    self._annotation(images[field], annotation)

    def _image(self, task: ReleasedTask, picture: Medium) -> int:
        self._images += 1
        image = {
            "id": self._images,
            "file_name": picture.name,
            "width": picture.width,
            "height": picture.height,
        }
        image |= {"coco_url": picture.url} if picture.url else {}
        image |= {"task_id": task.task_id, "external_id": task.external_id}
        self._output.write((b"," if self._images > 1 else b"") + _encode(image))
        return self._images

    def _annotation(self, image: int, annotation: dict[str, Json]) -> None:
        self._annotations += 1
        whole = {"id": self._annotations, "image_id": image, "iscrowd": 0} | annotation
        self._waiting.write((b"," if self._annotations > 1 else b"") + _encode(whole))

    def _marks(self, question: str, elements: tuple[Element, ...]) -> Iterator[dict[str, Json]]:
        if question in self._points:
            if elements:
                yield self._skeleton(question, elements)
            return
        for element in elements:
            assert isinstance(element, LabelledElement), "nothing else is carried"
            number = len(self._points) + self._categories.of(question, element.label) + 1
            category = {"category_id": number}
            if isinstance(element, BoxElement):
                yield category | _box(element)
            elif isinstance(element, PolygonElement):
                yield category | _polygon(element)
            elif isinstance(element, MaskElement):
                yield category | _mask(element)

    def _skeleton(self, question: str, elements: tuple[Element, ...]) -> dict[str, Json]:
        """All points of an answer; of several with one label the first, for a skeleton has one place each."""
        names = self._points[question]
        places = {e.label: e for e in reversed(elements) if isinstance(e, KeypointElement)}
        flat: list[Json] = []
        for name in names:
            point = places.get(name)
            flat += [0, 0, 0] if point is None else [point.x, point.y, 2 if point.visible else 1]
        xs, ys = [e.x for e in places.values()], [e.y for e in places.values()]
        box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        return {
            "category_id": list(self._points).index(question) + 1,
            "keypoints": flat,
            "num_keypoints": sum(name in places for name in names),
            "bbox": box,
            "area": box[2] * box[3],
        }

    def close(self) -> tuple[ReleasedFile, ...]:
        self._output.write(b'],"annotations":[')
        self._waiting.seek(0)
        shutil.copyfileobj(self._waiting, self._output, 1 << 20)
        categories: list[dict[str, Json]] = [
            {"name": question, "keypoints": list(names), "skeleton": []}
            for question, names in self._points.items()
        ]
        categories += [{"name": name} for name in self._categories.names]
        numbered = [{"id": i, "supercategory": ""} | one for i, one in enumerate(categories, 1)]
        self._output.write(b'],"categories":' + _encode(numbered) + b"}\n")
        self._waiting.close()
        return (self._output.keep(),)

    def abort(self) -> None:
        self._waiting.close()
        self._output.drop()


def corners(box: BoxElement) -> list[tuple[float, float]]:
    """The corners of a box that may be turned about its centre, clockwise from its top left one."""
    cx, cy = box.x + box.width / 2, box.y + box.height / 2
    if not box.rotation:
        c, s = 1.0, 0.0
    else:
        angle = math.radians(box.rotation)
        c, s = math.cos(angle), math.sin(angle)
    w, h = box.width / 2, box.height / 2
    return [(cx + dx * c - dy * s, cy + dx * s + dy * c) for dx, dy in ((-w, -h), (w, -h), (w, h), (-w, h))]


def around(points: list[tuple[float, float]]) -> list[float]:
    """[x, y, width, height] of the upright box around these points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _box(box: BoxElement) -> dict[str, Json]:
    area = box.width * box.height
    if not box.rotation:
        return {"bbox": [box.x, box.y, box.width, box.height], "area": area, "segmentation": []}
    found = corners(box)
    flat = [value for point in found for value in point]
    turned = {"rotation": box.rotation}
    return {"bbox": around(found), "area": area, "segmentation": [flat], "attributes": turned}


def _polygon(polygon: PolygonElement) -> dict[str, Json]:
    points = list(polygon.points)
    twice = sum(
        x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True)
    )
    flat = [value for point in points for value in point]
    return {"bbox": around(points), "area": abs(twice) / 2, "segmentation": [flat]}


def pixels(mask: MaskElement) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The mask as rows of 0 and 1."""
    on = np.repeat(np.arange(len(mask.runs), dtype=np.uint8) % 2, mask.runs)
    return on.reshape(mask.height, mask.width)


def column_runs(mask: MaskElement) -> list[int]:
    """Lengths of alternating runs, off first, counted column by column, as COCO counts."""
    flat = pixels(mask).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts: list[int] = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *counts] if flat[0] else counts


def _mask(mask: MaskElement) -> dict[str, Json]:
    on = pixels(mask)
    rows, columns = np.flatnonzero(on.any(axis=1)), np.flatnonzero(on.any(axis=0))
    box = [0, 0, 0, 0]
    if len(rows):
        x, y = int(columns[0]), int(rows[0])
        box = [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]
    runs = {"size": [mask.height, mask.width], "counts": column_runs(mask)}
    return {"bbox": box, "area": int(on.sum()), "segmentation": runs}
