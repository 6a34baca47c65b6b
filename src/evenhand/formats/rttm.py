"""RTTM, for diarization (NIST, The 2009 Rich Transcription evaluation plan, appendix A): who speaks when."""

from __future__ import annotations

from typing import ClassVar

from evenhand.core.label import TimeSpanElement
from evenhand.formats.timed import Timed


class Rttm(Timed):
    """An archive with a file of turns for each recording. The label is the speaker."""

    name: ClassVar[str] = "rttm"
    title: ClassVar[str] = "RTTM (diarization)"
    suffix: ClassVar[str] = ".rttm"
    loses: ClassVar[str] = "Transcripts are left out; blanks in labels and names become underscores."
    guide: ClassVar[str] = """\
## `rttm.tar`

`NAME.rttm` for each recording: `SPEAKER name 1 start duration <NA> <NA> label <NA> <NA>`, seconds.
Recordings that were stored are in `sounds.tar`, under the same names.

    from pyannote.database.util import load_rttm
    annotation = load_rttm("NAME.rttm")
"""

    def text(self, name: str, spans: list[TimeSpanElement]) -> str:
        recording = "_".join(name.split())
        return "".join(
            f"SPEAKER {recording} 1 {span.start:.3f} {span.end - span.start:.3f} <NA> <NA> "
            f"{'_'.join(span.label.split()) or '_'} <NA> <NA>\n"
            for span in spans
        )
