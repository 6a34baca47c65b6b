"""How long an entry waits for the first checkpoint that holds it, seen from outside while people label."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from evenhand.audit.entries import read_entry
from evenhand.audit.sources import numbered, open_source

LOOK = 0.02  # seconds between two looks at the newest checkpoint
SETTLED = 2.0  # seconds after the last answer; what is not in a checkpoint by then would show as missing
BUNDLE = 256  # entries


@contextmanager
def watched(url: str) -> Iterator[list[tuple[int, int]]]:
    """(entries in the checkpoint, ms since 1970 when it was first seen), as they come within the block."""
    seen: list[tuple[int, int]] = [(0, 0)]
    over = threading.Event()

    def look() -> None:
        with httpx.Client(base_url=url) as http:
            while not over.wait(LOOK):
                size = int(http.get("/log/checkpoint").raise_for_status().text.split("\n")[1])
                if size > seen[-1][0]:
                    seen.append((size, time.time_ns() // 1_000_000))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
        time.sleep(SETTLED)
    finally:
        over.set()
        thread.join()


def lags(url: str, seen: list[tuple[int, int]]) -> list[int]:
    """Milliseconds from an entry's own time to the first checkpoint with it, ascending; of all entries that
    came while somebody looked."""
    first, last = seen[1][0], seen[-1][0]
    sizes = [size for size, _ in seen]
    return sorted(seen[bisect_right(sizes, index)][1] - at for index, at in _times(url, first, last))


def _times(url: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """(index, ms of its time) of each entry from `first` to before `last`."""
    source = open_source(f"{url}/log")
    for number in range(first // BUNDLE, -(-last // BUNDLE)):
        width = min(BUNDLE, last - number * BUNDLE)
        partial = "" if width == BUNDLE else f".p/{width}"
        bundle = source.read(f"tile/entries/{numbered(number)}{partial}") or source.read(
            f"tile/entries/{numbered(number)}"
        )
        assert bundle is not None, "the checkpoint holds it"
        at = 0
        for index in range(number * BUNDLE, number * BUNDLE + width):
            length = int.from_bytes(bundle[at : at + 2])
            if index >= first:
                yield index, read_entry(bundle[at + 2 : at + 2 + length]).at
            at += 2 + length
    source.close()
