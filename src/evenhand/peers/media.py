"""Media of another tool: taken from a folder or an archive by the addresses that its records have.

Such an address (``/data/upload/1/cat.jpg``, ``s3://bucket/a/cat.jpg``, ``a/cat.jpg``) opens there and
nowhere else; or it is the medium itself (``data:image/png;base64,…``). A file is meant by it when the
one's path is the end of the other's, or else by its name, where only one file is called so. A file that
several addresses would share is taken for none of them: a task without its image is seen at once, one
with another's is not.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, unquote_to_bytes, urlsplit

import msgspec

from evenhand.blobs import MAX_BLOB, shape_of
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.core.project import MEDIA
from evenhand.peers import Brought, Fault, Losses, Unfit
from evenhand.zipped import CHUNK, Zipped

NAMED = 3  # addresses that a loss lists
SHOWN = 80  # characters of each
WHOLE = 10_000  # outweighs every count of parts
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before an uploaded file's name


class File(msgspec.Struct, frozen=True):
    """A file that may be a medium."""

    path: str  # inside the folder or archive, with slashes
    size: int  # bytes
    read: Callable[[], Iterator[bytes]]  # may raise Invalid: it is damaged


class Media:
    """Use in a `with` block: `look` at a project first, then ask for the media of its records."""

    def __init__(self, path: Path | None) -> None:
        """
        Args:
            path: a folder, or a ZIP archive; None: there are no media.

        Raises:
            Invalid: it is neither, or an archive that is not opened (see `Zipped`).
        """
        self._title = (
            (path.resolve().name or str(path)) if path else ""
        )  # what losses call it; "" when there is none
        self._archive: Zipped | None = None
        self._fields: dict[str, str] = {}  # those that show media -> their type
        self._chosen: dict[str, File] = {}  # path of an address -> its file
        self._types: dict[str, str] = {}  # path of a file -> media type, "" when it is no medium
        self._files: dict[str, File] = {}  # by path
        self._ends: dict[str, File | None] = {}  # end of a path, name included -> its file; None: several
        for file in self._read(path) if path else ():
            self._files[file.path] = file
            for end in _ends(file.path):
                self._ends[end] = None if end in self._ends else file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._archive is not None:
            self._archive.__exit__(kind, error, trace)

    def look(self, brought: Brought) -> Brought:
        """The project with the media that cannot be had among what is lost. Reads its source twice."""
        fields = brought.draft["fields"]
        self._fields = {field["name"]: field["type"] for field in fields if field["type"] in MEDIA}
        if not self._fields:
            return brought
        if self._files:
            self._choose(brought)
        missing: dict[tuple[str, str], list[str]] = {}
        losses = Losses()
        for field, address in self._all(brought):
            found = self._find(field, address)
            if isinstance(found, str):
                losses.note(field, found)
                some = missing.setdefault((field, found), [])
                if len(some) <= NAMED and address not in some:
                    some.append(address)
        told = tuple(_told(one, missing[one.where, one.reason]) for one in losses.all())
        return replace(brought, lost=brought.lost + told)

    def of(self, record: Mapping[str, Any]) -> Iterator[tuple[str, File]]:
        """The fields of this record whose media are there, with their files."""
        for field, address in self._addresses(record):
            found = self._find(field, address)
            if isinstance(found, File):
                yield field, found

    def _read(self, path: Path) -> Iterator[File]:
        if path.is_dir():
            yield from _in_folder(path)
            return
        self._archive = archive = Zipped(path)
        for packed in archive.files:
            if not packed.fault:
                yield File(packed.name, packed.bytes, partial(archive.read, packed))

    def _addresses(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """(field, address) of each medium that this record names elsewhere."""
        for field in self._fields:
            value = record.get(field)
            if isinstance(value, str) and value.strip():
                yield field, value

    def _all(self, brought: Brought) -> Iterator[tuple[str, str]]:
        for item in brought.items():
            if not isinstance(item, Fault):
                yield from self._addresses(item.record)

    def _choose(self, brought: Brought) -> None:
        """Give each file to the address that it fits best; to none when two fit as well."""
        claims: dict[str, dict[str, int]] = {}  # path of a file -> path of an address -> how well it fits
        files: dict[str, File] = {}
        for _, address in self._all(brought):
            path = None if is_inline(address) else path_of(address)
            if path and (best := self._best(address, path)):
                fit, file = best
                files[file.path] = file
                claims.setdefault(file.path, {})[path] = fit
        for name, fits in claims.items():
            most = max(fits.values())
            first, *more = (path for path, fit in fits.items() if fit == most)
            if not more:
                self._chosen[first] = files[name]

    def _best(self, address: str, path: str) -> tuple[int, File] | None:
        """The one file that this address means, and how well it fits; its host or bucket may be left out."""
        paths = [path, path.partition("/")[2]] if "://" in address else [path]
        found = [best for one in paths if one and (best := self._by(one))]
        return max(found, key=itemgetter(0), default=None)

    def _by(self, path: str) -> tuple[int, File] | None:
        """The one file that this path means, and how well it fits: by all, or by more or fewer last parts."""
        *above, name = path.split("/")
        path = "/".join([*above, name if name in self._ends else _UPLOADED.sub("", name)])
        if path in self._files:
            return WHOLE, self._files[path]
        *longer, name = _ends(path)
        if longer and path in self._ends:
            file = self._ends[path]
            return (len(longer), file) if file else None
        for end in longer:
            if end in self._files:
                return end.count("/"), self._files[end]
        file = self._ends.get(name)
        return (0, file) if file else None

    def _find(self, field: str, address: str) -> File | str:
        """The file behind an address, or why there is none."""
        if is_inline(address):
            return self._fitting(field, _inline(address))
        path = path_of(address)
        if not self._title:
            return "No media were given with the project (--media)."
        if path is None:
            return "The address leads out of any folder."
        if path not in self._chosen:
            known = self._best(address, path)
            return (
                f"{self._title} has no file of this path or name, or several."
                if known is None
                else f"Several addresses mean one file of {self._title}."
            )
        return self._fitting(field, self._chosen[path])

    def _fitting(self, field: str, file: File) -> File | str:
        """The file, or why the field cannot show it."""
        if file.size > MAX_BLOB:
            return f"The file is larger than {MAX_BLOB >> 20} MiB."
        if self._type(file).partition("/")[0] not in MEDIA[self._fields[field]]:
            return f"The file is no {self._fields[field]} that browsers show."
        return file

    def _type(self, file: File) -> str:
        """Media type by the first bytes; "" when they are no medium, or cannot be read."""
        if file.path not in self._types:
            try:
                self._types[file.path] = shape_of(next(file.read(), b""), "").type
            except EvenhandError:
                self._types[file.path] = ""
        return self._types[file.path]


def path_of(address: str) -> str | None:
    """Where an address says that a file is: a path with slashes, composed as NFC, hosts and buckets first.

    None when it leads out of the folder that it is looked for in, or names no file.
    """
    scheme, _, rest = address.strip().partition("://")
    text = rest or scheme
    if scheme.lower() in ("http", "https") or text.startswith("/data/"):
        parts = urlsplit(address.strip())
        inner = parse_qs(parts.query).get("d") if parts.path.endswith("/data/local-files/") else None
        text = inner[0] if inner else unquote(f"{parts.netloc}{parts.path}")
    text = unicodedata.normalize("NFC", text.replace("\\", "/"))
    steps = [step for step in text.split("/") if step not in ("", ".")]
    if not steps or ".." in steps or not text.isprintable():
        return None
    return "/".join(steps)


def is_inline(address: str) -> bool:
    """Whether the address is the medium itself (RFC 2397)."""
    return address[:5].lower() == "data:"


def _inline(address: str) -> File:
    """The medium in such an address; without a byte when it cannot be read."""
    head, _, data = address.partition(",")
    content = unquote_to_bytes(data)
    if head.lower().endswith(";base64"):
        try:
            content = b64decode(content)
        except ValueError:
            content = b""
    return File(f"data:{hashlib.sha256(content).hexdigest()}", len(content), partial(iter, (content,)))


def _ends(path: str) -> list[str]:
    """What a path ends in, from all of it down to the file's name."""
    steps = path.split("/")
    return ["/".join(steps[n:]) for n in range(len(steps))]


def _in_folder(root: Path) -> Iterator[File]:
    """The files of a folder, in order. Links that lead out of it are passed over, as in an archive."""
    inside = root.resolve()
    for above, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(above, name)
            if path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(inside)):
                shown = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
                yield File(shown, path.stat().st_size, partial(_pieces, path))


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while piece := source.read(CHUNK):
                yield piece
    except OSError as error:
        raise Invalid("peer.media", f"The file cannot be read: {error.strerror}.", str(path), "") from error


def _told(lost: Unfit, addresses: list[str]) -> Unfit:
    some = ", ".join(
        address if len(address) <= SHOWN else f"{address[:SHOWN]}…" for address in addresses[:NAMED]
    )
    more = ", …" if len(addresses) > NAMED else ""
    reason = f"{lost.reason} What is shown is the address: {some}{more}."
    return Unfit(where=f"media of the field {lost.where}", reason=reason, count=lost.count)
