"""Audits of whole logs: of a node, with witnesses and receipts; as text, JSON, HTML and OSCAL."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from evenhand import Client, cli, data_folder
from evenhand.audit import report
from evenhand.audit.findings import ALARM, BLIND_SPOTS, CONTROLS, GAP, PROVEN, Finding, advice
from evenhand.audit.notes import TreeHead, Unacceptable
from evenhand.audit.oscal import as_oscal
from evenhand.audit.run import RULES, Audit, Share, audit
from evenhand.audit.trust import cosignatures, read_policy
from evenhand.config import Config
from evenhand.core.checkpoint import COSIGNATURE, SigningKey
from evenhand.core.cosigning import cosign, merge
from evenhand.http import server
from evenhand.ledger import Ledger

WITNESSES = [SigningKey(f"w{n}.example", bytes([n + 1]) * 32, COSIGNATURE) for n in range(2)]
POLICY = (
    "".join(f"witness w{n} {w.verify_key}\n" for n, w in enumerate(WITNESSES))
    + "group all-of all w0 w1\nquorum all-of\n"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a node that has done some work and is stopped."""
    folder = tmp_path_factory.mktemp("node")
    with (
        server.start(Config(data=folder / "data", port=0, log_level="error")) as address,
        Client(address.url, data_folder.key(folder / "data")) as client,
    ):
        project = client.create_project("P", [{"name": "t", "type": "text"}], [{"name": "q", "type": "text"}])
        client.import_tasks(project.id, [{"t": str(i)} for i in range(5)])
        receipts = folder / "receipts"
        receipts.mkdir()
        for n in range(3):
            work = client.next_assignment(project.id)
            assert work is not None
            (receipts / f"{n}.json").write_bytes(client.submit(work.id, {"q": "x"}).dump())
    yield folder


def cosigned(data: Path, seconds: int) -> None:
    ledger = Ledger.open(data / "data" / "ledger")
    lines = [cosign(ledger.checkpoint.text, w, seconds) for w in WITNESSES]
    note = merge(ledger.public.checkpoint_note(), lines, [w.verify_key for w in WITNESSES])
    ledger.publish_cosigned(ledger.checkpoint, note, enough=True)
    ledger.close()


def test_an_honest_node_passes_with_witnesses_and_receipts(data: Path) -> None:
    log = data / "data" / "ledger" / "public"
    receipts = sorted((data / "receipts").iterdir())
    first = audit(log, receipts=receipts)
    assert first.ok and first.receipts == 3 and first.quorum == "none asked" and not first.trusted
    cosigned(data, first.last // 1000 + 1)
    soon = audit(log, vkey=first.vkey, policy=POLICY, receipts=receipts, at=first.last + 60_000)
    assert soon.ok and soon.quorum == "met" and set(soon.cosigned) == {"w0", "w1"} and soon.trusted
    later = audit(log, policy=POLICY, at=first.last + 3_600_000)
    assert [(f.control, f.kind) for f in later.findings.kept] == [("EN-20", GAP)]
    again = audit(log, policy=POLICY, at=first.last + 3_600_000)
    same = [report.as_json(one) | {"seconds": 0} for one in (later, again)]
    assert same[0] == same[1] and as_oscal(later) == as_oscal(again)


def test_a_log_that_nobody_cosigned_does_not_meet_a_quorum(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, "log.example/l")
    ledger.close()
    made = audit(tmp_path / "public", policy=POLICY)
    assert made.quorum == "not met" and made.findings.counts[GAP] == 1


def test_a_forged_cosignature_is_a_violation(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, "log.example/l")
    line = cosign(ledger.checkpoint.text, WITNESSES[0], 7)
    note = ledger.public.checkpoint_note() + line.replace("AAAAAAAA", "AAAAAAAB").encode()
    bent = note if b"AAAAAAAB" in note else note[:-10] + b"AAAAAAA=\n"
    (tmp_path / "public" / "cosigned").write_bytes(bent)
    ledger.close()
    made = audit(tmp_path / "public", policy=POLICY)
    assert ("EN-19", PROVEN) in {(f.control, f.kind) for f in made.findings.kept}


def test_what_was_given_wrongly_is_told_as_that_and_accuses_nobody(
    data: Path, tmp_path: Path, capsys
) -> None:
    log = data / "data" / "ledger" / "public"
    assert cli.run(["audit", str(log), "--vkey", "a slip of the pen"]) == 1
    assert "no key of a log" in capsys.readouterr().err
    assert cli.run(["audit", str(tmp_path)]) == 1
    assert "neither a checkpoint nor a key" in capsys.readouterr().err


def test_each_finding_says_what_to_do(data: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(data / "data" / "ledger" / "public", cut)
    for path in (cut / "tile" / "entries").rglob("*"):
        if path.is_file():
            path.unlink()
    made = audit(cut)
    told = report.as_json(made)["findings"]
    assert told and all(one["advice"] for one in told)
    assert "What to do:" in report.as_text(made) and "somebody who keeps a copy" in report.as_html(made)
    assert all(advice(rule, kind) for rule, (_, kind) in RULES.items())


def test_every_rule_of_the_walk_has_a_control() -> None:
    folder = Path(__file__).parents[2] / "src" / "evenhand" / "audit"
    source = (folder / "verify.py").read_text() + (folder / "keys.py").read_text()
    told = set(re.findall(r'(?:report\.add|self\.report\.add|tell)\(\s*"([a-z.]+)"', source))
    told |= set(re.findall(r'Check\(index, .*?"([a-z.]+)"', source))
    assert told == set(RULES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum x\n",
        "witness a b\n",
        "group g 2 a\nquorum g\n",
        "quorum none\nquorum none\n",
        "group g 1\n",
        "x\n",
    ],
)
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(Unacceptable):
        read_policy(text)


def test_policies_are_read_as_the_core_reads_them() -> None:
    quorum = read_policy(f"# ours\n{POLICY}")
    assert quorum.met({"w0", "w1"}) and not quorum.met({"w0"})
    head = TreeHead("log.example/l", 0, b"\0" * 32)
    key = SigningKey("log.example/l", b"\7" * 32)
    from evenhand.core.checkpoint import Checkpoint, sign_note

    note = sign_note(Checkpoint(head.origin, head.size, head.root).text, key)
    lines = [cosign(note.decode().partition("\n\n")[0] + "\n", w, 9) for w in WITNESSES]
    whole = note + "".join(lines).encode()
    assert cosignatures(whole, head, quorum) == {"w0": 9, "w1": 9}


def accused() -> Audit:
    """An audit that has found something of each class."""
    made = Audit(origin="log.example/l", size=9, entries=9, root="00", at=1_795_435_200_000, vkey="k")
    for kind in (PROVEN, ALARM, GAP):
        made.findings.add(Finding("EN-1", kind, "x.y", 3, "pool-1 2", "One <was> served before its turn."))
    made.shares = [
        Share("pool-1", "cli-0", 1, 5, 300, 1, 2.5, 9000),
        Share("pool-1", "cli-1", 2, 9, 540, 0, 2.0, 8000),
    ]
    made.bets = [
        {"pool": "pool-1", "client": "cli-0", "metric": "band", "side": 1, "e": 3.0, "peak": 9.0, "pairs": 7}
    ]
    made.e_values = {"pool-1": {"cli-0": 1.5, "cli-1": 0.7}}
    made.passed = {"pool-1 cli-0 ent-1": 4}
    made.cosigned = {"w0": 1_795_435_000}
    return made


def test_the_report_says_what_it_cannot_prove_first() -> None:
    for text in (report.as_text(accused()), report.as_html(accused())):
        assert "cannot prove" in text and "EN-1" in text and "pool-1" in text
        assert all(control in text for control in BLIND_SPOTS)
    page = report.as_html(accused())
    assert "One &lt;was&gt; served" in page and "<script" not in page and "://" not in page
    assert page.index("cannot prove") < page.index("<h2>Findings</h2>")
    told = json.loads(report.dumped(accused()))
    assert told["counts"] == {PROVEN: 1, ALARM: 1, GAP: 1} and told["ok"] is False


def test_oscal_has_what_the_format_demands() -> None:
    """Required members, ids, tokens and states of OSCAL 1.1.2 assessment results."""
    told = json.loads(as_oscal(accused()))["assessment-results"]
    assert set(told) == {"uuid", "metadata", "import-ap", "results", "back-matter"}
    assert {"title", "last-modified", "version", "oscal-version"} <= set(told["metadata"])
    (result,) = told["results"]
    assert {"uuid", "title", "description", "start", "reviewed-controls", "findings"} <= set(result)
    assert [f["target"]["target-id"] for f in result["findings"]] == [f"{c.lower()}_obj" for c in CONTROLS]
    assert {f["target"]["status"]["state"] for f in result["findings"]} == {"satisfied", "not-satisfied"}
    known = {one["uuid"] for one in result["observations"]}
    assert {
        r["observation-uuid"] for f in result["findings"] for r in f.get("related-observations", ())
    } == known
    for one in result["observations"]:
        assert set(one["methods"]) == {"TEST"} and one["collected"].endswith("Z")
        for prop in one["props"]:
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]*", prop["name"]) and "\n" not in prop["value"]
    ids = re.findall(r'"uuid": "([^"]+)"', as_oscal(accused()))
    assert len(set(ids)) == len(ids) and all(UUID(one).version == 5 for one in ids)


def test_the_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, oscal, policy = (tmp_path / name for name in ("a.html", "a.json", "policy"))
    policy.write_text("quorum none\n")
    arguments = [
        "audit",
        str(data / "data"),
        "--html",
        str(page),
        "--oscal",
        str(oscal),
        "--policy",
        str(policy),
    ]
    assert cli.run([*arguments, "--receipts", str(data / "receipts"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["receipts"] == 3
    assert page.exists() and oscal.exists()
    (data / "receipts" / "0.json").write_bytes(
        (data / "receipts" / "0.json").read_bytes().replace(b"1", b"2")
    )
    assert cli.run([*arguments, "--receipts", str(data / "receipts")]) == 1
    assert "EN-34" in capsys.readouterr().out
    assert cli.run(["audit", str(tmp_path / "nothing")]) == 1
    policy.write_text("nonsense\n")
    assert cli.run(["audit", str(data / "data"), "--policy", str(policy)]) == 1
    assert cli.run(["audit"]) == 2
