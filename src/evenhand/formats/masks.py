"""Indexed masks: one PNG an image, whose pixels hold the number of their class (as in Pascal VOC's
segmentation and most loaders of semantic masks). 0 is the background; the PNG has a palette.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from evenhand.core.label import MaskElement
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer, images_in
from evenhand.formats.coco import pixels
from evenhand.formats.outward import Categories, Files, Outward, answers, data_of, field_of, medium, stem

CLASSES = 255  # that one byte a pixel can tell apart, beside the background


class Masks(Outward):
    """An archive with a PNG for each image, and the list of classes."""

    name: ClassVar[str] = "masks"
    title: ClassVar[str] = "Indexed masks"
    writes_with: ClassVar[frozenset[str]] = frozenset({"media"})
    beside: ClassVar[Beside | None] = images_in("images")
    carries: ClassVar[frozenset[str]] = frozenset({"mask"})
    guide: ClassVar[str] = """\
## `masks.tar`

`masks/NAME.png` for each image: one byte a pixel, 0 where nothing is, else the number of a class.
`classes.txt` has a line for each number, from 0. Where masks overlap, the later one covers the earlier.
Images that were stored are in `images.tar`, under the same names.

    import numpy, PIL.Image
    classes = numpy.asarray(PIL.Image.open("masks/NAME.png"))
"""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options):
            reason = (
                "Instances of one class become one, and of masks that overlap the later covers the earlier."
            )
            yield Loss(part="consensus", where=question.id, reason=reason)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _MaskWriter(questions, folder)


class _MaskWriter(Files):
    def __init__(self, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        super().__init__(folder / "masks.tar")
        self._questions = questions
        self._fields = {question.id: field_of(question) for question in questions}
        self._categories = Categories(questions)

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        for question, elements in answers(task, self._questions).items():
            picture = medium(data, self._fields[question])
            found = [element for element in elements if isinstance(element, MaskElement)]
            if picture is None or not (found or picture.width * picture.height):
                continue
            high = found[0].height if found else picture.height
            wide = found[0].width if found else picture.width
            canvas = np.zeros((high, wide), np.uint8)
            for mask in found:
                number = self._categories.of(question, mask.label) + 1
                canvas[pixels(mask) > 0] = min(number, CLASSES)
            name = stem(picture)
            self.archive.put(f"masks/{name}.png", png(canvas))

    def last(self) -> None:
        lines = "\n".join(["background", *(name.replace("\n", " ") for name in self._categories.names)])
        self.archive.put("classes.txt", f"{lines}\n".encode())


def png(canvas: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> bytes:
    """A PNG with a palette (ISO/IEC 15948): colours of Pascal VOC, so that classes can be told apart."""
    high, wide = canvas.shape
    rows = np.zeros((high, wide + 1), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = canvas
    header = struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", PALETTE),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _colour(number: int) -> tuple[int, int, int]:
    """Pascal VOC's colour of a class: its bits, spread over the high bits of red, green and blue."""
    red = green = blue = 0
    for place in range(8):
        red |= (number & 1) << (7 - place)
        green |= (number >> 1 & 1) << (7 - place)
        blue |= (number >> 2 & 1) << (7 - place)
        number >>= 3
    return red, green, blue


PALETTE = bytes(part for number in range(256) for part in _colour(number))
