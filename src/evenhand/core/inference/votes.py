"""Votes as arrays: who gave which class to which task."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.core.errors import Invalid

Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_CODES = 2**31 - 1
"""Annotators times classes: a vote is one 32-bit number."""


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes sorted by task; within a task in the order in which they came. Made by `Votes.of`."""

    first: Places  # [tasks + 1] where each task's votes begin; the last is the number of votes
    annotator: Ints  # [votes] 0 to annotators - 1
    label: Ints  # [votes] 0 to classes - 1
    annotators: int
    classes: int
    replaced: int = 0  # votes that the same annotator's later vote on the same task took the place of

    @classmethod
    def of(
        cls,
        task: npt.ArrayLike,
        annotator: npt.ArrayLike,
        label: npt.ArrayLike,
        *,
        tasks: int | None = None,
        annotators: int | None = None,
        classes: int | None = None,
    ) -> Votes:
        """Votes from three arrays of whole numbers of equal length, in the order in which they were given.

        Where an annotator voted twice on a task, the last vote counts.

        Args:
            task, annotator, label: [votes] numbers from 0.
            tasks, annotators, classes: how many there are; None: one more than the largest number.
                A task without a vote and a class that nobody gave are allowed.

        Raises:
            Invalid: lengths differ, a number is out of its range or no whole number, or annotators
                times classes exceed 2^31 - 1.
        """
        coded = {"task": _whole("task", task), "annotator": _whole("annotator", annotator)}
        coded["label"] = _whole("label", label)
        _check_lengths(coded)
        wanted = {"task": tasks, "annotator": annotators, "label": classes}
        size = {name: _count(name, coded[name], wanted[name]) for name in coded}
        rank = np.arange(size["label"], dtype=np.int32)
        columns = (coded["task"], coded["annotator"], coded["label"])
        return cls.ranked(*columns, rank, tasks=size["task"], annotators=size["annotator"])

    @classmethod
    def ranked(
        cls,
        task: Ints,
        annotator: Ints,
        label: Ints,
        rank: Ints,
        *,
        tasks: int,
        annotators: int,
        classes: int | None = None,
    ) -> Votes:
        """As `of`, from numbers that are known to be in their ranges.

        Args:
            task, annotator, label: [rows] of equal length; a row in which one is negative is no vote.
            rank: [numbers] the class that each number stands for.
            classes: how many there are; None: as many as numbers.

        Raises:
            Invalid: annotators times classes exceed 2^31 - 1.
        """
        from evenhand.core.inference import kernels

        classes = len(rank) if classes is None else classes
        if annotators * classes > MOST_CODES:
            reason = f"{annotators:,} annotators times {classes:,} classes are more than 2^31 - 1."
            raise Invalid(
                "inference.too-many", reason, "label", "Group the classes, or take part of the votes."
            )
        first = np.zeros(tasks + 1, np.int64)
        count = kernels.count_by_task(task, annotator, label, first)
        who, what = np.empty((2, count), np.int32)
        last = np.empty(annotators, np.int64)
        kept = kernels.sort_by_task(task, annotator, label, rank, first, last, who, what)
        return cls(
            first=first,
            annotator=who[:kept],
            label=what[:kept],
            annotators=annotators,
            classes=classes,
            replaced=count - kept,
        )

    @property
    def tasks(self) -> int:
        """How many tasks there are, those without a vote too."""
        return len(self.first) - 1

    def __len__(self) -> int:
        return len(self.annotator)

    @cached_property
    def task(self) -> Ints:
        """[votes] the task of each vote."""
        return np.repeat(np.arange(self.tasks, dtype=np.int32), np.diff(self.first))

    @cached_property
    def given(self) -> Places:
        """[annotators] how many votes each gave."""
        from evenhand.core.inference import kernels

        counts = np.zeros(self.annotators, np.int64)
        kernels.tally(self.annotator, counts)
        return counts

    def by_annotator(self, worth: Floats) -> Floats:
        """[annotators] what the votes of each add up to, where one for a class is worth so much [classes]."""
        from evenhand.core.inference import kernels

        sums = np.zeros(self.annotators)
        kernels.add_up(self.annotator, self.label, worth, sums)
        return sums

    @property
    def unused(self) -> int:
        """How many classes nobody gave."""
        from evenhand.core.inference import kernels

        seen = np.zeros(self.classes, np.bool_)
        kernels.mark(self.label, seen)
        return self.classes - int(seen.sum())

    @cached_property
    def code(self) -> Ints:
        """[votes] annotator * classes + label: the row of a table of what each annotator's votes say."""
        code = self.annotator * np.int32(self.classes)
        code += self.label
        return code

    @property
    def columns(self) -> tuple[Places, Ints, Ints, Ints]:
        """What the compiled loops read: first, annotator, label, code."""
        return self.first, self.annotator, self.label, self.code


def _whole(name: str, values: npt.ArrayLike) -> Ints:
    array: npt.NDArray[Any] = np.asarray(values)
    if array.ndim != 1:
        reason = f"This has {array.ndim} dimensions, not one."
        raise Invalid("inference.shape", reason, name, "Give a flat list.")
    if not len(array):
        return np.empty(0, np.int32)
    remedy = "Number what there is from 0."
    if array.dtype.kind not in "iu":
        raise Invalid("inference.not-whole", f"These are {array.dtype}, not whole numbers.", name, remedy)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= MOST_CODES:
        reason = f"{low if low < 0 else high} is not between 0 and 2^31 - 2."
        raise Invalid("inference.range", reason, name, remedy)
    return np.ascontiguousarray(array, np.int32)


def _check_lengths(coded: dict[str, Ints]) -> None:
    if len({len(values) for values in coded.values()}) > 1:
        sizes = ", ".join(f"{len(values)} of {name}" for name, values in coded.items())
        reason = f"The three lists differ in length: {sizes}."
        raise Invalid("inference.lengths", reason, "", "Give one of each for every vote.")


def _count(name: str, array: Ints, count: int | None) -> int:
    most = int(array.max()) + 1 if len(array) else 0
    if count is None:
        return max(most, 1)
    if most > count:
        raise Invalid("inference.range", f"{most - 1} is too high: there are {count}, from 0.", name)
    return count
