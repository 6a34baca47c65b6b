"""Real crowds with true labels: how they are read and how probabilities are scored against the truth.

The sets lie in `../shared/data/crowd`, a folder each with labels.csv (task, worker, label) and gold.csv
(task, label). Methods never see the gold: only `score` does. Whoever has sets of their own names the folder
that they lie in: `python -m bench inference adaptive --crowds FOLDER`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.aggregation import vote_table

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "crowd"
SETS = (
    "bluebird",
    "rte",
    "web",
    "weather_amt",
    "weather_cf",
    "music_genre",
    "product",
    "face",
    "adult",
    "zencrowd",
)
LEAST = 1e-6  # a probability below counts as this in the log-loss, or one sure error were worse than all


@dataclass(frozen=True, eq=False)
class Crowd:
    """A set of votes, and what is true."""

    name: str
    table: vote_table.VoteTable
    gold: np.ndarray  # [tasks] class, or -1 where the truth is not known; number of classes: one nobody gave


@dataclass(frozen=True)
class Score:
    """How probabilities compare with the truth, mean over the tasks whose truth is known."""

    accuracy: float  # ties count in parts
    brier: float  # 0 to 2
    log_loss: float  # natural logarithm
    calibration: float  # expected calibration error in ten bins of confidence


def crowds_in(folder: Path) -> tuple[str, ...]:
    """The sets in a folder, as `crowd` takes them, in the order of their names.

    Raises:
        SystemExit: there is none.
    """
    found = tuple(sorted(str(one.parent.resolve()) for one in folder.glob("*/gold.csv")))
    if not found:
        raise SystemExit(
            f"{folder}: no folder in it has a gold.csv and a labels.csv; name one like {FOLDER}."
        )
    return found


def short(name: str) -> str:
    """What a set is called in a table."""
    return Path(name).name


@cache
def crowd(name: str) -> Crowd:
    """One of `SETS`, or of what `crowds_in` gives."""
    table = vote_table.from_file(FOLDER / name / "labels.csv")
    place = {one: i for i, one in enumerate(table.tasks.tolist())}
    classes = {one: i for i, one in enumerate(table.classes.tolist())}
    gold = np.full(len(place), -1)
    with (FOLDER / name / "gold.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["task"] in place:
                gold[place[row["task"]]] = classes.get(row["label"], len(classes))
    return Crowd(name, table, gold)


def score(posterior: np.ndarray, gold: np.ndarray) -> Score:
    """Compare [tasks, classes] probabilities with the truth. A class that nobody gave has none."""
    known = gold >= 0
    chance, true = np.pad(posterior[known], ((0, 0), (0, 1))), gold[known]
    best = chance >= chance.max(axis=1, keepdims=True) - 1e-12
    rows = np.arange(len(true))
    right = best[rows, true] / best.sum(axis=1)
    told = np.eye(chance.shape[1])[true]
    sure = chance.max(axis=1)
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs((sure - right)[bins == b].sum()) for b in range(10)]
    return Score(
        accuracy=float(right.mean()),
        brier=float(((chance - told) ** 2).sum(axis=1).mean()),
        log_loss=float(-np.log(np.maximum(chance[rows, true], LEAST)).mean()),
        calibration=float(sum(gaps) / len(true)),
    )


def macro(scores: Sequence[Score]) -> Score:
    """The mean over sets."""
    fields = ("accuracy", "brier", "log_loss", "calibration")
    return Score(**{field: float(np.mean([getattr(one, field) for one in scores])) for field in fields})


def crowd_kit(name: str, table: vote_table.VoteTable, **options: Any) -> np.ndarray:
    """[tasks, classes] probabilities of crowd-kit's class of that name, on the same votes."""
    import pandas
    from crowdkit import aggregation

    votes = table.votes
    frame = pandas.DataFrame({"task": votes.task, "worker": votes.annotator, "label": votes.label})
    found = getattr(aggregation, name)(**options).fit_predict_proba(frame)
    return found.reindex(index=range(votes.tasks), columns=range(votes.classes)).fillna(0.0).to_numpy()


def simulated(
    tasks: int, per_task: int, annotators: int, classes: int, seed: int = 0
) -> Mapping[str, np.ndarray]:
    """Columns of votes by annotators of skills from 0.5 to 0.9 who err evenly, and the truth of each task."""
    dice = np.random.default_rng(seed)
    truth = dice.integers(0, classes, tasks)
    task = np.repeat(np.arange(tasks), per_task)
    worker = dice.integers(0, annotators, len(task))
    right = dice.random(len(task)) < dice.uniform(0.5, 0.9, annotators)[worker]
    label = np.where(right, truth[task], dice.integers(0, classes, len(task)))
    return {"task": task, "worker": worker, "label": label, "truth": truth}
