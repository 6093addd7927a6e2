"""From hits to quotes: the best sentences, verified to stand in the stored text, with a score.

The thing to know: a quote is never text that was copied about. It is a span of the stored document,
checked against it before it leaves here; no supported sentence means no quote, and the caller says
so instead of answering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from retrieval import support
from retrieval.answers import short_answer
from retrieval.errors import NotInIndex
from retrieval.evidence import EvidenceSource
from retrieval.labelled import asked_labels, is_about, value_of
from retrieval.question import AnswerKind, analyse, asks_again, may_answer
from retrieval.reading import judging
from retrieval.reading.judging import Said, said, span_within, together
from retrieval.sentences import sentence_spans
from retrieval.support import Asked, Features, Place, measure
from retrieval.terms import content_words, fold, words
from retrieval.types import Document, Hit, Passage, Quote

if TYPE_CHECKING:
    from retrieval.reading.reader import Reader

__all__ = ["DEFAULT_THRESHOLD", "scored_quotes", "select_quotes", "short_answer", "verify_quote"]

# With it, of held-out questions on SQuAD's articles (n = 130) 78 % get a quote, and 19 % when every
# passage that answers is taken away; of judged everyday searches (n = 306), many of which nothing
# in the index answers, 54 % and 41 %. Questions on no indexed topic score far below.
DEFAULT_THRESHOLD = 0.35
MAX_QUOTE_CHARACTERS = 1_000
# About one in eleven of the further quotes above the threshold holds the answer when the first does
# not (held-out half again), so they have to be clearly supported: this much above the threshold,
# and at least this share of the first one's score.
LATER_MARGIN = 0.05
LATER_SHARE = 0.5
# A line "LABEL: value" below the very thing that is asked for answers; chosen, not fitted.
LABELLED = 0.9
_SAME = 0.8  # quotes that share this much of their words say the same thing


class Sentence(NamedTuple):
    """A sentence of a passage (offsets in its text) and what is known of it."""

    passage: Passage
    start: int
    end: int
    features: Features
    stems: frozenset[str]
    alone: bool  # no other passage was read
    heard: Said | None = None  # None where there is no reader
    answer: str = ""  # the reader's span in it, "" if it points at none
    chance: float = 0.0  # the reader's probability of exactly this span
    labelled: bool = False  # it has the label that is asked for; `answer` is what stands there

    def probability(self, kind: AnswerKind) -> float:
        """Return the estimated probability that it answers a question of `kind`, from 0 to 1."""
        least = LABELLED if self.labelled else 0.0
        if self.heard is None:
            return max(least, support.probability(self.features))
        return max(least, judging.probability(self.features, self.heard, kind, alone=self.alone))


class _Candidate(NamedTuple):
    quote: Quote
    stems: frozenset[str]


def select_quotes(
    index: EvidenceSource,
    question: str,
    hits: Sequence[Hit],
    *,
    max_quotes: int = 3,
    threshold: float = DEFAULT_THRESHOLD,
    reader: Reader | None = None,
) -> list[Quote]:
    """Return the best quotes for `question` among `hits`, best first; [] means not found.

    The first scores at least `threshold`, further ones clearly more than that and not much less
    than the first; each is verified against the stored document. Without `reader` rules judge.
    """
    asked = ask(index, question)
    if not asked.stems:
        return []
    candidates = [
        found for found in _candidates(index, asked, hits, reader) if found.quote.score >= threshold
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


def scored_quotes(
    index: EvidenceSource, question: str, hits: Sequence[Hit], *, reader: Reader | None = None
) -> list[Quote]:
    """Return every sentence of `hits` that may answer as a quote with its score, best first.

    Unlike `select_quotes`, none is left out for being weak or like another, and none is verified.
    """
    asked = ask(index, question)
    if not asked.stems:
        return []
    found = [candidate.quote for candidate in _candidates(index, asked, hits, reader)]
    return sorted(found, key=lambda quote: -quote.score)


def _worth_adding(candidate: _Candidate, first: _Candidate, threshold: float) -> bool:
    least = max(threshold + LATER_MARGIN, LATER_SHARE * first.quote.score)
    return candidate.quote.score >= least


def verify_quote(quote: Quote, document: Document) -> bool:
    """Whether the quote stands in the stored text exactly where it says."""
    if quote.document_id != document.id or not 0 <= quote.start < quote.end:
        return False
    return document.text[quote.start : quote.end] == quote.text


def _stands(index: EvidenceSource, quote: Quote) -> bool:
    try:
        return verify_quote(quote, index.document(quote.document_id))
    except NotInIndex:  # removed since it was searched
        return False


def ask(index: EvidenceSource, text: str) -> Asked:
    """Return the question `text` with what this index knows of its words."""
    question = analyse(text)
    stems = tuple(dict.fromkeys(index.stems(question.words)))
    return Asked(question, stems, index.rarity(stems), frozenset(index.stems(question.names)))


def scored_sentences(
    index: EvidenceSource, asked: Asked, hits: Sequence[Hit], reader: Reader | None = None
) -> Iterator[Sentence]:
    """Yield the sentences of the hits that may answer, with what rules and reader say of them."""
    told = [
        (rank, hit.passage)
        for rank, hit in enumerate(hits, 1)
        if may_answer(asked.question, hit.passage.uri, hit.passage.text)
    ]
    passages = [passage for _, passage in told]
    alone = len(passages) == 1
    read = together(reader.read(asked.question.text, passages), passages) if reader else None
    stem = partial(_stems, index)
    labels = asked_labels(asked.question.text, stem)
    for number, (rank, passage) in enumerate(told):
        title = frozenset(_stems(index, f"{passage.title} {passage.heading}"))
        inside = frozenset(_stems(index, passage.text))
        named = [
            one
            for one in labels
            if is_about(one, passage.title, stem) or is_about(one, passage.heading, stem)
        ]
        for start, end in sentence_spans(passage.text):
            sentence = passage.text[start:end]
            if sentence.startswith("#") or len(sentence) > MAX_QUOTE_CHARACTERS:
                continue
            if asks_again(asked.question, sentence):
                continue
            stems = _stems(index, sentence)
            place = Place(title, inside, rank, opens_document=passage.start + start == 0)
            features = measure(asked, sentence, stems, place)
            heard, answer, chance = None, "", 0.0
            if read is not None:
                if span := span_within(read.readings[number], start, end):
                    answer, chance = passage.text[span.start : span.end], span.chance
                heard = said(read, number, span, answer)
            value = next((found for one in named if (found := value_of(one, sentence, stem))), "")
            if value:
                answer, chance = value, LABELLED
            yield Sentence(
                *(passage, start, end, features, frozenset(stems), alone),
                *(heard, answer, chance, bool(value)),
            )


def _candidates(
    index: EvidenceSource, asked: Asked, hits: Sequence[Hit], reader: Reader | None
) -> Iterator[_Candidate]:
    """Yield the sentences of the hits as scored quotes."""
    for found in scored_sentences(index, asked, hits, reader):
        passage = found.passage
        score = found.probability(asked.question.kind)
        quote = Quote(
            text=passage.text[found.start : found.end],
            passage_id=passage.id,
            document_id=passage.document_id,
            uri=passage.uri,
            title=passage.title,
            start=passage.start + found.start,
            end=passage.start + found.end,
            score=score,
            answer=found.answer,
            certainty=judging.certainty(score, found.chance) if found.answer else 0.0,
            labelled=found.labelled,
        )
        yield _Candidate(quote, found.stems)


def _stems(index: EvidenceSource, text: str) -> list[str]:
    return index.stems(fold(word) for word in words(text))


def _same(one: _Candidate, other: _Candidate) -> bool:
    """Whether two quotes say the same: a sentence with another year in it does not."""
    answers = [set(content_words(each.quote.answer)) for each in (one, other)]
    if all(answers) and not answers[0] & answers[1]:
        return False
    shared = len(one.stems & other.stems)
    return shared >= _SAME * max(1, min(len(one.stems), len(other.stems)))
