"""Every cheat that is played: one class each, which changes what the honest exchange does and nothing else.

A cheat names the control that it breaks (``evenhand.audit.findings.CONTROLS``). `expected` is False where the
log cannot show it: those are played too, so that the table says it and nobody has to believe it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from attacks.world import MINUTE, POOL, START, Annotator, Held, Party, World
from evenhand.core import vrf
from evenhand.core.canonical import decode_entry, encode_entry
from evenhand.core.events import Availability, KeyRevoked, Place, Submitted, Waived, WindowDecided
from evenhand.core.shared_pool import WindowView


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
        clients = tuple(
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
        clients = tuple(
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
        clients = tuple(msgspec.structs.replace(c, open=c.open and c.id != self.rival) for c in view.clients)
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
    control, title = "EN-6", "Windows are closed when the draw suits, milliseconds earlier or later"
    expected = False

    def step(self, number: int) -> None:
        self.now += self.dice.randrange(0, 50)


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

    def sign(self, event: Submitted) -> Submitted:
        return event if self.dice.random() < 0.2 else super().sign(event)


class SpokenForWithItsKey(Cheat):
    control, title = "EN-35", "The node signs for somebody with a key that nobody added"

    def sign(self, event: Submitted) -> Submitted:
        return self.said(event, self.officers[0]) if event.stream in self.signers else event


class MovedAnswer(Cheat):
    control, title = "EN-15", "A signed answer is put down with other times than were signed"

    def sign(self, event: Submitted) -> Submitted:
        said = super().sign(event)
        return msgspec.structs.replace(said, ms=said.ms + 100) if said.said else said


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
        clients = tuple(msgspec.structs.replace(c, exposure=0) for c in view.clients)
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
    """All that is allowed: weights, a purchase with its verdict and recalls, an override of two officers."""

    title = "Nobody cheats; weights, a purchase, an override"

    def __init__(self, seed: int, windows: int = 40) -> None:
        super().__init__(seed, windows)
        self.clients["cli-2"].weight = 2

    def step(self, number: int) -> None:
        live = [h for h in self.held.values() if h.state == "live"]
        if number == 12:
            self.buys("rec-c0", "rec-e0", 49_000_000)
        if number in (9, 25) and live:
            from evenhand.core.allocation import slot_of

            self.override("recall", slot_of(live[0].id))


CHEATS: tuple[type[Cheat], ...] = tuple(
    one
    for one in list(globals().values())
    if isinstance(one, type) and issubclass(one, Cheat) and one not in (Cheat, Honest, HonestWithEverything)
)
