"""What is told to other programs: webhooks for events, callbacks of Scale's API, and every try to deliver.

A message says what happened and to what, and holds no data: whoever takes it asks for the rest with a key.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import events as ev
from evenhand.core.canonical import decode_entry
from evenhand.core.delivery import next_try
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import Event, Moment
from evenhand.core.policy import Actor, require
from evenhand.service.ids import new_id
from evenhand.service.paging import NEWEST, next_time, read_time
from evenhand.service.view import decode_json, encode_json, organization_of, project_row, task_id, when
from evenhand.store import Reader, Transaction
from evenhand.store.codec import Placed, decode

KINDS: dict[type[Event], str] = {
    ev.ProjectCreated: "project.created",
    ev.ProjectVersioned: "project.changed",
    ev.ProjectStateChanged: "project.state",
    ev.TasksImported: "task.imported",
    ev.TasksChanged: "task.changed",
    ev.TaskCorrected: "task.corrected",
    ev.Flagged: "task.flagged",
    ev.Submitted: "task.completed",
    ev.Released: "project.exported",
}
"""Kind of event -> kind of message. Of submissions only the one that completes a task is told."""

NAMES = {kind.KIND: kind for kind in KINDS}
SECRET = "whsec_"  # as the Standard Webhooks specification writes them
WINDOW = 5_000  # seqs that one step reads
KEPT_MS = 30 * 86_400_000  # how long finished deliveries are shown
CALLBACK, BATCH_CALLBACK = "scale.task", "scale.batch"


# ---- webhooks ----------------------------------------------------------------------------------


def create(tx: Transaction, at: Moment, actor: Actor, new: wire.NewWebhook) -> wire.CreatedWebhook:
    """Tell this address what happens from now on. The secret is shown this once."""
    home = organization_of(actor, "webhook.manage", new.organization_id)
    if (
        new.project_id is not None
        and project_row(tx, actor, new.project_id, "project.read")["organization"] != home
    ):
        raise Invalid("webhook.project", "The project belongs to another organization.", "project_id")
    unknown = set(new.kinds) - set(KINDS.values())
    if unknown:
        known = ", ".join(sorted(set(KINDS.values())))
        raise Invalid("webhook.kind", f"There is no kind {min(unknown)!r}.", "kinds", f"Take of: {known}.")
    id_, secret = new_id("hook"), SECRET + base64.b64encode(secrets.token_bytes(32)).decode()
    keys = {"organization": home, "id": id_, "url": new.url, "secret": secret}
    project = new.project_id or ""
    tx.run("put_webhook", **keys, kinds=encode_json(new.kinds), project=project, at=at.ms)
    tx.run("put_watch", organization=home)
    return wire.CreatedWebhook(**msgspec.structs.asdict(_webhook(_row(tx, actor, id_))), secret=secret)


def _row(reader: Reader, actor: Actor, id_: str) -> dict[str, Any]:
    row = reader.one("webhook", id=id_)
    if row is None:
        raise Missing("not-found", "There is no such webhook, or you may not see it.", id_)
    require(actor, "webhook.manage", row["organization"])
    return row


def _webhook(row: dict[str, Any]) -> wire.Webhook:
    return wire.Webhook(
        id=row["id"],
        url=row["url"],
        kinds=decode_json(row["kinds"]),
        project_id=row["project"] or None,
        paused=bool(row["paused"]),
        created_at=when(row["created_ms"]),
    )


def list_(reader: Reader, actor: Actor, organization: str | None = None) -> wire.Page[wire.Webhook]:
    """The webhooks of an organization, oldest first."""
    home = organization_of(actor, "webhook.read", organization)
    rows = reader.all("webhooks", organizations=[home])
    return wire.Page(items=[_webhook(row) for row in rows])


def change(
    tx: Transaction, at: Moment, actor: Actor, webhook: str, wanted: wire.WebhookChange
) -> wire.Webhook:
    """Pause a webhook, or let it go on. What is to be told meanwhile is held, and sent when it goes on."""
    row = _row(tx, actor, webhook)
    keys = {"organization": row["organization"], "webhook": webhook}
    tx.run("pause_webhook", organization=row["organization"], id=webhook, paused=int(wanted.paused))
    if wanted.paused:
        tx.run("hold_deliveries", **keys)
    else:
        tx.run("free_deliveries", **keys, at=at.ms)
    return _webhook({**row, "paused": wanted.paused})


def delete(tx: Transaction, at: Moment, actor: Actor, webhook: str) -> None:
    """Tell that address nothing more. What waits for it is given up at its next try."""
    row = _row(tx, actor, webhook)
    tx.run("delete_webhook", organization=row["organization"], id=webhook)
    tx.run("free_deliveries", organization=row["organization"], webhook=webhook, at=at.ms)


# ---- deliveries --------------------------------------------------------------------------------


def deliveries(
    reader: Reader,
    actor: Actor,
    state: str | None = None,
    organization: str | None = None,
    webhook: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> wire.Page[wire.Delivery]:
    """What was sent or waits, newest first, callbacks of Scale's API included; or of one webhook."""
    home = organization_of(actor, "webhook.read", organization)
    before_ms, before_id = read_time(after, NEWEST)
    given = {"state": state or "", "before_ms": before_ms, "before_id": before_id, "limit": limit}
    if webhook is None:
        rows = reader.all("deliveries", organizations=[home], **given)
    else:
        rows = reader.all("deliveries_of", organizations=[home], webhook=webhook, **given)
    return wire.Page(items=[_delivery(row) for row in rows], next=next_time(rows, limit))


def delivery(reader: Reader, actor: Actor, delivery: str) -> wire.DeliveryDetail:
    """One message, with what is sent and what was answered."""
    row = _delivery_row(reader, actor, delivery, "webhook.read")
    shown = msgspec.structs.asdict(_delivery(row))
    return wire.DeliveryDetail(**shown, body=row["body"].decode() or None, answer=row["answer"])


def _delivery_row(reader: Reader, actor: Actor, delivery: str, permission: str) -> dict[str, Any]:
    row = reader.one("delivery", id=delivery)
    if row is None:
        raise Missing("not-found", "There is no such delivery, or you may not see it.", delivery)
    require(actor, permission, row["organization"])
    return row


def replay(tx: Transaction, at: Moment, actor: Actor, delivery: str) -> wire.Delivery:
    """Send it once more, now. Its id stays, so that whoever had it already can tell.

    Raises:
        Refused: its webhook is paused.
    """
    row = _delivery_row(tx, actor, delivery, "webhook.manage")
    if _is_paused(tx, row["webhook"]):
        raise Refused("webhook.paused", "The webhook is paused.", row["webhook"], "Let it go on first.")
    tx.run("replay_delivery", organization=row["organization"], id=delivery, at=at.ms)
    return _delivery({**row, "state": "waiting", "tries": 0, "next_ms": at.ms})


def _is_paused(reader: Reader, webhook: str) -> bool:
    hook = reader.one("webhook", id=webhook) if webhook else None
    return hook is not None and bool(hook["paused"])


def _delivery(row: dict[str, Any]) -> wire.Delivery:
    return wire.Delivery(
        id=row["id"],
        webhook_id=row["webhook"] or None,
        kind=row["kind"],
        url=row["url"],
        subject=row["subject"] or None,
        state=row["state"],
        tries=row["tries"],
        status=row["status"] or None,
        reason=row["reason"],
        next_at=when(row["next_ms"]) if row["state"] == "waiting" else None,
        created_at=when(row["created_ms"]),
    )


def enqueue(
    tx: Transaction,
    at: Moment,
    organization: str,
    kind: str,
    url: str,
    subject: str,
    webhook: str = "",
    body: bytes = b"",
    held: bool = False,
) -> None:
    """Let a message be delivered, or held until its webhook goes on."""
    keys = {"organization": organization, "id": new_id("msg"), "webhook": webhook, "kind": kind}
    state = "held" if held else "waiting"
    tx.run("put_delivery", **keys, url=url, subject=subject, body=body, state=state, at=at.ms)


# ---- from events to messages -------------------------------------------------------------------


def behind(reader: Reader) -> bool:
    """Whether somebody has not heard of everything yet."""
    return bool(reader.tuples("watches"))


Heard = Callable[[Transaction, Moment, str, Event], None]


def gather(tx: Transaction, at: Moment, heard: Heard | None = None) -> None:
    """Make messages of the next events, once each: the place that was read to moves in the same commit.

    Args:
        heard: is told of each of these events too, with the organization whose project it is about.
    """
    tx.run("delete_deliveries", before=at.ms - KEPT_MS)
    for organization, seq, newest in tx.tuples("watches"):
        upto = min(newest, seq + WINDOW)
        hooks = tx.all("webhooks", organizations=[organization])
        for row in tx.all("watched_events", organization=organization, after=seq, upto=upto):
            header = decode_entry(row["entry"])
            if header.kind in NAMES:
                placed = decode(row["seq"], row["entry"], row["body"], row["owner"])
                if heard is not None:
                    heard(tx, at, organization, placed.event)
                _tell(tx, at, organization, hooks, placed, header.public)
        tx.run("set_watch", organization=organization, seq=upto)


def _tell(
    tx: Transaction,
    at: Moment,
    organization: str,
    hooks: list[dict[str, Any]],
    placed: Placed,
    public: dict[str, Any],
) -> None:
    event = placed.event
    if isinstance(event, ev.Submitted):
        if not event.completes:
            return
        _call_back(tx, at, organization, event.project, event.task)
    elif isinstance(event, ev.TaskCorrected):
        _call_back(tx, at, organization, event.stream, int(event.task))
    kind, what = KINDS[type(event)], _what(event, public)
    for hook in hooks:
        kinds = decode_json(hook["kinds"])
        if (not kinds or kind in kinds) and hook["project"] in ("", what["project_id"]):
            message = {"kind": kind, "at": when(placed.ms), "organization_id": organization, **what}
            body, held = encode_json(message), bool(hook["paused"])
            enqueue(tx, at, organization, kind, hook["url"], "", hook["id"], body, held)


def _what(event: Event, public: dict[str, Any]) -> dict[str, Any]:
    """What a message says beyond its kind: ids, counts and states."""
    match event:
        case ev.Submitted() | ev.Flagged():
            return {"project_id": event.project, "task_id": task_id(event.project, event.task)}
        case ev.TaskCorrected():
            return {"project_id": event.stream, "task_id": task_id(event.stream, int(event.task))}
        case ev.TasksImported():
            return {"project_id": event.stream, "first": event.first, "count": public["count"]}
        case ev.TasksChanged():
            return {"project_id": event.stream, "action": event.action, "count": public["count"]}
        case ev.ProjectVersioned():
            return {"project_id": event.stream, "version": event.version}
        case ev.ProjectStateChanged():
            return {"project_id": event.stream, "state": event.state}
    return {"project_id": event.stream}


def _call_back(tx: Transaction, at: Moment, organization: str, project: str, task: int) -> None:
    """The callbacks that a task of Scale's API and its batch asked for."""
    for row in tx.all("scale_callbacks", organization=organization, project=project, tasks=[task]):
        if row["callback"]:
            enqueue(tx, at, organization, CALLBACK, row["callback"], row["id"])
        if row["batch"]:
            _call_back_batch(tx, at, organization, row["batch"])


def _call_back_batch(tx: Transaction, at: Moment, organization: str, name: str) -> None:
    keys = {"organization": organization, "test": 0}
    batch = tx.one("scale_batch", **keys, name=name)
    if batch is None or not batch["callback"] or batch["called"]:
        return
    open_ = [row for row in tx.tuples("scale_batch_counts", **keys, names=[name]) if row[1] == "pending"]
    if not open_ and tx.changed("call_scale_batch", organization=organization, name=name):
        enqueue(tx, at, organization, BATCH_CALLBACK, batch["callback"], name)


# ---- delivering --------------------------------------------------------------------------------


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be sent now."""

    organization: str
    id: str
    webhook: str
    kind: str
    url: str
    subject: str
    body: bytes
    tries: int
    next_ms: int  # since when it is due; another one when it was replayed meanwhile
    secret: str  # of the webhook, or the value of callbacks; "" where the webhook is gone


def due(reader: Reader, now: int) -> list[Due]:
    """Some messages of each organization whose time has come."""
    found = []
    for (organization,) in reader.tuples("due_organizations", now=now):
        found += _due_of(reader, organization, now)
    return found


def _due_of(reader: Reader, organization: str, now: int) -> list[Due]:
    found = []
    for row in reader.all("due_deliveries", organization=organization, now=now):
        if row["webhook"]:
            hook = reader.one("webhook", id=row["webhook"])
            secret = hook["secret"] if hook else ""
        else:
            kept = reader.one("scale_secret", organization=row["organization"])
            secret = kept["value"] if kept else ""
        found.append(Due(**row, secret=secret))
    return found


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """How one try ended."""

    due: Due
    status: int = 0  # 0: no answer
    reason: str = ""
    answer: str = ""  # its first characters
    final: bool = False  # trying again is of no use

    @property
    def taken(self) -> bool:
        """Whether the other side said that it has it."""
        return 200 <= self.status < 300


def tried(tx: Transaction, at: Moment, outcomes: list[Tried]) -> None:
    """Note how these tries ended, and when to send again what was not taken."""
    for outcome in outcomes:
        message, tries = outcome.due, outcome.due.tries + 1
        again = None if outcome.taken or outcome.final else next_try(tries, at.ms)
        state = "taken" if outcome.taken else "given_up" if again is None else "waiting"
        if state == "waiting" and _is_paused(tx, message.webhook):  # meanwhile
            state = "held"
        keys = {"organization": message.organization, "id": message.id, "since": message.next_ms}
        reason = outcome.reason[:500]
        tx.run(
            "set_delivery",
            **keys,
            state=state,
            tries=tries,
            status=outcome.status,
            reason=reason,
            answer=outcome.answer,
            next_ms=again or 0,
        )
        if message.kind == CALLBACK and state in ("taken", "given_up"):
            called = 1 if outcome.taken else 2
            tx.run("set_scale_called", organization=message.organization, id=message.subject, called=called)


# ---- the value of callbacks --------------------------------------------------------------------


def callback_key(reader: Reader, actor: Actor, organization: str | None = None) -> wire.CallbackKey:
    """What callbacks of Scale's API carry as `scale-callback-auth`; empty until it is set."""
    home = organization_of(actor, "webhook.manage", organization)
    row = reader.one("scale_secret", organization=home)
    return wire.CallbackKey(value=row["value"] if row else "")


def set_callback_key(
    tx: Transaction, at: Moment, actor: Actor, new: wire.CallbackKey, organization: str | None = None
) -> wire.CallbackKey:
    """Another one, such as the one that your programs know from Scale."""
    home = organization_of(actor, "webhook.manage", organization)
    if not (new.value.isascii() and new.value.isprintable() and 8 <= len(new.value) <= 500):
        raise Invalid(
            "webhook.key", "The value is 8 to 500 printable ASCII characters.", "value", "Send such a text."
        )
    tx.run("put_scale_secret", organization=home, value=new.value)
    return new
