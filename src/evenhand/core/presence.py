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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 10  # of expectation maximization
OWN = 2.0  # slips as usual that are added to an annotator's own, of each kind
COIN = 10.0  # votes for each truth that one coin adds to the table
RIGHT = 0.8  # of whose votes are right
EDGE = 0.01  # no rate is nearer to 0 or to 1
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
    return usual, rates, posterior


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
