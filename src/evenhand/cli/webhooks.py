"""Commands on webhooks and what was delivered."""

from __future__ import annotations

from itertools import islice

import click

from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import connected, find_project


@commands.group()
def webhook() -> None:
    """What other programs are told."""


@webhook.command("list")
@as_json
def webhook_list(machine: bool) -> None:
    """List the webhooks of your organization."""
    with connected() as client:
        found = list(client.webhooks())
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
    with connected() as client:
        about = find_project(client, project).id if project else None
        made = client.create_webhook(url, kinds, about)
    say(machine, made, f"{made.id}\nsecret: {made.secret}  (shown this once)")


@webhook.command("pause")
@click.argument("webhook")
@as_json
def webhook_pause(webhook: str, machine: bool) -> None:
    """Hold the messages of WEBHOOK until it goes on."""
    with connected() as client:
        changed = client.pause_webhook(webhook)
    say(machine, changed, f"{changed.id} is paused; its messages are held.")


@webhook.command("resume")
@click.argument("webhook")
@as_json
def webhook_resume(webhook: str, machine: bool) -> None:
    """Let WEBHOOK go on, with what was held."""
    with connected() as client:
        changed = client.pause_webhook(webhook, paused=False)
    say(machine, changed, f"{changed.id} goes on.")


@webhook.command("delete")
@click.argument("webhook")
def webhook_delete(webhook: str) -> None:
    """Tell WEBHOOK nothing more."""
    with connected() as client:
        client.delete_webhook(webhook)


@webhook.command("deliveries")
@click.argument("webhook", required=False)
@click.option("--state", type=click.Choice(["waiting", "held", "taken", "given_up"]))
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@as_json
def webhook_deliveries(webhook: str | None, state: str | None, limit: int, machine: bool) -> None:
    """List what was sent or waits, newest first; of WEBHOOK alone when it is named."""
    with connected() as client:
        found = list(islice(client.deliveries(webhook, state), limit))
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
    with connected() as client:
        found = client.delivery(delivery)
    answered = f"{found.status or 'no answer'}  {found.reason}\n{found.answer}".rstrip()
    body = found.body or "(made when it is sent)"
    say(machine, found, f"{found.kind} to {found.url}: {found.state}\n\n{body}\n\n{answered}")


@webhook.command("replay")
@click.argument("delivery")
@as_json
def webhook_replay(delivery: str, machine: bool) -> None:
    """Send DELIVERY once more, under the same id."""
    with connected() as client:
        found = client.replay(delivery)
    say(machine, found, f"{found.id} is on its way again.")
