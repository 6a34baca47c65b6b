"""Image folders of ``datasets`` (huggingface.co/docs/datasets/image_dataset): images and lines about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from evenhand.core.release import Loss, ReleasedColumn, ReleasedQuestion, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer, images_in
from evenhand.formats.huggingface import IMAGES, Column, Feature, HuggingFace, JsonRows, columns
from evenhand.formats.outward import field_of

SHAPES = frozenset({"box", "polygon", "mask", "keypoint"})


class ImageFolder(HuggingFace):
    """`metadata.jsonl` beside the folder of images that it names."""

    name: ClassVar[str] = "imagefolder"
    title: ClassVar[str] = "Hugging Face image folder"
    writes_with: ClassVar[frozenset[str]] = frozenset({"media"})
    beside: ClassVar[Beside | None] = images_in(IMAGES)
    file: ClassVar[str] = "metadata.jsonl"
    guide: ClassVar[str] = f"""\
## `metadata.jsonl`

A line for each task. Of each field with an image, `<field>_file_name` says where it lies, and becomes the
column `<field>`. Then the other keys of the data; for each question its consensus under the question's id,
with `<question>_confidence`; `task_id`, `external_id`, `metadata`. Classes are names. What has no one type
is JSON text. Images that were stored are in `images.tar`: unpack it here. Others belong into `{IMAGES}/`,
as the lines name them.

    from datasets import load_dataset
    rows = load_dataset("path/of/this/folder", split="train")
"""

    def card(self, schema: ReleaseSchema) -> str:
        files = [{"split": "train", "path": [self.file, f"{IMAGES}/**"]}]
        configs = msgspec.json.encode([{"config_name": "default", "data_files": files}])
        return f"---\nconfigs: {configs.decode()}\n---\n\n"

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        images = image_columns(schema)
        yield from (loss for loss in super().more_loss(schema, options) if loss.where not in images)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        images = image_columns(schema)
        named = [
            ReleasedColumn(name=f"{c.name}_file_name", schema={"type": "string"}) if c.name in images else c
            for c in schema.columns
        ]
        layout = columns(dataclasses.replace(schema, columns=tuple(named)))
        files = {f"{name}_file_name": name for name in images}
        return JsonRows(folder / self.file, tuple(_told(column, files) for column in layout))


def _told(column: Column, files: dict[str, str]) -> Column:
    is_file = column.of == "data" and column.name in files
    return Column(column.name, Feature("value", "string"), "file", files[column.name]) if is_file else column


def image_columns(schema: ReleaseSchema) -> frozenset[str]:
    """Keys of the data that hold images: stored ones, and those that questions draw in."""
    drawn = {field_of(question) for question in schema.questions if question.elements & SHAPES}
    return frozenset(c.name for c in schema.columns if c.name in drawn or _is_stored_image(c))


def _is_stored_image(column: ReleasedColumn) -> bool:
    parts = column.schema.get("properties") or {}
    return {"blob", "width", "height"} <= parts.keys()
