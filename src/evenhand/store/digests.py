"""Which rows without external ids a project has: their digests in memory while it takes an import.

An index of a million digests, which come in no order, costs a page for each row that is put in. So digests
are stored as they come, a run for each group of rows, and looked up here: 16 bytes of memory for each.
Whoever asks has locked the project, and adds the runs that have come since: then nothing is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Level = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]

SIZE = 16  # bytes of a digest
NONE = bytes(SIZE)  # of a task that has none
PROJECTS = 2  # that are remembered at once


class Runs:
    """The runs of one project."""

    def __init__(self) -> None:
        self.after = 0  # first task of the newest run that is here
        self._levels: list[
            Level
        ] = []  # (first 64 bits ascending, tasks), each more than twice as long as the next

    def add(self, runs: Iterable[tuple[int, bytes]]) -> None:
        """Take in runs, (first task, digests), in ascending order."""
        for first, digests in runs:
            heads = np.frombuffer(digests, dtype=">u8")[::2].astype(np.uint64)
            tasks = np.flatnonzero(heads)
            self._levels.append(_sorted(heads[tasks], tasks + first))
            self.after = first
            while len(self._levels) > 1 and len(self._levels[-2][0]) <= 2 * len(self._levels[-1][0]):
                self._levels[-2:] = [_merged(*self._levels[-2:])]

    def find(self, digests: Sequence[bytes]) -> Iterator[tuple[int, int]]:
        """(place in `digests`, task) of all whose first 64 bits are those of a task's digest."""
        wanted = np.array([int.from_bytes(one[:8]) for one in digests], dtype=np.uint64)
        for heads, tasks in self._levels:
            begin, end = (np.searchsorted(heads, wanted, side) for side in ("left", "right"))
            for i in np.flatnonzero(begin < end).tolist():
                yield from ((i, task) for task in tasks[begin[i] : end[i]].tolist())


def _sorted(heads: npt.NDArray[np.uint64], tasks: npt.NDArray[np.int64]) -> Level:
    order = heads.argsort()
    return heads[order], tasks[order]


def _merged(one: Level, other: Level) -> Level:
    return _sorted(np.concatenate((one[0], other[0])), np.concatenate((one[1], other[1])))


class Digests:
    """The projects whose digests are remembered. What is rolled back must be forgotten."""

    def __init__(self) -> None:
        self._projects: dict[str, Runs] = {}

    def of(self, project: str) -> Runs:
        """The runs of a project, as far as they are here."""
        runs = self._projects.pop(project, None) or Runs()
        self._projects[project] = runs  # the one that was asked for last stands last
        while len(self._projects) > PROJECTS:
            del self._projects[next(iter(self._projects))]
        return runs

    def drop(self, project: str) -> None:
        """No longer remember a project: its import is over, or its runs have changed."""
        self._projects.pop(project, None)

    def forget(self) -> None:
        """Remember nothing."""
        self._projects.clear()
