"""Quality of the answers to one question: agreement, skills, confusion, hard tasks, likely errors.

Every figure says from how many labels it comes and how sure it is. Nothing here knows a true answer:
skill and errors are what a model of the annotators (`core.inference`) makes of their votes.

Shapes: n answers as parallel arrays of codes from 0; `distinct` holds what the value codes stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from evenhand.core import integrity
from evenhand.core.agreement import Figure, Resampling, of_question
from evenhand.core.inference import Estimate, Votes, infer
from evenhand.core.integrity import Tested
from evenhand.core.label import LabelType, Learnt, TextElement, is_always, is_class
from evenhand.core.lean import Leaning, lean

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_LISTED = 1000  # tasks in a list that somebody looks through
MOST_CLASSES = 12  # in a picture of what is taken for what
MOST_APART = 20  # answers of one task that each answer is compared with
Z = 1.96  # of a 95% interval


@dataclass(frozen=True, eq=False)
class Sheet:
    """All answers to one question."""

    kind: LabelType[Any]
    tasks: Ints  # (n,)
    annotators: Ints  # (n,)
    values: Ints  # (n,) index into `distinct`
    distinct: Sequence[Any]  # values, as `kind.load` gives them


@dataclass(frozen=True, eq=False)
class Work:
    """How the answers of a sheet came about."""

    at: Ints  # (n,) order in which they were given, -1 where that is not known
    seconds: Floats  # (n,) active time, NaN where it is not known
    length: Floats  # (n,) code points of the texts that were shown
    suggested: Ints  # (tasks,) value code that was preselected, -1 where none was
    organization: Ints  # (annotators,) code of the provider, -1 where there is none
    given: Callable[[int], str]  # index of an answer -> texts that were shown


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """How good one annotator's answers to one question are."""

    annotator: int
    value: float  # 0 to 1
    low: float  # 95% interval
    high: float
    labels: int  # that it rests on
    numbers: tuple[float, ...] = ()  # what weighing would learn, as `QuestionQuality.measures` names it


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A task to look at."""

    task: int
    chance: float  # that what most said is wrong; for hard tasks: how far apart the answers are, 0 to 1
    labels: int


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken for what, over all annotators."""

    classes: tuple[int, ...]  # value codes, the most common first
    counts: tuple[tuple[float, ...], ...]  # [true][given] expected number of answers
    left_out: int  # classes beyond the most common ones


class QuestionQuality(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one question."""

    labels: int
    tasks: int
    agreement: tuple[Figure, ...]
    basis: str  # of the skills: "model": probability to be right; "agreement": nearness to others' answers
    skills: tuple[Skill, ...]  # those with the most labels first
    confusion: Confusion | None  # of questions with classes
    errors: tuple[Suspect, ...]  # most likely wrong first
    hard: tuple[Suspect, ...]  # answers farthest apart first
    method: str  # of inference; "" where there is none
    integrity: tuple[Tested, ...] = ()
    leaning: Leaning | None = None  # None: answers without classes, or work of which nothing is known
    measures: tuple[str, ...] = ()  # of answers without classes that are weighed: `LabelType.measures`
    unit: str = ""  # of those measures that are no share


def share(part: int, whole: int) -> tuple[float, float, float]:
    """(share, low, high) with Wilson's 95% interval (1927, doi:10.1080/01621459.1927.10502953); 0 to 1."""
    if not whole:
        return 0.0, 0.0, 1.0
    p, z2 = part / whole, Z * Z
    centre = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = Z * ((p * (1 - p) / whole + z2 / (4 * whole * whole)) ** 0.5) / (1 + z2 / whole)
    return p, max(centre - reach, 0.0), min(centre + reach, 1.0)


def ratio(parts: Sequence[float], wholes: Sequence[float]) -> tuple[float, float, float] | None:
    """(ratio, low, high) of two sums over annotators, such as seconds an answer, with its 95% interval.

    Annotators differ more than the answers of one do, so that they are what was sampled: the linearised
    variance of a ratio estimate (Cochran 1977, Sampling Techniques, 3rd ed., 6.3). None where less than two
    annotators have a part in the whole: one says nothing of how others are.
    """
    part, whole = np.array(parts, np.float64), np.array(wholes, np.float64)
    count, sum_ = int(np.count_nonzero(whole)), float(whole.sum())
    if count < 2:
        return None
    value = float(part.sum()) / sum_
    error = Z * float(np.sqrt(((part - value * whole) ** 2).sum() * count / (count - 1))) / sum_
    return value, max(value - error, 0.0), value + error


DRAWS = Resampling(draws=200)


def measure(
    sheet: Sheet,
    work: Work | None = None,
    how: Resampling = DRAWS,
    settled: NDArray[np.bool_] | None = None,
) -> QuestionQuality:
    """Everything about one question; at least one answer.

    Args:
        work: without it, nothing of integrity.
        settled: (tasks,) of which a reviewer has said what is right: nobody has to look there again.
    """
    values = [sheet.distinct[i] for i in sheet.values.tolist()]
    figures = of_question(sheet.kind, sheet.tasks, sheet.annotators, values, how)
    near, apart, compared = _compared(sheet)
    votes = _votes(sheet) if is_class(sheet.kind) else None
    estimate = None if votes is None else infer(votes)
    open_ = np.ones(len(compared), np.bool_) if settled is None else ~settled
    learnt = _learnt(sheet, values) if votes is None and sheet.kind.weighed_by else None
    return QuestionQuality(
        labels=len(sheet.tasks),
        tasks=int(np.count_nonzero(np.bincount(sheet.tasks))),
        agreement=figures,
        basis="agreement" if estimate is None else "model",
        skills=_near_others(sheet, near, learnt) if estimate is None else _skills(estimate),
        confusion=None if estimate is None else _confusion(sheet, estimate),
        errors=() if estimate is None else _errors(sheet, estimate, open_),
        hard=_suspects(apart, sheet, open_ & (compared > 1)),
        method="" if estimate is None else estimate.method,
        integrity=() if work is None else _integrity(sheet, work, votes, estimate),
        leaning=None if work is None or votes is None else _leaning(votes, work.organization),
        measures=() if learnt is None else sheet.kind.measures,
        unit=sheet.kind.unit,
    )


def _learnt(sheet: Sheet, values: Sequence[Any]) -> Learnt:
    """What weighing would learn of annotators, who are named by their codes."""
    rows = zip(sheet.tasks.tolist(), map(str, sheet.annotators.tolist()), values, strict=True)
    return sheet.kind.learn(list(rows))


def _votes(sheet: Sheet) -> Votes:
    return Votes.of(sheet.tasks, sheet.annotators, sheet.values, classes=len(sheet.distinct))


def _leaning(votes: Votes, organization: Ints) -> Leaning:
    return lean(votes, organization[: votes.annotators])


def _integrity(
    sheet: Sheet, work: Work, votes: Votes | None, estimate: Estimate | None
) -> tuple[Tested, ...]:
    """Every test that the answers allow: time always, the rest by the kind of answer."""
    fast = integrity.fast(sheet.tasks, sheet.annotators, work.seconds, work.length)
    found = [integrity.told_of("fast", fast)]
    if votes is not None and estimate is not None:
        if not votes.replaced:  # else the votes are not in step with how they came about
            found += integrity.of_votes(votes, estimate, work.at, work.suggested)
    elif is_always(sheet.kind, TextElement):
        texts = [sheet.distinct[i] for i in sheet.values.tolist()]
        odd = integrity.pasted(sheet.tasks, sheet.annotators, texts, work.seconds, work.given)
        for kind in ("typed", "repeated"):
            found.append(integrity.told_of(kind, [one for one in odd if one.kind == kind]))
    return tuple(found)


def _skills(estimate: Estimate) -> tuple[Skill, ...]:
    skill = estimate.skill
    return tuple(
        Skill(
            annotator=i,
            value=float(skill.value[i]),
            low=float(skill.low[i]),
            high=float(skill.high[i]),
            labels=int(skill.votes[i]),
        )
        for i in np.argsort(-skill.votes, kind="stable").tolist()
        if skill.votes[i]
    )


def _confusion(sheet: Sheet, estimate: Estimate) -> Confusion:
    """Each answer counts for every class by the probability that it is the true one."""
    width = len(sheet.distinct)
    counts = np.zeros((width, width))
    for given in range(width):
        counts[:, given] = estimate.posterior[sheet.tasks[sheet.values == given]].sum(axis=0)
    common = np.argsort(-np.bincount(sheet.values, minlength=width), kind="stable")[:MOST_CLASSES]
    shown = counts[np.ix_(common, common)]
    return Confusion(
        classes=tuple(common.tolist()),
        counts=tuple(tuple(round(cell, 1) for cell in row) for row in shown.tolist()),
        left_out=width - len(common),
    )


def _errors(sheet: Sheet, estimate: Estimate, open_: NDArray[np.bool_]) -> tuple[Suspect, ...]:
    """Tasks by the chance that the answer that most gave is wrong; of equals, the first class."""
    tasks, width = len(estimate.label), len(sheet.distinct)
    key, count = np.unique(sheet.tasks * width + sheet.values, return_counts=True)
    order = np.lexsort((key, -count, key // width))
    task, first = np.unique(key[order] // width, return_index=True)
    most = key[order][first] % width
    chance = np.zeros(tasks)
    chance[task] = 1 - estimate.posterior[task, most]
    return _suspects(chance, sheet, open_ & (np.bincount(sheet.tasks, minlength=tasks) > 0))


def _suspects(chance: Floats, sheet: Sheet, able: NDArray[np.bool_]) -> tuple[Suspect, ...]:
    labels = np.bincount(sheet.tasks, minlength=len(chance))
    order = np.argsort(-np.where(able, chance, -1.0), kind="stable")[:MOST_LISTED]
    return tuple(
        Suspect(task=i, chance=round(float(chance[i]), 6), labels=int(labels[i]))
        for i in order.tolist()
        if able[i] and chance[i] > 0.01
    )


def _compared(sheet: Sheet) -> tuple[Floats, Floats, Ints]:
    """Answers against the others of their task: (n,) nearness, NaN where there is no other; (tasks,) mean
    distance of pairs; (tasks,) answers. Each answer meets at most `MOST_APART` others on either side."""
    order = np.argsort(sheet.tasks, kind="stable")
    tasks, values = sheet.tasks[order], sheet.values[order]
    size = np.bincount(sheet.tasks)
    near, met = np.zeros(len(tasks)), np.zeros(len(tasks))
    apart, pairs = np.zeros(len(size)), np.zeros(len(size))
    for step in range(1, min(int(size.max()), MOST_APART + 1)):
        i = np.flatnonzero(tasks[step:] == tasks[:-step])
        distance = _distances(sheet, values[i], values[i + step])
        for place in (i, i + step):
            near[place] += 1 - distance
            met[place] += 1
        apart += np.bincount(tasks[i], distance, len(size))
        pairs += np.bincount(tasks[i], minlength=len(size))
    result = np.empty(len(tasks))
    result[order] = np.where(met > 0, near / np.maximum(met, 1), np.nan)
    return result, apart / np.maximum(pairs, 1), size


def _distances(sheet: Sheet, one: Ints, other: Ints) -> Floats:
    """The label type's distance between values; each different pair is computed once."""
    width = len(sheet.distinct)
    key, index = np.unique(np.minimum(one, other) * width + np.maximum(one, other), return_inverse=True)
    between = sheet.kind.distance
    found = [between(sheet.distinct[k // width], sheet.distinct[k % width]) for k in key.tolist()]
    return np.asarray(np.array(found, np.float64)[index])


def _near_others(sheet: Sheet, near: Floats, learnt: Learnt | None) -> tuple[Skill, ...]:
    """Mean nearness to the other answers, with the interval of a mean; whom nobody met is left out."""
    held = ~np.isnan(near)
    who, what = sheet.annotators[held], near[held]
    labels = np.bincount(who, minlength=1)
    mean = np.bincount(who, what) / np.maximum(labels, 1)
    square = np.bincount(who, what * what) / np.maximum(labels, 1)
    error = Z * np.sqrt(np.maximum(square - mean * mean, 0) / np.maximum(labels - 1, 1))
    error = np.where(labels > 1, error, 1.0)  # one label says nothing of the spread
    return tuple(
        Skill(
            annotator=i,
            value=float(mean[i]),
            low=max(float(mean[i] - error[i]), 0.0),
            high=min(float(mean[i] + error[i]), 1.0),
            labels=int(labels[i]),
            numbers=() if learnt is None else learnt.of(str(i)),
        )
        for i in np.argsort(-labels, kind="stable").tolist()
        if labels[i]
    )
