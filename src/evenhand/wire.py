"""What goes over HTTP: requests and responses as frozen types. The server and the SDK both use this page.

Times are RFC 3339 in UTC with milliseconds; ids are opaque strings; offsets count Unicode code
points with the end excluded. A page of a list has `items` and `next`, the `after` of the next page.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from evenhand.core.project import (
    AdaptivePolicy,
    Document,
    GoldPolicy,
    Order,
    PayPolicy,
    QualificationPolicy,
    ReviewPolicy,
    When,
)
from evenhand.core.receipt import Receipt
from evenhand.core.release import Probabilities

T = TypeVar("T")

Role = Literal["owner", "manager", "reviewer", "annotator", "auditor"]
ProjectState = Literal["active", "paused", "archived", "deleted"]
TaskStatus = Literal["open", "done", "withdrawn", "gold", "qualification"]
AssignmentState = Literal["live", "submitted", "surplus", "skipped", "lapsed", "recalled"]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all of them."""


class Request(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client sends. An unknown key is an error, so that a typing mistake is not lost in silence."""


class Problem(Wire, frozen=True, kw_only=True):
    """The one shape of an error (RFC 9457, application/problem+json)."""

    type: str  # "about:blank"
    title: str  # the HTTP reason phrase
    status: int
    detail: str  # what is wrong and why
    rule: str  # stable name of the broken rule
    where: str  # place in what was sent, or ""
    remedy: str  # what to do, or ""


class Page(Wire, Generic[T], frozen=True, kw_only=True):
    """One page of a list, by keyset: pass `next` as `after` for the following one."""

    items: list[T]
    next: str | None = None
    total: int | None = None  # where a counter is kept; never counted for the occasion
    behind: int | None = None  # of a search: tasks that its index has yet to take in; they are looked through


# -- sign-in, people ----------------------------------------------------------------------------


class SignIn(Request, frozen=True, kw_only=True):
    email: str
    password: str


class NewPassword(Request, frozen=True, kw_only=True):
    """In place of the current one, which shows again who asks."""

    current: str
    new: str  # 10 to 1000 characters


class Membership(Wire, frozen=True, kw_only=True):
    organization_id: str
    organization_name: str
    member_id: str
    role: Role


class Session(Wire, frozen=True, kw_only=True):
    """Who is signed in. `csrf` goes back in the header `X-Evenhand-CSRF` of calls that change something."""

    name: str
    email: str | None
    operator: bool
    memberships: list[Membership]
    csrf: str | None  # None with an API key
    oidc: bool = False  # signed in through OpenID Connect
    password: bool = False  # there is one to sign in with, and to change


class SignInOptions(Wire, frozen=True, kw_only=True):
    """What the sign-in page offers."""

    password: bool
    oidc: list[dict[str, str]]  # [{"name": "Acme SSO", "url": "/auth/oidc/acme"}]


class NewLink(Request, frozen=True, kw_only=True):
    next: str = "/"  # the page on this origin to go to, once signed in


class Link(Wire, frozen=True, kw_only=True):
    """A way in for a browser, for whoever holds an API key."""

    url: str  # single use, shown once
    expires_at: str


class NewOrganization(Request, frozen=True, kw_only=True):
    name: str


class Organization(Wire, frozen=True, kw_only=True):
    id: str
    name: str
    created_at: str


class CreatedOrganization(Wire, frozen=True, kw_only=True):
    organization: Organization
    owner_invite: str  # single-use link for its first owner


class NewMember(Request, frozen=True, kw_only=True):
    name: str
    email: str | None = None
    role: Role = "annotator"
    kind: Literal["human", "model"] = "human"


class Member(Wire, frozen=True, kw_only=True):
    id: str
    name: str
    email: str | None
    role: Role
    kind: Literal["human", "model"]
    state: Literal["active", "suspended", "removed"]
    created_at: str
    submitted: int = 0  # annotations in this organization so far


class CreatedMember(Member, frozen=True, kw_only=True):
    api_key: str  # shown once


class MemberChange(Request, frozen=True, kw_only=True):
    role: Role | None = None
    state: Literal["active", "suspended", "removed"] | None = None
    name: str | None = None


class NewInvite(Request, frozen=True, kw_only=True):
    purpose: Literal["join", "reset"] = "join"
    role: Role = "annotator"  # for join
    member_id: str | None = None  # for reset
    hours: int = 168


class Invite(Wire, frozen=True, kw_only=True):
    id: str
    purpose: Literal["join", "reset", "signin"]
    organization_name: str
    role: Role | None
    expires_at: str
    name: str | None = None  # for reset: whose password


class CreatedInvite(Invite, frozen=True, kw_only=True):
    url: str  # single use, shown once


class AcceptInvite(Request, frozen=True, kw_only=True):
    """Join: name, email, password. Reset: password. Sign-in link: nothing."""

    name: str | None = None
    email: str | None = None
    password: str | None = None


class NewKey(Request, frozen=True, kw_only=True):
    name: str
    scopes: tuple[Literal["read", "annotate", "manage"], ...] = ("read", "annotate", "manage")
    days: int | None = None  # None: no expiry


class Key(Wire, frozen=True, kw_only=True):
    id: str
    name: str
    prefix: str  # first characters, to recognise it by
    scopes: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class CreatedKey(Key, frozen=True, kw_only=True):
    api_key: str  # shown once


# -- label types and formats --------------------------------------------------------------------


class LabelTypeInfo(Wire, frozen=True, kw_only=True):
    id: str
    name: str
    title: str
    example_config: dict[str, Any]
    config_schema: dict[str, Any]
    widget: str | None  # address of its ES module on this origin


class FormatOption(Wire, frozen=True, kw_only=True):
    """One thing that can be said about an export in a format."""

    name: str  # in `options` of a new export
    kind: Literal["switch", "choice", "question", "field", "text"]  # a question's id, a key of the data
    choices: list[str]
    default: str | bool | None


class FormatInfo(Wire, frozen=True, kw_only=True):
    name: str
    title: str
    suffixes: list[str]
    reads: bool
    writes: bool
    options: list[FormatOption]  # for writing


# -- projects -----------------------------------------------------------------------------------


class FieldDraft(Request, frozen=True, kw_only=True):
    name: str
    type: Literal["text", "markdown", "chat", "image", "audio", "video", "html"] = "text"
    title: str = ""


class QuestionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A question as people write it. Keys beyond these are the label type's configuration; they are
    read from the JSON object itself, so this type lists only the common ones."""

    name: str
    type: str
    id: str | None = None
    title: str | None = None
    help: str = ""
    required: bool = True
    when: When | None = None


class ProjectDraft(Request, frozen=True, kw_only=True):
    """A new project. `questions` as in the design, section 11: {"name", "type", ...configuration}."""

    name: str
    fields: list[FieldDraft]
    questions: list[dict[str, Any]]
    instructions: str = ""
    overlap: int = 1
    order: Order = "imported"
    lease_seconds: int = 1800
    prefetch: int = 3
    skip: bool = True
    suggestions: bool = True
    gold: GoldPolicy | None = None
    qualification: QualificationPolicy | None = None
    review: ReviewPolicy | None = None
    pay: PayPolicy | None = None
    adaptive: AdaptivePolicy | None = None  # `overlap` is the most then
    organization_id: str | None = None  # None: the caller's only one


class ProjectChange(Request, frozen=True, kw_only=True):
    """What shall be different. What is left out stays. Makes a new version."""

    version: int  # the version that this change was made on; another one in force: 409 with it
    name: str | None = None
    fields: list[FieldDraft] | None = None
    questions: list[dict[str, Any]] | None = None
    instructions: str | None = None
    overlap: int | None = None
    order: Order | None = None
    lease_seconds: int | None = None
    prefetch: int | None = None
    skip: bool | None = None
    suggestions: bool | None = None
    gold: GoldPolicy | msgspec.UnsetType | None = msgspec.UNSET  # null switches it off
    qualification: QualificationPolicy | msgspec.UnsetType | None = msgspec.UNSET
    review: ReviewPolicy | msgspec.UnsetType | None = msgspec.UNSET
    pay: PayPolicy | msgspec.UnsetType | None = msgspec.UNSET
    adaptive: AdaptivePolicy | msgspec.UnsetType | None = msgspec.UNSET


class Counts(Wire, frozen=True, kw_only=True):
    """Counters kept in the transactions that change them."""

    tasks: int  # all but withdrawn
    done: int
    withdrawn: int
    annotations: int  # that count towards an overlap
    surplus: int
    skipped: int
    flagged: int


class ToReview(Wire, frozen=True, kw_only=True):
    """What waits for a reviewer in a project."""

    tasks: int
    appeals: int  # open ones


class Project(Wire, frozen=True, kw_only=True):
    id: str
    organization_id: str
    state: ProjectState
    version: int
    created_at: str
    document: Document
    counts: Counts
    role: Role  # the caller's
    deleted_at: str | None = None
    to_review: ToReview | None = None  # None: the caller does not review


class ProjectVersion(Wire, frozen=True, kw_only=True):
    version: int
    created_at: str
    document: Document


class StateChange(Request, frozen=True, kw_only=True):
    state: ProjectState


class AnnotatorProgress(Wire, frozen=True, kw_only=True):
    member_id: str
    name: str
    submitted: int
    skipped: int
    seconds: float  # active time in sum
    last_at: str | None


class Following(Wire, frozen=True, kw_only=True):
    """A change of overlap or order on its way to the tasks that were there."""

    done: int  # tasks that follow it
    total: int


class Progress(Wire, frozen=True, kw_only=True):
    counts: Counts
    live: int  # assignments out now
    annotators: list[AnnotatorProgress]  # none where the project hides them from the caller
    days: list[tuple[str, int]]  # ("2026-11-23", annotations), newest last, at most 60
    following: Following | None = None  # None: all tasks follow the rules in force


# -- import, tasks ------------------------------------------------------------------------------


class NewImport(Request, frozen=True, kw_only=True):
    name: str  # of the file or source
    format: str | None = None  # None: by suffix; rows sent one by one need none
    mapping: dict[str, str] = {}  # key of the source -> key of the record
    options: dict[str, Any] = {}  # encoding, delimiter, columns, header, ...
    bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None  # size of the file, for progress
    fetch_media: bool = False  # of a file: web addresses in fields of media are fetched and stored


class Rejected(Wire, frozen=True, kw_only=True):
    line: int  # 1 is the first
    path: str
    reason: str


class Import(Wire, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    state: Literal["open", "running", "done", "failed"]
    accepted: int  # tasks made
    present: int  # rows that were there already
    rejected: int
    rejections: list[Rejected]  # the first 1,000
    next_line: int  # for rows: send from here
    received: int  # for files: bytes received, send from here
    bytes: int | None
    error: Problem | None
    created_at: str


class RowsReport(Wire, frozen=True, kw_only=True):
    accepted: int
    present: int
    rejected: list[Rejected]
    next_line: int


class BroughtAnnotation(Request, frozen=True, kw_only=True):
    """An annotation that was given in another tool."""

    line: int  # where it stands in the source, for the report
    external_id: str  # of the task
    annotator: str  # what the other tool calls whoever gave it, with the tool's name before it
    name: str = ""  # of that person or model
    email: str | None = None  # with a member's address it is that member
    kind: Literal["human", "model"] = "human"
    answers: dict[str, Any]  # id of the question -> answer
    seconds: float | None = None  # active time
    submitted_at: str  # RFC 3339; without a zone it is UTC


class BroughtAnnotations(Request, frozen=True, kw_only=True):
    annotations: list[BroughtAnnotation]  # at most 1,000


class BroughtReport(Wire, frozen=True, kw_only=True):
    accepted: int
    present: int
    rejected: list[Rejected]


class TaskRow(Wire, frozen=True, kw_only=True):
    """A task in a list."""

    task_id: str
    external_id: str | None
    status: TaskStatus
    summary: str  # the first field's text, shortened
    annotations: int
    overlap: int
    leased: int
    flagged: int
    priority: int
    created_at: str


class Annotation(Wire, frozen=True, kw_only=True):
    id: str
    annotator: str  # member id; "" where the project hides it from the caller until a review is decided
    name: str | None  # where the caller may know it
    kind: Literal["human", "model"] | None  # None: hidden, as `seconds`, `submitted_at`, `receipt`
    state: AssignmentState
    answers: dict[str, Any] | None
    seconds: float | None
    submitted_at: str | None
    version: int  # of the project
    revision: int  # 1 is the first answer, each correction adds one
    reason: str | None  # of a skip
    receipt: dict[str, Any] | None  # {"stream", "n", "leaf"}


class Answer(Wire, frozen=True, kw_only=True, omit_defaults=True):
    value: Any
    confidence: float
    method: str
    probabilities: Probabilities | None = None  # by the newest weighing; left out where it does not tell


class Flagged(Wire, frozen=True, kw_only=True):
    annotator: str  # "": hidden
    reason: str
    at: str


class Task(Wire, frozen=True, kw_only=True):
    task_id: str
    project_id: str
    external_id: str | None
    status: TaskStatus
    data: dict[str, Any]
    metadata: dict[str, Any]
    predictions: list[Any]
    overlap: int
    priority: int
    created_at: str
    annotations: list[Annotation]
    consensus: dict[str, Answer]
    flags: list[Flagged]
    reviews: list[EarlierReview] = []  # decided ones, oldest first


class TaskAction(Request, frozen=True, kw_only=True):
    action: Literal["withdraw", "restore", "prioritise", "unflag", "review"]
    task_ids: list[str] | None = None  # these, or
    filter: dict[str, str] | None = None  # all that match (status, search, annotator, external_id, flagged)
    priority: int = 0
    after: str | None = None  # with a filter: `next` of the step before


class ActionReport(Wire, frozen=True, kw_only=True):
    changed: int
    next: str | None = None  # with a filter: where the next step begins; None: all that match were looked at


class TaskCorrection(Request, frozen=True, kw_only=True):
    """New data for one task. Answers given to the old data keep it; the task is asked again."""

    data: dict[str, Any]


class Blob(Wire, frozen=True, kw_only=True):
    """A medium, as it stands in a record's image, audio or video field."""

    blob: str  # SHA-256, hexadecimal
    bytes: int
    type: str  # media type
    width: int | None = None  # pixels after EXIF orientation; of a video, as shown
    height: int | None = None
    fps: float | msgspec.UnsetType = msgspec.UNSET  # frames a second of a video, where it tells them


# -- annotating ---------------------------------------------------------------------------------


class NextAssignment(Request, frozen=True, kw_only=True):
    project_id: str | None = None
    pool: str | None = None  # only out of this shared pool; not with a project
    have: list[str] = []  # live assignments that the caller holds already; others are given again first
    count: int = 1  # how many more to give


class Signed(Request, frozen=True, kw_only=True):
    """An actor's own statement about what it sends (docs/spec/ledger.md, section 5)."""

    key: str  # id of its signing key
    statement: str
    signature: str  # Ed25519 over the statement's bytes, base64url
    salts: dict[str, str] = {}  # private field -> the 32 bytes that the actor drew, base64url
    values: dict[str, str] = {}  # private field -> the very text that it committed to


class SigningKey(Wire, frozen=True, kw_only=True):
    """A key with which a person, or a client, signs. Only its public half is known here."""

    id: str
    holder: str  # a person's stream, or a client
    public: str  # Ed25519, base64url
    place: tuple[str, int]  # where it was added
    added_at: str
    revoked_at: str | None
    in_force: bool  # not revoked, and added in the log of today


class Erasure(Request, frozen=True, kw_only=True):
    basis: Literal["request", "retention", "contract"] = "request"


class ErasureReport(Wire, frozen=True, kw_only=True):
    """What was destroyed. The ledger holds this count and the basis, and not whose it was."""

    values: int
    place: tuple[str, int]  # of the entry that says so


class SigningKeys(Wire, frozen=True, kw_only=True):
    """The keys of one holder, the newest first, and what to write into statements."""

    origin: str
    holder: str
    items: list[SigningKey]


class NewSigningKey(Request, frozen=True, kw_only=True):
    """A key to sign with from now on. While a holder has one, nothing counts unsigned in its name."""

    public: str  # Ed25519, base64url
    proof: str  # its own signature that it is the holder's, base64url
    organization_id: str | None = None  # None: the caller's own; else that of this organization as a client
    signed: Signed | None = None  # by a key of the holder that is in force; without: the node's word


class SigningKeyRevocation(Request, frozen=True, kw_only=True):
    organization_id: str | None = None
    signed: Signed | None = None


class SigningPolicy(Request, frozen=True, kw_only=True):
    """Which acts must be signed. Answers and waivers always are, by whoever has a key."""

    kinds: list[str] = []  # of entries
    whose: Literal["holders", "everybody"] = "holders"  # whoever has a key; or nobody without one
    since: str | None = None  # from when an entry without a signature is a finding; set by the node


class Assignment(Wire, frozen=True, kw_only=True):
    id: str  # also the idempotency key of `submit`
    task_id: str
    project_id: str
    version: int  # of the project: fetch its form from /projects/{id}/versions/{version}/form
    data: dict[str, Any]  # the fields shown
    expires_at: str
    suggestion: dict[str, Any] | None  # question id -> answer, from a prediction
    draft: dict[str, Any] | None
    place: tuple[str, int]  # where the lease stands in the ledger: what a signed answer answers


class Assignments(Wire, frozen=True, kw_only=True):
    assignments: list[Assignment]
    waiting: str | None = None
    """When there are none, why: "nothing-left", "paused", "all-leased", "no-project", "drawing",
    "qualification", "suspended", or "passed-over": what is left goes to annotators whose answers tell
    more."""


class Form(Wire, frozen=True, kw_only=True):
    """What an annotator's page needs of one version of a project."""

    project_id: str
    version: int
    document: Document
    widgets: dict[str, str]  # label type id -> address of the ES module
    changed: str | None  # when the version changed last
    asks: bool = False  # a model can be asked in the middle of a task


class Submission(Request, frozen=True, kw_only=True):
    answers: dict[str, Any]
    seconds: float | None = None  # active time
    revision: int | None = None  # for a correction: the revision that it replaces; another one in force: 409
    signed: Signed | None = None


class Submitted(Wire, frozen=True, kw_only=True):
    """What `submit` gives: the answers are durable, and the receipt says so."""

    assignment_id: str
    state: Literal["submitted", "surplus"]
    revision: int
    submitted_at: str
    receipt: Receipt


class NeutralShare(Wire, frozen=True, kw_only=True):
    """How a client fared in a pool that organizations share, under its pseudonyms of the log."""

    pool: str
    client: str
    weight: int
    leases: int
    service: int  # units of price
    blocked: int  # providers in conflict
    band: float  # mean skill band of the annotators who served it
    wait_ms: int  # mean time from joining the queue to the first lease


class NeutralEdge(Wire, frozen=True, kw_only=True):
    """Who holds what in whom, as stated publicly."""

    party: str
    subject: str
    type: str
    most: int  # share in units of 10^-8


class NeutralWitness(Wire, frozen=True, kw_only=True):
    """A witness of the ledger, as the node sees it."""

    name: str
    size: int  # entries that it cosigned last
    seconds: int  # when, by its own clock; 0: never
    reason: str  # why it did not the last time; "" when it did


class Neutrality(Wire, frozen=True, kw_only=True):
    """What the public page shows: the node's audit of its own log, from the log alone. Make your own."""

    audited_at: str | None = None  # None: no audit has been made yet
    size: int = 0  # entries that were audited
    summary: str = ""
    found: dict[str, int] = {}  # class of findings -> how many
    operator_only: int = 0  # entries that only the operator vouches for
    windows: int = 0
    between: int = 0  # acts between the two phases of a draw that bore on it
    slowest: int = 0  # ms that the slowest second phase came after it could have been made
    overrides: int = 0
    late: int = 0  # statements of ownership that came too late
    shares: list[NeutralShare] = []
    edges: list[NeutralEdge] = []
    witnesses: list[NeutralWitness] = []
    cosigned_at: str | None = None  # when enough witnesses had cosigned last, by their clocks; None: never
    stale: bool = False  # that is longer ago than an auditor accepts


class Receipts(Wire, frozen=True, kw_only=True):
    """What the ledger holds for an organization, in its order: pass `after` on for what comes next."""

    items: list[Receipt]
    after: str
    more: bool  # whether the next page has something already


class Skip(Request, frozen=True, kw_only=True):
    reason: str = ""
    signed: Signed | None = None  # by a key of the caller, as with `Submission`


class DraftSave(Request, frozen=True, kw_only=True):
    answers: dict[str, Any]


class DraftSaved(Wire, frozen=True, kw_only=True):
    saved_at: str


class HistoryRow(Wire, frozen=True, kw_only=True):
    assignment_id: str
    task_id: str
    project_id: str
    project_name: str
    summary: str
    state: AssignmentState
    submitted_at: str
    revision: int


class WorkProject(Wire, frozen=True, kw_only=True):
    """A project as its annotators see it in their list."""

    project_id: str
    name: str
    state: ProjectState
    version: int
    tasks: int
    done: int
    mine: int  # submitted by the caller
    sent_back: int = 0  # of these, by a reviewer, and not corrected yet


# -- gold and qualification ---------------------------------------------------------------------


class GoldDraft(Request, frozen=True, kw_only=True):
    """One task to set apart. Without answers its consensus in force is taken as the right one."""

    task_id: str
    answers: dict[str, Any] | None = None
    feedback: str = ""  # what the annotator reads after answering it in a qualification


class GoldMarks(Request, frozen=True, kw_only=True):
    """Set tasks apart as gold or for the qualification, or ("none") bring them back."""

    use: Literal["gold", "qualification", "none"]
    tasks: list[GoldDraft]


class GoldTask(Wire, frozen=True, kw_only=True):
    """A task with known answers, and how it was answered."""

    task_id: str
    external_id: str | None
    summary: str
    use: Literal["gold", "qualification"]
    answers: dict[str, Any]
    feedback: str
    answered: int
    right: int
    suspect: float | None  # chance of so few right if its answer is right; None: nothing speaks against it
    flagged: int


class GoldAnnotator(Wire, frozen=True, kw_only=True):
    """One annotator by the gold of a project, all answers in force counted."""

    member_id: str
    name: str
    submitted: int
    answered: int  # gold
    right: int
    low: float  # 95% interval of the share right
    high: float
    agreed: int  # ordinary tasks: answers that are what the others' came to
    shared: int  # ordinary tasks that others answered as well
    leak: float | None  # chance of so many right on gold, for how they agree elsewhere; None: nothing unusual
    state: Literal["active", "suspended"]
    reason: str
    qualified: bool
    tries: int


class Gold(Wire, frozen=True, kw_only=True):
    """What the gold of a project says."""

    annotators: list[GoldAnnotator]
    tasks: int  # gold
    qualification_tasks: int
    compared: int  # answers to ordinary tasks that agreement was taken from, the newest


class GoldOpening(Wire, frozen=True, kw_only=True):
    """The openings of one entry that set tasks apart: whoever has the entry can check them."""

    stream: str
    n: int
    leaf: str
    use: str
    rows: list[tuple[str, str]]  # (salt in base64, JSON [number, status, answers, feedback])


class StandingChange(Request, frozen=True, kw_only=True):
    state: Literal["active", "suspended"]
    reason: str = ""  # what the annotator is told


class Standing(Wire, frozen=True, kw_only=True):
    """What the caller is told of their own standing in a project."""

    project_id: str
    project_name: str
    state: Literal["active", "suspended"]
    reason: str
    qualified: bool
    answered: int  # gold, as last recorded
    right: int
    low: float
    high: float
    floor: int  # percent right that the project asks for; 0: none


class TestTask(Wire, frozen=True, kw_only=True):
    """The next task of a qualification."""

    __test__ = False

    task_id: str
    version: int
    data: dict[str, Any]


class Qualification(Wire, frozen=True, kw_only=True):
    """How far the caller is in a project's qualification."""

    project_id: str
    needed: bool  # the project has one, and the caller has not passed it
    passed: bool
    tasks: int  # in the try that runs, or in the next one
    answered: int
    right: int
    pass_mark: int  # percent
    tries_left: int  # the one that runs left out
    next: TestTask | None  # None: no try runs


class TestAnswer(Request, frozen=True, kw_only=True):
    """The answers to the task that is next."""

    __test__ = False

    task_id: str
    answers: dict[str, Any]


class TestFeedback(Wire, frozen=True, kw_only=True):
    """What was right, and how it stands now."""

    __test__ = False

    right: bool
    answers: dict[str, Any]  # the right ones
    feedback: str
    qualification: Qualification


# -- time and pay -------------------------------------------------------------------------------


class Due(Wire, frozen=True, kw_only=True):
    """What somebody is owed in one currency. Amounts are minor units (cents), time is credited time."""

    project_id: str
    project_name: str
    member_id: str  # "" in a sum over a provider
    name: str
    provider_id: str  # organization that the annotator belongs to
    provider_name: str
    currency: str
    tasks: int
    seconds: float
    amount: int
    stated: int  # of the amount, in statements so far
    open: int  # the rest


class PayStatement(Wire, frozen=True, kw_only=True):
    """One statement: what was owed since the one before."""

    number: int
    at: str
    amounts: dict[str, int]  # currency -> minor units


class Pay(Wire, frozen=True, kw_only=True):
    """Time and pay of a project."""

    policy: PayPolicy | None  # in force now
    annotators: list[Due]
    providers: list[Due]
    statements: list[PayStatement]  # newest first


# -- export -------------------------------------------------------------------------------------


class NewArchive(Request, frozen=True, kw_only=True):
    people: Literal["pseudonymous", "named"] = "pseudonymous"  # named: with names and e-mail addresses


class NewRestore(Request, frozen=True, kw_only=True):
    bytes: int  # of the archive, which follows
    name: str | None = None  # of the project to make; None: its name in the archive
    organization_id: str | None = None  # None: the caller's only one


class RestoreReport(Wire, frozen=True, kw_only=True):
    """What came back."""

    versions: int
    tasks: int
    annotations: int
    acts: dict[str, int]  # kind of event -> how many of what happened around the annotations
    rejected: list[Rejected]  # `line` is the number of the task; the first 1,000
    rejected_count: int
    left: dict[str, int]  # kind of event -> how many stay in the archive only


class Restore(Wire, frozen=True, kw_only=True):
    """A project that comes back out of an archive."""

    id: str
    organization_id: str
    name: str | None
    state: Literal["open", "running", "done", "failed"]
    bytes: int
    received: int
    events: int  # of the archive's history; 0 until it is checked
    replayed: int
    project_id: str | None
    report: RestoreReport | None  # when done
    error: Problem | None  # when failed
    created_at: str


class NewExport(Request, frozen=True, kw_only=True):
    format: str = "jsonl"
    since: str | None = None  # id of an earlier export: only what is new since then
    surplus: bool = False  # with the answers outside the overlap, marked; else the manifest says how many
    accept_loss: bool = False
    options: dict[str, Any] = {}


class Lost(Wire, frozen=True, kw_only=True):
    """Something that an export would not carry."""

    part: str  # data, metadata, consensus, annotations, ...
    where: str  # which field or question; "" when it is all of the part
    reason: str


class ExportCheck(Wire, frozen=True, kw_only=True):
    """What an export would lose, told before anything is written."""

    lost: list[Lost]
    whole: bool  # all tasks were looked at; else the first ones, and a later one may lose more


class Export(Wire, frozen=True, kw_only=True):
    id: str
    project_id: str
    format: str
    state: Literal["running", "done", "failed"]
    tasks: int  # written so far
    total: int
    error: Problem | None
    created_at: str
    files: list[
        str
    ]  # when done: GET /api/v1/exports/{id}/files/{name}; manifest.json and README.md among them


# -- review ---------------------------------------------------------------------------------------


class ReviewedAnswer(Wire, frozen=True, kw_only=True):
    """One annotation before a reviewer. Who gave it is told once decided, or where the policy shows all."""

    assignment_id: str
    answers: dict[str, Any] | None  # None while the policy hides them
    seconds: float | None
    kind: Literal["human", "model"] | None
    annotator: str | None  # member id
    name: str | None
    outcome: Literal["accepted", "fixed", "returned"] | None  # once it is decided
    apart: dict[str, float] = {}  # question -> distance from the consensus, 0 to 1; empty while hidden


class EarlierReview(Wire, frozen=True, kw_only=True):
    """A decided review of a task."""

    review_id: str
    decision: Literal["accepted", "fixed", "returned"]
    reviewer: str  # member id
    name: str | None
    comment: str
    answers: dict[str, Any] | None  # that stand since
    outcomes: dict[str, str]  # assignment id -> accepted, fixed, returned
    decided_at: str


class Review(Wire, frozen=True, kw_only=True):
    """A task before a reviewer."""

    id: str
    task_id: str
    project_id: str
    version: int  # of the project: its form shows the answers
    state: Literal["live", "lapsed", "recalled", "skipped", "accepted", "fixed", "returned"]
    why: Literal["policy", "hand", "corrected"] | None
    shows: Literal["all", "answers", "task"]
    expires_at: str
    data: dict[str, Any]
    annotations: list[ReviewedAnswer]
    consensus: dict[str, Answer]  # empty while the policy hides it
    revision: int  # of all answers together: send it with the decision
    earlier: list[EarlierReview]  # oldest first
    comment: str
    answers: dict[str, Any] | None  # that stand, once it is decided
    place: tuple[str, int]  # where it was opened: what a signed decision answers
    by: Literal["doubt", "disagreement", "annotator"] | None = None  # why "worth" chose it; None: it did not
    worth: float | None = None  # what `by` came to, 0 to 1; None while the policy hides the answers


class ReviewQueue(Wire, frozen=True, kw_only=True):
    """How much waits."""

    waiting: int
    held: int
    returned: int
    decided: int


class NextReview(Wire, frozen=True, kw_only=True):
    review: Review | None
    queue: ReviewQueue
    lack: Literal["off", "nothing", "share", "own"] | None = None  # why there is none


class ReviewDecision(Request, frozen=True, kw_only=True):
    decision: Literal["accept", "fix", "return", "skip"]
    answers: dict[str, Any] | None = None  # with fix
    comment: str = ""  # at most 2,000 characters; with return it is needed
    assignment_ids: list[str] = []  # with return: whose answers go back
    revision: int | None = None  # that the reviewer saw; another one in force: 409
    seconds: float | None = None
    signed: Signed | None = None  # by a key of the caller


class ReviewRow(Wire, frozen=True, kw_only=True):
    """A decided review in a list."""

    id: str
    task_id: str
    summary: str
    decision: Literal["accepted", "fixed", "returned"]
    reviewer: str
    name: str | None
    comment: str
    seconds: float | None
    decided_at: str


class AppealState(Wire, frozen=True, kw_only=True):
    """What its annotator sees of an appeal."""

    id: str
    state: Literal["open", "upheld", "rejected"]
    text: str
    answer: str | None  # of whoever decided it
    appealed_at: str


class Judgement(Wire, frozen=True, kw_only=True):
    """What a review says of one annotation of the caller's own."""

    assignment_id: str
    task_id: str
    project_id: str
    project_name: str
    summary: str
    outcome: Literal["accepted", "fixed", "returned"]
    comment: str
    answers: dict[str, Any] | None  # that stand; None when the answer was sent back
    revision: int  # in force now: what a correction replaces
    open: bool  # sent back and not corrected yet
    may_appeal: bool
    appeal: AppealState | None
    decided_at: str
    place: tuple[str, int]  # of the caller's answer that was judged: what a signed appeal answers


class NewAppeal(Request, frozen=True, kw_only=True):
    text: str  # at most 2,000 characters
    signed: Signed | None = None  # by a key of the caller


class Appeal(Wire, frozen=True, kw_only=True):
    """An appeal. What its two sides wrote is for whoever has to answer it, and for whoever did."""

    id: str
    task_id: str
    project_id: str
    version: int
    state: Literal["open", "upheld", "rejected"]
    outcome: Literal["fixed", "returned"]
    text: str | None  # of the annotator; None: not for the caller, as `answer`
    comment: str  # of the review
    summary: str  # the task's first field, shortened
    data: dict[str, Any]
    given: dict[str, Any]  # answers as they were judged
    stands: dict[str, Any] | None  # answers of the review; None when it sent them back
    annotator: str | None  # member id
    annotator_name: str | None
    reviewer: str
    reviewer_name: str | None
    answer: str | None
    judge: str | None  # member who decided
    judge_name: str | None
    appealed_at: str
    decided_at: str | None
    may_decide: bool
    slot: str  # of the review, and the place where it was opened: what a signed decision says and answers
    place: tuple[str, int]


class AppealDecision(Request, frozen=True, kw_only=True):
    decision: Literal["uphold", "reject"]
    text: str = ""  # needed to reject
    signed: Signed | None = None  # by a key of the caller


# -- quality --------------------------------------------------------------------------------------


class AgreementFigure(Wire, frozen=True, kw_only=True):
    """One coefficient. Without a value it says why."""

    name: str
    value: float | None
    low: float | None  # 95% interval
    high: float | None
    labels: int
    tasks: int
    undefined: str


class Estimated(Wire, frozen=True, kw_only=True):
    """A share with its 95% interval, 0 to 1, and how many labels it rests on."""

    value: float
    low: float
    high: float
    labels: int


class AnnotatorSkill(Estimated, frozen=True, kw_only=True):
    member_id: str
    name: str | None
    kind: Literal["human", "model"]
    numbers: list[float]  # what weighing learns of them, as `measures` of the question names it


class WorthALook(Wire, frozen=True, kw_only=True):
    task_id: str
    chance: float  # that most are wrong; of hard tasks: how far the answers are apart, 0 to 1
    labels: int
    summary: str = ""  # a line that stands for the task; only in pages of `/quality/tasks`
    review: Literal["", "queued", "waiting", "held", "returned"] = ""  # "queued": by the policy; the same


class WhatForWhat(Wire, frozen=True, kw_only=True):
    """Expected answers by true class and by class given."""

    classes: list[str]
    counts: list[list[float]]  # [true][given]
    left_out: int  # classes beyond the most common


class Named(Wire, frozen=True, kw_only=True):
    member_id: str
    name: str | None


class Signal(Wire, frozen=True, kw_only=True):
    """Something in an annotator's answers, or a pair's, that honest work does not explain. No verdict."""

    members: list[Named]
    seen: float  # in the unit of its test
    expected: float  # of honest work, in the same unit
    p: float
    q: float  # lowest false discovery rate at which it is flagged
    labels: int  # that it rests on; of a pair, tasks in common
    task_ids: list[str]  # where it shows, at most 20


class TestedWork(Wire, frozen=True, kw_only=True):
    """One test of the integrity of work."""

    kind: Literal["copying", "blind", "suggested", "previous", "fast", "typed", "repeated"]
    tested: int  # annotators, or pairs, that had enough to test
    undefined: str  # why nothing was tested
    false_alarms: (
        float | None
    )  # measured share of honest annotators, or pairs, that it flags; None: not measured
    signals: list[Signal]


class ProviderLean(Wire, frozen=True, kw_only=True):
    """One provider and one answer."""

    provider_id: str
    name: str | None  # None: a provider of a shared pool, known by its pseudonym
    answer: str
    effect: float  # how much more of its labels are this answer than of others on the same tasks; -1 to 1
    p: float  # adjusted for all providers and answers of its step
    detectable: float | None  # share of its labels turned to this answer that is found in 90 of 100 cases
    flagged: bool
    step: int  # each flagged provider is left out of the steps behind its own
    annotators: int
    labels: int


class Leaning(Wire, frozen=True, kw_only=True):
    """Whether a provider's annotators give one answer more often than others on the same tasks."""

    undefined: str  # why nothing was tested
    false_alarms: float  # measured share of projects without a lean where something is flagged
    providers: list[ProviderLean]


class QuestionFigures(Wire, frozen=True, kw_only=True):
    question: str
    title: str
    labels: int
    tasks: int
    every: int  # figures come from every n-th task; 1: from all
    agreement: list[AgreementFigure]
    basis: Literal["model", "agreement"]  # of the skills
    skills: list[AnnotatorSkill]
    confusion: WhatForWhat | None
    errors: list[WorthALook]  # the first 50
    hard: list[WorthALook]  # the first 50
    likely_errors: int  # tasks whose answer is more likely wrong than right; at most 1,000 are known
    method: str
    integrity: list[TestedWork]
    leaning: Leaning | None  # None: answers without classes
    measures: list[str]  # names of `numbers`: bias and spread are in `unit`, the others are shares, 0 to 1
    unit: str


class ReviewRates(Wire, frozen=True, kw_only=True):
    """How often answers stood, or how a reviewer decides."""

    member_id: str
    name: str | None
    part: Literal["annotator", "reviewer"]
    accepted: int
    fixed: int
    returned: int
    appealed: int
    upheld: int
    stood: Estimated  # share accepted; of annotators also those that an appeal restored
    overruled: Estimated | None  # of a reviewer: appeals upheld against them, of all; None: there is none


class Spent(Wire, frozen=True, kw_only=True):
    """Cost in one currency, minor units."""

    currency: str
    so_far: int
    to_come: int
    to_come_low: int | None = None  # 95% interval; None: less than two annotators
    to_come_high: int | None = None


class Forecast(Wire, frozen=True, kw_only=True):
    answers: int
    answers_left: int  # with an overlap that adapts: as many as are expected
    seconds: float  # active time so far
    seconds_left: float
    per_day: float  # answers, over the last seven days with any
    days_left: float | None  # None: nothing to go by
    annotators: int  # whose time it rests on
    days: int  # whose pace it rests on
    seconds_left_low: float | None = None  # 95% intervals; None: less than two annotators, or days
    seconds_left_high: float | None = None
    days_left_low: float | None = None
    days_left_high: float | None = None
    costs: list[Spent]  # of those who may see pay


class Adapting(Wire, frozen=True, kw_only=True):
    """How far adaptive overlap has got, by the question that asks for most."""

    state: Literal["pilots", "asking", "spent", "fixed"]
    """Pilots lack answers; under way; the budget is given out; all get all answers, which are weighed."""
    pilots: int  # tasks that get all answers at once
    pilots_ready: int
    tolerance: float  # share of right answers that may be lost, 0 to 1
    loss: float | None  # what stopping as the rule says cost on the pilots; None: not known yet
    per_task: float | None  # answers that a task is expected to get in the end
    saved: float | None  # share of the answers of a fixed overlap that will not be asked for
    budget: int  # answers; 0: no limit
    passed_over: int = 0  # annotators of whom no further answers are asked
    as_of: str | None


class Quality(Wire, frozen=True, kw_only=True):
    state: Literal["none", "running", "done", "failed"]
    read: int  # answers read so far while it runs
    total: int
    as_of: str | None  # the moment that the figures describe
    error: str
    questions: list[QuestionFigures]
    reviews: list[ReviewRates]
    forecast: Forecast
    hidden: bool  # the project hides from the caller who gave which answer: no annotator is listed
    adaptive: Adapting | None  # None: the overlap is fixed


class OwnSkill(Estimated, frozen=True, kw_only=True):
    question: str
    title: str
    basis: Literal["model", "agreement"]
    measures: list[str] = []  # what weighing learns of an annotator, as in `QuestionFigures`
    numbers: list[float] = []  # the caller's, in the order of `measures`
    unit: str = ""  # of those measures that are no share


class OwnReviews(Wire, frozen=True, kw_only=True):
    """How the caller reviews, and how often others thought otherwise."""

    accepted: int
    fixed: int
    returned: int
    seconds: float  # active time in sum, as far as it was told
    kept: Estimated  # tasks accepted as they were answered
    appealed: int
    overruled: Estimated | None  # appeals that were upheld, of those against the caller; None: there are none


class OwnQuality(Wire, frozen=True, kw_only=True):
    """What a project knows of the caller's own answers."""

    project_id: str
    project_name: str
    answers: int
    seconds: float  # active time in sum
    credited: float | None  # seconds that count for pay, as on the page of pay; None: nothing here is paid
    pay: PayPolicy | None  # the rate in force
    skills: list[OwnSkill]
    as_of: str | None
    accepted: int
    fixed: int
    returned: int
    stood: Estimated | None  # None: nothing was reviewed
    worth: int = 0  # percent of what answers tell in the mean that whoever gives further answers has to tell
    passed_over: bool = False  # the caller's tell less
    pilots_only: bool = False  # whoever tells less gets no first answers to give either, but pilots alone
    reviewed: OwnReviews | None = None  # None: the caller reviewed nothing here


# -- shared pools -------------------------------------------------------------------------------


class PoolTerms(Request, frozen=True, kw_only=True):
    """Weights and prices of a shared pool: the same rule for everybody, and nothing else decides."""

    prices: dict[str, int]  # family of tasks -> price of one, 1 to 10,000
    weights: dict[str, int] = {}  # client -> weight, a divisor of 720,720; 1 when it is not named
    charge: int = 0  # in advance, 0 to cap
    cap: int = 100  # the most that one task costs
    independent: bool = False  # answers to one task come from different entities
    draw: str = ""  # "one-phase", "two-phase"; "": as before; at first two-phase where there is a beacon


class NewSharedPool(Request, frozen=True, kw_only=True):
    terms: PoolTerms
    language: str  # BCP 47, such as "en"
    band: int = 1  # least band of its annotators, 1 to 9
    qualification: str = ""  # that they need; "": none


class PoolPolicy(Wire, frozen=True, kw_only=True):
    effective_from: int  # number of the pool's stream from which on it holds
    terms: PoolTerms


class SharedPool(Wire, frozen=True, kw_only=True):
    id: str
    language: str
    band: int
    qualification: str
    clients: int
    annotators: int
    policies: list[PoolPolicy]  # oldest first; the newest may not be in force yet
    next: int  # number of the pool's next entry


class NewClient(Request, frozen=True, kw_only=True):
    """An organization that the operator admits as a client."""

    organization_id: str
    record: str = ""  # recordId of its statement of ownership
    public: bool = True  # the log names that record


class NewEntity(Request, frozen=True, kw_only=True):
    """A legal body that the operator admits: a provider, or the operator itself."""

    role: Literal["operator", "provider", "client"]
    organization_id: str = ""
    record: str = ""


class Party(Wire, frozen=True, kw_only=True):
    """A client or an entity."""

    id: str  # its pseudonym in the log
    role: Literal["client", "operator", "provider"]
    organization_id: str
    name: str
    record: str  # recordId; "": none is stated


class ClientTerms(Request, frozen=True, kw_only=True):
    organization_id: str | None = None
    state: Literal["active", "left"] = "active"
    band: int = 1  # least band that it takes
    exposure: int = 0  # most tasks for annotators of one entity; 0: no limit


class PoolClient(Wire, frozen=True, kw_only=True):
    client: str
    name: str
    state: str
    band: int
    exposure: int
    weight: int
    backlogged: bool


class Enrolment(Request, frozen=True, kw_only=True):
    member_id: str  # of the provider
    languages: list[str]
    band: int = 1
    qualifications: list[str] = []
    state: Literal["active", "ended"] = "active"
    evidence: str = ""  # committed to, never shown in the log


class PoolAnnotator(Wire, frozen=True, kw_only=True):
    member_id: str
    name: str
    entity: str
    state: str
    band: int
    languages: list[str]
    qualifications: list[str]
    available: bool
    suspended: bool


class AvailabilityChange(Request, frozen=True, kw_only=True):
    available: bool
    signed: Signed | None = None  # by a key of the caller


class PoolTest(Wire, frozen=True, kw_only=True):
    """The test that one project of a shared pool asks for."""

    project_id: str
    name: str
    passed: bool


class PoolAvailability(Wire, frozen=True, kw_only=True):
    """A shared pool as an annotator sees it. Whose work comes out of it, nobody chooses."""

    pool: str
    language: str
    band: int
    state: str
    available: bool
    suspended: bool
    mine: int  # submitted by the caller
    tests: list[PoolTest]


class ProjectPool(Request, frozen=True, kw_only=True):
    pool: str = ""  # "": back to the organization's own pool
    family: str = ""


class PooledProject(Wire, frozen=True, kw_only=True):
    project_id: str
    pool: str
    family: str


class Rivals(Request, frozen=True, kw_only=True):
    organization_id: str | None = None
    records: list[str] = []  # recordIds
    signed: Signed | None = None  # by a key of the client


class Waiver(Request, frozen=True, kw_only=True):
    organization_id: str | None = None
    entity: str
    state: Literal["given", "withdrawn"] = "given"
    signed: Signed | None = None  # by a key of the client


class Override(Request, frozen=True, kw_only=True):
    """Two officers step in. What they sign is in docs/spec/ledger.md, 10.6."""

    act: Literal["recall", "suspend", "readmit"]
    subject: str  # a slot, or a person's stream
    reason: Literal["safety", "legal", "error", "abuse"]
    at: int  # ms
    signatures: list[dict[str, str]]  # {"key", "sg"}


class Overridden(Wire, frozen=True, kw_only=True):
    """What officers did in a shared pool."""

    pool: str
    n: int  # place in the pool's stream
    act: str
    subject: str
    reason: str
    at: str  # as they signed it


class Overrides(Wire, frozen=True, kw_only=True):
    """All overrides, newest first; and what a new one needs."""

    origin: str  # of the log, first in the text that officers sign
    officers: list[str]  # ids of those whose signatures count
    keys: dict[str, str]  # officer -> Ed25519 public key, base64url
    items: list[Overridden]


class NodePolicy(Request, frozen=True, kw_only=True):
    """Rules of the node. Shares are in percent."""

    officers: dict[str, str] = {}  # key id -> Ed25519 public key, base64url
    blocked: float = 25
    waiver: float = 10
    disclosed: float = 1
    common: float = 5
    late_days: int = 14
    skew_ms: int = 2000


# -- ownership ----------------------------------------------------------------------------------


class NewStatements(Request, frozen=True, kw_only=True):
    statements: list[dict[str, Any]]  # BODS 0.4
    organization_id: str | None = None  # states about itself; None: the operator states


class NewHolding(Request, frozen=True, kw_only=True):
    """Who has what in whom, without a file. Names that are not known yet become entities."""

    holder: str  # name or recordId
    held: str
    economic: float | None = None  # percent
    voting: float | None = None
    office: str = ""
    since: str  # date
    organization_id: str | None = None  # states about itself; None: the operator states


class StatementsReport(Wire, frozen=True, kw_only=True):
    accepted: int
    late: list[str]  # recordIds whose change is stated later than the policy allows
    conflicts: int  # verdicts that changed
    recalled: int  # leases that were taken back


class Owner(Wire, frozen=True, kw_only=True):
    """A node of the graph: an entity by name, a person without one."""

    record: str  # its pseudonym in the log
    source: str  # recordId of its statement, by which it is named as a rival; "" of persons
    kind: Literal["entity", "person"]
    form: str
    name: str
    role: str  # client, operator, provider, rival; "" for others
    opaque: bool


class Stake(Wire, frozen=True, kw_only=True):
    """An edge of the graph: what one party has in another."""

    record: str
    holder: str
    held: str
    economic: float | None  # percent, at its most
    voting: float | None
    offices: list[str]
    effective: str
    late: bool


class Held(Wire, frozen=True, kw_only=True):
    """What one party has in another."""

    holder: str  # name
    held: str  # name
    kind: str  # economic, voting, chief, board, contract
    share: int  # units of 10^-8; 0 where it is no share


class Connection(Wire, frozen=True, kw_only=True):
    """How two parties stand to each other, and by which links."""

    why: str  # same, opaque, control, share, office, contract, common, none
    holder: str  # name of who connects them, or ""
    held: str
    share: int  # that decided, units of 10^-8
    links: list[Held]


class PoolConflict(Wire, frozen=True, kw_only=True):
    """How a client and an entity stand to each other in a pool."""

    pool: str
    client: str
    client_name: str
    entity: str
    entity_name: str
    grade: int
    rival: bool
    blocked: bool
    sentence: str
    rival_sentence: str
    own: Connection  # what the sentence says, for whoever says it in other words
    by_rival: Connection | None
    records: list[str]  # on the path
    at: str
    n: int  # place in the pool's stream


class Ownership(Wire, frozen=True, kw_only=True):
    owners: list[Owner]
    stakes: list[Stake]
    conflicts: list[PoolConflict]


# ---- webhooks ----------------------------------------------------------------------------------


class NewWebhook(Request, frozen=True, kw_only=True):
    url: str
    kinds: list[str] = []  # empty: all
    project_id: str | None = None  # None: all projects of the organization
    organization_id: str | None = None  # None: the caller's only one


class NewBackend(Request, frozen=True, kw_only=True):
    """A model that speaks Label Studio's protocol for ML backends."""

    url: str  # where it answers, without /predict
    title: str = ""  # its host when empty
    counts: bool = True  # its predictions are annotations of a model annotator too
    interactive: bool = False  # annotators may ask it in the middle of a task
    training: bool = False  # it is told of every annotation
    access_token: str = ""  # an API key for it, to read data with
    login: str = ""  # "name:password" behind which it answers (RFC 7617)


class Backend(Wire, frozen=True, kw_only=True):
    id: str
    project_id: str
    url: str
    title: str
    version: str  # of its model, as it said last
    counts: bool
    interactive: bool
    training: bool
    state: Literal["ready", "predicting", "failed"]
    reason: str  # why it failed, or why it is asked again later
    total: int  # tasks that it was asked about in the last job
    predicted: int  # of these, how many it said something of
    created_at: str


class AskBackend(Request, frozen=True, kw_only=True):
    answers: dict[str, Any] = {}  # question id -> answer so far


class BackendSays(Wire, frozen=True, kw_only=True):
    title: str  # of the backend
    answers: dict[str, Any]  # question id -> answer; empty when it has none


class Webhook(Wire, frozen=True, kw_only=True):
    id: str
    url: str
    kinds: list[str]
    project_id: str | None
    paused: bool  # its messages are held
    created_at: str


class WebhookChange(Request, frozen=True, kw_only=True):
    paused: bool


class CreatedWebhook(Webhook, frozen=True, kw_only=True):
    secret: str  # whsec_ and base64; shown this once


class Delivery(Wire, frozen=True, kw_only=True):
    """A message to another program, and how its last try ended."""

    id: str
    webhook_id: str | None  # None: a callback of Scale's API
    kind: str
    url: str
    subject: str | None  # of a callback: Scale's id of the task, or the batch's name
    state: Literal["waiting", "held", "taken", "given_up"]  # held: its webhook is paused
    tries: int
    status: int | None  # HTTP status of the last answer; None: none came
    reason: str
    next_at: str | None
    created_at: str


class DeliveryDetail(Delivery, frozen=True, kw_only=True):
    body: str | None  # what is sent, JSON; None: a callback, whose body is made when it is sent
    answer: str  # the first 500 characters that came back last


class CallbackKey(Request, frozen=True, kw_only=True):
    """What callbacks of Scale's API carry as `scale-callback-auth`."""

    value: str


# ---- shares for other nodes ------------------------------------------------------------------------


class NewPartner(Request, frozen=True, kw_only=True):
    """Another node that gets a share."""

    name: str  # what you call it
    vkey: str  # the key of its ledger, one line (its /log/vkey), compared over another channel
    record: str = ""  # whose it is in the graph of ownership: recordId, or name; "" where nothing is stated


class NewPlan(Request, frozen=True, kw_only=True):
    cap: float  # most of the tasks that one control group may see, 0 to 1
    partners: list[NewPartner]


ShareState = Literal["planned", "offered", "accepted", "declined", "recalled", "deleted"]


class Share(Wire, frozen=True, kw_only=True):
    """A share of a project's tasks, and how far it is."""

    share_id: str
    project_id: str  # here; "" where the offer was declined
    side: Literal["home", "partner"]  # "home": the tasks are yours
    name: str  # of the other node
    other: str  # origin of its ledger
    plan: int  # number in the project, from 1; 0 at the partner
    control: int  # number of its control group in the plan, from 0
    stated: bool  # whether anything is stated about who owns it
    tasks: int
    offered: int
    delivered: int  # answers that count
    state: ShareState
    until: str | None  # of the newest offer
    sent: int  # letters that this node wrote
    acked: int  # of these, how many the other node has taken as far as is known
    taken: int  # letters of the other node


class Plan(Wire, frozen=True, kw_only=True):
    number: int  # in the project, from 1
    tasks: int
    each: int  # control groups that each task goes to
    most: int  # tasks that one control group may see
    groups: int
    stated: bool  # whether anything is stated about who owns you: else no conflict with you can be told
    shares: list[Share]


class NewLetter(Request, frozen=True, kw_only=True):
    act: Literal["offer", "deliver", "recall", "deleted"]
    hours: int = 168  # of an offer: until when answers are in time


class Letter(Wire, frozen=True, kw_only=True):
    """The file of a letter to the other node."""

    share_id: str
    name: str  # of the file
    content: str  # UTF-8


class Written(Wire, frozen=True, kw_only=True):
    """What came of writing a letter."""

    letter: Letter | None  # None: there is nothing to say
    count: int  # tasks that it is about


class TakenLetter(Request, frozen=True, kw_only=True):
    content: str  # of the file
    home: str = ""  # of a first offer: the key that is expected, one line
    answer: Literal["", "accept", "decline"] = ""  # to an offer
    reason: str = ""  # of declining
    organization_id: str | None = None  # who takes a first offer


class Taken(Wire, frozen=True, kw_only=True):
    """What came of a letter."""

    share_id: str
    act: str
    again: bool  # it was taken before, and nothing was done
    count: int  # tasks or answers that came of it
    late: bool
    rejected: list[Rejected]  # answers that do not fit; `line` is the number of the task at home
    letters: list[Letter]  # answers to it, to be sent back
    project_id: str
