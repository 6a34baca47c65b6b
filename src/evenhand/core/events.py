"""Something that happened, by whom, about what. A closed union of small types; none is ever edited.

An event has three kinds of fields, listed by its class:

* `PUBLIC` fields stand in the entry's header `b`: what a replay from outside reads.
* `PRIVATE` fields stand in the entry as salted commitments; value and salt are kept as its opening.
* `LOCAL` fields never reach the ledger, not even committed: ids with which this node finds its rows.

Bulk events carry `rows` (at most `MAX_ROWS`): the header has their count and the Merkle root of their
salted hashes. docs/spec/ledger.md is the normative page; a test holds the table there against this one.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import msgspec

MAX_ROWS = 1000
"""A bulk event has at most so many rows; what is longer becomes several events."""


class Place(NamedTuple):
    """Where an event stands: the n-th of its stream, from 0. References are places, never leaf indices."""

    stream: str
    n: int


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The time, and the decision chance. Both are recorded; secrets are not chance (design, section 2)."""

    ms: int  # milliseconds since 1970-01-01 UTC
    chance: bytes = b""  # 32 bytes where a decision needs a draw


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all events."""

    KIND: ClassVar[str] = ""
    PUBLIC: ClassVar[tuple[str, ...]] = ()
    PRIVATE: ClassVar[tuple[str, ...]] = ()
    LOCAL: ClassVar[tuple[str, ...]] = ()
    BULK: ClassVar[bool] = False

    stream: str  # what the decision had to lock anyway
    causes: tuple[Place, ...] = ()  # places of the events that this one answers
    owner: str = ""  # the organization that its opening belongs to; "" for the node's own; local


class NodeOpened(Event, frozen=True, kw_only=True):
    """The first event of a node. Stream: `node`."""

    KIND = "node-opened"
    PUBLIC = ("software", "previous")

    software: str  # "evenhand:0.1.0"
    previous: str = ""  # hash of the last known checkpoint of the log that this one continues after a restore


class OrganizationCreated(Event, frozen=True, kw_only=True):
    """Stream: `node`."""

    KIND = "organization-created"
    PUBLIC = ("organization",)
    PRIVATE = ("name",)

    organization: str  # its id, which is also its stream
    name: bytes


class MemberAdded(Event, frozen=True, kw_only=True):
    """A person or model joins an organization. Stream: the organization."""

    KIND = "member-added"
    PUBLIC = ("role", "actor")
    PRIVATE = ("member", "person")

    role: str
    actor: str  # "human" or "model"
    member: bytes  # id of the membership: the person's pseudonym in this organization
    person: bytes  # id of the person, which is also the stream of what they submit


class MemberChanged(Event, frozen=True, kw_only=True):
    """Another role, or suspended, removed, active again. Stream: the organization."""

    KIND = "member-changed"
    PUBLIC = ("role", "state")
    PRIVATE = ("member",)

    role: str
    state: str
    member: bytes


class PoolOpened(Event, frozen=True, kw_only=True):
    """A pool of annotators and work. Stream: the pool."""

    KIND = "pool-opened"
    PRIVATE = ("organization",)

    organization: bytes  # whose people work there


class ProjectCreated(Event, frozen=True, kw_only=True):
    """Stream: the project."""

    KIND = "project-created"
    PUBLIC = ("pool",)
    PRIVATE = ("organization", "seed")

    pool: str
    organization: bytes
    seed: bytes  # 32 secret bytes that order "random" follows, committed here before the first task


class ProjectVersioned(Event, frozen=True, kw_only=True):
    """The rules changed. Stream: the project."""

    KIND = "project-versioned"
    PUBLIC = ("version",)
    PRIVATE = ("document",)

    version: int  # from 1
    document: bytes  # JSON of core.project.Document


class RulesFollowed(Event, frozen=True, kw_only=True):
    """Tasks `first` to `last` follow the rules of a version that came after them. Stream: the project."""

    KIND = "rules-followed"
    PUBLIC = ("version", "first", "last")

    version: int
    first: int
    last: int


class ProjectStateChanged(Event, frozen=True, kw_only=True):
    """Active, paused, archived or deleted. Stream: the project."""

    KIND = "project-state-changed"
    PUBLIC = ("state",)

    state: str


class TasksImported(Event, frozen=True, kw_only=True):
    """Tasks `first` to `first + len(rows) - 1` of a project. Stream: the project."""

    KIND = "tasks-imported"
    PUBLIC = ("first",)
    LOCAL = ("mapping", "externals", "priorities")
    BULK = True

    first: int  # number of the first task, from 1
    rows: tuple[bytes, ...]  # the records as received
    mapping: bytes = b"{}"  # JSON: key of the source -> key of the record
    externals: tuple[str | None, ...] = ()  # external ids; empty: none has one
    priorities: tuple[int, ...] = ()  # empty: all 0


class TasksChanged(Event, frozen=True, kw_only=True):
    """Withdrawn, restored, given a priority or unflagged. Stream: the project."""

    KIND = "tasks-changed"
    PUBLIC = ("action",)
    BULK = True

    action: str  # "withdraw", "restore", "prioritise", "unflag", "order"
    rows: tuple[bytes, ...]  # JSON [number, value]


class TaskCorrected(Event, frozen=True, kw_only=True):
    """New data for one task, which is asked again in a new round. Stream: the project."""

    KIND = "task-corrected"
    PRIVATE = ("task", "record")

    task: bytes  # number, decimal
    record: bytes  # JSON


class Offered(Event, frozen=True, kw_only=True):
    """One window of a pool: what was given to whom, what came back and what lapsed. Stream: the pool.

    Each lease has a fresh slot pseudonym, so that nobody outside sees which task was asked twice.
    """

    KIND = "offered"
    PUBLIC = ("leases", "lapsed", "settled")
    LOCAL = ("lapsed_ids", "settled_ids", "tags", "virtual")
    BULK = True

    leases: tuple[dict[str, Any], ...]  # {"slot": pseudonym, "who": person, "until": ms}
    lapsed: tuple[str, ...]  # slots whose time had passed
    settled: tuple[Place, ...]  # submissions and skips that this window knows of
    rows: tuple[bytes, ...]  # one a lease: JSON [lease, organization, project, task, round, version, member]
    lapsed_ids: tuple[str, ...] = ()  # assignments behind `lapsed`
    settled_ids: tuple[str, ...] = ()  # assignments behind `settled`
    tags: tuple[tuple[str, str, int], ...] = ()  # (organization, project, tag) after the window
    virtual: int = 0  # the pool's virtual time after the window


class Renewed(Event, frozen=True, kw_only=True):
    """A live lease got more time. Stream: the pool."""

    KIND = "renewed"
    PUBLIC = ("slot", "until")
    LOCAL = ("assignment",)

    slot: str
    until: int  # ms
    assignment: str


class Submitted(Event, frozen=True, kw_only=True):
    """Answers to one task, first or corrected. Stream: the person."""

    KIND = "submitted"
    PUBLIC = ("slot", "ms", "revision", "surplus")
    PRIVATE = ("answers",)
    LOCAL = ("assignment", "project", "task", "member", "was", "completes", "rate", "credited")

    slot: str
    ms: int  # active time, rounded to 100 ms; -1 when it was not told
    revision: int  # 1, then one more for each correction
    surplus: int  # 1: kept outside the overlap, because the slot had lapsed and was given on
    answers: bytes  # JSON: question id -> answer
    assignment: str
    project: str
    task: int
    member: str
    was: str  # the assignment's state before: "live", "lapsed", "submitted" or "surplus"
    completes: bool = False  # with this answer the task has as many as its overlap
    rate: str = ""  # what the project pays by; "" when it pays nothing
    credited: int = 0  # ms of active time that count for pay


class Skipped(Event, frozen=True, kw_only=True):
    """The person gives the task back. Stream: the person."""

    KIND = "skipped"
    PUBLIC = ("slot",)
    PRIVATE = ("reason",)
    LOCAL = ("assignment", "project", "task", "member", "was")

    slot: str
    reason: bytes
    assignment: str
    project: str
    task: int
    member: str
    was: str


class Flagged(Event, frozen=True, kw_only=True):
    """The person says that something is wrong with the task. Stream: the person."""

    KIND = "flagged"
    PUBLIC = ("slot",)
    PRIVATE = ("reason",)
    LOCAL = ("assignment", "project", "task", "member", "was")

    slot: str
    reason: bytes
    assignment: str
    project: str
    task: int
    member: str
    was: str


class Concluded(Event, frozen=True, kw_only=True):
    """What the answers to some tasks come to. Stream: the project."""

    KIND = "concluded"
    BULK = True

    rows: tuple[bytes, ...]  # JSON [number, {question: {"value", "confidence", "method"}}]


class Released(Event, frozen=True, kw_only=True):
    """Labels left the node. Stream: the project."""

    KIND = "released"
    PUBLIC = ("count",)
    PRIVATE = ("manifest",)

    count: int  # tasks
    manifest: bytes  # the manifest's JSON


class GoldMarked(Event, frozen=True, kw_only=True):
    """Tasks with known answers, committed before anybody gets one. Stream: the project."""

    KIND = "gold-marked"
    PUBLIC = ("use",)
    BULK = True

    use: str  # "gold", "qualification", or "none": ordinary again
    rows: tuple[bytes, ...]  # JSON [number, status before or after, {question: right answer}, feedback]


class GoldScored(Event, frozen=True, kw_only=True):
    """How one annotator answered gold in a project so far. Stream: the project.

    It comes after a fixed number of answers of any kind, so that it does not tell which were gold.
    """

    KIND = "gold-scored"
    PUBLIC = ("answered", "right")
    PRIVATE = ("member", "tasks")
    LOCAL = ("seen",)

    answered: int
    right: int
    member: bytes
    tasks: bytes  # JSON [[number, 0 or 1]]
    seen: int  # answers of any kind so far


class StandingChanged(Event, frozen=True, kw_only=True):
    """An annotator is suspended from a project, or may work there again. Stream: the project."""

    KIND = "standing-changed"
    PUBLIC = ("state", "rule")
    PRIVATE = ("member", "reason")

    state: str  # "suspended" or "active"
    rule: str  # "gold-floor": by the project's policy; "manager"
    member: bytes
    reason: bytes  # what the annotator is told


class TestBegan(Event, frozen=True, kw_only=True):
    """Somebody begins a try at a project's qualification. Stream: the person."""

    __test__ = False  # it is no test of ours
    KIND = "test-began"
    PRIVATE = ("tasks",)
    LOCAL = ("project", "member", "attempt")

    tasks: bytes  # JSON list of numbers
    project: str
    member: str
    attempt: int  # 1, 2, ...


class TestAnswered(Event, frozen=True, kw_only=True):
    """The answers to one task of a qualification. Stream: the person."""

    __test__ = False
    KIND = "test-answered"
    PRIVATE = ("task", "answers")
    LOCAL = ("project", "member", "attempt", "right")

    task: bytes  # number, decimal
    answers: bytes  # JSON
    project: str
    member: str
    attempt: int
    right: int


class TestEnded(Event, frozen=True, kw_only=True):
    """What a try at the qualification came to. Stream: the project."""

    __test__ = False
    KIND = "test-ended"
    PUBLIC = ("answered", "right", "passed")
    PRIVATE = ("member",)

    answered: int
    right: int
    passed: int
    member: bytes


class ReviewAsked(Event, frozen=True, kw_only=True):
    """Tasks that a reviewer shall look at. Stream: the project."""

    KIND = "review-asked"
    BULK = True

    rows: tuple[bytes, ...]  # JSON [number, round, worth, "policy" | "hand" | "corrected"]


class ReviewOpened(Event, frozen=True, kw_only=True):
    """A task is reserved for one reviewer; what had lapsed is taken back. Stream: the project."""

    KIND = "review-opened"
    PUBLIC = ("slot", "who", "until", "lapsed")
    PRIVATE = ("task",)
    LOCAL = ("review", "round", "member", "lapsed_ids")

    slot: str
    who: str  # person
    until: int  # ms
    lapsed: tuple[str, ...]  # slots whose time had passed
    task: bytes  # number, decimal
    review: str  # its id
    round: int
    member: str
    lapsed_ids: tuple[str, ...] = ()  # reviews behind `lapsed`


class Reviewed(Event, frozen=True, kw_only=True):
    """What a reviewer decided about the answers to one task. Stream: the person."""

    KIND = "reviewed"
    PUBLIC = ("slot", "ms")
    PRIVATE = ("decision", "answers", "comment", "judged")
    LOCAL = ("review", "project", "task", "round", "member", "judgements")

    slot: str
    ms: int  # active time, rounded to 100 ms; -1 when it was not told
    decision: bytes  # "accepted", "fixed", "returned" or "skipped"
    answers: bytes  # JSON: question id -> the answer that stands; empty when returned or skipped
    comment: bytes
    judged: bytes  # JSON [[stream, n, outcome]]: the submissions that were judged
    review: str
    project: str
    task: int
    round: int
    member: str
    judgements: tuple[tuple[str, str, str, str, int, int], ...]
    # (assignment, member, person, "accepted" | "fixed" | "returned", revision, seq of the submission)


class Appealed(Event, frozen=True, kw_only=True):
    """An annotator says why a judgement is wrong. Stream: the person."""

    KIND = "appealed"
    PUBLIC = ("slot",)
    PRIVATE = ("text",)
    LOCAL = ("appeal", "review", "assignment", "project", "task", "member", "reviewer")

    slot: str  # of the review
    text: bytes
    appeal: str  # its id
    review: str
    assignment: str
    project: str
    task: int
    member: str
    reviewer: str  # member whose judgement it is


class AppealDecided(Event, frozen=True, kw_only=True):
    """Somebody else has looked, and says who is right. Stream: the person."""

    KIND = "appeal-decided"
    PUBLIC = ("slot",)
    PRIVATE = ("decision", "text")
    LOCAL = ("appeal", "review", "project", "task", "member", "annotator", "reviewer", "restores")

    slot: str
    decision: bytes  # "upheld" or "rejected"
    text: bytes
    appeal: str
    review: str
    project: str
    task: int
    member: str  # who decides
    annotator: str  # member who appealed
    reviewer: str  # member whose judgement it was
    restores: bool  # the answer stands again: upheld, and nothing has happened to the task since


class PayStated(Event, frozen=True, kw_only=True):
    """What annotators are owed for their work since the statement before. Stream: the project."""

    KIND = "pay-stated"
    PUBLIC = ("number",)
    BULK = True

    number: int  # of the statement, from 1
    rows: tuple[bytes, ...]  # JSON [member, provider, currency, tasks, ms, minor units]


ALL: dict[str, type[Event]] = {
    kind.KIND: kind
    for kind in (
        NodeOpened,
        OrganizationCreated,
        MemberAdded,
        MemberChanged,
        PoolOpened,
        ProjectCreated,
        ProjectVersioned,
        RulesFollowed,
        ProjectStateChanged,
        TasksImported,
        TasksChanged,
        TaskCorrected,
        Offered,
        Renewed,
        Submitted,
        Skipped,
        Flagged,
        Concluded,
        Released,
        GoldMarked,
        GoldScored,
        StandingChanged,
        TestBegan,
        TestAnswered,
        TestEnded,
        ReviewAsked,
        ReviewOpened,
        Reviewed,
        Appealed,
        AppealDecided,
        PayStated,
    )
}
"""The grammar: every kind of event by its name in the entry."""
