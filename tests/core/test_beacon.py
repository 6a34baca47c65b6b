"""What a draw in two phases depends on: rounds of drand as it publishes them, reveals, and frozen bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evenhand.audit import beacon as audit_beacon
from evenhand.core import beacon, merkle, vrf
from evenhand.core.beacon import QUICKNET, Evidence
from evenhand.core.canonical import b64url, unb64url
from evenhand.core.checkpoint import COSIGNATURE, Checkpoint, Proof, SigningKey, sign_note
from evenhand.core.cosigning import cosign, merge
from evenhand.core.errors import Invalid
from evenhand.core.events import Availability, WindowClosed
from evenhand.store import codec

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "two-phase.json").read_text())
LOG = SigningKey("exchange.example/log", bytes([9]) * 32)
WITNESS = SigningKey("w.example", bytes([8]) * 32, COSIGNATURE)


def test_a_round_of_quicknet_as_drand_has_published_it():
    round_, signature = VECTOR["drand"]["round"], bytes.fromhex(VECTOR["drand"]["signature"])
    QUICKNET.verify(round_, signature)
    assert QUICKNET.told()["public"] == audit_beacon.QUICKNET, "the auditor knows it by itself"
    assert QUICKNET.time_of(round_) == (1_692_803_367 + 999 * 3) * 1000
    for number, told in ((round_ + 1, signature), (round_, bytes(48)), (round_, signature[:47])):
        with pytest.raises(Invalid):
            QUICKNET.verify(number, told)


@pytest.mark.parametrize("late", [0, 1, 2999, 3000])
def test_the_round_that_decides_is_the_first_that_lies_far_enough_ahead(late):
    now = QUICKNET.time_of(500) + late
    found = QUICKNET.round_after(now)
    assert QUICKNET.time_of(found) >= now + beacon.AHEAD > QUICKNET.time_of(found - 1)
    assert QUICKNET.round_after(0) == 1, "before the first round there is none to wait for but it"


@pytest.mark.parametrize("one", VECTOR["external"], ids=lambda one: one["source"])
def test_what_goes_into_a_draw_byte_by_byte(one):
    evidence = Evidence(
        source=one["source"],
        signature=unb64url(one["signature"]) if one["signature"] else b"",
        reveals=tuple((unb64url(r["witness"]), unb64url(r["proof"])) for r in one["reveals"]),
        size=1,
        root=bytes(32),
    )
    assert beacon.external(unb64url(one["leaf"]), evidence) == one["external"]


def test_what_a_witness_reveals_and_signs_byte_by_byte():
    told = VECTOR["reveal"]
    asked = beacon.reveal_input(told["origin"], told["pool"], told["n"], unb64url(told["leaf"]))
    assert b64url(asked) == told["input"]
    assert b64url(vrf.prove(bytes.fromhex(told["secret"]), asked)) == told["proof"]
    assert beacon.key_text(vrf.public_key(bytes.fromhex(told["secret"]))).decode() == told["key_text"]


def closed() -> bytes:
    event = WindowClosed(
        stream="pool-p", backlog=(), waiting=(), candidates=b64url(bytes(32)), round=0, settled=(), lapsed=(),
        changed=(), tags=(),
    )  # fmt: skip
    return codec.encode(event, LOG.name, 4, 1000, [])


def request(entry: bytes, *cosigners: SigningKey) -> bytes:
    tree = merkle.CompactRange().grow([merkle.leaf_hash(entry)]).range
    text = Checkpoint(LOG.name, 1, tree.root()).text
    note = sign_note(text, LOG)
    lines = [cosign(text, key, 7) for key in cosigners]
    note = merge(note, lines, [key.verify_key for key in cosigners])
    return beacon.encode_request(entry, Proof(0, (), note))


def test_a_witness_reveals_for_a_closing_in_a_tree_that_it_has_cosigned_and_for_nothing_else():
    secret = WITNESS.derived(b"reveal")
    keys = (LOG.verify_key, WITNESS.verify_key, secret)
    body = request(closed(), WITNESS)
    told = beacon.reveal(body, *keys)
    asked = beacon.reveal_input(LOG.name, "pool-p", 4, merkle.leaf_hash(closed()))
    assert vrf.verify(vrf.public_key(secret), asked, told) == vrf.output(told)
    other = codec.encode(Availability(stream="pool-p", who="ann-1", on=1), LOG.name, 4, 1000, [])
    wrong = {
        "reveal.checkpoint": request(closed()),
        "reveal.entry": request(other, WITNESS),
        "reveal.request": b"entry ***\n" + body.partition(b"\n")[2],
        "entry.layout": request(b"{}", WITNESS),
    }
    for rule, one in wrong.items():
        with pytest.raises(Invalid) as caught:
            beacon.reveal(one, *keys)
        assert caught.value.rule == rule
    for one in (b"", b"x" * (beacon.MAX_REQUEST + 1), body.replace(b"index 0", b"index 1")):
        with pytest.raises(Invalid):
            beacon.reveal(one, *keys)
