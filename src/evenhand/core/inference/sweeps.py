"""Passes over all votes, with the tables that they read and the sums that they write."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evenhand.core.errors import Refused
from evenhand.core.inference.estimate import TINY, Model
from evenhand.core.inference.votes import Floats, Ints, Places, Votes

WIDE = 16  # with more classes than this only those that somebody gave a task may be true of it
MOST_PARTS = 16
PART_VOTES = 50_000  # fewer are not worth a part of their own
CELL_VOTES = 8  # votes for each cell of its sums that a part should have: else they do not stay in the cache
MOST_BYTES = 4 << 30  # of one table, [annotators, classes, classes] or [tasks, classes]


class Sweeps(Protocol):
    """What methods ask of all votes: `count` or `expect` make sums, `maximize` or `coins` a table of them."""

    votes: Votes
    narrow: bool  # only classes that somebody gave a task may be true of it
    kinds: int  # of tasks of each class that are told apart; a state is a class and a kind

    def count(self, weight: Floats, hard: bool = False) -> None:
        """Sums where the weighted vote is the posterior, or its winner is the truth."""

    def expect(self, prior: Floats) -> float:
        """Sums under the posterior of the table and `prior`; gives the log-likelihood of the votes."""

    def maximize(self, own: float, pooled: Floats) -> None:
        """The table from the sums, each annotator shrunk by `own` votes a state to `pooled`."""

    def merged(self) -> Sweeps:
        """The same sums with one kind of task."""

    def coins(self) -> None:
        """The table from the sums, of one probability of being right for each annotator."""

    def dependence(self, prior: Floats) -> tuple[float, float]:
        """Covariance and variance of pairs of votes on one task, beyond what its class explains."""

    def read(self, model: Model) -> Floats:
        """[tasks, classes] the posterior of a model whose confusion is the table's."""

    @property
    def shares(self) -> Floats:
        """[states] the posterior's sums over tasks."""

    @property
    def pooled(self) -> Floats:
        """[states, given] the sums of all annotators."""

    @property
    def confusion(self) -> Floats:
        """[annotators, true, given] what the table has, as probabilities."""


def sweeps_of(votes: Votes, kinds: int = 1) -> Sweeps:
    """The passes that suit the number of classes; where there are many, kinds of tasks are not told apart.

    Raises:
        Refused: the tables would not fit.
    """
    check_size(votes)
    return _Narrow(votes) if votes.classes > WIDE else _Wide(votes, kinds)


def agreement(votes: Votes) -> Floats:
    """[annotators] share of an annotator's votes that agree with the majority; ties count in parts."""
    from evenhand.core.inference import kernels

    bound = parts_of(votes)
    agreed = np.zeros((len(bound) - 1, votes.annotators))
    kernels.agree_sweep(votes.first, votes.code, bound, votes.classes, agreed)
    return np.asarray(agreed.sum(axis=0) / np.maximum(votes.given, 1))


class _Wide:
    """Every class may be true of every task: `table` [annotators * classes, states], logarithms."""

    narrow = False

    def __init__(self, votes: Votes, kinds: int) -> None:
        self.votes, self.kinds = votes, kinds
        self.bound = parts_of(votes)
        rows, states, parts = votes.annotators * votes.classes, votes.classes * kinds, len(self.bound) - 1
        self.counts = np.zeros((parts, rows, states))
        self.mass = np.zeros((parts, states))
        self.fit = np.zeros(parts)
        self.table = np.empty((rows, states))
        self.place = (votes.first, votes.code, self.bound)

    def count(self, weight: Floats, hard: bool = False) -> None:
        from evenhand.core.inference import kernels

        _clear(self.counts, self.mass)
        kernels.vote_sweep(*self.place, weight, self.votes.classes, hard, self.counts, self.mass)

    def expect(self, prior: Floats) -> float:
        from evenhand.core.inference import kernels

        _clear(self.counts, self.mass, self.fit)
        logs = np.log(prior + TINY)
        kernels.em_sweep(*self.place, self.table, logs, self.counts, self.mass, self.fit)
        return float(self.fit.sum())

    def maximize(self, own: float, pooled: Floats) -> None:
        from evenhand.core.inference import kernels

        kernels.maximize(self.counts, own, pooled, TINY, self.table)

    def merged(self) -> Sweeps:
        one = _Wide(self.votes, 1)
        for of_kind, sums in ((self.counts, one.counts), (self.mass, one.mass)):
            of_kind.reshape(*sums.shape[:-1], self.kinds, -1).sum(axis=-2, out=sums)
        return one

    def coins(self) -> None:
        classes = self.votes.classes
        right, wrong = coin_logs(self.votes, np.einsum("akk->a", self._cube))
        table = np.repeat(wrong, classes**2).reshape(-1, classes, classes)
        table[:, np.arange(classes), np.arange(classes)] = right[:, None]
        self.table[:] = table.reshape(-1, classes)

    def dependence(self, prior: Floats) -> tuple[float, float]:
        from evenhand.core.inference import kernels

        both = np.zeros((2, len(self.fit)))
        kernels.dependence_sweep(*self.place, self.table, np.log(prior + TINY), both[0], both[1])
        return float(both[0].sum()), float(both[1].sum())

    def read(self, model: Model) -> Floats:
        return _read(self.votes, self.bound, self.table, model)

    @property
    def shares(self) -> Floats:
        return np.asarray(self.mass.sum(axis=0))

    @property
    def pooled(self) -> Floats:
        return np.asarray(self._cube.sum(axis=0).T)

    @property
    def confusion(self) -> Floats:
        shape = (self.votes.annotators, self.votes.classes, self.votes.classes)
        return np.exp(self.table.reshape(shape).transpose(0, 2, 1), order="C")

    @property
    def _cube(self) -> Floats:
        """[annotators, given, states] the sums."""
        return np.asarray(self.counts.sum(axis=0).reshape(-1, self.votes.classes, self.table.shape[1]))


class _Narrow:
    """Only classes that somebody gave a task may be true of it: `logs` [cells]; see `narrow`."""

    narrow = True
    kinds = 1

    def __init__(self, votes: Votes) -> None:
        from evenhand.core.inference import narrow

        self.votes = votes
        self.bound = parts_of(votes)
        able_first, pair_first = np.zeros((2, votes.tasks + 1), np.int64)
        narrow.count_able(votes.first, votes.code, votes.classes, able_first, pair_first)
        able: Ints = np.empty(able_first[-1] + votes.classes, np.int32)
        slot, key = np.empty(pair_first[-1], np.int32), np.empty(pair_first[-1], np.int64)
        place = np.full(votes.annotators * votes.classes**2, -1, np.int32)
        cells = narrow.number_cells(
            votes.first, votes.code, votes.classes, place, able_first, able, slot, key
        )
        self.key: Places = key[:cells].copy()
        self.pairs = (able_first, able, pair_first, slot)
        parts = len(self.bound) - 1
        self.counts = np.zeros((parts, cells))
        self.mass = np.zeros((parts, votes.classes))
        self.fit = np.zeros(parts)
        self.logs = np.empty(cells)
        self.right = np.empty((votes.annotators, votes.classes))
        self.shrunk: tuple[float, Floats] = (0.0, np.zeros((votes.classes, votes.classes)))

    def count(self, weight: Floats, hard: bool = False) -> None:
        from evenhand.core.inference import narrow

        _clear(self.counts, self.mass)
        place = (self.votes.first, self.votes.code, self.bound)
        narrow.vote_sweep(*place, *self.pairs, weight, hard, self.counts, self.mass)

    def expect(self, prior: Floats) -> float:
        from evenhand.core.inference import narrow

        _clear(self.counts, self.mass, self.fit)
        logs = np.log(prior + TINY)
        sums = (self.counts, self.mass, self.fit)
        narrow.em_sweep(self.votes.first, self.bound, *self.pairs, self.logs, logs, *sums)
        return float(self.fit.sum())

    def maximize(self, own: float, pooled: Floats) -> None:
        from evenhand.core.inference import narrow

        self.shrunk = (own, pooled)
        narrow.maximize(self.counts, self.key, own, pooled, TINY, self.logs, self.right)

    def merged(self) -> Sweeps:
        return self

    def coins(self) -> None:
        classes = self.votes.classes
        true, row = self.key % classes, self.key // classes
        same = true == row % classes
        agreed = np.bincount(row // classes, self.counts.sum(axis=0) * same, self.votes.annotators)
        right, wrong = coin_logs(self.votes, agreed)
        self.logs[:] = np.where(same, right[row // classes], wrong[row // classes])
        self.right[:] = np.exp(right)[:, None]

    def dependence(self, prior: Floats) -> tuple[float, float]:
        from evenhand.core.inference import narrow

        both = np.zeros((2, len(self.fit)))
        place = (self.votes.first, self.votes.code, self.bound)
        logs = np.log(prior + TINY)
        narrow.dependence_sweep(*place, *self.pairs, self.logs, self.right, logs, both[0], both[1])
        return float(both[0].sum()), float(both[1].sum())

    def read(self, model: Model) -> Floats:
        return _read_narrow(self.votes, self.bound, model)

    @property
    def shares(self) -> Floats:
        return np.asarray(self.mass.sum(axis=0))

    @property
    def pooled(self) -> Floats:
        from evenhand.core.inference import narrow

        found = np.zeros((self.votes.classes, self.votes.classes))
        narrow.pool(self.counts, self.key, found)
        return found

    @property
    def confusion(self) -> Floats:
        from evenhand.core.inference import narrow

        found = np.empty((self.votes.annotators, self.votes.classes, self.votes.classes))
        narrow.spread(self.counts, self.key, *self.shrunk, TINY, found)
        return found


def coin_logs(votes: Votes, agreed: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """[annotators] logarithms of being right, and of any one wrong class; half a vote of doubt either way."""
    right = (agreed + 0.5) / (votes.given + 1.0)
    return np.log(right), np.log((1 - right) / max(votes.classes - 1, 1))


def _clear(*sums: Any) -> None:
    for one in sums:
        one.fill(0.0)


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

    cells = votes.annotators * votes.classes**2
    affordable = max(len(votes) // (CELL_VOTES * cells), 2)
    return kernels.bounds(votes.first, max(min(MOST_PARTS, len(votes) // PART_VOTES, affordable), 1))


def posterior_of(votes: Votes, model: Model) -> Floats:
    """[tasks, classes] what a model makes of votes: for each task what `Running` comes to.

    Raises:
        Refused: it would not fit.
    """
    check_size(votes)
    if model.narrow:
        return _read_narrow(votes, parts_of(votes), model)
    table = np.log(np.maximum(model.confusion, TINY)).transpose(0, 2, 1)
    return _read(votes, parts_of(votes), np.ascontiguousarray(table).reshape(-1, votes.classes), model)


def _read(votes: Votes, bound: Places, table: Floats, model: Model) -> Floats:
    from evenhand.core.inference import kernels

    out = np.empty((votes.tasks, votes.classes))
    logs = np.log(model.prior + TINY)
    blend = (model.weight, model.blend, model.doubt, model.floor)
    kernels.read_posterior(votes.first, votes.code, bound, table, logs, *blend, out)
    return out


def _read_narrow(votes: Votes, bound: Places, model: Model) -> Floats:
    from evenhand.core.inference import narrow

    out = np.empty((votes.tasks, votes.classes))
    logs = np.log(model.prior + TINY)
    blend = (model.weight, model.blend, model.doubt, model.floor)
    narrow.read_posterior(votes.first, votes.code, bound, model.confusion, logs, TINY, *blend, out)
    return out
