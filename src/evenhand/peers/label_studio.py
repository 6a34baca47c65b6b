"""Label Studio: its JSON export and labeling configuration (label-studio-sdk 2.1, `label_interface`).

Geometry is in percent of the image there and in pixels here, boxes turn about their top left corner
there and about their centre here, text offsets are UTF-16 code units there and code points here.
"""

from __future__ import annotations

import errno
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from evenhand.blobs import MAX_BLOB
from evenhand.core.errors import Invalid, Refused, Unavailable
from evenhand.formats.brush import decode as brush_runs
from evenhand.outbound import Door
from evenhand.peers import (
    Brought,
    Fault,
    Given,
    Item,
    Losses,
    Options,
    Peer,
    has_type,
    named_by_content,
    objects,
    one_file,
)
from evenhand.peers.media import path_of

Json = Any
OBJECTS = {
    "Text": "text",
    "HyperText": "html",
    "Markdown": "markdown",
    "Image": "image",
    "Audio": "audio",
    "AudioPlus": "audio",
    "Video": "video",
    "Chat": "chat",
    "Paragraphs": "chat",
    "List": "items",
}
"""Tags that show data -> type of our field; "items" become one field each."""

FPS = 24.0
"""Frames a second that Label Studio takes for those of a video whose tag says nothing (`frameRate`)."""

SHOWN_ELSEWHERE = "Annotators see it as it is in the record, or not at all."


class LabelStudio(Peer):
    """Reads Label Studio's JSON export ("Raw JSON")."""

    name: ClassVar[str] = "label_studio"
    title: ClassVar[str] = "Label Studio"
    takes: ClassVar[str] = "EXPORT.json, and --config with the labeling configuration (XML)."

    def read(self, files: Sequence[Path], options: Options) -> Brought:
        path = one_file(files, self)
        if options.config is None:
            raise Invalid(
                "peer.config", "The labeling configuration is missing.", "--config", "Save it as config.xml."
            )
        losses = Losses()
        config = read_config(options.config.read_bytes(), str(options.config), losses)
        survey = _survey(path, config, losses)
        draft = config.draft(options.name or path.stem, options.overlap or survey.overlap, losses)
        draft["instructions"] = options.instructions
        return Brought(
            draft=draft,
            lost=losses.all(),
            items=lambda: _items(path, config, Losses()),
            counts=survey.counts,
        )

    def fetch(
        self, door: Door, url: str, token: str, folder: Path, options: Options
    ) -> tuple[list[Path], Options]:
        """From ``https://host/projects/7``, with either of Label Studio's two kinds of token.

        Media that this server keeps come along, unless others are given. Those that it does not give
        are left out, and missed later.
        """
        address = re.match(r"(https?://.+?)/projects/(\d+)(?:/|$)", url)
        if address is None:
            raise Invalid(
                "peer.address", "This is no project of Label Studio.", url, "https://host/projects/7"
            )
        base, number = address.groups()
        headers = {"authorization": _authorization(door, base, token)}
        project = msgspec.json.decode(_get(door, f"{base}/api/projects/{number}", headers))
        config, tasks = folder / "config.xml", folder / f"label-studio-{number}.json"
        config.write_text(project["label_config"], encoding="utf-8")
        export = f"{base}/api/projects/{number}/export?exportType=JSON&download_all_tasks=true"
        with tasks.open("wb") as target, door.open("GET", export, headers, seconds=PATIENCE) as answer:
            status, _, pieces = answer
            _let_in(status, export)
            for piece in pieces:
                target.write(piece)
        _name_all(door, base, number, headers, tasks)
        media = options.media or folder / (urlsplit(base).hostname or "media")
        if options.media is None:
            media.mkdir()
            _Uploads(door, base, token, media).fetch(tasks)
        told = {
            "name": options.name or project.get("title") or f"Label Studio {number}",
            "overlap": options.overlap or project.get("maximum_annotations"),
            "instructions": project.get("expert_instruction") or "",
        }
        return [tasks], msgspec.structs.replace(options, config=options.config or config, media=media, **told)


PATIENCE = 600.0  # seconds that a server may take to write its export
LARGEST = 64 << 20  # bytes of a project's description
MOST_TOLD = 1 << 30  # bytes of all predictions of a project


def _authorization(door: Door, base: str, token: str) -> str:
    """The header's value: legacy tokens go as they are, personal ones (JWT) are exchanged for a short one."""
    if token.count(".") != 2:
        return f"Token {token}"
    content = msgspec.json.encode({"refresh": token})
    url = f"{base}/api/token/refresh"
    answer = door.send("POST", url, {"content-type": "application/json"}, content, keep=LARGEST)
    _let_in(answer.status, url)
    return f"Bearer {msgspec.json.decode(answer.body)['access']}"


def _name_all(door: Door, base: str, number: str, headers: Mapping[str, str], tasks: Path) -> None:
    """Put predictions and people in the place of the numbers that stand for them in an export.

    Where the server does not tell them the numbers stay.
    """
    predictions: dict[int, Json] = {}
    people: dict[int, Json] = {}
    for known, path in ((predictions, f"predictions?project={number}"), (people, "users")):
        answer = door.send("GET", f"{base}/api/{path}", headers, keep=MOST_TOLD, seconds=PATIENCE)
        if answer.status == 200:
            with suppress(msgspec.DecodeError, msgspec.ValidationError):  # cut off, or of another form
                found = msgspec.json.decode(answer.body, type=list[dict[str, Json]])
                known.update((one["id"], one) for one in found if isinstance(one.get("id"), int))
    named = tasks.with_suffix(".named")
    with named.open("wb") as target:
        target.write(b"[")
        for line, task in objects(tasks):
            if isinstance(task, Fault):
                task = {}  # it is told when the file is read
            for annotation in task.get("annotations") or []:
                who = annotation.get("completed_by")
                if isinstance(who, int) and who in people:
                    # Known by the number as in a file, so that the other of the two adds nobody.
                    annotation["completed_by"] = people[who] | {"known_as": who}
            if isinstance(task.get("predictions"), list):
                task["predictions"] = [
                    predictions.get(one, one) if isinstance(one, int) else one for one in task["predictions"]
                ]
            target.write(b",\n"[line == 1 :] + msgspec.json.encode(task))
        target.write(b"]")
    named.replace(tasks)


def _get(door: Door, url: str, headers: Mapping[str, str]) -> bytes:
    answer = door.send("GET", url, headers, keep=LARGEST, seconds=60)
    _let_in(answer.status, url)
    return answer.body


def _let_in(status: int, url: str) -> None:
    if status != 200:
        remedy = "Check the token (--token) and the address."
        raise Refused("peer.server", f"The server answered {status}.", url, remedy)


class _Uploads:
    """Fetches the media that a server keeps itself, each into a file that is called by its path."""

    def __init__(self, door: Door, base: str, token: str, folder: Path) -> None:
        self._door, self._base, self._token, self._folder = door, base, token, folder
        self._prefix = urlsplit(base).path  # of a server that is not at the top of its host
        self._origin = base.removesuffix(self._prefix)
        self._authorization = _authorization(door, base, token)

    def fetch(self, tasks: Path) -> None:
        """The media that these tasks name. A server that no longer answers is not asked on and on.

        Raises:
            Unavailable: the disk is full.
        """
        silent, asked = 0, set[str]()
        for url, path in self._named(tasks):
            if path in asked or silent >= SILENT:
                continue
            asked.add(path)
            try:
                self._one(url, self._folder / path)
                silent = 0
            except Unavailable as error:
                if not error.rule.startswith("outbound."):
                    raise
                silent += 1

    def _named(self, tasks: Path) -> Iterator[tuple[str, str]]:
        """(address, path) of each medium that this server keeps."""
        for _, task in objects(tasks):
            data = {} if isinstance(task, Fault) else task.get("data", task)
            for value in data.values() if isinstance(data, dict) else ():
                url = self._own(value)
                if url is not None and (path := path_of(value)) is not None:
                    yield url, path

    def _own(self, value: Json) -> str | None:
        """The address of a medium that this server keeps; None for whatever else."""
        if not isinstance(value, str):
            return None
        path = value.removeprefix(self._origin).removeprefix(self._prefix)
        return f"{self._base}{path}" if path.startswith(("/data/upload/", "/data/local-files/")) else None

    def _one(self, url: str, target: Path) -> None:
        """One medium. Personal tokens give short ones, so that a new one is asked for in between."""
        for last in (False, True):
            headers = {"authorization": self._authorization}
            with self._door.open("GET", url, headers, seconds=SECONDS) as (status, _, pieces):
                if status == 200:
                    _write(target, pieces)
                    return
            if last or status != 401:
                return
            self._authorization = _authorization(self._door, self._base, self._token)


SECONDS = 30.0  # for one medium
SILENT = 5  # times in a row that a server may fail to answer


def _write(target: Path, pieces: Iterator[bytes]) -> None:
    """Keep a medium that is whole, not too large, and called as the disk allows; else nothing is left."""
    size, whole = 0, False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for piece in pieces:
                size += file.write(piece)
                if size > MAX_BLOB:
                    return
        whole = True
    except TimeoutError:
        raise  # of the network, and the door's to say
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Unavailable(
                "disk.full", "There is no room for the media.", str(target.parent), "Set TMPDIR."
            ) from error
    finally:
        if not whole:
            with suppress(OSError):
                target.unlink()


# -- the labeling configuration -------------------------------------------------------------------


@dataclass
class Control:
    """A control of the configuration that became a question."""

    name: str  # also the question's id
    tag: str
    to: tuple[str, ...]  # names of the objects that it is about
    kind: str  # short name of the label type
    config: dict[str, Json]
    title: str
    required: bool
    when: dict[str, Json] | None
    ids: dict[str, str] = field(default_factory=dict)  # what results say -> id here


@dataclass
class Config:
    """A labeling configuration as far as it is understood."""

    objects: dict[str, tuple[str, str]]  # name -> (key of the data, type of our field)
    controls: dict[str, Control]
    items: dict[str, int] = field(default_factory=dict)  # key of a list that is ranked -> its length
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)  # of Paragraphs: key -> (role, text)
    relations: dict[str, bool] = field(default_factory=dict)  # label -> whether it has a direction
    rates: dict[str, str] = field(
        default_factory=dict
    )  # of videos: key -> frames a second, or "$key" with them

    def fps(self, key: str, data: Mapping[str, Json]) -> float:
        """Frames a second of the video under this key of a task's data."""
        told = self.rates.get(key, "")
        found = str(data.get(told[1:])) if told.startswith("$") else told
        return float(found) if _is_number(found) and float(found) > 0 else FPS

    def draft(self, name: str, overlap: int, losses: Losses) -> dict[str, Json]:
        """The project, as `create_project` takes it."""
        fields: dict[str, str] = {}
        for key, kind in self.objects.values():
            if kind == "items":
                fields.update(dict.fromkeys(item_fields(key, self.items.get(key, 0)), "text"))
            else:
                fields[key] = kind
        questions = [self._question(control) for control in self.controls.values() if self._works(control)]
        for control in self.controls.values():
            if not self._works(control):
                losses.note(
                    f"control {control.name}", "Its lists have different lengths, or less than two.", 0
                )
        if not questions:
            raise Invalid(
                "peer.questions", "No control of the configuration has a counterpart here.", "--config"
            )
        return {
            "name": name,
            "fields": [{"name": key, "type": kind} for key, kind in fields.items()],
            "questions": questions,
            "overlap": max(1, min(overlap, 100)),
        }

    def _works(self, control: Control) -> bool:
        return control.tag != "Ranker" or self.items.get(self.objects[control.to[0]][0], 0) >= 2

    def _question(self, control: Control) -> dict[str, Json]:
        config = dict(control.config)
        if control.tag == "Ranker":
            key = self.objects[control.to[0]][0]
            config["field_items"] = list(item_fields(key, self.items[key]))
        if control.kind == "span" and self.relations:
            config["relations"] = [
                {"name": label, "directed": directed} for label, directed in self.relations.items()
            ]
        question = {
            "id": control.name,
            "name": control.name,
            "title": control.title,
            "type": control.kind,
            "required": control.required,
            "config": config,
        }
        return question | ({"when": control.when} if control.when else {})


def item_fields(key: str, length: int) -> tuple[str, ...]:
    """Names of the fields that show the items of a list."""
    return tuple(f"{key}_{i}" for i in range(1, length + 1))


def read_config(content: bytes, where: str, losses: Losses) -> Config:
    """The configuration out of its XML.

    Raises:
        Invalid: it is not XML, or declares entities, which could grow without end.
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Invalid("peer.config", "The configuration declares entities.", where, "Remove the DOCTYPE.")
    try:
        root = ET.fromstring(content)
    except ET.ParseError as error:
        line, column = error.position
        place = f"{where}, line {line}, column {column + 1}"
        raise Invalid("peer.config", f"This is not XML: {error}.", place, "Correct it there.") from error
    reader = _ConfigReader(losses)
    reader.objects(root)
    reader.walk(root, None)
    if reader.relations is not None and not any(c.kind == "span" for c in reader.controls.values()):
        losses.note("control Relations", "Here only spans of a text are joined by relations.", 0)
    return Config(
        objects=reader.shown,
        controls=reader.controls,
        keys=reader.keys,
        relations=dict.fromkeys(reader.relations or (), True),
        rates=reader.rates,
    )


class _ConfigReader:
    """Walks through the tags once for what is shown, once for what is asked."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._header = ""
        self.named: dict[str, ET.Element] = {}  # object with a VideoRectangle -> the Labels beside it
        self.shown: dict[str, tuple[str, str]] = {}
        self.controls: dict[str, Control] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.relations: list[str] | None = None  # labels; None: they are not asked for
        self.rates: dict[str, str] = {}

    def note(self, where: str, reason: str) -> None:
        """What of the configuration is not brought as it is."""
        self._losses.note(where, reason, 0)

    def objects(self, root: ET.Element) -> None:
        moving = {tag.get("toName") for tag in root.iter("VideoRectangle")}
        for tag in root.iter("Labels"):
            if tag.get("toName") in moving:
                self.named.setdefault(tag.attrib["toName"], tag)
        for tag in root.iter():
            value = tag.get("value", tag.get("valueList", ""))
            if tag.get("toName") or not value.startswith("$") or tag.tag in ("Label", "Choice", "Header"):
                continue
            key, kind = value[1:], OBJECTS.get(tag.tag)
            if kind is None:
                self._losses.note(f"object {tag.tag} {tag.get('name', '')}".strip(), SHOWN_ELSEWHERE, 0)
            elif tag.get("name"):
                self.shown[tag.attrib["name"]] = (key, kind)
                if tag.get("valueType") == "url":
                    self._losses.note(
                        f"object {tag.get('name')} valueType", "The address itself is shown.", 0
                    )
                if tag.tag == "Paragraphs":
                    self.keys[key] = (tag.get("nameKey", "author"), tag.get("textKey", "text"))
                if tag.tag == "Video":
                    self.rates[key] = tag.get("frameRate", tag.get("framerate", ""))

    def walk(self, tag: ET.Element, shown_when: ET.Element | None) -> None:
        if tag.tag == "Header":
            self._header = tag.get("value", "")
        if tag.tag == "View" and tag.get("visibleWhen"):
            shown_when = tag
        if tag in self.named.values():
            pass  # the labels of boxes that move, which are read with these
        elif tag.get("toName") and tag.get("name"):
            self._control(tag, tag if tag.get("whenTagName") else shown_when)
        elif tag.tag == "Relations":
            self.relations = [one.attrib["value"] for one in tag.iter("Relation") if one.get("value")]
        for child in tag:
            self.walk(child, shown_when)

    def _control(self, tag: ET.Element, shown_when: ET.Element | None) -> None:
        name, where = tag.attrib["name"], f"control {tag.tag} {tag.get('name')}"
        to = tuple(part.strip() for part in tag.attrib["toName"].split(","))
        make = CONTROLS.get(tag.tag)
        if tag.get("perRegion") == "true" or tag.get("perItem") == "true":
            self._losses.note(where, "Questions about a single region are not asked here.", 0)
        elif make is None or any(target not in self.shown for target in to):
            self._losses.note(where, "It has no counterpart here.", 0)
        else:
            made = make(self, tag, [self.shown[target] for target in to])
            if isinstance(made, str):
                self._losses.note(where, made, 0)
            else:
                kind, config, ids = made
                when = self._when(shown_when, where)
                self.controls[name] = Control(
                    name=name,
                    tag=tag.tag,
                    to=to,
                    kind=kind,
                    config=config,
                    title=self._header or name,
                    required=tag.get("required") == "true",
                    when=when,
                    ids=ids,
                )
                self._header = ""

    def _when(self, shown_when: ET.Element | None, where: str) -> dict[str, Json] | None:
        if shown_when is None:
            return None
        question, choice = shown_when.get("whenTagName", ""), shown_when.get("whenChoiceValue", "")
        control = self.controls.get(question)
        if control is None or "," in choice or "unselected" in shown_when.get("visibleWhen", ""):
            self._losses.note(
                f"{where} visibleWhen", "The condition is dropped: the question is always asked.", 0
            )
            return None
        if not choice:
            return {"question": question, "answered": True}
        test = "is" if control.kind == "choice" else "includes"
        return {"question": question, test: control.ids.get(choice, choice)}


Made = tuple[str, dict[str, Json], dict[str, str]] | str
"""(short name of the label type, its configuration, what results say -> id here), or why there is none."""
Shown = list[tuple[str, str]]
Maker = Callable[[_ConfigReader, ET.Element, Shown], Made]


def _entries(tag: ET.Element, child: str) -> tuple[list[dict[str, Json]], dict[str, str]]:
    """(entries as our lists have them, what results say -> id)."""
    entries: list[dict[str, Json]] = []
    ids: dict[str, str] = {}
    keys: set[str] = set()
    for label in tag.iter(child):
        value = label.get("value", "")
        id_ = label.get("alias", value) or value
        if not value or id_ in ids.values():
            continue
        entry: dict[str, Json] = {"name": value, "id": id_}
        hotkey = label.get("hotkey", "")
        if len(hotkey) == 1 and hotkey not in keys:
            keys.add(hotkey)
            entry["key"] = hotkey
        if label.get("hint"):
            entry["description"] = label.get("hint")
        entries.append(entry)
        ids |= {value: id_, id_: id_}
    return entries, ids


def _choices(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    if any(child.find("Choice") is not None for child in tag.iter("Choice")):
        return _taxonomy(reader, tag, shown)
    entries, ids = _entries(tag, "Choice")
    if not entries:
        return "Its choices come from the data of each task."
    kind = "multi_choice" if tag.get("choice") == "multiple" else "choice"
    return kind, {"choices": entries}, ids


def _taxonomy(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    """A tree; an id is the path, parts joined by " / "."""
    ids: dict[str, str] = {}

    def entries(parent: ET.Element, path: tuple[str, ...]) -> list[dict[str, Json]]:
        found = []
        for child in parent.findall("Choice"):
            own = (*path, child.get("alias", "") or child.get("value", ""))
            id_ = " / ".join(own)
            ids[id_] = id_
            entry: dict[str, Json] = {"name": child.get("value", ""), "id": id_}
            inner = entries(child, own)
            found.append(entry | ({"children": inner} if inner else {}))
        return found

    tree = entries(tag, ())
    if not tree:
        return "Its tree comes from elsewhere."
    return "multi_choice", {"choices": tree, "leaves_only": tag.get("leafsOnly") == "true"}, ids


def _regions(kind: str, field_type: str, **more: Json) -> Maker:
    """Labels on something of this type."""

    def make(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
        key, type_ = shown[0]
        own = dict(more)
        target = kind
        if tag.tag in ("Labels", "TimelineLabels") and type_ in ("audio", "video"):
            target, own = "time_span", {}
        elif type_ not in (field_type, "markdown" if field_type == "text" else field_type):
            return f"Marks on {type_} have no counterpart here."
        if not has_type(target):
            return f"The label type {target} is not installed."
        entries, ids = _entries(tag, "Label")
        if not entries:
            return "Its labels come from the data of each task."
        if tag.tag == "TimelineLabels" and not reader.rates.get(key):
            reason = f"It is not told: frames are taken as {FPS:g} a second, as there."
            reader.note(f"frameRate of {key}", reason)
        return target, {"field": key, "labels": entries, **own}, ids

    return make


def _moving(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    """Boxes over time, with the labels that stand beside them or in themselves."""
    key, type_ = shown[0]
    entries, ids = _entries(reader.named.get(tag.attrib["toName"], tag), "Label")
    if type_ != "video" or not entries:
        return "It is about no video, or has no labels."
    if not has_type("track"):
        return "The label type track is not installed."
    if not reader.rates.get(key):
        reader.note(f"frameRate of {key}", f"It is not told: frames are taken as {FPS:g} a second, as there.")
    return "track", {"field": key, "labels": entries}, ids


def _number(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    config: dict[str, Json] = {}
    for ours, theirs in NUMBERS:
        if _is_number(tag.get(theirs)):
            config[ours] = float(tag.attrib[theirs])
    return "number", config, {}


NUMBERS = (("min", "min"), ("max", "max"), ("step", "step"), ("min", "minValue"), ("max", "maxValue"))


def _rating(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    most = tag.get("maxRating", "5")
    return "rating", {"min": 0, "max": int(most) if most.isdigit() and int(most) > 0 else 5}, {}


def _pairwise(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    if len(shown) != 2 or shown[0][0] == shown[1][0]:
        return "It does not compare two fields."
    return "pairwise", {"a": shown[0][0], "b": shown[1][0], "scale": 2}, {}


def _ranker(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    if tag.find("Bucket") is not None:
        return "Sorting into buckets has no counterpart here."
    if shown[0][1] != "items":
        return "It does not rank a List."
    return "ranking", {}, {}


def _text(reader: _ConfigReader, tag: ET.Element, shown: Shown) -> Made:
    placeholder = tag.get("placeholder")
    return "text", {"placeholder": placeholder} if placeholder else {}, {}


CONTROLS: dict[str, Maker] = {
    "Choices": _choices,
    "Taxonomy": _taxonomy,
    "Labels": _regions("span", "text", overlap=True),
    "TimelineLabels": _regions("time_span", "video"),
    "VideoRectangle": _moving,
    "RectangleLabels": _regions("box", "image", rotation=True, min_size=0),
    "PolygonLabels": _regions("polygon", "image"),
    "KeyPointLabels": _regions("keypoint", "image"),
    "BrushLabels": _regions("mask", "image"),
    "TextArea": _text,
    "DateTime": _text,
    "Number": _number,
    "Rating": _rating,
    "Pairwise": _pairwise,
    "Ranker": _ranker,
}


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and math.isfinite(float(text))
    except ValueError:
        return False


# -- tasks ------------------------------------------------------------------------------------------


@dataclass
class _Survey:
    overlap: int
    counts: dict[str, int]


def _survey(path: Path, config: Config, losses: Losses) -> _Survey:
    """Everything that must be known before the first task is sent."""
    lengths: dict[str, set[int]] = {key: set() for key, kind in config.objects.values() if kind == "items"}
    found: set[str] = set()  # labels of relations that came up
    for _, task in objects(path):
        if isinstance(task, Fault):
            continue
        data = task.get("data", task)
        for key, seen in lengths.items():
            seen.add(len(data[key]) if isinstance(data.get(key), list) else 0)
        for one in _links(task):
            config.relations |= _directions(one, config.relations, found)
    config.items = {key: seen.pop() for key, seen in lengths.items() if len(seen) == 1}
    overlaps: Counter[int] = Counter()
    counts = {"tasks": 0, "annotations": 0, "faults": 0}
    for item in _items(path, config, losses):
        if isinstance(item, Fault):
            counts["faults"] += 1
            continue
        counts["tasks"] += 1
        counts["annotations"] += len(item.annotations)
        overlaps[len(item.annotations)] += 1
    del overlaps[0]
    return _Survey(overlap=overlaps.most_common(1)[0][0] if overlaps else 1, counts=counts)


UNNAMED = "related"
"""The label of relations that have none there."""


def _links(task: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """The relations in all answers to a task."""
    for key in ("annotations", "completions", "predictions"):
        for one in task.get(key) or []:
            for region in one.get("result") or [] if isinstance(one, dict) else []:
                if isinstance(region, dict) and region.get("type") == "relation":
                    yield region


def _directions(link: Mapping[str, Json], known: Mapping[str, bool], found: set[str]) -> dict[str, bool]:
    """Labels of a relation -> whether they have a direction: those that never have one join both alike."""
    has = link.get("direction") != "bi"
    told = {}
    for label in link.get("labels") or [UNNAMED]:
        told[label] = has or (label in found and known[label])
        found.add(label)
    return told


def _items(path: Path, config: Config, losses: Losses) -> Iterator[Item | Fault]:
    for line, task in objects(path):
        if isinstance(task, Fault):
            yield task
            continue
        try:
            yield _item(line, task, config, losses)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Fault(line=line, reason=f"This task does not fit Label Studio's form: {error!r}.")


KNOWN_TASK = {
    "id", "data", "meta", "annotations", "completions", "predictions", "inner_id", "created_at", "updated_at",
    "project", "total_annotations", "cancelled_annotations", "total_predictions", "comment_count",
    "unresolved_comment_count", "last_comment_updated_at", "updated_by", "comment_authors", "file_upload",
    "drafts", "agreement", "allow_skip",
}  # fmt: skip
ONLY_NUMBERS = (
    "The file has only their numbers. With the project's address and a token instead of it, they are brought."
)
LOST_OF_TASK = {
    "drafts": "Unfinished answers are not brought.",
    "comment_count": "Comments are not part of the export.",
    "agreement": "Agreement is computed anew.",
}
LOST_OF_ANNOTATION = {
    "ground_truth": "The answer comes as an ordinary one; mark its task as gold here.",
    "reviews": "Reviews made there are not brought.",
    "parent_prediction": "That it began as a prediction is not kept.",
    "history": "Earlier states of an answer are not kept.",
}
LOST_OF_REGION = {
    "parentID": "The order of regions below each other is not kept.",
    "meta": "Notes on regions are not kept.",
    "hidden": "That a region is hidden is not kept.",
    "locked": "That a region is locked is not kept.",
    "score": "Scores of single regions are not kept.",
}


def _item(line: int, task: dict[str, Json], config: Config, losses: Losses) -> Item:
    bare = "data" not in task
    data = dict(task if bare else task["data"])
    record: dict[str, Json] = _record(data, config)
    record["external_id"] = str(task["id"]) if not bare and "id" in task else named_by_content(data)
    if bare:
        return Item(line=line, record=record)
    for key in task.keys() - KNOWN_TASK:
        losses.note(f"tasks[].{key}", "This field is not known here.")
    for key, reason in LOST_OF_TASK.items():
        if task.get(key):
            losses.note(f"tasks[].{key}", reason)
    if task.get("meta"):
        record["metadata"] = task["meta"]
    if task.get("allow_skip") is False:
        losses.note("tasks[].allow_skip", "Annotators may skip every task here.")
    told = [one for one in task.get("predictions") or [] if not isinstance(one, int)]
    if len(told) < len(task.get("predictions") or []):
        losses.note("tasks[].predictions", ONLY_NUMBERS)
    predictions = [_prediction(p, data, config, losses) for p in told]
    if predictions:
        record["predictions"] = predictions
    found = task.get("annotations", task.get("completions")) or []
    record |= _sizes([*found, *told], config)
    return Item(line=line, record=record, annotations=_annotations(found, data, config, losses))


def _record(data: dict[str, Json], config: Config) -> dict[str, Json]:
    """The data as annotators see them here: items one by one, talks with role and content."""
    record = dict(data)
    for key, length in config.items.items():
        for name, item in zip(item_fields(key, length), data[key], strict=True):
            record[name] = "\n\n".join(str(item[part]) for part in ("title", "body") if item.get(part))
    for key, (who, what) in config.keys.items():
        if isinstance(data.get(key), list) and (who, what) != ("role", "content"):
            record[key] = [{"role": str(turn.get(who, "")), "content": str(turn[what])} for turn in data[key]]
    return record


def _sizes(given: list[dict[str, Json]], config: Config) -> dict[str, Json]:
    """Width and height of images, which Label Studio keeps with the marks in them."""
    sizes: dict[str, Json] = {}
    for region in (region for one in given for region in one.get("result") or []):
        control = config.controls.get(region.get("from_name", ""))
        if control is not None and "original_width" in region:
            key, kind = config.objects[control.to[0]]
            if kind == "image":
                sizes |= {f"{key}_{side}": region[f"original_{side}"] for side in ("width", "height")}
    return sizes


def _prediction(
    raw: dict[str, Json], data: dict[str, Json], config: Config, losses: Losses
) -> dict[str, Json]:
    prediction = {"answers": answers_of(raw.get("result") or [], data, config, losses)}
    return prediction | {
        ours: raw[theirs]
        for ours, theirs in (("model", "model_version"), ("score", "score"))
        if raw.get(theirs) is not None
    }


def _annotations(
    found: list[dict[str, Json]], data: dict[str, Json], config: Config, losses: Losses
) -> tuple[Given, ...]:
    """Of each person the newest annotation, oldest first."""
    by_person: dict[str, Given] = {}
    for raw in sorted(found, key=lambda a: str(a.get("created_at") or "")):
        if raw.get("was_cancelled") or raw.get("skipped"):
            losses.note("annotations[].was_cancelled", "Skipped tasks are open again here.")
            continue
        for key, reason in LOST_OF_ANNOTATION.items():
            if raw.get(key):
                losses.note(f"annotations[].{key}", reason)
        given = _given(raw, data, config, losses)
        if given.annotator in by_person:
            losses.note("annotations[]", "Of several by one person to one task, only the newest is brought.")
            del by_person[given.annotator]
        by_person[given.annotator] = given
    return tuple(by_person.values())


def _given(raw: dict[str, Json], data: dict[str, Json], config: Config, losses: Losses) -> Given:
    who = raw.get("completed_by")
    person = who if isinstance(who, dict) else {"id": who}
    name = " ".join(str(person[part]) for part in ("first_name", "last_name") if person.get(part))
    at = raw.get("updated_at") or raw.get("created_at")
    if at is None:
        losses.note("annotations[].created_at", "It is missing; the time of the import stands for it.")
    seconds = raw.get("lead_time")
    if isinstance(seconds, int | float) and not 0 <= seconds <= 7 * 86400:
        losses.note("annotations[].lead_time", "More than a week, or less than nothing, is taken as unknown.")
        seconds = None
    known_as = person.get("known_as") or person.get("email") or person.get("id")
    return Given(
        annotator=f"label-studio/{known_as}",
        name=name or f"Label Studio {person.get('email') or person.get('id')}",
        email=person.get("email"),
        answers=answers_of(raw.get("result") or [], data, config, losses),
        submitted_at=at,
        seconds=seconds,
    )


# -- answers ------------------------------------------------------------------------------------------


def answers_of(
    result: list[dict[str, Json]], data: dict[str, Json], config: Config, losses: Losses
) -> dict[str, Json]:
    """The answers that these results make. Each control that was asked for regions has a list."""
    answers: dict[str, Json] = {}
    places: dict[str, tuple[str, int]] = {}  # id of a region -> the control of its span, and where it stands
    for region in _joined([one for one in result if one.get("type") != "relation"]):
        for key, reason in LOST_OF_REGION.items():
            if region.get(key):
                losses.note(f"result[].{key}", reason)
        control = config.controls.get(region.get("from_name", ""))
        kind = region.get("type", "")
        if control is None:
            losses.note(
                f"result[] of {region.get('from_name') or kind}", "No question here takes this answer."
            )
            continue
        read = RESULTS.get(control.kind)
        value = region.get("value") or {}
        key = config.objects[control.to[0]][0]
        if "ranges" in value:
            value = in_seconds(value, config.fps(key, data))
        if "sequence" in value:
            value = {**value, "sequence": _at_times(value["sequence"], config.fps(key, data))}
        if read is not None:
            made = read(value, control, region, data.get(key), losses)
            own = answers.setdefault(control.name, [])
            if made and control.kind == "span":
                places.setdefault(str(region.get("id")), (control.name, len(own)))
            own.extend(made)
        else:
            answers[control.name] = _single(value, control, data.get(key), config, losses)
    for control in config.controls.values():
        if control.kind in RESULTS and control.when is None:
            answers.setdefault(control.name, [])  # looked at, and nothing to mark
    for link in result:
        if link.get("type") == "relation":
            _relate(link, places, answers, config, losses)
    return answers


def _relate(
    link: Mapping[str, Json],
    places: Mapping[str, tuple[str, int]],
    answers: Mapping[str, Json],
    config: Config,
    losses: Losses,
) -> None:
    """Put a relation to the span that it begins at."""
    ends = [places.get(str(link.get(key)), ("", 0)) for key in ("from_id", "to_id")]
    if link.get("direction") == "left":
        ends.reverse()
    (control, source), (other, to) = ends
    if not control or control != other or source == to:
        losses.note("result[] of relation", "It does not join two spans of one question.")
        return
    spans = answers[control]
    for label in link.get("labels") or [UNNAMED]:
        # Of a label that has a direction elsewhere, one that goes both ways is two.
        both = link.get("direction") == "bi" and config.relations.get(label, True)
        for i, j in ((source, to), (to, source)) if both else ((source, to),):
            one = {"to": j, "label": label}
            back = {"to": i, "label": label}
            held = one in spans[i].get("relations", ()) or (
                not config.relations.get(label, True) and back in spans[j].get("relations", ())
            )
            if not held:
                spans[i].setdefault("relations", []).append(one)


def _joined(result: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """The results, a bare geometry and the labels of the same id taken as one (the split form)."""
    bare = {r["id"]: r for r in result if r.get("type") in BARE and "id" in r}
    joined = []
    for region in result:
        partner = bare.get(region.get("id", ""))
        if region.get("type") in BARE and any(
            r is not region and r.get("id") == region.get("id") and str(r.get("type", "")).endswith("labels")
            for r in result
        ):
            continue
        if partner is not None and partner is not region:
            region = {**partner, **region, "value": {**partner.get("value", {}), **region.get("value", {})}}
        joined.append(region)
    return joined


BARE = frozenset({"rectangle", "polygon", "keypoint", "brush", "ellipse"})


def _labels(value: Mapping[str, Json], control: Control) -> list[str]:
    """Ids of the region's labels, under whichever name they stand."""
    named = value.get(control.tag.lower(), value.get("labels")) or []
    return [control.ids.get(label, label) for label in named]


Region = Mapping[str, Json]


def _span(value: Region, control: Control, region: Region, text: Json, losses: Losses) -> list[Json]:
    start, end = int(value["start"]), int(value["end"])
    if isinstance(text, str):
        start, end = code_points(text, start, end, value.get("text"))
    return [{"start": start, "end": end, "label": label} for label in _labels(value, control)]


def code_points(text: str, start: int, end: int, marked: Json) -> tuple[int, int]:
    """Offsets in UTF-16 code units as code points. The marked text decides where both would fit."""
    if text.isascii() or (isinstance(marked, str) and text[start:end] == marked):
        return start, end
    units = text.encode("utf-16-le")
    before, inside = units[: 2 * start], units[2 * start : 2 * end]
    first = len(before.decode("utf-16-le", "ignore"))
    return first, first + len(inside.decode("utf-16-le", "ignore"))


def _size(region: Region) -> tuple[float, float]:
    return float(region["original_width"]), float(region["original_height"])


def _box(value: Region, control: Control, region: Region, data: Json, losses: Losses) -> list[Json]:
    wide, high = _size(region)
    x, y = value["x"] / 100 * wide, value["y"] / 100 * high
    w, h = value["width"] / 100 * wide, value["height"] / 100 * high
    turn = float(value.get("rotation") or 0) % 360
    if turn:
        x, y = about_centre(x, y, w, h, turn)
    else:
        x, y, w, h = _inside(x, y, w, h, wide, high)
    box = {"x": x, "y": y, "width": w, "height": h}
    return [
        {**box, "label": label, **({"rotation": turn} if turn else {})} for label in _labels(value, control)
    ]


def about_centre(x: float, y: float, w: float, h: float, turn: float) -> tuple[float, float]:
    """Left and top edge of a box turned about its centre, from its top left corner turned about that."""
    angle = math.radians(turn)
    cx = x + w / 2 * math.cos(angle) - h / 2 * math.sin(angle)
    cy = y + w / 2 * math.sin(angle) + h / 2 * math.cos(angle)
    return cx - w / 2, cy - h / 2


def _inside(
    x: float, y: float, w: float, h: float, wide: float, high: float
) -> tuple[float, float, float, float]:
    """The part of an upright box that lies inside the image: the editor lets edges slip out by a hair."""
    left, top = min(max(x, 0), wide), min(max(y, 0), high)
    return left, top, min(x + w, wide) - left, min(y + h, high) - top


def _polygon(value: Region, control: Control, region: Region, data: Json, losses: Losses) -> list[Json]:
    wide, high = _size(region)
    points = [
        [min(max(x, 0), 100) / 100 * wide, min(max(y, 0), 100) / 100 * high] for x, y in value["points"]
    ]
    return [{"points": points, "label": label} for label in _labels(value, control)]


def _keypoint(value: Region, control: Control, region: Region, data: Json, losses: Losses) -> list[Json]:
    wide, high = _size(region)
    x, y = min(max(value["x"], 0), 100) / 100 * wide, min(max(value["y"], 0), 100) / 100 * high
    return [{"x": x, "y": y, "label": label} for label in _labels(value, control)]


def _mask(value: Region, control: Control, region: Region, data: Json, losses: Losses) -> list[Json]:
    wide, high = _size(region)
    runs = list(brush_runs(value["rle"]))
    size = {"width": int(wide), "height": int(high)}
    return [{"label": label, **size, "runs": runs} for label in _labels(value, control)]


def _time_span(value: Region, control: Control, region: Region, data: Json, losses: Losses) -> list[Json]:
    parts = value.get("ranges", [value])
    stretches = [{"start": float(part["start"]), "end": float(part["end"])} for part in parts]
    return [{**stretch, "label": label} for label in _labels(value, control) for stretch in stretches]


def in_seconds(value: Region, fps: float) -> Region:
    """Stretches of a video, which are told in frames from 1 on, both ends included."""
    ranges = [
        {"start": max(part["start"] - 1, 0) / fps, "end": max(part["end"], part["start"]) / fps}
        for part in value["ranges"]
    ]
    return {**value, "ranges": ranges}


def _at_times(sequence: Sequence[Mapping[str, Json]], fps: float) -> list[dict[str, Json]]:
    """Keyframes at seconds. One that is not enabled is the last frame in which the box is there."""
    found: dict[int, dict[str, Json]] = {}
    for one in sorted(sequence, key=lambda one: int(one["frame"])):
        frame = max(int(one["frame"]) - 1, 0)
        place = {key: one[key] for key in (*BOX, "rotation") if key in one}
        found[frame] = {"time": frame / fps, **place}
        if one.get("enabled") is False:
            found[frame + 1] = {"time": (frame + 1) / fps, **place, "outside": True}
    return [one for _, one in sorted(found.items())]


def _track(value: Region, control: Control, region: Region, data: Json, losses: Losses) -> list[Json]:
    if any(one.get("rotation") for one in value["sequence"]):
        losses.note("result[].value.sequence[].rotation", "Boxes of tracks stand upright here.")
    frames = []
    for one in value["sequence"]:
        x, y, w, h = (one[key] / 100 for key in BOX)
        x, y, w, h = _inside(x, y, w, h, 1, 1)
        if w >= 0.00001 and h >= 0.00001:
            outside = {"outside": True} if one.get("outside") else {}
            frames.append({"time": one["time"], "x": x, "y": y, "width": w, "height": h} | outside)
    named = [control.ids.get(label, label) for label in value.get("labels") or []]
    return [{"keyframes": frames, "label": label} for label in named] if frames else []


BOX = ("x", "y", "width", "height")

RESULTS: dict[str, Callable[[Region, Control, Region, Json, Losses], list[Json]]] = {
    "span": _span,
    "box": _box,
    "polygon": _polygon,
    "keypoint": _keypoint,
    "mask": _mask,
    "time_span": _time_span,
    "track": _track,
}
"""Short name of a label type that marks regions -> its reader, which gives a list."""


def _single(value: Region, control: Control, data: Json, config: Config, losses: Losses) -> Json:
    """The answer to a question that is about all of the task."""
    match control.tag:
        case "Choices":
            return _picked([(c if isinstance(c, list) else [c]) for c in value["choices"]], control)
        case "Taxonomy":
            return _picked(value["taxonomy"], control)
        case "TextArea":
            texts = value["text"] if isinstance(value["text"], list) else [value["text"]]
            if len(texts) > 1:
                losses.note(
                    f"result[] of {control.name}", "Several texts become one, with line breaks between."
                )
            return "\n".join(texts)
        case "DateTime":
            return str(value["datetime"])
        case "Number":
            return value["number"]
        case "Rating":
            return value["rating"]
        case "Pairwise":
            return {"preference": -1 if value["selected"] == "left" else 1}
    return _ranked(value, control, data, config)


def _picked(paths: list[list[str]], control: Control) -> Json:
    """One id for a single choice, else a list; of a path, the last part is what was picked."""
    ids = [control.ids.get(" / ".join(path), control.ids.get(path[-1], path[-1])) for path in paths]
    return ids[0] if control.kind == "choice" else ids


def _ranked(value: Region, control: Control, data: Json, config: Config) -> Json:
    """Both shapes that Label Studio has written: a list of ids, or such a list by the name of a bucket."""
    ranker = value["ranker"]
    order = ranker if isinstance(ranker, list) else next(iter(ranker.values()))
    key = config.objects[control.to[0]][0]
    names = item_fields(key, config.items.get(key, 0))
    by_id = {str(item["id"]): name for item, name in zip(data, names, strict=True)}
    return [[by_id[str(id_)]] for id_ in order]
