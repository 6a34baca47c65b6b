"""Every kind of entry, exactly its fields, and their types: ``docs/spec/ledger.md``, sections 8 and 10."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from evenhand.audit.entries import AuditedEntry
from evenhand.audit.notes import Unacceptable
from evenhand.audit.schemas import (
    COUNT,
    DIGEST,
    DIGEST_OR_NOTHING,
    FLAG,
    ID,
    ID128,
    ID_OR_NOTHING,
    INTEGER,
    LANGUAGE,
    PLACE,
    PROOF_OR_NOTHING,
    SIGNATURE,
    TEXT,
    Type,
    array,
    one_of,
    record,
)

TYPES: dict[str, tuple[dict[str, Type], tuple[str, ...]]] = {
    # kind: (public fields with their types, committed fields), each in ascending order
    "admitted": ({"on": FLAG, "posting": ID, "who": array(ID)}, ("evidence",)),
    "appeal-decided": ({"slot": ID}, ("decision", "text")),
    "appealed": ({"slot": ID}, ("text",)),
    "availability": ({"on": FLAG, "who": ID}, ()),
    "beacon": (
        {
            "drand": array(record(genesis=COUNT, period=COUNT, public=ID128)),
            "witnesses": array(record(public=DIGEST, sg=SIGNATURE, witness=DIGEST)),
        },
        (),
    ),
    "brought": ({"slot": ID}, ("answers", "given")),
    "client-joined": (
        {"band": COUNT, "client": ID, "exposure": COUNT, "state": one_of("active", "left")},
        ("organization",),
    ),
    "client-registered": ({"client": ID, "record": ID_OR_NOTHING}, ("identity", "organization")),
    "concluded": ({"count": COUNT}, ("rows",)),
    "conflict": (
        {"blocked": FLAG, "client": ID, "entity": ID, "grade": COUNT, "rival": FLAG, "rule": ID},
        ("path",),
    ),
    "enrolled": (
        {
            "band": COUNT,
            "entity": ID,
            "languages": array(LANGUAGE),
            "qualifications": array(ID),
            "state": one_of("active", "ended"),
            "who": ID,
        },
        ("evidence",),
    ),
    "entity-registered": (
        {"entity": ID, "record": ID_OR_NOTHING, "role": one_of("operator", "provider", "client")},
        ("organization",),
    ),
    "erased": (
        {
            "basis": one_of("request", "retention", "contract"),
            "count": COUNT,
            "subject": one_of("task", "member"),
        },
        (),
    ),
    "fitted": ({}, ("basis",)),
    "flagged": ({"slot": ID}, ("reason",)),
    "gold-marked": ({"count": COUNT, "use": one_of("gold", "qualification", "none")}, ("rows",)),
    "gold-scored": ({"answered": COUNT, "right": COUNT}, ("member", "tasks")),
    "grammar": ({"schemas": DIGEST}, ()),
    "key-added": ({"key": ID, "proof": SIGNATURE, "public": DIGEST}, ()),
    "key-revoked": ({"key": ID}, ()),
    "member-added": ({"actor": one_of("human", "model"), "role": ID}, ("member", "person")),
    "member-changed": ({"role": ID, "state": one_of("active", "suspended", "removed")}, ("member",)),
    "more-asked": ({"count": COUNT}, ("rows",)),
    "node-opened": ({"previous": DIGEST_OR_NOTHING, "software": ID}, ()),
    "offered": (
        {
            "count": COUNT,
            "lapsed": array(ID),
            "leases": array(record(slot=ID, until=COUNT, who=ID)),
            "settled": array(PLACE),
        },
        ("rows",),
    ),
    "organization-created": ({"organization": ID}, ("name",)),
    "overridden": (
        {
            "act": one_of("recall", "suspend", "readmit"),
            "at": COUNT,
            "reason": one_of("safety", "legal", "error", "abuse"),
            "signatures": array(record(key=ID, sg=SIGNATURE)),
            "subject": ID,
        },
        (),
    ),
    "ownership-stated": (
        {
            "components": array(ID),
            "effective": INTEGER,
            "form": ID_OR_NOTHING,
            "identifiers": array(TEXT),
            "interests": array(record(end=COUNT, indirect=FLAG, least=COUNT, most=COUNT, type=ID)),
            "party": ID_OR_NOTHING,
            "record": ID,
            "status": one_of("new", "updated", "closed"),
            "subject": ID_OR_NOTHING,
            "type": one_of("entity", "person", "relationship"),
        },
        ("statement",),
    ),
    "pay-stated": ({"count": COUNT, "number": COUNT}, ("rows",)),
    "policy": (
        {
            "drand": DIGEST_OR_NOTHING,
            "effective_from": COUNT,
            "engine": ID,
            "late": COUNT,
            "officers": array(record(key=ID, public=DIGEST)),
            "skew": COUNT,
            "thresholds": record(blocked=COUNT, common=COUNT, control=COUNT, disclosed=COUNT, waiver=COUNT),
            "vrf": DIGEST,
        },
        (),
    ),
    "pool-opened": ({}, ("organization",)),
    "pool-policy": (
        {
            "cap": COUNT,
            "charge": COUNT,
            "draw": one_of("vrf", "vrf-drand"),
            "effective_from": COUNT,
            "independent": FLAG,
            "prices": array(record(family=ID, price=COUNT)),
            "weights": array(record(client=ID, weight=COUNT)),
        },
        (),
    ),
    "pool-shared": ({"band": COUNT, "language": LANGUAGE, "qualification": ID_OR_NOTHING}, ()),
    "posted": (
        {
            "client": ID_OR_NOTHING,
            "family": ID_OR_NOTHING,
            "posting": ID,
            "state": ID,
            "test": COUNT,
        },
        ("project",),
    ),
    "project-created": ({"pool": ID}, ("organization", "seed")),
    "project-pooled": ({"family": ID_OR_NOTHING, "pool": ID}, ()),
    "project-state-changed": ({"state": one_of("active", "paused", "archived", "deleted")}, ()),
    "project-versioned": ({"version": COUNT}, ("document",)),
    "recalled": ({"reason": ID, "slots": array(ID)}, ()),
    "released": ({"count": COUNT}, ("manifest",)),
    "renewed": ({"slot": ID, "until": COUNT}, ()),
    "review-asked": ({"count": COUNT}, ("rows",)),
    "review-opened": ({"lapsed": array(ID), "slot": ID, "until": COUNT, "who": ID}, ("task",)),
    "reviewed": ({"ms": INTEGER, "slot": ID}, ("answers", "comment", "decision", "judged")),
    "rivals-named": ({"client": ID}, ("rivals",)),
    "rules-followed": ({"first": COUNT, "last": COUNT, "version": COUNT}, ()),
    "share-letter": (
        {
            "act": one_of("offer", "recall", "ack", "accept", "decline", "deliver", "deleted"),
            "count": COUNT,
            "late": FLAG,
            "letter": DIGEST,
            "seq": COUNT,
            "share": ID,
            "slice": COUNT,
            "way": one_of("sent", "taken"),
        },
        (),
    ),
    "share-planned": (
        {
            "cap": COUNT,
            "each": COUNT,
            "number": COUNT,
            "partners": array(record(group=COUNT, record=ID_OR_NOTHING, share=ID, tasks=COUNT)),
            "tasks": COUNT,
        },
        ("client", "known", "seed"),
    ),
    "share-sliced": ({"count": COUNT, "share": ID, "slice": COUNT}, ("rows",)),
    "signing-policy": (
        {"kinds": array(ID), "since": COUNT, "whose": one_of("holders", "everybody")},
        (),
    ),
    "skipped": ({"slot": ID}, ("reason",)),
    "standing-changed": ({"rule": ID, "state": one_of("suspended", "active")}, ("member", "reason")),
    "submitted": ({"ms": INTEGER, "revision": COUNT, "slot": ID, "surplus": FLAG}, ("answers",)),
    "task-corrected": ({}, ("record", "task")),
    "tasks-changed": (
        {"action": one_of("withdraw", "restore", "prioritise", "unflag", "order"), "count": COUNT},
        ("rows",),
    ),
    "tasks-imported": ({"count": COUNT, "first": COUNT}, ("rows",)),
    "test-answered": ({}, ("answers", "task")),
    "test-began": ({}, ("tasks",)),
    "test-ended": ({"answered": COUNT, "passed": FLAG, "right": COUNT}, ("member",)),
    "told": (
        {"act": one_of("skipped", "flagged", "reviewed", "appealed", "appeal-decided", "tested")},
        ("comment", "given", "stands", "word"),
    ),
    "waived": ({"client": ID, "entity": ID, "state": one_of("given", "withdrawn")}, ()),
    "window": (
        {
            "backlog": array(record(client=ID, on=FLAG, tag=INTEGER)),
            "candidates": DIGEST_OR_NOTHING,
            "changed": array(ID),
            "count": COUNT,
            "gone": array(ID),
            "idle": array(ID),
            "lapsed": array(ID),
            "leases": array(record(client=ID, family=ID, slot=ID, until=COUNT, v=INTEGER, who=ID)),
            "passed": array(record(client=ID, who=ID, why=ID)),
            "proof": PROOF_OR_NOTHING,
            "settled": array(PLACE),
            "tags": array(record(client=ID, tag=INTEGER)),
            "virtual": INTEGER,
            "waiting": array(record(count=COUNT, who=ID)),
        },
        ("rows",),
    ),
    "window-closed": (
        {
            "backlog": array(record(client=ID, on=FLAG, tag=INTEGER)),
            "candidates": DIGEST,
            "changed": array(ID),
            "lapsed": array(ID),
            "round": COUNT,
            "settled": array(PLACE),
            "tags": array(record(client=ID, tag=INTEGER)),
            "waiting": array(record(count=COUNT, who=ID)),
        },
        (),
    ),
    "window-drawn": (
        {
            "cosignatures": array(record(at=COUNT, sg=SIGNATURE, witness=DIGEST)),
            "count": COUNT,
            "gone": array(ID),
            "idle": array(ID),
            "leases": array(record(client=ID, family=ID, slot=ID, until=COUNT, v=INTEGER, who=ID)),
            "passed": array(record(client=ID, who=ID, why=ID)),
            "proof": PROOF_OR_NOTHING,
            "reveals": array(record(proof=PROOF_OR_NOTHING, witness=DIGEST)),
            "root": DIGEST_OR_NOTHING,
            "signature": ID_OR_NOTHING,
            "size": COUNT,
            "source": one_of("drand", "reveal", "none"),
            "tags": array(record(client=ID, tag=INTEGER)),
            "virtual": INTEGER,
        },
        ("rows",),
    ),
}

KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    kind: (tuple(public), committed) for kind, (public, committed) in TYPES.items()
}
"""Kind -> names of its public and of its committed fields."""


def schemas() -> dict[str, Any]:
    """JSON Schemas of all kinds: of `b`, and the names in `c`. ``docs/spec/schemas.json`` is this."""
    return {
        kind: {"b": record(**public).schema, "c": list(committed)}
        for kind, (public, committed) in sorted(TYPES.items())
    }


def digest() -> str:
    """What a node says in its `grammar` entry: SHA-256 of the RFC 8785 form of `schemas`, base64url."""
    canonical = json.dumps(schemas(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


EARLIER = frozenset(
    {"1VdsI_vPxGvhKRQ7JVO5xH8yhb_VGyRV1HtQq8ySlwY", "gIQbgq6c_6aNX3XlC0RciaFN5Hc2QAN6hKSXAhxE3Dk"}
)
"""Digests of earlier schemas whose every kind is among these, with the same fields."""


@cache
def _pattern(kind: str) -> Callable[[str], object]:
    return re.compile(record(**TYPES[kind][0]).pattern).fullmatch


def check_kind(entry: AuditedEntry) -> None:
    """Check that an entry is of a known kind and has that kind's fields: the grammar is closed.

    Raises:
        Unacceptable: it is not.
    """
    fields = KINDS.get(entry.kind)
    if fields is None:
        raise Unacceptable(f"there is no kind {entry.kind}")
    public, committed = fields
    if entry.public != public or tuple(entry.committed) != committed:
        raise Unacceptable(f"the fields are not those of {entry.kind}")
    if _pattern(entry.kind)(entry.text) is None:
        raise Unacceptable(f"a public field of {entry.kind} is not of its type")
