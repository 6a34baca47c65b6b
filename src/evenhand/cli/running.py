"""Commands that run a node and care for its store: up, serve, migrate, backup, restore, doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from evenhand import config
from evenhand.cli.frame import as_json, commands, no_browser, progress, say
from evenhand.cli.reach import Reached, show_link, until_asked_to_end
from evenhand.config import Config
from evenhand.core.errors import Missing
from evenhand.core.words import counted


@commands.command()
@click.option("--host", help="Address to listen on (EVENHAND_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (EVENHAND_PORT).")
@no_browser
def up(host: str | None, port: int | None, no_browser: bool) -> None:
    """Run a node on the folder EVENHAND_DATA.

    Server and worker in one process.
    """
    from evenhand.http import server

    def ready(url: str, public_url: str) -> None:
        settings = node_settings(host, port)
        from evenhand import data_folder
        from evenhand.sdk import Client

        with Client(url, data_folder.key(settings.data)) as client:
            show_link(
                Reached(client, public_url, True),
                "/",
                not no_browser,
                f"Evenhand runs at {public_url}. Sign in:",
            )

    server.run(node_settings(host, port), on_ready=ready)


@commands.command()
@click.option("--host", help="Address to listen on (EVENHAND_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (EVENHAND_PORT).")
def serve(host: str | None, port: int | None) -> None:
    """Run one of several server processes.

    On PostgreSQL; `evenhand worker` does the long jobs.
    """
    from evenhand.http import server

    server.run(node_settings(host, port))


@commands.command()
def worker() -> None:
    """Run the sequencing and the long jobs.

    Beside one or several `evenhand serve`.
    """
    from evenhand.http import server

    app = server.build(config.read())
    try:
        click.echo("The worker runs. Ctrl-C stops it.")
        until_asked_to_end()
    finally:
        app.node.close()


@commands.command()
def migrate() -> None:
    """Bring the store up to this version and stop. `up` and `serve` do so by themselves."""
    from evenhand import data_folder
    from evenhand.store import open_store

    settings = config.read()
    with data_folder.lock(settings.data):
        open_store(store_url(settings)).close()
    click.echo("The store is up to date.")


@commands.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@as_json
def backup_(path: Path, machine: bool) -> None:
    """Write a backup to the new folder PATH, beside a live node. The ledger's signing state is not in it."""
    from evenhand.backup import backup

    with steps() as tell:
        made = backup(config.read(), path, tell)
    media = "" if made.media == "folder" else f" Media are in {made.media} and not in the backup."
    held = f"{counted(made.events, 'event')}, {counted(len(made.files), 'file')}"
    text = f"{path}: {held}, ledger epoch {made.epoch}.{media}"
    say(machine, {"path": str(path), "events": made.events, "files": len(made.files)}, text)


@commands.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@as_json
def restore_(path: Path, machine: bool) -> None:
    """Make a node out of the backup at PATH.

    In an empty EVENHAND_DATA, with an empty database. Its ledger gets a new origin that names the last
    checkpoint of the old log, which stays readable.
    """
    from evenhand.backup import restore

    with steps() as tell:
        done = restore(config.read(), path, tell)
    text = [
        f"{done.events:,} events are back. The ledger goes on as {done.origin}.",
        f"The old log, {done.previous}, stays readable at /log/previous/{done.epoch - 1}: "
        f"{done.previous_size:,} entries.",
    ]
    if done.without_leaf:
        text.append(
            f"{done.without_leaf:,} events came after its last checkpoint in the backup: they are kept, "
            "and no log here proves them."
        )
    say(machine, done, "\n".join(text))


@contextmanager
def steps() -> Iterator[Callable[[str, int, int | None], None]]:
    """Progress of something that has several parts, on a terminal."""
    with progress("Working", "done") as tell:
        yield lambda what, done, total: tell(done, total) if tell else None


def check_backup(path: Path, machine: bool) -> int:
    """What `doctor --backup` says."""
    from evenhand.backup import verify

    with steps() as tell:
        faults = verify(path, tell)
    text = [*faults[:20], f"{len(faults):,} findings." if faults else "Every file has its digest."]
    say(machine, faults, "\n".join(text))
    return 1 if faults else 0


@commands.command()
@click.option("--backup", "path", type=click.Path(path_type=Path), help="Check the digests of this backup.")
@as_json
def doctor(path: Path | None, machine: bool) -> int:
    """Rebuild every table from the events and compare. Works beside a node; exits with 1 on a finding."""
    from evenhand import doctor as clinic
    from evenhand.store import open_store

    if path is not None:
        return check_backup(path, machine)
    store = open_store(existing_store(config.read()))
    try:
        with store.read() as reader:
            epochs = reader.tuples("epochs")
        if not epochs:
            raise Missing(
                "doctor.empty", "This store was never begun.", "EVENHAND_DATA", "Run `evenhand up` first."
            )
        with progress("Reading events", "events") as tell:
            report = clinic.examine(store, epochs[-1][1], lambda done: tell(done, None) if tell else None)
    finally:
        store.close()
    text = [f"{counted(report.events, 'event')}, {counted(sum(report.rows.values()), 'row')} compared."]
    text += [
        *report.faults,
        *(f"{d.table} {d.key}: {d.found}; expected {d.expected}" for d in report.differences),
    ]
    text.append("Nothing is wrong." if report.healthy else "The store and its events contradict each other.")
    say(machine, report, "\n".join(text))
    return 0 if report.healthy else 1


def store_url(settings: Config) -> str:
    """Where the tables are."""
    from evenhand.node import DATABASE

    return settings.database_url or f"sqlite:///{(settings.data / DATABASE).absolute()}"


def existing_store(settings: Config) -> str:
    """The same, for a command that must not make a new one.

    Raises:
        Missing: there is none.
    """
    from evenhand.node import DATABASE

    if settings.database_url is None and not (settings.data / DATABASE).is_file():
        remedy = "Set EVENHAND_DATA to the folder of a node."
        raise Missing("store.missing", "There is no store in this folder.", str(settings.data), remedy)
    return store_url(settings)


def node_settings(host: str | None, port: int | None) -> Config:
    """The settings, with what the command line says on top."""
    settings = config.read()
    return msgspec.structs.replace(
        settings, host=host or settings.host, port=settings.port if port is None else port
    )
