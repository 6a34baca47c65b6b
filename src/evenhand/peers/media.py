"""Media of another tool: taken from a folder or an archive by the addresses that its records have.

Such an address (``/data/upload/1/cat.jpg``, ``s3://bucket/a/cat.jpg``, ``a/cat.jpg``) opens there and
nowhere else. A file is meant by it when the one's path is the end of the other's, or else by its name,
where only one file is called so. A file that several addresses would share is taken for none of them:
a task without its image is seen at once, one with another's is not.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from evenhand.blobs import MAX_BLOB, shape_of
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.peers import Brought, Fault, Losses, Unfit
from evenhand.zipped import CHUNK, Zipped

KINDS = ("image", "audio")
NAMED = 3  # addresses that a loss lists
SHOWN = 80  # characters of each
WHOLE = 1_000  # outweighs every count of parts
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
        self._title = path.resolve().name if path else ""  # what losses call it; "" when there is none
        self._archive: Zipped | None = None
        self._fields: dict[str, str] = {}  # those that show media -> "image" or "audio"
        self._chosen: dict[str, File] = {}  # path of an address -> its file
        self._types: dict[str, str] = {}  # path of a file -> media type, "" when it is no medium
        self._named: dict[str, list[File]] = {}  # name -> the files that are called so
        for file in self._files(path) if path else ():
            self._named.setdefault(PurePosixPath(file.path).name, []).append(file)

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
        self._fields = {field["name"]: field["type"] for field in fields if field["type"] in KINDS}
        if not self._fields:
            return brought
        if self._named:
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

    def _files(self, path: Path) -> Iterator[File]:
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
            if isinstance(value, str) and value.strip() and not value.startswith("data:"):
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
            path = path_of(address)
            if path and (best := self._best(path)):
                fit, file = best
                files[file.path] = file
                claims.setdefault(file.path, {})[path] = fit
        for name, fits in claims.items():
            most = max(fits.values())
            first, *more = (path for path, fit in fits.items() if fit == most)
            if not more:
                self._chosen[first] = files[name]

    def _best(self, path: str) -> tuple[int, File] | None:
        """The one file that this path means, and how well it fits."""
        *above, name = path.split("/")
        if name not in self._named:
            name = _UPLOADED.sub("", name)
        found = self._named.get(name, [])
        fits = [(_fit([*above, name], file.path.split("/")), file) for file in found]
        most = max((fit for fit, _ in fits), default=0)
        best = [(fit, file) for fit, file in fits if fit == most]
        if len(best) != 1 or (most == 0 and len(found) > 1):
            return None
        return best[0]

    def _find(self, field: str, address: str) -> File | str:
        """The file behind an address, or why there is none."""
        path = path_of(address)
        if not self._title:
            return "No media were given with the project (--media)."
        if path is None:
            return "The address leads out of any folder."
        file = self._chosen.get(path)
        if file is None:
            known = self._best(path)
            return (
                f"{self._title} has no file of this path or name, or several."
                if known is None
                else f"Several addresses mean one file of {self._title}."
            )
        if file.size > MAX_BLOB:
            return f"The file is larger than {MAX_BLOB >> 20} MiB."
        if not self._type(file).startswith(f"{self._fields[field]}/"):
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


def _fit(wanted: list[str], file: list[str]) -> int:
    """How well a file's path fits: 0 by its name alone, else the parts that both end in."""
    shorter = min(len(wanted), len(file))
    if wanted[-shorter:] != file[-shorter:]:
        return 0
    return WHOLE if len(wanted) == len(file) else shorter if shorter > 1 else 0


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
