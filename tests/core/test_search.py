"""Search: which words a record is found by, and which a search asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.search import LONGEST, MOST_TEXT, asked, holds, words_of

FOUND = [
    ("Grüße aus Köln", "koln GRÜSSE"),
    ("résumé", "resume"),
    ("snake_case, dotted.name", "case name"),
    ("東京都に住む", "京都"),
    ("東京都に住む", "む"),
    ("हिन्दी में", "हिन्दी"),
    ("ภาษาไทย", "ไทย"),
    ("한국어 문장", "한국"),
    ("😀 party 2026", "2026"),
    ('say "quoted" OR * NEAR(x)', '"quoted" *'),
]


@pytest.mark.parametrize(("text", "search"), FOUND)
def test_found(text: str, search: str):
    assert holds({"text": [text]}, asked(search))


@pytest.mark.parametrize(("text", "search"), [("spam", "pam"), ("東京都", "京東"), ("one two", "one three")])
def test_not_found(text: str, search: str):
    assert not holds({"text": text}, asked(search))


def test_keys_and_numbers_are_no_texts():
    assert words_of({"word": {"deep": ["A b", 7, None]}}) == ["a", "b"]


def test_signs_alone_ask_for_nothing():
    assert asked("*** \ud800 --") == []


def test_long_texts_and_words_count_to_a_limit():
    assert words_of("x" * 100) == ["x" * LONGEST]
    assert asked("x" * 100) == ["x" * LONGEST]
    assert words_of("\ufdfa" * MOST_TEXT) and "z" not in words_of("a " * MOST_TEXT + "z")


@given(st.text())
def test_words_are_of_letters_digits_and_marks_alone(text: str):
    """So nothing in them needs escaping for either database."""
    for word in [*words_of(text), *asked(text)]:
        assert word and not set(word) & set(" \t\n\r\0'\"\\:*&|!()<>-+^{}%") and word.encode()


@given(st.text(min_size=1))
def test_a_text_is_found_by_itself(text: str):
    assert holds({"text": text}, asked(text)) or len(text.split()) > 10
