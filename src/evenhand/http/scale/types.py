"""Scale's task types in our words, and our answers in Scale's: one table, which names label types on purpose.

A type has three functions. `plan` turns the parameters of a task into fields and questions, or says in one
sentence what cannot be labelled here; `respond` turns answers into Scale's response; `suggest` turns a
hypothesis or an expected response, which has the response's shape, back into answers. To add a type, add its
row to `TYPES`; to add a shape of image annotation, its row to `GEOMETRIES`.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evenhand import wire
from evenhand.core.errors import Invalid

Params = Mapping[str, Any]
Answers = Mapping[str, Any]

KNOWN = frozenset(
    {
        "annotation",
        "categorization",
        "comparison",
        "cuboidannotation",
        "datacollection",
        "documentmodel",
        "documenttranscription",
        "imageannotation",
        "laneannotation",
        "lidarannotation",
        "lidarlinking",
        "lidarsegmentation",
        "lidartopdown",
        "lineannotation",
        "namedentityrecognition",
        "pointannotation",
        "polygonannotation",
        "segmentannotation",
        "transcription",
        "textcollection",
        "videoannotation",
        "videoboxannotation",
        "videoplaybackannotation",
        "videocuboidannotation",
        "sensorfusion",
        "chat",
        "chatexperimental",
        "chatlite",
        "multichat",
        "multistage",
        "federal2dvideoannotation",
    }
)
"""Every name of a type in Scale's client, version 2.18."""

DERIVED = "attachment#"
"""What annotators see of an attachment stands in the record under this and a number."""

MOST_ATTACHMENTS = 50


@dataclass
class Plan:
    """What a task of ours shows and asks."""

    fields: list[wire.FieldDraft] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)  # derived parts of the record
    media: dict[str, tuple[str, str]] = field(default_factory=dict)  # part -> (kind, address) to fetch

    def attach(self, kind: str, content: str, title: str = "") -> str:
        """Show an attachment; gives the name of its field."""
        if len(self.fields) >= MOST_ATTACHMENTS:
            raise bad(f"A task shows at most {MOST_ATTACHMENTS} attachments.", "attachments")
        name = f"{DERIVED}{len(self.fields) + 1}"
        shape = {"image": "image", "audio": "audio"}.get(kind, "markdown" if kind == "text" else "text")
        self.fields.append(wire.FieldDraft(name=name, type=shape, title=title or kind.capitalize()))  # type: ignore[arg-type]
        if kind == "website" or (kind == "text" and not is_address(content)):
            self.shown[name] = content
        else:
            self.media[name] = (kind, content)
        return name


class Type(NamedTuple):
    """One row of the table."""

    plan: Callable[[Params], Plan]
    respond: Callable[[Params, Answers], dict[str, Any]]
    suggest: Callable[[Params, Any], dict[str, Any]]


def bad(reason: str, where: str, remedy: str = "") -> Invalid:
    """400: a parameter is missing, or asks for what cannot be labelled here."""
    return Invalid("scale.param", reason, where, remedy)


def is_address(content: str) -> bool:
    """Whether an attachment has to be fetched, or is the text itself."""
    return content.startswith(("http://", "https://", "scaledata://")) and not any(map(str.isspace, content))


# ---- reading parameters ------------------------------------------------------------------------


def _text(params: Params, key: str, where: str = "") -> str:
    value = params.get(key)
    if not isinstance(value, str) or not value:
        raise bad(f"The parameter {key!r} is missing or no text.", f"{where}{key}", "Send a text.")
    return value


def _list(params: Params, key: str, where: str = "") -> list[Any]:
    value = params.get(key)
    if not isinstance(value, list) or not value:
        raise bad(f"The parameter {key!r} is missing or no list.", f"{where}{key}", "Send a list.")
    return value


def _object(params: Params, key: str, where: str = "") -> dict[str, Any]:
    value = params.get(key)
    if not isinstance(value, dict) or not value:
        raise bad(f"The parameter {key!r} is missing or no object.", f"{where}{key}", "Send an object.")
    return value


def _number(value: Any, default: float, where: str) -> float:
    """A number, which old clients send as a text."""
    try:
        found = float(default if value is None else value)
    except (TypeError, ValueError):
        raise bad("This is no number.", where, "Send a number.") from None
    if not math.isfinite(found):
        raise bad("This is no number.", where, "Send a number.")
    return found


def _refuse(params: Params, keys: Sequence[str], where: str = "") -> None:
    """Say which parameters would change what is asked and are not understood."""
    for key in keys:
        if params.get(key):
            raise bad(f"{key!r} cannot be labelled here yet.", f"{where}{key}", "Leave it out.")


KINDS = ("text", "image", "audio", "website")


def _attachment(params: Params, plan: Plan, default: str) -> str:
    kind = params.get("attachment_type") or default
    if kind not in KINDS:
        raise bad(f"Attachments of the type {kind!r} cannot be shown here yet.", "attachment_type")
    return plan.attach(kind, _text(params, "attachment"))


def _options(raw: Sequence[Any], where: str) -> list[dict[str, Any]]:
    """Choices as Scale writes them (names, or objects with subchoices) as ours."""
    return [_option(one, f"{where}[{i}]") for i, one in enumerate(raw)]


def _option(one: Any, where: str) -> dict[str, Any]:
    if isinstance(one, str) and one:
        return {"id": one, "name": one}
    if not isinstance(one, dict):
        raise bad("A choice is a text or an object.", where, "Send its name.")
    value = next((one[key] for key in ("value", "choice", "name") if key in one), None)
    if value is None or value == "" or isinstance(value, dict | list):
        raise bad("A choice has no name.", where, "Give it one.")
    name = next(
        (one[k] for k in ("label", "display", "display_name") if isinstance(one.get(k), str) and one[k]), None
    )
    found: dict[str, Any] = {"id": id_of(value), "name": name or id_of(value)}
    about = one.get("hint") or one.get("description")
    if isinstance(about, str) and about:
        found["description"] = about[:5000]
    below = one.get("subchoices") or one.get("children")
    if below:
        if not isinstance(below, list):
            raise bad("Subchoices are a list.", where, "Send a list.")
        found["children"] = _options(below, f"{where}.subchoices")
    return found


def id_of(value: Any) -> str:
    """The id of a choice whose value may be a text, a number or a truth value."""
    return value if isinstance(value, str) else json.dumps(value)


def _leaves(options: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that can be picked where a list must be flat: what has children stands for them."""
    found: list[dict[str, Any]] = []
    for one in options:
        found += _leaves(one["children"]) if "children" in one else [one]
    return found


def _pick(
    id_: str, title: str, options: list[dict[str, Any]], most: Any = 1, least: Any = 1
) -> dict[str, Any]:
    """A question for one choice, or for several, or for leaves of a tree."""
    common = {"id": id_, "title": title}
    if most == 1 and not any("children" in one for one in options):
        return {**common, "type": "choice", "choices": options}
    return {
        **common,
        "type": "multi_choice",
        "choices": options,
        "min": least,
        "max": most,
        "leaves_only": True,
    }


def _picked(answer: Any) -> list[str]:
    """The ids that were picked, from either type."""
    return answer if isinstance(answer, list) else [answer]


def _answer(question: dict[str, Any], ids: Sequence[Any]) -> Any:
    """The inverse of `_picked`."""
    found = [id_of(one) for one in ids]
    return found if question["type"] == "multi_choice" else (found[0] if found else None)


def _given(response: Any, key: str) -> Any:
    if not isinstance(response, dict) or key not in response:
        raise bad(f"This has no {key!r}.", "hypothesis", "Send the shape that a response of this type has.")
    return response[key]


# ---- categorization, comparison, transcription -------------------------------------------------


def _plan_categorization(params: Params) -> Plan:
    plan = Plan()
    _attachment(params, plan, "text")
    for name, one in _categories(params).items():
        plan.questions.append(_pick(name, one[0], _options(one[1], name), one[2]))
    return plan


def _categories(params: Params) -> dict[str, tuple[str, list[Any], int | None]]:
    """Question -> (title, choices, most); without taxonomies there is one, called "category"."""
    if "taxonomies" not in params:
        most = None if params.get("allow_multiple") else 1
        return {"category": ("Category", _list(params, "categories"), most)}
    found = {}
    for name, one in _object(params, "taxonomies").items():
        where = f"taxonomies.{name}."
        choices = (
            one if isinstance(one, list) else _list(one if isinstance(one, dict) else {}, "choices", where)
        )
        about = one if isinstance(one, dict) else {}
        if about.get("type") not in (None, "category"):
            raise bad(
                f"{about['type']!r} cannot be labelled here yet.", f"{where}type", "Ask for a category."
            )
        title = (
            about["description"]
            if isinstance(about.get("description"), str) and about["description"]
            else name
        )
        found[name] = (title, choices, None if about.get("allow_multiple") else 1)
    return found


def _respond_categorization(params: Params, answers: Answers) -> dict[str, Any]:
    said = {name: a if most is None else _picked(a)[0] for name, (_, _, most) in _categories(params).items()
            if (a := answers.get(name)) is not None}  # fmt: skip
    return {"taxonomies": said} if "taxonomies" in params else {"category": said.get("category")}


def _suggest_categorization(params: Params, response: Any) -> dict[str, Any]:
    said = _given(response, "taxonomies" if "taxonomies" in params else "category")
    by_name = said if "taxonomies" in params else {"category": said}
    plan = {question["id"]: question for question in _plan_categorization(params).questions}
    return {
        name: _answer(plan[name], one if isinstance(one, list) else [one])
        for name, one in by_name.items()
        if name in plan
    }


def _plan_comparison(params: Params) -> Plan:
    plan = Plan()
    kind = params.get("attachment_type") or "text"
    attachments = _list(params, "attachments")
    if kind not in KINDS or len(attachments) < 2 or not all(isinstance(a, str) and a for a in attachments):
        raise bad("A comparison needs two or more attachments of a type that can be shown.", "attachments")
    for i, attachment in enumerate(attachments, 1):
        plan.attach(kind, attachment, f"Attachment {i}")
    plan.questions.append(_pick("choice", "Choice", _options(_list(params, "choices"), "choices")))
    return plan


def _plan_transcription(params: Params) -> Plan:
    plan = Plan()
    _attachment(params, plan, "website")
    _refuse(params, ("repeatable_fields",))
    for name, title in _object(params, "fields").items():
        plan.questions.append(
            {"id": name, "title": title if isinstance(title, str) and title else name, "type": "text"}
        )
    return plan


# ---- textcollection ----------------------------------------------------------------------------


def _plan_collection(params: Params) -> Plan:
    plan = Plan()
    for i, one in enumerate(_list(params, "attachments") if params.get("attachments") else []):
        where = f"attachments[{i}]."
        if not isinstance(one, dict) or one.get("type") not in KINDS:
            raise bad("An attachment of this type cannot be shown here yet.", f"{where}type")
        plan.attach(one["type"], _text(one, "content", where))
    if not plan.fields:
        plan.shown[f"{DERIVED}1"] = str(params.get("description") or params.get("title") or "")
        plan.fields.append(wire.FieldDraft(name=f"{DERIVED}1", type="markdown", title="Task"))
    for i, one in enumerate(_list(params, "fields")):
        plan.questions += _collected(one, f"fields[{i}].", "")
    return plan


def _collected(one: Any, where: str, within: str) -> list[dict[str, Any]]:
    """The questions of one field; a set asks each of its own."""
    if not isinstance(one, dict):
        raise bad("A field is an object.", where.rstrip("."), "Send an object.")
    kind = one.get("type")
    id_ = within + _text(one, "field_id", where)
    _refuse(one, ("conditions",), where)
    if (one.get("max_responses_required") or 1) != 1:
        raise bad(
            "Several responses to one field cannot be labelled here yet.", f"{where}max_responses_required"
        )
    if kind == "field_set" and not within:
        return [q for i, sub in enumerate(_list(one, "fields", where))
                for q in _collected(sub, f"{where}fields[{i}].", f"{id_}.")]  # fmt: skip
    if kind not in COLLECTED:
        raise bad(f"Fields of the type {kind!r} cannot be labelled here yet.", f"{where}type")
    about = {"help": one["description"]} if isinstance(one.get("description"), str) else {}
    question = COLLECTED[kind](
        one, id_, one["title"] if isinstance(one.get("title"), str) and one["title"] else id_, where
    )
    return [{**question, **about, "required": one.get("required", True) is not False}]


def _ask_text(one: Params, id_: str, title: str, where: str) -> dict[str, Any]:
    return {"id": id_, "title": title, "type": "text"}


def _ask_number(one: Params, id_: str, title: str, where: str) -> dict[str, Any]:
    return {"id": id_, "title": title, "type": "number"}


def _ask_boolean(one: Params, id_: str, title: str, where: str) -> dict[str, Any]:
    return _pick(id_, title, [{"id": "true", "name": "Yes"}, {"id": "false", "name": "No"}])


def _ask_datetime(one: Params, id_: str, title: str, where: str) -> dict[str, Any]:
    return {
        "id": id_,
        "title": title,
        "type": "text",
        "placeholder": "2030-12-31T23:59:59Z",
        "multiline": False,
    }


def _ask_category(one: Params, id_: str, title: str, where: str) -> dict[str, Any]:
    options = _options(_list(one, "choices", where), f"{where}choices")
    return _pick(id_, title, options, one.get("max_choices") or 1, one.get("min_choices") or 1)


COLLECTED: dict[Any, Callable[[Params, str, str, str], dict[str, Any]]] = {
    "text": _ask_text,
    "number": _ask_number,
    "boolean": _ask_boolean,
    "datetime": _ask_datetime,
    "category": _ask_category,
}
"""Type of a field of a textcollection -> its question."""


def _respond_collection(params: Params, answers: Answers) -> dict[str, Any]:
    found = {}
    for one in params["fields"]:
        said = _said(one, answers, "")
        if said is not None:
            found[one["field_id"]] = said
    return {"annotations": found}


def _said(one: Params, answers: Answers, within: str) -> dict[str, Any] | None:
    """One field in the newer of the two published shapes: a list over responses of lists of values."""
    id_ = within + one["field_id"]
    if one["type"] == "field_set":
        parts = {sub["field_id"]: _said(sub, answers, f"{id_}.") for sub in one["fields"]}
        response: list[Any] = [{name: part for name, part in parts.items() if part is not None}]
    elif id_ in answers:
        response = [_values(one, answers[id_])]
    else:
        return None
    return {"type": one["type"], "field_id": one["field_id"], "response": response}


def _values(one: Params, answer: Any) -> list[Any]:
    if one["type"] == "boolean":
        return [answer == "true"]
    if one["type"] != "category":
        return [answer]
    known = _choice_values(one["choices"])
    return [known.get(id_, id_) for id_ in _picked(answer)]


def _choice_values(choices: Sequence[Any]) -> dict[str, Any]:
    """Id of each choice -> its value as it was sent."""
    found: dict[str, Any] = {}
    for one in choices:
        value = one if isinstance(one, str) else next(one[k] for k in ("value", "choice", "name") if k in one)
        found[id_of(value)] = value
        if isinstance(one, dict):
            found |= _choice_values(one.get("subchoices") or [])
    return found


def _suggest_collection(params: Params, response: Any) -> dict[str, Any]:
    """Of either published shape."""
    questions = {question["id"]: question for question in _plan_collection(params).questions}
    said = _given(response, "annotations")
    return _read_fields(params["fields"], said if isinstance(said, dict) else {}, questions, "")


def _read_fields(
    fields: Sequence[Params], said: Params, questions: Mapping[str, dict[str, Any]], within: str
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields:
        value = said.get(one["field_id"])
        if value is None:
            continue
        if isinstance(value, dict) and "response" in value:
            value = value["response"][0] if value["response"] else None
        id_ = within + one["field_id"]
        if one["type"] == "field_set":
            found |= _read_fields(
                one["fields"], value if isinstance(value, dict) else {}, questions, f"{id_}."
            )
        elif value is not None:
            values = value if isinstance(value, list) else [value]
            found[id_] = _answer(questions[id_], values) if "choices" in questions[id_] else values[0]
    return found


# ---- namedentityrecognition --------------------------------------------------------------------


def _plan_entities(params: Params) -> Plan:
    plan = Plan()
    _text(params, "text")
    _refuse(params, ("relationships",))
    labels = _list(params, "labels")
    for i, label in enumerate(labels):
        _refuse(label if isinstance(label, dict) else {}, ("attributes",), f"labels[{i}].")
    plan.fields.append(wire.FieldDraft(name="text", type="text", title="Text"))
    options = _leaves(_options(labels, "labels"))
    plan.questions.append(
        {
            "id": "annotations",
            "title": "Entities",
            "type": "span",
            "field": "text",
            "labels": options,
            "overlap": True,
        }
    )
    return plan


def _respond_entities(params: Params, answers: Answers) -> dict[str, Any]:
    text = params["text"]
    found = [
        {"id": stable(params, span), "start": span["start"], "end": span["end"],
         "text": text[span["start"] : span["end"]], "label": span["label"]}
        for span in answers.get("annotations", [])
    ]  # fmt: skip
    return {"annotations": found}


def _suggest_entities(params: Params, response: Any) -> dict[str, Any]:
    spans = [{key: one.get(key) for key in ("start", "end", "label")} for one in _annotations(response)]
    return {"annotations": spans}


def _annotations(response: Any) -> list[dict[str, Any]]:
    said = _given(response, "annotations")
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise bad("Annotations are a list of objects.", "hypothesis", "Send the shape that a response has.")
    return said


def stable(params: Params, value: Any) -> str:
    """An id for a part of an answer that is the same each time the task is fetched."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([params.get("attachment"), value], sort_keys=True)))


# ---- images ------------------------------------------------------------------------------------


class Geometry(NamedTuple):
    """One shape of image annotation."""

    ask: Callable[[Params, str], dict[str, Any]]  # (its parameters, field) -> question
    respond: Callable[[Any], dict[str, Any]]  # one of our shapes -> an annotation without uuid and label
    suggest: Callable[[Params], dict[str, Any]]  # an annotation -> one of our shapes without its label


def _ask_box(wanted: Params, name: str) -> dict[str, Any]:
    least = min(_number(wanted.get(key), 0, f"geometries.box.{key}") for key in ("min_width", "min_height"))
    rotated = bool(wanted.get("can_rotate"))
    return {"type": "box", "field": name, "rotation": rotated, "min_size": max(least, 0.0)}


def _respond_box(box: Any) -> dict[str, Any]:
    found = {"type": "box", "left": box["x"], "top": box["y"], "width": box["width"], "height": box["height"]}
    if box.get("rotation"):
        found |= {"rotation": math.radians(box["rotation"]), "vertices": _corners(box)}
    return found


def _corners(box: Any) -> list[dict[str, float]]:
    """The corners of a turned box, clockwise from its top left one; y points down, so a turn is clockwise."""
    middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    cos, sin = math.cos(math.radians(box["rotation"])), math.sin(math.radians(box["rotation"]))
    half = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    points = [(x * box["width"] / 2, y * box["height"] / 2) for x, y in half]
    return [{"x": middle_x + x * cos - y * sin, "y": middle_y + x * sin + y * cos} for x, y in points]


def _suggest_box(one: Params) -> dict[str, Any]:
    found = {
        "x": one.get("left"),
        "y": one.get("top"),
        "width": one.get("width"),
        "height": one.get("height"),
    }
    if one.get("rotation"):
        found["rotation"] = math.degrees(_number(one["rotation"], 0, "rotation"))
    return found


def _ask_polygon(wanted: Params, name: str) -> dict[str, Any]:
    if _number(wanted.get("min_vertices"), 1, "geometries.polygon.min_vertices") > 3:
        raise bad(
            "A least number of vertices beyond 3 cannot be asked for here.",
            "geometries.polygon.min_vertices",
            "Leave it out.",
        )
    _refuse(wanted, ("max_vertices",), "geometries.polygon.")
    return {"type": "polygon", "field": name}


def _respond_polygon(polygon: Any) -> dict[str, Any]:
    return {"type": "polygon", "vertices": [{"x": x, "y": y} for x, y in polygon["points"]]}


def _suggest_polygon(one: Params) -> dict[str, Any]:
    vertices = _list(one, "vertices", "hypothesis.")
    if not all(isinstance(vertex, dict) for vertex in vertices):
        raise bad("A vertex is an object with x and y.", "hypothesis.vertices", "Send x and y of each.")
    return {"points": [[vertex.get("x"), vertex.get("y")] for vertex in vertices]}


GEOMETRIES: dict[str, Geometry] = {
    "box": Geometry(_ask_box, _respond_box, _suggest_box),
    "point": Geometry(
        lambda wanted, name: {"type": "keypoint", "field": name},
        lambda point: {"type": "point", "x": point["x"], "y": point["y"]},
        lambda one: {"x": one.get("x"), "y": one.get("y")},
    ),
    "polygon": Geometry(_ask_polygon, _respond_polygon, _suggest_polygon),
}
"""Scale's geometry -> how it is asked here. Those that are not in it are refused."""


def _image(only: str) -> Type:
    """A type whose annotations have this shape, where the task does not name geometries."""

    def named(params: Params) -> Params:
        if "geometries" in params or "objects_to_annotate" not in params:
            return params
        return {**params, "geometries": {only: dict(params)}}

    return Type(
        lambda params: _plan_image(named(params)),
        lambda params, answers: _respond_image(named(params), answers),
        lambda params, said: _suggest_image(named(params), said),
    )


def _plan_image(params: Params) -> Plan:
    plan = Plan()
    if "geometries" not in params:
        raise bad("The parameter 'geometries' is missing.", "geometries", "Say what to annotate.")
    _refuse(params, ("annotation_attributes", "links", "padding"))
    name = _attachment({**params, "attachment_type": params.get("attachment_type") or "image"}, plan, "image")
    for shape, wanted in _object(params, "geometries").items():
        if shape not in GEOMETRIES or not isinstance(wanted, dict):
            raise bad(f"The geometry {shape!r} cannot be labelled here yet.", f"geometries.{shape}")
        labels = _leaves(_options(_list(wanted, "objects_to_annotate", f"geometries.{shape}."), shape))
        plan.questions.append(
            {
                "id": shape,
                "title": shape.capitalize(),
                "labels": labels,
                **GEOMETRIES[shape].ask(wanted, name),
            }
        )
    for i, one in enumerate(params.get("context_attachments") or []):
        plan.attach(
            "image",
            _text(one if isinstance(one, dict) else {}, "attachment", f"context_attachments[{i}]."),
            "Context",
        )
    return plan


def _respond_image(params: Params, answers: Answers) -> dict[str, Any]:
    found = [
        {"uuid": stable(params, one), "label": one["label"], **GEOMETRIES[shape].respond(one)}
        for shape in params["geometries"]
        for one in answers.get(shape, [])
    ]
    return {"annotations": found}


def _suggest_image(params: Params, response: Any) -> dict[str, Any]:
    found: dict[str, list[Any]] = {shape: [] for shape in params["geometries"]}
    for one in _annotations(response):
        shape = one.get("type", "box")
        if shape not in found:
            raise bad(f"The task asks for no {shape!r}.", "hypothesis", "Send shapes that it asks for.")
        found[shape].append({**GEOMETRIES[shape].suggest(one), "label": one.get("label")})
    return found


# ---- the table ---------------------------------------------------------------------------------


def _choice_of(params: Params, answers: Answers) -> dict[str, Any]:
    return {"choice": answers.get("choice")}


def _fields_of(params: Params, answers: Answers) -> dict[str, Any]:
    return {"fields": {name: answers[name] for name in params["fields"] if name in answers}}


def _suggest_fields(params: Params, response: Any) -> dict[str, Any]:
    said = _given(response, "fields")
    return {name: said[name] for name in params["fields"] if isinstance(said, dict) and name in said}


_TRANSCRIPTION = Type(_plan_transcription, _fields_of, _suggest_fields)
_IMAGE = _image("box")

TYPES: dict[str, Type] = {
    "annotation": _IMAGE,
    "imageannotation": _IMAGE,
    "categorization": Type(_plan_categorization, _respond_categorization, _suggest_categorization),
    "comparison": Type(_plan_comparison, _choice_of, lambda params, said: {"choice": _given(said, "choice")}),
    "datacollection": _TRANSCRIPTION,
    "transcription": _TRANSCRIPTION,
    "pointannotation": _image("point"),
    "polygonannotation": _image("polygon"),
    "namedentityrecognition": Type(_plan_entities, _respond_entities, _suggest_entities),
    "textcollection": Type(_plan_collection, _respond_collection, _suggest_collection),
}
"""Scale's type -> how it is labelled here. Those that are not in it are refused."""


def find(name: str) -> Type:
    """The type with this name.

    Raises:
        Invalid: Scale has no such type, or it cannot be labelled here yet.
    """
    if name in TYPES:
        return TYPES[name]
    if name in KNOWN:
        reason = f"Tasks of the type {name!r} cannot be labelled here yet."
        raise Invalid("scale.type", reason, "type", f"These can: {', '.join(sorted(TYPES))}.")
    raise Invalid("scale.type", f"There is no task type {name!r}.", "type", "See Scale's documentation.")


MADE_UP: dict[str, Callable[[dict[str, Any], Plan], Any]] = {
    "choice": lambda q, plan: q["choices"][0]["id"],
    "multi_choice": lambda q, plan: [one["id"] for one in _leaves(q["choices"])[: q["min"] or 1]],
    "text": lambda q, plan: (
        "2030-12-31T23:59:59Z" if q.get("placeholder") else "A text as somebody would write it."
    ),
    "number": lambda q, plan: 1,
    "span": lambda q, plan: [{"start": 0, "end": 1, "label": q["labels"][0]["id"]}],
    "box": lambda q, plan: [{"x": 10, "y": 10, "width": 20, "height": 20, "label": q["labels"][0]["id"]}],
    "keypoint": lambda q, plan: [{"x": 10, "y": 10, "label": q["labels"][0]["id"]}],
    "polygon": lambda q, plan: [{"points": [[10, 10], [30, 10], [20, 30]], "label": q["labels"][0]["id"]}],
}
"""Our label type -> an answer that nobody gave, for test keys."""


def made_up(plan: Plan) -> dict[str, Any]:
    """Plausible answers to all questions."""
    return {question["id"]: MADE_UP[question["type"]](question, plan) for question in plan.questions}
