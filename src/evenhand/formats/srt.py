"""SubRip subtitles (matroska.org/technical/subtitles): numbered cues, `[label] transcript`."""

from __future__ import annotations

from typing import ClassVar

from evenhand.core.label import TimeSpanElement
from evenhand.formats.timed import Timed, clock, in_one_line


class Srt(Timed):
    """An archive with a subtitle file for each recording."""

    name: ClassVar[str] = "srt"
    title: ClassVar[str] = "SRT subtitles"
    suffix: ClassVar[str] = ".srt"
    guide: ClassVar[str] = """\
## `srt.tar`

`NAME.srt` for each recording: a numbered cue for each stretch, `[label] transcript`, to the millisecond.
Recordings that were stored are in `sounds.tar`, under the same names.

    import srt
    cues = list(srt.parse(open("NAME.srt", encoding="utf-8").read()))
"""

    def text(self, name: str, spans: list[TimeSpanElement]) -> str:
        return "\n".join(
            f"{number}\n{clock(span.start, ',')} --> {clock(span.end, ',')}\n"
            f"{in_one_line(f'[{span.label}] {span.text}')}\n"
            for number, span in enumerate(spans, 1)
        )
