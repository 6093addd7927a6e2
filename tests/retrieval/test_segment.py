"""Text without spaces between words, and emoji, are words to the full text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.segment import segmented, sought
from retrieval.terms import fold, words


@pytest.mark.parametrize(
    ("text", "looked_for"),
    [
        ("東京大学", ["東京", "京大", "大学"]),
        ("水", ["水"]),
        ("Python教程 3", ["Python", "教程", "3"]),
        ("ｶﾞｲﾄﾞ", ["ガイ", "イド"]),
        ("서울은 수도", ["서울", "울은", "수도"]),
        ("party 🎉 time", ["party", "emoji1f389", "time"]),
        ("plain words", ["plain", "words"]),
    ],
)
def test_what_is_looked_for_is_among_what_is_indexed(text: str, looked_for: list[str]) -> None:
    """Pairs of characters are words; so a part of a sentence is found in it."""
    assert words(text) == looked_for
    assert set(looked_for) <= set(segmented(f"x {text} 和").split())


@given(st.text(st.sampled_from("東京大ガ🎉ab é,.\u3099"), max_size=30))
def test_every_word_of_a_text_finds_it(text: str) -> None:
    """Whatever is mixed, what one looks for stands in what was indexed."""
    assert set(sought(text).split()) <= set(segmented(text).split())


def test_folding_keeps_letters_that_are_made_of_parts() -> None:
    """Diacritics go; the voiced kana and the syllables of Hangul are letters of their own."""
    assert [fold(word) for word in ("Café", "ガイド", "서울")] == ["cafe", "ガイド", "서울"]


def test_every_character_of_unicode_can_be_indexed_and_looked_for() -> None:
    """None raises, alone or between others, whatever its compatible form expands to."""
    for number in [*range(0xD800), *range(0xE000, 0x32400)]:
        text = f"a{chr(number)}b"
        assert segmented(text).startswith("a")
        assert sought(text).endswith("b")
