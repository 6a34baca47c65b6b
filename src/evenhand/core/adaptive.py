"""Adaptive overlap: a task gets further labels only while they are worth asking for.

A share of the tasks, drawn by lot, are *pilots*: they get all labels at once. On them is seen what stopping
early would have cost, so no model's confidence is taken at its word, and nothing stops before they are
there: agreement of two annotators of whom nobody knows anything is no evidence (the cold-start guard).

Every other task begins with the least overlap. `plan` is made again as labels come (a job); between two
plans `Plan.wants` decides about one task in O(classes). Further labels are asked of those only whose labels
tell enough: who tells less (`worths`) is passed over. No true label is seen anywhere.

Pure: votes, counts and the drawn pilots in, a plan out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.core.inference import Estimate, Model, Running, Votes, infer, posterior_of
from evenhand.core.inference.estimate import TINY
from evenhand.core.inference.robust import blended, informed
from evenhand.core.inference.votes import Floats, Ints, Places
from evenhand.core.weighing import TIE, best_of

Mask = npt.NDArray[np.bool_]

PILOT_SHARE = 0.1  # of the tasks
PILOT_LEAST = 40  # tasks, or all where there are fewer: of less, one task in error would decide
DECIMALS = 9  # of a gain
RIVALS = 4  # classes beside the most probable one that are weighed
ADDED = 60  # labels of the pooled annotator that are added to everybody's where their worth is judged
THRESHOLDS = np.append(np.geomspace(0.4, 0.001, 20), 0.0)
"""Gains at which asking may stop; the first that costs little enough is taken."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When to stop asking."""

    least: int = 2  # labels of every task
    tolerance: float = 0.005  # accuracy that may be lost against asking for all labels of all tasks, 0 to 1
    target: float = 1.0  # a label that is right with this probability is good enough
    worth: float = 0.0
    """See `worths`: who tells less gets no further labels to give. 0: nobody is passed over."""


def lots_of(seed: bytes) -> bytes:
    """The 32 bytes that pilots of a project are drawn by. They can be shown to whoever audits: the project's
    seed, which hides its gold, does not follow from them."""
    return hashlib.sha256(b"evenhand/pilots/v1\x00" + seed).digest()


def pilots(lots: bytes, asked: Mask) -> Mask:
    """[tasks] which tasks are pilots: of those that are asked about, the ones whose hashes under a secret are
    the lowest.

    Nobody without the secret can tell which they are, and whoever has it draws the same ones again.

    Args:
        asked: [tasks] which tasks are asked about: not withdrawn, no gold, none of a test.
    """
    numbers = np.flatnonzero(asked).tolist()
    count = min(max(PILOT_LEAST, round(PILOT_SHARE * len(numbers))), len(numbers))
    drawn_by = b"evenhand/pilot/v1\x00" + lots
    lot = {n: hashlib.sha256(drawn_by + n.to_bytes(8)).digest() for n in numbers}
    drawn = np.zeros(len(asked), bool)
    drawn[sorted(numbers, key=lot.__getitem__)[:count]] = True
    return drawn


@dataclass(frozen=True, eq=False)
class Plan:
    """What was learnt, and the gain up to which a task is asked about no further."""

    model: Model
    dependence: float  # of two labels of one task beyond its class, as the pilots have it
    threshold: float  # expected gain in the probability of being right
    target: float
    loss: float = 0.0  # accuracy that stopping there cost on the pilots, 0 to 1
    per_task: float = 0.0  # labels at which pilots stop there, in the mean
    pilots: int = 0  # that it rests on

    def gains(self, posterior: Floats, answered: Ints | Places, most: Ints | Places) -> Floats:
        """[tasks] what all labels still to be had would add to the probability that the label is right.

        As if labels came from a mean annotator, and as many of them as are worth something: n labels that
        depend on each other by rho say as much as n / (1 + (n - 1) rho) that do not (Kish 1965, Survey
        Sampling, 5.6). The logarithm of the odds of two classes then moves by a normal sum; the gain is
        the chance that it rightly turns the label, less the chance that it wrongly does. 0 where no label
        is left or the target is reached.

        Args:
            posterior: [tasks, classes].
            answered, most: [tasks] labels that there are, and that there can be.
        """
        more = np.maximum(self._worth(most) - self._worth(answered), TINY)
        rows = np.arange(len(posterior))
        order = np.argsort(-posterior.round(DECIMALS), axis=1, kind="stable")[:, : RIVALS + 1]
        top, best = order[:, 0], posterior.max(axis=1)
        gain = np.zeros(len(posterior))
        for rival in order[:, 1:].T:
            chance = posterior[rows, rival]
            odds = np.log((best + TINY) / (chance + TINY))
            drift, spread = self._evidence
            right = _normal((more * drift[top, rival] - odds) / np.sqrt(more * spread[top, rival]))
            wrong = _normal((-more * drift[rival, top] - odds) / np.sqrt(more * spread[rival, top]))
            gain += np.maximum(chance * right - best * wrong, 0.0)
        left = np.asarray(most) - np.asarray(answered)
        # Rounded, so that nothing hangs on the order in which machines add.
        return np.where((left > 0) & (best < self.target - TIE), gain.round(DECIMALS), 0.0)

    def wants(self, running: Running, most: int) -> bool:
        """Whether one task is to get a further label; O(classes)."""
        answered = np.array([running.votes.sum()])
        found = self.gains(running.posterior[None], answered, np.array([most]))
        return bool(found[0] > self.threshold)

    def _worth(self, labels: Ints | Places) -> Floats:
        return np.asarray(labels / (1 + np.maximum(np.asarray(labels) - 1, 0) * self.dependence))

    @cached_property
    def _evidence(self) -> tuple[Floats, Floats]:
        """[a, b] mean and variance of log(b / a), a mean annotator's label where b is true."""
        chance = np.maximum(self.model.newcomer, TINY)
        logs = np.log(chance)
        own, other = (chance * logs).sum(axis=1), chance @ logs.T
        square = (chance * logs**2).sum(axis=1)[:, None] - 2 * (chance * logs) @ logs.T + chance @ (logs**2).T
        drift = (own[:, None] - other).T
        return drift, np.maximum(square.T - drift**2, TINY)


def worths(model: Model, given: Places) -> Floats:
    """[annotators] what a label of each tells, as a multiple of what one of all annotators tells in the mean.

    It is the mutual information of a task's class and the label (Shannon 1948,
    doi:10.1002/j.1538-7305.1948.tb01338.x) by the model's prior and the annotator's confusion, divided by
    that of the pooled confusion. So that nobody is judged by few labels, the pooled annotator adds `ADDED`
    to everybody's own: whoever gave none is worth 1. All are where labels tell nothing in the mean.

    Args:
        given: [annotators] how many labels each gave.
    """
    pooled = model.newcomer[None]
    mean = float(_told(model.prior, pooled)[0])
    if mean <= TINY:
        return np.ones(len(given))
    own = (given / (given + ADDED))[:, None, None]
    return np.asarray((_told(model.prior, own * model.confusion + (1 - own) * pooled) / mean).round(DECIMALS))


def _told(prior: Floats, confusion: Floats) -> Floats:
    """[annotators] nats that a label tells, by confusions [annotators, true, given]."""
    chance = np.maximum(confusion, TINY)
    label = np.einsum("k,akl->al", prior, chance)
    own = np.einsum("k,akl,akl->a", prior, chance, np.log(chance))
    return np.asarray(own - (label * np.log(label)).sum(axis=1))


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of weighing all answers to one question; the plan's numbers, or None while there is none."""

    question: str
    method: str
    hedge: float | None = None  # votes that the weighted vote stands for in what is concluded
    power: float | None = None  # that probabilities are raised to
    weights: tuple[tuple[str, float], ...] = ()  # (annotator, probability that an answer is right)
    dependence: float | None = None
    threshold: float | None = None
    loss: float | None = None
    per_task: float | None = None
    pilots: int = 0  # that have all their answers


class Skilled(msgspec.Struct, frozen=True, kw_only=True):
    """What weighing learnt of the answers to one question without classes: what tasks are concluded by."""

    question: str
    type: str  # id of its label type
    method: str
    annotators: tuple[tuple[str, tuple[float, ...]], ...]  # ascending; what the method says of each
    newcomer: tuple[float, ...]
    common: tuple[float, ...] = ()


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers were weighed, and what came of it: whoever holds the openings can do it again."""

    rule: str = ""  # name of the published rule, such as "weigh:6"
    version: int  # of the project's rules
    project: int = -1  # entries of the project's stream that were seen: those with a smaller n
    lots: str = ""  # hex of the 32 bytes that pilots are drawn by
    passed_over: tuple[str, ...] = ()  # annotators, ascending, of whom no further answers are asked
    upto: tuple[tuple[str, int], ...]  # (stream, n): of each annotator the last answer that was weighed
    questions: tuple[Weighed, ...]
    skills: tuple[Skilled, ...] = ()


def plan(
    votes: Votes, most: Ints | Places, pilot: Mask, rule: Rule, fit: Estimate | None = None
) -> tuple[Estimate, Plan] | None:
    """What these votes come to, and the plan after them; None while too few pilots have all their labels.

    1. The default method of truth inference is fitted to all votes, and once more with what pilots tell:
       see `informed`.
    2. For each threshold, each pilot is gone through label by label until it would have stopped, under a
       fit that had but the least labels of it: the pilots' other labels teach about annotators what would
       not be known without them. What stopping costs is how much less probable, by all its labels, the
       label is that it had then.
    3. The highest threshold is taken that costs at most the tolerance in the mean.

    Args:
        votes: of a task in the order in which they came.
        most: [tasks] labels that each can get.
        pilot: [tasks] as `pilots` draws them.
        fit: what the default method makes of these votes; None: not known yet.
    """
    answered = np.diff(votes.first)
    ready = np.flatnonzero(pilot & (answered >= most))
    if len(ready) < max(min(PILOT_LEAST, int(pilot.sum())), 1):
        return None
    fit = infer(votes) if fit is None else fit
    found = informed(votes, fit, first_votes(votes, ready, answered[ready]))
    dependence = found.diagnostics.dependence or 0.0
    whole = Plan(model=found.model, dependence=dependence, threshold=0.0, target=rule.target)
    cut = answered.copy()
    cut[ready] = np.minimum(rule.least, cut[ready])
    seen = infer(first_votes(votes, np.arange(votes.tasks), cut)).model
    seen = replace(blended(seen, dependence), power=found.model.power)
    threshold, loss, stops = _threshold(votes, ready, most[ready], whole, seen, rule)
    return found, replace(whole, threshold=threshold, loss=loss, per_task=stops, pilots=len(ready))


def _threshold(
    votes: Votes, tasks: Places, most: Ints | Places, whole: Plan, seen: Model, rule: Rule
) -> tuple[float, float, float]:
    """(threshold, mean loss of the pilots where each stops at it, mean number of labels there)."""
    final = posterior_of(first_votes(votes, tasks, most), whole.model)
    rows, best, count = np.arange(len(tasks)), final.max(axis=1), len(THRESHOLDS)
    loss, going = np.zeros((len(tasks), count)), np.ones((len(tasks), count), bool)
    stops = np.repeat(np.asarray(most, float)[:, None], count, axis=1)
    for labels in range(rule.least, int(most.max())):
        given = np.minimum(labels, most)
        posterior = posterior_of(first_votes(votes, tasks, given), seen)
        lost = best - final[rows, best_of(posterior)]
        stopping = going & (whole.gains(posterior, given, most)[:, None] <= THRESHOLDS)
        loss, stops = np.where(stopping, lost[:, None], loss), np.where(stopping, given[:, None], stops)
        going &= ~stopping
    cheap = loss.mean(axis=0) <= rule.tolerance + TIE
    at = int(cheap.argmax()) if cheap.any() else count - 1
    return float(THRESHOLDS[at]), float(loss[:, at].mean()), float(stops[:, at].mean())


def first_votes(votes: Votes, tasks: Places, most: Ints | Places) -> Votes:
    """The first votes of these tasks, at most `most` [len(tasks)] of each; the tasks are numbered anew."""
    size = np.minimum(np.diff(votes.first)[tasks], most)
    first = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    kept = np.repeat(votes.first[:-1][tasks] - first[:-1], size) + np.arange(first[-1])
    return Votes(
        first=first,
        annotator=votes.annotator[kept],
        label=votes.label[kept],
        annotators=votes.annotators,
        classes=votes.classes,
    )


def _normal(x: Floats) -> Floats:
    """The normal distribution function, to 0.0002.

    Bowling, Khasawneh, Kaewkuekool, Cho 2009, doi:10.3926/jiem.2009.v2n1.p114-127.
    """
    reach = np.clip(x, -8.0, 8.0)
    return np.asarray(1 / (1 + np.exp(-(0.07056 * reach**3 + 1.5976 * reach))))
