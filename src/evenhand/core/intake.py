"""Records in: which are tasks, what they are known by, and where they stand in the order."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.project import RESERVED, Order
from evenhand.core.record import check, rename

MAX_PRIORITY = 1_000_000
_SPREAD = 1 << 40  # more tasks than a project can have


class Record(msgspec.Struct, frozen=True):
    """The reserved keys of a record; every other key is data."""

    external_id: str | int | None = None
    metadata: dict[str, Any] | None = None
    predictions: list[Any] | None = None
    priority: int | None = None
    gold_answers: Any = None  # question -> right answer, or that of the only question
    gold_feedback: str | None = None


_read = msgspec.json.Decoder(Record).decode
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Read(msgspec.Struct, frozen=True):
    """A record that may become a task."""

    record: bytes  # as received
    external_id: str | None
    priority: int
    digest: bytes  # 16 bytes: of the record's bytes; empty where it has an external id
    gold: Any = None  # the right answers that came with it; None when it is no gold task
    feedback: str = ""


def rank_of(order: Order, n: int, priority: int, seed: bytes) -> int:
    """Where task `n` stands in its project's order; smaller is earlier. Below 2**63.

    "random" follows a seed that the ledger commits to before the first task, so that a manager
    cannot choose the order afterwards.
    """
    if order == "random":
        digest = hashlib.blake2b(n.to_bytes(8, "big"), key=seed, digest_size=8).digest()
        return int.from_bytes(digest, "big") >> 1
    if order == "priority":
        return (MAX_PRIORITY - priority) * _SPREAD + n
    return n


def read_record(record: bytes, mapping: Mapping[str, str], fields: Collection[str] = ()) -> Read:
    """Check one record.

    Args:
        record: one JSON object, UTF-8.
        mapping: key of the source -> key of the record ("id" -> "external_id").
        fields: names of what annotators are shown; a record with none of them would be an empty page.
            () checks nothing.

    Raises:
        Invalid: it is no JSON object, a reserved key holds something else than it should, or there
            is nothing in it to show.
    """
    fault = check(record)
    if fault is not None:
        raise Invalid("record.json", fault.reason, fault.path, "Send one JSON object a line.")
    renamed = rename(record, mapping) if mapping else record
    if fields and _parts(renamed).keys().isdisjoint(fields):
        keys = ", ".join(_parts(renamed)) or "nothing"
        raise Invalid(
            "record.no-field",
            f"The record has none of the project's fields ({', '.join(fields)}). It has: {keys[:200]}.",
            "",
            "Rename its keys, or map them.",
        )
    try:
        reserved = _read(renamed)
    except msgspec.DecodeError as error:
        raise Invalid(
            "record.reserved", f"A reserved key does not fit: {error}.", "", "Correct or map it."
        ) from error
    external = None if reserved.external_id is None else str(reserved.external_id)
    if external is not None and not 0 < len(external) <= 1000:
        raise Invalid("record.external-id", "An external id has 1 to 1000 characters.", "external_id")
    priority = reserved.priority or 0
    if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        raise Invalid("record.priority", f"A priority is at most {MAX_PRIORITY}.", "priority")
    digest = hashlib.blake2b(record, digest_size=16).digest() if external is None else b""
    gold = None if reserved.gold_answers == "" else reserved.gold_answers  # an empty cell of a table
    return Read(record, external, priority, digest, gold, reserved.gold_feedback or "")


def key_of(read: Read, occurrence: int) -> str:
    """What a row without an external id is known by: its bytes and the number of its occurrence.

    The same file imported twice has the same keys, so that its rows come in once.
    """
    if occurrence == 0:
        return _text(read.digest)
    return _text(hashlib.blake2b(read.digest + occurrence.to_bytes(8, "big"), digest_size=16).digest())


def _text(digest: bytes) -> str:
    return "r" + base64.b64encode(digest).decode()


def digest_of(key: str) -> bytes:
    """The 16 bytes that a key of `key_of` says."""
    return base64.b64decode(key[1:])


def split(record: bytes, mapping: bytes) -> tuple[dict[str, msgspec.Raw], dict[str, msgspec.Raw]]:
    """(data, reserved keys) of a stored record, values still as bytes."""
    parts = _parts(rename(record, msgspec.json.decode(mapping)) if len(mapping) > 2 else record)
    return parts, {key: parts.pop(key) for key in RESERVED.intersection(parts)}


def shown_data(record: bytes, mapping: bytes, shown: frozenset[str]) -> dict[str, Any]:
    """The fields that annotators see, decoded. A field that the record lacks is left out."""
    data, _ = split(record, mapping)
    return {name: msgspec.json.decode(value) for name, value in data.items() if name in shown}
