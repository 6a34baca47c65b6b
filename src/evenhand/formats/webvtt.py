"""WebVTT (www.w3.org/TR/webvtt1): a cue for each stretch, its label as the voice that speaks."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar
from xml.sax.saxutils import escape

from evenhand.core.label import TimeSpanElement
from evenhand.formats.timed import LATELY, Timed, clock, in_one_line


class WebVtt(Timed):
    """An archive with a subtitle file for each recording."""

    name: ClassVar[str] = "webvtt"
    title: ClassVar[str] = "WebVTT"
    suffix: ClassVar[str] = ".vtt"
    guide: ClassVar[str] = """\
## `webvtt.tar`

`NAME.vtt` for each recording: a cue for each stretch, `<v label>transcript`, times to the millisecond.
Recordings that were stored are in `sounds.tar`, under the same names.

    import webvtt
    captions = webvtt.read("NAME.vtt")
"""

    def text(self, name: str, spans: list[TimeSpanElement]) -> str:
        cues = [
            f"{clock(span.start, '.')} --> {clock(span.end, '.')}\n"
            f"<v {_voice(span.label)}>{escape(in_one_line(span.text))}\n"
            for span in spans
        ]
        return "\n".join(["WEBVTT\n", *cues])


@lru_cache(LATELY)
def _voice(label: str) -> str:
    return escape(in_one_line(label))
