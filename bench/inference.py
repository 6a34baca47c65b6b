"""Truth inference against crowd-kit on the same votes in the same run: `python -m bench inference`."""

from __future__ import annotations

import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from bench.crowd import SETS, Score, crowd, crowd_kit, macro, score, short, simulated
from evenhand import aggregate
from evenhand.core.inference import METHODS, infer
from evenhand.core.inference.robust import Brakes, robust

PEERS = ("MajorityVote", "DawidSkene", "OneCoinDawidSkene", "MACE", "GLAD", "MMSR")
CHOICES = {
    "rounds": (2, 3, 5),
    "own": (1.0, 2.0, 4.0),
    "sharpness": (1.0, 2.0, 3.0),
    "hedge": (75.0, 100.0, 135.0, 170.0, 215.0, 270.0),
}
SIZES = tuple(itertools.product((100_000, 1_000_000), (2, 10, 100)))
ITERATIONS = 10

T = TypeVar("T")


class Taken(NamedTuple):
    """How long a call took."""

    seconds: float
    cpu: float  # of all threads of the process, seconds


Say = Callable[[str], None]


def tables(say: Say, peers: bool = True, sets: Sequence[str] = SETS) -> None:
    """All tables, in Markdown; of other sets those that check the constants in use."""
    peers = peers and _has_peer(say)
    accuracy(say, peers, sets)
    if sets is not SETS:
        return
    left_out(say)
    if peers:
        speed(say)
    growth(say)


def accuracy(say: Say, peers: bool, sets: Sequence[str]) -> None:
    """Accuracy of every method on every set, and the four scores in the mean."""
    scored: dict[str, dict[str, Score]] = {
        method: {name: _own(method, name) for name in sets} for method in METHODS
    }
    for peer in PEERS if peers else ():
        try:
            scored[f"crowd-kit {peer}"] = {name: _peer(peer, name) for name in sets}
        except Exception as error:
            say(f"\ncrowd-kit {peer} fails here: {type(error).__name__}")
    say(f"\n## Accuracy\n\n| method | {' | '.join(map(short, sets))} |\n|{' --- |' * (len(sets) + 1)}")
    for method, found in scored.items():
        say(f"| {method} | {' | '.join(f'{found[name].accuracy:.3f}' for name in sets)} |")
    say("\n## Mean over the sets\n\n| method | accuracy | Brier | log-loss | ECE |\n|" + " --- |" * 5)
    for method, found in scored.items():
        say(f"| {method} | {_cells(macro(list(found.values())))} |")
    ours, theirs = scored["robust"], scored.get("crowd-kit DawidSkene", scored["dawid-skene"])
    _above(say, sets, ours, [theirs, scored.get("crowd-kit MajorityVote", scored["majority"])])
    _calibration(say, ours, theirs)


def _above(
    say: Say, sets: Sequence[str], ours: Mapping[str, Score], others: Sequence[Mapping[str, Score]]
) -> None:
    """How many points the default is above the better of Dawid-Skene and majority, set by set."""
    say(
        "\n## What the sets are, and accuracy of robust less the better of Dawid-Skene and majority, points\n"
    )
    say("| set | classes | tasks | annotators | votes a task | true labels | points |\n|" + " --- |" * 7)
    for name in sets:
        votes, known = crowd(name).table.votes, (crowd(name).gold >= 0).sum()
        sizes = f"{votes.classes} | {votes.tasks:,} | {votes.annotators:,} | {len(votes) / votes.tasks:.1f}"
        points = 100 * (ours[name].accuracy - max(other[name].accuracy for other in others))
        say(f"| {short(name)} | {sizes} | {known:,} | {points:+.1f} |")
    gain = macro(list(ours.values())).accuracy - macro(list(others[0].values())).accuracy
    say(f"\nIn the mean it is {100 * gain:+.2f} points above Dawid-Skene.")


def _calibration(say: Say, ours: Mapping[str, Score], theirs: Mapping[str, Score]) -> None:
    """Brier and log-loss of the default beside Dawid and Skene's, set by set."""
    say("\n## Calibration by set: robust / Dawid-Skene\n\n| set | Brier | log-loss | ECE |\n|" + " --- |" * 4)
    for name in ours:
        pairs = [
            (getattr(ours[name], key), getattr(theirs[name], key))
            for key in ("brier", "log_loss", "calibration")
        ]
        say(f"| {short(name)} | {' | '.join(f'{a:.3f} / {b:.3f}' for a, b in pairs)} |")


def left_out(say: Say) -> None:
    """The default where its constants are chosen on the nine other sets, by accuracy less Brier score."""
    scored = grid()
    say("\n## Constants chosen without the set that is scored\n")
    say(f"{len(scored)} combinations of {', '.join(CHOICES)}.\n")
    say("| set | chosen | accuracy | Brier | log-loss | ECE |")
    say("|" + " --- |" * 6)
    found = []
    for name in SETS:
        brakes = chosen(scored, [other for other in SETS if other != name])
        found.append(scored[brakes][name])
        said = ", ".join(f"{getattr(brakes, key):g}" for key in CHOICES)
        say(f"| {name} | {said} | {_cells(found[-1])} |")
    say(f"| mean | | {_cells(macro(found))} |")
    say(f"\nOn all ten sets the choice is {chosen(scored, SETS)}; in use is {Brakes()}.")


def grid() -> dict[Brakes, dict[str, Score]]:
    """Every combination of the constants, scored on every set."""
    scored = {}
    for values in itertools.product(*CHOICES.values()):
        brakes = Brakes(**dict(zip(CHOICES, values, strict=True)))
        scored[brakes] = {name: _scored_with(brakes, name) for name in SETS}
    return scored


def chosen(scored: Mapping[Brakes, Mapping[str, Score]], sets: list[str] | tuple[str, ...]) -> Brakes:
    """The constants with the best mean of accuracy less Brier score on these sets."""

    def worth(brakes: Brakes) -> float:
        found = macro([scored[brakes][name] for name in sets])
        return found.accuracy - found.brier

    return max(scored, key=worth)


def speed(say: Say) -> None:
    """Dawid and Skene's method, ids of tasks, annotators and classes as whole numbers, coding included.

    CPU is that of all threads: under load it says more than seconds, and with NUMBA_NUM_THREADS=1 most.
    """
    say(f"\n## Speed: Dawid-Skene, {ITERATIONS} iterations\n")
    say("| labels | classes | crowd-kit s | evenhand s | ratio | ratio of CPU | robust s | same labels |")
    say("|" + " --- |" * 8)
    ratios = []
    _peer_labels(simulated(10, 3, 3, 2))  # what is loaded at the first call
    for labels, classes in SIZES:
        columns = simulated(labels // 10, 10, 1000, classes)
        _labels(columns), _labels(columns, "robust")
        theirs, slow = _timed(lambda columns=columns: _peer_labels(columns))
        ours, fast = _best(lambda columns=columns: _labels(columns))
        _, default = _best(lambda columns=columns: _labels(columns, "robust"))
        ratios.append([slow.seconds / fast.seconds, slow.cpu / fast.cpu])
        figures = f"{slow.seconds:.2f} | {fast.seconds:.4f} | {ratios[-1][0]:.0f} | {ratios[-1][1]:.0f}"
        same = (ours == theirs).mean()
        say(f"| {labels:,} | {classes} | {figures} | {default.seconds:.4f} | {same:.2%} |")
    for name, some in zip(("seconds", "CPU"), zip(*ratios, strict=True), strict=True):
        say(f"\nOf {name}: median ratio {statistics.median(some):.0f}, smallest {min(some):.0f}.")


def growth(say: Say) -> None:
    """Ten and a hundred million labels of two classes, each in a process of its own."""
    say("\n## Growth: two classes, ids are 32-bit numbers\n")
    say("| labels | method | s | CPU s | GiB, the labels themselves included |")
    say("|" + " --- |" * 5)
    for labels, method in itertools.product((10**7, 10**8), ("dawid-skene", "robust")):
        code = f"from bench.inference import grown; grown({labels}, {method!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        say(f"| {labels:,} | {method} | {done.stdout.strip()} |")


def grown(labels: int, method: str) -> None:
    """Print seconds and the most memory that the process had."""
    dice, tasks = np.random.default_rng(0), labels // 10
    task = np.repeat(np.arange(tasks, dtype=np.int32), 10)
    worker = dice.integers(0, 10_000, labels, dtype=np.int32)
    label = np.repeat(dice.integers(0, 2, tasks, dtype=np.int8), 10)
    label ^= dice.random(labels, dtype=np.float32) < 0.2
    limit = ITERATIONS if method == "dawid-skene" else None
    aggregate(task=task[:10], worker=worker[:10], label=label[:10], method=method)
    _, taken = _timed(
        lambda: aggregate(task=task, worker=worker, label=label, method=method, iterations=limit)
    )
    print(f"{taken.seconds:.1f} | {taken.cpu:.1f} | {_most_memory():.2f}")


def _most_memory() -> float:
    """GiB; getrusage would count what the parent had before it became this process."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 2**20


def _own(method: str, name: str) -> Score:
    found = crowd(name)
    return score(infer(found.table.votes, method).posterior, found.gold)


def _scored_with(brakes: Brakes, name: str) -> Score:
    found = crowd(name)
    return score(robust(found.table.votes, brakes=brakes).posterior, found.gold)


def _peer(peer: str, name: str) -> Score:
    found = crowd(name)
    return score(crowd_kit(peer, found.table), found.gold)


def _labels(columns: Mapping[str, np.ndarray], method: str = "dawid-skene") -> np.ndarray:
    given = {key: columns[key] for key in ("task", "worker", "label")}
    limit = ITERATIONS if method == "dawid-skene" else None
    return aggregate(**given, method=method, iterations=limit).labels


def _peer_labels(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    import pandas
    from crowdkit.aggregation import DawidSkene

    frame = pandas.DataFrame({key: columns[key] for key in ("task", "worker", "label")})
    return DawidSkene(n_iter=ITERATIONS, tol=-1.0).fit_predict(frame).sort_index().to_numpy()


def _best(call: Callable[[], T]) -> tuple[T, Taken]:
    """Of three runs the least of each time."""
    runs = [_timed(call) for _ in range(3)]
    taken = [one for _, one in runs]
    return runs[0][0], Taken(min(one.seconds for one in taken), min(one.cpu for one in taken))


def _timed(call: Callable[[], T]) -> tuple[T, Taken]:
    start, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, Taken(time.perf_counter() - start, time.process_time() - cpu)


def _cells(found: Score) -> str:
    return f"{found.accuracy:.4f} | {found.brier:.3f} | {found.log_loss:.3f} | {found.calibration:.3f}"


def _has_peer(say: Say) -> bool:
    try:
        import crowdkit.aggregation  # noqa: F401
    except ImportError:
        say("\ncrowd-kit is not here: python -m pip install -e '.[bench]' brings it.")
        return False
    say(f"\ncrowd-kit {version('crowd-kit')}, numpy {version('numpy')}, numba {version('numba')}")
    return True
