"""Statements to judge: a sentence in other words, or made wrong, beside its surroundings."""

from __future__ import annotations

import random

import numpy as np

from retrieval.reading.batch import MOST_QUESTION, encode_passage, encode_question
from retrieval.reading.kinds import STATEMENT
from retrieval.reading.train.cloze.article import Article, Taken, pick, window
from retrieval.reading.train.cloze.lexicon import AUXILIARIES
from retrieval.reading.train.cloze.table import WordTable
from retrieval.reading.train.cloze.wording import named, noised
from retrieval.reading.train.examples import Example
from retrieval.reading.words import LOWER


def state(
    table: WordTable,
    article: Article,
    number: int,
    spans: dict[int, list[Taken]],
    order: random.Random,
) -> Example | None:
    """Return a sentence in other words, or one made wrong, beside the text it came from."""
    begin, end = article.sentences[number]
    said = [(article.words[p], int(article.shapes[p])) for p in range(begin, end)]
    wrong = order.choice(["", "", "", "", "other", "other", "not", "gone"])
    if wrong == "other":
        changed = _exchanged(article, said, begin, spans, number, order)
        if changed is None:
            return None
        said = changed
    elif wrong == "not":
        at = next((n for n, (w, _) in enumerate(said) if w in AUXILIARIES), None)
        if at is None:
            return None
        if at + 1 < len(said) and said[at + 1][0] == "not":
            del said[at + 1]
        else:
            said.insert(at + 1, ("not", LOWER))
    said = named(said, article.title, order, opening=True)
    if order.random() < 0.7:
        said = [p for p in (noised(table, p, order, 0.5) for p in said) if p is not None]
    drop = number if wrong == "gone" else None
    around = window(article, number, None, drop=drop, order=order)
    picked = np.array([p for a, b in around for p in range(a, b)], dtype=np.int64)
    if not len(picked) or len(said) > MOST_QUESTION:
        return None
    body = table.tokens(article.kinds[picked], article.shapes[picked], article.opens[picked])
    passage, _ = encode_passage(table.plain(article.title), body)
    statement = table.pairs(said)
    return Example(
        encode_question(statement), passage, STATEMENT, (), False, support=float(not wrong)
    )


def _exchanged(
    article: Article,
    said: list[tuple[str, int]],
    begin: int,
    spans: dict[int, list[Taken]],
    number: int,
    order: random.Random,
) -> list[tuple[str, int]] | None:
    """Put another span of the same kind, from the same article, in the place of one."""
    mine = spans[number]
    if not mine:
        return None
    out = pick(mine, order)
    words = article.words[out.first : out.end]
    others = [
        span
        for found in spans.values()
        for span in found
        if span.kind is out.kind and article.words[span.first : span.end] != words
    ]
    if not others:
        return None
    put = order.choice(others)
    new = [(article.words[p], int(article.shapes[p])) for p in range(put.first, put.end)]
    return said[: out.first - begin] + new + said[out.end - begin :]
