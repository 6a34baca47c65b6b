"""A ZIP archive that somebody sent: its files by name, with guards against what archives can do.

Nothing is ever unpacked to a path that the archive names: bytes go where the caller puts them. So a name
that climbs can do no harm; it is reported all the same, since an honest program makes none. What an
archive unpacks to is known before the first byte is unpacked, and bounded: APPNOTE 6.3.10, sections 4.3.12
to 4.3.16, says where it is written; the library reads no more of a file than is written there.
"""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from evenhand.core.errors import Invalid

MAX_FILES = 100_000
MAX_DIRECTORY = 16 << 20  # bytes of the list of files, which is held in memory
ALWAYS = 1 << 30  # bytes that any archive may unpack to
RATIO = 100  # times its own size that a larger one may: media hardly shrink, tables to a tenth
CHUNK = 1 << 20
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # of a local file, and of an empty archive


class Packed(msgspec.Struct, frozen=True):
    """One file in an archive."""

    number: int  # its place in the archive's list, 1 is the first
    name: str  # path inside, with slashes, composed as NFC; some systems pack it decomposed
    bytes: int  # unpacked
    fault: str = ""  # why it cannot be taken; "" when it can


class Zipped:
    """Use in a `with` block."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            Invalid: it is no ZIP archive, a damaged one, or unpacks to more than it may.
        """
        self._file = path.open("rb")
        try:
            self._archive = _opened(self._file, path.stat().st_size)
            self._infos: dict[str, zipfile.ZipInfo] = {}
            self.files = [packed for packed in self._listed() if not _is_clutter(packed.name)]
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()
        self._file.close()

    def find(self, name: str, beside: str = "") -> Packed | None:
        """The file that a table means by this name: beside the table, or from the top of the archive."""
        wanted = PurePosixPath(_composed(name).removeprefix("./"))
        for path in (PurePosixPath(beside).parent / wanted, wanted):
            if str(path) in self._infos:
                return self._by_name[str(path)]
        return None

    def read(self, packed: Packed) -> Iterator[bytes]:
        """The bytes of a file, in pieces.

        Raises:
            Invalid: it has a fault, or is damaged.
        """
        if packed.fault:
            raise Invalid("zip.file", packed.fault, packed.name)
        try:
            with self._archive.open(self._infos[packed.name]) as source:
                while piece := source.read(CHUNK):
                    yield piece
        except _UNPACKING as error:
            raise Invalid("zip.file", f"The file cannot be unpacked: {error}.", packed.name) from error

    def _listed(self) -> Iterator[Packed]:
        self._by_name: dict[str, Packed] = {}
        for number, info in enumerate(self._archive.infolist(), 1):
            if info.is_dir():
                continue
            name = _composed(info.filename)
            fault = _fault(info, name) or ("Another file has the same name." if name in self._infos else "")
            packed = Packed(number, name, info.file_size, fault)
            if name not in self._infos:
                self._infos[name], self._by_name[name] = info, packed
            yield packed


def _unpacking() -> tuple[type[Exception], ...]:
    """What the decompressors say of damaged bytes. Python may be built without some of them."""
    import zlib

    found: list[type[Exception]] = [zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError]
    found += [zlib.error, OSError, ValueError]
    try:
        from lzma import LZMAError
    except ImportError:
        return tuple(found)
    return (*found, LZMAError)


_UNPACKING = _unpacking()


def _opened(file: BinaryIO, size: int) -> zipfile.ZipFile:
    _check_directory(file, size)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise _damaged(str(error)) from error
    infos = archive.infolist()
    whole = sum(info.file_size for info in infos)
    if len(infos) > MAX_FILES:
        raise Invalid(
            "zip.files",
            f"The archive holds {len(infos):,} files.",
            "",
            f"Send at most {MAX_FILES:,} at once.",
        )
    if whole > max(ALWAYS, RATIO * size) or sum(info.compress_size for info in infos) > size:
        raise Invalid(
            "zip.bomb",
            f"The archive has {size:,} bytes and claims to unpack to {whole:,}.",
            "",
            "Media hardly shrink: pack them without tricks, or send the table by itself.",
        )
    return archive


def _check_directory(file: BinaryIO, size: int) -> None:
    """Look how long the list of files is before anything holds it: APPNOTE 4.3.16, and 4.3.14 for ZIP64."""
    tail = min(size, 22 + 0xFFFF)
    file.seek(size - tail)
    data = file.read(tail)
    at = data.rfind(b"PK\x05\x06")
    if at < 0 or len(data) - at < 22:
        raise _damaged("its end is missing")
    directory: int = struct.unpack_from("<L", data, at + 12)[0]
    if directory == 0xFFFFFFFF and at >= 20 and data[at - 20 : at - 16] == b"PK\x06\x07":
        file.seek(min(struct.unpack_from("<Q", data, at - 12)[0], size))
        record = file.read(56)
        directory = struct.unpack_from("<Q", record, 40)[0] if len(record) == 56 else size
    if directory > min(MAX_DIRECTORY, size):
        raise Invalid("zip.files", "The archive's list of files is too long.", "", "Send several archives.")


def _damaged(said: str) -> Invalid:
    return Invalid("zip.damaged", f"This ZIP archive cannot be read: {said}.", "", "Pack it again.")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _fault(info: zipfile.ZipInfo, name: str) -> str:
    """Why a file in an archive is not taken."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name[1:2] == ":" or not name.isprintable():
        return "The name leads out of the archive."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "This is a link to another file."
    return "The file is encrypted." if info.flag_bits & 1 else ""


def _is_clutter(name: str) -> bool:
    """What file managers put beside the files."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return "__MACOSX" in parts or hidden or parts[-1:] in (("Thumbs.db",), ("desktop.ini",))
