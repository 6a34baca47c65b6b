"""Whoever builds on the package gets its types: `mypy --strict` in a project of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

THEIRS = """\
from pathlib import Path

import evenhand
from evenhand import Client, aggregate, agreement

labels: evenhand.Aggregated = aggregate("labels.csv", worker="who")
sizes: evenhand.AggregatedNumbers = aggregate(Path("sizes.parquet"), type="number")
order: evenhand.AggregatedPairs = aggregate(worker=[1], left=[1], right=[2], winner=[1], type="pairs")
marks: evenhand.AggregatedAnswers = aggregate([{"task": 1, "worker": 2, "answer": []}], type="span")
alpha: float | None = agreement("labels.csv").figures[0].value
with Client("https://labels.example.org", "key") as client:
    for task in client.tasks("project"):
        sure: float = task.consensus["spam"].confidence
wrong: str = aggregate("labels.csv").probability
"""


def test_the_types_reach_whoever_imports_the_package(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "theirs.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    told = done.stdout.splitlines()
    assert len(told) == 2 and told[0].startswith("theirs.py:14: error: Incompatible types"), done.stdout
