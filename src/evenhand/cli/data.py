"""Commands that bring data in and take it out."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evenhand import config
from evenhand.cli.frame import SHOWN_REJECTIONS, as_json, commands, progress, say
from evenhand.cli.options import existing, literal, pairs, reading, reading_options
from evenhand.cli.reach import connected, find_project

if TYPE_CHECKING:
    from evenhand.peers import Options, Peer
    from evenhand.sdk import Report


OF_PEER = ("config_file", "name", "overlap", "into", "token", "media", "accept_loss")  # go with --from


@commands.command("import")
@click.argument("sources", metavar="PROJECT FILES...", nargs=-1, required=True)
@reading_options
@click.option(
    "--from", "peer", metavar="TOOL", help="FILES are a project of another tool, such as label-studio."
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="That tool's own configuration."
)
@click.option("--name", help="Name of the project to make; without it, the file's.")
@click.option(
    "--overlap", type=click.IntRange(1, 100), help="Answers for each task; without it, as many as most have."
)
@click.option(
    "--into", metavar="PROJECT", help="Fill this project; without it, the one of that name, or a new one."
)
@click.option("--token", help="That tool's API key, when FILES is the address of a project.")
@click.option(
    "--media",
    type=click.Path(path_type=Path),
    help="Folder or ZIP archive with that tool's images and sounds.",
)
@click.option("--accept-loss", is_flag=True, help="Go on although not everything fits.")
@click.option(
    "--fetch-media", is_flag=True, help="The node fetches the web addresses in fields of images and sounds."
)
@as_json
def import_(sources: tuple[str, ...], machine: bool, **given: Any) -> int:
    """Import FILES into PROJECT. Rows that are there already are left alone.

    A ZIP archive brings images and sounds: with a table in it, those that its rows name; without one,
    each as a task.

    With --from, a whole project of another tool comes in: questions, tasks, answers, who gave them and
    when. What does not fit is said before anything is written.

    Exits with 1 when rows were rejected; the others are in.

    \b
    evenhand import messages more.csv
    evenhand import street photos.zip
    evenhand import --from label-studio export.json --config config.xml --media photos.zip
    evenhand import --from label-studio https://labels.example.org/projects/7 --token …
    """
    of_peer = {key: given.pop(key) for key in OF_PEER}
    if tool := given.pop("peer"):
        if given["fetch_media"]:
            raise click.UsageError("--fetch-media does not go with --from.")
        return _import_from(tool, sources, machine, **of_peer)
    if any(of_peer.values()):
        raise click.UsageError(
            "--config, --name, --overlap, --into, --token, --media and --accept-loss go with --from."
        )
    if len(sources) < 2:
        raise click.UsageError("Name a project and at least one file.")
    return _import_files(sources[0], [existing(Path(source)) for source in sources[1:]], machine, given)


def _import_files(project: str, files: Sequence[Path], machine: bool, given: dict[str, Any]) -> int:
    """Files into a project that is there."""
    fetch_media = given.pop("fetch_media")
    format, options, mapping = reading(given)
    reports = {}
    with connected() as client:
        found = find_project(client, project)
        for file in files:
            with progress(file.name, "bytes") as tell:
                reports[str(file)] = client.import_tasks(
                    found.id,
                    file,
                    tell,
                    format=format,
                    mapping=mapping,
                    options=options,
                    fetch_media=fetch_media,
                )
    say(machine, reports, "\n".join(f"{file}: {import_words(report)}" for file, report in reports.items()))
    return 1 if any(report.rejected_count for report in reports.values()) else 0


def _import_from(
    tool: str,
    sources: Sequence[str],
    machine: bool,
    config_file: Path | None,
    into: str | None,
    token: str | None,
    media: Path | None,
    accept_loss: bool,
    **kept: Any,
) -> int:
    """A whole project of another tool."""
    from evenhand import moving, peers
    from evenhand.peers.media import Media

    peer = peers.find(tool)
    options = peers.Options(
        config=existing(config_file) if config_file else None,
        media=existing(media) if media and not media.is_dir() else media,
        **kept,
    )
    with tempfile.TemporaryDirectory(prefix="evenhand-") as folder:
        files, options = _gathered(peer, sources, token or "", Path(folder), options)
        with Media(options.media) as found:
            brought = found.look(peers.read(peer, files, options))
            if brought.lost and not _goes_on(moving.losses(brought.lost), accept_loss):
                click.echo("Nothing was written. --accept-loss goes on.", err=True)
                return 1
            with connected() as client, progress(peer.title, "tasks") as tell:
                project = find_project(client, into).id if into else None
                moved = moving.move(client, brought, project, tell, found)
    say(machine, moved, moving.words(moved, SHOWN_REJECTIONS))
    return 1 if moved.rejected else 0


def _gathered(
    peer: Peer, sources: Sequence[str], token: str, folder: Path, options: Options
) -> tuple[list[Path], Options]:
    """The files of a project of another tool: those that are named, or fetched from its address."""
    from evenhand.outbound import Door

    if sources[0].startswith(("http://", "https://")):
        return peer.fetch(Door(config.read().outbound_hosts), sources[0], token, folder, options)
    return [Path(s) if Path(s).is_dir() else existing(Path(s)) for s in sources], options


def _goes_on(losses: str, accepted: bool) -> bool:
    """Whether whoever calls wants to go on without what does not fit."""
    click.echo(f"What does not fit here:\n{losses}", err=True)
    return accepted or (sys.stdin.isatty() and click.confirm("Go on without it?", err=True))


def import_words(report: Report) -> str:
    """An import for a person."""
    head = f"{report.accepted:,} new, {report.present:,} there already, {report.rejected_count:,} rejected."
    shown = [
        f"  line {row}: {f'{path}: ' if path else ''}{why}"
        for row, path, why in report.rejected[:SHOWN_REJECTIONS]
    ]
    more = report.rejected_count - len(shown)
    return "\n".join([head, *shown, *([f"  and {more:,} more; --json lists them"] if more > 0 else [])])


@commands.command()
@click.argument("project", required=False)
@click.option("--format", default="jsonl", show_default=True, help="Format to write.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to make; without it, the project's name."
)
@click.option("--since", metavar="EXPORT", help="Only what is new since this export.")
@click.option("--accept-loss", is_flag=True, help="Go on although the format cannot carry everything.")
@click.option("--surplus", is_flag=True, help="With the answers outside the overlap, marked.")
@click.option("--replace", is_flag=True, help="Put the new folder in the place of an old one.")
@click.option("--option", "extra", metavar="K=V", multiple=True, help="An option of the format.")
@as_json
def export(
    project: str | None,
    format: str,
    out: Path | None,
    since: str | None,
    accept_loss: bool,
    surplus: bool,
    replace: bool,
    extra: tuple[str, ...],
    machine: bool,
) -> None:
    """Write the labels of PROJECT to a folder.

    PROJECT is an id or a name; it is not needed when there is one.
    """
    from evenhand.label_file import identifier

    options = {key: literal(value) for key, value in pairs(extra, "--option").items()}
    with connected() as client:
        found = find_project(client, project)
        target = out or Path(f"{identifier(found.document.name) or found.id}-labels")
        with progress("Exporting", "tasks") as tell:
            manifest = client.export(
                found.id,
                format,
                target,
                since=since,
                accept_loss=accept_loss,
                surplus=surplus,
                options=options,
                replace=replace,
                on_progress=tell,
            )
    counts = ", ".join(f"{count:,} {what}" for what, count in manifest.counts.items())
    say(machine, manifest, f"{target}: {counts}, in {len(manifest.files)} file(s); every digest checked.")
