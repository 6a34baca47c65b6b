"""Integrity of work: what in the answers honest work does not explain, each as a test, none as a verdict.

Every test has a null hypothesis that an honest annotator meets, a p-value, and q, the false discovery rate at
which it would be flagged (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x). A flag is a
reason to look; nothing here pauses or punishes anybody. What an annotator is expected to answer comes from
the others' answers to the same task and from how it answers in general.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import LCSseq

from evenhand.core.inference import Estimate, Votes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]

LEVEL = 0.05  # false discovery rate
FEWEST = 10  # answers, or shared tasks, that a test needs
CHUNK = 4_000_000  # numbers held at once
MOST_PAIRS = 20_000_000  # pairs of votes; of more, whole tasks are drawn
PULL = 2.0  # votes that the model's expectation counts beside the others' answers
DEPENDENT = 0.5  # of the usual dependence on the task: an annotator below it answers blindly
READING = 60.0  # code points a second; 238 words a minute are usual (Brysbaert 2019), this is thrice that
FIXED = 0.3  # seconds that any answer takes
TOLERATED = 0.1  # share of answers that may be too fast
TYPING = 20.0  # code points a second; the fastest typists reach 18
PASTED = 40  # code points that a text needs to be looked at
TINY = 1e-12


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """What one test says of one annotator, or of a pair."""

    kind: str  # "copying", "blind", "fast", "position", "previous"
    annotators: tuple[int, ...]
    seen: float  # what was seen, in the unit of the test
    expected: float  # of an honest annotator, in the same unit
    p: float
    q: float = 1.0  # lowest false discovery rate at which it is flagged
    flagged: bool = False
    votes: int = 0  # that it rests on


def controlled(found: Sequence[Suspicion], level: float = LEVEL) -> tuple[Suspicion, ...]:
    """The same with q and flags, the smallest p first."""
    ranked = sorted(found, key=lambda one: (one.p, one.annotators))
    n, q, lowest = len(ranked), [], 1.0
    for i in range(n, 0, -1):
        lowest = min(lowest, ranked[i - 1].p * n / i)
        q.append(lowest)
    return tuple(
        msgspec.structs.replace(one, q=value, flagged=value <= level)
        for one, value in zip(ranked, reversed(q), strict=True)
    )


# -- copying ------------------------------------------------------------------------------------


def copying(
    votes: Votes, estimate: Estimate, *, level: float = LEVEL, seed: int = 0
) -> tuple[Suspicion, ...]:
    """Pairs of annotators who give the same unexpected answers more often than two honest ones do.

    On each task that both answered: did they give the same answer, and not the one that the rest makes most
    probable? Expected from the others on that task (so that hard tasks, which mislead many, do not count as
    copying) and from each one's own confusion. Counts are compared with a Poisson distribution, whose tail is
    heavier than that of the sum, and whose mean is raised until all pairs together fit. Who copies only right
    answers is not seen, and of those who err seldom little is. O(pairs of votes on tasks) time.

    Args:
        votes, estimate: what `infer` was given, and what it gave.
        level: false discovery rate over all pairs with `FEWEST` tasks in common.
        seed: draws tasks when there are more than `MOST_PAIRS` pairs of votes.
    """
    others, size = _Others.of(votes, estimate), votes.annotators
    keys, parts = [np.zeros(0, np.int64)], [np.zeros((2, 0))]
    for one, other in _pairs(votes, seed):
        a, b = votes.annotator[one].astype(np.int64), votes.annotator[other].astype(np.int64)
        keys.append(np.minimum(a, b) * size + np.maximum(a, b))
        parts.append(_unexpected(others, one, other))
    both, index = np.unique(np.concatenate(keys), return_inverse=True)
    tasks = np.bincount(index, minlength=len(both))
    seen, chance = (np.bincount(index, part, len(both)) for part in np.concatenate(parts, axis=1))
    held = np.flatnonzero(tasks >= FEWEST)
    honest = chance * max(1.0, float(seen[held].sum()) / max(float(chance[held].sum()), TINY))
    return controlled(
        [
            Suspicion(
                kind="copying",
                annotators=(int(both[i]) // size, int(both[i]) % size),
                seen=float(seen[i] / tasks[i]),
                expected=float(honest[i] / tasks[i]),
                p=poisson_tail(int(seen[i]), float(honest[i])),
                votes=int(tasks[i]),
            )
            for i in held
        ],
        level,
    )


def _pairs(votes: Votes, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Indices of all pairs of votes on the same task, in chunks."""
    size = np.diff(votes.first)
    count = size * (size - 1) // 2
    task = votes.task
    order = np.random.default_rng(seed).permutation(len(size))
    kept = np.zeros(len(size), bool)
    kept[order[np.cumsum(count[order]) <= MOST_PAIRS]] = True
    left: Ints = np.flatnonzero(kept[task])
    chunk = max(CHUNK // votes.classes, 1)
    lag = 1
    while len(left := left[left + lag < votes.first[task[left] + 1]]):
        for i in range(0, len(left), chunk):
            yield left[i : i + chunk], left[i : i + chunk] + lag
        lag += 1


@dataclass(frozen=True, eq=False)
class _Others:
    """What a task looks like without some of its votes."""

    votes: Votes
    estimate: Estimate
    score: Floats  # (tasks, classes) log of what all votes say of each class
    counts: Floats  # (tasks, classes)

    @classmethod
    def of(cls, votes: Votes, estimate: Estimate) -> _Others:
        score = np.tile(np.log(estimate.model.prior + TINY), (votes.tasks, 1))
        counts = np.zeros_like(score)
        chunk = max(CHUNK // votes.classes, 1)
        for i in range(0, len(votes), chunk):
            part = np.arange(i, min(i + chunk, len(votes)))
            np.add.at(score, votes.task[part], _says(votes, estimate, part))
            np.add.at(counts, (votes.task[part], votes.label[part]), 1.0)
        return cls(votes, estimate, score, counts)

    def without(self, *left_out: Ints) -> tuple[Floats, Floats]:
        """(n, classes) probability of the truth, and of an answer, from the other votes on the same task.

        Answers of others and the model's expectation are mixed, the latter as `PULL` votes.
        """
        votes, rows = self.votes, np.arange(len(left_out[0]))
        task = votes.task[left_out[0]]
        score, counts = self.score[task], self.counts[task]
        for vote in left_out:
            score = score - _says(votes, self.estimate, vote)
            counts[rows, votes.label[vote]] -= 1
        truth = np.exp(score - score.max(axis=1, keepdims=True))
        truth /= truth.sum(axis=1, keepdims=True)
        usual = truth @ self.estimate.model.newcomer
        return truth, (counts + PULL * usual) / (counts.sum(axis=1, keepdims=True) + PULL)

    def expected(self, vote: Ints, truth: Floats, answers: Floats) -> Floats:
        """(n, classes) what the vote's annotator gives: as others do, tilted by how its confusion differs."""
        model = self.estimate.model
        own = np.einsum("nk,nkl->nl", truth, model.confusion[self.votes.annotator[vote]])
        tilted = answers * (own + TINY) / (truth @ model.newcomer + TINY)
        return np.asarray(tilted / tilted.sum(axis=1, keepdims=True))


def _says(votes: Votes, estimate: Estimate, vote: Ints) -> Floats:
    """(n, classes) log-likelihood of each vote."""
    return np.log(np.maximum(estimate.model.confusion[votes.annotator[vote], :, votes.label[vote]], TINY))


def _unexpected(others: _Others, one: Ints, other: Ints) -> Floats:
    """(2, pairs) 1 where two votes are equal and not what the rest makes most probable; its expectation."""
    votes, rows = others.votes, np.arange(len(one))
    truth, answers = others.without(one, other)
    top = answers.argmax(axis=1)
    joint = others.expected(one, truth, answers) * others.expected(other, truth, answers)
    same = (votes.label[one] == votes.label[other]) & (votes.label[one] != top)
    return np.stack([same * 1.0, joint.sum(axis=1) - joint[rows, top]])


def poisson_tail(count: int, mean: float) -> float:
    """Probability of this count or more where the mean is as given; 1 where the count is at most the mean."""
    if count <= mean:
        return 1.0
    term = math.exp(count * math.log(max(mean, TINY)) - mean - math.lgamma(count + 1))
    total, i = term, count
    while term > total * 1e-12:
        i += 1
        term *= mean / i
        total += term
    return min(total, 1.0)


def normal_tail(z: float) -> float:
    """Probability of a standard normal at or above z."""
    return math.erfc(z / math.sqrt(2)) / 2


# -- answers that do not depend on the task --------------------------------------------------------


def blind(votes: Votes, estimate: Estimate, *, level: float = LEVEL) -> tuple[Suspicion, ...]:
    """Annotators whose answers hardly depend on the task.

    How probable do the others make an annotator's answers, beyond what the same answers in any other order of
    the tasks would have (a linear rank statistic; its mean and variance over all orders are exact: Hoeffding
    1951, doi:10.1214/aoms/1177729545)? Tested is whether that is less than `DEPENDENT` of what the annotator
    would have if it answered as usual; so a weak but honest annotator is not flagged. `seen` is the share of
    the usual dependence, 1 as everybody, 0 none, below 0 against the task.
    """
    others = _Others.of(votes, estimate)
    found = []
    order = np.argsort(votes.annotator, kind="stable")
    for mine in np.split(order, np.cumsum(votes.given)[:-1]):
        if len(mine) >= FEWEST:
            found.append(_dependence(others, mine))
    return controlled([one for one in found if one is not None], level)


def _dependence(others: _Others, mine: Ints) -> Suspicion | None:
    """None where all tasks look the same to the others, so that nothing can depend on them."""
    votes = others.votes
    truth, answers = others.without(mine)
    label, n = votes.label[mine], len(mine)
    usual = truth @ others.estimate.model.newcomer
    centred = answers - answers.mean(axis=0)
    most = float((centred * usual).sum())  # what the usual annotator has beyond its own mixture of answers
    seen = float(centred[np.arange(n), label].sum())
    share = np.bincount(label, minlength=votes.classes) / n
    double = centred - (centred @ share)[:, None]
    variance = float((np.square(double) @ share).sum()) * n / (n - 1)
    if most < TINY or variance < TINY:
        return None
    z = (seen - DEPENDENT * most) / math.sqrt(variance)
    return Suspicion(
        kind="blind",
        annotators=(int(votes.annotator[mine[0]]),),
        seen=seen / most,
        expected=1.0,
        p=normal_tail(-z),
        votes=n,
    )


# -- answers that follow something else ------------------------------------------------------------


def following(
    votes: Votes, estimate: Estimate, kind: str, pointed: Ints, *, level: float = LEVEL
) -> tuple[Suspicion, ...]:
    """Annotators who give the class that something beside the task points to, more often than it explains.

    Each answer either is the class that is pointed to or not; expected is the probability that the annotator
    gives that class, from the others on the task and its own confusion. The differences are a martingale in
    the order of its work, so their sum over the root of the summed variances is nearly normal (Freedman 1975,
    doi:10.1214/aop/1176996452).

    Args:
        kind: "position" when `pointed` is the class that was shown in one place (first, left, preselected),
            "previous" when it is what the annotator had answered just before; see `previous_of`.
        pointed: (votes,) class, -1 where there is none.
    """
    others, held = _Others.of(votes, estimate), np.flatnonzero(pointed >= 0)
    rows = np.arange(len(held))
    truth, answers = others.without(held)
    chance = others.expected(held, truth, answers)[rows, pointed[held]]
    who = votes.annotator[held]
    n = np.bincount(who, minlength=votes.annotators)
    seen = np.bincount(who, votes.label[held] == pointed[held], votes.annotators)
    mean = np.bincount(who, chance, votes.annotators)
    spread = np.sqrt(np.maximum(np.bincount(who, chance * (1 - chance), votes.annotators), TINY))
    return controlled(
        [
            Suspicion(
                kind=kind,
                annotators=(int(a),),
                seen=float(seen[a] / n[a]),
                expected=float(mean[a] / n[a]),
                p=normal_tail(float((seen[a] - mean[a] - 0.5) / spread[a])),
                votes=int(n[a]),
            )
            for a in np.flatnonzero(n >= FEWEST)
        ],
        level,
    )


def previous_of(votes: Votes, at: Ints) -> Ints:
    """(votes,) what each vote's annotator gave just before; -1 for its first. `at`: (votes,) its order."""
    order = np.lexsort((at, votes.annotator))
    before = np.full(len(votes), -1, np.int64)
    same = votes.annotator[order][1:] == votes.annotator[order][:-1]
    before[order[1:][same]] = votes.label[order[:-1][same]]
    return before


# -- time and text ------------------------------------------------------------------------------


def fast(
    annotator: Ints, seconds: Floats, length: Floats, *, reading: float = READING, level: float = LEVEL
) -> tuple[Suspicion, ...]:
    """Annotators who answer sooner than the data can be read, more often than can be overlooked.

    An answer is too fast when it took less than `FIXED` seconds plus length / `reading`. Tested is whether
    the share of those is above `TOLERATED` (exact binomial). Reading speeds: Brysbaert 2019,
    doi:10.1016/j.jml.2019.104047.

    Args:
        annotator: (n,) codes.
        seconds: (n,) active time of each answer; NaN where it is not known.
        length: (n,) code points of the text shown; 0 for what is not read.
    """
    known = ~np.isnan(seconds)
    annotator, seconds, length = annotator[known], seconds[known], length[known]
    soon = seconds < FIXED + length / reading
    n = np.bincount(annotator)
    count = np.bincount(annotator, soon)
    return controlled(
        [
            Suspicion(
                kind="fast",
                annotators=(int(a),),
                seen=float(count[a] / n[a]),
                expected=TOLERATED,
                p=binomial_tail(int(count[a]), int(n[a]), TOLERATED),
                votes=int(n[a]),
            )
            for a in np.flatnonzero(n >= FEWEST)
        ],
        level,
    )


def binomial_tail(count: int, n: int, share: float) -> float:
    """Probability of this count or more out of n."""
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(i + 1)
        - math.lgamma(n - i + 1)
        + i * math.log(share)
        + (n - i) * math.log1p(-share)
        for i in range(count, n + 1)
    ]
    return min(1.0, math.fsum(map(math.exp, logs)))


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """A text that looks pasted. To be looked at, not judged: a dictated text looks so too."""

    answer: int  # index
    because: str  # "typed too fast", "same text on another task"
    of: int = -1  # index of the earlier answer with the same text


def pasted(
    tasks: Ints, texts: Sequence[str], seconds: Floats, given: Sequence[str] | None = None
) -> tuple[Pasted, ...]:
    """Texts of `PASTED` code points or more that cannot have been typed in the time, or were there before.

    Args:
        tasks: (n,) codes; answers in the order in which they came.
        texts: n answers.
        seconds: (n,) active time of each; NaN where it is not known.
        given: n texts that were in the field at first; what is left of them was not typed.
    """
    first: dict[str, int] = {}
    found = []
    for i, text in enumerate(texts):
        plain = " ".join(text.split()).casefold()
        if len(plain) < PASTED:
            continue
        earlier = first.setdefault(plain, i)
        typed = len(text) - (_kept(given[i], text) if given else 0)
        if tasks[earlier] != tasks[i]:
            found.append(Pasted(answer=i, because="same text on another task", of=earlier))
        elif typed >= PASTED and seconds[i] < typed / TYPING:
            found.append(Pasted(answer=i, because="typed too fast"))
    return tuple(found)


def _kept(given: str, text: str) -> int:
    """Code points of a text that stood there before, in the same order."""
    return int(LCSseq.similarity(given, text))
