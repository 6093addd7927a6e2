"""Documents that repeat an earlier one are found, and those that only share a subject are not."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.training.dedupe import Deduplicator, signature, similarity
from chatapp.training.words import run_hashes, word_hashes

WORDS = [
    "".join(random.Random(i).choices(string.ascii_lowercase, k=random.Random(i).randint(2, 9)))
    for i in range(3000)
]


def text(seed: int, words: int = 400) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def changed(words: list[str], every: int) -> str:
    """The same text with one word in `every` replaced."""
    return " ".join("zebra" if i % every == 0 else word for i, word in enumerate(words))


def test_words_are_the_same_whatever_their_case_and_punctuation() -> None:
    plain = word_hashes("the cat sat déjà vu 3 times")
    assert len(plain) == 7
    assert (word_hashes("  The CAT, sat -- Déjà\nvu 3 times!\n") == plain).all()
    assert (word_hashes("the cat sut déjà vu 3 times") != plain).sum() == 1


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=30), st.integers(1, 8))
def test_a_run_has_the_hash_of_its_words_wherever_it_stands(words: list[str], length: int) -> None:
    """Word and run hashes agree with those of the run cut out and hashed alone."""
    runs = run_hashes(word_hashes(" ".join(words)), length)
    length = min(length, len(words))
    for start, found in enumerate(runs):
        alone = word_hashes("--".join(words[start : start + length]))
        assert run_hashes(alone, length)[0] == found


def test_runs_in_another_order_differ() -> None:
    assert run_hashes(word_hashes("a b"), 2)[0] != run_hashes(word_hashes("b a"), 2)[0]
    assert not len(run_hashes(word_hashes("...!"), 5))


@pytest.mark.parametrize("kept", [5, 20, 100])
def test_the_estimate_is_near_the_true_share_of_runs(kept: int) -> None:
    one, other = text(1), text(1)
    other = changed(other, kept).split()
    runs = [{tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (one, other)]
    true = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    found = similarity(
        signature(word_hashes(" ".join(one))), signature(word_hashes(" ".join(other)))
    )
    assert found == pytest.approx(true, abs=4 * (true * (1 - true) / 120) ** 0.5 + 0.01)


def test_copies_and_near_copies_are_told_from_new_texts() -> None:
    """A copy in other case and layout is exact; one word in a hundred changed is near."""
    seen = Deduplicator("near")
    words = text(1)
    assert seen.repeats("first", " ".join(words)) is None
    assert seen.repeats("other", " ".join(text(2))) is None
    assert seen.repeats("copy", "\n".join(words).upper() + "!") == "first"
    assert seen.repeats("near", changed(words, 100)) == "first"
    assert seen.repeats("far", changed(words, 4)) is None
    assert (seen.seen, seen.exact, seen.near) == (5, 1, 1)


def test_only_copies_count_when_near_ones_are_not_asked_for() -> None:
    seen = Deduplicator("exact")
    assert seen.repeats("first", " ".join(text(1))) is None
    assert seen.repeats("near", changed(text(1), 100)) is None
    assert seen.repeats("copy", " ".join(text(1))) == "first"


def test_short_and_empty_texts_repeat_only_themselves() -> None:
    seen = Deduplicator("near")
    told = [seen.repeats(name, name) for name in ("one two", "one three", "one two", "", "...")]
    assert told == [None, None, "one two", None, ""]


def test_near_copies_are_all_found_and_no_stranger_is_taken_for_one() -> None:
    """Of 200 texts and 200 copies with 1 % of words changed, every copy is found."""
    seen = Deduplicator("near")
    assert [seen.repeats(str(i), " ".join(text(i))) for i in range(200)] == [None] * 200
    found = [seen.repeats(f"copy {i}", changed(text(i), 100)) for i in range(200)]
    assert found == [str(i) for i in range(200)]
