"""Passages: exact offsets, sensible sizes, whole sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.chunking import chunk
from retrieval.sentences import sentence_spans

_PIECES = st.sampled_from(
    [
        *["One short sentence. ", "word " * 40, "## Heading\n\n", "x" * 3000, "Dr. J. Doe ran! "],
        *["\n\n", "\t", "\n", " ", "- item\n", "é 東京 ", "# \n\n", "end?"],
    ]
)
_TEXTS = st.one_of(st.text(), st.lists(_PIECES, max_size=60).map("".join))


@given(_TEXTS)
def test_passages_are_ordered_spans_of_the_text(text: str) -> None:
    """Offsets are exact: in order, without overlap, inside the text, no white space at an edge."""
    last = 0
    for start, end, _ in chunk(text):
        assert last <= start < end <= len(text)
        piece = text[start:end]
        assert piece == piece.strip()
        last = end


@given(_TEXTS)
def test_no_word_is_lost(text: str) -> None:
    """Every word is in a passage or in the heading of one, so every word can be found."""
    passages = chunk(text)
    covered = "".join(text[start:end] for start, end, _ in passages)
    headings = "\n".join(heading for _, _, heading in passages)
    words = {word.strip("#") for word in text.split()}
    missing = [word for word in words if word not in covered and word not in headings]
    assert not missing


@given(_TEXTS)
def test_no_passage_is_huge(text: str) -> None:
    """Even text without spaces or sentences is cut to a size a person can read."""
    longest = max((end - start for start, end, _ in chunk(text)), default=0)
    assert longest <= 1_600


def test_lines_with_labels_are_told_apart_and_wrapped_lines_are_not() -> None:
    """Each line of a data sheet says one thing; a line that prose was wrapped into does not."""
    text = "Weight: 2 kg\nPacked size: 45 cm\nIt was said\nto Bob: well done.\nPort 8080: open"
    assert [text[start:end] for start, end in sentence_spans(text)] == [
        "Weight: 2 kg",
        "Packed size: 45 cm\nIt was said\nto Bob: well done.",
        "Port 8080: open",
    ]


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        ("# one\n\n# two", [("# one\n\n# two", "")]),
        ("Text.\n\n## Last", [("Text.\n\n## Last", "")]),
        ("# A\n\n## B\n\n# C\n\nText.", [("## B\n\n# C\n\nText.", "A")]),
        ("# A\n\n## B\n\nText.", [("Text.", "A › B")]),
    ],
)
def test_a_title_of_nothing_is_text(text: str, passages: list[tuple[str, str]]) -> None:
    """What stands in no heading path stands in a passage."""
    assert [(text[start:end], heading) for start, end, heading in chunk(text)] == passages


def test_passages_end_where_sentences_end_and_know_their_heading() -> None:
    """About a hundred words each; the heading path of the place is kept."""
    sentence = "The quick brown fox jumps over the lazy dog again and again. "
    text = f"Lead paragraph.\n\n## Setup\n\n{sentence * 20}\n\n### Linux\n\n{sentence * 8}"
    chunks = chunk(text)
    assert [piece.heading for piece in chunks][-1] == "Setup › Linux"
    assert all(text[piece.end - 1] == "." for piece in chunks)
    sizes = [len(text[piece.start : piece.end].split()) for piece in chunks]
    assert max(sizes) <= 140
    assert min(sizes[:-1]) >= 50


def test_abbreviations_and_initials_do_not_end_a_sentence() -> None:
    """A quote holds the whole sentence, titles and initials included."""
    text = (
        'Dr. J. R. Smith of Acme Inc. met Mrs. Jones. "Hello!" she said. They left at 5 p.m. sharp.'
    )
    assert [text[start:end] for start, end in sentence_spans(text)] == [
        "Dr. J. R. Smith of Acme Inc. met Mrs. Jones.",
        '"Hello!" she said.',
        "They left at 5 p.m. sharp.",
    ]


@pytest.mark.parametrize(
    "sentences",
    [
        ["北京是中国的首都。", "它有两千万人口！", "「是的。」", "他说。"],
        ["Он родился в 1828 году.", "Его учил А. С. Пушкин.", "Потом он умер."],
        ["Narodil se v Praze.", "Čapek psal."],
        ["Chợ bán rau, quả, v.v. ở giữa làng.", "Ế là một chữ."],
        ["وُلد في القاهرة.", "ثم سافر.", "هل عاد؟", "نعم."],
        ["यह भारत है।", "वह बड़ा है।"],
        ["Основана в 1147 г. Юрием.", "Потом росла."],
        ["Có phở, bún v.v. ở gần nhà.", "Ăn cơm."],
        ["本当！？", "そう。。。", "はい！"],
    ],
)
def test_sentences_of_other_scripts_end_as_well(sentences: list[str]) -> None:
    """With capitals and without; an initial ends none."""
    text = " ".join(sentences)
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@pytest.mark.parametrize("between", ["", " ", "\n", "\u3000"])
def test_full_width_stops_end_sentences_with_or_without_space(between: str) -> None:
    """One line a sentence, or Markdown's space for the end of a line, is as good as none."""
    sentences = ["北京是中国的首都。", "它有两千万人口！", "「是的。」", "他说。"]
    text = between.join(sentences)
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


def test_the_number_of_an_item_is_no_sentence() -> None:
    """It stays with its step, however the list is set; a number that answers is a sentence."""
    text = "To start:\n\n1. Open the lid. Wait.\n2. Close it.\n\n  3. Go. How far? 42. Good."
    assert [text[start:end] for start, end in sentence_spans(text)] == [
        "To start:", "1. Open the lid.", "Wait.", "2. Close it.", "3. Go.", "How far?", "42.",
        "Good.",
    ]  # fmt: skip
