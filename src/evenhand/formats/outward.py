"""What formats share that are written and not read: which questions they carry, and what is lost.

Such a format is what a tool for training reads. It carries what the answers come to, of those
questions whose elements it knows; a project comes in from there by `evenhand import --from`.
"""

from __future__ import annotations

import tarfile
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from evenhand.core.errors import Invalid, Refused
from evenhand.core.label import Element, Json
from evenhand.core.project import MEDIA
from evenhand.core.release import (
    Loss,
    Part,
    ReleasedFile,
    ReleasedQuestion,
    ReleasedTask,
    ReleaseSchema,
)
from evenhand.formats import (
    READ_DEFAULTS,
    WRITE_DEFAULTS,
    Beside,
    Format,
    ReadOptions,
    Rejected,
    Row,
    WriteOptions,
    Writer,
)
from evenhand.formats.output import Output

REASONS: dict[Part, str] = {
    "external_id": "It is left out.",
    "metadata": "It is left out.",
    "confidence": "How sure the consensus is, is left out.",
    "method": "How the consensus was found is left out.",
    "annotations": "What the answers come to is written, not who answered what.",
    "review": "What reviewers decided is left out, but for what it changed.",
}


class Outward(Format):
    """A format for tools that learn from labels. Implementations hold no state."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    carries: ClassVar[frozenset[str]] = frozenset()
    """Kinds of elements that it knows: "class", "box", ...; none where it takes answers as they are."""
    single: ClassVar[bool] = False  # it holds the answers of one question only
    keeps: ClassVar[frozenset[str]] = frozenset()  # parts that it keeps beside the answers, "data" among them

    def read(self, source: BinaryIO, options: ReadOptions = READ_DEFAULTS) -> Iterator[Row | Rejected]:
        raise self._one_way()

    def restore(self, record: bytes, schema: ReleaseSchema) -> ReleasedTask:
        raise self._one_way()

    def _one_way(self) -> Invalid:
        remedy = "Export as JSON Lines to read it again, or use `evenhand import --from`."
        return Invalid("format.outward", f"{self.title} is written here, and not read.", self.name, remedy)

    def carried(self, schema: ReleaseSchema) -> tuple[ReleasedQuestion, ...]:
        """The questions whose answers it can hold, relations between their parts aside."""
        return tuple(q for q in schema.questions if q.elements and self._parts(q) <= self.carries)

    def _parts(self, question: ReleasedQuestion) -> frozenset[str]:
        """Kinds of what an answer is made of, without what joins it."""
        return question.elements - {"relation"}

    def chosen(self, schema: ReleaseSchema, options: WriteOptions) -> tuple[ReleasedQuestion, ...]:
        """The questions to write: of those it can hold, the one that was asked for, or the first, or all.

        Raises:
            Invalid: it cannot hold the answers of the one that was asked for.
        """
        found = self.carried(schema)
        if options.question is not None:
            named = tuple(question for question in found if question.id == options.question)
            if not named:
                reason = f"{self.title} holds no answers of a question {options.question!r}."
                known = ", ".join(q.id for q in found) or "none"
                raise Invalid("format.question", reason, "question", f"It can hold: {known}.")
            found = named
        return found[:1] if self.single else found

    def loss(self, schema: ReleaseSchema, options: WriteOptions = WRITE_DEFAULTS) -> tuple[Loss, ...]:
        """What is left out. A format that loses more says so in `more_loss`."""
        carried = {question.id for question in self.chosen(schema, options)}
        parts = [part for part in REASONS if part not in self.keeps and (part != "review" or schema.reviewed)]
        lost = [Loss(part=part, where="", reason=REASONS[part]) for part in parts]
        lost += [
            Loss(part="consensus", where=q.id, reason=f"{self.title} holds no answers to it.")
            for q in schema.questions
            if q.id not in carried
        ]
        lost += [
            Loss(part="consensus", where=q.id, reason="Relations are left out.")
            for q in schema.questions
            if q.id in carried and self._parts(q) <= self.carries and "relation" in q.elements - self.carries
        ]
        if "unanswered" not in self.keeps:
            lost.append(Loss(part="consensus", where="", reason="Tasks without a consensus are left out."))
        return (*lost, *self.more_loss(schema, options))

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        """What else is lost. Default: the data, of which only what the format needs is written."""
        reason = "Only what the format needs is written."
        yield from (Loss(part="data", where=column.name, reason=reason) for column in schema.columns)

    def open_writer(self, schema: ReleaseSchema, folder: Path, options: WriteOptions) -> Writer:
        questions = self.chosen(schema, options)
        if not questions:
            reason = f"{self.title} can hold the answers of none of the project's questions."
            raise Refused("format.no-question", reason, self.name, "Take another format.")
        return self.writer(schema, questions, folder, options)

    @abstractmethod
    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        """A writer of these questions, which are not none."""


# -- answers ---------------------------------------------------------------------------------------


def answers(task: ReleasedTask, questions: tuple[ReleasedQuestion, ...]) -> dict[str, tuple[Element, ...]]:
    """Question -> what its answers come to, as elements; no key where there is no consensus.

    A consensus of an earlier type of a question, which the type of today cannot read, is none.
    """
    found = {}
    for question in questions:
        answer = task.consensus.get(question.id)
        if answer is not None:
            try:
                found[question.id] = question.label.elements(question.label.load(_json(answer.value)))
            except Invalid:
                continue
    return found


_json = msgspec.json.Decoder().decode
data_of = msgspec.json.Decoder(dict[str, Any]).decode


def is_single(question: ReleasedQuestion) -> bool:
    """Whether an answer is one class, and not a list of them."""
    return question.elements == {"class"} and "enum" in question.schema


class Categories:
    """The classes of several questions as one list. A name that two questions have gets its question's."""

    def __init__(self, questions: tuple[ReleasedQuestion, ...]) -> None:
        self.names: list[str] = []
        self.index: dict[tuple[str, str], int] = {}  # (question, class) -> position, from 0
        for question in questions:
            for label in question.classes:
                name = label if label not in self.names else f"{question.id}: {label}"
                self.index[question.id, label] = len(self.names)
                self.names.append(name)

    def of(self, question: str, label: str) -> int:
        """Position of a class. One that a later version took off the list is added at the end."""
        key = (question, label)
        if key not in self.index:
            self.index[key] = len(self.names)
            self.names.append(label if label not in self.names else f"{question}: {label}")
        return self.index[key]


# -- media -------------------------------------------------------------------------------------------


class Medium(NamedTuple):
    """An image or recording as a task's data name it."""

    name: str  # path of the file, "/" between parts, never outside of the folder it is put into
    width: int  # pixels; 0 where nobody knows
    height: int
    url: str  # web address, or ""


@cache
def _suffix(type_: str) -> str:
    import mimetypes

    return SOUNDS.get(type_) or mimetypes.guess_extension(type_) or ""


SOUNDS = {
    "audio/wav": ".wav",
    "audio/webm": ".webm",
    "audio/ogg": ".ogg",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
}
"""Types of which not every system knows the suffix that programs look for."""


def medium(data: Mapping[str, Json], field: str) -> Medium | None:
    """The medium in this field; None where there is none.

    The size of an image that is stored here is known. Of another one the record may tell it, under the
    field's name with ``_width`` and ``_height``.
    """
    value = data.get(field)
    if isinstance(value, Mapping) and isinstance(value.get("blob"), str):
        name = _safe(value["blob"] + _suffix(str(value.get("type", ""))) or "unnamed")
        return Medium(name, _whole(value.get("width")), _whole(value.get("height")), "")
    if not isinstance(value, str) or not value:
        return None
    wide, high = _whole(data.get(f"{field}_width")), _whole(data.get(f"{field}_height"))
    address = value.startswith(("http://", "https://"))
    path = unquote(urlsplit(value).path) if address else value.partition("://")[2] or value
    return Medium(_safe(path or "unnamed"), wide, high, value if address else "")


def stem(medium: Medium) -> str:
    """The path of its file without suffix."""
    folder, slash, name = medium.name.rpartition("/")
    dot = name.rfind(".")
    return folder + slash + (name[:dot] if 0 < dot < len(name) - 1 else name)


def _safe(path: str) -> str:
    """A relative path that stays below its folder."""
    if path[0] not in "/." and not ("\\" in path or "/." in path or "//" in path or path[-1] == "/"):
        return path  # most are so, and taking a path apart costs more than the rest of a row
    parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    return "/".join(parts) or "unnamed"


def _whole(value: Json) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0


def field_of(question: ReleasedQuestion) -> str:
    """The field that the question's marks are in; "" for a question about all of the task."""
    for _, answer in question.label.examples():
        for element in question.label.elements(answer):
            if name := getattr(element, "field", ""):
                return str(name)
    return ""


# -- files -------------------------------------------------------------------------------------------


PIECES = 1 << 18  # bytes that wait to be written together


class OneFile(Writer):
    """One file, pieces of bytes one after the other."""

    def __init__(self, path: Path) -> None:
        self.output = Output(path)
        self._pieces: list[bytes] = []
        self._held = 0

    def hold(self, piece: bytes) -> None:
        """Writes it, now or together with what follows."""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > PIECES:
            self.flush()

    def flush(self) -> None:
        """Writes what waits: a call for each piece would cost as much as the piece."""
        self.output.write(b"".join(self._pieces))
        self._pieces.clear()
        self._held = 0

    def close(self) -> tuple[ReleasedFile, ...]:
        self.flush()
        return (self.output.keep(),)

    def abort(self) -> None:
        self.output.drop()


class Lines(OneFile):
    """One file, a piece of bytes for each task."""

    @abstractmethod
    def piece(self, task: ReleasedTask) -> bytes:
        """What stands in the file for this task; empty where nothing does."""

    def add(self, task: ReleasedTask) -> None:
        self.hold(self.piece(task))


class Archive:
    """A tar of many small files, since a folder of a hundred thousand cannot be downloaded.

    Memory grows by some 60 bytes a file: its name is remembered, for of two files with one name
    unpacking would leave only the second.
    """

    def __init__(self, path: Path) -> None:
        self.output = Output(path)
        self._names: set[int] = set()

    def put(self, name: str, content: bytes) -> None:
        """One file. The same name again gets a number: two tasks may show the same image."""
        head = _tar_header(self._free(name), len(content))
        self.output.write(head + content + bytes(-len(content) % 512))

    def put_once(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        """One file of this size, piece by piece, unless there is one of this name."""
        if hash(name) in self._names:
            return
        self._names.add(hash(name))
        self.output.write(_tar_header(name, size))
        for piece in pieces:
            self.output.write(piece)
        self.output.write(bytes(-size % 512))

    def _free(self, name: str) -> str:
        path, dot, suffix = name.rpartition(".")
        free, number = name, 1
        while hash(free) in self._names:
            number += 1
            free = f"{path}-{number}{dot}{suffix}"
        self._names.add(hash(free))
        return free

    def keep(self) -> ReleasedFile:
        """Makes the archive durable, then names it."""
        self.output.write(bytes(1024))
        return self.output.keep()

    def drop(self) -> None:
        """Removes it, unless it was kept. May be called twice."""
        self.output.drop()


def _tar_header(name: str, size: int) -> bytes:
    """The header of a plain file, as `tarfile` writes it, of which it would take most of an export's time."""
    raw = name.encode()
    if len(raw) > 99 or size >= 1 << 33:
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.GNU_FORMAT)
    digits = b"%011o" % size
    check = sum(raw) + sum(digits) + _TAR_SUM
    return b"".join((raw.ljust(100, b"\0"), _TAR_WHO, digits, _TAR_WHEN, b"%06o\0 " % check, _TAR_REST))


_TAR_WHO = b"0000644\x000000000\x000000000\0"  # mode, owner, group
_TAR_WHEN = b"\x0000000000000\0"  # end of the size; time
_TAR_REST = b"0" + bytes(100) + b"ustar  \0" + bytes(247)  # a regular file, GNU's magic, nothing else
_TAR_SUM = sum(_TAR_WHO) + sum(_TAR_WHEN) + 8 * 32 + sum(_TAR_REST)  # of all that is the same in each header


class Stored(NamedTuple):
    """A medium that is stored here."""

    type: str  # "image/png"
    size: int  # bytes
    pieces: Iterable[bytes]


class Along:
    """The media of an export that are stored here, as an archive beside its labels.

    They are read piece by piece; memory grows by some 60 bytes a medium, as an `Archive` does.
    """

    def __init__(self, folder: Path, beside: Beside, read: Callable[[str], Stored | None]):
        """
        Args:
            read: digest -> a stored medium; None where there is none.
        """
        self._path, self._kinds, self._read = folder / beside.archive, MEDIA[beside.kind], read
        self._before = f"{beside.folder}/" if beside.folder else ""
        self._archive: Archive | None = None

    def add(self, task: ReleasedTask) -> None:
        """The media that this task's data name."""
        if b'"blob"' not in bytes(task.data):
            return
        data = data_of(task.data)
        for field, value in data.items():
            found = medium(data, field) if isinstance(value, dict) else None
            stored = self._read(value["blob"]) if found is not None else None
            if found is None or stored is None:
                continue
            if stored.type.partition("/")[0] in self._kinds:
                if self._archive is None:
                    self._archive = Archive(self._path)
                self._archive.put_once(f"{self._before}{found.name}", stored.size, stored.pieces)

    def close(self) -> tuple[ReleasedFile, ...]:
        """Makes them durable; nothing where there are none."""
        return () if self._archive is None else (self._archive.keep(),)

    def drop(self) -> None:
        """Removes them, unless they were kept. May be called twice."""
        if self._archive is not None:
            self._archive.drop()


class Files(Writer):
    """An archive with a file or more for each task."""

    def __init__(self, path: Path) -> None:
        self.archive = Archive(path)

    def last(self) -> None:
        """Puts in what is known only at the end. Default: nothing."""

    def close(self) -> tuple[ReleasedFile, ...]:
        self.last()
        return (self.archive.keep(),)

    def abort(self) -> None:
        self.archive.drop()
