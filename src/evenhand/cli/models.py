"""Commands on models that suggest answers over Label Studio's ML protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import connected, find_project

if TYPE_CHECKING:
    from evenhand import wire


@commands.group()
def ml() -> None:
    """Models of your own that suggest answers.

    They speak Label Studio's ML protocol.
    """


@ml.command("connect")
@click.argument("project")
@click.argument("url")
@click.option("--title", default="", help="What it is called; without it, its host.")
@click.option("--suggest-only", is_flag=True, help="Its predictions are no annotations of a model annotator.")
@click.option("--interactive", is_flag=True, help="Annotators may ask it in the middle of a task.")
@click.option("--training", is_flag=True, help="It is told of every annotation.")
@click.option("--token", default="", help="An API key for it, to read data with.")
@click.option("--login", metavar="NAME:PASSWORD", default="", help="Where it answers only to these.")
@as_json
def ml_connect(
    project: str,
    url: str,
    title: str,
    suggest_only: bool,
    interactive: bool,
    training: bool,
    token: str,
    login: str,
    machine: bool,
) -> None:
    """Let the model at URL suggest answers in PROJECT."""
    with connected() as client:
        made = client.connect_backend(
            find_project(client, project).id,
            url,
            title,
            counts=not suggest_only,
            interactive=interactive,
            training=training,
            access_token=token,
            login=login,
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
    with connected() as client:
        found = list(client.backends(find_project(client, project).id))
    say(machine, found, "\n".join(map(backend_words, found)) or "There is no backend yet.")


@ml.command("predict")
@click.argument("backend")
@as_json
def ml_predict(backend: str, machine: bool) -> None:
    """Ask BACKEND about every open task that its model has not said anything of."""
    with connected() as client:
        asked = client.predict(backend)
    say(machine, asked, f"{asked.id} is asked; `evenhand ml list` tells how far it is.")


@ml.command("train")
@click.argument("backend")
def ml_train(backend: str) -> None:
    """Tell BACKEND that it may train now."""
    with connected() as client:
        client.train_backend(backend)


@ml.command("disconnect")
@click.argument("backend")
def ml_disconnect(backend: str) -> None:
    """Ask BACKEND nothing more. Annotations of its model stay."""
    with connected() as client:
        client.disconnect_backend(backend)
