"""Keys with which people and clients sign, and the statements that come with their acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import signing
from evenhand.core.canonical import unb64url
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import KeyAdded, KeyRevoked, Moment, Place, Said, Submitted, Waived
from evenhand.core.policy import Actor, require
from evenhand.core.signing import HeldKey, Signed
from evenhand.core.submission import as_said
from evenhand.service import exchange
from evenhand.service.view import decode_json, encode_json, when
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row

Keys = Mapping[str, HeldKey]
"""Id -> key, of one holder."""

# ---- keys --------------------------------------------------------------------------------------


def list_(reader: Reader, actor: Actor, organization: str | None = None) -> wire.SigningKeys:
    """The caller's keys, or those of an organization as a client of the exchange."""
    holder = _holder(reader, actor, organization)
    start = _epoch_start(reader)
    rows = reader.all("signing_keys", holder=holder)
    return wire.SigningKeys(origin=_origin(reader), holder=holder, items=[_shown(row, start) for row in rows])


def add(tx: Transaction, at: Moment, actor: Actor, wanted: wire.NewSigningKey) -> wire.SigningKey:
    """Certify a key of the caller, who is signed in.

    Its proof shows that the caller has it; a statement by an older key, that the same actor adds it.
    """
    holder = _holder(tx, actor, wanted.organization_id)
    known = in_force(tx, {holder})[holder]
    public = unb64url(wanted.public)
    signing.check_possession(tx.node.origin, holder, public, unb64url(wanted.proof))
    key = signing.key_id(holder, public)
    if key in known:
        raise Refused("signing.known", "This key is there already.", "public")
    event = KeyAdded(stream=holder, key=key, public=wanted.public, proof=wanted.proof)
    if wanted.signed is not None:
        by = _key(known, wanted.signed)
        public_fields = {"key": key, "public": wanted.public}
        said = signing.hear(
            tx.node.origin, "key-added", _core(wanted.signed), by, by.place, public_fields, {}
        )
        event = msgspec.structs.replace(event, said=said, causes=(by.place,))
    tx.append([event], at)
    return _one(tx, holder, key)


def revoke(
    tx: Transaction, at: Moment, actor: Actor, key: str, wanted: wire.SigningKeyRevocation
) -> wire.SigningKey:
    """From here on the key signs nothing. Once no key is left, acts are the node's word again."""
    holder = _holder(tx, actor, wanted.organization_id)
    known = in_force(tx, {holder})[holder]
    if key not in known:
        raise Missing("not-found", "You have no such key in force.", key)
    event = KeyRevoked(stream=holder, key=key, causes=(known[key].place,))
    if wanted.signed is not None:
        by, place = _key(known, wanted.signed), known[key].place
        said = signing.hear(tx.node.origin, "key-revoked", _core(wanted.signed), by, place, {"key": key}, {})
        event = msgspec.structs.replace(event, said=said, causes=tuple(sorted({by.place, place})))
    tx.append([event], at)
    return _one(tx, holder, key)


def _holder(reader: Reader, actor: Actor, organization: str | None) -> str:
    """Whose keys are meant: the caller, or a client that the caller owns."""
    require(actor, "signing.manage", None)
    if organization is None:
        return actor.person
    return str(exchange.own_client(reader, actor, organization, "ownership.own")["id"])


def _origin(reader: Reader) -> str:
    """Of the log of today."""
    epochs = reader.tuples("epochs")
    if not epochs:
        raise Refused("signing.no-log", "The node has no ledger yet.", "", "Start it once.")
    return str(epochs[-1][1])


def _epoch_start(reader: Reader) -> int:
    return int(reader.tuples("epoch_start")[0][0])


def _one(reader: Reader, holder: str, key: str) -> wire.SigningKey:
    start = _epoch_start(reader)
    return next(_shown(row, start) for row in reader.all("signing_keys", holder=holder) if row["id"] == key)


def _shown(row: Row, start: int) -> wire.SigningKey:
    return wire.SigningKey(
        id=row["id"],
        holder=row["holder"],
        public=row["public"],
        place=(row["holder"], row["n"]),
        added_at=when(row["added_ms"]),
        revoked_at=when(row["revoked_ms"]) if row["revoked_ms"] else None,
        in_force=not row["revoked_ms"] and row["seq"] > start,
    )


# ---- statements ----------------------------------------------------------------------------------


def in_force(tx: Transaction, holders: Iterable[str]) -> dict[str, Keys]:
    """Holder -> the keys that must sign for it.

    Their streams are locked first, so that no key comes or goes between this look and the append.
    """
    wanted = sorted(holders)
    tx.tuples("heads", ids=wanted)
    found: dict[str, dict[str, HeldKey]] = defaultdict(dict)
    for holder, id_, public, n in tx.tuples("keys_in_force", holders=wanted, after=_epoch_start(tx)):
        found[holder][id_] = HeldKey(id=id_, public=unb64url(public), place=Place(holder, n))
    return {holder: found[holder] for holder in wanted}


def submitted(tx: Transaction, keys: Keys, event: Submitted, request: wire.Submission) -> Submitted:
    """A submission in its actor's own words, where the actor has a key."""
    signed = request.signed
    if not _must(keys, signed, "answers"):
        return event
    assert signed is not None, "it must be there"
    value = signed.values.get("answers", "").encode()
    if not _means(value, request.answers):
        reason = "What was committed to are not the answers that were sent."
        raise Invalid("signing.value", reason, "signed.values.answers", "Send the JSON of the answers.")
    public: dict[str, int | str] = {"ms": event.ms, "revision": event.revision, "slot": event.slot}
    said = signing.hear(
        tx.node.origin,
        event.KIND,
        _core(signed),
        _key(keys, signed),
        event.causes[0],
        public,
        {"answers": value},
    )
    return as_said(event, said, value)


def _means(value: bytes, answers: Mapping[str, Any]) -> bool:
    """Whether this JSON says these answers."""
    try:
        return encode_json(decode_json(value)) == encode_json(answers)
    except msgspec.MsgspecError:
        return False


def waived(tx: Transaction, event: Waived, signed: wire.Signed | None) -> Waived:
    """A waiver in the client's own words, where the client has a key."""
    keys = in_force(tx, {event.client})[event.client]
    if not _must(keys, signed, "signed"):
        return event
    assert signed is not None, "it must be there"
    by = _key(keys, signed)
    pair = {"pool": event.stream, "client": event.client, "entity": event.entity}
    conflict = tx.one("conflict_place", **pair)
    if conflict is None:
        reason = "There is no verdict about this pair, so nothing to waive."
        raise Refused("signing.verdict", reason, "entity", "See the page of ownership.")
    place = Place(event.stream, conflict["n"])
    public = {"client": event.client, "entity": event.entity, "state": event.state}
    said = signing.hear(tx.node.origin, event.KIND, _core(signed), by, place, public, {})
    _check_newer(tx, pair, said)
    return msgspec.structs.replace(event, said=said, causes=tuple(sorted({by.place, place})))


def _check_newer(tx: Transaction, pair: Mapping[str, str], said: Said) -> None:
    """A statement counts once: the next about the same pair must be younger by its actor's clock."""
    before = tx.one("waiver_clock", **pair)
    if before is not None and said.clock <= before["clock"]:
        raise Refused("signing.again", "A younger statement about this pair counts.", "signed.statement")


def _must(keys: Keys, signed: wire.Signed | None, where: str) -> bool:
    """Whether the act comes with a statement.

    Raises:
        Refused: its actor has a key and has not signed.
    """
    if signed is None and keys:
        raise Refused(
            "signing.unsigned",
            "You have a signing key, so nothing counts in your name that it has not signed.",
            where,
            "Sign it, add a key here, or revoke the keys of your account.",
        )
    return signed is not None


def _key(keys: Keys, signed: wire.Signed) -> HeldKey:
    if signed.key not in keys:
        reason = "This key is not one of yours in force."
        raise Refused("signing.key-unknown", reason, "signed.key", "Add it on the page of your account.")
    return keys[signed.key]


def _core(signed: wire.Signed) -> Signed:
    return Signed(
        key=signed.key, statement=signed.statement, signature=signed.signature, salts=dict(signed.salts)
    )
