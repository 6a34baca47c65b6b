"""TextGrid of Praat (fon.hum.uva.nl/praat/manual/TextGrid_file_formats): a tier for each label."""

from __future__ import annotations

from typing import ClassVar

from evenhand.core.label import TimeSpanElement
from evenhand.formats.timed import Timed


class TextGrid(Timed):
    """An archive with a TextGrid for each recording."""

    name: ClassVar[str] = "textgrid"
    title: ClassVar[str] = "Praat TextGrid"
    suffix: ClassVar[str] = ".TextGrid"
    guide: ClassVar[str] = """\
## `textgrid.tar`

`NAME.TextGrid` for each recording: an interval tier for each label, its transcript as text, or the label
where there is none. Stretches of one label that overlap get a tier of their own (`label 2`). The grid ends
with the last stretch.
Recordings that were stored are in `sounds.tar`, under the same names.

    import textgrid
    grid = textgrid.TextGrid.fromFile("NAME.TextGrid")
"""

    def text(self, name: str, spans: list[TimeSpanElement]) -> str:
        end = max((span.end for span in spans), default=0.001)
        tiers = _tiers(spans)
        head = [
            'File type = "ooTextFile"',
            'Object class = "TextGrid"',
            "",
            "xmin = 0",
            f"xmax = {_seconds(end)}",
            "tiers? <exists>",
            f"size = {len(tiers)}",
            "item []:",
        ]
        lines = [line for i, (tier, own) in enumerate(tiers, 1) for line in _tier(i, tier, own, end)]
        return "\n".join([*head, *lines]) + "\n"


def _tiers(spans: list[TimeSpanElement]) -> list[tuple[str, list[TimeSpanElement]]]:
    """(name, stretches that do not overlap), by label."""
    tiers: dict[str, list[list[TimeSpanElement]]] = {}
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        rows = tiers.setdefault(span.label, [])
        free = next((row for row in rows if row[-1].end <= span.start), None)
        if free is None:
            rows.append([span])
        else:
            free.append(span)
    return [
        (label if i == 1 else f"{label} {i}", row)
        for label, rows in tiers.items()
        for i, row in enumerate(rows, 1)
    ]


def _tier(number: int, name: str, spans: list[TimeSpanElement], end: float) -> list[str]:
    """A tier is without gaps: what no stretch covers is an interval without text."""
    intervals: list[tuple[float, float, str]] = []
    at = 0.0
    for span in spans:
        intervals += [(at, span.start, "")] if span.start > at else []
        intervals.append((span.start, span.end, span.text or span.label))
        at = span.end
    intervals += [(at, end, "")] if at < end else []
    lines = [
        f"    item [{number}]:",
        '        class = "IntervalTier"',
        f"        name = {_quoted(name)}",
        "        xmin = 0",
        f"        xmax = {_seconds(end)}",
        f"        intervals: size = {len(intervals)}",
    ]
    for i, (start, stop, text) in enumerate(intervals, 1):
        lines += [
            f"        intervals [{i}]:",
            f"            xmin = {_seconds(start)}",
            f"            xmax = {_seconds(stop)}",
            f"            text = {_quoted(text)}",
        ]
    return lines


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace('"', '""') + '"'


def _seconds(value: float) -> str:
    """To the millisecond, without an exponent."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
