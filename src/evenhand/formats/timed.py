"""What formats of stretches of a recording share: an archive with a file for each, and how times are told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from evenhand.core.label import TimeSpanElement
from evenhand.core.release import Loss, ReleasedQuestion, ReleasedTask, ReleaseSchema
from evenhand.formats import Beside, WriteOptions, Writer
from evenhand.formats.outward import Files, Outward, answers, data_of, field_of, medium, stem

LATELY = 4096  # texts that are remembered where they come again and again: seconds, labels


class Timed(Outward):
    """A format for stretches of time: one text a recording."""

    carries: ClassVar[frozenset[str]] = frozenset({"time-span"})
    single: ClassVar[bool] = True
    writes_with: ClassVar[frozenset[str]] = frozenset({"question", "media"})
    beside: ClassVar[Beside | None] = Beside("sounds.tar", "", "audio")
    suffix: ClassVar[str]  # of the files in the archive, ".vtt"
    loses: ClassVar[str] = ""  # what of an answer does not fit, as a sentence

    @abstractmethod
    def text(self, name: str, spans: list[TimeSpanElement]) -> str:
        """The file for the recording of this name."""

    def more_loss(self, schema: ReleaseSchema, options: WriteOptions) -> Iterator[Loss]:
        yield from super().more_loss(schema, options)
        for question in self.chosen(schema, options) if self.loses else ():
            yield Loss(part="consensus", where=question.id, reason=self.loses)

    def writer(
        self,
        schema: ReleaseSchema,
        questions: tuple[ReleasedQuestion, ...],
        folder: Path,
        options: WriteOptions,
    ) -> Writer:
        return _TimedWriter(folder / f"{self.name}.tar", self, questions)


class _TimedWriter(Files):
    def __init__(self, path: Path, kind: Timed, questions: tuple[ReleasedQuestion, ...]) -> None:
        super().__init__(path)
        self._kind, self._questions = kind, questions
        self._field = field_of(questions[0])

    def add(self, task: ReleasedTask) -> None:
        recording = medium(data_of(task.data), self._field)
        for elements in answers(task, self._questions).values():
            if recording is not None:
                spans = [element for element in elements if isinstance(element, TimeSpanElement)]
                name = stem(recording)
                self.archive.put(f"{name}{self._kind.suffix}", self._kind.text(name, spans).encode())


def clock(seconds: float, mark: str) -> str:
    """Seconds as hh:mm:ss with milliseconds behind this mark."""
    ms = round(seconds * 1000)
    return f"{_whole(ms // 1000)}{mark}{ms % 1000:03}"


@lru_cache(LATELY)
def _whole(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds % 60:02}"


def in_one_line(text: str) -> str:
    """A text that cannot end a cue or a field before its time."""
    return " ".join(text.split())
