"""Shares: a project's tasks shared out to other nodes, none of which sees more than its cap.

A node keeps, of each share, both chains of letters. What a letter makes happen is one transaction with the
entries that say it; the text of what was written stays until the other node has taken it. The edge signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from evenhand import labels, wire
from evenhand.core import sharing
from evenhand.core.canonical import NO_RECORD, b64url, bulk_root, decode_entry, unb64url
from evenhand.core.checkpoint import VerifyKey, parse_vkey
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import (
    MAX_ROWS,
    Event,
    Moment,
    Place,
    ShareLetter,
    SharePlanned,
    ShareSliced,
)
from evenhand.core.intake import split
from evenhand.core.policy import Actor, allows, require
from evenhand.core.project import Document, check_document
from evenhand.core.sharing import Act, Head, Heard, Letter
from evenhand.service import brought, intake, owners, projects
from evenhand.service.ids import new_id
from evenhand.service.view import (
    decode_document,
    decode_json,
    encode_json,
    form_of,
    organization_of,
    project_row,
    seed_of,
    when,
)
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of, private_of
from evenhand.store.driver import Row

SLICE_BYTES = 6 << 20  # of the records in one slice, so that an offer fits a request
HOUR = 3_600_000
MOST_HOURS = 24 * 366  # that an offer holds


# ---- the home node: planning ---------------------------------------------------------------------


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
    groups = _groups(tx, [record for _, _, record in partners])
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
        causes=_newest_statement(tx),
        number=number,
        tasks=len(sizes),
        each=each,
        cap=cap,
        partners=tuple(
            {"group": group, "record": record, "share": id_, "tasks": len(tasks)}
            for group, (_, _, record), id_, tasks in zip(groups, partners, ids, drawn, strict=True)
        ),
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
        shares=[_wire(one) for one in tx.all("shares_of_project", **keys) if one["plan"] == number],
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
        key = _key(one.vkey, f"{where}.vkey")
        if key.name == tx.node.origin or str(key) in found:
            reason = (
                "This is this node's own key." if key.name == tx.node.origin else "Two have the same key."
            )
            raise Invalid("share.key", reason, f"{where}.vkey", "A partner is another node.")
        found[str(key)] = (name, key, _record(tx, one.record, f"{where}.record"))
    return [found[key] for key in sorted(found)]


def _key(text: str, where: str) -> VerifyKey:
    try:
        return parse_vkey(text)
    except Invalid as error:
        remedy = "It is the one line of the other node's /log/vkey."
        raise Invalid(error.rule, error.reason, where, remedy) from error


def _record(reader: Reader, said: str, where: str) -> str:
    """The pseudonym of a record of ownership that is named by its id or its name; "" of nothing."""
    if not said:
        return ""
    rows = reader.all("ownership_all")
    names = {row["record"]: owners.name_of(row) for row in rows if row["type"] == "entity"}
    exact = [row["record"] for row in rows if row["source"] == said]
    found = exact or [record for record, name in names.items() if name == said]
    if len(found) != 1:
        reason = f"{len(found) or 'No'} records of ownership are called {said!r}."
        raise Missing("ownership.record", reason, where, "State it first: evenhand exchange hold.")
    return str(found[0])


def _groups(reader: Reader, records: Sequence[str]) -> list[int]:
    """Control groups of partners, by what is stated now.

    Raises:
        Refused: nobody can tell who owns one of them.
    """
    if not any(records):
        return list(range(len(records)))
    graph = owners.graph_of(reader)
    for i, record in enumerate(records):
        if record in graph.opaque:
            reason = "Nobody can tell who owns it, so it might be under one control with any other."
            raise Refused("share.opaque", reason, f"partners[{i}].record", "State who its owners are.")
    return sharing.control_groups(records, lambda p, q: graph.relation(p, q).grade == 3)


def _newest_statement(reader: Reader) -> tuple[Place, ...]:
    """What the groups depend on."""
    rows = reader.all("ownership_all")
    return (Place("node", max(row["n"] for row in rows)),) if rows else ()


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


# ---- what both sides see --------------------------------------------------------------------------


def list_(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.Share]:
    """The shares of a project: at home all of them, at the partner the one that it is."""
    row = project_row(reader, actor, project, "share.read")
    rows = reader.all("shares_of_project", organization=row["organization"], project=project)
    return wire.Page(items=[_wire(one) for one in rows])


def get_letter(reader: Reader, actor: Actor, share: str, seq: int) -> wire.Letter:
    """A letter that was written and that the other node has not taken yet, as far as is known.

    Raises:
        Missing: there is none, or its text is gone: it was taken, or what it says was erased.
    """
    row = _share(reader, actor, share, "share.read")
    found = reader.one("letter_text", organization=row["organization"], share=share, seq=seq)
    if found is None:
        reason = f"The letter {seq} is not here: it was taken, erased, or never written."
        raise Missing("letter.gone", reason, "seq")
    return _file(row, found["text"], bytes(found["rows"]))


def _share(reader: Reader, actor: Actor, share: str, permission: str) -> Row:
    """The share's row where the actor may."""
    own = [row for row in reader.all("share_by_id", id=share) if actor.membership(row["organization"])]
    if not own:
        raise Missing("not-found", "There is no such share, or you may not see it.", share)
    able = [row for row in own if allows(actor, permission, row["organization"])] or own
    require(actor, permission, able[0]["organization"])
    return able[0]


def _share_locked(tx: Transaction, actor: Actor, share: str) -> Row:
    row = _share(tx, actor, share, "share.manage")
    tx.tuples("share_locked", organization=row["organization"], id=share)
    return _share(tx, actor, share, "share.manage")


def _wire(row: Row) -> wire.Share:
    return wire.Share(
        share_id=row["id"],
        project_id=row["project"],
        side=row["side"],
        name=row["name"],
        other=parse_vkey(row["vkey"]).name,
        plan=row["plan"],
        control=row["control"],
        stated=bool(row["record"]),
        tasks=row["tasks"],
        offered=row["offered"],
        delivered=row["delivered"],
        state=row["state"],
        until=when(row["until_ms"]) if row["until_ms"] else None,
        sent=row["sent"],
        acked=row["acked"],
        taken=row["taken"],
    )


def _file(row: Row, text: str, rows: bytes) -> wire.Letter:
    """A letter to be signed: the edge puts the signature between text and rows."""
    head = decode_json(text.split("\n")[1])
    name = f"{head['seq']:06}-{row['side']}-{head['act']}.letter"
    return wire.Letter(share_id=row["id"], name=name, content=f"{text}\n{rows.decode()}")


# ---- writing ---------------------------------------------------------------------------------------


def write(tx: Transaction, at: Moment, actor: Actor, share: str, wanted: wire.NewLetter) -> wire.Written:
    """Write the next letter of an act; none when there is nothing to say.

    `offer` gives the next slice out, `recall` takes back what is not delivered: the home node's.
    `deliver` brings answers that are done, `deleted` says that the tasks' data are erased: the partner's.
    """
    row = _share_locked(tx, actor, share)
    if (wanted.act in sharing.BY_HOME) != (row["side"] == "home"):
        side = "home node" if wanted.act in sharing.BY_HOME else "partner"
        raise Refused("share.side", f"This letter is the {side}'s to write.", "act")
    return _WRITERS[wanted.act](tx, at, row, wanted)


class _Saying(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter is to say."""

    act: Act
    slice: int = 0
    count: int = 0  # tasks that count
    rows: Sequence[bytes] = ()
    causes: tuple[Place, ...] = ()  # of its entry
    facts: dict[str, Any] = {}
    more: dict[str, Any] = {}  # of the head


def _say(tx: Transaction, at: Moment, row: Row, saying: _Saying) -> wire.Letter:
    """Put a letter into the chain, and log it."""
    rows = b"".join(one + b"\n" for one in saying.rows)
    head = Head(
        act=saying.act,
        at=at.ms,
        count=len(saying.rows),
        from_=tx.node.origin,
        prev=row["sent_last"],
        rows=sharing.rows_digest(rows),
        seen=row["taken"],
        seq=row["sent"],
        share=row["id"],
        slice=saying.slice,
        to=parse_vkey(row["vkey"]).name,
        **saying.more,
    )
    text = sharing.text_of(head)
    if len(text) + len(rows) > sharing.MOST_BYTES - 1000:
        raise Refused(
            "letter.size", "The letter would be too long to send.", "share", "Shorten the instructions."
        )
    event = _event(row, "sent", head, sharing.digest_of(text), saying.count, saying.facts)
    tx.append([msgspec.structs.replace(event, causes=saying.causes)], at)
    tx.run(
        "put_letter_text",
        organization=row["organization"],
        share=row["id"],
        seq=head.seq,
        project=row["project"],
        text=text,
        rows=rows,
    )
    return _file(row, text, rows)


def _event(
    row: Row, way: str, head: Head, digest: str, count: int, facts: dict[str, Any], late: bool = False
) -> ShareLetter:
    return ShareLetter(
        stream=row["project"] or row["organization"],
        owner=row["organization"],
        share=row["id"],
        way=way,
        seq=head.seq,
        act=head.act,
        slice=head.slice,
        count=count,
        late=int(late),
        letter=digest,
        facts=encode_json(facts),
    )


def _offer(tx: Transaction, at: Moment, row: Row, wanted: wire.NewLetter) -> wire.Written:
    if not 0 < wanted.hours <= MOST_HOURS:
        raise Invalid("share.hours", "An offer holds for an hour to a year.", "hours")
    keys = {"organization": row["organization"], "share": row["id"]}
    if row["state"] in ("declined", "recalled", "deleted"):
        return wire.Written(letter=None, count=0)
    ahead = tx.tuples("share_next_slice", **keys)
    if not ahead:
        return wire.Written(letter=None, count=0)
    slice_ = ahead[0][0]
    tasks = tx.all("share_slice", **keys, slice=slice_)
    _check_groups_now(tx, row, len(tasks))
    rows = _offered_rows(tx, row, tasks)
    until = at.ms + wanted.hours * HOUR
    place = Place(row["project"], tasks[0]["place"])
    saying = _Saying(
        act="offer",
        slice=slice_,
        count=len(tasks),
        rows=rows,
        causes=_newest_statement(tx),
        facts={"offered": [one["n"] for one in tasks], "until": until}
        | ({"state": "offered"} if row["state"] == "planned" else {}),
        more={"until": until, "token": row["sent"], "place": place, "root": _sliced(tx, place)[0]},
    )
    return wire.Written(letter=_say(tx, at, row, saying), count=len(tasks))


def _check_groups_now(tx: Transaction, row: Row, count: int) -> None:
    """By what is stated now about owners: no group gets more than the cap, and none has grown together."""
    shares = [
        one
        for one in tx.all("shares_of_project", organization=row["organization"], project=row["project"])
        if one["plan"] == row["plan"]
    ]
    groups = _groups(tx, [one["record"] for one in shares])
    mine = groups[[one["id"] for one in shares].index(row["id"])]
    same = [one for one, group in zip(shares, groups, strict=True) if group == mine]
    if len({one["control"] for one in same}) > 1:
        names = ", ".join(one["name"] for one in same)
        reason = f"Since the plan was drawn, {names} have come under one control: it would see a task twice."
        remedy = "Recall these shares, and share what is left out in a project of its own."
        raise Refused("share.merged", reason, "partners", remedy)


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
    saying = _Saying(act="recall", count=count, facts={"state": "recalled"})
    return wire.Written(letter=_say(tx, at, row, saying), count=count)


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
    saying = _Saying(
        act="deliver",
        slice=slice_,
        count=len(rows),
        rows=rows,
        facts={"delivered": [decode_json(one)["n"] for one in rows]},
        more={"token": tx.tuples("share_token", **keys, way="taken", slice=slice_)[0][0]},
    )
    return wire.Written(letter=_say(tx, at, row, saying), count=len(rows)) if rows else _NOTHING


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
    saying = _Saying(act="deleted", count=len(held), facts={"state": "deleted"})
    return wire.Written(letter=_say(tx, at, row, saying), count=len(held))


_WRITERS = {"offer": _offer, "recall": _recall, "deliver": _deliver, "deleted": _deleted}


# ---- taking ----------------------------------------------------------------------------------------


def take(tx: Transaction, at: Moment, actor: Actor, wanted: wire.TakenLetter) -> wire.Taken:
    """Take a letter of another node: check it, do what it says, and answer where an answer is due.

    The same letter again does nothing. Everything happens or nothing does.

    Raises:
        Invalid: it is no letter, was altered, or is not signed by the node that is expected.
        Refused: it is for another node, contradicts or skips what was taken, or may not say what it says.
    """
    letter = sharing.read_letter(wanted.content.encode())
    head = letter.head
    if head.to != tx.node.origin:
        reason = f"The letter is to {head.to}, and this node is {tx.node.origin}."
        raise Refused("letter.recipient", reason, "to", "Bring it to that node.")
    row = _row_for(tx, actor, letter, wanted)
    sharing.check_signature(letter, parse_vkey(row["vkey"]))
    if (head.act in sharing.BY_HOME) == (row["side"] == "home"):
        raise Refused("share.side", f"A letter {head.act!r} is not the other node's to write.", "act")
    if not sharing.is_new(head, letter.digest, _heard(tx, row, head), at.ms):
        return _taken(row, head, again=True)
    done = _TAKERS[head.act](tx, at, actor, row, letter, wanted)
    seen = {"organization": row["organization"], "share": row["id"], "seq": min(head.seen, row["sent"])}
    tx.run("drop_letters_taken", **seen)
    return done


def _row_for(tx: Transaction, actor: Actor, letter: Letter, wanted: wire.TakenLetter) -> Row:
    """The share that a letter is about; of a first offer, a row to be."""
    rows = [
        row
        for row in tx.all("share_by_id", id=letter.head.share)
        if actor.membership(row["organization"]) is not None
    ]
    if rows:
        return _share_locked(tx, actor, letter.head.share)
    if letter.head.act != "offer":
        reason = "This node knows no such share, so nobody can have asked it for this."
        raise Missing("share.unknown", reason, "share", "Take the offer first.")
    organization = organization_of(actor, "share.manage", wanted.organization_id, "organization_id")
    if not wanted.home:
        reason = (
            f"The offer is from {letter.head.from_}, which this node has not dealt with under this share."
        )
        remedy = "Get its key over another channel, and name it (--home, or a field `home`)."
        raise Invalid("share.home", reason, "home", remedy)
    fresh = {"organization": organization, "id": letter.head.share, "project": "", "side": "partner"}
    chains = {"sent": 0, "sent_last": "", "taken": 0, "taken_last": "", "acked": 0, "offered": 0}
    return {**fresh, **chains, "state": "", "vkey": str(_key(wanted.home, "home")), "delivered": 0}


def _heard(reader: Reader, row: Row, head: Head) -> Heard:
    keys = {"organization": row["organization"], "share": row["id"], "way": "taken", "seq": head.seq}
    same = reader.one("share_letter", **keys)
    return Heard(count=row["taken"], last=row["taken_last"], same=same["digest"] if same else "")


def _taken(row: Row, head: Head, again: bool = False, count: int = 0, **more: Any) -> wire.Taken:
    told: dict[str, Any] = {"late": False, "rejected": [], "letters": []} | more
    return wire.Taken(
        share_id=row["id"], act=head.act, again=again, count=count, project_id=row["project"], **told
    )


def _note(
    tx: Transaction,
    at: Moment,
    row: Row,
    letter: Letter,
    count: int,
    facts: dict[str, Any],
    late: bool = False,
) -> Row:
    """Log that a letter was taken; the share as it is then."""
    told = {"seen": min(letter.head.seen, row["sent"]), **facts}
    tx.append([_event(row, "taken", letter.head, letter.digest, count, told, late)], at)
    found = [one for one in tx.all("share_by_id", id=row["id"]) if one["organization"] == row["organization"]]
    return found[0]


# ---- taking, at the partner --------------------------------------------------------------------------


class _OfferedTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of an offer."""

    n: sharing.Number  # number of the task at home
    salt: str  # base64url
    data: dict[str, msgspec.Raw] | None = None  # None: it takes no answers any more


_offered_task = msgspec.json.Decoder(_OfferedTask).decode


def _take_offer(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    document, tasks = _read_offer(letter)
    if wanted.answer == "":
        reason = f"This is an offer of {len(tasks):,} tasks, until {when(letter.head.until)}."
        raise Refused("share.undecided", reason, "answer", "Accept or decline it.")
    if wanted.answer == "decline":
        return _decline(tx, at, row, letter, document, wanted.reason)
    if row["state"] in ("declined", "recalled", "deleted"):
        raise Refused("share.state", f"The share was {row['state']}.", "share", "Decline the offer.")
    new: dict[str, Any] = {}
    if not row["project"]:
        row = {**row, "project": projects.create_with(tx, at, row["organization"], document)}
        new = {"new": {"project": row["project"], "name": document.name, "vkey": row["vkey"]}}
    came = _import(tx, at, actor, row, tasks)
    facts = {**new, "came": came, "until": letter.head.until, "state": "accepted"}
    row = _note(tx, at, row, letter, len(came), facts)
    more = {"token": letter.head.token}
    answer = _say(tx, at, row, _Saying(act="accept", slice=letter.head.slice, count=len(came), more=more))
    return _taken(row, letter.head, count=len(came), letters=[answer])


def _read_offer(letter: Letter) -> tuple[Document, list[_OfferedTask]]:
    """The rules and the tasks of an offer, which are those that the home node has committed to in its log."""
    try:
        document = decode_document(bytes(_raw(letter.rows[0])["document"]))
        tasks = [_offered_task(row) for row in letter.rows[1:]]
    except (msgspec.DecodeError, LookupError, TypeError) as error:
        raise Invalid("share.offer", f"The offer cannot be read: {error}.", "rows", sharing.ASK) from error
    check_document(document, labels.all_types())
    if "\x00" in document.name or not 0 < letter.head.until <= letter.head.at + MOST_HOURS * HOUR:
        reason = "Its name cannot be stored, or it holds for longer than a year."
        raise Invalid("share.offer", reason, "until", "Decline the offer.")
    rows = [(unb64url(one.salt), b"%d" % one.n) for one in tasks]
    if b64url(bulk_root(letter.head.from_, ShareSliced.KIND, rows)) != letter.head.root:
        reason = "The tasks are not those that the plan gives to this share."
        raise Invalid(
            "share.root", reason, "root", "Keep the file: it shows what was signed. Decline the offer."
        )
    return document, tasks


_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _import(
    tx: Transaction, at: Moment, actor: Actor, row: Row, tasks: Sequence[_OfferedTask]
) -> list[tuple[int, int]]:
    """Make tasks of what was offered: (number at home, number here) of each."""
    project = tx.one("project", project=row["project"])
    assert project is not None, "it was just made"
    first = project["next_task"]
    kept = [one for one in tasks if one.data is not None]
    lines = b"\n".join(encode_json({"external_id": str(one.n), **(one.data or {})}) for one in kept)
    opened = intake.open_import(tx, at, actor, row["project"], wire.NewImport(name=f"share {row['id']}"))
    fields = tuple(
        field.name
        for field in form_of(tx, row["organization"], row["project"], project["version"]).document.fields
    )
    report = intake.take(tx, at, actor, opened.id, intake.read_lines(lines, 1, {}, fields) if kept else [])
    if report.rejected or report.accepted != len(kept):
        why = report.rejected[0].reason if report.rejected else "Some of the tasks are here already."
        raise Refused(
            "share.tasks-unfit", f"The offered tasks do not fit: {why}", "rows", "Decline the offer."
        )
    intake.finish(tx, at, actor, opened.id)
    return [(one.n, first + i) for i, one in enumerate(kept)]


def _decline(
    tx: Transaction, at: Moment, row: Row, letter: Letter, document: Document, reason: str
) -> wire.Taken:
    if row["state"] not in ("", "declined"):
        remedy = "Let it be recalled; or accept it and deliver what gets done."
        raise Refused("share.accepted", "An earlier offer of this share was accepted.", "answer", remedy)
    facts: dict[str, Any] = {"state": "declined"}
    if row["state"] == "":
        facts["new"] = {"project": "", "name": document.name, "vkey": row["vkey"]}
    row = _note(tx, at, row, letter, 0, facts)
    more = {"reason": reason[:1000], "token": letter.head.token}
    answer = _say(tx, at, row, _Saying(act="decline", slice=letter.head.slice, more=more))
    return _taken(row, letter.head, letters=[answer])


def _take_recall(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    row = _note(tx, at, row, letter, row["offered"] - row["delivered"], {"state": "recalled"})
    if row["project"]:
        projects.pause(tx, at, row["project"])
    return _taken(row, letter.head, count=row["offered"] - row["delivered"])


class _Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of an ack: an answer that was not taken."""

    n: sharing.Number  # number of the task at home
    why: str


_refusal = msgspec.json.Decoder(_Refusal).decode


def _take_ack(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    try:
        told = [_refusal(one) for one in letter.rows]
    except msgspec.DecodeError as error:
        raise Invalid("share.ack", f"An ack cannot be read: {error}.", "rows", sharing.ASK) from error
    keys = {"organization": row["organization"], "share": row["id"], "slice": letter.head.slice}
    delivered = {one["n"] for one in tx.all("share_slice", **keys) if one["state"] == "delivered"}
    refused = [one for one in told if one.n in delivered]
    facts = {"rejected": [one.n for one in refused], "undone": len(refused)}
    row = _note(tx, at, row, letter, len(refused), facts, letter.head.late)
    rejected = [wire.Rejected(line=one.n, path="", reason=one.why) for one in refused]
    return _taken(row, letter.head, count=len(refused), rejected=rejected, late=letter.head.late)


# ---- taking, at home ---------------------------------------------------------------------------------


def _take_accept(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    slice_ = _slice_offered(tx, row, letter)
    state = {"state": "accepted"} if row["state"] == "offered" else {}
    row = _note(tx, at, row, letter, len(slice_), state)
    return _taken(row, letter.head, count=len(slice_))


def _slice_offered(tx: Transaction, row: Row, letter: Letter) -> dict[int, str]:
    """Number -> state of the tasks of the slice that a letter answers.

    Raises:
        Refused: it was never offered, or the letter answers another offer of it.
    """
    keys = {"organization": row["organization"], "share": row["id"], "slice": letter.head.slice}
    token = tx.tuples("share_token", **keys, way="sent")[0][0]
    if token is None or token != letter.head.token:
        reason = (
            f"Slice {letter.head.slice} was not offered to {row['name']} by the letter {letter.head.token}."
        )
        raise Refused("share.token", reason, "token", "Nothing was taken. Keep the file: it is signed.")
    return {one["n"]: one["state"] for one in tx.all("share_slice", **keys)}


def _take_decline(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    _slice_offered(tx, row, letter)
    state = {"state": "declined"} if row["state"] == "offered" else {}
    return _taken(_note(tx, at, row, letter, 0, state), letter.head)


class _Delivered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a delivery."""

    n: sharing.Number
    annotator: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,100}\Z")]  # pseudonym at the partner
    kind: str
    answers: dict[str, Any]
    ms: int
    at: int  # by the partner's clock


_delivered = msgspec.json.Decoder(_Delivered).decode


def _take_delivery(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    """Answers become annotations that were brought, of the partner's annotators; after a recall none does."""
    slice_ = _slice_offered(tx, row, letter)
    given = _read_delivery(letter)
    foreign = sorted({one.n for one in given} - slice_.keys())
    if foreign:
        reason = (
            f"{len(foreign)} answers are to tasks that {row['name']} was never offered, such as {foreign[0]}."
        )
        raise Refused("share.foreign", reason, "rows", "Nothing was taken. Keep the file: it is signed.")
    recalled = row["state"] in ("recalled", "deleted")
    late = recalled or at.ms > row["until_ms"] + sharing.SKEW_MS
    refused: dict[int, str] = {}
    if recalled:
        refused = {one.n: "The share was recalled before." for one in given}
    else:
        refused = {one.n: "It was delivered before." for one in given if slice_[one.n] == "delivered"}
    fresh = [one for one in given if one.n not in refused]
    report = _bring(tx, at, row, fresh)
    refused |= {one.line: one.reason for one in report.rejected}
    kept = [one.n for one in fresh if one.n not in refused]
    row = _note(tx, at, row, letter, len(kept), {"delivered": kept}, late)
    rows = [encode_json({"n": n, "why": why}) for n, why in sorted(refused.items())]
    more = {"of": letter.head.seq, "late": late}
    ack = _say(
        tx, at, row, _Saying(act="ack", slice=letter.head.slice, count=len(kept), rows=rows, more=more)
    )
    rejected = [wire.Rejected(line=n, path="", reason=why) for n, why in sorted(refused.items())]
    return _taken(row, letter.head, count=len(kept), late=late, rejected=rejected, letters=[ack])


def _read_delivery(letter: Letter) -> list[_Delivered]:
    try:
        given = [_delivered(row) for row in letter.rows]
    except msgspec.DecodeError as error:
        raise Invalid("share.delivery", f"An answer cannot be read: {error}.", "rows", sharing.ASK) from error
    if len({one.n for one in given}) < len(given) or len(given) > MAX_ROWS:
        reason = f"A delivery has one answer of each task, and at most {MAX_ROWS:,}."
        raise Invalid("share.delivery", reason, "rows")
    return given


def _bring(tx: Transaction, at: Moment, row: Row, given: Sequence[_Delivered]) -> wire.BroughtReport:
    """Take answers as annotations of the partner's annotators. Their times are not after now."""
    origin = parse_vkey(row["vkey"]).name
    annotations = [
        wire.BroughtAnnotation(
            line=one.n,
            external_id=str(one.n),
            annotator=f"{origin}/{one.annotator}",
            name=f"{row['name']} {one.annotator[-6:]}",
            kind="model" if one.kind == "model" else "human",
            answers=one.answers,
            seconds=one.ms / 1000 if one.ms >= 0 else None,
            submitted_at=when(min(max(one.at, 0), at.ms)),
        )
        for one in given
    ]
    return brought.bring_from_partner(tx, at, row["project"], (origin, row["name"]), annotations)


def _take_deleted(
    tx: Transaction, at: Moment, actor: Actor, row: Row, letter: Letter, wanted: wire.TakenLetter
) -> wire.Taken:
    row = _note(tx, at, row, letter, row["offered"], {"state": "deleted"})
    return _taken(row, letter.head, count=row["offered"])


_TAKERS = {
    "offer": _take_offer,
    "recall": _take_recall,
    "ack": _take_ack,
    "accept": _take_accept,
    "decline": _take_decline,
    "deliver": _take_delivery,
    "deleted": _take_deleted,
}
