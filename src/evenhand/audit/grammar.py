"""Every kind of entry and exactly the fields it has: the table of ``docs/spec/ledger.md``."""

from __future__ import annotations

from evenhand.audit.entries import AuditedEntry
from evenhand.audit.notes import Unacceptable

KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # kind: (public fields, committed fields), each in ascending order
    "admitted": (("on", "posting", "who"), ("evidence",)),
    "appeal-decided": (("slot",), ("decision", "text")),
    "appealed": (("slot",), ("text",)),
    "availability": (("on", "who"), ()),
    "brought": (("slot",), ("answers", "given")),
    "client-joined": (("band", "client", "exposure", "state"), ("organization",)),
    "client-registered": (("client", "record"), ("identity", "organization")),
    "concluded": (("count",), ("rows",)),
    "conflict": (("blocked", "client", "entity", "grade", "rival", "rule"), ("path",)),
    "enrolled": (("band", "entity", "languages", "qualifications", "state", "who"), ("evidence",)),
    "entity-registered": (("entity", "record", "role"), ("organization",)),
    "erased": (("basis", "count", "subject"), ()),
    "fitted": ((), ("basis",)),
    "flagged": (("slot",), ("reason",)),
    "gold-marked": (("count", "use"), ("rows",)),
    "gold-scored": (("answered", "right"), ("member", "tasks")),
    "key-added": (("key", "proof", "public"), ()),
    "key-revoked": (("key",), ()),
    "member-added": (("actor", "role"), ("member", "person")),
    "member-changed": (("role", "state"), ("member",)),
    "more-asked": (("count",), ("rows",)),
    "node-opened": (("previous", "software"), ()),
    "offered": (("count", "lapsed", "leases", "settled"), ("rows",)),
    "organization-created": (("organization",), ("name",)),
    "overridden": (("act", "at", "reason", "signatures", "subject"), ()),
    "ownership-stated": (
        (
            "components",
            "effective",
            "form",
            "identifiers",
            "interests",
            "party",
            "record",
            "status",
            "subject",
            "type",
        ),
        ("statement",),
    ),
    "pay-stated": (("count", "number"), ("rows",)),
    "policy": (("drand", "effective_from", "engine", "late", "officers", "skew", "thresholds", "vrf"), ()),
    "pool-opened": ((), ("organization",)),
    "pool-policy": (("cap", "charge", "draw", "effective_from", "independent", "prices", "weights"), ()),
    "pool-shared": (("band", "language", "qualification"), ()),
    "posted": (("client", "family", "posting", "state", "test"), ("project",)),
    "project-created": (("pool",), ("organization", "seed")),
    "project-pooled": (("family", "pool"), ()),
    "project-state-changed": (("state",), ()),
    "project-versioned": (("version",), ("document",)),
    "recalled": (("reason", "slots"), ()),
    "released": (("count",), ("manifest",)),
    "renewed": (("slot", "until"), ()),
    "review-asked": (("count",), ("rows",)),
    "review-opened": (("lapsed", "slot", "until", "who"), ("task",)),
    "reviewed": (("ms", "slot"), ("answers", "comment", "decision", "judged")),
    "rivals-named": (("client",), ("rivals",)),
    "rules-followed": (("first", "last", "version"), ()),
    "skipped": (("slot",), ("reason",)),
    "standing-changed": (("rule", "state"), ("member", "reason")),
    "submitted": (("ms", "revision", "slot", "surplus"), ("answers",)),
    "task-corrected": ((), ("record", "task")),
    "tasks-changed": (("action", "count"), ("rows",)),
    "tasks-imported": (("count", "first"), ("rows",)),
    "test-answered": ((), ("answers", "task")),
    "test-began": ((), ("tasks",)),
    "test-ended": (("answered", "passed", "right"), ("member",)),
    "waived": (("client", "entity", "state"), ()),
    "window": (
        (
            "backlog",
            "candidates",
            "changed",
            "count",
            "gone",
            "idle",
            "lapsed",
            "leases",
            "passed",
            "proof",
            "settled",
            "tags",
            "virtual",
            "waiting",
        ),
        ("rows",),
    ),
}


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
