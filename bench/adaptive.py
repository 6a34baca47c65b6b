"""Adaptive overlap replayed on real crowds: `python -m bench adaptive`. Gold is used to score only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.crowd import Crowd, crowd, score, short
from evenhand.core import adaptive
from evenhand.core.adaptive import Rule, worths
from evenhand.core.inference import Model, Votes, infer, posterior_of
from evenhand.core.weighing import best_of
from evenhand.service.adaptive import SHARE_NEW

SETS = ("bluebird", "rte", "web", "weather_amt", "weather_cf", "face", "adult", "zencrowd")
"""Those of at least `LABELS` labels a task."""
LABELS = 5
TOLERANCES = (0.005, 0.01)
WORTHS = (0.0, 0.75, 0.9, 1.0)
PILOTS_ONLY = (0.75, 0.9)  # worths that are replayed where who is passed over gives no first answers either
ORDERS = 20
WANTED = 0.005  # loss that the choice on the other sets is held to
LEFT_OUT = 0.02  # of the labels


@dataclass(frozen=True)
class Replay:
    """What became of one set in one order of its labels."""

    saved: float  # share of the labels that were not asked for
    accuracy: float  # of what the default method makes of those asked for


def shuffled(votes: Votes, seed: int) -> Votes:
    """The same votes in another order within each task."""
    order = np.lexsort((np.random.default_rng(seed).random(len(votes)), votes.task))
    return Votes(votes.first, votes.annotator[order], votes.label[order], votes.annotators, votes.classes)


def replay(of: Crowd, rule: Rule, seed: int, pilots_only: bool = False) -> Replay:
    """Ask as a node does, until no task is worth another label. The order is that in which annotators come;
    who is passed over when a task wants a further label may come again after the next weighing.

    Args:
        pilots_only: pilots get their labels before all other tasks; who is passed over then gives no first
            labels either, where others did.
    """
    whole = of.table.votes
    most, votes = np.diff(whole.first), shuffled(whole, seed)
    pilot = adaptive.pilots(seed.to_bytes(32), np.ones(whole.tasks, bool))
    first = np.where(pilot, most, np.minimum(most, rule.least))
    asked = np.where(pilot, most, 0) if pilots_only else first
    while True:
        given = adaptive.first_votes(votes, np.arange(whole.tasks), asked)
        found = adaptive.plan(given, most, pilot, rule)
        assert found is not None, "pilots have all their labels"
        enough = worths(found[1].model, given.given) >= rule.worth
        votes, there = with_last(votes, asked, ~enough)
        waits = (asked < first).any()
        more = first if waits else further(votes, found[1], asked, most, there)
        if (more == asked).all():
            break
        asked = more
    return Replay(1 - asked.sum() / most.sum(), score(found[0].posterior, of.gold).accuracy)


def with_last(votes: Votes, asked: np.ndarray, passed: np.ndarray) -> tuple[Votes, np.ndarray]:
    """The votes with those that nobody asked for yet and that are by `passed` [annotators] at the end of each
    task; [tasks] how many there are before these."""
    place = np.arange(len(votes)) - votes.first[votes.task]
    last = (place >= asked[votes.task]) & passed[votes.annotator]
    order = np.lexsort((place, last, votes.task))
    there = np.diff(votes.first) - np.bincount(votes.task, last, votes.tasks).astype(np.int64)
    kept = Votes(votes.first, votes.annotator[order], votes.label[order], votes.annotators, votes.classes)
    return kept, there


def further(
    votes: Votes, plan: adaptive.Plan, asked: np.ndarray, most: np.ndarray, there: np.ndarray
) -> np.ndarray:
    """[tasks] labels after every task that is worth it by this plan got one more, and so on until none is,
    or labels have grown by so many that a node weighs them again.

    Args:
        most: [tasks] labels that each can have by the rules.
        there: [tasks] labels that somebody who is not passed over gave.
    """
    enough = (1 + SHARE_NEW) * asked.sum()
    while asked.sum() < enough:
        given = adaptive.first_votes(votes, np.arange(votes.tasks), asked)
        more = plan.gains(posterior_of(given, plan.model), asked, most) > plan.threshold
        more &= asked < there
        if not more.any():
            break
        asked = asked + more
    return asked


@cache
def full(name: str) -> float:
    """Accuracy of the default method on all labels."""
    return score(infer(crowd(name).table.votes).posterior, crowd(name).gold).accuracy


@cache
def mean(name: str, rule: Rule, orders: int, pilots_only: bool = False) -> tuple[float, float, float]:
    """(share saved, mean loss, loss in the worst order) over so many orders; accuracy from 0 to 1."""
    found = [replay(crowd(name), rule, seed, pilots_only) for seed in range(orders)]
    losses = [full(name) - one.accuracy for one in found]
    return float(np.mean([one.saved for one in found])), float(np.mean(losses)), max(losses)


def chosen(sets: list[str], orders: int) -> Rule:
    """The rule that saves most of those that lose at most `WANTED` in the mean on these sets."""
    rules = [Rule(tolerance=tolerance, worth=worth) for worth in WORTHS for tolerance in TOLERANCES]

    def worth(rule: Rule) -> tuple[bool, float]:
        found = [mean(name, rule, orders) for name in sets]
        loss = float(np.mean([lost for _, lost, _ in found]))
        return loss <= WANTED, float(np.mean([saved for saved, _, _ in found])) if loss <= WANTED else -loss

    return max(rules, key=worth)


@dataclass(frozen=True)
class Bound:
    """What no rule has: all shares are means over the orders."""

    chance: float  # accuracy lost where `LEFT_OUT` of the labels are left out by chance
    threshold: float  # saved with the final skills and, chosen by the true labels, the confidence to stop at
    passing: float
    """The same, where who tells less than one of `WORTHS` is passed over; chosen in that way, too."""
    final: float  # saved by whoever knows each task's final label, and stops where it is there to stay


def bound(of: Crowd, orders: int) -> Bound:
    """How far rules could come that know more than any can."""
    whole = of.table.votes
    most, fit = np.diff(whole.first), infer(whole)
    before = score(fit.posterior, of.gold).accuracy
    told = worths(fit.model, whole.given)
    lost, stays = [], []
    walks: tuple[list[_Walk], ...] = tuple([] for _ in WORTHS)
    for seed in range(orders):
        votes, dice = shuffled(whole, seed), np.random.default_rng(seed)
        kept = dice.random(len(votes)) >= LEFT_OUT
        fewer = Votes.of(
            votes.task[kept], votes.annotator[kept], votes.label[kept],
            tasks=votes.tasks, annotators=votes.annotators, classes=votes.classes,
        )  # fmt: skip
        lost.append(before - score(infer(fewer).posterior, of.gold).accuracy)
        for walk, worth in zip(walks, WORTHS, strict=True):
            walk.append(_walk(*with_last(votes, np.minimum(most, Rule().least), told < worth), fit.model))
        label = walks[0][-1].label
        stays.append(
            walks[0][-1].stopped((label == best_of(fit.posterior))[::-1].cumprod(axis=0)[::-1] > 0)[0]
        )
    saved = [_most_saved(walk, of.gold, before) for walk in walks]
    return Bound(float(np.mean(lost)), saved[0], max(saved), float(np.mean(stays)))


@dataclass(frozen=True)
class _Walk:
    """Every task label by label, in one order."""

    label: np.ndarray  # [steps, tasks] what it comes to with so many labels more than the least
    sure: np.ndarray  # [steps, tasks] at which probability
    there: np.ndarray  # [tasks] labels that can be had
    whole: int  # labels of the set

    def stopped(self, over: np.ndarray) -> tuple[float, np.ndarray]:
        """(share saved, [tasks] step) where each task stops at the first step [steps, tasks] that is over."""
        stop = np.where(over.any(axis=0), over.argmax(axis=0), len(over) - 1)
        return float(1 - np.minimum(stop + Rule().least, self.there).sum() / self.whole), stop


def _walk(votes: Votes, there: np.ndarray, model: Model) -> _Walk:
    steps = [
        posterior_of(adaptive.first_votes(votes, np.arange(votes.tasks), np.minimum(there, n)), model)
        for n in range(Rule().least, int(there.max()) + 1)
    ]
    sure = np.array([one.max(axis=1) for one in steps])
    return _Walk(np.array([best_of(one) for one in steps]), sure, there, len(votes))


def _most_saved(walks: list[_Walk], gold: np.ndarray, before: float) -> float:
    """The most saved by one confidence to stop at, of those that lose at most `WANTED` in the mean."""
    known, saved = gold >= 0, [0.0]
    for confidence in 1 - np.geomspace(0.4, 0.0101, 30):
        found = [walk.stopped(walk.sure >= confidence) for walk in walks]
        right = [
            (walk.label[stop, np.arange(len(gold))] == gold)[known].mean()
            for walk, (_, stop) in zip(walks, found, strict=True)
        ]
        if before - np.mean(right) <= WANTED + 1e-9:
            saved.append(float(np.mean([share for share, _ in found])))
    return max(saved)


def suited(sets: Sequence[str]) -> tuple[str, ...]:
    """Those of at least `LABELS` labels a task in the mean."""
    return tuple(name for name in sets if len(of := crowd(name).table.votes) >= LABELS * of.tasks)


def bounds(say: Callable[[str], None], orders: int = ORDERS, sets: Sequence[str] = SETS) -> None:
    """What there is to be saved at all."""
    say(f"\n## Adaptive overlap: what no rule can know, {orders} orders\n")
    say(f"| | {' | '.join(map(short, sets))} | mean |\n|{' --- |' * (len(sets) + 2)}")
    found = [bound(crowd(name), orders) for name in sets]
    lost = [100 * one.chance for one in found]
    say(f"| lost by {LEFT_OUT:.0%} fewer | {' | '.join(f'{x:.1f}' for x in lost)} | {np.mean(lost):.2f} |")
    for what, row in (
        ("skills and confidence known", [one.threshold for one in found]),
        ("and the worth to pass over", [one.passing for one in found]),
        ("final labels known", [one.final for one in found]),
    ):
        say(f"| {what} | {' | '.join(f'{x:.0%}' for x in row)} | {np.mean(row):.0%} |")


def tables(say: Callable[[str], None], orders: int = ORDERS, sets: Sequence[str] = SETS) -> None:
    """Every tolerance on every set; then each set with the rule chosen on the others."""
    say(f"\n## Adaptive overlap: labels saved / points of accuracy lost, {orders} orders\n")
    say(f"| worth | tolerance | {' | '.join(map(short, sets))} | mean | worst set |")
    say("|" + " --- |" * (len(sets) + 4))
    for worth in WORTHS:
        for tolerance in TOLERANCES:
            rule = Rule(tolerance=tolerance, worth=worth)
            say(f"| {worth:g} | {tolerance:g} | {_row([mean(name, rule, orders) for name in sets])}")
    say("| | who is passed over gives pilots alone |" + " |" * (len(sets) + 2))
    for worth in PILOTS_ONLY:
        for tolerance in TOLERANCES:
            rule = Rule(tolerance=tolerance, worth=worth)
            row = _row([mean(name, rule, orders, pilots_only=True) for name in sets])
            say(f"| {worth:g} | {tolerance:g} | {row}")
    say("\n## Each set with the rule chosen without it\n")
    say("| set | worth | tolerance | saved | points lost | in the worst order |\n|" + " --- |" * 6)
    rows = []
    for name in sets:
        rule = chosen([other for other in sets if other != name], orders)
        saved, loss, worst = mean(name, rule, orders)
        rows.append((saved, loss))
        found = f"{saved:.0%} | {100 * loss:.1f} | {100 * worst:.1f}"
        say(f"| {short(name)} | {rule.worth:g} | {rule.tolerance:g} | {found} |")
    saved, loss = np.mean(rows, axis=0)
    say(
        f"| mean | | | {saved:.0%} | {100 * loss:.2f} | worst set {100 * max(lost for _, lost in rows):.1f} |"
    )


def _row(found: list[tuple[float, float, float]]) -> str:
    cells = [f"{saved:.0%} / {100 * loss:.1f}" for saved, loss, _ in found]
    saved, loss = (np.mean([one[i] for one in found]) for i in (0, 1))
    return (
        f"{' | '.join(cells)} | {saved:.1%} / {100 * loss:.2f} | {100 * max(one[1] for one in found):.1f} |"
    )
