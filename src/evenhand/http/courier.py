"""Carries messages out: makes them of events, and sends what is due, in the one process that sequences."""

from __future__ import annotations

import base64
import time

import msgspec

from evenhand import wire
from evenhand.core.delivery import sign
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.core.policy import Actor, Membership
from evenhand.http.call import Call
from evenhand.http.problems import decoded
from evenhand.http.scale import shapes
from evenhand.lane import now_ms
from evenhand.node import Node, log
from evenhand.service import backends, webhooks
from evenhand.service.scale import Account, projects, tasks
from evenhand.service.view import organization_of
from evenhand.service.webhooks import BATCH_CALLBACK, CALLBACK, SECRET, Due, Tried
from evenhand.store import Reader
from evenhand.threads import Loop, Turns

TURN = 0.5  # seconds between two looks
AT_ONCE, EACH = 16, 4  # messages on their way; of one organization at most

_new_webhook = msgspec.json.Decoder(wire.NewWebhook).decode


async def create(call: Call) -> wire.CreatedWebhook:
    """POST /webhooks. The address is looked at first, beside the lane: its name may take long to look up."""
    request = decoded(_new_webhook, await call.body())
    actor = call.signed_in.actor
    home = organization_of(actor, "webhook.manage", request.organization_id)
    await call.outside(home, call.app.node.door.check, request.url)
    made: wire.CreatedWebhook = await call.app.node.lane.write(webhooks.create, actor, request)
    return made


class Courier:
    """A thread beside the requests. `start` it in the process that leads, `stop` it before the lane."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._turns = Turns(AT_ONCE, EACH, "evenhand-courier")
        self._away: set[str] = set()  # ids of messages that are on their way
        self._loop = Loop("courier", self._look, TURN)

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    def stop(self) -> None:
        """End after what is on its way."""
        self._loop.stop()
        self._turns.shutdown()

    def _look(self) -> float:
        self.turn()
        return TURN

    def turn(self) -> None:
        """Make messages of what is new, and let go what is due.

        Nothing here waits for an answer: one that does not come holds up its organization and nobody else.
        """
        with self._node.store.read() as reader:
            behind, due = webhooks.behind(reader), webhooks.due(reader, now_ms())
        if behind:
            self._node.lane.call(webhooks.gather, backends.heard)
        for one in due:
            if one.id not in self._away:
                self._away.add(one.id)
                self._turns.submit(one.organization, self._deliver, one)

    def _deliver(self, due: Due) -> None:
        try:
            self._node.lane.call(webhooks.tried, [self._send(due)])
        except EvenhandError as error:
            log.warning("courier: %s", error)
        except Exception:
            log.exception("the courier failed")
        finally:
            self._away.discard(due.id)

    def _send(self, due: Due) -> Tried:
        try:
            headers, body = self._message(due)
            answer = self._node.door.send("POST", due.url, headers, body, keep=500)
        except EvenhandError as error:
            return Tried(due=due, reason=str(error), final=isinstance(error, Invalid))
        return Tried(
            due=due,
            status=answer.status,
            reason="" if 200 <= answer.status < 300 else f"HTTP {answer.status}",
            answer=answer.body.decode("utf-8", "replace").replace("\0", ""),
        )

    def _message(self, due: Due) -> tuple[dict[str, str], bytes]:
        plain = {"content-type": "application/json"}
        if due.kind in (backends.EVENT, backends.TRAIN):
            with self._node.store.read() as reader:
                return plain | backends.login_of(reader, due.subject), due.body
        if not due.webhook:
            with self._node.store.read() as reader:
                return {**plain, "scale-callback-auth": due.secret}, callback(reader, due)
        if not due.secret:
            raise Invalid("webhook.gone", "The webhook was deleted.", due.webhook, "")
        second = int(time.time())
        secret = base64.b64decode(due.secret.removeprefix(SECRET))
        signed = {
            "webhook-id": due.id,
            "webhook-timestamp": str(second),
            "webhook-signature": sign(secret, due.id, second, due.body),
        }
        return {**plain, **signed}, due.body


def callback(reader: Reader, due: Due) -> bytes:
    """The body of a callback of Scale's API, as things stand when it is sent."""
    owner = Membership(organization=due.organization, member="", role="manager")
    actor = Actor(person="", name="courier", memberships=(owner,))
    if due.kind == BATCH_CALLBACK:
        found = projects.get_batch(reader, actor, Account(due.organization), due.subject)
        return msgspec.json.encode({"batch": shapes.batch(found)})
    assert due.kind == CALLBACK, "there are two kinds"
    account = Account(due.organization)
    if tasks.is_test(reader, account, due.subject):
        account = Account(due.organization, True)
    task = shapes.task(tasks.get(reader, actor, account, due.subject))
    body = {
        "task_id": task["task_id"],
        "status": task["status"],
        "response": task.get("response", {}),
        "task": task,
    }
    return msgspec.json.encode(body)
