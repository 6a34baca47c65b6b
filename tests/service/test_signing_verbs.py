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
from evenhand.core.policy import Actor, Membership
from evenhand.core.project import ReviewPolicy
from evenhand.core.signing import key_id
from evenhand.doctor import examine
from evenhand.service import appeals, erasure, owners, projects, review, signing, tasks, work
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


def say(signer: Signer, actor: Actor, kind: str, place: tuple[str, int], public: Any = None, **private: Any):
    values = {field: value if isinstance(value, str) else dumps(value) for field, value in private.items()}
    encoded = {field: value.encode() for field, value in values.items()}
    return signer.say(ORIGIN, actor.person, kind, place, public or {}, encoded)


def dumps(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


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


def refused(call: Callable[..., Any], *args: Any, **named: Any) -> str:
    with pytest.raises(EvenhandError) as error:
        call(*args, **named)
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
    world.require_healthy()
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


def test_whatever_a_person_does_can_be_signed_and_a_policy_demands_it(world):
    """Skips, flags, reviews of every sort, appeals and their ends: forged, copied, by a key that is gone."""
    project = world.project(
        tasks=6, questions=[PICKS], overlap=1, review=ReviewPolicy(which="all", shows="answers")
    ).id
    ann, other = world.people[1:3]
    boss = msgspec.structs.replace(
        world.people[3], memberships=(Membership(organization="org-a", member="mem-3", role="reviewer"),)
    )
    mine, his, lost = Signer(b"1" * 32), Signer(b"2" * 32), Signer(b"4" * 32)
    world.call(signing.add, ann, new(mine, ann.person))
    world.call(signing.add, boss, new(his, boss.person))
    gone = world.call(signing.add, boss, new(lost, boss.person))
    world.call(signing.revoke, boss, gone.id, wire.SigningKeyRevocation())

    def remark(
        verb, kind: str, one: wire.Assignment, reason: str, by: Signer | None = mine, **lie: Any
    ) -> None:
        public = {"slot": slot_of(one.id)} | lie
        signed = by and say(by, ann, kind, one.place, public, reason=reason)
        world.call(verb, ann, one.id, wire.Skip(reason="Not English", signed=signed))

    one = world.next(ann).assignments[0]
    remark(work.flag, "flagged", one, "Not English", None)  # no policy: the node's word, as before
    with pytest.raises(EvenhandError, match="role"):
        world.call(signing.set_policy, ann, wire.SigningPolicy(kinds=["flagged"]))
    operator = msgspec.structs.replace(world.owner, operator=True)
    wanted = wire.SigningPolicy(kinds=["skipped", "flagged", "reviewed", "appealed", "appeal-decided"])
    assert (
        refused(world.call, signing.set_policy, operator, wire.SigningPolicy(kinds=["window"]))
        == "signing.kind"
    )
    asked = world.call(signing.set_policy, operator, wanted)
    assert world.read(signing.get_policy, other) == asked and asked.kinds == sorted(wanted.kinds)
    assert refused(remark, work.flag, "flagged", one, "Not English", None) == "signing.unsigned"
    world.ms += 120_000  # the policy is in force
    assert refused(remark, work.flag, "flagged", one, "Not German") == "signing.value"
    assert refused(remark, work.flag, "flagged", one, "Not English", slot="0" * 32) == "signing.statement"
    assert refused(remark, work.flag, "skipped", one, "Not English") == "signing.statement"
    assert refused(remark, work.flag, "flagged", one, "Not English", his) == "signing.key-unknown"
    flag = wire.Skip(
        reason="Not English",
        signed=say(mine, ann, "flagged", one.place, {"slot": slot_of(one.id)}, reason="Not English"),
    )
    before = len(entries(world))
    for _ in range(3):  # sent again: said once
        world.call(work.flag, ann, one.id, flag)
    assert len(entries(world)) == before + 1
    remark(work.skip, "skipped", one, "Not English")

    for _ in range(4):
        given = world.next(ann).assignments[0]
        world.submit(ann, given.id, {"tags": ["a"]}, signed=signed(mine, ann, given, {"tags": ["a"]}))

    def judge(decision: str, by: Signer = his, lie: Any = None, **more: Any) -> wire.Review:
        found = world.call(review.next_, boss, project).review
        ids = [a.assignment_id for a in found.annotations] if decision == "return" else []
        told = wire.ReviewDecision(decision=decision, comment="As I see it", assignment_ids=ids, **more)
        stands = {"accept": {q: a.value for q, a in found.consensus.items()}}.get(decision, told.answers)
        private = {
            "answers": stands or "",
            "comment": told.comment,
            "decision": {"assignments": ids, "decision": decision},
        } | (lie or {})
        public = {"ms": -1, "slot": slot_of(found.id)}
        signed_ = say(by, boss, "reviewed", found.place, public, **private)
        return world.call(review.decide, boss, found.id, msgspec.structs.replace(told, signed=signed_))

    assert refused(judge, "accept", lost) == "signing.key-unknown"
    assert refused(judge, "accept", his, {"answers": {"tags": ["b"]}}) == "signing.value"
    fix = {"decision": {"assignments": [], "decision": "fix"}}
    assert refused(judge, "accept", his, fix) == "signing.value"
    assert judge("accept").state == "accepted"
    fixed = judge("fix", answers={"tags": ["c", "b"]})
    assert (fixed.state, fixed.answers) == ("fixed", {"tags": ["b", "c"]})  # stored in the type's own order
    assert world.read(tasks.get, world.owner, fixed.task_id).consensus["tags"].value == ["b", "c"]
    assert judge("return").state == "returned"
    assert judge("skip").state == "skipped"

    found = [j for j in world.read(appeals.list_mine, ann).items if j.may_appeal]
    about = next(j for j in found if j.outcome == "fixed")
    text = wire.NewAppeal(text="A is right")
    assert refused(world.call, appeals.appeal, ann, about.assignment_id, text) == "signing.unsigned"
    appealed = say(mine, ann, "appealed", about.place, text="A is right")
    wrong = wire.NewAppeal(text="B is right", signed=appealed)
    assert refused(world.call, appeals.appeal, ann, about.assignment_id, wrong) == "signing.value"
    state = world.call(
        appeals.appeal, ann, about.assignment_id, msgspec.structs.replace(text, signed=appealed)
    )
    ruler = world.people[0]  # has no key: the node's word, as the policy is about holders
    row = world.read(appeals.get_appeal, ruler, state.id)
    assert (
        world.call(
            appeals.decide_appeal, ruler, state.id, wire.AppealDecision(decision="uphold", text="Yes")
        ).state
        == "upheld"
    )
    second = next(j for j in found if j.outcome == "returned")
    again = say(mine, ann, "appealed", second.place, text="Why?")
    more = world.call(appeals.appeal, ann, second.assignment_id, wire.NewAppeal(text=" Why? ", signed=again))
    world.call(signing.add, ruler, new(lost, ruler.person))
    row = world.read(appeals.get_appeal, ruler, more.id)
    public = {"slot": row.slot}
    for decision, rule in (("upheld", "signing.value"), ("rejected", "")):
        signed_ = say(lost, ruler, "appeal-decided", row.place, public, decision=decision, text="No")
        told = wire.AppealDecision(decision="reject", text="No", signed=signed_)
        if rule:
            assert refused(world.call, appeals.decide_appeal, ruler, more.id, told) == rule
        else:
            assert world.call(appeals.decide_appeal, ruler, more.id, told).state == "rejected"

    world.require_healthy()
    log = entries(world)
    assert audited(log) == []
    _attack(log, ann.person, boss.person)

    operator_too = msgspec.structs.replace(operator, memberships=world.owner.memberships)
    world.call(erasure.erase_task, operator_too, fixed.task_id, wire.Erasure())
    assert examine(world.store, ORIGIN).healthy and audited(entries(world)) == [], "proofs hold"

    everybody = msgspec.structs.replace(wanted, whose="everybody", kinds=["submitted"])
    world.call(signing.set_policy, operator, everybody)
    held = world.next(other).assignments
    assert refused(world.submit, other, held[0].id, {"tags": ["a"]}) == "signing.unsigned"


def _attack(log: list[bytes], ann: str, boss: str) -> None:
    """Every signed kind: said by the node instead, changed, copied, by a key that is another's or revoked."""
    told = [msgspec.json.decode(data) for data in log]
    signed_ = {e["t"]: i for i, e in enumerate(told) if e["by"] != "node" and not e["t"].startswith("key-")}
    assert set(signed_) == {
        "appeal-decided", "appealed", "flagged", "reviewed", "skipped", "submitted",
    }  # fmt: skip

    def instead(i: int, **changed: Any) -> list[bytes]:
        return [*log[:i], msgspec.json.encode(told[i] | changed, order="sorted"), *log[i + 1 :]]

    keys = {e["s"]: "key:" + e["b"]["key"] for e in told if e["t"] == "key-added"}
    dead = "key:" + next(e["b"]["key"] for e in told if e["t"] == "key-revoked")
    for i in signed_.values():
        own, strange = told[i]["s"], next(k for s, k in keys.items() if s != told[i]["s"])
        other = dict.fromkeys(told[i]["c"], "A" * 43)
        assert audited(instead(i, by="node", st="", sg="")) == ["entry.unsigned"], "said by the node"
        assert audited(instead(i, c=other)) == ["entry.statement"], "forged"
        assert audited(instead(i, by=strange)) == ["key.validity"], "by another's key"
        assert (
            audited(instead(i, sg=told[i]["sg"][::-1].replace("=", "A")[:85] + "A"))[-1] == "entry.signature"
        )
        assert "statement.again" in audited([*log, log[i]]), "copied"
        if own == boss:
            assert audited(instead(i, by=dead)) == ["key.validity"], "by a key that was revoked"
    i = next(i for i, e in enumerate(told) if e["t"] == "signing-policy")
    assert audited(instead(i, b=told[i]["b"] | {"since": told[i]["ts"]})) == ["signing.early"]
    late = told[i]["b"] | {"since": told[-1]["ts"] + 1}
    unsigned = instead(signed_["flagged"], by="node", st="", sg="")
    unsigned[i] = msgspec.json.encode(told[i] | {"b": late}, order="sorted")
    assert audited(unsigned) == [], "not demanded yet: the operator's word, and counted as that"


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
    world.require_healthy()
