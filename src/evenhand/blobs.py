"""Media: bytes under their SHA-256, apart from the database, keyed by the organization that owns them."""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from evenhand import containers
from evenhand.config import Config
from evenhand.core.errors import Invalid, Missing, Unavailable

MAX_BLOB = 1 << 30  # bytes of one medium: an hour of video of middling quality
CHUNK = 1 << 20


class Blobs(Protocol):
    """Where media are kept."""

    def upload(self, organization: str) -> Upload:
        """Begin to store a medium."""

    def size(self, organization: str, sha256: str) -> int:
        """Bytes of a medium.

        Raises:
            Missing: it is not there.
        """

    def read(self, organization: str, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end`, end excluded, in pieces."""


Place = Callable[[str, Path], None]
"""Puts a file, whose bytes are on the disk, where the medium with this digest belongs."""


class Upload:
    """A medium on its way in: a file of its own until its digest is known."""

    def __init__(self, folder: Path, place: Place) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._place = place
        self._path = folder / f".{secrets.token_hex(8)}.new"
        self._file: BinaryIO = self._path.open("wb")
        self._digest = hashlib.sha256()
        self.head = b""  # the first bytes, by which its type is known
        self.bytes = 0

    def write(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            Unavailable: the disk is full.
        """
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _disk_error(error, self._folder) from error
        self._digest.update(chunk)
        self.bytes += len(chunk)
        if len(self.head) < HEAD:
            self.head += chunk[: HEAD - len(self.head)]

    def part(self, start: int, size: int) -> bytes:
        """At most so many of the bytes that came, from this place on."""
        if start + size <= len(self.head):
            return self.head[start : start + size]
        self._file.flush()
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def keep(self) -> str:
        """Make it durable under its digest, and give that."""
        sha256 = self._digest.hexdigest()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._place(sha256, self._path)
        except OSError as error:
            raise _disk_error(error, self._folder) from error
        return sha256

    def drop(self) -> None:
        """Forget what was not kept."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class Folder:
    """Media as files: <folder>/<organization>/<two digits>/<digest>."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def upload(self, organization: str) -> Upload:
        """See `Blobs`."""

        def place(sha256: str, path: Path) -> None:
            target = self._path(organization, sha256)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)
            _sync_folder(target.parent)

        return Upload(self._folder / organization, place)

    def size(self, organization: str, sha256: str) -> int:
        """See `Blobs`."""
        path = self._path(organization, sha256)
        if not path.is_file():
            raise _not_there(sha256)
        return path.stat().st_size

    def read(self, organization: str, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """See `Blobs`."""
        with self._path(organization, sha256).open("rb") as file:
            file.seek(start)
            while start < end:
                chunk = file.read(min(CHUNK, end - start))
                if not chunk:
                    return
                start += len(chunk)
                yield chunk

    def _path(self, organization: str, sha256: str) -> Path:
        return self._folder / organization / sha256[:2] / sha256


class Bucket:
    """Media in an object store: <prefix>/<organization>/<digest>."""

    def __init__(self, url: str, scratch: Path) -> None:
        """
        Args:
            url: of bucket and prefix.
            scratch: folder for what is being uploaded.

        Raises:
            Unavailable: the library is not installed, or the address cannot be used.
        """
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            remedy = "pip install 'evenhand[objects]'"
            raise Unavailable(
                "blob.driver", "Object stores need a library.", "EVENHAND_BLOBS", remedy
            ) from error
        self._library = obstore
        self._scratch = scratch
        try:
            self._store = from_url(url)
        except Exception as error:
            raise _bucket_error(error) from error

    def upload(self, organization: str) -> Upload:
        """See `Blobs`."""

        def place(sha256: str, path: Path) -> None:
            try:
                self._library.put(self._store, f"{organization}/{sha256}", path)
            except Exception as error:
                raise _bucket_error(error) from error
            path.unlink()

        return Upload(self._scratch, place)

    def size(self, organization: str, sha256: str) -> int:
        """See `Blobs`."""
        try:
            return int(self._library.head(self._store, f"{organization}/{sha256}")["size"])
        except FileNotFoundError as error:
            raise _not_there(sha256) from error
        except Exception as error:
            raise _bucket_error(error) from error

    def read(self, organization: str, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """See `Blobs`."""
        path = f"{organization}/{sha256}"
        for at in range(start, end, CHUNK):
            stop = min(at + CHUNK, end)
            yield bytes(self._library.get_range(self._store, path, start=at, end=stop))


def open_blobs(config: Config) -> Blobs:
    """The media of a node."""
    if config.blobs is not None:
        return Bucket(config.blobs, config.data / "uploads")
    return Folder(config.data / "media")


def _not_there(sha256: str) -> Missing:
    return Missing("blob.missing", "The medium is not there.", sha256, "Upload it again.")


def _bucket_error(error: Exception) -> Unavailable:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Unavailable(
        "blob.store", f"The object store cannot be used: {said[:200]}", "EVENHAND_BLOBS", "Check its address."
    )


def _disk_error(error: OSError, folder: Path) -> Exception:
    return Unavailable(
        "blob.disk", f"The medium cannot be stored: {error.strerror}.", str(folder), "Free some room."
    )


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: without this a power cut may forget the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---- what a medium is --------------------------------------------------------------------------

HEAD = 256 << 10  # bytes in which the size of an image is looked for


class Shape(msgspec.Struct, frozen=True):
    """What the bytes of a medium say."""

    type: str  # media type
    width: int | None = None  # pixels after EXIF orientation; of a video, as shown
    height: int | None = None
    fps: float | None = None  # frames a second of a video, where it tells them


def shape_of(head: bytes, declared: str, read: containers.Read | None = None) -> Shape:
    """Type and size of a medium, by its bytes and not by what was said of it.

    Args:
        head: the first `HEAD` bytes, or all.
        declared: the media type that whoever sends it names. It decides only whether a container is a
            video or a sound where its description is not among the bytes.
        read: more of its bytes. The description of an MP4 may stand at its end.

    Raises:
        Invalid: the bytes are no image, sound or video that browsers show, or another one than declared.
    """
    declared = declared.partition(";")[0].strip().lower()
    declared = _SAME.get(declared, declared)
    found = _image(head) or _contained(head, declared, read) or _sound(head)
    if found is None:
        raise Invalid(
            "blob.type",
            "This is no image, sound or video that browsers can show.",
            "Content-Type",
            "Send PNG, JPEG, GIF, WebP or SVG; WAV, MP3, MP4, Ogg, FLAC or WebM.",
        )
    if declared not in ("application/octet-stream", "", found.type) and not _one_container(
        declared, found.type
    ):
        raise Invalid(
            "blob.declared",
            f"The bytes are {found.type}, and were declared as {declared}.",
            "Content-Type",
            "Declare what they are.",
        )
    return found


_SAME = {
    "image/jpg": "image/jpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "video/x-m4v": "video/mp4",
    "video/quicktime": "video/mp4",  # MP4 grew out of it, and browsers read both in one way
    "video/x-matroska": "video/webm",
    "audio/x-matroska": "audio/webm",
    "application/ogg": "audio/ogg",
}
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ")


def _one_container(declared: str, found: str) -> bool:
    """Whether both are the same container: programs often take its suffix for a video's."""
    kinds = (declared.partition("/")[0], found.partition("/")[0])
    return {*kinds} == {"audio", "video"} and declared.partition("/")[2] == found.partition("/")[2]


def _contained(head: bytes, declared: str, read: containers.Read | None) -> Shape | None:
    """A sound or video in a container, which both may be in."""
    held = containers.held(read or containers.inside(head))
    if held is None:
        return None
    film = held.film
    if film is not None:
        return Shape(f"video/{held.subtype}", film.width, film.height, film.fps)
    said = declared.partition("/")[0]
    if held.tracks == 0 and said != "audio":
        unlike = held.subtype == "mp4" and head[8:12] not in _SOUND_BRANDS
        said = "video" if said == "video" or unlike else "audio"
        return Shape(f"{said}/{held.subtype}")
    return Shape(f"audio/{held.subtype}")


def _image(head: bytes) -> Shape | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return Shape("image/png", width, height)
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return Shape("image/gif", width, height)
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if b"<svg" in head[:4096].lower() and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Shape("image/svg+xml")
    return None


def _jpeg(head: bytes) -> Shape:
    """Walk the segments to the frame header (ITU T.81, B.1.1); EXIF comes before it, if at all."""
    at, turned = 2, False
    while at + 9 < len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            turned = _orientation(head[at + 10 : at + 2 + length]) >= 5
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return Shape("image/jpeg", height if turned else width, width if turned else height)
        at += 2 + length
    return Shape("image/jpeg")


def _orientation(tiff: bytes) -> int:
    """The orientation tag (274) of an EXIF block; 5 to 8 exchange width and height."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    start: int = struct.unpack(f"{order}I", tiff[4:8])[0]
    if start + 2 > len(tiff):
        return 1
    count: int = struct.unpack(f"{order}H", tiff[start : start + 2])[0]
    for i in range(count):
        entry = tiff[start + 2 + 12 * i : start + 14 + 12 * i]
        if len(entry) == 12 and struct.unpack(f"{order}H", entry[:2])[0] == 274:
            return int(struct.unpack(f"{order}H", entry[8:10])[0])
    return 1


def _webp(head: bytes) -> Shape:
    """RFC 9649, sections 2.5 to 2.7."""
    kind = head[12:16]
    if kind == b"VP8 " and len(head) >= 30:
        width, height = struct.unpack("<HH", head[26:30])
        return Shape("image/webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return Shape("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X" and len(head) >= 30:
        width = int.from_bytes(head[24:27], "little") + 1
        return Shape("image/webp", width, int.from_bytes(head[27:30], "little") + 1)
    return Shape("image/webp")


def _sound(head: bytes) -> Shape | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return Shape("audio/wav")
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return Shape("audio/mpeg")
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return Shape("audio/aac")
    return Shape("audio/flac") if head[:4] == b"fLaC" else None
