"""The command that erases."""

from __future__ import annotations

from typing import Any

import click

from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import connected


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
    with connected() as client:
        made = (client.erase_task if what == "task" else client.erase_member)(id, basis)
    text = f"{made.values} values are gone. Backups and exports made before still hold them: see the guide."
    say(machine, made, text)
