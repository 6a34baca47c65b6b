"""From a file to labelling in one command, and the demonstration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evenhand import config
from evenhand.cli.data import import_words
from evenhand.cli.frame import commands, no_browser, progress
from evenhand.cli.options import (
    WithQuestions,
    asked_of,
    project_draft,
    project_yaml,
    reading,
    reading_options,
    text_of,
)
from evenhand.cli.projects import project_words
from evenhand.cli.reach import reach_for_people, show_link, stay
from evenhand.core.project import MEDIA

if TYPE_CHECKING:
    from evenhand import wire
    from evenhand.label_file import Asked


@commands.command(cls=WithQuestions)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--question", "titles", metavar="TEXT", multiple=True, help="What to ask; once for each answer option."
)
@click.option("--name", help="Name of the project; without it the file's name and the question.")
@click.option("--show", metavar="A,B", help="Columns to show; without it, all that people can read.")
@click.option("--instructions", type=click.Path(path_type=Path), help="Markdown file with the instructions.")
@click.option(
    "--overlap", type=click.IntRange(1, 100), default=1, show_default=True, help="Answers for each record."
)
@click.option(
    "--config", "project_file", type=click.Path(path_type=Path), help="YAML file with the whole project."
)
@reading_options
@no_browser
@click.pass_context
def label(
    ctx: click.Context, /, file: Path, project_file: Path | None, no_browser: bool, **given: Any
) -> None:
    """Label FILE in the browser.

    Makes a project, imports the file and opens the first record. FILE is a table, or a folder of images or of
    sounds. The same command again goes on where it stopped, and adds what is new.

    \b
    evenhand label messages.csv --question "Is it spam?" --choices ham,spam
    evenhand label posts.jsonl --spans PER,LOC,ORG
    evenhand label pairs.jsonl --pairwise answer_a,answer_b
    evenhand label photos/ --boxes cat,dog
    """
    from evenhand import label_file

    format, options, mapping = reading(given)
    file = file.resolve() if file.is_dir() else file  # "." has no name of its own
    records = label_file.sample(_renamed(label_file.read(file, format, options), mapping), file)
    found = label_file.columns(records, label_file.folder_of(file))
    draft = _draft(asked_of(ctx), file, project_file, given, found, records)
    with reach_for_people(config.read()) as reached:
        project = label_file.find_project(reached.client, file, draft)
        fresh = project is None
        project = project or reached.client.create(draft)
        media = [column.name for column in found if column.type in MEDIA]
        with progress("Importing", "") as tell:
            report = label_file.send(reached.client, project.id, file, format, options, mapping, media, tell)
        click.echo(("Made" if fresh else "Found") + f" the project {project.document.name!r} ({project.id}).")
        click.echo(import_words(report))
        show_link(reached, f"/annotate/{project.id}", not no_browser, "Label here:")
        click.echo(f"Write the labels with:\n\n  evenhand export {project.id} --out {_beside(file)}\n")
        stay(reached)


def _renamed(rows: Iterator[Any], mapping: Mapping[str, str]) -> Iterator[Any]:
    """The rows as the import will see them."""
    from evenhand import formats
    from evenhand.core import record

    for row in rows:
        if mapping and isinstance(row, formats.Row):
            yield formats.Row(row.line, record.rename(row.record, mapping))
        else:
            yield row


def _draft(
    asked: Sequence[Asked],
    file: Path,
    project_file: Path | None,
    given: Mapping[str, Any],
    found: Sequence[Any],
    records: Sequence[Mapping[str, Any]],
) -> wire.ProjectDraft:
    """The project that the options, or the YAML file, describe."""
    from evenhand import label_file

    if not asked and project_file is None:
        raise click.UsageError(
            "Say what the answers look like, as in --choices ham,spam; see `evenhand label --help`."
        )
    if len(given["titles"]) > max(len(asked), 1):
        raise click.UsageError("There are more --question than answer options.")
    show = given["show"].split(",") if given["show"] else []
    fields = label_file.fields(found, show, label_file.given_away(records, asked))
    questions = label_file.questions(asked, given["titles"], fields, found)
    title = questions[0]["title"] if questions else "labels"
    whole = {
        "name": given["name"] or f"{file.name if file.is_dir() else file.stem}: {title}",
        "fields": fields,
        "questions": questions,
        "overlap": given["overlap"],
        "instructions": text_of(given["instructions"]) if given["instructions"] else "",
    }
    return project_draft(whole | (project_yaml(project_file) if project_file else {}))


def _beside(file: Path) -> str:
    folder = file.with_name(f"{file.name if file.is_dir() else file.stem}-labels")
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


@commands.command()
@no_browser
def demo(no_browser: bool) -> None:
    """A node with example projects to look around in. Again: the same projects."""
    from evenhand import demo

    with reach_for_people(config.read()) as reached:
        with progress("Filling", "examples") as tell:
            projects = demo.fill(reached.client, tell)
        click.echo("\n".join(project_words(project).splitlines()[0] for project in projects))
        show_link(reached, "/", not no_browser, "\nLook around here, as a manager:")
        stay(reached)
