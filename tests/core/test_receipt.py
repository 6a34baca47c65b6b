"""Promises and receipts: nothing in them can be changed without being noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evenhand.core import merkle
from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import Checkpoint, SigningKey, parse_checkpoint, sign_note
from evenhand.core.errors import Invalid
from evenhand.core.receipt import (
    PROMISE_MS,
    Opening,
    Receipt,
    promise,
    promise_text,
    verify_promise,
    verify_receipt,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
KEY = SigningKey(VECTORS["origin"], bytes.fromhex(VECTORS["seed"]))
LOG = KEY.verify_key
OTHER = SigningKey("other.example/log", b"\7" * 32).verify_key
RECEIPT = msgspec.convert(VECTORS["receipt"], Receipt)


def test_frozen_receipt() -> None:
    assert json.loads(msgspec.json.encode(RECEIPT)) == VECTORS["receipt"]
    covering = verify_receipt(RECEIPT, LOG)
    assert covering is not None
    assert covering.size == 4


def test_a_receipt_without_a_proof_is_a_promise() -> None:
    assert verify_receipt(msgspec.structs.replace(RECEIPT, proof=None), LOG) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_one_signature_promises_for_a_group(size: int) -> None:
    leaves = [merkle.leaf_hash(b"%d" % n) for n in range(size)]
    promises = promise(leaves, 1000, KEY)
    assert {given.signature for given in promises} == {promises[0].signature}
    for leaf, given in zip(leaves, promises, strict=True):
        assert given.deadline == 1000 + PROMISE_MS
        verify_promise(leaf, given, LOG)
        with pytest.raises(Invalid):
            verify_promise(merkle.leaf_hash(b"other"), given, LOG)
        with pytest.raises(Invalid):
            verify_promise(leaf, given, OTHER)
        with pytest.raises(Invalid):
            verify_promise(leaf, msgspec.structs.replace(given, deadline=given.deadline + 1), LOG)


def test_a_promise_is_no_checkpoint() -> None:
    """What is signed for a promise must never be read as a tree head."""
    text = promise_text(LOG.name, 1, b"r" * 32).decode()
    with pytest.raises(Invalid):
        parse_checkpoint(text)


def replaced(**changed: Any) -> Receipt:
    return msgspec.structs.replace(RECEIPT, **changed)


def opening(**changed: Any) -> Receipt:
    return replaced(openings=(msgspec.structs.replace(RECEIPT.openings[0], **changed),))


FORGERIES = {
    "place": replaced(place=("person:9", 6)),
    "stream": replaced(place=("person:8", 5)),
    "leaf": replaced(leaf=b"\0" * 32),
    "entry": replaced(entry=RECEIPT.entry.replace(b'"revision":1', b'"revision":2')),
    "entry is none": replaced(entry=b"{}"),
    "value": opening(value=b'{"spam":"spam"}'),
    "salt": opening(salt=b"\0" * 32),
    "short salt": opening(salt=b"\0"),
    "field": opening(field="reason"),
    "promise": replaced(promise=msgspec.structs.replace(RECEIPT.promise, deadline=1)),
    "promise's index": replaced(promise=msgspec.structs.replace(RECEIPT.promise, index=2)),
    "proof": replaced(proof=(RECEIPT.proof or "").replace("index 3", "index 2")),
    "checkpoint": replaced(proof=(RECEIPT.proof or "").replace("\n4\n", "\n5\n")),
    "proof is none": replaced(proof="proof"),
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_receipt_cannot_be_changed(forged: Receipt) -> None:
    with pytest.raises(Invalid):
        verify_receipt(forged, LOG)


def test_a_receipt_is_of_one_log() -> None:
    with pytest.raises(Invalid):
        verify_receipt(RECEIPT, OTHER)


def test_a_proof_from_another_tree_is_refused() -> None:
    note = sign_note(Checkpoint(LOG.name, 4, b"r" * 32).text, KEY).decode()
    head = (RECEIPT.proof or "").split("\n\n")[0]
    with pytest.raises(Invalid, match="does not lead"):
        verify_receipt(replaced(proof=f"{head}\n\n{note}"), LOG)


def test_an_opening_of_the_field_that_was_committed_to_is_accepted() -> None:
    assert RECEIPT.openings == (
        Opening(field="answers", salt=RECEIPT.openings[0].salt, value=b'{"spam":"ham"}'),
    )
    assert len(b64url(RECEIPT.leaf)) == 43
