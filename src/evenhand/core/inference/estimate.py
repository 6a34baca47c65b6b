"""What votes come to: posteriors, what was learnt about annotators, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evenhand.core.inference.votes import Floats, Ints, Places

TINY = 1e-12  # below it a probability is as good as none; its logarithm stays finite
EQUAL = 1e-9  # share by which probabilities may differ and be equal: else the order of additions would decide


class Late:
    """A field whose value may be given as what makes it: then it is made when somebody asks for it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, one: Any, value: Floats | Callable[[], Floats]) -> None:
        one.__dict__[self.name] = value

    def __get__(self, one: Any, owner: type) -> Floats:
        if one is None:
            raise AttributeError(self.name)  # the class has no default for it
        value = one.__dict__[self.name]
        if callable(value):
            value = one.__dict__[self.name] = value()
        return value  # type: ignore[no-any-return]  # what __set__ was given


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """What a fit learnt: enough to weigh one more vote without the others."""

    prior: Floats  # [classes] how common each class is
    confusion: Late = Late()  # [annotators, true, given] probability of each answer where a class is true
    newcomer: Floats  # [true, given] the same for an annotator whom the fit has not seen
    weight: Floats  # [annotators] what a vote counts in the weighted vote
    newcomer_weight: float
    hedge: float = 0.0  # votes that the weighted vote stands for in the posterior; infinite: it stands alone
    dependence: float = 0.0  # of two votes of one task beyond its class, by which many are worth fewer
    doubt: float = 0.0  # votes spread evenly over the classes that are added to the weighted vote
    power: float = 1.0  # that the posterior is raised to: below 1 less sure, above it surer; 1 if `narrow`
    floor: float = 0.0  # share of the posterior that is spread evenly over the classes
    narrow: bool = False  # only classes that somebody gave a task may be true of it

    def start(self) -> Running:
        """A task that nobody has answered yet."""
        nothing = np.zeros(len(self.prior))
        return Running(model=self, score=np.log(self.prior + TINY), weight=nothing, votes=nothing)


@dataclass(frozen=True, eq=False)
class Running:
    """One task while its votes arrive. An update costs O(classes): annotators are as they were at the fit."""

    model: Model
    score: Floats  # [classes] log prior plus what the votes say
    weight: Floats  # [classes] summed weights of the votes
    votes: Floats  # [classes] how many there are

    def after(self, annotator: int | None, label: int) -> Running:
        """The same task with one more vote. `annotator` None, or beyond the fit: a newcomer."""
        return self._moved(annotator, label, 1)

    def without(self, annotator: int | None, label: int) -> Running:
        """The same task with a vote taken back: a correction is `without` the old, `after` the new."""
        return self._moved(annotator, label, -1)

    @property
    def posterior(self) -> Floats:
        """[classes] probabilities; they sum to 1."""
        model, classes, total = self.model, len(self.score), self.weight.sum()
        votes = float(self.votes.sum())
        able = self.votes > 0 if model.narrow and votes else np.ones(classes, bool)
        chance = np.where(able, np.exp(self.score - self.score[able].max()), 0.0)
        chance /= chance.sum()
        if model.hedge and total > TINY:
            worth = votes / (1 + (votes - 1) * model.dependence)
            voted = (worth * self.weight / total + model.doubt / classes) / (worth + model.doubt)
            own = worth / (model.hedge + worth)
            chance = own * chance + (1 - own) * voted
        if model.power != 1.0 and votes:
            chance = chance**model.power
            chance /= chance.sum()
        return np.asarray((1 - model.floor) * chance + model.floor / classes)

    def _moved(self, annotator: int | None, label: int, sign: int) -> Running:
        model = self.model
        known = annotator is not None and 0 <= annotator < len(model.confusion)
        row = model.confusion[annotator] if known else model.newcomer
        weight = float(model.weight[annotator]) if known else model.newcomer_weight
        here = np.arange(len(self.score)) == label
        return replace(
            self,
            score=self.score + sign * np.log(np.maximum(row[:, label], TINY)),
            weight=self.weight + sign * weight * here,
            votes=self.votes + sign * here,
        )


@dataclass(frozen=True, eq=False)
class Skill:
    """How often annotators are right, and how sure that is."""

    value: Floats  # [annotators] probability that a vote is right, on tasks as common as they are
    low: Floats  # [annotators] 95% interval
    high: Floats
    votes: Places  # [annotators] votes that it rests on

    def above(self, accuracy: float) -> npt.NDArray[np.bool_]:
        """[annotators] whether the lower end of the interval is above this accuracy."""
        return np.asarray(self.low > accuracy)


@dataclass(frozen=True)
class Diagnostics:
    """How the fit went."""

    iterations: int = 0
    converged: bool = True
    log_likelihood: float = 0.0  # of the votes under the fitted model, natural logarithm
    dependence: float | None = None  # correlation of two votes on a task beyond its class; None: not measured
    notes: tuple[str, ...] = ()  # what was dropped, replaced or chosen, and why


@dataclass(frozen=True, eq=False)
class Estimate:
    """What the votes come to."""

    method: str
    posterior: Floats  # [tasks, classes] probabilities; the prior where nobody voted
    label: Ints  # [tasks] the most probable class, of equals the one with the lowest number; -1: nobody voted
    confidence: Floats  # [tasks] probability of `label`; 0 where nobody voted
    model: Model
    skill: Skill
    diagnostics: Diagnostics
