"""Commands on tables of labels, without a node."""

from __future__ import annotations

from pathlib import Path

import click

from evenhand.cli.frame import as_json, commands, progress, say


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
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
@as_json
def aggregate(
    file: Path,
    out: Path | None,
    annotators: Path | None,
    method: str,
    iterations: int | None,
    kind: str,
    config: Path | None,
    machine: bool,
) -> None:
    """What the labels of several annotators come to: FILE has the columns task, worker and label."""
    from evenhand import aggregation

    with progress("Reading", "labels") as tell:
        found = aggregation.summarize(file, out, annotators, method, iterations, tell, kind, config)
    say(machine, found, aggregation.words(found))


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--scale", default="nominal", show_default=True, help="nominal, ordinal, interval or ratio.")
@as_json
def agreement(file: Path, scale: str, machine: bool) -> None:
    """How far the annotators agree, beyond chance: FILE has the columns task, worker and label."""
    from evenhand.aggregation import agreeing

    with progress("Reading", "labels") as tell:
        found = agreeing.of_file(file, scale, tell)  # type: ignore[arg-type]  # it is checked there
    say(machine, found, agreeing.words(found))
