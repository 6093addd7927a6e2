"""An article as the makers of questions see it: words, sentences, spans that could be answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from retrieval.question import AnswerKind
from retrieval.reading.train.cloze.lexicon import CUTS
from retrieval.reading.words import COMMA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Taken(NamedTuple):
    """A span of an article, [first, end), and what kind of answer it is."""

    first: int
    end: int
    kind: AnswerKind


class Article(NamedTuple):
    """One article: its words, and where its sentences lie."""

    words: list[str]
    kinds: NDArray[np.int32]
    shapes: NDArray[np.uint8]
    opens: NDArray[np.uint8]
    sentences: list[tuple[int, int]]
    title: list[str]


def span_places(article: Article, span: Taken, sentence: int) -> Iterator[int]:
    """Yield where the words of `span` stand in a sentence."""
    wanted = article.words[span.first : span.end]
    begin, end = article.sentences[sentence]
    for place in range(begin, end - len(wanted) + 1):
        if article.words[place : place + len(wanted)] == wanted:
            yield place


def occurrences(words: list[str], answer: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return where the words of `answer` stand, as first and last place."""
    size = len(answer)
    return [
        (n, n + size - 1)
        for n in range(len(words) - size + 1)
        if words[n] == answer[0] and tuple(words[n : n + size]) == answer
    ]


def window(
    article: Article, told: int, keep_out: int | None, *, drop: int | None, order: random.Random
) -> list[tuple[int, int]]:
    """Return sentences around `told`, 50 to 170 tokens, without `keep_out` and `drop`."""
    target = order.randint(50, 170)
    first = last = told
    size = 0
    kept: list[int] = []
    if told != drop:
        kept.append(told)
        size += article.sentences[told][1] - article.sentences[told][0]
    while size < target:
        sides = [s for s in (first - 1, last + 1) if 0 <= s < len(article.sentences)]
        if not sides:
            break
        chosen = order.choice(sides)
        first, last = min(first, chosen), max(last, chosen)
        if chosen != keep_out and chosen != drop:
            kept.append(chosen)
            size += article.sentences[chosen][1] - article.sentences[chosen][0]
    return [article.sentences[n] for n in sorted(kept)]


def clause(article: Article, begin: int, end: int, taken: Taken) -> tuple[int, int]:
    """Narrow a sentence to the clause around the answer, where enough words remain."""
    cuts = [
        p
        for p in range(begin, end)
        if article.shapes[p] == COMMA or article.words[p] in CUTS or article.words[p] in "()-"
    ]
    first = max((p + 1 for p in cuts if p < taken.first), default=begin)
    last = min((p for p in cuts if p >= taken.end), default=end)
    if (last - first) - (taken.end - taken.first) >= 5:
        return first, last
    if last - begin - (taken.end - taken.first) >= 5:
        return begin, last
    return begin, end


_WEIGHTS = {AnswerKind.OTHER: 0.5, AnswerKind.NAME: 1.3, AnswerKind.PLACE: 1.0}


def pick(spans: list[Taken], order: random.Random) -> Taken:
    """Draw one span; names and numbers are likelier than common words."""
    return order.choices(spans, [_WEIGHTS.get(span.kind, 1.2) for span in spans])[0]
