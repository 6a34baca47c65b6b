"""Bets that hold at any time, and draws that anyone can check."""

from __future__ import annotations

import random

import pytest

from evenhand.audit import draw
from evenhand.audit.parity import ALPHA, EProcess, Parity

RFC_9381 = [  # appendix B.3, example 16: public key, alpha, proof, output
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d97"
        "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
        "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798"
        "e8f81cd2e333de5cdf4f3e140fdd8ae",
    ),
]


@pytest.mark.parametrize(("public", "alpha", "proof", "beta"), RFC_9381)
def test_the_vector_of_rfc_9381(public: str, alpha: str, proof: str, beta: str) -> None:
    key, message, told = bytes.fromhex(public), bytes.fromhex(alpha), bytes.fromhex(proof)
    assert draw.holds(key, message, told) and draw.output(told).hex() == beta
    assert not draw.holds(key, message + b"x", told)
    for at in range(0, 80, 7):
        bent = told[:at] + bytes([told[at] ^ 1]) + told[at + 1 :]
        assert not draw.holds(key, message, bent)
    assert not draw.holds(key, message, told[:-1]) and not draw.holds(b"\1" * 32, message, told)
    assert draw.output(b"") == b"" and not draw.holds(b"", message, b"")


def test_false_alarms_stay_within_their_budget() -> None:
    """A thousand clients who fare alike, two thousand pairs each; both sides at half the budget."""
    dice, alarms = random.Random(4), 0
    for _ in range(1000):
        one, other, hit = EProcess(), EProcess(), False
        for _ in range(200):
            x = dice.choice((-1.0, 0.0, 0.0, 1.0))
            one.take(x)
            other.take(-x)
            hit = hit or max(one.value, other.value) >= 2 / ALPHA
        alarms += hit
    assert alarms <= 1000 * ALPHA


@pytest.mark.parametrize(("gap", "pairs"), [(0.2, 1000), (0.1, 4000)])
def test_a_gap_is_found(gap: float, pairs: int) -> None:
    dice, bet = random.Random(5), EProcess()
    for _ in range(pairs):
        bet.take(float(dice.random() < 0.5 + gap / 2) * 2 - 1)
    assert bet.value > 1 / ALPHA


def test_events_are_matched_once_and_both_sides_are_told() -> None:
    parity = Parity()
    for n in range(400):
        parity.take("a", "skipped", 1.0, 2 * n)
        parity.take("b", "skipped", 0.0, 2 * n + 1)
    told = {(client, side) for client, _, side, _, _ in parity.alarms()}
    assert told == {("a", 1), ("b", -1)}
    assert parity.bets["a", "skipped", 1].count == 400
    assert parity.merged()["a"] == pytest.approx(
        sum(bet.value for (client, _, _), bet in parity.bets.items() if client == "a") / 2
    )
