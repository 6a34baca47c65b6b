"""Appeals, from both sides: what reviews said of one's own answers, and who was right."""

from __future__ import annotations

from typing import Any

from evenhand import wire
from evenhand.core import review as core
from evenhand.core.allocation import slot_of
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import AppealDecided, Moment, Place, Told
from evenhand.core.intake import shown_data, split
from evenhand.core.policy import Actor, allows, require
from evenhand.core.review import AppealView, Judge
from evenhand.service import signing
from evenhand.service.ids import new_id
from evenhand.service.paging import NEWEST, OLDEST, next_time, read_time
from evenhand.service.review import conclude, private, stood
from evenhand.service.view import decode_json, form_of, project_row, summary, task_id, told_task_id, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of

# ---- what annotators see -----------------------------------------------------------------------


def list_mine(
    reader: Reader,
    actor: Actor,
    project: str | None = None,
    outcome: str | None = None,
    assignment: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.Judgement]:
    """What reviews said of the caller's own annotations, newest first."""
    if outcome not in (None, "", "accepted", "fixed", "returned"):
        raise Invalid(
            "review.outcome", f"There is no outcome {outcome!r}.", "outcome", "accepted, fixed or returned."
        )
    before_ms, before_id = read_time(after, NEWEST)
    rows = reader.all(
        "judgements_mine",
        person=actor.person,
        project=project or "",
        outcome=outcome or "",
        assignment=assignment or "",
        before_ms=before_ms,
        before_id=before_id,
        limit=limit,
    )
    items = [_judgement(reader, row) for row in rows if allows(actor, "task.label", row["organization"])]
    return wire.Page(items=items, next=next_time(rows, limit, "at_ms", "assignment"))


def _judgement(reader: Reader, row: dict[str, Any]) -> wire.Judgement:
    document = form_of(reader, row["organization"], row["project"], row["version"]).document
    data, _ = split(row["record"], row["mapping"])
    answers, comment = stood(row["body"])
    current = row["round"] == row["task_round"]
    is_open = row["outcome"] == "returned" and current and row["due"] == "returned"
    return wire.Judgement(
        assignment_id=row["assignment"],
        task_id=told_task_id(reader, row["project"], row["task"], document),
        project_id=row["project"],
        project_name=document.name,
        summary=summary(data, document),
        outcome=row["outcome"],
        comment=comment,
        answers=decode_json(answers) if answers else None,
        revision=row["now_revision"],
        open=is_open and row["revision"] == row["now_revision"],
        may_appeal=row["outcome"] != "accepted"
        and row["appeal"] is None
        and _in_force(reader, row["assignment"], row["review"]),
        appeal=_appeal_state(row) if row["appeal"] else None,
        decided_at=when(row["at_ms"]),
        place=(row["answer_stream"], row["answer_n"]),
    )


def _appeal_state(row: dict[str, Any]) -> wire.AppealState:
    decided = row["decided_body"]
    return wire.AppealState(
        id=row["appeal"],
        state=row["appeal_state"],
        text=private(row["appeal_body"])[0].decode(),
        answer=_reply(decided) if decided else None,
        appealed_at=when(row["appealed_ms"]),
    )


def _reply(body: bytes) -> str:
    """What whoever decided an appeal said, out of an `appeal-decided` event or a `told` one."""
    values = private(body)
    return values[1 if len(values) == len(AppealDecided.PRIVATE) else Told.PRIVATE.index("comment")].decode()


def _in_force(reader: Reader, assignment: str, review: str) -> bool:
    row = reader.one("judgement_newest", assignment=assignment)
    return row is not None and row["review"] == review and _is_newest(row)


def _is_newest(row: dict[str, Any]) -> bool:
    """Whether nothing has happened to the task since: no review, no new data, no correction."""
    same: bool = (
        row["later"] == 0 and row["round"] == row["task_round"] and row["revision"] == row["now_revision"]
    )
    return same


DECIDED = ("decided", "upheld", "rejected")
BY_AGE = ("appeals", "opened_ms", OLDEST)
LOOKED_THROUGH = 1_000  # appeals that one page of a search reads at most

# ---- appeals -----------------------------------------------------------------------------------


def appeal(
    tx: Transaction, at: Moment, actor: Actor, assignment: str, request: wire.NewAppeal
) -> wire.AppealState:
    """Appeal the newest judgement of one of the caller's own annotations."""
    own = tx.one("assignment", id=assignment)
    if own is None or own["person"] != actor.person:
        raise Missing("not-found", "There is no such assignment, or it is not yours.", "assignment")
    require(actor, "task.label", own["organization"])
    row = tx.one("judgement_newest", assignment=assignment)
    if row is None:
        raise Refused("appeal.none", "No review has judged this answer.", "assignment")
    view = AppealView(
        appeal=new_id("apl"),
        review=row["review"],
        organization=row["organization"],
        project=row["project"],
        number=row["task"],
        assignment=assignment,
        person=row["person"],
        member=row["member"],
        reviewer=row["reviewer"],
        reviewed=Place(row["stream"], row["n"]),
        outcome=row["outcome"],
        newest=_is_newest(row),
        state=row["appeal_state"] or "",
        appealed=None,
    )
    event = core.appeal(view, request.text)
    judged = Place(row["answer_stream"], row["answer_n"])
    event = signing.spoken(tx, at, actor.person, event, request.signed, judged)
    tx.append([event], at)
    return wire.AppealState(
        id=event.appeal, state="open", text=event.text.decode(), answer=None, appealed_at=when(at.ms)
    )


def _appeal_row(reader: Reader, actor: Actor, id_: str, permission: str) -> dict[str, Any]:
    row = reader.one("appeal", id=id_)
    if row is None:
        raise Missing("not-found", "There is no such appeal, or you may not see it.", id_)
    require(actor, permission, row["organization"])
    return row


def list_appeals(
    reader: Reader,
    actor: Actor,
    project: str,
    state: str | None = None,
    search: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.Appeal]:
    """The project's appeals, oldest first; those that are decided, the last decided first.

    `state` is one of open, upheld, rejected, or decided for both of these. `search` is looked for in the
    names, as far as the caller may see them, and in the number and the first field of the task.

    Raises:
        Invalid: there is no such state or page.
    """
    row = project_row(reader, actor, project, "task.review")
    if state not in (None, "", "open", *DECIDED):
        raise Invalid(
            "appeal.state", f"There is no state {state!r}.", "state", "open, decided, upheld or rejected."
        )
    query, time, start = ("appeals_decided", "closed_ms", NEWEST) if state in DECIDED else BY_AGE
    ms, id_ = read_time(after, start)
    keys = {"organization": row["organization"], "project": project, "after_ms": ms, "after_id": id_}
    most = LOOKED_THROUGH if search else limit
    ids = reader.tuples(query, **keys, state="" if state == "decided" else state or "", limit=most)
    rows: list[dict[str, Any]] = []
    items: list[wire.Appeal] = []
    for (each,) in ids:
        if len(items) == limit:
            break
        rows.append(_appeal_row(reader, actor, each, "task.review"))
        one = _appeal(reader, actor, rows[-1])
        if not search or _tells(one, row["id"], search.casefold()):
            items.append(one)
    whole = len(rows) == len(ids) < most
    return wire.Page(items=items, next=None if whole else next_time(rows, len(rows), time))


def _tells(appeal: wire.Appeal, project: str, search: str) -> bool:
    """Whether what the reader sees of an appeal has this in it."""
    said = (appeal.annotator_name, appeal.reviewer_name, appeal.summary)
    return appeal.task_id == f"{project}-{search}" or any(search in (text or "").casefold() for text in said)


def get_appeal(reader: Reader, actor: Actor, appeal: str) -> wire.Appeal:
    """One appeal, as its judges see it."""
    return _appeal(reader, actor, _appeal_row(reader, actor, appeal, "task.review"))


def _appeal(reader: Reader, actor: Actor, row: dict[str, Any]) -> wire.Appeal:
    form = form_of(reader, row["organization"], row["project"], row["version"])
    answers, comment = stood(row["review_body"])
    decided = row["state"] != "open"
    able = not decided and _may_decide(actor, row)
    reads = able or (decided and row["judge"] == _judge(actor, row).member)
    named = decided or core.shown_before(form) == "all"
    return wire.Appeal(
        id=row["id"],
        task_id=task_id(row["project"], row["task"]),
        project_id=row["project"],
        version=row["version"],
        state=row["state"],
        outcome=row["outcome"],
        text=private(row["body"])[0].decode() if reads else None,
        comment=comment,
        summary=summary(split(row["record"], row["mapping"])[0], form.document),
        data=shown_data(row["record"], row["mapping"], form.shown),
        given=decode_json(answers_of(row["answer_body"])),
        stands=decode_json(answers) if answers else None,
        annotator=row["member"] if named else None,
        annotator_name=row["annotator_name"] if named else None,
        reviewer=row["reviewer"],
        reviewer_name=row["reviewer_name"],
        answer=_reply(row["decided_body"]) if decided and reads else None,
        judge=row["judge"] or None,
        judge_name=row["judge_name"],
        appealed_at=when(row["opened_ms"]),
        decided_at=when(row["closed_ms"]) if decided else None,
        may_decide=able,
        slot=slot_of(row["review"]),
        place=(row["project"], row["opened_n"]),
    )


def _judge(actor: Actor, row: dict[str, Any]) -> Judge:
    membership = actor.membership(row["organization"])
    assert membership is not None, "the permission was checked"
    manages = allows(actor, "project.manage", row["organization"])
    return Judge(person=actor.person, member=membership.member, manages=manages)


def _may_decide(actor: Actor, row: dict[str, Any]) -> bool:
    try:
        core.decide_appeal(_appeal_view(row), _judge(actor, row), True, "")
    except Refused:
        return False
    return True


def _appeal_view(row: dict[str, Any]) -> AppealView:
    return AppealView(
        appeal=row["id"],
        review=row["review"],
        organization=row["organization"],
        project=row["project"],
        number=row["task"],
        assignment=row["assignment"],
        person=row["person"],
        member=row["member"],
        reviewer=row["reviewer"],
        reviewed=Place(row["review_stream"], row["review_n"]),
        outcome=row["outcome"],
        newest=row["later"] == 0 and row["round"] == row["task_round"],
        state=row["state"],
        appealed=Place(row["stream"], row["n"]),
    )


def decide_appeal(
    tx: Transaction, at: Moment, actor: Actor, appeal: str, request: wire.AppealDecision
) -> wire.Appeal:
    """Say who is right. Upheld, the annotator's answer stands as it was judged."""
    row = _appeal_row(tx, actor, appeal, "task.review")
    view = _appeal_view(row)
    event = core.decide_appeal(view, _judge(actor, row), request.decision == "uphold", request.text)
    opened = Place(row["project"], row["opened_n"])
    event = signing.spoken(tx, at, actor.person, event, request.signed, opened)
    tx.tuples("review_head", project=row["project"])
    placed = tx.append([event], at)
    if event.restores:
        outcome = core.stands(decode_json(answers_of(row["answer_body"])))
        conclude(tx, at, row, row["task"], outcome, placed[0].place)
    return _appeal(tx, actor, _appeal_row(tx, actor, appeal, "task.review"))
