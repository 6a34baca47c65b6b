"""The frame of all commands: the group, how errors are said, progress, and output for machines."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenhand import __version__
from evenhand.core.errors import EvenhandError, Unavailable

if TYPE_CHECKING:
    from evenhand.sdk import Progress

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors of the place that is written to: nothing of ours is wrong."""
SHOWN_REJECTIONS = 10  # rows that a person is told of; --json has all
COMPILING = "Compiling, as once after each installation. This takes some seconds."


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
        _drop_output()
        return 1
    except Exception as error:
        click.echo(unexpected(error, debug), err=True)
        _drop_output()
        return 1


def _drop_output() -> None:
    """Forget what standard output does not take, or Python complains again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def words(error: EvenhandError) -> str:
    """What is wrong, where, why, and what to do."""
    place = f"{error.where}: " if error.where else ""
    remedy = f"\n  {error.remedy}" if error.remedy else ""
    return f"Error: {place}{error.reason}{remedy}"


def unexpected(error: Exception, debug: bool) -> str:
    """One line about an error of ours, and where the rest is; of a full disk, what it is."""
    if debug:
        return traceback.format_exc()
    if isinstance(error, OSError) and error.errno in FULL:
        reason = f"The output cannot be written: {error.strerror}."
        remedy = "See that there is room and that you may write there."
        return words(Unavailable("output.unwritten", reason, error.filename or "", remedy))
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


def say(machine: bool, value: Any, text: str, err: bool = False) -> None:
    """The result of a command, for a program or a person; on standard error where its output is a file."""
    click.echo(msgspec.json.encode(value).decode() if machine else text, err=err)


@contextmanager
def progress(title: str, unit: str, compiles: bool = False) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing in a pipe.

    Args:
        compiles: what runs meanwhile is compiled at its first use, and takes so long that it is said.
    """
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
    with Bar(*parts, console=Console(stderr=True), transient=True) as bar, ExitStack() as more:
        if compiles:
            from evenhand.core.inference.compiled import told_of_compiling

            more.enter_context(told_of_compiling(lambda: bar.console.print(COMPILING)))
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
