"""Tables of labels as people have them: other delimiters and names, compressed, piped, exported."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from evenhand import Aggregated, aggregate, agreement, cli, formats
from evenhand.aggregation import rows, table_file, vote_table
from evenhand.core.errors import Invalid, Refused, Unavailable
from evenhand.core.release import ReleasedAnnotation, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.labels import find

TEXT = "task,worker,label\nt1,ann,cat\nt1,bob,cat\nt2,ann,dog\nt2,bob,\nt2,cy,dog\n"


def zstd(text: bytes) -> bytes:
    return bytes(pa.compress(text, codec="zstd", asbytes=True))


def named(result: Aggregated) -> dict[Any, Any]:
    return dict(zip(result.tasks.tolist(), result.labels.tolist(), strict=True))


def packed(text: str) -> bytes:
    """With no time in it: what goes into the names of tests has to be the same in each process."""
    return gzip.compress(text.encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("semicolons.csv", TEXT.replace(",", ";")),
        ("tabs.csv", TEXT.replace(",", "\t")),
        ("bars.tsv", TEXT.replace(",", "|")),
        ("case.csv", TEXT.replace("task,worker,label", "Task, WORKER ,Label")),
        ("marked.csv", "\ufeff" + TEXT.replace("task,", '"task",').replace("\n", "\r\n")),
        ("quoted.csv", TEXT.replace("bob,\n", 'bob,""\n').replace("cy,dog", 'cy,"dog"')),
        ("more.csv", 'a,a,label,task,worker,note\n' + "".join(
            f'1,2,{label},{task},{who},"a ""note"", or\ntwo"\n'
            for task, who, label in (row.split(",") for row in TEXT.splitlines()[1:])
        )),
        ("packed.csv.gz", packed(TEXT[:30]) + packed(TEXT[30:])),
        ("packed.csv.zst", zstd(TEXT.encode())),
        ("packed.tsv.bz2", bz2.compress(TEXT.replace(",", "\t").encode())),
        ("not-told.csv", packed(TEXT)),
    ],
)  # fmt: skip
def test_tables_of_any_dialect_come_to_the_same(tmp_path: Path, name: str, text: str | bytes) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = aggregate(path)
    assert named(result) == {"t1": "cat", "t2": "dog"} and result.votes.tolist() == [2, 1, 1]
    assert result.diagnostics.notes == ("1 row without a task, worker or label: dropped.",)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("wide.csv", TEXT.encode("utf-16"), "The file is in UTF-16. Save it as UTF-8."),
        ("old.csv", TEXT.replace("\n", "\r").encode(), "a carriage return alone"),
        ("nothing.csv", b"task\0worker\0label\n", "This is no text."),
        ("open.csv", (TEXT + 't3,ann,"cat\nt4,ann,dog\n').encode(), "A quote opens before 'cat' and never"),
        ("open-note.csv", b'task,worker,label,note\n1,a,x,"y\n2,a,x,z\n', "A quote opens before 'y' and"),
        ("ragged.csv", (TEXT + "t3,ann,cat,or dog\n").encode(), "Give each row as many cells as the header"),
        ("twice.csv", b"task,worker,label,label\n1,a,x,y\n", "Two columns are called label."),
        ("latin.csv", TEXT.replace("cat", "\xe9").encode("latin-1"), "Save it as UTF-8."),
        ("cut.csv.gz", packed(TEXT * 5000)[:-30], "cannot be read"),
        ("other.csv", b"item;person;class\n1;a;x\n", "there are: item, person, class. Call it so"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    for command in ("aggregate", "agreement"):
        assert cli.run([command, str(path)]) == 1
        shown = capsys.readouterr().err
        assert said in shown.replace("\n ", "") and "fault" not in shown


def test_a_quote_in_the_middle_of_a_cell_is_a_letter(tmp_path: Path) -> None:
    path = tmp_path / "inches.csv"
    path.write_text('task,worker,label\n1,a,5" pipe\n2,a,6" pipe\n3,a,7" pipe\n', encoding="utf-8")
    assert aggregate(path).classes.tolist() == ['5" pipe', '6" pipe', '7" pipe']


def test_columns_of_other_names_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.csv"
    path.write_text(TEXT.replace("task,worker,label", "item,Person,class"), encoding="utf-8")
    assert named(aggregate(path, task="item", worker="person", label="class")) == {"t1": "cat", "t2": "dog"}
    frame = pl.read_csv(path)
    assert named(aggregate(frame, task="item", worker="Person", label="class"))["t1"] == "cat"
    assert agreement(path, task="item", worker="Person", label="class").labels == 4
    names = ["--task", "item", "--worker", "Person", "--label", "class", "--classes", "dog,cat,cow"]
    assert cli.run(["aggregate", str(path), *names, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["dog", "cat", "cow"]
    assert cli.run(["aggregate", str(path), "--type", "pairs", "--task", "item"]) == 1
    assert "There is no such column here; there are: worker, left" in capsys.readouterr().err


def test_rows_and_structured_arrays_are_tables() -> None:
    listed = [{"task": 1, "annotator": "a", "label": "x"}, {"task": 2, "annotator": "b"}]
    assert named(aggregate(listed)) == {1: "x", 2: None}
    kinds = [("task", "i8"), ("worker", "i4"), ("label", "U3")]
    assert named(aggregate(np.array([(1, 2, "x"), (1, 3, "x")], kinds))) == {1: "x"}
    spans = {"task": [1], "worker": ["a"], "label": ["tea"]}
    assert aggregate(spans, type="text").answers == aggregate(pl.DataFrame(spans), type="text").answers


class Lazy:
    """A table that is still to be reckoned, as polars has it: names, and no columns."""

    columns = ("task", "worker", "label")

    def __getitem__(self, name: str) -> Any:
        raise TypeError("collect me first")


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"table": 5}, "votes.table"),
        ({"table": b"labels.csv"}, "votes.table"),
        ({"table": Lazy()}, "votes.table"),
        ({"table": {"task": [1], "worker": [1], "label": [1]}, "task": [2]}, "votes.name"),
        ({"task": [1], "worker": [1], "label": [1], "classes": [1, 1]}, "votes.class-twice"),
        ({"task": [1], "worker": [1], "label": [1], "classes": [[1]]}, "votes.id"),
        ({"task": [1], "worker": [1], "label": [1], "iterations": -1}, "votes.iterations"),
        ({"task": [1], "worker": [1], "label": [1], "iterations": 1.5}, "votes.iterations"),
    ],
)
def test_what_is_no_table_is_told(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid) as error:
        aggregate(**given)
    assert error.value.rule == rule


def test_ids_that_no_table_holds_are_written_as_texts(tmp_path: Path) -> None:
    result = aggregate(task=[10**30, "\ud800"], worker=[-(2**63), 2**64 - 1], label=["x", "x"])
    assert result.table()["task"].to_pylist() == [str(10**30), "\\ud800"]
    table = pa.table({"task": pa.array([b"\xff\xfe"]).cast(pa.binary()), "worker": ["a"], "label": ["x"]})
    bad = pa.Array.from_buffers(pa.string(), 1, table["task"].chunk(0).buffers())
    parquet.write_table(table.set_column(0, "task", bad), tmp_path / "torn.parquet")
    with pytest.raises(Invalid, match="is not UTF-8"):
        aggregate(tmp_path / "torn.parquet")


def test_what_looks_alike_and_what_looks_like_nothing_is_said() -> None:
    labels = ["x", "X ", "caf\u00e9", "cafe\u0301", "NA", "y"]
    notes = aggregate(task=[1] * 6, worker=["a", "A", "b", "c", "d", "e"], label=labels).diagnostics.notes
    assert notes[0] == "Counted as a class: 'NA'. An empty cell says that there is no label."
    assert "'x', 'X '; 'caf\\xe9', 'cafe\\u0301'" in notes[1] and notes[2].startswith("Annotators that look")
    alone = aggregate(task=[1, 2], worker=["a", "b"], label=["x", "y"]).diagnostics.notes
    assert alone == ("No task has votes of two annotators: nothing tells how right they are.",)


def test_the_order_of_rows_decides_nothing_but_the_order_of_tasks() -> None:
    chance = np.random.default_rng(7)
    task, who = np.repeat(np.arange(300), 4), np.tile(np.arange(12), 100)
    label = np.where(chance.random(1200) < 0.7, task % 3, chance.integers(0, 3, 1200))
    order = chance.permutation(1200)
    for method in ("robust", "dawid-skene", "one-coin", "weighted", "majority"):
        one = aggregate(task=task, worker=who, label=label, method=method)
        other = aggregate(task=task[order], worker=who[order], label=label[order], method=method)
        place = np.argsort(other.tasks)
        assert other.tasks[place].tolist() == one.tasks.tolist()
        assert (other.labels[place] == one.labels).all()
        assert other.posterior[place] == pytest.approx(one.posterior, abs=1e-9)


def test_who_guesses_is_near_chance_and_a_split_task_is_worth_asking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = np.random.default_rng(3)
    task = np.repeat(np.arange(200), 5)
    who = np.tile(["ann", "bob", "cy", "dee", "guess"], 200)
    label = np.where(who == "guess", chance.integers(0, 2, 1000), task % 2)
    kept = ~((task == 77) & (who != "ann") & (who != "guess")) & ~((task == 78) & (who != "guess"))
    label[(task == 77) & (who == "guess")] = 0
    path = tmp_path / "labels.parquet"
    parquet.write_table(pa.table({"task": task[kept], "worker": who[kept], "label": label[kept]}), path)
    result = aggregate(path)
    assert result.annotators[result.near_chance].tolist() == ["guess"]
    assert result.chance == pytest.approx(0.5, abs=0.05)
    (first, most), (second, gain) = result.worth_asking(2)
    assert {first, second} == {77, 78} and 0.03 < gain <= most < 0.6
    assert result.worth_asking(0) == [] and len(result.worth_asking(1000)) <= 200
    assert result.expected_wrong == pytest.approx((1 - result.probability).sum())
    assert cli.run(["aggregate", str(path), "--worth-asking", "2"]) == 0
    shown = capsys.readouterr().out
    assert "Perhaps no better than chance: guess." in shown and f"\n  {first}: +0." in shown
    assert cli.run(["aggregate", str(path), "--worth-asking", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["near_chance"] == ["guess"] and said["worth_asking"][0]["task"] == str(first)
    assert cli.run(["aggregate", str(path), "--worth-asking", "1", "--type", "number"]) == 1
    assert "known of classes" in capsys.readouterr().err


# -- where results go ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "labels.csv"], "This is the file that is read."),
        (["--annotators", "./labels.csv"], "This is the file that is read."),
        (["--out", "x.csv", "--annotators", "x.csv"], "Two results are to be written to one place."),
        (["--out", "-", "--annotators", "-"], "Two results are to be written to one place."),
        (["--out", "folder.csv"], "This is a folder."),
        (["--out", "x.parquet.gz"], "By its name this is no such file."),
        (["--out", "taken.csv"], "The file cannot be written: Is a directory."),
    ],
)
def test_nothing_is_written_where_it_may_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text(TEXT, encoding="utf-8")
    Path("folder.csv").mkdir()
    (tmp_path / ".taken.csv.part").mkdir()
    before = sorted(tmp_path.iterdir())
    assert cli.run(["aggregate", "labels.csv", *options]) == 1
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before and Path("labels.csv").read_text() == TEXT


def test_a_folder_without_the_right_to_write_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may write everywhere
    with pytest.raises(Invalid, match="Nothing can be written in this folder"):
        table_file.writable(tmp_path / "out.csv")
    with pytest.raises(Unavailable, match="No space left"), table_file.written(tmp_path / "out.csv"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_labels_come_and_go_through_pipes(tmp_path: Path) -> None:
    """A real process: its output is the table alone, and what it says to a person goes beside it."""
    command = [str(Path(sys.executable).with_name("evenhand")), "aggregate", "-", "--out", "-"]
    done = subprocess.run(command, input=TEXT.encode(), capture_output=True, check=True)
    told = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert [(row["task"], row["label"]) for row in told] == [("t1", "cat"), ("t2", "dog")]
    assert b"4 labels of 3 annotators for 2 tasks" in done.stderr


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Let this come as standard input."""
    file = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]  # as raw as it needs
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))


def test_standard_input_may_be_any_kind_of_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"task": [1, 1], "worker": ["a", "b"], "label": ["x", "x"]}), sink)
    lines = b'{"task": 1, "worker": "a", "label": "x"}\n{"task": 1, "worker": "b", "label": "x"}\n'
    text = b"task,worker,label\n1,a,x\n1,b,x\n"
    for data in (sink.getvalue(), lines, gzip.compress(text), gzip.compress(lines), zstd(lines)):
        pipe(monkeypatch, data)
        assert cli.run(["aggregate", "-", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["labels"] == 2


def test_compressed_tables_are_written_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(TEXT, encoding="utf-8")
    for name in ("out.csv", "out.csv.gz", "out.csv.zst"):
        assert cli.run(["aggregate", str(tmp_path / "labels.csv"), "--out", str(tmp_path / name)]) == 0
    plain = (tmp_path / "out.csv").read_bytes()
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == plain
    with table_file.opened(tmp_path / "out.csv.zst") as file:
        assert file.read() == plain


def test_a_stop_by_the_keyboard_leaves_nothing_half_written(tmp_path: Path) -> None:
    """Stopped in the midst of reading, for the pipe takes no more than the process reads."""
    command = [str(Path(sys.executable).with_name("evenhand")), "aggregate", "-", "--out", "out.csv"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(b"task,worker,label\n" + b"t1,ann,cat\n" * 100_000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.wait(60) == 1 and process.stderr.read().decode().split() == ["Stopped."]
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
from pathlib import Path
from evenhand.aggregation import vote_table
from evenhand.core.errors import Refused
few, many = map(Path, sys.argv[1:])
vote_table.from_file(few)
held = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (held + (40 << 20), resource.RLIM_INFINITY))
try:
    vote_table.from_file(many)
except Refused as error:
    print(error.rule, error.reason, error.remedy)
"""


def test_a_file_beyond_the_memory_of_the_process_is_refused_with_a_size(tmp_path: Path) -> None:
    """Under a real limit of the system."""
    for name, count in (("few", 10), ("many", 1_500_000)):
        numbers = np.arange(count)
        table = pa.table({"task": numbers, "worker": numbers % 9, "label": numbers % 2})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    files = [str(tmp_path / f"{name}.parquet") for name in ("few", "many")]
    done = subprocess.run([sys.executable, "-c", LIMITED, *files], capture_output=True, text=True, check=True)
    told = re.fullmatch(
        r"votes.memory 1,500,000 rows .* Take about ([0-9,]+) at most, or more memory.\n", done.stdout
    )
    assert told is not None and 50_000 < int(told[1].replace(",", "")) < 1_000_000


def test_memory_that_is_used_up_all_the_same_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for read, said in ((1000, "Take about 500 at most"), (0, "not enough to begin")):
        with (
            pytest.raises(Refused, match=said),
            table_file.within_memory("labels.csv", lambda read=read: read),
        ):
            np.empty(1 << 56)


# -- a project's export -------------------------------------------------------------------------


def annotation(who: str, answers: dict[str, Any], surplus: bool = False) -> ReleasedAnnotation:
    return ReleasedAnnotation(
        annotator=who,
        kind="human",
        answers=msgspec.Raw(msgspec.json.encode(answers)),
        seconds=None,
        submitted_at="2026-01-02T03:04:05.000Z",
        receipt=None,
        surplus=surplus,
    )


@pytest.fixture(params=["jsonl", "csv", "tsv", "parquet"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Two questions, of which one is not always answered, and a surplus annotation."""
    spam = find("choice").configure({"choices": ["ham", "spam"]}, {})
    marks = find("span").configure({"field": "text", "labels": ["PER"]}, {"text": "text"})
    questions = (ReleasedQuestion("spam", spam), ReleasedQuestion("marks", marks))
    survey = ReleaseSchema(columns=(), questions=questions)
    marked = [{"start": 0, "end": 3, "label": "PER"}]
    with formats.find(request.param).write(survey, tmp_path) as writer:
        for n in range(6):
            some = [annotation(who, {"spam": "spam" if n % 2 else "ham", "marks": marked}) for who in "ab"]
            some.append(annotation("c", {"marks": []}))
            some += [annotation("d", {"spam": "ham", "marks": []}, surplus=True)] if n == 3 else []
            writer.add(
                ReleasedTask(
                    task_id=f"task-{n}", external_id=None, data=msgspec.Raw(b"{}"),
                    metadata=msgspec.Raw(b"{}"), consensus={}, annotations=tuple(some),
                )
            )  # fmt: skip
        writer.close()
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    yield tmp_path


def test_an_export_is_read_as_it_was_written(
    export: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = aggregate(export, question="spam")
    assert named(result) == {f"task-{n}": "spam" if n % 2 else "ham" for n in range(6)}
    assert result.annotators.tolist() == ["a", "b"]
    assert result.diagnostics.notes[:2] == (
        "1 surplus answer: not counted.",
        "6 annotations without an answer to spam.",
    )
    (file,) = export.glob("tasks.*")
    spans = aggregate(file, type="span", question="marks")
    assert spans.annotators == ["a", "b", "c"] and spans.answers[0][0]["label"] == "PER"
    assert agreement(export, question="spam").figures[0].value == 1
    assert cli.run(["aggregate", str(file), "--question", "spam", "--type", "choice"]) == 0
    assert "12 labels of 2 annotators for 6 tasks" in capsys.readouterr().out
    for data in (file.read_bytes(), gzip.compress(file.read_bytes())):
        pipe(monkeypatch, data)
        assert cli.run(["aggregate", "-", "--question", "spam", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["labels"] == 12
    for options, said in (
        ([], "There are answers to spam, marks."),
        (["--question", "marks"], "An answer is a list, and no class."),
    ):
        assert cli.run(["aggregate", str(export), *options]) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('{"task_id": "1", "annotations": [{"annotator": "a"}]}', "answers.export"),
        ('{"task_id": "1", "annotations": "nothing"}', "answers.export"),
        ('{"task_id": "1", "annotations": []}', "votes.empty"),
        ('{"task": "1", "worker": "a"}', "answers.key"),
    ],
)
def test_what_is_no_export_is_told(tmp_path: Path, line: str, rule: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(Invalid) as error:
        aggregate(path)
    assert error.value.rule == rule


def test_answers_beyond_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"task": 1, "worker": "a", "answer": "tea"}\n', encoding="utf-8")
    monkeypatch.setattr(rows, "memory", lambda: 100)
    with pytest.raises(Refused, match="Take at most 10 bytes"):
        aggregate(path, type="text")
    monkeypatch.setattr(rows, "memory", lambda: 1000)
    assert vote_table.from_file(path).tasks.tolist() == [1]
