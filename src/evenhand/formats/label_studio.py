"""Label Studio: tasks as its importer takes them, and a labeling configuration for them.

Geometry in percent, boxes turned about their top left corner, text offsets in UTF-16 code units,
brushes in its own run lengths: `peers/label_studio.py` reads the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import quoteattr

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.label import (
    BoxElement,
    ClassElement,
    Element,
    Json,
    KeypointElement,
    LabelledElement,
    MaskElement,
    NumberElement,
    OrderElement,
    PolygonElement,
    RelationElement,
    SpanElement,
    TextElement,
    TimeSpanElement,
    TrackElement,
)
from evenhand.core.release import (
    Loss,
    ReleasedAnnotation,
    ReleasedFile,
    ReleasedQuestion,
    ReleasedTask,
    ReleaseSchema,
)
from evenhand.formats import WriteOptions, Writer
from evenhand.formats.brush import encode as brush
from evenhand.formats.output import Output
from evenhand.formats.outward import Medium, Outward, data_of, field_of, is_single, medium
from evenhand.formats.tracks import Box, between, fps_of, keyframes

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

MARKS = {
    "text-span": ("Text", "Labels", "labels"),
    "box": ("Image", "RectangleLabels", "rectanglelabels"),
    "polygon": ("Image", "PolygonLabels", "polygonlabels"),
    "keypoint": ("Image", "KeyPointLabels", "keypointlabels"),
    "mask": ("Image", "BrushLabels", "brushlabels"),
    "time-span": ("Audio", "Labels", "labels"),
    "track": ("Video", "VideoRectangle", "videorectangle"),
}
"""Kind of element -> (tag of what it is in, tag of the control, type of its results)."""

ON_VIDEO = ("Video", "TimelineLabels", "timelinelabels")
"""The same of stretches of a video, which are told in frames."""


class LabelStudio(Outward):
    """`tasks.json` and `config.xml`."""

    name: ClassVar[str] = "label_studio"
    title: ClassVar[str] = "Label Studio"
    carries: ClassVar[frozenset[str]] = frozenset({*MARKS, "class", "number", "text", "order", "relation"})
    keeps: ClassVar[frozenset[str]] = frozenset({"external_id", "metadata", "annotations", "unanswered"})
    guide: ClassVar[str] = """\
## `tasks.json` and `config.xml`

Make a project in Label Studio, paste `config.xml` as its labeling configuration, import `tasks.json`.
Annotations come as annotations, the consensus as a prediction of the model `consensus` with its mean
confidence as score, predictions under the names of their models, relations between spans as relations of
their regions; `external_id` and metadata stand in `meta`. A choice or label whose name is not its id has the
id as its `alias`, which is what results say there. Orders of items become a List and a Ranker
(`<question>_items` in the data), of two fields a Pairwise. Stretches of a video become TimelineLabels, in
frames, tracks a VideoRectangle with Labels; `<field>_fps` in the data is how many of them are a second.

    curl -H "Authorization: Token …" -H "Content-Type: application/json" --data @tasks.json \\
      https://host/api/projects/7/import
"""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        reason = "Label Studio takes all for those of whoever imports them; receipts are left out."
        yield Loss(part="annotations", where="", reason=reason)
        for question in self.chosen(schema, options):
            if kind := question.elements & {"box", "polygon", "keypoint", "mask"}:
                reason = f"A {min(kind)} in an image of unknown size is left out: percents cannot be told."
                yield Loss(part="consensus", where=question.id, reason=reason)
            if Asked(question, schema).is_film:
                reason = "Times in a video are told in frames, which they are rounded to."
                yield Loss(part="consensus", where=question.id, reason=reason)
            if "order" in question.elements:
                reason = "By how much one is better, why, and ties are left out."
                yield Loss(part="consensus", where=question.id, reason=reason)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _Writer(schema, questions, folder)


class _Writer(Writer):
    def __init__(self, schema: ReleaseSchema, questions: tuple[ReleasedQuestion, ...], folder: Path) -> None:
        self._asked = {question.id: Asked(question, schema) for question in questions}
        self._config = Output(folder / "config.xml")
        self._config.write(config_of(schema, list(self._asked.values())).encode())
        self._tasks = Output(folder / "tasks.json")
        self._tasks.write(b"[")
        self._count = 0

    def add(self, task: ReleasedTask) -> None:
        data = data_of(task.data)
        self._count += 1
        meta = _decode(task.metadata) | ({"external_id": task.external_id} if task.external_id else {})
        row = {
            "data": data | self._items(data) | rates(self._asked.values(), data),
            "meta": meta | {"task_id": task.task_id},
            "annotations": [self._annotation(one, data) for one in task.annotations],
            "predictions": [
                *([self._consensus(task, data)] if task.consensus else []),
                *(self._prediction(one, data) for one in task.predictions),
            ],
        }
        self._tasks.write((b",\n" if self._count > 1 else b"\n") + _encode(row))

    def _items(self, data: Mapping[str, Json]) -> dict[str, Json]:
        """What is ranked, as Label Studio's List shows it."""
        return {
            f"{asked.id}_items": [
                {
                    "id": item,
                    "title": asked.entries.get(item, {}).get("value", item),
                    "body": _text(data.get(item, "")),
                }
                for item in asked.items
            ]
            for asked in self._asked.values()
            if len(asked.items) > 2
        }

    def _annotation(self, one: ReleasedAnnotation, data: Mapping[str, Json]) -> dict[str, Json]:
        seconds = {} if one.seconds is None else {"lead_time": one.seconds}
        return {
            "result": self._results(_decode(one.answers), data),
            "created_at": one.submitted_at,
            "updated_at": one.submitted_at,
            "created_username": one.annotator,
            "was_cancelled": False,
            "ground_truth": False,
        } | seconds

    def _consensus(self, task: ReleasedTask, data: Mapping[str, Json]) -> dict[str, Json]:
        answers = {name: msgspec.json.decode(answer.value) for name, answer in task.consensus.items()}
        sure = [answer.confidence for answer in task.consensus.values()]
        score = round(sum(sure) / len(sure), 6)
        return {"model_version": "consensus", "score": score, "result": self._results(answers, data)}

    def _prediction(self, one: Mapping[str, Any], data: Mapping[str, Json]) -> dict[str, Json]:
        score = one.get("score")
        more = {"score": score} if isinstance(score, int | float) else {}
        model = one.get("model", one.get("model_version"))
        return {
            "model_version": model if isinstance(model, str) else "prediction",
            "result": self._results(one["answers"], data),
        } | more

    def _results(self, answers: Mapping[str, Json], data: Mapping[str, Json]) -> list[dict[str, Json]]:
        return results_of(self._asked, answers, data)

    def close(self) -> tuple[ReleasedFile, ...]:
        self._tasks.write(b"\n]\n")
        return (self._tasks.keep(), self._config.keep())

    def abort(self) -> None:
        self._tasks.drop()
        self._config.drop()


class Asked:
    """A question as a control of the configuration."""

    def __init__(self, question: ReleasedQuestion, schema: ReleaseSchema) -> None:
        self.id = question.id
        self.title = question.title if question.title != question.id else ""
        self.required = ' required="true"' if question.required else ""
        self._label = question.label
        self.elements = question.elements
        self.classes = question.classes
        self.relations = question.relations
        self.entries = _entries(question)
        self.single = is_single(question)
        self.schema = question.schema
        self.field = field_of(question) or (schema.columns[0].name if schema.columns else "text")
        timed = "time-span" in self.elements and schema.shows.get(self.field) == "video"
        kind = next(iter(self.elements & MARKS.keys()), None)
        self.is_film = timed or kind == "track"
        self.marks = ON_VIDEO if timed else MARKS[kind] if kind else None
        self.items = _ranked(question)

    def results(self, answer: Json, data: Mapping[str, Json], first: int = 0) -> list[dict[str, Json]]:
        """The answer as Label Studio's results; empty where it is of an earlier type of the question.

        Args:
            first: number of its first result, by which relations name their ends.
        """
        try:
            elements = self._label.elements(self._label.load(answer))
        except Invalid:
            return []
        common = {"from_name": self.id, "to_name": _object(self.field), "origin": "manual"}
        if self.marks is None:
            found = [common | one for one in self._whole(elements)]
        else:
            tag, _, type_ = self.marks
            picture = medium(data, self.field) if tag == "Image" else None
            marks = [one for one in elements if isinstance(one, LabelledElement)]
            found = [common | one for e in marks for one in self._mark(type_, e, data, picture)]
        told = [{"id": f"r{first + i}"} | one for i, one in enumerate(found)]
        # Without a text there are no spans, and nothing that could be joined.
        links = [one for one in elements if isinstance(one, RelationElement) and found]
        return told + [_link(one, first) for one in links]

    def _mark(
        self, type_: str, element: Element, data: Mapping[str, Json], picture: Medium | None
    ) -> Iterator[dict[str, Json]]:
        assert isinstance(element, LabelledElement), "nothing else is a mark"
        labels = {type_: [element.label]}
        if isinstance(element, SpanElement):
            text = data.get(element.field)
            if isinstance(text, str):
                yield {"type": type_, "value": _span(element, text) | labels}
        elif isinstance(element, TimeSpanElement) and self.is_film:
            yield {"type": type_, "value": {"ranges": [_frames(element, fps_of(data, self.field))]} | labels}
        elif isinstance(element, TimeSpanElement):
            span = {"start": element.start, "end": element.end, "channel": 0}
            yield {"type": type_, "value": span | labels}
        elif isinstance(element, TrackElement):
            value = _sequence(element, fps_of(data, self.field))
            yield {"type": type_, "value": value | {"labels": [element.label]}}
        else:
            wide, high = (picture.width, picture.height) if picture is not None else (0, 0)
            if isinstance(element, MaskElement):
                wide, high = element.width, element.height
            if wide and high:
                size = {"original_width": wide, "original_height": high, "image_rotation": 0}
                yield {"type": type_, "value": _geometry(element, wide, high) | labels} | size

    def _whole(self, elements: tuple[Element, ...]) -> Iterator[dict[str, Json]]:
        """An answer about all of the task."""
        if self.items:
            orders = [element for element in elements if isinstance(element, OrderElement)]
            yield from (one for order in orders for one in self._order(order))
        elif self.classes and "class" in self.elements:
            picked = [element.value for element in elements if isinstance(element, ClassElement)]
            if picked:
                yield {"type": "choices", "value": {"choices": picked}}
        for element in elements:
            if isinstance(element, NumberElement) and not self.items:
                yield {"type": "number", "value": {"number": element.value}}
            elif isinstance(element, TextElement) and not self.items:
                yield {"type": "textarea", "value": {"text": [element.value]}}

    def _order(self, order: OrderElement) -> Iterator[dict[str, Json]]:
        if any(len(rank) > 1 for rank in order.ranks):
            return  # a tie, which neither control can say
        ids = [rank[0] for rank in order.ranks]
        if len(self.items) == 2:
            side = "left" if ids[0] == self.items[0] else "right"
            yield {"type": "pairwise", "to_name": _object(self.items[0]), "value": {"selected": side}}
        else:
            yield {"type": "ranker", "to_name": f"{self.id}_list", "value": {"ranker": {"rank": ids}}}


def results_of(
    asked: Mapping[str, Asked], answers: Mapping[str, Json], data: Mapping[str, Json]
) -> list[dict[str, Json]]:
    """The answers to a task as Label Studio's results, each with an id of its own."""
    found: list[dict[str, Json]] = []
    for name, answer in answers.items():
        if name in asked:
            found += asked[name].results(answer, data, len(found))
    return found


def _link(one: RelationElement, first: int) -> dict[str, Json]:
    """A relation between results, of which the first has this number."""
    ends = {"from_id": f"r{first + one.source}", "to_id": f"r{first + one.target}"}
    direction = "right" if one.directed else "bi"
    return {"type": "relation", **ends, "direction": direction, "labels": [one.label]}


def _ranked(question: ReleasedQuestion) -> tuple[str, ...]:
    """Ids of the items that the question puts in order; empty where it does not."""
    for _, answer in question.label.examples():
        for element in question.label.elements(answer):
            if isinstance(element, OrderElement):
                found = [item for rank in element.ranks for item in rank]
                listed = [item for item in question.classes if item in found]
                return tuple(listed if len(listed) == len(found) else sorted(found))
    return ()


@cache
def _object(field: str) -> str:
    """Name of the tag that shows a field."""
    return f"show_{field}"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else _encode(value).decode()


def rates(asked: Iterable[Asked], data: Mapping[str, Json]) -> dict[str, Json]:
    """What the configuration names as frame rates, for the data of one task."""
    return {f"{one.field}_fps": fps_of(data, one.field) for one in asked if one.is_film}


# -- values ------------------------------------------------------------------------------------------


def _span(span: SpanElement, text: str) -> dict[str, Json]:
    start = len(text[: span.start].encode("utf-16-le")) // 2
    marked = text[span.start : span.end]
    return {"start": start, "end": start + len(marked.encode("utf-16-le")) // 2, "text": marked}


def _frames(span: TimeSpanElement, fps: float) -> dict[str, Json]:
    """The frames of a stretch, counted from 1, both ends included; one at least."""
    first = round(span.start * fps) + 1
    return {"start": first, "end": max(round(span.end * fps), first)}


def _sequence(track: TrackElement, fps: float) -> dict[str, Json]:
    """Keyframes in percent, frames counted from 1; `enabled` is false in the last frame before it is gone."""
    boxes = keyframes(track, fps)
    shown: dict[int, tuple[Box, bool]] = {}
    for i, box in enumerate(boxes):
        if not box.outside:
            shown[box.frame] = (box, True)
        elif i and not boxes[i - 1].outside:
            end = max(box.frame - 1, boxes[i - 1].frame)
            shown[end] = (between(boxes[i - 1], box, end), False)
    sequence = [
        {
            "frame": frame + 1,
            "time": frame / fps,
            "enabled": enabled,
            "x": 100 * box.left,
            "y": 100 * box.top,
            "width": 100 * box.width,
            "height": 100 * box.height,
            "rotation": 0,
        }
        for frame, (box, enabled) in sorted(shown.items())
    ]
    return {"framesCount": boxes[-1].frame + 1, "duration": (boxes[-1].frame + 1) / fps, "sequence": sequence}


def _geometry(element: Element, wide: int, high: int) -> dict[str, Json]:
    x, y = 100 / wide, 100 / high
    match element:
        case BoxElement():
            left, top = about_corner(element) if element.rotation else (element.x, element.y)
            size = {"width": element.width * x, "height": element.height * y}
            return {"x": left * x, "y": top * y} | size | {"rotation": element.rotation}
        case PolygonElement():
            return {"points": [[px * x, py * y] for px, py in element.points], "closed": True}
        case KeypointElement():
            return {"x": element.x * x, "y": element.y * y, "width": 0.5}
        case MaskElement():
            return {"format": "rle", "rle": brush(element.runs)}
    raise AssertionError("nothing else is carried")


def about_corner(box: BoxElement) -> tuple[float, float]:
    """Where the top left corner of a box lies that is turned about its centre."""
    angle = math.radians(box.rotation)
    cx, cy = box.x + box.width / 2, box.y + box.height / 2
    c, s = math.cos(angle), math.sin(angle)
    return cx - box.width / 2 * c + box.height / 2 * s, cy - box.width / 2 * s - box.height / 2 * c


# -- the configuration ---------------------------------------------------------------------------------


def config_of(schema: ReleaseSchema, asked: list[Asked], tags: Mapping[str, str] = {}) -> str:
    """The labeling configuration: what is shown, then what is asked.

    Args:
        tags: field -> tag that shows it, where that is known.
    """
    shown = dict(tags) | {one.field: one.marks[0] for one in asked if one.marks is not None}
    rated = {one.field: f" frameRate={quoteattr(f'${one.field}_fps')}" for one in asked if one.is_film}
    for one in asked:
        for item in one.items if len(one.items) == 2 else ():
            shown.setdefault(item, "Text")
        if not one.items:
            shown.setdefault(one.field, "Text")
    for column in schema.columns:
        if column.schema.get("type") == "string":
            shown.setdefault(column.name, "Text")
    objects = [
        f"  <{tag} name={quoteattr(_object(field))} value={quoteattr('$' + field)}{rated.get(field, '')}/>"
        for field, tag in shown.items()
    ]
    controls = [line for one in asked for line in _control(one)]
    joins = dict.fromkeys(label for one in asked for label in one.relations)
    if joins:
        related = [f"    <Relation value={quoteattr(label)}/>" for label in joins]
        controls += ["  <Relations>", *related, "  </Relations>"]
    return "\n".join(["<View>", *objects, *controls, "</View>"]) + "\n"


def _control(asked: Asked) -> Iterator[str]:
    name, to = quoteattr(asked.id), quoteattr(_object(asked.field)) + asked.required
    if asked.title:
        yield f"  <Header value={quoteattr(asked.title)}/>"
    if asked.marks is not None:
        _, tag, _ = asked.marks
        if tag == "VideoRectangle":
            yield from _listed(
                f"Labels name={quoteattr(asked.id + '_labels')} toName={to}", "Labels", "Label", asked
            )
            yield f"  <VideoRectangle name={name} toName={to}/>"
            return
        yield from _listed(f"{tag} name={name} toName={to}", tag, "Label", asked)
    elif len(asked.items) == 2:
        both = quoteattr(",".join(_object(item) for item in asked.items))
        yield f"  <Pairwise name={name} toName={both}/>"
    elif asked.items:
        items = quoteattr(f"{asked.id}_list")
        yield f"  <List name={items} value={quoteattr('$' + asked.id + '_items')}/>"
        yield f"  <Ranker name={name} toName={items}/>"
    elif asked.classes:
        choice = "single" if asked.single else "multiple"
        yield from _listed(f'Choices name={name} toName={to} choice="{choice}"', "Choices", "Choice", asked)
    elif "number" in asked.elements:
        limits = {"minimum": "min", "maximum": "max"}
        bounds = "".join(
            f' {theirs}="{asked.schema[ours]}"' for ours, theirs in limits.items() if ours in asked.schema
        )
        yield f"  <Number name={name} toName={to}{bounds}/>"
    else:
        yield f"  <TextArea name={name} toName={to}/>"


def _listed(head: str, tag: str, child: str, asked: Asked) -> Iterator[str]:
    yield f"  <{head}>"
    for id_ in asked.classes:
        said = " ".join(f"{name}={quoteattr(value)}" for name, value in asked.entries[id_].items())
        yield f"    <{child} {said}/>"
    yield f"  </{tag}>"


def _entries(question: ReleasedQuestion) -> dict[str, dict[str, str]]:
    """Id of a choice, label or item -> attributes of its tag.

    People read `value`; results say `alias`, our id, where the two differ. A name that several have
    would make one choice of them there, so these keep their ids.
    """
    options = {option["id"]: option for option in _options(question.label.config())}
    names = Counter(option["name"] for option in options.values())
    found: dict[str, dict[str, str]] = {}
    for id_ in (*options, *question.classes):
        option = options.get(id_, {})
        name = option.get("name", id_)
        plain = name == id_ or names[name] > 1 or name in options
        more = {"hotkey": option.get("key"), "hint": option.get("description")}
        found[id_] = ({"value": id_} if plain else {"value": name, "alias": id_}) | {
            attribute: value for attribute, value in more.items() if value
        }
    return found


def _options(config: Json) -> Iterator[dict[str, Any]]:
    """All entries with a name and an id, however deep they stand in the configuration."""
    if isinstance(config, dict):
        if isinstance(config.get("id"), str) and isinstance(config.get("name"), str):
            yield config
        for value in config.values():
            yield from _options(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _options(value)
