"""What is there, out of what several annotators found: truth inference for answers that are lists of pieces.

A *spot* is where at least one annotator found a piece; each who answered its task has a vote
on it: the label that they gave it, or nothing. The model is Dawid and Skene's (doi:10.2307/2346806) with
one table of votes for everybody and three numbers for each annotator, by how many times as often as usual
they miss what is there, find what is not, and name it wrongly. A table of their own for each annotator
needs more pieces than most have found (Nguyen and others 2017, doi:10.18653/v1/P17-1028, weigh annotators
of spans in such a table); usual rates by label are what indirect standardization of rates divides by.

Where nobody found anything is no spot, so how often something is there is meant among spots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 10  # of expectation maximization
OWN = 2.0  # slips as usual that are added to an annotator's own, of each kind
COIN = 10.0  # votes for each truth that one coin adds to the table
RIGHT = 0.8  # of whose votes are right
EDGE = 0.01  # no rate is nearer to 0 or to 1
HEDGE = 25.0  # votes that shares of votes stand for, times dependence, in how sure something is
LIGHTEST = 0.01  # that is added to the weight of every vote
DOUBT = 0.5  # votes spread evenly over the classes that are added to shares of votes
PAIRS = 400.0  # variance of pairs of votes that having no dependence weighs as much as
MOST_HIDDEN = 0.9  # probability that all who answered miss something
FLOOR = 0.01  # share of every posterior that is spread evenly over the classes
TINY = 1e-12
TIE = 1e-9  # probabilities so near to each other are equal: else the order of additions would decide


@dataclass(frozen=True, eq=False)
class Sightings:
    """Votes on spots, in any order."""

    spot: Ints  # [votes] from 0, each with at least one vote
    annotator: Ints  # [votes] from 0
    label: Ints  # [votes] 0: nothing; else 1 to labels
    spots: int
    annotators: int
    labels: int


@dataclass(frozen=True, eq=False)
class Usual:
    """What holds for everybody, and how spots are weighed by it."""

    prior: Floats  # [labels + 1] how common each is among spots; 0 is nothing
    table: Floats  # [true, voted] probability of each vote, labels + 1 of each; rows sum to 1
    rates: Floats  # [3] how often it is that something is missed, invented, mislabelled
    dependence: float = 0.0  # of two votes on a spot where something is, beyond what it is

    def tables(self, rates: Floats) -> Floats:
        """[annotators, true, voted] the tables of annotators with these rates [annotators, 3]."""
        more = rates / self.rates
        missed = np.clip(more[:, 0, None] * self.table[1:, 0], EDGE, 1 - EDGE)
        invented = np.clip(more[:, 1] * (1 - self.table[0, 0]), EDGE, 1 - EDGE)
        labels = len(self.prior) - 1
        wrong = np.clip(more[:, 2, None] * _misnamed(self.table), EDGE, 1 - EDGE) * (labels > 1)
        others = self.table[1:, 1:] * (1 - np.eye(labels)) + TINY * (1 - np.eye(labels))
        others /= np.maximum(others.sum(axis=1, keepdims=True), TINY)
        named = wrong[:, :, None] * others + (1 - wrong)[:, :, None] * np.eye(labels)
        found = np.empty((len(rates), labels + 1, labels + 1))
        found[:, 0, 0] = 1 - invented
        found[:, 0, 1:] = invented[:, None] * self.table[0, 1:] / self.table[0, 1:].sum()
        found[:, 1:, 0] = missed
        found[:, 1:, 1:] = (1 - missed)[:, :, None] * named
        return found

    def posterior(self, seen: Sightings, rates: Floats) -> Floats:
        """[spots, labels + 1] probability of each label; of nothing in column 0.

        Args:
            rates: [annotators, 3] of those who saw.
        """
        said = np.log(self.tables(rates)).transpose(0, 2, 1)[seen.annotator, seen.label]
        score = np.tile(np.log(self.prior), (seen.spots, 1))
        np.add.at(score, seen.spot, said)
        chance = np.exp(score - score.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        return np.asarray((1 - FLOOR) * chance + FLOOR / len(self.prior))

    def believed(self, seen: Sightings, rates: Floats, posterior: Floats) -> tuple[Floats, Floats]:
        """How sure what `posterior` says is, as votes may go together.

        n votes that depend on each other by d are worth n / (1 + (n - 1) d); the posterior counts as so
        many votes, and the shares of votes as `HEDGE` d (as in `core.inference.robust`), each by how likely
        it is that its annotator slips in no way.

        Returns:
            [spots, labels + 1] probabilities; and [spots] how many things are expected where one is found,
            those that all who answered missed included (Horvitz and Thompson 1952, doi:10.2307/2280784).
        """
        weight = ((1 - rates).prod(axis=1) + LIGHTEST)[seen.annotator]
        votes = np.zeros(posterior.shape)
        np.add.at(votes, (seen.spot, seen.label), weight)
        total = votes.sum(axis=1, keepdims=True)
        count = np.bincount(seen.spot, minlength=seen.spots)[:, None]
        worth = count / (1 + (count - 1) * self.dependence)
        own = worth / (worth + HEDGE * self.dependence)
        shares = (worth * votes / total + DOUBT / len(self.prior)) / (worth + DOUBT)
        missed = rates[seen.annotator, 0]
        alone = np.exp(np.bincount(seen.spot, np.log(missed), seen.spots))
        together = np.bincount(seen.spot, missed * weight, seen.spots) / total[:, 0]
        hidden = np.minimum(own[:, 0] * alone + (1 - own[:, 0]) * together, MOST_HIDDEN)
        return np.asarray(own * posterior + (1 - own) * shares), 1 / (1 - hidden)


def _misnamed(table: Floats) -> Floats:
    """[labels] how often a piece of each label that is found is named wrongly."""
    return np.asarray(1 - np.diag(table)[1:] / (1 - table[1:, 0]))


def weigh(seen: Sightings) -> tuple[Usual, Floats, Floats]:
    """What is true of each spot, and how often each annotator slips.

    Expectation maximization from the shares of votes, for exactly `ROUNDS`.

    Returns:
        What is usual; the rates of annotators [annotators, 3]: the share of pieces that they miss, of
        spots that are nothing on which they see something, and of pieces that they find but name
        wrongly; and the posterior [spots, labels + 1], nothing in column 0.
    """
    posterior = np.zeros((seen.spots, seen.labels + 1))
    np.add.at(posterior, (seen.spot, seen.label), 1.0)
    posterior /= posterior.sum(axis=1, keepdims=True)
    usual, rates = _learn(seen, posterior)
    for _ in range(ROUNDS):
        posterior = usual.posterior(seen, rates)
        usual, rates = _learn(seen, posterior)
    return replace(usual, dependence=_dependence(seen, usual, rates, posterior)), rates, posterior


def _dependence(seen: Sightings, usual: Usual, rates: Floats, posterior: Floats) -> float:
    """Correlation of whether two votes on a spot are right, beyond what is there.

    Over pairs of votes, and over what may be there by its probability: in the mean it is 0 where votes are
    independent. That nothing is there does not count: one vote excludes another, as somebody saw something.
    """
    tables = usual.tables(rates)
    covariance, variance = 0.0, PAIRS
    for label in range(1, seen.labels + 1):
        chance = tables[seen.annotator, label, label]
        deviation = np.sqrt(chance * (1 - chance))
        covariance += float(posterior[:, label] @ _of_pairs(seen, (seen.label == label) - chance))
        variance += float(posterior[:, label] @ _of_pairs(seen, deviation))
    return max(covariance / variance, 0.0)


def _of_pairs(seen: Sightings, values: Floats) -> Floats:
    """[spots] summed products of the values of two votes."""
    one, two = (np.bincount(seen.spot, some, seen.spots) for some in (values, values**2))
    return np.asarray(one**2 - two)


def _learn(seen: Sightings, posterior: Floats) -> tuple[Usual, Floats]:
    """The maximization step: everybody's table, and the rates of each annotator against it."""
    classes = seen.labels + 1
    of_votes = posterior[seen.spot]
    votes = np.zeros((classes, classes))
    np.add.at(votes.T, seen.label, of_votes)
    right = (np.trace(votes) + COIN * RIGHT) / (votes.sum() + COIN)
    wrong = (1 - right) / seen.labels
    table = votes + COIN * (np.full((classes, classes), wrong) + (right - wrong) * np.eye(classes))
    table /= table.sum(axis=1, keepdims=True)
    prior = (posterior.sum(axis=0) + 1) / (seen.spots + classes)
    slips, expected, chances = _slips(seen, of_votes, table)
    often = (expected.sum(axis=0) + TINY) / (chances + TINY)
    rates = np.minimum((slips + OWN) / (expected + OWN) * often, 1.0)
    return Usual(prior, table, often), rates


def _slips(seen: Sightings, of_votes: Floats, table: Floats) -> tuple[Floats, Floats, Floats]:
    """Slips of annotators [annotators, 3], as many as usual on the same spots, and all chances [3]."""
    said = seen.label > 0
    there, named = 1 - of_votes[:, 0], of_votes[np.arange(len(said)), seen.label]
    wrong = _misnamed(table)
    slips = (there * ~said, of_votes[:, 0] * said, (there - named) * said)
    usual = (
        of_votes[:, 1:] @ table[1:, 0],
        of_votes[:, 0] * (1 - table[0, 0]),
        (of_votes[:, 1:] @ wrong) * said,
    )

    def summed(three: tuple[Floats, ...]) -> Floats:
        return np.stack([np.bincount(seen.annotator, one, seen.annotators) for one in three], axis=1)

    return summed(slips), summed(usual), np.array([there.sum(), of_votes[:, 0].sum(), (there * said).sum()])
