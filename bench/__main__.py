"""The tables of speed and memory.

``python -m bench`` runs all of them; name sections to run only those: ``python -m bench label import``.
PostgreSQL is the server that EVENHAND_BENCH_DATABASE_URL names, where databases may be made, or one out
of a wheel; ``--store sqlite`` leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx

from bench import peer
from bench.client import Connection, Times, Turn, bare, drive, label
from bench.crowd import SETS, crowds_in
from bench.exports import export_rows
from bench.lag import lags, watched
from bench.node import (
    KEY,
    Running,
    ceiling,
    fresh_database,
    import_on,
    node,
    project,
    records,
    until_searchable,
)
from bench.postgres import running_server
from evenhand import Client, __version__, wire

PEOPLE = 50
SERVERS: dict[str, str] = {}  # store -> server of what is measured, "" for SQLite; filled by `main`
PEERS: list[str] = []  # http://KEY@host:port of other systems; filled by `main`
CROWDS: list[Path] = []  # a folder of crowds with true labels instead of ours, or none; filled by `main`


def say(text: str) -> None:
    """One line of a table, at once."""
    print(text, flush=True)


def heading(title: str, *columns: str) -> None:
    say(f"\n## {title}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")


def stores() -> list[tuple[str, str]]:
    """(name, server) of what is measured."""
    return list(SERVERS.items())


@contextmanager
def servers(only: str | None) -> Iterator[None]:
    """Fill `SERVERS`, and run a server of our own where none is named."""
    if only != "postgres":
        SERVERS["SQLite"] = ""
    if only == "sqlite":
        yield
        return
    named = os.environ.get("EVENHAND_BENCH_DATABASE_URL")
    with nullcontext(named) if named else running_server() as url:
        SERVERS["PostgreSQL"] = url
        yield


# ---- labelling ---------------------------------------------------------------------------------


async def _people(running: Running, keys: list[str]) -> list[Connection]:
    return [await Connection("127.0.0.1", running.port, key).open() for key in keys]


def _annotators(client: Client, count: int = PEOPLE) -> list[str]:
    return [client.create_annotator(f"annotator {n}").api_key for n in range(count)]


async def _measure(running: Running, keys: list[str], turn: Turn, seconds: float) -> Times:
    connections = await _people(running, keys)
    times = await drive(connections, turn, seconds)
    for connection in connections:
        connection.close()
    return times


def one_round(server: str, seconds: float, tasks: int) -> tuple[float, Times, float, Counter[int]]:
    """(ceiling's rate, Evenhand's times, CPU ms a submission, tasks by answers beyond the overlap)."""
    with fresh_database(server) as url, ceiling(url) as running:
        top = asyncio.run(_measure(running, [""] * PEOPLE, bare, seconds)).rate
    with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
        made = project(client, tasks)
        keys = _annotators(client)
        before = running.cpu()
        times = asyncio.run(_measure(running, keys, label, seconds))
        cpu = (running.cpu() - before) / max(len(times.submit), 1) * 1000
        counts = client.project(made).counts
        beyond = Counter({0: counts.annotations - len(times.submit), 1: counts.surplus})
    return top, times, cpu, beyond


def label_section(rounds: int, seconds: float) -> None:
    """50 annotators looping next -> submit, against the ceiling, alternating."""
    heading("50 annotators: next → submit", "store", "submissions/s", "ceiling/s", "ratio", "next p50/p99 ms",
            "submit p50/p99 ms", "CPU ms", "lost", "surplus")  # fmt: skip
    for name, server in stores():
        runs = [one_round(server, seconds, 60_000) for _ in range(rounds)]
        ratio = statistics.median(times.rate / top for top, times, _, _ in runs)
        top, times, cpu, beyond = sorted(runs, key=lambda run: run[1].rate / run[0])[len(runs) // 2]
        cells = [name, f"{times.rate:,.0f}", f"{top:,.0f}", f"{ratio:.2f}"]
        cells += [
            f"{times.percentile(part, 0.5):.0f}/{times.percentile(part, 0.99):.0f}"
            for part in ("next", "submit")
        ]
        cells += [f"{cpu:.2f}", str(max(-beyond[0], 0)), str(beyond[1])]
        say(f"| {' | '.join(cells)} |")


def lag_section(rounds: int, seconds: float) -> None:
    """How long an entry waits for its checkpoint while 50 annotators label."""
    heading("lag of the log under load", "store", "entries", "p50 ms", "p99 ms", "longest ms")
    for name, server in stores():
        with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
            project(client, 60_000)
            keys = _annotators(client)
            with watched(running.url) as seen:
                asyncio.run(_measure(running, keys, label, seconds))
            found = lags(running.url, seen)
        cells = [str(found[int(len(found) * share)]) for share in (0.5, 0.99)]
        say(f"| {name} | {len(found):,} | {' | '.join(cells)} | {found[-1]} |")


def beside_section(rounds: int, seconds: float) -> None:
    """The same 50 annotators while somebody imports without end into another project."""
    heading("50 annotators, an import beside them", "store", "submissions/s alone", "with the import",
            "next p99 ms", "submit p99 ms", "imported/s", "lost", "surplus")  # fmt: skip
    for name, server in stores():
        with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
            made, other = project(client, 60_000), project(client, 0)
            keys = _annotators(client)
            alone = asyncio.run(_measure(running, keys, label, seconds))
            importer = multiprocessing.get_context("spawn").Process(
                target=import_on, args=(running.url, KEY, other), daemon=True
            )
            importer.start()
            while not client.project(other).counts.tasks:
                assert importer.is_alive(), "the import has failed"
                time.sleep(0.1)
            before = client.project(other).counts.tasks
            times = asyncio.run(_measure(running, keys, label, seconds))
            importer.terminate()
            importer.join()
            imported = (client.project(other).counts.tasks - before) / times.elapsed
            counts = [client.project(one).counts for one in (made, other)]
        lost = len(alone.submit) + len(times.submit) - sum(one.annotations for one in counts)
        cells = [name, f"{alone.rate:,.0f}", f"{times.rate:,.0f}", f"{times.percentile('next', 0.99):.0f}"]
        cells += [
            f"{times.percentile('submit', 0.99):.0f}",
            f"{imported:,.0f}",
            str(lost),
            str(sum(one.surplus for one in counts)),
        ]
        say(f"| {' | '.join(cells)} |")


def two_section(rounds: int, seconds: float) -> None:
    """Two server processes on PostgreSQL against one.

    On two cores the two servers, PostgreSQL and the load want more than there is: the servers' CPU a
    submission says what two of them would give with cores of their own.
    """
    server = SERVERS.get("PostgreSQL")
    if server is None:
        return
    heading("two processes on PostgreSQL", "submissions/s with one", "with two", "ratio",
            "CPU ms with one", "with two", "given twice")  # fmt: skip
    with fresh_database(server) as url:
        folder = Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
        with node(url, folder) as first, Client(first.url, KEY) as client:
            made = project(client, 60_000)
            keys = _annotators(client)
            before = first.cpu()
            alone = asyncio.run(_measure(first, keys, label, seconds))
            one, cpu = alone.rate, (first.cpu() - before) / len(alone.submit)
            with node(url, folder, "serve") as second:

                async def both() -> list[Times]:
                    halves = (
                        _measure(first, keys[::2], label, seconds),
                        _measure(second, keys[1::2], label, seconds),
                    )
                    return await asyncio.gather(*halves)

                before = first.cpu() + second.cpu()
                halves = asyncio.run(both())
                submitted = sum(len(times.submit) for times in halves)
                two, shared = sum(times.rate for times in halves), first.cpu() + second.cpu() - before
            counts = client.project(made).counts
            twice = counts.surplus + abs(counts.annotations - len(alone.submit) - submitted)
        shutil.rmtree(folder, ignore_errors=True)
    cells = [f"{one:,.0f}", f"{two:,.0f}", f"{two / one:.2f}", f"{1000 * cpu:.2f}"]
    cells += [f"{1000 * shared / submitted:.2f}", str(twice)]
    say(f"| {' | '.join(cells)} |")


def ours(name: str, server: str, seconds: float) -> peer.Seen:
    """Our own node as a peer is measured: overlap 1, answers read back out of an export."""
    count = 60_000  # what a peer gets would be gone in two seconds
    with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
        made = project(client, 0, overlap=1)
        start = time.perf_counter()
        client.import_tasks(made, records(count))
        imported = count / (time.perf_counter() - start)
        times = asyncio.run(_measure(running, _annotators(client), label, seconds))
        out = Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
        start = time.perf_counter()
        client.export(made, format="jsonl", out=str(out / "export"))
        took = time.perf_counter() - start
        rows = [json.loads(line) for path in out.glob("export/*.jsonl") for line in path.open()]
        shutil.rmtree(out)
    stored = [(row["task_id"], one["annotator"]) for row in rows for one in row["annotations"]]
    assert stored, "nothing was exported"
    lost = len(times.submit) - len(stored)
    acknowledged = stored + [("lost", "")] * max(lost, 0)
    return peer.Seen(f"Evenhand, {name}", times, acknowledged, stored, 0, imported, len(rows) / took)


def peer_section(rounds: int, seconds: float) -> None:
    """50 annotators at ours and at other systems, which are slow and get a minute."""
    if not PEERS:
        return
    heading("beside other systems", "system", "answers/s", "next p50/p99 ms", "submit p50/p99 ms",
            "failed requests", "over-assigned tasks", "lost", "twice", "import, tasks/s",
            "export, annotated tasks/s")  # fmt: skip
    for name, server in stores():
        _say_seen(ours(name, server, seconds))
    for url in PEERS:
        other = peer.found_at(url)
        _say_seen(peer.measure(other, PEOPLE, max(seconds, 60)))


def _say_seen(seen: peer.Seen) -> None:
    cells = [seen.name, f"{seen.times.rate:,.1f}"]
    for part in ("next", "submit"):
        cells.append(f"{seen.times.percentile(part, 0.5):,.0f}/{seen.times.percentile(part, 0.99):,.0f}")
    cells += [str(one) for one in (seen.failed, seen.over, seen.lost, seen.twice)]
    cells += [f"{rate:,.0f}" if rate else "not over HTTP" for rate in (seen.imported, seen.exported)]
    say(f"| {' | '.join(cells)} |")


def scale_section(rounds: int, seconds: float) -> None:
    """The next task with a million tasks against a thousand."""
    count = _many()
    heading("next task, alone", "store", "p50 ms at 1,000", f"p50 ms at {count:,}", "ratio")
    for name, server in stores():
        medians = []
        for tasks in (1_000, count):
            with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
                project(client, tasks)
                times = asyncio.run(_measure(running, _annotators(client, 1), label, 4))
                medians.append(times.percentile("next", 0.5))
        say(f"| {name} | {medians[0]:.2f} | {medians[1]:.2f} | {medians[1] / medians[0]:.2f} |")


# ---- bulk --------------------------------------------------------------------------------------


def _many() -> int:
    """How many tasks a large project has: EVENHAND_BENCH_TASKS, else a million."""
    return int(os.environ.get("EVENHAND_BENCH_TASKS", "1000000"))


def bulk_section(rounds: int, seconds: float) -> None:
    """A million texts in, listed, answered, and out again."""
    count = _many()
    heading(f"{count:,} tasks", "store", "what", "value", "server CPU µs each", "server memory growth MiB")
    for name, server in stores():
        with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
            made = project(client, 0, overlap=1)
            with _timed(name, "import, tasks/s", running, count):
                client.import_tasks(made, records(count))
            with _timed(name, "index of words, tasks/s", running, count):
                until_searchable(client, made)
            _lists(name, running.url, made, count)
            with _timed(name, "annotations from elsewhere/s", running, count):
                _answer_all(client, made, count)
            for format_ in ("jsonl", "parquet"):
                out = Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
                with _timed(name, f"export {format_}, tasks/s", running, count):
                    client.export(made, format=format_, out=str(out / "export"))
                shutil.rmtree(out)
            other = project(client, 0, overlap=1)
            with _timed(name, "import without external ids, tasks/s", running, count):
                client.import_tasks(other, ({"text": row["text"]} for row in records(count)))


@contextmanager
def _timed(store: str, what: str, running: Running, count: int) -> Iterator[None]:
    """One line of the table about what is done within; memory is the most that was seen meanwhile."""
    cpu, memory, start = running.cpu(), running.memory(), time.perf_counter()
    with running.peak() as most:
        yield
    rate = count / (time.perf_counter() - start)
    each, grown = (running.cpu() - cpu) / count * 1e6, (most[0] - memory) / 2**20
    say(f"| {store} | {what} | {rate:,.0f} | {each:.1f} | {grown:.0f} |")


def _answer_all(client: Client, made: str, count: int) -> None:
    """One annotation for each task, as a move from another tool brings them; two requests on their way."""

    def bring(first: int) -> None:
        batch = [
            wire.BroughtAnnotation(
                line=n + 1,
                external_id=str(n),
                annotator=f"bench {n % 50}",
                answers={"spam": "ham" if n % 3 else "spam"},
                seconds=2.5,
                submitted_at="2026-01-01T00:00:00Z",
            )
            for n in range(first, min(first + 1000, count))
        ]
        report = client.bring_annotations(made, batch)
        assert report.accepted == len(batch), report

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(bring, range(0, count, 1000)):
            pass


def _lists(name: str, url: str, made: str, count: int) -> None:
    signed = {"Authorization": f"Bearer {KEY}"}
    for what, query in [
        ("list", {}),
        ("list deep", {"after": str(count * 9 // 10)}),
        ("filter done", {"status": "done"}),
        ("filter open", {"status": "open"}),
        ("search, common words", {"search": "fox lazy"}),
        ("search, rare word", {"search": str(count // 2)}),
        ("search, no hit", {"search": "fox zebra"}),
        ("external id", {"external_id": "none"}),
    ]:
        times = []
        for _ in range(20):
            start = time.perf_counter()
            httpx.get(f"{url}/api/v1/projects/{made}/tasks", params=query, headers=signed).raise_for_status()
            times.append((time.perf_counter() - start) * 1000)
        say(f"| {name} | {what}, p95 ms | {sorted(times)[18]:.0f} | | |")


def start_section(rounds: int, seconds: float) -> None:
    """Start-up to the first answer, warm; memory at rest."""
    heading("start", "s to first answer", "idle memory MiB")
    folder = Path(tempfile.mkdtemp(prefix="evenhand-bench-"))
    times, memory = [], []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        with node(folder=folder) as running, Client(running.url, KEY) as client:
            client.projects()
            times.append(time.perf_counter() - start)
            time.sleep(2)
            memory.append(running.memory() / 2**20)
    shutil.rmtree(folder)
    say(f"| {statistics.median(times[1:]):.2f} | {statistics.median(memory[1:]):.0f} |")


def inference_section(rounds: int, seconds: float) -> None:
    """Truth inference on real crowds, and its speed, beside crowd-kit."""
    from bench import inference

    inference.tables(say, sets=crowds_in(CROWDS[0]) if CROWDS else SETS)


def numbers_section(rounds: int, seconds: float) -> None:
    """Numbers and comparisons, of simulated annotators and of one real set."""
    from bench import beyond_classes

    beyond_classes.tables(say)


def shapes_section(rounds: int, seconds: float) -> None:
    """Spans, shapes and texts of simulated annotators, counted alike and weighed."""
    from bench import shapes

    shapes.tables(say)


def adaptive_section(rounds: int, seconds: float) -> None:
    """Adaptive overlap replayed on real crowds."""
    from bench import adaptive

    sets = adaptive.suited(crowds_in(CROWDS[0])) if CROWDS else adaptive.SETS
    adaptive.bounds(say, sets=sets)
    adaptive.tables(say, sets=sets)


def quality_section(rounds: int, seconds: float) -> None:
    """The job of quality figures at a million answers, and consensus after a submit at a million tasks."""
    from bench import quality

    quality.table(say)
    quality.consensus(say)


def integrity_section(rounds: int, seconds: float) -> None:
    """False alarms and power of the tests of work."""
    from bench import integrity

    integrity.integrity_table(say)


def lean_section(rounds: int, seconds: float) -> None:
    """False alarms and power of the test of organizations."""
    from bench import integrity

    integrity.lean_table(say)


async def _single(
    running: Running, paths: list[str], key: str, body: dict[str, object], seconds: float
) -> int:
    """How many single tasks these connections make in this time, one after the other each."""
    connections = await _people(running, [KEY] * len(paths))
    made = [0] * len(paths)

    async def person(i: int) -> None:
        limit = time.perf_counter() + seconds
        while time.perf_counter() < limit:
            made[i] += 1
            text = f"a text of some words, {i} {made[i]}"  # each is another, or an import looks for its twins
            await connections[i].post(paths[i].format(line=made[i]), {**body, key: text})

    await asyncio.gather(*map(person, range(len(paths))))
    for connection in connections:
        connection.close()
    return sum(made)


def front_section(rounds: int, seconds: float) -> None:
    """One task a request: through Scale's API against our own route, alternating on one node."""
    heading(
        "single tasks, 20 clients", "store", "Scale's API/s", "own route/s", "ratio", "CPU ms", "own CPU ms"
    )
    asked = {"attachment_type": "text", "categories": ["ham", "spam"]}
    for name, server in stores():
        rows = []
        with fresh_database(server) as url, node(url) as running, Client(running.url, KEY) as client:
            home = f"{running.url}/api/v1/projects/{project(client, 0)}/imports"
            signed = {"Authorization": f"Bearer {KEY}"}
            for _ in range(rounds):
                ids = [httpx.post(home, json={"name": "b"}, headers=signed).json()["id"] for _ in range(20)]
                own = [f"/api/v1/imports/{id_}/rows?line={{line}}" for id_ in ids]
                row = []
                for paths, key, body in (
                    (["/v1/task/categorization"] * 20, "attachment", asked),
                    (own, "text", {}),
                ):
                    before = running.cpu()
                    made = asyncio.run(_single(running, paths, key, body, seconds))
                    row += [made / seconds, (running.cpu() - before) / made * 1000]
                rows.append(row)
        theirs, cpu, own_rate, own_cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(row[0] / row[2] for row in rows)
        say(f"| {name} | {theirs:,.0f} | {own_rate:,.0f} | {ratio:.2f} | {cpu:.2f} | {own_cpu:.2f} |")


def decision_section(rounds: int, seconds: float) -> None:
    """What one window of a shared pool costs the core, and with a store."""
    from bench import decision

    heading("Deciding for a thousand clients", "store", "window", "ms")
    for name, ms in decision.measure().items():
        say(f"| | {name} | {ms:.3f} |")
    for store, server in stores():
        with fresh_database(server) as database, tempfile.TemporaryDirectory() as folder:
            url = database or f"sqlite:///{folder}/decision.db"
            for name, ms in decision.measure_stored(url).items():
                say(f"| {store} | {name} | {ms:.3f} |")


def exports_section(rounds: int, seconds: float) -> None:
    """Formats for training, against the libraries that own them."""
    heading("exports", "format", "library", "tasks", "ours, s", "theirs, s", "ratio")
    for name, library, count, ours, theirs in export_rows(
        os.environ.get("EVENHAND_BENCH_FORMATS", "").split()
    ):
        say(f"| {name} | {library} | {count:,} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} |")


def audit_section(rounds: int, seconds: float) -> None:
    """A million entries: built, sequenced, proved, audited."""
    from bench import audit

    audit.tables(say, audit.entries_wanted())


SECTIONS = {
    "decision": decision_section,
    "front": front_section,
    "label": label_section,
    "lag": lag_section,
    "beside": beside_section,
    "two": two_section,
    "peer": peer_section,
    "scale": scale_section,
    "bulk": bulk_section,
    "start": start_section,
    "inference": inference_section,
    "numbers": numbers_section,
    "shapes": shapes_section,
    "adaptive": adaptive_section,
    "quality": quality_section,
    "integrity": integrity_section,
    "lean": lean_section,
    "exports": exports_section,
    "audit": audit_section,
}


def main() -> None:
    """Parse, say what machine this is, run."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("sections", nargs="*", default=list(SECTIONS), help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--store", choices=["sqlite", "postgres"], help="only this one")
    parser.add_argument(
        "--peer-url", action="append", default=[], help="http://KEY@host:port of another system"
    )
    parser.add_argument(
        "--crowds",
        type=Path,
        help="inference and adaptive: a folder of sets with labels.csv and gold.csv each",
    )
    given = parser.parse_args()
    CROWDS.extend([given.crowds] if given.crowds else [])
    PEERS.extend(given.peer_url)
    model = platform.processor() or platform.machine()
    python, system = platform.python_version(), platform.system()
    say(f"# Evenhand {__version__}: {os.cpu_count()} cores, {model}, Python {python}, {system}")
    say(f"`python -m bench {re.sub('//[^/@]+@', '//KEY@', ' '.join(sys.argv[1:]))}`")
    with servers(given.store):
        for name in given.sections:
            SECTIONS[name](given.rounds, given.seconds)


if __name__ == "__main__":
    main()
