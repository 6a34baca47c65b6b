"""Erasure: what is gone, what stays whole, and that every proof still holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from world import World

from evenhand import wire
from evenhand.core import canonical
from evenhand.core.canonical import NO_RECORD, is_erased
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.service import erasure, gold, members, search, tasks, work
from evenhand.store.codec import decode
from evenhand.store.conformance import ORIGIN

SECRET = "wombat"
TEXT = {"name": "t", "type": "text"}


def everything(world: World) -> bytes:
    """All bytes of all tables of the store that may hold what somebody wrote."""
    found = []
    with world.reading() as reader:
        for table in ("payload", "consensus", "gold", "member", "flag", "appeal"):
            found += [str(row) for row in reader.all(f"walk_{table}")]
        found += [str(row) for row in reader.tuples("events_after", seq=0, limit=100_000)]
    return "\n".join(found).encode()


def refused(world: World, *call) -> str:
    with pytest.raises(EvenhandError) as error:
        world.call(*call)
    return error.value.rule


def test_a_task_is_erased_and_every_proof_holds(world):
    records = [{"text": f"message {n}", "external_id": f"x{n}"} for n in range(4)]
    records[1] = {"text": f"{SECRET} 1", "external_id": f"{SECRET}1"}
    project = world.project(tasks=records, questions=[TEXT])
    ann, other, third = world.people[1:4]
    task = f"{project.id}-2"
    held = world.next(third, count=4).assignments
    lapsed = next(one for one in held if one.task_id == task)
    world.call(work.flag, third, lapsed.id, wire.Skip(reason=f"{SECRET} lapses"))
    world.ms += 30 * 86_400_000
    for _ in range(4):
        one = world.next(ann).assignments[0]
        if one.task_id != task:
            world.submit(ann, one.id, {"t": "plain"})
            continue
        world.call(work.flag, ann, one.id, wire.Skip(reason=f"{SECRET} flag"))
        given = world.submit(ann, one.id, {"t": f"{SECRET} said"})
        world.submit(ann, one.id, {"t": f"{SECRET} again"}, revision=given.revision)
    world.call(tasks.correct, world.owner, task, wire.TaskCorrection(data={"text": f"{SECRET} corrected"}))
    mine = world.next(other).assignments[0]
    assert mine.task_id == task
    world.submit(other, mine.id, {"t": f"{SECRET} third"})
    assert everything(world).count(SECRET.encode()) > 8
    with world.reading() as reader:
        before = {row[0]: row[1] for row in reader.tuples("events_after", seq=0, limit=1000)}

    assert refused(world, erasure.erase_task, ann, task, wire.Erasure()) == "permission.role"
    assert refused(world, erasure.erase_task, world.owner, f"{project.id}-99", wire.Erasure()) == "not-found"
    made = world.call(erasure.erase_task, world.owner, task, wire.Erasure(basis="contract"))
    assert made.values >= 8
    assert SECRET.encode() not in everything(world)
    world.require_healthy()
    with world.reading() as reader:
        after = {row[0]: row[1] for row in reader.tuples("events_after", seq=0, limit=1000)}
    assert before.items() <= after.items(), "no entry was touched"
    said = canonical.decode_entry(after[max(after)])
    assert (said.kind, said.public) == (
        "erased",
        {"basis": "contract", "count": made.values, "subject": "task"},
    )

    _rows_can_still_be_shown(world, project.id)
    assert refused(world, erasure.erase_task, world.owner, task, wire.Erasure()) == "task.erased"
    assert world.read(tasks.get, world.owner, task).data == {}
    assert world.read(tasks.get, world.owner, f"{project.id}-1").data == {"text": "message 0"}
    back = wire.TaskAction(action="restore", task_ids=[task])
    assert world.call(tasks.act, world.owner, project.id, back).changed == 0, "nobody could answer it"
    with pytest.raises(EvenhandError) as late:
        world.submit(other, mine.id, {"t": "more"}, revision=1)
    assert late.value.rule == "task.erased"


def test_no_part_of_the_index_keeps_the_words_of_what_was_erased(tmp_path):
    """SQLite only marks what is dropped: the words lie in the file until the index is written again."""
    world = World(f"sqlite:///{tmp_path / 'evenhand.db'}")
    project = world.project(tasks=[{"text": f"message {n}"} for n in range(300)] + [{"text": SECRET}])
    index = search.Indexer(world.lane)
    for _ in range(2):
        index.turn(lambda: False)
    task = f"{project.id}-301"
    world.call(tasks.correct, world.owner, task, wire.TaskCorrection(data={"text": f"{SECRET}s"}))

    def blocks() -> bytes:
        with closing(sqlite3.connect(tmp_path / "evenhand.db")) as db:
            return b"".join(block for (block,) in db.execute("SELECT block FROM search_data"))

    world.call(erasure.erase_task, world.owner, task, wire.Erasure())
    assert SECRET.encode() in blocks()
    assert index.turn(lambda: True), "its time was over before it began, so that it goes on at its next turn"
    assert not index.turn(lambda: False)
    assert SECRET.encode() not in blocks() and b"message" in blocks()
    page = world.read(tasks.list_, world.owner, project.id, search="message", limit=5)
    assert len(page.items) == 5
    world.close()


def _rows_can_still_be_shown(world: World, project: str) -> None:
    """Each row that is left leads to the root of its entry; the erased one does not pass for a row."""
    with world.reading() as reader:
        found = reader.tuples("events_after", seq=0, limit=1000)
        rows = reader.tuples("import_records", organization="org-a", project=project, first=1, last=4)
    import_ = next(row for row in found if b'"t":"tasks-imported"' in row[1])
    entry = canonical.decode_entry(import_[1])
    root = canonical.unb64url(entry.commitments["rows"])
    for i, row in enumerate(rows):
        proof = canonical.bulk_proof(ORIGIN, "tasks-imported", rows, i)
        if row[1] == NO_RECORD:
            with pytest.raises(Invalid):
                canonical.verify_bulk_row(ORIGIN, "tasks-imported", row, i, 4, proof, root)
        else:
            canonical.verify_bulk_row(ORIGIN, "tasks-imported", row, i, 4, proof, root)
    concluded = [decode(*row) for row in found if b'"t":"concluded"' in row[1]]
    assert sum(is_erased(row) for p in concluded for row in p.event.rows) >= 2


def test_gold_is_erased_too(world):
    project = world.project(tasks=[{"text": SECRET}, {"text": "b"}], questions=[TEXT])
    task = f"{project.id}-1"
    marks = wire.GoldMarks(
        use="gold", tasks=[wire.GoldDraft(task_id=task, answers={"t": SECRET}, feedback=SECRET)]
    )
    world.call(gold.mark, world.owner, project.id, marks)
    world.call(erasure.erase_task, world.owner, task, wire.Erasure())
    assert SECRET.encode() not in everything(world)
    world.require_healthy()


def test_a_member_is_erased_and_their_answers_stay(world):
    project = world.project(tasks=3, questions=[TEXT])
    ann = world.people[1]
    one = world.next(ann).assignments[0]
    world.call(work.flag, ann, one.id, wire.Skip(reason=SECRET))
    world.submit(ann, one.id, {"t": "an answer"})
    mine = ann.memberships[0].member
    with world.reading() as reader:
        old = [
            row for row in reader.tuples("events_after", seq=0, limit=1000) if b'"t":"member-added"' in row[1]
        ]

    owner = world.owner.memberships[0].member
    assert refused(world, erasure.erase_member, world.owner, owner, wire.Erasure()) == "erasure.self"
    assert refused(world, erasure.erase_member, ann, owner, wire.Erasure()) == "permission.role"
    assert refused(world, erasure.erase_member, world.stranger, mine, wire.Erasure()) == "not-found"
    made = world.call(erasure.erase_member, world.owner, mine, wire.Erasure())
    assert made.values >= 4 and made.place[0] == "org-a"
    assert SECRET.encode() not in everything(world)
    shown = next(m for m in world.read(members.list_members, world.owner).items if m.id == mine)
    assert (shown.name, shown.email, shown.state) == ("Erased", None, "removed")
    assert world.read(tasks.get, world.owner, one.task_id).annotations[0].answers == {"t": "an answer"}
    with world.reading() as reader:
        new = {row[0]: row for row in reader.tuples("events_after", seq=0, limit=1000)}
    changed = [row for row in old if new[row[0]][2] != row[2]]
    assert len(changed) == 1 and new[changed[0][0]][1] == changed[0][1]
    assert decode(*new[changed[0][0]]).salts == (b"", b"")
    world.require_healthy()
    assert world.counts(project.id).annotations == 1
