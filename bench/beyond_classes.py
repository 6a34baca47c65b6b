"""Answers without classes, of annotators with planted skills and of real sets: `python -m bench numbers`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.crowd import FOLDER, crowd
from evenhand import aggregate, labels
from evenhand.core.distances import weight
from evenhand.core.inference import Votes, infer, pairs
from evenhand.core.inference.numbers import measure
from evenhand.core.inference.pairs import Pairs, rank
from evenhand.core.label import LabelType, by_distances

ROUNDS = 20
Say = Callable[[str], None]


def tables(say: Say) -> None:
    """The tables of docs/inference.md, in Markdown."""
    of_numbers(say)
    of_comparisons(say)
    of_answers(say)
    of_ordered_classes(say)


ORDERS = ["abcd", "bacd", "dcba", "cabd", "dbca"]
PLANTED: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "rating": ({"min": 1, "max": 5}, [1, 2, 3, 4, 5]),
    "pairwise": (
        {"a": "x", "b": "y", "scale": 5, "both_bad": True},
        [{"preference": one} for one in (-2, -1, 0, 1, 2, "both_bad")],
    ),
    "multi_choice": (
        {"choices": list("abcd")},
        [[c for i, c in enumerate("abcd") if n >> i & 1] for n in range(16)],
    ),
    "ranking": ({"items": list("abcd")}, [[[item] for item in order] for order in ORDERS]),
}
"""Label type -> configuration, and answers that are drawn from."""


def of_answers(say: Say) -> None:
    """Mean distance of what comes out from what is true, every annotator counting alike and by skill."""
    say("\n## Answers of other types\n\n| | all alike | by skill |\n|" + " --- |" * 3)
    for name, (config, answers) in PLANTED.items():
        label = labels.find(name).configure(config, {"x": "text", "y": "text"})
        off = np.array([_off(label, [label.load(one) for one in answers], seed) for seed in range(ROUNDS)])
        plain, weighed = off.mean(axis=0)
        say(f"| {name} | {plain:.3f} | {weighed:.3f} |")


def _off(label: LabelType[Any], answers: Sequence[Any], seed: int) -> tuple[float, float]:
    """150 tasks with three answers of ten annotators: two answer by lot, the others do in 5 to 40%."""
    dice = np.random.default_rng(seed)
    lots = np.concatenate([[1.0, 1.0], dice.uniform(0.05, 0.4, 8)])

    def drawn() -> Any:
        return answers[int(dice.integers(len(answers)))]

    truth = [drawn() for _ in range(150)]
    given = [
        (n, f"m{who}", drawn() if dice.random() < lots[who] else true)
        for n, true in enumerate(truth)
        for who in dice.permutation(10)[:3].tolist()
    ]
    learnt = label.learn(given)
    off = np.zeros(2)
    for n, true in enumerate(truth):
        own = [(who, value) for task, who, value in given[3 * n : 3 * n + 3]]
        found = label.combine([value for _, value in own]), label.weighed(own, learnt)
        off += [label.distance(one.value, true) for one in found]
    return tuple(off / len(truth))


def of_ordered_classes(say: Say) -> None:
    """Ratings: two real sets whose classes have an order, and simulations: accuracy, mean error in steps."""
    say("\n| | median | by distances | as classes, `robust` | by `steps` |\n|" + " --- |" * 5)
    found: list[tuple[str, list[tuple[Votes, np.ndarray]]]] = []
    for name in ("web", "adult") if FOLDER.is_dir() else ():
        real = crowd(name)
        found.append((name, [(real.table.votes, real.gold)]))
    found.append(("to neighbouring steps", [planted_ratings(seed) for seed in range(ROUNDS)]))
    found.append(("by lot", [planted_ratings(seed, lots=True) for seed in range(ROUNDS)]))
    for name, some in found:
        cells = np.mean([_of_ratings(*one) for one in some], axis=0)
        say(f"| {name} | {' | '.join(f'{right:.3f}, {off:.3f}' for right, off in cells)} |")


def planted_ratings(seed: int, lots: bool = False) -> tuple[Votes, np.ndarray]:
    """150 tasks of five steps, three of ten annotators each, and what is true: they are biased and scatter,
    or answer by lot (`lots`), two of them always and the others in 5 to 40%."""
    dice = np.random.default_rng(seed)
    truth = dice.integers(0, 5, 150)
    task, who = np.repeat(np.arange(150), 3), np.concatenate([dice.permutation(10)[:3] for _ in range(150)])
    if lots:
        share = np.concatenate([[1.0, 1.0], dice.uniform(0.05, 0.4, 8)])
        given = np.where(dice.random(450) < share[who], dice.integers(0, 5, 450), truth[task])
    else:
        bias, spread = dice.normal(0, 0.7, 10), dice.uniform(0.3, 1.0, 10)
        given = np.clip(np.rint(truth[task] + bias[who] + dice.normal(0, spread[who])), 0, 4).astype(int)
    return Votes.of(task, who, given, tasks=150, annotators=10, classes=5), truth


def _of_ratings(votes: Votes, gold: np.ndarray) -> list[tuple[float, float]]:
    """(accuracy, mean error) by the median, by distances, as classes and by `steps`."""
    kind = labels.find("rating").configure({"min": 0, "max": votes.classes - 1}, {})
    of_task = [range(a, b) for a, b in zip(votes.first, votes.first[1:], strict=False)]
    rows = [
        [(f"m{votes.annotator[v]}", int(votes.label[v])) for v in own] or [("nobody", 0)] for own in of_task
    ]
    every = [(n, *one) for n, own in enumerate(rows) for one in own]
    learnt, errors = kind.learn(every), by_distances(kind.distance, every)
    four = (
        [kind.combine([value for _, value in own]).value for own in rows],
        [
            kind.combine_by([value for _, value in own], [weight(errors.of(who)[0]) for who, _ in own]).value
            for own in rows
        ],
        infer(votes).posterior.argmax(axis=1),
        [kind.weighed(own, learnt).value for own in rows],
    )
    off = [np.abs(np.asarray(one) - gold)[gold >= 0] for one in four]
    return [(float(np.mean(one == 0)), float(one.mean())) for one in off]


def planted_numbers(seed: int) -> tuple[Votes, np.ndarray, np.ndarray, np.ndarray]:
    """100 tasks, 5 of 12 annotators each, biased and differently exact; three answer at random, and one
    number in a hundred has a zero too many. Gives votes, numbers, the values and the biases."""
    dice = np.random.default_rng(seed)
    value, bias, spread = dice.normal(50, 15, 100), dice.normal(0, 6, 12), dice.uniform(2, 10, 12)
    who = dice.permuted(np.tile(np.arange(12), (100, 1)), axis=1)[:, :5].ravel()
    task = np.repeat(np.arange(100), 5)
    said = value[task] + bias[who] + dice.normal(0, spread[who])
    said = np.where(who < 3, dice.uniform(0, 100, 500), said)
    return Votes.of(task, who, 0 * task), np.where(dice.random(500) < 0.01, 10 * said, said), value, bias


def planted_comparisons(seed: int, ties: float = 0.0) -> tuple[Pairs, np.ndarray]:
    """20 items and 800 comparisons by 10 annotators: four answer by chance, and two upside down.

    Gives those that count, and the true scores less their mean."""
    dice = np.random.default_rng(seed)
    score, skill = dice.normal(0, 1.5, 20), np.array([0.5] * 4 + [0.1] * 2 + [0.95] * 4)
    left = dice.integers(0, 20, 800)
    right, who = (left + dice.integers(1, 20, 800)) % 20, dice.integers(0, 10, 800)
    better = 1 / (1 + np.exp(score[right] - score[left]))
    won = (dice.random(800) < skill[who] * better + (1 - skill[who]) * (1 - better)).astype(float)
    won[dice.random(800) < ties] = 0.5
    return Pairs.of(left, right, won, who, items=20, annotators=10), score - score.mean()


def by_task(votes: Votes, said: np.ndarray, how: str) -> np.ndarray:
    """[tasks] the mean or the median of each task's numbers."""
    parts = np.split(said, votes.first[1:-1])
    return np.array([getattr(np, how)(part) for part in parts])


def shares_won(found: Pairs) -> np.ndarray:
    """[items] shares of comparisons won."""
    sides = np.concatenate([found.left, found.right])
    wins = np.bincount(sides, np.concatenate([found.won, 1 - found.won]), found.items)
    return wins / np.maximum(np.bincount(sides, minlength=found.items), 1)


def of_numbers(say: Say) -> None:
    """Root of the mean squared error, and how often the truth lies within the interval."""
    squares, inside = [], []
    for seed in range(ROUNDS):
        votes, said, value, _ = planted_numbers(seed)
        found = measure(votes, said)
        three = (by_task(votes, said, "mean"), by_task(votes, said, "median"), found.value)
        squares.append([np.mean((one - value) ** 2) for one in three])
        inside.append(np.mean(np.abs(found.value - value) < 1.96 * found.error))
    say("\n## Numbers\n\n| | mean | median | weighed | within the 95% interval |\n|" + " --- |" * 5)
    cells = " | ".join(f"{one:.1f}" for one in np.sqrt(np.mean(squares, axis=0)))
    say(f"| simulated | {cells} | {np.mean(inside):.0%} |")
    if not (folder := FOLDER / "emotion_numeric").is_dir():
        return
    real = aggregate(folder / "labels.csv", type="number")
    with (folder / "gold.csv").open(encoding="utf-8", newline="") as file:
        gold = {row["task"]: float(row["label"]) for row in csv.DictReader(file)}
    told: dict[str, list[float]] = {}
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            told.setdefault(row["task"], []).append(float(row["label"]))
    names = [one for one in real.tasks.tolist() if one in gold]
    known = np.isin(real.tasks, names)
    truth = np.array([gold[one] for one in names])
    mean, median = (np.array([how(told[one]) for one in names]) for how in (np.mean, np.median))
    off = [one - truth for one in (mean, median, real.values[known])]
    share = np.mean(np.abs(off[2]) < 1.96 * real.errors[known])
    say(f"| emotion_numeric | {' | '.join(f'{np.sqrt(np.mean(x**2)):.1f}' for x in off)} | {share:.0%} |")
    say(f"| the same, mean absolute error | {' | '.join(f'{np.mean(np.abs(x)):.1f}' for x in off)} | |")


def of_comparisons(say: Say) -> None:
    """Correlation with the true scores, by shares won, without skills and with them."""
    found, inside = [], []
    for seed in range(ROUNDS):
        compared, score = planted_comparisons(seed)
        came = rank(compared)
        three = (shares_won(compared), _without_skills(compared), came.score)
        found.append([(np.corrcoef(one, score)[0, 1], _tau(one, score)) for one in three])
        inside.append(np.mean(np.abs(came.score - came.score.mean() - score) < 1.96 * came.error))
    say("\n## Comparisons\n\n| | correlation with the true scores | Kendall's tau |\n|" + " --- |" * 3)
    names = ("shares of comparisons won", "Bradley-Terry, all annotators alike", "with skills")
    for name, (correlation, tau) in zip(names, np.mean(found, axis=0), strict=True):
        say(f"| {name} | {correlation:.2f} | {tau:.2f} |")
    say(f"\nWithin the 95% intervals: {np.mean(inside):.0%}.")


def _without_skills(compared: Pairs) -> np.ndarray:
    """Scores where everybody is taken to be right: a prior that no comparison can move."""
    prior = pairs.RIGHT
    try:
        pairs.RIGHT = 1e9
        return rank(compared).score
    finally:
        pairs.RIGHT = prior


def _tau(one: np.ndarray, other: np.ndarray) -> float:
    """Kendall's tau-a."""
    signs = [np.sign(np.subtract.outer(values, values)) for values in (one, other)]
    return float((signs[0] * signs[1]).sum() / (len(one) * (len(one) - 1)))
