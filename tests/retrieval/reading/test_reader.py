"""The reader as the app uses it: spans of the text, the same every time, files that are checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.errors import ReaderDamaged
from retrieval.reading.reader import Reader, load_reader
from retrieval.types import Hit, Passage

QUESTION = "Who built the Old Bridge?"


def passage(text: str, title: str = "Old Bridge") -> Passage:
    return Passage("p", "d", "test:1", title, "", text, 0, len(text))


def test_every_span_is_a_stretch_of_the_passage(reader: Reader) -> None:
    """Offsets refer to the passage's own text, whatever title stands before it."""
    text = (
        "Anna Berg built it in 1889 — “alone”, they say.\n\nThe king of London paid £4.2 million."
    )
    [reading] = reader.read(QUESTION, [passage(text)])
    assert reading.spans
    for span in reading.spans:
        shown = text[span.start : span.end]
        assert shown
        assert shown == shown.strip()
    scores = [span.score for span in reading.spans]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= reading.relevance <= 1
    assert 0 <= reading.no_answer <= 1


@pytest.mark.parametrize("text", ["secret", "Anna Berg."])
def test_a_passage_of_a_word_is_read_beside_a_long_one(reader: Reader, text: str) -> None:
    """The padding of the short one is no place for an answer."""
    readings = reader.read(QUESTION, [passage(text), passage("Anna Berg built it in 1889. " * 9)])
    assert all(0 <= span.start < span.end <= len(text) for span in readings[0].spans)


def test_the_same_question_reads_the_same_twice_and_in_any_company(
    reader: Reader, directory: Path
) -> None:
    """Neither an earlier reading nor the other passages of a batch change a reading."""
    one, other = passage("Anna Berg built it in 1889."), passage("The river is in London. " * 30)
    together = reader.read(QUESTION, [one, other])
    [alone] = load_reader(directory).read(QUESTION, [one])
    assert together[0].spans[0][:2] == alone.spans[0][:2]
    assert together[0].relevance == pytest.approx(alone.relevance, abs=1e-5)
    assert reader.read(QUESTION, [one, other]) == together


def test_a_heading_that_repeats_the_title_tells_nothing_more(reader: Reader) -> None:
    """A page's first heading is its title as a rule; words told twice would match twice."""
    plain = passage("Anna Berg built it in 1889.")
    repeated, other = (replace(plain, heading=heading) for heading in ("Old bridge", "History"))
    readings = reader.read(QUESTION, [plain, repeated, other])
    assert readings[0].spans[0].score == pytest.approx(readings[1].spans[0].score, abs=1e-5)
    assert readings[0].spans[0].score != pytest.approx(readings[2].spans[0].score, abs=1e-5)


def test_a_long_page_is_read_to_its_end(reader: Reader) -> None:
    """A text far longer than the network reads at once may be answered from its last words."""
    text = "The river was in London. " * 200
    [reading] = reader.read(QUESTION, [passage(text)])
    assert all(0 <= span.start < span.end <= len(text) for span in reading.spans)
    windows = reader._windows(0, "title", text)
    assert windows[-1].tokens.ends[-1] == len(text.rstrip())


def test_an_empty_passage_answers_nothing(reader: Reader) -> None:
    """No text, no span, and certainty that there is no answer."""
    [reading] = reader.read(QUESTION, [passage("", title="")])
    assert reading.spans == ()
    assert reading.no_answer == 1.0
    assert reader.read(QUESTION, []) == []


def test_reranking_keeps_every_hit_and_scores_it(reader: Reader) -> None:
    """No hit is lost or made up; scores fall and lie between 0 and 1."""
    hits = [Hit(passage(f"Anna Berg built {n} bridges."), 9.0 - n) for n in range(5)]
    ranked = reader.rerank(QUESTION, hits)
    assert {hit.passage.text for hit in ranked} == {hit.passage.text for hit in hits}
    scores = [hit.score for hit in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_support_is_a_probability_and_needs_evidence(reader: Reader) -> None:
    """A statement beside no text is supported by nothing."""
    assert 0 < reader.supports("Anna Berg built it.", "Anna Berg built it in 1889.") < 1
    assert reader.supports("Anna Berg built it.", "") == 0.0


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors"])
def test_a_damaged_file_is_named_and_never_used(directory: Path, name: str) -> None:
    """A flipped byte or a missing file is an error that names the fix."""
    path = directory / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ReaderDamaged, match="damaged") as caught:
        load_reader(directory)
    assert "restore" in caught.value.hint
    path.unlink()
    with pytest.raises(ReaderDamaged):
        load_reader(directory)


def test_the_name_of_a_reader_follows_from_its_weights(reader: Reader, directory: Path) -> None:
    """A report says exactly which weights made its figures."""
    config = json.loads((directory / "config.json").read_text())
    assert reader.id == f"reader-{config['sha256']['model.safetensors'][:12]}"
