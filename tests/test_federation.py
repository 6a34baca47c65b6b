"""Four nodes of independent organizations share out a dataset, and nobody sees more than its share."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from evenhand import Client, cli, data_folder, letters, wire
from evenhand.audit.run import audit
from evenhand.config import Config
from evenhand.core import sharing
from evenhand.core.checkpoint import parse_signing_key, sign_note
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.doctor import Report, examine
from evenhand.http import server
from evenhand.store import open_store

FIELDS = [{"name": "text", "type": "text"}]
QUESTIONS = [{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}]
TASKS = 20


@dataclass
class One:
    """A node, as its owner has it."""

    client: Client
    data: Path
    folder: Path  # where its letters lie

    @property
    def vkey(self) -> str:
        return self.client.vkey()


class Four:
    """A home node and three partners, two of them under one control."""

    def __init__(self, folder: Path, held: ExitStack, database: Callable[[], str]) -> None:
        self.nodes: dict[str, One] = {}
        self.stores: dict[str, str] = {}
        for name in ("home", "north", "south", "twin"):
            own = database() if name in ("home", "north") else None  # both sides on both stores
            settings = Config(data=folder / name / "data", port=0, database_url=own)
            self.stores[name] = own or f"sqlite:///{settings.data / 'evenhand.db'}"
            address = held.enter_context(server.start(settings))
            client = held.enter_context(Client(address.url, data_folder.key(settings.data)))
            self.nodes[name] = One(client, settings.data, folder / name / "letters")
            self.nodes[name].folder.mkdir()
        self.home = self.nodes["home"].client

    def carry(self, name: str) -> None:
        """Copy what lies in either folder to the other one: the whole transport."""
        one, two = self.nodes["home"].folder / name, self.nodes[name].folder
        one.mkdir(exist_ok=True)
        for here, there in ((one, two), (two, one)):
            for path in here.glob("*.letter"):
                shutil.copy(path, there / path.name)

    def accept(self, name: str) -> str:
        """The partner's project."""
        one = self.nodes[name]
        outcomes = letters.take(one.client, one.folder, home=self.nodes["home"].vkey, answer="accept")
        self.carry(name)
        taken = outcomes[0].taken
        assert taken is not None
        return taken.project_id

    def answer(self, name: str, project: str, most: int = 1000) -> int:
        """The partner's annotators work as always."""
        owner = self.nodes[name].client
        member = owner.create_annotator(f"{name} annotator")
        done = 0
        with Client(owner.url, member.api_key) as annotator:
            while done < most and (work := annotator.next_assignment(project)) is not None:
                said = "spam" if "offer" in work.data["text"] else "ham"
                annotator.submit(work.id, {"spam": said}, seconds=2)
                done += 1
        return done

    def deliver(self, name: str, project: str) -> None:
        one = self.nodes[name]
        letters.write(one.client, one.client.shares(project), "deliver", one.folder)
        self.carry(name)

    def take(self, name: str) -> list[letters.Outcome]:
        """What came of the letters that the home node had not taken."""
        outcomes = letters.take(self.home, self.nodes["home"].folder / name)
        self.carry(name)
        return letters.new_ones(outcomes)

    def partners(self, *names: str, **records: str) -> list[wire.NewPartner]:
        return [
            wire.NewPartner(name=name, vkey=self.nodes[name].vkey, record=records.get(name, ""))
            for name in names
        ]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, make_database: Callable[[], str]) -> Iterator[Four]:
    with ExitStack() as held:
        yield Four(tmp_path_factory.mktemp("four"), held, make_database)


@pytest.fixture
def four(nodes: Four) -> Iterator[Four]:
    """The nodes, without the letters of another story."""
    yield nodes
    for one in nodes.nodes.values():
        shutil.rmtree(one.folder)
        one.folder.mkdir()


def project_of(four: Four, tasks: int = TASKS, overlap: int = 1) -> str:
    project = four.home.create_project("Messages", FIELDS, QUESTIONS, overlap=overlap)
    records = [{"text": f"{'an offer' if n % 3 else 'a letter'} {n}", "secret": n} for n in range(tasks)]
    four.home.import_tasks(project.id, records)
    return project.id


def test_a_dataset_is_shared_out_and_comes_back(four: Four) -> None:
    project = project_of(four)
    for held in ("North", "Twin"):
        four.home.exchange.hold(
            wire.NewHolding(holder="One Owner", held=held, economic=60, since="2020-01-01")
        )
    four.home.exchange.hold(wire.NewHolding(holder="Another", held="South", economic=100, since="2020-01-01"))
    records = {"north": "North", "south": "South", "twin": "Twin"}
    with pytest.raises(Refused, match=r"20 to give, and 2 control groups may see 9 each, 18 in all"):
        four.home.plan_shares(project, 0.45, four.partners(*records, **records))
    assert four.home.shares(project) == []
    plan = four.home.plan_shares(project, 0.5, four.partners(*records, **records))
    assert (plan.tasks, plan.groups, plan.most, plan.stated) == (TASKS, 2, 10, False)
    sizes = {share.name: share.tasks for share in plan.shares}
    assert sizes == {"south": 10, "north": 5, "twin": 5}

    letters.write(four.home, plan.shares, "offer", four.nodes["home"].folder)
    seen: Counter[str] = Counter()
    origins = {name: four.nodes[name].vkey.partition("+")[0] for name in records}
    for name in records:
        four.carry(name)
        share = four.accept(name)
        partner = four.nodes[name].client
        texts = [task.data["text"] for task in partner.tasks(share)]
        assert len(texts) == sizes[name]
        assert all(set(task.data) == {"text"} for task in partner.tasks(share))  # what annotators see
        seen.update(texts)
        assert four.answer(name, share) == sizes[name]
        four.deliver(name, share)
        accepted, delivered = four.take(name)
        assert accepted.taken is not None and delivered.taken is not None
        assert (accepted.taken.act, delivered.taken.count, delivered.taken.late) == (
            "accept",
            sizes[name],
            False,
        )
        four.carry(name)
        (acked,) = [
            one.taken
            for one in letters.take(partner, four.nodes[name].folder)
            if one.taken and not one.taken.again
        ]
        assert (acked.act, acked.count) == ("ack", 0)
    assert seen == Counter({f"{'an offer' if n % 3 else 'a letter'} {n}": 1 for n in range(TASKS)})
    members = {member.id: member.name for member in four.home.members() if member.name.split()[0] in records}
    store = open_store(four.stores["home"])
    with store.read() as reader:  # whom they work for, which tests of a lean go by
        own = {"organization": "default", "project": project}
        found = reader.tuples("quality_providers", **own, members=sorted(members))
        assert {members[m].split()[0]: at for m, at in found} == origins
        told = reader.tuples("partner_names", organization="default", ids=sorted(origins.values()))
        assert {name: at for at, name in told} == origins
    store.close()
    for task in four.home.tasks(project):
        assert task.status == "done" and task.consensus
        assert task.consensus["spam"].value == ("spam" if "offer" in task.data["text"] else "ham")


def forged(four: Four, name: str, path: Path, rows: list[dict] | None = None, **said: object) -> str:
    """A letter of this node as it could write it with its key, if it wanted to cheat."""
    letter = sharing.read_letter(path.read_bytes())
    body = letter.rows if rows is None else [json.dumps(row).encode() for row in rows]
    text = b"".join(row + b"\n" for row in body)
    changed = {"rows": sharing.rows_digest(text), "count": len(body)} | said
    head = msgspec.structs.replace(letter.head, **changed)
    key = parse_signing_key((four.nodes[name].data / "ledger" / "key").read_text())
    return (sign_note(sharing.text_of(head), key) + text).decode()


def test_who_cheats_is_refused_and_nothing_is_half_done(four: Four) -> None:
    project = project_of(four, tasks=12, overlap=2)
    plan = four.home.plan_shares(project, 0.7, four.partners("north", "south", "twin"))
    assert {share.tasks for share in plan.shares} == {8} and plan.most == 8
    with pytest.raises(Refused, match="There are 0 tasks to plan"):  # no second share of the same
        four.home.plan_shares(project, 1, four.partners("north", "south"))
    for name in ("north", "south", "twin"):
        (four.nodes["home"].folder / name).mkdir()
    letters.write(four.home, plan.shares, "offer", four.nodes["home"].folder)
    assert letters.write(four.home, plan.shares, "offer", four.nodes["home"].folder) == []

    four.carry("north")
    north, folder = four.nodes["north"], four.nodes["north"].folder
    (offer,) = folder.glob("*-offer.letter")
    with pytest.raises(Invalid, match="which this node has not dealt with"):
        letters.take(north.client, folder, answer="accept")
    with pytest.raises(Invalid, match="was expected"):
        letters.take(north.client, folder, home=four.nodes["south"].vkey, answer="accept")
    with pytest.raises(Refused, match="this node is"):
        four.nodes["south"].client.take_letter(offer.read_text(), answer="accept")
    rows = [json.loads(row) for row in sharing.read_letter(offer.read_bytes()).rows]
    swapped = forged(four, "home", offer, [*rows[:-1], rows[-1] | {"n": 999}])
    with pytest.raises(Invalid, match="not those that the plan gives"):
        north.client.take_letter(swapped, home=four.nodes["home"].vkey, answer="accept")
    with pytest.raises(Invalid, match="longer than a year"):
        endless = forged(four, "home", offer, until=1 << 52)
        north.client.take_letter(endless, home=four.nodes["home"].vkey, answer="accept")
    assert [one.taken for one in letters.take(north.client, folder)] == [None]  # it waits for an answer
    assert all(one.counts.tasks != 8 for one in north.client.projects())
    share = four.accept("north")
    assert four.answer("north", share, 3) == 3
    four.deliver("north", share)
    (delivery,) = folder.glob("*-deliver.letter")
    whole = delivery.read_bytes()
    with pytest.raises(Missing, match="knows no such share"):  # what nobody asked this node for
        north.client.take_letter(forged(four, "home", offer, share="shr-x", act="recall", rows=[]))

    with pytest.raises(Refused, match="have not come"):  # the acceptance comes first
        four.home.take_letter(whole.decode())
    (accepted,) = folder.glob("*-accept.letter")
    four.home.take_letter(accepted.read_text())
    with pytest.raises(Invalid, match="a byte was changed"):
        four.home.take_letter(whole.decode().replace('"ham"', '"spa"').replace('"spam"', '"hams"'))
    given = [json.loads(row) for row in sharing.read_letter(whole).rows]
    others = set(range(1, 13)) - {row["n"] for row in rows[1:]}
    foreign = [given[0] | {"n": min(others)}]
    with pytest.raises(Refused, match="was never offered"):
        four.home.take_letter(forged(four, "north", delivery, foreign))
    with pytest.raises(Refused, match="not offered to north by the letter 5"):
        four.home.take_letter(forged(four, "north", delivery, token=5))
    ahead = sharing.read_letter(whole).head.at + 3_600_000
    with pytest.raises(Refused, match="after this node's time"):
        four.home.take_letter(forged(four, "north", delivery, at=ahead))
    with pytest.raises(Refused, match="not the other node's to write"):
        four.home.take_letter(forged(four, "north", delivery, act="recall"))
    assert four.home.project(project).counts.annotations == 0

    wrong = forged(four, "north", delivery, [given[0] | {"answers": {"spam": "eggs"}}, *given[1:]])
    told = four.home.take_letter(wrong)
    assert told.count == 2 and [one.line for one in told.rejected] == [given[0]["n"]]
    assert four.home.take_letter(wrong).again
    ack = letters.keep(told.letters[0], folder)
    with pytest.raises(Invalid, match="ack cannot be read"):
        north.client.take_letter(forged(four, "home", ack, [{"n": -1, "why": ""}]))
    with pytest.raises(Refused, match="say different things"):
        four.home.take_letter(whole.decode())
    assert four.home.project(project).counts.annotations == 2


def _examined(url: str, origin: str) -> Report:
    store = open_store(url)
    try:
        return examine(store, origin)
    finally:
        store.close()


def test_what_the_guide_says_to_run_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line by line, as a shell would: in this process, since each command would load everything anew."""
    guide = (Path(__file__).resolve().parents[1] / "docs" / "guide" / "federation.md").read_text("utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVENHAND_PORT", "0")
    for name in ("EVENHAND_URL", "EVENHAND_API_KEY", "EVENHAND_DATA"):
        monkeypatch.delenv(name, raising=False)

    def shell(line: str) -> str:
        line = re.sub(r"\$\(([^)]*)\)", lambda found: shell(found[1]).strip(), line)
        line, _, target = line.partition(" > ")
        words = shlex.split(line)
        data = words.pop(0).partition("=")[2] if words[0].startswith("EVENHAND_DATA=") else None
        with monkeypatch.context() as patch:
            if data:
                patch.setenv("EVENHAND_DATA", data)
            if words[0] == "evenhand":
                assert cli.run(words[1:]) == 0, (line, capsys.readouterr())
                said = capsys.readouterr().out
            else:
                said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        if target:
            (tmp_path / target).write_text(said, "utf-8")
        return said

    said = [shell(line) for line in "".join(blocks).splitlines()]
    assert "each to 2 of 2 control groups; none sees more than 4" in "".join(said)
    assert "4 tasks are in your project" in said[-2] and "4" in said[-1]


def test_what_is_late_recalled_or_deleted_is_said_and_everybody_audits(four: Four) -> None:
    project = project_of(four, tasks=12, overlap=2)
    four.home.exchange.hold(
        wire.NewHolding(holder="Some Owner", held="Northern", economic=30, since="2021-01-01")
    )
    four.home.exchange.hold(
        wire.NewHolding(holder="Other Owner", held="Southern", economic=30, since="2021-01-01")
    )
    four.home.exchange.hold(
        wire.NewHolding(holder="Own Owner", held="Homely", economic=30, since="2021-01-01")
    )
    (own_record,) = [
        one["recordId"]
        for one in four.home.exchange.statements()
        if one["recordDetails"].get("name") == "Homely"
    ]
    four.home.exchange.admit_client("default", own_record)
    known = {"north": "Northern", "south": "Southern"}
    plan = four.home.plan_shares(project, 1, four.partners("north", "south", "twin", **known))
    assert plan.stated
    letters.write(four.home, plan.shares, "offer", four.nodes["home"].folder)
    shares = {}
    for name in ("north", "south"):
        four.carry(name)
        shares[name] = four.accept(name)
        assert four.answer(name, shares[name]) == 8
    four.carry("twin")
    twin = four.nodes["twin"]
    letters.take(twin.client, twin.folder, home=four.nodes["home"].vkey, answer="decline", reason="Too busy.")
    four.carry("twin")
    assert [one.taken.act for one in four.take("twin") if one.taken] == ["decline"]

    four.deliver("north", shares["north"])
    assert four.take("north")[-1].taken.count == 8
    south = next(one for one in plan.shares if one.name == "south")
    letters.write(four.home, [south], "recall", four.nodes["home"].folder)
    four.deliver("south", shares["south"])  # before it knows
    late = four.take("south")[-1].taken
    assert (late.count, late.late, len(late.rejected)) == (0, True, 8)
    assert "was recalled" in late.rejected[0].reason
    partner = four.nodes["south"]
    told = [one.taken for one in letters.new_ones(letters.take(partner.client, partner.folder))]
    assert [one.act for one in told if one] == ["recall", "ack"]
    assert partner.client.project(shares["south"]).state == "paused"
    assert four.home.project(project).counts.annotations == 8

    north = four.nodes["north"]
    (own,) = north.client.shares(shares["north"])
    with pytest.raises(Refused, match="The data of 8 of 8 tasks are still here"):
        north.client.write_letter(own.share_id, "deleted")
    for task in list(north.client.tasks(shares["north"])):
        north.client.erase_task(task.task_id, "contract")
    letters.write(north.client, [own], "deleted", north.folder)
    four.carry("north")
    assert four.take("north")[-1].taken.count == 8
    assert {one.name: one.state for one in four.home.shares(project)} == {
        "north": "deleted", "south": "recalled", "twin": "declined",
    }  # fmt: skip

    archive = four.home.archive(project, four.nodes["home"].data.parent / "archive.zip")
    for name, one in four.nodes.items():
        made = audit(
            f"{one.client.url}/log",
            vkey=one.vkey,
            archives=[archive] if name == "home" else [],
            letters=sorted(four.nodes["home"].folder.rglob("*.letter")),
        )
        assert made.findings.kept == [], name
        mine = {part.share: part for part in made.partners}
        for share in plan.shares:
            if name in ("home", share.name):
                part = mine[share.share_id]
                answered = 8 if share.name == "north" else 0 if name == "home" or share.name == "twin" else 8
                assert (part.side, part.delivered) == ("home" if name == "home" else "partner", answered)
                assert part.compared == (name == "home" and share.name != "twin")  # with the client
        report = _examined(four.stores[name], one.vkey.partition("+")[0])
        assert report.healthy, (report.differences, report.faults)
    assert made.letters > 0
    made = audit(f"{four.home.url}/log", archives=[archive])
    assert made.drawn_again == 1 and any(not part.stated for part in made.partners)
    restored = four.home.restore(archive, "What came back").report
    assert restored is not None and restored.annotations == 8
    left = {kind: n for kind, n in restored.left.items() if kind.startswith("share-")}
    told = sum(one.sent + one.taken for one in four.home.shares(project))
    assert left == {"share-planned": 1, "share-sliced": 3, "share-letter": told}
    changed = four.nodes["home"].data.parent / "changed.letter"
    (deliver,) = (four.nodes["home"].folder / "north").glob("*-offer.letter")
    changed.write_text(forged(four, "home", deliver, until=1), "utf-8")
    (found,) = audit(f"{four.home.url}/log", letters=[changed]).findings.kept
    assert (found.control, found.rule) == ("EN-34", "letter.other")
