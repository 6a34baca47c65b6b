"""Pages of a list: where one begins, as the `next` of the page before says, and where the next one does."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.core.errors import Invalid
from evenhand.service.view import is_number
from evenhand.store.driver import Row

NEWEST = 1 << 62  # ms, later than every time: where a list begins whose newest row comes first
OLDEST = -1  # ms, earlier than every time


def read_time(after: str | None, start: int) -> tuple[int, str]:
    """Time (ms) and id of the last row of the page before; `start` and "" for the first page.

    Raises:
        Invalid: this is no `next` of such a list.
    """
    if not after:
        return start, ""
    ms, _, id_ = after.partition(".")
    return _number(ms), id_


def next_time(rows: Sequence[Row], limit: int, time: str = "created_ms", id_: str = "id") -> str | None:
    """The `next` of a page in the order of these two columns; None when it is the last."""
    return f"{rows[-1][time]}.{rows[-1][id_]}" if len(rows) == limit else None


def read_number(after: str | None) -> int:
    """Number of the last row of the page before; 0 for the first page.

    Raises:
        Invalid: this is no `next` of such a list.
    """
    return _number(after) if after else 0


def _number(text: str) -> int:
    if not is_number(text):
        raise Invalid("page.after", "This is not the `next` of a page.", "after", "Pass it on as it came.")
    return int(text)
