"""From hits to quotes: the best sentences, verified to stand in the stored text, with a score.

The thing to know: a quote is never text that was copied about. It is a span of the stored document,
checked against it before it leaves here; no supported sentence means no quote, and the caller says
so instead of answering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from retrieval.answers import short_answer
from retrieval.errors import NotInIndex
from retrieval.index import Index
from retrieval.question import analyse, may_answer
from retrieval.sentences import sentence_spans
from retrieval.support import Asked, Features, Place, measure, probability
from retrieval.terms import fold, words
from retrieval.types import Document, Hit, Quote

__all__ = ["DEFAULT_THRESHOLD", "select_quotes", "short_answer", "verify_quote"]

# On the held-out half of the calibration set (`retrieval.calibrate`) this shows a quote for 75 % of
# the questions that have an answer and refuses 59 % of those whose answer was taken away, although
# passages on the same topic were left in. Questions on no indexed topic score far below.
DEFAULT_THRESHOLD = 0.15
MAX_QUOTE_CHARACTERS = 1_000
# About one in eleven of the further quotes above the threshold holds the answer when the first does
# not (held-out half again), so they have to be clearly supported: this much above the threshold,
# and at least this share of the first one's score.
LATER_MARGIN = 0.10
LATER_SHARE = 0.5
_SAME = 0.8  # quotes that share this much of their words say the same thing


class _Candidate(NamedTuple):
    quote: Quote
    stems: frozenset[str]


def select_quotes(
    index: Index,
    question: str,
    hits: Sequence[Hit],
    *,
    max_quotes: int = 3,
    threshold: float = DEFAULT_THRESHOLD,
) -> list[Quote]:
    """Return the best quotes for `question` among `hits`, best first; [] means not found.

    The first scores at least `threshold`, further ones clearly more than that and not much less
    than the first; each is verified against the stored document.
    """
    asked = ask(index, question)
    if not asked.stems:
        return []
    candidates = [
        candidate
        for rank, hit in enumerate(hits, 1)
        if may_answer(asked.question, hit.passage.uri, hit.passage.text)
        for candidate in _candidates(index, asked, hit, rank)
        if candidate.quote.score >= threshold
    ]
    candidates.sort(key=lambda candidate: -candidate.quote.score)
    chosen: list[_Candidate] = []
    for candidate in candidates:
        if len(chosen) >= max_quotes or (
            chosen and not _worth_adding(candidate, chosen[0], threshold)
        ):
            break
        if not any(_same(candidate, other) for other in chosen) and _stands(index, candidate.quote):
            chosen.append(candidate)
    return [candidate.quote for candidate in chosen]


def _worth_adding(candidate: _Candidate, first: _Candidate, threshold: float) -> bool:
    least = max(threshold + LATER_MARGIN, LATER_SHARE * first.quote.score)
    return candidate.quote.score >= least


def verify_quote(quote: Quote, document: Document) -> bool:
    """Whether the quote stands in the stored text exactly where it says."""
    if quote.document_id != document.id or not 0 <= quote.start < quote.end:
        return False
    return document.text[quote.start : quote.end] == quote.text


def _stands(index: Index, quote: Quote) -> bool:
    try:
        return verify_quote(quote, index.document(quote.document_id))
    except NotInIndex:  # removed since it was searched
        return False


def ask(index: Index, text: str) -> Asked:
    """Return the question `text` with what this index knows of its words."""
    question = analyse(text)
    stems = tuple(dict.fromkeys(index.stems(question.words)))
    return Asked(question, stems, index.rarity(stems), frozenset(index.stems(question.names)))


def scored_sentences(
    index: Index, asked: Asked, hit: Hit, rank: int
) -> Iterator[tuple[int, int, Features, frozenset[str]]]:
    """Yield (start, end, features, stems) of a hit's sentences; offsets are in the passage."""
    passage = hit.passage
    title = frozenset(_stems(index, f"{passage.title} {passage.heading}"))
    inside = frozenset(_stems(index, passage.text))
    for start, end in sentence_spans(passage.text):
        sentence = passage.text[start:end]
        if sentence.startswith("#") or len(sentence) > MAX_QUOTE_CHARACTERS:
            continue
        stems = _stems(index, sentence)
        place = Place(title, inside, rank, opens_document=passage.start + start == 0)
        yield start, end, measure(asked, sentence, stems, place), frozenset(stems)


def _candidates(index: Index, asked: Asked, hit: Hit, rank: int) -> Iterator[_Candidate]:
    """Yield the sentences of a hit as scored quotes."""
    passage = hit.passage
    for start, end, features, stems in scored_sentences(index, asked, hit, rank):
        quote = Quote(
            text=passage.text[start:end],
            passage_id=passage.id,
            document_id=passage.document_id,
            uri=passage.uri,
            title=passage.title,
            start=passage.start + start,
            end=passage.start + end,
            score=probability(features),
        )
        yield _Candidate(quote, stems)


def _stems(index: Index, text: str) -> list[str]:
    return index.stems(fold(word) for word in words(text))


def _same(one: _Candidate, other: _Candidate) -> bool:
    shared = len(one.stems & other.stems)
    return shared >= _SAME * max(1, min(len(one.stems), len(other.stems)))
