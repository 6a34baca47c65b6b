"""`make attacks`: plays every cheat and many honest weeks, and prints the table."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from attacks.cheats import CHEATS, HONEST
from attacks.files import ON_FILES
from attacks.look import look
from evenhand.audit.findings import ALARM, BLIND_SPOTS, CONTROLS, GAP, PROVEN
from evenhand.audit.run import Audit


@dataclass
class Line:
    """One kind of history, played many times."""

    control: str
    title: str
    expected: bool
    runs: int = 0
    found: int = 0
    proven: int = 0
    alarms: int = 0
    gaps: int = 0
    seen: Counter[str] | None = None  # control -> runs in which it was found
    first: str = ""  # an example, with its index

    def take(self, told: tuple[bool, dict[str, int], list[str], str]) -> None:
        """The result of one run."""
        found, counts, controls, first = told
        self.runs += 1
        self.found += found
        self.proven += bool(counts.get(PROVEN))
        self.alarms += bool(counts.get(ALARM))
        self.gaps += bool(counts.get(GAP))
        self.seen = (self.seen or Counter()) + Counter(controls)
        self.first = self.first or first


Told = tuple[bool, dict[str, int], list[str], str]


def told(audit: Audit) -> Told:
    """What the table needs of one audit."""
    findings = audit.findings
    kept = sorted(findings.kept, key=lambda f: (f.index is None, f.index or 0))
    return not findings.ok, dict(findings.counts), sorted(findings.controls), str(kept[0]) if kept else ""


def play(job: tuple[str, int, int]) -> tuple[int, Told]:
    """One run, in whatever process: (which table, number in it, seed)."""
    table, number, seed = job
    if table == "files":
        with tempfile.TemporaryDirectory() as folder:
            return number, told(ON_FILES[number].run(seed, Path(folder) / "log"))
    kind = WORLDS[number]
    return number, told(look(kind(seed, kind.needs).play()))


WORLDS = (*HONEST, *CHEATS)


def measure(runs: int, honest: int, processes: int) -> list[Line]:
    """Play everything.

    Args:
        runs: of each cheat; a third of it for the long ones.
        honest: weeks in which nobody cheats, three quarters of them with everything that is allowed.
        processes: at once.
    """
    lines = [Line(kind.control, kind.title, kind.expected) for kind in WORLDS]
    files = [Line(one.control, one.title, one.expected) for one in ON_FILES]
    jobs: list[tuple[str, int, int]] = []
    for number, kind in enumerate(WORLDS):
        count = honest // len(HONEST) if not kind.control else max(1, runs // (3 if kind.needs > 100 else 1))
        jobs += [("worlds", number, seed) for seed in range(count)]
    jobs += [("files", number, seed) for number in range(len(ON_FILES)) for seed in range(max(1, runs // 5))]
    for (table, _, _), (number, result) in zip(jobs, _results(jobs, processes), strict=True):
        (files if table == "files" else lines)[number].take(result)
    return lines + files


def _results(jobs: list[tuple[str, int, int]], processes: int) -> Iterator[tuple[int, Told]]:
    if processes == 1:
        yield from map(play, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("forkserver")) as pool:
        yield from pool.map(play, jobs, chunksize=4)


def wrong(lines: Iterable[Line]) -> list[str]:
    """Detectable cheats that were missed, and false alarms beyond the budget of 1 in 100."""
    found = []
    for line in lines:
        if line.expected and line.found < line.runs:
            found.append(f"{line.control} {line.title}: {line.found} of {line.runs}")
        if not line.control and (line.proven or line.gaps or line.alarms > max(1, line.runs // 100)):
            found.append(f"{line.title}: {line.found} of {line.runs} honest histories accused; {line.first}")
    return found


def table(lines: Iterable[Line]) -> str:
    """Markdown."""
    rows = [
        "| control | what is played | runs | found | as | where first, in one run |",
        "|---|---|---|---|---|---|",
    ]
    for line in sorted(lines, key=lambda one: (int(one.control[3:] or 0), one.title)):
        kinds = [(line.proven, PROVEN), (line.alarms, ALARM), (line.gaps, GAP)]
        as_ = ", ".join(f"{name} ({n})" for n, name in kinds if n) or (
            "nothing" if line.expected else "not detectable"
        )
        as_ = "no false alarm" if not line.control and not line.found else as_
        first = line.first.partition(": ")[2][:110] if line.first else ""
        where = f"{line.first.partition(':')[0]}: {first}" if first else ""
        rows.append(
            f"| {line.control or '–'} | {line.title} | {line.runs} | {line.found} | {as_} | {where} |"
        )
    played = {line.control for line in lines}
    rest = [c for c in CONTROLS if c not in played]
    rows += ["", "Not played, because the log holds nothing about them:", ""]
    rows += [f"* {c} {CONTROLS[c]}: {BLIND_SPOTS.get(c, 'not part of this version.')}" for c in rest]
    return "\n".join(rows)


def main() -> int:
    """Print the table; 1 when something detectable was missed or an honest operator was accused."""
    options = argparse.ArgumentParser(prog="make attacks", description=__doc__)
    options.add_argument("--runs", type=int, default=30, help="of each cheat")
    options.add_argument("--honest", type=int, default=1000, help="weeks in which nobody cheats")
    options.add_argument("--processes", type=int, default=2)
    given = options.parse_args()
    lines = measure(given.runs, given.honest, given.processes)
    print(table(lines))
    for line in wrong(lines):
        print(f"WRONG: {line}")
    return int(bool(wrong(lines)))
