"""Does an organization lean: do its annotators give one answer more often than others do on the same tasks?

The unit is the annotator. Labels of one annotator depend on each other, so tests that count labels find
"bias" everywhere (chi-square on shares: 99% false alarms on real data without any). Under the null
hypothesis, who belongs to which organization says nothing about how annotators answer; dealing them out
again shows what chance does. The largest statistic over all organizations and answers is compared, so that
looking at many of them costs no false alarms (Westfall and Young 1993, ISBN 978-0-471-55761-6; Phipson and
Smyth 2010, doi:10.2202/1544-6115.1585 for the p-value). A flag means "differs"; whether it is bias, only
gold tells. No flag means that nothing of the detectable size was seen, never that there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.core.inference import Votes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

FEWEST = 3  # annotators with a vote that an organization needs to be tested
MOST_ANSWERS = 50  # the most frequent answers are tested
POWER_Z = 1.2816  # standard normal: the detectable share is found in 90 of 100 cases
SHARES = np.arange(1, 101) / 100
SHRINK = (1.0, 10_000.0)  # limits of c
TAME = 2.0  # robust standard deviations
TINY = 1e-12
FALSE_ALARMS = 0.05
"""Share of runs where something is flagged though nobody leans: real annotators dealt at random into five
organizations, the worst of four sets (`python -m bench lean`, docs/integrity.md)."""
TOO_FEW = f"fewer than two organizations have {FEWEST} annotators on tasks that others answered too"


class Lean(msgspec.Struct, frozen=True, kw_only=True):
    """One organization and one answer."""

    organization: int
    answer: int  # class
    effect: float  # how much more of its labels are this answer than of others on the same tasks; -1 to 1
    p: float  # adjusted for all organizations and answers of its step
    detectable: float
    """Share of its labels turned to this answer that is found in 90 of 100 cases; 2: none is."""
    flagged: bool
    step: int  # 1 is the first; each flagged organization is left out of the steps behind its own
    annotators: int
    labels: int


class Leaning(msgspec.Struct, frozen=True, kw_only=True):
    """What the test found."""

    found: tuple[Lean, ...]  # each organization and answer once, from the step that decided it
    undefined: str = ""  # why nothing was tested, as the end of "undefined because ..."

    @property
    def flagged(self) -> tuple[Lean, ...]:
        return tuple(one for one in self.found if one.flagged)


@dataclass(frozen=True, eq=False)
class _Residuals:
    """What annotators give beyond others on the same tasks."""

    mean: Floats  # (annotators, answers)
    weight: Floats  # (annotators, answers) how much a mean counts: more with more votes, up to a limit
    plain: Floats  # (annotators, answers) the means before they were drawn in
    limits: Floats  # (2, annotators, answers) between which a mean is drawn in
    votes: Ints  # (annotators,) on tasks that others answered as well
    answers: Ints  # (answers,) classes
    task: Ints  # (votes,)
    annotator: Ints
    label: Ints
    size: Ints  # (tasks,)


def lean(
    votes: Votes, organization: Ints, *, level: float = 0.04, draws: int = 1999, seed: int = 0
) -> Leaning:
    """Test every organization and answer; step down.

    A label's residual is 1 or 0 for the answer, less its share among the other labels of the task; two labels
    of one organization on one task cancel. An annotator's mean residual counts n / (n + c), with c the ratio
    of the variance within annotators to that between them. An organization's statistic is the weighted mean
    over its annotators, in standard deviations of the deals. When the largest one is beyond chance, that
    organization is flagged, taken out of the consensus, and the others are tested against each other.

    Args:
        votes: what annotators gave.
        organization: (annotators,) code from 0; -1 for an annotator who belongs to none (in the consensus
            only).
        level: chance of any flag where nobody leans. At 0.04 a count over some hundred runs stays below 5%.
        draws: deals; the smallest p is 1 / (draws + 1).
        seed: of the deals.
    """
    rng = np.random.default_rng(seed)
    left = np.asarray(organization).copy()
    settled: list[Lean] = []
    tested = _step(votes, left, rng, level, draws, 1)
    while tested and min(one.p for one in tested) <= level:
        worst = min(tested, key=lambda one: (one.p, -one.effect)).organization
        settled += [
            msgspec.structs.replace(one, flagged=one.p <= level)
            for one in tested
            if one.organization == worst
        ]
        votes, left = without(votes, left == worst), np.where(left == worst, -1, left)
        tested = _step(votes, left, rng, level, draws, settled[-1].step + 1)
    found = (*settled, *tested)
    return Leaning(found=found, undefined="" if found else TOO_FEW)


def without(votes: Votes, gone: npt.NDArray[np.bool_]) -> Votes:
    """The votes of the other annotators; codes stay."""
    keep = ~gone[votes.annotator]
    return Votes.of(
        votes.task[keep],
        votes.annotator[keep],
        votes.label[keep],
        tasks=votes.tasks,
        annotators=votes.annotators,
        classes=votes.classes,
    )


def _step(
    votes: Votes, organization: Ints, rng: np.random.Generator, level: float, draws: int, step: int
) -> tuple[Lean, ...]:
    """Every organization and answer tested against the others that are left."""
    residuals = _residuals(votes)
    voting = residuals.votes > 0
    size = np.bincount(organization[voting & (organization >= 0)], minlength=1)
    tested = np.flatnonzero(size >= FEWEST)
    if len(tested) < 2 or not len(residuals.answers):
        return ()
    member = voting & np.isin(organization, tested)
    group = np.searchsorted(tested, organization[member])
    weight = residuals.weight[member]
    pull = residuals.mean[member] * weight
    deals = np.stack(
        [_means(pull, weight, group)] + [_means(pull, weight, rng.permutation(group)) for _ in range(draws)]
    )
    centre, spread = deals.mean(0), np.maximum(deals.std(0), TINY)
    highest = ((deals - centre) / spread).max(axis=(1, 2))
    seen = (deals[0] - centre) / spread
    p = (highest >= seen[:, :, None] - TINY).mean(axis=2)
    critical = float(np.quantile(highest, 1 - level))
    among = np.where(np.isin(organization, tested), organization, -1)
    detectable = _detectable(votes, residuals, among, spread, critical)
    effect = _means(residuals.plain[member] * weight, weight, group)
    labels = np.bincount(group, residuals.votes[member])
    return tuple(
        Lean(
            organization=int(tested[g]),
            answer=int(answer),
            effect=float(effect[g, k]),
            p=float(p[g, k]),
            detectable=float(detectable[g, k]),
            flagged=False,
            step=step,
            annotators=int(size[tested[g]]),
            labels=int(labels[g]),
        )
        for g in range(len(tested))
        for k, answer in enumerate(residuals.answers)
    )


def _means(pull: Floats, weight: Floats, group: Ints) -> Floats:
    """(organizations, answers) weighted mean of the annotators' means."""
    count = int(group.max()) + 1
    total = np.zeros((count, pull.shape[1]))
    scale = np.zeros_like(total)
    np.add.at(total, group, pull)
    np.add.at(scale, group, weight)
    return total / np.maximum(scale, TINY)


def _residuals(votes: Votes) -> _Residuals:
    """Mean residual of each annotator for each of the most frequent answers, where others answered too."""
    size = np.diff(votes.first)
    held = size[votes.task] > 1
    task, annotator, label = votes.task[held], votes.annotator[held], votes.label[held]
    n = np.bincount(annotator, minlength=votes.annotators)
    common = np.bincount(label, minlength=votes.classes)
    answers = np.sort(np.argsort(-common, kind="stable")[: min(MOST_ANSWERS, int((common > 0).sum()))])
    mean = np.zeros((votes.annotators, len(answers)))
    weight, plain = np.zeros_like(mean), np.zeros_like(mean)
    limits = np.zeros((2, *mean.shape))
    for k, answer in enumerate(answers):
        is_it = (label == answer) * 1.0
        others = (np.bincount(task, is_it, votes.tasks)[task] - is_it) / (size[task] - 1)
        mean[:, k], weight[:, k] = _shrunk(annotator, is_it - others, n)
        limits[:, :, k], plain[:, k] = _limits(mean[:, k], weight[:, k], n), mean[:, k]
        mean[:, k] = np.clip(mean[:, k], *limits[:, :, k])
    return _Residuals(mean, weight, plain, limits, n, answers, task, annotator, label, size)


def _shrunk(annotator: Ints, residual: Floats, n: Ints) -> tuple[Floats, Floats]:
    """(annotators,) means, and weights n / (n + c): c is where noise within and spread between are equal."""
    mean = np.bincount(annotator, residual, len(n)) / np.maximum(n, 1)
    several = n > 1
    within = float(np.square(residual - mean[annotator]).sum()) / max(float((n[several] - 1).sum()), 1)
    between = float(np.average(np.square(mean), weights=n)) - within / max(float(n[n > 0].mean()), 1)
    c = float(np.clip(within / max(between, TINY), *SHRINK))
    return mean, n / (n + c)


def _limits(mean: Floats, weight: Floats, n: Ints) -> Floats:
    """(2, annotators) `TAME` robust deviations around the median: one who clicks blindly outweighs nobody.

    Huber 1964, doi:10.1214/aoms/1177703732. It looks at no organization, so the deals stay exchangeable.
    """
    voting = n > 0
    middle = float(np.median(mean[voting]))
    deviation = float(np.median(np.abs(mean - middle)[voting] * np.sqrt(weight[voting]))) * 1.4826
    reach = TAME * max(deviation, TINY) / np.sqrt(np.maximum(weight, TINY))
    return np.stack([middle - reach, middle + reach])


def _detectable(
    votes: Votes, residuals: _Residuals, organization: Ints, spread: Floats, critical: float
) -> Floats:
    """(organizations, answers) the smallest of `SHARES` that is found in 90 of 100 cases; 2 where none is.

    Of an organization's labels that share becomes the answer; means are drawn in as they were. A lean
    spreads the deals as well, by its own size.
    """
    found = np.full(spread.shape, 2.0)
    everybody = int(((organization >= 0) & (residuals.votes > 0)).sum())
    for g, code in enumerate(np.unique(organization[organization >= 0])):
        ours = np.flatnonzero((organization == code) & (residuals.votes > 0))
        mixed = (1 - len(ours) / everybody) / everybody
        for k in range(len(residuals.answers)):
            gain = _turned(votes, residuals, organization == code, k)[ours]
            weight, low, high = residuals.weight[ours, k], *residuals.limits[:, ours, k]
            before = residuals.mean[ours, k]
            moved = (np.clip(before + np.outer(SHARES, gain), low, high) - before) @ weight / weight.sum()
            wider = np.sqrt(spread[g, k] ** 2 + moved**2 * mixed)
            enough = moved >= critical * wider + POWER_Z * spread[g, k]
            if enough.any():
                found[g, k] = SHARES[enough.argmax()]
    return found


def _turned(votes: Votes, residuals: _Residuals, member: npt.NDArray[np.bool_], k: int) -> Floats:
    """(annotators,) what a member's mean gains when all labels of the members become the answer."""
    task, annotator = residuals.task, residuals.annotator
    turned = (residuals.label != residuals.answers[k]) * member[annotator]
    others = np.bincount(task, turned, votes.tasks)[task] - turned
    change = turned - others / (residuals.size[task] - 1)
    return np.asarray(np.bincount(annotator, change, votes.annotators) / np.maximum(residuals.votes, 1))
