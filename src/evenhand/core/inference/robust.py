"""The default: Dawid and Skene's model with its brakes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp

import numpy as np

from evenhand.core.inference.estimate import EQUAL, TINY, Diagnostics, Estimate, Model
from evenhand.core.inference.fit import estimate
from evenhand.core.inference.left_out import best_power
from evenhand.core.inference.methods import mean_weight
from evenhand.core.inference.sweeps import Sweeps, agreement, posterior_of, shares_of, sweeps_of
from evenhand.core.inference.votes import Floats, Votes

KINDS = 3  # of tasks of each class: annotators agree, are split, or are misled


@dataclass(frozen=True)
class Brakes:
    """The constants of `robust`: chosen together on ten public sets, and each set scored with a choice
    made without it (`python -m bench inference`, docs/inference.md)."""

    rounds: int = 2  # of expectation maximization
    again: int = 2  # times that all is fitted once more, from what it came to
    sharper: float = 2.0  # power that this is raised to before: else rare classes live on doubts about others
    own: float = 1.0  # votes for each true class that the pooled annotator adds to each annotator's own
    coin: float = 10.0  # votes for each true class that one coin adds to the pooled annotator
    sharpness: float = 3.0  # power of an annotator's agreement with the majority in the weighted vote
    hedge: float = 170.0  # votes that the weighted vote stands for, times dependence
    doubt: float = 0.5  # votes spread evenly over the classes that are added to the weighted vote
    floor: float = 0.01  # share of every posterior that is spread evenly over the classes
    usual: float = 0.04  # dependence that is assumed where votes do not tell
    pairs: float = 50.0  # variance of pairs of votes that this assumption weighs as much as
    least: float = 0.01  # dependence that there is in the end: what is measured by votes that taught is low
    trust: float = 0.5  # share of the logarithm of the power that left-out votes ask for
    calm: float = 0.85  # times that power: a left-out vote errs like the votes that foretell it
    steady: float = 20.0  # precision with which the power is 1 before votes are left out


def robust(
    votes: Votes,
    iterations: int | None = None,
    brakes: Brakes = Brakes(),
    start: Floats | None = None,
    complete: Votes | None = None,
) -> Estimate:
    """Dawid-Skene that knows hard tasks, shrunk, stopped early, and blended with the weighted vote.

    1. Dawid and Skene (1979, doi:10.2307/2346806) take the votes on a task as independent given its
       class. They are not: tasks differ in difficulty, and annotators err alike. So a class has `KINDS` of
       tasks, each with confusions of its own, as in Li, Rubinstein and Cohn (2019, Exploiting worker
       correlation for label aggregation in crowdsourcing, proceedings.mlr.press/v97/li19i.html). A few
       rounds of expectation maximization start from the vote weighted by agreement with the majority: a
       class with share q of a task's votes has them at q^2 of the first kind, 2 q (1 - q), (1 - q)^2.
       Each annotator's confusion is shrunk to that of all annotators, and that to one coin.
    2. What was learnt of the kinds is put together: the posterior is that of Dawid and Skene's model with
       those confusions. With more classes than `sweeps.WIDE`, kinds are not told apart.
    3. `dependence` is how much votes still go together beyond the class: the moment estimate of an
       intraclass correlation, over pairs of votes on a task whose most probable class is taken for true,
       against the confusions that follow from the model's posterior. n votes that depend on each other by
       d are worth n / (1 + (n - 1) d) that do not (Kish 1965, Survey Sampling, 5.6). The model counts in
       the posterior as that many, the weighted vote as `hedge` d votes. So the model decides where it fits
       and where there is much to go by, and votes where it does not: no true label is seen.
    4. All is fitted again, twice, from the square of that posterior instead of the weighted vote. Shares of
       votes are less sure than votes make a class: where one is rare, the doubts about tasks of the common
       ones outweigh it, and would teach what it looks like. Squared it is between expectation maximization
       and its classifying kind (Celeux and Govaert 1992, doi:10.1016/0167-9473(92)90042-E). Where votes are
       independent the model goes on; where they are not, the weighted vote holds it.
    5. The posterior is raised to a power: how sure it is follows from how well it foretells votes that are
       left out (`left_out`). With more classes than `sweeps.WIDE` it stays as it is.

    Shapes: posterior [tasks, classes], confusion [annotators, true, given], all probabilities.

    Args:
        votes: at least one.
        iterations: rounds; None: as `brakes` has it.
        start: [tasks, classes] probabilities, none of them 0, to start from instead of the weighted vote;
            then it is fitted once.
        complete: the votes, by the same annotators, that dependence and power are measured on; None: all.
    """
    sweeps, agreed = sweeps_of(votes, KINDS), agreement(votes)
    weight = agreed**brakes.sharpness
    rounds = brakes.rounds if iterations is None else iterations
    fits = 1 + brakes.again if start is None else 1

    def made(dependence: float = 0.0, power: float = 1.0) -> Model:
        return Model(
            prior=prior,
            confusion=found.confusion(),
            newcomer=pooled,
            weight=weight,
            newcomer_weight=mean_weight(votes, weight),
            hedge=brakes.hedge * dependence,
            dependence=dependence,
            doubt=brakes.doubt,
            power=power,
            floor=brakes.floor,
            narrow=sweeps.narrow,
        )

    for turn in range(fits):
        if start is None:
            sweeps.count(agreed)
        else:
            sweeps.begin(start)
        fit = 0.0
        for _ in range(rounds):
            fit = sweeps.expect(_shrink(sweeps, brakes)[1])
        found = sweeps.merged()
        pooled, prior = _shrink(found, brakes)
        if complete is None:
            found.expect(prior)
            further = found.merged()
            dependence = _dependence(further, _shrink(further, brakes)[1], brakes)
        else:
            dependence = dependence_of(complete, made(), brakes)
        if turn < fits - 1:
            start = found.read(made(dependence)).posterior ** brakes.sharper
            start /= start.sum(axis=1, keepdims=True)
    dependence = max(dependence, brakes.least)
    told = votes if complete is None else complete
    power = 1.0 if sweeps.narrow else _power(told, made(dependence), brakes)
    diagnostics = Diagnostics(iterations=fits * rounds, log_likelihood=fit, dependence=dependence)
    return estimate("robust", found, made(dependence, power), diagnostics)


def informed(votes: Votes, fit: Estimate, complete: Votes) -> Estimate:
    """What these votes come to, where tasks that stop early have few votes that agree and doubtful ones many.

    Pairs of votes then say nothing of dependence, and shares of votes little of how sure a task is. So
    dependence and power are measured on tasks that got all their votes whatever they were; and `robust` is
    fitted once more, from what the first fit makes of each task at that dependence.

    Args:
        votes: all.
        fit: what `robust` makes of them.
        complete: those of tasks drawn by lot that have all their votes.
    """
    begun = replace(blended(fit.model, dependence_of(complete, fit.model)), power=1.0)
    return robust(votes, start=posterior_of(votes, begun), complete=complete)


def blended(model: Model, dependence: float, brakes: Brakes = Brakes()) -> Model:
    """The same model where votes depend as much as this."""
    return replace(model, dependence=dependence, hedge=brakes.hedge * dependence)


def dependence_of(votes: Votes, model: Model, brakes: Brakes = Brakes()) -> float:
    """How much these votes depend on each other, by a model that was fitted to them and others.

    For votes of which a part says less than all: where tasks get more votes the more they are in doubt,
    pairs are of the doubtful, and the whole would say that votes contradict each other. Of classes that are
    as probable as each other (to `EQUAL`) the lowest is taken for true.
    """
    chances = posterior_of(votes, replace(model, hedge=0.0, power=1.0, floor=0.0))
    equal = chances >= chances.max(axis=1, keepdims=True) * (1 - EQUAL)
    best = equal.argmax(axis=1)[votes.task]
    chance = model.confusion[votes.annotator, best, best]
    residual, deviation = (votes.label == best) - chance, np.sqrt(chance * np.maximum(1 - chance, 0.0))
    return _moment(_of_pairs(votes, residual), _of_pairs(votes, deviation), brakes)


def _of_pairs(votes: Votes, values: Floats) -> float:
    """Summed products of two votes' values on one task."""
    of_task = np.bincount(votes.task, values, votes.tasks)
    return float((of_task**2).sum() - (values**2).sum())


def _power(votes: Votes, model: Model, brakes: Brakes) -> float:
    return brakes.calm * exp(brakes.trust * best_power(votes, model, brakes.steady))


def _shrink(sweeps: Sweeps, brakes: Brakes) -> tuple[Floats, Floats]:
    """Set the table from the sums; gives the pooled confusion [states, given] and the prior [states]."""
    pooled, classes = sweeps.pooled, sweeps.votes.classes
    true = np.tile(np.eye(classes), (sweeps.kinds, 1))
    right = (pooled * true).sum() / max(pooled.sum(), TINY)
    coin = np.where(true > 0, right, (1 - right) / max(classes - 1, 1))
    pooled = shares_of(pooled + brakes.coin * coin)
    sweeps.maximize(float(brakes.own), pooled)
    return pooled, shares_of(sweeps.shares + 1.0)


def _dependence(sweeps: Sweeps, prior: Floats, brakes: Brakes) -> float:
    """Correlation of two votes on a task beyond its class, at least 0; the usual one where few pairs tell."""
    return _moment(*sweeps.dependence(prior), brakes)


def _moment(covariance: float, variance: float, brakes: Brakes) -> float:
    return max((covariance + brakes.usual * brakes.pairs) / (variance + brakes.pairs), 0.0)
