"""Keys with which people and clients sign, and the statements that come with their acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from evenhand import wire
from evenhand.core import signing
from evenhand.core.canonical import unb64url
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import (
    Event,
    KeyAdded,
    KeyRevoked,
    Moment,
    Place,
    Said,
    SigningPolicySet,
    Submitted,
    Waived,
)
from evenhand.core.policy import Actor, require
from evenhand.core.signing import Demand, HeldKey, Signed, statement_id
from evenhand.core.submission import as_said
from evenhand.service.view import decode_json, encode_json, own_client, when
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
    return str(own_client(reader, actor, organization, "ownership.own")["id"])


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


# ---- what must be signed ---------------------------------------------------------------------------


def set_policy(tx: Transaction, at: Moment, actor: Actor, wanted: wire.SigningPolicy) -> wire.SigningPolicy:
    """Demand that these acts be signed. The node holds to it at once; the log, from a minute later on."""
    require(actor, "exchange.operate", None)
    tx.append([signing.policy_of(wanted.kinds, wanted.whose, at.ms)], at)
    return get_policy(tx, actor)


def get_policy(reader: Reader, actor: Actor) -> wire.SigningPolicy:
    """What must be signed here, for everybody: it is in the public log."""
    rows = reader.tuples("signing_policies")
    _, kinds, since, whose = rows[0] if rows else (0, "", 0, "holders")
    return wire.SigningPolicy(kinds=kinds.split(), whose=whose, since=when(since) if rows else None)


# ---- statements ----------------------------------------------------------------------------------


def in_force(tx: Transaction, holders: Iterable[str]) -> dict[str, Keys]:
    """Holder -> the keys that must sign for it.

    Their streams are locked first, so that no key comes or goes between this look and the append.
    """
    return asked(tx, holders)()


def asked(tx: Transaction, holders: Iterable[str]) -> Callable[[], dict[str, Keys]]:
    """Send the question of `in_force`; what this gives fetches the answer."""
    wanted = sorted(holders)
    tx.lock(wanted)
    rows = tx.ahead("keys_in_force", holders=wanted)

    def answer() -> dict[str, Keys]:
        found: dict[str, dict[str, HeldKey]] = defaultdict(dict)
        for holder, id_, public, n in rows():
            found[holder][id_] = HeldKey(id=id_, public=unb64url(public), place=Place(holder, n))
        return {holder: found[holder] for holder in wanted}

    return answer


def demand_now(tx: Transaction, at: Moment) -> Demand:
    """Which acts must be signed at this moment."""
    policies = [
        SigningPolicySet(stream="node", kinds=tuple(kinds.split()), since=since, whose=whose)
        for _, kinds, since, whose in tx.tuples("signing_policies")
    ]
    return signing.demand(policies, at.ms)


def submitted(
    tx: Transaction, demand: Demand, keys: Keys, event: Submitted, request: wire.Submission
) -> Submitted:
    """A submission in its actor's own words, where the actor has a key."""
    signed = request.signed
    if not _must(demand, keys, event.KIND, signed, "answers"):
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


def _means(value: bytes, answers: Any) -> bool:
    """Whether this JSON says this."""
    try:
        return encode_json(decode_json(value)) == encode_json(answers)
    except msgspec.MsgspecError:
        return False


E = TypeVar("E", bound=Event)


def spoken(
    tx: Transaction,
    at: Moment,
    holder: str,
    event: E,
    signed: wire.Signed | None,
    answers: Place | None = None,
    means: Mapping[str, Any] | None = None,
) -> E:
    """An act in the words of its actor, where they have a key; its private fields are then the bytes that
    the actor committed to.

    Args:
        holder: whose key must have signed.
        answers: the place that the act answers; None: that of the key itself.
        means: private field -> what its JSON must say; the others are texts, blanks around them left alone.

    Raises:
        Refused: it must be signed and is not, by none of the holder's keys, or was taken already.
        Invalid: the statement says something else than what was sent.
    """
    keys = in_force(tx, {holder})[holder]
    if not _must(demand_now(tx, at), keys, event.KIND, signed, "signed"):
        return event
    assert signed is not None, "it must be there"
    by, values = _key(keys, signed), {}
    public_fields, private_fields = signing.STATED[event.KIND]
    for field in private_fields:
        values[field] = signed.values.get(field, "").encode()
        if not _says(values[field], getattr(event, field), (means or {}).get(field)):
            reason = f"What was committed to is not the {field} that was sent."
            raise Invalid("signing.value", reason, f"signed.values.{field}", "Sign what you send.")
    public = {field: getattr(event, field) for field in public_fields}
    place = answers or by.place
    said = signing.hear(tx.node.origin, event.KIND, _core(signed), by, place, public, values)
    if event.KIND in signing.REPEATABLE and tx.one("said_before", id=statement_id(said.statement)):
        raise Refused("signing.again", "This statement was taken already.", "signed.statement", "Sign anew.")
    causes = {*event.causes, place} | ({by.place} if event.stream != holder else set())
    return msgspec.structs.replace(event, said=said, causes=tuple(sorted(causes)), **values)


def _says(value: bytes, text: bytes, meant: Any) -> bool:
    return value.strip() == text.strip() if meant is None else _means(value, meant)


def was_said(reader: Reader, signed: wire.Signed | None) -> bool:
    """Whether exactly this statement was taken before: a client that had no answer sends it again."""
    return signed is not None and reader.one("said_before", id=statement_id(signed.statement)) is not None


def waived(tx: Transaction, at: Moment, event: Waived, signed: wire.Signed | None) -> Waived:
    """A waiver in the client's own words, where the client has a key."""
    keys = in_force(tx, {event.client})[event.client]
    if not _must(demand_now(tx, at), keys, event.KIND, signed, "signed"):
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


def _must(demand: Demand, keys: Keys, kind: str, signed: wire.Signed | None, where: str) -> bool:
    """Whether the act comes with a statement.

    Raises:
        Refused: it must, and does not.
    """
    if signed is None and keys and kind in demand.kinds:
        raise Refused(
            "signing.unsigned",
            "You have a signing key, so this does not count in your name unless it has signed it.",
            where,
            "Sign it, add a key here, or revoke the keys of your account.",
        )
    if signed is None and kind in demand.strangers:
        raise Refused(
            "signing.unsigned",
            "This node takes this only signed, and you have no signing key.",
            where,
            "Make a key on the page of your account, or with `evenhand key new FILE`.",
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
