"""From votes for classes to labels with probabilities: `evenhand.aggregate` as it is called as a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from evenhand.aggregation import table_file
from evenhand.aggregation.table_file import Ids
from evenhand.aggregation.vote_table import VoteTable
from evenhand.core.adaptive import Plan
from evenhand.core.inference import DEFAULT, Diagnostics, Estimate, Model, infer
from evenhand.core.inference.votes import Floats, Places, Votes
from evenhand.core.words import counted

SHOWN = 5  # annotators at either end that a person is told of; --json has all
WRITTEN_ROWS = 1 << 18  # rows that are written at once
ASKED_ROWS = 1 << 16  # tasks whose gains are reckoned at once
OWN = ("task", "label", "probability")  # columns that are no classes


@dataclass(frozen=True, eq=False)
class Aggregated:
    """What votes come to, under the ids that came in."""

    tasks: Ids  # [tasks] in the order in which they first appear
    classes: Ids  # [classes] sorted
    annotators: Ids  # [annotators] in the order in which they first appear
    labels: Ids  # [tasks] the most probable class, of equals the one that sorts first; None: nobody voted
    probability: Floats  # [tasks] of the label; 0 where nobody voted
    posterior: Floats  # [tasks, classes] rows sum to 1
    answered: Places  # [tasks] votes that counted
    model: Model  # what was learnt: enough to weigh one more vote without the others
    skill: Floats  # [annotators] probability that a vote is right
    skill_low: Floats  # [annotators] 95% interval
    skill_high: Floats
    chance: Floats  # [annotators] the same of one who gives their labels as often, without looking
    votes: npt.NDArray[np.int64]  # [annotators] votes that counted
    method: str
    diagnostics: Diagnostics  # iterations, likelihood, dependence, and notes on what was dropped and why

    @property
    def confusion(self) -> Floats:
        """[annotators, true class, class given] probabilities, rows sum to 1. Made when first asked for."""
        return self.model.confusion

    @property
    def near_chance(self) -> npt.NDArray[np.bool_]:
        """[annotators] whether the 95% interval of the skill does not lie above chance."""
        return np.asarray(self.skill_low <= self.chance)

    @property
    def expected_wrong(self) -> float:
        """How many of the labels are wrong, as far as their probabilities tell."""
        return float((1 - self.probability[self.answered > 0]).sum())

    @property
    def class_columns(self) -> list[str]:
        """[classes] what the columns of the table are called: as the class, with "class " in front as often
        as it takes to be unlike the columns before."""
        taken = dict.fromkeys(OWN)
        for one in self.classes.tolist():
            shown = table_file.printed(one)
            while shown in taken:
                shown = f"class {shown}"
            taken[shown] = None
        return list(taken)[len(OWN) :]

    def worth_asking(self, count: int = 20) -> list[tuple[Any, float]]:
        """(task, gain) of the tasks that one more vote would help most, the best first.

        The gain is how much a vote of a mean annotator adds to the probability that the label is right
        (`core.adaptive.Plan.gains`); tasks that gain nothing are left out. Of equals the one that came first.
        """
        gain = self._gains()
        best = np.argsort(-gain, kind="stable")[: max(count, 0)]
        best = best[gain[best] > 0]
        return list(zip(self.tasks[best].tolist(), gain[best].tolist(), strict=True))

    def _gains(self) -> Floats:
        """[tasks] what one more vote adds."""
        dependence = self.diagnostics.dependence or 0.0
        plan = Plan(model=self.model, dependence=dependence, threshold=0.0, target=1.0)
        parts = [slice(at, at + ASKED_ROWS) for at in range(0, len(self.tasks), ASKED_ROWS)]
        given = self.answered
        return np.concatenate(
            [plan.gains(self.posterior[part], given[part], given[part] + 1) for part in parts]
        )

    def table(self) -> Any:
        """A `pyarrow.Table` with the columns task, label, probability and, from the fourth on, one for each
        class, in the order of `classes` and under the names of `class_columns`."""
        return _arrow(self, slice(0, len(self.tasks)))

    def annotator_table(self) -> Any:
        """A `pyarrow.Table` with the columns worker, votes, skill, low, high and chance."""
        import pyarrow as pa

        columns = {"votes": self.votes, "skill": self.skill, "low": self.skill_low, "high": self.skill_high}
        return pa.table({"worker": table_file.id_column(self.annotators), **columns, "chance": self.chance})


def estimated(found: VoteTable, method: str = DEFAULT, iterations: int | None = None) -> Aggregated:
    """What a table of votes comes to."""
    votes = found.votes
    estimate = infer(votes, method, iterations)
    return Aggregated(
        tasks=found.tasks,
        classes=found.classes,
        annotators=found.annotators,
        labels=_labels(found.classes, estimate),
        probability=estimate.confidence,
        posterior=estimate.posterior,
        answered=np.diff(votes.first),
        model=estimate.model,
        skill=estimate.skill.value,
        skill_low=estimate.skill.low,
        skill_high=estimate.skill.high,
        chance=_chance(votes, estimate.model.prior),
        votes=estimate.skill.votes,
        method=estimate.method,
        diagnostics=_with_notes(estimate.diagnostics, found.notes),
    )


def _chance(votes: Votes, prior: Floats) -> Floats:
    """[annotators] how often they would be right if their labels had nothing to do with the tasks.

    The agreement that is expected by chance in Cohen's kappa (1960, doi:10.1177/001316446002000104), of an
    annotator's labels with the truth.
    """
    return np.asarray(votes.by_annotator(prior) / np.maximum(votes.given, 1))


def _labels(classes: Ids, estimate: Estimate) -> Ids:
    if estimate.label.min(initial=0) >= 0:
        return classes[estimate.label]
    named = np.empty(len(classes) + 1, object)
    named[:-1] = classes  # and None for -1
    return named[estimate.label]


class AnnotatorSkill(msgspec.Struct, frozen=True, kw_only=True):
    """How right one annotator is."""

    worker: str
    votes: int  # that counted
    skill: float  # probability that a vote is right
    low: float  # 95% interval
    high: float
    chance: float  # the same of one who gives their labels as often, without looking


class WorthAsking(msgspec.Struct, frozen=True, kw_only=True):
    """A task that one more vote would help."""

    task: str
    gain: float  # what it adds to the probability that the label is right
    label: str | None  # as it is now
    probability: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says."""

    method: str
    labels: int  # votes that counted
    tasks: int
    annotators: list[AnnotatorSkill]
    classes: list[str]
    confidence: float  # mean probability of a task's label
    expected_wrong: float  # labels
    near_chance: list[str]  # annotators whose interval does not lie above chance
    iterations: int
    dependence: (
        float | None
    )  # correlation of two votes on a task beyond its class, where the method measures it
    notes: tuple[str, ...]
    worth_asking: list[WorthAsking]  # the best first; as many as were asked for
    out: str | None  # the file written


def summarized(
    found: VoteTable,
    method: str,
    iterations: int | None,
    out: Path | None,
    annotators: Path | None,
    worth_asking: int = 0,
) -> Summary:
    """The command `aggregate`, once its table is read."""
    result = estimated(found, method, iterations)
    if out is not None:
        write(result, out)
    if annotators is not None:
        table_file.write(annotators, [result.annotator_table])
    return _summary(result, out, worth_asking)


def _summary(result: Aggregated, out: Path | None, worth_asking: int) -> Summary:
    people = (
        result.annotators,
        result.votes,
        result.skill,
        result.skill_low,
        result.skill_high,
        result.chance,
    )
    return Summary(
        method=result.method,
        labels=int(result.votes.sum()),
        tasks=len(result.tasks),
        annotators=[
            AnnotatorSkill(worker=str(who), votes=votes, skill=skill, low=low, high=high, chance=chance)
            for who, votes, skill, low, high, chance in zip(*(some.tolist() for some in people), strict=True)
        ],
        classes=[str(one) for one in result.classes],
        confidence=float(result.probability.mean()),
        expected_wrong=result.expected_wrong,
        near_chance=[str(one) for one in result.annotators[result.near_chance].tolist()],
        iterations=result.diagnostics.iterations,
        dependence=result.diagnostics.dependence,
        notes=result.diagnostics.notes,
        worth_asking=_worth_asking(result, worth_asking) if worth_asking else [],
        out=None if out is None else str(out),
    )


def _worth_asking(result: Aggregated, count: int) -> list[WorthAsking]:
    place = {task: n for n, task in enumerate(result.tasks.tolist())}
    listed = [(task, gain, place[task]) for task, gain in result.worth_asking(count)]
    return [
        WorthAsking(
            task=str(task),
            gain=gain,
            label=None if result.labels[n] is None else str(result.labels[n]),
            probability=float(result.probability[n]),
        )
        for task, gain, n in listed
    ]


def words(found: Summary) -> str:
    """A summary for a person: how sure, the weakest and the strongest annotators, and what was dropped."""
    people, tasks = counted(len(found.annotators), "annotator"), counted(found.tasks, "task")
    sizes = f"{counted(found.labels, 'label')} of {people} for {tasks}"
    lines = [f"{sizes}, {counted(len(found.classes), 'class', 'classes')}.", f"Method {found.method}."]
    wrong = round(found.expected_wrong)
    lines.append(
        f"A task's label is right with a probability of {found.confidence:.3f} in the mean: "
        f"about {wrong:,} {'is' if wrong == 1 else 'are'} wrong."
    )
    ranked = sorted(found.annotators, key=lambda one: -one.skill)
    for title, some in (("Most skilled", ranked[:SHOWN]), ("Least skilled", ranked[SHOWN:][-SHOWN:])):
        if some:
            lines += ["", f"{title}:", *map(_line, some)]
    if found.near_chance and len(found.classes) > 1:
        more = f" and {len(found.near_chance) - SHOWN:,} more" if len(found.near_chance) > SHOWN else ""
        lines += ["", f"Perhaps no better than chance: {', '.join(found.near_chance[:SHOWN])}{more}."]
    if found.worth_asking:
        lines += ["", "One more label would help most:", *map(_worth, found.worth_asking)]
    lines += ["", *found.notes] if found.notes else []
    return "\n".join([*lines, *([f"\nWritten: {found.out}"] if found.out else [])])


def _line(one: AnnotatorSkill) -> str:
    interval = f"{one.low:.0%} to {one.high:.0%}, by chance {one.chance:.0%}"
    return f"  {one.worker}: right in {one.skill:.0%} ({interval}), {counted(one.votes, 'label')}"


def _worth(one: WorthAsking) -> str:
    now = "no label yet" if one.label is None else f"{one.label} with {one.probability:.2f}"
    return f"  {one.task}: {one.gain:+.3f}; now {now}"


def _with_notes(diagnostics: Diagnostics, notes: tuple[str, ...]) -> Diagnostics:
    return replace(diagnostics, notes=(*notes, *diagnostics.notes))


# -- files --------------------------------------------------------------------------------------


def write(result: Aggregated, path: Path) -> None:
    """Write `result.table()` to a CSV, TSV or Parquet file, by its name; all of it or nothing.

    Raises:
        Invalid: the name ends otherwise.
    """
    starts = range(0, max(len(result.tasks), 1), WRITTEN_ROWS)
    table_file.write(path, [partial(_arrow, result, slice(at, at + WRITTEN_ROWS)) for at in starts])


def _arrow(result: Aggregated, rows: slice) -> Any:
    import pyarrow as pa

    columns = {
        "task": table_file.id_column(result.tasks[rows]),
        "label": table_file.id_column(result.labels[rows]),
    }
    columns["probability"] = pa.array(result.probability[rows])
    for k, name in enumerate(result.class_columns):
        columns[name] = pa.array(result.posterior[rows, k])
    return pa.table(columns)
