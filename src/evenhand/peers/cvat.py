"""CVAT: its XML 1.1 for images and for video (docs.cvat.ai), in pixels; a file of tracks is one video."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from evenhand.core.errors import Invalid
from evenhand.peers import (
    UNFIT,
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
    one_file,
    question,
)

QUESTIONS = {
    "tag": ("tags", "multi_choice"),
    "box": ("boxes", "box"),
    "polygon": ("polygons", "polygon"),
    "points": ("points", "keypoint"),
    "mask": ("masks", "mask"),
}
"""Tag of a shape -> (question, its type)."""
LOST = frozenset({"polyline", "ellipse", "cuboid", "skeleton"})
FPS = 25.0
"""Frames a second of a video: its file does not tell them."""


class Cvat(Peer):
    """Reads annotations.xml of images, or of a video with its tracks of boxes."""

    name: ClassVar[str] = "cvat"
    title: ClassVar[str] = "CVAT"
    takes: ClassVar[str] = 'annotations.xml, exported as "CVAT for images 1.1" or "CVAT for video 1.1".'

    def read(self, files: Sequence[Path], options: Options) -> Brought:
        path = one_file(files, self)
        _refuse_entities(path)
        losses = Losses()
        survey = _Survey(path, losses)
        named = msgspec.structs.replace(options, name=options.name or survey.name or None)
        fields = {"video": "video"} if survey.is_film else {"image": "image"}
        made = draft(path.stem, fields, survey.questions(), named)
        counts = count(_items(path, survey, losses))
        return Brought(
            draft=made, lost=losses.all(), items=lambda: _items(path, survey, Losses()), counts=counts
        )


def _refuse_entities(path: Path) -> None:
    """Declared entities could grow without end."""
    before = b""
    with path.open("rb") as source:
        while piece := source.read(1 << 20):
            if b"<!DOCTYPE" in before + piece or b"<!ENTITY" in before + piece:
                raise Invalid("peer.xml", "The file declares entities.", str(path), "Remove the DOCTYPE.")
            before = piece[-16:]


def _elements(path: Path) -> Iterator[ET.Element]:
    """`meta`, each `image` and each `track`, one at a time.

    Raises:
        Invalid: it is not XML; `where` has line and column.
    """
    try:
        root: ET.Element | None = None
        for event, element in ET.iterparse(path, events=("start", "end")):
            if root is None:
                root = element
            if event == "end" and element.tag in ("meta", "image", "track"):
                yield element
                root.clear()
    except ET.ParseError as error:
        line, column = error.position
        where = f"{path}, line {line}, column {column + 1}"
        raise Invalid("peer.xml", f"This is not XML: {error}.", where, "Export it again.") from error


class _Survey:
    """What must be known before the first image is sent: labels, whose work it is, when."""

    def __init__(self, path: Path, losses: Losses) -> None:
        self.name = self.person = ""
        self.at: str | None = None
        self.source = ""  # name of the video
        self.size = (0, 0)  # of the video, pixels
        self.tracks: list[dict[str, Any]] = []
        self._moving = Seen()
        self._seen: dict[str, Seen] = {tag: Seen() for tag in QUESTIONS}
        known = False
        for element in _elements(path):
            if element.tag == "meta":
                self._meta(element)
            elif element.tag == "track":
                self._track(element, losses)
            known = True
            for shape in element if element.tag == "image" else ():
                if shape.tag in self._seen:
                    self._seen[shape.tag].add(shape.get("label", ""))
        if self.is_film and any(seen.all() for seen in self._seen.values()):
            raise Invalid("peer.xml", "It has images and tracks.", str(path), "Export the video by itself.")
        if not known:
            raise Invalid(
                "peer.xml", "There is neither an image nor a description in it.", str(path), Cvat.takes
            )

    def _meta(self, meta: ET.Element) -> None:
        for kind in ("task", "project", "job"):
            about = meta.find(kind)
            if about is not None:
                self.name = about.findtext("name") or self.name
                self.at = _time(about.findtext("updated")) or self.at
                self.source = about.findtext("source") or meta.findtext("source") or self.name
                size = about.find("original_size")
                if size is None:
                    size = meta.find("original_size")
                if size is not None:
                    self.size = (int(size.findtext("width") or 0), int(size.findtext("height") or 0))
                for who in ("assignee", "owner"):
                    self.person = self.person or about.findtext(f"{who}/username") or ""

    @property
    def is_film(self) -> bool:
        """Whether it is about a video."""
        return bool(self.tracks)

    def _track(self, track: ET.Element, losses: Losses) -> None:
        wide, high = self.size
        frames: list[dict[str, Any]] = []
        for shape in track:
            if shape.tag != "box":
                losses.note(f"{shape.tag} of a track", "Only boxes move here.")
            elif shape.get("keyframe") == "1" and wide and high and (frame := _keyframe(shape, wide, high)):
                _note_lost(shape, losses)
                frames += [frame] if frames or "outside" not in frame else []
        if not (wide and high):
            losses.note("track", "The file does not tell the size of its video.")
        if frames:
            losses.note("frames", f"CVAT tells no frames a second: {FPS:g} are taken.")
            self._moving.add(track.get("label", ""))
            self.tracks.append({"keyframes": frames, "label": track.get("label", "")})

    def questions(self) -> list[dict[str, Any]]:
        if self.is_film:
            return [question("tracks", "track", "Tracks", field="video", labels=self._moving.all())]
        found = []
        for tag, seen in self._seen.items():
            name, kind = QUESTIONS[tag]
            if labels := seen.all():
                config: dict[str, Any] = (
                    {"choices": labels} if tag == "tag" else {"field": "image", "labels": labels}
                )
                config |= {"rotation": True, "min_size": 0} if tag == "box" else {}
                found.append(question(name, kind, name.capitalize(), **config))
        return found

    @property
    def asked(self) -> dict[str, str]:
        """Tag of a shape -> question, of those that come up."""
        return {tag: QUESTIONS[tag][0] for tag, seen in self._seen.items() if seen.all()}


def _time(text: str | None) -> str | None:
    """CVAT writes `2026-01-02 03:04:05.678901+00:00`."""
    return text.strip().replace(" ", "T", 1) if text else None


def _items(path: Path, survey: _Survey, losses: Losses) -> Iterator[Item | Fault]:
    if survey.is_film:
        yield _film(survey, losses)
        return
    number = 0
    for element in _elements(path):
        if element.tag == "image":
            number += 1
            try:
                yield _item(number, element, survey, losses)
            except UNFIT as error:
                yield Fault(line=number, reason=f"This image does not have CVAT's form: {error!r}.")


def _item(number: int, image: ET.Element, survey: _Survey, losses: Losses) -> Item:
    name = image.attrib["name"]
    wide, high = int(image.attrib["width"]), int(image.attrib["height"])
    record = {"image": name, "image_width": wide, "image_height": high, "external_id": name}
    answers: dict[str, list[Any]] = {question: [] for question in survey.asked.values()}
    any_shape = False
    for shape in image:
        if shape.tag in LOST or shape.tag not in QUESTIONS:
            losses.note(shape.tag, "This shape has no counterpart here.")
            continue
        any_shape = True
        _note_lost(shape, losses)
        answers[survey.asked[shape.tag]] += SHAPES[shape.tag](shape, wide, high)
    if not any_shape:
        losses.note(
            "image without shapes", "It is open here: CVAT does not say whether somebody has looked at it."
        )
        return Item(line=number, record=record)
    person = survey.person or "unknown"
    losses.note("annotations", "CVAT keeps one state an image; it is taken for the assignee's work.")
    given = Given(annotator=f"cvat/{person}", name=person, answers=answers, submitted_at=survey.at)
    return Item(line=number, record=record, annotations=(given,))


def _film(survey: _Survey, losses: Losses) -> Item:
    """The one record of a video."""
    person, name = survey.person or "unknown", survey.source or "video"
    wide, high = survey.size
    record = {"video": name, "video_width": wide, "video_height": high, "video_fps": FPS, "external_id": name}
    losses.note("annotations", "CVAT keeps one state a video; it is taken for the assignee's work.")
    given = Given(
        annotator=f"cvat/{person}", name=person, answers={"tracks": survey.tracks}, submitted_at=survey.at
    )
    return Item(line=1, record=record, annotations=(given,))


def _keyframe(box: ET.Element, wide: int, high: int) -> dict[str, Any] | None:
    """Where a track is, as parts of the video; None where nothing of it is inside."""
    left, right = (min(max(float(box.attrib[key]), 0), wide) / wide for key in ("xtl", "xbr"))
    top, bottom = (min(max(float(box.attrib[key]), 0), high) / high for key in ("ytl", "ybr"))
    if right - left < 0.00001 or bottom - top < 0.00001:
        return None
    place = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    outside = {"outside": True} if box.get("outside") == "1" else {}
    return {"time": round(int(box.attrib["frame"]) / FPS, 3)} | place | outside


def _note_lost(shape: ET.Element, losses: Losses) -> None:
    if shape.find("attribute") is not None:
        losses.note("attribute", "Attributes of shapes are not brought.")
    for key in ("occluded", "group_id"):
        if shape.get(key, "0") not in ("0", ""):
            losses.note(key, "This is not kept.")


def _points(text: str, wide: int, high: int) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in text.split(";"))
    return [(min(max(float(x), 0), wide), min(max(float(y), 0), high)) for x, y in pairs]


def _tag(shape: ET.Element, wide: int, high: int) -> list[Any]:
    return [shape.attrib["label"]]


def _box(shape: ET.Element, wide: int, high: int) -> list[Any]:
    left, top, right, bottom = (float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
    turn = float(shape.get("rotation", 0)) % 360
    if not turn:
        left, right = (min(max(x, 0), wide) for x in (left, right))
        top, bottom = (min(max(y, 0), high) for y in (top, bottom))
    box: dict[str, Any] = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return [{**box, "label": shape.attrib["label"], **({"rotation": turn} if turn else {})}]


def _polygon(shape: ET.Element, wide: int, high: int) -> list[Any]:
    points = [list(point) for point in _points(shape.attrib["points"], wide, high)]
    return [{"points": points, "label": shape.attrib["label"]}]


def _keypoints(shape: ET.Element, wide: int, high: int) -> list[Any]:
    return [
        {"x": x, "y": y, "label": shape.attrib["label"]}
        for x, y in _points(shape.attrib["points"], wide, high)
    ]


def _mask(shape: ET.Element, wide: int, high: int) -> list[Any]:
    """Run lengths inside the mask's own box, off first, as runs of the whole image."""
    left, top, w, h = (int(float(shape.attrib[key])) for key in ("left", "top", "width", "height"))
    inner = [int(run) for run in shape.attrib["rle"].split(",")]
    if sum(inner) != w * h or left < 0 or top < 0 or left + w > wide or top + h > high:
        raise ValueError("the run lengths are not those of its box, or it lies outside the image")
    stretches: list[list[int]] = []  # [on, length], row by row of the image
    rows = _rows(inner, w)
    _extend(stretches, 0, top * wide)
    for row in rows:
        _extend(stretches, 0, left)
        for on, length in row:
            _extend(stretches, on, length)
        _extend(stretches, 0, wide - left - w)
    _extend(stretches, 0, (high - top - h) * wide)
    runs = [length for _, length in stretches]
    whole = [0, *runs] if stretches[0][0] else runs
    return [{"label": shape.attrib["label"], "width": wide, "height": high, "runs": whole}]


def _rows(runs: Sequence[int], width: int) -> Iterator[list[tuple[int, int]]]:
    """The runs cut at the ends of rows."""
    row: list[tuple[int, int]] = []
    free = width
    for i, run in enumerate(runs):
        left = run
        while left:
            length = min(left, free)
            row.append((i % 2, length))
            left, free = left - length, free - length
            if not free:
                yield row
                row, free = [], width


def _extend(stretches: list[list[int]], on: int, length: int) -> None:
    if length and stretches and stretches[-1][0] == on:
        stretches[-1][1] += length
    elif length:
        stretches.append([on, length])


SHAPES: dict[str, Callable[[ET.Element, int, int], list[Any]]] = {
    "tag": _tag,
    "box": _box,
    "polygon": _polygon,
    "points": _keypoints,
    "mask": _mask,
}
