"""The command line. Each command finds its node, speaks to it through the SDK, and says what came of it."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import threading
import traceback
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import click
import msgspec

from evenhand import __version__, config
from evenhand.config import Config
from evenhand.core.errors import EvenhandError, Invalid, Missing, Refused, Unavailable

if TYPE_CHECKING:
    from evenhand import wire
    from evenhand.core.label import Flag
    from evenhand.label_file import Asked
    from evenhand.sdk import Client, Progress, Report

Command = TypeVar("Command", bound=Callable[..., Any])
SHOWN_REJECTIONS = 10  # rows that a person is told of; --json has all


# -- the frame ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code: 0; 1 for a finding or a failure; 2 for a wrong usage."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit code. Errors are told in words on standard error."""
    debug = "--debug" in arguments
    try:
        result = commands.main([a for a in arguments if a != "--debug"], "evenhand", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 1
    except EvenhandError as error:
        click.echo(words(error), err=True)
        if debug:
            traceback.print_exc()
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at its end
        return 1
    except Exception as error:
        click.echo(unexpected(error, debug), err=True)
        return 1


def words(error: EvenhandError) -> str:
    """What is wrong, where, why, and what to do."""
    place = f"{error.where}: " if error.where else ""
    remedy = f"\n  {error.remedy}" if error.remedy else ""
    return f"Error: {place}{error.reason}{remedy}"


def unexpected(error: Exception, debug: bool) -> str:
    """One line about an error of ours, and where the rest is."""
    if debug:
        return traceback.format_exc()
    with tempfile.NamedTemporaryFile("w", prefix="evenhand-", suffix=".log", delete=False) as log:
        traceback.print_exc(file=log)
    return f"Error: {type(error).__name__}: {error}\n  A fault of Evenhand. Details: {log.name}, or --debug."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", message="evenhand %(version)s")
@click.option("--debug", is_flag=True, help="Show the whole trace of an unexpected error.")
def commands(debug: bool) -> None:
    """Evenhand labels data, and lets anyone check that it did so even-handedly.

    Commands use the node at EVENHAND_URL with EVENHAND_API_KEY; else the one that runs on EVENHAND_DATA
    (default ./evenhand-data); else they open that folder themselves for as long as they need.
    """


as_json = click.option("--json", "machine", is_flag=True, help="Answer in JSON, for programs.")
no_browser = click.option("--no-browser", is_flag=True, help="Print the link and open nothing.")


def say(machine: bool, value: Any, text: str) -> None:
    """The result of a command, for a program or for a person."""
    click.echo(msgspec.json.encode(value).decode() if machine else text)


@contextmanager
def progress(title: str, unit: str) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    parts = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
    )
    with Bar(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# -- the node -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reached:
    """The node that a command speaks to."""

    client: Client
    public_url: str  # how a browser reaches it, or will when it runs again
    own: bool  # it was started by this command and ends with it

    def link(self, url: str) -> str:
        """A link of the node's as a browser reaches it. One that is handed out by a node which runs for this
        command alone must name the usual address, where the node will be when somebody opens it."""
        if not self.own:
            return urljoin(self.public_url + "/", url)
        parts = urlsplit(url)
        return self.public_url + urlunsplit(("", "", parts.path, parts.query, ""))


@contextmanager
def reach(settings: Config, port: int = 0, lasting: bool = False) -> Iterator[Reached]:
    """The node at EVENHAND_URL, else the one that runs on the data folder, else one of our own.

    Args:
        port: for one of our own.
        lasting: it stays for people to use; else it ends with the command.

    Raises:
        Invalid: only one of URL and key is set.
        Unavailable: the node does not answer.
    """
    from evenhand import local
    from evenhand.sdk import Client

    if (settings.url is None) != (settings.api_key is None):
        missing = "EVENHAND_API_KEY" if settings.api_key is None else "EVENHAND_URL"
        raise Invalid(
            "setting.half",
            "The address of a node and an API key go together.",
            missing,
            "Set both or neither.",
        )
    if settings.url is not None and settings.api_key is not None:
        with Client(settings.url, settings.api_key) as client:
            yield Reached(client, settings.url, False)
        return
    running = local.running(settings.data)
    if running is not None:
        with Client(running.url, local.key(settings.data)) as client:
            yield Reached(client, running.public_url, False)
        return
    with _own_node(settings, port, lasting) as reached:
        yield reached


@contextmanager
def _own_node(settings: Config, port: int, lasting: bool) -> Iterator[Reached]:
    """A node in this process, as long as the command runs."""
    from evenhand import local
    from evenhand.http import server
    from evenhand.sdk import Client

    with (
        server.start(msgspec.structs.replace(settings, port=port)) as address,
        Client(address.url, local.key(settings.data)) as client,
    ):
        usual = settings.public_url or f"http://{_shown_host(settings.host)}:{settings.port}"
        yield Reached(client, address.public_url if lasting else usual, True)


def _shown_host(host: str) -> str:
    """A host as it stands in an address; one that means every interface is reached at the loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


@contextmanager
def reach_for_people(settings: Config) -> Iterator[Reached]:
    """Like `reach`; a node of our own takes the usual port, or a free one when that is busy."""
    try:
        with reach(settings, settings.port, lasting=True) as reached:
            yield reached
            return
    except Unavailable as error:
        if error.rule != "server.port-busy" or "EVENHAND_PORT" in os.environ:
            raise
    with reach(settings, lasting=True) as reached:
        yield reached


def show_link(reached: Reached, page: str, open_it: bool, title: str) -> str:
    """Print a link that signs the visitor in and goes to the page; open it where there is a screen."""
    link = reached.link(reached.client.sign_in_link(page).url)
    click.echo(f"{title}\n\n  {link}\n")
    screen = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if open_it and screen and sys.stdout.isatty():
        with suppress(webbrowser.Error):
            webbrowser.open(link)
    return link


def stay(reached: Reached) -> None:
    """Keep a node of our own running until Ctrl-C, or until it is asked to end."""
    if reached.own:
        click.echo(
            "Everything is saved as it happens. Ctrl-C stops the node; the same command brings it back."
        )
        until_asked_to_end()


def until_asked_to_end() -> None:
    """Wait for Ctrl-C or a request of the system to end."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def find_project(client: Client, wanted: str | None) -> wire.Project:
    """The project with this id or name; without one, the only one.

    Raises:
        Missing: there is none.
        Invalid: there are several.
    """
    if wanted is not None and re.fullmatch(r"prj-[0-9a-z]{26,32}", wanted):
        return client.project(wanted)
    every = [project for project in client.projects() if project.state != "deleted"]
    found = [project for project in every if wanted in (None, project.document.name)]
    known = "; ".join(f"{project.document.name} ({project.id})" for project in (found or every)[:10])
    if not found:
        remedy = (
            f"There are: {known}."
            if known
            else "Make one with `evenhand project create` or `evenhand label`."
        )
        what = f"There is no project {wanted!r}." if wanted else "There is no project yet."
        raise Missing("project.missing", what, "PROJECT", remedy)
    if len(found) > 1:
        raise Invalid(
            "project.several", "Several projects could be meant.", "PROJECT", f"Name one by its id: {known}."
        )
    return found[0]


# -- running a node -----------------------------------------------------------------------------


@commands.command()
@click.option("--host", help="Address to listen on (EVENHAND_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (EVENHAND_PORT).")
@no_browser
def up(host: str | None, port: int | None, no_browser: bool) -> None:
    """Run a node: server and worker in one process, on the folder EVENHAND_DATA."""
    from evenhand.http import server

    def ready(url: str, public_url: str) -> None:
        settings = node_settings(host, port)
        from evenhand import local
        from evenhand.sdk import Client

        with Client(url, local.key(settings.data)) as client:
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
    """Run one of several server processes on PostgreSQL; `evenhand worker` does the long jobs."""
    from evenhand.http import server

    server.run(node_settings(host, port))


@commands.command()
def worker() -> None:
    """Run what is not a server's work, beside `evenhand serve`: the ledger's sequencing and long jobs."""
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
    from evenhand import local
    from evenhand.store import open_store

    settings = config.read()
    with local.lock(settings.data):
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
    text = f"{path}: {made.events:,} events, {len(made.files):,} files, ledger epoch {made.epoch}.{media}"
    say(machine, {"path": str(path), "events": made.events, "files": len(made.files)}, text)


@commands.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@as_json
def restore_(path: Path, machine: bool) -> None:
    """Make a node out of the backup at PATH: in an empty EVENHAND_DATA, with an empty database.

    Its ledger gets a new origin that names the last checkpoint of the old log, which stays readable.
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
    text = [f"{report.events:,} events, {sum(report.rows.values()):,} rows compared."]
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


# -- from a file to labelling -------------------------------------------------------------------


class WithQuestions(click.Command):
    """A command with one option for each label type that declares one. They are found when it is used."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and those of the label types."""
        own = super().get_params(ctx)
        return [*own[:2], *self.asking, *own[2:]]

    @cached_property
    def asking(self) -> list[click.Option]:
        """Made once: click tells the order on the command line by the options' identity."""
        from evenhand import labels

        flags = [(kind.name, kind.flag) for kind in labels.all_types().values() if kind.flag is not None]
        return [_question_option(name, flag) for name, flag in flags]


def _question_option(name: str, flag: Flag) -> click.Option:
    return click.Option(
        [flag.option, f"label_type_{name}"],
        metavar=flag.metavar or None,
        is_flag=not flag.metavar,
        help=f"{flag.help.rstrip('.')}.",
        expose_value=False,
        callback=_note_question,
    )


def _note_question(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what was asked for, in the order of the command line."""
    from evenhand.label_file import Asked

    if value not in (None, False) and param.name is not None:
        text = value if isinstance(value, str) else ""
        asked_of(ctx).append(Asked(param.name.removeprefix("label_type_"), text))


def asked_of(ctx: click.Context) -> list[Asked]:
    """The questions of the label types' options so far."""
    found: list[Asked] = ctx.meta.setdefault("evenhand.asked", [])
    return found


def reading_options(command: Command) -> Command:
    """How to read a source: the same options wherever a file comes in."""
    for option in reversed(
        (
            click.option("--format", help="Format of the file; without it, its suffix and content tell."),
            click.option("--encoding", help="Encoding of the text, such as latin-1; without it UTF-8."),
            click.option("--delimiter", help="Character between cells."),
            click.option("--quote", help='Character around cells; "" for none.'),
            click.option(
                "--columns", metavar="A,B", help="Names of the columns, when the first row does not tell."
            ),
            click.option("--no-header", is_flag=True, help="The first row is data."),
            click.option(
                "--map", "mapping", metavar="A=B", multiple=True, help="Rename key A of the records to B."
            ),
            click.option(
                "--gold", metavar="KEY", help="Key of the right answer: such rows become gold tasks."
            ),
            click.option(
                "--option", "extra", metavar="K=V", multiple=True, help="Another option of the format."
            ),
        )
    ):
        command = option(command)
    return command


def reading(given: dict[str, Any]) -> tuple[str | None, dict[str, Any], dict[str, str]]:
    """Format, options and mapping out of a command's parameters, which are taken from `given`."""
    format, columns, no_header = given.pop("format"), given.pop("columns"), given.pop("no_header")
    options: dict[str, Any] = {key: given.pop(key) for key in ("encoding", "delimiter", "quote")}
    options |= {"columns": columns.split(",") if columns else None, "header": False if no_header else None}
    options = {key: value for key, value in options.items() if value is not None}
    options |= {key: _literal(value) for key, value in pairs(given.pop("extra"), "--option").items()}
    mapping = pairs(given.pop("mapping"), "--map")
    gold = given.pop("gold")
    return format, options, mapping | ({gold: "gold_answers"} if gold else {})


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """`A=B` texts as a dict."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.UsageError(f"{option} takes A=B, not {text!r}.")
        found[key] = value
    return found


def _literal(text: str) -> Any:
    """An option's value: JSON where it is JSON, else the text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


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
    """Label FILE in the browser: makes a project, imports the file and opens the first record.

    The same command again goes on where it stopped; new rows of the file are added.

    \b
    evenhand label messages.csv --question "Is it spam?" --choices ham,spam
    evenhand label posts.jsonl --spans PER,LOC,ORG
    evenhand label pairs.jsonl --pairwise answer_a,answer_b
    """
    from evenhand import label_file

    format, options, mapping = reading(given)
    records = label_file.sample(_renamed(label_file.read(file, format, options), mapping), file)
    found = label_file.columns(records, file.parent)
    draft = _draft(asked_of(ctx), file, project_file, given, found, records)
    with reach_for_people(config.read()) as reached:
        project = label_file.find_project(reached.client, file, draft)
        fresh = project is None
        project = project or reached.client.create(draft)
        media = [column.name for column in found if column.type in ("image", "audio")]
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
        "name": given["name"] or f"{file.stem}: {title}",
        "fields": fields,
        "questions": questions,
        "overlap": given["overlap"],
        "instructions": text_of(given["instructions"]) if given["instructions"] else "",
    }
    return project_draft(whole | (project_yaml(project_file) if project_file else {}))


def existing(path: Path) -> Path:
    """The path of a file that is there.

    Raises:
        Missing: there is none.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise Missing("file.missing", f"The file {what}.", str(path), "Check the path.")
    return path


def text_of(path: Path) -> str:
    """A text file's content.

    Raises:
        Missing, Invalid: there is none; it is not UTF-8.
    """
    try:
        return existing(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise Invalid(
            "file.encoding", f"The file is not UTF-8 ({where}).", str(path), "Save it as UTF-8."
        ) from error


def project_yaml(path: Path) -> dict[str, Any]:
    """A project described in YAML, with the keys of `create_project`."""
    import yaml

    try:
        found = yaml.safe_load(text_of(path))
    except yaml.YAMLError as error:
        raise Invalid("file.yaml", f"This is not YAML: {error}.", str(path), "Correct it there.") from error
    if not isinstance(found, dict):
        raise Invalid(
            "file.yaml", "A project is a mapping of names to values.", str(path), "Begin with `name: …`."
        )
    return found


def project_draft(given: Mapping[str, Any]) -> wire.ProjectDraft:
    """The project that these keys describe.

    Raises:
        Invalid: a key is unknown or its value does not fit.
    """
    from evenhand import sdk, wire

    return sdk.draft(given, wire.ProjectDraft)


def _beside(file: Path) -> str:
    return str(file.with_name(f"{file.stem}-labels"))


@commands.command()
@no_browser
def demo(no_browser: bool) -> None:
    """A node with example projects to look around in. Again: the same projects."""
    from evenhand import demo

    with reach_for_people(config.read()) as reached:
        with progress("Filling", "projects") as tell:
            projects = demo.fill(reached.client, tell)
        click.echo("\n".join(project_words(project).splitlines()[0] for project in projects))
        show_link(reached, "/", not no_browser, "\nLook around here, as a manager:")
        stay(reached)


# -- projects -----------------------------------------------------------------------------------


@commands.group()
def project() -> None:
    """Make, list and show projects."""


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
    """Make a project. TYPE is text (the default), markdown, chat, image, audio or html."""
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
    with reach(config.read()) as reached:
        made = reached.client.create(project_draft(given))
    say(machine, made, made.id)


@project.command("list")
@click.option("--state", help="Only active, paused, archived or deleted ones.")
@as_json
def project_list(state: str | None, machine: bool) -> None:
    """List the projects that you may see."""
    with reach(config.read()) as reached:
        found = list(reached.client.projects(state))
    lines = [
        f"{p.id}  {p.counts.done:>9,} of {p.counts.tasks:>9,}  {p.state:<8}  {p.document.name}" for p in found
    ]
    say(machine, found, "\n".join(lines) or "There is no project yet.")


@project.command("show")
@click.argument("project")
@as_json
def project_show(project: str, machine: bool) -> None:
    """Show PROJECT, an id or a name."""
    with reach(config.read()) as reached:
        found = find_project(reached.client, project)
    say(machine, found, project_words(found))


@project.command("archive")
@click.argument("project")
@click.option("--out", type=click.Path(path_type=Path), help="File to make; without it, the project's name.")
@click.option("--named", is_flag=True, help="With names and e-mail addresses; without it, pseudonyms.")
@as_json
def project_archive(project: str, out: Path | None, named: bool, machine: bool) -> None:
    """Write everything of PROJECT into one signed file, to take elsewhere and to be checked by anyone."""
    from evenhand.label_file import identifier

    with reach(config.read()) as reached:
        found = find_project(reached.client, project)
        target = out or Path(f"{identifier(found.document.name) or found.id}.evenhand.zip")
        with progress("Archive", "tasks") as tell:
            made = reached.client.archive(found.id, target, named=named, on_progress=tell)
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
    say(machine, told, as_text(report))
    return 0 if report.ok else 1


@project.command("restore")
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--name", help="Of the project to make; without it, its name in the archive.")
@click.option("--into", metavar="PROJECT", help="Go on with the project that a stopped restore has made.")
@as_json
def project_restore(archive: Path, name: str | None, into: str | None, machine: bool) -> int:
    """Make a project out of ARCHIVE: its rules with all versions, data, media, labels and who gave them."""
    from evenhand import restoring

    existing(archive)
    with reach(config.read()) as reached, progress(archive.name, "tasks") as tell:
        known = find_project(reached.client, into).id if into else None
        restored = restoring.restore(reached.client, archive, name, known, tell)
    say(machine, restored, restoring.words(restored, SHOWN_REJECTIONS))
    return 1 if restored.rejected else 0


def project_words(project: wire.Project) -> str:
    """A project for a person."""
    document, counts = project.document, project.counts
    answers = f"{counts.annotations:,} answers, {counts.flagged:,} flags"
    lines = [
        f"{document.name}  ({project.id}, {project.state}, version {project.version})",
        f"  {counts.tasks:,} tasks, {counts.done:,} done, {answers}",
        f"  shows {', '.join(f'{field.name} ({field.type})' for field in document.fields)}",
        *(f"  asks {question.title!r} as {question.id} ({question.type})" for question in document.questions),
    ]
    return "\n".join(lines)


# -- data in and out ----------------------------------------------------------------------------


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
    evenhand import --from label-studio export.json --config config.xml
    evenhand import --from label-studio https://labels.example.org/projects/7 --token …
    """
    peer = {key: given.pop(key) for key in ("config_file", "name", "overlap", "into", "token", "accept_loss")}
    if name := given.pop("peer"):
        if given["fetch_media"]:
            raise click.UsageError("--fetch-media does not go with --from.")
        return _import_from(name, sources, machine, **peer)
    if any(peer.values()):
        raise click.UsageError(
            "--config, --name, --overlap, --into, --token and --accept-loss go with --from."
        )
    if len(sources) < 2:
        raise click.UsageError("Name a project and at least one file.")
    project, files = sources[0], [Path(source) for source in sources[1:]]
    fetch_media = given.pop("fetch_media")
    format, options, mapping = reading(given)
    reports = {}
    for file in files:
        existing(file)
    with reach(config.read()) as reached:
        found = find_project(reached.client, project)
        for file in files:
            with progress(file.name, "bytes") as tell:
                reports[str(file)] = reached.client.import_tasks(
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
    sources: tuple[str, ...],
    machine: bool,
    config_file: Path | None,
    into: str | None,
    token: str | None,
    accept_loss: bool,
    **kept: Any,
) -> int:
    """A whole project of another tool."""
    from evenhand import moving, peers
    from evenhand.outbound import Door

    peer = peers.find(tool)
    settings = config.read()
    with tempfile.TemporaryDirectory(prefix="evenhand-") as folder:
        options = peers.Options(config=existing(config_file) if config_file else None, **kept)
        if sources[0].startswith(("http://", "https://")):
            door = Door(settings.outbound_hosts)
            files, options = peer.fetch(door, sources[0], token or "", Path(folder), options)
        else:
            files = [Path(s) if Path(s).is_dir() else existing(Path(s)) for s in sources]
        brought = peer.read(files, options)
        if brought.lost:
            click.echo(f"What does not fit here:\n{moving.losses(brought.lost)}", err=True)
            if not (accept_loss or (sys.stdin.isatty() and click.confirm("Go on without it?", err=True))):
                click.echo("Nothing was written. --accept-loss goes on.", err=True)
                return 1
        with reach(settings) as reached, progress(peer.title, "tasks") as tell:
            project = find_project(reached.client, into).id if into else None
            moved = moving.move(reached.client, brought, project, tell)
    say(machine, moved, moving.words(moved, SHOWN_REJECTIONS))
    return 1 if moved.rejected else 0


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
    """Write the labels of PROJECT (an id or a name; not needed when there is one) to a folder."""
    from evenhand.label_file import identifier

    options = {key: _literal(value) for key, value in pairs(extra, "--option").items()}
    with reach(config.read()) as reached:
        found = find_project(reached.client, project)
        target = out or Path(f"{identifier(found.document.name) or found.id}-labels")
        with progress("Exporting", "tasks") as tell:
            manifest = reached.client.export(
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


# -- tables of labels ---------------------------------------------------------------------------


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Table to write: .csv, .tsv or .parquet.")
@click.option("--annotators", type=click.Path(path_type=Path), help="Table of their skills to write.")
@click.option("--method", default="robust", show_default=True, help="How; the guide lists the methods.")
@click.option("--iterations", type=click.IntRange(0), help="Exactly so many.")
@as_json
def aggregate(
    file: Path,
    out: Path | None,
    annotators: Path | None,
    method: str,
    iterations: int | None,
    machine: bool,
) -> None:
    """What the labels of several annotators come to: FILE has the columns task, worker and label."""
    from evenhand import aggregation

    with progress("Reading", "labels") as tell:
        found = aggregation.summarize(file, out, annotators, method, iterations, tell)
    say(machine, found, aggregation.words(found))


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--scale", default="nominal", show_default=True, help="nominal, ordinal, interval or ratio.")
@as_json
def agreement(file: Path, scale: str, machine: bool) -> None:
    """How far the annotators agree, beyond chance: FILE has the columns task, worker and label."""
    from evenhand import agreeing

    with progress("Reading", "labels") as tell:
        found = agreeing.of_file(file, scale, tell)  # type: ignore[arg-type]  # it is checked there
    say(machine, found, agreeing.words(found))


# -- people -------------------------------------------------------------------------------------


@commands.group()
def organization() -> None:
    """Organizations of the node, for its operator."""


@organization.command("create")
@click.argument("name")
@as_json
def organization_create(name: str, machine: bool) -> None:
    """Make an organization, and a link for its first owner."""
    with reach(config.read()) as reached:
        made = reached.client.create_organization(name)
        invite = reached.link(made.owner_invite)
    say(machine, made, f"{made.organization.id}\nFor its first owner, once:\n\n  {invite}\n")


@organization.command("list")
@as_json
def organization_list(machine: bool) -> None:
    """List the organizations of the node."""
    with reach(config.read()) as reached:
        found = list(reached.client.organizations())
    say(machine, found, "\n".join(f"{one.id}  {one.name}" for one in found))


@commands.group()
def member() -> None:
    """The people and models of your organization."""


@member.command("create")
@click.argument("name")
@click.option("--email", help="To sign in with.")
@click.option(
    "--role", default="annotator", show_default=True, help="owner, manager, reviewer, annotator, auditor."
)
@click.option("--model", is_flag=True, help="It is a model, and its answers are marked so.")
@as_json
def member_create(name: str, email: str | None, role: Any, model: bool, machine: bool) -> None:
    """Make a member with an API key, which is shown this once."""
    with reach(config.read()) as reached:
        made = reached.client.create_member(name, email, role, "model" if model else "human")
    say(machine, made, f"{made.id}\nAPI key, shown once: {made.api_key}")


@member.command("list")
@as_json
def member_list(machine: bool) -> None:
    """List the members."""
    with reach(config.read()) as reached:
        found = list(reached.client.members())
    lines = [
        f"{one.id}  {one.role:<9}  {one.state:<9}  {one.submitted:>7,} answers  {one.name}" for one in found
    ]
    say(machine, found, "\n".join(lines))


@commands.command()
@click.option("--role", default="annotator", show_default=True, help="What the newcomer will be.")
@click.option(
    "--hours", type=click.IntRange(1, 2160), default=168, show_default=True, help="How long the link works."
)
@as_json
def invite(role: Any, hours: int, machine: bool) -> None:
    """Make a link by which one person joins your organization."""
    with reach(config.read()) as reached:
        made = reached.client.create_invite(role, hours)
        link = reached.link(made.url)
    say(machine, made, f"Works once, until {made.expires_at}:\n\n  {link}\n")


# -- the exchange -------------------------------------------------------------------------------

POOL = click.argument("pool")
OWN = click.option("--organization", help="Whose; needed when you belong to several.")


@commands.group()
def exchange() -> None:
    """Pools that several clients share: set them up, take part, say who owns whom, check."""


def _pairs(given: Sequence[str], option: str) -> dict[str, int]:
    """`name=number` of options that may be repeated.

    Raises:
        Invalid: one is none.
    """
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        if not name or not value.isascii() or not value.isdigit():
            raise Invalid("option.pair", f"{text!r} is no name=number.", option, "Such as text=10.")
        found[name] = int(value)
    return found


@exchange.command("pools")
@as_json
def exchange_pools(machine: bool) -> None:
    """List the shared pools, with the rules in force and those to come."""
    with reach(config.read()) as reached:
        pools = reached.client.exchange.pools()
    lines = []
    for one in pools:
        lines.append(
            f"{one.id}  {one.language}  band {one.band}+  {one.clients} clients  {one.annotators} annotators"
        )
        for policy in one.policies:
            prices = ", ".join(f"{family} {price}" for family, price in sorted(policy.terms.prices.items()))
            rest = f"charge {policy.terms.charge}, cap {policy.terms.cap}"
            lines.append(f"  from entry {policy.effective_from}: {prices}; {rest}")
    say(machine, pools, "\n".join(lines) or "There are no shared pools yet.")


def _terms(
    price: tuple[str, ...], weight: tuple[str, ...], charge: int, cap: int, independent: bool
) -> wire.PoolTerms:
    from evenhand import wire

    return wire.PoolTerms(
        prices=_pairs(price, "--price"),
        weights=_pairs(weight, "--weight"),
        charge=charge,
        cap=cap,
        independent=independent,
    )


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """What the rules of a pool are given with."""
    for option in (
        click.option(
            "--independent", is_flag=True, help="Answers to one task come from different providers."
        ),
        click.option("--cap", default=10_000, show_default=True, help="The most that one task may cost."),
        click.option("--charge", default=0, show_default=True, help="Charged in advance, 0 to the cap."),
        click.option("--weight", multiple=True, help="CLIENT=WEIGHT, again for each; 1 for the others."),
        click.option("--price", multiple=True, required=True, help="FAMILY=PRICE, again for each."),
    ):
        command = option(command)
    return command


@exchange.command("open-pool")
@click.option("--language", required=True, help="A language tag, such as en.")
@click.option("--band", default=1, show_default=True, help="Least band of its annotators, 1 to 9.")
@click.option("--qualification", default="", help="That they need.")
@terms_options
@as_json
def exchange_open_pool(language: str, band: int, qualification: str, machine: bool, **terms: Any) -> None:
    """Open a pool that organizations share (operator)."""
    with reach(config.read()) as reached:
        made = reached.client.exchange.open_pool(language, _terms(**terms), band, qualification)
    say(machine, made, made.id)


@exchange.command("terms")
@POOL
@terms_options
@as_json
def exchange_terms(pool: str, machine: bool, **terms: Any) -> None:
    """Change weights and prices from the pool's next entry on (operator)."""
    with reach(config.read()) as reached:
        changed = reached.client.exchange.change_terms(pool, _terms(**terms))
    say(machine, changed, f"In force from entry {changed.policies[-1].effective_from} on.")


@exchange.command("parties")
@as_json
def exchange_parties(machine: bool) -> None:
    """List clients and providers: all for the operator, your own otherwise."""
    with reach(config.read()) as reached:
        found = reached.client.exchange.parties()
    lines = [
        f"{one.id}  {one.role:<8}  {one.name}  {one.record or 'no record of ownership'}" for one in found
    ]
    say(machine, found, "\n".join(lines))


@exchange.command("admit")
@click.argument("role", type=click.Choice(["client", "provider", "operator"]))
@click.argument("organization_id", default="")
@click.option("--record", default="", help="recordId of its statement of ownership.")
@click.option("--private", is_flag=True, help="The log does not name a client's record.")
@as_json
def exchange_admit(role: str, organization_id: str, record: str, private: bool, machine: bool) -> None:
    """Admit an organization, or say whose record the operator's is (operator)."""
    with reach(config.read()) as reached:
        door = reached.client.exchange
        if role == "client":
            party = door.admit_client(organization_id, record, not private)
        elif role == "provider":
            party = door.admit_provider(organization_id, record)
        else:
            party = door.name_operator(record, organization_id)
    say(machine, party, party.id)


@exchange.command("join")
@POOL
@click.option("--band", default=1, show_default=True, help="Least band that may have your tasks.")
@click.option("--exposure", default=0, show_default=True, help="Most tasks for one provider; 0: no limit.")
@click.option("--leave", is_flag=True, help="Take no part any more.")
@OWN
@as_json
def exchange_join(
    pool: str, band: int, exposure: int, leave: bool, organization: str | None, machine: bool
) -> None:
    """Take part in a pool as a client, change what you ask for, or leave."""
    with reach(config.read()) as reached:
        state = "left" if leave else "active"
        told = reached.client.exchange.join(pool, band, exposure, organization, state)
    say(machine, told, f"{told.client}  {told.state}  weight {told.weight}")


@exchange.command("send")
@click.argument("project")
@click.option("--pool", default="", help="Without it the project comes back to your own people.")
@click.option("--family", default="", help="What its tasks are priced as.")
@as_json
def exchange_send(project: str, pool: str, family: str, machine: bool) -> None:
    """Let a project get its answers from a shared pool, or from your own people again."""
    with reach(config.read()) as reached:
        told = reached.client.exchange.send(project, pool, family)
    say(machine, told, f"{project} is in {pool}." if pool else f"{project} is with your own people.")


@exchange.command("enrol")
@POOL
@click.argument("member_id")
@click.option("--language", multiple=True, required=True, help="Again for each.")
@click.option("--band", default=1, show_default=True, help="1 to 9.")
@click.option("--qualification", multiple=True, help="Again for each.")
@click.option("--evidence", default="", help="What shows band and qualification: committed to, never shown.")
@click.option("--end", is_flag=True, help="They take no part any more.")
@as_json
def exchange_enrol(
    pool: str,
    member_id: str,
    language: tuple[str, ...],
    band: int,
    qualification: tuple[str, ...],
    evidence: str,
    end: bool,
    machine: bool,
) -> None:
    """Let one of your annotators work in a pool (provider)."""
    from evenhand import wire

    enrolment = wire.Enrolment(
        member_id=member_id,
        languages=list(language),
        band=band,
        qualifications=list(qualification),
        evidence=evidence,
        state="ended" if end else "active",
    )
    with reach(config.read()) as reached:
        told = reached.client.exchange.enrol(pool, enrolment)
    say(machine, told, f"{told.name}  {told.state}  band {told.band}")


@exchange.command("state")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@OWN
@as_json
def exchange_state(file: Path, organization: str | None, machine: bool) -> None:
    """File statements of ownership: a JSON file of BODS 0.4."""
    from evenhand.sdk_exchange import read_statements

    with reach(config.read()) as reached:
        told = reached.client.exchange.state(read_statements(file), organization)
    say(machine, told, _filed(told))


@exchange.command("hold")
@click.argument("holder")
@click.argument("held")
@click.option("--economic", type=float, help="Percent of shares or profit.")
@click.option("--voting", type=float, help="Percent of votes.")
@click.option("--office", default="", help="A seat: boardMember, boardChair, seniorManagingOfficial.")
@click.option("--since", required=True, help="Date, such as 2025-06-12.")
@OWN
@as_json
def exchange_hold(
    holder: str,
    held: str,
    economic: float | None,
    voting: float | None,
    office: str,
    since: str,
    organization: str | None,
    machine: bool,
) -> None:
    """File one holding: names, or recordIds of statements."""
    from evenhand import wire

    holding = wire.NewHolding(
        holder=holder,
        held=held,
        economic=economic,
        voting=voting,
        office=office,
        since=since,
        organization_id=organization,
    )
    with reach(config.read()) as reached:
        told = reached.client.exchange.hold(holding)
    say(machine, told, _filed(told))


def _filed(told: wire.StatementsReport) -> str:
    late = f"\nLate, which every audit will show: {', '.join(told.late)}." if told.late else ""
    changed = f"{told.conflicts} verdicts changed; {told.recalled} tasks taken back."
    return f"{told.accepted} statements; {changed}{late}"


@exchange.command("ownership")
@click.option("--bods", is_flag=True, help="All statements, as a file of BODS 0.4 (operator).")
@OWN
@as_json
def exchange_ownership(bods: bool, organization: str | None, machine: bool) -> None:
    """Show who is in conflict with whom, and why."""
    with reach(config.read()) as reached:
        if bods:
            click.echo(msgspec.json.encode(reached.client.exchange.statements()).decode())
            return
        told = reached.client.exchange.ownership(organization)
    lines = [
        f"grade {one.grade}{' blocked' if one.blocked else ''}  {one.client_name} - {one.entity_name}: "
        f"{one.rival_sentence if one.rival else one.sentence}"
        for one in told.conflicts
    ]
    say(machine, told, "\n".join(lines) or "Nobody is in conflict with anybody, as far as is stated.")


@exchange.command("rivals")
@click.argument("records", nargs=-1)
@click.option("--none", "nobody", is_flag=True, help="Name nobody any more.")
@OWN
@as_json
def exchange_rivals(records: tuple[str, ...], nobody: bool, organization: str | None, machine: bool) -> None:
    """Show your rivals, or name them by the recordIds of their statements: the log shows no name."""
    with reach(config.read()) as reached:
        door = reached.client.exchange
        named = records or nobody
        told = door.set_rivals(records, organization) if named else door.rivals(organization)
    say(machine, told, "\n".join(told.records) or "No rivals are named.")


@exchange.command("waive")
@POOL
@click.argument("entity")
@click.option("--withdraw", is_flag=True, help="No longer.")
@OWN
@as_json
def exchange_waive(pool: str, entity: str, withdraw: bool, organization: str | None, machine: bool) -> None:
    """Let a provider in a conflict of grade 2 work for you in this pool."""
    with reach(config.read()) as reached:
        told = reached.client.exchange.waive(pool, entity, not withdraw, organization)
    say(machine, told, f"{told.entity}: {told.state}")


@exchange.command("officer-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def exchange_officer_key(file: Path, machine: bool) -> None:
    """Make an officer's key in FILE, which only they should be able to read, and print its public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from evenhand.core.canonical import b64url

    key = Ed25519PrivateKey.generate()
    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(b64url(key.private_bytes_raw()) + "\n")
    except FileExistsError as error:
        raise Refused("file.exists", "There is such a file.", str(file), "Choose another name.") from error
    public = b64url(key.public_key().public_bytes_raw())
    say(machine, {"public": public}, public)


@exchange.command("officers")
@click.argument("officers", nargs=-1)
@as_json
def exchange_officers(officers: tuple[str, ...], machine: bool) -> None:
    """Show the officers, or appoint others as ID=PUBLICKEY (operator)."""
    with reach(config.read()) as reached:
        door = reached.client.exchange
        policy = door.policy()
        if officers:
            named = dict(text.split("=", 1) for text in officers if "=" in text)
            if len(named) != len(officers):
                raise Invalid(
                    "option.officer", "An officer is ID=PUBLICKEY.", "officers", "Such as ann=3b6a…"
                )
            policy = door.set_policy(msgspec.structs.replace(policy, officers=named))
    lines = [f"{name}  {public}" for name, public in policy.officers.items()]
    say(machine, policy, "\n".join(lines) or "No officers are appointed.")


OVERRIDE = (
    click.argument("pool"),
    click.argument("act", type=click.Choice(["recall", "suspend", "readmit"])),
    click.argument("subject"),
    click.option("--reason", required=True, type=click.Choice(["safety", "legal", "error", "abuse"])),
    click.option("--at", required=True, type=int, help="ms since 1970: the same in both signatures."),
)


def override_options(command: Callable[..., None]) -> Callable[..., None]:
    """What an override says."""
    for option in reversed(OVERRIDE):
        command = option(command)
    return command


@exchange.command("sign")
@override_options
@click.option(
    "--key", required=True, type=click.Path(exists=True, path_type=Path), help="The officer's file."
)
@click.option("--origin", help="Of the log; by default the node's, whom you then believe.")
@as_json
def exchange_sign(
    pool: str, act: str, subject: str, reason: str, at: int, key: Path, origin: str | None, machine: bool
) -> None:
    """Sign an override as an officer. SUBJECT is a slot of the log, or an annotator's id there."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from evenhand.core.canonical import b64url, unb64url
    from evenhand.core.shared_pool import override_text

    if origin is None:
        with reach(config.read()) as reached:
            origin = reached.client.exchange.overrides().origin
    try:
        private = Ed25519PrivateKey.from_private_bytes(unb64url(key.read_text().strip()))
    except (ValueError, Invalid) as error:
        raise Invalid(
            "officer.key", "The file holds no officer's key.", str(key), "See officer-key."
        ) from error
    signature = b64url(private.sign(override_text(origin, pool, act, subject, reason, at)))
    say(machine, {"signature": signature}, signature)


@exchange.command("override")
@override_options
@click.option("--signature", multiple=True, required=True, help="ID=SIGNATURE, for each of two officers.")
@as_json
def exchange_override(
    pool: str,
    act: Any,
    subject: str,
    reason: Any,
    at: int,
    signature: tuple[str, ...],
    machine: bool,
) -> None:
    """Recall a lease, suspend or readmit an annotator. It is counted, and everybody sees it."""
    from evenhand import wire

    signatures = [dict(zip(("key", "sg"), text.split("=", 1), strict=False)) for text in signature]
    wanted = wire.Override(act=act, subject=subject, reason=reason, at=at, signatures=signatures)
    with reach(config.read()) as reached:
        reached.client.exchange.override(pool, wanted)
    say(machine, wanted, f"{act} {subject}: done, and in the log.")


@exchange.command("overrides")
@as_json
def exchange_overrides(machine: bool) -> None:
    """List what officers did."""
    with reach(config.read()) as reached:
        told = reached.client.exchange.overrides()
    lines = [f"{one.at}  {one.pool} {one.n}  {one.act} {one.subject}  {one.reason}" for one in told.items]
    say(machine, told, "\n".join(lines) or "Officers have never stepped in.")


# -- erasure -------------------------------------------------------------------------------------


@commands.command()
@click.argument("what", type=click.Choice(["member", "task"]))
@click.argument("id")
@click.option(
    "--basis",
    type=click.Choice(["request", "retention", "contract"]),
    default="request",
    show_default=True,
    help="Why: the ledger says it.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def erase(what: str, id: str, basis: Any, yes: bool, machine: bool) -> None:
    """Destroy the data of a task, or who a member was. It cannot be taken back."""
    if not yes:
        click.confirm(f"Destroy what this node holds of {what} {id}? Nobody can bring it back.", abort=True)
    with reach(config.read()) as reached:
        made = (reached.client.erase_task if what == "task" else reached.client.erase_member)(id, basis)
    text = f"{made.values} values are gone. Backups and exports made before still hold them: see the guide."
    say(machine, made, text)


# -- signing keys --------------------------------------------------------------------------------


@commands.group()
def key() -> None:
    """Keys with which you sign what you say. While you have one, nothing counts in your name unsigned."""


for_client = click.option("--organization", help="Sign for this organization as a client of the exchange.")


@key.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--old", type=click.Path(path_type=Path), help="File of a key in force, which vouches for it.")
@for_client
@as_json
def key_new(file: Path, old: Path | None, organization: str | None, machine: bool) -> None:
    """Make a signing key in FILE, and let it sign for you from now on."""
    from evenhand.signer import Signer

    with reach(config.read()) as reached:
        Signer.create(file)
        made = reached.client.signing_with(old).add_signing_key(file, organization)
    text = f"{made.id} signs for {made.holder}. Its secret is in {file}, and nowhere else."
    say(machine, made, text)


@key.command("list")
@for_client
@as_json
def key_list(organization: str | None, machine: bool) -> None:
    """List your keys. One that you do not know was added by somebody else: revoke it."""
    with reach(config.read()) as reached:
        found = reached.client.signing_keys(organization)
    states = {one.id: "in force" if one.in_force else "revoked " for one in found.items}
    lines = [f"{one.id}  {states[one.id]}  since {one.added_at}" for one in found.items]
    say(machine, found, "\n".join(lines) or f"{found.holder} has no key; nothing is signed.")


@key.command("revoke")
@click.argument("id")
@for_client
@as_json
def key_revoke(id: str, organization: str | None, machine: bool) -> None:
    """From here on this key signs nothing."""
    with reach(config.read()) as reached:
        gone = reached.client.revoke_signing_key(id, organization)
    say(machine, gone, f"{gone.id} signs nothing any more.")


# -- the ledger ---------------------------------------------------------------------------------


@commands.group()
def ledger() -> None:
    """The public log."""


@ledger.command("verify")
@click.argument("source", metavar="URL|DIR")
@click.option("--vkey", help="The log's key, from a place that its operator does not control.")
@as_json
def ledger_verify(source: str, vkey: str | None, machine: bool) -> int:
    """Check a whole log: every hash, place, time and signature. Exits with 1 when something is wrong."""
    from evenhand.audit.sources import Unreadable
    from evenhand.audit.verify import verify

    try:
        with progress("Checking", "entries") as tell:
            report = verify(log_address(source), vkey=vkey, progress=tell)
    except Unreadable as error:
        remedy = "Name a folder with a checkpoint, or the address of a node."
        raise Missing("ledger.unreadable", f"There is no log: {error}.", source, remedy) from error
    text = [f"{report.origin}: {report.entries:,} of {report.size:,} entries, root {report.root}."]
    text += [str(finding) for finding in report.findings[:20]]
    trusted = (
        ""
        if report.trusted
        else " The key came from the log itself; compare it by another way, or give --vkey."
    )
    text.append(f"Nothing is wrong.{trusted}" if report.ok else f"{report.found:,} findings.")
    say(machine, report, "\n".join(text))
    return 0 if report.ok else 1


@ledger.command("fork-proof")
@click.argument("first", metavar="CHECKPOINT")
@click.argument("second", metavar="CHECKPOINT")
@click.option("--vkey", required=True, help="The log's key, from a place that its operator does not control.")
@click.option("--log", "log", metavar="URL|DIR", help="Where the larger tree's tiles are, when sizes differ.")
@click.option("--out", type=click.Path(dir_okay=False), default="fork-proof.json", show_default=True)
def ledger_fork_proof(first: str, second: str, vkey: str, log: str | None, out: str) -> int:
    """Compare two checkpoints of one log, each a file or an address such as a witness's. When they contradict
    each other, write one file that proves it, and exit with 1."""
    from evenhand.audit.forks import prove_fork
    from evenhand.audit.notes import Unacceptable
    from evenhand.audit.sources import Unreadable, open_source, read_note

    try:
        tiles = open_source(log_address(log)) if log else None
        proof = prove_fork(read_note(first), read_note(second), vkey, tiles)
    except (Unreadable, Unacceptable) as error:
        raise Invalid(
            "fork.compare", f"These cannot be compared: {error}.", "", "Name checkpoints of one log."
        ) from error
    if proof is None:
        click.echo("They do not contradict each other.")
        return 0
    Path(out).write_bytes(proof)
    click.echo(f"The log contradicts itself. {out} proves it: evenhand ledger fork-verify {out}")
    return 1


@ledger.command("fork-verify")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option("--vkey", help="The log's key; without it, the one in the file is whom it accuses.")
def ledger_fork_verify(path: str, vkey: str | None) -> int:
    """Check a proof that a log contradicts itself. Exits with 0 when it does prove that, else with 1."""
    from evenhand.audit.forks import verify_fork
    from evenhand.audit.notes import Unacceptable

    try:
        fork = verify_fork(Path(path).read_bytes(), vkey)
    except Unacceptable as error:
        raise Invalid("fork.proof", f"This proves nothing: {error}.", path) from error
    click.echo(
        f"{fork.origin} signed two trees of which neither continues the other:\n"
        f"  {fork.first.size:,} entries, root {fork.first.root.hex()}\n"
        f"  {fork.second.size:,} entries, root {fork.second.root.hex()}"
    )
    return 0


@commands.command()
@click.argument("source", metavar="URL|DIR")
@click.option("--vkey", help="The log's key, from a place that its operator does not control.")
@click.option("--policy", type=click.Path(dir_okay=False), help="Whose witnesses count (tlog-policy).")
@click.option("--receipts", "folders", multiple=True, metavar="DIR", help="Receipts that somebody keeps.")
@click.option("--view", "views", multiple=True, metavar="CHECKPOINT", help="What somebody else was shown.")
@click.option("--at", type=int, help="Time of the audit, ms since 1970; freshness counts from it.")
@click.option("--html", "page", type=click.Path(dir_okay=False), help="Write a page for people.")
@click.option("--oscal", type=click.Path(dir_okay=False), help="Write OSCAL assessment results.")
@as_json
def audit(
    source: str,
    vkey: str | None,
    policy: str | None,
    folders: tuple[str, ...],
    views: tuple[str, ...],
    at: int | None,
    page: str | None,
    oscal: str | None,
    machine: bool,
) -> int:
    """Audit a whole log from outside: signatures and witnesses; every allocation, verdict, price and draw
    replayed; parity tested. Works on a folder of files too. Exits with 1 when something is found."""
    from evenhand.audit import report
    from evenhand.audit.notes import Unacceptable
    from evenhand.audit.oscal import as_oscal
    from evenhand.audit.run import audit as run
    from evenhand.audit.sources import Unreadable, read_note

    kept = [path for folder in folders for path in sorted(Path(folder).rglob("*.json"))]
    try:
        with progress("Auditing", "entries") as tell:
            made = run(
                log_address(source),
                vkey=vkey,
                policy=None if policy is None else text_of(Path(policy)),
                receipts=[path for path in kept if not path.name.startswith("fork-")],
                views=[read_note(view) for view in views],
                at=at,
                progress=tell,
            )
    except (Unreadable, Unacceptable) as error:
        remedy = "Name a folder with a checkpoint or the address of a node, and a policy of tlog-policy."
        raise Missing("audit.unreadable", f"This cannot be audited: {error}.", source, remedy) from error
    if page is not None:
        Path(page).write_text(report.as_html(made), "utf-8")
    if oscal is not None:
        Path(oscal).write_text(as_oscal(made), "utf-8")
    click.echo(report.dumped(made) if machine else report.as_text(made))
    return 0 if made.ok else 1


@commands.group()
def webhook() -> None:
    """What other programs are told."""


@commands.group()
def ml() -> None:
    """Models of your own that suggest answers, over Label Studio's ML protocol."""


@ml.command("connect")
@click.argument("project")
@click.argument("url")
@click.option("--title", default="", help="What it is called; without it, its host.")
@click.option("--suggest-only", is_flag=True, help="Its predictions are no annotations of a model annotator.")
@click.option("--interactive", is_flag=True, help="Annotators may ask it in the middle of a task.")
@click.option("--training", is_flag=True, help="It is told of every annotation.")
@click.option("--token", default="", help="An API key for it, to read data with.")
@as_json
def ml_connect(
    project: str,
    url: str,
    title: str,
    suggest_only: bool,
    interactive: bool,
    training: bool,
    token: str,
    machine: bool,
) -> None:
    """Let the model at URL suggest answers in PROJECT."""
    with reach(config.read()) as reached:
        made = reached.client.connect_backend(
            find_project(reached.client, project).id,
            url,
            title,
            counts=not suggest_only,
            interactive=interactive,
            training=training,
            access_token=token,
        )
    say(machine, made, backend_words(made))


def backend_words(one: wire.Backend) -> str:
    """A backend for a person."""
    said = f"{one.state}, said something of {one.predicted:,} of {one.total:,} tasks"
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.id}  {one.title} {one.version}  {one.url}  {said}{reason}"


@ml.command("list")
@click.argument("project")
@as_json
def ml_list(project: str, machine: bool) -> None:
    """List the backends of PROJECT."""
    with reach(config.read()) as reached:
        found = list(reached.client.backends(find_project(reached.client, project).id))
    say(machine, found, "\n".join(map(backend_words, found)) or "There is no backend yet.")


@ml.command("predict")
@click.argument("backend")
@as_json
def ml_predict(backend: str, machine: bool) -> None:
    """Ask BACKEND about every open task that its model has not said anything of."""
    with reach(config.read()) as reached:
        asked = reached.client.predict(backend)
    say(machine, asked, f"{asked.id} is asked; `evenhand ml list` tells how far it is.")


@ml.command("train")
@click.argument("backend")
def ml_train(backend: str) -> None:
    """Tell BACKEND that it may train now."""
    with reach(config.read()) as reached:
        reached.client.train_backend(backend)


@ml.command("disconnect")
@click.argument("backend")
def ml_disconnect(backend: str) -> None:
    """Ask BACKEND nothing more. Annotations of its model stay."""
    with reach(config.read()) as reached:
        reached.client.disconnect_backend(backend)


@webhook.command("list")
@as_json
def webhook_list(machine: bool) -> None:
    """List the webhooks of your organization."""
    with reach(config.read()) as reached:
        found = list(reached.client.webhooks())
    lines = [
        f"{hook.id}  {'paused' if hook.paused else 'active':<6}  {hook.url}  "
        f"{', '.join(hook.kinds) or 'everything'}{f' of {hook.project_id}' if hook.project_id else ''}"
        for hook in found
    ]
    say(machine, found, "\n".join(lines) or "There is no webhook yet.")


@webhook.command("create")
@click.argument("url")
@click.option("--kind", "kinds", multiple=True, help="Of message, such as task.completed; without it, all.")
@click.option("--project", help="Only about this project, an id or a name.")
@as_json
def webhook_create(url: str, kinds: tuple[str, ...], project: str | None, machine: bool) -> None:
    """Tell URL what happens from now on. Prints the secret, which is shown this once."""
    with reach(config.read()) as reached:
        about = find_project(reached.client, project).id if project else None
        made = reached.client.create_webhook(url, kinds, about)
    say(machine, made, f"{made.id}\nsecret: {made.secret}  (shown this once)")


@webhook.command("pause")
@click.argument("webhook")
@as_json
def webhook_pause(webhook: str, machine: bool) -> None:
    """Hold the messages of WEBHOOK until it goes on."""
    with reach(config.read()) as reached:
        changed = reached.client.pause_webhook(webhook)
    say(machine, changed, f"{changed.id} is paused; its messages are held.")


@webhook.command("resume")
@click.argument("webhook")
@as_json
def webhook_resume(webhook: str, machine: bool) -> None:
    """Let WEBHOOK go on, with what was held."""
    with reach(config.read()) as reached:
        changed = reached.client.pause_webhook(webhook, paused=False)
    say(machine, changed, f"{changed.id} goes on.")


@webhook.command("delete")
@click.argument("webhook")
def webhook_delete(webhook: str) -> None:
    """Tell WEBHOOK nothing more."""
    with reach(config.read()) as reached:
        reached.client.delete_webhook(webhook)


@webhook.command("deliveries")
@click.argument("webhook", required=False)
@click.option("--state", type=click.Choice(["waiting", "held", "taken", "given_up"]))
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@as_json
def webhook_deliveries(webhook: str | None, state: str | None, limit: int, machine: bool) -> None:
    """List what was sent or waits, newest first; of WEBHOOK alone when it is named."""
    with reach(config.read()) as reached:
        found = list(islice(reached.client.deliveries(webhook, state), limit))
    lines = [
        f"{one.id}  {one.created_at}  {one.state:<8}  {one.status or '-':>3}  "
        f"{one.kind}  {one.url}  {one.reason}"
        for one in found
    ]
    say(machine, found, "\n".join(lines) or "Nothing was sent yet.")


@webhook.command("show")
@click.argument("delivery")
@as_json
def webhook_show(delivery: str, machine: bool) -> None:
    """Show what DELIVERY sends, and what was answered."""
    with reach(config.read()) as reached:
        found = reached.client.delivery(delivery)
    answered = f"{found.status or 'no answer'}  {found.reason}\n{found.answer}".rstrip()
    body = found.body or "(made when it is sent)"
    say(machine, found, f"{found.kind} to {found.url}: {found.state}\n\n{body}\n\n{answered}")


@webhook.command("replay")
@click.argument("delivery")
@as_json
def webhook_replay(delivery: str, machine: bool) -> None:
    """Send DELIVERY once more, under the same id."""
    with reach(config.read()) as reached:
        found = reached.client.replay(delivery)
    say(machine, found, f"{found.id} is on its way again.")


@commands.group()
def receipts() -> None:
    """What you can prove about the log."""


@receipts.command("watch")
@click.argument("url")
@click.option("--dir", "folder", required=True, type=click.Path(file_okay=False), help="Where to keep them.")
@click.option("--policy", type=click.Path(dir_okay=False), help="Whose witnesses to ask (tlog-policy).")
@click.option("--hook", default="", help="A command that gets each alarm as JSON on its standard input.")
@click.option("--every", default=10.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once, until nothing is waiting any more.")
@as_json
def receipts_watch(
    url: str, folder: str, policy: str | None, hook: str, every: float, once: bool, machine: bool
) -> int:
    """Keep a receipt of everything that EVENHAND_API_KEY's organization asked for and had done, and look for
    each in the log. Tells at once, and exits with 1, when one is not there or the log tells two stories."""
    from evenhand.audit.sources import HttpSource
    from evenhand.core.trust import parse_policy
    from evenhand.receipts import Watcher, watch
    from evenhand.sdk import Client

    trust = parse_policy(text_of(Path(policy))) if policy is not None else None
    asked = {w.name: HttpSource(w.url) for w in (trust.witnesses if trust else ()) if w.url}
    key = config.read().api_key
    if not key:
        raise Invalid(
            "receipts.key", "Whose receipts?", "EVENHAND_API_KEY", "Set it to a key of your organization."
        )
    with Client(url, key) as client:
        watcher = Watcher(client, Path(folder), witnesses=dict(asked), policy=trust, hook=hook)
        alarms = watch(watcher, every, once)
    for alarm in alarms:
        say(
            machine,
            alarm,
            f"ALARM {alarm.rule}: {alarm.reason}" + (f" See {alarm.evidence}." * bool(alarm.evidence)),
        )
    return 1 if alarms else 0


@commands.command()
@click.option(
    "--dir", "folder", required=True, type=click.Path(file_okay=False), help="Its folder; made if missing."
)
@click.option("--name", required=True, help="What it signs under, such as witness.example.org.")
@click.option(
    "--log", "logs", multiple=True, metavar="VKEY", help="Key of a log that it knows. May be repeated."
)
@click.option(
    "--policy", type=click.Path(dir_okay=False), help="File in tlog-policy syntax, whose logs are known."
)
@click.option("--ml-dsa", "ml_dsa", is_flag=True, help="Cosign with ML-DSA-44 as well as with Ed25519.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=7380, show_default=True)
def witness(
    folder: str, name: str, logs: tuple[str, ...], policy: str | None, ml_dsa: bool, host: str, port: int
) -> None:
    """Cosign checkpoints of other nodes' logs, never two that contradict each other (C2SP tlog-witness)."""
    from evenhand.core.checkpoint import parse_vkey
    from evenhand.core.trust import parse_policy
    from evenhand.witness import Witness, serve

    known = [parse_vkey(vkey) for vkey in logs]
    if policy is not None:
        known += [log.key for log in parse_policy(text_of(Path(policy))).logs]
    opened = Witness.open(Path(folder), name, known, ml_dsa=ml_dsa)
    vkeys = "\n".join(str(key.verify_key) for key in opened.keys)
    try:
        serve(opened, host, port, lambda url: click.echo(f"{vkeys}\n{url}"))
    finally:
        opened.close()


def log_address(source: str) -> str:
    """Where the log is: a folder, or the address of a log or of a node (whose log is at /log)."""
    if source.startswith(("http://", "https://")):
        bare = source.rstrip("/")
        return bare if bare.endswith("/log") or "/log/previous/" in bare else f"{bare}/log"
    inside = Path(source) / "ledger" / "public"
    return str(inside if inside.is_dir() else source)
