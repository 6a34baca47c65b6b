"""Integrity of work: what in the answers honest work does not explain, each as a test, none as a verdict.

Every test has a null hypothesis that an honest annotator meets, a p-value, and q, the false discovery rate at
which it would be flagged (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x). A flag is a
reason to look; nothing here pauses or punishes anybody. What an annotator is expected to answer comes from
the others' answers to the same task and from how it answers in general.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

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
MISLED = 4.0  # votes that the confusion counts beside the others' answers: how far a task may mislead
COPIED = np.array([0.1, 0.2, 0.3, 0.5, 0.7, 0.9])  # shares of its answers that somebody copies; the first
# is overlooked: no model is so right that a thousand tasks in common may not say so much
MOST_RATIO = 1000.0  # a single task weighs at most this
DEPENDENT = 0.5  # of the usual dependence on the task: an annotator below it answers blindly
READING = 60.0  # code points a second; 238 words a minute are usual (Brysbaert 2019), this is thrice that
FIXED = 0.3  # seconds that any answer takes
TOLERATED = 0.1  # share of answers that may be too fast
TYPING = 20.0  # code points a second; the fastest typists reach 18
TOLERATED_TEXTS = 0.05  # share of texts that may look pasted
PASTED = 40  # code points that a text needs to be looked at
MOST_CLASSES = 50  # different answers to a question that is tested
MOST_SHOWN = 20  # tasks named with a suspicion
TINY = 1e-12


Kind = Literal["copying", "blind", "suggested", "previous", "fast", "typed", "repeated"]


FALSE_ALARMS: dict[Kind, float | None] = {
    "copying": 0.00005,
    "blind": 0.001,
    "suggested": 0.004,
    "previous": 0.006,
    "fast": None,
    "typed": None,
    "repeated": 0.0,
}
"""Share of honest annotators, of pairs for copying, that a test flags: the worst over real crowds whose
answers were drawn anew from what each annotator is like (`python -m bench integrity`, docs/integrity.md)."""


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """What one test says of one annotator, or of a pair."""

    kind: Kind
    annotators: tuple[int, ...]
    seen: float  # what was seen, in the unit of the test
    expected: float  # of an honest annotator, in the same unit
    p: float
    q: float = 1.0  # lowest false discovery rate at which it is flagged
    flagged: bool = False
    votes: int = 0  # that it rests on
    tasks: tuple[int, ...] = ()  # where it shows, at most `MOST_SHOWN`


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
    votes: Votes,
    estimate: Estimate,
    *,
    suggested: Ints | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[Suspicion, ...]:
    """Pairs of annotators who agree more than two honest ones of their skill do, above all in what is wrong.

    For each task that both answered, the other votes say how probable each class is to be true. Given the
    truth, honest annotators answer on their own, by their confusion, drawn towards the answers of the others
    on the task, so that a task which misleads many is no copying. Somebody who copies a share s gives the
    other's answer with probability s, and else answers on their own. The likelihood ratio of the two, in the
    mean over `COPIED`, is an e-value E: its expectation for honest pairs is at most 1, whatever the number of
    tasks and however the pairs depend on each other, so 1 / E is a p-value, and the false discovery rate is
    controlled (Vovk and Wang 2021, doi:10.1214/20-AOS2020; Wang and Ramdas 2022, doi:10.1111/rssb.12489).
    E is divided by the ratio for the least share where that is above 1, so that only more than that counts.
    Same right answers of two good annotators weigh next to nothing, same errors much, different answers
    against it. Who copies few tasks is not seen. `seen` and `expected` are shares of the tasks in common
    where both gave the same answer, and not the one that the others make most probable.
    O(pairs of votes on tasks, times classes squared) time.

    Args:
        votes, estimate: what `infer` was given, and what it gave.
        suggested: (tasks,) class that annotators were shown beforehand, -1 where none was: to agree with it
            says nothing.
        level: false discovery rate over all pairs with `FEWEST` tasks in common.
        seed: draws tasks when there are more than `MOST_PAIRS` pairs of votes.
    """
    others, size = _Others.of(votes, estimate), votes.annotators
    shown = np.full(votes.tasks, -1) if suggested is None else suggested
    keys, parts = [np.zeros(0, np.int64)], [np.zeros((len(COPIED) + 2, 0))]
    for one, other in _pairs(votes, seed):
        a, b = votes.annotator[one].astype(np.int64), votes.annotator[other].astype(np.int64)
        keys.append(np.minimum(a, b) * size + np.maximum(a, b))
        parts.append(_together(others, one, other, shown))
    both, index = np.unique(np.concatenate(keys), return_inverse=True)
    tasks = np.bincount(index, minlength=len(both))
    sums = np.stack([np.bincount(index, part, len(both)) for part in np.concatenate(parts, axis=1)])
    held = np.flatnonzero(tasks >= FEWEST)
    evidence = np.logaddexp.reduce(sums[1 : len(COPIED)], axis=0) - math.log(len(COPIED) - 1)
    evidence -= np.maximum(sums[0], 0.0)
    seen, expected = sums[-2:] / np.maximum(tasks, 1)
    return controlled(
        [
            Suspicion(
                kind="copying",
                annotators=(int(both[i]) // size, int(both[i]) % size),
                seen=float(seen[i]),
                expected=float(expected[i]),
                p=math.exp(-max(float(evidence[i]), 0.0)),
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
    chunk = max(CHUNK // (4 * votes.classes**2), 1)
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

    def left(self, *left_out: Ints) -> tuple[Floats, Floats]:
        """(n, classes) probability of the truth by the other votes on the same task, and their counts."""
        votes, rows = self.votes, np.arange(len(left_out[0]))
        task = votes.task[left_out[0]]
        score, counts = self.score[task], self.counts[task]
        for vote in left_out:
            score = score - _says(votes, self.estimate, vote)
            counts[rows, votes.label[vote]] -= 1
        truth = np.exp(score - score.max(axis=1, keepdims=True))
        return truth / truth.sum(axis=1, keepdims=True), counts

    def without(self, *left_out: Ints) -> tuple[Floats, Floats]:
        """(n, classes) probability of the truth, and of an answer, from the other votes on the same task.

        Answers of others and the model's expectation are mixed, the latter as `PULL` votes.
        """
        truth, counts = self.left(*left_out)
        usual = truth @ self.estimate.model.newcomer
        return truth, (counts + PULL * usual) / (counts.sum(axis=1, keepdims=True) + PULL)

    def expected(self, vote: Ints, truth: Floats, answers: Floats) -> Floats:
        """(n, classes) what the vote's annotator gives: as others do, tilted by how its confusion differs."""
        model = self.estimate.model
        own = np.einsum("nk,nkl->nl", truth, model.confusion[self.votes.annotator[vote]])
        tilted = answers * (own + TINY) / (truth @ model.newcomer + TINY)
        return np.asarray(tilted / tilted.sum(axis=1, keepdims=True))

    def given_truth(self, vote: Ints, counts: Floats) -> Floats:
        """(n, true, given) what the vote's annotator gives where a class is true: by its confusion, drawn
        towards the other answers on the task as far as they are more than the usual ones."""
        model = self.estimate.model
        usual = model.newcomer + TINY
        drawn = (counts[:, None, :] / usual + MISLED) / (counts.sum(axis=1)[:, None, None] + MISLED)
        tilted = (model.confusion[self.votes.annotator[vote]] + TINY) * drawn
        return np.asarray(tilted / tilted.sum(axis=2, keepdims=True))


def _says(votes: Votes, estimate: Estimate, vote: Ints) -> Floats:
    """(n, classes) log-likelihood of each vote."""
    return np.log(np.maximum(estimate.model.confusion[votes.annotator[vote], :, votes.label[vote]], TINY))


def _together(others: _Others, one: Ints, other: Ints, shown: Ints) -> Floats:
    """(len(COPIED) + 2, pairs) log-likelihood ratios; 1 where both err alike; the expectation of that."""
    votes, rows = others.votes, np.arange(len(one))
    label = votes.label[one]
    truth, counts = others.left(one, other)
    first, second = others.given_truth(one, counts), others.given_truth(other, counts)
    alike = (truth[:, :, None] * first * second).sum(axis=1)
    alone = np.minimum(*((truth[:, :, None] * own).sum(axis=1) for own in (first, second)))
    same, top, told = label == votes.label[other], truth.argmax(axis=1), shown[votes.task[one]]
    more = np.minimum(alone[rows, label] / np.maximum(alike[rows, label], TINY), MOST_RATIO)
    ratio = np.where(label == told, 1.0, more) * same
    errors = np.where((told >= 0) & (told != top), alike[rows, told], 0.0)
    return np.concatenate(
        [
            np.log1p(COPIED[:, None] * (ratio - 1)),
            [same & (label != top) & (label != told), alike.sum(axis=1) - alike[rows, top] - errors],
        ]
    )


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
    votes: Votes, estimate: Estimate, kind: Kind, pointed: Ints, *, level: float = LEVEL
) -> tuple[Suspicion, ...]:
    """Annotators who give the class that something beside the task points to, more often than it explains.

    Each answer either is the class that is pointed to or not; expected is the probability that the annotator
    gives that class, from the others on the task and its own confusion. The differences are a martingale in
    the order of its work, so their sum over the root of the summed variances is nearly normal (Freedman 1975,
    doi:10.1214/aop/1176996452). What the median annotator has more than expected is expected of everybody:
    neighbouring tasks are often alike, and what is preselected is often right.

    Args:
        kind: "suggested" when `pointed` is the class that was preselected, "previous" when it is what the
            annotator had answered just before; see `previous_of`.
        pointed: (votes,) class, -1 where there is none.
    """
    others, held = _Others.of(votes, estimate), np.flatnonzero(pointed >= 0)
    chunk = max(CHUNK // votes.classes**2, 1)
    parts = [held[i : i + chunk] for i in range(0, len(held), chunk)]
    chance = np.concatenate([np.zeros(0), *(_chance(others, part, pointed[part]) for part in parts)])
    who = votes.annotator[held]
    n = np.bincount(who, minlength=votes.annotators)
    seen = np.bincount(who, votes.label[held] == pointed[held], votes.annotators)
    mean = np.bincount(who, chance, votes.annotators)
    spread = np.sqrt(np.maximum(np.bincount(who, chance * (1 - chance), votes.annotators), TINY))
    tested = np.flatnonzero(n >= FEWEST)
    ratios = seen[tested] / np.maximum(mean[tested], TINY)
    mean = np.minimum(mean * max(1.0, float(np.median(ratios))) if len(tested) else mean, n)
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
            for a in tested
        ],
        level,
    )


def _chance(others: _Others, vote: Ints, pointed: Ints) -> Floats:
    """(n,) probability that each vote's annotator gives the class that is pointed to."""
    truth, answers = others.without(vote)
    return np.asarray(others.expected(vote, truth, answers)[np.arange(len(vote)), pointed])


def previous_of(votes: Votes, at: Ints) -> Ints:
    """(votes,) what each vote's annotator gave just before; -1 for its first.

    `at`: (votes,) its order, -1 where that is not known: such a vote neither has nor is one before. Of two at
    the same place neither is before the other.
    """
    known = np.flatnonzero(at >= 0)
    order = known[np.lexsort((at[known], votes.annotator[known]))]
    before = np.full(len(votes), -1, np.int64)
    same = votes.annotator[order][1:] == votes.annotator[order][:-1]
    same &= at[order][1:] > at[order][:-1]
    before[order[1:][same]] = votes.label[order[:-1][same]]
    return before


# -- time and text ------------------------------------------------------------------------------


def fast(
    tasks: Ints,
    annotator: Ints,
    seconds: Floats,
    length: Floats,
    *,
    reading: float = READING,
    level: float = LEVEL,
) -> tuple[Suspicion, ...]:
    """Annotators who answer sooner than the data can be read, more often than can be overlooked.

    An answer is too fast when it took less than `FIXED` seconds plus length / `reading`. Tested is whether
    the share of those is above `TOLERATED` (exact binomial). Reading speeds: Brysbaert 2019,
    doi:10.1016/j.jml.2019.104047.

    Args:
        tasks, annotator: (n,) codes.
        seconds: (n,) active time of each answer; NaN where it is not known.
        length: (n,) code points of the text shown; 0 for what is not read.
    """
    known = ~np.isnan(seconds)
    tasks, annotator, seconds, length = tasks[known], annotator[known], seconds[known], length[known]
    return _oftener("fast", tasks, annotator, seconds < FIXED + length / reading, TOLERATED, level)


def _oftener(
    kind: Kind, tasks: Ints, annotator: Ints, odd: npt.NDArray[np.bool_], share: float, level: float
) -> tuple[Suspicion, ...]:
    """Annotators of whom more than a share of the answers are odd: exact binomial test."""
    n, count = np.bincount(annotator), np.bincount(annotator, odd)
    found = controlled(
        [
            Suspicion(
                kind=kind,
                annotators=(int(a),),
                seen=float(count[a] / n[a]),
                expected=share,
                p=binomial_tail(int(count[a]), int(n[a]), share),
                votes=int(n[a]),
            )
            for a in np.flatnonzero(n >= FEWEST)
        ],
        level,
    )

    def shown(one: Suspicion) -> tuple[int, ...]:
        return tuple(tasks[odd & (annotator == one.annotators[0])][:MOST_SHOWN].tolist())

    return tuple(msgspec.structs.replace(one, tasks=shown(one)) if one.flagged else one for one in found)


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


def pasted(
    tasks: Ints,
    annotator: Ints,
    texts: Sequence[str],
    seconds: Floats,
    given: Callable[[int], str] = lambda i: "",
    level: float = LEVEL,
) -> tuple[Suspicion, ...]:
    """Annotators of whom many texts cannot have been typed in the time ("typed"), or were there before,
    on another task ("repeated"). To be looked at, not judged: a dictated text looks so too.

    Only texts of `PASTED` code points or more are looked at. Tested is whether more than the share
    `TOLERATED_TEXTS` of an annotator's is so.

    Args:
        tasks, annotator: (n,) codes; answers in the order in which they came.
        texts: n answers.
        seconds: (n,) active time of each; NaN where it is not known.
        given: what an annotator of the i-th answer had before the eyes; what is left of it was not typed.
    """
    long = np.array([i for i, text in enumerate(texts) if len(text) >= PASTED], np.int64)
    soon = np.array([_too_soon(texts[i], seconds[i], given, i) for i in long], bool)
    known = ~np.isnan(seconds[long])
    typed = long[known]
    return (
        *_oftener("typed", tasks[typed], annotator[typed], soon[known], TOLERATED_TEXTS, level),
        *_oftener(
            "repeated", tasks[long], annotator[long], _repeats(tasks, texts, long), TOLERATED_TEXTS, level
        ),
    )


def _too_soon(text: str, seconds: float, given: Callable[[int], str], i: int) -> bool:
    """What was given is looked at last: to find what is left of it takes longest."""
    if not seconds < len(text) / TYPING:
        return False
    typed = len(text) - int(LCSseq.similarity(given(i), text))
    return typed >= PASTED and bool(seconds < typed / TYPING)


def _repeats(tasks: Ints, texts: Sequence[str], long: Ints) -> npt.NDArray[np.bool_]:
    """(n,) whether the same text, but for case and blanks, came earlier on another task."""
    first: dict[str, int] = {}
    return np.array(
        [first.setdefault(" ".join(texts[i].split()).casefold(), int(tasks[i])) != tasks[i] for i in long],
        bool,
    )


# -- all of it ----------------------------------------------------------------------------------


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What one test found."""

    kind: Kind
    tested: int  # annotators, or pairs of them, that had enough to test
    found: tuple[Suspicion, ...]  # the flagged ones
    undefined: str = ""  # why nothing was tested, as the end of "undefined because ..."


def of_votes(votes: Votes, estimate: Estimate, at: Ints, suggested: Ints) -> tuple[Tested, ...]:
    """The tests of answers out of a list of classes, with the tasks where they show.

    Args:
        at: (votes,) order in which they were given, -1 where that is not known.
        suggested: (tasks,) class that was preselected, -1 where none was.
    """
    kinds: tuple[Kind, ...] = ("copying", "blind", "previous", "suggested")
    if votes.classes > MOST_CLASSES:
        why = f"there are more than {MOST_CLASSES} different answers"
        return tuple(Tested(kind=kind, tested=0, found=(), undefined=why) for kind in kinds)
    before, told = previous_of(votes, at), suggested[votes.task]
    return (
        told_of("copying", copying(votes, estimate, suggested=suggested), _Shown(votes, estimate, told)),
        told_of("blind", blind(votes, estimate)),
        told_of("previous", following(votes, estimate, "previous", before), _Shown(votes, estimate, before)),
        told_of("suggested", following(votes, estimate, "suggested", told), _Shown(votes, estimate, told)),
    )


@dataclass(frozen=True, eq=False)
class _Shown:
    """Tasks on which a suspicion shows."""

    votes: Votes
    estimate: Estimate
    pointed: Ints  # (votes,) class that something points to

    def __call__(self, one: Suspicion) -> tuple[int, ...]:
        votes = self.votes
        mine = np.flatnonzero(votes.annotator == one.annotators[0])
        if len(one.annotators) == 1:
            return tuple(votes.task[mine[votes.label[mine] == self.pointed[mine]]][:MOST_SHOWN].tolist())
        other = np.flatnonzero(votes.annotator == one.annotators[1])
        _, a, b = np.intersect1d(votes.task[mine], votes.task[other], return_indices=True)
        first, second = mine[a], other[b]
        same = votes.label[first] == votes.label[second]
        odd = votes.label[first] != self.estimate.label[votes.task[first]]
        return tuple(votes.task[first[same & odd]][:MOST_SHOWN].tolist())


def told_of(
    kind: Kind, found: Sequence[Suspicion], shown: Callable[[Suspicion], tuple[int, ...]] | None = None
) -> Tested:
    """The flagged ones of one kind, with the tasks where they show."""
    flagged = [one for one in found if one.flagged]
    if shown is not None:
        flagged = [msgspec.structs.replace(one, tasks=shown(one)) for one in flagged]
    return Tested(
        kind=kind,
        tested=len(found),
        found=tuple(flagged),
        undefined="" if found else f"nobody has {FEWEST} answers to test",
    )
