"""The next letter of a share: the home node offers and recalls, the partner delivers and tells of erasure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import sharing
from evenhand.core.canonical import NO_RECORD, b64url, decode_entry
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import Moment, Place
from evenhand.core.intake import split
from evenhand.core.policy import Actor
from evenhand.core.project import Document
from evenhand.service.shares.chain import Saying, say
from evenhand.service.shares.control import check_now, newest_statement
from evenhand.service.shares.rows import locked_share
from evenhand.service.view import decode_json, encode_json, form_of
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of, private_of
from evenhand.store.driver import Row


def write(tx: Transaction, at: Moment, actor: Actor, share: str, wanted: wire.NewLetter) -> wire.Written:
    """Write the next letter of an act; none when there is nothing to say.

    `offer` gives the next slice out, `recall` takes back what is not delivered: the home node's.
    `deliver` brings answers that are done, `deleted` says that the tasks' data are erased: the partner's.
    """
    row = locked_share(tx, actor, share)
    if (wanted.act in sharing.BY_HOME) != (row["side"] == "home"):
        side = "home node" if wanted.act in sharing.BY_HOME else "partner"
        raise Refused("share.side", f"This letter is the {side}'s to write.", "act")
    return _WRITERS[wanted.act](tx, at, row, wanted)


def _offer(tx: Transaction, at: Moment, row: Row, wanted: wire.NewLetter) -> wire.Written:
    if not 0 < wanted.hours * sharing.HOUR <= sharing.MOST_MS:
        raise Invalid("share.hours", "An offer holds for an hour to a year.", "hours")
    keys = {"organization": row["organization"], "share": row["id"]}
    if row["state"] in ("declined", "recalled", "deleted"):
        return wire.Written(letter=None, count=0)
    ahead = tx.tuples("share_next_slice", **keys)
    if not ahead:
        return wire.Written(letter=None, count=0)
    slice_ = ahead[0][0]
    tasks = tx.all("share_slice", **keys, slice=slice_)
    check_now(tx, row)
    rows = _offered_rows(tx, row, tasks)
    until = at.ms + wanted.hours * sharing.HOUR
    place = Place(row["project"], tasks[0]["place"])
    saying = Saying(
        act="offer",
        slice=slice_,
        count=len(tasks),
        rows=rows,
        causes=newest_statement(tx),
        facts={"offered": [one["n"] for one in tasks], "until": until}
        | ({"state": "offered"} if row["state"] == "planned" else {}),
        more={"until": until, "token": row["sent"], "place": place, "root": _sliced(tx, place)[0]},
    )
    return wire.Written(letter=say(tx, at, row, saying), count=len(tasks))


def _sliced(reader: Reader, place: Place) -> tuple[str, dict[int, bytes]]:
    """(commitment to a slice, number of each of its tasks -> salt of its row)."""
    ((_, _, entry, body, _),) = reader.tuples("stream_events", stream=place.stream, n=place.n - 1, limit=1)
    _, salts = private_of(body)
    rows: list[bytes] = msgspec.msgpack.decode(body)[2]
    return decode_entry(entry).commitments["rows"], {
        int(n): salt for n, salt in zip(rows, salts, strict=True)
    }


def _offered_rows(tx: Transaction, row: Row, tasks: Sequence[Row]) -> list[bytes]:
    """The rules first, then each task with what annotators see of it. Of one that takes no answers any more,
    only its number and salt, which the commitment to the slice needs."""
    project = tx.one("project", project=row["project"])
    assert project is not None, "a share is of a project"
    form = form_of(tx, row["organization"], row["project"], project["version"])
    _, salts = _sliced(tx, Place(row["project"], tasks[0]["place"]))
    numbers = [one["n"] for one in tasks]
    keys = {"organization": row["organization"], "project": row["project"]}
    records = {n: rest for n, *rest in tx.tuples("share_records", **keys, tasks=numbers)}
    rows = [encode_json({"document": _for_partner(form.document)})]
    for n in sorted(numbers):
        told: dict[str, Any] = {"n": n, "salt": b64url(salts[n])}
        status, record, mapping = records[n]
        if status in ("open", "done") and record != NO_RECORD:
            data, _ = split(record, mapping)
            told["data"] = {name: value for name, value in data.items() if name in form.shown}
        rows.append(encode_json(told))
    return rows


def _for_partner(document: Document) -> Document:
    """What a partner asks its annotators: the questions and the instructions, each task answered once. How
    the home node samples, tests, reviews and pays is its own."""
    return Document(
        name=document.name,
        fields=document.fields,
        questions=document.questions,
        instructions=document.instructions,
        overlap=1,
        skip=document.skip,
        lease_seconds=document.lease_seconds,
    )


def _recall(tx: Transaction, at: Moment, row: Row, wanted: wire.NewLetter) -> wire.Written:
    if row["state"] in ("planned", "declined", "recalled", "deleted"):
        return wire.Written(letter=None, count=0)
    count = row["offered"] - row["delivered"]
    saying = Saying(act="recall", count=count, facts={"state": "recalled"})
    return wire.Written(letter=say(tx, at, row, saying), count=count)


def _deliver(tx: Transaction, at: Moment, row: Row, wanted: wire.NewLetter) -> wire.Written:
    keys = {"organization": row["organization"], "share": row["id"]}
    done = tx.tuples("share_done", **keys) if row["state"] == "accepted" else []
    done = [one for one in done if one[1] == done[0][1]]  # of one slice: one token
    if not done:
        return wire.Written(letter=None, count=0)
    here = {task: n for n, _, task in done}
    rows = [
        encode_json(
            {
                "n": here[task],
                "annotator": member,
                "kind": kind,
                "answers": msgspec.Raw(answers_of(body)),
                "ms": ms,
                "at": closed,
            }
        )
        for task, member, kind, closed, ms, body in _first_answers(tx, row, list(here))
    ]
    slice_ = done[0][1]
    saying = Saying(
        act="deliver",
        slice=slice_,
        count=len(rows),
        rows=rows,
        facts={"delivered": [decode_json(one)["n"] for one in rows]},
        more={"token": tx.tuples("share_token", **keys, way="taken", slice=slice_)[0][0]},
    )
    return wire.Written(letter=say(tx, at, row, saying), count=len(rows)) if rows else _NOTHING


_NOTHING = wire.Written(letter=None, count=0)


def _first_answers(tx: Transaction, row: Row, tasks: list[int]) -> list[tuple[Any, ...]]:
    """One answer of each task, the first that counts: a partner is one voice."""
    found: dict[int, tuple[Any, ...]] = {}
    keys = {"organization": row["organization"], "project": row["project"]}
    for task, _, *rest in tx.tuples("share_answers", **keys, tasks=tasks):
        found.setdefault(task, (task, *rest))
    return [found[task] for task in sorted(found)]


def _deleted(tx: Transaction, at: Moment, row: Row, wanted: wire.NewLetter) -> wire.Written:
    if row["state"] in ("declined", "deleted"):
        return _NOTHING
    held = tx.tuples("share_held", organization=row["organization"], share=row["id"])
    left = sum(record != NO_RECORD for _, record in held)
    if left:
        reason = f"The data of {left:,} of {len(held):,} tasks are still here."
        raise Refused("share.held", reason, "share", "Erase them first; `evenhand share delete` does.")
    saying = Saying(act="deleted", count=len(held), facts={"state": "deleted"})
    return wire.Written(letter=say(tx, at, row, saying), count=len(held))


_WRITERS = {"offer": _offer, "recall": _recall, "deliver": _deliver, "deleted": _deleted}
