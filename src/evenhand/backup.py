"""Backup beside a live node, and restore under a new origin of the ledger (docs/guide/operators.md).

A backup is a folder: ``database/`` from one snapshot, the data folder's files, the public log up to one
checkpoint, ``settings.json``, and ``manifest.json`` with the SHA-256 of every file. The log's key and its
signing state are never in it: who restores cannot know what was signed after the backup, and a log that
signs two trees has lied. So a restore begins a new epoch, with a new key and a new origin, whose first entry
names the last checkpoint that is known of the old one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evenhand import __version__, data_folder
from evenhand.config import Config
from evenhand.core import merkle
from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import open_checkpoint, parse_vkey
from evenhand.core.errors import Broken, Missing, Refused, Unavailable
from evenhand.core.events import Moment, NodeOpened
from evenhand.core.receipt import Promise
from evenhand.lane import now_ms
from evenhand.ledger import Ledger, PublicLog, unpack_bundle
from evenhand.node import DATABASE
from evenhand.service import first_start
from evenhand.store import Store, open_store

FORMAT = "evenhand-backup/1"
MANIFEST = "manifest.json"
FOLDERS = ("media", "imports", "exports")  # of the data folder, taken as they are
SECRET = ("admin_key", "metrics_token", "oidc", "api_key", "database_url")  # settings that stay out
CHUNK = 1 << 20

Tell = Callable[[str, int, int | None], None]  # what is done, how much of it, of how much


class File(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str  # hex


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds: ``manifest.json``, written last."""

    format: str = FORMAT
    software: str  # version of Evenhand that made it
    made_at: str  # RFC 3339, UTC
    store: str  # "sqlite" or "postgres"
    schema: int  # number of the newest migration
    epoch: int  # of the ledger
    vkey: str  # of its log
    checkpoint: str  # signed note: the last one of the log that is in the backup
    events: int  # in the database
    media: str  # "folder", or the address of the object store, which is not in the backup
    files: dict[str, File]  # path below the backup -> size and digest


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore made."""

    origin: str  # of the new log
    epoch: int  # its number
    events: int
    previous: str  # origin of the log before, served at /log/previous/<epoch - 1>
    previous_size: int  # entries of it that are proved by its last known checkpoint
    without_leaf: int  # events after that checkpoint: kept, and in no log


# ---- backup ------------------------------------------------------------------------------------


def backup(config: Config, target: Path, tell: Tell = lambda what, done, total: None) -> Manifest:
    """Write a backup, beside a live node or without one.

    Args:
        target: a folder that does not exist yet. It appears when it is complete.

    Raises:
        Refused: there is something at the target already.
        Unavailable: there is no node here, or the disk is full.
    """
    if target.exists():
        raise Refused("backup.exists", "There is something here already.", str(target), "Name a new folder.")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700, parents=True)
        manifest = _fill(config, partial, tell)
        _write(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise _disk(error, target) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def _fill(config: Config, folder: Path, tell: Tell) -> Manifest:
    """The checkpoint is noted first: then the snapshot holds every entry that it covers."""
    log = PublicLog(config.data / "ledger" / "public")
    note, vkey = log.checkpoint_note(), log.vkey()
    store = open_store(store_url(config), upto=0)
    try:
        with store.read() as reader:
            epochs = reader.tuples("epochs")
            schema = reader.tuples("migrations_done")[-1][0]
            events = reader.tuples("events_since", seq=0)[0][0]
            (folder / "database").mkdir()
            reader.db.dump(folder / "database", lambda done, total: tell("database", done, total))
    finally:
        store.close()
    _copy_log(log, note, folder / "ledger" / "public")
    _copy_folder(config.data / "ledger" / "previous", folder / "ledger" / "previous")
    for name in FOLDERS:
        _copy_folder(config.data / name, folder / name)
    _write(folder / "settings.json", msgspec.json.format(msgspec.json.encode(_settings(config))))
    return Manifest(
        software=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        store=store.dialect.name,
        schema=schema,
        epoch=epochs[-1][0],
        vkey=str(vkey),
        checkpoint=note.decode(),
        events=events,
        media=config.blobs or "folder",
        files={path: _digest(folder / path, sync=True) for path in _told(_paths(folder), tell)},
    )


def store_url(config: Config) -> str:
    """Where the tables are."""
    return config.database_url or f"sqlite:///{(config.data / DATABASE).absolute()}"


def _settings(config: Config) -> dict[str, object]:
    """The settings that the node ran with, for whoever sets up the next one; secrets stay out."""
    return {
        name: value for name, value in msgspec.to_builtins(config, enc_hook=str).items() if name not in SECRET
    }


def _copy_log(log: PublicLog, note: bytes, target: Path) -> None:
    """The public log up to one checkpoint, while its writer goes on. Partial files may be gone meanwhile, and
    are cut out of the full ones."""
    _write(target / "vkey", f"{log.vkey()}\n".encode())
    _write(target / "checkpoint", note)
    for tile in merkle.tiles_between(0, open_checkpoint(note, log.vkey()).size):
        _write(target / tile.path, log.read_tile(tile))
        if tile.level == 0:
            path = merkle.bundle_path(tile.index, tile.width)
            _write(target / path, _bundle(log, tile.index, tile.width))


def _bundle(log: PublicLog, index: int, width: int) -> bytes:
    for path in (merkle.bundle_path(index, width), merkle.bundle_path(index)):
        try:
            entries = unpack_bundle((log.folder / path).read_bytes())[:width]
        except FileNotFoundError:
            continue
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    raise Broken("ledger.bundle", "An entry bundle is missing or altered.", str(index))


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder that lives: what is still being written (a dot in front) is no part of it yet."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(path, copy)
            except FileNotFoundError:
                continue  # an import that has just been read, or an export that was dropped


# ---- verify ------------------------------------------------------------------------------------


def read_manifest(source: Path) -> Manifest:
    """What a backup says of itself.

    Raises:
        Missing: this is no backup.
        Broken: its manifest cannot be read.
        Unavailable: a newer program made it.
    """
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        remedy = "Name the folder that `evenhand backup` wrote."
        raise Missing("backup.missing", "There is no complete backup here.", str(source), remedy) from error
    except msgspec.MsgspecError as error:
        reason = f"The manifest cannot be read: {error}."
        raise Broken("backup.manifest", reason, str(source / MANIFEST), "Take another backup.") from error
    if manifest.format != FORMAT:
        reason = f"This is a backup of the kind {manifest.format}."
        raise Unavailable("backup.newer", reason, str(source), "Use a newer Evenhand.")
    return manifest


def verify(source: Path, tell: Tell = lambda what, done, total: None) -> list[str]:
    """Compare every file of a backup with its digest; gives what is wrong, nothing when all is well.

    Raises:
        Missing: this is no backup.
    """
    expected = read_manifest(source).files
    found = set(_paths(source)) - {MANIFEST}
    faults = [f"{path} is not in the manifest." for path in sorted(found - set(expected))]
    for path in _told(sorted(expected), tell):
        if path not in found:
            faults.append(f"{path} is missing.")
        elif _digest(source / path) != expected[path]:
            faults.append(f"{path} has other bytes than the manifest says.")
    return faults


# ---- restore -----------------------------------------------------------------------------------


def restore(config: Config, source: Path, tell: Tell = lambda what, done, total: None) -> Restored:
    """Make a node out of a backup: in an empty data folder, with an empty database, under a new origin.

    Raises:
        Refused: folder or database is not empty, or the backup is of the other kind of store.
        Broken: the backup is damaged.
        Missing: this is no backup.
    """
    manifest = read_manifest(source)
    faults = verify(source, tell)
    if faults:
        remedy = "Take another backup, or another copy of this one."
        raise Broken("backup.damaged", " ".join(faults[:3]), str(source), remedy)
    _check_place(config, manifest)
    with data_folder.lock(config.data):
        (config.data / data_folder.RESTORING).touch()
        _sync(config.data)
        try:
            _restore_files(config, source, manifest)
            store = _load(store_url(config), source / "database", manifest.schema)
            try:
                restored = _open_epoch(config, store, manifest)
            finally:
                store.close()
        except OSError as error:
            raise _disk(error, config.data) from error
        (config.data / data_folder.RESTORING).unlink()
        _sync(config.data)
    return restored


def _check_place(config: Config, manifest: Manifest) -> None:
    wanted = "postgres" if config.database_url else "sqlite"
    if wanted != manifest.store:
        raise Refused(
            "restore.store",
            f"The backup is of a {manifest.store} store, and the settings name {wanted}.",
            "EVENHAND_DATABASE_URL",
            "Set it to an empty PostgreSQL database, or unset it for SQLite, as the backup needs.",
        )
    if config.data.exists() and {path.name for path in config.data.iterdir()} - {"lock"}:
        remedy = "Set EVENHAND_DATA to a new folder. Nothing is ever restored over a node."
        raise Refused("restore.not-empty", "The data folder is not empty.", str(config.data), remedy)


def _restore_files(config: Config, source: Path, manifest: Manifest) -> None:
    """The folders; the log of the backup becomes a previous one."""
    previous = config.data / "ledger" / "previous"
    _copy_folder(source / "ledger" / "previous", previous)
    _copy_folder(source / "ledger" / "public", previous / str(manifest.epoch))
    for name in FOLDERS:
        _copy_folder(source / name, config.data / name)
    for path in _paths(config.data):
        _sync(config.data / path)


def _load(url: str, folder: Path, schema: int) -> Store:
    """Put the tables in, in the schema that they had, then bring it up to date."""
    store = open_store(url, upto=schema)
    try:
        _check_empty(store, schema)
        store.writer.load(folder)
    finally:
        store.close()
    return open_store(url)


def _check_empty(store: Store, schema: int) -> None:
    with store.read() as reader:
        used = reader.tuples("epochs") or reader.tuples("max_seq")[0][0]
        newest = reader.tuples("migrations_done")[-1][0]
    if used or newest != schema:
        remedy = "Make a new database and name it in EVENHAND_DATABASE_URL."
        raise Refused("restore.not-empty", "The database is not empty.", "EVENHAND_DATABASE_URL", remedy)


def _open_epoch(config: Config, store: Store, manifest: Manifest) -> Restored:
    """A new log, and in it the first event, which names the last known checkpoint of the old one."""
    ledger = Ledger.open(config.data / "ledger")
    ledger.close()
    old = open_checkpoint(manifest.checkpoint.encode(), parse_vkey(manifest.vkey))
    opened = NodeOpened(stream="node", software=f"evenhand:{__version__}", previous=checkpoint_hash(old.text))
    store.writer.begin()
    tx = store.transaction(_Opening(ledger.origin), now_ms())
    last, (_, _, began, _) = tx.tuples("max_seq")[0][0], tx.tuples("epochs")[-1]
    without_leaf = tx.tuples("events_since", seq=began)[0][0] - old.size
    number = manifest.epoch + 1
    tx.run("put_epoch", number=number, origin=ledger.origin, after_seq=last, checkpoint=manifest.checkpoint)
    # The key that lay in the old data folder: whoever still has that folder must not get in here with it.
    tx.run("delete_keys_bound", person=first_start.local_person(tx), organization="")
    tx.append([opened], Moment(ms=tx.now))
    store.writer.commit()
    return Restored(
        origin=ledger.origin,
        epoch=number,
        events=manifest.events,
        previous=old.origin,
        previous_size=old.size,
        without_leaf=without_leaf,
    )


def checkpoint_hash(text: str) -> str:
    """What a new log calls the last checkpoint of the old: SHA-256 of its text, base64url without padding."""
    return b64url(hashlib.sha256(text.encode()).digest())


class _Opening:
    """A node that has an origin and promises nothing yet."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def promise(self, leaf_hashes: list[bytes], at_ms: int) -> list[Promise]:
        """Nobody submits during a restore."""
        return []

    @property
    def draw_key(self) -> bytes:
        """No pool decides during a restore."""
        return b""

    def draw(self, alpha: bytes) -> bytes:
        """No pool decides during a restore."""
        return b""


# ---- files -------------------------------------------------------------------------------------


def _paths(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _told(paths: list[str], tell: Tell) -> Iterator[str]:
    for done, path in enumerate(paths):
        tell("files", done, len(paths))
        yield path


def _digest(path: Path, sync: bool = False) -> File:
    """Size and digest of what is on the disk; with `sync` it will outlive a power cut."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
        if sync:
            os.fsync(file.fileno())
    return File(size, digest.hexdigest())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk(error: OSError, path: Path) -> Unavailable:
    return Unavailable(
        "backup.disk", f"The disk does not take it: {error.strerror}.", str(path), "Check room and rights."
    )
