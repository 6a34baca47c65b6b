"""The routes that carry bytes: rows, files, media, exports, proofs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from evenhand import restoring, wire
from evenhand.core.checkpoint import encode_proof
from evenhand.core.errors import Missing, Unavailable
from evenhand.core.events import MAX_ROWS
from evenhand.core.policy import Actor, Membership
from evenhand.http.call import Call
from evenhand.http.problems import Turned, decoded
from evenhand.node import Node
from evenhand.service import archive, exports, intake, media, pay, quality, restores
from evenhand.service.ledger_port import find_leaf
from evenhand.service.view import is_number

INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""What a medium or an export may do when somebody opens it by itself: nothing."""


# ---- import ------------------------------------------------------------------------------------


async def rows(call: Call) -> wire.RowsReport:
    """POST /imports/{import}/rows."""
    actor, id_ = call.signed_in.actor, call.params[0]
    shape = await call.read(intake.shape_of, actor, id_)
    lines = await call.in_thread(
        intake.read_lines, await call.body(), call.query["line"], shape.mapping, shape.fields
    )
    total = await call.app.node.lane.write(intake.take, actor, id_, [])
    for group in intake.groups(lines):
        report = await call.app.node.lane.write(intake.take, actor, id_, group)
        total = _sum(total, report)
    return total


def _sum(a: wire.RowsReport, b: wire.RowsReport) -> wire.RowsReport:
    return wire.RowsReport(
        accepted=a.accepted + b.accepted,
        present=a.present + b.present,
        rejected=a.rejected + b.rejected,
        next_line=b.next_line,
    )


async def file_chunk(call: Call) -> wire.Import:
    """PUT /imports/{import}/file."""
    actor, id_, offset = call.signed_in.actor, call.params[0], call.query["offset"]
    known = await call.read(intake.get_import, actor, id_)
    body = await call.body()
    if offset > known.received:
        raise Turned(
            409,
            "import.offset",
            f"The file is here up to byte {known.received}, not {offset}.",
            "offset",
            "Send from there.",
        )
    if known.state == "open":
        await call.in_thread(_write_at, _import_path(call.app.node, id_), offset, body)
    return await call.app.node.lane.write(
        intake.received, actor, id_, max(known.received, offset + len(body))
    )


def _write_at(path: Path, offset: int, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, body, offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(
            "disk.full", f"The file cannot be stored: {error.strerror}.", "", "Free some room."
        ) from error


async def finish_import(call: Call) -> wire.Import:
    """POST /imports/{import}/finish."""
    actor, id_ = call.signed_in.actor, call.params[0]
    before = await call.read(intake.get_import, actor, id_)
    after = await call.app.node.lane.write(intake.finish, actor, id_)
    if before.state == "open" and after.state == "running":
        _read_file(call.app.node, id_, after.project_id)
    elif before.state == "open":
        node = call.app.node
        node.run_job(_owner(node, "project", project=after.project_id), _take_stock, node, after)
    return after


def _take_stock(node: Node, done: wire.Import) -> None:
    """After a large import. A command without a node is one itself, and ends before the server notices."""
    if done.accepted >= MAX_ROWS:
        node.store.take_stock()


def _read_file(node: Node, id_: str, project: str) -> None:
    with node.store.read() as reader:
        row = reader.one("project", project=project)
        fetches = intake.fetches_media(reader, id_)
    assert row is not None, "an import follows its project"
    path = _import_path(node, id_)

    def job() -> None:
        reader = _reader_for(row["organization"])
        done = intake.read_file(node.lane, reader, id_, path, node.blobs, node.door)
        if done.state != "running":
            path.unlink(missing_ok=True)
        _take_stock(node, done)

    (node.run_outside if fetches else node.run_job)(row["organization"], job)


def _reader_for(organization: str) -> Actor:
    """Who an import is read for. It was allowed when it was finished; nobody's later leave stops it."""
    member = Membership(organization=organization, member="", role="manager")
    return Actor(person="", name="import", memberships=(member,))


def _import_path(node: Node, id_: str) -> Path:
    return node.config.data / "imports" / id_


# ---- media -------------------------------------------------------------------------------------


async def put_blob(call: Call) -> wire.Blob:
    """POST /projects/{project}/blobs."""
    actor, project = call.signed_in.actor, call.params[0]
    organization = await call.read(media.owner_of, actor, project)
    upload = await call.in_thread(call.app.node.blobs.upload, organization)
    try:
        async for chunk in call.chunks():
            await call.in_thread(upload.write, chunk)
        blob = await call.in_thread(media.kept, upload, call.headers.get("content-type", ""))
    finally:
        upload.drop()
    await call.app.node.lane.write(media.put, actor, project, blob)
    return blob


async def medium(call: Call) -> Response:
    """GET /tasks/{task}/media/{field}."""
    task, field = call.params
    found = await call.read(media.find, call.signed_in.actor, task, field)
    size = await call.in_thread(call.app.node.blobs.size, found.organization, found.sha256)
    start, end, partial = _range(call.headers.get("range"), size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": "attachment",
        "Content-Security-Policy": INERT,
        "ETag": f'"{found.sha256}"',
        # In the browser's cache it belongs to a session: the next person does not find it there.
        "Cache-Control": "private, max-age=3600",
        "Vary": "Cookie, Authorization",
    }
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    elif call.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers={"ETag": headers["ETag"]})
    pieces = call.app.node.blobs.read(found.organization, found.sha256, start, end)
    return StreamingResponse(
        pieces, status_code=206 if partial else 200, headers=headers, media_type=found.type
    )


def _range(header: str | None, size: int) -> tuple[int, int, bool]:
    """(start, end excluded, whether it is a part) of a Range header with one range (RFC 9110, 14.2).

    Raises:
        Turned: 416, the range lies outside.
    """
    unit, _, spec = (header or "").partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or not is_number(first + last):
        return 0, size, False
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= size or end <= start:
        raise Turned(
            416, "range", f"The medium has {size} bytes.", "Range", "", {"Content-Range": f"bytes */{size}"}
        )
    return start, end, True


# ---- export ------------------------------------------------------------------------------------


async def start_export(call: Call) -> wire.Export:
    """POST /projects/{project}/exports."""
    request = decoded(_new_export, await call.body())
    export = await call.app.node.lane.write(exports.start, call.signed_in.actor, call.params[0], request)
    _run_export(call.app.node, export.id)
    return export


_new_export = msgspec.json.Decoder(wire.NewExport).decode


def _run_export(node: Node, id_: str) -> None:
    folder, owner = _export_folder(node), _owner(node, "export", id=id_)
    node.run_job(owner, exports.run, node.lane, id_, folder, node.checkpoint, node.blobs)


def _owner(node: Node, query: str, **key: str) -> str:
    """The organization that this belongs to."""
    with node.store.read() as reader:
        row = reader.one(query, **key)
    assert row is not None, "it was just begun"
    return str(row["organization"])


async def start_archive(call: Call) -> wire.Export:
    """POST /projects/{project}/archive."""
    request = decoded(_new_archive, await call.body())
    export = await call.app.node.lane.write(archive.start, call.signed_in.actor, call.params[0], request)
    _run_archive(call.app.node, export.id)
    return export


_new_archive = msgspec.json.Decoder(wire.NewArchive).decode


def _run_archive(node: Node, id_: str) -> None:
    parts = archive.Parts(node.blobs, node.public, node.epoch, node.origin, node.sign_note)
    node.run_job(_owner(node, "export", id=id_), archive.run, node.lane, id_, _export_folder(node), parts)


async def archive_chunk(call: Call) -> wire.Restore:
    """PUT /restores/{restore}/file."""
    actor, id_, offset = call.signed_in.actor, call.params[0], call.query["offset"]
    known = await call.read(restores.get, actor, id_)
    body = await call.body()
    if offset > known.received:
        what = f"The archive is here up to byte {known.received}, not {offset}."
        raise Turned(409, "archive.offset", what, "offset", "Send from there.")
    if known.state != "open":
        return known
    if offset + len(body) <= known.bytes:
        await call.in_thread(_write_at, _restore_path(call.app.node, id_), offset, body)
    upto = max(known.received, offset + len(body))
    restore = await call.app.node.lane.write(restores.received, actor, id_, upto)
    if restore.state == "running":
        _run_restore(call.app.node, id_)
    return restore


def _run_restore(node: Node, id_: str) -> None:
    owner = _owner(node, "restore", id=id_)
    node.run_job(owner, restoring.run, node.lane, node.blobs, id_, _restore_path(node, id_))


def _restore_path(node: Node, id_: str) -> Path:
    return node.config.data / "restores" / id_


def _export_folder(node: Node) -> Path:
    return node.config.data / "exports"


async def export_file(call: Call) -> Response:
    """GET /exports/{export}/files/{name}."""
    folder = _export_folder(call.app.node)
    path = await call.read(exports.file_path, call.signed_in.actor, *call.params, folder)
    return FileResponse(path, filename=path.name, headers={"Content-Security-Policy": INERT})


async def export_zip(call: Call) -> Response:
    """GET /exports/{export}/zip."""
    actor, id_ = call.signed_in.actor, call.params[0]
    export = await call.read(exports.get, actor, id_)
    if export.state != "done":
        raise Missing("not-found", "The export is not finished.", id_, "Wait until its state is done.")
    folder = _export_folder(call.app.node)
    paths = [await call.read(exports.file_path, actor, id_, name, folder) for name in export.files]
    headers = {
        "Content-Disposition": f'attachment; filename="{id_}.zip"',
        "Content-Security-Policy": INERT,
    }
    return StreamingResponse(_zipped(paths), headers=headers, media_type="application/zip")


class _Sink(io.RawIOBase):
    """Where `zipfile` writes: what has come and was not sent yet."""

    def __init__(self) -> None:
        self.pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pending += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self.pending)
        self.pending.clear()
        return taken


def _zipped(paths: list[Path]) -> Iterator[bytes]:
    """All files in one ZIP, piece by piece: its size is not known before, nor held in memory."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for path in paths:
            with path.open("rb") as source, archive.open(path.name, "w", force_zip64=True) as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()


# ---- pay ---------------------------------------------------------------------------------------


async def pay_table(call: Call) -> Response:
    """GET /projects/{project}/pay/table."""
    text = await call.read(pay.table, call.signed_in.actor, *call.params)
    headers = {"Content-Disposition": 'attachment; filename="pay.csv"', "Cache-Control": "private, no-store"}
    return PlainTextResponse(text, media_type="text/csv", headers=headers)


# ---- proofs ------------------------------------------------------------------------------------


async def proof(call: Call) -> Response:
    """GET /receipts/{stream}/{n}."""
    stream, n = call.params
    if not n.isascii() or not n.isdigit() or len(n) > 15:
        raise Missing("not-found", "There is no such entry.", n)
    text = await call.in_thread(_proof, call.app.node, stream, int(n))
    return PlainTextResponse(text, headers={"Cache-Control": "private, max-age=3600"})


def _proof(node: Node, stream: str, n: int) -> bytes:
    with node.store.read() as reader:
        leaf = find_leaf(reader, stream, n)
    if leaf is None:
        raise Missing("not-found", "There is no such entry.", f"{stream}/{n}")
    earlier = leaf.epoch < node.epoch
    log = node.public.previous(leaf.epoch) if earlier else node.public
    try:
        if leaf.index is not None:
            return encode_proof(log.prove_inclusion(leaf.index))
    except Missing:
        pass  # it has a leaf, and no checkpoint covers it
    if earlier:
        raise Missing(
            "proof.lost",
            "The entry was committed after the last checkpoint of an earlier log that the backup held.",
            f"{stream}/{n}",
            "A checkpoint and tiles of that log that somebody else kept can still prove it.",
        )
    raise Unavailable("proof.not-yet", "The entry is not in a checkpoint yet.", "", "Try again in a second.")


# ---- quality -----------------------------------------------------------------------------------


async def start_quality(call: Call) -> wire.Quality:
    """POST /projects/{project}/quality."""
    node, actor, project = call.app.node, call.signed_in.actor, call.params[0]
    if await node.lane.write(quality.start, actor, project):
        _run_quality(node, project)
    with node.store.read() as reader:
        return quality.get(reader, actor, project)


def _run_quality(node: Node, project: str) -> None:
    node.run_job(_owner(node, "project", project=project), quality.run, node.lane, project)


# ---- at start ----------------------------------------------------------------------------------


def resume(node: Node) -> None:
    """Take up the imports and exports that a stop has interrupted."""
    with node.store.read() as reader:
        imports, unfinished = intake.running(reader), exports.running(reader)
        readings, returning = quality.running(reader), restores.running(reader)
    for id_, project in imports:
        _read_file(node, id_, project)
    for id_, settings in unfinished:
        (_run_archive if exports.format_of(settings) == archive.NAME else _run_export)(node, id_)
    for project in readings:
        _run_quality(node, project)
    for id_ in returning:
        _run_restore(node, id_)
