"""The ceiling: one bare Starlette process that does the same two durable statements, grouped in the same way.

No sign-in, no checks, no ledger: what is left is HTTP, JSON, the driver and the commit. Run as
``python -m bench.ceiling URL PORT``.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
from typing import Any

import msgspec
import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TASKS = 200_000
PATIENCE = 0.005  # as in evenhand.lane
SCHEMA = (
    "CREATE TABLE task (id BIGINT PRIMARY KEY, data TEXT NOT NULL, leased BIGINT NOT NULL)",
    "CREATE TABLE annotation (id BIGINT PRIMARY KEY, task BIGINT NOT NULL, answers TEXT NOT NULL)",
)


class Sqlite:
    """The writer's side on SQLite: WAL, synchronous=FULL."""

    def __init__(self, url: str) -> None:
        self.db = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
        )
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        for statement in SCHEMA:
            self.db.execute(statement)
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO task VALUES (?, ?, 0)", ((n, f"message {n}") for n in range(TASKS)))
        self.db.execute("COMMIT")

    def group(self, leases: list[int], answers: list[tuple[int, int, str]]) -> dict[int, str]:
        self.db.execute("BEGIN IMMEDIATE")
        found = {}
        for id_ in leases:
            sql = "UPDATE task SET leased = leased + 1 WHERE id = ? RETURNING id, data"
            found.update(self.db.execute(sql, (id_,)).fetchall())
        if answers:
            self.db.executemany("INSERT INTO annotation VALUES (?, ?, ?)", answers)
        self.db.execute("COMMIT")
        return found


class Postgres:
    """The same on PostgreSQL: one transaction for the group, arrays for its rows."""

    def __init__(self, url: str) -> None:
        self.db = psycopg.connect(url, autocommit=True)
        for statement in SCHEMA:
            self.db.execute(statement)
        with self.db.cursor().copy("COPY task FROM STDIN") as copy:
            for n in range(TASKS):
                copy.write_row((n, f"message {n}", 0))
        self.cursor = self.db.cursor()

    def group(self, leases: list[int], answers: list[tuple[int, int, str]]) -> dict[int, str]:
        found: dict[int, str] = {}
        with self.db.transaction():
            if leases:
                sql = "UPDATE task SET leased = leased + 1 WHERE id = ANY(%s) RETURNING id, data"
                found = dict(self.cursor.execute(sql, (leases,)).fetchall())
            if answers:
                columns = [list(column) for column in zip(*answers, strict=True)]
                sql = "INSERT INTO annotation SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])"
                self.cursor.execute(sql, columns)
        return found


class Lane:
    """Takes whatever waits and commits it together, as Evenhand's lane does."""

    def __init__(self, store: Sqlite | Postgres) -> None:
        self.store = store
        self.queue: queue.SimpleQueue[tuple[int, int, str, Any, Any]] = queue.SimpleQueue()
        self.wanted = 0
        self.enough = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    async def put(self, task: int, annotation: int = -1, answers: str = "") -> Any:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.queue.put((task, annotation, answers, future, loop))
        if not self.enough.is_set() and self.queue.qsize() >= self.wanted:
            self.enough.set()
        return await future

    def run(self) -> None:
        about = 1
        while True:
            items = [self.queue.get()]
            self.enough.clear()
            self.wanted = about - 1
            if self.queue.qsize() < self.wanted:
                self.enough.wait(PATIENCE)
            while len(items) < 512:
                try:
                    items.append(self.queue.get_nowait())
                except queue.Empty:
                    break
            leases = [item[0] for item in items if item[1] < 0]
            found = self.store.group(leases, [(item[1], item[0], item[2]) for item in items if item[1] >= 0])
            about = len(items) + self.queue.qsize()
            items[0][4].call_soon_threadsafe(self.wake, items, found)

    def wake(self, items: list[Any], found: dict[int, str]) -> None:
        for task, _, _, future, _ in items:
            if not future.done():
                future.set_result(found.get(task))


def app(url: str) -> Starlette:
    lane = Lane(Sqlite(url) if url.startswith("sqlite") else Postgres(url))
    last = {"task": -1, "annotation": -1}

    async def next_(request: Request) -> Response:
        last["task"] = (last["task"] + 1) % TASKS
        task = last["task"]
        data = await lane.put(task)
        return Response(msgspec.json.encode({"task": task, "data": data}), media_type="application/json")

    async def submit(request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        last["annotation"] += 1
        await lane.put(body["task"], last["annotation"], msgspec.json.encode(body["answers"]).decode())
        return Response(b'{"ok":true}', media_type="application/json")

    return Starlette(
        routes=[Route("/next", next_, methods=["POST"]), Route("/submit", submit, methods=["POST"])]
    )


if __name__ == "__main__":
    uvicorn.run(
        app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False
    )
