"""What one decision of a shared pool costs, with a thousand clients who all wait and ten thousand annotators.

Goal: below a millisecond. Measured is the core (`measure`): a window is opened, its leases are decided and
its entry is made, for one annotator and for 64 at once; and the draw beside it, which each window needs once.
And the whole of it with a store (`measure_stored`): what a window reads, draws, decides, appends and folds,
in a pool where a tenth of the annotators is at work.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable
from random import Random
from statistics import median

from evenhand import wire
from evenhand.core import vrf
from evenhand.core.allocation import Candidate
from evenhand.core.events import (
    ClientJoined,
    ClientRegistered,
    ConflictFound,
    Enrolled,
    Event,
    MemberAdded,
    Moment,
    PoolOpened,
    PoolPolicySet,
    PoolShared,
    ProjectPooled,
)
from evenhand.core.policy import Actor, Membership
from evenhand.core.shared_pool import (
    Client,
    Clients,
    Seat,
    Stock,
    Terms,
    Window,
    WindowView,
    decide,
    open_window,
)
from evenhand.service import intake, postings, projects, submission, windows
from evenhand.store import Store, Transaction, open_store
from evenhand.store.codec import Placed
from evenhand.store.conformance import FakeNode, organization

CLIENTS, ANNOTATORS, ENTITIES = 1_000, 10_000, 50
BUSY = 1_000  # annotators who hold a lease; as many others ask while it is measured
EARLIER = 20_000  # leases that all of these have had before
POOL = "pool-p"
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
        clients=Clients(clients),
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


# ---- with a store --------------------------------------------------------------------------------


class Exchange:
    """A store with a shared pool of this size, filled through the verbs and the one write door."""

    def __init__(self, url: str, clients: int = CLIENTS, annotators: int = ANNOTATORS) -> None:
        self.store: Store = open_store(url)
        self.node = FakeNode()
        self.clients, self.annotators = clients, annotators
        self.ms = 1_000_000
        self._do(self._open)
        for i in range(0, clients, 50):
            self._do(lambda tx, at, i=i: [self._client(tx, at, n) for n in range(i, min(i + 50, clients))])
        for i in range(0, annotators, 1000):
            people = range(i, min(i + 1000, annotators))
            self._do(
                lambda tx, at, people=people: tx.append([e for n in people for e in self._person(n)], at)
            )

    def _do(self, verb: Callable[[Transaction, Moment], object]) -> float:
        """CPU ms of this thread for the verb, without begin and commit."""
        self.ms += 1
        db = self.store.writer
        db.begin()
        tx, at = self.store.transaction(self.node, self.ms), Moment(ms=self.ms, chance=os.urandom(32))
        began = time.thread_time()
        verb(tx, at)
        took = time.thread_time() - began
        db.commit()
        return took * 1000

    def _open(self, tx: Transaction, at: Moment) -> None:
        weights = tuple({"client": f"cli-{i:04d}", "weight": WEIGHTS[i % 4]} for i in range(self.clients))
        policy = PoolPolicySet(
            stream=POOL,
            effective_from=0,
            weights=weights,
            prices=({"family": "text", "price": 10},),
            charge=5,
            cap=100,
            draw="vrf",
            independent=0,
        )
        opened = PoolOpened(stream=POOL, owner="", organization=b"")
        shared = PoolShared(stream=POOL, band=1, language="en", qualification="")
        tx.append([*organization("org-p"), opened, shared, policy], at)

    def _client(self, tx: Transaction, at: Moment, i: int) -> None:
        name, client = f"org-{i:04d}", f"cli-{i:04d}"
        owner = Actor(
            person=f"own-{i}",
            name="O",
            memberships=(Membership(organization=name, member=f"mem-o{i}", role="owner"),),
        )
        registered = ClientRegistered(
            stream="node", owner=name, client=client, record="", identity=b"", organization=name.encode()
        )
        joined = ClientJoined(
            stream=POOL,
            owner=name,
            client=client,
            state="active",
            band=1,
            exposure=i % 2 * 10_000,
            organization=name.encode(),
        )
        verdict = ConflictFound(
            stream=POOL,
            owner=name,
            client=client,
            entity=f"ent-{i % ENTITIES}",
            grade=3,
            rival=0,
            blocked=1,
            rule="",
            path=b"{}",
        )
        tx.append([*organization(name), registered, joined, verdict], at)
        draft = wire.ProjectDraft(
            name="bench",
            fields=[wire.FieldDraft(name="text")],
            questions=[{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}],
        )
        made = projects.create(tx, at, owner, draft).id
        opened = intake.open_import(tx, at, owner, made, wire.NewImport(name="rows"))
        rows = b"\n".join(b'{"text":"message %d"}' % n for n in range(200))
        intake.take(tx, at, owner, opened.id, intake.read_lines(rows, 1, {}))
        (placed,) = tx.append([ProjectPooled(stream=made, owner=name, pool=POOL, family="text")], at)
        postings.post(tx, at, name, made, placed.place)

    def _person(self, i: int) -> list[Event]:
        member, person = f"mem-{i}", f"ann-{i}"
        added = MemberAdded(
            stream="org-p",
            owner="org-p",
            role="annotator",
            actor="human",
            member=member.encode(),
            person=person.encode(),
        )
        enrolled = Enrolled(
            stream=POOL,
            owner="org-p",
            who=person,
            entity=f"ent-{i % ENTITIES}",
            state="active",
            band=1 + i % 9,
            languages=("en",),
            qualifications=(),
            evidence=b"{}",
            member=member,
        )
        return [added, enrolled]

    def window(self, persons: list[int]) -> tuple[float, float]:
        """CPU ms of one window for these annotators, who get a task each: to decide it, and to append it."""
        appended = 0.0

        def verb(tx: Transaction, at: Moment) -> None:
            append = tx.append

            def timed(events: Iterable[Event], at: Moment) -> list[Placed]:
                nonlocal appended
                began = time.thread_time()
                placed = append(events, at)
                appended += time.thread_time() - began
                return placed

            tx.append = timed  # type: ignore[method-assign]  # of this one transaction
            given = windows.decide(tx, at, POOL, {f"ann-{i}": 1 for i in persons})
            assert given is not None and len(given) == len(persons)

        whole = self._do(verb)
        return whole - appended * 1000, appended * 1000

    def answer(self, persons: list[int]) -> None:
        """These annotators answer what they hold."""

        def verb(tx: Transaction, at: Moment) -> None:
            rows = tx.tuples("live_leases", persons=sorted(f"ann-{i}" for i in persons), now=at.ms)
            calls = [
                (self._annotator(row[1]), row[0], wire.Submission(answers={"spam": "ham"})) for row in rows
            ]
            for outcome in submission._submit_all(tx, at, calls):
                assert isinstance(outcome, wire.Submitted), outcome

        self._do(verb)

    def _annotator(self, person: str) -> Actor:
        own = Membership(organization="org-p", member=person.replace("ann", "mem"), role="annotator")
        return Actor(person=person, name="A", memberships=(own,))

    def close(self) -> None:
        """Done."""
        self.store.close()


def measure_stored(url: str, turns: int = 40) -> dict[str, float]:
    """CPU ms of the writing thread for a window of one annotator and for each decision of a window of 50.
    What PostgreSQL does in its own process is not in it."""
    exchange = Exchange(url)
    regulars = list(range(2 * BUSY))
    for start in range(0, EARLIER, 50):
        some = [regulars[(start + i) % len(regulars)] for i in range(50)]
        exchange.window(some)
        exchange.answer(some)
    for start in range(0, BUSY, 50):
        exchange.window(regulars[start : start + 50])
    gc.collect()
    gc.freeze()
    asking = Random(2).choices(range(BUSY), k=turns)
    alone, together = [], []
    for first in asking:  # each window settles what the one before it gave
        alone.append(exchange.window([BUSY + first]))
        exchange.answer([BUSY + first])
    for first in asking:
        some = [BUSY + (first + i) % BUSY for i in range(50)]
        together.append(exchange.window(some))
        exchange.answer(some)
    exchange.close()
    found = {}
    for name, rows, count in (("one, stored", alone, 1), ("each of 50, stored", together[1:], 50)):
        decided, appended = (median(column) / count for column in zip(*rows, strict=True))
        found |= {f"{name}: read, draw, decide": decided, f"{name}: append": appended}
    return found
