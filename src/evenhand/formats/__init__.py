"""Formats: one file each. This page is their port and finds them through the public entry point.

A format turns bytes into records and released tasks into files, in constant memory, and knows no
label type: what it must know of the answers it learns from `core.label.Element` and from the JSON
Schema of each question. So N formats and M types are N + M, not N times M.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO, ClassVar, Literal, Self, TypeVar, get_args, get_origin

import msgspec

from evenhand.core.errors import Invalid, Refused
from evenhand.core.release import Loss, ReleasedFile, ReleasedTask, ReleaseSchema

ROW_LIMIT = 16 * 2**20  # bytes


class Row(msgspec.Struct, frozen=True, gc=False):
    """One record of a source."""

    line: int  # where it starts, 1 is the first; a source without lines counts its rows
    record: bytes
    """One JSON object in UTF-8 that `core.record.check` passes; in JSONL the very bytes received."""


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A row that cannot be read. Reading goes on behind it."""

    line: int  # where it starts, 1 is the first
    path: str  # JSON path or column; "" for all of the row
    reason: str  # one sentence for a person


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read a source. Each format heeds the options that it lists in `reads_with`."""

    encoding: str | None = None  # None: by byte order mark, else UTF-8
    header: bool | None = None  # the first row names the columns; None: yes, unless `columns` are given
    columns: tuple[str, ...] | None = None  # names of the columns, from left to right
    delimiter: str | None = None  # one character between cells; None: the format's own
    quote: str | None = None  # one character around cells; "": no quoting; None: the format's own
    limit: int = ROW_LIMIT  # bytes; a longer row is rejected and never held in memory
    nan: Literal["reject", "null"] = "reject"  # what becomes of NaN and infinities in number columns


class WriteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to write a release. Each format heeds the options that it lists in `writes_with`."""

    delimiter: str | None = None  # as in `ReadOptions`
    quote: str | None = None  # as in `ReadOptions`
    escape_formulas: bool = False  # put ' before cells that a spreadsheet would run as a formula
    accept_loss: bool = False  # write although `loss` is not empty
    question: str | None = None  # id of the question that it is about; None: the first that fits
    prompt: str | None = None  # key of the data that holds the prompt
    completion: str | None = None  # key of the data that holds what was judged
    tags: Literal["iob2", "bioes"] = "iob2"  # how spans are told token by token
    media: bool = True
    """With the images, sounds or videos that are stored here, where the format's tools look for them."""


NAMES = {"question": "question", "prompt": "field", "completion": "field"}
"""Options that name something of the project."""


class Beside(msgspec.Struct, frozen=True):
    """Media that an export brings along where they are stored here, in an archive of their own."""

    archive: str  # its name: "images.tar"
    folder: str  # in it; "" for its top
    kind: str  # type of the fields that show them: "image", or "audio", which plays videos too


def images_in(folder: str) -> Beside:
    """Images, in the folder where a format's tools look for them."""
    return Beside("images.tar", folder, "image")


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """One option that a format heeds when it writes, as a page asks for it."""

    name: str
    kind: Literal["switch", "choice", "question", "field", "text"]
    choices: tuple[str, ...] = ()  # of a choice
    default: str | bool | None = None


READ_DEFAULTS = ReadOptions()
WRITE_DEFAULTS = WriteOptions()


class Writer(ABC):
    """An export being written. A context manager: on the way out, what was not closed is removed."""

    @abstractmethod
    def add(self, task: ReleasedTask) -> None:
        """Writes one more row. Memory does not grow with the number of rows."""

    @abstractmethod
    def close(self) -> tuple[ReleasedFile, ...]:
        """Makes the files durable and gives them their names. Before this returns, there are none."""

    @abstractmethod
    def abort(self) -> None:
        """Removes what was written, unless it was closed. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class Format(ABC):
    """One kind of file, in and out. Implementations hold no state."""

    name: ClassVar[str]  # "csv": what --format takes
    title: ClassVar[str]  # "CSV": what people read
    suffixes: ClassVar[tuple[str, ...]]  # (".csv",), in lower case; the first is written
    reads_with: ClassVar[frozenset[str]] = frozenset()  # names of the `ReadOptions` that it heeds
    writes_with: ClassVar[frozenset[str]] = frozenset()  # names of the `WriteOptions` that it heeds
    surveys: ClassVar[bool] = True  # whether it must know the columns of the data before the first row
    beside: ClassVar[Beside | None] = None  # which media its tools look for; None: none
    guide: ClassVar[str]  # Markdown for the export's README: what is where, and how to read it

    def card(self, schema: ReleaseSchema) -> str:
        """What stands before everything else in the export's README, for programs that look there."""
        return ""

    def recognises(self, head: bytes) -> bool:
        """Whether a source that begins like this is surely of this format. Default: no telling."""
        return False

    @abstractmethod
    def read(self, source: BinaryIO, options: ReadOptions = READ_DEFAULTS) -> Iterator[Row | Rejected]:
        """The rows of a source, in constant memory.

        Args:
            source: from where it stands. If it can seek, faults of the file as a whole are found
                before the first row, so that nothing is half-done.
            options: see `ReadOptions`.

        Raises:
            Invalid: the source as a whole cannot be read: encoding, header, compression, damage.
        """

    @abstractmethod
    def loss(self, schema: ReleaseSchema, options: WriteOptions = WRITE_DEFAULTS) -> tuple[Loss, ...]:
        """What a release with this schema would lose in this format. Empty when it loses nothing."""

    @abstractmethod
    def open_writer(self, schema: ReleaseSchema, folder: Path, options: WriteOptions) -> Writer:
        """A writer into this folder, which exists. Callers use `write`, which checks the loss first."""

    @abstractmethod
    def restore(self, record: bytes, schema: ReleaseSchema) -> ReleasedTask:
        """The released task that a row of this format's own making came from, less what `loss` names.

        Raises:
            Invalid: this record is no row of such a release.
        """

    def unasked_loss(self, schema: ReleaseSchema, options: WriteOptions) -> tuple[Loss, ...]:
        """What would be lost that the options do not ask for themselves."""
        return self.loss(schema, msgspec.structs.replace(options, escape_formulas=False))

    def write(self, schema: ReleaseSchema, folder: Path, options: WriteOptions = WRITE_DEFAULTS) -> Writer:
        """A writer of an export into this folder, which exists.

        Raises:
            Refused: something would be lost, and `options.accept_loss` does not allow it.
        """
        lost = () if options.accept_loss else self.unasked_loss(schema, options)
        if lost:
            raise Refused(
                "format.loss",
                f"{self.title} cannot carry everything of this release:\n{_listed(lost)}",
                self.name,
                "Take another format, or accept the loss (--accept-loss).",
            )
        return self.open_writer(schema, folder, options)


def _listed(lost: tuple[Loss, ...]) -> str:
    """All losses, a line for each reason, with the places where it holds."""
    places: dict[tuple[str, str], list[str]] = {}
    for loss in lost:
        places.setdefault((loss.part, loss.reason), []).append(loss.where)
    return "\n".join(
        f"- {part}{_names([name for name in names if name])}: {reason}"
        for (part, reason), names in places.items()
    )


def _names(names: list[str]) -> str:
    """The first five, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f" {', '.join(map(repr, names[:5]))}{more}" if names else ""


@cache
def all_formats() -> Mapping[str, Format]:
    """Every installed format by its name, in alphabetical order."""
    found: list[Format] = [point.load()() for point in entry_points(group="evenhand.formats")]
    return MappingProxyType({kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)})


def find(name: str) -> Format:
    """The format with this name.

    Raises:
        Invalid: no such format is installed.
    """
    formats = all_formats()
    if name in formats:
        return formats[name]
    raise Invalid(
        "format.unknown", f"There is no format {name!r}.", "format", f"Take one of: {', '.join(formats)}."
    )


def choose(filename: str, head: bytes = b"") -> Format:
    """The format of a file, by its content where that is certain, else by its suffix.

    Args:
        filename: its name; the folder does not matter.
        head: its first bytes, as many as there are at hand.

    Raises:
        Invalid: it is compressed, or nothing tells its format.
    """
    refuse_compressed(head, filename)
    suffix = PurePath(filename).suffix.lower()
    sure = [kind for kind in all_formats().values() if kind.recognises(head)]
    named = [kind for kind in all_formats().values() if suffix in kind.suffixes]
    for kind in [*(kind for kind in named if kind in sure), *sure, *named]:
        return kind
    raise Invalid(
        "format.unknown",
        f"Neither the name nor the content of {filename!r} tells its format.",
        filename,
        f"Name one of: {', '.join(name for name, kind in all_formats().items() if kind.suffixes)}.",
    )


_COMPRESSED = {
    "gzip": rb"\x1f\x8b",
    "a ZIP archive or an office document": rb"PK(\x03\x04|\x05\x06)",
    "bzip2": rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)",
    "xz": rb"\xfd7zXZ\x00",
    "Zstandard": rb"\x28\xb5\x2f\xfd",
    "7-Zip": rb"7z\xbc\xaf\x27\x1c",
    "RAR": rb"Rar!\x1a\x07",
}


def refuse_compressed(head: bytes, where: str = "") -> None:
    """Raises Invalid when these first bytes are those of an archive: a small one may hold terabytes."""
    for kind, magic in _COMPRESSED.items():
        if re.match(magic, head):
            reason = f"This is {kind}; compressed files are not read."
            remedy = "Unpack it first; save a spreadsheet as CSV." if "office" in kind else "Unpack it first."
            raise Invalid("format.compressed", reason, where, remedy)


O = TypeVar("O", ReadOptions, WriteOptions)  # noqa: E741  # a type variable for the two kinds of options


def read_options(kind: Format, raw: Mapping[str, Any]) -> ReadOptions:
    """Options as they came from outside, checked against what this format heeds.

    Raises:
        Invalid: an option is unknown, of the wrong type, or has no meaning for this format.
    """
    return _options(ReadOptions, raw, kind, kind.reads_with | {"limit"})


def write_options(kind: Format, raw: Mapping[str, Any]) -> WriteOptions:
    """As `read_options`, for writing."""
    return _options(WriteOptions, raw, kind, kind.writes_with | {"accept_loss"})


def declared_options(kind: Format) -> tuple[Declared, ...]:
    """What can be said about an export in this format, in alphabetical order."""
    types = {one.name: one for one in msgspec.structs.fields(WriteOptions)}
    return tuple(_declared(types[name]) for name in sorted(kind.writes_with))


def _declared(field: msgspec.structs.FieldInfo) -> Declared:
    default = field.default
    if field.type is bool:
        return Declared(name=field.name, kind="switch", default=default)
    if get_origin(field.type) is Literal:
        return Declared(name=field.name, kind="choice", choices=get_args(field.type), default=default)
    named: Any = NAMES.get(field.name, "text")
    return Declared(name=field.name, kind=named, default=default)


def _options(into: type[O], raw: Mapping[str, Any], kind: Format, heeded: frozenset[str]) -> O:
    for name in raw:
        if name not in heeded:
            known = ", ".join(sorted(heeded))
            raise Invalid("format.option", f"{kind.title} has no option {name!r}.", name, f"It has: {known}.")
    try:
        return msgspec.convert(dict(raw), into)
    except msgspec.ValidationError as error:
        raise Invalid("format.option", f"An option does not fit: {error}.", "options") from error
