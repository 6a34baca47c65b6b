"""Calls backends: when one is connected, when an annotator asks, and task by task for a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core.errors import EvenhandError
from evenhand.http.call import Call
from evenhand.http.problems import decoded
from evenhand.lane import now_ms
from evenhand.node import Node
from evenhand.peers.label_studio_ml import Backend, Predicted, Translation, data_for
from evenhand.service import backends
from evenhand.service.backends import Question, Task, Turn
from evenhand.service.view import task_id
from evenhand.threads import Loop

TURN = 0.5  # seconds between two looks

_new_backend = msgspec.json.Decoder(wire.NewBackend).decode
_asked = msgspec.json.Decoder(wire.AskBackend).decode


async def connect(call: Call) -> wire.Backend:
    """POST /projects/{project}/backends. It is called first: what does not answer is not kept."""
    request = decoded(_new_backend, await call.body())
    actor, project, node = call.signed_in.actor, call.params[0], call.app.node
    with node.store.read() as reader:
        told = backends.asking(reader, actor, project, request)
    backend = Backend(node.door, request.url, request.login)
    version = await call.outside(
        told.organization, backend.check, told.name, told.config, call.base_url, request.access_token
    )
    made: wire.Backend = await node.lane.write(backends.connect, actor, project, request, version)
    return made


async def ask(call: Call) -> wire.BackendSays:
    """POST /assignments/{assignment}/ask: what the model says of a task in the middle of it."""
    request = decoded(_asked, await call.body())
    node = call.app.node
    with node.store.read() as reader:
        question = backends.ask(reader, call.signed_in.actor, call.params[0], request)
    said = await call.outside(question.organization, _answer, node, question, call.base_url)
    return wire.BackendSays(title=question.title, answers=said.answers)


def _answer(node: Node, question: Question, base: str) -> Predicted:
    tasks = [_task(question.task_id, question.data, base)]
    backend = Backend(node.door, question.url, question.login)
    results, version = backend.predict(question.name, question.translation.config, tasks, question.context)
    return question.translation.predicted(results[0], question.data, version)


def _task(id_: str, data: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A task as backends read it; media as addresses that an API key opens."""
    return {"id": id_, "data": data_for(data, lambda name: f"{base}/api/v1/tasks/{id_}/media/{name}")}


class Predictor:
    """A thread beside the requests. `start` it in the process that leads, `stop` it before the lane."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._loop = Loop("predictor", lambda: 0.0 if self.turn() else TURN, TURN)

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    def stop(self) -> None:
        """End after the call that is on its way."""
        self._loop.stop()

    def turn(self) -> bool:
        """Ask each backend that has a job about its next tasks; whether there was one."""
        with self._node.store.read() as reader:
            turns = backends.turns(reader, now_ms())
        for turn in turns:
            self._one(turn)
        return bool(turns)

    def _one(self, turn: Turn) -> None:
        try:
            version, found = self._ask(turn)
        except EvenhandError as error:
            self._node.lane.call(backends.failed, turn, error)
            return
        self._node.lane.call(backends.predicted, turn, version, found)

    def _ask(self, turn: Turn) -> tuple[str, Sequence[Predicted]]:
        row, told, config = turn.backend, turn.translation, self._node.config
        base = config.public_url or f"http://{config.host}:{config.port}"
        backend = Backend(self._node.door, row["url"], row["login"])
        version = row["version"]
        if turn.is_first:
            return backend.check(turn.name, told.config, base, row["token"]), []
        if not turn.tasks:
            return version, []
        tasks = [_task(task_id(row["project"], task.n), task.data, base) for task in turn.tasks]
        results, _ = backend.predict(turn.name, told.config, tasks)
        return version, _read(told, results, turn.tasks, version)


def _read(told: Translation, results: Sequence[Any], tasks: Sequence[Task], version: str) -> list[Predicted]:
    return [told.predicted(raw, task.data, version) for raw, task in zip(results, tasks, strict=True)]
