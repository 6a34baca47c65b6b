"""What the methods share: sweeps over all votes, skill with its interval, and reading a model out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.core.errors import Refused
from evenhand.core.inference.estimate import TINY, Diagnostics, Estimate, Model, Skill
from evenhand.core.inference.votes import Floats, Places, Votes

Z = 1.959964  # two-sided 95% of the normal distribution
WIDE = 16  # with more classes than this only those that somebody gave a task may be true of it
MOST_PARTS = 16
PART_VOTES = 50_000  # fewer are not worth a part of their own
PART_BYTES = 1 << 27  # what the parts' tables of sums may take together, unless there are only two
MOST_BYTES = 8 << 30  # of one table, [annotators, classes, classes] or [tasks, classes]


class Sweeps:
    """Passes over the votes, with the tables that they read and the sums that they write.

    `narrow`: only classes that somebody gave a task may be true of it.
    """

    def __init__(self, votes: Votes) -> None:
        check_size(votes)
        self.votes = votes
        self.bound = parts_of(votes)
        rows, classes, parts = votes.annotators * votes.classes, votes.classes, len(self.bound) - 1
        self.counts = np.zeros((parts, rows, classes))
        self.mass = np.zeros((parts, classes))
        self.fit = np.zeros(parts)
        self.table = np.empty((rows, classes))
        self.narrow = classes > WIDE

    def agreement(self) -> Floats:
        """[annotators] share of an annotator's votes that agree with the majority; ties count in parts."""
        from evenhand.core.inference import kernels

        votes = self.votes
        agreed = np.zeros((len(self.bound) - 1, votes.annotators))
        kernels.agree_sweep(votes.first, votes.code, self.bound, votes.classes, agreed)
        return np.asarray(agreed.sum(axis=0) / np.maximum(votes.given, 1))

    def count(self, weight: Floats, hard: bool = False) -> None:
        """Sums where the weighted vote is the posterior, or its winner is the truth."""
        from evenhand.core.inference import kernels

        self._clear()
        first, code = self.votes.first, self.votes.code
        kernels.vote_sweep(first, code, self.bound, weight, self.votes.classes, hard, self.counts, self.mass)

    def expect(self, prior: Floats) -> float:
        """Sums under the posterior of `table` and `prior`; gives the log-likelihood of the votes."""
        from evenhand.core.inference import kernels

        self._clear()
        first, code, logs = self.votes.first, self.votes.code, np.log(prior + TINY)
        kernels.em_sweep(
            first, code, self.bound, self.table, logs, self.narrow, self.counts, self.mass, self.fit
        )
        return float(self.fit.sum())

    def maximize(self, own: float, pooled: Floats) -> None:
        """`table` from the sums, each annotator shrunk by `own` votes a class to `pooled` [true, given]."""
        from evenhand.core.inference import kernels

        kernels.maximize(self.counts, own, pooled, TINY, self.table)

    def dependence(self, prior: Floats) -> tuple[float, float]:
        """Covariance and variance of pairs of votes on one task, beyond what its class explains."""
        from evenhand.core.inference import kernels

        first, code, logs = self.votes.first, self.votes.code, np.log(prior + TINY)
        covariance, variance = np.zeros_like(self.fit), np.zeros_like(self.fit)
        kernels.dependence_sweep(first, code, self.bound, self.table, logs, self.narrow, covariance, variance)
        return float(covariance.sum()), float(variance.sum())

    def read(self, model: Model) -> Floats:
        """[tasks, classes] posterior under `table` and the rest of the model."""
        return _read(self.votes, self.bound, self.table, model)

    @property
    def pooled(self) -> Floats:
        """[true, given] the sums of all annotators."""
        shape = (-1, self.votes.classes, self.votes.classes)
        return np.asarray(self.counts.reshape(shape).sum(axis=0).T)

    @property
    def shares(self) -> Floats:
        """[classes] the posterior's sums over tasks."""
        return np.asarray(self.mass.sum(axis=0))

    @property
    def confusion(self) -> Floats:
        """[annotators, true, given] what `table` has, as probabilities."""
        shape = (self.votes.annotators, self.votes.classes, self.votes.classes)
        return np.exp(self.table.reshape(shape).transpose(0, 2, 1), order="C")

    def _clear(self) -> None:
        for sums in (self.counts, self.mass, self.fit):
            sums.fill(0.0)


def check_size(votes: Votes) -> None:
    """Refuse what would not fit, before anything is allotted.

    Raises:
        Refused: with the number of classes that would do.
    """
    for name, count, square in (("annotators", votes.annotators, 2), ("tasks", votes.tasks, 1)):
        size = count * votes.classes**square * 8
        if size > MOST_BYTES:
            most = int((MOST_BYTES / 8 / count) ** (1 / square))
            reason = (
                f"{votes.classes:,} classes with {count:,} {name} need tables of {size / 2**30:,.0f} GiB."
            )
            remedy = f"Group the classes to at most {most:,}, or take fewer {name} at a time."
            raise Refused("inference.too-large", reason, "label", remedy)


def parts_of(votes: Votes) -> Places:
    """Bounds of the parts that a sweep is split into: a function of the votes, never of the machine."""
    from evenhand.core.inference import kernels

    table = votes.annotators * votes.classes**2 * 8
    affordable = max(PART_BYTES // table, 2)
    return kernels.bounds(votes.first, max(min(MOST_PARTS, len(votes) // PART_VOTES, affordable), 1))


def shares_of(sums: Floats) -> Floats:
    """Sums as shares of the last axis; equal ones where there is nothing."""
    total = sums.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(total > 0, sums / np.maximum(total, TINY), 1 / sums.shape[-1]))


def posterior_of(votes: Votes, model: Model) -> Floats:
    """[tasks, classes] what a model makes of votes: for each task what `Running` comes to.

    Raises:
        Refused: it would not fit.
    """
    check_size(votes)
    table = np.log(np.maximum(model.confusion, TINY)).transpose(0, 2, 1)
    return _read(votes, parts_of(votes), np.ascontiguousarray(table).reshape(-1, votes.classes), model)


def _read(votes: Votes, bound: Places, table: Floats, model: Model) -> Floats:
    from evenhand.core.inference import kernels

    out = np.empty((votes.tasks, votes.classes))
    kernels.read_posterior(
        votes.first,
        votes.code,
        bound,
        table,
        np.log(model.prior + TINY),
        model.narrow,
        model.weight,
        model.blend,
        model.doubt,
        model.floor,
        out,
    )
    return out


def skill_of(given: Places, prior: Floats, confusion: Floats) -> Skill:
    """Skill as the model has it, and Wilson's interval around it for as many votes as were given.

    Wilson 1927, doi:10.1080/01621459.1927.10502953. It is as wide as if the truth of each task were
    known, so it is a little too narrow where tasks have few votes.
    """
    value = np.einsum("k,akk->a", prior, confusion)
    n = given + Z**2
    centre = (value * given + Z**2 / 2) / n
    half = Z * np.sqrt(value * (1 - value) * given + Z**2 / 4) / n
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return Skill(value=value, low=low, high=high, votes=given)


def estimate(
    method: str, votes: Votes, model: Model, posterior: Floats, diagnostics: Diagnostics
) -> Estimate:
    """Put together what a method found; ties go to the class with the lowest number."""
    label = posterior.argmax(axis=1).astype(np.int32)
    label[np.diff(votes.first) == 0] = -1
    return Estimate(
        method=method,
        posterior=posterior,
        label=label,
        model=model,
        skill=skill_of(votes.given, model.prior, model.confusion),
        diagnostics=replace(diagnostics, notes=(*notes_on(votes), *diagnostics.notes)),
    )


def notes_on(votes: Votes) -> tuple[str, ...]:
    """What a reader of the result has to know about the votes."""
    silent = int((np.diff(votes.first) == 0).sum())
    unseen = int((np.bincount(votes.label, minlength=votes.classes) == 0).sum())
    again = "earlier votes of an annotator on the same task: the last one counts."
    said = [
        (votes.replaced, f"{votes.replaced} {again}"),
        (silent, f"{silent} tasks without a vote: no label, and the prior for a posterior."),
        (unseen, f"{unseen} classes that nobody gave."),
        (votes.annotators == 1, "One annotator only: nothing tells how right it is."),
        (votes.classes > WIDE, "Many classes: only one that somebody gave a task may be true of it."),
    ]
    return tuple(text for happened, text in said if happened)
