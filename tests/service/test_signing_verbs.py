"""Keys of people and clients: who must sign, what is taken, and what an auditor makes of the entries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from exchange_world import ExchangeWorld
from world import World

from evenhand import wire
from evenhand.audit.entries import read_entry
from evenhand.audit.keys import Keys, wrong_signatures
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import b64url
from evenhand.core.errors import EvenhandError
from evenhand.core.policy import Actor
from evenhand.core.signing import key_id
from evenhand.doctor import examine
from evenhand.service import owners, projects, signing, work
from evenhand.signer import Signer
from evenhand.store.conformance import ORIGIN

PICKS = {"name": "tags", "type": "multi_choice", "choices": ["a", "b", "c"]}


def new(signer: Signer, holder: str, **more: Any) -> wire.NewSigningKey:
    return wire.NewSigningKey(public=b64url(signer.public), proof=signer.possession(ORIGIN, holder), **more)


def signed(signer: Signer, actor: Actor, one: wire.Assignment, answers: dict, **said: Any) -> wire.Signed:
    public = {"ms": -1, "revision": 1, "slot": slot_of(one.id)} | said
    return signer.say(
        ORIGIN, actor.person, "submitted", one.place, public, {"answers": msgspec.json.encode(answers)}
    )


def entries(world: World) -> list[bytes]:
    with world.reading() as reader:
        return [row[1] for row in reader.tuples("events_after", seq=0, limit=10_000)]


def audited(log: list[bytes]) -> list[str]:
    """Rules that an auditor finds broken."""
    keys, told = Keys(ORIGIN), []
    for index, data in enumerate(log):
        entry = read_entry(data)
        if entry.by != "node" or keys.concerns(entry):
            keys.take(index, entry, lambda rule, why: told.append(rule))
    return told + [check.rule for check in wrong_signatures(keys.checks)]


def refused(call: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(EvenhandError) as error:
        call(*args)
    return error.value.rule


def test_whoever_has_a_key_cannot_be_spoken_for(world):
    project = world.project(tasks=4, questions=[PICKS], overlap=2)
    ann, other = world.people[1:3]
    signer, stranger = Signer(b"1" * 32), Signer(b"2" * 32)
    assert refused(world.call, signing.add, ann, new(stranger, other.person)) == "signing.possession"
    key = world.call(signing.add, ann, new(signer, ann.person))
    assert refused(world.call, signing.add, ann, new(signer, ann.person)) == "signing.known"

    one = world.next(ann).assignments[0]
    answers = {"tags": ["c", "a"]}  # label types store it as ["a", "c"]; the actor commits to what it said
    say = signed(signer, ann, one, answers)
    wrong = [
        None,
        signed(stranger, ann, one, answers),
        signed(signer, ann, one, answers, revision=2),
        signed(signer, ann, one, {"tags": ["b"]}),
        msgspec.structs.replace(say, key=key_id(other.person, signer.public)),
        msgspec.structs.replace(say, values={"answers": "{"}),
    ]
    rules = [refused(partial(world.submit, ann, one.id, answers, signed=given)) for given in wrong]
    assert all(rule.startswith("signing.") for rule in rules), rules
    first = world.submit(ann, one.id, answers, signed=say)
    again = world.submit(ann, one.id, answers, signed=signed(signer, ann, one, answers))
    assert first.receipt.entry == again.receipt.entry
    assert first.receipt.openings[0].value == b'{"tags":["c","a"]}'
    assert world.read(work.get, ann, one.id).draft == {"tags": ["a", "c"]}
    mine = world.next(other).assignments[0]
    assert world.submit(other, mine.id, answers).state == "submitted"  # who has no key goes on as before

    second = world.call(
        signing.add, ann, new(stranger, ann.person, signed=_vouched(signer, ann, key, stranger))
    )
    gone = world.call(signing.revoke, ann, key.id, wire.SigningKeyRevocation())
    assert gone.revoked_at is not None and not gone.in_force
    more = world.next(ann).assignments[0]
    answer = {"tags": ["b"]}
    assert refused(lambda: world.submit(ann, more.id, answer, signed=signed(signer, ann, more, answer)))
    world.submit(ann, more.id, answer, signed=signed(stranger, ann, more, answer))
    assert refused(world.call, signing.revoke, other, second.id, wire.SigningKeyRevocation()) == "not-found"
    say = stranger.say(ORIGIN, ann.person, "key-revoked", second.place, {"key": second.id})
    world.call(signing.revoke, ann, second.id, wire.SigningKeyRevocation(signed=say))
    last = world.next(ann).assignments[0]
    world.submit(ann, last.id, answer)

    assert world.read(projects.get, world.owner, project.id).counts.annotations == 4
    assert examine(world.store, ORIGIN).healthy
    log = entries(world)
    assert audited(log) == []
    for cheat, rules in _cheats(log).items():
        assert set(audited(cheat)) == rules


def _vouched(signer: Signer, actor: Actor, key: wire.SigningKey, fresh: Signer) -> wire.Signed:
    public = {"key": key_id(actor.person, fresh.public), "public": b64url(fresh.public)}
    return signer.say(ORIGIN, actor.person, "key-added", key.place, public)


def _cheats(log: list[bytes]) -> dict[tuple[bytes, ...], set[str]]:
    """What an operator could write instead -> what must be found."""
    by_key = [i for i, data in enumerate(log) if b'"t":"submitted"' in data and b'"by":"key:' in data]
    added = [i for i, data in enumerate(log) if b'"t":"key-added"' in data]
    gone = [i for i, data in enumerate(log) if b'"t":"key-revoked"' in data]

    def instead(i: int, **changed: Any) -> tuple[bytes, ...]:
        entry = msgspec.json.decode(log[i])
        entry["b"] |= changed.pop("b", {})
        return (*log[:i], msgspec.json.encode(entry | changed, order="sorted"), *log[i + 1 :])

    said = msgspec.json.decode(log[by_key[0]])
    unsigned = {"by": "node", "st": "", "sg": ""}
    moved = [*log[: gone[0]], *log[gone[0] + 1 :]]
    moved.insert(by_key[0], log[gone[0]])
    return {
        instead(by_key[0], **unsigned): {"entry.unsigned"},
        instead(by_key[0], sg=said["sg"][:-3] + "AAA" if said["sg"][-3:] != "AAA" else ""): {
            "entry.signature"
        },
        instead(by_key[0], b={"slot": "0" * 32}): {"entry.statement"},
        instead(by_key[0], b={"slot": []}): {"entry.statement"},
        instead(by_key[0], st=said["st"].replace("b revision 1\n", "")): {"entry.statement"},
        instead(by_key[0], by="key:nobody"): {"key.validity"},
        instead(by_key[0], t="skipped", st=said["st"].replace("submitted", "skipped")): {"entry.statement"},
        instead(added[0], b={"proof": "A" * 86}): {"key.proof"},
        instead(added[0], b={"public": "A" * 43}): {"key.id", "key.validity"},
        instead(added[0], b={"public": 1}): {"entry.types", "key.validity"},
        tuple(log[: added[0]] + log[added[0] + 1 :]): {"key.validity"},
        tuple(moved): {"key.validity"},
        (*log, log[gone[0]]): {"key.validity"},
        (*log[: added[0] + 1], *log[added[0] :]): {"key.validity"},
    }


@pytest.fixture
def exchange_world(tmp_path):
    made = ExchangeWorld(f"sqlite:///{tmp_path / 'evenhand.db'}")
    made.admit()
    yield made
    made.close()


def test_a_client_signs_its_waivers(exchange_world):
    world = exchange_world
    owner, client, entity = world.clients["bolt"], world.client_ids["bolt"], world.entity_ids["opco"]
    world.hold("opco founders", "opco", economic=88, voting=88)
    world.hold("bolt", "opco", economic=12, voting=12)  # grade 2
    signer = Signer(b"3" * 32)
    with world.reading() as reader:
        verdict = ("conflict_place", {"pool": world.pool, "client": client, "entity": entity})
        n = reader.one(verdict[0], **verdict[1])["n"]

    world.call(signing.add, owner, new(signer, client, organization_id="org-bolt"))

    def waiver(state: str, place: tuple[str, int], by: Signer = signer) -> wire.Waiver:
        public = {"client": client, "entity": entity, "state": state}
        return wire.Waiver(entity=entity, state=state, signed=by.say(ORIGIN, client, "waived", place, public))

    def waive(wanted: wire.Waiver) -> wire.Waiver:
        return world.call(owners.waive, owner, world.pool, wanted)

    assert refused(waive, wire.Waiver(entity=entity)) == "signing.unsigned"
    assert refused(waive, waiver("given", (world.pool, 0))) == "signing.statement"
    none = waiver("given", (world.pool, n))
    assert (
        refused(waive, msgspec.structs.replace(none, entity=world.entity_ids["indie"])) == "signing.verdict"
    )
    waive(none)
    with world.reading() as reader:
        lifted = reader.one(verdict[0], **verdict[1])["n"]
    assert lifted > n, "the waiver made another verdict"
    assert refused(waive, none) == "signing.statement"  # it answered the verdict before
    waive(waiver("withdrawn", (world.pool, lifted)))
    log = entries(world)
    assert audited(log) == []
    said = [i for i, data in enumerate(log) if b'"t":"waived"' in data]
    assert audited([*log, log[said[0]]]) == ["statement.again"]
    causeless = msgspec.json.decode(log[said[0]])
    causeless["re"] = [place for place in causeless["re"] if place[0] == world.pool]
    cut = [*log[: said[0]], msgspec.json.encode(causeless, order="sorted"), *log[said[0] + 1 :]]
    assert audited(cut) == ["key.validity"]
    assert examine(world.store, ORIGIN).healthy
