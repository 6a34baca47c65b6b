"""Commands on signing keys."""

from __future__ import annotations

from pathlib import Path

import click

from evenhand import config
from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import reach


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
