"""Import on both stores: the same source twice adds nothing; a broken row stops nobody."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from world import World

from evenhand import wire
from evenhand.blobs import Folder
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.outbound import Door
from evenhand.service import exports, intake, projects, tasks


def texts(world: World, project: str) -> list[str]:
    with world.reading() as reader:
        return [json.loads(bytes(t.data))["text"] for t in exports.rows(reader, "org-a", project)]


def test_the_same_rows_twice_add_nothing_and_repeats_are_kept(world: World):
    project = world.project()
    rows = [{"text": "a"}, {"text": "b"}, {"text": "a"}, {"text": "a"}]
    assert world.bring_in(project.id, rows).accepted == 4
    again = world.bring_in(project.id, rows)
    assert (again.accepted, again.present) == (0, 4)
    longer = world.bring_in(project.id, [*rows, {"text": "a"}, {"text": "c"}])
    assert (longer.accepted, longer.present) == (2, 4)
    assert texts(world, project.id) == ["a", "b", "a", "a", "a", "c"]
    world.require_healthy()


def test_whatever_groups_rows_come_in_each_import_adds_what_is_not_there(world: World, monkeypatch):
    """The second row of the same bytes is the second one of any import, and an erased one is not there."""
    monkeypatch.setattr(intake, "RUN", 3)
    chance, project = random.Random(5), world.project().id
    there: dict[tuple[str, int], int] = {}  # (row, its occurrence) -> task
    count = 0

    def take(tx, at, opened, lines, undone):
        report = intake.take(tx, at, world.owner, opened, lines)
        if undone:
            raise Invalid("test.undone", "It is undone.", "")
        return report

    for turn in range(12):
        seen: Counter[str] = Counter()
        opened = world.call(intake.open_import, world.owner, project, wire.NewImport(name=str(turn))).id
        line = 1
        for _ in range(chance.randint(1, 4)):
            rows = [chance.choice("abcdefghij") for _ in range(chance.randint(1, 9))]
            body = "\n".join(
                json.dumps(
                    {"text": row, **({"external_id": f"{turn} {line} {i}"} if chance.random() < 0.2 else {})}
                )
                for i, row in enumerate(rows)
            )
            lines = intake.read_lines(body.encode(), line, {})
            if chance.random() < 0.3:
                with pytest.raises(Invalid):
                    world.call(take, opened, lines, True)
            report = world.call(take, opened, lines, False)
            before = count
            for row, one in zip(rows, lines, strict=True):
                seen[row] += one.read.external_id is None
                if one.read.external_id is not None or (row, seen[row]) not in there:
                    count += 1
                    if one.read.external_id is None:
                        there[row, seen[row]] = count
            assert report.accepted == count - before, (turn, rows)
            line += len(rows)
        gone = chance.choice(sorted(there))
        n = there.pop(gone)
        keys = {"organization": "org-a", "project": project}
        world.call(lambda tx, at, keys=keys, n=n: intake.forget_row(tx, keys, n))
    world.require_healthy()


def test_an_external_id_is_taken_once(world: World):
    project = world.project()
    first = world.bring_in(
        project.id, [{"external_id": "1", "text": "a"}, {"external_id": "1", "text": "other"}]
    )
    assert (first.accepted, first.rejected[0].line, first.rejected[0].path) == (1, 2, "external_id")
    again = world.bring_in(project.id, [{"external_id": "1", "text": "a"}, {"external_id": "2", "text": "a"}])
    assert (again.accepted, again.present) == (1, 1)
    changed = world.bring_in(project.id, [{"external_id": "1", "text": "changed"}])
    assert "with other content" in changed.rejected[0].reason


def test_a_broken_line_in_the_middle_is_told_and_passed_over(world: World):
    project = world.project()
    opened = world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="x"))
    body = b'{"text": "a"}\n{"text": \n\n{"text": NaN}\n["no"]\n{"text": "b"}\n'
    report = world.call(intake.take, world.owner, opened.id, intake.read_lines(body, 1, {}))
    assert (report.accepted, [r.line for r in report.rejected]) == (2, [2, 4, 5])
    assert all(r.reason for r in report.rejected)
    shown = world.read(intake.get_import, world.owner, opened.id)
    assert (shown.rejected, len(shown.rejections), shown.next_line) == (3, 3, 7)


def test_lines_sent_twice_are_taken_once(world: World):
    project = world.project()
    opened = world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="x"))
    lines = intake.read_lines(b'{"text": "a"}\n{"text": "a"}\n', 1, {})
    for _ in range(3):
        report = world.call(intake.take, world.owner, opened.id, lines)
    assert (report.accepted, report.next_line) == (0, 3)
    assert texts(world, project.id) == ["a", "a"]


def test_a_mapping_renames_and_what_is_unknown_comes_back(world: World):
    project = world.project()
    rows = [{"id": 7, "body": "a", "extra": {"deep": [1, 2.50]}}]
    assert world.bring_in(project.id, rows, mapping={"id": "external_id", "body": "text"}).accepted == 1
    with world.reading() as reader:
        task = next(exports.rows(reader, "org-a", project.id))
    assert task.external_id == "7"
    assert json.loads(bytes(task.data)) == {"text": "a", "extra": {"deep": [1, 2.50]}}
    assert world.next(world.people[1]).assignments[0].data == {"text": "a"}


def test_a_file_is_read_by_the_job_and_goes_on_where_it_was_stopped(world: World, tmp_path: Path):
    project = world.project()
    path = tmp_path / "rows.csv"
    path.write_text("text,n\n" + "".join(f"message {i},{i}\n" for i in range(2500)) + "ragged\n")
    opened = world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="rows.csv", bytes=9))
    with pytest.raises(Invalid, match="9 bytes of the file are missing"):
        world.call(intake.finish, world.owner, opened.id)
    world.call(intake.received, world.owner, opened.id, path.stat().st_size)
    assert world.call(intake.finish, world.owner, opened.id).state == "running"
    assert world.read(intake.running) == [(opened.id, project.id)]
    for _ in range(2):
        done = intake.read_file(world.lane, world.owner, opened.id, path, Folder(tmp_path / "media"), Door())
        assert (done.state, done.accepted, done.rejected) == ("done", 2500, 1)
    assert world.counts(project.id).tasks == 2500


def test_a_file_that_unpacks_to_too_much_is_stopped_and_long_rows_come_few_at_a_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A table of some hundred bytes in which one text stands a thousand times."""
    monkeypatch.setattr(intake, "ALWAYS", 1 << 20)
    monkeypatch.setattr(intake, "GROUP_BYTES", 1 << 16)
    taken: list[int] = []
    take = intake.take
    monkeypatch.setattr(intake, "take", lambda *given: taken.append(len(given[-1])) or take(*given))
    project = world.project()
    path = tmp_path / "rows.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["z" * 10_000]))
    pq.write_table(pa.table({"text": texts}), path)
    opened = world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="rows.parquet"))
    world.call(intake.received, world.owner, opened.id, path.stat().st_size)
    world.call(intake.finish, world.owner, opened.id)
    done = intake.read_file(world.lane, world.owner, opened.id, path, Folder(tmp_path / "media"), Door())
    assert done.state == "failed" and done.error is not None and done.error.rule == "import.bomb"
    assert done.accepted < 105 and max(taken) <= 7


def test_a_file_that_cannot_be_read_fails_with_a_reason(world: World, tmp_path: Path):
    project = world.project()
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\ncaf\xe9\n")
    opened = world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="rows.csv"))
    world.call(intake.received, world.owner, opened.id, 10)
    world.call(intake.finish, world.owner, opened.id)
    failed = intake.read_file(world.lane, world.owner, opened.id, path, Folder(tmp_path / "media"), Door())
    assert failed.state == "failed"
    assert failed.error is not None and failed.error.detail
    with pytest.raises(Refused, match="failed"):
        world.call(intake.received, world.owner, opened.id, 11)


def test_strangers_annotators_and_closed_projects(world: World):
    project = world.project()
    opened = world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="x"))
    with pytest.raises(Missing):
        world.call(intake.open_import, world.stranger, project.id, wire.NewImport(name="x"))
    with pytest.raises(Missing):
        world.read(intake.get_import, world.stranger, opened.id)
    with pytest.raises(Refused):
        world.call(intake.open_import, world.people[1], project.id, wire.NewImport(name="x"))
    world.call(projects.set_state, world.owner, project.id, wire.StateChange(state="archived"))
    with pytest.raises(Refused, match="archived"):
        world.call(intake.open_import, world.owner, project.id, wire.NewImport(name="x"))
    assert [i.id for i in world.read(intake.list_imports, world.owner, project.id).items] == [opened.id]


def test_tasks_can_be_listed_by_what_they_hold(world: World):
    project = world.project(
        tasks=[{"text": "Grüße aus Köln", "external_id": "k"}, {"text": "b"}, {"text": "köln again"}]
    )
    for words, found in [("KÖLN", 2), ("köln again", 1), ("zzz", 0)]:
        assert len(world.read(tasks.list_, world.owner, project.id, search=words).items) == found
    named = world.read(tasks.list_, world.owner, project.id, external_id="k")
    assert [row.summary for row in named.items] == ["Grüße aus Köln"]
    page = world.read(tasks.list_, world.owner, project.id, limit=2)
    rest = world.read(tasks.list_, world.owner, project.id, after=page.next, limit=2)
    assert (len(page.items), len(rest.items), page.total) == (2, 1, 3)
