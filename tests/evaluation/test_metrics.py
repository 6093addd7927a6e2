"""The measures, against values worked out by hand and the SQuAD script's own rules."""

from __future__ import annotations

import math

import pytest

from chatapp.evaluation.estimates import estimate, perplexity, ratio
from chatapp.evaluation.metrics import exact_match, f1, recall_at
from retrieval.squad import contains_answer, normalise


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("The  Cat's\tHat!", "cats hat"),
        ("a, an & the", ""),
        ("Theatre and Anatomy", "theatre and anatomy"),
        ("U.S.A.", "usa"),
        ("1,000", "1000"),
        ("naïve — “quoted”", "naïve — “quoted”"),
    ],
)
def test_normalisation_is_squads(text: str, same: str) -> None:
    """Case, ASCII punctuation, whole-word articles and runs of space do not count."""
    assert normalise(text) == same


@pytest.mark.parametrize(
    ("prediction", "answers", "em", "overlap"),
    [
        ("The Eiffel Tower.", ["eiffel tower"], 1.0, 1.0),
        # 2 of 4 predicted words are right, both gold words are found: 2·(1/2·1)/(1/2+1) = 2/3
        ("the great Eiffel Tower itself", ["Eiffel Tower"], 0.0, 2 / 3),
        # against "red red blue" one "red" only is shared: P 1/1, R 1/3 → 1/2
        ("red", ["red red blue"], 0.0, 0.5),
        # the best answer counts, not the first
        ("1969", ["July 1969", "1969"], 1.0, 1.0),
        ("Paris", ["London", "Rome"], 0.0, 0.0),
        ("", ["London"], 0.0, 0.0),
        # words that normalise to nothing: equal, but no word is shared
        ("the", ["a"], 1.0, 0.0),
    ],
)
def test_em_and_f1_by_hand(prediction: str, answers: list[str], em: float, overlap: float) -> None:
    """EM and F1 are what one gets on paper; the best of several answers counts."""
    assert exact_match(prediction, answers) == em
    assert math.isclose(f1(prediction, answers), overlap)


def test_no_answers_means_no_match() -> None:
    """With nothing to compare to, nothing is right."""
    assert (exact_match("x", []), f1("x", []), contains_answer("x", [])) == (0.0, 0.0, False)


@pytest.mark.parametrize(
    ("text", "answer", "found"),
    [
        ("He painted the Mona Lisa in Florence.", "Mona Lisa", True),
        ("He painted the Mona Lisa in Florence.", "the MONA Lisa!", True),
        ("He painted the Mona Lisa in Florence.", "Lisa Mona", False),
        ("A party of artisans", "art", False),
        ("It cost 1,000 dollars.", "1000", True),
        ("Anything", "the", False),
    ],
)
def test_an_answer_is_found_as_whole_words_only(text: str, answer: str, found: bool) -> None:
    """No "art" in "party"; an answer of articles alone stands nowhere."""
    assert contains_answer(text, [answer]) is found


def test_recall_looks_no_deeper_than_k() -> None:
    """An answer in the third passage counts at 3 and not at 2."""
    passages = ["one", "two", "the answer is here", "four"]
    assert [recall_at(k, passages, ["answer"]) for k in (2, 3, 20)] == [0.0, 1.0, 1.0]


def test_an_estimate_carries_its_standard_error() -> None:
    """For 1, 0, 0, 1: mean 1/2, sample variance 1/3, standard error sqrt(1/12)."""
    found = estimate([1.0, 0.0, 0.0, 1.0])
    assert found is not None
    assert (found.mean, found.n) == (0.5, 4)
    assert math.isclose(found.stderr, math.sqrt(1 / 12))
    assert estimate([]) is None
    single = estimate([1.0])
    assert single is not None
    assert single.stderr == 0.0


def test_a_ratio_takes_documents_as_draws() -> None:
    """6 bits over 4 bytes; residuals 1/2 and -1/2, so sqrt(1/2) · sqrt(2) / 4 = 1/4."""
    found = ratio([2.0, 4.0], [1.0, 3.0])
    assert found is not None
    assert (found.mean, found.n) == (1.5, 2)
    assert math.isclose(found.stderr, 0.25)
    assert ratio([], []) is None


def test_equal_ratios_have_no_error_however_different_the_documents() -> None:
    """A document ten times as long at the same rate adds no spread."""
    found = ratio([2.0, 20.0], [1.0, 10.0])
    assert found is not None
    assert (found.mean, found.stderr) == (2.0, 0.0)


def test_perplexity_by_hand() -> None:
    """Probabilities 1/2 and 1/8: the geometric mean is 1/4, and the error is 4 · ln 2."""
    found = perplexity([math.log(1 / 2), math.log(1 / 8)])
    assert found is not None
    assert math.isclose(found.mean, 4.0)
    assert math.isclose(found.stderr, 4 * math.log(2))
