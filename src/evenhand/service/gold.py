"""Gold: set tasks apart, hide them among the others, record how they are answered, and act on it."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import gold, merkle
from evenhand.core.allocation import Candidate
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import GoldMarked, GoldScored, Moment, Place, Submitted
from evenhand.core.gold import Asking, Hidden, Mark, Record, ScoreView
from evenhand.core.intake import shown_data, split
from evenhand.core.policy import Actor
from evenhand.core.project import Document, Form, GoldPolicy
from evenhand.core.submission import SubmissionView
from evenhand.service import postings
from evenhand.service.paging import read_number
from evenhand.service.view import (
    decode_json,
    form_of,
    hidden,
    open_to,
    parse_task_id,
    project_row,
    summary,
    task_id,
)
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of, decode

APART = ("gold", "qualification")
"""Statuses of tasks that stand apart from the queue."""

# ---- setting apart -----------------------------------------------------------------------------

MOST_MARKED = 10_000  # tasks in one call


def mark(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.GoldMarks
) -> wire.ActionReport:
    """Set tasks apart with their right answers, or bring them back. What is so already does not change."""
    row = project_row(tx, actor, project, "gold.manage")
    if len(request.tasks) > MOST_MARKED:
        raise Invalid("action.many", f"Name at most {MOST_MARKED} tasks.", "tasks", "Send them in parts.")
    form = form_of(tx, row["organization"], project, row["version"])
    drafts = {_number(project, draft.task_id): draft for draft in request.tasks}
    keys = {"organization": row["organization"], "project": project, "tasks": sorted(drafts)}
    found = {t["n"]: t for t in tx.all("tasks_named", **keys)}
    missing = next((n for n in drafts if n not in found), None)
    if missing is not None:
        raise Missing("not-found", "There is no such task in this project.", task_id(project, missing))
    conclusions = dict(tx.tuples("task_consensus", **keys))
    marks = [
        _mark(form, request.use, found[n], draft, conclusions.get(n)) for n, draft in sorted(drafts.items())
    ]
    changed = [m for m in marks if m is not None]
    tx.append(gold.marked(row["organization"], project, request.use, changed), at)
    return wire.ActionReport(changed=len(changed))


def _number(project: str, id_: str) -> int:
    owner, n = parse_task_id(id_)
    if owner != project:
        raise Missing("not-found", "There is no such task in this project.", id_)
    return n


def _mark(
    form: Form, use: str, task: dict[str, Any], draft: wire.GoldDraft, conclusion: bytes | None
) -> Mark | None:
    """What changes for one task; None when nothing does."""
    status = task["status"]
    if use == "none":
        becomes = "done" if task["answered"] >= task["overlap"] else "open"
        return Mark(n=task["n"], status=becomes) if status in APART else None
    if status == "withdrawn":
        raise Refused(
            "task.withdrawn", "A withdrawn task cannot be gold.", draft.task_id, "Restore it first."
        )
    raw = draft.answers if draft.answers is not None else _concluded(conclusion, draft.task_id)
    data = shown_data(task["record"], task["mapping"], form.shown)
    try:
        answers = gold.known_answers(form, raw, data)
    except Invalid as error:
        raise Invalid(
            error.rule, error.reason, f"{draft.task_id} {error.where}".strip(), error.remedy
        ) from error
    return Mark(n=task["n"], status=status, answers=answers, feedback=draft.feedback)


def _concluded(conclusion: bytes | None, task: str) -> dict[str, Any]:
    """The values of a task's consensus."""
    if conclusion is None:
        raise Invalid(
            "gold.no-consensus", "The task has no consensus to take.", task, "Send its right answers."
        )
    return {question: answer["value"] for question, answer in decode_json(conclusion).items()}


def checked(
    reader: Reader, row: Mapping[str, Any], raw: Any, record: bytes, mapping: bytes
) -> dict[str, Any]:
    """The right answers that came with a record, as stored.

    Args:
        row: with `organization` and `project`.

    Raises:
        Invalid: they do not fit the questions; `where` is the path in the record.
    """
    project = reader.one("project", project=row["project"])
    assert project is not None, "an import follows its project"
    form = form_of(reader, row["organization"], row["project"], project["version"])
    try:
        return gold.known_answers(form, raw, shown_data(record, mapping, form.shown))
    except Invalid as error:
        raise Invalid(
            error.rule, error.reason, f"gold_answers.{error.where}".rstrip("."), error.remedy
        ) from error


# ---- next --------------------------------------------------------------------------------------


def closed(
    reader: Reader, organization: str, project: str, document: Document, members: Mapping[str, str]
) -> dict[str, str]:
    """Who may not work in this project, and why: "suspended" or "qualification".

    Args:
        members: person -> membership, of those to whom the policies apply.
    """
    if not members:
        return {}
    keys = {"organization": organization, "project": project}
    rows = {row["member"]: row for row in reader.all("standings", **keys, members=sorted(members.values()))}
    why = {}
    for person, member in members.items():
        standing = rows.get(member)
        if standing is not None and standing["state"] == "suspended":
            why[person] = "suspended"
        elif document.qualification is not None and (standing is None or not standing["qualified"]):
            why[person] = "qualification"
    return why


def draw(
    reader: Reader, organization: str, project: str, document: Document, counts: Mapping[str, int]
) -> dict[str, tuple[Candidate | None, ...]]:
    """What hides in the next assignments of these people. The queries run whether anything is drawn or
    not, so that an answer of `next` takes as long either way.

    Args:
        counts: person -> how many assignments they wait for.
    """
    if document.gold is None or not counts:
        return {}
    keys = {"organization": organization, "project": project}
    if document.gold.reuse:
        stock = reader.tuples("gold_stock_counted", **keys, reuse=document.gold.reuse)
    else:
        stock = reader.tuples("gold_stock", **keys)
    among = {**keys, "tasks": [n for n, _, _ in stock], "persons": sorted(counts)}
    had: dict[str, set[int]] = defaultdict(set)
    for person, n in reader.tuples("gold_had", **among):
        had[person].add(n)
    lapsed: dict[str, set[int]] = defaultdict(set)
    for person, n in reader.tuples("gold_lapsed", **among):
        lapsed[person].add(n)
    asking = [
        Asking(
            person=person,
            count=count,
            had=frozenset(had[person]),
            lapsed=tuple(sorted(lapsed[person] - had[person])),
        )
        for person, count in sorted(counts.items())
    ]
    return gold.draw(document.gold, [Hidden(*row) for row in stock], asking, secrets.token_bytes(32))


# ---- submit ------------------------------------------------------------------------------------


def concludes(event: Submitted, view: SubmissionView) -> bool:
    """Whether this answer is followed by a conclusion in any case: with gold every one is.

    The public log, and the size of its checkpoint, show when something was concluded. An ordinary task
    is concluded with its last answer; if a gold task were not, or not as often, that would tell.
    """
    return view.form.document.gold is not None and not event.surplus


def score(tx: Transaction, at: Moment, taken: Sequence[tuple[Submitted, SubmissionView]]) -> None:
    """Record the gold of those whose block of answers has ended, and suspend by the project's policy."""
    fresh: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    policies: dict[str, GoldPolicy] = {}
    for event, view in taken:
        policy = view.form.document.gold
        if policy is not None and event.revision == 1:
            fresh[event.owner, event.project][event.member] += 1
            policies[event.project] = policy
    for (organization, project), counts in sorted(fresh.items()):
        keys = {"organization": organization, "project": project}
        for member, seen in tx.tuples("submitted_counts", **keys, members=sorted(counts)):
            if gold.ends_block(policies[project], seen - counts[member], seen):
                _score(tx, at, keys, policies[project], member, seen)


def _score(
    tx: Transaction, at: Moment, keys: dict[str, str], policy: GoldPolicy, member: str, seen: int
) -> None:
    view, scored, place = record_score(tx, at, keys, policy, member, seen)
    suspension = gold.suspend(policy, view, scored, place)
    if suspension is not None:
        (placed,) = tx.append([suspension], at)
        postings.admit(tx, at, keys["organization"], keys["project"], placed.place, member)


def record_score(
    tx: Transaction, at: Moment, keys: dict[str, str], policy: GoldPolicy, member: str, seen: int
) -> tuple[ScoreView, GoldScored, Place]:
    """Record how somebody has answered gold so far; what it was decided from, and its place."""
    rows = tx.all("standings", **keys, members=[member])
    suspended, base = False, (0, 0)
    if rows:
        suspended, base = rows[0]["state"] == "suspended", (rows[0]["base_correct"], rows[0]["base_answered"])
    results = _results(tx, keys, policy, member)
    view = ScoreView(
        **keys,
        member=member,
        seen=seen,
        suspended=suspended,
        base=base,
        results=tuple(sorted(results.get(member, {}).items())),
    )
    scored = gold.score(view)
    (placed,) = tx.append([scored], at)
    return view, scored, placed.place


def _results(
    reader: Reader, keys: dict[str, str], policy: GoldPolicy, member: str = ""
) -> dict[str, dict[int, bool]]:
    """member -> gold task -> right, of all answers in force, of one member or of everybody."""
    results: dict[str, dict[int, bool]] = defaultdict(dict)
    for who, task, version, known, body in reader.tuples("gold_answers", **keys, member=member):
        form = form_of(reader, keys["organization"], keys["project"], version)
        given = decode_json(answers_of(body))
        results[who][task] = gold.is_right(form, decode_json(known), given, policy.tolerance)
    return results


# ---- what the manager sees ---------------------------------------------------------------------


def list_(
    reader: Reader,
    actor: Actor,
    project: str,
    use: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.GoldTask]:
    """Tasks with known answers in the order of import, with how they were answered."""
    row = project_row(reader, actor, project, "gold.read")
    if use not in (None, "", *APART):
        raise Invalid("gold.use", f"There is no use {use!r}.", "use", "gold or qualification.")
    keys = {"organization": row["organization"], "project": project}
    limit = min(max(limit, 1), 200)
    found = reader.all("gold_tasks", **keys, purpose=use or "", after=read_number(after), limit=limit)
    document = form_of(reader, row["organization"], project, row["version"]).document
    results = _results(reader, keys, document.gold or GoldPolicy())
    suspect = gold.suspects(results)
    items = [_gold_task(project, t, document, results, suspect) for t in found]
    return wire.Page(items=items, next=str(found[-1]["task"]) if len(found) == limit else None)


def _gold_task(
    project: str,
    t: dict[str, Any],
    document: Document,
    results: Mapping[str, Mapping[int, bool]],
    suspect: Mapping[int, float],
) -> wire.GoldTask:
    own = [given[t["task"]] for given in results.values() if t["task"] in given]
    data, _ = split(t["record"], t["mapping"])
    return wire.GoldTask(
        task_id=task_id(project, t["task"]),
        external_id=t["external_id"],
        summary=summary(data, document),
        use=t["purpose"],
        answers=decode_json(t["answers"]),
        feedback=t["feedback"],
        answered=len(own),
        right=sum(own),
        suspect=suspect.get(t["task"]),
        flagged=t["flagged"],
    )


COMPARED = 10_000  # newest answers to ordinary tasks that agreement is taken from


def overview(reader: Reader, actor: Actor, project: str) -> wire.Gold:
    """Annotators by the gold of a project, with those who do too well on it for how they work elsewhere."""
    row = project_row(reader, actor, project, "gold.read")
    keys = {"organization": row["organization"], "project": project}
    form = form_of(reader, row["organization"], project, row["version"])
    policy = form.document.gold or GoldPolicy()
    results = _results(reader, keys, policy)
    numbers = {use: len(reader.tuples("gold_numbers", **keys, purpose=use)) for use in APART}
    known = frozenset(q for (one,) in reader.tuples("gold_known", **keys) for q in decode_json(one))
    agreement, compared = _agreement(reader, keys, form, policy, known)
    rows = [] if hidden(reader, actor, row) else reader.all("all_standings", **keys)
    records = {r["member"]: _record(results.get(r["member"], {}), agreement[r["member"]]) for r in rows}
    leaks = gold.leaks(records)
    return wire.Gold(
        annotators=[_annotator(r, records[r["member"]], leaks.get(r["member"])) for r in rows],
        tasks=numbers["gold"],
        qualification_tasks=numbers["qualification"],
        compared=compared,
    )


def _record(own: Mapping[int, bool], agreement: tuple[int, int]) -> Record:
    return Record(right=sum(own.values()), answered=len(own), agreed=agreement[0], shared=agreement[1])


def _annotator(r: dict[str, Any], record: Record, leak: float | None) -> wire.GoldAnnotator:
    low, high = gold.interval(record.right, record.answered)
    return wire.GoldAnnotator(
        member_id=r["member"],
        name=r["name"] or "",
        submitted=r["submitted"],
        answered=record.answered,
        right=record.right,
        low=low,
        high=high,
        agreed=record.agreed,
        shared=record.shared,
        leak=leak,
        state=r["state"] or "active",
        reason=r["reason"] or "",
        qualified=bool(r["qualified"]),
        tries=r["tries"],
    )


def _agreement(
    reader: Reader, keys: dict[str, str], form: Form, policy: GoldPolicy, known: frozenset[str]
) -> tuple[dict[str, tuple[int, int]], int]:
    """member -> (agreed, shared) over the newest answers to ordinary tasks; and how many these were.

    Only of the questions that gold knows the answers to, as it is gold that the agreement is held against:
    nobody agrees with others in a free text. Without gold nothing is compared.
    """
    counts: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    if not known:
        return counts, 0
    rows = reader.tuples("ordinary_answers", **keys, limit=COMPARED)
    for _, group in groupby(rows, key=lambda r: r[0]):
        answers = [(member, _part(answers_of(body), known)) for _, member, body in group]
        for i, (member, given) in enumerate(answers if len(answers) > 1 else ()):
            others = gold.elsewhere(form, [other for j, (_, other) in enumerate(answers) if j != i])
            agreed, shared = counts[member]
            counts[member] = agreed + gold.is_right(form, others, given, policy.tolerance), shared + 1
    return counts, len(rows)


def _part(answers: bytes, questions: frozenset[str]) -> dict[str, Any]:
    return {question: value for question, value in decode_json(answers).items() if question in questions}


def change_standing(
    tx: Transaction, at: Moment, actor: Actor, project: str, member: str, request: wire.StandingChange
) -> wire.Gold:
    """Suspend an annotator from the project, or lift it. The annotator reads the reason."""
    row = project_row(tx, actor, project, "gold.manage")
    document = form_of(tx, row["organization"], project, row["version"]).document
    if document.gold is None and document.qualification is None:
        raise Refused(
            "standing.none", "This project has neither gold nor a qualification.", "project", "Switch one on."
        )
    if len(request.reason) > 2000:
        raise Invalid("reason.length", "A reason has at most 2000 characters.", "reason", "Shorten it.")
    known = tx.one("member_by_id", id=member) or tx.one("lent_named", member=member)
    if known is None or known["organization"] != row["organization"]:
        raise Missing("not-found", "There is no such member in this organization.", member)
    rows = tx.all("standings", organization=row["organization"], project=project, members=[member])
    if request.state != (rows[0]["state"] if rows else "active"):
        event = gold.standing(row["organization"], project, member, request.state, "manager", request.reason)
        (placed,) = tx.append([event], at)
        postings.admit(tx, at, row["organization"], project, placed.place, member)
    return overview(tx, actor, project)


def openings(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.GoldOpening]:
    """The openings of the marks in force, with which anybody who has the entries can check them."""
    row = project_row(reader, actor, project, "gold.read")
    open_to(reader, actor, row)
    rows = reader.tuples("gold_marks", organization=row["organization"], project=project)
    return wire.Page(items=[_opening(*r) for r in rows])


def _opening(seq: int, entry: bytes, body: bytes, organization: str) -> wire.GoldOpening:
    placed = decode(seq, entry, body, organization)
    event = placed.event
    assert isinstance(event, GoldMarked), "the gold's table names these events"
    return wire.GoldOpening(
        stream=event.stream,
        n=placed.n,
        leaf=msgspec.to_builtins(merkle.leaf_hash(entry)),
        use=event.use,
        rows=[
            (msgspec.to_builtins(salt), value.decode())
            for salt, value in zip(placed.salts, event.rows, strict=True)
        ],
    )


# ---- what the annotator sees -------------------------------------------------------------------


def mine(reader: Reader, actor: Actor) -> wire.Page[wire.Standing]:
    """The caller's own standing in every project that keeps one."""
    lent = [member for _, _, member in reader.tuples("lent_of", persons=[actor.person])]
    members = sorted([*lent, *(m.member for m in actor.memberships)])
    return wire.Page(items=list(_standings(reader, reader.all("my_standings", members=members))))


def _standings(reader: Reader, rows: Iterable[dict[str, Any]]) -> Iterable[wire.Standing]:
    for r in rows:
        document = form_of(reader, r["organization"], r["project"], r["version"]).document
        low, high = gold.interval(r["correct"], r["answered"])
        yield wire.Standing(
            project_id=r["project"],
            project_name=document.name,
            state=r["state"],
            reason=r["reason"],
            qualified=bool(r["qualified"]),
            answered=r["answered"],
            right=r["correct"],
            low=low,
            high=high,
            floor=document.gold.floor if document.gold else 0,
        )
