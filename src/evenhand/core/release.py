"""What goes out: one row per task, the same for every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, Literal

import msgspec

from evenhand.core.label import Json, LabelType

# Rows are held by the ten thousand, and none of them refers back to what holds it: the garbage collector
# would look through all of them again and again, and is told to pass them over (gc=False).


class ReleasedReceipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the submission stands in the ledger."""

    stream: str
    n: int  # place of the entry in its stream
    leaf: str  # leaf hash: base64 of SHA-256(0x00 || entry), RFC 6962


class ReleasedAnnotation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One person's or model's answers to one task."""

    annotator: str  # id of the member in the owner's organization: a pseudonym of that organization's own
    kind: str  # "human" or "model"
    answers: msgspec.Raw  # JSON object: question id -> answer, the bytes that were committed to
    seconds: float | None  # active time
    submitted_at: str  # RFC 3339, UTC, milliseconds
    receipt: ReleasedReceipt | None
    surplus: bool = False  # given when the overlap was full: not counted; said only where it is so


Probabilities = dict[str, float] | tuple[float, ...]
"""Of each class, that it is the right one; or of each piece of an answer, that it is there and named so."""


class ReleasedAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the answers to one question come to."""

    value: msgspec.Raw  # JSON, as `LabelType.dump` gives it
    confidence: float  # 0 to 1
    method: str
    probabilities: Probabilities | None = None  # by the newest weighing; left out where it does not tell


class ReleasedReview(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest review that decided about a task."""

    reviewer: str  # id of the member, as for annotators
    decision: str  # "accepted", "fixed" or "returned"
    decided_at: str  # RFC 3339, UTC, milliseconds
    outcomes: tuple[str, ...]  # "accepted", "fixed", "returned" or "": of each annotation, in their order


class ReleasedTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One task with all that is known about it. Field order is the order in JSONL."""

    task_id: str
    external_id: str | None
    data: msgspec.Raw  # JSON object: every key of the record as it came, reserved keys left out
    metadata: msgspec.Raw  # JSON object; b"{}" when there was none
    consensus: dict[str, ReleasedAnswer]  # question id -> answer; no key where there is none
    annotations: tuple[ReleasedAnnotation, ...]
    review: ReleasedReview | None = None  # left out where there is none
    predictions: tuple[
        Any, ...
    ] = ()  # objects with "answers", as they came in; left out where there are none


# -- what the rows look like --------------------------------------------------------------------


class ReleasedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the data, as it stands in all rows of a release together."""

    name: str
    schema: dict[str, Json]  # JSON Schema of its values; {} where they have nothing in common
    optional: bool = False  # some rows lack the key
    breaks: bool = False  # some value is a text that holds a tab or a line break


def _enumerated(schema: Json) -> list[str]:
    """The first list of texts that this JSON Schema allows a value to be one of."""
    if not isinstance(schema, dict):
        return []
    enum = schema.get("enum")
    if enum and all(isinstance(value, str) for value in enum):
        return list(enum)
    inner = [*schema.get("properties", {}).values(), schema.get("items")]
    return next((found for found in map(_enumerated, inner) if found), [])


@dataclass(frozen=True)
class ReleasedQuestion:
    """One question of a release. Writers of geometry and spans get their elements through `label`."""

    id: str
    label: LabelType[Any]  # the type with its configuration
    title: str = ""  # what annotators read; "" where the caller does not know it
    required: bool = False

    @cached_property
    def schema(self) -> dict[str, Json]:
        """JSON Schema of the answers."""
        return self.label.schema()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Ids of the classes or labels that its answers are made of, in the order of the configuration."""
        return tuple(_enumerated(self.schema))

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """Ids of the labels of relations between the parts of an answer, as configured."""
        part = self.schema.get("items", {}).get("properties", {})
        return tuple(_enumerated(part.get("relations")))

    @cached_property
    def elements(self) -> frozenset[str]:
        """Kinds of elements that the answers are made of: "class", "text-span", ..."""
        answers = (answer for _, answer in self.label.examples())
        return frozenset(
            str(element.__struct_config__.tag)
            for answer in answers
            for element in self.label.elements(answer)
        )


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """How far annotators agreed about a question."""

    question: str
    measure: str  # name of the coefficient
    value: float


class About(msgspec.Struct, frozen=True, kw_only=True):
    """How the labels came about: what a data sheet tells of them."""

    name: str  # of the project
    instructions: str = ""  # Markdown, as annotators read them
    questions: tuple[str, ...] = ()  # what they were asked
    overlap: int = 1  # answers wanted for each task
    people: int = 0  # who have answered
    models: tuple[str, ...] = ()  # names of the models that have answered
    annotations: int = 0
    agreement: tuple[Agreed, ...] = ()  # as of the newest reading of the project's quality
    software: str = ""


@dataclass(frozen=True)
class ReleaseSchema:
    """What a format must know before the first row."""

    columns: tuple[ReleasedColumn, ...]
    questions: tuple[ReleasedQuestion, ...]
    reviewed: bool = False  # some rows have a review
    predicted: bool = False  # some rows have predictions; asked only of rows that are surveyed
    weighed: bool = False  # some answers may have probabilities
    about: About | None = None  # where the caller knows it
    shows: Mapping[str, str] = field(default_factory=dict)  # field -> its type, where the caller knows it


class Survey:
    """Reads the data of every row once and tells which columns they make. Memory grows with columns only."""

    def __init__(self) -> None:
        self._rows = 0
        self._seen: dict[str, _Seen] = {}

    def add(self, data: bytes | msgspec.Raw, apart: frozenset[str] = frozenset()) -> None:
        """Takes the data of one more row: a JSON object, whose keys in `apart` are no data."""
        self._rows += 1
        for name, value in _decode(data).items():
            if name in apart:
                continue
            seen = self._seen.get(name) or self._seen.setdefault(name, _Seen())
            seen.count += 1
            if type(value) is str:
                seen.text = True
                seen.breaks = seen.breaks or _breaks(value)
            else:
                seen.shape = _merge(seen.shape, _shape(value))

    def columns(self) -> tuple[ReleasedColumn, ...]:
        """The columns, in the order in which their keys first came up."""
        return tuple(
            ReleasedColumn(
                name=name, schema=seen.schema(), optional=seen.count < self._rows, breaks=seen.breaks
            )
            for name, seen in self._seen.items()
        )


class _Seen:
    """What a survey knows of one key so far."""

    def __init__(self) -> None:
        self.count = 0
        self.text = False  # texts are kept out of `shape`: they are nearly all values, and this is faster
        self.shape = _NOTHING
        self.breaks = False

    def schema(self) -> dict[str, Json]:
        return _schema(_merge(self.shape, _Shape("string")) if self.text else self.shape)


class _Shape(msgspec.Struct, frozen=True):
    """What some values have in common."""

    kind: str  # "nothing" yet, "string", "boolean", "integer", "wide", "number", "array", "object", "any"
    null: bool = False  # null is among them
    items: _Shape | None = None  # of an array
    fields: dict[str, _Shape] | None = None  # of an object: every value has exactly these keys


_NOTHING = _Shape("nothing")
_ANY = _Shape("any")
_EXACT = 2**53  # integers up to here are floats as well, without rounding


def _shape(value: Json) -> _Shape:
    match value:
        case None:
            return _Shape("nothing", null=True)
        case bool():
            return _Shape("boolean")
        case int():
            fits = -(2**63) <= value < 2**63
            return _Shape("integer" if abs(value) <= _EXACT else "wide") if fits else _ANY
        case float():
            return _Shape("number")
        case str():
            return _Shape("string")
        case list():
            return _Shape("array", items=reduce(_merge, map(_shape, value), _NOTHING))
    return _Shape("object", fields={name: _shape(child) for name, child in value.items()})


def _merge(a: _Shape, b: _Shape) -> _Shape:
    """What the values of both have in common."""
    if a == b:
        return a
    null = a.null or b.null
    if "nothing" in (a.kind, b.kind):
        return msgspec.structs.replace(b if a.kind == "nothing" else a, null=null)
    if a.kind == b.kind == "array":
        return _Shape("array", null=null, items=_merge(a.items or _NOTHING, b.items or _NOTHING))
    if a.fields is not None and b.fields is not None and a.fields.keys() == b.fields.keys():
        fields = {name: _merge(field, b.fields[name]) for name, field in a.fields.items()}
        return _Shape("object", null=null, fields=fields)
    if a.kind == b.kind and a.kind != "object":
        return _Shape(a.kind, null=null)
    return _Shape(_WIDER.get(frozenset((a.kind, b.kind)), "any"), null=null)


_WIDER = {
    frozenset(("integer", "wide")): "wide",
    frozenset(("integer", "number")): "number",
}


def _schema(shape: _Shape) -> dict[str, Json]:
    """The shape as JSON Schema."""
    if shape.kind == "any":
        return {}
    if shape.kind == "nothing":
        return {"type": "null"} if shape.null else {}
    kind = "integer" if shape.kind == "wide" else shape.kind
    schema: dict[str, Json] = {"type": [kind, "null"] if shape.null else kind}
    if shape.items is not None:
        schema["items"] = _schema(shape.items)
    if shape.fields is not None:
        properties = {name: _schema(field) for name, field in shape.fields.items()}
        schema.update(properties=properties, required=list(properties), additionalProperties=False)
    return schema


def _breaks(text: str) -> bool:
    return "\n" in text or "\t" in text or "\r" in text


_decode = msgspec.json.Decoder(dict[str, Any]).decode


# -- what is said about a release ---------------------------------------------------------------

Part = Literal[
    "data", "external_id", "metadata", "consensus", "confidence", "method", "annotations", "review"
]


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a format cannot carry. Reported before writing, refused without a flag."""

    part: Part
    where: str  # key of the data, id of the question, or "" for all of the part
    reason: str  # one sentence for a person: what becomes of it


class ReleasedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an export."""

    name: str  # path inside the folder, "/" between parts
    bytes: int
    sha256: str  # hexadecimal


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest.json` of an export: what is in the folder, and how to tell that nothing was changed."""

    format: str  # short name of the format
    counts: dict[str, int]  # "tasks", "annotations", ...: what the caller counted while writing
    files: tuple[ReleasedFile, ...]
    checkpoint: str | None  # signed checkpoint of the ledger that covers every row (C2SP signed note)
    lost: tuple[Loss, ...]  # what the format could not carry, accepted by the caller
    since: str | None  # id of the earlier export that this one continues; None: everything
    project: str  # id
    version: int  # of the project's rules when the export was made
    software: str  # "evenhand 0.1.0"
    surplus: Literal["none", "left out", "marked"] = "none"  # what became of the surplus that `counts` tells


def dump_manifest(manifest: Manifest) -> bytes:
    """`manifest.json` as bytes: UTF-8, indented, the same for the same manifest."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def readme(manifest: Manifest, title: str, guide: str) -> str:
    """The README.md that an export brings along.

    Args:
        manifest: of this export.
        title: name of the project, as people know it.
        guide: the format's own paragraphs on its files (`Format.guide`), Markdown.
    """
    counts = ", ".join(f"{count:,} {what}" for what, count in manifest.counts.items())
    files = "".join(f"| `{file.name}` | {file.bytes:,} | `{file.sha256}` |\n" for file in manifest.files)
    since = f" Only what is new since export `{manifest.since}`." if manifest.since else ""
    heading = _one_line(title)
    surplus = f" {_SURPLUS[manifest.surplus]}" if manifest.surplus in _SURPLUS else ""
    return (
        f"# {heading}: export\n\n"
        f"{counts}, in the format {manifest.format}, from version {manifest.version} of project "
        f"`{manifest.project}`.{since}{surplus} Written by {manifest.software}.\n\n"
        f"| file | bytes | SHA-256 |\n| --- | ---: | --- |\n{files}\n{guide.strip()}\n\n"
        f"## What the format could not carry\n\n{_lost(manifest.lost)}\n\n"
        f"## Is it complete and unchanged?\n\n{_proof(manifest.checkpoint)}\n"
    )


_SURPLUS = {
    "left out": "Surplus, answers that came when a task had all it needed, is left out.",
    "marked": "Surplus, answers that came when a task had all it needed, is there too, and marked.",
}


def _one_line(title: str) -> str:
    """A title that stays a title: a line break in a project's name would start a paragraph of its own."""
    return " ".join(title.split())


def _lost(lost: tuple[Loss, ...]) -> str:
    if not lost:
        return "Nothing: every value is there."
    return "\n".join(
        f"* {loss.part}{f' `{loss.where}`' if loss.where else ''}: {loss.reason}" for loss in lost
    )


def _proof(checkpoint: str | None) -> str:
    sums = "`sha256sum` on each file gives the digests above; `manifest.json` holds them as well."
    if checkpoint is None:
        return f"{sums} There is no ledger checkpoint with this export."
    note = "".join(f"    {line}\n" for line in checkpoint.splitlines())
    return f"{sums} Every row is covered by this checkpoint of the node's ledger:\n\n{note}".rstrip()
