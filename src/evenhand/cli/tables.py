"""Commands on tables of labels, without a node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from evenhand.cli.frame import as_json, commands, progress, say

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.argument("file", type=click.Path(path_type=Path))


def column_options(command: Command) -> Command:
    """What the columns of a table are called, and which question of an export is meant."""
    for option in reversed(
        (
            click.option("--task", metavar="NAME", help="What the column of tasks is called."),
            click.option("--worker", metavar="NAME", help="What the column of annotators is called."),
            click.option("--label", metavar="NAME", help="What the column of labels is called."),
            click.option("--question", metavar="ID", help="Of a project's export: the question."),
        )
    ):
        command = option(command)
    return command


@commands.command()
@FILE
@click.option("--out", type=click.Path(path_type=Path), help="Table to write: .csv, .tsv or .parquet.")
@click.option("--annotators", type=click.Path(path_type=Path), help="Table of their skills to write.")
@click.option("--method", default="robust", show_default=True, help="How; the guide lists the methods.")
@click.option("--iterations", type=click.IntRange(0), help="Exactly so many.")
@click.option(
    "--type",
    "kind",
    default="class",
    show_default=True,
    help="What labels are: class, number, pairs, or a label type such as span, box or text.",
)
@click.option(
    "--config", type=click.Path(path_type=Path), help="Of a label type: the question's keys, in JSON."
)
@click.option("--classes", metavar="A,B", help="All classes, in the order wanted; also those nobody gave.")
@click.option(
    "--worth-asking",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="List N tasks that one more label would help most.",
)
@click.option("--left", metavar="NAME", help="With --type pairs: the column of what stands on the left.")
@click.option("--right", metavar="NAME", help="With --type pairs: the column of what stands on the right.")
@click.option("--winner", metavar="NAME", help="With --type pairs: the column of what is better.")
@column_options
@as_json
def aggregate(
    file: Path,
    out: Path | None,
    annotators: Path | None,
    method: str,
    iterations: int | None,
    kind: str,
    config: Path | None,
    classes: str | None,
    worth_asking: int,
    left: str | None,
    right: str | None,
    winner: str | None,
    task: str | None,
    worker: str | None,
    label: str | None,
    question: str | None,
    machine: bool,
) -> None:
    """What several annotators' labels come to.

    FILE has the columns task, worker and label; of comparisons worker, left, right and winner. It is CSV,
    TSV, Parquet or JSON Lines, compressed or not, a project's export, or - for standard input.
    """
    from evenhand import aggregation

    names = {
        "task": task,
        "worker": worker,
        "label": label,
        "left": left,
        "right": right,
        "winner": winner,
    }
    with progress("Reading and weighing", "labels", compiles=True) as tell:
        found = aggregation.summarize(
            file,
            out,
            annotators,
            method,
            iterations,
            tell,
            kind,
            config,
            {which: name for which, name in names.items() if name},
            question,
            classes.split(",") if classes else None,
            worth_asking,
        )
    piped = Path("-") in (out, annotators)
    say(machine, found, aggregation.words(found), err=piped)


@commands.command()
@FILE
@click.option("--scale", default="nominal", show_default=True, help="nominal, ordinal, interval or ratio.")
@column_options
@as_json
def agreement(
    file: Path,
    scale: str,
    task: str | None,
    worker: str | None,
    label: str | None,
    question: str | None,
    machine: bool,
) -> None:
    """How far annotators agree, beyond chance.

    FILE has the columns task, worker and label. It is CSV, TSV, Parquet or JSON Lines, compressed or not, a
    project's export, or - for standard input.
    """
    from evenhand.aggregation import agreeing, vote_table

    wanted = vote_table.named(vote_table.COLUMNS, task=task, worker=worker, label=label)
    with progress("Reading", "labels", compiles=True) as tell:
        found = agreeing.of_file(file, scale, tell, wanted, question)  # type: ignore[arg-type]  # checked there
    say(machine, found, agreeing.words(found))
