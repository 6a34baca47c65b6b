"""Media that an import brings along: files in an archive, or behind addresses in the records.

Where a record names one in a field that shows media, the medium is stored and takes the name's place;
what it was called is kept in the record's metadata, which annotators do not see. A medium that cannot
be had rejects its row, with the reason; the others go on.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from evenhand import formats, wire
from evenhand.blobs import MAX_BLOB, Blobs
from evenhand.core.errors import EvenhandError, Invalid, Unavailable
from evenhand.core.policy import Actor
from evenhand.core.project import MEDIA
from evenhand.core.record import check
from evenhand.formats import Rejected, Row
from evenhand.lane import Lane
from evenhand.outbound import Door
from evenhand.service import media
from evenhand.zipped import Packed, Zipped

AT_ONCE = 8  # addresses fetched side by side
AHEAD = 32  # rows begun before the first of them is done
REDIRECTS = 3
SECONDS = 30.0  # for one medium
PATIENCE = 5  # times in a row that a host may fail to answer before the rest is not asked of it
REMEMBERED = 10_000  # names whose media are known, so that rows may share one
ACCEPT = {"accept": "image/*, audio/*, video/*"}
MAX_TABLE = 4 << 30  # bytes of a table in an archive

_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

Load = Callable[[str], Iterator[bytes]]
"""The bytes behind a name, or an address."""


class Place(msgspec.Struct, frozen=True):
    """Where media of an import go, and who may put them there."""

    lane: Lane
    blobs: Blobs
    door: Door
    actor: Actor
    organization: str
    project: str
    fields: Mapping[str, str]  # those that show media -> their type
    mapping: dict[str, str]  # key of the source -> key of the record


def fetched(place: Place, rows: Iterable[Row | Rejected]) -> Iterator[Row | Rejected]:
    """The rows with the media behind their addresses."""
    known = _Known(place, _Fetching(place.door).load, is_address)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="evenhand-media") as pool:
        yield from _ahead(pool, known.row, rows)


def table_of(archive: Zipped) -> Packed | None:
    """The table among an archive's files; None when there are only media.

    Raises:
        Invalid: there are several, or this is no archive of media.
    """
    names = {one.name for one in archive.files}
    if not names or "[Content_Types].xml" in names or "META-INF/manifest.xml" in names:
        what = "an office document" if names else "an empty archive"
        raise Invalid("zip.kind", f"This is {what}.", "", "Save a table as CSV; pack media as ZIP.")
    suffixes = {suffix for kind in formats.all_formats().values() for suffix in kind.suffixes}
    tables = [one for one in archive.files if Path(one.name).suffix.lower() in suffixes and not one.fault]
    if len(tables) > 1:
        some = ", ".join(one.name for one in tables[:5])
        raise Invalid("zip.tables", f"The archive holds several tables: {some}.", "", "Leave one in it.")
    return tables[0] if tables else None


def unpacked(archive: Zipped, table: Packed, scratch: Path) -> Path:
    """The table as a file of its own in the folder `scratch`, since formats may need to seek."""
    if table.bytes > MAX_TABLE:
        raise Invalid("zip.table", f"The table has {table.bytes:,} bytes.", table.name, "Send it by itself.")
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as target:
        try:
            for piece in archive.read(table):
                target.write(piece)
        except OSError as error:
            Path(target.name).unlink()
            raise Unavailable(
                "disk.full", f"The table cannot be unpacked: {error.strerror}.", "", "Free some room."
            ) from error
        except BaseException:
            Path(target.name).unlink()
            raise
    return Path(target.name)


def with_files(
    place: Place, archive: Zipped, table: Packed, rows: Iterable[Row | Rejected]
) -> Iterator[Row | Rejected]:
    """The table's rows with the media that they name in the same archive."""

    def load(name: str) -> Iterator[bytes]:
        found = archive.find(name, beside=table.name)
        if found is None:
            raise Invalid("zip.missing", f"The archive holds no file {name[:200]!r}.", "")
        return archive.read(found)

    known = _Known(place, load, lambda value: bool(value) and not is_address(value))
    return map(known.row, rows)


def each_file(place: Place, archive: Zipped, first: int) -> Iterator[Row | Rejected]:
    """A record of each medium in the archive, known by its name, from number `first` on.

    Raises:
        Invalid: the project shows no media.
    """
    if not place.fields:
        raise Invalid(
            "zip.no-field", "The project has no field that shows media.", "", "Add one, or pack a table too."
        )
    store = _Known(place, lambda _: iter(()), lambda _: False).store
    for packed in archive.files:
        if packed.number < first:
            continue
        try:
            blob = store(archive.read(packed))
            name = field_for(blob.type, place.fields)
            if name is None:
                raise Invalid(
                    "zip.no-field", f"The project has no field that shows {blob.type}.", packed.name
                )
        except EvenhandError as error:
            if _stops(error):
                raise
            yield Rejected(packed.number, packed.name[:500], error.reason)
            continue
        record = {name: blob, "external_id": packed.name[-1000:]}
        yield Row(packed.number, _encode({_source(place.mapping, k): v for k, v in record.items()}))


def field_for(media_type: str, fields: Mapping[str, str]) -> str | None:
    """The field that shows such a medium; that of its own kind before one that shows a part of it."""
    kind = media_type.partition("/")[0]
    fitting = [name for name, shown in fields.items() if kind in MEDIA[shown]]
    return next((name for name in fitting if fields[name] == kind), next(iter(fitting), None))


def is_address(value: str) -> bool:
    """Whether this text is a web address."""
    return value[:8].lower().startswith(("http://", "https://"))


class _Known:
    """Puts media in the place of their names. The same name is loaded once."""

    def __init__(self, place: Place, load: Load, means: Callable[[str], bool]) -> None:
        self._place = place
        self._load = load
        self._means = means  # whether a text in a field of media is a name to load
        self._blobs: dict[str, wire.Blob] = {}

    def row(self, row: Row | Rejected) -> Row | Rejected:
        """The row with its media stored; a rejection when one cannot be had."""
        if isinstance(row, Rejected) or check(row.record) is not None:
            return row  # what is wrong with it is said by those who make tasks
        parts = _parts(row.record)
        names = {key: value for key, value in self._named(parts) if self._means(value)}
        for key, name in names.items():
            try:
                parts[key] = msgspec.Raw(_encode(self._blob(name)))
            except EvenhandError as error:
                if _stops(error):
                    raise
                return Rejected(row.line, key, error.reason)
        if not names:
            return row
        self._note(parts, names)
        return Row(row.line, _encode(parts))

    def _named(self, parts: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, str]]:
        for key, raw in parts.items():
            if self._place.mapping.get(key, key) in self._place.fields:
                value = _decode(raw)
                if isinstance(value, str):
                    yield key, value.strip()

    def _note(self, parts: dict[str, msgspec.Raw], names: Mapping[str, str]) -> None:
        """Keep what the media were called, where the metadata have room for it."""
        key = _source(self._place.mapping, "metadata")
        metadata: Any = (_decode(parts[key]) if key in parts else None) or {}
        if isinstance(metadata, dict) and "media" not in metadata:
            called = {self._place.mapping.get(field, field): name for field, name in names.items()}
            parts[key] = msgspec.Raw(_encode({**metadata, "media": called}))

    def _blob(self, name: str) -> wire.Blob:
        blob = self._blobs.get(name)
        if blob is None:
            blob = self.store(self._load(name))
            if len(self._blobs) >= REMEMBERED:
                self._blobs.clear()
            self._blobs[name] = blob
        return blob

    def store(self, pieces: Iterator[bytes]) -> wire.Blob:
        """Keep a medium.

        Raises:
            Invalid: it is none, or too large.
            Unavailable: it cannot be had, or not stored.
        """
        upload = self._place.blobs.upload(self._place.organization)
        try:
            for piece in pieces:
                upload.write(piece)
                if upload.bytes > MAX_BLOB:
                    raise Invalid("blob.large", f"It is larger than {MAX_BLOB >> 20} MiB.", "")
            blob = media.kept(upload)
        finally:
            upload.drop()
        self._place.lane.call(media.put, self._place.actor, self._place.project, blob)
        return blob


def _stops(error: EvenhandError) -> bool:
    """Whether the whole import must stop: not the other side fails, but this node."""
    return isinstance(error, Unavailable) and not error.rule.startswith("outbound.")


def _source(mapping: Mapping[str, str], key: str) -> str:
    """What the source calls this key of the record."""
    return next((source for source, target in mapping.items() if target == key), key)


class _Fetching:
    """Loads what is behind addresses, and stops asking hosts that do not answer."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._silent: dict[str, int] = {}  # host -> times in a row without an answer

    def load(self, url: str) -> Iterator[bytes]:
        """The bytes behind an address. Each redirect goes through the door again.

        Raises:
            Invalid, Refused, Unavailable: see `Door.send`; or the answer is no medium.
        """
        for _ in range(REDIRECTS + 1):
            host = urlsplit(url).hostname or ""
            if self._silent.get(host, 0) >= PATIENCE:
                raise Unavailable("outbound.silent", f"{host} did not answer {PATIENCE} times in a row.", url)
            onward = yield from self._answer(host, url)
            if onward is None:
                return
            url = onward
        raise Unavailable("outbound.redirects", f"More than {REDIRECTS} redirects.", url)

    def _answer(self, host: str, url: str) -> Generator[bytes, None, str | None]:
        """The bytes of one answer; returns where it sends us instead."""
        try:
            with self._door.open("GET", url, ACCEPT, seconds=SECONDS) as (status, found, pieces):
                self._silent.pop(host, None)
                if status in (301, 302, 303, 307, 308) and "location" in found:
                    return urljoin(url, found["location"])
                if status != 200:
                    raise Unavailable("outbound.status", f"{host} answered {status}.", url)
                yield from pieces
        except Unavailable as error:
            if error.rule in ("outbound.failed", "outbound.name"):
                self._silent[host] = self._silent.get(host, 0) + 1
            raise
        return None


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Row | Rejected], Row | Rejected], rows: Iterable[Row | Rejected]
) -> Iterator[Row | Rejected]:
    """What `work` makes of the rows, in their order, with some of them under way at once."""
    waiting: deque[Future[Row | Rejected]] = deque()
    try:
        for row in rows:
            waiting.append(pool.submit(work, row))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
