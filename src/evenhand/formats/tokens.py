"""Text as tokens with the tags of spans. Shared by the formats that train taggers.

A token is a run of letters, digits and underscores, or one other character that is no blank. Where a
span begins or ends inside of one, the token is cut there, so that each span is a whole number of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evenhand.core.label import SpanElement

_TOKEN = re.compile(r"\w+|[^\w\s]")
_BREAK = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


class Token(NamedTuple):
    """A stretch of text with its tag."""

    start: int  # code points
    end: int  # excluded
    tag: str  # "O", "B-PER", ...


def apart(spans: Sequence[SpanElement]) -> list[SpanElement]:
    """Those spans that do not overlap an earlier one: by start, and of two that begin together the longer."""
    kept: list[SpanElement] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def tokens(text: str, spans: Sequence[SpanElement], scheme: str = "iob2") -> list[Token]:
    """The text's tokens with their tags.

    Args:
        text: offsets count its code points.
        spans: of labels.
        scheme: "iob2" (B, I) or "bioes" (also E for the last of several, S for a single one).
    """
    marked = apart(spans)
    cuts = {cut for span in marked for cut in (span.start, span.end)}
    stretches = [match.span() for match in _TOKEN.finditer(text)]
    if cuts - {edge for stretch in stretches for edge in stretch}:
        stretches = [piece for start, end in stretches for piece in _cut(start, end, cuts)]
    tags = ["O"] * len(stretches)
    at = 0
    for span in marked:
        while at < len(stretches) and stretches[at][1] <= span.start:
            at += 1
        first = at
        while at < len(stretches) and stretches[at][0] < span.end:
            tags[at] = f"{'B' if at == first else 'I'}-{span.label}"
            at += 1
        if scheme == "bioes" and at > first:
            tags[at - 1] = f"{'S' if at == first + 1 else 'E'}-{span.label}"
    return [Token(start, end, tag) for (start, end), tag in zip(stretches, tags, strict=True)]


def _cut(start: int, end: int, cuts: set[int]) -> Iterator[tuple[int, int]]:
    inside = [cut for cut in range(start + 1, end) if cut in cuts]
    yield from zip([start, *inside], [*inside, end], strict=True)


def sentences(text: str, found: list[Token]) -> Iterator[list[Token]]:
    """The tokens, line by line: a line break ends a sentence, unless a span goes across it."""
    if found and _BREAK.search(text) is None:
        yield found
        return
    line: list[Token] = []
    for token in found:
        within = token.tag[:2] in ("I-", "E-")
        if line and not within and _BREAK.search(text, line[-1].end, token.start):
            yield line
            line = []
        line.append(token)
    if line:
        yield line


def one_word(label: str) -> str:
    """A label as one word, since blanks separate columns."""
    return "_".join(label.split()) or "_"
