"""From a file to a project: what its columns are, which questions options stand for, its media sent along."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from evenhand import formats, labels, wire
from evenhand.core.errors import EvenhandError, Invalid, Missing
from evenhand.core.project import RESERVED, FieldType
from evenhand.sdk import Client, Progress, Rejection, Report
from evenhand.zipped import CHUNK, MAGIC

SAMPLE = 100  # rows that the guess looks at
MAX_MEDIUM = 1 << 30  # bytes of one image, sound or video
MEDIA: dict[str, tuple[FieldType, str]] = {
    ".png": ("image", "image/png"),
    ".jpg": ("image", "image/jpeg"),
    ".jpeg": ("image", "image/jpeg"),
    ".gif": ("image", "image/gif"),
    ".webp": ("image", "image/webp"),
    ".mp3": ("audio", "audio/mpeg"),
    ".wav": ("audio", "audio/wav"),
    ".ogg": ("audio", "audio/ogg"),
    ".flac": ("audio", "audio/flac"),
    ".m4a": ("audio", "audio/mp4"),
    ".mp4": ("video", "video/mp4"),
    ".m4v": ("video", "video/mp4"),
    ".mov": ("video", "video/mp4"),
    ".webm": ("video", "video/webm"),
    ".ogv": ("video", "video/ogg"),
}
"""Suffix -> type of field, media type."""


class Asked(msgspec.Struct, frozen=True):
    """One question as the command line gave it."""

    kind: str  # short name of the label type
    value: str  # what stood behind the option; "" for an option without a value


class Column(msgspec.Struct, frozen=True):
    """What a column of the sample looks like."""

    name: str
    type: FieldType | None  # None: nothing that people would read
    length: float  # characters of a text, on average


# -- reading ------------------------------------------------------------------------------------


def read(
    path: Path, format: str | None, options: Mapping[str, Any]
) -> Iterator[formats.Row | formats.Rejected]:
    """The rows of a file; of a folder, one for each image, sound or video in it.

    Raises:
        Missing: there is no such file.
        Invalid: it cannot be read as a whole.
    """
    if path.is_dir():
        yield from _folder(path)
        return
    if not path.is_file():
        raise Missing("file.missing", "The file does not exist.", str(path), "Check the path.")
    with path.open("rb") as source:
        head = source.read(4096)
        source.seek(0)
        _refuse_media(path, head)
        kind = formats.find(format) if format else formats.choose(path.name, head)
        yield from kind.read(source, formats.read_options(kind, options))


def _folder(folder: Path) -> Iterator[formats.Row | formats.Rejected]:
    """A record of each medium, known by its path in the folder; other files are passed over.

    What its name says is an image, sound or video of a type that no field shows is rejected.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not _is_hidden(file, folder))
    for number, file in enumerate(files, 1):
        name = file.relative_to(folder).as_posix()
        kind, _ = MEDIA.get(file.suffix.lower(), (None, ""))
        guessed, _ = mimetypes.guess_type(name)
        if kind is not None:
            yield formats.Row(number, msgspec.json.encode({kind: name, "external_id": name}))
        elif (guessed or "").startswith(("image/", "audio/", "video/")):
            reason = f"It is {guessed}, which no field shows. Known: {', '.join(MEDIA)}."
            yield formats.Rejected(number, name, reason)


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _refuse_media(path: Path, head: bytes) -> None:
    """Raises Invalid for what is labelled as a folder: an archive of media, or a medium by itself."""
    if head[:4] in MAGIC and path.suffix.lower() == ".zip":
        remedy = (
            f"Unpack it and label the folder, or make a project and `evenhand import PROJECT {path.name}`."
        )
        raise Invalid("label.archive", "This is a ZIP archive.", str(path), remedy)
    if path.suffix.lower() in MEDIA:
        remedy = "Label the folder that it is in; each image, sound or video becomes a task."
        raise Invalid(
            "label.one-medium", "This is one image, sound or video, not a table.", str(path), remedy
        )


def sample(rows: Iterable[formats.Row | formats.Rejected], path: Path) -> list[dict[str, Any]]:
    """The first records.

    Raises:
        Invalid: there is none.
    """
    found: list[dict[str, Any]] = []
    rejected = ""
    for row in islice(rows, SAMPLE):
        if isinstance(row, formats.Row):
            found.append(msgspec.json.decode(row.record))
        else:
            rejected = rejected or f" Line {row.line}: {row.reason}"
    if not found:
        if path.is_dir():
            reason = f"The folder holds no image, sound or video.{rejected}"
            raise Invalid("file.empty", reason, str(path), f"Known: {', '.join(MEDIA)}.")
        reason = f"The file holds no rows that can be read.{rejected}"
        raise Invalid("file.empty", reason, str(path), "Give it at least one record.")
    return found


# -- guessing -----------------------------------------------------------------------------------


def columns(records: Sequence[Mapping[str, Any]], folder: Path) -> list[Column]:
    """What each key of the records holds, in their order. Paths of media are looked up in `folder`."""
    names = dict.fromkeys(name for record in records for name in record if name not in RESERVED)
    return [
        _column(name, [record[name] for record in records if record.get(name) is not None], folder)
        for name in names
    ]


def _column(name: str, values: Sequence[Any], folder: Path) -> Column:
    if values and all(isinstance(value, str) for value in values):
        length = sum(map(len, values)) / len(values)
        return Column(name, _medium(values, folder) or "text", length)
    if values and all(map(_is_chat, values)):
        return Column(name, "chat", 0.0)
    return Column(name, None, 0.0)


def _medium(values: Sequence[str], folder: Path) -> FieldType | None:
    """The type of medium when all values name such files, and the first one is there or is a web address."""
    kinds = {MEDIA.get(Path(value).suffix.lower(), (None, ""))[0] for value in values}
    first = values[0]
    if len(kinds) != 1 or not (is_remote(first) or (folder / first).is_file()):
        return None
    return kinds.pop()


def _is_chat(value: Any) -> bool:
    """A list of messages, each with its role and content."""
    turns = isinstance(value, list) and bool(value)
    return turns and all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in value)


def is_remote(value: str) -> bool:
    """Whether this is a web address."""
    return value.startswith(("http://", "https://"))


def fields(found: Sequence[Column], show: Sequence[str], answers: Iterable[str]) -> list[dict[str, Any]]:
    """The fields to show: those named, else all that people can read, less ids.

    Args:
        found: the file's columns.
        show: names from the command line; empty for a guess.
        answers: names of columns that hold answers already, which would give them away.

    Raises:
        Invalid: a name is no column, or there is nothing to show.
    """
    by_name = {column.name: column for column in found}
    for name in show:
        if name not in by_name:
            remedy = f"It has: {', '.join(by_name)}."
            raise Invalid("label.show", f"The file has no column {name!r}.", "--show", remedy)
    hidden = set(answers) | {name for name in by_name if name.lower() in ("id", "uuid", "guid")}
    names = list(show) or [c.name for c in found if c.type and c.name not in hidden] or list(by_name)
    if not names:
        raise Invalid(
            "label.no-columns", "The records have no keys.", "", "Give each at least one key with a value."
        )
    return [{"name": name, "type": by_name[name].type or "text"} for name in names]


def given_away(records: Sequence[Mapping[str, Any]], asked: Iterable[Asked]) -> set[str]:
    """Columns whose values are all among the answers to choose from."""
    choices = [{choice.strip().lower() for choice in one.value.split(",")} for one in asked if one.value]
    values: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.items():
            values.setdefault(name, set()).add(str(value).lower())
    return {name for name, seen in values.items() if any(seen <= known for known in choices)}


def questions(
    asked: Sequence[Asked], titles: Sequence[str], shown: Sequence[Mapping[str, Any]], found: Sequence[Column]
) -> list[dict[str, Any]]:
    """The questions that the options stand for, in their order; titles go to them one by one.

    A type that takes the first field of a kind is offered the longest texts first: these are what
    people mean, and not the short columns beside them.
    """
    length = {column.name: column.length for column in found}
    ordered = sorted(shown, key=lambda field: -length.get(field["name"], 0.0))
    kinds = {str(field["name"]): str(field["type"]) for field in ordered}
    made: list[dict[str, Any]] = []
    for i, one in enumerate(asked):
        kind = labels.find(one.kind)
        title = titles[i] if i < len(titles) else kind.title
        name = _free(identifier(title) or kind.name, {question["name"] for question in made})
        made.append({"name": name, "title": title, "type": kind.name, **kind.from_flag(one.value, kinds)})
    return made


def identifier(title: str) -> str:
    """A title as a short key: "Is it spam?" is "is_it_spam". Empty when no such letters are left."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].rstrip("_")


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


# -- the project --------------------------------------------------------------------------------


def folder_of(path: Path) -> Path:
    """Where the media lie that the records name."""
    return path if path.is_dir() else path.parent


def source_name(path: Path) -> str:
    """The name that an import of this file gets: short, and not the same for another folder's file."""
    whole = path.resolve()
    return f"{whole.parent.name}/{whole.name}"


def find_project(client: Client, path: Path, draft: wire.ProjectDraft) -> wire.Project | None:
    """The project that the same file and questions made before, if it is still there."""
    for project in client.projects():
        if project.state in ("active", "paused") and _is_same(project, draft):
            sources = [done.name for done in client.imports(project.id)]
            if not sources or source_name(path) in sources:
                return project
    return None


def _is_same(project: wire.Project, draft: wire.ProjectDraft) -> bool:
    """Whether this draft would make the project again: name, fields, and questions set up the same."""
    document = project.document
    if document.name != draft.name or [f.name for f in document.fields] != [f.name for f in draft.fields]:
        return False
    if len(document.questions) != len(draft.questions):
        return False
    kinds = {field.name: str(field.type) for field in draft.fields}
    return all(
        kept.id == raw["name"] and kept.config == _config(raw, kinds)
        for kept, raw in zip(document.questions, draft.questions, strict=True)
    )


def _config(raw: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    own = {"name", "id", "type", "title", "help", "required", "when"}
    config = {key: value for key, value in raw.items() if key not in own}
    return labels.find(raw["type"]).configure(config, kinds).config()


# -- media --------------------------------------------------------------------------------------


def send(
    client: Client,
    project_id: str,
    path: Path,
    format: str | None,
    options: Mapping[str, Any],
    mapping: Mapping[str, str],
    media: Sequence[str],
    on_progress: Progress | None,
) -> Report:
    """Import a file; media that its columns name locally go first, and the records point to them.

    Args:
        media: names of those columns.
    """
    name = source_name(path)
    if not media:
        return client.import_tasks(
            project_id, path, on_progress, name=name, format=format, mapping=mapping, options=options
        )
    lines: list[int] = []
    rejected: list[Rejection] = []
    records = _with_media(client, project_id, path, read(path, format, options), media, lines, rejected)
    report = client.import_tasks(project_id, records, on_progress, name=name, mapping=mapping)
    placed = [Rejection(lines[row - 1], where, reason) for row, where, reason in report.rejected]
    every = sorted([*rejected, *placed])
    return msgspec.structs.replace(report, rejected=tuple(every), rejected_count=len(every))


def _with_media(
    client: Client,
    project_id: str,
    path: Path,
    rows: Iterable[formats.Row | formats.Rejected],
    media: Sequence[str],
    lines: list[int],
    rejected: list[Rejection],
) -> Iterator[dict[str, Any]]:
    """The records with their media uploaded. `lines` gets the line of each, `rejected` what is left out."""
    sent: dict[Path, dict[str, Any]] = {}
    for row in rows:
        if isinstance(row, formats.Rejected):
            rejected.append(Rejection(row.line, row.path, row.reason))
            continue
        record = msgspec.json.decode(row.record)
        try:
            for name in media:
                _upload(client, project_id, folder_of(path), record, name, sent)
        except EvenhandError as error:
            rejected.append(Rejection(row.line, error.where, error.reason))
            continue
        lines.append(row.line)
        yield record


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(CHUNK):
            yield piece


def _upload(
    client: Client,
    project_id: str,
    folder: Path,
    record: dict[str, Any],
    name: str,
    sent: dict[Path, dict[str, Any]],
) -> None:
    value = record.get(name)
    if not isinstance(value, str) or is_remote(value):
        return
    file = (folder / value).resolve()
    if file not in sent:
        if not file.is_relative_to(folder.resolve()):  # or a file from elsewhere could fetch private pictures
            raise Invalid("label.medium-outside", f"{value!r} leads out of the folder of the file.", name)
        if not file.is_file():
            raise Missing("label.no-medium", f"There is no file {value!r} beside the records.", name)
        if file.stat().st_size > MAX_MEDIUM:
            raise Invalid("label.large-medium", f"{value!r} is larger than {MAX_MEDIUM >> 20} MiB.", name)
        suffix = file.suffix.lower()
        if suffix not in MEDIA:
            raise Invalid(
                "label.medium-type", f"{value!r} is of no known type.", name, f"Known: {', '.join(MEDIA)}."
            )
        blob = client.upload(project_id, partial(_pieces, file), MEDIA[suffix][1])
        sent[file] = msgspec.to_builtins(blob)
    record[name] = sent[file]
