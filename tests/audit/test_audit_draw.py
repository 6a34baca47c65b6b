"""What the core draws, the auditor accepts: two implementations of RFC 9381."""

from __future__ import annotations

from evenhand.audit import draw
from evenhand.core import vrf


def test_what_the_core_draws_the_auditor_accepts() -> None:
    secret = bytes(range(32))
    for n in range(20):
        alpha = draw.alpha("o/l", "pool", n, "d" * 43)
        proof = vrf.prove(secret, alpha)
        assert draw.holds(vrf.public_key(secret), alpha, proof)
        assert draw.output(proof) == vrf.output(proof)
