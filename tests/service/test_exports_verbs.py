"""Export on both stores: a folder that is whole, or not there, with the reason."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from world import World

from evenhand import wire
from evenhand.core.errors import Missing
from evenhand.service import exports, quality


def export(world: World, project: str, folder: Path, **request) -> wire.Export:
    started = world.call(exports.start, world.owner, project, wire.NewExport(**request))
    exports.run(world.lane, started.id, folder, lambda: "checkpoint")
    return world.read(exports.get, world.owner, started.id)


def rows(folder: Path, done: wire.Export) -> list[dict]:
    name = next(name for name in done.files if name.endswith(".jsonl"))
    return [json.loads(line) for line in (folder / done.id / name).read_text().splitlines()]


def test_a_row_has_the_shape_of_the_design(world: World, tmp_path: Path):
    project = world.project(tasks=[{"text": "a", "external_id": "e", "k": 1.50, "metadata": {"m": 2}}])
    a = world.people[1]
    world.submit(a, world.next(a).assignments[0].id, {"spam": "spam"}, seconds=1.5)
    done = export(world, project.id, tmp_path)
    assert (done.state, done.tasks) == ("done", 1)
    row = rows(tmp_path, done)[0]
    annotation = row["annotations"][0]
    assert list(row) == ["task_id", "external_id", "data", "metadata", "consensus", "annotations"]
    assert (row["external_id"], row["data"], row["metadata"]) == ("e", {"text": "a", "k": 1.5}, {"m": 2})
    assert row["consensus"] == {"spam": {"value": "spam", "confidence": 1.0, "method": "single"}}
    assert (annotation["annotator"], annotation["kind"], annotation["seconds"]) == ("mem-1", "human", 1.5)
    assert annotation["answers"] == {"spam": "spam"}
    assert annotation["receipt"]["stream"] == "ann-1"


def test_predictions_come_back_where_records_brought_some(world: World, tmp_path: Path):
    guess = {"answers": {"spam": "ham"}, "score": 0.5, "model": "m"}
    project = world.project(tasks=[{"text": "a", "predictions": [guess]}, {"text": "b"}])
    assert [row.get("predictions") for row in rows(tmp_path, export(world, project.id, tmp_path))] == [
        [guess],
        None,
    ]
    done = export(world, project.id, tmp_path, format="csv", accept_loss=True)
    first, second = csv.DictReader((tmp_path / done.id / "tasks.csv").open())
    assert (json.loads(first["predictions"]), second["predictions"]) == ([guess], "")
    done = export(world, project.id, tmp_path, format="label_studio", accept_loss=True)
    task = json.loads((tmp_path / done.id / "tasks.json").read_text())[0]
    assert [(one["model_version"], one["score"]) for one in task["predictions"]] == [("m", 0.5)]


def test_the_manifest_counts_and_digests(world: World, tmp_path: Path):
    project = world.project(tasks=3)
    done = export(world, project.id, tmp_path)
    manifest = json.loads((tmp_path / done.id / "manifest.json").read_text())
    assert manifest["counts"] == {"tasks": 3, "annotations": 0}
    assert manifest["checkpoint"] == "checkpoint"
    for file in manifest["files"]:
        assert hashlib.sha256((tmp_path / done.id / file["name"]).read_bytes()).hexdigest() == file["sha256"]
    assert "Messages" in (tmp_path / done.id / "README.md").read_text()
    assert sorted(done.files) == sorted(path.name for path in (tmp_path / done.id).iterdir())
    world.require_healthy()


def test_only_what_is_new_since_the_last(world: World, tmp_path: Path):
    project = world.project(tasks=3)
    a = world.people[1]
    mine = world.next(a).assignments[0]
    world.submit(a, mine.id)
    first = export(world, project.id, tmp_path)
    world.submit(a, world.next(a).assignments[0].id)
    second = export(world, project.id, tmp_path, since=first.id)
    assert [row["task_id"] for row in rows(tmp_path, second)] == [f"{project.id}-2"]
    world.submit(a, mine.id, {"spam": "spam"}, revision=1)
    third = export(world, project.id, tmp_path, since=second.id)
    assert [row["annotations"][0]["answers"] for row in rows(tmp_path, third)] == [{"spam": "spam"}]


def test_withdrawn_tasks_stay_out_and_gaps_do_not_end_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = world.project(tasks=3)
    monkeypatch.setattr(exports, "CHUNK", 1)  # so that stretches are read ahead
    with world.reading() as reader:
        assert len(list(exports.rows(reader, "org-a", project.id))) == 3
        left = exports.rows(reader, "org-a", project.id)
        assert next(left).task_id == f"{project.id}-1"
        left.close()  # waits for the stretch that is on its way: the reader is free again
        assert len(list(exports.rows(reader, "org-a", project.id))) == 3
    from evenhand.service import tasks

    world.call(
        tasks.act, world.owner, project.id, wire.TaskAction(action="withdraw", task_ids=[f"{project.id}-2"])
    )
    done = export(world, project.id, tmp_path)
    assert [row["task_id"].rpartition("-")[2] for row in rows(tmp_path, done)] == ["1", "3"]


def test_surplus_is_told_of_and_marked_when_asked_for(world: World, tmp_path: Path):
    project = world.project(tasks=2, lease_seconds=60)
    _, a, b, _ = world.people
    first = export(world, project.id, tmp_path)
    late = world.next(a).assignments[0]
    world.ms += 61_000
    world.submit(b, world.next(b).assignments[0].id)
    world.ms += 1
    assert world.submit(a, late.id, {"spam": "spam"}).state == "surplus"
    plain = export(world, project.id, tmp_path)
    assert [len(row["annotations"]) for row in rows(tmp_path, plain)] == [1, 0]
    manifest = json.loads((tmp_path / plain.id / "manifest.json").read_text())
    assert (manifest["counts"], manifest["surplus"]) == (
        {"tasks": 2, "annotations": 1, "surplus": 1},
        "left out",
    )
    assert "left out" in (tmp_path / plain.id / "README.md").read_text()
    marked = export(world, project.id, tmp_path, surplus=True, since=first.id)
    (row,) = rows(tmp_path, marked)
    assert [one.get("surplus", False) for one in row["annotations"]] == [False, True]
    assert json.loads((tmp_path / marked.id / "manifest.json").read_text())["surplus"] == "marked"
    table = export(world, project.id, tmp_path, surplus=True, format="parquet")
    name = next(name for name in table.files if name.endswith(".parquet"))
    found = pq.read_table(tmp_path / table.id / name).column("annotations").to_pylist()
    assert [[one["surplus"] for one in task] for task in found] == [[False, True], []]


def test_a_loss_is_refused_and_nothing_is_left_behind(world: World, tmp_path: Path):
    tmp_path = tmp_path / "exports"
    project = world.project(tasks=[{"text": "a", "deep": {"x": 1}}])
    a = world.people[1]
    world.submit(a, world.next(a).assignments[0].id)
    refused = export(world, project.id, tmp_path, format="csv")
    assert refused.state == "failed"
    assert refused.error is not None and refused.error.rule == "format.loss"
    assert list(tmp_path.iterdir()) == []
    accepted = export(world, project.id, tmp_path, format="csv", accept_loss=True)
    assert accepted.state == "done"
    assert json.loads((tmp_path / accepted.id / "manifest.json").read_text())["lost"]


def test_every_format_writes(world: World, tmp_path: Path):
    project = world.project(tasks=3)
    for name in ("csv", "jsonl", "parquet", "tsv"):
        assert export(world, project.id, tmp_path, format=name, accept_loss=True).state == "done"


def test_files_are_served_by_the_names_that_the_export_lists(world: World, tmp_path: Path):
    project = world.project(tasks=1)
    done = export(world, project.id, tmp_path)
    assert world.read(exports.file_path, world.owner, done.id, "manifest.json", tmp_path).is_file()
    for name in ("../x", "nothing", "/etc/passwd", ""):
        with pytest.raises(Missing):
            world.read(exports.file_path, world.owner, done.id, name, tmp_path)
    with pytest.raises(Missing):
        world.read(exports.get, world.stranger, done.id)
    with pytest.raises(Missing):
        world.call(exports.start, world.owner, project.id, wire.NewExport(since="exp-none"))
    assert [e.id for e in world.read(exports.list_, world.owner, project.id).items] == [done.id]


def test_who_answered_how_well_stands_beside_once_quality_was_read(world: World, tmp_path: Path):
    project = world.project(tasks=[{"text": str(n)} for n in range(4)], overlap=2)
    for actor in world.people[1:3]:
        while given := world.next(actor).assignments:
            world.submit(actor, given[0].id, {"spam": "spam"})
    assert "annotators.csv" not in export(world, project.id, tmp_path).files
    assert world.call(quality.start, world.owner, project.id)
    quality.run(world.lane, project.id)
    skills = world.read(quality.get, world.owner, project.id).questions[0].skills
    done = export(world, project.id, tmp_path, format="csv")
    told = list(csv.DictReader((tmp_path / done.id / "annotators.csv").open()))
    assert [(row["annotator"], row["kind"], row["question"], row["labels"]) for row in told] == [
        ("mem-1", "human", "spam", "4"),
        ("mem-2", "human", "spam", "4"),
    ]
    shown = [(row["annotator"], float(row["skill"]), float(row["low"]), float(row["high"])) for row in told]
    assert shown == sorted((one.member_id, one.value, one.low, one.high) for one in skills)
    assert "`annotators.csv`" in (tmp_path / done.id / "README.md").read_text()
    manifest = json.loads((tmp_path / done.id / "manifest.json").read_text())
    assert [file["name"] for file in manifest["files"]] == ["tasks.csv", "annotators.csv"]
    assert "annotators.csv" not in export(world, project.id, tmp_path, format="label_studio").files
