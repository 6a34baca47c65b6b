"""Agreement of a table: from Python and as a command, against another library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from evenhand import agreement, cli
from evenhand.core.errors import Invalid

TASK = ["a", "a", "b", "b", "c", "c", "d", "d", "e"]
WORKER = ["x", "y", "x", "y", "x", "y", "y", "x", "x"]
LABEL = [1, 1, 2, 3, 3, 3, 1, 2, 2]
COLUMNS = {"task": TASK, "worker": WORKER, "label": LABEL}
TABLE = np.array([[1, 2, 3, 2, 2], [1, 3, 3, 1, np.nan]])


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval", "ratio"])
def test_a_table_and_columns_come_to_what_another_library_says(scale: Any) -> None:
    found = agreement(COLUMNS, scale=scale)
    assert found.figures[0].value == pytest.approx(
        krippendorff.alpha(reliability_data=TABLE, level_of_measurement=scale)
    )
    assert (found.labels, found.tasks, found.annotators, found.classes) == (9, 5, 2, 3)
    assert agreement(task=TASK, worker=WORKER, label=LABEL, scale=scale) == found


def test_the_command_says_the_same_of_every_kind_of_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet.write_table(pa.table(COLUMNS), tmp_path / "labels.parquet")
    rows = [",".join(map(str, row)) for row in zip(TASK, WORKER, LABEL, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["task,worker,label", *rows, "a,x,", "a,x,1", ""]))
    assert cli.run(["agreement", str(tmp_path / "labels.parquet"), "--scale", "interval", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["figures"][0]["value"] == pytest.approx(agreement(COLUMNS, scale="interval").figures[0].value)
    assert cli.run(["agreement", str(tmp_path / "labels.csv")]) == 0
    text = capsys.readouterr().out
    alpha = agreement(COLUMNS).figures[0]
    assert f"{alpha.value:.3f}  (95%: {alpha.low:.3f} to {alpha.high:.3f})" in text
    assert "cohen" in text and "1 row without" in text and "1 earlier label " in text


def test_what_has_no_value_says_because_of_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.csv").write_text("task,worker,label\na,x,1\nb,x,2\n")
    assert cli.run(["agreement", str(tmp_path / "one.csv")]) == 0
    assert "undefined because no task has answers of two annotators" in capsys.readouterr().out


def test_bad_input_is_told() -> None:
    with pytest.raises(Invalid, match="Neither a table"):
        agreement(task=TASK)
    with pytest.raises(Invalid, match="labels are numbers"):
        agreement(task=["a", "a"], worker=[1, 2], label=["cat", "dog"], scale="ordinal")
    with pytest.raises(Invalid, match="no scale 'best'"):
        agreement(COLUMNS, scale="best")  # type: ignore[arg-type]
