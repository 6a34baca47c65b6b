"""The goals on real crowds: the default against majority and Dawid-Skene. Truth is used to score only.

Where the sets are not there, a simulated crowd stands in for them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bench import adaptive, inference
from bench.crowd import FOLDER, SETS, Crowd, Score, crowd, crowds_in, macro, score, simulated
from evenhand.aggregation import vote_table
from evenhand.core.inference import Votes, infer
from evenhand.core.inference.robust import Brakes, robust

HERE = SETS if FOLDER.is_dir() else ("simulated",)
PEER = dict(zip(SETS, (0.889, 0.928, 0.829, 0.840, 0.830, 0.769, 0.940, 0.640, 0.766, 0.800), strict=True))
"""Accuracy of crowd-kit 1.4.2's DawidSkene, as `python -m bench inference` prints it."""
CHOICES = [Brakes(rounds=r, hedge=h, sharpness=s) for r in (2, 3) for h in (100, 170, 270) for s in (2, 3)]


@cache
def set_of(name: str) -> Crowd:
    if name in SETS:
        return crowd(name)
    columns = simulated(400, 7, 40, 4)
    table = vote_table.from_columns(columns["task"], columns["worker"], columns["label"])
    return Crowd(name, table, columns["truth"])


@cache
def scored(method: str, name: str) -> Score:
    found = set_of(name)
    return score(infer(found.table.votes, method).posterior, found.gold)


@cache
def braked(brakes: Brakes, name: str) -> Score:
    found = set_of(name)
    return score(robust(found.table.votes, brakes=brakes).posterior, found.gold)


RECORDED = json.loads((Path(__file__).parents[1] / "vectors" / "inference.json").read_text(encoding="utf-8"))
"""Of each set and method, as it was before the loops were written anew: the sums of squares of posteriors,
of labels by place, of skills, and of squares of confusions; of `robust` as rule `weigh:6` has it."""


@pytest.mark.parametrize("name", [name for name in HERE if name in SETS])
def test_every_method_comes_to_what_it_came_to(name: str) -> None:
    for method, recorded in RECORDED[name].items():
        found = infer(set_of(name).table.votes, method)
        labels = int((found.label * (np.arange(len(found.label)) % 7 + 1)).sum())
        sums = [(found.posterior**2).sum(), labels, found.skill.value.sum(), (found.model.confusion**2).sum()]
        assert sums == pytest.approx(recorded, rel=1e-6), method


def peer(name: str) -> float:
    return PEER[name] if name in PEER else scored("dawid-skene", name).accuracy


@pytest.mark.parametrize("name", HERE)
def test_on_no_set_the_default_falls_far_under_the_better_of_majority_and_dawid_skene(name: str) -> None:
    best = max(peer(name), scored("majority", name).accuracy)
    assert scored("robust", name).accuracy >= best - 0.015


@pytest.mark.parametrize("name", HERE)
def test_on_every_set_the_default_is_better_calibrated_than_dawid_skene(name: str) -> None:
    ours, theirs = scored("robust", name), scored("dawid-skene", name)
    if name in SETS:
        assert ours.log_loss < theirs.log_loss
        assert ours.brier < theirs.brier
    assert ours.log_loss < theirs.log_loss + 0.02


def test_in_the_mean_the_default_is_right_more_often_and_knows_better_how_often() -> None:
    ours = macro([scored("robust", name) for name in HERE])
    gain = 0.005 if HERE == SETS else -0.005
    assert ours.accuracy >= np.mean([peer(name) for name in HERE]) + gain
    assert ours.brier <= 0.26 and ours.log_loss <= 0.60


def test_constants_chosen_without_a_set_reach_the_goals_on_it() -> None:
    """A small part of what `python -m bench inference` tries, so that it takes seconds."""
    found = []
    for name in HERE:
        rest = [other for other in HERE if other != name] or [name]
        sums = {brakes: macro([braked(brakes, other) for other in rest]) for brakes in CHOICES}
        found.append(braked(max(sums, key=lambda brakes: sums[brakes].accuracy - sums[brakes].brier), name))
    for name, one in zip(HERE, found, strict=True):
        assert one.accuracy >= max(peer(name), scored("majority", name).accuracy) - 0.015
    gain = 0.005 if HERE == SETS else -0.005
    assert macro(found).accuracy >= np.mean([peer(name) for name in HERE]) + gain
    assert macro(found).brier <= 0.26 and macro(found).log_loss <= 0.60


def test_votes_that_repeat_each_other_are_trusted_less() -> None:
    """Five annotators of whom four copy the first: to count them as five would be far too sure."""
    columns = simulated(300, 1, 1, 3, seed=4)
    dice = np.random.default_rng(1)
    first = columns["label"]
    own = np.where(dice.random(300) < 0.7, columns["truth"], dice.integers(0, 3, 300))
    task = np.tile(np.arange(300), 6)
    label = np.concatenate([first] * 4 + [own, own])
    votes = Votes.of(task, np.repeat(np.arange(6), 300), label)
    ours, theirs = infer(votes), infer(votes, "dawid-skene")
    assert ours.diagnostics.dependence is not None
    assert (
        score(ours.posterior, columns["truth"]).log_loss < score(theirs.posterior, columns["truth"]).log_loss
    )


def test_whoever_has_sets_of_their_own_gets_the_tables_of_them(tmp_path: Path) -> None:
    for name, each in (("many", 7), ("few", 3)):
        columns = simulated(60, each, 12, 3, seed=each)
        rows = zip(columns["task"], columns["worker"], columns["label"], strict=True)
        votes = "".join(f"{task},{who},{label}\n" for task, who, label in rows)
        truth = "".join(f"{task},{label}\n" for task, label in enumerate(columns["truth"]))
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text(f"task,worker,label\n{votes}", encoding="utf-8")
        (tmp_path / name / "gold.csv").write_text(
            f"task,label\n{truth}none,0\n59,nobody said\n", encoding="utf-8"
        )
    sets = crowds_in(tmp_path)
    assert [Path(name).name for name in sets] == ["few", "many"]
    found = crowd(sets[0])
    posterior = infer(found.table.votes).posterior
    right = (posterior[:59].argmax(axis=1) == found.gold[:59]).sum()
    assert score(posterior, found.gold).accuracy == pytest.approx(right / 60), "what nobody said is missed"
    said: list[str] = []
    inference.tables(said.append, peers=False, sets=sets)
    text = "\n".join(said)
    assert "| method | few | many |" in text and "| few | 3 | 60 | 12 |" in text
    assert "crowd-kit" not in text and "Speed" not in text
    assert adaptive.suited(sets) == sets[1:]
    with pytest.raises(SystemExit, match=r"gold\.csv"):
        crowds_in(tmp_path / "few")
