"""Passes over all votes, with the tables that they read and the sums that they write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from evenhand.core.errors import Refused
from evenhand.core.inference.estimate import TINY, Model
from evenhand.core.inference.votes import Floats, Ints, Places, Votes

WIDE = 16  # with more classes than this only those that somebody gave a task may be true of it
MOST_PARTS = 16
PART_WORK = 800_000
"""Votes times states, about half a millisecond: less is not worth a part of its own. On a machine whose
processors are busy a part waits for one, many times longer than it takes."""
CELL_VOTES = 8  # votes for each cell of its sums that a part should have: else they do not stay in the cache
MOST_BYTES = 4 << 30  # of one table, [annotators, classes, classes] or [tasks, classes]


class Sweeps(Protocol):
    """What methods ask of all votes: `count` or `expect` make sums, `maximize` or `coins` a table of them."""

    votes: Votes
    narrow: bool  # only classes that somebody gave a task may be true of it
    kinds: int  # of tasks of each class that are told apart; a state is a class and a kind

    def count(self, weight: Floats, hard: bool = False) -> None:
        """Sums where the weighted vote is the posterior, or its winner is the truth."""

    def begin(self, posterior: Floats) -> None:
        """Sums where this is the posterior [tasks, classes], nowhere 0."""

    def expect(self, prior: Floats) -> float:
        """Sums under the posterior of the table and `prior`; gives the log-likelihood of the votes."""

    def maximize(self, own: float, pooled: Floats) -> None:
        """The table from the sums, each annotator shrunk by `own` votes a state to `pooled`."""

    def merged(self) -> Self:
        """The same sums with one kind of task, and a table of their own."""

    def coins(self) -> None:
        """The table from the sums, of one probability of being right for each annotator."""

    def dependence(self, prior: Floats) -> tuple[float, float]:
        """Covariance and variance of pairs of votes on one task, beyond what its class explains."""

    def read(self, model: Model) -> Read:
        """What a model says of the tasks whose confusion is the table's."""

    @property
    def shares(self) -> Floats:
        """[states] the posterior's sums over tasks."""

    @property
    def pooled(self) -> Floats:
        """[states, given] the sums of all annotators."""

    @property
    def right(self) -> Floats:
        """[annotators, classes] what the table has for the true class itself."""

    def confusion(self) -> Callable[[], Floats]:
        """What makes [annotators, true, given] probabilities of the table: until it is written anew."""


class Read(NamedTuple):
    """What a model says of the tasks."""

    posterior: Floats  # [tasks, classes]
    label: Ints  # [tasks] the first of the most probable classes, or -1 where nobody voted
    confidence: Floats  # [tasks] its probability, or 0


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

    parts = Parts(votes, len(votes))
    agreed = np.zeros((len(parts), votes.annotators))
    parts.run(kernels.agree_part, votes.classes, sums=(agreed,))
    return np.asarray(agreed.sum(axis=0) / np.maximum(votes.given, 1))


class _Wide:
    """Every class may be true of every task: `table` [annotators * classes, states], probabilities.

    Rows are of even length: where the states are odd the last one is empty.
    """

    narrow = False

    def __init__(self, votes: Votes, kinds: int, parts: Parts | None = None) -> None:
        self.votes, self.kinds, self.states = votes, kinds, votes.classes * kinds
        self.parts = Parts(votes, len(votes) * self.states) if parts is None else parts
        rows, length = votes.annotators * votes.classes, self.states + self.states % 2
        self.counts = np.zeros((len(self.parts), rows, length))
        self.mass = np.zeros((len(self.parts), length))
        self.table = np.ones((rows, length))

    def count(self, weight: Floats, hard: bool = False) -> None:
        from evenhand.core.inference import kernels

        _clear(self.counts, self.mass)
        how = (weight, self.votes.classes, self.kinds, hard)
        self.parts.run(kernels.vote_part, *how, sums=(self.counts, self.mass))

    def begin(self, posterior: Floats) -> None:
        from evenhand.core.inference import kernels

        _clear(self.counts, self.mass)
        how = (posterior, self.votes.classes, self.kinds)
        self.parts.run(kernels.share_part, *how, sums=(self.counts, self.mass))

    def expect(self, prior: Floats) -> float:
        from evenhand.core.inference import kernels

        _clear(self.counts, self.mass)
        sums = (self.counts, self.mass)
        return float(sum(self.parts.run(kernels.em_part, self.table, self._row(prior), sums=sums)))

    def maximize(self, own: float, pooled: Floats) -> None:
        from evenhand.core.inference import kernels

        rows = np.zeros((self.votes.classes, self.table.shape[1]))
        rows[:, : self.states] = pooled.T
        kernels.maximize(self.counts, own, rows, TINY, self.table)

    def merged(self) -> _Wide:
        one = _Wide(self.votes, 1, self.parts)
        for of_kind, sums in ((self.counts, one.counts), (self.mass, one.mass)):
            each = of_kind[..., : self.states].reshape(*sums.shape[:-1], self.kinds, -1)
            each.sum(axis=-2, out=sums[..., : one.states])
        return one

    def coins(self) -> None:
        classes = self.votes.classes
        right, wrong = coins_of(self.votes, np.einsum("akk->a", self._cube))
        cube = self.table.reshape(-1, classes, self.table.shape[1])
        cube[:, :, :classes] = wrong[:, None, None]
        cube[:, np.arange(classes), np.arange(classes)] = right[:, None]

    def dependence(self, prior: Floats) -> tuple[float, float]:
        from evenhand.core.inference import kernels

        sums = np.zeros((len(self.parts), 2))
        table = (self.votes.classes, self.table, self._row(prior))
        self.parts.run(kernels.dependence_part, *table, sums=(sums,))
        covariance, variance = sums.sum(axis=0).tolist()
        return covariance, variance

    def read(self, model: Model) -> Read:
        from evenhand.core.inference import kernels

        found = _unread(self.votes)
        blend = (model.weight, model.hedge, model.dependence, model.doubt, model.power, model.floor)
        self.parts.run(kernels.read_part, self.table, self._row(model.prior), *blend, *found)
        return found

    @property
    def shares(self) -> Floats:
        return np.asarray(self.mass.sum(axis=0)[: self.states])

    @property
    def pooled(self) -> Floats:
        return np.asarray(self._cube.sum(axis=0).T)

    @property
    def right(self) -> Floats:
        classes = self.votes.classes
        cube = self.table.reshape(-1, classes, self.table.shape[1])
        return np.ascontiguousarray(np.einsum("akk->ak", cube[:, :, :classes]))

    def confusion(self) -> Callable[[], Floats]:
        classes, table = self.votes.classes, self.table
        return lambda: np.ascontiguousarray(
            table.reshape(-1, classes, table.shape[1])[:, :, :classes].transpose(0, 2, 1)
        )

    @property
    def _cube(self) -> Floats:
        """[annotators, given, states] the sums."""
        cube = self.counts.sum(axis=0).reshape(-1, self.votes.classes, self.table.shape[1])
        return np.asarray(cube[:, :, : self.states])

    def _row(self, prior: Floats) -> Floats:
        """[states] of even length, none of which is quite impossible."""
        row = np.zeros(self.table.shape[1])
        row[: self.states] = prior + TINY
        return row


class _Narrow:
    """Only classes that somebody gave a task may be true of it: `chances` [cells]; see `narrow`."""

    narrow = True
    kinds = 1

    def __init__(self, votes: Votes) -> None:
        from evenhand.core.inference import narrow

        self.votes = votes
        able: Ints = np.empty(len(votes), np.int32)
        able_first, pair_first = np.zeros((2, votes.tasks + 1), np.int64)
        narrow.find_able(votes.first, votes.label, votes.classes, able, able_first, pair_first)
        count, rows = int(pair_first[-1]), votes.annotators * votes.classes
        self.pairs = (able_first, able[: able_first[-1]].copy(), pair_first, np.empty(count, np.int32))
        given, true = np.empty((2, count), np.int32)
        begin = np.zeros(rows + 1, np.int64)
        cells = narrow.number_cells(votes.first, votes.code, votes.classes, self.pairs, begin, given, true)
        self.given, self.true = np.empty((2, cells), np.int32)
        narrow.in_order(self.pairs[3], given, true, self.given, self.true)
        self.parts = Parts(votes, count)
        self.counts = np.zeros((len(self.parts), cells))
        self.mass = np.zeros((len(self.parts), votes.classes))
        self.own, self.shrunk = 0.0, np.zeros((votes.classes, votes.classes))
        self._table()

    def _table(self) -> None:
        rows = self.votes.annotators * self.votes.classes
        self.chances, self.scale, self.chance = np.empty(len(self.true)), np.empty(rows), np.empty(rows)

    def count(self, weight: Floats, hard: bool = False) -> None:
        from evenhand.core.inference import narrow

        _clear(self.counts, self.mass)
        sums = (self.counts, self.mass)
        self.parts.run(narrow.vote_part, self.pairs, weight, hard, sums=sums)

    def begin(self, posterior: Floats) -> None:
        from evenhand.core.inference import narrow

        _clear(self.counts, self.mass)
        sums = (self.counts, self.mass)
        self.parts.run(narrow.share_part, self.pairs, posterior, sums=sums)

    def expect(self, prior: Floats) -> float:
        from evenhand.core.inference import narrow

        _clear(self.counts, self.mass)
        sums = (self.counts, self.mass)
        return float(sum(self.parts.run(narrow.em_part, self.pairs, self.chances, prior + TINY, sums=sums)))

    def maximize(self, own: float, pooled: Floats) -> None:
        from evenhand.core.inference import narrow

        self.own, self.shrunk = own, pooled
        table = (self.chances, self.scale, self.chance)
        narrow.maximize(self.counts, self.given, self.true, own, pooled, TINY, *table)

    def merged(self) -> _Narrow:
        one = copy(self)
        one._table()
        return one

    def coins(self) -> None:
        same = self.given == self.true
        who = self.true // self.votes.classes
        agreed = np.bincount(who, self.counts.sum(axis=0) * same, self.votes.annotators)
        right, wrong = coins_of(self.votes, agreed)
        self.chances[:] = np.where(same, right[who], wrong[who])
        self.chance[:] = np.repeat(right, self.votes.classes)
        self.scale[:] = np.repeat(wrong, self.votes.classes)
        self.own, self.shrunk = 1.0, np.ones(self.shrunk.shape)

    def dependence(self, prior: Floats) -> tuple[float, float]:
        from evenhand.core.inference import narrow

        sums = np.zeros((len(self.parts), 2))
        table = (self.chances, self.chance, prior + TINY)
        self.parts.run(narrow.dependence_part, self.pairs, *table, sums=(sums,))
        covariance, variance = sums.sum(axis=0).tolist()
        return covariance, variance

    def read(self, model: Model) -> Read:
        from evenhand.core.inference import narrow

        found = _unread(self.votes)
        table = (self.pairs, self.chances, shares_of(model.prior + TINY), model.weight)
        blend = (model.hedge, model.dependence, model.doubt, model.floor)
        self.parts.run(narrow.read_part, *table, *blend, *found)
        return found

    @property
    def shares(self) -> Floats:
        return np.asarray(self.mass.sum(axis=0))

    @property
    def pooled(self) -> Floats:
        from evenhand.core.inference import narrow

        found = np.zeros((self.votes.classes, self.votes.classes))
        narrow.pool(self.counts, self.given, self.true, found)
        return found

    @property
    def right(self) -> Floats:
        return self.chance.reshape(-1, self.votes.classes)

    def confusion(self) -> Callable[[], Floats]:
        from evenhand.core.inference import narrow

        cells, rest = (self.chances, self.given, self.true), self.own * self.shrunk
        scale, right = self.scale.reshape(-1, self.votes.classes), self.right

        def made() -> Floats:
            """What nobody had in mind too: the part of the pooled confusion that each annotator gets."""
            found = scale[:, :, None] * rest
            narrow.spread(*cells, found)
            places = np.arange(len(rest))
            found[:, places, places] = right
            return found

        return made


def _unread(votes: Votes) -> Read:
    """Room for what is read."""
    tasks = votes.tasks
    return Read(np.zeros((tasks, votes.classes)), np.empty(tasks, np.int32), np.empty(tasks))


def shares_of(sums: Floats) -> Floats:
    """Sums as shares of the last axis; equal ones where there is nothing."""
    total = sums.sum(axis=-1, keepdims=True)
    even = np.full(sums.shape, 1 / sums.shape[-1])
    return np.asarray(np.divide(sums, total, out=even, where=total > 0))


def coins_of(votes: Votes, agreed: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """[annotators] chances to be right, and of any one wrong class; half a vote of doubt either way."""
    right = (agreed + 0.5) / (votes.given + 1.0)
    return right, (1 - right) / max(votes.classes - 1, 1)


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


class Parts:
    """The parts that a pass over votes is split into, and the threads that take them.

    Bounds are a function of the votes, never of the machine. The number of parts is a power of two, so that
    two or four processors get as many each.

    Args:
        work: a vote and a state that it speaks of, or a vote and a class, is one.
    """

    def __init__(self, votes: Votes, work: int) -> None:
        self._columns = votes.columns
        cells = votes.annotators * votes.classes**2
        affordable = max(len(votes) // (CELL_VOTES * cells), 2)
        most = max(min(MOST_PARTS, work // PART_WORK, affordable), 1)
        self.bounds = bounds(votes.first, 1 << (most.bit_length() - 1))
        self._threads = ThreadPoolExecutor(_processors()) if len(self) > 1 else None

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def run(self, kernel: Callable[..., Any], *given: Any, sums: Sequence[Any] = ()) -> list[Any]:
        """Call a kernel for each part, with its own of the `sums` [parts, ...]; gives what the calls give."""

        def call(p: int) -> Any:
            own = (one[p] for one in sums)
            return kernel(self._columns, self.bounds[p], self.bounds[p + 1], *given, *own)

        return list((self._threads.map if self._threads else map)(call, range(len(self))))


def _processors() -> int:
    """How many threads there may be: NUMBA_NUM_THREADS, else the processors of this machine."""
    from numba.core import config

    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # it is set when numba is loaded


def bounds(first: Places, parts: int) -> Places:
    """[parts + 1] tasks at which the parts begin, so that each has about as many votes."""
    goals = np.arange(1, parts) * (first[-1] / parts)
    inner = np.searchsorted(first, goals)
    return np.concatenate([[0], inner, [len(first) - 1]]).astype(np.int64)


def posterior_of(votes: Votes, model: Model) -> Floats:
    """[tasks, classes] what a model makes of votes: for each task what `Running` comes to.

    Raises:
        Refused: it would not fit.
    """
    check_size(votes)
    return (_narrow_by if model.narrow else _wide_by)(votes, model).read(model).posterior


def _wide_by(votes: Votes, model: Model) -> Sweeps:
    sweeps = _Wide(votes, 1)
    rows = np.maximum(model.confusion, TINY).transpose(0, 2, 1)
    sweeps.table[:, : votes.classes] = rows.reshape(-1, votes.classes)
    return sweeps


def _narrow_by(votes: Votes, model: Model) -> Sweeps:
    sweeps = _Narrow(votes)
    (who, true), given = np.divmod(sweeps.true, votes.classes), sweeps.given % votes.classes
    sweeps.chances[:] = np.maximum(model.confusion[who, true, given], TINY)
    return sweeps
