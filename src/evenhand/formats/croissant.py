"""Croissant 1.1 (mlcommons.org/croissant): a data set with a description that tools find and load it by.

The RAI fields (mlcommons.org/croissant/RAI) say how the labels came about, from what the node knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from evenhand.core.label import Json
from evenhand.core.release import About, Loss, ReleasedFile, ReleasedQuestion, ReleaseSchema
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.huggingface import Column, Feature, JsonRows, columns
from evenhand.formats.output import Output
from evenhand.formats.outward import Outward

_encode = msgspec.json.Encoder().encode
FILE = "records.jsonl"
TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}
TEXT = Feature("json")


class Croissant(Outward):
    """JSON Lines and `croissant.json`."""

    name: ClassVar[str] = "croissant"
    title: ClassVar[str] = "Croissant"
    keeps: ClassVar[frozenset[str]] = frozenset({"external_id", "metadata", "confidence", "unanswered"})
    guide: ClassVar[str] = f"""\
## `{FILE}` and `croissant.json`

`croissant.json` describes the columns and how the labels came about (RAI fields: protocol, platform,
annotations per item, agreement, models). The keys of the data are columns; then for each question its
consensus, with `<question>_confidence`; then `task_id`, `external_id`, `metadata`. Lists and objects are JSON
text. Add a licence and where it is published before you publish it.

    import mlcroissant
    dataset = mlcroissant.Dataset("croissant.json")
    records = dataset.records("records")
"""

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        return schema.questions

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        for column in columns(schema):
            if column.of == "data" and column.kind.kind not in ("value", "class"):
                yield Loss(part="data", where=column.key, reason="Its values become JSON text.")

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _CroissantWriter(schema, folder)


class _CroissantWriter(JsonRows):
    def __init__(self, schema: ReleaseSchema, folder: Path) -> None:
        self._folder = folder
        self._about = schema.about or About(name="Evenhand export")
        self._layout = tuple(
            column if column.kind.kind in ("value", "class") else column._replace(kind=TEXT)
            for column in columns(schema)
        )
        super().__init__(folder / FILE, self._layout)

    def close(self) -> tuple[ReleasedFile, ...]:
        description = Output(self._folder / "croissant.json")
        try:
            (records,) = super().close()
            whole = describe(self._about, self._layout, records)
            description.write(msgspec.json.format(_encode(whole), indent=2) + b"\n")
            return (records, description.keep())
        finally:
            description.drop()


def describe(about: About, layout: tuple[Column, ...], records: ReleasedFile) -> dict[str, Json]:
    """The description as JSON-LD."""
    file = {
        "@type": "cr:FileObject",
        "@id": FILE,
        "name": FILE,
        "contentUrl": FILE,
        "contentSize": f"{records.bytes} B",
        "encodingFormat": "application/jsonlines",
        "sha256": records.sha256,
    }
    questions = "; ".join(about.questions)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": re.sub(r"[^A-Za-z0-9 ._-]+", " ", about.name).strip()[:255] or "Evenhand export",
        "description": f"{about.name}. Annotators were asked: {questions}." if questions else about.name,
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "version": "1.0.0",
        **_rai(about),
        "distribution": [file],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "records",
                "name": "records",
                "field": [_field(i, column) for i, column in enumerate(layout)],
            }
        ],
    }


def _field(number: int, column: Column) -> dict[str, Json]:
    said = {"consensus": "What the answers come to.", "confidence": "How sure the consensus is, 0 to 1."}
    return {
        "@type": "cr:Field",
        "@id": f"records/{number}",
        "name": column.name,
        "description": said.get(column.of, column.name),
        "dataType": TYPES.get(column.kind.dtype, "sc:Text"),
        "source": {"fileObject": {"@id": FILE}, "extract": {"column": column.name}},
    }


def _rai(about: About) -> dict[str, Json]:
    """What is known of how the labels came about; nothing that is not."""
    found: dict[str, Json] = {
        "rai:dataAnnotationProtocol": about.instructions or "; ".join(about.questions),
        "rai:dataAnnotationPlatform": about.software,
        "rai:annotationsPerItem": f"{about.overlap} wanted; {about.annotations} by {about.people} people",
    }
    if about.agreement:
        told = [f"{one.question}: {one.measure} {one.value:.3f}" for one in about.agreement]
        found["rai:dataAnnotationAnalysis"] = "Agreement: " + "; ".join(told)
    if about.models:
        found["rai:machineAnnotationTools"] = list(about.models)
    return {name: value for name, value in found.items() if value}


CONTEXT: dict[str, Json] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {
    term: f"cr:{term}"
    for term in (
        "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
        "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
        "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
        "transform",
    )
}  # fmt: skip
"""The names of version 1.1, as its specification lists them."""
