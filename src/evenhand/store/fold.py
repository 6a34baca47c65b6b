"""What each event does to the tables of the first kind. `append` and `evenhand doctor` both run this."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, cast

import msgspec

from evenhand.core import events as ev
from evenhand.core.canonical import NO_ROW, is_erased
from evenhand.core.intake import rank_of
from evenhand.core.project import Document
from evenhand.core.signing import REPEATABLE, statement_id
from evenhand.store import fold_exchange, fold_leases, fold_review, fold_share, fold_told
from evenhand.store.codec import Placed
from evenhand.store.driver import Connection
from evenhand.store.fold_each import Fold, each

Params = dict[str, Any]

_json = msgspec.json.decode
_document = msgspec.json.Decoder(Document).decode
DAY = 86_400_000  # milliseconds


def fold(db: Connection, placed: Sequence[Placed]) -> None:
    """Apply these events in their order; neighbours of one kind go together."""
    for kind, group in groupby(placed, key=lambda p: type(p.event)):
        FOLDS[kind](db, list(group))
    said = [p.event.said for p in placed if p.event.said is not None and p.event.KIND in REPEATABLE]
    if said:
        db.many("fold_said", [{"id": statement_id(one.statement)} for one in said])


def _nothing(db: Connection, placed: list[Placed]) -> None:
    """The event stands in the log only."""


@each
def _organizations(db: Connection, p: Placed, event: ev.OrganizationCreated) -> None:
    db.run("fold_organization", id=event.organization, name=event.name.decode(), ms=p.ms)


@each
def _members(db: Connection, p: Placed, event: ev.MemberAdded) -> None:
    db.run(
        "fold_member",
        organization=event.stream,
        id=event.member.decode(),
        person=event.person.decode(),
        role=event.role,
        kind=event.actor,
        ms=p.ms,
    )
    if event.lent:
        db.run("fold_lent", organization=event.stream, person=event.lent, member=event.member.decode())


@each
def _members_changed(db: Connection, p: Placed, event: ev.MemberChanged) -> None:
    db.run("fold_member_changed", id=event.member.decode(), role=event.role, state=event.state)


@each
def _pools(db: Connection, p: Placed, event: ev.PoolOpened) -> None:
    db.run("fold_pool", id=event.stream, organization=event.organization.decode())


@each
def _projects(db: Connection, p: Placed, event: ev.ProjectCreated) -> None:
    organization = event.organization.decode()
    db.run(
        "fold_project",
        organization=organization,
        id=event.stream,
        pool=event.pool,
        seed=event.seed,
        ms=p.ms,
    )


@each
def _versions(db: Connection, p: Placed, event: ev.ProjectVersioned) -> None:
    document = _document(event.document)
    keys = {"organization": event.owner, "project": event.stream}
    db.run("fold_version", **keys, version=event.version, document=event.document, ms=p.ms)
    db.run(
        "fold_project_version",
        project=event.stream,
        version=event.version,
        overlap=document.overlap,
        ms=p.ms,
    )
    if event.version > 1:
        _follow_rules(db, keys, event.version, document)


def _follow_rules(db: Connection, keys: dict[str, str], version: int, document: Document) -> None:
    """Another overlap or order is for the tasks that are there too; `RulesFollowed` takes it to them."""
    before = db.one("document", **keys, version=version - 1)
    assert before is not None, "versions follow each other"
    old = _document(before["document"])
    if _asks(old) != _asks(document):
        db.run("fold_following", **keys, version=version)


def _asks(document: Document) -> tuple[int, int, str]:
    return document.first_overlap, document.overlap, document.order


@each
def _rules_followed(db: Connection, p: Placed, event: ev.RulesFollowed) -> None:
    keys = {"organization": event.owner, "project": event.stream}
    stretch = {**keys, "first": event.first, "last": event.last}
    row = db.one("document", **keys, version=event.version)
    assert row is not None, "rules follow their version"
    document = _document(row["document"])
    before = db.tuples("done_between", **stretch)[0][0]
    db.run("fold_overlap", **stretch, overlap=document.first_overlap)
    after = db.tuples("done_between", **stretch)[0][0]
    db.run("fold_counts", project=event.stream, withdrawn=0, done=after - before, flagged=0)
    _rank_again(db, stretch, document)
    db.run("fold_followed", **keys, upto=event.last)
    db.run("fold_all_followed", **keys)


def _rank_again(db: Connection, stretch: Params, document: Document) -> None:
    project = db.one("project_order", project=stretch["project"])
    assert project is not None, "rules follow their project"
    keys = {"organization": stretch["organization"], "project": stretch["project"]}
    changed = []
    for n, priority, rank in db.tuples("ranks_between", **stretch):
        wanted = rank_of(document.order, n, priority, project["seed"])
        if wanted != rank:
            changed.append({**keys, "n": n, "rank": wanted})
    db.many("fold_reorder", changed)


@each
def _states(db: Connection, p: Placed, event: ev.ProjectStateChanged) -> None:
    db.run("fold_project_state", project=event.stream, state=event.state, ms=p.ms)


TASK = (
    "organization",
    "project",
    "n",
    "rank",
    "status",
    "free",
    "leased",
    "answered",
    "overlap",
    "round",
    "flagged",
    "priority",
    "created_ms",
    "changed_ms",
)
PAYLOAD = ("organization", "project", "task", "round", "salt", "record", "mapping", "external_id")


@each
def _imported(db: Connection, p: Placed, event: ev.TasksImported) -> None:
    project = db.one("project_order", project=event.stream)
    assert project is not None, "an import follows its project"
    document, seed = _document(project["document"]), project["seed"]
    order, overlap = document.order, document.first_overlap
    numbers = range(event.first, event.first + len(event.rows))
    priorities = event.priorities or (0,) * len(event.rows)
    keys = (event.owner, event.stream)
    db.bulk(
        "task",
        TASK,
        [
            (*keys, n, rank_of(order, n, k, seed), "open", overlap, 0, 0, overlap, 1, 0, k, p.ms, p.ms)
            for n, k in zip(numbers, priorities, strict=True)
        ],
    )
    externals = event.externals or (None,) * len(event.rows)
    rows = zip(numbers, p.salts, event.rows, externals, strict=True)
    db.bulk(
        "payload",
        PAYLOAD,
        [(*keys, n, 1, salt, record, event.mapping, name) for n, salt, record, name in rows],
    )
    db.run("fold_imported", project=event.stream, count=len(event.rows))


@each
def _changed(db: Connection, p: Placed, event: ev.TasksChanged) -> None:
    common = {"organization": event.owner, "project": event.stream, "ms": p.ms}
    rows = [_json(row) for row in event.rows]
    CHANGES[event.action](db, common, rows)


def _withdraw(db: Connection, common: Params, rows: list[list[Any]]) -> None:
    db.many("fold_withdraw", [{**common, "n": n} for n, _ in rows])
    done = sum(1 for _, was in rows if was == "done")
    db.run("fold_counts", project=common["project"], withdrawn=len(rows), done=-done, flagged=0)


def _restore(db: Connection, common: Params, rows: list[list[Any]]) -> None:
    db.many("fold_restore", [{**common, "n": n} for n, _ in rows])
    done = sum(1 for _, becomes in rows if becomes == "done")
    db.run("fold_counts", project=common["project"], withdrawn=-len(rows), done=done, flagged=0)


def _prioritise(db: Connection, common: Params, rows: list[list[Any]]) -> None:
    project = db.one("project_order", project=common["project"])
    assert project is not None, "a change follows its project"
    order = _document(project["document"]).order
    changes = [
        {**common, "n": n, "priority": priority, "rank": rank_of(order, n, priority, project["seed"])}
        for n, priority in rows
    ]
    db.many("fold_rank", changes)


def _unflag(db: Connection, common: Params, rows: list[list[Any]]) -> None:
    db.many("fold_unflag", [{**common, "n": n} for n, _ in rows])
    db.many("fold_delete_flags", [{**common, "n": n} for n, _ in rows])
    flags = sum(int(count) for _, count in rows)
    db.run("fold_counts", project=common["project"], withdrawn=0, done=0, flagged=-flags)


@each
def _corrected(db: Connection, p: Placed, event: ev.TaskCorrected) -> None:
    common = {"organization": event.owner, "project": event.stream, "n": int(event.task)}
    before = db.one("task_state", organization=event.owner, project=event.stream, n=int(event.task))
    assert before is not None, "a correction follows its task"
    db.run("fold_recalled", **common, ms=p.ms)
    db.run("fold_corrected", **common, ms=p.ms)
    db.run("fold_drop_consensus", **common)
    owned = {"organization": event.owner, "project": event.stream}
    fold_review.corrected(db, owned, int(event.task), p.ms)
    if before["status"] == "done":
        db.run("fold_counts", project=event.stream, withdrawn=0, done=-1, flagged=0)
    keys = {"organization": event.owner, "project": event.stream, "task": int(event.task)}
    external = before["external_id"]
    db.run(
        "fold_payload",
        **keys,
        round=before["round"] + 1,
        salt=p.salts[1],
        record=event.record,
        mapping=b"{}",
        external_id=external,
    )


@each
def _offered(db: Connection, p: Placed, event: ev.Offered) -> None:
    _lapse(db, list(event.lapsed_ids), p.ms)
    fold_leases.settle(db, event.settled_ids)
    fold_leases.give(db, [_lease(p, event, i) for i in range(len(event.rows))])
    tags = [{"organization": o, "project": project, "tag": tag} for o, project, tag in event.tags]
    db.many("fold_tag", tags)
    if event.tags:
        db.run("fold_virtual", id=event.stream, virtual=event.virtual)


def _lapse(db: Connection, ids: list[str], ms: int) -> None:
    if ids:
        tasks = db.all("lapsed_tasks", ids=ids)
        db.many("fold_lapsed", [{"id": id_, "ms": ms} for id_ in ids])
        db.many("fold_task_unleased", tasks)


def _lease(p: Placed, event: ev.Offered, i: int) -> Params:
    lease, organization, project, task, round_, version, member = _json(event.rows[i])
    return {
        "organization": organization,
        "project": project,
        "task": task,
        "id": lease,
        "round": round_,
        "person": event.leases[i]["who"],
        "member": member,
        "version": version,
        "pool": event.stream,
        "window_n": p.n,
        "opened_ms": p.ms,
        "expires_ms": event.leases[i]["until"],
    }


def _renewed(db: Connection, placed: list[Placed]) -> None:
    rows = [cast(ev.Renewed, p.event) for p in placed]
    db.many("fold_renewed", [{"id": event.assignment, "expires_ms": event.until} for event in rows])


def _submitted(db: Connection, placed: list[Placed]) -> None:
    answered: dict[tuple[str, str, int], Params] = {}
    touched: list[Params] = []
    closed: dict[str, Params] = {}  # of several revisions the newest
    for p in placed:
        event = cast(ev.Submitted, p.event)
        if event.revision == 1 and not event.surplus:
            _count_answer(answered, event, p.ms)
        else:
            touched.append({**_keys(event), "task": event.task, "at": p.ms})
        closed[event.assignment] = {
            "id": event.assignment,
            "state": "surplus" if event.surplus else "submitted",
            "at": p.ms,
            "seq": p.seq,
            "revision": event.revision,
            "ms": event.ms,
        }
    # In the order of their keys, or two lanes that share tasks deadlock.
    db.many("fold_task_answered", [answered[key] for key in sorted(answered)])
    db.many("fold_task_touched", sorted(touched, key=_task_order))
    db.many("fold_submitted", list(closed.values()))
    _count_answers(db, placed)
    _count_effort(db, placed)


def _brought(db: Connection, placed: list[Placed]) -> None:
    answered: dict[tuple[str, str, int], Params] = {}
    rows: list[tuple[Any, ...]] = []
    later: dict[str, Params] = {}  # of several revisions the newest
    for p in placed:
        event = cast(ev.Brought, p.event)
        at = int(event.given)
        if event.revision > 1:
            state = "surplus" if event.surplus else "submitted"
            changed = {"id": event.assignment, "state": state, "at": at, "seq": p.seq}
            later[event.assignment] = {**changed, "revision": event.revision, "ms": event.ms}
            continue
        if not event.surplus:
            key = (event.owner, event.project, event.task)
            row = answered.get(key)
            if row is None:
                keys = {"organization": event.owner, "project": event.project}
                row = answered[key] = {**keys, "n": event.task, "more": 0, "ended": 0, "at": p.ms}
            row["more"] += 1
        rows.append(_brought_assignment(p, event, at))
    db.many("fold_task_answered", [answered[key] for key in sorted(answered)])
    db.bulk("assignment", ASSIGNMENT, rows)
    if later:
        db.many("fold_submitted", list(later.values()))
        db.run("fold_settled", ids=sorted(later))
    _count_answers(db, placed)
    _count_effort(db, placed)


ASSIGNMENT = (
    "organization", "project", "task", "id", "round", "person", "member", "version", "pool", "window_n",
    "state", "opened_ms", "expires_ms", "closed_ms", "seq", "revision", "ms", "settled",
)  # fmt: skip


def _brought_assignment(p: Placed, event: ev.Brought, at: int) -> tuple[Any, ...]:
    """No window gave it out: in the place of pool and window stands the event itself."""
    state = "surplus" if event.surplus else "submitted"
    opened = event.opened or max(at - max(event.ms, 0), 0)
    return (
        event.owner, event.project, event.task, event.assignment, event.round, event.stream, event.member,
        event.version, event.stream, p.n, state, opened, at, at, p.seq, 1, event.ms, 1,
    )  # fmt: skip


def _count_effort(db: Connection, placed: Iterable[Placed]) -> None:
    """Credits of projects that pay; the others write nothing here."""
    efforts: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for p in placed:
        event = cast(ev.Submitted | ev.Brought, p.event)
        if event.rate:
            effort = efforts[event.owner, event.project, event.member, event.rate]
            effort[0] += event.revision == 1
            effort[1] += event.credited
    names = ("organization", "project", "member", "rate", "tasks", "ms")
    rows = [dict(zip(names, (*key, *effort), strict=True)) for key, effort in sorted(efforts.items())]
    if rows:
        db.many("fold_effort", rows)


@each
def _stated(db: Connection, p: Placed, event: ev.PayStated) -> None:
    names = ("member", "provider", "currency", "tasks", "ms", "amount")
    keys = {"organization": event.owner, "project": event.stream, "number": event.number}
    keys["at"] = event.stated or p.ms
    rows = [{**keys, **dict(zip(names, _json(row), strict=True))} for row in event.rows]
    db.many("fold_statement", rows)


def _count_answer(answered: dict[tuple[str, str, int], Params], event: ev.Submitted, ms: int) -> None:
    """One answer more for its task."""
    row = answered.setdefault(
        (event.owner, event.project, event.task),
        {**_keys(event), "n": event.task, "more": 0, "ended": 0, "at": ms},
    )
    row["more"] += 1
    row["ended"] += event.was == "live"
    row["at"] = max(row["at"], ms)


def _keys(event: ev.Submitted) -> Params:
    return {"organization": event.owner, "project": event.project}


def _task_order(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["organization"], row["project"], row["task"]


def _count_answers(db: Connection, placed: Iterable[Placed]) -> None:
    """What these answers add to the counts of their projects, annotators and days."""
    projects: dict[str, Counter[str]] = defaultdict(Counter)
    tallies: dict[tuple[str, str, str], Params] = {}
    days: Counter[tuple[str, str, int]] = Counter()
    for p in placed:
        event = cast(ev.Submitted | ev.Brought, p.event)
        given, seen = _times(p, event)
        first = int(event.revision == 1)
        count = projects[event.project]
        count["surplus" if event.surplus else "annotations"] += first
        count["done"] += int(event.completes)
        days[event.owner, event.project, given // DAY] += first
        key = (event.owner, event.project, event.member)
        own = _tally(p, *key, submitted=first, ms=max(event.ms, 0)) | {"at": seen}
        before = tallies.setdefault(key, own)
        if before is not own:
            _add(before, own)
    _write_counts(db, projects)
    db.many("fold_tally", [tallies[key] for key in sorted(tallies)])
    _write_days(db, days)


def _times(p: Placed, event: ev.Submitted | ev.Brought) -> tuple[int, int]:
    """When it was answered, and when its annotator was active by it, ms."""
    if isinstance(event, ev.Submitted):
        return p.ms, p.ms
    given = int(event.given)
    return given, given if event.opened else p.ms


def _write_days(db: Connection, days: Counter[tuple[str, str, int]]) -> None:
    rows = [
        {"organization": o, "project": q, "day": d, "annotations": k}
        for (o, q, d), k in sorted(days.items())
        if k
    ]
    db.many("fold_day", rows)


def _tally(
    p: Placed, organization: str, project: str, member: str, submitted: int = 0, skipped: int = 0, ms: int = 0
) -> Params:
    return {
        "organization": organization,
        "project": project,
        "member": member,
        "submitted": submitted,
        "skipped": skipped,
        "ms": ms,
        "at": p.ms,
    }


def _add(tally: Params, more: Params) -> None:
    """Count both in the first."""
    tally["submitted"] += more["submitted"]
    tally["ms"] += more["ms"]
    tally["at"] = max(tally["at"], more["at"])


def _write_counts(db: Connection, projects: dict[str, Counter[str]]) -> None:
    names = ("annotations", "surplus", "done", "skipped", "flagged")
    rows = [
        {"project": q, **{name: counts[name] for name in names}} for q, counts in sorted(projects.items())
    ]
    db.many("fold_submit_counts", rows)


def _skipped(db: Connection, placed: list[Placed]) -> None:
    projects: dict[str, Counter[str]] = defaultdict(Counter)
    for p in placed:
        event = cast(ev.Skipped, p.event)
        if event.was == "live":
            row = db.one("assignment_round", id=event.assignment)
            assert row is not None, "a skip follows its assignment"
            keys = {"organization": event.owner, "project": event.project, "task": event.task}
            db.run("fold_task_unleased", **keys, round=row["round"])
        db.run("fold_skipped", id=event.assignment, at=p.ms, seq=p.seq)
        projects[event.project]["skipped"] += 1
        db.many("fold_tally", [_tally(p, event.owner, event.project, event.member, skipped=1)])
    _write_counts(db, projects)


def _flagged(db: Connection, placed: list[Placed]) -> None:
    projects: dict[str, Counter[str]] = defaultdict(Counter)
    for p in placed:
        event = cast(ev.Flagged, p.event)
        keys = {"organization": event.owner, "project": event.project}
        known = db.one("flag_exists", **keys, task=event.task, assignment=event.assignment)
        row = {**keys, "task": event.task, "assignment": event.assignment, "member": event.member}
        db.run("fold_flag", **row, seq=p.seq, at=p.ms)
        if known is None:
            db.run("fold_task_flagged", **keys, task=event.task)
            projects[event.project]["flagged"] += 1
    _write_counts(db, projects)


def _concluded(db: Connection, placed: list[Placed]) -> None:
    rows: dict[tuple[str, str, int], Params] = {}  # of several for a task the newest
    for p in placed:
        event = cast(ev.Concluded, p.event)
        for row in event.rows:
            if is_erased(row):
                continue
            n, value = _concluded_row(row)
            keys = {"organization": event.owner, "project": event.stream, "task": n}
            rows[event.owner, event.stream, n] = {**keys, "value": bytes(value)}
    db.many("fold_consensus", list(rows.values()))


@each
def _more_asked(db: Connection, p: Placed, event: ev.MoreAsked) -> None:
    keys = {"organization": event.owner, "project": event.stream}
    rows = [_json(row) for row in event.rows]
    db.many(
        "fold_more_asked",
        [
            {**keys, "n": n, "overlap": overlap, "ms": p.ms, "further": p.ms if any(choosy) else 0}
            for n, overlap, _, *choosy in rows
        ],
    )
    reopened = sum(row[2] == "done" for row in rows)
    db.run("fold_counts", project=event.stream, withdrawn=0, done=-reopened, flagged=0)


@each
def _gold(db: Connection, p: Placed, event: ev.GoldMarked) -> None:
    keys = {"organization": event.owner, "project": event.stream}
    rows = [_gold_row(row.removeprefix(NO_ROW)) for row in event.rows]
    back = event.use == "none"
    db.many(
        "fold_task_apart",
        [{**keys, "n": n, "status": status if back else event.use, "ms": p.ms} for n, status, _, _ in rows],
    )
    if back:
        db.many("fold_no_gold", [{**keys, "n": n} for n, _, _, _ in rows])
    else:
        db.many(
            "fold_gold",
            [
                {
                    **keys,
                    "n": n,
                    "purpose": event.use,
                    "answers": bytes(answers),
                    "feedback": feedback,
                    "seq": p.seq,
                }
                for n, _, answers, feedback in rows
            ],
        )
    _count_apart(db, event.stream, [status for _, status, _, _ in rows], 1 if back else -1)


_gold_row = msgspec.json.Decoder(tuple[int, str, msgspec.Raw, str]).decode


def _count_apart(db: Connection, project: str, statuses: list[str], sign: int) -> None:
    """Tasks apart do not count: the project is done without them."""
    counted = sum(status in ("open", "done") for status in statuses)
    db.run("fold_apart_counts", project=project, tasks=sign * counted, done=sign * statuses.count("done"))


@each
def _scored(db: Connection, p: Placed, event: ev.GoldScored) -> None:
    db.run(
        "fold_scored",
        organization=event.owner,
        project=event.stream,
        member=event.member.decode(),
        seen=event.seen,
        answered=event.answered,
        correct=event.right,
        ms=p.ms,
    )


@each
def _standing(db: Connection, p: Placed, event: ev.StandingChanged) -> None:
    db.run(
        "fold_standing",
        organization=event.owner,
        project=event.stream,
        member=event.member.decode(),
        state=event.state,
        reason=event.reason.decode() if event.state == "suspended" else "",
        ms=p.ms,
    )


@each
def _test_began(db: Connection, p: Placed, event: ev.TestBegan) -> None:
    db.run("fold_test_began", **_test_keys(event), tasks=event.tasks, ms=p.ms)


@each
def _test_answered(db: Connection, p: Placed, event: ev.TestAnswered) -> None:
    db.run("fold_test_answered", **_test_keys(event), correct=event.right)


def _test_keys(event: ev.TestBegan | ev.TestAnswered) -> Params:
    return {
        "organization": event.owner,
        "project": event.project,
        "member": event.member,
        "attempt": event.attempt,
    }


@each
def _test_ended(db: Connection, p: Placed, event: ev.TestEnded) -> None:
    member = event.member.decode()
    keys = {"organization": event.owner, "project": event.stream, "member": member}
    db.run("fold_test_ended", **keys, passed=event.passed, ms=p.ms)


@each
def _erased(db: Connection, p: Placed, event: ev.Erased) -> None:
    if event.subject == "task":
        keys = {"organization": event.owner, "project": event.stream, "task": event.task}
        db.run("fold_drop_consensus", organization=event.owner, project=event.stream, n=event.task)
        db.run("fold_gold_blank", **keys, answers=b"{}")


@each
def _key_added(db: Connection, p: Placed, event: ev.KeyAdded) -> None:
    keys = {"holder": event.stream, "id": event.key, "public": event.public}
    db.run("fold_key_added", **keys, n=p.n, seq=p.seq, ms=p.ms)


@each
def _key_revoked(db: Connection, p: Placed, event: ev.KeyRevoked) -> None:
    db.run("fold_key_revoked", holder=event.stream, id=event.key, ms=p.ms)


@each
def _signing_policy(db: Connection, p: Placed, event: ev.SigningPolicySet) -> None:
    told = {"kinds": " ".join(event.kinds), "since": event.since, "whose": event.whose}
    db.run("fold_signing_policy", n=p.n, **told)


_concluded_row = msgspec.json.Decoder(tuple[int, msgspec.Raw]).decode

CHANGES: dict[str, Callable[[Connection, Params, list[list[Any]]], None]] = {
    "withdraw": _withdraw,
    "restore": _restore,
    "prioritise": _prioritise,
    "unflag": _unflag,
}

FOLDS: dict[type[ev.Event], Fold] = {
    ev.NodeOpened: _nothing,
    ev.OrganizationCreated: _organizations,
    ev.MemberAdded: _members,
    ev.MemberChanged: _members_changed,
    ev.PoolOpened: _pools,
    ev.ProjectCreated: _projects,
    ev.ProjectVersioned: _versions,
    ev.RulesFollowed: _rules_followed,
    ev.ProjectStateChanged: _states,
    ev.TasksImported: _imported,
    ev.TasksChanged: _changed,
    ev.TaskCorrected: _corrected,
    ev.Offered: _offered,
    ev.Renewed: _renewed,
    ev.Submitted: _submitted,
    ev.Brought: _brought,
    ev.Told: fold_told.told,
    ev.Skipped: _skipped,
    ev.Flagged: _flagged,
    ev.Concluded: _concluded,
    ev.Fitted: _nothing,
    ev.MoreAsked: _more_asked,
    ev.Released: _nothing,
    ev.GoldMarked: _gold,
    ev.GoldScored: _scored,
    ev.StandingChanged: _standing,
    ev.TestBegan: _test_began,
    ev.TestAnswered: _test_answered,
    ev.TestEnded: _test_ended,
    ev.ReviewAsked: fold_review.asked,
    ev.ReviewOpened: fold_review.opened,
    ev.Reviewed: fold_review.reviewed,
    ev.Appealed: fold_review.appealed,
    ev.AppealDecided: fold_review.appeal_decided,
    ev.PayStated: _stated,
    ev.GrammarSet: _nothing,
    ev.Erased: _erased,
    ev.KeyAdded: _key_added,
    ev.KeyRevoked: _key_revoked,
    ev.SigningPolicySet: _signing_policy,
    **fold_exchange.FOLDS,
    **fold_share.FOLDS,
}
