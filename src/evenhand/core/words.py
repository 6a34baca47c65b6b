"""Numbers in sentences, so that one of something is not said as several."""

from __future__ import annotations


def counted(count: int, one: str, more: str = "") -> str:
    """A number with its noun: ``counted(1, "task")`` is "1 task", ``counted(1200, "class", "classes")``
    "1,200 classes".

    Args:
        one: the noun for one.
        more: for any other number; "": with an s.
    """
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"
