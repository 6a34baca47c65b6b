"""What one decision of a shared pool costs, with a thousand clients who all wait and ten thousand annotators.

Goal: below a millisecond. Measured is the core: a window is opened, its leases are decided and its entry is
made, for one annotator and for 64 at once; and the draw beside it, which each window needs once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from statistics import median

from evenhand.core import vrf
from evenhand.core.allocation import Candidate
from evenhand.core.events import Moment
from evenhand.core.shared_pool import Client, Seat, Stock, Terms, Window, WindowView, decide, open_window

CLIENTS, ANNOTATORS, ENTITIES = 1_000, 10_000, 50
WEIGHTS = (1, 2, 4, 16)


def view(seats: int, chance: Random) -> WindowView:
    """A window in which everybody waits and everything has a task."""
    clients = tuple(
        Client(
            id=f"cli-{i:04d}",
            organization=f"org-{i}",
            tag=chance.randrange(10**9),
            backlogged=True,
            open=True,
            band=1,
            exposure=0,
            blocked=frozenset({f"ent-{chance.randrange(ENTITIES)}"}),
            leases={},
        )
        for i in range(CLIENTS)
    )
    first = sorted(clients, key=lambda client: client.tag)[: 8 * seats + 64]
    return WindowView(
        pool="pool-p",
        n=7,
        origin="bench.example",
        virtual=0,
        terms=Terms(
            weights={client.id: chance.choice(WEIGHTS) for client in clients},
            prices={"text": 10},
            charge=5,
            independent=False,
        ),
        clients=clients,
        seats=tuple(seat(i) for i in chance.sample(range(ANNOTATORS), seats)),
        stocks={client.id: (stock(client.id),) for client in first},
    )


def seat(i: int) -> Seat:
    """An annotator who asks for one task."""
    return Seat(
        person=f"ann-{i}",
        kind="human",
        entity=f"ent-{i % ENTITIES}",
        band=1 + i % 9,
        idle=False,
        count=1,
        leases=(f"asg-{i}",),
        pseudonyms=(f"enr-{i}",),
    )


def stock(client: str) -> Stock:
    """A project with 64 free tasks."""
    return Stock(
        project=f"prj-{client}",
        version=1,
        lease_ms=60_000,
        family="text",
        tag=0,
        candidates=tuple(Candidate(n, 1, 1) for n in range(64)),
        complete=False,
    )


def timed(work: Callable[[], object], turns: int) -> float:
    """Median ms of one call."""
    took = []
    for _ in range(turns):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def measure(turns: int = 200) -> dict[str, float]:
    """ms: a window for one annotator, for 64, each of those 64 decisions, and the draw."""
    chance = Random(1)
    one, many = view(1, chance), view(64, chance)
    at = Moment(ms=1_000_000, chance=bytes(64))

    def window(shown: WindowView) -> None:
        decided = decide(shown, open_window(shown), bytes(80), at)
        assert isinstance(decided, Window) and len(decided.served) == len(shown.seats)

    secret = bytes(range(32))
    whole = timed(lambda: window(many), turns // 4)
    return {
        "one": timed(lambda: window(one), turns),
        "sixty-four": whole,
        "each of them": whole / 64,
        "draw": timed(lambda: vrf.prove(secret, bytes(32)), turns // 4),
    }
