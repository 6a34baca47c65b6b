"""A node, and a project of another tool brought onto it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from evenhand import data_folder, moving, peers
from evenhand.config import Config
from evenhand.core.release import ReleasedTask
from evenhand.http import server
from evenhand.peers.media import Media
from evenhand.sdk import Client

Bring = Callable[..., moving.Moved]
Released = Callable[[str], list[ReleasedTask]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    data = tmp_path_factory.mktemp("node") / "data"
    settings = Config(data=data, port=0)
    with server.start(settings) as address, Client(address.url, data_folder.key(settings.data)) as owner:
        yield owner


@pytest.fixture
def bring(client: Client) -> Bring:
    """Brings files of a peer onto the node."""

    def call(peer: str, *files: Path, media: Path | None = None, **options: object) -> moving.Moved:
        read = peers.find(peer).read(files, peers.Options(**options))
        if media is None:
            return moving.move(client, read, None)
        with Media(media) as found:
            return moving.move(client, found.look(read), None, None, found)

    return call


@pytest.fixture
def released(client: Client, tmp_path: Path) -> Released:
    """What the node exports of a project."""

    def call(project: str) -> list[ReleasedTask]:
        folder = tmp_path / "released"
        client.export(project, "jsonl", folder, replace=True)
        lines = (folder / "tasks.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=ReleasedTask) for line in lines]

    return call
