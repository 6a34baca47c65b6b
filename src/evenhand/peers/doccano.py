"""doccano: its exports as JSON Lines and JSON (doccano 1.8), of each of its kinds of projects.

What a file holds is told by its rows: `[start, end, label]` are spans, names are choices, and texts
that hardly ever come twice are texts that somebody wrote. Offsets are code points. Projects on images and
sounds have `filename` in the place of `text`, boxes and outlines in pixels. Names of intents stand in `cats`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from mimetypes import guess_type
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from evenhand.core.errors import Invalid
from evenhand.peers import (
    Brought,
    Fault,
    Given,
    Item,
    Losses,
    Options,
    Peer,
    Seen,
    count,
    draft,
    guarded,
    named_by_content,
    objects,
    question,
)

OWN = {
    "id",
    "text",
    "filename",
    "bbox",
    "segmentation",
    "label",
    "labels",
    "entities",
    "relations",
    "Comments",
    "cats",
    "annotations",
}
EVERYBODY = {"all", "unknown", "admin_all", "project"}  # names of files that do not name a person


class Doccano(Peer):
    """Reads one file, or one for each person."""

    name: ClassVar[str] = "doccano"
    title: ClassVar[str] = "doccano"
    takes: ClassVar[str] = (
        "all.jsonl or all.json, or one of each person; --config label_config.json for its labels."
    )

    def read(self, files: Sequence[Path], options: Options) -> Brought:
        losses, kinds = Losses(), _Kinds()
        if options.config is not None:
            kinds.configured = _config(options.config)
        for file in files:
            for _, row in _rows(file):
                if not isinstance(row, Fault):
                    kinds.look(row)
        questions = kinds.questions()
        made = draft(files[0].stem, {kinds.field: kinds.field}, questions, options, overlap=1)
        counts = count(_items(files, kinds, losses))
        return Brought(
            draft=made, lost=losses.all(), items=lambda: _items(files, kinds, Losses()), counts=counts
        )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    """The rows of either of its two kinds of JSON."""
    with path.open("rb") as source:
        is_list = source.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    return objects(path, lines=not is_list)


def _config(path: Path) -> list[str]:
    try:
        return [str(label["text"]) for label in msgspec.json.decode(path.read_bytes())]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        reason = f"This is no list of labels: {error}."
        raise Invalid("peer.config", reason, str(path), "Export the labels again.") from error


class _Kinds:
    """What the labels of a file are."""

    def __init__(self) -> None:
        self.configured: list[str] = []
        self.field = "text"  # that is shown; it is called by its type
        self.spans, self.names, self.boxes, self.outlines = Seen(), Seen(), Seen(), Seen()
        self.relations = Seen()
        self._several = False
        self._given = 0

    def look(self, row: Mapping[str, Any]) -> None:
        if "text" not in row and "filename" in row:
            guessed = guess_type(str(row["filename"]))[0] or ""
            self.field = "audio" if guessed.startswith("audio/") else "image"
        _add_labels(self.boxes, row.get("bbox"))
        _add_labels(self.outlines, row.get("segmentation"))
        _add_labels(self.spans, [label for label in _labels(row) if isinstance(label, list)])
        _add_labels(self.spans, row.get("entities"))
        for relation in row.get("relations") or []:
            self.relations.add(relation["type"])
        names = [label for label in _labels(row) if isinstance(label, str)]
        for name in names:
            self.names.add(name)
        self._given += len(names)
        self._several = self._several or len(names) > 1

    @property
    def written(self) -> bool:
        """Whether the names are texts that somebody wrote: most come up once, and none is configured."""
        names = self.names.all()
        return bool(names) and not self.configured and len(names) > 20 and len(names) > self._given / 2

    @property
    def picked(self) -> str:
        """The type of the question about names."""
        return "text" if self.written else "multi_choice" if self._several else "choice"

    def questions(self) -> list[dict[str, Any]]:
        found = []
        if self.spans.all():
            labels = list(dict.fromkeys([*self.configured, *self.spans.all()]))
            joins: dict[str, Any] = {"relations": self.relations.all()} if self.relations.all() else {}
            found.append(
                question("spans", "span", "Spans", field="text", labels=labels, overlap=True, **joins)
            )
        if self.boxes.all():
            labels = list(dict.fromkeys([*self.configured, *self.boxes.all()]))
            found.append(question("boxes", "box", "Boxes", field="image", labels=labels, min_size=0))
        if self.outlines.all():
            labels = list(dict.fromkeys([*self.configured, *self.outlines.all()]))
            found.append(question("polygons", "polygon", "Polygons", field="image", labels=labels))
        if self.names.all():
            choices = list(dict.fromkeys([*self.configured, *self.names.all()]))
            config: dict[str, Any] = {} if self.written else {"choices": choices}
            found.append(question("label", self.picked, "Label", **config))
        return found


def _add_labels(seen: Seen, marks: Any) -> None:
    """The labels of what is marked: objects that have one, or lists of start, end and label."""
    for mark in marks or []:
        if isinstance(mark, dict) and "label" in mark:
            seen.add(mark["label"])
        elif isinstance(mark, list) and len(mark) == 3:
            seen.add(mark[2])


def _labels(row: Mapping[str, Any]) -> list[Any]:
    labels = row.get("label", row.get("labels", row.get("cats"))) or []
    return labels if isinstance(labels, list) else [labels]


def _items(files: Sequence[Path], kinds: _Kinds, losses: Losses) -> Iterator[Item | Fault]:
    for file in files:

        def make(line: int, row: dict[str, Any], person: str = file.stem) -> Item:
            return _item(line, row, person, kinds, losses)

        yield from guarded(_rows(file), make, "doccano")


def _item(line: int, row: dict[str, Any], person: str, kinds: _Kinds, losses: Losses) -> Item:
    text = row["text"] if kinds.field == "text" else row["filename"]
    if not isinstance(text, str):
        raise ValueError("text is no text")
    metadata = {key: value for key, value in row.items() if key not in OWN}
    record: dict[str, Any] = {kinds.field: text}
    record["external_id"] = str(row["id"]) if "id" in row else named_by_content([text, metadata])
    record |= {"metadata": metadata} if metadata else {}
    if row.get("Comments"):
        losses.note("Comments", "Comments are not brought.", len(row["Comments"]))
    answers = _answers(row, kinds, losses)
    if not answers:
        return Item(line=line, record=record)
    losses.note("annotations", "doccano does not say when they were made; the time of the import stands.")
    given = Given(annotator=f"doccano/{person}", name=_person(person), answers=answers, submitted_at=None)
    return Item(line=line, record=record, annotations=(given,))


def _person(stem: str) -> str:
    return "doccano" if stem in EVERYBODY else stem


def _answers(row: Mapping[str, Any], kinds: _Kinds, losses: Losses) -> dict[str, Any]:
    answers: dict[str, Any] = {"spans": _spans(row, losses), "boxes": _boxes(row), "polygons": _outlines(row)}
    names = [label for label in _labels(row) if isinstance(label, str)]
    if names and kinds.picked == "multi_choice":
        answers["label"] = names
    elif names:
        if len(names) > 1:
            losses.note("label", "Of several texts only the first is brought.")
        answers["label"] = names[0]
    return {question: answer for question, answer in answers.items() if answer}


def _spans(row: Mapping[str, Any], losses: Losses) -> list[dict[str, Any]]:
    """Of either way to write them: a list of start, end and label, or an object, which relations name."""
    entities = row.get("entities") or []
    marks = [mark for mark in (*_labels(row), *entities) if isinstance(mark, list)]
    objects = [entity for entity in entities if not isinstance(entity, list)]
    found = [(s, e, name) for s, e, name in marks]
    found += [(one["start_offset"], one["end_offset"], one["label"]) for one in objects]
    spans: list[dict[str, Any]] = [
        {"start": int(start), "end": int(end), "label": str(label)} for start, end, label in found
    ]
    places = {one.get("id"): len(found) - len(objects) + i for i, one in enumerate(objects)}
    for relation in row.get("relations") or []:
        source, to = places.get(relation["from_id"]), places.get(relation["to_id"])
        if source is None or to is None or source == to:
            losses.note("relations", "One that does not join two spans of its text is left out.")
            continue
        one = {"to": to, "label": str(relation["type"])}
        if one not in spans[source].setdefault("relations", []):
            spans[source]["relations"].append(one)
    return spans


def _boxes(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    sides = ("x", "y", "width", "height")
    return [
        {side: box[side] for side in sides} | {"label": str(box["label"])} for box in row.get("bbox") or []
    ]


def _outlines(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Corners stand there as x, y, x, y, ..."""
    return [
        {
            "points": [list(point) for point in zip(one["points"][::2], one["points"][1::2], strict=True)],
            "label": str(one["label"]),
        }
        for one in row.get("segmentation") or []
    ]
