"""Adaptive overlap replayed on real crowds: `python -m bench adaptive`. Gold is used to score only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.crowd import Crowd, crowd, score
from evenhand.core import adaptive
from evenhand.core.adaptive import Rule
from evenhand.core.inference import Votes, infer, posterior_of
from evenhand.core.weighing import best_of
from evenhand.service.adaptive import SHARE_NEW

SETS = ("bluebird", "rte", "web", "weather_amt", "weather_cf", "face", "adult", "zencrowd")
"""Those of at least five labels a task."""
TOLERANCES = (0.0025, 0.005, 0.01, 0.015)
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


def replay(of: Crowd, rule: Rule, seed: int) -> Replay:
    """Ask as a node does, until no task is worth another label."""
    whole = of.table.votes
    most, votes = np.diff(whole.first), shuffled(whole, seed)
    pilot = adaptive.pilots(seed.to_bytes(32), np.ones(whole.tasks, bool))
    asked = np.where(pilot, most, np.minimum(most, rule.least))
    while True:
        given = adaptive.first_votes(votes, np.arange(whole.tasks), asked)
        found = adaptive.plan(given, most, pilot, rule)
        assert found is not None, "pilots have all their labels"
        more = further(votes, found[1], asked, most)
        if (more == asked).all():
            break
        asked = more
    return Replay(1 - asked.sum() / most.sum(), score(found[0].posterior, of.gold).accuracy)


def further(votes: Votes, plan: adaptive.Plan, asked: np.ndarray, most: np.ndarray) -> np.ndarray:
    """[tasks] labels after every task that is worth it by this plan got one more, and so on until none is,
    or labels have grown by so many that a node weighs them again."""
    enough = (1 + SHARE_NEW) * asked.sum()
    while asked.sum() < enough:
        given = adaptive.first_votes(votes, np.arange(votes.tasks), asked)
        more = plan.gains(posterior_of(given, plan.model), asked, most) > plan.threshold
        if not more.any():
            break
        asked = asked + more
    return asked


@cache
def full(name: str) -> float:
    """Accuracy of the default method on all labels."""
    return score(infer(crowd(name).table.votes).posterior, crowd(name).gold).accuracy


@cache
def mean(name: str, rule: Rule, orders: int) -> tuple[float, float, float]:
    """(share saved, mean loss, loss in the worst order) over so many orders; accuracy from 0 to 1."""
    found = [replay(crowd(name), rule, seed) for seed in range(orders)]
    losses = [full(name) - one.accuracy for one in found]
    return float(np.mean([one.saved for one in found])), float(np.mean(losses)), max(losses)


def chosen(sets: list[str], orders: int) -> Rule:
    """The rule that saves most of those that lose at most `WANTED` in the mean on these sets."""
    rules = [Rule(tolerance=tolerance) for tolerance in TOLERANCES]

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
    final: float  # saved by whoever knows each task's final label, and stops where it is there to stay


def bound(of: Crowd, orders: int) -> Bound:
    """How far rules could come that know more than any can."""
    whole = of.table.votes
    most, fit = np.diff(whole.first), infer(whole)
    known, before = of.gold >= 0, score(fit.posterior, of.gold).accuracy
    lost, sure, right, stays = [], [], [], []
    for seed in range(orders):
        votes, dice = shuffled(whole, seed), np.random.default_rng(seed)
        kept = dice.random(len(votes)) >= LEFT_OUT
        fewer = Votes.of(
            votes.task[kept], votes.annotator[kept], votes.label[kept],
            tasks=votes.tasks, annotators=votes.annotators, classes=votes.classes,
        )  # fmt: skip
        lost.append(before - score(infer(fewer).posterior, of.gold).accuracy)
        steps = [
            posterior_of(adaptive.first_votes(votes, np.arange(votes.tasks), np.minimum(most, n)), fit.model)
            for n in range(Rule().least, int(most.max()) + 1)
        ]
        label = np.array([best_of(one) for one in steps])
        sure.append(np.array([one.max(axis=1) for one in steps]))
        right.append(label == of.gold)
        stays.append(_saved((label == best_of(fit.posterior))[::-1].cumprod(axis=0)[::-1] > 0, most)[0])
    saved = [0.0]
    for confidence in 1 - np.geomspace(0.4, 0.0101, 30):
        found = [_saved(one >= confidence, most) for one in sure]
        after = [
            one[stop, np.arange(len(most))][known].mean() for one, (_, stop) in zip(right, found, strict=True)
        ]
        if before - np.mean(after) <= WANTED + 1e-9:
            saved.append(float(np.mean([share for share, _ in found])))
    return Bound(float(np.mean(lost)), max(saved), float(np.mean(stays)))


def _saved(over: np.ndarray, most: np.ndarray) -> tuple[float, np.ndarray]:
    """(share saved, [tasks] step) where each task stops at the first step [steps, tasks] that is over."""
    stop = np.where(over.any(axis=0), over.argmax(axis=0), len(over) - 1)
    return float(1 - np.minimum(stop + Rule().least, most).sum() / most.sum()), stop


def bounds(say: Callable[[str], None], orders: int = ORDERS) -> None:
    """What there is to be saved at all."""
    say(f"\n## Adaptive overlap: what no rule can know, {orders} orders\n")
    say(f"| | {' | '.join(SETS)} | mean |\n|{' --- |' * (len(SETS) + 2)}")
    found = [bound(crowd(name), orders) for name in SETS]
    lost = [100 * one.chance for one in found]
    say(f"| lost by {LEFT_OUT:.0%} fewer | {' | '.join(f'{x:.1f}' for x in lost)} | {np.mean(lost):.2f} |")
    for what, row in (
        ("skills and confidence known", [one.threshold for one in found]),
        ("final labels known", [one.final for one in found]),
    ):
        say(f"| {what} | {' | '.join(f'{x:.0%}' for x in row)} | {np.mean(row):.0%} |")


def tables(say: Callable[[str], None], orders: int = ORDERS) -> None:
    """Every tolerance on every set; then each set with the rule chosen on the others."""
    say(f"\n## Adaptive overlap: labels saved / points of accuracy lost, {orders} orders\n")
    say(f"| tolerance | {' | '.join(SETS)} | mean | worst set |\n|{' --- |' * (len(SETS) + 3)}")
    for tolerance in TOLERANCES:
        say(f"| {tolerance:g} | {_row([mean(name, Rule(tolerance=tolerance), orders) for name in SETS])}")
    say("\n## Each set with the rule chosen without it\n")
    say("| set | tolerance | saved | points lost | in the worst order |\n|" + " --- |" * 5)
    rows = []
    for name in SETS:
        rule = chosen([other for other in SETS if other != name], orders)
        saved, loss, worst = mean(name, rule, orders)
        rows.append((saved, loss))
        found = f"{saved:.0%} | {100 * loss:.1f} | {100 * worst:.1f}"
        say(f"| {name} | {rule.tolerance:g} | {found} |")
    saved, loss = np.mean(rows, axis=0)
    say(f"| mean | | {saved:.0%} | {100 * loss:.2f} | worst set {100 * max(lost for _, lost in rows):.1f} |")


def _row(found: list[tuple[float, float, float]]) -> str:
    cells = [f"{saved:.0%} / {100 * loss:.1f}" for saved, loss, _ in found]
    saved, loss = (np.mean([one[i] for one in found]) for i in (0, 1))
    return (
        f"{' | '.join(cells)} | {saved:.1%} / {100 * loss:.2f} | {100 * max(one[1] for one in found):.1f} |"
    )
