"""Shared pools: the two theorems over random histories, and every step of the rule by itself."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from fractions import Fraction
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core import shared_pool
from evenhand.core.allocation import Candidate, slot_of
from evenhand.core.beacon import Evidence
from evenhand.core.errors import Invalid
from evenhand.core.events import Moment, Place
from evenhand.core.fair_queue import UNIT
from evenhand.core.shared_pool import (
    Client,
    Clients,
    Closing,
    Lease,
    Seat,
    Settlement,
    Shortage,
    Stock,
    Terms,
    WindowView,
    check_terms,
    decide,
    nearest,
    open_window,
    override_text,
    recalled,
)

WEIGHTS = (1, 1, 3, 16, 16)


class Pool:
    """A pool in memory: annotators, clients, leases with a fate that is drawn when they are given."""

    def __init__(
        self, chance: Random, clients: int, annotators: int, conflicts: bool = False, lonely: bool = False
    ) -> None:
        self.chance = chance
        self.cap = chance.choice((10, 100))
        self.charge = chance.choice((0, self.cap // 2, self.cap))
        self.weights = {f"cli-{i}": chance.choice(WEIGHTS) for i in range(clients)}
        self.prices = {"dear": self.cap, "cheap": 1}
        self.entities = {f"ann-{i}": f"ent-{i % 3}" for i in range(annotators)}
        self.blocked = {
            client: frozenset(e for e in ("ent-0", "ent-1") if conflicts and chance.random() < 0.4)
            for client in self.weights
        }
        self.open = dict.fromkeys(self.weights, True)
        self.backlogged = dict.fromkeys(self.weights, False)
        self.tags = dict.fromkeys(self.weights, 0)
        self.virtual = 0
        self.n = 0
        self.task = 0
        self.busy: dict[str, tuple[Lease, str]] = {}  # annotator -> (lease, fate)
        self.late: list[Lease] = []
        self.settled: list[Settlement] = []
        self.lapsed: list[Lease] = []
        self.work = Counter()  # client -> final cost of all that was given
        self.most = self.most_late = 0  # in flight; lapsed and still to be answered
        self.served: set[tuple[str, str]] = set()  # (client, entity)
        self.fates = {
            client: chance.choice(((1, 0, 0, 0), (6, 1, 3, 1), (0, 0, 1, 0))) for client in self.weights
        }
        self.eager = chance.choice((0.8, 1))
        if lonely:
            self.lonely()

    def lonely(self) -> None:
        """A light client alone at first, whose leases all lapse: its tag falls far behind."""
        self.weights = {client: 16 if client != "cli-0" else 1 for client in self.weights}
        self.fates = {client: (1, 0, 0, 0) if client != "cli-0" else (0, 0, 1, 0) for client in self.weights}
        self.open = {client: client == "cli-0" for client in self.weights}
        self.charge, self.eager = self.cap, 1

    def begin(self, step: int) -> None:
        """A second client comes while the first holds everybody; then all lapse, and a third comes."""
        if step == 1:
            self.open["cli-1"] = True
        if step == 2:
            for _ in self.entities:
                self.end()
            self.open["cli-2"] = True

    def stir(self) -> None:
        """Some leases end, and now and then a client's backlog comes or goes."""
        for _ in range(self.chance.choice((0, 1, 2, 20))):
            self.end()
        if self.chance.random() < 0.2:
            client = self.chance.choice(sorted(self.weights))
            self.open[client] = not self.open[client]

    def view(self, seats: tuple[Seat, ...]) -> WindowView:
        clients = tuple(
            Client(
                id=client,
                organization=f"org-{client}",
                tag=self.tags[client],
                backlogged=self.backlogged[client],
                open=self.open[client],
                band=1,
                exposure=0,
                blocked=self.blocked[client],
                leases={},
            )
            for client in self.weights
        )
        return WindowView(
            pool="pool-p",
            n=self.n,
            origin="o",
            virtual=self.virtual,
            terms=Terms(weights=self.weights, prices=self.prices, charge=self.charge, independent=False),
            clients=Clients(clients),
            seats=seats,
            settled=tuple(self.settled),
            lapsed=tuple(self.lapsed),
            stocks={client: (self.stock(client),) for client, is_open in self.open.items() if is_open},
        )

    def stock(self, client: str) -> Stock:
        numbers = range(self.task, self.task + 40)
        self.task += 40
        return Stock(
            project=f"prj-{client}",
            version=1,
            lease_ms=1000,
            family=self.chance.choice(("dear", "cheap")),
            tag=0,
            candidates=tuple(Candidate(n, 1, 1) for n in numbers),
            complete=False,
        )

    def window(self) -> shared_pool.WindowDecided | None:
        free = [a for a in self.entities if a not in self.busy and self.chance.random() < self.eager]
        view = self.view(tuple(seat(a, self.entities[a]) for a in free))
        opening = open_window(view)
        beta = hashlib.sha512(opening.alpha).digest() if opening.alpha else b""
        window = decide(view, opening, beta[:1] * 80 if beta else b"", Moment(ms=self.n, chance=beta))
        assert not isinstance(window, Shortage)
        self.settled, self.lapsed = [], []
        self.before = dict(self.work)
        if window.event is not None:
            self.n += 1
            self.fold(window.event)
        for one in window.served:
            self.given(one)
        return window.event

    def fold(self, event: shared_pool.WindowDecided) -> None:
        self.virtual = event.virtual
        self.tags |= {row["client"]: row["tag"] for row in event.tags}
        self.backlogged |= {row["client"]: bool(row["on"]) for row in event.backlog}

    def given(self, one: shared_pool.Served) -> None:
        lease = Lease(
            id=one.lease.lease,
            client=one.client,
            price=self.prices[one.family],
            charge=self.charge,
            weight=self.weights[one.client],
            state="live",
        )
        fate = self.chance.choices(("answer", "skip", "lapse", "late"), self.fates[one.client])[0]
        self.busy[one.seat.person] = (lease, fate)
        self.work[one.client] += lease.price if fate in ("answer", "late") else 0
        self.served.add((one.client, one.seat.entity))
        self.most = max(self.most, len(self.busy))

    def end(self) -> None:
        """One lease comes to its fate; those that end late are answered some time after."""
        if self.late and self.chance.random() < 0.5:
            self.settled.append(settlement(self.late.pop(), answered=True))
        elif self.busy:
            person = self.chance.choice(sorted(self.busy))
            lease, fate = self.busy.pop(person)
            if fate in ("answer", "skip"):
                self.settled.append(settlement(lease, answered=fate == "answer"))
            else:
                self.lapsed.append(lease)
                if fate == "late":
                    self.late.append(msgspec.structs.replace(lease, state="lapsed"))
                    self.most_late = max(self.most_late, len(self.late))


def settlement(lease: Lease, answered: bool) -> Settlement:
    return Settlement(place=Place("ann-x", int(lease.id.split("-")[-1])), answered=answered, lease=lease)


NUMBERS = iter(range(10**9))


def seat(person: str, entity: str = "ent-0", count: int = 1, band: int = 5, idle: bool = False) -> Seat:
    return Seat(
        person=person,
        kind="human",
        entity=entity,
        band=band,
        idle=idle,
        count=count,
        leases=tuple(f"asg-{next(NUMBERS)}" for _ in range(count)),
        pseudonyms=tuple(f"enr-{person}-{i}" for i in range(count)),
    )


def worst_interval(chance: Random, lonely: bool, steps: int = 80) -> Fraction:
    """Theorem 2 over one random history: the largest of gap over bound, of all pairs and intervals."""
    pool = Pool(chance, clients=chance.randint(3, 4), annotators=chance.randint(1, 12), lonely=lonely)
    marks: dict[tuple[str, str], list[Fraction]] = defaultdict(list)
    worst: list[tuple[Fraction, tuple[str, str]]] = []
    since = dict.fromkeys(pool.weights, False)
    for step in range(steps):
        if lonely and step < 4:
            pool.begin(step)
        else:
            pool.stir()
        pool.window()
        for f in pool.weights:
            for g in pool.weights:
                if f < g:
                    if not (since[f] and since[g]):
                        marks[f, g] = []
                    if pool.backlogged[f] and pool.backlogged[g]:
                        if not marks[f, g]:
                            marks[f, g].append(gap(pool, pool.before, f, g))
                        marks[f, g].append(gap(pool, pool.work, f, g))
                        worst.append((max(marks[f, g]) - min(marks[f, g]), (f, g)))
        since = dict(pool.backlogged)
    late = (pool.most + pool.most_late) * pool.cap + pool.charge
    bounds = {
        (f, g): late * (Fraction(1, pool.weights[f]) + Fraction(1, pool.weights[g])) for _, (f, g) in worst
    }
    return max((found / bounds[pair] for found, pair in worst), default=Fraction(0))


def gap(pool: Pool, work: dict[str, int], f: str, g: str) -> Fraction:
    return Fraction(work.get(f, 0), pool.weights[f]) - Fraction(work.get(g, 0), pool.weights[g])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_theorem_2_over_any_interval_two_backlogged_clients_get_their_shares(seed, lonely):
    assert worst_interval(Random(seed), lonely) <= 1


def test_the_known_wrong_lift_fails_theorem_2(monkeypatch):
    """To lift whoever returns to the least tag of the others lets them claim what they did not use."""
    real = shared_pool.open_window

    def wrong(view):
        opening = real(view)
        others = [opening.tags[c] for c in opening.backlog if c not in opening.returned]
        before = {client.id: client.tag for client in view.clients}
        lifted = {c: max(before[c], min(others, default=0)) for c in opening.returned}
        return msgspec.structs.replace(opening, tags={**opening.tags, **lifted})

    monkeypatch.setitem(globals(), "open_window", wrong)
    assert max(worst_interval(Random(seed), lonely=True) for seed in range(20)) > 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_theorem_1_nobody_gets_ahead_but_where_the_other_may_not_be_served(seed):
    chance = Random(seed)
    pool = Pool(chance, clients=chance.randint(2, 4), annotators=chance.randint(1, 8), conflicts=True)
    for _ in range(100):
        for _ in range(chance.randint(0, 4)):
            pool.end()
        pool.window()
        for f in pool.weights:
            for g in pool.weights:
                served = {entity for client, entity in pool.served if client == f}
                if f != g and not served & pool.blocked[g]:
                    wf, wg, c = pool.weights[f], pool.weights[g], pool.charge
                    bound = Fraction(c, wf) + pool.most * max(Fraction(pool.cap - c, wf), Fraction(c, wg))
                    bound += Fraction(pool.most_late * pool.cap, wf)
                    assert gap(pool, pool.work, f, g) <= bound


def test_a_lease_charges_in_advance_and_costs_its_price_in_the_end():
    tags = {}
    for fate, price in (("answer", 7), ("skip", 0), ("lapse", 0), ("changed", 7)):
        lease = Lease(id="asg-1", client="cli-0", price=7, charge=4, weight=2, state="live")
        pool = Pool(Random(1), clients=1, annotators=1)
        pool.tags["cli-0"] = 4 * UNIT // 2
        view = msgspec.structs.replace(
            pool.view(()),
            settled=(settlement(lease, fate == "answer"),) if fate in ("answer", "skip") else (),
            lapsed=(lease,) if fate == "lapse" else (),
            changed=(lease,) if fate == "changed" else (),
        )
        tags[fate] = open_window(view).tags["cli-0"]
        assert tags[fate] == price * UNIT // 2, fate


def test_a_late_answer_is_paid_and_a_correction_is_not():
    lease = Lease(id="asg-1", client="cli-0", price=7, charge=4, weight=1, state="lapsed")
    over = msgspec.structs.replace(lease, id="asg-2", state="over")
    pool = Pool(Random(1), clients=1, annotators=1)
    pool.settled = [settlement(lease, True), settlement(lease, True), settlement(over, True)]
    assert open_window(pool.view(())).tags["cli-0"] == 7 * UNIT


def quiet(seats: tuple[Seat, ...], *clients: Client, stocks=None, **changes) -> WindowView:
    terms = Terms(weights={}, prices={"text": 10}, charge=0, independent=changes.pop("independent", False))
    return WindowView(
        pool="pool-p",
        n=3,
        origin="o",
        virtual=changes.pop("virtual", 0),
        terms=terms,
        clients=Clients(clients),
        seats=seats,
        stocks=stocks or {},
        **changes,
    )


def client(id_: str, **changes) -> Client:
    usual = {
        "organization": f"org-{id_}",
        "tag": 0,
        "backlogged": True,
        "open": True,
        "band": 1,
        "exposure": 0,
        "blocked": frozenset(),
        "leases": {},
    }
    return Client(id=id_, **{**usual, **changes})


def stock(project: str, *tasks: int, free: int = 1, complete: bool = True, tag: int = 0) -> Stock:
    return Stock(
        project=project,
        version=1,
        lease_ms=1000,
        family="text",
        tag=tag,
        candidates=tuple(Candidate(n, free, 1) for n in tasks),
        complete=complete,
    )


def run(view: WindowView, beta: bytes = b"beta"):
    return decide(view, open_window(view), b"p" * 80, Moment(ms=5, chance=beta))


@pytest.mark.parametrize(
    "barrier", [{"blocked": frozenset({"ent-0"})}, {"band": 6}, {"exposure": 2, "leases": {"ent-0": 2}}]
)
def test_verdict_band_and_exposure_bar_a_client_and_leave_the_others(barrier):
    stocks = {"cli-a": (stock("a", 1),), "cli-b": (stock("b", 1),)}
    window = run(quiet((seat("ann-1"),), client("cli-a", **barrier), client("cli-b", tag=99), stocks=stocks))
    assert [one.client for one in window.served] == ["cli-b"]
    assert window.event.passed == ()


def test_an_exposure_counts_what_the_window_gives():
    view = quiet(
        (seat("ann-1"), seat("ann-2")), client("cli-a", exposure=1), stocks={"cli-a": (stock("a", 1, 2),)}
    )
    assert len(run(view).served) == 1


def test_ties_and_the_order_of_annotators_come_from_the_draw():
    seats = tuple(seat(f"ann-{i}") for i in range(3))
    clients = [client(f"cli-{i}") for i in range(3)]
    stocks = {c.id: (stock(f"p-{c.id}", 1, 2, 3),) for c in clients}
    for beta in (b"a", b"b", b"c", b"d"):
        served = run(quiet(seats, *clients, stocks=stocks), beta).served

        def tie(c, beta=beta):
            return hashlib.sha256(beta + c.encode()).digest()[:8]

        persons = sorted((s.person for s in seats), key=lambda p: hashlib.sha256(beta + p.encode()).digest())
        assert [one.seat.person for one in served] == persons
        assert served[0].client == min((c.id for c in clients), key=tie)


def test_what_is_not_known_is_asked_for_and_what_is_gone_is_said():
    seats = (seat("ann-1"), seat("ann-2"))
    barred = frozenset({("ann-1", "a", 1)})
    view = quiet(seats, client("cli-a"), stocks={"cli-a": (stock("a", 1, complete=True),)}, barred=barred)
    assert run(view) == Shortage((("ann-1", "cli-a"),)) or isinstance(run(view), Shortage)
    looked = {("ann-1", "cli-a"): False, ("ann-2", "cli-a"): True}
    window = run(msgspec.structs.replace(view, looked=looked))
    assert [(one.seat.person, one.lease.task) for one in window.served] == [("ann-2", 1)]
    assert window.event.passed == ({"who": "ann-1", "client": "cli-a", "why": "had"},)
    assert window.event.idle == ("ann-1",)
    assert window.event.gone == ("cli-a",)


def test_who_comes_too_late_for_the_last_task_is_told_that_it_was_taken():
    seats = (seat("ann-1"), seat("ann-2"))
    looked = {(s.person, "cli-a"): True for s in seats}
    view = quiet(seats, client("cli-a"), stocks={"cli-a": (stock("a", 1),)}, looked=looked)
    assert [row["why"] for row in run(view).event.passed] == ["taken"]


def test_independent_answers_come_from_different_entities():
    seats = (seat("ann-1", "ent-0"), seat("ann-2", "ent-0"), seat("ann-3", "ent-1"))
    looked = {(s.person, "cli-a"): False for s in seats}
    view = quiet(
        seats, client("cli-a"), stocks={"cli-a": (stock("a", 1, free=3),)}, looked=looked, independent=True
    )
    window = run(view)
    assert {one.seat.entity for one in window.served} == {"ent-0", "ent-1"}
    assert [row["why"] for row in window.event.passed] == ["independence"]


def test_a_client_s_projects_take_turns():
    stocks = {"cli-a": (stock("a", 1, 2, 3, tag=5), stock("b", 1, 2, 3, tag=4))}
    window = run(quiet((seat("ann-1", count=3),), client("cli-a"), stocks=stocks))
    assert [one.lease.project for one in window.served] == ["b", "a", "b"]
    assert window.event.projects == (("a", 6), ("b", 6))
    assert window.event.lent == (("org-cli-a", "ann-1", "enr-ann-1-0", "human"),)


def test_nothing_new_makes_no_entry():
    assert (
        run(quiet((seat("ann-1", idle=True),), client("cli-a", open=False, backlogged=False))).event is None
    )
    assert run(quiet((seat("ann-1"),), client("cli-a", open=False, backlogged=False))).event.idle == (
        "ann-1",
    )


def test_backlog_goes_off_and_comes_back_at_the_virtual_time():
    off = run(quiet((), client("cli-a", open=False))).event
    assert off.backlog == ({"client": "cli-a", "on": 0, "tag": 0},)
    assert off.proof != "" or off.leases == ()
    on = open_window(quiet((), client("cli-a", backlogged=False), virtual=50))
    assert (on.returned, on.tags, on.alpha) == (("cli-a",), {"cli-a": 50}, b"")


def test_recalls_give_the_charge_back_in_entries_that_stay_small():
    leases = [
        Lease(id=f"asg-{i}", client="cli-a", price=5, charge=3, weight=1, state="live")
        for i in range(shared_pool.RECALLS + 1)
    ]
    total = 3 * UNIT * len(leases)
    events = recalled("pool-p", "conflict", Place("pool-p", 4), leases, {"cli-a": total})
    assert [len(event.slots) for event in events] == [shared_pool.RECALLS, 1]
    assert events[0].slots[0] == slot_of("asg-0")
    assert events[-1].tags == (("cli-a", 0),)
    assert recalled("pool-p", "ended", Place("pool-p", 4), [], {}) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"weights": {"cli-a": 17}}, "pool.weight"),
        ({"weights": {"cli-a": 0}}, "pool.weight"),
        ({"prices": {}}, "pool.prices"),
        ({"prices": {"text": 0}}, "pool.price"),
        ({"prices": {"text": 21}}, "pool.price"),
        ({"charge": 21}, "pool.charge"),
        ({"charge": -1}, "pool.charge"),
    ],
)
def test_terms_that_no_replay_could_follow_are_refused(change, rule):
    usual = {"weights": {"cli-a": 2}, "prices": {"text": 10}, "charge": 5, "independent": False}
    check_terms(Terms(**usual), cap=20)
    with pytest.raises(Invalid) as error:
        check_terms(Terms(**{**usual, **change}), cap=20)
    assert error.value.rule == rule


def test_everybody_gets_a_first_before_anybody_gets_a_second_and_nobody_more_than_asked():
    seats = (seat("ann-1", count=2), seat("ann-2", count=1))
    window = run(quiet(seats, client("cli-a"), stocks={"cli-a": (stock("a", 1, 2, 3, 4),)}))
    got = [one.seat.person for one in window.served]
    assert sorted(got[:2]) == ["ann-1", "ann-2"] and got[2:] == ["ann-1"]


def test_a_project_that_does_not_admit_somebody_is_passed_over_for_the_client_s_others():
    shut = msgspec.structs.replace(stock("a", 1, 2), closed=frozenset({"ann-1"}))
    both = {"cli-a": (shut, stock("b", 7, tag=5))}
    window = run(
        quiet((seat("ann-1", count=2),), client("cli-a"), stocks=both, looked={("ann-1", "cli-a"): False})
    )
    assert [one.lease.project for one in window.served] == ["b"]
    assert window.event.passed == ({"who": "ann-1", "client": "cli-a", "why": "closed"},)
    barred = {"cli-a": frozenset({"ann-1"})}
    seats = (seat("ann-1"), seat("ann-2"))
    alone = run(quiet(seats, client("cli-a"), stocks={"cli-a": (shut,)}, shut=barred))
    assert [one.seat.person for one in alone.served] == ["ann-2"]
    assert alone.event.passed == (), "the log says already that no project of the client admits them"


def test_gold_comes_in_place_of_an_ordinary_task_and_takes_no_slot_of_it():
    hidden = msgspec.structs.replace(
        stock("a", 1), gold={"ann-1": (Candidate(90, 1, 1), None), "ann-2": (Candidate(90, 1, 1),)}
    )
    seats = (seat("ann-1", count=2), seat("ann-2"))
    looked = {(s.person, "cli-a"): False for s in seats}
    view = quiet(seats, client("cli-a"), stocks={"cli-a": (hidden,)}, looked=looked, independent=True)
    window = run(view)
    got = {(one.seat.person, one.lease.task) for one in window.served}
    assert got == {("ann-1", 90), ("ann-2", 90), ("ann-1", 1)}, "gold may go to several of one entity"
    assert {lease["family"] for lease in window.event.leases} == {"text"}
    assert window.event.gone == ("cli-a",)


def test_what_officers_sign_is_the_text_of_the_page():
    text = override_text("log.example", "pool-p", "suspend", "ann-1", "abuse", 1700000000000)
    assert text == b"evenhand/override/v1\nlog.example\npool-p\nsuspend ann-1\nabuse\n1700000000000\n"


def test_what_a_window_looks_at_first_is_what_it_serves_first():
    for seed in range(30):
        chance = Random(seed)
        pool = Pool(chance, clients=chance.randint(1, 30), annotators=3)
        pool.tags = {client: chance.randrange(3) for client in pool.tags}
        clients = Clients(client(id_, tag=tag) for id_, tag in pool.tags.items())
        seats = tuple(seat(f"ann-{i}", count=chance.randint(1, 2)) for i in range(seed % 4))
        view = msgspec.structs.replace(pool.view(seats), clients=clients)
        opening = open_window(view)
        found = nearest(view, opening, bytes(64))

        def rank(c, opening=opening):
            return opening.tags[c], hashlib.sha256(bytes(64) + c.encode()).digest()[:8], c

        assert found[0] == min(opening.backlog, key=rank)
        served = list(dict.fromkeys(one.client for one in run(view, bytes(64)).served))
        assert served == found[: len(served)] and len(served) >= len(found) - 1
    assert nearest(quiet(()), open_window(quiet(())), bytes(64)) == []


def test_clients_that_change_are_as_those_who_were_so_from_the_start():
    for seed in range(30):
        chance = Random(seed)

        def some(i, chance=chance):
            state = {
                "tag": chance.randrange(5),
                "backlogged": chance.random() < 0.5,
                "open": chance.random() < 0.5,
            }
            return client(f"cli-{i}", **state)

        clients, weights = Clients(some(i) for i in range(6)), {"cli-1": 4}
        clients.lines(weights, clients.tags, ())
        for _ in range(20):
            clients.set(some(chance.randrange(8)))
        fresh = Clients(sorted(clients, key=lambda one: one.id))
        for name in ("tags", "open", "order", "backlogged"):
            assert getattr(clients, name) == getattr(fresh, name), name
        assert clients.lines(weights, clients.tags, ()) == fresh.lines(weights, fresh.tags, ())


def test_two_phases_decide_as_one_does_for_those_who_were_closed_in():
    """The first phase settles and lifts; the second gives, and nothing else is in either."""
    pool = Pool(Random(3), clients=3, annotators=4)
    pool.settled = [
        settlement(Lease(id="asg-7", client="cli-0", price=7, charge=4, weight=1, state="live"), True)
    ]
    pool.backlogged["cli-1"], pool.open["cli-1"] = True, False
    seats = tuple(seat(f"ann-{i}", f"ent-{i}") for i in range(4))
    view = pool.view(seats)
    opening = open_window(view)
    first = shared_pool.close(view, opening, 9, Place("node", 2))
    assert first.round == 9 and first.causes == (Place("ann-x", 7), Place("node", 2))
    assert [(row["client"], row["on"]) for row in first.backlog] == [("cli-1", 0), ("cli-0", 1), ("cli-2", 1)]
    assert {row["client"] for row in first.tags} == {"cli-0"}, "of those that changed"
    assert shared_pool.close(view, opening, 0, None).causes == (Place("ann-x", 7),)
    closing = Closing(
        pool="pool-p",
        n=0,
        ms=5,
        leaf=bytes(32),
        candidates=first.candidates,
        round=9,
        waiting={one.person: 1 for one in seats},
    )
    pool.tags |= {row["client"]: row["tag"] for row in first.tags}
    pool.backlogged = {"cli-0": True, "cli-1": False, "cli-2": True}
    pool.settled, pool.n = [], 1
    evidence = Evidence(
        source="reveal", reveals=((b"w" * 32, bytes(80)),), size=9, root=bytes(32),
        cosignatures=((b"w" * 32, 4, bytes(64)),),
    )  # fmt: skip
    later = msgspec.structs.replace(pool.view(seats), stocks=view.stocks)
    again = shared_pool.reopen(later, closing, msgspec.structs.replace(evidence, reveals=()))
    assert again.backlog == ("cli-0", "cli-2") and again.alpha != opening.alpha
    at = Moment(ms=6, chance=b"beta")
    second = decide(later, again, b"p" * 80, at, evidence).event
    one = decide(view, opening, b"p" * 80, at).event
    assert second.leases == one.leases and second.virtual == one.virtual
    assert second.source == "reveal" and len(second.reveals) == len(second.cosignatures) == 1
    drand = msgspec.structs.replace(evidence, source="drand", signature=bytes(48), reveals=())
    assert len(decide(later, again, b"p" * 80, at, drand).event.signature) == 64
    assert not shared_pool.undrawn("pool-p", 5).leases


def test_a_client_that_withdrew_its_tasks_since_the_first_phase_is_passed_over():
    gone, stays = client("cli-a", backlogged=True, open=False), client("cli-b", backlogged=True, tag=5)
    view = quiet((seat("ann-1"),), gone, stays, stocks={"cli-b": (stock("b", 1),)})
    seen = Evidence(source="none", size=1, root=bytes(32))
    opening = shared_pool.Opening(
        tags={"cli-a": 0, "cli-b": 5}, backlog=("cli-a", "cli-b"), returned=(), touched=frozenset(),
        candidates=b"", alpha=b"x", order=[(0, ["cli-a"]), (5, ["cli-b"])],
    )  # fmt: skip
    event = decide(view, opening, b"p" * 80, Moment(ms=5, chance=b"beta"), seen).event
    assert event.passed == ({"who": "ann-1", "client": "cli-a", "why": "gone"},)
    assert [lease["client"] for lease in event.leases] == ["cli-b"]


def test_a_second_phase_ends_before_its_entry_grows_too_long(monkeypatch):
    monkeypatch.setattr(shared_pool, "PASSED", 3)
    clients = [client(f"cli-{n}", backlogged=True, open=False) for n in range(5)]
    view = quiet((seat("ann-1"), seat("ann-2")), *clients)
    opening = shared_pool.Opening(
        tags=dict.fromkeys((c.id for c in clients), 0), backlog=tuple(c.id for c in clients), returned=(),
        touched=frozenset(), candidates=b"", alpha=b"x", order=[(0, [c.id for c in clients])],
    )  # fmt: skip
    seen = Evidence(source="none", size=1, root=bytes(32))
    event = decide(view, opening, b"p" * 80, Moment(ms=5, chance=b"beta"), seen).event
    assert len(event.passed) == 3 and event.idle == () and event.leases == ()
