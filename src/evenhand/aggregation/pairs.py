"""From a table of comparisons to scores with errors: `evenhand.aggregate` with the type "pairs"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.aggregation import table_file
from evenhand.aggregation.pair_table import PairTable
from evenhand.aggregation.table_file import Ids
from evenhand.core.inference import Diagnostics
from evenhand.core.inference.pairs import rank
from evenhand.core.inference.votes import Floats
from evenhand.core.words import counted

SHOWN = 5  # of items and of annotators at either end that a person is told of; --json has all annotators


@dataclass(frozen=True, eq=False)
class AggregatedPairs:
    """What comparisons come to, under the ids that came in."""

    items: Ids  # [items] in the order in which they first appear, those on the left first
    annotators: Ids  # [annotators] in the order in which they first appear
    scores: Floats  # [items] natural logarithm of odds: i beats j in 1 / (1 + exp(score[j] - score[i]))
    errors: Floats  # [items] standard error of the score against the mean score
    skill: Floats  # [annotators] probability that they follow the scores; 0.5 says nothing
    compared: npt.NDArray[np.int64]  # [items] comparisons that each was in
    votes: npt.NDArray[np.int64]  # [annotators] comparisons that counted
    diagnostics: Diagnostics  # iterations, likelihood, and notes on what was dropped and why

    def table(self) -> Any:
        """A `pyarrow.Table` with the columns item, score, error and votes, the best first."""
        import pyarrow as pa

        best = np.argsort(-self.scores, kind="stable")
        columns = {"score": self.scores[best], "error": self.errors[best], "votes": self.compared[best]}
        return pa.table({"item": table_file.id_column(self.items[best]), **columns})

    def annotator_table(self) -> Any:
        """A `pyarrow.Table` with the columns worker, votes and skill."""
        import pyarrow as pa

        columns = {"votes": self.votes, "skill": self.skill}
        return pa.table({"worker": table_file.id_column(self.annotators), **columns})


class PairAnnotator(msgspec.Struct, frozen=True, kw_only=True):
    """How far one annotator follows the scores."""

    worker: str
    votes: int  # comparisons that counted
    skill: float  # probability; 0.5 says nothing


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """The score of one of the items."""

    item: str
    score: float
    error: float


class PairSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says of comparisons."""

    type: str
    labels: int  # comparisons that counted
    items: int
    best: list[Scored]  # the five with the highest scores, the best first
    annotators: list[PairAnnotator]
    iterations: int
    notes: tuple[str, ...]
    out: str | None  # the file written


def estimated(found: PairTable, iterations: int | None = None) -> AggregatedPairs:
    """What a table of comparisons comes to."""
    pairs = found.pairs
    came = rank(pairs, iterations)
    sides = np.concatenate([pairs.left, pairs.right])
    return AggregatedPairs(
        items=found.items,
        annotators=found.annotators,
        scores=came.score,
        errors=came.error,
        skill=came.skill,
        compared=np.bincount(sides, minlength=pairs.items),
        votes=np.bincount(pairs.annotator, minlength=pairs.annotators),
        diagnostics=replace(came.diagnostics, notes=(*found.notes, *came.diagnostics.notes)),
    )


def summarized(
    found: PairTable, iterations: int | None, out: Path | None, annotators: Path | None
) -> PairSummary:
    """The command `aggregate --type pairs`, once its table is read."""
    result = estimated(found, iterations)
    if out is not None:
        table_file.write(out, [result.table])
    if annotators is not None:
        table_file.write(annotators, [result.annotator_table])
    people = zip(result.annotators.tolist(), result.votes.tolist(), result.skill.tolist(), strict=True)
    best = np.argsort(-result.scores, kind="stable")[:SHOWN]
    return PairSummary(
        type="pairs",
        labels=int(result.votes.sum()),
        items=len(result.items),
        best=[
            Scored(item=str(result.items[i]), score=float(result.scores[i]), error=float(result.errors[i]))
            for i in best
        ],
        annotators=[PairAnnotator(worker=str(who), votes=votes, skill=skill) for who, votes, skill in people],
        iterations=result.diagnostics.iterations,
        notes=result.diagnostics.notes,
        out=None if out is None else str(out),
    )


def words(found: PairSummary) -> str:
    """A summary for a person: what is best, who is most and least skilled, and what was dropped."""
    lines = [
        f"{counted(found.labels, 'comparison')} of {counted(found.items, 'item')} "
        f"by {counted(len(found.annotators), 'annotator')}."
    ]
    lines += ["", "Best:", *(f"  {one.item}: {one.score:+.2f} ± {one.error:.2f}" for one in found.best)]
    ranked = sorted(found.annotators, key=lambda one: -one.skill)
    for title, some in (("Most skilled", ranked[:SHOWN]), ("Least skilled", ranked[SHOWN:][-SHOWN:])):
        if some:
            lines += ["", f"{title}:"]
            lines += [
                f"  {one.worker}: follows the scores in {one.skill:.0%}, {counted(one.votes, 'comparison')}"
                for one in some
            ]
    lines += ["", *found.notes] if found.notes else []
    return "\n".join([*lines, *([f"\nWritten: {found.out}"] if found.out else [])])
