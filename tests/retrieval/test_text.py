"""The gate for text from outside."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from retrieval.text import sanitize_text

_VISIBLE_FORMAT = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


@given(st.text())
def test_nothing_that_acts_or_hides_passes(text: str) -> None:
    """No control, bidi, zero-width, tag or surrogate character is left, whatever comes in."""
    for char in sanitize_text(text):
        category = unicodedata.category(char)
        assert category != "Cs"
        assert category != "Cc" or char in "\n\t"
        assert category != "Cf" or ord(char) in _VISIBLE_FORMAT


def test_every_format_character_of_unicode_is_judged() -> None:
    """The explicit ranges cover the whole of category Cf, tag characters included."""
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    kept = {ord(char) for char in sanitize_text(every) if unicodedata.category(char) == "Cf"}
    assert kept <= _VISIBLE_FORMAT


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """What is stored can be passed through the gate again without moving an offset."""
    once = sanitize_text(text)
    assert sanitize_text(once) == once
    once.encode("utf-8")


def test_terminal_escapes_lose_their_teeth_and_words_stay() -> None:
    """An escape sequence becomes harmless characters; accents, CJK and line ends survive."""
    assert sanitize_text("\x1b]52;c;cm0=\x07ok") == "]52;c;cm0=ok"
    assert sanitize_text("a\u202eb\u200bc\U000e0041d\ufeff") == "abcd"
    assert sanitize_text("Ångström 東京\r\nzwei\rdrei\ttab") == "Ångström 東京\nzwei\ndrei\ttab"
