"""Annotators' verbs: what is next, submit, skip, flag, drafts, history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import allocation, consensus, merkle, submission
from evenhand.core.allocation import Backlog, Candidate, Given, OfferView, Waiting
from evenhand.core.errors import EvenhandError, Invalid, Missing, Refused
from evenhand.core.events import Brought, Moment, Place, Renewed, Submitted
from evenhand.core.intake import shown_data, split
from evenhand.core.policy import Actor, allows, is_lent, labels_anywhere, require
from evenhand.core.project import Document, Form
from evenhand.core.receipt import Opening, Receipt
from evenhand.core.submission import SubmissionView, TaskView
from evenhand.lane import first, group
from evenhand.service import adaptive, gold, review, signing, windows
from evenhand.service.ids import new_ordered_id
from evenhand.service.paging import NEWEST, next_time, read_time
from evenhand.service.view import (
    decode_json,
    encode_json,
    form_of,
    suggestion_of,
    summary,
    told_task_id,
    when,
)
from evenhand.store import Reader, Transaction
from evenhand.store.codec import Placed, answers_of, decode

# ---- submit ------------------------------------------------------------------------------------

SubmitArgs = tuple[Actor, str, wire.Submission]


def _submit_all(tx: Transaction, at: Moment, calls: Sequence[SubmitArgs]) -> list[Any]:
    """Decide all submissions of a group; a second one for the same assignment waits for the first."""
    outcomes: list[Any] = [None] * len(calls)
    todo = list(range(len(calls)))
    while todo:
        now: list[int] = []
        later: list[int] = []
        seen: set[str] = set()
        for i in todo:
            (later if calls[i][1] in seen else now).append(i)
            seen.add(calls[i][1])
        _submit_distinct(tx, at, calls, now, outcomes)
        todo = later
    return outcomes


@group(_submit_all)
def submit(
    tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.Submission
) -> wire.Submitted:
    """Take the answers to one assignment. The assignment's id makes it idempotent: the same again gives
    the same receipt again. A correction names the revision that it replaces."""
    outcome = _submit_all(tx, at, [(actor, assignment, request)])[0]
    if isinstance(outcome, EvenhandError):
        raise outcome
    result: wire.Submitted = outcome
    return result


def _submit_distinct(
    tx: Transaction, at: Moment, calls: Sequence[SubmitArgs], indices: list[int], outcomes: list[Any]
) -> None:
    ids = [calls[i][1] for i in indices]
    windows.lock_where_closed(tx, ids)
    sent = _submission_views(tx, ids)
    asked = signing.asked(tx, {calls[i][0].person for i in indices})
    demand = signing.demand_now(tx, at)
    keys, views = asked(), {view[0].assignment: view for view in sent()}
    tasks: dict[tuple[str, int], TaskView] = {}
    accepted: list[tuple[int, Submitted, SubmissionView]] = []
    for i in indices:
        actor, assignment, request = calls[i]
        try:
            view, seq = _own(tx, views.get(assignment), actor)
            if _is_replay(view, request) and _same_answers(tx, seq, view, request):
                outcomes[i] = _replayed(tx, at, seq, view)
                continue
            if is_lent(view.member):
                view = msgspec.structs.replace(view, had_ms=at.ms - view.opened_ms)
            if view.revision and view.form.document.pay:
                view = msgspec.structs.replace(view, spent=_spent(tx, view, seq))
            key = (view.project, view.number)
            if key in tasks or view.state == "lapsed":
                again = _again(tx, view)
                view = msgspec.structs.replace(view, task=tasks.get(key, view.task), again=again)
            event = submission.accept(
                view, request.answers, request.seconds, request.revision, request.signed is not None
            )
            event = signing.submitted(tx, demand, keys[actor.person], event, request)
            tasks[key] = submission.after(view.task, event)
            accepted.append((i, event, view))
        except EvenhandError as error:
            outcomes[i] = error
    _take(tx, at, accepted, outcomes)


def _take(
    tx: Transaction, at: Moment, accepted: list[tuple[int, Submitted, SubmissionView]], outcomes: list[Any]
) -> None:
    if not accepted:
        return
    placed = tx.append([event for _, event, _ in accepted], at)
    tx.run("delete_draft", ids=[event.assignment for _, event, _ in accepted])
    _conclude(tx, at, [(event, view) for _, event, view in accepted])
    gold.score(tx, at, [(event, view) for _, event, view in accepted])
    for (i, _, _), result in zip(accepted, _receipts(tx, at, placed), strict=True):
        outcomes[i] = result


def _submission_views(
    reader: Reader, ids: Sequence[str]
) -> Callable[[], Iterable[tuple[SubmissionView, int]]]:
    """Send the question for what the decisions about these depend on; what this gives fetches the answer."""
    query = "submission_views" if isinstance(reader, Transaction) else "submission_views_read"
    rows = reader.ahead(query, ids=list(ids))
    return lambda: _views(reader, rows())


def _views(reader: Reader, rows: Sequence[tuple[Any, ...]]) -> Iterable[tuple[SubmissionView, int]]:
    for row in rows:
        (id_, org, project, n, round_, person, member, version, pool, window_n, state, revision, seq) = row[
            :13
        ]
        yield (
            SubmissionView(
                assignment=id_,
                organization=org,
                project=project,
                number=n,
                round=round_,
                person=person,
                member=member,
                window=Place(pool, window_n),
                state=state,
                revision=revision,
                record=row[13],
                mapping=row[14],
                form=form_of(reader, org, project, version),
                task=TaskView(
                    status=row[15],
                    free=row[16],
                    leased=row[17],
                    answered=row[18],
                    overlap=row[19],
                    round=row[20],
                ),
                opened_ms=row[21],
            ),
            seq,
        )


def _own(
    reader: Reader, found: tuple[SubmissionView, int] | None, actor: Actor
) -> tuple[SubmissionView, int]:
    """The view, if the assignment is the actor's own and the actor may still label there."""
    if found is None or found[0].person != actor.person:
        raise Missing("not-found", "There is no such assignment, or it is not yours.", "assignment")
    if is_lent(found[0].member) and labels_anywhere(actor):
        windows.require_open(reader, found[0].assignment)
    else:
        require(actor, "task.label", found[0].organization)
    return found


def _again(reader: Reader, view: SubmissionView) -> str:
    """The assignment by which the same person has this task since; "" when none, or it never lapsed."""
    if view.state != "lapsed":
        return ""
    keys = {"organization": view.organization, "project": view.project, "task": view.number}
    found = reader.one("given_again", **keys, round=view.round, person=view.person)
    return str(found["id"]) if found else ""


def _is_replay(view: SubmissionView, request: wire.Submission) -> bool:
    """Whether exactly this was taken before: the first answers again, or the last correction again."""
    if view.state not in ("submitted", "surplus"):
        return False
    return request.revision == view.revision - 1 if request.revision else view.revision >= 1


def _same_answers(tx: Transaction, seq: int, view: SubmissionView, request: wire.Submission) -> bool:
    """Whether these are the answers in force. Others come from another device of the same person: to
    answer them with the receipt of the first would lose them in silence."""
    stored = decode_json(answers_of(tx.all("events_by_seq", seqs=[seq])[0]["body"]))
    data = shown_data(view.record, view.mapping, view.form.shown)
    same: bool = submission.check_answers(view.form, request.answers, data) == stored
    return same


def _spent(tx: Transaction, view: SubmissionView, seq: int) -> int:
    """Milliseconds that the revisions so far were credited, the newest of which stands at `seq`."""
    row = tx.all("events_by_seq", seqs=[seq])[0]
    event = decode(seq, row["entry"], row["body"], row["organization"]).event
    assert isinstance(event, Submitted | Brought), "these have revisions"
    return max(event.credited, getattr(event, "spent", 0))


def _replayed(tx: Transaction, at: Moment, seq: int, view: SubmissionView) -> wire.Submitted:
    epochs = tx.tuples("epochs")
    if epochs and seq <= epochs[-1][2]:  # a promise of today's log would be broken: it never gets this leaf
        raise Refused(
            "submission.earlier-log",
            "This answer is kept. It was taken before the node was restored, under its earlier log.",
            "assignment",
            "Keep the receipt that came then.",
        )
    row = tx.all("events_by_seq", seqs=[seq])[0]
    return _receipts(tx, at, [decode(seq, row["entry"], row["body"], row["organization"])])[0]


def _conclude(tx: Transaction, at: Moment, taken: Sequence[tuple[Submitted, SubmissionView]]) -> None:
    """Where a task has all its answers now, or one of them changed, say what they come to."""
    projects: dict[tuple[str, str], dict[int, tuple[str, bytes] | None]] = defaultdict(dict)
    adapting: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)  # task -> overlap so far
    for event, view in taken:
        corrects = event.revision > 1 and not event.surplus and view.task.status == "done"
        if event.completes or corrects or gold.concludes(event, view):
            alone = view.task.overlap == 1 and not corrects and view.form.document.gold is None
            own = (event.member, event.stored) if alone else None
            projects[event.owner, event.project][event.task] = own
            if event.completes and view.form.document.adaptive is not None:
                adapting[event.owner, event.project][event.task] = view.task.overlap
    for (organization, project), tasks in sorted(projects.items()):
        if (organization, project) in adapting:
            for n in _ask_further(tx, at, organization, project, adapting[organization, project]):
                del tasks[n]
        corrected = [e.task for e, _ in taken if e.project == project and e.revision > 1 and e.task in tasks]
        if tasks:
            conclude(tx, at, organization, project, tasks, corrected)


def _ask_further(
    tx: Transaction, at: Moment, organization: str, project: str, tasks: dict[int, int]
) -> set[int]:
    """Those of the tasks that get one more answer, by the rules in force."""
    row = tx.one("project", project=project)
    assert row is not None, "a submission follows its project"
    form = form_of(tx, organization, project, row["version"])
    return adaptive.ask_further(tx, at, organization, project, form, tasks)


def conclude(
    tx: Transaction,
    at: Moment,
    organization: str,
    project: str,
    tasks: dict[int, tuple[str, bytes] | None],
    corrected: list[int],
) -> None:
    """Record what the answers to these tasks come to.

    Args:
        tasks: number -> (annotator, the only answer to it), where the caller has it.
        corrected: those of them that were concluded before.
    """
    row, form, found, causes = outcomes(tx, organization, project, tasks)
    if form.document.review is not None or corrected:
        found = review.follow(tx, at, row, form, found, corrected)
    tx.append(consensus.concluded(organization, project, found, causes), at)


def outcomes(
    tx: Transaction, organization: str, project: str, tasks: dict[int, tuple[str, bytes] | None]
) -> tuple[dict[str, Any], Form, list[tuple[int, dict[str, Any]]], tuple[Place, ...]]:
    """(the project's row, its form, what the answers to each task come to, the weighing that it rests on)."""
    answers: dict[int, list[tuple[str, Any]]] = {
        n: [(alone[0], decode_json(alone[1]))] for n, alone in tasks.items() if alone is not None
    }
    shared = [n for n, alone in tasks.items() if alone is None]
    if shared:
        sent = tx.ahead("task_answers", organization=organization, project=project, tasks=shared)
    row = tx.one("project", project=project)
    assert row is not None, "a submission follows its project"
    form = form_of(tx, organization, project, row["version"])
    if shared:
        for n, member, body in sent():
            answers.setdefault(n, []).append((member, decode_json(answers_of(body))))
    most = row["overlap"] if form.document.gold else None  # of a gold task, as many as an ordinary one has
    weighed = adaptive.newest(tx, organization, project) if form.document.adaptive is not None else None
    weights, causes = (consensus.NO_WEIGHTS, ()) if weighed is None else (weighed.weights, (weighed.place,))
    found = [(n, consensus.conclude(form, given[:most], weights)) for n, given in sorted(answers.items())]
    return row, form, found, causes


def _receipts(tx: Transaction, at: Moment, placed: Sequence[Placed]) -> list[wire.Submitted]:
    leaves = [merkle.leaf_hash(p.entry) for p in placed]
    promises = tx.node.promise(leaves, at.ms)
    return [_submitted(p, leaf, promise) for p, leaf, promise in zip(placed, leaves, promises, strict=True)]


def _submitted(p: Placed, leaf: bytes, promise: Any) -> wire.Submitted:
    event = p.event
    assert isinstance(event, Submitted), "only submissions have receipts"
    opening = Opening(field="answers", salt=p.salts[0], value=event.answers)
    receipt = Receipt(
        place=(event.stream, p.n), entry=p.entry, leaf=leaf, openings=(opening,), promise=promise
    )
    return wire.Submitted(
        assignment_id=event.assignment,
        state="surplus" if event.surplus else "submitted",
        revision=event.revision,
        submitted_at=when(p.ms),
        receipt=receipt,
    )


# ---- next --------------------------------------------------------------------------------------

NextArgs = tuple[Actor, wire.NextAssignment]
MOST = 20  # assignments in one call
DRAWING = "drawing"  # why somebody waits: what they get is drawn once the log shows who may be chosen


class _Ask:
    """One caller of `next` while the window is decided."""

    def __init__(self, index: int, actor: Actor, request: wire.NextAssignment) -> None:
        self.index = index
        self.actor = actor
        self.request = request
        self.members = {
            m.organization: m.member for m in actor.memberships if allows(actor, "task.label", m.organization)
        }
        self.organizations = tuple(sorted(self.members))
        self.held: list[tuple[Any, ...]] = []  # live leases, oldest first
        self.given: list[wire.Assignment] = []
        self.waiting: str | None = None

    def missing(self) -> int:
        """How many more assignments to find."""
        return min(max(self.request.count, 1), MOST) - len(self.given)


def _next_all(tx: Transaction, at: Moment, calls: Sequence[NextArgs]) -> list[Any]:
    """Decide all who wait, pool by pool."""
    asks = [_Ask(i, actor, request) for i, (actor, request) in enumerate(calls)]
    outcomes: list[Any] = [None] * len(calls)
    leases = tx.ahead("live_leases", persons=sorted({ask.actor.person for ask in asks}), now=at.ms)
    pools = _pools(tx, asks, outcomes)
    live, repeated = _once([ask for ask in asks if outcomes[ask.index] is None])
    _give_again(tx, live, leases())
    for pool, shared in sorted(pools):
        waiting = [ask for ask in pools[pool, shared] if ask in live]
        (_decide_shared if shared else _decide)(tx, at, pool, waiting)
    for ask in live:
        outcomes[ask.index] = wire.Assignments(
            assignments=ask.given, waiting=None if ask.given else ask.waiting
        )
    for ask in repeated:  # the same person twice in one group: the second sees what the first got
        outcomes[ask.index] = _next_all(tx, at, [(ask.actor, ask.request)])[0]
    return outcomes


def _pools(tx: Transaction, asks: list[_Ask], outcomes: list[Any]) -> dict[tuple[str, int], list[_Ask]]:
    """(pool, 1 when shared) -> who looks there. Where somebody may not, the refusal is their outcome."""
    anywhere = [ask for ask in asks if ask.request.project_id is None]
    sent = {
        organizations: tx.ahead("pools_of", organizations=organizations)
        for organizations in {ask.organizations for ask in anywhere}
    }
    shared = windows.pools_of(tx, [ask.actor.person for ask in anywhere])
    own = {organizations: [pool for (pool,) in rows()] for organizations, rows in sent.items()}
    pools: dict[tuple[str, int], list[_Ask]] = defaultdict(list)
    for ask in asks:
        try:
            for place in _pools_of(tx, ask, own, shared):
                pools[place].append(ask)
        except EvenhandError as error:
            outcomes[ask.index] = error
    return pools


def _once(asks: list[_Ask]) -> tuple[list[_Ask], list[_Ask]]:
    """(the first call of each person, the others)."""
    firsts: dict[str, _Ask] = {}
    for ask in asks:
        firsts.setdefault(ask.actor.person, ask)
    return list(firsts.values()), [ask for ask in asks if firsts[ask.actor.person] is not ask]


@first
@group(_next_all)
def next_(tx: Transaction, at: Moment, actor: Actor, request: wire.NextAssignment) -> wire.Assignments:
    """The caller's live assignments that it does not have yet, and as many new ones as it asks for."""
    outcome = _next_all(tx, at, [(actor, request)])[0]
    if isinstance(outcome, EvenhandError):
        raise outcome
    result: wire.Assignments = outcome
    return result


def is_drawing(answer: wire.Assignments) -> bool:
    """Whether what the caller gets is about to be drawn."""
    return answer.waiting == DRAWING


def _pools_of(
    tx: Transaction, ask: _Ask, own: dict[tuple[str, ...], list[str]], shared: dict[str, list[str]]
) -> list[tuple[str, int]]:
    """The pools to look in, each with 1 when it is shared: the project's, or all where the caller works.

    `own` holds the pools of organizations, `shared` the shared pools of each person.
    """
    if ask.request.project_id is not None:
        row = tx.one("project_pool", project=ask.request.project_id)
        if row is None or row["organization"] not in ask.members:
            if row is not None:
                require(ask.actor, "task.label", row["organization"])
            raise Missing("not-found", "There is no such project, or you may not label there.", "project_id")
        if row["shared"]:
            raise Refused(
                "pool.shared",
                "This project is in a shared pool, where nobody chooses whose work to do.",
                "project_id",
                "Ask for the next assignment without a project.",
            )
        ask.waiting = "nothing-left" if row["state"] == "active" else "paused"
        return [(row["pool"], 0)]
    if not ask.members:
        raise Refused(
            "permission.role", "You may not label in any organization.", "", "Ask a manager for a role."
        )
    ask.waiting = "nothing-left"
    if ask.request.pool is not None:
        _require_pool(tx, ask)
        return [(ask.request.pool, 1)]
    enrolled = [(pool, 1) for pool in shared.get(ask.actor.person, ())]
    return [(pool, 0) for pool in own[ask.organizations]] + enrolled


def _require_pool(tx: Transaction, ask: _Ask) -> None:
    rows = [
        row for row in tx.all("enrolments_of", person=ask.actor.person) if row["pool"] == ask.request.pool
    ]
    if not rows or rows[0]["state"] != "active":
        raise Missing("not-found", "There is no such shared pool, or you are not enrolled in it.", "pool")
    if rows[0]["suspended"]:
        raise Refused(
            "pool.suspended", "Two officers have suspended you from this pool.", "pool", "Ask your manager."
        )
    if not rows[0]["available"]:
        raise Refused(
            "pool.unavailable", "You take no work from this pool at present.", "pool", "Say that you do."
        )


def _give_again(tx: Transaction, asks: list[_Ask], live: Sequence[tuple[Any, ...]]) -> None:
    """Whoever has live assignments and does not say so gets them again, so that none is lost."""
    by_person = {ask.actor.person: ask for ask in asks}
    for row in live:
        ask = by_person.get(row[1])
        if ask is None:
            continue
        named = ask.request.project_id in (None, row[3]) and ask.request.pool in (None, row[9])
        if named and (row[2] in ask.members or is_lent(row[8])):
            ask.held.append(row)
    again: list[tuple[_Ask, Given]] = []
    for ask in asks:
        known = set(ask.request.have)
        for row in [row for row in ask.held if row[0] not in known][: ask.missing()]:
            given = Given(
                lease=row[0],
                waiting=ask.index,
                organization=row[2],
                project=row[3],
                task=row[4],
                round=row[5],
                version=row[6],
                until=row[7],
            )
            again.append((ask, given))
    leases = [given.lease for _, given in again]
    data = _data(tx, [given for _, given in again])
    _hand_over(tx, again, data(), _places(tx, leases), _drafts(tx, leases))


def _decide(tx: Transaction, at: Moment, pool: str, asks: list[_Ask]) -> None:
    """One window of one pool."""
    tx.lock([pool])  # on PostgreSQL: one decision at a time
    lapsed = tx.ahead("lapsed_leases", pool=pool, now=at.ms)
    unsettled = tx.ahead("unsettled", pool=pool)
    projects = tx.tuples("pool_projects", pool=pool)
    _clear(tx, at, pool, tuple(id_ for (id_,) in lapsed()))
    settled = tuple((id_, Place(stream, n)) for id_, stream, n in unsettled())
    waiting = [_waiting(ask, projects, tx) for ask in asks if ask.missing() > 0]
    wanted = [w for w in waiting if w is not None]
    view = OfferView(
        pool=pool,
        virtual=projects[0][5] if projects else 0,
        backlogs=_backlogs(tx, projects, wanted),
        lapsed=(),
        settled=settled,
    )
    offer = allocation.offer(view, [w for _, w in wanted], at)
    if len(offer.given) < sum(w.count for _, w in wanted):
        deeper = _look_deeper(tx, view, wanted, offer)
        if deeper is not None:
            view = deeper
            offer = allocation.offer(view, [w for _, w in wanted], at)
    data = _data(tx, offer.given)
    placed = tx.append(offer.events, at)
    places = {g.lease: placed[i // allocation.WINDOW].place for i, g in enumerate(offer.given)}
    _hand_over(tx, [(wanted[given.waiting][0], given) for given in offer.given], data(), places)


def _decide_shared(tx: Transaction, at: Moment, pool: str, asks: list[_Ask]) -> None:
    """One window of a pool that organizations share."""
    able = {ask.actor.person: ask for ask in asks}
    counts = {person: min(ask.missing(), windows.HELD - len(ask.held)) for person, ask in able.items()}
    for person, ask in able.items():
        if counts[person] <= 0 and ask.missing() > 0:
            ask.waiting = "all-leased"
    given = windows.decide(tx, at, pool, {person: count for person, count in counts.items() if count > 0})
    if given is None:
        for person, ask in able.items():
            ask.waiting = DRAWING if counts[person] > 0 else ask.waiting
        return
    data, places = _data(tx, [lease for _, lease in given]), _places(tx, [lease.lease for _, lease in given])
    _hand_over(tx, [(able[person], lease) for person, lease in given], data(), places)


def _clear(tx: Transaction, at: Moment, pool: str, lapsed: tuple[str, ...]) -> None:
    """Take back what has lapsed, in a window of its own, so that its slots can be given out at once."""
    if lapsed:
        view = OfferView(pool=pool, virtual=0, backlogs=(), lapsed=lapsed, settled=())
        tx.append(allocation.offer(view, (), at).events, at)


def _waiting(ask: _Ask, projects: list[tuple[Any, ...]], tx: Transaction) -> tuple[_Ask, Waiting] | None:
    """What the caller waits for, within what one person may hold."""
    limit = _prefetch(tx, ask, projects)
    count = min(ask.missing(), limit - len(ask.held))
    if count <= 0:
        ask.waiting = "all-leased" if limit else ask.waiting
        return None
    leases = tuple(new_ordered_id("asg", tx.now) for _ in range(count))
    members = ask.members
    return ask, Waiting(
        person=ask.actor.person, members=members, project=ask.request.project_id, count=count, leases=leases
    )


def _prefetch(tx: Transaction, ask: _Ask, projects: list[tuple[Any, ...]]) -> int:
    """How many assignments the caller may hold at once; 0 when there is no project to hold any of."""
    mine = [row for row in projects if row[0] in ask.members and ask.request.project_id in (None, row[1])]
    return max((form_of(tx, row[0], row[1], row[2]).document.prefetch for row in mine), default=0)


PROJECTS_LOOKED_AT = 12  # in order of their tags, for callers who take any


def _backlogs(
    tx: Transaction, projects: list[tuple[Any, ...]], wanted: list[tuple[_Ask, Waiting]]
) -> tuple[Backlog, ...]:
    """The projects that the waiting may be served from, with their first free tasks."""
    named = {w.project for _, w in wanted if w.project is not None}
    anywhere = [w for _, w in wanted if w.project is None]
    backlogs: list[Backlog] = []
    found = 0
    for row in projects:
        need = sum(w.count for _, w in wanted if w.project in (None, row[1]))
        open_to_any = (
            anywhere and len(backlogs) < PROJECTS_LOOKED_AT and found < 2 * sum(w.count for w in anywhere)
        )
        if row[1] in named or open_to_any:
            backlog = _backlog(tx, row, 2 * need + 8, wanted)
            backlogs.append(backlog)
            found += len(backlog.candidates)
    return tuple(backlogs)


def _backlog(
    tx: Transaction, row: tuple[Any, ...], limit: int, wanted: list[tuple[_Ask, Waiting]]
) -> Backlog:
    organization, project, version, tag = row[:4]
    document = form_of(tx, organization, project, version).document
    hidden, closed = _apart(tx, organization, project, document, wanted)
    keys = {"organization": organization, "project": project}
    candidates = tuple(
        Candidate(n, free, round_, further_ms)
        for n, free, round_, _, further_ms in tx.tuples("free_tasks", **keys, rank=-1, limit=limit)
    )
    return Backlog(
        organization=organization,
        project=project,
        version=version,
        lease_ms=document.lease_seconds * 1000,
        tag=tag,
        candidates=candidates,
        seen=_seen(tx, keys, candidates, [w.person for _, w in wanted]),
        gold=hidden,
        closed=closed,
        passed_over=_passed_over(tx, organization, project, document, closed, wanted),
    )


def _passed_over(
    tx: Transaction,
    organization: str,
    project: str,
    document: Document,
    closed: frozenset[str],
    wanted: list[tuple[_Ask, Waiting]],
) -> frozenset[str]:
    """Of whom no further answers are asked here; if they get nothing, they are told why."""
    passed = adaptive.passed_over(tx, organization, project, document)
    asks = [(ask, w) for ask, w in wanted if w.members.get(organization) in passed]
    for ask, w in asks:
        if w.project in (None, project) and w.person not in closed:
            ask.waiting = "passed-over"
    return frozenset(w.person for _, w in asks)


def _apart(
    tx: Transaction, organization: str, project: str, document: Document, wanted: list[tuple[_Ask, Waiting]]
) -> tuple[Mapping[str, tuple[Candidate | None, ...]], frozenset[str]]:
    """What hides in the next assignments of whom, and who may not work in this project."""
    if document.gold is None and document.qualification is None:
        return {}, frozenset()
    tested = {  # whoever may see the gold is not tested by it
        w.person: (w.members[organization], w.count)
        for ask, w in wanted
        if organization in w.members and not allows(ask.actor, "gold.read", organization)
    }
    closed = gold.closed(tx, organization, project, document, {p: m for p, (m, _) in tested.items()})
    for ask, w in wanted:
        if w.person in closed and w.project in (None, project):
            ask.waiting = closed[w.person]
    counts = {person: count for person, (_, count) in tested.items() if person not in closed}
    return gold.draw(tx, organization, project, document, counts), frozenset(closed)


def _seen(
    tx: Transaction, keys: dict[str, str], candidates: Sequence[Candidate], persons: list[str]
) -> frozenset[tuple[str, int]]:
    if not candidates:
        return frozenset()
    tasks = [c.n for c in candidates]
    rounds = {c.n: c.round for c in candidates}
    rows = tx.tuples("seen_tasks", **keys, tasks=tasks, persons=sorted(set(persons)))
    return frozenset((person, n) for person, n, round_ in rows if rounds[n] == round_)


RESCAN_MS = 5_000  # how often a caller who has had everything may make us look from the start again


def _look_deeper(
    tx: Transaction, view: OfferView, wanted: list[tuple[_Ask, Waiting]], offer: allocation.Offer
) -> OfferView | None:
    """More candidates for those who have had all of the first ones; None when there are none.

    How far each person has got is remembered (`Transaction.hints`), so that somebody who is far
    ahead of the others does not walk over all their own tasks at each call.
    """
    got: dict[int, int] = defaultdict(int)
    for given in offer.given:
        got[given.waiting] += 1
    short = [w for i, (_, w) in enumerate(wanted) if got[i] < w.count]
    more: dict[int, dict[int, Candidate]] = defaultdict(dict)
    for i, backlog in enumerate(view.backlogs):
        for w in short:
            if (
                w.project in (None, backlog.project)
                and backlog.organization in w.members
                and w.person not in backlog.closed
            ):
                known = {c.n for c in backlog.candidates}
                more[i].update({c.n: c for c in _unseen(tx, backlog, w, len(wanted)) if c.n not in known})
    if not any(more.values()):
        return None
    persons = [w.person for _, w in wanted]
    return msgspec.structs.replace(
        view,
        backlogs=tuple(
            _extended(tx, b, list(more[i].values()), persons) for i, b in enumerate(view.backlogs)
        ),
    )


def _extended(tx: Transaction, backlog: Backlog, more: list[Candidate], persons: list[str]) -> Backlog:
    keys = {"organization": backlog.organization, "project": backlog.project}
    seen = backlog.seen | _seen(tx, keys, more, persons)
    return msgspec.structs.replace(backlog, candidates=(*backlog.candidates, *more), seen=seen)


def _unseen(tx: Transaction, backlog: Backlog, w: Waiting, others: int) -> list[Candidate]:
    key = (backlog.project, w.person)
    rank, looked = tx.hints.get(key, (-1, 0))
    keys: dict[str, Any] = {
        "organization": backlog.organization, "project": backlog.project, "person": w.person
    }  # fmt: skip
    now = tx.now
    latest = now - allocation.RELIEF_MS if w.person in backlog.passed_over else now
    keys = {**keys, "latest": latest, "limit": w.count + others}
    rows = tx.tuples("unseen_tasks", **keys, rank=rank)
    if not rows and rank >= 0 and now - looked >= RESCAN_MS:
        rows, looked = tx.tuples("unseen_tasks", **keys, rank=-1), now
    if rows:
        rank = rows[0][3]
    tx.hints[key] = (rank, looked or now)
    return [Candidate(n, free, round_, further_ms) for n, free, round_, _, further_ms in rows]


_Data = tuple[
    Mapping[tuple[str, int, int], tuple[bytes, bytes]], Mapping[tuple[str, int, int], list[dict[str, Any]]]
]
"""(project, task, round) -> (record, mapping), and -> what backends said of it, as predictions."""


def _data(reader: Reader, given: Sequence[Given]) -> Callable[[], _Data]:
    """Send the question for what these assignments show; what this gives fetches the answer."""
    records, said = _records(reader, given), _said(reader, given)
    return lambda: (records(), said())


def _hand_over(
    tx: Transaction,
    given: list[tuple[_Ask, Given]],
    data: _Data,
    places: Mapping[str, tuple[str, int]],
    drafts: Mapping[str, Any] = {},
) -> None:
    """Give these assignments to their callers.

    Args:
        places: where their leases stand in the ledger.
    """
    records, said = data
    for ask, g in given:
        record, mapping = records[g.project, g.task, g.round]
        form = form_of(tx, g.organization, g.project, g.version)
        draft = drafts.get(g.lease)
        more = said.get((g.project, g.task, g.round), [])
        ask.given.append(_assignment(tx, g, record, mapping, form, draft, places[g.lease], more))


def _places(reader: Reader, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Where the leases of these assignments stand in the ledger."""
    return {id_: (pool, n) for id_, pool, n in reader.tuples("windows_of", ids=ids)} if ids else {}


def _records(
    reader: Reader, given: Sequence[Given]
) -> Callable[[], dict[tuple[str, int, int], tuple[bytes, bytes]]]:
    by_project: dict[tuple[str, str], list[int]] = defaultdict(list)
    for g in given:
        by_project[g.organization, g.project].append(g.task)
    sent = [
        (project, reader.ahead("payloads", organization=organization, project=project, tasks=tasks))
        for (organization, project), tasks in by_project.items()
    ]
    return lambda: {
        (project, task, round_): (record, mapping)
        for project, rows in sent
        for task, round_, record, mapping in rows()
    }


def _drafts(reader: Reader, ids: list[str]) -> dict[str, Any]:
    return {id_: decode_json(answers) for id_, answers in reader.tuples("drafts", ids=ids)} if ids else {}


def _assignment(
    reader: Reader,
    g: Given,
    record: bytes,
    mapping: bytes,
    form: Form,
    draft: Any,
    place: tuple[str, int],
    said: Sequence[dict[str, Any]],
) -> wire.Assignment:
    data = shown_data(record, mapping, form.shown)
    return wire.Assignment(
        id=g.lease,
        task_id=told_task_id(reader, g.project, g.task, form.document),
        project_id=g.project,
        version=g.version,
        data=data,
        expires_at=when(g.until),
        suggestion=suggestion_of(record, mapping, form, said),
        draft=draft,
        place=place,
    )


def _said(
    reader: Reader, given: Sequence[Given]
) -> Callable[[], dict[tuple[str, int, int], list[dict[str, Any]]]]:
    by_project: dict[tuple[str, str], list[int]] = defaultdict(list)
    for g in given:
        if form_of(reader, g.organization, g.project, g.version).document.suggestions:
            by_project[g.organization, g.project].append(g.task)
    sent = [
        (project, reader.ahead("suggestions", organization=organization, project=project, tasks=tasks))
        for (organization, project), tasks in by_project.items()
    ]

    def said() -> dict[tuple[str, int, int], list[dict[str, Any]]]:
        found: dict[tuple[str, int, int], list[dict[str, Any]]] = defaultdict(list)
        for project, rows in sent:
            for task, round_, answers, score in rows():
                found[project, task, round_].append({"answers": decode_json(answers), "score": score})
        return found

    return said


# ---- the rest ----------------------------------------------------------------------------------


def _view_of(reader: Reader, actor: Actor, assignment: str) -> tuple[SubmissionView, int]:
    return _own(reader, next(iter(_submission_views(reader, [assignment])()), None), actor)


def skip(tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.Skip) -> None:
    """Give a task back with a reason. The same again does nothing."""
    view, _ = _view_of(tx, actor, assignment)
    if view.state != "skipped":
        view = msgspec.structs.replace(view, again=_again(tx, view))
        event = submission.skip(view, request.reason)
        tx.append([signing.spoken(tx, at, actor.person, event, request.signed, view.window)], at)
        tx.run("delete_draft", ids=[assignment])


def flag(tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.Skip) -> None:
    """Say that something is wrong with the task. The assignment stays. The same statement again does
    nothing."""
    view, _ = _view_of(tx, actor, assignment)
    if not signing.was_said(tx, request.signed):
        event = submission.flag(view, request.reason)
        tx.append([signing.spoken(tx, at, actor.person, event, request.signed, view.window)], at)


MAX_DRAFT = 1 << 20  # bytes


def draft(
    tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.DraftSave
) -> wire.DraftSaved:
    """Keep unfinished answers, as they are; nothing is checked yet."""
    _view_of(tx, actor, assignment)
    answers = encode_json(request.answers)
    if len(answers) > MAX_DRAFT:
        raise Invalid("draft.size", f"A draft has at most {MAX_DRAFT} bytes.", "answers", "Shorten it.")
    tx.run("put_draft", assignment=assignment, answers=answers, at=at.ms)
    return wire.DraftSaved(saved_at=when(at.ms))


@first
def extend(tx: Transaction, at: Moment, actor: Actor, assignment: str) -> wire.Assignment:
    """More time for a live assignment."""
    for pool, _ in _places(tx, [assignment]).values():
        tx.tuples("pool_head", pool=pool)  # locked before the task, as windows do
    view, _ = _view_of(tx, actor, assignment)
    if view.state != "live":
        raise Refused(
            "assignment.closed", "This assignment is not live.", "assignment", "Submit, or ask for the next."
        )
    until = at.ms + view.form.document.lease_seconds * 1000
    event = Renewed(
        stream=view.window.stream,
        causes=(view.window,),
        slot=allocation.slot_of(assignment),
        until=until,
        assignment=assignment,
        owner=view.organization,
    )
    tx.append([event], at)
    return get(tx, actor, assignment)


def get(reader: Reader, actor: Actor, assignment: str) -> wire.Assignment:
    """One of the caller's own assignments; for a submitted one `draft` holds the answers given."""
    view, seq = _view_of(reader, actor, assignment)
    row = reader.one("assignment", id=assignment)
    assert row is not None, "its view was just loaded"
    draft = _drafts(reader, [assignment]).get(assignment)
    if draft is None and view.state in ("submitted", "surplus"):
        draft = decode_json(answers_of(reader.all("events_by_seq", seqs=[seq])[0]["body"]))
    given = Given(
        lease=assignment,
        waiting=0,
        organization=view.organization,
        project=view.project,
        task=view.number,
        round=view.round,
        version=row["version"],
        until=row["expires_ms"],
    )
    said = _said(reader, [given])().get((given.project, given.task, given.round), [])
    return _assignment(reader, given, view.record, view.mapping, view.form, draft, view.window, said)


def list_work(reader: Reader, actor: Actor) -> wire.Page[wire.WorkProject]:
    """The projects where the caller may label."""
    organizations = [m.organization for m in actor.memberships if allows(actor, "task.label", m.organization)]
    items = []
    sent_back = dict(reader.tuples("sent_back", person=actor.person))
    for row in reader.all("work_projects", organizations=organizations, person=actor.person):
        document = form_of(reader, row["organization"], row["id"], row["version"]).document
        items.append(
            wire.WorkProject(
                project_id=row["id"],
                name=document.name,
                state=row["state"],
                version=row["version"],
                tasks=row["tasks"],
                done=_told_done(row, document),
                mine=row["mine"],
                sent_back=sent_back.get(row["id"], 0),
            )
        )
    return wire.Page(items=items)


def _told_done(row: dict[str, Any], document: Document) -> int:
    """Tasks done, as annotators are told. With gold every answer counts alike, or the count would tell
    which of one's own answers were gold."""
    if document.gold is None:
        return int(row["done"])
    return int(min(row["tasks"], (row["annotations"] + row["surplus"]) // row["overlap"]))


def history(
    reader: Reader, actor: Actor, project: str | None = None, after: str | None = None, limit: int = 50
) -> wire.Page[wire.HistoryRow]:
    """The caller's own submissions, newest first."""
    before_ms, before_id = read_time(after, NEWEST)
    rows = reader.all(
        "history",
        person=actor.person,
        project=project or "",
        before_ms=before_ms,
        before_id=before_id,
        limit=limit,
    )
    items = [_history_row(reader, row) for row in rows if _may_look_back(reader, actor, row)]
    return wire.Page(items=items, next=next_time(rows, limit, "closed_ms"))


def _may_look_back(reader: Reader, actor: Actor, row: dict[str, Any]) -> bool:
    if is_lent(row["member"]):
        return windows.is_open(reader, row["id"])
    return actor.membership(row["organization"]) is not None


def _history_row(reader: Reader, row: dict[str, Any]) -> wire.HistoryRow:
    document = form_of(reader, row["organization"], row["project"], row["version"]).document
    data, _ = split(row["record"], row["mapping"])
    return wire.HistoryRow(
        assignment_id=row["id"],
        task_id=told_task_id(reader, row["project"], row["task"], document),
        project_id=row["project"],
        project_name=document.name,
        summary=summary(data, document),
        state=row["state"],
        submitted_at=when(row["closed_ms"]),
        revision=row["revision"],
    )
