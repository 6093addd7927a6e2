"""Quotes and short answers: true to the source, or not given at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp import resources
from retrieval.index import Index
from retrieval.question import analyse, asks_again
from retrieval.quotes import LATER_SHARE, select_quotes, short_answer, verify_quote
from retrieval.reading.reader import load_reader
from retrieval.types import Quote

TEXT = """The Golden Gate Bridge is a suspension bridge in San Francisco.

It was opened on May 27, 1937.

Its chief engineer was Joseph Strauss. The main span is 1,280 metres long. It is painted orange
because the colour is visible in fog."""


@pytest.fixture
def bridge(index: Index) -> Index:
    index.add_text("b:1", "Golden Gate Bridge", TEXT, collection="t")
    for number in range(40):
        index.add_text(
            f"n:{number}", f"Village {number}", "A village with a church.", collection="t"
        )
    return index


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the Golden Gate Bridge opened?", "May 27, 1937"),
        ("Who was the chief engineer of the Golden Gate Bridge?", "Joseph Strauss"),
        ("How long is the main span of the Golden Gate Bridge?", "1,280 metres"),
        ("Where is the Golden Gate Bridge?", "San Francisco"),
        ("Why is the Golden Gate Bridge painted orange?", "the colour is visible in fog"),
    ],
)
def test_the_best_quote_holds_the_answer_and_the_span_is_found(
    bridge: Index, question: str, answer: str
) -> None:
    """The kind of question decides which sentence and which part of it."""
    best = select_quotes(bridge, question, bridge.search(question))[0]
    assert answer in best.text
    assert short_answer(question, best) == answer


@pytest.mark.parametrize(
    "question",
    [
        "asdf qwer zxcv",
        "What is the wifi password of the cafe?",
        "Who won the chess title?",
        "",
        "?!",
    ],
)
def test_a_question_the_sources_do_not_answer_gets_no_quote(bridge: Index, question: str) -> None:
    """Nonsense and other topics end in an empty list, not in the least bad sentence."""
    assert select_quotes(bridge, question, bridge.search(question)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=400), question=st.text(max_size=60))
def test_every_quote_stands_in_its_document(index: Index, text: str, question: str) -> None:
    """Whatever was stored and asked, a quote is an exact span with a score from 0 to 1."""
    index.add_text("x:1", "X", text, collection="t")
    for quote in select_quotes(index, question, index.search(question), threshold=0.0):
        document = index.document(quote.document_id)
        assert document.text[quote.start : quote.end] == quote.text
        assert 0.0 <= quote.score <= 1.0
        assert short_answer(question, quote) in quote.text


def test_a_tampered_quote_does_not_pass(bridge: Index) -> None:
    """Another word, another place or another document: verification says no."""
    question = "Who was the chief engineer of the Golden Gate Bridge?"
    quote: Quote = select_quotes(bridge, question, bridge.search(question))[0]
    document = bridge.document(quote.document_id)
    assert verify_quote(quote, document)
    assert not verify_quote(replace(quote, text=quote.text.replace("Joseph", "Josef")), document)
    assert not verify_quote(replace(quote, start=quote.start + 1, end=quote.end + 1), document)
    assert not verify_quote(replace(quote, document_id="other"), document)
    assert not verify_quote(replace(quote, text="", start=5, end=5), document)


def test_the_same_sentence_is_quoted_once(index: Index) -> None:
    """A sentence that stands in two documents is one quote."""
    for number in range(2):
        index.add_text(
            f"d:{number}", f"Doc {number}", "The axolotl lives in Lake Xochimilco.", collection="t"
        )
    found = select_quotes(index, "Where does the axolotl live?", index.search("axolotl"))
    assert len(found) == 1


def test_a_sentence_with_another_answer_in_it_is_another_quote(index: Index) -> None:
    """Sources that agree in all but the year disagree, which only both of them show."""
    for number, year in enumerate((1932, 1936)):
        text = f"The Pomber bridge was opened to traffic in {year}."
        index.add_text(f"d:{number}", f"Doc {number}", text, collection="t")
    question = "When was the Pomber bridge opened?"
    reader = load_reader(resources.reader_dir())
    found = select_quotes(index, question, index.search(question), reader=reader)
    assert sorted(quote.answer for quote in found) == ["1932", "1936"]


def test_a_question_about_the_asker_is_not_answered_from_a_public_page(index: Index) -> None:
    """An article on cars does not know my car; my own note does, and so does a help page."""
    question = "What colour is my car?"
    text = "The colour of the car is dark red."
    index.add_text("https://example.org/cars", "Car", text, collection="wiki")
    assert select_quotes(index, question, index.search(question), threshold=0.0) == []
    index.add_text("file:///home/me/car.txt", "Car", text, collection="files")
    [quote] = select_quotes(index, question, index.search(question), threshold=0.0)
    assert quote.uri == "file:///home/me/car.txt"
    help_text = "You see the colour of your car on the first page of its papers."
    index.add_text("https://example.org/help", "Car", help_text, collection="wiki")
    found = select_quotes(index, question, index.search(question), threshold=0.0)
    assert "https://example.org/help" in [quote.uri for quote in found]


def test_a_sentence_that_only_asks_the_question_is_no_answer(index: Index) -> None:
    """It shares every word with it; one that goes on behind the question mark may answer."""
    index.add_text(
        "h:1", "First steps", 'A good first question is "Where is the key kept?".', collection="t"
    )
    index.add_text(
        "h:2", "The house", "The key is kept below the third flower pot.", collection="t"
    )
    question = "Where is the key kept?"
    quotes = select_quotes(index, question, index.search(question), threshold=0.0)
    assert [quote.uri for quote in quotes] == ["h:2"]
    asked = analyse(question)
    assert not asks_again(asked, '"Where is the key kept?" – "In the shed, as ever."')
    assert not asks_again(asked, "The key is kept below the third flower pot.")
    assert asks_again(asked, "where is the KEY  kept?")


def test_further_quotes_are_clearly_supported(bridge: Index) -> None:
    """A second quote is not there to fill the space: it is well above the threshold."""
    question = "When was the Golden Gate Bridge opened?"
    first, *rest = select_quotes(bridge, question, bridge.search(question), threshold=0.0)
    everything = select_quotes(bridge, question, bridge.search(question), threshold=first.score)
    assert everything == [first]
    assert all(quote.score >= LATER_SHARE * first.score for quote in rest)


def test_a_document_removed_since_the_search_gives_no_quote(index: Index) -> None:
    """Another window may remove what was just found; that is no error."""
    key = index.add_text("d:1", "Quagga", "The quagga lived in Africa.", collection="t")
    hits = index.search("Where did the quagga live?")
    index.remove(key)
    assert hits
    assert select_quotes(index, "Where did the quagga live?", hits, threshold=0.0) == []
