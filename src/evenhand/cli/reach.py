"""How a command finds its node: one that runs, or the store opened here for as long as it takes."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

import click
import msgspec

from evenhand import config
from evenhand.config import Config
from evenhand.core.errors import Invalid, Missing, Unavailable

if TYPE_CHECKING:
    from evenhand import wire
    from evenhand.sdk import Client


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
    from evenhand import data_folder
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
    running = data_folder.running(settings.data)
    if running is not None:
        with Client(running.url, data_folder.key(settings.data)) as client:
            yield Reached(client, running.public_url, False)
        return
    with _own_node(settings, port, lasting) as reached:
        yield reached


@contextmanager
def connected() -> Iterator[Client]:
    """The client of the node that this environment leads to; see `reach`."""
    with reach(config.read()) as reached:
        yield reached.client


@contextmanager
def _own_node(settings: Config, port: int, lasting: bool) -> Iterator[Reached]:
    """A node in this process, as long as the command runs."""
    from evenhand import data_folder
    from evenhand.http import server
    from evenhand.sdk import Client

    with (
        server.start(msgspec.structs.replace(settings, port=port)) as address,
        Client(address.url, data_folder.key(settings.data)) as client,
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
