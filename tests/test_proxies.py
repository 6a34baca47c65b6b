"""Which proxies are believed: those that the operator named, by address, and the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenhand import config
from evenhand.core.errors import Invalid
from evenhand.http import server


def test_addresses_and_networks_are_read() -> None:
    found = config.read({"EVENHAND_PROXIES": "10.0.0.5, 10.1.0.9/24,fd00:7::/64"})
    assert found.proxies == ("10.0.0.5/32", "10.1.0.0/24", "fd00:7::/64")


@pytest.mark.parametrize(
    "given", ["*", "proxy.example", "0.0.0.0/0", "::/0", "10.0.0.5;10.0.0.6", "10.0.0.300"]
)
def test_what_would_believe_everybody_is_refused(given: str) -> None:
    with pytest.raises(Invalid) as caught:
        config.read({"EVENHAND_PROXIES": given})
    assert (caught.value.rule, caught.value.where) == ("setting.proxies", "EVENHAND_PROXIES")


def test_the_server_believes_those_and_the_loopback(tmp_path: Path) -> None:
    app = server.build(config.Config(data=tmp_path, proxies=("10.1.0.0/24",)))
    try:
        loaded = server._server(app, lambda: None).config
        loaded.load()
        trusted = loaded.loaded_app.trusted_hosts
        believed = [host in trusted for host in ("127.0.0.1", "10.1.0.77", "10.2.0.1", "203.0.113.9")]
    finally:
        app.node.close()
    assert believed == [True, True, False, False]
