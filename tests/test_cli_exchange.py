"""`evenhand exchange …` from the first pool to the officers, against a real node, and its SDK with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evenhand import cli, data_folder
from evenhand.config import Config
from evenhand.core.allocation import slot_of
from evenhand.core.errors import Refused
from evenhand.http import server
from evenhand.sdk import Client

Say = Callable[..., Any]


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    settings = Config(data=tmp_path / "data", port=0)
    key = ""
    with server.start(settings) as address:
        key = data_folder.key(settings.data)
        monkeypatch.setenv("EVENHAND_URL", address.url)
        monkeypatch.setenv("EVENHAND_API_KEY", key)
        with Client(address.url, key) as owner:
            yield owner


@pytest.fixture
def say(node: Client, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs `evenhand exchange …`; gives what it prints, read as JSON unless `plain`."""

    def call(*arguments: str, plain: bool = False, code: int = 0) -> Any:
        told = cli.run(["exchange", *arguments, *([] if plain else ["--json"])])
        out = capsys.readouterr()
        assert told == code, (arguments, out)
        return out.err if code else out.out if plain else json.loads(out.out)

    return call


def test_an_exchange_is_set_up_used_and_overridden_from_the_command_line(
    node: Client, say: Say, tmp_path: Path
) -> None:
    assert "no shared pools" in say("pools", plain=True)
    pool = say("open-pool", "--language", "en", "--price", "text=10")["id"]
    say("hold", "Founders", "Acme", "--economic", "100", "--since", "2020-01-01")
    (acme,) = [s for s in node.exchange.statements() if s["recordDetails"].get("name") == "Acme"]
    assert "There are: default" in say("admit", "client", "Nobody", "--record", "Acme", code=1)
    client = say("admit", "client", "default", "--record", "Acme")["id"]
    assert f"{acme['recordId']}  Acme, client" in say("ownership", plain=True)
    file = tmp_path / "file.json"
    provider = {**acme, "statementId": "s" * 32, "recordId": "provider-1", "declarationSubject": "provider-1"}
    provider["recordDetails"] = acme["recordDetails"] | {"name": "Provider"}
    file.write_text(json.dumps([provider]))
    assert say("state", str(file))["accepted"] == 1
    entity = say("admit", "provider", "default", "--record", "provider-1")["id"]
    assert {(p["id"], p["role"]) for p in say("parties")} == {(client, "client"), (entity, "provider")}
    terms = say("terms", pool, "--price", "text=20", "--weight", f"{client}=2", "--charge", "10")
    assert terms["policies"][-1]["terms"]["weights"] == {client: 2}
    assert "text 20" in say("pools", plain=True)

    assert say("join", pool, "--exposure", "500")["weight"] == 2
    member = node.create_annotator("Amara")
    assert say("enrol", pool, member.id, "--language", "en", "--band", "2")["state"] == "active"
    project = node.create_project(
        "Spam", [{"name": "text"}], [{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}]
    )
    node.import_tasks(project.id, [{"text": "one"}, {"text": "two"}])
    say("send", project.id, "--pool", pool, "--family", "text")
    assert [one.project_id for one in node.exchange.sent()] == [project.id]

    with Client(node.url, member.api_key) as annotator:
        work = annotator.next_assignment(pool=pool)
        assert work is not None and [one.pool for one in annotator.exchange.my_pools()] == [pool]
        officers = {}
        for name in ("ann", "ben"):
            officers[name] = say("officer-key", str(tmp_path / name))["public"]
        assert "such a file" in say("officer-key", str(tmp_path / "ann"), code=1)
        say("officers", *(f"{name}={public}" for name, public in officers.items()))
        act = ("recall", slot_of(work.id), "--reason", "error", "--at", "1700000000000")
        signed = [
            f"{name}={say('sign', pool, *act, '--key', str(tmp_path / name))['signature']}"
            for name in officers
        ]
        assert "two different officers" in say("override", pool, *act, "--signature", signed[0], code=1)
        say("override", pool, *act, *(part for one in signed for part in ("--signature", one)))
        assert [one["act"] for one in say("overrides")["items"]] == ["recall"]
        with pytest.raises(Refused, match="taken back"):
            annotator.submit(work.id, {"spam": "ham"})
        assert annotator.exchange.set_available(pool, False).available is False

    say("hold", "Acme", "provider-1", "--economic", "15", "--since", "2020-01-01")
    assert "15%" in say("ownership", plain=True)
    assert say("waive", pool, entity)["state"] == "given"
    assert say("ownership")["conflicts"][0]["blocked"] is False
    say("rivals", "Provider")
    assert say("rivals")["records"] == ["provider-1"] and say("ownership")["conflicts"][0]["rival"] is True
    assert say("rivals", "--none")["records"] == []
    assert say("send", project.id)["pool"] == ""
    assert say("join", pool, "--leave")["state"] == "left"
    assert {one.client for one in node.exchange.clients(pool)} == {client}
    assert [one.member_id for one in node.exchange.annotators(pool)] == [member.id]


def test_what_is_not_meant_clearly_is_told(say: Say, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{")
    assert "cannot be read" in say("state", str(file), code=1)
    file.write_text("{}")
    assert "no array" in say("state", str(file), code=1)
    assert "name=number" in say("open-pool", "--language", "en", "--price", "text", code=1)
    assert "ID=PUBLICKEY" in say("officers", "ann", code=1)
    sign = ("sign", "pool-x", "recall", "s", "--reason", "error", "--at", "1", "--key", str(file))
    assert "no officer's key" in say(*sign, code=1)
