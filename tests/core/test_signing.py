"""Statements of actors: what is taken, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evenhand.core import signing
from evenhand.core.canonical import b64url, unb64url
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.core.events import Place, Reviewed
from evenhand.core.signing import HeldKey, Signed

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
FROZEN, ORIGIN = VECTORS["statement"], VECTORS["origin"]
SECRET = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(FROZEN["actor_seed"]))
PUBLIC = SECRET.public_key().public_bytes_raw()
HOLDER = FROZEN["holder"]
KEY = HeldKey(id=signing.key_id(HOLDER, PUBLIC), public=PUBLIC, place=Place(HOLDER, 0))
LEASE, SALT, VALUE = Place("pool:main", 7), b"s" * 32, b'{"spam":"ham"}'
SAID: dict[str, int | str] = {"ms": 100, "revision": 1, "slot": "s.1"}


def signed(**changed: Any) -> Signed:
    text = signing.statement_of(ORIGIN, "submitted", LEASE, 5, SAID, {"answers": (SALT, VALUE)})
    told = Signed(
        key=KEY.id,
        statement=text,
        signature=b64url(SECRET.sign(text.encode())),
        salts={"answers": b64url(SALT)},
    )
    return msgspec.structs.replace(told, **changed)


def test_frozen_key() -> None:
    assert KEY.id == FROZEN["key"]
    assert signing.possession_text(ORIGIN, HOLDER, PUBLIC).decode() == FROZEN["possession"]
    signing.check_possession(ORIGIN, HOLDER, PUBLIC, unb64url(FROZEN["proof"]))


@pytest.mark.parametrize(
    ("holder", "public", "rule"),
    [("person:8", PUBLIC, "signing.possession"), (HOLDER, PUBLIC[:31], "signing.key")],
)
def test_nobody_adds_a_key_that_is_another_s(holder: str, public: bytes, rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        signing.check_possession(ORIGIN, holder, public, unb64url(FROZEN["proof"]))
    assert refused.value.rule == rule


def test_a_statement_is_taken_with_its_actor_s_salts() -> None:
    said = signing.hear(ORIGIN, "submitted", signed(), KEY, LEASE, SAID, {"answers": VALUE})
    assert (said.key, said.clock, said.salts) == (KEY.id, 5, (("answers", SALT),))


@pytest.mark.parametrize(
    ("given", "heard", "rule"),
    [
        ({"salts": {}}, {}, "signing.salt"),
        ({"salts": {"answers": b64url(b"t" * 32)}}, {}, "signing.statement"),
        ({"signature": b64url(bytes(64))}, {}, "signing.signature"),
        ({"statement": "hello"}, {}, "statement.layout"),
        ({}, {"answers": Place("pool:main", 8)}, "signing.statement"),
        ({}, {"public": SAID | {"slot": "s.2"}}, "signing.statement"),
        ({}, {"private": {"answers": b"{}"}}, "signing.statement"),
        ({}, {"kind": "waived"}, "signing.statement"),
        ({}, {"origin": "other.example/log"}, "signing.statement"),
        ({}, {"key": msgspec.structs.replace(KEY, public=bytes(32))}, "signing.signature"),
    ],
)
def test_a_statement_that_says_something_else_is_not_taken(
    given: dict[str, Any], heard: dict[str, Any], rule: str
) -> None:
    usual = {
        "origin": ORIGIN,
        "kind": "submitted",
        "signed": signed(**given),
        "key": KEY,
        "answers": LEASE,
        "public": SAID,
        "private": {"answers": VALUE},
    }
    with pytest.raises(EvenhandError) as refused:
        signing.hear(**(usual | heard))
    assert refused.value.rule == rule


def test_a_demand_holds_from_when_it_is_said_at_the_door_and_from_its_time_in_the_log() -> None:
    assert signing.demand([], 5) == signing.Demand()
    first = signing.policy_of(["skipped", "reviewed", "skipped"], "everybody", 1000)
    assert (first.kinds, first.since) == (("reviewed", "skipped"), 61_000)
    less = signing.policy_of([], "holders", 70_000)
    early = signing.demand([first], 2000)
    assert early.kinds == {"reviewed", "skipped", "submitted", "waived"}
    assert early.strangers == {"reviewed", "skipped"}
    assert signing.demand([less, first], 80_000) == early, "the older one is still in force"
    assert signing.demand([less, first], less.since) == signing.Demand()
    with pytest.raises(Invalid) as refused:
        signing.policy_of(["key-added"], "holders", 1000)
    assert refused.value.rule == "signing.kind"


def test_a_signed_review_keeps_what_it_came_to_beside_what_was_sent() -> None:
    usual = {"stream": "per-1", "slot": "s", "ms": 1, "comment": b"", "judged": b"[]", "review": "rev-1"}
    place = {"project": "prj-1", "task": 1, "round": 1, "member": "mem-1", "judgements": ()}
    plain = Reviewed(**usual, **place, decision=b"fixed", answers=b"{}")
    said = msgspec.structs.replace(plain, decision=b'{"decision":"fix"}', became="fixed", counted=b"[]")
    assert (plain.outcome, plain.stored) == ("fixed", b"{}")
    assert (said.outcome, said.stored) == ("fixed", b"[]")
    assert len(signing.statement_id("a")) == 32
