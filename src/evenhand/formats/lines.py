"""From bytes in any encoding to lines of UTF-8 of bounded length. What all formats of text share."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

import msgspec

from evenhand.core.errors import Invalid
from evenhand.formats import ReadOptions, refuse_compressed

CHUNK = 256 * 1024  # bytes read at once

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY = {
    b"PAR1": "Parquet",
    b"\x89PNG": "a PNG picture",
    b"%PDF": "PDF",
    b"SQLite format 3": "an SQLite database",
}


class Overlong(msgspec.Struct, frozen=True):
    """Stands for a line that is longer than the limit. Its text was thrown away while it was read."""

    size: int  # bytes
    quotes: int  # how many of `quote` it held


def lines(source: BinaryIO, options: ReadOptions, quote: bytes = b"") -> Iterator[bytes | Overlong]:
    """The lines of a source in UTF-8, without their ends: LF, or CR if there is no LF at first.

    Args:
        source: from where it stands. If it can seek, all of it is checked before the first line.
        options: `encoding` and `limit`.
        quote: a character to count in lines that are thrown away, so that readers find back.

    Raises:
        Invalid: the source is compressed, binary, or not in this encoding.
    """
    head = _fill(source)
    encoding, skip = _encoding(head, options.encoding)
    _refuse_binary(head[skip:], encoding)
    if source.seekable():
        start = source.tell()
        for _ in _utf8(head, source, encoding, skip):
            pass
        source.seek(start)
    chunks = _utf8(head, source, encoding, skip)
    return _split(chunks, options.limit, quote)


def _encoding(head: bytes, named: str | None) -> tuple[str, int]:
    """The encoding of a source that begins like this, and how long its byte order mark is."""
    detected, mark = next(((kind, mark) for mark, kind in _MARKS if head.startswith(mark)), ("utf-8", b""))
    encoding = detected if named is None else _known(named)
    return encoding, len(mark) if encoding == detected else 0


def _known(name: str) -> str:
    """The codec's own name, which is spelt one way only.

    Raises:
        Invalid: there is no such encoding of text ("hex" is a codec, but not of text).
    """
    try:
        "a".encode(name)
        codecs.getincrementaldecoder(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        remedy = "Name one such as utf-8, utf-16, cp1252 or shift_jis."
        raise Invalid(
            "format.encoding", f"There is no text encoding {name!r}.", "encoding", remedy
        ) from error


def _refuse_binary(head: bytes, encoding: str) -> None:
    """Files that are no text at all get a better answer than the first byte that does not fit."""
    refuse_compressed(head)
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise Invalid(
                "format.binary", f"This is {kind}, not text.", "", "Name its format, or convert it."
            )
    if encoding == "utf-8" and b"\0" in head[:2]:
        guess = "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
        reason = f"This looks like {guess.upper()} without a byte order mark."
        raise Invalid("format.encoding", reason, "byte 1", f"If it is, say --encoding {guess}.")


def _fill(source: BinaryIO) -> bytes:
    """The first chunk. A pipe may give a few bytes at a time, and a mark must not be cut in two."""
    head = b""
    while len(head) < CHUNK and (piece := source.read(CHUNK - len(head))):
        head += piece
    return head


def _utf8(head: bytes, source: BinaryIO, encoding: str, skip: int) -> Iterator[bytes]:
    """The source in UTF-8, chunk by chunk. UTF-8 itself is checked and passed on as it is."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    place = _Place(skip)
    chunk = head[skip:]
    while True:
        held = len(decoder.getstate()[0])  # bytes of a character that the last chunk cut in two
        try:
            text = decoder.decode(chunk, final=not chunk)
            yield chunk if encoding == "utf-8" else text.encode()
        except UnicodeError as error:
            raise place.error(error, encoding, held) from error
        if not chunk:
            return
        place.pass_by(chunk, text)
        chunk = source.read(CHUNK)


class _Place:
    """How far a source has been read."""

    def __init__(self, skip: int) -> None:
        self.bytes = skip  # from the start of the source
        self.line = 1

    def pass_by(self, chunk: bytes, text: str) -> None:
        self.bytes += len(chunk)
        self.line += text.count("\n")

    def error(self, error: UnicodeError, encoding: str, held: int) -> Invalid:
        """What to say of the first byte that does not fit."""
        byte, line = f"Something behind byte {self.bytes}", self.line
        if isinstance(error, UnicodeDecodeError):
            byte = f"Byte {self.bytes - held + error.start + 1} (0x{error.object[error.start]:02x})"
            line += error.object[: error.start].decode(encoding, "replace").count("\n")
        return Invalid(
            "format.encoding",
            f"{byte} is not {encoding.upper()}.",
            f"line {line}",
            "Save the file as UTF-8, or name its encoding, for example --encoding cp1252.",
        )


def _split(chunks: Iterator[bytes], limit: int, quote: bytes) -> Iterator[bytes | Overlong]:
    """Lines out of chunks. Of an unfinished line no more than the limit and one chunk is held."""
    first = next(chunks, b"")
    end = b"\r" if b"\r" in first and b"\n" not in first else b"\n"
    held = _Held(limit, quote)
    for chunk in _with(first, chunks):
        pieces = chunk.split(end)
        last = pieces.pop()
        for piece in pieces:
            yield piece if held.empty and len(piece) <= limit else held.finish(piece)
        held.add(last)
    if not held.empty:
        yield held.finish(b"")


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class _Held:
    """The beginning of a line whose end has not come yet."""

    def __init__(self, limit: int, quote: bytes) -> None:
        self.limit = limit
        self._count: Callable[[bytes], int] = partial(_count, quote)
        self._clear()

    def _clear(self) -> None:
        self.empty = True
        self._pieces: list[bytes] = []
        self._size = 0
        self._quotes = 0

    def add(self, piece: bytes) -> None:
        """Holds one more piece, or throws all away when the line has become too long."""
        if not piece:
            return
        self.empty = False
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > self.limit:
            self._quotes += sum(map(self._count, self._pieces))
            self._pieces.clear()

    def finish(self, piece: bytes) -> bytes | Overlong:
        """The whole line, with this last piece."""
        self.add(piece)
        too_long = self._size > self.limit
        line = Overlong(self._size, self._quotes) if too_long else b"".join(self._pieces)
        self._clear()
        return line


def _count(quote: bytes, piece: bytes) -> int:
    return piece.count(quote) if quote else 0
