"""A small exchange, played out week after week: clients, providers, annotators, and one operator.

The honest operator decides with the real core (`evenhand.core.shared_pool`, `ownership`, `vrf`) and writes
real entries. A cheat overrides one of the methods that are marked so. Nothing here is random but by the seed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attacks.beacons import WITNESSES, told_by
from evenhand.core import beacon, merkle, signing, vrf
from evenhand.core.allocation import Candidate, slot_of
from evenhand.core.beacon import Chain, Evidence
from evenhand.core.canonical import b64url
from evenhand.core.events import (
    Admitted,
    AppealDecided,
    Appealed,
    Availability,
    BeaconSet,
    ClientJoined,
    ClientRegistered,
    ConflictFound,
    Enrolled,
    EntityRegistered,
    Event,
    Flagged,
    KeyAdded,
    Moment,
    NodeOpened,
    Overridden,
    OwnershipStated,
    Place,
    PolicySet,
    PoolPolicySet,
    PoolShared,
    ProjectPosted,
    Recalled,
    Reviewed,
    ReviewOpened,
    Said,
    SigningPolicySet,
    Skipped,
    Submitted,
    WindowClosed,
    WindowDecided,
    WindowDrawn,
)
from evenhand.core.ownership import RULE, Graph, Interest, Record, Thresholds, judge
from evenhand.core.shared_pool import (
    Client,
    Clients,
    Closing,
    Lease,
    Seat,
    Settlement,
    Stock,
    Terms,
    Window,
    WindowView,
    close,
    decide,
    open_window,
    reopen,
)
from evenhand.store import codec

E = TypeVar("E", bound=Event)

ORIGIN = "exchange.example/log"
POOL = "pool-1"
START = 1_795_435_200_000  # ms
MINUTE = 60_000
THRESHOLDS = {"blocked": 25_000_000, "waiver": 10_000_000, "disclosed": 1_000_000, "common": 5_000_000}
CHARGE, CAP = 50, 100
PRICES = {"plain": 60, "long": 100}
REVIEWER, RULER = "per-reviewer", "per-ruler"  # who judge answers, and appeals against that
SIGNED = ("appeal-decided", "appealed", "availability", "flagged", "reviewed", "skipped")
"""Kinds of acts that a policy can demand signatures of, as they are played."""


def _key(n: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)


def _actor(event: Event) -> str:
    """Who says it."""
    return event.who if isinstance(event, Availability) else event.stream


@dataclass
class Held:
    """A lease that was given."""

    id: str
    who: str
    client: str
    task: int
    until: int
    terms: tuple[int, int, int]  # price, charge, weight
    given: int  # ms
    place: Place  # of the window
    state: str = "live"
    due: int = 0  # ms when its annotator acts; 0: never
    skips: bool = False

    @property
    def may_act(self) -> bool:
        """Whether anything can still come of it. What cannot is forgotten: long logs have many of these."""
        return self.state == "live" or (self.state == "lapsed" and self.due > 0)


@dataclass
class Annotator:
    """Somebody who works for a provider."""

    id: str
    entity: str
    band: int
    off: bool = False
    idle: bool = False


@dataclass
class Party:
    """A client."""

    id: str
    organization: str
    record: str
    family: str
    weight: int = 1
    exposure: int = 0
    tag: int = 0
    backlogged: bool = False
    tasks: dict[int, int] = field(default_factory=dict)  # task -> free slots
    leases: dict[str, int] = field(default_factory=dict)  # entity -> leases
    blocked: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)  # annotators whom its posting does not admit
    next_task: int = 1


class World:
    """One exchange. `play` gives its log."""

    rival = "cli-1"  # whom cheats hurt
    favourite = "cli-0"  # whom they prefer
    skip_rate = 0.04
    lapse_rate = 0.04
    away_rate = 0.02

    demanded: tuple[str, ...] = ()  # kinds of acts that must be signed, besides answers and waivers
    whose = "holders"  # who must
    phases = 1  # of a window
    chain: Chain | None = None  # of drand
    people_count = 12
    stock = 30  # free tasks below which a client brings more

    def __init__(self, seed: int, windows: int = 40) -> None:
        self.dice = random.Random(seed)
        self.windows = windows
        self.now = START
        self.log: list[bytes] = []
        self.heads: dict[str, tuple[int, int]] = {}
        self.secret = hashlib.sha256(b"draw %d" % seed).digest()
        self.officers = [_key(n) for n in (1, 2)]
        self.signers = {  # holder -> the key that signs for it
            who: _key(n) for n, who in enumerate(("per-0", "per-1", "per-2", "cli-1"), 10)
        }
        if self.demanded:
            self.signers |= {REVIEWER: _key(20), RULER: _key(21)}
        self.key_places: dict[str, Place] = {}  # key -> where it was added
        self.virtual = 0
        self.clients = {
            f"cli-{n}": Party(f"cli-{n}", f"org-{n}", f"rec-c{n}", ["plain", "long"][n % 2]) for n in range(3)
        }
        self.people: dict[str, Annotator] = {}
        self.held: dict[str, Held] = {}
        self.waiting: list[tuple[Place, bool, Held]] = []  # answers that no window has named
        self.statements: list[OwnershipStated] = []
        self.entities = {f"ent-{n}": f"rec-e{n}" for n in range(3)} | {"ent-op": "rec-op"}
        self.count = 0
        self.week = windows * 3 * MINUTE

    # ---- what a cheat may change ------------------------------------------------------------

    def see(self, view: WindowView) -> WindowView:
        """What the operator decides on."""
        return view

    def write(self, event: Any) -> Any:
        """What the operator writes about a window."""
        return event

    def policy(self) -> dict[str, int]:
        """Weights that the pool's policy says."""
        return {client.id: client.weight for client in self.clients.values()}

    def verdict(self, client: Party, entity: str, grade: int, blocked: bool) -> tuple[int, bool] | None:
        """What the operator says about a pair; None: nothing."""
        return grade, blocked

    def price(self, held: Held) -> int:
        """What an answer costs."""
        return held.terms[0]

    def draw(self, alpha: bytes) -> bytes:
        """The proof of a draw."""
        return vrf.prove(self.secret, alpha)

    def settle_now(self, held: Held) -> bool:
        """Whether an answer is named by the next window."""
        return True

    def recalls(self) -> bool:
        """Whether leases are taken back when a conflict appears."""
        return True

    def stated_late(self) -> int:
        """How many ms after it took effect a change of ownership is stated."""
        return 0

    def answers(self, held: Held) -> tuple[str, int]:
        """Who is said to have answered, and in how many ms."""
        return held.who, max(1000, self.now - held.given)

    def sign(self, event: E) -> E:
        """The event in its actor's own words, where the actor has a key."""
        secret = self.signers.get(_actor(event))
        return event if secret is None else self.said(event, secret)

    def demand(self) -> SigningPolicySet:
        """Which acts must be signed."""
        since = self.now + MINUTE
        return SigningPolicySet(stream="node", kinds=self.demanded, since=since, whose=self.whose)

    def skips(self, held: Held) -> float:
        """How likely an annotator gives a task back."""
        return self.skip_rate

    def leaves(self, annotator: Annotator) -> float:
        """How likely an annotator becomes unavailable."""
        return self.away_rate

    def step(self, number: int) -> None:
        """Anything else that happens before a window."""

    def say_closing(self, event: WindowClosed) -> WindowClosed:
        """What the operator writes about the first phase of a window."""
        return event

    def may_wait(self, view: WindowView) -> WindowView:
        """What the operator draws on in the second phase."""
        return view

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        """What the operator draws with: the round, or what witnesses reveal."""
        seconds = closing.ms // 1000
        seen = Evidence(
            source="none",
            size=len(self.log),
            root=root,
            cosignatures=tuple(w.cosign(ORIGIN, len(self.log), root, seconds) for w in WITNESSES),
        )
        if self.chain is not None:
            self.now = max(self.now, self.chain.time_of(closing.round) + 200)
            return msgspec.structs.replace(seen, source="drand", signature=told_by(closing.round))
        asked = beacon.reveal_input(ORIGIN, POOL, closing.n, closing.leaf)
        return msgspec.structs.replace(
            seen, source="reveal", reveals=tuple(witness.reveal(asked) for witness in WITNESSES)
        )

    def publish(self) -> list[bytes]:
        """The log as outsiders get it."""
        return self.log

    # ---- writing ----------------------------------------------------------------------------

    def append(self, event: Event, at: int | None = None) -> Place:
        """Write one event as an entry."""
        n, newest = self.heads.get(event.stream, (0, 0))
        ms = max(self.now if at is None else at, newest)
        self.heads[event.stream] = (n + 1, ms)
        salts = codec.drawn_salts(event, [self.dice.randbytes(32) for _ in range(codec.salts_needed(event))])
        self.log.append(codec.encode(event, ORIGIN, n, ms, salts))
        return Place(event.stream, n)

    def play(self) -> list[bytes]:
        """Set the exchange up and let it run."""
        self.set_up()
        for number in range(self.windows):
            self.now += self.dice.randrange(1 * MINUTE, 5 * MINUTE)
            self.step(number)
            if self.demanded:
                self.judge_work(number)
            self.work()
            self.go_and_come()
            self.bring_tasks()
            self.window()
        return self.publish()

    # ---- beginning ----------------------------------------------------------------------------

    def set_up(self) -> None:
        """Rules, parties, people."""
        self.append(NodeOpened(stream="node", software="evenhand:test"))
        officers = tuple(
            {"key": f"officer-{n}", "public": b64url(key.public_key().public_bytes_raw())}
            for n, key in enumerate(self.officers)
        )
        self.append(
            PolicySet(
                stream="node",
                effective_from=2,
                engine=RULE,
                thresholds=THRESHOLDS | {"control": 50_000_000},
                late=10 * MINUTE,
                skew=1000,
                officers=officers,
                vrf=b64url(vrf.public_key(self.secret)),
            )
        )
        for record in [*self.entities.values(), *(client.record for client in self.clients.values())]:
            self.state(record)
        if self.phases == 2:
            self.set_beacon()
        for client in self.clients.values():
            self.append(
                ClientRegistered(
                    stream="node",
                    client=client.id,
                    record=client.record,
                    identity=client.record.encode(),
                    organization=client.organization.encode(),
                )
            )
        for entity, record in self.entities.items():
            role = "operator" if entity == "ent-op" else "provider"
            self.append(
                EntityRegistered(stream="node", entity=entity, record=record, role=role, organization=b"o")
            )
        self.append(PoolShared(stream=POOL, band=1, language="en", qualification=""))
        self.set_terms()
        for client in self.clients.values():
            self.join(client)
        for holder, secret in self.signers.items():
            self.add_key(holder, secret)
        if self.demanded:
            self.append(self.demand())
        for n in range(self.people_count):
            self.enrol(f"per-{n}", f"ent-{n % 3}", 1 + n * 6 // self.people_count)

    def set_beacon(self) -> None:
        """What draws depend on."""
        chain = (self.chain.told(),) if self.chain else ()
        witnesses = () if self.chain else tuple(witness.told() for witness in WITNESSES)
        self.beacon = self.append(BeaconSet(stream="node", drand=chain, witnesses=witnesses))

    def post(self, client: Party, state: str = "open") -> None:
        """A client's project is named in the pool."""
        self.append(
            ProjectPosted(
                stream=POOL,
                client=client.id,
                posting=f"pst-{client.id}",
                family=client.family,
                state=state,
                test=0,
                project=b"p",
            )
        )

    def shut_out(self, client: Party, who: Sequence[str]) -> None:
        """The client's project takes annotators off."""
        told = Admitted(stream=POOL, posting=f"pst-{client.id}", on=0, who=tuple(who), evidence=b"{}")
        self.append(told)
        client.closed |= set(who)

    def state(self, record: str, **more: Any) -> None:
        """A statement of ownership."""
        told = {"type": "entity", "status": "new", "form": "registeredEntity"} | more
        event = OwnershipStated(
            stream="node", record=record, statement=b"{}", source=record, effective=self.now, **told
        )
        effective = self.now - self.stated_late() if told["type"] == "relationship" else self.now
        event = msgspec.structs.replace(event, effective=effective)
        self.statements.append(event)
        place = self.append(event)
        if told["type"] == "relationship":
            self.judge(place)

    def buys(self, buyer: str, bought: str, share: int) -> None:
        """Somebody acquires economic shares without votes."""
        interest = {"type": "shareholding", "least": share, "most": share, "indirect": 0, "end": 0}
        self.state(
            f"rec-r{len(self.statements)}",
            type="relationship",
            form="",
            subject=bought,
            party=buyer,
            interests=(interest,),
        )

    def set_terms(self) -> None:
        """The pool's policy."""
        weights = [{"client": client, "weight": weight} for client, weight in sorted(self.policy().items())]
        prices = [{"family": family, "price": price} for family, price in sorted(PRICES.items())]
        self.append(
            PoolPolicySet(
                stream=POOL,
                effective_from=self.heads[POOL][0] + 1,
                weights=tuple(weights),
                prices=tuple(prices),
                charge=CHARGE,
                cap=CAP,
                draw="vrf" if self.phases == 1 else "vrf-drand",
                independent=0,
            )
        )

    def add_key(self, holder: str, secret: Ed25519PrivateKey) -> None:
        """A holder signs from now on."""
        public = secret.public_key().public_bytes_raw()
        key = signing.key_id(holder, public)
        proof = b64url(secret.sign(signing.possession_text(ORIGIN, holder, public)))
        self.key_places[key] = self.append(
            KeyAdded(stream=holder, key=key, public=b64url(public), proof=proof)
        )

    def said(self, event: E, secret: Ed25519PrivateKey) -> E:
        """The event with a statement."""
        key = signing.key_id(_actor(event), secret.public_key().public_bytes_raw())
        if isinstance(event, Availability):  # its stream is the pool's
            event = msgspec.structs.replace(event, causes=(self.key_places[key],))
        said, private = signing.STATED[event.KIND]
        salts = {name: self.dice.randbytes(32) for name in private}
        text = signing.statement_of(
            ORIGIN,
            event.KIND,
            event.causes[0],
            self.now,
            {name: getattr(event, name) for name in said},
            {name: (salt, getattr(event, name)) for name, salt in salts.items()},
        )
        signature = b64url(secret.sign(text.encode()))
        told = Said(key=key, statement=text, signature=signature, salts=tuple(salts.items()))
        return msgspec.structs.replace(event, said=told)

    def spoken(self, event: E) -> E:
        """The event, signed where that is demanded."""
        return self.sign(event) if event.KIND in self.demanded else event

    def join(self, client: Party) -> None:
        """A client takes part."""
        self.append(
            ClientJoined(
                stream=POOL,
                client=client.id,
                state="active",
                band=1,
                exposure=client.exposure,
                organization=client.organization.encode(),
            )
        )

    def enrol(self, who: str, entity: str, band: int, state: str = "active") -> None:
        """An annotator takes part, or ends it."""
        self.people[who] = Annotator(who, entity, band)
        self.append(
            Enrolled(
                stream=POOL,
                who=who,
                entity=entity,
                state=state,
                band=band,
                languages=("en",),
                qualifications=(),
                evidence=b"e",
                member="m",
            )
        )

    def judge(self, cause: Place) -> None:
        """Verdicts that a statement makes necessary, and leases that have to be taken back."""
        newest = {s.record: s for s in self.statements}
        records = [
            Record(
                record=s.record,
                type=s.type,
                status=s.status,
                form=s.form,
                subject=s.subject,
                party=s.party,
                interests=tuple(msgspec.convert(one, Interest) for one in s.interests),
                components=s.components,
            )
            for s in newest.values()
        ]
        thresholds = msgspec.convert(THRESHOLDS | {"control": 50_000_000}, Thresholds)
        graph = Graph(records, thresholds, self.now)
        for client in self.clients.values():
            for entity, record in self.entities.items():
                found = judge(graph, client.record, record, (), False)
                if found.grade:
                    self.say(client, entity, found.grade, found.blocked, cause)

    def say(self, client: Party, entity: str, grade: int, blocked: bool, cause: Place) -> None:
        """One verdict."""
        told = self.verdict(client, entity, grade, bool(blocked))
        if told is None:
            return
        place = self.append(
            ConflictFound(
                stream=POOL,
                causes=(cause,),
                client=client.id,
                entity=entity,
                grade=told[0],
                rival=0,
                blocked=int(told[1]),
                rule=RULE,
                path=b"[]",
            )
        )
        if told[1]:
            client.blocked.add(entity)
            live = [h for h in self.held.values() if h.state == "live" and h.client == client.id]
            self.recall([h for h in live if self.people[h.who].entity == entity], "conflict", place)

    def recall(self, leases: Sequence[Held], reason: str, cause: Place) -> None:
        """Take leases back."""
        if not leases or not self.recalls():
            return
        self.append(
            Recalled(
                stream=POOL,
                causes=(cause,) if cause.stream != POOL else (),
                reason=reason,
                slots=tuple(sorted(slot_of(one.id) for one in leases)),
                ids=(),
                tags=(),
            )
        )
        for one in leases:
            one.state = "over"
            _, charge, weight = one.terms
            self.clients[one.client].tag -= charge * (720_720 // weight)
            self.give_back(one)

    def give_back(self, one: Held) -> None:
        """A task has a free slot again."""
        tasks = self.clients[one.client].tasks
        tasks[one.task] = tasks.get(one.task, 0) + 1

    # ---- every few minutes ----------------------------------------------------------------------

    def bring_tasks(self) -> None:
        """Clients bring work, now and then none."""
        for client in self.clients.values():
            client.tasks = {task: free for task, free in client.tasks.items() if free}
            if len(client.tasks) < self.stock and self.dice.random() < 0.9:
                for _ in range(self.stock * 2 // 3):
                    client.tasks[client.next_task] = 1
                    client.next_task += 1

    def go_and_come(self) -> None:
        """Annotators become unavailable and come back."""
        for annotator in self.people.values():
            chance = 0.3 if annotator.off else self.leaves(annotator)
            if self.dice.random() < chance:
                annotator.off = not annotator.off
                annotator.idle = False
                told = Availability(stream=POOL, who=annotator.id, on=int(not annotator.off))
                self.append(self.spoken(told))

    def work(self) -> None:
        """Answers and skips that are due."""
        named = {held.id for _, _, held in self.waiting}
        for one in sorted(self.held.values(), key=lambda h: (h.due, h.id)):
            if one.state == "over" or not 0 < one.due <= self.now or one.id in named:
                continue
            who, ms = self.answers(one)
            slot, causes = slot_of(one.id), (one.place,)
            if one.skips:
                told = Skipped(
                    stream=who,
                    causes=causes,
                    slot=slot,
                    reason=b"r",
                    assignment=one.id,
                    project=f"prj-{one.client}",
                    task=one.task,
                    member="m",
                    was=one.state,
                )
                event: Event = self.spoken(told)
            else:
                event = self.submission(who, causes, slot, ms, one)
            self.waiting.append((self.append(event), not one.skips, one))

    def judge_work(self, number: int) -> None:
        """Somebody flags a task, a reviewer judges its answer, the annotator appeals, and that is decided."""
        one = next((h for h in self.held.values() if h.state == "live" and h.who in self.signers), None)
        if one is None:
            return
        about: dict[str, Any] = {"project": f"prj-{one.client}", "task": one.task, "member": "m"}
        self.flag(one, about)
        about["review"] = f"review-{number}"
        slot = slot_of(about["review"])
        opened, returned = self.review(slot, about)
        about |= {"appeal": f"appeal-{number}", "reviewer": "m"}
        self.appeal(one, slot, about, opened, returned)

    def flag(self, one: Held, about: dict[str, Any]) -> None:
        """An annotator says that something is wrong with the task."""
        flag = Flagged(
            stream=one.who,
            causes=(one.place,),
            slot=slot_of(one.id),
            reason=b"r",
            assignment=one.id,
            was=one.state,
            **about,
        )
        self.append(self.spoken(flag))

    def review(self, slot: str, about: dict[str, Any]) -> tuple[Place, Place]:
        """A reviewer takes the task up and sends its answer back; where both stand."""
        opened = ReviewOpened(
            stream=about["project"],
            slot=slot,
            who=REVIEWER,
            until=self.now + MINUTE,
            lapsed=(),
            task=b"1",
            review=about["review"],
            round=1,
            member="m",
        )
        place = self.append(opened)
        review = Reviewed(
            stream=REVIEWER,
            causes=(place,),
            slot=slot,
            ms=-1,
            decision=b"returned",
            answers=b"",
            comment=b"",
            judged=b"[]",
            round=1,
            judgements=(),
            **about,
        )
        return place, self.append(self.spoken(review))

    def appeal(self, one: Held, slot: str, about: dict[str, Any], opened: Place, returned: Place) -> None:
        """The annotator appeals, and loses."""
        appeal = Appealed(
            stream=one.who, causes=(returned,), slot=slot, text=b"t", assignment=one.id, **about
        )
        decided = AppealDecided(
            stream=RULER,
            causes=(self.append(self.spoken(appeal)), opened),
            slot=slot,
            decision=b"rejected",
            text=b"t",
            annotator="m",
            restores=False,
            **about,
        )
        self.append(self.spoken(decided))

    def submission(self, who: str, causes: tuple[Place, ...], slot: str, ms: int, one: Held) -> Event:
        """An answer."""
        event = Submitted(
            stream=who,
            causes=causes,
            slot=slot,
            ms=ms,
            revision=1,
            surplus=0,
            answers=b"{}",
            assignment=one.id,
            project=f"prj-{one.client}",
            task=one.task,
            member="m",
            was=one.state,
        )
        return self.sign(event)

    def window(self) -> None:
        """One window of the pool."""
        live = {h.who for h in self.held.values() if h.state == "live"}
        seats = [
            Seat(
                person=a.id,
                kind="human",
                entity=a.entity,
                band=a.band,
                idle=a.idle,
                count=1,
                leases=(f"lease-{self.dice.getrandbits(64):x}",),
                pseudonyms=("x",),
            )
            for a in self.people.values()
            if not a.off and a.id not in live and self.dice.random() < 0.7
        ]
        settled = [one for one in self.waiting if self.settle_now(one[2])]
        lapsed = [h for h in self.held.values() if h.state == "live" and h.until <= self.now]
        lapsed = [h for h in lapsed if h.id not in {one.id for _, _, one in settled}]
        view = self.see(self.view(seats, settled, lapsed))
        opening = open_window(view)
        if self.phases == 2 and opening.alpha:
            self.two_phases(view, settled, lapsed)
            return
        proof = self.draw(opening.alpha) if opening.alpha else b""
        chance = vrf.output(proof) if proof else b""
        decided = decide(view, opening, proof, Moment(ms=self.now, chance=chance))
        assert isinstance(decided, Window), f"everything was looked up: {decided}"
        if decided.event is None:
            return
        event = self.write(decided.event)
        if event is not None:
            self.queue(event.backlog, ())
            self.end(settled, lapsed)
            self.apply(event, decided)

    def two_phases(
        self, view: WindowView, settled: Sequence[tuple[Place, bool, Held]], lapsed: list[Held]
    ) -> None:
        """A window whose candidates are closed in the log before anything is drawn."""
        opening = open_window(view)
        round_ = self.chain.round_after(self.now) if self.chain else 0
        event = self.say_closing(close(view, opening, round_, self.beacon))
        place = self.append(event)
        closing = Closing(
            pool=POOL,
            n=place.n,
            ms=self.heads[POOL][1],
            leaf=merkle.leaf_hash(self.log[-1]),
            candidates=event.candidates,
            round=event.round,
            waiting={seat.person: seat.count for seat in view.seats},
        )
        self.queue(event.backlog, event.tags)
        self.end(settled, lapsed)
        leaves = [merkle.leaf_hash(entry) for entry in self.log]
        evidence = self.gather(closing, merkle.CompactRange().grow(leaves).range.root())
        later = self.may_wait(self.see(self.view(list(view.seats), (), [])))
        self.draw_closed(later, closing, evidence)

    def draw_closed(self, view: WindowView, closing: Closing, evidence: Evidence) -> None:
        """The second phase."""
        opening = reopen(view, closing, evidence)
        proof = self.draw(opening.alpha)
        at = Moment(ms=self.now, chance=vrf.output(proof))
        decided = decide(view, opening, proof, at, evidence)
        assert isinstance(decided, Window), f"everything was looked up: {decided}"
        assert isinstance(decided.event, WindowDrawn), "a second phase has an entry"
        event = self.write(decided.event)
        if event is not None:
            self.apply(event, decided)

    def view(
        self, seats: list[Seat], settled: Iterable[tuple[Place, bool, Held]], lapsed: list[Held]
    ) -> WindowView:
        """What a window depends on."""
        stocks = {
            client.id: (
                Stock(
                    project=f"prj-{client.id}",
                    version=1,
                    lease_ms=30 * MINUTE,
                    family=client.family,
                    tag=0,
                    candidates=tuple(Candidate(n, free, 1) for n, free in client.tasks.items() if free),
                    complete=True,
                    closed=frozenset(client.closed),
                ),
            )
            for client in self.clients.values()
        }
        return WindowView(
            pool=POOL,
            n=self.heads[POOL][0],
            origin=ORIGIN,
            virtual=self.virtual,
            terms=Terms(weights=self.weights(), prices=PRICES, charge=CHARGE, independent=False),
            clients=Clients(
                Client(
                    id=client.id,
                    organization=client.organization,
                    tag=client.tag,
                    backlogged=client.backlogged,
                    open=any(client.tasks.values()),
                    band=1,
                    exposure=client.exposure,
                    blocked=frozenset(client.blocked),
                    leases=dict(client.leases),
                )
                for client in self.clients.values()
            ),
            seats=tuple(seats),
            settled=tuple(
                Settlement(place=place, answered=answered, lease=self.core_lease(held))
                for place, answered, held in settled
            ),
            lapsed=tuple(self.core_lease(held) for held in lapsed),
            closed={f"prj-{client.id}": frozenset(client.closed) for client in self.clients.values()},
            shut={client.id: frozenset(client.closed) for client in self.clients.values()},
            stocks=stocks,
            looked={(seat.person, client): True for seat in seats for client in self.clients},
        )

    def weights(self) -> dict[str, int]:
        """Weights that the operator goes by."""
        return {client.id: client.weight for client in self.clients.values()}

    def core_lease(self, held: Held) -> Lease:
        """A lease as the core sees it."""
        _, charge, weight = held.terms
        return Lease(
            id=held.id,
            client=held.client,
            price=self.price(held),
            charge=charge,
            weight=weight,
            state=held.state,
        )

    def queue(self, backlog: Iterable[dict[str, Any]], tags: Iterable[dict[str, Any]]) -> None:
        """Who waits, and with which tag."""
        for one in backlog:
            self.clients[one["client"]].backlogged = bool(one["on"])
        for one in tags:
            self.clients[one["client"]].tag = one["tag"]

    def end(self, settled: Sequence[tuple[Place, bool, Held]], lapsed: Sequence[Held]) -> None:
        """What a window has named as settled and lapsed."""
        for _, answered, held in settled:
            held.state = "over"
            if not answered:
                self.give_back(held)
        named = {held.id for _, _, held in settled}
        self.waiting = [one for one in self.waiting if one[2].id not in named]
        for held in lapsed:
            held.state = "lapsed"
            self.give_back(held)
        self.held = {id_: held for id_, held in self.held.items() if held.may_act}

    def apply(self, event: WindowDecided | WindowDrawn, decided: Window) -> None:
        """Write the window, and do what it says."""
        place = self.append(event)
        self.queue([{"client": client, "on": 0} for client in event.gone], event.tags)
        self.virtual = event.virtual
        for who in event.idle:
            self.people[who].idle = True
        terms = {slot_of(one.lease.lease): one for one in decided.served}
        for lease in event.leases:
            self.lend(lease, terms[str(lease["slot"])].lease, place)

    def lend(self, lease: dict[str, Any], given: Any, place: Place) -> None:
        """One lease begins."""
        client, annotator = self.clients[lease["client"]], self.people[lease["who"]]
        annotator.idle = False
        client.leases[annotator.entity] = client.leases.get(annotator.entity, 0) + 1
        client.tasks[given.task] = max(0, client.tasks.get(given.task, 0) - 1)
        terms = (PRICES[lease["family"]], CHARGE, self.weights()[client.id])
        held = Held(given.lease, annotator.id, client.id, given.task, lease["until"], terms, self.now, place)
        luck = self.dice.random()
        held.due = self.now + self.dice.randrange(2 * MINUTE, 12 * MINUTE)
        held.skips = luck < self.skips(held)
        if self.skips(held) <= luck < self.skips(held) + self.lapse_rate:
            held.due = 0 if self.dice.random() < 0.5 else self.now + 45 * MINUTE  # too late
        self.held[held.id] = held

    def override(self, act: str, subject: str, signers: int = 2) -> None:
        """Officers step in."""
        lines = ["evenhand/override/v1", ORIGIN, POOL, f"{act} {subject}", "safety", str(self.now), ""]
        text = "\n".join(lines).encode()
        signatures = tuple(
            {"key": f"officer-{n}", "sg": b64url(key.sign(text))}
            for n, key in enumerate(self.officers[:signers])
        )
        event = Overridden(
            stream=POOL, act=act, subject=subject, reason="safety", at=self.now, signatures=signatures
        )
        place = self.append(event)
        if act == "recall":
            self.recall([h for h in self.held.values() if slot_of(h.id) == subject], "override", place)
