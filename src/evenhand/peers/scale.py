"""Scale: tasks as its API gives them (GET /v1/tasks: `docs`), one JSON list or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

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
    objects,
    one_file,
    question,
)

PICTURES = frozenset({"imageannotation", "annotation", "polygonannotation", "pointannotation"})
TEXTS = frozenset({"namedentityrecognition", "categorization", "textcollection"})


class Scale(Peer):
    """Reads completed and pending tasks of one project."""

    name: ClassVar[str] = "scale"
    title: ClassVar[str] = "Scale"
    takes: ClassVar[str] = "tasks.json: a list of task objects, or one a line (.jsonl)."

    def read(self, files: Sequence[Path], options: Options) -> Brought:
        path = one_file(files, self)
        lines = path.suffix.lower() in (".jsonl", ".ndjson")
        losses, forms = Losses(), _Forms()
        for _, task in objects(path, lines):
            if not isinstance(task, Fault):
                forms.look(task)
        made = draft(path.stem, forms.fields, forms.questions(), options)
        if forms.instruction and not options.instructions:
            made["instructions"] = forms.instruction

        def items(noting: Losses) -> Iterator[Item | Fault]:
            return guarded(objects(path, lines), lambda n, task: _item(n, task, forms, noting), self.title)

        counts = count(items(losses))
        return Brought(draft=made, lost=losses.all(), items=lambda: items(Losses()), counts=counts)


class _Forms:
    """What all tasks of the file ask together."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.instruction = ""
        self._marks: dict[str, Seen] = {}  # our type -> labels
        self._picks: dict[str, tuple[Seen, bool]] = {}  # question -> (choices, several)
        self._plain: dict[str, str] = {}  # question -> our type
        self._titles: dict[str, str] = {}

    def look(self, task: Mapping[str, Any]) -> None:
        kind, params = task.get("type"), task.get("params") or {}
        self.instruction = self.instruction or str(task.get("instruction") or params.get("instruction") or "")
        if kind in PICTURES:
            self.fields.setdefault("attachment", "image")
            for geometry, about in _geometries(params):
                seen = self._marks.setdefault(geometry, Seen())
                for label in about:
                    seen.add(_label(label))
            for one in (task.get("response") or {}).get("annotations") or []:
                if (shape := _shape(one)) is not None:
                    self._marks.setdefault(shape, Seen()).add(one["label"])
        elif kind == "namedentityrecognition":
            self.fields.setdefault("text", "text")
            seen = self._marks.setdefault("span", Seen())
            for label in params.get("labels") or []:
                seen.add(_label(label))
            for one in (task.get("response") or {}).get("annotations") or []:
                seen.add(one["label"])
        elif kind == "categorization":
            image = params.get("attachment_type") == "image"
            self.fields.setdefault("attachment", "image" if image else "text")
            self._categories(params)
        elif kind == "textcollection":
            self._attachments(params)
            for one in params.get("fields") or []:
                self._collected(one)

    def _categories(self, params: Mapping[str, Any]) -> None:
        taxonomies = params.get("taxonomies") or {"category": params}
        for name, about in taxonomies.items():
            listed = (
                about if isinstance(about, list) else about.get("choices") or about.get("categories") or []
            )
            several = not isinstance(about, list) and bool(about.get("allow_multiple"))
            seen, before = self._picks.get(name, (Seen(), False))
            for choice in listed:
                seen.add(_label(choice))
            self._picks[name] = (seen, several or before)

    def _attachments(self, params: Mapping[str, Any]) -> None:
        for i, one in enumerate(params.get("attachments") or [], 1):
            kind = one.get("type", "text")
            self.fields.setdefault(
                f"attachment_{i}", kind if kind in ("text", "image", "audio", "video") else "text"
            )

    def _collected(self, one: Mapping[str, Any]) -> None:
        name, kind = one["field_id"], one.get("type")
        self._titles[name] = one.get("title") or name
        if kind == "category":
            seen, before = self._picks.get(name, (Seen(), False))
            for choice in one.get("choices") or []:
                seen.add(_value(choice))
            self._picks[name] = (seen, before or (one.get("max_choices") or 1) > 1)
        elif kind == "boolean":
            seen = Seen()
            seen.add("true")
            seen.add("false")
            self._picks[name] = (seen, False)
        elif kind in ("text", "datetime", "number"):
            self._plain[name] = "number" if kind == "number" else "text"

    def questions(self) -> list[dict[str, Any]]:
        found = []
        for kind, seen in self._marks.items():
            field = "text" if kind == "span" else "attachment"
            more = MORE.get(kind, {})
            if seen.all():
                found.append(question(NAMES[kind], kind, field=field, labels=seen.all(), **more))
        for name, (choices, several) in self._picks.items():
            if choices.all():
                kind = "multi_choice" if several else "choice"
                found.append(question(name, kind, self._titles.get(name, ""), choices=choices.all()))
        found += [question(name, kind, self._titles.get(name, "")) for name, kind in self._plain.items()]
        return found

    def several(self, name: str) -> bool:
        return self._picks[name][1]

    def knows(self, name: str) -> bool:
        return name in self._picks or name in self._plain


NAMES = {"box": "boxes", "polygon": "polygons", "keypoint": "points", "span": "entities"}
MORE: dict[str, dict[str, Any]] = {"box": {"rotation": True, "min_size": 0}, "span": {"overlap": True}}
GEOMETRIES = {"box": "box", "polygon": "polygon", "point": "keypoint"}


def _geometries(params: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for kind, about in (params.get("geometries") or {}).items():
        if kind in GEOMETRIES:
            yield GEOMETRIES[kind], about.get("objects_to_annotate") or []
    if "objects_to_annotate" in params:
        yield "box", params["objects_to_annotate"]


def _label(choice: Any) -> str:
    return (
        str(choice.get("choice") or choice.get("name") or choice.get("label"))
        if isinstance(choice, dict)
        else str(choice)
    )


def _value(choice: Any) -> str:
    """The value of a choice, which is what responses hold: a text, a number or a truth value."""
    value = choice["value"] if isinstance(choice, dict) else choice
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _shape(one: Mapping[str, Any]) -> str | None:
    """Our type for a mark in an image; None where there is none."""
    kind = one.get("type")
    if kind in GEOMETRIES:
        return GEOMETRIES[str(kind)]
    if kind is None:
        return (
            "polygon" if "vertices" in one else "box" if "left" in one else "keypoint" if "x" in one else None
        )
    return None


def _item(line: int, task: dict[str, Any], forms: _Forms, losses: Losses) -> Item:
    kind, params = task["type"], task.get("params") or {}
    if kind not in PICTURES | TEXTS:
        losses.note(f"tasks of the type {kind}", "This type has no counterpart here.")
        raise ValueError(f"tasks of the type {kind} have no counterpart here")
    record = _shown(kind, params) | {"external_id": str(task["task_id"])}
    kept = {k: task[k] for k in ("metadata", "unique_id", "batch", "project", "tags") if task.get(k)}
    metadata = {**(kept.pop("metadata", None) or {}), **({"scale": kept} if kept else {})}
    record |= {"metadata": metadata} if metadata else {}
    for key in ("customer_review_status", "hypothesis", "callback_url"):
        if task.get(key) or params.get(key):
            losses.note(f"tasks[].{key}", "This is not brought.")
    if task.get("status") != "completed" or not task.get("response"):
        return Item(line=line, record=record)
    answers = _answers(kind, task["response"], forms, losses)
    losses.note("response", "Scale does not say who answered; it stands for one annotator, Scale.")
    given = Given(
        annotator="scale/response", name="Scale", answers=answers, submitted_at=task.get("completed_at")
    )
    return Item(line=line, record=record, annotations=(given,))


def _shown(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "namedentityrecognition":
        return {"text": params["text"]}
    if kind == "textcollection":
        return {f"attachment_{i}": one["content"] for i, one in enumerate(params.get("attachments") or [], 1)}
    return {"attachment": params["attachment"]}


def _answers(kind: str, response: Mapping[str, Any], forms: _Forms, losses: Losses) -> dict[str, Any]:
    if kind in PICTURES:
        return _marks(response.get("annotations") or [], losses)
    if kind == "namedentityrecognition":
        if response.get("relationships"):
            losses.note("response.relationships", "Relations between spans are not brought from there.")
        spans = [{"start": a["start"], "end": a["end"], "label": a["label"]} for a in response["annotations"]]
        return {"entities": spans}
    if kind == "categorization":
        said = response.get("taxonomies") or {"category": response.get("category")}
    else:
        said = {name: _response(one) for name, one in response["annotations"].items()}
    return {
        name: _fitting(one, name, forms)
        for name, one in said.items()
        if one is not None and forms.knows(name)
    }


def _response(one: Any) -> Any:
    """A field's answer in either of the two published shapes."""
    if isinstance(one, dict) and "response" in one:
        values = one["response"][0] if one["response"] else None
        return values[0] if isinstance(values, list) and len(values) == 1 else values
    return one


def _fitting(value: Any, name: str, forms: _Forms) -> Any:
    if name not in forms._picks:
        return value
    listed = [_value(one) for one in (value if isinstance(value, list) else [value])]
    return listed if forms.several(name) else listed[0]


def _marks(annotations: list[Any], losses: Losses) -> dict[str, Any]:
    answers: dict[str, list[Any]] = {}
    for one in annotations:
        shape = _shape(one)
        if shape is None:
            losses.note(f"response.annotations of the type {one.get('type')}", "It has no counterpart here.")
            continue
        if one.get("attributes"):
            losses.note("response.annotations[].attributes", "Attributes of marks are not brought.")
        answers.setdefault(NAMES[shape], []).append(_mark(one, shape) | {"label": str(one["label"])})
    return answers


def _mark(one: Mapping[str, Any], shape: str) -> dict[str, Any]:
    if shape == "box":
        return {"x": one["left"], "y": one["top"], "width": one["width"], "height": one["height"]}
    if shape == "polygon":
        return {"points": [[point["x"], point["y"]] for point in one["vertices"]]}
    return {"x": one["x"], "y": one["y"]}
