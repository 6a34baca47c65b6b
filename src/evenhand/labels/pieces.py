"""Answers that are lists of pieces, weighed by how each annotator finds them: the method `pieces`.

Pieces of several answers that may mean the same are gathered (`labels.matching`). Whether there is
something, and what, is truth inference over what annotators saw there (`core.presence`); where exactly it
lies is told by the pieces gathered, those of exact annotators counting more. docs/inference.md has what this
gains, docs/spec/weighing.md the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from evenhand.core import distances
from evenhand.core.label import MOST_ANSWERS, Combined, Learnt
from evenhand.core.presence import LIGHTEST, TIE, Floats, Sightings, Usual, weigh
from evenhand.labels.matching import Closeness, gathered

T = TypeVar("T", bound=Any)

METHOD = "pieces"
MEASURES = ("missed", "invented", "mislabelled", "off")
"""Of an annotator: the share of pieces that they miss; of places where nothing is, though somebody found
something, the share at which they did; of pieces that they find, the share that they name wrongly; and how
far theirs lie from what is right, 0 to 1."""

MOST_LABELS = 30
"""That are told apart in what is learnt; those beyond in the order of their ids are learnt as one."""

MOST_PLACED = 20_000
"""Pieces by which it is learnt how exactly annotators draw; of more, those of every n-th spot."""

Cluster = dict[int, Any]
"""Pieces that mean the same: position of the answer -> its piece."""


@dataclass(frozen=True)
class Pieces(Generic[T]):
    """What is special about the pieces of one question. They have a `label` each, and sort."""

    labels: Iterable[str]  # ids
    near: Closeness[T]  # pieces that may mean the same, whatever their labels: 1 in the same place, 0 too far
    middle: Callable[[Sequence[T], Sequence[float]], T]  # where pieces of these weights lie (at least one)
    fits: Callable[[Sequence[T], T], bool]  # whether an answer may hold these, which it may, and that one

    def learn(self, answers: Sequence[tuple[int, str, Sequence[T]]]) -> Learnt:
        """What weighing all answers has learnt; as `LabelType.learn`."""
        names = sorted({annotator for _, annotator, _ in answers})
        code = {name: i for i, name in enumerate(names)}
        found: list[tuple[Cluster, list[int]]] = []
        for task in _tasks(answers):
            who = [code[annotator] for annotator, _ in task]
            found += [(cluster, who) for cluster in gathered([pieces for _, pieces in task], self.near)]
        usual, rates, posterior = weigh(self._sightings(found, len(names)))
        off, typical = self._off(found, posterior, len(names))
        told = np.column_stack([rates, off]).tolist()
        return Learnt(
            annotators={name: tuple(one) for name, one in zip(names, told, strict=True)},
            newcomer=(*usual.rates.tolist(), typical),
            common=(*usual.prior.tolist(), *usual.table.ravel().tolist(), usual.dependence),
        )

    def weighed(
        self, answers: Sequence[tuple[str, Sequence[T]]], learnt: Learnt
    ) -> Combined[tuple[T, ...]] | None:
        """What these answers come to, as `concluded` says."""
        found = self.concluded(answers, learnt)
        return found and found[0]

    def concluded(
        self, answers: Sequence[tuple[str, Sequence[T]]], learnt: Learnt
    ) -> tuple[Combined[tuple[T, ...]], tuple[Cluster, ...]] | None:
        """What these answers come to, and the pieces that each of its pieces was made of, by the position of
        the answer in the order of annotators; None where what was learnt is of other labels.

        Of a single answer it is that answer. Confidence is the expected agreement (F1) of the outcome's
        labels with what is there, which all may have missed; of an outcome without pieces, the probability
        that nothing is.
        """
        usual = self._usual(learnt)
        if usual is None:
            return None
        answers = sorted(answers, key=lambda one: one[0])  # nothing depends on who came first
        known = np.array([learnt.of(annotator) for annotator, _ in answers])
        clusters = gathered([pieces for _, pieces in answers], self.near)
        seen = self._sightings([(cluster, range(len(answers))) for cluster in clusters], len(answers))
        posterior = usual.posterior(seen, known[:, :3])
        believed, there = usual.believed(seen, known[:, :3], posterior)
        weights = 1 / known[:, 3] ** 2
        some = [
            (*self._piece(one, chance, weights), chance, sure, one)
            for one, chance, sure in zip(clusters, posterior, believed, strict=True)
        ]
        kept: dict[T, float] = {}
        made: dict[T, Cluster] = {}
        for best, piece, chance, sure, cluster in sorted(some, key=_likelier):
            if len(answers) == 1 or (chance[0] < 0.5 - TIE and self.fits(list(kept), piece)):
                kept[piece] = float(sure[best])
                made[piece] = cluster
        value = tuple(sorted(kept))
        outcome = Combined(
            value=value,
            confidence=_expected(list(kept.values()), believed[:, 0], there),
            method=METHOD,
            pieces=tuple(kept[piece] for piece in value),
        )
        return outcome, tuple(made[piece] for piece in value)

    @cached_property
    def _classes(self) -> Mapping[str, int]:
        """Label -> its class; labels that are not there any more have the last one."""
        return {label: min(i, MOST_LABELS) + 1 for i, label in enumerate(sorted(self.labels))}

    @property
    def _count(self) -> int:
        return min(len(self._classes), MOST_LABELS) + 1

    def _class(self, piece: T) -> int:
        return self._classes.get(piece.label, self._count)

    def _usual(self, learnt: Learnt) -> Usual | None:
        classes = self._count + 1
        if len(learnt.common) != classes * (classes + 1) + 1:
            return None
        numbers = np.array(learnt.common[:-1])
        table, rates = numbers[classes:].reshape(classes, classes), np.array(learnt.newcomer[:3])
        return Usual(numbers[:classes], table, rates, learnt.common[-1])

    def _sightings(self, found: Sequence[tuple[Cluster, Sequence[int]]], annotators: int) -> Sightings:
        """What was seen at each spot by all who answered its task."""
        rows = [
            (i, one, self._class(cluster[place]) if place in cluster else 0)
            for i, (cluster, who) in enumerate(found)
            for place, one in enumerate(who)
        ]
        spot, annotator, label = np.array(rows, np.int64).reshape(-1, 3).T
        return Sightings(spot, annotator, label, len(found), annotators, self._count)

    def _off(
        self, found: Sequence[tuple[Cluster, Sequence[int]]], posterior: Floats, annotators: int
    ) -> tuple[Floats, float]:
        """How far the pieces of each annotator lie from what is right, where something is."""
        there = [one for one, chance in zip(found, posterior, strict=True) if chance[0] < 0.5 - TIE]
        every = max(-(-sum(len(cluster) for cluster, _ in there) // MOST_PLACED), 1)
        rows = [
            (i, who[place], cluster[place])
            for i, (cluster, who) in enumerate(there)
            if i % every == 0
            for place in cluster
        ]
        return distances.errors(
            np.array([i for i, _, _ in rows], np.int64),
            np.array([annotator for _, annotator, _ in rows], np.int64),
            [piece for _, _, piece in rows],
            self._apart,
            annotators,
        )

    def _apart(self, a: T, b: T) -> float:
        return 1.0 - self.near([a], [b])[0].get(0, 0.0)

    def _piece(self, cluster: Cluster, chance: Floats, weights: Floats) -> tuple[int, T]:
        """The class, of those that somebody gave, and the piece that a spot comes to."""
        held = [float(weights[place]) for place in cluster]
        given = [self._class(piece) for piece in cluster.values()]
        best = min(set(given), key=lambda one: (-round(float(chance[one]), 9), one))
        names: dict[str, float] = {}
        for piece, weight, one in zip(cluster.values(), held, given, strict=True):
            if one == best:
                names[piece.label] = names.get(piece.label, 0.0) + weight
        label = min(names, key=lambda name: (-round(names[name] / sum(held), 9), name))
        pieces = list(cluster.values())
        piece = pieces[0] if len(pieces) == 1 else self.middle(pieces, held)
        piece = msgspec.structs.replace(piece, label=label)
        return best, piece


def weight_of(measures: Sequence[float]) -> float:
    """What somebody counts of whom these `MEASURES` were learnt, where a share of the weight decides."""
    missed, invented, mislabelled, _ = measures
    return (1 - missed) * (1 - invented) * (1 - mislabelled) + LIGHTEST


def _likelier(one: tuple[int, T, Floats, Floats, Cluster]) -> tuple[float, T]:
    """Pieces with a class and its spot's posterior, the most probable first."""
    best, piece, chance, *_ = one
    return -round(float(chance[best]), 9), piece


def _tasks(answers: Sequence[tuple[int, str, Any]]) -> list[list[tuple[str, Any]]]:
    """The answers of each task, in the order of the annotators' names."""
    every = -(-len(answers) // MOST_ANSWERS)
    tasks: dict[int, list[tuple[str, Any]]] = {}
    for task, annotator, pieces in sorted(
        (one for one in answers if one[0] % every == 0), key=lambda one: one[:2]
    ):
        tasks.setdefault(task, []).append((annotator, pieces))
    return list(tasks.values())


def _expected(kept: Sequence[float], nothing: Floats, there: Floats) -> float:
    """The expected F1 of pieces that are right with these probabilities, among spots that each stand for so
    many things."""
    if not kept:
        return float(prod(nothing.tolist()))
    return 2 * sum(kept) / (len(kept) + float(((1 - nothing) * there).sum()))
