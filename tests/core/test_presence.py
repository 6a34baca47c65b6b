"""Truth inference over what annotators found: planted rates come back, and little is no trouble."""

from __future__ import annotations

import numpy as np
import pytest

from evenhand.core.presence import Sightings, weigh

MISSED = np.array([0.05, 0.1, 0.2, 0.4, 0.6])
INVENTED = np.array([0.05, 0.3, 0.1, 0.2, 0.5])
WRONG = np.array([0.02, 0.05, 0.3, 0.1, 0.2])


def planted(labels: int, seed: int = 1, spots: int = 4000) -> tuple[Sightings, np.ndarray]:
    """Everybody looks at all spots, of which a third is nothing; and what is true of each."""
    dice = np.random.default_rng(seed)
    truth = np.where(dice.random(spots) < 1 / 3, 0, dice.integers(1, labels + 1, spots))
    seen = np.empty((spots, 5), np.int64)
    for who in range(5):
        wrong = dice.integers(1, labels + 1, spots)
        named = np.where(dice.random(spots) < WRONG[who], wrong, truth)
        there = np.where(dice.random(spots) < MISSED[who], 0, named)
        seen[:, who] = np.where(
            truth > 0,
            there,
            np.where(dice.random(spots) < INVENTED[who], dice.integers(1, labels + 1, spots), 0),
        )
    some = seen.any(axis=1)
    seen, truth = seen[some], truth[some]
    spot, who = np.repeat(np.arange(len(seen)), 5), np.tile(np.arange(5), len(seen))
    return Sightings(spot, who, seen.ravel(), len(seen), 5, labels), truth


@pytest.mark.parametrize("labels", [1, 3])
def test_planted_rates_come_back(labels: int) -> None:
    seen, truth = planted(labels)
    usual, rates, posterior = weigh(seen)
    assert posterior.sum(axis=1) == pytest.approx(1)
    votes = np.zeros((seen.spots, labels + 1))
    np.add.at(votes, (seen.spot, seen.label), 1.0)
    right, counted = (float((one.argmax(axis=1) == truth).mean()) for one in (posterior, votes))
    assert right > counted + 0.04 and right > 0.9
    assert float(posterior.max(axis=1).mean()) == pytest.approx(right, abs=0.04)
    among = INVENTED / (1 - np.prod(1 - INVENTED))  # a spot where nobody saw anything is none
    assert rates[:, 0] == pytest.approx(MISSED, abs=0.06)
    assert rates[:, 1] == pytest.approx(among, abs=0.08)
    if labels > 1:
        assert rates[:, 2] == pytest.approx(WRONG * (1 - 1 / labels), abs=0.04)
    assert usual.tables(rates).sum(axis=2) == pytest.approx(1)


def test_little_is_no_trouble() -> None:
    """Without any spot, and with a single vote, everybody is as usual and nothing is undefined."""
    none = np.zeros(0, np.int64)
    usual, rates, posterior = weigh(Sightings(none, none, none, 0, 2, 3))
    assert np.isfinite(usual.tables(rates)).all() and posterior.shape == (0, 4)
    assert (rates == usual.rates).all()
    one = np.array([0])
    _, _, posterior = weigh(Sightings(one, one, one + 2, 1, 1, 3))
    assert posterior[0].argmax() == 2


def test_where_annotators_err_together_all_is_less_sure() -> None:
    """Everybody's slips are drawn once for two of three annotators: two votes say little more than one."""
    seen, truth = planted(2, spots=1500)
    votes = seen.label.reshape(-1, 5)[:, [1, 1, 3, 3, 4]]
    some = votes.any(axis=1)
    votes, truth = votes[some], truth[some]
    spot, who = np.repeat(np.arange(len(votes)), 5), np.tile(np.arange(5), len(votes))
    copied = Sightings(spot, who, votes.ravel(), len(votes), 5, 2)
    for given, together in ((seen, False), (copied, True)):
        usual, rates, _ = weigh(given)
        posterior = usual.posterior(given, rates)
        believed, many = usual.believed(given, rates, posterior)
        assert believed.sum(axis=1) == pytest.approx(1)
        assert (usual.dependence > 0.1) == together
        assert many.min() > 1 and (many.mean() > 1.05) == together
        if together:
            off = [
                abs(one.max(axis=1).mean() - (one.argmax(axis=1) == truth).mean())
                for one in (posterior, believed)
            ]
            assert off[1] < off[0]
