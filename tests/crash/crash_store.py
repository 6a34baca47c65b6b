"""Kills a writing process at every write, once before it and once after it, and looks at what is left.

Run as a program: ``crash_store.py URL ACKS``. Children are forked from this process, which has no
threads; each opens the store, does the story, and dies of SIGKILL at its point. Then another child
opens the store and checks that nothing acknowledged is lost and that tables and events agree.
Prints the number of points.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))

from world import World

from evenhand import labels, wire
from evenhand.doctor import examine
from evenhand.service import exports, projects, tasks, work
from evenhand.store import open_store, postgres, sqlite
from evenhand.store.conformance import ORIGIN

WHOLLY = 12  # every so many points the doctor looks at everything, which takes long; and at the end
WRITES = ("begin", "run", "many", "bulk", "savepoint", "release", "commit")


class Doomed:
    """A connection that dies at its n-th write: before it, or after it."""

    def __init__(self, db, point: int, after: bool) -> None:
        self._db, self._point, self._after, self._count = db, point, after, 0

    def __getattr__(self, name: str):
        method = getattr(self._db, name)
        return self._deadly(method) if name in WRITES else method

    def _deadly(self, method):
        def write(*args, **kwargs):
            self._count += 1
            if self._count == self._point and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = method(*args, **kwargs)
            if self._count == self._point and self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write


def story(url: str, acks: Path, run: int, point: int, after: bool) -> None:
    """Create, import, label, correct, skip, withdraw, change the rules; say on disk what was acknowledged."""
    world = World(url, begin=run == 0)
    world.store.writer = Doomed(world.store.writer, point, after)
    with acks.open("ab", buffering=0) as file:

        def acknowledge(**what: object) -> None:
            file.write(json.dumps(what).encode() + b"\n")
            os.fsync(file.fileno())

        project = world.project(tasks=0, overlap=1)
        acknowledge(project=project.id)
        report = world.bring_in(project.id, [{"text": f"{run} {n}"} for n in range(4)])
        acknowledge(project=project.id, tasks=report.accepted)
        a = world.people[1]
        mine = world.next(a, project_id=project.id, count=3).assignments
        for one in mine:
            acknowledge(assignment=one.id)
        done = world.submit(a, mine[0].id, {"spam": "ham"})
        acknowledge(assignment=mine[0].id, answers={"spam": "ham"}, revision=done.revision)
        done = world.submit(a, mine[0].id, {"spam": "spam"}, revision=1)
        acknowledge(assignment=mine[0].id, answers={"spam": "spam"}, revision=done.revision)
        world.call(work.skip, a, mine[1].id, wire.Skip(reason="x"))
        acknowledge(assignment=mine[1].id, state="skipped")
        world.call(
            tasks.act, world.owner, project.id, wire.TaskAction(action="withdraw", task_ids=[mine[2].task_id])
        )
        acknowledge(task=mine[2].task_id, status="withdrawn")
        world.call(projects.change, world.owner, project.id, wire.ProjectChange(version=1, overlap=2))
        acknowledge(project=project.id, version=2)
    os._exit(0)


def check(url: str, acks: Path, wholly: bool) -> None:
    """Everything acknowledged is there; `wholly`: and the tables are what the events make."""
    store = open_store(url)
    if wholly:
        report = examine(store, ORIGIN)
        assert report.healthy, (report.differences[:3], report.faults[:3])
    with store.read() as reader:
        for line in acks.read_bytes().splitlines()[0 if wholly else -12 :]:
            _check_one(reader, json.loads(line))
    store.close()
    os._exit(0)


def _check_one(reader, ack: dict) -> None:
    if "project" in ack:
        row = reader.one("project", project=ack["project"])
        assert row is not None, ack
        assert row["tasks"] + row["withdrawn"] >= ack.get("tasks", 0), ack
        assert row["version"] >= ack.get("version", 1), ack
    if "assignment" in ack:
        row = reader.one("assignment", id=ack["assignment"])
        assert row is not None, ack
        assert row["revision"] >= ack.get("revision", 0), ack
        assert row["state"] == ack.get("state", row["state"]), ack
        if ack.get("revision") == row["revision"]:
            body = reader.all("events_by_seq", seqs=[row["seq"]])[0]["body"]
            assert json.loads(exports.answers_of(body)) == ack["answers"], ack
    if "task" in ack:
        project, _, n = ack["task"].rpartition("-")
        row = reader.one("task", organization="org-a", project=project, n=int(n))
        assert row is not None and row["status"] == ack["status"], ack


def forked(function, *args) -> int:
    """Run it in a child; the child's wait status."""
    child = os.fork()
    if child == 0:
        try:
            function(*args)
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(3)
    return os.waitpid(child, 0)[1]


def main(url: str, acks: Path) -> None:
    acks.touch()
    for dialect in (sqlite, postgres):
        dialect.queries()  # once, before the children are forked
    labels.all_types()
    point, run = 0, 0
    while True:
        point += 1
        for after in (False, True):
            status = forked(story, url, acks, run, point, after)
            run += 1
            assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the story failed at point {point}"
            ended = not os.WIFSIGNALED(status)
            if forked(check, url, acks, ended or point % WHOLLY == 0) != 0:
                raise SystemExit(f"point {point}, {'after' if after else 'before'} the write")
        if not os.WIFSIGNALED(status):
            print(point - 1)
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
