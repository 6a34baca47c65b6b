"""Search: by which words a record is found. Neither database splits texts itself, so both find the same."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any
from unicodedata import category, normalize

MOST_TEXT = 50_000  # characters of one record that it is found by; PostgreSQL takes 1 MB of words a row
LONGEST = 40  # characters of a word that count
MOST_ASKED = 10  # words of a search that count

_ASCII = re.compile(r"[a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
# Scripts that put no blank between words: Thai to Khmer, kana, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def words_of(value: Any) -> list[str]:
    """The words of all texts in a decoded record, each once, sorted; names of keys are no texts.

    Lower case, without accents. What is written without blanks is cut into pairs of characters, and its
    last character stands alone, so that any part of it can be asked for.
    """
    text = "\n".join(texts(value))
    return sorted({piece for word in _split(text) for piece in _pieces(word, alone=True)})


def asked(search: str) -> list[str]:
    """What a record must have for a search: for each of these, a word that begins with it."""
    words = [word for part in search.split()[:MOST_ASKED] for word in _split(part)]
    return list(dict.fromkeys(piece for word in words for piece in _pieces(word, alone=len(word) == 1)))


def holds(value: Any, search: list[str]) -> bool:
    """Whether a decoded record is found by what `asked` gave; the index answers the same."""
    words = words_of(value)
    return all(any(word.startswith(part) for word in words) for part in search)


def texts(value: Any) -> Iterator[str]:
    """Every text within a decoded JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def _split(text: str) -> list[str]:
    text = text[:MOST_TEXT]
    if text.isascii():
        return _ASCII.findall(text.lower())
    plain = _ACCENTS.sub("", normalize("NFKD", text.casefold()))[:MOST_TEXT]
    return _any_script().findall(plain)


@cache
def _any_script() -> re.Pattern[str]:
    """Letters, digits and the marks on them: without the marks, words of Indic scripts fall apart."""
    marks = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if category(c)[0] == "M")
    return re.compile(rf"(?:[^\W_]|[{marks}])+")


def _pieces(word: str, alone: bool) -> Iterator[str]:
    """
    Args:
        alone: the last character of a run without blanks also stands for itself.
    """
    if word.isascii():
        yield word[:LONGEST]
        return
    for run in _RUNS.findall(word):
        if not _IS_UNSPACED.match(run):
            yield run[:LONGEST]
            continue
        for i in range(len(run) - (0 if alone or len(run) == 1 else 1)):
            yield run[i : i + 2]
