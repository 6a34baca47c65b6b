"""Import: rows or files in, tasks out. The same source twice adds nothing; a broken row stops nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evenhand import formats, wire
from evenhand.blobs import Blobs
from evenhand.core.errors import EvenhandError, Invalid, Missing, Refused
from evenhand.core.events import MAX_ROWS, Moment, TasksImported
from evenhand.core.gold import Mark, marked
from evenhand.core.intake import Read, digest_of, key_of, read_record
from evenhand.core.policy import Actor
from evenhand.core.project import MEDIA, Document
from evenhand.lane import Lane
from evenhand.outbound import Door
from evenhand.service import gathering, gold
from evenhand.service.gathering import Place
from evenhand.service.ids import new_id
from evenhand.service.view import decode_json, encode_json, failure, form_of, project_row, when
from evenhand.store import Reader, Transaction
from evenhand.store.digests import NONE, SIZE
from evenhand.zipped import ALWAYS, MAGIC, RATIO, Zipped

KEPT = 1000  # rejections kept with an import
RUN = 100  # rows without external ids in one group that are kept together, as a run of digests
FEW = 25  # rows taken at once where each brings media, which takes its time
GROUP_BYTES = 8 << 20  # of the records that one verb takes
TASK_BYTES = 200  # that a task takes up besides its record


class Line(msgspec.Struct, frozen=True):
    """One line of a source, read outside the lane."""

    number: int  # 1 is the first
    read: Read | None  # None: rejected
    path: str = ""  # why it is rejected
    reason: str = ""


class Settings(msgspec.Struct, frozen=True):
    """What an import was opened with."""

    format: str | None = None
    mapping: dict[str, str] = {}
    options: dict[str, Any] = {}
    fetch_media: bool = False


_settings = msgspec.json.Decoder(Settings).decode


class Shape(msgspec.Struct, frozen=True):
    """What each record of an import has to be."""

    mapping: dict[str, str]  # key of the source -> key of the record
    fields: tuple[str, ...] = ()  # of the version in force; a record holds at least one of them


def open_import(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.NewImport
) -> wire.Import:
    """Begin an import. Rows or a file follow."""
    row = project_row(tx, actor, project, "import.manage")
    if row["state"] in ("archived", "deleted"):
        raise Refused("project.state", f"The project is {row['state']}.", "", "Make it active first.")
    if request.format is not None:
        formats.read_options(formats.find(request.format), request.options)
    id_ = new_id("imp")
    settings = Settings(
        format=request.format,
        mapping=request.mapping,
        options=request.options,
        fetch_media=request.fetch_media,
    )
    tx.run(
        "put_import",
        organization=row["organization"],
        project=project,
        id=id_,
        name=request.name[:500],
        settings=encode_json(settings),
        bytes=request.bytes or 0,
        at=at.ms,
    )
    return get_import(tx, actor, id_)


def _import_row(reader: Reader, actor: Actor, import_: str) -> dict[str, Any]:
    row = reader.one("import", id=import_)
    if row is None:
        raise Missing("not-found", "There is no such import, or you may not see it.", import_)
    project_row(reader, actor, row["project"], "import.manage")
    return row


def fetches_media(reader: Reader, import_: str) -> bool:
    """Whether the import loads media from hosts of others."""
    row = reader.one("import", id=import_)
    assert row is not None, "it is being read"
    return _settings(row["settings"]).fetch_media


def get_import(reader: Reader, actor: Actor, import_: str) -> wire.Import:
    """How far an import is, and which rows were rejected."""
    return _wire(_import_row(reader, actor, import_))


def _wire(row: dict[str, Any]) -> wire.Import:
    return wire.Import(
        id=row["id"],
        project_id=row["project"],
        name=row["name"],
        state=row["state"],
        accepted=row["accepted"],
        present=row["present"],
        rejected=row["rejected"],
        rejections=msgspec.json.decode(row["rejections"], type=list[wire.Rejected]),
        next_line=row["next_line"],
        received=row["received"],
        bytes=row["bytes"] or None,
        error=msgspec.json.decode(row["error"], type=wire.Problem) if row["error"] else None,
        created_at=when(row["created_ms"]),
    )


def list_imports(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.Import]:
    """The project's imports, newest first."""
    row = project_row(reader, actor, project, "import.manage")
    rows = reader.all("imports", organization=row["organization"], project=project)
    return wire.Page(items=[_wire(r) for r in rows])


# ---- rows --------------------------------------------------------------------------------------


def shape_of(reader: Reader, actor: Actor, import_: str) -> Shape:
    """What the import's records have to be, for `read_lines`.

    Raises:
        Invalid: media behind addresses are to be fetched, which takes longer than a request may.
    """
    row = _import_row(reader, actor, import_)
    settings = _settings(row["settings"])
    if settings.fetch_media:
        raise Invalid(
            "import.fetch-media",
            "Media behind addresses are fetched from files only.",
            "fetch_media",
            "Send the records as a file.",
        )
    document = _document(reader, row["project"])
    return Shape(settings.mapping, tuple(field.name for field in document.fields))


def read_lines(body: bytes, first: int, mapping: dict[str, str], fields: tuple[str, ...] = ()) -> list[Line]:
    """The lines of an NDJSON body, checked outside the lane: this is most of the work of an import."""
    shape = Shape(mapping, fields)
    return [
        _line(number, record, shape)
        for number, record in enumerate(body.split(b"\n"), first)
        if record.strip()
    ]


def _line(number: int, record: bytes, shape: Shape) -> Line:
    try:
        return Line(number, read_record(record.strip(), shape.mapping, shape.fields))
    except Invalid as error:
        return Line(number, None, error.where, error.reason)


def groups(lines: list[Line]) -> Iterator[list[Line]]:
    """Pieces of at most `MAX_ROWS`: one lane verb each, so that annotators get in between."""
    for i in range(0, len(lines), MAX_ROWS):
        yield lines[i : i + MAX_ROWS]


def take(tx: Transaction, at: Moment, actor: Actor, import_: str, lines: list[Line]) -> wire.RowsReport:
    """Make tasks of these lines (at most `MAX_ROWS`). Lines before `next_line` were taken already."""
    row = _import_row(tx, actor, import_)
    fresh = [line for line in lines if line.number >= row["next_line"]]
    fresh, known = _with_gold(tx, row, fresh)
    good = [line for line in fresh if line.read is not None]
    new, present, clashes = _sort_out(tx, row, good)
    first = _write(tx, at, row, new)
    _mark(
        tx,
        at,
        row,
        [(first + i, line, known[line.number]) for i, (line, _) in enumerate(new) if line.number in known],
    )
    rejected = [
        wire.Rejected(line=line.number, path=line.path, reason=line.reason)
        for line in fresh
        if line.read is None
    ] + clashes
    next_line = max([row["next_line"], *(line.number + 1 for line in fresh)])
    _record(tx, row, len(new), present, rejected, next_line)
    return wire.RowsReport(
        accepted=len(new),
        present=present,
        rejected=sorted(rejected, key=lambda r: r.line),
        next_line=next_line,
    )


Found = tuple[Line, str]  # a line and its key; "" where it has an external id


def _sort_out(
    tx: Transaction, row: dict[str, Any], lines: list[Line]
) -> tuple[list[Found], int, list[wire.Rejected]]:
    """(new ones, how many are there already, those whose external id is taken by another row)."""
    known = _Known(tx, row, [line.read for line in lines if line.read is not None])
    new: list[Found] = []
    present = 0
    clashes: list[wire.Rejected] = []
    for line in lines:
        assert line.read is not None, "only readable lines get here"
        key, there = known.look(line.read)
        if there is None:
            clashes.append(_clash(line))
        elif there:
            present += 1
        else:
            new.append((line, key))
    known.note_seen()
    return new, present, clashes


class _Known:
    """Which rows a project has, while one group of an import is sorted out.

    External ids are looked up where the records are. A table of their digests beside it was nearly all
    that made large imports slow: each row came to another page of it.
    """

    def __init__(self, tx: Transaction, row: dict[str, Any], reads: list[Read]) -> None:
        self._tx = tx
        self._import: str = row["id"]
        self._keys = {"organization": row["organization"], "project": row["project"]}
        tx.tuples("heads", ids=[row["project"]])  # locked: or two processes could take one external id twice
        names = [read.external_id for read in reads if read.external_id is not None]
        self._records: dict[str, bytes] = {}  # external id -> the record that came with it
        if names:
            for name, record in tx.tuples("records_by_external", **self._keys, externals=names):
                self._records.setdefault(name, record)
        digests = [key_of(read, 0) for read in reads if read.external_id is None]
        self._in_runs: dict[str, int] = {}  # key -> task, of those that were found in a run of digests
        self._runs: dict[int, tuple[bytes, str]] = {}  # first task -> digests, import
        self._by: dict[str, str] = self._imports(digests) if digests else {}  # key -> import that saw it last
        self._seen: list[str] = []  # keys seen again

    def look(self, read: Read) -> tuple[str, bool | None]:
        """(key, "" where it has an external id; whether it is there, None when another has its id)."""
        if read.external_id is None:
            return self._by_bytes(read)
        return "", self._by_external(read.external_id, read.record)

    def _by_external(self, name: str, record: bytes) -> bool | None:
        before = self._records.get(name)
        if before is None:
            self._records[name] = record
            return False
        return True if before == record else None

    def _by_bytes(self, read: Read) -> tuple[str, bool]:
        """A second sight in one import is another occurrence of the same row."""
        key, occurrence = key_of(read, 0), 1
        while self._by.get(key) == self._import:
            key, occurrence = key_of(read, occurrence), occurrence + 1
            if key not in self._by:
                self._by |= self._imports([key])
        there = key in self._by
        if there:
            self._seen.append(key)
        self._by[key] = self._import
        return key, there

    def _imports(self, keys: list[str]) -> dict[str, str]:
        wanted = list(dict.fromkeys(keys))
        found = dict(self._tx.tuples("known", **self._keys, keys=wanted))
        return self._imports_of_runs([key for key in wanted if key not in found]) | found

    def _imports_of_runs(self, keys: list[str]) -> dict[str, str]:
        """Of the keys that are in runs of digests: the import that brought them."""
        runs = self._tx.digests.of(self._keys["project"])
        runs.add(self._tx.tuples("digest_runs", **self._keys, after=runs.after))
        found: dict[str, str] = {}
        digests = [digest_of(key) for key in keys]
        for i, task in runs.find(digests):  # half of a digest is the same; nearly always all of it is
            first = self._run_of(task)
            stored, import_ = self._runs[first]
            if stored[SIZE * (task - first) :][:SIZE] == digests[i]:
                found[keys[i]], self._in_runs[keys[i]] = import_, task
        return found

    def _run_of(self, task: int) -> int:
        for first, (stored, _) in self._runs.items():
            if first <= task < first + len(stored) // SIZE:
                return first
        ((first, stored, import_),) = self._tx.tuples("digest_run_of", **self._keys, task=task)
        self._runs[first] = stored, import_
        return int(first)

    def note_seen(self) -> None:
        """Keep that this import saw what was there already."""
        seen = dict.fromkeys(self._seen)
        self._tx.many(
            "see_known",
            [{**self._keys, "key": key, "seen_by": self._import} for key in seen if key not in self._in_runs],
        )
        fresh = [(key, self._in_runs[key]) for key in seen if key in self._in_runs]
        _put_known(self._tx, self._keys, self._import, fresh)


def _clash(line: Line) -> wire.Rejected:
    assert line.read is not None, "only readable lines get here"
    reason = f"Another row of the project has the external id {line.read.external_id!r}, with other content."
    return wire.Rejected(line=line.number, path="external_id", reason=reason)


def _with_gold(
    tx: Transaction, row: dict[str, Any], lines: list[Line]
) -> tuple[list[Line], dict[int, dict[str, Any]]]:
    """(the lines, those with right answers that do not fit rejected; line -> right answers as stored)."""
    mapping = encode_json(_settings(row["settings"]).mapping)
    checked, known = [], {}
    for line in lines:
        if line.read is not None and line.read.gold is not None:
            try:
                known[line.number] = gold.checked(tx, row, line.read.gold, line.read.record, mapping)
            except Invalid as error:
                line = Line(line.number, None, error.where, error.reason)
        checked.append(line)
    return checked, known


def _mark(
    tx: Transaction, at: Moment, row: dict[str, Any], found: list[tuple[int, Line, dict[str, Any]]]
) -> None:
    """Set the new tasks apart that came with right answers: for the qualification where they also came
    with a feedback, else as gold."""
    for use in gold.APART:
        marks = [
            Mark(n=n, status="open", answers=answers, feedback=line.read.feedback)
            for n, line, answers in found
            if line.read is not None and bool(line.read.feedback) == (use == "qualification")
        ]
        tx.append(marked(row["organization"], row["project"], use, marks), at)


def _write(tx: Transaction, at: Moment, row: dict[str, Any], new: list[Found]) -> int:
    """Make the tasks; the number of the first."""
    if not new:
        return 0
    project = tx.one("project", project=row["project"])
    assert project is not None, "an import follows its project"
    reads = [line.read for line, _ in new if line.read is not None]
    mapping = _settings(row["settings"]).mapping
    event = TasksImported(
        stream=row["project"],
        owner=row["organization"],
        first=project["next_task"],
        rows=tuple(read.record for read in reads),
        mapping=encode_json(mapping),
        externals=tuple(r.external_id for r in reads)
        if any(r.external_id is not None for r in reads)
        else (),
        priorities=tuple(r.priority for r in reads) if any(r.priority for r in reads) else (),
    )
    tx.append([event], at)
    keys = {"organization": row["organization"], "project": row["project"]}
    known = [(key, event.first + i) for i, (_, key) in enumerate(new) if key]
    if len(known) < RUN:
        _put_known(tx, keys, row["id"], known)
    else:
        digests = b"".join(digest_of(key) if key else NONE for _, key in new)
        tx.run("put_digest_run", **keys, first=event.first, digests=digests, brought_by=row["id"])
    return event.first


def _put_known(tx: Transaction, keys: dict[str, str], import_: str, known: Sequence[tuple[str, int]]) -> None:
    """Keep these keys, each with its task, one by one."""
    if known:
        rows = [(keys["organization"], keys["project"], key, task, import_) for key, task in known]
        tx.bulk("known", ("organization", "project", "key", "task", "import"), rows)


def forget_row(tx: Transaction, keys: dict[str, str], task: int) -> None:
    """Nothing tells any more what a task's row was; when it comes again, it is a new one."""
    tx.run("delete_known", **keys, task=task)
    for first, digests, _ in tx.tuples("digest_run_of", **keys, task=task):
        at = SIZE * (task - first)
        if at < len(digests):
            blank = digests[:at] + NONE + digests[at + SIZE :]
            tx.run("blank_digest", **keys, first=first, digests=blank)
            tx.digests.drop(keys["project"])


def _record(
    tx: Transaction,
    row: dict[str, Any],
    accepted: int,
    present: int,
    rejected: list[wire.Rejected],
    next_line: int,
) -> None:
    kept = decode_json(row["rejections"])
    kept += [msgspec.to_builtins(r) for r in rejected[: max(0, KEPT - len(kept))]]
    tx.run(
        "update_import",
        id=row["id"],
        accepted=accepted,
        present=present,
        rejected=len(rejected),
        rejections=encode_json(kept),
        next_line=next_line,
    )


# ---- files -------------------------------------------------------------------------------------


def received(tx: Transaction, at: Moment, actor: Actor, import_: str, upto: int) -> wire.Import:
    """The file's bytes up to here are on disk."""
    row = _import_row(tx, actor, import_)
    if row["state"] != "open":
        raise Refused("import.state", f"The import is {row['state']}; its file is complete.", "")
    tx.run("received_import", id=import_, received=upto)
    return get_import(tx, actor, import_)


def finish(tx: Transaction, at: Moment, actor: Actor, import_: str) -> wire.Import:
    """No more follows. With a file, reading begins (`read_file`); with rows, the import is done."""
    row = _import_row(tx, actor, import_)
    if row["state"] == "open":
        if row["bytes"] and row["received"] < row["bytes"]:
            missing = row["bytes"] - row["received"]
            raise Invalid(
                "import.incomplete", f"{missing} bytes of the file are missing.", "", "Send the rest."
            )
        tx.run("set_import_state", id=import_, state="running" if row["received"] else "done", error=None)
        tx.digests.drop(row["project"])
    return get_import(tx, actor, import_)


def read_file(lane: Lane, actor: Actor, import_: str, path: Path, blobs: Blobs, door: Door) -> wire.Import:
    """Read an uploaded file into tasks, a group of rows at a time; the job behind `finish`.

    It may be stopped at any row and run again: lines before `next_line` are passed over.
    """
    with lane.store.read() as reader:
        row = _import_row(reader, actor, import_)
        place = _place(reader, lane, actor, row, blobs, door)
        shape = Shape(place.mapping, tuple(field.name for field in _document(reader, row["project"]).fields))
    try:
        with path.open("rb") as source:
            packed = source.read(4) in MAGIC
        rows = _packed_rows if packed else _file_rows
        brings = packed or _settings(row["settings"]).fetch_media
        lines = _bounded(_checked(rows(place, path, row), shape), path.stat().st_size)
        for group in _grouped(lines, FEW if brings else MAX_ROWS):
            lane.call(take, actor, import_, group)
        lane.call(_end, import_, "done", None)
    except EvenhandError as error:
        lane.call(_end, import_, "failed", failure(error, "Import failed"))
    with lane.store.read() as reader:
        return get_import(reader, actor, import_)


def _place(reader: Reader, lane: Lane, actor: Actor, row: dict[str, Any], blobs: Blobs, door: Door) -> Place:
    document = _document(reader, row["project"])
    return Place(
        lane=lane,
        blobs=blobs,
        door=door,
        actor=actor,
        organization=row["organization"],
        project=row["project"],
        fields={field.name: field.type for field in document.fields if field.type in MEDIA},
        mapping=_settings(row["settings"]).mapping,
    )


def _document(reader: Reader, project: str) -> Document:
    """What the project says of itself in the version in force."""
    row = reader.one("project", project=project)
    assert row is not None, "an import follows its project"
    return form_of(reader, row["organization"], project, row["version"]).document


Rows = Iterator[formats.Row | formats.Rejected]


def _file_rows(place: Place, path: Path, row: dict[str, Any]) -> Rows:
    """The rows of a file that are not taken yet."""
    rows = _table_rows(path, row["name"], row)
    return gathering.fetched(place, rows) if _settings(row["settings"]).fetch_media else rows


def _packed_rows(place: Place, path: Path, row: dict[str, Any]) -> Rows:
    """The same of an archive: of the table in it, or one for each medium."""
    with Zipped(path) as archive:
        table = gathering.table_of(archive)
        if table is None:
            yield from gathering.each_file(place, archive, row["next_line"])
            return
        unpacked = gathering.unpacked(archive, table, path.parent)
        try:
            rows = gathering.with_files(place, archive, table, _table_rows(unpacked, table.name, row))
            fetch = _settings(row["settings"]).fetch_media
            yield from gathering.fetched(place, rows) if fetch else rows
        finally:
            unpacked.unlink()


def _table_rows(path: Path, name: str, row: dict[str, Any]) -> Rows:
    settings = _settings(row["settings"])
    with path.open("rb") as source:
        head = source.read(4096)
        source.seek(0)
        kind = formats.find(settings.format) if settings.format else formats.choose(name, head)
        options = formats.read_options(kind, settings.options)
        yield from (one for one in kind.read(source, options) if one.line >= row["next_line"])


def _checked(rows: Iterable[formats.Row | formats.Rejected], shape: Shape) -> Iterator[Line]:
    for row in rows:
        if isinstance(row, formats.Rejected):
            yield Line(row.line, None, row.path, row.reason)
        else:
            yield _line(row.line, row.record, shape)


def _weight(line: Line) -> int:
    """Bytes that a line comes to."""
    return TASK_BYTES + (len(line.read.record) if line.read is not None else 0)


def _bounded(lines: Iterable[Line], size: int) -> Iterator[Line]:
    """The lines, as long as they come to no more than an archive of this size may unpack to.

    A column of Parquet holds a long text once for any number of rows: 523 bytes came to two gigabytes.

    Raises:
        Invalid: they come to more.
    """
    most, made = max(ALWAYS, RATIO * size), 0
    for line in lines:
        made += _weight(line)
        if made > most:
            reason = f"The file has {size:,} bytes, and its first {line.number:,} rows come to {made:,}."
            raise Invalid("import.bomb", reason, "", "Send it in several files.")
        yield line


def _grouped(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """So many lines at once, or fewer that are long: what one verb takes is held in memory."""
    group: list[Line] = []
    weight = 0
    for line in lines:
        group.append(line)
        weight += _weight(line)
        if len(group) == size or weight > GROUP_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _end(tx: Transaction, at: Moment, import_: str, state: str, error: bytes | None) -> None:
    row = tx.one("import", id=import_)
    assert row is not None, "it was read"
    tx.run("set_import_state", id=import_, state=state, error=error)
    tx.digests.drop(row["project"])


def running(reader: Reader) -> list[tuple[str, str]]:
    """(import, project) of imports that a stop has interrupted, to be read on at start."""
    return [(id_, project) for id_, project in reader.tuples("running_imports")]
