"""How sure probabilities should be: what they say of votes that they have not seen.

Each vote is left out in turn, and the probability of its task's classes without it says how probable it was.
That needs no true label. The power to which probabilities are raised is the one under which the votes were
most probable, which is a temperature (Guo and others 2017, On calibration of modern neural networks,
proceedings.mlr.press/v70/guo17a.html) without a set to choose it on.
"""

from __future__ import annotations

import numpy as np

from evenhand.core.inference.estimate import TINY, Model
from evenhand.core.inference.votes import Floats, Places, Votes

CELLS = 100_000  # votes times classes that are left out; of more, those of every n-th task
STEP, STEPS = 0.2, 8  # the logarithms of powers that are tried: from -1.6 to 1.6
LEAST = 1e-300  # below it a probability is as good as none; its logarithm stays finite


def best_power(votes: Votes, model: Model, steady: float) -> float:
    """The logarithm of the power under which left-out votes are most probable.

    A left-out vote is taken to be by the model's newcomer: what is learnt of its annotator it has taught
    itself. The maximum of the parabola through the best power and its neighbours.

    Args:
        votes: those on tasks with two or more are left out, one at a time.
        model: of few classes (not `narrow`); its power and its floor do not count.
        steady: precision of a normal prior at 0, in votes: where votes say nothing, it is 0.
    """
    task, rows = _rows(votes)
    # Classes come first, as sums over a short last axis are many times slower.
    chances = np.log(np.maximum(_without(votes, model, task, rows).T.copy(), LEAST))
    chances -= chances.max(axis=0)
    told = model.newcomer[:, votes.label[rows]]
    logs = np.arange(-STEPS, STEPS + 1) * STEP
    fits = np.array([_fit(chances * np.exp(one), told) for one in logs]) - steady / 2 * logs**2
    best = int(fits.argmax())
    if not 0 < best < 2 * STEPS:
        return float(logs[best])
    before, top, after = fits[best - 1 : best + 2]
    return float(logs[best] + STEP / 2 * (before - after) / min(before - 2 * top + after, -TINY))


def _rows(votes: Votes) -> tuple[Places, Places]:
    """[kept] the task of each vote that is left out, numbered anew, and its index."""
    sizes = np.diff(votes.first)
    every = -(-len(votes) * votes.classes // CELLS)
    tasks = np.flatnonzero((sizes > 1) & (np.arange(votes.tasks) % every == 0))
    sizes = sizes[tasks]
    begin = votes.first[tasks] - np.cumsum(sizes) + sizes
    return np.repeat(np.arange(len(tasks)), sizes), np.repeat(begin, sizes) + np.arange(sizes.sum())


def _without(votes: Votes, model: Model, task: Places, rows: Places) -> Floats:
    """[kept, classes] the posterior of each task without one vote, its power and its floor."""
    who, label = votes.annotator[rows], votes.label[rows]
    count = int(task[-1]) + 1 if len(task) else 0
    logs = np.log(np.maximum(model.confusion[who, :, label], TINY))
    score, voted = np.tile(np.log(model.prior + TINY), (count, 1)), np.zeros((count, votes.classes))
    np.add.at(score, task, logs)
    np.add.at(voted, (task, label), model.weight[who])
    chances = score[task] - logs
    chances = np.exp(chances - chances.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    others = voted[task]
    others[np.arange(len(task)), label] -= model.weight[who]
    others = np.maximum(others, 0.0)
    total, left = others.sum(axis=1, keepdims=True), (np.bincount(task, minlength=count)[task] - 1)[:, None]
    worth = left / (1 + (left - 1) * model.dependence)
    shares = (worth * others / np.maximum(total, TINY) + model.doubt / votes.classes) / (worth + model.doubt)
    own = np.where(total > TINY, worth / (model.hedge + worth), 1.0)
    return np.asarray(own * chances + (1 - own) * shares)


def _fit(logs: Floats, told: Floats) -> float:
    """Log-likelihood of votes: `logs` [classes, kept] of what each class's probability is proportional to,
    `told` [classes, kept] how probable each vote is where a class is true."""
    chances = np.exp(logs)
    return float(np.log((chances * told).sum(axis=0) / chances.sum(axis=0)).sum())
