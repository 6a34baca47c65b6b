"""What the container of a film or sound says of itself: WebM, MP4, Ogg.

RFC 8794 and RFC 9559, ISO/IEC 14496-12, RFC 3533. Nothing is decoded. What is damaged or unknown is left
unsaid; a browser says whether it plays it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

Read = Callable[[int, int], bytes]
"""At most so many bytes (second) from this place (first) on; fewer at the end of what is there."""

MOST_BOXES = 1_000  # that are looked at in one place: a file of millions of empty ones must not hold us up
MOST_TABLE = 1 << 20  # bytes of a track's description that are read


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """What a film says of its pictures."""

    width: int | None = None  # pixels as shown, after rotation
    height: int | None = None
    fps: float | None = None  # frames a second, where all last equally long


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a container."""

    subtype: str  # of the media type: "webm", "mp4", "ogg"
    tracks: int  # of sound and pictures that were found; 0: its description was not
    film: Track | None = None  # the first track of pictures


def inside(content: bytes) -> Read:
    """Reads from bytes that are at hand."""
    return lambda start, size: content[start : start + size]


def held(read: Read) -> Held | None:
    """What is in this container; None when it is none of the three."""
    head = read(0, 64)
    if head[:4] == b"\x1aE\xdf\xa3":
        return _webm(read)
    if head[4:8] == b"ftyp":
        return _mp4(read)
    if head[:4] == b"OggS":
        return _ogg(read)
    return None


# ---- WebM ----------------------------------------------------------------------------------------

EBML, SEGMENT, TRACKS, ENTRY = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE
CLUSTER = 0x1F43B675
KIND, VIDEO, FRAME = 0x83, 0xE0, 0x23E383  # of an entry; the time that a frame lasts, nanoseconds
PIXELS, SHOWN, UNIT = (0xB0, 0xBA), (0x54B0, 0x54BA), 0x54B2  # width, height


def _webm(read: Read) -> Held:
    films: list[Track] = []
    found = 0
    for entry in _entries(read):
        parts = dict(_elements(inside(entry), 0, len(entry)))
        kind = _number(entry, parts.get(KIND))
        found += kind in (1, 2)
        if kind == 1:
            films.append(_picture(entry, parts))
    return Held(subtype="webm", tracks=found, film=films[0] if films else None)


def _entries(read: Read) -> Iterator[bytes]:
    """The descriptions of the tracks, which stand before the first cluster."""
    segment = dict(_elements(read, 0, None, until=SEGMENT)).get(SEGMENT)
    if segment is None:
        return
    tracks = dict(_elements(read, segment[0], segment[1], until=TRACKS)).get(TRACKS)
    if tracks is None or tracks[1] is None or tracks[1] - tracks[0] > MOST_TABLE:
        return
    content = read(tracks[0], tracks[1] - tracks[0])
    for id_, (start, end) in _elements(inside(content), 0, len(content)):
        if id_ == ENTRY:
            yield content[start:end]


Place = tuple[int, int | None]
"""Where the content of an element begins and ends; None where its length is not told."""


def _elements(read: Read, at: int, end: int | None, until: int | None = None) -> Iterator[tuple[int, Place]]:
    """The elements that follow each other from here (RFC 8794, section 5); the last one is `until`."""
    for _ in range(MOST_BOXES):
        head = read(at, 12)
        id_, width = _vint(head, 4, marked=True)
        size, length = _vint(head[width:], 8)
        if not width or not length or (end is not None and at >= end):
            return
        start = at + width + length
        unknown = size == (1 << 7 * length) - 1
        yield id_, (start, None if unknown else start + size)
        if unknown or id_ in (until, CLUSTER):
            return
        at = start + size


def _vint(data: bytes, most: int, marked: bool = False) -> tuple[int, int]:
    """(number, bytes that it takes up) of a variable-size integer (RFC 8794, 4); (0, 0) when it is none."""
    width = 9 - data[0].bit_length() if data and data[0] else 0
    if not 0 < width <= most or len(data) < width:
        return 0, 0
    number = int.from_bytes(data[:width], "big")
    return (number if marked else number & ((1 << 7 * width) - 1)), width


def _number(content: bytes, place: Place | None) -> int:
    return int.from_bytes(content[place[0] : place[1]][:8], "big") if place else 0


def _picture(entry: bytes, parts: dict[int, Place]) -> Track:
    frame = _number(entry, parts.get(FRAME))
    if VIDEO not in parts:
        return Track(fps=_rate(1_000_000_000, frame))
    start, end = parts[VIDEO]
    video = entry[start:end]
    known = dict(_elements(inside(video), 0, len(video)))
    size = [_number(video, known.get(key)) for key in PIXELS]
    # Shown at another size, where that is told in pixels, as it is unless a unit says otherwise.
    if UNIT not in known:
        size = [_number(video, known.get(key)) or plain for key, plain in zip(SHOWN, size, strict=True)]
    return Track(width=size[0] or None, height=size[1] or None, fps=_rate(1_000_000_000, frame))


def _rate(scale: int, frame: int) -> float | None:
    """Frames a second, of so long a frame; None where it cannot be true."""
    return round(scale / frame, 3) if frame and 0.1 <= scale / frame <= 1_000 else None


# ---- MP4 -----------------------------------------------------------------------------------------


def _mp4(read: Read) -> Held:
    moov = next((place for kind, place in _boxes(read, 0, None) if kind == b"moov"), None)
    films: list[Track] = []
    found = 0
    for kind, place in _boxes(read, *moov) if moov else ():
        if kind == b"trak":
            boxes = dict(_boxes(read, *place))
            media = dict(_boxes(read, *boxes[b"mdia"])) if b"mdia" in boxes else {}
            handler = read(media[b"hdlr"][0], 12)[8:12] if b"hdlr" in media else b""
            found += handler in (b"vide", b"soun")
            if handler == b"vide":
                films.append(_track(read, boxes, media))
    return Held(subtype="mp4", tracks=found, film=films[0] if films else None)


def _boxes(read: Read, at: int, end: int | None) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The boxes that follow each other from here: their kind, and where their content begins and ends."""
    for _ in range(MOST_BOXES):
        head = read(at, 16)
        if len(head) < 8 or (end is not None and at >= end):
            return
        size, begin = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16], "big"), 16
        if size < begin:  # 0: it goes on to the end, and nothing follows
            yield head[4:8], (at + begin, at + begin + (1 << 40))
            return
        yield head[4:8], (at + begin, at + size)
        at += size


def _track(read: Read, boxes: dict[bytes, tuple[int, int]], media: dict[bytes, tuple[int, int]]) -> Track:
    width = height = None
    if b"tkhd" in boxes:
        head = read(boxes[b"tkhd"][0], 96)
        after = 52 if head[:1] == b"\x01" else 40  # version 1 has longer times
        matrix, size = head[after : after + 36], head[after + 36 : after + 44]
        if len(size) == 8:
            wide, high = (int.from_bytes(size[i : i + 2], "big") or None for i in (0, 4))
            turned = matrix[:4] == b"\0\0\0\0"  # a quarter turn: nothing of x goes into x
            width, height = (high, wide) if turned else (wide, high)
    return Track(width=width, height=height, fps=_frames(read, media))


def _frames(read: Read, media: dict[bytes, tuple[int, int]]) -> float | None:
    """Frames a second, where one length fits all but the last of them."""
    if not {b"mdhd", b"minf"} <= media.keys():
        return None
    head = read(media[b"mdhd"][0], 24)
    scale = int.from_bytes(head[20:24] if head[:1] == b"\x01" else head[12:16], "big")
    tables = dict(_boxes(read, *media[b"minf"])).get(b"stbl")
    table = dict(_boxes(read, *tables)).get(b"stts") if tables else None
    if table is None:
        return None
    entries = read(table[0] + 8, min(table[1] - table[0] - 8, 16))
    count, frame = (int.from_bytes(entries[i : i + 4], "big") for i in (0, 4))
    others = int.from_bytes(read(table[0] + 4, 4), "big") - 1
    # A last frame of another length is common; more lengths than that are a rate that varies.
    alone = others == 0 or (others == 1 and int.from_bytes(entries[8:12], "big") == 1)
    return _rate(scale, frame) if count and alone else None


# ---- Ogg -----------------------------------------------------------------------------------------

SOUNDS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")


def _ogg(read: Read) -> Held:
    """Each stream begins with a page of its own, and these stand first (RFC 3533, section 4)."""
    at = found = 0
    film: Track | None = None
    for _ in range(16):
        head = read(at, 27 + 255 + 64)
        if head[:4] != b"OggS" or len(head) < 27 or not head[5] & 2:
            break
        start = 27 + head[26]
        packet = head[start : start + 64]
        if packet.startswith(b"\x80theora") and len(packet) >= 30:
            wide, high = int.from_bytes(packet[14:17], "big"), int.from_bytes(packet[17:20], "big")
            top, bottom = int.from_bytes(packet[22:26], "big"), int.from_bytes(packet[26:30], "big")
            film = film or Track(width=wide or None, height=high or None, fps=_rate(top, bottom))
            found += 1
        found += packet.startswith(SOUNDS)
        at += start + sum(head[27:start])
    return Held(subtype="ogg", tracks=found, film=film)
