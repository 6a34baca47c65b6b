"""From tables of votes to labels: ids of any type, every kind of table, and bad input told in words."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from evenhand import Aggregated, aggregate, cli
from evenhand.aggregation import table_file, vote_table
from evenhand.core.errors import Invalid, Refused

TASK = ["t2", "t2", "t2", "t1", "t1", "t1", "t3"]
WORKER = ["ann", "bob", "cy", "ann", "bob", "cy", "ann"]
LABEL = ["cat", "cat", "dog", "dog", "dog", "dog", "cat"]
COLUMNS = {"task": TASK, "worker": WORKER, "label": LABEL}


def named(result: Aggregated) -> dict[Any, Any]:
    return dict(zip(result.tasks.tolist(), result.labels.tolist(), strict=True))


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS,
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).astype("category"),
        pl.DataFrame(COLUMNS),
        pa.table(COLUMNS),
        {"task": TASK, "annotator": WORKER, "label": LABEL},
        {name: np.array(values) for name, values in COLUMNS.items()},
    ],
    ids=["mapping", "pandas", "categories", "polars", "pyarrow", "annotator", "numpy"],
)
def test_every_kind_of_table_comes_to_the_same(table: Any) -> None:
    result = aggregate(table)
    assert named(result) == {"t2": "cat", "t1": "dog", "t3": "cat"}
    assert (result.classes.tolist(), result.annotators.tolist()) == (["cat", "dog"], ["ann", "bob", "cy"])
    assert result.posterior.sum(axis=1) == pytest.approx(np.ones(3))
    assert result.probability == pytest.approx(result.posterior.max(axis=1))
    assert result.confusion.shape == (3, 2, 2) and result.votes.tolist() == [3, 2, 2]
    assert (result.skill_low < result.skill).all() and (result.skill < result.skill_high).all()
    assert result.table().column_names == ["task", "label", "probability", "cat", "dog"]


def test_ids_of_any_type() -> None:
    ids = [1, "1", 2.5, (1, 2), True, b"x", 10**30]
    result = aggregate(
        task=ids * 3, worker=[a for a in "abc" for _ in ids], label=[10, 2, "x", 2, 10, 2, 2] * 3
    )
    assert result.classes.tolist() == [2, 10, "x"]
    assert result.labels.tolist() == [10, 2, "x", 2, 10, 2, 2]
    assert len(result.table()) == 7
    far = aggregate(task=np.array([5, 2**40, 5]), worker=np.array([7, 7, 8], np.uint8), label=[0, 1, 0])
    assert named(far) == {5: 0, 2**40: 1} and far.annotators.tolist() == [7, 8]
    one, two = UUID(int=1), UUID(int=2)
    unique = aggregate(task=[one, one, two], worker=[one, two, one], label=[0, 0, 1])
    assert sorted(named(unique).values()) == [0, 1] and len(unique.table()) == 2


def test_what_is_missing_is_dropped_and_what_comes_twice_is_replaced_and_both_are_said() -> None:
    result = aggregate(
        task=[1, 1, 1, 2, None], worker=["a", "a", "b", "a", "b"], label=["x", "y", "y", None, "x"]
    )
    assert named(result) == {1: "y", 2: None}
    assert result.probability[1] == 0.0
    notes = " ".join(result.diagnostics.notes)
    assert "2 rows without a task, worker or label" in notes and "1 earlier vote " in notes
    assert "1 task without a vote" in notes
    floats = aggregate(task=np.array([1.0, np.nan]), worker=["a", "a"], label=["x", "x"])
    assert floats.tasks.tolist() == [1.0]


def test_ties_go_to_the_class_that_sorts_first() -> None:
    result = aggregate(task=[1, 1], worker=["a", "b"], label=[10, 9], method="majority")
    assert named(result) == {1: 9} and result.probability.tolist() == [0.5]
    named_classes = aggregate(
        task=[1, 1], worker=["a", "b"], label=[10, 9], classes=[10, 9, 8], method="majority"
    )
    assert named(named_classes) == {1: 10} and named_classes.posterior.shape == (1, 3)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({}, "votes.missing"),
        ({"table": {"task": [1], "worker": [1]}}, "votes.column"),
        ({"task": [1, 2], "worker": [1], "label": [1]}, "votes.lengths"),
        ({"task": [], "worker": [], "label": []}, "votes.empty"),
        ({"task": [1], "worker": [1], "label": [None]}, "votes.empty"),
        ({"task": [{}], "worker": [1], "label": [1]}, "votes.id"),
        ({"task": [1], "worker": [1], "label": ["b"], "classes": ["a"]}, "votes.unknown-class"),
        ({"table": COLUMNS, "method": "oracle"}, "inference.unknown-method"),
    ],
)
def test_bad_input_is_told(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid) as error:
        aggregate(**given)
    assert error.value.rule == rule


def test_a_million_classes_are_refused_with_the_number_that_would_do() -> None:
    many = np.arange(10**6)
    with pytest.raises(Refused, match="Group the classes to at most"):
        aggregate(task=many, worker=many % 3, label=many)


def test_nothing_heavy_is_loaded_before_it_is_called() -> None:
    code = (
        "import sys; from evenhand import aggregate; print({'numba', 'pyarrow', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# -- files and the command ----------------------------------------------------------------------


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    rows = [",".join(row) for row in zip(TASK, WORKER, LABEL, strict=True)]
    path.write_text("\n".join(["task,worker,label", *rows, "t9,,cat", ""]), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_writes_labels_probabilities_and_skills(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, people = tmp_path / "posterior.csv", tmp_path / "people.csv"
    assert cli.run(["aggregate", str(labels), "--out", str(out), "--annotators", str(people), "--json"]) == 0
    rows = read(out)
    assert list(rows[0]) == ["task", "label", "probability", "cat", "dog"]
    assert {row["task"]: row["label"] for row in rows} == {"t2": "cat", "t1": "dog", "t3": "cat", "t9": ""}
    assert float(rows[0]["probability"]) == float(rows[0]["cat"])
    assert [row["worker"] for row in read(people)] == ["ann", "bob", "cy"]
    said = json.loads(capsys.readouterr().out)
    assert (said["method"], said["labels"], said["tasks"], said["out"]) == ("robust", 7, 4, str(out))
    assert said["annotators"][0]["votes"] == 3 and "1 row without" in said["notes"][0]


def test_every_kind_of_file_comes_to_the_same(labels: Path, tmp_path: Path) -> None:
    table = pa.table(COLUMNS)
    parquet.write_table(table, tmp_path / "labels.parquet", row_group_size=2)
    (tmp_path / "labels.tsv").write_text("\ufeff" + labels.read_text().replace(",", "\t"), encoding="utf-8")
    results = [
        aggregate(path) for path in (labels, tmp_path / "labels.parquet", str(tmp_path / "labels.tsv"))
    ]
    for suffix in ("csv", "tsv", "parquet"):
        assert cli.run(["aggregate", str(labels), "--out", str(tmp_path / f"out.{suffix}")]) == 0
    assert parquet.read_table(tmp_path / "out.parquet").equals(results[0].table())
    assert results[1].posterior == pytest.approx(results[2].posterior[:3])
    assert named(results[0]) == named(results[2])


def test_a_file_is_read_in_pieces_and_ids_go_on_from_one_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_file, "BLOCK", 200)
    path = tmp_path / "labels.csv"
    rows = [f"task {i % 50},{i % 7},{i % 3}" for i in range(500)]
    path.write_text("\n".join(["task,worker,label", *rows]), encoding="utf-8")
    steps: list[int] = []
    found = vote_table.from_file(path, lambda done, total: steps.append(done))
    assert len(steps) > 10 and steps[-1] == 500
    task, who, label = ([i % n for i in range(500)] for n in (50, 7, 3))
    whole = vote_table.from_columns(
        [f"task {n}" for n in task], [str(n) for n in who], [str(n) for n in label]
    )
    assert found.tasks.tolist() == whole.tasks.tolist()
    assert (found.votes.code == whole.votes.code).all() and (found.votes.first == whole.votes.first).all()


def test_a_file_that_does_not_fit_is_refused_with_the_size_that_would(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_table, "memory", lambda: 1000)
    with pytest.raises(Refused, match=r"8 rows or more .* Take about 3 at most"):
        aggregate(labels)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("no.csv", None, "There is no such file"),
        ("votes.json", "[]", "no table"),
        ("empty.csv", "", "There is no column task; there are: none"),
        ("other.csv", "item,worker,label\n1,2,3\n", "there are: item, worker, label"),
        ("header.csv", "task,worker,label\n", "There are no votes"),
        ("torn.csv", "task,worker,label\n1,2\n", "cannot be read"),
        ("latin.csv", b"task,worker,label\n\xe9,2,3\n", "cannot be read"),
        ("broken.parquet", "PAR1 nonsense", "cannot be read"),
    ],
)
def test_a_bad_file_is_told_in_words_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | bytes | None, said: str
) -> None:
    path, out = tmp_path / name, tmp_path / "out.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert cli.run(["aggregate", str(path), "--out", str(out)]) == 1
    shown = capsys.readouterr().err
    assert said in shown and "Traceback" not in shown and not out.exists()


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out, said in (("out.xlsx", "End it in one of: .csv"), ("nowhere/out.csv", "There is no such folder")):
        assert cli.run(["aggregate", str(labels), "--out", str(tmp_path / out)]) == 1
        assert said in capsys.readouterr().err


def test_classes_named_as_columns_keep_apart(tmp_path: Path) -> None:
    result = aggregate(task=[1, 1], worker=["a", "b"], label=["task", "label"])
    assert result.table().column_names == ["task", "label", "probability", "class label", "class task"]
    again = aggregate(task=[1, 1, 1, 1], worker=["a", "b", "c", "d"], label=["task", "class task", 7, "7"])
    assert again.table().column_names[3:] == ["7", "class 7", "class task", "class class task"]
    assert again.class_columns == again.table().column_names[3:]


def test_the_summary_for_people_names_the_most_and_the_least_skilled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.csv"
    rows = [f"{t},{w},{t % 2 if w else 1 - t % 2}" for t in range(20) for w in range(7)]
    path.write_text("\n".join(["task,worker,label", *rows]), encoding="utf-8")
    assert cli.run(["aggregate", str(path), "--method", "majority"]) == 0
    shown = capsys.readouterr().out
    assert "140 labels of 7 annotators for 20 tasks, 2 classes." in shown
    assert re.search(r"Most skilled(.|\n)*Least skilled(.|\n)*^  0: right in \d%", shown, re.M)


# -- numbers ------------------------------------------------------------------------------------

NUMBERS = [
    (f"t{t}", who, 10.0 * t + bias + (t * t) % 7 % 3 * spread)
    for t in range(12)
    for who, bias, spread in (("ann", 0.0, 0.1), ("bob", 5.0, 0.1), ("cy", -9.0, 6.0))
]


def test_numbers_come_to_values_with_errors_biases_and_spreads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out, people = tmp_path / "numbers.csv", tmp_path / "values.csv", tmp_path / "people.csv"
    rows = [f"{task},{who},{said}" for task, who, said in [*NUMBERS, ("t99", "ann", "")]]
    path.write_text("\n".join(["task,worker,label", *rows]), encoding="utf-8")
    options = ["--type", "number", "--out", str(out), "--annotators", str(people)]
    assert cli.run(["aggregate", str(path), *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["type"], said["labels"], said["tasks"], said["out"]) == ("number", 36, 13, str(out))
    assert "1 row without" in said["notes"][0] and 0 < said["error"] < 5
    values = read(out)
    assert list(values[0]) == ["task", "value", "error"] and values[-1] == {
        "task": "t99",
        "value": "",
        "error": "",
    }
    task, worker, label = zip(*NUMBERS, strict=True)
    found = aggregate(task=task, worker=worker, label=label, type="number")
    assert [float(row["value"]) for row in values[:-1]] == pytest.approx(found.values)
    apart = np.diff(found.values)
    assert apart == pytest.approx(np.full(11, 10.0), abs=1)
    ann, bob, cy = found.bias
    assert bob - ann == pytest.approx(5, abs=0.5) and cy < ann
    assert [row["worker"] for row in read(people)] == ["ann", "bob", "cy"] and found.spread.argmax() == 2
    assert cli.run(["aggregate", str(path), "--type", "number"]) == 0
    shown = capsys.readouterr().out
    assert "36 numbers of 3 annotators for 13 tasks" in shown and "Most exact" in shown


def test_numbers_of_a_single_annotator_stay_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("task,worker,label\n1,ann,2.5\n2,ann,-1\n", encoding="utf-8")
    found = aggregate(path, type="number")
    assert found.values.tolist() == [2.5, -1.0] and np.isnan(found.errors).all()
    assert found.table()["error"].null_count == 2
    assert cli.run(["aggregate", str(path), "--type", "number", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["error"] is None and said["annotators"][0]["spread"] is None


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"label": [1, "cat"], "type": "number"}, "votes.numbers"),
        ({"label": [1, np.inf], "type": "number"}, "votes.numbers"),
        ({"label": [(1, 2), 3], "type": "number"}, "votes.numbers"),
        ({"label": [1, 2], "type": "shape"}, "votes.type"),
        ({"label": [1, 2], "type": "number", "method": "majority"}, "votes.type-method"),
        ({"label": [1, 2], "type": "number", "classes": [1, 2]}, "votes.type-method"),
    ],
)
def test_what_are_no_numbers_is_told(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid) as error:
        aggregate(task=[1, 1], worker=["a", "b"], **given)
    assert error.value.rule == rule


# -- pairs --------------------------------------------------------------------------------------

BEATS = {"a": 3, "b": 2, "c": 1, "d": 0}
COMPARED = [
    (who, one, other, one if (BEATS[one] > BEATS[other]) == (who != "eve") else other)
    for who in ("ann", "bob", "cy", "eve")
    for one in BEATS
    for other in BEATS
    if one < other
]


def test_comparisons_come_to_scores_and_skills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out, people = tmp_path / "pairs.csv", tmp_path / "scores.csv", tmp_path / "people.csv"
    rows = [",".join(row) for row in [*COMPARED, ("ann", "a", "a", "tie"), ("bob", "a", "b", "")]]
    path.write_text("\n".join(["worker,left,right,winner", *rows]), encoding="utf-8")
    options = ["--type", "pairs", "--out", str(out), "--annotators", str(people)]
    assert cli.run(["aggregate", str(path), *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["type"], said["labels"], said["items"], said["out"]) == ("pairs", 24, 4, str(out))
    assert "1 row without a worker" in said["notes"][0] and "with itself" in said["notes"][1]
    assert [one["item"] for one in said["best"]] == ["a", "b", "c", "d"]
    assert [(row["item"], row["votes"]) for row in read(out)] == [(one, "12") for one in BEATS]
    assert float(read(people)[3]["skill"]) < 0.45 and read(people)[3]["worker"] == "eve"
    other = tmp_path / "other.csv"
    other.write_text("\n".join(["judge,a,b,better", *rows]), encoding="utf-8")
    named = ["--worker", "judge", "--left", "a", "--right", "b", "--winner", "better"]
    assert cli.run(["aggregate", str(other), "--type", "pairs", *named, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == said["best"]
    assert cli.run(["aggregate", str(path), "--left", "a"]) == 1  # labels have no sides
    assert "There is no such column here" in capsys.readouterr().err
    found = aggregate(path, type="pairs")
    assert found.items.tolist() == list(BEATS) and (np.diff(found.scores) < -0.5).all()
    assert cli.run(["aggregate", str(path), "--type", "pairs"]) == 0
    shown = capsys.readouterr().out
    assert (
        "24 comparisons of 4 items by 4 annotators." in shown and "Best:" in shown and "Most skilled" in shown
    )


def test_every_kind_of_table_of_comparisons_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = dict(zip(("worker", "left", "right", "winner"), zip(*COMPARED, strict=True), strict=True))
    once = aggregate({name: list(values) for name, values in columns.items()}, type="pairs")
    path = tmp_path / "pairs.parquet"
    parquet.write_table(
        pa.table({name: list(values) for name, values in columns.items()}), path, row_group_size=5
    )
    monkeypatch.setattr(table_file, "ROWS", 7)
    words = [{one: "left", other: "right"}[best] for _, one, other, best in COMPARED]
    number = {name: i + 7 for i, name in enumerate(BEATS)}
    for other in (
        aggregate(path, type="pairs"),
        aggregate(pd.DataFrame(columns), type="pairs"),
        aggregate(pl.DataFrame(columns), type="pairs"),
        aggregate(**{**columns, "winner": words}, type="pairs"),
        aggregate(
            worker=columns["worker"],
            left=np.array([number[one] for one in columns["left"]]),
            right=[number[one] for one in columns["right"]],
            winner=[number[one] for one in columns["winner"]],
            type="pairs",
        ),
    ):
        assert sorted(map(str, other.items)) in (sorted(BEATS), sorted(map(str, number.values())))
        by_name = dict(zip((str(one) for one in other.items), other.scores, strict=True))
        assert [by_name.get(one, by_name.get(str(number[one]))) for one in once.items] == pytest.approx(
            once.scores
        )
        assert other.skill == pytest.approx(once.skill)
    drawn = aggregate(worker=[1, 1], left=["tie", 5], right=[5, "tie"], winner=["tie", 5], type="pairs")
    assert drawn.items.tolist() == ["tie", 5] and drawn.scores[1] > 0  # the last of two; "tie" is an id here
    even = aggregate(worker=[1], left=[4], right=[5], winner=["tie"], type="pairs")
    assert even.items.tolist() == [4, 5] and even.scores == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({}, "pairs.missing"),
        ({"table": {"worker": [1], "left": [1], "right": [2]}}, "votes.column"),
        ({"worker": [1], "left": [1], "right": [2], "winner": [3]}, "pairs.winner"),
        ({"worker": [1], "left": [1], "right": [2, 3], "winner": [1]}, "pairs.lengths"),
        ({"worker": [1], "left": [1], "right": [1], "winner": [1]}, "pairs.empty"),
        ({"worker": [1], "left": [1], "right": [2], "winner": [None]}, "pairs.empty"),
    ],
)
def test_bad_comparisons_are_told(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid) as error:
        aggregate(**given, type="pairs")
    assert error.value.rule == rule


def test_files_without_comparisons_or_with_too_many_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("worker,left,right,winner\n", encoding="utf-8")
    with pytest.raises(Invalid, match="There are no comparisons"):
        aggregate(path, type="pairs")
    path.write_text("worker,left,right,winner\n1,a,b,a\n", encoding="utf-8")
    monkeypatch.setattr("evenhand.aggregation.pair_table.memory", lambda: 1)
    with pytest.raises(Refused, match="Take at most 0"):
        aggregate(path, type="pairs")


# -- answers of label types ---------------------------------------------------------------------


MARKED = '{{"task": 1, "worker": "a", "answer": [{{"start": {start}, "end": {end}, "label": "A"}}]}}'
ANN = [{"start": 0, "end": 3, "label": "PER"}]
BOB = [{"start": 0, "end": 3, "label": "LOC"}]


def answers_of_three() -> list[dict[str, Any]]:
    """Ann and Cy are right, Bob names wrongly whatever he finds."""
    said = {"ann": ANN, "bob": BOB, "cy": ANN}
    return [{"task": n, "worker": who, "answer": said[who]} for n in range(20) for who in said]


def test_answers_of_a_label_type_come_to_what_a_project_makes_of_them() -> None:
    rows = [*answers_of_three(), {"task": 99, "annotator": "ann", "answer": ANN},
            {"task": 99, "annotator": "bob", "answer": BOB}]  # fmt: skip
    found = aggregate(rows, type="span")
    assert found.answers == [ANN] * 21 and found.tasks == [*range(20), 99]
    assert found.method == "pieces" and found.measures[2] == "mislabelled"
    wrong = dict(zip(found.annotators, (told[2] for told in found.known), strict=True))
    assert wrong["bob"] > 0.5 > 0.2 > wrong["ann"]
    assert 0.5 < found.confidence[-1] < found.confidence[0] < 1
    columns = [[row[key] for row in answers_of_three()] for key in ("task", "worker", "answer")]
    again = aggregate(task=columns[0], worker=columns[1], label=columns[2], type="span")
    assert again.answers == found.answers[:20]
    texts = aggregate(task=[1, 1, 1], worker=["a", "b", "c"], label=["tea", "tea", "coffee"], type="text")
    assert texts.answers == ["tea"] and texts.measures == ("error",)


def test_answers_are_cells_of_a_table_too(tmp_path: Path) -> None:
    """Steps, orders in JSON, and texts that only look like JSON."""
    said = {
        "rating": ["4", "4", "1", "2", "2", "5"],
        "ranking": ['[["x"],["y"]]', '[["x"],["y"]]', '[["y"],["x"]]'] * 2,
        "text": ["12", "12", "13", '"so"', '"so"', "no"],
    }
    expected = {"rating": [4, 2], "ranking": [[["x"], ["y"]]] * 2, "text": ["12", '"so"']}
    for name, cells in said.items():
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["task", "annotator", "answer"])
            rows.writerows(zip([1, 1, 1, 2, 2, 2], "abcabc", cells, strict=True))
        assert aggregate(path, type=name).answers == expected[name]


def test_the_command_writes_answers_and_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out, people = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "people.csv"
    rows = [
        *answers_of_three(),
        {"task": 0, "worker": "cy", "answer": ANN},
        {"task": 1, "worker": None, "answer": []},
    ]
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    config = tmp_path / "config.json"
    config.write_text('{"labels": ["LOC", "PER"]}', encoding="utf-8")
    options = ["--type", "span", "--config", str(config), "--out", str(out), "--annotators", str(people)]
    assert cli.run(["aggregate", str(path), *options]) == 0
    assert "Weighed by pieces." in (shown := capsys.readouterr().out) and "1 earlier answer " in shown
    assert "1 row without" in shown
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["answer"] for row in written] == [ANN] * 20 and written[0].keys() == {
        "pieces",
        "task",
        "answer",
        "confidence",
    }
    with people.open() as file:
        assert [row["worker"] for row in csv.DictReader(file)] == ["ann", "bob", "cy"]
    assert cli.run(["aggregate", str(path), "--type", "span", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["annotators"][0]["measures"].keys() == {
        "missed", "invented", "mislabelled", "off"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", [], "There are no answers."),
        ("[1]", [], "line 1: This is no JSON object"),
        ('{"task": 1, "answer": []}', [], "line 1: It has no worker or annotator."),
        ('{"task": [1], "worker": "a", "answer": []}', [], "An id is neither text nor number."),
        ('{"task": 1, "worker": "a", "answer": 7}', [], "task 1, worker a: Expected `array`, got `int`"),
        (MARKED.format(start=3, end=1), [], "worker a, [0].end: The span is empty"),
        (MARKED.format(start=1, end=3), ["--method", "majority"], "a method of their own"),
        (MARKED.format(start=1, end=3), ["--iterations", "3"], "a method of their own"),
        (MARKED.format(start=1, end=3), ["--out", "labels.csv"], "By its name this is no such file"),
        (MARKED.format(start=1, end=3), ["--out", "no/labels.jsonl"], "There is no such folder."),
        (MARKED.format(start=1, end=3), ["--config", "nothing.json"], "The configuration cannot be read"),
        (MARKED.format(start=1, end=3), ["--config", "list.json"], "The configuration is no JSON object"),
    ],
)
def test_bad_answers_are_told(
    text: str,
    options: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text(text, encoding="utf-8")
    Path("list.json").write_text("[]", encoding="utf-8")
    assert cli.run(["aggregate", "in.jsonl", "--type", "span", *options]) == 1
    assert reason in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "list.json"]
