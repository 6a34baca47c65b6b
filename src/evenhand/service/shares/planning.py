"""The home node draws who gets which of a project's open tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand import wire
from evenhand.core import sharing
from evenhand.core.checkpoint import VerifyKey
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import MAX_ROWS, Event, Moment, SharePlanned, ShareSliced
from evenhand.core.intake import split
from evenhand.core.policy import Actor
from evenhand.core.project import Document
from evenhand.service.ids import new_id
from evenhand.service.shares.control import check_rivals, client_of, groups_of, newest_statement, record_of
from evenhand.service.shares.rows import key_of, shown
from evenhand.service.view import encode_json, form_of, project_row, seed_of
from evenhand.store import Transaction

SLICE_BYTES = 6 << 20  # of the records in one slice, so that an offer fits a request


def plan(tx: Transaction, at: Moment, actor: Actor, project: str, wanted: wire.NewPlan) -> wire.Plan:
    """Share out all open tasks that no plan has shared out yet: each to as many control groups as the
    project's overlap, none more than the cap.

    Raises:
        Refused: it is not possible; the reason says the numbers.
    """
    row = _open_project(tx, actor, project)
    tx.tuples("heads", ids=[project])  # locked: or two plans could share out the same tasks
    form = form_of(tx, row["organization"], project, row["version"])
    document, each = form.document, form.document.overlap
    keys = {"organization": row["organization"], "project": project}
    partners = _partners(tx, wanted.partners)
    groups = groups_of(tx, [record for _, _, record in partners])
    client = client_of(tx, row["organization"])
    named = [(name, record, "partners") for name, _, record in partners]
    check_rivals(tx, client, named, "Name another partner, or state what has changed about its owners.")
    found = tx.tuples("share_unplanned", **keys, limit=sharing.MOST_TASKS + 1)
    sizes = dict(found)
    cap = round(wanted.cap * sharing.WHOLE)
    sharing.check_plan(len(sizes), groups, each, cap)
    _check_portable(tx, keys, document, list(sizes))
    number = 1 + max((one["plan"] for one in tx.all("shares_of_project", **keys)), default=0)
    seed = sharing.seed_of(seed_of(tx, project), number)
    drawn = sharing.draw(seed, list(sizes), groups, each)
    ids = [new_id("shr") for _ in partners]
    planned = SharePlanned(
        stream=project,
        owner=row["organization"],
        causes=newest_statement(tx),
        number=number,
        tasks=len(sizes),
        each=each,
        cap=cap,
        partners=tuple(
            {"group": group, "record": record, "share": id_, "tasks": len(tasks)}
            for group, (_, _, record), id_, tasks in zip(groups, partners, ids, drawn, strict=True)
        ),
        client=client["id"].encode() if client else b"",
        known=encode_json([[name, str(key)] for name, key, _ in partners]),
        seed=seed,
    )
    tx.append([planned, *_slices(row["organization"], project, ids, drawn, sizes)], at)
    return wire.Plan(
        number=number,
        tasks=len(sizes),
        each=each,
        most=sharing.most_tasks(len(sizes), cap),
        groups=len(set(groups)),
        stated=bool(client and client["record"]),
        shares=[shown(one) for one in tx.all("shares_of_project", **keys) if one["plan"] == number],
    )


def _open_project(tx: Transaction, actor: Actor, project: str) -> dict[str, Any]:
    row = project_row(tx, actor, project, "share.manage")
    if row["state"] in ("archived", "deleted"):
        raise Refused("project.state", f"The project is {row['state']}.", "", "Make it active first.")
    return row


def _partners(tx: Transaction, given: Sequence[wire.NewPartner]) -> list[tuple[str, VerifyKey, str]]:
    """(name, key, record) of each, ascending by key: their order is nobody's choice."""
    if not 0 < len(given) <= sharing.MOST_PARTNERS:
        reason = f"A plan has 1 to {sharing.MOST_PARTNERS} partners."
        raise Invalid("share.partners", reason, "partners", "Name each with its key.")
    found: dict[str, tuple[str, VerifyKey, str]] = {}
    for i, one in enumerate(given):
        where = f"partners[{i}]"
        name = one.name.strip()
        if not 0 < len(name) <= 100 or name in {known for known, _, _ in found.values()}:
            reason = "A partner has a name of its own, of 1 to 100 characters."
            raise Invalid("share.name", reason, f"{where}.name")
        key = key_of(one.vkey, f"{where}.vkey")
        if key.name == tx.node.origin or str(key) in found:
            reason = (
                "This is this node's own key." if key.name == tx.node.origin else "Two have the same key."
            )
            raise Invalid("share.key", reason, f"{where}.vkey", "A partner is another node.")
        found[str(key)] = (name, key, record_of(tx, one.record, f"{where}.record"))
    return [found[key] for key in sorted(found)]


def _check_portable(
    tx: Transaction, keys: Mapping[str, str], document: Document, tasks: Sequence[int]
) -> None:
    """Refuse tasks whose media lie on this node: letters carry records alone."""
    fields = {field.name for field in document.fields if field.type in ("image", "audio")}
    if not fields:
        return
    for i in range(0, len(tasks), MAX_ROWS):
        for n, _, record, mapping in tx.tuples("share_records", **keys, tasks=tasks[i : i + MAX_ROWS]):
            data, _ = split(record, mapping)
            if any(bytes(data[name]).lstrip()[:1] == b"{" for name in fields & data.keys()):
                reason = f"Task {n} has a medium that lies on this node, and letters carry none."
                remedy = "Share tasks whose media are addresses that the partners can reach."
                raise Refused("share.media", reason, "project", remedy)


def _slices(
    organization: str,
    project: str,
    ids: Sequence[str],
    drawn: Sequence[Sequence[int]],
    sizes: Mapping[int, int],
) -> list[Event]:
    """Each share in pieces that fit a letter, in the order of the draw."""
    events: list[Event] = []
    for id_, tasks in zip(ids, drawn, strict=True):
        pieces: list[list[int]] = []
        size = 0
        for n in tasks:
            if not pieces or len(pieces[-1]) == MAX_ROWS or size + sizes[n] > SLICE_BYTES:
                pieces.append([])
                size = 0
            pieces[-1].append(n)
            size += sizes[n]
        for i, piece in enumerate(pieces, 1):
            rows = tuple(b"%d" % n for n in sorted(piece))
            events.append(ShareSliced(stream=project, owner=organization, share=id_, slice=i, rows=rows))
    return events
