"""Questions from raw text: a sentence loses a span, what is left is asked, its surroundings answer.

Three sources (Dhingra et al. 2018; Ram et al. 2021, recurring spans; Lewis et al. 2019, wh-words by
the kind of the span): the sentence itself; another sentence of the article that holds the same
span; and either one with the answer taken out of the passage, which makes it unanswerable.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from retrieval.question import AnswerKind
from retrieval.reading.batch import encode_passage, encode_question
from retrieval.reading.kinds import kind_number
from retrieval.reading.train.cloze.article import (
    Article,
    Taken,
    occurrences,
    pick,
    span_places,
    window,
)
from retrieval.reading.train.cloze.spans import find_spans, recurring
from retrieval.reading.train.cloze.stating import state
from retrieval.reading.train.cloze.table import WordTable
from retrieval.reading.train.cloze.wording import question
from retrieval.reading.train.examples import UNKNOWN, Example
from retrieval.reading.words import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.reading.train.corpus import Corpus


_STATED = 0.14  # share of statements, to be judged by what they rest on


class Maker:
    """Makes questions of a corpus; the same seed makes the same ones."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, table: NDArray[np.float32]) -> None:
        self._corpus = corpus
        self._table = WordTable(corpus, vocabulary, table)

    def examples(self, seed: int, per_article: int = 8) -> Iterator[Example]:
        """Yield examples without end, articles in random order."""
        order = random.Random(seed)
        articles = len(self._corpus.titles)
        while True:
            numbers = list(range(articles))
            order.shuffle(numbers)
            for number in numbers:
                made = self._of_article(self._article(number), order, per_article)
                yield from made

    def _article(self, number: int) -> Article:
        begin, end = self._corpus.bounds[number : number + 2]
        end = min(end, begin + 4_000)
        kinds = np.asarray(self._corpus.kinds[begin:end])
        opens = np.asarray(self._corpus.opens[begin:end])
        edges = [*np.flatnonzero(opens).tolist(), len(kinds)]
        words = [self._corpus.words[kind] for kind in kinds]
        title = self._corpus.titles[number].split("(")[0].split(",")[0].split()
        sentences = [(a, b) for a, b in pairwise(edges) if b > a]
        return Article(
            words, kinds, np.asarray(self._corpus.shapes[begin:end]), opens, sentences, title
        )

    def _of_article(self, article: Article, order: random.Random, most: int) -> list[Example]:
        usable = [n for n, (a, b) in enumerate(article.sentences[:90]) if 8 <= b - a <= 70]
        if not usable:
            return []
        spans_of = {n: find_spans(self._table, article, *article.sentences[n]) for n in usable}
        twice = recurring(self._table, article, usable, spans_of)
        made: list[Example] = []
        for _ in range(min(most, 1 + len(usable))):
            if order.random() < _STATED:
                example = state(self._table, article, order.choice(usable), spans_of, order)
            elif twice and order.random() < 0.35:
                span, places = order.choice(twice)
                asked, told = order.sample(places, 2)
                where = next((s for s in span_places(article, span, asked)), None)
                if where is None:
                    continue
                taken = Taken(where, where + span.end - span.first, span.kind)
                example = self._ask(article, asked, taken, told, order)
            else:
                asked = order.choice(usable)
                spans = spans_of[asked]
                if not spans:
                    continue
                example = self._ask(article, asked, pick(spans, order), asked, order)
            if example is not None:
                made.append(example)
        return made

    def _ask(
        self, article: Article, asked: int, taken: Taken, told: int, order: random.Random
    ) -> Example | None:
        """Return the example that asks for `taken` of one sentence around the sentence `told`."""
        asking = question(self._table, article, article.sentences[asked], taken, order)
        if asking is None:
            return None
        away = order.random() < 0.22
        keep_out = asked if asked != told else None
        around = window(article, told, keep_out, drop=told if away else None, order=order)
        answer = tuple(article.words[taken.first : taken.end])
        picked = np.array([p for a, b in around for p in range(a, b)], dtype=np.int64)
        if not len(picked):
            return None
        words = [article.words[p] for p in picked]
        spans = occurrences(words, answer)
        if not away and asked == told:
            exact = np.flatnonzero(picked == taken.first)
            spans = [(int(exact[0]), int(exact[0]) + len(answer) - 1)] if len(exact) else []
        if bool(spans) == away:
            return None
        if asked != told:
            stems = set(self._table.stems[article.kinds[picked]].tolist())
            mine = [s for s, r in zip(asking.stems, asking.rarity, strict=True) if r > 0.25]
            if sum(stem in stems for stem in mine) < 2:
                return None  # nothing leads from this question to this passage
        body = self._table.tokens(
            article.kinds[picked], article.shapes[picked], article.opens[picked]
        )
        title = self._table.plain(article.title if order.random() < 0.85 else [])
        passage, offset = encode_passage(title, body)
        inside = tuple((a + offset, b + offset) for a, b in spans if b + offset < len(passage.keys))
        if spans and not inside:
            return None
        asked_kind = taken.kind if order.random() < 0.9 else AnswerKind.OTHER
        relevance = 0.0 if away else 1.0
        return Example(
            encode_question(asking),
            passage,
            kind_number(asked_kind),
            inside,
            True,
            relevance,
            UNKNOWN,
        )
