"""Peers: other tools whose projects can be brought here, one file each, found through an entry point.

A peer turns what another tool exports into what this one imports: a project, records, annotations
with who gave them and when. It reads its source twice, and holds one task at a time: first to learn
the questions and all that will not fit, so that this is said before anything is written; then to
send. It names label types by their short names, since it speaks for a tool that has its own.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import msgspec

from evenhand.core.errors import Invalid
from evenhand.labels import all_types
from evenhand.outbound import Door


class Unfit(msgspec.Struct, frozen=True, kw_only=True):
    """Something of the source that has no place here."""

    where: str  # in the other tool's words: "annotations[].was_cancelled", "control Relations"
    reason: str  # one sentence: what becomes of it
    count: int  # how often it is there; 0 for something of the project as a whole


class Losses:
    """What will not fit, counted while the source is read."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}

    def note(self, where: str, reason: str, count: int = 1) -> None:
        """One more of this."""
        self._seen[where, reason] = self._seen.get((where, reason), 0) + count

    def all(self) -> tuple[Unfit, ...]:
        """Everything that was noted, in the order in which it first came up."""
        return tuple(
            Unfit(where=where, reason=reason, count=count) for (where, reason), count in self._seen.items()
        )


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """An annotation as the other tool has it."""

    annotator: str  # key of whoever gave it there
    answers: dict[str, Any]  # id of the question -> answer
    submitted_at: str | None  # RFC 3339; None: the tool does not say
    name: str = ""
    email: str | None = None
    kind: str = "human"  # or "model"
    seconds: float | None = None  # active time


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One task of the other tool."""

    line: int  # where it stands in the source, 1 is the first
    record: dict[str, Any]  # with its external id, metadata and predictions
    annotations: tuple[Given, ...] = ()

    @property
    def external_id(self) -> str:
        return str(self.record["external_id"])


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A task that cannot be read. Reading goes on behind it."""

    line: int  # where it stands in the source, 1 is the first
    reason: str  # one sentence for a person


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever imports says beside the files."""

    config: Path | None = None  # of the other tool: its description of the project
    media: Path | None = None  # folder or ZIP archive with its images and sounds
    name: str | None = None  # of the project to make
    overlap: int | None = None  # answers that each task needs
    instructions: str = ""  # Markdown


@dataclass(frozen=True)
class Brought:
    """A project from elsewhere, read once and ready to be sent."""

    draft: dict[str, Any]  # as `create_project` takes it
    lost: tuple[Unfit, ...]
    items: Callable[[], Iterator[Item | Fault]]  # reads the source again
    counts: dict[str, int] = field(default_factory=dict)  # "tasks", "annotations", "faults"


class Peer(ABC):
    """Another tool. Implementations hold no state."""

    name: ClassVar[str]  # "label_studio": what --from takes
    title: ClassVar[str]  # "Label Studio"
    takes: ClassVar[str]  # one line: which files, for the help page

    @abstractmethod
    def read(self, files: Sequence[Path], options: Options) -> Brought:
        """The project that these files hold.

        Raises:
            Invalid: the source as a whole cannot be read: `where` is the file and the place in it.
        """

    def fetch(
        self, door: Door, url: str, token: str, folder: Path, options: Options
    ) -> tuple[list[Path], Options]:
        """Files and options for `read` from a running server, where the tool has one.

        Args:
            door: through which every request goes.
            url: of the project's page.
            token: API key of somebody who may export there.
            folder: where to put the files.

        Raises:
            Invalid: this tool is imported from files only; or the server does not let us in.
        """
        raise Invalid("peer.files", f"{self.title} is imported from files.", url, self.takes)


@cache
def all_peers() -> Mapping[str, Peer]:
    """Every installed peer by its name, in alphabetical order."""
    found: list[Peer] = [point.load()() for point in entry_points(group="evenhand.peers")]
    return MappingProxyType({peer.name: peer for peer in sorted(found, key=lambda peer: peer.name)})


def find(name: str) -> Peer:
    """The peer with this name; a dash counts as an underscore.

    Raises:
        Invalid: there is none.
    """
    peers = all_peers()
    if name.replace("-", "_") in peers:
        return peers[name.replace("-", "_")]
    known = ", ".join(peers).replace("_", "-")
    raise Invalid("peer.unknown", f"There is no {name!r} to import from.", "--from", f"Take one of: {known}.")


# -- what peers share ----------------------------------------------------------------------------


def has_type(name: str) -> bool:
    """Whether a label type with this short name is installed."""
    return any(kind.name == name for kind in all_types().values())


def named_by_content(data: Any) -> str:
    """An external id for a task that has none there: the same data give the same id."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(data, order="sorted")).hexdigest()[:32]


def objects(path: Path, lines: bool = False) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    """The objects of a JSON list, or with `lines` of JSON Lines, numbered from 1.

    Of a list, the bytes of the file are held, and one object at a time is decoded.

    Raises:
        Invalid: the file is no such list; `where` names the line.
    """
    for number, raw in _lines(path) if lines else _elements(path):
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield number, Fault(line=number, reason=f"This is not JSON: {error}.")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            yield number, Fault(line=number, reason="This is not an object.")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as source:
        for number, line in enumerate(source, 1):
            if line.strip().removeprefix(b"\xef\xbb\xbf"):
                yield number, line.removeprefix(b"\xef\xbb\xbf")


def _elements(path: Path) -> Iterator[tuple[int, bytes]]:
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        elements = msgspec.json.decode(content, type=list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise Invalid("peer.list", "The file is not a JSON list.", str(path), "Export it again.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json(path, content) from error
    yield from ((number, bytes(element)) for number, element in enumerate(elements, 1))


def _not_json(path: Path, content: bytes) -> Invalid:
    """What is wrong with this file, with line and column."""
    import json

    try:
        json.loads(content)
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        return Invalid("peer.json", f"This is not JSON: {error.msg}.", where, "Export it again.")
    except (UnicodeDecodeError, RecursionError) as error:
        return Invalid("peer.json", f"This is not JSON: {error}.", str(path), "Export it again.")
    return Invalid("peer.json", "This is not JSON.", str(path), "Export it again.")


class Seen:
    """Names in the order in which they first came up: the labels that a source uses."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: object) -> str:
        """Notes a name; gives it as text."""
        text = str(name)
        self._names.setdefault(text, None)
        return text

    def all(self) -> list[str]:
        return list(self._names)


def question(name: str, type: str, title: str = "", required: bool = False, **config: Any) -> dict[str, Any]:
    """A question of a draft."""
    head = {"id": name, "name": name, "title": title or name, "type": type, "required": required}
    return head | {"config": config}


def draft(
    name: str,
    fields: Mapping[str, str],
    questions: Sequence[dict[str, Any]],
    options: Options,
    overlap: int = 1,
) -> dict[str, Any]:
    """A project, as `create_project` takes it.

    Args:
        fields: key of the record -> type of the field.
        overlap: when `options` name none.

    Raises:
        Invalid: there is nothing to ask.
    """
    if not questions:
        raise Invalid("peer.questions", "Nothing in the source has a counterpart here.", "", "")
    return {
        "name": options.name or name,
        "fields": [{"name": key, "type": kind} for key, kind in fields.items()],
        "questions": list(questions),
        "overlap": max(1, min(options.overlap or overlap, 100)),
        "instructions": options.instructions,
    }


UNFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading a task raises that does not have the tool's form."""


def read(peer: Peer, files: Sequence[Path], options: Options) -> Brought:
    """The project that these files hold, whatever is in them.

    Raises:
        Invalid: the source as a whole cannot be read, or does not have the tool's form.
    """
    try:
        return peer.read(files, options)
    except UNFIT as error:
        raise Invalid(
            "peer.form",
            f"This does not have the form of {peer.title}: {error!r}.",
            ", ".join(map(str, files)),
            f"Export it again: {peer.takes}",
        ) from error


def guarded(
    source: Iterator[tuple[int, dict[str, Any] | Fault]],
    make: Callable[[int, dict[str, Any]], Item],
    title: str,
) -> Iterator[Item | Fault]:
    """Items out of objects; an object that does not have the tool's form becomes a fault."""
    for line, value in source:
        if isinstance(value, Fault):
            yield value
            continue
        try:
            yield make(line, value)
        except UNFIT as error:
            yield Fault(line=line, reason=f"This does not have the form of {title}: {error!r}.")


def one_file(files: Sequence[Path], peer: Peer) -> Path:
    """The only file.

    Raises:
        Invalid: there are more, or none.
    """
    if len(files) == 1:
        return files[0]
    raise Invalid("peer.files", f"{peer.title} is imported from one file.", "", peer.takes)


def count(items: Iterator[Item | Fault]) -> dict[str, int]:
    """How many tasks, annotations and faults there are: the first of the two readings."""
    told = {"tasks": 0, "annotations": 0, "faults": 0}
    for item in items:
        if isinstance(item, Fault):
            told["faults"] += 1
        else:
            told["tasks"] += 1
            told["annotations"] += len(item.annotations)
    return told
