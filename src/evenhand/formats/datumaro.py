"""Datumaro's own JSON (github.com/open-edge-platform/datumaro): one file of items with annotations."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import ClassVar

import msgspec

from evenhand.core.label import (
    BoxElement,
    ClassElement,
    Element,
    Json,
    KeypointElement,
    LabelledElement,
    MaskElement,
    PolygonElement,
)
from evenhand.core.release import ReleasedFile, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer, images_in
from evenhand.formats.coco import column_runs
from evenhand.formats.outward import (
    Categories,
    Lines,
    Outward,
    answers,
    data_of,
    field_of,
    medium,
)

_encode = msgspec.json.Encoder().encode


class Datumaro(Outward):
    """One JSON file; items first, for the categories are complete only at the end."""

    name: ClassVar[str] = "datumaro"
    title: ClassVar[str] = "Datumaro"
    writes_with: ClassVar[frozenset[str]] = frozenset({"media"})
    beside: ClassVar[Beside | None] = images_in("images/default")
    carries: ClassVar[frozenset[str]] = frozenset({"class", "box", "polygon", "mask", "keypoint"})
    guide: ClassVar[str] = """\
## `default.json`

Put it into a folder `annotations`, beside the folder `images` that `images.tar` makes. Each task is an item,
its id that of the task; `attributes.question` says which question an annotation answers.

    from datumaro.components.dataset import Dataset
    dataset = Dataset.import_from(".", "datumaro")
"""

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _DatumaroWriter(questions, folder)


class _DatumaroWriter(Lines):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        super().__init__(folder / "default.json")
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._categories = Categories(questions)
        self._first = True
        self.output.write(b'{"info":{},"dm_format_version":"1.0","media_type":2,"items":[')

    def piece(self, task: ReleasedTask) -> bytes:
        data = data_of(task.data)
        found = answers(task, self._questions)
        if not found:
            return b""
        annotations = [
            {"id": number, "group": 0, "attributes": {"question": question}} | self._mark(question, element)
            for number, (question, element) in enumerate(
                (question, element) for question, elements in found.items() for element in elements
            )
        ]
        item: dict[str, Json] = {"id": task.task_id, "annotations": annotations}
        pictures = [medium(data, self._fields[question]) for question in found if self._fields[question]]
        for picture in pictures[:1]:
            if picture is not None:
                path = PurePosixPath(picture.name).as_posix()
                size = {"size": [picture.height, picture.width]} if picture.width and picture.height else {}
                item["image"] = {"path": path} | size
        comma, self._first = b"" if self._first else b",", False
        return comma + _encode(item)

    def _mark(self, question: str, element: Element) -> dict[str, Json]:
        assert isinstance(element, ClassElement | LabelledElement), "nothing else is carried"
        label = element.value if isinstance(element, ClassElement) else element.label
        common = {"label_id": self._categories.of(question, label), "z_order": 0}
        match element:
            case ClassElement():
                return {"type": "label", "label_id": common["label_id"]}
            case BoxElement():
                box = [element.x, element.y, element.width, element.height]
                turned = {"rotation": element.rotation} if element.rotation else {}
                return common | {"type": "bbox", "bbox": box, "attributes": {"question": question} | turned}
            case PolygonElement():
                return common | {"type": "polygon", "points": [value for p in element.points for value in p]}
            case KeypointElement():
                seen = 2 if element.visible else 1
                return common | {"type": "points", "points": [element.x, element.y], "visibility": [seen]}
            case MaskElement():
                return common | {"type": "mask", "rle": _compressed(element)}
        raise AssertionError("nothing else is carried")

    def close(self) -> tuple[ReleasedFile, ...]:
        labels = [{"name": name, "parent": "", "attributes": []} for name in self._categories.names]
        categories = {"label": {"label_group": [], "labels": labels, "attributes": []}}
        self.flush()
        self.output.write(b'],"categories":' + _encode(categories) + b"}\n")
        return super().close()


def _compressed(mask: MaskElement) -> dict[str, Json]:
    """Run lengths as COCO's C code packs them: five bits a character, later runs as differences."""
    counts, text = column_runs(mask), bytearray()
    for i, run in enumerate(counts):
        value = run - counts[i - 2] if i > 2 else run
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text.append((bits | (0x20 if more else 0)) + 48)
    return {"counts": text.decode(), "size": [mask.height, mask.width]}
