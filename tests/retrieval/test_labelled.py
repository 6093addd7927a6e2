"""Labelled lines: what is asked of a thing stands below its label, under its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.index import Index
from retrieval.labelled import Label, asked_labels, is_about, value_of
from retrieval.quotes import LABELLED, select_quotes
from retrieval.rerank import search_reranked
from retrieval.terms import fold, words
from retrieval.types import Hit

ORN = """## Geography

Elevation: highest point: Mount Sarn (extinct) 2,110 m; lowest point: Lumo Sea 0 m

Climate: mild; damp winters

## People

Population distribution: half of the population of Orn lives in and around the capital

Population: total: 364,036 (2024 est.); male: 182,268

Languages: Ornish, Lumic

## Government

Constitution: history: several previous; latest ratified 1944

Executive branch: chief of state: President Ada Lind (since 2021); head of government: Bo Ek"""
CARD = "Anna\n\nPhone: 555 0123\nHome town: Halm\n"


def stem(text: str) -> list[str]:
    return [fold(word).removesuffix("s") for word in words(text)]


def label(name: str, subject: str) -> Label:
    return Label(frozenset(stem(name)), frozenset(stem(subject)))


class TestWhatIsAskedFor:
    @pytest.mark.parametrize(
        "question",
        [
            "What is the population of Orn?",
            "what's the population of the orn",
            "population of Orn",
            "Orn's population",
            "What is Orn’s population?",
            "How many people live in Orn?",
            "how many inhabitants are there in the Orn",
            "How many people does Orn have?",
        ],
    )
    def test_one_label_of_one_thing(self, question):
        assert label("population", "Orn") in asked_labels(question, stem)

    @pytest.mark.parametrize(
        ("question", "name"),
        [
            ("How much does the Orn cost?", "price"),
            ("how much does Orn weigh", "weight"),
            ("How heavy is the Orn?", "weight"),
            ("When is Orn's birthday?", "birthday"),
            ("Where is the entrance of Orn?", "entrance"),
        ],
    )
    def test_how_much_and_when_ask_for_labels_too(self, question, name):
        assert label(name, "Orn") in asked_labels(question, stem)

    def test_a_label_with_of_in_it_is_among_those_that_may_be_meant(self):
        asked = asked_labels("Who is the head of government of Orn?", stem)
        assert label("head of government", "Orn") in asked

    @pytest.mark.parametrize(
        "question", ["Who wrote Don Quixote?", "How many people live?", "", "of", "a of " * 5_000]
    )
    def test_other_questions_ask_for_none(self, question):
        assert asked_labels(question, stem) == []


class TestWhatALineSays:
    @pytest.mark.parametrize(
        ("name", "line", "value"),
        [
            ("population", "Population: total: 364,036 (2024 est.); male: 182,268", "364,036"),
            ("highest point", ORN, "Mount Sarn"),
            ("lowest point", ORN, "Lumo Sea 0 m"),
            ("head of government", ORN, "Bo Ek"),
            ("language", ORN, "Ornish, Lumic"),
            ("phone", CARD, "555 0123"),
            ("phone", "- Phone: 555 0123", "555 0123"),
            ("weight", "Weight : 3.2 kg.", "3.2 kg"),
        ],
    )
    def test_the_value_below_the_label_is_verbatim(self, name, line, value):
        assert value_of(label(name, "Orn"), line, stem) == value
        assert value in line

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("history", "Constitution: history: several previous"),  # of the constitution
            ("male", "Population: total: 364,036; male: 182,268"),
            ("population", "Population distribution: half of it lives in the capital"),
            ("population", "The population: it grows."),
            ("time", "It was 12:30 when time: stood still"),
            ("overview", "Overview: " + "long " * 40),
        ],
    )
    def test_no_other_line_is_taken_for_it(self, name, line):
        assert value_of(label(name, "Orn"), line, stem) == ""

    def test_a_title_names_the_subject_alone(self):
        asked = label("population", "Orn")
        assert is_about(asked, "Orn (Fact book)", stem)
        assert not is_about(asked, "History of Orn", stem)
        assert not is_about(asked, "", stem)


class Indifferent:
    """A reader that leaves every order as it is."""

    def rerank(self, question: str, hits: list[Hit]) -> list[Hit]:
        return list(hits)


@pytest.fixture
def atlas(index: Index) -> Index:
    index.add_text("a:orn", "Orn (Fact book)", ORN, collection="t")
    index.add_text("a:card", "Anna", CARD, collection="t")
    for n in range(40):
        text = f"The population of town {n} in Orn is what the people of Orn count every year."
        index.add_text(f"a:{n}", f"Town {n}", text, collection="t")
    return index


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many people live in Orn?", "364,036"),
        ("Who is the chief of state of Orn?", "President Ada Lind"),
        ("What is Anna's phone?", "555 0123"),
    ],
)
def test_the_line_is_read_and_quoted_first(atlas: Index, question: str, answer: str) -> None:
    """A search ranks forty sentences before it that repeat the words of the question."""
    hits = search_reranked(atlas, Indifferent(), question, 4, depth=30)
    quote = select_quotes(atlas, question, hits)[0]
    assert (quote.answer, quote.labelled) == (answer, True)
    assert quote.score >= LABELLED
    assert atlas.document(quote.document_id).text[quote.start : quote.end] == quote.text


def test_lines_of_a_markdown_note_are_quoted_one_by_one(index: Index, tmp_path: Path) -> None:
    """Rendered they run together; as written each says one thing."""
    note = tmp_path / "tent.md"
    note.write_text("# Trail tent\n\n**Weight:** 2.1 kg\n**Price:** 349 EUR\nSeason: all\n")
    index.add([note], collection="t")
    hits = search_reranked(index, Indifferent(), "How much does the trail tent cost?", 4)
    quote = select_quotes(index, "How much does the trail tent cost?", hits)[0]
    assert (quote.text, quote.answer) == ("Price: 349 EUR", "349 EUR")


def test_another_thing_s_line_does_not_answer(atlas: Index) -> None:
    hits = search_reranked(atlas, Indifferent(), "What is the population of Sarn?", 4, depth=30)
    assert not any(
        quote.labelled for quote in select_quotes(atlas, "What is the population of Sarn?", hits)
    )
