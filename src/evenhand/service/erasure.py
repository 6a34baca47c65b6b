"""Erasing a task's data, or a member: values and salts are destroyed, and the log says how many and why.

Each erasure is one transaction, and the node writes nothing else meanwhile. Of a task it reads the project's
stream from its import on, and the streams of the people who worked on it from when the first of them got it;
of a member the streams of the organization and the member. Only what names the task is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import erasure
from evenhand.core.canonical import NO_RECORD, bulk_leaves
from evenhand.core.errors import Missing, Refused
from evenhand.core.events import (
    Concluded,
    Erased,
    Event,
    GoldMarked,
    MemberAdded,
    MemberChanged,
    Moment,
    TasksChanged,
    TasksImported,
)
from evenhand.core.policy import Actor, require
from evenhand.core.search import words_of
from evenhand.doctor import Origins
from evenhand.service import intake, members, search
from evenhand.service.view import decode_json, encode_json, parse_task_id, project_row
from evenhand.store import Transaction
from evenhand.store.codec import Placed, body, decode

PIECE = 2_000  # events that are read at once
RARE = (b'"t":"tasks-imported"', b'"t":"task-corrected"', b'"t":"test-answered"')
"""Kinds whose openings do not tell cheaply whether they are about a task."""

Strip = Callable[[Placed], tuple[Event, tuple[bytes, ...]] | None]
"""An event without what is to be erased, and its salts; None where nothing is."""


def erase_task(
    tx: Transaction, at: Moment, actor: Actor, task: str, wanted: wire.Erasure
) -> wire.ErasureReport:
    """Destroy a task's data and all that was said about them. The task stays as a number, withdrawn."""
    project, n = parse_task_id(task)
    row = project_row(tx, actor, project, "erasure.make")
    keys = {"organization": row["organization"], "project": project}
    found = tx.one("task", **keys, n=n)
    if found is None:
        raise Missing("not-found", "There is no such task, or you may not see it.", task)
    if found["record"] == NO_RECORD:
        raise Refused("task.erased", "The task's data were erased.", task)
    if found["status"] in ("open", "done"):
        change = encode_json([n, found["status"]])
        tx.append(
            [TasksChanged(stream=project, owner=row["organization"], action="withdraw", rows=(change,))], at
        )
    origins = Origins(tx, tx.node.origin)
    imported = _import_seq(tx, project, n)

    def strip(p: Placed) -> tuple[Event, tuple[bytes, ...]] | None:
        return _of_task(p, project, n, origins)

    count = _erase_in(tx, project, (f"[{n},".encode(),), strip, after=imported - 1)
    hints, given = _traces(tx, keys, n)
    for (person,) in tx.tuples("task_persons", **keys, task=n):
        count += _erase_in(tx, person, hints, strip, after=given)
    count += _erase_payloads(tx, keys, n, imported, origins)
    _forget_words(tx, keys, n, found["record"])
    intake.forget_row(tx, keys, n)
    tx.run("delete_suggestions_of_task", **keys, task=n)
    tx.run("drop_letters_of", **keys)
    ids = [id_ for (id_,) in tx.tuples("task_assignment_ids", **keys, task=n)]
    tx.run("delete_draft", ids=ids)
    event = Erased(
        stream=project, owner=row["organization"], subject="task", basis=wanted.basis, count=count, task=n
    )
    return _report(tx, at, event)


def _traces(tx: Transaction, keys: dict[str, str], n: int) -> tuple[tuple[bytes, ...], int]:
    """(What the openings in people's streams hold that are about a task: ids of assignments and reviews; the
    seq behind which they are). Answers to a test may have come before."""
    ids = [*tx.tuples("task_assignment_ids", **keys, task=n), *tx.tuples("task_review_ids", **keys, task=n)]
    given = tx.tuples("task_given_seq", **keys, task=n)[0][0]
    after = 0 if given is None or tx.tuples("has_tests", **keys) else given - 1
    return tuple(id_.encode() for (id_,) in ids), after


def _of_task(p: Placed, project: str, n: int, origins: Origins) -> tuple[Event, tuple[bytes, ...]] | None:
    event = p.event
    if isinstance(event, Concluded | GoldMarked) and event.stream == project:
        rows = list(zip(p.salts[len(event.PRIVATE) :], event.rows, strict=True))
        leaves = bulk_leaves(origins.at(p.seq), event.KIND, rows)
        return erasure.without_rows(event, p.salts, leaves, n)
    if isinstance(event, TasksImported) and 0 <= (i := n - event.first) < len(event.externals):
        return _without_external(event, i), p.salts
    if not erasure.about_task(event, project, n):
        return None
    return erasure.without(event, p.salts, erasure.OF_TASK[type(event)])


def _without_external(event: TasksImported, i: int) -> TasksImported:
    externals = (*event.externals[:i], None, *event.externals[i + 1 :])
    return msgspec.structs.replace(event, externals=externals)


def _erase_payloads(tx: Transaction, keys: dict[str, str], n: int, seq: int, origins: Origins) -> int:
    """The records of all rounds. The first came with an import, whose other rows can still be shown.

    Args:
        seq: of the import.
    """
    rows = tx.tuples("task_payloads", **keys, task=n)
    for round_, salt, record in rows:
        leaf = b""
        if round_ == 1:
            leaf = bulk_leaves(origins.at(seq), TasksImported.KIND, [(salt, record)])[0]
        tx.run("put_no_payload", **keys, task=n, round=round_, salt=leaf, record=NO_RECORD)
    return len(rows)


def _import_seq(tx: Transaction, project: str, n: int) -> int:
    """The event that brought a task in."""
    for seq, _, entry, _, _ in _events(tx, project):
        if b'"t":"tasks-imported"' in entry:
            header = decode_json(entry)
            if header["b"]["first"] <= n < header["b"]["first"] + header["b"]["count"]:
                return int(seq)
    raise AssertionError("a task follows its import")


def _forget_words(tx: Transaction, keys: dict[str, str], n: int, record: bytes) -> None:
    state = tx.one("search_project", **keys)
    if state is not None and n <= state["upto"]:
        words = " ".join(words_of(decode_json(record)))
        tx.many("drop_words", [{**keys, "slot": state["slot"], "task": n, "words": words}])
        search.forget_later(tx)


def erase_member(
    tx: Transaction, at: Moment, actor: Actor, member: str, wanted: wire.Erasure
) -> wire.ErasureReport:
    """Destroy who a member was: name, address, password, keys, and what they wrote in words of their own.

    In the person's home organization all of it; in another one what concerns that organization.
    """
    row = tx.one("member_by_id", id=member)
    if row is None:
        raise Missing("not-found", "There is no such member, or you may not see them.", "member")
    organization, person = row["organization"], row["person"]
    require(actor, "erasure.make", organization)
    if person == actor.person:
        raise Refused("erasure.self", "Nobody erases themselves.", "member", "Another owner can.")
    if row["state"] != "removed":
        members.change_member(tx, at, actor, member, wire.MemberChange(state="removed"))
    at_home = row["home"] == organization

    def strip(p: Placed) -> tuple[Event, tuple[bytes, ...]] | None:
        return _of_member(p, member, organization, at_home)

    count = _erase_in(tx, organization, (member.encode(),), strip)
    count += _erase_in(tx, person, (b"",), strip)
    tx.run("delete_keys_bound", person=person, organization=organization)
    tx.run("drop_letters_of_partners", organization=organization)
    if at_home:
        tx.run("person_gone", id=person, name="Erased")
        tx.run("delete_keys_of", person=person)
        tx.run("delete_sessions_of", person=person)
    event = Erased(
        stream=organization,
        owner=organization,
        subject="member",
        basis=wanted.basis,
        count=count,
        member=member,
    )
    return _report(tx, at, event)


def _of_member(
    p: Placed, member: str, organization: str, at_home: bool
) -> tuple[Event, tuple[bytes, ...]] | None:
    event = p.event
    if isinstance(event, MemberAdded | MemberChanged):
        mine = event.stream == organization and event.member == member.encode()
        return erasure.without(event, p.salts, event.PRIVATE) if mine else None
    fields = erasure.OF_PERSON.get(type(event))
    if fields is None or not (at_home or event.owner == organization):
        return None
    return erasure.without(event, p.salts, fields)


# ---- both ----------------------------------------------------------------------------------------


def _events(tx: Transaction, stream: str, n: int = -1) -> Iterator[tuple[Any, ...]]:
    """Events of a stream behind its n-th."""
    while rows := tx.tuples("stream_events", stream=stream, n=n, limit=PIECE):
        yield from rows
        n = rows[-1][1]


def _behind(tx: Transaction, stream: str, after: int) -> int:
    """The number of a stream's last event whose seq is at most `after`; -1 when there is none."""
    heads = tx.tuples("heads_read", ids=[stream])
    low, high = -1, heads[0][1] - 1 if heads else -1
    while low < high:
        middle = (low + high + 1) // 2
        if tx.tuples("seq_of_place", stream=stream, n=middle)[0][0] <= after:
            low = middle
        else:
            high = middle - 1
    return low


def _erase_in(tx: Transaction, stream: str, hints: tuple[bytes, ...], strip: Strip, after: int = 0) -> int:
    """Rewrite the openings of a stream; how many values are gone.

    Args:
        hints: one of them stands in each opening that is meant.
        after: seq behind which all of it is.
    """
    count = 0
    for seq, _, entry, opening, owner in _events(tx, stream, _behind(tx, stream, after)):
        if not any(hint in opening for hint in hints) and not any(kind in entry for kind in RARE):
            continue
        records = _rows_of(entry)
        p = decode(seq, entry, opening, owner, records)
        stripped = strip(p)
        if stripped is not None and (stripped[0] != p.event or stripped[1] != p.salts):
            tx.run("put_erased", seq=seq, body=body(*stripped))
            count += _gone(p, stripped)
    return count


def _rows_of(entry: bytes) -> list[tuple[bytes, bytes]]:
    """Stand-ins for an import's rows, which lie elsewhere and are not looked at."""
    if b'"t":"tasks-imported"' not in entry:
        return []
    count: int = decode_json(entry)["b"]["count"]
    return [(b"", b"")] * count


def _gone(p: Placed, stripped: tuple[Event, tuple[bytes, ...]]) -> int:
    """Salts that are no more: one for each value."""
    return sum(a != b for a, b in zip(p.salts, stripped[1], strict=True))


def _report(tx: Transaction, at: Moment, event: Erased) -> wire.ErasureReport:
    placed = tx.append([event], at)
    return wire.ErasureReport(values=event.count, place=placed[0].place)
