"""Answers with classes in ``docs/spec/weighing.md``, written from that page and from nothing else.

Sections are those of the page. Plain arrays; speed matters less than that it can be read beside the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

METHOD = "robust"
TOLERANCE = 1e-5  # stated: probabilities, weights, dependence and losses may differ by so much
EQUAL = 1e-9
TINY = 1e-12
WIDE = 16
KINDS, ROUNDS, OWN, COIN = 3, 2, 1.0, 10.0
USUAL, PAIRS, HEDGE = 0.04, 50.0, 170.0
AGAIN = {"weigh:5": (0, 0.0), "weigh:6": (2, 0.01)}
"""Of each rule: how often all is fitted once more, and the least dependence at the end."""
NEWEST, SHARPER = "weigh:6", 2.0
CALM, TRUST, STEADY = 0.85, 0.5, 20.0
CELLS = 100_000
DOUBT, FLOOR = 0.5, 0.01
LEAST_PILOTS, RIVALS = 40, 4
ADDED, RELIEF = 60, 24 * 3600 * 1000
THRESHOLDS = [0.4 * (0.001 / 0.4) ** (j / 19) for j in range(20)] + [0.0]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
    """Votes sorted by task, of a task in their order."""

    task: Ints  # (votes,) from 0
    who: Ints
    label: Ints
    tasks: int
    annotators: int
    classes: int

    @property
    def counts(self) -> Ints:
        """[tasks] how many each has."""
        return np.bincount(self.task, minlength=self.tasks)

    def first(self, most: Ints) -> Votes:
        """Of each task at most so many, the first ones."""
        starts = np.concatenate([[0], np.cumsum(self.counts)])[:-1]
        kept = np.arange(len(self.task)) - starts[self.task] < most[self.task]
        return replace(self, task=self.task[kept], who=self.who[kept], label=self.label[kept])

    def of(self, tasks: NDArray[np.bool_]) -> Votes:
        """Those on these tasks; the others have none."""
        kept = tasks[self.task]
        return replace(self, task=self.task[kept], who=self.who[kept], label=self.label[kept])


@dataclass(frozen=True)
class Model:
    """What was learnt, sections 2 and 3."""

    prior: Floats  # [true]
    chance: Floats  # [annotator, true, given]
    pooled: Floats  # [true, given]
    weight: Floats  # [annotator]
    newcomer: float
    given: Ints  # [annotator] votes
    depends: tuple[float, float]  # least and most that equal classes allow; the rule's least is not in it
    used: float  # the dependence that posteriors are made with
    power: float  # that they are raised to

    @property
    def skill(self) -> Floats:
        """[annotator]"""
        return np.asarray(np.einsum("k,akk->a", self.prior, self.chance))


def expected(votes: Votes, prior: Floats, chance: Floats) -> Floats:
    """[tasks, states] section 2, "Rounds": from the tasks' own votes; the prior where there are none."""
    logs = np.log(np.maximum(chance, TINY))
    score = np.tile(np.log(prior + TINY), (votes.tasks, 1))
    np.add.at(score, votes.task, logs[votes.who, :, votes.label])
    if votes.classes > WIDE:
        voted = np.zeros(score.shape, bool)
        voted[votes.task, votes.label] = True
        voted[votes.counts == 0] = True
        score[~voted] = -np.inf
    chances = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def agreement(votes: Votes) -> Floats:
    """[annotators] section 2, "Agreement"."""
    tally = np.zeros((votes.tasks, votes.classes))
    np.add.at(tally, (votes.task, votes.label), 1)
    top = tally.max(axis=1)
    share = 1 / np.maximum((tally == top[:, None]).sum(axis=1), 1)
    credit = np.where(tally[votes.task, votes.label] == top[votes.task], share[votes.task], 0.0)
    n = np.bincount(votes.who, minlength=votes.annotators)
    return np.asarray(np.bincount(votes.who, credit, votes.annotators) / np.maximum(n, 1))


def fit(votes: Votes, rule: str = NEWEST) -> Model:
    """Section 2."""
    again, least = AGAIN[rule]
    model = _once(votes, None)
    for _ in range(again):
        depends = _further(votes, model, lowest=True)[0]
        model = _once(votes, _begun(votes, replace(model, used=depends, power=1.0), SHARPER))
    low, high = (max(one, least) for one in _further(votes, model))
    return powered(votes, replace(model, depends=(low, high), used=low))


def _once(votes: Votes, start: Floats | None) -> Model:
    """Section 2 from its start to the model, with nothing of dependence and power."""
    agreed = agreement(votes)
    share = _start(votes, agreed) if start is None else start
    rest, kinds = 1 - share, 1 if votes.classes > WIDE else KINDS
    q = share if kinds == 1 else np.hstack([share**3, 2 * share**2 * rest, share * rest**2])
    for _ in range(ROUNDS):
        prior, _, chance = _shrunk(votes, q)
        q = expected(votes, prior, chance)
        q[votes.counts == 0] = 0.0
    q = q.reshape(votes.tasks, kinds, -1).sum(axis=1)
    prior, pooled, chance = _shrunk(votes, q)
    weight, n = agreed**3, np.bincount(votes.who, minlength=votes.annotators)
    newcomer = float((n * weight).sum() / n.sum())
    return Model(prior, chance, pooled, weight, newcomer, n, (0.0, 0.0), 0.0, 1.0)


def _further(votes: Votes, model: Model, lowest: bool = False) -> tuple[float, float]:
    """Dependence of all tasks after one more round of the model."""
    q = expected(votes, model.prior, model.chance)
    q[votes.counts == 0] = 0.0
    prior, _, chance = _shrunk(votes, q)
    return dependence(votes, prior, chance, lowest)


def _begun(votes: Votes, model: Model, sharper: float = 1.0) -> Floats:
    """[tasks, classes] this power of what a model says, as a start."""
    start = posterior(votes, model) ** sharper
    start /= start.sum(axis=1, keepdims=True)
    if votes.classes > WIDE:
        voted = np.zeros(start.shape, bool)
        voted[votes.task, votes.label] = True
        start[~voted] = 0.0
        start /= np.maximum(start.sum(axis=1, keepdims=True), TINY)
    start[votes.counts == 0] = 0.0
    return start


def fit_again(
    votes: Votes, model: Model, ready: NDArray[np.bool_], rule: str = NEWEST
) -> tuple[Model, float]:
    """Section 4, "Once more": the model that is used where there is a plan, and its dependence."""
    pilots = votes.of(ready)
    first = dependence(pilots, model.prior, model.chance, lowest=True)[0]
    again = _once(votes, _begun(votes, replace(model, used=first, power=1.0)))
    found = max(dependence(pilots, again.prior, again.chance, lowest=True)[0], AGAIN[rule][1])
    return powered(pilots, replace(again, depends=(found, found), used=found), ready), found


def powered(votes: Votes, model: Model, tasks: NDArray[np.bool_] | None = None) -> Model:
    """The same model with the power that left-out votes on these tasks (None: all) ask for (section 2)."""
    k = votes.classes
    if k > WIDE:
        return replace(model, power=1.0)
    every = -(-len(votes.task) * k // CELLS)
    numbers = np.cumsum(np.ones(votes.tasks, bool) if tasks is None else tasks) - 1
    some = votes.of((votes.counts > 1) & (numbers % every == 0))
    told = model.pooled[:, some.label].T
    left = _without(some, model)
    xs = [0.2 * j for j in range(-8, 9)]
    sums = []
    for x in xs:
        raised = left ** np.exp(x)
        raised /= raised.sum(axis=1, keepdims=True)
        sums.append(float(np.log((raised * told).sum(axis=1)).sum()) - STEADY / 2 * x * x)
    j = int(np.argmax(sums))
    x = xs[j]
    if 0 < j < 16:
        before, top, after = sums[j - 1 : j + 2]
        x += 0.1 * (before - after) / min(before - 2 * top + after, -TINY)
    return replace(model, power=float(CALM * np.exp(TRUST * x)))


def _without(votes: Votes, model: Model) -> Floats:
    """[votes, classes] b of section 3 for the task of each vote, from the others."""
    rows, k = np.arange(len(votes.task)), votes.classes
    logs = np.log(np.maximum(model.chance, TINY))[votes.who, :, votes.label]
    score = np.tile(np.log(model.prior + TINY), (votes.tasks, 1))
    np.add.at(score, votes.task, logs)
    score = score[votes.task] - logs
    q = np.exp(score - score.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    voted = np.zeros((votes.tasks, k))
    np.add.at(voted, (votes.task, votes.label), model.weight[votes.who])
    v = voted[votes.task]
    v[rows, votes.label] -= model.weight[votes.who]
    return mixed(q, np.maximum(v, 0), votes.counts[votes.task] - 1, model.used)


def mixed(q: Floats, v: Floats, n: Ints, d: float) -> Floats:
    """[..., classes] b of section 3."""
    total, k = v.sum(axis=1)[:, None], q.shape[1]
    e = (n / (1 + (n - 1) * d))[:, None]
    some = total > TINY
    own = np.divide(e, HEDGE * d + e, out=np.ones(e.shape), where=some)
    share = (e * v / np.maximum(total, TINY) + DOUBT / k) / (e + DOUBT)
    return np.asarray(own * q + (1 - own) * share)


def _start(votes: Votes, agreed: Floats) -> Floats:
    """[tasks, classes] section 2, "Start": the weighted vote."""
    start = np.zeros((votes.tasks, votes.classes))
    np.add.at(start, (votes.task, votes.label), agreed[votes.who])
    total = start.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(start, total, out=np.zeros_like(start), where=total > 0))


def _shrunk(votes: Votes, q: Floats) -> tuple[Floats, Floats, Floats]:
    """Sums and shrinking: prior [states], pooled [states, given], chance [annotators, states, given]."""
    k, states = votes.classes, q.shape[1]
    sums = np.zeros((votes.annotators, states, k))
    for given in range(k):
        own = votes.label == given
        np.add.at(sums[:, :, given], votes.who[own], q[votes.task[own]])
    whole = sums.sum(axis=0)
    true = np.tile(np.eye(k), (states // k, 1)) > 0
    right = whole[true].sum() / max(whole.sum(), TINY)
    pooled = whole + COIN * np.where(true, right, (1 - right) / (k - 1))
    pooled /= pooled.sum(axis=1, keepdims=True)
    chance = (sums + OWN * pooled) / (sums.sum(axis=2, keepdims=True) + OWN)
    mass = q.sum(axis=0)
    return (mass + 1) / (mass.sum() + states), pooled, np.maximum(chance, TINY)


def dependence(votes: Votes, prior: Floats, chance: Floats, lowest: bool = False) -> tuple[float, float]:
    """Section 2, "Dependence": the least and the most of it, whichever of equal classes are taken.

    With `lowest`, of equal classes the one with the lowest number (section 4).
    """
    votes = votes.of(votes.counts > 1)
    q = expected(votes, prior, chance)
    equal = q >= q.max(axis=1, keepdims=True) * (1 - EQUAL)
    equal[votes.counts < 2] = False
    order, several = np.argsort(~equal, axis=1, kind="stable"), equal.sum(axis=1)
    covariances, variances = [], []
    for turn in range(1 if lowest else max(int(several.max(initial=0)), 1)):
        b = order[np.arange(votes.tasks), np.where(several > turn, turn, 0)][votes.task]
        p = chance[votes.who, b, b]
        covariances.append(_of_pairs(votes, (votes.label == b) - p))
        variances.append(_of_pairs(votes, np.sqrt(p * np.maximum(1 - p, 0))))
    low, high = (float(pick(covariances, axis=0).sum()) + USUAL * PAIRS for pick in (np.min, np.max))
    least, most = (float(pick(variances, axis=0).sum()) + PAIRS for pick in (np.min, np.max))
    return max(low / (most if low > 0 else least), 0.0), max(high / (least if high > 0 else most), 0.0)


def _of_pairs(votes: Votes, values: Floats) -> Floats:
    """[tasks] products of two votes' values, summed over pairs."""
    whole = np.bincount(votes.task, values, votes.tasks)
    return np.asarray(whole**2 - np.bincount(votes.task, values**2, votes.tasks))


def posterior(votes: Votes, model: Model) -> Floats:
    """[tasks, classes] section 3."""
    q, k = expected(votes, model.prior, model.chance), votes.classes
    voted = np.zeros(q.shape)
    np.add.at(voted, (votes.task, votes.label), model.weight[votes.who])
    some = votes.counts > 0
    raised = mixed(q[some], voted[some], votes.counts[some], model.used) ** model.power
    q[some] = raised / raised.sum(axis=1, keepdims=True)
    return np.asarray((1 - FLOOR) * q + FLOOR / k)


def one(model: Model, given: Sequence[tuple[int, int]]) -> Floats:
    """[classes] section 3 for one task with these votes, (annotator, class) each; -1 is a newcomer."""
    grown = replace(
        model,
        chance=np.concatenate([model.chance, model.pooled[None]]),
        weight=np.append(model.weight, model.newcomer),
    )
    last = len(model.weight)
    who = np.array([last if i < 0 else i for i, _ in given], int)
    label = np.array([k for _, k in given], int)
    votes = Votes(np.zeros(len(given), int), who, label, 1, last + 1, len(model.prior))
    return np.asarray(posterior(votes, grown)[0])


# ---- who is asked further (section 4) ------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """Of the project's version."""

    most: int
    least: int
    tolerance: float  # 0 to 1
    target: float
    worth: float = 0.0  # of what an answer tells in the mean
    name: str = NEWEST  # of the rule


@dataclass(frozen=True)
class Plan:
    """When asking may stop."""

    model: Model  # with the pilots' dependence and power
    dependence: float
    reach: int
    target: float
    threshold: float

    def gains(self, p: Floats, answered: Ints) -> Floats:
        """[tasks] what all labels still to be had would add."""
        told = np.maximum(self.model.pooled, TINY)
        logs = np.log(told)
        ratio = logs[None, :, :] - logs[:, None, :]  # [a, b, l]: log of b over a
        drift = (told[None] * ratio).sum(axis=2)
        spread = np.maximum((told[None] * ratio**2).sum(axis=2) - drift**2, TINY)
        more = np.maximum(self._worth(np.array(self.reach)) - self._worth(answered), TINY)
        order = np.argsort(-p.round(9), axis=1, kind="stable")
        rows, a = np.arange(len(p)), order[:, 0]
        gain = np.zeros(len(p))
        for b in order[:, 1 : RIVALS + 1].T:
            odds = np.log((p[rows, a] + TINY) / (p[rows, b] + TINY))
            right = _normal((more * drift[a, b] - odds) / np.sqrt(more * spread[a, b]))
            wrong = _normal((-more * drift[b, a] - odds) / np.sqrt(more * spread[b, a]))
            gain += np.maximum(p[rows, b] * right - p[rows, a] * wrong, 0)
        open_ = (answered < self.reach) & (p[rows, a] < self.target - EQUAL)
        return np.where(open_, gain.round(9), 0.0)

    def _worth(self, n: Ints) -> Floats:
        return np.asarray(n / (1 + np.maximum(n - 1, 0) * self.dependence))


def _normal(x: Floats) -> Floats:
    x = np.clip(x, -8, 8)
    return np.asarray(1 / (1 + np.exp(-(0.07056 * x**3 + 1.5976 * x))))


def worths(model: Model) -> Floats:
    """[annotators] what an answer of each tells, of what one tells in the mean: "Who is passed over"."""
    share = (model.given / (model.given + ADDED))[:, None, None]
    mixed = share * model.chance + (1 - share) * model.pooled
    told = np.maximum(np.concatenate([model.pooled[None], mixed]), TINY)
    given = np.einsum("k,akl->al", model.prior, told)
    nats = np.einsum("k,akl->a", model.prior, told * np.log(told / given[:, None, :]))
    return np.asarray(nats[1:] / nats[0] if nats[0] > TINY else np.ones(len(model.given)))


def drawn(lots: bytes, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[tasks] which are pilots, of those that are asked about."""
    numbers = [int(n) for n in np.flatnonzero(asked)]
    count = min(max(LEAST_PILOTS, round(len(numbers) / 10)), len(numbers))
    numbers.sort(key=lambda n: hashlib.sha256(b"evenhand/pilot/v1\0" + lots + n.to_bytes(8, "big")).digest())
    found = np.zeros(len(asked), bool)
    found[numbers[:count]] = True
    return found


def losses(
    votes: Votes, plan: Plan, ready: NDArray[np.bool_], rules: Rules
) -> tuple[list[float], list[float]]:
    """Section 4, steps 2 to 4: for each threshold the mean loss, and the mean number of votes."""
    least = np.where(ready, rules.least, len(votes.task))
    seen = replace(fit(votes.first(least), rules.name), used=plan.model.used, power=plan.model.power)
    pilots = votes.of(ready)
    final = posterior(pilots.first(np.full(votes.tasks, plan.reach)), plan.model)[ready]
    rows, count = np.arange(len(final)), len(THRESHOLDS)
    loss, stops = np.zeros((len(final), count)), np.full((len(final), count), float(plan.reach))
    going = np.ones((len(final), count), bool)
    for length in range(rules.least, plan.reach):
        p = posterior(pilots.first(np.full(votes.tasks, length)), seen)[ready]
        best = (p >= p.max(axis=1, keepdims=True) - EQUAL).argmax(axis=1)
        lost = final.max(axis=1) - final[rows, best]
        gain = plan.gains(p, np.full(len(p), length))
        stopping = going & (gain[:, None] <= np.array(THRESHOLDS)[None, :])
        loss[stopping] = np.broadcast_to(lost[:, None], loss.shape)[stopping]
        stops[stopping] = length
        going &= ~stopping
    return loss.mean(axis=0).tolist(), stops.mean(axis=0).tolist()
