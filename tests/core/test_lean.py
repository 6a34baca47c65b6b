"""Does an organization lean: planted ones are found, others are not accused, what could be found is said."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from evenhand.core.inference import Votes
from evenhand.core.lean import Leaning, lean, without

DEALS = 199


def simulated(seed: int, annotators: int = 60, tasks: int = 150, each: int = 40, classes: int = 3) -> Votes:
    """Annotators who are right two times in three, each with habits of its own."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, tasks)
    habit = rng.dirichlet(np.full(classes, 20.0), annotators)
    annotator = np.repeat(np.arange(annotators), each)
    task = np.concatenate([rng.choice(tasks, each, replace=False) for _ in range(annotators)])
    guess = (rng.random((len(task), 1)) > habit[annotator].cumsum(1)).sum(1).clip(0, classes - 1)
    label = np.where(rng.random(len(task)) < 0.67, truth[task], guess)
    return Votes.of(task, annotator, label, classes=classes)


def turned(votes: Votes, members: np.ndarray, answer: int, share: float, seed: int) -> Votes:
    """The same votes with a share of these annotators' turned to one answer."""
    mine = members[votes.annotator] & (np.random.default_rng(seed).random(len(votes)) < share)
    label = np.where(mine, answer, votes.label)
    sizes = {"tasks": votes.tasks, "annotators": votes.annotators, "classes": votes.classes}
    return Votes.of(votes.task, votes.annotator, label, **sizes)


def dealt(annotators: int, organizations: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(annotators) % organizations


def flags(found: Leaning) -> set[tuple[int, int]]:
    return {(one.organization, one.answer) for one in found.flagged}


def test_a_planted_lean_is_found_and_stepped_over() -> None:
    votes, organization = simulated(1), dealt(60, 5, 1)
    found = lean(turned(votes, organization == 2, 1, 0.5, 1), organization, draws=DEALS)
    assert flags(found) == {(2, 1)}
    assert {one.step for one in found.found if one.organization == 2} == {1}
    assert {one.step for one in found.found if one.organization != 2} == {2}
    assert len(found.found) == 5 * 3  # each organization and answer once
    planted = next(iter(found.flagged))
    assert planted.effect > 0.15 and planted.annotators == 12 and planted.labels == 12 * 40
    assert planted.p == 1 / (DEALS + 1)
    assert not found.undefined


def test_two_that_lean_are_both_found() -> None:
    votes, organization = simulated(2), dealt(60, 6, 2)
    both = turned(turned(votes, organization == 0, 0, 0.6, 1), organization == 1, 2, 0.6, 2)
    assert flags(lean(both, organization, draws=DEALS)) == {(0, 0), (1, 2)}


def test_without_a_lean_false_alarms_stay_below_one_in_twenty() -> None:
    votes = simulated(3)
    alarms = sum(bool(lean(votes, dealt(60, 5, seed), draws=99).flagged) for seed in range(150))
    assert alarms <= 0.05 * 150 + 5  # two standard deviations of the count


def test_what_can_be_found_is_found() -> None:
    votes, found = simulated(4), []
    for seed in range(40):
        organization = dealt(60, 5, seed)
        quiet = lean(votes, organization, draws=99, seed=seed)
        share = next(one.detectable for one in quiet.found if (one.organization, one.answer) == (0, 1))
        loud = lean(turned(votes, organization == 0, 1, share, seed), organization, draws=99, seed=seed)
        found.append((0, 1) in flags(loud))
    assert np.mean(found) >= 0.75  # 0.9 less three standard deviations of 40 cases


def test_where_no_share_would_be_found_it_says_so() -> None:
    votes = simulated(5, annotators=7, tasks=10, each=3)
    found = lean(votes, np.array([0, 0, 0, 1, 1, 1, -1]), draws=DEALS)
    assert any(one.detectable == 2.0 for one in found.found) and not found.flagged
    assert {one.annotators for one in found.found} == {3}


@pytest.mark.parametrize("organization", [np.zeros(6, int), np.array([0, 0, 0, 1, 1, -1]), np.full(6, -1)])
def test_fewer_than_two_organizations_is_undefined(organization: np.ndarray) -> None:
    found = lean(simulated(6, annotators=6), organization)
    assert found.found == () and "fewer than two organizations" in found.undefined


def test_labels_that_nobody_else_gave_a_task_are_undefined() -> None:
    alone = Votes.of(np.arange(12), np.repeat(np.arange(6), 2), np.zeros(12, int))
    assert lean(alone, np.arange(6) % 2).undefined


def test_the_same_seed_gives_the_same() -> None:
    votes, organization = simulated(7), dealt(60, 5, 7)
    assert lean(votes, organization, draws=99) == lean(votes, organization, draws=99)


def test_without_keeps_codes() -> None:
    votes = simulated(8)
    left = without(votes, np.arange(60) == 3)
    assert len(left) == len(votes) - 40 and left.annotators == 60 and 3 not in left.annotator


@pytest.mark.parametrize(("name", "power"), [("rte", 0.9), ("weather_amt", 0.9)])
def test_real_annotators_dealt_into_five_organizations(
    shared_data: Path | None, name: str, power: float
) -> None:
    """A fifth of one organization's labels turned to one answer.

    Without the shared data the same is asked of simulated annotators.
    """
    votes = real(shared_data / "crowd" / name) if shared_data else simulated(9, 110, 300, 55, 5)
    hits = alarms = 0
    for seed in range(40):
        organization = dealt(votes.annotators, 5, seed)
        planted = turned(votes, organization == 0, seed % votes.classes, 0.2, seed)
        hits += (0, seed % votes.classes) in flags(lean(planted, organization, draws=99, seed=seed))
        alarms += bool(lean(votes, organization, draws=99, seed=seed).flagged)
    assert hits >= (power - 0.1) * 40  # two standard deviations of the count below
    assert alarms <= 0.05 * 40 + 3


def real(folder: Path) -> Votes:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    codes = [np.unique([row[key] for row in rows], return_inverse=True)[1] for key in rows[0]]
    return Votes.of(*codes)
