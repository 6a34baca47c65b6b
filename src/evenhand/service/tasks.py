"""The task browser's verbs: list, show, act on many, correct one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from evenhand import wire
from evenhand.core import merkle
from evenhand.core.canonical import NO_RECORD, decode_entry
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import MAX_ROWS, Event, Moment, TaskCorrected, TasksChanged
from evenhand.core.intake import MAX_PRIORITY, split
from evenhand.core.policy import Actor
from evenhand.core.search import asked, holds
from evenhand.service import adaptive, review
from evenhand.service import search as index
from evenhand.service.paging import read_number
from evenhand.service.view import (
    decode_json,
    encode_json,
    form_of,
    hidden,
    open_to,
    parse_task_id,
    project_row,
    summary,
    task_id,
    when,
)
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of

STATUSES = ("open", "done", "withdrawn", "gold", "qualification")
NEAR = 1_000  # tasks looked through before the index of words is asked
STRIDE = 2_000  # tasks looked through at once
SEARCHED = 20_000  # tasks that one page looks through before it comes back with `next`


def list_(
    reader: Reader,
    actor: Actor,
    project: str,
    status: str | None = None,
    search: str | None = None,
    flagged: bool | None = None,
    annotator: str | None = None,
    external_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.TaskRow]:
    """The project's tasks in the order of import.

    A search finds records that hold, for each of its words, a word that begins with it. Other filters
    beside it, and tasks that the index has yet to take in (`behind`), are looked through, at most
    `SEARCHED` tasks a page: a page may then be short or empty and still have a `next`.
    """
    row = project_row(reader, actor, project, "task.read")
    if annotator:
        open_to(reader, actor, row, "annotator")
    wanted = _filter(status, search, flagged, annotator, external_id)
    start = read_number(after)
    rows, last = _matching(reader, row, wanted, start, min(max(limit, 1), 200))
    document = form_of(reader, row["organization"], project, row["version"]).document
    items = [_task_row(project, r, document) for r in rows]
    behind = _behind(reader, row) if wanted.search else None
    next_ = None if last is None else str(last)
    return wire.Page(items=items, next=next_, total=_total(row, wanted), behind=behind)


def list_full(
    reader: Reader,
    actor: Actor,
    project: str,
    status: str | None = None,
    search: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.Task]:
    """The same list with each task in full, for programs that read all of them."""
    row = project_row(reader, actor, project, "task.read")
    wanted = _filter(status, search)
    rows, last = _matching(reader, row, wanted, read_number(after), min(max(limit, 1), 200))
    return wire.Page(
        items=full(reader, row, rows, hidden(reader, actor, row)),
        next=None if last is None else str(last),
        total=_total(row, wanted),
    )


class _Filter(msgspec.Struct, frozen=True):
    """Which tasks are wanted."""

    status: str  # "" for any
    search: bool  # whether words were asked for, be it that none is left of them
    words: list[str]  # of the search, as the index has them
    flagged: int  # 1: only with flags
    annotator: str  # only with an answer of this member; "" for any
    external_id: str  # "" for any

    @property
    def counted(self) -> bool:
        """Whether a count that is kept anyway says how many there are."""
        return not (self.search or self.flagged or self.annotator or self.external_id)


def _filter(
    status: str | None,
    search: str | None,
    flagged: bool | None = None,
    annotator: str | None = None,
    external_id: str | None = None,
) -> _Filter:
    if status not in (None, "", *STATUSES):
        known = ", ".join(STATUSES)
        raise Invalid("task.status", f"There is no status {status!r}.", "status", f"One of {known}.")
    return _Filter(
        status=status or "",
        search=bool((search or "").strip()),
        words=asked(search or ""),
        flagged=1 if flagged else 0,
        annotator=annotator or "",
        external_id=external_id or "",
    )


def _total(row: dict[str, Any], wanted: _Filter) -> int | None:
    """A count that is kept anyway; None where one would have to be taken for the occasion."""
    if not wanted.counted:
        return None
    totals: dict[str, int | None] = {
        "": row["next_task"] - 1,
        "done": row["done"],
        "withdrawn": row["withdrawn"],
        "open": row["tasks"] - row["done"],
        "gold": None,
        "qualification": None,
    }
    return totals[wanted.status]


def _behind(reader: Reader, row: dict[str, Any]) -> int:
    """Tasks that the index of words has yet to take in."""
    return int(row["next_task"]) - 1 - index.state_of(reader, row)[1]


def _matching(
    reader: Reader, row: dict[str, Any], wanted: _Filter, start: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """(rows, where the next page starts); the rows hold record and mapping."""
    if wanted.search and not wanted.words:
        return [], None  # nothing but signs: no record is found by them
    found: list[dict[str, Any]] = []
    budget, at = SEARCHED, start
    for stretch in _stretches(reader, row, wanted, start, limit):
        budget -= stretch.looked
        for r in stretch.rows:
            found.append(r)
            if len(found) == limit:
                return found, r["n"]
        at = stretch.upto
        if stretch.last:
            return found, None
        if budget <= 0:
            break
    return found, at


class _Stretch(NamedTuple):
    """Some tasks that match, in order."""

    rows: list[dict[str, Any]]
    looked: int  # tasks looked at for them
    upto: int  # number of the last task looked at: the next stretch begins behind it
    last: bool  # nothing follows


def _stretches(
    reader: Reader, row: dict[str, Any], wanted: _Filter, start: int, limit: int
) -> Iterator[_Stretch]:
    """What suits the other filters, in order.

    With a search, a first piece of it is looked through: that is all where few suit, and enough for a
    word that many tasks hold. Only then the index of words is asked, as far as it reaches.
    """
    slot, upto = index.state_of(reader, row) if wanted.words else (0, 0)
    near = _looked_through(reader, row, wanted, start, NEAR if wanted.words else limit)
    yield near
    if near.upto < upto:
        yield from _indexed(reader, row, wanted, near.upto, limit, slot, upto)
    after = max(near.upto, upto)
    while True:
        stretch = _looked_through(reader, row, wanted, after, STRIDE if wanted.words else limit)
        yield stretch
        after = stretch.upto


def _looked_through(reader: Reader, row: dict[str, Any], wanted: _Filter, after: int, step: int) -> _Stretch:
    rows = _page(reader, row, wanted, after, step)
    fitting = [r for r in rows if not wanted.words or holds(decode_json(r["record"]), wanted.words)]
    return _Stretch(fitting, step, rows[-1]["n"] if rows else after, last=len(rows) < step)


def _indexed(
    reader: Reader, row: dict[str, Any], wanted: _Filter, after: int, limit: int, slot: int, upto: int
) -> Iterator[_Stretch]:
    """Hits of the index; the other filters are asked of the tasks that it names."""
    keys = {"organization": row["organization"], "project": row["id"]}
    most = SEARCHED if wanted.status or wanted.flagged or wanted.annotator else limit
    while after < upto:
        found = reader.tuples("search_hits", **keys, slot=slot, words=wanted.words, after=after, limit=most)
        hits = [n for (n,) in found]
        for i in range(0, len(hits), STRIDE):
            part = hits[i : i + STRIDE]
            numbers = _suiting(reader, keys, wanted, part)[:limit]
            yield _Stretch(reader.all("tasks_named", **keys, tasks=numbers), len(part), part[-1], last=False)
        after = hits[-1] if len(hits) == most else upto
    yield _Stretch([], 0, upto, last=False)


def _suiting(reader: Reader, keys: dict[str, str], wanted: _Filter, numbers: list[int]) -> list[int]:
    """Of these tasks, those that suit the filters beside the search."""
    if wanted.annotator:
        answered = reader.tuples("answered_by", **keys, tasks=numbers, member=wanted.annotator)
        numbers = [n for (n,) in answered]
    filters = {"status": wanted.status, "flagged": wanted.flagged}
    return [n for (n,) in reader.tuples("suiting", **keys, tasks=numbers, **filters)]


def _page(
    reader: Reader, row: dict[str, Any], wanted: _Filter, after: int, limit: int
) -> list[dict[str, Any]]:
    """One stretch of tasks by the index that fits the filter."""
    keys = {"organization": row["organization"], "project": row["id"], "after": after, "limit": limit}
    if wanted.external_id:
        return reader.all("tasks_by_external", **keys, external_id=wanted.external_id)
    if wanted.annotator:
        return reader.all("tasks_by_member", **keys, member=wanted.annotator, status=wanted.status)
    if wanted.flagged:
        return reader.all("tasks_flagged", **keys, status=wanted.status)
    if wanted.status:
        return reader.all(f"tasks_{wanted.status}", **keys)
    return reader.all("tasks_all", **keys)


def _task_row(project: str, r: dict[str, Any], document: Any) -> wire.TaskRow:
    data, _ = split(r["record"], r["mapping"])
    return wire.TaskRow(
        task_id=task_id(project, r["n"]),
        external_id=r["external_id"],
        status=r["status"],
        summary=summary(data, document),
        annotations=r["answered"],
        overlap=r["overlap"],
        leased=r["leased"],
        flagged=r["flagged"],
        priority=r["priority"],
        created_at=when(r["created_ms"]),
    )


# ---- one task ----------------------------------------------------------------------------------


def _task_rows(
    reader: Reader, actor: Actor, task: str, permission: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(project, task), if the actor may."""
    project, n = parse_task_id(task)
    row = project_row(reader, actor, project, permission)
    found = reader.one("task", organization=row["organization"], project=project, n=n)
    if found is None:
        raise Missing("not-found", "There is no such task, or you may not see it.", task)
    return row, found


def get(reader: Reader, actor: Actor, task: str) -> wire.Task:
    """One task with its answers, consensus and flags."""
    row, found = _task_rows(reader, actor, task, "task.read")
    return full(reader, row, [found], hidden(reader, actor, row))[0]


def full(
    reader: Reader, row: dict[str, Any], tasks: list[dict[str, Any]], hides: str = ""
) -> list[wire.Task]:
    """These tasks of one project, in full; a few queries for all of them.

    Args:
        hides: "names" or "answers": what is left out of tasks of which no review is decided.
    """
    numbers = [t["n"] for t in tasks]
    keys = {"organization": row["organization"], "project": row["id"], "tasks": numbers}
    annotations: dict[int, list[wire.Annotation]] = defaultdict(list)
    for a in reader.all("task_assignments", **keys):
        annotations[a["task"]].append(_annotation(a))
    conclusions = dict(reader.tuples("task_consensus", **keys))
    flags: dict[int, list[wire.Flagged]] = defaultdict(list)
    for f in reader.all("task_flags", **keys):
        reason = msgspec.msgpack.decode(f["body"])[0][0].decode()
        flags[f["task"]].append(wire.Flagged(annotator=f["member"], reason=reason, at=when(f["at_ms"])))
    reviews = review.of_tasks(reader, row["organization"], row["id"], numbers)
    made = {
        t["n"]: _task(row, t, annotations[t["n"]], conclusions.get(t["n"]), flags[t["n"]], reviews[t["n"]])
        for t in tasks
    }
    if likely := adaptive.probabilities(reader, row["organization"], row["id"]):
        made = {n: _with_probabilities(one, likely) for n, one in made.items()}
    if hides:
        states = dict(reader.tuples("due_states", **keys))
        made = {n: t if states.get(n) == "decided" else _blind(t, hides) for n, t in made.items()}
    return list(made.values())


def _with_probabilities(task: wire.Task, likely: adaptive.Likely) -> wire.Task:
    """The same with how probable each answer of its consensus is, as far as the newest weighing tells."""
    given = [(one.annotator, one.answers or {}) for one in task.annotations if one.state == "submitted"]
    found = likely(given, {name: (one.method, one.value) for name, one in task.consensus.items()})
    known = {
        name: msgspec.structs.replace(task.consensus[name], probabilities=told)
        for name, told in found.items()
    }
    return msgspec.structs.replace(task, consensus={**task.consensus, **known})


def _blind(task: wire.Task, hides: str) -> wire.Task:
    """The same without what would tell who gave its answers, and without them where those are hidden too."""
    replace = msgspec.structs.replace
    nobody: dict[str, Any] = {"annotator": ""}
    nobody |= dict.fromkeys(("name", "kind", "seconds", "submitted_at", "receipt"))
    if hides == "answers":
        nobody["answers"] = None
        task = replace(task, consensus={}, reviews=[])
    return replace(
        task,
        annotations=[replace(one, **nobody) for one in task.annotations],
        flags=[replace(one, annotator="") for one in task.flags],
    )


def _task(
    row: dict[str, Any],
    t: dict[str, Any],
    annotations: list[wire.Annotation],
    conclusion: bytes | None,
    flags: list[wire.Flagged],
    reviews: list[wire.EarlierReview],
) -> wire.Task:
    data, reserved = split(t["record"], t["mapping"])
    metadata = decode_json(reserved["metadata"]) if "metadata" in reserved else None
    predictions = decode_json(reserved["predictions"]) if "predictions" in reserved else None
    return wire.Task(
        task_id=task_id(row["id"], t["n"]),
        project_id=row["id"],
        external_id=t["external_id"],
        status=t["status"],
        data={name: decode_json(value) for name, value in data.items()},
        metadata=metadata or {},
        predictions=predictions or [],
        overlap=t["overlap"],
        priority=t["priority"],
        created_at=when(t["created_ms"]),
        annotations=annotations,
        consensus=msgspec.json.decode(conclusion, type=dict[str, wire.Answer]) if conclusion else {},
        flags=flags,
        reviews=reviews,
    )


def _annotation(a: dict[str, Any]) -> wire.Annotation:
    given = a["state"] in ("submitted", "surplus")
    reason = msgspec.msgpack.decode(a["body"])[0][0].decode() if a["state"] == "skipped" else None
    return wire.Annotation(
        id=a["id"],
        annotator=a["member"],
        name=a["name"],
        kind=a["kind"],
        state=a["state"],
        answers=decode_json(answers_of(a["body"])) if given else None,
        seconds=a["ms"] / 1000 if a["ms"] >= 0 else None,
        submitted_at=when(a["closed_ms"]) if a["seq"] else None,
        version=a["version"],
        revision=a["revision"],
        reason=reason,
        receipt=_receipt(a["entry"]) if given else None,
    )


def _receipt(entry: bytes) -> dict[str, Any]:
    header = decode_entry(entry)
    return {"stream": header.stream, "n": header.n, "leaf": msgspec.to_builtins(merkle.leaf_hash(entry))}


# ---- acting ------------------------------------------------------------------------------------

MOST_NAMED = 10_000  # tasks that one action may name
STEP = 5_000  # tasks that one action on a filter changes in one commit


def act(
    tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.TaskAction
) -> wire.ActionReport:
    """Withdraw, restore, prioritise, unflag or send to review the tasks named, or those that match.

    With a filter it looks at some tasks at once and changes at most `STEP`, so that nobody waits for it; call
    it again with the `next` that it gives until there is none. A filter sends those tasks to review of which
    no review was asked yet; a task that is named is reviewed once more.
    """
    row = project_row(tx, actor, project, "task.manage")
    tasks, upto = _chosen(tx, row, request)
    if request.action == "restore":
        tasks = _not_erased(tx, row, tasks)
    next_ = None if upto is None else str(upto)
    if request.action == "review":
        return wire.ActionReport(changed=review.ask(tx, at, row, tasks), next=next_)
    rows = [r for r in (_change(request, t) for t in tasks) if r is not None]
    events: list[Event] = [
        TasksChanged(
            stream=project,
            owner=row["organization"],
            action=request.action,
            rows=tuple(rows[i : i + MAX_ROWS]),
        )
        for i in range(0, len(rows), MAX_ROWS)
    ]
    tx.append(events, at)
    return wire.ActionReport(changed=len(rows), next=next_)


def _not_erased(tx: Transaction, row: dict[str, Any], tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those with data: nobody can answer the others."""
    keys = {"organization": row["organization"], "project": row["id"], "record": NO_RECORD}
    gone = {n for (n,) in tx.tuples("erased_among", **keys, tasks=[t["n"] for t in tasks])}
    return [t for t in tasks if t["n"] not in gone]


def _chosen(
    tx: Transaction, row: dict[str, Any], request: wire.TaskAction
) -> tuple[list[dict[str, Any]], int | None]:
    """(tasks, number of the last task that was looked at, if more follow)."""
    if (request.task_ids is None) == (request.filter is None):
        raise Invalid("action.which", "Name either tasks or a filter.", "task_ids")
    if not -MAX_PRIORITY <= request.priority <= MAX_PRIORITY:
        raise Invalid("record.priority", f"A priority is at most {MAX_PRIORITY}.", "priority")
    if request.task_ids is None:
        return _filtered(tx, row, request)
    if len(request.task_ids) > MOST_NAMED:
        raise Invalid("action.many", f"Name at most {MOST_NAMED} tasks.", "task_ids", "Take a filter.")
    numbers = [n for project, n in map(parse_task_id, request.task_ids) if project == row["id"]]
    keys = {"organization": row["organization"], "project": row["id"]}
    return tx.all("tasks_named", **keys, tasks=sorted(set(numbers))), None


def _filtered(
    tx: Transaction, row: dict[str, Any], request: wire.TaskAction
) -> tuple[list[dict[str, Any]], int | None]:
    given = request.filter or {}
    unknown = given.keys() - {"status", "search", "flagged", "annotator", "external_id"}
    if unknown:
        raise Invalid("action.filter", f"There is no filter {min(unknown)!r}.", f"filter.{min(unknown)}")
    flagged = given.get("flagged") in ("true", "1")
    wanted = _filter(
        given.get("status"), given.get("search"), flagged, given.get("annotator"), given.get("external_id")
    )
    found: list[dict[str, Any]] = []
    upto: int | None = read_number(request.after)
    for _ in range(SEARCHED // STEP):
        if upto is None or len(found) == STEP:
            break
        rows, upto = _matching(tx, row, wanted, upto, STEP)
        fitting = [r for r in _unasked(tx, row, request, rows) if _change(request, r) is not None]
        if len(found) + len(fitting) > STEP:
            upto = fitting[STEP - len(found) - 1]["n"]
        found += fitting[: STEP - len(found)]
    return found, upto


def _unasked(
    tx: Transaction, row: dict[str, Any], request: wire.TaskAction, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Of these tasks, those of which no review was asked yet, where that is what is wanted."""
    if request.action != "review":
        return rows
    keys = {"organization": row["organization"], "project": row["id"]}
    asked_for = {n for n, _ in tx.tuples("due_states", **keys, tasks=[r["n"] for r in rows])}
    return [r for r in rows if r["n"] not in asked_for]


def _change(request: wire.TaskAction, t: dict[str, Any]) -> bytes | None:
    """The row of the event for one task; None when the action would change nothing."""
    match request.action:
        case "withdraw":
            return encode_json([t["n"], t["status"]]) if t["status"] in ("open", "done") else None
        case "restore":
            becomes = "done" if t["answered"] >= t["overlap"] else "open"
            return encode_json([t["n"], becomes]) if t["status"] == "withdrawn" else None
        case "prioritise":
            return None if t["priority"] == request.priority else encode_json([t["n"], request.priority])
        case "unflag":
            return encode_json([t["n"], t["flagged"]]) if t["flagged"] else None
        case "review":  # review.ask decides; here only which tasks a filter means
            return encode_json([t["n"], 0]) if t["status"] == "done" else None


def correct(tx: Transaction, at: Moment, actor: Actor, task: str, request: wire.TaskCorrection) -> wire.Task:
    """New data for one task. Answers given to the old data keep it; the task is asked again."""
    row, found = _task_rows(tx, actor, task, "task.manage")
    if found["status"] in ("gold", "qualification"):
        raise Refused(
            "task.apart",
            "A task with a known answer keeps its data.",
            task,
            "Bring it back among the ordinary ones first.",
        )
    _, reserved = split(found["record"], found["mapping"])
    reserved.pop("external_id", None)  # the task keeps it; it is no part of the data
    record = encode_json({**request.data, **reserved})
    event = TaskCorrected(
        stream=row["id"], owner=row["organization"], task=str(found["n"]).encode(), record=record
    )
    tx.append([event], at)
    index.follow_correction(tx, row["organization"], row["id"], found["n"], found["record"], record)
    return get(tx, actor, task)
