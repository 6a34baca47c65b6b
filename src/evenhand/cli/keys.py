"""Commands on signing keys."""

from __future__ import annotations

from pathlib import Path

import click

from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import connected


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

    with connected() as client:
        Signer.create(file)
        made = client.signing_with(old).add_signing_key(file, organization)
    text = f"{made.id} signs for {made.holder}. Its secret is in {file}, and nowhere else."
    say(machine, made, text)


@key.command("list")
@for_client
@as_json
def key_list(organization: str | None, machine: bool) -> None:
    """List your keys. One that you do not know was added by somebody else: revoke it."""
    with connected() as client:
        found = client.signing_keys(organization)
    states = {one.id: "in force" if one.in_force else "revoked " for one in found.items}
    lines = [f"{one.id}  {states[one.id]}  since {one.added_at}" for one in found.items]
    say(machine, found, "\n".join(lines) or f"{found.holder} has no key; nothing is signed.")


@key.command("revoke")
@click.argument("id")
@for_client
@as_json
def key_revoke(id: str, organization: str | None, machine: bool) -> None:
    """From here on this key signs nothing."""
    with connected() as client:
        gone = client.revoke_signing_key(id, organization)
    say(machine, gone, f"{gone.id} signs nothing any more.")


@key.command("demand")
@click.argument("kinds", nargs=-1)
@click.option("--everybody", is_flag=True, help="Nobody does it without a key; else: whoever has one.")
@as_json
def key_demand(kinds: tuple[str, ...], everybody: bool, machine: bool) -> None:
    """Demand that acts of these KINDS be signed on this node, such as `reviewed skipped flagged`.

    For the operator. It replaces what was demanded before; without KINDS nothing is but answers and waivers,
    which whoever has a key always signs.
    """
    with connected() as client:
        told = client.set_signing_policy(kinds, "everybody" if everybody else "holders")
    who = "everybody" if everybody else "whoever has a key"
    named = ", ".join(told.kinds) or "nothing more than answers and waivers"
    say(machine, told, f"From now on {who} must sign: {named}.")
