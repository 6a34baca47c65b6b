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

SETS = ("bluebird", "rte", "web", "weather_amt", "weather_cf", "face", "adult", "zencrowd")
"""Those of at least five labels a task."""
TOLERANCES = (0.0025, 0.005, 0.0075, 0.01, 0.015)
ORDERS = 20
WANTED = 0.005  # loss that the choice on the other sets is held to


@dataclass(frozen=True)
class Replay:
    """What became of one set in one order of its labels."""

    saved: float  # share of the labels that were not asked for
    accuracy: float  # of what the default method makes of those asked for


def shuffled(votes: Votes, seed: int) -> Votes:
    """The same votes in another order within each task."""
    order = np.lexsort((np.random.default_rng(seed).random(len(votes)), votes.task))
    return Votes(votes.first, votes.annotator[order], votes.label[order], votes.annotators, votes.classes)


def replay(found: Crowd, rule: Rule, seed: int) -> Replay:
    """Ask label by label, in rounds: every task that is worth it gets one more, until none is."""
    whole = found.table.votes
    most, votes = np.diff(whole.first), shuffled(whole, seed)
    pilot = adaptive.pilots(seed.to_bytes(32), np.ones(whole.tasks, bool))
    asked = np.where(pilot, most, np.minimum(most, rule.least))
    every = np.arange(whole.tasks)
    for _ in range(int(most.max())):
        given = adaptive.first_votes(votes, every, asked)
        plan = adaptive.plan(given, most, pilot, rule)
        assert plan is not None, "pilots have all their labels"
        more = plan.gains(posterior_of(given, plan.model), asked, most) > plan.threshold
        if not more.any():
            break
        asked = asked + more
    final = infer(adaptive.first_votes(votes, every, asked))
    return Replay(1 - asked.sum() / most.sum(), score(final.posterior, found.gold).accuracy)


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
