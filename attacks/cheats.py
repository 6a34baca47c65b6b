"""Every cheat that is played: one class each, which changes what the honest exchange does and nothing else.

A cheat names the control that it breaks (``evenhand.audit.findings.CONTROLS``). `expected` is False where the
log cannot show it: those are played too, so that the table says it and nobody has to believe it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from attacks.beacons import CHAIN, WITNESSES, chain_of, told_by
from attacks.world import (
    MINUTE,
    ORIGIN,
    POOL,
    REVIEWER,
    SIGNED,
    START,
    Annotator,
    E,
    Held,
    Party,
    World,
)
from evenhand.core import vrf
from evenhand.core.beacon import Evidence
from evenhand.core.canonical import b64url, decode_entry, encode_entry
from evenhand.core.events import (
    Availability,
    BeaconSet,
    Erased,
    Event,
    Flagged,
    KeyRevoked,
    Moment,
    Place,
    Reviewed,
    SigningPolicySet,
    Submitted,
    Waived,
    WindowClosed,
    WindowDecided,
)
from evenhand.core.shared_pool import Clients, Closing, Seat, Window, WindowView, decide, open_window


class Cheat(World):
    """The root of all cheats."""

    control: ClassVar[str] = ""
    title: ClassVar[str] = ""
    expected: ClassVar[bool] = True  # the log alone shows it
    needs: ClassVar[int] = 40  # windows that it plays


def replaced(event: WindowDecided, **fields: Any) -> WindowDecided:
    """A window that says something else."""
    return msgspec.structs.replace(event, **fields)


class OwnerFirst(Cheat):
    control, title = "EN-1", "The favourite's tag is taken for smaller than it is"

    def see(self, view: WindowView) -> WindowView:
        clients = Clients(
            msgspec.structs.replace(c, tag=max(0, c.tag - 10**8)) if c.id == self.favourite else c
            for c in view.clients
        )
        return msgspec.structs.replace(view, clients=clients)


class OwnerFirstCovered(Cheat):
    control, title = "EN-1", "The favourite gets the rival's turn, with tags made to fit"

    def write(self, event: WindowDecided) -> WindowDecided | None:
        for i, lease in enumerate(event.leases):
            if lease["client"] == self.rival and self.clients[self.favourite].backlogged:
                tag = self.clients[self.favourite].tag
                other = {**lease, "client": self.favourite, "family": "plain", "v": tag}
                return replaced(event, leases=(*event.leases[:i], other, *event.leases[i + 1 :]))
        return event


class Withheld(Cheat):
    control, title = "EN-1", "Annotators are kept idle while the rival waits"

    def write(self, event: WindowDecided) -> WindowDecided | None:
        left = tuple(lease for lease in event.leases if lease["client"] != self.rival)
        return replaced(event, leases=left) if len(left) < len(event.leases) else event


class PassedOver(Cheat):
    control, title = "EN-1", "The rival is said to have nothing for annotators who never worked for it"

    def write(self, event: WindowDecided) -> WindowDecided | None:
        others = [one for one in event.waiting if one["who"] not in {lease["who"] for lease in event.leases}]
        lies = tuple({"who": str(one["who"]), "client": self.rival, "why": "had"} for one in others[:1])
        fresh = not self.clients[self.rival].leases
        return replaced(event, passed=(*event.passed, *lies)) if lies and fresh else event

    def see(self, view: WindowView) -> WindowView:
        clients = Clients(
            msgspec.structs.replace(c, blocked=frozenset(self.entities)) if c.id == self.rival else c
            for c in view.clients
        )
        return msgspec.structs.replace(view, clients=clients)


class UnsignedOverride(Cheat):
    control, title = "EN-1", "An override that one officer alone has signed"

    def step(self, number: int) -> None:
        live = [h for h in self.held.values() if h.state == "live" and h.client == self.rival]
        if number % 10 == 5 and live:
            from evenhand.core.allocation import slot_of

            self.override("recall", slot_of(live[0].id), signers=1)


class SilentWeight(Cheat):
    control, title = "EN-2", "The favourite has weight 4, and the policy says 1"

    def weights(self) -> dict[str, int]:
        return super().weights() | {self.favourite: 4}


class PolicyAtOnce(Cheat):
    control, title = "EN-2", "A new weight holds from the entry that says so"

    def set_terms(self) -> None:
        super().set_terms()
        entry = decode_entry(self.log[-1])
        public = entry.public | {"effective_from": entry.n}
        self.log[-1] = encode_entry(msgspec.structs.replace(entry, public=public))


class NotSeen(Cheat):
    control, title = "EN-3", "The rival's tasks are not put in the queue (seen with its receipts)"
    expected = False

    def see(self, view: WindowView) -> WindowView:
        clients = Clients(
            msgspec.structs.replace(c, open=c.open and c.id != self.rival) for c in view.clients
        )
        return msgspec.structs.replace(view, clients=clients)


class InventedConflict(Cheat):
    control, title = "EN-4", "A conflict that no statement gives keeps a provider from the rival"

    def step(self, number: int) -> None:
        if number == 5:
            n = self.heads["node"][0] - 1
            self.say(self.clients[self.rival], "ent-1", 3, True, Place("node", n))


class BestForOwner(Cheat):
    control, title = "EN-5", "The favourite's leases go to the highest bands that wait"

    def write(self, event: WindowDecided) -> WindowDecided | None:
        bands = {who: one.band for who, one in self.people.items()}
        leases = [dict(lease) for lease in event.leases]
        own = [lease for lease in leases if lease["client"] == self.favourite]
        rest = [lease for lease in leases if lease["client"] != self.favourite]
        for mine in own:
            for other in rest:
                if bands[str(other["who"])] > bands[str(mine["who"])]:
                    mine["who"], other["who"] = other["who"], mine["who"]
        return replaced(event, leases=tuple(leases))


class Ground(Cheat):
    control, title = "EN-6", "Draws are tried until one suits"

    def draw(self, alpha: bytes) -> bytes:
        proofs = [vrf.prove(self.secret, alpha + bytes([n])) for n in range(2)]
        return min(proofs, key=lambda proof: vrf.output(proof))


class GroundTiming(Cheat):
    control, title = (
        "EN-6",
        "Windows in one phase are closed when the draw suits, milliseconds earlier or later",
    )
    expected = False

    def step(self, number: int) -> None:
        self.now += self.dice.randrange(0, 50)


class TwoPhases(Cheat):
    """The root of cheats on draws in two phases, with witnesses that reveal."""

    phases = 2


class WithDrand(TwoPhases):
    """The same with rounds of drand."""

    chain = CHAIN


class Redrawn(TwoPhases):
    control, title = "EN-6", "What was closed is not drawn, when the draw does not suit, and closed again"

    def draw_closed(self, view: WindowView, closing: Closing, evidence: Evidence) -> None:
        if self.dice.random() < 0.8:  # as if one in five did not suit
            super().draw_closed(view, closing, evidence)


class DrawnTwice(TwoPhases):
    control, title = "EN-6", "One closing is drawn twice"

    def draw_closed(self, view: WindowView, closing: Closing, evidence: Evidence) -> None:
        super().draw_closed(view, closing, evidence)
        again = self.may_wait(self.view(list(view.seats), (), []))
        super().draw_closed(again, closing, evidence)


class ChangedAfter(TwoPhases):
    control, title = "EN-6", "Somebody who was among the candidates is left out of the draw"

    def may_wait(self, view: WindowView) -> WindowView:
        return msgspec.structs.replace(view, seats=view.seats[1:])


class AddedAfter(TwoPhases):
    control, title = "EN-6", "Somebody who was not among the candidates takes part in the draw"

    def may_wait(self, view: WindowView) -> WindowView:
        first = view.seats[0]
        others = sorted(self.people.keys() - {seat.person for seat in view.seats})
        who = self.people[others[0]] if others else None
        if who is None:
            return view
        stranger = msgspec.structs.replace(first, person=who.id, entity=who.entity, band=who.band)
        return msgspec.structs.replace(view, seats=(stranger, *view.seats[1:]))


class ClosedLater(WithDrand):
    control, title = "EN-6", "Candidates are closed when the round is known, with the time of before"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        seen = super().gather(closing, root)
        known = CHAIN.time_of(closing.round) // 1000 + 1
        late = tuple(w.cosign(ORIGIN, seen.size, root, known) for w in WITNESSES)
        return msgspec.structs.replace(seen, cosignatures=late)


class StaleRound(WithDrand):
    control, title = "EN-6", "A round of drand decides that was known before the candidates were closed"

    def say_closing(self, event: WindowClosed) -> WindowClosed:
        return msgspec.structs.replace(event, round=event.round - 20)


class WrongRound(WithDrand):
    control, title = "EN-6", "Another round of drand decides than the closing has named"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        return msgspec.structs.replace(super().gather(closing, root), signature=told_by(closing.round + 1))


class AnotherChain(WithDrand):
    control, title = "EN-6", "The round is one of another chain, whose key the operator has"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        return msgspec.structs.replace(super().gather(closing, root), signature=told_by(closing.round, 8))


class OwnChain(WithDrand):
    control, title = "EN-6", "The log names a chain that the operator runs"

    def set_beacon(self) -> None:
        self.beacon = self.append(BeaconSet(stream="node", drand=(chain_of(8).told(),)))

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        return msgspec.structs.replace(super().gather(closing, root), signature=told_by(closing.round, 8))


class FellBack(WithDrand):
    control, title = "EN-6", "The round is said not to have come, when it does not suit"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        seen = super().gather(closing, root)
        return (
            msgspec.structs.replace(seen, source="none", signature=b"") if self.dice.random() < 0.3 else seen
        )


class TooEarly(WithDrand):
    control, title = "EN-17", "A draw says that it is older than the round it was made with"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        before = self.now
        seen = super().gather(closing, root)
        self.now = before
        return seen


class RevealWithheld(TwoPhases):
    control, title = "EN-6", "What one witness revealed is left out, when the draw does not suit"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        seen = super().gather(closing, root)
        return msgspec.structs.replace(seen, reveals=seen.reveals[:1]) if self.dice.random() < 0.3 else seen


class Stalled(TwoPhases):
    control, title = "EN-6", "A second phase is held back until somebody has left whom it should not reach"
    left: str = ""

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        seen = super().gather(closing, root)
        self.left = min(closing.waiting)
        if self.dice.random() < 0.3 and len(self.people) > 4:
            self.now += 2 * MINUTE
            self.enrol(self.left, self.people[self.left].entity, 1, state="ended")
            del self.people[self.left]
        return seen

    def may_wait(self, view: WindowView) -> WindowView:
        seats = tuple(seat for seat in view.seats if seat.person in self.people)
        return msgspec.structs.replace(view, seats=seats)


class Busied(TwoPhases):
    control, title = "EN-6", "Before a draw somebody's enrolment is stated again and again, until it suits"
    closed: int = 0

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        seen = super().gather(closing, root)
        who = self.people[min(closing.waiting)]
        self.closed += 1
        for _ in range(70 if self.closed % 10 == 0 else 1):
            self.enrol(who.id, who.entity, who.band)
        return seen


class InventedReveal(TwoPhases):
    control, title = "EN-6", "The operator reveals for a witness"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        seen = super().gather(closing, root)
        (who, _), *rest = seen.reveals
        return msgspec.structs.replace(seen, reveals=((who, vrf.prove(self.secret, closing.leaf)), *rest))


class PuppetWitness(TwoPhases):
    control, title = "EN-6", "The log names a key of reveals that its witness has not signed"

    def set_beacon(self) -> None:
        told = [witness.told() for witness in WITNESSES]
        told[0] |= {"public": b64url(vrf.public_key(self.secret))}
        self.beacon = self.append(BeaconSet(stream="node", witnesses=tuple(told)))


class Unwitnessed(TwoPhases):
    control, title = "EN-6", "Draws are made before the witnesses have seen who may be chosen"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        return msgspec.structs.replace(super().gather(closing, root), cosignatures=())


class AnotherTree(TwoPhases):
    control, title = "EN-6", "The checkpoint that a draw names is that of another tree"

    def gather(self, closing: Closing, root: bytes) -> Evidence:
        return super().gather(closing, bytes(32))


class OnePhase(TwoPhases):
    control, title = "EN-6", "A pool that draws in two phases draws in one"

    def two_phases(
        self, view: WindowView, settled: Sequence[tuple[Place, bool, Held]], lapsed: list[Held]
    ) -> None:
        opening = open_window(view)
        proof = self.draw(opening.alpha)
        decided = decide(view, opening, proof, Moment(ms=self.now, chance=vrf.output(proof)))
        assert isinstance(decided, Window) and decided.event is not None, "something is drawn"
        self.queue(getattr(decided.event, "backlog", ()), ())
        self.end(settled, lapsed)
        self.apply(decided.event, decided)


class ShutOut(Cheat):
    control, title = "EN-30", "Annotators whom the rival's rules take off are kept there all the same"

    def step(self, number: int) -> None:
        rival = self.clients[self.rival]
        if number == 3:
            self.post(rival)
            self.shut_out(rival, [who for who, one in self.people.items() if one.entity == "ent-0"])
            rival.closed.clear()


class HeldBack(Cheat):
    control, title = "EN-7", "Answers to the rival's tasks are not settled for the rest of the week"
    needs = 90

    def settle_now(self, held: Held) -> bool:
        return held.client != self.rival or self.now > START + self.week * 10


class Dropped(Cheat):
    control, title = "EN-14", "Leases of the rival are never ended"
    needs = 100
    lapse_rate = 0.4

    def view(self, seats: Any, settled: Any, lapsed: list[Held]) -> WindowView:
        lapsed[:] = [held for held in lapsed if held.client != self.rival]
        return super().view(seats, settled, lapsed)


class Ghosts(Cheat):
    control, title = "EN-15", "Answers come from people who never had the lease"

    def answers(self, held: Held) -> tuple[str, int]:
        return (f"ghost-{held.id}", 5000) if held.client == self.rival else super().answers(held)


class SpokenFor(Cheat):
    control, title = "EN-15", "The node answers in the name of somebody who signs"

    def sign(self, event: E) -> E:
        return event if self.dice.random() < 0.2 else super().sign(event)


class SpokenForWithItsKey(Cheat):
    control, title = "EN-35", "The node signs for somebody with a key that nobody added"

    def sign(self, event: E) -> E:
        return self.said(event, self.officers[0]) if event.stream in self.signers else event


class MovedAnswer(Cheat):
    control, title = "EN-15", "A signed answer is put down with other times than were signed"

    def sign(self, event: E) -> E:
        said = super().sign(event)
        moved = isinstance(said, Submitted) and said.said is not None
        return msgspec.structs.replace(said, ms=said.ms + 100) if moved else said


class WaivedFor(Cheat):
    control, title = "EN-15", "The node waives a conflict in the name of a client who signs"

    def step(self, number: int) -> None:
        if number == 5:
            self.append(Waived(stream=POOL, client=self.rival, entity="ent-1", state="given"))


class RevokedKey(Cheat):
    control, title = "EN-35", "A key that was revoked goes on signing"

    def step(self, number: int) -> None:
        if number == 5:
            key = next(key for key, place in self.key_places.items() if place.stream == "per-1")
            self.append(KeyRevoked(stream="per-1", key=key))


class AnotherKey(Cheat):
    control, title = "EN-35", "The node adds a key of its own for somebody, and signs with it"
    expected = False

    def step(self, number: int) -> None:
        if number == 5:
            self.add_key("per-1", self.officers[0])
            self.signers["per-1"] = self.officers[0]


class Demanded(Cheat):
    """The root of cheats where a policy demands that people sign whatever they do."""

    demanded = SIGNED
    needs = 12
    skip_rate, away_rate = 0.3, 0.2
    forged: ClassVar[str] = ""  # a kind that the node says instead of its actor

    def sign(self, event: E) -> E:
        return event if self.forged == event.KIND else super().sign(event)


class SkippedFor(Demanded):
    control, title = "EN-15", "The node gives tasks back in the name of somebody who signs"
    forged, needs = "skipped", 40


class FlaggedFor(Demanded):
    control, title = "EN-15", "The node flags tasks in the name of somebody who signs"
    forged = "flagged"


class ReviewedFor(Demanded):
    control, title = "EN-15", "The node returns answers in the name of a reviewer who signs"
    forged = "reviewed"


class AppealedFor(Demanded):
    control, title = "EN-15", "The node appeals in the name of an annotator who signs"
    forged = "appealed"


class DecidedFor(Demanded):
    control, title = "EN-15", "The node rejects appeals in the name of whoever decides them, who signs"
    forged = "appeal-decided"


class SentAway(Demanded):
    control, title = "EN-15", "The node says that somebody who signs has become unavailable"
    forged = "availability"


class TurnedReview(Demanded):
    control, title = "EN-15", "A signed review is put down with another decision than was signed"

    def sign(self, event: E) -> E:
        said = super().sign(event)
        turned = isinstance(said, Reviewed)
        return msgspec.structs.replace(said, decision=b"accepted") if turned else said


class CopiedReview(Demanded):
    control, title = "EN-15", "One signed review is put down for a second answer, too"

    def judge_work(self, number: int) -> None:
        super().judge_work(number)
        own = [decode_entry(data) for data in self.log if b'"t":"reviewed"' in data]
        if number == 6 and own:
            n, at = self.heads[REVIEWER]
            self.heads[REVIEWER] = (n + 1, at)
            self.log.append(encode_entry(msgspec.structs.replace(own[-1], n=n, at=at)))


class ReviewedWithAnothersKey(Demanded):
    control, title = "EN-35", "A review is signed with the key of another person"

    def sign(self, event: E) -> E:
        if not isinstance(event, Reviewed):
            return super().sign(event)
        said = self.said(event, self.signers["per-0"])
        stolen = next(key for key, place in self.key_places.items() if place.stream == "per-0")
        return msgspec.structs.replace(said, said=msgspec.structs.replace(said.said, key=stolen))


class NobodyUnsigned(Demanded):
    control, title = "EN-15", "Nobody may answer without a key, and the node says that strangers have"
    demanded, whose = ("submitted",), "everybody"


class DemandBackdated(Demanded):
    control, title = "EN-31", "A demand for signatures holds from before it was said"

    def demand(self) -> SigningPolicySet:
        return msgspec.structs.replace(super().demand(), since=self.now - MINUTE)


class DemandTakenBack(Demanded):
    control, title = (
        "EN-15",
        "The demand is taken back in the log; then the node speaks for reviewers (counted)",
    )
    expected = False

    def demand(self) -> SigningPolicySet:
        return msgspec.structs.replace(super().demand(), kinds=())

    def spoken(self, event: Event) -> Event:
        return event


class SettledTwice(Cheat):
    control, title = "EN-15", "One answer is settled, and charged, twice"
    last: Place | None = None

    def write(self, event: WindowDecided) -> WindowDecided | None:
        if self.last is not None and event.settled:
            again = tuple(sorted((*event.settled, self.last)))
            return replaced(event, settled=again, causes=tuple(sorted({*event.causes, self.last})))
        self.last = event.settled[0] if event.settled else self.last
        return event


class Backdated(Cheat):
    control, title = "EN-17", "An entry says that it is three hours older than it is"

    def step(self, number: int) -> None:
        if number == 30:
            self.state("rec-late")
            entry = decode_entry(self.log[-1])
            old = msgspec.structs.replace(entry, stream="backdated", n=0, at=self.now - 180 * MINUTE)
            self.log[-1] = encode_entry(old)
            self.heads["node"] = (self.heads["node"][0] - 1, self.heads["node"][1])


class Reordered(Cheat):
    control, title = "EN-17", "Two entries of a stream change places"

    def publish(self) -> list[bytes]:
        log = super().publish()
        own = [i for i, data in enumerate(log) if decode_entry(data).stream == POOL]
        a, b = own[-2], own[-1]
        log[a], log[b] = log[b], log[a]
        return log


class Cut(Cheat):
    control, title = "EN-18", "An entry is taken out of the log"

    def publish(self) -> list[bytes]:
        log = super().publish()
        own = [i for i, data in enumerate(log) if decode_entry(data).kind == "window"]
        del log[own[len(own) // 2]]
        return log


class Ignored(Cheat):
    control, title = (
        "EN-21",
        "One buys 49% of a provider without votes; the statement is logged, and nothing follows",
    )

    def step(self, number: int) -> None:
        if number == 10:
            self.buys("rec-c0", "rec-e0", 49_000_000)

    def verdict(self, client: Party, entity: str, grade: int, blocked: bool) -> tuple[int, bool] | None:
        return None


class Softened(Cheat):
    control, title = "EN-4", "The same purchase is said to be grade 1"

    def step(self, number: int) -> None:
        if number == 10:
            self.buys("rec-c0", "rec-e0", 49_000_000)

    def verdict(self, client: Party, entity: str, grade: int, blocked: bool) -> tuple[int, bool] | None:
        return 1, False


class NotRecalled(Cheat):
    control, title = "EN-21", "The verdict is written, and the open leases stay where they are"

    def step(self, number: int) -> None:
        live = {(h.client, self.people[h.who].entity) for h in self.held.values() if h.state == "live"}
        done = any(s.type == "relationship" for s in self.statements)
        if not done and ("cli-0", "ent-0") in live:
            self.buys("rec-c0", "rec-e0", 49_000_000)

    def recalls(self) -> bool:
        return False


class ServedInConflict(Cheat):
    control, title = "EN-21", "A provider in conflict goes on getting the client's tasks"

    def step(self, number: int) -> None:
        if number == 5:
            self.buys("rec-c0", "rec-e0", 49_000_000)
            self.clients["cli-0"].blocked.clear()


class Hidden(Cheat):
    control, title = "EN-21", "The purchase is not stated at all"
    expected = False

    def step(self, number: int) -> None:
        """It happened, and nobody wrote it down."""


class OverExposed(Cheat):
    control, title = "EN-23", "A provider gets more of a client than was agreed"

    def __init__(self, seed: int, windows: int = 40) -> None:
        super().__init__(seed, windows)
        self.clients[self.rival].exposure = 2

    def see(self, view: WindowView) -> WindowView:
        clients = Clients(msgspec.structs.replace(c, exposure=0) for c in view.clients)
        return msgspec.structs.replace(view, clients=clients)


class LateStatement(Cheat):
    control, title = "EN-24", "A purchase is stated ten days after it took effect"

    def stated_late(self) -> int:
        return 10 * 86_400_000

    def step(self, number: int) -> None:
        if number == 10:
            self.buys("rec-c0", "rec-e0", 49_000_000)


class CheapForOwner(Cheat):
    control, title = "EN-26", "The favourite is charged half of the published price"

    def price(self, held: Held) -> int:
        return held.terms[0] // 2 if held.client == self.favourite else held.terms[0]


class Rebate(Cheat):
    control, title = "EN-26", "The favourite gets money back outside the platform"
    expected = False


class Declines(Cheat):
    control, title = "EN-28", "Providers give the rival's tasks back four times in ten"
    needs = 400

    def skips(self, held: Held) -> float:
        return 0.4 if held.client == self.rival else self.skip_rate


class Slowed(Cheat):
    control, title = "EN-7", "Answers for the rival come half an hour later"
    needs = 400
    lapse_rate = 0.0

    def lend(self, lease: dict[str, Any], given: Any, place: Place) -> None:
        super().lend(lease, given, place)
        held = self.held[given.lease]
        if held.client == self.rival and held.due:
            held.due += 17 * MINUTE


class UnknownField(Cheat):
    control, title = "EN-31", "A window carries a field for a favour"

    def write(self, event: WindowDecided) -> WindowDecided | None:
        return event

    def publish(self) -> list[bytes]:
        log = super().publish()
        i = max(i for i, data in enumerate(log) if decode_entry(data).kind == "window")
        entry = decode_entry(log[i])
        log[i] = encode_entry(msgspec.structs.replace(entry, public=entry.public | {"priority": 1}))
        return log


class UnknownKind(Cheat):
    control, title = "EN-31", "An entry of a kind that the grammar does not have"

    def step(self, number: int) -> None:
        if number == 3:
            self.append(Availability(stream=POOL, who="per-1", on=1))
            entry = decode_entry(self.log[-1])
            self.log[-1] = encode_entry(msgspec.structs.replace(entry, kind="boost"))


class Pretext(Cheat):
    control, title = "EN-32", "Annotators become unavailable when the rival is first in line"
    needs = 600
    away_rate = 0.05

    def leaves(self, annotator: Annotator) -> float:
        waiting = [c for c in self.clients.values() if c.backlogged]
        head = min(waiting, key=lambda c: (c.tag, c.id), default=None)
        return 0.2 if head is not None and head.id == self.rival else 0.002


class Inflated(Cheat):
    control, title = "EN-33", "An hour of work is said for a lease of minutes"

    def answers(self, held: Held) -> tuple[str, int]:
        return held.who, 3_600_000


class EnrolledAnew(Cheat):
    control, title = "EN-22", "Annotators of a provider in conflict are enrolled anew, as another one's"

    def step(self, number: int) -> None:
        if number == 5:
            self.buys("rec-c0", "rec-e0", 49_000_000)
        if number == 8:
            for who, one in list(self.people.items()):
                if one.entity == "ent-0":
                    self.enrol(who, "ent-1", one.band)


class ShortLeases(Cheat):
    control, title = (
        "EN-27",
        "Leases of the rival's tasks end after four minutes, so that more of them run out",
    )
    needs = 250

    def write(self, event: WindowDecided) -> WindowDecided | None:
        soon = self.now + 4 * MINUTE
        leases = tuple(
            {**lease, "until": soon} if lease["client"] == self.rival else lease for lease in event.leases
        )
        return replaced(event, leases=leases)


class KeptFromTheRival(Cheat):
    control, title = (
        "EN-5",
        "Requests of the best annotators are held back until the favourite is due",
    )
    expected = False

    def view(self, seats: list[Seat], settled: Any, lapsed: list[Held]) -> WindowView:
        waiting = [c for c in self.clients.values() if c.backlogged]
        head = min(waiting, key=lambda c: (c.tag, c.id), default=None)
        if head is not None and head.id == self.rival:
            seats[:] = [seat for seat in seats if seat.band < 4]
        return super().view(seats, settled, lapsed)


class WaivedForTheKeyless(Cheat):
    control, title = "EN-15", "The node waives a conflict in the name of a client without a key (counted)"
    expected = False

    def step(self, number: int) -> None:
        if number == 5:
            self.append(Waived(stream=POOL, client=self.favourite, entity="ent-1", state="given"))


class ABitBack(Cheat):
    control, title = "EN-17", "An entry is dated fifty seconds back, within what honest clocks may differ"
    expected = False

    def step(self, number: int) -> None:
        if number == 20:
            self.append(Flagged(stream="per-late", causes=(Place(POOL, 0),), slot="0" * 32, reason=b"r",
                                assignment="a", project="p", task=1, member="m", was="live"),
                        at=self.now - 50_000)  # fmt: skip


class ErasedEvidence(Cheat):
    control, title = "EN-36", "Answers to the rival are erased before anybody asks for them (counted)"
    expected = False

    def step(self, number: int) -> None:
        if number % 4 == 3:
            self.append(Erased(stream=f"prj-{self.rival}", subject="task", basis="request", count=3))


class Disguised(Cheat):
    control, title = "EN-9", "The operator enrols itself, as an annotator of a provider"
    expected = False

    def step(self, number: int) -> None:
        if number == 5:
            self.enrol("per-disguised", "ent-1", 6)


class TakenOut(Cheat):
    control, title = "EN-3", "The rival's project is taken out of the pool in its name, with tasks left"
    expected = False
    taken_out = False

    def step(self, number: int) -> None:
        if number in (3, 10):
            self.taken_out = number == 10
            self.post(self.clients[self.rival], "closed" if self.taken_out else "open")

    def bring_tasks(self) -> None:
        super().bring_tasks()
        if self.taken_out:
            self.clients[self.rival].tasks.clear()


class AnotherFamily(Cheat):
    control, title = "EN-26", "The favourite's long tasks are posted as short ones, which cost less"
    expected = False


class PoolOfItsOwn(Cheat):
    control, title = "EN-5", "The best annotators are enrolled in a pool where the favourite is alone"
    expected = False


class ShownToOne(Cheat):
    control, title = "EN-19", "One client is shown a log of its own, compares with nobody and asks no witness"
    expected = False


class Peeks(Cheat):
    control, title = "EN-8", "The operator reads the rival's data"
    expected = False


class Resells(Cheat):
    control, title = "EN-11", "An annotator photographs the screen"
    expected = False


class Poisons(Cheat):
    control, title = "EN-25", "A provider labels one task in fifty wrongly, on purpose"
    expected = False


class Nominee(Cheat):
    control, title = "EN-22", "Two providers belong to one person, through a nominee"
    expected = False


class Honest(Cheat):
    """Nobody cheats: what is found here is a false alarm."""

    title = "Nobody cheats"
    expected = False


class HonestWithEverything(Honest):
    """All that is allowed: weights, a purchase with its verdict and recalls, an override of two officers,
    reviews and appeals that people sign as a policy demands."""

    title = "Nobody cheats; weights, a purchase, an override, signed reviews and appeals"
    demanded = SIGNED

    def __init__(self, seed: int, windows: int = 40) -> None:
        super().__init__(seed, windows)
        self.clients["cli-2"].weight = 2

    def step(self, number: int) -> None:
        live = [h for h in self.held.values() if h.state == "live"]
        if number == 12:
            self.buys("rec-c0", "rec-e0", 49_000_000)
        if number == 15:
            self.post(self.clients[self.rival])
            self.shut_out(self.clients[self.rival], ["per-0"])
        if number in (9, 25) and live:
            from evenhand.core.allocation import slot_of

            self.override("recall", slot_of(live[0].id))


class HonestWithDrand(HonestWithEverything):
    """The same with draws in two phases by drand."""

    title = "Nobody cheats; the same, drawn in two phases by drand"
    phases = 2
    chain = CHAIN


class HonestWithReveals(HonestWithEverything):
    """The same with draws in two phases by what witnesses reveal."""

    title = "Nobody cheats; the same, drawn in two phases by what witnesses reveal"
    phases = 2


HONEST: tuple[type[Honest], ...] = (Honest, HonestWithEverything, HonestWithDrand, HonestWithReveals)

CHEATS: tuple[type[Cheat], ...] = tuple(
    one
    for one in list(globals().values())
    if isinstance(one, type) and issubclass(one, Cheat) and one.title and not issubclass(one, Honest)
)
