"""Quality at a million: its figures as a job, and consensus after a submit: `python -m bench quality`.

The tasks come in as they always do. The answers are written straight into the tables that the job reads,
since a million submissions would take longer than what is measured.
"""

from __future__ import annotations

import random
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from evenhand import wire
from evenhand.core.events import NodeOpened
from evenhand.core.policy import Actor, Membership
from evenhand.lane import Lane
from evenhand.service import adaptive, intake, projects, quality
from evenhand.service.consensus import outcomes
from evenhand.store import Transaction, open_store
from evenhand.store.conformance import FakeNode, organization

TASKS, EACH, PEOPLE, CLASSES = 200_000, 5, 500, 3
OWNER = Actor(
    person="ann-o",
    name="O",
    memberships=(Membership(organization="org-a", member="mem-o", role="owner"),),
)
CHOICES = [f"class {n}" for n in range(CLASSES)]

Say = Callable[[str], None]


def table(say: Say) -> None:
    """How long the job takes, and how much memory it needs at most."""
    say("\n## Figures of quality, a project with one question\n")
    say("| answers | tasks | annotators | seconds | memory growth MiB |\n|" + " --- |" * 5)
    with tempfile.TemporaryDirectory(prefix="evenhand-bench-") as folder:
        file = Path(folder) / "evenhand.db"
        store = open_store(f"sqlite:///{file}")
        lane = Lane(store, FakeNode())
        try:
            project = _project(lane)
            _answers(file, project)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            lane.call(quality.start, OWNER, project)
            start = time.perf_counter()
            quality.run(lane, project)
            seconds = time.perf_counter() - start
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            with store.read() as reader:
                found = quality.get(reader, OWNER, project)
        finally:
            lane.stop()
            store.close()
    (figures,) = found.questions
    say(f"| {figures.labels:,} | {figures.tasks:,} | {len(figures.skills)} | {seconds:.0f} | {grown:.0f} |")


MILLION, TIMED = 1_000_000, 2_000


def consensus(say: Say) -> None:
    """What one task comes to after a submit where all answers are weighed, and what weighing them takes."""
    say("\n## Consensus after a submit, where answers are weighed\n")
    say("| tasks | answers | annotators | weighing s | a task, CPU ms: median | 99% |\n|" + " --- |" * 6)
    with tempfile.TemporaryDirectory(prefix="evenhand-bench-") as folder:
        file = Path(folder) / "evenhand.db"
        store = open_store(f"sqlite:///{file}")
        lane = Lane(store, FakeNode())
        try:
            project = _project(lane, MILLION, 3, wire.AdaptivePolicy(least=2))
            _answers(file, project, MILLION, 2)
            start = time.perf_counter()
            adaptive.weigh(lane, project)
            seconds = time.perf_counter() - start
            spent = lane.call(_concluded, project)
        finally:
            lane.stop()
            store.close()
    high = sorted(spent)[round(0.99 * len(spent))]
    middle = statistics.median(spent)
    say(f"| {MILLION:,} | {2 * MILLION:,} | {PEOPLE} | {seconds:.0f} | {middle:.2f} | {high:.2f} |")


def _concluded(tx: Transaction, at: object, project: str) -> list[float]:
    """CPU ms of each of some tasks, the reading of its answers included."""
    dice, spent = random.Random(0), []
    outcomes(tx, "org-a", project, {1: None})  # loads the weights once, as a process does
    for _ in range(TIMED):
        start = time.process_time()
        (found,) = outcomes(tx, "org-a", project, {dice.randrange(MILLION) + 1: None})[2]
        spent.append(1000 * (time.process_time() - start))
        assert found[1]["what"]["method"] == "robust"
    return spent


def _project(
    lane: Lane, tasks: int = TASKS, overlap: int = EACH, policy: wire.AdaptivePolicy | None = None
) -> str:
    lane.call(
        lambda tx, at: tx.append([NodeOpened(stream="node", software="bench"), *organization("org-a")], at)
    )
    draft = wire.ProjectDraft(
        name="Bench",
        fields=[wire.FieldDraft(name="text")],
        questions=[{"name": "what", "type": "choice", "choices": CHOICES}],
        overlap=overlap,
        adaptive=policy,
    )
    project = lane.call(projects.create, OWNER, draft).id
    opened = lane.call(intake.open_import, OWNER, project, wire.NewImport(name="rows"))
    for first in range(0, tasks, 5_000):
        rows = [{"text": f"A message of some words, with number {n}."} for n in range(first, first + 5_000)]
        body = b"\n".join(map(msgspec.json.encode, rows))
        for group in intake.groups(intake.read_lines(body, first + 1, {})):
            lane.call(intake.take, OWNER, opened.id, group)
    return str(project)


def _answers(file: Path, project: str, tasks: int = TASKS, each: int = EACH) -> None:
    with sqlite3.connect(file) as db:
        (names,) = db.execute("SELECT group_concat(name) FROM pragma_table_info('assignment')").fetchone()
        marks = ",".join(f":{name}" for name in names.split(","))
        opening = [name for _, name, *_ in db.execute("PRAGMA table_info(opening)")]
        told = ",".join(f":{name}" for name in opening)
        for rows in _pieces(project, tasks, each):
            db.executemany(f"INSERT INTO assignment ({names}) VALUES ({marks})", rows)
            db.executemany(
                f"INSERT INTO opening ({','.join(opening)}) VALUES ({told})",
                [{name: row.get(name) for name in opening} for row in rows],
            )
            db.executemany(  # one stream with a place for each: what is read names them
                "INSERT INTO event (seq, stream, n, entry) VALUES (:seq, :person, :seq, '')", rows
            )
        db.execute("UPDATE project SET annotations = ? WHERE id = ?", (tasks * each, project))


def _pieces(project: str, tasks: int, each: int) -> Iterator[list[dict[str, object]]]:
    """Rows of assignments and openings, 10,000 tasks at a time; annotators are right four times in five."""
    dice, seq = np.random.default_rng(0), 1 << 40
    bodies = [
        msgspec.msgpack.encode([[msgspec.json.encode({"what": choice})], [], None, []]) for choice in CHOICES
    ]
    for first in range(1, tasks + 1, 10_000):
        rows: list[dict[str, object]] = []
        for n in range(first, first + 10_000):
            people = dice.choice(PEOPLE, each, replace=False)
            right = dice.random(each) < 0.8
            given = np.where(right, n % CLASSES, dice.integers(0, CLASSES, each))
            for person, label in zip(people.tolist(), given.tolist(), strict=True):
                seq += 1
                rows.append(
                    {
                        "organization": "org-a",
                        "project": project,
                        "task": n,
                        "id": f"asg-{seq}",
                        "round": 1,
                        "person": f"ann-{person}",
                        "member": f"mem-{person}",
                        "version": 1,
                        "pool": "pool",
                        "window_n": 0,
                        "state": "submitted",
                        "opened_ms": seq,
                        "expires_ms": seq,
                        "closed_ms": seq,
                        "seq": seq,
                        "revision": 1,
                        "ms": 4_000,
                        "settled": 1,
                        "body": bodies[label],
                        "owner": "org-a",
                    }
                )
        yield rows
