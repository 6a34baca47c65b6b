"""Truth inference: from votes of annotators of unknown skill to probabilities of classes.

Pure, over integer-coded arrays: `Votes` in, `Estimate` out. Its `Model` says what a further vote is
worth, so that a task's posterior follows its votes (`Running`) while the next fit is a job.
Methods never see a true label, and none is chosen by what the data are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evenhand.core.errors import Invalid
from evenhand.core.inference import methods
from evenhand.core.inference.estimate import Diagnostics, Estimate, Model, Running, Skill
from evenhand.core.inference.robust import robust
from evenhand.core.inference.sweeps import posterior_of
from evenhand.core.inference.votes import Votes

__all__ = [
    "DEFAULT",
    "METHODS",
    "Diagnostics",
    "Estimate",
    "Model",
    "Running",
    "Skill",
    "Votes",
    "infer",
    "posterior_of",
]

METHODS: Mapping[str, Callable[[Votes, int | None], Estimate]] = {
    "majority": methods.majority,
    "weighted": methods.weighted,
    "one-coin": methods.one_coin,
    "dawid-skene": methods.dawid_skene,
    "robust": robust,
}
DEFAULT = "robust"


def infer(votes: Votes, method: str = DEFAULT, iterations: int | None = None) -> Estimate:
    """The most probable class of each task, with its probability, and how right each annotator is.

    Args:
        votes: at least one.
        method: a key of `METHODS`.
        iterations: exactly so many; None: what the method needs, until it has converged.

    Raises:
        Invalid: there is no such method, or there are no votes.
    """
    if method not in METHODS:
        raise Invalid(
            "inference.unknown-method",
            f"There is no method {method!r}.",
            "method",
            f"Use one of: {', '.join(METHODS)}.",
        )
    if not len(votes):
        raise Invalid("inference.empty", "There are no votes.", "", "Give at least one.")
    return METHODS[method](votes, iterations)
