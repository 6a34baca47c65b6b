"""Commands on projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evenhand.cli.frame import SHOWN_REJECTIONS, as_json, commands, progress, say
from evenhand.cli.options import WithQuestions, asked_of, existing, project_draft, project_yaml, text_of
from evenhand.cli.reach import connected, find_project
from evenhand.core.words import counted

if TYPE_CHECKING:
    from evenhand import wire


@commands.group()
def project() -> None:
    """Projects and their archives."""


@project.command("create", cls=WithQuestions)
@click.argument("name", required=False)
@click.option(
    "--field", "shown", metavar="NAME:TYPE", multiple=True, help="A key of the records to show; see below."
)
@click.option(
    "--question", "titles", metavar="TEXT", multiple=True, help="What to ask; once for each answer option."
)
@click.option("--overlap", type=click.IntRange(1, 100), help="Answers for each record.")
@click.option("--instructions", type=click.Path(path_type=Path), help="Markdown file with the instructions.")
@click.option(
    "--config", "project_file", type=click.Path(path_type=Path), help="YAML file with the whole project."
)
@as_json
@click.pass_context
def project_create(
    ctx: click.Context,
    name: str | None,
    shown: tuple[str, ...],
    titles: tuple[str, ...],
    overlap: int | None,
    instructions: Path | None,
    project_file: Path | None,
    machine: bool,
) -> None:
    """Make a project. TYPE is text (the default), markdown, chat, image, audio, video or html."""
    from evenhand import label_file

    fields = [{"name": part.partition(":")[0], "type": part.partition(":")[2] or "text"} for part in shown]
    given: dict[str, Any] = project_yaml(project_file) if project_file else {}
    questions = label_file.questions(asked_of(ctx), titles, fields or [{"name": "text", "type": "text"}], [])
    options = {"name": name, "fields": fields, "questions": questions, "overlap": overlap}
    given |= {key: value for key, value in options.items() if value}
    if instructions:
        given["instructions"] = text_of(instructions)
    given.setdefault("fields", [{"name": "text", "type": "text"}])
    if "name" not in given or not given.get("questions"):
        raise click.UsageError(
            "A project needs a NAME and a question, as in --choices ham,spam, or --config FILE."
        )
    with connected() as client:
        made = client.create(project_draft(given))
    say(machine, made, made.id)


@project.command("list")
@click.option("--state", help="Only active, paused, archived or deleted ones.")
@as_json
def project_list(state: str | None, machine: bool) -> None:
    """List the projects that you may see."""
    with connected() as client:
        found = list(client.projects(state))
    lines = [
        f"{p.id}  {p.counts.done:>9,} of {p.counts.tasks:>9,}  {p.state:<8}  {p.document.name}" for p in found
    ]
    say(machine, found, "\n".join(lines) or "There is no project yet.")


@project.command("show")
@click.argument("project")
@as_json
def project_show(project: str, machine: bool) -> None:
    """Show PROJECT, an id or a name."""
    with connected() as client:
        found = find_project(client, project)
    say(machine, found, project_words(found))


@project.command("archive")
@click.argument("project")
@click.option("--out", type=click.Path(path_type=Path), help="File to make; without it, the project's name.")
@click.option("--named", is_flag=True, help="With names and e-mail addresses; without it, pseudonyms.")
@as_json
def project_archive(project: str, out: Path | None, named: bool, machine: bool) -> None:
    """Write everything of PROJECT into one signed file, to take elsewhere and to be checked by anyone."""
    from evenhand.label_file import identifier

    with connected() as client:
        found = find_project(client, project)
        target = out or Path(f"{identifier(found.document.name) or found.id}.evenhand.zip")
        with progress("Archive", "tasks") as tell:
            made = client.archive(found.id, target, named=named, on_progress=tell)
    say(machine, {"file": str(made)}, f"{made}\nCheck it anywhere: evenhand project verify {made}")


@project.command("verify")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option(
    "--vkey", metavar="KEY", help="The log's verification key, from elsewhere: /log/vkey of the node."
)
@as_json
def project_verify(archive: Path, vkey: str | None, machine: bool) -> int:
    """Check ARCHIVE offline: signature, digests, and that data and labels are what was logged."""
    from evenhand.audit.archive import as_text, verify

    report = verify(existing(archive), vkey)
    told = {**vars(report), "counts": dict(report.counts), "kinds": dict(report.kinds), "ok": report.ok}
    del told["checkpoints"]
    say(machine, told, as_text(report))
    return 0 if report.ok else 1


@project.command("restore")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--name", help="Of the project to make; without it, its name in the archive.")
@as_json
def project_restore(archive: Path, name: str | None, machine: bool) -> int:
    """Make a project out of ARCHIVE: whatever its pages showed there, they show here."""
    existing(archive)
    with connected() as client, progress(archive.name, "events") as tell:
        restored = client.restore(archive, name, on_progress=tell)
    say(machine, restored, restored_words(restored))
    return 1 if restored.report and restored.report.rejected_count else 0


def restored_words(restored: wire.Restore) -> str:
    """What came of a restore, for a person."""
    report = restored.report
    assert report is not None, "a restore that is done has one"
    acts = ", ".join(f"{count:,} {kind}" for kind, count in report.acts.items())
    left = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.left.items()))
    shown = report.rejected[:SHOWN_REJECTIONS]
    more = report.rejected_count - len(shown)
    return "\n".join(
        [
            f"The project {restored.project_id}: {counted(report.versions, 'version')}, "
            f"{counted(report.tasks, 'task')}, {counted(report.annotations, 'annotation')}. "
            f"Rejected: {report.rejected_count:,}.",
            *([f"Around them: {acts}."] if acts else []),
            *(f"  task {one.line}: {one.path}: {one.reason}" for one in shown),
            *([f"  and {more:,} more; --json lists them"] if more > 0 else []),
            *([f"Only in the archive: {left}."] if left else []),
        ]
    )


def project_words(project: wire.Project) -> str:
    """A project for a person."""
    document, counts = project.document, project.counts
    answers = f"{counted(counts.annotations, 'answer')}, {counted(counts.flagged, 'flag')}"
    lines = [
        f"{document.name}  ({project.id}, {project.state}, version {project.version})",
        f"  {counted(counts.tasks, 'task')}, {counts.done:,} done, {answers}",
        f"  shows {', '.join(f'{field.name} ({field.type})' for field in document.fields)}",
        *(f"  asks {question.title!r} as {question.id} ({question.type})" for question in document.questions),
    ]
    return "\n".join(lines)
