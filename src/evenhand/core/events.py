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


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An actor's own statement about an event: whose word it is (`core.signing`)."""

    key: str  # id of the key that signed
    statement: str  # the text
    signature: str  # base64url
    salts: tuple[tuple[str, bytes], ...] = ()  # (private field, the salt that the actor drew)
    clock: int = 0  # the actor's own, ms


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
    said: Said | None = None  # None: the node's word


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
    LOCAL = ("lent",)

    role: str
    actor: str  # "human" or "model"
    member: bytes  # id of the membership: the person's pseudonym in this organization
    person: bytes  # id of the person, which is also the stream of what they submit
    lent: str = ""
    """Whom this pseudonym stands for, where a shared pool lends them; then `person` is `member`."""


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
    LOCAL = (
        "assignment", "project", "task", "member", "was", "completes", "rate", "credited", "counted", "spent",
    )  # fmt: skip

    slot: str
    ms: int  # active time, rounded to 100 ms; -1 when it was not told
    revision: int  # 1, then one more for each correction
    surplus: int  # 1: kept outside the overlap, because the slot had lapsed and was given on
    answers: bytes  # JSON: question id -> answer; with a statement, the bytes that the actor committed to
    assignment: str
    project: str
    task: int
    member: str
    was: str  # the assignment's state before: "live", "lapsed", "submitted" or "surplus"
    completes: bool = False  # with this answer the task has as many as its overlap
    rate: str = ""  # what the project pays by; "" when it pays nothing
    credited: int = 0  # ms of active time that count for pay
    counted: bytes = b""  # the answers in stored form, where the actor committed to another; see `stored`
    spent: int = 0  # ms credited to this and all earlier revisions

    @property
    def stored(self) -> bytes:
        """The answers in the form that label types store."""
        return self.counted or self.answers


class Brought(Event, frozen=True, kw_only=True):
    """An annotation that was given in another tool, and came in. Stream: the person.

    The node vouches for when it came, not for when it was given or by whom: that is the importer's word.
    """

    KIND = "brought"
    PUBLIC = ("slot",)
    PRIVATE = ("answers", "given")
    LOCAL = (
        "assignment", "project", "task", "round", "version", "member", "ms", "completes", "counted",
        "revision", "surplus", "opened", "rate", "credited",
    )  # fmt: skip

    slot: str
    answers: bytes  # JSON: question id -> answer
    given: bytes  # when, by the other tool's clock: ms, decimal
    assignment: str
    project: str
    task: int
    round: int
    version: int
    member: str
    ms: int  # active time, rounded to 100 ms; -1 when it was not told
    completes: bool = False  # with this answer the task has as many as its overlap
    counted: bytes = b""  # always empty: it keeps the place that it has in `Submitted`
    # What follows comes with an archive of another node, and with nothing else.
    revision: int = 1
    surplus: bool = False
    opened: int = 0  # ms: when it was leased there; 0: the other tool does not say
    rate: str = ""
    credited: int = 0  # ms


class Told(Event, frozen=True, kw_only=True):
    """What somebody did around the annotations on another node, as an archive tells it. Stream: the person.

    The node vouches for when it came in. That it was done, when and by whom is the word of whoever restored.
    """

    KIND = "told"
    PUBLIC = ("act",)
    PRIVATE = ("word", "stands", "comment", "given")
    LOCAL = ("project", "task", "member", "facts")

    act: str  # "skipped", "flagged", "reviewed", "appealed", "appeal-decided" or "tested"
    word: bytes  # the reason of a skip or flag, or the text of an appeal
    stands: bytes  # of a review, JSON: the answers that stand
    comment: bytes  # of a review, or of who decides an appeal
    given: bytes  # when, by the other node's clock: ms, decimal
    project: str
    task: int  # 0 for a test
    member: str
    facts: bytes  # JSON of the rest that the tables hold, in ids of this node; `store/fold_told.py`


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


class Fitted(Event, frozen=True, kw_only=True):
    """All answers of a project were weighed together; what came of it names this. Stream: the project."""

    KIND = "fitted"
    PRIVATE = ("basis",)

    basis: bytes  # JSON of core.adaptive.Basis: which answers, by which method, and the rule that came of it


class MoreAsked(Event, frozen=True, kw_only=True):
    """Tasks get further answers, because the rules say that it is worth it. Stream: the project."""

    KIND = "more-asked"
    BULK = True

    rows: tuple[bytes, ...]
    """JSON [number, overlap, status before, 1 where nobody gives the answer who is passed over]; the last one
    is absent in old events: everybody might."""


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
    LOCAL = ("review", "project", "task", "round", "member", "judgements", "became", "counted")

    slot: str
    ms: int  # active time, rounded to 100 ms; -1 when it was not told
    decision: bytes  # "accepted", "fixed", "returned" or "skipped"; with a statement, what the reviewer sent
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
    became: str = ""  # the decision in stored form, where the reviewer committed to another
    counted: bytes = b""  # the answers in stored form, where the reviewer committed to another

    @property
    def outcome(self) -> str:
        """What the review came to: "accepted", "fixed", "returned" or "skipped"."""
        return self.became or self.decision.decode()

    @property
    def stored(self) -> bytes:
        """The answers in the form that label types store; empty when returned or skipped."""
        return self.counted or self.answers


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
    LOCAL = ("stated",)
    BULK = True

    number: int  # of the statement, from 1
    rows: tuple[bytes, ...]  # JSON [member, provider, currency, tasks, ms, minor units]
    stated: int = 0  # ms: when, on the node whose archive tells it; 0: here and now


SCHEMAS = "6BvTtUyYONKfoZ_jzzhZZnL9kzvFVCZ1znBlwIGuCIM"
"""Digest of ``docs/spec/schemas.json``, as a `grammar` entry says it. A test computes it."""


class GrammarSet(Event, frozen=True, kw_only=True):
    """From here on entries follow these schemas. Stream: `node`."""

    KIND = "grammar"
    PUBLIC = ("schemas",)

    schemas: str  # SHA-256 of the RFC 8785 form of docs/spec/schemas.json, base64url


class Erased(Event, frozen=True, kw_only=True):
    """Values and salts were destroyed. Stream: the project, or the organization."""

    KIND = "erased"
    PUBLIC = ("basis", "count", "subject")
    LOCAL = ("task", "member")

    subject: str  # "task" or "member"
    basis: str  # "request", "retention" or "contract"
    count: int  # values that are gone
    task: int = 0  # number, of a task
    member: str = ""


class KeyAdded(Event, frozen=True, kw_only=True):
    """A person or a client signs with this key from now on. Stream: the holder."""

    KIND = "key-added"
    PUBLIC = ("key", "proof", "public")

    key: str  # id, which follows from holder and public key
    public: str  # Ed25519, base64url
    proof: str  # the key's own signature that it is the holder's, base64url


class KeyRevoked(Event, frozen=True, kw_only=True):
    """Nothing that this key signs counts any more. Stream: the holder."""

    KIND = "key-revoked"
    PUBLIC = ("key",)

    key: str


class SigningPolicySet(Event, frozen=True, kw_only=True):
    """Entries of these kinds must be signed. Replaces the one before. Stream: `node`."""

    KIND = "signing-policy"
    PUBLIC = ("kinds", "since", "whose")

    kinds: tuple[str, ...]  # ascending
    since: int  # ms: entries with this time or a later one; after the time of this entry
    whose: str  # "holders": of whoever has a key in force; "everybody": nobody does it without a key


# ---- shares of a project for other nodes (docs/spec/ledger.md, section 11) -------------------------


class SharePlanned(Event, frozen=True, kw_only=True):
    """Who may see how many of a project's tasks. Slices follow at once. Stream: the project."""

    KIND = "share-planned"
    PUBLIC = ("cap", "each", "number", "partners", "tasks")
    PRIVATE = ("client", "known", "seed")

    number: int  # of the plan in the project, from 1
    tasks: int  # that it shares out
    each: int  # control groups that each task goes to
    cap: int  # of one control group, in units of 10^-6 of the tasks
    partners: tuple[dict[str, Any], ...]  # {"group", "record", "share", "tasks"}, ascending by their keys
    client: bytes = b""  # whose project it is; b"" where the organization is no client of the exchange
    known: bytes  # JSON: [name, vkey] of each partner, in the same order
    seed: bytes  # 32 bytes, which follow from the project's own


class ShareSliced(Event, frozen=True, kw_only=True):
    """Tasks that a plan gives to one partner. Stream: the project."""

    KIND = "share-sliced"
    PUBLIC = ("share", "slice")
    BULK = True

    share: str
    slice: int  # from 1
    rows: tuple[bytes, ...]  # number of the task, decimal


class ShareLetter(Event, frozen=True, kw_only=True):
    """A letter about a share was written, or one of the other node was taken. Stream: the project; of an
    offer that is declined, the organization."""

    KIND = "share-letter"
    PUBLIC = ("act", "count", "late", "letter", "seq", "share", "slice", "way")
    LOCAL = ("facts",)

    share: str
    way: str  # "sent" or "taken"
    seq: int  # of its signer's letters about this share, from 0
    act: str  # core.sharing.Act
    slice: int  # 0: about all of it
    count: int  # tasks of it that count: offered, taken, delivered, erased
    late: int  # 1: it came after its time; 0
    letter: str  # digest of what is signed, base64url
    facts: bytes  # JSON of the rest that the tables hold; `store/fold_share.py`


# ---- pools that organizations share (docs/spec/ledger.md, section 10) -----------------------------


class PolicySet(Event, frozen=True, kw_only=True):
    """Rules of the node: thresholds of conflicts, officers, the key of the draw. Stream: `node`."""

    KIND = "policy"
    PUBLIC = ("drand", "engine", "effective_from", "late", "officers", "skew", "thresholds", "vrf")

    effective_from: int
    """In force for entries of the stream with this number or more; never its own or an earlier one."""
    engine: str  # the rule of conflicts, "own:1"
    thresholds: dict[str, int]  # blocked, waiver, disclosed, common, control: shares in units of 10^-8
    late: int  # ms after it took effect that a change of ownership may be stated
    skew: int  # ms that the clocks of the node's processes may differ
    officers: tuple[dict[str, str], ...]  # {"key", "public"}: Ed25519, base64url
    vrf: str  # base64url of the public key of the draw
    drand: str = ""  # digest of the drand chain's key; "": none is used


class ClientRegistered(Event, frozen=True, kw_only=True):
    """An organization takes part as a client, under a pseudonym. Stream: `node`."""

    KIND = "client-registered"
    PUBLIC = ("client", "record")
    PRIVATE = ("identity", "organization")

    client: str
    record: str  # in the graph of ownership; "": kept private
    identity: bytes  # the record; empty: none is stated
    organization: bytes


class EntityRegistered(Event, frozen=True, kw_only=True):
    """A legal body takes part: operator, provider or client. Stream: `node`."""

    KIND = "entity-registered"
    PUBLIC = ("entity", "record", "role")
    PRIVATE = ("organization",)

    entity: str
    record: str
    role: str
    organization: bytes


class OwnershipStated(Event, frozen=True, kw_only=True):
    """One statement of BODS 0.4: who is there, or who holds what in whom. Stream: `node`."""

    KIND = "ownership-stated"
    PUBLIC = (
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
    )
    PRIVATE = ("statement",)
    LOCAL = ("source",)

    record: str  # pseudonym of the statement's recordId
    type: str  # entity, person, relationship
    status: str  # new, updated, closed
    form: str  # entityType.type or personType
    subject: str = ""
    party: str = ""
    interests: tuple[dict[str, Any], ...] = ()  # {"type", "least", "most", "indirect", "end"}
    components: tuple[str, ...] = ()
    effective: int = 0  # ms
    identifiers: tuple[str, ...] = ()  # "XI-LEI:..."; of entities
    statement: bytes
    source: str  # recordId


class RivalsNamed(Event, frozen=True, kw_only=True):
    """A client names the records that nobody who works for it may belong to. Stream: `node`."""

    KIND = "rivals-named"
    PUBLIC = ("client",)
    PRIVATE = ("rivals",)

    client: str
    rivals: bytes  # JSON array of records


class PoolShared(Event, frozen=True, kw_only=True):
    """From here on several organizations share this pool. Stream: the pool."""

    KIND = "pool-shared"
    PUBLIC = ("band", "language", "qualification")

    band: int
    language: str
    qualification: str


class PoolPolicySet(Event, frozen=True, kw_only=True):
    """Weights, prices and charges of a shared pool. Stream: the pool."""

    KIND = "pool-policy"
    PUBLIC = ("cap", "charge", "draw", "effective_from", "independent", "prices", "weights")

    effective_from: int
    """In force for entries of the stream with this number or more; never its own or an earlier one."""
    weights: tuple[dict[str, Any], ...]  # {"client", "weight"}; who is not named has weight 1
    prices: tuple[dict[str, Any], ...]  # {"family", "price"}
    charge: int  # in advance, units of price
    cap: int  # the most that one task costs
    draw: str  # "vrf": in one phase, "vrf-drand": in two
    independent: int  # 1: answers to one task come from different entities


class ClientJoined(Event, frozen=True, kw_only=True):
    """A client takes part in a shared pool, or leaves it. Stream: the pool."""

    KIND = "client-joined"
    PUBLIC = ("band", "client", "exposure", "state")
    PRIVATE = ("organization",)

    client: str
    state: str  # active, left
    band: int  # the least that it takes
    exposure: int  # most leases that one entity may get; 0: no limit
    organization: bytes


class Enrolled(Event, frozen=True, kw_only=True):
    """A provider's annotator takes part in a shared pool, or ends it. Stream: the pool."""

    KIND = "enrolled"
    PUBLIC = ("band", "entity", "languages", "qualifications", "state", "who")
    PRIVATE = ("evidence",)
    LOCAL = ("member",)

    who: str  # person
    entity: str
    state: str  # active, ended
    band: int
    languages: tuple[str, ...]
    qualifications: tuple[str, ...]
    evidence: bytes
    member: str  # of the provider


class Availability(Event, frozen=True, kw_only=True):
    """An annotator takes work in a shared pool from everybody, or from nobody. Stream: the pool."""

    KIND = "availability"
    PUBLIC = ("on", "who")

    who: str
    on: int


class ConflictFound(Event, frozen=True, kw_only=True):
    """The verdict about a client and an entity in a shared pool changed. Stream: the pool."""

    KIND = "conflict"
    PUBLIC = ("blocked", "client", "entity", "grade", "rival", "rule")
    PRIVATE = ("path",)

    client: str
    entity: str
    grade: int
    rival: int  # 1: the entity is in conflict because of a rival that the client named
    blocked: int
    rule: str
    path: bytes  # JSON of core.ownership.Conflict: what led to it


class Waived(Event, frozen=True, kw_only=True):
    """A client lets an entity of grade 2 work for it, or no longer. Stream: the pool."""

    KIND = "waived"
    PUBLIC = ("client", "entity", "state")

    client: str
    entity: str
    state: str  # given, withdrawn


class Overridden(Event, frozen=True, kw_only=True):
    """Officers step in; how often is a headline of every audit. Stream: the pool."""

    KIND = "overridden"
    PUBLIC = ("act", "at", "reason", "signatures", "subject")

    act: str  # recall, suspend, readmit
    subject: str  # a slot, or a person
    reason: str  # safety, legal, error, abuse
    at: int  # ms, in the text that was signed
    signatures: tuple[dict[str, str], ...]  # {"key", "sg"}


class Recalled(Event, frozen=True, kw_only=True):
    """Live leases of a shared pool are taken back; their tasks go to others. Stream: the pool."""

    KIND = "recalled"
    PUBLIC = ("reason", "slots")
    LOCAL = ("ids", "tags")

    reason: str  # conflict, override, ended
    slots: tuple[str, ...]
    ids: tuple[str, ...]
    tags: tuple[tuple[str, int], ...]  # (client, tag) afterwards


class WindowDecided(Event, frozen=True, kw_only=True):
    """One window of a shared pool. Stream: the pool.

    Whoever replays the stream up to here gets the same leases, or has found the node out.
    """

    KIND = "window"
    PUBLIC = (
        "backlog",
        "candidates",
        "changed",
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
    )
    LOCAL = ("changed_ids", "lapsed_ids", "lent", "projects", "settled_ids", "terms")
    BULK = True

    backlog: tuple[dict[str, Any], ...]  # {"client", "on", "tag"}: found before the decision
    gone: tuple[str, ...]  # clients whose last free slots this window gave
    waiting: tuple[dict[str, Any], ...]  # {"who", "count"}
    candidates: str
    proof: str  # of the draw; "" without one
    leases: tuple[dict[str, Any], ...]  # {"slot", "who", "client", "family", "until", "v"}
    passed: tuple[dict[str, str], ...]  # {"who", "client", "why"}
    settled: tuple[Place, ...]
    lapsed: tuple[str, ...]
    changed: tuple[str, ...]  # slots whose task the client changed or took away
    idle: tuple[str, ...]
    tags: tuple[dict[str, Any], ...]  # {"client", "tag"}
    virtual: int
    rows: tuple[bytes, ...]  # one a lease: JSON [lease, organization, project, task, round, version, member]
    settled_ids: tuple[str, ...] = ()
    lapsed_ids: tuple[str, ...] = ()
    changed_ids: tuple[str, ...] = ()
    terms: tuple[tuple[str, int, int, int], ...] = ()  # of each lease: (entity, price, charge, weight)
    projects: tuple[tuple[str, int], ...] = ()  # (project, its tag within the client)
    lent: tuple[
        tuple[str, str, str, str], ...
    ] = ()  # new ones: (organization, person, pseudonym there, kind)


class BeaconSet(Event, frozen=True, kw_only=True):
    """Whence draws in two phases take what the node could not know before. Stream: `node`."""

    KIND = "beacon"
    PUBLIC = ("drand", "witnesses")

    drand: tuple[dict[str, Any], ...] = ()  # {"genesis", "period": seconds, "public": base64url}; at most one
    witnesses: tuple[
        dict[str, str], ...
    ] = ()  # {"witness": its Ed25519 key, "public": its key of reveals, "sg": the first about the second}


class WindowClosed(Event, frozen=True, kw_only=True):
    """The first phase of a window: what came back, and who may be chosen. Stream: the pool."""

    KIND = "window-closed"
    PUBLIC = ("backlog", "candidates", "changed", "lapsed", "round", "settled", "tags", "waiting")
    LOCAL = ("changed_ids", "lapsed_ids", "settled_ids")

    backlog: tuple[dict[str, Any], ...]  # {"client", "on", "tag"}
    waiting: tuple[dict[str, Any], ...]  # {"who", "count"}
    candidates: str
    round: int  # of the drand chain that will decide; 0: none
    settled: tuple[Place, ...]
    lapsed: tuple[str, ...]
    changed: tuple[str, ...]
    tags: tuple[dict[str, Any], ...]  # {"client", "tag"}
    settled_ids: tuple[str, ...] = ()
    lapsed_ids: tuple[str, ...] = ()
    changed_ids: tuple[str, ...] = ()


class WindowDrawn(Event, frozen=True, kw_only=True):
    """The second phase: what was drawn after the first was in the log, and who got what. Stream: the pool."""

    KIND = "window-drawn"
    PUBLIC = (
        "cosignatures",
        "gone",
        "idle",
        "leases",
        "passed",
        "proof",
        "reveals",
        "root",
        "signature",
        "size",
        "source",
        "tags",
        "virtual",
    )
    LOCAL = ("lent", "projects", "terms")
    BULK = True

    source: str  # drand, reveal, none
    signature: str  # of the drand round; ""
    reveals: tuple[dict[str, str], ...]  # {"witness", "proof"}
    size: int  # of a checkpoint that covers the first phase
    root: str
    cosignatures: tuple[dict[str, Any], ...]  # {"witness", "at": seconds, "sg"} of that checkpoint
    proof: str
    leases: tuple[dict[str, Any], ...]
    passed: tuple[dict[str, str], ...]
    idle: tuple[str, ...]
    gone: tuple[str, ...]
    tags: tuple[dict[str, Any], ...]
    virtual: int
    rows: tuple[bytes, ...]  # as in `window`
    terms: tuple[tuple[str, int, int, int], ...] = ()
    projects: tuple[tuple[str, int], ...] = ()
    lent: tuple[tuple[str, str, str, str], ...] = ()


class ProjectPooled(Event, frozen=True, kw_only=True):
    """A project gets its answers from another pool. Stream: the project."""

    KIND = "project-pooled"
    PUBLIC = ("family", "pool")

    pool: str
    family: str  # of its tasks, which has a price there; "" in a pool of one's own


class ProjectPosted(Event, frozen=True, kw_only=True):
    """A client's project is offered in a shared pool, or no longer, or asks for a test. Stream: the pool."""

    KIND = "posted"
    PUBLIC = ("client", "family", "posting", "state", "test")
    PRIVATE = ("project",)

    client: str
    posting: str  # the project's pseudonym in this pool
    family: str
    state: str  # open, closed
    test: int  # 1: nobody works on it who was not admitted
    project: bytes


class Admitted(Event, frozen=True, kw_only=True):
    """Annotators may work on a posting from the next entry on, or may not. Stream: the pool."""

    KIND = "admitted"
    PUBLIC = ("on", "posting", "who")
    PRIVATE = ("evidence",)

    posting: str
    on: int
    who: tuple[str, ...]  # persons, at most 250
    evidence: bytes
    """JSON: {"cause": place in the project's stream or null, "members": pseudonyms at the client}."""


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
        Brought,
        Told,
        Skipped,
        Flagged,
        Concluded,
        Fitted,
        MoreAsked,
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
        GrammarSet,
        Erased,
        KeyAdded,
        KeyRevoked,
        SigningPolicySet,
        PolicySet,
        ClientRegistered,
        EntityRegistered,
        OwnershipStated,
        RivalsNamed,
        PoolShared,
        PoolPolicySet,
        ClientJoined,
        Enrolled,
        Availability,
        ConflictFound,
        Waived,
        Overridden,
        Recalled,
        WindowDecided,
        BeaconSet,
        WindowClosed,
        WindowDrawn,
        ProjectPooled,
        ProjectPosted,
        Admitted,
        SharePlanned,
        ShareSliced,
        ShareLetter,
    )
}
"""The grammar: every kind of event by its name in the entry."""
