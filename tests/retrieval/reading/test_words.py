"""Text as the reader sees it."""

from __future__ import annotations

import pytest

from retrieval.reading.train.labels import token_spans
from retrieval.reading.words import (
    MONEY,
    SHORT,
    TITLE,
    UPPER,
    YEAR,
    Vocabulary,
    shape_of,
)


def test_tokens_lead_back_to_the_text(vocabulary: Vocabulary) -> None:
    """Offsets cut out each token as it was written."""
    text = "King Ludwig's bridge — £4,000.50, “built” in 1889."
    tokens = vocabulary.encode(text)
    cut = [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)]
    assert cut[:4] == ["King", "Ludwig", "'", "s"]
    assert "4,000.50" in cut
    assert "".join(cut) == text.replace(" ", "")


def test_words_that_no_vocabulary_holds_still_match_themselves(vocabulary: Vocabulary) -> None:
    """Two sides that name the same unknown town share its key; inflections share the stem."""
    one, other = vocabulary.encode("Zwolle bridges"), vocabulary.encode("the bridge at ZWOLLE")
    assert one.keys[0] == other.keys[-1]
    assert one.stems[1] == other.stems[1]
    assert one.keys[1] != other.keys[1]


@pytest.mark.parametrize(
    ("surface", "shape"),
    [("1889", YEAR), ("12", SHORT), ("NATO", UPPER), ("A", TITLE), ("£", MONEY)],
)
def test_shapes_tell_kinds_of_answers_apart(surface: str, shape: int) -> None:
    """What could be a date looks unlike what could be a name."""
    assert shape_of(surface) == shape


def test_a_sentence_does_not_start_after_an_initial(vocabulary: Vocabulary) -> None:
    """ "J. Smith" is one name, and a paragraph break always starts a sentence."""
    text = "J. Smith met Dr. Jones. They talked.\n\nand left"
    tokens = vocabulary.encode(text)
    starts = [
        text[a:b] for a, b, o in zip(tokens.starts, tokens.ends, tokens.opens, strict=True) if o
    ]
    assert starts == ["J", "They", "and"]


def test_answers_are_found_as_whole_words(vocabulary: Vocabulary) -> None:
    """ "art" does not stand in "party", and every place counts."""
    text = "A party for art: art, 1889–1890."
    tokens = vocabulary.encode(text)
    spans = token_spans(text, tokens, ["art", "1890"])
    assert [text[tokens.starts[a] : tokens.ends[b]] for a, b in spans] == ["art", "art", "1890"]


def test_words_are_read_in_pieces(vocabulary: Vocabulary) -> None:
    """A known word is one piece, "1,0" three; a long word loses its end; "Ж" is unknown."""
    cut = [
        [vocabulary.pieces[piece] for piece in pieces if piece]
        for pieces in vocabulary.encode("Bridge orn 1,0 abcdefghij Ж").pieces
    ]
    assert cut[:3] == [["bridge"], ["o", "##r", "##n"], ["1", ",", "0"]]
    assert cut[3] == ["a", *(f"##{letter}" for letter in "bcdef")]
    assert cut[4] == ["[UNK]"]
