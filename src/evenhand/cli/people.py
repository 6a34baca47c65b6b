"""Commands on organizations, members and invites."""

from __future__ import annotations

from typing import Any

import click

from evenhand import config
from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import connected, reach
from evenhand.core.words import counted


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
    with connected() as client:
        found = list(client.organizations())
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
    with connected() as client:
        made = client.create_member(name, email, role, "model" if model else "human")
    say(machine, made, f"{made.id}\nAPI key, shown once: {made.api_key}")


@member.command("list")
@as_json
def member_list(machine: bool) -> None:
    """List the members."""
    with connected() as client:
        found = list(client.members())
    lines = [
        f"{one.id}  {one.role:<9}  {one.state:<9}  {counted(one.submitted, 'answer'):>15}  {one.name}"
        for one in found
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
