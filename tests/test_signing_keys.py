"""Signing keys from the outside: a key in a file, a node that holds to it, and an audit that counts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evenhand import Client, cli, data_folder
from evenhand.audit import report
from evenhand.audit.run import audit
from evenhand.audit.verify import verify
from evenhand.config import Config
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.http import server
from evenhand.signer import Signer


def test_what_is_signed_is_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, file = tmp_path / "data", tmp_path / "me.key"
    runner = CliRunner()
    with server.start(Config(data=data, port=0, log_level="error")) as address:
        api_key = data_folder.key(data)
        monkeypatch.setenv("EVENHAND_URL", address.url)
        monkeypatch.setenv("EVENHAND_API_KEY", api_key)
        with Client(address.url, api_key) as plain:
            project = plain.create_project(
                "P", [{"name": "t", "type": "text"}], [{"name": "q", "type": "text"}], prefetch=5
            )
            plain.import_tasks(project.id, [{"t": str(i)} for i in range(6)])
            works = plain.next_assignments(project.id, count=5)
            plain.submit(works[0].id, {"q": "unsigned"})
            made = json.loads(runner.invoke(cli.commands, ["key", "new", str(file), "--json"]).output)
            assert file.stat().st_mode & 0o777 == 0o600
            with pytest.raises(Refused, match="signing key"):
                plain.submit(works[1].id, {"q": "unsigned"})
        with Client(address.url, api_key, signing_key=file) as client:
            receipt = client.submit(works[1].id, {"q": "ü"}, seconds=1.26)
            assert client.submit(works[1].id, {"q": "ü"}, seconds=1.26).place == receipt.place
            client.submit(works[1].id, {"q": "u"}, seconds=2, revision=1)
            entry = json.loads(receipt.submitted.receipt.entry)
            assert entry["by"] == f"key:{made['id']}" and "b ms 1300\n" in entry["st"]
            second = tmp_path / "second.key"
            rotated = runner.invoke(cli.commands, ["key", "new", str(second), "--old", str(file)])
            assert rotated.exit_code == 0, rotated.output
            assert "signs nothing" in runner.invoke(cli.commands, ["key", "revoke", made["id"]]).output
            with pytest.raises(Refused) as unknown:
                client.submit(works[2].id, {"q": "x"})
            assert unknown.value.rule == "signing.key-unknown"
            last = client.signing_with(second).submit(works[2].id, {"q": "x"})
            last.proof()
            listed = runner.invoke(cli.commands, ["key", "list"]).output
            assert "revoked" in listed and "in force" in listed
    public = data / "ledger" / "public"
    told, found = verify(public), audit(public)
    assert told.ok and found.ok, (told.findings, found.findings.kept)
    assert (found.signed, found.keys, found.keys_by_node) == (4, 2, 0)


def test_the_client_signs_all_that_its_caller_does(tmp_path: Path) -> None:
    data, boss_file, ann_file = tmp_path / "data", tmp_path / "boss.key", tmp_path / "ann.key"
    with server.start(Config(data=data, port=0, log_level="error")) as address:
        with Client(address.url, data_folder.key(data)) as boss:
            made = boss.create_member("Ann")
            project = boss.create_project(
                "P",
                [{"name": "t", "type": "text"}],
                [{"name": "q", "type": "text"}],
                prefetch=5,
                review={"which": "all"},
            ).id
            boss.import_tasks(project, [{"t": str(i)} for i in range(4)])
            Signer.create(boss_file)
            boss.add_signing_key(boss_file)
            boss.signing_with(boss_file)
            kinds = ["skipped", "flagged", "reviewed", "appealed", "appeal-decided"]
            assert boss.set_signing_policy(kinds, "everybody").kinds == sorted(kinds)
            with Client(address.url, made.api_key) as ann:
                works = ann.next_assignments(project, count=4)
                with pytest.raises(Refused, match="no signing key"):
                    ann.skip(works[0].id, "no")
                Signer.create(ann_file)
                ann.add_signing_key(ann_file)
                ann.signing_with(ann_file).flag(works[0].id, "odd")
                ann.skip(works[0].id, "no")
                for one in works[1:]:
                    ann.submit(one.id, {"q": "a"})
                for decision, more in (
                    ("accept", {}),
                    ("fix", {"answers": {"q": "b"}}),
                    ("return", {"comment": "Look again."}),
                ):
                    review = boss.next_review(project)
                    if decision == "return":
                        more["assignment_ids"] = [one.assignment_id for one in review.annotations]
                    boss.decide_review(review.id, decision, revision=review.revision, seconds=1.2, **more)
                fixed = next(j for j in ann.judgements(project) if j.outcome == "fixed")
                appeal = ann.appeal(fixed.assignment_id, "It is a.")
                upheld = boss.decide_appeal(appeal.id, "uphold", "You are right.")
                assert upheld.state == "upheld"
        public = data / "ledger" / "public"
    found = audit(public)
    assert found.ok and found.demanded == sorted(kinds), found.findings.kept
    assert (found.signed, found.spoken_for) == (2 + 3 + 3 + 2, {})
    assert "reviewed" in report.as_text(found)


def test_a_key_s_file_is_never_overwritten_and_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "k"
    Signer.create(file)
    with pytest.raises(Refused, match="already"):
        Signer.create(file)
    with pytest.raises(Refused, match="cannot be made"):
        Signer.create(tmp_path / "no" / "k")
    file.write_text("something else")
    with pytest.raises(Invalid):
        Signer.open(file)
    with pytest.raises(Missing):
        Signer.open(tmp_path / "none")
