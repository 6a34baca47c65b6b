"""False alarms and power of the tests of work and of organizations: `python -m bench integrity lean`.

Real crowds have real cheats in them, so honest ones are made out of them: the same annotators on the same
tasks, each answer drawn anew from what its annotator is like and from how far its task misled the others. In
such a crowd one cheat is planted at a time. Organizations are made by dealing the real annotators out.
"""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.stats

from bench.crowd import FOLDER, crowd
from evenhand.core.inference import Estimate, Votes, infer
from evenhand.core.integrity import Suspicion, blind, copying, following, pasted, previous_of
from evenhand.core.lean import lean

SETS = ("bluebird", "rte", "web", "weather_amt", "weather_cf", "music_genre", "product", "face", "zencrowd")
LEANING = ("rte", "weather_amt", "face", "product")
MISLEADS = 4.0  # votes that what an annotator is like counts beside the answers that were given to its task
TOGETHER = 40  # tasks that a planted pair has in common, and labels of another cheat, at least

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Planted:
    """A crowd with one cheat in it."""

    votes: Votes
    who: tuple[int, ...]


def changed(votes: Votes, label: np.ndarray) -> Votes:
    """The same votes with other labels."""
    sizes = {"tasks": votes.tasks, "annotators": votes.annotators, "classes": votes.classes}
    return Votes.of(votes.task, votes.annotator, label, **sizes)


def honest(votes: Votes, estimate: Estimate, dice: np.random.Generator) -> Votes:
    """Every answer drawn anew: nobody looks at anybody, the task, and nothing else, decides.

    Who depended on the task less than half as much as is usual becomes a usual annotator.
    """
    model = estimate.model
    truth = drawn(estimate.posterior, dice)
    counts = np.zeros((votes.tasks, votes.classes))
    np.add.at(counts, (votes.task, votes.label), 1.0)
    usual = model.newcomer[truth]
    mixed = (counts + MISLEADS * usual) / (counts.sum(axis=1, keepdims=True) + MISLEADS)
    blindly = dependence(model.confusion, model.prior) < dependence(model.newcomer, model.prior) / 2
    confusion = np.where(blindly[:, None, None], model.newcomer, model.confusion)
    own = confusion[votes.annotator, truth[votes.task]] * (mixed / (usual + 1e-12))[votes.task]
    return changed(votes, drawn(own / own.sum(axis=1, keepdims=True), dice))


def dependence(confusion: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(...,) how much likelier the right answer is than the same answer to any task."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.asarray(((right - prior @ confusion) * prior).sum(axis=-1))


def drawn(chance: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """(n,) a class of each row of (n, classes) probabilities."""
    above = dice.random((len(chance), 1)) > chance.cumsum(axis=1)
    return np.minimum(above.sum(axis=1), chance.shape[1] - 1)


def somebody(votes: Votes, dice: np.random.Generator) -> int:
    """An annotator with enough labels to be tested."""
    return int(dice.choice(np.flatnonzero(votes.given >= min(TOGETHER, votes.given.max()))))


def pair(votes: Votes, dice: np.random.Generator) -> tuple[int, int]:
    """Two annotators with enough tasks in common, or with the most."""
    there = np.zeros((votes.annotators, votes.tasks), np.float32)
    there[votes.annotator, votes.task] = 1
    common = np.triu(there @ there.T, 1)
    one, other = np.nonzero(common >= min(TOGETHER, common.max()))
    i = dice.integers(len(one))
    return int(one[i]), int(other[i])


def copied(share: float) -> Callable[[Votes, np.random.Generator], Planted]:
    """One of a pair takes over a share of the other's answers."""

    def plant(votes: Votes, dice: np.random.Generator) -> Planted:
        one, other = pair(votes, dice)
        known = np.full(votes.tasks, -1)
        known[votes.task[votes.annotator == one]] = votes.label[votes.annotator == one]
        takes = (votes.annotator == other) & (known[votes.task] >= 0) & (dice.random(len(votes)) < share)
        return Planted(changed(votes, np.where(takes, known[votes.task], votes.label)), (one, other))

    return plant


def clicked(votes: Votes, dice: np.random.Generator) -> Planted:
    """Somebody answers without looking."""
    who = somebody(votes, dice)
    any_ = dice.integers(0, votes.classes, len(votes))
    return Planted(changed(votes, np.where(votes.annotator == who, any_, votes.label)), (who,))


def repeated(votes: Votes, dice: np.random.Generator) -> Planted:
    """Somebody gives the answer before once more, half of the time."""
    who = somebody(votes, dice)
    label = votes.label.copy()
    mine = np.flatnonzero(votes.annotator == who)
    for before, now in itertools.pairwise(mine):
        if dice.random() < 0.5:
            label[now] = label[before]
    return Planted(changed(votes, label), (who,))


def led(votes: Votes, dice: np.random.Generator) -> Planted:
    """Somebody takes what is preselected, half of the time."""
    who, told = somebody(votes, dice), suggested(votes)
    takes = (votes.annotator == who) & (dice.random(len(votes)) < 0.5)
    return Planted(changed(votes, np.where(takes, told[votes.task], votes.label)), (who,))


def suggested(votes: Votes) -> np.ndarray:
    """(tasks,) suggestions that know nothing."""
    return np.random.default_rng(1).integers(0, votes.classes, votes.tasks)


Test = Callable[[Votes, Estimate], tuple[Suspicion, ...]]
TESTS: dict[str, tuple[Test, dict[str, Callable[[Votes, np.random.Generator], Planted]]]] = {
    "copying": (copying, {"all": copied(1.0), "half": copied(0.5)}),
    "blind": (blind, {"random": clicked}),
    "previous": (
        lambda votes, estimate: following(
            votes, estimate, "previous", previous_of(votes, np.arange(len(votes)))
        ),
        {"half": repeated},
    ),
    "suggested": (
        lambda votes, estimate: following(votes, estimate, "suggested", suggested(votes)[votes.task]),
        {"half": led},
    ),
}


def integrity_table(say: Say, runs: int = 20) -> None:
    """A row for each test and set."""
    say(f"\n## Integrity of work, {runs} crowds each\n")
    say(
        "| test | set | tested | flagged | false alarms | crowds with one | cheat | found |\n|" + " --- |" * 8
    )
    for kind, (test, cheats) in TESTS.items():
        for name in SETS:
            votes = crowd(name).table.votes
            estimate = infer(votes)
            crowds = [honest(votes, estimate, np.random.default_rng(seed)) for seed in range(runs)]
            found = [test(one, infer(one)) for one in crowds]
            flagged = [sum(one.flagged for one in own) for own in found]
            tested = sum(map(len, found))
            cells = [kind, name, f"{tested:,}", f"{sum(flagged)}", f"{sum(flagged) / max(tested, 1):.2%}"]
            cells += [f"{np.mean([count > 0 for count in flagged]):.0%}"]
            for cheat, plant in cheats.items():
                say(f"| {' | '.join([*cells, cheat, f'{_power(test, plant, crowds):.0%}'])} |")
                cells = [""] * len(cells)
    _texts(say)


def _power(test: Test, plant: Callable[[Votes, np.random.Generator], Planted], crowds: list[Votes]) -> float:
    hits = 0
    for seed, one in enumerate(crowds):
        planted = plant(one, np.random.default_rng(1000 + seed))
        found = test(planted.votes, infer(planted.votes))
        hits += any(other.flagged and set(other.annotators) == set(planted.who) for other in found)
    return hits / len(crowds)


def _texts(say: Say) -> None:
    """Translations by many people: nobody is known to have pasted one."""
    with (FOLDER / "crowdwsa_j1" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes: dict[str, dict[str, int]] = defaultdict(dict)

    def code(key: str) -> np.ndarray:
        return np.array([codes[key].setdefault(row[key], len(codes[key])) for row in rows])

    unknown = np.full(len(rows), np.nan)
    found = pasted(code("task"), code("worker"), [row["label"] for row in rows], unknown)
    flagged = sum(one.flagged for one in found)
    say(f"| repeated | crowdwsa_j1, as it is | {len(found)} | {flagged} | {flagged / len(found):.2%} | | | |")


def deals(votes: Votes, organizations: int, runs: int) -> Iterator[tuple[int, np.ndarray]]:
    """(seed, organization of each annotator), real annotators dealt out at random."""
    for seed in range(runs):
        yield seed, np.random.default_rng(seed).permutation(votes.annotators) % organizations


def lean_table(say: Say, runs: int = 1500, planted: int = 100, draws: int = 399) -> None:
    """False alarms without a lean, with their exact interval, and how often a planted lean is found."""
    shares = (0.05, 0.1, 0.2, 0.3)
    say(f"\n## Organizations: {runs} deals into five for alarms, {planted} for power\n")
    found = " | ".join(f"found at {share:.0%}" for share in shares)
    say(f"| set | annotators | false alarms | 95% interval | {found} |\n|" + " --- |" * (4 + len(shares)))
    every = 0
    for name in LEANING:
        votes = crowd(name).table.votes
        alarms = sum(bool(lean(votes, o, draws=draws, seed=s).flagged) for s, o in deals(votes, 5, runs))
        every += alarms
        cells = [name, str(votes.annotators), *_rate(alarms, runs)]
        for share in shares:
            hits = sum(_found(votes, o, share, s, draws) for s, o in deals(votes, 5, planted))
            cells.append(f"{hits / planted:.2f}")
        say(f"| {' | '.join(cells)} |")
    rate, interval = _rate(every, runs * len(LEANING))
    say(f"\nOver all, {every:,} of {runs * len(LEANING):,} deals gave an alarm: {rate} ({interval}).")


def _rate(hits: int, runs: int) -> tuple[str, str]:
    """(share, its exact interval: Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404)."""
    found = scipy.stats.binomtest(hits, runs).proportion_ci()
    return f"{hits / runs:.1%}", f"{found.low:.1%} to {found.high:.1%}"


def _found(votes: Votes, organization: np.ndarray, share: float, seed: int, draws: int) -> bool:
    """Whether organization 0 is found to lean where a share of its labels is turned to one answer."""
    answer = seed % votes.classes
    turned = (organization[votes.annotator] == 0) & (np.random.default_rng(seed).random(len(votes)) < share)
    planted = changed(votes, np.where(turned, answer, votes.label))
    flagged = lean(planted, organization, draws=draws, seed=seed).flagged
    return any((one.organization, one.answer) == (0, answer) for one in flagged)
