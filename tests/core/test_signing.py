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
from evenhand.core.events import Place
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
